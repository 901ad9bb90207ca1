//! `ligase findings`: the list, by service, clause and outcome.

use crate::args::Findings;
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, style, styled, table};
use crate::{rows, sample};
use anstream::println;
use ligase_proto::v1::{FindingRow, FindingsRequest};
use serde_json::json;

/// Runs it.
pub fn run(args: &Findings, as_json: bool) -> Result<Exit, Failure> {
    let request = FindingsRequest {
        service: args.service.clone().unwrap_or_default(),
        clause: args.clause.clone().unwrap_or_default(),
        outcome: args.outcome.clone(),
    };
    let mut answer = Embedded::open(&args.standing, 1)?.call(async |mut api| api.findings(request).await)?;
    if let Some(count) = args.sample {
        let all = std::mem::take(&mut answer.findings);
        answer.findings =
            sample::draw(all, count, args.seed, |f| [f.clause.as_str(), f.service.as_str(), f.id.as_str()]);
        answer.findings.sort_by(|a, b| (&a.service, &a.path, a.line).cmp(&(&b.service, &b.path, b.line)));
    }
    if as_json {
        output::json(&json!({ "findings": answer.findings.iter().map(rows::finding).collect::<Vec<_>>() }));
    } else {
        print(&answer.findings);
    }
    let open = answer.findings.iter().any(|f| f.outcome == "not-satisfied" && f.waiver != "in-force");
    Ok(if open { Exit::Findings } else { Exit::Holds })
}

/// Prints findings for a person, grouped by service.
pub fn print(findings: &[FindingRow]) {
    let mut services: Vec<&str> = findings.iter().map(|f| f.service.as_str()).collect();
    services.dedup();
    for service in services {
        let of_service: Vec<&FindingRow> = findings.iter().filter(|f| f.service == service).collect();
        let name = of_service.first().map_or(service, |f| f.service_name.as_str());
        output::heading(format!("{name}  {}", styled(style::DIM, service)));
        let body = of_service.iter().map(|f| row(f)).collect();
        table(&["id", "outcome", "clause", "subject", "where", "says", "stands in"], body);
    }
    println!("\n{}", output::counted(findings.len() as u64, "finding"));
}

fn row(f: &FindingRow) -> Vec<String> {
    let why = if f.reason.is_empty() || f.message.contains(&f.reason) {
        f.message.clone()
    } else {
        format!("{} ({})", f.message, f.reason)
    };
    let stands = match (f.place.as_str(), f.place_reason.as_str()) {
        ("" | "none", _) => String::new(),
        (place, "") => place.to_owned(),
        (place, reason) => format!("{place}: {reason}"),
    };
    let says = if f.note.is_empty() { why } else { format!("{why} [{}]", f.note) };
    let id = f.id.get(..10).unwrap_or(&f.id).to_owned();
    vec![id, output::outcome(&f.outcome), f.clause.clone(), f.symbol.clone(), rows::place(f), says, stands]
}
