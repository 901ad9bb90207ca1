//! A service's own tests in a real jail, where this machine has one.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use super::*;
use ligase_domain::{Effect, EffectClass, FileChange, MapTree, RepositoryId};
use ligase_inspect::Inspector;

const MODULE: &str = "def double(n):\n    return 2 * n\n";
const TESTS: &str = "import unittest\nfrom lib import double\n\n\nclass Doubles(unittest.TestCase):\n    def test_two(self):\n\
                     \x20       self.assertEqual(double(2), 4)\n\n    def test_none(self):\n        self.assertEqual(double(0), 0)\n";

fn tree(test: &str) -> MapTree {
    MapTree::new([("svc/lib.py", MODULE), ("svc/tests/__init__.py", ""), ("svc/tests/test_lib.py", test)])
}

fn patch(files: &[(&str, &str)]) -> Patch {
    let change = |(path, text): &(&str, &str)| FileChange {
        path: (*path).into(),
        base: Oid::Sha1([0; 20]),
        bytes: text.as_bytes().to_vec(),
    };
    Patch {
        base_revision: Oid::Sha1([0; 20]),
        changes: files.iter().map(change).collect(),
        diff: String::new(),
        remedies: vec![],
        effect: Effect { class: EffectClass::InPlace, note: String::new() },
    }
}

fn unittest() -> Option<Command> {
    let words = ["python3", "-m", "unittest", "discover", "-s", "tests", "-t", "."];
    Some(Command { command: words.map(str::to_owned).to_vec(), timeout_s: 60 })
}

fn shell(script: &str) -> Option<Command> {
    Some(Command { command: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()], timeout_s: 60 })
}

/// What is said of each patch, one after another on one base; none where there is no jail.
fn said(base: MapTree, command: Option<Command>, patches: &[Patch]) -> Option<Vec<Verified>> {
    let probed = ligase_sandbox::probe();
    if probed.jail().is_none() {
        assert!(std::env::var_os("LIGASE_REQUIRE_JAIL").is_none(), "{probed:#?}");
        eprintln!("NOT TRIED: {:?}", probed.refused);
        return None;
    }
    let verifier = Verifier::new(&probed, std::env::temp_dir());
    Some(with(&verifier, base, command, patches))
}

fn with(verifier: &Verifier, base: MapTree, command: Option<Command>, patches: &[Patch]) -> Vec<Verified> {
    let inspector = Inspector::shipped().unwrap();
    let repository = RepositoryId { forge: "local".to_owned(), stable: "r".to_owned() };
    let mut verification = Verification {
        verifier,
        base: Arc::new(base),
        service: ServiceId { repository, folder: "svc".to_owned() },
        revision: Oid::Sha1([3; 20]),
        command,
        probes: inspector.probes(),
        beat: &|| (),
        runs: 0,
    };
    patches.iter().map(|p| verification.verify(p)).collect()
}

fn reason(verified: &Verified) -> &str {
    match &verified.verdict {
        GateVerdict::Unverified(reason) => reason,
        GateVerdict::Passed => "no worse",
        GateVerdict::Refused(_) => "worse",
    }
}

#[test]
fn tests_that_pass_on_both_are_no_worse_and_the_base_runs_once() {
    let good = patch(&[("svc/lib.py", "def double(n):\n    return n + n\n")]);
    let bad = patch(&[("svc/lib.py", "def double(n):\n    return n\n")]);
    let Some(said) = said(tree(TESTS), unittest(), &[good, bad]) else { return };
    assert_eq!((reason(&said[0]), reason(&said[1])), ("no worse", "worse"), "{said:#?}");
    let GateVerdict::Refused(seen) = &said[1].verdict else { panic!() };
    assert!(seen.contains("test_two"), "{seen}");
    let runs = &said[0].runs;
    assert_eq!(runs.iter().map(|r| (r.patched, r.passed, r.failed)).collect::<Vec<_>>(), [(false, 2, 0), (true, 2, 0)]);
    assert_eq!((runs[0].ended.as_str(), runs[0].runners.as_slice()), ("exit 0", &["unittest".to_owned()][..]));
    assert!(runs.iter().all(|r| r.millis > 0 && r.output != Digest::of(b"")));
    assert_eq!(said[1].runs[0], runs[0], "what the base said is kept");
    assert_eq!(said[1].runs.len(), 3, "a failure has to come twice");
}

#[test]
fn a_patch_does_not_bring_the_tests_that_it_is_measured_by() {
    let empty = patch(&[("svc/lib.py", "def double(n):\n    return n\n"), ("svc/tests/test_lib.py", "")]);
    let Some(said) = said(tree(TESTS), unittest(), &[empty]) else { return };
    assert_eq!(reason(&said[0]), "worse");
}

#[test]
fn what_cannot_be_told_is_unverified_with_its_reason() {
    let any = || [patch(&[("svc/lib.py", "def double(n):\n    return n + n\n")])];
    for (expected, base, command) in [
        ("no-verify-command", tree(TESTS), None),
        ("no-test-seen", tree(TESTS), shell("echo fine")),
        ("command-not-found", tree(TESTS), shell("no-such-runner")),
        ("base-fails", tree(TESTS), shell("exit 3")),
        ("base-too-slow", tree(TESTS), shell("sleep 60").map(|c| Command { timeout_s: 1, ..c })),
        ("base-not-started", MapTree::new([("other/lib.py", MODULE)]), unittest()),
    ] {
        let Some(said) = said(base, command, &any()) else { return };
        assert_eq!(reason(&said[0]), expected);
    }
}

#[test]
fn without_a_jail_nothing_is_run() {
    let mark = tempfile::tempdir().unwrap();
    let file = mark.path().join("ran");
    let probed = ligase_sandbox::probe_at(std::path::Path::new("/nowhere/bwrap"));
    let verifier = Verifier::new(&probed, std::env::temp_dir());
    let command = shell(&format!("touch {}", file.display()));
    let said = with(&verifier, tree(TESTS), command, &[patch(&[("svc/lib.py", "x = 1\n")])]);
    assert_eq!((reason(&said[0]), said[0].runs.len()), ("no-sandbox", 0));
    assert!(!file.exists());
}

#[test]
fn a_task_does_not_run_tests_without_end() {
    let bad = patch(&[("svc/lib.py", "def double(n):\n    return n\n")]);
    let all: Vec<Patch> = (0..8).map(|_| bad.clone()).collect();
    let Some(said) = said(tree(TESTS), unittest(), &all) else { return };
    assert_eq!(reason(&said[0]), "worse");
    assert_eq!(reason(said.last().unwrap()), "verify-budget");
}
