//! Many repositories asked for what they advertise, one after the other, by children that are kept: starting one, which reads
//! all certificates of the machine, costs many times what an answer does.
//!
//! A child is never asked about another origin than its first: what one server made of it must not tell on another's
//! repositories. It is replaced after some questions, and at once when it failed to answer. Read `remote.rs` first.

use crate::remote::{advertised, ended, mixed_up, told};
use crate::wire::{Answer, GREETING, Work};
use crate::{Advertised, Remote, VcsError};
use ligase_sandbox::{Kept, Limits, Patience, SandboxError};
use std::path::Path;
use tempfile::TempDir;

/// Questions to one child.
const ASKED_MAX: usize = 256;

/// One who asks, question after question.
#[derive(Default)]
pub struct Inquiry {
    at: Option<Asking>,
}

struct Asking {
    child: Kept,
    /// An empty repository, which a connection needs.
    scratch: TempDir,
    origin: String,
    asked: usize,
}

impl Inquiry {
    /// What the server of a remote advertises now: as [`Remote::advertise`].
    pub fn advertise(&mut self, remote: &Remote) -> Result<Advertised, VcsError> {
        let origin = remote.url.origin();
        if let Some(asking) = self.at.take_if(|a| a.origin == origin && a.asked < ASKED_MAX) {
            match self.ask(asking, remote) {
                // It may have come by its end through an earlier answer: a fresh one is asked.
                Err(SandboxError::Ended { .. } | SandboxError::Garbled(_)) => {}
                answered => return read(answered),
            }
        }
        // What is not of this origin any more ends before the next begins.
        self.at = None;
        let asking = Asking::start(remote)?;
        let answered = self.ask(asking, remote);
        read(answered)
    }

    /// Asks, and keeps who answered.
    fn ask(&mut self, mut asking: Asking, remote: &Remote) -> Result<Vec<u8>, SandboxError> {
        let question = asking.question(remote).map_err(|_| SandboxError::Garbled("a question that cannot be put"))?;
        let wall = remote.limits.advertise_wall;
        let answer = asking.child.ask(&question, Patience { processor: wall, wall })?;
        asking.asked += 1;
        self.at = Some(asking);
        Ok(answer)
    }
}

impl Asking {
    fn start(remote: &Remote) -> Result<Self, VcsError> {
        let scratch = tempfile::tempdir().map_err(|e| VcsError::machine("scratch folder", &e))?;
        let limits = Limits { file_bytes: None, ..remote.sandbox_limits(remote.limits.advertise_wall) };
        let child = Kept::start(&remote.spec(), &limits, GREETING).map_err(|e| ended(&e))?;
        Ok(Self { child, scratch, origin: remote.url.origin().to_owned(), asked: 0 })
    }

    fn question(&self, remote: &Remote) -> Result<Vec<u8>, VcsError> {
        let folder: &Path = self.scratch.path();
        remote.request(&folder.join("empty.git"), Work::Advertise { refs: remote.limits.refs })
    }
}

fn read(answered: Result<Vec<u8>, SandboxError>) -> Result<Advertised, VcsError> {
    let answer = answered.map_err(|e| ended(&e))?;
    advertised(told(Answer::read(&answer).ok_or_else(mixed_up)?)?)
}
