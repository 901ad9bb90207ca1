//! One reconcile pass: list, write the manifest, look at what nobody has looked at, judge, change, deliver, say what changed.
//!
//! Completion is decided by records and never by the queue: a repository is done when its terminal record stands, whoever
//! wrote it. What could be lost by dying here is lost to this sweep only; the next one plans it again.
//! Read `sweep/change.rs` for the half that changes, `judging.rs` for the judgement, `deliver.rs` for pull requests.

mod belt;
mod change;

use crate::app::App;
use crate::declared::{Declared, DeclaredError};
use crate::deliver;
use crate::desk::{Ended, Planned};
use crate::fact::{Fact, ListedRepository};
use crate::forges::Forges;
use crate::judging::{self, Judged};
use crate::ledger::LedgerError;
use crate::standing::Sums;
use crate::view;
use ligase_document::DocumentError;
use ligase_domain::{
    Digest, FailureReason, FieldHasher, FindingId, IntentId, Oid, OrganisationId, Outcome, RepositoryId, TaskKey,
    Timestamp,
};
use ligase_policy::plan::PlannedIntent;
use ligase_proto::convert::{digest_bytes, location_message, repository_message};
use ligase_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::MutexGuard;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

/// Repositories that need no look and are judged, and made durable, together; as many more are judged meanwhile.
const SETTLED_AT_ONCE: usize = 32;
/// Tasks whose ends are taken together. Patches are asked for between two takings, so fewer than
/// `change::EARLY_REPOSITORIES_MIN`.
const ENDED_AT_ONCE: usize = 8;
/// What ends within this time of another end is taken with it, while anything is outstanding: one commit for their judgements.
const GATHER: Duration = Duration::from_millis(500);
/// How often dead letters and lost tasks are looked for while tasks are outstanding.
const TEND: Duration = Duration::from_secs(1);

/// What a running sweep judges by. It does not change while the sweep runs.
pub struct Running {
    /// The policy.
    pub declared: Declared,
    /// The forges.
    pub forges: Forges,
    /// The sweep's id.
    pub sweep: Digest,
    /// The instant of judgement.
    pub now: Timestamp,
}

/// What is to be swept, and why.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Look and judge; change nothing.
    pub plan_only: bool,
    /// Only these repositories, by name or id, because somebody waits for them; all when empty.
    pub only: Vec<String>,
    /// The sweep that this one is: of a period of the schedule, or one that another leader began. A new one when absent.
    pub sweep: Option<Digest>,
}

/// Why a sweep could not run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Another sweep runs.
    #[error("E-SWEEP-RUNNING: a sweep is running already || wait until it has ended")]
    Running,
    /// The policy cannot be read at all.
    #[error("E-ORG-UNREADABLE: {0}: {1} || name the organisation's policy with --org")]
    Unreadable(String, std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A part of the coordinator panicked.
    #[error("E-SWEEP-PANIC: {0} || run it again: nothing that was recorded is lost")]
    Panic(String),
}

/// Progress of a sweep; a receiver that has gone is no reason to stop.
struct Teller(Sender<v1::SweepProgress>);

impl Teller {
    async fn tell(&self, stage: &str, done: usize, total: usize, detail: String) {
        let message = v1::SweepProgress {
            stage: stage.to_owned(),
            done: done as u64,
            total: total as u64,
            detail,
            summary: None,
        };
        let _ = self.0.send(message).await;
    }
}

/// Runs one sweep. Only one runs at a time.
pub async fn sweep(
    app: Arc<App>,
    asked: Asked,
    progress: Sender<v1::SweepProgress>,
) -> Result<v1::SweepSummary, SweepError> {
    let ends = app.ends.try_lock().map_err(|_| SweepError::Running)?;
    let mut pass = match Pass::begin(&app, asked, Teller(progress)).await? {
        Ok(pass) => pass,
        Err(problems) => {
            return Ok(v1::SweepSummary { problems: problems.iter().map(problem).collect(), ..Default::default() });
        }
    };
    let span = tracing::info_span!("sweep", sweep = %pass.running.sweep.short(), repositories = pass.listed.len());
    let ended = pass.run(ends).instrument(span).await;
    app.set_running(None);
    app.desk.clear();
    ended
}

