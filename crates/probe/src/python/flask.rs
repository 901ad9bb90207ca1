//! What only Flask and its extensions write: blueprints that are registered, functions that run before requests, views that
//! are classes. Whether a name is a blueprint is not known here: that is linked. Next: `link/views.rs`.

use super::emit::{Attributes, Emit, texts};
use super::expressions::{options, parts};
use super::index::{Definition, Index};
use super::routes::{children, method_of};
use super::syntax::{last, named};
use ligase_domain::Value;
use tree_sitter::Node;

/// Calls around one view that are followed.
const MAX_WRAPPERS: usize = 8;
/// Paths of one resource.
const MAX_PATHS: usize = 8;
/// Elements of a class's list that are kept.
const MAX_ITEMS: usize = 24;
/// Attributes of a class that say what stands before its methods.
const SETTINGS: &[&str] = &[
    "decorators",
    "method_decorators",
    "permission_classes",
    "authentication_classes",
    "throttle_classes",
    "http_method_names",
    "methods",
    "permission_required",
    "permission_classes_by_action",
    "permission_classes_map",
    "permission_class",
    "login_required",
];

/// Emits what a decorator of a class or of a function says in Flask.
pub(super) fn decorated<'t>(index: &Index<'t>, definition: &Definition<'t>, out: &mut Emit<'_>) {
    for decorator in &definition.decorators {
        let Some(inner) = decorator.named_child(0) else { continue };
        let scope = index.scope_name(definition.parent);
        if definition.is_class {
            let Some(function) = inner.child_by_field_name("function").filter(|_| inner.kind() == "call") else {
                continue;
            };
            let Some((receiver, "route")) = method_of(index, function) else { continue };
            let arguments = index.source.arguments(inner);
            for path in arguments.positional.iter().chain(arguments.get("rule").iter()).take(MAX_PATHS) {
                let attributes = Attributes::default()
                    .with("router", receiver.as_str())
                    .with("scope", scope)
                    .with("class", definition.qualified.as_str())
                    .with("path", parts(index, *path));
                out.seen("py-class-route", "python/flask", definition.whole, attributes, &[("route", *decorator)]);
            }
            continue;
        }
        // `@bp.before_request`, with or without a call.
        let function =
            if inner.kind() == "call" { inner.child_by_field_name("function").unwrap_or(inner) } else { inner };
        if let Some((receiver, hook @ ("before_request" | "before_app_request"))) = method_of(index, function) {
            before(receiver, scope, hook, definition.qualified.as_str(), *decorator, out);
        }
    }
}

fn before(app: String, scope: &str, hook: &str, symbol: &str, node: Node<'_>, out: &mut Emit<'_>) {
    let attributes = Attributes::default()
        .with("app", app)
        .with("scope", scope)
        .with("symbol", symbol)
        .some("whole_app", hook == "before_app_request")
        .with("http", true);
    out.fact("py-middleware", node, attributes, &[]);
}

/// Whether a method's call declares something of Flask's; it is emitted then.
pub(super) fn called<'t>(
    index: &Index<'t>,
    call: Node<'t>,
    method: &str,
    receiver: &str,
    scope: Option<usize>,
    out: &mut Emit<'_>,
) -> bool {
    let arguments = index.source.arguments(call);
    let scope_name = index.scope_name(scope);
    match method {
        "register_blueprint" | "add_namespace" => {
            let child = arguments.positional.first().copied().or(arguments.get("blueprint")).or(arguments.get("ns"));
            let prefix =
                arguments.get("url_prefix").or(arguments.get_or_at("path", 1).filter(|_| method == "add_namespace"));
            let (children, list) = child.map(|c| children(index, c, scope)).unwrap_or_default();
            let unread = children.is_empty() && list.is_empty();
            let attributes = Attributes::default()
                .with("parent", receiver)
                .with("scope", scope_name)
                .some("children", texts(children))
                .some("child_list", list)
                .some("dynamic", unread)
                .some("development", index.development(call))
                .some("prefix", prefix.map(|p| parts(index, p)).unwrap_or_default());
            out.seen("py-include", "python/flask", call, attributes, &[]);
        }
        "init_app" => {
            let Some(app) = arguments.get_or_at("app", 0).and_then(|n| index.source.dotted(n)) else { return false };
            let attributes = Attributes::default()
                .with("parent", app)
                .with("scope", scope_name)
                .with("children", texts([receiver]))
                .with("init", true);
            out.fact("py-include", call, attributes, &[]);
            // `handlers.init_app(app)` of a module is a function that is handed the application.
            return false;
        }
        "before_request" | "before_app_request" => {
            let Some(symbol) = arguments.positional.first().and_then(|n| index.source.dotted(*n)) else { return false };
            before(receiver.to_owned(), scope_name, method, &symbol, call, out);
        }
        "add_url_rule" => {
            let Some(view) = arguments.get_or_at("view_func", 2) else { return false };
            let Some(path) = arguments.get_or_at("rule", 0) else { return false };
            let methods = arguments.get("methods").map(|m| method_names(index, m)).unwrap_or_default();
            let base = Attributes::default().with("router", receiver).with("scope", scope_name);
            rule(index, call, view, scope, base.with("path", parts(index, path)), methods, out);
        }
        _ if method.starts_with("add") && method.ends_with("resource") => {
            let Some(class) = arguments.positional.first().and_then(|n| index.source.dotted(*n)) else { return false };
            for path in arguments.positional.iter().skip(1).take(MAX_PATHS) {
                let attributes = Attributes::default()
                    .with("router", receiver)
                    .with("scope", scope_name)
                    .with("class", class.as_str())
                    .with("path", parts(index, *path));
                out.seen("py-class-route", "python/flask", call, attributes, &[("route", call)]);
            }
        }
        _ => return false,
    }
    true
}

