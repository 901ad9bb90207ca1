//! Schemas of Mongoose: `new Schema({ … })` with nested objects, and plugins that encrypt fields. Next: `gorm.rs`.

use super::declared::Declared;
use super::{protects, typeorm};
use crate::code::Reading;
use crate::code::model::{Call, Expr, ExprKind, Stmt, StmtKind};
use crate::vocabulary::words;
use std::borrow::Cow;

/// Nested objects of one schema.
const MAX_DEPTH: usize = 4;
/// Types of its own.
const TYPES: &[&str] = &[
    "String",
    "Number",
    "Date",
    "Mixed",
    "Map",
    "Buffer",
    "Decimal128",
    "BigInt",
    "Boolean",
    "ObjectId",
    "UUID",
    "Array",
];

/// What stands between the braces of an object.
type Pairs<'t> = [(Option<Cow<'t, str>>, Expr<'t>)];

/// A plugin on a schema: its name, and the fields that it is given, `None` where it takes all.
struct Plugin {
    schema: String,
    by: String,
    fields: Option<Vec<String>>,
    excluded: Vec<String>,
    unclear: bool,
}

pub(super) fn declared(reading: &Reading<'_, '_>, out: &mut Vec<Declared>) {
    let uses = |m: &str| m == "mongoose" || m == "@nestjs/mongoose" || m == "@typegoose/typegoose";
    if !reading.module.imports.iter().any(|i| uses(&i.module)) {
        return;
    }
    let (mut plugins, mut made) = (Vec::new(), Vec::new());
    each(&reading.module.body, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { target, value: Some(value), .. } => {
            let Some(call) = value.call() else { return };
            let callee = call.callee.last().unwrap_or_default();
            let variable = target.last().unwrap_or_default();
            let of_mongoose = call.new || call.callee.dotted().is_some_and(|d| d == "mongoose.Schema");
            if of_mongoose && callee == "Schema" {
                schema(reading, variable, call, value, out);
            } else if callee == "createForClass" {
                let class = call.args.first().and_then(|a| a.value.last()).unwrap_or_default();
                made.push((variable.to_owned(), class.to_owned()));
            }
        }
        StmtKind::Expr(expr) => plugins.extend(expr.call().and_then(|c| plugin(reading, c))),
        _ => {}
    });
    for plugin in plugins {
        let class = made.iter().find(|(variable, _)| *variable == plugin.schema).map(|(_, class)| class.clone());
        let owner = class.unwrap_or_else(|| owner_of(&plugin.schema));
        for field in out.iter_mut().filter(|f| f.store == "mongoose" && f.owner == owner && f.says.is_none()) {
            let named =
                |list: &[String]| list.iter().any(|f| *f == field.name || field.name.starts_with(&format!("{f}.")));
            let takes = plugin.fields.as_deref().is_none_or(named) && !named(&plugin.excluded);
            if plugin.unclear {
                field.unclear = true;
            } else if takes {
                field.says = Some(("yes", plugin.by.clone()));
            }
        }
    }
}

/// Every statement, those of blocks included; functions keep theirs.
fn each<'m, 't>(body: &'m [Stmt<'t>], then: &mut dyn FnMut(&'m Stmt<'t>)) {
    for stmt in body {
        then(stmt);
        if let StmtKind::Block { bodies, .. } = &stmt.kind {
            bodies.iter().for_each(|b| each(b, then));
        }
    }
}

