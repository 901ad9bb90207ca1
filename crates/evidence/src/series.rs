//! A series of append-only files, named by the term of leadership that wrote them and a number within it.
//!
//! `segment-<fence>-<number>.seg` and `journal-<fence>-<number>.log`. Only the last file of a series grows, and only in
//! the term that began it. Refuses to read frames; read `frame.rs` for them, and `recover.rs` for what stands at the end.

use crate::StoreError;
use crate::error::At;
use crate::frame::{FILE_HEADER, Marker, file_header, new_marker, read_file_header};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file of a series. Orders as it was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId {
    /// The term of leadership that wrote it.
    pub fence: u64,
    /// Its number within the term, from 0.
    pub number: u32,
}

/// Where a series lies and what its files are called.
#[derive(Clone, Debug)]
pub struct Series {
    /// The folder.
    pub dir: PathBuf,
    prefix: &'static str,
    suffix: &'static str,
}

impl Series {
    /// The segments of a store.
    pub fn segments(store: &Path) -> Self {
        Self { dir: store.join("segments"), prefix: "segment", suffix: "seg" }
    }

    /// The journal of a store.
    pub fn journal(store: &Path) -> Self {
        Self { dir: store.join("journal"), prefix: "journal", suffix: "log" }
    }

    /// A file's name.
    pub fn name(&self, id: FileId) -> String {
        format!("{}-{:016x}-{:08}.{}", self.prefix, id.fence, id.number, self.suffix)
    }

    /// A file's path.
    pub fn path(&self, id: FileId) -> PathBuf {
        self.dir.join(self.name(id))
    }

    /// The file of that name, if it is one of this series.
    pub fn parse(&self, name: &str) -> Option<FileId> {
        let rest = name.strip_prefix(self.prefix)?.strip_prefix('-')?.strip_suffix(self.suffix)?.strip_suffix('.')?;
        let (fence, number) = rest.split_once('-')?;
        let id = FileId { fence: u64::from_str_radix(fence, 16).ok()?, number: number.parse().ok()? };
        (self.name(id) == name).then_some(id)
    }

    /// All files, in the order in which they were written.
    pub fn list(&self) -> Result<Vec<FileId>, StoreError> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.dir).at(&self.dir, "list")? {
            let name = entry.at(&self.dir, "list")?.file_name();
            ids.extend(name.to_str().and_then(|name| self.parse(name)));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The file that follows `last` in this term.
    pub fn next(last: Option<FileId>, fence: u64) -> FileId {
        match last {
            Some(last) if last.fence == fence => FileId { fence, number: last.number + 1 },
            _ => FileId { fence, number: 0 },
        }
    }
}

/// What a file's header says: its marker, and the length at which the file before it ended.
pub type Said = Option<(Marker, u64)>;

/// A file, what its header says if it is whole, and its length.
pub fn open_read(path: &Path) -> Result<(File, Said, u64), StoreError> {
    let file = File::open(path).at(path, "open")?;
    let len = file.metadata().at(path, "ask the length of")?.len();
    let mut header = [0; FILE_HEADER as usize];
    let held = usize::try_from(len.min(FILE_HEADER)).expect("at most 64");
    file.read_exact_at(&mut header[..held], 0).at(path, "read")?;
    Ok((file, read_file_header(&header), len))
}

/// The file of a series that grows.
#[derive(Debug)]
pub struct Tail {
    /// Which one.
    pub id: FileId,
    /// Its path.
    pub path: PathBuf,
    /// Its marker.
    pub marker: Marker,
    /// How much of it is durable; the next frame begins here.
    pub durable: u64,
    file: File,
}

impl Tail {
    /// Begins a file: durable with its header before anything is written to it. `previous` is the length at which the
    /// file before it ended, so that a file that was cut short or is gone is noticed.
    pub fn create(series: &Series, id: FileId, previous: u64) -> Result<Self, StoreError> {
        let path = series.path(id);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.at(&path, "create")?;
        let marker = new_marker();
        file.write_all_at(&file_header(marker, previous), 0).at(&path, "write")?;
        file.sync_all().at(&path, "sync")?;
        sync_dir(&series.dir)?;
        Ok(Self { id, path, marker, durable: FILE_HEADER, file })
    }

    /// Goes on with a file whose first `len` bytes are whole; what stands behind them is cut off.
    pub fn resume(series: &Series, id: FileId, marker: Marker, len: u64) -> Result<Self, StoreError> {
        let path = series.path(id);
        let file = OpenOptions::new().read(true).write(true).open(&path).at(&path, "open")?;
        file.set_len(len).at(&path, "cut")?;
        file.sync_all().at(&path, "sync")?;
        Ok(Self { id, path, marker, durable: len, file })
    }

    /// Writes behind the durable part and makes it durable. When writing fails, what was written is taken back and the
    /// error is not lasting; when making it durable fails, nobody knows what is on the disk, and the error is lasting.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        if let Err(error) = self.file.write_all_at(bytes, self.durable) {
            let lasting = self.file.set_len(self.durable).is_err();
            return Err(AppendError { error, lasting });
        }
        self.file.sync_data().map_err(|error| AppendError { error, lasting: true })?;
        self.durable += bytes.len() as u64;
        Ok(())
    }
}

/// Why an append failed, and whether the store may go on.
#[derive(Debug)]
pub struct AppendError {
    /// What the operating system said.
    pub error: io::Error,
    /// Whether nothing may be written any more.
    pub lasting: bool,
}

/// Makes a folder's entries durable.
pub fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).at(dir, "sync")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_room_for_the_term_and_order_as_written() {
        let series = Series::segments(Path::new("/s"));
        let id = FileId { fence: 0x1f, number: 7 };
        assert_eq!(series.name(id), "segment-000000000000001f-00000007.seg");
        assert_eq!(series.parse(&series.name(id)), Some(id));
        for other in ["segment-1f-7.seg", "journal-000000000000001f-00000007.log", "segment-.seg", "x"] {
            assert_eq!(series.parse(other), None);
        }
        assert!(Series::next(Some(id), 0x1f) > id && Series::next(Some(id), 0x20) > Series::next(Some(id), 0x1f));
    }
}
