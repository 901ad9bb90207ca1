//! Dead letters: written before a task leaves the belt, listed, replayed; and the leader's housekeeping.
//!
//! A letter's subject names the publication that died (its key, and when the server stored it), and the stream takes one
//! message for each: writing a letter twice changes nothing.

use super::JetStreamQueue;
use super::connect::Refusal;
use super::publish::header_text;
use super::topology::{ADVISORIES, KINDS, LETTERS, TASK_BYTES_MAX, TENDER, stream_of};
use crate::port::{DeadLetter, MAX_DELIVER, Published, QueueError, task_key};
use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use ligase_domain::{TaskKey, TaskKind};
use ligase_proto::v1;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::time::Instant;

const REASON: &str = "Ligase-Reason";
const ATTEMPTS: &str = "Ligase-Attempts";
/// Longest reason that is kept, in characters.
const REASON_MAX: usize = 1024;
/// Advisories that are read at once.
const READ: usize = 100;

/// A task that is to be set aside.
pub(super) struct Death {
    pub(super) key: TaskKey,
    pub(super) payload: Bytes,
    pub(super) published_ns: i128,
    pub(super) attempts: u32,
    pub(super) reason: String,
}

impl JetStreamQueue {
    /// Writes a dead letter. Returns when it is stored.
    pub(super) async fn bury(&self, death: &Death) -> Result<(), QueueError> {
        let subject = format!("ligase.dead.v1.{}.{}.{}", death.key.kind.name(), death.key.digest, death.published_ns);
        let mut headers = HeaderMap::new();
        headers.insert(REASON, header_text(&death.reason, REASON_MAX));
        headers.insert(ATTEMPTS, death.attempts.to_string());
        let send = || self.link.ask(subject.clone(), Some(headers.clone()), death.payload.clone());
        match self.patiently(send).await {
            Ok(_) => Ok(()),
            Err(Refusal::Server(10077, text)) if text.contains("per subject") => Ok(()),
            Err(refusal) => Err(refusal.into_error("writing a dead letter")),
        }
    }

    pub(super) async fn letters_after(&self, after: u64) -> Result<Vec<DeadLetter>, QueueError> {
        let stream = self.link.stream(LETTERS).await?;
        let (mut out, mut next) = (Vec::new(), after.saturating_add(1));
        while let Some(message) = next_of(&stream, "ligase.dead.v1.>", next).await? {
            next = message.sequence + 1;
            match letter(&message) {
                Some(letter) => out.push(letter),
                None => tracing::warn!(sequence = message.sequence, "a dead letter that does not read"),
            }
        }
        Ok(out)
    }

