//! The error of this room: a stable reason and what was seen, made safe for a terminal. Nothing else is decided here.

use git2::{ErrorClass, ErrorCode};
use ligase_domain::FailureReason;

/// A detail is for a person and may quote a hostile server; longer ones are cut.
const DETAIL_CHARS: usize = 400;

/// Why something could not be done with a repository or a server.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct VcsError {
    /// The stable reason.
    pub reason: FailureReason,
    /// What was seen, without control characters.
    pub detail: String,
}

impl VcsError {
    /// An error of a reason, with what was seen.
    pub fn new(reason: FailureReason, detail: impl AsRef<str>) -> Self {
        let safe = |c: char| {
            if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') { ' ' } else { c }
        };
        Self { reason, detail: detail.as_ref().chars().take(DETAIL_CHARS).map(safe).collect() }
    }

    /// Of libgit2's answer to something that was tried.
    pub(crate) fn of(what: &str, error: &git2::Error) -> Self {
        Self::new(reason_of(error), format!("{what}: {}", error.message()))
    }

    /// Of libgit2's answer when an object was read: what is not there or does not parse is corrupt.
    pub(crate) fn of_object(what: &str, error: &git2::Error) -> Self {
        let reason = match error.class() {
            ErrorClass::Os | ErrorClass::NoMemory => FailureReason::Machine,
            _ => FailureReason::CorruptObject,
        };
        Self::new(reason, format!("{what}: {}", error.message()))
    }

    pub(crate) fn machine(what: &str, cause: &std::io::Error) -> Self {
        Self::new(FailureReason::Machine, format!("{what}: {cause}"))
    }
}

fn reason_of(error: &git2::Error) -> FailureReason {
    match (error.code(), error.class()) {
        (ErrorCode::NotFound | ErrorCode::Auth, _) => FailureReason::NotFound,
        (ErrorCode::HashsumMismatch, _) => FailureReason::CorruptObject,
        (ErrorCode::User, _) => FailureReason::OverBudget,
        (ErrorCode::InvalidSpec | ErrorCode::Invalid, ErrorClass::Reference) => FailureReason::Malformed,
        (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssl) => FailureReason::Unreachable,
        (_, ErrorClass::NoMemory) => FailureReason::OverBudget,
        (_, ErrorClass::Odb | ErrorClass::Object | ErrorClass::Zlib | ErrorClass::Tree | ErrorClass::Indexer) => {
            FailureReason::CorruptObject
        }
        _ => FailureReason::Machine,
    }
}