/// `patientSchema` is the patient's.
fn owner_of(variable: &str) -> String {
    let bare = variable.strip_suffix("Schema").or(variable.strip_suffix("_schema")).unwrap_or(variable);
    let mut chars = bare.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn schema(reading: &Reading<'_, '_>, variable: &str, call: &Call<'_>, whole: &Expr<'_>, out: &mut Vec<Declared>) {
    let Some(ExprKind::Object(pairs)) = call.args.first().map(|a| plain(&a.value)) else { return };
    let base = Declared { owner: owner_of(variable), store: "mongoose", owner_at: whole.at, ..Declared::default() };
    let mut open: Vec<(String, &Pairs<'_>, usize)> = vec![(String::new(), pairs, 0)];
    while let Some((before, pairs, depth)) = open.pop() {
        for (key, value) in pairs {
            let Some(key) = key.as_deref() else { continue };
            let name = if before.is_empty() { key.to_owned() } else { format!("{before}.{key}") };
            let mut field = Declared { name: name.clone(), at: value.at, ty_at: Some(value.at), ..base.clone() };
            let value = match plain(value) {
                ExprKind::List(all) => all.first().map_or(&ExprKind::Null, plain),
                other => other,
            };
            match value {
                ExprKind::Object(inner) if !is_field(inner) => {
                    let within = depth < MAX_DEPTH;
                    open.extend(within.then_some((name, inner.as_slice(), depth + 1)));
                }
                ExprKind::Object(inner) => {
                    let kept = typeorm::options(reading, inner, &mut field);
                    field.binary |= field.ty == "Buffer";
                    out.extend(kept.map(|()| field));
                }
                ExprKind::Name(_) | ExprKind::Member(..) => {
                    let last = match value {
                        ExprKind::Name(name) | ExprKind::Member(_, name) => *name,
                        _ => "",
                    };
                    if TYPES.contains(&last) && last != "ObjectId" {
                        field.ty = last.to_owned();
                        field.binary = last == "Buffer";
                        out.push(field);
                    }
                }
                _ => {}
            }
        }
    }
}

fn plain<'e, 't>(expr: &'e Expr<'t>) -> &'e ExprKind<'t> {
    match &expr.kind {
        ExprKind::Same(_, inner) => plain(inner),
        kind => kind,
    }
}

/// An object with a `type` is a field, one without is a nested document. A field named `type` has an object for it.
fn is_field(pairs: &Pairs<'_>) -> bool {
    pairs.iter().any(|(k, v)| k.as_deref() == Some("type") && !matches!(plain(v), ExprKind::Object(p) if is_field(p)))
}

/// `schema.plugin(fieldEncryption, { fields: ['ssn'] })`.
fn plugin(reading: &Reading<'_, '_>, call: &Call<'_>) -> Option<Plugin> {
    let ExprKind::Member(schema, "plugin") = &call.callee.kind else { return None };
    let given = call.args.first()?.value.dotted()?;
    let first = given.split('.').next().unwrap_or_default();
    let imported = reading.module.imports.iter().find(|i| i.local == first).map(|i| i.module.to_string());
    let by = imported
        .filter(|m| protects(reading.vocabulary, m) == Some("yes"))
        .or_else(|| (protects(reading.vocabulary, &given) == Some("yes")).then(|| given.to_string()))?;
    let mut plugin =
        Plugin { schema: schema.last()?.to_owned(), by, fields: None, excluded: Vec::new(), unclear: false };
    let Some(options) = call.args.get(1) else { return Some(plugin) };
    let ExprKind::Object(pairs) = plain(&options.value) else {
        plugin.unclear = true;
        return Some(plugin);
    };
    for (key, value) in pairs {
        let Some(key) = key.as_deref() else {
            plugin.unclear = true;
            continue;
        };
        let key_words = words(key);
        let listed = || texts(reading, value);
        if key_words.iter().any(|w| w.starts_with("exclude")) {
            plugin.excluded = listed().unwrap_or_default();
        } else if key_words.iter().any(|w| w == "field" || w == "path") {
            match listed() {
                Some(list) => plugin.fields = Some(list),
                None => plugin.unclear = true,
            }
        }
    }
    Some(plugin)
}

/// The texts of a list, or of the constant of this file that a name stands for.
fn texts(reading: &Reading<'_, '_>, value: &Expr<'_>) -> Option<Vec<String>> {
    match plain(value) {
        ExprKind::List(list) => list.iter().map(|v| v.text().map(str::to_owned)).collect(),
        ExprKind::Name(name) => reading.module.body.iter().find_map(|s| match &s.kind {
            StmtKind::Assign { target, value: Some(value), .. } if target.last() == Some(name) => match plain(value) {
                ExprKind::List(list) => list.iter().map(|v| v.text().map(str::to_owned)).collect(),
                _ => None,
            },
            _ => None,
        }),
        _ => None,
    }
}
