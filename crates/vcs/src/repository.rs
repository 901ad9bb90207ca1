//! One repository on disk, opened in place: its default branch, its refs, its revisions as trees. Cheap to clone, usable
//! from many threads: git2's handles are not, so each call borrows one from a pool.
//!
//! It refuses what libgit2 would read wrongly (SHA-256 objects, reftable) and a `.git` that points elsewhere. Objects are
//! read in `objects.rs` and `tree.rs`, refs moved in `refs.rs`, commits built in `write.rs`.

use crate::VcsError;
use crate::cache::Lease;
use crate::loose::Loose;
use git2::RepositoryOpenFlags;
use ligase_domain::{FailureReason, Oid};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Handles kept open per repository: as many as threads that read at once on any machine that we know.
const HANDLES: usize = 32;
/// More refs than any repository that people work in; a listing that is longer is refused.
pub(crate) const MAX_REFS: usize = 500_000;

/// A repository on disk. Clones share its handles.
#[derive(Clone)]
pub struct Repository(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    worktree: bool,
    loose: Loose,
    handles: Mutex<Vec<git2::Repository>>,
    /// Keeps a fetched cache from being emptied while somebody reads from it.
    _lease: Option<Lease>,
}

impl Repository {
    /// Opens the repository in a folder: a bare one, or an ordinary one by its `.git`. Never looks in folders above.
    pub fn open(path: &Path) -> Result<Self, VcsError> {
        Self::open_with(path, None)
    }

    pub(crate) fn open_with(path: &Path, lease: Option<Lease>) -> Result<Self, VcsError> {
        let (folder, worktree) = locate(path)?;
        check_format(&folder)?;
        let loose = Loose::of(&folder);
        let shared = Shared { folder, worktree, loose, handles: Mutex::new(Vec::new()), _lease: lease };
        let repository = Self(Arc::new(shared));
        // The first handle shows whether it can be opened at all.
        drop(repository.handle()?);
        Ok(repository)
    }

    /// The git directory.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Whether people's files lie beside it: its checked-out branch must not be moved under their feet.
    pub fn has_worktree(&self) -> bool {
        self.0.worktree
    }

    /// The branch that HEAD names, without `refs/heads/`, and its commit.
    pub fn default_branch(&self) -> Result<(String, Oid), VcsError> {
        let handle = self.handle()?;
        let head = handle.find_reference("HEAD").map_err(|e| VcsError::of("HEAD", &e))?;
        let not_named = |why: &str| VcsError::new(FailureReason::NotFound, format!("HEAD names no branch: {why}"));
        let target = match head.symbolic_target() {
            Ok(Some(target)) => target.to_owned(),
            Ok(None) => return Err(not_named("it is detached")),
            Err(_) => return Err(not_named("its name is not UTF-8")),
        };
        let name = target.strip_prefix("refs/heads/").ok_or_else(|| not_named(&target))?.to_owned();
        drop(head);
        drop(handle);
        if let Some(commit) = self.branch(&name)? {
            return Ok((name, commit));
        }
        let branches = self.refs("refs/heads/")?;
        if branches.is_empty() {
            return Err(VcsError::new(FailureReason::EmptyRepository, "there is no branch"));
        }
        let names: Vec<&str> = branches.iter().take(5).map(|(n, _)| n.as_str()).collect();
        Err(VcsError::new(
            FailureReason::NotFound,
            format!("HEAD names {name}, which does not exist; there is {}", names.join(", ")),
        ))
    }

    /// The commit of a branch (named without `refs/heads/`), if there is such a branch.
    pub fn branch(&self, name: &str) -> Result<Option<Oid>, VcsError> {
        self.reference(&format!("refs/heads/{name}"))
    }

    /// What a ref points at directly, if there is such a ref. A symbolic ref is not followed and counts as none.
    pub fn reference(&self, name: &str) -> Result<Option<Oid>, VcsError> {
        if !git2::Reference::is_valid_name(name) {
            return Ok(None);
        }
        let handle = self.handle()?;
        match handle.find_reference(name) {
            Ok(found) => found.target().map(|t| domain_oid(name, t)).transpose(),
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(VcsError::of(name, &e)),
        }
    }

