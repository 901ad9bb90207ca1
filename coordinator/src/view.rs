//! The state as the API shows it. It computes sums and rows, and decides nothing.

use crate::fact::ChangesetFact;
use crate::state::{RemedyState, ServiceState, State};
use ligase_domain::{
    ChangesetState, ClosedBy, Digest, Finding, FindingId, GateReport, GateVerdict, IntentId, Outcome, Ownership, Patch,
    ServiceId,
};
use ligase_policy::{Catalog, DECLARATION_TRUE};
use ligase_proto::v1;
use ligase_runtime::rfc3339;
use std::collections::{BTreeMap, BTreeSet};

/// Where the organisation stands.
pub fn status(state: &State, organisation: &str, catalog: &Catalog) -> v1::StatusAnswer {
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    let mut waiting: BTreeMap<String, u64> = BTreeMap::new();
    let mut open = 0;
    for (service, known) in &state.services {
        for finding in known.standing.open() {
            open += 1;
            let (place, reason) = place(state, service, finding);
            if place != "changeset" {
                *waiting.entry(format!("{place}: {reason}")).or_default() += 1;
            }
            *places.entry(place).or_default() += 1;
        }
    }
    let mut changesets: BTreeMap<String, u64> = BTreeMap::new();
    for fact in state.changesets.values().flatten() {
        *changesets.entry(fact.changeset.state.name().to_owned()).or_default() += 1;
    }
    let last = state.sweeps.last().map(|s| s.ended.as_ref().map_or(s.started, |(at, _)| *at));
    v1::StatusAnswer {
        organisation: organisation.to_owned(),
        services: state.services.iter().map(|(id, s)| service_row(id, s)).collect(),
        frameworks: frameworks(state, catalog),
        changesets: counted(changesets),
        waiting: counted(waiting),
        sweeps: state.sweeps.len() as u64,
        last_sweep: last.map(|at| rfc3339(at.0)).unwrap_or_default(),
        places: counted(places),
        open,
    }
}

/// Counts by name as messages.
pub fn counted(counts: BTreeMap<String, u64>) -> Vec<v1::Counted> {
    counts.into_iter().map(|(name, count)| v1::Counted { name, count }).collect()
}

fn service_row(id: &ServiceId, known: &ServiceState) -> v1::ServiceStatus {
    let standing = &known.standing;
    let sums = standing.sums();
    let drift = standing.clauses.iter().filter(|c| c.clause.to_string() == DECLARATION_TRUE);
    v1::ServiceStatus {
        id: id.to_string(),
        name: standing.name.clone(),
        declared: standing.declared || standing.dna.is_some(),
        revision: standing.revision.to_string(),
        undeclared_since: known.undeclared_since.map(|at| rfc3339(at.0)).unwrap_or_default(),
        satisfied: sums.satisfied,
        not_satisfied: sums.not_satisfied(),
        not_applicable: sums.not_applicable,
        indeterminate: sums.indeterminate,
        waived: sums.waived,
        owner: String::new(),
        drift: drift.map(|c| c.sums.not_satisfied()).sum(),
    }
}

#[derive(Default)]
struct FrameworkSums {
    services: BTreeSet<ServiceId>,
    served: BTreeSet<String>,
    open: BTreeSet<String>,
    unclear: BTreeSet<String>,
}

fn frameworks(state: &State, catalog: &Catalog) -> Vec<v1::FrameworkStatus> {
    let mut sums: BTreeMap<String, FrameworkSums> = BTreeMap::new();
    for (service, known) in &state.services {
        for id in known.standing.frameworks.keys() {
            let id = id.split('@').next().unwrap_or(id);
            sums.entry(id.to_owned()).or_default().services.insert(service.clone());
        }
        for clause in &known.standing.clauses {
            for control in clause.controls.iter() {
                let Some(sum) = sums.get_mut(&control.framework) else { continue };
                sum.served.insert(control.control.clone());
                if clause.sums.open > 0 {
                    sum.open.insert(control.control.clone());
                }
                if clause.sums.indeterminate > 0 {
                    sum.unclear.insert(control.control.clone());
                }
            }
        }
    }
    let row = |(id, sum): (String, FrameworkSums)| {
        let framework = catalog.framework(&id);
        let controls = framework.map_or(0, |f| f.controls.len()) as u64;
        let served = sum.served.len() as u64;
        v1::FrameworkStatus {
            title: framework.map_or_else(|| id.clone(), |f| f.title.clone()),
            id,
            controls,
            served,
            unserved: controls.saturating_sub(served),
            with_open: sum.open.len() as u64,
            services: sum.services.len() as u64,
            indeterminate: sum.unclear.len() as u64,
        }
    };
    sums.into_iter().map(row).collect()
}

