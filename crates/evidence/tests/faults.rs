//! What the store makes of damage: torn ends, cut files, flipped bits, a lost or wrong index.
#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use common::*;
use ligase_evidence::*;
use std::path::{Path, PathBuf};

fn last(dir: &Path, series: &str) -> PathBuf {
    files(&dir.join(series)).pop().unwrap()
}

/// A closed store and a folder for copies of it.
struct Bed {
    _dir: tempfile::TempDir,
    original: PathBuf,
    copy: PathBuf,
}

impl Bed {
    fn new(count: u64, options: StoreOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (original, copy) = (dir.path().join("original"), dir.path().join("copy"));
        filled(&original, count, options);
        Self { _dir: dir, original, copy }
    }

    /// A fresh copy, without the index when it is not what the test is about.
    fn fresh(&self, with_index: bool) -> &Path {
        let _ = std::fs::remove_dir_all(&self.copy);
        common::copy(&self.original, &self.copy);
        if !with_index {
            // A store with its index in memory has neither.
            let _ = std::fs::remove_dir_all(self.copy.join("index"));
            let _ = std::fs::remove_file(self.copy.join("index.state"));
        }
        &self.copy
    }
}

fn memory() -> StoreOptions {
    StoreOptions { index: IndexChoice::Memory, ..StoreOptions::default() }
}

#[test]
fn a_journal_cut_anywhere_in_its_unacknowledged_end_opens_with_its_whole_entries() {
    let bed = Bed::new(12, memory());
    let journal = last(&bed.original, "journal");
    let len = journal.metadata().unwrap().len();
    let store = Store::open(&bed.original, memory()).unwrap();
    let sizes: Vec<u64> = store.journal(0).map(|leaf| 60 + leaf.unwrap().bytes.len() as u64).collect();
    drop(store);
    for cut_at in (len - 500)..len {
        let dir = bed.fresh(false);
        std::fs::remove_file(dir.join("HEAD")).unwrap();
        cut(&last(dir, "journal"), cut_at);
        let store = Store::open(dir, memory()).unwrap();
        let mut end = 64;
        let whole = sizes
            .iter()
            .take_while(|size| {
                end += **size;
                end <= cut_at
            })
            .count();
        let entries: Vec<_> = store.journal(0).map(|leaf| leaf.unwrap().entry.digest).collect();
        assert_eq!(entries, (0..whole as u64).map(digest).collect::<Vec<_>>(), "cut at {cut_at}");
        // And it goes on from there.
        assert_eq!(store.append(vec![entry(1)]).unwrap(), whole as u64);
        drop(store);
        assert_eq!(Store::open(dir, memory()).unwrap().journal(0).filter(Result::is_ok).count(), whole + 1);
    }
}

/// More than a frame's header has bytes.
const FRAME_BEGIN: u64 = 72;

#[test]
fn a_segment_cut_anywhere_in_its_unacknowledged_end_keeps_its_whole_objects() {
    let dir = tempfile::tempdir().unwrap();
    let (original, copied) = (dir.path().join("a"), dir.path().join("b"));
    let store = Store::open(&original, memory()).unwrap();
    store.put_batch(vec![object(0)]).unwrap();
    let mut ends = vec![last(&original, "segments").metadata().unwrap().len()];
    for number in 1..5 {
        store.put_batch(vec![object(number)]).unwrap();
        ends.push(last(&original, "segments").metadata().unwrap().len());
    }
    drop(store);
    // At every byte where a frame begins, and at some of its payload's.
    let begins = |at: &u64| ends.iter().any(|end| at.abs_diff(*end) <= FRAME_BEGIN);
    for cut_at in (ends[2]..ends[4]).filter(|at| begins(at) || at.is_multiple_of(11)) {
        let _ = std::fs::remove_dir_all(&copied);
        copy(&original, &copied);
        std::fs::remove_file(copied.join("HEAD")).unwrap();
        cut(&last(&copied, "segments"), cut_at);
        let store = Store::open(&copied, memory()).unwrap();
        for (number, end) in (0..).zip(&ends) {
            let expected = (*end <= cut_at).then(|| object(number));
            assert_eq!(store.get(&digest(number)).unwrap(), expected, "object {number}, cut at {cut_at}");
        }
        store.put_batch((0..5).map(object).collect()).unwrap();
        drop(store);
        let store = Store::open(&copied, memory()).unwrap();
        assert!((0..5).all(|number| store.get(&digest(number)).unwrap() == Some(object(number))));
        assert_eq!(store.stats().unwrap().damaged, 0);
    }
}

