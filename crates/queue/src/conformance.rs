//! What every queue must do, whatever carries it. Each check gets a fresh queue and is told how long its leases last; time
//! may be paused by the caller.

#![expect(clippy::unwrap_used, reason = "a suite of assertions: a queue that errs here does not conform")]

use crate::port::{MAX_DELIVER, Published, QueueError, Settle, TaskQueue};
use ligase_domain::{Digest, TaskKind};
use ligase_proto::v1;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A queue under test, made when a check begins.
pub type Made = Pin<Box<dyn Future<Output = Box<dyn TaskQueue>> + Send>>;

fn task(name: &str, lane: &str) -> v1::Task {
    v1::Task {
        kind: "probe".to_owned(),
        key: Digest::of(name.as_bytes()).as_bytes().to_vec(),
        sweep: vec![0; 32],
        lane: lane.to_owned(),
        publication: 1,
        organisation: "acme".to_owned(),
        zone: String::new(),
        work: Some(v1::task::Work::Probe(v1::ProbeTask { ref_hint: name.to_owned(), ..Default::default() })),
    }
}

/// The same task, published once more.
fn again(name: &str, lane: &str, publication: u64) -> v1::Task {
    v1::Task { publication, ..task(name, lane) }
}

fn verification(name: &str, made_by: &str) -> v1::Task {
    let work = v1::VerificationTask { made_by: made_by.to_owned(), ..Default::default() };
    v1::Task { kind: "verification".to_owned(), work: Some(v1::task::Work::Verification(work)), ..task(name, "sweep") }
}

fn name(task: &v1::Task) -> &str {
    match &task.work {
        Some(v1::task::Work::Probe(p)) => &p.ref_hint,
        _ => "",
    }
}

/// Runs every check.
///
/// # Panics
/// When the queue does not conform; the message names what does not hold.
pub async fn all(ack_wait: Duration, make: impl Fn() -> Made) {
    one_outstanding_task_per_key(make().await).await;
    urgent_lanes_come_first(make().await).await;
    a_lapsed_lease_is_delivered_again(make().await).await;
    a_renewed_lease_is_not(make().await, ack_wait).await;
    the_last_delivery_ends_in_a_dead_letter(make().await).await;
    a_term_ends_in_a_dead_letter_and_frees_the_key(make().await).await;
    a_late_settlement_changes_nothing(make().await).await;
    a_verification_is_never_leased_to_the_maker(make().await, ack_wait).await;
    many_are_published_at_once(make().await).await;
    a_dead_letter_is_replayed(make().await).await;
    the_backlog_adds_up(make().await).await;
    a_lease_that_nobody_waits_for_is_not_lost(make().await, ack_wait).await;
    a_malformed_task_is_refused(make().await).await;
    closing_wakes_those_who_wait(make().await).await;
}

async fn one_outstanding_task_per_key(q: Box<dyn TaskQueue>) {
    assert_eq!(q.publish(task("a", "sweep")).await, Ok(Published::Stored));
    assert_eq!(q.publish(task("a", "hot")).await, Ok(Published::Outstanding));
    let held = q.lease(TaskKind::Probe, "w", 9).await.unwrap();
    assert_eq!(held.len(), 1, "one task for two publications");
    assert_eq!(q.publish(task("a", "sweep")).await, Ok(Published::Outstanding), "leased is outstanding");
    q.settle(held[0].id, Settle::Ack).await.unwrap();
    assert_eq!(q.publish(again("a", "sweep", 2)).await, Ok(Published::Stored), "an acked key is free again");
    q.settle(q.lease(TaskKind::Probe, "w", 9).await.unwrap()[0].id, Settle::Ack).await.unwrap();
    assert_eq!(q.publish(again("a", "sweep", 2)).await, Ok(Published::Stored), "stored means that it is on the belt");
    assert_eq!(q.lease(TaskKind::Probe, "w", 9).await.unwrap().len(), 1);
}

