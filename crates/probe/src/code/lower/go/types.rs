//! Functions, structs and types of Go. Next: `super::super::java`.

use super::super::{fields, named};
use super::{Lower, is_exported};
use crate::code::model::{Class, Field, Function, Param, Stmt, StmtKind, Type};
use crate::parse::span_of;
use std::borrow::Cow;
use tree_sitter::Node;

impl<'t> Lower<'t> {
    /// A function, a method, a function literal. Results that have names are bound at the head of the body.
    pub(super) fn function(self, node: Node<'_>) -> Function<'t> {
        let name = node.child_by_field_name("name");
        let body = node.child_by_field_name("body");
        let named_as = name.map_or("", |n| self.of(n));
        let mut function = Function {
            name: named_as,
            returns: node.child_by_field_name("result").and_then(|r| self.returned(r)),
            private: name.is_some() && !is_exported(named_as),
            at: span_of(node),
            name_at: span_of(name.unwrap_or(node)),
            body_at: span_of(body.unwrap_or(node)),
            ..Function::default()
        };
        function.receiver = node.child_by_field_name("receiver").and_then(|r| self.parameters(r).into_iter().next());
        function.params = node.child_by_field_name("parameters").map(|p| self.parameters(p)).unwrap_or_default();
        let results = node.child_by_field_name("result").filter(|r| r.kind() == "parameter_list");
        for result in results.map(named).unwrap_or_default() {
            let ty = result.child_by_field_name("type").and_then(|t| self.ty(t));
            for name in fields(result, "name") {
                let kind = StmtKind::Assign { target: self.expr(name), ty: ty.clone(), value: None, declares: true };
                function.body.push(Stmt { kind, at: span_of(name) });
            }
        }
        function.body.extend(self.body(body));
        function
    }

    /// One parameter for each name; a type alone is a parameter without one.
    fn parameters(self, list: Node<'_>) -> Vec<Param<'t>> {
        let mut out = Vec::new();
        for declaration in named(list) {
            let ty = declaration.child_by_field_name("type").and_then(|t| self.ty(t));
            let at = span_of(declaration);
            let ty = match declaration.kind() {
                "variadic_parameter_declaration" => {
                    Some(Type { name: Cow::Borrowed("[]"), args: ty.into_iter().collect(), at })
                }
                _ => ty,
            };
            let param = |name: &'t str| Param { name, ty: ty.clone(), annotations: Vec::new(), default: None, at };
            let names = fields(declaration, "name");
            if names.is_empty() {
                out.push(param(""));
            }
            out.extend(names.into_iter().map(|n| param(self.of(n))));
        }
        out
    }

    /// The type of a result; several are the arguments of `()`.
    fn returned(self, node: Node<'_>) -> Option<Type<'t>> {
        if node.kind() != "parameter_list" {
            return self.ty(node);
        }
        let mut types: Vec<Type<'t>> = self.parameters(node).into_iter().filter_map(|p| p.ty).collect();
        if types.len() > 1 {
            return Some(Type { name: Cow::Borrowed("()"), args: types, at: span_of(node) });
        }
        types.pop()
    }

    /// A named type: a struct with its fields, an interface with its methods, another type as its base.
    pub(super) fn class(self, spec: Node<'_>) -> Class<'t> {
        let name = spec.child_by_field_name("name");
        let ty = spec.child_by_field_name("type");
        let mut class = Class {
            name: name.map_or("", |n| self.of(n)),
            at: span_of(spec),
            name_at: span_of(name.unwrap_or(spec)),
            body_at: span_of(ty.unwrap_or(spec)),
            ..Class::default()
        };
        match ty {
            Some(ty) if ty.kind() == "struct_type" => {
                for list in named(ty) {
                    class.body_at = span_of(list);
                    named(list).into_iter().for_each(|f| self.struct_field(f, &mut class));
                }
            }
            Some(ty) if ty.kind() == "interface_type" => {
                class.shape_only = true;
                for member in named(ty) {
                    match member.kind() {
                        "method_elem" => class.methods.push(self.function(member)),
                        _ => class.bases.extend(named(member).first().and_then(|t| self.ty(*t))),
                    }
                }
            }
            Some(ty) => class.bases.extend(self.ty(ty)),
            None => {}
        }
        class
    }

    fn struct_field(self, node: Node<'_>, class: &mut Class<'t>) {
        let ty = node.child_by_field_name("type").and_then(|t| self.ty(t));
        let names = fields(node, "name");
        if names.is_empty() {
            return class.bases.extend(ty);
        }
        let tag = node.child_by_field_name("tag").map_or("", |t| self.literal(t));
        for name in names {
            class.fields.push(Field {
                name: self.of(name),
                ty: ty.clone(),
                annotations: Vec::new(),
                value: None,
                tag,
                at: span_of(node),
            });
        }
    }

    /// A type, without pointers.
    pub(super) fn ty(self, node: Node<'_>) -> Option<Type<'t>> {
        let at = span_of(node);
        let inner = |field: &str| node.child_by_field_name(field).and_then(|t| self.ty(t));
        let of = |name: &'t str, args: Vec<Type<'t>>| Some(Type { name: Cow::Borrowed(name), args, at });
        match node.kind() {
            "pointer_type" | "parenthesized_type" | "type_elem" | "negated_type" | "type_constraint" => {
                named(node).first().and_then(|t| self.ty(*t))
            }
            "slice_type" | "array_type" | "implicit_length_array_type" => {
                of("[]", inner("element").into_iter().collect())
            }
            "map_type" => of("map", ["key", "value"].into_iter().filter_map(inner).collect()),
            "channel_type" => of("chan", inner("value").into_iter().collect()),
            "function_type" => of("func", Vec::new()),
            "struct_type" => of("struct", Vec::new()),
            "interface_type" => of("any", Vec::new()),
            "generic_type" => {
                let args = node.child_by_field_name("type_arguments").map(named).unwrap_or_default();
                let name = node.child_by_field_name("type").map_or("", |t| self.of(t));
                of(name, args.into_iter().filter_map(|t| self.ty(t)).collect())
            }
            _ => {
                let text = self.of(node);
                of(if text.len() <= 120 { text } else { "" }, Vec::new())
            }
        }
    }
}
