//! Looks: one probe task from lease to settle. It holds no write credential and knows no policy: it looks and reports.
//!
//! Stateless: its cache may be lost at any moment, and killing it at any line loses at most one attempt.
//! Read `probe_task.rs` next.

mod cache;
mod look;
mod probe_task;
mod verification_task;

use ligase_domain::TaskKind;
use ligase_lookout::Lookout;
use ligase_probe::ProbeSet;
use ligase_proto::client::Objects;
use ligase_proto::v1::fleet_client::FleetClient;
use ligase_queue::TaskQueue;
use ligase_runtime::{Shutdown, Supervisor, TaskEnd, attempt_span};
use ligase_vcs::PinOptions;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;
use tracing::Instrument as _;

/// What a worker needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its identity on the queue.
    pub name: String,
    /// Attempts that run at once, for each kind of task.
    pub slots: usize,
    /// How long an attempt may make no progress before it is ended.
    pub stuck: Duration,
    /// Where and how revisions are fetched.
    pub pin: PinOptions,
}

/// What a worker is given.
#[derive(Clone)]
pub struct Worker {
    /// What it needs to know.
    pub config: Config,
    /// Where its tasks come from.
    pub queue: Arc<dyn TaskQueue>,
    /// Whom it reports to.
    pub coordinator: Channel,
    /// What it looks with.
    pub probes: Arc<ProbeSet>,
    /// Who does the looking: children, one for each thread that looks.
    pub eyes: Arc<Lookout>,
}

impl Worker {
    fn fleet(&self) -> FleetClient<Channel> {
        FleetClient::new(self.coordinator.clone())
    }

    fn objects(&self) -> Objects {
        Objects::new(self.fleet())
    }
}

/// Leases, looks and reports until shutdown; what it holds then, it finishes.
pub async fn run(worker: Worker, shutdown: Shutdown) {
    let worker = Arc::new(worker);
    let cache = Arc::new(cache::LocalCache::default());
    let mut loops = Supervisor::new(shutdown.clone());
    for kind in [TaskKind::Probe, TaskKind::Verification] {
        let (worker, cache, shutdown) = (Arc::clone(&worker), Arc::clone(&cache), shutdown.clone());
        loops.spawn("worker-pull", TaskEnd::StopsTheRole, async move {
            let queue = Arc::clone(&worker.queue);
            let (name, slots) = (worker.config.name.clone(), worker.config.slots);
            let stuck = worker.config.stuck;
            ligase_queue::pull(queue, kind, &name, slots, stuck, &shutdown, |delivery, heartbeat| {
                let (worker, cache) = (Arc::clone(&worker), Arc::clone(&cache));
                let key = delivery.key.digest.to_string();
                let span = attempt_span(kind.name(), &key, delivery.attempt, delivery.trace.as_deref());
                let work = async move {
                    match kind {
                        TaskKind::Verification => verification_task::run(&worker, &cache, delivery, heartbeat).await,
                        _ => probe_task::run(&worker, &cache, delivery, heartbeat).await,
                    }
                };
                work.instrument(span)
            })
            .await;
        });
    }
    loops.join().await;
}
