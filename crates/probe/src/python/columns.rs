//! How one file declares that an attribute is kept: the types that a column is made with, and by which calls values are
//! written to it. What those types and calls do is linked. Next: `link/stored.rs`.

use super::emit::{Attributes, Emit, texts};
use super::index::{Binding, How, Index};
use super::syntax::{last, named};
use crate::vocabulary::Vocabulary;
use std::collections::HashMap;
use tree_sitter::Node;

/// Types that are kept of one column.
const MAX_TYPES: usize = 6;
/// Calls by which one attribute is written.
const MAX_WRITTEN: usize = 8;
/// Places of one file at which a classified attribute of some object is written.
const MAX_WRITES: usize = 200;
/// What refers to something else and keeps no value of its own.
const REFERENCES: &[&str] = &[
    "relationship",
    "Relationship",
    "ForeignKey",
    "OneToOneField",
    "ManyToManyField",
    "GenericRelation",
    "GenericForeignKey",
    "association_proxy",
    "synonym",
    "column_property",
    "backref",
];
/// Calls around a column's type that are no type.
const NO_TYPES: &[&str] = &["ForeignKey", "Identity", "Sequence", "CheckConstraint", "Computed", "text", "Depends"];
/// Names in annotations that say how many and whether, not what.
const TYPING: &[&str] = &["Mapped", "Optional", "Union", "Annotated", "None", "typing", "t", "List", "Final"];

/// Whether a member refers to rows of another table.
pub(super) fn is_reference<'t>(index: &Index<'t>, right: Option<Node<'t>>, constructor: &str) -> bool {
    let Some(call) = right.filter(|r| r.kind() == "call") else { return false };
    let refers = |n: &Node<'t>| {
        n.kind() == "call"
            && n.child_by_field_name("function")
                .and_then(|f| index.source.dotted(f))
                .is_some_and(|c| last(&c) == "ForeignKey")
    };
    let arguments = index.source.arguments(call);
    REFERENCES.contains(&constructor)
        || arguments.get("foreign_key").is_some()
        || arguments.positional.iter().any(refers)
}

/// The node that names a column's type.
pub(super) fn type_node<'t>(index: &Index<'t>, right: Option<Node<'t>>) -> Option<Node<'t>> {
    let call = right.filter(|r| r.kind() == "call")?;
    let arguments = index.source.arguments(call);
    if let Some(column) = arguments.get("sa_column") {
        return type_node(index, Some(column).filter(|c| c.id() != call.id()));
    }
    let constructor = index.source.dotted(call.child_by_field_name("function")?)?;
    if matches!(last(&constructor), "Column" | "mapped_column" | "Field") {
        let named = arguments.get("type_").or(arguments.get("sa_type"));
        let is_type = |n: &Node<'t>| {
            let name =
                matches!(n.kind(), "call" | "identifier" | "attribute").then(|| index.source.dotted(*n)).flatten();
            name.is_some_and(|n| !NO_TYPES.contains(&last(&n)) && n.chars().any(char::is_uppercase))
        };
        // A field of pydantic takes its default first.
        let first = (last(&constructor) != "Field").then(|| arguments.positional.iter().take(2).copied().find(is_type));
        return named.or(first.flatten());
    }
    call.child_by_field_name("function")
}

/// The types that a member is declared with, the outermost first; what its annotation names where no column says more.
pub(super) fn types<'t>(index: &Index<'t>, member: &Binding<'t>) -> Vec<String> {
    let explicit = type_node(index, member.right).map(|n| names(index, n)).unwrap_or_default();
    let constructor = member.right.and_then(|r| index.source.dotted(r)).unwrap_or_default();
    let says = !matches!(last(&constructor), "Field" | "field") && !explicit.is_empty();
    match member.annotation.filter(|_| !says) {
        Some(annotation) => {
            let mut out = explicit.into_iter().filter(|t| !matches!(last(t), "Field" | "field")).collect::<Vec<_>>();
            out.extend(annotated(index, annotation));
            out.extend(annotated_types(index, annotation));
            out.truncate(MAX_TYPES);
            out
        }
        None => explicit,
    }
}

