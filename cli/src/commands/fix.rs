//! `ligase fix`: for each open finding of a tree a patch with what the gate says of it, or why there is none. The remedies
//! and the gate are those of a sweep; what differs is that the patch goes into a folder and not into a pull request.
//!
//! Without `--write` nothing is touched, and each patch is shown as if it were alone. With it they are applied in order: each
//! one after the first is made and tried again on what the ones before it leave, in memory, and the files are written once,
//! at the end, over the very bytes that were looked at (`apply.rs`). A patch whose effect needs a plan is written only when its
//! finding is named. The service's own tests run in the sandbox, base and patch, as its `verify` says; without a sandbox,
//! without a command and with `--no-verify` the patch is *unverified*, and says why.

use crate::apply::{Rewrite, rewrite};
use crate::args::Fix;
use crate::commands::check::exit;
use crate::failure::{Exit, Failure, document_json};
use crate::local::{self, Bar, Opened};
use crate::output::{self, heading, style, styled};
use crate::owners::Owners;
use crate::report::json::population;
use crate::report::sentence;
use crate::rows::{gate_report, local_finding, path_of, verdict};
use anstream::println;
use ligase_agent_runner::{Verification, Verifier};
use ligase_domain::{
    Effect, EffectClass, FileChange, Finding, FindingId, GateReport, NoCache, Outcome, OverlayTree, Patch, RepoPath,
    SourceTree, Timestamp,
};
use ligase_inspect::{Declared, Inspection, Inspector};
use ligase_policy::Dna;
use ligase_policy::dna::MAX_DNA_BYTES;
use ligase_policy::roster::DNA_FILE;
use ligase_probe::NoProgress;
use ligase_remedy::verify::Verified;
use ligase_remedy::{Answer, GateInput, GateOptions, RemedySet, gate_verified, propose};
use ligase_runtime::SystemClock;
use ligase_sandbox::Probed;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What makes patches and tries them.
struct Desk<'a> {
    inspector: &'a Inspector,
    remedies: &'a RemedySet,
    declared: &'a Declared,
    tree: &'a Arc<dyn SourceTree>,
    now: Timestamp,
    /// Where tests may be run; none where nobody wants them to.
    probed: Option<Probed>,
}

/// A tree that patches are made for: the folder, or the folder with the patches before.
struct Stage {
    tree: Arc<dyn SourceTree>,
    known: Inspection,
    /// Of this tree alone, since it keeps what the base's tests said.
    verifier: Option<Verifier>,
}

/// What there is for one finding.
enum Offer {
    /// A patch that the gate let through.
    Patch(Patch, GateReport),
    /// A candidate that the gate stopped.
    Refused(Patch, GateReport),
    /// Nothing, and why.
    Abstained(String, String),
}

/// What became of a finding's patch.
#[derive(Clone, PartialEq, Eq)]
enum Written {
    /// Nothing was to be written.
    NotAsked,
    /// It stands in the folder.
    Yes,
    /// A patch before it mended this finding too.
    ByAnother,
    /// It was left out, for this reason.
    No(String),
}

/// One finding with all that is said of it.
struct Told {
    finding: Finding,
    offer: Offer,
    owner: Option<String>,
    written: Written,
}

/// Files of a tree that stays as it is.
const FILE_BYTES: u64 = ligase_probe::MAX_FILE_BYTES;

