//! Go into the model. A method stands with its struct where the file has both, else as a function with a receiver. A
//! statement before a condition (`if v, err := f(); err != nil`) becomes a plain block that holds both. Several results are
//! a `List` where they are returned and an `Index` of the call where they are bound. Next: `go/expressions.rs`, `go/types.rs`.

mod expressions;
mod types;

use super::{errors, fields, named, of};
use crate::code::model::{
    BlockKind, Class, Expr, ExprKind, Function, Import, MAX_BOUND, Module, Stmt, StmtKind, Symbol, Type,
};
use crate::parse::span_of;
use std::borrow::Cow;
use std::collections::HashMap;
use tree_sitter::{Node, Tree};

/// Numbers of results, as the file would write them.
const NUMBERS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// What `BasicAuth` gives, in order; a log-in's name is nobody's secret.
const BASIC_AUTH: [&str; 2] = ["username", "password"];

/// Lowers one file.
pub(crate) fn lower<'t>(text: &'t str, tree: &Tree) -> Module<'t> {
    let lower = Lower { text };
    let mut module = Module { errors: errors(tree), ..Module::default() };
    for node in named(tree.root_node()) {
        lower.top(node, &mut module);
    }
    lower.join_methods(&mut module);
    for stmt in &module.body {
        let name = match &stmt.kind {
            StmtKind::Function(function) if function.receiver.is_none() => function.name,
            StmtKind::Class(class) => class.name,
            StmtKind::Assign { target: Expr { kind: ExprKind::Name(name), .. }, .. } => name,
            _ => continue,
        };
        if is_exported(name) {
            module.exports.push((Cow::Borrowed(name), Cow::Borrowed(name)));
        }
    }
    module
}

/// Whether other packages see a name.
fn is_exported(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

/// The text that is lowered.
#[derive(Clone, Copy)]
struct Lower<'t> {
    text: &'t str,
}

