//! Says hello to the coordinator every few seconds, and closes the turnstile when it is told to drain.

use crate::failure::Failure;
use crate::fleet::turnstile::Turnstile;
use ligase_domain::Digest;
use ligase_proto::v1::HelloRequest;
use ligase_proto::v1::fleet_client::FleetClient;
use ligase_runtime::{Shutdown, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// What is said beside what changes.
pub struct Hello {
    /// Attempts that run at once.
    pub slots: usize,
    /// Zones that are served.
    pub zones: Vec<String>,
    /// What is looked with; none for an agent-runner.
    pub probe_set: Option<Digest>,
}

/// Says hello until shutdown. A coordinator that does not answer is no reason to stop working.
pub async fn say(hello: Hello, turnstile: Arc<Turnstile>, mut fleet: FleetClient<Channel>, shutdown: Shutdown) {
    let mut tick = tokio::time::interval(EVERY);
    let mut answers = true;
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = tick.tick() => {}
        }
        let said = HelloRequest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: u32::try_from(hello.slots).unwrap_or(u32::MAX),
            held: turnstile.held(),
            zone: hello.zones.join(","),
            probe_set: hello.probe_set.map(|d| d.as_bytes().to_vec()).unwrap_or_default(),
            clock: SystemClock.now_ms(),
            draining: turnstile.is_closed(),
        };
        match tokio::time::timeout(EVERY, fleet.hello(said)).await {
            Ok(Ok(answer)) => {
                if !std::mem::replace(&mut answers, true) {
                    tracing::info!("the coordinator answers again");
                }
                let drain = answer.into_inner().drain;
                if turnstile.close_if(drain) {
                    tracing::info!(drain, "the coordinator told it to {}", if drain { "drain" } else { "go on" });
                }
            }
            Ok(Err(status)) => absent(&mut answers, &Failure::from(status).to_string()),
            Err(_) => absent(&mut answers, "no answer in time"),
        }
    }
}

/// Told once until it answers again.
fn absent(answers: &mut bool, why: &str) {
    if std::mem::replace(answers, false) {
        tracing::warn!(why, "the coordinator does not answer; what is held is kept, and it is asked again");
    }
}