/// Where a finding stands, and why.
fn place(state: &State, service: &ServiceId, finding: &Finding) -> (String, String) {
    if finding.outcome != Outcome::NotSatisfied {
        return ("none".to_owned(), String::new());
    }
    if !finding.is_open() {
        return ("waiver".to_owned(), String::new());
    }
    let placed = state.places.get(&service.repository).and_then(|rows| rows.get(&finding.id));
    placed.map_or_else(|| ("waiting".to_owned(), "not-planned-yet".to_owned()), |p| (p.place.clone(), p.reason.clone()))
}

/// The path of a subject that is a file nobody could look at; its symbol is its path.
fn unread_path(finding: &Finding) -> String {
    if finding.subject.kind == "file" { finding.subject.symbol.clone() } else { String::new() }
}

/// A finding as the API shows it.
pub fn finding_row(state: &State, service: &ServiceId, known: &ServiceState, finding: &Finding) -> v1::FindingRow {
    let history = state.histories.get(&finding.id);
    let (place, place_reason) = place(state, service, finding);
    let at = finding.place.as_ref();
    let (introduced_after, introduced_by) =
        history.map(|h| &h.introduced).map_or_else(Default::default, |(after, by)| {
            (after.map(|o| o.to_string()).unwrap_or_default(), by.to_string())
        });
    let changeset = state.naming(&finding.id).next_back().map(|(_, fact)| fact);
    let effect = changeset.map(|c| c.effect.name().to_owned()).unwrap_or_default();
    v1::FindingRow {
        id: finding.id.to_string(),
        service: service.to_string(),
        service_name: known.standing.name.clone(),
        constraint: finding.clause.constraint.clone(),
        clause: finding.clause.to_string(),
        outcome: finding.outcome.name().to_owned(),
        reason: finding.outcome.reason().unwrap_or_default().to_owned(),
        path: at.map_or_else(|| unread_path(finding), |p| p.path.to_string()),
        line: at.map_or(0, |p| p.span.line),
        end_line: at.map_or(0, |p| p.span.end_line),
        symbol: finding.subject.symbol.clone(),
        message: finding.message.clone(),
        controls: finding.controls.iter().map(|c| format!("{} {}", c.framework, c.control)).collect(),
        remedy: finding.remedy.clone().unwrap_or_default(),
        effect,
        severity: finding.severity.name().to_owned(),
        place,
        place_reason,
        waiver: finding.waiver.as_ref().map(|w| w.state.name().to_owned()).unwrap_or_default(),
        first_seen: history.map(|h| rfc3339(h.first_seen.0)).unwrap_or_default(),
        introduced_after,
        introduced_by,
        note: note(state, finding, history.is_some_and(|h| h.rejudged)),
        revision: known.standing.revision.to_string(),
        place_detail: place_detail(state, service, finding),
    }
}

fn place_detail(state: &State, service: &ServiceId, finding: &Finding) -> String {
    let placed = state.places.get(&service.repository).and_then(|rows| rows.get(&finding.id));
    placed.filter(|_| finding.is_open()).map(|p| p.detail.clone()).unwrap_or_default()
}

fn note(state: &State, finding: &Finding, rejudged: bool) -> String {
    if finding.outcome != Outcome::NotSatisfied {
        return String::new();
    }
    if state.naming(&finding.id).any(|(_, f)| f.changeset.state == ChangesetState::RegressedByPerson) {
        "regressed (by a person)".to_owned()
    } else if rejudged {
        "re-judged".to_owned()
    } else {
        String::new()
    }
}

