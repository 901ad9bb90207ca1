//! Functions, classes, types and what binds names, of TypeScript. Next: `modules.rs`.

use super::super::{fields, named};
use super::Lower;
use crate::code::model::{Annotation, Class, Expr, ExprKind, Field, Function, MAX_BOUND, Param, Stmt, StmtKind, Type};
use crate::parse::span_of;
use std::borrow::Cow;
use tree_sitter::Node;

impl<'t> Lower<'t> {
    pub(super) fn function(self, node: Node<'_>) -> Function<'t> {
        let name = node.child_by_field_name("name");
        let modifier = named(node).into_iter().find(|n| n.kind() == "accessibility_modifier");
        let mut function = Function {
            name: name.map_or("", |n| self.of(n)),
            annotations: fields(node, "decorator").into_iter().map(|d| self.decorator(d)).collect(),
            returns: node.child_by_field_name("return_type").and_then(|t| self.annotated(t)),
            private: modifier.is_some_and(|m| self.of(m) != "public")
                || name.is_some_and(|n| n.kind() == "private_property_identifier"),
            at: span_of(node),
            name_at: span_of(name.unwrap_or(node)),
            body_at: span_of(node),
            ..Function::default()
        };
        if let Some(single) = node.child_by_field_name("parameter") {
            let at = span_of(single);
            function.params.push(Param { name: self.of(single), ty: None, annotations: Vec::new(), default: None, at });
        }
        for parameter in node.child_by_field_name("parameters").map(named).unwrap_or_default() {
            self.parameter(parameter, &mut function);
        }
        if let Some(body) = node.child_by_field_name("body") {
            self.lambda_body(&mut function, body);
        }
        function
    }

    fn parameter(self, node: Node<'_>, function: &mut Function<'t>) {
        let Some(pattern) = node.child_by_field_name("pattern").or_else(|| node.child_by_field_name("name")) else {
            return;
        };
        if pattern.kind() == "this" {
            return;
        }
        let at = span_of(node);
        let ty = node.child_by_field_name("type").and_then(|t| self.annotated(t));
        let annotations = fields(node, "decorator").into_iter().map(|d| self.decorator(d)).collect();
        let default = node.child_by_field_name("value").map(|v| self.expr(v));
        let plain = match pattern.kind() {
            "identifier" => Some(pattern),
            "rest_pattern" => named(pattern).first().copied().filter(|n| n.kind() == "identifier"),
            _ => None,
        };
        if plain.is_none() {
            self.bind(pattern, ty.clone(), None, true, &mut function.body);
        }
        let name = plain.map_or("", |n| self.of(n));
        function.params.push(Param { name, ty, annotations, default, at });
    }

    /// Binds every name of a target or a pattern.
    pub(super) fn bind(
        self,
        target: Node<'_>,
        ty: Option<Type<'t>>,
        value: Option<Expr<'t>>,
        declares: bool,
        out: &mut Vec<Stmt<'t>>,
    ) {
        let at = span_of(target);
        if !matches!(target.kind(), "object_pattern" | "array_pattern") {
            let target = self.expr(target);
            return out.push(Stmt { kind: StmtKind::Assign { target, ty, value, declares }, at });
        }
        for (count, (path, name)) in self.pattern(target).into_iter().enumerate() {
            let value = value.as_ref().filter(|_| count < MAX_BOUND).map(|from| {
                let at = from.at;
                let from = if count == 0 { from.clone() } else { from.hollow() };
                path.iter().fold(from, |of, key| Expr { kind: ExprKind::Member(Box::new(of), key), at })
            });
            let target = self.expr(name);
            let kind = StmtKind::Assign { target, ty: None, value, declares };
            out.push(Stmt { kind, at: span_of(name) });
        }
    }

    /// The names that a pattern binds, each with the path of properties to it.
    fn pattern<'n>(self, node: Node<'n>) -> Vec<(Vec<&'t str>, Node<'n>)> {
        let (mut out, mut open) = (Vec::new(), vec![(Vec::new(), node)]);
        while let Some((path, node)) = open.pop() {
            let mut further = |key: Option<&'t str>, inner: Option<Node<'n>>| {
                if let Some(inner) = inner {
                    let mut path = path.clone();
                    path.extend(key);
                    open.push((path, inner));
                }
            };
            match node.kind() {
                "object_pattern" => {
                    for child in named(node) {
                        match child.kind() {
                            "shorthand_property_identifier_pattern" => further(Some(self.of(child)), Some(child)),
                            "pair_pattern" => {
                                let key =
                                    child.child_by_field_name("key").map(|k| self.of(k).trim_matches(['"', '\'']));
                                further(key, child.child_by_field_name("value"));
                            }
                            "object_assignment_pattern" => {
                                let left = child.child_by_field_name("left");
                                further(left.map(|l| self.of(l)), left);
                            }
                            _ => further(None, Some(child)),
                        }
                    }
                }
                "array_pattern" => named(node).into_iter().for_each(|c| further(None, Some(c))),
                "assignment_pattern" => further(None, node.child_by_field_name("left")),
                "rest_pattern" => further(None, named(node).first().copied()),
                "identifier" | "shorthand_property_identifier_pattern" | "member_expression" => out.push((path, node)),
                _ => {}
            }
        }
        out.sort_by_key(|(_, n)| n.start_byte());
        out
    }

