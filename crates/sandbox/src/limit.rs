//! The named limits of one run, and how they reach a child that already exists.
//!
//! They are set right after the spawn, before the child gets a byte of stdin: a child that acts only on what it reads, as
//! ours do, never runs without them. What a program does between its start and that moment is bounded by the clock alone.

use std::time::Duration;

/// What one run may use. `None` leaves a limit as our own process has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// From start to end.
    pub wall: Duration,
    /// More on stdout ends the run.
    pub stdout_bytes: usize,
    /// More on stderr is read and dropped.
    pub stderr_bytes: usize,
    /// Address space of each process.
    pub address_space_bytes: Option<u64>,
    /// Memory that all processes of the run hold together; looked at again and again, so it is a little late.
    pub memory_bytes: Option<u64>,
    /// Processor time of each process.
    pub processor_seconds: Option<u64>,
    /// Size of any file that it writes.
    pub file_bytes: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
}

impl Limits {
    /// A wall clock, 1 MiB of output, 64 KiB of stderr, and our own process's limits for the rest.
    pub const fn within(wall: Duration) -> Self {
        Self {
            wall,
            stdout_bytes: 1 << 20,
            stderr_bytes: 64 << 10,
            address_space_bytes: None,
            memory_bytes: None,
            processor_seconds: None,
            file_bytes: None,
            open_files: None,
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn apply(&self, pid: rustix::process::Pid) -> std::io::Result<()> {
        use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
        let wanted = [
            (Resource::As, self.address_space_bytes),
            (Resource::Cpu, self.processor_seconds),
            (Resource::Fsize, self.file_bytes),
            (Resource::Nofile, self.open_files),
            // A core file would hold what the child holds in memory, credentials among it.
            (Resource::Core, Some(0)),
        ];
        for (resource, limit) in wanted {
            let Some(limit) = limit else { continue };
            let ceiling = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let limit = Some(limit.min(ceiling));
            match prlimit(Some(pid), resource, Rlimit { current: limit, maximum: limit }) {
                Ok(_) | Err(rustix::io::Errno::SRCH) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn apply(&self, _pid: rustix::process::Pid) -> std::io::Result<()> {
        Ok(())
    }
}
