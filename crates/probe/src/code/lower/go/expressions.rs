//! Expressions of Go. Next: `types.rs`.

use super::super::named;
use super::Lower;
use crate::code::model::{Arg, Call, Expr, ExprKind, Type};
use crate::parse::span_of;
use std::borrow::Cow;
use tree_sitter::Node;

/// Types that are made from a value by a call that keeps it.
const CONVERSIONS: &[&str] = &[
    "string", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr",
    "byte", "rune", "float32", "float64", "any", "error",
];

impl<'t> Lower<'t> {
    pub(super) fn expr(self, node: Node<'_>) -> Expr<'t> {
        Expr { kind: self.expr_kind(node), at: span_of(node) }
    }

    fn boxed(self, node: Option<Node<'_>>, whole: Node<'_>) -> Box<Expr<'t>> {
        let kind = node.map_or(ExprKind::Other(Vec::new()), |n| self.expr_kind(n));
        Box::new(Expr { kind, at: span_of(node.unwrap_or(whole)) })
    }

    pub(super) fn parts(self, node: Node<'_>) -> Vec<Expr<'t>> {
        named(node).into_iter().map(|n| self.expr(n)).collect()
    }

    fn expr_kind(self, node: Node<'_>) -> ExprKind<'t> {
        let get = |field: &str| node.child_by_field_name(field);
        match node.kind() {
            "identifier" | "field_identifier" | "type_identifier" | "package_identifier" | "blank_identifier"
            | "label_name" => ExprKind::Name(self.of(node)),
            "interpreted_string_literal" | "raw_string_literal" | "rune_literal" => {
                ExprKind::Text(Cow::Borrowed(self.literal(node)))
            }
            "int_literal" | "float_literal" | "imaginary_literal" | "iota" => ExprKind::Number(self.of(node)),
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "nil" => ExprKind::Null,
            "selector_expression" => ExprKind::Member(self.boxed(get("operand"), node), self.field(node, "field")),
            "qualified_type" => ExprKind::Member(self.boxed(get("package"), node), self.field(node, "name")),
            "index_expression" => ExprKind::Index(self.boxed(get("operand"), node), self.boxed(get("index"), node)),
            "call_expression" => self.call(node),
            "composite_literal" => {
                let ty = get("type").and_then(|t| self.ty(t));
                let at = span_of(node);
                let kind = get("body").map_or(ExprKind::Object(Vec::new()), |b| self.literal_value(b, ty.as_ref()));
                ExprKind::Same(ty, Box::new(Expr { kind, at }))
            }
            "literal_value" => self.literal_value(node, None),
            "func_literal" => ExprKind::Function(Box::new(self.function(node))),
            "binary_expression" => self.binary(node),
            "unary_expression" => match self.field(node, "operator") {
                "&" | "*" | "<-" => ExprKind::Same(None, self.boxed(get("operand"), node)),
                _ => ExprKind::Compare(self.parts(node)),
            },
            "type_assertion_expression" | "type_conversion_expression" => {
                ExprKind::Same(get("type").and_then(|t| self.ty(t)), self.boxed(get("operand"), node))
            }
            "type_instantiation_expression" | "generic_type" => self.boxed(get("type"), node).kind,
            "parenthesized_expression"
            | "literal_element"
            | "pointer_type"
            | "parenthesized_type"
            | "type_elem"
            | "variadic_argument" => named(node).first().map_or(ExprKind::Other(Vec::new()), |n| self.expr_kind(*n)),
            _ => ExprKind::Other(self.parts(node)),
        }
    }

    fn binary(self, node: Node<'_>) -> ExprKind<'t> {
        let sides = ["left", "right"].into_iter().filter_map(|f| node.child_by_field_name(f));
        let parts: Vec<Expr<'t>> = sides.map(|n| self.expr(n)).collect();
        match self.field(node, "operator") {
            "+" => {}
            by @ ("*" | "/") => return ExprKind::Arithmetic(by, parts),
            _ => return ExprKind::Compare(parts),
        }
        let mut flat = Vec::new();
        for part in parts {
            match part.kind {
                ExprKind::Concat(inner) => flat.extend(inner),
                kind => flat.push(Expr { kind, at: part.at }),
            }
        }
        ExprKind::Concat(flat)
    }

    /// A call; `string(a)` and its like are the value itself.
    fn call(self, node: Node<'_>) -> ExprKind<'t> {
        let function = node.child_by_field_name("function");
        let arguments = node.child_by_field_name("arguments");
        let given = arguments.map(named).unwrap_or_default();
        if let (Some(function), [value]) = (function, given.as_slice())
            && function.kind() == "identifier"
            && CONVERSIONS.contains(&self.of(function))
        {
            return ExprKind::Same(self.ty(function), self.boxed(Some(*value), node));
        }
        let arg = |n: Node<'_>| Arg { name: None, value: self.expr(n), spread: n.kind() == "variadic_argument" };
        let args = given.into_iter().map(arg).collect();
        let callee = *self.boxed(function, node);
        ExprKind::Call(Box::new(Call { callee, args, new: false, args_at: span_of(arguments.unwrap_or(node)) }))
    }

    /// What stands between the braces of a composite literal: pairs, or a list where nothing has a key. An element that
    /// leaves its type out has the one that the literal says.
    fn literal_value(self, node: Node<'_>, ty: Option<&Type<'t>>) -> ExprKind<'t> {
        let element = ty.filter(|t| matches!(t.name.as_ref(), "[]" | "map")).and_then(|t| t.args.last());
        let children = named(node);
        let keyed = children.iter().any(|c| c.kind() == "keyed_element");
        let is_list = ty.is_some_and(|t| t.name == "[]");
        let value = |n: Option<Node<'_>>| match n {
            Some(n) => {
                let inner = if n.kind() == "literal_element" { named(n).first().copied().unwrap_or(n) } else { n };
                let mut value = self.expr(inner);
                if inner.kind() == "literal_value" {
                    let kind = self.literal_value(inner, element);
                    value.kind = ExprKind::Same(element.cloned(), Box::new(Expr { kind, at: value.at }));
                }
                value
            }
            None => Expr { kind: ExprKind::Other(Vec::new()), at: span_of(node) },
        };
        if !keyed || is_list {
            let of = |c: &Node<'_>| value(c.child_by_field_name("value").or(Some(*c)));
            let list: Vec<Expr<'t>> = children.iter().map(of).collect();
            return if list.is_empty() && !is_list { ExprKind::Object(Vec::new()) } else { ExprKind::List(list) };
        }
        let pair = |c: Node<'_>| {
            let key = c.child_by_field_name("key").map(|k| match self.expr(k).text() {
                Some(text) => Cow::Owned(text.to_owned()),
                None => Cow::Borrowed(self.of(k)),
            });
            (key, value(c.child_by_field_name("value").or(Some(c))))
        };
        ExprKind::Object(children.into_iter().map(pair).collect())
    }

    /// What stands between the quotes.
    pub(super) fn literal(self, node: Node<'_>) -> &'t str {
        let text = self.of(node);
        text.get(1..text.len().saturating_sub(1)).unwrap_or_default()
    }
}
