//! Lock files that a killed process left on refs that only Ligase writes. git leaves them too and asks a person to remove
//! them; where nobody watches they would hold a pull request for ever. Refuses to touch a lock that is young, or on a ref of
//! somebody else's.
//!
//! Processes of ours take turns at the refs of a repository, by a lock that the kernel lets go of when its holder dies. So
//! whoever has the turn knows that a ref's lock file is of nobody of ours who lives, also of nobody who sleeps. It may still
//! be git's: gc takes the lock of a ref that it packs for milliseconds, without a word in it, and a push writes into it where
//! the branch is to go.

use crate::{Repository, VcsError};
use ligase_domain::{FailureReason, Oid, Timestamp};
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// No ref is held this long by a process that lives: holding one takes milliseconds.
const STALE_MS: i64 = 10 * 60 * 1000;
/// Refs that only Ligase writes.
const OURS: [&str; 2] = ["refs/ligase", BRANCHES];
/// Of these, the ones to which a person may push too.
const BRANCHES: &str = "refs/heads/ligase";
/// The file, in the git directory, by whose lock our processes take turns.
const TURN: &str = "info/ligase-turn";
/// A turn takes milliseconds, and there may be a queue for it.
const TURN_PATIENCE: Duration = Duration::from_secs(10);
const TURN_PAUSE: Duration = Duration::from_millis(2);
/// A lock file of nobody of ours is somebody's who died, when it has stood unchanged for so long before our eyes.
const WATCHED: Duration = Duration::from_secs(3);
/// An object's id and the end of a line.
const CONTENT_MAX: u64 = 80;
/// Folders within one another that are walked.
const DEPTH_MAX: usize = 6;

impl Repository {
    /// Removes stale locks below our refs, by the time that the caller has; how many there were.
    pub fn clear_stale_locks(&self, now: Timestamp) -> Result<u64, VcsError> {
        let mut removed = 0;
        for below in OURS {
            clear(&self.folder().join(below), now, 0, &mut removed)?;
        }
        Ok(removed)
    }
}

/// The right to write refs of a repository, until it is dropped or its process dies.
pub(crate) struct Turn {
    _lock: File,
}

impl Repository {
    /// Waits for this process's turn. `None` where the file system knows no locks: then nobody can tell who lives.
    pub(crate) fn take_turn(&self) -> Result<Option<Turn>, VcsError> {
        let path = self.folder().join(TURN);
        let failed = |e: &std::io::Error| VcsError::machine("take the turn to write refs", e);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        }
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(|e| failed(&e))?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Turn { _lock: lock })),
                Err(TryLockError::WouldBlock) if began.elapsed() < TURN_PATIENCE => std::thread::sleep(TURN_PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let said = "another process of Ligase has the turn to write refs here, and does not go on";
                    return Err(VcsError::new(FailureReason::Machine, said));
                }
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
    }
}

/// What was found where a ref's lock file is in the way.
pub(crate) enum Looked {
    /// It was a dead process's of ours, and is gone.
    Removed,
    /// It may be; it is looked at again.
    Watched,
    /// It may be somebody else's, who lives.
    Respected,
}

/// A ref's lock file that is in the way of somebody who has the turn.
pub(crate) struct Obstacle<'a> {
    _turn: &'a Turn,
    path: PathBuf,
    name: &'a str,
    /// What we write into such a file, while it is ours.
    wanted: Option<String>,
    seen: Option<(Identity, Instant)>,
}

/// Which file it is: another one of the same name is another writer's.
#[derive(PartialEq, Eq)]
struct Identity(Option<SystemTime>, Vec<u8>);

impl<'a> Obstacle<'a> {
    /// The lock file of this ref, which is to be moved to `new`.
    pub(crate) fn of(turn: &'a Turn, folder: &Path, name: &'a str, new: Option<Oid>) -> Self {
        let path = folder.join(format!("{name}.lock"));
        Self { _turn: turn, path, name, wanted: new.map(|oid| oid.to_string()), seen: None }
    }

    /// Looks at it, and removes it when it is certain whose it was.
    pub(crate) fn look(&mut self) -> Looked {
        let Some(found) = identify(&self.path) else { return Looked::Respected };
        let content = String::from_utf8_lossy(&found.1).trim().to_owned();
        // Whoever died meant to move it where we do.
        let same = self.wanted.as_ref() == Some(&content);
        let below = |folder: &str| self.name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let may_be = below(OURS[0]) || below(BRANCHES) && content.is_empty();
        if !same && !may_be {
            return Looked::Respected;
        }
        let since = match self.seen.take() {
            Some((known, since)) if known == found => since,
            _ => Instant::now(),
        };
        if !same && since.elapsed() < WATCHED {
            self.seen = Some((found, since));
            return Looked::Watched;
        }
        match std::fs::remove_file(&self.path) {
            Ok(()) => Looked::Removed,
            Err(_) => Looked::Respected,
        }
    }
}

/// `None` when it is not there, or is none that git writes.
fn identify(path: &Path) -> Option<Identity> {
    let about = std::fs::symlink_metadata(path).ok().filter(Metadata::is_file)?;
    let mut content = Vec::new();
    File::open(path).ok()?.take(CONTENT_MAX).read_to_end(&mut content).ok()?;
    Some(Identity(about.modified().ok(), content))
}

fn clear(folder: &Path, now: Timestamp, depth: usize, removed: &mut u64) -> Result<(), VcsError> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
        if kind.is_dir() && depth < DEPTH_MAX {
            clear(&path, now, depth + 1, removed)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "lock") && age_ms(&path, now) > STALE_MS {
            std::fs::remove_file(&path).map_err(|e| VcsError::machine("remove a stale lock", &e))?;
            *removed += 1;
        }
    }
    Ok(())
}

/// How long ago a file was written; one from the future, or without a date, is young.
fn age_ms(path: &Path, now: Timestamp) -> i64 {
    let written =
        std::fs::metadata(path).and_then(|m| m.modified()).ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    written.and_then(|d| i64::try_from(d.as_millis()).ok()).map_or(0, |at| now.0.saturating_sub(at))
}
