//! Writes a source tree into a fresh folder, for a command in a jail: the only place where files of a repository become
//! files of this machine.
//!
//! Regular files only: a symbolic link or a submodule is left out and counted. Every path is taken apart and refused where
//! it could leave the folder or configure a tool that looks at folders (`.git`); every file is created anew, so that nothing
//! that stands there is ever followed or overwritten. Bounded by counts. Next: `tree.rs`.

use crate::VcsError;
use ligase_domain::{EntryKind, FailureReason, RepoPath, SourceTree};
use std::collections::BTreeSet;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What may be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckoutLimits {
    /// At most so many files.
    pub files: usize,
    /// At most so many bytes of all files.
    pub bytes: u64,
}

impl Default for CheckoutLimits {
    fn default() -> Self {
        Self { files: 50_000, bytes: 256 << 20 }
    }
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Links and submodules that were left out.
    pub left_out: usize,
}

/// Writes all regular files of a tree below `folder`, which must exist and be empty.
pub fn checkout(tree: &dyn SourceTree, folder: &Path, limits: &CheckoutLimits) -> Result<Written, VcsError> {
    let error =
        |reason, path: &RepoPath, what: &dyn std::fmt::Display| VcsError::new(reason, format!("{path}: {what}"));
    let machine = |path: &RepoPath, e: std::io::Error| error(FailureReason::Crashed, path, &e);
    let root = RepoPath::new(Vec::new());
    if std::fs::read_dir(folder).map_err(|e| machine(&root, e))?.next().is_some() {
        return Err(VcsError::new(FailureReason::Crashed, "the folder to write to is not empty"));
    }
    let mut written = Written::default();
    let mut folders = BTreeSet::new();
    for entry in tree.entries().map_err(|e| VcsError::new(e.reason, e.to_string()))? {
        let mode = match entry.kind {
            EntryKind::File => 0o644,
            EntryKind::Executable => 0o755,
            EntryKind::Symlink | EntryKind::Submodule => {
                written.left_out += 1;
                continue;
            }
        };
        let path = below(folder, &entry.path)
            .ok_or_else(|| error(FailureReason::Malformed, &entry.path, &"a path that leaves its folder"))?;
        let left = limits.bytes.saturating_sub(written.bytes);
        if written.files >= limits.files {
            return Err(error(FailureReason::OverBudget, &entry.path, &format!("more than {} files", limits.files)));
        }
        let bytes = tree.read(&entry, left).map_err(|e| VcsError::new(e.reason, e.to_string()))?;
        if let Some(parent) = path.parent()
            && folders.insert(parent.to_path_buf())
        {
            let made = DirBuilder::new().recursive(true).mode(0o755).create(parent);
            made.map_err(|e| machine(&entry.path, e))?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut f| f.write_all(&bytes)).map_err(|e| machine(&entry.path, e))?;
        written.files += 1;
        written.bytes += bytes.len() as u64;
    }
    Ok(written)
}

/// The path below a folder; none where a part of it would lead elsewhere.
fn below(folder: &Path, path: &RepoPath) -> Option<PathBuf> {
    let mut out = folder.to_path_buf();
    let bytes = path.as_bytes();
    for part in bytes.split(|b| *b == b'/') {
        let leads_elsewhere = part.is_empty() || part == b"." || part == b".." || part.contains(&0);
        if leads_elsewhere || part.eq_ignore_ascii_case(b".git") || part.len() > 255 {
            return None;
        }
        out.push(std::ffi::OsStr::from_bytes(part));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::{Entry, MapTree, Oid, TreeError};

    /// A tree whose entries are what they say.
    struct Hostile(Vec<(&'static [u8], EntryKind)>);

    impl SourceTree for Hostile {
        fn entries(&self) -> Result<Vec<Entry>, TreeError> {
            let entry = |(path, kind): &(&[u8], EntryKind)| Entry {
                path: RepoPath::new(path.to_vec()),
                kind: *kind,
                oid: Oid::Sha1([1; 20]),
            };
            Ok(self.0.iter().map(entry).collect())
        }

        fn size(&self, _: &Entry) -> Result<u64, TreeError> {
            Ok(2)
        }

        fn read(&self, _: &Entry, _: u64) -> Result<Vec<u8>, TreeError> {
            Ok(b"x\n".to_vec())
        }
    }

    #[test]
    fn files_are_written_with_their_bytes_and_links_are_left_out() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let tree = Hostile(vec![
            (b"a/b/c.py", EntryKind::File),
            (b"a/run", EntryKind::Executable),
            (b"link", EntryKind::Symlink),
            (b"module", EntryKind::Submodule),
        ]);
        let written = checkout(&tree, folder.path(), &CheckoutLimits::default()).unwrap();
        assert_eq!(written, Written { files: 2, bytes: 4, left_out: 2 });
        assert_eq!(std::fs::read(folder.path().join("a/b/c.py")).unwrap(), b"x\n");
        let mode = std::fs::metadata(folder.path().join("a/run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111);
        assert!(!folder.path().join("link").exists() && !folder.path().join("module").exists());
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [&b"../x"[..], b"/etc/x", b"a/../../x", b"a//x", b"./x", b".git/config", b"a/.GIT/hooks/x", b"a\0b"]
        {
            let (outer, kind) = (tempfile::tempdir().unwrap(), EntryKind::File);
            let folder = outer.path().join("in");
            std::fs::create_dir(&folder).unwrap();
            let hostile = Hostile(vec![(Box::leak(path.to_vec().into_boxed_slice()), kind)]);
            assert!(checkout(&hostile, &folder, &CheckoutLimits::default()).is_err(), "{path:?}");
            assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1, "{path:?}");
        }
    }

    #[test]
    fn what_stands_there_is_not_overwritten_and_limits_hold() {
        let folder = tempfile::tempdir().unwrap();
        let tree = MapTree::new([("a", "1234"), ("b", "1234")]);
        let limits = CheckoutLimits { files: 10, bytes: 7 };
        assert_eq!(checkout(&tree, folder.path(), &limits).unwrap_err().reason, FailureReason::OverBudget);
        assert!(checkout(&tree, folder.path(), &CheckoutLimits::default()).is_err(), "it is not empty any more");
        let other = tempfile::tempdir().unwrap();
        let one = CheckoutLimits { files: 1, bytes: 100 };
        assert_eq!(checkout(&tree, other.path(), &one).unwrap_err().reason, FailureReason::OverBudget);
    }
}
