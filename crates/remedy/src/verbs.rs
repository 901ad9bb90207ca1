//! A remedy's verbs against one subject: text edits and wanted imports, or a refusal with its reason.
//!
//! Names that come from the repository enter code only as dotted identifiers. A verb whose result stands there already
//! makes no edit. Nothing is written here: `propose.rs` collects the edits of a file and applies them once.

use crate::clike;
use crate::dockerfile;
use crate::edit::{TextEdit, apply};
use crate::format::{Edit, EnsureImport, PositionName, Remedy, SetKey, Verb};
use crate::hcl;
use crate::needs::{Candidate, element_holds};
use crate::python::{self, Import, Imports, Position};
use crate::said::{self, says_something};
use crate::source::{Refusal, SourceText};
use crate::yaml;
use ligase_domain::{Observation, RepoPath, Value};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What a template may name.
pub(crate) struct Scope<'a> {
    pub subject: &'a Observation,
    pub dna: &'a BTreeMap<String, Value>,
    pub params: &'a BTreeMap<String, Value>,
    pub needs: &'a BTreeMap<String, Candidate>,
}

/// What a remedy would do to the subject's file.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub edits: Vec<TextEdit>,
    pub imports: BTreeSet<Import>,
    /// Those of a language that `clike` reads.
    pub others: BTreeSet<clike::Import>,
}

/// The edits of a remedy for one subject.
pub(crate) fn plan(remedy: &Remedy, scope: &Scope<'_>, source: &SourceText) -> Result<Planned, Refusal> {
    let mut planned = Planned::default();
    let mut locals = BTreeMap::new();
    for edit in &remedy.edits {
        if edit.found.as_ref().is_some_and(|(need, wanted)| scope.needs.contains_key(need) != *wanted) {
            continue;
        }
        let numbers = numbers(edit, scope);
        if edit.each.is_some() && numbers.is_empty() {
            continue;
        }
        apply_verb(edit, &numbers, scope, source, &mut locals, &mut planned)?;
    }
    // Imports serve edits: where nothing is left to edit, a name would come that nothing uses.
    if planned.edits.is_empty() {
        planned.imports.clear();
        planned.others.clear();
    }
    Ok(planned)
}

/// The elements of `each` that the edit is for; one without `each` has no number.
fn numbers(edit: &Edit, scope: &Scope<'_>) -> Vec<usize> {
    let Some(list) = &edit.each else { return vec![] };
    let elements = scope.subject.attributes.get(list).and_then(Value::as_list).unwrap_or_default();
    let holds = |e: &Value| element_holds(edit.filter.as_ref(), scope.subject, e, scope.dna);
    elements.iter().enumerate().filter(|(_, e)| holds(e)).map(|(n, _)| n).collect()
}

fn anchor(scope: &Scope<'_>, name: &str) -> Option<Range<usize>> {
    let name = name.strip_prefix("it.nodes.").unwrap_or(name);
    scope.subject.anchors.get(name).map(|s| s.start as usize..s.end as usize)
}

fn needed(scope: &Scope<'_>, name: &str) -> Result<Range<usize>, Refusal> {
    anchor(scope, name).ok_or_else(|| Refusal::new("anchor-not-seen", format!("{name} of {}", scope.subject.kind)))
}

/// The anchors of an edit: the named one, or its numbered ones, each place once and none inside another.
fn anchors(scope: &Scope<'_>, edit: &Edit, name: &str, numbers: &[usize]) -> Result<Vec<Range<usize>>, Refusal> {
    if edit.each.is_none() {
        return Ok(vec![needed(scope, name)?]);
    }
    let mut all = numbers.iter().map(|n| needed(scope, &format!("{name}{n}"))).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|r| (r.start, std::cmp::Reverse(r.end)));
    all.dedup();
    let mut outer: Vec<Range<usize>> = Vec::new();
    for range in all {
        if outer.last().is_none_or(|last| range.start >= last.end) {
            outer.push(range);
        }
    }
    Ok(outer)
}

