//! Routes, routers, includes, mounts and middleware as one file writes them. Whether a name is a FastAPI router is not known
//! here: that is linked. Next: `functions.rs`, then `link/routers.rs`.

use super::emit::{Attributes, Emit, texts};
use super::expressions::{dependency, dependency_list, options, parts};
use super::index::{Binding, Definition, How, Index};
use super::syntax::{last, named};
use ligase_domain::Value;
use std::collections::BTreeSet;
use tree_sitter::Node;

/// Methods of a router or application that declare a route, with the HTTP method.
const VERBS: &[(&str, &str)] = &[
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
    ("trace", "TRACE"),
    ("websocket", "WEBSOCKET"),
    ("websocket_route", "WEBSOCKET"),
    ("api_route", ""),
    ("route", ""),
];
/// Calls that declare a route without a decorator: name, and whether it is a web socket.
const ADDERS: &[(&str, bool)] =
    &[("add_api_route", false), ("add_route", false), ("add_api_websocket_route", true), ("add_websocket_route", true)];
/// Methods by which routers, blueprints and what runs before them are put together.
const INCLUDES: &[&str] = &[
    "include_router",
    "mount",
    "add_middleware",
    "middleware",
    "register_blueprint",
    "add_url_rule",
    "before_request",
    "before_app_request",
    "add_resource",
    "add_namespace",
    "register",
];
/// Of these Starlette's own routes are made, which FastAPI's dependencies do not reach.
const PLAIN: &[&str] = &["route", "add_route", "websocket_route", "add_websocket_route"];
/// Names that applications and routers have by custom; a call that is handed one of them is noted.
const CUSTOMARY: &[&str] = &["app", "api", "router", "application", "fastapi_app", "api_router"];
/// Elements of a list that are kept.
const MAX_ELEMENTS: usize = 40;

/// Emits everything about routes.
pub(crate) fn emit(index: &Index<'_>, out: &mut Emit<'_>) {
    let mut routers = receivers(index);
    routers.extend(CUSTOMARY.iter().map(|n| (*n).to_owned()));
    for definition in index.definitions.iter().filter(|d| !d.decorators.is_empty()) {
        super::flask::decorated(index, definition, out);
        if !definition.is_class {
            decorated(index, definition, out);
        }
    }
    for call in &index.calls {
        called(index, call.node, call.scope, &routers, out);
    }
    for binding in &index.bindings {
        bound(index, binding, &routers, out);
    }
}

/// Names on which routes are declared or which are included, in this file.
fn receivers(index: &Index<'_>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let decorators = index.definitions.iter().flat_map(|d| &d.decorators).filter_map(|d| d.named_child(0));
    for call in decorators.chain(index.calls.iter().map(|c| c.node)) {
        let Some(function) = call.child_by_field_name("function") else { continue };
        let Some((receiver, method)) = method_of(index, function) else { continue };
        let routes = VERBS.iter().any(|v| v.0 == method) || ADDERS.iter().any(|a| a.0 == method);
        if routes || INCLUDES.contains(&method) {
            out.insert(receiver);
            let arguments = index.source.arguments(call);
            // What a prefix is read from has to be known too: `settings = get_settings()`.
            let prefix = arguments.get("prefix").and_then(|p| index.source.dotted(p));
            out.extend(prefix.and_then(|p| p.split('.').next().map(str::to_owned)));
            out.extend(arguments.positional.iter().take(2).filter_map(|n| index.source.dotted(*n)));
        }
    }
    out
}

/// `(a.b, method)` of `a.b.method`.
pub(super) fn method_of<'t>(index: &Index<'t>, function: Node<'t>) -> Option<(String, &'t str)> {
    if function.kind() != "attribute" {
        return None;
    }
    let receiver = index.source.dotted(function.child_by_field_name("object")?)?;
    Some((receiver, index.source.of(function.child_by_field_name("attribute")?)))
}

