//! Schemas of databases: Prisma's, Rails' `schema.rb` with the models that encrypt, tables of SQL. Small readers of their own,
//! line by line or statement by statement; programs in Ruby are read for this alone. Next: `prisma.rs`, `rails.rs`, `sql.rs`,
//! then `link.rs`.

mod link;
mod prisma;
mod rails;
mod sql;

use crate::code::stored::owner_words;
use crate::emit::{Attributes, Emit};
use crate::pack::Pack;
use crate::set::ENGINE_VERSION;
use crate::vocabulary::{Vocabulary, words};
use ligase_domain::{LookedFile, Observation, PathClass, Seen, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Programs come along when linking: what they say of an attribute, a table need not say again.
const DIALECTS: &[&str] = &["prisma", "ruby", "sql", "python", "typescript", "javascript", "java", "go"];
/// A name or a type that is kept is cut here.
const MAX_NAME: usize = 100;

/// What reads schemas.
pub(crate) struct SchemaPack {
    vocabulary: Arc<Vocabulary>,
}

impl SchemaPack {
    pub(crate) fn new(vocabulary: Arc<Vocabulary>) -> Self {
        Self { vocabulary }
    }
}

impl Pack for SchemaPack {
    fn dialects(&self) -> &'static [&'static str] {
        DIALECTS
    }

    fn digest_parts(&self) -> Vec<u8> {
        ENGINE_VERSION.to_le_bytes().to_vec()
    }

    fn look(&self, class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str> {
        let mut out = Columns { vocabulary: &self.vocabulary, emit: Emit { text, out: Vec::new() } };
        match class.dialect.as_str() {
            "prisma" => prisma::read(text, &mut out),
            "ruby" => rails::read(text, &mut out),
            "sql" => sql::read(text, &mut out),
            _ => {}
        }
        Ok(out.emit.out)
    }

    fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        link::link(&self.vocabulary, files)
    }
}

/// Collects columns and what else a schema says.
struct Columns<'v, 't> {
    vocabulary: &'v Vocabulary,
    emit: Emit<'t>,
}

/// One column as a schema declares it.
struct Column<'t> {
    table: &'t str,
    name: &'t str,
    ty: &'t str,
    store: &'static str,
    says: &'static str,
    by: String,
    at: Span,
}

impl<'t> Columns<'_, 't> {
    /// Keeps a column whose name says that it holds classified data.
    fn column(&mut self, column: Column<'t>) {
        let Some(hit) = self.vocabulary.classes.classify(column.name, &owner_words(column.table)) else { return };
        let lists = &self.vocabulary.encryption;
        let ty = column.ty.split(['(', ' ', '?', '[']).next().unwrap_or_default().to_ascii_lowercase();
        let no_text =
            ["boolean", "bool", "bit", "datetime", "timestamp", "timestamptz", "interval", "tinyint", "references"];
        if no_text.contains(&ty.as_str()) {
            return;
        }
        let name = words(column.name);
        let named = |list: &[String]| name.iter().any(|w| list.contains(w));
        let (says, by) = match column.says {
            "" if named(&lists.name_hashes) => ("hashed", column.name.to_owned()),
            "" if named(&lists.name_encrypts) => ("yes", column.name.to_owned()),
            says => (says, column.by),
        };
        let attributes = Attributes::default()
            .with("table", cut(column.table))
            .with("name", cut(column.name))
            .with("class", hit.class)
            .with("confidence", hit.confidence)
            .some("strict", hit.strict)
            .with("type", cut(column.ty))
            .with("store", column.store)
            .some("says", says)
            .some("by", cut(&by))
            .some(
                "binary",
                ["bytea", "blob", "varbinary", "binary", "longblob", "mediumblob", "bytes", "raw", "image"]
                    .contains(&ty.as_str()),
            );
        let anchors = BTreeMap::from([("field".to_owned(), column.at)]);
        self.emit.put("schema-column", "schema/data-field", column.at, attributes, anchors, true);
    }

    fn fact(&mut self, kind: &str, at: Span, attributes: Attributes) {
        self.emit.put(kind, "schema/data-field", at, attributes, BTreeMap::new(), false);
    }
}

/// `public.patients` and `"Patient"` are a patient's.
pub(super) fn singular(table: &str) -> String {
    let bare = table.rsplit('.').next().unwrap_or(table).trim_matches(['"', '`', '[', ']']);
    words(bare).join("_")
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

/// The lines of a text with the place of each.
fn lines(text: &str) -> impl Iterator<Item = (&str, Span)> {
    let mut start = 0;
    text.split('\n').enumerate().map(move |(number, line)| {
        let at = start;
        start += line.len() + 1;
        let lead = line.len() - line.trim_start().len();
        let n = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let line_number = n(number + 1);
        let end = at + line.trim_end().len().max(lead);
        (line.trim(), Span { start: n(at + lead), end: n(end), line: line_number, end_line: line_number })
    })
}
