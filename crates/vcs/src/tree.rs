//! A revision as a source tree, read straight from the object database: no checkout, no link followed, no submodule
//! entered. The walk is iterative and bounded by counts; one blob that cannot be read is that blob's error only.

use crate::VcsError;
use crate::objects::{self, ChildKind};
use crate::repository::{Handle, Repository, domain_oid};
use ligase_domain::{Entry, EntryKind, FailureReason, Oid, RepoPath, SourceTree, TreeError};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The most paths of a revision. The largest public monorepos have half as many; a tree bomb has a billion.
pub const MAX_PATHS: usize = 200_000;
/// The most folders that are entered; they count apart, because a bomb may hold no file at all.
const MAX_FOLDERS: usize = 200_000;
/// The deepest nesting of folders.
pub const MAX_DEPTH: usize = 64;
/// The longest path.
pub const MAX_PATH_BYTES: usize = 4096;
/// The most bytes of all paths together: 200,000 long paths would otherwise be 800 MB.
const MAX_PATHS_BYTES: usize = 64 << 20;

/// The tree of one commit. Clones and threads share it; the listing is made once.
pub struct RevisionTree {
    repository: Repository,
    commit: Oid,
    root: Oid,
    listed: OnceLock<Result<Vec<Entry>, TreeError>>,
}

impl Repository {
    /// A commit's tree as a source tree.
    pub fn revision(&self, commit: &Oid) -> Result<RevisionTree, VcsError> {
        let root = self.commit_tree(commit)?;
        Ok(RevisionTree { repository: self.clone(), commit: *commit, root, listed: OnceLock::new() })
    }

    /// The id of a commit's tree.
    pub fn commit_tree(&self, commit: &Oid) -> Result<Oid, VcsError> {
        let handle = self.handle()?;
        let found = objects::commit(&handle, commit)?;
        domain_oid("tree", found.tree_id())
    }
}

impl RevisionTree {
    /// The commit that this is the tree of.
    pub fn commit(&self) -> Oid {
        self.commit
    }

    /// The repository that it is read from.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    fn walk(&self) -> Result<Vec<Entry>, TreeError> {
        let root = RepoPath::new(Vec::new());
        let handle = self.repository.handle().map_err(|e| at(&root, e))?;
        let mut walk = Walk::default();
        walk.folders.push((root, self.root, 0));
        while let Some((folder, oid, depth)) = walk.folders.pop() {
            let children = objects::tree(&handle, &oid).map_err(|e| at(&folder, e))?;
            for child in children {
                walk.step(&folder, depth, child)?;
            }
        }
        walk.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(walk.files)
    }
}

#[derive(Default)]
struct Walk {
    folders: Vec<(RepoPath, Oid, usize)>,
    entered: usize,
    bytes: usize,
    files: Vec<Entry>,
}

impl Walk {
    fn step(&mut self, folder: &RepoPath, depth: usize, child: objects::Child) -> Result<(), TreeError> {
        let over = |path: &RepoPath, what: String| at(path, VcsError::new(FailureReason::OverBudget, what));
        let path = join(folder, &child.name);
        if path.as_bytes().len() > MAX_PATH_BYTES {
            return Err(over(folder, format!("a path of more than {MAX_PATH_BYTES} bytes")));
        }
        self.bytes += path.as_bytes().len();
        if self.bytes > MAX_PATHS_BYTES {
            return Err(over(folder, format!("paths of more than {MAX_PATHS_BYTES} bytes together")));
        }
        match child.what {
            ChildKind::Leaf(_) if self.files.len() >= MAX_PATHS => {
                Err(over(&path, format!("more than {MAX_PATHS} paths")))
            }
            ChildKind::Leaf(kind) => {
                self.files.push(Entry { path, kind, oid: child.oid });
                Ok(())
            }
            ChildKind::Folder if depth + 1 > MAX_DEPTH => {
                Err(over(&path, format!("folders nested deeper than {MAX_DEPTH}")))
            }
            ChildKind::Folder if self.entered >= MAX_FOLDERS => {
                Err(over(&path, format!("more than {MAX_FOLDERS} folders")))
            }
            ChildKind::Folder => {
                self.entered += 1;
                self.folders.push((path, child.oid, depth + 1));
                Ok(())
            }
        }
    }
}

impl SourceTree for RevisionTree {
    fn entries(&self) -> Result<Vec<Entry>, TreeError> {
        self.listed.get_or_init(|| self.walk()).clone()
    }

    fn size(&self, entry: &Entry) -> Result<u64, TreeError> {
        refuse_submodule(entry)?;
        let handle = self.repository.handle().map_err(|e| at(&entry.path, e))?;
        objects::header(&handle, &entry.oid).map(|(size, _)| size).map_err(|e| at(&entry.path, e))
    }

    fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, TreeError> {
        refuse_submodule(entry)?;
        let handle = self.repository.handle().map_err(|e| at(&entry.path, e))?;
        objects::blob(&handle, &entry.oid, limit).map_err(|e| at(&entry.path, e))
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, TreeError> {
        self.repository.entry_at(&self.commit, path).map_err(|e| at(path, e))
    }
}

fn refuse_submodule(entry: &Entry) -> Result<(), TreeError> {
    if entry.kind == EntryKind::Submodule {
        return Err(at(&entry.path, VcsError::new(FailureReason::NotFound, "a submodule's commit is not part of it")));
    }
    Ok(())
}

fn at(path: &RepoPath, error: VcsError) -> TreeError {
    TreeError { path: path.clone(), reason: error.reason, detail: error.detail }
}

pub(crate) fn join(folder: &RepoPath, name: &[u8]) -> RepoPath {
    let mut bytes = Vec::with_capacity(folder.as_bytes().len() + 1 + name.len());
    bytes.extend_from_slice(folder.as_bytes());
    if !bytes.is_empty() {
        bytes.push(b'/');
    }
    bytes.extend_from_slice(name);
    RepoPath::new(bytes)
}

/// What stands under each name on the left and on the right.
type Pairs = BTreeMap<Vec<u8>, [Option<(ChildKind, Oid)>; 2]>;

/// Two trees side by side for `history.rs`: the children of both by name.
pub(crate) fn pair(repo: &Handle<'_>, left: Option<&Oid>, right: Option<&Oid>) -> Result<Pairs, VcsError> {
    let mut pairs = Pairs::new();
    for (side, oid) in [left, right].into_iter().enumerate() {
        let Some(oid) = oid else { continue };
        for child in objects::tree(repo, oid)? {
            pairs.entry(child.name).or_default()[side] = Some((child.what, child.oid));
        }
    }
    Ok(pairs)
}
