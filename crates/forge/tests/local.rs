//! The local forge: the suite of the port over bare and ordinary repositories, listings, crashes, and races with people.
#![allow(clippy::unwrap_used)]

#[path = "../../vcs/tests/fixture/mod.rs"]
mod fixture;

use fixture::{Fixture, git, oid, try_git};
use ligase_domain::{FailureReason, Oid, RepositoryId, Timestamp};
use ligase_forge::testing::{self, APP, Bench, Hands};
use ligase_forge::{Actor, Forge, ForgeError, LocalForge, Location, Publication, PullState};
use ligase_vcs::{Repository, Signer};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Duration;

/// A person with a clone beside the forge's folder.
struct Clone {
    clone: PathBuf,
    origin: PathBuf,
}

impl Clone {
    fn of(origin: &Path, into: &Path) -> Self {
        git(into, &["clone", "-q", &origin.to_string_lossy(), "person"]);
        Self { clone: into.join("person"), origin: origin.to_owned() }
    }
}

impl Hands for Clone {
    fn commit(&self, branch: &str, path: &str, text: &str) -> Oid {
        git(&self.clone, &["fetch", "-q", "--prune", "origin"]);
        let from = self.tip(branch).or_else(|| self.tip("main")).unwrap().to_string();
        git(&self.clone, &["checkout", "-q", "--detach", &from]);
        std::fs::write(self.clone.join(path), text).unwrap();
        git(&self.clone, &["add", "-A"]);
        git(&self.clone, &["commit", "-q", "--allow-empty", "-m", "by hand"]);
        git(&self.clone, &["push", "-q", "origin", &format!("HEAD:refs/heads/{branch}")]);
        oid(&git(&self.clone, &["rev-parse", "HEAD"]))
    }

    fn merge(&self, branch: &str) -> Oid {
        git(&self.clone, &["fetch", "-q", "--prune", "origin"]);
        git(&self.clone, &["checkout", "-q", "--detach", "origin/main"]);
        git(&self.clone, &["merge", "-q", "--no-ff", "-m", "merged by hand", &format!("origin/{branch}")]);
        git(&self.clone, &["push", "-q", "origin", "HEAD:refs/heads/main"]);
        oid(&git(&self.clone, &["rev-parse", "HEAD"]))
    }

    fn remove(&self, branch: &str) {
        git(&self.clone, &["push", "-q", "origin", &format!(":refs/heads/{branch}")]);
    }

    fn read(&self, revision: &Oid, path: &str) -> Option<Vec<u8>> {
        let output = try_git(&self.origin, &["cat-file", "blob", &format!("{revision}:{path}")]);
        output.status.success().then_some(output.stdout)
    }

    fn tip(&self, branch: &str) -> Option<Oid> {
        let output = try_git(&self.origin, &["rev-parse", "-q", "--verify", &format!("refs/heads/{branch}")]);
        output.status.success().then(|| oid(String::from_utf8_lossy(&output.stdout).trim()))
    }
}

fn id(stable: &str) -> RepositoryId {
    RepositoryId { forge: "local".to_owned(), stable: stable.to_owned() }
}

/// A forge's folder with the bare repository `group/payments.git`.
fn bench() -> Bench {
    let fixture = Fixture::with(&[("app.py", APP)]);
    let folder = fixture.root.path().join("forge");
    std::fs::create_dir_all(folder.join("group")).unwrap();
    git(fixture.root.path(), &["clone", "-q", "--bare", "work", "forge/group/payments.git"]);
    let hands = Clone::of(&folder.join("group/payments.git"), fixture.root.path());
    Bench {
        forge: Box::new(LocalForge::new(&folder)),
        repository: id("group/payments"),
        hands: Box::new(hands),
        keep: Box::new(fixture),
    }
}

fn origin(bench: &Bench) -> PathBuf {
    bench.keep.downcast_ref::<Fixture>().unwrap().root.path().join("forge/group/payments.git")
}

#[test]
fn the_local_forge_keeps_every_promise() {
    testing::conforms(&bench);
}

