//! One file's tree into link observations: a block with the settings that the knowledge asks for, a variable's default,
//! a local, a module's argument. Judges nothing and follows nothing; what lies inside an ERROR is not reported.
//! `scope.rs` reads what is written here.

use super::hcl::{self, children, text_of};
use crate::resource::expr::{self, Expr};
use crate::resource::knowledge::Knowledge;
use ligase_domain::{ProbeRef, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};
use tree_sitter::{Node, Tree};

/// Observations of one file; the dispatcher refuses more than 2,000.
const SEEN: usize = 1_900;
/// Bytes of one observation's attributes; the dispatcher refuses more than 4 KiB.
const BYTES: usize = 2_400;
/// Bytes of one observation's share of a block, as counted here, and shares of a block: an instance with fifty disks.
const CHUNK: usize = 1_600;
const CHUNKS: usize = 16;
/// Bytes of one setting's value.
const VALUE: usize = 1_000;
/// Bytes of a name or a label.
const NAME: usize = 128;
/// Bytes of a snippet.
const SNIPPET: usize = 200;

struct Looking<'a> {
    knowledge: &'a Knowledge,
    bytes: &'a [u8],
    seen: Vec<Seen>,
    broken: Option<Span>,
}

/// What a file shows.
pub(super) fn look(knowledge: &Knowledge, bytes: &[u8], tree: &Tree) -> Vec<Seen> {
    let mut looking = Looking { knowledge, bytes, seen: Vec::new(), broken: None };
    let root = tree.root_node();
    if root.is_error() {
        looking.broken = Some(span(root));
    } else {
        for child in children(root) {
            match child.kind() {
                "body" => looking.body(child),
                // An ERROR, or JSON, which is not this dialect: said, so that silence is honest.
                _ => looking.note_broken(child),
            }
        }
    }
    if looking.seen.len() > SEEN {
        looking.seen.truncate(SEEN);
        looking.broken = Some(span(root));
    }
    if let Some(span) = looking.broken {
        looking.push("tf-broken", span, BTreeMap::new(), BTreeMap::new(), String::new());
    }
    looking.seen.sort_by(|a, b| (a.span.start, a.span.end, &a.kind).cmp(&(b.span.start, b.span.end, &b.kind)));
    looking.seen
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn span(node: Node<'_>) -> Span {
    Span {
        start: number(node.start_byte()),
        end: number(node.end_byte()),
        line: number(node.start_position().row).saturating_add(1),
        end_line: number(node.end_position().row).saturating_add(1),
    }
}

/// Where a line can be added at the end of a body: the start of the closing brace's line, or right before the brace
/// when something else stands on that line.
fn body_end(bytes: &[u8], block: Node<'_>) -> Option<Span> {
    let mut cursor = block.walk();
    let brace = block.children(&mut cursor).filter(|c| c.kind() == "block_end").last()?;
    let before = bytes.get(..brace.start_byte())?;
    let line = before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let alone = before.get(line..)?.iter().all(|b| matches!(b, b' ' | b'\t'));
    let at = number(if alone { line } else { brace.start_byte() });
    let row = number(brace.start_position().row).saturating_add(1);
    Some(Span { start: at, end: at, line: row, end_line: row })
}

struct Header<'t> {
    kind: String,
    labels: Vec<String>,
    body: Option<Node<'t>>,
    /// One past the header's last byte: where `{` ends.
    end: usize,
}

/// A block's type, labels and body; `None` when a label is more than a plain name.
fn header<'t>(bytes: &[u8], block: Node<'t>) -> Option<Header<'t>> {
    let mut parts = children(block).into_iter();
    let kind = parts.next().filter(|k| k.kind() == "identifier").map(|k| text_of(bytes, k).to_owned())?;
    let mut out = Header { kind, labels: Vec::new(), body: None, end: block.end_byte() };
    for part in parts {
        match part.kind() {
            "identifier" => out.labels.push(text_of(bytes, part).to_owned()),
            "string_lit" => out.labels.push(hcl::string(bytes, part)?),
            "block_start" => out.end = part.end_byte(),
            "body" => out.body = Some(part),
            _ => {}
        }
    }
    let named = out.labels.iter().all(|l| l.len() <= NAME) && out.labels.len() <= 3;
    named.then_some(out)
}

