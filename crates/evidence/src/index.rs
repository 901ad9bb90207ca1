//! The port of the secondary index: where an object lies, and which object a look key has.
//!
//! An index holds nothing that the segments do not say; losing it costs a walk over them. Each entry is one frame (or one
//! pair of one frame), so that counts and sums by segment can be compared with the segments' own.
//! Refuses to be trusted: a miss is checked against what is known to exist, a hit against the bytes.
//! Implementations: [`MemoryIndex`] here, sled in `index_sled.rs`; both pass the conformance suite below.

use crate::series::FileId;
use ligase_domain::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// What a key of the index is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Space {
    /// An object's digest.
    Object,
    /// A look key's digest.
    Look,
}

/// Where a frame, or a pair within it, lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Location {
    /// The segment.
    pub file: FileId,
    /// Where the frame begins.
    pub offset: u64,
    /// Which pair of a frame of look pairs; 0 for an object.
    pub slot: u16,
}

/// One entry. Entries order by space, key and location.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IndexEntry {
    /// What the key is.
    pub space: Space,
    /// The key.
    pub key: Digest,
    /// Where it lies.
    pub at: Location,
    /// The frame's payload length.
    pub length: u32,
    /// The object that the key stands for: itself, or what a look key has.
    pub object: Digest,
}

const KEY_BYTES: usize = 55;
const VALUE_BYTES: usize = 40;

impl Space {
    const fn letter(self) -> u8 {
        match self {
            Self::Object => b'o',
            Self::Look => b'l',
        }
    }
}

/// The bytes with which all entries of a key begin.
pub(crate) fn prefix(space: Space, key: &Digest) -> [u8; 33] {
    let mut out = [space.letter(); 33];
    out[1..].copy_from_slice(key.as_bytes());
    out
}

impl IndexEntry {
    /// The entry as key and value; bytes order as entries do. The value ends with a checksum over both.
    pub(crate) fn to_bytes(self) -> ([u8; KEY_BYTES], [u8; VALUE_BYTES]) {
        let mut key = [0; KEY_BYTES];
        key[..33].copy_from_slice(&prefix(self.space, &self.key));
        key[33..41].copy_from_slice(&self.at.file.fence.to_be_bytes());
        key[41..45].copy_from_slice(&self.at.file.number.to_be_bytes());
        key[45..53].copy_from_slice(&self.at.offset.to_be_bytes());
        key[53..].copy_from_slice(&self.at.slot.to_be_bytes());
        let mut value = [0; VALUE_BYTES];
        value[..4].copy_from_slice(&self.length.to_be_bytes());
        value[4..36].copy_from_slice(self.object.as_bytes());
        let sum = checksum(&key, &value[..36]);
        value[36..].copy_from_slice(&sum);
        (key, value)
    }

    /// The entry of a key and a value; refuses what does not match its checksum.
    pub(crate) fn from_bytes(key: &[u8], value: &[u8]) -> Result<Self, IndexError> {
        let damaged = || IndexError(format!("damaged entry of {} and {} bytes", key.len(), value.len()));
        let key: &[u8; KEY_BYTES] = key.try_into().map_err(|_| damaged())?;
        let value: &[u8; VALUE_BYTES] = value.try_into().map_err(|_| damaged())?;
        let space = [Space::Object, Space::Look].into_iter().find(|s| s.letter() == key[0]).ok_or_else(damaged)?;
        if checksum(key, &value[..36]) != value[36..] {
            return Err(damaged());
        }
        let eight = |at: usize| u64::from_be_bytes(key[at..at + 8].try_into().expect("eight bytes"));
        let number = u32::from_be_bytes(key[41..45].try_into().expect("four bytes"));
        Ok(Self {
            space,
            key: Digest::from_bytes(key[1..33].try_into().expect("32 bytes")),
            at: Location {
                file: FileId { fence: eight(33), number },
                offset: eight(45),
                slot: u16::from_be_bytes([key[53], key[54]]),
            },
            length: u32::from_be_bytes(value[..4].try_into().expect("four bytes")),
            object: Digest::from_bytes(value[4..36].try_into().expect("32 bytes")),
        })
    }
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().to_be_bytes()
}

/// How many entries a segment has, and a sum over them that does not depend on their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// How many.
    pub entries: u64,
    /// Sum of 128 bits of each entry's hash.
    pub sum: u128,
}

impl Tally {
    /// Counts an entry.
    pub fn add(&mut self, entry: &IndexEntry) {
        let (key, value) = entry.to_bytes();
        let digest = Digest::of(&[key.as_slice(), value.as_slice()].concat());
        let part = u128::from_be_bytes(digest.as_bytes()[..16].try_into().expect("16 bytes"));
        self.entries += 1;
        self.sum = self.sum.wrapping_add(part);
    }
}

/// The tallies of all segments.
pub type Tallies = BTreeMap<FileId, Tally>;

/// Why an index cannot be used any more. It is rebuilt, whatever the reason.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct IndexError(pub String);