fn decorated<'t>(index: &Index<'t>, definition: &Definition<'t>, out: &mut Emit<'_>) {
    for decorator in &definition.decorators {
        let Some(call) = decorator.named_child(0).filter(|n| n.kind() == "call") else { continue };
        let Some((receiver, method)) = call.child_by_field_name("function").and_then(|f| method_of(index, f)) else {
            continue;
        };
        let scope = index.scope_name(definition.parent);
        if method == "middleware" {
            let attributes = Attributes::default()
                .with("app", receiver)
                .with("scope", scope)
                .with("symbol", definition.qualified.as_str())
                .with("http", true);
            out.fact("py-middleware", *decorator, attributes, &[]);
            continue;
        }
        let Some((_, verb)) = VERBS.iter().find(|v| v.0 == method) else { continue };
        let below = definition.decorators.iter().filter(|d| d.start_byte() > decorator.start_byte());
        let wrappers: Vec<Value> = below.filter_map(|d| wrapper(index, *d)).collect();
        let attributes = Attributes::default()
            .with("router", receiver)
            .with("scope", scope)
            .with("handler", definition.qualified.as_str())
            .some("wrappers", wrappers)
            .some("class", index.class_of(definition.parent).map_or("", |c| index.definitions[c].qualified.as_str()));
        let attributes = declared(index, call, verb, PLAIN.contains(&method), attributes);
        let mut anchors = vec![("route", *decorator), ("handler", definition.node)];
        anchors.extend(super::flask::last_route(index, definition).map(|d| ("last_route", d)));
        out.seen("py-route", "python/fastapi", definition.whole, attributes, &anchors);
    }
}

/// A decorator between the route and the handler.
pub(super) fn wrapper<'t>(index: &Index<'t>, decorator: Node<'t>) -> Option<Value> {
    let node = decorator.named_child(0)?;
    let symbol = index.source.dotted(node).unwrap_or_else(|| "?".to_owned());
    let is_route = VERBS.iter().any(|v| v.0 == last(&symbol)) && symbol.contains('.') && node.kind() == "call";
    let kept = if node.kind() == "call" { options(index, &node) } else { Vec::new() };
    (!is_route).then(|| Attributes::default().with("symbol", symbol).some("options", texts(kept)).value())
}

/// Path, methods and dependencies of a route's declaration.
fn declared<'t>(index: &Index<'t>, call: Node<'t>, verb: &str, plain: bool, attributes: Attributes) -> Attributes {
    let arguments = index.source.arguments(call);
    let path = arguments.get_or_at("path", 0).map(|n| parts(index, n)).unwrap_or_default();
    let methods = match (verb, arguments.get("methods")) {
        ("", Some(list)) => super::flask::method_names(index, list),
        ("", None) => vec!["GET".to_owned()],
        (verb, _) => vec![verb.to_owned()],
    };
    let (deps, names, opaque) = dependency_list(index, arguments.get("dependencies"));
    let opaque = opaque || arguments.splats.iter().any(|(is_map, _)| *is_map);
    attributes
        .some("path", path)
        .some("development", index.development(call))
        .with("methods", texts(methods))
        .some("plain", plain)
        .some("deps", deps)
        .some("dep_lists", texts(names))
        .some("deps_opaque", opaque)
}

fn called<'t>(index: &Index<'t>, call: Node<'t>, scope: Option<usize>, routers: &BTreeSet<String>, out: &mut Emit<'_>) {
    let Some(function) = call.child_by_field_name("function") else { return };
    let scope_name = index.scope_name(scope);
    if let Some((receiver, method)) = method_of(index, function) {
        let arguments = index.source.arguments(call);
        let base = || Attributes::default().with("router", receiver.clone()).with("scope", scope_name);
        if let Some((name, socket)) = ADDERS.iter().find(|a| a.0 == method) {
            let Some(handler) = arguments.get_or_at("endpoint", 1).or(arguments.get_or_at("route", 1)) else { return };
            let symbol = index.source.dotted(handler).unwrap_or_else(|| "?".to_owned());
            let attributes =
                declared(index, call, if *socket { "WEBSOCKET" } else { "" }, PLAIN.contains(name), base());
            out.seen("py-route", "python/fastapi", call, attributes.with("handler_symbol", symbol), &[("route", call)]);
            return;
        }
        if super::flask::called(index, call, method, &receiver, scope, out) {
            return;
        }
        match method {
            "__init__" if receiver == "super()" => return made_by_base(index, call, scope, out),
            "include_router" | "mount" => return included(index, call, method, &receiver, scope, out),
            "add_middleware" => {
                let class = arguments.get_or_at("middleware_class", 0).and_then(|n| index.source.dotted(n));
                let attributes = Attributes::default()
                    .with("app", receiver)
                    .with("scope", scope_name)
                    .with("symbol", class.unwrap_or_else(|| "?".to_owned()));
                return out.fact("py-middleware", call, attributes, &[]);
            }
            _ => {}
        }
    }
    // `app.middleware("http")(function)`
    if function.kind() == "call"
        && let Some((receiver, "middleware")) =
            function.child_by_field_name("function").and_then(|f| method_of(index, f))
    {
        let target = index.source.arguments(call).positional.first().and_then(|n| index.source.dotted(*n));
        let attributes = Attributes::default()
            .with("app", receiver)
            .with("scope", scope_name)
            .with("symbol", target.unwrap_or_else(|| "?".to_owned()))
            .with("http", true);
        return out.fact("py-middleware", call, attributes, &[]);
    }
    passed(index, call, scope_name, routers, out);
}

