//! Observations that one process remembers while it looks at several trees that differ in a few files: base and head, base
//! and patch, a patch and its hunks. It forgets the newest first when it is full, and never makes a result differ.

use ligase_domain::{FileObservations, LookCache, LookKey, LookedFile};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What is kept at most; a file's observations are some kilobytes.
const KEPT: usize = 200_000;

/// A cache in memory, over another one that is asked for what it does not know.
pub struct MemoryCache<'a> {
    known: Mutex<HashMap<LookKey, Arc<FileObservations>>>,
    below: &'a dyn LookCache,
}

impl<'a> MemoryCache<'a> {
    /// Over another cache.
    pub fn over(below: &'a dyn LookCache) -> Self {
        Self { known: Mutex::default(), below }
    }

    /// Remembers files that were looked at.
    pub fn remember(&self, files: &[LookedFile]) {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for file in files {
            if known.len() >= KEPT {
                return;
            }
            known.insert(file.key.clone(), file.observations.clone());
        }
    }
}

impl LookCache for MemoryCache<'_> {
    fn get_many(&self, keys: &[LookKey]) -> Vec<Option<Arc<FileObservations>>> {
        let mut found: Vec<_> = {
            let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            keys.iter().map(|k| known.get(k).cloned()).collect()
        };
        let unknown: Vec<usize> = (0..keys.len()).filter(|i| found[*i].is_none()).collect();
        let asked: Vec<LookKey> = unknown.iter().map(|i| keys[*i].clone()).collect();
        if !asked.is_empty() {
            for (i, answer) in unknown.into_iter().zip(self.below.get_many(&asked)) {
                found[i] = answer;
            }
        }
        found
    }

    fn put_many(&self, files: &[LookedFile]) {
        self.remember(files);
        self.below.put_many(files);
    }
}
