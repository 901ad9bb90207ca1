//! What a name is where routes are put together: a variable, a function, a class, what another file gives, a field, and what a
//! type says of what nobody shows. Next: `calls.rs`.

use super::eval::{At, MAX_DEPTH, MAX_OBJECTS, Machine, Router, Val};
use super::world::unversioned;
use crate::emit::Facts;
use ligase_domain::Value;
use std::collections::HashMap;
use std::rc::Rc;

/// Files that hand on what the next one gives.
const MAX_ASKED: usize = 64;

impl Machine<'_, '_> {
    /// What a dotted name is.
    pub(super) fn name(&mut self, at: At, dotted: &str) -> Val {
        if let Some(val) = self.var(at.env, dotted) {
            return val;
        }
        let (first, rest) = dotted.split_once('.').map_or((dotted, ""), |(f, r)| (f, r));
        let mut val = match self.var(at.env, first) {
            Some(val) => val,
            None => self.free(at, first),
        };
        for part in rest.split('.').filter(|p| !p.is_empty()).take(8) {
            val = self.member(&val, part);
        }
        val
    }

    pub(super) fn var(&self, env: usize, name: &str) -> Option<Val> {
        let mut at = Some(env);
        while let Some(env) = at {
            if let Some(val) = self.envs[env].vars.get(name) {
                return Some(val.clone());
            }
            at = self.envs[env].parent;
        }
        None
    }

    /// A name that no scope binds: a function, a class, an import, another file of the package.
    pub(super) fn free(&mut self, at: At, name: &str) -> Val {
        let here = &self.world.files[at.file];
        let mut env = Some(at.env);
        while let Some(e) = env {
            let scope: &str = &self.envs[e].unit;
            if let Some(id) = here.named.get(&(scope, name)) {
                return Val::Unit(at.file, Rc::from(*id), e);
            }
            env = self.envs[e].parent;
        }
        if let Some(id) = here.named.get(&("", name)) {
            let env = self.module(at.file);
            return Val::Unit(at.file, Rc::from(*id), env);
        }
        if here.classes.contains_key(name) {
            return Val::Class(at.file, Rc::from(name));
        }
        let own = self.module(at.file);
        if own != at.env
            && let Some(val) = self.envs[own].vars.get(name)
        {
            return val.clone();
        }
        if let Some((_, module, symbol)) = here.imports.iter().find(|i| i.0 == name) {
            return self.imported(at.file, module, symbol);
        }
        match here.language {
            "go" => {
                let folder = here.folder.clone();
                self.of_folder(&folder, name, Some(at.file))
            }
            "java" => match self.world.class(at.file, name) {
                Some((f, class)) => Val::Class(f, Rc::from(class)),
                // A class of a package that is imported whole.
                None if name.starts_with(char::is_uppercase) => Val::Outside(Rc::from(name)),
                None => Val::Unknown,
            },
            _ => Val::Unknown,
        }
    }

    pub(super) fn of_folder(&mut self, folder: &str, name: &str, but: Option<usize>) -> Val {
        let files: Vec<usize> = self.world.folders.get(folder).cloned().unwrap_or_default();
        for file in files.into_iter().filter(|f| Some(*f) != but) {
            let there = &self.world.files[file];
            if let Some(id) = there.named.get(&("", name)) {
                let env = self.module(file);
                return Val::Unit(file, Rc::from(*id), env);
            }
            if there.classes.contains_key(name) {
                return Val::Class(file, Rc::from(name));
            }
            let env = self.module(file);
            if let Some(val) = self.envs[env].vars.get(name) {
                return val.clone();
            }
        }
        Val::Unknown
    }

    /// What an import gives.
    pub(super) fn imported(&mut self, file: usize, module: &str, symbol: &str) -> Val {
        let name = symbol.strip_prefix('.');
        if self.world.files[file].language == "java" {
            let name = name.unwrap_or_default();
            return match self.world.class(file, name) {
                Some((f, class)) => Val::Class(f, Rc::from(class)),
                None => Val::Outside(Rc::from(format!("{module}.{name}"))),
            };
        }
        if self.world.files[file].language == "go" {
            // A folder stands for its package; its name is kept until a member is asked for.
            return Val::Outside(Rc::from(format!("go:{module}")));
        }
        match self.world.module(file, module) {
            Some(found) => match (name, symbol) {
                (Some(name), _) => self.export(found, name, 8),
                (None, "default") => self.export(found, "default", 8),
                _ => Val::Module(found),
            },
            None if module.starts_with('.') || module.starts_with("@/") || module.starts_with("~/") => Val::Unknown,
            None => match self.of_package(module, name) {
                Some(val) => val,
                None => Val::Outside(Rc::from(match name {
                    Some(name) => format!("{module}.{name}"),
                    None => module.to_owned(),
                })),
            },
        }
    }

