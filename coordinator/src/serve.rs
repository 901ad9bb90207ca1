//! The role `serve`: campaigns for leadership, stands by while another leads, and leads when it may.
//!
//! Who leads opens the store, serves workers, agent-runners and people, sweeps by the schedule, and renews its term. Whoever
//! finds its term lost stops at once and ends: what it acknowledged is durable, and the next leader goes on from there.
//! A leader that is stopped but not dead keeps the store's lock: nobody writes beside it, and nobody leads until it is
//! killed or goes on and ends itself.

use crate::app::{App, Config, Seat};
use crate::declared::{Declared, DeclaredError};
use crate::ledger::{Ledger, LedgerError};
use crate::rpc::api::ApiService;
use crate::rpc::fleet::FleetService;
use crate::rpc::refusals::{tls_refused, watch};
use crate::rpc::standby;
use crate::schedule::{Schedule, sweep_id};
use crate::state::SweepState;
use crate::sweep::{self, Asked, SweepError};
use axum::middleware::from_fn;
use ligase_domain::{Digest, TaskKind, Timestamp};
use ligase_evidence::codes;
use ligase_policy::Catalog;
use ligase_proto::accept::Incoming;
use ligase_proto::client::ALONG_BYTES_MAX;
use ligase_proto::convert;
use ligase_proto::socket::{self, Credentials, SocketError};
use ligase_proto::v1::api_server::ApiServer;
use ligase_proto::v1::fleet_server::FleetServer;
use ligase_queue::{Candidate, Leader, Leadership, QueueError, Standing, TaskQueue, Term};
use ligase_runtime::{Shutdown, Supervisor, TaskEnd, count, gauge};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::service::Routes;

/// Problems of a policy that are told when a coordinator begins.
const PROBLEMS_TOLD: usize = 20;
/// How often a standby asks whether somebody leads.
const CAMPAIGN: Duration = Duration::from_secs(1);
/// How often the schedule is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often what is measured is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// How long a connection to a standby lives: its client goes to the next address then.
const STANDBY_CONNECTION: Duration = Duration::from_millis(500);
/// How long the store's lock is waited for: the process that led before may still be dying.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);
/// What is measured of the queue.
const KINDS: [TaskKind; 3] = [TaskKind::Probe, TaskKind::Remedy, TaskKind::Verification];
const LANES: [&str; 3] = ["hot", "cascade", "sweep"];
/// How long calls are waited for that are not answered yet when it is told to end.
const CLOSING: Duration = Duration::from_secs(5);
/// Largest message that is taken: a chunk of an object, or a report of a large repository with the objects that come along.
const MESSAGE_BYTES_MAX: usize = (4 << 20) + ALONG_BYTES_MAX;
/// Largest answer to a person: some hundred thousand findings.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// What a coordinator that serves is given.
pub struct Serving {
    /// What it needs to know; its seat is filled in when it leads.
    pub config: Config,
    /// What it judges by.
    pub catalog: Arc<Catalog>,
    /// The files of it that are the organisation's own: members are given them.
    pub own_catalog: Vec<(String, Vec<u8>)>,
    /// Where its tasks go.
    pub queue: Arc<dyn TaskQueue>,
    /// How leaders are made.
    pub leadership: Arc<dyn Leadership>,
    /// How often a term is renewed: several times in its length.
    pub renewal: Duration,
    /// Opens the store for a term of leadership.
    pub open: Arc<dyn Fn(u64) -> Result<Ledger, LedgerError> + Send + Sync>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where others reach it.
    pub address: String,
    /// What it shows and whom it trusts.
    pub credentials: Credentials,
    /// When it sweeps by itself.
    pub schedule: Option<Schedule>,
}

/// Why a coordinator ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket or its credentials.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The queue's server.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The store.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another one leads.
    #[error("E-LEAD-LOST: another coordinator leads, or the term could not be renewed in time: {0}")]
    LeadLost(String),
    /// The organisation's policy is not there.
    #[error("{0}")]
    Policy(String),
    /// The server.
    #[error("E-SERVE: {0}")]
    Serve(String),
}

/// Serves until shutdown, or until it has led and leads no more.
pub async fn serve(serving: Serving, shutdown: Shutdown) -> Result<(), ServeError> {
    let listener = TcpListener::bind(serving.listen).map_err(|e| SocketError::Listen(serving.listen, e))?;
    listener.set_nonblocking(true).map_err(|e| SocketError::Listen(serving.listen, e))?;
    policy(&serving)?;
    let me = Candidate { name: serving.config.seat.name.clone(), address: serving.address.clone() };
    let Some(term) = stand_by(&serving, &me, &listener, &shutdown).await? else { return Ok(()) };
    tracing::info!(fence = term.fence, "leads");
    let ended = lead(&serving, &term, &listener, &shutdown).await;
    gauge("ligase_leading", &[], 0.0);
    if !matches!(ended, Err(ServeError::LeadLost(_)))
        && let Err(error) = serving.leadership.resign(&term).await
    {
        tracing::debug!(%error, "could not resign; the term ends by itself");
    }
    ended
}

