//! The stored form of a pull request: `pull.json` in the tree of a commit on `refs/ligase/pulls/<n>`, and the claim that
//! binds an intent to a number, `claim.json` on `refs/ligase/intents/<intent>`. Versioned; fields in a fixed order;
//! fields that are not known are kept; another version is read as an error and never written over.

use crate::ForgeError;
use crate::local::signer_of;
use crate::port::{Actor, Comment, Pull, PullState, Reverted, Review, Verdict};
use ligase_domain::{Digest, FailureReason, IntentId, Oid, RepoPath, Timestamp};
use ligase_vcs::Repository;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const PULLS: &str = "refs/ligase/pulls/";
const INTENTS: &str = "refs/ligase/intents/";
const PULL_TYPE: &str = "ligase.local.pull";
const CLAIM_TYPE: &str = "ligase.local.claim";
const VERSION: u32 = 1;
/// Room for every remark at its largest would be 256 MiB; nobody writes that, and a record over this is refused.
const MAX_RECORD_BYTES: u64 = 16 << 20;

/// One pull request as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) intent: IntentId,
    pub(super) branch: String,
    pub(super) base_branch: String,
    pub(super) base_revision: Oid,
    /// Where the base branch stood when it was opened: the head cannot have landed there yet.
    pub(super) base_tip: Option<Oid>,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) draft: bool,
    pub(super) head: Oid,
    pub(super) opened: Timestamp,
    pub(super) state: PullState,
    pub(super) simulated: bool,
    pub(super) reverted: Option<Reverted>,
    pub(super) reviews: Vec<Review>,
    pub(super) comments: Vec<Comment>,
    other: Map<String, Value>,
}

/// What binds an intent to a number, and which heads were about to be pushed for it, the last one last: written before the
/// branch is touched, so that whoever comes after a crash knows our own commits from a person's.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Claim {
    pub(super) number: u64,
    pub(super) heads: Vec<Oid>,
}

pub(super) fn pull_ref(number: u64) -> String {
    format!("{PULLS}{number}")
}

fn claim_ref(intent: &IntentId) -> String {
    format!("{INTENTS}{intent}")
}

/// Numbers of all pull requests, in order.
pub(super) fn numbers(repository: &Repository) -> Result<Vec<u64>, ForgeError> {
    let refs = repository.refs(PULLS)?;
    let mut numbers: Vec<u64> = refs.iter().filter_map(|(name, _)| number_of(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PULLS)?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits && number > 0).then_some(number)
}

/// The record of a number with the commit that holds it, if there is one.
pub(super) fn read(repository: &Repository, number: u64) -> Result<Option<(Oid, Record)>, ForgeError> {
    let Some(tip) = repository.reference(&pull_ref(number))? else { return Ok(None) };
    let stored: StoredPull = read_json(repository, &tip, "pull.json")?;
    let record = stored.into_record().ok_or_else(|| unreadable(&format!("pull request {number}")))?;
    if record.number != number {
        return Err(unreadable(&format!("pull request {number}")));
    }
    Ok(Some((tip, record)))
}

/// The claim of an intent with the commit that holds it, if there is one.
pub(super) fn read_claim(repository: &Repository, intent: &IntentId) -> Result<Option<(Oid, Claim)>, ForgeError> {
    let Some(tip) = repository.reference(&claim_ref(intent))? else { return Ok(None) };
    let stored: StoredClaim = read_json(repository, &tip, "claim.json")?;
    let fits = stored.kind == CLAIM_TYPE && stored.version == VERSION && stored.intent == intent.to_string();
    let heads: Option<Vec<Oid>> = stored.heads.iter().map(|h| h.parse().ok()).collect();
    let heads = heads.filter(|_| fits).ok_or_else(|| unreadable("a claim"))?;
    Ok(Some((tip, Claim { number: stored.number, heads })))
}

impl Claim {
    /// Stores the claim, if the intent's is still `before`; false when somebody was faster.
    pub(super) fn store(
        &self,
        repository: &Repository,
        intent: &IntentId,
        before: Option<Oid>,
        at: Timestamp,
    ) -> Result<bool, ForgeError> {
        let stored = StoredClaim {
            kind: CLAIM_TYPE.to_owned(),
            version: VERSION,
            intent: intent.to_string(),
            number: self.number,
            heads: self.heads.iter().map(ToString::to_string).collect(),
        };
        let log = format!("claim {}", self.number);
        let commit = commit_json(repository, &before.into_iter().collect::<Vec<_>>(), "claim.json", &stored, &log, at)?;
        swapped(repository.compare_and_swap_ref(&claim_ref(intent), before, Some(commit), &log))
    }
}

