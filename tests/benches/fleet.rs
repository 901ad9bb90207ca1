//! The fleet as processes: one nats-server, one coordinator, two workers with one slot and one looking thread each, one
//! agent-runner, over a fleet of generated repositories behind a git server that counts.
//!
//! ```text
//! make bench-fleet REPOSITORIES=N
//! cargo bench -p ligase-tests --bench fleet -- [--repositories N] [--binary FILE]
//! cargo bench -p ligase-tests --bench fleet -- --part workers --trees DIR
//! ```
//!
//! | measured | beside it |
//! | --- | --- |
//! | cold sweep of N repositories, with remedies | itself with a tenth of N, where N is 1,000 at least |
//! | sweep of the unchanged fleet | `git ls-remote` of the same addresses, 8 at once |
//! | adopting a framework | nothing fetched, nothing looked at |
//! | processor time per repository with two workers | with one |
//! | the coordinator's processor time per repository | a worker's, and both where there is ten times as much to judge |
//! | tasks a second through the whole belt | the same server's client alone, with the same streams, payload and number held |
//! | a sweep whose workers come, are killed and are stopped meanwhile | nothing lost, nothing twice |
//!
//! Counts that are wrong fail it; what took how long is only reported, in `target/bench-fleet.json`. Read `fleet/sweeps.rs`
//! for what is measured, `fleet/processes.rs` for how, `fleet/made.rs` for what is swept.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

#[path = "ratios/git.rs"]
mod git;
#[path = "fleet/journal.rs"]
mod journal;
#[path = "fleet/made.rs"]
mod made;
#[path = "fleet/more.rs"]
mod more;
#[path = "fleet/packs.rs"]
mod packs;
#[path = "fleet/processes.rs"]
mod processes;
#[path = "ratios/program.rs"]
#[allow(dead_code, reason = "the other bench runs its program by it; this one only has it built")]
mod program;
#[path = "fleet/served.rs"]
mod served;
#[path = "fleet/sweeps.rs"]
mod sweeps;
#[path = "fleet/tasks.rs"]
mod tasks;
#[path = "ratios/text.rs"]
#[allow(dead_code, reason = "shared with the other bench, which makes other services of it")]
mod text;

use made::Density;
use serde_json::{Map, Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use sweeps::Bench;

/// Repositories, where nobody says how many.
const REPOSITORIES: usize = 10_000;
/// From so many on, a tenth of them is measured first, to see how time grows.
const GROWS_FROM: usize = 1_000;
/// Repositories of what is repeated: one worker beside two, and workers that come and go.
const REPEATED: usize = 200;
/// Tasks that look at nothing.
const TASKS: usize = 3_000;

const HELP: &str = "\
The fleet as processes, in one run on one machine

cargo bench -p ligase-tests --bench fleet -- [options]

  --repositories N   make so many repositories [default: 10000]
  --binary FILE      measure this program [default: target/release/ligase, built first when it is missing or older]
  --part NAME        measure whole, workers, come-and-go or tasks alone, print it and write nothing; workers and
                     come-and-go take 200 repositories where --repositories does not say
  --trees DIR        with --part workers: the git repositories of this folder, whatever they are, instead of made ones
  --dense            with --part: repositories of nothing but routes, log calls, models and resources
  --help             print this

The result goes to target/bench-fleet.json. Exit code 1: a count was wrong; 2: it could not be measured.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    // Without --bench it is a test runner that asks; this is no test.
    if !args.iter().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let after = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1)).cloned();
    let asked = after("--repositories");
    let said = asked.is_some();
    let count = asked.map_or(Ok(REPOSITORIES), |n| n.parse());
    let binary = after("--binary").map(|b| Path::new(&std::env::var_os("PWD").unwrap_or_default()).join(b));
    let part = after("--part");
    if part.as_ref().is_some_and(|p| !["whole", "workers", "come-and-go", "tasks"].contains(&p.as_str())) {
        eprintln!("--part: whole, workers, come-and-go or tasks\n\n{HELP}");
        return ExitCode::from(2);
    }
    let Ok(count @ 1..=999_999) = count else {
        eprintln!("--repositories: 1 to 999999\n\n{HELP}");
        return ExitCode::from(2);
    };
    let trees = after("--trees").map(PathBuf::from);
    if trees.is_some() && part.as_deref() != Some("workers") {
        eprintln!("--trees: with --part workers alone\n\n{HELP}");
        return ExitCode::from(2);
    }
    let density = if args.iter().any(|a| a == "--dense") { Density::Dense } else { Density::Usual };
    let repeated = if part.is_some() && said { count } else { REPEATED.min(count) };
    match measure(count, repeated, binary, part.as_deref(), density, trees.as_deref()) {
        Ok((report, wrong)) => {
            println!("{report:#}");
            wrong.iter().for_each(|w| eprintln!("WRONG: {w}"));
            if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(problem) => {
            eprintln!("fleet: {problem}");
            ExitCode::from(2)
        }
    }
}

