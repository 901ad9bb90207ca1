//! Log calls: which calls write to a log, a console or an error tracker, and what reaches each. Every one is emitted; one
//! that nothing classified reaches is a clean one. Next: `flow.rs`, then `link/logs.rs`.

use super::emit::{Attributes, Emit, texts};
use super::flow::{Reached, Task, Via, follow};
use super::functions::plain;
use super::index::{Index, Placed};
use super::syntax::last;
use crate::labels::labels;
use crate::lexical::around::only_for_debugging;
use crate::vocabulary::{Vocabulary, words};
use ligase_domain::{Origin, Value};
use std::collections::BTreeMap;
use tree_sitter::Node;

/// Values of one call that are told one by one; more are `opaque`.
const MAX_VALUES: usize = 8;
/// Whole objects of one call.
const MAX_WHOLES: usize = 6;
/// Steps of following for one file, over all its sinks.
const MAX_FILE_STEPS: usize = 200_000;
/// Calls of `logger.bind(…).opt(…).info` that are looked through.
const MAX_CHAIN: usize = 6;

/// What kind of sink a call is.
struct Sink {
    kind: String,
    stack: String,
    level: String,
    /// Only keyword arguments are values (`bind`).
    context: bool,
    /// Leading positional arguments that are no values (`log(level, …)`).
    skip: usize,
}

/// Emits every log call.
pub(crate) fn emit(index: &Index<'_>, vocabulary: &Vocabulary, origin: Origin, out: &mut Emit<'_>) {
    let loggers = bound_loggers(index, vocabulary);
    let mut spent = 0;
    for call in &index.calls {
        let Some(function) = call.node.child_by_field_name("function") else { continue };
        let Some((callee, sink)) = sink_of(index, vocabulary, &loggers, function, call) else { continue };
        if sink.kind == "print" && origin != Origin::Source {
            continue;
        }
        one(index, vocabulary, call, &callee, &sink, &mut spent, out);
    }
}

/// Names that are bound to a logger in this file, with its library.
fn bound_loggers(index: &Index<'_>, vocabulary: &Vocabulary) -> BTreeMap<String, String> {
    let stack_of = |dotted: &str| {
        let origin = plain(&index.origin(dotted));
        vocabulary.sinks.loggers.iter().find(|l| l.symbols.contains(&origin)).map(|l| l.stack.clone())
    };
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    for local in index.origins.keys() {
        if let Some(stack) = stack_of(local) {
            out.insert(local.clone(), stack);
        }
    }
    for binding in &index.bindings {
        let Some(right) = binding.right.filter(|r| matches!(r.kind(), "call" | "attribute" | "identifier")) else {
            continue;
        };
        let (Some(name), Some(value)) = (index.source.dotted(binding.left), index.source.dotted(right)) else {
            continue;
        };
        // `log = logger.bind(…)` is a logger too.
        let chained = value.split('.').next().and_then(|first| out.get(first.trim_end_matches("()")).cloned());
        let chained = chained.filter(|_| vocabulary.sinks.chain_methods.iter().any(|m| m == last(&value)));
        if let Some(stack) = stack_of(&value).or(chained) {
            out.insert(name, stack);
        }
    }
    out
}

fn sink_of<'t>(
    index: &Index<'t>,
    vocabulary: &Vocabulary,
    loggers: &BTreeMap<String, String>,
    function: Node<'t>,
    call: &Placed<'t>,
) -> Option<(String, Sink)> {
    let sinks = &vocabulary.sinks;
    let dotted = index.source.dotted(function)?;
    let origin = plain(&index.origin(&dotted));
    if let Some(found) = sinks.functions.iter().find(|f| f.symbols.contains(&origin)) {
        // A method or function of the file that only has the name of a sink is not one.
        if index.by_qualified.contains_key(&dotted) || (found.failing && !fails(index, call.node)) {
            return None;
        }
        let level = found.level.clone().unwrap_or_else(|| "none".to_owned());
        return Some((
            dotted,
            Sink { kind: found.sink.clone(), stack: found.stack.clone(), level, context: false, skip: 0 },
        ));
    }
    let (object, method) = dotted.rsplit_once('.')?;
    if let Some(found) = sinks.methods.iter().find(|m| {
        m.names.iter().any(|n| n == method)
            && m.receivers.iter().any(|r| r == "*" || r == last(object))
            && (imports_one(index, &m.imports) || asked_for(index, call.node, &m.then))
    }) {
        let level = found.level.clone().unwrap_or_else(|| "none".to_owned());
        return Some((
            dotted.clone(),
            Sink { kind: found.sink.clone(), stack: found.stack.clone(), level, context: false, skip: 0 },
        ));
    }
    let level = sinks.levels.get(method);
    let context = sinks.context_methods.iter().any(|m| m == method);
    if level.is_none() && !context {
        return None;
    }
    let stack = logger_stack(index, vocabulary, loggers, object, call)?;
    if context && !(stack == "structlog" || stack == "loguru") {
        return None;
    }
    let skip = usize::from(method == "log");
    let level = level.cloned().unwrap_or_else(|| "none".to_owned());
    Some((dotted.clone(), Sink { kind: "logger".to_owned(), stack, level, context, skip }))
}

