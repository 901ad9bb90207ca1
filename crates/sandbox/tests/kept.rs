//! What a child that is kept promises, proved with real processes.

#![allow(clippy::unwrap_used)]

use ligase_sandbox::{Kept, Limits, Patience, SandboxError, Spec, read_frame, write_frame};
use std::time::{Duration, Instant};

const HELLO: &[u8] = b"hello\n";

fn shell(script: &str) -> Spec {
    Spec { inherit: vec!["PATH".into()], ..Spec::new("/bin/sh").arg("-c").arg(script) }
}

fn start(script: &str) -> Result<Kept, SandboxError> {
    let limits = Limits { stdout_bytes: 3 << 20, ..Limits::within(Duration::from_secs(10)) };
    Kept::start(&shell(script), &limits, HELLO)
}

fn patience(ms: u64) -> Patience {
    Patience { processor: Duration::from_millis(ms), wall: Duration::from_millis(ms) }
}

#[test]
fn questions_are_answered_one_after_the_other_and_noise_before_the_greeting_is_dropped() {
    let mut child = start("printf 'loading\\nhello\\n'; exec cat").unwrap();
    let large: Vec<u8> = (0..2_000_000u32).map(|n| n as u8).collect();
    for question in [b"one".as_slice(), b"", &large, b"two"] {
        assert_eq!(child.ask(question, patience(10_000)).unwrap(), question);
    }
}

#[test]
fn a_child_that_does_not_greet_is_refused() {
    assert!(matches!(start("exit 3"), Err(SandboxError::Ended { code: Some(3), signal: None })));
    assert!(matches!(start("exec yes"), Err(SandboxError::Garbled(_))));
}

#[test]
fn an_end_is_told_with_its_way() {
    let mut child = start("echo hello; head -c 4 >/dev/null; kill -9 $$").unwrap();
    let ended = child.ask(b"x", patience(10_000));
    assert!(matches!(ended, Err(SandboxError::Ended { signal: Some(9), .. })), "{ended:?}");
}

#[test]
fn both_clocks_end_an_answer_and_all_that_the_child_started() {
    let folder = tempfile::tempdir().unwrap();
    let ids = folder.path().join("ids");
    let sleeping = format!("echo hello; sleep 1000 & echo $! >{}; wait", ids.display());
    let started = Instant::now();
    let mut child = start(&sleeping).unwrap();
    let slow = Patience { processor: Duration::from_secs(100), wall: Duration::from_millis(300) };
    assert!(matches!(child.ask(b"x", slow), Err(SandboxError::TooSlow { .. })));
    drop(child);
    let pid = std::fs::read_to_string(&ids).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(!stat.contains("sleep") || stat.contains(") Z"), "{stat}");
    let mut child = start("echo hello; while :; do :; done").unwrap();
    let busy = Patience { processor: Duration::from_millis(200), wall: Duration::from_secs(100) };
    assert!(matches!(child.ask(b"x", busy), Err(SandboxError::TooSlow { .. })));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_answer_over_its_limit_or_beside_a_question_is_none() {
    // A length of 16 MiB.
    let mut child = start("echo hello; head -c 5 >/dev/null; printf '\\0\\0\\0\\001'; exec cat").unwrap();
    let flood = child.ask(b"x", patience(10_000));
    assert!(matches!(flood, Err(SandboxError::TooMuchOutput { .. })), "{flood:?}");
    let mut child = start("echo hello; head -c 5 >/dev/null; printf '\\001\\0\\0\\0ymore'; exec cat").unwrap();
    assert_eq!(child.ask(b"x", patience(10_000)).unwrap(), b"y");
    assert!(matches!(child.ask(b"x", patience(10_000)), Err(SandboxError::Garbled(_))));
}

#[test]
fn frames_are_read_as_they_were_written_and_half_of_one_is_an_error() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, b"abc").unwrap();
    assert_eq!(read_frame(&mut bytes.as_slice(), 3).unwrap().as_deref(), Some(b"abc".as_slice()));
    assert!(read_frame(&mut bytes.as_slice(), 2).is_err());
    assert!(read_frame(&mut &bytes[..6], 3).is_err());
    assert!(read_frame(&mut &bytes[..2], 3).unwrap().is_none());
}
