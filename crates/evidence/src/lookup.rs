//! What is there: reading objects and look pairs, with every answer checked.
//!
//! What exists is known in memory by eight bytes of each digest, from the segments themselves: a miss there is true. A hit
//! is asked of the index and confirmed by the bytes; when the index does not know what exists, it is wrong and rebuilt.
//! Bytes are hashed whenever they are read. Refuses to return bytes that are not what the digest names.

use crate::StoreError;
use crate::blobs::{Blob, Blobs};
use crate::error::At;
use crate::frame::FRAME_HEADER;
use crate::index::{IndexEntry, Space};
use crate::index_thread::IndexThread;
use crate::journal::JournalState;
use crate::recover::{Damage, named_frame};
use crate::series::{FileId, Series};
use ligase_domain::Digest;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// No object is larger.
pub const MAX_OBJECT_BYTES: u64 = 256 << 20;
/// Segments that are kept open for reading.
const OPEN_SEGMENTS: usize = 256;
/// Digests that share eight bytes with another and are not there: more than these are forgotten, at the price of time.
const COLLIDED: usize = 10_000;

/// What exists, by the first eight bytes of each digest.
#[derive(Default)]
pub struct Members {
    /// Objects in segments.
    pub objects: HashSet<u64>,
    /// Look keys.
    pub looks: HashSet<u64>,
    /// Objects that are files of their own.
    pub large: BTreeSet<Digest>,
}

/// The first eight bytes of a digest.
pub fn brief(digest: &Digest) -> u64 {
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("eight of 32 bytes"))
}

impl Members {
    /// Counts an entry of a segment; whether its key is new.
    pub fn add(&mut self, entry: &IndexEntry) -> bool {
        match entry.space {
            Space::Object => self.objects.insert(brief(&entry.key)),
            Space::Look => self.looks.insert(brief(&entry.key)),
        }
    }
}

/// What all threads of a store share.
pub struct Shared {
    /// The store's folder.
    pub root: PathBuf,
    /// Its segments.
    pub segments: Series,
    /// Its large objects.
    pub blobs: Blobs,
    /// What exists.
    pub members: RwLock<Members>,
    /// Where it lies.
    pub index: IndexThread,
    /// The journal's state.
    pub journal: RwLock<JournalState>,
    /// What was found damaged when the store was opened.
    pub damage: Vec<Damage>,
    /// Why nothing may be written any more.
    pub failed: Mutex<Option<StoreError>>,
    /// Bytes of all objects.
    pub bytes: AtomicU64,
    /// Number of objects in segments.
    pub objects: AtomicU64,
    /// Number of segments.
    pub segment_files: AtomicU64,
    handles: Mutex<HashMap<FileId, Arc<File>>>,
    rotten: Mutex<HashSet<Digest>>,
    collided: Mutex<HashSet<(Space, Digest)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// From what opening found.
    pub fn new(
        root: PathBuf,
        blobs: Blobs,
        members: Members,
        index: IndexThread,
        journal: JournalState,
        damage: Vec<Damage>,
    ) -> Self {
        Self {
            segments: Series::segments(&root),
            root,
            blobs,
            members: RwLock::new(members),
            index,
            journal: RwLock::new(journal),
            damage,
            failed: Mutex::default(),
            bytes: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            segment_files: AtomicU64::new(0),
            handles: Mutex::default(),
            rotten: Mutex::default(),
            collided: Mutex::default(),
        }
    }

