//! YAML and JSON as a tree with the bytes of every key and value, for packs that read documents. Bounded: the text's size by
//! whoever reads it, depth and nodes here. An alias is a second way to the node that its anchor names and copies nothing, so
//! that a few lines cannot become millions; whoever walks a tree therefore bounds the walk. It knows no kind of document and
//! resolves no tag: `!Ref` stays beside its value. Next: the pack that asks.

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span as Range, Tag};
use ligase_domain::Span;
use std::borrow::Cow;
use std::collections::HashMap;

/// Collections within one another; hand-written documents nest a dozen.
const DEPTH: usize = 64;
/// Nodes of one file; a megabyte of short values has a hundred thousand.
const NODES: usize = 150_000;

/// A node's number in its tree.
pub(crate) type At = usize;

/// What a node is.
#[derive(Debug)]
pub(crate) enum Content<'t> {
    /// A text, and whether it stands in quotes or a block: then it is nothing but a text.
    Scalar(Cow<'t, str>, bool),
    List(Vec<At>),
    /// In the order of the file; a key may be of any form and may come twice.
    Map(Vec<(At, At)>),
}

/// A value of the file.
#[derive(Debug)]
pub(crate) struct Node<'t> {
    pub(crate) content: Content<'t>,
    /// From the first byte of the tag or the value to the end of the last value in it.
    pub(crate) span: Span,
    /// `!Ref`, without the exclamation mark; none for the tags of YAML itself.
    pub(crate) tag: Option<String>,
    /// Written with brackets or braces.
    pub(crate) flow: bool,
}

/// The documents of a file.
#[derive(Debug, Default)]
pub(crate) struct Tree<'t> {
    nodes: Vec<Node<'t>>,
    /// The root of each document.
    pub(crate) documents: Vec<At>,
}

struct Open<'t> {
    at: At,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<At>,
    parts: Parts,
    tag: Option<String>,
    flow: bool,
    start: Span,
    text: std::marker::PhantomData<&'t ()>,
}

enum Parts {
    List(Vec<At>),
    Map(Vec<(At, At)>),
}

/// Reads all documents of a text; the error is the stable reason for skipping the file.
pub(crate) fn read(text: &str) -> Result<Tree<'_>, &'static str> {
    let mut reading = Reading { text, tree: Tree::default(), open: Vec::new(), anchors: HashMap::new() };
    for event in Parser::new_from_str(text) {
        let (event, range) = event.map_err(|_| "yaml-not-read")?;
        reading.event(event, range)?;
    }
    Ok(reading.tree)
}

struct Reading<'t> {
    text: &'t str,
    tree: Tree<'t>,
    open: Vec<Open<'t>>,
    anchors: HashMap<usize, At>,
}

