//! What is measured of whole sweeps: how long, what was fetched, what each process used, and what the journal says after.

use crate::git;
use crate::journal::Journal;
use crate::made::{self, Density, Made};
use crate::processes::{Fleet, Setting, answer};
use crate::served::Served;
use crate::tasks;
use ligase_tests::{commit_tree, service_files, write_tree};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Addresses that a sweep asks for their heads at once, and so the `git ls-remote`s beside it.
const HEADS_AT_ONCE: usize = 8;
/// Of more addresses than these, so many are asked with `git ls-remote`, and the time is scaled.
const LS_REMOTE_MAX: usize = 1_000;
/// Repositories in a folder, which can be mended: a plain git server takes no pull requests.
const MENDED: usize = 30;
/// How often a running sweep is looked at.
const GLANCE: Duration = Duration::from_millis(20);

const ROLES: [&str; 4] = ["coordinator", "worker", "agent-runner", "nats-server"];

/// Everything that all measurements share.
pub struct Bench {
    binary: PathBuf,
    nats: PathBuf,
    folder: PathBuf,
    made: Made,
    served: Served,
}

/// One sweep, as seen from outside.
struct Swept {
    seconds: f64,
    clones: u64,
    advertised: u64,
    said: Value,
    /// Processor time of each role.
    processor: [f64; 4],
}

impl Swept {
    fn row(&self) -> Value {
        let services = self.said["services"].as_f64().unwrap_or(0.0);
        let repositories = self.said["repositories"].as_f64().unwrap_or(0.0);
        json!({
            "seconds": self.seconds, "repositories_per_second": repositories / self.seconds, "clones": self.clones,
            "files_looked_at": self.said["files_looked_at"], "files_from_cache": self.said["files_from_cache"],
            "services": services, "services_per_second": services / self.seconds, "findings": self.said["findings"],
            "judged": self.said["judged"], "opened": self.said["opened"], "advertised": self.advertised,
            "seconds_after_listing": self.said["seconds"],
            "processor_seconds": self.by_role(1.0),
        })
    }

    fn by_role(&self, each: f64) -> Value {
        ROLES.iter().zip(self.processor).map(|(role, seconds)| ((*role).to_owned(), json!(seconds / each))).collect()
    }
}

impl Bench {
    /// Makes the repositories and begins to serve them.
    pub fn new(binary: PathBuf, nats: PathBuf, folder: &Path, count: usize, density: Density) -> io::Result<Self> {
        let packs = folder.join("packs");
        fs::create_dir(&packs)?;
        let began = Instant::now();
        let made = made::make(&packs, count, density)?;
        eprintln!("made {count} repositories in {:.1} s", began.elapsed().as_secs_f64());
        let served = Served::start(&packs, made.heads.clone())?;
        made::check(folder, &served, &made.heads, density)?;
        Ok(Self { binary, nats, folder: folder.to_owned(), made, served })
    }

    /// Packs the repositories of a folder and begins to serve them.
    pub fn over(binary: PathBuf, nats: PathBuf, folder: &Path, trees: &Path) -> io::Result<Self> {
        let packs = folder.join("packs");
        fs::create_dir(&packs)?;
        let made = made::packed(&packs, trees)?;
        let served = Served::start(&packs, made.heads.clone())?;
        Ok(Self { binary, nats, folder: folder.to_owned(), made, served })
    }

    /// How many repositories there are.
    pub fn count(&self) -> usize {
        self.made.heads.len()
    }

    /// What the fleet consists of.
    pub fn made(&self) -> Value {
        let count = self.made.heads.len() as u64;
        json!({
            "repositories": count, "files_per_repository": self.made.files / count,
            "bytes_per_repository": self.made.bytes / count, "unique_blobs_percent": self.made.unique_percent,
            "besides": format!("{MENDED} small repositories in a folder, whose findings are mended"),
        })
    }

    fn setting(&self, name: &str) -> io::Result<Setting> {
        let folder = self.folder.join(name);
        fs::create_dir_all(folder.join("organisation"))?;
        Ok(Setting { binary: self.binary.clone(), nats: self.nats.clone(), folder })
    }

    /// Writes the organisation's policy over the first `count` repositories.
    fn policy(&self, setting: &Setting, count: usize, mended: bool, more: &str) -> io::Result<()> {
        let mut text = "apiVersion: ligase.dev/v1\nkind: Organisation\nmetadata: { name: bench }\nspec:\n".to_owned();
        text.push_str("  floor: [authn-endpoints, no-sensitive-in-logs]\n");
        text.push_str("  budgets: { open-per-owner: 200, open-per-service: 20, create-per-hour: 500 }\n");
        text.push_str("  remedies: { agents: [], network: none }\n");
        text.push_str(more);
        text.push_str("  sources:\n");
        if mended {
            text.push_str("    - directory: ../mended\n");
        }
        text.push_str("    - git:\n");
        (0..count).for_each(|n| writeln!(text, "        - {}", self.served.url(n)).expect("a string takes it"));
        fs::write(setting.folder.join("organisation/organisation.yaml"), text)
    }

