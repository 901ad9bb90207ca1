//! Whether every run of changed lines is needed, and every line of a run: without it a finding is no longer mended,
//! something is worse, or the file no longer reads. A line that could be left out is a line that nobody asked for. Blank
//! lines are left to taste; white space at a line's begin and end is the base's.
//!
//! The probes are no compiler: an import that is left out is still "seen" by its name. So lines that give a name are
//! needed where the rest of the file uses each of those names and nothing else there gives it.

use crate::diff::{Block, blocks, without};
use crate::format::Verb;
use crate::gate::{Changed, Gate, by_id, unreadable, worse};
use crate::lines::{in_base_form, other_line_ends, put_back, without_each};
use crate::python::{Kind, Python};
use crate::source::{Refusal, SourceText};
use ligase_domain::{FileChange, GateVerdict, Outcome};
use ligase_inspect::difference;
use std::collections::BTreeSet;

/// So many runs of lines are tried one by one; each costs a look at one file and a judgement.
const MAX_BLOCKS: usize = 200;
/// So many single lines are tried: more than any patch within its budget has.
const MAX_LINES: usize = 1_200;

/// Tries the patch without each run of changed lines.
pub(crate) fn all_needed(gate: &Gate<'_>) -> GateVerdict {
    let mut all: Vec<(usize, Block)> = Vec::new();
    for (at, file) in gate.files.iter().enumerate() {
        let (Ok(base), Ok(new)) = (std::str::from_utf8(&file.base), std::str::from_utf8(&file.new)) else {
            return GateVerdict::Refused(format!("{}: it is no text", file.path));
        };
        all.extend(blocks(base, new).into_iter().map(|b| (at, b)));
    }
    if all.len() > MAX_BLOCKS {
        return GateVerdict::Refused(format!("{} separate changes, at most {MAX_BLOCKS} are tried", all.len()));
    }
    let says = |file: &Changed, at: usize, what: &str| {
        let line = String::from_utf8_lossy(&file.new)[..at].matches('\n').count() + 1;
        GateVerdict::Refused(format!("{}: {what} at line {line} is not needed", file.path))
    };
    let mut tried = 0;
    for (at, block) in &all {
        let file = &gate.files[*at];
        let (base, new) = (String::from_utf8_lossy(&file.base), String::from_utf8_lossy(&file.new));
        if !is_needed(gate, *at, file, without(&base, &new, block)) {
            return says(file, block.new.start, "the change");
        }
        for line in without_each(&base, &new, block) {
            tried += 1;
            if tried > MAX_LINES {
                return GateVerdict::Refused(format!("more than {MAX_LINES} changed lines, which are not all tried"));
            }
            if !gives_parameter(gate, &line.base, &line.new) && !is_needed(gate, *at, file, line.text) {
                return says(file, line.at, "the line");
            }
        }
    }
    white_space(gate)
}

/// No line is moved, and none ends otherwise, where it would do as well as the base has it.
fn white_space(gate: &Gate<'_>) -> GateVerdict {
    for (at, file) in gate.files.iter().enumerate() {
        let (base, new) = (String::from_utf8_lossy(&file.base), String::from_utf8_lossy(&file.new));
        if other_line_ends(&base, &new) {
            return GateVerdict::Refused(format!("{}: its lines end otherwise than the base's", file.path));
        }
        let as_base = in_base_form(&base, &new);
        if as_base != new && !is_needed(gate, at, file, as_base) {
            return GateVerdict::Refused(format!("{}: white space that nobody needs", file.path));
        }
        if put_back(&base, &new).into_iter().any(|text| !is_needed(gate, at, file, text)) {
            return GateVerdict::Refused(format!("{}: a line was moved, and does as well where it stood", file.path));
        }
    }
    GateVerdict::Passed
}

