//! The gate: the named checks that a patch must pass before a person sees it, in the order of `GateCheck::ALL`. The report
//! ends at the first refusal.
//!
//! It trusts nothing that a patch says of itself: the base is looked at, base plus patch is looked at, and what is compared
//! are findings by id under the base's declarations. The structural checks are `policy::patch`, so that the coordinator
//! decides with the same words. Whoever made a patch does not judge it: this report is a filter, another lease's is the
//! proof. `verify` runs elsewhere and comes in as a function; without one it is *unverified*. Next: `hunks.rs`, `verify.rs`.

use crate::diff::unified;
use crate::format::RemedySet;
use crate::hunks;
use crate::known::Known;
use crate::propose::{budget_of, leftover};
use crate::python::block_without_body;
use crate::source::FILE_BYTES;
use crate::verify::{Verified, Verify};
use ligase_domain::{
    CheckResult, Entry, EntryKind, FileChange, Finding, FindingId, GateCheck, GateReport, GateVerdict, LookCache,
    Outcome, OverlayTree, Patch, PathClass, RepoPath, SourceTree, Timestamp,
};
use ligase_inspect::{Declared, Difference, Inspection, Inspector, MemoryCache, difference};
use ligase_policy::patch::{
    ChangedFile, PatchRules, allowed_paths, no_dependency, no_new_url, no_suppression, plain_text, tests_kept,
    within_budget,
};
use ligase_probe::{NoProgress, ProbeSet, syntax_errors};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that a gate needs to know.
pub struct GateInput<'a> {
    /// Catalog, probes and judgement.
    pub inspector: &'a Inspector,
    /// All remedies; a patch names its own.
    pub remedies: &'a RemedySet,
    /// The pinned base.
    pub base: Arc<dyn SourceTree>,
    /// What is known beside the tree.
    pub declared: &'a Declared,
    /// What the base showed, looked at with the same inspector.
    pub known: &'a Inspection,
    /// The patch.
    pub patch: &'a Patch,
    /// The findings that it says it mends.
    pub findings: &'a [FindingId],
    /// Observations that are known already.
    pub cache: &'a dyn LookCache,
    /// When waivers are read.
    pub now: Timestamp,
}

/// What may be set otherwise.
#[derive(Clone, Debug)]
pub struct GateOptions {
    /// The checks that run. A patch is accepted only where all of them did; tests switch the others off.
    pub checks: BTreeSet<GateCheck>,
    /// What a patch that no remedy made is measured by.
    pub rules: PatchRules,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self { checks: GateCheck::ALL.into_iter().collect(), rules: PatchRules::default() }
    }
}

impl GateOptions {
    /// One check alone: to prove that it refuses its own class.
    pub fn only(check: GateCheck) -> Self {
        Self { checks: BTreeSet::from([check]), ..Self::default() }
    }
}

/// Files that are read to learn which modules the repository uses.
const MODULE_FILES: usize = 300;

/// The most that the patches of remedies may grow to, however many findings they are for.
const MOST_FILES: u32 = 50;
const MOST_LINES: u32 = 600;

/// What the gate says of a patch whose repository's own tests nobody can run.
pub fn gate(input: &GateInput<'_>, options: &GateOptions) -> GateReport {
    gate_verified(input, options, &mut |_| Verified::not("not-run"))
}

/// What the gate says of a patch. `verify` is asked last, and only where nothing has refused.
pub fn gate_verified(input: &GateInput<'_>, options: &GateOptions, verify: Verify<'_>) -> GateReport {
    let mut runs = Vec::new();
    let mut gate = Gate::new(input, options);
    let mut checks = Vec::new();
    for check in GateCheck::ALL.into_iter().filter(|c| options.checks.contains(c)) {
        let verdict = if check == GateCheck::Verify {
            let verified = verify(input.patch);
            runs = verified.runs;
            verified.verdict
        } else {
            gate.run(check)
        };
        let refused = matches!(verdict, GateVerdict::Refused(_));
        checks.push(CheckResult { check, verdict });
        if refused {
            break;
        }
    }
    GateReport { patch: input.patch.digest(), checks, runs }
}

/// One changed file with both of its contents.
pub(crate) struct Changed {
    pub path: RepoPath,
    pub kind: Option<EntryKind>,
    pub entry: Option<Entry>,
    pub base: Vec<u8>,
    pub new: Vec<u8>,
}