#[test]
fn an_ordinary_repository_has_pull_requests_and_no_branch_is_moved_under_its_working_tree() {
    let fixture = Fixture::with(&[("app.py", APP)]);
    let forge = LocalForge::new(fixture.root.path());
    let bench = Bench {
        hands: Box::new(Clone::of(&fixture.work(), fixture.root.path())),
        forge: Box::new(forge),
        repository: id("work"),
        keep: Box::new(()),
    };
    let published = bench.forge.publish(&bench.repository, &testing::publication(&bench, "guard", "new")).unwrap();
    let ann = Actor::Person("ann".to_owned());
    let refused = bench.forge.merge(&bench.repository, published.number, &ann, &published.head, false, Timestamp(0));
    assert!(matches!(refused, Err(ForgeError::NotAllowed(_))), "{refused:?}");
    assert_eq!(git(&fixture.work(), &["status", "--porcelain"]), "");
    bench.forge.approve(&bench.repository, published.number, "bob", &published.head, Timestamp(1)).unwrap();
    // The person merges it, and the forge sees it.
    git(&fixture.work(), &["merge", "-q", "--no-ff", "-m", "by hand", &published.head.to_string()]);
    let pull = bench.forge.pull(&bench.repository, published.number).unwrap();
    assert!(matches!(pull.state, PullState::Merged { .. }) && pull.approved_by() == ["bob"]);
}

#[test]
fn a_listing_shows_what_is_there_and_why_something_is_not() {
    let fixture = Fixture::with(&[("a", "b")]);
    let root = fixture.root.path().join("forge");
    std::fs::create_dir_all(root.join("group/deeper")).unwrap();
    let clone = |into: &str, bare: bool| {
        let args: &[&str] = if bare { &["clone", "-q", "--bare", "work"] } else { &["clone", "-q", "work"] };
        git(fixture.root.path(), &[args, &[&format!("forge/{into}")]].concat());
    };
    clone("payments.git", true);
    clone("ordinary", false);
    clone("group/inner.git", true);
    clone("group/deeper/hidden.git", true);
    clone("twice", false);
    clone("twice.git", true);
    git(&root, &["init", "-q", "--bare", "empty.git"]);
    git(&root, &["init", "-q", "--bare", "--object-format=sha256", "sha256.git"]);
    std::fs::create_dir_all(root.join("fake.git")).unwrap();
    std::fs::create_dir_all(root.join(".hidden.git")).unwrap();
    std::fs::write(root.join("README"), "x").unwrap();
    std::os::unix::fs::symlink("payments.git", root.join("link.git")).unwrap();
    std::os::unix::fs::symlink("..", root.join("up")).unwrap();
    clone("tricky\nname.git", true);
    let forge = LocalForge::new(&root);
    let listing = forge.listing().unwrap();
    let ids: Vec<&str> = listing.repositories.iter().map(|r| r.id.stable.as_str()).collect();
    assert_eq!(ids, ["empty", "group/inner", "ordinary", "payments", "twice"]);
    let problems: Vec<(&str, FailureReason)> = listing.problems.iter().map(|p| (p.name.as_str(), p.reason)).collect();
    assert_eq!(
        problems,
        [
            ("fake.git", FailureReason::NotFound),
            ("link.git", FailureReason::NotFound),
            ("sha256.git", FailureReason::ObjectFormat),
            ("tricky\\x0aname.git", FailureReason::Malformed),
            ("twice.git", FailureReason::Malformed),
        ]
    );
    assert!(listing.complete);
    for listed in &listing.repositories {
        let Location::Folder(folder) = &listed.location else { panic!("{listed:?}") };
        assert_eq!(Repository::open(folder).unwrap().folder(), forge.repository(&listed.id).unwrap().folder());
    }
    let empty = forge.head(&id("empty"));
    assert!(matches!(empty, Err(ForgeError::Failed { reason: FailureReason::EmptyRepository, .. })));
    for bad in [
        "",
        "../work",
        "group/../payments",
        "group/deeper/hidden",
        "link",
        "up/payments",
        ".hidden",
        "/etc",
        "group//inner",
        "sha256",
    ] {
        assert!(forge.head(&id(bad)).is_err(), "{bad}");
    }
    assert!(LocalForge::new(root.join("missing")).listing().is_err());
}

