//! What guards NestJS: guards of methods and classes, of the whole application (`APP_GUARD`, `useGlobalGuards`), middleware
//! that a module applies to routes, markers that open (`@Public()`), the prefix and versions of paths. Next: `annotated.rs`.

use super::annotated::{Mark, marks, texts_of};
use super::eval::{At, Machine, Val};
use super::flatten::{braced, join, opened};
use super::guards::Guards;
use super::out::Hung;
use super::spec::Spec;
use crate::emit::Facts;
use ligase_domain::Value;
use std::collections::BTreeSet;

/// Middleware that a module applies.
struct Applied {
    root: String,
    hung: Hung,
    /// (method, path or class); empty is everywhere.
    to: Vec<(String, String)>,
}

/// What stands before every controller of an application.
#[derive(Default)]
pub(super) struct Nest {
    /// (folder of the application, guard).
    globals: Vec<(String, Hung)>,
    /// (folder of the application, what sets a module up, its arguments).
    configured: Vec<(String, String, Vec<Val>)>,
    applied: Vec<Applied>,
    /// (folder of the application, prefix).
    prefixes: Vec<(String, String)>,
    versioned: Vec<String>,
}

/// The folder of an application: what stands before `src`.
fn root_of(path: &str) -> String {
    match path.split_once("src/") {
        Some((before, _)) => before.to_owned(),
        None => path.rsplit_once('/').map_or(String::new(), |(f, _)| format!("{f}/")),
    }
}

fn list_of(val: Option<&Val>) -> Vec<Val> {
    match val {
        Some(Val::List(list)) => list.iter().flat_map(|v| list_of(Some(v))).collect(),
        Some(val) => vec![val.clone()],
        None => Vec::new(),
    }
}

/// Calls inside an encoded value whose callee ends with a name: what is called on, and the arguments.
fn calls<'v>(value: &'v Value, name: &str, out: &mut Vec<(&'v Value, &'v [Value])>) {
    let mut open = vec![value];
    while let Some(at) = open.pop() {
        let Some(list) = at.as_list() else { continue };
        if let [Value::Text(tag), _, callee, args @ ..] = list
            && tag == "c"
        {
            let method = match callee {
                Value::Text(text) => text.rsplit('.').next(),
                Value::List(inner) => inner.get(2).and_then(Value::as_text),
                _ => None,
            };
            if method == Some(name) {
                out.push((callee, args));
            }
        }
        open.extend(list);
    }
}

impl Nest {
    pub(super) fn new(machine: &mut Machine<'_, '_>, guards: &Guards<'_>) -> Self {
        let mut nest = Self::default();
        for file in 0..machine.world.files.len() {
            let here = &machine.world.files[file];
            if !here.is_source()
                || here.language != "typescript"
                || !here.imports.iter().any(|i| i.1.starts_with("@nestjs/"))
            {
                continue;
            }
            nest.modules(machine, guards, file);
            nest.starts(machine, guards, file);
        }
        nest
    }

    /// `providers: [{ provide: APP_GUARD, useClass: JwtAuthGuard }]`.
    fn modules(&mut self, machine: &mut Machine<'_, '_>, guards: &Guards<'_>, file: usize) {
        let world = machine.world;
        let root = root_of(&world.files[file].path);
        for class in world.files[file].classes.values().copied().collect::<Vec<_>>() {
            let own = marks(machine, file, class);
            for module in own.iter().filter(|m| m.name == "@nestjs/common.Module") {
                let Some(Val::Object(object)) = module.args.first() else { continue };
                let imports = machine.objects[*object].fields.get("imports").cloned();
                for import in list_of(imports.as_ref()) {
                    if let Val::Made(made) = &import
                        && let Val::Outside(name) = &made.callee
                    {
                        self.configured.push((root.clone(), name.to_string(), made.args.clone()));
                    }
                }
                let providers = machine.objects[*object].fields.get("providers").cloned();
                for provider in list_of(providers.as_ref()) {
                    let Val::Object(object) = provider else { continue };
                    let fields = machine.objects[object].fields.clone();
                    let is_guard = matches!(fields.get("provide"), Some(Val::Outside(n)) if n.ends_with("APP_GUARD"));
                    if !is_guard {
                        continue;
                    }
                    let guard = ["useClass", "useExisting", "useValue", "useFactory"]
                        .iter()
                        .find_map(|k| fields.get(*k))
                        .cloned()
                        .unwrap_or(Val::Unknown);
                    let guard = guards.of(machine, &guard, 3);
                    self.globals.push((root.clone(), Hung { guard, from: "global" }));
                }
            }
        }
    }

