//! What Django's files declare: URL tables, routers of its REST framework, settings that hold for every view. What a view
//! does is read with classes and functions; what stands where is linked. Next: `link/django/mod.rs`.

use super::emit::{Attributes, Emit};
use super::expressions::parts;
use super::flask::{items, unwrapped};
use super::index::{How, Index};
use super::syntax::{last, named};
use ligase_domain::Value;
use std::collections::BTreeSet;
use tree_sitter::Node;

/// Entries of one URL table.
const MAX_ENTRIES: usize = 600;
/// Settings that are read.
const SETTINGS: &[&str] = &["REST_FRAMEWORK", "MIDDLEWARE", "INSTALLED_APPS", "ROOT_URLCONF"];

/// Emits what this file declares of Django.
pub(super) fn emit(index: &Index<'_>, out: &mut Emit<'_>) {
    let django = |o: &String| o.starts_with("django") || o.starts_with("rest_framework") || o.contains("urls");
    let concerned = index.origins.values().any(django);
    if concerned {
        for binding in index.bindings.iter().filter(|b| b.at.scope.is_none() && b.left.kind() == "identifier") {
            let (name, Some(right)) = (index.source.of(binding.left), binding.right) else { continue };
            let table = name == "urlpatterns" || is_table(index, right);
            if table && matches!(binding.how, How::Assigned | How::Augmented) {
                entries(index, name, right, out);
            }
        }
        for call in &index.calls {
            register(index, call.node, index.scope_name(call.scope), out);
        }
    }
    settings(index, out);
}

/// A list with a call of `path` in it, whatever it is called.
fn is_table<'t>(index: &Index<'t>, right: Node<'t>) -> bool {
    let is_entry = |n: &Node<'t>| {
        let callee = (n.kind() == "call").then(|| n.child_by_field_name("function")).flatten();
        callee.and_then(|f| index.source.dotted(f)).is_some_and(|c| is_path(index, &c))
    };
    right.kind() == "list" && named(right).iter().take(3).any(is_entry)
}

fn is_path(index: &Index<'_>, callee: &str) -> bool {
    let origin = index.origin(callee);
    origin.starts_with("django.") && matches!(last(&origin), "path" | "re_path" | "url")
}

fn entries<'t>(index: &Index<'t>, table: &str, right: Node<'t>, out: &mut Emit<'_>) {
    let mut open = vec![right];
    let mut left = MAX_ENTRIES;
    while let Some(node) = open.pop() {
        left = left.saturating_sub(1);
        if left == 0 {
            break;
        }
        match node.kind() {
            "list" | "tuple" | "parenthesized_expression" => open.extend(named(node).into_iter().rev()),
            "binary_operator" => open.extend(named(node)),
            "list_splat" => open.extend(node.named_child(0)),
            "conditional_expression" => open.extend(node.named_child(0)),
            "call" => entry(index, table, node, out),
            "identifier" | "attribute" => {
                let Some(target) = index.source.dotted(node) else { continue };
                out.seen(
                    "py-url",
                    "python/django",
                    node,
                    Attributes::default().with("table", table).with("include", target),
                    &[],
                );
            }
            _ => {}
        }
    }
}

fn entry<'t>(index: &Index<'t>, table: &str, call: Node<'t>, out: &mut Emit<'_>) {
    let Some(callee) = call.child_by_field_name("function").and_then(|f| index.source.dotted(f)) else { return };
    let arguments = index.source.arguments(call);
    let base = Attributes::default().with("table", table).some("development", index.development(call));
    if !is_path(index, &callee) {
        // `include(router.urls)` in a sum, `i18n_patterns(path(…), …)`, `format_suffix_patterns([…])`, `static(…)`.
        match last(&callee) {
            "i18n_patterns" | "format_suffix_patterns" => {
                for argument in arguments.positional {
                    entries_of(index, table, argument, out);
                }
            }
            "static" | "staticfiles_urlpatterns" => {}
            _ => out.seen("py-url", "python/django", call, base.with("unread", callee), &[]),
        }
        return;
    }
    let Some(path) = arguments.get_or_at("route", 0).or(arguments.get("regex")) else { return };
    let Some(view) = arguments.get_or_at("view", 1) else { return };
    let base = base.with("path", parts(index, path)).some("regex", last(&index.origin(&callee)) != "path");
    let included = (view.kind() == "call")
        .then(|| view.child_by_field_name("function").and_then(|f| index.source.dotted(f)))
        .flatten()
        .filter(|c| last(c) == "include");
    let attributes = match included {
        Some(_) => {
            let mut inner = index.source.arguments(view).get_or_at("arg", 0);
            if inner.is_some_and(|n| n.kind() == "tuple") {
                inner = inner.and_then(|n| n.named_child(0));
            }
            match inner {
                Some(n) if index.source.string(n).is_some() => {
                    base.some("module", index.source.string(n).unwrap_or_default())
                }
                Some(n) if n.kind() == "list" => {
                    // A table in place hangs on this entry under a name of its own.
                    let own = format!("{table}@{}", call.start_byte());
                    entries_of(index, &own, n, out);
                    base.with("include", own)
                }
                Some(n) => base.with("include", index.source.dotted(n).unwrap_or_else(|| "?".to_owned())),
                None => base.with("include", "?"),
            }
        }
        None => {
            let (class, symbol, wrappers) = unwrapped(index, view, None);
            base.some("class", class.unwrap_or_default())
                .some("symbol", symbol)
                .some("wrappers", wrappers)
                .some("actions", actions(index, view))
        }
    };
    out.seen("py-url", "python/django", call, attributes, &[("route", call)]);
}

