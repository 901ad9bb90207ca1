//! What runners print, as they print it, and what two runs say together.

use super::counts::SUMS;
use super::*;

fn seen(output: &str) -> (Vec<&'static str>, u64, u64, u64) {
    let tests = read(output.as_bytes(), b"");
    (tests.runners.iter().copied().collect(), tests.passed, tests.failed, tests.skipped)
}

#[test]
fn every_pattern_compiles_and_every_runner_has_one_row() {
    read(b"x", b"");
    let names: BTreeSet<&str> = SUMS.iter().map(|s| s.runner).collect();
    assert_eq!(names.len(), SUMS.len());
}

#[test]
fn the_sums_of_the_usual_runners_are_read() {
    for (runner, passed, failed, skipped, output) in [
        ("pytest", 3, 1, 2, "FAILED tests/a.py::test_x - assert\n===== 1 failed, 3 passed, 2 skipped in 0.12s =====\n"),
        ("pytest", 12, 0, 0, "............    [100%]\n12 passed in 0.05s\n"),
        ("pytest", 4, 1, 0, "==== 4 passed, 1 error in 3.20s (0:00:03) ====\n"),
        ("unittest", 10, 0, 0, "..........\n-----\nRan 10 tests in 0.003s\n\nOK\n"),
        ("unittest", 5, 3, 1, "Ran 9 tests in 0.1s\n\nFAILED (failures=2, errors=1, skipped=1)\n"),
        ("jest", 2, 1, 1, "Test Suites: 1 failed, 1 total\nTests:       1 failed, 1 skipped, 2 passed, 4 total\n"),
        ("vitest", 7, 1, 0, " Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 7 passed (8)\n"),
        ("vitest", 8, 0, 0, "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m8 passed\u{1b}[39m\u{1b}[22m (8)\n"),
        ("mocha", 12, 1, 2, "  12 passing (30ms)\n  2 pending\n  1 failing\n\n  1) x\n"),
        ("node:test", 3, 1, 1, "# tests 5\n# suites 0\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n"),
        ("node:test", 2, 0, 0, "ℹ tests 2\nℹ suites 1\nℹ pass 2\nℹ fail 0\n"),
        (
            "cargo-test",
            6,
            1,
            1,
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\ntest result: FAILED. 4 passed; 1 failed; 0 ignored;\n",
        ),
        ("cargo-nextest", 82, 0, 3, "     Summary [  77.331s] 82 tests run: 82 passed, 3 skipped\n"),
        (
            "maven",
            6,
            1,
            1,
            "[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s - in A\n[ERROR] Tests run: 8, Failures: 1, Errors: 0, Skipped: 1\n",
        ),
        ("rspec", 10, 1, 1, "12 examples, 1 failure, 1 pending\n"),
        ("minitest", 8, 1, 1, "10 runs, 20 assertions, 1 failures, 0 errors, 1 skips\n"),
        ("phpunit", 5, 0, 0, "OK (5 tests, 9 assertions)\n"),
        ("phpunit", 3, 2, 0, "Tests: 5, Assertions: 9, Failures: 2.\n"),
        ("dotnet", 5, 0, 1, "Passed!  - Failed:     0, Passed:     5, Skipped:     1, Total:     6, Duration: 21 ms\n"),
        (
            "go",
            2,
            1,
            0,
            "ok  \texample.org/a\t0.010s\n?   \texample.org/b\t[no test files]\nFAIL\texample.org/c\t0.2s\nok  \texample.org/d\t(cached)\nFAIL\n",
        ),
        (
            "go",
            2,
            1,
            1,
            "=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.00s)\n--- SKIP: TestC (0.00s)\n    --- PASS: TestA/one (0.0s)\nFAIL\texample.org/c\t0.2s\n",
        ),
        ("tap", 2, 1, 1, "1..4\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP no\nok 4 - d\n"),
    ] {
        assert_eq!(seen(output), (vec![runner], passed, failed, skipped), "{output}");
    }
}

#[test]
fn what_names_no_test_is_no_test() {
    for output in [
        "",
        "all good\n",
        "ok\n",
        "BUILD SUCCESSFUL in 3s\n",
        "0 passed\n",
        "Ran 0 tests in 0.000s\n\nOK\n",
        "no tests ran in 0.01s\n",
        "ok  \texample.org/a\t0.010s [no tests to run]\n",
        "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored;\n",
        "we passed 5 tests yesterday\n",
    ] {
        assert_eq!(read(output.as_bytes(), b"").passed, 0, "{output}");
    }
}

#[test]
fn reports_are_read_where_no_words_are() {
    let report = r#"<?xml version="1.0"?><testsuite name="A > B" tests="4"><testcase classname="A" name="one" time="0.1"/>
        <testcase name="two" classname="A"><failure message="a &lt; b">x</failure></testcase>
        <testcase classname="A" name="three"><skipped/></testcase>
        <testcase classname="A" name="four > five"><system-out>fine</system-out></testcase></testsuite>"#;
    let tests = read(b"> Task :test\nBUILD FAILED\n", report.as_bytes());
    assert_eq!((tests.passed, tests.failed, tests.skipped), (2, 1, 1));
    assert!(
        tests.complete() && tests.passing.contains("A.four > five") && tests.failing.contains("A.two"),
        "{tests:?}"
    );
    let both = read(b"Ran 3 tests in 0.1s\n\nOK\n", report.as_bytes());
    assert_eq!((both.passed, both.failed), (3, 0), "words that were recognised are not counted twice");
}

