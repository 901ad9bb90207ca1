//! Log calls of a revision: loggers that another file makes, and what whole objects show. Next: `objects.rs`.

use super::Out;
use super::objects::{Objects, Shown};
use super::world::{Target, World};
use crate::emit::{Attributes, Facts, texts};
use crate::vocabulary::Vocabulary;
use ligase_domain::{Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Folders and files whose prints are what they are for.
const SCRIPT_FOLDERS: &[&str] = &[
    "scripts",
    "script",
    "bin",
    "tools",
    "tool",
    "cli",
    "hack",
    "seed",
    "seeds",
    "seeders",
    "benchmarks",
    "benchmark",
    "dev",
    "devtools",
    "codegen",
];

/// Loggers and logging functions by file and name.
struct Loggers<'f> {
    loggers: HashMap<(usize, &'f str), &'f str>,
    /// Metrics and spans, which are no loggers.
    instruments: HashMap<(usize, &'f str), &'f str>,
    functions: HashMap<usize, Vec<&'f str>>,
}

/// Emits the log calls.
pub(super) fn emit(vocabulary: &Vocabulary, world: &World<'_>, out: &mut Out<'_, '_>) {
    let objects = Objects::new(world, vocabulary);
    let loggers = Loggers::new(world);
    for (at, file) in world.files.iter().enumerate() {
        let script = file.path.split('/').any(|f| SCRIPT_FOLDERS.contains(&f));
        for seen in file.seen("code-log").filter(|s| !(script && s.str("sink") == "print")) {
            if let Some((stack, from)) = loggers.stack(world, at, seen) {
                log_call(&objects, at, seen, &stack, from, out);
            }
        }
    }
}

impl<'f> Loggers<'f> {
    fn new(world: &World<'f>) -> Self {
        let mut out = Self { loggers: HashMap::new(), instruments: HashMap::new(), functions: HashMap::new() };
        for (at, file) in world.files.iter().enumerate() {
            for name in file.seen("code-logger").flat_map(|s| s.list("names")).filter_map(Value::as_map) {
                if name.flag("function") {
                    out.functions.entry(at).or_default().push(name.str("name"));
                } else if name.flag("instrument") {
                    out.instruments.insert((at, name.str("name")), name.str("stack"));
                } else {
                    out.loggers.insert((at, name.str("name")), name.str("stack"));
                }
            }
        }
        out
    }

    /// The library of a log call and the file that says it; `None` where the other file says that it is none.
    fn stack(&self, world: &World<'f>, file: usize, seen: &Seen) -> Option<(String, Option<usize>)> {
        let pending = seen.str("pending");
        let own = seen.str("stack");
        if pending.is_empty() {
            return Some((own.to_owned(), None));
        }
        let (sure, name) = match pending.strip_prefix('?') {
            Some(name) => (true, name),
            None => (false, pending),
        };
        let found = match world.resolve(file, name) {
            Target::Inside(at, inside) if at != file => {
                let method = seen.str("callee").rsplit('.').next().unwrap_or_default().to_owned();
                let first = inside.split('.').next().unwrap_or_default().to_owned();
                if seen.str("sink") != "logger" {
                    let made = |name: &str| self.instruments.get(&(at, name)).is_some_and(|stack| *stack == own);
                    return (made(&inside) || made(&first)).then(|| (own.to_owned(), Some(at)));
                }
                let known =
                    self.loggers.get(&(at, inside.as_str())).or_else(|| self.loggers.get(&(at, first.as_str())));
                let functions = self.functions.get(&at).map(Vec::as_slice).unwrap_or_default();
                let wraps = |f: &&str| **f == inside || **f == method || **f == format!("{inside}.{method}");
                match known {
                    Some(stack) => Some(((*stack).to_owned(), Some(at))),
                    None if functions.iter().any(wraps) => Some((String::new(), Some(at))),
                    None => None,
                }
            }
            _ => None,
        };
        match found {
            Some((stack, from)) => Some((if stack.is_empty() { "logger".to_owned() } else { stack }, from)),
            None => sure.then(|| (own.to_owned(), None)),
        }
    }
}

fn log_call(
    objects: &Objects<'_, '_>,
    at: usize,
    seen: &Seen,
    stack: &str,
    from: Option<usize>,
    out: &mut Out<'_, '_>,
) {
    let mut values: Vec<Value> = seen.list("values").to_vec();
    let mut opaque: Vec<String> = seen.texts("opaque").map(str::to_owned).collect();
    let mut anchors: BTreeMap<String, Span> =
        seen.anchors.iter().filter(|(n, _)| !n.starts_with("object")).map(|(n, s)| (n.clone(), *s)).collect();
    let mut files: BTreeSet<usize> = from.into_iter().collect();
    for (number, object) in seen.list("objects").iter().filter_map(Value::as_map).enumerate() {
        match objects.shown(at, object) {
            Shown::Nothing => {}
            Shown::Opaque => opaque.push(object.str("name").to_owned()),
            Shown::Fields(file, fields) => {
                files.insert(file);
                for field in fields {
                    if let Some(span) = seen.anchors.get(&format!("object{number}")) {
                        anchors.insert(format!("value{}", values.len()), *span);
                    }
                    let value = Attributes::default()
                        .with("name", format!("{}.{}", object.str("name"), field.str("name")))
                        .with("class", field.str("class"))
                        .with("confidence", field.get("confidence").and_then(Value::as_int).unwrap_or_default())
                        .with("via", "object")
                        .with("sanitized", object.flag("sanitized"))
                        .with("sanitizer", object.str("sanitizer"));
                    values.push(value.value());
                }
            }
        }
    }
    let dialect = out.world.files[at].looked.key.class.dialect.clone();
    let mut attributes = Attributes(seen.attributes.clone())
        .with("language", dialect)
        .with("stack", stack)
        .with("values", values)
        .with("opaque", texts(opaque));
    attributes.0.remove("objects");
    attributes.0.remove("pending");
    out.put("log-call", at, seen, attributes, anchors, &files);
}