impl Record {
    /// A pull request that is about to be opened.
    pub(super) fn open(number: u64, publication: &crate::Publication, head: Oid, base_tip: Option<Oid>) -> Self {
        Self {
            number,
            intent: publication.intent,
            branch: publication.branch.clone(),
            base_branch: publication.base_branch.clone(),
            base_revision: publication.base_revision,
            base_tip,
            title: publication.title.clone(),
            body: crate::mark_body(&publication.body, &publication.intent),
            draft: publication.draft,
            head,
            opened: publication.at,
            state: PullState::Open,
            simulated: false,
            reverted: None,
            reviews: Vec::new(),
            comments: Vec::new(),
            other: Map::new(),
        }
    }

    /// Stores it under its number, if that is free; false when it is not.
    pub(super) fn create(&self, repository: &Repository, at: Timestamp) -> Result<bool, ForgeError> {
        let commit = self.commit(repository, &[self.head], "open", at)?;
        swapped(repository.compare_and_swap_ref(&pull_ref(self.number), None, Some(commit), "open"))
    }

    /// The commit that holds it.
    pub(super) fn commit(
        &self,
        repository: &Repository,
        parents: &[Oid],
        log: &str,
        at: Timestamp,
    ) -> Result<Oid, ForgeError> {
        commit_json(repository, parents, "pull.json", &StoredPull::of(self), log, at)
    }

    /// As the port shows it.
    pub(super) fn into_pull(self, repository: &Repository) -> Result<Pull, ForgeError> {
        let branch_head = repository.branch(&self.branch)?;
        Ok(Pull {
            number: self.number,
            intent: self.intent,
            branch: self.branch,
            base_branch: self.base_branch,
            base_revision: self.base_revision,
            title: self.title,
            body: self.body,
            draft: self.draft,
            pushed_head: self.head,
            branch_head,
            state: self.state,
            simulated: self.simulated,
            reverted: self.reverted,
            reviews: self.reviews,
            comments: self.comments,
            opened: self.opened,
        })
    }
}

fn swapped(result: Result<(), ligase_vcs::CasError>) -> Result<bool, ForgeError> {
    match result {
        Ok(()) => Ok(true),
        Err(ligase_vcs::CasError::Moved { .. }) => Ok(false),
        Err(error) => Err(super::of_swap(error)),
    }
}

/// Bytes of a record: JSON in the order of its fields, with a newline at the end.
pub(super) fn commit_json(
    repository: &Repository,
    parents: &[Oid],
    file: &str,
    stored: &impl Serialize,
    log: &str,
    at: Timestamp,
) -> Result<Oid, ForgeError> {
    let mut bytes = serde_json::to_vec_pretty(stored).map_err(|e| ForgeError::malformed(e.to_string()))?;
    bytes.push(b'\n');
    if bytes.len() as u64 > MAX_RECORD_BYTES {
        return Err(ForgeError::failed(FailureReason::OverBudget, format!("a record of {} bytes", bytes.len())));
    }
    Ok(repository.commit_files(parents, &[(RepoPath::from(file), bytes)], log, &signer_of(&Actor::Ligase, at))?)
}

pub(super) fn read_json<T: for<'a> Deserialize<'a>>(
    repository: &Repository,
    tip: &Oid,
    file: &str,
) -> Result<T, ForgeError> {
    let bytes = repository.read_at(tip, &RepoPath::from(file), MAX_RECORD_BYTES)?;
    let bytes = bytes.ok_or_else(|| unreadable(file))?;
    serde_json::from_slice(&bytes).map_err(|e| ForgeError::malformed(format!("{file} in {tip}: {e}")))
}

pub(super) fn unreadable(what: &str) -> ForgeError {
    ForgeError::malformed(format!("{what} is kept in a form that this version does not read"))
}

