//! The coordinator's state: a projection of the journal, rebuilt by applying its facts in order. It decides nothing.
//!
//! Applying the same entries gives the same state, so a coordinator that dies loses nothing that the journal has. Dates
//! are the journal's; they stand here beside findings and never in their bytes.

use crate::attempts::Attempts;
use crate::changeset;
use crate::fact::{self, Abstained, ChangesetFact, Fact, ListedRepository, Placed, ProbedResult, Refused, Remedied};
use crate::standing::Standing;
use ligase_domain::{
    Assessment, Changeset, ChangesetState, Digest, FailureReason, Finding, FindingId, IntentId, Oid, Outcome, RepoPath,
    RepositoryId, Retry, ServiceId, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What was last seen of a repository.
#[derive(Clone, Debug)]
pub struct RepositoryState {
    /// As the forge listed it last.
    pub listed: ListedRepository,
    /// The last revision that was looked at whole, with the probe set that looked.
    pub probed: Option<(Oid, Digest, ProbedResult)>,
    /// Why the last attempt to look ended without a result, with its revision.
    pub failed: Option<(Oid, FailureReason, String)>,
}

/// What is known of a service.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// What is held of the last assessment.
    pub standing: Arc<Standing>,
    /// The object that holds its statement.
    pub statement: Digest,
    /// Since when it stands without a declaration, if it does.
    pub undeclared_since: Option<Timestamp>,
}

/// A finding's dates. They are annotations: no finding's bytes have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// When it was first seen not satisfied.
    pub first_seen: Timestamp,
    /// The last probed revision without it (none when it was there from the first look) and the first with it.
    pub introduced: (Option<Oid>, Oid),
    /// Where and when it was seen closed.
    pub closed: Option<(Oid, Timestamp)>,
    /// How often it came back after it was closed.
    pub reopened: u32,
    /// Whether its last change came without a change of the code: the catalog, the policy or a waiver changed.
    pub rejudged: bool,
}

/// What became of the remedy task of an intent.
#[derive(Clone, Debug)]
pub struct RemedyState {
    /// The task's key.
    pub key: Digest,
    /// When it ended; the date of the commit that delivers it, so that a second attempt makes the same one.
    pub at: Timestamp,
    /// Against which revision it was tried.
    pub base: Oid,
    /// What no patch was made for.
    pub abstained: Vec<Abstained>,
    /// What the gates refused, the coordinator's own and the verification's among them.
    pub refused: Vec<Refused>,
    /// The patch that passed the runner's gate, its report, and what it closes.
    pub patch: Option<(Digest, Digest, Vec<FindingId>)>,
    /// What the verification said of that patch.
    pub verified: Option<Result<(), (String, String)>>,
    /// Why the task failed as a whole.
    pub failure: Option<(FailureReason, String)>,
}

/// A sweep's entry.
#[derive(Clone, Debug)]
pub struct SweepState {
    /// Its id.
    pub sweep: Digest,
    /// When it began.
    pub started: Timestamp,
    /// Whether it only looks and judges.
    pub plan_only: bool,
    /// The repositories that it was asked for; all when empty.
    pub named: Vec<String>,
    /// When it ended, and its counts.
    pub ended: Option<(Timestamp, BTreeMap<String, u64>)>,
}

/// What a person did through the API.
#[derive(Clone, Debug)]
pub struct ActState {
    /// When.
    pub at: Timestamp,
    /// Who, as a forge login.
    pub login: String,
    /// What: `merge`, `close`, `revert`, ….
    pub act: String,
    /// To what: a changeset's id, or a repository.
    pub subject: String,
    /// In the person's words.
    pub text: String,
    /// Whether a demonstration acted in a person's stead.
    pub simulated: bool,
}

