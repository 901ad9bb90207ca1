//! The port: what every queue promises, in JetStream's terms and none of its types.

use async_trait::async_trait;
use ligase_domain::{TaskKey, TaskKind};
use ligase_proto::{convert, v1};
use std::time::Duration;

/// How long a lease lasts without renewal, where nothing else is said. Longer than any stage that makes no progress should take.
pub const ACK_WAIT: Duration = Duration::from_secs(60);
/// Deliveries of one publication before it becomes a dead letter.
pub const MAX_DELIVER: u32 = 5;

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is on the belt.
    Stored,
    /// A task of the same key is on the belt already; nothing was stored.
    Outstanding,
}

/// Why the queue did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The message is not a task.
    #[error("E-QUEUE-MALFORMED: {0}")]
    Malformed(#[from] convert::WireError),
    /// The lease is no longer held: it lapsed, and somebody else may have the task.
    #[error("E-QUEUE-LEASE-LOST: the lease of delivery {} lapsed before it was settled", .0.0)]
    LeaseLost(DeliveryId),
    /// The queue was closed.
    #[error("E-QUEUE-CLOSED: the queue takes no more work")]
    Closed,
    /// The queue's server did not answer, or refused. A publication that ends so may have been stored.
    #[error("E-QUEUE-UNREACHABLE: {0}")]
    Unreachable(String),
    /// The term of leadership of that fence is over, and somebody else may lead.
    #[error("E-QUEUE-TERM-LOST: the term with fence {0} is over; another coordinator leads, or will")]
    TermLost(u64),
    /// There is no dead letter of that number.
    #[error("E-QUEUE-NO-LETTER: there is no dead letter {0}")]
    NoLetter(u64),
}

/// One delivery's number, unique in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// One attempt at a task.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The delivery's number.
    pub id: DeliveryId,
    /// The task's key, checked.
    pub key: TaskKey,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The task.
    pub task: v1::Task,
    /// The publisher's trace context (W3C `traceparent`), where there is one. Hostile input like the rest.
    pub trace: Option<String>,
    /// How long ago it was published, by the server's clock where there is one.
    pub waited: Duration,
}

/// How an attempt ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Its result is durable.
    Ack,
    /// Again after this delay.
    Nak(Duration),
    /// Never again, for this reason; a dead letter is written first.
    Term(String),
}

/// A task set aside after its last attempt.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its number in this queue, rising; never 0.
    pub sequence: u64,
    /// When it was set aside, in UTC milliseconds by the server's clock; 0 where the queue has none.
    pub at_ms: i64,
    /// The task's key.
    pub key: TaskKey,
    /// The task as published.
    pub task: v1::Task,
    /// How often it was delivered.
    pub attempts: u32,
    /// Why it was set aside.
    pub reason: String,
}

/// What waits in one lane of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Of this kind.
    pub kind: TaskKind,
    /// `hot`, `cascade` or `sweep`.
    pub lane: String,
    /// Tasks that nobody holds.
    pub waiting: u64,
    /// Tasks that are leased.
    pub leased: u64,
    /// The age of the oldest task that is not settled.
    pub oldest: Duration,
}

/// A task queue. At most one task of a key is outstanding; a lease lapses after [`TaskQueue::ack_wait`] without renewal.
#[async_trait]
pub trait TaskQueue: Send + Sync {
    /// Puts a task on the belt, unless one of its key is there.
    async fn publish(&self, task: v1::Task) -> Result<Published, QueueError>;

    /// Puts many tasks on the belt, each as [`TaskQueue::publish`] does; answers in the order given. A queue behind a
    /// connection keeps many publications in flight at once.
    async fn publish_all(&self, tasks: Vec<v1::Task>) -> Vec<Result<Published, QueueError>> {
        let mut out = Vec::with_capacity(tasks.len());
        for task in tasks {
            out.push(self.publish(task).await);
        }
        out
    }

    /// Waits for up to `slots` tasks of a kind, most urgent lane first. A verification is never given to the identity that
    /// made its patch. Returns at least one, or `Closed`.
    async fn lease(&self, kind: TaskKind, holder: &str, slots: usize) -> Result<Vec<Delivery>, QueueError>;

    /// Extends a lease by another [`TaskQueue::ack_wait`].
    async fn renew(&self, delivery: DeliveryId) -> Result<(), QueueError>;

    /// Ends an attempt.
    async fn settle(&self, delivery: DeliveryId, how: Settle) -> Result<(), QueueError>;

    /// What was set aside after this number (0 for all), oldest first.
    async fn dead_letters(&self, after: u64) -> Result<Vec<DeadLetter>, QueueError>;

    /// Puts a dead letter's task on the belt again, as a new publication.
    async fn replay(&self, sequence: u64) -> Result<Published, QueueError>;

    /// The leader's housekeeping: tasks that were delivered for the last time and not settled become dead letters, and
    /// their keys are free again. Returns how many. A queue that does this by itself has nothing to do.
    async fn tend(&self) -> Result<usize, QueueError> {
        Ok(0)
    }

    /// What waits, by kind and lane; lanes without a task may be left out.
    async fn backlog(&self) -> Result<Vec<Backlog>, QueueError>;

    /// How long a lease lasts without renewal, in this queue.
    fn ack_wait(&self) -> Duration {
        ACK_WAIT
    }

    /// Takes no more work and wakes those who wait.
    async fn close(&self);
}

/// The checked key of a task.
pub fn task_key(task: &v1::Task) -> Result<TaskKey, QueueError> {
    let key = convert::task_key(&task.kind, &task.key)?;
    convert::lane("lane", &task.lane)?;
    Ok(key)
}
