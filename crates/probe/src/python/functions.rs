//! Functions and classes as one file writes them: what they depend on, whether they refuse, whether they let pass who shows
//! nothing, which credentials they look at. Whether a function guards is not said here: that takes the functions that it
//! depends on, and is linked. Next: `fields.rs`, then `link/guards.rs`.

use super::emit::{Attributes, Emit, texts};
use super::expressions::{Needs, options};
use super::index::{Definition, Index, Placed};
use super::syntax::last;
use crate::vocabulary::Vocabulary;
use ligase_domain::Value;
use std::collections::{BTreeSet, HashMap};
use tree_sitter::Node;

/// Calls of one function that are kept.
const MAX_CALLS: usize = 24;
/// Names that a request has by custom.
const REQUESTS: &[&str] = &["request", "req", "websocket"];
/// Types of a request.
const REQUEST_TYPES: &[&str] = &["Request", "HTTPConnection", "WebSocket", "Scope"];

/// What the body of one function does.
#[derive(Default)]
struct Body {
    refuses: BTreeSet<String>,
    returns_none: bool,
    none_when_missing: bool,
    credential: bool,
    path_dependent: bool,
    calls: Vec<String>,
    passes: Vec<String>,
    returned: Vec<String>,
    /// It asks whether somebody is known.
    asks: bool,
    /// `return a if flag else b`.
    chosen: Option<Value>,
}