#[test]
fn acknowledged_entries_that_are_cut_off_are_told_and_never_dropped() {
    let bed = Bed::new(12, memory());
    let len = last(&bed.original, "journal").metadata().unwrap().len();
    for lost in [1, 59, 60, 61, 200, 1000] {
        let dir = bed.fresh(false);
        cut(&last(dir, "journal"), len - lost);
        let error = Store::open(dir, memory()).err().unwrap();
        assert_eq!(error.code, codes::JOURNAL_CORRUPT, "{lost} bytes lost");
        assert!(error.path.ends_with(last(dir, "journal").file_name().unwrap()));
    }
    let dir = bed.fresh(false);
    std::fs::remove_file(last(dir, "journal")).unwrap();
    assert_eq!(Store::open(dir, memory()).err().unwrap().code, codes::JOURNAL_CORRUPT);
}

#[test]
fn a_flipped_bit_anywhere_in_the_journal_is_told_with_its_place() {
    let bed = Bed::new(6, memory());
    let journal = last(&bed.original, "journal");
    let len = journal.metadata().unwrap().len() as usize;
    for byte in (64..len).step_by(7) {
        let dir = bed.fresh(false);
        flip(&last(dir, "journal"), byte * 8 + byte % 8);
        let error = Store::open(dir, memory()).err().unwrap();
        assert_eq!(error.code, codes::JOURNAL_CORRUPT, "byte {byte}");
    }
    // Without the acknowledged length, damage before the last commit is told all the same.
    for byte in (64..700).step_by(13) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), memory()).unwrap();
        store.put_batch(vec![object(0)]).unwrap();
        for _ in 0..6 {
            store.append(vec![entry(0)]).unwrap();
        }
        drop(store);
        std::fs::remove_file(dir.path().join("HEAD")).unwrap();
        flip(&last(dir.path(), "journal"), byte * 8);
        assert_eq!(Store::open(dir.path(), memory()).err().unwrap().code, codes::JOURNAL_CORRUPT, "byte {byte}");
    }
}

#[test]
fn a_journal_file_that_is_gone_or_cut_between_others_is_told() {
    let options = StoreOptions { segment_bytes: 1000, ..memory() };
    let bed = Bed::new(60, options);
    for touch in [|path: &Path| std::fs::remove_file(path).unwrap(), |path: &Path| cut(path, 64)] {
        let dir = bed.fresh(false);
        touch(&files(&dir.join("journal"))[1]);
        assert_eq!(Store::open(dir, options).err().unwrap().code, codes::JOURNAL_CORRUPT);
    }
}

/// Looks at every object of a damaged store: right bytes, or an error; `None` only when `may_be_absent`.
fn never_wrong(store: &Store, count: u64) -> u64 {
    (0..count)
        .filter(|number| match store.get(&digest(*number)) {
            Ok(Some(bytes)) => {
                assert_eq!(bytes, object(*number));
                false
            }
            Ok(None) => panic!("object {number} is silently gone"),
            Err(error) => {
                assert_eq!(error.code, codes::CORRUPT);
                assert!(error.problem.contains(&digest(*number).to_string()), "{error}");
                true
            }
        })
        .count() as u64
}

#[test]
fn a_flipped_bit_in_a_segment_costs_one_object_at_most_and_is_told() {
    let bed = Bed::new(30, memory());
    let len = last(&bed.original, "segments").metadata().unwrap().len() as usize;
    for byte in (0..len).step_by(41) {
        let dir = bed.fresh(false);
        flip(&last(dir, "segments"), byte * 8 + byte % 8);
        let store = Store::open(dir, memory()).unwrap();
        let lost = never_wrong(&store, 30);
        assert!(lost <= 1, "byte {byte} cost {lost} objects");
        // Putting what is lost again heals it, for now and after reopening.
        let missing = store.missing(&(0..30).map(digest).collect::<Vec<_>>()).unwrap();
        assert_eq!(missing.len() as u64, lost);
        store.put_batch((0..30).map(object).collect()).unwrap();
        assert_eq!(never_wrong(&store, 30), 0);
        drop(store);
        assert_eq!(never_wrong(&Store::open(dir, memory()).unwrap(), 30), 0, "byte {byte}");
    }
}

#[test]
fn a_bit_that_flips_while_the_store_is_open_never_gives_wrong_bytes() {
    let bed = Bed::new(30, memory());
    let len = last(&bed.original, "segments").metadata().unwrap().len() as usize;
    for byte in (64..len).step_by(301) {
        let dir = bed.fresh(false);
        let store = Store::open(dir, memory()).unwrap();
        // In place, as a disk does it: the store has the file open.
        use std::os::unix::fs::FileExt;
        let file = std::fs::OpenOptions::new().read(true).write(true).open(last(dir, "segments")).unwrap();
        let mut hit = [0];
        file.read_exact_at(&mut hit, byte as u64).unwrap();
        file.write_all_at(&[hit[0] ^ 4], byte as u64).unwrap();
        assert!(never_wrong(&store, 30) <= 1);
    }
}

