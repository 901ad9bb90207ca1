//! `ligase catalog lint`: resolves every path, literal and closed value of an expression against `kinds/`. CEL has no type
//! check, so that a typo would become a verdict; here it becomes an error before anything is judged. It also demands
//! `has(…)` before an optional attribute (an absent one is absorbed by `||`), and bounds how deep comprehensions nest.
//! It evaluates nothing. Next: `catalog/load.rs`, which calls it for every expression.

use crate::catalog::{Attribute, AttributeType};
use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use ligase_document::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// Comprehensions nest at most this deep: each level multiplies by the length of a list that a repository may choose.
const MAX_COMPREHENSIONS: usize = 2;

/// What an expression is known to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ty {
    /// A text, of these values if there are any.
    Text(Vec<String>),
    /// A whole number.
    Int,
    /// A truth.
    Bool,
    /// Values in order.
    List(Box<Ty>),
    /// Values by name.
    Record(BTreeMap<String, Field>),
    /// Nothing is known.
    Unknown,
}

/// A field of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub ty: Ty,
    pub optional: bool,
}

impl Ty {
    /// A record whose fields are all there.
    pub fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Ty)>) -> Self {
        let fields = fields.into_iter().map(|(n, ty)| (n.to_owned(), Field { ty, optional: false }));
        Self::Record(fields.collect())
    }

    /// A list of texts.
    pub fn texts() -> Self {
        Self::List(Box::new(Self::Text(vec![])))
    }

    /// The type of a kind's attributes.
    pub fn attributes(attributes: &BTreeMap<String, Attribute>) -> Self {
        let field = |a: &Attribute| Field { ty: Self::attribute(a), optional: a.optional };
        Self::Record(attributes.iter().map(|(n, a)| (n.clone(), field(a))).collect())
    }

    fn attribute(attribute: &Attribute) -> Self {
        let inner = || attribute.of.as_ref().map(Self::attributes);
        match attribute.kind {
            AttributeType::Text => Self::Text(attribute.values.clone()),
            AttributeType::Int => Self::Int,
            AttributeType::Bool => Self::Bool,
            AttributeType::List => Self::List(Box::new(inner().unwrap_or(Self::Text(attribute.values.clone())))),
            AttributeType::Map => inner().unwrap_or(Self::Unknown),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::List(_) => "list",
            Self::Record(_) => "record",
            Self::Unknown => "unknown",
        }
    }
}

/// What is wrong with an expression.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Complaint {
    pub problem: String,
    pub expected: String,
    pub nearest: String,
}

impl Complaint {
    fn new(problem: String) -> Self {
        Self { problem, ..Self::default() }
    }

    fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String> + Clone) -> Self {
        let all: Vec<&str> = known.clone().map(String::as_str).collect();
        Self {
            problem: format!("unknown {what} {name:?}"),
            expected: format!("one of {}", all.join(", ")),
            nearest: nearest(name, all.iter().copied()).unwrap_or_default(),
        }
    }
}

/// The names that an expression may use.
pub(crate) type Scope = BTreeMap<String, Ty>;

/// The type of an expression, or everything that is wrong with it.
pub(crate) fn check(tree: &IdedExpr, scope: &Scope) -> Result<Ty, Vec<Complaint>> {
    let mut lint = Lint { scope: scope.clone(), present: BTreeSet::new(), depth: 0, complaints: vec![] };
    let ty = lint.walk(tree);
    if lint.complaints.is_empty() { Ok(ty) } else { Err(lint.complaints) }
}

struct Lint {
    scope: Scope,
    /// Paths that a `has(…)` to the left has shown to be there.
    present: BTreeSet<String>,
    depth: usize,
    complaints: Vec<Complaint>,
}

impl Lint {
    fn complain(&mut self, complaint: Complaint) -> Ty {
        self.complaints.push(complaint);
        Ty::Unknown
    }

