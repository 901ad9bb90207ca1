//! The JetStream queue against a real nats-server: the conformance suite, and what only a server's queue has to promise.

#![allow(clippy::unwrap_used, reason = "a test")]
use ligase_queue::conformance;
use ligase_queue::testing::NatsServer;
use ligase_queue::{JetStreamQueue, QueueOptions, TaskQueue};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ACK_WAIT: Duration = Duration::from_secs(1);

fn options(server: &NatsServer) -> QueueOptions {
    QueueOptions { ack_wait: ACK_WAIT, shards: 2, ..QueueOptions::new(server.urls()) }
}

async fn queue(server: &NatsServer) -> JetStreamQueue {
    let queue = JetStreamQueue::connect(&options(server)).await.unwrap();
    queue.ensure().await.unwrap();
    queue
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jetstream_queue_conforms() {
    // A fresh queue for each check is a fresh server: streams of one organisation's fleet have fixed names.
    let servers = Arc::new(Mutex::new(Vec::new()));
    let made = AtomicUsize::new(0);
    conformance::all(ACK_WAIT, || {
        made.fetch_add(1, Ordering::Relaxed);
        let servers = Arc::clone(&servers);
        Box::pin(async move {
            let server = NatsServer::one();
            let queue = queue(&server).await;
            servers.lock().unwrap().push(server);
            Box::new(queue) as Box<dyn TaskQueue>
        })
    })
    .await;
    assert!(made.load(Ordering::Relaxed) > 10);
}
