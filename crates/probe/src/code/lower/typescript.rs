//! TypeScript and JavaScript, elements included, into the model. `require` and `module.exports` are imports and exports
//! like the newer words. Next: `typescript/types.rs` (classes, functions, types), then `model.rs`.

mod modules;
mod types;

use super::{errors, named, of};
use crate::code::model::{Arg, BlockKind, Call, Expr, ExprKind, Function, Module, Stmt, StmtKind};
use crate::parse::span_of;
use std::borrow::Cow;
use tree_sitter::{Node, Tree};

/// Lowers one file.
pub(crate) fn lower<'t>(text: &'t str, tree: &Tree) -> Module<'t> {
    let lower = Lower { text };
    let mut module = Module { errors: errors(tree), ..Module::default() };
    for node in named(tree.root_node()) {
        lower.top(node, &mut module);
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

    /// The statements of a body: a block's, or the one that stands in its place.
    fn body(self, node: Option<Node<'_>>) -> Vec<Stmt<'t>> {
        let mut out = Vec::new();
        let Some(node) = node else { return out };
        if matches!(node.kind(), "statement_block" | "else_clause" | "finally_clause" | "class_static_block") {
            named(node).into_iter().for_each(|n| self.statement(n, &mut out));
        } else {
            self.statement(node, &mut out);
        }
        out
    }

    fn statement(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let at = span_of(node);
        let kind = match node.kind() {
            "expression_statement" => {
                for inner in named(node) {
                    self.effect(inner, out);
                }
                return;
            }
            "lexical_declaration" | "variable_declaration" => {
                for declarator in named(node) {
                    self.declarator(declarator, out);
                }
                return;
            }
            "return_statement" => StmtKind::Return(named(node).first().map(|n| self.expr(*n))),
            "throw_statement" => match named(node).first() {
                Some(inner) => StmtKind::Throw(self.expr(*inner)),
                None => return,
            },
            "function_declaration" | "generator_function_declaration" | "function_signature" => {
                StmtKind::Function(Box::new(self.function(node)))
            }
            "class_declaration" | "abstract_class_declaration" | "interface_declaration" | "type_alias_declaration" => {
                match self.class(node, &[]) {
                    Some(class) => StmtKind::Class(Box::new(class)),
                    None => return,
                }
            }
            "export_statement" => {
                let inner = node.child_by_field_name("declaration").or_else(|| node.child_by_field_name("value"));
                if let Some(inner) = inner {
                    self.exported(node, inner, out);
                }
                return;
            }
            "comment" | "empty_statement" | "import_statement" | "break_statement" | "continue_statement"
            | "debugger_statement" => return,
            _ => return self.block(node, out),
        };
        out.push(Stmt { kind, at });
    }

    /// Statements that hold others.
    fn block(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let get = |field: &str| node.child_by_field_name(field);
        let header = |fields: &[&str]| fields.iter().filter_map(|f| get(f)).map(|n| self.expr(n)).collect::<Vec<_>>();
        let (kind, header, bodies) = match node.kind() {
            "if_statement" => {
                let bodies = vec![self.body(get("consequence")), self.body(get("alternative"))];
                (BlockKind::If, header(&["condition"]), bodies)
            }
            "while_statement" | "do_statement" => {
                (BlockKind::Loop, header(&["condition"]), vec![self.body(get("body"))])
            }
            "for_statement" => {
                let mut first = self.body(get("initializer"));
                first.extend(self.body(get("body")));
                (BlockKind::Loop, header(&["condition", "increment"]), vec![first])
            }
            "for_in_statement" => {
                let mut first = Vec::new();
                if let (Some(left), Some(right)) = (get("left"), get("right")) {
                    let element = Expr { kind: ExprKind::Other(vec![self.expr(right)]), at: span_of(right) };
                    self.bind(left, None, Some(element), true, &mut first);
                }
                first.extend(self.body(get("body")));
                (BlockKind::Loop, header(&["right"]), vec![first])
            }
            "try_statement" => {
                let handler = get("handler").and_then(|h| h.child_by_field_name("body"));
                let bodies = vec![self.body(get("body")), self.body(handler), self.body(get("finalizer"))];
                (BlockKind::Try, Vec::new(), bodies)
            }
            "switch_statement" => {
                let cases = get("body").map(named).unwrap_or_default();
                let bodies = cases.into_iter().map(|c| self.statements_of(c)).collect();
                (BlockKind::Switch, header(&["value"]), bodies)
            }
            "labeled_statement" | "with_statement" => {
                (BlockKind::Plain, header(&["object"]), vec![self.body(get("body"))])
            }
            "statement_block" | "internal_module" | "module" | "ambient_declaration" | "class_static_block" => {
                let inner = get("body").unwrap_or(node);
                (BlockKind::Plain, Vec::new(), vec![self.body_of(inner)])
            }
            "ERROR" => (BlockKind::Plain, Vec::new(), vec![self.body_of(node)]),
            _ => {
                let kind = StmtKind::Expr(self.expr(node));
                return out.push(Stmt { kind, at: span_of(node) });
            }
        };
        out.push(Stmt { kind: StmtKind::Block { kind, header, bodies }, at: span_of(node) });
    }

    fn body_of(self, node: Node<'_>) -> Vec<Stmt<'t>> {
        let mut out = Vec::new();
        named(node).into_iter().for_each(|n| self.statement(n, &mut out));
        out
    }

    /// The statements of a case.
    fn statements_of(self, case: Node<'_>) -> Vec<Stmt<'t>> {
        let mut out = Vec::new();
        super::fields(case, "body").into_iter().for_each(|n| self.statement(n, &mut out));
        out
    }

    /// An expression that stands as a statement: assignments bind, the others have an effect.
    fn effect(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        match node.kind() {
            "assignment_expression" | "augmented_assignment_expression" => {
                let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right"))
                else {
                    return;
                };
                let mut value = self.expr(right);
                if node.kind() == "augmented_assignment_expression" {
                    value = Expr { at: span_of(node), kind: ExprKind::Concat(vec![self.expr(left), value]) };
                }
                self.bind(left, None, Some(value), false, out);
            }
            "sequence_expression" => named(node).into_iter().for_each(|n| self.effect(n, out)),
            _ => out.push(Stmt { kind: StmtKind::Expr(self.expr(node)), at: span_of(node) }),
        }
    }

    fn declarator(self, node: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let Some(name) = node.child_by_field_name("name") else { return };
        let ty = node.child_by_field_name("type").and_then(|t| self.annotated(t));
        let value = node.child_by_field_name("value").map(|v| self.expr(v));
        self.bind(name, ty, value, true, out);
    }

    fn expr(self, node: Node<'_>) -> Expr<'t> {
        Expr { kind: self.expr_kind(node), at: span_of(node) }
    }

    fn boxed(self, node: Option<Node<'_>>, whole: Node<'_>) -> Box<Expr<'t>> {
        let kind = node.map_or(ExprKind::Other(Vec::new()), |n| self.expr_kind(n));
        Box::new(Expr { kind, at: span_of(node.unwrap_or(whole)) })
    }

    fn parts(self, node: Node<'_>) -> Vec<Expr<'t>> {
        named(node).into_iter().map(|n| self.expr(n)).collect()
    }

    fn expr_kind(self, node: Node<'_>) -> ExprKind<'t> {
        let get = |field: &str| node.child_by_field_name(field);
        match node.kind() {
            "identifier"
            | "shorthand_property_identifier"
            | "shorthand_property_identifier_pattern"
            | "property_identifier"
            | "type_identifier"
            | "private_property_identifier"
            | "undefined" => ExprKind::Name(self.of(node)),
            "this" | "super" => ExprKind::This,
            "string" => ExprKind::Text(self.string(node)),
            "number" => ExprKind::Number(self.of(node)),
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "null" => ExprKind::Null,
            "template_string" => self.template(node),
            "member_expression" => ExprKind::Member(self.boxed(get("object"), node), self.field(node, "property")),
            "subscript_expression" => ExprKind::Index(self.boxed(get("object"), node), self.boxed(get("index"), node)),
            "call_expression" | "new_expression" => self.call(node),
            "object" => ExprKind::Object(self.pairs(node)),
            "array" => ExprKind::List(self.parts(node)),
            "arrow_function" | "function_expression" | "generator_function" | "method_definition" => {
                ExprKind::Function(Box::new(self.function(node)))
            }
            "class" => match self.class(node, &[]) {
                Some(class) => ExprKind::Class(Box::new(class)),
                None => ExprKind::Other(Vec::new()),
            },
            "binary_expression" => self.binary(node),
            "ternary_expression" => {
                let both = ["consequence", "alternative"].into_iter().filter_map(get);
                ExprKind::Choice(both.map(|n| self.expr(n)).collect())
            }
            "as_expression" | "satisfies_expression" => {
                let inner = named(node);
                let ty = inner.get(1).and_then(|t| self.ty(*t));
                ExprKind::Same(ty, self.boxed(inner.first().copied(), node))
            }
            "await_expression" | "non_null_expression" => {
                ExprKind::Same(None, self.boxed(named(node).first().copied(), node))
            }
            "parenthesized_expression" | "instantiation_expression" => {
                named(node).first().map_or(ExprKind::Other(Vec::new()), |n| self.expr_kind(*n))
            }
            "unary_expression" | "update_expression" => ExprKind::Compare(self.parts(node)),
            "sequence_expression" => match named(node).last() {
                Some(last) => self.expr_kind(*last),
                None => ExprKind::Other(Vec::new()),
            },
            "assignment_expression" | "augmented_assignment_expression" => {
                ExprKind::Same(None, self.boxed(get("right"), node))
            }
            _ => ExprKind::Other(self.parts(node)),
        }
    }

    fn binary(self, node: Node<'_>) -> ExprKind<'t> {
        let parts: Vec<Expr<'t>> =
            ["left", "right"].into_iter().filter_map(|f| node.child_by_field_name(f)).map(|n| self.expr(n)).collect();
        match self.field(node, "operator") {
            "+" => {
                let mut flat = Vec::new();
                for part in parts {
                    match part.kind {
                        ExprKind::Concat(inner) => flat.extend(inner),
                        kind => flat.push(Expr { kind, at: part.at }),
                    }
                }
                ExprKind::Concat(flat)
            }
            "||" | "??" | "&&" => ExprKind::Choice(parts),
            by @ ("*" | "/") => ExprKind::Arithmetic(by, parts),
            _ => ExprKind::Compare(parts),
        }
    }

    fn call(self, node: Node<'_>) -> ExprKind<'t> {
        let new = node.kind() == "new_expression";
        let callee = node.child_by_field_name(if new { "constructor" } else { "function" });
        let arguments = node.child_by_field_name("arguments");
        let mut args = Vec::new();
        match arguments {
            Some(template) if template.kind() == "template_string" => {
                args.push(Arg { name: None, value: self.expr(template), spread: false });
            }
            Some(list) => {
                for argument in named(list) {
                    let spread = argument.kind() == "spread_element";
                    let value = if spread { named(argument).first().copied().unwrap_or(argument) } else { argument };
                    args.push(Arg { name: None, value: self.expr(value), spread });
                }
            }
            None => {}
        }
        let callee = *self.boxed(callee, node);
        ExprKind::Call(Box::new(Call { callee, args, new, args_at: span_of(arguments.unwrap_or(node)) }))
    }

    fn pairs(self, node: Node<'_>) -> Vec<(Option<Cow<'t, str>>, Expr<'t>)> {
        let mut out = Vec::new();
        for child in named(node) {
            match child.kind() {
                "pair" => {
                    let key = child.child_by_field_name("key").map(|k| self.key(k));
                    out.push((key, *self.boxed(child.child_by_field_name("value"), child)));
                }
                "shorthand_property_identifier" => out.push((Some(Cow::Borrowed(self.of(child))), self.expr(child))),
                "method_definition" => {
                    let key = child.child_by_field_name("name").map(|k| self.key(k));
                    out.push((key, self.expr(child)));
                }
                _ => out.push((None, *self.boxed(named(child).first().copied(), child))),
            }
        }
        out
    }

    /// A property's name, without quotes.
    fn key(self, node: Node<'_>) -> Cow<'t, str> {
        match node.kind() {
            "string" => self.string(node),
            "computed_property_name" => {
                named(node).first().filter(|n| n.kind() == "string").map_or(Cow::Borrowed(""), |n| self.string(*n))
            }
            _ => Cow::Borrowed(self.of(node)),
        }
    }

    /// What stands between the quotes; escapes are left as they are written, which no name or path has.
    fn string(self, node: Node<'_>) -> Cow<'t, str> {
        let text = self.of(node);
        Cow::Borrowed(text.get(1..text.len().saturating_sub(1)).unwrap_or_default())
    }

    fn template(self, node: Node<'_>) -> ExprKind<'t> {
        let between = |from: usize, to: usize| {
            let part = self.text.get(from..to).filter(|p| !p.is_empty())?;
            Some(Expr { kind: ExprKind::Text(Cow::Borrowed(part)), at: span_of(node) })
        };
        let (mut parts, mut from, to) = (Vec::new(), node.start_byte() + 1, node.end_byte().saturating_sub(1));
        let put_in: Vec<Node<'_>> = named(node).into_iter().filter(|n| n.kind() == "template_substitution").collect();
        if put_in.is_empty() {
            return ExprKind::Text(Cow::Borrowed(self.text.get(from..to).unwrap_or_default()));
        }
        for substitution in put_in {
            parts.extend(between(from, substitution.start_byte()));
            parts.extend(self.parts(substitution));
            from = substitution.end_byte();
        }
        parts.extend(between(from, to));
        ExprKind::Template(parts)
    }

    /// A function as an expression of no name is a lambda; its own file says the rest.
    fn lambda_body(self, function: &mut Function<'t>, body: Node<'_>) {
        let at = span_of(body);
        if body.kind() == "statement_block" {
            function.body.extend(self.body(Some(body)));
        } else {
            function.body.push(Stmt { kind: StmtKind::Return(Some(self.expr(body))), at });
        }
        function.body_at = at;
    }
}

#[cfg(test)]
mod tests;
