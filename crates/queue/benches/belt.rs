//! What the port costs: publish, pull and double ack through `TaskQueue`, against the same three steps with the server's
//! client alone, on the same streams and consumers, with the same payload and as many in flight, in one run. Only the ratio
//! says something; the bound is that the port keeps at least half of the raw rate.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on says where")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use async_nats::jetstream::{self, consumer::PullConsumer};
use futures_util::{StreamExt as _, stream};
use ligase_domain::{Digest, TaskKind};
use ligase_proto::v1;
use ligase_queue::testing::NatsServer;
use ligase_queue::{JetStreamQueue, QueueOptions, Settle, TaskQueue};
use std::time::Instant;

const TASKS: usize = 10_000;
const IN_FLIGHT: usize = 256;
const BATCH: usize = 64;
const ROUNDS: usize = 3;

fn task(round: usize, n: usize) -> v1::Task {
    let hint = format!("{:0>500}", format!("{round}/{n}"));
    v1::Task {
        kind: "probe".to_owned(),
        key: Digest::of(hint.as_bytes()).as_bytes().to_vec(),
        sweep: vec![7; 32],
        lane: "sweep".to_owned(),
        publication: 1,
        organisation: "acme".to_owned(),
        zone: String::new(),
        work: Some(v1::task::Work::Probe(v1::ProbeTask { ref_hint: hint, ..Default::default() })),
    }
}

fn options(server: &NatsServer) -> QueueOptions {
    QueueOptions { shards: 1, replicas: server.count(), ..QueueOptions::new(server.urls()) }
}

async fn raw(server: &NatsServer, round: usize, size: usize) -> f64 {
    let context = &jetstream::new(async_nats::connect(server.urls()).await.unwrap());
    let payload = bytes::Bytes::from(vec![b'x'; size]);
    let began = Instant::now();
    stream::iter(0..TASKS)
        .map(|n| {
            let (payload, key) = (payload.clone(), Digest::of(format!("raw/{round}/{n}").as_bytes()).to_string());
            let message = jetstream::message::PublishMessage::build().payload(payload).message_id(&key[..32]);
            async move {
                let subject = format!("ligase.v1.probe.any.sweep.0.{}.{}.{key}", &key[..16], &key[16..32]);
                context.send_publish(subject, message).await.unwrap().await.unwrap()
            }
        })
        .buffer_unordered(IN_FLIGHT)
        .for_each(|_| async {})
        .await;
    let consumer: PullConsumer = context.get_consumer_from_stream("any-sweep-0", "LIGASE_PROBE").await.unwrap();
    let mut done = 0;
    while done < TASKS {
        let batch = consumer.fetch().max_messages(BATCH).messages().await.unwrap();
        let acked = batch.map(|message| async move { message.unwrap().double_ack().await.unwrap() });
        done += acked.buffer_unordered(BATCH).count().await;
    }
    TASKS as f64 / began.elapsed().as_secs_f64()
}

async fn port(queue: &JetStreamQueue, round: usize) -> f64 {
    let began = Instant::now();
    let published = queue.publish_all((0..TASKS).map(|n| task(round, n)).collect()).await;
    assert!(published.iter().all(Result::is_ok));
    let mut done = 0;
    while done < TASKS {
        let held = queue.lease(TaskKind::Probe, "bench", BATCH).await.unwrap();
        let settled = held.iter().map(|delivery| queue.settle(delivery.id, Settle::Ack));
        done += futures_util::future::try_join_all(settled).await.unwrap().len();
    }
    TASKS as f64 / began.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    for server in [NatsServer::one(), NatsServer::three()] {
        let queue = JetStreamQueue::connect(&options(&server)).await.unwrap();
        queue.ensure().await.unwrap();
        let size = prost::Message::encoded_len(&task(0, 0));
        for round in 0..ROUNDS {
            let (raw, port) = (raw(&server, round, size).await, port(&queue, round).await);
            println!(
                "nodes={} tasks={TASKS} bytes={size} raw={raw:.0}/s port={port:.0}/s ratio={:.2}",
                server.count(),
                port / raw
            );
        }
    }
}
