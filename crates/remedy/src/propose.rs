//! From findings to one patch: for each finding its remedy, for each remedy what it needs, and one patch for all of them
//! together; or, for a finding, an abstention that says why.
//!
//! A patch never mixes effects that may be opened as ready with effects that need a plan: what is ready goes first, and the
//! rest waits for it. Nothing is judged here: every patch goes through `gate.rs`.

use crate::beside::{beside, refuse_among_open, refuse_among_rights};
use crate::clike;
use crate::diff::{changed_lines, unified};
use crate::edit::{TextEdit, apply};
use crate::format::{Budget, NeedSource, Remedy, RemedySet};
use crate::known::{Known, resolve_candidate};
use crate::needs::{Candidate, Sought, seek};
use crate::python::{Import, Imports};
use crate::source::{FILE_BYTES, Refusal, SourceText};
use crate::verbs::{Scope, plan, render};
use ligase_domain::{
    ClauseId, Effect, Entry, FileChange, Finding, FindingId, Observation, Outcome, Patch, RepoPath, ServiceId,
    SourceTree, Value,
};
use ligase_inspect::{Inspection, Inspector};
use ligase_policy::Dna;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is proposed for one finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The patch is for it.
    Patched,
    /// Nothing is done about it, for a stable reason, with what is known.
    Abstained {
        /// In kebab-case.
        reason: String,
        /// For a person.
        detail: String,
    },
}

/// What is proposed for one intent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// One patch for all findings that can be patched.
    pub patch: Option<Patch>,
    /// By finding, sorted.
    pub answers: BTreeMap<FindingId, Answer>,
    /// What the patch may change at most: the sum over the findings that it is for.
    pub budget: Budget,
}

impl Proposal {
    /// The findings that the patch is for.
    pub fn patched(&self) -> Vec<FindingId> {
        self.answers.iter().filter(|(_, a)| **a == Answer::Patched).map(|(id, _)| *id).collect()
    }
}

/// A patch is for at most so many findings; the rest waits for the next one.
const MAX_FINDINGS: usize = 50;

/// What one remedy would do for one finding.
struct Step<'a> {
    finding: FindingId,
    remedy: &'a Remedy,
    effect: Effect,
    path: RepoPath,
    edits: Vec<TextEdit>,
    imports: BTreeSet<Import>,
    others: BTreeSet<clike::Import>,
}

/// A file that is being changed.
struct Work {
    entry: Entry,
    source: SourceText,
    edits: Vec<TextEdit>,
    imports: BTreeSet<Import>,
    others: BTreeSet<clike::Import>,
}

/// Proposes one patch for the findings of one clause in one service.
pub fn propose(
    remedies: &RemedySet,
    inspector: &Inspector,
    base: &Arc<dyn SourceTree>,
    inspection: &Inspection,
    service: &ServiceId,
    clause: &ClauseId,
    findings: &[FindingId],
) -> Proposal {
    let known = Known::new(base.as_ref(), inspector, inspection, service);
    let (mut answers, mut steps) = (BTreeMap::new(), Vec::new());
    for id in findings.iter().collect::<BTreeSet<_>>() {
        match known.finding(*id, clause).and_then(|f| step(remedies, &known, f)) {
            Ok(step) => steps.push(step),
            Err(refusal) => {
                answers.insert(*id, abstained(refusal));
            }
        }
    }
    let ready = steps.iter().any(|s| s.effect.class.may_be_ready());
    steps.sort_by(|a, b| (&a.path, a.finding).cmp(&(&b.path, b.finding)));
    let mut works: BTreeMap<RepoPath, Work> = BTreeMap::new();
    let mut kept: Vec<Step<'_>> = Vec::new();
    for step in steps {
        let waits = ready && !step.effect.class.may_be_ready();
        let taken = if waits {
            let detail = format!("effect {}; it waits for the patch that is ready", step.effect.class.name());
            Err(Refusal::new("waits-for-ready-patch", detail))
        } else if kept.len() >= MAX_FINDINGS {
            Err(Refusal::new("waits-for-next-patch", format!("a patch is for at most {MAX_FINDINGS} findings")))
        } else {
            take(&known, &mut works, &step)
        };
        match taken {
            Ok(()) => {
                answers.insert(step.finding, Answer::Patched);
                kept.push(step);
            }
            Err(refusal) => {
                answers.insert(step.finding, abstained(refusal));
            }
        }
    }
    let budget = budget_of(kept.iter().map(|s| s.remedy));
    Proposal { patch: patch(inspection, service, works, &kept), answers, budget }
}

fn abstained(refusal: Refusal) -> Answer {
    Answer::Abstained { reason: refusal.reason.into_owned(), detail: refusal.detail }
}

/// The sum of what remedies may change.
pub(crate) fn budget_of<'a>(remedies: impl Iterator<Item = &'a Remedy>) -> Budget {
    remedies.fold(Budget { files: 0, lines: 0 }, |sum, r| Budget {
        files: sum.files.saturating_add(r.budget.files),
        lines: sum.lines.saturating_add(r.budget.lines),
    })
}

