//! What the store's tests share: bytes that can be foreseen, copies of stores, and a count of what lies in a file.
#![allow(dead_code, reason = "each test file uses its own part")]

use ligase_domain::{Digest, Timestamp};
use ligase_evidence::{JournalEntry, SEGMENT_OBJECT_BYTES, Store, StoreOptions};
use std::path::{Path, PathBuf};

/// Bytes that follow from a number, and differ for each.
pub fn bytes_of(number: u64, len: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut out = number.to_le_bytes().to_vec();
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len.max(8));
    out
}

/// An object, small for most numbers and above the packing limit for some.
pub fn object(number: u64) -> Vec<u8> {
    let len = if number % 97 == 96 { SEGMENT_OBJECT_BYTES + 4_464 } else { 20 + (number % 7) as usize * 150 };
    bytes_of(number, len)
}

pub fn digest(number: u64) -> Digest {
    Digest::of(&object(number))
}

/// The digest of a look key for a number.
pub fn look(number: u64) -> Digest {
    Digest::of(format!("look {number}").as_bytes())
}

pub fn entry(number: u64) -> JournalEntry {
    JournalEntry { kind: "test".to_owned(), digest: digest(number), at: Timestamp(1_700_000_000_000 + number as i64) }
}

/// Opens with small segments, so that a test has several.
pub fn small() -> StoreOptions {
    StoreOptions { segment_bytes: 10_000, ..StoreOptions::default() }
}

/// A store of `count` objects, each with a look pair and an entry, closed.
pub fn filled(dir: &Path, count: u64, options: StoreOptions) {
    let store = Store::open(dir, options).unwrap();
    for start in (0..count).step_by(10) {
        let numbers: Vec<u64> = (start..(start + 10).min(count)).collect();
        store.put_batch(numbers.iter().map(|n| object(*n)).collect()).unwrap();
        let looks: Vec<_> = numbers.iter().map(|n| (look(*n), digest(*n))).collect();
        assert_eq!(store.put_looks(&looks).unwrap(), []);
        store.append(numbers.iter().map(|n| entry(*n)).collect()).unwrap();
    }
}

/// Everything of a filled store is there.
pub fn assert_whole(store: &Store, count: u64) {
    for number in 0..count {
        assert_eq!(store.get(&digest(number)).unwrap(), Some(object(number)), "object {number}");
    }
    let keys: Vec<_> = (0..count).map(look).collect();
    let objects: Vec<_> = (0..count).map(|n| Some(digest(n))).collect();
    assert_eq!(store.get_looks(&keys).unwrap(), objects);
    assert_eq!(store.missing(&(0..count).map(digest).collect::<Vec<_>>()).unwrap(), []);
    let journal: Vec<_> = store.journal(0).map(|leaf| leaf.unwrap().entry.digest).collect();
    assert_eq!(journal, (0..count).map(digest).collect::<Vec<_>>());
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// The files of a folder, sorted by name.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect();
    files.sort();
    files
}

pub fn flip(path: &Path, bit: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).unwrap();
}

pub fn cut(path: &Path, len: u64) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}
