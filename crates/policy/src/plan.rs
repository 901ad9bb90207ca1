//! What is to be done next: findings, changesets, abstentions and budgets in; intents to remedy and everything that waits
//! out. Every not-satisfied finding is in exactly one place (a changeset, a waiver, an abstention, waiting), so that the
//! sums add up. A pure function; it publishes nothing and remembers nothing.
//!
//! A person wins: what a person closed or broke again waits until a person says otherwise; the caller then leaves that
//! changeset out. Next: the changeset machine of the coordinator, which acts on this.

use crate::organisation::{Budgets, Mode, login};
use ligase_domain::{
    Changeset, ChangesetState, ClauseId, ClosedBy, Finding, FindingId, IntentId, IntentKey, OrganisationId, Outcome,
    ServiceId, Severity, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

const HOUR_MS: i64 = 3_600_000;
/// A clause with at least this many decisions of persons …
const NOISE_DECISIONS: u32 = 10;
/// … of which more than one in this many said *false positive* opens nothing until its version changes.
const NOISE_SHARE: u32 = 5;

/// One service with its newest assessment.
#[derive(Clone, Copy, Debug)]
pub struct PlannedService<'a> {
    /// Which.
    pub service: &'a ServiceId,
    /// Its findings, at least those that are not satisfied.
    pub findings: &'a [Finding],
    /// What is done about findings, by clause; where nothing is said they are observed.
    pub modes: &'a BTreeMap<ClauseId, Mode>,
    /// Who owns it, if anybody is known; budgets count by it.
    pub owner: Option<&'a str>,
    /// The branch that changes are to land on.
    pub base_branch: &'a str,
}

/// Decisions of persons on a clause's pull requests, at its present version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Decisions {
    /// How many there were.
    pub all: u32,
    /// How many said *false positive*.
    pub false_positive: u32,
}

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// Whose desired state it is.
    pub organisation: &'a OrganisationId,
    /// How much may be open at once.
    pub budgets: &'a Budgets,
    /// All services; each at most once.
    pub services: &'a [PlannedService<'a>],
    /// All changesets, in the order in which they were made.
    pub changesets: &'a [Changeset],
    /// Findings that a remedy could not mend, with its reason.
    pub abstentions: &'a BTreeMap<FindingId, String>,
    /// Intents for which a remedy is being made now.
    pub in_progress: &'a BTreeSet<IntentId>,
    /// When pull requests were created, at least those of the last hour.
    pub created: &'a [Timestamp],
    /// Decisions of persons, by clause.
    pub decisions: &'a BTreeMap<ClauseId, Decisions>,
    /// The present moment.
    pub now: Timestamp,
}

/// A change to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedIntent {
    /// What is to change.
    pub key: IntentKey,
    /// The findings that it is to close, sorted.
    pub findings: Vec<FindingId>,
    /// The gravest of them.
    pub severity: Severity,
}

/// A finding that waits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Waiting {
    /// Which.
    pub finding: FindingId,
    /// Why, as a stable word.
    pub reason: &'static str,
    /// The earliest moment at which this can be otherwise, where it is known.
    pub earliest: Option<Timestamp>,
}

/// What is to be done, and where every not-satisfied finding stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Intents for which a remedy is to be made now, in the order of their urgency. Their findings wait (`remedy-planned`).
    pub intents: Vec<PlannedIntent>,
    /// In a changeset that is under way, sorted.
    pub in_changesets: Vec<(FindingId, IntentId)>,
    /// Under a waiver in force, sorted.
    pub waived: Vec<FindingId>,
    /// No machine can mend it; its owner is to be told, with the reason. Sorted.
    pub abstained: Vec<(FindingId, String)>,
    /// Sorted.
    pub waiting: Vec<Waiting>,
}

impl Plan {
    /// How many findings stand somewhere: as many as are not satisfied.
    pub fn total(&self) -> usize {
        self.in_changesets.len() + self.waived.len() + self.abstained.len() + self.waiting.len()
    }

    fn wait(&mut self, findings: &[&Finding], reason: &'static str, earliest: Option<Timestamp>) {
        self.waiting.extend(findings.iter().map(|f| Waiting { finding: f.id, reason, earliest }));
    }
}

/// One intent's open findings.
struct Group<'a> {
    key: IntentKey,
    id: IntentId,
    owner: Option<String>,
    mode: Mode,
    severity: Severity,
    findings: Vec<&'a Finding>,
}

