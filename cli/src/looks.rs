//! What was seen of files before, kept between runs: one packed file for each repository in the user's cache folder.
//!
//! It only saves time. A file that does not read, is torn, or was written by another build of this program is nothing, and
//! so is a machine without a place for it. It holds what was seen last (the base's and the head's files), is replaced as a
//! whole, and never holds more than [`BYTES_MAX`]. Entries are the record form of observations under their key's digest.

use ligase_domain::{Digest, FileObservations, LookCache, LookKey, LookedFile};
use rayon::prelude::*;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A file is replaced by what one run asked for and never grows above this.
const BYTES_MAX: usize = 256 << 20;
const MAGIC: &[u8; 8] = b"ligase\x01\n";
/// Key, length, checksum.
const HEAD: usize = 32 + 4 + 4;

/// One repository's packed file.
pub struct Looks {
    file: PathBuf,
    build: Vec<u8>,
    bytes: Vec<u8>,
    at: HashMap<Digest, Range<usize>>,
    now: Mutex<Now>,
}

/// What this run asked for and learned.
#[derive(Default)]
struct Now {
    used: HashMap<Digest, Range<usize>>,
    new: HashMap<Digest, Vec<u8>>,
}

/// The user's cache folder for this program.
pub fn folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let below = |folder: PathBuf| folder.is_absolute().then(|| folder.join("ligase"));
    named("LIGASE_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").and_then(below))
        .or_else(|| named("HOME").filter(|home| home.is_dir()).map(|home| home.join(".cache")).and_then(below))
}

impl Looks {
    /// What is kept of a repository; nothing where there is no place to keep it.
    pub fn open(repository: &Path) -> Option<Self> {
        let folder = folder()?.join("looks");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
        let mut name = OsString::from(Digest::of(repository.as_os_str().as_encoded_bytes()).short());
        name.push(".looks");
        let build = build()?;
        let file = folder.join(name);
        let small = fs::symlink_metadata(&file).is_ok_and(|m| m.is_file() && m.len() <= BYTES_MAX as u64);
        let bytes = if small { fs::read(&file).unwrap_or_default() } else { Vec::new() };
        let at = places(&bytes, &build);
        Some(Self { file, build, bytes, at, now: Mutex::default() })
    }

    fn decoded(&self, at: &Range<usize>) -> Option<Arc<FileObservations>> {
        let payload = self.bytes.get(at.clone())?;
        let sum = self.bytes.get(at.start - 4..at.start)?;
        if crc32fast::hash(payload).to_le_bytes() != sum {
            return None;
        }
        ligase_record::decode_file_observations(payload).ok().map(Arc::new)
    }

    /// Replaces the file by what this run asked for, where it learned anything.
    fn keep(&self) -> std::io::Result<()> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.new.is_empty() {
            return Ok(());
        }
        let mut out = header(&self.build);
        let old = now.used.iter().filter_map(|(key, at)| Some((key, self.bytes.get(at.clone())?)));
        for (key, payload) in old.chain(now.new.iter().map(|(key, p)| (key, p.as_slice()))) {
            let Ok(length) = u32::try_from(payload.len()) else { continue };
            if out.len() + HEAD + payload.len() > BYTES_MAX {
                break;
            }
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
            out.extend_from_slice(payload);
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&out)?;
        file.persist(&self.file)?;
        Ok(())
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        if let Err(error) = self.keep() {
            tracing::debug!(file = %self.file.display(), %error, "what was seen is not kept");
        }
    }
}

impl LookCache for Looks {
    fn get_many(&self, keys: &[LookKey]) -> Vec<Option<Arc<FileObservations>>> {
        let digests: Vec<Digest> = keys.iter().map(LookKey::digest).collect();
        let known: Vec<_> = digests
            .par_iter()
            .map(|key| {
                let at = self.at.get(key)?;
                Some((at.clone(), self.decoded(at)?))
            })
            .collect();
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answers = Vec::with_capacity(keys.len());
        for (key, known) in digests.into_iter().zip(known) {
            answers.push(known.map(|(at, observations)| {
                now.used.insert(key, at);
                observations
            }));
        }
        answers
    }

    fn put_many(&self, files: &[LookedFile]) {
        let encode =
            |f: &LookedFile| Some((f.key.digest(), ligase_record::encode_file_observations(&f.observations).ok()?));
        let encoded: Vec<_> = files.par_iter().filter_map(encode).collect();
        self.now.lock().unwrap_or_else(PoisonError::into_inner).new.extend(encoded);
    }
}

/// Which build of this program wrote a file: what another one saw may be seen otherwise today.
fn build() -> Option<Vec<u8>> {
    let program = fs::metadata(std::env::current_exe().ok()?).ok()?;
    let parts = [program.len(), program.ino(), program.mtime().unsigned_abs(), program.mtime_nsec().unsigned_abs()];
    Some(parts.iter().flat_map(|n| n.to_le_bytes()).collect())
}

fn header(build: &[u8]) -> Vec<u8> {
    [MAGIC.as_slice(), build].concat()
}

/// Where each entry's payload lies; nothing in a file of another build, and nothing after a place that does not read.
fn places(bytes: &[u8], build: &[u8]) -> HashMap<Digest, Range<usize>> {
    let mut at = HashMap::new();
    let head = header(build);
    if !bytes.starts_with(&head) {
        return at;
    }
    let mut from = head.len();
    while let Some(frame) = bytes.get(from..from + HEAD) {
        let key: Option<[u8; 32]> = frame[..32].try_into().ok();
        let length: Option<[u8; 4]> = frame[32..36].try_into().ok();
        let (Some(key), Some(length)) = (key, length) else { break };
        let start = from + HEAD;
        let end = start.saturating_add(u32::from_le_bytes(length) as usize);
        if end > bytes.len() {
            break;
        }
        at.insert(Digest::from_bytes(key), start..end);
        from = end;
    }
    at
}