#[test]
fn state_is_kept_in_the_repository_as_history_that_git_reads() {
    let bench = bench();
    let wanted = testing::publication(&bench, "guard", "new");
    let published = bench.forge.publish(&bench.repository, &wanted).unwrap();
    let ann = Actor::Person("ann".to_owned());
    bench.forge.comment(&bench.repository, published.number, &ann, "why?", Timestamp(1)).unwrap();
    bench.forge.close(&bench.repository, published.number, &ann, "no", Timestamp(2)).unwrap();
    let origin = origin(&bench);
    let log = git(&origin, &["log", "--first-parent", "--format=%s", "refs/ligase/pulls/1"]);
    assert!(log.starts_with("close\ncomment\nopen\nDo guard"), "{log}");
    let stored = git(&origin, &["show", "refs/ligase/pulls/1:pull.json"]);
    assert!(stored.contains("\"type\": \"ligase.local.pull\"") && stored.contains("\"version\": 1"));
    git(&origin, &["fsck", "--strict"]);
    // Everything that is recorded survives a collection of garbage, even when the branch is gone.
    bench.hands.remove(&wanted.branch);
    git(&origin, &["gc", "-q", "--prune=now"]);
    assert_eq!(git(&origin, &["cat-file", "-t", &published.head.to_string()]), "commit");
    let again = LocalForge::new(origin.parent().unwrap().parent().unwrap());
    assert_eq!(again.pulls(&bench.repository).unwrap(), bench.forge.pulls(&bench.repository).unwrap());
}

#[test]
fn a_record_of_another_version_is_an_error_and_is_not_written_over() {
    let bench = bench();
    let published = bench.forge.publish(&bench.repository, &testing::publication(&bench, "guard", "new")).unwrap();
    let origin = origin(&bench);
    let stored = git(&origin, &["show", "refs/ligase/pulls/1:pull.json"]);
    let put = |text: &str| {
        let blob = fixture::git_with(&origin, &["hash-object", "-w", "--stdin"], text.as_bytes());
        let tree = fixture::git_with(&origin, &["mktree"], format!("100644 blob {blob}\tpull.json\n").as_bytes());
        let commit = git(&origin, &["commit-tree", "-p", "refs/ligase/pulls/1", "-m", "by hand", &tree]);
        git(&origin, &["update-ref", "refs/ligase/pulls/1", &commit]);
        commit
    };
    let unknown = stored.replacen("\"draft\"", "\"milestone\": {\"id\": 7},\n  \"draft\"", 1);
    put(&unknown);
    bench.forge.comment(&bench.repository, published.number, &Actor::Ligase, "hello", Timestamp(1)).unwrap();
    assert!(git(&origin, &["show", "refs/ligase/pulls/1:pull.json"]).contains("\"milestone\""));
    for text in [
        stored.replace("\"version\": 1", "\"version\": 2"),
        stored.replace("\"number\": 1", "\"number\": 5"),
        "{}".to_owned(),
        "nonsense".to_owned(),
    ] {
        let commit = put(&text);
        assert!(bench.forge.comment(&bench.repository, 1, &Actor::Ligase, "x", Timestamp(2)).is_err());
        assert!(bench.forge.pulls(&bench.repository).is_err());
        assert_eq!(git(&origin, &["rev-parse", "refs/ligase/pulls/1"]), commit);
    }
}