/// Adds a step to its file, if the edits of all steps can be made together and change something.
fn take(known: &Known<'_>, works: &mut BTreeMap<RepoPath, Work>, step: &Step<'_>) -> Result<(), Refusal> {
    if !works.contains_key(&step.path) {
        let (entry, source) = known.source(&step.path)?;
        works.insert(
            step.path.clone(),
            Work { entry, source, edits: vec![], imports: BTreeSet::new(), others: BTreeSet::new() },
        );
    }
    let work = works.get_mut(&step.path).expect("it was just put there");
    let before = (work.edits.len(), work.imports.clone(), work.others.clone());
    work.edits.extend(step.edits.iter().cloned());
    work.imports.extend(step.imports.iter().cloned());
    work.others.extend(step.others.iter().cloned());
    let result = result_of(work, &step.path);
    if let Err(refusal) = result.and_then(|text| {
        let changed = text != work.source.as_str();
        changed.then_some(()).ok_or_else(|| Refusal::new("nothing-to-change", step.remedy.id.clone()))
    }) {
        work.edits.truncate(before.0);
        (work.imports, work.others) = (before.1, before.2);
        if work.edits.is_empty() && work.imports.is_empty() && work.others.is_empty() {
            works.remove(&step.path);
        }
        return Err(refusal);
    }
    Ok(())
}

fn result_of(work: &Work, path: &RepoPath) -> Result<String, Refusal> {
    let mut edits = work.edits.clone();
    if !work.imports.is_empty() {
        edits.extend(Imports::read(&work.source, path)?.ensure(&work.imports)?);
    }
    if !work.others.is_empty() {
        edits.extend(clike::Imports::read(&work.source, path)?.ensure(&work.others)?);
    }
    apply(work.source.as_str(), &edits)
}

fn patch(
    inspection: &Inspection,
    service: &ServiceId,
    works: BTreeMap<RepoPath, Work>,
    steps: &[Step<'_>],
) -> Option<Patch> {
    let effect = steps.iter().map(|s| &s.effect).max_by_key(|e| e.class)?;
    let notes: BTreeSet<&str> =
        steps.iter().filter(|s| s.effect.class == effect.class).map(|s| s.effect.note.as_str()).collect();
    let (mut changes, mut diff) = (Vec::new(), String::new());
    for (path, work) in &works {
        let text = result_of(work, path).expect("the edits were tried when they were taken");
        diff.push_str(&unified(path, work.source.as_str(), &text));
        changes.push(FileChange { path: path.clone(), base: work.entry.oid, bytes: text.into_bytes() });
    }
    let remedies: BTreeSet<String> = steps.iter().map(|s| s.remedy.key()).collect();
    Some(Patch {
        base_revision: inspection.service(service)?.assessment.revision,
        changes,
        diff,
        remedies: remedies.into_iter().collect(),
        effect: Effect { class: effect.class, note: notes.into_iter().collect::<Vec<_>>().join("\n") },
    })
}

/// How many lines a proposal's patch changes; for a report.
pub fn lines_of(patch: &Patch, base: &dyn SourceTree) -> u32 {
    let lines = patch.changes.iter().filter_map(|change| {
        let entry = base.entry(&change.path).ok()??;
        let before = base.read(&entry, FILE_BYTES).ok()?;
        Some(changed_lines(&String::from_utf8_lossy(&before), &String::from_utf8_lossy(&change.bytes)))
    });
    lines.sum()
}

fn step<'a>(remedies: &'a RemedySet, known: &Known<'_>, finding: &Finding) -> Result<Step<'a>, Refusal> {
    match &finding.outcome {
        Outcome::NotSatisfied if !finding.is_open() => {
            return Err(Refusal::new("waived", "a waiver in force names it"));
        }
        Outcome::NotSatisfied => {}
        Outcome::Satisfied => return Err(Refusal::new("already-satisfied", finding.subject.symbol.clone())),
        other => return Err(Refusal::new("not-decided", other.reason().unwrap_or_default().to_owned())),
    }
    let id = finding.remedy.as_deref().ok_or_else(|| Refusal::new("no-remedy", finding.clause.to_string()))?;
    let remedy = remedies.get(id).ok_or_else(|| Refusal::new("no-remedy", id.to_owned()))?;
    let subject = known.subject(finding)?;
    step_for(remedy, known, subject, finding.id)
}

/// What a remedy would do for a subject, whatever was judged of it.
fn step_for<'a>(
    remedy: &'a Remedy,
    known: &Known<'_>,
    subject: &Observation,
    finding: FindingId,
) -> Result<Step<'a>, Refusal> {
    let params = known.params(&remedy.clause);
    let place = BTreeMap::from([("path".to_owned(), Value::from(subject.place.path.to_string().as_str()))]);
    let names = [("it", &subject.attributes), ("dna", known.dna()), ("params", &params), ("place", &place)];
    if remedy.when.as_ref().is_some_and(|w| !w.holds(&names)) {
        return Err(Refusal::new("remedy-not-for-this", remedy.id.clone()));
    }
    let locals = BTreeMap::new();
    let nothing = BTreeMap::new();
    let bare = Scope { subject, dna: known.dna(), params: &params, needs: &nothing };
    for rule in &remedy.abstain {
        if rule.when.as_ref().is_none_or(|w| w.holds(&names)) {
            // A name that this subject does not have must not hide why nothing is done.
            let detail = render(&rule.detail, &bare, &locals).unwrap_or_else(|_| rule.detail.clone());
            return Err(Refusal { reason: rule.reason.clone().into(), detail });
        }
    }
    let needs = found_needs(remedy, known, subject)?;
    let scope = Scope { subject, dna: known.dna(), params: &params, needs: &needs };
    let rule = remedy.effects.iter().find(|e| e.when.as_ref().is_none_or(|w| w.holds(&names)));
    let rule = rule.ok_or_else(|| Refusal::new("effect-not-known", remedy.id.clone()))?;
    let effect = Effect { class: rule.class, note: render(&rule.note, &scope, &locals)? };
    let (_, source) = known.source(&subject.place.path)?;
    let planned = plan(remedy, &scope, &source)?;
    for import in &planned.imports {
        known.refuse_cycle(import, &source, &subject.place.path)?;
    }
    Ok(Step {
        finding,
        remedy,
        effect,
        path: subject.place.path.clone(),
        edits: planned.edits,
        imports: planned.imports,
        others: planned.others,
    })
}