/// A document's error as a message.
pub fn problem(e: &DocumentError) -> v1::DocumentProblem {
    v1::DocumentProblem {
        code: e.code.clone(),
        file: e.file.clone(),
        line: e.line,
        column: e.column,
        problem: e.problem.clone(),
        expected: e.expected.clone(),
        nearest: e.nearest.clone(),
        remedy: e.remedy.clone(),
    }
}

/// Repositories that are judged, and what they were judged to be, in the same order.
type Judging = tokio::task::JoinHandle<Result<(Vec<RepositoryId>, Vec<Vec<Judged>>), SweepError>>;

struct Pass {
    app: Arc<App>,
    running: Arc<Running>,
    teller: Teller,
    plan_only: bool,
    /// `sweep`, or `hot` where somebody waits.
    lane: &'static str,
    listed: Vec<ListedRepository>,
    /// What each repository was judged to be, in this sweep.
    judged: Arc<BTreeMap<RepositoryId, Vec<Judged>>>,
    /// Intents that this sweep has asked patches for.
    tried: BTreeSet<IntentId>,
    /// Of these, the ones that were asked for before every repository was looked at, and are not delivered yet.
    early: Vec<PlannedIntent>,
    /// How many repositories were judged when the last plan was made.
    planned_at: usize,
    began_ms: i64,
    summary: v1::SweepSummary,
    looking: (usize, usize),
}

impl Pass {
    async fn begin(
        app: &Arc<App>,
        asked: Asked,
        teller: Teller,
    ) -> Result<Result<Self, Vec<DocumentError>>, SweepError> {
        teller.tell("listing", 0, 0, String::new()).await;
        let at = Arc::clone(app);
        let Asked { plan_only, only, sweep: same } = asked;
        let lane = if only.is_empty() { "sweep" } else { "hot" };
        at.letters_so_far().await;
        let listed = blocking(move || {
            let declared = match Declared::read(&at.config.organisation_file, &at.catalog) {
                Ok(declared) => declared,
                Err(DeclaredError::Documents(problems)) => return Ok(Err(problems)),
                Err(DeclaredError::Unreadable(path, e)) => {
                    return Err(SweepError::Unreadable(path.display().to_string(), e));
                }
            };
            let forges = Forges::of(&declared, &at.config.remote);
            let (mut listed, problems) = forges.listing();
            ligase_runtime::reached("listed");
            let named = |l: &ListedRepository| only.contains(&l.name) || only.contains(&l.repository.to_string());
            listed.retain(|l| only.is_empty() || named(l));
            forges.clear_stale_locks(at.ledger.now());
            let now = at.ledger.now();
            let fresh = || {
                FieldHasher::new("ligase.sweep.v1")
                    .field(&declared.organisation.name)
                    .field(declared.digest().as_bytes())
                    .field(now.0.to_le_bytes())
                    .finish()
            };
            let sweep = same.unwrap_or_else(fresh);
            // The manifest is durable before the first publication.
            at.ledger.record(vec![Fact::SweepStarted {
                sweep,
                policy: declared.digest(),
                catalog: at.catalog.digest(),
                probe_set: at.config.probe_set,
                repositories: listed.clone(),
                plan_only,
                named: only,
            }])?;
            ligase_runtime::reached("manifest");
            Ok(Ok((Running { declared, forges, sweep, now }, listed, problems)))
        })
        .await?;
        let (running, listed, problems) = match listed {
            Ok(all) => all,
            Err(problems) => return Ok(Err(problems)),
        };
        let running = Arc::new(running);
        app.set_running(Some(Arc::clone(&running)));
        let began_ms = running.now.0;
        let (sweep, repositories) = (running.sweep.to_string(), listed.len() as u64);
        let summary = v1::SweepSummary { sweep, repositories, unreachable: problems, ..Default::default() };
        let (judged, tried) = (Arc::default(), BTreeSet::new());
        let app = Arc::clone(app);
        Ok(Ok(Self {
            app,
            running,
            teller,
            plan_only,
            lane,
            listed,
            judged,
            tried,
            early: Vec::new(),
            planned_at: 0,
            began_ms,
            summary,
            looking: (0, 0),
        }))
    }

