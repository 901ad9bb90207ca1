//! From what is stored to assessments: observations, declarations and approvals of one repository in, its services judged
//! out. The judgement itself is `policy::judge`; here is only what it is given. Nothing is looked at and nothing cloned.

use crate::app::App;
use crate::fact::ProbedResult;
use crate::ledger::LedgerError;
use crate::seen::Seen;
use crate::standing::Standing;
use crate::sweep::Running;
use ligase_document::DocumentError;
use ligase_domain::{Assessment, ClauseId, Digest, FindingId, IntentKey, Oid, Outcome, RepositoryId};
use ligase_policy::roster::{DnaFile, Listed, folders, roster};
use ligase_policy::{Approvals, DesiredState, JudgeEnv, JudgeInput, Mode, OwnerFact, judge, resolve};
use ligase_proto::convert::digest_bytes;
use ligase_proto::v1;
use prost::Message as _;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A service that was judged, with what planning and remedying need.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What is held of the judgement.
    pub standing: Arc<Standing>,
    /// The judgement, where it was made now and does not stand as it was made before; whoever records it takes it.
    pub anew: Option<Arc<Assessment>>,
    /// What is done about findings, by clause.
    pub modes: BTreeMap<ClauseId, Mode>,
    /// Who owns it, if anybody is known.
    pub owner: Option<String>,
    /// The branch that was looked at.
    pub branch: String,
    /// What is wrong with its declaration.
    pub problems: Vec<DocumentError>,
    /// What was judged by beside the policy.
    pub facts: Arc<Beside>,
}

/// What a repository's services are judged by beside policy, catalog and what was seen: reviews and owners.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    approvals: BTreeMap<Digest, Approvals>,
    owners: BTreeMap<String, (OwnerFact, Option<String>)>,
}

/// What was looked at, decoded when it is first needed: a service that stands as it was judged last needs none of it.
struct Look<'a> {
    app: &'a App,
    root: Digest,
    observations: Digest,
    seen: OnceCell<Arc<Seen>>,
}

impl<'a> Look<'a> {
    fn new(app: &'a App, root: Digest, observations: Digest) -> Self {
        Self { app, root, observations, seen: OnceCell::new() }
    }

    fn seen(&self) -> Result<&Seen, LedgerError> {
        if let Some(seen) = self.seen.get() {
            return Ok(seen);
        }
        let seen = match self.app.fresh.take((self.root, self.observations)) {
            Some(seen) => seen,
            None => Arc::new(Seen::read(&self.app.ledger, &self.root, &self.observations)?),
        };
        Ok(self.seen.get_or_init(|| seen))
    }
}

/// The facts beside the tree: declarations, approvals, owners.
struct Facts {
    roster: Vec<Listed>,
    beside: Arc<Beside>,
}

fn gather(
    app: &App,
    running: &Running,
    repository: &RepositoryId,
    revision: &Oid,
    result: &ProbedResult,
    look: &Look<'_>,
) -> Result<Facts, LedgerError> {
    let mut files = Vec::with_capacity(result.declarations.len());
    for declaration in &result.declarations {
        let bytes = match &declaration.bytes {
            Ok(digest) => Ok(app.ledger.object(digest)?),
            Err(why) => Err(why.clone()),
        };
        files.push(DnaFile { path: declaration.path.clone(), bytes });
    }
    let paths = || look.seen().map(|s| s.paths.clone());
    let roster = roster(repository, &files, paths, Some(&running.declared.organisation), &app.catalog)?;
    let codeowners = match &result.codeowners {
        Some(digest) => owner_of_everything(&app.ledger.object(digest)?),
        None => None,
    };
    let mut approvals = BTreeMap::new();
    let mut owners = BTreeMap::new();
    for listed in &roster {
        if let (Some(dna), Some(path)) = (&listed.dna, &listed.file)
            && !dna.waivers.is_empty()
            && let Some(blob) = result.declarations.iter().find(|d| d.path == *path).and_then(|d| d.blob)
        {
            approvals.insert(dna.digest, running.forges.approvals(repository, revision, path, &blob));
        }
        let declared = listed.dna.as_ref().and_then(|d| d.owner.clone());
        let owner = declared.or_else(|| codeowners.clone());
        let fact = if owner.is_some() { OwnerFact::Resolved } else { OwnerFact::Missing };
        owners.insert(listed.service.folder.clone(), (fact, owner));
    }
    Ok(Facts { roster, beside: Arc::new(Beside { approvals, owners }) })
}

