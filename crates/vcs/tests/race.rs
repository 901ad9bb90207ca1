//! A person pushes while we move the same branch, a thousand times: nobody's commit is ever overwritten.

#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{Fixture, git, try_git};
use ligase_domain::Oid;
use ligase_vcs::{CasError, Repository, Signer};
use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

fn signer(name: &str, round: u32) -> Signer {
    Signer::new(name, "x@example.org", 1_700_000_000 + i64::from(round))
}

/// A commit of one file on a base, in the object database of `repository`.
fn commit(repository: &Repository, base: &Oid, who: &str, round: u32) -> Oid {
    let changes = [(format!("{who}.txt").as_str().into(), format!("{round}\n").into_bytes())];
    repository.commit_changes(base, &changes, &format!("{who} {round}"), &signer(who, round)).unwrap()
}

/// A clone that shares the bare repository's objects, so that a round needs no fetch.
fn persons_clone(fixture: &Fixture, bare: &Path) -> Repository {
    git(fixture.root.path(), &["clone", "-q", "--shared", &bare.to_string_lossy(), "person"]);
    Repository::open(&fixture.root.path().join("person")).unwrap()
}

// A thousand rounds in four parts, which run beside each other.

#[test]
fn a_persons_push_survives_our_racing_update_1_to_250() {
    race(0..250);
}

#[test]
fn a_persons_push_survives_our_racing_update_251_to_500() {
    race(250..500);
}

#[test]
fn a_persons_push_survives_our_racing_update_501_to_750() {
    race(500..750);
}

#[test]
fn a_persons_push_survives_our_racing_update_751_to_1000() {
    race(750..1000);
}

fn race(rounds: std::ops::Range<u32>) {
    let fixture = Fixture::with(&[("a", "1")]);
    let bare = fixture.bare();
    let ours = Repository::open(&bare).unwrap();
    let person = persons_clone(&fixture, &bare);
    let folder = fixture.root.path().join("person");
    let (mut tip, mut won_by_us, mut won_by_person) = (fixture.head(), 0, 0);
    git(&bare, &["update-ref", "refs/heads/topic", &tip.to_string()]);
    // A push takes some milliseconds to reach its lock. Whoever won is slower next time: so the two stay close, whatever the
    // machine does beside.
    let mut delay = Duration::from_millis(5);
    let barrier = Barrier::new(2);
    for round in rounds {
        let (mine, theirs) = (commit(&ours, &tip, "ligase", round), commit(&person, &tip, "person", round));
        if round % 50 == 0 {
            git(&bare, &["pack-refs", "--all", "--prune"]);
        }
        let (swapped, pushed) = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| {
                barrier.wait();
                try_git(&folder, &["push", "-q", "origin", &format!("{theirs}:refs/heads/topic")])
            });
            barrier.wait();
            std::thread::sleep(delay);
            let swapped = ours.compare_and_swap_ref("refs/heads/topic", Some(tip), Some(mine), "race");
            (swapped, pushing.join().unwrap())
        });
        let now = ours.branch("topic").unwrap().unwrap();
        match (&swapped, pushed.status.success()) {
            (Ok(()), false) => {
                assert_eq!(now, mine, "round {round}");
                won_by_us += 1;
                delay = delay * 5 / 4 + Duration::from_micros(200);
            }
            (Err(CasError::Moved { .. }), true) => {
                assert_eq!(now, theirs, "round {round}");
                won_by_person += 1;
                delay = delay * 4 / 5;
            }
            other => panic!("round {round}: both or neither: {other:?} {}", String::from_utf8_lossy(&pushed.stderr)),
        }
        tip = now;
    }
    // Every commit that anybody was told had landed is still there.
    let landed = git(&bare, &["rev-list", "--count", &format!("{}..topic", fixture.head())]);
    assert_eq!(landed, (won_by_us + won_by_person).to_string());
    assert!(won_by_us > 0 && won_by_person > 0, "no race: {won_by_us} to {won_by_person}");
}