/// Makes the plan.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut groups = groups(input, &mut plan);
    // The gravest first; ties by key, so that the same inputs give the same plan.
    groups.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.key.cmp(&b.key)));
    let mut used = Used::of(input, &groups);
    let mut changesets: BTreeMap<&IntentKey, Vec<&Changeset>> = BTreeMap::new();
    for changeset in input.changesets {
        changesets.entry(&changeset.intent).or_default().push(changeset);
    }
    for group in groups {
        let decisive = changesets.get(&group.key).and_then(|own| decisive(own));
        let left = standing(input, &group, decisive, &mut plan);
        if left.is_empty() {
            continue;
        }
        match used.take(input, &group) {
            Err((reason, earliest)) => plan.wait(&left, reason, earliest),
            Ok(()) => {
                plan.wait(&left, "remedy-planned", Some(input.now));
                let mut findings: Vec<FindingId> = left.iter().map(|f| f.id).collect();
                findings.sort();
                plan.intents.push(PlannedIntent { key: group.key, findings, severity: group.severity });
            }
        }
    }
    plan.in_changesets.sort();
    plan.waived.sort();
    plan.abstained.sort();
    plan.waiting.sort();
    plan
}

/// Open findings by intent; what a waiver covers is placed at once.
fn groups<'a>(input: &PlanInput<'a>, plan: &mut Plan) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<IntentKey, Group<'a>> = BTreeMap::new();
    let mut placed = BTreeSet::new();
    for service in input.services {
        // Findings of a clause stand together: an organisation has millions of them, and its intents are few beside.
        for same in service.findings.chunk_by(|a, b| a.clause == b.clause && a.service == b.service) {
            let mut open = Vec::new();
            for finding in same.iter().filter(|f| f.outcome == Outcome::NotSatisfied && placed.insert(f.id)) {
                if finding.is_open() {
                    open.push(finding);
                } else {
                    plan.waived.push(finding.id);
                }
            }
            let Some(first) = open.first() else { continue };
            let key = IntentKey {
                organisation: input.organisation.clone(),
                service: first.service.clone(),
                base_branch: service.base_branch.to_owned(),
                clause: first.clause.clone(),
            };
            let mode = service.modes.get(&first.clause).copied().unwrap_or(Mode::Observe);
            let owner = service.owner.map(login);
            let severity = first.severity;
            let group = groups.entry(key.clone()).or_insert_with(|| Group {
                id: key.id(),
                key,
                owner,
                mode,
                severity,
                findings: vec![],
            });
            group.severity = open.iter().map(|f| f.severity).fold(group.severity, Severity::max);
            group.findings.extend(open);
        }
    }
    groups.into_values().collect()
}

/// Places what has its place already; what is left may become an intent.
fn standing<'a>(
    input: &PlanInput<'_>,
    group: &Group<'a>,
    decisive: Option<&Changeset>,
    plan: &mut Plan,
) -> Vec<&'a Finding> {
    let mut left = group.findings.clone();
    if let Some(changeset) = decisive {
        let names = |f: &&Finding| changeset.findings.contains(&f.id);
        match &changeset.state {
            ChangesetState::Held(_) | ChangesetState::Open | ChangesetState::Merged(_) => {
                let (inside, outside): (Vec<_>, Vec<_>) = left.into_iter().partition(names);
                plan.in_changesets.extend(inside.iter().map(|f| (f.id, group.id)));
                // What a remedy has said about a finding is said, whatever else is under way for its intent.
                let (known, outside): (Vec<_>, Vec<_>) =
                    outside.into_iter().partition(|f| input.abstentions.contains_key(&f.id));
                plan.abstained.extend(known.iter().map(|f| (f.id, input.abstentions[&f.id].clone())));
                plan.wait(&outside, "changeset-under-way", None);
                return vec![];
            }
            ChangesetState::Closed(ClosedBy::Person(_)) => {
                plan.wait(&left, "closed-by-person", None);
                return vec![];
            }
            ChangesetState::RegressedByPerson => {
                plan.wait(&left, "regressed-by-person", None);
                return vec![];
            }
            ChangesetState::MergedVerified(_) => {
                let (again, other): (Vec<_>, Vec<_>) = left.into_iter().partition(names);
                plan.wait(&again, "regressed", None);
                left = other;
            }
            ChangesetState::Closed(ClosedBy::Ligase(_)) | ChangesetState::SatisfiedElsewhere => {}
        }
    }
    if group.mode == Mode::Observe && !is_declaration(&group.key) {
        plan.wait(&left, "observe-only", None);
        return vec![];
    }
    let (mendable, rest): (Vec<_>, Vec<_>) =
        left.into_iter().partition(|f| f.remedy.is_some() && !input.abstentions.contains_key(&f.id));
    plan.abstained.extend(rest.iter().map(|f| {
        let reason = input.abstentions.get(&f.id).cloned();
        (f.id, reason.unwrap_or_else(|| "no-remedy-in-catalog".to_owned()))
    }));
    if input.in_progress.contains(&group.id) {
        plan.wait(&mendable, "being-remedied", None);
        return vec![];
    }
    if is_noisy(input.decisions.get(&group.key.clause)) {
        plan.wait(&mendable, "clause-too-noisy", None);
        return vec![];
    }
    mendable
}

