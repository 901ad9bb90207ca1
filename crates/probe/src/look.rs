//! The first step: a source tree in, what each file shows out. Files are read by size first, looked at once for all
//! probes, in parallel, and taken from the cache where their key is known. It is total: what could not be looked at is in
//! the population with its reason, and nothing is silently passed over. The result does not depend on the number of
//! threads or on the order of files. Next: `link.rs`.

use crate::budget::{
    MAX_FILE_BYTES, MAX_FILE_OBSERVATIONS, MAX_OBSERVATION_BYTES, MAX_REVISION_OBSERVATIONS, MAX_TREE_FILES,
    MINIFIED_AVERAGE, MINIFIED_FROM, brackets_over,
};
use crate::class::class_of;
use crate::parse::{Grammar, first_error, parse};
use crate::set::{ProbeSet, unread_reason};
use ligase_domain::{
    Entry, EntryKind, FailureReason, FieldHasher, FileObservations, LookCache, LookKey, LookedFile, PathClass,
    Population, Seen, Skipped, SourceTree, Value,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What a whole tree shows.
pub struct Look {
    /// Every file that a pack reads, in path order.
    pub files: Vec<LookedFile>,
    /// Everything that was to be looked at.
    pub population: Population,
    /// Distinct contents that were looked at.
    pub looked_at: u64,
    /// Distinct contents that the cache knew.
    pub from_cache: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Why nothing could be looked at, if it was the machine's fault: then the rest shows nothing.
    pub blind: Option<String>,
}

/// Who reads one file's bytes. In this process it is the probe set itself; where an abort must not cost more than a file,
/// it is a child that does the same.
pub trait Sight: Send + Sync {
    /// What bytes of a class show. Equal bytes show equal things, whoever looks.
    fn see(&self, class: &PathClass, bytes: &[u8]) -> Result<FileObservations, Blind>;
}

/// Why bytes were not looked at to the end. None of it is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blind {
    /// The probe panicked, aborted, or overran its memory: `probe-crashed`.
    Crashed(String),
    /// A clock ended it: `too-slow`.
    TooSlow,
    /// Nobody could look, whatever the bytes.
    Machine(String),
}

impl Sight for ProbeSet {
    /// A defect of ours must cost one file and say so, not the whole revision.
    fn see(&self, class: &PathClass, bytes: &[u8]) -> Result<FileObservations, Blind> {
        catch_unwind(AssertUnwindSafe(|| look_bytes(self, class, bytes)))
            .map_err(|_| Blind::Crashed("a probe panicked".to_owned()))
    }
}

/// Who wants to know how far looking has come. Called from many threads; it decides nothing.
pub trait Progress: Send + Sync {
    /// So many distinct contents are to be looked at, so many were known.
    fn planned(&self, _to_look_at: u64, _from_cache: u64) {}
    /// One of them was looked at.
    fn looked(&self) {}
}

/// Nobody wants to know.
pub struct NoProgress;

impl Progress for NoProgress {}

/// One content that is to be looked at.
struct Job<'e> {
    entry: &'e Entry,
    key: LookKey,
}

/// Looks at every file of a tree that a pack reads. Never fails: a tree that cannot be listed has an incomplete population.
pub fn look(set: &ProbeSet, tree: &dyn SourceTree, cache: &dyn LookCache, progress: &dyn Progress) -> Look {
    look_with(set, set, tree, cache, progress)
}

/// As [`look`], with somebody else's eyes.
pub fn look_with(
    set: &ProbeSet,
    sight: &dyn Sight,
    tree: &dyn SourceTree,
    cache: &dyn LookCache,
    progress: &dyn Progress,
) -> Look {
    let (entries, incomplete) = list(tree);
    let mut population = population_of(set, &entries, incomplete);
    let keyed: Vec<(&Entry, LookKey)> = entries.iter().filter_map(|e| Some((e, set.key_of(e)?))).collect();
    let mut distinct: Vec<Job<'_>> = Vec::new();
    let mut index: HashMap<LookKey, usize> = HashMap::new();
    for (entry, key) in &keyed {
        index.entry(key.clone()).or_insert_with(|| {
            distinct.push(Job { entry, key: key.clone() });
            distinct.len() - 1
        });
    }
    let keys: Vec<LookKey> = distinct.iter().map(|j| j.key.clone()).collect();
    let mut results = cache.get_many(&keys);
    results.resize(keys.len(), None);
    let missing: Vec<usize> = (0..results.len()).filter(|i| results[*i].is_none()).collect();
    let from_cache = (results.len() - missing.len()) as u64;
    progress.planned(missing.len() as u64, from_cache);
    let looking = Looking { sight, tree, bytes_read: AtomicU64::new(0), blind: OnceLock::new() };
    let fresh: Vec<(usize, Outcome)> = missing
        .par_iter()
        .map(|i| {
            let outcome = looking.entry(&distinct[*i]);
            progress.looked();
            (*i, outcome)
        })
        .collect();
    let mut to_remember = Vec::new();
    for (i, outcome) in &fresh {
        results[*i] = Some(outcome.observations.clone());
        if outcome.remember {
            let job = &distinct[*i];
            to_remember.push(LookedFile {
                path: job.entry.path.clone(),
                key: job.key.clone(),
                observations: outcome.observations.clone(),
            });
        }
    }
    cache.put_many(&to_remember);
    let files = gather(&keyed, &index, &results, &mut population);
    let (bytes_read, blind) = (looking.bytes_read.into_inner(), looking.blind.into_inner());
    Look { files, population, looked_at: fresh.len() as u64, from_cache, bytes_read, blind }
}

