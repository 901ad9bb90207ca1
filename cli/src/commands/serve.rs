//! `ligase serve`: a coordinator, from settings to the end of its term.

use crate::args::Cli;
use crate::args::fleet::Serve;
use crate::commands::doctor::{nearest, writable};
use crate::embedded::{MachineClock, Parts, own_catalog, remember, store_failure, this_program};
use crate::failure::{Exit, Failure};
use crate::fleet::{link, start};
use crate::local::{catalog_files, own_catalog_files};
use ligase_coordinator::{Config, Ledger, LedgerError, RemoteOptions, Schedule, Seat, ServeError, Serving};
use ligase_evidence::{Store, StoreOptions};
use ligase_policy::Catalog;
use ligase_proto::principal::Principal;
use ligase_proto::socket::Addresses;
use ligase_queue::{JetStreamQueue, Problem, QueueError, TaskQueue as _};
use ligase_vcs::RemoteLimits;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a cluster of queue's servers is waited for that is there and does not answer: one that has just begun, or lost
/// some of its servers, has no leaders until the others have found each other.
const CLUSTER_PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked.
const CLUSTER_ASKED: Duration = Duration::from_secs(1);
/// A term of leadership is renewed so often in its time: all but one of the renewals may be lost.
const RENEWALS_PER_TERM: u32 = 5;

/// Runs it until it is told to stop.
pub fn run(args: &Serve, cli: &Cli) -> Result<Exit, Failure> {
    if args.nats.nats.is_empty() {
        return Err(Failure::input("E-NATS-ABSENT", "no queue is named", "name the NATS servers with --nats URLS"));
    }
    let schedule = args.schedule.as_deref().map(Schedule::read).transpose();
    let schedule = schedule.map_err(|e| {
        let text = e.to_string();
        Failure::input("E-SCHEDULE", text.trim_start_matches("E-SCHEDULE: "), "five fields, in UTC: \"0 2 * * *\"")
    })?;
    let credentials = link::credentials(&args.tls);
    let me = credentials.principal().map_err(|e| link::failure(&e))?;
    role(&me, "coordinator")?;
    let (org, state) = (absolute(&args.org), absolute(&args.state));
    let org = if org.is_dir() { org.join("organisation.yaml") } else { org };
    at_hand(&org, &state)?;
    let address = address(args)?;
    let own = own_catalog(&org);
    let parts = Parts::load(own.as_deref())?;
    let own_files = given_to_members(own.as_deref())?;
    let catalog = Catalog::load(&catalog_files(own.as_deref())?).map_err(Failure::documents)?;
    let remote = RemoteOptions { child: this_program("__vcs")?, limits: RemoteLimits::default() };
    let seat = Seat { name: me.name.clone(), queue: args.nats.nats.join(","), ..Seat::default() };
    let policy = org.clone();
    let config = Config {
        organisation_file: org,
        probe_set: parts.probes.digest(),
        remedy_set: parts.remedies.digest(),
        remote,
        seat,
    };
    let mut options = start::queue_options(&args.nats, &args.nats.nats, &me.to_string(), &args.zones)?;
    options.replicas = args.replicas;
    options.monitoring.clone_from(&args.nats_monitoring);
    options.trace = Some(Arc::new(ligase_runtime::traceparent));
    let term = Duration::from_secs(args.term.max(1));
    let open = move |fence: u64| open(&state, &policy, fence);
    let started = start::start(cli, "coordinator", &args.telemetry)?;
    if args.address.is_none() && args.listen.ip().is_unspecified() {
        tracing::warn!(address, "nobody elsewhere can reach this address: name one with --address");
    }
    let shutdown = started.shutdown.clone();
    let ended = started.runtime.block_on(async {
        let queue = JetStreamQueue::connect(&options).await.map_err(ServeError::from)?;
        let lacks = patiently(&queue, || queue.preflight()).await?;
        refuse(lacks.into_iter().filter(|p| p.refuses), args.accept_weak_queue)?;
        patiently(&queue, || queue.ensure()).await?;
        check(&queue, args.accept_weak_queue).await?;
        let leadership = queue.leadership(term);
        let queue = Arc::new(queue);
        let serving = Serving {
            config,
            catalog: Arc::new(catalog),
            own_catalog: own_files,
            queue: Arc::clone(&queue) as _,
            leadership: Arc::new(leadership),
            renewal: term / RENEWALS_PER_TERM,
            open: Arc::new(open),
            listen: args.listen,
            address,
            credentials,
            schedule,
        };
        let served = ligase_coordinator::serve(serving, shutdown).await;
        queue.close().await;
        Ok::<_, Failure>(served?)
    });
    started.finish();
    ended.map(|()| Exit::Holds)
}

