//! What a router's methods do: hang a route, put a guard before what comes later, give a group, mount a router. Next:
//! `flatten.rs`, which walks what was hung.

use super::eval::{At, Event, Machine, Made, Route, Val};
use super::world::unversioned;
use crate::emit::Facts;
use std::rc::Rc;

/// Events of one router.
const MAX_EVENTS: usize = 3_000;

impl Machine<'_, '_> {
    /// Runs a call on a router; `None` where it is none.
    pub(super) fn registered(&mut self, at: At, receiver: &Val, method: &str, args: &[Val], start: u32) -> Option<Val> {
        let router = match receiver {
            Val::Router(router) => *router,
            Val::Outside(_) => self.default_router(receiver, method)?,
            _ => return None,
        };
        let specs = self.specs;
        let spec = &specs[self.routers[router].spec];
        let is = |list: &[String]| list.iter().any(|m| m == method);
        if self.routers[router].events.len() > MAX_EVENTS {
            return Some(Val::Router(router));
        }
        if let Some(verb) = spec.routes.get(method) {
            return self.route(at, router, verb, args, start);
        }
        if is(&spec.method_first) {
            let methods = match args.first() {
                Some(Val::Text(verb)) => verb.to_uppercase(),
                Some(Val::Outside(name)) => {
                    name.rsplit('.').next().unwrap_or_default().trim_start_matches("Method").to_uppercase()
                }
                _ => "ANY".to_owned(),
            };
            return self.route(at, router, &methods, args.get(1..)?, start);
        }
        if is(&spec.uses) {
            self.uses(at, router, args);
            return Some(Val::Router(router));
        }
        if is(&spec.with) {
            let child = self.child(router, "", Vec::new(), None);
            self.uses(at, child, args);
            return Some(Val::Router(child));
        }
        if is(&spec.groups) {
            return Some(self.group(at, router, args));
        }
        if is(&spec.mounts) {
            self.mount(at, router, args, start);
            return Some(Val::Router(router));
        }
        if is(&spec.at_path) {
            let (path, rest) = path_of(args);
            let child = self.child(router, "", Vec::new(), Some(path));
            self.uses(at, child, rest);
            return Some(Val::Router(child));
        }
        if is(&spec.narrows) {
            self.narrow(router, args);
            return Some(Val::Router(router));
        }
        if is(&spec.statics) {
            return Some(Val::Router(router));
        }
        // `router.listen(…)`, `router.Subrouter()`.
        self.world.files[at.file].units.is_empty().then_some(Val::Unknown).or(Some(Val::Router(router)))
    }

    /// A module whose functions register on a router of its own.
    fn default_router(&mut self, receiver: &Val, method: &str) -> Option<usize> {
        let Val::Outside(name) = receiver else { return None };
        let module = unversioned(name.strip_prefix("go:").unwrap_or(name));
        let spec =
            self.specs.iter().position(|s| s.default_router.contains(&module) && s.routes.contains_key(method))?;
        if let Some(router) = self.defaults.get(&spec) {
            return Some(*router);
        }
        let Val::Router(router) = self.new_router(spec, 0, true, false) else { return None };
        self.defaults.insert(spec, router);
        Some(router)
    }

    fn child(&mut self, parent: usize, path: &str, guards: Vec<Val>, at: Option<String>) -> usize {
        let (spec, file) = (self.routers[parent].spec, self.routers[parent].file);
        let Val::Router(child) = self.new_router(spec, file, false, false) else { return parent };
        self.routers[child].mounted = true;
        self.routers[child].at = at;
        self.routers[parent].events.push(Event::Mount { path: path.to_owned(), child, guards });
        child
    }

