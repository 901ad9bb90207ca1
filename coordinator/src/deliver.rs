//! The thin shell that acts: follows pull requests by what the forge and the default branch say, and opens new ones.
//!
//! The only part of the coordinator that touches a repository, through `forge`. It pushes data that was gated and verified,
//! by compare-and-swap; what a person did in between wins, and is believed at the next sweep.

use crate::app::App;
use crate::changeset::{Action, Clause, Facts, Pull, step};
use crate::fact::{ChangesetFact, Fact};
use crate::forges::{ForgeRefusal, Opening};
use crate::judging::Judged;
use crate::message::{self, About};
use crate::planning::AllJudged;
use crate::state::State;
use crate::sweep::{Running, SweepError};
use ligase_domain::{
    Changeset, ChangesetState, ClosedBy, Digest, Finding, FindingId, GateCheck, GateVerdict, IntentKey, Oid, Origin,
    Outcome, Ownership, Patch, RepoPath, RepositoryId, ServiceId, Timestamp,
};
use ligase_policy::patch::{self as structure, ChangedFile, PatchRules};
use ligase_policy::plan::PlannedIntent;
use std::collections::BTreeMap;

/// The most that one pull request may change, however many findings it closes. The runner's gate holds each remedy to its
/// own, smaller budget; these are the ends of what a person is asked to read.
const FILES_MAX: u32 = 50;
const LINES_MAX: u32 = 600;

/// Follows the changesets of a repository: what the forge says, what the default branch says, and what follows from both.
pub fn follow(app: &App, running: &Running, repository: &RepositoryId) -> Result<(), SweepError> {
    let (known, probed) = app.ledger.read(|s| {
        let known: Vec<ChangesetFact> = s.within(repository).cloned().collect();
        (known, s.repositories.get(repository).and_then(|r| r.probed.as_ref().map(|(revision, ..)| *revision)))
    });
    if known.is_empty() {
        return Ok(());
    }
    let pulls = match running.forges.pulls(repository) {
        Ok(pulls) => pulls,
        Err(error) => {
            tracing::warn!(%error, %repository, "the forge does not say how its pull requests stand; nothing is concluded");
            return Ok(());
        }
    };
    let mut facts = Vec::new();
    for fact in known {
        let number = fact.changeset.number;
        let pull = pulls.iter().find(|p| Some(p.number) == number).map_or(Pull::Unknown, |p| p.state.clone());
        let contains = match (&pull, &fact.changeset.state) {
            (Pull::Merged { commit }, _)
            | (_, ChangesetState::Merged(commit) | ChangesetState::MergedVerified(commit)) => {
                probed.is_some_and(|at| running.forges.contains(repository, commit, &at))
            }
            _ => false,
        };
        let clause = app.ledger.read(|s| clause(s, &fact.changeset));
        let decided = step(&fact.changeset, &Facts { pull, clause, probed_contains_merge: contains });
        for action in &decided.actions {
            act(running, repository, number, action);
        }
        if decided.next != fact.changeset {
            facts.push(Fact::Changeset(ChangesetFact { changeset: decided.next, ..fact }));
        }
    }
    app.ledger.record(facts).map_err(SweepError::from)
}

/// What the last assessment says of a changeset's findings.
fn clause(state: &State, changeset: &Changeset) -> Clause {
    let Some(service) = state.services.get(&changeset.intent.service) else { return Clause::Unprobed };
    let standing = &service.standing;
    let mut all = Clause::Holds;
    for finding in changeset.findings.iter().filter_map(|id| standing.unsettled(id)) {
        match finding.outcome {
            // What is waived is not wanted changed; only what was merged is held to what it brought.
            Outcome::NotSatisfied if !finding.is_open() && changeset.state == ChangesetState::Open => {}
            Outcome::NotSatisfied => return Clause::Broken,
            Outcome::Indeterminate(_) => all = Clause::Unclear,
            Outcome::Satisfied | Outcome::NotApplicable(_) => {}
        }
    }
    // A file that could not be read hides subjects: what is not seen then is not gone.
    let hidden = standing.population.incomplete.is_some() || !standing.population.skipped.is_empty();
    // A subject that is gone is not broken any more.
    let gone = changeset.findings.iter().any(|id| !standing.has(id));
    if all == Clause::Holds && gone && hidden { Clause::Unclear } else { all }
}

