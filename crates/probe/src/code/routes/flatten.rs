//! From what was hung on routers to endpoints: every way from an application to a route, with the guards that a request
//! passes in order. What comes later in a file does not guard what came before. Next: `guards.rs`, `out.rs`.

use super::eval::{Event, Machine, Route, Val};
use super::guards::{Guard, Guards};
use super::out::{Endpoint, Hung, Sink};
use crate::emit::Facts;
use ligase_domain::{Seen, Span};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Routers between an application and a route.
const MAX_CHAIN: usize = 24;
/// Ways that are walked.
const MAX_WAYS: usize = 20_000;

/// One way down.
#[derive(Clone, Default)]
struct Way {
    prefix: String,
    guards: Vec<(Option<String>, Hung)>,
    reason: &'static str,
    trail: Vec<usize>,
}

/// Joins two parts of a path.
pub(super) fn join(prefix: &str, path: &str) -> String {
    let (a, b) = (prefix.trim_end_matches('/'), path.trim_start_matches('/'));
    match (a.is_empty(), b.is_empty()) {
        (true, true) => "/".to_owned(),
        (_, true) => {
            if a.starts_with('/') {
                a.to_owned()
            } else {
                format!("/{a}")
            }
        }
        _ if a.is_empty() || a.starts_with('/') => format!("{a}/{b}"),
        _ => format!("/{a}/{b}"),
    }
}