/// Has a name at hand, and what it is called in this file.
fn import(v: &EnsureImport, scope: &Scope<'_>, source: &SourceText, planned: &mut Planned) -> Result<String, Refusal> {
    if source.dialect() == "python" {
        let (local, import) = ensure_import(v, scope, source)?;
        planned.imports.extend(import);
        return Ok(local);
    }
    let (local, import) = reused(v, scope, source)?;
    planned.others.extend(import);
    Ok(local)
}

/// A value and what goes with it out of a call, with words instead.
fn drop_values(
    source: &SourceText,
    call: &std::ops::Range<usize>,
    values: &[std::ops::Range<usize>],
    instead: &str,
) -> Result<Vec<TextEdit>, Refusal> {
    whole_values(source, values)?;
    let edits = match source.dialect() {
        "python" => python::drop_values(source, call, values, instead)?,
        _ => clike::drop_values(source, call, values, instead)?,
    };
    let edits: Vec<TextEdit> = edits.into_iter().map(|edit| unbracketed(source, edit, instead)).collect();
    let after = apply(source.as_str(), &edits)?;
    // All edits lie in the call: what follows it only moves.
    let end = (call.end + after.len()).checked_sub(source.as_str().len());
    let left = end.and_then(|end| after.get(call.start..end)).unwrap_or_default();
    if !says_something(left, instead) {
        return Err(Refusal::new("line-is-only-the-value", "without the value the line says nothing; take it away"));
    }
    said::refuse_half(source.as_str(), call, values, left)?;
    said::refuse_told(source.as_str(), call)?;
    said::refuse_alike(source.as_str(), call, values, left, instead)?;
    Ok(edits)
}

/// A key of a block, where its value works with what else the block says.
fn set_key(
    v: &SetKey,
    scope: &Scope<'_>,
    source: &SourceText,
    key: &str,
    value: &str,
) -> Result<Vec<TextEdit>, Refusal> {
    let (block, present) = (needed(scope, &v.block)?, v.present.as_ref().and_then(|p| anchor(scope, p)));
    if let Some(refused) = &v.not_beside {
        refuse_beside(source, &block, &refused.regex, &refused.reason)?;
    }
    match source.dialect() {
        "terraform" => hcl::set_key(source, &block, present.as_ref(), key, value),
        _ => yaml::set_key(source, &block, key, value, v.before.as_deref()),
    }
}

/// Refuses a setting that does not work with what else its block says.
fn refuse_beside(source: &SourceText, block: &Range<usize>, regex: &str, reason: &str) -> Result<(), Refusal> {
    let expression = Regex::new(regex).map_err(|e| Refusal::new("remedy-not-readable", e.to_string()))?;
    match source.as_str().get(block.clone()).and_then(|text| expression.find(text)) {
        Some(found) => Err(Refusal { reason: reason.to_owned().into(), detail: found.as_str().trim().to_owned() }),
        None => Ok(()),
    }
}

