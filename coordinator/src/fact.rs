//! What the coordinator knows to have happened, as it is stored: one record object each, named by an entry of the journal.
//!
//! The state in `state.rs` is a projection of these and of the assessments; nothing else is remembered. No clock stands in a
//! fact: the journal's entry has the time, and the same fact has the same bytes. Who worked stands in attempts alone.

use crate::fields::{FieldError, Fields};
use ligase_domain::{
    Changeset, ChangesetState, ClosedBy, Digest, EffectClass, FailureReason, FindingId, IntentId, IntentKey, Oid,
    OrganisationId, Ownership, RepoPath, RepositoryId, Retry, Timestamp,
};
use std::collections::BTreeMap;

/// How a sweep that changes nothing is written down.
const PLAN: &str = "plan";

/// How the reason begins that a patch was not looked at for; a failure's name follows.
pub const NOT_LOOKED_AT: &str = "not-looked-at-";

/// Whether a refusal by the verification may be another one the next time: nobody could look, and somebody may be able to.
pub fn passes(reason: &str) -> bool {
    let failure = reason.strip_prefix(NOT_LOOKED_AT).and_then(FailureReason::parse);
    failure.is_some_and(|failure| failure.retry() == Retry::Later)
}

/// A repository as the forge listed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRepository {
    /// Its id.
    pub repository: RepositoryId,
    /// Its name, a label.
    pub name: String,
    /// Its default branch.
    pub branch: String,
    /// The default branch's head, or why there is none to look at.
    pub revision: Result<Oid, (FailureReason, String)>,
}

/// A file named `dna.yaml` as it came back with a probe's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Where it lies.
    pub path: RepoPath,
    /// The object that holds its bytes, or why it could not be read.
    pub bytes: Result<Digest, String>,
    /// The blob's id in the repository.
    pub blob: Option<Oid>,
}

/// What a probe task ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbedResult {
    /// The observation set's root object.
    pub root: Digest,
    /// The linked observations' object.
    pub observations: Digest,
    /// The declarations that were found.
    pub declarations: Vec<Declaration>,
    /// The object that holds CODEOWNERS, if there is one.
    pub codeowners: Option<Digest>,
    /// Files in the tree.
    pub files_total: u64,
}

/// An abstention: the reason that reaches the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abstained {
    /// Which finding.
    pub finding: FindingId,
    /// The stable reason.
    pub reason: String,
    /// Everything that is known, in a sentence.
    pub detail: String,
}

/// A candidate patch that a gate refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The stable reason.
    pub reason: String,
    /// What was seen.
    pub detail: String,
    /// The object that holds the patch.
    pub patch: Digest,
    /// The object that holds the gate's report.
    pub report: Digest,
}

/// How a remedy task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedied {
    /// The task's key.
    pub key: Digest,
    /// For which intent.
    pub intent: IntentId,
    /// Against which revision.
    pub base: Oid,
    /// The patch that passed the runner's gate, and its report.
    pub patch: Option<(Digest, Digest)>,
    /// What the patch closes.
    pub patched: Vec<FindingId>,
    /// What no patch was made for.
    pub abstained: Vec<Abstained>,
    /// What the gate refused.
    pub refused: Vec<Refused>,
    /// Why the task failed as a whole, if it did.
    pub failure: Option<(FailureReason, String)>,
}

/// One attempt at a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The task's key.
    pub key: Digest,
    /// `probe`, `remedy` or `verification`.
    pub kind: String,
    /// Which delivery, from 1.
    pub number: u32,
    /// Who, as role and name.
    pub by: String,
}

impl Attempt {
    fn fields(&self) -> Fields {
        let fields = Fields::new().shown("key", &self.key).with("kind", self.kind.as_str());
        fields.with("number", i64::from(self.number)).with("by", self.by.as_str())
    }

    fn read(f: &Fields) -> Result<Self, FieldError> {
        let number = u32::try_from(f.number("number")?).unwrap_or(u32::MAX);
        Ok(Self { key: f.digest("key")?, kind: f.text("kind")?.to_owned(), number, by: f.text("by")?.to_owned() })
    }
}

