//! A fleet of real processes on free ports: a nats-server, coordinators, workers, agent-runners, each killed, stopped and
//! started again as a test wants. Waiting is for conditions, with a deadline; nothing outlives the value.
//!
//! Leases and terms are short, so that what lapses does so within seconds. Certificates are made once for each fleet.

use crate::nats::NatsServer;
use crate::{Organisation, Run, Started, command, ligase_in, program, start};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long a person waits for a sweep in whose middle others die.
const SWEEP: Duration = Duration::from_secs(240);
/// How much of what each process said last a failed test shows, in bytes.
const SAID_LAST: usize = 2_000;
/// Seconds of a lease.
pub const LEASE: u64 = 2;
/// Seconds of a term of leadership.
pub const TERM: u64 = 2;
/// Whoever may be started; each has a certificate.
const IDENTITIES: [&str; 13] = [
    "coordinator/c1",
    "coordinator/c2",
    "worker/w1",
    "worker/w2",
    "worker/w3",
    "worker/w4",
    "worker/w5",
    "worker/w6",
    "agent-runner/r1",
    "agent-runner/r2",
    "agent-runner/r3",
    "person/ada",
    "person/bob",
];

/// Waits until something is so.
///
/// # Panics
/// When it is not so in time; so everywhere below.
#[track_caller]
pub fn wait_for<T>(what: &str, so: impl FnMut() -> Option<T>) -> T {
    wait_for_within(PATIENCE, what, so)
}