    fn uses(&mut self, at: At, router: usize, args: &[Val]) {
        let (path, rest) = match args.first() {
            Some(Val::Text(path)) => (Some(path.to_string()), &args[1..]),
            Some(Val::List(list)) if list.iter().all(|v| matches!(v, Val::Text(_))) && !list.is_empty() => {
                for one in list.iter() {
                    let with: Vec<Val> = std::iter::once(one.clone()).chain(args[1..].iter().cloned()).collect();
                    self.uses(at, router, &with);
                }
                return;
            }
            _ => (None, args),
        };
        let all = flat(rest);
        let mut guards = Vec::new();
        let mut mounted = false;
        for val in all {
            match self.inner_router(&val, 3) {
                Some(child) if child != router => {
                    mounted = true;
                    self.routers[child].mounted = true;
                    self.routers[router].events.push(Event::Mount {
                        path: path.clone().unwrap_or_default(),
                        child,
                        guards: guards.clone(),
                    });
                }
                _ => guards.push(val),
            }
        }
        if mounted {
            return;
        }
        for guard in guards {
            if matches!(guard, Val::Unknown) {
                self.dynamic = true;
            }
            self.routers[router].events.push(Event::Guard { path: path.clone(), guard, condition: at.condition });
        }
    }

    fn group(&mut self, at: At, router: usize, args: &[Val]) -> Val {
        let (path, rest) = match args.first() {
            Some(Val::Text(path)) => (path.to_string(), &args[1..]),
            Some(Val::Unknown | Val::Outside(_) | Val::Either(_)) if args.len() > 1 => ("{?}".to_owned(), &args[1..]),
            _ => (String::new(), args),
        };
        let function = rest.last().filter(|v| self.takes_router(v)).cloned();
        let guards = if function.is_some() { &rest[..rest.len() - 1] } else { rest };
        let child = self.child(router, &path, Vec::new(), None);
        self.uses(at, child, guards);
        if let Some(Val::Unit(file, id, env)) = function {
            self.call_unit(file, id, env, None, &[Val::Router(child)], false);
        }
        Val::Router(child)
    }

    /// Whether a function's first parameter is a router.
    fn takes_router(&self, val: &Val) -> bool {
        let Val::Unit(file, id, _) = val else { return false };
        let here = &self.world.files[*file];
        let Some(unit) = here.units.get(&**id) else { return false };
        let ty = unit.texts("types").next().unwrap_or_default();
        let name = unit.texts("params").next().unwrap_or_default();
        self.router_type(*file, ty).is_some()
            || (ty.is_empty() && self.specs.iter().any(|s| s.of(here.language) && s.names.iter().any(|n| n == name)))
    }

    fn mount(&mut self, at: At, router: usize, args: &[Val], start: u32) {
        let (path, rest) = path_of(args);
        let Some(last) = rest.last() else { return };
        let (guards, inner) = unwrap(last, self);
        match self.inner_router(&inner, 4) {
            Some(child) if child != router => {
                self.routers[child].mounted = true;
                self.routers[router].events.push(Event::Mount { path, child, guards });
            }
            _ => {
                let what = match &inner {
                    Val::Outside(name) => name.to_string(),
                    Val::Made(made) => match &made.callee {
                        Val::Outside(name) => name.to_string(),
                        _ => String::new(),
                    },
                    _ => String::new(),
                };
                self.dynamic |= what.is_empty();
                self.routers[router].events.push(Event::Strange {
                    path,
                    what,
                    file: at.file,
                    seen: at.step,
                    at: start,
                });
            }
        }
    }

    /// `HandleFunc("/x", h).Methods("GET")`: the route that came last.
    fn narrow(&mut self, router: usize, args: &[Val]) {
        let verbs: Vec<String> = args
            .iter()
            .filter_map(|a| match a {
                Val::Text(text) => Some(text.to_uppercase()),
                Val::Outside(name) => {
                    Some(name.rsplit('.').next().unwrap_or_default().trim_start_matches("Method").to_uppercase())
                }
                _ => None,
            })
            .collect();
        if let Some(Event::Route(route)) = self.routers[router].events.last_mut()
            && !verbs.is_empty()
        {
            route.methods = verbs;
        }
    }

