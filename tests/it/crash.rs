//! A sweep that is killed at any moment loses nothing but its time: the next one comes to what an undisturbed sweep comes to,
//! each intent has one pull request and one branch, and the store has no damage.

use ligase_tests::{Organisation, POLICY, Started, finding_rows};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

/// What an organisation has come to, without dates and without the commits that carry them.
#[derive(Debug, PartialEq, Eq)]
struct End {
    findings: Vec<String>,
    changesets: Vec<String>,
    branches: Vec<String>,
    pulls: usize,
}

fn end(organisation: &Organisation) -> End {
    let changesets = organisation.changesets();
    let keys =
        ["id", "service", "clause", "branch", "state", "ownership", "findings", "diff", "gate", "title", "patch"];
    let row = |c: &Value| keys.map(|k| c[k].to_string()).join(" ");
    let mut rows: Vec<String> = changesets.iter().map(row).collect();
    rows.sort();
    let services = organisation.names();
    let refs = |prefix: &str| -> Vec<String> {
        services
            .iter()
            .flat_map(|s| organisation.bare(s).refs(prefix).into_iter().map(move |r| format!("{s} {r}")))
            .collect()
    };
    let findings = finding_rows(&organisation.findings("all"));
    End { findings, changesets: rows, branches: refs("refs/heads"), pulls: refs("refs/ligase/pulls").len() }
}

/// The organisation before any sweep, what one sweep comes to, and how long it takes.
fn undisturbed() -> (Organisation, End, Duration) {
    let (organisation, took) = Organisation::of_demo_swept();
    let end = end(&organisation);
    let proposed = end.changesets.len();
    assert!(proposed >= 8 && end.pulls == proposed, "{proposed} changesets, {} pull requests", end.pulls);
    (Organisation::of_demo(), end, took)
}

/// Dates back the locks that a killed writer of refs has left: nobody holds a ref for an hour.
fn let_an_hour_pass(organisation: &Organisation) {
    for service in organisation.names() {
        age_locks(&organisation.bare(&service).path);
    }
}

fn age_locks(folder: &Path) {
    for path in fs::read_dir(folder).unwrap().flatten().map(|e| e.path()) {
        if path.is_dir() {
            age_locks(&path);
        } else if path.extension().is_some_and(|e| e == "lock") {
            let file = fs::File::options().append(true).open(&path).unwrap();
            let then = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(3600);
            file.set_modified(then).unwrap();
        }
    }
}

#[track_caller]
fn is_as_undisturbed(got: &End, wanted: &End, moment: &str) {
    let differ = |got: &[String], wanted: &[String]| -> Vec<String> {
        let only = |a: &[String], b: &[String], mark: char| {
            a.iter().filter(|r| !b.contains(r)).map(|r| format!("{mark} {r}")).collect::<Vec<_>>()
        };
        [only(wanted, got, '-'), only(got, wanted, '+')].concat()
    };
    assert_eq!(differ(&got.branches, &wanted.branches), Vec::<String>::new(), "branches, killed {moment}");
    assert_eq!(differ(&got.changesets, &wanted.changesets), Vec::<String>::new(), "changesets, killed {moment}");
    assert_eq!(got.pulls, wanted.pulls, "one pull request for each changeset, killed {moment}");
    assert_eq!(differ(&got.findings, &wanted.findings), Vec::<String>::new(), "findings, killed {moment}");
    assert_eq!(got, wanted, "killed {moment}");
}

/// Kills a sweep of a fresh copy when `when` says so, sweeps again, and compares.
fn killed(fresh: &Organisation, wanted: &End, moment: &str, when: impl FnOnce(&Organisation, &mut Started)) {
    let organisation = fresh.copied();
    let mut sweep = organisation.start_sweep();
    when(&organisation, &mut sweep);
    sweep.kill();
    let_an_hour_pass(&organisation);
    let after = organisation.sweep();
    assert_eq!(after["unreachable"], Value::Array(Vec::new()), "killed {moment}");
    is_as_undisturbed(&end(&organisation), wanted, moment);
    let stats = organisation.run_on_evidence("stats");
    assert_eq!(stats["damaged"], 0, "killed {moment}: {stats:#}");
    assert_eq!(organisation.sweep()["opened"], 0, "killed {moment}: and the next opens nothing");
}

fn at_fractions(fractions: &[u32]) {
    let (fresh, wanted, took) = undisturbed();
    for n in fractions {
        killed(&fresh, &wanted, &format!("after {n} of 16 parts"), |_, _| std::thread::sleep(took * *n / 16));
    }
}

/// Waits until something is so, or the sweep has ended: then there is nothing left to disturb.
fn until(sweep: &mut Started, so: impl Fn() -> bool) {
    while sweep.runs() && !so() {
        std::thread::sleep(Duration::from_micros(300));
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|e| e.metadata().map_or(0, |m| if m.is_dir() { bytes_below(&e.path()) } else { m.len() }))
        .sum()
}

#[test]
fn a_sweep_killed_while_it_looks_is_made_good_by_the_next() {
    at_fractions(&[1, 3, 5]);
}