/// Lists a tree, sorted by path, within bounds.
fn list(tree: &dyn SourceTree) -> (Vec<Entry>, Option<String>) {
    let mut entries = match tree.entries() {
        Ok(entries) => entries,
        Err(error) if error.reason == FailureReason::CorruptObject => {
            return (Vec::new(), Some("tree-corrupt".to_owned()));
        }
        Err(error) => return (Vec::new(), Some(error.reason.name().to_owned())),
    };
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries.dedup_by(|a, b| a.path == b.path);
    if entries.len() > MAX_TREE_FILES {
        entries.truncate(MAX_TREE_FILES);
        return (entries, Some("too-many-files".to_owned()));
    }
    (entries, None)
}

fn population_of(set: &ProbeSet, entries: &[Entry], incomplete: Option<String>) -> Population {
    let mut hasher = FieldHasher::new("ligase.population.v1");
    let (mut by_class, mut skipped, mut total): (BTreeMap<String, u64>, Vec<Skipped>, u64) = Default::default();
    for entry in entries {
        hasher = hasher.field(entry.path.as_bytes()).field(entry.oid.as_bytes());
        let class = class_of(&entry.path);
        if matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
            total += 1;
            *by_class.entry(class.to_string()).or_default() += 1;
        }
        let concerns = set.reads(&class) || entry.kind == EntryKind::Submodule;
        if let (true, Some(reason)) = (concerns, unread_reason(entry, &class)) {
            skipped.push(Skipped { path: entry.path.clone(), class, reason: reason.to_owned() });
        }
    }
    Population { files: hasher.finish(), files_total: total, by_class, skipped, incomplete }
}

/// Puts what was seen beside each path, in path order, up to the revision's bound.
fn gather(
    keyed: &[(&Entry, LookKey)],
    index: &HashMap<LookKey, usize>,
    results: &[Option<Arc<FileObservations>>],
    population: &mut Population,
) -> Vec<LookedFile> {
    let mut files = Vec::with_capacity(keyed.len());
    let mut seen = 0;
    for (entry, key) in keyed {
        let known = index.get(key).and_then(|i| results.get(*i)?.clone());
        let mut observations = known.unwrap_or_else(|| skip("unreadable"));
        seen += observations.seen.len();
        if seen > MAX_REVISION_OBSERVATIONS && !observations.seen.is_empty() {
            observations = skip("too-many-observations-in-revision");
            population.incomplete.get_or_insert_with(|| "too-many-observations".to_owned());
        }
        if let Some(reason) = &observations.skipped {
            let class = key.class.clone();
            population.skipped.push(Skipped { path: entry.path.clone(), class, reason: reason.clone() });
        }
        files.push(LookedFile { path: entry.path.clone(), key: key.clone(), observations });
    }
    population.skipped.sort();
    files
}

struct Outcome {
    observations: Arc<FileObservations>,
    /// Only what a count decided; a read that failed may succeed the next time.
    remember: bool,
}

fn skip(reason: &str) -> Arc<FileObservations> {
    Arc::new(FileObservations { seen: Vec::new(), skipped: Some(reason.to_owned()) })
}

/// One look at a tree, as all of its threads share it.
struct Looking<'l> {
    sight: &'l dyn Sight,
    tree: &'l dyn SourceTree,
    bytes_read: AtomicU64,
    blind: OnceLock<String>,
}

