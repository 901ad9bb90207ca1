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

/// What the gate said of one patch. Times stand in the attempt's provenance, not here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateReport {
    /// The patch's digest.
    pub patch: Digest,
    /// The checks that ran, in order; it ends at the first that refused.
    pub checks: Vec<CheckResult>,
}

impl GateReport {
    /// The first refusal: its stable reason and what was seen.
    pub fn refusal(&self) -> Option<(&'static str, &str)> {
        self.checks.iter().find_map(|c| match &c.verdict {
            GateVerdict::Refused(seen) => Some((c.check.refusal(), seen.as_str())),
            GateVerdict::Passed | GateVerdict::Unverified(_) => None,
        })
    }

    /// Whether no check refused, and something was checked at all.
    pub fn accepted(&self) -> bool {
        !self.checks.is_empty() && self.refusal().is_none()
    }
}
