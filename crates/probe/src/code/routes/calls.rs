//! Calls where routes are put together: who is asked, what is handed on, and what comes back. A function of the repository is
//! run; what is from outside is remembered by its name. Next: `register.rs`.

use super::eval::{At, MAX_DEPTH, MAX_ELEMENTS, MAX_RUNS, Machine, Val};
use super::spec::Spec;
use crate::emit::Facts;
use ligase_domain::Value;
use std::collections::HashMap;
use std::rc::Rc;

impl Machine<'_, '_> {
    pub(super) fn call(&mut self, at: At, parts: &[Value], new: bool) -> Val {
        let start = parts.get(1).and_then(Value::as_int).and_then(|s| u32::try_from(s).ok()).unwrap_or_default();
        let Some(callee) = parts.get(2) else { return Val::Unknown };
        if callee.as_text() == Some("n:require") || callee.as_text() == Some("n:import") {
            let module =
                parts.get(3).and_then(Value::as_text).and_then(|t| t.strip_prefix("s:")).unwrap_or_default().to_owned();
            return self.imported(at.file, &module, "default");
        }
        // Go's `new(T)`.
        if let (Some("n:new"), Some(ty), "go") = (
            callee.as_text(),
            parts.get(3).and_then(Value::as_text).and_then(|t| t.strip_prefix("n:")),
            self.world.files[at.file].language,
        ) {
            return self.typed(at.file, ty);
        }
        // `a.b.method(…)`: who is asked, and how the method is called.
        let (receiver, method) = match callee {
            Value::Text(text) => match text.strip_prefix("n:").and_then(|d| d.rsplit_once('.')) {
                Some((of, method)) => (self.name(at, of), method),
                None => (Val::Unknown, ""),
            },
            Value::List(inner) if inner.first().and_then(Value::as_text) == Some("m") => {
                let of = inner.get(1).map_or(Val::Unknown, |p| self.eval(at, p));
                (of, inner.get(2).and_then(Value::as_text).unwrap_or_default())
            }
            _ => (Val::Unknown, ""),
        };
        let receiver = self.as_router(receiver);
        if let (Val::List(list), "forEach" | "map" | "each") = (&receiver, method) {
            let function = parts.get(3).map_or(Val::Unknown, |p| self.eval(at, p));
            let list = list.clone();
            return self.each(&list, &function);
        }
        let args: Vec<Val> = self.arguments(at, &parts[3..]);
        if let Some(val) = self.registered(at, &receiver, method, &args, start) {
            return val;
        }
        let target = if method.is_empty() {
            self.eval(at, callee)
        } else {
            match self.var(at.env, callee.as_text().and_then(|t| t.strip_prefix("n:")).unwrap_or("\u{0}")) {
                Some(val) => val,
                None => self.member(&receiver, method),
            }
        };
        if method == "bind" && matches!(receiver, Val::Unit(..)) {
            return receiver;
        }
        // `router.use(fn.call(…))`, `Object.values(routes)`.
        if let (Val::Unknown, "values" | "entries", Some(Val::Object(object))) = (&target, method, args.first()) {
            let mut fields: Vec<(&String, &Val)> = self.objects[*object].fields.iter().collect();
            fields.sort_by_key(|(k, _)| k.as_str());
            return Val::list(fields.into_iter().map(|(_, v)| v.clone()).collect());
        }
        self.apply(at, target, args, new)
    }

    pub(super) fn arguments(&mut self, at: At, parts: &[Value]) -> Vec<Val> {
        let mut args = Vec::new();
        for part in parts.iter().take(40) {
            let spread = part.as_list().and_then(|p| p.first()).and_then(Value::as_text) == Some("...");
            match self.eval(at, part) {
                Val::List(list) if spread => args.extend(list.iter().cloned()),
                val => args.push(val),
            }
        }
        args
    }

