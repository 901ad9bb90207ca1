//! A real nats-server for tests: started on free ports of this machine, killed, stopped, restarted on the same store, and
//! gone with everything it wrote when the value is dropped.
//!
//! The binary is `$LIGASE_NATS_SERVER`, or what `make nats` brings to `target/tools`.

#![expect(clippy::unwrap_used, reason = "for tests: a server that cannot be started fails the test, and says why")]

use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take until it is healthy: three of them that begin anew beside a build took more than thirty.
const START: Duration = Duration::from_secs(90);

fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("LIGASE_NATS_SERVER") {
        return PathBuf::from(path);
    }
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.map(|folder| folder.join("target/tools/venv/bin/nats-server")).find(|path| path.exists());
    found.expect("there is no nats-server: run `make nats`, or name one in LIGASE_NATS_SERVER")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Node {
    config: PathBuf,
    log: PathBuf,
    client: u16,
    monitor: u16,
    child: Option<Child>,
}

impl Node {
    fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(&self.log).unwrap();
        let errors = log.try_clone().unwrap();
        let child = Command::new(binary())
            .arg("-c")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(errors))
            .spawn();
        self.child = Some(child.expect("nats-server starts"));
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("the server runs"))
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A stopped process dies of SIGKILL like any other.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.monitor)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn is_healthy(&self) -> bool {
        self.get("/healthz")
            .is_some_and(|answer| answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"))
    }
}

/// Where a node is to listen, and to keep what it stores.
pub struct NodePlan {
    /// Its number.
    pub n: usize,
    /// Its port for clients.
    pub client: u16,
    /// The port of its monitoring page.
    pub monitor: u16,
    /// Its port for other nodes.
    pub cluster: u16,
    /// Those of all nodes.
    pub clusters: Vec<u16>,
    /// Its store.
    pub store: PathBuf,
    /// The folder of its configuration, the same for all nodes.
    pub folder: PathBuf,
}

/// One nats-server, or several that form a cluster.
pub struct NatsServer {
    nodes: Vec<Node>,
    folder: TempDir,
}

impl NatsServer {
    /// One node.
    ///
    /// # Panics
    /// When it does not start; so everywhere below.
    pub fn one() -> Self {
        Self::start(1)
    }

    /// Three nodes that sync every write.
    pub fn three() -> Self {
        Self::start(3)
    }

    fn start(count: usize) -> Self {
        Self::configured(count, |plan| {
            let NodePlan { n, client, monitor, cluster, .. } = plan;
            let mut text = String::new();
            writeln!(text, "server_name: \"n{n}\"\nlisten: \"127.0.0.1:{client}\"\nhttp: \"127.0.0.1:{monitor}\"")
                .unwrap();
            let sync = if count > 1 { "always" } else { "2m" };
            writeln!(
                text,
                "jetstream {{ store_dir: \"{}\", max_file_store: 4GB, max_memory_store: 64MB, sync_interval: {sync} }}",
                plan.store.display()
            )
            .unwrap();
            if count > 1 {
                let routes: Vec<String> =
                    plan.clusters.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
                writeln!(
                    text,
                    "cluster {{ name: ligase-test, listen: \"127.0.0.1:{cluster}\", routes: [{}] }}",
                    routes.join(", ")
                )
                .unwrap();
            }
            text
        })
    }

    /// Nodes with configurations of the caller's. The server's monitoring page has to be reachable without a login.
    ///
    /// # Panics
    /// When they do not start.
    pub fn configured(count: usize, config: impl Fn(&NodePlan) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<[u16; 3]> = (0..count).map(|_| [free_port(), free_port(), free_port()]).collect();
        let mut nodes = Vec::new();
        for (n, [client, monitor, cluster]) in ports.iter().copied().enumerate() {
            let plan = NodePlan {
                n,
                client,
                monitor,
                cluster,
                clusters: ports.iter().map(|p| p[2]).collect(),
                store: folder.path().join(format!("store-{n}")),
                folder: folder.path().to_path_buf(),
            };
            let path = folder.path().join(format!("n{n}.conf"));
            std::fs::write(&path, config(&plan)).unwrap();
            let log = folder.path().join(format!("n{n}.log"));
            nodes.push(Node { config: path, log, client, monitor, child: None });
        }
        let mut server = Self { nodes, folder };
        server.nodes.iter_mut().for_each(Node::start);
        server.wait_healthy();
        server
    }

    /// The URLs of all nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("nats://127.0.0.1:{}", node.client)).collect()
    }

    /// The monitoring address of a node.
    pub fn monitoring(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.nodes[node].monitor)
    }

    /// What a node's monitoring address answers, as JSON.
    pub fn monitor(&self, node: usize, path: &str) -> Option<serde_json::Value> {
        serde_json::from_str(self.nodes[node].get(path)?.split_once("\r\n\r\n")?.1).ok()
    }

    /// How many nodes there are.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Where the server keeps what it stores and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Which node leads a stream now, as the first node that answers says.
    pub fn leader_of(&self, stream: &str) -> Option<usize> {
        let body = (0..self.nodes.len()).find_map(|node| self.monitor(node, "/jsz?streams=true"))?;
        let accounts = body.get("account_details")?.as_array()?;
        let streams = accounts.iter().filter_map(|a| a.get("stream_detail")?.as_array()).flatten();
        let found = streams.into_iter().find(|s| s.get("name").and_then(|n| n.as_str()) == Some(stream))?;
        found.pointer("/cluster/leader")?.as_str()?.strip_prefix('n')?.parse().ok()
    }

    /// SIGKILL.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Loses what a killed node has stored.
    pub fn wipe(&self, node: usize) {
        let store = self.folder.path().join(format!("store-{node}"));
        std::fs::remove_dir_all(store).unwrap();
    }

    /// SIGSTOP.
    pub fn stop(&self, node: usize) {
        kill_process(self.nodes[node].pid(), Signal::STOP).unwrap();
    }

    /// SIGCONT.
    pub fn cont(&self, node: usize) {
        kill_process(self.nodes[node].pid(), Signal::CONT).unwrap();
    }

    /// Starts a node that was killed, on the store that it had.
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].start();
        self.wait_healthy();
    }

    fn wait_healthy(&self) {
        let began = Instant::now();
        while !self.nodes.iter().filter(|node| node.child.is_some()).all(Node::is_healthy) {
            if began.elapsed() > START {
                let logs: Vec<String> =
                    self.nodes.iter().filter_map(|node| std::fs::read_to_string(&node.log).ok()).collect();
                panic!("nats-server is not healthy after {START:?}:\n{}", logs.join("\n---\n"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }
}
