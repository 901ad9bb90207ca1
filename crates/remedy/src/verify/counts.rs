//! The sums that test runners print at their end, as patterns: one row a runner. Where a runner prints one for each part of
//! a run, they are added. Next: `../verify.rs`.

/// What a number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Passed,
    Failed,
    Skipped,
    /// All of them: what passed is what the others leave.
    Total,
}

use Part::{Failed, Passed, Skipped, Total};

/// How a runner prints its sums.
pub(super) struct Sums {
    pub runner: &'static str,
    /// A line that is the runner's and nobody else's.
    pub line: &'static str,
    /// Numbers in that line, or in the lines right after it.
    pub parts: &'static [(Part, &'static str)],
    /// How many lines after the first belong to it.
    pub after: usize,
}

pub(super) const SUMS: &[Sums] = &[
    Sums {
        runner: "pytest",
        line: r"^=* ?(?:\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?)(?:, )?)+ in [\d.]+s",
        parts: &[
            (Passed, r"(\d+) passed"),
            (Failed, r"(\d+) failed"),
            (Failed, r"(\d+) errors?\b"),
            (Skipped, r"(\d+) skipped"),
        ],
        after: 0,
    },
    Sums {
        runner: "unittest",
        line: r"^Ran \d+ tests? in [\d.]+s",
        parts: &[
            (Total, r"^Ran (\d+) tests?"),
            (Failed, r"^FAILED \(.*\bfailures=(\d+)"),
            (Failed, r"^FAILED \(.*\berrors=(\d+)"),
            (Failed, r"^FAILED \(.*\bunexpected successes=(\d+)"),
            (Skipped, r"^(?:OK|FAILED) \(.*\bskipped=(\d+)"),
        ],
        after: 2,
    },
    Sums {
        runner: "jest",
        line: r"^Tests:\s+.*\d+ total$",
        parts: &[
            (Passed, r"(\d+) passed"),
            (Failed, r"(\d+) failed"),
            (Skipped, r"(\d+) skipped"),
            (Skipped, r"(\d+) todo"),
        ],
        after: 0,
    },
    Sums {
        runner: "vitest",
        line: r"^\s*Tests\s+(?:\d+ \w+(?: \| )?)+ ?\(\d+\)",
        parts: &[(Passed, r"(\d+) passed"), (Failed, r"(\d+) failed"), (Skipped, r"(\d+) skipped")],
        after: 0,
    },
    Sums {
        runner: "mocha",
        line: r"^\s*\d+ passing(?: \(|$)",
        parts: &[(Passed, r"(\d+) passing"), (Failed, r"^\s*(\d+) failing"), (Skipped, r"^\s*(\d+) pending")],
        after: 2,
    },
    Sums {
        runner: "node:test",
        line: r"^(?:#|ℹ) tests \d+$",
        parts: &[
            (Passed, r"^(?:#|ℹ) pass (\d+)$"),
            (Failed, r"^(?:#|ℹ) fail (\d+)$"),
            (Failed, r"^(?:#|ℹ) cancelled (\d+)$"),
            (Skipped, r"^(?:#|ℹ) skipped (\d+)$"),
        ],
        after: 7,
    },
    Sums {
        runner: "cargo-test",
        line: r"^test result: (?:ok|FAILED)\. ",
        parts: &[(Passed, r"(\d+) passed"), (Failed, r"(\d+) failed"), (Skipped, r"(\d+) ignored")],
        after: 0,
    },
    Sums {
        runner: "cargo-nextest",
        line: r"^\s*Summary \[.*\] +.*tests? run:",
        parts: &[
            (Passed, r"(\d+) passed"),
            (Failed, r"(\d+) failed"),
            (Failed, r"(\d+) timed out"),
            (Skipped, r"(\d+) skipped"),
        ],
        after: 0,
    },
    Sums {
        runner: "maven",
        line: r"^(?:\[\w+\] )?Tests run: \d+, Failures: \d+, Errors: \d+, Skipped: \d+$",
        parts: &[
            (Total, r"Tests run: (\d+)"),
            (Failed, r"Failures: (\d+)"),
            (Failed, r"Errors: (\d+)"),
            (Skipped, r"Skipped: (\d+)"),
        ],
        after: 0,
    },
    Sums {
        runner: "rspec",
        line: r"^\d+ examples?, \d+ failures?",
        parts: &[
            (Total, r"^(\d+) examples?"),
            (Failed, r"(\d+) failures?"),
            (Failed, r"(\d+) errors? occurred outside"),
            (Skipped, r"(\d+) pending"),
        ],
        after: 0,
    },
    Sums {
        runner: "minitest",
        line: r"^\d+ (?:runs|tests), \d+ assertions, \d+ failures, \d+ errors",
        parts: &[
            (Total, r"^(\d+) (?:runs|tests)"),
            (Failed, r"(\d+) failures"),
            (Failed, r"(\d+) errors"),
            (Skipped, r"(\d+) (?:skips|pendings)"),
        ],
        after: 0,
    },
    Sums {
        runner: "phpunit",
        line: r"^(?:OK \(\d+ tests?, \d+ assertions?\)|Tests: \d+, Assertions: \d+)",
        parts: &[
            (Total, r"^(?:OK \(|Tests: )(\d+)"),
            (Failed, r"Failures: (\d+)"),
            (Failed, r"Errors: (\d+)"),
            (Skipped, r"Skipped: (\d+)"),
        ],
        after: 0,
    },
    Sums {
        runner: "dotnet",
        line: r"^(?:Passed|Failed)!\s+- Failed:",
        parts: &[(Failed, r"Failed:\s+(\d+)"), (Passed, r"Passed:\s+(\d+)"), (Skipped, r"Skipped:\s+(\d+)")],
        after: 0,
    },
    Sums { runner: "go", line: r"^ok\s+\S+\s+(?:\(cached\)|[\d.]+s)(?:\s+coverage:.*)?$", parts: &[], after: 0 },
];