    fn walk(&mut self, tree: &IdedExpr) -> Ty {
        match &tree.expr {
            Expr::Unspecified => self.complain(Complaint::new("an empty expression".to_owned())),
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Ty::Bool,
                LiteralValue::Int(_) | LiteralValue::UInt(_) => Ty::Int,
                LiteralValue::String(_) => Ty::Text(vec![]),
                LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::Null => {
                    self.complain(Complaint::new("only texts, whole numbers and truths are used".to_owned()))
                }
            },
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.select(&select.operand, &select.field, select.test),
            Expr::List(items) => {
                let types: Vec<Ty> = items.elements.iter().map(|e| self.walk(e)).collect();
                Ty::List(Box::new(types.into_iter().next().unwrap_or(Ty::Unknown)))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Map(_) | Expr::Struct(_) => {
                self.complain(Complaint::new("maps and messages are not made in expressions".to_owned()))
            }
        }
    }

    fn ident(&mut self, name: &str) -> Ty {
        match self.scope.get(name) {
            Some(ty) => ty.clone(),
            None if name.starts_with('@') => Ty::Unknown,
            None => {
                let complaint = Complaint::unknown("name", name, self.scope.keys());
                self.complain(complaint)
            }
        }
    }

    fn select(&mut self, operand: &IdedExpr, field: &str, test: bool) -> Ty {
        match self.walk(operand) {
            Ty::Record(fields) => match fields.get(field) {
                None => self.complain(Complaint::unknown("attribute", field, fields.keys())),
                Some(_) if test => Ty::Bool,
                Some(found) => {
                    let path = path(operand).map(|p| format!("{p}.{field}"));
                    if found.optional && path.as_ref().is_none_or(|p| !self.present.contains(p)) {
                        let path = path.unwrap_or_else(|| field.to_owned());
                        self.complain(Complaint::new(format!("{path} may be absent: ask has({path}) first")));
                    }
                    found.ty.clone()
                }
            },
            Ty::Unknown => Ty::Unknown,
            other => self.complain(Complaint::new(format!("a {} has no attribute {field:?}", other.name()))),
        }
    }

    fn call(&mut self, call: &CallExpr) -> Ty {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => self.guarded(left, right, shown_present),
            (operators::LOGICAL_OR, [left, right]) => self.guarded(left, right, shown_absent),
            (operators::LOGICAL_NOT, [arg]) => {
                self.want(arg, &Ty::Bool);
                Ty::Bool
            }
            (operators::NOT_STRICTLY_FALSE, _) => Ty::Bool,
            (operators::CONDITIONAL, [condition, then, other]) => {
                self.want(condition, &Ty::Bool);
                let before = self.present.clone();
                self.present.extend(shown_present(condition));
                let ty = self.walk(then);
                self.present = before;
                self.walk(other);
                ty
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => self.equality(left, right),
            (operators::IN, [item, items]) => self.membership(item, items),
            (operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS, [l, r]) => {
                self.want(l, &Ty::Int);
                self.want(r, &Ty::Int);
                Ty::Bool
            }
            (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO, [l, r]) => {
                self.want(l, &Ty::Int);
                self.want(r, &Ty::Int);
                Ty::Int
            }
            (operators::ADD, [left, right]) => match (self.walk(left), self.walk(right)) {
                (Ty::Unknown, ty) | (ty, _) => ty,
            },
            (name, args) => self.function(name, call.target.as_deref(), args),
        }
    }

