//! The exhaustive table: every state, every word of the forge, every word of the default branch.

use super::*;
use ligase_domain::{ClauseId, Digest, IntentKey, OrganisationId, RepositoryId, ServiceId, Timestamp};

const PUSHED: Oid = Oid::Sha1([1; 20]);
const OTHER: Oid = Oid::Sha1([2; 20]);
const MERGE: Oid = Oid::Sha1([3; 20]);

fn changeset(state: ChangesetState, ownership: Ownership) -> Changeset {
    Changeset {
        intent: IntentKey {
            organisation: OrganisationId("o".to_owned()),
            service: ServiceId {
                repository: RepositoryId { forge: "local".to_owned(), stable: "r".to_owned() },
                folder: String::new(),
            },
            base_branch: "main".to_owned(),
            clause: ClauseId::parse("a/b").unwrap(),
        },
        patch: Digest::of(b"patch"),
        findings: vec![],
        number: Some(1),
        pushed_head: Some(PUSHED),
        ownership,
        state,
        draft: None,
        opened: Timestamp(0),
    }
}

fn states() -> Vec<ChangesetState> {
    vec![
        ChangesetState::Held("verification".to_owned()),
        ChangesetState::Open,
        ChangesetState::Merged(MERGE),
        ChangesetState::MergedVerified(MERGE),
        ChangesetState::Closed(ClosedBy::Person("ada".to_owned())),
        ChangesetState::Closed(ClosedBy::Ligase("superseded".to_owned())),
        ChangesetState::SatisfiedElsewhere,
        ChangesetState::RegressedByPerson,
    ]
}

fn pulls() -> Vec<Pull> {
    vec![
        Pull::Unknown,
        Pull::Open { head: PUSHED },
        Pull::Open { head: OTHER },
        Pull::Merged { commit: MERGE },
        Pull::ClosedByPerson { login: "ada".to_owned() },
        Pull::ClosedByLigase,
    ]
}

fn every_case() -> impl Iterator<Item = (Changeset, Facts)> {
    let clauses = [Clause::Unprobed, Clause::Unclear, Clause::Holds, Clause::Broken];
    states().into_iter().flat_map(move |state| {
        pulls().into_iter().flat_map(move |pull| {
            let state = state.clone();
            clauses.into_iter().flat_map(move |clause| {
                let (state, pull) = (state.clone(), pull.clone());
                [(Ownership::Ours, false), (Ownership::Ours, true), (Ownership::HumanTouched, true)].map(
                    |(own, contains)| {
                        let facts = Facts { pull: pull.clone(), clause, probed_contains_merge: contains };
                        (changeset(state.clone(), own), facts)
                    },
                )
            })
        })
    })
}

#[test]
fn deciding_twice_on_the_same_facts_acts_once() {
    for (before, facts) in every_case() {
        let first = step(&before, &facts);
        let second = step(&first.next, &facts);
        let third = step(&second.next, &facts);
        assert_eq!(second.next, third.next, "{before:?} {facts:?}");
        assert!(third.actions.is_empty(), "{before:?} {facts:?} acts again: {:?}", third.actions);
    }
}

#[test]
fn nothing_but_a_probe_of_the_merge_verifies_it() {
    for (before, facts) in every_case() {
        let verified = matches!(step(&before, &facts).next.state, ChangesetState::MergedVerified(_));
        let was = matches!(before.state, ChangesetState::MergedVerified(_));
        if verified && !was {
            assert!(facts.clause == Clause::Holds && facts.probed_contains_merge, "{before:?} {facts:?}");
        }
    }
}

#[test]
fn what_a_person_closed_only_a_person_reopens() {
    for (before, facts) in every_case().filter(|(b, _)| matches!(b.state, ChangesetState::Closed(ClosedBy::Person(_))))
    {
        let next = step(&before, &facts).next.state;
        if next == ChangesetState::Open {
            assert!(matches!(facts.pull, Pull::Open { .. }), "reopened although the forge says {:?}", facts.pull);
        }
    }
}

