//! The NATS configuration that ships in `ops/nats`, on three real nodes: it is what `verify` asks for, its users can do their
//! work, and they can do nothing else.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use common::task;
use ligase_domain::TaskKind;
use ligase_proto::v1;
use ligase_queue::testing::{NatsServer, NodePlan};
use ligase_queue::{JetStreamQueue, Login, Published, QueueError, QueueOptions, Settle, TaskQueue};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(20);
const DENIED: Duration = Duration::from_millis(500);

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops/nats")
}

/// The shipped files with this machine's ports and folders; passwords are made by the shipped script.
fn config(plan: &NodePlan) -> String {
    let read = |name: &str| std::fs::read_to_string(shipped().join(name)).unwrap();
    let made = Command::new("sh").arg(shipped().join("passwords.sh")).arg(&plan.folder).args(["a", "b", "c"]).status();
    assert!(made.unwrap().success());
    let mut passwords = std::fs::read_to_string(plan.folder.join("nats/passwords.conf")).unwrap();
    for (host, port) in ["a", "b", "c"].iter().zip(&plan.clusters) {
        passwords = passwords.replace(&format!("@{host}:6222"), &format!("@127.0.0.1:{port}"));
    }
    let own = format!("passwords-{}.conf", plan.n);
    std::fs::write(plan.folder.join(&own), passwords).unwrap();
    let common = format!("ligase-{}.conf", plan.n);
    let text = read("ligase.conf")
        .replace("/data/jetstream", &plan.store.display().to_string())
        .replace("secrets/nats/passwords.conf", &own);
    std::fs::write(plan.folder.join(&common), text).unwrap();
    read("node.conf")
        .replace("$NATS_NAME", &format!("\"n{}\"", plan.n))
        .replace("0.0.0.0:4222", &format!("127.0.0.1:{}", plan.client))
        .replace("0.0.0.0:8222", &format!("127.0.0.1:{}", plan.monitor))
        .replace("0.0.0.0:6222", &format!("127.0.0.1:{}", plan.cluster))
        .replace("ligase.conf", &common)
}

fn password(server: &NatsServer, user: &str) -> String {
    std::fs::read_to_string(server.folder().join("passwords").join(user)).unwrap().trim().to_owned()
}

async fn queue(server: &NatsServer, user: &str) -> JetStreamQueue {
    let options = QueueOptions {
        login: Login::Password { user: user.to_owned(), password: password(server, user) },
        replicas: 3,
        shards: 2,
        monitoring: Some(server.monitoring(0)),
        ..QueueOptions::new(server.urls())
    };
    JetStreamQueue::connect(&options).await.unwrap()
}

/// Subjects that the server did not let a user publish to or subscribe, as its own words name them.
struct Bare {
    client: async_nats::Client,
    violations: Arc<Mutex<Vec<String>>>,
}

impl Bare {
    async fn new(server: &NatsServer, user: &str) -> Self {
        let violations = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&violations);
        let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password(server, user));
        let options = options.custom_inbox_prefix(format!("_INBOX_{user}")).event_callback(move |event| {
            told.lock().unwrap().push(event.to_string());
            async {}
        });
        Self { client: options.connect(server.urls()).await.unwrap(), violations }
    }

    /// Fails the test if the server answers, or does not say that this was a violation.
    async fn is_denied(&self, subject: &str, payload: &str) {
        let asked = timeout(DENIED, self.client.request(subject.to_owned(), payload.to_owned().into())).await;
        assert!(!matches!(asked, Ok(Ok(_))), "{subject} was answered");
        self.was_violation(subject).await;
    }

    async fn was_violation(&self, subject: &str) {
        let named = subject.to_lowercase();
        for _ in 0..50 {
            let told = self.violations.lock().unwrap().iter().map(|v| v.to_lowercase()).collect::<Vec<_>>();
            if told.iter().any(|v| v.contains("permissions violation") && v.contains(&named)) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("no violation was told for {subject}: {:?}", self.violations.lock().unwrap());
    }
}

