//! Publishing: one message for one task, under an id that a retry repeats and a new publication does not.
//!
//! At most one task of a key is outstanding in a lane: the stream itself sees to it. For a key in *another* lane the
//! publisher asks the stream first, unless it knows that it published the key into this very lane the last time. There is
//! one publisher, the leading coordinator. Not covered: two publishers that put one key into two lanes at the same moment,
//! or a publisher that led, did not, and leads again, about a key that moved meanwhile. Then the task is done twice, and
//! the second attempt finds its record and ends.

use super::JetStreamQueue;
use super::connect::Refusal;
use super::topology::{Place, Seat, TASK_BYTES_MAX, stream_of};
use crate::port::{Published, QueueError, task_key};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use ligase_domain::{FieldHasher, Lane, TaskKey};
use ligase_proto::{convert, v1};
use prost::Message as _;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Publications of one `publish_all` that are on their way at once.
const IN_FLIGHT: usize = 256;
/// How long a publication is tried again while the stream has no leader.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// Keys whose lane is remembered.
const REMEMBERED: usize = 200_000;
/// Longest trace context that is passed on.
pub(crate) const TRACE_MAX: usize = 128;
pub(crate) const TRACE: &str = "traceparent";

/// In which lane this publisher put each key the last time.
#[derive(Default)]
pub(crate) struct Lanes(HashMap<TaskKey, Lane>);

impl Lanes {
    fn put(&mut self, key: TaskKey, lane: Lane) {
        if self.0.len() >= REMEMBERED {
            // What is not known is asked for, so forgetting costs a request and nothing else.
            self.0.clear();
        }
        self.0.insert(key, lane);
    }
}

enum Stored {
    New,
    Outstanding,
    /// The server has seen this id: the message that had it has this sequence, or had it.
    Seen(u64),
}

/// The id of a publication. `again` is 0, or the sequence of the message that had the same id and is gone.
fn message_id(task: &v1::Task, key: TaskKey, again: u64) -> String {
    let id = FieldHasher::new("ligase.queue.message.v1")
        .field(key.kind.name())
        .field(key.digest.as_bytes())
        .field(&task.sweep)
        .field(&task.lane)
        .number(task.publication)
        .number(again)
        .finish();
    id.to_string()[..32].to_owned()
}

/// A text that may stand in a header: one line, of bounded length.
pub(crate) fn header_text(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect()
}

impl JetStreamQueue {
    /// Publishes one task, without waking anybody; says which consumer has it now.
    async fn put(&self, task: &v1::Task) -> Result<(Published, Seat), QueueError> {
        let key = task_key(task)?;
        let lane = convert::lane("lane", &task.lane)?;
        let payload = Bytes::from(task.encode_to_vec());
        if payload.len() > TASK_BYTES_MAX {
            let problem = format!("{} bytes, at most {TASK_BYTES_MAX}", payload.len());
            return Err(QueueError::Malformed(convert::WireError { field: "task", problem }));
        }
        let place = self.topology.place(task, key, lane)?;
        let known = self.lanes().0.get(&key) == Some(&lane);
        if !known && self.is_on_the_belt(&place).await? {
            return Ok((Published::Outstanding, place.seat));
        }
        let mut again = 0;
        let published = loop {
            match self.store(&place, &message_id(task, key, again), payload.clone()).await? {
                Stored::New => break Published::Stored,
                Stored::Outstanding => break Published::Outstanding,
                // This very publication was told before, perhaps by a try of ours whose answer was lost. It is on the belt, or
                // it is settled since and this one was swallowed.
                Stored::Seen(_) if self.is_on_the_belt(&place).await? => break Published::Outstanding,
                Stored::Seen(sequence) => again = sequence,
            }
        };
        self.lanes().put(key, lane);
        if published == Published::Stored {
            ligase_runtime::reached("published");
        }
        Ok((published, place.seat))
    }

    /// Whether a task of this key is outstanding in any lane.
    async fn is_on_the_belt(&self, place: &Place) -> Result<bool, QueueError> {
        let what = format!("STREAM.MSG.GET.{}", stream_of(place.seat.kind));
        let which = json!({ "last_by_subj": place.any_lane });
        let asked = self.patiently(|| self.link.api(&what, &which)).await;
        match asked {
            Ok(_) => Ok(true),
            // 10037: no message found.
            Err(Refusal::Server(10037, _)) => Ok(false),
            Err(refusal) => Err(refusal.into_error("asking whether a task is outstanding")),
        }
    }

    async fn store(&self, place: &Place, id: &str, payload: Bytes) -> Result<Stored, QueueError> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        if let Some(trace) = self.trace.as_ref().and_then(|hook| hook()) {
            headers.insert(TRACE, header_text(&trace, TRACE_MAX));
        }
        let send = || self.link.ask(place.subject.clone(), Some(headers.clone()), payload.clone());
        match self.patiently(send).await {
            Ok(ack) if ack.get("duplicate") == Some(&Value::Bool(true)) => {
                Ok(Stored::Seen(ack.get("seq").and_then(Value::as_u64).unwrap_or_default()))
            }
            Ok(_) => Ok(Stored::New),
            Err(Refusal::Server(10077, text)) if text.contains("per subject") => Ok(Stored::Outstanding),
            Err(refusal) => Err(refusal.into_error("publishing a task")),
        }
    }

    /// Asks again while the stream has no leader. Only for what may be done twice.
    pub(crate) async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let until = Instant::now() + PATIENCE;
        loop {
            match ask().await {
                Err(refusal) if refusal.is_passing() && Instant::now() + PAUSE < until && !self.is_closed() => {
                    tokio::time::sleep(PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    /// Tells those who wait that a consumer may hold something. That it is heard is not needed: they also look by
    /// themselves from time to time.
    pub(crate) async fn wake(&self, seat: &Seat) {
        if let Err(error) = self.link.client.publish(seat.wake(), Bytes::new()).await {
            tracing::debug!(%error, "nobody was told of a task");
        }
    }

    pub(super) async fn publish_one(&self, task: &v1::Task) -> Result<Published, QueueError> {
        let (published, seat) = self.put(task).await?;
        if published == Published::Stored {
            self.wake(&seat).await;
        }
        Ok(published)
    }

    pub(super) async fn publish_many(&self, tasks: Vec<v1::Task>) -> Vec<Result<Published, QueueError>> {
        let mut told: Vec<Seat> = Vec::new();
        let mut out = Vec::with_capacity(tasks.len());
        let mut putting = stream::iter(tasks).map(|task| async move { self.put(&task).await }).buffered(IN_FLIGHT);
        while let Some(put) = putting.next().await {
            out.push(match put {
                Ok((Published::Stored, seat)) => {
                    if !told.contains(&seat) {
                        self.wake(&seat).await;
                        told.push(seat);
                    }
                    Ok(Published::Stored)
                }
                other => other.map(|(published, _)| published),
            });
        }
        drop(putting);
        // Once more at the end: who was told at the first task may have taken that one alone.
        for seat in &told {
            self.wake(seat).await;
        }
        out
    }
}
