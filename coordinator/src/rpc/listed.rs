//! Findings as people ask for them: those of a filter, and the one that an id's first digits name. What is settled is not
//! held in memory and is read back from the store. Refuses to change anything; a row's shape is `view.rs`'s.

use crate::app::App;
use crate::rpc::api::{ledger_error, one};
use crate::standing::mark;
use crate::state::ServiceState;
use crate::view;
use ligase_domain::{Finding, FindingId, Outcome, ServiceId};
use ligase_proto::v1;
use std::collections::BTreeSet;
use tonic::Status;

/// Rows of the findings that are asked for.
pub fn findings(app: &App, asked: &v1::FindingsRequest) -> Result<Vec<v1::FindingRow>, Status> {
    let row =
        |id: &ServiceId, known: &ServiceState, f: &Finding| app.ledger.read(|s| view::finding_row(s, id, known, f));
    let services: Vec<(ServiceId, ServiceState)> = app.ledger.read(|s| {
        let of = |(id, known): &(&ServiceId, &ServiceState)| {
            asked.service.is_empty() || asked.service == known.standing.name || asked.service == id.to_string()
        };
        s.services.iter().filter(of).map(|(id, known)| (id.clone(), known.clone())).collect()
    });
    let held = ["", "open", Outcome::NotSatisfied.name(), Outcome::Indeterminate(String::new()).name()];
    let mut rows = Vec::new();
    for (id, known) in &services {
        if held.contains(&asked.outcome.as_str()) {
            rows.extend(known.standing.unsettled.iter().filter(|f| matches(asked, f)).map(|f| row(id, known, f)));
        } else {
            let whole = app.ledger.assessment(known).map_err(ledger_error)?;
            rows.extend(whole.findings.iter().filter(|f| matches(asked, f)).map(|f| row(id, known, f)));
        }
    }
    Ok(rows)
}

fn matches(asked: &v1::FindingsRequest, finding: &Finding) -> bool {
    let clause = asked.clause.is_empty()
        || asked.clause == finding.clause.to_string()
        || asked.clause == finding.clause.constraint;
    let outcome = match asked.outcome.as_str() {
        "" | "open" => finding.is_open(),
        "all" => true,
        other => finding.outcome.name() == other,
    };
    clause && outcome
}

/// The one finding whose id begins so, of the last assessments and of those that were ever not satisfied.
pub fn finding_by_prefix(app: &App, prefix: &str) -> Result<FindingId, Status> {
    let begins = |id: &FindingId| !prefix.is_empty() && id.to_string().starts_with(prefix);
    let (mut found, settled) = app.ledger.read(|s| {
        let unsettled = s.services.values().flat_map(|k| &k.standing.unsettled).map(|f| f.id);
        let found: BTreeSet<FindingId> = unsettled.chain(s.histories.keys().copied()).filter(begins).collect();
        let held: BTreeSet<u64> = found.iter().map(mark).collect();
        let is_settled = |k: &&ServiceState| k.standing.marks(prefix).iter().any(|m| !held.contains(m));
        (found, s.services.values().filter(is_settled).cloned().collect::<Vec<_>>())
    });
    for known in settled {
        let whole = app.ledger.assessment(&known).map_err(ledger_error)?;
        found.extend(whole.findings.iter().map(|f| f.id).filter(begins));
        // Two are too many already, whatever the others have.
        if found.len() > 1 {
            break;
        }
    }
    one("finding", prefix, "ligase findings --outcome all", found.into_iter().collect())
}
