//! `ligase check`: judges a working tree or repository by what it declares, or by what is assumed. It touches nothing.

use crate::args::Check;
use crate::failure::{Exit, Failure, document_json, document_text};
use crate::output::{self, heading, style, styled, table};
use anstream::println;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ligase_catalog::CatalogFile;
use ligase_domain::{Assessment, EffectClass, Finding, NoCache, Oid, Outcome, RepositoryId, SourceTree, Timestamp};
use ligase_inspect::{Comparison, Declared, DirectoryBounds, DirectoryTree, Identities, Inspection, Inspector, assume};
use ligase_probe::Progress;
use ligase_remedy::RemedySet;
use ligase_runtime::SystemClock;
use ligase_vcs::Repository;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files of an organisation's own catalog that are read at most.
const CATALOG_FILES_MAX: usize = 10_000;

struct Bar(ProgressBar);

impl Progress for Bar {
    fn planned(&self, to_look_at: u64, _from_cache: u64) {
        self.0.set_length(to_look_at);
    }

    fn looked(&self) {
        self.0.inc(1);
    }
}

fn bar(as_json: bool) -> Bar {
    let target = if as_json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("    looking [{bar:28}] {pos}/{len} files").expect("a fixed template");
    Bar(ProgressBar::with_draw_target(Some(0), target).with_style(style.progress_chars("=> ")))
}

/// Runs it.
pub fn run(args: &Check, as_json: bool) -> Result<Exit, Failure> {
    let inspector = inspector(args.catalog.as_deref())?;
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let (tree, declared) = open(args)?;
    let declared = declared.with(identities(args, &inspector)?);
    let now = Timestamp(SystemClock.now_ms());
    let bar = bar(as_json);
    let shown = match &args.base {
        None => Shown::One(Box::new(inspector.inspect(tree.as_ref(), &declared, &NoCache, now, &bar))),
        Some(revision) => {
            let base = base(&args.path, revision)?;
            Shown::Two(Box::new(inspector.compare(&base, tree.as_ref(), &declared, &NoCache, now, &bar)))
        }
    };
    bar.0.finish_and_clear();
    match &shown {
        Shown::One(inspection) => one(inspection, args, &remedies, as_json),
        Shown::Two(comparison) => two(comparison, args, &remedies, as_json),
    }
}

enum Shown {
    One(Box<Inspection>),
    Two(Box<Comparison>),
}

/// The shipped catalog, with an organisation's own folder beside it.
pub fn inspector(folder: Option<&Path>) -> Result<Inspector, Failure> {
    let mut files = Vec::new();
    if let Some(folder) = folder {
        own_files(folder, folder, &mut files)?;
    }
    Inspector::with_files(files).map_err(Failure::documents)
}

fn own_files(root: &Path, folder: &Path, out: &mut Vec<CatalogFile>) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::input("E-CATALOG-UNREADABLE", format!("{}: {e}", folder.display()), "name a folder with --catalog")
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            own_files(root, &path, out)?;
        } else if path.extension().is_some_and(|e| e == "yaml") && out.len() < CATALOG_FILES_MAX {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).map_err(failed)?;
            out.push(CatalogFile { path: Cow::Owned(name), bytes: Cow::Owned(bytes) });
        }
    }
    Ok(())
}

fn identities(args: &Check, inspector: &Inspector) -> Result<Identities, Failure> {
    Ok(match (&args.assume, args.all) {
        (Some(_), true) => {
            return Err(Failure::input("E-CHECK-BOTH", "--assume and --all exclude one another", "give one of them"));
        }
        (Some(text), false) => {
            Identities::Assumed(Box::new(assume(text, inspector.catalog()).map_err(Failure::documents)?))
        }
        (None, true) => Identities::Everything,
        (None, false) => Identities::Tree,
    })
}

/// A folder as it lies, or the default branch of a bare repository.
fn open(args: &Check) -> Result<(Box<dyn SourceTree>, Declared), Failure> {
    let path = &args.path;
    if !path.is_dir() {
        let what = if path.exists() { "is no folder" } else { "does not exist" };
        return Err(Failure::input(
            "E-CHECK-PATH",
            format!("{} {what}", path.display()),
            "name a folder or a repository",
        ));
    }
    let full = path.canonicalize().unwrap_or_else(|_| path.clone());
    let name =
        full.file_name().map_or_else(|| "tree".to_owned(), |n| n.to_string_lossy().trim_end_matches(".git").to_owned());
    if is_bare(path) {
        let failed =
            |e: ligase_vcs::VcsError| Failure::look(&code(&e), format!("{}: {}", path.display(), e.detail), remedy(&e));
        let repository = Repository::open(path).map_err(failed)?;
        let (_, revision) = repository.default_branch().map_err(failed)?;
        let tree = repository.revision(&revision).map_err(failed)?;
        let id = RepositoryId { forge: "directory".to_owned(), stable: name };
        return Ok((Box::new(tree), Declared::of_tree(id, revision)));
    }
    let tree = DirectoryTree::open(path, &DirectoryBounds::default());
    let tree = tree.map_err(|e| Failure::look("E-CHECK-TREE", e, "make the folder readable"))?;
    Ok((Box::new(tree), Declared::working_tree(&name)))
}