#[test]
fn of_many_creators_of_a_ref_exactly_one_wins() {
    let fixture = Fixture::with(&[("a", "1")]);
    let bare = fixture.bare();
    let base = fixture.head();
    for round in 0..100 {
        let name = format!("refs/heads/new-{round}");
        let barrier = Barrier::new(5);
        let winners: Vec<Oid> = std::thread::scope(|scope| {
            let attempts: Vec<_> = (0..4u32)
                .map(|n| {
                    let (bare, name, barrier) = (&bare, &name, &barrier);
                    scope.spawn(move || {
                        let repository = Repository::open(bare).unwrap();
                        let mine = commit(&repository, &base, &format!("w{n}"), round);
                        barrier.wait();
                        match repository.compare_and_swap_ref(name, None, Some(mine), "race") {
                            Ok(()) => Some(mine),
                            Err(CasError::Moved { found: Some(_) }) => None,
                            Err(other) => panic!("{other}"),
                        }
                    })
                })
                .collect();
            let theirs = git(&bare, &["commit-tree", "-p", "main", "-m", &format!("p{round}"), "main^{tree}"]);
            barrier.wait();
            let pushed = try_git(&bare, &["update-ref", &name, &theirs, &"0".repeat(40)]).status.success();
            let mut winners: Vec<Oid> = attempts.into_iter().filter_map(|a| a.join().unwrap()).collect();
            winners.extend(pushed.then(|| fixture::oid(&theirs)));
            winners
        });
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(Repository::open(&bare).unwrap().reference(&name).unwrap(), Some(winners[0]));
    }
}

#[test]
fn increments_by_many_threads_are_all_kept() {
    let fixture = Fixture::with(&[("a", "1")]);
    let bare = fixture.bare();
    let base = fixture.head();
    std::thread::scope(|scope| {
        for worker in 0..4u32 {
            let bare = &bare;
            scope.spawn(move || {
                let repository = Repository::open(bare).unwrap();
                let mut done = 0;
                while done < 25 {
                    let tip = repository.branch("main").unwrap().unwrap();
                    let next = commit(&repository, &tip, &format!("w{worker}"), done);
                    match repository.compare_and_swap_ref("refs/heads/main", Some(tip), Some(next), "x") {
                        Ok(()) => done += 1,
                        Err(CasError::Moved { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            });
        }
    });
    assert_eq!(git(&bare, &["rev-list", "--count", &format!("{base}..main")]), "100");
}

/// A lock file as a writer leaves it that was killed in between.
fn plant(bare: &Path, name: &str, content: &str) -> std::path::PathBuf {
    let lock = bare.join(format!("{name}.lock"));
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, content).unwrap();
    lock
}

#[test]
fn what_a_killed_writer_of_ours_left_in_the_way_is_removed_and_what_may_be_anothers_is_not() {
    let fixture = Fixture::with(&[("a", "1")]);
    let bare = fixture.bare();
    let ours = Repository::open(&bare).unwrap();
    let tip = fixture.head();
    let mine = commit(&ours, &tip, "ligase", 1);
    // Killed with the lock taken and nothing written, and with the new place written.
    for (name, content) in [
        ("refs/ligase/pulls/1", String::new()),
        ("refs/ligase/pulls/2", format!("{tip}\n")),
        ("refs/heads/ligase/a", String::new()),
        ("refs/heads/ligase/b", format!("{mine}\n")),
    ] {
        let lock = plant(&bare, name, &content);
        ours.compare_and_swap_ref(name, None, Some(mine), "test").unwrap();
        assert_eq!(ours.reference(name).unwrap(), Some(mine), "{name}");
        assert!(!lock.exists(), "{name}");
    }
    // A person pushes something else to our branch, or anything to theirs.
    for (name, content) in [("refs/heads/ligase/c", format!("{tip}\n")), ("refs/heads/topic", String::new())] {
        let lock = plant(&bare, name, &content);
        let refused = ours.compare_and_swap_ref(name, None, Some(mine), "test").unwrap_err();
        assert!(matches!(&refused, CasError::Failed(e) if e.detail.contains("stays locked")), "{name}: {refused}");
        assert!(lock.exists() && ours.reference(name).unwrap().is_none(), "{name}");
    }
}

#[test]
fn while_another_process_of_ours_has_the_turn_nothing_is_removed() {
    let fixture = Fixture::with(&[("a", "1")]);
    let bare = fixture.bare();
    let ours = Repository::open(&bare).unwrap();
    let mine = commit(&ours, &fixture.head(), "ligase", 1);
    ours.compare_and_swap_ref("refs/ligase/pulls/1", None, Some(mine), "test").unwrap();
    let lock = plant(&bare, "refs/ligase/pulls/2", "");
    let turn = std::fs::File::open(bare.join("info/ligase-turn")).unwrap();
    turn.lock().unwrap();
    let swapping = std::thread::spawn(move || ours.compare_and_swap_ref("refs/ligase/pulls/2", None, Some(mine), "t"));
    // Longer than a lock is watched by whoever has the turn.
    std::thread::sleep(Duration::from_secs(4));
    assert!(lock.exists() && !swapping.is_finished());
    turn.unlock().unwrap();
    swapping.join().unwrap().unwrap();
    assert!(!lock.exists());
}