    fn sweep(&self, fleet: &Fleet, plan_only: bool) -> io::Result<Swept> {
        let processor = || ROLES.map(|role| fleet.processor(role));
        let (counts, used, began) = (self.served.counts(), processor(), Instant::now());
        let said = fleet.ask(if plan_only { &["sweep", "--plan", "--json"] } else { &["sweep", "--json"] })?;
        let seconds = began.elapsed().as_secs_f64();
        let (asked, after) = (self.served.counts().since(counts), processor());
        let processor = std::array::from_fn(|i| after[i] - used[i]);
        Ok(Swept { seconds, clones: asked.packs, advertised: asked.advertised, said, processor })
    }

    /// Cold, unchanged, adopting; and what each process used.
    pub fn whole(&self, name: &str, count: usize, wrong: &mut Vec<String>) -> io::Result<Value> {
        let setting = self.setting(name)?;
        mended(&setting.folder.join("mended"))?;
        self.policy(&setting, count, true, "")?;
        let mut fleet = Fleet::start(&setting)?;
        for role in ["worker", "worker", "agent-runner"] {
            fleet.member(role)?;
        }
        fleet.wait_members(3)?;
        eprintln!("cold sweep of {count} repositories");
        let cold = self.sweep(&fleet, false)?;
        eprintln!("  {:.1} s; unchanged", cold.seconds);
        let (listed, unchanged) = (self.ls_remote(count)?, self.sweep(&fleet, false)?);
        eprintln!("  {:.1} s, git ls-remote {listed:.1} s; adopting", unchanged.seconds);
        let more = "  cascades:\n    - name: adopt-soc2\n      frameworks: [soc2]\n      when: 'dna.exposure == \"internet\"'\n      mode: observe\n      enforcement: mandatory\n";
        self.policy(&setting, count, true, more)?;
        let adopt = self.sweep(&fleet, true)?;
        eprintln!("  {:.1} s", adopt.seconds);
        let peaks: Value = ROLES.iter().map(|role| ((*role).to_owned(), json!(fleet.peak(role)))).collect();
        fleet.stop()?;
        let mut must = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{name}: {what}"));
            }
        };
        must(cold.clones == count as u64, format!("{} clones in the cold sweep", cold.clones));
        must(unchanged.clones + adopt.clones == 0, "something unchanged was fetched".to_owned());
        for swept in [&unchanged, &adopt] {
            must(swept.advertised == count as u64, format!("{} advertisements", swept.advertised));
            must(swept.said["files_looked_at"] == 0, "something unchanged was looked at".to_owned());
        }
        must(cold.said["unreachable"].as_array().is_some_and(Vec::is_empty), "something was unreachable".to_owned());
        let per = (count + MENDED) as f64;
        let [coordinator, worker, ..] = cold.processor;
        let mut unchanged_row = unchanged.row();
        unchanged_row["git_ls_remote_seconds"] = json!(listed);
        unchanged_row["ratio_to_git_ls_remote"] = json!(unchanged.seconds / listed);
        let state = setting.folder.join("state");
        let row = json!({
            "repositories": count, "cold": cold.row(), "unchanged": unchanged_row, "adopt": adopt.row(),
            "peak_rss_bytes": peaks, "processor_seconds_per_repository": cold.by_role(per),
            "coordinator_to_worker": coordinator / worker,
            "disk_bytes": { "state": size(&state), "queue": size(&setting.folder.join("nats")) },
            "first_remedy": first_remedy(&Journal::read(&state, 1)?),
        });
        // The next one needs the room.
        fs::remove_dir_all(&setting.folder)?;
        Ok(row)
    }

    /// Seconds of `git ls-remote` of as many addresses.
    fn ls_remote(&self, count: usize) -> io::Result<f64> {
        let asked = count.min(LS_REMOTE_MAX);
        let urls: Vec<String> = (0..asked).map(|n| self.served.url(n)).collect();
        let took =
            git::loop_over(&urls, HEADS_AT_ONCE, |_, url| git::command(&self.folder, &["ls-remote", "--quiet", url]))?;
        Ok(took.as_secs_f64() * count as f64 / asked as f64)
    }

    /// The same cold sweep with one worker and with two.
    pub fn workers(&self, count: usize, wrong: &mut Vec<String>) -> io::Result<Value> {
        let mut runs = Vec::new();
        for workers in [1, 2] {
            eprintln!("cold sweep of {count} repositories with {workers} workers");
            let setting = self.setting(&format!("workers-{workers}"))?;
            self.policy(&setting, count, false, "")?;
            let mut fleet = Fleet::start(&setting)?;
            for _ in 0..workers {
                fleet.member("worker")?;
            }
            fleet.wait_members(workers)?;
            let swept = self.sweep(&fleet, true)?;
            fleet.stop()?;
            fs::remove_dir_all(&setting.folder)?;
            if swept.clones != count as u64 {
                wrong.push(format!("{workers} workers: {} clones", swept.clones));
            }
            runs.push(swept);
        }
        let per = |swept: &Swept| swept.processor[1] / count as f64;
        let row = |swept: &Swept| {
            json!({
                "seconds": swept.seconds, "seconds_after_listing": swept.said["seconds"],
                "findings": swept.said["findings"], "files_looked_at": swept.said["files_looked_at"],
                "worker_processor_seconds_per_repository": per(swept),
                "processor_seconds_per_repository": swept.by_role(count as f64),
            })
        };
        Ok(json!({
            "repositories": count, "one": row(&runs[0]), "two": row(&runs[1]),
            "processor_two_to_one": per(&runs[1]) / per(&runs[0]), "wall_two_to_one": runs[1].seconds / runs[0].seconds,
            "coordinator_to_worker": runs[0].processor[0] / runs[0].processor[1],
        }))
    }

    /// A cold sweep whose workers are added, killed and stopped while it runs.
    pub fn come_and_go(&self, count: usize, wrong: &mut Vec<String>) -> io::Result<Value> {
        eprintln!("cold sweep of {count} repositories whose workers come and go");
        let setting = self.setting("come-and-go")?;
        self.policy(&setting, count, false, "")?;
        let mut fleet = Fleet::start(&setting)?;
        fleet.member("worker")?;
        fleet.wait_members(1)?;
        let before = self.served.counts().packs;
        let fetched = || (self.served.counts().packs - before) as usize;
        let question = fleet.question(&["sweep", "--plan", "--json"]);
        let asked = std::thread::spawn(move || answer(question));
        let mut steps = vec!["killed", "added", "stopped", "added"];
        while !asked.is_finished() {
            if !steps.is_empty() && fetched() >= count * (5 - steps.len()) / 6 {
                // The queue's server and the coordinator come first among the processes, the newest worker last.
                match steps.pop() {
                    Some("added") => drop(fleet.member("worker")?),
                    Some("killed") => drop(fleet.processes.pop()),
                    _ => fleet.processes.remove(2).stop()?,
                }
            }
            std::thread::sleep(GLANCE);
        }
        let said = asked.join().map_err(|_| io::Error::other("asking panicked"))??;
        fleet.stop()?;
        let journal = Journal::read(&setting.folder.join("state"), 1)?;
        let (lost, twice) = journal.lost_and_twice();
        if (lost, twice, steps.len()) != (0, 0, 0) || !said["unreachable"].as_array().is_some_and(Vec::is_empty) {
            wrong.push(format!("come and go: {lost} lost, {twice} twice, {} changes not made", steps.len()));
        }
        fs::remove_dir_all(&setting.folder)?;
        Ok(json!({
            "repositories": count, "added": 2, "stopped": 1, "killed": 1, "lost": lost, "twice": twice,
            "attempts": journal.attempts, "seconds_after_listing": said["seconds"],
        }))
    }

    /// Tasks a second, of the belt and of the server's client alone.
    pub fn tasks(&self, count: usize) -> io::Result<Value> {
        eprintln!("{count} tasks that look at nothing");
        let setting = self.setting("tasks")?;
        let rates = tasks::measure(&setting, count)?;
        fs::remove_dir_all(&setting.folder)?;
        let raw = (rates.raw[0] + rates.raw[1]) / 2.0;
        Ok(json!({
            "tasks_per_second": rates.belt, "raw_jetstream_tasks_per_second": raw,
            "tasks_to_raw": rates.belt / raw,
            "tasks": { "count": rates.tasks, "bytes": rates.bytes, "raw_before": rates.raw[0], "raw_after": rates.raw[1] },
        }))
    }
}

/// Whether the first attempt at a remedy began before the last probe ended, by the coordinator's clock.
fn first_remedy(journal: &Journal) -> Value {
    let (began, ended) = (journal.first_began.get("remedy"), journal.last_ended.get("probe"));
    let after = |at: Option<&i64>| at.map(|at| at - journal.sweep_started);
    json!({
        "began_ms": after(began), "last_probe_ended_ms": after(ended),
        "before_last_probe": began.zip(ended).map(|(began, ended)| began < ended),
    })
}

/// Small services in bare repositories of a folder.
fn mended(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for number in 0..MENDED {
        let name = format!("mended-{number:03}");
        git::run(folder, &["init", "--quiet", "--bare", "--initial-branch=main", &format!("{name}.git")])?;
        let files = tempfile::tempdir()?;
        write_tree(files.path(), &service_files(&name));
        commit_tree(&folder.join(format!("{name}.git")), files.path(), "main", "as it stands");
    }
    Ok(())
}

/// Bytes of a folder's files.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
