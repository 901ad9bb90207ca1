//! What the cell promises, proved with real processes.

use ligase_sandbox::{Limits, SandboxError, Spec, run, run_until};
use std::path::Path;
use std::time::{Duration, Instant};

fn shell(script: &str) -> Spec {
    Spec { inherit: vec!["PATH".into()], ..Spec::new("/bin/sh").arg("-c").arg(script) }
}

fn within(ms: u64) -> Limits {
    Limits::within(Duration::from_millis(ms))
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits until `file` has `lines` lines: ids that the children wrote.
fn ids(file: &Path, lines: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let ids: Vec<String> = text.lines().map(str::to_owned).collect();
        if ids.len() >= lines || Instant::now() > until {
            return ids;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn bytes_go_in_and_come_out_with_the_code() {
    let finished = run(&shell("cat; echo fine >&2; exit 3"), &within(5000), b"frame").unwrap();
    assert_eq!((finished.code, finished.signal), (Some(3), None));
    assert_eq!((finished.stdout.as_slice(), finished.stderr.as_slice()), (&b"frame"[..], &b"fine\n"[..]));
}

#[test]
fn more_input_than_a_pipe_holds_passes_both_ways() {
    let input: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    let limits = Limits { stdout_bytes: input.len(), ..within(10_000) };
    assert_eq!(run(&shell("cat"), &limits, &input).unwrap().stdout, input);
}

#[test]
fn a_child_that_reads_nothing_is_no_error() {
    let finished = run(&shell("exit 0"), &within(5000), &vec![0; 1 << 20]).unwrap();
    assert_eq!(finished.code, Some(0));
}

#[test]
fn a_child_that_never_ends_is_killed_at_its_limit() {
    let start = Instant::now();
    let error = run(&shell("echo began >&2; while :; do sleep 1; done"), &within(300), b"").unwrap_err();
    assert!(matches!(&error, SandboxError::TooSlow { stderr, .. } if stderr == b"began\n"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_child_that_ignores_signals_is_killed_too() {
    let error = run(&shell("trap '' TERM INT HUP; while :; do :; done"), &within(300), b"").unwrap_err();
    assert!(matches!(error, SandboxError::TooSlow { .. }));
}

#[test]
fn a_flood_on_stdout_ends_the_run_and_one_on_stderr_is_cut() {
    let start = Instant::now();
    let error = run(&shell("while :; do echo flood; done"), &Limits { stdout_bytes: 1000, ..within(20_000) }, b"");
    assert!(matches!(error, Err(SandboxError::TooMuchOutput { limit: 1000 })));
    assert!(start.elapsed() < Duration::from_secs(10));
    let limits = Limits { stderr_bytes: 100, ..within(10_000) };
    let finished =
        run(&shell("i=0; while [ $i -lt 5000 ]; do echo flood >&2; i=$((i+1)); done; echo ok"), &limits, b"");
    let finished = finished.unwrap();
    assert_eq!((finished.stdout.as_slice(), finished.stderr.len(), finished.stderr_cut), (&b"ok\n"[..], 100, true));
}

#[test]
fn grandchildren_die_with_a_child_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids");
    let script = format!(
        "(echo $(exec sh -c 'echo $PPID') >> {0}; sleep 60) & (setsid sh -c 'echo $$ >> {0}; sleep 60') & sleep 60",
        file.display()
    );
    let error = run(&shell(&script), &within(700), b"").unwrap_err();
    assert!(matches!(error, SandboxError::TooSlow { .. }));
    let ids = ids(&file, 2);
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.iter().all(|id| !is_alive(id)), "{ids:?}");
}

#[test]
fn a_grandchild_that_left_the_group_dies_when_the_child_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids");
    // Twice forked, in a session of its own, holding our pipes open: what a daemon does.
    let script = format!(
        "setsid sh -c '(echo $$ > {0}; exec sleep 60) & wait' & while [ ! -s {0} ]; do sleep 0.01; done; echo ok",
        file.display()
    );
    let start = Instant::now();
    let finished = run(&shell(&script), &within(10_000), b"").unwrap();
    assert_eq!(finished.stdout, b"ok\n");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(ids(&file, 1).iter().all(|id| !is_alive(id)));
}

#[test]
fn only_named_variables_reach_the_child() {
    let spec = Spec {
        inherit: vec!["PATH".into(), "LIGASE_NO_SUCH".into()],
        ..Spec::new("/usr/bin/env").variable("GIVEN", "yes")
    };
    let text = String::from_utf8(run(&spec, &within(5000), b"").unwrap().stdout).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|l| l.split('=').next()).collect();
    names.retain(|n| !n.starts_with("LIGASE_CELL_"));
    names.sort_unstable();
    assert_eq!(names, ["GIVEN", "PATH"]);
}

#[test]
fn memory_processor_time_and_files_are_limited() {
    let limits = Limits { address_space_bytes: Some(64 << 20), ..within(10_000) };
    let finished =
        run(&shell("read go; head -c 500000000 /dev/zero | tail -c 400000000 | wc -c"), &limits, b"go\n").unwrap();
    assert_ne!(finished.stdout, b"400000000\n");
    let limits = Limits { processor_seconds: Some(1), ..within(20_000) };
    let finished = run(&shell("read go; while :; do :; done"), &limits, b"go\n").unwrap();
    assert!(finished.signal.is_some());
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { file_bytes: Some(4096), ..within(10_000) };
    let script = format!("read go; head -c 100000 /dev/zero > {}/f; echo $?", folder.path().display());
    run(&shell(&script), &limits, b"go\n").unwrap();
    assert!(std::fs::metadata(folder.path().join("f")).unwrap().len() <= 4096);
}

#[test]
fn a_missing_program_and_a_stopped_caller_are_told() {
    assert!(matches!(run(&Spec::new("/no/such/program"), &within(1000), b""), Err(SandboxError::Start { .. })));
    let start = Instant::now();
    let error = run_until(&shell("sleep 60"), &within(60_000), b"", &|| start.elapsed() > Duration::from_millis(100));
    assert!(matches!(error, Err(SandboxError::Stopped)));
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn many_runs_at_once_do_not_hit_one_another() {
    std::thread::scope(|scope| {
        for n in 0..8u8 {
            scope.spawn(move || {
                for _ in 0..10 {
                    let finished = run(&shell("sleep 0.01; cat"), &within(20_000), &[b'0' + n]).unwrap();
                    assert_eq!(finished.stdout, [b'0' + n]);
                }
            });
        }
    });
}