    fn function(&mut self, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr]) -> Ty {
        let mut all: Vec<Ty> = target.map(|t| self.walk(t)).into_iter().collect();
        all.extend(args.iter().map(|a| self.walk(a)));
        let text = |ty: &Ty| matches!(ty, Ty::Text(_) | Ty::Unknown);
        match (name, all.as_slice()) {
            ("size", [Ty::List(_) | Ty::Text(_) | Ty::Unknown]) => Ty::Int,
            ("startsWith" | "endsWith" | "contains" | "matches", [a, b]) if text(a) && text(b) => Ty::Bool,
            _ => {
                let types: Vec<&str> = all.iter().map(Ty::name).collect();
                let known = ["size", "startsWith", "endsWith", "contains", "matches"].map(str::to_owned);
                let mut complaint = Complaint::unknown("function", name, known.iter());
                complaint.problem = format!("no function {name:?} takes ({})", types.join(", "));
                self.complain(complaint)
            }
        }
    }

    fn guarded(&mut self, left: &IdedExpr, right: &IdedExpr, shows: fn(&IdedExpr) -> Vec<String>) -> Ty {
        self.want(left, &Ty::Bool);
        let before = self.present.clone();
        self.present.extend(shows(left));
        self.want(right, &Ty::Bool);
        self.present = before;
        Ty::Bool
    }

    fn want(&mut self, tree: &IdedExpr, wanted: &Ty) {
        let ty = self.walk(tree);
        if ty != *wanted && ty != Ty::Unknown {
            self.complain(Complaint::new(format!("a {} stands where a {} is needed", ty.name(), wanted.name())));
        }
    }

    fn equality(&mut self, left: &IdedExpr, right: &IdedExpr) -> Ty {
        let (a, b) = (self.walk(left), self.walk(right));
        self.comparable(&a, &b);
        self.literal(&a, right);
        self.literal(&b, left);
        Ty::Bool
    }

    fn comparable(&mut self, a: &Ty, b: &Ty) {
        let known = *a != Ty::Unknown && *b != Ty::Unknown;
        if known && a.name() != b.name() {
            self.complain(Complaint::new(format!("a {} is never equal to a {}", a.name(), b.name())));
        } else if let (Ty::Record(_), Ty::Record(_)) = (a, b) {
            self.complain(Complaint::new("records are not compared as a whole".to_owned()));
        }
    }

    fn membership(&mut self, item: &IdedExpr, items: &IdedExpr) -> Ty {
        let (a, b) = (self.walk(item), self.walk(items));
        match &b {
            Ty::List(element) => self.comparable(&a, element),
            Ty::Unknown => {}
            other => {
                self.complain(Complaint::new(format!("nothing is in a {}", other.name())));
            }
        }
        if let Expr::List(list) = &items.expr {
            list.elements.iter().for_each(|e| self.literal(&a, e));
        }
        if let Ty::List(element) = &b {
            self.literal(element, item);
        }
        Ty::Bool
    }

    /// A literal beside a closed list has to be one of it.
    fn literal(&mut self, ty: &Ty, tree: &IdedExpr) {
        if let (Ty::Text(values), Expr::Literal(LiteralValue::String(text))) = (ty, &tree.expr)
            && !values.is_empty()
            && !values.iter().any(|v| v == text.inner())
        {
            let complaint = Complaint::unknown("value", text.inner(), values.iter());
            self.complain(complaint);
        }
    }

    fn comprehension(&mut self, c: &ComprehensionExpr) -> Ty {
        if self.depth == MAX_COMPREHENSIONS {
            return self.complain(Complaint::new(format!(
                "comprehensions nest deeper than {MAX_COMPREHENSIONS}: name a part with let"
            )));
        }
        let element = match self.walk(&c.iter_range) {
            Ty::List(element) => *element,
            Ty::Unknown => Ty::Unknown,
            other => self.complain(Complaint::new(format!("a {} is not iterated over", other.name()))),
        };
        let shadowed = self.scope.insert(c.iter_var.clone(), element);
        let accumulator = self.scope.insert(c.accu_var.clone(), Ty::Unknown);
        let before = self.present.clone();
        let own = format!("{}.", c.iter_var);
        self.present.retain(|p| !p.starts_with(&own));
        self.depth += 1;
        let step = self.walk(&c.loop_step);
        self.depth -= 1;
        self.present = before;
        restore(&mut self.scope, &c.iter_var, shadowed);
        restore(&mut self.scope, &c.accu_var, accumulator);
        match &c.accu_init.expr {
            Expr::Literal(LiteralValue::Boolean(_)) => Ty::Bool,
            Expr::List(_) => step,
            _ => Ty::Unknown,
        }
    }
}

