//! How many uploads run at once: what bounds the memory that members can make a coordinator hold.
//!
//! An upload holds at most one object and one group of objects. Whoever has its turn and sends nothing loses it; whoever has
//! none waits, and the connection's window makes its sender wait too.

use crate::rpc::refusals::refused;
use ligase_proto::principal::Principal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

/// Uploads at once: 16 of at most 72 MiB each.
const AT_ONCE: usize = 16;
/// Of them, those of one certificate: one that lies must not stand in everybody's way.
const OF_ONE: usize = 4;
/// How long an upload may send nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What an upload sends next. One that sends nothing is refused, logged and counted: its turn is somebody else's.
pub async fn heard<T>(next: impl Future<Output = T>, who: &str) -> Result<T, Status> {
    tokio::time::timeout(SILENCE_MAX, next).await.map_err(|_| {
        let text = format!("E-RPC-SILENT: an upload that sent nothing for {} seconds", SILENCE_MAX.as_secs());
        let status = Status::deadline_exceeded(text);
        refused(&status, who);
        status
    })
}

/// The turns.
pub struct Uploads {
    all: Arc<Semaphore>,
    of: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to upload, until it is dropped.
pub struct Turn {
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), of: Mutex::default() }
    }
}

impl Uploads {
    /// Waits for a turn.
    pub async fn turn(&self, who: &Principal) -> Turn {
        let own = {
            let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever uploads or waits holds a reference of its own.
            of.retain(|_, own| Arc::strong_count(own) > 1);
            Arc::clone(of.entry(who.to_string()).or_insert_with(|| Arc::new(Semaphore::new(OF_ONE))))
        };
        // They are never closed, so there is always a permit in the end.
        let own = own.acquire_owned().await.ok();
        Turn { _own: own, _all: Arc::clone(&self.all).acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_sends_nothing_is_refused_and_whoever_sends_slowly_is_not() {
        let status = heard(std::future::pending::<()>(), "worker/mute").await.unwrap_err();
        assert!(status.message().starts_with("E-RPC-SILENT: "), "{status}");
        let slow = async { tokio::time::sleep(SILENCE_MAX / 2).await };
        assert!(heard(slow, "worker/slow").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_member_takes_a_part_of_the_turns_and_gives_them_back() {
        let uploads = Uploads::default();
        let who = |name: &str| Principal { role: "worker".to_owned(), name: name.to_owned() };
        let mut held = Vec::new();
        for _ in 0..OF_ONE {
            held.push(uploads.turn(&who("greedy")).await);
        }
        let waits = tokio::time::timeout(Duration::from_secs(1), uploads.turn(&who("greedy"))).await;
        assert!(waits.is_err(), "it has all that one may have");
        let other = tokio::time::timeout(Duration::from_secs(1), uploads.turn(&who("modest"))).await;
        assert!(other.is_ok(), "others have theirs");
        held.pop();
        assert!(tokio::time::timeout(Duration::from_secs(1), uploads.turn(&who("greedy"))).await.is_ok());
    }
}