/// Runs it.
pub fn run(args: &Fix, as_json: bool) -> Result<Exit, Failure> {
    let inspector = local::inspector(args.look.catalog.as_deref())?;
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let opened = local::open(&args.look, &inspector)?;
    if args.write && opened.folder.is_none() {
        let problem = format!("{} is a bare repository and has no files to write", args.look.path.display());
        return Err(Failure::input("E-FIX-BARE", problem, "clone it, and run `ligase fix --write` there"));
    }
    let now = Timestamp(SystemClock.now_ms());
    let (inspection, about) = look(args, &inspector, &opened, now, as_json)?;
    let named = named(&args.finding, &inspection)?;
    let probed = (!args.no_verify).then(ligase_sandbox::probe);
    let wanted = inspection.findings().filter(|f| match &named {
        Some(ids) => ids.contains(&f.id),
        None => f.is_open() && about.as_ref().is_none_or(|ids| ids.contains(&f.id)),
    });
    let desk = Desk {
        inspector: &inspector,
        remedies: &remedies,
        declared: &opened.declared,
        tree: &opened.tree,
        now,
        probed,
    };
    let owners = Owners::read(opened.tree.as_ref());
    let stage = desk.stage(Arc::clone(&opened.tree), inspection.clone());
    let mut told: Vec<Told> = wanted
        .map(|finding| {
            let offer = desk.offer(&stage, finding);
            let owner = owner(&inspection, finding, &owners, &desk);
            Told { finding: finding.clone(), offer, owner, written: Written::NotAsked }
        })
        .collect();
    if let (true, Some(folder)) = (args.write, &opened.folder) {
        write(&desk, folder, &inspection, &mut told, named.is_some())?;
    }
    let mended = |t: &Told| matches!(t.written, Written::Yes | Written::ByAnother);
    let open = told.iter().any(|t| t.finding.is_open() && !mended(t));
    if as_json {
        let rows: Vec<Value> = told.iter().map(|t| row(t, &remedies, &inspection)).collect();
        let problems: Vec<Value> = inspection.problems.iter().map(document_json).collect();
        output::json(&json!({ "findings": rows, "problems": problems, "population": population(&inspection) }));
    } else {
        print(&told, args.look.full, args.write);
    }
    Ok(exit(&inspection, open))
}

/// What the tree shows; with a base also which findings the change brought.
fn look(
    args: &Fix,
    inspector: &Inspector,
    opened: &Opened,
    now: Timestamp,
    quiet: bool,
) -> Result<(Inspection, Option<Vec<FindingId>>), Failure> {
    let bar = Bar::new(quiet);
    let (tree, cache) = (opened.tree.as_ref(), opened.cache.as_ref());
    let seen = match &args.look.base {
        None => (inspector.inspect(tree, &opened.declared, cache, now, &bar), None),
        Some(revision) => {
            let base = local::base(&args.look.path, revision)?;
            let compared = inspector.compare(base.as_ref(), tree, &opened.declared, cache, now, &bar);
            let new = compared.difference.new.iter().map(|f| f.id).collect();
            (compared.head, Some(new))
        }
    };
    bar.done();
    Ok(seen)
}

/// The findings that `--finding` names; each must be one, and not satisfied.
fn named(prefixes: &[String], inspection: &Inspection) -> Result<Option<Vec<FindingId>>, Failure> {
    if prefixes.is_empty() {
        return Ok(None);
    }
    let mut ids = Vec::new();
    for prefix in prefixes {
        let fits = |f: &&Finding| !prefix.is_empty() && f.id.to_string().starts_with(prefix.as_str());
        let found: Vec<&Finding> = inspection.findings().filter(fits).collect();
        let problem = match found.as_slice() {
            [one] if one.outcome == Outcome::NotSatisfied => {
                ids.push(one.id);
                continue;
            }
            [one] => format!("finding {prefix} is {}", one.outcome.name()),
            [] => format!("there is no finding {prefix} in this tree"),
            several => format!("{prefix} is the beginning of {} findings", several.len()),
        };
        return Err(Failure::input("E-FIX-FINDING", problem, "take an id that `ligase check --json` prints"));
    }
    Ok(Some(ids))
}

