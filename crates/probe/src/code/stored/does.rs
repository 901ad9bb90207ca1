//! What a file's definitions do with a value: functions, converters and transformers, types that store themselves,
//! serializers. A definition that encrypts or hashes by the calls in it says so; one that only may is told with its calls,
//! which are linked. Next: `writes.rs`.

use super::{callees, classes, functions, protects};
use crate::code::Reading;
use crate::code::model::{Class, Expr, ExprKind, Function, Stmt, StmtKind};
use crate::code::names::cut;
use crate::emit::{Attributes, Emit, texts};
use ligase_domain::Span;
use std::collections::BTreeMap;

/// Calls of one definition that are kept.
const MAX_CALLS: usize = 12;
/// Definitions of one file.
const MAX_DEFINITIONS: usize = 200;
/// Methods by which a value goes into the store.
const INTO_STORE: &[&str] =
    &["convertToDatabaseColumn", "nullSafeSet", "to", "Value", "GormValue", "convertToDatabaseValue", "disassemble"];
/// Bases of converters.
const CONVERTERS: &[&str] = &["AttributeConverter", "UserType", "ValueTransformer", "CompositeUserType", "Type"];

pub(super) fn emit(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    let mut count = 0;
    let texts_only: Vec<&str> = classes(&reading.module.body)
        .into_iter()
        .filter(|c| {
            let base = c.bases.iter().find(|b| b.name.ends_with("AttributeConverter"));
            base.is_some_and(|b| b.args.len() == 2 && b.args.iter().all(|a| a.name == "String"))
        })
        .map(|c| c.name)
        .collect();
    let mut put = |name: &str, sort: &str, calls: Vec<String>, at: Span, out: &mut Emit<'_>| {
        count += 1;
        if count > MAX_DEFINITIONS || name.is_empty() {
            return;
        }
        let does = calls.iter().find_map(|c| Some((protects(reading.vocabulary, c)?, c.clone())));
        let (does, by) = does.unwrap_or(("", String::new()));
        let attributes = Attributes::default()
            .with("name", cut(name))
            .some("sort", sort)
            .some("texts", sort == "converter" && texts_only.contains(&name))
            .some("does", does)
            .some("by", cut(&by))
            .some("calls", texts(calls.iter().take(MAX_CALLS).map(|c| cut(c))));
        out.put("code-does", "code/stored", at, attributes, BTreeMap::new(), false);
    };
    for class in classes(&reading.module.body) {
        let (sort, calls) = of_class(reading, class);
        if !sort.is_empty() {
            put(class.name, sort, calls, class.name_at, out);
        }
    }
    for (owner, name, function) in functions(&reading.module.body) {
        let mut calls = Vec::new();
        calls_of(&function.body, &mut calls);
        let protects_one = calls.iter().any(|c| protects(reading.vocabulary, c).is_some());
        if protects_one || owner.is_empty() && !calls.is_empty() && calls.len() <= 4 {
            put(name, "function", calls, function.name_at, out);
        }
    }
    for stmt in &reading.module.body {
        if let StmtKind::Assign { target, value: Some(value), .. } = &stmt.kind {
            constant(target, value, stmt.at, out, &mut put);
        }
    }
    auto_applied(reading, out);
    serializers(reading, out);
}

/// Which sort of class it is, and what it calls on the way into the store; empty where it says nothing of storing.
fn of_class(reading: &Reading<'_, '_>, class: &Class<'_>) -> (&'static str, Vec<String>) {
    let mut calls = Vec::new();
    let into: Vec<&Function<'_>> = class.methods.iter().filter(|m| INTO_STORE.contains(&m.name)).collect();
    into.iter().for_each(|m| calls_of(&m.body, &mut calls));
    let last = |n: &str| n.rsplit('.').next().unwrap_or_default().to_owned();
    let converts = class.bases.iter().any(|b| CONVERTERS.contains(&last(&b.name).as_str()));
    if !into.is_empty() && (converts || reading.class.dialect != "java") {
        return ("converter", calls);
    }
    if converts {
        // It may inherit what it does.
        calls.extend(class.bases.iter().map(|b| b.name.to_string()));
        return ("converter", calls);
    }
    let dialect = reading.class.dialect.as_str();
    let constant = |f: &crate::code::model::Field<'_>| f.ty.as_ref().is_some_and(|t| t.name == class.name);
    match dialect {
        "java" if class.fields.iter().any(constant) => ("enum", calls),
        "java"
            if class
                .bases
                .iter()
                .any(|b| protects(reading.vocabulary, &b.name).is_some() || b.name.contains("onverter")) =>
        {
            calls.extend(class.bases.iter().map(|b| b.name.to_string()));
            ("converter", calls)
        }
        "java" => ("class", calls),
        "go" if class.fields.is_empty() && !class.shape_only && class.bases.len() == 1 => ("named", calls),
        "go" => ("class", calls),
        _ if class.bases.iter().any(|b| protects(reading.vocabulary, &b.name).is_some()) => {
            calls.extend(class.bases.iter().map(|b| b.name.to_string()));
            ("converter", calls)
        }
        _ => ("", calls),
    }
}

