//! Readings of the expressions that FastAPI's declarations are made of: `Depends(…)`, lists of them, and texts that are
//! built from constants. What cannot be read is marked, never dropped. Next: `routes.rs`.

use super::emit::{Attributes, texts};
use super::index::Index;
use super::syntax::{last, named};
use crate::parse::Walk;
use ligase_domain::Value;
use tree_sitter::Node;

/// Dependencies of one list, parameters of one function: more are not people's code.
const MAX_DEPENDENCIES: usize = 24;
/// Keyword arguments that are kept of a call.
const MAX_OPTIONS: usize = 12;

/// Whether a call is `Depends(…)` or `Security(…)`.
pub(crate) fn is_depends(index: &Index<'_>, dotted: &str) -> bool {
    let origin = index.origin(dotted);
    matches!(last(&origin), "Depends" | "Security")
}

/// `{symbol, options}` of a `Depends(…)`; the symbol is "" for `Depends()` and "?" for what is no name.
pub(crate) fn dependency<'t>(index: &Index<'t>, node: Node<'t>, annotation: Option<Node<'t>>) -> Option<Value> {
    if node.kind() != "call" {
        return None;
    }
    let dotted = index.source.dotted(node.child_by_field_name("function")?)?;
    if !is_depends(index, &dotted) {
        return None;
    }
    let arguments = index.source.arguments(node);
    let target = arguments.get_or_at("dependency", 0);
    let (symbol, options) = match target {
        Some(target) => target_of(index, target),
        None => (annotation.and_then(|a| annotated_type(index, a)).unwrap_or_default(), Vec::new()),
    };
    let symbol = if symbol.is_empty() { "?".to_owned() } else { symbol };
    Some(Attributes::default().with("symbol", symbol).some("options", texts(options)).value())
}

/// The name that a dependency is called by; a `partial(f, …)` is `f`.
fn target_of<'t>(index: &Index<'t>, target: Node<'t>) -> (String, Vec<String>) {
    let Some(dotted) = index.source.dotted(target) else { return ("?".to_owned(), Vec::new()) };
    if target.kind() != "call" {
        return (dotted, Vec::new());
    }
    let arguments = index.source.arguments(target);
    if last(&index.origin(&dotted)) == "partial" {
        let inner = arguments.positional.first().and_then(|n| index.source.dotted(*n));
        return (inner.unwrap_or_else(|| "?".to_owned()), Vec::new());
    }
    (dotted, options(index, &target))
}

/// Keyword arguments with plain values, as `name=value`.
pub(crate) fn options<'t>(index: &Index<'t>, call: &Node<'t>) -> Vec<String> {
    let arguments = index.source.arguments(*call);
    let plain = |n: &Node<'_>| matches!(n.kind(), "true" | "false" | "none" | "integer" | "identifier" | "attribute");
    let named = arguments.named.iter().filter(|(_, v)| plain(v));
    named.take(MAX_OPTIONS).map(|(name, value)| format!("{name}={}", index.source.short(*value))).collect()
}

/// `T` of `Annotated[T, …]`, or the annotation itself.
fn annotated_type<'t>(index: &Index<'t>, annotation: Node<'t>) -> Option<String> {
    let text = index.source.of(annotation);
    let inner = text.split_once("Annotated[").map_or(text, |(_, rest)| rest);
    let name: String = inner.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.').collect();
    (!name.is_empty()).then_some(name)
}

/// The dependencies of a list expression, and whether some of it could not be read.
pub(crate) fn dependency_list<'t>(index: &Index<'t>, node: Option<Node<'t>>) -> (Vec<Value>, Vec<String>, bool) {
    let Some(node) = node else { return (Vec::new(), Vec::new(), false) };
    let (mut found, mut names, mut opaque) = (Vec::new(), Vec::new(), false);
    let mut open = vec![node];
    let mut steps = 0;
    while let Some(node) = open.pop() {
        steps += 1;
        if steps > MAX_DEPENDENCIES * 4 || found.len() > MAX_DEPENDENCIES {
            return (found, names, true);
        }
        match node.kind() {
            "list" | "tuple" | "set" | "parenthesized_expression" => open.extend(named(node).into_iter().rev()),
            "list_splat" => open.extend(node.named_child(0)),
            "binary_operator" => {
                open.extend(node.child_by_field_name("right"));
                open.extend(node.child_by_field_name("left"));
            }
            "none" => {}
            "boolean_operator" | "conditional_expression" => opaque = true,
            "identifier" | "attribute" => match index.source.dotted(node) {
                Some(name) => names.push(name),
                None => opaque = true,
            },
            _ => match dependency(index, node, None) {
                Some(dependency) => found.push(dependency),
                None => opaque = true,
            },
        }
    }
    (found, names, opaque)
}

/// What a parameter's or an attribute's annotation and default depend on.
#[derive(Default)]
pub(crate) struct Needs {
    pub(crate) dependencies: Vec<Value>,
    /// Names in annotations that could be aliases of `Annotated[…, Depends(…)]`.
    pub(crate) aliases: Vec<String>,
    /// Default values that are names: `user=current_user`, where `current_user = Depends(…)`.
    pub(crate) defaults: Vec<String>,
    /// More than is kept.
    pub(crate) opaque: bool,
}

