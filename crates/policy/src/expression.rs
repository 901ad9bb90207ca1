//! CEL as the judgement uses it: one environment for the process, expressions bounded when they are compiled, values that
//! borrow from observations, and evaluation that ends in a truth or in an error, never in a panic or a guess.
//!
//! An observation is turned into a value once per judgement; texts are borrowed from it. Records are shared, so that a
//! comprehension, which clones every element that it visits, clones a pointer. Next: `lint.rs`, `judge.rs`.

use cel::common::traits::{Indexer, Sizer};
use cel::common::types::{CelBool, CelInt, CelList, CelString, Type};
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError, Program};
use ligase_document::Placed;
use ligase_domain::Value;
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// An expression is at most this long; the longest of the catalog is a fifth of it.
const MAX_LENGTH: usize = 2_000;
/// Patterns of `matches` that are remembered; the catalog has a tenth as many.
const MAX_PATTERNS: usize = 1_000;

/// A value of an evaluation.
pub(crate) type Boxed<'v> = Box<dyn Val + 'v>;

/// A compiled expression that remembers its text.
#[derive(Clone)]
pub(crate) struct Expression {
    program: Arc<Program>,
    pub source: String,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.source)
    }
}

/// The environment: the standard library and nothing of our own, so that every CEL reader can read the catalog. Whoever
/// evaluates expressions of the catalog takes this one: the library as it is built here has no `matches` of its own.
/// `Context::default()` would build it anew for 27 µs.
pub fn env() -> Arc<Env> {
    static ENV: OnceLock<Arc<Env>> = OnceLock::new();
    Arc::clone(ENV.get_or_init(|| {
        let mut env = Env::stdlib();
        cel::add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>, id = "matches")
            .and_then(|()| cel::add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>))
            .expect("the library is built without a function of this name");
        Arc::new(env)
    }))
}

/// The standard library's `matches`, but that a pattern is compiled once and not for each subject: it was a third of judging.
fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    static COMPILED: RwLock<BTreeMap<String, Regex>> = RwLock::new(BTreeMap::new());
    let known = COMPILED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known.get(pattern.inner()) {
        return Ok(CelBool::from(regex.is_match(text.inner())));
    }
    drop(known);
    let regex = Regex::new(pattern.inner()).map_err(|error| ExecutionError::FunctionError {
        function: "matches".to_owned(),
        message: format!("'{}' not a valid regex:\n{error}", pattern.inner()),
    })?;
    let found = regex.is_match(text.inner());
    let mut known = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
    // A pattern may be put together from what was observed; those are not to be remembered without end.
    if known.len() >= MAX_PATTERNS {
        known.clear();
    }
    known.insert(pattern.inner().to_owned(), regex);
    Ok(CelBool::from(found))
}

/// A context with no variables.
pub(crate) fn context<'p, 'v>() -> Context<'p, 'v> {
    Context::with_env(env())
}

impl Expression {
    /// Compiles; the error says why not.
    pub fn compile(text: &Placed<String>) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("the expression has {} bytes, at most {MAX_LENGTH} are read", text.len()));
        }
        let program = env().compile(text).map_err(|errors| {
            let first = errors.errors.first().map(|e| e.msg.clone()).unwrap_or_default();
            first.lines().next().unwrap_or_default().chars().take(200).collect::<String>()
        })?;
        Ok(Self { program: Arc::new(program), source: text.value.clone() })
    }

    /// The syntax tree, for `lint`.
    pub fn tree(&self) -> &cel::IdedExpr {
        self.program.expression()
    }

    /// Whether it mentions a variable.
    pub fn reads(&self, variable: &str) -> bool {
        self.program.references().has_variable(variable)
    }

    /// The fields of a variable that it reads.
    pub fn fields_of(&self, variable: &str, out: &mut std::collections::BTreeSet<String>) {
        fields(self.tree(), variable, out);
    }

    /// Its value.
    pub fn value<'v>(&self, context: &Context<'_, 'v>) -> Result<Boxed<'v>, ExecutionError> {
        cel::Value::resolve_val(self.program.expression(), context).map(CowVal::into_owned)
    }

    /// Its truth; anything that is not one is an error.
    pub fn truth(&self, context: &Context<'_, '_>) -> Result<bool, ExecutionError> {
        let value = cel::Value::resolve_val(self.program.expression(), context)?;
        value.downcast_ref::<CelBool>().map(|b| *b.inner()).ok_or_else(|| ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: "bool".to_owned(),
        })
    }
}

