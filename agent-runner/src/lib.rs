//! Changes: one remediation task from lease to settle. It holds no write credential: it gets a revision and returns a patch.
//!
//! No patch leaves it that has not passed its gate; and that gate is a filter, not the proof: the coordinator accepts a
//! patch only after a worker, on another lease, has looked at base plus patch. Read `remediate.rs` next.

mod desk;
mod remediate;
mod verify;

pub use verify::{Verification, Verifier};

use ligase_domain::TaskKind;
use ligase_inspect::Inspector;
use ligase_lookout::Lookout;
use ligase_proto::client::Objects;
use ligase_proto::v1::fleet_client::FleetClient;
use ligase_queue::TaskQueue;
use ligase_remedy::RemedySet;
use ligase_runtime::{Shutdown, attempt_span};
use ligase_vcs::PinOptions;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;
use tracing::Instrument as _;

/// What an agent-runner needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its identity on the queue: a verification of its patches is never leased to it.
    pub name: String,
    /// Attempts that run at once.
    pub slots: usize,
    /// How long an attempt may make no progress before it is ended.
    pub stuck: Duration,
    /// Where and how revisions are fetched.
    pub pin: PinOptions,
}

/// What an agent-runner is given.
#[derive(Clone)]
pub struct AgentRunner {
    /// What it needs to know.
    pub config: Config,
    /// Where its tasks come from.
    pub queue: Arc<dyn TaskQueue>,
    /// Whom it reports to.
    pub coordinator: Channel,
    /// What it judges with: catalog and probes.
    pub inspector: Arc<Inspector>,
    /// Who looks at a repository's files: children, one for each thread that looks.
    pub eyes: Arc<Lookout>,
    /// What it changes with.
    pub remedies: Arc<RemedySet>,
    /// What it runs a repository's own tests with.
    pub verifier: Verifier,
}

impl AgentRunner {
    fn fleet(&self) -> FleetClient<Channel> {
        FleetClient::new(self.coordinator.clone())
    }

    fn objects(&self) -> Objects {
        Objects::new(self.fleet())
    }
}

/// Leases, changes and reports until shutdown; what it holds then, it finishes.
pub async fn run(runner: AgentRunner, shutdown: Shutdown) {
    let runner = Arc::new(runner);
    let (queue, name, slots) = (Arc::clone(&runner.queue), runner.config.name.clone(), runner.config.slots);
    let stuck = runner.config.stuck;
    ligase_queue::pull(queue, TaskKind::Remedy, &name, slots, stuck, &shutdown, |delivery, heartbeat| {
        let runner = Arc::clone(&runner);
        let key = delivery.key.digest.to_string();
        let span = attempt_span("remedy", &key, delivery.attempt, delivery.trace.as_deref());
        async move { remediate::run(&runner, delivery, heartbeat).await }.instrument(span)
    })
    .await;
}