/// Emits every function.
pub(crate) fn emit(index: &Index<'_>, vocabulary: &Vocabulary, out: &mut Emit<'_>) {
    let mut bodies: HashMap<usize, Body> = HashMap::new();
    let known = &vocabulary.guards.credential_globals;
    let globals = index.origins.iter().flat_map(|(local, origin)| {
        let inside = known.iter().filter_map(move |k| {
            let rest = k.strip_prefix(origin.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{local}{rest}"))
        });
        inside.collect::<Vec<_>>()
    });
    let reading = Reading { index, vocabulary, globals: globals.collect() };
    for raise in &index.raises {
        if let Some(function) = index.function_of(raise.scope) {
            let refusal = raise.node.named_child(0).and_then(|n| reading.refusal(n, raise.scope));
            bodies.entry(function).or_default().refuses.extend(refusal);
        }
    }
    for call in &index.calls {
        if let Some(function) = index.function_of(call.scope) {
            reading.call(call, function, bodies.entry(function).or_default());
        }
    }
    for attribute in &index.attributes {
        if let Some(function) = index.function_of(attribute.scope) {
            reading.attribute(attribute.node, function, bodies.entry(function).or_default());
        }
    }
    for returned in &index.returns {
        if let Some(function) = index.function_of(returned.scope) {
            reading.returned(returned, function, bodies.entry(function).or_default());
        }
    }
    for (at, definition) in index.definitions.iter().enumerate().filter(|(_, d)| !d.is_class) {
        reading.function(at, definition, bodies.remove(&at).unwrap_or_default(), out);
    }
}

struct Reading<'a, 't> {
    index: &'a Index<'t>,
    vocabulary: &'a Vocabulary,
    /// Names of this file that say who is asking: `session`, `current_user`.
    globals: Vec<String>,
}

impl<'t> Reading<'_, 't> {
    /// `authentication` or `authorization` when a raised expression refuses.
    fn refusal(&self, node: Node<'t>, scope: Option<usize>) -> Option<String> {
        let index = self.index;
        match node.kind() {
            "call" => {
                let dotted = index.source.dotted(node.child_by_field_name("function")?)?;
                self.status(node).or_else(|| self.named_refusal(&dotted))
            }
            "identifier" => {
                let name = index.source.of(node);
                let scopes = [scope, index.function_of(scope), None];
                let bound = scopes.iter().find_map(|s| index.bound(*s, name).last());
                match bound.and_then(|b| b.right) {
                    Some(right) if right.kind() == "call" => {
                        let dotted = index.source.dotted(right.child_by_field_name("function")?)?;
                        self.status(right).or_else(|| self.named_refusal(&dotted))
                    }
                    _ => self.named_refusal(name),
                }
            }
            "attribute" => self.named_refusal(&index.source.dotted(node)?),
            _ => None,
        }
    }

    fn named_refusal(&self, dotted: &str) -> Option<String> {
        let name = last(dotted).to_ascii_lowercase();
        let name = name.replace('_', "");
        let lists = &self.vocabulary.guards.exceptions;
        lists.iter().find(|(_, names)| names.iter().any(|n| name.contains(n.as_str()))).map(|(kind, _)| kind.clone())
    }

    /// What a status code among a call's arguments refuses.
    fn status(&self, call: Node<'t>) -> Option<String> {
        let arguments = self.index.source.arguments(call);
        let values =
            arguments.named.iter().filter(|(n, _)| matches!(*n, "status_code" | "code" | "status")).map(|(_, v)| *v);
        values.chain(arguments.positional.iter().take(2).copied()).find_map(|node| self.refused_by(node))
    }

    /// What a status code refuses.
    fn refused_by(&self, node: Node<'t>) -> Option<String> {
        let text = match node.kind() {
            "integer" => self.index.source.of(node).to_owned(),
            "identifier" | "attribute" => last(&self.index.source.dotted(node)?).to_owned(),
            _ => return None,
        };
        self.vocabulary.guards.refusals.get(&text).cloned()
    }

    fn is_credential_name(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        self.vocabulary.guards.credential_parameters.contains(&lower)
            || self.vocabulary.classes.classify(name, "auth").is_some_and(|h| h.class == "credential")
    }

    fn is_request(&self, function: usize, name: &str) -> bool {
        REQUESTS.contains(&name)
            || self.index.parameters(function).iter().any(|p| {
                p.name == name
                    && p.annotation
                        .is_some_and(|a| self.index.source.dotted(a).is_some_and(|t| REQUEST_TYPES.contains(&last(&t))))
            })
    }

    fn call(&self, call: &Placed<'t>, function: usize, body: &mut Body) {
        let index = self.index;
        let Some(dotted) = call.node.child_by_field_name("function").and_then(|f| index.source.dotted(f)) else {
            return;
        };
        let optional = self.refusing_call(call, &dotted, body);
        if optional {
            return;
        }
        let names = |n: &Node<'t>| index.source.dotted(*n).unwrap_or_default();
        let arguments = index.source.arguments(call.node);
        let hands_on = arguments.positional.iter().chain(arguments.named.iter().map(|(_, v)| v)).any(|n| {
            let name = names(n);
            let first = name.split('.').next().unwrap_or_default();
            self.is_credential_name(last(&name)) || self.is_request(function, first)
        });
        let origin = index.origin(&dotted);
        if self.vocabulary.guards.verifiers.iter().any(|v| *v == plain(&origin)) {
            body.credential = true;
        }
        let list = if hands_on { &mut body.passes } else { &mut body.calls };
        if list.len() < MAX_CALLS && !list.contains(&dotted) {
            list.push(dotted);
        }
    }

    /// What it does about who asks: "first" where strangers are turned away before anything else, "somewhere" where it is asked.
    fn asks(&self, definition: &Definition<'t>, asked: bool) -> &'static str {
        let body = definition.node.child_by_field_name("body").filter(|_| asked);
        match body.map(|b| super::asks::turns_strangers_away(self.index, b)) {
            Some(true) => "first",
            Some(false) => "somewhere",
            None => "",
        }
    }

    /// What it does with everybody alike, where that is a page.
    fn does(&self, definition: &Definition<'t>) -> &'static str {
        let body = definition.node.child_by_field_name("body");
        if body.is_some_and(|b| super::asks::only_shows(self.index, b)) { "shows-a-page" } else { "" }
    }

    /// How a permission answers: "safe" where it may let everybody read, "always" where it answers nothing but yes.
    fn permits(&self, definition: &Definition<'t>) -> &'static str {
        if definition.name != "has_permission" {
            return "";
        }
        let text = definition.node.child_by_field_name("body").map(|b| self.index.source.of(b)).unwrap_or_default();
        let answers = text.matches("return").count();
        if text.contains("SAFE_METHODS") && !asks_readers_too(text) {
            "safe"
        } else if answers == 1 && text.trim_end().ends_with("return True") {
            "always"
        } else {
            ""
        }
    }

    /// What a call refuses by itself: `abort(401)`, `redirect(url_for("login"))`, `HttpResponseForbidden()`. Whether it is a
    /// check that lets everybody pass.
    fn refusing_call(&self, call: &Placed<'t>, dotted: &str, body: &mut Body) -> bool {
        let index = self.index;
        let name = last(dotted);
        if name.ends_with("Response") || name == "abort" || name == "make_response" {
            body.refuses.extend(self.status(call.node));
        } else if name.starts_with("HttpResponse") {
            body.refuses.extend(self.named_refusal(dotted));
        }
        let text = || call.node.child_by_field_name("arguments").map(|a| index.source.short(a)).unwrap_or_default();
        let to_login = || {
            let words = crate::vocabulary::words(&text());
            words.iter().any(|w| matches!(w.as_str(), "login" | "signin" | "authenticate" | "oauth"))
                || words.windows(2).any(|w| (w[0] == "sign" || w[0] == "log") && w[1] == "in")
        };
        // What Django's own mixins answer whoever may not.
        let sends_to_login = matches!(name, "redirect_to_login" | "handle_no_permission")
            || name == "unauthorized" && dotted.contains("login_manager")
            || matches!(name, "redirect" | "HttpResponseRedirect" | "RedirectResponse") && to_login();
        if sends_to_login {
            body.refuses.insert("authentication".to_owned());
        }
        name == "verify_jwt_in_request" && text().contains("optional=True")
    }

    fn attribute(&self, node: Node<'t>, function: usize, body: &mut Body) {
        let Some(object) =
            node.child_by_field_name("object").filter(|o| matches!(o.kind(), "identifier" | "attribute"))
        else {
            return;
        };
        let name = node.child_by_field_name("attribute").map_or("", |a| self.index.source.of(a));
        let Some(holder) = self.index.source.dotted(object) else { return };
        body.asks |= super::asks::says_who(&holder, name);
        let first = holder.split('.').next().unwrap_or_default();
        if !self.is_request(function, first) {
            return;
        }
        if self.vocabulary.guards.credential_attributes.iter().any(|a| a == name) {
            body.credential = true;
        }
        let place = matches!(name, "path" | "full_path" | "path_info" | "endpoint" | "blueprint" | "url_rule");
        // What is only told (to a log, to a template) decides nothing.
        let told = |n: Node<'t>| matches!(n.kind(), "pair" | "dictionary" | "keyword_argument" | "interpolation");
        let mut around = Some(node);
        for _ in 0..5 {
            around = around.and_then(|n| n.parent());
            if around.is_some_and(told) {
                return;
            }
        }
        if place || (name == "url" && holder == first) {
            body.path_dependent = true;
        }
    }

    fn returned(&self, returned: &Placed<'t>, function: usize, body: &mut Body) {
        let index = self.index;
        let value = returned.node.named_child(0).filter(|n| !n.is_extra());
        match value {
            Some(node) if node.kind() != "none" => {
                if let Some(name) = index.source.dotted(node).filter(|_| body.returned.len() < 6) {
                    body.returned.push(name);
                }
                if matches!(node.kind(), "expression_list" | "tuple") {
                    // `return {"error": "…"}, 401`
                    let refused = super::syntax::named(node).into_iter().skip(1).find_map(|n| self.refused_by(n));
                    body.refuses.extend(refused);
                }
                if node.kind() == "conditional_expression" {
                    body.returns_none |= named_kind(node, "none");
                    body.chosen = chosen(index, node).or(body.chosen.take());
                }
            }
            value => {
                // A bare `return` is how a check that found nothing wrong ends; `return None` is an answer.
                body.returns_none |= value.is_some();
                let mut block = Some(returned.block);
                while let Some(at) = block {
                    let condition = index.blocks[at].condition.map(|c| index.source.short(c)).unwrap_or_default();
                    if self.missing(&condition, function) {
                        body.none_when_missing = true;
                    }
                    block = index.blocks[at].parent;
                }
            }
        }
    }

    /// Whether a condition asks whether a credential is absent.
    fn missing(&self, condition: &str, function: usize) -> bool {
        let asks = condition.contains("not ") || condition.contains("is None") || condition.contains("== None");
        asks && (self.index.parameters(function).iter().any(|p| contains_word(condition, p.name))
            || condition.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|w| self.is_credential_name(w)))
    }

    fn function(&self, at: usize, definition: &Definition<'t>, mut body: Body, out: &mut Emit<'_>) {
        let index = self.index;
        let mut needs = Needs::default();
        let mut names = Vec::new();
        let (mut request, mut marked_any, mut flags) = (false, false, Vec::new());
        for parameter in index.parameters(at) {
            if parameter.splat {
                continue;
            }
            needs.take(index, parameter.annotation, parameter.default);
            names.push(parameter.name);
            request |= self.is_request(at, parameter.name);
            let marker = parameter.default.map(|d| index.source.of(d)).unwrap_or_default();
            let marked = ["Header(", "Cookie("]
                .iter()
                .any(|m| marker.contains(m) || parameter.annotation.is_some_and(|a| index.source.of(a).contains(m)));
            marked_any |= marked;
            if let Some(default) = parameter.default.filter(|d| matches!(d.kind(), "true" | "false")) {
                flags.push(format!("{}={}", parameter.name, index.source.of(default)));
            }
            let plain = parameter.default.is_none_or(|d| d.kind() != "call") && !definition.qualified.contains('.');
            if self.is_credential_name(parameter.name) && (marked || plain) {
                body.credential = true;
            }
        }
        if !body.credential && !self.globals.is_empty() {
            let text = definition.node.child_by_field_name("body").map(|b| index.source.of(b)).unwrap_or_default();
            body.credential = self.globals.iter().any(|g| mentions(text, g));
        }
        let returns =
            definition.node.child_by_field_name("return_type").map(|t| index.source.short(t)).unwrap_or_default();
        let optional_return = returns.contains("None") && returns != "None" || returns.starts_with("Optional");
        let decorators: Vec<Value> = definition.decorators.iter().filter_map(|d| decorator(index, *d)).collect();
        let attributes = Attributes::default()
            .with("name", definition.qualified.as_str())
            .some("params", texts(names.into_iter().take(16)))
            .some("refuses", texts(body.refuses))
            .some("none", body.returns_none && returns != "None")
            .some("none_missing", body.none_when_missing)
            .some("optional_return", optional_return)
            .some("credential", body.credential)
            .some("asks", self.asks(definition, body.asks))
            .some("request", request)
            .some("path_dependent", body.path_dependent)
            .some("calls", texts(body.calls))
            .some("passes", texts(body.passes))
            .some("returned", texts(body.returned))
            .some("marked", marked_any)
            .some("flags", texts(flags))
            .some("returns", returns)
            .some("decorators", decorators)
            .some("permits", self.permits(definition))
            .some("does", self.does(definition));
        let attributes = match body.chosen {
            Some(chosen) => attributes.with("chosen", chosen),
            None => attributes,
        };
        let attributes = needs.into_attributes(attributes);
        out.seen("py-function", "python/module", definition.node, attributes, &[("definition", definition.whole)]);
    }
}

pub(super) fn decorator<'t>(index: &Index<'t>, node: Node<'t>) -> Option<Value> {
    let inner = node.named_child(0)?;
    let symbol = index.source.dotted(inner)?;
    let kept = if inner.kind() == "call" { options(index, &inner) } else { Vec::new() };
    // What a decorator is handed: `method_decorator(login_required, name="dispatch")`, `permission_classes([IsAdmin])`.
    let arguments = if inner.kind() == "call" { index.source.arguments(inner) } else { Default::default() };
    let handed = arguments.positional.first().copied().or_else(|| arguments.get("decorator"));
    let first = handed.map(|n| super::flask::items(index, n)).unwrap_or_default();
    let name = arguments.get("name").and_then(|n| index.source.string(n)).unwrap_or_default();
    let settings = arguments
        .named
        .iter()
        .filter(|(n, _)| n.ends_with("_classes") || matches!(*n, "methods" | "url_path" | "detail"));
    let settings: Vec<Value> = settings
        .map(|(n, v)| {
            let (items, opaque) = super::flask::items(index, *v);
            Attributes::default().with("name", *n).some("items", items).some("opaque", opaque).value()
        })
        .collect();
    Some(
        Attributes::default()
            .with("symbol", symbol)
            .some("options", texts(kept))
            .some("args", first.0)
            .some("args_opaque", first.1)
            .some("name", name)
            .some("settings", settings)
            .value(),
    )
}

/// Whether what a permission answers for methods that only read depends on who asks, in each place where it looks at them.
fn asks_readers_too(text: &str) -> bool {
    let mut seen = false;
    for (at, _) in text.match_indices("SAFE_METHODS") {
        let from = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let to = text[at..].find('\n').map_or(text.len(), |n| at + n);
        let line = text[from..to].trim();
        let branch = (line.starts_with("if ") || line.starts_with("elif ")) && line.ends_with("SAFE_METHODS:");
        if !branch || line.contains(" not in ") {
            return false;
        }
        let Some((_, after)) = text[to..].split_once("return") else { return false };
        let answer = after.split("return").next().unwrap_or(after);
        let answer = answer.split("\n\n").next().unwrap_or(answer);
        let first = answer.lines().next().unwrap_or_default().trim();
        if first == "True" || !answer.contains("request.user") || answer.contains("is_anonymous") {
            return false;
        }
        seen = true;
    }
    seen
}

/// Whether a text names something: `session`, `g.user`, as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].ends_with(|c: char| word(c) || c == '.') && !text[at + name.len()..].starts_with(word)
    })
}

/// A choice between two names by a flag.
fn chosen<'t>(index: &Index<'t>, node: Node<'t>) -> Option<Value> {
    let parts = super::syntax::named(node);
    let [yes, condition, no] = parts.as_slice() else { return None };
    let negated = condition.kind() == "not_operator";
    let flag = if negated { condition.child_by_field_name("argument")? } else { *condition };
    let name = |n: &Node<'t>| index.source.dotted(*n);
    let (yes, no) = if negated { (name(no)?, name(yes)?) } else { (name(yes)?, name(no)?) };
    let flag = (flag.kind() == "identifier").then(|| index.source.short(flag))?;
    Some(Attributes::default().with("flag", flag).with("yes", yes).with("no", no).value())
}

fn named_kind(node: Node<'_>, kind: &str) -> bool {
    super::syntax::named(node).iter().any(|n| n.kind() == kind)
}

fn contains_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|w| w == word)
}

/// A dotted name without its calls.
pub(crate) fn plain(dotted: &str) -> String {
    dotted.replace("()", "")
}
