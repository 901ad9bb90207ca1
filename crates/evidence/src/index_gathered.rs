//! An index that gathers entries in memory before it hands them, in order, to the one that keeps them.
//!
//! A repository's result is some eighty entries at keys that are hashes: written as they come, each touches a page of its
//! own. Thousands of them in order touch each page once. What is gathered and not handed on when a process dies is put in
//! again at the next start, as is everything that was not flushed. Files that many repositories have are asked for by each
//! of them, so the last answers are kept, too. Refuses to answer without what it gathered.

use crate::index::{Index, IndexEntry, IndexError, Location, Space, Tallies};
use crate::series::FileId;
use ligase_domain::Digest;
use std::collections::{BTreeSet, HashMap};
use std::mem;

/// Entries that are gathered: under a megabyte in memory.
const GATHERED_MAX: usize = 4_096;
/// Answers that are kept of each of two ages: some ten megabytes together. The older ones go when the younger are as many.
const ANSWERS_MAX: usize = 16_384;

/// An index before another one.
pub struct GatheredIndex {
    /// Ordered as the other one orders its keys.
    gathered: BTreeSet<IndexEntry>,
    keeper: Box<dyn Index>,
    answers: Answers,
}

/// What the other index answered last. Nothing is kept of a key of which it knew nothing.
#[derive(Default)]
struct Answers {
    young: HashMap<(Space, Digest), Vec<IndexEntry>>,
    old: HashMap<(Space, Digest), Vec<IndexEntry>>,
}

impl Answers {
    fn get(&mut self, key: &(Space, Digest)) -> Option<Vec<IndexEntry>> {
        if let Some(known) = self.young.get(key) {
            return Some(known.clone());
        }
        let known = self.old.remove(key)?;
        self.keep(*key, known.clone());
        Some(known)
    }

    fn keep(&mut self, key: (Space, Digest), entries: Vec<IndexEntry>) {
        if entries.is_empty() {
            return;
        }
        if self.young.len() >= ANSWERS_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, entries);
    }

    /// An answer is no longer whole once the key has another entry.
    fn forget(&mut self, key: &(Space, Digest)) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

impl GatheredIndex {
    /// Before an index that keeps.
    pub fn before(keeper: Box<dyn Index>) -> Self {
        Self { gathered: BTreeSet::new(), keeper, answers: Answers::default() }
    }

    /// Hands on what is gathered; it stays where that fails.
    fn hand_on(&mut self) -> Result<(), IndexError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let entries: Vec<IndexEntry> = self.gathered.iter().copied().collect();
        entries.iter().for_each(|entry| self.answers.forget(&(entry.space, entry.key)));
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
        let mut found = match self.answers.get(&(space, *key)) {
            Some(found) => found,
            None => {
                let found = self.keeper.find(space, key)?;
                self.answers.keep((space, *key), found.clone());
                found
            }
        };
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
        // What was answered before it is put in again with more is not answered any more.
        let more = conformance::entry(Space::Look, 3, 2, 9, 0);
        index.put(&[more]).unwrap();
        index.flush().unwrap();
        assert!(index.gathered.is_empty() && index.find(Space::Look, &Digest::of(&[3])).unwrap().contains(&more));
        let total: u64 = index.tally().unwrap().values().map(|tally| tally.entries).sum();
        assert_eq!(total, GATHERED_MAX as u64 + 2);
    }
}
