//! A folder of this machine as a source tree: `ligase check .` looks at what stands there, committed or not.
//!
//! It follows no symbolic link, opens nothing but regular files, leaves out `.git` and (inside a git working tree) what
//! `.gitignore` names, and counts all that it leaves out. It refuses to judge and to write. What could not be listed is
//! an error of the whole tree, kept until somebody asks for the entries: `look` then says that the population is
//! incomplete. Bytes that changed between listing and reading are an error, so that no cache learns a wrong key.
//! Whoever knows better names contents: inside a git repository they are named as git does, so that what was seen of a
//! file in a revision is known of the same file in the folder.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ligase_domain::{Entry, EntryKind, FailureReason, Oid, RepoPath, SourceTree, TreeError};
use rayon::prelude::*;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much of a folder is listed before it is refused as over its budget.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryBounds {
    /// Paths that are listed. The largest open repositories have about 400,000.
    pub paths: usize,
    /// Folders inside folders. Java packages reach 20.
    pub depth: usize,
    /// Bytes that are hashed. A working tree above it is not source.
    pub bytes: u64,
}

impl Default for DirectoryBounds {
    fn default() -> Self {
        Self { paths: 1_000_000, depth: 128, bytes: 32 << 30 }
    }
}

/// What a listing left out, by reason; a folder that is left out counts as one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// Named by `.gitignore`, although it may be committed all the same.
    pub ignored: u64,
    /// Fifos, sockets and devices.
    pub not_regular: u64,
    /// Folders that are git working trees of their own.
    pub nested_repositories: u64,
    /// The first of them, for people, with what kind of thing each is.
    pub sample: Vec<(RepoPath, &'static str)>,
}

/// How many paths that were left out are named.
const SAMPLE: usize = 20;

impl LeftOut {
    fn count(&mut self, path: RepoPath, why: &'static str) {
        match why {
            "ignored" => self.ignored += 1,
            "not-regular" => self.not_regular += 1,
            _ => self.nested_repositories += 1,
        }
        if self.sample.len() < SAMPLE {
            self.sample.push((path, why));
        }
    }

    /// Everything that was left out.
    pub const fn total(&self) -> u64 {
        self.ignored + self.not_regular + self.nested_repositories
    }
}

/// Gives bytes the id by which they are known elsewhere; nothing where it cannot.
pub type Namer = fn(&[u8]) -> Option<Oid>;

/// Larger contents are always named by their SHA-256, so that none has to be held in memory. No probe reads them.
const NAMED_BYTES: u64 = ligase_probe::MAX_FILE_BYTES;

/// A folder as a source tree, listed once when it is opened.
#[derive(Debug)]
pub struct DirectoryTree {
    root: PathBuf,
    namer: Namer,
    listing: Result<Vec<Entry>, TreeError>,
    left_out: LeftOut,
}

impl DirectoryTree {
    /// Lists a folder. Fails only when there is no folder; what goes wrong below it is an error of [`SourceTree::entries`].
    pub fn open(root: &Path, bounds: &DirectoryBounds) -> Result<Self, TreeError> {
        Self::open_named(root, bounds, |_| None)
    }

    /// The same, with contents named by somebody else.
    pub fn open_named(root: &Path, bounds: &DirectoryBounds, namer: Namer) -> Result<Self, TreeError> {
        let root = root.canonicalize().map_err(|e| failed(&RepoPath::from(""), &e))?;
        if !root.is_dir() {
            return Err(TreeError {
                path: RepoPath::from(""),
                reason: FailureReason::NotFound,
                detail: "not a folder".to_owned(),
            });
        }
        let mut walk = Walk::new(&root, bounds);
        let listing = walk.run().and_then(|found| name_contents(&root, found, bounds, namer));
        let left_out = walk.left_out;
        Ok(Self { root, namer, listing, left_out })
    }

    /// What was left out.
    pub const fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    fn open_file(&self, entry: &Entry) -> Result<(File, Metadata), TreeError> {
        open_regular(&self.root.join(os_path(&entry.path)), &entry.path)
    }
}

