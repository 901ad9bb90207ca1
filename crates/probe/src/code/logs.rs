//! Log calls: which calls write to a log, a console, an error tracker, a trace or a metric, and what reaches each. Which they
//! are is data (`vocabulary/log-sinks.yaml`). Every one is emitted; one that nothing classified reaches is a clean one. What
//! takes another file to be known is emitted as a fact. Next: `flow.rs`, then `link/logs.rs`.

use super::Reading;
use super::flow::{Reached, Task, Via, follow};
use super::flow_calls::pairs;
use super::index::{Index, Placed, label};
use super::instruments::{Instruments, own_module};
use super::model::{Call, Expr, ExprKind};
use crate::emit::{Attributes, Emit, texts};
use crate::labels::labels;
use crate::lexical::around::only_for_debugging;
use crate::vocabulary::{LanguageSinks, words};
use ligase_domain::{Origin, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Values of one call that are told one by one; more are `opaque`.
const MAX_VALUES: usize = 8;
/// Whole objects of one call.
const MAX_WHOLES: usize = 6;
/// Steps of following for one file, over all its sinks.
const MAX_FILE_STEPS: usize = 200_000;
/// Calls of `logger.child(…).info` that are looked through.
const MAX_CHAIN: usize = 16;
/// Loggers and metrics of one file that other files are told of.
const MAX_TOLD: usize = 64;

/// What kind of sink a call is.
struct Sink {
    kind: String,
    stack: String,
    level: String,
    /// Leading arguments that are no values.
    skip: usize,
    /// The name that another file must give a logger under.
    pending: String,
    /// Methods of the same receiver, which may stand before it in a chain.
    adds: Vec<String>,
}

/// What is known of the loggers of one file.
struct Logs<'r, 'm, 't> {
    reading: &'r Reading<'r, 't>,
    index: &'r Index<'m, 't>,
    sinks: &'r LanguageSinks,
    language: &'r str,
    instruments: Instruments<'r, 'm, 't>,
    /// Names that are bound to a logger: library and sink.
    bound: BTreeMap<String, (String, String)>,
}

/// Emits every log call, and which names of the file are loggers.
pub(super) fn emit<'m, 't>(reading: &Reading<'_, 't>, index: &Index<'m, 't>, out: &mut Emit<'_>) {
    let language = super::language_of(&reading.class.dialect);
    let Some(sinks) = reading.vocabulary.sinks.languages.get(language) else { return };
    let instruments = Instruments::new(index, sinks);
    let mut logs = Logs { reading, index, sinks, language, instruments, bound: BTreeMap::new() };
    logs.bound = logs.bound_loggers();
    let (mut spent, mut within, mut wrappers) = (0, BTreeSet::<(u32, u32)>::new(), BTreeSet::new());
    // An outer call comes before those that it holds, so that a chain is told once.
    for placed in &index.calls {
        let Some(call) = placed.expr.call() else { continue };
        if within.contains(&(placed.expr.at.start, placed.expr.at.end)) {
            continue;
        }
        let Some(sink) = logs.sink_of(call, placed) else { continue };
        let chain = receivers(call);
        within.extend(chain.iter().map(|(at, _)| (at.start, at.end)));
        if sink.kind == "print" && reading.class.origin != Origin::Source {
            continue;
        }
        let reached = logs.reached(call, placed, &sink, &chain, &mut spent);
        if sink.pending.is_empty() {
            wrappers.extend(logs.wraps(placed));
        }
        logs.write(call, placed, &sink, reached, out);
    }
    logs.facts(&wrappers, out);
}

/// The calls that a call's receiver is made of, nearest first.
fn receivers<'m, 't>(call: &'m Call<'t>) -> Vec<(Span, &'m Call<'t>)> {
    let (mut out, mut at) = (Vec::new(), &call.callee);
    for _ in 0..MAX_CHAIN * 4 {
        at = match &at.kind {
            ExprKind::Member(of, _) | ExprKind::Same(_, of) => of,
            ExprKind::Call(inner) => {
                out.push((at.at, inner.as_ref()));
                &inner.callee
            }
            _ => break,
        };
    }
    out.truncate(MAX_CHAIN);
    out
}

