//! HCL's syntax tree into expressions: what is plain, pure or a choice is kept as it is, everything else keeps only what it
//! refers to. Recursion is bounded by depth; brackets are unwrapped in a loop. Next: `look.rs`, `../resource/expr.rs`.

use crate::resource::expr::{ANY, DEPTH, ELEMENTS, Expr, LITERAL, is_sensitive, literal, source};
use std::collections::BTreeMap;
use tree_sitter::Node;

/// Nodes of an opaque expression that are searched for references, and references kept.
const SEARCHED: usize = 400;
const KEPT: usize = 8;
/// Wrappings and path segments that are followed.
const STEPS: usize = 32;
/// Operators and operands of one expression.
const OPERATORS: usize = 24;

/// Functions whose result their arguments alone decide, as far as `eval.rs` follows them.
const PURE: [&str; 36] = [
    "alltrue",
    "anytrue",
    "can",
    "coalesce",
    "coalescelist",
    "compact",
    "concat",
    "contains",
    "distinct",
    "element",
    "endswith",
    "flatten",
    "format",
    "index",
    "join",
    "keys",
    "length",
    "lookup",
    "lower",
    "merge",
    "nonsensitive",
    "one",
    "replace",
    "sensitive",
    "split",
    "startswith",
    "tobool",
    "tolist",
    "toset",
    "tostring",
    "trimprefix",
    "trimspace",
    "trimsuffix",
    "try",
    "upper",
    "values",
];

/// From a node of kind `expression`. `name` is what the value is bound to.
pub(super) fn expression(bytes: &[u8], node: Node<'_>, name: &str) -> Expr {
    if is_sensitive(name) { Expr::opaque() } else { read(bytes, node, DEPTH) }
}

/// A module's source: a text, or opaque.
pub(super) fn module_source(bytes: &[u8], node: Node<'_>) -> Expr {
    let mut here = node;
    for _ in 0..STEPS {
        match children(here)[..] {
            [only] if only.kind() == "string_lit" => {
                return string(bytes, only).map_or_else(Expr::opaque, |t| Expr::Text(source(&t)));
            }
            [only] => here = only,
            _ => break,
        }
    }
    Expr::opaque()
}

pub(super) fn text_of<'a>(bytes: &'a [u8], node: Node<'_>) -> &'a str {
    bytes.get(node.byte_range()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
}

/// The named children that are no comments.
pub(super) fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|c| c.kind() != "comment").collect()
}

fn read(bytes: &[u8], mut node: Node<'_>, depth: usize) -> Expr {
    let Some(depth) = depth.checked_sub(1) else { return Expr::opaque() };
    if node.has_error() {
        return Expr::opaque();
    }
    for _ in 0..STEPS {
        let parts = children(node);
        match parts[..] {
            [only] if matches!(only.kind(), "expression" | "collection_value" | "template_expr" | "literal_value") => {
                node = only;
            }
            _ => return term(bytes, node, &parts, depth),
        }
    }
    Expr::opaque()
}

