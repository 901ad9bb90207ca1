//! Expressions of settings, whatever language they are written in: literals, references, templates, collections, pure
//! functions and choices; everything else is opaque and keeps only what it refers to. Evaluates nothing (see `eval.rs`).
//! Texts that stand under a sensitive name, or look like a key, are opaque from the start, before anything is cached.

use ligase_domain::Value;
use std::collections::BTreeMap;

/// Collections nest at most this deep before they are opaque; real settings nest two.
pub(crate) const DEPTH: usize = 6;
/// Elements of a list or an object, parts of a template, arguments of a function.
pub(crate) const ELEMENTS: usize = 40;
/// Bytes of a literal; regions, names and key ids are shorter.
pub(crate) const LITERAL: usize = 256;
/// Characters of a module's source.
const SOURCE: usize = 120;

/// A part of an index that is no constant.
pub(crate) const ANY: &str = "?";

/// An expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expr {
    Null,
    Bool(bool),
    Text(String),
    /// `var.region`, `aws_s3_bucket.logs[0].id`: segments; a constant number is `#0`, any other index [`ANY`].
    Ref(Vec<String>),
    Template(Vec<Expr>),
    List(Vec<Expr>),
    Object(BTreeMap<String, Expr>),
    /// A pure function, an operator by its sign, or `if` with a condition and two values.
    Call(String, Vec<Expr>),
    /// What is not followed: with the references in it.
    Opaque(Vec<Vec<String>>),
}

impl Expr {
    pub(crate) fn opaque() -> Self {
        Self::Opaque(Vec::new())
    }

    /// The expression with `each.key` and `each.value` as what they are taken from. Recursion follows what `read` has bounded.
    pub(crate) fn of_each(&self, of: &Self) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|p| p.of_each(of)).collect();
        match self {
            Self::Ref(path) if path.first().is_some_and(|p| p == "each") && path.len() > 1 => {
                let name = if path[1] == "key" { "each-key" } else { "each-value" };
                let rest = path[2..].iter().map(|s| Self::Text(s.clone()));
                Self::Call(name.to_owned(), std::iter::once(of.clone()).chain(rest).collect())
            }
            Self::Template(parts) => Self::Template(all(parts)),
            Self::List(parts) => Self::List(all(parts)),
            Self::Object(members) => Self::Object(members.iter().map(|(k, v)| (k.clone(), v.of_each(of))).collect()),
            Self::Call(name, args) => Self::Call(name.clone(), all(args)),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::Ref(_) | Self::Opaque(_) => self.clone(),
        }
    }

    /// As an attribute of a cached observation.
    pub(crate) fn to_value(&self) -> Value {
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
            Self::Call(name, args) => {
                let all = std::iter::once(Value::from(name.as_str())).chain(args.iter().map(Self::to_value));
                Value::map([("call", Value::List(all.collect()))])
            }
            Self::Opaque(refs) => {
                Value::map([("opaque", Value::List(refs.iter().map(|path| segments(path)).collect()))])
            }
        }
    }

    /// The inverse of [`Self::to_value`]; what is not of that form is opaque. Nesting is bounded by what `read` made and,
    /// for a cache that was tampered with, by `depth`.
    pub(crate) fn of_value(value: &Value) -> Self {
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
            Some(("call", v)) => match v.as_list().and_then(<[Value]>::split_first) {
                Some((Value::Text(name), args)) => {
                    Expr::Call(name.clone(), args.iter().map(|v| decode(v, depth)).collect())
                }
                _ => Expr::opaque(),
            },
            Some(("opaque", v)) => Expr::Opaque(v.as_list().unwrap_or_default().iter().map(segments).collect()),
            _ => Expr::opaque(),
        },
    }
}

/// The bytes of a value, for the bound of an observation.
pub(crate) fn size(value: &Value) -> usize {
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
pub(crate) fn is_sensitive(name: &str) -> bool {
    const WORDS: [&str; 8] =
        ["password", "passwd", "secret", "token", "credential", "private_key", "api_key", "access_key"];
    /// What only names or counts a secret.
    const ENDS: [&str; 8] = ["_arn", "_id", "_name", "_enabled", "_length", "_days", "_path", "_window"];
    let name = name.to_ascii_lowercase().replace('-', "_");
    let points = ENDS.iter().any(|e| name.ends_with(e)) && !name.contains("access_key");
    !points && WORDS.iter().any(|w| name.contains(w))
}

/// A module's source without what may be a credential: what stands before `@` in a URL, and the query.
pub(crate) fn source(text: &str) -> String {
    let text = text.split('?').next().unwrap_or(text);
    let clean = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &text[..scheme + 3], &text[at + 1..]),
        _ => text.to_owned(),
    };
    clean.chars().take(SOURCE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub(crate) fn looks_like_secret(text: &str) -> bool {
    const BEGINS: [&str; 8] = ["AKIA", "ASIA", "ghp_", "gho_", "github_pat_", "xox", "sk_live_", "-----BEGIN"];
    BEGINS.iter().any(|b| text.contains(b)) || (text.contains("://") && text.contains('@'))
}

/// A literal, if it is one that may be kept.
pub(crate) fn literal(text: String) -> Expr {
    if text.len() > LITERAL || looks_like_secret(&text) { Expr::opaque() } else { Expr::Text(text) }
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
