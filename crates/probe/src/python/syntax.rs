//! Small readings of Python's syntax tree: dotted names, literals, arguments. None of them recurses, none fails: what is
//! not of the shape gives `None`. Next: `index.rs`.

use crate::budget::MAX_TEXT_BYTES;
use tree_sitter::Node;

/// Segments of a dotted name; longer ones are not followed.
const MAX_SEGMENTS: usize = 16;

/// A parsed file's text, with readings of its nodes.
#[derive(Clone, Copy)]
pub(crate) struct Source<'t> {
    pub(crate) text: &'t str,
}

impl<'t> Source<'t> {
    /// A node's text.
    pub(crate) fn of(self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// A node's text, cut to what is kept.
    pub(crate) fn short(self, node: Node<'_>) -> String {
        cut(self.of(node))
    }

    /// `a.b.c`; a call in between is `()`: `get_app().state`. Parentheses, `await` and subscripts are looked through.
    pub(crate) fn dotted(self, node: Node<'t>) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut calls = 0;
        let mut at = node;
        for _ in 0..MAX_SEGMENTS * 2 {
            match at.kind() {
                "identifier" => {
                    parts.push(format!("{}{}", self.of(at), "()".repeat(calls)));
                    parts.reverse();
                    let joined = parts.join(".");
                    return (joined.len() <= MAX_TEXT_BYTES && parts.len() <= MAX_SEGMENTS).then_some(joined);
                }
                "attribute" => {
                    let name = at.child_by_field_name("attribute")?;
                    parts.push(format!("{}{}", self.of(name), "()".repeat(calls)));
                    calls = 0;
                    at = at.child_by_field_name("object")?;
                }
                "call" => {
                    calls = 1;
                    at = at.child_by_field_name("function")?;
                }
                "subscript" => at = at.child_by_field_name("value")?,
                "parenthesized_expression" | "await" | "type" | "generic_type" => at = at.named_child(0)?,
                _ => return None,
            }
        }
        None
    }

    /// The content of a literal without interpolation; adjacent literals are joined. Escapes stay as they are written.
    pub(crate) fn string(self, node: Node<'t>) -> Option<String> {
        match node.kind() {
            "string" => self.one_string(node),
            "concatenated_string" => named(node).into_iter().map(|n| self.one_string(n)).collect(),
            "parenthesized_expression" => self.string(only(node)?).filter(|_| node.named_child_count() == 1),
            _ => None,
        }
    }

    fn one_string(self, node: Node<'t>) -> Option<String> {
        let mut out = String::new();
        for child in named(node) {
            match child.kind() {
                "string_start" if self.of(child).to_ascii_lowercase().contains('b') => return None,
                "string_start" | "string_end" => {}
                "string_content" => out.push_str(self.of(child)),
                _ => return None,
            }
        }
        Some(cut(&out))
    }

    /// A call's arguments.
    pub(crate) fn arguments(self, call: Node<'t>) -> Arguments<'t> {
        let mut out = Arguments::default();
        let Some(list) = call.child_by_field_name("arguments") else { return out };
        if list.kind() != "argument_list" {
            out.positional.push(list);
            return out;
        }
        for child in named(list) {
            match child.kind() {
                "keyword_argument" => {
                    if let (Some(name), Some(value)) =
                        (child.child_by_field_name("name"), child.child_by_field_name("value"))
                    {
                        out.named.push((self.of(name), value));
                    }
                }
                "list_splat" => out.splats.push((false, child)),
                "dictionary_splat" => out.splats.push((true, child)),
                _ => out.positional.push(child),
            }
        }
        out
    }
}

/// A parenthesised expression's content, through at most one level.
fn only(node: Node<'_>) -> Option<Node<'_>> {
    node.named_child(0).filter(|n| matches!(n.kind(), "string" | "concatenated_string"))
}

/// A call's arguments in order.
#[derive(Default)]
pub(crate) struct Arguments<'t> {
    pub(crate) positional: Vec<Node<'t>>,
    pub(crate) named: Vec<(&'t str, Node<'t>)>,
    /// Whether it is `**x`, and the node.
    pub(crate) splats: Vec<(bool, Node<'t>)>,
}

impl<'t> Arguments<'t> {
    /// The argument of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'t>> {
        self.named.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }

    /// The argument of that name or at that position.
    pub(crate) fn get_or_at(&self, name: &str, at: usize) -> Option<Node<'t>> {
        self.get(name).or_else(|| self.positional.get(at).copied())
    }
}

/// Named children without comments.
pub(crate) fn named(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|n| !n.is_extra()).collect()
}

/// The last segment of a dotted name, without calls.
pub(crate) fn last(dotted: &str) -> &str {
    dotted.rsplit('.').next().unwrap_or(dotted).trim_end_matches("()")
}

/// A text cut to what is kept.
pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