#[test]
fn an_attempt_that_was_cut_off_is_completed_by_the_next() {
    for (removed, expected_number) in [
        (&["refs/ligase/pulls/1"][..], 1),
        (&["refs/ligase/pulls/1", "refs/heads/{branch}"], 1),
        (&["refs/ligase/pulls/1", "refs/ligase/intents/{intent}"], 1),
    ] {
        let bench = bench();
        let wanted = testing::publication(&bench, "guard", "new");
        let first = bench.forge.publish(&bench.repository, &wanted).unwrap();
        for name in removed {
            let name = name.replace("{branch}", &wanted.branch).replace("{intent}", &wanted.intent.to_string());
            git(&origin(&bench), &["update-ref", "-d", &name]);
        }
        let again = bench.forge.publish(&bench.repository, &wanted).unwrap();
        assert_eq!((again.number, again.head, again.created), (expected_number, first.head, true), "{removed:?}");
        let pulls = bench.forge.pulls(&bench.repository).unwrap();
        assert_eq!((pulls.len(), pulls[0].branch_head), (1, Some(first.head)));
    }
}

#[test]
fn after_a_crash_our_own_older_head_is_ours_although_the_patch_is_another_now() {
    let bench = bench();
    let wanted = testing::publication(&bench, "guard", "new");
    bench.forge.publish(&bench.repository, &wanted).unwrap();
    // As if the process had died between the branch and the record; the caller knows of no head.
    git(&origin(&bench), &["update-ref", "-d", "refs/ligase/pulls/1"]);
    bench.hands.commit("main", "other", "x\n");
    let next = testing::publication(&bench, "guard", "newer");
    let published = bench.forge.publish(&bench.repository, &next).unwrap();
    assert!(published.created);
    assert_eq!(bench.hands.tip(&wanted.branch), Some(published.head));
}

#[test]
fn two_crashes_in_a_row_leave_our_head_ours() {
    let bench = bench();
    let wanted = testing::publication(&bench, "guard", "new");
    bench.forge.publish(&bench.repository, &wanted).unwrap();
    let origin = origin(&bench);
    let old_head = bench.hands.tip(&wanted.branch).unwrap();
    git(&origin, &["update-ref", "-d", "refs/ligase/pulls/1"]);
    // The second attempt had another patch, claimed it, and died before it moved the branch.
    bench.forge.publish(&bench.repository, &testing::publication(&bench, "guard", "newer")).unwrap();
    git(&origin, &["update-ref", "-d", "refs/ligase/pulls/1"]);
    git(&origin, &["update-ref", &format!("refs/heads/{}", wanted.branch), &old_head.to_string()]);
    let third = bench.forge.publish(&bench.repository, &testing::publication(&bench, "guard", "newest")).unwrap();
    assert_eq!(bench.hands.tip(&wanted.branch), Some(third.head));
}

#[test]
fn a_merge_that_was_cut_off_before_its_record_is_recorded_as_what_it_was() {
    let bench = bench();
    let published = bench.forge.publish(&bench.repository, &testing::publication(&bench, "guard", "new")).unwrap();
    let origin = origin(&bench);
    let before = git(&origin, &["rev-parse", "refs/ligase/pulls/1"]);
    let ann = Actor::Person("ann".to_owned());
    let commit =
        bench.forge.merge(&bench.repository, 1, &ann, &published.head, true, Timestamp(1_700_000_005_000)).unwrap();
    let merged = bench.forge.pull(&bench.repository, 1).unwrap();
    git(&origin, &["update-ref", "refs/ligase/pulls/1", &before]);
    assert_eq!(bench.forge.pull(&bench.repository, 1).unwrap(), merged);
    git(&origin, &["update-ref", "refs/ligase/pulls/1", &before]);
    assert_eq!(bench.forge.merge(&bench.repository, 1, &ann, &published.head, true, Timestamp(0)), Ok(commit));
    let before = git(&origin, &["rev-parse", "refs/ligase/pulls/1"]);
    let reverted = bench.forge.revert(&bench.repository, 1, &ann, Timestamp(1_700_000_006_000)).unwrap();
    git(&origin, &["update-ref", "refs/ligase/pulls/1", &before]);
    assert_eq!(bench.forge.revert(&bench.repository, 1, &ann, Timestamp(1_700_000_007_000)), Ok(reverted));
    assert_eq!(git(&origin, &["rev-list", "--count", "--first-parent", "main"]), "3");
}

