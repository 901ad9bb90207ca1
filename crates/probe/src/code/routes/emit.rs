//! What one file says of routes: what it takes and gives, its functions with what their bodies do to a request, its classes
//! with their annotations, and the statements of scopes in which routes are hung. Whether a name is a router is not known
//! here. Next: `summary.rs`, `encode.rs`, then `world.rs`.

use super::encode::Encoder;
use super::spec::Spec;
use super::summary::{Reader, of_a_request};
use crate::code::Reading;
use crate::code::model::{
    Annotation, BlockKind, Call, Class, Expr, ExprKind, Function, Module, Stmt, StmtKind, Symbol,
};
use crate::emit::{Attributes, Emit, texts};
use crate::set::ENGINE_VERSION;
use crate::snippet::snippet;
use ligase_domain::{ProbeRef, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Statements of one scope, and of one file.
const MAX_SCOPE_STEPS: usize = 250;
const MAX_FILE_STEPS: usize = 1_000;
/// Functions and classes of one file.
const MAX_UNITS: usize = 500;
/// Imports and exports of one fact.
const MAX_NAMES: usize = 16;
/// Calls of one statement that have a place of their own.
const MAX_PLACES: usize = 10;
/// Fields of a class.
const MAX_FIELDS: usize = 30;
/// What a class is made of: a struct may embed one for each part of an application.
const MAX_BASES: usize = 40;
/// Bytes of a value in one fact; a larger one is unknown.
const MAX_VALUE: usize = 2_400;
/// Words of functions that put an application together.
const PUTS_TOGETHER: &[&str] = &[
    "route",
    "routes",
    "router",
    "routers",
    "server",
    "app",
    "setup",
    "init",
    "handler",
    "handlers",
    "middleware",
    "middlewares",
    "register",
    "bootstrap",
    "main",
    "start",
    "serve",
    "mount",
    "listen",
    "new",
    "endpoints",
    "api",
    "build",
    "create",
    "constructor",
    "run",
    "configure",
    "load",
    "web",
    "engine",
];

/// Emits everything about routes of one file.
pub(crate) fn emit(reading: &Reading<'_, '_>, specs: &[Spec], out: &mut Emit<'_>) {
    let language = match reading.class.dialect.as_str() {
        "javascript" => "typescript",
        dialect => dialect,
    };
    let verbs: BTreeSet<String> = specs.iter().filter(|s| s.of(language)).flat_map(Spec::verbs).collect();
    let (text, vocabulary) = (reading.text, reading.vocabulary);
    let places = if language == "java" { 0 } else { MAX_PLACES };
    let reader = Reader { vocabulary, text };
    let mut emitter =
        Emitter { text, verbs: &verbs, reader, out: &mut out.out, steps: MAX_FILE_STEPS, units: MAX_UNITS, places };
    emitter.names(reading.module);
    // What a browser runs answers nobody.
    let browser = |m: &str| matches!(m, "react" | "vue" | "svelte" | "@angular/core" | "preact" | "solid-js");
    if !reading.module.imports.iter().any(|i| browser(&i.module)) {
        emitter.scope("", &reading.module.body, language != "java", "", usize::MAX);
    }
}

struct Emitter<'a, 't> {
    text: &'t str,
    verbs: &'a BTreeSet<String>,
    reader: Reader<'a, 't>,
    out: &'a mut Vec<Seen>,
    steps: usize,
    units: usize,
    /// Calls of one statement whose places are kept.
    places: usize,
}

/// The block around a statement.
#[derive(Clone, Copy, Default)]
struct Inside {
    condition: bool,
    repeated: Option<Span>,
}

/// Calls of an expression, without those inside functions, the outer ones first.
fn calls<'e, 't>(expr: &'e Expr<'t>) -> Vec<(&'e Expr<'t>, &'e Call<'t>)> {
    let (mut out, mut open) = (Vec::new(), vec![expr]);
    while let Some(at) = open.pop() {
        if let ExprKind::Call(call) = &at.kind {
            out.push((at, call.as_ref()));
        }
        open.extend(at.parts());
    }
    out
}

/// Functions and classes of an expression, not those inside them.
fn inner<'e, 't>(expr: &'e Expr<'t>) -> (Vec<&'e Function<'t>>, Vec<&'e Class<'t>>) {
    let (mut functions, mut classes, mut open) = (Vec::new(), Vec::new(), vec![expr]);
    while let Some(at) = open.pop() {
        match &at.kind {
            ExprKind::Function(function) => functions.push(function.as_ref()),
            ExprKind::Class(class) => classes.push(class.as_ref()),
            _ => open.extend(at.parts()),
        }
    }
    (functions, classes)
}

/// Whether it is a number, or made of numbers and names that do not change: `15 * 60 * 1000`, `5 * time.Minute`.
fn constant(expr: &Expr<'_>) -> bool {
    let mut open = vec![expr];
    while let Some(at) = open.pop() {
        match &at.kind {
            ExprKind::Number(_) => {}
            ExprKind::Name(name) if name.contains(char::is_uppercase) => {}
            ExprKind::Member(_, name) if name.contains(char::is_uppercase) => {}
            ExprKind::Arithmetic(_, parts) => open.extend(parts),
            _ => return false,
        }
    }
    true
}

fn weight(value: &Value) -> usize {
    let (mut total, mut open) = (0, vec![value]);
    while let Some(at) = open.pop() {
        total += match at {
            Value::Text(text) => text.len() + 2,
            Value::List(list) => {
                open.extend(list);
                2
            }
            _ => 8,
        };
    }
    total
}

impl<'t> Emitter<'_, 't> {
    fn push(&mut self, kind: &str, at: Span, attributes: Attributes, anchors: BTreeMap<String, Span>, shown: bool) {
        let snippet =
            if shown { snippet(self.text.as_bytes(), at.start as usize, at.end as usize) } else { String::new() };
        let probe = ProbeRef { id: "code/routes".to_owned(), version: ENGINE_VERSION };
        self.out.push(Seen { kind: kind.to_owned(), attributes: attributes.0, span: at, anchors, snippet, probe });
    }

    fn names(&mut self, module: &Module<'t>) {
        let imports: Vec<Value> = module
            .imports
            .iter()
            .take(400)
            .filter(|i| i.module.len() + i.local.len() < 200)
            .map(|i| {
                let symbol = match &i.symbol {
                    Symbol::Name(name) => format!(".{name}"),
                    Symbol::Default => "default".to_owned(),
                    Symbol::Whole => String::new(),
                    Symbol::All => "*".to_owned(),
                };
                Value::List(texts([i.local, &*i.module, symbol.as_str()]))
            })
            .collect();
        let exports: Vec<Value> = module
            .exports
            .iter()
            .take(400)
            .filter(|(a, b)| a.len() + b.len() < 200)
            .map(|(a, b)| Value::List(texts([&**a, &**b])))
            .collect();
        let chunks = imports.len().max(exports.len()).div_ceil(MAX_NAMES).max(1);
        for at in 0..chunks {
            let part = |list: &[Value]| list.iter().skip(at * MAX_NAMES).take(MAX_NAMES).cloned().collect::<Vec<_>>();
            let attributes = Attributes::default()
                .with("package", module.package)
                .some("imports", part(&imports))
                .some("exports", part(&exports));
            self.push(
                "route-file",
                Span { start: 0, end: 0, line: 1, end_line: 1 },
                attributes,
                BTreeMap::new(),
                false,
            );
        }
    }

    /// A body: its statements where they matter, and every function and class in it.
    fn scope(&mut self, id: &str, body: &[Stmt<'t>], keep: bool, class: &str, limit: usize) {
        let mut left = limit.min(MAX_SCOPE_STEPS);
        self.statements(id, body, keep, class, Inside::default(), &mut left);
    }

    fn statements(&mut self, id: &str, body: &[Stmt<'t>], keep: bool, class: &str, inside: Inside, left: &mut usize) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Assign { target, ty, value, .. } => {
                    if let (true, Some(value)) = (keep, value) {
                        let to = target.dotted().map(|d| d.into_owned()).unwrap_or_default();
                        self.step(id, "=", &to, value, stmt.at, inside, left);
                    } else if let (true, None, Some(ty), Some(name)) = (keep, value, ty, target.dotted()) {
                        let attributes = Attributes::default()
                            .with("scope", id)
                            .with("op", "t")
                            .with("to", name.into_owned())
                            .with("type", short(&ty.name));
                        self.push("route-step", stmt.at, attributes, BTreeMap::new(), false);
                    }
                    value.iter().for_each(|v| self.inside(id, v, class));
                }
                StmtKind::Expr(value) => {
                    if keep {
                        self.step(id, "x", "", value, stmt.at, inside, left);
                    }
                    self.inside(id, value, class);
                }
                StmtKind::Return(Some(value)) => {
                    self.step(id, "r", "", value, stmt.at, inside, left);
                    self.inside(id, value, class);
                }
                StmtKind::Throw(value) => self.inside(id, value, class),
                StmtKind::Return(None) => {}
                StmtKind::Block { kind, header, bodies } => {
                    header.iter().for_each(|h| self.inside(id, h, class));
                    let inside = Inside {
                        condition: inside.condition || matches!(kind, BlockKind::If | BlockKind::Switch),
                        repeated: if *kind == BlockKind::Loop { Some(stmt.at) } else { inside.repeated },
                    };
                    bodies.iter().for_each(|b| self.statements(id, b, keep, class, inside, left));
                }
                StmtKind::Function(function) => self.unit(function, id, class, ""),
                StmtKind::Class(class) => self.class(class, id),
            }
        }
    }

    /// Functions and classes inside an expression.
    fn inside(&mut self, id: &str, expr: &Expr<'t>, class: &str) {
        let (functions, classes) = inner(expr);
        functions.into_iter().for_each(|f| self.unit(f, id, class, "λ"));
        classes.into_iter().for_each(|c| self.class(c, id));
    }

    #[allow(clippy::too_many_arguments)]
    fn step(&mut self, id: &str, op: &str, to: &str, value: &Expr<'t>, at: Span, inside: Inside, left: &mut usize) {
        let plain = match &value.kind {
            ExprKind::Bool(_) | ExprKind::Null | ExprKind::Compare(_) => true,
            // A number that has a name may be how often something may be tried.
            ExprKind::Number(_) | ExprKind::Arithmetic(..) => op != "=" || to.is_empty() || !constant(value),
            _ => false,
        };
        let long = matches!(&value.kind, ExprKind::Text(t) if t.len() > 120);
        if *left == 0 || self.steps == 0 || to.len() > 120 || plain || long {
            return;
        }
        let mut encoder = Encoder::new();
        let mut encoded = encoder.expr(value);
        if weight(&encoded) > if self.places == 0 { MAX_VALUE + 900 } else { MAX_VALUE } {
            encoded = Value::from(super::encode::UNKNOWN);
        }
        (*left, self.steps) = (*left - 1, self.steps - 1);
        let mut anchors = BTreeMap::new();
        let met = calls(value).into_iter().filter(|(_, c)| self.verb(c));
        for (expr, call) in met.take(self.places) {
            // Calls in a chain begin at one place; their arguments do not.
            let start = call.args_at.start;
            anchors.insert(format!("c{start}"), expr.at);
            let args: Vec<Span> = call.args.iter().map(|a| a.value.at).collect();
            if let (Some(first), Some(last)) = (args.first(), args.last()) {
                anchors.insert(format!("p{start}"), *first);
                anchors.insert(format!("h{start}"), *last);
            }
            // Where the method's name ends and its arguments begin.
            anchors.insert(format!("a{start}"), call.args_at);
        }
        let repeated = inside.repeated.map(|s| vec![Value::Int(i64::from(s.start)), Value::Int(i64::from(s.end))]);
        let attributes = Attributes::default()
            .with("scope", id)
            .with("op", op)
            .some("to", to)
            .with("value", encoded)
            .some("cond", inside.condition)
            .some("loop", repeated.unwrap_or_default());
        self.push("route-step", at, attributes, anchors, true);
    }

    /// Whether a call could hang a route, a guard or a router.
    fn verb(&self, call: &Call<'t>) -> bool {
        call.callee.last().is_some_and(|l| self.verbs.contains(l))
    }

    /// Whether a body hangs routes, itself.
    fn routing(&self, body: &[Stmt<'t>]) -> bool {
        let mut open: Vec<&Stmt<'t>> = body.iter().collect();
        while let Some(stmt) = open.pop() {
            let found = match &stmt.kind {
                StmtKind::Assign { value: Some(value), .. } | StmtKind::Expr(value) | StmtKind::Return(Some(value)) => {
                    calls(value).into_iter().any(|(_, c)| {
                        self.verb(c)
                            && !(c.args.len() == 1
                                && matches!(c.args[0].value.kind, ExprKind::Text(_))
                                && c.callee.dotted().is_some())
                            && !c.args.is_empty()
                    })
                }
                StmtKind::Block { bodies, .. } => {
                    open.extend(bodies.iter().flatten());
                    false
                }
                _ => false,
            };
            if found {
                return true;
            }
        }
        false
    }

    fn unit(&mut self, function: &Function<'t>, scope: &str, class: &str, lambda: &str) {
        let id = function.at.start.to_string();
        let receiver = function.receiver.as_ref();
        let class = receiver.and_then(|r| r.ty.as_ref()).map_or(class, |t| of_pointer(t));
        let summary = self.reader.summary(function);
        let routing = self.routing(&function.body);
        let name_words = crate::vocabulary::words(function.name);
        let together = lambda.is_empty() && name_words.iter().any(|w| PUTS_TOGETHER.contains(&w.as_str()));
        let returns_more = function.body.iter().any(|s| matches!(&s.kind, StmtKind::Return(Some(e)) if matches!(e.kind, ExprKind::Function(_) | ExprKind::Call(_) | ExprKind::Name(_) | ExprKind::Object(_))));
        let request = function.params.iter().any(|p| of_a_request(p.name, p.ty.as_ref().map_or("", |t| of_pointer(t))));
        let java = self.places == 0;
        // A chain of rules may have no arguments at all: `anyRequest().authenticated()`.
        let rules = |t: &str| t.ends_with("Security") || t == "InterceptorRegistry";
        let chain = java
            && (function.params.iter().any(|p| p.ty.as_ref().is_some_and(|t| rules(&t.name)))
                || function.returns.as_ref().is_some_and(|t| t.name.contains("ShiroFilter"))
                || super::shiro::fills_a_table(&function.body));
        let keep = routing || (together && !java) || chain;
        let returns_more = returns_more && (!java || routing);
        let request = request && (!java || chain);
        let says = summary.says_something() && (!java || !summary.refuses.is_empty() || summary.counts);
        let worth = keep || returns_more || request || says || !function.annotations.is_empty();
        if worth && self.units > 0 {
            self.units -= 1;
            let annotations: Vec<Value> = function.annotations.iter().take(12).map(annotation).collect();
            let attributes = Attributes::default()
                .with("id", id.as_str())
                .some("name", cut(function.name))
                .some("scope", scope)
                .some("class", class)
                .some("receiver", receiver.map_or("", |r| r.name))
                .some("params", texts(function.params.iter().take(12).map(|p| cut(p.name))))
                .some(
                    "types",
                    texts(function.params.iter().take(12).map(|p| cut(p.ty.as_ref().map_or("", |t| of_pointer(t))))),
                )
                .some("returns", function.returns.as_ref().map_or("", |t| cut(of_pointer(t))))
                .some("hidden", function.private)
                .some("request", request)
                .some("annotations", annotations);
            let mut attributes = summary.attributes(attributes);
            if weight_of(&attributes) > 3_400 {
                attributes.0.remove("annotations");
                attributes.0.remove("calls");
                attributes = attributes.with("cut", true);
            }
            let anchors =
                BTreeMap::from([("definition".to_owned(), function.at), ("name".to_owned(), function.name_at)]);
            self.push("route-unit", function.at, attributes, anchors, true);
        }
        let limit = if keep {
            MAX_SCOPE_STEPS
        } else if java {
            0
        } else {
            6
        };
        self.scope(&id, &function.body, keep, class, limit);
        for parameter in &function.params {
            if let Some(default) = &parameter.default {
                self.inside(&id, default, class);
            }
        }
    }

    fn class(&mut self, class: &Class<'t>, scope: &str) {
        let fields: Vec<Value> = class
            .fields
            .iter()
            .take(MAX_FIELDS)
            .map(|f| {
                let value = f.value.as_ref().map_or(Value::from(""), |v| {
                    let encoded = Encoder::new().expr(v);
                    if weight(&encoded) > 300 { Value::from("?") } else { encoded }
                });
                Value::List(vec![
                    Value::from(cut(f.name)),
                    Value::from(cut(f.ty.as_ref().map_or("", |t| of_pointer(t)))),
                    value,
                ])
            })
            .collect();
        let attributes = Attributes::default()
            .with("name", cut(class.name))
            .some("scope", scope)
            .some("bases", texts(class.bases.iter().take(MAX_BASES).map(|b| cut(&b.name))))
            .some("base_args", base_arguments(self.text, class))
            .some("annotations", class.annotations.iter().take(12).map(annotation).collect::<Vec<_>>())
            .some("fields", fields)
            .some("shape", class.shape_only);
        let mut attributes = attributes;
        if weight_of(&attributes) > 3_600 {
            attributes.0.remove("fields");
        }
        let anchors = BTreeMap::from([("body".to_owned(), class.body_at), ("name".to_owned(), class.name_at)]);
        let plain = class.annotations.is_empty()
            && class.bases.is_empty()
            && class.fields.iter().all(|f| f.value.is_none())
            && class.methods.iter().all(|m| m.annotations.is_empty());
        if self.units > 0 && !(self.places == 0 && plain && !class.shape_only) {
            self.units -= 1;
            self.push("route-class", class.at, attributes, anchors, true);
        }
        for method in &class.methods {
            self.unit(method, "", class.name, "");
        }
        for field in &class.fields {
            if let Some(value) = &field.value {
                // `login = async (req, res) => {…}` is a method.
                match &value.kind {
                    ExprKind::Function(function) => {
                        let named = Function { name: field.name, ..function.as_ref().clone() };
                        self.unit(&named, "", class.name, "");
                    }
                    _ => self.inside("", value, class.name),
                }
            }
        }
        class.inner.iter().for_each(|c| self.class(c, scope));
    }
}

