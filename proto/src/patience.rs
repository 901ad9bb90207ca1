//! Calls that outlast the loss of a coordinator: tried again, with growing delays, for a bounded time.
//!
//! Only calls that change nothing when they are repeated go through here; all of the fleet's are such.

use std::future::Future;
use std::time::Duration;
use tonic::{Code, Status};

/// The first delay between two tries.
const FIRST: Duration = Duration::from_millis(200);
/// The longest delay between two tries.
const LONGEST: Duration = Duration::from_secs(3);
/// How long the loss of a coordinator is waited out: a standby takes over well within it.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// How long a coordinator without room is waited for: its disk is full, and a person has to make room. What is in hand is as
/// dear as ever, and would find no room by another attempt either.
pub const ROOM_PATIENCE: Duration = Duration::from_secs(3600);

/// Whether the same call may succeed a moment later: nobody answered, or the coordinator has just taken over and does not
/// know its tasks yet.
pub fn passes(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => true,
        // The transport's own errors arrive so.
        Code::Unknown => status.message().contains("transport") || status.message().contains("connection"),
        Code::FailedPrecondition => status.message().starts_with("E-RPC-UNPLANNED"),
        _ => false,
    }
}

/// Calls until it succeeds, fails for good, or patience ends; `beat` is called before each further try.
pub async fn patiently<T, F>(patience: Duration, beat: impl Fn(), mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let (began, mut delay) = (tokio::time::Instant::now(), FIRST);
    loop {
        let ended = call().await;
        let full = matches!(&ended, Err(status) if status.code() == Code::ResourceExhausted);
        let ends = began + if full { ROOM_PATIENCE.max(patience) } else { patience };
        match ended {
            Err(status) if passes(&status) && tokio::time::Instant::now() + delay < ends => {
                tracing::debug!(code = ?status.code(), message = status.message(), "will be asked again");
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(LONGEST);
                beat();
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_asked_again_and_what_does_not_is_told_at_once() {
        let (tries, beats) = (Cell::new(0), Cell::new(0));
        let call = || {
            tries.set(tries.get() + 1);
            let now = tries.get();
            async move { if now < 4 { Err(Status::unavailable("gone")) } else { Ok(now) } }
        };
        assert_eq!(patiently(PATIENCE, || beats.set(beats.get() + 1), call).await.unwrap(), 4);
        assert_eq!(beats.get(), 3);
        let refused = patiently(PATIENCE, || {}, || async { Err::<(), _>(Status::permission_denied("no")) }).await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_is_waited_out() {
        let tries = Cell::new(0);
        let call = || {
            tries.set(tries.get() + 1);
            let now = tries.get();
            async move { if now < 100 { Err(Status::resource_exhausted("full")) } else { Ok(()) } }
        };
        let began = tokio::time::Instant::now();
        patiently(PATIENCE, || {}, call).await.unwrap();
        assert!(began.elapsed() > PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let began = tokio::time::Instant::now();
        let gone = patiently(PATIENCE, || {}, || async { Err::<(), _>(Status::unavailable("gone")) }).await;
        assert_eq!(gone.unwrap_err().code(), Code::Unavailable);
        assert!(began.elapsed() <= PATIENCE);
    }
}