/// A run of the gate; what several checks need is computed once.
pub(crate) struct Gate<'a> {
    pub input: &'a GateInput<'a>,
    options: &'a GateOptions,
    pub files: Vec<Changed>,
    cache: MemoryCache<'a>,
    head: Option<Inspection>,
}

impl<'a> Gate<'a> {
    fn new(input: &'a GateInput<'a>, options: &'a GateOptions) -> Self {
        let cache = MemoryCache::over(input.cache);
        cache.remember(&input.known.looked);
        let files = input.patch.changes.iter().map(|c| changed(input.base.as_ref(), c)).collect();
        Self { input, options, files, cache, head: None }
    }

    fn run(&mut self, check: GateCheck) -> GateVerdict {
        match check {
            GateCheck::Reproduces => self.reproduces(),
            GateCheck::Applies => self.applies(),
            GateCheck::AllowedPaths => worst([allowed_paths(&self.views()), plain_text(&self.views())]),
            GateCheck::NoSuppression => no_suppression(&self.views()),
            GateCheck::Parses => self.parses(),
            GateCheck::SubjectKept => self.subject_kept(),
            GateCheck::Fixed => self.fixed(),
            GateCheck::NoNewFinding => self.no_new_finding(),
            GateCheck::TestsKept => tests_kept(&self.views()),
            GateCheck::NoDependency => {
                let rules = PatchRules { known_modules: self.known_modules(), ..self.options.rules.clone() };
                worst([no_dependency(&self.views(), &rules), no_new_url(&self.views())])
            }
            GateCheck::Idempotent => self.idempotent(),
            GateCheck::HunksNeeded => hunks::all_needed(self),
            GateCheck::WithinBudget => within_budget(&self.views(), &self.budget()),
            GateCheck::Verify => GateVerdict::Unverified("not-run".to_owned()),
        }
    }