/// What a router class of the repository hands to the class that it is made from.
fn made_by_base<'t>(index: &Index<'t>, call: Node<'t>, scope: Option<usize>, out: &mut Emit<'_>) {
    let (Some(class), Some(function)) = (index.class_of(scope), index.function_of(scope)) else { return };
    let arguments = index.source.arguments(call);
    let (deps, mut names, opaque) = dependency_list(index, arguments.get("dependencies"));
    // What the caller hands in stands at the caller.
    names.retain(|n| !index.parameters(function).iter().any(|p| p.name == n));
    let prefix = arguments.get("prefix").filter(|p| index.source.string(*p).is_some());
    if deps.is_empty() && names.is_empty() && !opaque && prefix.is_none() {
        return;
    }
    let attributes = Attributes::default()
        .with("class", index.definitions[class].qualified.as_str())
        .with("scope", index.scope_name(scope))
        .some("prefix", prefix.map(|p| parts(index, p)).unwrap_or_default())
        .some("deps", deps)
        .some("dep_lists", texts(names))
        .some("deps_opaque", opaque);
    out.fact("py-super", call, attributes, &[]);
}

/// A call that hands an application or a router on: `register(app)`.
fn passed<'t>(index: &Index<'t>, call: Node<'t>, scope: &str, routers: &BTreeSet<String>, out: &mut Emit<'_>) {
    let arguments = index.source.arguments(call);
    let name = |n: &Node<'t>| {
        matches!(n.kind(), "identifier" | "attribute").then(|| index.source.dotted(*n)).flatten().unwrap_or_default()
    };
    let positional: Vec<String> = arguments.positional.iter().take(8).map(name).collect();
    let keyword: Vec<(String, String)> = arguments
        .named
        .iter()
        .take(12)
        .map(|(k, v)| ((*k).to_owned(), name(v)))
        .filter(|(_, v)| routers.contains(v))
        .collect();
    if keyword.is_empty() && !positional.iter().any(|p| routers.contains(p)) {
        return;
    }
    let Some(callee) = call.child_by_field_name("function").and_then(|f| index.source.dotted(f)) else { return };
    let attributes = Attributes::default()
        .with("callee", callee)
        .with("scope", scope)
        .some("args", texts(positional))
        .some("kwargs", Value::map(keyword.into_iter().map(|(k, v)| (k, Value::Text(v)))));
    out.fact("py-pass", call, attributes, &[]);
}

fn included<'t>(
    index: &Index<'t>,
    call: Node<'t>,
    method: &str,
    receiver: &str,
    scope: Option<usize>,
    out: &mut Emit<'_>,
) {
    let arguments = index.source.arguments(call);
    let mount = method == "mount";
    let child = if mount { arguments.get_or_at("app", 1) } else { arguments.get_or_at("router", 0) };
    let prefix = if mount { arguments.get_or_at("path", 0) } else { arguments.get("prefix") };
    let (deps, names, opaque) = dependency_list(index, arguments.get("dependencies"));
    let (children, list) = child.map(|c| children(index, c, scope)).unwrap_or_default();
    let unread = children.is_empty() && list.is_empty();
    let attributes = Attributes::default()
        .with("parent", receiver)
        .with("scope", index.scope_name(scope))
        .some("children", texts(children))
        .some("child_list", list)
        .some("dynamic", unread)
        .some("development", index.development(call))
        .some("mount", mount)
        .some("prefix", prefix.map(|p| parts(index, p)).unwrap_or_default())
        .some("deps", deps)
        .some("dep_lists", texts(names))
        .some("deps_opaque", opaque || arguments.splats.iter().any(|(is_map, _)| *is_map));
    out.seen("py-include", "python/fastapi", call, attributes, &[]);
}

