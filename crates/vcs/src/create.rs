//! A new bare repository, and commits by the names that people give them. Refuses a folder that holds anything already.

use crate::{Repository, VcsError};
use git2::RepositoryInitOptions;
use ligase_domain::{FailureReason, Oid};
use std::path::Path;

impl Repository {
    /// Makes an empty bare repository whose HEAD names `branch`. No template and no hook of this machine comes into it.
    pub fn create_bare(path: &Path, branch: &str) -> Result<Self, VcsError> {
        if path.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(VcsError::new(FailureReason::Malformed, format!("{} is not empty", path.display())));
        }
        let mut options = RepositoryInitOptions::new();
        options.bare(true).mkpath(true).no_reinit(true).external_template(false).initial_head(branch);
        git2::Repository::init_opts(path, &options).map_err(|e| VcsError::of("make a repository", &e))?;
        Self::open(path)
    }

    /// The commit that a person names: a branch, a tag, an abbreviated id, `HEAD~2`.
    pub fn resolve(&self, revision: &str) -> Result<Oid, VcsError> {
        let handle = self.handle()?;
        let named = |e: &git2::Error| VcsError::of(&format!("no commit is named {revision:?}"), e);
        let object = handle.revparse_single(revision).map_err(|e| named(&e))?;
        let commit = object.peel_to_commit().map_err(|e| named(&e))?;
        Oid::from_bytes(commit.id().as_bytes())
            .ok_or_else(|| VcsError::new(FailureReason::ObjectFormat, "an object id of an unknown length"))
    }
}