    fn route(&mut self, at: At, router: usize, verb: &str, args: &[Val], start: u32) -> Option<Val> {
        let specs = self.specs;
        let spec = &specs[self.routers[router].spec];
        let own = self.routers[router].at.clone();
        let (paths, rest): (Vec<String>, &[Val]) = match (&own, args.first()) {
            (Some(path), _) => (vec![path.clone()], args),
            (None, Some(Val::List(list))) if list.iter().any(|v| matches!(v, Val::Text(_))) => {
                (list.iter().map(text_of).collect(), &args[1..])
            }
            (None, Some(first)) => (vec![text_of(first)], &args[1..]),
            (None, None) => return None,
        };
        let rest = flat(rest);
        if rest.is_empty() {
            // `app.get('port')` reads a setting.
            return Some(Val::Unknown);
        }
        let first = spec.handler == "first";
        let (handler, guards): (Val, Vec<Val>) = if first {
            (rest[0].clone(), rest[1..].to_vec())
        } else {
            (rest[rest.len() - 1].clone(), rest[..rest.len() - 1].to_vec())
        };
        // Of all methods of one path, what a library makes stands before the others.
        let made = own.is_some() && made_outside(&handler);
        if verb == "ANY" && !spec.method_in_path && (made || self.hands_on(&handler)) {
            // `router.all('/x', auth)` stands before what comes later.
            for guard in rest {
                let path = paths[0].trim_end_matches('*').trim_end_matches('/').to_owned();
                let path = if own.is_some() { None } else { Some(path) };
                self.routers[router].events.push(Event::Guard { path, guard, condition: at.condition });
            }
            return Some(Val::Router(router));
        }
        let (mut before, handler) = unwrap(&handler, self);
        before.splice(0..0, guards);
        for path in paths {
            let (mut methods, mut path) = (vec![verb.to_owned()], path);
            if spec.method_in_path {
                if let Some((method, rest)) =
                    path.split_once(' ').filter(|(m, _)| m.bytes().all(|b| b.is_ascii_uppercase()))
                {
                    methods = vec![method.to_owned()];
                    path = rest.trim_start().to_owned();
                }
                path = path.find('/').map_or(path.clone(), |n| path[n..].to_owned());
                path = path.trim_end_matches("{$}").to_owned();
            }
            if let Some(child) = self.inner_router(&handler, 3).filter(|c| *c != router) {
                self.routers[child].mounted = true;
                let prefix = if spec.method_in_path { String::new() } else { path };
                self.routers[router].events.push(Event::Mount { path: prefix, child, guards: before.clone() });
                continue;
            }
            self.routers[router].events.push(Event::Route(Box::new(Route {
                methods,
                path,
                guards: before.clone(),
                handler: handler.clone(),
                file: at.file,
                step: at.step,
                call: start,
            })));
        }
        Some(Val::Router(router))
    }

    /// Whether a function hands the request on to what comes next.
    fn hands_on(&self, val: &Val) -> bool {
        match val {
            Val::Unit(file, id, _) => self.world.files[*file].units.get(&**id).is_some_and(|u| {
                let next = u.texts("params").nth(2).is_some_and(|p| p.contains("next"));
                next && u.flag("hands_on")
            }),
            Val::Made(made) => self.hands_on(&made.result),
            _ => false,
        }
    }
}

/// Lists inside arguments are arguments.
fn flat(args: &[Val]) -> Vec<Val> {
    let mut out = Vec::new();
    for arg in args {
        match arg {
            Val::List(list) => out.extend(flat(list)),
            val => out.push(val.clone()),
        }
    }
    out
}

/// Functions of Go's libraries that put a path together.
const JOINS: &[&str] = &["path.Join", "path/filepath.Join", "net/url.JoinPath"];

fn text_of(val: &Val) -> String {
    match val {
        Val::Text(text) => text.to_string(),
        Val::Made(made) if joins(&made.callee) => {
            let parts: Vec<String> = made.args.iter().take(8).map(part_of).collect();
            let rooted = parts.first().is_some_and(|p| p.starts_with('/'));
            let inner: Vec<&str> = parts.iter().map(|p| p.trim_matches('/')).filter(|p| !p.is_empty()).collect();
            format!("{}{}", if rooted { "/" } else { "" }, inner.join("/"))
        }
        _ => "{?}".to_owned(),
    }
}