/// Names of the standard typing vocabulary; no alias has them.
const TYPING: &[&str] = &[
    "Annotated",
    "Optional",
    "Union",
    "List",
    "Dict",
    "Set",
    "Tuple",
    "Any",
    "Literal",
    "str",
    "int",
    "float",
    "bool",
    "bytes",
    "list",
    "dict",
    "set",
    "tuple",
    "None",
    "UUID",
    "datetime",
    "date",
    "Request",
    "Response",
    "BackgroundTasks",
    "UploadFile",
    "WebSocket",
    "Session",
    "AsyncSession",
    "Sequence",
    "Path",
    "Query",
    "Header",
    "Body",
    "Depends",
    "Security",
    "Callable",
    "Self",
    "self",
];

impl Needs {
    /// Adds what one parameter depends on.
    pub(crate) fn take<'t>(&mut self, index: &Index<'t>, annotation: Option<Node<'t>>, default: Option<Node<'t>>) {
        if self.dependencies.len() >= MAX_DEPENDENCIES || self.aliases.len() >= MAX_DEPENDENCIES {
            self.opaque = true;
            return;
        }
        if let Some(default) = default {
            match dependency(index, default, annotation) {
                Some(dependency) => self.dependencies.push(dependency),
                None if default.kind() == "identifier" => self.defaults.push(index.source.short(default)),
                None => {}
            }
        }
        if let Some(annotation) = annotation {
            self.annotation(index, annotation);
        }
    }

    fn annotation<'t>(&mut self, index: &Index<'t>, annotation: Node<'t>) {
        let mut walk = Walk::new(annotation);
        let mut steps = 0;
        while let Some((node, _)) = walk.next() {
            steps += 1;
            if steps > 64 {
                break;
            }
            match node.kind() {
                "call" => {
                    self.dependencies.extend(dependency(index, node, Some(annotation)));
                    walk.skip_children();
                }
                "identifier" | "attribute" => {
                    walk.skip_children();
                    let name = index.source.dotted(node).filter(|n| !TYPING.contains(&last(n)));
                    self.aliases.extend(name.filter(|n| !self.aliases.contains(n)));
                }
                "string" => walk.skip_children(),
                _ => {}
            }
        }
    }

    pub(crate) fn into_attributes(self, attributes: Attributes) -> Attributes {
        attributes
            .some("deps", self.dependencies)
            .some("aliases", texts(self.aliases))
            .some("defaults", texts(self.defaults))
            .some("deps_opaque", self.opaque)
    }
}

/// A text that is built from constants, as parts `{text}`, `{name}` or `{opaque}`; linking puts names' values in.
pub(crate) fn parts<'t>(index: &Index<'t>, node: Node<'t>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    let mut open = vec![node];
    let mut steps = 0;
    let part = |name: &str, text: String| Attributes::default().with(name, text).value();
    while let Some(node) = open.pop() {
        steps += 1;
        if steps > 64 || out.len() > 12 {
            out.push(part("opaque", "…".to_owned()));
            break;
        }
        match node.kind() {
            "string" | "concatenated_string" => match index.source.string(node) {
                Some(text) => out.push(part("text", text)),
                None => open.extend(named(node).into_iter().rev()),
            },
            "string_content" => out.push(part("text", index.source.short(node))),
            "string_start" | "string_end" => {}
            "interpolation" => open.extend(node.child_by_field_name("expression")),
            "parenthesized_expression" => open.extend(node.named_child(0)),
            "binary_operator" if node.child_by_field_name("operator").is_some_and(|o| o.kind() == "+") => {
                open.extend(node.child_by_field_name("right"));
                open.extend(node.child_by_field_name("left"));
            }
            "call" => out.push(match environment_default(index, node) {
                Some(text) => part("text", text),
                None => handed(index, node).unwrap_or_else(|| part("opaque", index.source.short(node))),
            }),
            _ => match index.source.dotted(node) {
                Some(name) => out.push(part("name", name)),
                None => out.push(part("opaque", index.source.short(node))),
            },
        }
    }
    out
}

/// `scoped("/members")`: what a function makes of a text; which function it is, is linked.
fn handed<'t>(index: &Index<'t>, call: Node<'t>) -> Option<Value> {
    let callee = index.source.dotted(call.child_by_field_name("function")?).filter(|c| !c.contains('('))?;
    let positional = index.source.arguments(call).positional;
    let (at, given) = positional.iter().enumerate().find_map(|(at, n)| Some((at, index.source.string(*n)?)))?;
    let shown = Attributes::default().with("opaque", index.source.short(call)).with("callee", callee);
    Some(shown.with("at", i64::try_from(at).ok()?).with("given", given).value())
}

/// The constant default of `os.getenv("X", "/api")`.
fn environment_default<'t>(index: &Index<'t>, call: Node<'t>) -> Option<String> {
    let dotted = index.source.dotted(call.child_by_field_name("function")?)?;
    let environment = matches!(index.origin(&dotted).as_str(), "os.getenv" | "os.environ.get");
    index.source.string(index.source.arguments(call).get_or_at("default", 1)?).filter(|_| environment)
}