    /// An object whose class is made from a router, or whose call gave one, is that router.
    pub(super) fn as_router(&mut self, val: Val) -> Val {
        match &val {
            Val::Made(made) => match &made.result {
                Val::Router(router) => Val::Router(*router),
                Val::List(_) => made.result.clone(),
                _ => val,
            },
            // A struct that embeds a router.
            Val::Object(object) if self.objects[*object].class.is_some() => {
                let embedded = ["Mux", "Engine", "Router", "ServeMux", "RouterGroup"];
                let fields = &self.objects[*object].fields;
                let router =
                    embedded.iter().find_map(|n| fields.get(*n)).filter(|v| matches!(v, Val::Router(_))).cloned();
                router.filter(|_| !fields.is_empty()).map_or(val.clone(), |r| r)
            }
            _ => val,
        }
    }

    pub(super) fn each(&mut self, list: &[Val], function: &Val) -> Val {
        let mut out = Vec::new();
        if let Val::Unit(file, id, env) = function {
            for element in list.iter().take(MAX_ELEMENTS) {
                out.push(self.call_unit(*file, id.clone(), *env, None, std::slice::from_ref(element), false));
            }
        }
        Val::list(out)
    }

    /// Calls a value.
    pub(super) fn apply(&mut self, at: At, target: Val, args: Vec<Val>, new: bool) -> Val {
        match &target {
            Val::Outside(name) => {
                let language = self.world.files[at.file].language;
                let of = |s: &&Spec| s.of(language);
                if let Some(spec) =
                    self.specs.iter().position(|s| of(&s) && s.applications.iter().any(|m| **m == **name))
                {
                    return self.new_router(spec, at.file, true, false);
                }
                if let Some(spec) = self.specs.iter().position(|s| of(&s) && s.routers.iter().any(|m| **m == **name)) {
                    return self.new_router(spec, at.file, false, false);
                }
                self.wrapped(&target, &args);
                Val::made(target, args, Val::Unknown)
            }
            Val::Class(file, class) => self.instantiate(*file, class.clone(), &args, new),
            Val::Unit(file, id, env) => {
                let (file, id, env) = (*file, id.clone(), *env);
                let result = self.call_unit(file, id.clone(), env, None, &args, false);
                let result = match result {
                    Val::Unknown => {
                        let returns = self.world.files[file].units.get(&*id).map_or("", |u| u.str("returns"));
                        if self.router_type(file, returns).is_some() { Val::Unknown } else { self.typed(file, returns) }
                    }
                    result => result,
                };
                match &result {
                    Val::Router(_) if !args.iter().any(|a| matches!(self.as_router(a.clone()), Val::Router(_))) => {
                        result
                    }
                    Val::Object(_) | Val::Text(_) | Val::List(_) => result,
                    _ => {
                        self.wrapped(&target, &args);
                        match &result {
                            Val::Router(_) => result,
                            _ => Val::made(target, args, result),
                        }
                    }
                }
            }
            Val::Unknown | Val::Object(_) | Val::Module(_) => {
                for arg in &args {
                    if let Val::Router(router) = arg {
                        self.routers[*router].escaped = true;
                    }
                }
                Val::Unknown
            }
            _ => {
                self.wrapped(&target, &args);
                Val::made(target, args, Val::Unknown)
            }
        }
    }

    /// A function that takes a whole router and gives something back may stand before all of it.
    pub(super) fn wrapped(&mut self, callee: &Val, args: &[Val]) {
        for arg in args {
            let Some(router) = self.inner_router(arg, 6) else { continue };
            let takes_handler = match callee {
                Val::Unit(file, id, _) => self.world.files[*file].units.get(&**id).is_some_and(|u| {
                    u.texts("types").any(|t| t.ends_with("Handler") || t.ends_with("HandlerFunc"))
                        && (u.str("returns").ends_with("Handler") || u.str("returns").ends_with("HandlerFunc"))
                }),
                // A made middleware: `cors.New(…).Handler(r)`, `jwt(secret)(r)`.
                Val::Outside(_) | Val::Made(_) => true,
                _ => false,
            };
            if takes_handler && self.routers[router].wraps.len() < 24 {
                self.routers[router].wraps.push(callee.clone());
            }
        }
    }

