//! Lock files that a killed process left on refs that only Ligase writes. git leaves them too and asks a person to remove
//! them; where nobody watches they would hold a pull request for ever. Refuses to touch a lock that is young, or on a ref of
//! somebody else's.

use crate::{Repository, VcsError};
use ligase_domain::Timestamp;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// No ref is held this long by a process that lives: holding one takes milliseconds.
const STALE_MS: i64 = 10 * 60 * 1000;
/// Folders below the refs that only Ligase writes.
const OURS: [&str; 2] = ["refs/ligase", "refs/heads/ligase"];
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
