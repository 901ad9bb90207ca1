//! `ligase worker` and `ligase agent-runner`: a member of the fleet, from settings to the last attempt that it holds.

use crate::args::Cli;
use crate::args::fleet::Member;
use crate::commands::serve::role;
use crate::embedded::{Parts, this_program};
use crate::failure::{Exit, Failure};
use crate::fleet::hello::{self, Given, Hello};
use crate::fleet::link;
use crate::fleet::start::{self, Started};
use crate::fleet::turnstile::{GRACE, Turnstile};
use ligase_catalog::CatalogFile;
use ligase_coordinator::ServeError;
use ligase_domain::Digest;
use ligase_proto::client::Objects;
use ligase_proto::convert;
use ligase_proto::patience::{PATIENCE, patiently};
use ligase_proto::principal::Principal;
use ligase_proto::v1::HelloRequest;
use ligase_proto::v1::fleet_client::FleetClient;
use ligase_queue::{JetStreamQueue, LEFT_BEHIND_MAX, TaskQueue as _, left_behind};
use ligase_runtime::SystemClock;
use ligase_vcs::{PinOptions, RemoteLimits};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;

/// What both roles begin with.
struct Joined {
    started: Started,
    me: Principal,
    channel: Channel,
    turnstile: Arc<Turnstile>,
    parts: Parts,
    catalog: Given,
    pin: PinOptions,
    slots: usize,
    stuck: Duration,
    // Removed when the member ends, where no folder was named.
    _scratch: Option<tempfile::TempDir>,
}

/// Runs a worker until it is told to stop.
pub fn worker(args: &Member, cli: &Cli) -> Result<Exit, Failure> {
    let joined = join(args, cli, "worker")?;
    let worker = ligase_worker::Worker {
        config: ligase_worker::Config {
            name: joined.me.name.clone(),
            slots: joined.slots,
            stuck: joined.stuck,
            pin: joined.pin.clone(),
        },
        queue: Arc::clone(&joined.turnstile) as _,
        coordinator: joined.channel.clone(),
        probes: Arc::clone(&joined.parts.probes),
        eyes: Arc::clone(&joined.parts.eyes),
    };
    let shutdown = joined.started.shutdown.clone();
    let probe_set = Some(joined.parts.probes.digest());
    work(joined, args, probe_set, async move { ligase_worker::run(worker, shutdown).await })
}

/// Runs an agent-runner until it is told to stop.
pub fn agent_runner(args: &Member, cli: &Cli) -> Result<Exit, Failure> {
    let joined = join(args, cli, "agent-runner")?;
    let runner = ligase_agent_runner::AgentRunner {
        config: ligase_agent_runner::Config {
            name: joined.me.name.clone(),
            slots: joined.slots,
            stuck: joined.stuck,
            pin: joined.pin.clone(),
        },
        queue: Arc::clone(&joined.turnstile) as _,
        coordinator: joined.channel.clone(),
        inspector: Arc::clone(&joined.parts.inspector),
        eyes: Arc::clone(&joined.parts.eyes),
        remedies: Arc::clone(&joined.parts.remedies),
        verifier: ligase_agent_runner::Verifier::new(&ligase_sandbox::probe(), std::env::temp_dir()),
    };
    let shutdown = joined.started.shutdown.clone();
    work(joined, args, None, async move { ligase_agent_runner::run(runner, shutdown).await })
}

fn join(args: &Member, cli: &Cli, wanted: &'static str) -> Result<Joined, Failure> {
    let credentials = link::credentials(&args.tls);
    let me = credentials.principal().map_err(|e| link::failure(&e))?;
    role(&me, wanted)?;
    let (caches, scratch) = caches(args)?;
    let pin = PinOptions { caches, child: this_program("__vcs")?, limits: RemoteLimits::default() };
    let slots = args.slots.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from)).max(1);
    let started = start::start(cli, wanted, &args.telemetry)?;
    let (channel, servers, given) = started.runtime.block_on(async {
        let channel = link::open(&args.coordinator, args.coordinator_name.as_deref(), &credentials)?;
        let (servers, given) = told(args, &channel).await?;
        Ok::<_, Failure>((channel, servers, given))
    })?;
    let (parts, catalog) = match given {
        Some((digest, files)) => {
            (Parts::of(ligase_catalog::shipped().into_iter().chain(files).collect())?, Some(digest))
        }
        None => (Parts::load(args.catalog.as_deref())?, None),
    };
    let catalog = if args.catalog.is_some() { Given::ByFolder } else { Given::ByCoordinator(catalog) };
    let turnstile = started.runtime.block_on(async {
        let options = start::queue_options(&args.nats, &servers, &me.to_string(), &args.zones)?;
        let queue = JetStreamQueue::connect(&options).await.map_err(ServeError::from)?;
        if let Err(error) = queue.reach().await {
            tracing::warn!(%error, "no task can be taken yet; tries again");
        }
        Ok::<_, Failure>(Turnstile::new(Arc::new(queue)))
    })?;
    let stuck = Duration::from_secs(args.stuck.max(1));
    Ok(Joined { started, me, channel, turnstile, parts, catalog, pin, slots, stuck, _scratch: scratch })
}