    /// What a package of the same repository gives: `@acme/shared` that lies in `libs/shared`. The name alone does not say that
    /// it lies here, so it must give what is asked for.
    fn of_package(&mut self, module: &str, name: Option<&str>) -> Option<Val> {
        let (scope, package) = module.strip_prefix('@')?.split_once('/')?;
        let known = self.specs.iter().any(|s| s.controllers.iter().any(|c| c.starts_with(&format!("@{scope}/"))));
        let found = self.world.packages.get(package).filter(|f| f.len() == 1 && !known)?[0];
        let val = self.export(found, name?, 8);
        (!matches!(val, Val::Unknown)).then_some(val)
    }

    /// What a file gives under a name. What files only hand to one another, in a ring, none of them has.
    pub(super) fn export(&mut self, file: usize, name: &str, depth: u8) -> Val {
        self.touched.insert(file);
        let env = self.module(file);
        let asked = (file, name.to_owned());
        if self.asking.len() >= MAX_ASKED || !self.asking.insert(asked.clone()) {
            return Val::Unknown;
        }
        let val = self.exported(file, env, name, depth);
        self.asking.remove(&asked);
        val
    }

    fn exported(&mut self, file: usize, env: usize, name: &str, depth: u8) -> Val {
        let there = &self.world.files[file];
        let at = At { file, env, step: 0, condition: false };
        if let Some(inside) = there.exports.get(name) {
            return match (self.name(at, inside), *inside) {
                (Val::Unknown, "module.exports") => Val::Module(file),
                (val, _) => val,
            };
        }
        if name == "default" {
            return Val::Module(file);
        }
        // `module.exports = make()` gives what it makes.
        if let Some("module.exports") = there.exports.get("default").copied()
            && let Some(val) = self.var(env, "module.exports")
        {
            return self.member(&val, name);
        }
        let stars: Vec<&str> = there.stars.iter().copied().take(60).collect();
        for star in stars.into_iter().filter(|_| depth > 0) {
            if let Some(found) = self.world.module(file, star) {
                let val = self.export(found, name, depth - 1);
                if !matches!(val, Val::Unknown) {
                    return val;
                }
            }
        }
        Val::Unknown
    }

    pub(super) fn member(&mut self, of: &Val, name: &str) -> Val {
        match of {
            Val::Outside(outside) => match outside.strip_prefix("go:") {
                Some(module) => match self.world.go_folder(module).map(str::to_owned) {
                    Some(folder) => self.of_folder(&folder, name, None),
                    None => Val::Outside(Rc::from(format!("{}.{name}", unversioned(module)))),
                },
                None if outside.len() > 200 => Val::Unknown,
                None => Val::Outside(Rc::from(format!("{outside}.{name}"))),
            },
            Val::Module(file) => self.export(*file, name, 8),
            Val::Object(object) => self.field(*object, name),
            Val::Class(file, class) => match self.world.method(*file, class, name, 6) {
                Some((f, id)) => {
                    let env = self.module(f);
                    Val::Unit(f, Rc::from(id), env)
                }
                None => self.class_field(*file, class, name, None),
            },
            Val::Made(made) => match (&made.result, &made.callee) {
                (Val::Unknown, Val::Outside(outside)) => Val::Outside(Rc::from(format!("{outside}.{name}"))),
                (Val::Unknown, _) => Val::Unknown,
                (result, _) => self.member(&result.clone(), name),
            },
            Val::Either(all) => {
                let all = all.clone();
                all.iter().map(|v| self.member(v, name)).find(|v| !matches!(v, Val::Unknown)).unwrap_or(Val::Unknown)
            }
            // `handler.bind(this)`, `default` of what is already the default.
            Val::Unit(..) | Val::Router(_)
                if matches!(name, "default" | "bind" | "ServeHTTP" | "router" | "unless") =>
            {
                of.clone()
            }
            _ => Val::Unknown,
        }
    }

    pub(super) fn field(&mut self, object: usize, name: &str) -> Val {
        if let Some(val) = self.objects[object].fields.get(name) {
            return val.clone();
        }
        let Some((file, class)) = self.objects[object].class.clone() else { return Val::Unknown };
        if let Some((f, id)) = self.world.method(file, &class, name, 6) {
            let parent = self.module(f);
            let env = self.env(Some(parent), "");
            let receiver = self.world.files[f].units.get(id).map_or("", |u| u.str("receiver"));
            let this = if receiver.is_empty() { "this" } else { receiver };
            self.envs[env].vars.insert(this.to_owned(), Val::Object(object));
            return Val::Unit(f, Rc::from(id), env);
        }
        self.class_field(file, &class, name, Some(object))
    }

