//! A child that is kept for many questions: a frame in, a frame out, one after the other. It is for children of ours whose
//! work may kill or hang them: whoever asks gets an answer or the way in which the child ended, within the patience named.
//!
//! A frame is its length (four bytes, little end first) and that many bytes. Before its first answer a child writes a
//! greeting; what stands before it is not its own (a loader's or a library's words). Its stderr is not read: a program that
//! dies on somebody's file may quote it. Everything that it started is killed when it is dropped. Next: `sweep.rs`.

use crate::cell::{spawn, unblock};
use crate::sweep::{Mark, memory_of, processor_ms_of};
use crate::{Limits, SandboxError, Spec};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// How often the clocks are looked at while an answer is awaited.
const TICK: Duration = Duration::from_millis(25);
const CHUNK: usize = 64 << 10;
/// What may stand before the greeting.
const NOISE_BYTES_MAX: usize = 64 << 10;
const LENGTH: usize = 4;

/// How long one answer may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// Processor time that the child spends on it.
    pub processor: Duration,
    /// From question to answer, however little of the processor the child gets.
    pub wall: Duration,
}

/// How many of the bytes read so far are the whole answer, once they are.
type Whole<'w> = &'w mut dyn FnMut(&[u8]) -> Result<Option<usize>, SandboxError>;

/// A child that waits for the next question. After an error it must not be asked again.
pub struct Kept {
    child: Child,
    mark: Mark,
    pid: Pid,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// What was read and is not yet part of an answer.
    held: Vec<u8>,
    answer_bytes: usize,
    memory_bytes: Option<u64>,
}

impl Kept {
    /// Starts a child and waits for its greeting. Of the limits, `stdout_bytes` is the most that one answer may have, `wall`
    /// the patience for the greeting, and `processor_seconds` holds for the child's whole life.
    pub fn start(spec: &Spec, limits: &Limits, greeting: &[u8]) -> Result<Self, SandboxError> {
        let mark = Mark::new();
        let mut child = spawn(spec, &mark, Stdio::null())?;
        let pid = Pid::from_child(&child);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            end(&mut child, &mark, pid);
            let cause = ErrorKind::BrokenPipe.into();
            return Err(SandboxError::Machine { what: "a pipe is missing", cause });
        };
        let (answer_bytes, memory_bytes) = (limits.stdout_bytes, limits.memory_bytes);
        let mut kept = Self { child, mark, pid, stdin, stdout, held: Vec::new(), answer_bytes, memory_bytes };
        limits.apply(pid).map_err(|cause| SandboxError::Machine { what: "limits could not be set", cause })?;
        unblock(kept.stdin.as_fd())?;
        unblock(kept.stdout.as_fd())?;
        let patience = Patience { processor: limits.wall, wall: limits.wall };
        kept.converse(&[], patience, &mut |held| match find(held, greeting) {
            Some(at) => Ok(Some(at + greeting.len())),
            None if held.len() > NOISE_BYTES_MAX => Err(SandboxError::Garbled("no greeting")),
            None => Ok(None),
        })?;
        Ok(kept)
    }

    /// Asks one question and waits for its answer.
    pub fn ask(&mut self, question: &[u8], patience: Patience) -> Result<Vec<u8>, SandboxError> {
        if !self.held.is_empty() {
            return Err(SandboxError::Garbled("more than one answer"));
        }
        let mut frame = Vec::with_capacity(LENGTH + question.len());
        write_frame(&mut frame, question).map_err(|cause| SandboxError::Machine { what: "a question", cause })?;
        let limit = self.answer_bytes;
        let mut answer = self.converse(&frame, patience, &mut |held| {
            let Some(length) = length_of(held) else { return Ok(None) };
            if length > limit {
                return Err(SandboxError::TooMuchOutput { limit });
            }
            Ok((held.len() >= LENGTH + length).then_some(LENGTH + length))
        })?;
        answer.drain(..LENGTH);
        Ok(answer)
    }

    /// Writes, reads and watches until `whole` says how much of what was read is the answer.
    fn converse(&mut self, mut question: &[u8], patience: Patience, whole: Whole<'_>) -> Result<Vec<u8>, SandboxError> {
        let mut watch = Watch { started: Instant::now(), before: None, patience };
        loop {
            let gone = self.feed(&mut question)? | self.take()?;
            if let Some(length) = whole(&self.held)? {
                let rest = self.held.split_off(length);
                return Ok(std::mem::replace(&mut self.held, rest));
            }
            if gone {
                return Err(self.ended());
            }
            if !self.wait(!question.is_empty())? {
                watch.look(self.pid)?;
                if let Some(limit) = self.memory_bytes
                    && memory_of(self.pid) > limit
                {
                    return Err(SandboxError::TooMuchMemory { limit });
                }
            }
        }
    }

    /// Writes what the pipe takes; whether the child reads no more.
    fn feed(&mut self, rest: &mut &[u8]) -> Result<bool, SandboxError> {
        while !rest.is_empty() {
            match self.stdin.write(&rest[..rest.len().min(CHUNK)]) {
                Ok(n) => *rest = &rest[n..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(true),
                Err(cause) => return Err(SandboxError::Machine { what: "stdin could not be written", cause }),
            }
        }
        Ok(false)
    }

    /// Reads what is there, up to one answer and a chunk; whether the child writes no more.
    fn take(&mut self) -> Result<bool, SandboxError> {
        let mut chunk = [0; CHUNK];
        while self.held.len() <= self.answer_bytes {
            match self.stdout.read(&mut chunk) {
                Ok(0) => return Ok(true),
                Ok(n) => {
                    self.held.extend_from_slice(&chunk[..n]);
                    if n < chunk.len() {
                        return Ok(false);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(SandboxError::Machine { what: "a pipe could not be read", cause }),
            }
        }
        Ok(false)
    }

    /// Waits until something can be written or read; `false` after a tick in which nothing could.
    fn wait(&self, writes: bool) -> Result<bool, SandboxError> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.stdout.as_fd(), PollFlags::IN)];
        if writes {
            fds.push(PollFd::from_borrowed_fd(self.stdin.as_fd(), PollFlags::OUT));
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        match poll(&mut fds, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(errno) => Err(SandboxError::Machine { what: "pipes could not be polled", cause: errno.into() }),
        }
    }

    /// How a child ended that closed its pipes: one that only closed them is killed.
    fn ended(&mut self) -> SandboxError {
        let until = Instant::now() + TICK;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return SandboxError::Ended { code: status.code(), signal: status.signal() },
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                _ => return SandboxError::Ended { code: None, signal: None },
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        end(&mut self.child, &self.mark, self.pid);
    }
}

