//! Reading revisions: hostile repositories cost a reason, never a crash and never a wrong answer.

#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{Fixture, git, git_with, oid, try_git};
use ligase_domain::{EntryKind, FailureReason, Oid, RepoPath, SourceTree};
use ligase_vcs::{MAX_DEPTH, Repository};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn paths(tree: &dyn SourceTree) -> Vec<String> {
    tree.entries().unwrap().iter().map(|e| e.path.to_string()).collect()
}

fn loose(bare: &Path, oid: &Oid) -> PathBuf {
    let hex = oid.to_string();
    bare.join("objects").join(&hex[..2]).join(&hex[2..])
}

/// Replaces a loose object's file, which git makes read-only.
fn overwrite(file: &Path, bytes: &[u8]) {
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_revision_is_listed_in_byte_order_and_read_without_a_checkout() {
    let fixture = Fixture::with(&[("a/x.py", "x = 1\n"), ("a-b", "dash"), ("a0", "zero"), ("run.sh", "#!/bin/sh\n")]);
    git(&fixture.work(), &["update-index", "--chmod=+x", "run.sh"]);
    git(&fixture.work(), &["commit", "-q", "-m", "mode"]);
    let repository = Repository::open(&fixture.work()).unwrap();
    let (branch, head) = repository.default_branch().unwrap();
    assert_eq!((branch.as_str(), head), ("main", fixture.head()));
    let tree = repository.revision(&head).unwrap();
    assert_eq!(paths(&tree), ["a-b", "a/x.py", "a0", "run.sh"]);
    let entries = tree.entries().unwrap();
    assert_eq!((entries[3].kind, entries[1].kind), (EntryKind::Executable, EntryKind::File));
    assert_eq!((tree.size(&entries[1]).unwrap(), tree.read(&entries[1], 6).unwrap()), (6, b"x = 1\n".to_vec()));
    assert_eq!(tree.read(&entries[1], 5).unwrap_err().reason, FailureReason::OverBudget);
    assert_eq!(tree.entry(&"a/x.py".into()).unwrap().as_ref(), Some(&entries[1]));
    assert_eq!(tree.entry(&"a".into()).unwrap(), None);
    assert_eq!(tree.entry(&"a/x.py/z".into()).unwrap(), None);
}

#[test]
fn names_with_newlines_control_characters_and_no_encoding_are_paths_like_others() {
    let fixture = Fixture::new();
    let blob = git_with(&fixture.work(), &["hash-object", "-w", "--stdin"], b"content");
    let names: [&[u8]; 5] = [b"new\nline", b"\x1b[31mred", b"caf\xe9", b"tab\there", "\u{202e}evil.py".as_bytes()];
    let mut input = Vec::new();
    for name in names {
        input.extend_from_slice(format!("100644 blob {blob}\t").as_bytes());
        input.extend_from_slice(name);
        input.push(0);
    }
    let tree = git_with(&fixture.work(), &["mktree", "-z"], &input);
    let commit = oid(&git(&fixture.work(), &["commit-tree", "-m", "x", &tree]));
    let repository = Repository::open(&fixture.work()).unwrap();
    let revision = repository.revision(&commit).unwrap();
    let entries = revision.entries().unwrap();
    assert_eq!(entries.len(), 5);
    for name in names {
        let entry = revision.entry(&RepoPath::new(name)).unwrap().unwrap();
        assert_eq!(revision.read(&entry, 100).unwrap(), b"content");
        assert!(!entry.path.to_string().chars().any(char::is_control));
    }
}

#[test]
fn links_in_a_circle_and_submodules_are_entries_and_are_not_followed() {
    let fixture = Fixture::with(&[("f", "x")]);
    std::os::unix::fs::symlink("b", fixture.work().join("a")).unwrap();
    std::os::unix::fs::symlink("a", fixture.work().join("b")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", fixture.work().join("c")).unwrap();
    git(&fixture.work(), &["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", fixture.head())]);
    let head = fixture.commit(&[], "links");
    let revision = Repository::open(&fixture.work()).unwrap().revision(&head).unwrap();
    let entries = revision.entries().unwrap();
    let kind = |p: &str| entries.iter().find(|e| e.path == p.into()).unwrap().clone();
    assert_eq!(kind("a").kind, EntryKind::Symlink);
    assert_eq!(revision.read(&kind("c"), 100).unwrap(), b"/etc/passwd");
    if let Some(sub) = entries.iter().find(|e| e.path == "sub".into()) {
        assert_eq!(sub.kind, EntryKind::Submodule);
        assert_eq!(revision.size(sub).unwrap_err().reason, FailureReason::NotFound);
    }
}

#[test]
fn an_empty_repository_and_a_head_without_its_branch_have_different_reasons() {
    let fixture = Fixture::new();
    let repository = Repository::open(&fixture.work()).unwrap();
    assert_eq!(repository.default_branch().unwrap_err().reason, FailureReason::EmptyRepository);
    assert_eq!(repository.branch("main").unwrap(), None);
    fixture.commit(&[("a", "b")], "x");
    git(&fixture.work(), &["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let error = repository.default_branch().unwrap_err();
    assert_eq!(error.reason, FailureReason::NotFound);
    assert!(error.detail.contains("gone") && error.detail.contains("main"), "{error}");
}

#[test]
fn sha256_objects_reftables_and_folders_without_git_are_refused_with_reasons() {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "-q", "--bare", "--object-format=sha256", "new.git"]);
    let reason = |path: &str| Repository::open(&root.path().join(path)).unwrap_err().reason;
    assert_eq!(reason("new.git"), FailureReason::ObjectFormat);
    if try_git(root.path(), &["init", "-q", "--bare", "--ref-format=reftable", "table.git"]).status.success() {
        assert_eq!(reason("table.git"), FailureReason::ObjectFormat);
    }
    std::fs::create_dir(root.path().join("plain")).unwrap();
    assert_eq!(reason("plain"), FailureReason::NotFound);
    assert_eq!(reason("missing"), FailureReason::NotFound);
    std::fs::write(root.path().join("plain/.git"), "gitdir: ../new.git").unwrap();
    assert_eq!(reason("plain"), FailureReason::NotFound);
    // A folder inside a repository is not the repository.
    let fixture = Fixture::with(&[("inner/a", "b")]);
    assert!(Repository::open(&fixture.work().join("inner")).is_err());
}

#[test]
fn a_corrupt_blob_is_that_blobs_error_and_the_others_are_read() {
    let fixture =
        Fixture::with(&[("good", "good"), ("bad", "bad bytes"), ("gone", "gone bytes"), ("cut", "cut bytes")]);
    let bare = fixture.work().join(".git");
    let repository = Repository::open(&fixture.work()).unwrap();
    let revision = repository.revision(&fixture.head()).unwrap();
    let entry = |p: &str| revision.entry(&p.into()).unwrap().unwrap();
    overwrite(&loose(&bare, &entry("bad").oid), b"this is not deflated");
    std::fs::remove_file(loose(&bare, &entry("gone").oid)).unwrap();
    let cut = std::fs::read(loose(&bare, &entry("cut").oid)).unwrap();
    overwrite(&loose(&bare, &entry("cut").oid), &cut[..cut.len() / 2]);
    assert_eq!(revision.entries().unwrap().len(), 4);
    for name in ["bad", "gone", "cut"] {
        let error = revision.read(&entry(name), 1000).unwrap_err();
        assert_eq!((error.reason, error.path), (FailureReason::CorruptObject, name.into()));
    }
    assert_eq!(revision.read(&entry("good"), 1000).unwrap(), b"good");
}

#[test]
fn a_loose_object_cut_anywhere_ends_with_an_error_or_its_bytes() {
    let text: String = (0..400).map(|n| format!("line {n} {}\n", n * 7919 % 1000)).collect();
    let fixture = Fixture::with(&[("f", &text)]);
    let revision = Repository::open(&fixture.work()).unwrap().revision(&fixture.head()).unwrap();
    let entry = revision.entry(&"f".into()).unwrap().unwrap();
    let file = loose(&fixture.work().join(".git"), &entry.oid);
    let whole = std::fs::read(&file).unwrap();
    let (sent, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for length in 0..whole.len() {
            overwrite(&file, &whole[..length]);
            let fresh = Repository::open(revision.repository().folder()).unwrap().revision(&revision.commit()).unwrap();
            let _ = fresh.size(&entry);
            if let Ok(bytes) = fresh.read(&entry, 1 << 20) {
                assert_eq!(bytes, text.as_bytes());
            }
            sent.send(length).unwrap();
        }
    });
    let mut last = None;
    while let Ok(length) = received.recv_timeout(Duration::from_secs(5)) {
        last = Some(length);
    }
    assert!(last.is_some_and(|l| l > 500), "reading never ended after {last:?} bytes");
}