/// Names of HTTP methods in a list; "ANY" where it cannot be read.
pub(super) fn method_names<'t>(index: &Index<'t>, list: Node<'t>) -> Vec<String> {
    let one = |n: Node<'t>| index.source.string(n).unwrap_or_else(|| "ANY".to_owned()).to_uppercase();
    let all: Vec<String> = match list.kind() {
        "list" | "tuple" | "set" => named(list).into_iter().map(one).take(9).collect(),
        _ => Vec::new(),
    };
    if all.is_empty() { vec!["ANY".to_owned()] } else { all }
}

/// A view with the calls around it: `login_required(UserAPI.as_view("users"))`.
fn rule<'t>(
    index: &Index<'t>,
    call: Node<'t>,
    view: Node<'t>,
    scope: Option<usize>,
    base: Attributes,
    methods: Vec<String>,
    out: &mut Emit<'_>,
) {
    let (class, symbol, wrappers) = unwrapped(index, view, scope);
    let base = base.some("wrappers", wrappers).some("development", index.development(call));
    if let Some(class) = class {
        let attributes = base.with("class", class).some("only", texts(methods));
        out.seen("py-class-route", "python/flask", call, attributes, &[("route", call)]);
    } else {
        let methods = if methods.is_empty() { vec!["GET".to_owned()] } else { methods };
        let attributes = base.with("methods", texts(methods)).with("handler_symbol", symbol);
        out.seen("py-route", "python/flask", call, attributes, &[("route", call)]);
    }
}

/// The class of a view, or its function's name, and the decorators that are called around it.
pub(super) fn unwrapped<'t>(
    index: &Index<'t>,
    view: Node<'t>,
    scope: Option<usize>,
) -> (Option<String>, String, Vec<Value>) {
    let (mut node, mut wrappers) = (view, Vec::new());
    for _ in 0..MAX_WRAPPERS {
        match node.kind() {
            "identifier" => {
                let name = index.source.of(node);
                let bound = index.bound(scope, name).last().or_else(|| index.bound(None, name).last());
                match bound.and_then(|b| b.right).filter(|r| r.kind() == "call" && r.id() != node.id()) {
                    Some(right) => node = right,
                    None => return (None, name.to_owned(), wrappers),
                }
            }
            "call" => {
                let Some(function) = node.child_by_field_name("function") else { break };
                let arguments = index.source.arguments(node);
                if let Some((class, "as_view")) = method_of(index, function) {
                    return (Some(class), String::new(), wrappers);
                }
                let Some(inner) = arguments.positional.first().copied() else { break };
                let symbol = index.source.dotted(function).unwrap_or_else(|| "?".to_owned());
                wrappers.push(
                    Attributes::default().with("symbol", symbol).some("options", texts(options(index, &node))).value(),
                );
                node = inner;
            }
            _ => break,
        }
    }
    (None, index.source.dotted(node).unwrap_or_else(|| "?".to_owned()), wrappers)
}

/// What a class's own attributes say of what stands before its methods: name, items, and whether some could not be read.
pub(super) fn settings<'t>(index: &Index<'t>, members: &[&super::index::Binding<'t>]) -> Vec<Value> {
    let mut out = Vec::new();
    for member in members {
        let name = index.source.of(member.left);
        let Some(right) = member.right.filter(|_| SETTINGS.contains(&name)) else { continue };
        let (items, opaque) = items(index, right);
        out.push(Attributes::default().with("name", name).some("items", items).some("opaque", opaque).value());
    }
    out
}

