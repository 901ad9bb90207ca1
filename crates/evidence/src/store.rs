//! The store: objects by digest, look pairs, and the ordered journal, durable before an answer.
//!
//! Opening takes the folder for itself, cuts off torn ends, reports damage, and brings the index to what the segments say.
//! All calls block and may come from any thread; on an async thread they belong into `spawn_blocking`.
//! Refuses to sign or to delete. Read `commit.rs` for writing, `lookup.rs` for reading, `recover.rs` for opening.

use crate::StoreError;
use crate::blobs::Blobs;
use crate::commit::{Commit, Committer, Writing, encode};
use crate::error::{At, codes};
use crate::frame::{Kind, MAX_PAYLOAD};
use crate::head::Head;
use crate::index::Tallies;
use crate::index_thread::{IndexChoice, IndexThread, Maker};
use crate::journal::Entries;
use crate::lookup::{MAX_OBJECT_BYTES, Members, Shared};
use crate::recover::{self, Damage};
use crate::series::{Series, sync_dir};
use ligase_domain::{Digest, Timestamp};
use ligase_record::{MAX_INT, RecordError};
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

/// Objects of more bytes are files of their own. What is seen of one repository, linked, has some 50 to 150 KiB, and a file
/// of its own costs more than the bytes do: a name, a node and two syncs.
pub const SEGMENT_OBJECT_BYTES: usize = 256 << 10;
/// Objects of fewer bytes are not packed.
const WORTH_PACKING_BYTES: usize = 512;
/// Commits that wait for the committing thread; more wait to be let in.
const WAITING_COMMITS: usize = 256;
/// A segment's size at which the next one begins.
const SEGMENT_BYTES: u64 = 256 << 20;
const _: () = assert!(SEGMENT_OBJECT_BYTES <= MAX_PAYLOAD as usize);

/// How a store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// The term of leadership; names the segments that are written in it. A store written in a later term is refused.
    pub fence: u64,
    /// The size at which a segment is followed by the next.
    pub segment_bytes: u64,
    /// Which index.
    pub index: IndexChoice,
    /// Whether the index is rebuilt even when it looks right.
    pub rebuild_index: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { fence: 0, segment_bytes: SEGMENT_BYTES, index: IndexChoice::default(), rebuild_index: false }
    }
}

/// An entry that is to be appended to the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalEntry {
    /// What the object is to the journal: `assessment`, `observations`, `event`.
    pub kind: String,
    /// The object; it has to be durable.
    pub digest: Digest,
    /// The server's time.
    pub at: Timestamp,
}

/// An object's bytes with their digest, which is made of them once, and packed if somebody has done it already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hashed {
    digest: Digest,
    bytes: Arc<Vec<u8>>,
    packed: Option<Arc<Vec<u8>>>,
}

impl Hashed {
    /// Hashes the bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes: Arc::new(bytes), packed: None }
    }

    /// Unpacks at most `most` bytes and hashes them.
    pub fn of_packed(packed: Vec<u8>, most: usize) -> Result<Self, RecordError> {
        let object = Self::of(ligase_record::unpack(&packed, most)?);
        Ok(Self { packed: Some(Arc::new(packed)), ..object })
    }

    /// The same with its packed form, where that is worth its while.
    fn packed(self) -> Self {
        if self.packed.is_some() || self.bytes.len() < WORTH_PACKING_BYTES {
            return self;
        }
        let packed = ligase_record::pack(&self.bytes);
        Self { packed: Some(Arc::new(packed)), ..self }
    }

    /// What a frame holds of it, and of which kind that is.
    pub(crate) fn kept(&self) -> (Kind, &[u8]) {
        match &self.packed {
            Some(packed) if packed.len() < self.bytes.len() => (Kind::Packed, packed),
            _ => (Kind::Object, &self.bytes),
        }
    }

    /// The bytes' digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What is made durable together: objects first, then pairs, then entries, which may name the objects.
