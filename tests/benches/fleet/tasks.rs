//! How many tasks go through the whole belt in a second when looking costs nothing: a sweep publishes one probe task for
//! each of many tiny repositories, and a worker of this process's takes them, asks whether they are wanted, reports the same
//! empty look for each, and acks when the record is durable. Beside it stands the same server's client alone.
//!
//! From the manifest, which is durable before the first publication, until the last ack. The repositories lie in a folder,
//! so that listing them asks nobody; the coordinator judges what was reported at the same time, as it always does.

use crate::git;
use crate::journal::Journal;
use crate::processes::{Fleet, Setting};
use ligase_domain::{Digest, Population, TaskKind};
use ligase_probe::ProbeSet;
use ligase_proto::attempt::{Attempt, Begun};
use ligase_proto::client::Objects;
use ligase_proto::socket::{Addresses, Credentials, channel};
use ligase_proto::v1::{self, fleet_client::FleetClient};
use ligase_queue::raw::{Load, publish_pull_ack};
use ligase_queue::{JetStreamQueue, QueueOptions, STUCK, Settle, TaskQueue, backoff, pull};
use ligase_record::{ObservationSet, encode_observation_set, encode_observations};
use ligase_runtime::{Shutdown, SystemClock};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Attempts of the worker that run at once; as many messages are held by the client alone.
const HELD: usize = 64;
/// Publications on their way at once, as the product has them.
const PUBLISHING: usize = 256;
/// Bytes of a task, about; how many they are is not known before one was seen.
const TASK_BYTES: usize = 400;
const POLICY: &str = "apiVersion: ligase.dev/v1\nkind: Organisation\nmetadata: { name: bench }\nspec:\n  floor: [no-sensitive-in-logs]\n  sources:\n    - directory: ../tiny\n";

/// What was measured.
pub struct Rates {
    /// Tasks.
    pub tasks: usize,
    /// Tasks a second through the belt.
    pub belt: f64,
    /// Messages a second through the server's client alone, before and after.
    pub raw: [f64; 2],
    /// Bytes of a task.
    pub bytes: usize,
}

fn problem(e: impl std::fmt::Display) -> io::Error {
    io::Error::other(e.to_string())
}

/// Makes tiny repositories: one commit each, all the same.
fn tiny(folder: &Path, count: usize) -> io::Result<()> {
    fs::create_dir(folder)?;
    git::run(folder, &["init", "--quiet", "--bare", "--initial-branch=main", "r0.git"])?;
    let first = folder.join("r0.git");
    fs::remove_dir_all(first.join("hooks"))?;
    let text = "commit refs/heads/main\ncommitter Ann <ann@example.org> 1750000000 +0000\ndata 2\nOk\nM 100644 inline notes.txt\ndata 2\nOk\n";
    git::run_with(&first, &["fast-import", "--quiet"], text.as_bytes())?;
    (1..count).try_for_each(|n| copy(&first, &folder.join(format!("r{n}.git"))))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?
        } else {
            fs::copy(entry.path(), target).map(drop)?
        }
    }
    Ok(())
}

/// Measures it in a new folder.
pub fn measure(setting: &Setting, count: usize) -> io::Result<Rates> {
    fs::create_dir_all(setting.folder.join("organisation"))?;
    fs::write(setting.folder.join("organisation/organisation.yaml"), POLICY)?;
    tiny(&setting.folder.join("tiny"), count)?;
    let fleet = Fleet::start(setting)?;
    fleet.certify("worker", "w1")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let servers = [fleet.queue()];
    let bytes = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicU64::new(0));
    let last = Arc::new(AtomicU64::new(0));
    // Before and after, since a machine that others use changes meanwhile.
    let raw = |bytes| {
        let load = Load { messages: count, bytes, publishing: PUBLISHING, held: HELD };
        let (a, b) = runtime.block_on(publish_pull_ack(&servers, &load)).map_err(problem)?;
        Ok::<_, io::Error>(count as f64 / (a + b).as_secs_f64())
    };
    let before = raw(TASK_BYTES)?;
    let working = runtime.block_on(worker(&fleet, count as u64, &done, &last, &bytes))?;
    let said = fleet.ask(&["sweep", "--plan", "--json"])?;
    runtime.block_on(working).map_err(problem)?;
    let bytes = bytes.load(Ordering::SeqCst);
    let raw = [before, raw(bytes)?];
    fleet.stop()?;
    let journal = Journal::read(&setting.folder.join("state"), 1)?;
    if done.load(Ordering::SeqCst) != count as u64 || journal.lost_and_twice() != (0, 0) {
        return Err(io::Error::other(format!("{} of {count} tasks were done: {said}", done.load(Ordering::SeqCst))));
    }
    let took = last.load(Ordering::SeqCst) as i64 - journal.sweep_started;
    Ok(Rates { tasks: count, belt: count as f64 * 1000.0 / took.max(1) as f64, raw, bytes })
}

