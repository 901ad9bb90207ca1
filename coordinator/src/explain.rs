//! The walk to the bytes: control → clause → observation → file and line → digests, and on: patch → gate → pull request →
//! merge → the revision that closed it. Every digest that is printed as verified was re-hashed for this answer.

use crate::app::App;
use crate::ledger::LedgerError;
use crate::view;
use ligase_domain::{Digest, Finding, FindingId};
use ligase_proto::v1::{ExplainAnswer, ExplainStep};
use ligase_runtime::rfc3339;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Explains one finding.
pub fn explain(app: &App, id: &FindingId) -> Result<ExplainAnswer, LedgerError> {
    let found = app.ledger.finding(id)?.map(|(known, finding)| {
        let row = app.ledger.read(|s| view::finding_row(s, &finding.service, &known, &finding));
        (known, finding, row)
    });
    let mut steps = Vec::new();
    let Some((known, finding, row)) = found else {
        steps.extend(history(app, id));
        let gone = step("Not seen any more", "Its subject is not there at the last probed revision.".to_owned());
        steps.insert(0, gone);
        return Ok(ExplainAnswer { finding: None, steps });
    };
    steps.extend(why(app, &finding));
    steps.push(place(&finding));
    steps.extend(evidence(app, &finding)?);
    steps.push(ExplainStep {
        title: "Statement".to_owned(),
        detail: format!(
            "in-toto statement on {} at {}; desired state {}; probe set {}",
            finding.service,
            known.standing.revision,
            known.standing.desired.short(),
            known.standing.probe_set.short()
        ),
        verified: app.ledger.object(&known.statement).is_ok(),
        digest: known.statement.to_string(),
        at: String::new(),
    });
    steps.extend(history(app, id));
    steps.extend(changes(app, id)?);
    if !row.place.is_empty() && row.place != "none" {
        steps.push(step("Stands in", format!("{} {}", row.place, row.place_reason).trim().to_owned()));
    }
    Ok(ExplainAnswer { finding: Some(row), steps })
}

fn step(title: &str, detail: String) -> ExplainStep {
    ExplainStep { title: title.to_owned(), detail, ..Default::default() }
}

fn why(app: &App, finding: &Finding) -> Vec<ExplainStep> {
    let mut controls = String::new();
    for control in finding.controls.iter() {
        let framework = app.catalog.framework(&control.framework);
        let title =
            framework.and_then(|f| f.controls.iter().find(|c| *c.id == control.control)).map(|c| c.title.as_str());
        let _ = writeln!(controls, "{} {}  {}", control.framework, control.control, title.unwrap_or_default());
    }
    let mut steps = Vec::new();
    if !controls.is_empty() {
        steps.push(step("Controls (contributes to, never proves)", controls));
    }
    if let Some(constraint) = app.catalog.constraint(&finding.clause.constraint) {
        let text = format!(
            "{}, version {}\n{}\n{}",
            finding.clause,
            finding.clause_version,
            constraint.spec.statement.trim(),
            constraint.spec.rationale.trim()
        );
        steps.push(step("Clause", text));
    }
    if let Some(waiver) = &finding.waiver {
        let by =
            if waiver.approved_by.is_empty() { "nobody who may".to_owned() } else { waiver.approved_by.join(", ") };
        let text = format!(
            "{} ({}), until {}, approved by {by}\n{}",
            waiver.state.name(),
            waiver.kind,
            waiver.expires,
            waiver.reason
        );
        steps.push(step("Waiver", text));
    }
    steps
}

fn place(finding: &Finding) -> ExplainStep {
    match &finding.place {
        Some(p) => step(
            "Place",
            format!(
                "{}:{} to {}, bytes {} to {}, blob {}",
                p.path, p.span.line, p.span.end_line, p.span.start, p.span.end, p.blob
            ),
        ),
        None => step("Place", "the service as a whole".to_owned()),
    }
}