/// Names of statuses of errors, where they are not numbers: `status.HTTP_404_NOT_FOUND`, `HTTPStatus.CONFLICT`.
const FAILURES: &[&str] = &[
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "PAYMENT_REQUIRED",
    "FORBIDDEN",
    "NOT_FOUND",
    "NOT_ACCEPTABLE",
    "CONFLICT",
    "GONE",
    "UNPROCESSABLE_ENTITY",
    "TOO_MANY_REQUESTS",
    "INTERNAL_SERVER_ERROR",
    "BAD_GATEWAY",
    "SERVICE_UNAVAILABLE",
];

/// Whether an answer is one of an error: by the status among its arguments, or by what is returned beside it.
fn fails(index: &Index<'_>, call: Node<'_>) -> bool {
    let arguments = index.source.arguments(call);
    let named = ["status", "status_code", "code"].iter().find_map(|n| arguments.get(n));
    let beside = call.parent().filter(|p| matches!(p.kind(), "expression_list" | "tuple"));
    let beside = beside.filter(|p| p.parent().is_some_and(|r| r.kind() == "return_statement"));
    let beside = beside.and_then(|p| p.named_child(1)).filter(|n| n.id() != call.id());
    let given = [named, arguments.positional.get(1).copied(), beside];
    given.into_iter().flatten().any(|status| {
        let text = last(index.source.of(status));
        let number = text.parse::<u16>().is_ok_and(|n| (400..600).contains(&n));
        number || text.starts_with("HTTP_4") || text.starts_with("HTTP_5") || FAILURES.contains(&text)
    })
}

/// Whether what a call gives is asked for one of some methods: `LOGINS.labels(…).inc()`.
fn asked_for(index: &Index<'_>, call: Node<'_>, methods: &[String]) -> bool {
    let asked = call.parent().filter(|p| p.kind() == "attribute").and_then(|p| p.child_by_field_name("attribute"));
    asked.is_some_and(|name| methods.iter().any(|m| m == index.source.of(name)))
}

/// Whether a file imports one of some modules; it need not where there are none.
fn imports_one(index: &Index<'_>, modules: &[String]) -> bool {
    let inside = |origin: &String, m: &String| {
        origin.strip_prefix(m.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.'))
    };
    modules.is_empty() || index.origins.values().any(|o| modules.iter().any(|m| inside(o, m)))
}

/// The library of a logger, `None` when the receiver is none.
fn logger_stack(
    index: &Index<'_>,
    vocabulary: &Vocabulary,
    loggers: &BTreeMap<String, String>,
    object: &str,
    call: &Placed<'_>,
) -> Option<String> {
    let sinks = &vocabulary.sinks;
    let mut object = object;
    for _ in 0..MAX_CHAIN {
        if let Some(stack) = loggers.get(object).or_else(|| loggers.get(object.trim_end_matches("()"))) {
            return Some(stack.clone());
        }
        let origin = plain(&index.origin(object));
        if let Some(found) = sinks.loggers.iter().find(|l| l.symbols.contains(&origin)) {
            return Some(found.stack.clone());
        }
        let Some((rest, method)) = object.rsplit_once('.') else { break };
        if !(method.ends_with("()") && sinks.chain_methods.iter().any(|m| m == last(method))) {
            break;
        }
        object = rest;
    }
    let named = sinks.names.iter().any(|n| n == last(object));
    // A plain name that the file defines as something else is no logger.
    let defined = index.by_qualified.contains_key(object)
        || index.function_of(call.scope).is_some_and(|f| {
            index
                .bound(Some(f), object)
                .any(|b| b.right.is_some_and(|r| matches!(r.kind(), "dictionary" | "list" | "string" | "integer")))
        });
    let stack = if vocabulary.stacks.iter().any(|s| s.name == "structlog")
        && index.origins.values().any(|o| o.starts_with("structlog"))
    {
        "structlog"
    } else if index.origins.values().any(|o| o.starts_with("loguru")) {
        "loguru"
    } else {
        "logging"
    };
    (named && !defined).then(|| stack.to_owned())
}

/// Whether a place is in a function that a person runs by its name: `@click.command()`, `@app.cli.command("sweep")`.
fn in_command(index: &Index<'_>, scope: Option<usize>) -> bool {
    let Some(function) = index.function_of(scope) else { return false };
    let decorators = &index.definitions[function].decorators;
    decorators.iter().filter_map(|d| d.named_child(0)).any(|d| {
        let callee = if d.kind() == "call" { d.child_by_field_name("function").unwrap_or(d) } else { d };
        index.source.dotted(callee).is_some_and(|name| words(last(&name)).iter().any(|w| w == "command"))
    })
}

/// Whether a block is the part of a file that runs only as a script.
fn in_script_part(index: &Index<'_>, mut block: usize) -> bool {
    loop {
        let here = &index.blocks[block];
        if here.condition.is_some_and(|c| index.source.short(c).contains("__name__")) {
            return true;
        }
        match here.parent {
            Some(parent) => block = parent,
            None => return false,
        }
    }
}

fn one<'t>(
    index: &Index<'t>,
    vocabulary: &Vocabulary,
    call: &Placed<'t>,
    callee: &str,
    sink: &Sink,
    spent: &mut usize,
    out: &mut Emit<'_>,
) {
    let arguments = index.source.arguments(call.node);
    let task = |node: Node<'t>, via: Via, hint: &str| Task::new(node, via, hint, call.scope, call.block);
    let mut tasks: Vec<Task<'t>> = Vec::new();
    if !sink.context {
        let given: Vec<Node<'t>> = arguments.positional.iter().skip(sink.skip).copied().collect();
        let labels = given.first().and_then(|f| index.source.string(*f)).map(|f| labels(&f)).unwrap_or_default();
        let label = |at: usize| at.checked_sub(1).and_then(|n| labels.get(n)).map_or("", String::as_str);
        tasks.extend(given.iter().enumerate().map(|(at, n)| task(*n, Via::Argument, "").labelled(label(at))));
    }
    for (name, value) in &arguments.named {
        if !vocabulary.sinks.argument_names_ignored.iter().any(|i| i == name) {
            let hint = if matches!(*name, "extra" | "data" | "message" | "msg" | "value" | "args") { "" } else { name };
            tasks.push(task(*value, Via::Extra, hint));
        }
    }
    tasks.extend(arguments.splats.iter().map(|(_, node)| task(*node, Via::Extra, "")));
    let reached = if *spent > MAX_FILE_STEPS {
        Reached { opaque: vec!["…".to_owned()], ..Reached::default() }
    } else {
        let (reached, steps) = follow(index, vocabulary, tasks);
        *spent += steps;
        reached
    };
    // What a script shows whoever runs it is told only where it is somebody's.
    if sink.kind == "print" && reached.leaves.is_empty() && in_script_part(index, call.block) {
        return;
    }
    write(index, call, callee, sink, reached, out);
}