#[derive(Clone, Default, Debug)]
pub struct Batch {
    /// Objects.
    pub objects: Vec<Hashed>,
    /// Pairs of (look key's digest, object's digest).
    pub looks: Vec<(Digest, Digest)>,
    /// Journal entries.
    pub entries: Vec<JournalEntry>,
}

/// A look key that has another object already: the same bytes were seen otherwise. The first one stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookConflict {
    /// The look key's digest.
    pub look: Digest,
    /// The object that it has.
    pub stands: Digest,
    /// The object that was refused.
    pub refused: Digest,
}

/// What a batch became.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The objects' digests, in order.
    pub digests: Vec<Digest>,
    /// The number of the first entry, or of the next one to come when there were none.
    pub first_sequence: u64,
    /// Pairs that were refused.
    pub conflicts: Vec<LookConflict>,
}

/// What a store holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Objects, in segments and large.
    pub objects: u64,
    /// Bytes of all objects, as they are kept.
    pub bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Large objects.
    pub large_objects: u64,
    /// Journal entries.
    pub journal_entries: u64,
    /// Entries of the index.
    pub index_entries: u64,
    /// How often the index was rebuilt since the store was opened.
    pub index_rebuilds: u64,
    /// Damaged ranges that were found when the store was opened.
    pub damaged: u64,
}

/// A store of evidence. Dropping it ends its threads and closes the index in order.
pub struct Store {
    shared: Arc<Shared>,
    commits: Option<SyncSender<Commit>>,
    committer: Option<JoinHandle<()>>,
    _lock: File,
}

impl Store {
    /// The last term of leadership that wrote to the store in a folder; 0 for none.
    pub fn last_term(dir: &Path) -> Result<u64, StoreError> {
        let mut last = 0;
        for series in [Series::segments(dir), Series::journal(dir)] {
            if series.dir.is_dir() {
                last = last.max(series.list()?.last().map_or(0, |id| id.fence));
            }
        }
        Ok(last)
    }