/// Keeps a definition: its name, its sort, what it calls, where it is.
type Put<'p> = dyn FnMut(&str, &str, Vec<String>, Span, &mut Emit<'_>) + 'p;

/// A constant that is a transformer: an object of two functions, or what a call makes.
fn constant<'t>(target: &Expr<'t>, value: &Expr<'t>, at: Span, out: &mut Emit<'_>, put: &mut Put<'_>) {
    let Some(name) = target.last() else { return };
    let mut calls = Vec::new();
    let mut value = value;
    while let ExprKind::Same(_, inner) = &value.kind {
        value = inner;
    }
    match &value.kind {
        ExprKind::Object(pairs) => {
            let to = pairs.iter().find(|(k, _)| k.as_deref() == Some("to"));
            match to.map(|(_, v)| &v.kind) {
                Some(ExprKind::Function(function)) => calls_of(&function.body, &mut calls),
                Some(_) => to.into_iter().for_each(|(_, v)| calls.extend(v.dotted().map(|d| d.into_owned()))),
                None => return,
            }
            put(name, "converter", calls, at, out);
        }
        ExprKind::Call(call) if call.new => {
            calls.extend(call.callee.dotted().map(|d| d.into_owned()));
            put(name, "converter", calls, at, out);
        }
        _ => {}
    }
}

/// `@Converter(autoApply = true)` holds for every attribute of a type.
fn auto_applied(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    for class in classes(&reading.module.body) {
        let applied = class.annotations.iter().any(|a| {
            a.name.ends_with("Converter")
                && a.args.iter().any(|a| a.name == Some("autoApply") && matches!(a.value.kind, ExprKind::Bool(true)))
        });
        let of = class.bases.iter().find(|b| b.name.ends_with("AttributeConverter")).and_then(|b| b.args.first());
        if let (true, Some(of)) = (applied, of) {
            let attributes = Attributes::default().with("type", cut(&of.name)).with("name", cut(class.name));
            out.put("code-applied", "code/stored", class.name_at, attributes, BTreeMap::new(), false);
        }
    }
}

/// `schema.RegisterSerializer("aes", AesSerializer{})`.
fn serializers(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    if reading.class.dialect != "go" || !reading.text.contains("RegisterSerializer") {
        return;
    }
    let all = functions(&reading.module.body);
    let bodies = all.iter().map(|(_, _, f)| f.body.as_slice()).chain([reading.module.body.as_slice()]);
    for body in bodies {
        let mut open: Vec<&Stmt<'_>> = body.iter().collect();
        while let Some(stmt) = open.pop() {
            match &stmt.kind {
                StmtKind::Block { bodies, .. } => open.extend(bodies.iter().flatten()),
                StmtKind::Expr(expr) => {
                    let Some(call) = expr.call().filter(|c| c.callee.last() == Some("RegisterSerializer")) else {
                        continue;
                    };
                    let (Some(name), Some(value)) = (call.args.first().and_then(|a| a.value.text()), call.args.get(1))
                    else {
                        continue;
                    };
                    let mut at = &value.value;
                    let mut of = None;
                    while let ExprKind::Same(ty, inner) = &at.kind {
                        of = of.or(ty.as_ref().map(|t| t.name.to_string()));
                        at = inner;
                    }
                    let mut calls: Vec<String> = of.into_iter().collect();
                    callees(&value.value, &mut calls);
                    let attributes = Attributes::default()
                        .with("name", format!("serializer {}", cut(name)))
                        .with("sort", "converter")
                        .some("calls", texts(calls.iter().take(4).map(|c| cut(c))));
                    out.put("code-does", "code/stored", stmt.at, attributes, BTreeMap::new(), false);
                }
                _ => {}
            }
        }
    }
}

/// The calls of a body, those in functions inside it too.
pub(super) fn calls_of(body: &[Stmt<'_>], out: &mut Vec<String>) {
    for stmt in body {
        if out.len() >= MAX_CALLS {
            return;
        }
        match &stmt.kind {
            StmtKind::Assign { value: Some(value), .. }
            | StmtKind::Expr(value)
            | StmtKind::Throw(value)
            | StmtKind::Return(Some(value)) => calls_in(value, out),
            StmtKind::Block { header, bodies, .. } => {
                header.iter().for_each(|h| calls_in(h, out));
                bodies.iter().for_each(|b| calls_of(b, out));
            }
            _ => {}
        }
    }
}

fn calls_in(expr: &Expr<'_>, out: &mut Vec<String>) {
    callees(expr, out);
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if let ExprKind::Function(function) = &expr.kind {
            calls_of(&function.body, out);
        }
        open.extend(expr.parts());
    }
}
