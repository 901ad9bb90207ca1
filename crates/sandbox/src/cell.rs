//! One run from spawn to sweep: feeds stdin, collects stdout and stderr, watches the clock. One thread, one poll loop, so
//! that a pipe that somebody else still holds open can never make us wait. Killing is the business of `sweep.rs`.

use crate::sweep::{Mark, memory_of};
use crate::{Finished, Limits, SandboxError, Spec};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the loop sleeps at most: the delay until a stop signal or an end without a closed pipe is noticed.
const TICK: Duration = Duration::from_millis(25);
/// After the child's end everything else is killed; its pipes then hold at most what the kernel buffers.
const DRAIN: Duration = Duration::from_millis(500);
/// How often memory is looked at.
const WEIGH: Duration = Duration::from_millis(50);
const CHUNK: usize = 64 << 10;

/// Runs one child to its end or to the first limit. Blocks; nothing that it started is left when it returns.
pub fn run(spec: &Spec, limits: &Limits, stdin: &[u8]) -> Result<Finished, SandboxError> {
    run_until(spec, limits, stdin, &|| false)
}

/// As [`run`], and ends with [`SandboxError::Stopped`] soon after `stop` says true.
pub fn run_until(
    spec: &Spec,
    limits: &Limits,
    stdin: &[u8],
    stop: &dyn Fn() -> bool,
) -> Result<Finished, SandboxError> {
    let started = Instant::now();
    let mark = Mark::new();
    let mut child = spawn(spec, &mark, Stdio::piped())?;
    let pid = Pid::from_child(&child);
    let run = Run { limits, stop, started, pid };
    // Whoever became somebody else is no longer ours to limit: the jail does that from inside.
    let applied = if spec.user.is_none() { limits.apply(pid) } else { Ok(()) };
    let ended = applied
        .map_err(|cause| SandboxError::Machine { what: "limits could not be set", cause })
        .and_then(|()| Pipes::of(&mut child, limits))
        .and_then(|mut pipes| run.watch(&mut pipes, stdin).map(|()| pipes));
    // The child is not reaped before this line: as long as it is not, its id and its group's cannot be anybody else's.
    mark.kill_all(pid);
    let status =
        child.wait().map_err(|cause| SandboxError::Machine { what: "the child could not be waited for", cause });
    mark.kill_strays();
    let mut pipes = ended?;
    let status = status?;
    pipes.drain()?;
    Ok(Finished {
        code: status.code(),
        signal: status.signal(),
        stdout: pipes.stdout.kept,
        stderr: pipes.stderr.kept,
        stderr_cut: pipes.stderr.cut,
    })
}

pub(crate) fn spawn(spec: &Spec, mark: &Mark, stderr: Stdio) -> Result<Child, SandboxError> {
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).env_clear();
    command.envs(spec.inherit.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
    command.envs(spec.environment.iter().map(|(name, value)| (name, value)));
    command.envs(mark.variables());
    if let Some(folder) = &spec.folder {
        command.current_dir(folder);
    }
    if let Some(user) = spec.user {
        command.uid(user).gid(user);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).process_group(0);
    command.spawn().map_err(|cause| SandboxError::Start { program: spec.program.clone(), cause })
}

struct Run<'a> {
    limits: &'a Limits,
    stop: &'a dyn Fn() -> bool,
    started: Instant,
    pid: Pid,
}

impl Run<'_> {
    /// Until the child has ended, or a limit says that it must.
    fn watch(&self, pipes: &mut Pipes, mut stdin: &[u8]) -> Result<(), SandboxError> {
        let mut weighed = self.started;
        loop {
            let left = self.limits.wall.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                let stderr = std::mem::take(&mut pipes.stderr.kept);
                return Err(SandboxError::TooSlow { wall: self.limits.wall, stderr });
            }
            if (self.stop)() {
                return Err(SandboxError::Stopped);
            }
            if self.has_ended()? {
                return Ok(());
            }
            if let Some(limit) = self.limits.memory_bytes
                && weighed.elapsed() >= WEIGH
            {
                if memory_of(self.pid) > limit {
                    return Err(SandboxError::TooMuchMemory { limit });
                }
                weighed = Instant::now();
            }
            pipes.wait(left.min(TICK))?;
            pipes.feed(&mut stdin)?;
            pipes.take()?;
        }
    }

    fn has_ended(&self) -> Result<bool, SandboxError> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.pid), options) {
                Ok(status) => return Ok(status.is_some()),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => {
                    return Err(SandboxError::Machine { what: "the child could not be watched", cause: errno.into() });
                }
            }
        }
    }
}

