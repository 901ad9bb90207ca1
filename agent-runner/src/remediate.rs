//! One remediation task: lease, fetch, look, propose, gate, upload, settle.
//!
//! Everything happens on the pinned base and in memory; only a service's own `verify` command is run, in a jail
//! (`verify.rs`). A patch that the gate refuses is reported with its report and never as a patch: an abstention is better
//! than a guess.

use crate::verify::Verification;
use crate::{AgentRunner, desk};
use ligase_domain::{
    ClauseId, FailureReason, FindingId, GateReport, NoCache, Oid, Patch, Retry, ServiceId, SourceTree, Timestamp,
};
use ligase_inspect::{Declared, Inspection, MemoryCache};
use ligase_probe::{Progress, look_with};
use ligase_proto::attempt::{Attempt, Begun, traced};
use ligase_proto::convert::{self, digest_bytes};
use ligase_proto::patience::{PATIENCE, patiently};
use ligase_proto::v1;
use ligase_queue::{Delivery, Heartbeat, MAX_DELIVER, Settle, backoff};
use ligase_record::{encode_gate_report, encode_patch};
use ligase_remedy::{Answer, GateInput, GateOptions, Proposal, gate_verified, propose};
use ligase_runtime::{blocking_stage, reached, stage, traceparent};
use ligase_vcs::{Pinned, Watch, pin};
use std::sync::Arc;

type Failed = (FailureReason, String);

/// What was asked, checked.
struct Asked {
    service: ServiceId,
    clause: ClauseId,
    base: Oid,
    findings: Vec<FindingId>,
}

/// What was made of it.
struct Made {
    proposal: Proposal,
    /// Patches in the order in which they were tried, each with what the gate said; the last one is the best.
    gated: Vec<(Patch, Vec<FindingId>, GateReport)>,
}

struct Beat(Heartbeat);

impl Progress for Beat {
    fn looked(&self) {
        self.0.beat();
    }
}

/// Runs one attempt and says how it is to be settled.
pub(crate) async fn run(runner: &AgentRunner, delivery: Delivery, heartbeat: Heartbeat) -> Settle {
    let Some(v1::task::Work::Remedy(task)) = delivery.task.work.clone() else {
        return Settle::Term(FailureReason::Malformed.name().to_owned());
    };
    reached("remedy-leased");
    let asking = Attempt::new(runner.fleet(), &delivery.task, delivery.attempt);
    match asking.begin(|| heartbeat.beat()).await {
        Ok(Begun::Wanted) => {}
        Ok(Begun::Recorded) => return Settle::Ack,
        // What has no record is published again by whoever plans it.
        Ok(Begun::Unplanned) if delivery.attempt >= MAX_DELIVER => return Settle::Ack,
        Ok(Begun::Unplanned) => return Settle::Nak(backoff(delivery.attempt)),
        Err(status) => return given_back(&asking, &delivery, &unreachable(status)).await,
    }
    let task_part = v1::Attempt {
        key: delivery.task.key.clone(),
        sweep: delivery.task.sweep.clone(),
        publication: delivery.task.publication,
        number: delivery.attempt,
    };
    let empty = v1::RemedyReport { attempt: Some(task_part), intent: task.intent.clone(), ..Default::default() };
    let report = match change(runner, &task, heartbeat.clone(), empty.clone()).await {
        Ok(report) => report,
        Err(failed) if failed.0.retry() == Retry::Later && delivery.attempt < MAX_DELIVER => {
            return given_back(&asking, &delivery, &failed).await;
        }
        Err((reason, detail)) => {
            let failure = v1::Failure { reason: reason.name().to_owned(), detail };
            v1::RemedyReport { failure: Some(failure), ..empty }
        }
    };
    let tell = || {
        let (mut fleet, report) = (runner.fleet(), traced(report.clone(), traceparent().as_deref()));
        async move { fleet.report_remedy(report).await }
    };
    match stage("remedy", "report", patiently(PATIENCE, || heartbeat.beat(), tell)).await {
        Ok(_) => {
            reached("remedy-reported");
            Settle::Ack
        }
        Err(status) => given_back(&asking, &delivery, &unreachable(status)).await,
    }
}

