//! The JetStream queue against a real nats-server: the conformance suite, and what only a server's queue has to promise.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use common::{options, queue, task};
use ligase_domain::TaskKind;
use ligase_proto::v1;
use ligase_queue::testing::NatsServer;
use ligase_queue::{JetStreamQueue, MAX_DELIVER, Published, QueueError, QueueOptions, Settle, TaskQueue, conformance};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jetstream_queue_conforms() {
    // A fresh queue for each check is a fresh server: the streams of a fleet have fixed names.
    let servers = Arc::new(Mutex::new(Vec::new()));
    conformance::all(SHORT, || {
        let servers = Arc::clone(&servers);
        Box::pin(async move {
            let server = NatsServer::one();
            let queue = queue(&QueueOptions { shards: 2, ..options(&server, SHORT) }).await;
            servers.lock().unwrap().push(server);
            Box::new(queue) as Box<dyn TaskQueue>
        })
    })
    .await;
    assert!(servers.lock().unwrap().len() > 10);
}

/// Messages that the server has had from all its clients.
fn received(server: &NatsServer) -> u64 {
    let varz = server.monitor(0, "/varz").unwrap();
    varz.get("in_msgs").and_then(serde_json::Value::as_u64).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_told_of_a_task_and_asks_little_meanwhile() {
    let server = NatsServer::one();
    let options = options(&server, LONG);
    let (publisher, worker) = (queue(&options).await, JetStreamQueue::connect(&options).await.unwrap());
    let waiting = |worker: JetStreamQueue| tokio::spawn(async move { worker.lease(TaskKind::Probe, "w", 1).await });
    let mut lease = waiting(worker.clone());
    sleep(Duration::from_secs(1)).await;
    let before = received(&server);
    sleep(Duration::from_secs(5)).await;
    let asked = received(&server) - before;
    assert!(asked <= 30, "an idle worker sent {asked} requests in five seconds");
    let mut slowest = Duration::ZERO;
    for n in 0..10 {
        let began = Instant::now();
        publisher.publish(task("acme", &n.to_string())).await.unwrap();
        let held = lease.await.unwrap().unwrap();
        slowest = slowest.max(began.elapsed());
        assert_eq!(held.len(), 1);
        worker.settle(held[0].id, Settle::Ack).await.unwrap();
        lease = waiting(worker.clone());
        sleep(Duration::from_millis(50)).await;
    }
    // Each consumer is asked without being told only every eight seconds; less than one is only possible when told.
    assert!(slowest < Duration::from_secs(1), "a waiting worker had a task only after {slowest:?}");
    println!("idle: {asked} requests in 5 s; from publish to lease at most {slowest:?}");
    worker.close().await;
    assert_eq!(lease.await.unwrap().err(), Some(QueueError::Closed));
}

/// Leases a task as often as it may be delivered, and lets each lease lapse.
async fn exhaust(queue: &JetStreamQueue) {
    for attempt in 1..=MAX_DELIVER {
        let held = timeout(SHORT * 5, queue.lease(TaskKind::Probe, "w", 1)).await.expect("delivered again").unwrap();
        assert_eq!(held[0].attempt, attempt);
    }
    // Whoever asks next makes the server see that it was the last time.
    assert!(timeout(SHORT * 3, queue.lease(TaskKind::Probe, "w", 1)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lapsed_for_the_last_time_becomes_a_dead_letter_even_if_nobody_told() {
    for advisory_is_lost in [false, true] {
        let server = NatsServer::one();
        let queue = queue(&QueueOptions { shards: 1, ..options(&server, SHORT) }).await;
        queue.publish(task("acme", "poison")).await.unwrap();
        exhaust(&queue).await;
        assert_eq!(queue.publish(task("acme", "poison")).await, Ok(Published::Outstanding), "it blocks its key");
        // What lives must survive the housekeeping.
        queue.publish(task("acme", "waits")).await.unwrap();
        queue.publish(task("acme", "held")).await.unwrap();
        let held = queue.lease(TaskKind::Probe, "w", 1).await.unwrap();
        if advisory_is_lost {
            let client = async_nats::connect(server.urls()).await.unwrap();
            client.request("$JS.API.STREAM.PURGE.LIGASE_ADVISORIES", "".into()).await.unwrap();
        }
        let mut buried = 0;
        for _ in 0..12 {
            queue.renew(held[0].id).await.unwrap();
            buried += queue.tend().await.unwrap();
            sleep(SHORT / 4).await;
        }
        // A scan cannot tell a lapsed delivery from a held one above the ack floor, so it waits until it can.
        if advisory_is_lost && buried == 0 {
            queue.settle(held[0].id, Settle::Ack).await.unwrap();
            sleep(SHORT * 2).await;
            buried += queue.tend().await.unwrap();
        }
        assert_eq!(buried, 1, "advisory lost: {advisory_is_lost}");
        let dead = queue.dead_letters(0).await.unwrap();
        assert_eq!((dead.len(), dead[0].attempts), (1, MAX_DELIVER));
        assert!(dead[0].at_ms > 1_600_000_000_000);
        assert_eq!(queue.tend().await, Ok(0), "once is enough");
        assert_eq!(queue.replay(dead[0].sequence).await, Ok(Published::Stored), "its key is free");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_with_thousands_of_tasks_does_not_delay_one_with_three() {
    let server = NatsServer::one();
    let queue = queue(&options(&server, LONG)).await;
    let flood: Vec<v1::Task> = (0..3_000).map(|n| task("flood", &n.to_string())).collect();
    let began = Instant::now();
    assert!(queue.publish_all(flood).await.iter().all(|p| *p == Ok(Published::Stored)));
    println!("published 3,000 in {:?}", began.elapsed());
    // An organisation of another shard; two of one shard stand in one row.
    let small = (0..100).map(|n| format!("small-{n}")).find(|name| shard(name) != shard("flood")).unwrap();
    for n in 0..3 {
        queue.publish(task(&small, &n.to_string())).await.unwrap();
    }
    let (mut served, mut last) = (0, 0);
    while last == 0 && served < 3_003 {
        for delivery in queue.lease(TaskKind::Probe, "w", 4).await.unwrap() {
            served += 1;
            if delivery.task.organisation == small
                && matches!(&delivery.task.work, Some(v1::task::Work::Probe(p)) if p.ref_hint == "2")
            {
                last = served;
            }
            queue.settle(delivery.id, Settle::Ack).await.unwrap();
        }
    }
    println!("the small organisation's third task was served as number {last} of 3,003");
    assert!(last <= 24, "served as number {last}");
}

fn shard(organisation: &str) -> u32 {
    let digest = ligase_domain::Digest::of(organisation.as_bytes());
    digest.as_bytes()[..4].iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) % 8
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lowest_lane_is_served_while_urgent_tasks_keep_coming() {
    let server = NatsServer::one();
    let queue = queue(&options(&server, LONG)).await;
    queue.publish(task("acme", "patient")).await.unwrap();
    for n in 0..200 {
        queue.publish(v1::Task { lane: "hot".to_owned(), ..task("acme", &format!("hot{n}")) }).await.unwrap();
    }
    for turn in 1.. {
        let held = queue.lease(TaskKind::Probe, "w", 1).await.unwrap();
        queue.settle(held[0].id, Settle::Ack).await.unwrap();
        if held[0].task.lane == "sweep" {
            assert!(turn > 1, "urgent tasks come first");
            break;
        }
        assert!(turn < 40, "the sweep starves");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_goes_to_a_worker_of_its_zone_alone_and_carries_its_trace() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let server = NatsServer::one();
    let zones = QueueOptions { zones: vec!["eu".to_owned()], ..options(&server, LONG) };
    let traced = QueueOptions { trace: Some(Arc::new(|| Some(TRACE.to_owned()))), ..zones.clone() };
    let coordinator = queue(&traced).await;
    let anywhere = JetStreamQueue::connect(&options(&server, LONG)).await.unwrap();
    let europe = JetStreamQueue::connect(&zones).await.unwrap();
    coordinator.publish(v1::Task { zone: "eu".to_owned(), ..task("acme", "a") }).await.unwrap();
    let nowhere = coordinator.publish(v1::Task { zone: "mars".to_owned(), ..task("acme", "b") }).await;
    assert!(matches!(nowhere, Err(QueueError::Unreachable(why)) if why.contains("mars")));
    assert!(timeout(SHORT, anywhere.lease(TaskKind::Probe, "w", 1)).await.is_err());
    let held = europe.lease(TaskKind::Probe, "w", 1).await.unwrap();
    assert_eq!((held[0].trace.as_deref(), held[0].attempt), (Some(TRACE), 1));
    assert!(held[0].waited < LONG);
    // A worker of a zone also takes what may run anywhere.
    coordinator.publish(task("acme", "c")).await.unwrap();
    assert_eq!(europe.lease(TaskKind::Probe, "w", 1).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_a_task_is_taken_off_the_belt() {
    let server = NatsServer::one();
    let queue = queue(&QueueOptions { shards: 1, ..options(&server, SHORT) }).await;
    let client = async_nats::connect(server.urls()).await.unwrap();
    for (subject, bytes) in [("0.x.y.0badc0de", "\u{1}not a task"), ("0.x.y.feed", "")] {
        client.request(format!("ligase.v1.probe.any.hot.{subject}"), bytes.into()).await.unwrap();
    }
    queue.publish(task("acme", "real")).await.unwrap();
    let held = queue.lease(TaskKind::Probe, "w", 1).await.unwrap();
    assert_eq!(held[0].task, task("acme", "real"));
    queue.settle(held[0].id, Settle::Ack).await.unwrap();
    assert!(timeout(SHORT * 3, queue.lease(TaskKind::Probe, "w", 9)).await.is_err());
    assert!(queue.backlog().await.unwrap().iter().all(|b| b.lane != "hot"), "it is delivered again and again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_outlive_the_server_and_the_queue_finds_it_again() {
    let mut server = NatsServer::one();
    let queue = queue(&options(&server, SHORT)).await;
    queue.publish_all((0..50).map(|n| task("acme", &n.to_string())).collect()).await;
    let held = queue.lease(TaskKind::Probe, "w", 1).await.unwrap();
    server.kill(0);
    let unreached = queue.settle(held[0].id, Settle::Nak(Duration::ZERO)).await;
    assert!(matches!(unreached, Err(QueueError::Unreachable(_))), "{unreached:?}");
    server.restart(0);
    let mut seen = std::collections::BTreeSet::new();
    let began = Instant::now();
    while seen.len() < 50 {
        assert!(began.elapsed() < Duration::from_secs(30), "{} of 50 came back", seen.len());
        let Ok(Ok(held)) = timeout(SHORT * 5, queue.lease(TaskKind::Probe, "w", 8)).await else { continue };
        for delivery in held {
            queue.settle(delivery.id, Settle::Ack).await.unwrap();
            seen.insert(delivery.key);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_as_it_has_to_be_is_told() {
    let server = NatsServer::one();
    let options = QueueOptions { monitoring: Some(server.monitoring(0)), ..options(&server, LONG) };
    let queue = JetStreamQueue::connect(&options).await.unwrap();
    let codes = |problems: Vec<ligase_queue::Problem>| {
        let mut codes: Vec<_> = problems.into_iter().map(|p| (p.code, p.refuses)).collect();
        codes.dedup();
        codes
    };
    let (few, unsynced) = (("E-QUEUE-REPLICAS", false), ("E-QUEUE-SYNC", false));
    let (no_stream, no_consumer) = (("E-QUEUE-STREAM-ABSENT", true), ("E-QUEUE-CONSUMER-DIFFERS", true));
    // The first answer waits for the connection.
    let bare = codes(queue.verify().await.unwrap());
    assert_eq!(bare, [few, unsynced, no_stream, no_consumer]);
    queue.ensure().await.unwrap();
    queue.ensure().await.unwrap();
    assert_eq!(codes(queue.verify().await.unwrap()), [few, unsynced]);
    let unseen = JetStreamQueue::connect(&QueueOptions { monitoring: None, ..options.clone() }).await.unwrap();
    assert_eq!(codes(unseen.verify().await.unwrap()), [few, ("E-QUEUE-SYNC-UNKNOWN", false)]);
    let other = JetStreamQueue::connect(&QueueOptions { ack_wait: SHORT, ..options.clone() }).await.unwrap();
    assert_eq!(codes(other.verify().await.unwrap()), [few, unsynced, no_consumer]);
    // Somebody lowers the duplicate window by hand.
    let client = async_nats::connect(server.urls()).await.unwrap();
    let info = client.request("$JS.API.STREAM.INFO.LIGASE_PROBE", "".into()).await.unwrap();
    let mut config = serde_json::from_slice::<serde_json::Value>(&info.payload).unwrap()["config"].take();
    config["duplicate_window"] = serde_json::json!(1_000_000_000_u64);
    let updated = client.request("$JS.API.STREAM.UPDATE.LIGASE_PROBE", config.to_string().into()).await.unwrap();
    assert!(!String::from_utf8_lossy(&updated.payload).contains("\"error\""));
    assert_eq!(codes(queue.verify().await.unwrap()), [few, unsynced, ("E-QUEUE-STREAM-DIFFERS", true)]);
    queue.ensure().await.unwrap();
    assert_eq!(codes(queue.verify().await.unwrap()), [few, unsynced]);
}
