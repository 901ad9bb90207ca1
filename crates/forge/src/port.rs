//! The port: what a forge offers, in the words of the domain. Blocking; every write names who did it and when, and each
//! one that depends on what was seen says what was seen (an expected head), so that nothing happens to something else.

use crate::ForgeError;
use ligase_domain::{FailureReason, IntentId, Oid, RepoPath, RepositoryId, Timestamp};
use ligase_vcs::{Person, Signer, SourceUrl};
use std::path::PathBuf;

/// What a forge can do. An operation that it cannot do answers [`ForgeError::Unsupported`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Branches and pull requests.
    pub publish: bool,
    /// Merging and reverting.
    pub merge: bool,
    /// Reviews of pull requests, and approvals of revisions.
    pub review: bool,
    /// Drafts that are shown as such.
    pub drafts: bool,
    /// Results of checks on a head.
    pub checks: bool,
    /// Events that the forge sends.
    pub webhooks: bool,
}

/// Who did something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Actor {
    /// A person, by login.
    Person(String),
    /// Ligase itself.
    Ligase,
}

/// Where a repository is read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// In place, in a folder of this machine.
    Folder(PathBuf),
    /// Over smart HTTP.
    Url(SourceUrl),
}

/// One repository of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its identity.
    pub id: RepositoryId,
    /// What people call it; a label.
    pub name: String,
    /// Whether the forge holds it read-only.
    pub archived: bool,
    /// Where it is read from.
    pub location: Location,
}

/// Something in a source that should have been a repository and could not be listed as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What it is called there.
    pub name: String,
    /// The stable reason.
    pub reason: FailureReason,
    /// What was seen.
    pub detail: String,
}

/// All repositories of a source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// Sorted by id, each id once.
    pub repositories: Vec<Listed>,
    /// False when there may be more; absence of a repository then means nothing.
    pub complete: bool,
    /// Sorted by name.
    pub problems: Vec<Problem>,
}

/// A patch that is to stand as a pull request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication {
    /// Identity: at most one open pull request has it.
    pub intent: IntentId,
    /// The branch, without `refs/heads/`; always below `ligase/`.
    pub branch: String,
    /// The branch that it is to land on.
    pub base_branch: String,
    /// The commit that the patch was made against.
    pub base_revision: Oid,
    /// The new bytes of each file.
    pub changes: Vec<(RepoPath, Vec<u8>)>,
    /// The commit's message; the intent's trailer is added.
    pub message: String,
    /// The pull request's title; a label.
    pub title: String,
    /// The pull request's text; the intent's marker is added.
    pub body: String,
    /// Whether it is not ready for a merge yet.
    pub draft: bool,
    /// The head that we last pushed, if we did; anything else on the branch is a person's.
    pub expected_head: Option<Oid>,
    /// Author and date of the commit: of the intent's record, so that a second attempt makes the same commit.
    pub signer: Signer,
    /// The server's time.
    pub at: Timestamp,
}

/// A publication that stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Published {
    /// The pull request's number.
    pub number: u64,
    /// The branch's head.
    pub head: Oid,
    /// Whether it was opened by this call; false for one that was found and, if need be, brought up to date.
    pub created: bool,
}

/// Where a pull request stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PullState {
    /// It waits.
    Open,
    /// It was merged.
    Merged {
        /// The commit on the base branch that brought it in.
        commit: Oid,
        /// By whom.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// It was closed without a merge.
    Closed {
        /// By whom.
        by: Actor,
        /// When.
        at: Timestamp,
        /// What they said.
        reason: String,
    },
}

/// What a review says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// This head may land.
    Approved,
    /// This head must not land.
    ChangesRequested,
}

/// A review of one head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    /// The reviewer's login.
    pub by: String,
    /// The head that was reviewed.
    pub commit: Oid,
    /// What it says.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
}

/// A comment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// A merge that was undone on the base branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reverted {
    /// The commit that undid it.
    pub commit: Oid,
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A pull request of ours as the forge has it now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pull {
    /// Its number in its repository.
    pub number: u64,
    /// The intent that it is for.
    pub intent: IntentId,
    /// Its branch.
    pub branch: String,
    /// The branch that it is to land on.
    pub base_branch: String,
    /// The commit that the patch was made against.
    pub base_revision: Oid,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// The head that we last pushed.
    pub pushed_head: Oid,
    /// Where the branch stands now; another commit than ours, or none, is a person's doing.
    pub branch_head: Option<Oid>,
    /// Where it stands.
    pub state: PullState,
    /// Whether it was merged by a simulation, which proves nothing about people.
    pub simulated: bool,
    /// A revert of it that this forge made.
    pub reverted: Option<Reverted>,
    /// Reviews in order.
    pub reviews: Vec<Review>,
    /// Comments in order.
    pub comments: Vec<Comment>,
    /// When it was opened.
    pub opened: Timestamp,
}

