//! Moving a ref only when it is where we last saw it. The comparison happens under git's own lock file for the ref, so
//! neither a person's push nor another process of ours is ever overwritten; who comes second is told what is there.
//!
//! It refuses to move a branch that somebody has checked out. It never forces. What a process of ours that was killed left
//! in the way is removed (`stale.rs`).

use crate::VcsError;
use crate::repository::{Handle, Repository, git_oid};
use crate::stale::{Looked, Obstacle};
use git2::ErrorCode;
use ligase_domain::{FailureReason, Oid};
use std::path::Path;
use std::time::{Duration, Instant};

/// Somebody else holds the ref's lock for as long as a file takes to be written; git itself waits 100 ms.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// The most linked working trees that are looked at.
const MAX_WORKTREES: usize = 1000;

/// Why a ref was not moved.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CasError {
    /// It is not where it was expected; nothing was written.
    #[error("the ref is at {}, which is not what was expected", found.map_or_else(|| "nothing".to_owned(), |o| o.to_string()))]
    Moved {
        /// Where it is.
        found: Option<Oid>,
    },
    /// A working tree has it checked out; moving it would show a person changes that they did not make.
    #[error("the branch is checked out in a working tree")]
    CheckedOut,
    /// It could not be tried.
    #[error(transparent)]
    Failed(#[from] VcsError),
}

impl Repository {
    /// Moves ref `name` from `expected` to `new`: `None` before means that it must not exist, `None` after removes it.
    /// `log` stands in the reflog, where the repository keeps one.
    pub fn compare_and_swap_ref(
        &self,
        name: &str,
        expected: Option<Oid>,
        new: Option<Oid>,
        log: &str,
    ) -> Result<(), CasError> {
        if !name.starts_with("refs/") || !git2::Reference::is_valid_name(name) {
            return Err(VcsError::new(FailureReason::Malformed, format!("{name:?} is no name for a ref")).into());
        }
        if self.is_checked_out(name)? {
            return Err(CasError::CheckedOut);
        }
        // Held until this call ends, or this process: whoever has it knows that no lock is of a process of ours that lives.
        let turn = self.take_turn()?;
        let mut obstacle = turn.as_ref().map(|turn| Obstacle::of(turn, self.folder(), name, new));
        let began = Instant::now();
        loop {
            match self.try_swap(name, expected, new, log) {
                Err(Refused::Locked) => match obstacle.as_mut().map(Obstacle::look) {
                    Some(Looked::Removed) => continue,
                    Some(Looked::Watched) => {}
                    Some(Looked::Respected) | None if began.elapsed() < LOCK_PATIENCE => {}
                    Some(Looked::Respected) | None => break,
                },
                Err(Refused::Moved) => return Err(CasError::Moved { found: self.reference(name)? }),
                Err(Refused::Failed(error)) => return Err(error.into()),
                Ok(()) => return Ok(()),
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        Err(VcsError::new(FailureReason::Machine, format!("{name} stays locked; a stale .lock file?")).into())
    }

    fn try_swap(&self, name: &str, expected: Option<Oid>, new: Option<Oid>, log: &str) -> Result<(), Refused> {
        let handle = self.handle()?;
        match (expected, new) {
            (None, None) if self.reference(name)?.is_none() => Ok(()),
            (None, None) => Err(Refused::Moved),
            (Some(expected), None) => remove(&handle, name, git_oid(&expected)?),
            (_, Some(new)) => {
                // Zero means «must not exist», and is compared under the lock; a creation without force is not.
                let before = expected.as_ref().map_or(Ok(git2::Oid::ZERO_SHA1), git_oid)?;
                let swapped = handle.reference_matching(name, git_oid(&new)?, true, before, log);
                swapped.map(|_| ()).map_err(|e| refused(name, &e))
            }
        }
    }

    fn is_checked_out(&self, name: &str) -> Result<bool, VcsError> {
        if !name.starts_with("refs/heads/") {
            return Ok(false);
        }
        if self.has_worktree() && head_names(&self.folder().join("HEAD"), name) {
            return Ok(true);
        }
        let Ok(linked) = std::fs::read_dir(self.folder().join("worktrees")) else { return Ok(false) };
        Ok(linked.take(MAX_WORKTREES).flatten().any(|w| head_names(&w.path().join("HEAD"), name)))
    }
}

fn head_names(head: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(head).unwrap_or_default();
    text.strip_prefix("ref:").is_some_and(|target| target.trim() == name)
}

fn remove(handle: &Handle<'_>, name: &str, expected: git2::Oid) -> Result<(), Refused> {
    let mut found = match handle.find_reference(name) {
        Ok(found) => found,
        Err(e) if e.code() == ErrorCode::NotFound => return Err(Refused::Moved),
        Err(e) => return Err(refused(name, &e)),
    };
    if found.target() != Some(expected) {
        return Err(Refused::Moved);
    }
    // Taking a ref out of the packed ones makes libgit2 read what the others point at.
    handle.loose().check_all()?;
    // Compares with what was found, again, under the lock.
    found.delete().map_err(|e| refused(name, &e))
}

enum Refused {
    Locked,
    Moved,
    Failed(VcsError),
}

impl From<VcsError> for Refused {
    fn from(error: VcsError) -> Self {
        Self::Failed(error)
    }
}

fn refused(name: &str, error: &git2::Error) -> Refused {
    match error.code() {
        ErrorCode::Locked => Refused::Locked,
        ErrorCode::Modified | ErrorCode::NotFound | ErrorCode::Exists => Refused::Moved,
        _ => Refused::Failed(VcsError::of(name, error)),
    }
}