/// What is included: one name, or the names that a loop runs over, or the name of a list of them.
pub(super) fn children<'t>(index: &Index<'t>, child: Node<'t>, scope: Option<usize>) -> (Vec<String>, String) {
    let Some(dotted) = index.source.dotted(child) else { return Default::default() };
    let (first, rest) = dotted.split_once('.').map_or((dotted.as_str(), ""), |(f, r)| (f, r));
    let looped = index
        .bound(scope, first)
        .find(|b| b.how == How::Loop)
        .or_else(|| index.bound(None, first).find(|b| b.how == How::Loop));
    let Some(right) = looped.and_then(|b| b.right) else {
        return match values_looped(index, child, first) {
            Some(map) if rest.is_empty() => (Vec::new(), map),
            Some(_) => Default::default(),
            None => (vec![dotted], String::new()),
        };
    };
    match right.kind() {
        "call" if rest.is_empty() => {
            let callee = right.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
            (Vec::new(), callee.strip_suffix(".values").unwrap_or_default().to_owned())
        }
        "list" | "tuple" | "set" | "expression_list" => {
            let elements: Option<Vec<String>> =
                named(right).into_iter().take(MAX_ELEMENTS).map(|n| index.source.dotted(n)).collect();
            let suffix = if rest.is_empty() { String::new() } else { format!(".{rest}") };
            (elements.unwrap_or_default().into_iter().map(|e| format!("{e}{suffix}")).collect(), String::new())
        }
        "identifier" | "attribute" if rest.is_empty() => (Vec::new(), index.source.dotted(right).unwrap_or_default()),
        _ => Default::default(),
    }
}

/// The map or list over whose values a loop around `child` runs: `for name, router in routers.items()`, `enumerate(routers)`.
fn values_looped<'t>(index: &Index<'t>, child: Node<'t>, name: &str) -> Option<String> {
    let around = |b: &&Binding<'t>| {
        b.how == How::Loop && b.at.node.start_byte() <= child.start_byte() && child.end_byte() <= b.at.node.end_byte()
    };
    let second = |b: &&Binding<'t>| {
        matches!(b.left.kind(), "pattern_list" | "tuple_pattern")
            && b.left.named_child_count() == 2
            && b.left.named_child(1).is_some_and(|n| index.source.of(n) == name)
    };
    let right = index.bindings.iter().filter(around).find(second)?.right?;
    let callee = right.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
    match callee.strip_suffix(".items") {
        Some(map) => Some(map.to_owned()),
        None if callee == "enumerate" => {
            index.source.arguments(right).positional.first().and_then(|n| index.source.dotted(*n))
        }
        None => Some(String::new()),
    }
}

/// A binding that linking could need: routers, instances, aliases, constants that begin a path, lists of dependencies.
fn bound<'t>(index: &Index<'t>, binding: &Binding<'t>, routers: &BTreeSet<String>, out: &mut Emit<'_>) {
    let Some(right) = binding.right.filter(|_| binding.how == How::Assigned) else { return };
    let Some(name) = index.source.dotted(binding.left).filter(|n| !n.contains('(')) else { return };
    let scope = binding.at.scope;
    let in_function = index.function_of(scope);
    let own = name.starts_with("self.");
    if (in_function.is_some() && !own && !routers.contains(&name)) || (name.contains('.') && !own) {
        return;
    }
    // `self.router` belongs to the class, wherever it is assigned.
    let holder = if own { index.class_of(scope) } else { scope };
    let base = Attributes::default().with("name", name).with("scope", index.scope_name(holder));
    let Some(attributes) = value(index, right, base, in_function.is_none()) else { return };
    out.fact("py-bind", binding.at.node, attributes, &[("router", right)]);
}

