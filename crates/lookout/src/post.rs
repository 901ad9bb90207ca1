//! The parent's side: children that wait for files, one for each thread that asks, and what becomes of a file that ends one.

use crate::wire::{
    ANSWER_BYTES_MAX, GREETING, OPENING_BYTES_MAX, WireError, read_answer, read_ready, write_opening, write_question,
};
use ligase_catalog::CatalogFile;
use ligase_domain::{Digest, FileObservations, PathClass};
use ligase_probe::{Blind, ProbeSet, Sight, shapes_looking};
use ligase_sandbox::{Kept, Limits, Patience, SandboxError, Spec};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// From a child's start to its greeting, and from the opening to its answer. It takes some 50 ms.
const START: Duration = Duration::from_secs(30);
/// Of one file. The costliest of real code takes a tenth of a second of the processor; a lease lasts a minute, so the clock on
/// the wall, which ends a file where the machine is too busy, stays below that.
const PATIENCE: Patience = Patience { processor: Duration::from_secs(10), wall: Duration::from_secs(40) };
/// A child holds the probes (some 100 MiB) and one file's trees.
const ADDRESS_SPACE_BYTES: u64 = 4 << 30;
/// Of a child's whole life: should it be left alone in a loop, it ends.
const PROCESSOR_SECONDS: u64 = 24 * 3600;
/// Children that wait; more than that many threads never ask at once.
const IDLE_MAX: usize = 256;

/// How a child is started, and what one file may cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watchman {
    /// An executable that calls [`crate::child::main`] with its stdin and stdout; in production our own.
    pub program: PathBuf,
    /// Its arguments; in production the hidden subcommand `__lookout`.
    pub args: Vec<OsString>,
    /// Variables for it.
    pub environment: Vec<(OsString, OsString)>,
    /// How long one file may take.
    pub patience: Patience,
    /// Address space of a child.
    pub address_space_bytes: u64,
}

impl Watchman {
    /// A program with arguments, and the usual limits.
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            patience: PATIENCE,
            address_space_bytes: ADDRESS_SPACE_BYTES,
        }
    }
}

/// Eyes in children. Used from any thread; each thread that looks has a child to itself for the time of one file.
pub struct Lookout {
    watchman: Watchman,
    opening: Vec<u8>,
    set: Digest,
    idle: Mutex<Vec<Kept>>,
    started: AtomicU64,
}

impl std::fmt::Debug for Lookout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookout").field("watchman", &self.watchman).finish_non_exhaustive()
    }
}

/// What became of one question.
enum Asked {
    Answered(Result<FileObservations, Blind>),
    /// The child is no more.
    Lost(Blind),
}

impl Lookout {
    /// Eyes that see what the set sees, which was loaded of these files. No child is started before the first question.
    pub fn new(watchman: Watchman, files: &[CatalogFile], set: &ProbeSet) -> Self {
        let opening = write_opening(files.iter().filter(|f| shapes_looking(&f.path)));
        Self { watchman, opening, set: set.digest(), idle: Mutex::default(), started: AtomicU64::new(0) }
    }

    /// Changes how long one file may take.
    pub fn limit(&mut self, patience: Patience) {
        self.watchman.patience = patience;
    }

    /// Children that were started so far.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A child that has the catalog and waits.
    fn start(&self) -> Result<Kept, Blind> {
        let machine = |e: &dyn std::fmt::Display| Blind::Machine(format!("a child that looks: {e}"));
        if self.opening.len() > OPENING_BYTES_MAX {
            return Err(machine(&"the catalog is too large to be handed over"));
        }
        let spec = Spec {
            args: self.watchman.args.clone(),
            environment: self.watchman.environment.clone(),
            inherit: vec!["LD_LIBRARY_PATH".to_owned()],
            ..Spec::new(&self.watchman.program)
        };
        let limits = Limits {
            stdout_bytes: ANSWER_BYTES_MAX,
            address_space_bytes: Some(self.watchman.address_space_bytes),
            processor_seconds: Some(PROCESSOR_SECONDS),
            // It writes no file at all.
            file_bytes: Some(0),
            ..Limits::within(START)
        };
        let mut child = Kept::start(&spec, &limits, GREETING).map_err(|e| machine(&e))?;
        let ready = child.ask(&self.opening, Patience { processor: START, wall: START }).map_err(|e| machine(&e))?;
        self.started.fetch_add(1, Ordering::Relaxed);
        match read_ready(&ready) {
            Ok(Some(set)) if set == self.set => Ok(child),
            Ok(_) => Err(machine(&"it looks with another probe set")),
            Err(error) => Err(machine(&error)),
        }
    }

    /// Asks a child, which waits for the next question afterwards unless it is lost.
    fn ask(&self, mut child: Kept, question: &[u8]) -> Asked {
        let answer = match child.ask(question, self.watchman.patience) {
            Ok(answer) => answer,
            Err(SandboxError::TooSlow { .. }) => return Asked::Lost(Blind::TooSlow),
            Err(error) => return Asked::Lost(Blind::Crashed(error.to_string())),
        };
        match read_answer(&answer) {
            Ok(answer) => {
                let mut idle = self.idle();
                if idle.len() < IDLE_MAX {
                    idle.push(child);
                }
                Asked::Answered(answer)
            }
            Err(error) => Asked::Lost(Blind::Crashed(garbled(error))),
        }
    }
}

fn garbled(error: WireError) -> String {
    format!("an answer {error}")
}

impl Sight for Lookout {
    fn see(&self, class: &PathClass, bytes: &[u8]) -> Result<FileObservations, Blind> {
        let question = write_question(class, bytes);
        // Taken out in a statement of its own, so that the others are not locked out while it works.
        let waiting = self.idle().pop();
        if let Some(child) = waiting {
            match self.ask(child, &question) {
                Asked::Answered(answer) => return answer,
                // A clock that ran out runs out again; an end may have come from what was looked at before, or from outside.
                Asked::Lost(Blind::TooSlow) => return Err(Blind::TooSlow),
                Asked::Lost(_) => {}
            }
        }
        match self.ask(self.start()?, &question) {
            Asked::Answered(answer) => answer,
            Asked::Lost(blind) => Err(blind),
        }
    }
}
