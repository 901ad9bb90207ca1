//! The organisation's forges behind one door, and the only place from which anything is written to a repository.
//!
//! It knows which forge has which repository; what a forge does is its own business. Reads that fail say why; nothing is
//! concluded from a forge that does not answer.

use crate::changeset::Pull;
use crate::declared::Declared;
use crate::fact::ListedRepository;
use crate::message::Message;
use ligase_domain::{EntryKind, FailureReason, IntentId, IntentKey, Oid, Patch, RepoPath, RepositoryId, Timestamp};
use ligase_forge::{Actor, Forge, ForgeError, LocalForge, PlainGit, Publication, PullState, RemoteOptions};
use ligase_policy::{Approval, Approvals, SourcePlace};
use ligase_proto::convert::Location;
use ligase_proto::v1;
use ligase_vcs::{Repository, Signer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A file that a patch changes is at most this large; what is larger is not looked at either.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Heads that are asked at once: each waits for a server most of the time.
const HEADS_AT_ONCE: usize = 8;

/// Why a forge did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ForgeRefusal {
    /// No forge has this repository.
    #[error("E-FORGE-UNKNOWN: no source of the policy has {0} || sweep again, or name the right policy with --org")]
    Unknown(RepositoryId),
    /// The forge refused.
    #[error("E-FORGE-REFUSED: {0} || look at the pull request, and sweep again")]
    Refused(#[from] ForgeError),
    /// The repository could not be read.
    #[error("E-FORGE-READ: {0} || see that the repository is readable")]
    Unreadable(String),
}

/// A pull request as far as following it needs.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number.
    pub number: u64,
    /// The intent that it is for.
    pub intent: IntentId,
    /// Where it stands.
    pub state: Pull,
}

/// A pull request that is to be opened.
pub struct Opening<'a> {
    /// For this intent.
    pub intent: &'a IntentKey,
    /// With this patch.
    pub patch: &'a Patch,
    /// In these words.
    pub message: &'a Message,
    /// The head that we last pushed for the intent.
    pub expected_head: Option<Oid>,
    /// The intent's date.
    pub at: Timestamp,
}

/// One forge, what it is called, and the zone whose workers look at its repositories.
struct Served {
    forge: Arc<dyn Forge>,
    name: String,
    zone: String,
}

/// The forges of a policy.
pub struct Forges {
    forges: Vec<Served>,
    broken: Vec<v1::RepositoryProblem>,
    found: Mutex<BTreeMap<RepositoryId, (usize, Location)>>,
}

impl Forges {
    /// The forges that a policy's sources name. A source that cannot be opened is a problem of its own and stops no other.
    pub fn of(declared: &Declared, remote: &RemoteOptions) -> Self {
        let (mut forges, mut broken) = (Vec::new(), Vec::new());
        let mut urls: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for source in &declared.organisation.sources {
            match &source.place {
                SourcePlace::Directory(folder) => {
                    let forge: Arc<dyn Forge> = Arc::new(LocalForge::new(declared.folder().join(folder)));
                    forges.push(Served { forge, name: folder.clone(), zone: source.zone.clone() });
                }
                SourcePlace::Git(url) => urls.entry(&source.zone).or_default().push(url.clone()),
            }
        }
        for (zone, urls) in urls {
            match PlainGit::new(&urls, remote) {
                Ok(forge) => {
                    let (name, zone) = ("git".to_owned(), zone.to_owned());
                    forges.push(Served { forge: Arc::new(forge), name, zone });
                }
                Err(error) => broken.push(source_problem("git", &error.into())),
            }
        }
        Self { forges, broken, found: Mutex::new(BTreeMap::new()) }
    }

    /// All repositories with the heads of their default branches, sorted by id; and what could not be listed.
    pub fn listing(&self) -> (Vec<ListedRepository>, Vec<v1::RepositoryProblem>) {
        let (mut listed, mut problems) = (Vec::new(), self.broken.clone());
        for (index, Served { forge, name, .. }) in self.forges.iter().enumerate() {
            let listing = match forge.listing() {
                Ok(listing) => listing,
                Err(error) => {
                    problems.push(source_problem(name, &error));
                    continue;
                }
            };
            problems.extend(listing.problems.into_iter().map(|p| v1::RepositoryProblem {
                repository: p.name,
                reason: p.reason.name().to_owned(),
                detail: p.detail,
            }));
            let live: Vec<_> = listing.repositories.into_iter().filter(|r| !r.archived).collect();
            for repository in &live {
                let location = match &repository.location {
                    ligase_forge::Location::Folder(path) => Location::Directory(path.clone()),
                    ligase_forge::Location::Url(url) => Location::Url(url.as_str().to_owned()),
                };
                self.found().insert(repository.id.clone(), (index, location));
            }
            listed.extend(heads(forge.as_ref(), &live));
        }
        listed.sort_by(|a, b| a.repository.cmp(&b.repository));
        (listed, problems)
    }

