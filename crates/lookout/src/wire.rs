//! The messages between us and a child that looks. Parent and child are one program, so there is one version of each; what
//! comes from a child that may have been broken by a repository's bytes is read as any hostile bytes are: bounded, total.
//!
//! First an opening (the catalog's files that shape looking) and the digest of the probe set that the child made of it, then
//! questions (a path class, a file's bytes) and answers.

use ligase_catalog::CatalogFile;
use ligase_domain::{Digest, FileObservations, PathClass};
use ligase_probe::{Blind, MAX_FILE_BYTES};
use ligase_record::{decode_file_observations, encode_file_observations};
use std::borrow::Cow;

/// What a child says before anything else; the last byte counts up with the messages' form.
pub const GREETING: &[u8] = b"\x1eligase-lookout 1";
/// The largest opening: all catalogs that are at hand have a hundredth of it.
pub const OPENING_BYTES_MAX: usize = 64 << 20;
/// The largest question: a file with its class.
pub const QUESTION_BYTES_MAX: usize = MAX_FILE_BYTES as usize + 1024;
/// The largest answer: 2,000 observations of 4 KiB, written at their worst.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What is told of a crash.
const HOW_BYTES_MAX: usize = 300;

const SEEN: u8 = 0;
const CRASHED: u8 = 1;
const READY: u8 = 2;
const REFUSED: u8 = 3;

/// What is wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WireError {
    /// It ends too early, or goes on after its end.
    #[error("of another length than it says")]
    Length,
    /// A text is not UTF-8, or a name is not known.
    #[error("with a name that is none")]
    Name,
    /// A field does not read as what it should be.
    #[error("of another form")]
    Form,
}

/// The opening: the catalog's files, path and bytes.
pub fn write_opening<'f>(files: impl IntoIterator<Item = &'f CatalogFile>) -> Vec<u8> {
    let mut out = Vec::new();
    for file in files {
        field(&mut out, file.path.as_bytes());
        field(&mut out, &file.bytes);
    }
    out
}

/// The files of an opening.
pub fn read_opening(mut bytes: &[u8]) -> Result<Vec<CatalogFile>, WireError> {
    let mut files = Vec::new();
    while !bytes.is_empty() {
        let path = std::str::from_utf8(take(&mut bytes)?).map_err(|_| WireError::Name)?.to_owned();
        let content = take(&mut bytes)?.to_vec();
        files.push(CatalogFile { path: Cow::Owned(path), bytes: Cow::Owned(content) });
    }
    Ok(files)
}

/// The answer to an opening: the probe set's digest, or that the catalog does not load.
pub fn write_ready(digest: Option<Digest>) -> Vec<u8> {
    match digest {
        Some(digest) => [&[READY], digest.as_bytes().as_slice()].concat(),
        None => vec![REFUSED],
    }
}

/// The probe set that a child made of an opening; `None` where the catalog does not load.
pub fn read_ready(bytes: &[u8]) -> Result<Option<Digest>, WireError> {
    match bytes.split_first() {
        Some((&REFUSED, [])) => Ok(None),
        Some((&READY, rest)) => {
            let digest: [u8; 32] = rest.try_into().map_err(|_| WireError::Length)?;
            Ok(Some(Digest::from_bytes(digest)))
        }
        _ => Err(WireError::Form),
    }
}

/// A question: what do these bytes of this class show?
pub fn write_question(class: &PathClass, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    field(&mut out, class.to_string().as_bytes());
    out.extend_from_slice(bytes);
    out
}

/// The class and the bytes of a question.
pub fn read_question(mut bytes: &[u8]) -> Result<(PathClass, &[u8]), WireError> {
    let class = std::str::from_utf8(take(&mut bytes)?).map_err(|_| WireError::Name)?;
    Ok((PathClass::parse(class).ok_or(WireError::Name)?, bytes))
}

/// An answer.
pub fn write_answer(answer: &Result<FileObservations, Blind>) -> Vec<u8> {
    let crashed = |how: &str| {
        let cut = how.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= HOW_BYTES_MAX).last();
        [&[CRASHED], &how.as_bytes()[..cut.unwrap_or(0)]].concat()
    };
    match answer {
        Ok(seen) => match encode_file_observations(seen) {
            Ok(bytes) => [&[SEEN], bytes.as_slice()].concat(),
            Err(error) => crashed(&format!("what was seen cannot be written: {error}")),
        },
        Err(Blind::Crashed(how) | Blind::Machine(how)) => crashed(how),
        Err(Blind::TooSlow) => crashed("too slow"),
    }
}

/// What an answer says.
pub fn read_answer(bytes: &[u8]) -> Result<Result<FileObservations, Blind>, WireError> {
    match bytes.split_first() {
        Some((&SEEN, rest)) => decode_file_observations(rest).map(Ok).map_err(|_| WireError::Form),
        Some((&CRASHED, rest)) if rest.len() <= HOW_BYTES_MAX => {
            Ok(Err(Blind::Crashed(String::from_utf8_lossy(rest).into_owned())))
        }
        _ => Err(WireError::Form),
    }
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // Longer than four gigabytes is nothing that this program holds; such a field would be refused by its reader.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take<'b>(from: &mut &'b [u8]) -> Result<&'b [u8], WireError> {
    let (length, rest) = from.split_first_chunk::<4>().ok_or(WireError::Length)?;
    let (field, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(WireError::Length)?;
    *from = rest;
    Ok(field)
}