    /// An object's bytes; `None` when it was never put.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let (small, large) = self.known(digest);
        let mut rotten = None;
        if small {
            let entries = self.entries(Space::Object, vec![*digest])?.remove(0);
            if entries.is_empty() && !large {
                rotten = Some(StoreError::corrupt(
                    digest,
                    &self.segments.dir,
                    "it was put, and no segment holds it any more",
                ));
            }
            for entry in entries {
                match self.payload(&entry)? {
                    Some(bytes) => return Ok(Some(bytes)),
                    None => {
                        let seen = format!("the bytes at {} are not its own", entry.at.offset);
                        rotten = Some(StoreError::corrupt(digest, &self.segments.path(entry.at.file), &seen));
                    }
                }
            }
        }
        if large {
            match self.blobs.get(digest, MAX_OBJECT_BYTES)? {
                Blob::Whole(bytes) => return Ok(Some(bytes)),
                Blob::Rotten(seen) => rotten = Some(StoreError::corrupt(digest, &self.blobs.path(digest), &seen)),
                Blob::Missing => {
                    rotten = Some(StoreError::corrupt(digest, &self.blobs.path(digest), "the file is gone"));
                }
            }
        }
        if let Some(error) = rotten {
            locked(&self.rotten).insert(*digest);
            return Err(error);
        }
        match self.damage.first() {
            None => Ok(None),
            Some(damage) => {
                let seen = format!("not there; it may have lain in the damaged bytes {} to {}", damage.from, damage.to);
                Err(StoreError::corrupt(digest, &damage.path, &seen))
            }
        }
    }

    fn known(&self, digest: &Digest) -> (bool, bool) {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        (members.objects.contains(&brief(digest)), members.large.contains(digest))
    }

    /// For each digest whether its object is there, by the exact digest and the bytes on the disk: their header, or, when
    /// `whole`, all of them. An object that is known to be rotten is not there.
    pub fn exist(&self, digests: &[Digest], whole: bool) -> Result<Vec<bool>, StoreError> {
        let mut there = vec![false; digests.len()];
        let mut asked = Vec::new();
        for (place, digest) in digests.iter().enumerate() {
            let (small, large) = self.known(digest);
            if !whole && locked(&self.rotten).contains(digest) {
                continue;
            }
            if large {
                there[place] = match whole {
                    true => matches!(self.blobs.get(digest, MAX_OBJECT_BYTES)?, Blob::Whole(_)),
                    false => self.blobs.is_there(digest),
                };
            }
            if small && !there[place] {
                asked.push(place);
            }
        }
        if asked.is_empty() {
            return Ok(there);
        }
        let found = self.entries(Space::Object, asked.iter().map(|place| digests[*place]).collect())?;
        for (place, entries) in asked.into_iter().zip(found) {
            for entry in entries {
                let holds = if whole { self.payload(&entry)?.is_some() } else { self.header_holds(&entry)? };
                there[place] |= holds;
                if there[place] {
                    break;
                }
            }
            if whole && there[place] {
                locked(&self.rotten).remove(&digests[place]);
            }
        }
        Ok(there)
    }

    /// An object was put again: it is not rotten any more.
    pub fn healed(&self, digests: &[Digest]) {
        let mut rotten = locked(&self.rotten);
        if !rotten.is_empty() {
            for digest in digests {
                rotten.remove(digest);
            }
        }
    }

    /// The object of each look key, in the keys' order. The first that was written counts.
    pub fn looks(&self, keys: &[Digest]) -> Result<Vec<Option<Digest>>, StoreError> {
        let known: Vec<bool> = {
            let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
            keys.iter().map(|key| members.looks.contains(&brief(key))).collect()
        };
        let asked: Vec<Digest> = keys.iter().zip(&known).filter(|(_, known)| **known).map(|(key, _)| *key).collect();
        let mut found = if asked.is_empty() { vec![] } else { self.entries(Space::Look, asked)? }.into_iter();
        let mut object = |known: bool| {
            let entries = known.then(|| found.next()).flatten();
            entries.and_then(|entries| entries.first().map(|entry| entry.object))
        };
        Ok(known.into_iter().map(&mut object).collect())
    }

    /// The index entries of keys that are known to exist. Where the index knows none, it is rebuilt and asked again; what
    /// it does not know then shares its eight bytes with another key and is not there.
    fn entries(&self, space: Space, keys: Vec<Digest>) -> Result<Vec<Vec<IndexEntry>>, StoreError> {
        let found = self.index.find(&self.root, space, keys.clone())?;
        let lost = |key: &Digest, entries: &Vec<IndexEntry>| {
            entries.is_empty() && !locked(&self.collided).contains(&(space, *key)) && !self.known_large(space, key)
        };
        if !keys.iter().zip(&found).any(|(key, entries)| lost(key, entries)) {
            return Ok(found);
        }
        self.index.rebuild(&self.root)?;
        let found = self.index.find(&self.root, space, keys.clone())?;
        let mut collided = locked(&self.collided);
        if collided.len() > COLLIDED {
            collided.clear();
        }
        collided.extend(keys.iter().zip(&found).filter(|(_, e)| e.is_empty()).map(|(key, _)| (space, *key)));
        Ok(found)
    }

    fn known_large(&self, space: Space, key: &Digest) -> bool {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        space == Space::Object && members.large.contains(key)
    }

    /// Keys that were written are not collisions any more.
    pub fn remembered(&self, entries: &[IndexEntry]) {
        let mut collided = locked(&self.collided);
        if !collided.is_empty() {
            for entry in entries {
                collided.remove(&(entry.space, entry.key));
            }
        }
    }

    fn handle(&self, id: FileId) -> Result<Arc<File>, StoreError> {
        let mut handles = locked(&self.handles);
        if let Some(file) = handles.get(&id) {
            return Ok(Arc::clone(file));
        }
        if handles.len() >= OPEN_SEGMENTS {
            handles.clear();
        }
        let path = self.segments.path(id);
        let file = Arc::new(File::open(&path).at(&path, "open")?);
        handles.insert(id, Arc::clone(&file));
        Ok(file)
    }

    /// Reads at an entry's place; `None` when the file ends before.
    fn read_at(&self, entry: &IndexEntry, len: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let mut bytes = vec![0; len];
        match self.handle(entry.at.file)?.read_exact_at(&mut bytes, entry.at.offset) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(StoreError::io(&self.segments.path(entry.at.file), "read", &error)),
        }
    }

    fn header_holds(&self, entry: &IndexEntry) -> Result<bool, StoreError> {
        let header = self.read_at(entry, FRAME_HEADER)?;
        Ok(header.is_some_and(|header| named_frame(&header, entry).is_some()))
    }

    /// The bytes of an object at an entry's place; `None` when others stand there.
    fn payload(&self, entry: &IndexEntry) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(bytes) = self.read_at(entry, FRAME_HEADER + entry.length as usize)? else { return Ok(None) };
        let (header, payload) = bytes.split_at(FRAME_HEADER);
        Ok(named_frame(header, entry).and_then(|frame| frame.open(payload)).map(Cow::into_owned))
    }

    /// Refuses when nothing may be written any more.
    pub fn writable(&self) -> Result<(), StoreError> {
        locked(&self.failed).clone().map_or(Ok(()), Err)
    }

    /// Nothing may be written any more.
    pub fn fail(&self, error: StoreError) -> StoreError {
        tracing::error!(%error, "the store takes no more writes");
        locked(&self.failed).get_or_insert(error).clone()
    }

    /// Counts what was written.
    pub fn count(&self, objects: u64, bytes: u64) {
        self.objects.fetch_add(objects, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