/// The port of the secondary index.
pub trait Index: Send {
    /// Remembers entries; one that is known already changes nothing.
    fn put(&mut self, entries: &[IndexEntry]) -> Result<(), IndexError>;

    /// All entries of a key, in order of their locations.
    fn find(&mut self, space: Space, key: &Digest) -> Result<Vec<IndexEntry>, IndexError>;

    /// What it holds of each segment, by reading all of it.
    fn tally(&mut self) -> Result<Tallies, IndexError>;

    /// Writes what is in memory to the disk, if it has one.
    fn flush(&mut self) -> Result<(), IndexError>;
}

/// An index in memory: for stores that live as long as a process, and when no other can be made.
#[derive(Default)]
pub struct MemoryIndex(BTreeMap<(Space, Digest), BTreeSet<IndexEntry>>);

impl Index for MemoryIndex {
    fn put(&mut self, entries: &[IndexEntry]) -> Result<(), IndexError> {
        for entry in entries {
            self.0.entry((entry.space, entry.key)).or_default().insert(*entry);
        }
        Ok(())
    }

    fn find(&mut self, space: Space, key: &Digest) -> Result<Vec<IndexEntry>, IndexError> {
        Ok(self.0.get(&(space, *key)).into_iter().flatten().copied().collect())
    }

    fn tally(&mut self) -> Result<Tallies, IndexError> {
        let mut tallies = Tallies::new();
        self.0.values().flatten().for_each(|entry| tallies.entry(entry.at.file).or_default().add(entry));
        Ok(tallies)
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        Ok(())
    }
}

/// What every index has to do.
#[cfg(test)]
pub(crate) mod conformance {
    use super::*;

    pub fn entry(space: Space, key: u8, number: u32, offset: u64, slot: u16) -> IndexEntry {
        let key = Digest::of(&[key]);
        let at = Location { file: FileId { fence: 1, number }, offset, slot };
        IndexEntry { space, key, at, length: 9, object: Digest::of(&offset.to_be_bytes()) }
    }

    /// Runs the suite; `make` opens the same index again each time.
    pub fn suite(make: &mut dyn FnMut() -> Box<dyn Index>, keeps: bool) {
        let objects =
            [entry(Space::Object, 1, 0, 64, 0), entry(Space::Object, 1, 2, 300, 0), entry(Space::Object, 2, 0, 700, 0)];
        let looks = [entry(Space::Look, 1, 0, 900, 0), entry(Space::Look, 3, 0, 900, 1)];
        let all: Vec<_> = objects.iter().chain(&looks).copied().collect();
        let mut index = make();
        index.put(&[all[1], all[0]]).unwrap();
        index.put(&all).unwrap();
        index.flush().unwrap();
        if keeps {
            drop(index);
            index = make();
        }
        let key = |n: u8| Digest::of(&[n]);
        assert_eq!(index.find(Space::Object, &key(1)).unwrap(), &all[..2], "entries come in order, each once");
        assert_eq!(index.find(Space::Look, &key(1)).unwrap(), &looks[..1], "spaces are apart");
        assert_eq!(index.find(Space::Look, &key(2)).unwrap(), []);
        let mut tallies = Tallies::new();
        all.iter().for_each(|entry| tallies.entry(entry.at.file).or_default().add(entry));
        assert_eq!(index.tally().unwrap(), tallies);
        assert_eq!(tallies.values().map(|t| t.entries).sum::<u64>(), 5);
        let many: Vec<_> = (0..5000).map(|i| entry(Space::Object, (i % 251) as u8, 7, i, 0)).collect();
        index.put(&many).unwrap();
        assert_eq!(index.find(Space::Object, &key(9)).unwrap().len(), 20);
        assert_eq!(index.tally().unwrap()[&FileId { fence: 1, number: 7 }].entries, 5000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_memory_index_conforms() {
        conformance::suite(&mut || Box::new(MemoryIndex::default()), false);
    }

    proptest! {
        #[test]
        fn entries_come_back_and_one_flipped_bit_is_seen(
            look in any::<bool>(), key in any::<[u8; 32]>(), object in any::<[u8; 32]>(), at in any::<(u64, u32, u64, u16)>(),
            length in any::<u32>(), flip in 0..(KEY_BYTES + VALUE_BYTES) * 8,
        ) {
            let entry = IndexEntry {
                space: if look { Space::Look } else { Space::Object },
                key: Digest::from_bytes(key),
                at: Location { file: FileId { fence: at.0, number: at.1 }, offset: at.2, slot: at.3 },
                length,
                object: Digest::from_bytes(object),
            };
            let (key, value) = entry.to_bytes();
            prop_assert_eq!(IndexEntry::from_bytes(&key, &value), Ok(entry));
            let mut bytes = [key.as_slice(), value.as_slice()].concat();
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(IndexEntry::from_bytes(&bytes[..KEY_BYTES], &bytes[KEY_BYTES..]).is_err());
        }
    }
}
