//! What commits say: their people and trailers, who is whose ancestor, what changed between two of them, and which commit
//! brought a file's present bytes in. Walks are bounded; a history that is longer is refused, never guessed.

use crate::objects::{self, ChildKind};
use crate::repository::{Repository, domain_oid};
use crate::tree::{join, pair};
use crate::{MAX_DEPTH, MAX_PATHS, VcsError};
use ligase_domain::{FailureReason, Oid, RepoPath, Timestamp};
use std::collections::HashSet;

/// The most commits that one question walks; the longest public histories have a million on all branches.
const MAX_COMMITS: usize = 1_000_000;

/// A person as a commit names them. Git checks neither.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// What a commit says of itself. Text that is not UTF-8 has replacement characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Its id.
    pub id: Oid,
    /// Its tree.
    pub tree: Oid,
    /// Its parents in order.
    pub parents: Vec<Oid>,
    /// Who wrote the change.
    pub author: Person,
    /// When, by the author's clock.
    pub authored: Timestamp,
    /// Who made the commit.
    pub committer: Person,
    /// When, by the committer's clock.
    pub committed: Timestamp,
    /// The message.
    pub message: String,
    /// The message's trailers in order.
    pub trailers: Vec<(String, String)>,
}

impl Commit {
    /// The values of a trailer, by name, ignoring case.
    pub fn trailer<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.trailers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// One path that differs between two commits: the blob before and after.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Changed {
    /// The path.
    pub path: RepoPath,
    /// What stood there, if anything did.
    pub before: Option<Oid>,
    /// What stands there, if anything does.
    pub after: Option<Oid>,
}

impl Repository {
    /// What a commit says of itself.
    pub fn commit(&self, oid: &Oid) -> Result<Commit, VcsError> {
        let handle = self.handle()?;
        let commit = objects::commit(&handle, oid)?;
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let person = |s: &git2::Signature<'_>| Person { name: lossy(s.name_bytes()), email: lossy(s.email_bytes()) };
        let time = |s: &git2::Signature<'_>| Timestamp(s.when().seconds().saturating_mul(1000));
        let message = lossy(commit.message_bytes());
        let trailers = git2::message_trailers_strs(&message)
            .map(|t| t.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
            .unwrap_or_default();
        let (author, committer) = (commit.author(), commit.committer());
        Ok(Commit {
            id: *oid,
            tree: domain_oid("tree", commit.tree_id())?,
            parents: commit.parent_ids().map(|p| domain_oid("parent", p)).collect::<Result<_, _>>()?,
            author: person(&author),
            authored: time(&author),
            committer: person(&committer),
            committed: time(&committer),
            message,
            trailers,
        })
    }

    /// Whether `ancestor` is `descendant` or one of its ancestors.
    pub fn is_ancestor(&self, ancestor: &Oid, descendant: &Oid) -> Result<bool, VcsError> {
        if ancestor == descendant {
            return Ok(true);
        }
        let handle = self.handle()?;
        let (mut seen, mut next) = (HashSet::from([*descendant]), vec![*descendant]);
        while let Some(commit) = next.pop() {
            for parent in objects::commit(&handle, &commit)?.parent_ids() {
                let parent = domain_oid("parent", parent)?;
                if parent == *ancestor {
                    return Ok(true);
                }
                if seen.insert(parent) {
                    next.push(parent);
                }
            }
            if seen.len() > MAX_COMMITS {
                return Err(VcsError::new(FailureReason::OverBudget, format!("more than {MAX_COMMITS} commits")));
            }
        }
        Ok(false)
    }

    /// The paths that differ between two commits, sorted. Folders that are equal are not entered.
    pub fn changed_paths(&self, before: &Oid, after: &Oid) -> Result<Vec<Changed>, VcsError> {
        let handle = self.handle()?;
        let root = |commit: &Oid| objects::commit(&handle, commit).and_then(|c| domain_oid("tree", c.tree_id()));
        let mut folders = vec![(RepoPath::new(Vec::new()), Some(root(before)?), Some(root(after)?), 0)];
        let (mut changed, mut entered) = (Vec::new(), 0);
        while let Some((folder, left, right, depth)) = folders.pop() {
            entered += 1;
            if depth > MAX_DEPTH || entered > MAX_PATHS || changed.len() > MAX_PATHS {
                return Err(VcsError::new(FailureReason::OverBudget, format!("too much differs below {folder:?}")));
            }
            for (name, sides) in pair(&handle, left.as_ref(), right.as_ref())? {
                if sides[0] == sides[1] {
                    continue;
                }
                let of = |side: usize, folder: bool| {
                    sides[side].filter(|(kind, _)| (*kind == ChildKind::Folder) == folder).map(|(_, oid)| oid)
                };
                let path = join(&folder, &name);
                let (before, after) = (of(0, false), of(1, false));
                if before.is_some() || after.is_some() {
                    changed.push(Changed { path: path.clone(), before, after });
                }
                let (left, right) = (of(0, true), of(1, true));
                if left.is_some() || right.is_some() {
                    folders.push((path, left, right, depth + 1));
                }
            }
        }
        changed.sort();
        Ok(changed)
    }

    /// The commit that brought in the bytes which stand at `path` in `tip`: the one on the way down from `tip` none of
    /// whose parents has the same blob there. `None` when `tip` has another blob there, or none.
    pub fn introduced_by(&self, tip: &Oid, path: &RepoPath, blob: &Oid) -> Result<Option<Oid>, VcsError> {
        let holds = |commit: &Oid| Ok::<_, VcsError>(self.entry_at(commit, path)?.is_some_and(|e| e.oid == *blob));
        if !holds(tip)? {
            return Ok(None);
        }
        let mut at = *tip;
        'down: for _ in 0..MAX_COMMITS {
            for parent in self.commit(&at)?.parents {
                if holds(&parent)? {
                    at = parent;
                    continue 'down;
                }
            }
            return Ok(Some(at));
        }
        Err(VcsError::new(FailureReason::OverBudget, format!("more than {MAX_COMMITS} commits since {path:?} changed")))
    }
}