fn apply_verb(
    edit: &Edit,
    numbers: &[usize],
    scope: &Scope<'_>,
    source: &SourceText,
    locals: &mut BTreeMap<String, String>,
    planned: &mut Planned,
) -> Result<(), Refusal> {
    let text = |template: &str| render(template, scope, locals);
    let named = |name: &str| anchors(scope, edit, name, numbers);
    match &edit.verb {
        Verb::Replace(v) => {
            let with = text(&v.with)?;
            planned.edits.extend(named(&v.of)?.into_iter().map(|range| TextEdit::replace(range, with.as_str())));
        }
        Verb::InsertLine(v) => {
            let line = text(&v.text)?;
            if source.dialect() == "dockerfile" && line.starts_with("USER ") {
                dockerfile::refuse_volumes_of_root(source)?;
            }
            let at = named(v.after.as_ref().or(v.before.as_ref()).expect("the form asks for one of both"))?;
            planned
                .edits
                .extend(at.into_iter().filter_map(|range| insert_line(source, &range, &line, v.after.is_some())));
        }
        Verb::Remove(v) => match (&v.out_of, &v.instead) {
            (Some(call), Some(instead)) => {
                let (call, values) = (needed(scope, call)?, named(&v.of)?);
                planned.edits.extend(drop_values(source, &call, &values, instead)?);
            }
            _ => planned.edits.extend(named(&v.of)?.into_iter().map(|range| remove_lines(source, &range))),
        },
        Verb::SetKey(v) => planned.edits.extend(set_key(v, scope, source, &text(&v.key)?, &text(&v.value)?)?),
        Verb::EnsureImport(v) => {
            let local = import(v, scope, source, planned)?;
            locals.insert(v.name.clone(), local);
        }
        Verb::EnsureParameter(v) => {
            let position = match v.position {
                PositionName::First => Position::First,
                PositionName::Last => Position::Last,
            };
            let annotation = v.annotation.as_deref().map(text).transpose()?;
            let default = v.default.as_deref().map(text).transpose()?;
            let (of, name) = (needed(scope, &v.of)?, text(&v.name)?);
            let edits =
                python::ensure_parameter(source, &of, &name, annotation.as_deref(), default.as_deref(), position)?;
            planned.edits.extend(edits);
        }
        Verb::EnsureArgument(v) => {
            let value = text(v.element.as_ref().or(v.value.as_ref()).expect("the form asks for one of both"))?;
            let of = needed(scope, &v.of)?;
            planned.edits.extend(python::ensure_argument(source, &of, &v.name, &value, v.element.is_some())?);
        }
        Verb::BeforeHandler(v) => {
            let (of, value) = (needed(scope, &v.of)?, text(&v.value)?);
            planned.edits.extend(clike::before_handler(source, &of, &value)?);
        }
        Verb::ChainCall(v) => {
            let (of, call) = (needed(scope, &v.of)?, text(&v.call)?);
            planned.edits.extend(clike::chained_call(source, &of, &call)?);
        }
        Verb::Wrap(v) => {
            let with = text(&v.with)?;
            for range in named(&v.of)? {
                planned.edits.extend(wrap(source, &range, &with)?);
            }
        }
    }
    Ok(())
}

/// Refuses values that say themselves that they are only a part of what they are called after: `lastFourDigits`.
fn whole_values(source: &SourceText, values: &[Range<usize>]) -> Result<(), Refusal> {
    const PARTS: [&str; 8] =
        ["last4", "lastfour", "last_four", "truncated", "masked", "redacted", "shortened", "partial"];
    for range in values {
        let text = source.slice(range.start, range.end)?.to_lowercase();
        if PARTS.iter().any(|p| text.contains(p)) {
            return Err(Refusal::new("value-is-a-part", text.chars().take(60).collect::<String>()));
        }
    }
    Ok(())
}

/// `[{}]` becomes `[redacted]`, not `[[redacted]]`.
fn unbracketed(source: &SourceText, edit: TextEdit, instead: &str) -> TextEdit {
    let text = source.as_str();
    let words = instead.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
    let inside = text[..edit.start].ends_with('[') && text[edit.end..].starts_with(']');
    match words.filter(|_| inside && edit.text == instead) {
        Some(words) => TextEdit::replace(edit.start..edit.end, words),
        None => edit,
    }
}