#[test]
fn bytes_that_belong_to_another_id_are_corrupt() {
    let fixture = Fixture::with(&[("a", "what was approved"), ("b", "what somebody put")]);
    let repository = Repository::open(&fixture.work()).unwrap();
    let revision = repository.revision(&fixture.head()).unwrap();
    let entry = |p: &str| revision.entry(&p.into()).unwrap().unwrap();
    let bare = fixture.work().join(".git");
    let other = std::fs::read(loose(&bare, &entry("b").oid)).unwrap();
    overwrite(&loose(&bare, &entry("a").oid), &other);
    assert_eq!(revision.read(&entry("a"), 1000).unwrap_err().reason, FailureReason::CorruptObject);
}

#[test]
fn a_corrupt_folder_is_an_error_of_the_listing_that_names_it() {
    let fixture = Fixture::with(&[("ok/a", "1"), ("broken/deep/b", "2")]);
    let repository = Repository::open(&fixture.work()).unwrap();
    let tree = oid(&git(&fixture.work(), &["rev-parse", "HEAD:broken/deep"]));
    overwrite(&loose(&fixture.work().join(".git"), &tree), b"no tree");
    let error = repository.revision(&fixture.head()).unwrap().entries().unwrap_err();
    assert_eq!((error.reason, error.path.to_string().as_str()), (FailureReason::CorruptObject, "broken/deep"));
}