#[derive(Serialize, Deserialize)]
struct StoredClaim {
    #[serde(rename = "type")]
    kind: String,
    version: u32,
    intent: String,
    number: u64,
    heads: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredPull {
    #[serde(rename = "type")]
    kind: String,
    version: u32,
    number: u64,
    intent: String,
    branch: String,
    base_branch: String,
    base_revision: String,
    base_tip: Option<String>,
    title: String,
    body: String,
    draft: bool,
    head: String,
    opened_ms: i64,
    state: StoredState,
    simulated: bool,
    reverted: Option<StoredAct>,
    reviews: Vec<StoredReview>,
    comments: Vec<StoredComment>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredState {
    Open,
    Merged(StoredAct),
    Closed { by: StoredActor, at_ms: i64, reason: String },
}

#[derive(Serialize, Deserialize)]
struct StoredAct {
    commit: String,
    by: StoredActor,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredActor {
    Person(String),
    Ligase,
}

#[derive(Serialize, Deserialize)]
struct StoredReview {
    by: String,
    commit: String,
    verdict: StoredVerdict,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredVerdict {
    Approved,
    ChangesRequested,
}

#[derive(Serialize, Deserialize)]
struct StoredComment {
    by: StoredActor,
    at_ms: i64,
    text: String,
}

impl From<&Actor> for StoredActor {
    fn from(actor: &Actor) -> Self {
        match actor {
            Actor::Person(login) => Self::Person(login.clone()),
            Actor::Ligase => Self::Ligase,
        }
    }
}

impl From<StoredActor> for Actor {
    fn from(actor: StoredActor) -> Self {
        match actor {
            StoredActor::Person(login) => Self::Person(login),
            StoredActor::Ligase => Self::Ligase,
        }
    }
}

fn stored_act(commit: &Oid, by: &Actor, at: Timestamp) -> StoredAct {
    StoredAct { commit: commit.to_string(), by: by.into(), at_ms: at.0 }
}

impl StoredPull {
    fn of(record: &Record) -> Self {
        Self {
            kind: PULL_TYPE.to_owned(),
            version: VERSION,
            number: record.number,
            intent: record.intent.to_string(),
            branch: record.branch.clone(),
            base_branch: record.base_branch.clone(),
            base_revision: record.base_revision.to_string(),
            base_tip: record.base_tip.map(|t| t.to_string()),
            title: record.title.clone(),
            body: record.body.clone(),
            draft: record.draft,
            head: record.head.to_string(),
            opened_ms: record.opened.0,
            state: match &record.state {
                PullState::Open => StoredState::Open,
                PullState::Merged { commit, by, at } => StoredState::Merged(stored_act(commit, by, *at)),
                PullState::Closed { by, at, reason } => {
                    StoredState::Closed { by: by.into(), at_ms: at.0, reason: reason.clone() }
                }
            },
            simulated: record.simulated,
            reverted: record.reverted.as_ref().map(|r| stored_act(&r.commit, &r.by, r.at)),
            reviews: record.reviews.iter().map(StoredReview::of).collect(),
            comments: record
                .comments
                .iter()
                .map(|c| StoredComment { by: (&c.by).into(), at_ms: c.at.0, text: c.text.clone() })
                .collect(),
            other: record.other.clone(),
        }
    }

    /// `None` when the type, the version or an id is not what this version writes.
    fn into_record(self) -> Option<Record> {
        if self.kind != PULL_TYPE || self.version != VERSION {
            return None;
        }
        let reverted = match self.reverted {
            None => None,
            Some(act) => {
                Some(Reverted { commit: act.commit.parse().ok()?, by: act.by.into(), at: Timestamp(act.at_ms) })
            }
        };
        Some(Record {
            number: self.number,
            intent: IntentId(self.intent.parse::<Digest>().ok()?),
            branch: self.branch,
            base_branch: self.base_branch,
            base_revision: self.base_revision.parse().ok()?,
            base_tip: self.base_tip.map(|t| t.parse()).transpose().ok()?,
            title: self.title,
            body: self.body,
            draft: self.draft,
            head: self.head.parse().ok()?,
            opened: Timestamp(self.opened_ms),
            state: match self.state {
                StoredState::Open => PullState::Open,
                StoredState::Merged(act) => {
                    PullState::Merged { commit: act.commit.parse().ok()?, by: act.by.into(), at: Timestamp(act.at_ms) }
                }
                StoredState::Closed { by, at_ms, reason } => {
                    PullState::Closed { by: by.into(), at: Timestamp(at_ms), reason }
                }
            },
            simulated: self.simulated,
            reverted,
            reviews: self.reviews.into_iter().map(StoredReview::into_review).collect::<Option<_>>()?,
            comments: self
                .comments
                .into_iter()
                .map(|c| Comment { by: c.by.into(), at: Timestamp(c.at_ms), text: c.text })
                .collect(),
            other: self.other,
        })
    }
}

impl StoredReview {
    fn of(review: &Review) -> Self {
        let verdict = match review.verdict {
            Verdict::Approved => StoredVerdict::Approved,
            Verdict::ChangesRequested => StoredVerdict::ChangesRequested,
        };
        Self { by: review.by.clone(), commit: review.commit.to_string(), verdict, at_ms: review.at.0 }
    }

    fn into_review(self) -> Option<Review> {
        let verdict = match self.verdict {
            StoredVerdict::Approved => Verdict::Approved,
            StoredVerdict::ChangesRequested => Verdict::ChangesRequested,
        };
        Some(Review { by: self.by, commit: self.commit.parse().ok()?, verdict, at: Timestamp(self.at_ms) })
    }
}
