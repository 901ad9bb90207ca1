//! Tasks and queues for the tests against a real nats-server.

#![allow(dead_code, reason = "each test file uses its own part")]

use ligase_domain::Digest;
use ligase_proto::v1;
use ligase_queue::testing::NatsServer;
use ligase_queue::{JetStreamQueue, QueueError, QueueOptions};
use std::time::Duration;

/// So often streams are asked for that a server did not make in time.
const ASKED_AGAIN: usize = 5;

/// A probe task of an organisation.
pub fn task(organisation: &str, name: &str) -> v1::Task {
    v1::Task {
        kind: "probe".to_owned(),
        key: Digest::of(format!("{organisation}/{name}").as_bytes()).as_bytes().to_vec(),
        sweep: vec![7; 32],
        lane: "sweep".to_owned(),
        publication: 1,
        organisation: organisation.to_owned(),
        zone: String::new(),
        work: Some(v1::task::Work::Probe(v1::ProbeTask { ref_hint: name.to_owned(), ..Default::default() })),
    }
}

pub fn options(server: &NatsServer, ack_wait: Duration) -> QueueOptions {
    QueueOptions { ack_wait, replicas: server.count(), ..QueueOptions::new(server.urls()) }
}

pub async fn queue(options: &QueueOptions) -> JetStreamQueue {
    let queue = JetStreamQueue::connect(options).await.unwrap();
    // Three servers of a machine that builds beside them may not have answered in time: `ligase serve` asks again, too.
    for _ in 0..ASKED_AGAIN {
        match queue.ensure().await {
            Err(QueueError::Unreachable(_)) => {}
            made => {
                made.unwrap();
                return queue;
            }
        }
    }
    queue.ensure().await.unwrap();
    queue
}
