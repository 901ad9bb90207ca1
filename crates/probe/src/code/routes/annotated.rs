//! Routes that annotations of a class declare: controllers, their methods, and what inherits them. An annotation is evaluated
//! like a call, so that decorators that a repository composes itself are what they are composed of. Next: `nest.rs` (what
//! guards NestJS), `spring.rs` (what guards Spring).

use super::eval::{At, Machine, Val};
use super::flatten::{braced, does, join};
use super::guards::Guards;
use super::nest::Nest;
use super::out::{Endpoint, Hung, Sink};
use super::spec::Spec;
use super::spring::Spring;
use crate::emit::Facts;
use ligase_domain::{Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Annotations inside annotations.
const MAX_DEPTH: u8 = 5;
/// Classes above a class.
const MAX_BASES: usize = 6;

/// One annotation, resolved.
#[derive(Clone)]
pub(super) struct Mark {
    /// Dotted as imports resolve it, or the name of what the repository composed.
    pub name: String,
    pub args: Vec<Val>,
    pub named: Vec<(String, Val)>,
}

impl Mark {
    /// An argument by its name, or the first.
    pub(super) fn argument(&self, names: &[&str]) -> Option<&Val> {
        self.named
            .iter()
            .find(|(n, _)| names.contains(&n.as_str()))
            .map(|(_, v)| v)
            .or_else(|| self.args.first().filter(|_| names.contains(&"value")))
    }
}

/// A method that answers, where it is declared.
struct Method<'f> {
    unit: &'f Seen,
    file: usize,
    marks: Vec<Mark>,
}

/// Emits the endpoints of every annotated class.
pub(super) fn emit(machine: &mut Machine<'_, '_>, guards: &Guards<'_>, sink: &mut Sink<'_, '_>) {
    let specs = machine.specs;
    for spec in specs.iter().filter(|s| s.shape == "annotated") {
        let nest = (spec.stack == "nestjs").then(|| Nest::new(machine, guards));
        let spring = (spec.stack == "spring").then(|| Spring::new(machine));
        for file in 0..machine.world.files.len() {
            let here = &machine.world.files[file];
            if !here.is_source() || !spec.of(here.language) {
                continue;
            }
            let classes: Vec<&Seen> =
                here.classes.values().copied().filter(|c| !c.list("annotations").is_empty()).collect();
            for class in classes {
                let mut reading = Reading { spec, guards, nest: nest.as_ref(), spring: spring.as_ref(), file, class };
                reading.class(machine, sink);
            }
        }
    }
}

struct Reading<'a, 'v, 'f> {
    spec: &'a Spec,
    guards: &'a Guards<'v>,
    nest: Option<&'a Nest>,
    spring: Option<&'a Spring>,
    file: usize,
    class: &'f Seen,
}

/// The annotations of a class or method.
pub(super) fn marks(machine: &mut Machine<'_, '_>, file: usize, seen: &Seen) -> Vec<Mark> {
    let mut out = Vec::new();
    for annotation in seen.list("annotations").iter().filter_map(Value::as_list) {
        let Some(name) = annotation.first().and_then(Value::as_text).filter(|n| !n.is_empty()) else { continue };
        if machine.world.files[file].language == "java" {
            java_mark(machine, file, seen, name, &annotation[4..], MAX_DEPTH, &mut out);
        } else {
            let call: Vec<Value> = [Value::from("c"), annotation[1].clone(), Value::from(format!("n:{name}"))]
                .into_iter()
                .chain(annotation[4..].iter().cloned())
                .collect();
            let env = machine.module(file);
            let val = machine.eval(At { file, env, step: 0, condition: false }, &Value::List(call));
            let before = out.len();
            unfold(machine, &val, MAX_DEPTH, &mut out);
            // The name as written, which markers of one's own are known by.
            if out[before..].iter().all(|m| m.name.rsplit('.').next() != Some(name)) {
                out.push(Mark {
                    name: name.rsplit('.').next().unwrap_or(name).to_owned(),
                    args: Vec::new(),
                    named: Vec::new(),
                });
            }
        }
    }
    out
}

