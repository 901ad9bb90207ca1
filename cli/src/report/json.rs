//! `check` as one JSON document; the names of a finding's fields are those of `rows.rs`.

use crate::failure::document_json;
use crate::report::Report;
use crate::rows::local_finding;
use ligase_domain::Finding;
use ligase_inspect::Inspection;
use serde_json::{Value, json};

/// The document.
pub fn document(report: &Report<'_>) -> Value {
    let list = |findings: &mut dyn Iterator<Item = &Finding>| {
        findings.map(|f| local_finding(f, report.remedies, report.inspection)).collect::<Vec<_>>()
    };
    let problems = report.inspection.problems.iter().map(document_json).collect::<Vec<_>>();
    let population = population(report.inspection);
    let Some(d) = report.difference else {
        let findings = list(&mut report.inspection.findings());
        return json!({ "findings": findings, "problems": problems, "population": population });
    };
    json!({
        "findings": list(&mut d.new.iter().chain(report.weakened)),
        "fixed": list(&mut d.fixed.iter()), "unchanged": list(&mut d.unchanged.iter()),
        "undecided": list(&mut d.undecided.iter()), "exempted": list(&mut d.exempted.iter()),
        "vanished": list(&mut d.vanished.iter()), "weakened": list(&mut report.weakened.iter()),
        "problems": problems, "population": population,
    })
}

/// What was to be looked at, and what was not.
pub fn population(inspection: &Inspection) -> Value {
    let skipped: Vec<_> = inspection
        .population
        .skipped
        .iter()
        .map(|s| json!({ "path": s.path.to_string(), "reason": s.reason }))
        .collect();
    json!({
        "files_total": inspection.population.files_total, "files_looked_at": inspection.looked_at,
        "files_from_cache": inspection.from_cache, "by_class": inspection.population.by_class, "skipped": skipped,
        "incomplete": inspection.population.incomplete,
    })
}
