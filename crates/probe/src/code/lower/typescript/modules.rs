//! What a TypeScript or JavaScript file takes from others and gives to them, in both module systems.

use super::super::{fields, named};
use super::Lower;
use crate::code::model::{Expr, ExprKind, Import, Module, Stmt, StmtKind, Symbol};
use crate::parse::span_of;
use std::borrow::Cow;
use tree_sitter::Node;

impl<'t> Lower<'t> {
    /// One statement at the top of the file.
    pub(super) fn top(self, node: Node<'_>, module: &mut Module<'t>) {
        match node.kind() {
            "import_statement" => self.import(node, module),
            "export_statement" => self.export(node, module),
            _ => {}
        }
        let before = module.body.len();
        self.statement(node, &mut module.body);
        let Module { body, imports, exports, .. } = module;
        for stmt in &body[before..] {
            self.required(stmt, imports);
            assigned_exports(stmt, exports);
        }
    }

    fn import(self, node: Node<'_>, module: &mut Module<'t>) {
        let Some(source) = node.child_by_field_name("source").or_else(|| {
            named(node).into_iter().find(|n| n.kind() == "import_require_clause")?.child_by_field_name("source")
        }) else {
            return;
        };
        let from = self.string(source);
        let at = span_of(node);
        let mut push = |local: &'t str, symbol: Symbol<'t>| {
            module.imports.push(Import { local, module: from.clone(), symbol, at });
        };
        let mut any = false;
        for clause in named(node) {
            match clause.kind() {
                "import_require_clause" => {
                    any = true;
                    push(named(clause).first().map_or("", |n| self.of(*n)), Symbol::Default);
                }
                "import_clause" => {
                    any = true;
                    for part in named(clause) {
                        match part.kind() {
                            "identifier" => push(self.of(part), Symbol::Default),
                            "namespace_import" => {
                                push(named(part).first().map_or("", |n| self.of(*n)), Symbol::Whole);
                            }
                            _ => {
                                for specifier in named(part) {
                                    let name = self.field(specifier, "name");
                                    let alias = self.field(specifier, "alias");
                                    push(if alias.is_empty() { name } else { alias }, Symbol::Name(name));
                                }
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        if !any {
            push("", Symbol::Whole);
        }
    }

    /// `const a = require('b')`, `const { c } = require('b')`, `const d = require('b').c`, `require('b')(…)`.
    fn required(self, stmt: &Stmt<'t>, imports: &mut Vec<Import<'t>>) {
        let StmtKind::Assign { target, value: Some(value), declares: true, .. } = &stmt.kind else { return };
        let ExprKind::Name(local) = target.kind else { return };
        let (of, symbol) = match &value.kind {
            ExprKind::Member(of, name) => (of.as_ref(), Symbol::Name(name)),
            _ => (value, Symbol::Default),
        };
        if let Some(from) = required_module(of) {
            imports.push(Import { local, module: Cow::Owned(from), symbol, at: stmt.at });
        }
    }

    /// What an export statement gives, and what it takes to give it on.
    fn export(self, node: Node<'_>, module: &mut Module<'t>) {
        let source = node.child_by_field_name("source").map(|s| self.string(s));
        let at = span_of(node);
        let default = self.of(node).trim_start_matches("export").trim_start().starts_with("default");
        if let Some(declaration) = node.child_by_field_name("declaration") {
            for name in self.declared(declaration) {
                let outside = if default { "default" } else { name };
                module.exports.push((Cow::Borrowed(outside), Cow::Borrowed(name)));
            }
        }
        if let Some(value) = node.child_by_field_name("value") {
            let name = self.expr(value).dotted().map_or(Cow::Borrowed("default"), |d| Cow::Owned(d.into_owned()));
            module.exports.push((Cow::Borrowed("default"), name));
        }
        for part in named(node) {
            match (part.kind(), &source) {
                ("export_clause", _) => {
                    for specifier in named(part) {
                        let name = self.field(specifier, "name");
                        let alias = self.field(specifier, "alias");
                        let outside = if alias.is_empty() { name } else { alias };
                        if let Some(from) = &source {
                            let symbol = if name == "default" { Symbol::Default } else { Symbol::Name(name) };
                            module.imports.push(Import { local: outside, module: from.clone(), symbol, at });
                        }
                        let inside = if source.is_some() { outside } else { name };
                        module.exports.push((Cow::Borrowed(outside), Cow::Borrowed(inside)));
                    }
                }
                ("namespace_export", Some(from)) => {
                    let local = named(part).first().map_or("", |n| self.of(*n));
                    module.imports.push(Import { local, module: from.clone(), symbol: Symbol::Whole, at });
                    module.exports.push((Cow::Borrowed(local), Cow::Borrowed(local)));
                }
                _ => {}
            }
        }
        let all = source.as_ref().filter(|_| !named(node).iter().any(|n| n.kind() != "string"));
        if let Some(from) = all {
            module.imports.push(Import { local: "", module: from.clone(), symbol: Symbol::All, at });
            module.exports.push((Cow::Borrowed("*"), Cow::Owned(from.to_string())));
        }
    }

    /// The names that a declaration binds.
    fn declared(self, node: Node<'_>) -> Vec<&'t str> {
        match node.kind() {
            "lexical_declaration" | "variable_declaration" => named(node)
                .into_iter()
                .filter_map(|d| d.child_by_field_name("name"))
                .filter(|n| n.kind() == "identifier")
                .map(|n| self.of(n))
                .collect(),
            _ => node.child_by_field_name("name").map(|n| self.of(n)).into_iter().collect(),
        }
    }

    /// The declaration or value of an export, with decorators that stand before `export`.
    pub(super) fn exported(self, node: Node<'_>, inner: Node<'_>, out: &mut Vec<Stmt<'t>>) {
        let above = fields(node, "decorator");
        match inner.kind() {
            "class_declaration" | "abstract_class_declaration" | "class" => {
                if let Some(class) = self.class(inner, &above) {
                    out.push(Stmt { kind: StmtKind::Class(Box::new(class)), at: span_of(node) });
                }
            }
            "function_declaration"
            | "generator_function_declaration"
            | "lexical_declaration"
            | "variable_declaration"
            | "interface_declaration"
            | "type_alias_declaration"
            | "internal_module"
            | "module"
            | "enum_declaration"
            | "function_signature"
            | "ambient_declaration" => self.statement(inner, out),
            _ => {
                // What is given without a name is bound to `default`.
                let value = self.expr(inner);
                if value.dotted().is_none() {
                    let at = span_of(inner);
                    let target = Expr { kind: ExprKind::Name("default"), at };
                    let kind = StmtKind::Assign { target, ty: None, value: Some(value), declares: true };
                    out.push(Stmt { kind, at });
                }
            }
        }
    }
}

/// The module that `require` names.
pub(crate) fn required_module(expr: &Expr<'_>) -> Option<String> {
    let call = expr.call()?;
    if !matches!(call.callee.kind, ExprKind::Name("require" | "import")) {
        return None;
    }
    call.args.first()?.value.text().map(str::to_owned)
}

/// `module.exports = a`, `module.exports = { a, b: c }`, `exports.a = b`.
fn assigned_exports<'t>(stmt: &Stmt<'t>, exports: &mut Vec<(Cow<'t, str>, Cow<'t, str>)>) {
    let StmtKind::Assign { target, value: Some(value), declares: false, .. } = &stmt.kind else { return };
    let Some(to) = target.dotted() else { return };
    let inside = |e: &Expr<'t>, or: &str| e.dotted().map_or(or.to_owned(), Cow::into_owned);
    if let Some(name) = to.strip_prefix("module.exports.").or_else(|| to.strip_prefix("exports.")) {
        let inside = inside(value, &to);
        exports.push((Cow::Owned(name.to_owned()), Cow::Owned(inside)));
    } else if to == "module.exports" || to == "exports" {
        if let ExprKind::Object(pairs) = &value.kind {
            for (key, of) in pairs {
                if let Some(key) = key {
                    exports.push((key.clone(), Cow::Owned(inside(of, key))));
                }
            }
        }
        exports.push((Cow::Borrowed("default"), Cow::Owned(inside(value, "module.exports"))));
    }
}
