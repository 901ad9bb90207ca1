//! Whether a handler looks at who asks before anything else and turns strangers away with an answer that holds nothing:
//! `if request.user.is_anonymous: return Response({"result": False})`. What comes after such a look is reached by known
//! callers alone. Everything else that could be answered or done before it makes it no such look. Next: `functions.rs`,
//! which keeps what is said here; `link/django/mod.rs`, which makes a guard of it.

use super::index::Index;
use super::syntax::{last, named};
use tree_sitter::Node;

/// Statements of a body that are read before the look is given up.
const MAX_STATEMENTS: usize = 24;
/// Nodes of one expression that are read.
const MAX_NODES: usize = 200;
/// Who tells people or a log something, and answers nothing.
const TELLERS: &[&str] = &["messages", "logger", "logging", "log", "LOGGER", "LOG"];

/// Whether the first thing that a body does is to turn away who is not known.
pub(super) fn turns_strangers_away<'t>(index: &Index<'t>, body: Node<'t>) -> bool {
    let statements: Vec<Node<'t>> = named(body);
    for (at, statement) in statements.iter().enumerate().take(MAX_STATEMENTS) {
        let rest = statements.get(at + 1..).unwrap_or_default();
        match statement.kind() {
            "if_statement" => {
                let Some(condition) = statement.child_by_field_name("condition") else { return false };
                let Some(inside) = statement.child_by_field_name("consequence") else { return false };
                let away = turns_away(index, &named(inside));
                let others: Vec<Node<'t>> =
                    named(*statement).into_iter().filter(|n| n.kind().ends_with("_clause")).collect();
                if asks(index, condition, false) && away {
                    return true;
                }
                if asks(index, condition, true) {
                    return match others.as_slice() {
                        [] => turns_away(index, rest),
                        [only] if only.kind() == "else_clause" => {
                            rest.is_empty()
                                && only.child_by_field_name("body").is_some_and(|b| turns_away(index, &named(b)))
                        }
                        _ => false,
                    };
                }
                if !(away && others.is_empty() && plain(index, condition)) {
                    return false;
                }
            }
            "expression_statement" if harmless(index, *statement) => {}
            "pass_statement" | "import_statement" | "import_from_statement" => {}
            _ => return false,
        }
    }
    false
}

/// Whether an attribute says that somebody is known: `request.user.is_authenticated`.
pub(super) fn says_who(holder: &str, name: &str) -> bool {
    matches!(name, "is_authenticated" | "is_anonymous")
        && matches!(holder, "request.user" | "self.request.user" | "req.user")
}

