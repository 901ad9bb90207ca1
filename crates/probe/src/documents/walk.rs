//! One probe over one document: finds the items, reads their attributes. Iterative and bounded; a value that a template or a
//! variable makes is `other`, never a guess. Next: `link.rs`.

use super::format::{Capture, Condition, DocumentProbe, Extractor, Path, Step};
use crate::budget::MAX_TEXT_BYTES;
use crate::snippet::snippet;
use crate::yaml::{At, Content, Tree};
use ligase_domain::{Seen, Span, Value};
use regex::Regex;
use std::collections::BTreeMap;

/// Items of one probe in one document.
const MAX_ITEMS: usize = 1_000;
/// Texts of one list attribute.
const MAX_LIST: usize = 24;
/// The kind of what is to be attached; only linking reads it.
pub(super) const ATTACH: &str = "doc-attach";

/// A node on the way to an item: `from`, then each match of `for-each`.
#[derive(Clone)]
struct Level {
    at: At,
    key: String,
}

/// One item with the way to it.
struct Item<'t, 'y> {
    tree: &'y Tree<'t>,
    document: At,
    levels: Vec<Level>,
}

/// What one probe sees in one document.
pub(super) fn look(
    probe: &DocumentProbe,
    dialect: &str,
    text: &str,
    tree: &Tree<'_>,
    document: At,
    out: &mut Vec<Seen>,
) {
    let whole = Item { tree, document, levels: vec![Level { at: document, key: String::new() }] };
    if !probe.when.iter().all(|c| holds(&whole, c)) {
        return;
    }
    let base = if probe.from.is_empty() {
        Some(document)
    } else {
        let mapping = |at: &At| matches!(tree.node(*at).content, Content::Map(_));
        probe.from.iter().find_map(|p| resolve(&whole, p).into_iter().find(mapping))
    };
    let Some(base) = base else { return };
    for path in &probe.for_each {
        for levels in expand(tree, base, path) {
            let item = Item { tree, document, levels };
            if probe.only.iter().all(|c| holds(&item, c)) {
                out.push(seen(probe, dialect, text, &item));
            }
        }
    }
}

/// Every match of a path, with the matches of its wildcards on the way.
fn expand(tree: &Tree<'_>, base: At, path: &Path) -> Vec<Vec<Level>> {
    let mut now: Vec<(At, Vec<Level>)> = vec![(base, vec![Level { at: base, key: String::new() }])];
    for step in &path.steps {
        let mut next = Vec::new();
        for (at, levels) in now {
            match step {
                Step::Key(key) => next.extend(tree.value(at, key).map(|v| (v, levels))),
                Step::OwnKey => {}
                Step::Each => {
                    for (key, child) in children(tree, at) {
                        if next.len() == MAX_ITEMS {
                            break;
                        }
                        let mut levels = levels.clone();
                        levels.push(Level { at: child, key });
                        next.push((child, levels));
                    }
                }
            }
        }
        now = next;
    }
    now.into_iter()
        .map(|(at, mut levels)| {
            // A path without a wildcard is its own level.
            if levels.last().is_none_or(|l| l.at != at) {
                levels.push(Level { at, key: String::new() });
            }
            levels
        })
        .collect()
}

fn children(tree: &Tree<'_>, at: At) -> Vec<(String, At)> {
    match &tree.node(at).content {
        Content::List(list) => list.iter().enumerate().map(|(n, at)| (n.to_string(), *at)).collect(),
        Content::Map(_) => tree.pairs(at).filter(|(k, ..)| *k != "<<").map(|(k, _, v)| (k.to_owned(), v)).collect(),
        Content::Scalar(..) => vec![],
    }
}

