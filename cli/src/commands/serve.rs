//! `ligase serve`: a coordinator, from settings to the end of its term.

use crate::args::Cli;
use crate::args::fleet::Serve;
use crate::embedded::{MachineClock, Parts, own_catalog, this_program};
use crate::failure::{Exit, Failure};
use crate::fleet::{link, start};
use crate::local::catalog_files;
use ligase_coordinator::{Config, Ledger, RemoteOptions, Schedule, Seat, ServeError, Serving};
use ligase_evidence::{Store, StoreOptions};
use ligase_policy::Catalog;
use ligase_proto::principal::Principal;
use ligase_queue::{JetStreamQueue, TaskQueue as _};
use ligase_vcs::RemoteLimits;
use std::sync::Arc;
use std::time::Duration;

/// A term of leadership is renewed so often in its time: all but one of the renewals may be lost.
const RENEWALS_PER_TERM: u32 = 5;

/// Runs it until it is told to stop.
pub fn run(args: &Serve, cli: &Cli) -> Result<Exit, Failure> {
    if args.nats.nats.is_empty() {
        return Err(Failure::input("E-NATS-ABSENT", "no queue is named", "name the NATS servers with --nats URLS"));
    }
    let schedule = args.schedule.as_deref().map(Schedule::read).transpose();
    let schedule = schedule.map_err(|e| Failure::input("E-SCHEDULE", e, "five fields, in UTC: \"0 2 * * *\""))?;
    let credentials = link::credentials(&args.tls);
    let me = credentials.principal().map_err(|e| link::failure(&e))?;
    let (org, state) = (absolute(&args.org), absolute(&args.state));
    let org = if org.is_dir() { org.join("organisation.yaml") } else { org };
    let own = own_catalog(&org);
    let parts = Parts::load(own.as_deref())?;
    let catalog = Catalog::load(&catalog_files(own.as_deref())?).map_err(Failure::documents)?;
    let remote = RemoteOptions { child: this_program("__vcs")?, limits: RemoteLimits::default() };
    let seat = Seat { name: me.name.clone(), queue: args.nats.nats.join(","), ..Seat::default() };
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
    let address = args.address.clone().unwrap_or_else(|| format!("https://{}", args.listen));
    let open = move |fence: u64| {
        // The queue's server may have lost its own count of terms; the store's never goes back.
        let fence = fence.max(Store::last_term(&state)?);
        let store = Store::open(&state, StoreOptions { fence, ..StoreOptions::default() })?;
        Ledger::open(Arc::new(store), Arc::new(MachineClock))
    };
    role(&me, "coordinator")?;
    let started = start::start(cli, "coordinator", &args.telemetry)?;
    let shutdown = started.shutdown.clone();
    let ended = started.runtime.block_on(async {
        let queue = JetStreamQueue::connect(&options).await.map_err(ServeError::from)?;
        queue.ensure().await.map_err(ServeError::from)?;
        check(&queue, args.accept_weak_queue).await?;
        let leadership = queue.leadership(term);
        let queue = Arc::new(queue);
        let serving = Serving {
            config,
            catalog: Arc::new(catalog),
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

fn absolute(path: &std::path::Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Refuses a queue that is less than production needs, unless that was accepted.
async fn check(queue: &JetStreamQueue, accepted: bool) -> Result<(), Failure> {
    let problems = queue.verify().await.map_err(ServeError::from)?;
    for problem in &problems {
        tracing::warn!(code = problem.code, "{}", problem.text);
    }
    // What cannot be known without a monitoring address is told and refuses nothing.
    match problems.into_iter().find(|p| p.code != "E-QUEUE-SYNC-UNKNOWN") {
        Some(first) if !accepted => Err(Failure::look(
            first.code,
            first.text,
            format!("{}; or accept it with --accept-weak-queue", first.remedy),
        )),
        _ => Ok(()),
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let text = error.to_string();
        let (text, remedy) = text.split_once(" || ").unwrap_or((&text, remedy(&error)));
        let (code, rest) = text.split_once(": ").filter(|(c, _)| c.starts_with("E-")).unwrap_or(("E-SERVE", text));
        Failure::look(code, rest, remedy)
    }
}

fn remedy(error: &ServeError) -> &'static str {
    match error {
        ServeError::Socket(_) => "take a free address with --listen, and readable PEM files",
        ServeError::Queue(_) => "see that the NATS servers answer: `ligase doctor --nats URLS`",
        ServeError::Ledger(_) => "see that the state folder is there, writable, and that nobody else has it",
        ServeError::LeadLost(_) => "start it again: it stands by while another leads",
        ServeError::Serve(_) => "look at the log, and start it again",
    }
}
