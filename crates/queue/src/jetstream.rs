//! The task queue on NATS JetStream. The server is a hint, like every queue here: it may lose nothing and still deliver a
//! task twice, late, or to two holders at once, and none of that changes a result.
//!
//! One concern, one file: `topology.rs` what there is at the server, `connect.rs` the connection and its deadlines,
//! `publish.rs`, `lease.rs` with `rota.rs`, `settle.rs`, `letters.rs` with the leader's housekeeping,
//! `backlog.rs`, `lead.rs` who leads, `verify.rs` whether the server is as it has to be.

mod backlog;
mod connect;
mod lead;
mod lease;
mod letters;
mod publish;
mod rota;
mod settle;
mod topology;
mod verify;

pub use lead::JetStreamLeadership;
pub use topology::Topology;
pub use verify::Problem;

use crate::options::{QueueOptions, TraceHook};
use crate::port::{Backlog, DeadLetter, Delivery, DeliveryId, Published, QueueError, Settle, TaskQueue};
use async_trait::async_trait;
use bytes::Bytes;
use connect::Link;
use lease::Turns;
use letters::Death;
use ligase_domain::{TaskKey, TaskKind};
use ligase_proto::v1;
use prost::Message as _;
use publish::Lanes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use topology::{KINDS, Seat};

/// A delivery that this process holds, or held.
#[derive(Clone)]
struct Held {
    /// Where the server listens for what becomes of it.
    reply: String,
    seat: Seat,
    key: TaskKey,
    task: v1::Task,
    attempt: u32,
    published_ns: i128,
    /// Until then nobody else has it, by this process's monotonic clock.
    until: Instant,
}

impl Held {
    fn death(&self, reason: &str) -> Death {
        Death {
            key: self.key,
            payload: Bytes::from(self.task.encode_to_vec()),
            published_ns: self.published_ns,
            attempts: self.attempt,
            reason: reason.to_owned(),
        }
    }
}

/// What all handles of a queue share.
pub struct Shared {
    link: Link,
    context: async_nats::jetstream::Context,
    topology: Topology,
    trace: Option<TraceHook>,
    monitoring: Option<String>,
    turns: Vec<Turns>,
    held: Mutex<HashMap<DeliveryId, Held>>,
    lanes: Mutex<Lanes>,
    scanned: Mutex<Option<Instant>>,
    counter: AtomicU64,
    is_closed: AtomicBool,
    closed: Notify,
}

/// The task queue on NATS JetStream. Cloning it is cheap and gives another handle of the same queue.
#[derive(Clone)]
pub struct JetStreamQueue(Arc<Shared>);

impl std::ops::Deref for JetStreamQueue {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JetStreamQueue {
    /// Begins to connect, and returns at once: a server that is not there yet is tried again until the queue is closed.
    /// What is asked meanwhile ends with [`QueueError::Unreachable`] after its deadline.
    pub async fn connect(options: &QueueOptions) -> Result<Self, QueueError> {
        let link = Link::open(options).await?;
        let topology = Topology::new(options);
        let turns = KINDS.map(|kind| Turns::new(topology.seats(kind), options.ack_wait)).into();
        Ok(Self(Arc::new(Shared {
            context: async_nats::jetstream::new(link.client.clone()),
            link,
            topology,
            trace: options.trace.clone(),
            monitoring: options.monitoring.clone(),
            turns,
            held: Mutex::default(),
            lanes: Mutex::default(),
            scanned: Mutex::default(),
            counter: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            closed: Notify::new(),
        })))
    }

    /// Waits for the first connection as long as one request may take. An error says why there is none yet; it is tried
    /// further all the same.
    pub async fn reach(&self) -> Result<(), QueueError> {
        let sessions = &self.link.sessions;
        let first = async {
            loop {
                let changed = sessions.changed.notified();
                if sessions.count() > 0 {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(self.link.deadline, first).await.is_ok() {
            return Ok(());
        }
        match self.link.away().await {
            Some(refusal) => Err(refusal.into_error("connecting to the NATS servers")),
            None => Ok(()),
        }
    }

    /// Whether the server that was reached last is one of a cluster: what nobody answers for now may have a leader soon.
    pub fn is_of_cluster(&self) -> bool {
        self.link.sessions.count() > 0 && self.link.client.server_info().cluster.is_some()
    }

    /// Makes streams and consumers, or brings them to the shape that the options ask for. The coordinator's to call, once at
    /// its start; doing it twice changes nothing.
    pub async fn ensure(&self) -> Result<(), QueueError> {
        self.topology.ensure(&self.link).await
    }

    fn held(&self) -> MutexGuard<'_, HashMap<DeliveryId, Held>> {
        unpoisoned(&self.0.held)
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        unpoisoned(&self.0.lanes)
    }

    fn scanned(&self) -> MutexGuard<'_, Option<Instant>> {
        unpoisoned(&self.0.scanned)
    }

    fn next_id(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

#[async_trait]
impl TaskQueue for JetStreamQueue {
    async fn publish(&self, task: v1::Task) -> Result<Published, QueueError> {
        if self.is_closed() {
            return Err(QueueError::Closed);
        }
        self.publish_one(&task).await
    }

    async fn publish_all(&self, tasks: Vec<v1::Task>) -> Vec<Result<Published, QueueError>> {
        if self.is_closed() {
            return tasks.iter().map(|_| Err(QueueError::Closed)).collect();
        }
        self.publish_many(tasks).await
    }

    async fn lease(&self, kind: TaskKind, holder: &str, slots: usize) -> Result<Vec<Delivery>, QueueError> {
        self.lease_some(kind, holder, slots).await
    }

    async fn renew(&self, delivery: DeliveryId) -> Result<(), QueueError> {
        self.renew_one(delivery).await
    }

    async fn settle(&self, delivery: DeliveryId, how: Settle) -> Result<(), QueueError> {
        self.settle_one(delivery, how).await
    }

    async fn dead_letters(&self, after: u64) -> Result<Vec<DeadLetter>, QueueError> {
        self.letters_after(after).await
    }

    async fn replay(&self, sequence: u64) -> Result<Published, QueueError> {
        self.replay_one(sequence).await
    }

    async fn tend(&self) -> Result<usize, QueueError> {
        self.tend_all().await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, QueueError> {
        self.backlog_now().await
    }

    fn ack_wait(&self) -> Duration {
        self.topology.ack_wait
    }

    async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.closed.notify_waiters();
    }
}