impl<'t> Reading<'t> {
    fn event(&mut self, event: Event<'t>, range: Range) -> Result<(), &'static str> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let span = self.span(&range)?;
                let quoted = style != ScalarStyle::Plain;
                let at = self.node(Content::Scalar(value, quoted), span, local(tag), false)?;
                self.anchor(anchor, at);
                self.place(at);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.begin(Parts::List(Vec::new()), anchor, tag, is_flow(style), &range)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.begin(Parts::Map(Vec::new()), anchor, tag, is_flow(style), &range)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&range)?,
            Event::Alias(anchor) => match self.anchors.get(&anchor).copied() {
                Some(at) => self.place(at),
                // A collection that holds itself.
                None => return Err("yaml-not-read"),
            },
            Event::DocumentStart(..) => self.anchors.clear(),
            _ => {}
        }
        Ok(())
    }

    fn span(&self, range: &Range) -> Result<Span, &'static str> {
        let start = range.tag_start.filter(|t| t.byte_offset() < range.start.byte_offset()).unwrap_or(range.start);
        let offset = |m: &Marker| m.byte_offset().and_then(|b| u32::try_from(b).ok()).ok_or("yaml-not-read");
        let line = |m: &Marker| u32::try_from(m.line()).unwrap_or(u32::MAX);
        let (from, to) = (offset(&start)?, offset(&range.end)?.max(offset(&start)?));
        // A block scalar ends behind its last line break.
        let within = self.text.get(from as usize..to as usize).ok_or("yaml-not-read")?;
        let kept = within.trim_end();
        let to = from + u32::try_from(kept.len()).unwrap_or(0);
        let breaks = kept.bytes().filter(|b| *b == b'\n').count();
        let first = line(&start);
        Ok(Span { start: from, end: to, line: first, end_line: first + u32::try_from(breaks).unwrap_or(0) })
    }

    fn node(&mut self, content: Content<'t>, span: Span, tag: Option<String>, flow: bool) -> Result<At, &'static str> {
        if self.tree.nodes.len() == NODES {
            return Err("too-wide");
        }
        self.tree.nodes.push(Node { content, span, tag, flow });
        Ok(self.tree.nodes.len() - 1)
    }

    fn anchor(&mut self, anchor: usize, at: At) {
        if anchor != 0 {
            self.anchors.insert(anchor, at);
        }
    }

    fn begin(
        &mut self,
        parts: Parts,
        anchor: usize,
        tag: Option<Cow<'t, Tag>>,
        flow: bool,
        range: &Range,
    ) -> Result<(), &'static str> {
        if self.open.len() == DEPTH {
            return Err("too-nested");
        }
        let start = self.span(range)?;
        // A place is kept for the node, so that parents come before what is in them.
        let at = self.node(Content::List(Vec::new()), start, None, flow)?;
        let text = std::marker::PhantomData;
        self.open.push(Open { at, anchor, key: None, parts, tag: local(tag), flow, start, text });
        Ok(())
    }

    fn end(&mut self, range: &Range) -> Result<(), &'static str> {
        let Some(open) = self.open.pop() else { return Err("yaml-not-read") };
        let last = match &open.parts {
            Parts::List(list) => list.last().copied(),
            Parts::Map(map) => map.last().map(|(key, value)| self.later(*key, *value)),
        };
        let mut span = open.start;
        let stop = self.span(range)?;
        let end = match last.map(|l| self.tree.nodes[l].span) {
            // Brackets end where they stand, a block where its last value does.
            Some(last) if !open.flow && last.end >= span.start => last,
            _ if open.flow => Span { line: stop.end_line, ..stop },
            _ => span,
        };
        span.end = end.end.max(span.end);
        span.end_line = end.end_line.max(span.line);
        let content = match open.parts {
            Parts::List(list) => Content::List(list),
            Parts::Map(map) => Content::Map(map),
        };
        self.tree.nodes[open.at] = Node { content, span, tag: open.tag, flow: open.flow };
        self.anchor(open.anchor, open.at);
        self.place(open.at);
        Ok(())
    }

    /// The one that ends later; a value that is an alias may stand far above its key.
    fn later(&self, a: At, b: At) -> At {
        if self.tree.nodes[b].span.end >= self.tree.nodes[a].span.end { b } else { a }
    }

    fn place(&mut self, at: At) {
        match self.open.last_mut() {
            None => self.tree.documents.push(at),
            Some(open) => match &mut open.parts {
                Parts::List(list) => list.push(at),
                Parts::Map(map) => match open.key.take() {
                    None => open.key = Some(at),
                    Some(key) => map.push((key, at)),
                },
            },
        }
    }
}

fn is_flow(style: granit_parser::StructureStyle) -> bool {
    style == granit_parser::StructureStyle::Flow
}

fn local(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    let tag = tag?;
    (tag.handle() == "!" && !tag.suffix().is_empty()).then(|| tag.suffix().to_owned())
}

