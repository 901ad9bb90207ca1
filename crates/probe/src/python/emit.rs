//! Writing what was seen: attributes from pairs, empty ones left out, snippets with secrets blanked. Link kinds begin with
//! `py-`; only `link/` reads them. Next: `facts.rs`.

use crate::parse::span_of;
use crate::set::ENGINE_VERSION;
use crate::snippet::snippet;
use ligase_domain::{ProbeRef, Seen, Value};
use std::collections::BTreeMap;
use tree_sitter::Node;

/// Collects what a file shows.
pub(crate) struct Emit<'t> {
    pub(crate) text: &'t str,
    pub(crate) out: Vec<Seen>,
}

/// Attributes under construction.
#[derive(Default)]
pub(crate) struct Attributes(pub(crate) BTreeMap<String, Value>);

impl Attributes {
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what is not empty: "", [] and false say nothing in a link kind.
    pub(crate) fn some(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Text(t) => t.is_empty(),
            Value::List(l) => l.is_empty(),
            Value::Bool(b) => !b,
            Value::Map(m) => m.is_empty(),
            Value::Int(_) => false,
        };
        if !empty {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    pub(crate) fn value(self) -> Value {
        Value::Map(self.0)
    }
}

/// Texts as a list.
pub(crate) fn texts(list: impl IntoIterator<Item = impl Into<String>>) -> Vec<Value> {
    list.into_iter().map(|t| Value::Text(t.into())).collect()
}

impl<'t> Emit<'t> {
    /// A fact that only linking reads.
    pub(crate) fn fact(&mut self, kind: &str, node: Node<'_>, attributes: Attributes, anchors: &[(&str, Node<'_>)]) {
        self.push(kind, "python/module", node, attributes, anchors, String::new());
    }

    /// An observation for people, with its snippet.
    pub(crate) fn seen(
        &mut self,
        kind: &str,
        probe: &str,
        node: Node<'_>,
        attributes: Attributes,
        anchors: &[(&str, Node<'_>)],
    ) {
        let snippet = snippet(self.text.as_bytes(), node.start_byte(), node.end_byte());
        self.push(kind, probe, node, attributes, anchors, snippet);
    }

    fn push(
        &mut self,
        kind: &str,
        probe: &str,
        node: Node<'_>,
        attributes: Attributes,
        anchors: &[(&str, Node<'_>)],
        snippet: String,
    ) {
        self.out.push(Seen {
            kind: kind.to_owned(),
            attributes: attributes.0,
            span: span_of(node),
            anchors: anchors.iter().map(|(name, n)| ((*name).to_owned(), span_of(*n))).collect(),
            snippet,
            probe: ProbeRef { id: probe.to_owned(), version: ENGINE_VERSION },
        });
    }
}