/// Opens the state of whoever leads now, and says in it which policy it is of.
fn open(state: &Path, policy: &Path, fence: u64) -> Result<Ledger, LedgerError> {
    // The queue's server may have lost its own count of terms; the store's never goes back.
    let fence = fence.max(Store::last_term(state)?);
    let store = Store::open(state, StoreOptions { fence, ..StoreOptions::default() })?;
    if remember(state, policy).is_err() {
        tracing::warn!(
            "the state folder does not say which policy it is of: asked without a coordinator it wants --org"
        );
    }
    Ledger::open(Arc::new(store), Arc::new(MachineClock))
}

/// The files of the organisation's own catalog, as members load them.
fn given_to_members(own: Option<&Path>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let files = own.map(own_catalog_files).transpose()?.unwrap_or_default();
    Ok(files.into_iter().map(|file| (file.path.into_owned(), file.bytes.into_owned())).collect())
}

/// What a coordinator cannot begin without: told now, and not when it leads.
fn at_hand(org: &Path, state: &Path) -> Result<(), Failure> {
    std::fs::File::open(org).map_err(|e| {
        Failure::input(
            "E-ORG-UNREADABLE",
            format!("{}: {e}", org.display()),
            "name the organisation's policy with --org",
        )
    })?;
    let remedy = "make it a folder that this process may write to, or name another with --state";
    let said =
        |what: &dyn std::fmt::Display| Failure::input("E-STATE-WRITE", format!("{}: {what}", state.display()), remedy);
    if state.exists() && !state.is_dir() {
        return Err(said(&"it is no folder"));
    }
    writable(&nearest(state)).map_err(|e| said(&e))
}

/// Where others reach this coordinator.
fn address(args: &Serve) -> Result<String, Failure> {
    let Some(address) = &args.address else { return Ok(format!("https://{}", args.listen)) };
    Addresses::read(std::slice::from_ref(address), None).map_err(|e| link::failure(&e))?;
    Ok(address.clone())
}

/// A certificate of another role is a mistake that is better told now than at the first call.
pub fn role(me: &Principal, wanted: &str) -> Result<(), Failure> {
    if me.role == wanted {
        return Ok(());
    }
    Err(Failure::input(
        "E-TLS-ROLE",
        format!("the certificate is {me}'s, and this is a {wanted}"),
        format!("name a certificate whose identity is spiffe://…/ligase/{wanted}/NAME"),
    ))
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Asks until a cluster answers. A server that stands alone is as it will be.
async fn patiently<T>(queue: &JetStreamQueue, ask: impl AsyncFn() -> Result<T, QueueError>) -> Result<T, ServeError> {
    let until = Instant::now() + CLUSTER_PATIENCE;
    loop {
        match ask().await {
            Err(QueueError::Unreachable(why)) if queue.is_of_cluster() && Instant::now() < until => {
                tracing::warn!(why, "the queue's cluster does not answer yet; asks again");
                tokio::time::sleep(CLUSTER_ASKED).await;
            }
            ended => return Ok(ended?),
        }
    }
}

/// Refuses a queue that is less than production needs, unless that was accepted.
async fn check(queue: &JetStreamQueue, accepted: bool) -> Result<(), Failure> {
    let problems = patiently(queue, || queue.verify()).await?;
    for problem in &problems {
        tracing::warn!(code = problem.code, "{}", problem.text);
    }
    // What cannot be known without a monitoring address is told and refuses nothing.
    refuse(problems.into_iter().filter(|p| p.code != "E-QUEUE-SYNC-UNKNOWN"), accepted)
}

/// Refuses the first of what is not as it has to be. Without JetStream there is nothing to accept.
fn refuse(problems: impl Iterator<Item = Problem>, accepted: bool) -> Result<(), Failure> {
    for problem in problems {
        if problem.code == "E-QUEUE-NO-JETSTREAM" {
            return Err(Failure::look(problem.code, problem.text, problem.remedy));
        }
        if !accepted {
            let remedy = format!("{}; or accept it with --accept-weak-queue", problem.remedy);
            return Err(Failure::look(problem.code, problem.text, remedy));
        }
    }
    Ok(())
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let text = error.to_string();
        let (text, remedy) = text.split_once(" || ").unwrap_or((&text, remedy(&error)));
        let (code, rest) = text.split_once(": ").filter(|(c, _)| c.starts_with("E-")).unwrap_or(("E-SERVE", text));
        // What opened the store says by itself what is to be done about it.
        if let ServeError::Ledger(LedgerError::Store(error)) = &error {
            return store_failure(error);
        }
        Failure::look(code, rest, remedy)
    }
}

fn remedy(error: &ServeError) -> &'static str {
    match error {
        ServeError::Socket(_) => "take a free address with --listen, and readable PEM files",
        ServeError::Queue(_) => {
            "see that the NATS servers answer, and that login and certificates are theirs: `ligase doctor --nats URLS`, their log"
        }
        ServeError::Ledger(_) => "see that the state folder is there, writable, and that nobody else has it",
        ServeError::LeadLost(_) => "start it again: it stands by while another leads",
        ServeError::Policy(_) => "name the organisation's policy with --org",
        ServeError::Serve(_) => "look at the log, and start it again",
    }
}
