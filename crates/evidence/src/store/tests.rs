//! What the store makes of an index that fails while it is asked, and of a disk that fails while it is written to.

use super::*;
use crate::index::{Index, IndexEntry, IndexError, MemoryIndex, Space};
use std::sync::atomic::AtomicUsize;

/// What an index does wrong, once, at the next question.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    Panic,
    Error,
    Forget,
    /// At every question, and when it is made.
    Always,
}

struct Faulty {
    inner: MemoryIndex,
    fault: Arc<AtomicUsize>,
}

const FAULTS: [Fault; 5] = [Fault::None, Fault::Panic, Fault::Error, Fault::Forget, Fault::Always];

impl Faulty {
    fn next(&self) -> Fault {
        let fault = FAULTS[self.fault.load(Ordering::SeqCst)];
        if fault != Fault::Always {
            self.fault.store(0, Ordering::SeqCst);
        }
        fault
    }
}

impl Index for Faulty {
    fn put(&mut self, entries: &[IndexEntry]) -> Result<(), IndexError> {
        self.inner.put(entries)
    }

    fn find(&mut self, space: Space, key: &Digest) -> Result<Vec<IndexEntry>, IndexError> {
        match self.next() {
            Fault::None => self.inner.find(space, key),
            Fault::Panic => panic!("a corrupt page"),
            Fault::Error | Fault::Always => Err(IndexError("a corrupt page".to_owned())),
            Fault::Forget => Ok(vec![]),
        }
    }

    fn tally(&mut self) -> Result<Tallies, IndexError> {
        self.inner.tally()
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        self.inner.flush()
    }
}

fn object(number: u8) -> Vec<u8> {
    vec![number; 10 + number as usize]
}

#[test]
fn an_index_that_panics_fails_or_forgets_while_it_is_asked_is_rebuilt_and_nothing_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    let fault = Arc::new(AtomicUsize::new(0));
    let given = Arc::clone(&fault);
    let make: Maker = Box::new(move |_| {
        if given.load(Ordering::SeqCst) == 4 {
            return Err(IndexError("no index can be made".to_owned()));
        }
        Ok(Box::new(Faulty { inner: MemoryIndex::default(), fault: Arc::clone(&given) }))
    });
    let store = Store::open_with(dir.path(), StoreOptions::default(), make).unwrap();
    let digests = store.put_batch((0..50).map(object).collect()).unwrap();
    let looks: Vec<_> = digests.iter().map(|d| (Digest::of(d.as_bytes()), *d)).collect();
    store.put_looks(&looks).unwrap();
    for (rebuilds, place) in (1..).zip(1..FAULTS.len()) {
        fault.store(place, Ordering::SeqCst);
        assert_eq!(store.get(&digests[7]).unwrap(), Some(object(7)), "{:?}", FAULTS[place]);
        fault.store(place, Ordering::SeqCst);
        assert_eq!(store.missing(&digests).unwrap(), []);
        fault.store(place, Ordering::SeqCst);
        assert_eq!(store.get_looks(&[looks[3].0]).unwrap(), [Some(digests[3])]);
        fault.store(place, Ordering::SeqCst);
        assert_eq!(store.put_batch(vec![object(9)]).unwrap(), [digests[9]]);
        assert!(store.stats().unwrap().index_rebuilds >= rebuilds);
    }
    assert_eq!(store.stats().unwrap().objects, 50, "nothing was written twice");
}

#[test]
fn digests_that_share_eight_bytes_are_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let real = store.put_batch(vec![object(1)]).unwrap()[0];
    let mut bytes = *real.as_bytes();
    bytes[31] ^= 1;
    let twin = Digest::from_bytes(bytes);
    for _ in 0..3 {
        assert_eq!(store.missing(&[twin, real]).unwrap(), [twin]);
    }
    assert_eq!(store.stats().unwrap().index_rebuilds, 1, "it is rebuilt once for a question, not each time");
}

#[test]
fn after_a_lasting_failure_nothing_is_written_and_everything_is_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let digest = store.put_batch(vec![object(1)]).unwrap()[0];
    store.shared.fail(StoreError::new(codes::FAILED, dir.path(), "a sync failed", "Check the disk"));
    assert_eq!(store.put_batch(vec![object(2)]).unwrap_err().code, codes::FAILED);
    assert_eq!(store.get(&digest).unwrap(), Some(object(1)));
}
