//! Endpoints, guard candidates, and what looks like an endpoint and is not modelled. Next: `fields.rs`.

use super::Out;
use super::guards::{Guards, Kind, Verdict};
use super::routers::{Hung, Router, Routers, Way, push};
use super::views::{self, View};
use super::world::{Facts, MODULE, Target, World};
use crate::python::emit::Attributes;
use crate::python::syntax::last;
use ligase_domain::{Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Endpoints of one revision; more are not told one by one.
const MAX_ENDPOINTS: usize = 20_000;
/// Guards of one endpoint.
const MAX_GUARDS: usize = 24;

/// Emits everything about endpoints.
pub(super) fn emit(world: &World<'_, '_>, out: &mut Out<'_, '_, '_>) {
    let guards = Guards::new(world);
    let routers = Routers::new(world, &guards);
    let mut used: BTreeMap<String, i64> = BTreeMap::new();
    let mut handlers: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut emitted = 0;
    for (file, facts) in world.files.iter().enumerate() {
        let class_routes = facts.seen("py-class-route");
        for route in facts.seen("py-route").chain(class_routes) {
            let scope = route.str("scope");
            match routers.router(file, scope, route.str("router"), 4) {
                Router::Own(keys) => {
                    for key in keys {
                        let ways = routers.ways(&key);
                        if emitted + ways.len() > MAX_ENDPOINTS {
                            unmodelled(world, file, route, "more endpoints than are told", out);
                            continue;
                        }
                        for view in views_of(world, &guards, file, route, out) {
                            let reading = Reading { world, guards: &guards, routers: &routers, file, route, view };
                            handlers.extend(reading.handler());
                            emitted += reading.endpoints(&key, &ways, &mut used, out);
                        }
                    }
                }
                Router::Foreign(stack) => unmodelled(world, file, route, &stack, out),
                // A decorator of something else; a path that begins with a slash makes it look like a route.
                Router::Unresolved(_) if starts_with_slash(world, file, route) => {
                    unmodelled(world, file, route, "route of an unknown router", out)
                }
                Router::Unresolved(_) => {}
            }
        }
    }
    outside(world, &routers, out);
    candidates(world, &guards, &used, &handlers, out);
}

/// A route of a function is read as it is; one of a class, once for each method that answers.
fn views_of<'f>(
    world: &World<'_, 'f>,
    guards: &Guards<'_, '_, 'f>,
    file: usize,
    route: &'f Seen,
    out: &mut Out<'_, '_, '_>,
) -> Vec<Option<View<'f>>> {
    if route.kind != "py-class-route" {
        return vec![None];
    }
    match views::flask(world, guards, file, route) {
        Ok(views) => views.into_iter().map(Some).collect(),
        Err(looks_like) => {
            unmodelled(world, file, route, &looks_like, out);
            Vec::new()
        }
    }
}

fn starts_with_slash(world: &World<'_, '_>, file: usize, route: &Seen) -> bool {
    world.text(file, route.str("scope"), route.list("path"), 0).0.starts_with('/')
}

fn unmodelled(world: &World<'_, '_>, file: usize, seen: &Seen, looks_like: &str, out: &mut Out<'_, '_, '_>) {
    let stack = world.vocabulary.stacks.iter().find(|s| s.name == looks_like).map_or("", |s| s.name.as_str());
    let place = [seen.str("handler"), seen.str("handler_symbol"), seen.str("scope")]
        .into_iter()
        .find(|w| !w.is_empty())
        .unwrap_or(MODULE);
    let attributes = Attributes::default()
        .with("language", "python")
        .with("stack", stack)
        .with("of", "endpoint")
        .with("looks_like", if stack.is_empty() { looks_like.to_owned() } else { format!("{stack} route") })
        .with("where", place);
    out.put("unmodelled", file, seen, attributes, BTreeMap::new(), BTreeSet::new());
}

/// Includes and mounts of what is not in the repository: static files are known, the rest is not modelled.
fn outside(world: &World<'_, '_>, routers: &Routers<'_, '_, '_>, out: &mut Out<'_, '_, '_>) {
    for (file, what, include) in &routers.outside {
        let (prefix, _) = world.text(*file, include.str("scope"), include.list("prefix"), 0);
        if include.flag("mount") && last(what) == "StaticFiles" {
            let path = format!("{}/{{path}}", prefix.trim_end_matches('/'));
            let attributes = Attributes::default()
                .with("language", "python")
                .with("stack", "starlette")
                .with("method", "GET")
                .with("path", path.as_str())
                .with("full_path", path)
                .with("handler", "StaticFiles")
                .with("role", "static")
                .with("guards", Vec::<Value>::new())
                .with("chain", "resolved")
                .with("chain_reason", "");
            out.put(
                "endpoint",
                *file,
                include,
                attributes,
                BTreeMap::from([("route".to_owned(), include.span)]),
                BTreeSet::new(),
            );
            continue;
        }
        let shown: String = format!("routes of {what}").chars().take(120).collect();
        unmodelled(world, *file, include, &shown, out);
    }
}

