//! Where the keys of one mapping stand, for whoever edits the file: the bytes of each key and value as a reader of YAML sees
//! them, so that an edit needs no reader of its own. Next: `yaml.rs`.

use crate::yaml::{Content, Tree, read};
use ligase_domain::Span;

/// A mapping and the places in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// From its first key or brace to the end of its last value or brace.
    pub span: Span,
    /// Written with braces.
    pub flow: bool,
    /// In the order of the file.
    pub entries: Vec<KeyPlace>,
}

/// One key of a mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPlace {
    /// The key's text.
    pub key: String,
    /// The key's bytes.
    pub key_span: Span,
    /// The value's bytes; empty where nothing stands there.
    pub value_span: Span,
    /// What the value is.
    pub value: ValueForm,
}

/// What the value of a key is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueForm {
    /// A text, a number or the like, as it reads.
    Scalar(String),
    /// Nothing.
    Null,
    /// A list.
    List,
    /// A mapping.
    Mapping,
    /// It stands elsewhere (an alias), or has a tag that computes it.
    Elsewhere,
}

/// The innermost mapping that begins at a byte of a text.
pub fn mapping_at(text: &str, start: usize) -> Option<Mapping> {
    let tree = read(text).ok()?;
    let mut open: Vec<usize> = tree.documents.clone();
    let mut found = None;
    let mut steps = 0usize;
    while let Some(at) = open.pop() {
        steps += 1;
        let node = tree.node(at);
        let span = node.span;
        if steps > STEPS || (span.start as usize) > start || (span.end as usize) < start {
            continue;
        }
        match &node.content {
            Content::Map(pairs) => {
                if span.start as usize == start {
                    found = Some(at);
                }
                open.extend(pairs.iter().filter(|(k, v)| follows(&tree, *k, *v)).map(|(_, v)| *v));
            }
            Content::List(list) => open.extend(list),
            Content::Scalar(..) => {}
        }
    }
    found.map(|at| outline(&tree, at))
}

/// Nodes that are looked at; whoever asks has bounded the text.
const STEPS: usize = 200_000;

/// Whether a value stands behind its key, and not where an anchor is.
fn follows(tree: &Tree<'_>, key: usize, value: usize) -> bool {
    tree.node(value).span.start >= tree.node(key).span.end
}

fn outline(tree: &Tree<'_>, at: usize) -> Mapping {
    let node = tree.node(at);
    let entries = tree.pairs(at).map(|(key, key_at, value_at)| {
        let (key_node, value) = (tree.node(key_at), tree.node(value_at));
        let form = match &value.content {
            _ if !follows(tree, key_at, value_at) || value.tag.is_some() => ValueForm::Elsewhere,
            _ if tree.is_null(value_at) => ValueForm::Null,
            Content::Scalar(text, _) => ValueForm::Scalar(text.to_string()),
            Content::List(_) => ValueForm::List,
            Content::Map(_) => ValueForm::Mapping,
        };
        KeyPlace { key: key.to_owned(), key_span: key_node.span, value_span: value.span, value: form }
    });
    Mapping { span: node.span, flow: node.flow, entries: entries.collect() }
}