/// What a symbol is called in the subject's file, and the import that makes it so.
fn ensure_import(
    verb: &EnsureImport,
    scope: &Scope<'_>,
    source: &SourceText,
) -> Result<(String, Option<Import>), Refusal> {
    let path = &scope.subject.place.path;
    let import = match (&verb.need, &verb.symbol, &verb.from) {
        (Some(need), _, _) => {
            let candidate = scope.needs.get(need).ok_or_else(|| Refusal::new("need-not-found", need.clone()))?;
            if is_same_file(candidate, path) {
                return defined_here(candidate, scope).map(|local| (local, None));
            }
            let import =
                Import { module: candidate.module.clone(), name: candidate.name.clone(), file: candidate.file.clone() };
            if import.module.is_empty() {
                return Err(Refusal::new("module-not-known", candidate.symbol.clone()));
            }
            import
        }
        (None, Some(symbol), Some(from)) => Import { module: from.clone(), name: symbol.clone(), file: None },
        _ => unreachable!("the form asks for a need, or for symbol and module"),
    };
    // A relative module is written relatively again, from the file that is to import it.
    identifier(import.module.trim_start_matches('.'))?;
    identifier(&import.name)?;
    let local = Imports::read(source, path)?.local_name(&import)?;
    Ok((identifier(&local)?.to_owned(), Some(import)))
}

/// What a function of the repository is called in the subject's file, and the import of its first name.
fn reused(
    verb: &EnsureImport,
    scope: &Scope<'_>,
    source: &SourceText,
) -> Result<(String, Option<clike::Import>), Refusal> {
    let need = verb.need.as_ref().and_then(|need| scope.needs.get(need));
    let candidate = need.ok_or_else(|| Refusal::new("need-not-found", verb.name.clone()))?;
    let symbol = identifier(&candidate.symbol)?;
    let Some(import) = &candidate.import else { return Ok((symbol.to_owned(), None)) };
    let local = clike::Imports::read(source, &scope.subject.place.path)?.local_name(import)?;
    let rest = symbol.split_once('.').map_or(String::new(), |(_, rest)| format!(".{rest}"));
    Ok((format!("{}{rest}", identifier(&local)?), Some(import.clone())))
}

fn is_same_file(candidate: &Candidate, path: &RepoPath) -> bool {
    match &candidate.file {
        Some(file) => file == path,
        // A symbol that is only known by its uses, and without a module, is one of the file that uses it.
        None => candidate.module.is_empty() && candidate.used_in.as_ref() == Some(path),
    }
}

/// A symbol of the subject's own file is there when the module is read only if it is defined above.
fn defined_here(candidate: &Candidate, scope: &Scope<'_>) -> Result<String, Refusal> {
    let subject = scope.subject.place.span.start as usize;
    if candidate.defined_at.is_some_and(|at| at > subject) {
        return Err(Refusal::new("defined-later", format!("{} is defined below its use", candidate.symbol)));
    }
    Ok(identifier(&candidate.name)?.to_owned())
}

/// The text, if it is a dotted identifier: nothing else of a repository is written into code.
fn identifier(text: &str) -> Result<&str, Refusal> {
    let part = |p: &str| {
        let mut chars = p.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
    };
    if text.len() <= 200 && text.split('.').all(part) {
        Ok(text)
    } else {
        Err(Refusal::new("not-an-identifier", text.chars().take(60).collect::<String>()))
    }
}

