//! What is planned and not settled yet: the tasks of the running sweep, and the door through which their ends arrive.
//!
//! It remembers nothing that matters: after a crash the next sweep plans again what has no terminal record.

use ligase_domain::{Digest, FindingId, IntentId, IntentKey, Oid, RepositoryId};
use ligase_proto::v1;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

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

struct Open {
    planned: Planned,
    /// As it was published, for the case that the queue loses it.
    task: v1::Task,
    published: Instant,
}

/// Results of so many keys can be handed in at the same time.
const TURNS: usize = 256;

/// The desk of the running sweep.
pub struct Desk {
    open: Mutex<HashMap<Digest, Open>>,
    turns: [Mutex<()>; TURNS],
    ended: mpsc::UnboundedSender<Ended>,
}

impl Desk {
    /// An empty desk, and where the ends of its tasks arrive. Unbounded, because it holds at most one end per planned task.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Ended>) {
        let (ended, arrives) = mpsc::unbounded_channel();
        (Self { open: Mutex::new(HashMap::new()), turns: std::array::from_fn(|_| Mutex::new(())), ended }, arrives)
    }

    /// One end of a task at a time: between asking whether it has a terminal record and writing one, nobody else may. Two
    /// deliveries of one task may report at the same moment.
    pub fn turn(&self, key: &Digest) -> MutexGuard<'_, ()> {
        self.turns[usize::from(key.as_bytes()[0]) % TURNS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a task on the desk. It is there before it is published: its end may come at once.
    pub fn plan(&self, key: Digest, planned: Planned, task: v1::Task) {
        self.open().insert(key, Open { planned, task, published: Instant::now() });
    }

    /// Tasks whose last publication is at least so old, each as a publication with the next number, at most `most`. The
    /// queue knows whether it still has them.
    pub fn overdue(&self, age: Duration, most: usize) -> Vec<v1::Task> {
        let (now, mut open) = (Instant::now(), self.open());
        let overdue = open.values_mut().filter(|o| now.duration_since(o.published) >= age).take(most);
        overdue
            .map(|o| {
                o.published = now;
                o.task.publication += 1;
                o.task.clone()
            })
            .collect()
    }

    /// Intents that somebody makes or verifies a patch for.
    pub fn intents(&self) -> BTreeSet<IntentId> {
        let of = |o: &Open| match &o.planned {
            Planned::Remedy { intent, .. } | Planned::Verification { intent, .. } => Some(intent.id()),
            Planned::Probe { .. } => None,
        };
        self.open().values().filter_map(of).collect()
    }

    /// The planned task of that key, if it has not ended.
    pub fn planned(&self, key: &Digest) -> Option<Planned> {
        self.open().get(key).map(|o| o.planned.clone())
    }

    /// Takes a task off the desk and says so; a second time changes nothing.
    pub fn end(&self, key: Digest, looked: (u64, u64), cloned: bool, by: String) {
        let Some(Open { planned, .. }) = self.open().remove(&key) else { return };
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

    fn open(&self) -> MutexGuard<'_, HashMap<Digest, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