    fn found(&self) -> std::sync::MutexGuard<'_, BTreeMap<RepositoryId, (usize, Location)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes locks that a killed process left on our own refs, so that they do not hold a pull request for ever.
    pub fn clear_stale_locks(&self, now: Timestamp) {
        let folders: Vec<_> = self.found().values().map(|(_, location)| location.clone()).collect();
        for location in folders {
            let Location::Directory(path) = location else { continue };
            match Repository::open(&path).and_then(|r| r.clear_stale_locks(now)) {
                Ok(0) => {}
                Ok(count) => tracing::warn!(count, path = %path.display(), "removed locks that a killed process left"),
                Err(error) => tracing::debug!(%error, path = %path.display(), "cannot look for stale locks"),
            }
        }
    }

    /// Where a repository's bytes are had.
    pub fn location(&self, repository: &RepositoryId) -> Option<Location> {
        self.found().get(repository).map(|(_, location)| location.clone())
    }

    /// The zone whose workers alone may look at a repository; empty for any.
    pub fn zone(&self, repository: &RepositoryId) -> String {
        let index = self.found().get(repository).map(|(index, _)| *index);
        index.map(|i| self.forges[i].zone.clone()).unwrap_or_default()
    }

    fn forge(&self, repository: &RepositoryId) -> Result<Arc<dyn Forge>, ForgeRefusal> {
        if self.found().is_empty() {
            // Asked without a listing before, as when a person acts.
            for (index, Served { forge, .. }) in self.forges.iter().enumerate() {
                for listed in forge.listing()?.repositories {
                    let location = match listed.location {
                        ligase_forge::Location::Folder(path) => Location::Directory(path),
                        ligase_forge::Location::Url(url) => Location::Url(url.as_str().to_owned()),
                    };
                    self.found().insert(listed.id, (index, location));
                }
            }
        }
        let index = self.found().get(repository).map(|(index, _)| *index);
        let index = index.ok_or_else(|| ForgeRefusal::Unknown(repository.clone()))?;
        Ok(Arc::clone(&self.forges[index].forge))
    }

    fn on_disk(&self, repository: &RepositoryId) -> Result<Repository, ForgeRefusal> {
        self.forge(repository)?;
        match self.location(repository) {
            Some(Location::Directory(path)) => {
                Repository::open(&path).map_err(|e| ForgeRefusal::Unreadable(e.to_string()))
            }
            _ => Err(ForgeRefusal::Unreadable(format!("{repository} is not on this machine"))),
        }
    }

    /// Whether pull requests can be opened there.
    pub fn can_publish(&self, repository: &RepositoryId) -> bool {
        self.forge(repository).is_ok_and(|f| f.capabilities().publish)
    }

    /// The head of the default branch.
    pub fn head(&self, repository: &RepositoryId) -> Result<Oid, ForgeRefusal> {
        Ok(self.forge(repository)?.head(repository)?.1)
    }

    /// All pull requests of ours. A forge that has none says so by an empty list.
    pub fn pulls(&self, repository: &RepositoryId) -> Result<Vec<Seen>, ForgeRefusal> {
        let forge = self.forge(repository)?;
        if !forge.capabilities().publish {
            return Ok(Vec::new());
        }
        let seen = |p: ligase_forge::Pull| Seen {
            number: p.number,
            intent: p.intent,
            state: match p.state {
                // A branch that is gone was deleted by a person: that is a commit of theirs to it, in effect.
                PullState::Open => Pull::Open { head: p.branch_head.unwrap_or(p.base_revision) },
                PullState::Merged { commit, .. } => Pull::Merged { commit },
                PullState::Closed { by: Actor::Person(login), .. } => Pull::ClosedByPerson { login },
                PullState::Closed { by: Actor::Ligase, .. } => Pull::ClosedByLigase,
            },
        };
        Ok(forge.pulls(repository)?.into_iter().map(seen).collect())
    }