/// The attributes of a body: name, whole node, expression.
fn attributes<'t>(bytes: &[u8], body: Node<'t>) -> Vec<(String, Node<'t>, Node<'t>)> {
    let mut out = Vec::new();
    for node in children(body).into_iter().filter(|n| n.kind() == "attribute") {
        let parts = children(node);
        if let [name, value] = parts[..] {
            let name = text_of(bytes, name);
            if name.len() <= NAME {
                out.push((name.to_owned(), node, value));
            }
        }
    }
    out
}

impl Looking<'_> {
    fn note_broken(&mut self, node: Node<'_>) {
        self.broken.get_or_insert(span(node));
    }

    fn push(
        &mut self,
        kind: &str,
        span: Span,
        attributes: BTreeMap<String, Value>,
        anchors: BTreeMap<String, Span>,
        snippet: String,
    ) {
        let probe = ProbeRef { id: "terraform/look".to_owned(), version: super::ENGINE_VERSION };
        self.seen.push(Seen { kind: kind.to_owned(), attributes, span, anchors, snippet, probe });
    }

    fn body(&mut self, body: Node<'_>) {
        for child in children(body) {
            if self.seen.len() > SEEN {
                return;
            }
            match child.kind() {
                "block" => self.block(child),
                "attribute" if !child.has_error() => {
                    let parts = children(child);
                    if let [name, value] = parts[..] {
                        let name = text_of(self.bytes, name).to_owned();
                        self.binding("tf-assignment", &[("name", &name)], child, Some((&name, value)));
                    }
                }
                _ => self.note_broken(child),
            }
        }
    }

    fn snippet(&self, from: usize, to: usize) -> String {
        let text = self.bytes.get(from..to).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
        let mut out = String::new();
        for c in text.chars() {
            if out.len() + c.len_utf8() > SNIPPET || c == '\n' {
                break;
            }
            out.push(if c.is_control() { ' ' } else { c });
        }
        out.trim_end().to_owned()
    }

    /// A name bound to an expression: a variable's default, a local, an argument, an output, a line of a tfvars file.
    fn binding(&mut self, kind: &str, names: &[(&str, &str)], node: Node<'_>, value: Option<(&str, Node<'_>)>) {
        self.binding_of(kind, names, node, value, None);
    }

    fn binding_of(
        &mut self,
        kind: &str,
        names: &[(&str, &str)],
        node: Node<'_>,
        value: Option<(&str, Node<'_>)>,
        repeated: Option<&Expr>,
    ) {
        if names.iter().any(|(_, n)| n.len() > NAME) {
            return;
        }
        let mut attributes: BTreeMap<String, Value> =
            names.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect();
        let mut anchors = BTreeMap::new();
        if let Some((name, value)) = value {
            let read = hcl::expression(self.bytes, value, name);
            let kept = repeated.map_or(read.clone(), |of| read.of_each(of)).to_value();
            let kept = if expr::size(&kept) > BYTES { Expr::opaque().to_value() } else { kept };
            attributes.insert("value".to_owned(), kept);
            anchors.insert("value".to_owned(), span(value));
        }
        self.push(kind, span(node), attributes, anchors, String::new());
    }

    fn block(&mut self, block: Node<'_>) {
        let Some(header) = header(self.bytes, block) else { return self.note_broken(block) };
        let broken = block.has_error();
        let label = |n: usize| header.labels.get(n).map_or("", String::as_str);
        match (header.kind.as_str(), header.labels.len()) {
            ("resource", 2) => {
                let wanted = self.knowledge.wanted(label(0));
                self.configured("tf-resource", &[("type", label(0)), ("name", label(1))], block, &header, &wanted);
            }
            ("provider", 1) => {
                let wanted = paths(&["region", "zone", "alias", "for_each", "version"]);
                self.configured("tf-provider", &[("name", label(0))], block, &header, &wanted);
            }
            ("module", 1) => {
                let wanted = paths(&["source", "providers"]);
                self.configured("tf-module", &[("name", label(0))], block, &header, &wanted);
                self.arguments(label(0), &header, broken);
            }
            ("terraform", 0) => {
                let wanted =
                    paths(&["required_providers.aws", "required_providers.azurerm", "required_providers.google"]);
                self.configured("tf-terraform", &[], block, &header, &wanted);
            }
            ("variable", 1) => self.named_value("tf-variable", "default", block, &header, broken),
            ("output", 1) => self.named_value("tf-output", "value", block, &header, broken),
            ("locals", 0) if !broken => {
                for (name, node, value) in header.body.map(|b| attributes(self.bytes, b)).unwrap_or_default() {
                    self.binding("tf-local", &[("name", &name)], node, Some((&name, value)));
                }
            }
            _ if broken => self.note_broken(block),
            _ => {}
        }
    }

    /// A variable or an output. A broken one is reported without a value, and marked, so that it never has a default.
    fn named_value(&mut self, kind: &str, attribute: &str, block: Node<'_>, header: &Header<'_>, broken: bool) {
        let Some(name) = header.labels.first() else { return };
        let all = header.body.filter(|_| !broken).map(|b| attributes(self.bytes, b)).unwrap_or_default();
        let value = all.iter().find(|(n, ..)| n == attribute).map(|(.., v)| (name.as_str(), *v));
        self.binding(kind, &[("name", name)], block, value);
    }

    fn arguments(&mut self, module: &str, header: &Header<'_>, broken: bool) {
        const META: [&str; 6] = ["source", "version", "providers", "count", "for_each", "depends_on"];
        if broken {
            return;
        }
        let repeated = header.body.and_then(|b| repeated_for(self.bytes, b));
        for (name, node, value) in header.body.map(|b| attributes(self.bytes, b)).unwrap_or_default() {
            if !META.contains(&name.as_str()) {
                let names = [("module", module), ("name", name.as_str())];
                self.binding_of("tf-argument", &names, node, Some((&name, value)), repeated.as_ref());
            }
        }
    }

    /// A block with those settings of it, at any depth, that are wanted. A large block goes on in `tf-more`, so that no
    /// single observation is too large to keep.
    fn configured(
        &mut self,
        kind: &str,
        names: &[(&str, &str)],
        block: Node<'_>,
        header: &Header<'_>,
        wanted: &BTreeSet<String>,
    ) {
        let mut found = Found::default();
        if block.has_error() {
            found.whole = false;
        } else if let Some(body) = header.body {
            found.repeated = repeated_for(self.bytes, body);
            found.settings_of(self.bytes, body, wanted);
        }
        let whole = found.whole;
        let mut chunks = found.chunks.into_iter();
        let mut first = chunks.next().unwrap_or_default();
        first.attributes.extend(names.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))));
        first.attributes.insert("whole".to_owned(), Value::Bool(whole));
        first.anchors.insert("block".to_owned(), span(block));
        first.anchors.extend(body_end(self.bytes, block).map(|s| ("body_end".to_owned(), s)));
        let snippet = self.snippet(block.start_byte(), header.end);
        self.push(kind, span(block), first.attributes(), first.anchors, snippet);
        for mut chunk in chunks {
            chunk.attributes.insert("of".to_owned(), Value::Int(i64::from(number(block.start_byte()))));
            self.push("tf-more", span(block), chunk.attributes(), chunk.anchors, String::new());
        }
    }
}