impl SourceTree for DirectoryTree {
    fn entries(&self) -> Result<Vec<Entry>, TreeError> {
        self.listing.clone()
    }

    fn size(&self, entry: &Entry) -> Result<u64, TreeError> {
        std::fs::symlink_metadata(self.root.join(os_path(&entry.path)))
            .map(|m| m.len())
            .map_err(|e| failed(&entry.path, &e))
    }

    fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, TreeError> {
        let bytes = if entry.kind == EntryKind::Symlink {
            link_target(&self.root.join(os_path(&entry.path)), &entry.path)?
        } else {
            let (file, metadata) = self.open_file(entry)?;
            let mut bytes = Vec::with_capacity(metadata.len().min(limit) as usize);
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| failed(&entry.path, &e))?;
            bytes
        };
        if bytes.len() as u64 > limit {
            return Err(over(&entry.path, format!("the limit is {limit} bytes")));
        }
        let regular = entry.kind != EntryKind::Symlink;
        if id_of(&bytes, if regular { self.namer } else { |_| None }) != entry.oid {
            return Err(TreeError {
                path: entry.path.clone(),
                reason: FailureReason::CorruptObject,
                detail: "the file changed while it was being looked at".to_owned(),
            });
        }
        Ok(bytes)
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, TreeError> {
        let entries = self.listing.as_ref().map_err(Clone::clone)?;
        Ok(entries.binary_search_by(|e| e.path.cmp(path)).ok().map(|at| entries[at].clone()))
    }
}

fn over(path: &RepoPath, detail: String) -> TreeError {
    TreeError { path: path.clone(), reason: FailureReason::OverBudget, detail }
}

fn failed(path: &RepoPath, error: &io::Error) -> TreeError {
    let reason = if error.kind() == io::ErrorKind::NotFound { FailureReason::NotFound } else { FailureReason::Machine };
    TreeError { path: path.clone(), reason, detail: error.to_string() }
}

fn os_path(path: &RepoPath) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()))
}

fn link_target(full: &Path, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
    let target = std::fs::read_link(full).map_err(|e| failed(path, &e))?;
    Ok(target.as_os_str().as_bytes().to_vec())
}

/// Opens a file that must be regular, at the moment of opening: a fifo in its place neither blocks nor is read.
fn open_regular(full: &Path, path: &RepoPath) -> Result<(File, Metadata), TreeError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags as i32).open(full).map_err(|e| failed(path, &e))?;
    let metadata = file.metadata().map_err(|e| failed(path, &e))?;
    if metadata.is_file() {
        return Ok((file, metadata));
    }
    Err(TreeError { path: path.clone(), reason: FailureReason::NotFound, detail: "not a regular file".to_owned() })
}

/// The id that [`ligase_domain::MapTree`] would give these bytes.
fn oid_of(bytes: &[u8]) -> Oid {
    let mut hasher = Sha256::new();
    hasher.update(format!("blob {}\0", bytes.len()).as_bytes());
    hasher.update(bytes);
    Oid::Sha256(hasher.finalize().into())
}

/// The id by which these bytes are listed.
fn id_of(bytes: &[u8], namer: Namer) -> Oid {
    let named = if bytes.len() as u64 <= NAMED_BYTES { namer(bytes) } else { None };
    named.unwrap_or_else(|| oid_of(bytes))
}

/// The same id without holding the file in memory. The size is part of it, so a file that grows meanwhile is an error.
fn oid_of_file(full: &Path, path: &RepoPath, namer: Namer) -> Result<Oid, TreeError> {
    let (file, metadata) = open_regular(full, path)?;
    if metadata.len() <= NAMED_BYTES {
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        file.take(NAMED_BYTES + 1).read_to_end(&mut bytes).map_err(|e| failed(path, &e))?;
        return if bytes.len() as u64 == metadata.len() { Ok(id_of(&bytes, namer)) } else { Err(changed(path)) };
    }
    let mut hasher = Sha256::new();
    hasher.update(format!("blob {}\0", metadata.len()).as_bytes());
    let mut file = file.take(metadata.len().saturating_add(1));
    let (mut buffer, mut seen) = (vec![0; 64 << 10], 0u64);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                seen += n as u64;
                hasher.update(&buffer[..n]);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(path, &e)),
        }
    }
    if seen == metadata.len() {
        return Ok(Oid::Sha256(hasher.finalize().into()));
    }
    Err(changed(path))
}