fn act(running: &Running, repository: &RepositoryId, number: Option<u64>, action: &Action) {
    let Some(number) = number else { return };
    let done = match action {
        Action::CommentHumanOwns => running.forges.comment(
            repository,
            number,
            "Somebody committed to this branch, so it is theirs from now on: Ligase writes to it no more.",
            running.now,
        ),
        Action::CloseAsSatisfied => {
            running.forges.close(repository, number, "Nothing that this change is for is open on the default branch any more.", running.now)
        }
        Action::TellRegressed => running.forges.comment(
            repository,
            number,
            "What this change brought is not there any more. Ligase takes that as a decision and proposes nothing until a \
             person says `ligase changesets resume`.",
            running.now,
        ),
    };
    if let Err(error) = done {
        tracing::warn!(%error, %repository, number, "the forge did not take what was to be said; it is said at the next change");
    }
}

/// Opens a pull request for each planned intent whose patch was made, gated, and looked at by somebody else.
pub fn open(app: &App, running: &Running, judged: &AllJudged, intents: &[PlannedIntent]) -> Result<u64, SweepError> {
    let mut opened = 0;
    for intent in intents {
        let id = intent.key.id();
        let made = app.ledger.read(|s| {
            let remedy = s.remedies.get(&id)?;
            let patch = matches!(remedy.verified, Some(Ok(()))).then(|| remedy.patch.clone()).flatten()?;
            Some(Made { patch: patch.0, report: patch.1, findings: patch.2, at: remedy.at })
        });
        let (Some(made), Some(service)) = (made, service(judged, &intent.key.service)) else { continue };
        opened += u64::from(open_one(app, running, &intent.key, service, made)?);
    }
    Ok(opened)
}

fn service<'a>(judged: &'a AllJudged, id: &ServiceId) -> Option<&'a Judged> {
    judged.get(&id.repository)?.iter().find(|j| j.standing.service == *id)
}

/// A patch that may be opened: its object, its report's object, what it closes, and when it was made.
struct Made {
    patch: Digest,
    report: Digest,
    findings: Vec<FindingId>,
    at: Timestamp,
}

fn open_one(app: &App, running: &Running, key: &IntentKey, judged: &Judged, made: Made) -> Result<bool, SweepError> {
    let Made { patch: patch_object, report: report_object, findings: claimed, at } = made;
    let patch = app.ledger.patch(&patch_object)?;
    let report = app.ledger.gate_report(&report_object)?;
    let repository = &key.service.repository;
    if let Err((reason, detail)) = structurally_sound(app, running, repository, &patch) {
        let id = key.id();
        let verification = app.ledger.read(|s| s.remedies.get(&id).map(|r| r.key));
        let fact = Fact::Verified {
            key: verification.unwrap_or(patch_object),
            intent: id,
            patch: patch_object,
            agreed: Err((reason, detail)),
        };
        app.ledger.record(vec![fact])?;
        return Ok(false);
    }
    let findings: Vec<&Finding> = judged.standing.unsettled.iter().filter(|f| claimed.contains(&f.id)).collect();
    let message = message::write(key, about(app, key), &findings, &patch, &report);
    let last = app.ledger.read(|s| s.changesets.get(&key.id()).and_then(|l| l.last()).cloned());
    let live =
        last.as_ref().filter(|f| matches!(f.changeset.state, ChangesetState::Open) || f.changeset.number.is_none());
    if live.is_some_and(|f| f.changeset.state == ChangesetState::Open && f.changeset.patch == patch.digest()) {
        // The same proposal stands already, on an older base perhaps: it is left alone.
        return Ok(false);
    }
    // One that stands open is brought up to date; one that the forge has refused was never a pull request.
    let ordinal = live.map_or_else(|| last.as_ref().map_or(0, |f| f.ordinal) + 1, |f| f.ordinal);
    let expected = last.as_ref().and_then(|f| f.changeset.pushed_head);
    let opening = Opening { intent: key, patch: &patch, message: &message, expected_head: expected, at };
    let changeset = |state, number, head: Option<Oid>| Changeset {
        intent: key.clone(),
        patch: patch.digest(),
        findings: claimed.clone(),
        number,
        pushed_head: head,
        ownership: Ownership::Ours,
        state,
        draft: message.draft.clone(),
        opened: live.map_or(running.now, |f| f.changeset.opened),
    };
    let fact = |changeset| ChangesetFact {
        changeset,
        ordinal,
        patch_object,
        report_object,
        effect: patch.effect.class,
        title: message.title.clone(),
        body: message.body.clone(),
    };
    if let Some((number, login)) = closed_before(app, running, key) {
        // The forge remembers what the state does not: a person has said no to this.
        let state = ChangesetState::Closed(ClosedBy::Person(login));
        let changeset = changeset(state, Some(number), expected);
        app.ledger.record(vec![Fact::Changeset(fact(changeset))])?;
        return Ok(false);
    }
    ligase_runtime::reached("before-push");
    let pushed = running.forges.open(&opening);
    ligase_runtime::reached("pushed");
    let (changeset, opened) = match pushed {
        Ok((number, head)) => {
            let known = live.is_some_and(|f| f.changeset.number == Some(number));
            (changeset(ChangesetState::Open, Some(number), Some(head)), !known)
        }
        // What stands open stays as it is when it cannot be brought up to date.
        Err(refusal) if live.is_some_and(|f| f.changeset.state == ChangesetState::Open) => {
            tracing::warn!(%refusal, intent = %key.id(), "an open pull request cannot be brought up to date");
            return Ok(false);
        }
        Err(refusal) => (changeset(held(key, &refusal), None, expected), false),
    };
    app.ledger.record(vec![Fact::Changeset(fact(changeset))])?;
    Ok(opened)
}

