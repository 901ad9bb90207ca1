//! What is planned and not settled yet: the tasks of the running sweep, and the door through which their ends arrive.
//!
//! It remembers nothing that matters: after a crash the next sweep plans again what has no terminal record.

use ligase_domain::{Digest, FindingId, IntentKey, Oid, RepositoryId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// A planned task, as much of it as accepting its result needs.
#[derive(Clone, Debug)]
pub enum Planned {
    /// Look at a revision.
    Probe {
        /// Of this repository.
        repository: RepositoryId,
        /// At this revision.
        revision: Oid,
    },
    /// Make a patch.
    Remedy {
        /// For this intent.
        intent: IntentKey,
        /// Against this revision.
        base: Oid,
        /// That closes these findings, or some of them.
        findings: Vec<FindingId>,
    },
    /// Look at base plus patch.
    Verification {
        /// For this intent.
        intent: IntentKey,
        /// The revision that the patch was made against.
        base: Oid,
        /// The object that holds the patch.
        patch: Digest,
    },
}

/// A planned task has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What it was.
    pub planned: Planned,
    /// Files that were looked at, and files that the cache had.
    pub looked: (u64, u64),
    /// Whether the repository was cloned.
    pub cloned: bool,
    /// Who did it.
    pub by: String,
}

/// The desk of the running sweep.
pub struct Desk {
    open: Mutex<HashMap<Digest, Planned>>,
    ended: mpsc::UnboundedSender<Ended>,
}

impl Desk {
    /// An empty desk, and where the ends of its tasks arrive. Unbounded, because it holds at most one end per planned task.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Ended>) {
        let (ended, arrives) = mpsc::unbounded_channel();
        (Self { open: Mutex::new(HashMap::new()), ended }, arrives)
    }

    /// Puts a task on the desk.
    pub fn plan(&self, key: Digest, planned: Planned) {
        self.open().insert(key, planned);
    }

    /// The planned task of that key, if it has not ended.
    pub fn planned(&self, key: &Digest) -> Option<Planned> {
        self.open().get(key).cloned()
    }

    /// Takes a task off the desk and says so; a second time changes nothing.
    pub fn end(&self, key: Digest, looked: (u64, u64), cloned: bool, by: String) {
        let Some(planned) = self.open().remove(&key) else { return };
        // The receiver is gone only when no sweep runs any more; then nobody waits for it.
        let _ = self.ended.send(Ended { planned, looked, cloned, by });
    }

    /// How many tasks are on it.
    pub fn len(&self) -> usize {
        self.open().len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Clears it, for the next sweep.
    pub fn clear(&self) {
        self.open().clear();
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Digest, Planned>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
