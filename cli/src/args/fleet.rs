//! The command line of the fleet: the roles, and the verbs about them.
//!
//! A role takes everything by flag, by environment (`LIGASE_…`) or from a file (`--config`), in this order of precedence.

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Attempts at once of one process; each is a thread, children, and a repository in memory.
const SLOTS_MAX: u64 = 1024;
/// Copies that NATS can keep of a stream.
const REPLICAS_MAX: u64 = 5;
/// A day, in seconds.
const DAY: u64 = 86_400;

/// So many copies of each stream.
pub fn replicas() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=REPLICAS_MAX)
}

/// So many slots.
pub fn slots() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=SLOTS_MAX)
}

/// Who a process is, and whom it trusts.
#[derive(Clone, Debug, Args)]
pub struct Tls {
    /// PEM file: this process's certificate, which names its role and itself
    #[arg(long, value_name = "FILE", env = "LIGASE_CERT")]
    pub cert: PathBuf,
    /// PEM file: the certificate's private key
    #[arg(long, value_name = "FILE", env = "LIGASE_KEY")]
    pub key: PathBuf,
    /// PEM file: the authority whose certificates are trusted
    #[arg(long, value_name = "FILE", env = "LIGASE_CA")]
    pub ca: PathBuf,
}

/// The queue's server.
#[derive(Clone, Debug, Args)]
pub struct Nats {
    /// The NATS servers, nats://host:port or tls://host:port, with commas between; a worker asks its coordinator if absent
    #[arg(long, value_name = "URLS", value_delimiter = ',', env = "LIGASE_NATS")]
    pub nats: Vec<String>,
    /// User at the NATS servers, where they ask for one; answers come to its own inboxes, _INBOX_NAME
    #[arg(long, value_name = "NAME", env = "LIGASE_NATS_USER")]
    pub nats_user: Option<String>,
    /// File with that user's password, alone on its first line
    #[arg(long, value_name = "FILE", env = "LIGASE_NATS_PASSWORD_FILE")]
    pub nats_password_file: Option<PathBuf>,
    /// Credentials file in place of a password: a user's JWT with its key (NAME.creds), or the seed of a user's key alone
    #[arg(long, value_name = "FILE", env = "LIGASE_NATS_CREDENTIALS", conflicts_with = "nats_password_file")]
    pub nats_credentials: Option<PathBuf>,
    /// PEM file: the authority of the NATS servers' certificates [default: the system's]
    #[arg(long, value_name = "FILE", env = "LIGASE_NATS_CA")]
    pub nats_ca: Option<PathBuf>,
    /// PEM file: a certificate to show to the NATS servers, where they ask for one
    #[arg(long, value_name = "FILE", env = "LIGASE_NATS_CERT", requires = "nats_key")]
    pub nats_cert: Option<PathBuf>,
    /// PEM file: that certificate's private key
    #[arg(long, value_name = "FILE", env = "LIGASE_NATS_KEY", requires = "nats_cert")]
    pub nats_key: Option<PathBuf>,
    /// Into how many shards organisations fall; the same for coordinator, workers and agent-runners
    #[arg(long, value_name = "N", default_value_t = 8, env = "LIGASE_SHARDS", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub shards: u32,
    /// Seconds that a lease lasts without renewal; the same for all
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "LIGASE_LEASE", value_parser = clap::value_parser!(u64).range(1..=DAY))]
    pub lease: u64,
}

/// What is told about a process while it runs.
#[derive(Clone, Debug, Args)]
pub struct Telemetry {
    /// Send traces and metrics there by OTLP over gRPC, such as http://collector:4317
    #[arg(long, value_name = "URL", env = "LIGASE_OTLP")]
    pub otlp: Option<String>,
    /// Serve Prometheus metrics at /metrics and liveness at /healthz on this address
    #[arg(long, value_name = "ADDRESS", env = "LIGASE_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// Read flags from a TOML file, a line each: `slots = 4`
    #[arg(long, value_name = "FILE", env = "LIGASE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print every setting with its value and where it came from, and end
    #[arg(long)]
    pub dump_config: bool,
}

/// `ligase serve`.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// The organisation's policy
    #[arg(long, value_name = "FILE", env = "LIGASE_ORG")]
    pub org: PathBuf,
    /// The state folder; a standby on another machine needs the same volume
    #[arg(long, value_name = "DIR", default_value = ".ligase", env = "LIGASE_STATE")]
    pub state: PathBuf,
    /// Listen there
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:7443", env = "LIGASE_LISTEN")]
    pub listen: SocketAddr,
    /// Where others reach this coordinator [default: https:// and the listening address]
    #[arg(long, value_name = "URL", env = "LIGASE_ADDRESS")]
    pub address: Option<String>,
    /// Sweep by this cron expression, in UTC, such as "0 2 * * *"; never by itself if absent
    #[arg(long, value_name = "CRON", env = "LIGASE_SCHEDULE")]
    pub schedule: Option<String>,
    /// Seconds that a term of leadership lasts without renewal: so long nobody leads after a leader was killed
    #[arg(long, value_name = "SECONDS", default_value_t = 10, env = "LIGASE_TERM", value_parser = clap::value_parser!(u64).range(1..=DAY))]
    pub term: u64,
    /// Copies that the NATS servers keep of everything
    #[arg(long, value_name = "N", default_value_t = 3, env = "LIGASE_REPLICAS", value_parser = replicas())]
    pub replicas: usize,
    /// Zones that workers may serve beside `anywhere`, with commas between
    #[arg(long, value_name = "ZONES", value_delimiter = ',', env = "LIGASE_ZONES")]
    pub zones: Vec<String>,
    /// The monitoring address (host:port) of a NATS server, from which it is seen whether it syncs every write
    #[arg(long, value_name = "ADDRESS", env = "LIGASE_NATS_MONITORING")]
    pub nats_monitoring: Option<String>,
    /// Run although the NATS servers are older, fewer or less durable than production needs
    #[arg(long, env = "LIGASE_ACCEPT_WEAK_QUEUE")]
    pub accept_weak_queue: bool,
    #[command(flatten)]
    pub tls: Tls,
    #[command(flatten)]
    pub nats: Nats,
    #[command(flatten)]
    pub telemetry: Telemetry,
}

