//! Expressions of Java. Next: `types.rs`.

use super::super::named;
use super::Lower;
use crate::code::model::{Arg, Call, Class, Expr, ExprKind, Function, Param, Stmt, StmtKind};
use crate::parse::span_of;
use std::borrow::Cow;
use tree_sitter::Node;

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
            "identifier" | "type_identifier" | "underscore_pattern" => ExprKind::Name(self.of(node)),
            "this" | "super" => ExprKind::This,
            "string_literal" => self.string(node),
            "character_literal" => ExprKind::Text(Cow::Borrowed(self.of(node).trim_matches('\''))),
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "null_literal" => ExprKind::Null,
            kind if kind.ends_with("_integer_literal") || kind.ends_with("_point_literal") => {
                ExprKind::Number(self.of(node))
            }
            "field_access" => ExprKind::Member(self.boxed(get("object"), node), self.field(node, "field")),
            "scoped_identifier" => ExprKind::Member(self.boxed(get("scope"), node), self.field(node, "name")),
            "scoped_type_identifier" => self.scoped(node),
            "class_literal" => ExprKind::Member(self.boxed(named(node).first().copied(), node), "class"),
            "method_reference" => self.reference(node),
            "array_access" => ExprKind::Index(self.boxed(get("array"), node), self.boxed(get("index"), node)),
            "method_invocation" | "object_creation_expression" | "explicit_constructor_invocation" => self.call(node),
            "annotation" | "marker_annotation" => self.annotation_call(node),
            "array_initializer" | "element_value_array_initializer" => ExprKind::List(self.parts(node)),
            "array_creation_expression" => match get("value") {
                Some(values) => ExprKind::List(self.parts(values)),
                None => ExprKind::Other(Vec::new()),
            },
            "lambda_expression" => ExprKind::Function(Box::new(self.lambda(node))),
            "binary_expression" => self.binary(node),
            "unary_expression" | "update_expression" => ExprKind::Compare(self.parts(node)),
            "instanceof_expression" => ExprKind::Compare(get("left").map(|n| self.expr(n)).into_iter().collect()),
            "ternary_expression" => {
                let both = ["consequence", "alternative"].into_iter().filter_map(get);
                ExprKind::Choice(both.map(|n| self.expr(n)).collect())
            }
            "cast_expression" => ExprKind::Same(get("type").and_then(|t| self.ty(t)), self.boxed(get("value"), node)),
            "assignment_expression" => ExprKind::Same(None, self.boxed(get("right"), node)),
            "parenthesized_expression" | "generic_type" | "annotated_type" | "guard" => {
                let inner = named(node).into_iter().find(|n| !n.kind().ends_with("annotation"));
                inner.map_or(ExprKind::Other(Vec::new()), |n| self.expr_kind(n))
            }
            "switch_expression" => self.chosen(node),
            "template_expression" => self.boxed(get("template_argument"), node).kind,
            _ => ExprKind::Other(self.parts(node)),
        }
    }

    /// `a.b.C` as members.
    fn scoped(self, node: Node<'_>) -> ExprKind<'t> {
        let parts: Vec<Node<'_>> = named(node).into_iter().filter(|n| !n.kind().ends_with("annotation")).collect();
        match parts.as_slice() {
            [scope, name] => ExprKind::Member(self.boxed(Some(*scope), node), self.of(*name)),
            _ => ExprKind::Name(self.of(node)),
        }
    }

    /// `Foo::bar`, `Foo::new`.
    fn reference(self, node: Node<'_>) -> ExprKind<'t> {
        let parts = named(node);
        let name = match parts.last() {
            Some(last) if parts.len() > 1 && last.kind() == "identifier" => self.of(*last),
            _ => "new",
        };
        ExprKind::Member(self.boxed(parts.first().copied(), node), name)
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

    /// A call. What an anonymous class adds to its base stands behind the arguments as a class of its own.
    fn call(self, node: Node<'_>) -> ExprKind<'t> {
        let get = |field: &str| node.child_by_field_name(field);
        let new = node.kind() == "object_creation_expression";
        let arguments = get("arguments");
        let mut args = Vec::new();
        for argument in arguments.map(named).unwrap_or_default() {
            args.push(Arg { name: None, value: self.expr(argument), spread: false });
        }
        let callee = match (get("object"), get("name")) {
            (Some(object), Some(name)) => {
                let kind = ExprKind::Member(self.boxed(Some(object), node), self.of(name));
                let at =
                    ligase_domain::Span { end: span_of(name).end, end_line: span_of(name).end_line, ..span_of(node) };
                Expr { kind, at }
            }
            (_, Some(name)) => self.expr(name),
            _ => *self.boxed(get("type").or(get("constructor")), node),
        };
        if let Some(body) = named(node).into_iter().find(|n| new && n.kind() == "class_body") {
            let bases = get("type").and_then(|t| self.ty(t)).into_iter().collect();
            let at = span_of(body);
            let mut class = Class { bases, at, name_at: at, body_at: at, ..Class::default() };
            self.members(body, &mut class);
            args.push(Arg { name: None, value: Expr { kind: ExprKind::Class(Box::new(class)), at }, spread: false });
        }
        ExprKind::Call(Box::new(Call { callee, args, new, args_at: span_of(arguments.unwrap_or(node)) }))
    }

    /// An annotation inside another one's arguments.
    fn annotation_call(self, node: Node<'_>) -> ExprKind<'t> {
        let arguments = node.child_by_field_name("arguments");
        let args = self.annotation(node).args;
        let callee = *self.boxed(node.child_by_field_name("name"), node);
        ExprKind::Call(Box::new(Call { callee, args, new: false, args_at: span_of(arguments.unwrap_or(node)) }))
    }

    fn lambda(self, node: Node<'_>) -> Function<'t> {
        let at = span_of(node);
        let mut function = Function { at, name_at: at, body_at: at, ..Function::default() };
        let parameters = node.child_by_field_name("parameters");
        function.params = match parameters.map(|p| (p, p.kind())) {
            Some((list, "formal_parameters")) => self.parameters(list),
            Some((list, kind)) => {
                let names = if kind == "identifier" { vec![list] } else { named(list) };
                let param = |n: Node<'_>| {
                    let (name, at) = (self.of(n), span_of(n));
                    Param { name, ty: None, annotations: Vec::new(), default: None, at }
                };
                names.into_iter().map(param).collect()
            }
            None => Vec::new(),
        };
        if let Some(body) = node.child_by_field_name("body") {
            function.body_at = span_of(body);
            if body.kind() == "block" {
                function.body = self.body(Some(body));
            } else {
                self.patterns(body, &mut function.body);
                function.body.push(Stmt { kind: StmtKind::Return(Some(self.expr(body))), at: span_of(body) });
            }
        }
        function
    }

    /// A switch that gives a value: one of what its cases give.
    fn chosen(self, node: Node<'_>) -> ExprKind<'t> {
        let asked = node.child_by_field_name("condition").map(|n| self.expr(n).hollow());
        let mut values = Vec::new();
        for case in node.child_by_field_name("body").map(named).unwrap_or_default() {
            let at = span_of(case);
            let mut function = Function { at, name_at: at, body_at: at, ..Function::default() };
            let mut only = None;
            for part in named(case) {
                match part.kind() {
                    "switch_label" => self.label(part, asked.as_ref(), &mut Vec::new(), &mut function.body),
                    "expression_statement" if case.kind() == "switch_rule" => only = named(part).first().copied(),
                    _ => self.append(part, &mut function.body),
                }
            }
            match only {
                Some(value) if function.body.is_empty() => values.push(self.expr(value)),
                only => {
                    let given = only.map(|v| Stmt { kind: StmtKind::Return(Some(self.expr(v))), at: span_of(v) });
                    function.body.extend(given);
                    let callee = Expr { kind: ExprKind::Function(Box::new(function)), at };
                    let call = Call { callee, args: Vec::new(), new: false, args_at: at };
                    values.push(Expr { kind: ExprKind::Call(Box::new(call)), at });
                }
            }
        }
        ExprKind::Choice(values)
    }

    /// A text, or a text with values put into it. Escapes are left as they are written.
    fn string(self, node: Node<'_>) -> ExprKind<'t> {
        let text = self.of(node);
        let quotes = if text.starts_with("\"\"\"") { 3 } else { 1 };
        let inside = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let (mut from, to) = (node.start_byte() + quotes, node.end_byte().saturating_sub(quotes));
        let put_in: Vec<Node<'_>> = named(node).into_iter().filter(|n| n.kind() == "string_interpolation").collect();
        if put_in.is_empty() {
            let text = inside(from, to);
            return ExprKind::Text(Cow::Borrowed(if quotes == 3 {
                text.trim_start_matches(['\r', '\n'])
            } else {
                text
            }));
        }
        let mut parts = Vec::new();
        let push = |parts: &mut Vec<Expr<'t>>, text: &'t str| {
            if !text.is_empty() {
                parts.push(Expr { kind: ExprKind::Text(Cow::Borrowed(text)), at: span_of(node) });
            }
        };
        for value in put_in {
            push(&mut parts, inside(from, value.start_byte()));
            parts.extend(self.parts(value));
            from = value.end_byte();
        }
        push(&mut parts, inside(from, to));
        ExprKind::Template(parts)
    }
}
