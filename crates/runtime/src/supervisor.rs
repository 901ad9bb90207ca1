//! The one door for spawning tasks. Each task says what its end means; nothing runs that nobody waits for.

use crate::Shutdown;
use std::future::Future;
use tokio::task::JoinSet;

/// What the end of a task means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// The role cannot go on without it: its end before shutdown, or its panic, asks for shutdown.
    StopsTheRole,
    /// It does one thing and ends.
    Expected,
}

/// Spawns tasks and waits for all of them.
#[derive(Debug)]
pub struct Supervisor {
    shutdown: Shutdown,
    tasks: JoinSet<(&'static str, TaskEnd)>,
}

impl Supervisor {
    /// A supervisor under a stop signal.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, tasks: JoinSet::new() }
    }

    /// Spawns a task. A panic in it is caught, logged and treated as its end.
    pub fn spawn(&mut self, name: &'static str, end: TaskEnd, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            work.await;
            (name, end)
        });
    }

    /// Waits until every task has ended. Returns the names of those that stopped the role before they were asked to.
    pub async fn join(mut self) -> Vec<&'static str> {
        let mut early = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok((name, TaskEnd::StopsTheRole)) if !self.shutdown.is_requested() => {
                    tracing::error!(task = name, "ended before shutdown");
                    early.push(name);
                    self.shutdown.request();
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "task panicked");
                    early.push("panicked task");
                    self.shutdown.request();
                }
            }
        }
        early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_early_end_of_an_essential_task_stops_the_others() {
        let shutdown = Shutdown::new();
        let mut tasks = Supervisor::new(shutdown.clone());
        tasks.spawn("short", TaskEnd::StopsTheRole, async {});
        let waits = shutdown.clone();
        tasks.spawn("long", TaskEnd::StopsTheRole, async move { waits.requested().await });
        assert_eq!(tasks.join().await, vec!["short"]);
        assert!(shutdown.is_requested());
    }
}