fn changed(path: &RepoPath) -> TreeError {
    let detail = "the file changed while it was being listed".to_owned();
    TreeError { path: path.clone(), reason: FailureReason::CorruptObject, detail }
}

/// A path that was found, before its content has a name.
struct Found {
    path: RepoPath,
    kind: EntryKind,
    size: u64,
}

fn name_contents(
    root: &Path,
    mut found: Vec<Found>,
    bounds: &DirectoryBounds,
    namer: Namer,
) -> Result<Vec<Entry>, TreeError> {
    let total = found.iter().fold(0u64, |sum, f| sum.saturating_add(f.size));
    if total > bounds.bytes {
        return Err(over(&RepoPath::from(""), format!("{total} bytes, the limit is {}", bounds.bytes)));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
        .into_par_iter()
        .map(|f| {
            let full = root.join(os_path(&f.path));
            let oid = if f.kind == EntryKind::Symlink {
                oid_of(&link_target(&full, &f.path)?)
            } else {
                oid_of_file(&full, &f.path, namer)?
            };
            Ok(Entry { path: f.path, kind: f.kind, oid })
        })
        .collect()
}

/// The ignore files that hold for a folder: its own and its parents', nearest last.
type IgnoreChain = Vec<Arc<Gitignore>>;

/// A walk over folders with an explicit stack. Folders are never reached through links, so it has no cycle.
struct Walk<'a> {
    root: &'a Path,
    bounds: &'a DirectoryBounds,
    in_git: bool,
    chain: IgnoreChain,
    left_out: LeftOut,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Path, bounds: &'a DirectoryBounds) -> Self {
        let top = root.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok());
        let mut chain = Vec::new();
        if let Some(top) = top {
            let above: Vec<&Path> = root.ancestors().take_while(|folder| *folder != top).collect();
            chain.extend(read_ignore(top, &top.join(".git/info/exclude")));
            chain.extend((root != top).then(|| read_ignore(top, &top.join(".gitignore"))).flatten());
            let between = above.iter().rev().filter(|folder| **folder != root);
            chain.extend(between.filter_map(|folder| read_ignore(folder, &folder.join(".gitignore"))));
        }
        Self { root, bounds, in_git: top.is_some(), chain, left_out: LeftOut::default() }
    }

    fn run(&mut self) -> Result<Vec<Found>, TreeError> {
        let mut found = Vec::new();
        let mut folders = vec![(RepoPath::from(""), self.chain.clone(), 0usize)];
        while let Some((folder, chain, depth)) = folders.pop() {
            if depth > self.bounds.depth {
                return Err(over(&folder, format!("deeper than {} folders", self.bounds.depth)));
            }
            let full = self.root.join(os_path(&folder));
            let chain = self.extended(&full, chain);
            for entry in std::fs::read_dir(&full).map_err(|e| failed(&folder, &e))? {
                let entry = entry.map_err(|e| failed(&folder, &e))?;
                let path = joined(&folder, entry.file_name().as_bytes());
                let metadata = entry.path().symlink_metadata().map_err(|e| failed(&path, &e))?;
                if entry.file_name() == ".git" {
                    continue;
                }
                if is_ignored(&chain, &entry.path(), metadata.is_dir()) {
                    self.left_out.count(path, "ignored");
                } else if metadata.is_dir() {
                    if entry.path().join(".git").symlink_metadata().is_ok() {
                        self.left_out.count(path, "nested-repository");
                    } else {
                        folders.push((path, chain.clone(), depth + 1));
                    }
                } else if let Some(kind) = kind_of(&metadata) {
                    found.push(Found { path, kind, size: metadata.len() });
                } else {
                    self.left_out.count(path, "not-regular");
                }
                if found.len() + folders.len() > self.bounds.paths {
                    return Err(over(&folder, format!("more than {} paths", self.bounds.paths)));
                }
            }
        }
        Ok(found)
    }

    fn extended(&self, folder: &Path, mut chain: IgnoreChain) -> IgnoreChain {
        if self.in_git {
            chain.extend(read_ignore(folder, &folder.join(".gitignore")));
        }
        chain
    }
}

