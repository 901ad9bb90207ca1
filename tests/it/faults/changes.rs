//! F8: an agent-runner is killed at each stage of a remedy task, the deliverer before and after it pushes: one branch and one
//! pull request for each intent, whatever died.

use super::{is_clean, small};
use ligase_tests::{Fleet, Organisation, pull_refs};
use std::fs;

/// Each in an organisation of its own: what is open already is not made again.
const ROUNDS: usize = 5;
const RUNNERS: [&str; 4] = ["remedy-leased", "proposed", "remedy-uploaded", "remedy-reported"];

/// How many pull requests an undisturbed sweep of so many services opens.
fn undisturbed(repositories: usize) -> usize {
    swept(repositories).1
}

fn swept(repositories: usize) -> (Organisation, usize) {
    let organisation = small(repositories);
    organisation.sweep();
    let pulls = pull_refs(&organisation).len();
    assert!(pulls >= repositories, "there is something to mend: {pulls}");
    (organisation, pulls)
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
        // All five may have died over one task: then it was set aside, says so, and is asked for again.
        let letters = fleet.ask(&["deadletter", "list"]).code(0).json().as_array().map_or(0, Vec::len);
        let opened = pull_refs(&fleet.organisation).len();
        assert!(
            letters <= 1 && opened + letters == wanted,
            "killed at {stage}: {opened} of {wanted}, {letters} letters"
        );
        if letters > 0 {
            fleet.sweep();
        }
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
        let ended = fleet.sweep();
        let pulls = pull_refs(&fleet.organisation);
        let stand = || format!("{ended:#}\n{}", fleet.ask(&["changesets"]).out);
        assert_eq!(pulls.len(), wanted, "killed at {stage}: {}", stand());
        is_clean(&mut fleet, &[(&format!("F8 deliverer killed at {stage}"), ROUNDS)]);
    }
}

#[test]
fn what_a_killed_deliverer_left_in_the_way_of_its_refs_keeps_no_pull_request_from_being_opened() {
    let (pattern, wanted) = swept(2);
    let mut fleet = Fleet::new(small(2));
    fleet.start_all(&["w1", "r1"]);
    fleet.start("c1", &[("LIGASE_STOP_AT", "before-push")]);
    fleet.wait_led();
    let sweep = fleet.begin(&["sweep"]);
    fleet.wait_stopped("c1");
    fleet.kill("c1");
    drop(sweep.wait());
    // As whoever is killed between taking a ref's lock and letting it go leaves it: of a claim, a branch, a pull request.
    let mut locks = Vec::new();
    for name in pattern.names() {
        let bare = pattern.bare(&name);
        for prefix in ["refs/ligase/intents", "refs/heads/ligase", "refs/ligase/pulls"] {
            let reference = bare.refs(prefix).first().expect("a ref of an open pull request").clone();
            let lock = fleet.organisation.bare(&name).path.join(format!("{reference}.lock"));
            fs::create_dir_all(lock.parent().expect("in a folder")).expect("a new folder");
            fs::write(&lock, b"").expect("a new file");
            locks.push(lock);
        }
    }
    fleet.start("c1", &[]);
    let ended = fleet.sweep();
    let stand = || format!("{ended:#}\n{}\n{}", fleet.ask(&["changesets"]).out, fleet.said("c1"));
    assert_eq!(pull_refs(&fleet.organisation).len(), wanted, "{}", stand());
    assert!(locks.iter().all(|lock| !lock.exists()), "{locks:?}");
    is_clean(&mut fleet, &[("F8 deliverer killed with a ref's lock", locks.len())]);
}