/// A type's name with the names that it is made with: `EncryptedType(String, key)`.
fn names<'t>(index: &Index<'t>, node: Node<'t>) -> Vec<String> {
    let mut out: Vec<String> = index.source.dotted(node).map(|n| super::functions::plain(&n)).into_iter().collect();
    if node.kind() == "call" {
        let inner = index.source.arguments(node).positional;
        let typed = inner.into_iter().take(3).filter_map(|n| index.source.dotted(n));
        out.extend(typed.filter(|n| last(n).starts_with(char::is_uppercase)).map(|n| super::functions::plain(&n)));
    }
    out.truncate(MAX_TYPES);
    out
}

/// Names in an annotation.
fn annotated<'t>(index: &Index<'t>, annotation: Node<'t>) -> Vec<String> {
    let text = index.source.of(annotation);
    let parts = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).filter(|p| !p.is_empty());
    let kept = parts.filter(|p| !TYPING.contains(&last(p)) && p.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    kept.take(MAX_TYPES).map(str::to_owned).collect()
}

/// The types of the columns in `Annotated[str, mapped_column(EncryptedString)]`.
pub(super) fn annotated_types<'t>(index: &Index<'t>, node: Node<'t>) -> Vec<String> {
    if !index.source.of(node).contains("olumn(") {
        return Vec::new();
    }
    let (mut out, mut open, mut steps) = (Vec::new(), vec![node], 0);
    while let Some(node) = open.pop() {
        steps += 1;
        if steps > 60 || out.len() >= MAX_TYPES {
            break;
        }
        if node.kind() == "call" {
            out.extend(type_node(index, Some(node)).map(|n| names(index, n)).unwrap_or_default());
        } else {
            open.extend(named(node).into_iter().rev());
        }
    }
    out
}

/// For each class and attribute: the calls whose result its methods assign to it.
pub(super) fn written<'t>(index: &Index<'t>) -> HashMap<(usize, &'t str), Vec<String>> {
    let mut out: HashMap<(usize, &'t str), Vec<String>> = HashMap::new();
    for binding in index.bindings.iter().filter(|b| b.how == How::Assigned && b.left.kind() == "attribute") {
        let (Some(object), Some(attribute), Some(right)) =
            (binding.left.child_by_field_name("object"), binding.left.child_by_field_name("attribute"), binding.right)
        else {
            continue;
        };
        let Some(class) = index.class_of(binding.at.scope).filter(|_| index.source.of(object) == "self") else {
            continue;
        };
        let list = out.entry((class, index.source.of(attribute))).or_default();
        list.extend(made_by(index, right, binding.at.scope));
        list.truncate(MAX_WRITTEN);
    }
    out
}

/// The calls that a value comes from: its own, those around and inside it, and those of the local name that holds it.
fn made_by<'t>(index: &Index<'t>, value: Node<'t>, scope: Option<usize>) -> Vec<String> {
    let mut value = value;
    let mut out = Vec::new();
    if value.kind() == "identifier" {
        let name = index.source.of(value);
        let bound = index.bound(index.function_of(scope), name).last();
        // `token, token_hash = pair()`: the name of a part says what the call does not.
        match bound.filter(|b| b.left.kind() == "identifier").and_then(|b| b.right) {
            Some(right) => value = right,
            None => return vec![name.to_owned()],
        }
    }
    let mut steps = 0;
    let mut open = vec![value];
    while let Some(node) = open.pop() {
        steps += 1;
        if steps > 24 || out.len() >= MAX_WRITTEN {
            break;
        }
        match node.kind() {
            "call" => {
                out.extend(node.child_by_field_name("function").and_then(|f| index.source.dotted(f)));
                let arguments = index.source.arguments(node);
                open.extend(node.child_by_field_name("function"));
                open.extend(arguments.positional);
            }
            "attribute" => open.extend(node.child_by_field_name("object")),
            "conditional_expression" | "boolean_operator" | "await" | "parenthesized_expression" => {
                open.extend(named(node))
            }
            _ => {}
        }
    }
    out.sort();
    out.dedup();
    out
}