/// The owner that CODEOWNERS names for everything: the last `*` line's first owner.
fn owner_of_everything(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::split_whitespace);
    lines
        .filter_map(|mut words| (words.next() == Some("*")).then(|| words.next()).flatten())
        .next_back()
        .map(str::to_owned)
}

/// Judges all services of a repository at the revision that was last looked at. A service of which nothing has changed
/// that its judgement depends on stands as it was judged last.
pub fn judge_repository(app: &App, running: &Running, repository: &RepositoryId) -> Result<Vec<Judged>, LedgerError> {
    let known = app.ledger.read(|s| {
        let r = s.repositories.get(repository)?;
        r.probed.clone().map(|(revision, _, result)| (revision, result, r.listed.branch.clone()))
    });
    let Some((revision, result, branch)) = known else { return Ok(Vec::new()) };
    let look = Look::new(app, result.root, result.observations);
    let facts = gather(app, running, repository, &revision, &result, &look)?;
    let folders = folders(&facts.roster);
    let mut out = Vec::with_capacity(facts.roster.len());
    for listed in &facts.roster {
        let desired = desired(app, running, listed, &facts);
        let (fact, owner) = facts.beside.owners.get(&listed.service.folder).cloned().unwrap_or_default();
        let standing = app.ledger.read(|s| s.services.get(&listed.service).map(|k| Arc::clone(&k.standing)));
        let standing = standing.filter(|a| stands(a, &revision, &desired, &app.config.probe_set, running));
        let (standing, anew) = match standing {
            Some(standing) => (standing, None),
            None => {
                let input = input(app, listed, revision, look.seen()?, &folders, fact, result.root);
                let assessment = judge(&JudgeEnv::new(&app.catalog), &desired, &input);
                (Arc::new(Standing::of(&assessment)), Some(Arc::new(assessment)))
            }
        };
        let problems = listed.unreadable.as_ref().map(|(_, errors)| errors.clone()).unwrap_or_default();
        out.push(Judged {
            standing,
            anew,
            modes: desired.modes(),
            owner,
            branch: branch.clone(),
            problems,
            facts: Arc::clone(&facts.beside),
        });
    }
    Ok(out)
}