/// The projection.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Repositories by id.
    pub repositories: BTreeMap<RepositoryId, RepositoryState>,
    /// Services by id.
    pub services: BTreeMap<ServiceId, ServiceState>,
    /// Findings that stand open, by service, with the file of each.
    pub open: BTreeMap<ServiceId, BTreeMap<FindingId, Option<RepoPath>>>,
    /// Findings that were ever not satisfied.
    pub histories: BTreeMap<FindingId, History>,
    /// Changesets by intent, oldest first; the last one is the current one.
    pub changesets: BTreeMap<IntentId, Vec<ChangesetFact>>,
    /// Intents of changesets that name a finding, and that are of a repository.
    naming: HashMap<FindingId, BTreeSet<IntentId>>,
    within: BTreeMap<RepositoryId, BTreeSet<IntentId>>,
    /// Remedy tasks by intent: the last one.
    pub remedies: BTreeMap<IntentId, RemedyState>,
    /// Intents that a person has resumed, and after how many changesets.
    pub resumed: BTreeMap<IntentId, usize>,
    /// Where the open findings of each repository stand.
    pub places: BTreeMap<RepositoryId, BTreeMap<FindingId, Placed>>,
    /// What people did through the API, in order.
    pub acts: Vec<ActState>,
    /// Sweeps in order.
    pub sweeps: Vec<SweepState>,
    /// Keys of tasks that have a terminal record.
    pub terminal: HashSet<Digest>,
    /// What the results of recorded tasks were, as one digest each: a second one that differs is told.
    pub results: HashMap<Digest, Digest>,
    /// Who tried what.
    pub attempts: Attempts,
    /// Periods of the schedule that passed without a sweep: the last one that was due, and how many.
    pub missed: Option<(Timestamp, u64)>,
}

/// What an assessment changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Not satisfied now and never before.
    pub new: Vec<FindingId>,
    /// Not satisfied before and not any more.
    pub closed: Vec<FindingId>,
    /// Closed before and not satisfied again.
    pub reopened: Vec<FindingId>,
}

impl State {
    /// Applies a fact that the journal has.
    pub fn apply(&mut self, at: Timestamp, fact: &Fact) {
        match fact {
            Fact::SweepStarted { sweep, repositories, plan_only, named, .. } => {
                for listed in repositories {
                    self.list(listed);
                }
                // A sweep that a new leader takes up again is the same sweep.
                if self.sweeps.last().is_none_or(|last| last.sweep != *sweep) {
                    let (sweep, plan_only, named) = (*sweep, *plan_only, named.clone());
                    self.sweeps.push(SweepState { sweep, started: at, plan_only, named, ended: None });
                }
            }
            Fact::Probed { key, repository, revision, probe_set, result } => {
                // What could not be looked at has no terminal record: the next sweep asks again, for a repository can be
                // mended without a commit.
                if let Ok(result) = result {
                    self.terminal.insert(*key);
                    self.results.entry(*key).or_insert_with(|| fingerprint(&[result.root, result.observations]));
                }
                let Some(state) = self.repositories.get_mut(repository) else { return };
                match result {
                    Ok(result) => {
                        state.probed = Some((*revision, *probe_set, result.clone()));
                        state.failed = None;
                    }
                    Err((reason, detail)) => state.failed = Some((*revision, *reason, detail.clone())),
                }
            }
            Fact::Remedied(remedied) => self.remedied(at, remedied),
            Fact::Verified { key, intent, patch, agreed } => self.verified(key, intent, patch, agreed),
            Fact::Changeset(fact) => self.changeset(fact),
            Fact::Resumed { intent, .. } => {
                let count = self.changesets.get(intent).map_or(0, Vec::len);
                self.resumed.insert(*intent, count);
                self.remedies.remove(intent);
            }
            Fact::Placed { repository, rows } => {
                self.places.insert(repository.clone(), rows.iter().map(|r| (r.finding, r.clone())).collect());
            }
            Fact::Acted { login, act, subject, text, simulated } => self.acts.push(ActState {
                at,
                login: login.clone(),
                act: act.clone(),
                subject: subject.clone(),
                text: text.clone(),
                simulated: *simulated,
            }),
            Fact::AttemptBegan(attempt) => self.attempts.began(at, attempt),
            Fact::AttemptEnded { attempt, cause } => self.attempts.ended(at, attempt, cause),
            Fact::Superseded { key, .. } => self.attempts.superseded(key),
            Fact::PeriodMissed { due } => {
                let count = self.missed.map_or(0, |(_, count)| count);
                self.missed = Some((*due, count + 1));
            }
            Fact::SweepEnded { sweep, counts } => {
                if let Some(state) = self.sweeps.iter_mut().rev().find(|s| s.sweep == *sweep) {
                    state.ended = Some((at, counts.clone()));
                }
            }
        }
    }