fn paths(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|p| (*p).to_owned()).collect()
}

/// Whether something that is wanted stands at `path` or below it.
fn leads_to(wanted: &BTreeSet<String>, path: &str) -> bool {
    let below = format!("{path}.");
    wanted.contains(path) || wanted.range(below.clone()..).next().is_some_and(|w| w.starts_with(&below))
}

/// One observation's share of a block's settings.
#[derive(Default)]
struct Chunk {
    attributes: BTreeMap<String, Value>,
    settings: BTreeMap<String, Value>,
    blocks: Vec<String>,
    dynamic: Vec<String>,
    anchors: BTreeMap<String, Span>,
    size: usize,
}

impl Chunk {
    fn attributes(&self) -> BTreeMap<String, Value> {
        let texts = |of: &[String]| Value::List(of.iter().map(|t| Value::from(t.as_str())).collect());
        let mut out = self.attributes.clone();
        if !self.settings.is_empty() {
            out.insert("settings".to_owned(), Value::Map(self.settings.clone()));
        }
        if !self.blocks.is_empty() {
            out.insert("blocks".to_owned(), texts(&self.blocks));
        }
        if !self.dynamic.is_empty() {
            out.insert("dynamic".to_owned(), texts(&self.dynamic));
        }
        out
    }
}