/// The nodes at a path; nothing is not there.
fn resolve(item: &Item<'_, '_>, path: &Path) -> Vec<At> {
    let begin = if path.absolute {
        item.document
    } else {
        let depth = item.levels.len() - 1;
        item.levels[depth.saturating_sub(path.up)].at
    };
    let mut now = vec![begin];
    for step in &path.steps {
        let mut next = Vec::new();
        for at in now {
            match step {
                Step::Key(key) => next.extend(item.tree.value(at, key)),
                Step::Each => next.extend(children(item.tree, at).into_iter().map(|(_, c)| c)),
                Step::OwnKey => {}
            }
            if next.len() > MAX_ITEMS {
                break;
            }
        }
        now = next;
    }
    now.retain(|at| !item.tree.is_null(*at));
    now
}

/// The key of the level that a path names, if it asks for one.
fn own_key<'i>(item: &'i Item<'_, '_>, path: &Path) -> Option<&'i str> {
    let level = &item.levels[(item.levels.len() - 1).saturating_sub(path.up)];
    (path.steps == [Step::OwnKey]).then_some(level.key.as_str())
}

fn holds(item: &Item<'_, '_>, condition: &Condition) -> bool {
    let found = resolve(item, &condition.path);
    let texts: Vec<&str> = match own_key(item, &condition.path) {
        Some(key) => vec![key],
        None => found.iter().filter_map(|at| item.tree.text(*at)).collect(),
    };
    let present = !found.is_empty() || own_key(item, &condition.path).is_some();
    condition.present.is_none_or(|wanted| wanted == present)
        && (condition.among.is_empty() || texts.iter().any(|t| condition.among.iter().any(|a| a == t)))
        && condition.matches.as_ref().is_none_or(|m| texts.iter().any(|t| m.is_match(t)))
}

fn seen(probe: &DocumentProbe, dialect: &str, text: &str, item: &Item<'_, '_>) -> Seen {
    let mut attributes = BTreeMap::new();
    for (name, capture) in &probe.capture {
        if let Some(value) = value_of(item, capture) {
            attributes.insert(name.clone(), value);
        }
    }
    let node = item.tree.node(item.levels[item.levels.len() - 1].at);
    let mut anchors = BTreeMap::new();
    for (name, path) in &probe.anchors {
        anchors.extend(anchor(item, path).map(|span| (name.clone(), span)));
    }
    let attached = probe.attach.as_ref().filter(|a| a.when.iter().all(|c| holds(item, c)));
    let kind = match attached {
        None => {
            attributes.insert("language".to_owned(), Value::from(dialect));
            attributes.insert("stack".to_owned(), Value::from(probe.stack.as_str()));
            probe.emits.clone()
        }
        Some(attach) => {
            let by = attach.by.iter().map(|b| Value::from(b.as_str())).collect();
            let values = Value::Map(std::mem::take(&mut attributes));
            attributes.insert("to".to_owned(), Value::from(probe.emits.as_str()));
            attributes.insert("by".to_owned(), Value::List(by));
            attributes.insert("values".to_owned(), values);
            ATTACH.to_owned()
        }
    };
    let snippet = snippet(text.as_bytes(), node.span.start as usize, node.span.end as usize);
    Seen { kind, attributes, span: node.span, anchors, snippet, probe: probe.reference.clone() }
}

/// The place of what a path names, if it stands in the document where it is used and not behind an alias.
fn anchor(item: &Item<'_, '_>, path: &Path) -> Option<Span> {
    let at = resolve(item, path).into_iter().next()?;
    let span = item.tree.node(at).span;
    let mut outer = item.tree.node(item.document).span;
    for level in &item.levels {
        let own = item.tree.node(level.at).span;
        if own.start < outer.start || own.end > outer.end {
            return None;
        }
        outer = own;
    }
    let limit = if path.absolute || path.up > 0 { item.tree.node(item.document).span } else { outer };
    (span.start >= limit.start && span.end <= limit.end).then_some(span)
}

