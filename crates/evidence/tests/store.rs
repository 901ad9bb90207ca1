//! What the store promises while nothing goes wrong, and what it refuses.
#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use common::*;
use ligase_domain::{Digest, Timestamp};
use ligase_evidence::*;
use std::collections::BTreeSet;
use std::sync::Arc;

#[test]
fn what_was_put_is_there_now_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 200, small());
    let store = Store::open(dir.path(), small()).unwrap();
    assert_whole(&store, 200);
    let stats = store.stats().unwrap();
    assert_eq!((stats.objects, stats.large_objects, stats.journal_entries, stats.damaged), (200, 2, 200, 0));
    assert_eq!(stats.index_entries, 198 + 200);
    assert_eq!(stats.bytes, (0..200).map(|n| object(n).len() as u64).sum::<u64>());
    assert_eq!((stats.segments as usize, stats.index_rebuilds), (files(&dir.path().join("segments")).len(), 0));
    assert!(stats.segments > 3, "the test wants several segments, there are {}", stats.segments);
}

#[test]
fn an_object_that_is_there_is_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let sizes = || files(&dir.path().join("segments")).iter().map(|f| f.metadata().unwrap().len()).sum::<u64>();
    let first = store.put_batch(vec![object(1), object(96), object(1)]).unwrap();
    assert_eq!(first, [digest(1), digest(96), digest(1)]);
    let before = (sizes(), store.stats().unwrap());
    store.put_batch(vec![object(96), object(1)]).unwrap();
    store.put_expected(&digest(1), object(1)).unwrap();
    assert_eq!((sizes(), store.stats().unwrap()), before);
    assert_eq!(before.1.objects, 2);
}

/// Bytes that pack well, as records do.
fn wordy(number: u64) -> Vec<u8> {
    format!("{{\"kind\":\"route\",\"number\":{number}}},").repeat(200).into_bytes()
}

#[test]
fn what_packs_is_kept_in_a_fraction_comes_back_whole_and_is_healed_when_it_rots() {
    let dir = tempfile::tempdir().unwrap();
    let objects: Vec<_> = (0..40).map(wordy).collect();
    let packed = ligase_record::pack(&objects[1]);
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    // One was packed by whoever sent it, the others are packed here.
    let sent = Hashed::of_packed(packed.clone(), objects[1].len()).unwrap();
    let all = objects.iter().map(|o| if *o == objects[1] { sent.clone() } else { Hashed::of(o.clone()) }).collect();
    let digests = store.commit(Batch { objects: all, ..Batch::default() }).unwrap().digests;
    let raw: u64 = objects.iter().map(|o| o.len() as u64).sum();
    let kept = store.stats().unwrap().bytes;
    assert!(kept * 4 < raw, "{kept} of {raw} bytes");
    drop(store);
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    assert_eq!(store.stats().unwrap().bytes, kept);
    for (digest, object) in digests.iter().zip(&objects) {
        assert_eq!(store.get(digest).unwrap().as_ref(), Some(object));
    }
    let segment = &files(&dir.path().join("segments"))[0];
    let mut bytes = std::fs::read(segment).unwrap();
    let at = bytes.windows(packed.len()).position(|w| w == packed).unwrap();
    bytes[at + packed.len() - 3] ^= 1;
    std::fs::write(segment, bytes).unwrap();
    assert_eq!(store.get(&digests[1]).unwrap_err().code, codes::CORRUPT);
    assert_eq!(store.missing(&digests).unwrap(), [digests[1]]);
    store.put_batch(vec![objects[1].clone()]).unwrap();
    assert_eq!(store.get(&digests[1]).unwrap().as_ref(), Some(&objects[1]));
}

#[test]
fn a_store_from_before_objects_were_packed_is_read_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let format = dir.path().join("FORMAT");
    Store::open(dir.path(), StoreOptions::default()).unwrap().put_batch(vec![object(1)]).unwrap();
    let now = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, "ligase-evidence 1\n").unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    assert_eq!(std::fs::read_to_string(&format).unwrap(), now, "a program that knows no packed objects refuses it");
    let packs = store.put_batch(vec![wordy(1)]).unwrap()[0];
    assert_eq!(store.get(&digest(1)).unwrap(), Some(object(1)));
    assert_eq!(store.get(&packs).unwrap(), Some(wordy(1)));
}

#[test]
fn bytes_that_are_not_the_digests_are_refused_also_when_the_object_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    store.put_batch(vec![object(1)]).unwrap();
    for number in [1, 2] {
        let error = store.put_expected(&digest(number), b"other".to_vec()).unwrap_err();
        assert_eq!(error.code, codes::MISMATCH);
    }
    assert_eq!(store.get(&digest(1)).unwrap(), Some(object(1)));
    assert_eq!(store.get(&digest(2)).unwrap(), None);
}

#[test]
fn missing_names_each_absent_object_once_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    store.put_batch(vec![object(1), object(96)]).unwrap();
    let asked = [digest(5), digest(1), digest(4), digest(5), digest(96)];
    assert_eq!(store.missing(&asked).unwrap(), [digest(5), digest(4)]);
}

#[test]
fn an_entry_or_a_pair_names_only_what_is_durable_or_comes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    assert_eq!(store.append(vec![entry(1)]).unwrap_err().code, codes::NOT_DURABLE);
    assert_eq!(store.put_looks(&[(look(1), digest(1))]).unwrap_err().code, codes::NOT_DURABLE);
    assert_eq!(store.journal_len(), 0);
    let batch = Batch {
        objects: vec![Hashed::of(object(1)), Hashed::of(object(96))],
        looks: vec![(look(1), digest(1))],
        entries: vec![entry(1), entry(96)],
    };
    let committed = store.commit(batch).unwrap();
    assert_eq!((committed.first_sequence, committed.conflicts.len()), (0, 0));
    assert_eq!(store.append(vec![entry(1)]).unwrap(), 2);
    assert_eq!(store.append(vec![]).unwrap(), 3);
    let long = JournalEntry { kind: "k".repeat(9000), digest: digest(1), at: Timestamp(0) };
    assert_eq!(store.append(vec![long]).unwrap_err().code, codes::LIMIT);
    assert_eq!(store.journal_len(), 3);
}