/// The queue's server: `$LIGASE_NATS_SERVER`, or what `make nats` brings.
fn nats(target: &Path) -> io::Result<PathBuf> {
    let path =
        std::env::var_os("LIGASE_NATS_SERVER").map_or_else(|| target.join("tools/venv/bin/nats-server"), PathBuf::from);
    if path.is_file() { Ok(path) } else { Err(io::Error::other("there is no nats-server: run `make nats`")) }
}

fn first_line(command: &mut Command) -> io::Result<String> {
    let said = command.output()?.stdout;
    Ok(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Measures everything; the report, and what of it must not be. All folders and processes are gone when it returns.
fn measure(
    count: usize,
    repeated: usize,
    binary: Option<PathBuf>,
    part: Option<&str>,
    density: Density,
    trees: Option<&Path>,
) -> io::Result<(Value, Vec<String>)> {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = tmp.parent().expect("cargo's folder for temporary files lies in target");
    let binary = binary.map_or_else(|| program::release(target), Ok)?;
    let nats = nats(target)?;
    fs::create_dir_all(tmp)?;
    let folder = tempfile::Builder::new().prefix("fleet-").tempdir_in(tmp)?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut report = json!({
        "repositories": count,
        "machine": {
            "cores": cores, "load_before": load(), "ligase": first_line(Command::new(&binary).arg("--version"))?,
            "nats_server": first_line(Command::new(&nats).arg("--version"))?,
            "jetstream": "one node, one copy, sync_interval always",
        },
    });
    let bench = |name: &str, count: usize, density: Density| {
        let own = folder.path().join(name);
        fs::create_dir(&own)?;
        Bench::new(binary.clone(), nats.clone(), &own, count, density)
    };
    if let Some(trees) = trees {
        let (bench, mut wrong) = (Bench::over(binary, nats, folder.path(), trees)?, Vec::new());
        let mut measured = bench.workers(bench.count(), &mut wrong)?;
        measured["made"] = bench.made();
        measured["made"].as_object_mut().map(|made| made.remove("besides"));
        return Ok((measured, wrong));
    }
    let dense = || bench("dense", repeated, Density::Dense);
    let bench = bench("fleet", count, if part.is_some() { density } else { Density::Usual })?;
    let mut wrong = Vec::new();
    if let Some(part) = part {
        let measured = match part {
            "workers" => bench.workers(repeated, &mut wrong)?,
            "come-and-go" => bench.come_and_go(repeated, &mut wrong)?,
            "tasks" => bench.tasks(TASKS)?,
            _ => bench.whole("whole", count, &mut wrong)?,
        };
        return Ok((measured, wrong));
    }
    let mut growth = Vec::new();
    if count >= GROWS_FROM {
        growth.push(bench.whole("tenth", count / 10, &mut wrong)?);
    }
    let whole = bench.whole("whole", count, &mut wrong)?;
    let out = target.join("bench-fleet.json");
    let report_fields = |report: &mut Value, from: &Value| {
        let (Some(into), Some(from)) = (report.as_object_mut(), from.as_object()) else { return };
        into.extend(from.iter().map(|(name, value)| (name.clone(), value.clone())));
    };
    report_fields(&mut report, &whole);
    growth.push(whole);
    report["growth"] = growth.iter().map(grown).collect();
    report["made"] = bench.made();
    // What is known is kept, should the rest not come to its end.
    fs::write(&out, format!("{report:#}\n"))?;
    report["workers"] = bench.workers(repeated, &mut wrong)?;
    let dense = dense()?;
    report["dense"] = json!({ "made": dense.made(), "workers": dense.workers(repeated, &mut wrong)? });
    report["come_and_go"] = bench.come_and_go(repeated, &mut wrong)?;
    report_fields(&mut report, &bench.tasks(TASKS)?);
    report["machine"]["load_after"] = json!(load());
    fs::write(&out, format!("{report:#}\n"))?;
    Ok((report, wrong))
}

/// What of a whole run tells how time grows.
fn grown(whole: &Value) -> Value {
    let mut row = Map::new();
    for name in ["repositories", "cold", "unchanged", "adopt", "processor_seconds_per_repository", "peak_rss_bytes"] {
        row.insert(name.to_owned(), whole[name].clone());
    }
    Value::Object(row)
}
