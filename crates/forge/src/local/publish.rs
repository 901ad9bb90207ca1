//! Making a publication stand: claim, branch, record, in this order, each by compare-and-swap, each found again by whoever
//! comes after a crash.
//!
//! The claim decides: one ref per intent, so that however many processes try, one number belongs to it at a time. It names
//! each head before the branch is moved to it. A branch that holds neither what the caller last pushed, nor what a claim or a
//! record of ours names, holds a person's work, and is left alone.

use super::record::{self, Claim, Record};
use super::{LocalForge, MAX_TEXT_BYTES, MAX_TITLE_BYTES, TRIES, expect_text, of_swap};
use crate::port::{Publication, Published, PullState};
use crate::{ForgeError, mark_body, mark_message};
use ligase_domain::Oid;
use ligase_vcs::{CasError, Repository};

/// Heads that a claim remembers: attempts for one intent between two of which no record was made.
const MAX_HEADS: usize = 100;

impl LocalForge {
    pub(super) fn publish_in(
        &self,
        repository: &Repository,
        publication: &Publication,
    ) -> Result<Published, ForgeError> {
        check(publication)?;
        if repository.branch(&publication.base_branch)?.is_none() {
            return Err(ForgeError::NotAllowed(format!("there is no branch {}", publication.base_branch)));
        }
        let message = mark_message(&publication.message, &publication.intent);
        let head = repository.commit_changes(
            &publication.base_revision,
            &publication.changes,
            &message,
            &publication.signer,
        )?;
        let mut pushed = false;
        for _ in 0..TRIES {
            let (tip, claim) = record::read_claim(repository, &publication.intent)?.unzip();
            let standing = match &claim {
                Some(claim) => self.of_intent(repository, claim.number, publication)?,
                None => Standing::Free,
            };
            let number = match (&standing, &claim) {
                (Standing::Open(record), _) => record.number,
                (Standing::Free, Some(claim)) => claim.number,
                _ => next_number(repository)?,
            };
            let ours = owned_heads(&standing, claim.as_ref(), head);
            if !pushed {
                let found = expect_ours(repository, publication, &ours)?;
                // A record is made after its branch; so the branch of an open one was there, and a person removed it.
                if found.is_none() && matches!(standing, Standing::Open(_)) {
                    return Err(ForgeError::HumanTouched { found });
                }
            }
            let wanted = Claim { number, heads: with_head(claim.as_ref(), head) };
            if claim.as_ref() != Some(&wanted) && !wanted.store(repository, &publication.intent, tip, publication.at)? {
                continue;
            }
            if !pushed {
                push(repository, publication, head, &ours)?;
                pushed = true;
            }
            if let Some(published) = self.store(repository, publication, number, head, &standing)? {
                return Ok(published);
            }
        }
        Err(ForgeError::Contended(format!("the intent {}", publication.intent)))
    }

    /// What stands under the number that an intent claims.
    fn of_intent(
        &self,
        repository: &Repository,
        number: u64,
        publication: &Publication,
    ) -> Result<Standing, ForgeError> {
        if record::read(repository, number)?.is_none() {
            return Ok(Standing::Free);
        }
        let record = self.observe(repository, number)?;
        Ok(match record.state {
            // Two intents may have claimed one number; the record says whose it became.
            _ if record.intent != publication.intent => Standing::Taken,
            PullState::Open => Standing::Open(Box::new(record)),
            PullState::Merged { .. } | PullState::Closed { .. } => Standing::Ended(Box::new(record)),
        })
    }