    /// What the start of an application and `configure` of a module say.
    fn starts(&mut self, machine: &mut Machine<'_, '_>, guards: &Guards<'_>, file: usize) {
        let world = machine.world;
        let root = root_of(&world.files[file].path);
        let steps: Vec<_> = world.files[file].steps.values().flatten().copied().collect();
        for (number, step) in steps {
            let Some(value) = step.attributes.get("value") else { continue };
            let env = machine.module(file);
            let at = At { file, env, step: number, condition: false };
            let mut found = Vec::new();
            calls(value, "setGlobalPrefix", &mut found);
            for (_, args) in found.drain(..) {
                let prefix = args.first().map_or(Val::Unknown, |a| machine.eval(at, a));
                if let Val::Text(prefix) = prefix {
                    self.prefixes.push((root.clone(), prefix.replace("{?}", "")));
                }
            }
            calls(value, "enableVersioning", &mut found);
            if found.drain(..).next().is_some() {
                self.versioned.push(root.clone());
            }
            calls(value, "useGlobalGuards", &mut found);
            for (_, args) in found.drain(..) {
                for arg in args {
                    let val = machine.eval(at, arg);
                    let guard = guards.of(machine, &val, 3);
                    self.globals.push((root.clone(), Hung { guard, from: "global" }));
                }
            }
            calls(value, "use", &mut found);
            for (_, args) in found.drain(..) {
                self.used(machine, guards, at, &root, args, step.flag("cond"));
            }
            calls(value, "forRoutes", &mut found);
            for (callee, args) in found.drain(..) {
                self.applies(machine, guards, at, &root, callee, args);
            }
        }
    }

    /// `app.use('/auth/login', rateLimit({ … }))`: what limits before anything of the application is asked.
    fn used(
        &mut self,
        machine: &mut Machine<'_, '_>,
        guards: &Guards<'_>,
        at: At,
        root: &str,
        args: &[Value],
        condition: bool,
    ) {
        let all: Vec<Val> = args.iter().map(|a| machine.eval(at, a)).collect();
        let (path, rest) = match all.split_first() {
            Some((Val::Text(path), rest)) => (path.trim_end_matches('/').to_owned(), rest),
            _ => (String::new(), &all[..]),
        };
        for val in rest {
            let mut guard = guards.of(machine, val, 3);
            if guard.kind != "rate-limit" {
                continue;
            }
            if condition {
                guard.rate = None;
            }
            let to = vec![("ALL".to_owned(), format!("{path}/*"))];
            self.applied.push(Applied { root: root.to_owned(), hung: Hung { guard, from: "middleware" }, to });
        }
    }

    /// `consumer.apply(AuthMiddleware).forRoutes({ path: 'user', method: RequestMethod.GET })`.
    fn applies(
        &mut self,
        machine: &mut Machine<'_, '_>,
        guards: &Guards<'_>,
        at: At,
        root: &str,
        callee: &Value,
        args: &[Value],
    ) {
        let mut applied = Vec::new();
        calls(callee, "apply", &mut applied);
        let mut to = Vec::new();
        for arg in args {
            let val = machine.eval(at, arg);
            for one in list_of(Some(&val)) {
                match &one {
                    Val::Text(path) => to.push(("ALL".to_owned(), path.to_string())),
                    Val::Class(_, class) => to.push(("ALL".to_owned(), format!("class {class}"))),
                    Val::Object(object) => {
                        let fields = &machine.objects[*object].fields;
                        let path = fields.get("path").map_or("*".to_owned(), |p| texts_of(p).join(""));
                        let method = match fields.get("method") {
                            Some(Val::Outside(name)) => name.rsplit('.').next().unwrap_or("ALL").to_owned(),
                            _ => "ALL".to_owned(),
                        };
                        to.push((method, path));
                    }
                    _ => {}
                }
            }
        }
        for (_, args) in applied {
            for arg in args {
                let val = machine.eval(at, arg);
                let guard = guards.of(machine, &val, 3);
                self.applied.push(Applied {
                    root: root.to_owned(),
                    hung: Hung { guard, from: "middleware" },
                    to: to.clone(),
                });
            }
        }
    }

