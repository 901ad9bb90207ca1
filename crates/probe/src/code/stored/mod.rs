//! Stored fields as one file declares them (JPA, TypeORM, Mongoose, GORM), what its definitions do with a value (converters,
//! transformers, serializers, hooks) and by which calls classified attributes are written. What names of other files do is
//! linked. Next: `declared.rs`, `does.rs`, `writes.rs`, then `../link/stored.rs`.

mod declared;
mod does;
mod gorm;
mod jpa;
mod mongoose;
mod typeorm;
mod writes;

use super::Reading;
use super::model::{Class, Expr, ExprKind, Function, Stmt, StmtKind};
use crate::emit::{Attributes, Emit};
use crate::vocabulary::{Vocabulary, words};
use std::collections::BTreeMap;

/// Libraries that keep data and whose declarations nobody reads yet: what they keep is counted, never passed over.
const UNREAD: &[(&str, &str)] = &[
    ("typescript", "sequelize"),
    ("typescript", "sequelize-typescript"),
    ("typescript", "knex"),
    ("typescript", "objection"),
    ("typescript", "drizzle-orm"),
    ("typescript", "@mikro-orm/core"),
    ("typescript", "mongodb"),
    ("java", "org.springframework.data.mongodb.core.mapping"),
    ("java", "org.springframework.jdbc"),
    ("java", "org.apache.ibatis"),
    ("java", "org.jooq"),
    ("java", "org.springframework.data.cassandra"),
    ("go", "xorm.io/xorm"),
    ("go", "github.com/uptrace/bun"),
    ("go", "github.com/go-pg/pg"),
    ("go", "database/sql"),
    ("go", "entgo.io/ent"),
    ("go", "go.mongodb.org/mongo-driver"),
];

/// Emits what one file says of stored fields.
pub(super) fn emit(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    let mut declared = Vec::new();
    match reading.class.dialect.as_str() {
        "java" => jpa::declared(reading, &mut declared),
        "go" => gorm::declared(reading, &mut declared),
        _ => {
            typeorm::declared(reading, &mut declared);
            mongoose::declared(reading, &mut declared);
        }
    }
    declared.into_iter().for_each(|d| d.emit(reading, out));
    does::emit(reading, out);
    writes::emit(reading, out);
    unread(reading, out);
}

/// One count for a file whose store nobody reads.
fn unread(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    let dialect = reading.class.dialect.as_str();
    let language = if dialect == "javascript" { "typescript" } else { dialect };
    let found = reading.module.imports.iter().find_map(|import| {
        let module = import.module.as_ref();
        let of = |(l, prefix): &&(&str, &str)| {
            *l == language
                && module.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
        };
        UNREAD.iter().find(of).map(|(_, name)| (*name, import.at))
    });
    if let Some((name, at)) = found {
        let attributes = Attributes::default()
            .with("of", "data-field")
            .with("looks_like", format!("a store of {name}"))
            .with("where", format!("line {}", at.line))
            .with("language", dialect)
            .with("stack", name);
        out.put("unmodelled", "code/stored", at, attributes, BTreeMap::new(), true);
    }
}

/// A stored owner as the vocabulary asks for it: a request that is kept (`HatRequest`) is nobody's log-in.
pub(crate) fn owner_words(owner: &str) -> String {
    let mut all = words(owner.rsplit('.').next().unwrap_or(owner));
    all.retain(|w| w != "request");
    all.join(" ")
}

/// What the words of a name say that it does with a value: `yes` for encrypting, `hashed`.
pub(crate) fn protects(vocabulary: &Vocabulary, dotted: &str) -> Option<&'static str> {
    let lists = &vocabulary.encryption;
    let last = words(dotted.rsplit('.').next().unwrap_or(dotted));
    // `isEncrypted(value)` asks, it does nothing.
    let asks = last.first().is_some_and(|w| ["is", "has", "should", "can", "needs", "must"].contains(&w.as_str()));
    if asks || last.iter().any(|w| lists.undoes.contains(w)) {
        return None;
    }
    let all = words(dotted);
    if all.iter().any(|w| lists.encrypts.contains(w)) {
        return Some("yes");
    }
    let encodes = all.iter().any(|w| w == "encoder") && last == ["encode"];
    let text_only = all.iter().any(|w| w.starts_with("base64") || w == "url" || w == "json");
    (all.iter().any(|w| lists.hashes.contains(w)) || encodes && !text_only).then_some("hashed")
}

/// The names of the calls in an expression, the outermost first; functions inside are left out.
pub(crate) fn callees(expr: &Expr<'_>, out: &mut Vec<String>) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if out.len() >= 12 {
            return;
        }
        if let ExprKind::Call(call) = &expr.kind
            && let Some(name) = call.callee.dotted().map(|d| d.into_owned()).or(call.callee.last().map(str::to_owned))
        {
            out.push(name);
        }
        open.extend(expr.parts().into_iter().rev());
    }
}

/// Every class of a file, those inside others too.
pub(crate) fn classes<'m, 't>(body: &'m [Stmt<'t>]) -> Vec<&'m Class<'t>> {
    let (mut out, mut open) = (Vec::new(), Vec::new());
    for stmt in body {
        match &stmt.kind {
            StmtKind::Class(class) => open.push(class.as_ref()),
            StmtKind::Block { bodies, .. } => bodies.iter().for_each(|b| out.extend(classes(b))),
            _ => {}
        }
    }
    while let Some(class) = open.pop() {
        open.extend(class.inner.iter());
        out.push(class);
    }
    out
}

/// Every function of a file that has a name, methods included, with the class that it belongs to.
pub(crate) fn functions<'m, 't>(body: &'m [Stmt<'t>]) -> Vec<(&'m str, &'m str, &'m Function<'t>)> {
    let mut out = Vec::new();
    for class in classes(body) {
        out.extend(class.methods.iter().map(|m| (class.name, m.name, m)));
    }
    for stmt in body {
        match &stmt.kind {
            StmtKind::Function(function) => {
                let of = function.receiver.as_ref().and_then(|r| r.ty.as_ref()).map_or("", |t| t.name.as_ref());
                out.push((of, function.name, function));
            }
            StmtKind::Assign { target, value: Some(value), .. } => {
                if let (Some(name), ExprKind::Function(function)) = (target.last(), &value.kind) {
                    out.push(("", name, function));
                }
            }
            _ => {}
        }
    }
    out
}