/// `extends AuthGuard('jwt')`: what stands in the brackets of a base.
fn base_arguments(text: &str, class: &Class<'_>) -> String {
    let head = text.get(class.at.start as usize..class.body_at.start as usize).unwrap_or_default();
    let Some(from) = head.find("extends") else { return String::new() };
    let head = &head[from..];
    match (head.find('('), head.rfind(')')) {
        (Some(open), Some(close)) if open < close => cut(&head[open + 1..close]).to_owned(),
        _ => String::new(),
    }
}

/// The name of a type, or of what an array, an optional or a promise is of.
fn of_pointer<'a>(ty: &'a crate::code::model::Type<'_>) -> &'a str {
    let wraps = matches!(ty.name.as_ref(), "*" | "Promise" | "Optional" | "[]");
    match ty.args.first() {
        Some(inner) if wraps => inner.name.trim_start_matches('*'),
        _ => ty.name.trim_start_matches('*'),
    }
}

fn short(name: &str) -> &str {
    cut(name.trim_start_matches('*'))
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(120);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn weight_of(attributes: &Attributes) -> usize {
    attributes.0.iter().map(|(k, v)| k.len() + weight(v)).sum()
}

/// A decorator: its name, its arguments, its place.
fn annotation(annotation: &Annotation<'_>) -> Value {
    let mut out = vec![
        Value::from(cut(&annotation.name)),
        Value::Int(i64::from(annotation.at.start)),
        Value::Int(i64::from(annotation.at.end)),
        Value::Int(i64::from(annotation.at.line)),
    ];
    let mut encoder = Encoder::new();
    for argument in annotation.args.iter().take(8) {
        let value = encoder.expr(&argument.value);
        let value = if weight(&value) > 900 { Value::from("?") } else { value };
        out.push(match argument.name {
            Some(name) => Value::List(vec![Value::from("k="), Value::from(name), value]),
            None => value,
        });
    }
    Value::List(out)
}