/// A changeset with the objects behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangesetFact {
    /// The changeset.
    pub changeset: Changeset,
    /// Counts up with each new pull request of one intent, from 1.
    pub ordinal: u32,
    /// The object that holds the patch.
    pub patch_object: Digest,
    /// The object that holds the gate's report.
    pub report_object: Digest,
    /// The class of the patch's effect.
    pub effect: EffectClass,
    /// The pull request's title.
    pub title: String,
    /// The pull request's text.
    pub body: String,
}

/// Where an open finding stands: in exactly one place, with the reason and the earliest time at which it can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Which finding.
    pub finding: FindingId,
    /// `changeset`, `abstained` or `waiting`; what is waived is not open.
    pub place: String,
    /// The stable reason.
    pub reason: String,
    /// Everything that is known, in a sentence.
    pub detail: String,
    /// The earliest time at which it can change, where it is known.
    pub earliest: Option<Timestamp>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A sweep began; its manifest, durable before the first publication.
    SweepStarted {
        sweep: Digest,
        policy: Digest,
        catalog: Digest,
        probe_set: Digest,
        repositories: Vec<ListedRepository>,
        /// Whether it only looks and judges: whoever takes it up must change nothing either.
        plan_only: bool,
        /// The repositories that it was asked for by name or id; all when empty.
        named: Vec<String>,
    },
    /// A probe task reached its terminal record.
    Probed {
        key: Digest,
        repository: RepositoryId,
        revision: Oid,
        probe_set: Digest,
        result: Result<ProbedResult, (FailureReason, String)>,
    },
    /// A remedy task reached its terminal record.
    Remedied(Remedied),
    /// A verification task reached its terminal record: whether the judgement of base plus patch agrees.
    Verified { key: Digest, intent: IntentId, patch: Digest, agreed: Result<(), (String, String)> },
    /// A changeset is from now on as it stands here.
    Changeset(ChangesetFact),
    /// The open findings of a repository stand where these rows say.
    Placed { repository: RepositoryId, rows: Vec<Placed> },
    /// A person did something through the API.
    Acted { login: String, act: String, subject: String, text: String, simulated: bool },
    /// A person lets Ligase propose again what was closed or regressed.
    Resumed { intent: IntentId, login: String },
    /// A sweep ended, with its counts.
    SweepEnded { sweep: Digest, counts: BTreeMap<String, u64> },
    /// Somebody began an attempt at a task. Who and which are provenance: no result's bytes have them.
    AttemptBegan(Attempt),
    /// An attempt ended: `recorded`, or why it was given back.
    AttemptEnded {
        /// Which.
        attempt: Attempt,
        /// How.
        cause: String,
    },
    /// A task that somebody began reached its end without a result: its revision, its policy or its patch is gone, and nobody
    /// asks for it any more. It stands for the task's record until it is asked for again.
    Superseded {
        /// The task's key.
        key: Digest,
        /// `probe`, `remedy` or `verification`.
        kind: String,
    },
    /// A period of the schedule passed without a sweep of its own: the one before it still ran, or nobody led.
    PeriodMissed {
        /// When it was due.
        due: Timestamp,
    },
}

