//! Columns of TypeORM, and properties of Nest's schemas for Mongoose: decorated fields of classes. Next: `mongoose.rs`.

use super::declared::Declared;
use super::jpa::shown;
use super::{callees, classes, protects};
use crate::code::Reading;
use crate::code::model::{Annotation, Class, Expr, ExprKind, Field};

/// Columns that hold bytes.
const BINARY: &[&str] = &["bytea", "blob", "binary", "varbinary", "longblob", "mediumblob", "Buffer", "Uint8Array"];

pub(super) fn declared(reading: &Reading<'_, '_>, out: &mut Vec<Declared>) {
    let from = |m: &str| reading.module.imports.iter().any(|i| i.module.starts_with(m));
    let typeorm = from("typeorm");
    let mongoose = from("@nestjs/mongoose") || from("@typegoose/typegoose");
    for class in classes(&reading.module.body).into_iter().filter(|c| !c.shape_only) {
        for field in &class.fields {
            for annotation in &field.annotations {
                let store = match annotation.name.as_ref() {
                    // A decorator of the repository that makes a column names both.
                    name if typeorm && name.ends_with("Column") => "typeorm",
                    "EncryptedColumn" => "typeorm",
                    "Prop" | "prop" if mongoose => "mongoose",
                    _ => continue,
                };
                out.extend(column(reading, class, field, annotation, store));
            }
        }
    }
}

fn column(
    reading: &Reading<'_, '_>,
    class: &Class<'_>,
    field: &Field<'_>,
    annotation: &Annotation<'_>,
    store: &'static str,
) -> Option<Declared> {
    let mut declared = Declared {
        owner: class.name.to_owned(),
        name: field.name.to_owned(),
        ty: field.ty.as_ref().map(shown).unwrap_or_default(),
        store,
        at: field.at,
        ty_at: field.ty.as_ref().map(|t| t.at),
        owner_at: class.name_at,
        ..Declared::default()
    };
    if protects(reading.vocabulary, &annotation.name) == Some("yes") {
        declared.says = Some(("yes", annotation.name.to_string()));
    }
    for arg in &annotation.args {
        match &arg.value.kind {
            ExprKind::Text(kind) => typed(kind, &mut declared),
            ExprKind::Object(pairs) => options(reading, pairs, &mut declared)?,
            // Options that stand elsewhere may say anything.
            ExprKind::Name(_) | ExprKind::Member(..) | ExprKind::Call(_) => declared.unclear = true,
            _ => {}
        }
    }
    declared.binary |= BINARY.contains(&declared.ty.as_str());
    Some(declared)
}

fn typed(kind: &str, declared: &mut Declared) {
    declared.binary |= BINARY.contains(&kind.to_ascii_lowercase().as_str());
    if declared.ty.is_empty() {
        declared.ty = kind.to_owned();
    }
}

/// The options of a column or a property; `None` where it refers to other documents.
pub(super) fn options<'t>(
    reading: &Reading<'_, 't>,
    pairs: &[(Option<std::borrow::Cow<'t, str>>, Expr<'t>)],
    declared: &mut Declared,
) -> Option<()> {
    for (key, value) in pairs {
        match key.as_deref() {
            None => declared.unclear = true,
            Some("ref" | "refPath") => return None,
            Some("type") => match &value.kind {
                ExprKind::Text(kind) => typed(kind, declared),
                _ => {
                    let name = value.dotted().unwrap_or_default();
                    let last = name.rsplit('.').next().unwrap_or_default();
                    if last == "ObjectId" || last.ends_with("Schema") || last.ends_with("SchemaClass") {
                        return None;
                    }
                    typed(last, declared);
                }
            },
            Some("encrypt" | "encrypted") if !matches!(value.kind, ExprKind::Bool(false)) => {
                declared.says = Some(("yes", "encrypt".to_owned()));
            }
            Some("name") => declared.column = value.text().unwrap_or_default().to_owned(),
            Some("transformer" | "set") => through(reading, value, declared),
            _ => {}
        }
    }
    Some(())
}

/// What a transformer or a setter is: a name, an instance, an object of two functions, a function.
fn through(reading: &Reading<'_, '_>, value: &Expr<'_>, declared: &mut Declared) {
    match &value.kind {
        ExprKind::List(all) => all.iter().for_each(|v| through(reading, v, declared)),
        ExprKind::Object(pairs) => {
            let to = pairs.iter().find(|(k, _)| k.as_deref() == Some("to"));
            to.into_iter().for_each(|(_, v)| through(reading, v, declared));
        }
        ExprKind::Function(function) => {
            let mut calls = Vec::new();
            super::does::calls_of(&function.body, &mut calls);
            declared.says = calls.iter().find_map(|c| Some((protects(reading.vocabulary, c)?, c.clone())));
            declared.through.extend(calls);
        }
        ExprKind::Call(call) => {
            let mut names = Vec::new();
            callees(value, &mut names);
            declared.through.extend(call.callee.dotted().map(|d| d.into_owned()));
            declared.through.extend(names);
        }
        ExprKind::Same(_, inner) => through(reading, inner, declared),
        _ => match value.dotted() {
            Some(name) => declared.through.push(name.into_owned()),
            None => declared.unclear = true,
        },
    }
}