fn found_needs(
    remedy: &Remedy,
    known: &Known<'_>,
    subject: &Observation,
) -> Result<BTreeMap<String, Candidate>, Refusal> {
    let mut found = BTreeMap::new();
    for (name, need) in &remedy.needs {
        if let NeedSource::Beside(witness, form) = &need.source {
            found.insert(name.clone(), beside(known, need, witness, *form, subject)?);
            continue;
        }
        let resolved = match seek(need, subject, known.observations(), known.dna()) {
            Sought::Found(candidate) => resolve_candidate(known, *candidate, &subject.place.path),
            Sought::None => Err(Refusal::new("not-found", String::new())),
            Sought::Several(symbols) => match &need.several {
                Some(reason) => return Err(Refusal { reason: reason.clone().into(), detail: symbols.join(", ") }),
                None => Err(Refusal::new("several", symbols.join(", "))),
            },
        };
        match (resolved, &need.none) {
            (Ok(candidate), _) => {
                if let NeedSource::Kind { used_by: Some(witness), .. } = &need.source
                    && witness.kind == subject.kind
                {
                    refuse_among_open(known, witness, subject)?;
                    refuse_among_rights(known, witness, subject)?;
                }
                found.insert(name.clone(), candidate);
            }
            (Err(refusal), Some(reason)) if refusal.reason == "not-found" => {
                let detail = format!("{} has none that could be used for {name}", known.service());
                return Err(Refusal { reason: reason.clone().into(), detail });
            }
            (Err(refusal), Some(_)) => return Err(refusal),
            // An optional need: the remedy says what it does without.
            (Err(_), None) => {}
        }
    }
    Ok(found)
}

/// The text changes that a remedy would still make for a subject of this tree; none where it has nothing left to do.
pub(crate) fn leftover(
    remedy: &Remedy,
    known: &Known<'_>,
    subject: &Observation,
    finding: FindingId,
) -> Option<String> {
    let step = step_for(remedy, known, subject, finding).ok()?;
    let (entry, source) = known.source(&step.path).ok()?;
    let work = Work { entry, source, edits: step.edits, imports: step.imports, others: step.others };
    let text = result_of(&work, &step.path).ok()?;
    (text != work.source.as_str()).then(|| unified(&step.path, work.source.as_str(), &text))
}

/// What expressions of remedies see of a declaration.
pub(crate) fn dna_names(dna: Option<&Dna>) -> BTreeMap<String, Value> {
    let texts = |items: Vec<&str>| Value::List(items.into_iter().map(Value::from).collect());
    let classes = dna.iter().flat_map(|d| d.data.keys()).map(|c| Value::map([("class", Value::from(c.as_str()))]));
    let words = |list: fn(&Dna) -> &Vec<String>| texts(dna.iter().flat_map(|d| list(d)).map(String::as_str).collect());
    let vocabulary =
        Value::map([("guards", words(|d| &d.vocabulary.guards)), ("sanitizers", words(|d| &d.vocabulary.sanitizers))]);
    BTreeMap::from([
        ("data".to_owned(), Value::List(classes.collect())),
        ("exposure".to_owned(), Value::from(dna.map_or("internet", |d| d.exposure.name()))),
        ("residency".to_owned(), texts(dna.iter().flat_map(|d| &d.residency).map(String::as_str).collect())),
        ("vocabulary".to_owned(), vocabulary),
    ])
}
