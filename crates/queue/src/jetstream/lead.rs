//! Leadership by compare-and-set on one key of a bucket, which the server forgets after a time to live. The bucket is an
//! ordinary KV bucket; its client has no renewal with a time to live, so that this writes to the bucket's subject itself.
//!
//! Nothing is decided by a read. Who leads is whoever's write was taken, and the write names the sequence that it replaces:
//! none for a new term, its own last one for a renewal. The sequence of the first write is the term's fence.
//!
//! The server's nodes measure the time to live by their own clocks: one that runs ahead by more than a round trip may let a
//! new term begin before the old one's end. The fence is for that.

use super::JetStreamQueue;
use super::connect::{Link, Refusal};
use crate::lead::{Candidate, Leader, Leadership, Standing, Term};
use crate::port::QueueError;
use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID, NATS_MESSAGE_TTL};
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// The bucket's stream.
pub(crate) const LEADER: &str = "KV_ligase_leader";
const SUBJECT: &str = "$KV.ligase_leader.coordinator";
/// Largest value: a name and an address.
const VALUE_MAX: usize = 4096;
/// How often a write whose answer was lost is told again, under the same id.
const TRIES: usize = 3;
/// The server keeps times to live in whole seconds.
const TTL_MIN: Duration = Duration::from_secs(1);

/// The bucket, as the server's API takes it.
pub(crate) fn bucket(replicas: usize) -> Value {
    json!({
        "name": LEADER, "subjects": ["$KV.ligase_leader.>"], "retention": "limits", "discard": "new",
        "max_msgs_per_subject": 1, "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msg_size": VALUE_MAX,
        "allow_rollup_hdrs": true, "allow_direct": true, "allow_msg_ttl": true,
        "storage": "file", "num_replicas": replicas,
    })
}

/// Leadership kept by the queue's server.
#[derive(Clone)]
pub struct JetStreamLeadership {
    link: Link,
    ttl: Duration,
}

impl JetStreamQueue {
    /// Leadership over the same connection. A term that is not renewed lasts `ttl`, in whole seconds and at least one;
    /// renew it every third of that. The bucket is made by [`JetStreamQueue::ensure`].
    pub fn leadership(&self, ttl: Duration) -> JetStreamLeadership {
        JetStreamLeadership { link: self.link.clone(), ttl: Duration::from_secs(ttl.max(TTL_MIN).as_secs()) }
    }
}

impl JetStreamLeadership {
    /// Writes the key if its last sequence is `expected`. Returns the new sequence, and until when it surely stands.
    async fn write(&self, me: &Candidate, fence: u64, expected: u64) -> Result<(u64, Instant), Refusal> {
        let value = json!({ "name": me.name, "address": me.address, "fence": fence }).to_string();
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        headers.insert(NATS_MESSAGE_TTL, format!("{}s", self.ttl.as_secs()));
        // One attempt at one write: told twice it is stored once, and the second answer names the first.
        headers.insert(NATS_MESSAGE_ID, self.link.client.new_inbox());
        let first = Instant::now();
        let mut tried = 0;
        loop {
            tried += 1;
            let began = Instant::now();
            let told = self.link.ask(SUBJECT.to_owned(), Some(headers.clone()), Bytes::from(value.clone())).await;
            match told {
                Ok(ack) => {
                    let revision = ack.get("seq").and_then(Value::as_u64).unwrap_or_default();
                    // Counted from before the first try: whichever of them was stored, the server's time began later.
                    return Ok((revision, first + self.ttl.saturating_sub(began.elapsed() * 2)));
                }
                Err(refusal) if refusal.is_passing() && tried < TRIES && first.elapsed() < self.ttl / 2 => {
                    tokio::time::sleep(self.ttl / 50).await;
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// What the key holds, and its sequence.
    async fn read(&self) -> Result<Option<(Leader, u64)>, QueueError> {
        let stream = self.link.stream(LEADER).await?;
        let message = match stream.get_last_raw_message_by_subject(SUBJECT).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
            Err(error) => return Err(QueueError::Unreachable(format!("asking who leads: {error}"))),
        };
        let value: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        // The first write of a term cannot name its own sequence, so it says 0.
        let fence = value.get("fence").and_then(Value::as_u64).filter(|fence| *fence > 0).unwrap_or(message.sequence);
        Ok(Some((Leader { name: text("name"), address: text("address"), fence }, message.sequence)))
    }
}

/// 10071 wrong last sequence, 10164 the same with a constant.
fn is_lost(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Server(10071 | 10164, _))
}

#[async_trait]
impl Leadership for JetStreamLeadership {
    async fn campaign(&self, me: &Candidate) -> Result<Standing, QueueError> {
        match self.write(me, 0, 0).await {
            Ok((revision, until)) => Ok(Standing::Leads(Term { fence: revision, until, leader: me.clone(), revision })),
            Err(refusal) if is_lost(&refusal) => match self.read().await? {
                Some((leader, _)) => Ok(Standing::Follows(leader)),
                // It went away between the two. Whoever asks again finds out.
                None => Err(QueueError::Unreachable("the leadership changes just now".to_owned())),
            },
            Err(refusal) => Err(refusal.into_error("campaigning for leadership")),
        }
    }

    async fn renew(&self, term: &Term) -> Result<Term, QueueError> {
        match self.write(&term.leader, term.fence, term.revision).await {
            Ok((revision, until)) => Ok(Term { until, revision, ..term.clone() }),
            Err(refusal) if is_lost(&refusal) => Err(QueueError::TermLost(term.fence)),
            Err(refusal) => Err(refusal.into_error("renewing the leadership")),
        }
    }

    async fn resign(&self, term: &Term) -> Result<(), QueueError> {
        // A sequence is one write of one candidate: taking it away cannot take another's.
        let request = json!({ "seq": term.revision });
        match self.link.api(&format!("STREAM.MSG.DELETE.{LEADER}"), &request).await {
            Ok(_) | Err(Refusal::Server(10057 | 10043 | 10037, _)) => Ok(()),
            Err(refusal) => Err(refusal.into_error("resigning")),
        }
    }
}
