//! Lowering: a syntax tree of one language in, the model that all languages share out. A language keeps its own file; what it
//! shares with others stands here. It never fails: what a language says that the model has no word for becomes an `Other`
//! with its parts. Trees were bounded in depth when they were parsed, so the recursion here is bounded too.

pub(crate) mod go;
pub(crate) mod java;
pub(crate) mod typescript;

use crate::code::model::Module;
use crate::parse::{Grammar, Walk, parse, span_of};
use ligase_domain::Span;
use tree_sitter::{Node, Tree};

/// Reads a file of a dialect that the model knows; the error is the stable reason for skipping it.
pub(crate) fn lower(dialect: &str, text: &str, then: &mut dyn FnMut(&Module<'_>)) -> Result<(), &'static str> {
    let Some(grammar) = Grammar::of(dialect, text) else { return Ok(()) };
    let tree = parse(grammar, text)?;
    let module = match grammar {
        Grammar::Go => go::lower(text, &tree),
        Grammar::Java => java::lower(text, &tree),
        Grammar::TypeScript | Grammar::Tsx => typescript::lower(text, &tree),
        _ => return Ok(()),
    };
    then(&module);
    Ok(())
}

/// The text of a node.
pub(crate) fn of<'t>(text: &'t str, node: Node<'_>) -> &'t str {
    text.get(node.start_byte()..node.end_byte()).unwrap_or_default()
}

/// Named children without comments.
pub(crate) fn named(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|n| !n.is_extra()).collect()
}

/// Children of a field.
pub(crate) fn fields<'n>(node: Node<'n>, field: &str) -> Vec<Node<'n>> {
    let mut cursor = node.walk();
    node.children_by_field_name(field, &mut cursor).filter(|n| n.is_named() && !n.is_extra()).collect()
}

/// What the grammar could not read.
pub(crate) fn errors(tree: &Tree) -> Vec<Span> {
    let mut out = Vec::new();
    if !tree.root_node().has_error() {
        return out;
    }
    let mut walk = Walk::new(tree.root_node());
    while let Some((node, _)) = walk.next() {
        if node.is_error() {
            out.push(span_of(node));
            walk.skip_children();
        } else if !node.has_error() {
            walk.skip_children();
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod shown;
#[cfg(test)]
mod tests;
