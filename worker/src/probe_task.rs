//! One probe task: lease, fetch, probe, upload, settle.
//!
//! The lease is held by the pull loop that calls [`run`]. "Already recorded?" is asked before anything is fetched. What
//! cannot be looked at is reported as a terminal failure with its reason; only what another attempt can mend is given back.

use crate::Worker;
use crate::cache::LocalCache;
use crate::look::{Failed, attempt, declarations, failure, field, look_and_send, unreachable};
use ligase_domain::{FailureReason, Retry, SourceTree};
use ligase_proto::attempt::{Attempt, Begun, traced};
use ligase_proto::patience::{PATIENCE, patiently};
use ligase_proto::{convert, v1};
use ligase_queue::{Delivery, Heartbeat, MAX_DELIVER, Settle, backoff};
use ligase_runtime::{count, reached, stage, traceparent};
use ligase_vcs::{Pinned, Watch, pin};
use std::sync::Arc;

/// Runs one attempt and says how it is to be settled.
pub(crate) async fn run(worker: &Worker, cache: &Arc<LocalCache>, delivery: Delivery, heartbeat: Heartbeat) -> Settle {
    let Some(v1::task::Work::Probe(task)) = delivery.task.work.clone() else {
        return Settle::Term(FailureReason::Malformed.name().to_owned());
    };
    reached("leased");
    let asking = said(worker, &delivery);
    if let Err(settle) = begin(&asking, &delivery, &heartbeat).await {
        return settle;
    }
    let report = match look_at(worker, cache, &delivery, &task, heartbeat.clone()).await {
        Ok(report) => report,
        // The coordinator has another catalog, or is of another version: whoever begins with that one takes the task.
        Err(failed) if looks_otherwise(worker, &task) && delivery.attempt < MAX_DELIVER => {
            return given_back(&asking, &delivery, &failed).await;
        }
        Err(failed) if may_be_mended(&delivery, &failed) => return given_back(&asking, &delivery, &failed).await,
        Err(failed) => {
            over_budget(&failed);
            v1::ProbeReport { attempt: Some(attempt(&delivery)), failure: Some(failure(&failed)), ..Default::default() }
        }
    };
    let tell = || {
        let (mut fleet, report) = (worker.fleet(), traced(report.clone(), traceparent().as_deref()));
        async move { fleet.report_probe(report).await }
    };
    match stage("probe", "report", patiently(PATIENCE, || heartbeat.beat(), tell)).await {
        Ok(_) => {
            reached("reported");
            Settle::Ack
        }
        Err(status) => given_back(&asking, &delivery, &unreachable(status)).await,
    }
}

async fn look_at(
    worker: &Worker,
    cache: &Arc<LocalCache>,
    delivery: &Delivery,
    task: &v1::ProbeTask,
    heartbeat: Heartbeat,
) -> Result<v1::ProbeReport, Failed> {
    if looks_otherwise(worker, task) {
        return Err((FailureReason::Superseded, "this worker looks with another probe set".to_owned()));
    }
    let Pinned { tree, cloned, bytes_received } =
        stage("probe", "fetch", fetch(worker, task.location.as_ref(), &task.revision, &task.ref_hint, &heartbeat))
            .await?;
    count("ligase_clones_total", &[], u64::from(cloned));
    heartbeat.beat();
    reached("fetched");
    let tree: Arc<dyn SourceTree> = Arc::new(tree);
    let sent = stage("probe", "look", look_and_send(worker, cache, Arc::clone(&tree), heartbeat)).await?;
    reached("uploaded");
    count("ligase_look_files_total", &[("from", "looked")], sent.looked_at);
    count("ligase_look_files_total", &[("from", "cache")], sent.from_cache);
    let probes = Arc::clone(&worker.probes);
    let (declarations, codeowners) = tokio::task::spawn_blocking(move || declarations(&probes, tree.as_ref()))
        .await
        .map_err(|panic| (FailureReason::Crashed, panic.to_string()))?;
    Ok(v1::ProbeReport {
        attempt: Some(attempt(delivery)),
        failure: None,
        root: field(&sent.root),
        observations: field(&sent.observations),
        declarations,
        codeowners,
        files_total: sent.files_total,
        files_looked_at: sent.looked_at,
        files_from_cache: sent.from_cache,
        cloned,
        bytes_received,
        objects: sent.along,
    })
}

/// Whether a task asks for another probe set than this worker's.
fn looks_otherwise(worker: &Worker, task: &v1::ProbeTask) -> bool {
    task.probe_set != convert::digest_bytes(&worker.probes.digest())
}

/// Has the revision at hand, fetched if it must be.
pub(crate) async fn fetch(
    worker: &Worker,
    location: Option<&v1::Location>,
    revision: &[u8],
    ref_hint: &str,
    heartbeat: &Heartbeat,
) -> Result<Pinned, Failed> {
    let malformed = |e: convert::WireError| (FailureReason::Malformed, e.to_string());
    let location = convert::location("location", location).map_err(malformed)?;
    let revision = convert::oid("revision", revision).map_err(malformed)?;
    let (hint, options, heart) = (ref_hint.to_owned(), worker.config.pin.clone(), heartbeat.clone());
    let fetched = tokio::task::spawn_blocking(move || match &location {
        convert::Location::Directory(path) => pin::directory(path, &revision),
        convert::Location::Url(url) => {
            let watch = Watch { stop: &|| heart.is_over(), moved: &|| heart.beat() };
            pin::url(url, &revision, &hint, &options, watch)
        }
    })
    .await
    .map_err(|panic| (FailureReason::Crashed, panic.to_string()))?;
    fetched.map_err(|error| match heartbeat.is_over() {
        true => (FailureReason::TooSlow, "the server sent nothing that counts; the fetch was ended".to_owned()),
        false => (error.reason, error.detail),
    })
}

/// The attempt as the coordinator hears of it.
pub(crate) fn said(worker: &Worker, delivery: &Delivery) -> Attempt {
    Attempt::new(worker.fleet(), &delivery.task, delivery.attempt)
}

/// Begins an attempt, or says how it is settled because there is nothing to do.
pub(crate) async fn begin(asking: &Attempt, delivery: &Delivery, heartbeat: &Heartbeat) -> Result<(), Settle> {
    match asking.begin(|| heartbeat.beat()).await {
        Ok(Begun::Wanted) => Ok(()),
        Ok(Begun::Recorded) => Err(Settle::Ack),
        // What has no record is published again by whoever plans it.
        Ok(Begun::Unplanned) if delivery.attempt >= MAX_DELIVER => Err(Settle::Ack),
        Ok(Begun::Unplanned) => Err(Settle::Nak(backoff(delivery.attempt))),
        Err(status) => Err(given_back(asking, delivery, &unreachable(status)).await),
    }
}

/// Whether another attempt may succeed where this one failed.
pub(crate) fn may_be_mended(delivery: &Delivery, (reason, _): &Failed) -> bool {
    reason.retry() == Retry::Later && delivery.attempt < MAX_DELIVER
}

/// Counts an end at a budget.
fn over_budget((reason, _): &Failed) {
    if matches!(reason, FailureReason::OverBudget | FailureReason::TooSlow) {
        count("ligase_budget_refusals_total", &[("reason", reason.name())], 1);
    }
}

/// Gives an attempt back, to be tried again after a while.
pub(crate) async fn given_back(asking: &Attempt, delivery: &Delivery, (reason, detail): &Failed) -> Settle {
    tracing::warn!(task = %delivery.key, attempt = delivery.attempt, %reason, detail, "given back");
    asking.give_back(reason.name(), detail).await;
    Settle::Nak(backoff(delivery.attempt))
}
