//! One template into link observations: a resource with the properties that the knowledge asks for, a parameter's default, a
//! mapping, a condition, a nested stack with what it is passed. Judges nothing and follows nothing. A text that is no template
//! shows nothing; a template that cannot be read is said. `../resource/scope.rs` reads what is written here.

use super::intrinsic::{Names, Values, condition, mapping};
use crate::resource::expr::{self, Expr};
use crate::resource::knowledge::Knowledge;
use crate::yaml::{self, At, Content, Tree};
use ligase_domain::{ProbeRef, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Observations of one file; the dispatcher refuses more than 2,000.
const SEEN: usize = 1_900;
/// Bytes of one observation's attributes and anchors, as counted here; the dispatcher refuses more than 4 KiB.
const BYTES: usize = 1_600;
/// Shares of a resource: an instance with fifty disks.
const CHUNKS: usize = 16;
/// Bytes of one setting's value.
const VALUE: usize = 1_000;
/// Bytes of a name.
const NAME: usize = 255;
/// Properties within one another, and nodes of one resource that are walked.
const DEPTH: usize = 12;
const NODES: usize = 4_000;
/// Bytes of a snippet.
const SNIPPET: usize = 200;

/// What a text shows.
pub(super) fn look(knowledge: &Knowledge, text: &str) -> Vec<Seen> {
    if !may_be_template(text) {
        return Vec::new();
    }
    let mut out = Vec::new();
    let Ok(tree) = yaml::read(text) else {
        // Templates of templates (Helm, Jinja) look alike and are none; whether this is one is not known.
        if text.contains("AWSTemplateFormatVersion") {
            let span = Span { start: 0, end: number(text.len()), line: 1, end_line: 1 };
            out.push(seen("tf-broken", span, Chunk::default(), String::new()));
        }
        return out;
    };
    for root in tree.documents.iter().copied() {
        let resources = tree.value(root, "Resources");
        let Some(resources) = resources.filter(|r| is_template(&tree, root, *r)) else { continue };
        template(knowledge, text, &tree, root, resources, &mut out);
    }
    out.truncate(SEEN);
    out
}

/// What every template has, by its letters alone: no other file is parsed.
fn may_be_template(text: &str) -> bool {
    text.contains("Resources") && (text.contains("AWS::") || text.contains("AWSTemplateFormatVersion"))
}

/// A version, or a resource whose type is a cloud's.
fn is_template(tree: &Tree<'_>, root: At, resources: At) -> bool {
    tree.value(root, "AWSTemplateFormatVersion").is_some()
        || tree
            .pairs(resources)
            .any(|(_, _, r)| tree.value(r, "Type").and_then(|t| tree.text(t)).is_some_and(|t| t.starts_with("AWS::")))
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn template(knowledge: &Knowledge, text: &str, tree: &Tree<'_>, root: At, resources: At, out: &mut Vec<Seen>) {
    let typed = |r: At| tree.value(r, "Type").and_then(|t| tree.text(t)).unwrap_or_default();
    let all: BTreeMap<&str, &str> =
        tree.pairs(resources).filter(|(n, ..)| n.len() <= NAME).map(|(n, _, r)| (n, typed(r))).collect();
    let stacks = all.iter().filter(|(_, of)| source_of(of).is_some()).map(|(n, _)| *n).collect();
    let names = Names { resources: all, stacks };
    let values = Values { tree, names: &names };
    let looking = Looking { knowledge, text, tree, values };
    looking.bindings(root, out);
    for (name, key, resource) in tree.pairs(resources) {
        if out.len() >= SEEN || name.len() > NAME {
            break;
        }
        looking.resource(root, name, key, resource, out);
    }
}

/// The property of a nested stack that names its template, and the one that holds what it is passed.
fn source_of(of: &str) -> Option<(&'static str, &'static str)> {
    match of {
        "AWS::CloudFormation::Stack" => Some(("TemplateURL", "Parameters")),
        "AWS::Serverless::Application" => Some(("Location", "Parameters")),
        _ => None,
    }
}

/// A share of a resource's settings.
#[derive(Default)]
struct Chunk {
    attributes: BTreeMap<String, Value>,
    settings: BTreeMap<String, Value>,
    blocks: Vec<Value>,
    anchors: BTreeMap<String, Span>,
    size: usize,
}

fn seen(kind: &str, span: Span, chunk: Chunk, snippet: String) -> Seen {
    let mut attributes = chunk.attributes;
    if !chunk.settings.is_empty() {
        attributes.insert("settings".to_owned(), Value::Map(chunk.settings));
    }
    if !chunk.blocks.is_empty() {
        attributes.insert("blocks".to_owned(), Value::List(chunk.blocks));
    }
    let probe = ProbeRef { id: "cloudformation/look".to_owned(), version: super::ENGINE_VERSION };
    Seen { kind: kind.to_owned(), attributes, span, anchors: chunk.anchors, snippet, probe }
}

struct Looking<'x, 't> {
    knowledge: &'x Knowledge,
    text: &'x str,
    tree: &'x Tree<'t>,
    values: Values<'x, 't>,
}

impl Looking<'_, '_> {
    fn bind(&self, kind: &str, names: &[(&str, &str)], at: At, value: Option<Expr>, out: &mut Vec<Seen>) {
        if out.len() >= SEEN || names.iter().any(|(_, n)| n.len() > NAME) {
            return;
        }
        let mut chunk = Chunk::default();
        chunk.attributes.extend(names.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))));
        let kept = value.map(|v| v.to_value());
        let kept = kept.map(|v| if expr::size(&v) > BYTES { Expr::opaque().to_value() } else { v });
        chunk.attributes.extend(kept.map(|v| ("value".to_owned(), v)));
        out.push(seen(kind, self.tree.node(at).span, chunk, String::new()));
    }

    /// Parameters, mappings, conditions and outputs.
    fn bindings(&self, root: At, out: &mut Vec<Seen>) {
        let section = |name: &str| self.tree.value(root, name);
        for (name, _, parameter) in section("Parameters").into_iter().flat_map(|s| self.tree.pairs(s)) {
            let of = self.tree.value(parameter, "Type").and_then(|t| self.tree.text(t)).unwrap_or_default();
            let hidden = self.tree.value(parameter, "NoEcho").and_then(|t| self.tree.text(t)) == Some("true");
            // The default of a stored parameter is its name in the store.
            let stored = of.starts_with("AWS::SSM::Parameter");
            let default = self.tree.value(parameter, "Default").filter(|_| !hidden && !stored);
            let value = default.map(|d| self.values.read(d, name));
            // An empty default is a text and not nothing.
            let value = value.map(|v| if v == Expr::Null { Expr::Text(String::new()) } else { v });
            let value = match (value, of) {
                (Some(Expr::Text(t)), "CommaDelimitedList") => {
                    Some(Expr::List(t.split(',').map(|p| Expr::Text(p.trim().to_owned())).collect()))
                }
                (value, _) => value,
            };
            self.bind("tf-variable", &[("name", name)], parameter, value, out);
        }
        for (name, _, of) in section("Mappings").into_iter().flat_map(|s| self.tree.pairs(s)) {
            self.bind("tf-local", &[("name", &mapping(name))], of, Some(self.values.read(of, "")), out);
        }
        for (name, _, of) in section("Conditions").into_iter().flat_map(|s| self.tree.pairs(s)) {
            let value = Some(self.values.read_condition(of));
            self.bind("tf-local", &[("name", &condition(name))], of, value, out);
        }
        for (name, _, of) in section("Outputs").into_iter().flat_map(|s| self.tree.pairs(s)) {
            let value = self.tree.value(of, "Value").map(|v| self.values.read(v, name));
            self.bind("tf-output", &[("name", name)], of, value, out);
        }
    }

    fn resource(&self, root: At, name: &str, key: At, resource: At, out: &mut Vec<Seen>) {
        let tree = self.tree;
        let Some(of) = tree.value(resource, "Type").and_then(|t| tree.text(t)).filter(|t| t.len() <= NAME) else {
            return;
        };
        let properties = tree.value(resource, "Properties");
        let key_span = tree.node(key).span;
        let body = tree.node(resource).span;
        let span = Span { end: body.end, end_line: body.end_line, ..key_span };
        if let Some((source, passed)) = source_of(of) {
            let mut chunk = Chunk::default();
            let url = properties.and_then(|p| tree.value(p, source)).map(|u| self.values.read(u, source));
            // `Location` may also name an application of a catalogue.
            if let Some(Expr::Text(url)) = url {
                let url = if url.contains("://") || url.starts_with('.') { url } else { format!("./{url}") };
                chunk.settings.insert("source".to_owned(), Value::from(expr::source(&url)));
            }
            chunk.attributes.insert("name".to_owned(), Value::from(name));
            chunk.attributes.insert("whole".to_owned(), Value::Bool(true));
            out.push(seen("tf-module", span, chunk, self.snippet(span)));
            let passed = properties.and_then(|p| tree.value(p, passed)).into_iter().flat_map(|p| tree.pairs(p));
            for (argument, _, value) in passed {
                let names = [("module", name), ("name", argument)];
                self.bind("tf-argument", &names, value, Some(self.values.read(value, argument)), out);
            }
            return;
        }
        let mut found = Found { chunks: vec![Chunk::default()], whole: true };
        let wanted = self.knowledge.wanted(of);
        let globals = of
            .strip_prefix("AWS::Serverless::")
            .and_then(|kind| tree.value(root, "Globals").and_then(|g| tree.value(g, kind)));
        for part in globals.into_iter().chain(properties) {
            self.settings(part, &wanted, &mut found);
        }
        self.push(of, name, span, properties, found, out);
    }

    fn push(&self, of: &str, name: &str, span: Span, properties: Option<At>, found: Found, out: &mut Vec<Seen>) {
        let whole = found.whole;
        let mut chunks = found.chunks.into_iter();
        let mut first = chunks.next().unwrap_or_default();
        first.attributes.insert("type".to_owned(), Value::from(of));
        first.attributes.insert("name".to_owned(), Value::from(name));
        first.attributes.insert("whole".to_owned(), Value::Bool(whole));
        // A property is added to the properties; where there are none, there is no place for one.
        let block = properties.filter(|p| matches!(self.tree.node(*p).content, Content::Map(_)));
        if let Some(at) = block.map(|b| self.tree.node(b).span) {
            first.anchors.insert("block".to_owned(), at);
            first.anchors.insert("body_end".to_owned(), Span { start: at.end, line: at.end_line, ..at });
        }
        out.push(seen("tf-resource", span, first, self.snippet(span)));
        for mut chunk in chunks {
            chunk.attributes.insert("of".to_owned(), Value::Int(i64::from(span.start)));
            out.push(seen("tf-more", span, chunk, String::new()));
        }
    }

    fn snippet(&self, span: Span) -> String {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let mut out = String::new();
        // The logical id and the type: no value of anybody's.
        for line in text.lines().take(2) {
            if !out.is_empty() && !line.contains("Type") {
                break;
            }
            let line = line.trim();
            if out.len() + line.len() + 1 > SNIPPET {
                break;
            }
            out = if out.is_empty() { line.to_owned() } else { format!("{out} {line}") };
        }
        out.chars().filter(|c| !c.is_control()).collect()
    }

    /// Properties that are wanted, at any depth, over an explicit stack of (node, dotted path, path with indices, depth).
    fn settings(&self, properties: At, wanted: &BTreeSet<String>, found: &mut Found) {
        let mut open = vec![(properties, String::new(), String::new(), 0)];
        let mut walked = 0;
        while let Some((at, dotted, indexed, depth)) = open.pop() {
            walked += 1;
            if walked > NODES || depth > DEPTH {
                found.whole = false;
                return;
            }
            for (name, key, value) in self.tree.pairs(at) {
                let path = join(&dotted, name);
                if !leads_to(wanted, &path) {
                    continue;
                }
                let here = join(&indexed, name);
                let node = self.tree.node(value);
                let below = is_below(wanted, &path) && node.tag.is_none() && !self.is_function(value);
                match &node.content {
                    Content::Map(_) if below => {
                        found.block(&here, node.span);
                        open.push((value, path, here, depth + 1));
                    }
                    Content::List(list) if below && list.iter().all(|e| self.is_plain_map(*e)) => {
                        for (nth, element) in list.iter().enumerate() {
                            let here = format!("{here}[{nth}]");
                            found.block(&here, self.tree.node(*element).span);
                            open.push((*element, path.clone(), here, depth + 1));
                        }
                    }
                    _ => {
                        let read = self.values.read(value, name);
                        found.setting(here, read, self.tree.node(key).span, node.span);
                    }
                }
            }
        }
    }

    fn is_function(&self, at: At) -> bool {
        let mut pairs = self.tree.pairs(at);
        let first = pairs.next().map(|(name, ..)| name.starts_with("Fn::") || name == "Ref");
        pairs.next().is_none() && first == Some(true)
    }

    fn is_plain_map(&self, at: At) -> bool {
        let node = self.tree.node(at);
        node.tag.is_none() && matches!(node.content, Content::Map(_)) && !self.is_function(at)
    }
}

