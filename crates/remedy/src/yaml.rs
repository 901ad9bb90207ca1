//! Edits of YAML and JSON that keep every byte that they do not mean to change: `set-key`.
//!
//! Where keys and values stand is what the probe's reader says (`ligase_probe::mapping_at`); this file decides what text goes
//! where. A scalar that is there is replaced in its place; a key that is not there comes behind the last one of its mapping,
//! indented as its neighbours are, with the mappings of its path that are missing. A value that stands elsewhere (an alias,
//! a tag) or is made by a template is refused: other places would change with it. Next: `verbs.rs`.

use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use ligase_probe::{KeyPlace, Mapping, ValueForm, mapping_at};
use std::ops::Range;

/// Keys of a path.
const DEPTH: usize = 8;

/// Makes sure that the mapping in `block` has `key: value`; `key` is a path of keys, separated by dots.
pub fn set_key(
    source: &SourceText,
    block: &Range<usize>,
    key: &str,
    value: &str,
    before: Option<&str>,
) -> Result<Vec<TextEdit>, Refusal> {
    let path: Vec<&str> = key.split('.').collect();
    if path.len() > DEPTH || path.iter().any(|k| k.is_empty()) {
        return Err(Refusal::new("key-not-a-path", key.to_owned()));
    }
    let mut start = block.start;
    let mut rest = path.as_slice();
    loop {
        let mapping = mapping_at(source.as_str(), start)
            .ok_or_else(|| Refusal::new("cannot-read-source", format!("no mapping begins at byte {start}")))?;
        if mapping.entries.iter().any(|e| e.key == "<<") {
            return Err(Refusal::new("mapping-is-merged", format!("what {key} is may come from another mapping")));
        }
        let own = |m: &Mapping| m.entries.iter().filter(|e| e.key == rest[0]).cloned().collect::<Vec<KeyPlace>>();
        match (own(&mapping).as_slice(), rest) {
            ([], _) => return insert(source, &mapping, rest, value, before.filter(|_| rest.len() == path.len())),
            ([entry], [_]) => return replace(source, entry, value),
            ([entry], _) => match &entry.value {
                ValueForm::Mapping if !is_empty(source, entry) => {
                    start = entry.value_span.start as usize;
                    rest = &rest[1..];
                }
                ValueForm::Mapping | ValueForm::Null => return fill(source, &mapping, entry, &rest[1..], value),
                _ => return Err(Refusal::new("value-not-a-mapping", format!("{} of {key}", entry.key))),
            },
            (several, _) => {
                return Err(Refusal::new("key-stands-twice", format!("{} stands {} times", rest[0], several.len())));
            }
        }
    }
}

fn is_empty(source: &SourceText, entry: &KeyPlace) -> bool {
    let text = source.as_str().get(entry.value_span.start as usize..entry.value_span.end as usize).unwrap_or_default();
    text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).is_some_and(|t| t.trim().is_empty())
}

/// Another value for a key that is there.
fn replace(source: &SourceText, entry: &KeyPlace, value: &str) -> Result<Vec<TextEdit>, Refusal> {
    let range = entry.value_span.start as usize..entry.value_span.end as usize;
    let now = source.slice(range.start, range.end)?;
    if now == value {
        return Ok(vec![]);
    }
    match &entry.value {
        ValueForm::Null if range.is_empty() => {
            let behind = key_end(source, entry)?;
            Ok(vec![TextEdit::insert(behind, format!(" {value}"))])
        }
        ValueForm::Scalar(text) if text.contains("{{") || text.contains("${") => {
            Err(Refusal::new("value-is-an-expression", format!("{}, which other places decide", entry.key)))
        }
        ValueForm::Scalar(text) if text == value => Ok(vec![]),
        ValueForm::Scalar(_) | ValueForm::Null => Ok(vec![TextEdit::replace(range, value)]),
        ValueForm::List | ValueForm::Mapping if !now.contains('\n') && now.starts_with(['[', '{']) => {
            Ok(vec![TextEdit::replace(range, value)])
        }
        ValueForm::List if value.starts_with('[') => {
            // The key's own line ends behind the colon; a block list goes as a whole.
            let behind = key_end(source, entry)?;
            let between = source.slice(behind, range.start)?;
            if between.trim().is_empty() {
                Ok(vec![TextEdit::replace(behind..range.end, format!(" {value}"))])
            } else {
                Err(Refusal::new("comment-in-the-way", entry.key.clone()))
            }
        }
        ValueForm::List | ValueForm::Mapping => Err(Refusal::new("value-is-a-block", entry.key.clone())),
        ValueForm::Elsewhere => Err(Refusal::new("value-stands-elsewhere", entry.key.clone())),
    }
}