/// The elements of a list of names; of a dictionary, those of each key.
pub(super) fn items<'t>(index: &Index<'t>, node: Node<'t>) -> (Vec<Value>, bool) {
    let (mut out, mut opaque) = (Vec::new(), false);
    let mut open = vec![(node, String::new(), 0)];
    while let Some((node, key, depth)) = open.pop() {
        if out.len() >= MAX_ITEMS || depth > 4 {
            return (out, true);
        }
        match node.kind() {
            "list" | "tuple" | "set" | "parenthesized_expression" | "expression_list" | "list_splat" => {
                open.extend(named(node).into_iter().rev().map(|n| (n, key.clone(), depth + 1)));
            }
            "dictionary" => {
                for pair in named(node).into_iter().rev() {
                    let (k, v) = (pair.child_by_field_name("key"), pair.child_by_field_name("value"));
                    match (k.and_then(|k| index.source.string(k)), v) {
                        (Some(k), Some(v)) => open.push((v, k, depth + 1)),
                        _ => opaque = true,
                    }
                }
            }
            "string" | "true" | "false" | "none" => {
                let text = index.source.string(node).unwrap_or_else(|| index.source.short(node));
                out.push(Attributes::default().with("text", text).some("key", key).value());
            }
            // `IsAuthenticated & IsOwner`, `A | B`: each is a guard of its own, and which of them decide is not known.
            "binary_operator" => {
                let operator = node.child_by_field_name("operator").map(|o| index.source.of(o)).unwrap_or_default();
                if operator == "&" || operator == "+" {
                    open.extend(node.child_by_field_name("right").map(|n| (n, key.clone(), depth + 1)));
                    open.extend(node.child_by_field_name("left").map(|n| (n, key.clone(), depth + 1)));
                } else {
                    out.push(
                        Attributes::default()
                            .with("symbol", index.source.short(node))
                            .with("any_of", alternatives(index, node))
                            .some("key", key)
                            .value(),
                    );
                }
            }
            _ => match index.source.dotted(node) {
                Some(symbol) => {
                    let kept = if node.kind() == "call" { options(index, &node) } else { Vec::new() };
                    out.push(
                        Attributes::default()
                            .with("symbol", symbol)
                            .some("options", texts(kept))
                            .some("key", key)
                            .value(),
                    );
                }
                None => opaque = true,
            },
        }
    }
    (out, opaque)
}

/// The names in `A | B | C`; empty where one is no name.
fn alternatives<'t>(index: &Index<'t>, node: Node<'t>) -> Vec<Value> {
    let (mut out, mut open) = (Vec::new(), vec![node]);
    while let Some(node) = open.pop() {
        if out.len() > MAX_ITEMS {
            return Vec::new();
        }
        match node.kind() {
            "binary_operator" | "parenthesized_expression" => open.extend(named(node)),
            _ => match index.source.dotted(node) {
                Some(name) => out.push(Value::Text(name)),
                None => return Vec::new(),
            },
        }
    }
    out
}

/// The last decorator of a function that declares a route: what stands below it guards every one of them.
pub(super) fn last_route<'t>(index: &Index<'t>, definition: &Definition<'t>) -> Option<Node<'t>> {
    let declares = |d: &&Node<'t>| {
        let call = d.named_child(0).filter(|n| n.kind() == "call").and_then(|c| c.child_by_field_name("function"));
        call.and_then(|f| method_of(index, f)).is_some_and(|(_, m)| {
            matches!(m, "route" | "get" | "post" | "put" | "patch" | "delete" | "head" | "options")
        })
    };
    definition.decorators.iter().rev().find(declares).copied()
}

/// A namespace of flask-restx lies below its name where nothing else is said.
pub(super) fn prefix_of<'t>(index: &Index<'t>, callee: &str, call: Node<'t>) -> Vec<Value> {
    let arguments = index.source.arguments(call);
    let said = arguments.get("prefix").or(arguments.get("url_prefix"));
    if last(callee) != "Namespace" {
        return said.map(|p| parts(index, p)).unwrap_or_default();
    }
    if let Some(path) = arguments.get("path").or(said) {
        return parts(index, path);
    }
    let name = arguments.get_or_at("name", 0).and_then(|n| index.source.string(n));
    name.map(|n| vec![Value::map([("text", Value::from(format!("/{n}")))])]).unwrap_or_default()
}
