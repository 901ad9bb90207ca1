//! What must hold of those who use a queue, on a model with a server's bad manners: late acks are taken, a stale term deletes
//! what somebody else runs, a task is delivered to two at once, out of order, or to nobody; a publication is stored twice, or
//! stored and not acknowledged. With the pull loop, a store of records and a publisher that asks the store: nothing is lost,
//! and doing it twice changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use async_trait::async_trait;
use common::task;
use ligase_domain::{TaskKey, TaskKind};
use ligase_proto::v1;
use ligase_queue::{
    ACK_WAIT, Backlog, DeadLetter, Delivery, DeliveryId, Heartbeat, Published, QueueError, Settle, TaskQueue, pull,
    task_key,
};
use ligase_runtime::Shutdown;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// What goes wrong, one number for each chance; when they are used up nothing goes wrong any more.
#[derive(Clone, Default)]
struct Fates(Arc<Mutex<VecDeque<u8>>>);

impl Fates {
    fn next(&self) -> u8 {
        self.0.lock().unwrap().pop_front().unwrap_or(u8::MAX)
    }
}

#[derive(Clone)]
struct Item {
    sequence: u64,
    task: v1::Task,
    attempts: u32,
}

#[derive(Default)]
struct State {
    waiting: Vec<Item>,
    leased: BTreeMap<u64, (Item, Instant)>,
    counter: u64,
}

impl State {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn store(&mut self, task: &v1::Task) {
        let sequence = self.next();
        self.waiting.push(Item { sequence, task: task.clone(), attempts: 0 });
    }

    fn holds(&self, key: TaskKey) -> bool {
        let leased = self.leased.values().map(|(item, _)| item);
        self.waiting.iter().chain(leased).any(|item| task_key(&item.task) == Ok(key))
    }

    /// Wherever it is, and whoever holds it.
    fn delete(&mut self, sequence: u64) {
        self.waiting.retain(|item| item.sequence != sequence);
        self.leased.retain(|_, (item, _)| item.sequence != sequence);
    }
}

#[derive(Default)]
struct Model {
    state: Mutex<State>,
    /// Which message a delivery was of; a lapsed one is still known, as at a server.
    given: Mutex<BTreeMap<u64, Item>>,
    fates: Fates,
    changed: Notify,
}

fn unreachable<T>() -> Result<T, QueueError> {
    Err(QueueError::Unreachable("the model says so".to_owned()))
}

#[async_trait]
impl TaskQueue for Model {
    async fn publish(&self, task: v1::Task) -> Result<Published, QueueError> {
        let key = task_key(&task)?;
        let (fate, mut state) = (self.fates.next(), self.state.lock().unwrap());
        if fate == 0 {
            return unreachable();
        }
        if fate != 1 && state.holds(key) {
            return Ok(Published::Outstanding);
        }
        state.store(&task);
        self.changed.notify_waiters();
        if fate == 2 { unreachable() } else { Ok(Published::Stored) }
    }

    async fn lease(&self, _: TaskKind, _: &str, slots: usize) -> Result<Vec<Delivery>, QueueError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let wake = {
                let (mut state, now) = (self.state.lock().unwrap(), Instant::now());
                let lapsed: Vec<u64> = state.leased.iter().filter(|(_, l)| l.1 <= now).map(|(id, _)| *id).collect();
                for id in lapsed {
                    let (item, _) = state.leased.remove(&id).unwrap();
                    state.waiting.push(item);
                }
                let mut out = Vec::new();
                while !state.waiting.is_empty() && out.len() < slots {
                    let fate = self.fates.next();
                    let at = if fate == 0 { state.waiting.len() - 1 } else { 0 };
                    let mut item = if fate == 1 { state.waiting[at].clone() } else { state.waiting.remove(at) };
                    item.attempts += 1;
                    let id = state.next();
                    let (key, task, attempt) = (task_key(&item.task)?, item.task.clone(), item.attempts);
                    self.given.lock().unwrap().insert(id, item.clone());
                    state.leased.insert(id, (item, now + ACK_WAIT));
                    if fate == 2 {
                        // Leased, and the answer is lost.
                        return unreachable();
                    }
                    out.push(Delivery { id: DeliveryId(id), key, attempt, task, trace: None, waited: Duration::ZERO });
                }
                if !out.is_empty() {
                    return Ok(out);
                }
                state.leased.values().map(|l| l.1).min().unwrap_or(now + ACK_WAIT)
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    async fn renew(&self, delivery: DeliveryId) -> Result<(), QueueError> {
        if self.fates.next() == 0 {
            return unreachable();
        }
        if let Some((_, until)) = self.state.lock().unwrap().leased.get_mut(&delivery.0) {
            *until = Instant::now() + ACK_WAIT;
        }
        Ok(())
    }

    async fn settle(&self, delivery: DeliveryId, how: Settle) -> Result<(), QueueError> {
        let fate = self.fates.next();
        if fate == 0 {
            return unreachable();
        }
        let item = self.given.lock().unwrap()[&delivery.0].clone();
        let mut state = self.state.lock().unwrap();
        match how {
            // Late or not, whoever holds it now.
            Settle::Ack | Settle::Term(_) => state.delete(item.sequence),
            Settle::Nak(_) => {
                if state.leased.remove(&delivery.0).is_some() {
                    state.waiting.push(item);
                }
            }
        }
        drop(state);
        self.changed.notify_waiters();
        if fate == 1 { unreachable() } else { Ok(()) }
    }

    async fn dead_letters(&self, _: u64) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(Vec::new())
    }