#[test]
fn a_branch_set_to_the_base_is_not_a_merge() {
    let bench = bench();
    let wanted = testing::publication(&bench, "guard", "new");
    let published = bench.forge.publish(&bench.repository, &wanted).unwrap();
    let tip = bench.hands.commit("main", "other", "x\n");
    git(&origin(&bench), &["update-ref", &format!("refs/heads/{}", wanted.branch), &tip.to_string()]);
    let pull = bench.forge.pull(&bench.repository, published.number).unwrap();
    assert!(pull.is_open() && pull.is_human_touched());
}

#[test]
fn many_at_once_open_one_pull_request_for_one_intent() {
    let bench = bench();
    let folder = origin(&bench).parent().unwrap().parent().unwrap().to_owned();
    for round in 0..10u32 {
        let intent = format!("intent-{round}");
        let wanted: Vec<Publication> =
            (0..6).map(|n| testing::publication(&bench, &intent, &format!("new{}", n % 2))).collect();
        let barrier = Barrier::new(wanted.len() + 2);
        std::thread::scope(|scope| {
            for publication in &wanted {
                scope.spawn(|| {
                    let forge = LocalForge::new(&folder);
                    barrier.wait();
                    // Two different patches at once: one may be told that another was published meanwhile, never that a
                    // person did it.
                    let published = forge.publish(&bench.repository, publication);
                    assert!(matches!(published, Ok(_) | Err(ForgeError::Contended(_))), "{published:?}");
                    published.is_ok()
                });
            }
            for other in 0..2 {
                let publication = testing::publication(&bench, &format!("other-{round}-{other}"), "x");
                let (barrier, folder, repository) = (&barrier, &folder, &bench.repository);
                scope.spawn(move || {
                    barrier.wait();
                    LocalForge::new(folder).publish(repository, &publication).unwrap();
                });
            }
        });
        // Whoever is told that another was faster asks again, as the coordinator does; the last word is then the record's too.
        for publication in &wanted {
            bench.forge.publish(&bench.repository, publication).unwrap();
        }
        let pulls = bench.forge.pulls(&bench.repository).unwrap();
        let of_intent: Vec<_> = pulls.iter().filter(|p| p.intent == wanted[0].intent).collect();
        assert_eq!(of_intent.len(), 1, "round {round}");
        assert!(of_intent[0].is_open() && !of_intent[0].is_human_touched(), "round {round}");
        assert_eq!(pulls.len(), 3 * (round as usize + 1));
    }
}

#[test]
fn remarks_of_many_are_all_kept() {
    let bench = bench();
    let folder = origin(&bench).parent().unwrap().parent().unwrap().to_owned();
    bench.forge.publish(&bench.repository, &testing::publication(&bench, "guard", "new")).unwrap();
    std::thread::scope(|scope| {
        for person in 0..4i64 {
            let (folder, repository) = (&folder, &bench.repository);
            scope.spawn(move || {
                let forge = LocalForge::new(folder);
                for n in 0..10i64 {
                    let by = Actor::Person(format!("p{person}"));
                    forge.comment(repository, 1, &by, &format!("{n}"), Timestamp(n)).unwrap();
                    let head = forge.pull(repository, 1).unwrap().pushed_head;
                    forge.approve_revision(repository, &head, &format!("p{person}-{n}"), Timestamp(n)).unwrap();
                }
            });
        }
    });
    assert_eq!(bench.forge.pull(&bench.repository, 1).unwrap().comments.len(), 40);
    assert_eq!(bench.forge.approvals(&bench.repository).unwrap().len(), 40);
}

const VICTIM: &str = "LIGASE_TEST_VICTIM";