fn kind_of(metadata: &Metadata) -> Option<EntryKind> {
    if metadata.is_symlink() {
        Some(EntryKind::Symlink)
    } else if !metadata.is_file() {
        None
    } else if metadata.permissions().mode() & 0o111 != 0 {
        Some(EntryKind::Executable)
    } else {
        Some(EntryKind::File)
    }
}

fn joined(folder: &RepoPath, name: &[u8]) -> RepoPath {
    let mut bytes = folder.as_bytes().to_vec();
    if !bytes.is_empty() {
        bytes.push(b'/');
    }
    bytes.extend_from_slice(name);
    RepoPath::new(bytes)
}

/// Whether the nearest ignore file that says anything about the path says to leave it out.
fn is_ignored(chain: &IgnoreChain, full: &Path, is_folder: bool) -> bool {
    for rules in chain.iter().rev() {
        let said = rules.matched(full, is_folder);
        if !said.is_none() {
            return said.is_ignore();
        }
    }
    false
}

/// The largest ignore file that is read, and its most lines: a larger one is no ignore file, and leaves nothing out.
const IGNORE_BYTES: u64 = 1 << 20;
const IGNORE_LINES: usize = 10_000;

fn read_ignore(folder: &Path, file: &Path) -> Option<Arc<Gitignore>> {
    let (opened, _) = open_regular(file, &RepoPath::from(".gitignore")).ok()?;
    let mut bytes = Vec::new();
    opened.take(IGNORE_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > IGNORE_BYTES {
        return None;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.lines().take(IGNORE_LINES) {
        // A line that is no pattern is skipped, as git does.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok().filter(|rules| !rules.is_empty()).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::MapTree;
    use std::fs;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let full = folder.path().join(path);
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(full, text).unwrap();
        }
        folder
    }

    fn paths(tree: &DirectoryTree) -> Vec<String> {
        tree.entries().unwrap().iter().map(|e| e.path.to_string()).collect()
    }

    fn open(folder: &tempfile::TempDir) -> DirectoryTree {
        DirectoryTree::open(folder.path(), &DirectoryBounds::default()).unwrap()
    }

    #[test]
    fn a_folder_has_the_entries_and_ids_of_the_same_files_in_memory() {
        let files = [("b.py", "two\n"), ("a/x.py", "one\n"), ("a.py", "three\n")];
        let (on_disk, in_memory) = (tree(&files), MapTree::new(files));
        assert_eq!(open(&on_disk).entries().unwrap(), in_memory.entries().unwrap());
        let entry = open(&on_disk).entry(&"a/x.py".into()).unwrap().unwrap();
        assert_eq!(open(&on_disk).read(&entry, 4).unwrap(), b"one\n");
        assert_eq!(open(&on_disk).read(&entry, 3).unwrap_err().reason, FailureReason::OverBudget);
    }

    #[test]
    fn gitignore_holds_inside_a_git_working_tree_only_and_is_counted() {
        let files = [
            (".gitignore", "target/\n*.log\n!keep.log\n"),
            ("target/x.py", ""),
            ("a.log", ""),
            ("keep.log", ""),
            ("sub/.gitignore", "/local.py\n"),
            ("sub/local.py", ""),
            ("sub/other/local.py", ""),
        ];
        let folder = tree(&files);
        assert_eq!(open(&folder).entries().unwrap().len(), files.len());
        fs::create_dir(folder.path().join(".git")).unwrap();
        let found = open(&folder);
        assert_eq!(paths(&found), [".gitignore", "keep.log", "sub/.gitignore", "sub/other/local.py"]);
        assert_eq!(found.left_out().ignored, 3);
        let below = DirectoryTree::open(&folder.path().join("sub"), &DirectoryBounds::default()).unwrap();
        assert_eq!(paths(&below), [".gitignore", "other/local.py"]);
    }

    #[test]
    fn links_are_named_and_never_followed() {
        let folder = tree(&[("a/x.py", "x")]);
        std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("secret.py")).unwrap();
        let found = open(&folder);
        assert_eq!(paths(&found), ["a/up", "a/x.py", "secret.py"]);
        let link = found.entry(&"secret.py".into()).unwrap().unwrap();
        assert_eq!(link.kind, EntryKind::Symlink);
        assert_eq!(found.read(&link, 100).unwrap(), b"/etc/passwd");
        let as_file = Entry { kind: EntryKind::File, ..link };
        assert!(found.read(&as_file, 100).is_err(), "a link in a file's place is not opened");
    }

    #[test]
    fn a_fifo_is_counted_and_never_opened() {
        let folder = tree(&[("x.py", "x")]);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path().join("pipe.py"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let found = open(&folder);
        assert_eq!(paths(&found), ["x.py"]);
        assert_eq!(found.left_out().not_regular, 1);
        let mut entry = found.entries().unwrap().remove(0);
        fs::remove_file(folder.path().join("x.py")).unwrap();
        fs::rename(folder.path().join("pipe.py"), folder.path().join("x.py")).unwrap();
        entry.kind = EntryKind::File;
        assert!(found.read(&entry, 10).is_err(), "and a fifo that took a file's place does not block");
    }

    #[test]
    fn a_nested_working_tree_is_counted_and_left_out() {
        let folder = tree(&[("x.py", "x"), ("vendor/other/.git/HEAD", "ref"), ("vendor/other/y.py", "y")]);
        let found = open(&folder);
        assert_eq!(paths(&found), ["x.py"]);
        assert_eq!(found.left_out().nested_repositories, 1);
    }

    #[test]
    fn a_bound_that_is_exceeded_is_an_error_of_the_whole_tree() {
        let folder = tree(&[("a/b/c.py", "x"), ("d.py", "yy")]);
        for (bounds, holds) in [
            (DirectoryBounds { paths: 1, ..Default::default() }, false),
            (DirectoryBounds { depth: 1, ..Default::default() }, false),
            (DirectoryBounds { bytes: 2, ..Default::default() }, false),
            (DirectoryBounds { paths: 2, depth: 2, bytes: 3 }, true),
        ] {
            let listed = DirectoryTree::open(folder.path(), &bounds).unwrap().entries();
            assert_eq!(listed.is_ok(), holds, "{bounds:?}");
        }
    }

    #[test]
    fn contents_go_by_the_name_that_somebody_else_gives_them() {
        let folder = tree(&[("x.py", "one"), ("large.py", &"a".repeat(NAMED_BYTES as usize + 1))]);
        let named = |bytes: &[u8]| Some(Oid::Sha1([bytes.len() as u8; 20]));
        let found = DirectoryTree::open_named(folder.path(), &DirectoryBounds::default(), named).unwrap();
        let entries = found.entries().unwrap();
        assert_eq!(entries[1].oid, Oid::Sha1([3; 20]));
        assert!(matches!(entries[0].oid, Oid::Sha256(_)), "what no probe reads keeps its own name");
        assert_eq!(found.read(&entries[1], 10).unwrap(), b"one");
        fs::write(folder.path().join("x.py"), "twoo").unwrap();
        assert_eq!(found.read(&entries[1], 10).unwrap_err().reason, FailureReason::CorruptObject);
    }

    #[test]
    fn bytes_that_changed_after_listing_are_an_error() {
        let folder = tree(&[("x.py", "one")]);
        let found = open(&folder);
        fs::write(folder.path().join("x.py"), "two").unwrap();
        let entry = found.entries().unwrap().remove(0);
        assert_eq!(found.read(&entry, 100).unwrap_err().reason, FailureReason::CorruptObject);
    }
}