    pub(super) fn decorator(self, node: Node<'_>) -> Annotation<'t> {
        let expr = named(node).first().map(|n| self.expr(*n));
        let (name, args) = match expr.map(|e| (e.dotted().map(|d| Cow::Owned(d.into_owned())), e.kind)) {
            Some((None, ExprKind::Call(call))) => {
                let name = call.callee.dotted().map_or(String::new(), Cow::into_owned);
                (Cow::Owned(name), call.args)
            }
            Some((Some(name), _)) => (name, Vec::new()),
            _ => (Cow::Borrowed(""), Vec::new()),
        };
        Annotation { name, args, at: span_of(node) }
    }

    /// A class, an interface, or a type of an object's shape. `above` are decorators that stand before `export`.
    pub(super) fn class(self, node: Node<'_>, above: &[Node<'_>]) -> Option<Class<'t>> {
        let name = node.child_by_field_name("name");
        let body = match node.kind() {
            "type_alias_declaration" => {
                let value = node.child_by_field_name("value")?;
                let parts = if value.kind() == "intersection_type" { named(value) } else { vec![value] };
                parts.into_iter().find(|p| p.kind() == "object_type")?
            }
            _ => node.child_by_field_name("body").unwrap_or(node),
        };
        let shape_only = matches!(node.kind(), "interface_declaration" | "type_alias_declaration");
        let mut class = Class {
            name: name.map_or("", |n| self.of(n)),
            shape_only,
            at: span_of(node),
            name_at: span_of(name.unwrap_or(node)),
            body_at: span_of(body),
            ..Class::default()
        };
        let own = fields(node, "decorator");
        class.annotations = above.iter().chain(&own).map(|d| self.decorator(*d)).collect();
        for part in named(node) {
            if matches!(part.kind(), "class_heritage" | "extends_type_clause") {
                self.bases(part, &mut class);
            }
        }
        self.members(body, &mut class);
        Some(class)
    }

    fn bases(self, node: Node<'_>, class: &mut Class<'t>) {
        for part in named(node) {
            match part.kind() {
                "extends_clause" | "implements_clause" => self.bases(part, class),
                "type_arguments" => {
                    let args: Vec<Type<'t>> = named(part).into_iter().filter_map(|t| self.ty(t)).collect();
                    if let Some(last) = class.bases.last_mut() {
                        last.args = args;
                    }
                }
                _ => class.bases.extend(self.ty(part)),
            }
        }
    }

    /// Decorators of a method stand before it among the members.
    fn members(self, body: Node<'_>, class: &mut Class<'t>) {
        let mut above: Vec<Node<'_>> = Vec::new();
        for member in named(body) {
            match member.kind() {
                "decorator" => {
                    above.push(member);
                    continue;
                }
                "method_definition" | "method_signature" | "abstract_method_signature" => {
                    let mut method = self.function(member);
                    let before = above.iter().map(|d| self.decorator(*d));
                    method.annotations = before.chain(std::mem::take(&mut method.annotations)).collect();
                    if method.name == "constructor" {
                        self.parameter_properties(member, class);
                    }
                    class.methods.push(method);
                }
                "public_field_definition" | "property_signature" => {
                    let before: Vec<Node<'_>> = above.iter().copied().chain(fields(member, "decorator")).collect();
                    class.fields.push(Field {
                        name: self.field(member, "name").trim_matches(['"', '\'']),
                        ty: member.child_by_field_name("type").and_then(|t| self.annotated(t)),
                        annotations: before.iter().map(|d| self.decorator(*d)).collect(),
                        value: member.child_by_field_name("value").map(|v| self.expr(v)),
                        tag: "",
                        at: span_of(member),
                    });
                }
                _ => {}
            }
            above.clear();
        }
    }

    /// `constructor(private readonly users: UserService)` makes fields.
    fn parameter_properties(self, constructor: Node<'_>, class: &mut Class<'t>) {
        for parameter in constructor.child_by_field_name("parameters").map(named).unwrap_or_default() {
            let property = self.of(parameter).contains("readonly ")
                || named(parameter).iter().any(|n| n.kind() == "accessibility_modifier");
            let Some(pattern) =
                parameter.child_by_field_name("pattern").filter(|p| property && p.kind() == "identifier")
            else {
                continue;
            };
            class.fields.push(Field {
                name: self.of(pattern),
                ty: parameter.child_by_field_name("type").and_then(|t| self.annotated(t)),
                annotations: fields(parameter, "decorator").into_iter().map(|d| self.decorator(d)).collect(),
                value: None,
                tag: "",
                at: span_of(parameter),
            });
        }
    }

    /// The type behind a colon.
    pub(super) fn annotated(self, node: Node<'_>) -> Option<Type<'t>> {
        named(node).first().and_then(|t| self.ty(*t))
    }

    pub(super) fn ty(self, node: Node<'_>) -> Option<Type<'t>> {
        let at = span_of(node);
        let of = |name: &'t str, args: Vec<Type<'t>>| Some(Type { name: Cow::Borrowed(name), args, at });
        match node.kind() {
            "generic_type" => {
                let args = node.child_by_field_name("type_arguments").map(named).unwrap_or_default();
                of(self.field(node, "name"), args.into_iter().filter_map(|t| self.ty(t)).collect())
            }
            "array_type" => of("[]", named(node).first().and_then(|t| self.ty(*t)).into_iter().collect()),
            "union_type" => {
                let some = |n: &Node<'_>| !matches!(self.of(*n), "null" | "undefined");
                named(node).into_iter().find(some).and_then(|t| self.ty(t))
            }
            "parenthesized_type" | "readonly_type" | "type_annotation" => self.annotated(node),
            "object_type" => of("{}", Vec::new()),
            _ => {
                let text = self.of(node);
                of(text.get(..text.len().min(120)).unwrap_or_default(), Vec::new())
            }
        }
    }
}