#[test]
fn what_a_person_touched_is_never_closed_by_us() {
    for (before, facts) in every_case() {
        let Step { next, actions } = step(&before, &facts);
        if next.ownership == Ownership::HumanTouched {
            assert!(!actions.contains(&Action::CloseAsSatisfied), "{before:?} {facts:?}");
        }
    }
}

#[test]
fn nothing_is_concluded_from_what_was_not_looked_at() {
    for (before, facts) in every_case().filter(|(_, f)| matches!(f.clause, Clause::Unprobed | Clause::Unclear)) {
        let next = step(&before, &facts).next.state;
        let concluded = matches!(next, ChangesetState::SatisfiedElsewhere | ChangesetState::RegressedByPerson);
        assert!(!concluded || next == before.state, "{before:?} {facts:?} -> {next:?}");
    }
}

#[test]
fn the_table() {
    let held = || ChangesetState::Held("verification".to_owned());
    let person = || ChangesetState::Closed(ClosedBy::Person("ada".to_owned()));
    let open = |head| Pull::Open { head };
    let merged_pull = || Pull::Merged { commit: MERGE };
    let closed_pull = || Pull::ClosedByPerson { login: "ada".to_owned() };
    let rows: Vec<(ChangesetState, Pull, Clause, bool, ChangesetState)> = vec![
        (held(), Pull::Unknown, Clause::Broken, false, held()),
        (held(), Pull::Unknown, Clause::Holds, false, ChangesetState::SatisfiedElsewhere),
        (held(), open(PUSHED), Clause::Broken, false, ChangesetState::Open),
        (ChangesetState::Open, open(PUSHED), Clause::Broken, false, ChangesetState::Open),
        (ChangesetState::Open, open(OTHER), Clause::Holds, false, ChangesetState::Open),
        (ChangesetState::Open, open(PUSHED), Clause::Holds, false, ChangesetState::SatisfiedElsewhere),
        (ChangesetState::Open, merged_pull(), Clause::Unprobed, false, ChangesetState::Merged(MERGE)),
        (ChangesetState::Open, merged_pull(), Clause::Broken, false, ChangesetState::Merged(MERGE)),
        (ChangesetState::Open, merged_pull(), Clause::Holds, true, ChangesetState::MergedVerified(MERGE)),
        (ChangesetState::Open, merged_pull(), Clause::Broken, true, ChangesetState::RegressedByPerson),
        (ChangesetState::Open, closed_pull(), Clause::Broken, false, person()),
        (ChangesetState::Open, closed_pull(), Clause::Holds, false, ChangesetState::SatisfiedElsewhere),
        (ChangesetState::Merged(MERGE), merged_pull(), Clause::Holds, true, ChangesetState::MergedVerified(MERGE)),
        (ChangesetState::Merged(MERGE), merged_pull(), Clause::Holds, false, ChangesetState::Merged(MERGE)),
        (ChangesetState::MergedVerified(MERGE), merged_pull(), Clause::Broken, true, ChangesetState::RegressedByPerson),
        (
            ChangesetState::MergedVerified(MERGE),
            merged_pull(),
            Clause::Unclear,
            true,
            ChangesetState::MergedVerified(MERGE),
        ),
        (ChangesetState::RegressedByPerson, merged_pull(), Clause::Broken, true, ChangesetState::RegressedByPerson),
        (ChangesetState::RegressedByPerson, merged_pull(), Clause::Holds, true, ChangesetState::SatisfiedElsewhere),
        (person(), closed_pull(), Clause::Broken, false, person()),
        (person(), open(PUSHED), Clause::Broken, false, ChangesetState::Open),
    ];
    for (from, pull, clause, contains, to) in rows {
        let facts = Facts { pull, clause, probed_contains_merge: contains };
        assert_eq!(
            step(&changeset(from.clone(), Ownership::Ours), &facts).next.state,
            to,
            "from {from:?} with {facts:?}"
        );
    }
}
