//! Whether every run of changed lines is needed: without it a finding is no longer mended, something is worse, or the file
//! no longer reads. A line that could be left out is a line that nobody asked for.
//!
//! The probes are no compiler: an import that is left out is still "seen" by its name. So lines that give a name are
//! needed where the rest of the file uses each of those names and nothing else there gives it.

use crate::diff::{Block, blocks, without};
use crate::gate::{Changed, Gate, by_id, worse};
use crate::python::{Kind, Python};
use crate::source::{Refusal, SourceText};
use ligase_domain::{FileChange, GateVerdict, Outcome};
use ligase_inspect::difference;
use ligase_probe::syntax_errors;
use std::collections::BTreeSet;

/// So many runs of lines are tried one by one; each costs a look at one file and a judgement.
const MAX_BLOCKS: usize = 200;

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
    for (at, block) in &all {
        let file = &gate.files[*at];
        if !is_needed(gate, *at, file, block) {
            let new = String::from_utf8_lossy(&file.new);
            let line = new[..block.new.start].matches('\n').count() + 1;
            return GateVerdict::Refused(format!("{}: the change at line {line} is not needed", file.path));
        }
    }
    GateVerdict::Passed
}

fn is_needed(gate: &Gate<'_>, at: usize, file: &Changed, block: &Block) -> bool {
    let (base, new) = (String::from_utf8_lossy(&file.base), String::from_utf8_lossy(&file.new));
    let left = without(&base, &new, block);
    let probes = gate.input.inspector.probes();
    let class = probes.class_of(&file.path);
    if syntax_errors(probes, &class, left.as_bytes()).is_err() {
        return true;
    }
    if class.dialect == "python" && gives_needed_names(gate, file, &new, &left) {
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