/// A primary and what follows it: `var.a[0].b`, `local.zones[var.env]`, `f(x).y`. `whole` is what it stands in.
fn term(bytes: &[u8], whole: Node<'_>, parts: &[Node<'_>], depth: usize) -> Expr {
    let opaque = || Expr::Opaque(references(bytes, whole));
    let Some((first, rest)) = parts.split_first() else { return Expr::opaque() };
    if first.kind() == "variable_expr" {
        return path(bytes, parts, depth).unwrap_or_else(opaque);
    }
    if first.kind() == "operation" {
        return operation(bytes, whole, parts, depth).unwrap_or_else(opaque);
    }
    let read = match first.kind() {
        "bool_lit" => Expr::Bool(text_of(bytes, *first) == "true"),
        "null_lit" => Expr::Null,
        "numeric_lit" => literal(text_of(bytes, *first).to_owned()),
        "string_lit" => string(bytes, *first).map_or_else(Expr::opaque, literal),
        "quoted_template" => template(bytes, *first, depth),
        "tuple" => tuple(bytes, *first, depth),
        "object" => object(bytes, *first, depth),
        "conditional" => conditional(bytes, *first, depth).unwrap_or_else(opaque),
        "function_call" => call(bytes, *first, depth).unwrap_or_else(opaque),
        "expression" | "collection_value" | "template_expr" | "literal_value" if !rest.is_empty() => {
            self::read(bytes, *first, depth)
        }
        _ => return opaque(),
    };
    if rest.is_empty() {
        return read;
    }
    let members = rest.iter().map(|part| segment(bytes, *part)).collect::<Option<Vec<_>>>();
    match (members, matches!(read, Expr::Opaque(_))) {
        (Some(members), false) => {
            let args = std::iter::once(read).chain(members.into_iter().map(Expr::Text));
            Expr::Call("member".to_owned(), args.collect())
        }
        _ => opaque(),
    }
}

fn conditional(bytes: &[u8], node: Node<'_>, depth: usize) -> Option<Expr> {
    let parts = children(node);
    let [condition, yes, no] = parts[..] else { return None };
    Some(Expr::Call("if".to_owned(), [condition, yes, no].map(|n| read(bytes, n, depth)).into()))
}

/// Operators and operands of an expression, in the order of the text.
enum Part<'t> {
    Sign(&'static str),
    /// A primary and what follows it.
    Operand(Vec<Node<'t>>),
}

/// `!x`, `a == b && c`. The grammar binds what follows an operand to all before it (`a && var.b` becomes `(a && var).b`), so the
/// tree is laid flat again and put together by precedence, with two stacks.
fn operation(bytes: &[u8], whole: Node<'_>, parts: &[Node<'_>], depth: usize) -> Option<Expr> {
    let (mut operands, mut signs): (Vec<Expr>, Vec<&str>) = (Vec::new(), Vec::new());
    for part in flat(bytes, parts)? {
        match part {
            Part::Sign("!") => signs.push("!"),
            Part::Sign(sign) => {
                while signs.last().is_some_and(|top| binding(top) >= binding(sign)) {
                    apply(&mut operands, signs.pop()?)?;
                }
                signs.push(sign);
            }
            Part::Operand(nodes) => operands.push(match nodes[..] {
                [only] if !matches!(only.kind(), "variable_expr" | "function_call" | "for_expr") => {
                    read(bytes, only, depth)
                }
                _ => term(bytes, whole, &nodes, depth),
            }),
        }
    }
    while let Some(sign) = signs.pop() {
        apply(&mut operands, sign)?;
    }
    if operands.len() == 1 { operands.pop() } else { None }
}

fn binding(sign: &str) -> usize {
    match sign {
        "!" => 5,
        "<" | "<=" | ">" | ">=" => 4,
        "==" | "!=" => 3,
        "&&" => 2,
        _ => 1,
    }
}

fn apply(operands: &mut Vec<Expr>, sign: &str) -> Option<()> {
    let right = operands.pop()?;
    let args = if sign == "!" { vec![right] } else { vec![operands.pop()?, right] };
    // Each sign costs a level when it is kept and read again.
    operands.push(Expr::Call(sign.to_owned(), args));
    Some(())
}

