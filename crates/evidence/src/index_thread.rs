//! The one thread on which the index lives. Whatever the index does, it answers, and what it answers was checked.
//!
//! A panic, an error or tallies that differ from the segments' move the index aside and rebuild it from them; when not
//! even that can be made, an index in memory takes its place. Requests come in order, so that what was put before a
//! question is found by it. Refuses to decide whether a miss is true: `lookup.rs` does, and asks for a rebuild.

use crate::StoreError;
use crate::index::{Index, IndexEntry, IndexError, MemoryIndex, Space, Tallies};
use crate::index_gathered::GatheredIndex;
use crate::index_sled::SledIndex;
use crate::recover::segment_entries;
use crate::series::Series;
use ligase_domain::Digest;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Requests that wait. Commits wait for room rather than fill memory.
const WAITING: usize = 1024;
/// Entries of one rebuild batch.
const REBUILD_ENTRIES: usize = 8192;
/// The index is written to the disk at least each so many entries, so that a start after a kill refills little.
const FLUSH_ENTRIES: usize = 16_384;

/// Which index a store has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IndexChoice {
    /// sled, in the folder `index` of the store.
    #[default]
    Sled,
    /// In memory, refilled from the segments at each start.
    Memory,
}

/// Opens or makes an index in a folder.
pub type Maker = Box<dyn Fn(&Path) -> Result<Box<dyn Index>, IndexError> + Send>;

impl IndexChoice {
    /// What opens it.
    pub(crate) fn maker(self) -> Maker {
        match self {
            Self::Sled => Box::new(|dir| Ok(Box::new(GatheredIndex::before(Box::new(SledIndex::open(dir)?))))),
            Self::Memory => Box::new(|_| Ok(Box::new(MemoryIndex::default()))),
        }
    }
}

type Reply<T> = SyncSender<T>;

enum Ask {
    Put(Vec<IndexEntry>),
    Find(Space, Vec<Digest>, Reply<Vec<Vec<IndexEntry>>>),
    Rebuild(Reply<()>),
    Tally(Reply<Tallies>),
}

/// The handle of the thread.
pub struct IndexThread {
    asks: Option<SyncSender<Ask>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    rebuilds: Arc<AtomicU64>,
}

/// What the start of the index found.
pub struct IndexStart {
    /// What the index held of each segment before it was refilled or rebuilt.
    pub held: Tallies,
}

impl IndexThread {
    /// Starts the thread and brings the index to what the segments say.
    pub fn start(
        store: &Path,
        make: Maker,
        rebuild: bool,
        segments: Tallies,
    ) -> Result<(Self, IndexStart), StoreError> {
        let (asks, waiting) = sync_channel(WAITING);
        let (started, start) = sync_channel(1);
        let rebuilds = Arc::new(AtomicU64::new(0));
        let mut keeper = Keeper {
            place: Place { dir: store.join("index"), state: store.join("index.state"), make, in_memory: false },
            series: Series::segments(store),
            index: Box::new(MemoryIndex::default()),
            rebuilds: Arc::clone(&rebuilds),
            unflushed: 0,
        };
        let thread = std::thread::Builder::new().name("evidence-index".to_owned()).spawn(move || {
            let held = keeper.open(rebuild, &segments);
            drop(segments);
            // Whoever started this thread waits for this answer, or has given up.
            let _ = started.send(IndexStart { held });
            keeper.serve(&waiting);
        });
        let thread = thread.map_err(|error| StoreError::io(store, "start the index thread", &error))?;
        let start = start.recv().map_err(|_| died(store))?;
        Ok((Self { asks: Some(asks), thread: Mutex::new(Some(thread)), rebuilds }, start))
    }

    /// Remembers entries. Returns before it is done; later questions see them.
    pub fn put(&self, entries: Vec<IndexEntry>) {
        // When the thread has died, questions say so; the segments hold what is lost here.
        let _ = self.ask(Ask::Put(entries));
    }

    /// The entries of each key, in the keys' order.
    pub fn find(&self, store: &Path, space: Space, keys: Vec<Digest>) -> Result<Vec<Vec<IndexEntry>>, StoreError> {
        self.answer(store, |reply| Ask::Find(space, keys, reply))
    }

