//! Objects above 256 KiB: files of their own, named by their digest, whole or not there.
//!
//! Written beside their place, made durable, renamed, and the folder made durable. Refuses to trust a file that is there:
//! its bytes are hashed before it counts as the object.

use crate::StoreError;
use crate::error::At;
use crate::series::sync_dir;
use crate::store::Hashed;
use ligase_domain::Digest;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder `objects` of a store.
#[derive(Debug)]
pub struct Blobs {
    root: PathBuf,
    temporary: PathBuf,
    counter: AtomicU64,
}

/// What is known of a file that should be an object.
#[derive(PartialEq, Eq, Debug)]
pub enum Blob {
    /// It is not there.
    Missing,
    /// It is there and is something else.
    Rotten(String),
    /// Its bytes.
    Whole(Vec<u8>),
}

impl Blobs {
    /// Opens the folder, removes what was never finished, and lists the objects with the sum of their sizes.
    pub fn open(store: &Path) -> Result<(Self, BTreeSet<Digest>, u64), StoreError> {
        let root = store.join("objects").join("sha256");
        let temporary = store.join("objects").join("tmp");
        for dir in [&root, &temporary] {
            std::fs::create_dir_all(dir).at(dir, "create")?;
        }
        for entry in std::fs::read_dir(&temporary).at(&temporary, "list")? {
            let path = entry.at(&temporary, "list")?.path();
            std::fs::remove_file(&path).at(&path, "remove")?;
        }
        let (mut known, mut bytes) = (BTreeSet::new(), 0);
        for folder in std::fs::read_dir(&root).at(&root, "list")? {
            let folder = folder.at(&root, "list")?;
            let Some(first) = folder.file_name().to_str().filter(|name| name.len() == 2).map(str::to_owned) else {
                continue;
            };
            for file in std::fs::read_dir(folder.path()).at(&folder.path(), "list")? {
                let file = file.at(&folder.path(), "list")?;
                let rest = file.file_name();
                if let Some(digest) = rest.to_str().and_then(|rest| format!("{first}{rest}").parse().ok()) {
                    known.insert(digest);
                    bytes += file.metadata().at(&file.path(), "ask the length of")?.len();
                }
            }
            // A rename that was not yet durable when a process died is acknowledged from now on.
            sync_dir(&folder.path())?;
        }
        sync_dir(&root)?;
        Ok((Self { root, temporary, counter: AtomicU64::new(0) }, known, bytes))
    }

    /// Where an object lies.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.root.join(&hex[..2]).join(&hex[2..])
    }

    /// Makes objects durable; those that are there and whole are left alone. True for each that was written.
    pub fn put(&self, objects: &[Hashed]) -> Result<Vec<bool>, StoreError> {
        let (mut folders, mut written) = (BTreeSet::new(), Vec::new());
        for object in objects {
            let (digest, bytes) = (&object.digest(), object.bytes());
            let path = self.path(digest);
            let new = !matches!(self.get(digest, bytes.len() as u64)?, Blob::Whole(_));
            written.push(new);
            if !new {
                continue;
            }
            let folder = self.root.join(&digest.to_string()[..2]);
            if !folder.is_dir() {
                std::fs::create_dir_all(&folder).at(&folder, "create")?;
                sync_dir(&self.root)?;
            }
            let number = self.counter.fetch_add(1, Ordering::Relaxed);
            let temporary = self.temporary.join(format!("{digest}-{number}"));
            let finished = File::create(&temporary).and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            });
            if let Err(error) = finished.and_then(|()| std::fs::rename(&temporary, &path)) {
                // What is left is removed at the next start, too.
                let _ = std::fs::remove_file(&temporary);
                return Err(StoreError::io(&path, "write", &error));
            }
            folders.insert(folder);
        }
        folders.iter().try_for_each(|folder| sync_dir(folder))?;
        Ok(written)
    }

    /// An object of at most `limit` bytes.
    pub fn get(&self, digest: &Digest, limit: u64) -> Result<Blob, StoreError> {
        let path = self.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Blob::Missing),
            Err(error) => return Err(StoreError::io(&path, "open", &error)),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).at(&path, "read")?;
        if Digest::of(&bytes) == *digest {
            return Ok(Blob::Whole(bytes));
        }
        Ok(Blob::Rotten(format!("{} bytes that are another object", bytes.len())))
    }

    /// Whether a file of that name is there.
    pub fn is_there(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }
}
