//! `ligase schema`: JSON Schemas, so that editors complete and validate.

use crate::args::Document;
use crate::failure::{Exit, Failure};
use crate::output;

/// Runs it.
pub fn run(document: Document) -> Result<Exit, Failure> {
    let kind = match document {
        Document::Service => "Service",
        Document::Organisation => "Organisation",
        Document::Framework => "Framework",
        Document::Constraint => "Constraint",
        Document::Kind => "Kind",
    };
    let schema = ligase_policy::schema(kind)
        .ok_or_else(|| Failure::look("E-SCHEMA", format!("there is no schema for {kind}"), "report this"))?;
    output::json(&schema);
    Ok(Exit::Holds)
}