impl Fact {
    /// The kind under which it stands in the journal.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SweepStarted { .. } => "sweep-started",
            Self::Probed { .. } => "probed",
            Self::Remedied(_) => "remedied",
            Self::Verified { .. } => "verified",
            Self::Changeset(_) => "changeset",
            Self::Placed { .. } => "placed",
            Self::Acted { .. } => "acted",
            Self::Resumed { .. } => "resumed",
            Self::SweepEnded { .. } => "sweep-ended",
            Self::AttemptBegan(_) => "attempt-began",
            Self::AttemptEnded { .. } => "attempt-ended",
            Self::PeriodMissed { .. } => "period-missed",
            Self::Superseded { .. } => "superseded",
        }
    }

    /// Its fields, for the record.
    pub fn fields(&self) -> Fields {
        match self {
            Self::SweepStarted { sweep, policy, catalog, probe_set, repositories, plan_only, named } => {
                let fields = Fields::new()
                    .shown("sweep", sweep)
                    .shown("policy", policy)
                    .shown("catalog", catalog)
                    .shown("probe_set", probe_set)
                    .rows("repositories", repositories.iter().map(listed_fields));
                let fields = if named.is_empty() { fields } else { fields.texts("named", named) };
                if *plan_only { fields.with("only", PLAN) } else { fields }
            }
            Self::Probed { key, repository, revision, probe_set, result } => {
                let fields = Fields::new()
                    .shown("key", key)
                    .repository(repository)
                    .shown("revision", revision)
                    .shown("probe_set", probe_set);
                match result {
                    Ok(result) => probed_fields(fields, result),
                    Err(failure) => failed(fields, failure),
                }
            }
            Self::Remedied(remedied) => remedied_fields(remedied),
            Self::Verified { key, intent, patch, agreed } => {
                let fields = Fields::new().shown("key", key).shown("intent", intent).shown("patch", patch);
                match agreed {
                    Ok(()) => fields,
                    Err((reason, detail)) => fields.with("disagreed", reason.as_str()).with("detail", detail.as_str()),
                }
            }
            Self::Changeset(fact) => changeset_fields(fact),
            Self::Placed { repository, rows } => {
                Fields::new().repository(repository).rows("rows", rows.iter().map(placed_fields))
            }
            Self::Acted { login, act, subject, text, simulated } => Fields::new()
                .with("login", login.as_str())
                .with("act", act.as_str())
                .with("subject", subject.as_str())
                .with("text", text.as_str())
                .with("simulated", *simulated),
            Self::Resumed { intent, login } => Fields::new().shown("intent", intent).with("login", login.as_str()),
            Self::AttemptBegan(attempt) => attempt.fields(),
            Self::AttemptEnded { attempt, cause } => attempt.fields().with("cause", cause.as_str()),
            Self::PeriodMissed { due } => Fields::new().with("due", due.0),
            Self::Superseded { key, kind } => Fields::new().shown("key", key).with("kind", kind.as_str()),
            Self::SweepEnded { sweep, counts } => Fields::new().shown("sweep", sweep).rows(
                "counts",
                counts.iter().map(|(n, c)| Fields::new().with("name", n.as_str()).with("count", number(*c))),
            ),
        }
    }

    /// The fact that these fields tell; `None` for a kind that is not a fact of the coordinator's.
    pub fn read(kind: &str, f: &Fields) -> Result<Option<Self>, FieldError> {
        Ok(Some(match kind {
            "sweep-started" => Self::SweepStarted {
                sweep: f.digest("sweep")?,
                policy: f.digest("policy")?,
                catalog: f.digest("catalog")?,
                probe_set: f.digest("probe_set")?,
                repositories: f.as_rows("repositories")?.iter().map(read_listed).collect::<Result<_, _>>()?,
                plan_only: f.text_if("only") == Some(PLAN),
                named: f.texts_if("named")?,
            },
            "probed" => Self::Probed {
                key: f.digest("key")?,
                repository: f.as_repository()?,
                revision: f.oid("revision")?,
                probe_set: f.digest("probe_set")?,
                result: match read_failure(f)? {
                    Some(failure) => Err(failure),
                    None => Ok(read_probed(f)?),
                },
            },
            "remedied" => Self::Remedied(read_remedied(f)?),
            "verified" => Self::Verified {
                key: f.digest("key")?,
                intent: IntentId(f.digest("intent")?),
                patch: f.digest("patch")?,
                agreed: match f.text_if("disagreed") {
                    None => Ok(()),
                    Some(reason) => Err((reason.to_owned(), f.text("detail")?.to_owned())),
                },
            },
            "changeset" => Self::Changeset(read_changeset(f)?),
            "placed" => Self::Placed {
                repository: f.as_repository()?,
                rows: f.as_rows("rows")?.iter().map(read_placed).collect::<Result<_, _>>()?,
            },
            "acted" => Self::Acted {
                login: f.text("login")?.to_owned(),
                act: f.text("act")?.to_owned(),
                subject: f.text("subject")?.to_owned(),
                text: f.text("text")?.to_owned(),
                simulated: f.truth("simulated")?,
            },
            "resumed" => Self::Resumed { intent: IntentId(f.digest("intent")?), login: f.text("login")?.to_owned() },
            "attempt-began" => Self::AttemptBegan(Attempt::read(f)?),
            "attempt-ended" => Self::AttemptEnded { attempt: Attempt::read(f)?, cause: f.text("cause")?.to_owned() },
            "period-missed" => Self::PeriodMissed { due: Timestamp(f.number("due")?) },
            "superseded" => Self::Superseded { key: f.digest("key")?, kind: f.text("kind")?.to_owned() },
            "sweep-ended" => Self::SweepEnded {
                sweep: f.digest("sweep")?,
                counts: f
                    .as_rows("counts")?
                    .iter()
                    .map(|r| Ok((r.text("name")?.to_owned(), r.number("count")?.unsigned_abs())))
                    .collect::<Result<_, FieldError>>()?,
            },
            _ => return Ok(None),
        }))
    }
}

