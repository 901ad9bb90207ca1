//! Every not-satisfied finding stands in exactly one place, budgets hold, and a person wins.
#![allow(clippy::unwrap_used)]

mod support;

use ligase_domain::{
    Assessment, Changeset, ChangesetState, ClauseId, ClosedBy, Digest, Finding, FindingId, IntentKey, Oid,
    OrganisationId, Outcome, Ownership, Severity, Subject, Timestamp, WaiverNote, WaiverState,
};
use ligase_policy::{Approvals, Budgets, Decisions, DesiredState, Plan, PlanInput, PlannedService, plan, resolve};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::*;

const CLAUSES: [&str; 3] = ["authn-endpoints/guarded", "enc-at-rest/storage", "declaration/true"];

fn finding(folder: &str, clause: &str, n: u32, outcome: Outcome, remedy: bool, waiver: Option<WaiverState>) -> Finding {
    let clause = ClauseId::parse(clause).unwrap();
    let identity = vec![("n".to_owned(), n.to_string())];
    Finding {
        id: FindingId::new(&service(folder), &clause, &identity, 0),
        service: service(folder),
        clause,
        clause_version: 1,
        subject: Subject { kind: "endpoint".to_owned(), symbol: n.to_string(), identity, ordinal: 0 },
        outcome,
        message: String::new(),
        severity: Severity::High,
        place: None,
        controls: Arc::default(),
        cites: vec![],
        waiver: waiver.map(|state| WaiverNote {
            state,
            kind: "risk-accepted".to_owned(),
            reason: String::new(),
            expires: "2027-01-01".to_owned(),
            approved_by: vec![],
        }),
        remedy: remedy.then(|| "r".to_owned()),
    }
}

fn assessment(folder: &str, findings: Vec<Finding>) -> Assessment {
    Assessment {
        service: service(folder),
        name: folder.to_owned(),
        declared: true,
        revision: Oid::Sha1([1; 20]),
        desired: Digest::of(b""),
        dna: None,
        frameworks: BTreeMap::new(),
        probe_set: Digest::of(b""),
        findings,
        population: population(),
        valid_until: None,
    }
}

fn key(folder: &str, clause: &str) -> IntentKey {
    IntentKey {
        organisation: OrganisationId("acme".to_owned()),
        service: service(folder),
        base_branch: "main".to_owned(),
        clause: ClauseId::parse(clause).unwrap(),
    }
}

fn changeset(folder: &str, clause: &str, findings: Vec<FindingId>, state: ChangesetState) -> Changeset {
    Changeset {
        intent: key(folder, clause),
        patch: Digest::of(b""),
        findings,
        number: Some(1),
        pushed_head: None,
        ownership: Ownership::Ours,
        state,
        draft: None,
        opened: NOW,
    }
}

fn wanted(mode: &str) -> DesiredState {
    static CATALOG: std::sync::OnceLock<ligase_policy::Catalog> = std::sync::OnceLock::new();
    let catalog = CATALOG.get_or_init(catalog);
    let organisation = organisation(
        catalog,
        &format!("  cascades: [{{ name: a, constraints: [authn-endpoints, enc-at-rest], mode: {mode} }}]\n"),
    );
    resolve(catalog, Some(&organisation), None, &Approvals::default(), NOW)
}

struct World {
    assessments: Vec<Assessment>,
    desired: DesiredState,
    changesets: Vec<Changeset>,
    abstentions: BTreeMap<FindingId, String>,
    created: Vec<Timestamp>,
    budgets: Budgets,
    decisions: BTreeMap<ClauseId, Decisions>,
}

impl World {
    fn new(assessments: Vec<Assessment>, mode: &str) -> Self {
        Self {
            assessments,
            desired: wanted(mode),
            changesets: vec![],
            abstentions: BTreeMap::new(),
            created: vec![],
            budgets: Budgets { open_per_owner: 99, open_per_service: 99, create_per_hour: 99 },
            decisions: BTreeMap::new(),
        }
    }

    fn plan(&self) -> Plan {
        let modes = self.desired.modes();
        let services: Vec<PlannedService<'_>> = self
            .assessments
            .iter()
            .map(|assessment| PlannedService {
                service: &assessment.service,
                findings: &assessment.findings,
                modes: &modes,
                owner: Some("@acme/team"),
                base_branch: "main",
            })
            .collect();
        plan(&PlanInput {
            organisation: &OrganisationId("acme".to_owned()),
            budgets: &self.budgets,
            services: &services,
            changesets: &self.changesets,
            abstentions: &self.abstentions,
            in_progress: &BTreeSet::new(),
            created: &self.created,
            decisions: &self.decisions,
            now: NOW,
        })
    }