/// A path with its parameters in braces: `/:id`, `/*`, `/{id:[0-9]+}`.
pub(super) fn braced(path: &str) -> String {
    let part = |p: &str| -> String {
        if let Some(name) = p.strip_prefix(':') {
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            return format!("{{{name}}}");
        }
        if let Some(name) = p.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
            let name = name.split(':').next().unwrap_or(name).trim_end_matches("...");
            return format!("{{{name}}}");
        }
        if p.starts_with('*') { "{path}".to_owned() } else { p.to_owned() }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Emits every endpoint of every router.
pub(super) fn emit(machine: &mut Machine<'_, '_>, guards: &Guards<'_>, sink: &mut Sink<'_, '_>) {
    let mut walk = Walk { guards, ways: 0, known: HashMap::new() };
    for router in 0..machine.routers.len() {
        let again = |r: &super::eval::Router| r.root.as_ref().is_some_and(|root| machine.called.contains(root));
        if machine.routers[router].mounted || again(&machine.routers[router]) {
            continue;
        }
        let own = &machine.routers[router];
        let reason = if own.handed {
            "router-handed-in"
        } else if own.application && !(machine.dynamic && own.escaped) {
            ""
        } else if machine.dynamic {
            "router-included-dynamically"
        } else {
            "router-not-included"
        };
        walk.router(machine, router, Way { reason, ..Way::default() }, sink);
    }
}

struct Walk<'g, 'v> {
    guards: &'g Guards<'v>,
    ways: usize,
    known: HashMap<(usize, usize), Vec<Hung>>,
}

impl Walk<'_, '_> {
    fn router(&mut self, machine: &mut Machine<'_, '_>, router: usize, mut way: Way, sink: &mut Sink<'_, '_>) {
        self.ways += 1;
        if way.trail.len() > MAX_CHAIN || way.trail.contains(&router) || self.ways > MAX_WAYS {
            return;
        }
        way.trail.push(router);
        let wraps = machine.routers[router].wraps.clone();
        for wrap in &wraps {
            let guard = self.guards.of(machine, wrap, 3);
            way.guards.push((None, Hung { guard, from: "app" }));
        }
        let events = machine.routers[router].events.clone();
        for (n, event) in events.iter().enumerate() {
            match event {
                Event::Guard { path, guard, condition } => {
                    let hung = match self.known.get(&(router, n)) {
                        Some(hung) => hung.clone(),
                        None => {
                            let hung = self.hang(machine, guard, *condition);
                            self.known.insert((router, n), hung.clone());
                            hung
                        }
                    };
                    let below = path
                        .as_ref()
                        .filter(|p| !matches!(p.as_str(), "" | "/" | "*" | "/*"))
                        .map(|p| join(&way.prefix, &braced(p)));
                    way.guards.extend(hung.into_iter().map(|h| (below.clone(), h)));
                }
                Event::Mount { path, child, guards } => {
                    let mut further = way.clone();
                    further.prefix = join(&way.prefix, &braced(path.trim_end_matches('*')));
                    if further.prefix == "/" {
                        further.prefix.clear();
                    }
                    for guard in guards {
                        further.guards.extend(self.hang(machine, guard, false).into_iter().map(|h| (None, h)));
                    }
                    self.router(machine, *child, further, sink);
                }
                Event::Route(route) => self.route(machine, router, route, &way, sink),
                Event::Strange { path, what, file, seen, at } => {
                    let seen = &machine.world.files[*file].looked.observations.seen[*seen];
                    let span = seen.anchors.get(&format!("c{at}")).copied().unwrap_or(seen.span);
                    let shown =
                        if what.is_empty() { "a mounted handler".to_owned() } else { format!("routes of {what}") };
                    let stack = machine.specs[machine.routers[router].spec].stack.clone();
                    sink.unmodelled(*file, span, &seen.snippet, &stack, &shown, &join(&way.prefix, path));
                }
            }
        }
    }

    fn hang(&self, machine: &mut Machine<'_, '_>, guard: &Val, condition: bool) -> Vec<Hung> {
        let mut verdict = self.guards.of(machine, guard, 3);
        if condition && verdict.guards() {
            verdict.kind = "unknown";
        }
        if condition {
            verdict.rate = None;
        }
        vec![Hung { guard: verdict, from: "middleware" }]
    }

    fn route(
        &mut self,
        machine: &mut Machine<'_, '_>,
        router: usize,
        route: &Route,
        way: &Way,
        sink: &mut Sink<'_, '_>,
    ) {
        let path = braced(&route.path);
        let full = join(&way.prefix, &path);
        let mut hung: Vec<Hung> = Vec::new();
        for guard in &route.guards {
            let guard = self.guards.of(machine, guard, 3);
            hung.push(Hung { guard, from: "route" });
        }
        let applies = |below: &Option<String>| {
            below.as_ref().is_none_or(|b| {
                full == *b || full.starts_with(&format!("{}/", b.trim_end_matches("/{path}"))) || b == "/{path}"
            })
        };
        let reaching: Vec<Hung> =
            way.guards.iter().rev().filter(|(below, _)| applies(below)).map(|(_, h)| h.clone()).collect();
        hung.extend(reaching);
        let guarded = |h: &Hung| h.guard.guards() && !h.guard.optional;
        if !hung.iter().any(guarded)
            && let Some(inside) = self.guards.inside(machine, &route.handler)
        {
            hung.push(Hung { guard: inside, from: "handler" });
        }
        hung.extend(self.guards.counts(machine, &route.handler).map(|guard| Hung { guard, from: "handler" }));
        let strange = way.guards.iter().any(|(below, _)| below.is_some());
        let (full, reason) = reason_of(full, &path, way.reason, strange);
        let hidden = reason.is_empty() && hidden(&machine.specs[machine.routers[router].spec], &route.handler);
        let reason = if hidden { "handler-not-resolved" } else { reason };
        let spec = &machine.specs[machine.routers[router].spec];
        let seen = &machine.world.files[route.file].looked.observations.seen[route.step];
        let anchor = |tag: &str| seen.anchors.get(&format!("{tag}{}", route.call)).copied();
        let mut anchors: BTreeMap<String, Span> = BTreeMap::new();
        for (name, tag) in [("route", "c"), ("handler", "h"), ("path", "p"), ("arguments", "a")] {
            anchors.extend(anchor(tag).map(|s| (name.to_owned(), s)));
        }
        let files: BTreeSet<usize> = hung
            .iter()
            .flat_map(|h| h.guard.files.iter().copied())
            .chain(way.trail.iter().map(|r| machine.routers[*r].file))
            .collect();
        for method in &route.methods {
            sink.endpoint(Endpoint {
                file: route.file,
                span: anchors.get("route").copied().unwrap_or(seen.span),
                snippet: seen.snippet.clone(),
                stack: spec.stack.clone(),
                method: method.clone(),
                path: path.clone(),
                full_path: full.clone(),
                handler: self.guards.symbol(machine, &route.handler),
                guards: hung.clone(),
                reason,
                files_only: files_only(spec, &route.handler)
                    || unit_of(machine, &route.handler).is_some_and(|u| u.flag("shows")),
                does: unit_of(machine, &route.handler).map_or("", does),
                anchors: anchors.clone(),
                files: files.clone(),
            });
        }
    }
}

/// Whether a handler is one that the framework serves files with, also behind what only cuts the path.
fn files_only(spec: &super::spec::Spec, handler: &Val) -> bool {
    match handler {
        Val::Made(made) => {
            let own = matches!(&made.callee, Val::Outside(name) if spec.statics.iter().any(|s| **s == **name));
            own || made.args.iter().any(|a| files_only(spec, a))
        }
        _ => false,
    }
}

/// Why a path is not known. Where a base path comes from the configuration, everything stands below it; only what is guarded
/// by its path does not.
fn reason_of(full: String, path: &str, reason: &'static str, by_path: bool) -> (String, &'static str) {
    let based = full.trim_start_matches('/').strip_prefix("{?}").map(|rest| join("", rest));
    let full = match based {
        // Where nothing of the path is known but that it is one, it is not the root.
        Some(rest) if !by_path && !rest.contains("{?}") && (rest != "/" || !path.contains("{?}")) => rest,
        _ => full,
    };
    let reason = match reason {
        "" if full.contains("{?}") && path.contains("{?}") => "path-not-a-constant",
        "" if full.contains("{?}") => "prefix-not-a-constant",
        reason => reason,
    };
    (full, reason)
}

/// The function that a handler is in the end.
fn unit_of<'f>(machine: &Machine<'_, 'f>, handler: &Val) -> Option<&'f Seen> {
    match handler {
        Val::Unit(file, id, _) => machine.world.files[*file].units.get(&**id).copied(),
        Val::Made(made) => unit_of(machine, &made.result),
        _ => None,
    }
}

/// What a function does with everybody alike.
pub(super) fn does(unit: &Seen) -> &'static str {
    if unit.flag("in_tests") {
        "answers-in-tests"
    } else if unit.flag("sends_on") {
        "redirects"
    } else {
        ""
    }
}

