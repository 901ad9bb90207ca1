//! The observation cache: a bounded one of this worker's own before what the coordinator knows that others have seen.
//! It never fails: what cannot be had is a miss, and is looked at again.

use ligase_domain::{FileObservations, LookCache, LookKey, LookedFile};
use ligase_proto::client::{DIGESTS_MAX, Objects};
use ligase_proto::convert::{digest_bytes, optional_digest};
use ligase_proto::v1::{self, fleet_client::FleetClient};
use ligase_record::decode_file_observations;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tonic::transport::Channel;

/// Files of a worker's own cache. `make bench-fleet` saw some 80 KiB a file in memory, so that this is some 300 MiB; when it is
/// full it is emptied, which costs one batch of questions to the coordinator.
const LOCAL_FILES_MAX: usize = 4_000;

/// What this worker has seen.
#[derive(Default)]
pub(crate) struct LocalCache(Mutex<HashMap<LookKey, Arc<FileObservations>>>);

impl LocalCache {
    fn get(&self, keys: &[LookKey]) -> Vec<Option<Arc<FileObservations>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|k| known.get(k).cloned()).collect()
    }

    fn put(&self, files: impl Iterator<Item = (LookKey, Arc<FileObservations>)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, observations) in files {
            if known.len() >= LOCAL_FILES_MAX {
                known.clear();
            }
            known.insert(key, observations);
        }
    }
}

/// The cache of one attempt, for use on a blocking thread.
pub(crate) struct AttemptCache {
    pub(crate) local: Arc<LocalCache>,
    pub(crate) fleet: FleetClient<Channel>,
    pub(crate) runtime: Handle,
}

impl AttemptCache {
    /// What the coordinator knows under these keys; nothing when it does not answer.
    async fn remote(&self, keys: &[LookKey]) -> Option<Vec<Option<Arc<FileObservations>>>> {
        let (mut fleet, mut objects) = (self.fleet.clone(), Objects::new(self.fleet.clone()));
        let mut out = Vec::with_capacity(keys.len());
        for batch in keys.chunks(DIGESTS_MAX) {
            let asked = v1::Digests { digests: batch.iter().map(|k| digest_bytes(&k.digest())).collect() };
            let answer = fleet.find_observed(asked).await.ok()?.into_inner().objects;
            let named: Vec<_> = answer.iter().map(|o| optional_digest("objects", o).ok().flatten()).collect();
            if named.len() != batch.len() {
                return None;
            }
            let mut wanted: Vec<_> = named.iter().flatten().copied().collect();
            wanted.sort_unstable();
            wanted.dedup();
            let bytes = objects.fetch(&wanted).await.ok()?;
            let read = bytes.iter().map(|b| decode_file_observations(b).ok().map(Arc::new));
            let by_digest: HashMap<_, _> = wanted.iter().copied().zip(read).collect();
            out.extend(named.iter().map(|n| n.as_ref().and_then(|d| by_digest.get(d).cloned().flatten())));
        }
        Some(out)
    }
}

impl LookCache for AttemptCache {
    fn get_many(&self, keys: &[LookKey]) -> Vec<Option<Arc<FileObservations>>> {
        let mut found = self.local.get(keys);
        let absent: Vec<usize> = (0..keys.len()).filter(|i| found[*i].is_none()).collect();
        if absent.is_empty() {
            return found;
        }
        let asked: Vec<LookKey> = absent.iter().map(|i| keys[*i].clone()).collect();
        if let Some(answers) = self.runtime.block_on(self.remote(&asked)) {
            for (index, answer) in absent.into_iter().zip(answers) {
                found[index] = answer;
            }
        }
        self.local.put(keys.iter().zip(&found).filter_map(|(k, f)| f.clone().map(|f| (k.clone(), f))));
        found
    }

    fn put_many(&self, files: &[LookedFile]) {
        self.local.put(files.iter().map(|f| (f.key.clone(), Arc::clone(&f.observations))));
    }
}