impl<'m, 't> Logs<'_, 'm, 't> {
    fn stack_of(&self, dotted: &str) -> Option<(String, String)> {
        let origin = self.index.origin(dotted);
        let found = self.sinks.loggers.iter().find(|l| l.symbols.contains(&origin))?;
        Some((found.stack.clone(), found.sink.clone().unwrap_or_else(|| "logger".to_owned())))
    }

    /// Names that are bound to a logger in this file, with its library.
    fn bound_loggers(&self) -> BTreeMap<String, (String, String)> {
        let mut out: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (local, _) in self.index.imports() {
            if let Some(stack) = self.stack_of(local) {
                out.insert(local.to_owned(), stack);
            }
        }
        for (_, name, bind) in self.index.all_bound() {
            let by_type = bind.ty.and_then(|t| self.stack_of(&t.name));
            let by_value = bind.value.filter(|v| is_named(v)).and_then(|v| self.stack_of(&label(v)));
            if let Some(stack) = by_value.or(by_type) {
                out.insert(name.to_owned(), stack);
            }
        }
        for function in self.index.scopes.iter().filter_map(|s| s.function) {
            for param in &function.params {
                if let Some(stack) = param.ty.as_ref().and_then(|t| self.stack_of(&t.name)) {
                    out.insert(param.name.to_owned(), stack);
                }
            }
        }
        out
    }

    fn sink_of(&self, call: &Call<'t>, placed: &Placed<'m, 't>) -> Option<Sink> {
        let dotted = label(&call.callee);
        let origin = self.index.origin(&dotted);
        let first = call.args.first().and_then(|a| a.value.dotted());
        let function = self.sinks.functions.iter().find(|f| {
            f.symbols.contains(&origin)
                && (f.first.is_empty() || first.as_ref().is_some_and(|a| f.first.iter().any(|n| *n == **a)))
        });
        if let Some(found) = function {
            if self.index.by_qualified.contains_key(&dotted) {
                return None;
            }
            return Some(self.sink(
                &found.sink,
                &found.stack,
                found.level.as_ref(),
                usize::from(!found.first.is_empty()),
            ));
        }
        let instrument = self.instruments.find(call, placed, &dotted, self.language == "typescript");
        let instrument = instrument.map(|(found, pending)| Sink {
            pending,
            adds: found.names.clone(),
            ..self.sink(&found.sink, &found.stack, found.level.as_ref(), 0)
        });
        if instrument.as_ref().is_some_and(|i| i.pending.is_empty()) {
            return instrument;
        }
        let (object, method) = dotted.rsplit_once('.').unwrap_or(("", &dotted));
        if object.is_empty() {
            return self.wrapper(&dotted);
        }
        // What another file may have made is a logger first.
        let Some(level) = self.sinks.levels.get(method) else { return instrument };
        let Some((stack, kind, pending)) = self.logger(object, placed) else { return instrument };
        Some(Sink { kind, stack, level: level.clone(), skip: 0, pending, adds: Vec::new() })
    }

    fn sink(&self, kind: &str, stack: &str, level: Option<&String>, skip: usize) -> Sink {
        let level = level.cloned().unwrap_or_else(|| "none".to_owned());
        Sink { kind: kind.to_owned(), stack: stack.to_owned(), level, skip, pending: String::new(), adds: Vec::new() }
    }

    /// A function of another file of the repository whose name says that it logs.
    fn wrapper(&self, name: &str) -> Option<Sink> {
        let module = self.index.imported(name).filter(|m| own_module(m))?;
        let parts = words(module.rsplit('.').next().unwrap_or(name));
        parts
            .iter()
            .any(|w| matches!(w.as_str(), "log" | "logger" | "audit" | "trace" | "report"))
            .then(|| Sink { pending: name.to_owned(), ..self.sink("logger", "", None, 0) })
    }

    /// Library, sink and, where another file says it, the name of a logger; `None` when the receiver is none.
    fn logger(&self, object: &str, placed: &Placed<'m, 't>) -> Option<(String, String, String)> {
        let known = |name: &str| self.bound.get(name).cloned().or_else(|| self.stack_of(name));
        let mut at = object;
        for _ in 0..MAX_CHAIN {
            if let Some((stack, sink)) = known(at.trim_end_matches("()")) {
                return Some((stack, sink, String::new()));
            }
            let Some((rest, method)) = at.rsplit_once('.') else { break };
            if !(method.ends_with("()") && self.sinks.chain_methods.iter().any(|m| *m == method[..method.len() - 2])) {
                break;
            }
            at = rest;
        }
        let last = at.rsplit('.').next().unwrap_or_default();
        let bare = last.trim_end_matches("()");
        let first = at.split('.').next().unwrap_or_default();
        let elsewhere = self.index.imported(first.trim_end_matches("()"));
        let own = elsewhere.is_some_and(own_module);
        if self.sinks.names.iter().any(|n| n == bare) {
            // A value of this file that is something else than a logger.
            let other = self.index.bound(placed.scope, at).iter().any(|b| {
                b.value.is_some_and(|v| {
                    matches!(v.kind, ExprKind::Object(_) | ExprKind::List(_) | ExprKind::Text(_) | ExprKind::Number(_))
                })
            });
            let pending = if own && self.language == "typescript" { format!("?{at}") } else { String::new() };
            return (!other).then(|| (self.library(), "logger".to_owned(), pending));
        }
        // `audit.info(…)` of another file: linking says whether it is a logger.
        (own && self.language == "typescript" && !at.contains("()"))
            .then(|| (String::new(), "logger".to_owned(), at.to_owned()))
    }

    /// The library that a nameless logger is of: the only one that the file takes.
    fn library(&self) -> String {
        let mut found = self.sinks.loggers.iter().filter(|l| {
            l.sink.is_none()
                && self
                    .index
                    .imports()
                    .any(|(_, origin)| l.symbols.iter().any(|s| s == origin || s.starts_with(&format!("{origin}."))))
        });
        match (found.next(), found.next()) {
            (Some(one), None) => one.stack.clone(),
            _ => self.sinks.unknown.clone(),
        }
    }

    fn reached(
        &self,
        call: &'m Call<'t>,
        placed: &Placed<'m, 't>,
        sink: &Sink,
        chain: &[(Span, &'m Call<'t>)],
        spent: &mut usize,
    ) -> Reached {
        if *spent > MAX_FILE_STEPS {
            return Reached { opaque: vec!["…".to_owned()], ..Reached::default() };
        }
        let dumps = self.language == "typescript";
        let task = |expr: &'m Expr<'t>, via: Via| Task::new(expr, via, "", placed.scope, placed.block).dumping(dumps);
        let own = task(placed.expr, Via::Argument);
        let mut tasks: Vec<Task<'m, 't>> = match self.language {
            "go" => told(&own, call, sink.skip),
            _ if sink.kind == "logger" || sink.kind == "print" => {
                let given = || call.args.iter().skip(sink.skip);
                let labels = given().next().and_then(|a| a.value.text()).map(labels).unwrap_or_default();
                let label = |at: usize| at.checked_sub(1).and_then(|n| labels.get(n)).map_or("", String::as_str);
                given().enumerate().map(|(at, a)| task(&a.value, Via::Argument).labelled(label(at))).collect()
            }
            _ => pairs(&own, call, sink.skip, Via::Argument),
        };
        for (_, inner) in chain {
            let method = inner.callee.last().unwrap_or_default();
            let adds = self.sinks.chain_methods.iter().any(|m| m == method) && !self.sinks.levels.contains_key(method)
                || matches!(method, "addKeyValue" | "addArgument")
                || sink.adds.iter().any(|m| m == method);
            if adds && !inner.args.is_empty() {
                tasks.extend(pairs(&own, inner, 0, Via::Extra));
            }
        }
        let (reached, steps) = follow(self.index, self.reading.vocabulary, self.language, tasks);
        *spent += steps;
        reached
    }

    /// The function around a sink, where it hands on a parameter of its own: calling it is logging too.
    fn wraps(&self, placed: &Placed<'m, 't>) -> Option<String> {
        let scope = &self.index.scopes[placed.scope];
        let function = scope.function?;
        let call = placed.expr.call()?;
        let hands_on = call.args.iter().any(|a| {
            let name = match &a.value.kind {
                ExprKind::Name(name) => name,
                _ => return false,
            };
            function.params.iter().any(|p| p.name == *name)
        });
        (hands_on && !scope.qualified.is_empty()).then(|| scope.qualified.clone())
    }

    fn write(&self, call: &Call<'t>, placed: &Placed<'m, 't>, sink: &Sink, mut reached: Reached, out: &mut Emit<'_>) {
        reached.leaves.sort_by_key(|l| l.anchor);
        reached.wholes.sort_by_key(|w| w.anchor);
        if reached.leaves.len() > MAX_VALUES || reached.wholes.len() > MAX_WHOLES {
            reached.opaque.push("more values than are told".to_owned());
        }
        let mut anchors: BTreeMap<String, Span> = BTreeMap::from([("call".to_owned(), placed.expr.at)]);
        let mut values: Vec<Value> = Vec::new();
        for (at, leaf) in reached.leaves.iter().take(MAX_VALUES).enumerate() {
            anchors.insert(format!("value{at}"), leaf.anchor);
            let value = Attributes::default()
                .with("name", leaf.name.as_str())
                .with("class", leaf.hit.class.as_str())
                .with("confidence", leaf.hit.confidence)
                .with("via", leaf.via.name())
                .with("sanitized", leaf.sanitized)
                .with("sanitizer", leaf.sanitizer.as_str());
            values.push(value.value());
        }
        let mut objects: Vec<Value> = Vec::new();
        for (at, whole) in reached.wholes.iter().take(MAX_WHOLES).enumerate() {
            anchors.insert(format!("object{at}"), whole.anchor);
            let object = Attributes::default()
                .with("name", whole.name.as_str())
                .with("class", whole.class.as_str())
                .some("dumped", whole.dumped)
                .some("without", texts(whole.without.iter().cloned()))
                .with("sanitized", whole.sanitized)
                .with("sanitizer", whole.sanitizer.as_str());
            objects.push(object.value());
        }
        reached.plain.sort();
        let plain: Vec<Value> = reached
            .plain
            .into_iter()
            .map(|(name, sanitized, by)| {
                Attributes::default().with("name", name).with("sanitized", sanitized).with("sanitizer", by).value()
            })
            .collect();
        let function = self.index.scopes[placed.scope].qualified.as_str();
        let holds = !values.is_empty() || !objects.is_empty() || !plain.is_empty();
        let debugging = holds && only_for_debugging(self.reading.text, placed.expr.at.start as usize);
        let attributes = Attributes::default()
            .with("callee", self.named(call))
            .with("sink", sink.kind.as_str())
            .with("stack", sink.stack.as_str())
            .with("level", sink.level.as_str())
            .with("function", if function.is_empty() { "<module>" } else { function })
            .with("values", values)
            .some("objects", objects)
            .some("pending", sink.pending.as_str())
            .with("plain", plain)
            .with("opaque", texts(reached.opaque))
            .some("debugging", debugging);
        out.put("code-log", "code/log-call", placed.expr.at, attributes, anchors, true);
    }

    /// The callee, without what a chain adds on its way: which field it adds does not make it another call.
    fn named(&self, call: &Call<'t>) -> String {
        let full = label(&call.callee);
        let mut adding: Vec<String> = Vec::new();
        for (_, inner) in receivers(call) {
            let method = inner.callee.last().unwrap_or_default();
            if !inner.args.is_empty() && self.sinks.chain_methods.iter().any(|m| m == method) {
                adding.push(format!("{method}()"));
            }
        }
        let mut parts: Vec<&str> = full.split('.').collect();
        let last = parts.len().saturating_sub(1);
        let mut at = 0;
        parts.retain(|part| {
            at += 1;
            at == 1 || at - 1 == last || !adding.iter().any(|a| a == part)
        });
        parts.join(".")
    }

    /// What other files are told: names of loggers with their library, and functions that log what they are given.
    fn facts(&self, wrappers: &BTreeSet<String>, out: &mut Emit<'_>) {
        let imported = |name: &String| self.index.imported(name.split('.').next().unwrap_or(name)).is_none();
        let loggers = self.bound.iter().filter(|(name, _)| imported(name));
        let mut list: Vec<Value> = loggers
            .map(|(name, (stack, _))| {
                Attributes::default().with("name", name.as_str()).with("stack", stack.as_str()).value()
            })
            .take(MAX_TOLD)
            .collect();
        let made = self.instruments.made_here();
        list.extend(made.iter().filter(|(name, _)| imported(name)).take(MAX_TOLD).map(|(name, stack)| {
            let told = Attributes::default().with("name", name.as_str()).with("stack", stack.as_str());
            told.with("instrument", true).value()
        }));
        let functions = wrappers.iter().take(16);
        list.extend(
            functions.map(|f| {
                Attributes::default().with("name", f.as_str()).with("stack", "").with("function", true).value()
            }),
        );
        if !list.is_empty() {
            let attributes = Attributes::default().with("names", list);
            out.put("code-logger", "code/module", Span::default(), attributes, BTreeMap::new(), false);
        }
    }
}

