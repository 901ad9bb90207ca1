//! The one thread that writes segments and journal. Whoever waits at the same time shares one sync.
//!
//! The order is what makes it safe: objects and look pairs durable, then known, then the entries that name them durable,
//! then the acknowledged length, then the answers. A write that fails is taken back and told; a sync that fails ends all
//! writing, because nobody knows what is on the disk then. Refuses entries that name what is not durable: `store.rs` has
//! looked before it asks.

use crate::StoreError;
use crate::error::codes;
use crate::frame::{Frame, Kind, write_frame};
use crate::head::{Head, Reached};
use crate::index::IndexEntry;
use crate::lookup::Shared;
use crate::recover::written_entries;
use crate::series::{FileId, Series, Tail};
use crate::store::{Hashed, JournalEntry};
use ligase_domain::Digest;
use ligase_record::JournalRecord;
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, PoisonError};

/// A group takes no more commits once it holds this much.
const GROUP_BYTES: usize = 8 << 20;
/// Pairs of one frame.
const PAIRS_PER_FRAME: usize = 4096;

/// What one caller wants durable.
pub struct Commit {
    /// Objects of at most [`SEGMENT_OBJECT_BYTES`](crate::SEGMENT_OBJECT_BYTES), not known to exist.
    pub objects: Vec<Hashed>,
    /// Pairs of look key and object.
    pub looks: Vec<(Digest, Digest)>,
    /// Entries whose objects are durable or among `objects`.
    pub entries: Vec<JournalEntry>,
    /// Where the number of the first entry goes.
    pub reply: SyncSender<Result<u64, StoreError>>,
}

impl Commit {
    fn bytes(&self) -> usize {
        let objects: usize = self.objects.iter().map(|object| object.kept().1.len()).sum();
        objects + self.looks.len() * 64 + self.entries.len() * 256
    }
}

/// A series that is written to.
pub struct Writing {
    series: Series,
    tail: Option<Tail>,
    last: Option<(FileId, u64)>,
    fence: u64,
    file_bytes: u64,
}

impl Writing {
    /// Goes on where recovery ended.
    pub fn new(series: Series, tail: Option<Tail>, last: Option<(FileId, u64)>, fence: u64, file_bytes: u64) -> Self {
        Self { series, tail, last, fence, file_bytes }
    }

    fn reached(&self) -> Reached {
        self.tail.as_ref().map(|tail| (tail.id, tail.durable)).or(self.last)
    }

    /// The file to write to: a new one when there is none of this term or the last is full. True when it is new.
    fn tail(&mut self, head: &Head) -> Result<(&mut Tail, bool), StoreError> {
        let full = self.tail.as_ref().is_none_or(|tail| tail.durable >= self.file_bytes);
        if full {
            head.sync()?;
            let last = self.reached();
            let id = Series::next(last.map(|(id, _)| id), self.fence);
            let tail = Tail::create(&self.series, id, last.map_or(0, |(_, len)| len))?;
            self.tail = Some(tail);
        }
        Ok((self.tail.as_mut().expect("made above when there was none"), full))
    }
}

/// What the thread owns.
pub struct Committer {
    /// What it shares.
    pub shared: Arc<Shared>,
    /// The acknowledged lengths.
    pub head: Head,
    /// The segments.
    pub segments: Writing,
    /// The journal.
    pub journal: Writing,
}

impl Committer {
    /// Writes until nobody can ask any more.
    pub fn run(mut self, waiting: &Receiver<Commit>) {
        while let Ok(first) = waiting.recv() {
            let mut bytes = first.bytes();
            let mut group = vec![first];
            while bytes < GROUP_BYTES
                && let Ok(next) = waiting.try_recv()
            {
                bytes += next.bytes();
                group.push(next);
            }
            self.group(group);
        }
        if let Err(error) = self.head.sync() {
            tracing::warn!(%error, "the acknowledged lengths could not be made durable");
        }
    }

    fn group(&mut self, mut group: Vec<Commit>) {
        let outcome = self.shared.writable().and_then(|()| self.write_objects(&mut group));
        let outcomes = match outcome {
            Ok(()) => self.write_entries(&group),
            Err(error) => vec![Err(error); group.len()],
        };
        let reached = self.head.write(self.segments.reached(), self.journal.reached());
        if let Err(error) = reached {
            tracing::warn!(%error, "the acknowledged lengths could not be written");
        }
        for (commit, outcome) in group.into_iter().zip(outcomes) {
            // A caller that has given up waiting still has its bytes durable.
            let _ = commit.reply.send(outcome);
        }
    }