fn unfold(machine: &Machine<'_, '_>, val: &Val, depth: u8, out: &mut Vec<Mark>) {
    match val {
        Val::Made(made) if depth > 0 => match &made.callee {
            Val::Outside(name) if name.ends_with("applyDecorators") => {
                made.args.iter().for_each(|a| unfold(machine, a, depth - 1, out))
            }
            Val::Outside(name) => out.push(Mark { name: name.to_string(), args: made.args.clone(), named: Vec::new() }),
            Val::Unit(file, id, _) => {
                unfold(machine, &made.result, depth - 1, out);
                out.push(Mark { name: machine.world.symbol(*file, id), args: made.args.clone(), named: Vec::new() });
            }
            callee => unfold(machine, callee, depth - 1, out),
        },
        Val::Outside(name) => out.push(Mark { name: name.to_string(), args: Vec::new(), named: Vec::new() }),
        Val::List(list) => list.iter().for_each(|v| unfold(machine, v, depth.saturating_sub(1), out)),
        _ => {}
    }
}

/// The full name of an annotation of Java.
fn java_name(machine: &Machine<'_, '_>, file: usize, name: &str) -> String {
    let here = &machine.world.files[file];
    if name.contains('.') {
        return name.to_owned();
    }
    if let Some(import) = here.imports.iter().find(|i| i.0 == name) {
        return format!("{}.{name}", import.1);
    }
    let wild = |module: &str| machine.specs.iter().any(|s| s.known(&format!("{module}.{name}")));
    match here.imports.iter().find(|i| i.2 == "*" && wild(i.1)) {
        Some(import) => format!("{}.{name}", import.1),
        None => name.to_owned(),
    }
}

fn java_mark(
    machine: &mut Machine<'_, '_>,
    file: usize,
    of: &Seen,
    name: &str,
    args: &[Value],
    depth: u8,
    out: &mut Vec<Mark>,
) {
    let dotted = java_name(machine, file, name);
    let env = machine.java_scope(file, if of.kind == "route-class" { of.str("name") } else { of.str("class") });
    let at = At { file, env, step: 0, condition: false };
    let mut mark = Mark { name: dotted, args: Vec::new(), named: Vec::new() };
    for arg in args {
        match arg.as_list() {
            Some([Value::Text(tag), Value::Text(key), value]) if tag == "k=" => {
                let val = machine.eval(at, value);
                mark.named.push((key.clone(), val));
            }
            _ => {
                let val = machine.eval(at, arg);
                mark.args.push(val);
            }
        }
    }
    // An annotation of the repository is what it is annotated with.
    if depth > 0
        && let Some((f, class)) = machine.world.class(file, name)
        && let Some(seen) = machine.world.files[f].classes.get(class).copied()
    {
        for inner in seen.list("annotations").iter().filter_map(Value::as_list) {
            if let Some(name) = inner
                .first()
                .and_then(Value::as_text)
                .filter(|n| !matches!(*n, "Target" | "Retention" | "Documented" | "Inherited"))
            {
                let before = out.len();
                java_mark(machine, f, seen, name, &inner[4..], depth - 1, out);
                // What the composed annotation is given goes to what it is composed of.
                if let Some(last) = out.get_mut(before).filter(|m| m.args.is_empty() && m.named.is_empty()) {
                    (last.args, last.named) = (mark.args.clone(), mark.named.clone());
                }
            }
        }
    }
    out.push(mark);
}

/// The texts of a value: one, or a list of them.
pub(super) fn texts_of(val: &Val) -> Vec<String> {
    match val {
        Val::Text(text) => vec![text.to_string()],
        Val::List(list) => list.iter().flat_map(texts_of).collect(),
        _ => vec!["{?}".to_owned()],
    }
}

