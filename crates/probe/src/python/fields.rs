//! Classes as one file writes them, and their attributes that hold classified data. What a class stores its attributes in is
//! read from the attribute where it says so, else from the bases, which is linked. Next: `columns.rs`, then `link/fields.rs`.

use super::columns;
use super::emit::{Attributes, Emit, texts};
use super::expressions::Needs;
use super::index::{Binding, Definition, How, Index, origin_of};
use super::syntax::{last, named};
use crate::vocabulary::Vocabulary;
use std::collections::{BTreeMap, BTreeSet};

/// Bases that are kept.
const MAX_BASES: usize = 12;

/// Emits classes, their classified attributes, and imports.
pub(crate) fn emit(index: &Index<'_>, vocabulary: &Vocabulary, out: &mut Emit<'_>) {
    for (imports, node) in &index.imports {
        // A long import is told in several facts, so that no fact is too large.
        for chunk in imports.chunks(24) {
            let list = chunk.iter().map(|i| {
                Attributes::default()
                    .with("local", i.local.as_str())
                    .with("origin", super::syntax::cut(&origin_of(i)))
                    .some("module", i.name.is_empty())
                    .value()
            });
            out.fact("py-import", *node, Attributes::default().with("bindings", list.collect::<Vec<_>>()), &[]);
        }
    }
    let mut members: BTreeMap<usize, Vec<&Binding<'_>>> = BTreeMap::new();
    for binding in index.bindings.iter().filter(|b| b.how == How::Assigned && b.left.kind() == "identifier") {
        if let Some(scope) = binding.at.scope.filter(|s| index.definitions[*s].is_class) {
            members.entry(scope).or_default().push(binding);
        }
    }
    let written = columns::written(index);
    let with_text: BTreeSet<Option<usize>> = index
        .definitions
        .iter()
        .filter(|d| matches!(d.name, "__repr__" | "__str__" | "__repr_args__"))
        .map(|d| d.parent)
        .collect();
    for (at, definition) in index.definitions.iter().enumerate().filter(|(_, d)| d.is_class) {
        let members = members.remove(&at).unwrap_or_default();
        class(index, definition, &members, with_text.contains(&Some(at)), out);
        for member in members {
            let name = index.source.of(member.left);
            let by = written.get(&(at, name)).map(Vec::as_slice).unwrap_or_default();
            field(index, vocabulary, definition, member, by, out);
        }
    }
    columns::tables(index, vocabulary, out);
    columns::writes(index, vocabulary, out);
}