/// The observation sets that it was judged from, re-hashed.
fn evidence(app: &App, finding: &Finding) -> Result<Vec<ExplainStep>, LedgerError> {
    let objects = app.ledger.store().get_looks(&finding.cites)?;
    let root =
        app.ledger.read(|s| s.repositories.get(&finding.service.repository)?.probed.as_ref().map(|(_, _, r)| r.root));
    let entries =
        root.and_then(|root| app.ledger.observation_set(&root).ok()).map(|set| set.entries).unwrap_or_default();
    let paths: BTreeMap<Digest, String> = entries.into_iter().map(|e| (e.key.digest(), e.path.to_string())).collect();
    let mut steps = Vec::new();
    for (key, object) in finding.cites.iter().zip(objects) {
        let Some(object) = object else {
            steps.push(step("Observations", format!("no object is known for look key {key}")));
            continue;
        };
        let bytes = app.ledger.object(&object)?;
        steps.push(ExplainStep {
            title: "Observations".to_owned(),
            detail: format!(
                "what {} showed, {} bytes, found by look key {}",
                paths.get(key).map_or("a file that is not there any more", String::as_str),
                bytes.len(),
                key.short()
            ),
            verified: Digest::of(&bytes) == object,
            digest: object.to_string(),
            at: String::new(),
        });
    }
    Ok(steps)
}

fn history(app: &App, id: &FindingId) -> Vec<ExplainStep> {
    let Some(history) = app.ledger.read(|s| s.histories.get(id).cloned()) else { return Vec::new() };
    let between = match &history.introduced {
        (Some(after), by) => format!("introduced after {} and by {}", after.short(), by.short()),
        (None, by) => format!("there at the first look, {}", by.short()),
    };
    let again = if history.reopened == 0 { String::new() } else { format!("; came back {} time(s)", history.reopened) };
    let mut steps =
        vec![ExplainStep { at: rfc3339(history.first_seen.0), ..step("First seen", format!("{between}{again}")) }];
    if let Some((revision, at)) = history.closed {
        let text = format!("not there any more at {revision}, on the default branch");
        steps.push(ExplainStep { at: rfc3339(at.0), ..step("Closed", text) });
    }
    steps
}

fn changes(app: &App, id: &FindingId) -> Result<Vec<ExplainStep>, LedgerError> {
    let facts = app.ledger.read(|s| s.naming(id).map(|(intent, fact)| (*intent, fact.clone())).collect::<Vec<_>>());
    let mut steps = Vec::new();
    for (intent, fact) in facts {
        let changeset = view::changeset_id(&intent, fact.ordinal);
        let patch = app.ledger.patch(&fact.patch_object)?;
        let made = format!("{}\n{}", patch.remedies.join(", "), patch.diff);
        steps.push(ExplainStep { digest: fact.patch_object.to_string(), verified: true, ..step("Patch", made) });
        let gated = app.ledger.gate_report(&fact.report_object)?;
        let report = view::gate_lines(&gated);
        let lines: Vec<String> =
            report.iter().map(|g| format!("{}: {} {}", g.check, g.verdict, g.detail).trim_end().to_owned()).collect();
        steps.push(ExplainStep {
            digest: fact.report_object.to_string(),
            verified: true,
            ..step("Gate", lines.join("\n"))
        });
        for run in &gated.runs {
            let text = format!("{}, in {} ms; it printed sha256:{}", run.says(), run.millis, run.output);
            steps.push(step("The repository's own tests", text));
        }
        let c = &fact.changeset;
        let number = c.number.map_or_else(|| "not published".to_owned(), |n| format!("#{n}"));
        let text = format!("{number} on {}, {} ({changeset})", c.intent.branch(), c.state.name());
        steps.push(ExplainStep { at: rfc3339(c.opened.0), ..step("Pull request", text) });
        let acts = app.ledger.read(|s| s.acts.iter().filter(|a| a.subject == changeset).cloned().collect::<Vec<_>>());
        for act in acts {
            let simulated = if act.simulated { " (simulated)" } else { "" };
            let text = format!("{} by {}{simulated} {}", act.act, act.login, act.text);
            steps.push(ExplainStep { at: rfc3339(act.at.0), ..step("A person", text.trim_end().to_owned()) });
        }
    }
    Ok(steps)
}