/// Whether the file would not do as `left`.
fn is_needed(gate: &Gate<'_>, at: usize, file: &Changed, left: String) -> bool {
    let new = String::from_utf8_lossy(&file.new);
    let probes = gate.input.inspector.probes();
    let class = probes.class_of(&file.path);
    if unreadable(probes, &class, left.as_bytes()).is_some() {
        return true;
    }
    let scripted = matches!(class.dialect.as_str(), "typescript" | "javascript" | "java" | "go");
    if class.dialect == "python" && gives_needed_names(gate, file, &new, &left)
        || scripted && gives_other_names(gate, file, &new, &left)
    {
        return true;
    }
    let mut changes: Vec<FileChange> = gate.input.patch.changes.clone();
    changes[at].bytes = left.into_bytes();
    changes.retain(|c| gate.files.iter().any(|f| f.path == c.path && f.base != c.bytes));
    let head = gate.look(&changes);
    let after = by_id(&head);
    let mended = gate.input.findings.iter().all(|id| after.get(id).is_some_and(|f| f.outcome == Outcome::Satisfied));
    let difference = difference(gate.input.known, &head);
    !mended || worse(&difference).is_some() || !difference.vanished.is_empty()
}

/// Whether a line differs from the base's by a parameter that a remedy of the patch says to be needed: a probe does not see
/// that somebody passes it.
fn gives_parameter(gate: &Gate<'_>, base: &str, new: &str) -> bool {
    let same = base.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let (was, is) = (&base[same..], &new[same..]);
    let tail = was.chars().rev().zip(is.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8());
    let tail = tail.sum::<usize>();
    if tail < was.len() || is.len() > tail + 200 {
        return false;
    }
    let inserted = &is[..is.len() - tail];
    let alone = base.is_empty();
    let remedies = gate.input.patch.remedies.iter().filter_map(|key| key.rsplit_once('@'));
    let mut edits = remedies.filter_map(|(id, _)| gate.input.remedies.get(id)).flat_map(|r| &r.edits);
    edits.any(|e| {
        matches!(&e.verb, Verb::EnsureParameter(p) if if alone {
            inserted.trim_start().starts_with(p.name.as_str())
        } else {
            inserted.contains(p.name.as_str())
        })
    })
}

/// The same of TypeScript, JavaScript, Java and Go.
fn gives_other_names(gate: &Gate<'_>, file: &Changed, new: &str, left: &str) -> bool {
    let class = gate.input.inspector.probes().class_of(&file.path);
    let read = |text: &str| SourceText::read(&file.path, &class, text.as_bytes().to_vec());
    let (Ok(with), Ok(without)) = (read(new), read(left)) else { return false };
    let names = |source: &SourceText| -> Result<BTreeSet<String>, Refusal> {
        Ok(crate::clike::Imports::read(source, &file.path)?.bound_names())
    };
    let (Ok(had), Ok(has)) = (names(&with), names(&without)) else { return false };
    let given: BTreeSet<&String> = had.difference(&has).collect();
    let Ok(imports) = crate::clike::Imports::read(&without, &file.path) else { return false };
    !given.is_empty() && given.iter().all(|name| imports.uses(name))
}

/// Whether the lines give names by importing them, all of which the rest of the file uses and could not have otherwise.
fn gives_needed_names(gate: &Gate<'_>, file: &Changed, new: &str, left: &str) -> bool {
    let class = gate.input.inspector.probes().class_of(&file.path);
    let names = |text: &str| -> Result<BTreeSet<String>, Refusal> {
        let source = SourceText::read(&file.path, &class, text.as_bytes().to_vec())?;
        Ok(crate::python::Imports::read(&source, &file.path)?.bound_names())
    };
    let (Ok(with), Ok(without)) = (names(new), names(left)) else { return false };
    let given: BTreeSet<&String> = with.difference(&without).collect();
    let Ok(python) = Python::scan(left) else { return false };
    let used = |name: &&String| {
        (0..python.tokens.len()).any(|at| {
            let token = python.tokens[at];
            let plain =
                token.kind == Kind::Name && python.of(at) == name.as_str() && !(at > 0 && python.is(at - 1, "."));
            let interpolated = token.kind == Kind::Text && python.of(at).contains(&format!("{{{name}("));
            plain || interpolated
        })
    };
    !given.is_empty() && given.iter().all(used)
}