/// `ligase worker` and `ligase agent-runner`.
#[derive(Clone, Debug, Args)]
pub struct Member {
    /// The coordinators, https://host:port, with commas between; the one that leads is found
    #[arg(long, value_name = "URLS", value_delimiter = ',', required = true, env = "LIGASE_COORDINATOR")]
    pub coordinator: Vec<String>,
    /// The name that the coordinators' certificates have [default: the first one's host]
    #[arg(long, value_name = "NAME", env = "LIGASE_COORDINATOR_NAME")]
    pub coordinator_name: Option<String>,
    /// Attempts that run at once, of each kind [default: the number of cores]
    #[arg(long, value_name = "N", env = "LIGASE_SLOTS", value_parser = slots())]
    pub slots: Option<usize>,
    /// Seconds without any progress after which an attempt is ended and given back
    #[arg(long, value_name = "SECONDS", default_value_t = 300, env = "LIGASE_STUCK", value_parser = clap::value_parser!(u64).range(1..=DAY))]
    pub stuck: u64,
    /// Zones that this process serves beside `anywhere`, with commas between
    #[arg(long, value_name = "ZONES", value_delimiter = ',', env = "LIGASE_ZONES")]
    pub zones: Vec<String>,
    /// Where fetched repositories are kept; may be lost at any moment [default: a folder for temporary files]
    #[arg(long, value_name = "DIR", env = "LIGASE_CACHES")]
    pub caches: Option<PathBuf>,
    /// A folder with the organisation's own catalog [default: the coordinator gives the one beside its policy]
    #[arg(long, value_name = "DIR", env = "LIGASE_CATALOG")]
    pub catalog: Option<PathBuf>,
    #[command(flatten)]
    pub tls: Tls,
    #[command(flatten)]
    pub nats: Nats,
    #[command(flatten)]
    pub telemetry: Telemetry,
}

/// A coordinator that is asked over the network.
#[derive(Clone, Debug, Default, Args)]
pub struct Remote {
    /// The coordinators, https://host:port, with commas between
    #[arg(long, value_name = "URLS", value_delimiter = ',', global = true, env = "LIGASE_COORDINATOR")]
    pub coordinator: Vec<String>,
    /// The name that the coordinators' certificates have [default: the first one's host]
    #[arg(long, value_name = "NAME", global = true, env = "LIGASE_COORDINATOR_NAME")]
    pub coordinator_name: Option<String>,
    /// PEM file: your certificate, with the role `person`
    #[arg(long, value_name = "FILE", global = true, env = "LIGASE_CERT")]
    pub cert: Option<PathBuf>,
    /// PEM file: your private key
    #[arg(long, value_name = "FILE", global = true, env = "LIGASE_KEY")]
    pub key: Option<PathBuf>,
    /// PEM file: the authority that signed the coordinators' certificates
    #[arg(long, value_name = "FILE", global = true, env = "LIGASE_CA")]
    pub ca: Option<PathBuf>,
}

/// `ligase fleet`.
#[derive(Debug, Args)]
pub struct Fleet {
    #[command(flatten)]
    pub standing: super::Standing,
    /// What to do
    #[command(subcommand)]
    pub verb: FleetVerb,
}

/// Verbs about the fleet.
#[derive(Debug, Subcommand)]
pub enum FleetVerb {
    /// Who leads, who works, what waits
    Status,
    /// Tell a worker or agent-runner to take no more tasks, and finish what it holds
    Drain {
        /// Its name, or `all`
        name: String,
        /// Let it take tasks again
        #[arg(long)]
        resume: bool,
    },
}

/// `ligase deadletter`.
#[derive(Debug, Args)]
pub struct DeadLetter {
    #[command(flatten)]
    pub standing: super::Standing,
    /// What to do
    #[command(subcommand)]
    pub verb: DeadLetterVerb,
}

/// Verbs about tasks that were set aside.
#[derive(Debug, Subcommand)]
pub enum DeadLetterVerb {
    /// All of them
    List,
    /// One of them, with every attempt at it
    Show {
        /// Its number
        number: u64,
    },
    /// Put one on the belt again
    Replay {
        /// Its number
        number: u64,
    },
}

/// `ligase certs`.
#[derive(Debug, Args)]
pub struct Certs {
    /// Where authority and certificates are written
    #[arg(long, value_name = "DIR", default_value = "certs")]
    pub dir: PathBuf,
    /// The trust domain in every identity
    #[arg(long, value_name = "DOMAIN", default_value = "ligase.local")]
    pub domain: String,
    /// Names and addresses under which coordinators are reached
    #[arg(long, value_name = "HOSTS", value_delimiter = ',', default_value = "localhost,127.0.0.1")]
    pub hosts: Vec<String>,
    /// Days until the certificates end; the authority's end after ten times that
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub days: u32,
    /// Whom to make a certificate for, as role/name: coordinator, worker, agent-runner or person
    #[arg(value_name = "ROLE/NAME", required = true)]
    pub identities: Vec<String>,
}