fn joins(callee: &Val) -> bool {
    matches!(callee, Val::Outside(name) if JOINS.contains(&name.strip_prefix("go:").unwrap_or(name)))
}

fn part_of(val: &Val) -> String {
    match val {
        Val::Text(text) => text.to_string(),
        _ => "{?}".to_owned(),
    }
}

/// The path that arguments begin with, and the rest.
fn path_of(args: &[Val]) -> (String, &[Val]) {
    match args.split_first() {
        Some((first, rest)) => (text_of(first), rest),
        None => (String::new(), args),
    }
}

/// What a handler is wrapped in. A function that only hands it on to another is what that other is; the handler itself is
/// taken out of it, since what a handler refuses does not stand before it.
fn wrapper(made: &Rc<Made>, handler: &Val) -> Val {
    if let Val::Outside(_) = &made.callee {
        // What it is told beside the handler: numbers, options, what a library made.
        let told = |v: &&Val| matches!(v, Val::Number(_) | Val::Text(_) | Val::Object(_)) || made_outside(v);
        let args = made.args.iter().filter(told).cloned().collect();
        return Val::made(made.callee.clone(), args, Val::Unknown);
    }
    if !matches!(made.callee, Val::Unit(..)) || !matches!(made.result, Val::Made(_)) {
        return made.callee.clone();
    }
    without(&Val::Made(made.clone()), handler, 6)
}

/// What a library made of plain values.
fn made_outside(val: &Val) -> bool {
    let plain = |v: &Val| !matches!(v, Val::Unit(..) | Val::Made(_) | Val::Either(_));
    matches!(val, Val::Made(made) if matches!(made.callee, Val::Outside(_)) && made.args.iter().all(plain))
}

fn without(val: &Val, handler: &Val, depth: u8) -> Val {
    let same = |v: &Val| match (v, handler) {
        (Val::Unit(f, a, _), Val::Unit(g, b, _)) => f == g && a == b,
        (Val::Made(a), Val::Made(b)) => Rc::ptr_eq(a, b),
        _ => false,
    };
    match val {
        Val::Made(made) if depth > 0 => Val::made(
            without(&made.callee, handler, depth - 1),
            made.args.iter().filter(|a| !same(a)).map(|a| without(a, handler, depth - 1)).collect(),
            without(&made.result, handler, depth - 1),
        ),
        val if same(val) => Val::Unknown,
        val => val.clone(),
    }
}

/// What a handler is wrapped in, the outer first, and the handler itself.
pub(super) fn unwrap(val: &Val, machine: &mut Machine<'_, '_>) -> (Vec<Val>, Val) {
    let (mut guards, mut at) = (Vec::new(), val.clone());
    for _ in 0..12 {
        let Val::Made(made) = &at else { break };
        let made: Rc<_> = made.clone();
        let function = |v: &Val| {
            matches!(v, Val::Unit(..) | Val::Router(_))
                || matches!(v, Val::Made(m) if !matches!(m.callee, Val::Outside(_)) || m.args.iter().any(|a| matches!(a, Val::Unit(..) | Val::Made(_))))
        };
        let inner = made.args.iter().rev().find(|a| function(a)).cloned();
        match inner {
            Some(inner) => {
                let plain = matches!(&made.callee, Val::Outside(name) if machine.specs.iter().any(|s| s.wrappers.iter().any(|w| **w == **name)));
                if !plain {
                    guards.push(wrapper(&made, &inner));
                }
                at = inner;
            }
            None => {
                // A handler that a function makes.
                if !matches!(made.result, Val::Unknown) {
                    let (more, handler) = unwrap(&made.result, machine);
                    guards.extend(more);
                    return (guards, if matches!(handler, Val::Unknown) { at } else { handler });
                }
                break;
            }
        }
    }
    (guards, at)
}
