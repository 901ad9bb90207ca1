//! The processes that are measured: one nats-server, one coordinator, workers and an agent-runner, each with its own
//! certificate, on free ports of this machine. What they used is read from `/proc`: `VmHWM` of `status`, and user and system
//! time of `stat`, their own and of the children that they waited for. Dropped, all of them are killed.

use crate::git;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Units of `/proc/PID/stat` in a second; 100 for every program on Linux.
const TICKS: f64 = 100.0;
/// How long a process may take until it answers, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds of a lease: a killed worker's task is somebody else's after these.
const LEASE: &str = "10";

/// One process.
pub struct Process {
    /// `coordinator`, `worker`, `agent-runner` or `nats-server`.
    pub role: &'static str,
    child: Child,
}

impl Process {
    fn start(role: &'static str, name: &str, folder: &Path, command: &mut Command) -> io::Result<Self> {
        git::without_proxies(command);
        let log = File::options().create(true).append(true).open(folder.join(format!("{role}-{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir(folder);
        Ok(Self { role, child: command.spawn()? })
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Seconds of processor time: its own and its children's.
    pub fn processor(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name may hold anything, and ends at the last bracket. Fields 14 to 17 are times, and 3 follows the name.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields.iter().skip(11).take(4).filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / TICKS
    }

    /// The most resident memory that it had, in bytes.
    pub fn peak(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) -> io::Result<()> {
        kill_process(self.pid(), Signal::TERM)?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("a {} does not end", self.role)));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is only reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a fleet is started with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The program.
    pub binary: PathBuf,
    /// The server of the queue.
    pub nats: PathBuf,
    /// Everything is written below it.
    pub folder: PathBuf,
}

/// A running fleet.
pub struct Fleet {
    setting: Setting,
    port: u16,
    queue: u16,
    /// All of its processes.
    pub processes: Vec<Process>,
    named: usize,
}

impl Fleet {
    /// Starts a queue's server and a coordinator, in a folder that has `organisation/organisation.yaml`.
    pub fn start(setting: &Setting) -> io::Result<Self> {
        let (queue, port) = (free_port()?, free_port()?);
        let mut fleet = Self { setting: setting.clone(), port, queue, processes: Vec::new(), named: 0 };
        let folder = &setting.folder;
        let config = format!(
            "server_name: bench\nlisten: \"127.0.0.1:{queue}\"\njetstream {{ store_dir: \"{}\", max_file_store: 8GB, max_memory_store: 64MB, sync_interval: always }}\n",
            folder.join("nats").display()
        );
        fs::write(folder.join("nats.conf"), config)?;
        let mut nats = Command::new(&setting.nats);
        nats.arg("-c").arg(folder.join("nats.conf"));
        fleet.processes.push(Process::start("nats-server", "n0", folder, &mut nats)?);
        answers(queue)?;
        fleet.certify("coordinator", "c1")?;
        fleet.certify("person", "ada")?;
        let mut serve = fleet.command(&["serve", "--org", "organisation/organisation.yaml", "--state", "state"]);
        serve.args(["--listen", &format!("127.0.0.1:{port}"), "--address", &fleet.address()]);
        serve.args(["--nats", &format!("nats://127.0.0.1:{queue}"), "--replicas", "1", "--accept-weak-queue"]);
        serve.args(["--lease", LEASE]);
        fleet.identity(&mut serve, "coordinator-c1");
        fleet.processes.push(Process::start("coordinator", "c1", folder, &mut serve)?);
        answers(port)?;
        Ok(fleet)
    }

    fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The queue's server.
    pub fn queue(&self) -> String {
        format!("nats://127.0.0.1:{}", self.queue)
    }

    /// Where the coordinator is, for those that speak to it from this process.
    pub fn coordinator(&self) -> String {
        self.address()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.setting.binary);
        command.args(arguments).current_dir(&self.setting.folder);
        command
    }

    /// The file of a certificate, of its key, and of the authority.
    pub fn identity_files(&self, stem: &str) -> [PathBuf; 3] {
        let certs = self.setting.folder.join("certs");
        [certs.join(format!("{stem}.pem")), certs.join(format!("{stem}.key")), certs.join("ca.pem")]
    }

    fn identity(&self, command: &mut Command, stem: &str) {
        let [certificate, key, authority] = self.identity_files(stem);
        command.arg("--cert").arg(certificate).arg("--key").arg(key).arg("--ca").arg(authority);
    }

    /// Makes a certificate.
    pub fn certify(&self, role: &str, name: &str) -> io::Result<()> {
        let made = self.command(&["certs", "--dir", "certs", &format!("{role}/{name}")]).output()?;
        if made.status.success() { Ok(()) } else { Err(said("certs", &made)) }
    }

    /// Starts a worker or an agent-runner with one slot and one thread for looking; its place among the processes.
    pub fn member(&mut self, role: &'static str) -> io::Result<usize> {
        self.named += 1;
        let name = format!("m{}", self.named);
        self.certify(role, &name)?;
        let mut command = self.command(&[role, "--coordinator", &self.address(), "--slots", "1", "--lease", LEASE]);
        self.identity(&mut command, &format!("{role}-{name}"));
        command.arg("--caches").arg(self.setting.folder.join(format!("caches-{name}")));
        command.env("RAYON_NUM_THREADS", "1");
        self.processes.push(Process::start(role, &name, &self.setting.folder, &mut command)?);
        Ok(self.processes.len() - 1)
    }

    /// Waits until so many members have said hello.
    pub fn wait_members(&self, count: usize) -> io::Result<()> {
        let began = Instant::now();
        loop {
            let said = self.ask(&["fleet", "status", "--json"])?;
            if said["members"].as_array().is_some_and(|m| m.len() >= count) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("not {count} members: {said}")));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A question to the coordinator, as a person asks it.
    pub fn question(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.args(["--coordinator", &self.address()]);
        self.identity(&mut command, "person-ada");
        git::without_proxies(&mut command);
        command
    }

    /// Asks the coordinator as a person does.
    pub fn ask(&self, arguments: &[&str]) -> io::Result<Value> {
        answer(self.question(arguments))
    }

    /// Processor time of a role's processes.
    pub fn processor(&self, role: &str) -> f64 {
        self.processes.iter().filter(|p| p.role == role).map(Process::processor).sum()
    }

    /// The most memory that one process of a role had.
    pub fn peak(&self, role: &str) -> u64 {
        self.processes.iter().filter(|p| p.role == role).map(Process::peak).max().unwrap_or(0)
    }

    /// Ends everything, members first.
    pub fn stop(mut self) -> io::Result<()> {
        while let Some(process) = self.processes.pop() {
            process.stop()?;
        }
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // The queue's server last.
        while self.processes.pop().is_some() {}
    }
}

/// Runs a question; its answer.
pub fn answer(mut question: Command) -> io::Result<Value> {
    let ran = question.output()?;
    let what = question.get_args().next().unwrap_or_default().to_string_lossy().into_owned();
    // 0 and 1 are both good ends: without findings, and with.
    if !matches!(ran.status.code(), Some(0 | 1)) {
        return Err(said(&what, &ran));
    }
    serde_json::from_slice(&ran.stdout).map_err(|_| said(&what, &ran))
}

fn said(what: &str, ran: &std::process::Output) -> io::Error {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]).into_owned();
    // Of a summary, what could not be reached tells why; of anything else, all of it.
    let unreachable = serde_json::from_slice::<Value>(&ran.stdout).ok().and_then(|all| all.get("unreachable").cloned());
    let why = unreachable.map_or_else(|| text(&ran.stdout), |why| text(why.to_string().as_bytes()));
    io::Error::other(format!("{what}: {:?}: {}{why}", ran.status.code(), text(&ran.stderr)))
}

fn answers(port: u16) -> io::Result<()> {
    let began = Instant::now();
    while let Err(error) = TcpStream::connect(("127.0.0.1", port)) {
        if began.elapsed() > PATIENCE {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