/// Counts stay far below 2⁵³; a count that did not would be cut rather than lie about its sign.
fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).min(1 << 53)
}

fn failed(fields: Fields, (reason, detail): &(FailureReason, String)) -> Fields {
    fields.with("failed", reason.name()).with("detail", detail.as_str())
}

fn read_failure(f: &Fields) -> Result<Option<(FailureReason, String)>, FieldError> {
    let Some(name) = f.text_if("failed") else { return Ok(None) };
    let reason = FailureReason::parse(name).unwrap_or(FailureReason::Malformed);
    Ok(Some((reason, f.text("detail")?.to_owned())))
}

fn listed_fields(listed: &ListedRepository) -> Fields {
    let fields = Fields::new()
        .repository(&listed.repository)
        .with("name", listed.name.as_str())
        .with("branch", listed.branch.as_str());
    match &listed.revision {
        Ok(revision) => fields.shown("revision", revision),
        Err(failure) => failed(fields, failure),
    }
}

fn read_listed(f: &Fields) -> Result<ListedRepository, FieldError> {
    Ok(ListedRepository {
        repository: f.as_repository()?,
        name: f.text("name")?.to_owned(),
        branch: f.text("branch")?.to_owned(),
        revision: match read_failure(f)? {
            Some(failure) => Err(failure),
            None => Ok(f.oid("revision")?),
        },
    })
}

fn probed_fields(fields: Fields, result: &ProbedResult) -> Fields {
    let declarations = result.declarations.iter().map(|d| {
        let row = Fields::new().shown("path", &d.path).shown_if("blob", d.blob.as_ref());
        match &d.bytes {
            Ok(digest) => row.shown("bytes", digest),
            Err(why) => row.with("unreadable", why.as_str()),
        }
    });
    fields
        .shown("root", &result.root)
        .shown("observations", &result.observations)
        .rows("declarations", declarations)
        .shown_if("codeowners", result.codeowners.as_ref())
        .with("files_total", number(result.files_total))
}

fn read_probed(f: &Fields) -> Result<ProbedResult, FieldError> {
    let declarations = f.as_rows("declarations")?;
    let read = |r: &Fields| {
        Ok(Declaration {
            path: RepoPath::from_escaped(r.text("path")?),
            bytes: match r.text_if("unreadable") {
                Some(why) => Err(why.to_owned()),
                None => Ok(r.digest("bytes")?),
            },
            blob: r.parsed_if("blob")?,
        })
    };
    Ok(ProbedResult {
        root: f.digest("root")?,
        observations: f.digest("observations")?,
        declarations: declarations.iter().map(read).collect::<Result<_, FieldError>>()?,
        codeowners: f.parsed_if("codeowners")?,
        files_total: f.number("files_total")?.unsigned_abs(),
    })
}