/// The policy is read once before anybody leads, so that whoever starts a coordinator sees what is wrong with it. One that
/// does not read as a document keeps nobody from taking results: sweeps are refused until it does.
fn policy(serving: &Serving) -> Result<(), ServeError> {
    match Declared::read(&serving.config.organisation_file, &serving.catalog) {
        Ok(_) => Ok(()),
        Err(DeclaredError::Unreadable(path, error)) => {
            Err(ServeError::Policy(format!("E-ORG-UNREADABLE: {}: {error}", path.display())))
        }
        Err(DeclaredError::Documents(errors)) => {
            for error in errors.iter().take(PROBLEMS_TOLD) {
                tracing::error!(code = error.code, "{error}");
            }
            let (file, count) = (serving.config.organisation_file.display(), errors.len());
            tracing::error!(code = "E-ORG-INVALID", %file, count, "the policy does not read: nothing is swept until it does");
            Ok(())
        }
    }
}

fn incoming(serving: &Serving, listener: &TcpListener) -> Result<Incoming, ServeError> {
    let failed = |e: std::io::Error| ServeError::Serve(e.to_string());
    let own = listener.try_clone().map_err(failed)?;
    let own = tokio::net::TcpListener::from_std(own).map_err(failed)?;
    Ok(Incoming::new(own, &serving.credentials, Arc::new(tls_refused))?)
}

/// Answers who leads, until it is this one. `None` on shutdown.
async fn stand_by(
    serving: &Serving,
    me: &Candidate,
    listener: &TcpListener,
    shutdown: &Shutdown,
) -> Result<Option<Term>, ServeError> {
    gauge("ligase_leading", &[], 0.0);
    let (says, hears) = watch::channel::<Option<Leader>>(None);
    let done = Shutdown::new();
    let mut server =
        socket::server().max_connection_age(STANDBY_CONNECTION).max_connection_age_grace(STANDBY_CONNECTION);
    let (until, incoming) = (done.clone(), incoming(serving, listener)?);
    let answering = tokio::spawn(async move {
        let router = server.add_routes(standby::routes(hears));
        router.serve_with_incoming_shutdown(incoming, async move { until.requested().await }).await
    });
    let mut tick = tokio::time::interval(CAMPAIGN);
    let term = loop {
        tokio::select! {
            () = shutdown.requested() => break None,
            _ = tick.tick() => {}
        }
        match serving.leadership.campaign(me).await {
            Ok(Standing::Leads(term)) => break Some(term),
            Ok(Standing::Follows(leader)) => {
                if says.borrow().as_ref() != Some(&leader) {
                    tracing::info!(leader = leader.name, address = leader.address, "stands by");
                }
                says.send_replace(Some(leader));
            }
            Err(error) => tracing::warn!(%error, "cannot campaign; tries again"),
        }
    };
    done.request();
    let _ = answering.await;
    Ok(term)
}

