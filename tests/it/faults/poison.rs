//! F20, F21: tasks over which every worker dies are set aside after their last delivery, told of, and ended; also when
//! nobody leads while that happens.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, wait_for};

/// As many as a task is delivered.
const DELIVERIES: usize = 5;
/// As many repositories, each poison.
const WORKERS: [&str; 5] = ["w1", "w2", "w3", "w4", "w5"];

/// Lets every worker take one task and die over it, until no delivery is left.
fn die_over_all(fleet: &mut Fleet, stage: &str, deliveries: usize) {
    for _ in 0..deliveries {
        WORKERS.iter().for_each(|name| fleet.start(name, &[("LIGASE_STOP_AT", stage)]));
        WORKERS.iter().for_each(|name| fleet.wait_stopped(name));
        WORKERS.iter().for_each(|name| fleet.kill(name));
    }
}

#[test]
fn tasks_that_kill_every_worker_are_set_aside_and_the_sweep_ends() {
    let mut fleet = Fleet::new(small(WORKERS.len()));
    fleet.start_all(&["c1", "r1"]);
    fleet.wait_led();
    let sweep = fleet.begin(&["sweep"]);
    die_over_all(&mut fleet, "fetched", DELIVERIES);
    // The server only notices that no delivery is left when somebody asks for one.
    fleet.start("w6", &[]);
    let ended = sweep.wait().code(3).json();
    let problems = ended["unreachable"].as_array().unwrap();
    assert_eq!(problems.len(), WORKERS.len(), "{ended:#}");
    assert!(problems.iter().all(|p| p["reason"] == "crashed"), "{ended:#}");
    let letters = fleet.ask(&["deadletter", "list"]).code(0);
    assert_eq!(letters.out.matches("\"number\"").count(), WORKERS.len(), "{}", letters.out);
    // Another revision is another task: nothing stays in its way.
    work_on(&fleet.organisation, 1);
    assert_eq!(fleet.sweep()["unreachable"].as_array().unwrap().len(), 0);
    is_clean(&mut fleet, &[("F20 task that kills every worker", WORKERS.len())]);
}

#[test]
fn what_is_set_aside_while_nobody_leads_is_not_lost() {
    let mut fleet = Fleet::new(small(WORKERS.len()));
    fleet.start_all(&["c1", "r1"]);
    fleet.wait_led();
    let sweep = fleet.begin(&["sweep"]);
    die_over_all(&mut fleet, "leased", 1);
    fleet.kill("c1");
    let _ = sweep.wait();
    die_over_all(&mut fleet, "leased", DELIVERIES - 1);
    fleet.start_all(&["c1", "w6"]);
    wait_for("another leads", || fleet.status());
    assert_eq!(fleet.sweep()["unreachable"].as_array().unwrap().len(), 0);
    is_clean(&mut fleet, &[("F21 last delivery while nobody leads", WORKERS.len())]);
}