fn is_bare(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && !path.join(".git").exists()
}

fn base(path: &Path, revision: &str) -> Result<ligase_vcs::RevisionTree, Failure> {
    let top = repository_above(path);
    let failed = |e: ligase_vcs::VcsError| {
        Failure::input(
            "E-CHECK-BASE",
            format!("{revision}: {}", e.detail),
            "name a commit or branch of this repository",
        )
    };
    let repository = Repository::open(&top).map_err(failed)?;
    let commit: Oid = repository.resolve(revision).map_err(failed)?;
    repository.revision(&commit).map_err(failed)
}

/// The folder with the `.git`, upward from `path`.
fn repository_above(path: &Path) -> PathBuf {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    full.ancestors().find(|p| p.join(".git").exists()).map_or(full.clone(), Path::to_path_buf)
}

fn code(error: &ligase_vcs::VcsError) -> String {
    format!("E-GIT-{}", error.reason.name().to_uppercase())
}

fn remedy(error: &ligase_vcs::VcsError) -> &'static str {
    match error.reason {
        ligase_domain::FailureReason::EmptyRepository => "commit something first",
        ligase_domain::FailureReason::CorruptObject => "run `git fsck` there, and fetch the repository again",
        _ => "see that the folder is a readable git repository",
    }
}

/// A finding as `check` prints it.
fn finding_json(finding: &Finding, remedies: &RemedySet, inspection: &Inspection) -> Value {
    let place = finding.place.as_ref();
    let effect = remedies.effect(finding, &inspection.observations).map(EffectClass::name);
    json!({
        "id": finding.id.to_string(),
        "service": finding.service.folder,
        "constraint": finding.clause.constraint,
        "clause": finding.clause.to_string(),
        "outcome": finding.outcome.name(),
        "reason": finding.outcome.reason(),
        // A file that nobody could look at is its own subject, and its symbol is its path.
        "path": place.map(|p| p.path.to_string()).or_else(|| (finding.subject.kind == "file").then(|| finding.subject.symbol.clone())),
        "line": place.map(|p| p.span.line),
        "end_line": place.map(|p| p.span.end_line),
        "symbol": finding.subject.symbol,
        "message": finding.message,
        "severity": finding.severity.name(),
        "controls": finding.controls.iter().map(|c| format!("{} {}", c.framework, c.control)).collect::<Vec<_>>(),
        "remedy": finding.remedy,
        "effect": effect,
        "waiver": finding.waiver.as_ref().map(|w| w.state.name()),
    })
}

fn population_json(inspection: &Inspection) -> Value {
    let skipped: Vec<_> = inspection
        .population
        .skipped
        .iter()
        .map(|s| json!({ "path": s.path.to_string(), "reason": s.reason }))
        .collect();
    json!({
        "files_total": inspection.population.files_total, "files_looked_at": inspection.looked_at,
        "files_from_cache": inspection.from_cache, "by_class": inspection.population.by_class, "skipped": skipped,
        "incomplete": inspection.population.incomplete,
    })
}

fn exit(inspection: &Inspection, open: bool) -> Exit {
    if !inspection.problems.is_empty() {
        Exit::BadInput
    } else if inspection.population.incomplete.is_some() {
        Exit::CouldNotLook
    } else if open {
        Exit::Findings
    } else {
        Exit::Holds
    }
}

fn one(inspection: &Inspection, args: &Check, remedies: &RemedySet, as_json: bool) -> Result<Exit, Failure> {
    let open = inspection.findings().any(Finding::is_open);
    if as_json {
        output::json(&json!({
            "findings": inspection.findings().map(|f| finding_json(f, remedies, inspection)).collect::<Vec<_>>(),
            "problems": inspection.problems.iter().map(document_json).collect::<Vec<_>>(),
            "population": population_json(inspection),
        }));
        return Ok(exit(inspection, open));
    }
    for problem in &inspection.problems {
        println!("{}\n", document_text(problem));
    }
    for service in &inspection.services {
        print_service(&service.assessment, args.full);
    }
    print_population(inspection);
    Ok(exit(inspection, open))
}

