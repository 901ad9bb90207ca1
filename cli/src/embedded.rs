//! The embedded mode: coordinator, workers and agent-runners in this process, over the in-process queue and in-memory
//! connections. It is the fleet's own code with another transport, not a second implementation.

use crate::args::Standing;
use crate::args::fleet::Remote;
use crate::failure::Failure;
use crate::fleet::link;
use crate::local::catalog_files;
use ligase_catalog::CatalogFile;
use ligase_coordinator::{Config, Coordinator, Ledger, LedgerError, RemoteOptions, Seat};
use ligase_domain::{Clock, Digest, Timestamp};
use ligase_evidence::{Store, StoreOptions};
use ligase_inspect::Inspector;
use ligase_lookout::{Lookout, Watchman};
use ligase_policy::Catalog;
use ligase_probe::ProbeSet;
use ligase_proto::memory::{Connector, listener};
use ligase_proto::principal::Principal;
use ligase_proto::v1::{ExplainTaskRequest, api_client::ApiClient};
use ligase_queue::{MemoryQueue, STUCK};
use ligase_remedy::RemedySet;
use ligase_runtime::{Shutdown, SystemClock};
use ligase_vcs::{ChildSpec, PinOptions, RemoteLimits};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// The client of the public API.
pub type Api = ApiClient<Channel>;

/// The file in the state folder that names the policy of the last sweep.
const ORGANISATION_FILE: &str = "organisation";

/// Largest answer of the API: some hundred thousand findings. It comes from this process itself.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// The machine's clock as the domain's.
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now_ms())
    }
}

/// How the coordinator is reached.
enum Link {
    /// It is in this process.
    Here(Connector),
    /// It serves elsewhere.
    There(Channel),
}

/// A fleet in this process, or a connection to one that serves elsewhere: the verbs do not see a difference.
pub struct Embedded {
    runtime: Option<Runtime>,
    link: Link,
    shutdown: Shutdown,
    roles: Vec<JoinHandle<()>>,
    own_catalog: Option<PathBuf>,
}

impl Embedded {
    /// Opens the state and starts the coordinator alone, for questions; or with `slots` above 1 the whole fleet.
    pub fn open(standing: &Standing, slots: usize) -> Result<Self, Failure> {
        Self::start(standing, slots, false)
    }

    /// Opens or makes the state and starts the whole fleet.
    pub fn sweeping(standing: &Standing, slots: usize) -> Result<Self, Failure> {
        Self::start(standing, slots, true)
    }

