//! F18, F19: messages that no part of the fleet would send. Every task is published again several times under ids and
//! subjects of their own, while it runs and when it is done; and tasks of a policy and of revisions that are gone arrive late.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, Heard, POLICY, Wiretap, finding_rows, wait_for};
use std::collections::BTreeSet;

const REPOSITORIES: usize = 5;

/// Publishes everything that was heard and not told again yet, two to five times each; how many the server took.
fn tell_again(tap: &mut Wiretap, told: &mut BTreeSet<String>) -> usize {
    let fresh: Vec<Heard> = tap.heard().into_iter().filter(|t| told.insert(t.subject.clone())).collect();
    let mut taken = 0;
    for (n, task) in fresh.iter().enumerate() {
        taken += (0..2 + n % 4).filter(|_| tap.again(task)).count();
    }
    taken
}

fn named(heard: &[Heard], kind: &str) -> usize {
    heard.iter().filter(|t| t.kind() == kind).map(Heard::key).collect::<BTreeSet<_>>().len()
}

#[test]
fn tasks_that_are_delivered_several_times_at_once_have_one_record_each() {
    let mut fleet = Fleet::new(small(REPOSITORIES));
    fleet.start_all(&["c1"]);
    fleet.wait_led();
    let (mut tap, mut told, mut taken) = (Wiretap::at(&fleet.nats.urls()[0]), BTreeSet::new(), 0);
    let mut sweep = fleet.begin(&["sweep"]);
    wait_for("the looks are published", || (named(&tap.heard(), "probe") == REPOSITORIES).then_some(()));
    taken += tell_again(&mut tap, &mut told);
    fleet.start_all(&["w1", "w2", "r1", "r2"]);
    while sweep.runs() {
        taken += tell_again(&mut tap, &mut told);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let ended = sweep.wait();
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    // And once more when all is done.
    told.clear();
    taken += tell_again(&mut tap, &mut told);
    let heard = tap.heard();
    for kind in ["probe", "remedy", "verification"] {
        assert!(named(&heard, kind) >= REPOSITORIES, "{kind}: {heard:?}");
    }
    // What was told again is worked off, in a sweep that has nothing else to do.
    fleet.sweep();
    assert!(taken >= 2 * told.len(), "{taken} of {}", told.len());
    is_clean(&mut fleet, &[("F18 task delivered again", taken)]);
}

/// What an organisation looks like that came to the same point without a fault.
fn undisturbed(policy: &str) -> Vec<String> {
    let organisation = small(REPOSITORIES);
    work_on(&organisation, 1);
    organisation.policy(policy);
    organisation.sweep();
    finding_rows(&organisation.findings("all"))
}

#[test]
fn tasks_of_a_policy_and_of_revisions_that_are_gone_change_nothing_when_they_arrive() {
    let adopted = POLICY.replace("floor: [no-sensitive-in-logs]", "floor: [no-sensitive-in-logs, secret-management]");
    assert_ne!(adopted, POLICY);
    let mut fleet = Fleet::new(small(REPOSITORIES));
    fleet.start_all(&["c1"]);
    fleet.wait_led();
    let mut tap = Wiretap::at(&fleet.nats.urls()[0]);
    // Looks at revisions that are no heads any more when somebody comes to look.
    let sweep = fleet.begin(&["sweep"]);
    wait_for("the looks are published", || (named(&tap.heard(), "probe") == REPOSITORIES).then_some(()));
    fleet.kill("c1");
    let _ = sweep.wait();
    work_on(&fleet.organisation, 1);
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.sweep();
    let old = tap.heard();
    assert!(named(&old, "remedy") >= REPOSITORIES && named(&old, "verification") >= REPOSITORIES, "{old:?}");
    // Another policy is adopted, and everything that was ever asked for under the last one comes once more.
    fleet.organisation.policy(&adopted);
    let mut taken = 0;
    let sweep = fleet.begin(&["sweep"]);
    old.iter().for_each(|task| taken += usize::from(tap.again(task)));
    let ended = sweep.wait();
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    old.iter().for_each(|task| taken += usize::from(tap.again(task)));
    fleet.sweep();
    let found = fleet.ask(&["findings", "--outcome", "all"]).json();
    let found = finding_rows(found["findings"].as_array().expect("findings"));
    assert_eq!(found, undisturbed(&adopted), "what is shown is what the last policy says of the last revisions");
    let gone = fleet.organisation.names().into_iter().map(|name| fleet.organisation.bare(&name).at("main~1"));
    let gone: BTreeSet<String> = gone.collect();
    let journal = fleet.journal();
    let probed = journal.iter().filter(|row| row["kind"] == "probed");
    let of_gone = probed.filter(|r| gone.contains(r["object"]["fields"]["revision"].as_str().unwrap_or_default()));
    assert_eq!(of_gone.count(), 0, "nobody looked at what is gone");
    is_clean(&mut fleet, &[("F19 task of another policy or revision arrives", taken)]);
}