    /// A field by what its class says: its value, or an instance of its type.
    pub(super) fn class_field(&mut self, file: usize, class: &str, name: &str, of: Option<usize>) -> Val {
        let Some(seen) = self.world.files[file].classes.get(class).copied() else { return Val::Unknown };
        let field = seen
            .list("fields")
            .iter()
            .filter_map(Value::as_list)
            .find(|f| f.first().and_then(Value::as_text) == Some(name));
        let val = match field {
            Some([_, Value::Text(ty), value]) => {
                let parent = self.module(file);
                let env = self.env(Some(parent), "");
                if let Some(object) = of {
                    self.envs[env].vars.insert("this".to_owned(), Val::Object(object));
                    // A field that is made of itself.
                    self.objects[object].fields.insert(name.to_owned(), Val::Unknown);
                }
                let at = At { file, env, step: 0, condition: false };
                match (value, of) {
                    (Value::Text(empty), _) if empty.is_empty() => self.typed(file, ty),
                    (value, _) => self.eval(at, value),
                }
            }
            _ => {
                // An embedded struct, a base class.
                let bases: Vec<(usize, Rc<str>)> = seen
                    .texts("bases")
                    .filter_map(|b| self.world.class(file, b))
                    .map(|(f, c)| (f, Rc::from(c)))
                    .take(6)
                    .collect();
                let named = bases.iter().find(|(_, c)| c.as_ref() == name).cloned();
                if let (Some((f, c)), "go") = (named, self.world.files[file].language) {
                    self.instance(f, c)
                } else {
                    bases
                        .into_iter()
                        .filter(|(f, c)| (*f, c.as_ref()) != (file, class))
                        .map(|(f, c)| if self.depth < MAX_DEPTH { self.nested(f, &c, name, of) } else { Val::Unknown })
                        .find(|v| !matches!(v, Val::Unknown))
                        .unwrap_or(Val::Unknown)
                }
            }
        };
        if let Some(object) = of {
            self.objects[object].fields.insert(name.to_owned(), val.clone());
        }
        val
    }

    pub(super) fn nested(&mut self, file: usize, class: &str, name: &str, of: Option<usize>) -> Val {
        self.depth += 1;
        let val = self.class_field(file, class, name, of);
        self.depth -= 1;
        val
    }

    pub(super) fn instance(&mut self, file: usize, class: Rc<str>) -> Val {
        self.new_object(Some((file, class)), HashMap::new())
    }

    /// The framework whose routers have a type, or a name by custom.
    pub(super) fn router_type(&self, file: usize, name: &str) -> Option<usize> {
        if name.is_empty() {
            return None;
        }
        let here = &self.world.files[file];
        let (first, last) = name.split_once('.').map_or((name, ""), |(f, l)| (f, l));
        let import = here.imports.iter().find(|i| i.0 == first);
        let dotted = import.map(|(_, module, symbol)| match (symbol.strip_prefix('.'), last) {
            (Some(name), "") => format!("{}.{name}", unversioned(module)),
            (_, "") => unversioned(module),
            (_, last) => format!("{}.{last}", unversioned(module)),
        });
        self.specs
            .iter()
            .position(|s| s.of(here.language) && dotted.as_ref().is_some_and(|d| s.types.iter().any(|t| t == d)))
    }

    /// Something of a type: a router that somebody hands in, or an instance.
    pub(super) fn typed(&mut self, file: usize, ty: &str) -> Val {
        if ty.is_empty() {
            return Val::Unknown;
        }
        if let Some(spec) = self.router_type(file, ty) {
            return self.new_router(spec, file, false, true);
        }
        match self.world.class(file, ty) {
            Some((f, class)) => self.instance(f, Rc::from(class)),
            None => Val::Unknown,
        }
    }

    pub(super) fn new_router(&mut self, spec: usize, file: usize, application: bool, handed: bool) -> Val {
        if self.routers.len() > MAX_OBJECTS {
            return Val::Unknown;
        }
        self.routers.push(Router {
            spec,
            application,
            handed,
            at: None,
            events: Vec::new(),
            wraps: Vec::new(),
            file,
            mounted: false,
            escaped: false,
            root: self.root.clone(),
        });
        Val::Router(self.routers.len() - 1)
    }

    /// An environment in which a class of Java sees its own constants.
    pub(super) fn java_scope(&mut self, file: usize, class: &str) -> usize {
        let parent = self.module(file);
        let env = self.env(Some(parent), "");
        let Some(seen) = self.world.files[file].classes.get(class).copied() else { return env };
        for field in seen.list("fields").iter().filter_map(Value::as_list) {
            if let [Value::Text(name), _, value] = field
                && value.as_text() != Some("")
            {
                let val = self.eval(At { file, env, step: 0, condition: false }, value);
                self.envs[env].vars.insert(name.clone(), val);
            }
        }
        env
    }
}
