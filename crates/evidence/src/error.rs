//! Why the store did not do what it was asked. Each error has a stable code, a place and a remedy.
//!
//! Refuses to hide a cause: the operating system's own words stand in the problem. Read `store.rs` next.

use ligase_domain::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {}: {problem}. {remedy}", path.display())]
pub struct StoreError {
    /// The stable code, one of [`codes`].
    pub code: &'static str,
    /// The file or folder that it is about.
    pub path: PathBuf,
    /// What was seen.
    pub problem: String,
    /// What a person can do.
    pub remedy: String,
}

/// The stable codes of [`StoreError`]; each is a runbook's name.
pub mod codes {
    /// The folder may not be written to.
    pub const READ_ONLY: &str = "E-STORE-READ-ONLY";
    /// Another process has the store open.
    pub const LOCKED: &str = "E-STORE-LOCKED";
    /// A newer leader has written to the store.
    pub const FENCED: &str = "E-STORE-FENCED";
    /// The folder holds something that is not a store, or one of a newer version.
    pub const FORMAT: &str = "E-STORE-FORMAT";
    /// The operating system refused.
    pub const IO: &str = "E-STORE-IO";
    /// The disk is full.
    pub const NO_SPACE: &str = "E-STORE-NO-SPACE";
    /// A write could not be made durable: nothing more is written until the store is opened again.
    pub const FAILED: &str = "E-STORE-FAILED";
    /// An object's bytes are no longer the ones that its digest names.
    pub const CORRUPT: &str = "E-STORE-CORRUPT";
    /// The journal is damaged before its end.
    pub const JOURNAL_CORRUPT: &str = "E-STORE-JOURNAL-CORRUPT";
    /// The bytes are not the ones that the digest names.
    pub const MISMATCH: &str = "E-STORE-MISMATCH";
    /// What should be named is not durable.
    pub const NOT_DURABLE: &str = "E-STORE-NOT-DURABLE";
    /// A bound is exceeded.
    pub const LIMIT: &str = "E-STORE-LIMIT";
}

impl StoreError {
    pub(crate) fn new(code: &'static str, path: &Path, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, path: path.to_owned(), problem: problem.into(), remedy: remedy.into() }
    }

    /// An error of the operating system, by what a person can do about it.
    pub(crate) fn io(path: &Path, doing: &str, error: &io::Error) -> Self {
        let problem = format!("{doing}: {error}");
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::read_only(path, problem),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::new(
                codes::NO_SPACE,
                path,
                problem,
                "Free some space; nothing that was acknowledged is lost, and the store goes on by itself",
            ),
            _ => Self::new(codes::IO, path, problem, "Check the disk and the kernel's log, then open the store again"),
        }
    }

    pub(crate) fn read_only(path: &Path, problem: String) -> Self {
        Self::new(
            codes::READ_ONLY,
            path,
            problem,
            "Give the user that runs Ligase write access to the folder, or choose another folder",
        )
    }

    pub(crate) fn corrupt(digest: &Digest, path: &Path, seen: &str) -> Self {
        Self::new(
            codes::CORRUPT,
            path,
            format!("object {digest}: {seen}"),
            "Put the object again (its repository can be looked at again), or restore the file from a backup",
        )
    }
}

/// Names the path and the deed of an error of the operating system.
pub(crate) trait At<T> {
    fn at(self, path: &Path, doing: &str) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path, doing: &str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::io(path, doing, &error))
    }
}
