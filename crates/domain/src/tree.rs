//! The port through which everything reads source: a revision, a directory, base plus patch, a map in a test.
//! Probes, remedies and the gate work on it and never on a file system.

use crate::{FailureReason, Oid, Patch, RepoPath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A regular file that may be executed.
    Executable,
    /// A symbolic link: its blob is a path, it is never followed.
    Symlink,
    /// Another repository's commit.
    Submodule,
}

/// One path of a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The path.
    pub path: RepoPath,
    /// What stands there.
    pub kind: EntryKind,
    /// The content's id, as git computes it.
    pub oid: Oid,
}

/// Why a tree could not be read at a place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{path}: {reason}: {detail}")]
pub struct TreeError {
    /// Where.
    pub path: RepoPath,
    /// Why, as a stable reason.
    pub reason: FailureReason,
    /// What was seen.
    pub detail: String,
}

/// A source tree of one revision. Implementations bound what they read; none follows a symbolic link.
pub trait SourceTree: Send + Sync {
    /// All entries sorted by path bytes, each path once. What could not be listed is an error of the whole tree.
    fn entries(&self) -> Result<Vec<Entry>, TreeError>;

    /// The size in bytes of a blob without reading it.
    fn size(&self, entry: &Entry) -> Result<u64, TreeError>;

    /// A blob's bytes; refuses more than `limit` bytes with `OverBudget`.
    fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, TreeError>;

    /// The entry at a path, if there is one.
    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, TreeError> {
        Ok(self.entries()?.into_iter().find(|e| e.path == *path))
    }
}

/// A tree in memory: tests, examples of the catalog, documents that are checked before they are files.
#[derive(Clone, Default, Debug)]
pub struct MapTree(pub BTreeMap<RepoPath, Vec<u8>>);

impl MapTree {
    /// From pairs of path and text.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(files.into_iter().map(|(p, t)| (RepoPath::from(p), t.as_bytes().to_vec())).collect())
    }
}

/// An id for bytes that no repository has named. It is SHA-256 over git's blob header and the bytes, as git itself
/// computes ids in SHA-256 repositories, so that equal content has one id and no collision can be made.
fn blob_oid(bytes: &[u8]) -> Oid {
    let mut framed = format!("blob {}\0", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    Oid::Sha256(*crate::Digest::of(&framed).as_bytes())
}

fn missing(path: &RepoPath) -> TreeError {
    TreeError { path: path.clone(), reason: FailureReason::NotFound, detail: "no such entry".to_owned() }
}

fn over(path: &RepoPath, size: u64, limit: u64) -> TreeError {
    TreeError {
        path: path.clone(),
        reason: FailureReason::OverBudget,
        detail: format!("{size} bytes, the limit is {limit}"),
    }
}

impl SourceTree for MapTree {
    fn entries(&self) -> Result<Vec<Entry>, TreeError> {
        Ok(self
            .0
            .iter()
            .map(|(path, bytes)| Entry { path: path.clone(), kind: EntryKind::File, oid: blob_oid(bytes) })
            .collect())
    }

    fn size(&self, entry: &Entry) -> Result<u64, TreeError> {
        self.0.get(&entry.path).map(|b| b.len() as u64).ok_or_else(|| missing(&entry.path))
    }

    fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, TreeError> {
        let bytes = self.0.get(&entry.path).ok_or_else(|| missing(&entry.path))?;
        if bytes.len() as u64 > limit { Err(over(&entry.path, bytes.len() as u64, limit)) } else { Ok(bytes.clone()) }
    }
}

/// Base plus patch, in memory: what the gate and the verification look at.
pub struct OverlayTree {
    base: Arc<dyn SourceTree>,
    changed: BTreeMap<RepoPath, Vec<u8>>,
}

impl OverlayTree {
    /// The patch's files over the base.
    pub fn new(base: Arc<dyn SourceTree>, patch: &Patch) -> Self {
        Self { base, changed: patch.changes.iter().map(|c| (c.path.clone(), c.bytes.clone())).collect() }
    }
}

impl SourceTree for OverlayTree {
    fn entries(&self) -> Result<Vec<Entry>, TreeError> {
        let mut all: BTreeMap<RepoPath, Entry> =
            self.base.entries()?.into_iter().map(|e| (e.path.clone(), e)).collect();
        for (path, bytes) in &self.changed {
            let kind = all.get(path).map_or(EntryKind::File, |e| e.kind);
            all.insert(path.clone(), Entry { path: path.clone(), kind, oid: blob_oid(bytes) });
        }
        Ok(all.into_values().collect())
    }

    fn size(&self, entry: &Entry) -> Result<u64, TreeError> {
        self.changed.get(&entry.path).map_or_else(|| self.base.size(entry), |b| Ok(b.len() as u64))
    }

    fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, TreeError> {
        match self.changed.get(&entry.path) {
            None => self.base.read(entry, limit),
            Some(bytes) if bytes.len() as u64 > limit => Err(over(&entry.path, bytes.len() as u64, limit)),
            Some(bytes) => Ok(bytes.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Effect, EffectClass, FileChange};

    #[test]
    fn an_overlay_shows_changed_bytes_and_leaves_the_rest() {
        let base = MapTree::new([("a.py", "one"), ("b.py", "two")]);
        let base_oid = base.entry(&"a.py".into()).unwrap().unwrap().oid;
        let patch = Patch {
            base_revision: Oid::Sha1([0; 20]),
            changes: vec![FileChange { path: "a.py".into(), base: base_oid, bytes: b"three".to_vec() }],
            diff: String::new(),
            remedies: vec![],
            effect: Effect { class: EffectClass::InPlace, note: String::new() },
        };
        let over = OverlayTree::new(Arc::new(base), &patch);
        let read = |p: &str| over.read(&over.entry(&p.into()).unwrap().unwrap(), 100).unwrap();
        assert_eq!((read("a.py"), read("b.py")), (b"three".to_vec(), b"two".to_vec()));
        assert_ne!(over.entry(&"a.py".into()).unwrap().unwrap().oid, base_oid);
        assert!(over.read(&over.entry(&"a.py".into()).unwrap().unwrap(), 2).is_err());
    }
}
