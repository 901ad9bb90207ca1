//! The queue of one member, with a turnstile: closed, it takes nothing more and settles what it holds. It counts what is held.

use async_trait::async_trait;
use ligase_domain::TaskKind;
use ligase_proto::v1;
use ligase_queue::{Backlog, DeadLetter, Delivery, DeliveryId, Published, QueueError, Settle, TaskQueue};
use ligase_runtime::{count, took};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// A queue behind a turnstile.
pub struct Turnstile {
    inner: Arc<dyn TaskQueue>,
    closed: watch::Sender<bool>,
    held: AtomicU32,
}

impl Turnstile {
    /// An open turnstile.
    pub fn new(inner: Arc<dyn TaskQueue>) -> Arc<Self> {
        Arc::new(Self { inner, closed: watch::Sender::new(false), held: AtomicU32::new(0) })
    }

    /// Closes or opens it; says whether that changed anything.
    pub fn close_if(&self, closed: bool) -> bool {
        self.closed.send_replace(closed) != closed
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Attempts that were taken and are not settled.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TaskQueue for Turnstile {
    async fn publish(&self, task: v1::Task) -> Result<Published, QueueError> {
        self.inner.publish(task).await
    }

    async fn lease(&self, kind: TaskKind, holder: &str, slots: usize) -> Result<Vec<Delivery>, QueueError> {
        let mut turnstile = self.closed.subscribe();
        loop {
            if turnstile.wait_for(|closed| !closed).await.is_err() {
                return Err(QueueError::Closed);
            }
            // A lease that is given up while it waits holds nothing: what was delivered to it lapses.
            let taken = tokio::select! {
                taken = self.inner.lease(kind, holder, slots) => taken?,
                _ = turnstile.wait_for(|closed| *closed) => continue,
            };
            self.held.fetch_add(u32::try_from(taken.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
            for delivery in &taken {
                let again = if delivery.attempt > 1 { "yes" } else { "no" };
                count("ligase_tasks_leased_total", &[("kind", kind.name()), ("again", again)], 1);
                took("ligase_queue_wait_seconds", &[("kind", kind.name())], delivery.waited);
            }
            return Ok(taken);
        }
    }

    async fn renew(&self, delivery: DeliveryId) -> Result<(), QueueError> {
        self.inner.renew(delivery).await
    }

    async fn settle(&self, delivery: DeliveryId, how: Settle) -> Result<(), QueueError> {
        let outcome = match &how {
            Settle::Ack => "done",
            Settle::Nak(_) => "given-back",
            Settle::Term(_) => "refused",
        };
        count("ligase_attempts_total", &[("outcome", outcome)], 1);
        let settled = self.inner.settle(delivery, how).await;
        self.held.fetch_sub(1, Ordering::Relaxed);
        settled
    }

    async fn dead_letters(&self, after: u64) -> Result<Vec<DeadLetter>, QueueError> {
        self.inner.dead_letters(after).await
    }

    async fn replay(&self, sequence: u64) -> Result<Published, QueueError> {
        self.inner.replay(sequence).await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, QueueError> {
        self.inner.backlog().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// How long what is held may take to end when the process is asked to stop, before it is killed by whoever asked.
pub const GRACE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::Digest;
    use ligase_queue::MemoryQueue;

    fn task(name: &str) -> v1::Task {
        v1::Task {
            kind: "probe".to_owned(),
            key: Digest::of(name.as_bytes()).as_bytes().to_vec(),
            sweep: vec![0; 32],
            lane: "sweep".to_owned(),
            ..Default::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_turnstile_lets_nothing_through_and_an_opened_one_does() {
        let turnstile = Turnstile::new(Arc::new(MemoryQueue::new()));
        turnstile.publish(task("a")).await.unwrap();
        assert!(turnstile.close_if(true) && !turnstile.close_if(true));
        let waiting = tokio::time::timeout(Duration::from_secs(5), turnstile.lease(TaskKind::Probe, "w", 1)).await;
        assert!(waiting.is_err());
        turnstile.close_if(false);
        let held = turnstile.lease(TaskKind::Probe, "w", 1).await.unwrap();
        assert_eq!((held.len(), turnstile.held()), (1, 1));
        turnstile.settle(held[0].id, Settle::Ack).await.unwrap();
        assert_eq!(turnstile.held(), 0);
    }
}
