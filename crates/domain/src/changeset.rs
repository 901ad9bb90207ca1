//! One published patch for one intent, with its life-cycle. The transitions are decided in the coordinator; here are the words.

use crate::{Digest, FindingId, IntentKey, Oid, Timestamp};

/// Who closed a pull request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClosedBy {
    /// A person, by forge login: a recorded decision, never overridden by a machine.
    Person(String),
    /// Ligase itself, with the reason.
    Ligase(String),
}

/// Whose content the branch holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ownership {
    /// The head is the last one that we pushed.
    Ours,
    /// A person committed to it: content writes are frozen.
    HumanTouched,
}

/// Where a changeset stands. The default branch is the truth: `Merged` is not `MergedVerified`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChangesetState {
    /// The patch passed the gate and waits for a budget or a verification, with the reason.
    Held(String),
    /// A pull request stands open.
    Open,
    /// It was merged at this commit; the merged revision has not been probed yet.
    Merged(Oid),
    /// It was merged and the probe has seen the clause hold.
    MergedVerified(Oid),
    /// It was closed without a merge.
    Closed(ClosedBy),
    /// The clause held on the default branch before it was merged.
    SatisfiedElsewhere,
    /// It was merged, verified, and the clause was broken again by a person.
    RegressedByPerson,
}

impl ChangesetState {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Held(_) => "held",
            Self::Open => "open",
            Self::Merged(_) => "merged-unverified",
            Self::MergedVerified(_) => "merged-verified",
            Self::Closed(ClosedBy::Person(_)) => "closed-by-person",
            Self::Closed(ClosedBy::Ligase(_)) => "closed-by-ligase",
            Self::SatisfiedElsewhere => "satisfied-elsewhere",
            Self::RegressedByPerson => "regressed-by-person",
        }
    }
}

/// One published patch for one intent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changeset {
    /// What we want changed.
    pub intent: IntentKey,
    /// What we propose.
    pub patch: Digest,
    /// The findings that it closes.
    pub findings: Vec<FindingId>,
    /// The forge's number of the pull request, once there is one.
    pub number: Option<u64>,
    /// The head that we last pushed.
    pub pushed_head: Option<Oid>,
    /// Whose content the branch holds.
    pub ownership: Ownership,
    /// Where it stands.
    pub state: ChangesetState,
    /// Whether it was opened as a draft, and why.
    pub draft: Option<String>,
    /// When it was opened, by the server's clock.
    pub opened: Timestamp,
}