/// What is wrong with a declaration is for its owner, whatever the mode.
fn is_declaration(key: &IntentKey) -> bool {
    key.clause.constraint == "declaration"
}

fn is_noisy(decisions: Option<&Decisions>) -> bool {
    decisions.is_some_and(|d| {
        d.all >= NOISE_DECISIONS && u64::from(d.false_positive) * u64::from(NOISE_SHARE) > u64::from(d.all)
    })
}

fn is_under_way(state: &ChangesetState) -> bool {
    matches!(state, ChangesetState::Held(_) | ChangesetState::Open | ChangesetState::Merged(_))
}

/// Of an intent's changesets: the one under way, else the last.
fn decisive<'a>(own: &[&'a Changeset]) -> Option<&'a Changeset> {
    own.iter().rev().find(|c| is_under_way(&c.state)).or(own.last()).copied()
}

/// How much of the budgets is used.
struct Used {
    by_owner: BTreeMap<String, u32>,
    by_service: BTreeMap<ServiceId, u32>,
    created: Vec<Timestamp>,
}

impl Used {
    fn of(input: &PlanInput<'_>, groups: &[Group<'_>]) -> Self {
        let owners: BTreeMap<&ServiceId, String> =
            input.services.iter().filter_map(|s| Some((s.service, login(s.owner?)))).collect();
        let mut used = Self { by_owner: BTreeMap::new(), by_service: BTreeMap::new(), created: vec![] };
        let open =
            input.changesets.iter().filter(|c| matches!(c.state, ChangesetState::Held(_) | ChangesetState::Open));
        for changeset in open {
            used.count(&changeset.intent.service, owners.get(&changeset.intent.service));
        }
        for group in groups.iter().filter(|g| input.in_progress.contains(&g.id)) {
            used.count(&group.key.service, group.owner.as_ref());
        }
        let recent = |t: &&Timestamp| t.0 > input.now.0.saturating_sub(HOUR_MS);
        used.created = input.created.iter().filter(recent).copied().collect();
        used.created.sort();
        used
    }

    fn count(&mut self, service: &ServiceId, owner: Option<&String>) {
        *self.by_service.entry(service.clone()).or_default() += 1;
        if let Some(owner) = owner {
            *self.by_owner.entry(owner.clone()).or_default() += 1;
        }
    }

    /// Takes one pull request from every budget, or says which has none left.
    fn take(&mut self, input: &PlanInput<'_>, group: &Group<'_>) -> Result<(), (&'static str, Option<Timestamp>)> {
        let budgets = input.budgets;
        let of_owner = group.owner.as_ref().and_then(|o| self.by_owner.get(o)).copied().unwrap_or(0);
        if self.by_service.get(&group.key.service).copied().unwrap_or(0) >= budgets.open_per_service {
            return Err(("budget-open-per-service", None));
        }
        if group.owner.is_some() && of_owner >= budgets.open_per_owner {
            return Err(("budget-open-per-owner", None));
        }
        let allowed = budgets.create_per_hour as usize;
        if self.created.len() >= allowed {
            // As soon as so many of the last hour's are older that one more fits.
            let at = self.created.len().checked_sub(allowed).and_then(|n| self.created.get(n));
            let earliest = at.map(|t| Timestamp(t.0.saturating_add(HOUR_MS)));
            return Err(("budget-create-per-hour", earliest));
        }
        self.created.push(input.now);
        self.count(&group.key.service, group.owner.as_ref());
        Ok(())
    }
}
