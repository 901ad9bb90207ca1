//! F7: a worker that lives and gets nowhere, because a server drips. Its attempt is ended at a deadline, what it started is
//! killed, its slot is free, and the task is somebody's again.

use super::is_clean;
use ligase_tests::http::{Behaviour, Server};
use ligase_tests::{Fleet, Organisation, POLICY, wait_for};
use std::time::Duration;

const REPOSITORIES: usize = 5;
/// Seconds without progress that are allowed, and of a lease: what is ended before its lease lapses is given back, and comes
/// again after a while.
const STUCK: &str = "3";
const LEASE: u64 = 12;

/// An organisation whose repositories are behind this server.
fn behind(server: &Server) -> Organisation {
    let organisation = Organisation::of_services(REPOSITORIES);
    let urls: Vec<String> = organisation.names().iter().map(|name| format!("\"{}/{name}.git\"", server.url)).collect();
    let source = format!("    - git: [{}]", urls.join(", "));
    organisation.policy(&POLICY.replace("    - directory: ../repositories", &source));
    server.become_(Behaviour::Serve(organisation.path().join("repositories")));
    organisation
}

#[test]
fn an_attempt_that_makes_no_progress_is_ended_its_child_killed_and_its_slot_free() {
    let server = Server::start(Behaviour::Stall);
    let mut fleet = Fleet::new(behind(&server));
    fleet.lease = LEASE;
    fleet.start("c1", &[]);
    fleet.wait_led();
    let sweep = fleet.begin(&["sweep"]);
    // What is to be looked at is known and waits; from now on every fetch gets a line of refs now and then.
    wait_for("the tasks wait", || {
        let status = fleet.status()?;
        let rows = status["backlog"].as_array()?.clone();
        let waiting = rows.iter().filter(|r| r["kind"] == "probe").filter_map(|r| r["waiting"].as_u64()).sum::<u64>();
        (waiting == REPOSITORIES as u64).then_some(())
    });
    server.become_(Behaviour::Drip(Duration::from_millis(200)));
    fleet.start("w1", &[("LIGASE_STUCK", STUCK)]);
    let ended = |fleet: &Fleet| fleet.said("w1").matches("no progress; the attempt is ended").count();
    wait_for("its only slot was stuck over every task", || (ended(&fleet) >= REPOSITORIES).then_some(()));
    server.become_(Behaviour::Serve(fleet.organisation.path().join("repositories")));
    let ended_sweep = sweep.wait();
    assert!(matches!(ended_sweep.code, 0 | 1), "{} {}", ended_sweep.out, ended_sweep.err);
    assert_eq!(ended_sweep.json()["clones"], REPOSITORIES, "{}", ended_sweep.out);
    let children = fleet.children("w1");
    assert!(!children.iter().any(|c| c.contains("__vcs")), "{children:?}");
    let hits = ended(&fleet);
    let journal = fleet.journal();
    let cause = |row: &&serde_json::Value| {
        row["object"]["fields"]["cause"].as_str().is_some_and(|c| c.starts_with("given back: too-slow"))
    };
    assert!(journal.iter().filter(cause).count() >= REPOSITORIES, "each says why it was given back");
    is_clean(&mut fleet, &[("F7 worker stuck over a dripping server", hits)]);
}
