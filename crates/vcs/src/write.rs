//! Building commits in the object database without a working tree: a patch on its base, a merge, a revert, a record.
//! The same arguments make the same commit id, so that a second attempt finds its own work. Nothing here moves a ref.

use crate::objects;
use crate::repository::{Handle, Repository, domain_oid};
use crate::{MAX_DEPTH, MAX_PATH_BYTES, VcsError};
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, MergeOptions};
use ligase_domain::{EntryKind, FailureReason, Oid, RepoPath, SourceTree};

/// The most files of one commit of ours.
const MAX_CHANGES: usize = 10_000;
/// The most conflicting paths that an error names.
const MAX_CONFLICTS: usize = 50;

/// Who a commit is by, and when. Both lines of the commit carry it, in UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signer {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Seconds since 1970.
    pub time_seconds: i64,
}

impl Signer {
    /// A signer of a name, an address and a time.
    pub fn new(name: impl Into<String>, email: impl Into<String>, time_seconds: i64) -> Self {
        Self { name: name.into(), email: email.into(), time_seconds }
    }
}

/// Why a commit was not built.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteError {
    /// The two sides change the same lines.
    #[error("conflicting changes in {}", paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Conflict {
        /// Where, at most the first fifty.
        paths: Vec<RepoPath>,
    },
    /// There is nothing to change: the result would be the tree that is already there.
    #[error("nothing would change")]
    Nothing,
    /// It could not be tried.
    #[error(transparent)]
    Failed(#[from] VcsError),
}

impl Repository {
    /// A commit on `base` in which each named file has the given bytes; modes stay, new files are regular ones. A folder,
    /// a link or a submodule is never replaced.
    pub fn commit_changes(
        &self,
        base: &Oid,
        changes: &[(RepoPath, Vec<u8>)],
        message: &str,
        signer: &Signer,
    ) -> Result<Oid, VcsError> {
        let handle = self.handle()?;
        let parent = objects::commit(&handle, base)?;
        handle.loose().check(&domain_oid("tree", parent.tree_id())?)?;
        let baseline = parent.tree().map_err(|e| VcsError::of_object("tree", &e))?;
        let mut modes = Vec::with_capacity(changes.len());
        for (path, _) in changes {
            modes.push(match self.entry_at(base, path)?.map(|e| e.kind) {
                None | Some(EntryKind::File) => FileMode::Blob,
                Some(EntryKind::Executable) => FileMode::BlobExecutable,
                Some(kind) => {
                    return Err(VcsError::new(FailureReason::Malformed, format!("{path} is a {kind:?}, not a file")));
                }
            });
        }
        let tree = update(&handle, &baseline, changes.iter().zip(modes).map(|((p, b), m)| (p, b.as_slice(), m)))?;
        store(&handle, tree, &[&parent], message, signer)
    }

    /// A commit whose tree holds exactly these files: for records that are kept as git objects.
    pub fn commit_files(
        &self,
        parents: &[Oid],
        files: &[(RepoPath, Vec<u8>)],
        message: &str,
        signer: &Signer,
    ) -> Result<Oid, VcsError> {
        let handle = self.handle()?;
        let empty = handle.treebuilder(None).and_then(|b| b.write()).map_err(|e| VcsError::of("empty tree", &e))?;
        let empty = handle.find_tree(empty).map_err(|e| VcsError::of_object("empty tree", &e))?;
        let tree = update(&handle, &empty, files.iter().map(|(p, b)| (p, b.as_slice(), FileMode::Blob)))?;
        let parents = parents.iter().map(|p| objects::commit(&handle, p)).collect::<Result<Vec<_>, _>>()?;
        store(&handle, tree, &parents.iter().collect::<Vec<_>>(), message, signer)
    }

    /// A commit that merges `head` into `base`, with both as its parents.
    pub fn merge_commit(&self, base: &Oid, head: &Oid, message: &str, signer: &Signer) -> Result<Oid, WriteError> {
        self.check_listable(&[base, head])?;
        let handle = self.handle()?;
        let (ours, theirs) = (objects::commit(&handle, base)?, objects::commit(&handle, head)?);
        let index = handle
            .merge_commits(&ours, &theirs, Some(&merge_options()))
            .map_err(|e| VcsError::of_object("merge", &e))?;
        let tree = write_index(&handle, index)?;
        Ok(store(&handle, tree, &[&ours, &theirs], message, signer)?)
    }