    /// Builds the index anew from the segments.
    pub fn rebuild(&self, store: &Path) -> Result<(), StoreError> {
        self.answer(store, Ask::Rebuild)
    }

    /// What it holds of each segment.
    pub fn tally(&self, store: &Path) -> Result<Tallies, StoreError> {
        self.answer(store, Ask::Tally)
    }

    /// How often it was rebuilt since the start.
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds.load(Ordering::Relaxed)
    }

    fn ask(&self, ask: Ask) -> Option<()> {
        self.asks.as_ref()?.send(ask).ok()
    }

    fn answer<T>(&self, store: &Path, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, StoreError> {
        let (reply, answer) = sync_channel(1);
        self.ask(ask(reply)).ok_or_else(|| died(store))?;
        answer.recv().map_err(|_| died(store))
    }
}

impl Drop for IndexThread {
    fn drop(&mut self) {
        self.asks = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the index thread ended in a panic");
        }
    }
}

fn died(store: &Path) -> StoreError {
    let remedy = "Open the store again; the index is rebuilt from the segments";
    StoreError::new(crate::error::codes::FAILED, store, "the index thread has ended", remedy)
}

/// Where the index lies, and what the file beside it says of its state: `opening`, `open` or `closed`.
struct Place {
    dir: PathBuf,
    state: PathBuf,
    make: Maker,
    /// No index can be made in the folder.
    in_memory: bool,
}

impl Place {
    fn say(&self, state: &str) {
        if let Err(error) = std::fs::write(&self.state, state) {
            tracing::warn!(%error, "the index's state could not be written; it may be rebuilt at the next start");
        }
    }

    fn open(&self) -> Result<Box<dyn Index>, IndexError> {
        if self.in_memory {
            return Ok(Box::new(MemoryIndex::default()));
        }
        let opened = catch_unwind(AssertUnwindSafe(|| (self.make)(&self.dir)));
        opened.unwrap_or_else(|_| Err(IndexError("a panic".to_owned())))
    }

    /// Keeps the last wrong index for whoever wants to know why, and no other.
    fn move_aside(&self) {
        let aside = self.dir.with_file_name("index.wrong");
        let gone = |result: std::io::Result<()>| result.is_ok() || !self.dir.exists();
        // Neither may be there, and what cannot be moved is removed.
        let _ = std::fs::remove_dir_all(&aside);
        if !gone(std::fs::rename(&self.dir, &aside)) && !gone(std::fs::remove_dir_all(&self.dir)) {
            tracing::error!(dir = %self.dir.display(), "a wrong index can neither be moved aside nor removed");
        }
    }
}

/// What the thread owns.
struct Keeper {
    place: Place,
    series: Series,
    index: Box<dyn Index>,
    rebuilds: Arc<AtomicU64>,
    unflushed: usize,
}

/// Calls the index; a panic is an error as any other.
fn guarded<T>(
    index: &mut Box<dyn Index>,
    call: impl FnOnce(&mut dyn Index) -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(|| call(index.as_mut()))).unwrap_or_else(|_| Err(IndexError("a panic".to_owned())))
}

impl Keeper {
    /// Opens the index and compares it with the segments. What is not yet in it after a kill is put in; whatever else
    /// differs is rebuilt. A start that died while opening the index does not open it again.
    fn open(&mut self, rebuild: bool, segments: &Tallies) -> Tallies {
        let state = std::fs::read_to_string(&self.place.state).unwrap_or_default();
        let mut held = Tallies::new();
        if rebuild || state == "opening" {
            self.rebuild("it was asked for, or the last start died while opening it");
        } else if let Err(IndexError(why)) = self.open_and_compare(state != "closed", segments, &mut held) {
            self.rebuild(&why);
        }
        self.place.say("open");
        held
    }

