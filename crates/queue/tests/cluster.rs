//! Three nodes that sync every write: whichever of them is killed or stopped, no acknowledged task is lost, and none that was
//! settled comes back for ever.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use common::{options, queue, task};
use ligase_domain::{TaskKey, TaskKind};
use ligase_queue::testing::NatsServer;
use ligase_queue::{
    Candidate, JetStreamQueue, Leadership as _, QueueError, QueueOptions, Settle, Standing, TaskQueue, task_key,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const ACK_WAIT: Duration = Duration::from_secs(4);
const KILLS: usize = 2;

/// Leases and acks until told to stop; counts what it did for each key.
async fn work(queue: JetStreamQueue, done: Arc<Mutex<BTreeMap<TaskKey, u32>>>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let leased = tokio::time::timeout(Duration::from_secs(1), queue.lease(TaskKind::Probe, "w", 16)).await;
        let Ok(Ok(held)) = leased else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        for delivery in held {
            // The record first, then the ack; whether the ack gets through decides nothing.
            *done.lock().unwrap().entry(delivery.key).or_default() += 1;
            let _ = queue.settle(delivery.id, Settle::Ack).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_the_streams_leader_is_killed() {
    let started = Instant::now();
    let mut server = NatsServer::three();
    let options = QueueOptions { shards: 2, ..options(&server, ACK_WAIT) };
    let publisher = queue(&options).await;
    assert!(publisher.verify().await.unwrap().iter().all(|problem| !problem.refuses));
    let (done, stop) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(AtomicBool::new(false)));
    let mut workers = Vec::new();
    for _ in 0..2 {
        let worker = JetStreamQueue::connect(&options).await.unwrap();
        workers.push(tokio::spawn(work(worker, Arc::clone(&done), Arc::clone(&stop))));
    }
    let publishing = {
        let (publisher, stop) = (publisher.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut told, mut n) = (Vec::new(), 0);
            while !stop.load(Ordering::Relaxed) {
                let tasks: Vec<_> = (n..n + 50).map(|n| task("acme", &n.to_string())).collect();
                let keys: Vec<TaskKey> = tasks.iter().map(|t| task_key(t).unwrap()).collect();
                let published = publisher.publish_all(tasks).await;
                told.extend(published.iter().zip(keys).filter(|(p, _)| p.is_ok()).map(|(_, key)| key));
                n += 50;
                sleep(Duration::from_millis(20)).await;
            }
            told
        })
    };
    for _ in 0..KILLS {
        sleep(Duration::from_secs(2)).await;
        let Some(leader) = server.leader_of("LIGASE_PROBE") else { continue };
        server.kill(leader);
        sleep(Duration::from_secs(2)).await;
        server.restart(leader);
    }
    println!("killed and restarted after {:?}", started.elapsed());
    // Publishing ends; workers go on until everything that was acknowledged is done.
    stop.store(true, Ordering::Relaxed);
    let told = publishing.await.unwrap();
    for worker in workers {
        worker.await.unwrap();
    }
    println!("published after {:?}", started.elapsed());
    let last = JetStreamQueue::connect(&options).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let draining = tokio::spawn(work(last, Arc::clone(&done), Arc::clone(&stop)));
    let (began, mut lost) = (Instant::now(), usize::MAX);
    while lost > 0 && began.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(200)).await;
        let done = done.lock().unwrap();
        lost = told.iter().filter(|key| !done.contains_key(key)).count();
    }
    println!("all done after {:?}", started.elapsed());
    // Settled is settled: the belt runs dry.
    let mut waiting = u64::MAX;
    while waiting > 0 && began.elapsed() < Duration::from_secs(90) {
        sleep(Duration::from_millis(500)).await;
        waiting = publisher.backlog().await.map_or(u64::MAX, |b| b.iter().map(|b| b.waiting + b.leased).sum());
    }
    println!("dry after {:?}", started.elapsed());
    stop.store(true, Ordering::Relaxed);
    draining.await.unwrap();
    let twice = done.lock().unwrap().values().filter(|n| **n > 1).count();
    println!("kills={KILLS} acknowledged={} lost={lost} delivered more than once={twice} left={waiting}", told.len());
    assert!(told.len() > 200, "little was published: {}", told.len());
    assert_eq!((lost, waiting), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_term_outlives_the_node_that_kept_it() {
    let mut server = NatsServer::three();
    let queue = queue(&QueueOptions { shards: 1, ..options(&server, ACK_WAIT) }).await;
    let leadership = queue.leadership(Duration::from_secs(10));
    let me = Candidate { name: "a".to_owned(), address: "a:1".to_owned() };
    let Standing::Leads(mut term) = leadership.campaign(&me).await.unwrap() else { panic!("nobody else is there") };
    server.kill(server.leader_of("KV_ligase_leader").unwrap());
    let fence = term.fence;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(15) {
        match leadership.renew(&term).await {
            Ok(renewed) => term = renewed,
            Err(error) => println!("after {:?}: {error}", began.elapsed()),
        }
        let other = Candidate { name: "b".to_owned(), address: "b:1".to_owned() };
        if let Ok(Standing::Leads(second)) = leadership.campaign(&other).await {
            assert!(!term.holds(), "two lead at once");
            assert!(second.fence > fence);
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert!(term.holds() && term.fence == fence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_its_quorum_is_not_one_without_jetstream() {
    let mut server = NatsServer::three();
    let brief = QueueOptions { deadline: Duration::from_secs(1), ..options(&server, ACK_WAIT) };
    let queue = JetStreamQueue::connect(&brief).await.unwrap();
    wait_until(async || queue.ensure().await.is_ok()).await;
    assert!(queue.is_of_cluster());
    server.kill(1);
    server.kill(2);
    // The one that is left notices after a while that it leads nobody; then, and before, it is told as what may pass.
    let mut failures = 0;
    wait_until(async || {
        match queue.preflight().await {
            Ok(problems) => assert_eq!(problems, []),
            Err(error) => {
                assert!(matches!(error, QueueError::Unreachable(_)), "{error}");
                failures += 1;
            }
        }
        failures == 3
    })
    .await;
    server.restart(1);
    server.restart(2);
    wait_until(async || queue.ensure().await.is_ok() && queue.verify().await.is_ok()).await;
}

/// Asks until it is so, for a minute at most.
async fn wait_until(mut so: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !so().await {
        assert!(Instant::now() < until, "not within a minute");
        sleep(Duration::from_millis(100)).await;
    }
}
