//! Classes, methods, annotations and types of Java. Next: `super::super::go`.

use super::super::{fields, named};
use super::Lower;
use crate::code::model::{Annotation, Arg, Call, Class, Expr, ExprKind, Field, Function, Param, Type};
use crate::parse::span_of;
use std::borrow::Cow;
use tree_sitter::Node;

impl<'t> Lower<'t> {
    /// What stands before a declaration: its annotations, and whether it is private.
    fn modifiers(self, node: Node<'_>) -> (Vec<Annotation<'t>>, bool) {
        let mut cursor = node.walk();
        let Some(modifiers) = node.named_children(&mut cursor).find(|n| n.kind() == "modifiers") else {
            return (Vec::new(), false);
        };
        let mut cursor = modifiers.walk();
        let (mut annotations, mut private) = (Vec::new(), false);
        for part in modifiers.children(&mut cursor) {
            match part.kind() {
                "annotation" | "marker_annotation" => annotations.push(self.annotation(part)),
                "private" => private = true,
                _ => {}
            }
        }
        (annotations, private)
    }

    /// An annotation; what it is given without a name has none.
    pub(super) fn annotation(self, node: Node<'_>) -> Annotation<'t> {
        let mut args = Vec::new();
        for argument in node.child_by_field_name("arguments").map(named).unwrap_or_default() {
            let (name, value) = match argument.kind() {
                "element_value_pair" => {
                    (Some(self.field(argument, "key")), argument.child_by_field_name("value").unwrap_or(argument))
                }
                _ => (None, argument),
            };
            args.push(Arg { name, value: self.expr(value), spread: false });
        }
        Annotation { name: Cow::Borrowed(self.field(node, "name")), args, at: span_of(node) }
    }

    /// A class, an interface, a record, an enumeration.
    pub(super) fn class(self, node: Node<'_>) -> Class<'t> {
        let name = node.child_by_field_name("name");
        let body = node.child_by_field_name("body");
        let (annotations, _) = self.modifiers(node);
        let mut class = Class {
            name: name.map_or("", |n| self.of(n)),
            annotations,
            shape_only: matches!(node.kind(), "interface_declaration" | "annotation_type_declaration"),
            at: span_of(node),
            name_at: span_of(name.unwrap_or(node)),
            body_at: span_of(body.unwrap_or(node)),
            ..Class::default()
        };
        for part in named(node) {
            match part.kind() {
                "superclass" => class.bases.extend(named(part).into_iter().filter_map(|t| self.ty(t))),
                "super_interfaces" | "extends_interfaces" => {
                    let lists = named(part).into_iter().flat_map(named);
                    class.bases.extend(lists.filter_map(|t| self.ty(t)));
                }
                _ => {}
            }
        }
        for component in node.child_by_field_name("parameters").map(|p| self.parameters(p)).unwrap_or_default() {
            let Param { name, ty, annotations, at, .. } = component;
            class.fields.push(Field { name, ty, annotations, value: None, tag: "", at });
        }
        if let Some(body) = body {
            self.members(body, &mut class);
        }
        class
    }

    pub(super) fn members(self, body: Node<'_>, class: &mut Class<'t>) {
        for member in named(body) {
            match member.kind() {
                "field_declaration" | "constant_declaration" => self.field_declaration(member, class),
                "method_declaration"
                | "constructor_declaration"
                | "compact_constructor_declaration"
                | "annotation_type_element_declaration" => class.methods.push(self.function(member)),
                "class_declaration"
                | "interface_declaration"
                | "record_declaration"
                | "enum_declaration"
                | "annotation_type_declaration" => class.inner.push(self.class(member)),
                "block" | "static_initializer" => {
                    let at = span_of(member);
                    let block = if member.kind() == "block" { Some(member) } else { named(member).first().copied() };
                    let body = self.body(block);
                    class.methods.push(Function {
                        body,
                        private: true,
                        at,
                        name_at: at,
                        body_at: at,
                        ..Function::default()
                    });
                }
                "enum_constant" => self.constant(member, class),
                "enum_body_declarations" => self.members(member, class),
                _ => {}
            }
        }
    }

    /// A constant of an enumeration is a field of its type that is made with what it is given.
    fn constant(self, node: Node<'_>, class: &mut Class<'t>) {
        let at = span_of(node);
        let arguments = node.child_by_field_name("arguments");
        let value = arguments.map(|list| {
            let args = named(list).into_iter().map(|n| Arg { name: None, value: self.expr(n), spread: false });
            let callee = Expr { kind: ExprKind::Name(class.name), at };
            let call = Call { callee, args: args.collect(), new: true, args_at: span_of(list) };
            Expr { kind: ExprKind::Call(Box::new(call)), at: span_of(list) }
        });
        if let Some(body) = node.child_by_field_name("body") {
            let at = span_of(body);
            let mut inner = Class { name: self.field(node, "name"), at, name_at: at, body_at: at, ..Class::default() };
            self.members(body, &mut inner);
            class.inner.push(inner);
        }
        let ty = Some(Type { name: Cow::Borrowed(class.name), args: Vec::new(), at });
        let (annotations, _) = self.modifiers(node);
        class.fields.push(Field { name: self.field(node, "name"), ty, annotations, value, tag: "", at });
    }

    fn field_declaration(self, node: Node<'_>, class: &mut Class<'t>) {
        let ty = node.child_by_field_name("type").and_then(|t| self.ty(t));
        let (annotations, _) = self.modifiers(node);
        for declarator in fields(node, "declarator") {
            class.fields.push(Field {
                name: self.field(declarator, "name"),
                ty: ty.clone(),
                annotations: annotations.clone(),
                value: declarator.child_by_field_name("value").map(|v| self.expr(v)),
                tag: "",
                at: span_of(node),
            });
        }
    }

    /// A method or a constructor; the latter has its class's name.
    pub(super) fn function(self, node: Node<'_>) -> Function<'t> {
        let name = node.child_by_field_name("name");
        let body = node.child_by_field_name("body");
        let (annotations, private) = self.modifiers(node);
        Function {
            name: name.map_or("", |n| self.of(n)),
            params: node.child_by_field_name("parameters").map(|p| self.parameters(p)).unwrap_or_default(),
            annotations,
            returns: node.child_by_field_name("type").and_then(|t| self.ty(t)),
            receiver: None,
            body: self.body(body),
            private,
            at: span_of(node),
            name_at: span_of(name.unwrap_or(node)),
            body_at: span_of(body.unwrap_or(node)),
        }
    }

    pub(super) fn parameters(self, list: Node<'_>) -> Vec<Param<'t>> {
        let mut out = Vec::new();
        for parameter in named(list) {
            let at = span_of(parameter);
            let (annotations, _) = self.modifiers(parameter);
            let (name, ty) = match parameter.kind() {
                "formal_parameter" => {
                    let ty = parameter.child_by_field_name("type").and_then(|t| self.ty(t));
                    (self.field(parameter, "name"), ty)
                }
                "spread_parameter" => {
                    let parts = named(parameter);
                    let declarator = parts.iter().find(|n| n.kind() == "variable_declarator");
                    let is_type = |n: &&Node<'_>| !matches!(n.kind(), "modifiers" | "variable_declarator");
                    let args = parts.iter().find(is_type).and_then(|t| self.ty(*t)).into_iter().collect();
                    let name = declarator.map_or("", |d| self.field(*d, "name"));
                    (name, Some(Type { name: Cow::Borrowed("[]"), args, at }))
                }
                _ => continue,
            };
            out.push(Param { name, ty, annotations, default: None, at });
        }
        out
    }

    pub(super) fn ty(self, node: Node<'_>) -> Option<Type<'t>> {
        let at = span_of(node);
        let of = |name: &'t str, args: Vec<Type<'t>>| Some(Type { name: Cow::Borrowed(name), args, at });
        let inner = || named(node).into_iter().find(|n| !n.kind().ends_with("annotation"));
        match node.kind() {
            "annotated_type" => inner().and_then(|t| self.ty(t)),
            "wildcard" => inner().map_or_else(|| of("?", Vec::new()), |t| self.ty(t)),
            "array_type" => {
                of("[]", node.child_by_field_name("element").and_then(|t| self.ty(t)).into_iter().collect())
            }
            "generic_type" => {
                let args = named(node).into_iter().filter(|n| n.kind() == "type_arguments").flat_map(named);
                let args = args.filter_map(|t| self.ty(t)).collect();
                of(inner().map_or("", |n| self.of(n)), args)
            }
            _ => {
                let text = self.of(node);
                of(if text.len() <= 120 { text } else { "" }, Vec::new())
            }
        }
    }
}
