//! Faults: real processes over a real nats-server, killed, stopped and cut off at named stages. After each the history
//! checker must find nothing lost, nothing twice and nothing stuck, and every attempt must be told of.
//!
//! What they share stands here; `workers.rs`, `coordinators.rs` and the others have a fault each. `history.rs` tries the
//! checker itself on histories with a planted loss and a planted duplicate.

mod changes;
mod coordinators;
mod doors;
mod escape;
mod history;
mod identities;
mod liars;
mod members;
mod network;
mod poison;
mod queue;
mod room;
mod slow;
mod stores;
mod stuck;
mod twice;
mod workers;

use ligase_tests::{Fleet, Organisation, judge, pull_refs};
use serde_json::Value;
use std::collections::BTreeMap;

/// An organisation of so many small services, each with something to mend.
fn small(repositories: usize) -> Organisation {
    Organisation::of_services(repositories)
}

/// Gives every repository another head, so that there is something to look at again.
fn work_on(organisation: &Organisation, round: usize) {
    organisation.names().iter().for_each(|name| organisation.work_on(name, round));
}

/// Ends the fleet and judges its history.
#[expect(clippy::print_stdout, reason = "the counts of what was hit, for whoever reads the run")]
#[track_caller]
fn is_clean(fleet: &mut Fleet, hits: &[(&str, usize)]) {
    let journal = fleet.journal();
    let verdict = judge(&journal, &pull_refs(&fleet.organisation));
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert!(verdict.sweeps > 0 && verdict.tasks > 0, "{verdict:?}");
    every_attempt_is_told(fleet, &journal);
    let stats = fleet.organisation.run_on_evidence("stats");
    assert_eq!(stats["damaged"], 0, "{stats:#}");
    for (fault, count) in hits {
        println!(
            "fault {fault:<44} hit {count:>2} times: lost=0 duplicated=0 stuck=0, {} sweeps, {} tasks",
            verdict.sweeps, verdict.tasks
        );
        assert!(*count >= 5, "{fault} was hit {count} times");
    }
}

/// `explain task` names each attempt of the journal, with who, since when, until when and how it ended.
#[track_caller]
fn every_attempt_is_told(fleet: &Fleet, journal: &[Value]) {
    let mut begun: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for row in journal.iter().filter(|r| r["kind"] == "attempt-began") {
        let fields = &row["object"]["fields"];
        let key = fields["key"].as_str().expect("a key").to_owned();
        let who = fields["by"].as_str().expect("who").to_owned();
        begun.entry(key).or_default().push((fields["number"].as_u64().expect("a number"), who));
    }
    assert!(!begun.is_empty(), "attempts stand in the journal");
    let mut several: Vec<_> = begun.into_iter().collect();
    several.sort_by_key(|(_, attempts)| std::cmp::Reverse(attempts.len()));
    for (key, attempts) in several.iter().take(4) {
        let told = fleet.organisation.run(&["explain", "task", key, "--json"]).code(0).json();
        let rows = told["attempts"].as_array().expect("attempts");
        for (number, who) in attempts {
            let row = rows.iter().find(|r| r["attempt"] == *number && r["by"] == *who);
            let row = row.unwrap_or_else(|| panic!("attempt {number} by {who} of {key} is not told: {told:#}"));
            assert!(!row["began"].as_str().unwrap_or_default().is_empty(), "{told:#}");
            assert!(!row["cause"].as_str().unwrap_or_default().is_empty(), "{told:#}");
        }
    }
}