/// One past the colon of a key.
fn key_end(source: &SourceText, entry: &KeyPlace) -> Result<usize, Refusal> {
    let from = entry.key_span.end as usize;
    let line = source.slice(from, source.line_stop(from))?;
    let colon = line.find(':').filter(|at| line[..*at].trim().is_empty());
    colon
        .map(|at| from + at + 1)
        .ok_or_else(|| Refusal::new("cannot-read-source", format!("the colon of {}", entry.key)))
}

/// `{ a: { b: value } }` for what is left of a path.
fn flow_text(rest: &[&str], value: &str, quoted: bool) -> String {
    let key = |k: &str| if quoted { format!("\"{k}\"") } else { k.to_owned() };
    match rest {
        [] => value.to_owned(),
        [last] => format!("{}: {value}", key(last)),
        [first, more @ ..] => format!("{}: {{{}}}", key(first), flow_text(more, value, quoted)),
    }
}

/// The lines of what is left of a path, each but the first behind a line end.
fn block_text(rest: &[&str], value: &str, column: usize, step: usize, line_end: &str) -> String {
    let mut out = String::new();
    for (depth, key) in rest.iter().enumerate() {
        if depth > 0 {
            out.push_str(line_end);
            out.push_str(&" ".repeat(column + depth * step));
        }
        out.push_str(key);
        out.push(':');
    }
    out.push(' ');
    out.push_str(value);
    out
}

/// A key whose value is nothing, or empty braces, gets a mapping.
fn fill(
    source: &SourceText,
    mapping: &Mapping,
    entry: &KeyPlace,
    rest: &[&str],
    value: &str,
) -> Result<Vec<TextEdit>, Refusal> {
    let quoted = source.as_str()[entry.key_span.start as usize..].starts_with('"');
    let behind = key_end(source, entry)?;
    let range = entry.value_span.start as usize..entry.value_span.end as usize;
    if mapping.flow || quoted {
        let text = format!("{{{}}}", flow_text(rest, value, quoted));
        return Ok(vec![if range.is_empty() {
            TextEdit::insert(behind, format!(" {text}"))
        } else {
            TextEdit::replace(range, text)
        }]);
    }
    let line_end = source.line_end_at(behind).as_str();
    let (column, step) = (column_of(source, entry.key_span.start as usize), step_of(source));
    let lines =
        format!("{line_end}{}{}", " ".repeat(column + step), block_text(rest, value, column + step, step, line_end));
    if range.is_empty() {
        return Ok(vec![TextEdit::insert(source.line_stop(behind), lines)]);
    }
    // `key: {}`: the braces go, and what stands behind them in their line stays there.
    Ok(vec![TextEdit::remove(behind..range.end), TextEdit::insert(source.line_stop(range.end), lines)])
}

/// A new key.
fn insert(
    source: &SourceText,
    mapping: &Mapping,
    rest: &[&str],
    value: &str,
    before: Option<&str>,
) -> Result<Vec<TextEdit>, Refusal> {
    let text = source.as_str();
    let quoted = mapping.entries.first().is_some_and(|e| text[e.key_span.start as usize..].starts_with('"'));
    let last = mapping.entries.last();
    if mapping.flow {
        let content = flow_text(rest, value, quoted);
        let Some(last) = last else {
            let open = mapping.span.start as usize + 1;
            let close = (mapping.span.end as usize).saturating_sub(1).max(open);
            return Ok(vec![TextEdit::replace(open..close, format!(" {content} "))]);
        };
        if last.value == ValueForm::Elsewhere && last.value_span.start < last.key_span.end {
            return Err(Refusal::new("value-stands-elsewhere", last.key.clone()));
        }
        let end = last.value_span.end.max(last.key_span.end) as usize;
        let first_line = source.line_start(mapping.span.start as usize);
        let apart = source.line_start(last.key_span.start as usize) != first_line;
        let separator = if apart {
            let indentation = source.indentation_at(last.key_span.start as usize);
            format!(",{}{indentation}", source.line_end_at(end).as_str())
        } else {
            ", ".to_owned()
        };
        return Ok(vec![TextEdit::insert(end, format!("{separator}{content}"))]);
    }
    let last = last.ok_or_else(|| Refusal::new("cannot-read-source", "an empty mapping"))?;
    let column = column_of(source, mapping.entries[0].key_span.start as usize);
    let line_end = source.line_end_at(mapping.span.start as usize).as_str();
    let lines = block_text(rest, value, column, step_of(source), line_end);
    if let Some(next) = before.and_then(|b| mapping.entries.iter().find(|e| e.key == b)) {
        return Ok(vec![insert_before(source, next, &lines, line_end)]);
    }
    // What an alias stands for ends elsewhere; its own line is where the entry ends.
    let end = match last.value {
        ValueForm::Elsewhere if last.value_span.start < last.key_span.end => last.key_span.end as usize,
        _ => last.value_span.end.max(last.key_span.end) as usize,
    };
    let keeps = text[last.key_span.end as usize..source.line_stop(last.key_span.end as usize)].contains(['+']);
    if keeps && end > source.line_stop(last.key_span.end as usize) {
        return Err(Refusal::new("block-text-keeps-its-end", last.key.clone()));
    }
    let at = source.line_stop(end);
    Ok(vec![TextEdit::insert(at, format!("{line_end}{}{lines}", " ".repeat(column)))])
}