    fn views(&self) -> Vec<ChangedFile<'_>> {
        let view = |f: &'_ Changed| -> (Option<EntryKind>, ligase_domain::Origin) {
            (f.kind, self.input.inspector.probes().class_of(&f.path).origin)
        };
        self.files
            .iter()
            .map(|f| {
                let (kind, origin) = view(f);
                ChangedFile { path: &f.path, kind, origin, base: &f.base, new: &f.new }
            })
            .collect()
    }

    /// What base plus patch shows.
    fn head(&mut self) -> &Inspection {
        if self.head.is_none() {
            self.head = Some(self.look(&self.input.patch.changes));
        }
        self.head.as_ref().expect("it was just put there")
    }

    /// What base plus some changes shows, under the base's declarations.
    pub fn look(&self, changes: &[FileChange]) -> Inspection {
        let patch = Patch { changes: changes.to_vec(), ..self.input.patch.clone() };
        let tree = OverlayTree::new(self.input.base.clone(), &patch);
        let GateInput { inspector, known, declared, now, .. } = self.input;
        inspector.inspect_change(known, &tree, declared, &self.cache, *now, &NoProgress)
    }

    fn reproduces(&self) -> GateVerdict {
        if self.input.findings.is_empty() {
            return GateVerdict::Refused("the patch names no finding".to_owned());
        }
        let base = by_id(self.input.known);
        each(self.input.findings, |id| match base.get(id).map(|f| &f.outcome) {
            Some(Outcome::NotSatisfied) => None,
            Some(other) => Some(format!("finding {} is {} on the base", id.0.short(), other.name())),
            None => Some(format!("finding {} is not there on the base", id.0.short())),
        })
    }

    /// The bytes are made against the base's blobs, and the diff that a person reads is the change that is pushed.
    fn applies(&self) -> GateVerdict {
        let sorted = self.input.patch.changes.windows(2).all(|w| w[0].path < w[1].path);
        if !sorted || self.files.is_empty() {
            return GateVerdict::Refused("changed files are not sorted, or there are none".to_owned());
        }
        if self.input.patch.base_revision != self.input.declared.revision {
            return GateVerdict::Refused("it was made against another revision".to_owned());
        }
        let mut diff = String::new();
        for (file, change) in self.files.iter().zip(&self.input.patch.changes) {
            let Some(entry) = &file.entry else {
                return GateVerdict::Refused(format!("{}: the base has no such file", file.path));
            };
            if entry.oid != change.base {
                return GateVerdict::Refused(format!("{}: it was made against another content", file.path));
            }
            let texts = (std::str::from_utf8(&file.base), std::str::from_utf8(&file.new));
            let (Ok(base), Ok(new)) = texts else {
                return GateVerdict::Refused(format!("{}: it is no text", file.path));
            };
            diff.push_str(&unified(&file.path, base, new));
        }
        if diff == self.input.patch.diff {
            GateVerdict::Passed
        } else {
            GateVerdict::Refused("the diff does not say what the changed files are".to_owned())
        }
    }

    fn parses(&self) -> GateVerdict {
        let probes = self.input.inspector.probes();
        each(&self.files, |file| {
            let class = probes.class_of(&file.path);
            let seen = unreadable(probes, &class, &file.new)?;
            let before = unreadable(probes, &class, &file.base).is_some();
            let before = if before { "; neither did the base" } else { "" };
            Some(format!("{}: {seen}{before}", file.path))
        })
    }

    /// Every subject that was judged is judged still, where it was; nothing is hidden by deleting, renaming or moving it.
    fn subject_kept(&mut self) -> GateVerdict {
        let base = self.input.known;
        let before = by_id(base);
        let findings = self.input.findings;
        let head = self.head();
        let after = by_id(head);
        let lost = each(findings, |id| {
            let was = before.get(id)?;
            let Some(now) = after.get(id) else { return Some(format!("{} is no longer seen", was.subject.symbol)) };
            let path = |f: &Finding| f.place.as_ref().map(|p| p.path.clone());
            (path(was) != path(now)).then(|| format!("{} now stands in another file", was.subject.symbol))
        });
        let difference = difference(base, head);
        let gone = difference.vanished.first().map(|f| format!("{} is no longer seen", f.subject.symbol));
        worst([lost, refused(gone), refused(more_unmodelled(base, head))])
    }

    /// The findings are satisfied, and by what their remedy says it does: a clause that is satisfied for another reason is
    /// not what was asked for.
    fn fixed(&mut self) -> GateVerdict {
        let input = self.input;
        let before = by_id(input.known);
        let overlay = OverlayTree::new(input.base.clone(), input.patch);
        let head = self.head();
        let after = by_id(head);
        let name = |id: &FindingId| before.get(id).map_or_else(|| id.0.short(), |f| f.subject.symbol.clone());
        let decided = each(input.findings, |id| match after.get(id).map(|f| &f.outcome) {
            Some(Outcome::Satisfied) => None,
            Some(other) => Some(format!("{} is {}", name(id), other.name())),
            None => Some(format!("{} is not judged", name(id))),
        });
        if decided != GateVerdict::Passed {
            return decided;
        }
        let own = |f: &Finding| f.remedy.as_deref().and_then(|id| input.remedies.get(id));
        let named = |key: String| input.patch.remedies.contains(&key);
        each(input.findings, |id| {
            let remedy = before.get(id).and_then(|f| own(f)).filter(|r| named(r.key()))?;
            let finding = after.get(id)?;
            let known = Known::new(&overlay, input.inspector, head, &finding.service);
            let subject = known.subject(finding).ok()?;
            let holds =
                remedy.expect.as_ref().is_none_or(|e| e.holds(&[("it", &subject.attributes), ("dna", known.dna())]));
            (!holds).then(|| format!("{} is satisfied, and not by what {} does", name(id), remedy.id))
        })
    }

    fn no_new_finding(&mut self) -> GateVerdict {
        let base = self.input.known;
        refused(worse(&difference(base, self.head())))
    }

    /// What the patch's own remedies would still do where they have been.
    fn idempotent(&mut self) -> GateVerdict {
        let input = self.input;
        let overlay = OverlayTree::new(input.base.clone(), input.patch);
        let head = self.head();
        let after = by_id(head);
        for id in input.findings {
            let Some(finding) = after.get(id) else { continue };
            let known = Known::new(&overlay, input.inspector, head, &finding.service);
            let Ok(subject) = known.subject(finding) else { continue };
            for key in &input.patch.remedies {
                let Some(remedy) = key.rsplit_once('@').and_then(|(id, _)| input.remedies.get(id)) else { continue };
                if let Some(diff) = leftover(remedy, &known, subject, *id) {
                    let line = diff.lines().find(|l| l.starts_with('+') && !l.starts_with("+++")).unwrap_or_default();
                    return GateVerdict::Refused(format!(
                        "{key} applied again would add {}",
                        ligase_document::shown(line)
                    ));
                }
            }
        }
        GateVerdict::Passed
    }

    /// What the patch's remedies allow for so many findings; the usual rules for a patch of anybody else.
    fn budget(&self) -> PatchRules {
        let of = |key: &String| key.rsplit_once('@').and_then(|(id, _)| self.input.remedies.get(id));
        let remedies: Option<Vec<_>> = self.input.patch.remedies.iter().map(of).collect();
        let Some(largest) = remedies.into_iter().flatten().max_by_key(|r| (r.budget.files, r.budget.lines)) else {
            return self.options.rules.clone();
        };
        let sum = budget_of(self.input.findings.iter().map(|_| largest));
        PatchRules {
            max_files: sum.files.min(MOST_FILES),
            max_lines: sum.lines.min(MOST_LINES),
            known_modules: self.options.rules.known_modules.clone(),
        }
    }

    /// The repository's own modules, and those that some of its files import already.
    fn known_modules(&self) -> BTreeSet<String> {
        let mut known = self.options.rules.known_modules.clone();
        let entries = self.input.base.entries().unwrap_or_default();
        let python = |e: &&Entry| e.path.as_bytes().ends_with(b".py");
        for path in entries.iter().filter(python).filter_map(|e| e.path.as_str()) {
            known.extend(path.trim_end_matches(".py").split('/').map(str::to_owned));
        }
        let class = |e: &Entry| self.input.inspector.probes().class_of(&e.path);
        for entry in entries.iter().filter(python).take(MODULE_FILES) {
            let Ok(bytes) = self.input.base.read(entry, FILE_BYTES) else { continue };
            let Ok(source) = crate::source::SourceText::read(&entry.path, &class(entry), bytes) else { continue };
            let Ok(imports) = crate::python::Imports::read(&source, &entry.path) else { continue };
            let tops = imports.modules().into_iter().filter_map(|(m, _)| m.split('.').next().map(str::to_owned));
            known.extend(tops.filter(|top| !top.is_empty()));
        }
        known
    }
}

