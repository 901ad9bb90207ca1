//! API messages as the JSON that scripts rely on, and as table rows. One place, so that every verb says a finding alike.

use ligase_domain::{CheckResult, EffectClass, FailureReason, Finding, GateReport, GateVerdict};
use ligase_inspect::Inspection;
use ligase_proto::v1;
use ligase_remedy::RemedySet;
use serde_json::{Map, Value, json};

/// A text as JSON; what is not there is null, never an empty text.
pub fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// A finding of the API as JSON.
pub fn finding(f: &v1::FindingRow) -> Value {
    let line = |n: u32| if n == 0 { Value::Null } else { json!(n) };
    json!({
        "id": f.id, "service": f.service, "service_name": f.service_name, "constraint": f.constraint, "clause": f.clause,
        "outcome": f.outcome, "reason": text(&f.reason), "path": text(&f.path), "line": line(f.line),
        "end_line": line(f.end_line), "symbol": f.symbol, "message": f.message, "controls": f.controls,
        "remedy": text(&f.remedy), "effect": text(&f.effect), "severity": f.severity, "place": text(&f.place),
        "place_reason": text(&f.place_reason), "place_detail": text(&f.place_detail), "waiver": text(&f.waiver), "first_seen": text(&f.first_seen),
        "introduced_after": text(&f.introduced_after), "introduced_by": text(&f.introduced_by), "note": text(&f.note),
        "revision": text(&f.revision),
    })
}

/// A finding of a tree on this machine as JSON, with the same names.
pub fn local_finding(finding: &Finding, remedies: &RemedySet, inspection: &Inspection) -> Value {
    let place = finding.place.as_ref();
    let effect = remedies.effect(finding, &inspection.observations).map(EffectClass::name);
    json!({
        "id": finding.id.to_string(),
        "service": finding.service.folder,
        "constraint": finding.clause.constraint,
        "clause": finding.clause.to_string(),
        "outcome": finding.outcome.name(),
        "reason": finding.outcome.reason(),
        "path": path_of(finding),
        "line": place.map(|p| p.span.line),
        "end_line": place.map(|p| p.span.end_line),
        "symbol": finding.subject.symbol,
        "message": finding.message,
        "severity": finding.severity.name(),
        "controls": finding.controls.iter().map(|c| format!("{} {}", c.framework, c.control)).collect::<Vec<_>>(),
        "remedy": finding.remedy,
        "effect": effect,
        "waiver": finding.waiver.as_ref().map(|w| w.state.name()),
    })
}

/// The file that a finding is about. One that nobody could look at is its own subject, and its symbol is its path.
pub fn path_of(finding: &Finding) -> Option<String> {
    let place = finding.place.as_ref().map(|p| p.path.to_string());
    place.or_else(|| (finding.subject.kind == "file").then(|| finding.subject.symbol.clone()))
}

/// A gate's report as JSON.
pub fn gate_report(report: &GateReport) -> Value {
    let row = |c: &CheckResult| {
        let (verdict, detail) = verdict(&c.verdict);
        json!({ "check": c.check.name(), "verdict": verdict, "detail": text(detail) })
    };
    report.checks.iter().map(row).collect()
}

/// A verdict's word, and what was seen.
pub fn verdict(verdict: &GateVerdict) -> (&'static str, &str) {
    match verdict {
        GateVerdict::Passed => ("passed", ""),
        GateVerdict::Refused(seen) => ("refused", seen),
        GateVerdict::Unverified(reason) => ("unverified", reason),
    }
}

/// What to do about a repository that could not be looked at; `ops/runbooks/could-not-look.md` says more.
pub fn unreachable_remedy(reason: &str) -> &'static str {
    match FailureReason::parse(reason) {
        Some(FailureReason::EmptyRepository) => "commit something to its default branch, or take it out of the sources",
        Some(FailureReason::NotFound) => "mend the source in the policy, or the permission to read it",
        Some(FailureReason::CorruptObject) => "run `git fsck` there and restore what is missing; then sweep again",
        Some(FailureReason::ObjectFormat) => "SHA-256 repositories are not read yet: take it out of the sources",
        Some(FailureReason::OverBudget) => "it is larger than a budget: take it out of the sources, or split it",
        Some(FailureReason::TooSlow | FailureReason::Unreachable) => {
            "try `git ls-remote` from this machine; then sweep again"
        }
        Some(FailureReason::Superseded) => "sweep again",
        Some(FailureReason::Crashed) => "sweep again with -v, and report it if it comes again",
        Some(FailureReason::Machine) => "look at space, permissions and memory of this machine; then sweep again",
        Some(FailureReason::Malformed) | None => "mend the address or the name in the policy",
    }
}