impl<'t> Tree<'t> {
    /// A node.
    pub(crate) fn node(&self, at: At) -> &Node<'t> {
        &self.nodes[at]
    }

    /// A scalar's text.
    pub(crate) fn text(&self, at: At) -> Option<&str> {
        match &self.nodes[at].content {
            Content::Scalar(text, _) => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The pairs of a map whose keys are texts, in order; nothing for anything else.
    pub(crate) fn pairs(&self, at: At) -> impl Iterator<Item = (&str, At, At)> {
        let pairs: &[(At, At)] = match &self.nodes[at].content {
            Content::Map(pairs) => pairs,
            Content::Scalar(..) | Content::List(_) => &[],
        };
        pairs.iter().filter_map(|(key, value)| Some((self.text(*key)?, *key, *value)))
    }

    /// The elements of a list; nothing for anything else.
    pub(crate) fn elements(&self, at: At) -> &[At] {
        match &self.nodes[at].content {
            Content::List(list) => list,
            Content::Scalar(..) | Content::Map(_) => &[],
        }
    }

    /// The value of a key; the last one where it comes twice.
    pub(crate) fn get(&self, at: At, key: &str) -> Option<At> {
        self.pairs(at).filter(|(k, ..)| *k == key).last().map(|(_, _, value)| value)
    }
}

/// Merge keys (`<<`) in a row.
const MERGES: usize = 8;

impl Tree<'_> {
    /// The value of a key: the mapping's own, else the first of what it merges.
    pub(crate) fn value(&self, at: At, key: &str) -> Option<At> {
        // A merge may name the same mapping again and again: the walk ends after as many as people write.
        let mut open = vec![(at, 0)];
        for _ in 0..MERGES * MERGES {
            let Some((at, hops)) = open.pop() else { break };
            if let Some(value) = self.get(at, key) {
                return Some(value);
            }
            let Some(merged) = self.get(at, "<<").filter(|_| hops < MERGES) else { continue };
            match &self.nodes[merged].content {
                Content::List(list) => open.extend(list.iter().rev().take(MERGES).map(|m| (*m, hops + 1))),
                _ => open.push((merged, hops + 1)),
            }
        }
        None
    }

    /// Nothing, as YAML writes it.
    pub(crate) fn is_null(&self, at: At) -> bool {
        matches!(&self.nodes[at].content, Content::Scalar(text, false) if ["", "~", "null", "Null", "NULL"].contains(&text.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(text: &str, span: Span) -> &str {
        &text[span.start as usize..span.end as usize]
    }

    #[test]
    fn keys_and_values_have_their_bytes() {
        let text = "# ä comment\nResources:\n  Db: # here\n    Type: AWS::RDS::DBInstance\n    Properties:\n      Name: !Sub '${X}-db'\n      On: !If [A, true, !Ref B]\n\n# the end\nNext: 1\n";
        let tree = read(text).unwrap();
        let root = tree.documents[0];
        let resources = tree.get(root, "Resources").unwrap();
        let db = tree.get(resources, "Db").unwrap();
        let properties = tree.get(db, "Properties").unwrap();
        assert!(slice(text, tree.node(db).span).starts_with("Type: AWS"));
        assert!(slice(text, tree.node(db).span).ends_with("!Ref B]"));
        let name = tree.node(tree.get(properties, "Name").unwrap());
        assert_eq!((slice(text, name.span), name.tag.as_deref()), ("!Sub '${X}-db'", Some("Sub")));
        let on = tree.get(properties, "On").unwrap();
        assert_eq!((slice(text, tree.node(on).span), tree.node(on).flow), ("!If [A, true, !Ref B]", true));
        assert_eq!(tree.node(on).span.line, 7);
        let last = *tree.elements(on).last().unwrap();
        assert_eq!((tree.text(last), tree.node(last).tag.as_deref()), (Some("B"), Some("Ref")));
    }

    #[test]
    fn json_is_read_with_tabs_and_escapes() {
        let text = "{\n\t\"Resources\": {\n\t\t\"A\\u0042\": {\"Fn::If\": [\"x\", true, null]}\n\t}\n}\n";
        let tree = read(text).unwrap();
        let resources = tree.get(tree.documents[0], "Resources").unwrap();
        let node = tree.get(resources, "AB").unwrap();
        assert_eq!(slice(text, tree.node(node).span), "{\"Fn::If\": [\"x\", true, null]}");
    }

    #[test]
    fn what_is_hostile_is_refused_or_shared() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(read(&deep).err(), Some("too-nested"));
        assert!(read("a: &a [*a]\n").is_err());
        assert!(read("a: [1\nb: }\n").is_err());
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..30 {
            let uses = vec![format!("*a{}", n - 1); 10].join(", ");
            laughs += &format!("a{n}: &a{n} [{uses}]\n");
        }
        let tree = read(&laughs).unwrap();
        assert!(tree.nodes.len() < 200, "{}", tree.nodes.len());
    }

    #[test]
    fn merged_keys_are_found_behind_own_ones() {
        let text = "base: &b {user: root, shell: sh}\nx:\n  <<: *b\n  user: app\ny:\n  <<: [*b]\nz: ~\n";
        let tree = read(text).unwrap();
        let root = tree.documents[0];
        let of = |name: &str, key: &str| tree.value(tree.get(root, name)?, key).and_then(|at| tree.text(at));
        assert_eq!((of("x", "user"), of("x", "shell"), of("y", "user")), (Some("app"), Some("sh"), Some("root")));
        assert!(tree.is_null(tree.get(root, "z").unwrap()));
    }

    #[test]
    fn documents_stand_beside_one_another() {
        let tree = read("a: 1\n---\nb: &x {c: 2}\nd: *x\n").unwrap();
        assert_eq!(tree.documents.len(), 2);
        let d = tree.get(tree.documents[1], "d").unwrap();
        assert_eq!(tree.get(d, "c").and_then(|c| tree.text(c)), Some("2"));
    }
}