async fn urgent_lanes_come_first(q: Box<dyn TaskQueue>) {
    for (n, lane) in [("s", "sweep"), ("c", "cascade"), ("h", "hot"), ("s2", "sweep")] {
        q.publish(task(n, lane)).await.unwrap();
    }
    let held = q.lease(TaskKind::Probe, "w", 9).await.unwrap();
    assert_eq!(held.iter().map(|d| name(&d.task)).collect::<Vec<_>>(), ["h", "c", "s", "s2"]);
}

async fn a_lapsed_lease_is_delivered_again(q: Box<dyn TaskQueue>) {
    q.publish(task("a", "sweep")).await.unwrap();
    let first = q.lease(TaskKind::Probe, "w1", 1).await.unwrap();
    let second = q.lease(TaskKind::Probe, "w2", 1).await.unwrap();
    assert_eq!((first[0].attempt, second[0].attempt), (1, 2));
    assert_ne!(first[0].id, second[0].id);
}

async fn a_renewed_lease_is_not(q: Box<dyn TaskQueue>, ack_wait: Duration) {
    q.publish(task("a", "sweep")).await.unwrap();
    let held = q.lease(TaskKind::Probe, "w1", 1).await.unwrap();
    for _ in 0..4 {
        tokio::time::sleep(ack_wait / 2).await;
        q.renew(held[0].id).await.unwrap();
    }
    let other = tokio::time::timeout(ack_wait / 2, q.lease(TaskKind::Probe, "w2", 1)).await;
    assert!(other.is_err(), "a renewed lease was given to somebody else");
}

async fn the_last_delivery_ends_in_a_dead_letter(q: Box<dyn TaskQueue>) {
    q.publish(task("a", "sweep")).await.unwrap();
    for attempt in 1..=MAX_DELIVER {
        let held = q.lease(TaskKind::Probe, "w", 1).await.unwrap();
        assert_eq!(held[0].attempt, attempt);
        q.settle(held[0].id, Settle::Nak(Duration::from_millis(50))).await.unwrap();
    }
    let dead = q.dead_letters(0).await.unwrap();
    assert_eq!((dead.len(), dead[0].attempts), (1, MAX_DELIVER));
    assert_eq!(q.publish(again("a", "sweep", 2)).await, Ok(Published::Stored), "a dead letter frees its key");
}

async fn a_term_ends_in_a_dead_letter_and_frees_the_key(q: Box<dyn TaskQueue>) {
    q.publish(task("a", "sweep")).await.unwrap();
    let held = q.lease(TaskKind::Probe, "w", 1).await.unwrap();
    q.settle(held[0].id, Settle::Term("corrupt-object".to_owned())).await.unwrap();
    assert_eq!(q.dead_letters(0).await.unwrap()[0].reason, "corrupt-object");
    assert_eq!(q.publish(again("a", "sweep", 2)).await, Ok(Published::Stored));
}

async fn a_late_settlement_changes_nothing(q: Box<dyn TaskQueue>) {
    q.publish(task("a", "sweep")).await.unwrap();
    let late = q.lease(TaskKind::Probe, "w1", 1).await.unwrap();
    let held = q.lease(TaskKind::Probe, "w2", 1).await.unwrap();
    let _ = q.settle(late[0].id, Settle::Term("stale".to_owned())).await;
    assert!(q.dead_letters(0).await.unwrap().is_empty(), "a stale term killed a task that another holds");
    q.renew(held[0].id).await.unwrap();
}

async fn a_verification_is_never_leased_to_the_maker(q: Box<dyn TaskQueue>, ack_wait: Duration) {
    q.publish(verification("v", "runner-1")).await.unwrap();
    let own = tokio::time::timeout(ack_wait / 2, q.lease(TaskKind::Verification, "runner-1", 1)).await;
    assert!(own.is_err(), "the maker was asked to judge its own patch");
    assert_eq!(q.lease(TaskKind::Verification, "worker-1", 1).await.unwrap().len(), 1);
}