struct Found {
    chunks: Vec<Chunk>,
    /// False when the block has an error or is larger than what is kept.
    whole: bool,
    /// What the block is repeated for.
    repeated: Option<Expr>,
}

impl Default for Found {
    fn default() -> Self {
        Self { chunks: vec![Chunk::default()], whole: true, repeated: None }
    }
}

/// The `for_each` of a block.
fn repeated_for(bytes: &[u8], body: Node<'_>) -> Option<Expr> {
    attributes(bytes, body).into_iter().find(|(n, ..)| n == "for_each").map(|(.., v)| hcl::expression(bytes, v, ""))
}

/// What an anchor costs beside its name.
const ANCHOR: usize = 24;

impl Found {
    /// The chunk that still takes `size` bytes; `None` when the block is larger than what is kept.
    fn room(&mut self, size: usize) -> Option<&mut Chunk> {
        if self.chunks.last().is_none_or(|c| c.size > 0 && c.size + size > CHUNK) {
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

    fn setting(&mut self, bytes: &[u8], path: String, name: &str, node: Node<'_>, value: Node<'_>) -> Option<()> {
        let read =
            if path == "source" { hcl::module_source(bytes, value) } else { hcl::expression(bytes, value, name) };
        let read = self.repeated.as_ref().map_or(read.clone(), |of| read.of_each(of));
        let kept = read.to_value();
        let kept = if expr::size(&kept) > VALUE { Expr::opaque().to_value() } else { kept };
        let chunk = self.room(expr::size(&kept) + 3 * path.len() + 2 * ANCHOR)?;
        chunk.anchors.insert(format!("setting:{path}"), span(node));
        chunk.anchors.insert(format!("value:{path}"), span(value));
        chunk.settings.insert(path, kept);
        Some(())
    }

    fn nested(&mut self, bytes: &[u8], path: &str, block: Node<'_>) -> Option<()> {
        let chunk = self.room(3 * path.len() + 2 * ANCHOR)?;
        chunk.anchors.insert(format!("block:{path}"), span(block));
        chunk.anchors.extend(body_end(bytes, block).map(|s| (format!("body_end:{path}"), s)));
        chunk.blocks.push(path.to_owned());
        Some(())
    }

    /// Depth-first over an explicit stack of (body, dotted path, path with indices).
    fn settings_of(&mut self, bytes: &[u8], body: Node<'_>, wanted: &BTreeSet<String>) {
        let mut open = vec![(body, String::new(), String::new())];
        while let Some((body, dotted, indexed)) = open.pop() {
            for (name, node, value) in attributes(bytes, body) {
                let wanted = leads_to(wanted, &join(&dotted, &name));
                if wanted && self.setting(bytes, join(&indexed, &name), &name, node, value).is_none() {
                    return;
                }
            }
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for block in children(body).into_iter().filter(|n| n.kind() == "block") {
                let Some(header) = header(bytes, block) else { continue };
                let dynamic = header.kind == "dynamic";
                let name = if dynamic { header.labels.first().map_or("", String::as_str) } else { &header.kind };
                let path = join(&dotted, name);
                if !leads_to(wanted, &path) {
                    continue;
                }
                if dynamic {
                    let Some(chunk) = self.room(path.len() + ANCHOR) else { return };
                    chunk.dynamic.push(path);
                    continue;
                }
                let nth = counts.entry(header.kind.clone()).or_default();
                let here = format!("{}[{nth}]", join(&indexed, &header.kind));
                *nth += 1;
                if self.nested(bytes, &here, block).is_none() {
                    return;
                }
                open.extend(header.body.map(|b| (b, path, here)));
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
