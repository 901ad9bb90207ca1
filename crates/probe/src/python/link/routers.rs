//! From routes to endpoints: which router a route hangs on, where that router is included, and what stands before the
//! handler on each way. Any depth, circles cut, every product bounded. A way that cannot be followed makes the endpoint's
//! chain unresolved, with the reason. Next: `endpoints.rs`.

use super::guards::{Guards, Verdict};
use super::world::{Facts, MODULE, Target, World};
use crate::python::functions::plain;
use ligase_domain::{Seen, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Routers between an application and a route.
const MAX_CHAIN: usize = 32;
/// Ways to one route: more mounts are cut and said.
const MAX_WAYS: usize = 64;
/// Parameters through which an application is handed on.
const MAX_HANDED: u8 = 4;

/// Stacks whose applications and routers are followed.
const STACKS: &[&str] = &["fastapi", "flask"];

/// A router or application: file, scope, name.
pub(super) type Key = (usize, String, String);

/// The guards of a fact, and the files that they were read from.
type Found = (Vec<Hung>, BTreeSet<usize>);
/// A fact by its file and place, with where its guards hang.
type FactKey = (usize, u32, u32, &'static str);

/// What a name on which routes hang turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Router {
    /// Routers and applications of FastAPI.
    Own(Vec<Key>),
    /// One of a framework that is not modelled.
    Foreign(String),
    /// From outside, or not found.
    Unresolved(String),
}

/// One inclusion of a router in another.
#[derive(Clone)]
struct Edge {
    parent: Key,
    file: usize,
    include: usize,
}

/// What one router's own call says.
struct Node<'f> {
    seen: &'f Seen,
    file: usize,
    is_app: bool,
    stack: &'f str,
    /// The router classes of the repository that it is made from.
    classes: Vec<(usize, String)>,
}

/// Where a guard hangs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Hung {
    pub(super) guard: super::guards::Guard,
    pub(super) from: &'static str,
    /// Only HTTP passes it, no web socket.
    pub(super) http_only: bool,
}

/// One way from an application to a router.
#[derive(Clone, Default)]
pub(super) struct Way {
    pub(super) prefix: String,
    pub(super) guards: Vec<Hung>,
    pub(super) files: BTreeSet<usize>,
    /// Why the way is not known whole, "" when it is.
    pub(super) reason: &'static str,
    /// Nothing is known of where it begins: a base path that the configuration gives, below which everything stands.
    based: bool,
}

impl Way {
    /// Whether a reason may be given yet; that a prefix cannot be read hides no other.
    fn is_free(&self) -> bool {
        matches!(self.reason, "" | "prefix-not-a-constant")
    }
}