impl Desk<'_> {
    fn stage(&self, tree: Arc<dyn SourceTree>, known: Inspection) -> Stage {
        let verifier = self.probed.as_ref().map(|probed| Verifier::new(probed, std::env::temp_dir()));
        Stage { tree, known, verifier }
    }

    /// What the service's own tests say of a patch.
    fn verify(&self, stage: &Stage, finding: &Finding, patch: &Patch) -> Verified {
        let Some(verifier) = &stage.verifier else { return Verified::not("not-asked") };
        let dna = stage.known.service(&finding.service).and_then(|s| s.desired.dna.as_ref());
        let mut verification = Verification {
            verifier,
            base: Arc::clone(&stage.tree),
            service: finding.service.clone(),
            revision: self.declared.revision,
            command: dna.and_then(|d| d.verify.clone()),
            probes: self.inspector.probes(),
            beat: &|| {},
            runs: 0,
        };
        verification.verify(patch)
    }

    fn offer(&self, stage: &Stage, finding: &Finding) -> Offer {
        let Stage { tree, known, .. } = stage;
        let (service, clause) = (&finding.service, &finding.clause);
        let proposal = propose(self.remedies, self.inspector, tree, known, service, clause, &[finding.id]);
        if let Some(Answer::Abstained { reason, detail }) = proposal.answers.get(&finding.id) {
            return Offer::Abstained(reason.clone(), detail.clone());
        }
        let findings = proposal.patched();
        let Some(patch) = proposal.patch else { return Offer::Abstained("no-patch".to_owned(), String::new()) };
        let input = GateInput {
            inspector: self.inspector,
            remedies: self.remedies,
            base: Arc::clone(tree),
            declared: self.declared,
            known,
            patch: &patch,
            findings: &findings,
            cache: &NoCache,
            now: self.now,
        };
        let verify = &mut |patch: &Patch| self.verify(stage, finding, patch);
        let report = gate_verified(&input, &GateOptions::default(), verify);
        if report.accepted() { Offer::Patch(patch, report) } else { Offer::Refused(patch, report) }
    }
}

/// Who is told of what nobody could mend: the service's owner, else the file's by CODEOWNERS. An assumed identity has
/// none; there the nearest `dna.yaml` above the file speaks, if one stands in the tree.
fn owner(inspection: &Inspection, finding: &Finding, owners: &Owners, desk: &Desk<'_>) -> Option<String> {
    let declared = inspection.service(&finding.service).and_then(|s| s.desired.dna.as_ref()?.owner.clone());
    let path = path_of(finding).unwrap_or_default();
    let nearest = || {
        let above = path.match_indices('/').rev().map(|(at, _)| format!("{}/{DNA_FILE}", &path[..at]));
        above.chain([DNA_FILE.to_owned()]).find_map(|file| {
            let entry = desk.tree.entry(&RepoPath::from(file.as_str())).ok()??;
            let bytes = desk.tree.read(&entry, MAX_DNA_BYTES as u64).ok()?;
            Dna::read(&file, &bytes, desk.inspector.catalog()).ok()?.owner
        })
    };
    declared.or_else(nearest).or_else(|| owners.of(&path).map(|(owner, _)| owner.to_owned()))
}

/// Whether a patch may go into a folder without anybody having named its finding.
const fn needs_plan(effect: &Effect) -> bool {
    !effect.class.may_be_ready()
}