    fn list(&mut self, listed: &ListedRepository) {
        self.repositories
            .entry(listed.repository.clone())
            .and_modify(|r| r.listed = listed.clone())
            .or_insert_with(|| RepositoryState { listed: listed.clone(), probed: None, failed: None });
    }

    fn remedied(&mut self, at: Timestamp, r: &Remedied) {
        if r.failure.as_ref().is_none_or(|(reason, _)| reason.retry() == Retry::Never) {
            self.terminal.insert(r.key);
        }
        if let Some((patch, _)) = r.patch {
            self.results.entry(r.key).or_insert_with(|| fingerprint(&[patch]));
        }
        let state = RemedyState {
            key: r.key,
            at,
            base: r.base,
            abstained: r.abstained.clone(),
            refused: r.refused.clone(),
            patch: r.patch.map(|(patch, report)| (patch, report, r.patched.clone())),
            verified: None,
            failure: r.failure.clone(),
        };
        self.remedies.insert(r.intent, state);
    }

    fn verified(&mut self, key: &Digest, intent: &IntentId, patch: &Digest, agreed: &Result<(), (String, String)>) {
        // What nobody could look at is looked at again by the next sweep, as a repository is.
        if !matches!(agreed, Err((reason, _)) if fact::passes(reason)) {
            self.terminal.insert(*key);
        }
        let Some(remedy) = self.remedies.get_mut(intent) else { return };
        let Some((object, report, _)) = remedy.patch.as_ref() else { return };
        if object != patch {
            return;
        }
        if let Err((reason, detail)) = agreed {
            let refused = Refused { reason: reason.clone(), detail: detail.clone(), patch: *patch, report: *report };
            remedy.refused.push(refused);
        }
        remedy.verified = Some(agreed.clone());
    }

    fn changeset(&mut self, fact: &ChangesetFact) {
        let id = fact.changeset.intent.id();
        for finding in &fact.changeset.findings {
            self.naming.entry(*finding).or_default().insert(id);
        }
        self.within.entry(fact.changeset.intent.service.repository.clone()).or_default().insert(id);
        let list = self.changesets.entry(id).or_default();
        match list.iter_mut().find(|c| c.ordinal == fact.ordinal) {
            Some(known) => *known = fact.clone(),
            None => list.push(fact.clone()),
        }
    }

    /// Applies an assessment that the journal has, and says what it changed. What is not seen because nobody could look is
    /// not closed: it stays open until it is seen again or seen gone.
    pub fn assess(
        &mut self,
        at: Timestamp,
        assessment: &Assessment,
        standing: Arc<Standing>,
        statement: Digest,
    ) -> Changed {
        let service = assessment.service.clone();
        let before = self.services.get(&service).cloned();
        let was_open = self.open.remove(&service).unwrap_or_default();
        let mut is_open: BTreeMap<FindingId, Option<RepoPath>> =
            violated(assessment).map(|f| (f.id, f.place.as_ref().map(|p| p.path.clone()))).collect();
        for (id, path) in &was_open {
            if !is_open.contains_key(id) && is_hidden(assessment, id, path.as_ref()) {
                is_open.insert(*id, path.clone());
            }
        }
        let last = before.as_ref().map(|b| b.standing.revision);
        let rejudged = last == Some(assessment.revision);
        let mut changed = Changed::default();
        for id in is_open.keys().filter(|id| !was_open.contains_key(id)) {
            match self.histories.get_mut(id) {
                Some(history) => {
                    history.closed = None;
                    history.reopened += 1;
                    history.rejudged = rejudged;
                    changed.reopened.push(*id);
                }
                None => {
                    let introduced = (if rejudged { None } else { last }, assessment.revision);
                    let history = History { first_seen: at, introduced, closed: None, reopened: 0, rejudged };
                    self.histories.insert(*id, history);
                    changed.new.push(*id);
                }
            }
        }
        for id in was_open.keys().filter(|id| !is_open.contains_key(id)) {
            if let Some(history) = self.histories.get_mut(id) {
                history.closed = Some((assessment.revision, at));
                history.rejudged = rejudged;
                changed.closed.push(*id);
            }
        }
        // A declaration that cannot be read is not an absent one.
        let declared = assessment.declared || assessment.dna.is_some();
        let undeclared_since = match (declared, before.and_then(|b| b.undeclared_since)) {
            (true, _) => None,
            (false, since) => Some(since.unwrap_or(at)),
        };
        self.open.insert(service.clone(), is_open);
        self.services.insert(service, ServiceState { standing, statement, undeclared_since });
        changed
    }