/// Counts by name.
pub fn counted(list: &[v1::Counted]) -> Value {
    Value::Object(list.iter().map(|c| (c.name.clone(), json!(c.count))).collect::<Map<_, _>>())
}

/// A sweep's summary as JSON.
pub fn sweep(s: &v1::SweepSummary) -> Value {
    let problems: Vec<_> = s.problems.iter().map(problem).collect();
    let unreachable: Vec<_> = s
        .unreachable
        .iter()
        .map(|r| json!({ "repository": r.repository, "reason": r.reason, "detail": r.detail, "remedy": unreachable_remedy(&r.reason) }))
        .collect();
    let plan: Vec<_> = s
        .plan
        .iter()
        .map(|p| {
            json!({ "service": p.service, "clause": p.clause, "findings": p.findings, "decision": p.decision, "reason": p.reason })
        })
        .collect();
    json!({
        "sweep": s.sweep, "repositories": s.repositories, "services": s.services, "undeclared": s.undeclared,
        "files_total": s.files_total, "files_looked_at": s.files_looked_at, "files_from_cache": s.files_from_cache,
        "findings": s.findings, "satisfied": s.satisfied, "not_satisfied": s.not_satisfied,
        "not_applicable": s.not_applicable, "indeterminate": s.indeterminate, "waived": s.waived, "clones": s.clones,
        "judged": s.judged, "seconds": seconds(s.milliseconds), "new_findings": s.new_findings,
        "closed_findings": s.closed_findings, "regressed_findings": s.regressed_findings, "unreachable": unreachable,
        "problems": problems, "abstained": counted(&s.abstained), "refused": counted(&s.refused),
        "patches_gated": s.patches_gated, "opened": s.opened, "plan": plan,
        "indeterminate_by": counted(&s.indeterminate_by),
    })
}

/// Milliseconds as seconds with three decimals.
pub fn seconds(milliseconds: u64) -> f64 {
    f64::from(u32::try_from(milliseconds).unwrap_or(u32::MAX)) / 1000.0
}

/// A document's problem as JSON.
pub fn problem(p: &v1::DocumentProblem) -> Value {
    json!({
        "code": p.code, "file": p.file, "line": p.line, "column": p.column, "problem": p.problem, "expected": p.expected,
        "nearest": p.nearest, "remedy": p.remedy,
    })
}

/// A changeset as JSON.
pub fn changeset(c: &v1::ChangesetRow) -> Value {
    json!({
        "id": c.id, "repository": c.repository, "service": c.service, "service_name": c.service_name, "clause": c.clause,
        "branch": c.branch, "base_branch": c.base_branch, "number": c.number, "state": c.state,
        "state_detail": c.state_detail, "ownership": c.ownership, "findings": c.findings, "diff": c.diff,
        "gate": c.gate.iter().map(gate).collect::<Vec<_>>(), "effect": c.effect, "effect_note": c.effect_note,
        "draft": c.draft, "title": c.title, "body": c.body, "head": c.head, "opened": c.opened, "patch": c.patch,
        "simulated": c.simulated,
    })
}

/// A refused candidate as JSON.
pub fn refused(r: &v1::RefusedRow) -> Value {
    json!({
        "service": r.service, "clause": r.clause, "reason": r.reason, "detail": r.detail, "diff": r.diff, "patch": r.patch,
        "gate": r.gate.iter().map(gate).collect::<Vec<_>>(),
    })
}

fn gate(g: &v1::GateLine) -> Value {
    json!({ "check": g.check, "verdict": g.verdict, "detail": g.detail })
}

/// Where a finding stands, as `path:line`.
pub fn place(f: &v1::FindingRow) -> String {
    if f.path.is_empty() { String::new() } else { format!("{}:{}", f.path, f.line) }
}
