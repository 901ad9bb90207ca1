//! `local`: the forge of one machine. Repositories lie in a folder; pull requests, claims and approvals are kept inside each
//! repository as git objects under `refs/ligase/`, every transition a commit, every change a compare-and-swap. So the
//! forge's state survives the loss of everything else, and `git log refs/ligase/pulls/1` is a pull request's history.
//!
//! It refuses to touch a branch that is not below `ligase/`, except by merging or reverting on request, and never moves a
//! branch that somebody has checked out. Publishing is in `publish.rs`, landing in `land.rs`, the stored form in
//! `record.rs`, approvals in `approve.rs`, listing in `listing.rs`.

mod approve;
mod land;
mod listing;
mod publish;
mod record;

use crate::port::{
    Actor, Approval, Capabilities, Comment, Forge, Introduced, Listing, Publication, Published, Pull, PullState,
    Review, Verdict,
};
use crate::{ForgeError, mark_body};
use ligase_domain::{FailureReason, Oid, RepoPath, RepositoryId, Timestamp};
use ligase_vcs::{CasError, Repository, Signer};
use record::Record;
use std::path::PathBuf;

const NAME: &str = "local";
/// Each lost race means that somebody else's change was stored; so many in a row mean that something is wrong.
const TRIES: u32 = 100;
/// What GitHub allows, so that nothing that passes here is refused there.
const MAX_TEXT_BYTES: usize = 65_536;
const MAX_TITLE_BYTES: usize = 256;
/// More than any discussion; what is beyond is refused, not dropped.
const MAX_REMARKS: usize = 2000;
const MAX_LOGIN_BYTES: usize = 100;

/// Repositories in a folder of this machine.
pub struct LocalForge {
    folder: PathBuf,
}

impl LocalForge {
    /// Of a folder that holds `*.git` folders or ordinary repositories, directly or one level down.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Opens one of its repositories.
    pub fn repository(&self, id: &RepositoryId) -> Result<Repository, ForgeError> {
        if id.forge != NAME {
            return Err(ForgeError::failed(FailureReason::NotFound, format!("{id} is not of this forge")));
        }
        Ok(Repository::open(&listing::folder_of(&self.folder, &id.stable)?)?)
    }

    /// Reads a record, lets `change` change it, and stores it as the next commit of its ref. `change` says whether there is
    /// anything to store, and is asked again when somebody else was faster.
    fn change(
        &self,
        repository: &Repository,
        number: u64,
        log: &str,
        at: Timestamp,
        mut change: impl FnMut(&mut Record) -> Result<bool, ForgeError>,
    ) -> Result<(), ForgeError> {
        for _ in 0..TRIES {
            let (tip, mut record) = record::read(repository, number)?.ok_or(ForgeError::NoSuchPull(number))?;
            let head = record.head;
            if !change(&mut record)? {
                return Ok(());
            }
            // A new head becomes a parent, so that git keeps it as long as the record.
            let parents = if record.head == head { vec![tip] } else { vec![tip, record.head] };
            let next = record.commit(repository, &parents, log, at)?;
            match repository.compare_and_swap_ref(&record::pull_ref(number), Some(tip), Some(next), log) {
                Ok(()) => return Ok(()),
                Err(CasError::Moved { .. }) => {}
                Err(error) => return Err(of_swap(error)),
            }
        }
        Err(ForgeError::Contended(format!("pull request {number}")))
    }

    /// As [`LocalForge::change`], of one that is open.
    fn change_open(
        &self,
        repository: &Repository,
        number: u64,
        log: &str,
        at: Timestamp,
        mut change: impl FnMut(&mut Record) -> Result<bool, ForgeError>,
    ) -> Result<(), ForgeError> {
        self.observe(repository, number)?;
        self.change(repository, number, log, at, |record| {
            expect_open(record)?;
            change(record)
        })
    }

