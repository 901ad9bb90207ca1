//! The bounded pull loop that worker and agent-runner share: pull only as many as there are free slots, renew while a
//! progress counter moves, end what moves no more, settle as the attempt says. What an attempt does is none of its business.
//!
//! A thread cannot be killed. What does not hear that its attempt is over is left behind and counted; where there are too many
//! of them, nothing more is taken, and the process has to end for another to begin afresh.

use crate::port::{Delivery, QueueError, Settle, TaskQueue};
use ligase_domain::TaskKind;
use ligase_runtime::{Shutdown, count, gauge};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Renewals per lease: two may be lost before the lease lapses.
const RENEWALS_PER_LEASE: u32 = 3;
/// How long an attempt that is to be tried again waits, for each attempt before it.
const BACKOFF: Duration = Duration::from_secs(2);

/// How long an attempt that is ended may take to say so, before it is dropped where it stands.
const GRACE: Duration = Duration::from_secs(5);

/// How long an attempt may make no progress, where nothing else is said: five leases of the usual length.
pub const STUCK: Duration = Duration::from_secs(300);

/// Attempts that are left behind in a process at most: each holds a thread, and whatever it looked at.
pub const LEFT_BEHIND_MAX: usize = 4;

/// Attempts that were told to end and did not hear it, by what their threads still hold.
static LEFT_BEHIND: Mutex<Vec<Weak<AtomicBool>>> = Mutex::new(Vec::new());

/// How many attempts of this process still run although they were ended.
pub fn left_behind() -> usize {
    let mut left = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain(|one| one.strong_count() > 0);
    left.len()
}

/// A counter that an attempt moves while it gets somewhere; a lease is only renewed while it moves. And the word, the other
/// way, that the attempt is over: what it started has to be ended then.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    beats: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Heartbeat {
    /// Something was done.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the attempt was ended because nothing moved any more.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn count(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
    }
}

/// The delay before attempt `n + 1`: it grows with each.
pub fn backoff(attempt: u32) -> Duration {
    BACKOFF * attempt
}

/// Leases tasks of one kind until shutdown, and gives each to `attempt` with its heartbeat. At most `slots` run at once.
/// One whose heart does not beat for the time of `stuck` is ended and given back, and its slot is free. On shutdown it stops
/// pulling and waits for the attempts that it holds; it stops by itself where [`LEFT_BEHIND_MAX`] attempts are left behind.
pub async fn pull<F, W>(
    queue: Arc<dyn TaskQueue>,
    kind: TaskKind,
    holder: &str,
    slots: usize,
    stuck: Duration,
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
        if too_many(left_behind()) {
            break;
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
                hold(queue.as_ref(), &delivery, &heartbeat, stuck, work).await;
                leave(heartbeat);
                drop(permit);
            });
        }
    }
    while held.join_next().await.is_some() {}
}

/// Whether so many attempts are left behind that nothing more may be taken.
fn too_many(left: usize) -> bool {
    gauge("ligase_attempts_left_behind", &[], left as f64);
    if left >= LEFT_BEHIND_MAX {
        tracing::error!(code = "E-MEMBER-STUCK", left, "attempts that do not end are left behind; takes nothing more");
    }
    left >= LEFT_BEHIND_MAX
}

/// Remembers an attempt that was ended while a thread still holds its heart.
fn leave(heartbeat: Heartbeat) {
    let thread = Arc::downgrade(&heartbeat.over);
    let was_ended = heartbeat.is_over();
    drop(heartbeat);
    if was_ended && thread.strong_count() > 0 {
        LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }
}