/// Walks an expression; its depth is bounded by the parser.
fn fields(tree: &cel::IdedExpr, variable: &str, out: &mut std::collections::BTreeSet<String>) {
    use cel::common::ast::Expr;
    match &tree.expr {
        Expr::Select(select) => {
            if matches!(&select.operand.expr, Expr::Ident(name) if name == variable) {
                out.insert(select.field.clone());
            }
            fields(&select.operand, variable, out);
        }
        Expr::Call(call) => call.target.iter().for_each(|t| fields(t, variable, out)),
        Expr::List(list) => list.elements.iter().for_each(|e| fields(e, variable, out)),
        Expr::Comprehension(c) => {
            [&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result]
                .into_iter()
                .for_each(|e| fields(e, variable, out));
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
    if let Expr::Call(call) = &tree.expr {
        call.args.iter().for_each(|a| fields(a, variable, out));
    }
}

/// Values by name; sorted, shared, read in place.
#[derive(Clone, Debug)]
pub(crate) struct Record<'v>(Arc<Vec<(&'v str, Boxed<'v>)>>);

static RECORD: Type = Type::new_unspecified_type("ligase.Record");

impl<'v> Record<'v> {
    /// From pairs in any order; the last of equal names wins.
    pub fn new(pairs: impl IntoIterator<Item = (&'v str, Boxed<'v>)>) -> Self {
        let sorted: BTreeMap<&str, Boxed<'v>> = pairs.into_iter().collect();
        Self(Arc::new(sorted.into_iter().collect()))
    }

    /// As a value.
    pub fn boxed(self) -> Boxed<'v> {
        Box::new(self)
    }

    fn find(&self, name: &str) -> Option<&(dyn Val + 'v)> {
        let at = self.0.binary_search_by(|(n, _)| (*n).cmp(name)).ok()?;
        Some(self.0[at].1.as_ref())
    }
}

impl<'v> Indexer for Record<'v> {
    fn get<'b, 'w>(&'b self, field: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let name = field.downcast_ref::<CelString>().map(CelString::inner);
        let name = name.ok_or_else(|| ExecutionError::no_such_key("a key that is no text"))?;
        self.find(name).map(CowVal::Borrowed).ok_or_else(|| ExecutionError::no_such_key(name))
    }

    fn steal<'w>(self: Box<Self>, field: &dyn Val) -> Result<Boxed<'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(field).map(CowVal::into_owned)
    }
}

impl Sizer for Record<'_> {
    fn size(&self) -> CelInt {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX).into()
    }
}

impl<'v> Val for Record<'v> {
    fn get_type(&self) -> &Type {
        &RECORD
    }

    fn cel_type() -> &'static Type {
        &RECORD
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn clone_as_boxed<'w>(&self) -> Boxed<'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }
}

/// A text.
pub(crate) fn text(text: &str) -> Boxed<'_> {
    Box::new(CelString::from(text))
}

/// A truth.
pub(crate) fn truth<'v>(truth: bool) -> Boxed<'v> {
    Box::new(CelBool::from(truth))
}

/// A whole number.
pub(crate) fn number<'v>(number: i64) -> Boxed<'v> {
    Box::new(CelInt::from(number))
}

/// Values in order.
pub(crate) fn list<'v>(items: impl IntoIterator<Item = Boxed<'v>>) -> Boxed<'v> {
    Box::new(CelList::from(items.into_iter().collect::<Vec<_>>()))
}

/// Texts in order.
pub(crate) fn texts(items: &[String]) -> Boxed<'_> {
    list(items.iter().map(|t| text(t)))
}

/// Values nest at most this deep; what lies deeper reads as an empty text. Observations of the catalog nest two deep.
const MAX_NESTING: usize = 8;

/// An attribute's value.
pub(crate) fn of_value(value: &Value) -> Boxed<'_> {
    nested(value, MAX_NESTING)
}

fn nested(value: &Value, left: usize) -> Boxed<'_> {
    if left == 0 {
        return text("");
    }
    match value {
        Value::Bool(b) => truth(*b),
        Value::Int(n) => number(*n),
        Value::Text(t) => text(t),
        Value::List(items) => list(items.iter().map(|v| nested(v, left - 1))),
        Value::Map(map) => Record::new(map.iter().map(|(k, v)| (k.as_str(), nested(v, left - 1)))).boxed(),
    }
}

/// Attributes by name.
pub(crate) fn of_attributes(attributes: &BTreeMap<String, Value>) -> Record<'_> {
    Record::new(attributes.iter().map(|(k, v)| (k.as_str(), of_value(v))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth_of(source: &str, it: &Value) -> Result<bool, ExecutionError> {
        let expression = Expression::compile(&Placed::nowhere(source.to_owned())).expect("compiles");
        let mut context = context();
        context.add_variable_as_val("it", of_value(it));
        expression.truth(&context)
    }

    #[test]
    fn fields_of_borrowed_records_are_read_through_comprehensions() {
        let guard = Value::map([("kind", Value::from("authentication")), ("optional", Value::from(false))]);
        let it = Value::map([("guards", Value::List(vec![guard])), ("n", Value::from(3))]);
        let holds = |source| truth_of(source, &it);
        assert_eq!(holds(r#"it.guards.exists(g, g.kind == "authentication" && !g.optional)"#), Ok(true));
        assert_eq!(holds(r#"it.guards.filter(g, g.kind == "other").size() == 0"#), Ok(true));
        assert_eq!(holds(r#"it.guards.all(g, g.kind in ["authentication"]) && it.n * 2 == 6"#), Ok(true));
        assert_eq!(holds("has(it.missing)"), Ok(false));
    }

    #[test]
    fn what_is_no_truth_is_an_error() {
        let it = Value::map([("n", Value::from(3))]);
        assert!(truth_of("it.n", &it).is_err());
        assert!(truth_of("it.missing == 1", &it).is_err());
        assert!(truth_of("it.n == 1 || other", &it).is_err());
    }

    #[test]
    fn expressions_are_bounded() {
        let compile = |s: String| Expression::compile(&Placed::nowhere(s));
        assert!(compile(format!("{}1{}", "(".repeat(900), ")".repeat(900))).is_err());
        assert!(compile(format!("1 == {}", "1 + ".repeat(2_000))).is_err());
        assert!(compile("it.".to_owned()).is_err());
    }
}