/// The entries of a list that stands in a call; one level, as people write it.
fn entries_of<'t>(index: &Index<'t>, table: &str, node: Node<'t>, out: &mut Emit<'_>) {
    let list = if node.kind() == "list" { named(node) } else { vec![node] };
    for inner in list.into_iter().take(MAX_ENTRIES) {
        let callee = inner.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
        // Deeper ones than a list in a list in a call are not followed.
        let nested = index.source.of(inner).matches("include([").count();
        if is_path(index, &callee) && nested < 2 {
            entry(index, table, inner, out);
        }
    }
}

/// `UserViewSet.as_view({"get": "list"})`: the method and the action.
fn actions<'t>(index: &Index<'t>, view: Node<'t>) -> Vec<Value> {
    let Some(map) =
        (view.kind() == "call").then(|| index.source.arguments(view).positional).and_then(|p| p.first().copied())
    else {
        return Vec::new();
    };
    let pairs = if map.kind() == "dictionary" { named(map) } else { Vec::new() };
    let one = |pair: Node<'t>| {
        let text = |field: &str| pair.child_by_field_name(field).and_then(|n| index.source.string(n));
        Some(Attributes::default().with("method", text("key")?.to_uppercase()).with("action", text("value")?).value())
    };
    pairs.into_iter().take(9).filter_map(one).collect()
}

fn register<'t>(index: &Index<'t>, call: Node<'t>, scope: &str, out: &mut Emit<'_>) {
    let Some(function) = call.child_by_field_name("function") else { return };
    let Some((router, "register")) = super::routes::method_of(index, function) else { return };
    let arguments = index.source.arguments(call);
    let (Some(prefix), Some(class)) = (arguments.get_or_at("prefix", 0), arguments.get_or_at("viewset", 1)) else {
        return;
    };
    let Some(class) = index.source.dotted(class).filter(|_| matches!(prefix.kind(), "string" | "concatenated_string"))
    else {
        return;
    };
    let attributes = Attributes::default()
        .with("router", router)
        .with("scope", scope)
        .with("class", class)
        .with("path", parts(index, prefix));
    out.seen("py-register", "python/django", call, attributes, &[("route", call)]);
}

fn settings(index: &Index<'_>, out: &mut Emit<'_>) {
    for binding in index.bindings.iter().filter(|b| b.left.kind() == "identifier") {
        let name = index.source.of(binding.left);
        let Some(right) = binding.right.filter(|_| SETTINGS.contains(&name)) else { continue };
        let base = Attributes::default().with("name", name);
        let attributes = match (name, right.kind()) {
            ("REST_FRAMEWORK", "dictionary") => {
                let (mut all, mut opaque) = (Vec::new(), false);
                let mut known: BTreeSet<String> = BTreeSet::new();
                for pair in named(right) {
                    let (key, value) = (pair.child_by_field_name("key"), pair.child_by_field_name("value"));
                    match (key.and_then(|k| index.source.string(k)), value) {
                        (Some(key), Some(value)) if key == "DEFAULT_PERMISSION_CLASSES" => {
                            let (found, unread) = items(index, value);
                            all.extend(found);
                            opaque |= unread;
                            known.insert(key);
                        }
                        (Some(key), _) => drop(known.insert(key)),
                        (None, _) => opaque = true,
                    }
                }
                base.some("items", all)
                    .some("opaque", opaque)
                    .some("said", known.contains("DEFAULT_PERMISSION_CLASSES"))
            }
            ("REST_FRAMEWORK", _) => base.with("opaque", true),
            _ => {
                let (found, unread) = items(index, right);
                base.some("items", found).some("opaque", unread)
            }
        };
        out.fact("py-setting", binding.at.node, attributes, &[]);
    }
}
