//! The in-process queue of the embedded mode: the same promises as JetStream, with nothing that outlives the process.
//! Time is tokio's, so that a test can pause it.

use crate::port::{
    ACK_WAIT, Backlog, DeadLetter, Delivery, DeliveryId, MAX_DELIVER, Published, QueueError, Settle, TaskQueue,
    task_key,
};
use async_trait::async_trait;
use ligase_domain::{TaskKey, TaskKind};
use ligase_proto::v1;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Order within a kind: urgency, then order of publication.
type Place = (TaskKind, u8, u64);

struct Waiting {
    task: v1::Task,
    key: TaskKey,
    attempts: u32,
    not_before: Instant,
    published: Instant,
}

struct Leased {
    place: Place,
    waiting: Waiting,
    until: Instant,
}

#[derive(Default)]
struct Belt {
    waiting: BTreeMap<Place, Waiting>,
    leased: HashMap<DeliveryId, Leased>,
    outstanding: HashMap<TaskKey, ()>,
    dead: Vec<DeadLetter>,
    counter: u64,
    closed: bool,
}

impl Belt {
    /// Puts lapsed leases back, or aside after their last delivery.
    fn lapse(&mut self, now: Instant) {
        let lapsed: Vec<DeliveryId> = self.leased.iter().filter(|(_, l)| l.until <= now).map(|(id, _)| *id).collect();
        for id in lapsed {
            if let Some(leased) = self.leased.remove(&id) {
                self.again(leased.place, leased.waiting, now, "the lease lapsed at the last delivery");
            }
        }
    }

    fn again(&mut self, place: Place, waiting: Waiting, not_before: Instant, reason: &str) {
        if waiting.attempts >= MAX_DELIVER {
            self.set_aside(waiting, reason);
        } else {
            self.waiting.insert(place, Waiting { not_before, ..waiting });
        }
    }

    fn set_aside(&mut self, waiting: Waiting, reason: &str) {
        self.outstanding.remove(&waiting.key);
        let Waiting { task, key, attempts, .. } = waiting;
        let sequence = self.dead.last().map_or(1, |d| d.sequence + 1);
        self.dead.push(DeadLetter { sequence, at_ms: 0, key, task, attempts, reason: reason.to_owned() });
    }

    fn take(&mut self, kind: TaskKind, holder: &str, slots: usize, now: Instant) -> Vec<Delivery> {
        let ready: Vec<Place> = self
            .waiting
            .range((kind, 0, 0)..=(kind, u8::MAX, u64::MAX))
            .filter(|(_, w)| w.not_before <= now && made_by(&w.task) != Some(holder))
            .map(|(place, _)| *place)
            .take(slots)
            .collect();
        let mut out = Vec::with_capacity(ready.len());
        for place in ready {
            let Some(mut waiting) = self.waiting.remove(&place) else { continue };
            waiting.attempts += 1;
            self.counter += 1;
            let id = DeliveryId(self.counter);
            out.push(Delivery {
                id,
                key: waiting.key,
                attempt: waiting.attempts,
                task: waiting.task.clone(),
                trace: None,
                waited: now.saturating_duration_since(waiting.published),
            });
            self.leased.insert(id, Leased { place, waiting, until: now + ACK_WAIT });
        }
        out
    }

    /// When something may next become ready for anybody.
    fn next_change(&self) -> Option<Instant> {
        let lapses = self.leased.values().map(|l| l.until);
        self.waiting.values().map(|w| w.not_before).chain(lapses).min()
    }
}

fn made_by(task: &v1::Task) -> Option<&str> {
    match &task.work {
        Some(v1::task::Work::Verification(v)) => Some(&v.made_by),
        _ => None,
    }
}

/// A task queue in this process.
#[derive(Default)]
pub struct MemoryQueue {
    belt: Mutex<Belt>,
    changed: Notify,
}

