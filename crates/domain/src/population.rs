//! Everything that was to be looked at: what was seen, what was skipped and why. Silence is only honest with this beside it.

use crate::{Digest, PathClass, RepoPath, Seen};
use std::collections::BTreeMap;

/// What one file showed: the unit of the cache, stored once for the same (blob, path class, pack).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileObservations {
    /// In order of (start, end, kind).
    pub seen: Vec<Seen>,
    /// Why the file was not looked at, as a stable reason (`too-large`, `too-nested`, `not-utf8`, `binary`, …).
    pub skipped: Option<String>,
}

/// A file that was not looked at although a pack reads its dialect.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Skipped {
    /// The file.
    pub path: RepoPath,
    /// What its path says of it.
    pub class: PathClass,
    /// The stable reason.
    pub reason: String,
}

impl Skipped {
    /// Reasons of the moment: the read failed, the probe's process died or was stopped by a clock. Another look may say
    /// otherwise, so nothing that a file was skipped for by one of these is remembered for others.
    pub const PASSING: [&str; 3] = ["unreadable", "probe-crashed", "too-slow"];

    /// Whether a reason is one of the moment.
    pub fn passes(reason: &str) -> bool {
        Self::PASSING.contains(&reason)
    }
}

/// Everything of a revision (or of a service's part of it) that was to be looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Population {
    /// Digest of the sorted list of (path, blob), so that the population can be proved.
    pub files: Digest,
    /// Number of files of the tree.
    pub files_total: u64,
    /// Number of files by path class, as `dialect/origin`.
    pub by_class: BTreeMap<String, u64>,
    /// Files that a pack reads and that were not looked at, sorted by path.
    pub skipped: Vec<Skipped>,
    /// Why the revision as a whole was not looked at whole (`tree-corrupt`, `too-many-files`, …), if so.
    pub incomplete: Option<String>,
}

/// The key under which a file's observations are kept: the content, what its path says, and the pack that looks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LookKey {
    /// The content.
    pub blob: crate::Oid,
    /// What the path says of the file.
    pub class: PathClass,
    /// The digest of the pack (language × engine) that looks at files of this class.
    pub pack: Digest,
}

impl LookKey {
    /// The key's digest; what findings cite, and what evidence finds the file's observation set by.
    pub fn digest(&self) -> Digest {
        crate::FieldHasher::new("ligase.look.v1")
            .field(self.blob.as_bytes())
            .field(self.class.to_string())
            .field(self.pack.as_bytes())
            .finish()
    }
}

/// One file of a revision that a pack reads, with what it showed.
#[derive(Clone, Debug)]
pub struct LookedFile {
    /// Where it lies.
    pub path: RepoPath,
    /// Its key.
    pub key: LookKey,
    /// What it showed.
    pub observations: std::sync::Arc<FileObservations>,
}

/// The port of the observation cache. Getting or putting never fails: a cache that cannot answer has a miss.
pub trait LookCache: Send + Sync {
    /// What is known under each key, in the keys' order.
    fn get_many(&self, keys: &[LookKey]) -> Vec<Option<std::sync::Arc<FileObservations>>>;
    /// Remembers; only what was looked at whole, or skipped for a reason that is a count and never a clock.
    fn put_many(&self, files: &[LookedFile]);
}

/// A cache that knows nothing.
pub struct NoCache;

impl LookCache for NoCache {
    fn get_many(&self, keys: &[LookKey]) -> Vec<Option<std::sync::Arc<FileObservations>>> {
        vec![None; keys.len()]
    }

    fn put_many(&self, _files: &[LookedFile]) {}
}