async fn one(queue: &JetStreamQueue, kind: TaskKind) -> ligase_queue::Delivery {
    timeout(SOON, queue.lease(kind, "w", 1)).await.expect("a lease").unwrap().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_configuration_is_what_production_needs_and_grants_no_more() {
    let server = NatsServer::configured(3, config);
    let coordinator = queue(&server, "coordinator").await;
    coordinator.ensure().await.unwrap();
    assert_eq!(coordinator.verify().await.unwrap(), [], "three nodes, new enough, every write synced");
    assert_eq!(queue(&server, "operator").await.verify().await.unwrap(), [], "an operator can look");

    // A worker does its work: lease, renew, give back, be told, ack, set aside.
    let worker = queue(&server, "worker").await;
    assert_eq!(coordinator.publish(task("acme", "a")).await.unwrap(), Published::Stored);
    let held = one(&worker, TaskKind::Probe).await;
    worker.renew(held.id).await.unwrap();
    worker.settle(held.id, Settle::Nak(Duration::from_millis(50))).await.unwrap();
    let held = one(&worker, TaskKind::Probe).await;
    assert_eq!(held.attempt, 2);
    worker.settle(held.id, Settle::Ack).await.unwrap();
    coordinator.publish(task("acme", "b")).await.unwrap();
    let held = one(&worker, TaskKind::Probe).await;
    worker.settle(held.id, Settle::Term("cannot be read".to_owned())).await.unwrap();
    let letters = coordinator.dead_letters(0).await.unwrap();
    assert_eq!(letters.len(), 1, "{letters:?}");
    // Three nodes take a settled task away a moment after they have said that it is settled.
    let replayed = async {
        while coordinator.replay(letters[0].sequence).await.unwrap() != Published::Stored {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(SOON, replayed).await.expect("a dead letter can be replayed");
    coordinator.tend().await.unwrap();
    assert!(coordinator.backlog().await.unwrap().iter().any(|lane| lane.waiting == 1));

    // An agent-runner has remedy tasks and no others.
    let runner = queue(&server, "agent-runner").await;
    let mut remedy = task("acme", "r");
    remedy.kind = "remedy".to_owned();
    remedy.work = Some(v1::task::Work::Remedy(v1::RemedyTask::default()));
    coordinator.publish(remedy).await.unwrap();
    let held = one(&runner, TaskKind::Remedy).await;
    runner.settle(held.id, Settle::Ack).await.unwrap();

    nobody_does_more(&server).await;
    assert!(coordinator.verify().await.unwrap().is_empty(), "nothing was changed by any of it");
    assert!(coordinator.backlog().await.unwrap().iter().any(|lane| lane.waiting == 1), "and nothing was lost");
}

async fn nobody_does_more(server: &NatsServer) {
    let worker = Bare::new(server, "worker").await;
    for (subject, payload) in [
        ("ligase.v1.probe.any.hot.0.o.r.key", "forged"),
        ("$JS.API.STREAM.PURGE.LIGASE_PROBE", ""),
        ("$JS.API.STREAM.DELETE.LIGASE_PROBE", ""),
        ("$JS.API.STREAM.MSG.GET.LIGASE_PROBE", r#"{"seq":1}"#),
        ("$JS.API.STREAM.MSG.DELETE.LIGASE_PROBE", r#"{"seq":1}"#),
        ("$JS.API.CONSUMER.DELETE.LIGASE_PROBE.any-hot-0", ""),
        ("$JS.API.CONSUMER.CREATE.LIGASE_PROBE.mine", "{}"),
        ("$JS.API.CONSUMER.MSG.NEXT.LIGASE_REMEDY.any-hot-0", "1"),
        ("$JS.ACK.LIGASE_REMEDY.any-hot-0.1.1.1.1.0", "+TERM"),
        ("$KV.ligase_leader.coordinator", "{}"),
        ("ligase.dead.v1.remedy.x.1", "forged"),
    ] {
        worker.is_denied(subject, payload).await;
    }
    for subject in ["_INBOX_coordinator.>", "_INBOX_agent-runner.>", "ligase.v1.>", "$JS.EVENT.>"] {
        let _ = worker.client.subscribe(subject).await.unwrap();
        worker.client.flush().await.unwrap();
        worker.was_violation(subject).await;
    }
    let runner = Bare::new(server, "agent-runner").await;
    runner.is_denied("$JS.API.CONSUMER.MSG.NEXT.LIGASE_PROBE.any-hot-0", "1").await;
    runner.is_denied("ligase.v1.remedy.any.hot.0.o.r.key", "forged").await;
    let coordinator = Bare::new(server, "coordinator").await;
    coordinator.is_denied("$JS.API.STREAM.PURGE.LIGASE_PROBE", "").await;
    coordinator.is_denied("$JS.API.STREAM.DELETE.LIGASE_DEAD", "").await;
    let operator = Bare::new(server, "operator").await;
    operator.is_denied("$JS.API.STREAM.UPDATE.LIGASE_PROBE", "{}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_gets_nothing() {
    let server = NatsServer::configured(3, config);
    let login = Login::Password { user: "worker".to_owned(), password: "guessed".to_owned() };
    let options =
        QueueOptions { login, deadline: Duration::from_secs(1), shards: 2, ..QueueOptions::new(server.urls()) };
    if let Ok(queue) = JetStreamQueue::connect(&options).await {
        let leased = timeout(SOON, queue.lease(TaskKind::Probe, "w", 1)).await.expect("an answer in time");
        assert!(matches!(leased, Err(QueueError::Unreachable(_))), "{leased:?}");
    }
}
