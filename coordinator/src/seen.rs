//! What was looked at of a revision, decoded; and the last ones, kept from the acceptance of a result until its judgement,
//! so that they are decoded once. Refuses to remember what matters: everything here can be read from the store again.

use crate::ledger::{Ledger, LedgerError};
use ligase_domain::{Digest, Observation, RepoPath};
use ligase_evidence::Hashed;
use ligase_record::{ObservationSet, decode_observation_set, decode_observations};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Observations and paths that are kept at most, of all revisions together: some hundred megabytes.
const KEPT_MAX: usize = 200_000;

/// What was looked at.
pub struct Seen {
    /// What of each file.
    pub set: ObservationSet,
    /// Linked over the revision.
    pub observations: Vec<Observation>,
    /// All paths of the revision that a pack reads, sorted.
    pub paths: Vec<RepoPath>,
}

impl Seen {
    /// Reads it from the store; this also proves that the store has all of it.
    pub fn read(ledger: &Ledger, root: &Digest, observations: &Digest) -> Result<Self, LedgerError> {
        Self::read_with(ledger, &[], root, observations)
    }

    /// The same where some of its objects are at hand and not in the store yet.
    pub fn read_with(
        ledger: &Ledger,
        at_hand: &[Hashed],
        root: &Digest,
        observations: &Digest,
    ) -> Result<Self, LedgerError> {
        let at_hand: HashMap<Digest, &Hashed> = at_hand.iter().map(|object| (object.digest(), object)).collect();
        let object = |digest: &Digest| match at_hand.get(digest) {
            Some(object) => Ok(object.bytes().to_vec()),
            None => ledger.object(digest),
        };
        let observations = decode_observations(&object(observations)?)?;
        let set = decode_observation_set(&object(root)?, &mut |digest| object(digest).ok())?;
        let read = set.entries.iter().map(|e| e.path.clone());
        let mut paths: Vec<RepoPath> = read.chain(set.population.skipped.iter().map(|s| s.path.clone())).collect();
        paths.sort();
        paths.dedup();
        Ok(Self { set, observations, paths })
    }

    fn size(&self) -> usize {
        self.observations.len() + self.paths.len()
    }
}

/// The objects that a look consists of: its root and its observations.
type Objects = (Digest, Digest);

/// Looks that were accepted and not judged yet, the oldest first.
#[derive(Default)]
pub struct Fresh(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    looks: VecDeque<(Objects, Arc<Seen>)>,
    /// Of all of them.
    size: usize,
}

impl Fresh {
    /// Keeps one; the oldest ones go where they are too many.
    pub fn keep(&self, objects: Objects, seen: Arc<Seen>) {
        let mut kept = self.kept();
        kept.size += seen.size();
        kept.looks.push_back((objects, seen));
        while kept.size > KEPT_MAX {
            let Some((_, gone)) = kept.looks.pop_front() else { break };
            kept.size -= gone.size();
        }
    }

    /// Takes one.
    pub fn take(&self, objects: Objects) -> Option<Arc<Seen>> {
        let mut kept = self.kept();
        let at = kept.looks.iter().position(|(known, _)| *known == objects)?;
        let (_, seen) = kept.looks.remove(at)?;
        kept.size -= seen.size();
        Some(seen)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