    async fn run(
        &mut self,
        mut ends: MutexGuard<'_, UnboundedReceiver<Ended>>,
    ) -> Result<v1::SweepSummary, SweepError> {
        while ends.try_recv().is_ok() {}
        let known = self.publish_probes().await?;
        // The next ones are judged while the disk takes the last ones.
        let mut ahead = None;
        for some in known.chunks(SETTLED_AT_ONCE) {
            if let Some(judging) = ahead.replace(self.judge(some)) {
                self.follow(judging).await?;
            }
        }
        if let Some(judging) = ahead {
            self.follow(judging).await?;
        }
        self.settle(&mut ends).await?;
        let early = std::mem::take(&mut self.early);
        self.deliver(early).await?;
        let mut plan = self.plan().await?;
        // Each round frees what was abstained from and what the gate refused; the budgets bound the rounds.
        while !self.plan_only && !plan.intents.is_empty() {
            self.change(&plan).await?;
            self.settle(&mut ends).await?;
            self.deliver(plan.intents).await?;
            plan = self.plan().await?;
        }
        self.place(&plan).await?;
        self.finish().await
    }

    /// Waits until nothing is outstanding.
    async fn settle(&mut self, ends: &mut UnboundedReceiver<Ended>) -> Result<(), SweepError> {
        let mut poll = tokio::time::interval(TEND);
        loop {
            // An end is sent after its task left the desk: an empty desk is believed where no end comes after it.
            let first = if self.app.desk.is_empty() {
                ends.try_recv().ok()
            } else {
                tokio::select! {
                    biased;
                    _ = poll.tick() => {
                        self.tend().await?;
                        continue;
                    }
                    ended = ends.recv() => ended,
                }
            };
            let Some(first) = first else { return Ok(()) };
            let (mut some, until) = (vec![first], Instant::now() + GATHER);
            while some.len() < ENDED_AT_ONCE {
                let next = match self.app.desk.is_empty() {
                    true => ends.try_recv().ok(),
                    false => timeout_at(until, ends.recv()).await.ok().flatten(),
                };
                let Some(next) = next else { break };
                some.push(next);
            }
            self.ended(some).await?;
        }
    }

    /// Publishes a probe task for each revision without a terminal record; returns the repositories that need none.
    async fn publish_probes(&mut self) -> Result<Vec<RepositoryId>, SweepError> {
        let organisation = OrganisationId(self.running.declared.organisation.name.clone());
        let (mut known, mut tasks, probe_set) = (Vec::new(), Vec::new(), self.app.config.probe_set);
        for listed in self.listed.clone() {
            let revision = match &listed.revision {
                Ok(revision) => *revision,
                Err((reason, detail)) => {
                    self.cannot_look(&listed.repository, *reason, detail.clone());
                    continue;
                }
            };
            let key = TaskKey::probe(&organisation, &listed.repository, &revision, &probe_set);
            let terminal = self.app.ledger.read(|s| s.terminal.contains(&key.digest));
            let current = self.app.ledger.read(|s| {
                let probed = s.repositories.get(&listed.repository).and_then(|r| r.probed.as_ref());
                probed.is_some_and(|(at, by, _)| *at == revision && *by == probe_set)
            });
            if current {
                known.push(listed.repository.clone());
                continue;
            }
            let Some(location) = self.running.forges.location(&listed.repository) else { continue };
            let work = v1::task::Work::Probe(v1::ProbeTask {
                repository: Some(repository_message(&listed.repository)),
                location: Some(location_message(&location)),
                revision: revision.as_bytes().to_vec(),
                ref_hint: format!("refs/heads/{}", listed.branch),
                probe_set: digest_bytes(&probe_set),
                catalog: Vec::new(),
            });
            // A revision that was probed before and is the head again (a force-push back) is looked at again: its record
            // stands in the journal, and only the last one per repository in the state.
            let key = if terminal { TaskKey { digest: again(&key.digest, &self.running.sweep), ..key } } else { key };
            let task = self.task(&key, self.lane, &listed.repository, work);
            self.app.desk.plan(key.digest, Planned::Probe { repository: listed.repository, revision }, task.clone());
            tasks.push(task);
            self.looking.1 += 1;
        }
        // By key, which is as good as by chance: no server is asked for all of its repositories in a row, and what can be
        // mended early is not all at one end.
        tasks.sort_by(|a, b| a.key.cmp(&b.key));
        self.publish(tasks).await;
        ligase_runtime::reached("all-published");
        self.teller.tell("looking", 0, self.looking.1, String::new()).await;
        Ok(known)
    }

