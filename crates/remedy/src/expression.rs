//! The expressions of remedies: CEL over a subject, a candidate and the DNA. Whatever does not evaluate to a truth is false,
//! so that a remedy never acts on what it did not understand. The judgement's expressions are `policy`'s. Next: `needs.rs`.

use cel::{Context, Program};
use ligase_document::Placed;
use ligase_domain::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// An expression is at most this long.
const LENGTH: usize = 2_000;

/// A compiled expression.
pub(crate) struct Expression {
    program: Program,
    source: String,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.source)
    }
}

/// What an expression may name: `it`, `x`, `dna`, and `place` with the subject's `path`, each a map.
pub(crate) type Names<'a> = [(&'static str, &'a BTreeMap<String, Value>)];

impl Expression {
    /// Compiles; the error says why not.
    pub fn compile(text: &Placed<String>) -> Result<Self, String> {
        if text.len() > LENGTH {
            return Err(format!("the expression has {} bytes, at most {LENGTH} are read", text.len()));
        }
        let program = Program::compile(text).map_err(|e| e.to_string().chars().take(200).collect::<String>())?;
        let mut names = program.references().variables().into_iter().map(str::to_owned).collect::<Vec<_>>();
        names.retain(|v| !["it", "x", "dna", "place"].contains(&v.as_str()) && !is_bound(text, v));
        if let Some(unknown) = names.first() {
            return Err(format!("nothing is called {unknown}; there are it, x, dna and place"));
        }
        Ok(Self { program, source: text.value.clone() })
    }

    /// Whether it is true.
    pub fn holds(&self, names: &Names<'_>) -> bool {
        let mut context = Context::with_env(ligase_policy::expression_env());
        for (name, map) in names {
            context.add_variable_from_value(*name, map_value(map));
        }
        matches!(self.program.execute(&context), Ok(cel::Value::Bool(true)))
    }
}

/// Whether a comprehension of the expression names its element so: `all(v, …)`.
fn is_bound(text: &str, name: &str) -> bool {
    let dense: String = text.split_whitespace().collect();
    name.starts_with('@')
        || ["all", "exists", "exists_one", "filter", "map"].iter().any(|m| dense.contains(&format!(".{m}({name},")))
}

fn map_value(map: &BTreeMap<String, Value>) -> cel::Value {
    let entries: HashMap<String, cel::Value> = map.iter().map(|(k, v)| (k.clone(), value(v))).collect();
    entries.into()
}

fn value(from: &Value) -> cel::Value {
    match from {
        Value::Bool(b) => cel::Value::Bool(*b),
        Value::Int(i) => cel::Value::Int(*i),
        Value::Text(t) => cel::Value::String(Arc::new(t.clone())),
        Value::List(l) => cel::Value::List(Arc::new(l.iter().map(value).collect())),
        Value::Map(m) => map_value(m),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_truth_is_false() {
        let it = BTreeMap::from([("role".to_owned(), Value::from("none")), ("n".to_owned(), Value::from(2))]);
        let guards = Value::List(vec![Value::map([("kind", Value::from("authentication"))])]);
        let it = it.into_iter().chain([("guards".to_owned(), guards)]).collect();
        for (source, truth) in [
            ("it.role == \"none\"", true),
            ("it.guards.exists(g, g.kind == \"authentication\")", true),
            ("it.n * 2 == 4", true),
            // The library is built without it; who evaluates brings it.
            ("it.role.matches(\"^no\")", true),
            ("it.n", false),
            ("it.missing == 1", false),
            ("x.name == \"a\"", false),
        ] {
            let expression = Expression::compile(&Placed::nowhere(source.to_owned())).unwrap();
            assert_eq!(expression.holds(&[("it", &it)]), truth, "{source}");
        }
        assert!(Expression::compile(&Placed::nowhere("its.role == 1".to_owned())).is_err());
    }
}
