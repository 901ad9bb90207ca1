//! What the coordinator is made of, and the acceptance of results: durable first, then known to the running sweep.

use crate::declared::Declared;
use crate::desk::{Desk, Ended, Planned};
use crate::fact::{Attempt, Fact, NOT_LOOKED_AT, Remedied};
use crate::judging;
use crate::ledger::{Ledger, LedgerError};
use crate::members::Members;
use crate::seen::{Fresh, Seen};
use crate::sweep::Running;
use crate::uploads::Uploads;
use ligase_domain::{Digest, FailureReason, RepoPath, Skipped, Timestamp};
use ligase_evidence::Hashed;
use ligase_policy::Catalog;
use ligase_queue::TaskQueue;
use ligase_record::ObservationSet;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::UnboundedReceiver;

/// What a coordinator needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The organisation's policy.
    pub organisation_file: PathBuf,
    /// The digest of the probe set that its workers look with.
    pub probe_set: Digest,
    /// The digest of the remedies that its agent-runners change with.
    pub remedy_set: Digest,
    /// How git servers are spoken to.
    pub remote: ligase_forge::RemoteOptions,
    /// This coordinator's name, its address for others, and its term of leadership.
    pub seat: Seat,
}

/// Where a coordinator sits.
#[derive(Clone, Debug, Default)]
pub struct Seat {
    /// Its name.
    pub name: String,
    /// Where others reach it; empty in the embedded mode.
    pub address: String,
    /// The fence of its term; 0 in the embedded mode.
    pub fence: u64,
    /// The queue's server, for people; empty in the embedded mode.
    pub queue: String,
    /// The object with the organisation's own catalog, which members load; none where it has none, or in the embedded mode.
    pub catalog: Option<Digest>,
}

/// The coordinator's parts.
pub struct App {
    /// What it needs to know.
    pub config: Config,
    /// What it remembers.
    pub ledger: Ledger,
    /// What it judges by.
    pub catalog: Arc<Catalog>,
    /// Where its tasks go.
    pub queue: Arc<dyn TaskQueue>,
    /// What is planned and not settled.
    pub desk: Desk,
    /// The ends of planned tasks; the running sweep holds it.
    pub ends: tokio::sync::Mutex<UnboundedReceiver<Ended>>,
    /// What the running sweep judges by, for results that arrive while it runs.
    pub running: Mutex<Option<Arc<Running>>>,
    /// Who works.
    pub members: Members,
    /// Dead letters up to this number have been dealt with.
    pub letters: AtomicU64,
    /// When the schedule is due next.
    pub due: Mutex<Option<Timestamp>>,
    /// Who uploads.
    pub uploads: Uploads,
    /// What was accepted and is to be judged next.
    pub fresh: Fresh,
}

/// The end of a task as it was reported.
pub enum Ingested {
    /// A revision was looked at, or could not be.
    Probed {
        /// The terminal record.
        fact: Box<Fact>,
        /// Files that were looked at.
        looked_at: u64,
        /// Files that a cache had.
        from_cache: u64,
        /// Whether the repository was cloned.
        cloned: bool,
        /// Objects that came with it and that it names.
        objects: Vec<Hashed>,
    },
    /// A patch was made, or not.
    Remedied {
        /// The terminal record.
        remedied: Box<Remedied>,
        /// Who made it.
        maker: String,
    },
    /// Base plus patch was looked at: root and observations.
    LookedAgain {
        /// The objects, or why there are none.
        result: Result<(Digest, Digest), (FailureReason, String)>,
    },
}

impl App {
    /// A coordinator over an open ledger.
    pub fn new(config: Config, ledger: Ledger, catalog: Arc<Catalog>, queue: Arc<dyn TaskQueue>) -> Self {
        let (desk, ends) = Desk::new();
        let (ends, running) = (tokio::sync::Mutex::new(ends), Mutex::new(None));
        let (members, letters, due) = (Members::default(), AtomicU64::new(0), Mutex::new(None));
        let (uploads, fresh) = (Uploads::default(), Fresh::default());
        Self { config, ledger, catalog, queue, desk, ends, running, members, letters, due, uploads, fresh }
    }

    /// Accepts the end of a planned task: its terminal record is durable when this returns. Blocks on the disk.
    pub fn hand_in(&self, key: Digest, ingested: Ingested, attempt: Attempt) -> Result<(), LedgerError> {
        let ended = Fact::AttemptEnded { attempt, cause: "recorded".to_owned() };
        ligase_runtime::reached("before-record");
        let (looked, cloned, by) = match ingested {
            Ingested::Probed { fact, looked_at, from_cache, cloned, objects } => {
                let mut looks = Vec::new();
                if let Fact::Probed { result: Ok(result), .. } = fact.as_ref() {
                    // What one worker has seen, no other needs to look at again. Reading the set also proves that the
                    // store has all of it before anything names it.
                    let seen = Seen::read_with(&self.ledger, &objects, &result.root, &result.observations)?;
                    if seen.set.probe_set != self.config.probe_set {
                        return Err(LedgerError::Forged("it was looked with another probe set".to_owned()));
                    }
                    looks = lasting(&seen.set);
                    self.fresh.keep((result.root, result.observations), Arc::new(seen));
                }
                self.ledger.record_seen(vec![*fact, ended], objects, looks)?;
                ((looked_at, from_cache), cloned, String::new())
            }
            Ingested::Remedied { remedied, maker } => {
                // A sweep that read them later would end over what one member made up.
                let refused = remedied.refused.iter().map(|r| (r.patch, r.report));
                for (patch, report) in remedied.patch.into_iter().chain(refused) {
                    self.ledger.patch(&patch)?;
                    self.ledger.gate_report(&report)?;
                }
                self.ledger.record_now(vec![Fact::Remedied(*remedied), ended])?;
                ((0, 0), false, maker)
            }
            Ingested::LookedAgain { result } => {
                let Some(Planned::Verification { intent, base, patch }) = self.desk.planned(&key) else {
                    return Ok(());
                };
                let agreed = match result {
                    Ok((root, observations)) => judging::verify(self, &intent, &base, &patch, &root, &observations)
                        .unwrap_or_else(|e| Err(("not-judged".to_owned(), e.to_string()))),
                    Err((reason, detail)) => Err((format!("{NOT_LOOKED_AT}{reason}"), detail)),
                };
                self.ledger.record_now(vec![Fact::Verified { key, intent: intent.id(), patch, agreed }, ended])?;
                ((0, 0), false, String::new())
            }
        };
        ligase_runtime::reached("after-record");
        self.desk.end(key, looked, cloned, by);
        Ok(())
    }

    /// The organisation's name, or nothing while its policy does not read.
    pub fn organisation(&self) -> String {
        match self.running() {
            Some(running) => running.declared.organisation.name.clone(),
            None => Declared::read(&self.config.organisation_file, &self.catalog)
                .map(|declared| declared.organisation.name)
                .unwrap_or_default(),
        }
    }

    /// What the running sweep judges by.
    pub fn running(&self) -> Option<Arc<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets or clears it.
    pub fn set_running(&self, running: Option<Arc<Running>>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }
}

/// What of a set is true for everybody: not what a worker's crash or clock kept it from seeing.
fn lasting(set: &ObservationSet) -> Vec<(Digest, Digest)> {
    let skipped = &set.population.skipped;
    let passing: BTreeSet<&RepoPath> = skipped.iter().filter(|s| Skipped::passes(&s.reason)).map(|s| &s.path).collect();
    let lasting = set.entries.iter().filter(|e| !passing.contains(&e.path));
    lasting.map(|e| (e.key.digest(), e.object)).collect()
}