/// `None` for arithmetic, and for more than anybody writes.
fn flat<'t>(bytes: &[u8], parts: &[Node<'t>]) -> Option<Vec<Part<'t>>> {
    const SIGNS: [&str; 9] = ["==", "!=", "<", "<=", ">", ">=", "&&", "||", "!"];
    let mut open: Vec<Node<'t>> = parts.iter().rev().copied().collect();
    let mut out: Vec<Part<'t>> = Vec::new();
    for _ in 0..SEARCHED {
        let Some(node) = open.pop() else { return (out.len() <= OPERATORS).then_some(out) };
        match node.kind() {
            "operation" | "unary_operation" | "binary_operation" => {
                let mut cursor = node.walk();
                let below: Vec<Node<'t>> = node.children(&mut cursor).filter(|c| c.kind() != "comment").collect();
                open.extend(below.into_iter().rev());
            }
            "(" | ")" => {}
            "get_attr" | "index" | "splat" => match out.last_mut() {
                Some(Part::Operand(nodes)) => nodes.push(node),
                _ => return None,
            },
            _ if node.is_named() => out.push(Part::Operand(vec![node])),
            _ => out.push(Part::Sign(SIGNS.iter().find(|s| **s == text_of(bytes, node))?)),
        }
    }
    None
}

fn call(bytes: &[u8], node: Node<'_>, depth: usize) -> Option<Expr> {
    let parts = children(node);
    let name = parts.first().filter(|n| n.kind() == "identifier").map(|n| text_of(bytes, *n))?;
    let arguments = match parts.get(1) {
        None => Vec::new(),
        Some(arguments) => children(*arguments),
    };
    let plain = arguments.len() <= ELEMENTS && arguments.iter().all(|a| a.kind() == "expression");
    (plain && PURE.contains(&name))
        .then(|| Expr::Call(name.to_owned(), arguments.iter().map(|a| read(bytes, *a, depth)).collect()))
}

/// The text of a `string_lit`; `None` when it has escapes that are not plain.
pub(super) fn string(bytes: &[u8], node: Node<'_>) -> Option<String> {
    let parts = children(node);
    let Some(inner) = parts.iter().find(|p| p.kind() == "template_literal") else { return Some(String::new()) };
    plain(text_of(bytes, *inner))
}

fn plain(text: &str) -> Option<String> {
    if text.contains('\\') || text.contains("$${") || text.contains("%%{") { None } else { Some(text.to_owned()) }
}

fn template(bytes: &[u8], node: Node<'_>, depth: usize) -> Expr {
    let mut parts = Vec::new();
    for part in children(node) {
        let read = match part.kind() {
            "quoted_template_start" | "quoted_template_end" => continue,
            "template_literal" => plain(text_of(bytes, part)).map(literal),
            "template_interpolation" => {
                children(part).into_iter().find(|p| p.kind() == "expression").map(|e| read(bytes, e, depth))
            }
            _ => None,
        };
        match read {
            Some(part) if parts.len() < ELEMENTS => parts.push(part),
            _ => return Expr::Opaque(references(bytes, node)),
        }
    }
    if parts.len() == 1 { parts.remove(0) } else { Expr::Template(parts) }
}

fn tuple(bytes: &[u8], node: Node<'_>, depth: usize) -> Expr {
    let elements: Vec<Node<'_>> = children(node).into_iter().filter(|c| c.kind() == "expression").collect();
    if elements.len() > ELEMENTS {
        return Expr::opaque();
    }
    Expr::List(elements.into_iter().map(|e| read(bytes, e, depth)).collect())
}

fn object(bytes: &[u8], node: Node<'_>, depth: usize) -> Expr {
    let elements: Vec<Node<'_>> = children(node).into_iter().filter(|c| c.kind() == "object_elem").collect();
    if elements.len() > ELEMENTS {
        return Expr::opaque();
    }
    let mut members = BTreeMap::new();
    for element in elements {
        let (Some(key), Some(value)) = (element.child_by_field_name("key"), element.child_by_field_name("val")) else {
            return Expr::opaque();
        };
        let name = match read(bytes, key, depth) {
            Expr::Text(t) => t,
            Expr::Bool(b) => b.to_string(),
            Expr::Ref(path) => path.join("."),
            _ => return Expr::opaque(),
        };
        let value = if is_sensitive(&name) { Expr::opaque() } else { read(bytes, value, depth) };
        members.insert(name, value);
    }
    Expr::Object(members)
}