/// The routers of a revision.
pub(super) struct Routers<'w, 'v, 'f> {
    pub(super) world: &'w World<'v, 'f>,
    pub(super) guards: &'w Guards<'w, 'v, 'f>,
    nodes: BTreeMap<Key, Node<'f>>,
    includes: Vec<(usize, &'f Seen)>,
    incoming: HashMap<Key, Vec<Edge>>,
    middleware: HashMap<Key, Vec<(usize, String, String, bool)>>,
    /// Where an application is handed to a function: callee → (file, scope, arguments).
    passes: HashMap<(usize, String), Vec<(usize, &'f Seen)>>,
    /// Some inclusion could not be read: a router that nobody includes may be included there.
    dynamic: bool,
    /// Includes whose parent is not known, by child.
    orphaned: BTreeSet<Key>,
    /// Inclusions of routers from outside: file, what, place.
    pub(super) outside: Vec<(usize, String, &'f Seen)>,
    known_guards: std::cell::RefCell<HashMap<FactKey, Found>>,
}

impl<'w, 'v, 'f> Routers<'w, 'v, 'f> {
    pub(super) fn new(world: &'w World<'v, 'f>, guards: &'w Guards<'w, 'v, 'f>) -> Self {
        let mut routers = Self {
            world,
            guards,
            nodes: BTreeMap::new(),
            includes: Vec::new(),
            incoming: HashMap::new(),
            middleware: HashMap::new(),
            passes: HashMap::new(),
            dynamic: false,
            orphaned: BTreeSet::new(),
            outside: Vec::new(),
            known_guards: std::cell::RefCell::default(),
        };
        routers.read_nodes();
        routers.read_passes();
        routers.read_includes();
        routers.read_middleware();
        routers
    }

    fn read_nodes(&mut self) {
        for (file, facts) in self.world.files.iter().enumerate() {
            for seen in facts.seen("py-bind").filter(|s| s.has("callee")) {
                let callee = self.world.follow(self.world.resolve(file, seen.str("scope"), seen.str("callee")));
                if let Some((is_app, stack)) = self.is_router_class(&callee) {
                    let key = (file, seen.str("scope").to_owned(), seen.str("name").to_owned());
                    let classes = match &callee {
                        Target::Class(f, c) | Target::Instance(f, c) => self.world.class_chain(*f, c).0,
                        _ => Vec::new(),
                    };
                    self.nodes.insert(key, Node { seen, file, is_app, stack, classes });
                }
            }
        }
    }

    /// Whether a class is an application (true) or a router (false) of a modelled stack, itself or by its bases.
    fn is_router_class(&self, class: &Target) -> Option<(bool, &'f str)> {
        let names = match class {
            Target::External(dotted) => vec![plain(dotted)],
            Target::Class(file, name) | Target::Instance(file, name) => {
                self.world.outside_bases(*file, name).iter().map(|b| plain(b)).collect()
            }
            _ => return None,
        };
        let modelled = || self.world.vocabulary.stacks.iter().filter(|s| s.modelled);
        // Which of the stacks that Rust knows, so that the name lives as long as the program.
        let known = |name: &str| STACKS.iter().find(|s| **s == name).copied();
        let app = modelled().find(|s| s.applications.iter().any(|a| names.contains(a)));
        let router = || modelled().find(|s| s.routers.iter().any(|r| names.contains(r)));
        match app {
            Some(stack) => Some((true, known(&stack.name)?)),
            None => Some((false, known(&router()?.name)?)),
        }
    }

    fn foreign(&self, dotted: &str) -> Option<String> {
        let name = plain(dotted);
        let stacks = self.world.vocabulary.stacks.iter().filter(|s| !s.modelled);
        let mut known = stacks.filter(|s| {
            s.applications.contains(&name)
                || s.routers.contains(&name)
                || s.imports.iter().any(|i| name.starts_with(&format!("{i}.")))
        });
        known.next().map(|s| s.name.clone())
    }

    fn read_passes(&mut self) {
        for (file, facts) in self.world.files.iter().enumerate() {
            for seen in facts.seen("py-pass") {
                if let Target::Function(f, name) | Target::Returned(f, name) =
                    self.world.follow(self.world.resolve(file, seen.str("scope"), seen.str("callee")))
                {
                    self.passes.entry((f, name)).or_default().push((file, seen));
                }
            }
        }
    }

    fn read_includes(&mut self) {
        for (file, facts) in self.world.files.iter().enumerate() {
            // What a test mounts says nothing of what runs.
            for seen in facts.seen("py-include").filter(|_| facts.is_source()) {
                self.includes.push((file, seen));
            }
        }
        for at in 0..self.includes.len() {
            self.read_include(at);
        }
        self.read_laid_over();
    }

    /// `Api(app)`: what hangs on it lies on the application or blueprint that it was made with.
    fn read_laid_over(&mut self) {
        let over: Vec<(Key, usize, &'f Seen)> = self
            .nodes
            .iter()
            .filter(|(_, n)| n.stack == "flask" && n.seen.has("over"))
            .map(|(k, n)| (k.clone(), n.file, n.seen))
            .collect();
        for (child, file, seen) in over {
            let Router::Own(parents) = self.router(file, &child.1, seen.str("over"), MAX_HANDED) else {
                self.orphaned.insert(child);
                continue;
            };
            self.includes.push((file, seen));
            let include = self.includes.len() - 1;
            for parent in parents.into_iter().filter(|p| *p != child) {
                self.incoming.entry(child.clone()).or_default().push(Edge { parent, file, include });
            }
        }
    }

    fn read_include(&mut self, at: usize) {
        let (file, seen) = self.includes[at];
        let scope = seen.str("scope");
        if seen.flag("init") {
            // `db.init_app(app)` of an extension puts no routes there.
            let own = |c: &str| matches!(self.router(file, scope, c, MAX_HANDED), Router::Own(_));
            if !seen.texts("children").all(own) {
                return;
            }
        }
        let Router::Own(parents) = self.router(file, scope, seen.str("parent"), MAX_HANDED) else {
            // `client.mount(…)` of something else is no inclusion; a router that is included somewhere unknown is.
            for child in seen.texts("children") {
                if let Router::Own(children) = self.router(file, scope, child, MAX_HANDED) {
                    self.orphaned.extend(children);
                }
            }
            return;
        };
        let mut names: Vec<(usize, String, String)> =
            seen.texts("children").map(|c| (file, scope.to_owned(), c.to_owned())).collect();
        let list = seen.str("child_list");
        if !list.is_empty() {
            match self.world.resolve(file, scope, list) {
                Target::Bind(f, s, n) => {
                    let bound = self.world.files[f].bind(&s, &n).filter(|b| b.has("list"));
                    names.extend(bound.into_iter().flat_map(|b| b.texts("list")).map(|e| (f, s.clone(), e.to_owned())));
                    self.dynamic |= bound.is_none();
                }
                _ => self.dynamic = true,
            }
        }
        self.dynamic |= seen.flag("dynamic");
        for (file, scope, child) in names {
            match self.router(file, &scope, &child, MAX_HANDED) {
                Router::Own(children) => {
                    for child in children {
                        for parent in parents.iter().filter(|p| **p != child) {
                            self.incoming.entry(child.clone()).or_default().push(Edge {
                                parent: parent.clone(),
                                file: self.includes[at].0,
                                include: at,
                            });
                        }
                    }
                }
                Router::Foreign(what) | Router::Unresolved(what) => {
                    if what.is_empty() || what == "?" {
                        self.dynamic = true;
                    }
                    self.outside.push((self.includes[at].0, if what.is_empty() { child } else { what }, seen));
                }
            }
        }
    }

    fn read_middleware(&mut self) {
        let mut found: Vec<(Key, (usize, String, String, bool))> = Vec::new();
        for (file, facts) in self.world.files.iter().enumerate().filter(|(_, f)| f.is_source()) {
            for seen in facts.seen("py-middleware") {
                let scope = seen.str("scope");
                if let Router::Own(apps) = self.router(file, scope, seen.str("app"), MAX_HANDED) {
                    let inside = (file, scope.to_owned(), seen.str("symbol").to_owned(), seen.flag("http"));
                    let whole = seen.flag("whole_app");
                    let apps = if whole { apps.iter().flat_map(|a| self.above(a)).collect() } else { apps };
                    found.extend(apps.into_iter().map(|a| (a, inside.clone())));
                }
            }
        }
        for (key, node) in &self.nodes {
            for symbol in node.seen.texts("middleware") {
                found.push((key.clone(), (node.file, key.1.clone(), symbol.to_owned(), false)));
            }
        }
        for (key, middleware) in found {
            self.middleware.entry(key).or_default().push(middleware);
        }
    }

    /// The router that a name stands for, through parameters, aliases, instances and factories.
    pub(super) fn router(&self, file: usize, scope: &str, dotted: &str, depth: u8) -> Router {
        let unresolved = |t: &Target| Router::Unresolved(self.world.symbol(t));
        let mut target = self.world.resolve(file, scope, dotted);
        for _ in 0..8 {
            match &target {
                Target::Bind(f, s, n) => {
                    let key = (*f, s.clone(), n.clone());
                    if self.nodes.contains_key(&key) {
                        return Router::Own(vec![key]);
                    }
                    let value = self.world.value_of(*f, s, n, 24);
                    if value == target {
                        return unresolved(&target);
                    }
                    target = value;
                }
                Target::Parameter(f, function, name) => return self.handed(*f, function, name, depth),
                Target::Returned(f, function) => return self.made(*f, function, depth),
                Target::Module(f) => {
                    // `include_router(users)` of a module is a mistake of theirs; its `router` is what they mean.
                    let key = (*f, MODULE.to_owned(), "router".to_owned());
                    return if self.nodes.contains_key(&key) { Router::Own(vec![key]) } else { unresolved(&target) };
                }
                Target::External(external) => {
                    return match self.foreign(external) {
                        Some(stack) => Router::Foreign(stack),
                        None => Router::Unresolved(external.clone()),
                    };
                }
                Target::Class(f, c) | Target::Instance(f, c) => {
                    let foreign = self.world.outside_bases(*f, c).iter().find_map(|b| self.foreign(b));
                    return foreign.map_or_else(|| unresolved(&target), Router::Foreign);
                }
                Target::Function(..) | Target::Unknown => return unresolved(&target),
            }
        }
        unresolved(&target)
    }

    /// A parameter stands for what every caller hands in.
    fn handed(&self, file: usize, function: &str, name: &str, depth: u8) -> Router {
        let position =
            self.world.files[file].functions.get(function).and_then(|f| f.texts("params").position(|p| p == name));
        let method = function.contains('.');
        let mut keys = BTreeSet::new();
        for (from, pass) in
            self.passes.get(&(file, function.to_owned())).into_iter().flatten().filter(|_| depth > 0).take(MAX_WAYS)
        {
            let named = pass
                .attributes
                .get("kwargs")
                .and_then(Value::as_map)
                .and_then(|m| m.get(name))
                .and_then(Value::as_text);
            let at = position.map(|p| if method { p.saturating_sub(1) } else { p });
            let argument =
                named.or_else(|| pass.list("args").get(at?).and_then(Value::as_text)).filter(|a| !a.is_empty());
            if let Some(argument) = argument
                && let Router::Own(found) = self.router(*from, pass.str("scope"), argument, depth - 1)
            {
                keys.extend(found);
            }
        }
        if keys.is_empty() {
            Router::Unresolved(format!("{function}({name})"))
        } else {
            Router::Own(keys.into_iter().collect())
        }
    }

    /// What a function makes and returns.
    fn made(&self, file: usize, function: &str, depth: u8) -> Router {
        let Some(seen) = self.world.files[file].functions.get(function).filter(|_| depth > 0) else {
            return Router::Unresolved(format!("{function}()"));
        };
        let mut keys = BTreeSet::new();
        for returned in seen.texts("returned") {
            if let Router::Own(found) = self.router(file, function, returned, depth - 1) {
                keys.extend(found);
            }
        }
        if keys.is_empty() {
            Router::Unresolved(format!("{function}()"))
        } else {
            Router::Own(keys.into_iter().collect())
        }
    }

    /// The applications that a blueprint lies on.
    fn above(&self, key: &Key) -> BTreeSet<Key> {
        let (mut known, mut open) = (BTreeSet::new(), vec![key.clone()]);
        while let Some(key) = open.pop() {
            if known.len() < MAX_WAYS && known.insert(key.clone()) {
                open.extend(self.incoming.get(&key).into_iter().flatten().map(|e| e.parent.clone()));
            }
        }
        known.retain(|k| self.nodes.get(k).is_some_and(|n| n.is_app));
        known
    }

    /// The stack of a router.
    pub(super) fn stack_of(&self, key: &Key) -> &'f str {
        self.nodes.get(key).map_or("fastapi", |n| n.stack)
    }

    /// The `APIRouter(…)` or `FastAPI(…)` call of a router.
    pub(super) fn call_of(&self, key: &Key) -> Option<&'f Seen> {
        self.nodes.get(key).map(|n| n.seen)
    }

    /// Every way from an application to a router. Never empty: a router that nobody includes has one unresolved way.
    pub(super) fn ways(&self, key: &Key) -> Vec<Way> {
        let mut out = Vec::new();
        let mut open = vec![(key.clone(), Way::default(), vec![key.clone()], false)];
        while let Some((key, mut way, trail, mounted)) = open.pop() {
            if out.len() + open.len() > MAX_WAYS {
                way.reason = "chain-too-deep";
                out.push(way);
                break;
            }
            let Some(node) = self.nodes.get(&key) else { continue };
            let edges = self.incoming.get(&key).map(Vec::as_slice).unwrap_or_default();
            // In Flask the prefix at the registration takes the place of the blueprint's own.
            let own_prefix = node.stack != "flask" || edges.is_empty();
            self.pass_node(&key, node, mounted, own_prefix, &mut way);
            if edges.is_empty() {
                if !node.is_app && way.is_free() {
                    way.reason = self.no_way(&key);
                }
                out.push(way);
                continue;
            }
            for edge in edges {
                if trail.contains(&edge.parent) {
                    continue;
                }
                if trail.len() >= MAX_CHAIN {
                    out.push(Way { reason: "chain-too-deep", ..way.clone() });
                    continue;
                }
                let mut further = way.clone();
                if !own_prefix && !self.includes[edge.include].1.has("prefix") {
                    self.put_prefix(node.file, &key.1, node.seen, &mut further);
                }
                let mount = self.pass_edge(edge, &mut further);
                let trail = trail.iter().cloned().chain([edge.parent.clone()]).collect();
                open.push((edge.parent.clone(), further, trail, mounted || mount));
            }
        }
        if out.is_empty() {
            out.push(Way { reason: "router-not-included", ..Way::default() });
        }
        out
    }

    fn no_way(&self, key: &Key) -> &'static str {
        if self.orphaned.contains(key) {
            "mount-not-resolved"
        } else if self.dynamic {
            "router-included-dynamically"
        } else {
            "router-not-included"
        }
    }

    fn pass_node(&self, key: &Key, node: &Node<'f>, mounted: bool, own_prefix: bool, way: &mut Way) {
        way.files.insert(node.file);
        if !node.is_app && own_prefix {
            self.put_prefix(node.file, &key.1, node.seen, way);
        }
        // What an application depends on does not reach an application that is mounted in it; its middleware does.
        if !mounted {
            let from = if node.is_app { "app" } else { "router" };
            self.hang(node.file, &key.1, node.seen, from, way);
        }
        for guard in node.seen.list("guards").iter().filter_map(Value::as_map) {
            push(&mut way.guards, self.guards.decorator(node.file, &key.1, guard), "router", false);
        }
        if node.seen.flag("guards_opaque") {
            push(&mut way.guards, super::views::unknown(&format!("decorators of {}", key.2)), "router", false);
        }
        self.pass_classes(node, mounted, way);
        if node.seen.flag("splat") && way.is_free() {
            way.reason = "dependencies-not-a-list";
        }
        for (file, scope, symbol, http) in self.middleware.get(key).into_iter().flatten() {
            let (verdict, base_http) = self.guards.middleware(*file, scope, symbol);
            way.files.extend(&verdict.files);
            push(&mut way.guards, verdict, "middleware", *http || base_http);
        }
    }

    /// What the router's own classes add, and what a route class of the repository does to each request.
    fn pass_classes(&self, node: &Node<'f>, mounted: bool, way: &mut Way) {
        for (file, class) in &node.classes {
            for seen in self.world.files[*file].seen("py-super").filter(|s| s.str("class") == class) {
                self.put_prefix(*file, seen.str("scope"), seen, way);
                if !mounted {
                    self.hang(*file, seen.str("scope"), seen, "router", way);
                }
            }
        }
        let route_class = node.seen.texts("options").find_map(|o| o.strip_prefix("route_class="));
        if let Some(name) = route_class {
            push(&mut way.guards, self.guards.route_class(node.file, name), "router", false);
        }
    }

    /// Whether it is a mount.
    fn pass_edge(&self, edge: &Edge, way: &mut Way) -> bool {
        let include = self.includes[edge.include].1;
        way.files.insert(edge.file);
        self.put_prefix(edge.file, include.str("scope"), include, way);
        self.hang(edge.file, include.str("scope"), include, "mount", way);
        if include.flag("development") && way.is_free() {
            way.reason = "mounted-for-development";
        }
        include.flag("mount")
    }

    fn put_prefix(&self, file: usize, scope: &str, seen: &Seen, way: &mut Way) {
        let (text, constant) = self.world.text(file, scope, seen.list("prefix"), 0);
        let text = text.trim_end_matches('/');
        way.prefix = format!("{text}{}", way.prefix);
        let is_base = !constant && text.is_empty();
        // What cannot be read is the base of all that stands below it; in the midst of a path it is not.
        if (!constant && !is_base || way.based && !text.is_empty()) && way.reason.is_empty() {
            way.reason = "prefix-not-a-constant";
        }
        way.based |= is_base;
    }

    fn hang(&self, file: usize, scope: &str, seen: &Seen, from: &'static str, way: &mut Way) {
        let key = (file, seen.span.start, seen.span.end, from);
        if let Some((guards, files)) = self.known_guards.borrow().get(&key) {
            way.guards.extend(guards.iter().cloned());
            way.files.extend(files);
        } else {
            let verdict = self.guards.of_facts(file, scope, &seen.attributes);
            let files = verdict.files.clone();
            let mut guards = Vec::new();
            push(&mut guards, verdict, from, false);
            way.guards.extend(guards.iter().cloned());
            way.files.extend(&files);
            self.known_guards.borrow_mut().insert(key, (guards, files));
        }
        if seen.flag("deps_opaque") && way.is_free() {
            way.reason = "dependencies-not-a-list";
        }
    }
}

/// Hangs a verdict's guards at a place.
pub(super) fn push(out: &mut Vec<Hung>, verdict: Verdict, from: &'static str, http_only: bool) {
    out.extend(verdict.guards.into_iter().map(|guard| Hung { guard, from, http_only }));
}