    /// The record as it stands, after a look at whether the head has landed on the base branch by other ways.
    fn observe(&self, repository: &Repository, number: u64) -> Result<Record, ForgeError> {
        let (_, record) = record::read(repository, number)?.ok_or(ForgeError::NoSuchPull(number))?;
        if record.state != PullState::Open {
            return Ok(record);
        }
        let Some(landed) = land::landed(repository, &record)? else { return Ok(record) };
        self.change(repository, number, "landed", record.opened, |record| {
            let open = record.state == PullState::Open;
            if open {
                land::settle(record, &landed);
            }
            Ok(open)
        })?;
        Ok(record::read(repository, number)?.ok_or(ForgeError::NoSuchPull(number))?.1)
    }
}

fn expect_open(record: &Record) -> Result<(), ForgeError> {
    let state = match record.state {
        PullState::Open => return Ok(()),
        PullState::Merged { .. } => "merged",
        PullState::Closed { .. } => "closed",
    };
    Err(ForgeError::NotOpen { number: record.number, state })
}

fn expect_text(what: &str, text: &str, limit: usize) -> Result<(), ForgeError> {
    let fits = text.len() <= limit && !text.contains('\0');
    if fits {
        Ok(())
    } else {
        Err(ForgeError::malformed(format!("{what} of {} bytes, the limit is {limit}", text.len())))
    }
}

/// A login stands in commits and in texts; it is held to what forges allow.
fn expect_login(login: &str) -> Result<(), ForgeError> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'+' | b'[' | b']');
    let first = login.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if first && login.len() <= MAX_LOGIN_BYTES && login.bytes().all(fine) {
        return Ok(());
    }
    Err(ForgeError::malformed(format!("{login:?} is no login")))
}

fn expect_actor(by: &Actor) -> Result<(), ForgeError> {
    if let Actor::Person(login) = by { expect_login(login) } else { Ok(()) }
}

/// Who a commit of the forge is by.
fn signer_of(by: &Actor, at: Timestamp) -> Signer {
    let seconds = at.0.div_euclid(1000);
    match by {
        Actor::Person(login) => Signer::new(login.as_str(), format!("{login}@users.noreply.local"), seconds),
        Actor::Ligase => Signer::new("Ligase", "ligase@users.noreply.local", seconds),
    }
}

fn of_swap(error: CasError) -> ForgeError {
    match error {
        CasError::Moved { found } => ForgeError::HumanTouched { found },
        CasError::CheckedOut => {
            ForgeError::NotAllowed("the branch is checked out in a working tree, where it is not moved".to_owned())
        }
        CasError::Failed(error) => error.into(),
    }
}