struct Reading<'r, 'w, 'v, 'f> {
    world: &'w World<'v, 'f>,
    guards: &'w Guards<'w, 'v, 'f>,
    routers: &'r Routers<'w, 'v, 'f>,
    file: usize,
    route: &'f Seen,
    /// The method of the class that the route names.
    view: Option<View<'f>>,
}

impl<'f> Reading<'_, '_, '_, 'f> {
    /// The function that answers.
    fn handler(&self) -> Option<(usize, String)> {
        if let Some(view) = &self.view {
            return Some((view.file, view.function.clone()));
        }
        let own = self.route.str("handler");
        if !own.is_empty() {
            return Some((self.file, own.to_owned()));
        }
        match self.world.follow(self.world.resolve(
            self.file,
            self.route.str("scope"),
            self.route.str("handler_symbol"),
        )) {
            Target::Function(file, name) => Some((file, name)),
            _ => None,
        }
    }

    /// Guards of the route itself: its decorator, what its handler's parameters depend on, decorators between.
    fn own(&self) -> (Vec<Hung>, BTreeSet<usize>, &'static str) {
        let (mut guards, mut files, mut reason) = (Vec::new(), BTreeSet::new(), "");
        let plain = self.route.flag("plain") || self.view.is_some();
        if let Some(view) = &self.view {
            guards.extend(view.hung.iter().cloned());
            files.extend(&view.files);
        }
        let mut take = |verdict: Verdict, from| {
            files.extend(&verdict.files);
            push(&mut guards, verdict, from, false);
        };
        if !plain {
            take(self.guards.of_facts(self.file, self.route.str("scope"), &self.route.attributes), "decorator");
        }
        if self.route.flag("development") {
            reason = "mounted-for-development";
        }
        if self.route.flag("deps_opaque") {
            reason = "dependencies-not-a-list";
        }
        match self.handler().and_then(|(f, n)| Some((f, *self.world.files[f].functions.get(n.as_str())?, n))) {
            Some((file, seen, name)) => {
                if !plain {
                    take(self.guards.of_facts(file, &name, &seen.attributes), "dependency");
                    take(self.class_dependencies(), "dependency");
                }
                if seen.flag("credential") && seen.has("refuses") {
                    // It looks at a credential and refuses, inside: a guard that is not recognised, never none.
                    let symbol = self.world.symbol(&Target::Function(file, name));
                    let guard = super::guards::Guard { symbol, kind: Kind::Unknown, optional: false, scheme: false };
                    take(Verdict::of(guard), "decorator");
                }
            }
            None => reason = "router-not-resolved",
        }
        let wrappers = self.route.list("wrappers").iter().filter_map(Value::as_map);
        for wrapper in wrappers.filter(|_| self.view.is_none()) {
            take(self.guards.decorator(self.file, self.route.str("scope"), wrapper), "decorator");
        }
        (guards, files, reason)
    }

    /// A class-based view's attributes guard each of its methods, also those that it inherits.
    fn class_dependencies(&self) -> Verdict {
        let class = self.route.str("class");
        if class.is_empty() { Verdict::default() } else { self.guards.view(self.file, class) }
    }

    fn endpoints(
        &self,
        key: &super::routers::Key,
        ways: &[Way],
        used: &mut BTreeMap<String, i64>,
        out: &mut Out<'_, '_, '_>,
    ) -> usize {
        let (own, own_files, own_reason) = self.own();
        let (path, path_constant) = self.world.text(self.file, self.route.str("scope"), self.route.list("path"), 0);
        let stack = match (self.routers.stack_of(key), self.route.flag("plain")) {
            ("fastapi", true) => "starlette",
            (stack, _) => stack,
        };
        let flask = stack == "flask";
        let path = if flask { without_converters(&path) } else { path };
        let methods: Vec<&str> = match &self.view {
            Some(view) => vec![view.method],
            None => self.route.texts("methods").collect(),
        };
        // A method of a class stands where it is written.
        let (place_file, place) = self.view.as_ref().map_or((self.file, self.route), |v| (v.file, v.seen));
        let mut anchors: BTreeMap<String, Span> = self.route.anchors.clone();
        if let Some(call) = self.routers.call_of(key).filter(|_| key.0 == self.file) {
            anchors.extend(call.anchors.get("router").map(|s| ("router".to_owned(), *s)));
        }
        if let Some(view) = &self.view {
            if view.file != self.file {
                anchors.clear();
            }
            anchors.insert("handler".to_owned(), view.seen.span);
        }
        let handler = self.handler().and_then(|(f, n)| self.world.files[f].functions.get(n.as_str()).copied());
        let does = handler.map(|s| s.str("does")).unwrap_or_default();
        let mut count = 0;
        for way in ways {
            let reason = [own_reason, way.reason, if path_constant { "" } else { "path-not-a-constant" }]
                .into_iter()
                .find(|r| !r.is_empty())
                .unwrap_or("");
            let prefix = if flask { without_converters(&way.prefix) } else { way.prefix.clone() };
            let full_path = match format!("{prefix}{path}") {
                empty if empty.is_empty() => "/".to_owned(),
                full => full,
            };
            for method in &methods {
                let guards = self.chain(&own, way, method, flask);
                for guard in &guards {
                    *used.entry(guard.guard.symbol.clone()).or_default() += 1;
                }
                let attributes = Attributes::default()
                    .with("language", "python")
                    .with("stack", stack)
                    .with("method", *method)
                    .with("path", path.as_str())
                    .with("full_path", full_path.as_str())
                    .with(
                        "handler",
                        [
                            self.view.as_ref().map_or("", |v| v.function.as_str()),
                            self.route.str("handler"),
                            self.route.str("handler_symbol"),
                        ]
                        .into_iter()
                        .find(|h| !h.is_empty())
                        .unwrap_or("?"),
                    )
                    .with("role", self.world.vocabulary.role(method, &full_path, ""))
                    .with("guards", guards.iter().map(value).collect::<Vec<_>>())
                    .with("chain", if reason.is_empty() { "resolved" } else { "unresolved" })
                    .with("chain_reason", reason)
                    .some("does", does);
                let files = own_files.iter().chain(&way.files).copied().collect();
                out.put("endpoint", place_file, place, attributes, anchors.clone(), files);
                count += 1;
            }
        }
        count
    }

    /// Everything before the handler on one way, the nearest first, each guard once.
    fn chain(&self, own: &[Hung], way: &Way, method: &str, flask: bool) -> Vec<Hung> {
        let mut out: Vec<Hung> = Vec::new();
        for hung in own.iter().chain(&way.guards) {
            // Starlette's own routes are not reached by what FastAPI's routers depend on.
            let reaches = flask || !self.route.flag("plain") || matches!(hung.from, "middleware" | "decorator");
            let passes = !(hung.http_only && method == "WEBSOCKET");
            if reaches && passes && out.len() < MAX_GUARDS && !out.iter().any(|o| o.guard == hung.guard) {
                out.push(hung.clone());
            }
        }
        out
    }
}

