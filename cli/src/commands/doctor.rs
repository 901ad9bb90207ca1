//! `ligase doctor`: whether this machine has what Ligase needs, one line for each thing, with what to do where it has not.
//!
//! It asks and tries; it repairs nothing, and makes no folder that was not there. What fails keeps Ligase from working; a
//! warning says what it will do less of. What a fleet needs beside (`--nats`, `--coordinator`, `--cert`) is in `doctor/fleet.rs`.

mod fleet;

use crate::args::Doctor;
use crate::failure::{Exit, Failure};
use crate::fleet::settings;
use crate::local;
use crate::looks;
use crate::output::{self, style, styled, table};
use anstream::println;
use ligase_remedy::RemedySet;
use ligase_runtime::SystemClock;
use serde_json::json;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

/// Less free space than this fails: a store that is full stops in the middle of a sweep.
const SPACE_FAILS: u64 = 64 << 20;
/// Less than this is a warning: a fetched repository of some size fills it.
const SPACE_WARNS: u64 = 1 << 30;
/// 2026-01-01 and 2100-01-01: outside of them a clock was never set.
const CLOCK_FROM_MS: i64 = 1_767_225_600_000;
const CLOCK_UNTIL_MS: i64 = 4_102_444_800_000;
/// A file that is newer than now by more than this was written by another clock.
const CLOCK_SKEW_MS: i64 = 120_000;

/// How one thing is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Ok => style::GREEN,
            Self::Warn => style::YELLOW,
            Self::Fail => style::RED,
        }
    }
}

/// One line.
struct Line {
    what: String,
    state: State,
    /// The stable code of what is not well; its page is `ops/runbooks/CODE.md`, or that of the code's beginning.
    code: String,
    says: String,
    remedy: String,
}

fn line(what: impl Into<String>, state: State, says: impl Into<String>, remedy: impl Into<String>) -> Line {
    coded("E-DOCTOR", what, state, says, remedy)
}

/// A line whose finding has a code of its own.
fn coded(
    code: &str,
    what: impl Into<String>,
    state: State,
    says: impl Into<String>,
    remedy: impl Into<String>,
) -> Line {
    let (code, remedy) = match state {
        State::Ok => Default::default(),
        _ => (code.to_owned(), remedy.into()),
    };
    Line { what: what.into(), state, code, says: says.into(), remedy }
}