    /// The router inside wrappers.
    pub(super) fn inner_router(&mut self, val: &Val, depth: u8) -> Option<usize> {
        match self.as_router(val.clone()) {
            Val::Router(router) => Some(router),
            Val::Made(made) if depth > 0 => made.args.iter().find_map(|a| self.inner_router(a, depth - 1)),
            _ => None,
        }
    }

    pub(super) fn instantiate(&mut self, file: usize, class: Rc<str>, args: &[Val], _new: bool) -> Val {
        let made = self.new_object(Some((file, class.clone())), HashMap::new());
        let Val::Object(object) = made else { return made };
        if let Some((f, id)) = self.world.method(file, &class, "constructor", 4) {
            let names: Vec<String> = self.world.files[f]
                .units
                .get(id)
                .map(|u| u.texts("params").map(str::to_owned).collect())
                .unwrap_or_default();
            for (name, arg) in names.into_iter().zip(args) {
                // `constructor(private readonly x: X)`: a parameter that is a field.
                if !matches!(arg, Val::Unknown) {
                    self.objects[object].fields.insert(name, arg.clone());
                }
            }
            let env = self.module(f);
            self.call_unit(f, Rc::from(id), env, Some(object), args, false);
        }
        Val::Object(object)
    }

    /// Runs a function.
    pub(super) fn call_unit(
        &mut self,
        file: usize,
        id: Rc<str>,
        parent: usize,
        this: Option<usize>,
        args: &[Val],
        root: bool,
    ) -> Val {
        let here = &self.world.files[file];
        let Some(unit) = here.units.get(&*id).copied() else { return Val::Unknown };
        if !here.steps.contains_key(&*id) {
            return Val::Unknown;
        }
        let key = (file, id.clone());
        if !root {
            self.called.insert(key.clone());
        }
        // A decorator is called at every controller and gives the same each time.
        let same = args.is_empty() && this.is_none() && !root && self.modules.get(&file) == Some(&parent);
        if let (true, Some(val)) = (same, self.given.get(&key)) {
            return val.clone();
        }
        let runs = self.runs.entry(key.clone()).or_default();
        *runs += 1;
        if *runs > MAX_RUNS || self.running.len() >= MAX_DEPTH || !self.running.insert(key.clone()) {
            return Val::Unknown;
        }
        let env = self.env(Some(parent), &id);
        let types: Vec<&str> = unit.texts("types").collect();
        for (n, name) in unit.texts("params").enumerate() {
            let given = args.get(n).cloned().unwrap_or(Val::Unknown);
            let val = match given {
                Val::Unknown => {
                    let ty = types.get(n).copied().unwrap_or_default();
                    match self.typed(file, ty) {
                        Val::Unknown if root => self.customary(file, name),
                        val => val,
                    }
                }
                given => given,
            };
            self.envs[env].vars.insert(name.to_owned(), val);
        }
        let class = unit.str("class");
        let receiver = unit.str("receiver");
        let name = if receiver.is_empty() { "this" } else { receiver };
        let bound = this.map(Val::Object).or_else(|| self.var(parent, name).filter(|v| matches!(v, Val::Object(_))));
        match bound {
            Some(val) => drop(self.envs[env].vars.insert(name.to_owned(), val)),
            None if !class.is_empty() => {
                let found = self.world.class(file, class).map(|(f, c)| (f, Rc::from(c)));
                let made = match found {
                    Some((f, c)) => self.instance(f, c),
                    None => Val::Unknown,
                };
                self.envs[env].vars.insert(name.to_owned(), made);
            }
            None => {}
        }
        let out = self.scope(file, env, &id);
        self.running.remove(&key);
        if same && matches!(out, Val::Made(_) | Val::Outside(_) | Val::Text(_)) {
            self.given.insert(key, out.clone());
        }
        out
    }

    /// A parameter that has a router's name, where there are no types.
    pub(super) fn customary(&mut self, file: usize, name: &str) -> Val {
        let language = self.world.files[file].language;
        match self.specs.iter().position(|s| s.of(language) && s.names.iter().any(|n| n == name)) {
            Some(spec) => self.new_router(spec, file, false, true),
            None => Val::Unknown,
        }
    }
}
