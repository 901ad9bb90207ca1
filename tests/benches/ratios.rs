//! Speed as ratios: what Ligase does beside what any program would have to do for the same, in one run on one machine.
//! Nothing here asserts a duration; what it does insist on are counts (clones, requests, files looked at), and it fails
//! when one of them is wrong.
//!
//! ```text
//! cargo bench -p ligase-tests --bench ratios -- [--repositories N] [--from DIR] [--binary FILE]
//! ```
//!
//! It makes N bare repositories (or copies those of DIR), serves them over smart HTTP on the loopback address, runs the
//! release binary on them, and prints a table; the same stands in `target/bench-ratios.json`. Each timing is the best of
//! three; the rounds of the two sides of a ratio take turns, so that a machine that gets busy slows both. Server, clients
//! and Ligase share the machine's cores, on both sides of each ratio.
//!
//! | measurement | beside it |
//! | --- | --- |
//! | cold sweep: list, fetch, look, judge, record | `git clone --bare --depth 1` of the same addresses, 2 at once |
//! | second sweep of the unchanged fleet | `git ls-remote` of them, as many at once as a sweep asks (8); 2 at once |
//! | sweep after one changed file | the second sweep |
//! | adopting a framework: every service judged anew, nothing fetched, nothing looked at | the cold sweep |
//! | records made durable one by one, by 256 | appending the same bytes to a plain file and syncing it as often |
//! | judging 300 observations × 100 clauses, one thread | reading those observations back from their record |
//!
//! The plan is not carried out (`sweep --plan`): remedies are measured where they are tested. Read `ratios/fleet.rs` for
//! what is swept, `ratios/server.rs` for what is counted, and `ratios/program.rs` for how a process is measured.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

#[path = "ratios/fleet.rs"]
mod fleet;
#[path = "ratios/git.rs"]
mod git;
#[path = "ratios/library.rs"]
mod library;
#[path = "ratios/program.rs"]
mod program;
#[path = "ratios/report.rs"]
mod report;
#[path = "ratios/server.rs"]
mod server;
#[path = "ratios/text.rs"]
mod text;

use fleet::Fleet;
use program::Ran;
use report::{Exact, Figure, Report, Row, Unit};
use serde_json::Value;
use server::{Counts, Server};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Rounds of each timing.
const ROUNDS: usize = 3;
/// Slots of a sweep, and clones at once beside it.
const AT_ONCE: usize = 2;
/// Addresses that a sweep asks for their heads at once, and so the `git ls-remote`s beside it.
const HEADS_AT_ONCE: usize = 8;
/// What a second sweep may cost beside asking every address for its head.
const SECOND_SWEEP_BOUND: f64 = 1.2;

const HELP: &str = "\
Ratios of what Ligase does to what any program would have to do, in one run on one machine

cargo bench -p ligase-tests --bench ratios -- [options]

  --repositories N   make so many repositories [default: 40]
  --from DIR         take copies of the bare repositories in DIR instead
  --binary FILE      measure this program [default: target/release/ligase, built first when it is missing or older]
  --help             print this

The table also goes to target/bench-ratios.json. Exit code 1: a count was wrong; 2: it could not be measured.";