/// A template with its names filled in: `{it.attribute}`, `{params.name}`, `{need.name}`, `{need.symbol}`, and what imports are called.
pub(crate) fn render(template: &str, scope: &Scope<'_>, locals: &BTreeMap<String, String>) -> Result<String, Refusal> {
    let (mut out, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let unknown = || Refusal::new("unknown-name", template.to_owned());
        let (name, tail) = after.split_once('}').ok_or_else(unknown)?;
        out.push_str(before);
        let value = match name.split_once('.') {
            None => locals.get(name).cloned(),
            Some(("it", attribute)) => scope.subject.attributes.get(attribute).and_then(plain),
            Some(("params", name)) => scope.params.get(name).and_then(plain),
            Some((need, field)) => scope.needs.get(need).and_then(|c| match field {
                "symbol" => Some(c.symbol.clone()),
                "name" => Some(c.name.clone()),
                "module" => Some(c.module.clone()),
                "written" => c.written.clone(),
                _ => None,
            }),
        };
        out.push_str(&value.ok_or_else(unknown)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Text(t) => Some(t.chars().filter(|c| !c.is_control()).take(200).collect()),
        Value::Int(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::List(_) | Value::Map(_) => None,
    }
}

fn insert_line(source: &SourceText, range: &Range<usize>, line: &str, after: bool) -> Option<TextEdit> {
    let text = source.as_str();
    let indentation = source.indentation_at(range.start);
    let line_end = source.line_end_at(range.start).as_str();
    let first = source.line_start(range.start);
    let stop = source.line_stop(range.end.max(range.start));
    let next_start = text[stop..].find('\n').map(|n| stop + n + 1);
    let present = if after {
        next_start.map(|n| &text[n..source.line_stop(n)])
    } else {
        first.checked_sub(1).map(|p| &text[source.line_start(p)..source.line_stop(source.line_start(p))])
    };
    if present.is_some_and(|p| p.trim() == line.trim()) {
        return None;
    }
    Some(if after {
        TextEdit::insert(stop, format!("{line_end}{indentation}{line}"))
    } else {
        TextEdit::insert(first, format!("{indentation}{line}{line_end}"))
    })
}

/// The lines of a range, where nothing else stands in them; else the range alone.
fn remove_lines(source: &SourceText, range: &Range<usize>) -> TextEdit {
    let text = source.as_str();
    let (start, stop) = (source.line_start(range.start), source.line_stop(range.end));
    let alone = text[start..range.start].trim().is_empty() && text[range.end..stop].trim().is_empty();
    if !alone {
        return TextEdit::remove(range.clone());
    }
    let next = text[stop..].find('\n').map_or(stop, |n| stop + n + 1);
    TextEdit::remove(start..next)
}

fn wrap(source: &SourceText, range: &Range<usize>, with: &str) -> Result<Vec<TextEdit>, Refusal> {
    let inner = source.slice(range.start, range.end)?;
    let before = source.as_str()[..range.start].trim_end();
    let wrapped = before.strip_suffix('(').is_some_and(|b| b.ends_with(with));
    if wrapped || inner.starts_with(&format!("{with}(")) {
        return Ok(vec![]);
    }
    if inner.starts_with('*') {
        return Err(Refusal::new("value-not-separable", "a spread value cannot be wrapped"));
    }
    Ok(vec![TextEdit::insert(range.start, format!("{with}(")), TextEdit::insert(range.end, ")")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use crate::testing::python_source;

    #[test]
    fn lines_come_and_go_with_their_indentation() {
        let source = python_source("a:\r\n    b\r\n    c");
        let b = 8..9;
        let apply = |edits: &[TextEdit]| apply(source.as_str(), edits).unwrap();
        let after = insert_line(&source, &b, "x", true).unwrap();
        assert_eq!(apply(&[after]), "a:\r\n    b\r\n    x\r\n    c");
        let before = insert_line(&source, &b, "x", false).unwrap();
        assert_eq!(apply(&[before]), "a:\r\n    x\r\n    b\r\n    c");
        assert_eq!(insert_line(&source, &b, "c", true), None);
        assert_eq!(apply(&[remove_lines(&source, &b)]), "a:\r\n    c");
        assert_eq!(apply(&[remove_lines(&source, &(0..1))]), ":\r\n    b\r\n    c");
    }

    #[test]
    fn a_value_is_wrapped_once() {
        let source = python_source("f(mask(a), b)");
        assert_eq!(wrap(&source, &(7..8), "mask").unwrap(), []);
        assert_eq!(wrap(&source, &(2..9), "mask").unwrap(), []);
        let edits = wrap(&source, &(11..12), "mask").unwrap();
        assert_eq!(apply(source.as_str(), &edits).unwrap(), "f(mask(a), mask(b))");
    }

    #[test]
    fn only_identifiers_enter_code() {
        assert!(identifier("app.security.current_user").is_ok());
        for hostile in ["x); import os", "a..b", "", "1a", "a b", "a\n"] {
            assert_eq!(identifier(hostile).unwrap_err().reason, "not-an-identifier", "{hostile}");
        }
    }
}