/// Judges several repositories as [`judge_repository`] does, on as many threads as there are cores; in the order given.
pub fn judge_repositories(
    app: &App,
    running: &Running,
    repositories: &[RepositoryId],
) -> Result<Vec<Vec<Judged>>, LedgerError> {
    let sweep = tracing::Span::current();
    let one = |id: &RepositoryId| {
        let _span = tracing::info_span!(parent: &sweep, "judge", repository = %id).entered();
        judge_repository(app, running, id)
    };
    let judge = |part: &[RepositoryId]| part.iter().map(one).collect();
    if let [_] | [] = repositories {
        return judge(repositories);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = repositories.len().div_ceil(threads);
    let parts: Vec<Result<Vec<_>, LedgerError>> = std::thread::scope(|scope| {
        let judging: Vec<_> = repositories.chunks(share).map(|part| scope.spawn(move || judge(part))).collect();
        // A panic goes on in the caller, who says that the sweep failed.
        judging.into_iter().map(|j| j.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// What a service would be wanted to be, and found to be, under a policy that may not be the one in force.
#[derive(Clone, Debug)]
pub struct AsIf {
    /// The service with its declaration.
    pub listed: Listed,
    /// What would be wanted.
    pub desired: DesiredState,
    /// What would be found.
    pub assessment: Assessment,
}

/// Judges all services of a repository by another policy, from what is stored. Nothing is recorded.
pub fn judge_as_if(app: &App, running: &Running, repository: &RepositoryId) -> Result<Vec<AsIf>, LedgerError> {
    let known = app.ledger.read(|s| s.repositories.get(repository)?.probed.clone());
    let Some((revision, _, result)) = known else { return Ok(Vec::new()) };
    let look = Look::new(app, result.root, result.observations);
    let facts = gather(app, running, repository, &revision, &result, &look)?;
    let folders = folders(&facts.roster);
    let mut out = Vec::with_capacity(facts.roster.len());
    for listed in &facts.roster {
        let desired = desired(app, running, listed, &facts);
        let (fact, _) = facts.beside.owners.get(&listed.service.folder).cloned().unwrap_or_default();
        let input = input(app, listed, revision, look.seen()?, &folders, fact, result.root);
        let assessment = judge(&JudgeEnv::new(&app.catalog), &desired, &input);
        out.push(AsIf { listed: listed.clone(), desired, assessment });
    }
    Ok(out)
}

/// What is wanted of all services of a repository, with what declares each.
pub fn wanted(
    app: &App,
    running: &Running,
    repository: &RepositoryId,
) -> Result<Vec<(Listed, DesiredState)>, LedgerError> {
    let known = app.ledger.read(|s| s.repositories.get(repository)?.probed.clone());
    let Some((revision, _, result)) = known else { return Ok(Vec::new()) };
    let look = Look::new(app, result.root, result.observations);
    let facts = gather(app, running, repository, &revision, &result, &look)?;
    Ok(facts.roster.iter().map(|l| (l.clone(), desired(app, running, l, &facts))).collect())
}

/// Whether an assessment is what the same inputs would be judged to be: the revision settles the source, its declarations
/// and owners; the desired state settles policy, catalog, waivers and approvals.
fn stands(standing: &Standing, revision: &Oid, desired: &DesiredState, probe_set: &Digest, running: &Running) -> bool {
    let current =
        standing.revision == *revision && standing.desired == desired.digest && standing.probe_set == *probe_set;
    current && standing.valid_until.is_none_or(|until| running.now < until)
}

fn desired(app: &App, running: &Running, listed: &Listed, facts: &Facts) -> DesiredState {
    let nothing = Approvals::default();
    let approvals = listed.dna.as_ref().and_then(|d| facts.beside.approvals.get(&d.digest)).unwrap_or(&nothing);
    resolve(&app.catalog, Some(&running.declared.organisation), listed.declaration(), approvals, running.now)
}

fn input<'a>(
    app: &App,
    listed: &'a Listed,
    revision: Oid,
    seen: &'a Seen,
    folders: &'a [String],
    owner: OwnerFact,
    root: Digest,
) -> JudgeInput<'a> {
    JudgeInput {
        service: &listed.service,
        revision,
        observations: &seen.observations,
        population: &seen.set.population,
        files: &seen.paths,
        folders,
        owner,
        probe_set: app.config.probe_set,
        root: Some(root),
    }
}

/// Keeps what an agent-runner judges by, the very bytes that the coordinator judged by, and names the object. It has the
/// whole policy in it, so it is made for those repositories alone that a patch is asked for.
pub fn keep_context(app: &App, running: &Running, facts: &Beside) -> Result<Digest, LedgerError> {
    app.ledger.keep(context(running, facts).encode_to_vec())
}

fn context(running: &Running, facts: &Beside) -> v1::Declarations {
    let declared = &running.declared;
    let files = declared.files.iter().map(|(path, bytes)| v1::PolicyFile { path: path.clone(), bytes: bytes.clone() });
    let approvals = facts.approvals.iter().map(|(dna, a)| v1::ApprovalFact {
        dna: digest_bytes(dna),
        covers: a.covers.iter().map(|c| v1::Review { by: c.by.clone(), recorded: c.recorded.0 }).collect(),
        authors: a.authors.clone(),
    });
    let owners = facts.owners.iter().map(|(folder, (fact, _))| v1::OwnerFact {
        folder: folder.clone(),
        fact: if *fact == OwnerFact::Resolved { "resolved".to_owned() } else { "missing".to_owned() },
    });
    v1::Declarations {
        policy_name: declared.name.clone(),
        policy: declared.bytes.clone(),
        files: files.collect(),
        approvals: approvals.collect(),
        owners: owners.collect(),
        judged_at: running.now.0,
    }
}

/// Judges base plus patch from what a worker saw of it, and compares with the base: every finding that the patch claims to
/// close is now satisfied, its subject still there; nothing new is broken; nothing that was decided became unclear.
pub fn verify(
    app: &App,
    intent: &IntentKey,
    base: &Oid,
    patch: &Digest,
    root: &Digest,
    observations: &Digest,
) -> Result<Result<(), (String, String)>, LedgerError> {
    let disagree = |reason: &str, detail: String| Ok(Err((reason.to_owned(), detail)));
    let Some(running) = app.running() else { return disagree("not-judged", "no sweep runs".to_owned()) };
    let repository = &intent.service.repository;
    let known = app.ledger.read(|s| {
        let probed = s.repositories.get(repository).and_then(|r| r.probed.clone());
        let claimed = s.remedies.get(&intent.id()).and_then(|r| r.patch.clone()).filter(|(p, ..)| p == patch);
        probed.filter(|(at, ..)| at == base).zip(claimed.map(|(_, _, findings)| findings))
    });
    let Some(((revision, _, result), claimed)) = known else {
        return disagree("base-moved", "the base was looked at again since the patch was made".to_owned());
    };
    let (before, after) = (Look::new(app, result.root, result.observations), Look::new(app, *root, *observations));
    let facts = gather(app, &running, repository, &revision, &result, &before)?;
    let folders = folders(&facts.roster);
    let mut verdict = Verdict::default();
    for listed in &facts.roster {
        let desired = desired(app, &running, listed, &facts);
        let (fact, _) = facts.beside.owners.get(&listed.service.folder).cloned().unwrap_or_default();
        let env = JudgeEnv::new(&app.catalog);
        let old = judge(&env, &desired, &input(app, listed, revision, before.seen()?, &folders, fact, result.root));
        let new = judge(&env, &desired, &input(app, listed, revision, after.seen()?, &folders, fact, *root));
        verdict.compare(&old, &new, &claimed);
    }
    Ok(verdict.of(&claimed))
}

/// What comparing two assessments has shown so far.
#[derive(Default)]
struct Verdict {
    fixed: BTreeSet<FindingId>,
    wrong: Option<(String, String)>,
}

impl Verdict {
    fn compare(&mut self, old: &Assessment, new: &Assessment, claimed: &[FindingId]) {
        let by_id = |a: &Assessment| a.findings.iter().map(|f| (f.id, f.clone())).collect::<BTreeMap<_, _>>();
        let (old, new) = (by_id(old), by_id(new));
        for id in claimed.iter().filter(|id| old.contains_key(id)) {
            match new.get(id).map(|f| &f.outcome) {
                Some(Outcome::Satisfied) => {
                    self.fixed.insert(*id);
                }
                Some(_) => self.refuse("not-fixed", format!("{} is not satisfied", old[id].subject.symbol)),
                None => self.refuse("subject-vanished", format!("{} is not there any more", old[id].subject.symbol)),
            }
        }
        for (id, finding) in &new {
            let was = old.get(id).map(|f| &f.outcome);
            let worse = match finding.outcome {
                Outcome::NotSatisfied => was != Some(&Outcome::NotSatisfied),
                Outcome::Indeterminate(_) => !matches!(was, Some(Outcome::Indeterminate(_))),
                Outcome::Satisfied | Outcome::NotApplicable(_) => false,
            };
            if worse {
                let said = format!("{} {}: {}", finding.clause, finding.subject.symbol, finding.outcome.name());
                self.refuse("new-finding", said);
            }
        }
        for (id, finding) in old.iter().filter(|(id, f)| f.outcome == Outcome::Satisfied && !new.contains_key(id)) {
            if !claimed.contains(id) {
                self.refuse(
                    "subject-vanished",
                    format!("{} {} is not there any more", finding.clause, finding.subject.symbol),
                );
            }
        }
    }

    fn refuse(&mut self, reason: &str, detail: String) {
        self.wrong.get_or_insert_with(|| (reason.to_owned(), detail));
    }

    fn of(self, claimed: &[FindingId]) -> Result<(), (String, String)> {
        match self.wrong {
            Some(wrong) => Err(wrong),
            None if claimed.is_empty() => {
                Err(("claims-nothing".to_owned(), "the patch names no finding that it closes".to_owned()))
            }
            None if claimed.iter().all(|id| self.fixed.contains(id)) => Ok(()),
            None => Err(("not-fixed".to_owned(), "a claimed finding is not one of the base's".to_owned())),
        }
    }
}