/// A pull request that cannot be opened now; the next sweep tries again.
fn held(key: &IntentKey, refusal: &ForgeRefusal) -> ChangesetState {
    tracing::warn!(%refusal, intent = %key.id(), "a pull request cannot be opened; the next sweep tries again");
    ChangesetState::Held(refusal.to_string())
}

/// What the intent's clause is about, in the catalog's words.
fn about<'a>(app: &'a App, key: &IntentKey) -> About<'a> {
    let constraint = app.catalog.constraint(&key.clause.constraint);
    About {
        statement: constraint.map_or("", |c| c.spec.statement.as_str()),
        rationale: constraint.map_or("", |c| c.spec.rationale.as_str()),
    }
}

/// The intent's last pull request, if a person has closed it and the state does not know of it: the state folder was lost.
fn closed_before(app: &App, running: &Running, key: &IntentKey) -> Option<(u64, String)> {
    let pulls = running.forges.pulls(&key.service.repository).ok()?;
    let last = pulls.into_iter().filter(|p| p.intent == key.id()).max_by_key(|p| p.number)?;
    let Pull::ClosedByPerson { login } = last.state else { return None };
    let known = app.ledger.read(|s| {
        s.changesets.get(&key.id()).is_some_and(|list| list.iter().any(|f| f.changeset.number == Some(last.number)))
    });
    (!known).then_some((last.number, login))
}

/// The gate's structural checks once more, by whoever decides: on the base's own bytes, not on what the runner said of them.
fn structurally_sound(
    app: &App,
    running: &Running,
    repository: &RepositoryId,
    patch: &Patch,
) -> Result<(), (String, String)> {
    let origins = origins(app, repository);
    let mut bases = Vec::with_capacity(patch.changes.len());
    for change in &patch.changes {
        let base = running.forges.base(repository, &patch.base_revision, &change.path);
        let (kind, oid, bytes) = base.map_err(|e| ("does-not-apply".to_owned(), e.to_string()))?;
        if oid != change.base {
            return Err((
                "does-not-apply".to_owned(),
                format!("{} is not the blob that the patch was made against", change.path),
            ));
        }
        bases.push((kind, bytes));
    }
    let files: Vec<ChangedFile<'_>> = patch
        .changes
        .iter()
        .zip(&bases)
        .map(|(change, (kind, base))| ChangedFile {
            path: &change.path,
            kind: Some(*kind),
            // A file that no probe reads is none that a remedy may change.
            origin: origins.get(&change.path).copied().unwrap_or(Origin::Vendored),
            base,
            new: &change.bytes,
        })
        .collect();
    let budget = PatchRules { max_files: FILES_MAX, max_lines: LINES_MAX, ..PatchRules::default() };
    let verdicts = [
        (GateCheck::AllowedPaths, structure::allowed_paths(&files)),
        (GateCheck::AllowedPaths, structure::plain_text(&files)),
        (GateCheck::NoSuppression, structure::no_suppression(&files)),
        (GateCheck::TestsKept, structure::tests_kept(&files)),
        (GateCheck::NoDependency, structure::no_new_url(&files)),
        (GateCheck::WithinBudget, structure::within_budget(&files, &budget)),
    ];
    for (check, verdict) in verdicts {
        if let GateVerdict::Refused(seen) = verdict {
            return Err((check.refusal().to_owned(), seen));
        }
    }
    Ok(())
}

/// What the paths of the files that were looked at say of them.
fn origins(app: &App, repository: &RepositoryId) -> BTreeMap<RepoPath, Origin> {
    let root = app.ledger.read(|s| s.repositories.get(repository)?.probed.as_ref().map(|(_, _, r)| r.root));
    let set = root.and_then(|root| app.ledger.observation_set(&root).ok());
    set.map(|s| s.entries.into_iter().map(|e| (e.path, e.key.class.origin)).collect()).unwrap_or_default()
}
