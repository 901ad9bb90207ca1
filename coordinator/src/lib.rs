//! Decides and delivers: what is to be looked at, what it means, what is to be changed, which pull requests go out.
//!
//! It never runs a probe or a remedy. It holds the only write credential, in `forges.rs`, and remembers through one door,
//! `ledger.rs`. Read `sweep.rs` first, then `judging.rs`, `planning.rs`, `deliver.rs`, and `changeset.rs` for the rules.

mod app;
mod attempts;
mod changeset;
mod declared;
mod deliver;
mod desk;
mod explain;
mod fact;
mod fields;
mod forges;
mod judging;
mod ledger;
mod members;
mod message;
mod overview;
mod planning;
mod rpc;
mod schedule;
mod seen;
mod serve;
mod standing;
mod state;
mod sweep;
mod together;
mod uploads;
mod view;

pub use app::{Config, Seat};
pub use ledger::{Ledger, LedgerError};
pub use ligase_forge::RemoteOptions;
pub use schedule::{Schedule, ScheduleError};
pub use serve::{ServeError, Serving, serve};

use app::App;
use ligase_policy::Catalog;
use ligase_proto::memory::Incoming;
use ligase_proto::v1::api_server::ApiServer;
use ligase_proto::v1::fleet_server::FleetServer;
use ligase_queue::TaskQueue;
use ligase_runtime::Shutdown;
use rpc::api::ApiService;
use rpc::fleet::FleetService;
use std::sync::Arc;

/// A coordinator that is ready to serve.
pub struct Coordinator {
    /// What it needs to know.
    pub config: Config,
    /// What it remembers.
    pub ledger: Ledger,
    /// What it judges by.
    pub catalog: Arc<Catalog>,
    /// Where its tasks go.
    pub queue: Arc<dyn TaskQueue>,
}

/// Serves over in-memory connections until shutdown.
pub async fn run(coordinator: Coordinator, incoming: Incoming, shutdown: Shutdown) {
    let Coordinator { config, ledger, catalog, queue } = coordinator;
    let app = Arc::new(App::new(config, ledger, catalog, Arc::clone(&queue)));
    let served = tonic::transport::Server::builder()
        .add_service(FleetServer::new(FleetService(Arc::clone(&app))))
        .add_service(ApiServer::new(ApiService(app)))
        .serve_with_incoming_shutdown(incoming, shutdown.requested())
        .await;
    queue.close().await;
    if let Err(error) = served {
        tracing::error!(%error, "the coordinator stopped serving");
        shutdown.request();
    }
}