fn write(
    desk: &Desk<'_>,
    folder: &Path,
    inspection: &Inspection,
    told: &mut [Told],
    named: bool,
) -> Result<(), Failure> {
    let base = desk.tree;
    let mut changes: BTreeMap<RepoPath, Vec<u8>> = BTreeMap::new();
    let mut stage: Option<Stage> = None;
    for one in told.iter_mut() {
        let Offer::Patch(patch, _) = &one.offer else {
            one.written = Written::No("no-patch".to_owned());
            continue;
        };
        if needs_plan(&patch.effect) && !named {
            one.written = Written::No("needs-a-plan".to_owned());
            continue;
        }
        if let Some(stage) = &stage {
            match stage.known.findings().find(|f| f.id == one.finding.id).map(|f| f.outcome.clone()) {
                Some(Outcome::Satisfied) => {
                    one.written = Written::ByAnother;
                    continue;
                }
                Some(Outcome::NotSatisfied) => one.offer = desk.offer(stage, &one.finding),
                _ => {
                    one.written = Written::No("no longer judged after the patches before it".to_owned());
                    continue;
                }
            }
        }
        let Offer::Patch(patch, _) = &one.offer else {
            one.written = Written::No("refused after the patches before it".to_owned());
            continue;
        };
        changes.extend(patch.changes.iter().map(|c| (c.path.clone(), c.bytes.clone())));
        one.written = Written::Yes;
        stage = Some(staged(desk, inspection, &changes));
    }
    if changes.is_empty() {
        return Ok(());
    }
    unchanged(base.as_ref(), folder)?;
    let mut files = Vec::new();
    for (path, new) in changes {
        let entry = base.entry(&path).ok().flatten();
        let old = entry.and_then(|e| base.read(&e, FILE_BYTES).ok());
        let old = old.ok_or_else(|| meanwhile(&path.to_string()))?;
        files.push(Rewrite { path, old, new });
    }
    rewrite(folder, &files)
}

/// The folder with all changes so far, and what it shows.
fn staged(desk: &Desk<'_>, inspection: &Inspection, changes: &BTreeMap<RepoPath, Vec<u8>>) -> Stage {
    let base = desk.tree;
    let change = |(path, bytes): (&RepoPath, &Vec<u8>)| {
        let oid = base.entry(path).ok().flatten()?.oid;
        Some(FileChange { path: path.clone(), base: oid, bytes: bytes.clone() })
    };
    let patch = Patch {
        base_revision: desk.declared.revision,
        changes: changes.iter().filter_map(change).collect(),
        diff: String::new(),
        remedies: Vec::new(),
        effect: Effect { class: EffectClass::InPlace, note: String::new() },
    };
    let tree: Arc<dyn SourceTree> = Arc::new(OverlayTree::new(Arc::clone(base), &patch));
    let known =
        desk.inspector.inspect_change(inspection, tree.as_ref(), desk.declared, &NoCache, desk.now, &NoProgress);
    desk.stage(tree, known)
}

/// Refuses where anything in the folder is not as it was looked at: another file may be what a patch relies on.
fn unchanged(base: &dyn SourceTree, folder: &Path) -> Result<(), Failure> {
    let now = local::directory(folder).map_err(|e| Failure::look("E-CHECK-TREE", e, "make the folder readable"))?;
    let (Ok(before), Ok(now)) = (base.entries(), now.entries()) else {
        return Err(meanwhile("the folder"));
    };
    let differs = before.iter().find(|e| !now.contains(e)).or_else(|| now.iter().find(|e| !before.contains(e)));
    differs.map_or(Ok(()), |entry| Err(meanwhile(&entry.path.to_string())))
}

fn meanwhile(what: &str) -> Failure {
    let problem = format!("{what} changed while the patches were being made");
    Failure::look("E-FIX-CHANGED", problem, "run `ligase fix` again; nothing was changed")
}