impl Pull {
    /// Whether it waits.
    pub fn is_open(&self) -> bool {
        self.state == PullState::Open
    }

    /// Whether a person changed what we pushed: content is not written any more.
    pub fn is_human_touched(&self) -> bool {
        self.branch_head != Some(self.pushed_head)
    }

    /// Who approves the head that the branch has now: reviewers whose last word on it is yes, sorted.
    pub fn approved_by(&self) -> Vec<&str> {
        let Some(head) = self.branch_head else { return Vec::new() };
        let last: std::collections::BTreeMap<&str, Verdict> =
            self.reviews.iter().filter(|r| r.commit == head).map(|r| (r.by.as_str(), r.verdict)).collect();
        last.into_iter().filter(|(_, v)| *v == Verdict::Approved).map(|(by, _)| by).collect()
    }
}

/// A person's recorded yes to a commit: to all bytes that stand in its tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Approval {
    /// The commit.
    pub commit: Oid,
    /// The approver's login.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The commit that brought a file's bytes in, and who wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introduced {
    /// The commit.
    pub commit: Oid,
    /// Its author, as the commit says.
    pub author: Person,
    /// Its committer, as the commit says.
    pub committer: Person,
}

/// A forge. Every answer is read from it anew.
pub trait Forge: Send + Sync {
    /// What stands in [`RepositoryId::forge`].
    fn name(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// All its repositories.
    fn listing(&self) -> Result<Listing, ForgeError>;

    /// The default branch and its commit.
    fn head(&self, repository: &RepositoryId) -> Result<(String, Oid), ForgeError>;

    /// The default branches of several repositories and their commits, in the order asked; where asking for many at once
    /// costs less, a forge does so.
    fn heads(&self, repositories: &[&RepositoryId]) -> Vec<Result<(String, Oid), ForgeError>> {
        repositories.iter().map(|repository| self.head(repository)).collect()
    }

    /// Makes a publication stand: the branch at the commit, and one open pull request for the intent. Doing it twice
    /// changes nothing; an attempt that was cut off is completed. [`ForgeError::HumanTouched`] when the branch holds
    /// anything but what we pushed.
    fn publish(&self, repository: &RepositoryId, publication: &Publication) -> Result<Published, ForgeError>;

    /// All pull requests of ours, by number.
    fn pulls(&self, repository: &RepositoryId) -> Result<Vec<Pull>, ForgeError>;

    /// One pull request.
    fn pull(&self, repository: &RepositoryId, number: u64) -> Result<Pull, ForgeError>;

    /// Closes an open one without a merge.
    fn close(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &Actor,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError>;

    /// Says something on one.
    fn comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &Actor,
        text: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError>;

    /// Reviews the head of an open one. [`ForgeError::HeadMoved`] when it has another.
    fn review(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &str,
        head: &Oid,
        verdict: Verdict,
        at: Timestamp,
    ) -> Result<(), ForgeError>;

    /// Approves the head of an open one.
    fn approve(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &str,
        head: &Oid,
        at: Timestamp,
    ) -> Result<(), ForgeError> {
        self.review(repository, number, by, head, Verdict::Approved, at)
    }

    /// Merges an open one that has the expected head; the commit on the base branch. A draft is not merged.
    fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &Actor,
        expected_head: &Oid,
        simulated: bool,
        at: Timestamp,
    ) -> Result<Oid, ForgeError>;

    /// Says that a draft is ready for a merge. Saying it twice changes nothing.
    fn mark_ready(&self, repository: &RepositoryId, number: u64, by: &Actor, at: Timestamp) -> Result<(), ForgeError>;

    /// Undoes a merged one by a commit on the base branch.
    fn revert(&self, repository: &RepositoryId, number: u64, by: &Actor, at: Timestamp) -> Result<Oid, ForgeError>;

    /// Replaces title and text of an open one; the marker stays.
    fn update_body(
        &self,
        repository: &RepositoryId,
        number: u64,
        title: &str,
        body: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError>;

    /// Whose yes stands to which commits: approvals of revisions and of heads of pull requests, sorted.
    fn approvals(&self, repository: &RepositoryId) -> Result<Vec<Approval>, ForgeError>;

    /// Records a person's yes to a revision.
    fn approve_revision(
        &self,
        repository: &RepositoryId,
        revision: &Oid,
        by: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError>;

    /// Whether the approved commit has exactly this blob at this path.
    fn approval_covers(
        &self,
        repository: &RepositoryId,
        approval: &Approval,
        path: &RepoPath,
        blob: &Oid,
    ) -> Result<bool, ForgeError>;

    /// Which commit, seen from `tip`, brought this blob in at this path; `None` when it does not stand there.
    fn introduced(
        &self,
        repository: &RepositoryId,
        tip: &Oid,
        path: &RepoPath,
        blob: &Oid,
    ) -> Result<Option<Introduced>, ForgeError>;
}