    /// Objects and look pairs of the whole group: written, durable, then known.
    fn write_objects(&mut self, group: &mut [Commit]) -> Result<(), StoreError> {
        self.drop_known(group)?;
        if group.iter().all(|commit| commit.objects.is_empty() && commit.looks.is_empty()) {
            return Ok(());
        }
        let (tail, new) = self.segments.tail(&self.head).map_err(|error| beginning(&self.shared, error))?;
        let (mut out, mut entries) = (Vec::new(), Vec::new());
        let (id, durable, marker) = (tail.id, tail.durable, tail.marker);
        let mut frame = |kind, digest: Digest, payload: &[u8]| {
            let length = u32::try_from(payload.len()).expect("objects and pairs are bounded");
            let frame = Frame { offset: durable + out.len() as u64, digest, synced: durable, length, kind };
            write_frame(&mut out, marker, kind, &digest, durable, payload);
            entries.extend(written_entries(id, &frame, payload));
        };
        for object in group.iter().flat_map(|commit| &commit.objects) {
            let (kind, payload) = object.kept();
            frame(kind, object.digest(), payload);
        }
        let looks: Vec<_> = group.iter().flat_map(|commit| commit.looks.iter().copied()).collect();
        for pairs in looks.chunks(PAIRS_PER_FRAME) {
            let payload: Vec<u8> = pairs.iter().flat_map(|(k, o)| [*k.as_bytes(), *o.as_bytes()]).flatten().collect();
            frame(Kind::Looks, Digest::of(&payload), &payload);
        }
        let path = tail.path.clone();
        tail.append(&out).map_err(|failure| appending(&self.shared, &path, &failure))?;
        self.shared.segment_files.fetch_add(u64::from(new), Ordering::Relaxed);
        self.know(group, entries);
        Ok(())
    }

    /// Leaves out what another commit has written since the caller looked, or what stands twice in the group.
    fn drop_known(&self, group: &mut [Commit]) -> Result<(), StoreError> {
        let mut written: HashSet<Digest> = HashSet::new();
        for commit in group {
            let digests: Vec<Digest> = commit.objects.iter().map(Hashed::digest).collect();
            let there = self.shared.exist(&digests, true)?;
            let mut there = there.into_iter();
            commit.objects.retain(|object| !there.next().unwrap_or(false) && written.insert(object.digest()));
        }
        Ok(())
    }

    fn know(&self, group: &[Commit], entries: Vec<IndexEntry>) {
        let objects = group.iter().flat_map(|commit| &commit.objects);
        let (count, bytes) =
            objects.clone().fold((0, 0), |(n, sum), object| (n + 1, sum + object.kept().1.len() as u64));
        self.shared.count(count, bytes);
        self.shared.remembered(&entries);
        self.shared.healed(&objects.map(Hashed::digest).collect::<Vec<_>>());
        self.shared.index.put(entries.clone());
        let mut members = self.shared.members.write().unwrap_or_else(PoisonError::into_inner);
        for entry in &entries {
            members.add(entry);
        }
    }

    /// The entries of the group, numbered in the order of its commits. For each commit the number of its first.
    fn write_entries(&mut self, group: &[Commit]) -> Vec<Result<u64, StoreError>> {
        let first = self.shared.journal.read().unwrap_or_else(PoisonError::into_inner).next();
        let mut next = first;
        let mut records = Vec::new();
        let outcomes: Vec<_> = group
            .iter()
            .map(|commit| {
                let begin = next;
                let encoded = commit.entries.iter().zip(begin..).map(|(entry, sequence)| encode(entry, sequence));
                let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
                next += encoded.len() as u64;
                records.extend(encoded);
                Ok(begin)
            })
            .collect();
        if records.is_empty() {
            return outcomes;
        }
        match self.append_entries(&records) {
            Ok(()) => outcomes,
            // Commits without entries have all that they wanted.
            Err(error) => {
                let failed = |commit: &Commit| !commit.entries.is_empty();
                group.iter().zip(outcomes).map(|(c, o)| if failed(c) { Err(error.clone()) } else { o }).collect()
            }
        }
    }

    fn append_entries(&mut self, records: &[Vec<u8>]) -> Result<(), StoreError> {
        let (tail, _) = self.journal.tail(&self.head).map_err(|error| beginning(&self.shared, error))?;
        let (mut out, mut offsets) = (Vec::new(), Vec::new());
        for record in records {
            offsets.push(tail.durable + out.len() as u64);
            write_frame(&mut out, tail.marker, Kind::Entry, &Digest::of(record), tail.durable, record);
        }
        let path = tail.path.clone();
        tail.append(&out).map_err(|failure| appending(&self.shared, &path, &failure))?;
        let mut journal = self.shared.journal.write().unwrap_or_else(PoisonError::into_inner);
        journal.begin(tail.id, path);
        offsets.into_iter().for_each(|offset| journal.push(offset));
        Ok(())
    }
}

/// An entry's bytes.
pub fn encode(entry: &JournalEntry, sequence: u64) -> Result<Vec<u8>, StoreError> {
    let record = JournalRecord { sequence, kind: entry.kind.clone(), digest: entry.digest, at: entry.at };
    ligase_record::encode_journal_entry(&record).map_err(|error| {
        let remedy = "Give the entry a short kind and a time in milliseconds";
        StoreError::new(codes::LIMIT, Path::new("journal"), error.to_string(), remedy)
    })
}

/// A file that could not be begun: when the disk is full that passes, whatever else it is does not.
fn beginning(shared: &Shared, error: StoreError) -> StoreError {
    if error.code == codes::NO_SPACE { error } else { shared.fail(error) }
}

fn appending(shared: &Shared, path: &Path, failure: &crate::series::AppendError) -> StoreError {
    let error = StoreError::io(path, "write", &failure.error);
    if !failure.lasting {
        return error;
    }
    let problem = format!("could not be made durable: {}", failure.error);
    let remedy = "Check the disk, then open the store again; what was acknowledged is kept";
    shared.fail(StoreError::new(codes::FAILED, path, problem, remedy))
}