fn row(told: &Told, remedies: &RemedySet, inspection: &Inspection) -> Value {
    let mut row = local_finding(&told.finding, remedies, inspection);
    let abstained = |reason: &str, detail: &str| json!({ "reason": reason, "detail": detail, "owner": told.owner });
    for key in ["patch", "effect_note", "plan", "gate", "abstained", "candidate", "remedies"] {
        row[key] = Value::Null;
    }
    match &told.offer {
        Offer::Abstained(reason, detail) => row["abstained"] = abstained(reason, detail),
        Offer::Patch(patch, report) => {
            row["patch"] = json!(patch.diff);
            row["effect"] = json!(patch.effect.class.name());
            row["effect_note"] = json!(patch.effect.note);
            row["plan"] = if needs_plan(&patch.effect) { json!(patch.effect.note) } else { Value::Null };
            row["gate"] = gate_report(report);
            row["remedies"] = json!(patch.remedies);
        }
        Offer::Refused(patch, report) => {
            let (reason, seen) = report.refusal().unwrap_or_default();
            row["effect"] = json!(patch.effect.class.name());
            row["candidate"] = json!(patch.diff);
            row["gate"] = gate_report(report);
            row["abstained"] = abstained(&format!("refused: {reason}"), seen);
        }
    }
    row["written"] = match &told.written {
        Written::NotAsked => Value::Null,
        Written::Yes | Written::ByAnother => json!(true),
        Written::No(_) => json!(false),
    };
    row["written_note"] = match &told.written {
        Written::ByAnother => json!("a patch before it mended this too"),
        Written::No(reason) => json!(reason),
        Written::NotAsked | Written::Yes => Value::Null,
    };
    row
}

fn print(told: &[Told], full: bool, write: bool) {
    for one in told {
        let f = &one.finding;
        let place = f.place.as_ref().map(|p| format!("{}:{}", p.path, p.span.line)).unwrap_or_default();
        let id: String = f.id.to_string().chars().take(10).collect();
        heading(format!("{}  {}  {place}", f.clause, styled(style::DIM, id)));
        println!("  {}", sentence(f));
        match &one.offer {
            Offer::Abstained(reason, detail) => print_abstained(reason, detail, one.owner.as_deref()),
            Offer::Patch(patch, report) => {
                print_effect(&patch.effect);
                output::diff(&patch.diff);
                print_gate(report, full);
            }
            Offer::Refused(patch, report) => {
                let (reason, seen) = report.refusal().unwrap_or_default();
                print_abstained(&format!("refused: {reason}"), seen, one.owner.as_deref());
                if full {
                    output::diff(&patch.diff);
                    print_gate(report, true);
                }
            }
        }
        match &one.written {
            Written::NotAsked => {}
            Written::Yes => println!("  {}", styled(style::GREEN, "written")),
            Written::ByAnother => println!("  {}", styled(style::GREEN, "mended by a patch before it")),
            Written::No(reason) => println!("  {} {reason}", styled(style::YELLOW, "not written:")),
        }
    }
    let count = |fits: fn(&Told) -> bool| told.iter().filter(|t| fits(t)).count();
    let patches = count(|t| matches!(t.offer, Offer::Patch(..)));
    let written = count(|t| matches!(t.written, Written::Yes | Written::ByAnother));
    println!(
        "\n{}, {} with a patch that the gate let through{}",
        output::counted(told.len() as u64, "finding"),
        patches,
        if write { format!(", {written} mended in the folder") } else { "; nothing was written".to_owned() }
    );
}

fn print_abstained(reason: &str, detail: &str, owner: Option<&str>) {
    let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    println!("  {} {reason}{detail}", styled(style::YELLOW, "no patch:"));
    println!("  {} {}", styled(style::DIM, "for:"), owner.unwrap_or("nobody that dna.yaml or CODEOWNERS names"));
}

fn print_effect(effect: &Effect) {
    let note = if effect.note.is_empty() { String::new() } else { format!(": {}", effect.note) };
    let what = if needs_plan(effect) { "plan" } else { "effect" };
    println!("  {} {}{note}", styled(style::BOLD, format!("{what}:")), effect.class.name());
}

fn print_gate(report: &GateReport, full: bool) {
    let passed = report.checks.iter().filter(|c| verdict(&c.verdict).0 == "passed").count();
    println!("  {} {passed} of {} checks passed", styled(style::BOLD, "gate:"), report.checks.len());
    for check in report.checks.iter().filter(|c| full || verdict(&c.verdict).0 != "passed") {
        let (word, detail) = verdict(&check.verdict);
        println!("    {} {word} {detail}", check.check.name());
    }
}