    /// Refs whose name begins with `prefix`, sorted by name. Names that are not UTF-8 and symbolic refs are left out.
    pub fn refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, VcsError> {
        let handle = self.handle()?;
        let all = handle.references().map_err(|e| VcsError::of("refs", &e))?;
        let mut found = Vec::new();
        for (seen, reference) in all.enumerate() {
            if seen >= MAX_REFS {
                return Err(VcsError::new(FailureReason::OverBudget, format!("more than {MAX_REFS} refs")));
            }
            // A ref that does not parse is nobody's branch; it does not hide the others.
            let Ok(reference) = reference else { continue };
            if let (Ok(name), Some(target)) = (reference.name(), reference.target())
                && name.starts_with(prefix)
            {
                found.push((name.to_owned(), domain_oid(name, target)?));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Borrows a handle; opens one where none is idle.
    pub(crate) fn handle(&self) -> Result<Handle<'_>, VcsError> {
        let idle = self.0.handles.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let handle = match idle {
            Some(handle) => handle,
            None => open_handle(&self.0.folder)?,
        };
        Ok(Handle { shared: &self.0, handle: Some(handle) })
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({})", self.0.folder.display())
    }
}

/// A borrowed git2 handle; goes back to the pool.
pub(crate) struct Handle<'a> {
    shared: &'a Shared,
    handle: Option<git2::Repository>,
}

impl Handle<'_> {
    /// The guard that every read of an object passes first.
    pub(crate) fn loose(&self) -> &Loose {
        &self.shared.loose
    }
}

impl Deref for Handle<'_> {
    type Target = git2::Repository;

    fn deref(&self) -> &git2::Repository {
        self.handle.as_ref().expect("a handle is taken only when it is dropped")
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        let mut idle = self.shared.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < HANDLES {
            idle.extend(self.handle.take());
        }
    }
}

/// `open_bare` would ignore `shallow`; searching would find a repository above; `.git` has been resolved by us.
pub(crate) fn open_handle(folder: &Path) -> Result<git2::Repository, VcsError> {
    let flags = RepositoryOpenFlags::BARE | RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    git2::Repository::open_ext(folder, flags, std::iter::empty::<&Path>())
        .map_err(|e| VcsError::of(&folder.to_string_lossy(), &e))
}

/// The git directory in or at a path, and whether it stands beside a working tree.
fn locate(path: &Path) -> Result<(PathBuf, bool), VcsError> {
    let refuse = |why: &str| VcsError::new(FailureReason::NotFound, format!("{}: {why}", path.to_string_lossy()));
    let inner = path.join(".git");
    let (folder, worktree) = match std::fs::symlink_metadata(&inner) {
        Ok(meta) if meta.is_dir() => (inner, true),
        Ok(_) => return Err(refuse("its .git points elsewhere and is not followed")),
        Err(_) => (path.to_owned(), false),
    };
    let whole = folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
    if whole { Ok((folder, worktree)) } else { Err(refuse("not a git repository")) }
}

/// Opening as bare defers the configuration, and with it libgit2's own check of the formats; so it is done here.
fn check_format(folder: &Path) -> Result<(), VcsError> {
    let path = folder.join("config");
    if !path.is_file() {
        return Ok(());
    }
    let config = git2::Config::open(&path).map_err(|e| VcsError::of("config", &e))?;
    let text = |key: &str| config.get_string(key).ok().map(|v| v.to_ascii_lowercase());
    let refuse = |what: String| Err(VcsError::new(FailureReason::ObjectFormat, what));
    if let Some(format) = text("extensions.objectformat").filter(|f| f != "sha1") {
        return refuse(format!("object format {format}"));
    }
    if let Some(storage) = text("extensions.refstorage").filter(|s| s != "files") {
        return refuse(format!("ref storage {storage}"));
    }
    match config.get_i32("core.repositoryformatversion") {
        Ok(version) if !(0..=1).contains(&version) => refuse(format!("repository format {version}")),
        _ => Ok(()),
    }
}

pub(crate) fn git_oid(oid: &Oid) -> Result<git2::Oid, VcsError> {
    match oid {
        Oid::Sha1(bytes) => git2::Oid::from_bytes(bytes).map_err(|e| VcsError::of("object id", &e)),
        Oid::Sha256(_) => Err(VcsError::new(FailureReason::ObjectFormat, "a SHA-256 id in a SHA-1 repository")),
    }
}

pub(crate) fn domain_oid(what: &str, oid: git2::Oid) -> Result<Oid, VcsError> {
    Oid::from_bytes(oid.as_bytes()).ok_or_else(|| VcsError::new(FailureReason::ObjectFormat, what))
}
