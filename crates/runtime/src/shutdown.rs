//! The stop signal: asked for once, seen everywhere.

use tokio_util::sync::CancellationToken;

/// A stop signal that every task can wait for. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal; a second time changes nothing.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether it was given.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is given.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }
}
