//! The git command with nothing of the machine's configuration, one at a time or several at once. It is the measure here,
//! and makes what is measured.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Git in a folder, cut off from every configuration but the repository's, and from proxies.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "fastimport.unpackLimit=0"]);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("LC_ALL", "C"),
    ] {
        command.env(name, value);
    }
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    without_proxies(&mut command);
    command
}

/// Takes the names of proxies from a command's environment: what is measured stays on the loopback address.
pub fn without_proxies(command: &mut Command) {
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.env("no_proxy", "*").env("NO_PROXY", "*");
}

/// Runs git; its standard output, or what it complained about.
pub fn run(folder: &Path, args: &[&str]) -> io::Result<String> {
    said(args, command(folder, args).output()?)
}

/// Runs git with bytes on its standard input.
pub fn run_with(folder: &Path, args: &[&str], stdin: &[u8]) -> io::Result<String> {
    let mut command = command(folder, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut pipe = child.stdin.take().expect("piped above");
    let output = std::thread::scope(|threads| {
        // What is wrong with a stream, git says itself.
        threads.spawn(move || drop(pipe.write_all(stdin)));
        child.wait_with_output()
    })?;
    said(args, output)
}

fn said(args: &[&str], output: std::process::Output) -> io::Result<String> {
    if !output.status.success() {
        return Err(io::Error::other(format!("git {args:?}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// Runs one git command for each of the arguments, so many at once, and says how long all took.
pub fn loop_over<T: Sync>(
    items: &[T],
    at_once: usize,
    one: impl Fn(usize, &T) -> Command + Sync,
) -> io::Result<Duration> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let began = Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..at_once {
            threads.spawn(|| {
                while let Some((index, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?)))
                {
                    let mut command = one(index, item);
                    let problem = match command.output() {
                        Ok(output) if output.status.success() => continue,
                        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
                        Err(error) => error.to_string(),
                    };
                    failed
                        .lock()
                        .expect("nobody panics while holding it")
                        .get_or_insert(format!("{command:?}: {problem}"));
                }
            });
        }
    });
    let took = began.elapsed();
    match failed.into_inner().expect("nobody panics while holding it") {
        Some(problem) => Err(io::Error::other(problem)),
        None => Ok(took),
    }
}
