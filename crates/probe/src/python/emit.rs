//! Writing what a Python file shows, by syntax nodes. Link kinds begin with `py-`; only `link/` reads them.
//! Next: `../emit.rs`.

pub(crate) use crate::emit::{Attributes, Emit, texts};
use crate::parse::span_of;
use ligase_domain::Span;
use std::collections::BTreeMap;
use tree_sitter::Node;

impl Emit<'_> {
    /// A fact that only linking reads.
    pub(crate) fn fact(&mut self, kind: &str, node: Node<'_>, attributes: Attributes, anchors: &[(&str, Node<'_>)]) {
        self.put(kind, "python/module", span_of(node), attributes, spans(anchors), false);
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
        self.put(kind, probe, span_of(node), attributes, spans(anchors), true);
    }
}

fn spans(anchors: &[(&str, Node<'_>)]) -> BTreeMap<String, Span> {
    anchors.iter().map(|(name, n)| ((*name).to_owned(), span_of(*n))).collect()
}