#[test]
fn tests_are_known_by_name_where_the_runner_says_them() {
    let verbose = "tests/a.py::test_x PASSED [ 50%]\ntests/a.py::test_y FAILED [100%]\n\
                   FAILED tests/a.py::test_y - assert 1\n==== 1 failed, 1 passed in 0.1s ====\n";
    let tests = read(verbose.as_bytes(), b"");
    assert!(tests.complete() && tests.failing.contains("tests/a.py::test_y"), "{tests:?}");
    let unittest = "test_a (tests.test_m.M.test_a) ... ok\ntest_b (tests.test_m.M.test_b) ... FAIL\n\
                    FAIL: test_b (tests.test_m.M.test_b)\nRan 2 tests in 0.1s\n\nFAILED (failures=1)\n";
    let tests = read(unittest.as_bytes(), b"");
    assert!(tests.complete() && tests.failing.len() == 1, "{tests:?}");
    let cargo = "test a::b ... ok\ntest a::c ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored;\n";
    assert!(read(cargo.as_bytes(), b"").complete());
}

fn run(code: i32, output: &str) -> RunSeen {
    RunSeen { ended: RunEnd::Exited(code), tests: read(output.as_bytes(), b"") }
}

const GOOD: &str = "Ran 3 tests in 0.1s\n\nOK\n";
const BAD: &str = "FAIL: test_a (m.T.test_a)\nRan 3 tests in 0.1s\n\nFAILED (failures=1)\n";
const NONE: &str = "done\n";

fn said(base: &RunSeen, patched: &RunSeen) -> String {
    match compare(base, patched) {
        GateVerdict::Passed => "no worse".to_owned(),
        GateVerdict::Refused(_) => "worse".to_owned(),
        GateVerdict::Unverified(reason) => reason,
    }
}

#[test]
fn two_runs_have_three_values() {
    let limit = |name| RunSeen { ended: RunEnd::Limit(name), tests: Tests::default() };
    let good = run(0, GOOD);
    for (what, base, patched, expected) in [
        ("both pass", good.clone(), good.clone(), "no worse"),
        ("a test fails now", good.clone(), run(1, BAD), "worse"),
        ("a failure that nobody tells the shell", good.clone(), run(0, BAD), "worse"),
        ("fewer tests", good.clone(), run(0, "Ran 2 tests in 0.1s\n\nOK\n"), "worse"),
        ("tests that are skipped now", good.clone(), run(0, "Ran 3 tests in 0.1s\n\nOK (skipped=2)\n"), "worse"),
        ("it does not even start now", good.clone(), run(1, "SyntaxError\n"), "worse"),
        ("no test anywhere", run(0, NONE), run(0, NONE), "no-test-seen"),
        ("no test on the base", run(0, NONE), good.clone(), "no-test-seen"),
        ("no such program", run(127, ""), run(127, ""), "command-not-found"),
        ("the base fails", run(1, NONE), run(1, NONE), "base-fails"),
        ("the base fails and names nothing", run(1, NONE), good.clone(), "base-fails"),
        ("the patch mends a test", run(1, BAD), good.clone(), "no worse"),
        ("the base never ends", limit("too-slow"), good.clone(), "base-too-slow"),
        ("the patch never ends", good, limit("too-slow"), "patch-too-slow"),
    ] {
        assert_eq!(said(&base, &patched), expected, "{what}");
    }
}

#[test]
fn where_the_base_fails_names_tell() {
    let named = |rows: &[(&str, bool)]| {
        let mut out = String::new();
        for (name, passed) in rows {
            out += &format!("tests/a.py::{name} {} [ 1%]\n", if *passed { "PASSED" } else { "FAILED" });
        }
        let passed = rows.iter().filter(|r| r.1).count();
        run(1, &format!("{out}= {} failed, {passed} passed in 0.1s =\n", rows.len() - passed))
    };
    let base = named(&[("a", true), ("b", false), ("c", true)]);
    assert_eq!(said(&base, &base), "no worse");
    assert_eq!(said(&base, &named(&[("a", false), ("b", true), ("c", true)])), "worse", "as many pass, not the same");
    assert_eq!(said(&base, &named(&[("a", true), ("b", false), ("c", true), ("d", true)])), "no worse");
    let other = BAD.replace("test_a", "test_b");
    assert_eq!(said(&run(1, BAD), &run(1, BAD)), "no worse", "the only failure is the one that was there");
    assert_eq!(said(&run(1, BAD), &run(1, &other)), "worse");
    let nameless = "Ran 3 tests in 0.1s\n\nFAILED (failures=1)\n";
    assert_eq!(said(&run(1, nameless), &run(1, nameless)), "base-fails");
}

#[test]
fn a_refusal_names_the_tests() {
    let GateVerdict::Refused(seen) = compare(&run(0, GOOD), &run(1, BAD)) else { panic!() };
    assert!(seen.contains("test_a (m.T.test_a)") && seen.contains("3 passed before, 2 with the patch"), "{seen}");
}