fn changed(base: &dyn SourceTree, change: &FileChange) -> Changed {
    let entry = base.entry(&change.path).ok().flatten();
    let bytes = entry.as_ref().and_then(|e| base.read(e, FILE_BYTES).ok()).unwrap_or_default();
    Changed {
        path: change.path.clone(),
        kind: entry.as_ref().map(|e| e.kind),
        entry,
        base: bytes,
        new: change.bytes.clone(),
    }
}

/// Why a file of that class does not read; none where it does.
pub(crate) fn unreadable(probes: &ProbeSet, class: &PathClass, bytes: &[u8]) -> Option<String> {
    if let Err(seen) = syntax_errors(probes, class, bytes) {
        return Some(seen.to_string());
    }
    let text = std::str::from_utf8(bytes).ok().filter(|_| class.dialect == "python")?;
    block_without_body(text).map(|line| format!("line {line} opens a block that has no body"))
}

pub(crate) fn by_id(inspection: &Inspection) -> BTreeMap<FindingId, &Finding> {
    inspection.findings().map(|f| (f.id, f)).collect()
}

/// What of a difference a patch may not bring, in words.
pub(crate) fn worse(difference: &Difference) -> Option<String> {
    let says = |finding: &Finding, what: &str| format!("{} of {} {what}", finding.clause, finding.subject.symbol);
    let new = difference.new.first().map(|f| says(f, "is not satisfied"));
    let undecided = difference.undecided.first().map(|f| says(f, "can no longer be decided"));
    let exempted = difference.exempted.first().map(|f| says(f, "no longer applies"));
    let skipped = difference.newly_skipped.first().map(|p| format!("{p} can no longer be looked at"));
    new.or(undecided).or(exempted).or(skipped)
}

/// Whether something that was understood is now only noticed.
fn more_unmodelled(base: &Inspection, head: &Inspection) -> Option<String> {
    let count = |i: &Inspection| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for o in i.observations.iter().filter(|o| o.kind == "unmodelled") {
            *counts.entry(o.text("of").unwrap_or_default().to_owned()).or_default() += 1;
        }
        counts
    };
    let before = count(base);
    let more = count(head).into_iter().find(|(of, n)| *n > before.get(of).copied().unwrap_or(0));
    more.map(|(of, _)| format!("one more {of} is no longer understood"))
}

fn each<T>(items: &[T], seen: impl Fn(&T) -> Option<String>) -> GateVerdict {
    refused(items.iter().find_map(seen))
}

fn refused(seen: Option<String>) -> GateVerdict {
    seen.map_or(GateVerdict::Passed, GateVerdict::Refused)
}

fn worst<const N: usize>(verdicts: [GateVerdict; N]) -> GateVerdict {
    verdicts.into_iter().find(|v| *v != GateVerdict::Passed).unwrap_or(GateVerdict::Passed)
}