fn restore(scope: &mut Scope, name: &str, before: Option<Ty>) {
    match before {
        Some(ty) => scope.insert(name.to_owned(), ty),
        None => scope.remove(name),
    };
}

/// The path that selections on a name spell: `it.guards`.
fn path(tree: &IdedExpr) -> Option<String> {
    match &tree.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

/// What is there when the expression is true.
fn shown_present(tree: &IdedExpr) -> Vec<String> {
    match &tree.expr {
        Expr::Select(select) if select.test => {
            path(&select.operand).map(|p| format!("{p}.{}", select.field)).into_iter().collect()
        }
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND => {
            call.args.iter().flat_map(shown_present).collect()
        }
        _ => vec![],
    }
}

/// What is there when the expression is false.
fn shown_absent(tree: &IdedExpr) -> Vec<String> {
    match &tree.expr {
        Expr::Call(call) if call.func_name == operators::LOGICAL_NOT => {
            call.args.iter().flat_map(shown_present).collect()
        }
        Expr::Call(call) if call.func_name == operators::LOGICAL_OR => {
            call.args.iter().flat_map(shown_absent).collect()
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Expression;
    use ligase_document::Placed;

    fn scope() -> Scope {
        let guard = Ty::Record(BTreeMap::from([
            (
                "kind".to_owned(),
                Field { ty: Ty::Text(vec!["authentication".to_owned(), "other".to_owned()]), optional: false },
            ),
            ("limit".to_owned(), Field { ty: Ty::Int, optional: true }),
        ]));
        let it = Ty::record([
            ("role", Ty::Text(vec!["login".to_owned(), "none".to_owned()])),
            ("guards", Ty::List(Box::new(guard))),
            ("count", Ty::Int),
        ]);
        Scope::from([("it".to_owned(), it), ("words".to_owned(), Ty::texts())])
    }

    fn complaints(source: &str) -> Vec<String> {
        let expression = Expression::compile(&Placed::nowhere(source.to_owned())).expect("compiles");
        check(expression.tree(), &scope()).err().into_iter().flatten().map(|c| c.problem).collect()
    }

    #[test]
    fn what_kinds_know_passes() {
        for source in [
            r#"it.role in ["login", "none"] && it.count * 2 > 3"#,
            r#"it.guards.exists(g, g.kind == "authentication" && has(g.limit) && g.limit < 5)"#,
            "it.guards.all(g, !has(g.limit) || g.limit > 1)",
            r#"it.guards.filter(g, g.kind == "other").exists(g, g.kind in words)"#,
            r#"it.guards.exists(g, has(g.limit) ? g.limit > 1 : false) || it.role.startsWith("l")"#,
        ] {
            assert_eq!(complaints(source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn what_kinds_do_not_know_is_told() {
        for (source, problem) in [
            ("it.rol == \"login\"", "unknown attribute \"rol\""),
            ("its.role == \"login\"", "unknown name \"its\""),
            ("it.role == \"logn\"", "unknown value \"logn\""),
            ("it.role in [\"login\", \"tokens\"]", "unknown value \"tokens\""),
            ("it.guards.exists(g, g.kind == \"auth\")", "unknown value \"auth\""),
            ("it.guards.exists(g, g.limit > 1)", "g.limit may be absent: ask has(g.limit) first"),
            ("it.guards.exists(g, has(g.limit) || g.limit > 1)", "g.limit may be absent: ask has(g.limit) first"),
            ("it.count == \"1\"", "a int is never equal to a text"),
            ("it.count", ""),
            ("it.role.lower() == \"a\"", "no function \"lower\" takes (text)"),
            ("it.role.exists(x, x == \"a\")", "a text is not iterated over"),
            (
                "words.exists(a, words.exists(b, words.exists(c, c == a)))",
                "comprehensions nest deeper than 2: name a part with let",
            ),
        ] {
            let got = complaints(source).into_iter().next().unwrap_or_default();
            assert_eq!(got, problem, "{source}");
        }
    }
}
