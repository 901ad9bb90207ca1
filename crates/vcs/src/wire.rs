//! The two messages between us and a child that talks to servers: JSON in frames, requests on stdin, an answer to each on
//! stdout. A greeting stands before the first answer, so that nothing which a loader prints is taken for one.

use ligase_domain::FailureReason;
use ligase_sandbox::read_frame;
use serde::{Deserialize, Serialize};

/// Version of both messages; parent and child are the same binary, so another one means that something is mixed up.
pub(crate) const VERSION: u32 = 2;
/// What a child writes before its first answer.
pub(crate) const GREETING: &[u8] = b"\x1eligase-vcs ";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) version: u32,
    pub(crate) url: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    /// A bare repository of ours: the cache, or an empty one for an advertisement.
    pub(crate) folder: String,
    pub(crate) work: Work,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Work {
    Advertise { refs: usize },
    Fetch { revision: String, ref_hint: Option<String>, refs: usize, received_bytes: u64, objects: u64 },
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Answer {
    Advertised { head: Option<String>, refs: Vec<(String, String)> },
    Fetched { received_bytes: u64, objects: u64 },
    Failed { reason: String, detail: String },
}

impl Answer {
    pub(crate) fn failed(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self::Failed { reason: reason.name().to_owned(), detail: detail.into() }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers always serialise")
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The first answer in what a child wrote that was asked one thing.
    pub(crate) fn find(stdout: &[u8]) -> Option<Self> {
        let start = stdout.windows(GREETING.len()).position(|w| w == GREETING)? + GREETING.len();
        let mut rest = &stdout[start..];
        let length = rest.len();
        Self::read(&read_frame(&mut rest, length).ok()??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_sandbox::write_frame;

    #[test]
    fn an_answer_is_found_among_noise_and_half_of_one_is_none() {
        let mut frame = GREETING.to_vec();
        write_frame(&mut frame, &Answer::Fetched { received_bytes: 7, objects: 3 }.to_bytes())
            .expect("memory takes it");
        let noisy = [b"running 1 test\n".as_slice(), &frame, b"test ok\n"].concat();
        assert!(matches!(Answer::find(&noisy), Some(Answer::Fetched { received_bytes: 7, objects: 3 })));
        assert!(Answer::find(&frame[..frame.len() - 3]).is_none());
        assert!(Answer::find(b"").is_none());
    }
}