    pub(super) async fn replay_one(&self, sequence: u64) -> Result<Published, QueueError> {
        let stream = self.link.stream(LETTERS).await?;
        let message = match stream.get_raw_message(sequence).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Err(QueueError::NoLetter(sequence));
            }
            Err(error) => return Err(QueueError::Unreachable(format!("reading dead letter {sequence}: {error}"))),
        };
        let mut task = letter(&message).ok_or(QueueError::NoLetter(sequence))?.task;
        task.publication += 1;
        self.publish_one(&task).await
    }

    /// Sets aside what was delivered for the last time and never settled: what the captured advisories tell of, and from
    /// time to time also what none told of.
    pub(super) async fn tend_all(&self) -> Result<usize, QueueError> {
        let mut buried = 0;
        loop {
            let told = match self.fetch(ADVISORIES, TENDER, READ).await {
                Ok(told) => told,
                Err(refusal) => return Err(refusal.into_error("reading advisories")),
            };
            let more = told.len() == READ;
            for advisory in told {
                let said: Value = serde_json::from_slice(&advisory.payload).unwrap_or_default();
                let kind =
                    KINDS.into_iter().find(|k| said.get("stream").and_then(Value::as_str) == Some(stream_of(*k)));
                let sequence = said.get("stream_seq").and_then(Value::as_u64);
                // A term's advisory needs nothing: its letter was written before it.
                if let (true, Some(kind), Some(sequence)) =
                    (advisory.subject.contains("MAX_DELIVERIES"), kind, sequence)
                {
                    buried += usize::from(self.bury_exhausted(kind, sequence).await?);
                }
                let reply = advisory.reply.map(|r| r.to_string()).unwrap_or_default();
                let acked = self.answer(&reply, "+ACK".to_owned()).await;
                acked.map_err(|refusal| refusal.into_error("settling an advisory"))?;
            }
            if !more {
                break;
            }
        }
        if self.is_time_to_scan() {
            buried += self.scan().await?;
        }
        Ok(buried)
    }

    /// Whether a scan is due: one for each ack wait.
    fn is_time_to_scan(&self) -> bool {
        let (mut scanned, now) = (self.scanned(), Instant::now());
        let due = scanned.is_none_or(|then| then + self.topology.ack_wait <= now);
        if due {
            *scanned = Some(now);
        }
        due
    }

    async fn bury_exhausted(&self, kind: TaskKind, sequence: u64) -> Result<bool, QueueError> {
        let stream = self.link.stream(stream_of(kind)).await?;
        match stream.get_raw_message(sequence).await {
            Ok(message) => self.bury_message(kind, &message).await,
            // Its record came after all, and it was acked.
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(false),
            Err(error) => Err(QueueError::Unreachable(format!("reading an exhausted task: {error}"))),
        }
    }

    /// The letter first, then the message goes and its key is free.
    async fn bury_message(&self, kind: TaskKind, message: &StreamMessage) -> Result<bool, QueueError> {
        if message.payload.len() <= TASK_BYTES_MAX
            && let Some(key) = v1::Task::decode(message.payload.as_ref()).ok().and_then(|task| task_key(&task).ok())
        {
            let death = Death {
                key,
                payload: message.payload.clone(),
                published_ns: message.time.unix_timestamp_nanos(),
                attempts: MAX_DELIVER,
                reason: format!("delivered {MAX_DELIVER} times, and no attempt came to an end"),
            };
            self.bury(&death).await?;
        }
        let what = format!("STREAM.MSG.DELETE.{}", stream_of(kind));
        let which = json!({ "seq": message.sequence });
        match self.patiently(|| self.link.api(&what, &which)).await {
            Ok(_) => Ok(true),
            // 10057: it is gone; 10043: no such sequence.
            Err(Refusal::Server(10057 | 10043 | 10037, _)) => Ok(false),
            Err(refusal) => Err(refusal.into_error("taking an exhausted task off the belt")),
        }
    }

    /// Looks for exhausted tasks that no advisory told of. What a consumer has delivered, holds nobody and is still there
    /// is exhausted: everything up to its ack floor, and where nothing at all is leased everything that it delivered.
    async fn scan(&self) -> Result<usize, QueueError> {
        let mut buried = 0;
        for kind in KINDS {
            let stream = self.link.stream(stream_of(kind)).await?;
            for seat in self.topology.seats(kind) {
                let what = format!("CONSUMER.INFO.{}.{}", stream_of(kind), seat.consumer());
                let asked = self.link.api(&what, &Value::Null).await;
                let info = asked.map_err(|refusal| refusal.into_error("asking about a consumer"))?;
                let number = |path: &str| info.pointer(path).and_then(Value::as_u64).unwrap_or_default();
                let idle = number("/num_ack_pending") == 0;
                let limit = if idle { number("/delivered/stream_seq") } else { number("/ack_floor/stream_seq") };
                let mut next = 1;
                while let Some(message) = next_of(&stream, &seat.filter(), next).await? {
                    if message.sequence > limit {
                        break;
                    }
                    next = message.sequence + 1;
                    buried += usize::from(self.bury_message(kind, &message).await?);
                }
            }
        }
        Ok(buried)
    }
}

/// The first message of a subject from this sequence on.
pub(super) async fn next_of(
    stream: &Stream<()>,
    subject: &str,
    from: u64,
) -> Result<Option<StreamMessage>, QueueError> {
    match stream.get_first_raw_message_by_subject(subject, from).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(QueueError::Unreachable(format!("reading a stream: {error}"))),
    }
}

fn letter(message: &StreamMessage) -> Option<DeadLetter> {
    let task = v1::Task::decode(message.payload.as_ref()).ok()?;
    let header = |name: &str| message.headers.get(name).map(|value| value.as_str());
    Some(DeadLetter {
        sequence: message.sequence,
        at_ms: i64::try_from(message.time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
        key: task_key(&task).ok()?,
        attempts: header(ATTEMPTS).and_then(|n| n.parse().ok()).unwrap_or_default(),
        reason: header(REASON).unwrap_or_default().to_owned(),
        task,
    })
}