/// Starts a worker that looks at nothing.
async fn worker(
    fleet: &Fleet,
    count: u64,
    done: &Arc<AtomicU64>,
    last: &Arc<AtomicU64>,
    bytes: &Arc<AtomicUsize>,
) -> io::Result<tokio::task::JoinHandle<()>> {
    let [certificate, key, authority] = fleet.identity_files("worker-w1");
    let addresses = Addresses::read(&[fleet.coordinator()], None).map_err(problem)?;
    let coordinator = channel(&addresses, &Credentials { certificate, key, authority }).map_err(problem)?;
    let options = QueueOptions { ack_wait: Duration::from_secs(10), ..QueueOptions::new([fleet.queue()]) };
    let queue = JetStreamQueue::connect(&options).await.map_err(problem)?;
    let population = Population {
        files: Digest::of(b""),
        files_total: 0,
        by_class: BTreeMap::new(),
        skipped: Vec::new(),
        incomplete: None,
    };
    // A look with other probes than the coordinator's is refused; these are of the same sources.
    let probes = ProbeSet::load(&ligase_catalog::shipped()).map_err(|e| problem(format!("{e:?}")))?;
    let set = ObservationSet { entries: Vec::new(), population, probe_set: probes.digest(), packs: BTreeMap::new() };
    let root = encode_observation_set(&set).map_err(problem)?.root;
    let look = vec![encode_observations(&[]).map_err(problem)?, root];
    let client = FleetClient::new(coordinator);
    let named = Objects::new(client.clone()).put(look).await.map_err(problem)?;
    let named = [named[0].as_bytes().to_vec(), named[1].as_bytes().to_vec()];
    let (stop, done, last, bytes) = (Shutdown::new(), Arc::clone(done), Arc::clone(last), Arc::clone(bytes));
    Ok(tokio::spawn(async move {
        pull(
            Arc::new(queue) as Arc<dyn TaskQueue>,
            TaskKind::Probe,
            "w1",
            HELD,
            STUCK,
            &stop,
            |delivery, heartbeat| {
                let (mut client, [observations, root]) = (client.clone(), named.clone());
                let (done, bytes, ends) = (Arc::clone(&done), Arc::clone(&bytes), stop.clone());
                async move {
                    bytes.fetch_max(prost::Message::encoded_len(&delivery.task), Ordering::SeqCst);
                    let attempt = Attempt::new(client.clone(), &delivery.task, delivery.attempt);
                    if !matches!(attempt.begin(|| heartbeat.beat()).await, Ok(Begun::Wanted)) {
                        return Settle::Nak(backoff(delivery.attempt));
                    }
                    let said = v1::Attempt {
                        key: delivery.task.key.clone(),
                        sweep: delivery.task.sweep.clone(),
                        publication: delivery.task.publication,
                        number: delivery.attempt,
                    };
                    let report = v1::ProbeReport { attempt: Some(said), root, observations, ..Default::default() };
                    match client.report_probe(report).await {
                        Ok(_) => {
                            if done.fetch_add(1, Ordering::SeqCst) + 1 == count {
                                // It takes nothing more, and ends when what it holds is acknowledged.
                                ends.request();
                            }
                            Settle::Ack
                        }
                        Err(_) => Settle::Nak(backoff(delivery.attempt)),
                    }
                }
            },
        )
        .await;
        last.store(SystemClock.now_ms().unsigned_abs(), Ordering::SeqCst);
    }))
}
