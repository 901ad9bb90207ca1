//! Landing: merging a head that somebody looked at, undoing a merge, and noticing that a head has landed by other ways (a
//! person merged and pushed, or we were cut off between the base branch and the record).
//!
//! The base branch moves first, the record follows: what is on the base branch is the truth, and the record can be made
//! from it again, because the merge commit says who asked for it.

use super::record::Record;
use super::{LocalForge, TRIES, expect_actor, of_swap, signer_of};
use crate::ForgeError;
use crate::port::{Actor, PullState, Reverted};
use ligase_domain::{Oid, Timestamp};
use ligase_vcs::{CasError, Commit, Repository};
use std::collections::{BTreeMap, BTreeSet};

const NUMBER_TRAILER: &str = "Ligase-Pull";
const BY_TRAILER: &str = "Ligase-Merged-By";
const REVERTS_TRAILER: &str = "Ligase-Reverts";
const SIMULATED_TRAILER: &str = "Ligase-Simulated";
/// How far back from the base branch's tip a landed head is looked for: far more commits than land while one pull request
/// is open. A head that landed further back is still judged by what the default branch holds.
const MAX_COMMITS: usize = 20_000;
/// Commits that claim to be this much older than the pull request are not looked behind; people's clocks are wrong by less.
const CLOCK_SLACK_MS: i64 = 30 * 24 * 3_600_000;

/// A head that was found on the base branch.
pub(super) struct Landed {
    commit: Oid,
    by: Actor,
    at: Timestamp,
    simulated: bool,
}

impl LocalForge {
    pub(super) fn merge_in(
        &self,
        repository: &Repository,
        number: u64,
        by: &Actor,
        expected_head: &Oid,
        simulated: bool,
        at: Timestamp,
    ) -> Result<Oid, ForgeError> {
        expect_actor(by)?;
        let record = self.observe(repository, number)?;
        if let PullState::Merged { commit, .. } = record.state
            && repository.commit(&commit)?.parents.contains(expected_head)
        {
            return Ok(commit);
        }
        super::expect_open(&record)?;
        if record.draft {
            return Err(ForgeError::NotAllowed(format!("pull request {number} is a draft")));
        }
        let found = repository.branch(&record.branch)?;
        if found != Some(*expected_head) {
            return Err(ForgeError::HeadMoved { found });
        }
        let message = merge_message(&record, by, simulated);
        let commit = advance(repository, &record.base_branch, |tip| {
            Ok(repository.merge_commit(tip, expected_head, &message, &signer_of(by, at))?)
        })?;
        let landed = Landed { commit, by: by.clone(), at, simulated };
        // Whatever was recorded in between: the base branch has it.
        self.change(repository, number, "merge", at, |record| {
            let new = !matches!(record.state, PullState::Merged { .. });
            if new {
                settle(record, &landed);
            }
            Ok(new)
        })?;
        Ok(commit)
    }

