//! The program that is measured: found or built, run, and watched from outside. Wall time is from start to exit; processor
//! time is `/proc/PID/stat` of the exited process before it is reaped, its own and its reaped children's; the peak of
//! resident memory is `VmHWM` of `/proc/PID/status`, read every few milliseconds while it runs, and of this process alone.

use crate::git;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the peak is read. It only grows, so all that can be missed is growth within the last of these.
const SAMPLE: Duration = Duration::from_millis(5);
/// A run that takes longer hangs: the largest fleet that this is meant for takes a minute.
const RUN_MAX: Duration = Duration::from_secs(900);
/// Units of `/proc/PID/stat` in a second; 100 for every program on Linux, whatever the kernel's own clock is.
const TICKS: f64 = 100.0;

/// One run.
pub struct Ran {
    /// From start to exit.
    pub wall_s: f64,
    /// Processor time of the process and the children that it waited for.
    pub processor_s: f64,
    /// The peak of resident memory of the process without its children.
    pub peak_mib: f64,
    /// Its exit code; none when it was killed.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> io::Result<Ran> {
    git::without_proxies(command);
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pid = Pid::from_child(&child);
    let (mut out, mut err) = (child.stdout.take().expect("piped above"), child.stderr.take().expect("piped above"));
    let exited = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let watcher = threads.spawn(|| watch(pid, began, &exited));
        let out = threads.spawn(move || read(&mut out));
        let err = threads.spawn(move || read(&mut err));
        // Not reaped by this: its accounts are still to be read, and its number is still its own.
        let waited = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let wall_s = began.elapsed().as_secs_f64();
        exited.store(true, Ordering::SeqCst);
        let peak_mib = watcher.join().expect("watching does not panic");
        let processor_s = processor_s(pid);
        let status = child.wait()?;
        waited?;
        let text = |thread: std::thread::ScopedJoinHandle<'_, Vec<u8>>| thread.join().expect("reading does not panic");
        Ok(Ran { wall_s, processor_s, peak_mib, code: status.code(), stdout: text(out), stderr: text(err) })
    })
}

fn read(pipe: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A pipe that breaks has ended.
    let _ = pipe.read_to_end(&mut bytes);
    bytes
}

/// Reads the peak until the process has exited, and kills it when it hangs. It is not reaped before this has returned, so
/// its number cannot have become another's.
fn watch(pid: Pid, began: Instant, exited: &AtomicBool) -> f64 {
    let (status, mut peak_kib) = (format!("/proc/{pid}/status"), 0.0_f64);
    while !exited.load(Ordering::SeqCst) {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        peak_kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0).max(peak_kib);
        if began.elapsed() > RUN_MAX {
            // It may have exited just now.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(SAMPLE);
    }
    peak_kib / 1024.0
}

fn processor_s(pid: Pid) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold anything, and ends at the last bracket. Fields 14 to 17 are times, and 3 follows the name.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields.iter().skip(11).take(4).filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The release binary: `target/release/ligase`, built first when it is missing or older than a source of it.
pub fn release(target: &Path) -> io::Result<PathBuf> {
    let program = target.join("release/ligase");
    if is_stale(&program, &target.join("release/ligase.d")) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace");
        let mut build = Command::new(cargo);
        build
            .args(["build", "--release", "--package", "ligase-cli", "--target-dir"])
            .arg(target)
            .current_dir(workspace);
        if !build.stdin(Stdio::null()).status()?.success() {
            return Err(io::Error::other("cargo build --release --package ligase-cli failed"));
        }
    }
    Ok(program)
}

fn is_stale(program: &Path, dep_info: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|m| m.modified());
    let (Ok(built), Ok(sources)) = (modified(program), fs::read_to_string(dep_info)) else { return true };
    // A make rule: the target, a colon, the sources; a blank in a name is escaped.
    let sources = sources.split_once(": ").map_or("", |(_, s)| s).replace("\\ ", "\0");
    sources.split_whitespace().any(|name| modified(Path::new(&name.replace('\0', " "))).map_or(true, |at| at > built))
}