impl Forge for LocalForge {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { publish: true, merge: true, review: true, drafts: true, checks: false, webhooks: false }
    }

    fn listing(&self) -> Result<Listing, ForgeError> {
        listing::list(&self.folder)
    }

    fn head(&self, repository: &RepositoryId) -> Result<(String, Oid), ForgeError> {
        Ok(self.repository(repository)?.default_branch()?)
    }

    fn publish(&self, repository: &RepositoryId, publication: &Publication) -> Result<Published, ForgeError> {
        self.publish_in(&self.repository(repository)?, publication)
    }

    fn pulls(&self, repository: &RepositoryId) -> Result<Vec<Pull>, ForgeError> {
        let repository = self.repository(repository)?;
        let numbers = record::numbers(&repository)?;
        numbers.into_iter().map(|n| self.observe(&repository, n)?.into_pull(&repository)).collect()
    }

    fn pull(&self, repository: &RepositoryId, number: u64) -> Result<Pull, ForgeError> {
        let repository = self.repository(repository)?;
        self.observe(&repository, number)?.into_pull(&repository)
    }

    fn close(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &Actor,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError> {
        expect_actor(by)?;
        expect_text("a reason", reason, MAX_TEXT_BYTES)?;
        self.change_open(&self.repository(repository)?, number, "close", at, |record| {
            record.state = PullState::Closed { by: by.clone(), at, reason: reason.to_owned() };
            Ok(true)
        })
    }

    fn comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &Actor,
        text: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError> {
        expect_actor(by)?;
        expect_text("a comment", text, MAX_TEXT_BYTES)?;
        let comment = Comment { by: by.clone(), at, text: text.to_owned() };
        self.change(&self.repository(repository)?, number, "comment", at, |record| {
            if record.comments.len() >= MAX_REMARKS {
                return Err(ForgeError::NotAllowed(format!("there are {MAX_REMARKS} comments already")));
            }
            // The same words at the same moment are the same comment, said again after an answer was lost.
            let new = !record.comments.contains(&comment);
            if new {
                record.comments.push(comment.clone());
            }
            Ok(new)
        })
    }

    fn review(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &str,
        head: &Oid,
        verdict: Verdict,
        at: Timestamp,
    ) -> Result<(), ForgeError> {
        expect_login(by)?;
        let repository = self.repository(repository)?;
        self.change_open(&repository, number, "review", at, |record| {
            let found = repository.branch(&record.branch)?;
            if found != Some(*head) {
                return Err(ForgeError::HeadMoved { found });
            }
            if record.reviews.len() >= MAX_REMARKS {
                return Err(ForgeError::NotAllowed(format!("there are {MAX_REMARKS} reviews already")));
            }
            let last = record.reviews.iter().rfind(|r| r.by == by && r.commit == *head);
            let new = last.is_none_or(|r| r.verdict != verdict);
            if new {
                record.reviews.push(Review { by: by.to_owned(), commit: *head, verdict, at });
            }
            Ok(new)
        })
    }

    fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &Actor,
        expected_head: &Oid,
        simulated: bool,
        at: Timestamp,
    ) -> Result<Oid, ForgeError> {
        self.merge_in(&self.repository(repository)?, number, by, expected_head, simulated, at)
    }

    fn revert(&self, repository: &RepositoryId, number: u64, by: &Actor, at: Timestamp) -> Result<Oid, ForgeError> {
        self.revert_in(&self.repository(repository)?, number, by, at)
    }

    fn mark_ready(&self, repository: &RepositoryId, number: u64, by: &Actor, at: Timestamp) -> Result<(), ForgeError> {
        expect_actor(by)?;
        self.change_open(&self.repository(repository)?, number, "ready", at, |record| {
            Ok(std::mem::replace(&mut record.draft, false))
        })
    }

    fn update_body(
        &self,
        repository: &RepositoryId,
        number: u64,
        title: &str,
        body: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError> {
        expect_text("a title", title, MAX_TITLE_BYTES)?;
        expect_text("a text", body, MAX_TEXT_BYTES)?;
        self.change_open(&self.repository(repository)?, number, "text", at, |record| {
            let body = mark_body(body, &record.intent);
            let new = record.title != title || record.body != body;
            (record.title, record.body) = (title.to_owned(), body);
            Ok(new)
        })
    }

    fn approvals(&self, repository: &RepositoryId) -> Result<Vec<Approval>, ForgeError> {
        self.approvals_in(&self.repository(repository)?)
    }

    fn approve_revision(
        &self,
        repository: &RepositoryId,
        revision: &Oid,
        by: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError> {
        self.approve_revision_in(&self.repository(repository)?, revision, by, at)
    }

    fn approval_covers(
        &self,
        repository: &RepositoryId,
        approval: &Approval,
        path: &RepoPath,
        blob: &Oid,
    ) -> Result<bool, ForgeError> {
        let entry = self.repository(repository)?.entry_at(&approval.commit, path)?;
        Ok(entry.is_some_and(|e| e.oid == *blob))
    }

    fn introduced(
        &self,
        repository: &RepositoryId,
        tip: &Oid,
        path: &RepoPath,
        blob: &Oid,
    ) -> Result<Option<Introduced>, ForgeError> {
        let repository = self.repository(repository)?;
        let Some(commit) = repository.introduced_by(tip, path, blob)? else { return Ok(None) };
        let said = repository.commit(&commit)?;
        Ok(Some(Introduced { commit, author: said.author, committer: said.committer }))
    }
}
