//! The ordered journal: which object came when. Its entries, byte for byte, are the leaves of the Merkle log.
//!
//! Reading verifies each entry's digest and number. Refuses gaps: a reader gets every entry in order, or an error that
//! names the place, and then nothing more.

use crate::StoreError;
use crate::error::At;
use crate::frame::{FILE_HEADER, FRAME_HEADER, Kind, Marker, read_frame};
use crate::recover::journal_corrupt;
use crate::series::{FileId, open_read};
use ligase_domain::Digest;
use ligase_record::JournalRecord;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// The place of each so-manieth entry is remembered, so that reading begins near where it is wanted.
const MARK_EVERY: u64 = 256;
/// How much a reader reads at once: some 250 entries.
const READ_BYTES: usize = 64 << 10;

/// What the journal holds, without the entries themselves.
#[derive(Clone, Default, Debug)]
pub struct JournalState {
    files: Vec<JournalFile>,
}

#[derive(Clone, Debug)]
struct JournalFile {
    id: FileId,
    path: PathBuf,
    /// Number of its first entry.
    first: u64,
    /// How many entries it has.
    count: u64,
    /// The offset of each [`MARK_EVERY`]th entry.
    marks: Vec<u64>,
}

impl JournalState {
    /// The number of the next entry.
    pub fn next(&self) -> u64 {
        self.files.last().map_or(0, |file| file.first + file.count)
    }

    /// A file begins.
    pub fn begin(&mut self, id: FileId, path: PathBuf) {
        if self.files.last().is_none_or(|last| last.id != id) {
            let first = self.next();
            self.files.push(JournalFile { id, path, first, count: 0, marks: vec![] });
        }
    }

    /// An entry stands at that offset of the last file.
    pub fn push(&mut self, offset: u64) {
        let file = self.files.last_mut().expect("a file begins before its entries");
        if file.count.is_multiple_of(MARK_EVERY) {
            file.marks.push(offset);
        }
        file.count += 1;
    }
}

/// An entry, with the bytes that are its leaf of the Merkle log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// What it says.
    pub entry: JournalRecord,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

/// The journal's entries from some number to what was its end when reading began.
pub struct Entries {
    files: std::vec::IntoIter<JournalFile>,
    open: Option<Reading>,
    next: u64,
    end: u64,
}

struct Reading {
    of: JournalFile,
    file: File,
    marker: Marker,
    len: u64,
    /// The next frame.
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Entries {
    pub(crate) fn new(state: &JournalState, from: u64) -> Self {
        let files: Vec<_> = state.files.iter().filter(|file| file.first + file.count > from).cloned().collect();
        Self { files: files.into_iter(), open: None, next: from, end: state.next() }
    }

    fn step(&mut self) -> Result<Leaf, StoreError> {
        loop {
            let reading = match &mut self.open {
                Some(reading) => reading,
                None => {
                    let of = self.files.next().expect("files hold every entry up to the end");
                    self.open.insert(Reading::begin(of, self.next)?)
                }
            };
            if reading.of.first + reading.of.count <= self.next {
                self.open = None;
                continue;
            }
            let leaf = reading.leaf()?;
            if leaf.entry.sequence > self.next {
                let seen = format!("entry {} where {} should stand", leaf.entry.sequence, self.next);
                return Err(journal_corrupt(&reading.of.path, reading.at, &seen));
            }
            if leaf.entry.sequence == self.next {
                self.next += 1;
                return Ok(leaf);
            }
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Leaf, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let item = self.step();
        if item.is_err() {
            self.end = 0;
        }
        Some(item)
    }
}

impl Reading {
    fn begin(of: JournalFile, wanted: u64) -> Result<Self, StoreError> {
        let (file, marker, len) = open_read(&of.path)?;
        let (marker, _) = marker.ok_or_else(|| journal_corrupt(&of.path, 0, "the file's header is damaged"))?;
        let skipped = usize::try_from(wanted.saturating_sub(of.first) / MARK_EVERY).unwrap_or(usize::MAX);
        let at = of.marks.get(skipped).copied().unwrap_or(FILE_HEADER);
        Ok(Self { of, file, marker, len, at, window: vec![], window_at: 0 })
    }

    /// `want` bytes from the next frame on; fewer at the file's end.
    fn bytes(&mut self, want: usize) -> Result<&[u8], StoreError> {
        let held = self.window_at <= self.at && self.at + want as u64 <= self.window_at + self.window.len() as u64;
        if !held {
            let room = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
            self.window.resize(room.min(want.max(READ_BYTES)), 0);
            self.file.read_exact_at(&mut self.window, self.at).at(&self.of.path, "read")?;
            self.window_at = self.at;
        }
        let skip = usize::try_from(self.at - self.window_at).expect("a window is small");
        Ok(&self.window[skip..])
    }

    fn leaf(&mut self) -> Result<Leaf, StoreError> {
        let (at, marker, len) = (self.at, self.marker, self.len);
        let frame = read_frame(self.bytes(FRAME_HEADER)?, marker, at);
        let frame = frame.filter(|frame| frame.end() <= len && frame.kind == Kind::Entry);
        let Some(frame) = frame else {
            return Err(journal_corrupt(&self.of.path, at, "no entry stands here"));
        };
        let whole = FRAME_HEADER + frame.length as usize;
        let bytes = self.bytes(whole)?[FRAME_HEADER..whole].to_vec();
        if Digest::of(&bytes) != frame.digest {
            return Err(journal_corrupt(&self.of.path, at, "the entry's bytes are not what was written"));
        }
        let entry = ligase_record::decode_journal_entry(&bytes)
            .map_err(|error| journal_corrupt(&self.of.path, at, &error.to_string()))?;
        self.at = frame.end();
        Ok(Leaf { entry, bytes })
    }
}