struct Found {
    chunks: Vec<Chunk>,
    /// False when the resource is larger than what is kept.
    whole: bool,
}

/// What an anchor costs beside its name.
const ANCHOR: usize = 24;

impl Found {
    fn room(&mut self, size: usize) -> Option<&mut Chunk> {
        if self.chunks.last().is_none_or(|c| c.size > 0 && c.size + size > BYTES) {
            if self.chunks.len() == CHUNKS {
                self.whole = false;
                return None;
            }
            self.chunks.push(Chunk::default());
        }
        let chunk = self.chunks.last_mut()?;
        chunk.size += size;
        Some(chunk)
    }

    fn block(&mut self, path: &str, span: Span) {
        let Some(chunk) = self.room(3 * path.len() + 2 * ANCHOR) else { return };
        chunk.blocks.push(Value::from(path));
        chunk.anchors.insert(format!("block:{path}"), span);
        let end = Span { start: span.end, line: span.end_line, ..span };
        chunk.anchors.insert(format!("body_end:{path}"), end);
    }

    fn setting(&mut self, path: String, read: Expr, key: Span, value: Span) {
        let kept = read.to_value();
        let kept = if expr::size(&kept) > VALUE { Expr::opaque().to_value() } else { kept };
        let Some(chunk) = self.room(expr::size(&kept) + 3 * path.len() + 2 * ANCHOR) else { return };
        let whole = Span { end: value.end.max(key.end), end_line: value.end_line.max(key.end_line), ..key };
        chunk.anchors.insert(format!("setting:{path}"), whole);
        chunk.anchors.insert(format!("value:{path}"), value);
        chunk.settings.insert(path, kept);
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Whether something that is wanted stands below `path`.
fn is_below(wanted: &BTreeSet<String>, path: &str) -> bool {
    let below = format!("{path}.");
    wanted.range(below.clone()..).next().is_some_and(|w| w.starts_with(&below))
}

fn leads_to(wanted: &BTreeSet<String>, path: &str) -> bool {
    wanted.contains(path) || is_below(wanted, path)
}