    /// Whether `descendant` contains `ancestor`. What cannot be read is not contained: nothing is concluded then.
    pub fn contains(&self, repository: &RepositoryId, ancestor: &Oid, descendant: &Oid) -> bool {
        self.on_disk(repository).is_ok_and(|r| r.is_ancestor(ancestor, descendant).unwrap_or(false))
    }

    /// What stands at a path of the base: kind, blob id and bytes.
    pub fn base(
        &self,
        repository: &RepositoryId,
        revision: &Oid,
        path: &RepoPath,
    ) -> Result<(EntryKind, Oid, Vec<u8>), ForgeRefusal> {
        let unreadable = |e: ligase_vcs::VcsError| ForgeRefusal::Unreadable(e.to_string());
        let repository = self.on_disk(repository)?;
        let entry = repository.entry_at(revision, path).map_err(unreadable)?;
        let entry = entry.ok_or_else(|| ForgeRefusal::Unreadable(format!("{path} is not in the base")))?;
        let bytes = repository.read_at(revision, path, FILE_BYTES_MAX).map_err(unreadable)?;
        Ok((entry.kind, entry.oid, bytes.unwrap_or_default()))
    }

    /// Reviews that cover these very bytes of a declaration, and who wrote them. A forge that does not answer approves nothing.
    pub fn approvals(&self, repository: &RepositoryId, tip: &Oid, path: &RepoPath, blob: &Oid) -> Approvals {
        self.approval_facts(repository, tip, path, blob).unwrap_or_else(|error| {
            tracing::warn!(%error, %repository, "approvals cannot be read; no waiver counts");
            Approvals::default()
        })
    }

    fn approval_facts(
        &self,
        repository: &RepositoryId,
        tip: &Oid,
        path: &RepoPath,
        blob: &Oid,
    ) -> Result<Approvals, ForgeRefusal> {
        let forge = self.forge(repository)?;
        if !forge.capabilities().review {
            return Ok(Approvals::default());
        }
        let mut covers = Vec::new();
        for approval in forge.approvals(repository)? {
            if forge.approval_covers(repository, &approval, path, blob)? {
                covers.push(Approval { by: approval.by, recorded: approval.at });
            }
        }
        let introduced = forge.introduced(repository, tip, path, blob)?;
        let authors = introduced.map(|i| vec![i.author.name, i.author.email, i.committer.name, i.committer.email]);
        let mut authors = authors.unwrap_or_default();
        authors.sort();
        authors.dedup();
        Ok(Approvals { covers, authors, teams: BTreeMap::new() })
    }

    /// Makes a pull request stand: its number and head.
    pub fn open(&self, opening: &Opening<'_>) -> Result<(u64, Oid), ForgeRefusal> {
        let Opening { intent, patch, message, expected_head, at } = opening;
        let repository = &intent.service.repository;
        let publication = Publication {
            intent: intent.id(),
            branch: intent.branch(),
            base_branch: intent.base_branch.clone(),
            base_revision: patch.base_revision,
            changes: patch.changes.iter().map(|c| (c.path.clone(), c.bytes.clone())).collect(),
            message: message.commit.clone(),
            title: message.title.clone(),
            body: message.body.clone(),
            draft: message.draft.is_some(),
            expected_head: *expected_head,
            signer: Signer::new("Ligase", "ligase@localhost", at.0.div_euclid(1000)),
            at: *at,
        };
        let published = self.forge(repository)?.publish(repository, &publication)?;
        Ok((published.number, published.head))
    }