/// Emits where classified attributes are written from calls: `User(password=hash_password(p))`, `user.token = seal(t)`.
pub(super) fn writes(index: &Index<'_>, vocabulary: &Vocabulary, out: &mut Emit<'_>) {
    let mut left = MAX_WRITES;
    let mut tell = |owner: &str, name: &str, by: Vec<String>, node: Node<'_>| {
        let strict = || vocabulary.classes.classify(name, owner).is_some_and(|h| h.strict);
        if left > 0 && !by.is_empty() && strict() {
            left -= 1;
            let attributes = Attributes::default().with("owner", last(owner)).with("name", name).with("by", texts(by));
            out.fact("py-write", node, attributes, &[]);
        }
    };
    for call in &index.calls {
        let Some(callee) = call.node.child_by_field_name("function").and_then(|f| index.source.dotted(f)) else {
            continue;
        };
        // `Patient(…)`, `Patient.objects.create(…)`, `cls(…)`.
        let class = callee.split('.').find(|s| s.starts_with(char::is_uppercase)).map(str::to_owned);
        let own = || index.class_of(call.scope).map(|c| index.definitions[c].name.to_owned());
        let Some(owner) = class.or_else(|| own().filter(|_| callee == "cls")) else { continue };
        for (name, value) in index.source.arguments(call.node).named {
            tell(&owner, name, made_by(index, value, call.scope), call.node);
        }
    }
    for binding in index.bindings.iter().filter(|b| b.how == How::Assigned && b.left.kind() == "attribute") {
        let (Some(object), Some(attribute), Some(right)) =
            (binding.left.child_by_field_name("object"), binding.left.child_by_field_name("attribute"), binding.right)
        else {
            continue;
        };
        let Some(holder) = index.source.dotted(object).filter(|o| o != "self") else { continue };
        tell(&holder, index.source.of(attribute), made_by(index, right, binding.at.scope), binding.at.node);
    }
}

/// Emits the classified columns of tables that are made by calls: `Table("patients", metadata, Column("ssn", String))`.
pub(super) fn tables(index: &Index<'_>, vocabulary: &Vocabulary, out: &mut Emit<'_>) {
    for call in &index.calls {
        let callee = call.node.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
        if last(&callee) != "Table" {
            continue;
        }
        let arguments = index.source.arguments(call.node);
        let Some(table) = arguments.positional.first().and_then(|n| index.source.string(*n)) else { continue };
        for column in arguments.positional.iter().skip(1).filter(|n| n.kind() == "call") {
            let made = column.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
            if last(&made) != "Column" || is_reference(index, Some(*column), "Column") {
                continue;
            }
            let first = index.source.arguments(*column).positional.first().copied();
            let Some(name) = first.and_then(|n| index.source.string(n)) else { continue };
            let Some(hit) = vocabulary.classes.classify(&name, &table) else { continue };
            let node = type_node(index, Some(*column));
            let types = node.map(|n| names(index, n)).unwrap_or_default();
            let no_text = types.iter().any(|t| vocabulary.encryption.no_text_types.iter().any(|n| n == last(t)));
            let attributes = Attributes::default()
                .with("owner", table.as_str())
                .with("name", name)
                .with("class", hit.class)
                .with("confidence", hit.confidence)
                .some("strict", hit.strict && !no_text)
                .with("type", types.first().cloned().unwrap_or_default())
                .some("types", texts(types))
                .with("store", "sqlalchemy");
            let mut anchors = vec![("field", *column)];
            anchors.extend(node.map(|n| ("type", n)));
            out.seen("py-field", "python/data-field", *column, attributes, &anchors);
        }
    }
}