#[test]
fn trees_that_git_would_not_make_are_corrupt() {
    let fixture = Fixture::new();
    let blob = git_with(&fixture.work(), &["hash-object", "-w", "--stdin"], b"x");
    let raw = oid(&blob);
    let entry = |mode: &str, name: &[u8]| [mode.as_bytes(), b" ", name, b"\0", raw.as_bytes()].concat();
    let hostile = [
        entry("100644", b".."),
        entry("100644", b"."),
        entry("100644", b".GIT"),
        entry("100644", b"a/b"),
        entry("170000", b"odd"),
        [entry("100644", b"same"), entry("100755", b"same")].concat(),
        [entry("100644", b"same"), entry("40000", b"same")].concat(),
        b"100644 cut\0short".to_vec(),
        b"no tree at all".to_vec(),
    ];
    for bytes in hostile {
        let tree = git_with(&fixture.work(), &["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &bytes);
        let commit = format!("tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n");
        let commit = git_with(
            &fixture.work(),
            &["hash-object", "-t", "commit", "-w", "--literally", "--stdin"],
            commit.as_bytes(),
        );
        let repository = Repository::open(&fixture.work()).unwrap();
        let error = repository.revision(&oid(&commit)).unwrap().entries().unwrap_err();
        assert_eq!(error.reason, FailureReason::CorruptObject, "{}", String::from_utf8_lossy(&bytes));
    }
}

/// Ten folders of ten folders of …: a few objects, a billion paths.
fn bomb(folder: &Path, leaf: &str, width: usize, levels: usize) -> Oid {
    let mut tree = git_with(folder, &["mktree"], leaf.as_bytes());
    for _ in 0..levels {
        let lines: String = (0..width).map(|n| format!("040000 tree {tree}\td{n}\n")).collect();
        tree = git_with(folder, &["mktree"], lines.as_bytes());
    }
    oid(&git(folder, &["commit-tree", "-m", "x", &tree]))
}

#[test]
fn a_tree_of_a_billion_paths_is_over_budget_at_once() {
    let fixture = Fixture::new();
    let blob = git_with(&fixture.work(), &["hash-object", "-w", "--stdin"], b"x");
    for leaf in [format!("100644 blob {blob}\tf\n"), String::new()] {
        let commit = bomb(&fixture.work(), &leaf, 10, 9);
        let start = Instant::now();
        let error = Repository::open(&fixture.work()).unwrap().revision(&commit).unwrap().entries().unwrap_err();
        assert_eq!(error.reason, FailureReason::OverBudget);
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn nesting_has_a_limit_and_the_limit_itself_is_read() {
    let fixture = Fixture::new();
    let blob = git_with(&fixture.work(), &["hash-object", "-w", "--stdin"], b"x");
    let leaf = format!("100644 blob {blob}\tf\n");
    let repository = Repository::open(&fixture.work()).unwrap();
    let listed = |levels| repository.revision(&bomb(&fixture.work(), &leaf, 1, levels)).unwrap().entries();
    assert_eq!(listed(MAX_DEPTH).unwrap().len(), 1);
    assert_eq!(listed(MAX_DEPTH + 1).unwrap_err().reason, FailureReason::OverBudget);
    assert_eq!(listed(3000).unwrap_err().reason, FailureReason::OverBudget);
}

#[test]
fn a_large_blob_shows_its_size_without_being_inflated() {
    let fixture = Fixture::new();
    let file = std::fs::File::create(fixture.work().join("zeros")).unwrap();
    file.set_len(300 << 20).unwrap();
    let head = fixture.commit(&[], "zeros");
    let revision = Repository::open(&fixture.work()).unwrap().revision(&head).unwrap();
    let entry = revision.entry(&"zeros".into()).unwrap().unwrap();
    let start = Instant::now();
    assert_eq!(revision.size(&entry).unwrap(), 300 << 20);
    assert_eq!(revision.read(&entry, 1 << 20).unwrap_err().reason, FailureReason::OverBudget);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

#[test]
fn many_threads_read_one_revision() {
    let files: Vec<(String, String)> = (0..60).map(|n| (format!("d{}/f{n}", n % 7), format!("content {n}"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let fixture = Fixture::with(&files);
    let revision = Repository::open(&fixture.bare()).unwrap().revision(&fixture.head()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for (path, text) in &files {
                    let entry = revision.entry(&(*path).into()).unwrap().unwrap();
                    assert_eq!(revision.read(&entry, 100).unwrap(), text.as_bytes());
                }
            });
        }
    });
}

#[test]
fn nothing_that_a_repository_configures_is_ever_run() {
    let fixture = Fixture::with(&[("a.txt", "one\n"), (".gitattributes", "* filter=evil merge=evil diff=evil\n")]);
    let marker = fixture.root.path().join("marker");
    let run = format!("touch {}", marker.display());
    let bare = fixture.bare();
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.askPass",
        "core.pager",
        "core.editor",
        "credential.helper",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "merge.evil.driver",
        "diff.evil.textconv",
        "diff.evil.command",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "alias.log",
    ] {
        git(&bare, &["config", key, &run]);
    }
    std::fs::create_dir_all(bare.join("hooks")).unwrap();
    for hook in
        ["reference-transaction", "pre-receive", "update", "post-receive", "post-update", "pre-commit", "post-commit"]
    {
        let file = bare.join("hooks").join(hook);
        std::fs::write(&file, format!("#!/bin/sh\n{run}\n")).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let repository = Repository::open(&bare).unwrap();
    let head = fixture.head();
    let signer = ligase_vcs::Signer::new("L", "l@example.org", 1);
    let one = repository.commit_changes(&head, &[("a.txt".into(), b"two\n".to_vec())], "x", &signer).unwrap();
    let other = repository.commit_changes(&head, &[("b.txt".into(), b"b\n".to_vec())], "y", &signer).unwrap();
    let merged = repository.merge_commit(&one, &other, "m", &signer).unwrap();
    repository.compare_and_swap_ref("refs/heads/main", Some(head), Some(merged), "x").unwrap();
    repository.revision(&merged).unwrap().entries().unwrap();
    assert!(!marker.exists());
}

#[test]
fn refs_are_listed_by_prefix_and_a_broken_one_hides_none() {
    let fixture = Fixture::with(&[("a", "b")]);
    let bare = fixture.bare();
    let head = fixture.head();
    for name in ["refs/heads/b", "refs/heads/a/c", "refs/tags/v1", "refs/ligase/pulls/1"] {
        git(&bare, &["update-ref", name, &head.to_string()]);
    }
    git(&bare, &["pack-refs", "--all"]);
    git(&bare, &["update-ref", "refs/heads/z", &head.to_string()]);
    git(&bare, &["symbolic-ref", "refs/heads/alias", "refs/heads/b"]);
    std::fs::write(bare.join("refs/heads/broken"), "no id").unwrap();
    let repository = Repository::open(&bare).unwrap();
    let names: Vec<String> = repository.refs("refs/heads/").unwrap().into_iter().map(|(n, _)| n).collect();
    assert_eq!(names, ["refs/heads/a/c", "refs/heads/b", "refs/heads/main", "refs/heads/z"]);
    assert_eq!(repository.refs("refs/ligase/").unwrap(), [("refs/ligase/pulls/1".to_owned(), head)]);
    assert_eq!(repository.branch("alias").unwrap(), None);
    assert_eq!(repository.branch("no such\nname").unwrap(), None);
}

#[test]
fn a_missing_revision_and_an_id_of_another_kind_are_not_found() {
    let fixture = Fixture::with(&[("a", "b")]);
    let repository = Repository::open(&fixture.work()).unwrap();
    let tree = repository.commit_tree(&fixture.head()).unwrap();
    for id in [Oid::Sha1([7; 20]), tree] {
        assert_eq!(repository.revision(&id).err().map(|e| e.reason), Some(FailureReason::NotFound));
    }
    assert_eq!(repository.revision(&Oid::Sha256([7; 32])).err().map(|e| e.reason), Some(FailureReason::ObjectFormat));
}

#[test]
fn a_pack_cut_or_changed_anywhere_ends_with_an_error_or_the_right_bytes() {
    let text: String = (0..300).map(|n| format!("line {n} {}\n", n * 7919 % 1000)).collect();
    let fixture = Fixture::with(&[("f", &text), ("d/g", "other\n")]);
    fixture.commit(&[("f", &format!("{text}more\n"))], "delta");
    let bare = fixture.bare();
    git(&bare, &["repack", "-adfq"]);
    let head = fixture.head();
    let mut pack = std::fs::read_dir(bare.join("objects/pack")).unwrap().flatten().map(|e| e.path());
    let pack = pack.find(|p| p.extension().is_some_and(|e| e == "pack")).unwrap();
    let whole = std::fs::read(&pack).unwrap();
    let expected = format!("{text}more\n").into_bytes();
    let (sent, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for place in (0..whole.len()).step_by(3) {
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << (place % 8);
            for bytes in [&whole[..place], &flipped] {
                overwrite(&pack, bytes);
                let Ok(repository) = Repository::open(&bare) else { continue };
                let Ok(revision) = repository.revision(&head) else { continue };
                let Ok(entries) = revision.entries() else { continue };
                let _ = repository.commit(&head);
                for entry in entries.iter().filter(|e| e.path == "f".into()) {
                    let _ = revision.size(entry);
                    if let Ok(read) = revision.read(entry, 1 << 20) {
                        assert_eq!(read, expected);
                    }
                }
            }
            sent.send(place).unwrap();
        }
        sent.send(usize::MAX).unwrap();
    });
    let mut last = None;
    while let Ok(place) = received.recv_timeout(Duration::from_secs(10)) {
        last = Some(place);
    }
    assert_eq!(last, Some(usize::MAX), "reading never ended, or gave wrong bytes");
}