impl<'t> Lower<'t> {
    fn of(self, node: Node<'_>) -> &'t str {
        of(self.text, node)
    }

    fn field(self, node: Node<'_>, field: &str) -> &'t str {
        node.child_by_field_name(field).map_or("", |n| self.of(n))
    }

    fn top(self, node: Node<'_>, module: &mut Module<'t>) {
        match node.kind() {
            "package_clause" => module.package = named(node).first().map_or("", |n| self.of(*n)),
            "import_declaration" => {
                for part in named(node) {
                    if part.kind() == "import_spec_list" {
                        named(part).into_iter().for_each(|spec| self.import(spec, module));
                    } else {
                        self.import(part, module);
                    }
                }
            }
            _ => self.statement(node, &mut module.body),
        }
    }

    fn import(self, spec: Node<'_>, module: &mut Module<'t>) {
        let Some(path) = spec.child_by_field_name("path").map(|p| self.literal(p)) else { return };
        let (local, symbol) = match self.field(spec, "name") {
            "" => (package_of(path), Symbol::Whole),
            "_" => ("", Symbol::Whole),
            "." => ("", Symbol::All),
            alias => (alias, Symbol::Whole),
        };
        module.imports.push(Import { local, module: Cow::Borrowed(path), symbol, at: span_of(spec) });
    }

    /// Moves methods to the class of their receiver.
    fn join_methods(self, module: &mut Module<'t>) {
        let mut classes: HashMap<&'t str, usize> = HashMap::new();
        for (at, stmt) in module.body.iter().enumerate() {
            if let StmtKind::Class(class) = &stmt.kind {
                classes.entry(class.name).or_insert(at);
            }
        }
        let mut moved: Vec<(usize, Function<'t>)> = Vec::new();
        let mut rest = Vec::with_capacity(module.body.len());
        let mut places = vec![None; module.body.len()];
        for (at, stmt) in std::mem::take(&mut module.body).into_iter().enumerate() {
            let class = match &stmt.kind {
                StmtKind::Function(function) => function
                    .receiver
                    .as_ref()
                    .and_then(|r| r.ty.as_ref())
                    .and_then(|ty| classes.get(ty.name.as_ref()).copied()),
                _ => None,
            };
            match (class, stmt.kind) {
                (Some(class), StmtKind::Function(function)) => moved.push((class, *function)),
                (_, kind) => {
                    places[at] = Some(rest.len());
                    rest.push(Stmt { kind, at: stmt.at });
                }
            }
        }
        module.body = rest;
        for (class, function) in moved {
            let place = places.get(class).copied().flatten();
            if let Some(StmtKind::Class(class)) = place.and_then(|p| module.body.get_mut(p)).map(|s| &mut s.kind) {
                class.methods.push(function);
            }
        }
    }

    /// The statements of a block, of a list of statements, of a case.
    fn body(self, node: Option<Node<'_>>) -> Vec<Stmt<'t>> {
        let mut out = Vec::new();
        if let Some(node) = node {
            self.inside(node, &mut out);
        }
        out
    }

    fn inside(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        for child in named(node) {
            if child.kind() == "statement_list" {
                named(child).into_iter().for_each(|n| self.statement(n, out));
            } else {
                self.statement(child, out);
            }
        }
    }

    fn statement(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let at = span_of(node);
        let kind = match node.kind() {
            "expression_statement" | "go_statement" | "defer_statement" => match named(node).first() {
                Some(inner) => StmtKind::Expr(self.expr(*inner)),
                None => return,
            },
            "short_var_declaration" | "assignment_statement" => return self.assignment(node, out),
            "var_declaration" | "const_declaration" => {
                for spec in named(node) {
                    let specs = if spec.kind() == "var_spec_list" { named(spec) } else { vec![spec] };
                    specs.into_iter().for_each(|s| self.declared(s, out));
                }
                return;
            }
            "return_statement" => StmtKind::Return(self.results(node)),
            "function_declaration" | "method_declaration" => StmtKind::Function(Box::new(self.function(node))),
            "type_declaration" => {
                for spec in named(node) {
                    let class: Class<'t> = self.class(spec);
                    out.push(Stmt { kind: StmtKind::Class(Box::new(class)), at: span_of(spec) });
                }
                return;
            }
            "inc_statement" | "dec_statement" => StmtKind::Expr(Expr { kind: ExprKind::Compare(self.parts(node)), at }),
            "send_statement" => StmtKind::Expr(Expr { kind: ExprKind::Other(self.parts(node)), at }),
            "comment"
            | "empty_statement"
            | "break_statement"
            | "continue_statement"
            | "goto_statement"
            | "fallthrough_statement"
            | "label_name"
            | "package_clause"
            | "import_declaration" => return,
            _ => return self.block(node, out),
        };
        out.push(Stmt { kind, at });
    }

    /// Statements that hold others. One that stands before the condition makes a plain block around.
    fn block(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let get = |field: &str| node.child_by_field_name(field);
        let at = span_of(node);
        let mut first = Vec::new();
        let kind = match node.kind() {
            "if_statement" => {
                get("initializer").into_iter().for_each(|n| self.statement(n, &mut first));
                let header = get("condition").map(|n| self.expr(n)).into_iter().collect();
                let otherwise = match get("alternative") {
                    Some(inner) if inner.kind() == "if_statement" => {
                        let mut body = Vec::new();
                        self.statement(inner, &mut body);
                        body
                    }
                    inner => self.body(inner),
                };
                let bodies = vec![self.body(get("consequence")), otherwise];
                StmtKind::Block { kind: BlockKind::If, header, bodies }
            }
            "for_statement" => self.repeated(node),
            "expression_switch_statement" | "type_switch_statement" | "select_statement" => {
                get("initializer").into_iter().for_each(|n| self.statement(n, &mut first));
                self.cases(node)
            }
            "block" | "labeled_statement" | "statement_list" | "ERROR" => {
                StmtKind::Block { kind: BlockKind::Plain, header: Vec::new(), bodies: vec![self.body(Some(node))] }
            }
            _ => StmtKind::Expr(self.expr(node)),
        };
        if first.is_empty() {
            return out.push(Stmt { kind, at });
        }
        first.push(Stmt { kind, at });
        out.push(Stmt {
            kind: StmtKind::Block { kind: BlockKind::Plain, header: Vec::new(), bodies: vec![first] },
            at,
        });
    }

    fn repeated(self, node: Node<'_>) -> StmtKind<'t> {
        let (mut header, mut body, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for part in named(node) {
            match part.kind() {
                "block" => {}
                "for_clause" => {
                    let get = |field: &str| part.child_by_field_name(field);
                    get("initializer").into_iter().for_each(|n| self.statement(n, &mut body));
                    header.extend(get("condition").map(|n| self.expr(n)));
                    get("update").into_iter().for_each(|n| self.statement(n, &mut after));
                }
                "range_clause" => {
                    let Some(over) = part.child_by_field_name("right") else { continue };
                    let over = self.expr(over);
                    let names = part.child_by_field_name("left").map(named).unwrap_or_default();
                    for (number, name) in names.into_iter().enumerate().take(2) {
                        // The first is an index or a key: it says something of the whole and is no part of it.
                        let parts = vec![over.hollow()];
                        let kind = if number == 0 { ExprKind::Compare(parts) } else { ExprKind::Other(parts) };
                        self.bind(name, None, Some(Expr { kind, at: over.at }), true, &mut body);
                    }
                    header.push(over);
                }
                _ => header.push(self.expr(part)),
            }
        }
        body.extend(self.body(node.child_by_field_name("body")));
        body.extend(after);
        StmtKind::Block { kind: BlockKind::Loop, header, bodies: vec![body] }
    }

    /// The cases of `switch` and `select`. In a switch over types the name has the case's type.
    fn cases(self, node: Node<'_>) -> StmtKind<'t> {
        let mut header: Vec<Expr<'t>> = node.child_by_field_name("value").map(|n| self.expr(n)).into_iter().collect();
        let alias = node.child_by_field_name("alias").and_then(|a| named(a).first().copied());
        let mut bodies = Vec::new();
        for case in named(node).into_iter().filter(|c| c.kind().ends_with("_case")) {
            let mut body = Vec::new();
            if let Some(alias) = alias {
                let types = fields(case, "type");
                let ty = if let [one] = types.as_slice() { self.ty(*one) } else { None };
                let of = header.first().filter(|_| bodies.len() < MAX_BOUND).map(|v| {
                    let kind = ExprKind::Same(ty.clone(), Box::new(v.hollow()));
                    Expr { kind, at: v.at }
                });
                self.bind(alias, ty, of, true, &mut body);
            }
            if let Some(values) = case.child_by_field_name("value") {
                header.extend(self.parts(values));
            }
            for part in named(case) {
                match part.kind() {
                    "receive_statement" => self.received(part, &mut body),
                    "send_statement" => self.statement(part, &mut body),
                    "statement_list" => named(part).into_iter().for_each(|n| self.statement(n, &mut body)),
                    _ => {}
                }
            }
            bodies.push(body);
        }
        StmtKind::Block { kind: BlockKind::Switch, header, bodies }
    }

    /// `case v, ok := <-c`.
    fn received(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let Some(right) = node.child_by_field_name("right") else { return };
        let names = node.child_by_field_name("left").map(named).unwrap_or_default();
        let value = self.expr(right);
        match names.first() {
            Some(name) => self.bind(*name, None, Some(value), true, out),
            None => out.push(Stmt { kind: StmtKind::Expr(value), at: span_of(node) }),
        }
    }

    /// `a, b := f()`, `a, b = c, d`, `a += b`.
    fn assignment(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let targets = node.child_by_field_name("left").map(named).unwrap_or_default();
        let values = node.child_by_field_name("right").map(named).unwrap_or_default();
        let declares = node.kind() == "short_var_declaration";
        let operator = self.field(node, "operator");
        if let ([target], [value], "+=") = (targets.as_slice(), values.as_slice(), operator) {
            let kind = ExprKind::Concat(vec![self.expr(*target), self.expr(*value)]);
            return self.bind(*target, None, Some(Expr { kind, at: span_of(node) }), false, out);
        }
        self.bind_all(&targets, None, &values, declares, span_of(node), out);
    }

    /// `var a, b T = c, d`, `const x = "y"`.
    fn declared(self, spec: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let names: Vec<Node<'_>> = fields(spec, "name");
        let ty = spec.child_by_field_name("type").and_then(|t| self.ty(t));
        let values = spec.child_by_field_name("value").map(named).unwrap_or_default();
        self.bind_all(&names, ty, &values, true, span_of(spec), out);
    }

    /// One value for each name, or the results of one call for all of them.
    fn bind_all(
        self,
        targets: &[Node<'_>],
        ty: Option<Type<'t>>,
        values: &[Node<'_>],
        declares: bool,
        at: ligase_domain::Span,
        out: &mut Vec<Stmt<'t>>,
    ) {
        let before = out.len();
        if let ([value], true) = (values, targets.len() > 1) {
            // `v, ok := m[k]`, `v, ok := x.(T)`: the first is the value itself.
            let itself = matches!(value.kind(), "index_expression" | "type_assertion_expression");
            let value = self.expr(*value);
            let mut whole = Some(&value);
            for (number, target) in targets.iter().enumerate() {
                if self.of(*target) == "_" {
                    continue;
                }
                let bound = NUMBERS.get(number).map(|n| {
                    let of = whole.take().map_or_else(|| value.hollow(), Clone::clone);
                    if itself && number == 0 {
                        return of;
                    }
                    // `name, password, ok := r.BasicAuth()`: what they are stands nowhere but in the order.
                    let basic = matches!(&value.kind, ExprKind::Call(c) if c.callee.last() == Some("BasicAuth"));
                    if let Some(part) = BASIC_AUTH.get(number).filter(|_| basic) {
                        return Expr { kind: ExprKind::Member(Box::new(of), part), at: value.at };
                    }
                    let index = Expr { kind: ExprKind::Number(n), at: value.at };
                    Expr { kind: ExprKind::Index(Box::new(of), Box::new(index)), at: value.at }
                });
                self.bind(*target, ty.clone(), bound, declares, out);
            }
            if out.len() == before {
                out.push(Stmt { kind: StmtKind::Expr(value), at });
            }
            return;
        }
        for (number, target) in targets.iter().enumerate() {
            let value = values.get(number).map(|v| self.expr(*v));
            self.bind(*target, ty.clone(), value, declares, out);
        }
    }

    fn bind(
        self,
        target: Node<'_>,
        ty: Option<Type<'t>>,
        value: Option<Expr<'t>>,
        declares: bool,
        out: &mut Vec<Stmt<'t>>,
    ) {
        let at = span_of(target);
        if self.of(target) == "_" {
            // What it is given is done all the same.
            return out.extend(value.map(|v| Stmt { kind: StmtKind::Expr(v), at }));
        }
        let target = self.expr(target);
        out.push(Stmt { kind: StmtKind::Assign { target, ty, value, declares }, at });
    }

    /// What is returned: nothing, one value, a list of several.
    fn results(self, node: Node<'_>) -> Option<Expr<'t>> {
        let list = named(node).first().copied()?;
        let mut values = if list.kind() == "expression_list" { self.parts(list) } else { vec![self.expr(list)] };
        if values.len() > 1 {
            return Some(Expr { kind: ExprKind::List(values), at: span_of(list) });
        }
        values.pop()
    }
}

/// The name under which a package is known where the file says none: the last element of its path, without a version, as
/// far as it is a name: `sentry-go` is `sentry`.
fn package_of(path: &str) -> &str {
    let is_version =
        |e: &str| e.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let mut elements = path.rsplit('/');
    let last = elements.next().unwrap_or(path);
    let last = if is_version(last) { elements.next().unwrap_or(last) } else { last };
    let last = match last.rsplit_once('.') {
        Some((before, version)) if is_version(version) => before,
        _ => last,
    };
    let last = last.strip_prefix("go-").unwrap_or(last);
    let end = last.find(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|end| *end > 0);
    &last[..end.unwrap_or(last.len())]
}

#[cfg(test)]
mod tests;
