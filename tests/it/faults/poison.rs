//! F20, F21: tasks over which every worker dies are set aside after their last delivery, told of, and ended; also when
//! nobody leads while that happens. A remedy or a verification that is set aside has its record too, and is asked for again.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, pull_refs, wait_for};

/// As many as a task is delivered.
const DELIVERIES: usize = 5;
/// As many repositories, each poison.
const WORKERS: [&str; 5] = ["w1", "w2", "w3", "w4", "w5"];

/// Lets every worker take one task and die over it, until no delivery is left.
fn die_over_all(fleet: &mut Fleet, stage: &str, deliveries: usize) {
    // A member that names its catalog asks nobody for the organisation's own before it begins: also when nobody leads.
    let catalog = fleet.path().join("no-catalog");
    std::fs::create_dir_all(&catalog).expect("the folder is ours");
    let catalog = catalog.to_str().expect("a path of ours is text").to_owned();
    for _ in 0..deliveries {
        let stops = [("LIGASE_STOP_AT", stage), ("LIGASE_CATALOG", catalog.as_str())];
        WORKERS.iter().for_each(|name| fleet.start(name, &stops));
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

/// Lets every process of that name die over all tasks that it takes, as often as it is started, until the sweep has ended.
fn die_until_it_ends(fleet: &mut Fleet, name: &str, stage: &str) -> serde_json::Value {
    let mut sweep = fleet.begin(&["sweep"]);
    let mut deaths = 0;
    while sweep.runs() {
        fleet.start(name, &[("LIGASE_STOP_AT", stage), ("LIGASE_SLOTS", "8")]);
        wait_for("it dies over a task, or nothing is left", || (fleet.is_stopped(name) || !sweep.runs()).then_some(()));
        deaths += usize::from(fleet.is_stopped(name));
        fleet.kill(name);
    }
    assert!(deaths >= DELIVERIES, "{deaths}");
    let ended = sweep.wait();
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    ended.json()
}

/// A task of that kind is poison in every repository: all findings say why they wait, every task what became of it, and the
/// next sweep, with somebody well, mends what there is.
fn poisoned(kind: &str, name: &str, stage: &str, reason: &str) {
    let wanted = {
        let organisation = small(2);
        organisation.sweep();
        pull_refs(&organisation).len()
    };
    let mut fleet = Fleet::new(small(2));
    let other = if name == "w1" { "r1" } else { "w1" };
    fleet.start_all(&["c1", other]);
    fleet.wait_led();
    let ended = die_until_it_ends(&mut fleet, name, stage);
    assert!(pull_refs(&fleet.organisation).is_empty(), "{ended:#}");
    let letters = fleet.ask(&["deadletter", "list"]).code(0).json();
    let letters = letters.as_array().unwrap().clone();
    let of_kind: Vec<_> = letters.iter().filter(|l| l["kind"] == kind).collect();
    assert_eq!(of_kind.len(), wanted, "{letters:#?}");
    for letter in &of_kind {
        let told = fleet.ask(&["explain", "task", letter["key"].as_str().unwrap()]).code(0).json();
        assert_eq!(told["state"], "set-aside", "{told:#}");
        assert!(told["detail"].as_str().unwrap().contains("5 attempts"), "{told:#}");
    }
    let findings = fleet.ask(&["findings"]).json();
    let why = |f: &&serde_json::Value| f["place_reason"] == reason;
    let waiting: Vec<_> = findings["findings"].as_array().unwrap().iter().filter(why).collect();
    assert!(waiting.len() >= wanted, "{findings:#}");
    for finding in waiting {
        assert_eq!(finding["place"], "abstained", "{finding:#}");
        assert!(finding["place_detail"].as_str().unwrap().contains("5 attempts"), "{finding:#}");
    }
    fleet.start(name, &[]);
    let ended = fleet.sweep();
    assert_eq!(pull_refs(&fleet.organisation).len(), wanted, "{ended:#}");
    is_clean(&mut fleet, &[(&format!("F20 {kind} that kills everybody"), wanted)]);
}

#[test]
fn a_remedy_that_kills_every_agent_runner_is_set_aside_with_its_reason_and_asked_for_again() {
    poisoned("remedy", "r1", "remedy-leased", "remedy-failed-crashed");
}

#[test]
fn a_verification_that_kills_every_worker_is_set_aside_with_its_reason_and_asked_for_again() {
    poisoned("verification", "w1", "verification-leased", "refused-not-looked-at-crashed");
}
