//! The history checker: from the exported journal and the refs of the bare repositories alone it computes what was lost,
//! what was done twice and what never ended. It uses no code of the program's, and believes no summary.
//!
//! Lost: a revision of an ended sweep's manifest without a terminal record before that end; a sweep that another one
//! replaced and whose repositories none that ended has; a pull request that the journal does not know, or that the forge does
//! not have. Duplicated: a task with two terminal records, an intent with two pull requests. Stuck: a last sweep without
//! an end, a task that was begun and has no terminal record; a record that says that nobody wants it any more is one.

use crate::{Organisation, git};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A pull request as the refs of its repository have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRef {
    /// The repository's folder.
    pub repository: String,
    /// Its number.
    pub number: u64,
    /// What it is for.
    pub intent: String,
}

/// What a history shows, a sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What should be there and is not.
    pub lost: Vec<String>,
    /// What is there twice.
    pub duplicated: Vec<String>,
    /// What never ended.
    pub stuck: Vec<String>,
    /// How many sweeps ended, so that a history of nothing is told from a good one.
    pub sweeps: usize,
    /// How many tasks have their terminal record.
    pub tasks: usize,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty() && self.stuck.is_empty()
    }
}

/// All pull requests of an organisation, from the refs.
#[track_caller]
pub fn pull_refs(organisation: &Organisation) -> Vec<PullRef> {
    let mut out = Vec::new();
    for name in organisation.names() {
        let bare = organisation.bare(&name);
        for reference in bare.refs("refs/ligase/pulls") {
            let record: Value = serde_json::from_str(&git(&bare.path, &["show", &format!("{reference}:pull.json")]))
                .expect("a record is JSON");
            let number = record["number"].as_u64().expect("a number");
            let intent = record["intent"].as_str().expect("an intent").to_owned();
            out.push(PullRef { repository: name.clone(), number, intent });
        }
    }
    out
}

struct Sweep {
    manifest: BTreeSet<(String, String)>,
    ended: bool,
}

#[derive(Default)]
struct Reading {
    /// Terminal records by (kind, key).
    terminal: BTreeMap<(String, String), Vec<Value>>,
    /// Repository and revision of each terminal record of a look.
    looked: BTreeSet<(String, String)>,
    /// How many attempts were begun at each task, but for those that were told at once that nobody plans it.
    begun: BTreeMap<(String, String), usize>,
    sweeps: Vec<(String, Sweep)>,
    numbers: BTreeMap<(String, u64), BTreeSet<String>>,
    of_intent: BTreeMap<String, BTreeSet<u64>>,
    verdict: Verdict,
}

fn text(fields: &Value, name: &str) -> String {
    fields[name].as_str().unwrap_or_default().to_owned()
}

fn kind_of(terminal: &str) -> &str {
    match terminal {
        "probed" => "probe",
        "remedied" => "remedy",
        _ => "verification",
    }
}

impl Reading {
    fn take(&mut self, row: &Value) {
        let kind = row["kind"].as_str().unwrap_or_default();
        let fields = &row["object"]["fields"];
        match kind {
            "sweep-started" => self.sweep_started(fields),
            "sweep-ended" => self.sweep_ended(&text(fields, "sweep")),
            "probed" | "remedied" | "verified" => {
                let key = (kind_of(kind).to_owned(), text(fields, "key"));
                let records = self.terminal.entry(key).or_default();
                // What nobody could look at or mend is asked for again by the next sweep: what it says then stands.
                records.retain(|earlier| !is_asked_again(kind, earlier));
                records.push(fields.clone());
                if kind == "probed" {
                    self.looked.insert((text(fields, "repository"), text(fields, "revision")));
                }
            }
            "attempt-began" => {
                *self.begun.entry((text(fields, "kind"), text(fields, "key"))).or_default() += 1;
            }
            "attempt-ended" if fields["cause"] == "not-planned" => {
                let begun = self.begun.entry((text(fields, "kind"), text(fields, "key"))).or_default();
                *begun = begun.saturating_sub(1);
            }
            "superseded" => {
                // Nobody wants it any more; if somebody does again, its end is another one.
                self.begun.remove(&(text(fields, "kind"), text(fields, "key")));
            }
            "changeset" => {
                let intent = ["repository", "folder", "base_branch", "clause"].map(|n| text(fields, n)).join(" ");
                let number = fields["number"].as_u64().or_else(|| fields["number"].as_str()?.parse().ok());
                if let Some(number) = number {
                    self.numbers.entry((text(fields, "repository"), number)).or_default().insert(intent.clone());
                    self.of_intent.entry(intent).or_default().insert(number);
                }
            }
            _ => {}
        }
    }

