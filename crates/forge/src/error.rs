//! Why a forge did not do something. Each cause that a person or the coordinator acts on differently is one variant.

use ligase_domain::{FailureReason, Oid, RepoPath};
use ligase_vcs::{VcsError, WriteError};

/// Why a forge did not do something; nothing was changed then.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ForgeError {
    /// This forge cannot do it.
    #[error("the forge {forge} cannot {what}")]
    Unsupported {
        /// Which forge.
        forge: String,
        /// What was asked.
        what: &'static str,
    },
    /// There is no such pull request.
    #[error("there is no pull request {0}")]
    NoSuchPull(u64),
    /// It is merged or closed already.
    #[error("pull request {number} is {state}")]
    NotOpen {
        /// Which.
        number: u64,
        /// `merged` or `closed`.
        state: &'static str,
    },
    /// A person changed the branch; what they did is left alone.
    #[error("a person changed the branch: it is at {}", shown(found))]
    HumanTouched {
        /// Where the branch is.
        found: Option<Oid>,
    },
    /// The pull request has another head than the one that the caller looked at.
    #[error("the head is {}, not the one that was looked at", shown(found))]
    HeadMoved {
        /// Where the branch is.
        found: Option<Oid>,
    },
    /// It is a draft, or was never merged: the state does not allow it.
    #[error("{0}")]
    NotAllowed(String),
    /// Both sides change the same lines.
    #[error("conflicting changes in {}", paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Conflict {
        /// Where.
        paths: Vec<RepoPath>,
    },
    /// Others kept changing it in between; trying again later can help.
    #[error("{0} kept changing in between")]
    Contended(String),
    /// The repository or the server.
    #[error("{reason}: {detail}")]
    Failed {
        /// The stable reason.
        reason: FailureReason,
        /// What was seen.
        detail: String,
    },
}

impl ForgeError {
    pub(crate) fn failed(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self::Failed { reason, detail: detail.into() }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::failed(FailureReason::Malformed, detail)
    }
}

fn shown(oid: &Option<Oid>) -> String {
    oid.map_or_else(|| "nothing".to_owned(), |o| o.to_string())
}

impl From<VcsError> for ForgeError {
    fn from(error: VcsError) -> Self {
        Self::Failed { reason: error.reason, detail: error.detail }
    }
}

impl From<WriteError> for ForgeError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Conflict { paths } => Self::Conflict { paths },
            WriteError::Nothing => Self::NotAllowed("nothing would change".to_owned()),
            WriteError::Failed(error) => error.into(),
        }
    }
}