    /// Opens the store in a folder, or makes it.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_with(dir, options, options.index.maker())
    }

    fn open_with(dir: &Path, options: StoreOptions, make: Maker) -> Result<Self, StoreError> {
        let lock = take_folder(dir)?;
        let (head, segment_reached, journal_reached) = Head::open(dir)?;
        let (blobs, large, large_bytes) = Blobs::open(dir)?;
        let (series, log) = (Series::segments(dir), Series::journal(dir));
        let mut members = Members { large, ..Members::default() };
        let (mut small, mut small_bytes) = (0, 0);
        let segments = recover::segments(&series, segment_reached, options.fence, &mut |entry| {
            if members.add(entry) && entry.space == crate::index::Space::Object {
                small += 1;
                small_bytes += u64::from(entry.length);
            }
        })?;
        let mut damage = segments.damage;
        let journal = recover::journal(&log, journal_reached, options.fence, &mut |entry| {
            let brief = crate::lookup::brief(&entry.digest);
            if !members.objects.contains(&brief) && !members.large.contains(&entry.digest) {
                let problem = format!("journal entry {} names object {}, which is gone", entry.sequence, entry.digest);
                damage.push(Damage { path: series.dir.clone(), from: 0, to: 0, problem });
            }
        })?;
        let count = segments.tallies.len() as u64;
        let tallies = segments.tallies.clone();
        let (index, start) = IndexThread::start(dir, make, options.rebuild_index, tallies)?;
        damage.extend(known_no_more(&series, &start.held, &segments.tallies));
        for found in &damage {
            tracing::error!(path = %found.path.display(), from = found.from, to = found.to, "{}", found.problem);
        }
        let shared = Arc::new(Shared::new(dir.to_owned(), blobs, members, index, journal.state, damage));
        shared.count(small, small_bytes + large_bytes);
        shared.segment_files.store(count.max(series.list()?.len() as u64), Ordering::Relaxed);
        let writing = |series, tail, last| Writing::new(series, tail, last, options.fence, options.segment_bytes);
        let committer = Committer {
            shared: Arc::clone(&shared),
            head,
            segments: writing(series, segments.tail, segments.last),
            journal: writing(log, journal.tail, journal.last),
        };
        let (commits, waiting) = sync_channel(WAITING_COMMITS);
        let thread = std::thread::Builder::new().name("evidence-commit".to_owned());
        let thread = thread.spawn(move || committer.run(&waiting)).at(dir, "start the committing thread")?;
        Ok(Self { shared, commits: Some(commits), committer: Some(thread), _lock: lock })
    }

    /// Makes objects durable; returns their digests in order. An object that is there already is not written again.
    pub fn put_batch(&self, objects: Vec<Vec<u8>>) -> Result<Vec<Digest>, StoreError> {
        let objects = objects.into_iter().map(Hashed::of).collect();
        self.commit(Batch { objects, ..Batch::default() }).map(|committed| committed.digests)
    }

    /// Makes an object durable whose digest somebody else names; refuses other bytes, also when the object is there.
    pub fn put_expected(&self, digest: &Digest, bytes: Vec<u8>) -> Result<(), StoreError> {
        let found = Digest::of(&bytes);
        if found != *digest {
            let problem = format!("the bytes of {digest} are those of {found}");
            let remedy = "Send the object again; if it happens again, whoever sends it is broken or hostile";
            return Err(StoreError::new(codes::MISMATCH, &self.shared.root, problem, remedy));
        }
        self.put_batch(vec![bytes]).map(drop)
    }

    /// An object's bytes, hashed again; `None` when it was never put. Bytes that are not the object's are an error.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.get(digest)
    }

    /// Those of the digests whose objects are not there, in order, each once.
    pub fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, StoreError> {
        let there = self.shared.exist(digests, false)?;
        let mut told = HashSet::new();
        let missing = digests.iter().zip(there).filter(|(digest, there)| !there && told.insert(**digest));
        Ok(missing.map(|(digest, _)| *digest).collect())
    }

    /// Remembers which object each look key has; the objects have to be durable. Returns the pairs that were refused.
    pub fn put_looks(&self, looks: &[(Digest, Digest)]) -> Result<Vec<LookConflict>, StoreError> {
        self.commit(Batch { looks: looks.to_vec(), ..Batch::default() }).map(|committed| committed.conflicts)
    }

    /// The object of each look key, in order; `None` for a key that has none.
    pub fn get_looks(&self, looks: &[Digest]) -> Result<Vec<Option<Digest>>, StoreError> {
        self.shared.looks(looks)
    }

    /// Appends entries to the journal; returns the number of the first. Each has to name an object that is durable.
    pub fn append(&self, entries: Vec<JournalEntry>) -> Result<u64, StoreError> {
        self.commit(Batch { entries, ..Batch::default() }).map(|committed| committed.first_sequence)
    }

    /// Makes a batch durable: objects, then pairs and entries, which may name the batch's own objects. When it fails, the
    /// objects may be there all the same, as if they had been put before.
    pub fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.shared.writable()?;
        let digests: Vec<Digest> = batch.objects.iter().map(Hashed::digest).collect();
        let (small, large) = self.new_objects(batch.objects)?;
        self.check_named(&digests, &batch.looks, &batch.entries)?;
        let (looks, conflicts) = self.new_looks(batch.looks)?;
        batch.entries.iter().try_for_each(|entry| encode(entry, MAX_INT.unsigned_abs()).map(drop))?;
        self.put_large(large)?;
        let first_sequence = if small.is_empty() && looks.is_empty() && batch.entries.is_empty() {
            self.journal_len()
        } else {
            self.send(small, looks, batch.entries)?
        };
        Ok(Committed { digests, first_sequence, conflicts })
    }

    /// The journal's entries from a number on, to what is its end now.
    pub fn journal(&self, from_sequence: u64) -> Entries {
        let state = self.shared.journal.read().unwrap_or_else(PoisonError::into_inner);
        Entries::new(&state, from_sequence)
    }

    /// How many entries the journal has: the number of the next one.
    pub fn journal_len(&self) -> u64 {
        self.shared.journal.read().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// What was found damaged when the store was opened.
    pub fn damage(&self) -> &[Damage] {
        &self.shared.damage
    }

    /// What the store holds. Reads the whole index.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let shared = &self.shared;
        let large_objects = shared.members.read().unwrap_or_else(PoisonError::into_inner).large.len() as u64;
        let tallies = shared.index.tally(&shared.root)?;
        Ok(Stats {
            objects: shared.objects.load(Ordering::Relaxed) + large_objects,
            bytes: shared.bytes.load(Ordering::Relaxed),
            segments: shared.segment_files.load(Ordering::Relaxed),
            large_objects,
            journal_entries: self.journal_len(),
            index_entries: tallies.values().map(|tally| tally.entries).sum(),
            index_rebuilds: shared.index.rebuilds(),
            damaged: shared.damage.len() as u64,
        })
    }

    /// Of the objects those that are not there, small and large, each once.
    fn new_objects(&self, objects: Vec<Hashed>) -> Result<(Objects, Objects), StoreError> {
        if let Some(object) = objects.iter().find(|object| object.bytes.len() as u64 > MAX_OBJECT_BYTES) {
            let problem = format!("an object of {} bytes, the limit is {MAX_OBJECT_BYTES}", object.bytes.len());
            return Err(StoreError::new(codes::LIMIT, &self.shared.root, problem, "Store it in parts"));
        }
        let is_small = |object: &Hashed| object.bytes.len() <= SEGMENT_OBJECT_BYTES;
        let asked: Vec<Digest> = objects.iter().filter(|object| is_small(object)).map(Hashed::digest).collect();
        let mut there = self.shared.exist(&asked, true)?.into_iter();
        let (mut small, mut large) = (BTreeMap::new(), BTreeMap::new());
        for object in objects {
            if !is_small(&object) {
                large.insert(object.digest, object);
            } else if !there.next().unwrap_or(false) {
                small.insert(object.digest, object);
            }
        }
        Ok((small.into_values().map(Hashed::packed).collect(), large.into_values().collect()))
    }

    fn put_large(&self, large: Objects) -> Result<(), StoreError> {
        if large.is_empty() {
            return Ok(());
        }
        let written = self.shared.blobs.put(&large)?;
        let mut members = self.shared.members.write().unwrap_or_else(PoisonError::into_inner);
        for (object, written) in large.iter().zip(written) {
            if members.large.insert(object.digest) && written {
                self.shared.count(0, object.bytes.len() as u64);
            }
        }
        self.shared.healed(&large.iter().map(Hashed::digest).collect::<Vec<_>>());
        Ok(())
    }

    /// Refuses pairs and entries that name what is neither durable nor in the batch.
    fn check_named(
        &self,
        own: &[Digest],
        looks: &[(Digest, Digest)],
        entries: &[JournalEntry],
    ) -> Result<(), StoreError> {
        let own: HashSet<&Digest> = own.iter().collect();
        let named = looks.iter().map(|(_, object)| *object).chain(entries.iter().map(|entry| entry.digest));
        let named: Vec<Digest> = named.filter(|digest| !own.contains(digest)).collect();
        match self.missing(&named)?.first() {
            None => Ok(()),
            Some(digest) => {
                let problem = format!("object {digest} is named and is not there");
                let remedy = "Put the object before what names it";
                Err(StoreError::new(codes::NOT_DURABLE, &self.shared.root, problem, remedy))
            }
        }
    }

    /// Of the pairs those that are new, and those that contradict.
    fn new_looks(&self, looks: Looks) -> Result<(Looks, Vec<LookConflict>), StoreError> {
        let keys: Vec<Digest> = looks.iter().map(|(look, _)| *look).collect();
        let (mut new, mut conflicts) = (BTreeMap::new(), Vec::new());
        for ((look, object), stands) in looks.into_iter().zip(self.shared.looks(&keys)?) {
            let stands = stands.unwrap_or_else(|| *new.entry(look).or_insert(object));
            if stands != object {
                tracing::error!(%look, %stands, refused = %object, "the same bytes were seen otherwise");
                conflicts.push(LookConflict { look, stands, refused: object });
            }
        }
        Ok((new.into_iter().collect(), conflicts))
    }

    fn send(&self, objects: Objects, looks: Looks, entries: Vec<JournalEntry>) -> Result<u64, StoreError> {
        let (reply, answer) = sync_channel(1);
        let commits = self.commits.as_ref().expect("taken only when the store is dropped");
        let ended = || {
            let remedy = "Open the store again; what was acknowledged is kept";
            self.shared.fail(StoreError::new(
                codes::FAILED,
                &self.shared.root,
                "the committing thread has ended",
                remedy,
            ))
        };
        commits.send(Commit { objects, looks, entries, reply }).map_err(|_| ended())?;
        answer.recv().map_err(|_| ended())?
    }
}