fn value<'t>(index: &Index<'t>, right: Node<'t>, base: Attributes, module_level: bool) -> Option<Attributes> {
    match right.kind() {
        "call" => {
            if let Some(found) = dependency(index, right, None) {
                return Some(base.with("deps", vec![found]));
            }
            let callee = index.source.dotted(right.child_by_field_name("function")?)?;
            let base = if last(&callee) == "getenv" || callee.ends_with("environ.get") {
                base.with("text", parts(index, right))
            } else {
                base
            };
            Some(made(index, right, base.with("callee", callee)))
        }
        "string" | "concatenated_string" => {
            let text = index.source.string(right);
            match text {
                Some(text) if text.is_empty() || (text.starts_with('/') && text.len() <= 100) => {
                    Some(base.with("text", parts(index, right)))
                }
                Some(_) => None,
                None => module_level.then(|| base.with("text", parts(index, right))),
            }
        }
        "identifier" | "attribute" => Some(base.with("target", index.source.dotted(right)?)),
        "list" | "tuple" => {
            let (deps, _, opaque) = dependency_list(index, Some(right));
            let names: Vec<String> =
                named(right).into_iter().take(MAX_ELEMENTS).filter_map(|n| index.source.dotted(n)).collect();
            let routers = names
                .iter()
                .any(|n| n.to_ascii_lowercase().contains("router") || n.to_ascii_lowercase().contains("app"));
            (!deps.is_empty() || routers).then(|| {
                base.some("deps", deps).some("deps_opaque", opaque).some("list", texts(names)).with("is_list", true)
            })
        }
        // Routers by their names.
        "dictionary" => {
            let values: Option<Vec<String>> = named(right)
                .into_iter()
                .take(MAX_ELEMENTS)
                .map(|pair| index.source.dotted(pair.child_by_field_name("value")?))
                .collect();
            let values = values.filter(|all| all.iter().all(|n| n.to_ascii_lowercase().contains("router")))?;
            (!values.is_empty()).then(|| base.with("list", texts(values)).with("is_list", true))
        }
        "subscript" | "generic_type" | "type" => {
            let mut needs = super::expressions::Needs::default();
            needs.take(index, Some(right), None);
            let types = super::columns::annotated_types(index, right);
            (!needs.dependencies.is_empty() || !needs.aliases.is_empty() || !types.is_empty())
                .then(|| needs.into_attributes(base).some("types", texts(types)).with("alias", true))
        }
        _ => None,
    }
}

/// What the call that makes a router, an application or a blueprint says.
fn made<'t>(index: &Index<'t>, call: Node<'t>, base: Attributes) -> Attributes {
    let arguments = index.source.arguments(call);
    let (deps, names, opaque) = dependency_list(index, arguments.get("dependencies"));
    let middleware = arguments.get("middleware").map(|m| middleware_list(index, m)).unwrap_or_default();
    let callee = call.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
    let plain = |n: &Node<'t>| matches!(n.kind(), "identifier" | "attribute");
    let over = arguments.get_or_at("app", 0).filter(|n| last(&callee).contains("Api") && plain(n));
    let (guards, guards_opaque) =
        arguments.get("decorators").map(|d| super::flask::items(index, d)).unwrap_or_default();
    base.some("prefix", super::flask::prefix_of(index, &callee, call))
        .some("over", over.and_then(|n| index.source.dotted(n)).unwrap_or_default())
        .some("guards", guards)
        .some("guards_opaque", guards_opaque)
        .some("deps", deps)
        .some("dep_lists", texts(names))
        .some("deps_opaque", opaque)
        .some("options", texts(options(index, &call)))
        .some("splat", arguments.splats.iter().any(|(is_map, _)| *is_map))
        .some("routes", arguments.get("routes").is_some())
        .some("middleware", texts(middleware))
}

/// `[Middleware(X, …), …]`.
fn middleware_list<'t>(index: &Index<'t>, node: Node<'t>) -> Vec<String> {
    if node.kind() != "list" {
        return vec!["?".to_owned()];
    }
    let one = |n: Node<'t>| {
        let first = (n.kind() == "call").then(|| index.source.arguments(n).positional.first().copied()).flatten();
        first.and_then(|f| index.source.dotted(f)).unwrap_or_else(|| "?".to_owned())
    };
    named(node).into_iter().take(MAX_ELEMENTS).map(one).collect()
}
