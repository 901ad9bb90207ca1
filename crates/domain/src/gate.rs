//! The checks that a patch must pass before a person sees it, and the report of what each said.

use crate::Digest;

/// A named check of the gate, in the order in which they run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GateCheck {
    /// The finding reproduces on the pinned base; else it is already satisfied, a success.
    Reproduces,
    /// The patch applies to the base's blobs.
    Applies,
    /// Only allowed paths and kinds are touched.
    AllowedPaths,
    /// No line that silences a checker is added.
    NoSuppression,
    /// Every changed file still parses.
    Parses,
    /// The subject is still observed.
    SubjectKept,
    /// The subject now satisfies the clause.
    Fixed,
    /// No new finding of any clause, and none that was decided became indeterminate.
    NoNewFinding,
    /// No test removed, skipped or emptied.
    TestsKept,
    /// No dependency that is not allowed.
    NoDependency,
    /// A second application is a no-op.
    Idempotent,
    /// Every hunk is needed.
    HunksNeeded,
    /// No larger than the budget.
    WithinBudget,
    /// The repository's own tests, base and patch.
    Verify,
}

impl GateCheck {
    /// All checks, in order.
    pub const ALL: [Self; 14] = [
        Self::Reproduces,
        Self::Applies,
        Self::AllowedPaths,
        Self::NoSuppression,
        Self::Parses,
        Self::SubjectKept,
        Self::Fixed,
        Self::NoNewFinding,
        Self::TestsKept,
        Self::NoDependency,
        Self::Idempotent,
        Self::HunksNeeded,
        Self::WithinBudget,
        Self::Verify,
    ];

    /// The stable name of the check.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reproduces => "reproduces",
            Self::Applies => "applies",
            Self::AllowedPaths => "allowed-paths",
            Self::NoSuppression => "no-suppression",
            Self::Parses => "parses",
            Self::SubjectKept => "subject-kept",
            Self::Fixed => "fixed",
            Self::NoNewFinding => "no-new-finding",
            Self::TestsKept => "tests-kept",
            Self::NoDependency => "no-dependency",
            Self::Idempotent => "idempotent",
            Self::HunksNeeded => "hunks-needed",
            Self::WithinBudget => "within-budget",
            Self::Verify => "verify",
        }
    }

    /// The reason under which a patch is refused when this check fails.
    pub const fn refusal(self) -> &'static str {
        match self {
            Self::Reproduces => "already-satisfied",
            Self::Applies => "does-not-apply",
            Self::AllowedPaths => "path-not-allowed",
            Self::NoSuppression => "suppression-added",
            Self::Parses => "does-not-parse",
            Self::SubjectKept => "subject-vanished",
            Self::Fixed => "not-fixed",
            Self::NoNewFinding => "new-finding",
            Self::TestsKept => "test-weakened",
            Self::NoDependency => "dependency-not-allowed",
            Self::Idempotent => "not-idempotent",
            Self::HunksNeeded => "hunk-not-needed",
            Self::WithinBudget => "over-budget",
            Self::Verify => "verify-worse",
        }
    }

    /// The check of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// What one check said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GateVerdict {
    /// It holds.
    Passed,
    /// It does not hold, with what was seen.
    Refused(String),
    /// It could not be tried, with the reason (`verify` without a sandbox).
    Unverified(String),
}

/// One check and what it said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckResult {
    /// Which check.
    pub check: GateCheck,
    /// What it said.
    pub verdict: GateVerdict,
}

/// One run of the repository's own command in a jail: what is left of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyRun {
    /// Whether the patch was applied; the base otherwise.
    pub patched: bool,
    /// How it ended: `exit 0`, or the limit that ended it.
    pub ended: String,
    /// The test runners whose words were recognised, by name, sorted.
    pub runners: Vec<String>,
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were skipped.
    pub skipped: u64,
    /// How long it took.
    pub millis: u64,
    /// The digest of everything that it printed.
    pub output: Digest,
}

impl VerifyRun {
    /// What was seen, in words that are the same for the same outcome: neither time nor digest.
    pub fn says(&self) -> String {
        let Self { ended, passed, failed, .. } = self;
        let whose = if self.patched { "with the patch" } else { "base" };
        format!("{whose}: {passed} passed, {failed} failed, {ended}")
    }
}

/// What the gate said of one patch. Of time there is only how long the repository's own tests took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateReport {
    /// The patch's digest.
    pub patch: Digest,
    /// The checks that ran, in order; it ends at the first that refused.
    pub checks: Vec<CheckResult>,
    /// The runs of the repository's own tests, in order; none where they did not run.
    pub runs: Vec<VerifyRun>,
}

impl GateReport {
    /// The first refusal: its stable reason and what was seen.
    pub fn refusal(&self) -> Option<(&'static str, &str)> {
        self.checks.iter().find_map(|c| match &c.verdict {
            GateVerdict::Refused(seen) => Some((c.check.refusal(), seen.as_str())),
            GateVerdict::Passed | GateVerdict::Unverified(_) => None,
        })
    }

    /// What `verify` saw, in words; none where nothing ran.
    pub fn verified(&self) -> Option<String> {
        let runners: std::collections::BTreeSet<&str> =
            self.runs.iter().flat_map(|r| &r.runners).map(String::as_str).collect();
        let runs: Vec<String> = self.runs.iter().map(VerifyRun::says).collect();
        let named = runners.into_iter().collect::<Vec<_>>().join(", ");
        let by = if named.is_empty() { String::new() } else { format!("{named}; ") };
        (!runs.is_empty()).then(|| format!("{by}{}", runs.join("; ")))
    }

    /// Whether no check refused, and something was checked at all.
    pub fn accepted(&self) -> bool {
        !self.checks.is_empty() && self.refusal().is_none()
    }
}