    /// A commit on `onto` that undoes `of`; of a merge, it undoes what came in from the second parent.
    pub fn revert_commit(&self, of: &Oid, onto: &Oid, message: &str, signer: &Signer) -> Result<Oid, WriteError> {
        self.check_listable(&[of, onto])?;
        let handle = self.handle()?;
        let (undone, ours) = (objects::commit(&handle, of)?, objects::commit(&handle, onto)?);
        let mainline = if undone.parent_count() > 1 { 1 } else { 0 };
        let index = handle
            .revert_commit(&undone, &ours, mainline, Some(&merge_options()))
            .map_err(|e| VcsError::of_object("revert", &e))?;
        let tree = write_index(&handle, index)?;
        if tree == ours.tree_id() {
            return Err(WriteError::Nothing);
        }
        Ok(store(&handle, tree, &[&ours], message, signer)?)
    }

    /// libgit2 merges whole trees, knows no bound and reads objects on its own; so what cannot be listed within ours is
    /// not merged, and nothing is while an object is cut off.
    fn check_listable(&self, commits: &[&Oid]) -> Result<(), VcsError> {
        self.handle()?.loose().check_all()?;
        for commit in commits {
            let listed = self.revision(commit)?.entries();
            listed.map_err(|e| VcsError::new(e.reason, format!("{}: {}", e.path, e.detail)))?;
        }
        Ok(())
    }
}

fn merge_options() -> MergeOptions {
    let mut options = MergeOptions::new();
    // Conflicts are listed, not thrown; rename detection stays on, as in git, with git's limit on candidates.
    options.find_renames(true).target_limit(1000).recursion_limit(16);
    options
}

fn write_index(handle: &Handle<'_>, mut index: git2::Index) -> Result<git2::Oid, WriteError> {
    if index.has_conflicts() {
        let conflicts = index.conflicts().map_err(|e| VcsError::of("conflicts", &e))?;
        let mut paths: Vec<RepoPath> = conflicts
            .flatten()
            .filter_map(|c| c.our.or(c.their).or(c.ancestor).map(|e| RepoPath::new(e.path)))
            .take(MAX_CONFLICTS)
            .collect();
        paths.sort();
        paths.dedup();
        return Err(WriteError::Conflict { paths });
    }
    Ok(index.write_tree_to(handle).map_err(|e| VcsError::of("merged tree", &e))?)
}

fn update<'a>(
    handle: &Handle<'_>,
    baseline: &git2::Tree<'_>,
    files: impl ExactSizeIterator<Item = (&'a RepoPath, &'a [u8], FileMode)>,
) -> Result<git2::Oid, VcsError> {
    if files.len() > MAX_CHANGES {
        return Err(VcsError::new(FailureReason::OverBudget, format!("{} files in one commit", files.len())));
    }
    let mut builder = TreeUpdateBuilder::new();
    for (path, bytes, mode) in files {
        if !is_writable(path) {
            return Err(VcsError::new(FailureReason::Malformed, format!("{path:?} is no path for a file")));
        }
        let blob = handle.blob(bytes).map_err(|e| VcsError::of("blob", &e))?;
        builder.upsert(path.as_bytes(), blob, mode);
    }
    builder
        .create_updated(handle, baseline)
        .map_err(|e| VcsError::new(FailureReason::Malformed, format!("tree: {}", e.message())))
}

fn is_writable(path: &RepoPath) -> bool {
    let parts = path.as_bytes().split(|b| *b == b'/');
    path.as_bytes().len() <= MAX_PATH_BYTES
        && parts.clone().count() <= MAX_DEPTH
        && parts.into_iter().all(objects::is_name)
}

fn store(
    handle: &Handle<'_>,
    tree: git2::Oid,
    parents: &[&git2::Commit<'_>],
    message: &str,
    signer: &Signer,
) -> Result<Oid, VcsError> {
    let malformed = |e: git2::Error| VcsError::new(FailureReason::Malformed, format!("commit: {}", e.message()));
    let time = git2::Time::new(signer.time_seconds, 0);
    let signature = git2::Signature::new(&signer.name, &signer.email, &time).map_err(malformed)?;
    let tree = handle.find_tree(tree).map_err(|e| VcsError::of_object("tree", &e))?;
    let message = if message.ends_with('\n') { message.to_owned() } else { format!("{message}\n") };
    let oid = handle.commit(None, &signature, &signature, &message, &tree, parents).map_err(malformed)?;
    domain_oid("commit", oid)
}