/// Before a key and the comments that stand directly above it, with the blank line that its neighbours have.
fn insert_before(source: &SourceText, next: &KeyPlace, lines: &str, line_end: &str) -> TextEdit {
    let text = source.as_str();
    let column = column_of(source, next.key_span.start as usize);
    let mut at = source.line_start(next.key_span.start as usize);
    while at > source.begin() {
        let above = source.line_start(at - 1);
        if !text[above..at].trim_start().starts_with('#') {
            break;
        }
        at = above;
    }
    let blank_above = at > source.begin() && text[source.line_start(at - 1)..at].trim().is_empty();
    let blank = if blank_above { line_end } else { "" };
    TextEdit::insert(at, format!("{}{lines}{line_end}{blank}", " ".repeat(column)))
}

/// Bytes between the line's begin and the place; only spaces and dashes stand there in a block.
fn column_of(source: &SourceText, at: usize) -> usize {
    source.as_str()[source.line_start(at)..at].chars().count()
}

/// How far one level of the file is indented: the smallest step that occurs, two where none does.
fn step_of(source: &SourceText) -> usize {
    let indentations =
        source.as_str().lines().filter(|l| !l.trim().is_empty()).map(|l| l.len() - l.trim_start_matches(' ').len());
    indentations.filter(|n| *n >= 2).min().unwrap_or(2).min(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use ligase_domain::{Origin, PathClass};
    use proptest::prelude::*;

    fn source(text: &str) -> SourceText {
        let class = PathClass { dialect: "yaml".to_owned(), origin: Origin::Source };
        SourceText::read(&"k8s/app.yaml".into(), &class, text.as_bytes().to_vec()).unwrap()
    }

    fn set(text: &str, at: &str, key: &str, value: &str, before: Option<&str>) -> Result<String, String> {
        let start = text.find(at).unwrap();
        set_key(&source(text), &(start..start + 1), key, value, before)
            .and_then(|edits| apply(text, &edits))
            .map_err(|r| r.reason.into_owned())
    }

    #[test]
    fn a_value_that_is_there_is_replaced_and_nothing_else_moves() {
        let before = "spec:\r\n  containers:\r\n  - name: web   # ours\r\n    securityContext:\r\n      privileged: true # why\r\n";
        let after = before.replace("true", "false");
        assert_eq!(set(before, "name", "securityContext.privileged", "false", None).unwrap(), after);
        assert_eq!(set(&after, "name", "securityContext.privileged", "false", None).unwrap(), after);
    }

    #[test]
    fn a_key_joins_its_mapping_with_the_mappings_that_are_missing() {
        for (before, at, key, after) in [
            (
                "spec:\n  containers:\n    - name: web\n      image: a # pinned\n    - name: b\n",
                "name: web",
                "securityContext.capabilities.drop",
                "spec:\n  containers:\n    - name: web\n      image: a # pinned\n      securityContext:\n        capabilities:\n          drop: v\n    - name: b\n",
            ),
            ("a:\n    b:\n        c: 1\n", "b:", "d.e", "a:\n    b:\n        c: 1\n    d:\n        e: v\n"),
            (
                "a:\n  b:\n    c: |\n      x\n      y\n\n# tail\nd: 1\n",
                "c:",
                "e",
                "a:\n  b:\n    c: |\n      x\n      y\n    e: v\n\n# tail\nd: 1\n",
            ),
            ("a: {b: 1}\nc: 2", "{b", "d.e", "a: {b: 1, d: {e: v}}\nc: 2"),
            ("a: {}\n", "{", "d", "a: { d: v }\n"),
            ("a:\n  s: {} # none\n  t: 1\n", "s:", "s.x", "a:\n  s: # none\n    x: v\n  t: 1\n"),
            ("a:\n  s:\n  t: 1\n", "s:", "s.x", "a:\n  s:\n    x: v\n  t: 1\n"),
            ("a: 1", "a", "b", "a: 1\nb: v"),
            (
                "{\n\t\"A\": {\n\t\t\"x\": 1\n\t}\n}\n",
                "{\n\t\t\"x\"",
                "y.z",
                "{\n\t\"A\": {\n\t\t\"x\": 1,\n\t\t\"y\": {\"z\": v}\n\t}\n}\n",
            ),
        ] {
            assert_eq!(set(before, at, key, "v", None).as_deref(), Ok(after), "{before}");
            let again = set(after, at, key, "v", None);
            assert_eq!(again.as_deref(), Ok(after), "twice: {before}");
        }
    }

    #[test]
    fn a_key_comes_before_another_and_its_comments() {
        let before = "name: ci\non: push\n\n# what runs\njobs:\n  a: {}\n";
        let after = "name: ci\non: push\n\npermissions:\n  contents: read\n\n# what runs\njobs:\n  a: {}\n";
        assert_eq!(set(before, "name", "permissions.contents", "read", Some("jobs")).unwrap(), after);
    }

    #[test]
    fn lists_are_replaced_where_nothing_is_lost() {
        let before = "c:\n  drop:\n    - NET_RAW\n  add: [X]\n";
        assert_eq!(set(before, "drop", "drop", "[\"ALL\"]", None).unwrap(), "c:\n  drop: [\"ALL\"]\n  add: [X]\n");
        let commented = "c:\n  drop: # why\n    - NET_RAW\n";
        assert_eq!(set(commented, "drop", "drop", "[\"ALL\"]", None).unwrap_err(), "comment-in-the-way");
    }

    #[test]
    fn what_other_places_decide_is_refused() {
        assert_eq!(set("x: &a {p: true}\ny: *a\n", "x", "y.p", "false", None).unwrap_err(), "value-not-a-mapping");
        assert_eq!(set("x: &a {p: 1}\ny:\n  <<: *a\n", "<<", "q", "1", None).unwrap_err(), "mapping-is-merged");
        assert_eq!(set("x: &a true\ny: *a\n", "x", "y", "false", None).unwrap_err(), "value-stands-elsewhere");
        assert_eq!(set("x: !Ref P\n", "x", "x", "false", None).unwrap_err(), "value-stands-elsewhere");
        assert_eq!(set("x: '${P}'\n", "x", "x", "false", None).unwrap_err(), "value-is-an-expression");
        assert_eq!(set("x: 1\nx: 2\n", "x", "x", "3", None).unwrap_err(), "key-stands-twice");
    }

    proptest! {
        /// Whatever stands around it: the result has the key, every line that was there stays, and a second time changes nothing.
        #[test]
        fn every_line_stays(
            names in proptest::collection::vec("[a-z]{1,6}", 1..6),
            step in prop_oneof![Just(2usize), Just(4)],
            crlf in any::<bool>(),
            comment in any::<bool>(),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = format!("spec:{end}");
            for (n, name) in names.iter().enumerate() {
                let note = if comment { " # kept" } else { "" };
                text += &format!("{}k{n}{name}: {name}{note}{end}", " ".repeat(step));
            }
            text += &format!("other: 1{end}");
            let at = text.find('k').unwrap();
            let at = if text[at..].starts_with("k0") { at } else { text.find("k0").unwrap() };
            let edits = set_key(&source(&text), &(at..at + 1), "added.deep", "true", None).unwrap();
            let after = apply(&text, &edits).unwrap();
            let mut kept = after.lines().filter(|l| !l.contains("added") && !l.contains("deep")).peekable();
            prop_assert!(text.lines().eq(kept.by_ref()));
            prop_assert!(!after.replace("\r\n", "").contains('\n') || !crlf);
            let again = set_key(&source(&after), &(at..at + 1), "added.deep", "true", None).unwrap();
            prop_assert!(again.is_empty());
        }
    }
}
