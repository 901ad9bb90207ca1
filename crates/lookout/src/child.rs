//! The child's side: one opening, then a question and an answer until its parent closes stdin. It gets bytes and a class and
//! nothing else: no path, no repository, no credential, no network.
//!
//! A panic is an answer; an abort, a stack that overflows and a loop without end are for the parent to notice.

use crate::wire::{
    GREETING, OPENING_BYTES_MAX, QUESTION_BYTES_MAX, read_opening, read_question, write_answer, write_ready,
};
use ligase_probe::{Blind, ProbeSet, Sight};
use ligase_sandbox::{die_with_parent, read_frame, write_frame};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::sync::Mutex;

/// Where the last panic happened. Its message is not kept: it may quote the file.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Looks for whoever stands at the other end of these pipes.
pub fn main(stdin: impl Read, stdout: impl Write) -> std::io::Result<()> {
    die_with_parent();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        if let Ok(mut last) = LAST.lock() {
            *last = format!("a probe panicked at {}", place.as_deref().unwrap_or("an unknown place"));
        }
    }));
    serve(stdin, stdout, |set| set)
}

/// The same with eyes that are made of the probe set.
pub fn serve<S: Sight>(stdin: impl Read, stdout: impl Write, eyes: impl FnOnce(ProbeSet) -> S) -> std::io::Result<()> {
    let (mut from, mut to) = (BufReader::with_capacity(64 << 10, stdin), BufWriter::with_capacity(64 << 10, stdout));
    to.write_all(GREETING)?;
    to.flush()?;
    let Some(opening) = read_frame(&mut from, OPENING_BYTES_MAX)? else { return Ok(()) };
    let files = read_opening(&opening).map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e))?;
    let set = ProbeSet::load(&files).ok();
    write_frame(&mut to, &write_ready(set.as_ref().map(ProbeSet::digest)))?;
    to.flush()?;
    let Some(set) = set else { return Ok(()) };
    let eyes = eyes(set);
    while let Some(question) = read_frame(&mut from, QUESTION_BYTES_MAX)? {
        let (class, bytes) = read_question(&question).map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e))?;
        let answer = eyes.see(&class, bytes).map_err(with_place);
        write_frame(&mut to, &write_answer(&answer))?;
        to.flush()?;
    }
    Ok(())
}

/// A crash with the place that the panic hook noted.
fn with_place(blind: Blind) -> Blind {
    let noted = LAST.lock().map(|mut last| std::mem::take(&mut *last)).unwrap_or_default();
    match blind {
        Blind::Crashed(_) if !noted.is_empty() => Blind::Crashed(noted),
        other => other,
    }
}
