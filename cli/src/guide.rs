//! What somebody who is about to write code here is told: the clauses that hold for a path, why, and an example of each that
//! does not hold and one that does. `ligase mcp` serves it and `ligase render` writes it down. It judges nothing itself, and
//! it hands on no words of a repository but names that were checked when the declaration was read.

use ligase_domain::RepoPath;
use ligase_inspect::{Example, Expectation, Inspection, Inspector, ServiceInspection};
use ligase_policy::Requirement;
use serde_json::{Value, json};

/// The service that a path belongs to: the one with the longest folder above it.
pub fn service_of<'a>(inspection: &'a Inspection, path: &str) -> Option<&'a ServiceInspection> {
    let above = |folder: &str| {
        folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    let folder = |s: &&ServiceInspection| s.assessment.service.folder.clone();
    inspection.services.iter().filter(|s| above(&folder(s))).max_by_key(|s| folder(s).len())
}

/// Whether a file of this path can hold what a clause judges.
fn concerns(inspector: &Inspector, requirement: &Requirement, path: &str) -> bool {
    let Some(found) = inspector.catalog().clause(&requirement.clause) else { return false };
    let kind = found.clause.spec.subjects.as_ref().and_then(|s| inspector.catalog().kind(&s.each));
    let dialect = inspector.probes().class_of(&RepoPath::from(path)).dialect;
    kind.is_some_and(|kind| {
        let languages = kind.spec.attributes.get("language").map_or(&[][..], |a| a.values.as_slice());
        dialect == "none" || languages.is_empty() || languages.contains(&dialect)
    })
}

/// The clauses that hold for a path, as JSON.
pub fn for_path(inspector: &Inspector, inspection: &Inspection, path: &str) -> Value {
    let Some(service) = service_of(inspection, path) else {
        return json!({ "path": path, "service": null, "clauses": [] });
    };
    let holds = service.desired.requirements.iter().filter(|r| concerns(inspector, r, path));
    let clauses: Vec<Value> = holds.map(|r| clause(inspector, r, path)).collect();
    json!({
        "path": path,
        "service": service.assessment.service.folder,
        "declared": service.desired.dna.is_some(),
        "clauses": clauses,
    })
}

/// One clause with its reasons and examples.
fn clause(inspector: &Inspector, requirement: &Requirement, path: &str) -> Value {
    let Some(found) = inspector.catalog().clause(&requirement.clause) else { return Value::Null };
    let controls: Vec<String> = requirement.controls.iter().map(|c| format!("{} {}", c.framework, c.control)).collect();
    json!({
        "clause": requirement.clause.to_string(),
        "statement": statement(inspector, requirement),
        "rationale": found.constraint.spec.rationale.trim(),
        "severity": found.constraint.severity.name(),
        "because": requirement.why,
        "controls": controls,
        "modelled": found.clause.is_modelled(),
        "does_not_hold": example(inspector, requirement, path, Expectation::NotSatisfied),
        "holds": example(inspector, requirement, path, Expectation::Satisfied),
    })
}

/// What a clause says, in one sentence.
pub fn statement(inspector: &Inspector, requirement: &Requirement) -> String {
    let found = inspector.catalog().clause(&requirement.clause);
    let text = found.map(|f| f.clause.spec.statement.as_deref().unwrap_or(&f.constraint.spec.statement));
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The shortest example of the catalog in the language of the path, else in any.
fn example(inspector: &Inspector, requirement: &Requirement, path: &str, expect: Expectation) -> Value {
    let (examples, _) = inspector.examples(Some(&requirement.clause.constraint));
    let of_clause = examples.into_iter().filter(|e| e.clause == requirement.clause && e.expect == expect);
    let dialect = |p: &str| inspector.probes().class_of(&RepoPath::from(p)).dialect;
    let own = dialect(path);
    let shortest = |e: &Example| {
        let other = !e.files.keys().any(|p| dialect(p) == own);
        (other, e.files.values().map(String::len).sum::<usize>())
    };
    of_clause
        .min_by_key(shortest)
        .map_or(Value::Null, |e| json!({ "name": e.name, "stack": e.stack, "files": e.files }))
}