/// A reference: `variable_expr` and what follows it. An index that is no constant makes it a call of `[]`.
fn path(bytes: &[u8], parts: &[Node<'_>], depth: usize) -> Option<Expr> {
    let (first, rest) = parts.split_first()?;
    let mut out = vec![text_of(bytes, *first).to_owned()];
    let mut built: Option<Expr> = None;
    if rest.len() > STEPS {
        return None;
    }
    for part in rest {
        let next = segment(bytes, *part)?;
        let key = if next == ANY && part.kind() == "index" { key_of(bytes, *part, depth) } else { None };
        if next.len() > LITERAL {
            return None;
        }
        match (built.take(), key) {
            (None, Some(key)) => {
                built = Some(Expr::Call("[]".to_owned(), vec![Expr::Ref(std::mem::take(&mut out)), key]));
            }
            (None, None) => out.push(next),
            (Some(base), Some(key)) => built = Some(Expr::Call("[]".to_owned(), vec![base, key])),
            (Some(base), None) => built = Some(Expr::Call("member".to_owned(), vec![base, Expr::Text(next)])),
        }
    }
    Some(built.unwrap_or(Expr::Ref(out)))
}

/// The key of an index, where it is something that may be followed.
fn key_of(bytes: &[u8], index: Node<'_>, depth: usize) -> Option<Expr> {
    let inner = children(index).into_iter().next()?;
    let key = children(inner).into_iter().next()?;
    match read(bytes, key, depth) {
        // `[count.index]` says nothing: every instance has the same declaration.
        Expr::Ref(path) if path.first().is_some_and(|p| p == "count" || p == "each") => None,
        Expr::Opaque(_) | Expr::Null => None,
        key => Some(key),
    }
}

fn segment(bytes: &[u8], part: Node<'_>) -> Option<String> {
    match part.kind() {
        "get_attr" => Some(text_of(bytes, part).trim_start_matches('.').trim().to_owned()),
        "index" => Some(index(bytes, part)),
        "splat" => Some(ANY.to_owned()),
        _ => None,
    }
}

fn index(bytes: &[u8], node: Node<'_>) -> String {
    let Some(inner) = children(node).into_iter().next() else { return ANY.to_owned() };
    if inner.kind() == "legacy_index" {
        return format!("#{}", text_of(bytes, inner).trim_start_matches('.'));
    }
    // A bounded look at one literal: an index is `[0]` or `["eu"]`, or it is not followed.
    let inner = children(inner).into_iter().next().map(|e| read(bytes, e, 2));
    match inner {
        Some(Expr::Text(t)) if t.bytes().all(|b| b.is_ascii_digit()) => format!("#{t}"),
        Some(Expr::Text(t)) => t,
        _ => ANY.to_owned(),
    }
}

/// What an expression refers to, in order of appearance.
fn references(bytes: &[u8], node: Node<'_>) -> Vec<Vec<String>> {
    let mut out: Vec<Vec<String>> = Vec::new();
    let mut cursor = node.walk();
    for _ in 0..SEARCHED {
        let here = cursor.node();
        if here.kind() == "variable_expr" && out.len() < KEPT {
            let mut parts = vec![here];
            while let Some(next) = parts.last().and_then(Node::next_named_sibling) {
                if !matches!(next.kind(), "get_attr" | "index" | "splat") || parts.len() == STEPS {
                    break;
                }
                parts.push(next);
            }
            let mut found: Vec<String> = vec![text_of(bytes, here).to_owned()];
            found.extend(parts[1..].iter().filter_map(|p| segment(bytes, *p)));
            let kept = found.iter().all(|s| s.len() <= LITERAL) && !out.contains(&found);
            out.extend(kept.then_some(found));
        }
        if cursor.goto_first_child() {
            continue;
        }
        loop {
            if cursor.goto_next_sibling() {
                break;
            }
            if !cursor.goto_parent() {
                return out;
            }
        }
    }
    out
}