/// A changeset as the API shows it.
pub fn changeset_row(
    state: &State,
    id: &IntentId,
    fact: &ChangesetFact,
    patch: &Patch,
    report: &GateReport,
) -> v1::ChangesetRow {
    let c = &fact.changeset;
    let (touched, ours) = ("human-touched".to_owned(), "ours".to_owned());
    let name =
        state.services.get(&c.intent.service).map_or_else(|| c.intent.service.to_string(), |s| s.standing.name.clone());
    v1::ChangesetRow {
        id: changeset_id(id, fact.ordinal),
        repository: c.intent.service.repository.to_string(),
        service: c.intent.service.to_string(),
        service_name: name,
        clause: c.intent.clause.to_string(),
        branch: c.intent.branch(),
        base_branch: c.intent.base_branch.clone(),
        number: c.number.unwrap_or(0),
        state: c.state.name().to_owned(),
        state_detail: state_detail(&c.state),
        ownership: if c.ownership == Ownership::HumanTouched { touched } else { ours },
        findings: c.findings.iter().map(ToString::to_string).collect(),
        diff: patch.diff.clone(),
        gate: gate_lines(report),
        effect: patch.effect.class.name().to_owned(),
        effect_note: patch.effect.note.clone(),
        draft: c.draft.clone().unwrap_or_default(),
        title: fact.title.clone(),
        body: fact.body.clone(),
        head: c.pushed_head.map(|h| h.to_string()).unwrap_or_default(),
        opened: rfc3339(c.opened.0),
        simulated: state.acts.iter().any(|a| a.simulated && a.subject == changeset_id(id, fact.ordinal)),
        patch: c.patch.to_string(),
    }
}

/// A changeset's id: its intent's, with its number among the intent's changesets when it is not the first.
pub fn changeset_id(intent: &IntentId, ordinal: u32) -> String {
    if ordinal <= 1 { intent.to_string() } else { format!("{intent}-{ordinal}") }
}

fn state_detail(state: &ChangesetState) -> String {
    match state {
        ChangesetState::Held(reason) | ChangesetState::Closed(ClosedBy::Ligase(reason)) => reason.clone(),
        ChangesetState::Closed(ClosedBy::Person(login)) => login.clone(),
        ChangesetState::Merged(commit) | ChangesetState::MergedVerified(commit) => commit.to_string(),
        ChangesetState::Open | ChangesetState::SatisfiedElsewhere | ChangesetState::RegressedByPerson => String::new(),
    }
}

/// A gate's report as lines.
pub fn gate_lines(report: &GateReport) -> Vec<v1::GateLine> {
    let line = |c: &ligase_domain::CheckResult| {
        let (verdict, detail) = match &c.verdict {
            GateVerdict::Passed => ("passed", ""),
            GateVerdict::Refused(seen) => ("refused", seen.as_str()),
            GateVerdict::Unverified(reason) => ("unverified", reason.as_str()),
        };
        let ran = if c.check == ligase_domain::GateCheck::Verify { report.verified() } else { None };
        let detail = [detail.to_owned(), ran.unwrap_or_default()].into_iter().filter(|d| !d.is_empty());
        let detail = detail.collect::<Vec<_>>().join("; ");
        v1::GateLine { check: c.check.name().to_owned(), verdict: verdict.to_owned(), detail }
    };
    report.checks.iter().map(line).collect()
}

/// The refused candidates of all intents, with the objects that say more: (intent, reason, detail, patch, report).
pub fn refused(state: &State) -> Vec<(IntentId, String, String, Digest, Digest)> {
    let of = |(id, r): (&IntentId, &RemedyState)| {
        let id = *id;
        r.refused.iter().map(move |f| (id, f.reason.clone(), f.detail.clone(), f.patch, f.report)).collect::<Vec<_>>()
    };
    state.remedies.iter().flat_map(of).collect()
}

/// What the state knows of an intent: its service and clause, or else a finding that it is about.
pub fn intent_of(state: &State, intent: &IntentId) -> Result<(String, String), Option<FindingId>> {
    if let Some(fact) = state.changesets.get(intent).and_then(|l| l.first()) {
        return Ok((fact.changeset.intent.service.to_string(), fact.changeset.intent.clause.to_string()));
    }
    let remedy = state.remedies.get(intent);
    Err(remedy.and_then(|r| {
        r.patch.as_ref().and_then(|(_, _, f)| f.first().copied()).or(r.abstained.first().map(|a| a.finding))
    }))
}