/// Leads until shutdown or until the term is lost.
async fn lead(serving: &Serving, term: &Term, listener: &TcpListener, shutdown: &Shutdown) -> Result<(), ServeError> {
    let (lost, loss) = watch::channel::<Option<String>>(None);
    let stop = Shutdown::new();
    let mut tasks = Supervisor::new(stop.clone());
    // The term is renewed while the store is opened: a large one takes a while.
    let (leadership, first, until) = (Arc::clone(&serving.leadership), term.clone(), stop.clone());
    let every = serving.renewal;
    tasks.spawn("renew", TaskEnd::Expected, async move { renew(leadership, every, first, lost, until).await });
    let (ledger, catalog) = keep_catalog(serving, open(serving, term.fence, &loss).await?).await?;
    let seat = Seat { address: serving.address.clone(), fence: term.fence, catalog, ..serving.config.seat.clone() };
    let config = Config { seat, ..serving.config.clone() };
    let app = Arc::new(App::new(config, ledger, Arc::clone(&serving.catalog), Arc::clone(&serving.queue)));
    gauge("ligase_leading", &[], 1.0);
    app.ledger.wait_for_room(true);
    let (at, until, schedule) = (Arc::clone(&app), stop.clone(), serving.schedule.clone());
    tasks.spawn("schedule", TaskEnd::StopsTheRole, async move { keep_schedule(at, schedule, until).await });
    let (at, until) = (Arc::clone(&app), stop.clone());
    tasks.spawn("measure", TaskEnd::StopsTheRole, async move { measure(at, until).await });

    let (health, healthy) = tonic_health::server::health_reporter();
    health.set_serving::<FleetServer<FleetService>>().await;
    health.set_serving::<ApiServer<ApiService>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(ligase_proto::DESCRIPTORS)
        .build_v1()
        .map_err(|e| ServeError::Serve(e.to_string()))?;
    let fleet = FleetServer::new(FleetService(Arc::clone(&app))).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let ending_app = Arc::clone(&app);
    let api = ApiServer::new(ApiService(app))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(ANSWER_BYTES_MAX);
    let routes = Routes::new(fleet).add_service(api).add_service(healthy).add_service(reflection);
    let routes = Routes::from(routes.into_axum_router().layer(from_fn(watch)));
    let router = socket::server().add_routes(routes);
    let (mut watching, asked, stopping) = (loss.clone(), shutdown.clone(), stop.clone());
    let ending = async move {
        tokio::select! {
            () = asked.requested() => {}
            () = stopping.requested() => {}
            _ = watching.wait_for(Option::is_some) => {}
        }
    };
    let over = over(loss.clone(), shutdown.clone(), stop.clone());
    let served = tokio::select! {
        served = router.serve_with_incoming_shutdown(incoming(serving, listener)?, ending) => served,
        () = over => Ok(()),
    };
    stop.request();
    ending_app.ledger.wait_for_room(false);
    let lost = loss.borrow().clone();
    if let Some(why) = lost {
        return Err(ServeError::LeadLost(why));
    }
    let early = tasks.join().await;
    served.map_err(|e| ServeError::Serve(e.to_string()))?;
    match early.first() {
        Some(name) => Err(ServeError::Serve(format!("{name} ended early"))),
        None => Ok(()),
    }
}

/// When calls that are not answered yet are waited for no longer: at once when the term is lost, since whoever leads no more
/// must not act; a while after it was told to end, since a person's sweep may take hours, and another leader goes on with it.
async fn over(mut loss: watch::Receiver<Option<String>>, asked: Shutdown, stopping: Shutdown) {
    let told = async {
        tokio::select! {
            () = asked.requested() => {}
            () = stopping.requested() => {}
        }
        tokio::time::sleep(CLOSING).await;
    };
    let lost = async {
        // Whoever renews is gone: then only the other way is left.
        if loss.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = lost => {}
        () = told => {}
    }
}

/// Renews the term until it is lost. A server that does not answer is asked again until the term's own end.
async fn renew(
    leadership: Arc<dyn Leadership>,
    every: Duration,
    first: Term,
    lost: watch::Sender<Option<String>>,
    until: Shutdown,
) {
    let mut term = first;
    loop {
        tokio::select! {
            () = until.requested() => return,
            () = tokio::time::sleep(every) => {}
        }
        let why = match leadership.renew(&term).await {
            Ok(renewed) => {
                term = renewed;
                continue;
            }
            Err(QueueError::Unreachable(why)) if Instant::now() + every < term.until => {
                tracing::warn!(why, "the term could not be renewed; tries again");
                continue;
            }
            Err(error) => error.to_string(),
        };
        tracing::error!(why, "leads no more");
        lost.send_replace(Some(why));
        return;
    }
}

/// Opens the store, waiting for the lock of a process that may still be dying.
async fn open(serving: &Serving, fence: u64, loss: &watch::Receiver<Option<String>>) -> Result<Ledger, ServeError> {
    let (began, mut said) = (Instant::now(), String::new());
    loop {
        let open = Arc::clone(&serving.open);
        let opened = tokio::task::spawn_blocking(move || open(fence)).await;
        match opened.map_err(|panic| ServeError::Serve(panic.to_string()))? {
            Ok(ledger) => return Ok(ledger),
            Err(error) if loss.borrow().is_some() => return Err(ServeError::LeadLost(error.to_string())),
            Err(error) if began.elapsed() > LOCK_PATIENCE || !passes(&error) => return Err(error.into()),
            Err(error) => {
                let text = error.to_string();
                if said != text {
                    tracing::warn!(
                        error = text,
                        seconds = LOCK_PATIENCE.as_secs(),
                        "the store cannot be opened yet; tries again"
                    );
                    said = text;
                }
                tokio::time::sleep(CAMPAIGN).await;
            }
        }
    }
}

/// Puts the organisation's own catalog where members can ask for it.
async fn keep_catalog(serving: &Serving, ledger: Ledger) -> Result<(Ledger, Option<Digest>), ServeError> {
    if serving.own_catalog.is_empty() {
        return Ok((ledger, None));
    }
    let bytes = convert::catalog_bytes(serving.own_catalog.iter().cloned());
    let kept = tokio::task::spawn_blocking(move || ledger.keep_now(bytes).map(|digest| (ledger, Some(digest)))).await;
    Ok(kept.map_err(|panic| ServeError::Serve(panic.to_string()))??)
}