fn remedied_fields(remedied: &Remedied) -> Fields {
    let fields = Fields::new()
        .shown("key", &remedied.key)
        .shown("intent", &remedied.intent)
        .shown("base", &remedied.base)
        .shown_if("patch", remedied.patch.as_ref().map(|(p, _)| p))
        .shown_if("report", remedied.patch.as_ref().map(|(_, r)| r))
        .texts("patched", &remedied.patched)
        .rows(
            "abstained",
            remedied.abstained.iter().map(|a| {
                Fields::new()
                    .shown("finding", &a.finding)
                    .with("reason", a.reason.as_str())
                    .with("detail", a.detail.as_str())
            }),
        )
        .rows(
            "refused",
            remedied.refused.iter().map(|r| {
                Fields::new()
                    .with("reason", r.reason.as_str())
                    .with("detail", r.detail.as_str())
                    .shown("patch", &r.patch)
                    .shown("report", &r.report)
            }),
        );
    match &remedied.failure {
        Some(failure) => failed(fields, failure),
        None => fields,
    }
}

fn read_remedied(f: &Fields) -> Result<Remedied, FieldError> {
    let abstained = |r: &Fields| {
        Ok(Abstained {
            finding: FindingId(r.digest("finding")?),
            reason: r.text("reason")?.to_owned(),
            detail: r.text("detail")?.to_owned(),
        })
    };
    let refused = |r: &Fields| {
        Ok(Refused {
            reason: r.text("reason")?.to_owned(),
            detail: r.text("detail")?.to_owned(),
            patch: r.digest("patch")?,
            report: r.digest("report")?,
        })
    };
    Ok(Remedied {
        key: f.digest("key")?,
        intent: IntentId(f.digest("intent")?),
        base: f.oid("base")?,
        patch: f.parsed_if("patch")?.zip(f.parsed_if("report")?),
        patched: f.findings("patched")?,
        abstained: f.as_rows("abstained")?.iter().map(abstained).collect::<Result<_, FieldError>>()?,
        refused: f.as_rows("refused")?.iter().map(refused).collect::<Result<_, FieldError>>()?,
        failure: read_failure(f)?,
    })
}

fn placed_fields(placed: &Placed) -> Fields {
    let fields = Fields::new()
        .shown("finding", &placed.finding)
        .with("place", placed.place.as_str())
        .with("reason", placed.reason.as_str())
        .with("detail", placed.detail.as_str());
    match placed.earliest {
        Some(at) => fields.with("earliest", at.0),
        None => fields,
    }
}

fn read_placed(f: &Fields) -> Result<Placed, FieldError> {
    Ok(Placed {
        finding: FindingId(f.digest("finding")?),
        place: f.text("place")?.to_owned(),
        reason: f.text("reason")?.to_owned(),
        detail: f.text("detail")?.to_owned(),
        earliest: f.number("earliest").ok().map(Timestamp),
    })
}

fn state_fields(fields: Fields, state: &ChangesetState) -> Fields {
    let fields = fields.with("state", state.name());
    match state {
        ChangesetState::Held(reason) => fields.with("state_detail", reason.as_str()),
        ChangesetState::Merged(commit) | ChangesetState::MergedVerified(commit) => fields.shown("state_detail", commit),
        ChangesetState::Closed(ClosedBy::Person(login)) => fields.with("state_detail", login.as_str()),
        ChangesetState::Closed(ClosedBy::Ligase(reason)) => fields.with("state_detail", reason.as_str()),
        ChangesetState::Open | ChangesetState::SatisfiedElsewhere | ChangesetState::RegressedByPerson => fields,
    }
}