    fn reasons(&self) -> Vec<&'static str> {
        self.plan().waiting.iter().map(|w| w.reason).collect()
    }
}

fn one(clause: &str, n: u32) -> Finding {
    finding("a", clause, n, Outcome::NotSatisfied, true, None)
}

#[test]
fn a_finding_becomes_an_intent_once() {
    let mut world = World::new(vec![assessment("a", vec![one(CLAUSES[0], 1), one(CLAUSES[0], 2)])], "propose");
    let planned = world.plan();
    assert_eq!(planned.intents.len(), 1, "one intent for a clause of a service");
    assert_eq!(planned.intents[0].findings.len(), 2);
    world.changesets.push(changeset("a", CLAUSES[0], planned.intents[0].findings[..1].to_vec(), ChangesetState::Open));
    let again = world.plan();
    assert!(again.intents.is_empty());
    assert_eq!((again.in_changesets.len(), world.reasons()), (1, vec!["changeset-under-way"]));
}

#[test]
fn what_a_person_decided_waits() {
    for (state, reason) in [
        (ChangesetState::Closed(ClosedBy::Person("sam".to_owned())), Some("closed-by-person")),
        (ChangesetState::RegressedByPerson, Some("regressed-by-person")),
        (ChangesetState::MergedVerified(Oid::Sha1([2; 20])), Some("regressed")),
        (ChangesetState::Closed(ClosedBy::Ligase("stale".to_owned())), None),
        (ChangesetState::SatisfiedElsewhere, None),
    ] {
        let found = one(CLAUSES[0], 1);
        let mut world = World::new(vec![assessment("a", vec![found.clone()])], "propose");
        world.changesets.push(changeset("a", CLAUSES[0], vec![found.id], state));
        assert_eq!(world.plan().intents.is_empty(), reason.is_some());
        assert_eq!(world.reasons(), [reason.unwrap_or("remedy-planned")]);
    }
}

#[test]
fn observing_opens_nothing_and_says_so() {
    let world = World::new(vec![assessment("a", vec![one(CLAUSES[0], 1)])], "observe");
    assert_eq!((world.plan().intents.len(), world.reasons()), (0, vec!["observe-only"]));
}

#[test]
fn budgets_hold_and_name_the_earliest_time() {
    let many = |n: u32| {
        (0..n)
            .map(|i| {
                assessment(
                    &format!("s{i}"),
                    vec![finding(&format!("s{i}"), CLAUSES[0], i, Outcome::NotSatisfied, true, None)],
                )
            })
            .collect()
    };
    let mut world = World::new(many(5), "propose");
    world.budgets.open_per_owner = 2;
    assert_eq!(world.plan().intents.len(), 2);
    assert_eq!(world.plan().waiting.iter().filter(|w| w.reason == "budget-open-per-owner").count(), 3);
    world.budgets.open_per_owner = 99;
    world.budgets.create_per_hour = 3;
    world.created = vec![Timestamp(NOW.0 - 3_000_000), Timestamp(NOW.0 - 10), Timestamp(NOW.0 - 4_000_000)];
    let planned = world.plan();
    assert_eq!(planned.intents.len(), 1, "two of the last hour count, the older does not");
    let earliest = planned.waiting.iter().filter_map(|w| w.earliest.filter(|_| w.reason == "budget-create-per-hour"));
    assert_eq!(earliest.collect::<Vec<_>>(), [Timestamp(NOW.0 + 600_000); 4]);
    world.budgets.create_per_hour = 0;
    assert!(world.plan().intents.is_empty());
}

#[test]
fn what_no_remedy_mends_is_abstained_with_its_reason() {
    let (bare, tried) = (finding("a", CLAUSES[0], 1, Outcome::NotSatisfied, false, None), one(CLAUSES[0], 2));
    let mut world = World::new(vec![assessment("a", vec![bare.clone(), tried.clone(), one(CLAUSES[2], 3)])], "propose");
    world.abstentions.insert(tried.id, "no-guard-in-repository".to_owned());
    let planned = world.plan();
    let reasons: BTreeMap<FindingId, String> = planned.abstained.iter().cloned().collect();
    assert_eq!(reasons[&bare.id], "no-remedy-in-catalog");
    assert_eq!(reasons[&tried.id], "no-guard-in-repository");
}

