//! The cell: runs one child under named limits and kills all of it. Bytes go in by stdin, bounded bytes come out. A child
//! may be kept for many questions (`kept.rs`); its limits hold for each.
//!
//! It knows nothing of what the child does. It refuses to pass on an environment that was not named, to wait longer than
//! the wall clock allows, to hold more output than was named, and to return while something that it started still runs.
//! By itself it is no boundary against a program that means harm: a process that leaves the process group, clears its
//! environment *and* loses its parent is not found again. For such programs there is the jail: walls around the cell, and
//! no run without them. Read `cell.rs` next, then `sweep.rs`, `kept.rs`, `jail.rs`.

mod cell;
mod jail;
mod kept;
mod limit;
mod sweep;

pub use cell::{run, run_until};
pub use jail::{Ended, Jail, JailLimits, Job, Layer, Probed, Ran, outside_user, probe, probe_at};
pub use kept::{Kept, Patience, read_frame, write_frame};
pub use limit::Limits;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What to run. The child gets `inherit` from our environment and `environment` on top of it, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spec {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments. Never a secret: arguments are world-readable.
    pub args: Vec<OsString>,
    /// Names of variables that the child gets from our environment, where we have them.
    pub inherit: Vec<String>,
    /// Variables that the child gets. Never a secret: an environment is readable by every process of the user.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder that it starts in; ours, if none is named.
    pub folder: Option<PathBuf>,
    /// The user and group that it becomes first, without further groups; ours, if none is named. Only root may.
    pub user: Option<u32>,
}

impl Spec {
    /// A program without arguments, environment or folder.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds one variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

/// How a child ended that ended by itself or by a signal that we did not send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did. A child over its memory or its processor time ends like this.
    pub signal: Option<i32>,
    /// Everything that it wrote to stdout.
    pub stdout: Vec<u8>,
    /// The beginning of what it wrote to stderr, up to the limit.
    pub stderr: Vec<u8>,
    /// Whether it wrote more to stderr than is kept.
    pub stderr_cut: bool,
}

/// Why a run has no [`Finished`]. In every case nothing that was started still runs.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The executable could not be started.
    #[error("{} could not be started: {cause}", program.display())]
    Start {
        /// The executable.
        program: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The wall clock ended it.
    #[error("killed after {} ms", wall.as_millis())]
    TooSlow {
        /// The limit.
        wall: Duration,
        /// The beginning of what it wrote to stderr.
        stderr: Vec<u8>,
    },
    /// It wrote more to stdout than allowed.
    #[error("killed for writing more than {limit} bytes")]
    TooMuchOutput {
        /// The limit.
        limit: usize,
    },
    /// Its processes held more memory than allowed.
    #[error("killed for holding more than {limit} bytes of memory")]
    TooMuchMemory {
        /// The limit.
        limit: u64,
    },
    /// A child that is kept ended while it owed an answer.
    #[error("ended with {} before it answered", how(*code, *signal))]
    Ended {
        /// Its exit code, if it exited.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
    },
    /// A child that is kept wrote what is no answer.
    #[error("wrote what is no answer: {0}")]
    Garbled(&'static str),
    /// The caller's stop signal ended it.
    #[error("killed because its caller was stopped")]
    Stopped,
    /// The system refused something that the cell needs.
    #[error("{what}: {cause}")]
    Machine {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
}

fn how(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (_, Some(signal)) => format!("signal {signal}"),
        (Some(code), None) => format!("code {code}"),
        (None, None) => "no status".to_owned(),
    }
}

/// To be called first by a child of ours: the kernel kills it when the thread that started it dies, so that a killed
/// parent leaves no orphan at work. A parent that died before this line is noticed by a stdin that ends too early.
/// Does nothing where the system has no such signal.
pub fn die_with_parent() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}
