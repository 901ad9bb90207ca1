//! A guard before libgit2: of an object that lies in a file of its own, is the file whole? libgit2 1.9.7 never returns from
//! a loose object that was cut off (a full disk, a lost power supply), so nothing here lets it read one that was not
//! looked at. Packs carry a checksum and lengths of their own and need no guard.

use crate::VcsError;
use flate2::read::ZlibDecoder;
use ligase_domain::{FailureReason, Oid};
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Alternates may name alternates; git itself follows five.
const MAX_ALTERNATES: usize = 16;
const MAX_ALTERNATES_BYTES: u64 = 64 << 10;
/// The most objects that are remembered as whole; then they are looked at again.
const MAX_REMEMBERED: usize = 1_000_000;
/// The most loose objects that a merge looks at; git packs them at about 7,000.
const MAX_LOOSE: usize = 200_000;

/// The places where loose objects of one repository lie, and which of them are known to be whole.
pub(crate) struct Loose {
    folders: Vec<PathBuf>,
    whole: Mutex<HashSet<Oid>>,
}

impl Loose {
    /// Of a git directory, with the object folders that its alternates name.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut folders = vec![folder.join("objects")];
        let mut next = 0;
        while next < folders.len() && folders.len() < MAX_ALTERNATES {
            let named = alternates(&folders[next]);
            folders.extend(named);
            next += 1;
        }
        Self { folders, whole: Mutex::new(HashSet::new()) }
    }

    /// Refuses an object whose file is cut off or is no deflated stream. An object that has no file is fine: it is in a
    /// pack, or missing, and libgit2 says which.
    pub(crate) fn check(&self, oid: &Oid) -> Result<(), VcsError> {
        if self.whole().contains(oid) {
            return Ok(());
        }
        let hex = oid.to_string();
        for folder in &self.folders {
            match File::open(folder.join(&hex[..2]).join(&hex[2..])) {
                Ok(file) => {
                    inflate(file).map_err(|why| corrupt(&hex, &why))?;
                    self.remember(*oid);
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(VcsError::machine(&hex, &e)),
            }
        }
        Ok(())
    }

    /// The same for every loose object: before libgit2 walks where we cannot see.
    pub(crate) fn check_all(&self) -> Result<(), VcsError> {
        let mut seen = 0;
        for folder in &self.folders {
            for first in 0..=255u8 {
                let first = format!("{first:02x}");
                let Ok(entries) = std::fs::read_dir(folder.join(&first)) else { continue };
                for entry in entries.flatten() {
                    seen += 1;
                    if seen > MAX_LOOSE {
                        return Err(VcsError::new(
                            FailureReason::OverBudget,
                            "too many loose objects; git gc packs them",
                        ));
                    }
                    let rest = entry.file_name();
                    if let Some(oid) = rest.to_str().and_then(|rest| format!("{first}{rest}").parse::<Oid>().ok()) {
                        self.check(&oid)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn whole(&self) -> std::sync::MutexGuard<'_, HashSet<Oid>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, oid: Oid) {
        let mut whole = self.whole();
        if whole.len() >= MAX_REMEMBERED {
            whole.clear();
        }
        whole.insert(oid);
    }
}

fn corrupt(hex: &str, why: &str) -> VcsError {
    VcsError::new(FailureReason::CorruptObject, format!("loose object {hex}: {why}"))
}

/// Reads to the stream's end, keeping nothing.
fn inflate(file: File) -> Result<(), String> {
    let mut stream = ZlibDecoder::new(file);
    let mut chunk = [0; 32 << 10];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Err("it is cut off".to_owned()),
            Err(e) => return Err(e.to_string()),
        }
    }
}

fn alternates(objects: &Path) -> Vec<PathBuf> {
    let Ok(file) = File::open(objects.join("info/alternates")) else { return Vec::new() };
    let mut text = String::new();
    if file.take(MAX_ALTERNATES_BYTES).read_to_string(&mut text).is_err() {
        return Vec::new();
    }
    let named = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    named.take(MAX_ALTERNATES).map(|line| objects.join(line)).collect()
}
