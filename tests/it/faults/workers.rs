//! F4, F5, F6: a worker is killed at each stage, or sleeps past its lease and goes on.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, LEASE, wait_for};
use std::time::Duration;

/// Where a worker stops: before it asks, with the revision at hand, with what it saw, with that uploaded, with its result
/// recorded and not acknowledged.
const STAGES: [(&str, &str); 5] =
    [("w1", "leased"), ("w2", "fetched"), ("w3", "looked"), ("w4", "uploaded"), ("w5", "reported")];
const ROUNDS: usize = 5;

/// Lets one worker stop at each stage, and does something to all of them; then one that is well ends the sweep.
fn at_each_stage(fleet: &mut Fleet, round: usize, mut then: impl FnMut(&mut Fleet, &str)) {
    work_on(&fleet.organisation, round);
    fleet.pause("w6");
    for (name, stage) in STAGES {
        fleet.start(name, &[("LIGASE_STOP_AT", stage)]);
    }
    let sweep = fleet.begin(&["sweep"]);
    STAGES.iter().for_each(|(name, _)| fleet.wait_stopped(name));
    STAGES.iter().for_each(|(name, _)| then(fleet, name));
    fleet.resume("w6");
    let ended = sweep.wait();
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
}

fn begin() -> Fleet {
    let mut fleet = Fleet::new(small(6));
    fleet.start_all(&["c1", "w6", "r1"]);
    fleet.wait_led();
    fleet
}

#[test]
fn workers_killed_at_each_stage_lose_nothing() {
    let mut fleet = begin();
    for round in 1..=ROUNDS {
        at_each_stage(&mut fleet, round, |fleet, name| fleet.kill(name));
    }
    let hits = [
        ("F4 worker killed with a lease", ROUNDS),
        ("F4 worker killed with the revision at hand", ROUNDS),
        ("F4 worker killed before its upload", ROUNDS),
        ("F4 worker killed before its report", ROUNDS),
        ("F5 worker killed before its ack", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}

#[test]
fn workers_that_sleep_past_their_lease_and_wake_change_nothing() {
    let mut fleet = begin();
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        fleet.pause("w6");
        for (name, stage) in STAGES {
            fleet.start(name, &[("LIGASE_STOP_AT", stage)]);
        }
        let sweep = fleet.begin(&["sweep"]);
        STAGES.iter().for_each(|(name, _)| fleet.wait_stopped(name));
        // The others' leases lapse, and the one that is well takes what they held.
        fleet.resume("w6");
        let ended = sweep.wait();
        assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
        for (name, _) in STAGES {
            fleet.resume(name);
            fleet.ask_to_end(name);
        }
        STAGES.iter().for_each(|(name, _)| fleet.wait_ended(name));
    }
    let late = wait_for("late reports are told", || Some(fleet.said("c1")));
    assert!(!late.contains("\"level\":\"ERROR\""), "{late}");
    assert!(Duration::from_secs(LEASE) < ligase_tests::PATIENCE);
    is_clean(&mut fleet, &[("F6 worker asleep past its lease, at 5 stages", ROUNDS * STAGES.len())]);
}