    fn failed(&self, repository: &RepositoryId, revision: &Oid) -> Option<(FailureReason, String)> {
        self.app.ledger.read(|s| {
            let failed = s.repositories.get(repository)?.failed.as_ref()?;
            (failed.0 == *revision).then(|| (failed.1, failed.2.clone()))
        })
    }

    fn cannot_look(&mut self, repository: &RepositoryId, reason: FailureReason, detail: String) {
        let repository = repository.to_string();
        self.summary.unreachable.push(v1::RepositoryProblem { repository, reason: reason.name().to_owned(), detail });
    }

    /// Takes what tasks ended with. What was looked at is judged together: one commit for all of it.
    async fn ended(&mut self, some: Vec<Ended>) -> Result<(), SweepError> {
        let mut looked = Vec::new();
        for ended in some {
            match ended.planned {
                Planned::Probe { repository, .. } => {
                    self.summary.files_looked_at += ended.looked.0;
                    self.summary.files_from_cache += ended.looked.1;
                    self.summary.clones += u64::from(ended.cloned);
                    self.looking.0 += 1;
                    looked.push(repository);
                }
                Planned::Remedy { intent, base, .. } => self.remedied(&intent, base, &ended.by).await?,
                Planned::Verification { .. } => {}
            }
        }
        let Some(last) = looked.last() else { return Ok(()) };
        self.teller.tell("looking", self.looking.0, self.looking.1, last.stable.clone()).await;
        let judging = self.judge(&looked);
        self.follow(judging).await?;
        self.change_early().await
    }

    /// Begins to judge repositories whose revisions were looked at. Nothing is recorded yet.
    fn judge(&mut self, repositories: &[RepositoryId]) -> Judging {
        let mut seen = Vec::with_capacity(repositories.len());
        for repository in repositories {
            // The manifest is sorted.
            let Ok(at) = self.listed.binary_search_by(|l| l.repository.cmp(repository)) else { continue };
            let Ok(revision) = self.listed[at].revision else { continue };
            match self.failed(repository, &revision) {
                Some((reason, detail)) => self.cannot_look(repository, reason, detail),
                None => seen.push(repository.clone()),
            }
        }
        let (app, running) = (Arc::clone(&self.app), Arc::clone(&self.running));
        let judged = blocking(move || {
            let judged = judging::judge_repositories(&app, &running, &seen)?;
            Ok((seen, judged))
        });
        tokio::task::spawn(judged.in_current_span())
    }