/// Runs one attempt under its lease and settles it. An attempt that panics, or that is stuck, is given back.
async fn hold(
    queue: &dyn TaskQueue,
    delivery: &Delivery,
    heartbeat: &Heartbeat,
    stuck: Duration,
    work: impl Future<Output = Settle> + Send + 'static,
) {
    let mut running = tokio::spawn(work);
    let (mut seen, mut tick) = (heartbeat.count(), tokio::time::interval(queue.ack_wait() / RENEWALS_PER_LEASE));
    tick.tick().await;
    let mut moved = (seen, Instant::now());
    let how = loop {
        tokio::select! {
            ended = &mut running => break ended.unwrap_or_else(|error| {
                tracing::error!(%error, task = %delivery.key, attempt = delivery.attempt, "attempt panicked");
                Settle::Nak(backoff(delivery.attempt))
            }),
            () = tokio::time::sleep_until(moved.1 + stuck) => {
                let now = heartbeat.count();
                if now == moved.0 {
                    break end(delivery, heartbeat, stuck, &mut running).await;
                }
                moved = (now, Instant::now());
            }
            _ = tick.tick() => {
                let now = heartbeat.count();
                if now != moved.0 {
                    moved = (now, Instant::now());
                }
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

/// Ends an attempt that makes no progress: it is told, so that it kills what it started and says why; what does not hear it
/// is dropped, and its thread left to itself and counted.
async fn end(delivery: &Delivery, heartbeat: &Heartbeat, stuck: Duration, running: &mut JoinHandle<Settle>) -> Settle {
    heartbeat.end();
    let (kind, seconds) = (delivery.key.kind.name(), stuck.as_secs());
    tracing::warn!(task = %delivery.key, attempt = delivery.attempt, seconds, "no progress; the attempt is ended");
    count("ligase_attempts_stuck_total", &[("kind", kind)], 1);
    match tokio::time::timeout(GRACE, &mut *running).await {
        Ok(Ok(how)) => how,
        Ok(Err(_)) | Err(_) => {
            running.abort();
            // What only waited is gone then; what a thread of its own does is not.
            let _ = tokio::time::timeout(GRACE, &mut *running).await;
            Settle::Nak(backoff(delivery.attempt))
        }
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
        let pulling = pull(Arc::clone(&queue) as _, TaskKind::Probe, "w", 2, STUCK, &shutdown, move |_, _| {
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
        let patient = ACK_WAIT * 100;
        pull(Arc::clone(&queue) as _, TaskKind::Probe, "w", 2, patient, &shutdown, move |delivery, heart| {
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

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_is_stuck_is_ended_and_its_only_slot_is_free_for_others() {
        let queue = Arc::new(MemoryQueue::new());
        queue.publish(task()).await.unwrap();
        queue.publish(v1::Task { key: Digest::of(b"u").as_bytes().to_vec(), ..task() }).await.unwrap();
        let (shutdown, began) = (Shutdown::new(), Instant::now());
        let (told, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (hears, ends, stop) = (Arc::clone(&told), Arc::clone(&done), shutdown.clone());
        pull(Arc::clone(&queue) as _, TaskKind::Probe, "w", 1, STUCK, &shutdown, move |delivery, heart| {
            let (hears, ends, stop) = (Arc::clone(&hears), Arc::clone(&ends), stop.clone());
            async move {
                let first = delivery.key.digest == Digest::of(b"t");
                match (first, delivery.attempt) {
                    // Hears that it is over.
                    (true, 1) => {
                        heart.beat();
                        while !heart.is_over() {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                        hears.fetch_add(1, Ordering::Relaxed);
                        return Settle::Nak(Duration::from_secs(1));
                    }
                    // Hears nothing.
                    (true, 2) => std::future::pending::<()>().await,
                    _ => {}
                }
                if ends.fetch_add(1, Ordering::Relaxed) == 1 {
                    stop.request();
                }
                Settle::Ack
            }
        })
        .await;
        assert_eq!((told.load(Ordering::Relaxed), done.load(Ordering::Relaxed)), (1, 2));
        assert!(began.elapsed() < STUCK * 3, "{:?}", began.elapsed());
        assert!(queue.dead_letters(0).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn whoever_leaves_too_many_threads_behind_takes_nothing_more() {
        let queue = Arc::new(MemoryQueue::new());
        for n in 0..LEFT_BEHIND_MAX * 2 {
            queue
                .publish(v1::Task { key: Digest::of(n.to_string().as_bytes()).as_bytes().to_vec(), ..task() })
                .await
                .unwrap();
        }
        let (release, hangs) = std::sync::mpsc::channel::<()>();
        let hangs = Arc::new(Mutex::new(hangs));
        let (shutdown, begun) = (Shutdown::new(), Arc::new(AtomicU64::new(0)));
        let (count, soon) = (Arc::clone(&begun), Duration::from_millis(1));
        let pulling =
            pull(Arc::clone(&queue) as _, TaskKind::Probe, "w", LEFT_BEHIND_MAX, soon, &shutdown, move |_, heart| {
                let (hangs, count) = (Arc::clone(&hangs), Arc::clone(&count));
                async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    let thread = tokio::task::spawn_blocking(move || {
                        // Hears nothing, whatever it is told.
                        let _ = hangs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        drop(heart);
                    });
                    let _ = thread.await;
                    Settle::Ack
                }
            });
        // It ends by itself: nobody asks it to.
        tokio::time::timeout(GRACE * 6, pulling).await.expect("it stops by itself");
        assert_eq!((left_behind(), begun.load(Ordering::Relaxed)), (LEFT_BEHIND_MAX, LEFT_BEHIND_MAX as u64));
        drop(release);
        while left_behind() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