/// Not a test of its own: publishes, comments and merges for ever, until it is killed.
#[test]
fn victim_process() {
    let Some(folder) = std::env::var_os(VICTIM) else { return };
    let forge = LocalForge::new(PathBuf::from(folder));
    let bench =
        Bench { forge: Box::new(forge), repository: id("group/payments"), hands: Box::new(Nobody), keep: Box::new(()) };
    // On a line of its own, whatever the test harness writes around it.
    println!("\nat work");
    for round in 0u32.. {
        let wanted =
            testing::publication(&bench, &format!("i{}", round % 3), &format!("r{}-{round}", std::process::id()));
        let Ok(published) = bench.forge.publish(&bench.repository, &wanted) else { continue };
        let ann = Actor::Person("ann".to_owned());
        let said = format!("{} {round}", std::process::id());
        let _ = bench.forge.comment(&bench.repository, published.number, &ann, &said, Timestamp(round.into()));
        if round % 3 == 2 {
            let _ = bench.forge.merge(&bench.repository, published.number, &ann, &published.head, false, wanted.at);
        }
    }
}

/// Hands that are never needed.
struct Nobody;

impl Hands for Nobody {
    fn commit(&self, _: &str, _: &str, _: &str) -> Oid {
        panic!("nobody commits")
    }

    fn merge(&self, _: &str) -> Oid {
        panic!("nobody merges")
    }

    fn remove(&self, _: &str) {}

    fn read(&self, _: &Oid, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn tip(&self, _: &str) -> Option<Oid> {
        None
    }
}

#[test]
fn killed_anywhere_a_forge_is_whole_and_its_branches_are_its_own() {
    let bench = bench();
    let origin = origin(&bench);
    let folder = origin.parent().unwrap().parent().unwrap();
    // Killed at work, and not before: on a machine that is slow today, more often.
    let at_work = || {
        let pulls = bench.forge.pulls(&bench.repository).unwrap();
        (pulls.iter().map(|p| p.comments.len()).sum::<usize>(), pulls.len())
    };
    for round in 0..400u64 {
        if round >= 40 && matches!(at_work(), (21.., 4..)) {
            break;
        }
        let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim_process", "--nocapture"])
            .env(VICTIM, folder)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let said = std::io::BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.into_iter().any(|line| line == "at work"));
        std::thread::sleep(Duration::from_micros(1_000 + round * 37_919 % 250_000));
        victim.kill().unwrap();
        victim.wait().unwrap();
        // What git itself leaves behind as well when it is killed while it holds a lock; a person removes it.
        for entry in git(&origin, &["rev-parse", "--git-dir"]).lines().map(PathBuf::from) {
            remove_locks(&origin.join(entry));
        }
        let pulls = bench.forge.pulls(&bench.repository).unwrap();
        for intent in pulls.iter().map(|p| p.intent) {
            assert!(pulls.iter().filter(|p| p.intent == intent && p.is_open()).count() <= 1, "round {round}");
        }
        for n in 0..3 {
            let wanted = testing::publication(&bench, &format!("i{n}"), &format!("after-{round}"));
            let published = bench.forge.publish(&bench.repository, &wanted).unwrap();
            let pull = bench.forge.pull(&bench.repository, published.number).unwrap();
            assert!(pull.is_open() && !pull.is_human_touched());
        }
    }
    let (comments, pulls) = at_work();
    assert!(comments > 20 && pulls > 3, "{comments} comments, {pulls} pulls");
    git(&origin, &["fsck", "--strict", "--no-dangling"]);
}

fn remove_locks(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            remove_locks(&path);
        } else if path.extension().is_some_and(|e| e == "lock") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// The requirement of the changesets' design: whoever commits to our branch while we push keeps their commit.
/// A thousand rounds in four parts, which run beside each other.
#[test]
fn a_persons_commit_racing_with_our_push_survives_1_to_250() {
    race(0..250);
}

#[test]
fn a_persons_commit_racing_with_our_push_survives_251_to_500() {
    race(250..500);
}

#[test]
fn a_persons_commit_racing_with_our_push_survives_501_to_750() {
    race(500..750);
}

#[test]
fn a_persons_commit_racing_with_our_push_survives_751_to_1000() {
    race(750..1000);
}