impl<'f> Reading<'_, '_, 'f> {
    fn class(&mut self, machine: &mut Machine<'_, 'f>, sink: &mut Sink<'_, '_>) {
        let own = marks(machine, self.file, self.class);
        let has = |list: &[String]| own.iter().find(|m| list.contains(&m.name));
        let Some(controller) = has(&self.spec.controllers) else {
            if let Some(strange) = has(&self.spec.unmodelled) {
                let what = strange.name.rsplit('.').next().unwrap_or_default().to_owned();
                sink.unmodelled(
                    self.file,
                    self.class.span,
                    &self.class.snippet,
                    &self.spec.stack,
                    &what,
                    self.class.str("name"),
                );
            }
            return;
        };
        // `@FeignClient` is a client that is written like a controller.
        if own.iter().any(|m| m.name.ends_with(".FeignClient")) || self.class.flag("shape") {
            return;
        }
        let (prefixes, version) = self.prefixes(machine, controller, &own);
        let own = if self.nest.is_some() { self.inherited(machine, own) } else { own };
        let mut told: BTreeSet<(String, usize)> = BTreeSet::new();
        let mut above: Vec<(usize, &'f Seen)> = vec![(self.file, self.class)];
        let mut n = 0;
        while n < above.len() && n < MAX_BASES {
            let (file, class) = above[n];
            self.methods(machine, sink, &own, &prefixes, &version, (file, class), &mut told);
            for base in class.texts("bases") {
                let base = base.split(['<', '(']).next().unwrap_or(base).trim();
                match machine
                    .world
                    .class(file, base)
                    .and_then(|(f, c)| Some((f, *machine.world.files[f].classes.get(c)?)))
                {
                    Some(found) => above.push(found),
                    None if self.spring.is_some() && base.ends_with("Api") => {
                        // An interface that a generator writes has the mappings.
                        sink.unmodelled(
                            self.file,
                            self.class.span,
                            &self.class.snippet,
                            &self.spec.stack,
                            &format!("routes of {base}"),
                            self.class.str("name"),
                        );
                    }
                    None => {}
                }
            }
            n += 1;
        }
    }

    /// What stands on the classes above holds for a class that does not say the same of itself: decorators of NestJS write
    /// metadata, which is looked for along the chain of prototypes. What makes a controller is each class's own.
    fn inherited(&self, machine: &mut Machine<'_, 'f>, mut own: Vec<Mark>) -> Vec<Mark> {
        let (mut file, mut class) = (self.file, self.class);
        for _ in 0..MAX_BASES {
            let Some(base) = class.texts("bases").next() else { break };
            let base = base.split(['<', '(']).next().unwrap_or(base).trim();
            let Some((f, name)) = machine.world.class(file, base) else { break };
            let Some(above) = machine.world.files[f].classes.get(name).copied() else { break };
            (file, class) = (f, above);
            for mark in marks(machine, file, class) {
                let makes = self.spec.controllers.contains(&mark.name) || self.spec.prefixes.contains(&mark.name);
                if !makes && own.iter().all(|m| m.name != mark.name) {
                    own.push(mark);
                }
            }
        }
        own
    }

    fn prefixes(
        &self,
        machine: &mut Machine<'_, '_>,
        controller: &Mark,
        own: &[Mark],
    ) -> (Vec<String>, Option<String>) {
        let mapping = own.iter().find(|m| self.spec.prefixes.contains(&m.name));
        let from = if self.spec.prefixes.is_empty() { Some(controller) } else { mapping };
        let Some(mark) = from else { return (vec![String::new()], None) };
        match mark.argument(&["value", "path"]) {
            Some(Val::Object(object)) => {
                let fields = machine.objects[*object].fields.clone();
                let path = fields.get("path").map_or(vec![String::new()], texts_of);
                (path, fields.get("version").and_then(|v| texts_of(v).into_iter().next()))
            }
            Some(val) => (texts_of(val), None),
            None => (vec![String::new()], None),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn methods(
        &mut self,
        machine: &mut Machine<'_, 'f>,
        sink: &mut Sink<'_, '_>,
        own: &[Mark],
        prefixes: &[String],
        version: &Option<String>,
        (file, class): (usize, &'f Seen),
        told: &mut BTreeSet<(String, usize)>,
    ) {
        let name = class.str("name");
        let world = machine.world;
        let units: Vec<&'f Seen> = world.files[file]
            .units
            .values()
            .copied()
            .filter(|u| u.str("class") == name && !u.list("annotations").is_empty())
            .collect();
        for unit in units {
            let key = (unit.str("name").to_owned(), unit.list("params").len());
            let mut marks = marks(machine, file, unit);
            // What the class overrides is annotated there too.
            if file != self.file
                && let Some(over) = world.files[self.file]
                    .units
                    .values()
                    .find(|u| u.str("class") == self.class.str("name") && u.str("name") == unit.str("name"))
            {
                marks.extend(self::marks(machine, self.file, over));
            }
            if !marks.iter().any(|m| self.spec.handlers.contains_key(&m.name)) || !told.insert(key) {
                continue;
            }
            self.method(machine, sink, own, prefixes, version, Method { unit, file, marks });
        }
    }

    fn method(
        &mut self,
        machine: &mut Machine<'_, '_>,
        sink: &mut Sink<'_, '_>,
        own: &[Mark],
        prefixes: &[String],
        version: &Option<String>,
        method: Method<'_>,
    ) {
        let handler =
            format!("{}.{}.{}", machine.world.module_name(self.file), self.class.str("name"), method.unit.str("name"));
        for mark in method.marks.iter().filter(|m| self.spec.handlers.contains_key(&m.name)) {
            let paths = match mark.argument(&["value", "path"]) {
                Some(Val::Object(_)) | None => vec![String::new()],
                Some(val) => texts_of(val),
            };
            for verb in self.verbs(mark) {
                for path in paths.iter().flat_map(|p| prefixes.iter().map(move |prefix| (prefix, p))) {
                    let local = join(&braced(path.0), &braced(path.1));
                    let full = match self.nest {
                        Some(nest) => nest.full_path(machine, self.file, &local, version.as_deref()),
                        None => local.clone(),
                    };
                    let (guards, reason) = self.chain(machine, own, &method, &verb, &full);
                    let reason = match reason {
                        "" if full.contains("{?}") => "path-not-a-constant",
                        reason => reason,
                    };
                    let files: BTreeSet<usize> =
                        guards.iter().flat_map(|h| h.guard.files.iter().copied()).chain([method.file]).collect();
                    sink.endpoint(Endpoint {
                        file: method.file,
                        span: method.unit.span,
                        snippet: method.unit.snippet.clone(),
                        stack: self.spec.stack.clone(),
                        method: verb.clone(),
                        path: braced(path.1),
                        full_path: full,
                        handler: handler.clone(),
                        guards,
                        reason,
                        files_only: method.unit.flag("shows"),
                        does: does(method.unit),
                        anchors: self.anchors(&method),
                        files,
                    });
                }
            }
        }
    }

    /// Where the annotation that declares the route stands.
    fn anchors(&self, method: &Method<'_>) -> BTreeMap<String, Span> {
        let mut anchors = BTreeMap::from([("handler".to_owned(), method.unit.span)]);
        let declares = |name: &str| self.spec.handlers.keys().any(|h| h.rsplit('.').next() == name.rsplit('.').next());
        for annotation in method.unit.list("annotations").iter().filter_map(Value::as_list) {
            let number = |n: usize| {
                annotation.get(n).and_then(Value::as_int).and_then(|v| u32::try_from(v).ok()).unwrap_or_default()
            };
            if annotation.first().and_then(Value::as_text).is_some_and(declares) {
                let at = Span { start: number(1), end: number(2), line: number(3), end_line: number(3) };
                anchors.insert("route".to_owned(), at);
                break;
            }
        }
        anchors
    }

    fn verbs(&self, mark: &Mark) -> Vec<String> {
        let verb = self.spec.handlers[&mark.name].clone();
        if verb != "ANY" {
            return vec![verb];
        }
        let Some((_, given)) = mark.named.iter().find(|(n, _)| n == "method") else { return vec![verb] };
        let of = |v: &Val| match v {
            Val::Outside(name) => name.rsplit('.').next().map(str::to_owned),
            Val::Text(text) => Some(text.to_string()),
            _ => None,
        };
        let all: Vec<String> = match given {
            Val::List(list) => list.iter().filter_map(of).collect(),
            one => of(one).into_iter().collect(),
        };
        if all.is_empty() { vec![verb] } else { all }
    }

    fn chain(
        &self,
        machine: &mut Machine<'_, '_>,
        own: &[Mark],
        method: &Method<'_>,
        verb: &str,
        full: &str,
    ) -> (Vec<Hung>, &'static str) {
        let (mut hung, mut reason) = (Vec::new(), "");
        if let Some(spring) = self.spring {
            reason = spring.chain(machine, self.spec, self.file, (&method.marks, own), (verb, full), &mut hung);
        }
        if let Some(nest) = self.nest {
            nest.chain(
                machine,
                self.guards,
                self.spec,
                self.file,
                &method.marks,
                own,
                (verb, full),
                self.class.str("name"),
                &mut hung,
            );
        }
        if !hung.iter().any(|h| h.guard.guards() && !h.guard.optional) {
            let env = machine.module(method.file);
            let handler = Val::Unit(method.file, method.unit.str("id").into(), env);
            if let Some(inside) = self.guards.inside(machine, &handler) {
                hung.push(Hung { guard: inside, from: "handler" });
            }
        }
        let handler = Val::Unit(method.file, method.unit.str("id").into(), 0);
        hung.extend(self.guards.counts(machine, &handler).map(|guard| Hung { guard, from: "handler" }));
        (hung, reason)
    }
}
