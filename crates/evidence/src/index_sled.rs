//! The secondary index on sled 0.34. The only file of this room that names sled.
//!
//! sled loses entries silently when bits flip and panics in some paths, so nothing here is trusted: entries carry
//! checksums, `index_thread.rs` catches panics and compares tallies, and what is wrong is rebuilt from the segments.

use crate::index::{Index, IndexEntry, IndexError, Space, Tallies, prefix};
use ligase_domain::Digest;
use std::path::Path;

/// sled's page cache. An entry is 95 bytes; 64 MiB hold the hot half of a million.
const CACHE_BYTES: u64 = 64 << 20;
/// Entries of one batch: sled holds a batch in memory and writes it as a whole.
const BATCH_ENTRIES: usize = 1024;

/// An index on sled.
pub struct SledIndex {
    db: sled::Db,
}

impl SledIndex {
    /// Opens or makes the index in a folder of its own.
    pub fn open(dir: &Path) -> Result<Self, IndexError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        Ok(Self { db: config.open().map_err(failed)? })
    }
}

fn failed(error: sled::Error) -> IndexError {
    IndexError(error.to_string())
}

impl Index for SledIndex {
    fn put(&mut self, entries: &[IndexEntry]) -> Result<(), IndexError> {
        for part in entries.chunks(BATCH_ENTRIES) {
            let mut batch = sled::Batch::default();
            for entry in part {
                let (key, value) = entry.to_bytes();
                batch.insert(key.as_slice(), value.as_slice());
            }
            self.db.apply_batch(batch).map_err(failed)?;
        }
        Ok(())
    }

    fn find(&mut self, space: Space, key: &Digest) -> Result<Vec<IndexEntry>, IndexError> {
        self.db
            .scan_prefix(prefix(space, key))
            .map(|pair| pair.map_err(failed).and_then(|(key, value)| IndexEntry::from_bytes(&key, &value)))
            .collect()
    }

    fn tally(&mut self) -> Result<Tallies, IndexError> {
        let mut tallies = Tallies::new();
        for pair in self.db.iter() {
            let (key, value) = pair.map_err(failed)?;
            let entry = IndexEntry::from_bytes(&key, &value)?;
            tallies.entry(entry.at.file).or_default().add(&entry);
        }
        Ok(tallies)
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        self.db.flush().map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sled_index_conforms() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        crate::index::conformance::suite(&mut || Box::new(SledIndex::open(&path).unwrap()), true);
    }
}