fn race(rounds: std::ops::Range<u32>) {
    let bench = bench();
    let origin = origin(&bench);
    let shared = bench.keep.downcast_ref::<Fixture>().unwrap().root.path().join("shared");
    git(shared.parent().unwrap(), &["clone", "-q", "--shared", &origin.to_string_lossy(), "shared"]);
    let person = Repository::open(&shared).unwrap();
    let wanted = testing::publication(&bench, "guard", "start");
    let mut head = bench.forge.publish(&bench.repository, &wanted).unwrap().head;
    // Whoever won is slower next time: so the two stay close, whatever the machine does beside.
    let mut delay = Duration::from_millis(5);
    let (mut ours, mut theirs, barrier) = (0, 0, Barrier::new(2));
    for round in rounds {
        let next =
            Publication { expected_head: Some(head), ..testing::publication(&bench, "guard", &format!("r{round}")) };
        let signer = Signer::new("Ann", "ann@example.org", i64::from(round));
        let change = [("mine".into(), format!("{round}").into_bytes())];
        let commit = person.commit_changes(&head, &change, "mine", &signer).unwrap();
        let (published, pushed) = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| {
                barrier.wait();
                try_git(&shared, &["push", "-q", "origin", &format!("{commit}:refs/heads/{}", wanted.branch)])
            });
            barrier.wait();
            std::thread::sleep(delay);
            let published = bench.forge.publish(&bench.repository, &next);
            (published, pushing.join().unwrap().status.success())
        });
        let tip = bench.hands.tip(&wanted.branch).unwrap();
        head = match (published, pushed) {
            (Ok(published), false) => {
                ours += 1;
                delay = delay * 5 / 4 + Duration::from_micros(200);
                assert_eq!(tip, published.head, "round {round}");
                tip
            }
            (Err(ForgeError::HumanTouched { found: Some(found) }), true) => {
                theirs += 1;
                delay = delay * 4 / 5;
                assert_eq!((tip, found), (commit, commit), "round {round}");
                // The person says «regenerate»: only then is it replaced, and the next round begins.
                let replace = Publication { expected_head: Some(commit), ..next };
                bench.forge.publish(&bench.repository, &replace).unwrap().head
            }
            other => panic!("round {round}: both or neither won: {other:?}"),
        };
    }
    assert!(ours > 0 && theirs > 0, "no race: {ours} to {theirs}");
    assert_eq!(bench.forge.pulls(&bench.repository).unwrap().len(), 1);
}

/// A person pushes to `main` while pull requests are merged: both are in the end.
#[test]
fn merges_and_pushes_to_the_base_branch_lose_nothing() {
    let bench = bench();
    let origin = origin(&bench);
    let mut commits = Vec::new();
    for round in 0..25 {
        let mut wanted = testing::publication(&bench, &format!("i{round}"), "x");
        wanted.changes = vec![(format!("file{round}").as_str().into(), b"x\n".to_vec())];
        let published = bench.forge.publish(&bench.repository, &wanted).unwrap();
        let ann = Actor::Person("ann".to_owned());
        let (repository, number, forge) = (&bench.repository, published.number, &bench.forge);
        let base = bench.hands.tip("main").unwrap();
        let by_hand = Repository::open(&origin)
            .unwrap()
            .commit_changes(
                &base,
                &[(format!("hand{round}").as_str().into(), b"y\n".to_vec())],
                "hand",
                &Signer::new("A", "a@b", round),
            )
            .unwrap();
        let (merged, pushed) = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| {
                try_git(&origin, &["update-ref", "refs/heads/main", &by_hand.to_string(), &base.to_string()])
                    .status
                    .success()
            });
            let merged =
                forge.merge(repository, number, &ann, &published.head, false, Timestamp(1_700_000_000_000)).unwrap();
            (merged, pushing.join().unwrap())
        });
        commits.push(merged);
        commits.extend(pushed.then_some(by_hand));
    }
    let repository = Repository::open(&origin).unwrap();
    let tip = bench.hands.tip("main").unwrap();
    assert!(commits.iter().all(|c| repository.is_ancestor(c, &tip).unwrap()));
    let pulls = bench.forge.pulls(&bench.repository).unwrap();
    assert!(pulls.iter().all(|p| matches!(p.state, PullState::Merged { .. })));
}