#[test]
fn the_first_object_of_a_look_key_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    store.put_batch(vec![object(1), object(2)]).unwrap();
    assert_eq!(store.put_looks(&[(look(7), digest(1))]).unwrap(), []);
    assert_eq!(store.put_looks(&[(look(7), digest(1))]).unwrap(), []);
    let conflict = LookConflict { look: look(7), stands: digest(1), refused: digest(2) };
    assert_eq!(store.put_looks(&[(look(7), digest(2))]).unwrap(), [conflict]);
    assert_eq!(store.get_looks(&[look(8), look(7)]).unwrap(), [None, Some(digest(1))]);
}

#[test]
fn the_journal_is_read_from_any_number_on_and_its_bytes_are_canonical() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { segment_bytes: 100_000, ..StoreOptions::default() };
    let store = Store::open(dir.path(), options).unwrap();
    store.put_batch((0..96).map(object).collect()).unwrap();
    for start in 0..20 {
        store.append((0..70).map(|n| entry((start + n) % 96)).collect()).unwrap();
    }
    assert!(files(&dir.path().join("journal")).len() > 2);
    for from in [0, 1, 255, 256, 257, 600, 1399, 1400, 5000] {
        let leaves: Vec<_> = store.journal(from).map(Result::unwrap).collect();
        let numbers: Vec<_> = leaves.iter().map(|leaf| leaf.entry.sequence).collect();
        assert_eq!(numbers, (from..1400.max(from)).collect::<Vec<_>>());
        assert!(leaves.iter().all(|leaf| ligase_record::encode_journal_entry(&leaf.entry).unwrap() == leaf.bytes));
    }
    let mut early = store.journal(1399);
    store.append(vec![entry(1)]).unwrap();
    assert_eq!(early.by_ref().count(), 1, "a reader ends where the journal ended when it began");
}

#[test]
fn many_threads_share_commits_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), small()).unwrap());
    let threads: Vec<_> = (0..8u64)
        .map(|thread| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                let mut numbers = vec![];
                for round in 0..25 {
                    // Half of the objects are every thread's, half its own.
                    let own = 1000 * (thread + 1) + round;
                    store.put_batch(vec![object(round), object(own)]).unwrap();
                    numbers.push(store.append(vec![entry(own)]).unwrap());
                    assert_eq!(store.get(&digest(own)).unwrap(), Some(object(own)));
                }
                numbers
            })
        })
        .collect();
    let numbers: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 200);
    assert_eq!(store.journal(0).filter(Result::is_ok).count(), 200);
    assert_eq!(store.stats().unwrap().objects, 25 + 200, "an object that two threads put is written once");
}

#[test]
fn one_process_has_the_store_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let error = Store::open(dir.path(), StoreOptions::default()).err().unwrap();
    assert_eq!(error.code, codes::LOCKED);
    drop(first);
    Store::open(dir.path(), StoreOptions::default()).unwrap();
}

#[test]
fn a_folder_that_may_not_be_written_to_is_told_as_such() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mode = |mode| std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    for path in [dir.path().to_owned(), dir.path().join("below/it")] {
        let error = Store::open(&path, StoreOptions::default()).err().unwrap();
        assert_eq!(error.code, "E-STORE-READ-ONLY");
        assert!(error.to_string().contains("write access") && error.path == dir.path());
    }
    mode(0o755);
    Store::open(dir.path(), StoreOptions::default()).unwrap();
}

#[test]
fn a_later_term_of_leadership_seals_and_an_earlier_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let term = |fence| StoreOptions { fence, ..small() };
    filled(dir.path(), 30, term(3));
    let store = Store::open(dir.path(), term(5)).unwrap();
    store
        .commit(Batch {
            objects: vec![Hashed::of(object(30))],
            looks: vec![(look(30), digest(30))],
            entries: vec![entry(30)],
        })
        .unwrap();
    assert_whole(&store, 31);
    drop(store);
    let name = |dir: &std::path::Path| files(dir).last().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(name(&dir.path().join("segments")), "segment-0000000000000005-00000000.seg");
    assert_eq!(name(&dir.path().join("journal")), "journal-0000000000000005-00000000.log");
    assert_eq!(Store::open(dir.path(), term(4)).err().unwrap().code, codes::FENCED);
    assert_whole(&Store::open(dir.path(), term(5)).unwrap(), 31);
}

#[test]
fn a_folder_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("FORMAT"), "ligase-evidence 9\n").unwrap();
    assert_eq!(Store::open(dir.path(), StoreOptions::default()).err().unwrap().code, codes::FORMAT);
}

#[test]
fn the_memory_index_answers_as_sled_does() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 120, small());
    let memory = StoreOptions { index: IndexChoice::Memory, ..small() };
    let store = Store::open(dir.path(), memory).unwrap();
    assert_whole(&store, 120);
    assert_eq!(store.stats().unwrap().index_rebuilds, 0);
}

#[test]
fn an_object_of_nothing_is_an_object() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    store.put_batch(vec![vec![]]).unwrap();
    assert_eq!(store.get(&Digest::of(b"")).unwrap(), Some(vec![]));
    assert_eq!(store.put_batch(vec![]).unwrap(), []);
}
