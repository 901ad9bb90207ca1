//! Reading single objects within bounds: headers first, then bytes. A tree object is checked name by name, so that what
//! comes out can be joined to paths without thought. Walking trees is the business of `tree.rs` and `history.rs`.

use crate::VcsError;
use crate::repository::{Handle, Repository, domain_oid, git_oid};
use crate::tree::MAX_PATH_BYTES;
use git2::ObjectType;
use ligase_domain::{Entry, EntryKind, FailureReason, Oid, RepoPath};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The largest tree object that is parsed: 200,000 entries of 80 bytes.
const MAX_TREE_BYTES: usize = 16 << 20;
/// The largest commit object that is parsed; a message of a megabyte is nobody's.
const MAX_COMMIT_BYTES: usize = 1 << 20;

/// One entry of one tree object.
pub(crate) struct Child {
    pub(crate) name: Vec<u8>,
    pub(crate) what: ChildKind,
    pub(crate) oid: Oid,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildKind {
    Folder,
    Leaf(EntryKind),
}

/// Size and type without inflating the object. What is not there is corrupt: somebody named it.
pub(crate) fn header(repo: &Handle<'_>, oid: &Oid) -> Result<(u64, ObjectType), VcsError> {
    let odb = repo.odb().map_err(|e| VcsError::of("object database", &e))?;
    let (size, kind) = read_header(&odb, oid)?.map_err(|e| VcsError::of_object(&oid.to_string(), &e))?;
    Ok((size as u64, kind))
}

/// git2 panics on an object of no type that it knows, which a changed byte in a pack makes.
fn read_header(odb: &git2::Odb<'_>, oid: &Oid) -> Result<Result<(usize, ObjectType), git2::Error>, VcsError> {
    let id = git_oid(oid)?;
    catch_unwind(AssertUnwindSafe(|| odb.read_header(id)))
        .map_err(|_| VcsError::new(FailureReason::CorruptObject, format!("{oid} has no known type")))
}

/// A blob's bytes; more than `limit` are refused before they are inflated.
pub(crate) fn blob(repo: &Handle<'_>, oid: &Oid, limit: u64) -> Result<Vec<u8>, VcsError> {
    let (size, kind) = header(repo, oid)?;
    if kind != ObjectType::Blob {
        return Err(VcsError::new(FailureReason::CorruptObject, format!("{oid} is a {kind}, not a blob")));
    }
    if size > limit {
        return Err(VcsError::new(FailureReason::OverBudget, format!("{size} bytes, the limit is {limit}")));
    }
    repo.loose().check(oid)?;
    let odb = repo.odb().map_err(|e| VcsError::of("object database", &e))?;
    let object = odb.read(git_oid(oid)?).map_err(|e| VcsError::of_object(&oid.to_string(), &e))?;
    Ok(object.data().to_vec())
}

/// The commit, after a look at its size.
pub(crate) fn commit<'r>(repo: &'r Handle<'_>, oid: &Oid) -> Result<git2::Commit<'r>, VcsError> {
    let odb = repo.odb().map_err(|e| VcsError::of("object database", &e))?;
    let (size, kind) = match read_header(&odb, oid)? {
        Ok(found) => found,
        Err(e) if e.code() == git2::ErrorCode::NotFound => {
            return Err(VcsError::new(FailureReason::NotFound, format!("there is no commit {oid}")));
        }
        Err(e) => return Err(VcsError::of_object(&oid.to_string(), &e)),
    };
    if kind != ObjectType::Commit {
        return Err(VcsError::new(FailureReason::NotFound, format!("{oid} is a {kind}, not a commit")));
    }
    if size > MAX_COMMIT_BYTES {
        return Err(VcsError::new(FailureReason::OverBudget, format!("commit {oid} has {size} bytes")));
    }
    repo.loose().check(oid)?;
    repo.find_commit(git_oid(oid)?).map_err(|e| VcsError::of_object(&oid.to_string(), &e))
}

/// The entries of one tree object. Names that git itself refuses to make (empty, `.`, `..`, `.git`, with a slash), names
/// given twice and modes that do not exist make the tree corrupt: two readers could see two different things in it.
pub(crate) fn tree(repo: &Handle<'_>, oid: &Oid) -> Result<Vec<Child>, VcsError> {
    let (size, kind) = header(repo, oid)?;
    if kind != ObjectType::Tree {
        return Err(VcsError::new(FailureReason::CorruptObject, format!("{oid} is a {kind}, not a tree")));
    }
    if size > MAX_TREE_BYTES as u64 {
        return Err(VcsError::new(FailureReason::OverBudget, format!("a tree object of {size} bytes")));
    }
    repo.loose().check(oid)?;
    let tree = repo.find_tree(git_oid(oid)?).map_err(|e| VcsError::of_object(&oid.to_string(), &e))?;
    let mut children = Vec::with_capacity(tree.len());
    for entry in &tree {
        let name = entry.name_bytes();
        if !is_name(name) {
            let name = RepoPath::new(name);
            return Err(VcsError::new(FailureReason::CorruptObject, format!("an entry named {name:?} in tree {oid}")));
        }
        let what = kind_of(entry.filemode_raw()).ok_or_else(|| {
            VcsError::new(FailureReason::CorruptObject, format!("mode {:o} in tree {oid}", entry.filemode_raw()))
        })?;
        children.push(Child { name: name.to_vec(), what, oid: domain_oid("tree entry", entry.id())? });
    }
    let mut names: Vec<&[u8]> = children.iter().map(|c| c.name.as_slice()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
        let name = RepoPath::new(twice[0]);
        return Err(VcsError::new(FailureReason::CorruptObject, format!("{name:?} stands twice in tree {oid}")));
    }
    Ok(children)
}

/// Whether git would make an entry of that name.
pub(crate) fn is_name(name: &[u8]) -> bool {
    let reserved = name.is_empty() || name == b"." || name == b".." || name.eq_ignore_ascii_case(b".git");
    !reserved && name.len() <= MAX_PATH_BYTES && !name.iter().any(|b| matches!(b, b'/' | 0))
}

fn kind_of(mode: i32) -> Option<ChildKind> {
    match mode {
        0o040000 => Some(ChildKind::Folder),
        0o120000 => Some(ChildKind::Leaf(EntryKind::Symlink)),
        0o160000 => Some(ChildKind::Leaf(EntryKind::Submodule)),
        // Git writes 644 and 755; 664 and others stand in old histories and are read by git as one of the two.
        m if m & 0o170000 == 0o100000 && m & 0o100 != 0 => Some(ChildKind::Leaf(EntryKind::Executable)),
        m if m & 0o170000 == 0o100000 => Some(ChildKind::Leaf(EntryKind::File)),
        _ => None,
    }
}

/// The id that git gives to these bytes as a blob, in SHA-1 repositories.
pub fn blob_id(bytes: &[u8]) -> Result<Oid, VcsError> {
    let oid = git2::Oid::hash_object(ObjectType::Blob, bytes).map_err(|e| VcsError::of("blob", &e))?;
    domain_oid("blob", oid)
}

impl Repository {
    /// What stands at a path of a commit's tree, if anything does; a folder counts as nothing.
    pub fn entry_at(&self, commit: &Oid, path: &RepoPath) -> Result<Option<Entry>, VcsError> {
        let handle = self.handle()?;
        let commit = self::commit(&handle, commit)?;
        let mut oid = domain_oid("tree", commit.tree_id())?;
        let mut parts = path.as_bytes().split(|b| *b == b'/').take(crate::MAX_DEPTH + 1).peekable();
        while let Some(part) = parts.next() {
            let Some(child) = tree(&handle, &oid)?.into_iter().find(|c| c.name == part) else { return Ok(None) };
            match (child.what, parts.peek()) {
                (ChildKind::Folder, Some(_)) => oid = child.oid,
                (ChildKind::Leaf(kind), None) => {
                    return Ok(Some(Entry { path: path.clone(), kind, oid: child.oid }));
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The bytes of a file of a commit, if there is such a file; refuses more than `limit` bytes.
    pub fn read_at(&self, commit: &Oid, path: &RepoPath, limit: u64) -> Result<Option<Vec<u8>>, VcsError> {
        let Some(entry) = self.entry_at(commit, path)? else { return Ok(None) };
        if entry.kind == EntryKind::Submodule {
            return Ok(None);
        }
        let handle = self.handle()?;
        blob(&handle, &entry.oid, limit).map(Some)
    }
}