    /// Ligase says something.
    pub fn comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        text: &str,
        at: Timestamp,
    ) -> Result<(), ForgeRefusal> {
        Ok(self.forge(repository)?.comment(repository, number, &Actor::Ligase, text, at)?)
    }

    /// Ligase closes.
    pub fn close(
        &self,
        repository: &RepositoryId,
        number: u64,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), ForgeRefusal> {
        Ok(self.forge(repository)?.close(repository, number, &Actor::Ligase, reason, at)?)
    }

    /// A person says something.
    pub fn comment_by(
        &self,
        repository: &RepositoryId,
        number: u64,
        login: &str,
        text: &str,
        at: Timestamp,
    ) -> Result<(), ForgeRefusal> {
        Ok(self.forge(repository)?.comment(repository, number, &person(login), text, at)?)
    }

    /// A person closes.
    pub fn close_by(
        &self,
        repository: &RepositoryId,
        number: u64,
        login: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), ForgeRefusal> {
        Ok(self.forge(repository)?.close(repository, number, &person(login), reason, at)?)
    }

    /// A person approves the head that stands there now.
    pub fn approve(
        &self,
        repository: &RepositoryId,
        number: u64,
        login: &str,
        at: Timestamp,
    ) -> Result<(), ForgeRefusal> {
        let forge = self.forge(repository)?;
        let head = head_of(forge.as_ref(), repository, number)?;
        Ok(forge.approve(repository, number, login, &head, at)?)
    }

    /// A person approves a revision, and with it the waivers in its declarations.
    pub fn approve_revision(
        &self,
        repository: &RepositoryId,
        revision: &Oid,
        login: &str,
        at: Timestamp,
    ) -> Result<(), ForgeRefusal> {
        Ok(self.forge(repository)?.approve_revision(repository, revision, login, at)?)
    }

    /// A person merges the head that stands there now, and says with it that a draft is ready.
    pub fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        login: &str,
        simulated: bool,
        at: Timestamp,
    ) -> Result<Oid, ForgeRefusal> {
        let forge = self.forge(repository)?;
        let head = head_of(forge.as_ref(), repository, number)?;
        if forge.pull(repository, number)?.draft {
            forge.mark_ready(repository, number, &person(login), at)?;
        }
        Ok(forge.merge(repository, number, &person(login), &head, simulated, at)?)
    }

    /// A person undoes a merge.
    pub fn revert(
        &self,
        repository: &RepositoryId,
        number: u64,
        login: &str,
        at: Timestamp,
    ) -> Result<Oid, ForgeRefusal> {
        Ok(self.forge(repository)?.revert(repository, number, &person(login), at)?)
    }
}

fn person(login: &str) -> Actor {
    Actor::Person(login.to_owned())
}

fn head_of(forge: &dyn Forge, repository: &RepositoryId, number: u64) -> Result<Oid, ForgeRefusal> {
    let pull = forge.pull(repository, number)?;
    pull.branch_head.ok_or(ForgeRefusal::Refused(ForgeError::HeadMoved { found: None }))
}

fn source_problem(name: &str, error: &ForgeError) -> v1::RepositoryProblem {
    let reason = match error {
        ForgeError::Failed { reason, .. } => *reason,
        _ => FailureReason::NotFound,
    };
    v1::RepositoryProblem {
        repository: format!("source {name}"),
        reason: reason.name().to_owned(),
        detail: error.to_string(),
    }
}

/// The heads of repositories, several at once.
fn heads(forge: &dyn Forge, repositories: &[ligase_forge::Listed]) -> Vec<ListedRepository> {
    let share = repositories.len().div_ceil(HEADS_AT_ONCE).max(1);
    let crashed = |r: &ligase_forge::Listed| ListedRepository {
        repository: r.id.clone(),
        name: r.name.clone(),
        branch: String::new(),
        revision: Err((FailureReason::Crashed, "asking for its head panicked".to_owned())),
    };
    std::thread::scope(|threads| {
        let ask = |part: &'_ [ligase_forge::Listed]| {
            let ids: Vec<_> = part.iter().map(|r| &r.id).collect();
            part.iter().zip(forge.heads(&ids)).map(|(r, head)| with_head(r, head)).collect::<Vec<_>>()
        };
        let parts: Vec<_> = repositories.chunks(share).map(|part| (part, threads.spawn(move || ask(part)))).collect();
        // A part that panicked is named, not dropped.
        let heads =
            parts.into_iter().map(|(part, asked)| asked.join().unwrap_or_else(|_| part.iter().map(crashed).collect()));
        heads.flatten().collect()
    })
}

fn with_head(listed: &ligase_forge::Listed, head: Result<(String, Oid), ForgeError>) -> ListedRepository {
    let (branch, revision) = match head {
        Ok((branch, revision)) => (branch, Ok(revision)),
        Err(ForgeError::Failed { reason, detail }) => (String::new(), Err((reason, detail))),
        Err(error) => (String::new(), Err((FailureReason::NotFound, error.to_string()))),
    };
    ListedRepository { repository: listed.id.clone(), name: listed.name.clone(), branch, revision }
}