    fn open_and_compare(&mut self, killed: bool, segments: &Tallies, held: &mut Tallies) -> Result<(), IndexError> {
        self.place.say("opening");
        self.index = self.place.open()?;
        *held = guarded(&mut self.index, |index| index.tally())?;
        if *held == *segments {
            return Ok(());
        }
        let refillable = killed || held.is_empty();
        let behind = |id| held.get(id).map_or(0, |tally| tally.entries);
        let unknown = held.keys().any(|id| !segments.contains_key(id));
        if !refillable || unknown {
            return Err(IndexError("it does not hold what the segments hold".to_owned()));
        }
        for (id, tally) in segments {
            if behind(id) < tally.entries {
                self.fill(*id)?;
            }
        }
        let tallies = guarded(&mut self.index, |index| index.tally())?;
        if tallies == *segments {
            Ok(())
        } else {
            Err(IndexError("it differs from the segments after refilling".to_owned()))
        }
    }

    /// Puts a segment's entries in.
    fn fill(&mut self, id: crate::series::FileId) -> Result<(), IndexError> {
        let entries = segment_entries(&self.series, id).map_err(|error| IndexError(error.to_string()))?;
        for part in entries.chunks(REBUILD_ENTRIES) {
            guarded(&mut self.index, |index| index.put(part))?;
        }
        Ok(())
    }

    /// Builds the index anew; in memory, if it cannot be done on the disk.
    fn rebuild(&mut self, why: &str) {
        tracing::warn!(why, "the index is moved aside and rebuilt from the segments");
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
        let old = std::mem::replace(&mut self.index, Box::new(MemoryIndex::default()));
        if catch_unwind(AssertUnwindSafe(|| drop(old))).is_err() {
            tracing::warn!("the index panicked while it was closed");
        }
        self.place.move_aside();
        if let Err(IndexError(why)) = self.build() {
            tracing::error!(why, "the index cannot be rebuilt on the disk and is kept in memory");
            self.place.in_memory = true;
            self.index = Box::new(MemoryIndex::default());
            if let Err(IndexError(why)) = self.fill_all() {
                tracing::error!(why, "some segments cannot be read: their objects cannot be found");
            }
        }
    }

    fn build(&mut self) -> Result<(), IndexError> {
        self.index = self.place.open()?;
        self.fill_all()?;
        guarded(&mut self.index, |index| index.flush())
    }

    /// Every segment that can be read; the first failure is told after the others are done.
    fn fill_all(&mut self) -> Result<(), IndexError> {
        let ids = self.series.list().map_err(|error| IndexError(error.to_string()))?;
        ids.into_iter().map(|id| self.fill(id)).fold(Ok(()), Result::and)
    }

    /// Asks the index; when it fails, rebuilds it and asks again.
    fn sure<T: Default>(&mut self, call: impl Fn(&mut dyn Index) -> Result<T, IndexError>) -> T {
        for _ in 0..2 {
            match guarded(&mut self.index, &call) {
                Ok(answer) => return answer,
                Err(IndexError(why)) => self.rebuild(&why),
            }
        }
        // Even what was just rebuilt fails: the index in memory does not.
        self.place.in_memory = true;
        self.rebuild("a new index fails too");
        guarded(&mut self.index, &call).unwrap_or_default()
    }

    fn serve(mut self, waiting: &Receiver<Ask>) {
        // Whoever asked may have given up waiting: an answer that nobody takes is no failure.
        while let Ok(ask) = waiting.recv() {
            match ask {
                Ask::Put(entries) => {
                    self.sure(|index| index.put(&entries));
                    self.unflushed += entries.len();
                    if self.unflushed >= FLUSH_ENTRIES {
                        self.sure(|index| index.flush());
                        self.unflushed = 0;
                    }
                }
                Ask::Find(space, keys, reply) => {
                    let _ = reply.send(self.sure(|index| keys.iter().map(|key| index.find(space, key)).collect()));
                }
                Ask::Rebuild(reply) => {
                    self.rebuild("an entry that exists was not found");
                    let _ = reply.send(());
                }
                Ask::Tally(reply) => {
                    let _ = reply.send(self.sure(|index| index.tally()));
                }
            }
        }
        self.sure(|index| index.flush());
        self.place.say("closed");
    }
}
