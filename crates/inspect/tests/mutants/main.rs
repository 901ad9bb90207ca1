//! Mutants of code that has what a clause asks for: one guard, one encryption setting, one redaction, one region taken away at
//! a time, by text alone and with no regard to how the probes read it. How many are seen, and which are not.
//!
//! A table over the catalog's own satisfied examples, and over trees of real code, is printed on demand:
//! `LIGASE_MUTANTS_TREES=DIR:DIR cargo test -p ligase-inspect --test mutants -- --ignored --nocapture`. Not counted is what
//! leaves the code no worse (`idle.rs`), and in trees what stands beside nothing that was judged satisfied: there a mutant shows
//! nothing of what is seen. A mutant may still keep another guard or setting that does, so each line that is *missed* is
//! there to be read. Next: `sites.rs`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod beside;
mod idle;
mod sites;

use ligase_domain::{
    Effect, EffectClass, FileChange, Finding, FindingId, MapTree, NoCache, Oid, Outcome, OverlayTree, Patch, RepoPath,
    SourceTree, Timestamp,
};
use ligase_inspect::{Declared, Expectation, Identities, Inspection, Inspector, MemoryCache, assume};
use ligase_probe::NoProgress;
use sites::{Kind, Site, sites};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const NOW: Timestamp = Timestamp(1_767_225_600_000);
/// Sites of one kind and stack in one tree, evenly over its files.
const SITES_A_TREE: usize = 12;
/// Who asks of real trees.
const ASKED: &str = "data=phi,pii,credential;exposure=internet;residency=eu,uk";

/// What became of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Something is not satisfied that was not before.
    Seen,
    /// What was satisfied is not known any more.
    Doubted,
    /// Nothing changed.
    Missed,
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<(Kind, String), [usize; 3]>,
    missed: Vec<String>,
    /// What was not counted, and why.
    idle: BTreeMap<(Kind, &'static str), usize>,
}

impl Table {
    fn add(&mut self, site: &Site, (fate, why): (Fate, String), place: &str) {
        let row = self.rows.entry((site.kind, site.stack.to_owned())).or_default();
        row[fate as usize] += 1;
        if fate != Fate::Seen {
            let word = if fate == Fate::Missed { "missed" } else { "doubted" };
            self.missed.push(format!(
                "{word}: {} {}: {place}:{}: {}{why}",
                site.kind.name(),
                site.stack,
                site.line,
                site.text
            ));
        }
    }

    fn print(&self) {
        println!("{:<12} {:<16} {:>6} {:>6} {:>8} {:>7}", "taken away", "stack", "all", "seen", "doubted", "missed");
        for ((kind, stack), [seen, doubted, missed]) in &self.rows {
            let all = seen + doubted + missed;
            println!("{:<12} {stack:<16} {all:>6} {seen:>6} {doubted:>8} {missed:>7}", kind.name());
        }
        for kind in Kind::ALL {
            let (all, noticed) = self.of(kind);
            let percent = (noticed * 100).checked_div(all).unwrap_or_default();
            println!("{:<12} {:<16} {all:>6} {noticed:>6} seen or doubted, {percent} %", kind.name(), "together");
        }
        for ((kind, why), count) in &self.idle {
            println!("  not counted: {count} {}: {why}", kind.name());
        }
        self.missed.iter().for_each(|line| println!("  {line}"));
    }

    /// All mutants of a kind, and those that did not pass in silence.
    fn of(&self, kind: Kind) -> (usize, usize) {
        let rows = self.rows.iter().filter(|((k, _), _)| *k == kind);
        rows.fold((0, 0), |(all, noticed), (_, [s, d, m])| (all + s + d + m, noticed + s + d))
    }
}

fn patch(path: &RepoPath, text: &str, base: Oid) -> Patch {
    let change = FileChange { path: path.clone(), base, bytes: text.as_bytes().to_vec() };
    let (base_revision, effect) = (Oid::Sha1([0; 20]), Effect { class: EffectClass::InPlace, note: String::new() });
    Patch { base_revision, changes: vec![change], diff: String::new(), remedies: Vec::new(), effect }
}

fn by_subject(inspection: &Inspection, kind: Kind) -> BTreeMap<FindingId, &Finding> {
    let of_kind = |f: &&Finding| f.clause.constraint == kind.constraint();
    inspection.findings().filter(of_kind).map(|f| (f.id, f)).collect()
}

/// What became of it, and for what is doubted the first subject with the reason.
fn fate(before: &Inspection, after: &Inspection, kind: Kind) -> (Fate, String) {
    let (before, after) = (by_subject(before, kind), by_subject(after, kind));
    let fresh = |wanted: fn(&Outcome) -> bool| {
        let is_new = |id: &FindingId| before.get(id).is_none_or(|was| !wanted(&was.outcome));
        after.iter().filter(|(id, f)| wanted(&f.outcome) && is_new(id)).map(|(_, f)| *f).collect::<Vec<_>>()
    };
    if !fresh(|o| *o == Outcome::NotSatisfied).is_empty() {
        return (Fate::Seen, String::new());
    }
    match fresh(|o| matches!(o, Outcome::Indeterminate(_))).first() {
        Some(Finding { outcome: Outcome::Indeterminate(why), subject, .. }) => {
            (Fate::Doubted, format!(" ({}: {why})", subject.symbol))
        }
        _ => (Fate::Missed, String::new()),
    }
}

/// Takes one site away and looks again.
fn mutant(
    inspector: &Inspector,
    tree: &Arc<dyn SourceTree>,
    declared: &Declared,
    before: &Inspection,
    path: &RepoPath,
    site: &Site,
) -> (Fate, String) {
    let base = tree.entry(path).unwrap().unwrap().oid;
    let head = OverlayTree::new(Arc::clone(tree), &patch(path, &site.mutated, base));
    let cache = MemoryCache::over(&NoCache);
    cache.remember(&before.looked);
    fate(before, &inspector.inspect(&head, declared, &cache, NOW, &NoProgress), site.kind)
}