/// Whether nothing is known of what answers, where what answers is what mostly guards: an object that takes every request.
fn hidden(spec: &super::spec::Spec, handler: &Val) -> bool {
    spec.method_in_path
        && match handler {
            Val::Unknown => true,
            Val::Made(made) => {
                matches!(&made.callee, Val::Outside(name) if spec.wrappers.iter().any(|w| **w == **name))
                    && made.args.iter().all(|a| matches!(a, Val::Unknown | Val::Text(_) | Val::Object(_)))
            }
            _ => false,
        }
}

/// Each guard once, the nearest first.
pub(super) fn once(hung: &[Hung]) -> Vec<&Hung> {
    let mut out: Vec<&Hung> = Vec::new();
    for one in hung {
        let same = |o: &&Hung| {
            let of = |h: &Hung| (h.guard.kind, h.guard.optional, h.guard.rate);
            o.guard.symbol == one.guard.symbol && of(o) == of(one)
        };
        if !out.iter().any(same) && out.len() < 20 {
            out.push(one);
        }
    }
    out
}

/// Whether a guard lets a marked endpoint pass: `@Public()` before a global guard.
pub(super) fn opened(guard: &Guard, keys: &BTreeSet<String>) -> bool {
    guard.metadata.iter().any(|(key, when)| keys.contains(key) == (when == "present"))
}
