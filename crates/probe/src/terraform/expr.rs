//! Expressions of HCL as far as settings need them: literals, references, templates, lists and objects; everything
//! else is opaque and keeps only what it refers to. Evaluates nothing (see `eval.rs`) and keeps no secret: texts that
//! stand under a sensitive name, or look like a key, become opaque here, before anything is cached.

use ligase_domain::Value;
use std::collections::BTreeMap;
use tree_sitter::Node;

/// Collections nest at most this deep before they are opaque; real settings nest two.
const DEPTH: usize = 6;
/// Elements of a list or an object, and parts of a template.
const ELEMENTS: usize = 40;
/// Bytes of a literal; regions, names and key ids are shorter.
const LITERAL: usize = 256;
/// Characters of a module's source.
const SOURCE: usize = 120;
/// Nodes of an opaque expression that are searched for references, and references kept.
const SEARCHED: usize = 400;
const KEPT: usize = 8;
/// Wrappings and path segments that are followed.
const STEPS: usize = 32;

/// A part of an index that is no constant.
pub(super) const ANY: &str = "?";

/// An expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expr {
    Null,
    Bool(bool),
    Text(String),
    /// `var.region`, `aws_s3_bucket.logs[0].id`: segments; a constant number is `#0`, any other index [`ANY`].
    Ref(Vec<String>),
    Template(Vec<Expr>),
    List(Vec<Expr>),
    Object(BTreeMap<String, Expr>),
    /// A function call, a condition, an operation: with the references in it.
    Opaque(Vec<Vec<String>>),
}

impl Expr {
    pub(super) fn opaque() -> Self {
        Self::Opaque(Vec::new())
    }

    /// From a node of kind `expression`. `name` is what the value is bound to.
    pub(super) fn read(bytes: &[u8], node: Node<'_>, name: &str) -> Self {
        if is_sensitive(name) { Self::opaque() } else { read(bytes, node, DEPTH) }
    }

    /// A module's source: a text, or opaque.
    pub(super) fn read_source(bytes: &[u8], node: Node<'_>) -> Self {
        let mut here = node;
        for _ in 0..STEPS {
            match children(here)[..] {
                [only] if only.kind() == "string_lit" => {
                    return string(bytes, only).map_or_else(Self::opaque, |t| Self::Text(source(&t)));
                }
                [only] => here = only,
                _ => break,
            }
        }
        Self::opaque()
    }

    /// As an attribute of a cached observation.
    pub(super) fn to_value(&self) -> Value {
        let segments = |path: &[String]| Value::List(path.iter().map(|s| Value::from(s.as_str())).collect());
        let list = |parts: &[Self]| Value::List(parts.iter().map(Self::to_value).collect());
        match self {
            Self::Null => Value::map([("null", Value::Bool(true))]),
            Self::Bool(b) => Value::Bool(*b),
            Self::Text(t) => Value::from(t.as_str()),
            Self::Ref(path) => Value::map([("ref", segments(path))]),
            Self::Template(parts) => Value::map([("template", list(parts))]),
            Self::List(parts) => list(parts),
            Self::Object(members) => {
                let members = members.iter().map(|(k, v)| (k.clone(), v.to_value()));
                Value::map([("object", Value::map(members))])
            }
            Self::Opaque(refs) => {
                Value::map([("opaque", Value::List(refs.iter().map(|path| segments(path)).collect()))])
            }
        }
    }

    /// The inverse of [`Self::to_value`]; what is not of that form is opaque. Nesting is bounded by what `read` made and,
    /// for a cache that was tampered with, by `depth`.
    pub(super) fn of_value(value: &Value) -> Self {
        decode(value, DEPTH * 2)
    }
}

fn decode(value: &Value, depth: usize) -> Expr {
    let Some(depth) = depth.checked_sub(1) else { return Expr::opaque() };
    let segments = |v: &Value| -> Vec<String> {
        v.as_list().unwrap_or_default().iter().filter_map(|s| s.as_text().map(str::to_owned)).collect()
    };
    match value {
        Value::Bool(b) => Expr::Bool(*b),
        Value::Int(i) => Expr::Text(i.to_string()),
        Value::Text(t) => Expr::Text(t.clone()),
        Value::List(l) => Expr::List(l.iter().map(|v| decode(v, depth)).collect()),
        Value::Map(m) => match m.iter().next().map(|(k, v)| (k.as_str(), v)) {
            Some(("null", _)) => Expr::Null,
            Some(("ref", v)) => Expr::Ref(segments(v)),
            Some(("template", v)) => {
                Expr::Template(v.as_list().unwrap_or_default().iter().map(|v| decode(v, depth)).collect())
            }
            Some(("object", Value::Map(members))) => {
                Expr::Object(members.iter().map(|(k, v)| (k.clone(), decode(v, depth))).collect())
            }
            Some(("opaque", v)) => Expr::Opaque(v.as_list().unwrap_or_default().iter().map(segments).collect()),
            _ => Expr::opaque(),
        },
    }
}

