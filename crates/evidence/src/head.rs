//! How far the store has acknowledged: a lower bound, written after each commit and before its answer.
//!
//! It is not made durable with each commit. A killed process leaves it exact; a lost machine may leave it behind, never
//! ahead. With it, damage to acknowledged bytes is told from the torn end of a write that nobody was promised.
//! To accept the loss of acknowledged bytes is a person's deed: deleting the file `HEAD`.

use crate::StoreError;
use crate::error::At;
use crate::series::{FileId, Series};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The file always has this length, so that one write replaces it whole.
const HEAD_BYTES: usize = 192;

/// A file of a series, and how much of it is acknowledged.
pub type Reached = Option<(FileId, u64)>;

/// The open `HEAD` file.
#[derive(Debug)]
pub struct Head {
    file: File,
    path: PathBuf,
    segments: Series,
    journal: Series,
}

impl Head {
    /// Opens the file, and reads what it says: for the segments, and for the journal. What cannot be read says nothing.
    pub fn open(store: &Path) -> Result<(Self, Reached, Reached), StoreError> {
        let path = store.join("HEAD");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.at(&path, "open")?;
        let head = Self { file, path, segments: Series::segments(store), journal: Series::journal(store) };
        let mut bytes = [0; HEAD_BYTES];
        let said = head.file.read_exact_at(&mut bytes, 0).ok().and_then(|()| head.parse(&bytes));
        let (segment, journal) = said.unwrap_or((None, None));
        Ok((head, segment, journal))
    }

    fn parse(&self, bytes: &[u8]) -> Option<(Reached, Reached)> {
        let (said, sum) = std::str::from_utf8(bytes).ok()?.trim_end().rsplit_once(' ')?;
        if format!("{:08x}", crc32fast::hash(said.as_bytes())) != sum {
            return None;
        }
        let words: Vec<&str> = said.split(' ').collect();
        let ["ligase-head", "1", segment, segment_len, journal, journal_len] = words.as_slice() else { return None };
        let reached =
            |series: &Series, name: &str, len: &str| series.parse(name).and_then(|id| Some((id, len.parse().ok()?)));
        Some((reached(&self.segments, segment, segment_len), reached(&self.journal, journal, journal_len)))
    }

    /// Says how far is acknowledged.
    pub fn write(&self, segment: Reached, journal: Reached) -> Result<(), StoreError> {
        let word = |series: &Series, reached: Reached| match reached {
            Some((id, len)) => format!("{} {len}", series.name(id)),
            None => "- 0".to_owned(),
        };
        let said = format!("ligase-head 1 {} {}", word(&self.segments, segment), word(&self.journal, journal));
        let line = format!("{said} {:08x}", crc32fast::hash(said.as_bytes()));
        let padded = format!("{line:<width$}\n", width = HEAD_BYTES - 1);
        self.file.write_all_at(padded.as_bytes(), 0).at(&self.path, "write")
    }

    /// Makes it durable: at the end of a file and at the end of the store's life.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().at(&self.path, "sync")
    }
}