#[track_caller]
fn wait_for_within<T>(patience: Duration, what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = so() {
            return value;
        }
        assert!(began.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}

struct Process {
    child: Child,
}

/// The fleet.
pub struct Fleet {
    /// What it works on.
    pub organisation: Organisation,
    /// The queue's server.
    pub nats: NatsServer,
    /// Instead of the server's own addresses, for members and coordinators that are started from now on.
    pub nats_through: BTreeMap<String, String>,
    /// Instead of the coordinators' own addresses, for members that are started from now on.
    pub coordinators_through: BTreeMap<String, String>,
    /// Seconds of a lease, for whoever is started from now on; the same for all who work together.
    pub lease: u64,
    /// What some processes are started by: its words, then the program and its words.
    pub through: BTreeMap<String, Vec<String>>,
    ports: BTreeMap<String, u16>,
    metrics: BTreeMap<String, u16>,
    processes: BTreeMap<String, Process>,
}

impl Fleet {
    /// A server and certificates for an organisation; nobody works yet.
    pub fn new(organisation: Organisation) -> Self {
        Self::over(organisation, NatsServer::one())
    }

    /// The same over a server that runs already.
    pub fn over(organisation: Organisation, nats: NatsServer) -> Self {
        let mut arguments = vec!["certs", "--dir", "certs"];
        arguments.extend(IDENTITIES);
        ligase_in(organisation.path(), &arguments).code(0);
        fs::create_dir_all(organisation.path().join("logs")).expect("a new folder");
        let ports = ["c1", "c2"].map(|name| (name.to_owned(), free_port())).into();
        let metrics = ["c1", "c2"].map(|name| (name.to_owned(), free_port())).into();
        let (nats_through, coordinators_through) = (BTreeMap::new(), BTreeMap::new());
        let (lease, through, processes) = (LEASE, BTreeMap::new(), BTreeMap::new());
        Self { organisation, nats, nats_through, coordinators_through, lease, through, ports, metrics, processes }
    }

    /// The address of a coordinator, whether it runs or not.
    pub fn address(&self, name: &str) -> String {
        format!("127.0.0.1:{}", self.ports[name])
    }

    fn coordinators(&self) -> String {
        let urls: Vec<String> = self.ports.keys().map(|name| format!("https://{}", self.address(name))).collect();
        urls.join(",")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.organisation.path().join(format!("logs/{name}.log"))
    }

    /// What a process has said so far, in all its lives.
    pub fn said(&self, name: &str) -> String {
        fs::read_to_string(self.log(name)).unwrap_or_default()
    }

    fn certificate(role: &str, name: &str) -> Vec<String> {
        let file = |end: &str| format!("certs/{role}-{name}.{end}");
        ["--cert", &file("pem"), "--key", &file("key"), "--ca", "certs/ca.pem"].map(str::to_owned).to_vec()
    }

    fn nats_urls(&self, name: &str) -> String {
        self.nats_through.get(name).cloned().unwrap_or_else(|| self.nats.urls().join(","))
    }

    /// Starts a coordinator (`c1`, `c2`), a worker (`w…`) or an agent-runner (`r…`), with these variables.
    pub fn start(&mut self, name: &str, environment: &[(&str, &str)]) {
        assert!(!self.processes.contains_key(name), "{name} runs already");
        let role = match &name[..1] {
            "c" => "coordinator",
            "w" => "worker",
            _ => "agent-runner",
        };
        let verb = if role == "coordinator" { "serve" } else { role };
        let mut words = Self::certificate(role, name);
        let lease = self.lease.to_string();
        words.extend(["--nats".to_owned(), self.nats_urls(name), "--lease".to_owned(), lease]);
        if role == "coordinator" {
            let address = self.address(name);
            let replicas = self.nats.count().to_string();
            let fixed =
                ["--org", "organisation/organisation.yaml", "--state", "state", "--accept-weak-queue", "--listen"];
            words.extend(fixed.map(str::to_owned));
            words.extend([address.clone(), "--address".to_owned(), format!("https://{address}")]);
            words.extend(["--metrics".to_owned(), format!("127.0.0.1:{}", self.metrics[name])]);
            words.extend(["--replicas".to_owned(), replicas, "--term".to_owned(), TERM.to_string()]);
        } else {
            let coordinators = self.coordinators_through.get(name).cloned().unwrap_or_else(|| self.coordinators());
            words.extend(["--coordinator".to_owned(), coordinators]);
            if environment.iter().all(|(name, _)| *name != "LIGASE_SLOTS") {
                words.extend(["--slots", "1"].map(str::to_owned));
            }
        }
        let log = File::options().create(true).append(true).open(self.log(name)).expect("a log");
        let mut command = match self.through.get(name).map(Vec::as_slice) {
            None | Some([]) => command(program()),
            Some([first, rest @ ..]) => {
                let mut through = command(Path::new(first));
                through.args(rest).arg(program());
                through
            }
        };
        command.arg(verb).args(&words).args(["-v", "--log-format", "json"]).current_dir(self.organisation.path());
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stderr(log).stdout(Stdio::null());
        let child = command.spawn().expect("the program starts");
        self.processes.insert(name.to_owned(), Process { child });
    }

    /// Starts all of these without variables.
    pub fn start_all(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.start(name, &[]));
    }

    /// The most memory that a process has held so far, in bytes.
    pub fn peak_memory(&self, name: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.pid(name).as_raw_nonzero())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("a process that runs has a peak") * 1024
    }

    /// What the children of a process were started with, of those that live.
    pub fn children(&self, name: &str) -> Vec<String> {
        let parent = self.pid(name).as_raw_nonzero().to_string();
        let of = |entry: fs::DirEntry| {
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let words: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
            let started = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            (words[1] == parent && words[0] != "Z").then(|| started.replace('\0', " "))
        };
        fs::read_dir("/proc").expect("a list of processes").flatten().filter_map(of).collect()
    }

    /// The number of a process.
    pub fn process_id(&self, name: &str) -> u32 {
        self.pid(name).as_raw_nonzero().get().unsigned_abs()
    }

    fn pid(&self, name: &str) -> Pid {
        let process = self.processes.get(name).unwrap_or_else(|| panic!("{name} does not run"));
        Pid::from_child(&process.child)
    }

    /// Whether a process runs; one that has ended is forgotten.
    pub fn runs(&mut self, name: &str) -> bool {
        let Some(process) = self.processes.get_mut(name) else { return false };
        let runs = process.child.try_wait().expect("a child of ours").is_none();
        if !runs {
            self.processes.remove(name);
        }
        runs
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self, name: &str) {
        if let Some(mut process) = self.processes.remove(name) {
            process.child.kill().expect("a child of ours");
            process.child.wait().expect("a child of ours");
        }
    }

    /// SIGSTOP.
    pub fn pause(&self, name: &str) {
        kill_process(self.pid(name), Signal::STOP).expect("a child of ours");
    }

    /// SIGCONT.
    pub fn resume(&self, name: &str) {
        kill_process(self.pid(name), Signal::CONT).expect("a child of ours");
    }

    /// SIGTERM.
    pub fn ask_to_end(&self, name: &str) {
        kill_process(self.pid(name), Signal::TERM).expect("a child of ours");
    }

    /// Whether a process has stopped itself, or was stopped.
    pub fn is_stopped(&self, name: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid(name).as_raw_nonzero())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Waits until a process has stopped itself.
    #[track_caller]
    pub fn wait_stopped(&self, name: &str) {
        wait_for(&format!("{name} stops at its stage; it said {}", self.said(name)), || {
            self.is_stopped(name).then_some(())
        });
    }

    /// Waits until a process has ended by itself.
    #[track_caller]
    pub fn wait_ended(&mut self, name: &str) {
        wait_for(&format!("{name} ends"), || (!self.runs(name)).then_some(()));
    }

    /// A person asks the fleet something.
    pub fn ask(&self, arguments: &[&str]) -> Run {
        self.begin(arguments).wait()
    }

    /// A person asks, and does not wait.
    pub fn begin(&self, arguments: &[&str]) -> Started {
        let coordinators = self.coordinators();
        let certificate = Self::certificate("person", "ada");
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(["--json", "--coordinator", &coordinators]);
        all.extend(certificate.iter().map(String::as_str));
        start(self.organisation.path(), &all).within(SWEEP)
    }

    /// What a coordinator has counted under a name that begins so, over all labels.
    pub fn counted(&self, name: &str, series: &str) -> f64 {
        self.counted_with(name, series, &[])
    }

    /// The same over the rows that have all of these labels, such as `code="E-RPC-ROLE"`.
    pub fn counted_with(&self, name: &str, series: &str, labels: &[&str]) -> f64 {
        let get = || -> std::io::Result<String> {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.metrics[name]))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET /metrics HTTP/1.0\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        let text = get().unwrap_or_default();
        let of = |line: &&str| line.starts_with(series) && labels.iter().all(|label| line.contains(label));
        let rows = text.lines().filter(of);
        rows.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// How the fleet stands, if somebody leads.
    pub fn status(&self) -> Option<Value> {
        let run = self.ask(&["fleet", "status"]);
        (run.code == 0).then(|| run.json())
    }

    /// Waits until a coordinator leads.
    #[track_caller]
    pub fn wait_led(&self) {
        wait_for("somebody leads", || self.status().map(drop));
    }

    /// Sweeps to the end, however often a coordinator has to be asked: one may be taking over, or ending what another began.
    #[track_caller]
    pub fn sweep(&self) -> Value {
        wait_for_within(SWEEP, "a sweep runs to its end", || {
            let run = self.ask(&["sweep"]);
            if matches!(run.code, 0 | 1) {
                return Some(run.json());
            }
            // One that could not look at something has ended too; whatever else is said may pass.
            let said = serde_json::from_str::<Value>(&run.out).unwrap_or_default();
            if run.code == 3 && said["sweep"].is_string() {
                return Some(said);
            }
            std::thread::sleep(Duration::from_millis(100));
            None
        })
    }

    /// Ends everybody, and reads the journal: what the history checker judges.
    pub fn journal(&mut self) -> Vec<Value> {
        let names: Vec<String> = self.processes.keys().cloned().collect();
        names.iter().for_each(|name| self.kill(name));
        let run = ligase_in(self.organisation.path(), &["evidence", "journal", "--state", "state"]).code(0);
        run.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Where the fleet's files are.
    pub fn path(&self) -> &Path {
        self.organisation.path()
    }
}

impl Drop for Fleet {
    #[expect(clippy::print_stderr, reason = "what the processes said is what a failed test is understood by")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["w1", "w2", "r1", "c2", "c1"] {
                let said = self.said(name);
                let from = said.len().saturating_sub(SAID_LAST);
                eprintln!("--- {name}\n{}", String::from_utf8_lossy(&said.as_bytes()[from..]));
            }
        }
        for process in self.processes.values_mut() {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}