fn value_of(item: &Item<'_, '_>, capture: &Capture) -> Option<Value> {
    if let Some(constant) = &capture.constant {
        return Some(constant.clone());
    }
    if !capture.join.is_empty() {
        let parts = capture
            .join
            .iter()
            .map(|p| own_key(item, p).or_else(|| item.tree.text(*resolve(item, p).first()?)).unwrap_or_default());
        return Some(Value::Text(cut(&parts.collect::<Vec<_>>().join("/"))));
    }
    let key = capture.paths.iter().find_map(|p| own_key(item, p)).filter(|_| capture.paths.len() == 1);
    let found = capture.paths.iter().map(|p| resolve(item, p)).find(|f| !f.is_empty()).unwrap_or_default();
    if capture.extractor == Extractor::Present {
        return Some(Value::Bool(!found.is_empty()));
    }
    if let Some(expression) = &capture.find {
        // What is looked for may stand at any of the places.
        let everywhere: Vec<At> = capture.paths.iter().flat_map(|p| resolve(item, p)).collect();
        let all = everywhere.iter().flat_map(|at| texts(item.tree, *at));
        return Some(Value::List(all.flat_map(|t| finds(expression, t)).take(MAX_LIST).collect()));
    }
    if matches!(capture.extractor, Extractor::List | Extractor::Names) {
        let names = capture.extractor == Extractor::Names;
        let all = found.iter().flat_map(|at| if names { names_of(item.tree, *at) } else { texts(item.tree, *at) });
        let shown = |t: &str| Value::Text(cut(&if capture.lower { t.to_lowercase() } else { t.to_owned() }));
        let list: Vec<Value> = all.take(MAX_LIST).map(shown).collect();
        return Some(if list.is_empty() {
            capture.default.clone().unwrap_or(Value::List(list))
        } else {
            Value::List(list)
        });
    }
    if found.is_empty() && key.is_none() {
        return capture.default.clone();
    }
    // Of several texts, the first that means something.
    let means = |at: &&At| item.tree.text(**at).is_some_and(|t| capture.cases.iter().any(|(r, _)| r.is_match(t)));
    let text = key.or_else(|| item.tree.text(*found.iter().find(means).or(found.first())?));
    single(capture, text)
}

/// The value of a scalar; a collection has no text.
fn single(capture: &Capture, text: Option<&str>) -> Option<Value> {
    let other = || capture.other.clone().map(Value::Text);
    let Some(text) = text else { return other().or_else(|| capture.default.clone()) };
    let text = if capture.lower { text.to_lowercase() } else { text.to_owned() };
    let mapped = !capture.words.is_empty() || !capture.cases.is_empty() || capture.number.is_some();
    if mapped {
        let number = || capture.number.clone().filter(|_| text.parse::<u64>().is_ok());
        let case = || capture.cases.iter().find(|(r, _)| r.is_match(&text)).map(|(_, is)| is.clone());
        let word = capture.words.get(&text).cloned().or_else(case).or_else(number);
        return word.map(Value::Text).or_else(other).or_else(|| capture.default.clone());
    }
    match capture.extractor {
        Extractor::Int => text.parse().ok().map(Value::Int).or_else(|| capture.default.clone()),
        Extractor::Bool => text.parse().ok().map(Value::Bool).or_else(|| capture.default.clone()),
        _ => Some(Value::Text(cut(&text))),
    }
}

fn finds(expression: &Regex, text: &str) -> Vec<Value> {
    let found = expression.captures_iter(text).filter_map(|c| c.get(1).or_else(|| c.get(0)));
    found.take(MAX_LIST).map(|m| Value::Text(cut(m.as_str()))).collect()
}

/// A scalar's text, or the texts of a list.
fn texts<'y>(tree: &'y Tree<'_>, at: At) -> Vec<&'y str> {
    match tree.text(at) {
        Some(text) => vec![text],
        None => tree.elements(at).iter().filter_map(|e| tree.text(*e)).collect(),
    }
}

fn names_of<'y>(tree: &'y Tree<'_>, at: At) -> Vec<&'y str> {
    match &tree.node(at).content {
        Content::Map(_) => tree.pairs(at).map(|(k, ..)| k).collect(),
        _ => texts(tree, at),
    }
}

fn cut(text: &str) -> String {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|at| *at <= MAX_TEXT_BYTES).last();
    text[..end.unwrap_or(0)].to_owned()
}