/// One output pipe with what is kept of it.
struct Output<P> {
    pipe: Option<P>,
    kept: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl<P: Read + AsFd> Output<P> {
    fn new(pipe: Option<P>, limit: usize) -> Result<Self, SandboxError> {
        if let Some(pipe) = &pipe {
            unblock(pipe.as_fd())?;
        }
        Ok(Self { pipe, kept: Vec::new(), limit, cut: false })
    }

    /// Takes what is there without waiting; at most sixteen chunks, so that a flood cannot keep us from the clock.
    fn take(&mut self) -> Result<(), SandboxError> {
        let mut chunk = [0; CHUNK];
        for _ in 0..16 {
            let Some(pipe) = &mut self.pipe else { return Ok(()) };
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    let room = self.limit.saturating_sub(self.kept.len()).min(n);
                    self.kept.extend_from_slice(&chunk[..room]);
                    self.cut |= room < n;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(SandboxError::Machine { what: "a pipe could not be read", cause }),
            }
        }
        Ok(())
    }
}

struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Output<ChildStdout>,
    stderr: Output<ChildStderr>,
}

impl Pipes {
    fn of(child: &mut Child, limits: &Limits) -> Result<Self, SandboxError> {
        let stdin = child.stdin.take();
        if let Some(pipe) = &stdin {
            unblock(pipe.as_fd())?;
        }
        Ok(Self {
            stdin,
            stdout: Output::new(child.stdout.take(), limits.stdout_bytes)?,
            stderr: Output::new(child.stderr.take(), limits.stderr_bytes)?,
        })
    }

    fn wait(&self, at_most: Duration) -> Result<(), SandboxError> {
        let mut fds = Vec::with_capacity(3);
        fds.extend(self.stdin.as_ref().map(|p| PollFd::from_borrowed_fd(p.as_fd(), PollFlags::OUT)));
        fds.extend(self.stdout.pipe.as_ref().map(|p| PollFd::from_borrowed_fd(p.as_fd(), PollFlags::IN)));
        fds.extend(self.stderr.pipe.as_ref().map(|p| PollFd::from_borrowed_fd(p.as_fd(), PollFlags::IN)));
        // With both outputs closed the end is near, and no event announces it.
        let at_most = if self.stdout.pipe.is_none() { at_most.min(Duration::from_millis(1)) } else { at_most };
        let timeout = Timespec { tv_sec: 0, tv_nsec: at_most.subsec_nanos().into() };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(SandboxError::Machine { what: "pipes could not be polled", cause: errno.into() }),
        }
    }

    fn feed(&mut self, rest: &mut &[u8]) -> Result<(), SandboxError> {
        let Some(pipe) = &mut self.stdin else { return Ok(()) };
        match pipe.write(&rest[..rest.len().min(CHUNK)]) {
            Ok(n) => *rest = &rest[n..],
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            // It does not want to read all of it; what it answers is its own business.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => *rest = &[],
            Err(cause) => return Err(SandboxError::Machine { what: "stdin could not be written", cause }),
        }
        if rest.is_empty() {
            self.stdin = None;
        }
        Ok(())
    }

    fn take(&mut self) -> Result<(), SandboxError> {
        self.stderr.take()?;
        self.stdout.take()?;
        if self.stdout.cut { Err(SandboxError::TooMuchOutput { limit: self.stdout.limit }) } else { Ok(()) }
    }

    /// Takes what is left after everything was killed; bounded, should somebody unknown still hold a pipe.
    fn drain(&mut self) -> Result<(), SandboxError> {
        let until = Instant::now() + DRAIN;
        self.stdin = None;
        loop {
            self.take()?;
            let open = self.stdout.pipe.is_some() || self.stderr.pipe.is_some();
            if !open || Instant::now() >= until {
                return Ok(());
            }
            self.wait(Duration::from_millis(5))?;
        }
    }
}

pub(crate) fn unblock(fd: BorrowedFd<'_>) -> Result<(), SandboxError> {
    rustix::fs::fcntl_getfl(fd)
        .and_then(|flags| rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK))
        .map_err(|errno| SandboxError::Machine { what: "a pipe could not be made non-blocking", cause: errno.into() })
}
