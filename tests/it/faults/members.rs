//! Members come and go in mid-sweep, by SIGTERM and by SIGKILL: nothing is lost and the sweep ends. And looking and mending
//! go side by side: the first remedy is begun before the last repository was looked at.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, wait_for};
use serde_json::Value;

const ROUNDS: usize = 5;
/// Enough for a plan before all of them were looked at.
const MANY: usize = 25;

/// How many tasks of the running sweep have not ended; nothing while none runs.
fn planned(fleet: &Fleet) -> Option<u64> {
    let status = fleet.status()?;
    (status["sweep"] != "").then(|| status["planned"].as_u64()).flatten()
}

#[test]
fn members_that_come_and_go_in_mid_sweep_lose_nothing() {
    let mut fleet = Fleet::new(small(4));
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        // It stands in the sweep with a lease until somebody else has come.
        fleet.start("w2", &[("LIGASE_STOP_AT", "fetched")]);
        fleet.pause("w1");
        let sweep = fleet.begin(&["sweep"]);
        fleet.wait_stopped("w2");
        wait_for("the sweep runs", || planned(&fleet).filter(|n| *n > 0));
        fleet.start_all(&["w3", "r2"]);
        fleet.kill("w2");
        // One is asked to end and ends by itself; it finishes what it holds.
        fleet.resume("w1");
        fleet.ask_to_end("w1");
        fleet.wait_ended("w1");
        fleet.ask_to_end("r1");
        fleet.wait_ended("r1");
        let ended = sweep.wait();
        assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
        fleet.start_all(&["w1", "r1"]);
        fleet.kill("w3");
        fleet.kill("r2");
    }
    let hits = [
        ("worker killed in mid-sweep, others added", ROUNDS),
        ("worker told to end in mid-sweep", ROUNDS),
        ("agent-runner told to end in mid-sweep", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}

#[test]
fn the_first_remedy_is_begun_before_the_last_repository_is_looked_at() {
    let mut fleet = Fleet::new(small(MANY));
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    let ended = fleet.ask(&["sweep"]);
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    let journal = fleet.journal();
    let at = |of: &dyn Fn(&Value) -> bool| journal.iter().position(of);
    let first_remedy = at(&|r| r["kind"] == "attempt-began" && r["object"]["fields"]["kind"] == "remedy");
    let last_look = journal.iter().rposition(|r| r["kind"] == "probed");
    let looks = journal.iter().filter(|r| r["kind"] == "probed").count();
    assert_eq!(looks, MANY);
    assert!(first_remedy.unwrap() < last_look.unwrap(), "remedy at {first_remedy:?}, last look at {last_look:?}");
}

/// A probe of the organisation's own, so that whoever lacks it looks with another probe set.
fn own_probe(fleet: &Fleet, callee: &str) {
    let folder = fleet.path().join("organisation/catalog/probes/python");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "apiVersion: ligase.dev/v1\nkind: Probe\nmetadata: {{ id: python/acme-limit, version: 1 }}\nspec:\n  \
         engine: ast-grep\n  language: python\n  prefilter: [{callee}]\n  emits: guard\n  \
         attach: {{ to: endpoint, by: same-definition }}\n  rule: {{ pattern: '{callee}(times=$TIMES)' }}\n  capture:\n    \
         kind: {{ const: rate-limit }}\n    symbol: {{ const: acme.{callee} }}\n    \
         limit: {{ from: TIMES, as: int, resolve: constant }}\n"
    );
    std::fs::write(folder.join("acme.yaml"), text).unwrap();
}

#[test]
fn members_are_given_the_organisations_own_catalog_and_begin_anew_with_another() {
    let mut fleet = Fleet::new(small(1));
    own_probe(&fleet, "AcmeLimiter");
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    let swept = fleet.ask(&["sweep"]);
    assert!(matches!(swept.code, 0 | 1), "{} {}", swept.out, swept.err);
    assert!(fleet.said("w1").contains("the organisation's own catalog too"), "{}", fleet.said("w1"));

    own_probe(&fleet, "OtherLimiter");
    fleet.ask_to_end("c1");
    fleet.wait_ended("c1");
    fleet.start("c1", &[]);
    for name in ["w1", "r1"] {
        fleet.wait_ended(name);
        assert!(fleet.said(name).contains("E-MEMBER-CATALOG"), "{}", fleet.said(name));
    }
    fleet.start("w1", &[]);
    let given = |fleet: &Fleet| fleet.said("w1").matches("the organisation's own catalog too").count();
    wait_for("it is given the other", || (given(&fleet) == 2).then_some(()));
}