    pub(super) fn revert_in(
        &self,
        repository: &Repository,
        number: u64,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Oid, ForgeError> {
        expect_actor(by)?;
        let record = self.observe(repository, number)?;
        let PullState::Merged { commit: merged, .. } = record.state else {
            return Err(ForgeError::NotAllowed(format!("pull request {number} is not merged")));
        };
        if let Some(reverted) = record.reverted {
            return Ok(reverted.commit);
        }
        let message = format!(
            "Revert \"{}\"\n\nThis reverts pull request {number}, merged in {merged}.\n\n{REVERTS_TRAILER}: {number}",
            record.title
        );
        // An attempt that was cut off before the record is found on the base branch.
        let commit = match reverted(repository, &record, &merged)? {
            Some(commit) => commit,
            None => advance(repository, &record.base_branch, |tip| {
                Ok(repository.revert_commit(&merged, tip, &message, &signer_of(by, at))?)
            })?,
        };
        self.change(repository, number, "revert", at, |record| {
            let first = record.reverted.is_none();
            if first {
                record.reverted = Some(Reverted { commit, by: by.clone(), at });
            }
            Ok(first)
        })?;
        Ok(commit)
    }
}

/// Our commit on the base branch, after the merge, that undid it.
fn reverted(repository: &Repository, record: &Record, merged: &Oid) -> Result<Option<Oid>, ForgeError> {
    let mut at = repository.branch(&record.base_branch)?;
    for _ in 0..MAX_COMMITS {
        let Some(oid) = at.filter(|oid| oid != merged) else { return Ok(None) };
        let commit = repository.commit(&oid)?;
        if commit.trailer(REVERTS_TRAILER).any(|n| n == record.number.to_string()) {
            return Ok(Some(oid));
        }
        at = commit.parents.first().copied();
    }
    Ok(None)
}

/// Moves a branch to a commit that is built on its tip; built again when the branch moved meanwhile.
fn advance(
    repository: &Repository,
    branch: &str,
    build: impl Fn(&Oid) -> Result<Oid, ForgeError>,
) -> Result<Oid, ForgeError> {
    let name = format!("refs/heads/{branch}");
    for _ in 0..TRIES {
        let tip = repository.branch(branch)?;
        let tip = tip.ok_or_else(|| ForgeError::NotAllowed(format!("there is no branch {branch}")))?;
        let next = build(&tip)?;
        match repository.compare_and_swap_ref(&name, Some(tip), Some(next), "ligase: land") {
            Ok(()) => return Ok(next),
            Err(CasError::Moved { .. }) => {}
            Err(error) => return Err(of_swap(error)),
        }
    }
    Err(ForgeError::Contended(format!("the branch {branch}")))
}

fn merge_message(record: &Record, by: &Actor, simulated: bool) -> String {
    let mut message =
        format!("Merge pull request {}: {}\n\n{NUMBER_TRAILER}: {}", record.number, record.title, record.number);
    message.push_str(&match by {
        Actor::Person(login) => format!("\n{BY_TRAILER}: {login}"),
        Actor::Ligase => String::new(),
    });
    if simulated {
        message.push_str(&format!("\n{SIMULATED_TRAILER}: true"));
    }
    message
}

pub(super) fn settle(record: &mut Record, landed: &Landed) {
    record.state = PullState::Merged { commit: landed.commit, by: landed.by.clone(), at: landed.at };
    record.simulated = landed.simulated;
}

/// Whether the head that we pushed, or the one that a person put in its place, is part of the base branch. A branch that
/// was merely set to a commit of the base branch has not landed: there has to be a merge, or our head.
pub(super) fn landed(repository: &Repository, record: &Record) -> Result<Option<Landed>, ForgeError> {
    let Some(tip) = repository.branch(&record.base_branch)? else { return Ok(None) };
    if Some(tip) == record.base_tip {
        return Ok(None);
    }
    let seen = recent(repository, &tip, record)?;
    let theirs = repository.branch(&record.branch)?.filter(|head| *head != record.head);
    let commit = merge_of(&seen, &tip, &record.head)
        .or_else(|| theirs.and_then(|head| merge_of(&seen, &tip, &head).filter(|commit| *commit != head)));
    let Some(commit) = commit else { return Ok(None) };
    let said = repository.commit(&commit)?;
    let ours = said.trailer(NUMBER_TRAILER).any(|n| n == record.number.to_string());
    let simulated = ours && said.trailer(SIMULATED_TRAILER).any(|v| v == "true");
    let by = match said.trailer(BY_TRAILER).next() {
        Some(login) if ours => Actor::Person(login.to_owned()),
        None if ours => Actor::Ligase,
        _ => Actor::Person(said.committer.name.clone()),
    };
    Ok(Some(Landed { commit, by, at: said.committed, simulated }))
}

/// The commits that came to the base branch since the pull request was opened; none when there are too many to say.
fn recent(repository: &Repository, tip: &Oid, record: &Record) -> Result<BTreeMap<Oid, Commit>, ForgeError> {
    let oldest = record.opened.0.saturating_sub(CLOCK_SLACK_MS);
    let mut seen: BTreeMap<Oid, Commit> = BTreeMap::new();
    let mut next = vec![*tip];
    while let Some(oid) = next.pop() {
        if seen.contains_key(&oid) || Some(oid) == record.base_tip {
            continue;
        }
        if seen.len() >= MAX_COMMITS {
            return Ok(BTreeMap::new());
        }
        let commit = repository.commit(&oid)?;
        if commit.committed.0 >= oldest {
            next.extend(&commit.parents);
        }
        seen.insert(oid, commit);
    }
    Ok(seen)
}

/// The oldest commit on the first-parent line of `tip` that is `head` or has it among its ancestors.
fn merge_of(seen: &BTreeMap<Oid, Commit>, tip: &Oid, head: &Oid) -> Option<Oid> {
    if !seen.contains_key(head) {
        return None;
    }
    let containing = descendants(seen, head);
    let mut at = *tip;
    while let Some(first) = seen.get(&at).and_then(|c| c.parents.first()).filter(|p| containing.contains(p)) {
        at = *first;
    }
    Some(at)
}

/// `head` and every seen commit that it is an ancestor of.
fn descendants(seen: &BTreeMap<Oid, Commit>, head: &Oid) -> BTreeSet<Oid> {
    let mut children: BTreeMap<Oid, Vec<Oid>> = BTreeMap::new();
    for (oid, commit) in seen {
        for parent in &commit.parents {
            children.entry(*parent).or_default().push(*oid);
        }
    }
    let (mut found, mut next) = (BTreeSet::from([*head]), vec![*head]);
    while let Some(oid) = next.pop() {
        for child in children.get(&oid).into_iter().flatten() {
            if found.insert(*child) {
                next.push(*child);
            }
        }
    }
    found
}