/// Every site of the satisfied examples of a kind's constraint.
fn of_examples(inspector: &Inspector) -> Table {
    let mut table = Table::default();
    let (examples, problems) = inspector.examples(None);
    assert!(problems.is_empty(), "{problems:?}");
    for example in examples.iter().filter(|e| e.expect == Expectation::Satisfied) {
        let declared = example.declared(inspector).unwrap();
        let tree: Arc<dyn SourceTree> = Arc::new(example.tree());
        let before = inspector.inspect(tree.as_ref(), &declared, &NoCache, NOW, &NoProgress);
        for (path, text) in &example.files {
            let kinds = Kind::ALL.iter().filter(|k| k.constraint() == example.clause.constraint);
            let others: Vec<(&str, &str)> =
                example.files.iter().filter(|(p, _)| *p != path).map(|(p, t)| (p.as_str(), t.as_str())).collect();
            for site in kinds.flat_map(|kind| sites(*kind, path, text)) {
                if let Some(why) = idle::reason(&site, path, text, &others) {
                    *table.idle.entry((site.kind, why)).or_default() += 1;
                    continue;
                }
                let found = mutant(inspector, &tree, &declared, &before, &RepoPath::from(path.as_str()), &site);
                table.add(&site, found, &format!("{} ({})", path, example.name));
            }
        }
    }
    table
}

/// Some sites of each kind and stack of one tree of real code.
fn of_tree(inspector: &Inspector, folder: &Path, table: &mut Table) {
    let tree = read(folder);
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let identity = assume(ASKED, inspector.catalog()).unwrap();
    let declared = Declared::working_tree(&name).with(Identities::Assumed(Box::new(identity)));
    let before = inspector.inspect(&tree, &declared, &NoCache, NOW, &NoProgress);
    let mut all: BTreeMap<(Kind, &str), Vec<(RepoPath, Site)>> = BTreeMap::new();
    let said: Vec<(String, &str)> = tree
        .0
        .iter()
        .filter(|(path, _)| [".java", ".py"].iter().any(|end| path.as_bytes().ends_with(end.as_bytes())))
        .filter_map(|(path, bytes)| Some((path.to_string(), std::str::from_utf8(bytes).ok()?)))
        .collect();
    for (path, bytes) in &tree.0 {
        let class = inspector.probes().class_of(path);
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        if class.origin != ligase_domain::Origin::Source {
            continue;
        }
        let own = path.to_string();
        let others: Vec<(&str, &str)> = said.iter().filter(|(p, _)| *p != own).map(|(p, t)| (p.as_str(), *t)).collect();
        for site in Kind::ALL.iter().flat_map(|kind| sites(*kind, &own, text)) {
            let why = idle::reason(&site, &own, text, &others)
                .or_else(|| (!holds_up(&before, path, &site)).then_some("beside nothing that was judged satisfied"));
            match why {
                Some(why) => *table.idle.entry((site.kind, why)).or_default() += 1,
                None => all.entry((site.kind, site.stack)).or_default().push((path.clone(), site)),
            }
        }
    }
    let tree: Arc<dyn SourceTree> = Arc::new(tree);
    for found in all.into_values() {
        let step = found.len().div_ceil(SITES_A_TREE).max(1);
        for (path, site) in found.iter().step_by(step) {
            let fate = mutant(inspector, &tree, &declared, &before, path, site);
            table.add(site, fate, &format!("{name}/{path}"));
        }
    }
}

/// Whether something that is satisfied rests on the site: an endpoint that was judged from its file, or a resource, a field or a
/// call in whose lines it lies.
fn holds_up(before: &Inspection, path: &RepoPath, site: &Site) -> bool {
    let line = u32::try_from(site.line).unwrap();
    let own = before.looked.iter().find(|f| f.path == *path).map(|f| f.key.digest());
    let mut satisfied =
        before.findings().filter(|f| f.outcome == Outcome::Satisfied && f.clause.constraint == site.kind.constraint());
    satisfied.any(|f| match (&f.place, site.kind) {
        (_, Kind::Guard) => own.is_some_and(|own| f.cites.contains(&own)),
        (Some(place), _) => {
            place.path == *path && (place.span.line.saturating_sub(3)..=place.span.end_line + 1).contains(&line)
        }
        (None, _) => false,
    })
}

fn read(root: &Path) -> MapTree {
    let (mut open, mut files) = (vec![root.to_path_buf()], MapTree::default());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let skipped = [".git", "node_modules", "vendor"].iter().any(|n| entry.file_name() == *n);
            if kind.is_dir() && !skipped {
                open.push(path);
            } else if kind.is_file() && entry.metadata().unwrap().len() <= ligase_probe::MAX_FILE_BYTES {
                let Some(name) = path.strip_prefix(root).unwrap().to_str().map(RepoPath::from) else { continue };
                files.0.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
#[ignore = "prints tables; over real code where LIGASE_MUTANTS_TREES names folders"]
fn tables_of_mutants() {
    let inspector = Inspector::shipped().unwrap();
    println!("satisfied examples of the catalog");
    of_examples(&inspector).print();
    if let Some(trees) = std::env::var_os("LIGASE_MUTANTS_TREES").filter(|t| !t.is_empty()) {
        let mut table = Table::default();
        for folder in std::env::split_paths(&trees) {
            println!("{}", folder.display());
            of_tree(&inspector, &folder, &mut table);
        }
        table.print();
    }
}