/// Runs it.
pub fn run(args: &Doctor, as_json: bool) -> Result<Exit, Failure> {
    let mut lines = vec![
        line("ligase", State::Ok, format!("{} for {}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH), ""),
        catalog(args),
        git(),
    ];
    lines.extend(sandbox());
    lines.push(clock(&args.state));
    lines.extend(state(&args.state, !args.remote.coordinator.is_empty()));
    let unknown = settings::unknown_names().into_iter();
    let remedy = "mend the name, or take it out of the environment: nothing reads it";
    lines.extend(unknown.map(|says| coded("E-CONFIG-NAME", "environment", State::Warn, says, remedy)));
    lines.push(cache());
    lines.extend(args.caches.iter().map(|folder| space("fetched repositories' space", &nearest(folder))));
    lines.extend(fleet::lines(args)?);
    let failed = lines.iter().any(|l| l.state == State::Fail);
    if as_json {
        let text = crate::rows::text;
        let row = |l: &Line| json!({ "what": l.what, "state": l.state.name(), "code": text(&l.code), "says": text(&l.says), "remedy": text(&l.remedy) });
        output::json(&json!({ "ok": !failed, "checks": lines.iter().map(row).collect::<Vec<_>>() }));
    } else {
        print(&lines);
    }
    Ok(if failed { Exit::Findings } else { Exit::Holds })
}

fn print(lines: &[Line]) {
    let row = |l: &Line| vec![styled(l.state.colour(), l.state.name()), l.what.clone(), l.says.clone()];
    table(&["", "", ""], lines.iter().map(row).collect());
    for one in lines.iter().filter(|l| !l.remedy.is_empty()) {
        println!("\n{} {} ({}): {}", styled(style::BOLD, "do:"), one.what, one.code, one.remedy);
    }
}

fn catalog(args: &Doctor) -> Line {
    let loaded =
        local::inspector(args.catalog.as_deref()).map_err(|failure| failure.to_string()).and_then(|inspector| {
            match RemedySet::load(inspector.files()) {
                Ok(remedies) => Ok((
                    inspector.catalog().constraints().len(),
                    inspector.catalog().frameworks().len(),
                    remedies.iter().count(),
                )),
                Err(errors) => Err(format!("{} remedies do not read", errors.len())),
            }
        });
    match loaded {
        Ok((constraints, frameworks, remedies)) => {
            let says = format!("{constraints} constraints, {frameworks} frameworks, {remedies} remedies");
            line("catalog", State::Ok, says, "")
        }
        Err(says) => line(
            "catalog",
            State::Fail,
            says,
            "run `ligase catalog lint` with the same --catalog, and mend what it names",
        ),
    }
}

/// Reading repositories takes no program; people and CI servers need one.
fn git() -> Line {
    let said = Command::new("git").arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    match said {
        Ok(out) if out.status.success() => {
            line("git", State::Ok, String::from_utf8_lossy(&out.stdout).trim().to_owned(), "")
        }
        _ => line(
            "git",
            State::Warn,
            "there is no git on the path; repositories are read all the same",
            "install git to work with the pull requests' branches",
        ),
    }
}

fn sandbox() -> Vec<Line> {
    let probed = ligase_sandbox::probe();
    let remedy = "install bubblewrap and util-linux, and allow unprivileged user namespaces; until then a service's own tests are \
                  not run, and every patch is unverified";
    let mut lines = vec![match (&probed.refused, &probed.program) {
        (None, Some(program)) => line("sandbox", State::Ok, format!("every wall of {} stands", program.display()), ""),
        (None, None) => line("sandbox", State::Warn, "nothing was tried", remedy),
        (Some(why), _) => {
            line("sandbox", State::Warn, format!("a repository's tests cannot be run here: {why}"), remedy)
        }
    }];
    lines.extend(probed.layers.iter().map(|layer| {
        let (state, says) = if layer.active { (State::Ok, "stands") } else { (State::Warn, layer.says.as_str()) };
        line(format!("sandbox: {}", layer.name), state, says, remedy)
    }));
    lines
}

fn clock(state: &Path) -> Line {
    let now = SystemClock.now_ms();
    let remedy = "set the clock, and let it follow a time server: dates of waivers and of the journal are read by it";
    if !(CLOCK_FROM_MS..CLOCK_UNTIL_MS).contains(&now) {
        return line("clock", State::Fail, format!("it says {} seconds since 1970", now / 1000), remedy);
    }
    let ahead = newest_ms(&state.join("journal")).map_or(0, |newest| newest - now);
    if ahead > CLOCK_SKEW_MS {
        let says = format!("the journal was written {} seconds from now: the clock has gone back", ahead / 1000);
        return line("clock", State::Fail, says, remedy);
    }
    line("clock", State::Ok, "after 2026, and no earlier than what was written last", "")
}

fn newest_ms(folder: &Path) -> Option<i64> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let modified = entries.filter_map(|e| e.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    modified.filter_map(|d| i64::try_from(d.as_millis()).ok()).max()
}

/// The state folder, or where it would be made.
fn state(state: &Path, served: bool) -> Vec<Line> {
    let full = std::path::absolute(state).unwrap_or_else(|_| state.to_path_buf());
    let there = nearest(&full);
    let mut lines = vec![match (full.is_dir(), full.exists()) {
        (false, true) => {
            line("state folder", State::Fail, format!("{} is no folder", full.display()), "name a folder with --state")
        }
        (is_there, _) => match writable(&there) {
            Ok(()) if is_there => line("state folder", State::Ok, format!("{} can be written", full.display()), ""),
            Ok(()) => {
                line("state folder", State::Ok, format!("{} is not there yet and can be made", full.display()), "")
            }
            Err(why) => line(
                "state folder",
                State::Fail,
                format!("{}: {why}", there.display()),
                "make it writable, or name another with --state",
            ),
        },
    }];
    lines.push(space("state folder's space", &there));
    if full.join("LOCK").is_file() {
        lines.push(lock(&full.join("LOCK"), served));
    }
    lines
}

/// Whether somebody holds the store. It is taken for a moment and given back, and nothing of it is read.
fn lock(path: &Path, served: bool) -> Line {
    let taken = File::open(path).map(|file| file.try_lock().map(|()| file.unlock()));
    match taken {
        Ok(Ok(_)) => line("state folder's lock", State::Ok, "nobody holds it", ""),
        Ok(Err(TryLockError::WouldBlock)) if served => {
            line("state folder's lock", State::Ok, "a process has the store open, as a coordinator that leads does", "")
        }
        Ok(Err(TryLockError::WouldBlock)) => {
            let remedy = "let it end, or stop it: `ligase sweep` and its questions have to wait until then";
            line("state folder's lock", State::Warn, "another process has the store open", remedy)
        }
        Ok(Err(TryLockError::Error(e))) | Err(e) => line(
            "state folder's lock",
            State::Fail,
            e.to_string(),
            "put the state folder on a file system that has locks",
        ),
    }
}

fn cache() -> Line {
    let remedy = "set LIGASE_CACHE to a folder that can be written; without it every look begins anew";
    let Some(folder) = looks::folder() else {
        return line("cache folder", State::Warn, "there is no place for it", remedy);
    };
    let there = nearest(&folder);
    match writable(&there) {
        Ok(()) => {
            let space = space("cache folder", &there);
            Line { says: format!("{}: {}", folder.display(), space.says), ..space }
        }
        Err(why) => line("cache folder", State::Warn, format!("{}: {why}", there.display()), remedy),
    }
}

/// The folder itself, or the nearest one above it that is there.
pub fn nearest(folder: &Path) -> PathBuf {
    folder.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/")).to_path_buf()
}

/// Tried and not asked: permissions do not tell of a file system that is read only.
pub fn writable(folder: &Path) -> Result<(), String> {
    tempfile::tempfile_in(folder).map(drop).map_err(|e| e.to_string())
}

fn space(what: &str, folder: &Path) -> Line {
    let remedy = "make room, or name a folder on another file system";
    match rustix::fs::statvfs(folder) {
        Err(error) => line(what, State::Warn, error.to_string(), remedy),
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let state = match free {
                n if n < SPACE_FAILS => State::Fail,
                n if n < SPACE_WARNS => State::Warn,
                _ => State::Ok,
            };
            line(what, state, format!("{} MiB are free", free >> 20), remedy)
        }
    }
}
