//! Mutants of accepted patches: whatever a remedy proposes for an example of the catalog is changed in many small ways, and
//! the gate has to refuse what comes out. The right patch passes the same gate, so a refusal is for the change.
//!
//! A mutant that means the same as the patch is no wrong patch: blank lines in other places are left to taste, and other
//! words in a constant text are other words, and imports in another order import the same. None of them is counted.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::*;
use ligase_domain::{
    Effect, FileChange, Finding, FindingId, GateReport, MapTree, NoCache, Patch, RepoPath, SourceTree,
};
use ligase_inspect::{Declared, Expectation, Inspection, Inspector};
use ligase_probe::NoProgress;
use ligase_remedy::{GateInput, GateOptions, RemedySet, gate, propose, unified};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Of all mutants, at least so many in a thousand are refused.
const REFUSED_PER_MILLE: usize = 990;

/// An accepted patch with everything that it was made from.
struct Accepted {
    name: String,
    tree: MapTree,
    declared: Declared,
    inspection: Inspection,
    head: Inspection,
    patch: Patch,
    findings: Vec<FindingId>,
}

/// Files as a mutant would have them.
type Files = BTreeMap<RepoPath, String>;

impl Accepted {
    fn gate(&self, inspector: &Inspector, remedies: &RemedySet, patch: &Patch) -> GateReport {
        let input = GateInput {
            inspector,
            remedies,
            base: Arc::new(self.tree.clone()),
            declared: &self.declared,
            known: &self.inspection,
            patch,
            findings: &self.findings,
            cache: &NoCache,
            now: NOW,
        };
        gate(&input, &GateOptions::default())
    }

    fn base(&self, path: &RepoPath) -> String {
        String::from_utf8_lossy(self.tree.0.get(path).map_or(&[][..], Vec::as_slice)).into_owned()
    }

    fn right(&self) -> Files {
        let text = |c: &FileChange| (c.path.clone(), String::from_utf8(c.bytes.clone()).unwrap());
        self.patch.changes.iter().map(text).collect()
    }

    /// A patch with these files and all else as the right one has it; files that are as in the base are left out.
    fn mutant(&self, files: &Files) -> Patch {
        let (mut changes, mut diff) = (Vec::new(), String::new());
        for (path, text) in files.iter().filter(|(path, text)| self.base(path) != **text) {
            let base = self.base(path);
            diff.push_str(&unified(path, &base, text));
            let known = self.patch.changes.iter().find(|c| c.path == *path).map(|c| c.base);
            let oid = known.or_else(|| self.tree.entry(path).unwrap().map(|e| e.oid));
            let base = oid.unwrap_or(ligase_domain::Oid::Sha1([0; 20]));
            changes.push(FileChange { path: path.clone(), base, bytes: text.as_bytes().to_vec() });
        }
        let effect = Effect { class: self.patch.effect.class, note: self.patch.effect.note.clone() };
        Patch { changes, diff, effect, ..self.patch.clone() }
    }

    /// What the findings are about, as the right patch leaves them.
    fn subjects(&self) -> impl Iterator<Item = &Finding> {
        self.head.findings().filter(|f| self.findings.contains(&f.id))
    }
}

/// Everything that the remedies propose for the catalog's examples and that the gate accepts.
fn accepted(inspector: &Inspector, remedies: &RemedySet) -> Vec<Accepted> {
    let (examples, _) = inspector.examples(None);
    let mut out = Vec::new();
    for example in examples.iter().filter(|e| e.expect == Expectation::NotSatisfied) {
        let (declared, tree) = (example.declared(inspector).unwrap(), example.tree());
        let inspection = inspector.inspect(&tree, &declared, &NoCache, NOW, &NoProgress);
        let wanted = inspection.findings().filter(|f| f.clause == example.clause && f.is_open());
        let open: Vec<FindingId> = wanted.map(|f| f.id).collect();
        let service = inspection.services[0].assessment.service.clone();
        let base: Arc<dyn SourceTree> = Arc::new(tree.clone());
        let proposal = propose(remedies, inspector, &base, &inspection, &service, &example.clause, &open);
        let Some(patch) = proposal.patch.clone() else { continue };
        let overlay = ligase_domain::OverlayTree::new(base, &patch);
        let head = inspector.inspect(&overlay, &declared, &NoCache, NOW, &NoProgress);
        let name = format!("{}: {}", example.clause, example.name);
        let one = Accepted { name, tree, declared, inspection, head, findings: proposal.patched(), patch };
        out.push(one);
    }
    out.extend(of_the_clinic());
    out.retain(|one| one.gate(inspector, remedies, &one.patch).accepted());
    out
}

