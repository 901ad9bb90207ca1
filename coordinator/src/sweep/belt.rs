//! The sweep and its queue: tasks are put on the belt, put on it again when the queue lost them, and ended when it set them
//! aside. What is complete, records decide.

use super::{Pass, SweepError, blocking};
use crate::app::App;
use crate::attempts::SET_ASIDE;
use crate::desk::Planned;
use crate::fact::{Attempt, Fact, NOT_LOOKED_AT, Remedied};
use ligase_domain::{Digest, FailureReason, RepositoryId, TaskKey};
use ligase_proto::convert::digest_bytes;
use ligase_proto::v1;
use ligase_queue::{Published, QueueError};
use ligase_runtime::count;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::Instrument as _;

/// A task is offered to the queue again so often in the time of a lease. If the queue still has it, nothing happens.
const OFFERS_PER_LEASE: u32 = 3;
/// But not more often than this.
const OFFER_AGAIN_MIN: Duration = Duration::from_secs(1);
/// Tasks that are offered again at once.
const OFFERED_AT_ONCE: usize = 2_000;

impl Pass {
    /// A task's first publication.
    pub(super) fn task(&self, key: &TaskKey, lane: &str, of: &RepositoryId, work: v1::task::Work) -> v1::Task {
        v1::Task {
            kind: key.kind.name().to_owned(),
            key: digest_bytes(&key.digest),
            sweep: digest_bytes(&self.running.sweep),
            lane: lane.to_owned(),
            publication: 1,
            organisation: self.running.declared.organisation.name.clone(),
            zone: self.running.forges.zone(of),
            work: Some(work),
        }
    }

    /// Publishes tasks that are on the desk. One that cannot be published stays there and is offered again.
    pub(super) async fn publish(&self, tasks: Vec<v1::Task>) {
        let kinds: Vec<String> = tasks.iter().map(|t| t.kind.clone()).collect();
        let span = tracing::info_span!("publish", tasks = tasks.len());
        let outcomes = self.app.queue.publish_all(tasks).instrument(span).await;
        for (kind, outcome) in kinds.iter().zip(outcomes) {
            let outcome = match outcome {
                Ok(Published::Stored) => "stored",
                Ok(Published::Outstanding) => "outstanding",
                Err(error) => {
                    tracing::warn!(%error, kind, "cannot publish; it is offered again");
                    "failed"
                }
            };
            count("ligase_tasks_published_total", &[("kind", kind), ("outcome", outcome)], 1);
        }
    }

    /// What has to be done while tasks are outstanding: dead letters end their tasks, and what the queue may have lost is
    /// offered to it again.
    pub(super) async fn tend(&mut self) -> Result<(), SweepError> {
        if let Err(error) = self.app.queue.tend().await {
            tracing::warn!(%error, "the queue cannot be tended");
        }
        self.bury().await?;
        let overdue =
            self.app.desk.overdue((self.app.queue.ack_wait() / OFFERS_PER_LEASE).max(OFFER_AGAIN_MIN), OFFERED_AT_ONCE);
        if overdue.is_empty() {
            return Ok(());
        }
        let kinds: Vec<String> = overdue.iter().map(|t| t.kind.clone()).collect();
        for (kind, outcome) in kinds.iter().zip(self.app.queue.publish_all(overdue).await) {
            match outcome {
                Ok(Published::Stored) => {
                    tracing::info!(kind, "the queue had lost a task; it is published again");
                    count("ligase_republished_total", &[("kind", kind)], 1);
                }
                Ok(Published::Outstanding) => {}
                Err(error) => tracing::warn!(%error, kind, "cannot offer a task again"),
            }
        }
        Ok(())
    }

    /// Ends what the queue has set aside: after its last attempt a task has a record too. The next sweep asks again.
    async fn bury(&mut self) -> Result<(), SweepError> {
        let seen = self.app.letters.load(Ordering::Acquire);
        let Ok(letters) = self.app.queue.dead_letters(seen).await else { return Ok(()) };
        for letter in letters {
            self.app.letters.fetch_max(letter.sequence, Ordering::AcqRel);
            let key = letter.key.digest;
            let Some(planned) = self.app.desk.planned(&key) else { continue };
            let kind = letter.key.kind.name().to_owned();
            count("ligase_dead_letters_total", &[("kind", &kind)], 1);
            let detail = format!("{} attempts: {}", letter.attempts, letter.reason);
            let attempt = Attempt { key, kind, number: letter.attempts, by: "queue".to_owned() };
            let mut facts = vec![Fact::AttemptEnded { attempt, cause: format!("{SET_ASIDE} after {detail}") }];
            facts.push(self.died(key, planned, detail));
            let app = Arc::clone(&self.app);
            blocking(move || {
                let _turn = app.desk.turn(&key);
                // A result may have come after the last delivery was given up.
                if !app.ledger.read(|s| s.terminal.contains(&key)) {
                    app.ledger.record(facts)?;
                }
                Ok(())
            })
            .await?;
            self.app.desk.end(key, (0, 0), false, String::new());
        }
        Ok(())
    }
}

impl Pass {
    /// The record of a task over which everybody died who took it.
    fn died(&self, key: Digest, planned: Planned, detail: String) -> Fact {
        let crashed = FailureReason::Crashed;
        match planned {
            Planned::Probe { repository, revision } => {
                let (probe_set, result) = (self.app.config.probe_set, Err((crashed, detail)));
                Fact::Probed { key, repository, revision, probe_set, result }
            }
            Planned::Remedy { intent, base, .. } => {
                let (patch, failure) = (None, Some((crashed, detail)));
                let (patched, abstained, refused) = (Vec::new(), Vec::new(), Vec::new());
                Fact::Remedied(Remedied { key, intent: intent.id(), base, patch, patched, abstained, refused, failure })
            }
            Planned::Verification { intent, patch, .. } => {
                let agreed = Err((format!("{NOT_LOOKED_AT}{crashed}"), detail));
                Fact::Verified { key, intent: intent.id(), patch, agreed }
            }
        }
    }
}

impl App {
    /// Letters that were set aside before a sweep are not about its tasks: their keys were free again.
    pub(super) async fn letters_so_far(&self) {
        let seen = self.letters.load(Ordering::Acquire);
        match self.queue.dead_letters(seen).await {
            Ok(letters) => {
                let last = letters.last().map_or(seen, |l| l.sequence);
                self.letters.fetch_max(last, Ordering::AcqRel);
            }
            Err(QueueError::Closed) => {}
            Err(error) => tracing::warn!(%error, "cannot read the dead letters"),
        }
    }
}
