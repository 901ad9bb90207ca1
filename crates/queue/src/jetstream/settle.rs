//! Renewing and settling. The server takes any settlement of a message, also from one whose lease lapsed, and a stale term
//! would delete a task that somebody else runs. So this side judges by its own monotonic clock, counted from before the
//! pull was asked for: what is late is not sent, but for an ack. An ack says that the result is durable, and that is true
//! however late it comes.

use super::connect::Refusal;
use super::publish::header_text;
use super::topology::nanos;
use super::{Held, JetStreamQueue};
use crate::port::{DeliveryId, MAX_DELIVER, QueueError, Settle};
use async_nats::connection::State;
use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

/// A late wake-up is better than an early one, which finds nothing.
const AFTER: Duration = Duration::from_millis(20);
/// For so long a lapsed lease is remembered, so that a late ack can still be told.
const FORGOTTEN: Duration = Duration::from_secs(3600);

impl JetStreamQueue {
    /// Tells the server something about a delivery, and waits until it has heard it.
    pub(super) async fn answer(&self, reply: &str, how: String) -> Result<(), Refusal> {
        // What is written while there is no connection would be sent by the next one, when it may be stale.
        if self.link.client.connection_state() != State::Connected {
            return Err(self.link.sessions.absent());
        }
        self.link.request(reply.to_owned(), None, Bytes::from(how)).await.map(drop)
    }

    pub(super) async fn renew_one(&self, id: DeliveryId) -> Result<(), QueueError> {
        let now = Instant::now();
        let reply = match self.held().get(&id) {
            Some(held) if now < held.until => held.reply.clone(),
            _ => return Err(QueueError::LeaseLost(id)),
        };
        self.answer(&reply, "+WPI".to_owned()).await.map_err(|refusal| refusal.into_error("renewing a lease"))?;
        if let Some(held) = self.held().get_mut(&id) {
            held.until = now + self.topology.ack_wait;
        }
        Ok(())
    }

    pub(super) async fn settle_one(&self, id: DeliveryId, how: Settle) -> Result<(), QueueError> {
        let Some(held) = self.held().get(&id).cloned() else { return Ok(()) };
        let late = held.until <= Instant::now();
        let ended = match how {
            Settle::Ack => self.answer(&held.reply, "+ACK".to_owned()).await,
            _ if late => Ok(()),
            Settle::Nak(_) if held.attempt >= MAX_DELIVER => {
                let reason = "given back at the last delivery";
                self.bury(&held.death(reason)).await?;
                self.answer(&held.reply, format!("+TERM {reason}")).await
            }
            Settle::Nak(delay) => self.nak(&held, delay).await,
            Settle::Term(reason) => {
                self.bury(&held.death(&reason)).await?;
                self.answer(&held.reply, format!("+TERM {}", header_text(&reason, 200))).await
            }
        };
        ended.map_err(|refusal| refusal.into_error("settling a task"))?;
        self.held().remove(&id);
        Ok(())
    }

    async fn nak(&self, held: &Held, delay: Duration) -> Result<(), Refusal> {
        self.answer(&held.reply, format!("-NAK {{\"delay\":{}}}", nanos(delay))).await?;
        let (queue, seat) = (self.clone(), held.seat.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay + AFTER).await;
            queue.wake(&seat).await;
        });
        Ok(())
    }

    /// Puts back a task that this holder may not have.
    pub(super) async fn refuse(&self, id: DeliveryId, delay: Duration) {
        let how = self.settle_one(id, Settle::Nak(delay)).await;
        if let Err(error) = how {
            tracing::warn!(%error, "a task that may not be ours could not be put back; its lease will lapse");
        }
    }

    /// Puts back a delivery that nobody waits for.
    pub(super) async fn give_back(&self, id: DeliveryId) {
        let Some(held) = self.held().remove(&id) else { return };
        if let Err(refusal) = self.nak(&held, Duration::ZERO).await {
            tracing::debug!(?refusal, "a task that nobody waits for could not be put back; its lease will lapse");
        }
    }

    /// Forgets leases that lapsed long ago and were never settled.
    pub(super) fn prune(&self) {
        let now = Instant::now();
        self.held().retain(|_, held| held.until + FORGOTTEN > now);
    }
}