/// What is proposed for each finding of the clinic alone, and for all of a clause together.
fn of_the_clinic() -> Vec<Accepted> {
    let repo = Repo::new(clinic());
    let mut asked: Vec<(String, Vec<FindingId>)> = Vec::new();
    for clause in [GUARDED, LOG_CALL, STORAGE] {
        let open = repo.open(clause);
        asked.extend(open.iter().map(|id| (clause.to_owned(), vec![*id])));
        asked.push((clause.to_owned(), open));
    }
    let one = |(clause, findings): (String, Vec<FindingId>)| {
        let proposal = repo.propose(&clause, &findings);
        let patch = proposal.patch.clone()?;
        let head = repo.after(&patch);
        let (tree, declared, inspection) = (repo.tree.clone(), repo.declared.clone(), repo.inspection.clone());
        let name = format!("{clause}: {} of the clinic", findings.len());
        Some(Accepted { name, tree, declared, inspection, head, findings: proposal.patched(), patch })
    };
    asked.into_iter().filter_map(one).collect()
}

/// Lines that the patch adds, by number, in a file of the right patch.
fn added(base: &str, new: &str) -> Vec<usize> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for line in base.lines() {
        *left.entry(line).or_default() += 1;
    }
    let mut out = Vec::new();
    for (n, line) in new.lines().enumerate() {
        match left.get_mut(line) {
            Some(count) if *count > 0 => *count -= 1,
            _ => out.push(n),
        }
    }
    out
}

fn with_line(text: &str, n: usize, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let line = lines.get(n)?.clone();
    let body = line.trim_end_matches(['\n', '\r']);
    let end = line[body.len()..].to_owned();
    lines[n] = change(body)? + &end;
    Some(lines.concat())
}

