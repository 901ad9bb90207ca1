//! `schema.prisma`: models and their fields, line by line. A field is encrypted by an annotation in its documentation, which
//! only an extension reads; whether there is one is linked. Next: `rails.rs`.

use super::{Column, Columns, lines};
use crate::emit::Attributes;

/// Types of its own; another one is an enumeration or refers to another model.
const TYPES: &[&str] = &["String", "Int", "BigInt", "Float", "Decimal", "DateTime", "Json", "Bytes"];

pub(super) fn read<'t>(text: &'t str, out: &mut Columns<'_, 't>) {
    let mut model: Option<&'t str> = None;
    let mut above = String::new();
    for (line, at) in lines(text) {
        if let Some(comment) = line.strip_prefix("///") {
            above.push_str(comment);
            continue;
        }
        let mut head = line.split_whitespace();
        match (head.next(), head.next()) {
            (Some("model" | "view" | "type"), Some(name)) if model.is_none() && line.ends_with('{') => {
                model = Some(name.trim_end_matches('{'));
            }
            (Some("enum"), Some(name)) if line.ends_with('{') => {
                out.fact("schema-enum", at, Attributes::default().with("name", name.trim_end_matches('{')));
            }
            (Some("}"), _) => model = None,
            (Some(name), Some(ty)) if !name.starts_with(['@', '/', '}']) => {
                if let Some(model) = model {
                    let bare = ty.trim_end_matches(['?', ']', '[']);
                    let documented = format!("{above} {}", line.split_once("///").map_or("", |(_, c)| c));
                    field(model, name, ty, bare, &documented, at, out);
                }
            }
            _ => {}
        }
        above.clear();
    }
}

fn field<'t>(
    model: &'t str,
    name: &'t str,
    ty: &'t str,
    bare: &str,
    documented: &str,
    at: ligase_domain::Span,
    out: &mut Columns<'_, 't>,
) {
    let refers = !TYPES.contains(&bare);
    // An enumeration keeps its value in the clear; a model has fields of its own. Which it is may stand in another file.
    let says = if documented.contains("@encrypted") {
        "annotated"
    } else if documented.contains("@encryption:hash") {
        "hashed-annotated"
    } else if refers {
        "named"
    } else {
        ""
    };
    let by = if refers { bare.to_owned() } else { "@encrypted".to_owned() };
    out.column(Column { table: model, name, ty, store: "prisma", says, by, at });
}
