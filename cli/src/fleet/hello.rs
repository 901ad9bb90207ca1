//! Says hello to the coordinator every few seconds, and closes the turnstile when it is told to drain.

use crate::failure::Failure;
use crate::fleet::turnstile::Turnstile;
use ligase_domain::Digest;
use ligase_proto::convert::digest_bytes;
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
    /// What was loaded beside the catalog that ships, and has to stay what the coordinator gives.
    pub catalog: Given,
}

/// Where the organisation's own catalog came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// A folder that a person named: whatever the coordinator has.
    ByFolder,
    /// The coordinator, or nothing from it.
    ByCoordinator(Option<Digest>),
}

impl Given {
    /// Whether the coordinator gives another one now.
    fn is_old(self, answered: &[u8]) -> bool {
        match self {
            Self::ByFolder => false,
            Self::ByCoordinator(loaded) => loaded.as_ref().map(digest_bytes).unwrap_or_default() != answered,
        }
    }
}

/// Says hello until shutdown. A coordinator that does not answer is no reason to stop working; one that gives another catalog is:
/// then it is true, and what is held is finished.
pub async fn say(hello: Hello, turnstile: Arc<Turnstile>, mut fleet: FleetClient<Channel>, shutdown: Shutdown) -> bool {
    let mut tick = tokio::time::interval(EVERY);
    let mut answers = true;
    loop {
        tokio::select! {
            () = shutdown.requested() => return false,
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
                let answer = answer.into_inner();
                if hello.catalog.is_old(&answer.catalog) {
                    tracing::warn!(
                        code = "E-MEMBER-CATALOG",
                        "the organisation's catalog is another now; finishes what it holds"
                    );
                    shutdown.request();
                    return true;
                }
                let drain = answer.drain;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_catalog_of_the_coordinators_grows_old() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let given = Given::ByCoordinator(Some(one));
        assert!(!given.is_old(&digest_bytes(&one)) && given.is_old(&digest_bytes(&other)) && given.is_old(&[]));
        assert!(Given::ByCoordinator(None).is_old(&digest_bytes(&one)) && !Given::ByCoordinator(None).is_old(&[]));
        assert!(!Given::ByFolder.is_old(&digest_bytes(&one)));
    }
}