fn class(index: &Index<'_>, definition: &Definition<'_>, members: &[&Binding<'_>], own_text: bool, out: &mut Emit<'_>) {
    let (mut bases, mut table) = (Vec::new(), false);
    if let Some(list) = definition.node.child_by_field_name("superclasses") {
        for node in named(list).into_iter().take(MAX_BASES) {
            if node.kind() == "keyword_argument" {
                table |= index.source.of(node).replace(' ', "") == "table=True";
            } else {
                bases.extend(index.source.dotted(node));
            }
        }
    }
    let mut needs = Needs::default();
    for member in
        members.iter().filter(|m| m.right.is_some_and(|r| r.kind() == "call") || m.annotation.is_some()).take(24)
    {
        let mut own = Needs::default();
        own.take(index, member.annotation, member.right);
        needs.dependencies.extend(own.dependencies);
        needs.aliases.extend(own.aliases);
    }
    let decorators: Vec<String> =
        definition.decorators.iter().filter_map(|d| d.named_child(0).and_then(|n| index.source.dotted(n))).collect();
    needs.aliases.sort();
    needs.aliases.dedup();
    needs.aliases.truncate(24);
    let attributes = Attributes::default()
        .with("name", definition.qualified.as_str())
        .some("bases", texts(bases))
        .some("decorators", texts(decorators))
        .some("table", table)
        .some("own_text", own_text)
        .some("aliases", texts(needs.aliases))
        .some("settings", super::flask::settings(index, members))
        .some(
            "wrappers",
            definition.decorators.iter().filter_map(|d| super::functions::decorator(index, *d)).collect::<Vec<_>>(),
        )
        .some("deps", needs.dependencies);
    out.fact("py-class", definition.node, attributes, &[("definition", definition.whole)]);
}

/// Modules whose columns are those of a page or a terminal.
const SHOWN: &[&str] = &["django_tables2", "flask_table", "flask_admin", "rich", "textual", "prettytable"];

fn field<'t>(
    index: &Index<'t>,
    vocabulary: &Vocabulary,
    owner: &Definition<'t>,
    member: &Binding<'t>,
    written: &[String],
    out: &mut Emit<'_>,
) {
    let name = index.source.of(member.left);
    let annotation = member.annotation.map(|a| index.source.short(a)).unwrap_or_default();
    let callee = member
        .right
        .filter(|r| r.kind() == "call")
        .and_then(|c| c.child_by_field_name("function"))
        .and_then(|f| index.source.dotted(f));
    let constructor = callee.as_deref().map(last).unwrap_or_default();
    // A column of a table that is shown, not of one that is stored.
    let shown = callee.as_deref().is_some_and(|c| {
        let origin = index.origin(c);
        SHOWN.iter().any(|m| origin.strip_prefix(m).is_some_and(|r| r.is_empty() || r.starts_with('.')))
    });
    if shown
        || annotation.is_empty() && callee.is_none()
        || annotation.starts_with("ClassVar")
        || columns::is_reference(index, member.right, constructor)
    {
        return;
    }
    let says_bool = annotation == "bool"
        || constructor == "BooleanField"
        || member.right.is_some_and(|r| index.source.of(r).contains("(Boolean"));
    let by_type = vocabulary.classes.of_type(&annotation).or_else(|| vocabulary.classes.of_type(constructor)).cloned();
    let Some(hit) = by_type.or_else(|| vocabulary.classes.classify(name, owner.name)).filter(|_| !says_bool) else {
        return;
    };
    let store = match constructor {
        "Column" | "mapped_column" => "sqlalchemy",
        _ if callee.as_deref().is_some_and(|c| c.starts_with("models.") || is_model_field(&index.origin(c))) => {
            "django"
        }
        _ => "",
    };
    let types = columns::types(index, member);
    let no_text = types.iter().any(|t| vocabulary.encryption.no_text_types.iter().any(|n| n == last(t)));
    let kind = if annotation.is_empty() {
        column_type(index, member).unwrap_or_else(|| constructor.to_owned())
    } else {
        annotation
    };
    let attributes = Attributes::default()
        .with("owner", owner.qualified.as_str())
        .with("name", name)
        .with("class", hit.class)
        .with("confidence", hit.confidence)
        .some("masked", hit.masked)
        .some("strict", hit.strict && !no_text)
        .some("types", texts(types))
        .some("written", texts(written.iter().cloned()))
        .with("type", kind)
        .some("store", store);
    let mut anchors = vec![("field", member.at.node)];
    anchors.extend(columns::type_node(index, member.right).map(|n| ("type", n)));
    out.seen("py-field", "python/data-field", member.at.node, attributes, &anchors);
}

/// Fields of Django's models; those of its forms are not stored.
fn is_model_field(origin: &str) -> bool {
    ["django.db.", "django.contrib.gis.db.", "django.contrib.postgres."].iter().any(|m| origin.starts_with(m))
}

/// The type that a column is made with.
fn column_type<'t>(index: &Index<'t>, member: &Binding<'t>) -> Option<String> {
    let arguments = index.source.arguments(member.right?);
    arguments
        .positional
        .iter()
        .find_map(|n| index.source.dotted(*n))
        .filter(|n| n.chars().next().is_some_and(char::is_uppercase) || n.contains('.'))
}