fn read_state(f: &Fields) -> Result<ChangesetState, FieldError> {
    let detail = || f.text("state_detail").map(str::to_owned);
    Ok(match f.text("state")? {
        "held" => ChangesetState::Held(detail()?),
        "open" => ChangesetState::Open,
        "merged-unverified" => ChangesetState::Merged(f.oid("state_detail")?),
        "merged-verified" => ChangesetState::MergedVerified(f.oid("state_detail")?),
        "closed-by-person" => ChangesetState::Closed(ClosedBy::Person(detail()?)),
        "closed-by-ligase" => ChangesetState::Closed(ClosedBy::Ligase(detail()?)),
        "satisfied-elsewhere" => ChangesetState::SatisfiedElsewhere,
        "regressed-by-person" => ChangesetState::RegressedByPerson,
        other => return Err(FieldError { field: "state".to_owned(), problem: format!("unknown state {other:?}") }),
    })
}

fn changeset_fields(fact: &ChangesetFact) -> Fields {
    let c = &fact.changeset;
    let touched = c.ownership == Ownership::HumanTouched;
    let fields = Fields::new()
        .with("organisation", c.intent.organisation.0.as_str())
        .service(&c.intent.service)
        .with("base_branch", c.intent.base_branch.as_str())
        .shown("clause", &c.intent.clause)
        .with("ordinal", i64::from(fact.ordinal))
        .shown("patch", &c.patch)
        .shown("patch_object", &fact.patch_object)
        .shown("report_object", &fact.report_object)
        .texts("findings", &c.findings)
        .shown_if("number", c.number.as_ref())
        .shown_if("pushed_head", c.pushed_head.as_ref())
        .with("human_touched", touched)
        .shown_if("draft", c.draft.as_ref())
        .with("opened", c.opened.0)
        .with("effect", fact.effect.name())
        .with("title", fact.title.as_str())
        .with("body", fact.body.as_str());
    state_fields(fields, &c.state)
}

