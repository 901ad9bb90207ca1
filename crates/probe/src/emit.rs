//! Writing what was seen and reading it again when linking: attributes from pairs, empty ones left out, snippets with secrets
//! blanked. Link kinds carry their pack's prefix (`py-`, `code-`); only its `link/` reads them. Next: a pack
//! (`python/mod.rs`, `code/mod.rs`).

use crate::set::ENGINE_VERSION;
use crate::snippet::snippet;
use ligase_domain::{ProbeRef, Seen, Span, Value};
use std::collections::BTreeMap;

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

impl Emit<'_> {
    /// Adds what stands at a place; with `shown` its snippet goes along.
    pub(crate) fn put(
        &mut self,
        kind: &str,
        probe: &str,
        span: Span,
        attributes: Attributes,
        anchors: BTreeMap<String, Span>,
        shown: bool,
    ) {
        let snippet =
            if shown { snippet(self.text.as_bytes(), span.start as usize, span.end as usize) } else { String::new() };
        self.out.push(Seen {
            kind: kind.to_owned(),
            attributes: attributes.0,
            span,
            anchors,
            snippet,
            probe: ProbeRef { id: probe.to_owned(), version: ENGINE_VERSION },
        });
    }
}

/// Reads of an observation's attributes; what is absent is empty.
pub(crate) trait Facts {
    fn map(&self) -> &BTreeMap<String, Value>;

    fn str(&self, name: &str) -> &str {
        self.map().get(name).and_then(Value::as_text).unwrap_or_default()
    }

    fn flag(&self, name: &str) -> bool {
        self.map().get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn list(&self, name: &str) -> &[Value] {
        self.map().get(name).and_then(Value::as_list).unwrap_or_default()
    }

    fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.list(name).iter().filter_map(Value::as_text)
    }

    fn has(&self, name: &str) -> bool {
        self.map().contains_key(name)
    }
}

impl Facts for Seen {
    fn map(&self) -> &BTreeMap<String, Value> {
        &self.attributes
    }
}

impl Facts for BTreeMap<String, Value> {
    fn map(&self) -> &BTreeMap<String, Value> {
        self
    }
}