/// `/users/<int:id>` is `/users/{id}` everywhere else.
pub(super) fn without_converters(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('<') {
        let Some((inside, further)) = after.split_once('>') else { break };
        let name = inside.rsplit(':').next().unwrap_or(inside);
        out.push_str(before);
        out.push('{');
        out.push_str(name);
        out.push('}');
        rest = further;
    }
    out.push_str(rest);
    out
}

pub(super) fn value(hung: &Hung) -> Value {
    Attributes::default()
        .with("kind", hung.guard.kind.name())
        .with("symbol", hung.guard.symbol.as_str())
        .with("from", hung.from)
        .with("optional", hung.guard.optional)
        .value()
}

/// Functions and bound guards of the repository that a remedy may reuse.
fn candidates(
    world: &World<'_, '_>,
    guards: &Guards<'_, '_, '_>,
    used: &BTreeMap<String, i64>,
    handlers: &BTreeSet<(usize, String)>,
    out: &mut Out<'_, '_, '_>,
) {
    for (file, facts) in world.files.iter().enumerate().filter(|(_, f)| f.is_source()) {
        for (name, seen) in &facts.functions {
            let asks =
                seen.has("deps") || seen.flag("request") || seen.flag("marked") || guards.has_alias(file, name, seen);
            if name.contains('.')
                || !asks
                || handlers.contains(&(file, (*name).to_owned()))
                || seen.texts("params").any(|p| p == "call_next")
            {
                continue;
            }
            let verdict = guards.function(file, name, 8);
            candidate(file, seen, name, &verdict, seen.str("returns"), facts.module.as_str(), used, out);
        }
        for seen in facts.seen("py-bind").filter(|s| s.str("scope") == MODULE && s.has("callee")) {
            let symbol = world.symbol(&Target::Bind(file, MODULE.to_owned(), seen.str("name").to_owned()));
            if used.contains_key(&symbol) {
                let facts = BTreeMap::from([(
                    "deps".to_owned(),
                    Value::List(vec![Value::map([("symbol", Value::from(seen.str("name")))])]),
                )]);
                let verdict = guards.of_facts(file, MODULE, &facts);
                candidate(file, seen, seen.str("name"), &verdict, "", world.files[file].module.as_str(), used, out);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn candidate(
    file: usize,
    seen: &Seen,
    name: &str,
    verdict: &Verdict,
    returns: &str,
    module: &str,
    used: &BTreeMap<String, i64>,
    out: &mut Out<'_, '_, '_>,
) {
    let Some(first) = verdict.guards.first().filter(|g| matches!(g.kind, Kind::Authentication | Kind::Authorization))
    else {
        return;
    };
    let attributes = Attributes::default()
        .with("language", "python")
        .with("stack", "fastapi")
        .with("symbol", first.symbol.as_str())
        .with("kind", first.kind.name())
        .with("name", name)
        .with("module", module)
        .with("returns", returns)
        .with("optional", first.optional)
        .with("used_by", used.get(&first.symbol).copied().unwrap_or_default());
    let anchor = seen.anchors.get("definition").copied().unwrap_or(seen.span);
    out.put(
        "guard-candidate",
        file,
        seen,
        attributes,
        BTreeMap::from([("definition".to_owned(), anchor)]),
        verdict.files.clone(),
    );
}
