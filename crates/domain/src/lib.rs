//! The vocabulary of Ligase: pure types, typed ids, digests, the closed failure taxonomy, and ports (traits).
//!
//! This room does no I/O, has no async function and never reads the clock: time is an argument. It also derives no
//! serialisation: stored forms live in `record`, the wire in `proto`, documents in `policy`.
//! Read `finding.rs` first, then `observation.rs`, `tree.rs` and `task.rs`.

mod assessment;
mod changeset;
mod digest;
mod failure;
mod finding;
mod gate;
mod id;
mod observation;
mod oid;
mod patch;
mod path;
mod population;
mod task;
mod time;
mod tree;
mod value;

pub use assessment::Assessment;
pub use changeset::{Changeset, ChangesetState, ClosedBy, Ownership};
pub use digest::{Digest, DigestParseError, FieldHasher};
pub use failure::{FailureReason, Retry};
pub use finding::{ControlRef, Finding, Outcome, Severity, Subject, WaiverNote, WaiverState};
pub use gate::{CheckResult, GateCheck, GateReport, GateVerdict, VerifyRun};
pub use id::{ClauseId, FindingId, IntentId, IntentKey, OrganisationId, RepositoryId, ServiceId};
pub use observation::{Observation, Place, ProbeRef, Seen, Span};
pub use oid::{Oid, OidParseError};
pub use patch::{Effect, EffectClass, FileChange, Patch};
pub use path::{Origin, PathClass, RepoPath};
pub use population::{FileObservations, LookCache, LookKey, LookedFile, NoCache, Population, Skipped};
pub use task::{Lane, TaskKey, TaskKind};
pub use time::{Clock, Timestamp};
pub use tree::{Entry, EntryKind, MapTree, OverlayTree, SourceTree, TreeError};
pub use value::Value;