#[test]
fn a_noisy_clause_stops() {
    let mut world = World::new(vec![assessment("a", vec![one(CLAUSES[0], 1)])], "propose");
    let clause = ClauseId::parse(CLAUSES[0]).unwrap();
    world.decisions.insert(clause.clone(), Decisions { all: 10, false_positive: 2 });
    assert_eq!(world.reasons(), ["remedy-planned"], "a fifth is not more than a fifth");
    world.decisions.insert(clause, Decisions { all: 10, false_positive: 3 });
    assert_eq!(world.reasons(), ["clause-too-noisy"]);
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::NotSatisfied),
        1 => Just(Outcome::Satisfied),
        1 => Just(Outcome::Indeterminate("x".to_owned())),
        1 => Just(Outcome::NotApplicable("x".to_owned())),
    ]
}

fn state() -> impl Strategy<Value = ChangesetState> {
    prop_oneof![
        Just(ChangesetState::Open),
        Just(ChangesetState::Held("verification".to_owned())),
        Just(ChangesetState::Merged(Oid::Sha1([1; 20]))),
        Just(ChangesetState::MergedVerified(Oid::Sha1([1; 20]))),
        Just(ChangesetState::Closed(ClosedBy::Person("p".to_owned()))),
        Just(ChangesetState::Closed(ClosedBy::Ligase("l".to_owned()))),
        Just(ChangesetState::SatisfiedElsewhere),
        Just(ChangesetState::RegressedByPerson),
    ]
}

fn waiver() -> impl Strategy<Value = Option<WaiverState>> {
    prop_oneof![
        5 => Just(None),
        1 => Just(Some(WaiverState::InForce)),
        1 => Just(Some(WaiverState::Expired)),
        1 => Just(Some(WaiverState::Unapproved)),
    ]
}

proptest! {
    #[test]
    fn the_sums_add_up(
        findings in proptest::collection::vec((0..3_usize, 0..3_usize, 0..6_u32, outcome(), any::<bool>(), waiver()), 0..40),
        changesets in proptest::collection::vec((0..3_usize, 0..3_usize, 0..6_u32, state()), 0..8),
        (owner, service_budget, hour) in (0..4_u32, 0..4_u32, 0..6_u32),
        propose in any::<bool>(),
    ) {
        let folders = ["a", "b", "c"];
        let mut by_service: BTreeMap<&str, BTreeMap<FindingId, Finding>> = BTreeMap::new();
        for (s, c, n, outcome, remedy, waiver) in findings {
            let found = finding(folders[s], CLAUSES[c], n, outcome, remedy, waiver);
            by_service.entry(folders[s]).or_default().insert(found.id, found);
        }
        let all: BTreeMap<FindingId, Finding> = by_service.values().flatten().map(|(i, f)| (*i, f.clone())).collect();
        let assessments = by_service.into_iter().map(|(s, f)| assessment(s, f.into_values().collect())).collect();
        let mut world = World::new(assessments, if propose { "propose" } else { "observe" });
        world.budgets = Budgets { open_per_owner: owner, open_per_service: service_budget, create_per_hour: hour };
        world.changesets = changesets
            .into_iter()
            .map(|(s, c, n, state)| {
                let id = finding(folders[s], CLAUSES[c], n, Outcome::NotSatisfied, true, None).id;
                changeset(folders[s], CLAUSES[c], vec![id], state)
            })
            .collect();
        let planned = world.plan();
        prop_assert_eq!(&planned, &world.plan());
        let wrong: BTreeSet<FindingId> =
            all.values().filter(|f| f.outcome == Outcome::NotSatisfied).map(|f| f.id).collect();
        let mut places: Vec<FindingId> = planned.waived.clone();
        places.extend(planned.in_changesets.iter().map(|(f, _)| *f));
        places.extend(planned.abstained.iter().map(|(f, _)| *f));
        places.extend(planned.waiting.iter().map(|w| w.finding));
        prop_assert_eq!(places.len(), planned.total());
        let unique: BTreeSet<FindingId> = places.iter().copied().collect();
        prop_assert_eq!(unique.len(), places.len(), "nothing stands twice");
        prop_assert_eq!(&unique, &wrong, "nothing is lost and nothing is invented");
        prop_assert!(planned.waived.iter().all(|f| !all[f].is_open()));
        prop_assert!(planned.intents.len() as u32 <= owner.min(hour));
        let mut keys: Vec<_> = planned.intents.iter().map(|i| i.key.clone()).collect();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), planned.intents.len());
        for intent in &planned.intents {
            let busy = world.changesets.iter().any(|c| c.intent == intent.key
                && matches!(c.state, ChangesetState::Open | ChangesetState::Held(_) | ChangesetState::Merged(_)));
            prop_assert!(!busy, "at most one open changeset for an intent");
        }
    }
}
