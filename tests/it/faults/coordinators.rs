//! F1, F2, F3, F8's last part: the leading coordinator is killed at each stage of a sweep, or sleeps past its term; another
//! takes over and ends the sweep.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, wait_for};

const ROUNDS: usize = 5;

/// Makes a coordinator lead that will stop at a stage, with the other one standing by.
fn lead(fleet: &mut Fleet, leader: &str, other: &str, stage: &str) {
    fleet.start(leader, &[("LIGASE_STOP_AT", stage)]);
    if fleet.runs(other) {
        // It resigns, and whoever stands by leads.
        fleet.ask_to_end(other);
        fleet.wait_ended(other);
    }
    wait_for("the one that will stop leads", || {
        let status = fleet.status()?;
        (status["leader"] == leader).then_some(())
    });
    fleet.start(other, &[]);
}

/// Kills the leader at these stages, one after the other, each in a sweep of its own.
fn killed_at(fleet: &mut Fleet, stages: &[&str], round: &mut usize) {
    for stage in stages {
        *round += 1;
        work_on(&fleet.organisation, *round);
        lead(fleet, "c1", "c2", stage);
        let sweep = fleet.begin(&["sweep"]);
        fleet.wait_stopped("c1");
        fleet.kill("c1");
        let _ = sweep.wait();
        fleet.sweep();
    }
}

fn begin(repositories: usize) -> Fleet {
    let mut fleet = Fleet::new(small(repositories));
    fleet.start_all(&["w1", "r1"]);
    fleet
}

#[test]
fn a_leader_killed_while_it_publishes_is_followed_by_one_that_ends_the_sweep() {
    let mut fleet = begin(4);
    let mut round = 0;
    for _ in 0..ROUNDS {
        killed_at(&mut fleet, &["published:1", "published:2", "published:3", "published:4"], &mut round);
    }
    let hits = [
        ("F1 leader killed after the first publish", ROUNDS),
        ("F1 leader killed after half the publishes", ROUNDS),
        ("F1 leader killed after all but one publish", ROUNDS),
        ("F1 leader killed after the last publish", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}

#[test]
fn a_leader_killed_between_records_is_followed_by_one_that_ends_the_sweep() {
    let mut fleet = begin(4);
    let mut round = 0;
    for _ in 0..ROUNDS {
        killed_at(
            &mut fleet,
            &["listed", "manifest", "all-published", "before-record:2", "after-record:2"],
            &mut round,
        );
    }
    let hits = [
        ("F1 leader killed before its manifest", ROUNDS),
        ("F1 leader killed after its manifest", ROUNDS),
        ("F2 leader killed after its publications", ROUNDS),
        ("leader killed before a record", ROUNDS),
        ("leader killed after a record", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}

#[test]
fn a_leader_that_sleeps_past_its_term_writes_nothing_more_and_ends_when_it_wakes() {
    let mut fleet = begin(4);
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        // The one that leads and will sleep, and the one that waits for it to wake.
        let (leader, other) = if round % 2 == 1 { ("c1", "c2") } else { ("c2", "c1") };
        if round == 1 {
            fleet.start(leader, &[]);
            wait_for("the first leads", || fleet.status().filter(|s| s["leader"] == leader));
        }
        fleet.start(other, &[]);
        let sweep = fleet.begin(&["sweep"]);
        wait_for("the sweep runs", || fleet.status().filter(|s| s["sweep"] != ""));
        fleet.pause(leader);
        let term = format!("round {round}: {other} has the term and waits for the store");
        let waits = fleet.said(other).matches("cannot be opened yet").count();
        wait_for(&term, || (fleet.said(other).matches("cannot be opened yet").count() > waits).then_some(()));
        fleet.resume(leader);
        fleet.wait_ended(leader);
        assert!(fleet.said(leader).contains("leads no more"), "it found out");
        let _ = sweep.wait();
        wait_for("the other leads", || fleet.status().filter(|s| s["leader"] == other));
        fleet.sweep();
    }
    is_clean(&mut fleet, &[("F3 leader asleep past its term", ROUNDS)]);
}

#[test]
fn clocks_that_are_an_hour_off_change_nothing() {
    let mut fleet = Fleet::new(small(4));
    let hour = "3600000";
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        let (coordinator, worker) = if round % 2 == 1 { (hour, "-3600000") } else { ("-3600000", hour) };
        fleet.start("c1", &[("LIGASE_CLOCK_SKEW_MS", coordinator)]);
        fleet.start("w1", &[("LIGASE_CLOCK_SKEW_MS", worker), ("LIGASE_STOP_AT", "looked")]);
        fleet.start("w2", &[("LIGASE_CLOCK_SKEW_MS", worker)]);
        fleet.start("r1", &[("LIGASE_CLOCK_SKEW_MS", worker)]);
        fleet.wait_led();
        let sweep = fleet.begin(&["sweep"]);
        fleet.wait_stopped("w1");
        let ended = sweep.wait();
        assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
        ["w1", "w2", "r1", "c1"].iter().for_each(|name| fleet.kill(name));
    }
    is_clean(&mut fleet, &[("F22 clocks two hours apart, with a lapsed lease", ROUNDS)]);
}

#[test]
fn a_person_who_names_the_one_that_stands_by_first_is_answered_by_the_leader() {
    let mut fleet = Fleet::new(small(1));
    fleet.start_all(&["c2", "w1", "r1"]);
    wait_for("the second leads", || (fleet.status()?["leader"] == "c2").then_some(()));
    // Addresses are asked in the order of their names.
    fleet.start("c1", &[]);
    wait_for("the first stands by", || fleet.said("c1").contains("stands by").then_some(()));
    let ended = fleet.ask(&["sweep"]);
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    let told = fleet.ask(&["fleet", "status"]);
    assert_eq!(told.code, 0, "{} {}", told.out, told.err);
}
