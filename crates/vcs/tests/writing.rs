//! Commits that are built without a working tree, checked with the git command.

#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{Fixture, git, git_with, oid};
use ligase_domain::{FailureReason, Oid, RepoPath};
use ligase_vcs::{CasError, Repository, Signer, WriteError};

fn signer() -> Signer {
    Signer::new("Ligase", "ligase@example.org", 1_700_000_100)
}

fn change(path: &str, text: &str) -> Vec<(RepoPath, Vec<u8>)> {
    vec![(path.into(), text.as_bytes().to_vec())]
}

#[test]
fn a_patch_becomes_the_same_commit_every_time_and_keeps_modes() {
    let fixture = Fixture::with(&[("run.sh", "old\n"), ("d/e/f", "old\n"), ("other", "kept\n")]);
    std::fs::set_permissions(fixture.work().join("run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    fixture.commit(&[], "mode");
    let bare = fixture.bare();
    let base = fixture.head();
    let changes = [change("run.sh", "new\n"), change("d/e/f", "new\n"), change("d/new", "n\n")].concat();
    let build = || {
        Repository::open(&bare)
            .unwrap()
            .commit_changes(&base, &changes, "subject\n\nLigase-Intent: x", &signer())
            .unwrap()
    };
    let commit = build();
    assert_eq!(build(), commit);
    let id = commit.to_string();
    assert_eq!(git(&bare, &["rev-parse", &format!("{id}^")]), base.to_string());
    let listed = git(&bare, &["ls-tree", "-r", "--format=%(objectmode) %(path)", &id]);
    assert_eq!(listed, "100644 d/e/f\n100644 d/new\n100644 other\n100755 run.sh");
    assert_eq!(git(&bare, &["show", &format!("{id}:d/e/f")]), "new");
    assert_eq!(
        git(&bare, &["log", "-1", "--format=%an %ae %at %cn %ct", &id]),
        "Ligase ligase@example.org 1700000100 Ligase 1700000100"
    );
    git(&bare, &["fsck", "--strict", "--no-dangling"]);
    // Git itself makes the same tree from the same files.
    for (path, bytes) in &changes {
        fixture.write(path.as_str().unwrap(), std::str::from_utf8(bytes).unwrap());
    }
    git(&fixture.work(), &["add", "-A"]);
    assert_eq!(git(&fixture.work(), &["write-tree"]), git(&bare, &["rev-parse", &format!("{id}^{{tree}}")]));
}

#[test]
fn links_folders_and_paths_outside_are_never_written() {
    let fixture = Fixture::with(&[("d/e", "x"), ("f", "x")]);
    std::os::unix::fs::symlink("/etc/passwd", fixture.work().join("link")).unwrap();
    let base = fixture.commit(&[], "link");
    let repository = Repository::open(&fixture.work()).unwrap();
    for path in ["link", "d", "f/x", "", "/f", "../f", "d/../f", ".git/config", "d/.GIT/x", "d//e", "d/./e", "a\0b"] {
        let built = repository.commit_changes(&base, &change(path, "x"), "m", &signer());
        assert_eq!(built.map_err(|e| e.reason), Err(FailureReason::Malformed), "{path:?}");
    }
    for (message, name) in [("a\0b", "Ligase"), ("m", "")] {
        let signer = Signer::new(name, "e", 1);
        assert!(repository.commit_changes(&base, &change("f", "y"), message, &signer).is_err());
    }
}

#[test]
fn records_are_commits_whose_tree_holds_exactly_their_files() {
    let fixture = Fixture::with(&[("a", "b")]);
    let repository = Repository::open(&fixture.work()).unwrap();
    let one = repository.commit_files(&[], &change("pull.json", "{}"), "open", &signer()).unwrap();
    let two = repository.commit_files(&[one], &change("pull.json", "{\"a\":1}"), "close", &signer()).unwrap();
    assert_eq!(repository.commit(&two).unwrap().parents, [one]);
    assert_eq!(repository.read_at(&two, &"pull.json".into(), 100).unwrap().unwrap(), b"{\"a\":1}");
    assert_eq!(repository.read_at(&two, &"a".into(), 100).unwrap(), None);
    assert_eq!(repository.read_at(&two, &"pull.json".into(), 2).unwrap_err().reason, FailureReason::OverBudget);
}

#[test]
fn a_merge_joins_both_sides_and_a_revert_of_it_takes_ours_out() {
    let fixture = Fixture::with(&[("a", "1\n2\n3\n4\n5\n"), ("b", "b\n")]);
    let base = fixture.head();
    let repository = Repository::open(&fixture.work()).unwrap();
    let ours = repository.commit_changes(&base, &change("a", "1\n2\n3\n4\nfive\n"), "ours", &signer()).unwrap();
    let human = fixture.commit(&[("a", "one\n2\n3\n4\n5\n"), ("c", "c\n")], "human");
    let merged = repository.merge_commit(&human, &ours, "merge", &signer()).unwrap();
    assert_eq!(repository.commit(&merged).unwrap().parents, [human, ours]);
    let at = |commit: &Oid, path: &str| repository.read_at(commit, &path.into(), 100).unwrap();
    assert_eq!(at(&merged, "a").unwrap(), b"one\n2\n3\n4\nfive\n");
    assert_eq!(at(&merged, "c").unwrap(), b"c\n");
    let reverted = repository.revert_commit(&merged, &merged, "revert", &signer()).unwrap();
    assert_eq!(at(&reverted, "a").unwrap(), b"one\n2\n3\n4\n5\n");
    assert_eq!(at(&reverted, "c").unwrap(), b"c\n");
    assert_eq!(repository.revert_commit(&merged, &reverted, "again", &signer()), Err(WriteError::Nothing));
    let clash = repository.commit_changes(&base, &change("a", "uno\n2\n3\n4\n5\n"), "clash", &signer()).unwrap();
    let conflict = repository.merge_commit(&human, &clash, "merge", &signer());
    assert_eq!(conflict, Err(WriteError::Conflict { paths: vec!["a".into()] }));
}

#[test]
fn a_head_that_cannot_be_listed_is_not_merged() {
    let fixture = Fixture::with(&[("a", "b")]);
    let work = fixture.work();
    let blob = git_with(&work, &["hash-object", "-w", "--stdin"], b"x");
    let mut tree = git_with(&work, &["mktree"], format!("100644 blob {blob}\tf\n").as_bytes());
    for _ in 0..9 {
        let lines: String = (0..10).map(|n| format!("040000 tree {tree}\td{n}\n")).collect();
        tree = git_with(&work, &["mktree"], lines.as_bytes());
    }
    let bomb = oid(&git(&work, &["commit-tree", "-p", "HEAD", "-m", "x", &tree]));
    let merged = Repository::open(&work).unwrap().merge_commit(&fixture.head(), &bomb, "m", &signer());
    assert!(matches!(merged, Err(WriteError::Failed(e)) if e.reason == FailureReason::OverBudget));
}

#[test]
fn a_ref_moves_only_from_where_it_was_expected() {
    let fixture = Fixture::with(&[("a", "1")]);
    let one = fixture.head();
    let two = fixture.commit(&[("a", "2")], "two");
    let bare = fixture.bare();
    let repository = Repository::open(&bare).unwrap();
    let swap = |name: &str, from, to| repository.compare_and_swap_ref(name, from, to, "test");
    let name = "refs/heads/ligase/x";
    assert_eq!(swap(name, Some(one), Some(two)), Err(CasError::Moved { found: None }));
    assert_eq!(swap(name, None, Some(one)), Ok(()));
    assert_eq!(swap(name, None, Some(two)), Err(CasError::Moved { found: Some(one) }));
    assert_eq!(swap(name, None, Some(one)), Err(CasError::Moved { found: Some(one) }));
    git(&bare, &["pack-refs", "--all", "--prune"]);
    assert_eq!(swap(name, Some(two), Some(one)), Err(CasError::Moved { found: Some(one) }));
    assert_eq!(swap(name, Some(one), Some(two)), Ok(()));
    assert_eq!(git(&bare, &["rev-parse", name]), two.to_string());
    assert_eq!(swap(name, Some(one), None), Err(CasError::Moved { found: Some(two) }));
    assert_eq!(swap(name, None, None), Err(CasError::Moved { found: Some(two) }));
    assert_eq!(swap(name, Some(two), None), Ok(()));
    assert_eq!(repository.reference(name).unwrap(), None);
    assert_eq!(swap(name, None, None), Ok(()));
    // A branch named like the folder of ours stands in the way, and is left alone.
    git(&bare, &["branch", "ligase", "main"]);
    assert!(swap(name, None, Some(one)).is_err());
    assert_eq!(git(&bare, &["rev-parse", "ligase"]), two.to_string());
    // Neither an object that is not there nor a name that is none.
    assert!(swap("refs/heads/y", None, Some(Oid::Sha1([3; 20]))).is_err());
    for bad in ["HEAD", "refs/heads/a..b", "refs/heads/../../x", "refs/heads/a\nb", "main"] {
        assert!(
            matches!(swap(bad, None, Some(one)), Err(CasError::Failed(e)) if e.reason == FailureReason::Malformed),
            "{bad}"
        );
    }
}

#[test]
fn a_branch_that_somebody_has_checked_out_is_not_moved() {
    let fixture = Fixture::with(&[("a", "1")]);
    let head = fixture.head();
    let repository = Repository::open(&fixture.work()).unwrap();
    let new = repository.commit_changes(&head, &change("a", "2"), "x", &signer()).unwrap();
    let swap = |name: &str, from| repository.compare_and_swap_ref(name, from, Some(new), "test");
    assert_eq!(swap("refs/heads/main", Some(head)), Err(CasError::CheckedOut));
    assert_eq!(swap("refs/heads/other", None), Ok(()));
    git(&fixture.work(), &["worktree", "add", "-q", "../linked", "-b", "side"]);
    assert_eq!(swap("refs/heads/side", Some(head)), Err(CasError::CheckedOut));
}

#[test]
fn a_locked_ref_is_waited_for_and_then_told() {
    let fixture = Fixture::with(&[("a", "1")]);
    let bare = fixture.bare();
    let head = fixture.head();
    let lock = bare.join("refs/heads/x.lock");
    std::fs::write(&lock, "").unwrap();
    let repository = Repository::open(&bare).unwrap();
    let error = repository.compare_and_swap_ref("refs/heads/x", None, Some(head), "t").unwrap_err();
    assert!(matches!(error, CasError::Failed(e) if e.reason == FailureReason::Machine));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            std::fs::remove_file(&lock).unwrap();
        });
        repository.compare_and_swap_ref("refs/heads/x", None, Some(head), "t").unwrap();
    });
}