    fn start(standing: &Standing, slots: usize, sweeping: bool) -> Result<Self, Failure> {
        if !standing.remote.coordinator.is_empty() {
            return Self::there(standing);
        }
        if !sweeping && !standing.state.is_dir() {
            let what = format!("there is no state in {}", standing.state.display());
            return Err(Failure::input(
                "E-STATE-ABSENT",
                what,
                "run `ligase sweep` first, name the folder with --state, or a coordinator with --coordinator",
            ));
        }
        let organisation_file = organisation_file(standing)?;
        // Without a leader this goes on in the last term: the folder's lock keeps any other process out.
        let fence = Store::last_term(&standing.state).map_err(|e| store_failure(&e))?;
        let options = StoreOptions { fence, ..StoreOptions::default() };
        let store = Store::open(&standing.state, options).map_err(|e| store_failure(&e))?;
        let ledger = Ledger::open(Arc::new(store), Arc::new(MachineClock)).map_err(|e| ledger_failure(&e))?;
        if sweeping {
            remember(&standing.state, &organisation_file)?;
        }
        let own = own_catalog(&organisation_file);
        let parts = if sweeping { Some(Parts::load(own.as_deref())?) } else { None };
        let catalog = Catalog::load(&catalog_files(own.as_deref())?).map_err(Failure::documents)?;
        let none = || Digest::of(b"no sweep runs");
        let child = this_program("__vcs")?;
        let remote = RemoteOptions { child: child.clone(), limits: RemoteLimits::default() };
        let config = Config {
            organisation_file,
            probe_set: parts.as_ref().map_or_else(none, |p| p.probes.digest()),
            remedy_set: parts.as_ref().map_or_else(none, |p| p.remedies.digest()),
            remote,
            seat: Seat::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Failure::look("E-RUNTIME", e, "free some threads"))?;
        let (queue, shutdown): (Arc<MemoryQueue>, _) = (Arc::new(MemoryQueue::new()), Shutdown::new());
        let (connector, incoming) = listener();
        let coordinator = Coordinator { config, ledger, catalog: Arc::new(catalog), queue: Arc::clone(&queue) as _ };
        let mut roles = vec![runtime.spawn(ligase_coordinator::run(coordinator, incoming, shutdown.clone()))];
        if let Some(parts) = parts {
            let pin = PinOptions { caches: standing.state.join("caches"), child, limits: RemoteLimits::default() };
            let channel = |role: &str, name: &str| {
                let _inside = runtime.enter();
                connector.channel(Principal { role: role.to_owned(), name: name.to_owned() })
            };
            let worker = ligase_worker::Worker {
                config: ligase_worker::Config { name: "worker-1".to_owned(), slots, stuck: STUCK, pin: pin.clone() },
                queue: Arc::clone(&queue) as _,
                coordinator: channel("worker", "worker-1"),
                probes: Arc::clone(&parts.probes),
                eyes: Arc::clone(&parts.eyes),
            };
            roles.push(runtime.spawn(ligase_worker::run(worker, shutdown.clone())));
            let runner = ligase_agent_runner::AgentRunner {
                config: ligase_agent_runner::Config { name: "agent-runner-1".to_owned(), slots, stuck: STUCK, pin },
                queue,
                coordinator: channel("agent-runner", "agent-runner-1"),
                inspector: parts.inspector,
                eyes: parts.eyes,
                remedies: parts.remedies,
                verifier: ligase_agent_runner::Verifier::new(&ligase_sandbox::probe(), std::env::temp_dir()),
            };
            roles.push(runtime.spawn(ligase_agent_runner::run(runner, shutdown.clone())));
        }
        Ok(Self { runtime: Some(runtime), link: Link::Here(connector), shutdown, roles, own_catalog: own })
    }

    /// Connects to a coordinator that serves.
    fn there(standing: &Standing) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|e| Failure::look("E-RUNTIME", e, "free some threads"))?;
        let remote = &standing.remote;
        let all = {
            let _inside = runtime.enter();
            link::person(remote, &remote.coordinator)?
        };
        let leader = if remote.coordinator.len() > 1 { runtime.block_on(leader(remote)) } else { None };
        let channel = leader.unwrap_or(all);
        let (shutdown, roles) = (Shutdown::new(), Vec::new());
        Ok(Self { runtime: Some(runtime), link: Link::There(channel), shutdown, roles, own_catalog: None })
    }

    /// The organisation's own catalog, where it has one.
    pub fn own_catalog(&self) -> Option<&Path> {
        self.own_catalog.as_deref()
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken only on drop")
    }

    fn api(&self) -> Api {
        let _inside = self.runtime().enter();
        let channel = match &self.link {
            Link::Here(connector) => {
                connector.channel(Principal { role: "person".to_owned(), name: "local".to_owned() })
            }
            Link::There(channel) => channel.clone(),
        };
        ApiClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Asks the API one question.
    pub fn call<T>(
        &self,
        ask: impl AsyncFnOnce(Api) -> Result<tonic::Response<T>, tonic::Status>,
    ) -> Result<T, Failure> {
        let api = self.api();
        Ok(self.runtime().block_on(ask(api))?.into_inner())
    }

    /// Talks to the API at length.
    pub fn stream<T>(&self, talk: impl AsyncFnOnce(Api) -> Result<T, tonic::Status>) -> Result<T, Failure> {
        let api = self.api();
        Ok(self.runtime().block_on(talk(api))?)
    }
}

impl Drop for Embedded {
    /// In order: stop pulling, finish what is held, close the services, then the runtime.
    fn drop(&mut self) {
        self.shutdown.request();
        let Some(runtime) = self.runtime.take() else { return };
        for role in self.roles.drain(..).rev() {
            let _ = runtime.block_on(role);
        }
    }
}