    /// Opens the record or brings it up to date; `None` when somebody was faster and all is to be looked at again.
    fn store(
        &self,
        repository: &Repository,
        publication: &Publication,
        number: u64,
        head: Oid,
        standing: &Standing,
    ) -> Result<Option<Published>, ForgeError> {
        if let Standing::Open(_) = standing {
            let stored = self.change_open(repository, number, "push", publication.at, |record| {
                // Asked again after each lost race: whoever stores last has looked at the branch last.
                expect_head(repository, publication, head)?;
                let before = record.clone();
                bring_up_to_date(record, publication, head);
                Ok(*record != before)
            });
            return match stored {
                Ok(()) => Ok(Some(Published { number, head, created: false })),
                // Closed or merged in between: the intent may have a new one.
                Err(ForgeError::NotOpen { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        expect_head(repository, publication, head)?;
        let base_tip = repository.branch(&publication.base_branch)?;
        let created = Record::open(number, publication, head, base_tip).create(repository, publication.at)?;
        Ok(created.then_some(Published { number, head, created: true }))
    }
}

enum Standing {
    /// Nothing stands under the number.
    Free,
    /// Another intent's pull request does.
    Taken,
    /// Ours does, and is open.
    Open(Box<Record>),
    /// Ours does, and is merged or closed.
    Ended(Box<Record>),
}

/// Heads on the branch that are certainly ours.
fn owned_heads(standing: &Standing, claim: Option<&Claim>, head: Oid) -> Vec<Oid> {
    let mut ours = vec![head];
    ours.extend(claim.into_iter().flat_map(|c| &c.heads));
    if let Standing::Open(record) | Standing::Ended(record) = standing {
        ours.push(record.head);
    }
    ours
}

/// The claim's heads with this one last.
fn with_head(claim: Option<&Claim>, head: Oid) -> Vec<Oid> {
    let before = claim.map(|c| c.heads.as_slice()).unwrap_or_default();
    if before.last() == Some(&head) {
        return before.to_vec();
    }
    let mut heads: Vec<Oid> = before.iter().copied().filter(|h| *h != head).chain([head]).collect();
    heads.drain(..heads.len().saturating_sub(MAX_HEADS));
    heads
}

/// What the branch holds, if that is ours or what the caller expects.
fn expect_ours(repository: &Repository, publication: &Publication, ours: &[Oid]) -> Result<Option<Oid>, ForgeError> {
    let found = repository.branch(&publication.branch)?;
    let ok = match found {
        Some(oid) => publication.expected_head == Some(oid) || ours.contains(&oid),
        // A person who removed a branch that we had pushed wants it gone.
        None => publication.expected_head.is_none(),
    };
    if ok { Ok(found) } else { Err(not_ours(repository, publication, found)?) }
}

/// After the push: does the branch still hold it?
fn expect_head(repository: &Repository, publication: &Publication, head: Oid) -> Result<(), ForgeError> {
    let found = repository.branch(&publication.branch)?;
    if found == Some(head) { Ok(()) } else { Err(not_ours(repository, publication, found)?) }
}

/// Whose head is it? One that is claimed by now belongs to another process of ours that publishes the same intent.
fn not_ours(repository: &Repository, publication: &Publication, found: Option<Oid>) -> Result<ForgeError, ForgeError> {
    let claim = record::read_claim(repository, &publication.intent)?;
    let claimed = found.is_some_and(|oid| claim.is_some_and(|(_, c)| c.heads.contains(&oid)));
    Ok(if claimed {
        ForgeError::Contended(format!("the branch {}", publication.branch))
    } else {
        ForgeError::HumanTouched { found }
    })
}

fn push(repository: &Repository, publication: &Publication, head: Oid, ours: &[Oid]) -> Result<(), ForgeError> {
    for _ in 0..TRIES {
        let found = expect_ours(repository, publication, ours)?;
        if found == Some(head) {
            return Ok(());
        }
        let name = format!("refs/heads/{}", publication.branch);
        match repository.compare_and_swap_ref(&name, found, Some(head), "ligase: publish") {
            Ok(()) => return Ok(()),
            Err(CasError::Moved { .. }) => {}
            Err(error) => return Err(of_swap(error)),
        }
    }
    Err(ForgeError::Contended(format!("the branch {}", publication.branch)))
}

fn bring_up_to_date(record: &mut Record, publication: &Publication, head: Oid) {
    if record.head == head {
        return;
    }
    record.head = head;
    record.base_revision = publication.base_revision;
    record.title.clone_from(&publication.title);
    record.body = mark_body(&publication.body, &publication.intent);
    record.draft = publication.draft;
}

fn next_number(repository: &Repository) -> Result<u64, ForgeError> {
    Ok(record::numbers(repository)?.last().map_or(1, |last| last + 1))
}

fn check(publication: &Publication) -> Result<(), ForgeError> {
    let branch = &publication.branch;
    if !branch.starts_with("ligase/") || *branch == publication.base_branch {
        return Err(ForgeError::malformed(format!("{branch:?} is no branch for a publication")));
    }
    if publication.changes.is_empty() {
        return Err(ForgeError::malformed("a publication without changes"));
    }
    expect_text("a title", &publication.title, MAX_TITLE_BYTES)?;
    expect_text("a text", &publication.body, MAX_TEXT_BYTES)
}
