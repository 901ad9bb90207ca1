//! Java into the model. Resources of a `try`, the element of a loop and what a pattern binds stand at the head of the body
//! where they are seen. A switch that gives a value is a choice; the block of a case is a function that is called at once.
//! Next: `java/expressions.rs`, `java/types.rs`.

mod expressions;
mod types;

use super::{errors, fields, named, of};
use crate::code::model::{BlockKind, Expr, ExprKind, Import, MAX_BOUND, Module, Stmt, StmtKind, Symbol, Type};
use crate::parse::{Walk, span_of};
use std::borrow::Cow;
use tree_sitter::{Node, Tree};

/// Lowers one file.
pub(crate) fn lower<'t>(text: &'t str, tree: &Tree) -> Module<'t> {
    let lower = Lower { text };
    let mut module = Module { errors: errors(tree), ..Module::default() };
    for node in named(tree.root_node()) {
        match node.kind() {
            "package_declaration" => module.package = named(node).last().map_or("", |n| lower.of(*n)),
            "import_declaration" => lower.import(node, &mut module),
            _ => lower.statement(node, &mut module.body),
        }
    }
    for stmt in &module.body {
        if let StmtKind::Class(class) = &stmt.kind {
            module.exports.push((Cow::Borrowed(class.name), Cow::Borrowed(class.name)));
        }
    }
    module
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

    /// `import a.b.C;` takes `C` of `a.b`, `import static a.b.C.d;` takes `d` of `a.b.C`.
    fn import(self, node: Node<'_>, module: &mut Module<'t>) {
        let parts = named(node);
        let Some(path) = parts.first().map(|n| self.of(*n)) else { return };
        let at = span_of(node);
        let import = if parts.iter().any(|n| n.kind() == "asterisk") {
            Import { local: "", module: Cow::Borrowed(path), symbol: Symbol::All, at }
        } else {
            let (from, name) = path.rsplit_once('.').unwrap_or(("", path));
            Import { local: name, module: Cow::Borrowed(from), symbol: Symbol::Name(name), at }
        };
        module.imports.push(import);
    }

    /// The statements of a block, or the one that stands in its place.
    fn body(self, node: Option<Node<'_>>) -> Vec<Stmt<'t>> {
        let mut out = Vec::new();
        if let Some(node) = node {
            self.append(node, &mut out);
        }
        out
    }

    fn append(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        if matches!(node.kind(), "block" | "constructor_body" | "ERROR") {
            named(node).into_iter().for_each(|n| self.statement(n, out));
        } else {
            self.statement(node, out);
        }
    }

    fn statement(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let at = span_of(node);
        let first = || named(node).first().copied();
        let kind = match node.kind() {
            "expression_statement" => {
                if let Some(inner) = first() {
                    self.effect(inner, out);
                }
                return;
            }
            "local_variable_declaration" => return self.declaration(node, out),
            "return_statement" | "yield_statement" => {
                first().into_iter().for_each(|n| self.patterns(n, out));
                StmtKind::Return(first().map(|n| self.expr(n)))
            }
            "throw_statement" => match first() {
                Some(inner) => StmtKind::Throw(self.expr(inner)),
                None => return,
            },
            "class_declaration"
            | "interface_declaration"
            | "record_declaration"
            | "enum_declaration"
            | "annotation_type_declaration" => StmtKind::Class(Box::new(self.class(node))),
            "method_declaration" => StmtKind::Function(Box::new(self.function(node))),
            "break_statement"
            | "continue_statement"
            | "import_declaration"
            | "package_declaration"
            | "module_declaration"
            | "line_comment"
            | "block_comment"
            | "identifier" => return,
            _ => return self.block(node, out),
        };
        out.push(Stmt { kind, at });
    }

    /// Statements that hold others.
    fn block(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let get = |field: &str| node.child_by_field_name(field);
        let condition = get("condition");
        let header: Vec<Expr<'t>> = condition.map(|n| self.expr(n)).into_iter().collect();
        condition.into_iter().for_each(|n| self.patterns(n, out));
        let (kind, header, bodies) = match node.kind() {
            "if_statement" => {
                (BlockKind::If, header, vec![self.body(get("consequence")), self.body(get("alternative"))])
            }
            "while_statement" | "do_statement" => (BlockKind::Loop, header, vec![self.body(get("body"))]),
            "for_statement" => {
                let mut body = Vec::new();
                for init in fields(node, "init") {
                    if init.kind() == "local_variable_declaration" {
                        self.declaration(init, &mut body);
                    } else {
                        self.effect(init, &mut body);
                    }
                }
                body.extend(self.body(get("body")));
                fields(node, "update").into_iter().for_each(|n| self.effect(n, &mut body));
                (BlockKind::Loop, header, vec![body])
            }
            "enhanced_for_statement" => {
                let over: Vec<Expr<'t>> = get("value").map(|n| self.expr(n)).into_iter().collect();
                let mut body = Vec::new();
                if let Some(name) = get("name") {
                    let value = over.first().map(|o| Expr { kind: ExprKind::Other(vec![o.hollow()]), at: o.at });
                    self.bind(name, get("type").and_then(|t| self.ty(t)), value, &mut body);
                }
                body.extend(self.body(get("body")));
                (BlockKind::Loop, over, vec![body])
            }
            "try_statement" | "try_with_resources_statement" => (BlockKind::Try, header, self.tried(node)),
            "switch_expression" => return self.switch(node, header, out),
            "synchronized_statement" => {
                let of = named(node).first().filter(|n| n.kind() != "block").map(|n| self.expr(*n));
                (BlockKind::Plain, of.into_iter().collect(), vec![self.body(get("body"))])
            }
            "labeled_statement" => (BlockKind::Plain, header, vec![self.body(named(node).last().copied())]),
            "block" | "static_initializer" | "ERROR" => {
                let inner = named(node).into_iter().find(|_| node.kind() == "static_initializer").unwrap_or(node);
                (BlockKind::Plain, header, vec![self.body(Some(inner))])
            }
            "assert_statement" => {
                let kind = StmtKind::Expr(Expr { kind: ExprKind::Compare(self.parts(node)), at: span_of(node) });
                return out.push(Stmt { kind, at: span_of(node) });
            }
            _ => return self.effect(node, out),
        };
        out.push(Stmt { kind: StmtKind::Block { kind, header, bodies }, at: span_of(node) });
    }

    /// What is tried with its resources, each handler with what it catches, what is done at the end.
    fn tried(self, node: Node<'_>) -> Vec<Vec<Stmt<'t>>> {
        let mut body = Vec::new();
        for resource in node.child_by_field_name("resources").map(named).unwrap_or_default() {
            if let Some(name) = resource.child_by_field_name("name") {
                let ty = resource.child_by_field_name("type").and_then(|t| self.ty(t));
                let value = resource.child_by_field_name("value").map(|v| self.expr(v));
                self.bind(name, ty, value, &mut body);
            }
        }
        body.extend(self.body(node.child_by_field_name("body")));
        let mut bodies = vec![body];
        for part in named(node) {
            match part.kind() {
                "catch_clause" => {
                    let mut handler = Vec::new();
                    let caught = named(part).into_iter().find(|n| n.kind() == "catch_formal_parameter");
                    if let Some((caught, name)) = caught.and_then(|c| Some((c, c.child_by_field_name("name")?))) {
                        let types = named(caught).into_iter().find(|n| n.kind() == "catch_type");
                        let ty = types.and_then(|t| named(t).first().and_then(|t| self.ty(*t)));
                        self.bind(name, ty, None, &mut handler);
                    }
                    handler.extend(self.body(part.child_by_field_name("body")));
                    bodies.push(handler);
                }
                "finally_clause" => bodies.push(self.body(named(part).first().copied())),
                _ => {}
            }
        }
        bodies
    }

    /// A switch as a statement: what is asked and the labels, then the cases.
    fn switch(self, node: Node<'_>, mut header: Vec<Expr<'t>>, out: &mut Vec<Stmt<'t>>) {
        let asked = header.first().map(Expr::hollow);
        let mut bodies = Vec::new();
        for case in node.child_by_field_name("body").map(named).unwrap_or_default() {
            let mut body = Vec::new();
            for part in named(case) {
                if part.kind() == "switch_label" {
                    let bound = bodies.len() < MAX_BOUND;
                    self.label(part, asked.as_ref().filter(|_| bound), &mut header, &mut body);
                } else {
                    self.append(part, &mut body);
                }
            }
            bodies.push(body);
        }
        let kind = StmtKind::Block { kind: BlockKind::Switch, header, bodies };
        out.push(Stmt { kind, at: span_of(node) });
    }

    /// `case A, B`, `case Card c when c.live()`.
    fn label(self, node: Node<'_>, of: Option<&Expr<'t>>, asked: &mut Vec<Expr<'t>>, out: &mut Vec<Stmt<'t>>) {
        for part in named(node) {
            if part.kind() == "pattern" {
                self.pattern(part, of, out);
            } else {
                asked.push(self.expr(part));
            }
        }
    }

    /// What the patterns in a condition bind, before the statement that asks it. A function inside binds its own.
    fn patterns(self, condition: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        if !self.of(condition).contains("instanceof") {
            return;
        }
        let mut walk = Walk::new(condition);
        let mut count = 0;
        while let Some((node, _)) = walk.next() {
            if matches!(node.kind(), "lambda_expression" | "class_body" | "switch_block") {
                walk.skip_children();
            }
            if node.kind() != "instanceof_expression" || count >= MAX_BOUND {
                continue;
            }
            count += 1;
            let left = node.child_by_field_name("left").map(|n| self.expr(n).hollow());
            if let Some(name) = node.child_by_field_name("name") {
                let ty = node.child_by_field_name("right").and_then(|t| self.ty(t));
                let value = left.map(|l| Expr { at: l.at, kind: ExprKind::Same(ty.clone(), Box::new(l)) });
                self.bind(name, ty, value, out);
            } else if let Some(pattern) = node.child_by_field_name("pattern") {
                self.pattern(pattern, left.as_ref(), out);
            }
        }
    }

    /// The names of a pattern: the whole value under a type, or parts of it.
    fn pattern(self, pattern: Node<'_>, of: Option<&Expr<'t>>, out: &mut Vec<Stmt<'t>>) {
        let mut walk = Walk::new(pattern);
        let mut count = 0;
        while let Some((node, _)) = walk.next() {
            if !matches!(node.kind(), "type_pattern" | "record_pattern_component") || count >= MAX_BOUND {
                continue;
            }
            count += 1;
            let parts = named(node);
            let (Some(name), ty) = (parts.last(), parts.first().and_then(|t| self.ty(*t))) else { continue };
            let value = of.map(|o| {
                let kind = match node.kind() {
                    "type_pattern" => ExprKind::Same(ty.clone(), Box::new(o.clone())),
                    _ => ExprKind::Other(vec![o.clone()]),
                };
                Expr { kind, at: o.at }
            });
            self.bind(*name, ty, value, out);
        }
    }

    /// An expression that stands as a statement: assignments bind, the others have an effect.
    fn effect(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let at = span_of(node);
        let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right")) else {
            return out.push(Stmt { kind: StmtKind::Expr(self.expr(node)), at });
        };
        if node.kind() != "assignment_expression" {
            return out.push(Stmt { kind: StmtKind::Expr(self.expr(node)), at });
        }
        let target = self.expr(left);
        let mut value = self.expr(right);
        match self.field(node, "operator") {
            "=" => {}
            "+=" => value = Expr { kind: ExprKind::Concat(vec![target.hollow(), value]), at },
            _ => value = Expr { kind: ExprKind::Compare(vec![value]), at },
        }
        out.push(Stmt { kind: StmtKind::Assign { target, ty: None, value: Some(value), declares: false }, at });
    }

    fn declaration(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let ty = node.child_by_field_name("type").and_then(|t| self.ty(t)).filter(|t| t.name != "var");
        for declarator in fields(node, "declarator") {
            if let Some(name) = declarator.child_by_field_name("name") {
                let value = declarator.child_by_field_name("value");
                value.into_iter().for_each(|v| self.patterns(v, out));
                self.bind(name, ty.clone(), value.map(|v| self.expr(v)), out);
            }
        }
    }

    fn bind(self, name: Node<'_>, ty: Option<Type<'t>>, value: Option<Expr<'t>>, out: &mut Vec<Stmt<'t>>) {
        let target = Expr { kind: ExprKind::Name(self.of(name)), at: span_of(name) };
        let ty = ty.filter(|t| t.name != "var");
        out.push(Stmt { kind: StmtKind::Assign { target, ty, value, declares: true }, at: span_of(name) });
    }
}

#[cfg(test)]
mod tests;