fn without_lines(text: &str, from: usize, to: usize) -> String {
    let kept = text.split_inclusive('\n').enumerate().filter(|(n, _)| *n < from || *n > to);
    kept.map(|(_, l)| l).collect()
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// One file of the right patch in other words; the other files stay.
type Mutation = (&'static str, String);

/// Small changes of the lines that the patch adds.
fn of_lines(base: &str, new: &str) -> Vec<Mutation> {
    let mut out: Vec<Mutation> = Vec::new();
    for n in added(base, new) {
        let mut line = |what, change: &dyn Fn(&str) -> Option<String>| {
            out.extend(with_line(new, n, change).map(|text| (what, text)));
        };
        let swap = |l: &str, from: &str, to: &str| l.contains(from).then(|| l.replacen(from, to, 1));
        line("comment out", &|l| Some(format!("{}# {}", indentation(l), l.trim_start())));
        line("suppress: noqa", &|l| Some(format!("{l}  # noqa")));
        line("suppress: nosec", &|l| Some(format!("{l}  # nosec")));
        line("suppress: checkov", &|l| Some(format!("{l} # checkov:skip=CKV_1: later")));
        line("hidden character", &|l| Some(format!("{l} # \u{202e}")));
        line("twice", &|l| Some(format!("{l}\n{l}")));
        line("a comment beside it", &|l| Some(format!("{}# see the ticket\n{l}", indentation(l))));
        line("true becomes false", &|l| swap(l, "true", "false"));
        line("false becomes true", &|l| swap(l, "false", "true"));
        line("another name", &|l| swap(l, "Depends(", "Depends(lambda: None or "));
        line("a guard that is void", &|l| {
            let at = l.find("Depends(")? + "Depends(".len();
            let end = at + l[at..].find(')')?;
            Some(format!("{}lambda: None{}", &l[..at], &l[end..]))
        });
        line("a list that is emptied", &|l| swap(l, ")]", ")][:0]"));
        line("only sometimes", &|l| swap(l, "[Depends(", "[] if DEBUG else [Depends("));
        line("an empty list", &|l| {
            let at = l.find("[Depends(")?;
            let end = at + l[at..].find(']')?;
            Some(format!("{}[{}", &l[..at], &l[end..]))
        });
        // In a constant text it would only be other words.
        let in_format = |l: &str| l.contains("f\"").then(|| swap(l, "[redacted]", "{request.headers}")).flatten();
        line("the value again", &in_format);
        line("not redacted", &|l| swap(l, "mask(", "str("));
        line("not redacted", &|l| swap(l, "redact(", "repr("));
        line("another word", &|l| swap(l, " = true", " = \"\""));
        line("from somewhere", &|l| swap(l, " = true", " = var.unset"));
        line("somewhere on the net", &|l| Some(format!("{l}  # https://docs.example.net/why")));
    }
    out
}

/// Changes elsewhere in a file that the patch touches.
fn of_file(base: &str, new: &str, python: bool) -> Vec<Mutation> {
    let mut out: Vec<Mutation> = vec![
        ("drop the whole change of a file", base.to_owned()),
        ("empty the file", String::new()),
        ("mark it as generated", format!("# Code generated by a tool. DO NOT EDIT.\n{new}")),
        ("a comment at its end", format!("{new}# end\n")),
        ("other line ends", new.replace('\n', "\r\n")),
        ("a line that does not read", format!("{new}((\n")),
        ("its last line is lost", without_lines(new, new.lines().count() - 1, usize::MAX)),
        ("another indentation", new.replace("    ", "  ").replace("  ", "   ")),
    ];
    let blocks = runs(&added(base, new));
    for (from, to) in &blocks {
        out.push(("drop a hunk", without_lines(new, *from, *to)));
        let lines: Vec<&str> = new.split_inclusive('\n').collect();
        let imports = |l: &str| l.starts_with("import ") || l.starts_with("from ");
        if let Some(next) = lines.get(to + 1).filter(|next| !(imports(next) && imports(lines[*from]))) {
            let moved = [&lines[..*from], &[*next], &lines[*from..=*to], &lines[to + 2..]].concat().concat();
            out.push(("move the lines down", moved));
        }
    }
    if python {
        out.extend([
            ("a package", format!("import fastapi_users\n{new}")),
            ("an import that nothing uses", format!("import json\n{new}")),
            ("other people's code", format!("{new}\n\nexec(open('/tmp/x').read())\n")),
            ("an early return", new.replacen("    return ", "    return None\n    return ", 1)),
            ("another status", new.replacen("404", "410", 1)),
            ("a print", format!("{new}\n\nprint('loaded')\n")),
            ("another number", new.replacen(" 0", " 1", 1)),
        ]);
    } else {
        out.extend([
            (
                "a provider",
                format!("{new}\nterraform {{\n  required_providers {{\n    x = {{ source = \"x/x\" }}\n  }}\n}}\n"),
            ),
            ("a module", format!("{new}\nmodule \"m\" {{\n  source = \"git::https://example.net/m\"\n}}\n")),
            ("an output", format!("{new}\noutput \"x\" {{\n  value = 1\n}}\n")),
        ]);
    }
    out
}

/// Changes of the subject itself: it is renamed, deleted, or stands on paper only.
fn of_subject(one: &Accepted, files: &Files) -> Vec<(&'static str, Files)> {
    let mut out = Vec::new();
    for finding in one.subjects() {
        let Some(place) = &finding.place else { continue };
        let Some(text) = files.get(&place.path) else { continue };
        let (first, last) = (place.span.line as usize - 1, place.span.end_line as usize - 1);
        let mut with = |what, text: String| {
            let mut files = files.clone();
            files.insert(place.path.clone(), text);
            out.push((what, files));
        };
        with("delete the subject", without_lines(text, first, last));
        with(
            "comment the subject out",
            text.split_inclusive('\n')
                .enumerate()
                .map(|(n, l)| if (first..=last).contains(&n) { format!("# {l}") } else { l.to_owned() })
                .collect(),
        );
        let symbol = &finding.subject.symbol;
        let name = symbol.rsplit(['.', '/', ' ']).find(|p| p.len() > 2 && !p.contains('{')).unwrap_or(symbol);
        let quoted = format!("{name}\"");
        if text.contains(&quoted) {
            with("rename the subject", text.replacen(&quoted, &format!("{name}-other\""), 1));
        }
        if let Some(function) = symbol.split(':').next().filter(|f| text.contains(&format!("def {f}("))) {
            with("rename its function", text.replacen(&format!("def {function}("), &format!("def {function}_old("), 1));
        }
        if text.lines().nth(first).is_some_and(|l| l.starts_with("resource ")) {
            let inside = |line: &str| with_line(text, first, |l| Some(format!("{l}\n  {line}")));
            with("no instance of it", inside("count = 0").unwrap());
            with("the change is ignored", inside("lifecycle {\n    ignore_changes = all\n  }").unwrap());
        }
    }
    out
}

/// Changes of other files.
fn of_others(one: &Accepted, files: &Files) -> Vec<(&'static str, Files)> {
    let mut out = Vec::new();
    let mut beside = |what, path: &str, text: String| {
        let mut files = files.clone();
        files.insert(RepoPath::from(path), text);
        out.push((what, files));
    };
    for new in ["app/added.py", "infra/added.tf", "tests/test_added.py", ".github/workflows/ci.yml", "dna.yaml"] {
        if !one.tree.0.contains_key(&RepoPath::from(new)) {
            beside("a file that was not there", new, "x = 1\n".to_owned());
        }
    }
    for (path, bytes) in one.tree.0.iter().filter(|(p, _)| !files.contains_key(*p)) {
        let (Some(name), Ok(text)) = (path.as_str(), std::str::from_utf8(bytes)) else { continue };
        beside("a comment in another file", name, format!("{text}# seen\n"));
        beside("another file is emptied", name, String::new());
        if text.contains("raise ") {
            beside("a guard that lets pass", name, text.replacen("raise ", "return None  # ", 1));
        }
        if text.contains("OAuth2PasswordBearer(") {
            let lax = text.replacen("OAuth2PasswordBearer(", "OAuth2PasswordBearer(auto_error=False, ", 1);
            beside("a guard that is optional", name, lax);
        }
    }
    out
}

fn runs(lines: &[usize]) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for n in lines {
        match out.last_mut() {
            Some((_, to)) if *to + 1 == *n => *to = *n,
            _ => out.push((*n, *n)),
        }
    }
    out
}

/// All mutants of a patch, each once and none that is the patch itself.
fn mutants(one: &Accepted) -> Vec<(&'static str, Patch)> {
    let right = one.right();
    let mut all: Vec<(&'static str, Files)> = Vec::new();
    for (path, text) in &right {
        let base = one.base(path);
        let python = path.as_bytes().ends_with(b".py");
        for (what, text) in of_lines(&base, text).into_iter().chain(of_file(&base, text, python)) {
            let mut files = right.clone();
            files.insert(path.clone(), text);
            all.push((what, files));
        }
    }
    all.extend(of_subject(one, &right));
    all.extend(of_others(one, &right));
    let words = |files: &Files| -> Files {
        let full = |text: &String| text.split_inclusive('\n').filter(|l| !l.trim().is_empty()).collect::<String>();
        files.iter().map(|(path, text)| (path.clone(), full(text))).collect()
    };
    let mut seen = std::collections::BTreeSet::from([words(&right)]);
    let fresh = all.into_iter().filter(|(_, files)| {
        let changed = files.iter().filter(|(path, text)| one.base(path) != **text || !one.tree.0.contains_key(*path));
        seen.insert(words(&changed.map(|(path, text)| (path.clone(), text.clone())).collect()))
    });
    let mut out: Vec<(&'static str, Patch)> = fresh.map(|(what, files)| (what, one.mutant(&files))).collect();
    let mut forged = one.patch.clone();
    forged.diff = forged.diff.replacen("+", "+ ", 1);
    out.push(("a diff that says something else", forged));
    let mut other = one.patch.clone();
    other.base_revision = ligase_domain::Oid::Sha1([9; 20]);
    out.push(("another base", other));
    out
}

#[test]
fn nearly_all_mutants_of_accepted_patches_are_refused() {
    let inspector = Inspector::shipped().unwrap_or_else(|e| panic!("{e:#?}"));
    let remedies = RemedySet::load(inspector.files()).unwrap_or_else(|e| panic!("{e:#?}"));
    let accepted = accepted(&inspector, &remedies);
    let work: Vec<(&Accepted, &'static str, Patch)> =
        accepted.iter().flat_map(|one| mutants(one).into_iter().map(move |(what, p)| (one, what, p))).collect();
    let (next, said) = (std::sync::atomic::AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(4) {
            scope.spawn(|| {
                while let Some((one, what, patch)) = work.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let report = one.gate(&inspector, &remedies, patch);
                    let refused = report.refusal().map(|(reason, _)| reason.to_owned());
                    let survivor = refused.is_none().then(|| format!("{what}, of {}\n{}", one.name, patch.diff));
                    said.lock().unwrap().push((*what, refused.unwrap_or("SURVIVED".to_owned()), survivor));
                }
            });
        }
    });
    let mut said = said.into_inner().unwrap();
    said.sort();
    let (mut by_reason, mut by_kind) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for (what, reason, _) in &said {
        *by_reason.entry(reason).or_default() += 1;
        *by_kind.entry(what).or_default() += 1;
    }
    let survivors: Vec<&String> = said.iter().filter_map(|(.., s)| s.as_ref()).collect();
    println!("{} patches, {} mutants, {} survive", accepted.len(), said.len(), survivors.len());
    println!("by reason: {by_reason:#?}\nby kind: {by_kind:#?}");
    for survivor in &survivors {
        println!("SURVIVES: {survivor}");
    }
    assert!(accepted.len() >= 12 && said.len() >= 600, "{} patches, {} mutants", accepted.len(), said.len());
    let refused = said.len() - survivors.len();
    assert!(refused * 1000 >= said.len() * REFUSED_PER_MILLE, "{refused} of {}", said.len());
}
