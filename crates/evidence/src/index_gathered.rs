//! An index that gathers entries in memory before it hands them, in order, to the one that keeps them.
//!
//! A repository's result is some eighty entries at keys that are hashes: written as they come, each touches a page of its
//! own. Thousands of them in order touch each page once. What is gathered and not handed on when a process dies is put in
//! again at the next start, as is everything that was not flushed. Refuses to answer without what it gathered.

use crate::index::{Index, IndexEntry, IndexError, Location, Space, Tallies};
use crate::series::FileId;
use ligase_domain::Digest;
use std::collections::BTreeSet;

/// Entries that are gathered: under a megabyte in memory.
const GATHERED_MAX: usize = 4_096;

/// An index before another one.
pub struct GatheredIndex {
    /// Ordered as the other one orders its keys.
    gathered: BTreeSet<IndexEntry>,
    keeper: Box<dyn Index>,
}

impl GatheredIndex {
    /// Before an index that keeps.
    pub fn before(keeper: Box<dyn Index>) -> Self {
        Self { gathered: BTreeSet::new(), keeper }
    }

    /// Hands on what is gathered; it stays where that fails.
    fn hand_on(&mut self) -> Result<(), IndexError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let entries: Vec<IndexEntry> = self.gathered.iter().copied().collect();
        self.keeper.put(&entries)?;
        self.gathered.clear();
        Ok(())
    }
}

impl Index for GatheredIndex {
    fn put(&mut self, entries: &[IndexEntry]) -> Result<(), IndexError> {
        self.gathered.extend(entries);
        if self.gathered.len() >= GATHERED_MAX { self.hand_on() } else { Ok(()) }
    }

    fn find(&mut self, space: Space, key: &Digest) -> Result<Vec<IndexEntry>, IndexError> {
        let first = Location { file: FileId { fence: 0, number: 0 }, offset: 0, slot: 0 };
        let from = IndexEntry { space, key: *key, at: first, length: 0, object: Digest::from_bytes([0; 32]) };
        let own = self.gathered.range(from..).take_while(|e| e.space == space && e.key == *key).copied();
        let mut found = self.keeper.find(space, key)?;
        found.extend(own);
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn tally(&mut self) -> Result<Tallies, IndexError> {
        self.hand_on()?;
        self.keeper.tally()
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        self.hand_on()?;
        self.keeper.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{MemoryIndex, conformance};
    use crate::index_sled::SledIndex;

    #[test]
    fn it_conforms_before_either_index() {
        conformance::suite(&mut || Box::new(GatheredIndex::before(Box::new(MemoryIndex::default()))), false);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let open = || GatheredIndex::before(Box::new(SledIndex::open(&path).unwrap()));
        conformance::suite(&mut || Box::new(open()), true);
    }

    #[test]
    fn what_is_gathered_is_found_beside_what_was_handed_on_and_each_once() {
        let mut index = GatheredIndex::before(Box::new(MemoryIndex::default()));
        let entries: Vec<_> = (0..GATHERED_MAX as u64)
            .map(|offset| conformance::entry(Space::Look, (offset % 7) as u8, 0, offset, 0))
            .collect();
        index.put(&entries).unwrap();
        assert!(index.gathered.is_empty(), "so many are handed on");
        let news = conformance::entry(Space::Look, 3, 1, 5, 0);
        index.put(&[news, entries[3]]).unwrap();
        let found = index.find(Space::Look, &Digest::of(&[3])).unwrap();
        let mut all: Vec<_> = entries.iter().filter(|e| e.key == Digest::of(&[3])).copied().chain([news]).collect();
        all.sort_unstable();
        assert_eq!(found, all);
        assert_eq!(index.find(Space::Object, &Digest::of(&[3])).unwrap(), []);
        let total: u64 = index.tally().unwrap().values().map(|tally| tally.entries).sum();
        assert_eq!(total, GATHERED_MAX as u64 + 1);
    }
}