    fn sweep_started(&mut self, fields: &Value) {
        let rows = fields["repositories"].as_array().cloned().unwrap_or_default();
        // One that could not be listed says so in the manifest itself.
        let pinned = rows.iter().filter(|r| r["revision"].is_string());
        let manifest = pinned.map(|r| (text(r, "repository"), text(r, "revision"))).collect();
        let sweep = text(fields, "sweep");
        self.sweeps.retain(|(id, s)| *id != sweep || s.ended);
        self.sweeps.push((sweep, Sweep { manifest, ended: false }));
    }

    fn sweep_ended(&mut self, id: &str) {
        let Some((_, sweep)) = self.sweeps.iter_mut().rev().find(|(of, _)| of == id) else {
            self.verdict.lost.push(format!("sweep {id} ended and has no manifest"));
            return;
        };
        if sweep.ended {
            self.verdict.duplicated.push(format!("sweep {id} ended twice"));
        }
        sweep.ended = true;
        self.verdict.sweeps += 1;
        for (repository, revision) in sweep.manifest.difference(&self.looked) {
            self.verdict.lost.push(format!("sweep {id} ended without a record of {repository} at {revision}"));
        }
    }

    fn end(mut self, pulls: &[PullRef]) -> Verdict {
        let mut verdict = std::mem::take(&mut self.verdict);
        verdict.tasks = self.terminal.len();
        for ((kind, key), records) in &self.terminal {
            if records.len() > 1 {
                let differ = if records.iter().any(|r| r != &records[0]) { "different" } else { "equal" };
                verdict.duplicated.push(format!("{kind} task {key} has {} {differ} terminal records", records.len()));
            }
        }
        let begun = self.begun.iter().filter(|(_, attempts)| **attempts > 0).map(|(task, _)| task);
        for task in begun.filter(|task| !self.terminal.contains_key(*task)) {
            verdict.stuck.push(format!("{} task {} was begun and never ended", task.0, task.1));
        }
        let covered: BTreeSet<&String> =
            self.sweeps.iter().filter(|(_, s)| s.ended).flat_map(|(_, s)| s.manifest.iter().map(|(r, _)| r)).collect();
        for (n, (id, sweep)) in self.sweeps.iter().enumerate().filter(|(_, (_, s))| !s.ended) {
            if n + 1 == self.sweeps.len() {
                verdict.stuck.push(format!("sweep {id} has no end"));
            }
            for (repository, _) in sweep.manifest.iter().filter(|(r, _)| !covered.contains(r)) {
                verdict.lost.push(format!("sweep {id} was given up, and no other has {repository}"));
            }
        }
        self.pulls(pulls, &mut verdict);
        verdict
    }

    fn pulls(&self, pulls: &[PullRef], verdict: &mut Verdict) {
        let mut by_intent: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
        for pull in pulls {
            by_intent.entry((&pull.repository, &pull.intent)).or_default().push(pull.number);
            let known = self.numbers.keys().any(|(r, n)| *n == pull.number && is_folder(r, &pull.repository));
            if !known {
                verdict.lost.push(format!("pull request {} of {} is not in the journal", pull.number, pull.repository));
            }
        }
        for ((repository, intent), numbers) in by_intent.iter().filter(|(_, n)| n.len() > 1) {
            verdict.duplicated.push(format!("intent {intent} of {repository} has pull requests {numbers:?}"));
        }
        for (intent, numbers) in self.of_intent.iter().filter(|(_, n)| n.len() > 1) {
            verdict.duplicated.push(format!("changeset {intent} was recorded under the numbers {numbers:?}"));
        }
        for (repository, number) in self.numbers.keys() {
            if !pulls.iter().any(|p| p.number == *number && is_folder(repository, &p.repository)) {
                verdict
                    .lost
                    .push(format!("pull request {number} of {repository} is in the journal and not at the forge"));
            }
        }
    }
}

/// Whether a record says that its task came to nothing for a reason that may pass.
fn is_asked_again(kind: &str, record: &Value) -> bool {
    let passes = |reason: &str| matches!(reason, "crashed" | "too-slow" | "unreachable" | "machine");
    match kind {
        "probed" => !record["failed"].is_null(),
        "remedied" => record["failed"].as_str().is_some_and(passes),
        _ => record["disagreed"].as_str().and_then(|r| r.strip_prefix("not-looked-at-")).is_some_and(passes),
    }
}

/// Whether a repository's stable id names this folder.
fn is_folder(stable: &str, folder: &str) -> bool {
    let last = stable.rsplit('/').next().unwrap_or(stable);
    last.strip_suffix(".git").unwrap_or(last) == folder
}

/// Judges a history.
pub fn judge(journal: &[Value], pulls: &[PullRef]) -> Verdict {
    let mut reading = Reading::default();
    journal.iter().for_each(|row| reading.take(row));
    reading.end(pulls)
}