    async fn replay(&self, sequence: u64) -> Result<Published, QueueError> {
        Err(QueueError::NoLetter(sequence))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, QueueError> {
        Ok(Vec::new())
    }

    async fn close(&self) {}
}

/// What is recorded of each task, and how often something new was.
#[derive(Default)]
struct Store {
    records: Mutex<BTreeMap<TaskKey, String>>,
    effects: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Store {
    fn has(&self, key: TaskKey) -> bool {
        self.records.lock().unwrap().contains_key(&key)
    }

    /// The first record stands; a second one has to say the same.
    fn record(&self, key: TaskKey, task: &v1::Task) {
        let says = format!("{task:?}").replace(&format!("publication: {}", task.publication), "");
        let mut records = self.records.lock().unwrap();
        if let Some(stands) = records.get(&key) {
            assert_eq!(*stands, says, "two attempts at one task say different things");
            return;
        }
        records.insert(key, says);
        self.effects.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts an attempt as running, also one that panics.
struct Running(Arc<Store>);

impl Running {
    fn begin(store: &Arc<Store>) -> Self {
        let now = store.running.fetch_add(1, Ordering::Relaxed) + 1;
        store.most.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(store))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn attempt(store: Arc<Store>, delivery: Delivery, heart: Heartbeat, fate: u8) -> Settle {
    let _running = Running::begin(&store);
    if store.has(delivery.key) {
        return Settle::Ack;
    }
    match fate {
        0 => panic!("this attempt panics on purpose"),
        1 => return Settle::Nak(Duration::from_secs(3)),
        // Hangs past its lease, and then goes on as if nothing were.
        2 => sleep(ACK_WAIT * 2).await,
        3 => {
            for _ in 0..30 {
                heart.beat();
                sleep(ACK_WAIT / 10).await;
            }
        }
        // Ends for good: its record says so, and then it is taken off the belt.
        4 => {
            store.record(delivery.key, &delivery.task);
            return Settle::Term("for good".to_owned());
        }
        // Dies between its record and its settlement.
        5 => {
            store.record(delivery.key, &delivery.task);
            panic!("this attempt panics on purpose");
        }
        _ => sleep(Duration::from_millis(u64::from(fate))).await,
    }
    store.record(delivery.key, &delivery.task);
    Settle::Ack
}

const SLOTS: usize = 3;
const PULLERS: usize = 2;
/// Longer than any attempt of the model takes.
const STUCK: Duration = Duration::from_secs(3_600);

async fn fleet(tasks: usize, queue_fates: Vec<u8>, work_fates: Vec<u8>) -> (Arc<Store>, bool) {
    let model = Model { fates: Fates(Arc::new(Mutex::new(queue_fates.into()))), ..Model::default() };
    let (queue, store): (Arc<dyn TaskQueue>, _) = (Arc::new(model), Arc::new(Store::default()));
    let work_fates = Fates(Arc::new(Mutex::new(work_fates.into())));
    let shutdown = Shutdown::new();
    let pulling = futures_util::future::join_all((0..PULLERS).map(|n| {
        let (queue, store, fates, shutdown) =
            (Arc::clone(&queue), Arc::clone(&store), work_fates.clone(), shutdown.clone());
        async move {
            let run = |delivery, heart| attempt(Arc::clone(&store), delivery, heart, fates.next());
            pull(queue, TaskKind::Probe, &format!("w{n}"), SLOTS, STUCK, &shutdown, run).await;
        }
    }));
    let publishing = async {
        let mut tasks: Vec<v1::Task> = (0..tasks).map(|n| task("acme", &n.to_string())).collect();
        let mut done = false;
        // A day of resyncs: what has no record is published again.
        for _ in 0..1_440 {
            tasks.retain(|task| !store.has(task_key(task).unwrap()));
            if tasks.is_empty() {
                done = true;
                break;
            }
            for task in &mut tasks {
                let _ = queue.publish(task.clone()).await;
                task.publication += 1;
            }
            sleep(Duration::from_secs(60)).await;
        }
        shutdown.request();
        done
    };
    let (_, done) = tokio::join!(pulling, publishing);
    (store, done)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_and_nothing_is_done_twice(
        tasks in 1_usize..12,
        queue_fates in proptest::collection::vec(0_u8..6, 0..80),
        work_fates in proptest::collection::vec(0_u8..9, 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        // Attempts that panic on purpose are many; their words help nobody.
        std::panic::set_hook(Box::new(|_| {}));
        let (store, done) = runtime.block_on(fleet(tasks, queue_fates, work_fates));
        let _ = std::panic::take_hook();
        prop_assert!(done, "{} of {tasks} have a record", store.records.lock().unwrap().len());
        prop_assert_eq!(store.effects.load(Ordering::Relaxed), tasks);
        prop_assert!(store.most.load(Ordering::Relaxed) <= SLOTS * PULLERS, "more attempts than slots ran at once");
        prop_assert_eq!(store.running.load(Ordering::Relaxed), 0, "a pull loop ended before its attempts");
    }
}