struct Options {
    repositories: usize,
    from: Option<PathBuf>,
    binary: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Without --bench it is a test runner that asks; this is no test.
    if !args.iter().any(|a| a == "--bench" || a == "--help") {
        return ExitCode::SUCCESS;
    }
    let options = match options(args.into_iter().filter(|a| a != "--bench")) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("{problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match measure(&options) {
        Ok(report) => {
            println!("\n{}", report.text());
            if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(problem) => {
            eprintln!("ratios: {problem}");
            ExitCode::from(2)
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options { repositories: 40, from: None, binary: None };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        // Cargo runs this in the package's folder; whoever names a path means the folder that they stand in.
        let path = |text: String| Path::new(&std::env::var_os("PWD").unwrap_or_default()).join(text);
        match arg.as_str() {
            "--help" => return Ok(None),
            "--repositories" => options.repositories = value()?.parse().map_err(|e| format!("--repositories: {e}"))?,
            "--from" => options.from = Some(path(value()?)),
            "--binary" => options.binary = Some(path(value()?)),
            _ => return Err(format!("{arg} is not known")),
        }
    }
    if options.repositories == 0 { Err("--repositories: at least 1".to_owned()) } else { Ok(Some(options)) }
}

/// Measures everything. All folders and processes of it are gone when it returns.
fn measure(options: &Options) -> io::Result<Report> {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = tmp.parent().expect("cargo's folder for temporary files lies in target");
    let binary = options.binary.clone().map_or_else(|| program::release(target), Ok)?;
    fs::create_dir_all(tmp)?;
    forget_killed(tmp);
    let folder = tempfile::Builder::new().prefix(&format!("ratios-{}-", std::process::id())).tempdir_in(tmp)?;
    let root = folder.path().join("repositories");
    fs::create_dir(&root)?;
    eprintln!("making the fleet");
    let fleet = match &options.from {
        Some(from) => Fleet::copy(&root, from)?,
        None => Fleet::generate(&root, options.repositories)?,
    };
    let (mut report, load_before) = (Report::default(), load());
    machine(&mut report, &binary)?;
    let made = if options.from.is_some() { "copied" } else { "made here" };
    report.fact("fleet", format!(
        "{} repositories, {made}; {} files, {} kB, {} kB a repository; {} % of the files have a content of their repository's own",
        fleet.names.len(), fleet.files, fleet.bytes / 1000, fleet.bytes / 1000 / fleet.names.len() as u64, fleet.unique_percent,
    ));
    if !fleet.left_out.is_empty() {
        report.fact("left out", format!("{}: their heads lack objects", fleet.left_out.join(", ")));
    }
    let server = Server::start(&root)?;
    let urls = fleet.names.iter().map(|n| server.url(n)).collect();
    let bench = Bench { binary, folder: folder.path().to_owned(), fleet, server, urls };
    bench.sweeps(&mut report)?;
    eprintln!("records and judging");
    libraries(&bench.folder, &mut report)?;
    report.note("load of the machine", format!("{load_before} before, {} after (1, 5, 15 minutes)", load()));
    let out = target.join("bench-ratios.json");
    fs::write(&out, format!("{:#}\n", report.json()))?;
    Ok(report)
}

/// Removes folders of runs that were killed.
fn forget_killed(tmp: &Path) {
    for entry in fs::read_dir(tmp).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("ratios-").and_then(|rest| rest.split('-').next()).map(str::to_owned);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // What cannot be removed harms nobody.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn machine(report: &mut Report, binary: &Path) -> io::Result<()> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |(_, m)| m);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    report.fact("machine", format!("{cores} cores ({}), Linux {}", model.trim(), kernel.trim()));
    let version = |command: &mut Command| -> io::Result<String> {
        Ok(String::from_utf8_lossy(&command.output()?.stdout).trim().to_owned())
    };
    let versions = [version(Command::new(binary).arg("--version"))?, version(Command::new("git").arg("--version"))?];
    report.fact("programs", versions.join(", "));
    Ok(())
}

/// A sweep that has ended.
struct Swept {
    ran: Ran,
    said: Value,
    asked: Counts,
}

impl Swept {
    fn said(&self, key: &str) -> u64 {
        // A count that is not there is not zero: it is wrong whatever is expected.
        self.said[key].as_u64().unwrap_or(u64::MAX)
    }
}

struct Bench {
    binary: PathBuf,
    folder: PathBuf,
    fleet: Fleet,
    server: Server,
    urls: Vec<String>,
}

impl Bench {
    /// Writes an organisation's policy over the fleet's addresses.
    fn policy(&self, name: &str, more: &str) -> io::Result<PathBuf> {
        let mut text = "apiVersion: ligase.dev/v1\nkind: Organisation\nmetadata: { name: ratios }\nspec:\n".to_owned();
        text.push_str("  floor: [authn-endpoints, no-sensitive-in-logs]\n");
        text.push_str(more);
        text.push_str("  sources:\n    - git:\n");
        self.urls.iter().for_each(|url| writeln!(text, "        - {url}").expect("a string takes it"));
        let file = self.folder.join(name);
        fs::write(&file, text)?;
        Ok(file)
    }

    fn sweep(&self, policy: &Path, state: &Path) -> io::Result<Swept> {
        let before = self.server.counts();
        let mut command = Command::new(&self.binary);
        command.args(["sweep", "--plan", "--json", "--slots", &AT_ONCE.to_string()]);
        command.arg("--org").arg(policy).arg("--state").arg(state).current_dir(&self.folder);
        let ran = program::run(&mut command)?;
        let problem = |what: &str| {
            let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            io::Error::other(format!("a sweep {what} (exit code {:?}): {err}{out}", ran.code))
        };
        // 0 and 1 are both good ends: without findings, and with.
        if !matches!(ran.code, Some(0 | 1)) {
            return Err(problem("failed"));
        }
        let said = serde_json::from_slice(&ran.stdout).map_err(|_| problem("did not print JSON"))?;
        Ok(Swept { said, asked: self.server.counts().since(before), ran })
    }

    fn sweeps(&self, report: &mut Report) -> io::Result<()> {
        let policy = self.policy("organisation.yaml", "")?;
        let state = self.folder.join("state");
        let cold = self.cold(report, &policy, &state)?;
        let second = self.second(report, &policy, &state)?;
        self.changed(report, &policy, &state, &second)?;
        self.adopting(report, &state, &cold)
    }

    /// From nothing, beside cloning. The last state is kept.
    fn cold(&self, report: &mut Report, policy: &Path, state: &Path) -> io::Result<Figure> {
        let (mut swept, mut cloned) = (Vec::new(), Vec::new());
        let mut clones = Counts::default();
        for round in 0..ROUNDS {
            eprintln!("cold sweep, {} of {ROUNDS}", round + 1);
            remove(state)?;
            swept.push(self.sweep(policy, state)?);
            let into = self.folder.join("clones");
            fs::create_dir(&into)?;
            let before = self.server.counts();
            let took = git::loop_over(&self.urls, AT_ONCE, |n, url| {
                git::command(&into, &["clone", "--quiet", "--bare", "--depth", "1", url, &n.to_string()])
            })?;
            clones = self.server.counts().since(before);
            cloned.push(took.as_secs_f64());
            remove(&into)?;
        }
        let figure = walls(&swept);
        report.rows.push(Row {
            what: "cold sweep".to_owned(),
            figure: figure.clone(),
            beside: format!("git clone --bare --depth 1, {AT_ONCE} at once"),
            measure: Figure::new(Unit::Seconds, cloned),
            bound: None,
        });
        let repositories = self.urls.len() as u64;
        exact(report, "cold sweep: clones, as it says", &swept, repositories, |s| s.said("clones"));
        exact(report, "cold sweep: packs sent, as the server counts", &swept, repositories, |s| s.asked.packs);
        let last = swept.last().expect("there are rounds");
        report.note(
            "cold sweep",
            format!(
                "{} services, {} files looked at, {} from the cache, {} findings",
                last.said("services"),
                last.said("files_looked_at"),
                last.said("files_from_cache"),
                last.said("findings"),
            ),
        );
        report.note("its requests", requests(&last.asked));
        report.note("those of git clone", requests(&clones));
        report.note("its processor time", processor(&swept));
        let peaks =
            |swept: &[Swept]| swept.iter().map(|s| format!("{:.0} MiB", s.ran.peak_mib)).collect::<Vec<_>>().join(", ");
        report.note(
            "its peak of resident memory",
            format!("{} (VmHWM of the sweep alone, read from /proc while it runs)", peaks(&swept)),
        );
        Ok(figure)
    }

    /// Of what has not changed, beside asking for heads.
    fn second(&self, report: &mut Report, policy: &Path, state: &Path) -> io::Result<Figure> {
        let (mut swept, mut listed, mut slower) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            eprintln!("second sweep, {} of {ROUNDS}", round + 1);
            swept.push(self.sweep(policy, state)?);
            for (at_once, figures) in [(HEADS_AT_ONCE, &mut listed), (AT_ONCE, &mut slower)] {
                let took = git::loop_over(&self.urls, at_once, |_, url| {
                    git::command(&self.folder, &["ls-remote", "--quiet", url])
                })?;
                figures.push(took.as_secs_f64());
            }
        }
        let figure = walls(&swept);
        for (at_once, listed) in [(HEADS_AT_ONCE, listed), (AT_ONCE, slower)] {
            report.rows.push(Row {
                what: "second sweep, nothing changed".to_owned(),
                figure: figure.clone(),
                beside: format!("git ls-remote, {at_once} at once"),
                measure: Figure::new(Unit::Seconds, listed),
                bound: (at_once == HEADS_AT_ONCE).then_some(SECOND_SWEEP_BOUND),
            });
        }
        nothing_fetched(report, "second sweep", &swept);
        exact(report, "second sweep: services judged anew", &swept, 0, |s| s.said("judged"));
        let last = swept.last().expect("there are rounds");
        report.note("second sweep's requests", requests(&last.asked));
        report.note("its processor time", processor(&swept));
        report.note("its peak of resident memory", format!("{:.0} MiB", last.ran.peak_mib));
        Ok(figure)
    }

    /// After one commit that changes one file.
    fn changed(&self, report: &mut Report, policy: &Path, state: &Path, second: &Figure) -> io::Result<()> {
        let mut swept = Vec::new();
        for round in 0..ROUNDS {
            let what = self.fleet.change(round + 1)?;
            eprintln!("changed {what}, {} of {ROUNDS}", round + 1);
            swept.push(self.sweep(policy, state)?);
        }
        report.rows.push(Row {
            what: "sweep after one changed file".to_owned(),
            figure: walls(&swept),
            beside: "second sweep".to_owned(),
            measure: second.clone(),
            bound: None,
        });
        exact(report, "one changed file: files looked at", &swept, 1, |s| s.said("files_looked_at"));
        exact(report, "one changed file: packs sent", &swept, 1, |s| s.asked.packs);
        Ok(())
    }

    /// Of a framework that nobody was judged by before; each round begins with the same state.
    fn adopting(&self, report: &mut Report, state: &Path, cold: &Figure) -> io::Result<()> {
        let cascade = "  cascades:\n    - name: adopt-hipaa\n      frameworks: [hipaa]\n      mode: observe\n";
        let (policy, copy) = (self.policy("adopting.yaml", cascade)?, self.folder.join("copy"));
        let mut swept = Vec::new();
        for round in 0..ROUNDS {
            eprintln!("adopting a framework, {} of {ROUNDS}", round + 1);
            remove(&copy)?;
            fleet::copy_tree(state, &copy)?;
            swept.push(self.sweep(&policy, &copy)?);
        }
        let figure = walls(&swept);
        let last = swept.last().expect("there are rounds");
        let services = last.said("services");
        let rate = services as f64 / figure.best();
        report.note(
            "adopting a framework",
            format!("{rate:.0} services a second, with listing and start-up; {} findings", last.said("findings"),),
        );
        report.rows.push(Row {
            what: "adopting a framework".to_owned(),
            figure,
            beside: "cold sweep".to_owned(),
            measure: cold.clone(),
            bound: None,
        });
        nothing_fetched(report, "adopting", &swept);
        exact(report, "adopting: services judged anew", &swept, services, |s| s.said("judged"));
        Ok(())
    }
}

fn libraries(folder: &Path, report: &mut Report) -> io::Result<()> {
    let rates = |rates: Vec<f64>| Figure::new(Unit::PerSecond, rates);
    let records = library::records(folder, ROUNDS)?;
    let by_256 = rates(records.by_256);
    let one_by_one = rates(records.one_by_one);
    report.note(
        "records by 256 to one by one",
        format!("{:.0} times as many a second", by_256.best() / one_by_one.best()),
    );
    let judging = library::judging(ROUNDS)?;
    for (what, figure, beside, measure) in [
        ("records, one by one", one_by_one, "plain append and sync of each", rates(records.plain_one_by_one)),
        ("records, by 256", by_256, "plain append and sync of 256", rates(records.plain_by_256)),
        ("services judged, one thread", rates(judging.judged), "their observations read back", rates(judging.decoded)),
    ] {
        report.rows.push(Row { what: what.to_owned(), figure, beside: beside.to_owned(), measure, bound: None });
    }
    Ok(())
}

fn walls(swept: &[Swept]) -> Figure {
    Figure::new(Unit::Seconds, swept.iter().map(|s| s.ran.wall_s).collect())
}

fn processor(swept: &[Swept]) -> String {
    let rounds: Vec<_> = swept.iter().map(|s| format!("{:.2} s", s.ran.processor_s)).collect();
    format!("{} (with the children that speak to the server, without the server)", rounds.join(", "))
}

fn requests(c: &Counts) -> String {
    format!("{} info/refs, {} upload-pack, {} packs, {} kB", c.info_refs, c.upload_pack, c.packs, c.bytes / 1000)
}

fn exact(report: &mut Report, what: &str, swept: &[Swept], expected: u64, count: impl Fn(&Swept) -> u64) {
    report.exact.push(Exact { what: what.to_owned(), found: swept.iter().map(count).collect(), expected });
}

fn nothing_fetched(report: &mut Report, what: &str, swept: &[Swept]) {
    exact(report, &format!("{what}: requests of kind upload-pack"), swept, 0, |s| s.asked.upload_pack);
    exact(report, &format!("{what}: clones"), swept, 0, |s| s.said("clones"));
    exact(report, &format!("{what}: files looked at"), swept, 0, |s| s.said("files_looked_at"));
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
