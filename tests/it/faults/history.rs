//! The checker of histories is tried on a good one, and on the same with something planted: it must find just that.

use super::{small, work_on};
use ligase_tests::{PullRef, judge, pull_refs};
use serde_json::Value;

/// A history without faults: two sweeps of one process.
fn good() -> (Vec<Value>, Vec<PullRef>) {
    let organisation = small(3);
    organisation.sweep();
    work_on(&organisation, 1);
    organisation.sweep();
    let state = ["evidence", "journal", "--state", "state"];
    let run = ligase_tests::ligase_in(organisation.path(), &state).code(0);
    let journal = run.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (journal, pull_refs(&organisation))
}

fn is(row: &Value, kind: &str) -> bool {
    row["kind"] == kind
}

#[test]
fn a_good_history_is_good_and_what_is_planted_in_it_is_found() {
    let (journal, pulls) = good();
    let verdict = judge(&journal, &pulls);
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.sweeps, 2);
    assert!(verdict.tasks >= 6 && !pulls.is_empty(), "{verdict:?} {pulls:?}");

    let without = |kind: &str| -> Vec<Value> {
        let at = journal.iter().position(|r| is(r, kind)).unwrap();
        journal.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, r)| r.clone()).collect()
    };
    let lost = judge(&without("probed"), &pulls);
    assert_eq!(lost.lost.len(), 1, "a record that is gone is a loss: {lost:#?}");
    assert_eq!(lost.stuck.len(), 1, "and its task has no end: {lost:#?}");

    let last = journal.iter().rposition(|r| is(r, "sweep-ended")).unwrap();
    let endless: Vec<Value> = journal[..last].iter().chain(&journal[last + 1..]).cloned().collect();
    let stuck = judge(&endless, &pulls);
    assert!(stuck.stuck.len() == 1 && stuck.lost.is_empty() && stuck.duplicated.is_empty(), "{stuck:#?}");

    let mut twice = journal.clone();
    let record = journal.iter().find(|r| is(r, "probed")).unwrap();
    twice.push(record.clone());
    assert_eq!(judge(&twice, &pulls).duplicated.len(), 1, "the same record again");
    let mut other = record.clone();
    other["object"]["fields"]["root"] = Value::from("0".repeat(64));
    *twice.last_mut().unwrap() = other;
    let duplicated = judge(&twice, &pulls).duplicated;
    assert!(duplicated.len() == 1 && duplicated[0].contains("different"), "{duplicated:?}");
}

#[test]
fn pull_requests_that_are_lost_or_there_twice_are_found() {
    let (journal, pulls) = good();
    let mut twice = pulls.clone();
    twice.push(PullRef { number: 99, ..pulls[0].clone() });
    let verdict = judge(&journal, &twice);
    assert_eq!(verdict.duplicated.len(), 1, "two of one intent: {verdict:#?}");
    assert_eq!(verdict.lost.len(), 1, "and the journal does not know it: {verdict:#?}");
    let verdict = judge(&journal, &pulls[1..]);
    assert_eq!(verdict.lost.len(), 1, "one that the forge does not have: {verdict:#?}");

    let mut renumbered = journal.clone();
    let mut again =
        journal.iter().rfind(|r| is(r, "changeset") && !r["object"]["fields"]["number"].is_null()).unwrap().clone();
    again["object"]["fields"]["number"] = Value::from("98");
    renumbered.push(again);
    let verdict = judge(&renumbered, &pulls);
    assert_eq!((verdict.duplicated.len(), verdict.lost.len()), (1, 1), "{verdict:#?}");
}
