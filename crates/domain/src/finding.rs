//! The judgement on one requirement for one service at one revision. Start reading Ligase here.
//!
//! A finding is never deleted and never silent: what could not be looked at is *indeterminate* with a reason, what is
//! waived is judged all the same. Dates and workers are not part of it: the same inputs give the same bytes.

use crate::{ClauseId, Digest, FindingId, Place, ServiceId};
use std::sync::Arc;

/// What a judgement can say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The subject was observed and has the property.
    Satisfied,
    /// The subject was observed, what decides was resolved, and it does not have the property.
    NotSatisfied,
    /// There is nothing that the clause could apply to, for this reason.
    NotApplicable(String),
    /// It could not be decided, for this reason. Never counted as satisfied.
    Indeterminate(String),
}

impl Outcome {
    /// The stable name, without the reason.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::NotSatisfied => "not-satisfied",
            Self::NotApplicable(_) => "not-applicable",
            Self::Indeterminate(_) => "indeterminate",
        }
    }

    /// The reason, where the outcome has one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NotApplicable(reason) | Self::Indeterminate(reason) => Some(reason),
            Self::Satisfied | Self::NotSatisfied => None,
        }
    }
}

/// How bad a not-satisfied finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth planning.
    Medium,
    /// Worth doing now.
    High,
    /// Worth stopping for.
    Critical,
}

impl Severity {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What is judged one by one: an endpoint, a log call, a resource, or the service as a whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subject {
    /// An observation kind, `service` when nothing was seen, or `file` for a file that could not be read.
    pub kind: String,
    /// What a person calls it: `GET /patients/{id}`, `aws_s3_bucket.scans`.
    pub symbol: String,
    /// The identity attributes as (name, value), in the order that `kinds/<kind>.yaml` gives them.
    pub identity: Vec<(String, String)>,
    /// Its number among subjects of the same identity, in order of path and place, from 0.
    pub ordinal: u32,
}

/// A control that a finding contributes to; it never proves one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ControlRef {
    /// The framework's id.
    pub framework: String,
    /// The control's published id.
    pub control: String,
}

/// Whether a waiver counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WaiverState {
    /// Approved by someone who may, and not expired.
    InForce,
    /// Nobody who may has approved these bytes.
    Unapproved,
    /// Past its date.
    Expired,
}

impl WaiverState {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Unapproved => "unapproved",
            Self::Expired => "expired",
        }
    }
}

/// A waiver that names this finding. It annotates; the outcome beside it is the real one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaiverNote {
    /// Whether it counts.
    pub state: WaiverState,
    /// `risk-accepted`, `false-positive`, `operational-requirement` or `addressable-alternative`.
    pub kind: String,
    /// The person's words.
    pub reason: String,
    /// The last day on which it counts, as `YYYY-MM-DD`.
    pub expires: String,
    /// Who approved it, as forge logins.
    pub approved_by: Vec<String>,
}

/// The judgement on one clause for one subject of one service at one revision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Identity; survives moves and reformatting.
    pub id: FindingId,
    /// The service that is judged.
    pub service: ServiceId,
    /// The clause that is judged.
    pub clause: ClauseId,
    /// The constraint's version.
    pub clause_version: u32,
    /// What was judged.
    pub subject: Subject,
    /// What the judgement says.
    pub outcome: Outcome,
    /// One sentence for a person, without secrets.
    pub message: String,
    /// How bad it is when it is not satisfied.
    pub severity: Severity,
    /// Where the subject stands; none for a subject that is the service as a whole.
    pub place: Option<Place>,
    /// Controls that it contributes to, sorted; those of a clause are the same ones in memory.
    pub controls: Arc<[ControlRef]>,
    /// [`crate::LookKey`] digests of the files that it was judged from, sorted.
    pub cites: Vec<Digest>,
    /// The waiver that names it, if any.
    pub waiver: Option<WaiverNote>,
    /// The remedy that the catalog has for it, if any: `authn-endpoints/guarded/python-fastapi`.
    pub remedy: Option<String>,
}

impl Finding {
    /// Whether a person or a machine has to act: not satisfied, and no waiver in force.
    pub fn is_open(&self) -> bool {
        self.outcome == Outcome::NotSatisfied && self.waiver.as_ref().is_none_or(|w| w.state != WaiverState::InForce)
    }
}
