//! One verification task: fetch the base, put the patch over it in memory, look, report. It judges nothing.

use crate::Worker;
use crate::cache::LocalCache;
use crate::look::{Failed, Sent, attempt, failure, field, look_and_send, unreachable};
use crate::probe_task::{begin, fetch, given_back, may_be_mended, said};
use ligase_domain::{Digest, FailureReason, OverlayTree};
use ligase_proto::attempt::traced;
use ligase_proto::client::Objects;
use ligase_proto::patience::{PATIENCE, patiently};
use ligase_proto::{convert, v1};
use ligase_queue::{Delivery, Heartbeat, Settle};
use ligase_record::{decode_patch, decode_patch_record};
use ligase_runtime::{reached, stage, traceparent};
use std::collections::HashMap;
use std::sync::Arc;

/// Runs one attempt and says how it is to be settled.
pub(crate) async fn run(worker: &Worker, cache: &Arc<LocalCache>, delivery: Delivery, heartbeat: Heartbeat) -> Settle {
    let Some(v1::task::Work::Verification(task)) = delivery.task.work.clone() else {
        return Settle::Term(FailureReason::Malformed.name().to_owned());
    };
    reached("verification-leased");
    let asking = said(worker, &delivery);
    if let Err(settle) = begin(&asking, &delivery, &heartbeat).await {
        return settle;
    }
    let empty = v1::VerificationReport {
        attempt: Some(attempt(&delivery)),
        intent: task.intent.clone(),
        patch: task.patch.clone(),
        ..Default::default()
    };
    let report = match look_at(worker, cache, &task, heartbeat.clone()).await {
        Ok(sent) => v1::VerificationReport {
            root: field(&sent.root),
            observations: field(&sent.observations),
            objects: sent.along,
            ..empty
        },
        Err(failed) if may_be_mended(&delivery, &failed) => return given_back(&asking, &delivery, &failed).await,
        Err(failed) => v1::VerificationReport { failure: Some(failure(&failed)), ..empty },
    };
    let tell = || {
        let (mut fleet, report) = (worker.fleet(), traced(report.clone(), traceparent().as_deref()));
        async move { fleet.report_verification(report).await }
    };
    match stage("verification", "report", patiently(PATIENCE, || heartbeat.beat(), tell)).await {
        Ok(_) => Settle::Ack,
        Err(status) => given_back(&asking, &delivery, &unreachable(status)).await,
    }
}

async fn look_at(
    worker: &Worker,
    cache: &Arc<LocalCache>,
    task: &v1::VerificationTask,
    heartbeat: Heartbeat,
) -> Result<Sent, Failed> {
    let malformed = |e: convert::WireError| (FailureReason::Malformed, e.to_string());
    let patch = convert::digest("patch", &task.patch).map_err(malformed)?;
    let patch = fetch_patch(&mut worker.objects(), &patch).await?;
    let base = fetch(worker, task.location.as_ref(), &task.base_revision, &task.ref_hint, &heartbeat);
    let base = stage("verification", "fetch", base).await?;
    heartbeat.beat();
    let tree = Arc::new(OverlayTree::new(Arc::new(base.tree), &patch));
    stage("verification", "look", look_and_send(worker, cache, tree, heartbeat)).await
}

/// A stored patch with its files' bytes.
async fn fetch_patch(objects: &mut Objects, digest: &Digest) -> Result<ligase_domain::Patch, Failed> {
    let malformed = |e: ligase_record::RecordError| (FailureReason::Malformed, e.to_string());
    let record = objects.fetch_one(digest).await.map_err(unreachable)?;
    let blobs: Vec<Digest> =
        decode_patch_record(&record).map_err(malformed)?.record.changes.iter().map(|c| c.object).collect();
    let bytes = objects.fetch(&blobs).await.map_err(unreachable)?;
    let by_digest: HashMap<Digest, Vec<u8>> = blobs.into_iter().zip(bytes).collect();
    decode_patch(&record, &mut |d| by_digest.get(d).cloned()).map_err(malformed)
}