/// Whether a condition holds for nobody who is known (`known` false), or for nobody else (`known` true).
fn asks<'t>(index: &Index<'t>, condition: Node<'t>, known: bool) -> bool {
    let mut open = vec![(condition, known)];
    let mut left = MAX_NODES;
    while let Some((node, known)) = open.pop() {
        left = left.saturating_sub(1);
        if left == 0 {
            return false;
        }
        match node.kind() {
            "parenthesized_expression" => open.extend(node.named_child(0).map(|n| (n, known))),
            "not_operator" => open.extend(node.child_by_field_name("argument").map(|n| (n, !known))),
            // One of several is enough to be sent away, and one of all that are demanded to be known.
            "boolean_operator" => {
                let word = node.child_by_field_name("operator").map_or("", |o| o.kind());
                if (word == "and") == known {
                    open.extend(named(node).into_iter().map(|n| (n, known)));
                }
            }
            "attribute" | "call" => {
                let dotted = index.source.dotted(node).unwrap_or_default();
                let dotted = dotted.trim_end_matches("()");
                if let Some((holder, name)) = dotted.rsplit_once('.')
                    && says_who(holder, name)
                    && (name == "is_authenticated") == known
                {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether statements end the handler, with a refusal or an answer without anything in it.
fn turns_away<'t>(index: &Index<'t>, statements: &[Node<'t>]) -> bool {
    let Some((end, before)) = statements.split_last() else { return false };
    let told = |n: &Node<'t>| {
        let call = n.named_child(0).filter(|c| n.kind() == "expression_statement" && c.kind() == "call");
        let name = call.and_then(|c| c.child_by_field_name("function")).and_then(|f| index.source.dotted(f));
        name.is_some_and(|d| TELLERS.contains(&d.split('.').next().unwrap_or_default()))
    };
    let ends = match end.kind() {
        "raise_statement" => true,
        "return_statement" => end.named_child(0).is_none_or(|value| holds_nothing(index, value)),
        _ => false,
    };
    ends && before.iter().all(told)
}

/// Whether a handler does nothing but show a page with constants in it, the same to everybody: `return render(request, "x.html")`.
pub(super) fn only_shows<'t>(index: &Index<'t>, body: Node<'t>) -> bool {
    let mut plain: Vec<&str> = Vec::new();
    for statement in named(body).into_iter().take(MAX_STATEMENTS) {
        let inner = statement.named_child(0);
        match statement.kind() {
            "assert_statement" | "pass_statement" | "import_statement" | "import_from_statement" => {}
            "expression_statement" if inner.is_none_or(|n| n.kind() == "string") => {}
            "expression_statement" => {
                let Some(assigned) = inner.filter(|n| n.kind() == "assignment") else { return false };
                let (Some(left), Some(right)) =
                    (assigned.child_by_field_name("left"), assigned.child_by_field_name("right"))
                else {
                    return false;
                };
                if left.kind() != "identifier" || !made_of(index, right, &plain) {
                    return false;
                }
                plain.push(index.source.of(left));
            }
            "return_statement" => {
                let call = inner.filter(|n| n.kind() == "call");
                let name = call.and_then(|c| c.child_by_field_name("function")).and_then(|f| index.source.dotted(f));
                let shows = name.is_some_and(|n| matches!(last(&n), "render" | "render_template" | "TemplateResponse"));
                return shows && call.is_some_and(|c| made_of(index, c, &plain));
            }
            _ => return false,
        }
    }
    false
}

/// A constant, or an answer that is made of constants and of the request.
fn holds_nothing<'t>(index: &Index<'t>, value: Node<'t>) -> bool {
    made_of(index, value, &[])
}

/// The same, where some names are known to hold nothing else.
fn made_of<'t>(index: &Index<'t>, value: Node<'t>, plain: &[&str]) -> bool {
    let mut open = vec![value];
    let mut left = MAX_NODES;
    while let Some(node) = open.pop() {
        left = left.saturating_sub(1);
        if left == 0 {
            return false;
        }
        match node.kind() {
            "string" if index.source.string(node).is_none() => return false,
            "string" | "integer" | "float" | "true" | "false" | "none" => {}
            "dictionary"
            | "list"
            | "tuple"
            | "pair"
            | "parenthesized_expression"
            | "concatenated_string"
            | "expression_list" => open.extend(named(node)),
            "identifier" => {
                let name = index.source.of(node);
                if !(name == "request" || shouted(name) || plain.contains(&name)) {
                    return false;
                }
            }
            "attribute" => {
                let dotted = index.source.dotted(node).unwrap_or_default();
                if !(shouted(last(&dotted)) || dotted.starts_with("request.") || dotted.starts_with("self.request")) {
                    return false;
                }
            }
            "call" => {
                let name =
                    node.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
                let arguments = index.source.arguments(node);
                if !answers(&name) || !arguments.splats.is_empty() {
                    return false;
                }
                open.extend(arguments.positional.into_iter().chain(arguments.named.into_iter().map(|(_, v)| v)));
            }
            _ => return false,
        }
    }
    true
}

/// Calls that answer, or say where to.
fn answers(dotted: &str) -> bool {
    let name = last(dotted);
    name.ends_with("Response")
        || name.starts_with("HttpResponse")
        || name == "handle_no_permission"
        || matches!(
            name,
            "redirect"
                | "redirect_to_login"
                | "render"
                | "render_template"
                | "reverse"
                | "reverse_lazy"
                | "resolve_url"
        )
        || matches!(name, "gettext" | "gettext_lazy" | "_")
        || of_request(dotted)
}

/// A statement before the look that reads the request and does nothing.
fn harmless<'t>(index: &Index<'t>, statement: Node<'t>) -> bool {
    let Some(inner) = statement.named_child(0) else { return true };
    match inner.kind() {
        "string" => true,
        "assignment" => {
            let target = inner.child_by_field_name("left").is_some_and(|l| l.kind() == "identifier");
            target && inner.child_by_field_name("right").is_none_or(|right| plain(index, right))
        }
        _ => false,
    }
}

/// An expression that asks nobody but the request.
fn plain<'t>(index: &Index<'t>, expression: Node<'t>) -> bool {
    let mut open = vec![expression];
    let mut left = MAX_NODES;
    while let Some(node) = open.pop() {
        left = left.saturating_sub(1);
        if left == 0 {
            return false;
        }
        match node.kind() {
            "call" => {
                let name =
                    node.child_by_field_name("function").and_then(|f| index.source.dotted(f)).unwrap_or_default();
                if !(of_request(&name) || matches!(name.as_str(), "int" | "str" | "bool" | "len")) {
                    return false;
                }
                open.extend(node.child_by_field_name("arguments").map(named).unwrap_or_default());
            }
            "lambda" | "await" | "yield" | "named_expression" | "list_comprehension" | "generator_expression" => {
                return false;
            }
            _ => open.extend(named(node)),
        }
    }
    true
}

/// `request.GET.get`, `self.request.query_params.get`.
fn of_request(dotted: &str) -> bool {
    dotted.starts_with("request.") || dotted.starts_with("self.request.")
}

/// `LOGIN_URL`, `HTTP_401_UNAUTHORIZED`.
fn shouted(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}
