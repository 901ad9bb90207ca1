//! Leasing: pulls that do not wait at the server, each for no more than is wanted now, in the order of `rota.rs`; then a
//! wait for a wake-up, for the time at which an empty consumer is to be asked again, or for another connection.
//!
//! A pull that nobody waits for any more (its caller was cancelled) gives back what it brought, so that no task is held by
//! nobody until its lease lapses.

use super::connect::Refusal;
use super::publish::{TRACE, TRACE_MAX};
use super::rota::Rota;
use super::topology::{KINDS, LANES, Seat, stream_of, wakes};
use super::{Held, JetStreamQueue};
use crate::port::{Delivery, DeliveryId, MAX_DELIVER, QueueError, task_key};
use async_nats::connection::State;
use async_nats::jetstream::Message as Received;
use async_nats::{Message, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt as _;
use ligase_domain::TaskKind;
use ligase_proto::v1;
use ligase_runtime::SystemClock;
use prost::Message as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OnceCell, oneshot};
use tokio::time::Instant;

/// An idle process asks no more consumers a second than this.
const IDLE_REQUESTS: f64 = 3.0;
/// A pull that does not wait is answered at once, or its consumer hangs.
const ANSWER: Duration = Duration::from_secs(2);
/// The first wait of a verification that its maker asked for; it doubles with each.
const REFUSED: Duration = Duration::from_secs(1);

/// One kind's consumers as this process sees them.
pub(super) struct Turns {
    rota: Mutex<(Rota, u64)>,
    told: Notify,
    listening: OnceCell<()>,
}

impl Turns {
    pub(super) fn new(seats: Vec<Seat>, ack_wait: Duration) -> Self {
        let all = Duration::from_secs_f64(seats.len() as f64 / IDLE_REQUESTS);
        let again = all.max(Duration::from_secs(1)).min(ack_wait.max(Duration::from_millis(200)));
        Self { rota: Mutex::new((Rota::new(seats, again), 0)), told: Notify::new(), listening: OnceCell::new() }
    }

    fn rota(&self) -> MutexGuard<'_, (Rota, u64)> {
        self.rota.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a pull brought. Dropped without being taken, it is given back.
struct Brought {
    queue: JetStreamQueue,
    deliveries: Vec<Delivery>,
}

impl Drop for Brought {
    fn drop(&mut self) {
        let (queue, unwanted) = (self.queue.clone(), std::mem::take(&mut self.deliveries));
        if unwanted.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for delivery in unwanted {
                    queue.give_back(delivery.id).await;
                }
            });
        }
    }
}

impl JetStreamQueue {
    fn turns(&self, kind: TaskKind) -> &Turns {
        &self.turns[KINDS.iter().position(|k| *k == kind).unwrap_or_default()]
    }