/// The bytes of a value, for the bound of an observation.
pub(super) fn size(value: &Value) -> usize {
    let (mut total, mut open) = (0, vec![value]);
    while let Some(value) = open.pop() {
        total += 4;
        match value {
            Value::Text(t) => total += t.len(),
            Value::List(l) => open.extend(l),
            Value::Map(m) => {
                total += m.keys().map(String::len).sum::<usize>();
                open.extend(m.values());
            }
            Value::Bool(_) | Value::Int(_) => total += 8,
        }
    }
    total
}

/// Names whose literal values are never kept.
pub(super) fn is_sensitive(name: &str) -> bool {
    const WORDS: [&str; 8] =
        ["password", "passwd", "secret", "token", "credential", "private_key", "api_key", "access_key"];
    /// What only names or counts a secret.
    const ENDS: [&str; 8] = ["_arn", "_id", "_name", "_enabled", "_length", "_days", "_path", "_window"];
    let name = name.to_ascii_lowercase().replace('-', "_");
    let points = ENDS.iter().any(|e| name.ends_with(e)) && !name.contains("access_key");
    !points && WORDS.iter().any(|w| name.contains(w))
}

/// A module's source without what may be a credential: what stands before `@` in a URL, and the query.
pub(super) fn source(text: &str) -> String {
    let text = text.split('?').next().unwrap_or(text);
    let clean = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &text[..scheme + 3], &text[at + 1..]),
        _ => text.to_owned(),
    };
    clean.chars().take(SOURCE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn looks_like_secret(text: &str) -> bool {
    const BEGINS: [&str; 8] = ["AKIA", "ASIA", "ghp_", "gho_", "github_pat_", "xox", "sk_live_", "-----BEGIN"];
    BEGINS.iter().any(|b| text.contains(b)) || (text.contains("://") && text.contains('@'))
}

pub(super) fn text_of<'a>(bytes: &'a [u8], node: Node<'_>) -> &'a str {
    bytes.get(node.byte_range()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
}

/// The named children that are no comments.
pub(super) fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|c| c.kind() != "comment").collect()
}

fn literal(text: String) -> Expr {
    if text.len() > LITERAL || looks_like_secret(&text) { Expr::opaque() } else { Expr::Text(text) }
}

/// Recursion goes into collections and templates only and is bounded by `depth`; brackets are unwrapped in a loop.
fn read(bytes: &[u8], mut node: Node<'_>, depth: usize) -> Expr {
    let Some(depth) = depth.checked_sub(1) else { return Expr::opaque() };
    if node.has_error() {
        return Expr::opaque();
    }
    for _ in 0..STEPS {
        let parts = children(node);
        let Some((first, rest)) = parts.split_first() else { return Expr::opaque() };
        if rest.is_empty() {
            match first.kind() {
                "expression" | "collection_value" | "template_expr" | "literal_value" => node = *first,
                "bool_lit" => return Expr::Bool(text_of(bytes, *first) == "true"),
                "null_lit" => return Expr::Null,
                "numeric_lit" => return literal(text_of(bytes, *first).to_owned()),
                "string_lit" => return string(bytes, *first).map_or_else(Expr::opaque, literal),
                "quoted_template" => return template(bytes, *first, depth),
                "tuple" => return tuple(bytes, *first, depth),
                "object" => return object(bytes, *first, depth),
                "variable_expr" => return Expr::Ref(vec![text_of(bytes, *first).to_owned()]),
                _ => return Expr::Opaque(references(bytes, node)),
            }
        } else if first.kind() == "variable_expr" {
            return path(bytes, &parts).map_or_else(|| Expr::Opaque(references(bytes, node)), Expr::Ref);
        } else {
            return Expr::Opaque(references(bytes, node));
        }
    }
    Expr::opaque()
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

/// The segments of a reference: `variable_expr` and what follows it.
fn path(bytes: &[u8], parts: &[Node<'_>]) -> Option<Vec<String>> {
    let mut out = Vec::new();
    for part in parts.iter().take(STEPS) {
        match part.kind() {
            "variable_expr" if out.is_empty() => out.push(text_of(bytes, *part).to_owned()),
            "get_attr" => out.push(text_of(bytes, *part).trim_start_matches('.').trim().to_owned()),
            "index" => out.push(index(bytes, *part)),
            "splat" => out.push(ANY.to_owned()),
            _ => return None,
        }
    }
    out.iter().all(|s| s.len() <= LITERAL).then_some(out)
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
            out.extend(path(bytes, &parts).filter(|p| !out.contains(p)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_kept_without_its_credentials() {
        assert_eq!(source("git::https://user:pw@example.org/x.git?ref=v1"), "git::https://example.org/x.git");
        assert_eq!(source("git@example.org:x/y.git"), "git@example.org:x/y.git");
        assert_eq!(source("terraform-aws-modules/rds/aws"), "terraform-aws-modules/rds/aws");
    }

    #[test]
    fn names_of_secrets_are_told_from_names_that_only_point_to_them() {
        for name in
            ["db_password", "api-key", "client_secret", "aws_secret_access_key", "GITHUB_TOKEN", "access_key_id"]
        {
            assert!(is_sensitive(name), "{name}");
        }
        for name in ["secret_arn", "kms_key_id", "manage_master_user_password_enabled", "region", "token_window"] {
            assert!(!is_sensitive(name), "{name}");
        }
    }
}