/// Whether a store that does not open may open a moment later: its lock is held, or its disk is full.
fn passes(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Store(e) if [codes::LOCKED, codes::NO_SPACE].contains(&e.code))
}

/// Takes up what another leader began, then sweeps when the schedule says so.
async fn keep_schedule(app: Arc<App>, schedule: Option<Schedule>, until: Shutdown) {
    let unended = app.ledger.read(|s| s.sweeps.last().filter(|s| s.ended.is_none()).cloned());
    if let Some(SweepState { sweep, plan_only, named, .. }) = unended {
        tracing::info!(sweep = %sweep.short(), "takes up the sweep that was not ended");
        run(&app, Asked { sweep: Some(sweep), plan_only, only: named }, &until).await;
    }
    let Some(schedule) = schedule else { return until.requested().await };
    // The schedule holds from the last sweep on; without one, from now on.
    let mut last = app.ledger.read(|s| s.sweeps.last().map(|s| s.started)).unwrap_or_else(|| app.ledger.now());
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = until.requested() => return,
            _ = tick.tick() => {}
        }
        let due = schedule.due(last, app.ledger.now());
        *app.due.lock().unwrap_or_else(PoisonError::into_inner) = due.next;
        missed(&app, &due.missed).await;
        let Some(period) = due.now else { continue };
        last = period;
        let organisation = app.organisation();
        let sweep = sweep_id(&organisation, period);
        if app.ledger.read(|s| s.sweeps.iter().rev().take(1_000).any(|s| s.sweep == sweep && s.ended.is_some())) {
            continue;
        }
        run(&app, Asked { sweep: Some(sweep), ..Asked::default() }, &until).await;
    }
}

async fn missed(app: &Arc<App>, periods: &[Timestamp]) {
    if periods.is_empty() {
        return;
    }
    tracing::warn!(count = periods.len(), "periods of the schedule passed without a sweep of their own");
    let facts = periods.iter().map(|due| crate::fact::Fact::PeriodMissed { due: *due }).collect();
    let at = Arc::clone(app);
    let recorded = tokio::task::spawn_blocking(move || at.ledger.record(facts)).await;
    if !matches!(recorded, Ok(Ok(()))) {
        tracing::warn!("missed periods could not be recorded");
    }
}

/// Runs one sweep to its end; nobody watches its progress.
async fn run(app: &Arc<App>, asked: Asked, until: &Shutdown) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
    let sweeping = sweep::sweep(Arc::clone(app), asked, sender);
    let draining = async { while receiver.recv().await.is_some() {} };
    let ended = tokio::select! {
        () = until.requested() => return,
        (ended, ()) = async { tokio::join!(sweeping, draining) } => ended,
    };
    let outcome = match ended {
        Ok(summary) if summary.problems.is_empty() => "ended",
        Ok(_) => "bad-policy",
        Err(SweepError::Running) => "running-already",
        Err(error) => {
            tracing::error!(%error, "a sweep failed");
            "failed"
        }
    };
    count("ligase_sweeps_total", &[("outcome", outcome)], 1);
}

/// Sets the gauges that dashboards and autoscaling look at.
async fn measure(app: Arc<App>, until: Shutdown) {
    let mut tick = tokio::time::interval(MEASURE);
    loop {
        tokio::select! {
            () = until.requested() => return,
            _ = tick.tick() => {}
        }
        gauge("ligase_sweep_planned", &[], app.desk.len() as f64);
        let members = app.members.rows();
        for role in ["worker", "agent-runner"] {
            let of = members.iter().filter(|m| m.role == role);
            gauge("ligase_members", &[("role", role)], of.clone().count() as f64);
            gauge("ligase_slots", &[("role", role)], of.map(|m| f64::from(m.slots)).sum());
        }
        let Ok(backlog) = app.queue.backlog().await else { continue };
        // A lane without tasks may be left out of the answer, and has to read zero.
        for (kind, lane) in KINDS.iter().flat_map(|kind| LANES.iter().map(move |lane| (*kind, *lane))) {
            let of = backlog.iter().find(|b| b.kind == kind && b.lane == lane);
            let with = [("kind", kind.name()), ("lane", lane)];
            gauge("ligase_queue_waiting", &with, of.map_or(0.0, |b| b.waiting as f64));
            gauge("ligase_queue_leased", &with, of.map_or(0.0, |b| b.leased as f64));
            gauge("ligase_queue_oldest_seconds", &with, of.map_or(0.0, |b| b.oldest.as_secs_f64()));
        }
    }
}