async fn change(
    runner: &AgentRunner,
    task: &v1::RemedyTask,
    heartbeat: Heartbeat,
    empty: v1::RemedyReport,
) -> Result<v1::RemedyReport, Failed> {
    let asked = read(task).map_err(|e| (FailureReason::Malformed, e.to_string()))?;
    let declarations =
        convert::digest("declarations", &task.declarations).map_err(|e| (FailureReason::Malformed, e.to_string()))?;
    let declarations = runner.objects().fetch_one(&declarations).await.map_err(unreachable)?;
    let (declared, now) =
        desk::declared(&declarations, &runner.inspector, asked.service.repository.clone(), asked.base)?;
    let base = stage("remedy", "fetch", fetch(runner, task, asked.base, &heartbeat)).await?;
    heartbeat.beat();
    let made = {
        let (runner, heartbeat) = (runner.clone(), heartbeat.clone());
        let work = move || make(&runner, base, &declared, now, &asked, heartbeat);
        let work = blocking_stage("remedy", "propose-and-gate", work);
        tokio::task::spawn_blocking(work).await.map_err(|panic| (FailureReason::Crashed, panic.to_string()))??
    };
    reached("proposed");
    let report = stage("remedy", "upload", report(runner, made, empty, &heartbeat)).await;
    reached("remedy-uploaded");
    report
}

fn read(task: &v1::RemedyTask) -> Result<Asked, convert::WireError> {
    Ok(Asked {
        service: convert::service("service", task.service.as_ref())?,
        clause: convert::clause("clause", &task.clause)?,
        base: convert::oid("base_revision", &task.base_revision)?,
        findings: task.findings.iter().map(|f| convert::finding("findings", f)).collect::<Result<_, _>>()?,
    })
}

async fn fetch(
    runner: &AgentRunner,
    task: &v1::RemedyTask,
    revision: Oid,
    heartbeat: &Heartbeat,
) -> Result<Arc<dyn SourceTree>, Failed> {
    let location = convert::location("location", task.location.as_ref());
    let location = location.map_err(|e| (FailureReason::Malformed, e.to_string()))?;
    let (hint, options, heart) = (task.ref_hint.clone(), runner.config.pin.clone(), heartbeat.clone());
    let fetched = tokio::task::spawn_blocking(move || match &location {
        convert::Location::Directory(path) => pin::directory(path, &revision),
        convert::Location::Url(url) => {
            let watch = Watch { stop: &|| heart.is_over(), moved: &|| heart.beat() };
            pin::url(url, &revision, &hint, &options, watch)
        }
    })
    .await
    .map_err(|panic| (FailureReason::Crashed, panic.to_string()))?;
    match fetched {
        Ok(Pinned { tree, .. }) => Ok(Arc::new(tree)),
        Err(_) if heartbeat.is_over() => {
            Err((FailureReason::TooSlow, "the server sent nothing that counts; the fetch was ended".to_owned()))
        }
        Err(error) => Err((error.reason, error.detail)),
    }
}

/// Proposes one patch for all findings; where the gate refuses it, one for each, so that one bad place does not keep the
/// others from being mended. The patches that pass alone are then proposed together once more.
fn make(
    runner: &AgentRunner,
    base: Arc<dyn SourceTree>,
    declared: &Declared,
    now: Timestamp,
    asked: &Asked,
    heartbeat: Heartbeat,
) -> Result<Made, Failed> {
    let known = known(runner, base.as_ref(), declared, now, &Beat(heartbeat.clone()))?;
    let whole = offer(runner, &base, &known, asked, &asked.findings);
    let service = known.service(&asked.service);
    let beat = || heartbeat.beat();
    let mut verification = Verification {
        verifier: &runner.verifier,
        base: Arc::clone(&base),
        service: asked.service.clone(),
        revision: asked.base,
        command: service.and_then(|s| s.desired.dna.as_ref()).and_then(|d| d.verify.clone()),
        probes: runner.inspector.probes(),
        beat: &beat,
        runs: 0,
    };
    let mut tried = |proposal: &Proposal| {
        let tried = try_gate(runner, &base, declared, now, &known, proposal, &mut verification);
        heartbeat.beat();
        tried
    };
    let mut gated = tried(&whole);
    if gated.iter().all(|(_, _, report)| report.accepted()) || whole.patched().len() < 2 {
        return Ok(Made { proposal: whole, gated });
    }
    let mut sound = Vec::new();
    for finding in whole.patched() {
        let one = offer(runner, &base, &known, asked, &[finding]);
        let one = tried(&one);
        if one.iter().all(|(_, _, report)| report.accepted()) && !one.is_empty() {
            sound.push(finding);
        } else {
            gated.extend(one);
        }
    }
    if !sound.is_empty() {
        let together = offer(runner, &base, &known, asked, &sound);
        gated.extend(tried(&together));
    }
    Ok(Made { proposal: whole, gated })
}

