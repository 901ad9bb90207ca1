//! Message templates: `{it.x}` and `{params.y}` are filled in, nothing else is read. What comes from a repository is shown
//! without control and direction characters and cut short, because it is printed on terminals and in pull requests.

use crate::catalog::ParameterValue;
use ligase_document::shown;
use ligase_domain::Value;
use std::collections::BTreeMap;

/// The names that a template uses, as `it.x`; an error says what is malformed.
pub(crate) fn names(template: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find(['{', '}']) {
        let (_, tail) = rest.split_at(open);
        let inner = tail.strip_prefix('{').ok_or("a } stands without its {")?;
        let (name, after) = inner.split_once('}').ok_or("a { stands without its }")?;
        names.push(name.to_owned());
        rest = after;
    }
    Ok(names)
}

/// The template with names replaced by what `lookup` knows; what it does not know stays as it is written.
pub(crate) fn fill(template: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = tail.split_once('}') else {
            out.push('{');
            rest = tail;
            continue;
        };
        match lookup(name) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&format!("{{{name}}}")),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// An attribute as a word or a few.
pub(crate) fn of_value(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Text(t) => shown(t),
        Value::List(items) => items.iter().take(8).map(of_value).collect::<Vec<_>>().join(", "),
        Value::Map(map) => {
            let named = map.get("name").or_else(|| map.get("symbol")).or_else(|| map.values().next());
            named.filter(|v| !matches!(v, Value::Map(_) | Value::List(_))).map(of_value).unwrap_or_default()
        }
    }
}

/// A parameter as a word or a few.
pub(crate) fn of_parameter(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Int(n) => n.to_string(),
        ParameterValue::Texts(texts) if texts.is_empty() => "none".to_owned(),
        ParameterValue::Texts(texts) => texts.join(", "),
    }
}

/// A symbol is cut here; an observation is never larger, so that two subjects never share a cut symbol.
const MAX_SYMBOL: usize = 8_192;

/// The symbol of a subject: its kind's template over its attributes, whole, because waivers name it.
pub(crate) fn symbol(template: &str, attributes: &BTreeMap<String, Value>) -> String {
    fill(template, |name| Some(attributes.get(name).map(identity).unwrap_or_default()))
}

/// An attribute as part of an identity: whole, and safe to print. Texts of different attributes differ.
pub(crate) fn identity(value: &Value) -> String {
    match value {
        Value::Text(text) => ligase_document::escaped(text, MAX_SYMBOL),
        Value::Bool(_) | Value::Int(_) => of_value(value),
        Value::List(_) | Value::Map(_) => ligase_domain::Digest::of(format!("{value:?}").as_bytes()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_and_others_stay() {
        let lookup = |n: &str| (n == "it.a").then(|| "A".to_owned());
        assert_eq!(fill("x {it.a} {it.b} {", lookup), "x A {it.b} {");
        assert_eq!(names("{it.a} {params.b}"), Ok(vec!["it.a".to_owned(), "params.b".to_owned()]));
        assert!(names("{it.a").is_err() && names("it.a}").is_err());
    }

    #[test]
    fn nested_hostile_values_are_words() {
        let deep = (0..1_000).fold(Value::from("x"), |v, _| Value::List(vec![v]));
        assert_eq!(of_value(&deep), "x");
        assert_eq!(of_value(&Value::from("a\u{1b}[31m")), "a\\u{1b}[31m");
    }
}
