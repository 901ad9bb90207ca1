//! `git`: repositories by their addresses, over smart HTTP, without a forge around them. It lists, and says where the
//! default branch stands; everything else is unsupported, so that findings have somewhere to come from before there is a
//! forge to send patches to.

use crate::ForgeError;
use crate::port::{
    Actor, Approval, Capabilities, Forge, Introduced, Listed, Listing, Location, Publication, Published, Pull, Verdict,
};
use ligase_domain::{FailureReason, Oid, RepoPath, RepositoryId, Timestamp};
use ligase_vcs::{ChildSpec, Credential, Inquiry, Remote, RemoteLimits, SourceUrl, VcsError};
use std::collections::BTreeMap;

const NAME: &str = "git";

/// How remote repositories are reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteOptions {
    /// Who does the talking.
    pub child: ChildSpec,
    /// What it may cost.
    pub limits: RemoteLimits,
}

/// Plain git repositories, read only.
pub struct PlainGit {
    remotes: BTreeMap<String, Remote>,
}

impl PlainGit {
    /// Of addresses; refuses the first that is none. The same address twice is one repository.
    pub fn new(urls: &[impl AsRef<str>], options: &RemoteOptions) -> Result<Self, VcsError> {
        let mut remotes = BTreeMap::new();
        for url in urls {
            let url = SourceUrl::parse(url.as_ref())?;
            let RemoteOptions { child, limits } = options.clone();
            let remote = Remote { url: url.clone(), child, credential: None, limits };
            remotes.insert(url.to_string(), remote);
        }
        Ok(Self { remotes })
    }

    /// Gives every repository below an origin (`https://host`) this credential.
    #[must_use]
    pub fn with_credential(mut self, origin: &str, credential: &Credential) -> Self {
        for remote in self.remotes.values_mut().filter(|r| r.url.origin() == origin) {
            remote.credential = Some(credential.clone());
        }
        self
    }

    /// How to reach a repository: what a worker fetches from.
    pub fn remote(&self, repository: &RepositoryId) -> Result<&Remote, ForgeError> {
        let found = if repository.forge == NAME { self.remotes.get(&repository.stable) } else { None };
        found.ok_or_else(|| ForgeError::failed(FailureReason::NotFound, format!("{repository} is not listed")))
    }
}

fn cannot<T>(what: &'static str) -> Result<T, ForgeError> {
    Err(ForgeError::Unsupported { forge: NAME.to_owned(), what })
}

impl Forge for PlainGit {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { publish: false, merge: false, review: false, drafts: false, checks: false, webhooks: false }
    }

    fn listing(&self) -> Result<Listing, ForgeError> {
        let listed = |(stable, remote): (&String, &Remote)| Listed {
            id: RepositoryId { forge: NAME.to_owned(), stable: stable.clone() },
            name: remote.url.name().to_owned(),
            archived: false,
            location: Location::Url(remote.url.clone()),
        };
        Ok(Listing { repositories: self.remotes.iter().map(listed).collect(), complete: true, problems: Vec::new() })
    }

    fn head(&self, repository: &RepositoryId) -> Result<(String, Oid), ForgeError> {
        Ok(self.remote(repository)?.advertise()?.default_branch()?)
    }

    fn heads(&self, repositories: &[&RepositoryId]) -> Vec<Result<(String, Oid), ForgeError>> {
        let mut inquiry = Inquiry::default();
        let mut head = |id: &RepositoryId| Ok(inquiry.advertise(self.remote(id)?)?.default_branch()?);
        repositories.iter().map(|id| head(id)).collect()
    }

    fn publish(&self, _: &RepositoryId, _: &Publication) -> Result<Published, ForgeError> {
        cannot("publish")
    }

    fn pulls(&self, _: &RepositoryId) -> Result<Vec<Pull>, ForgeError> {
        cannot("list pull requests")
    }

    fn pull(&self, _: &RepositoryId, _: u64) -> Result<Pull, ForgeError> {
        cannot("show a pull request")
    }

    fn close(&self, _: &RepositoryId, _: u64, _: &Actor, _: &str, _: Timestamp) -> Result<(), ForgeError> {
        cannot("close")
    }

    fn comment(&self, _: &RepositoryId, _: u64, _: &Actor, _: &str, _: Timestamp) -> Result<(), ForgeError> {
        cannot("comment")
    }

    fn review(&self, _: &RepositoryId, _: u64, _: &str, _: &Oid, _: Verdict, _: Timestamp) -> Result<(), ForgeError> {
        cannot("review")
    }

    fn merge(&self, _: &RepositoryId, _: u64, _: &Actor, _: &Oid, _: bool, _: Timestamp) -> Result<Oid, ForgeError> {
        cannot("merge")
    }

    fn mark_ready(&self, _: &RepositoryId, _: u64, _: &Actor, _: Timestamp) -> Result<(), ForgeError> {
        cannot("mark a pull request as ready")
    }

    fn revert(&self, _: &RepositoryId, _: u64, _: &Actor, _: Timestamp) -> Result<Oid, ForgeError> {
        cannot("revert")
    }

    fn update_body(&self, _: &RepositoryId, _: u64, _: &str, _: &str, _: Timestamp) -> Result<(), ForgeError> {
        cannot("change a pull request")
    }

    fn approvals(&self, _: &RepositoryId) -> Result<Vec<Approval>, ForgeError> {
        cannot("show approvals")
    }

    fn approve_revision(&self, _: &RepositoryId, _: &Oid, _: &str, _: Timestamp) -> Result<(), ForgeError> {
        cannot("record an approval")
    }

    fn approval_covers(&self, _: &RepositoryId, _: &Approval, _: &RepoPath, _: &Oid) -> Result<bool, ForgeError> {
        cannot("show approvals")
    }

    fn introduced(&self, _: &RepositoryId, _: &Oid, _: &RepoPath, _: &Oid) -> Result<Option<Introduced>, ForgeError> {
        cannot("show history")
    }
}