/// What stands in the base. The files are looked at by a child, which may die on one; judging then finds them known.
fn known(
    runner: &AgentRunner,
    base: &dyn SourceTree,
    declared: &Declared,
    now: Timestamp,
    progress: &Beat,
) -> Result<Inspection, Failed> {
    let look = look_with(runner.inspector.probes(), runner.eyes.as_ref(), base, &NoCache, progress);
    if let Some(why) = look.blind {
        return Err((FailureReason::Machine, why));
    }
    let cache = MemoryCache::over(&NoCache);
    cache.remember(&look.files);
    Ok(runner.inspector.inspect(base, declared, &cache, now, progress))
}

fn offer(
    runner: &AgentRunner,
    base: &Arc<dyn SourceTree>,
    known: &Inspection,
    asked: &Asked,
    findings: &[FindingId],
) -> Proposal {
    propose(&runner.remedies, &runner.inspector, base, known, &asked.service, &asked.clause, findings)
}

fn try_gate(
    runner: &AgentRunner,
    base: &Arc<dyn SourceTree>,
    declared: &Declared,
    now: Timestamp,
    known: &Inspection,
    proposal: &Proposal,
    verification: &mut Verification<'_>,
) -> Vec<(Patch, Vec<FindingId>, GateReport)> {
    let Some(patch) = &proposal.patch else { return Vec::new() };
    let findings = proposal.patched();
    let input = GateInput {
        inspector: &runner.inspector,
        remedies: &runner.remedies,
        base: Arc::clone(base),
        declared,
        known,
        patch,
        findings: &findings,
        cache: &NoCache,
        now,
    };
    let report = gate_verified(&input, &GateOptions::default(), &mut |patch| verification.verify(patch));
    vec![(patch.clone(), findings, report)]
}

/// Uploads what was made, blobs first, and writes the report that names it.
async fn report(
    runner: &AgentRunner,
    made: Made,
    empty: v1::RemedyReport,
    heartbeat: &Heartbeat,
) -> Result<v1::RemedyReport, Failed> {
    let malformed = |e: ligase_record::RecordError| (FailureReason::Malformed, e.to_string());
    let mut out = empty;
    for (id, answer) in &made.proposal.answers {
        if let Answer::Abstained { reason, detail } = answer {
            let finding = digest_bytes(&id.0);
            out.abstained.push(v1::Abstention { finding, reason: reason.clone(), detail: detail.clone() });
        }
    }
    for (patch, findings, gated) in &made.gated {
        let encoded = encode_patch(patch).map_err(malformed)?;
        let heart = heartbeat.clone();
        let mut objects = runner.objects().beating(move || heart.beat());
        objects.put(encoded.blobs).await.map_err(unreachable)?;
        let named = objects
            .put(vec![encoded.record, encode_gate_report(gated).map_err(malformed)?])
            .await
            .map_err(unreachable)?;
        match gated.refusal() {
            None => {
                out.patch = digest_bytes(&named[0]);
                out.report = digest_bytes(&named[1]);
                out.patched = findings.iter().map(|f| digest_bytes(&f.0)).collect();
            }
            Some(("already-satisfied", _)) => out.already_satisfied = true,
            Some((reason, seen)) => out.refused.push(v1::Refusal {
                reason: reason.to_owned(),
                detail: seen.to_owned(),
                patch: digest_bytes(&named[0]),
                report: digest_bytes(&named[1]),
            }),
        }
    }
    Ok(out)
}

fn unreachable(status: tonic::Status) -> Failed {
    (FailureReason::Unreachable, format!("{:?}: {}", status.code(), status.message()))
}

async fn given_back(asking: &Attempt, delivery: &Delivery, (reason, detail): &Failed) -> Settle {
    tracing::warn!(task = %delivery.key, attempt = delivery.attempt, %reason, detail, "given back");
    asking.give_back(reason.name(), detail).await;
    Settle::Nak(backoff(delivery.attempt))
}