fn write<'t>(
    index: &Index<'t>,
    call: &Placed<'t>,
    callee: &str,
    sink: &Sink,
    mut reached: Reached<'t>,
    out: &mut Emit<'_>,
) {
    reached.leaves.sort_by_key(|l| (l.anchor.start_byte(), l.anchor.end_byte()));
    reached.wholes.sort_by_key(|w| (w.anchor.start_byte(), w.anchor.end_byte()));
    if reached.leaves.len() > MAX_VALUES || reached.wholes.len() > MAX_WHOLES {
        reached.opaque.push("more values than are told".to_owned());
    }
    let leaves = &reached.leaves[..reached.leaves.len().min(MAX_VALUES)];
    let wholes = &reached.wholes[..reached.wholes.len().min(MAX_WHOLES)];
    let mut anchors: Vec<(String, Node<'t>)> = vec![("call".to_owned(), call.node)];
    let mut values: Vec<Value> = Vec::new();
    for (at, leaf) in leaves.iter().enumerate() {
        anchors.push((format!("value{at}"), leaf.anchor));
        values.push(
            Attributes::default()
                .with("name", leaf.name.as_str())
                .with("class", leaf.hit.class.as_str())
                .with("confidence", leaf.hit.confidence)
                .with("via", leaf.via.name())
                .with("sanitized", leaf.sanitized)
                .with("sanitizer", leaf.sanitizer.as_str())
                .value(),
        );
    }
    let mut objects: Vec<Value> = Vec::new();
    for (at, whole) in wholes.iter().enumerate() {
        anchors.push((format!("object{at}"), whole.anchor));
        objects.push(
            Attributes::default()
                .with("name", whole.name.as_str())
                .with("class", whole.class.as_str())
                .some("dumped", whole.dumped)
                .with("sanitized", whole.sanitized)
                .with("sanitizer", whole.sanitizer.as_str())
                .value(),
        );
    }
    reached.plain.sort_by(|a, b| a.name.cmp(&b.name));
    let plain: Vec<Value> = reached
        .plain
        .iter()
        .map(|p| {
            let named = Attributes::default().with("name", p.name.as_str()).with("sanitized", p.sanitized);
            named.with("sanitizer", p.sanitizer.as_str()).value()
        })
        .collect();
    let holds = !values.is_empty() || !objects.is_empty() || !plain.is_empty();
    let debugging = holds && only_for_debugging(index.source.text, call.node.start_byte());
    let attributes = Attributes::default()
        .with("callee", callee)
        .with("sink", sink.kind.as_str())
        .with("stack", sink.stack.as_str())
        .with("level", sink.level.as_str())
        .with("function", index.function_of(call.scope).map_or("<module>", |f| index.definitions[f].qualified.as_str()))
        .with("values", values)
        .some("objects", objects)
        .with("plain", plain)
        .with("opaque", texts(reached.opaque))
        .some("debugging", debugging)
        .some("command", sink.kind == "print" && (in_command(index, call.scope) || in_script_part(index, call.block)));
    let anchors: Vec<(&str, Node<'_>)> = anchors.iter().map(|(name, node)| (name.as_str(), *node)).collect();
    out.seen("log-call", "python/log-call", call.node, attributes, &anchors);
}