    /// Makes judgements durable, and follows the changesets of their repositories.
    async fn follow(&mut self, judging: Judging) -> Result<(), SweepError> {
        let (seen, mut judged) = judging.await.map_err(|panic| SweepError::Panic(panic.to_string()))??;
        let (app, running) = (Arc::clone(&self.app), Arc::clone(&self.running));
        let (judged, (changes, anew)) = blocking(move || {
            let of = |j: &mut Judged| Some((j.anew.take()?, Arc::clone(&j.standing)));
            let anew: Vec<_> = judged.iter_mut().flatten().filter_map(of).collect();
            // One commit for all of them.
            let changed = app.ledger.assess(&anew)?;
            seen.iter().try_for_each(|id| deliver::follow(&app, &running, id))?;
            Ok((seen.into_iter().zip(judged).collect::<Vec<_>>(), (changed, anew.len() as u64)))
        })
        .await?;
        self.summary.judged += anew;
        for changed in &changes {
            let ids = |list: &[FindingId]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
            self.summary.new_findings.extend(ids(&changed.new));
            self.summary.closed_findings.extend(ids(&changed.closed));
            self.summary.regressed_findings.extend(ids(&changed.reopened));
        }
        for (repository, judged) in judged {
            self.summary.problems.extend(judged.iter().flat_map(|j| &j.problems).map(|p| {
                let said = problem(p);
                v1::DocumentProblem { file: format!("{}: {}", repository, said.file), ..said }
            }));
            Arc::make_mut(&mut self.judged).insert(repository, judged);
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<v1::SweepSummary, SweepError> {
        let mut summary = std::mem::take(&mut self.summary);
        let judged: Vec<&Judged> = self.judged.values().flatten().collect();
        let sum = |of: &dyn Fn(&Sums) -> u64| judged.iter().map(|j| of(&j.standing.sums())).sum::<u64>();
        summary.services = judged.len() as u64;
        summary.undeclared = judged.iter().filter(|j| !j.standing.declared && j.standing.dna.is_none()).count() as u64;
        summary.files_total = self.app.ledger.read(|s| {
            let of = |id| s.repositories.get(id).and_then(|r| r.probed.as_ref()).map_or(0, |(_, _, p)| p.files_total);
            self.judged.keys().map(of).sum()
        });
        summary.findings = sum(&Sums::all);
        summary.satisfied = sum(&|s| s.satisfied);
        summary.not_satisfied = sum(&Sums::not_satisfied);
        summary.not_applicable = sum(&|s| s.not_applicable);
        summary.indeterminate = sum(&|s| s.indeterminate);
        summary.waived = sum(&|s| s.waived);
        summary.indeterminate_by =
            by_reason(judged.iter().flat_map(|j| &j.standing.unsettled).filter_map(|f| match &f.outcome {
                Outcome::Indeterminate(reason) => Some(reason.clone()),
                _ => None,
            }));
        let changing = &self.tried;
        let (abstained, refused, gated) = self.app.ledger.read(|s| {
            let of_sweep: Vec<_> = s.remedies.iter().filter(|(id, _)| changing.contains(id)).map(|(_, r)| r).collect();
            let abstained: Vec<String> = of_sweep.iter().flat_map(|r| &r.abstained).map(|a| a.reason.clone()).collect();
            let refused: Vec<String> = of_sweep.iter().flat_map(|r| &r.refused).map(|a| a.reason.clone()).collect();
            let gated = of_sweep.iter().filter(|r| r.patch.is_some()).count() as u64;
            (abstained, refused, gated)
        });
        summary.abstained = by_reason(abstained.into_iter());
        summary.refused = by_reason(refused.into_iter());
        summary.patches_gated = gated;
        ligase_runtime::reached("sweep-ends");
        let (app, sweep, counts) = (Arc::clone(&self.app), self.running.sweep, counts(&summary));
        blocking(move || {
            // Nothing is planned any more: what was begun and has no record was for a revision or a policy that is gone.
            let open = app.ledger.read(|s| s.attempts.open(&s.terminal));
            let over = open.into_iter().map(|(key, kind)| Fact::Superseded { key, kind });
            Ok(app.ledger.record(over.chain([Fact::SweepEnded { sweep, counts }]).collect())?)
        })
        .await?;
        let elapsed = self.app.ledger.now().0.saturating_sub(self.began_ms);
        summary.milliseconds = u64::try_from(elapsed).unwrap_or(0);
        let message = v1::SweepProgress {
            stage: "done".to_owned(),
            done: 1,
            total: 1,
            detail: String::new(),
            summary: Some(summary.clone()),
        };
        let _ = self.teller.0.send(message).await;
        Ok(summary)
    }
}

/// The key under which a task is published a second time for the same content.
fn again(key: &Digest, sweep: &Digest) -> Digest {
    FieldHasher::new("ligase.task.again.v1").field(key.as_bytes()).field(sweep.as_bytes()).finish()
}

fn by_reason(reasons: impl Iterator<Item = String>) -> Vec<v1::Counted> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    reasons.for_each(|r| *counts.entry(r).or_default() += 1);
    view::counted(counts)
}

fn counts(s: &v1::SweepSummary) -> BTreeMap<String, u64> {
    [
        ("repositories", s.repositories),
        ("services", s.services),
        ("files_total", s.files_total),
        ("files_looked_at", s.files_looked_at),
        ("files_from_cache", s.files_from_cache),
        ("clones", s.clones),
        ("findings", s.findings),
        ("satisfied", s.satisfied),
        ("not_satisfied", s.not_satisfied),
        ("not_applicable", s.not_applicable),
        ("indeterminate", s.indeterminate),
        ("waived", s.waived),
        ("unreachable", s.unreachable.len() as u64),
        ("opened", s.opened),
    ]
    .into_iter()
    .map(|(n, c)| (n.to_owned(), c))
    .collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SweepError> + Send + 'static,
) -> Result<T, SweepError> {
    let inside = tracing::Span::current();
    let work = move || inside.in_scope(work);
    tokio::task::spawn_blocking(work).await.map_err(|panic| SweepError::Panic(panic.to_string()))?
}