fn print_service(assessment: &Assessment, full: bool) {
    let declared = if assessment.declared { "" } else { "  (undeclared: judged by the floor)" };
    heading(format!("{}{}", assessment.name, styled(style::DIM, declared)));
    let shown = |f: &&Finding| full || f.is_open() || matches!(f.outcome, Outcome::Indeterminate(_));
    let mut findings: Vec<&Finding> = assessment.findings.iter().filter(shown).collect();
    findings.sort_by_key(|f| (!f.is_open(), f.clause.clone()));
    // What is undecided about the service as a whole is one line for each reason, not one for each clause.
    let (whole, placed): (Vec<&Finding>, Vec<&Finding>) = findings
        .into_iter()
        .partition(|f| !full && f.place.is_none() && matches!(f.outcome, Outcome::Indeterminate(_)));
    print_findings(&placed);
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for finding in whole {
        by_reason.entry(finding.outcome.reason().unwrap_or_default()).or_default().push(finding.clause.to_string());
    }
    for (reason, clauses) in by_reason {
        println!("  {} {reason}: {}", output::outcome("indeterminate"), clauses.join(", "));
    }
    if assessment.findings.is_empty() {
        println!(
            "  Nothing is required of it. Write a dna.yaml, or try --all, or --assume \"data=pii;exposure=internet;frameworks=gdpr\"."
        );
    }
    let count = |name: &str| assessment.findings.iter().filter(|f| f.outcome.name() == name).count();
    println!(
        "  {} satisfied, {} not satisfied, {} indeterminate, {} not applicable",
        count("satisfied"),
        count("not-satisfied"),
        count("indeterminate"),
        count("not-applicable")
    );
}

fn print_findings(findings: &[&Finding]) {
    let row = |f: &&Finding| {
        let place = f.place.as_ref().map(|p| format!("{}:{}", p.path, p.span.line)).unwrap_or_default();
        let said = |r: &&str| !f.message.contains(r);
        let why = f.outcome.reason().filter(said).map(|r| format!(" ({r})")).unwrap_or_default();
        let waiver = f.waiver.as_ref().map(|w| format!(" [waiver {}]", w.state.name())).unwrap_or_default();
        vec![output::outcome(f.outcome.name()), f.clause.to_string(), place, format!("{}{why}{waiver}", f.message)]
    };
    if !findings.is_empty() {
        table(&["", "", "", ""], findings.iter().map(row).collect());
    }
}

fn print_population(inspection: &Inspection) {
    let p = &inspection.population;
    let read: u64 = inspection.looked.len() as u64;
    println!(
        "\n{}",
        styled(
            style::DIM,
            format!(
                "{read} of {} files are of a kind that probes read; {} of those skipped",
                p.files_total,
                p.skipped.len()
            )
        )
    );
    for skipped in p.skipped.iter().take(10) {
        println!("  {} {}", styled(style::YELLOW, &skipped.reason), skipped.path);
    }
    if let Some(reason) = &p.incomplete {
        println!("{}", styled(style::RED, format!("not looked at whole: {reason}")));
    }
}

fn two(comparison: &Comparison, args: &Check, remedies: &RemedySet, as_json: bool) -> Result<Exit, Failure> {
    let d = &comparison.difference;
    let weakened: Vec<Finding> = comparison
        .weakenings
        .iter()
        .flat_map(|(folder, list)| {
            let service =
                comparison.head.services.iter().map(|s| &s.assessment.service).find(|s| s.folder == *folder).cloned();
            service.map(|s| ligase_policy::weakening_findings(&s, list)).unwrap_or_default()
        })
        .collect();
    let open = d.new.iter().chain(&weakened).any(Finding::is_open);
    if as_json {
        let list = |findings: &[Finding]| {
            findings.iter().map(|f| finding_json(f, remedies, &comparison.head)).collect::<Vec<_>>()
        };
        output::json(&json!({
            "findings": d.new.iter().chain(&weakened).map(|f| finding_json(f, remedies, &comparison.head)).collect::<Vec<_>>(),
            "fixed": list(&d.fixed), "unchanged": list(&d.unchanged), "undecided": list(&d.undecided),
            "exempted": list(&d.exempted), "vanished": list(&d.vanished), "weakened": list(&weakened),
            "problems": comparison.head.problems.iter().map(document_json).collect::<Vec<_>>(),
            "population": population_json(&comparison.head),
        }));
        return Ok(exit(&comparison.head, open));
    }
    let mut sections = vec![
        ("New", &d.new),
        ("The declaration is weakened", &weakened),
        ("Decided before and not any more", &d.undecided),
    ];
    sections.push(("Not judged any more", &d.vanished));
    sections.push(("Fixed", &d.fixed));
    if args.full {
        sections.push(("As before", &d.unchanged));
    }
    for (title, findings) in sections.into_iter().filter(|(_, f)| !f.is_empty()) {
        heading(format!("{title} ({})", findings.len()));
        print_findings(&findings.iter().collect::<Vec<_>>());
    }
    println!("\n{} new, {} fixed, {} as before", d.new.len(), d.fixed.len(), d.unchanged.len());
    Ok(exit(&comparison.head, open))
}