type Objects = Vec<Hashed>;
/// Pairs of look key and object.
type Looks = Vec<(Digest, Digest)>;

impl Drop for Store {
    fn drop(&mut self) {
        self.commits = None;
        if self.committer.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the committing thread ended in a panic");
        }
    }
}

/// Segments of which the index knew more entries than they hold now: it learns of frames only when they are durable.
fn known_no_more(series: &Series, held: &Tallies, segments: &Tallies) -> Vec<Damage> {
    let holds = |id| segments.get(id).map_or(0, |tally| tally.entries);
    let lost = held.iter().filter(|(id, tally)| tally.entries > holds(id));
    lost.map(|(id, tally)| {
        let problem = format!("the index knew {} entries, {} are left", tally.entries, holds(id));
        Damage { path: series.path(*id), from: 0, to: 0, problem }
    })
    .collect()
}

/// Builds the index of a store anew from its segments, and says what the store holds.
pub fn reindex(dir: &Path, options: StoreOptions) -> Result<Stats, StoreError> {
    Store::open(dir, StoreOptions { rebuild_index: true, ..options })?.stats()
}

/// Makes the folders and takes the store for this process alone.
fn take_folder(dir: &Path) -> Result<File, StoreError> {
    let existing = dir.ancestors().find(|path| path.exists()).unwrap_or(dir);
    let read_only = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.permissions().readonly());
    if read_only(existing) {
        return Err(StoreError::read_only(existing, "the folder may not be written to".to_owned()));
    }
    for folder in [dir.to_owned(), dir.join("segments"), dir.join("journal")] {
        std::fs::create_dir_all(&folder).at(&folder, "create")?;
    }
    let path = dir.join("LOCK");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path).at(&path, "open")?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let problem = "another process has the store open";
            let remedy = "Stop the other process, or use its API; one store has one process";
            return Err(StoreError::new(codes::LOCKED, dir, problem, remedy));
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::io(&path, "lock", &error)),
    }
    let format = dir.join("FORMAT");
    match std::fs::read_to_string(&format) {
        Ok(text) if text == FORMAT => {}
        // It had no packed objects; from now on it may.
        Ok(text) if text == UNPACKED_FORMAT => write_format(dir, &format)?,
        Ok(text) => {
            let problem = format!("found {:?}, expected {FORMAT:?}", text.chars().take(60).collect::<String>());
            let remedy = "Open it with the version of Ligase that wrote it, or choose another folder";
            return Err(StoreError::new(codes::FORMAT, &format, problem, remedy));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_format(dir, &format)?,
        Err(error) => return Err(StoreError::io(&format, "read", &error)),
    }
    sync_dir(dir)?;
    Ok(lock)
}

fn write_format(dir: &Path, format: &Path) -> Result<(), StoreError> {
    let temporary = dir.join("FORMAT.tmp");
    std::fs::write(&temporary, FORMAT).and_then(|()| File::open(&temporary)?.sync_all()).at(&temporary, "write")?;
    std::fs::rename(&temporary, format).at(format, "rename")
}

const FORMAT: &str = "ligase-evidence 2\n";
/// Before objects were packed.
const UNPACKED_FORMAT: &str = "ligase-evidence 1\n";

#[cfg(test)]
mod tests;