    /// A route's path with the application's prefix and version.
    pub(super) fn full_path(
        &self,
        machine: &Machine<'_, '_>,
        file: usize,
        local: &str,
        version: Option<&str>,
    ) -> String {
        let root = root_of(&machine.world.files[file].path);
        let prefix = self.prefixes.iter().find(|(r, _)| *r == root).map_or("", |(_, p)| p.as_str());
        let versioned = self.versioned.contains(&root);
        let local = match version.filter(|v| versioned && !v.contains('{')) {
            Some(version) => join(&format!("v{version}"), local),
            None => local.to_owned(),
        };
        if prefix.is_empty() { local } else { join(&join("", prefix), &local) }
    }

    /// The guards of one route, the outer last.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn chain(
        &self,
        machine: &mut Machine<'_, '_>,
        guards: &Guards<'_>,
        spec: &Spec,
        file: usize,
        method: &[Mark],
        class: &[Mark],
        (verb, full): (&str, &str),
        class_name: &str,
        hung: &mut Vec<Hung>,
    ) {
        let mut keys: BTreeSet<String> = BTreeSet::new();
        for mark in method.iter().chain(class) {
            keys.insert(mark.name.rsplit('.').next().unwrap_or(&mark.name).to_owned());
            if mark.name.ends_with("SetMetadata") {
                let off = mark.args.get(1).is_some_and(|v| matches!(v, Val::Text(t) if &**t == "false"));
                keys.extend(mark.args.first().filter(|_| !off).map(texts_of).into_iter().flatten());
            }
        }
        for (list, from) in [(method, "decorator"), (class, "class")] {
            for mark in list.iter().filter(|m| spec.guards.contains(&m.name)) {
                for arg in list_of(Some(&Val::list(mark.args.clone()))) {
                    let guard = guards.of(machine, &arg, 3);
                    hung.push(Hung { guard, from });
                }
            }
        }
        let root = root_of(&machine.world.files[file].path);
        let shared = |r: &str| r == root || self.globals.iter().all(|(g, _)| g == r) && root.starts_with(r);
        hung.extend(self.globals.iter().filter(|(r, _)| shared(r)).map(|(_, h)| h.clone()));
        for applied in self.applied.iter().filter(|a| a.root == root) {
            let prefix = self.prefixes.iter().find(|(r, _)| *r == root).map_or("", |(_, p)| p.as_str());
            let matches = |(method, path): &(String, String)| {
                let path_fits = match path.strip_prefix("class ") {
                    Some(class) => class == class_name,
                    None => fits(full, &join(prefix, &braced(path))) || fits(full, &join("", &braced(path))),
                };
                path_fits && (method == "ALL" || method == verb)
            };
            if applied.to.iter().any(matches) {
                hung.push(applied.hung.clone());
            }
        }
        hung.retain(|h| !opened(&h.guard, &keys));
        let set_up: Vec<(String, Vec<Val>)> =
            self.configured.iter().filter(|(r, ..)| shared(r)).map(|(_, n, a)| (n.clone(), a.clone())).collect();
        hung.retain_mut(|h| guards.annotated(machine, &mut h.guard, &[method, class], &set_up));
    }
}

/// Whether a path is what a middleware is applied to.
fn fits(full: &str, pattern: &str) -> bool {
    if pattern.ends_with("{path}") {
        let before = pattern.trim_end_matches("{path}").trim_end_matches('/');
        return full == before || full.starts_with(&format!("{before}/"));
    }
    let (a, b): (Vec<&str>, Vec<&str>) = (full.split('/').collect(), pattern.split('/').collect());
    a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| x == y || (x.starts_with('{') && y.starts_with('{')))
}
