//! Rails: the columns of `schema.rb`, and what models say of them (`encrypts`, `attr_encrypted`, `has_secure_password`). Ruby
//! is read line by line for this alone. Next: `sql.rs`.

use super::{Column, Columns, lines};
use crate::code::stored::protects;
use crate::emit::{Attributes, texts};
use ligase_domain::Span;

/// Words that say that an attribute is encrypted, with libraries that are in use.
const ENCRYPTS: &[&str] = &[
    "encrypts",
    "attr_encrypted",
    "has_encrypted",
    "lockbox_encrypts",
    "encrypted_attribute",
    "vault_attribute",
    "crypt_keeper",
];
/// Names of one model.
const MAX_NAMES: usize = 60;

pub(super) fn read<'t>(text: &'t str, out: &mut Columns<'_, 't>) {
    if text.contains("ActiveRecord::Schema") {
        schema(text, out);
    } else if text.contains("ActiveRecord::Migration") {
        migration(text, out);
    } else if text.contains("class ") || text.contains("module ") {
        models(text, out);
    }
}

fn schema<'t>(text: &'t str, out: &mut Columns<'_, 't>) {
    // The version in brackets is that of Rails; with 7 models can encrypt by themselves.
    let version = text
        .split_once("ActiveRecord::Schema[")
        .and_then(|(_, rest)| rest.split(['.', ']']).next()?.parse::<u32>().ok());
    if version.is_some_and(|v| v >= 7) {
        out.fact("schema-rails", Span::default(), Attributes::default().with("encrypts", true));
    }
    let mut table: Option<&'t str> = None;
    for (line, at) in lines(text) {
        if let Some(rest) = line.strip_prefix("create_table ") {
            table = quoted(rest);
        } else if line == "end" {
            table = None;
        } else if let (Some(table), Some(rest)) = (table, line.strip_prefix("t.")) {
            let Some((ty, rest)) = rest.split_once(' ') else { continue };
            let skipped = ["index", "references", "belongs_to", "check_constraint", "timestamps", "foreign_key"];
            if let Some(name) = quoted(rest).filter(|_| !skipped.contains(&ty)) {
                out.column(Column { table, name, ty, store: "rails", says: "", by: String::new(), at });
            }
        }
    }
}

/// A migration is read for one thing: whether tables are made here, so that a repository without a schema is not taken for
/// one that stores nothing.
fn migration(text: &str, out: &mut Columns<'_, '_>) {
    let makes = |line: &str| {
        ["create_table ", "create_table(", "add_column ", "add_column("].iter().any(|w| line.starts_with(w))
    };
    if let Some((_, at)) = lines(text).find(|(line, _)| makes(line)) {
        out.fact("schema-migration", at, Attributes::default());
    }
}

/// The first text or symbol.
fn quoted(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    if let Some(symbol) = rest.strip_prefix(':') {
        let end = symbol.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(symbol.len());
        return symbol.get(..end).filter(|s| !s.is_empty());
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest.get(1..)?.split(quote).next()
}

/// A class or module that is being read.
#[derive(Default)]
struct Model {
    name: String,
    table: String,
    encrypts: Vec<String>,
    hashes: Vec<String>,
    includes: Vec<String>,
    record: bool,
    at: Span,
}

fn models(text: &str, out: &mut Columns<'_, '_>) {
    let mut model = Model::default();
    let mut open = String::new();
    for (line, at) in lines(text) {
        let line = line.split(" #").next().unwrap_or(line).trim_end();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        // A statement goes on where its line ends with a comma.
        open.push_str(line);
        if line.ends_with(',') && open.len() < 2_000 {
            open.push(' ');
            continue;
        }
        let statement = std::mem::take(&mut open);
        said(&statement, at, &mut model, out);
    }
    finish(model, out);
}

fn said(line: &str, at: Span, model: &mut Model, out: &mut Columns<'_, '_>) {
    let (word, rest) = line.split_once([' ', '(']).unwrap_or((line, ""));
    match word {
        "class" | "module" => {
            let (name, base) = rest.split_once('<').unwrap_or((rest, ""));
            // A namespace holds what follows; a second class ends the first.
            if model.record || !model.encrypts.is_empty() {
                finish(std::mem::take(model), out);
            }
            let base = base.trim();
            *model = Model {
                name: name.trim().rsplit("::").next().unwrap_or_default().to_owned(),
                record: base.ends_with("Record") || base == "ActiveRecord::Base" || word == "class" && !base.is_empty(),
                at,
                ..Model::default()
            };
        }
        "has_secure_password" => model.hashes.push(format!("{}_digest", quoted(rest).unwrap_or("password"))),
        "include" => model.includes.extend(rest.split(',').take(10).map(|i| i.trim().trim_end_matches(')').to_owned())),
        "self.table_name" => model.table = quoted(rest.trim_start_matches(['=', ' '])).unwrap_or_default().to_owned(),
        word if ENCRYPTS.contains(&word) => {
            let names = rest.split(',').map_while(|part| {
                let part = part.trim_start_matches(['(', ' ']);
                part.starts_with([':', '"', '\'']).then(|| quoted(part)).flatten()
            });
            model.encrypts.extend(names.take(MAX_NAMES).map(str::to_owned));
        }
        // `self.ssn = Cipher.encrypt(ssn)` in a hook or a setter.
        _ => {
            if let Some((name, value)) = line.strip_prefix("self.").and_then(|l| l.split_once('=')) {
                let call = value.trim().split(['(', ' ']).next().unwrap_or_default().replace("::", ".");
                let list = match protects(out.vocabulary, &call) {
                    Some("yes") => &mut model.encrypts,
                    Some(_) => &mut model.hashes,
                    None => return,
                };
                list.push(name.trim().to_owned());
            }
        }
    }
}

fn finish(mut model: Model, out: &mut Columns<'_, '_>) {
    if model.name.is_empty() || !(model.record || !model.encrypts.is_empty() || !model.hashes.is_empty()) {
        return;
    }
    model.encrypts.truncate(MAX_NAMES);
    model.hashes.truncate(MAX_NAMES);
    let attributes = Attributes::default()
        .with("name", super::cut(&model.name))
        .some("table", super::cut(&model.table))
        .some("encrypts", texts(model.encrypts.iter().map(|n| super::cut(n))))
        .some("hashes", texts(model.hashes.iter().map(|n| super::cut(n))))
        .some(
            "includes",
            texts(model.includes.iter().take(20).map(|n| super::cut(n.rsplit("::").next().unwrap_or(n)))),
        );
    out.emit.put("schema-model", "schema/data-field", model.at, attributes, std::collections::BTreeMap::new(), true);
}