    pub(super) async fn lease_some(
        &self,
        kind: TaskKind,
        holder: &str,
        slots: usize,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.listen(kind).await?;
        self.prune();
        let turns = self.turns(kind);
        loop {
            let (told, connected) = (turns.told.notified(), self.link.sessions.changed.notified());
            tokio::pin!(told, connected);
            // Registered before consumers are asked, so that what is told meanwhile is not missed.
            told.as_mut().enable();
            connected.as_mut().enable();
            if self.is_closed() {
                return Err(QueueError::Closed);
            }
            if self.link.client.connection_state() != State::Connected {
                tokio::select! {
                    () = connected => continue,
                    () = self.closed.notified() => continue,
                    () = tokio::time::sleep(self.link.deadline) => {}
                }
                return Err(self.link.sessions.absent().into_error("leasing"));
            }
            let brought = self.pull(kind, holder, slots.max(1)).await?;
            if !brought.is_empty() {
                return Ok(brought);
            }
            let due = turns.rota().0.due(Instant::now());
            tokio::select! {
                () = told => {}
                () = connected => {}
                () = self.closed.notified() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    /// One turn, in a task of its own, so that cancelling the caller does not cut it in the middle.
    async fn pull(&self, kind: TaskKind, holder: &str, slots: usize) -> Result<Vec<Delivery>, QueueError> {
        let (queue, holder) = (self.clone(), holder.to_owned());
        let (give, take) = oneshot::channel();
        tokio::spawn(async move {
            let mut brought = Brought { queue: queue.clone(), deliveries: Vec::new() };
            let turned = queue.turn(kind, &holder, slots, &mut brought.deliveries).await;
            // Nobody there: dropping it gives everything back.
            let _ = give.send(turned.map(|()| brought));
        });
        match take.await {
            Ok(Ok(mut brought)) => Ok(std::mem::take(&mut brought.deliveries)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(QueueError::Unreachable("a pull ended before its answer".to_owned())),
        }
    }

    /// Asks the consumers that may hold something, lane by lane. An error only counts where nothing was brought.
    async fn turn(
        &self,
        kind: TaskKind,
        holder: &str,
        slots: usize,
        out: &mut Vec<Delivery>,
    ) -> Result<(), QueueError> {
        let turns = self.turns(kind);
        let lanes = {
            let (mut guard, session) = (turns.rota(), self.link.sessions.count());
            if guard.1 != session {
                guard.0.forget();
                guard.1 = session;
            }
            guard.0.lanes()
        };
        let mut failed = None;
        for lane in lanes.into_iter().take(LANES.len()) {
            loop {
                let seats = turns.rota().0.of_lane(lane, Instant::now());
                let before = out.len();
                for (nth, at) in seats.iter().enumerate() {
                    let wanted = slots - out.len();
                    if wanted == 0 || self.is_closed() {
                        return Ok(());
                    }
                    let share = wanted.div_ceil(seats.len() - nth);
                    match self.ask_seat(turns, *at, holder, share, out).await {
                        Ok(()) => {}
                        // This consumer has no leader now; the others may have theirs.
                        Err(refusal @ Refusal::Nobody) => failed = Some(refusal),
                        // Each of the others may take as long to say nothing; the next turn begins with the next of them.
                        Err(refusal) => {
                            turns.rota().0.silent(*at, Instant::now());
                            return ended(Some(refusal), out);
                        }
                    }
                }
                if out.len() == before {
                    break;
                }
            }
        }
        ended(failed, out)
    }

    async fn ask_seat(
        &self,
        turns: &Turns,
        at: usize,
        holder: &str,
        wanted: usize,
        out: &mut Vec<Delivery>,
    ) -> Result<(), Refusal> {
        let seat = {
            let mut guard = turns.rota();
            guard.0.asked(at);
            guard.0.seat(at).clone()
        };
        // Whoever is told while this pull is under way asks again.
        turns.rota().0.empty(at, Instant::now());
        let began = Instant::now();
        let got = self.fetch(stream_of(seat.kind), &seat.consumer(), wanted).await?;
        if got.len() >= wanted {
            turns.rota().0.woken(at);
        }
        for message in got {
            out.extend(self.receive(message, &seat, holder, began).await);
        }
        Ok(())
    }

    /// Up to `wanted` messages that a consumer has now.
    pub(super) async fn fetch(&self, stream: &str, consumer: &str, wanted: usize) -> Result<Vec<Message>, Refusal> {
        let other = |error: &dyn std::fmt::Display| Refusal::Other(error.to_string());
        let (client, inbox) = (&self.link.client, self.link.client.new_inbox());
        // What was asked over a connection that is gone is not answered over the next one.
        let gone = self.link.sessions.changed.notified();
        let pulled = async {
            let mut answers = client.subscribe(inbox.clone()).await.map_err(|e| other(&e))?;
            let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
            let request = Bytes::from(format!("{{\"batch\":{wanted},\"no_wait\":true}}"));
            client.publish_with_reply(subject, inbox.clone(), request).await.map_err(|e| other(&e))?;
            let mut got = Vec::new();
            let refusal = tokio::select! {
                said = answers_of(&mut answers, wanted, self.link.deadline.min(ANSWER), &mut got) => said,
                () = gone => Some(Refusal::Other("the connection went away".to_owned())),
            };
            match refusal {
                Some(refusal) if got.is_empty() => Err(refusal),
                _ => Ok(got),
            }
        };
        tokio::time::timeout(self.link.deadline * 2, pulled).await.unwrap_or(Err(Refusal::Late))
    }

    /// Makes a delivery of a message, or settles what cannot be one.
    async fn receive(&self, message: Message, seat: &Seat, holder: &str, began: Instant) -> Option<Delivery> {
        let received = Received { message, context: self.context.clone() };
        let (attempt, published_ns) = match received.info() {
            Ok(info) => (u32::try_from(info.delivered).unwrap_or(u32::MAX), info.published.unix_timestamp_nanos()),
            Err(error) => {
                tracing::warn!(%error, "a message without delivery");
                return None;
            }
        };
        let message = received.message;
        let reply = message.reply?.to_string();
        let named = message.subject.rsplit('.').next().unwrap_or_default();
        let task = v1::Task::decode(message.payload.as_ref()).ok();
        let Some((task, key)) = task
            .and_then(|t| task_key(&t).ok().map(|key| (t, key)))
            .filter(|(_, key)| key.kind == seat.kind && key.digest.to_string() == named)
        else {
            tracing::warn!(subject = %message.subject, "a message on the belt that is not a task was taken off");
            let _ = self.answer(&reply, "+TERM not a task".to_owned()).await;
            return None;
        };
        let published_ms = i64::try_from(published_ns / 1_000_000).unwrap_or_default();
        let waited = u64::try_from(SystemClock.now_ms().saturating_sub(published_ms)).unwrap_or_default();
        let trace = message.headers.as_ref().and_then(|h| h.get(TRACE)).map(|t| t.as_str().to_owned());
        let id = DeliveryId(self.next_id());
        let refused = matches!(&task.work, Some(v1::task::Work::Verification(v)) if v.made_by == holder);
        let held = Held {
            reply,
            seat: seat.clone(),
            key,
            task: task.clone(),
            attempt,
            published_ns,
            until: began + self.topology.ack_wait,
        };
        self.held().insert(id, held);
        if refused {
            let delay = REFUSED * 2_u32.saturating_pow(attempt.min(MAX_DELIVER) - 1);
            self.refuse(id, delay).await;
            return None;
        }
        Some(Delivery {
            id,
            key,
            attempt,
            task,
            trace: trace.filter(|t| t.len() <= TRACE_MAX),
            waited: Duration::from_millis(waited),
        })
    }

    /// Listens for wake-ups of a kind, once for each process.
    async fn listen(&self, kind: TaskKind) -> Result<(), QueueError> {
        let begin = || async {
            let heard = self.link.client.subscribe(wakes(kind)).await;
            let mut heard = heard.map_err(|e| QueueError::Unreachable(format!("listening for tasks: {e}")))?;
            let queue = self.clone();
            tokio::spawn(async move {
                loop {
                    let wake = tokio::select! {
                        wake = heard.next() => wake,
                        () = queue.closed.notified() => None,
                    };
                    let Some(wake) = wake.filter(|_| !queue.is_closed()) else { break };
                    let turns = queue.turns(kind);
                    let at = turns.rota().0.find(&wake.subject);
                    if let Some(at) = at {
                        turns.rota().0.woken(at);
                        turns.told.notify_waiters();
                    }
                }
            });
            Ok(())
        };
        self.turns(kind).listening.get_or_try_init(begin).await.map(drop)
    }
}

/// An error only counts where nothing was brought.
fn ended(failed: Option<Refusal>, out: &[Delivery]) -> Result<(), QueueError> {
    match failed {
        Some(refusal) if out.is_empty() => Err(refusal.into_error("leasing")),
        _ => Ok(()),
    }
}

/// The messages that answer a pull, until the server says that there are no more, or all that were asked for are there.
async fn answers_of(
    answers: &mut async_nats::Subscriber,
    wanted: usize,
    deadline: Duration,
    got: &mut Vec<Message>,
) -> Option<Refusal> {
    while got.len() < wanted {
        let Ok(Some(answer)) = tokio::time::timeout(deadline, answers.next()).await else {
            return Some(Refusal::Late);
        };
        match answer.status {
            None | Some(StatusCode::OK) => got.push(answer),
            // 404 no messages, 408 expired: it has no more now.
            Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => break,
            Some(StatusCode::NO_RESPONDERS) => return Some(Refusal::Nobody),
            Some(StatusCode::IDLE_HEARTBEAT) => {}
            Some(other) => {
                let text = answer.description.unwrap_or_default();
                return Some(Refusal::Server(u64::from(other.as_u16()), text));
            }
        }
    }
    None
}