/// The folder for fetched repositories.
fn caches(args: &Member) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    if let Some(folder) = &args.caches {
        return Ok((folder.clone(), None));
    }
    let scratch = tempfile::Builder::new().prefix("ligase-caches-").tempdir();
    let scratch = scratch.map_err(|e| Failure::look("E-CACHES", e, "name a writable folder with --caches"))?;
    Ok((scratch.path().to_path_buf(), Some(scratch)))
}

/// Tells, once, why a role that just began does not work yet.
fn waits(status: &tonic::Status) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    let (why, seconds) = (Failure::status(status).to_string(), PATIENCE.as_secs());
    ONCE.call_once(|| tracing::warn!(why, seconds, "no coordinator answers yet; asks again for so long"));
}

/// An organisation's own catalog: the digest of the object that it came in, and its files.
type OwnCatalog = (Digest, Vec<CatalogFile>);

/// The queue's servers and the organisation's own catalog: as named, or as the coordinator says.
async fn told(args: &Member, channel: &Channel) -> Result<(Vec<String>, Option<OwnCatalog>), Failure> {
    if !args.nats.nats.is_empty() && args.catalog.is_some() {
        return Ok((args.nats.nats.clone(), None));
    }
    let ask = || {
        let mut fleet = FleetClient::new(channel.clone());
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let said = HelloRequest { version, clock: SystemClock.now_ms(), ..HelloRequest::default() };
        async move { fleet.hello(said).await.inspect_err(waits) }
    };
    let answer = patiently(PATIENCE, || {}, ask).await?.into_inner();
    let catalog = convert::optional_digest("catalog", &answer.catalog).map_err(wire)?;
    let catalog = match catalog.filter(|_| args.catalog.is_none()) {
        Some(digest) => Some((digest, fetched(channel, &digest).await?)),
        None => None,
    };
    if !args.nats.nats.is_empty() {
        return Ok((args.nats.nats.clone(), catalog));
    }
    let servers: Vec<String> = answer.queue.split(',').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if servers.is_empty() {
        let what = "the coordinator names no queue";
        return Err(Failure::look("E-NATS-ABSENT", what, "name the NATS servers with --nats URLS"));
    }
    Ok((servers, catalog))
}

/// The files of the organisation's own catalog, by the digest that the coordinator named.
async fn fetched(channel: &Channel, digest: &Digest) -> Result<Vec<CatalogFile>, Failure> {
    let ask = || {
        let mut objects = Objects::new(FleetClient::new(channel.clone()));
        async move { objects.fetch_one(digest).await }
    };
    let bytes = patiently(PATIENCE, || {}, ask).await?;
    let files = convert::catalog_files(&bytes).map_err(wire)?;
    tracing::info!(catalog = %digest.short(), files = files.len(), "looks with the organisation's own catalog too");
    Ok(files.into_iter().map(|(path, bytes)| CatalogFile { path: path.into(), bytes: bytes.into() }).collect())
}

fn wire(error: convert::WireError) -> Failure {
    Failure::look("E-MEMBER-CATALOG", error, "let coordinator and members be of one version")
}

fn work(
    joined: Joined,
    args: &Member,
    probe_set: Option<Digest>,
    role: impl Future<Output = ()> + Send + 'static,
) -> Result<Exit, Failure> {
    let Joined { started, channel, turnstile, slots, catalog, .. } = joined;
    let shutdown = started.shutdown.clone();
    tracing::info!(who = %joined.me, slots, "works");
    let said = Hello { slots, zones: args.zones.clone(), probe_set, catalog };
    let hello = hello::say(said, Arc::clone(&turnstile), FleetClient::new(channel), shutdown.clone());
    let (ended, is_old) = started.runtime.block_on(async {
        let hello = tokio::spawn(hello);
        let role = tokio::spawn(role);
        shutdown.requested().await;
        let ended = tokio::time::timeout(GRACE, role).await;
        turnstile.close().await;
        (ended, hello.await.unwrap_or(false))
    });
    started.finish();
    match ended {
        Ok(Ok(())) if left_behind() >= LEFT_BEHIND_MAX => Err(Failure::look(
            "E-MEMBER-STUCK",
            format!("{} attempts did not end when they were told to, and hold their threads", left_behind()),
            "start it again, as a supervisor does; the log names the tasks, `ligase explain task KEY` each attempt",
        )),
        Ok(Ok(())) if is_old => Err(Failure::look(
            "E-MEMBER-CATALOG",
            "the organisation's catalog is another than the one that it began with",
            "start it again, as a supervisor does: it asks the coordinator for the new one",
        )),
        Ok(Ok(())) => Ok(Exit::Holds),
        Ok(Err(panic)) => Err(Failure::look("E-MEMBER", panic, "look at the log, and start it again")),
        Err(_) => Err(Failure::look(
            "E-MEMBER-GRACE",
            "attempts were still running when the time to stop was over",
            "nothing is lost: their leases lapse, and others take them",
        )),
    }
}