fn read_changeset(f: &Fields) -> Result<ChangesetFact, FieldError> {
    let changeset = Changeset {
        intent: IntentKey {
            organisation: OrganisationId(f.text("organisation")?.to_owned()),
            service: f.as_service()?,
            base_branch: f.text("base_branch")?.to_owned(),
            clause: f.clause("clause")?,
        },
        patch: f.digest("patch")?,
        findings: f.findings("findings")?,
        number: f.parsed_if("number")?,
        pushed_head: f.parsed_if("pushed_head")?,
        ownership: if f.truth("human_touched")? { Ownership::HumanTouched } else { Ownership::Ours },
        state: read_state(f)?,
        draft: f.text_if("draft").map(str::to_owned),
        opened: Timestamp(f.number("opened")?),
    };
    Ok(ChangesetFact {
        changeset,
        ordinal: u32::try_from(f.number("ordinal")?).unwrap_or(u32::MAX),
        patch_object: f.digest("patch_object")?,
        report_object: f.digest("report_object")?,
        effect: EffectClass::parse(f.text("effect")?)
            .ok_or_else(|| FieldError { field: "effect".to_owned(), problem: "unknown effect".to_owned() })?,
        title: f.text("title")?.to_owned(),
        body: f.text("body")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::{ClauseId, ServiceId};

    fn every_state() -> Vec<ChangesetState> {
        let oid = Oid::Sha1([7; 20]);
        vec![
            ChangesetState::Held("wait".to_owned()),
            ChangesetState::Open,
            ChangesetState::Merged(oid),
            ChangesetState::MergedVerified(oid),
            ChangesetState::Closed(ClosedBy::Person("ada".to_owned())),
            ChangesetState::Closed(ClosedBy::Ligase("superseded".to_owned())),
            ChangesetState::SatisfiedElsewhere,
            ChangesetState::RegressedByPerson,
        ]
    }

    #[test]
    fn every_fact_is_read_back_from_its_fields() {
        let d = |n: u8| Digest::of(&[n]);
        let repository = RepositoryId { forge: "local".to_owned(), stable: "a".to_owned() };
        let service = ServiceId { repository: repository.clone(), folder: "svc".to_owned() };
        let failure = (FailureReason::TooSlow, "late".to_owned());
        let oid = Oid::Sha1([9; 20]);
        let listed = |revision| ListedRepository {
            repository: repository.clone(),
            name: "a".to_owned(),
            branch: "main".to_owned(),
            revision,
        };
        let declaration =
            |bytes| Declaration { path: RepoPath::new(b"x\xff/dna.yaml".to_vec()), bytes, blob: Some(oid) };
        let result = ProbedResult {
            root: d(1),
            observations: d(2),
            declarations: vec![declaration(Ok(d(3))), declaration(Err("too large".to_owned()))],
            codeowners: None,
            files_total: 12,
        };
        let probed =
            |result| Fact::Probed { key: d(4), repository: repository.clone(), revision: oid, probe_set: d(5), result };
        let remedied = Remedied {
            key: d(1),
            intent: IntentId(d(2)),
            base: oid,
            patch: Some((d(3), d(4))),
            patched: vec![FindingId(d(5))],
            abstained: vec![Abstained { finding: FindingId(d(6)), reason: "r".to_owned(), detail: "d".to_owned() }],
            refused: vec![Refused { reason: "r".to_owned(), detail: "d".to_owned(), patch: d(7), report: d(8) }],
            failure: Some(failure.clone()),
        };
        let attempt = Attempt { key: d(1), kind: "probe".to_owned(), number: 2, by: "worker/w1".to_owned() };
        let mut facts = vec![
            Fact::SweepStarted {
                sweep: d(1),
                policy: d(2),
                catalog: d(3),
                probe_set: d(4),
                repositories: vec![listed(Ok(oid)), listed(Err(failure.clone()))],
                plan_only: true,
                named: vec!["a".to_owned()],
            },
            probed(Ok(result)),
            probed(Err(failure)),
            Fact::Remedied(remedied),
            Fact::Verified { key: d(1), intent: IntentId(d(2)), patch: d(3), agreed: Ok(()) },
            Fact::Verified {
                key: d(1),
                intent: IntentId(d(2)),
                patch: d(3),
                agreed: Err(("not-fixed".to_owned(), "x".to_owned())),
            },
            Fact::Placed {
                repository: repository.clone(),
                rows: vec![Placed {
                    finding: FindingId(d(1)),
                    place: "waiting".to_owned(),
                    reason: "budget".to_owned(),
                    detail: String::new(),
                    earliest: Some(Timestamp(7)),
                }],
            },
            Fact::Acted {
                login: "ada".to_owned(),
                act: "merge".to_owned(),
                subject: "s".to_owned(),
                text: String::new(),
                simulated: true,
            },
            Fact::Resumed { intent: IntentId(d(2)), login: "ada".to_owned() },
            Fact::SweepEnded { sweep: d(1), counts: BTreeMap::from([("findings".to_owned(), 3)]) },
            Fact::AttemptBegan(attempt.clone()),
            Fact::AttemptEnded { attempt, cause: "recorded".to_owned() },
            Fact::PeriodMissed { due: Timestamp(9) },
            Fact::Superseded { key: Digest::of(b"k"), kind: "remedy".to_owned() },
        ];
        for state in every_state() {
            facts.push(Fact::Changeset(ChangesetFact {
                changeset: Changeset {
                    intent: IntentKey {
                        organisation: OrganisationId("o".to_owned()),
                        service: service.clone(),
                        base_branch: "main".to_owned(),
                        clause: ClauseId::parse("a/b").unwrap(),
                    },
                    patch: d(1),
                    findings: vec![FindingId(d(2))],
                    number: Some(3),
                    pushed_head: Some(oid),
                    ownership: Ownership::HumanTouched,
                    state,
                    draft: Some("effect".to_owned()),
                    opened: Timestamp(5),
                },
                ordinal: 1,
                patch_object: d(3),
                report_object: d(4),
                effect: EffectClass::Behaviour,
                title: "t".to_owned(),
                body: "b".to_owned(),
            }));
        }
        for fact in facts {
            assert_eq!(Fact::read(fact.kind(), &fact.fields()), Ok(Some(fact)));
        }
    }
}