/// Kills a child and all that it started. Where it was reaped already its id may be somebody else's, so it is only asked
/// for what carries the mark.
fn end(child: &mut Child, mark: &Mark, pid: Pid) {
    if matches!(child.try_wait(), Ok(None)) {
        mark.kill_all(pid);
        // Not an error: it is killed, and a zombie that cannot be reaped is no process at work.
        let _ = child.wait();
    }
    mark.kill_strays();
}

/// The clocks of one answer. Processor time is first read after a tick, so that a quick answer costs no look at `/proc`.
struct Watch {
    started: Instant,
    before: Option<u64>,
    patience: Patience,
}

impl Watch {
    fn look(&mut self, pid: Pid) -> Result<(), SandboxError> {
        let slow = |wall| Err(SandboxError::TooSlow { wall, stderr: Vec::new() });
        if self.started.elapsed() >= self.patience.wall {
            return slow(self.patience.wall);
        }
        let Some(now) = processor_ms_of(pid) else { return Ok(()) };
        let before = *self.before.get_or_insert(now);
        let used = Duration::from_millis(now.saturating_sub(before));
        if used >= self.patience.processor { slow(self.patience.processor) } else { Ok(()) }
    }
}

fn find(held: &[u8], greeting: &[u8]) -> Option<usize> {
    held.windows(greeting.len().max(1)).position(|w| w == greeting)
}

fn length_of(held: &[u8]) -> Option<usize> {
    let length: [u8; LENGTH] = held.get(..LENGTH)?.try_into().ok()?;
    Some(u32::from_le_bytes(length) as usize)
}

/// Writes one frame; for the child's side.
pub fn write_frame(to: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| ErrorKind::InvalidInput)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(bytes)
}

/// Reads one frame of at most `limit` bytes; `None` at the end. For the child's side.
pub fn read_frame(from: &mut impl Read, limit: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; LENGTH];
    // An end within the length is an end all the same: nobody asks any more.
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > limit {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() == length { Ok(Some(bytes)) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