    /// The changeset that decides about a finding of an intent: the latest that names it, unless a person has resumed the
    /// intent since.
    pub fn deciding(&self, intent: &IntentId, finding: &FindingId) -> Option<&Changeset> {
        let resumed = self.resumed.get(intent).copied().unwrap_or(0);
        let list = self.changesets.get(intent)?;
        list.iter()
            .enumerate()
            .rev()
            .map(|(i, c)| (i, &c.changeset))
            .find(|(_, c)| c.findings.contains(finding))
            .and_then(|(i, c)| {
                let overruled = i < resumed && changeset::blocks(c).is_some_and(|b| b.ends_with("by-person"));
                (!overruled).then_some(c)
            })
    }

    /// The changesets that name a finding, by intent, oldest first.
    pub fn naming(&self, finding: &FindingId) -> impl DoubleEndedIterator<Item = (&IntentId, &ChangesetFact)> {
        let named = |(_, f): &(&IntentId, &ChangesetFact)| f.changeset.findings.contains(finding);
        self.changesets_of(self.naming.get(finding)).filter(named)
    }

    /// The changesets of a repository, by intent, oldest first.
    pub fn within(&self, repository: &RepositoryId) -> impl Iterator<Item = &ChangesetFact> {
        self.changesets_of(self.within.get(repository)).map(|(_, fact)| fact)
    }

    fn changesets_of(
        &self,
        intents: Option<&BTreeSet<IntentId>>,
    ) -> impl DoubleEndedIterator<Item = (&IntentId, &ChangesetFact)> {
        let all = intents.into_iter().flatten().filter_map(|id| self.changesets.get_key_value(id));
        all.flat_map(|(id, list)| list.iter().map(move |fact| (id, fact)))
    }

    /// The intent's pull request that stands open or is about to, if there is one.
    pub fn current(&self, intent: &IntentId) -> Option<&ChangesetFact> {
        let live = |c: &&ChangesetFact| {
            matches!(c.changeset.state, ChangesetState::Open | ChangesetState::Held(_) | ChangesetState::Merged(_))
        };
        self.changesets.get(intent)?.iter().rev().find(live)
    }
}

/// One digest for the objects that a result names.
pub fn fingerprint(objects: &[Digest]) -> Digest {
    let bytes: Vec<u8> = objects.iter().flat_map(|digest| *digest.as_bytes()).collect();
    Digest::of(&bytes)
}

/// Whether a finding that is not there any more may only be out of sight: it is undecided now, its file was not looked at,
/// or the declaration that asks for it cannot be read.
fn is_hidden(assessment: &Assessment, id: &FindingId, path: Option<&RepoPath>) -> bool {
    let population = &assessment.population;
    let undecided = |f: &Finding| f.id == *id && matches!(f.outcome, Outcome::Indeterminate(_));
    population.incomplete.is_some()
        || path.is_some_and(|p| population.skipped.iter().any(|s| s.path == *p))
        || !assessment.declared && assessment.dna.is_some()
        || assessment.findings.iter().any(undecided)
}

fn violated(assessment: &Assessment) -> impl Iterator<Item = &Finding> {
    assessment.findings.iter().filter(|f| f.outcome == Outcome::NotSatisfied)
}
