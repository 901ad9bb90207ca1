//! The two messages between us and a child that talks to a server: JSON, one request on stdin, one framed answer on
//! stdout. The frame has a mark in front, so that nothing which a library prints is taken for an answer.

use ligase_domain::FailureReason;
use serde::{Deserialize, Serialize};

/// Version of both messages; parent and child are the same binary, so another one means that something is mixed up.
pub(crate) const VERSION: u32 = 1;
const MARK: &[u8] = b"\x1eligase-answer ";

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

    pub(crate) fn frame(&self) -> Vec<u8> {
        let body = serde_json::to_vec(self).expect("texts and numbers always serialise");
        let mut frame = MARK.to_vec();
        frame.extend_from_slice(format!("{}\n", body.len()).as_bytes());
        frame.extend_from_slice(&body);
        frame.push(b'\n');
        frame
    }

    /// The last whole frame in what a child wrote.
    pub(crate) fn find(stdout: &[u8]) -> Option<Self> {
        let start = stdout.windows(MARK.len()).rposition(|w| w == MARK)? + MARK.len();
        let rest = &stdout[start..];
        let line = rest.iter().position(|b| *b == b'\n')?;
        let length: usize = std::str::from_utf8(&rest[..line]).ok()?.parse().ok()?;
        serde_json::from_slice(rest.get(line + 1..)?.get(..length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_among_noise_and_half_of_one_is_none() {
        let frame = Answer::Fetched { received_bytes: 7, objects: 3 }.frame();
        let noisy = [b"running 1 test\n".as_slice(), &frame, b"test ok\n"].concat();
        assert!(matches!(Answer::find(&noisy), Some(Answer::Fetched { received_bytes: 7, objects: 3 })));
        assert!(Answer::find(&frame[..frame.len() - 3]).is_none());
        assert!(Answer::find(b"").is_none());
    }
}
