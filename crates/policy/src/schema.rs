//! The published JSON Schemas of the documents that people write, so that editors complete and validate them.
//! They describe form; what only the catalog knows (ids of frameworks, clauses, classes) is checked when reading.

use crate::catalog::{ConstraintDocument, FrameworkDocument, KindDocument};
use crate::dna::ServiceDocument;
use crate::organisation::OrganisationDocument;
use schemars::{Schema, schema_for};

/// The kinds that have a schema.
pub const KINDS: [&str; 5] = ["Service", "Organisation", "Framework", "Constraint", "Kind"];

/// The schema of a kind of document, or `None` when there is no such kind.
pub fn schema(kind: &str) -> Option<serde_json::Value> {
    let mut schema: Schema = match kind {
        "Service" => schema_for!(ServiceDocument),
        "Organisation" => schema_for!(OrganisationDocument),
        "Framework" => schema_for!(FrameworkDocument),
        "Constraint" => schema_for!(ConstraintDocument),
        "Kind" => schema_for!(KindDocument),
        _ => return None,
    };
    schema.insert("$id".to_owned(), format!("https://ligase.dev/schema/v1/{}.json", kind.to_lowercase()).into());
    for (key, value) in [("apiVersion", ligase_document::API_VERSION), ("kind", kind)] {
        let property = schema.get_mut("properties").and_then(|p| p.get_mut(key));
        if let Some(property) = property.and_then(serde_json::Value::as_object_mut) {
            property.insert("const".to_owned(), value.into());
        }
    }
    Some(schema.to_value())
}
