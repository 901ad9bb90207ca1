//! Classes and what their fields hold, as facts that linking reads: which fields a name classifies, what a class extends,
//! what its own text shows. Next: `link/objects.rs`.

use super::Reading;
use super::flow::{Task, Via, follow};
use super::index::{Held, Index};
use super::model::Class;
use super::names::cut;
use crate::emit::{Attributes, Emit, texts};
use ligase_domain::Value;
use std::collections::BTreeMap;

/// Classified fields of one class.
const MAX_FIELDS: usize = 24;
/// Classes of one file.
const MAX_CLASSES: usize = 200;
/// Methods whose result is the text of an object.
const TEXTS: &[&str] =
    &["toString", "toJSON", "String", "LogValue", "MarshalJSON", "MarshalLogObject", "GoString", "Format"];

/// Emits `code-class` for classes that have something classified, or may inherit it.
pub(super) fn emit(reading: &Reading<'_, '_>, index: &Index<'_, '_>, out: &mut Emit<'_>) {
    let language = super::language_of(&reading.class.dialect);
    for held in index.classes.iter().take(MAX_CLASSES) {
        let class = held.class;
        let fields: Vec<Value> = class
            .fields
            .iter()
            .filter(|f| f.ty.as_ref().is_none_or(|t| !matches!(t.name.as_ref(), "boolean" | "bool" | "Boolean")))
            .filter_map(|field| {
                let hit = reading.vocabulary.classes.classify(field.name, class.name)?;
                let hidden =
                    field.annotations.iter().any(|a| matches!(a.name.as_ref(), "ToString.Exclude" | "Exclude"))
                        || field.tag.contains("json:\"-\"");
                let fact = Attributes::default()
                    .with("name", cut(field.name))
                    .with("class", hit.class)
                    .with("confidence", hit.confidence)
                    .some("hidden", hidden)
                    .some("masked", hit.masked);
                Some(fact.value())
            })
            .take(MAX_FIELDS)
            .collect();
        let bases: Vec<String> = class.bases.iter().take(8).map(|b| cut(&b.name)).collect();
        let text = own_text(reading, index, held, language);
        if fields.is_empty() && bases.is_empty() && text.is_none() {
            continue;
        }
        let attributes = Attributes::default()
            .with("name", cut(&held.qualified))
            .some("fields", fields)
            .some("bases", texts(bases))
            .some("shows", shows(reading, class));
        let attributes = match text {
            Some((told, opaque)) => attributes.with("own_text", true).some("text", told).some("text_opaque", opaque),
            None => attributes,
        };
        out.put("code-class", "code/module", class.name_at, attributes, BTreeMap::new(), false);
    }
}

/// Whether a generator writes a text that shows the fields: Lombok's, or a record's.
fn shows(reading: &Reading<'_, '_>, class: &Class<'_>) -> bool {
    let head = reading.text.get(class.at.start as usize..class.name_at.start as usize).unwrap_or_default();
    class.annotations.iter().any(|a| matches!(a.name.rsplit('.').next(), Some("Data" | "ToString" | "Value")))
        || head.split_whitespace().any(|w| w == "record")
}

/// What the text that a class writes of itself holds, and whether some of it could not be followed.
fn own_text(
    reading: &Reading<'_, '_>,
    index: &Index<'_, '_>,
    held: &Held<'_, '_>,
    language: &str,
) -> Option<(Vec<Value>, bool)> {
    let (mut told, mut opaque, mut any) = (Vec::new(), false, false);
    for name in TEXTS {
        let Some(scope) = index.by_qualified.get(&format!("{}.{name}", held.qualified)) else { continue };
        any = true;
        let returned = index.returns.get(scope).map(Vec::as_slice).unwrap_or_default();
        let tasks = returned.iter().take(4).map(|r| Task::new(r.expr, Via::Argument, "", r.scope, r.block)).collect();
        let (reached, _) = follow(index, reading.vocabulary, language, tasks);
        opaque |= !reached.opaque.is_empty() || !reached.wholes.is_empty();
        for leaf in reached.leaves.iter().filter(|l| !l.sanitized).take(8) {
            let fact = Attributes::default()
                .with("name", leaf.name.rsplit('.').next().unwrap_or_default())
                .with("class", leaf.hit.class.as_str())
                .with("confidence", leaf.hit.confidence);
            told.push(fact.value());
        }
    }
    any.then_some((told, opaque))
}