/// The one of several coordinators that leads, if one says so; whatever is wrong with the others is left to the question itself.
async fn leader(remote: &Remote) -> Option<Channel> {
    for address in &remote.coordinator {
        let Ok(channel) = link::person(remote, std::slice::from_ref(address)) else { continue };
        // Of no task: whoever leads answers that there is none, and one that stands by that it does.
        let asked = ApiClient::new(channel.clone()).explain_task(ExplainTaskRequest { key: "none".to_owned() }).await;
        let silent = |status: &tonic::Status| matches!(status.code(), tonic::Code::Unavailable | tonic::Code::Unknown);
        if !asked.is_err_and(|status| silent(&status)) {
            return Some(channel);
        }
    }
    None
}

/// What the fleet looks and changes with.
pub struct Parts {
    /// The probes.
    pub probes: Arc<ProbeSet>,
    /// Who does the looking: children that may die of a file.
    pub eyes: Arc<Lookout>,
    /// Catalog and probes together.
    pub inspector: Arc<Inspector>,
    /// The remedies.
    pub remedies: Arc<RemedySet>,
}

impl Parts {
    /// Loads them, with an organisation's own catalog.
    pub fn load(own: Option<&Path>) -> Result<Self, Failure> {
        Self::of(catalog_files(own)?)
    }

    /// The same from the catalog's files.
    pub fn of(files: Vec<CatalogFile>) -> Result<Self, Failure> {
        let probes = ProbeSet::load(&files).map_err(Failure::documents)?;
        let child = this_program("__lookout")?;
        let eyes = Lookout::new(Watchman::new(child.program, child.args), &files, &probes);
        let inspector = Inspector::load(files).map_err(Failure::documents)?;
        let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
        Ok(Self {
            probes: Arc::new(probes),
            eyes: Arc::new(eyes),
            inspector: Arc::new(inspector),
            remedies: Arc::new(remedies),
        })
    }
}

/// The organisation's own catalog: the folder `catalog` beside its policy, where there is one.
pub fn own_catalog(organisation_file: &Path) -> Option<PathBuf> {
    organisation_file.parent().map(|p| p.join("catalog")).filter(|p| p.is_dir())
}

/// This program as a child: the hidden subcommand that speaks to git servers, or the one that looks at files.
pub fn this_program(subcommand: &str) -> Result<ChildSpec, Failure> {
    let program = std::env::current_exe();
    let program = program
        .map_err(|e| Failure::look("E-SELF", format!("cannot find this program: {e}"), "start it by its full path"))?;
    Ok(ChildSpec::new(program, [subcommand]))
}

fn organisation_file(standing: &Standing) -> Result<PathBuf, Failure> {
    if let Some(file) = &standing.org {
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        return Ok(if absolute.is_dir() { absolute.join("organisation.yaml") } else { absolute });
    }
    match std::fs::read_to_string(standing.state.join(ORGANISATION_FILE)) {
        Ok(text) => Ok(PathBuf::from(text.trim_end())),
        Err(_) => Err(Failure::input(
            "E-ORG-ABSENT",
            "no organisation is named, and the state folder knows none",
            "name the organisation's policy with --org FILE",
        )),
    }
}

/// Writes into a state folder which policy it is of, so that it can be asked without a coordinator.
pub fn remember(state: &Path, file: &Path) -> Result<(), Failure> {
    let failed =
        |e| Failure::look("E-STATE-WRITE", format!("{}: {e}", state.display()), "make the state folder writable");
    let (target, fresh) = (state.join(ORGANISATION_FILE), state.join("organisation.new"));
    std::fs::write(&fresh, format!("{}\n", file.display())).map_err(failed)?;
    std::fs::rename(fresh, target).map_err(failed)
}

/// A store's refusal, with its own code and remedy.
pub fn store_failure(error: &ligase_evidence::StoreError) -> Failure {
    Failure::look(error.code, format!("{}: {}", error.path.display(), error.problem), &error.remedy)
}

/// A ledger's refusal.
pub fn ledger_failure(error: &LedgerError) -> Failure {
    match error {
        LedgerError::Store(error) => store_failure(error),
        other => Failure::status(&tonic::Status::unavailable(other.to_string())),
    }
}
