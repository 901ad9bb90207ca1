//! `check` as SARIF 2.1.0, for code scanning and editors.
//!
//! Clauses are rules, findings are results. What is not satisfied fails with the level of its severity; a waiver is a
//! suppression that says whether it counts; what could not be decided is *open*, *not applicable* and *pass* are said with
//! `--full`. A finding's id is its fingerprint, so that it is the same alert wherever its lines move.

use crate::report::{Report, Since, sentence};
use crate::rows::path_of;
use ligase_domain::{Finding, Outcome, Severity, WaiverState};
use ligase_inspect::Inspector;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const ROOT: &str = "SRCROOT";

/// The log.
pub fn document(report: &Report<'_>, inspector: &Inspector) -> Value {
    let told = report.told();
    let ids: BTreeMap<String, usize> = told
        .iter()
        .map(|(f, _)| f.clause.to_string())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .zip(0..)
        .collect();
    let rules: Vec<Value> = ids.keys().map(|id| rule(id, inspector)).collect();
    let results: Vec<Value> = told.iter().map(|(f, since)| result(f, *since, &ids)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Ligase",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { ROOT: { "description": { "text": "the folder that was looked at" } } },
            "invocations": [invocation(report)],
            "results": results,
        }],
    })
}

/// What is said of a clause. A judgement of declarations stands in no catalog, and its id says it all.
fn rule(id: &str, inspector: &Inspector) -> Value {
    let constraint = id.split('/').next().and_then(|id| inspector.catalog().constraints().get(id));
    let statement = constraint.map_or(id, |c| c.spec.statement.trim());
    let rationale = constraint.map_or("", |c| c.spec.rationale.trim());
    let help = if rationale.is_empty() { statement.to_owned() } else { format!("{statement}\n\n{rationale}") };
    json!({
        "id": id,
        "name": id,
        "shortDescription": { "text": statement },
        "fullDescription": { "text": help },
        "help": { "text": help },
        "properties": { "tags": ["compliance"] },
    })
}

fn result(finding: &Finding, since: Since, rules: &BTreeMap<String, usize>) -> Value {
    let id = finding.clause.to_string();
    let (kind, level) = match (&finding.outcome, finding.severity) {
        (Outcome::NotSatisfied, Severity::High | Severity::Critical) => ("fail", "error"),
        (Outcome::NotSatisfied, Severity::Medium) => ("fail", "warning"),
        (Outcome::NotSatisfied, Severity::Low) => ("fail", "note"),
        (Outcome::Indeterminate(_), _) => ("open", "none"),
        (Outcome::NotApplicable(_), _) => ("notApplicable", "none"),
        (Outcome::Satisfied, _) => ("pass", "none"),
    };
    let controls: Vec<String> = finding.controls.iter().map(|c| format!("{} {}", c.framework, c.control)).collect();
    let mut out = json!({
        "ruleId": id,
        "ruleIndex": rules.get(&id),
        "kind": kind,
        "level": level,
        "message": { "text": sentence(finding) },
        "partialFingerprints": { "ligaseFinding/v1": finding.id.to_string() },
        "properties": {
            "outcome": finding.outcome.name(), "reason": finding.outcome.reason(), "service": finding.service.folder,
            "severity": finding.severity.name(), "security-severity": score(finding.severity), "controls": controls,
            "remedy": finding.remedy,
        },
    });
    let mut location = json!({
        "logicalLocations": [{ "fullyQualifiedName": finding.subject.symbol, "kind": finding.subject.kind }],
    });
    if let Some(path) = path_of(finding) {
        let mut physical = json!({ "artifactLocation": { "uri": uri(&path), "uriBaseId": ROOT } });
        if let Some(place) = &finding.place {
            physical["region"] = json!({ "startLine": place.span.line, "endLine": place.span.end_line });
        }
        location["physicalLocation"] = physical;
    }
    out["locations"] = json!([location]);
    if since != Since::Unasked {
        out["baselineState"] = json!(if since == Since::New { "new" } else { "unchanged" });
    }
    if let Some(waiver) = &finding.waiver {
        let status = match waiver.state {
            WaiverState::InForce => "accepted",
            WaiverState::Unapproved => "underReview",
            WaiverState::Expired => "rejected",
        };
        out["suppressions"] = json!([{ "kind": "external", "status": status, "justification": waiver.reason }]);
    }
    out
}

/// Code scanning sorts by a number from 0 to 10; these stand in the middle of its own bands.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "2.0",
        Severity::Medium => "5.5",
        Severity::High => "8.0",
        Severity::Critical => "9.5",
    }
}

fn invocation(report: &Report<'_>) -> Value {
    let note = |level: &str, id: &str, text: String, place: Option<Value>| {
        let mut note = json!({ "level": level, "descriptor": { "id": id }, "message": { "text": text } });
        if let Some(place) = place {
            note["locations"] = json!([{ "physicalLocation": place }]);
        }
        note
    };
    let file = |path: &str| json!({ "artifactLocation": { "uri": uri(path), "uriBaseId": ROOT } });
    let inspection = report.inspection;
    let mut notes: Vec<Value> = inspection
        .problems
        .iter()
        .map(|p| {
            let mut place = file(&p.file);
            if p.line > 0 {
                place["region"] = json!({ "startLine": p.line, "startColumn": p.column.max(1) });
            }
            note("error", &p.code, p.problem.clone(), Some(place))
        })
        .collect();
    let skipped = inspection.population.skipped.iter();
    notes.extend(skipped.map(|s| {
        let path = s.path.to_string();
        note("warning", "not-looked-at", format!("not looked at: {}", s.reason), Some(file(&path)))
    }));
    let whole = inspection.population.incomplete.as_ref();
    notes.extend(whole.map(|r| note("error", "not-looked-at-whole", format!("not looked at whole: {r}"), None)));
    let sound = inspection.problems.is_empty() && whole.is_none();
    json!({ "executionSuccessful": sound, "toolExecutionNotifications": notes })
}

/// A path as a relative URI reference: what a URI cannot hold is percent-encoded, and so is a colon, which would begin one.
fn uri(path: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&b);
    path.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn a_path_is_a_relative_reference() {
        assert_eq!(uri("a b/ü:[1].py"), "a%20b/%C3%BC%3A%5B1%5D.py");
    }
}