async fn a_malformed_task_is_refused(q: Box<dyn TaskQueue>) {
    let short = v1::Task { key: vec![1; 31], ..task("a", "sweep") };
    assert!(matches!(q.publish(short).await, Err(QueueError::Malformed(_))));
    assert!(matches!(q.publish(task("a", "express")).await, Err(QueueError::Malformed(_))));
}

async fn closing_wakes_those_who_wait(q: Box<dyn TaskQueue>) {
    let (leased, ()) = tokio::join!(q.lease(TaskKind::Probe, "w", 1), async {
        tokio::task::yield_now().await;
        q.close().await;
    });
    assert_eq!(leased.err(), Some(QueueError::Closed));
}

async fn many_are_published_at_once(q: Box<dyn TaskQueue>) {
    let names: Vec<String> = (0..300).map(|n| format!("t{n}")).collect();
    let mut tasks: Vec<v1::Task> = names.iter().map(|n| task(n, "sweep")).collect();
    tasks.push(v1::Task { key: vec![], ..task("x", "sweep") });
    tasks.push(task("t7", "hot"));
    let published = q.publish_all(tasks).await;
    assert_eq!(published.iter().filter(|p| **p == Ok(Published::Stored)).count(), 300);
    assert!(matches!(published[300], Err(QueueError::Malformed(_))), "answers stand in the order of the tasks");
    assert_eq!(published[301], Ok(Published::Outstanding));
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 300 {
        for delivery in q.lease(TaskKind::Probe, "w", 64).await.unwrap() {
            assert!(seen.insert(delivery.key), "delivered twice");
            q.settle(delivery.id, Settle::Ack).await.unwrap();
        }
    }
}

async fn a_dead_letter_is_replayed(q: Box<dyn TaskQueue>) {
    q.publish(task("a", "hot")).await.unwrap();
    let held = q.lease(TaskKind::Probe, "w", 1).await.unwrap();
    q.settle(held[0].id, Settle::Term("for now".to_owned())).await.unwrap();
    let dead = q.dead_letters(0).await.unwrap();
    assert!(q.dead_letters(dead[0].sequence).await.unwrap().is_empty());
    assert_eq!(q.replay(dead[0].sequence).await, Ok(Published::Stored));
    assert_eq!(q.replay(dead[0].sequence).await, Ok(Published::Outstanding));
    let held = q.lease(TaskKind::Probe, "w", 1).await.unwrap();
    assert_eq!((name(&held[0].task), held[0].task.publication, held[0].attempt), ("a", 2, 1));
    assert_eq!(q.replay(dead[0].sequence + 1).await, Err(QueueError::NoLetter(dead[0].sequence + 1)));
}

async fn the_backlog_adds_up(q: Box<dyn TaskQueue>) {
    for (n, lane) in [("a", "sweep"), ("b", "sweep"), ("c", "sweep"), ("d", "hot")] {
        q.publish(task(n, lane)).await.unwrap();
    }
    q.lease(TaskKind::Probe, "w", 2).await.unwrap();
    let backlog = q.backlog().await.unwrap();
    let lane = |name: &str| backlog.iter().find(|b| b.lane == name && b.kind == TaskKind::Probe).unwrap();
    assert_eq!((lane("hot").waiting, lane("hot").leased), (0, 1));
    assert_eq!((lane("sweep").waiting, lane("sweep").leased), (2, 1));
}

async fn a_lease_that_nobody_waits_for_is_not_lost(q: Box<dyn TaskQueue>, ack_wait: Duration) {
    for _ in 0..3 {
        assert!(tokio::time::timeout(ack_wait / 50, q.lease(TaskKind::Probe, "w1", 1)).await.is_err());
    }
    q.publish(task("a", "sweep")).await.unwrap();
    let held = tokio::time::timeout(ack_wait / 2, q.lease(TaskKind::Probe, "w2", 1)).await;
    assert_eq!(held.expect("nobody else waits").unwrap().len(), 1);
}