/// A name, a call, or a member: what may be a logger.
fn is_named(expr: &Expr<'_>) -> bool {
    match &expr.kind {
        ExprKind::Same(_, inner) => is_named(inner),
        ExprKind::Call(_) | ExprKind::Member(..) | ExprKind::Name(_) => true,
        _ => false,
    }
}

/// Go's arguments: names and values in turn behind the message, and what a format's verbs say of each.
fn told<'m, 't>(own: &Task<'m, 't>, call: &'m Call<'t>, skip: usize) -> Vec<Task<'m, 't>> {
    let args: Vec<&'m Expr<'t>> = call.args.iter().skip(skip).map(|a| &a.value).collect();
    let formatted = call.callee.last().is_some_and(|m| m.ends_with('f'));
    let Some(format) = args.iter().find_map(|a| a.text()).filter(|_| formatted) else {
        return pairs(own, call, skip, Via::Argument);
    };
    let at = args.iter().position(|a| a.text().is_some()).unwrap_or(0);
    let (mut verbs, mut labels) = (verbs(format).into_iter(), labels(format).into_iter());
    let mut out: Vec<Task<'m, 't>> = Vec::new();
    for expr in &args[at + 1..] {
        let label = labels.next().unwrap_or_default();
        // The type, a truth, an address: nothing of the value.
        match verbs.next() {
            Some('T' | 't' | 'p') => {}
            _ => out.push(own.at(expr).labelled(&label)),
        }
    }
    out
}

/// The verbs of a format, one for each argument.
pub(super) fn verbs(format: &str) -> Vec<char> {
    let (mut out, mut chars) = (Vec::new(), format.chars().peekable());
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        while let Some(flag) = chars.peek().copied() {
            if flag == '*' {
                out.push('d');
            } else if !(flag.is_ascii_digit() || matches!(flag, '+' | '-' | '#' | ' ' | '.' | '[' | ']')) {
                break;
            }
            chars.next();
        }
        match chars.next() {
            Some('%') | None => {}
            Some(verb) => out.push(verb),
        }
    }
    out
}