#[test]
fn a_segment_that_is_gone_is_told_for_every_object_that_lay_in_it() {
    let bed = Bed::new(90, small());
    let segments = files(&bed.original.join("segments")).len();
    assert!(segments > 3);
    for gone in 0..segments {
        let dir = bed.fresh(true);
        std::fs::remove_file(&files(&dir.join("segments"))[gone]).unwrap();
        let store = Store::open(dir, small()).unwrap();
        assert!(never_wrong(&store, 90) > 0);
        assert!(!store.damage().is_empty());
        store.put_batch((0..90).map(object).collect()).unwrap();
        assert_eq!(never_wrong(&store, 90), 0);
    }
}

#[test]
fn a_large_object_that_rots_or_vanishes_is_told_and_healed() {
    let bed = Bed::new(97, memory());
    let path = |dir: &Path| {
        let hex = digest(96).to_string();
        dir.join("objects/sha256").join(&hex[..2]).join(&hex[2..])
    };
    let dir = bed.fresh(false);
    flip(&path(dir), 12_345);
    let store = Store::open(dir, memory()).unwrap();
    assert_eq!(never_wrong(&store, 97), 1);
    assert_eq!(store.missing(&[digest(96)]).unwrap(), [digest(96)]);
    store.put_batch(vec![object(96)]).unwrap();
    assert_whole(&store, 97);
    std::fs::remove_file(path(dir)).unwrap();
    assert_eq!(never_wrong(&store, 97), 1);
    store.put_batch(vec![object(96)]).unwrap();
    assert_whole(&store, 97);
    drop(store);
    std::fs::remove_file(path(dir)).unwrap();
    let store = Store::open(dir, memory()).unwrap();
    assert!(store.damage()[0].problem.contains(&digest(96).to_string()), "the journal names it");
    assert_eq!(never_wrong(&store, 97), 1);
}

#[test]
fn an_index_that_is_deleted_is_built_again_with_the_same_answers() {
    let bed = Bed::new(150, small());
    let whole = Store::open(bed.fresh(true), small()).unwrap().stats().unwrap();
    let dir = bed.fresh(false);
    let stats = reindex(dir, small()).unwrap();
    assert_eq!(Stats { index_rebuilds: 1, ..whole.clone() }, stats);
    let store = Store::open(dir, small()).unwrap();
    assert_whole(&store, 150);
    assert_eq!(store.stats().unwrap(), whole);
    drop(store);
    let store = Store::open(bed.fresh(false), small()).unwrap();
    assert_whole(&store, 150);
    assert_eq!(store.stats().unwrap(), whole);
}

#[test]
fn an_index_of_another_day_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 40, small());
    copy(&dir.path().join("index"), &dir.path().join("old"));
    filled(dir.path(), 80, small());
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    std::fs::rename(dir.path().join("old"), dir.path().join("index")).unwrap();
    let store = Store::open(dir.path(), small()).unwrap();
    let distinct: std::collections::BTreeSet<_> = store.journal(0).map(|l| l.unwrap().entry.digest).collect();
    assert_eq!((distinct.len(), never_wrong(&store, 80)), (80, 0));
    assert_eq!(store.stats().unwrap().index_rebuilds, 1);
}

#[test]
fn flipped_bits_in_the_index_never_give_a_wrong_answer_or_lose_an_object() {
    let bed = Bed::new(150, small());
    let (mut rounds, mut rebuilt) = (0, 0);
    for file in files(&bed.original.join("index")) {
        let name = file.file_name().unwrap().to_owned();
        let bits = file.metadata().unwrap().len() as usize * 8;
        // Most of sled's file is not used: half of the flips hit what is.
        let bytes = std::fs::read(&file).unwrap();
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let spread = (0..20).map(|i| bits / 20 * i + i);
        let dense = used.iter().step_by(used.len() / 60 + 1).map(|at| at * 8 + at % 8);
        for bit in spread.chain(dense).filter(|bit| *bit < bits) {
            let dir = bed.fresh(true);
            flip(&dir.join("index").join(&name), bit);
            let store = Store::open(dir, small()).unwrap();
            assert_whole(&store, 150);
            assert_eq!(store.missing(&[digest(500)]).unwrap(), [digest(500)]);
            rebuilt += store.stats().unwrap().index_rebuilds;
            rounds += 1;
        }
    }
    assert!(rounds >= 60 && rebuilt > 0, "{rounds} rounds, {rebuilt} rebuilt");
}

#[test]
fn an_index_that_died_while_it_was_opened_is_not_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30, small());
    std::fs::write(dir.path().join("index.state"), "opening").unwrap();
    let store = Store::open(dir.path(), small()).unwrap();
    assert_eq!(store.stats().unwrap().index_rebuilds, 1);
    assert_whole(&store, 30);
    assert!(dir.path().join("index.wrong").is_dir());
}