impl Looking<'_> {
    fn entry(&self, job: &Job<'_>) -> Outcome {
        let remembered = |reason: &str| Outcome { observations: skip(reason), remember: true };
        let passing = |reason: &str| Outcome { observations: skip(reason), remember: false };
        if self.blind.get().is_some() {
            return passing("unreadable");
        }
        match self.tree.size(job.entry) {
            Ok(size) if size > MAX_FILE_BYTES => return remembered("too-large"),
            Ok(_) => {}
            Err(_) => return passing("unreadable"),
        }
        let bytes = match self.tree.read(job.entry, MAX_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.reason == FailureReason::OverBudget => return remembered("too-large"),
            Err(_) => return passing("unreadable"),
        };
        self.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match self.sight.see(&job.key.class, &bytes) {
            Ok(observations) => Outcome { observations: Arc::new(observations), remember: true },
            Err(Blind::Crashed(how)) => {
                tracing::error!(blob = %job.entry.oid, class = %job.key.class, how, "looking at a file crashed");
                passing("probe-crashed")
            }
            Err(Blind::TooSlow) => {
                tracing::error!(blob = %job.entry.oid, class = %job.key.class, "looking at a file was stopped by the clock");
                passing("too-slow")
            }
            Err(Blind::Machine(why)) => {
                // The first reason is as good as the others.
                let _ = self.blind.set(why);
                passing("unreadable")
            }
        }
    }
}

/// What bytes of a class show.
pub(crate) fn look_bytes(set: &ProbeSet, class: &PathClass, bytes: &[u8]) -> FileObservations {
    match seen_of(set, class, bytes) {
        Ok(seen) => FileObservations { seen, skipped: None },
        Err(reason) => FileObservations { seen: Vec::new(), skipped: Some(reason.to_owned()) },
    }
}

fn seen_of(set: &ProbeSet, class: &PathClass, bytes: &[u8]) -> Result<Vec<Seen>, &'static str> {
    if !set.reads(class) {
        return Ok(Vec::new());
    }
    let text = readable(bytes)?;
    let mut seen = Vec::new();
    for pack in set.readers(&class.dialect) {
        seen.extend(pack.look(class, text)?);
    }
    if seen.len() > MAX_FILE_OBSERVATIONS {
        return Err("too-many-observations");
    }
    if seen.iter().any(|s| size_of(s) > MAX_OBSERVATION_BYTES) {
        return Err("observation-too-large");
    }
    seen.sort_by(|a, b| {
        (a.span.start, a.span.end, &a.kind).cmp(&(b.span.start, b.span.end, &b.kind)).then_with(|| a.cmp(b))
    });
    Ok(seen)
}

/// The text of a file that people wrote, or why it is none.
fn readable(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err("too-large");
    }
    if bytes.contains(&0) {
        return Err("binary");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "not-utf8")?;
    if generated(text) {
        return Err("generated");
    }
    if brackets_over(bytes) {
        return Err("too-nested");
    }
    let lines = bytes.iter().filter(|b| **b == b'\n').count() + 1;
    if bytes.len() > MINIFIED_FROM && bytes.len() / lines > MINIFIED_AVERAGE {
        return Err("minified");
    }
    Ok(text)
}

/// Whether one of the first lines is a comment that says that a generator wrote the file. The file is then counted as
/// skipped, never as clean.
fn generated(text: &str) -> bool {
    text.lines().take(12).map(str::trim_start).filter(|l| l.starts_with(['#', '/', '*', '"'])).any(|line| {
        let lower: String = line.chars().take(200).flat_map(char::to_lowercase).collect();
        lower.contains("@generated")
            || lower.contains("generated by the protocol buffer compiler")
            || (lower.contains("generated by") && lower.contains("do not edit"))
            || (lower.contains("code generated") && lower.contains("do not edit"))
    })
}

/// The bytes that an observation's texts take.
fn size_of(seen: &Seen) -> usize {
    let mut total = seen.kind.len()
        + seen.snippet.len()
        + seen.probe.id.len()
        + seen.anchors.keys().map(|k| k.len() + 16).sum::<usize>();
    let mut open: Vec<&Value> = Vec::new();
    for (name, value) in &seen.attributes {
        total += name.len();
        open.push(value);
    }
    while let Some(value) = open.pop() {
        total += match value {
            Value::Text(text) => text.len(),
            Value::Bool(_) | Value::Int(_) => 8,
            Value::List(list) => {
                open.extend(list);
                list.len()
            }
            Value::Map(map) => {
                open.extend(map.values());
                map.keys().map(String::len).sum()
            }
        };
    }
    total
}

/// Dialects whose syntax is YAML, or JSON as a part of it.
const YAML: &[&str] = &["yaml", "json", "compose", "github-actions", "gitlab-ci", "helm-values"];

/// Whether a file of a class reads as its language does; the floor of the gate's check that a changed file still parses.
pub fn syntax_errors(_set: &ProbeSet, class: &PathClass, bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not-utf8".to_owned())?;
    if YAML.contains(&class.dialect.as_str()) {
        return crate::yaml::read(text).map(drop).map_err(str::to_owned);
    }
    let Some(grammar) = Grammar::of(&class.dialect, text) else { return Ok(()) };
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err("too-large".to_owned());
    }
    let tree = parse(grammar, text).map_err(str::to_owned)?;
    first_error(&tree).map_or(Ok(()), Err)
}
