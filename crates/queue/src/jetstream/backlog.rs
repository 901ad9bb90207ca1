//! What waits, by kind and lane, as the server's consumers say. For operators, the leader and autoscaling; a worker that
//! polled this would cost the server more than its work.

use super::JetStreamQueue;
use super::letters::next_of;
use super::topology::{KINDS, LANES, stream_of};
use crate::port::{Backlog, QueueError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ligase_runtime::SystemClock;
use serde_json::Value;
use std::time::Duration;

/// Questions in flight.
const ASKING: usize = 16;

impl JetStreamQueue {
    pub(super) async fn backlog_now(&self) -> Result<Vec<Backlog>, QueueError> {
        let mut out = Vec::new();
        for kind in KINDS {
            let belt = self.link.stream(stream_of(kind)).await?;
            for lane in LANES {
                let seats = self.topology.seats(kind).into_iter().filter(|seat| seat.lane == lane);
                let asked = stream::iter(seats).map(|seat| async move {
                    let what = format!("CONSUMER.INFO.{}.{}", stream_of(kind), seat.consumer());
                    let info = self.link.api(&what, &Value::Null).await;
                    let info = info.map_err(|refusal| refusal.into_error("asking about a consumer"))?;
                    let number = |name: &str| info.get(name).and_then(Value::as_u64).unwrap_or_default();
                    Ok::<_, QueueError>((number("num_pending"), number("num_ack_pending")))
                });
                let counts: Vec<(u64, u64)> = asked.buffer_unordered(ASKING).try_collect().await?;
                let waiting = counts.iter().map(|c| c.0).sum();
                let leased = counts.iter().map(|c| c.1).sum();
                let all = format!("ligase.v1.{}.*.{}.>", kind.name(), lane.name());
                let Some(oldest) = next_of(&belt, &all, 1).await? else { continue };
                let since_ms = i64::try_from(oldest.time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
                let age = u64::try_from(SystemClock.now_ms().saturating_sub(since_ms)).unwrap_or_default();
                let oldest = Duration::from_millis(age);
                out.push(Backlog { kind, lane: lane.name().to_owned(), waiting, leased, oldest });
            }
        }
        Ok(out)
    }
}