impl MemoryQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// No code panics while it holds the lock, and a poisoned belt would still be whole: every change is one step.
    fn belt(&self) -> MutexGuard<'_, Belt> {
        self.belt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TaskQueue for MemoryQueue {
    async fn publish(&self, task: v1::Task) -> Result<Published, QueueError> {
        let key = task_key(&task)?;
        let urgency = match task.lane.as_str() {
            "hot" => 0,
            "cascade" => 1,
            _ => 2,
        };
        let mut belt = self.belt();
        if belt.closed {
            return Err(QueueError::Closed);
        }
        if belt.outstanding.insert(key, ()).is_some() {
            return Ok(Published::Outstanding);
        }
        belt.counter += 1;
        let place = (key.kind, urgency, belt.counter);
        let now = Instant::now();
        belt.waiting.insert(place, Waiting { task, key, attempts: 0, not_before: now, published: now });
        drop(belt);
        self.changed.notify_waiters();
        Ok(Published::Stored)
    }

    async fn lease(&self, kind: TaskKind, holder: &str, slots: usize) -> Result<Vec<Delivery>, QueueError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the belt is read, so that a publication between the two is not missed.
            changed.as_mut().enable();
            let wake = {
                let (mut belt, now) = (self.belt(), Instant::now());
                if belt.closed {
                    return Err(QueueError::Closed);
                }
                belt.lapse(now);
                let taken = belt.take(kind, holder, slots.max(1), now);
                if !taken.is_empty() {
                    return Ok(taken);
                }
                belt.next_change().filter(|at| *at > now).unwrap_or(now + ACK_WAIT)
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    async fn renew(&self, delivery: DeliveryId) -> Result<(), QueueError> {
        let (mut belt, now) = (self.belt(), Instant::now());
        belt.lapse(now);
        let leased = belt.leased.get_mut(&delivery).ok_or(QueueError::LeaseLost(delivery))?;
        leased.until = now + ACK_WAIT;
        Ok(())
    }

    async fn settle(&self, delivery: DeliveryId, how: Settle) -> Result<(), QueueError> {
        {
            let (mut belt, now) = (self.belt(), Instant::now());
            let Some(Leased { place, waiting, until }) = belt.leased.remove(&delivery) else {
                // A late settlement of a lease that lapsed changes nothing: the store decides what is complete.
                return Ok(());
            };
            match how {
                Settle::Ack => {
                    belt.outstanding.remove(&waiting.key);
                }
                Settle::Nak(_) if until <= now => {
                    belt.again(place, waiting, now, "the lease lapsed at the last delivery")
                }
                Settle::Nak(delay) => belt.again(place, waiting, now + delay, "given back at the last delivery"),
                Settle::Term(reason) => belt.set_aside(waiting, &reason),
            }
        }
        self.changed.notify_waiters();
        Ok(())
    }

    async fn dead_letters(&self, after: u64) -> Result<Vec<DeadLetter>, QueueError> {
        let mut belt = self.belt();
        belt.lapse(Instant::now());
        Ok(belt.dead.iter().filter(|d| d.sequence > after).cloned().collect())
    }

    async fn replay(&self, sequence: u64) -> Result<Published, QueueError> {
        let letter = self.belt().dead.iter().find(|d| d.sequence == sequence).cloned();
        let mut task = letter.ok_or(QueueError::NoLetter(sequence))?.task;
        task.publication += 1;
        self.publish(task).await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, QueueError> {
        let (belt, now) = (self.belt(), Instant::now());
        let mut lanes: BTreeMap<(TaskKind, u8), Backlog> = BTreeMap::new();
        let leased = belt.leased.values().map(|l| (&l.place, &l.waiting, true));
        for (place, task, held) in belt.waiting.iter().map(|(p, w)| (p, w, false)).chain(leased) {
            let lane = lanes.entry((place.0, place.1)).or_insert_with(|| Backlog {
                kind: place.0,
                lane: task.task.lane.clone(),
                waiting: 0,
                leased: 0,
                oldest: std::time::Duration::ZERO,
            });
            *(if held { &mut lane.leased } else { &mut lane.waiting }) += 1;
            lane.oldest = lane.oldest.max(now.saturating_duration_since(task.published));
        }
        Ok(lanes.into_values().collect())
    }

    async fn close(&self) {
        self.belt().closed = true;
        self.changed.notify_waiters();
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_memory_queue_conforms() {
        crate::conformance::all(ACK_WAIT, || Box::pin(async { Box::new(MemoryQueue::new()) as Box<dyn TaskQueue> }))
            .await;
    }
}
