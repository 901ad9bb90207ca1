//! Units of work whose identity does not depend on delivery.

use crate::{Digest, FieldHasher, IntentId, Oid, OrganisationId, RepositoryId};
use std::fmt;

/// What a task asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TaskKind {
    /// Look at one revision.
    Probe,
    /// Make a patch for one intent.
    Remedy,
    /// Look at base plus patch; never leased to the identity that made the patch.
    Verification,
}

impl TaskKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Remedy => "remedy",
            Self::Verification => "verification",
        }
    }
}

/// How urgent a task is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// A webhook or a person waits.
    Hot,
    /// A cascade.
    Cascade,
    /// A scheduled sweep.
    Sweep,
}

impl Lane {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cascade => "cascade",
            Self::Sweep => "sweep",
        }
    }
}

/// A task's identity. Publishing, delivering or finishing the same key twice changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TaskKey {
    /// What it asks for.
    pub kind: TaskKind,
    /// The content that identifies it.
    pub digest: Digest,
}

impl TaskKey {
    /// (organisation, repository, revision, probe set).
    pub fn probe(organisation: &OrganisationId, repository: &RepositoryId, revision: &Oid, probe_set: &Digest) -> Self {
        let digest = FieldHasher::new("ligase.task.probe.v1")
            .field(&organisation.0)
            .field(&repository.forge)
            .field(&repository.stable)
            .field(revision.as_bytes())
            .field(probe_set.as_bytes())
            .finish();
        Self { kind: TaskKind::Probe, digest }
    }

    /// (intent, base revision, remedy set).
    pub fn remedy(intent: &IntentId, base: &Oid, remedy_set: &Digest) -> Self {
        let digest = FieldHasher::new("ligase.task.remedy.v1")
            .field(intent.0.as_bytes())
            .field(base.as_bytes())
            .field(remedy_set.as_bytes())
            .finish();
        Self { kind: TaskKind::Remedy, digest }
    }

    /// (intent, base revision, patch digest, probe set).
    pub fn verification(intent: &IntentId, base: &Oid, patch: &Digest, probe_set: &Digest) -> Self {
        let digest = FieldHasher::new("ligase.task.verification.v1")
            .field(intent.0.as_bytes())
            .field(base.as_bytes())
            .field(patch.as_bytes())
            .field(probe_set.as_bytes())
            .finish();
        Self { kind: TaskKind::Verification, digest }
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.name(), self.digest)
    }
}
