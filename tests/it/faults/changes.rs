//! F8: an agent-runner is killed at each stage of a remedy task, the deliverer before and after it pushes: one branch and one
//! pull request for each intent, whatever died.

use super::{is_clean, small};
use ligase_tests::{Fleet, pull_refs};

/// Each in an organisation of its own: what is open already is not made again.
const ROUNDS: usize = 5;
const RUNNERS: [&str; 4] = ["remedy-leased", "proposed", "remedy-uploaded", "remedy-reported"];

/// How many pull requests an undisturbed sweep of so many services opens.
fn undisturbed(repositories: usize) -> usize {
    let organisation = small(repositories);
    organisation.sweep();
    let pulls = pull_refs(&organisation).len();
    assert!(pulls >= repositories, "there is something to mend: {pulls}");
    pulls
}

#[test]
fn an_agent_runner_killed_at_each_stage_leaves_one_pull_request_for_each_intent() {
    let wanted = undisturbed(5);
    for stage in RUNNERS {
        // Five kills in one sweep: each runner takes one task, and dies over it.
        let mut fleet = Fleet::new(small(5));
        fleet.start_all(&["c1", "w1"]);
        fleet.wait_led();
        fleet.start("r1", &[("LIGASE_STOP_AT", stage)]);
        let sweep = fleet.begin(&["sweep"]);
        for round in 1..=ROUNDS {
            fleet.wait_stopped("r1");
            fleet.kill("r1");
            let again: &[(&str, &str)] = if round < ROUNDS { &[("LIGASE_STOP_AT", stage)] } else { &[] };
            fleet.start("r1", again);
        }
        let ended = sweep.wait();
        assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
        assert_eq!(pull_refs(&fleet.organisation).len(), wanted, "killed at {stage}");
        is_clean(&mut fleet, &[(&format!("F8 agent-runner killed at {stage}"), ROUNDS)]);
    }
}

#[test]
fn a_deliverer_killed_before_and_after_its_push_opens_no_pull_request_twice() {
    let wanted = undisturbed(3);
    for stage in ["before-push", "pushed"] {
        let mut fleet = Fleet::new(small(3));
        fleet.start_all(&["w1", "r1"]);
        for round in 1..=ROUNDS {
            fleet.start("c1", &[("LIGASE_STOP_AT", stage)]);
            fleet.wait_led();
            // From the second on it goes on by itself with what was begun.
            let sweep = (round == 1).then(|| fleet.begin(&["sweep"]));
            fleet.wait_stopped("c1");
            fleet.kill("c1");
            drop(sweep.map(ligase_tests::Started::wait));
        }
        fleet.start("c1", &[]);
        fleet.sweep();
        let pulls = pull_refs(&fleet.organisation);
        assert_eq!(pulls.len(), wanted, "killed at {stage}: {pulls:#?}");
        is_clean(&mut fleet, &[(&format!("F8 deliverer killed at {stage}"), ROUNDS)]);
    }
}
