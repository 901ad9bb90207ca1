//! The bounded pull loop that worker and agent-runner share: pull only as many as there are free slots, renew while a
//! progress counter moves, settle as the attempt says. What an attempt does is none of its business.

use crate::port::{Delivery, QueueError, Settle, TaskQueue};
use ligase_domain::TaskKind;
use ligase_runtime::Shutdown;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Renewals per lease: two may be lost before the lease lapses.
const RENEWALS_PER_LEASE: u32 = 3;
/// How long an attempt that is to be tried again waits, for each attempt before it.
const BACKOFF: Duration = Duration::from_secs(2);

/// A counter that an attempt moves while it gets somewhere; a lease is only renewed while it moves.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    /// Something was done.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The delay before attempt `n + 1`: it grows with each.
pub fn backoff(attempt: u32) -> Duration {
    BACKOFF * attempt
}

/// Leases tasks of one kind until shutdown, and gives each to `attempt` with its heartbeat. At most `slots` run at once.
/// On shutdown it stops pulling and waits for the attempts that it holds.
pub async fn pull<F, W>(
    queue: Arc<dyn TaskQueue>,
    kind: TaskKind,
    holder: &str,
    slots: usize,
    shutdown: &Shutdown,
    attempt: F,
) where
    F: Fn(Delivery, Heartbeat) -> W,
    W: Future<Output = Settle> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(slots.max(1)));
    let mut held = JoinSet::new();
    loop {
        while held.try_join_next().is_some() {}
        let mut permits = tokio::select! {
            () = shutdown.requested() => break,
            permit = Arc::clone(&free).acquire_owned() => permit.into_iter().collect::<Vec<_>>(),
        };
        while let Ok(permit) = Arc::clone(&free).try_acquire_owned() {
            permits.push(permit);
        }
        let leased = tokio::select! {
            () = shutdown.requested() => break,
            leased = queue.lease(kind, holder, permits.len()) => leased,
        };
        let deliveries = match leased {
            Ok(deliveries) => deliveries,
            Err(QueueError::Closed) => break,
            Err(error) => {
                tracing::warn!(%error, kind = kind.name(), "cannot lease");
                tokio::select! {
                    () = shutdown.requested() => break,
                    () = tokio::time::sleep(BACKOFF) => continue,
                }
            }
        };
        for (delivery, permit) in deliveries.into_iter().zip(permits) {
            let (heartbeat, queue) = (Heartbeat::default(), Arc::clone(&queue));
            let work = attempt(delivery.clone(), heartbeat.clone());
            held.spawn(async move {
                hold(queue.as_ref(), &delivery, &heartbeat, work).await;
                drop(permit);
            });
        }
    }
    while held.join_next().await.is_some() {}
}

/// Runs one attempt under its lease and settles it. An attempt that panics is given back.
async fn hold(
    queue: &dyn TaskQueue,
    delivery: &Delivery,
    heartbeat: &Heartbeat,
    work: impl Future<Output = Settle> + Send + 'static,
) {
    let mut running = tokio::spawn(work);
    let (mut seen, mut tick) = (heartbeat.count(), tokio::time::interval(queue.ack_wait() / RENEWALS_PER_LEASE));
    tick.tick().await;
    let how = loop {
        tokio::select! {
            ended = &mut running => break ended.unwrap_or_else(|error| {
                tracing::error!(%error, task = %delivery.key, attempt = delivery.attempt, "attempt panicked");
                Settle::Nak(backoff(delivery.attempt))
            }),
            _ = tick.tick() => {
                let now = heartbeat.count();
                if now != seen {
                    seen = now;
                    let _ = queue.renew(delivery.id).await;
                }
            }
        }
    };
    if let Err(error) = queue.settle(delivery.id, how).await {
        tracing::warn!(%error, task = %delivery.key, "cannot settle; the store decides what is complete");
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::{ACK_WAIT, MAX_DELIVER, MemoryQueue};
    use ligase_domain::Digest;
    use ligase_proto::v1;

    fn task() -> v1::Task {
        let key = Digest::of(b"t").as_bytes().to_vec();
        v1::Task {
            kind: "probe".to_owned(),
            key,
            sweep: vec![0; 32],
            lane: "sweep".to_owned(),
            publication: 1,
            organisation: "acme".to_owned(),
            zone: String::new(),
            work: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_panics_is_tried_again_and_ends_as_a_dead_letter() {
        let queue = Arc::new(MemoryQueue::new());
        queue.publish(task()).await.unwrap();
        let (shutdown, tries) = (Shutdown::new(), Arc::new(AtomicU64::new(0)));
        let (stop, count) = (shutdown.clone(), Arc::clone(&tries));
        let pulling = pull(Arc::clone(&queue) as _, TaskKind::Probe, "w", 2, &shutdown, move |_, _| {
            let count = Arc::clone(&count);
            async move {
                assert!(count.fetch_add(1, Ordering::Relaxed) > 1_000, "this attempt panics on purpose");
                Settle::Ack
            }
        });
        let watching = async {
            while queue.dead_letters(0).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            stop.request();
        };
        tokio::join!(pulling, watching);
        assert_eq!(tries.load(Ordering::Relaxed), u64::from(MAX_DELIVER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_renewed_only_while_the_heart_beats() {
        let queue = Arc::new(MemoryQueue::new());
        queue.publish(task()).await.unwrap();
        let (shutdown, attempts) = (Shutdown::new(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&attempts);
        let stop = shutdown.clone();
        pull(Arc::clone(&queue) as _, TaskKind::Probe, "w", 2, &shutdown, move |delivery, heart| {
            let (count, stop) = (Arc::clone(&count), stop.clone());
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                if delivery.attempt == 1 {
                    // Beats for ten leases, then hangs: the second delivery comes only after that.
                    for _ in 0..100 {
                        heart.beat();
                        tokio::time::sleep(ACK_WAIT / 10).await;
                    }
                    tokio::time::sleep(ACK_WAIT * 10).await;
                } else {
                    stop.request();
                }
                Settle::Ack
            }
        })
        .await;
        assert_eq!(attempts.load(Ordering::Relaxed), 2);
    }
}