#[test]
fn a_sweep_killed_while_it_patches_is_made_good_by_the_next() {
    at_fractions(&[7, 9, 11]);
}

#[test]
fn a_sweep_killed_while_it_verifies_and_delivers_is_made_good_by_the_next() {
    at_fractions(&[13, 14, 15]);
}

#[test]
fn a_sweep_killed_as_it_writes_its_first_record_branch_and_pull_request_is_made_good_by_the_next() {
    let (fresh, wanted, _) = undisturbed();
    killed(&fresh, &wanted, "at the journal's first bytes", |o, sweep| {
        let journal = o.state().join("journal");
        until(sweep, || bytes_below(&journal) > 0);
    });
    killed(&fresh, &wanted, "at the first branch", |o, sweep| {
        let heads: Vec<_> = o.names().iter().map(|s| o.bare(s).path.join("refs/heads/ligase")).collect();
        until(sweep, || heads.iter().any(|h| h.exists()));
    });
    killed(&fresh, &wanted, "at the third pull request", |o, sweep| {
        let pulls: Vec<_> = o.names().iter().map(|s| o.bare(s).path.join("refs/ligase/pulls")).collect();
        until(sweep, || pulls.iter().filter_map(|p| fs::read_dir(p).ok()).flatten().count() >= 3);
    });
}

#[test]
fn a_sweep_killed_three_times_in_a_row_is_made_good_by_the_fourth() {
    let (fresh, wanted, took) = undisturbed();
    killed(&fresh, &wanted, "three times", |o, sweep| {
        std::thread::sleep(took / 3);
        // The first is still there: a second one must not begin beside it.
        let beside = o.run(&["sweep", "--json"]);
        assert!(!sweep.runs() || beside.code == 3, "two sweeps of one state: {}", beside.out);
    });
}

/// A process as `/proc` says: its id, its parent, and when it began, which tells it apart from a later one with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    parent: u32,
    began: String,
}

/// All processes that live.
fn living() -> Vec<Process> {
    let read = |e: fs::DirEntry| {
        let id = e.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(e.path().join("stat")).ok()?;
        let words: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        (words[0] != "Z").then_some(())?;
        Some(Process { id, parent: words[1].parse().ok()?, began: words[19].to_owned() })
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(read).collect()
}

#[test]
fn a_killed_sweep_leaves_no_process_behind_that_waits_for_a_server() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let organisation = Organisation::empty();
    let source = format!("    - git: [\"http://127.0.0.1:{}/x.git\"]", server.local_addr().unwrap().port());
    organisation.policy(&POLICY.replace("    - directory: ../repositories", &source));
    let sweep = organisation.start_sweep();
    // The server takes the connection and never answers: whoever asks it waits.
    let _held = server.accept().unwrap();
    let children: Vec<Process> = living().into_iter().filter(|p| p.parent == sweep.id()).collect();
    assert!(!children.is_empty(), "a child speaks to the server, so that a hostile answer breaks no more than a child");
    sweep.kill();
    let left = || -> Vec<u32> {
        let same = |p: &Process| children.iter().any(|c| (c.id, &c.began) == (p.id, &p.began));
        living().into_iter().filter(same).map(|p| p.id).collect()
    };
    let mut patience = 100;
    while !left().is_empty() && patience > 0 {
        std::thread::sleep(Duration::from_millis(50));
        patience -= 1;
    }
    let left = left();
    for id in &left {
        let _ = std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status();
    }
    assert!(left.is_empty(), "children that live five seconds later: {left:?}");
}

#[test]
fn what_a_killed_sweeps_lock_is_in_the_way_of_is_published_by_the_next() {
    let (swept, _) = Organisation::of_demo_swept();
    let wanted = swept.changeset_in("intake", "open");
    let (id, branch) = (wanted["id"].as_str().unwrap(), wanted["branch"].as_str().unwrap());
    let organisation = Organisation::of_demo();
    // What a writer leaves that was killed between taking a ref's lock and letting it go.
    let lock = organisation.bare("intake").path.join(format!("refs/heads/{branch}.lock"));
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, b"").unwrap();
    organisation.sweep();
    assert!(!lock.exists());
    let now = organisation.changeset(id);
    assert_eq!(now["state"], "open", "{}: {}", now["state"], now["state_detail"]);
    assert_eq!(end(&organisation).pulls, end(&swept).pulls);
}

#[test]
fn locks_that_a_killed_sweep_left_on_its_own_refs_do_not_stop_the_next() {
    let (swept, _) = Organisation::of_demo_swept();
    let organisation = Organisation::of_demo();
    let wanted = swept.changeset_in("intake", "open");
    let branch = format!("refs/heads/{}.lock", wanted["branch"].as_str().unwrap());
    for (service, lock) in [("intake", branch.as_str()), ("billing", "refs/ligase/pulls/1.lock")] {
        let lock = organisation.bare(service).path.join(lock);
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(lock, b"").unwrap();
    }
    let_an_hour_pass(&organisation);
    organisation.sweep();
    is_as_undisturbed(&end(&organisation), &end(&swept), "with an hour old locks on refs that only Ligase writes");
}
