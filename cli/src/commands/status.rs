//! `ligase status`: where the organisation stands, over all services and frameworks. Every sum adds up.

use crate::args::Standing;
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, heading, style, styled, table};
use crate::rows;
use anstream::println;
use ligase_proto::v1::{self, StatusAnswer, StatusRequest};
use serde_json::json;

/// Runs it.
pub fn run(standing: &Standing, as_json: bool) -> Result<Exit, Failure> {
    let answer = Embedded::open(standing, 1)?.call(async |mut api| api.status(StatusRequest {}).await)?;
    if as_json {
        output::json(&to_json(&answer))
    } else {
        print(&answer)
    }
    Ok(if answer.open == 0 { Exit::Holds } else { Exit::Findings })
}

fn to_json(a: &StatusAnswer) -> serde_json::Value {
    let services: Vec<_> = a
        .services
        .iter()
        .map(|s| {
            json!({
                "id": s.id, "name": s.name, "declared": s.declared, "revision": s.revision, "owner": s.owner,
                "undeclared_since": s.undeclared_since, "satisfied": s.satisfied, "not_satisfied": s.not_satisfied,
                "not_applicable": s.not_applicable, "indeterminate": s.indeterminate, "waived": s.waived, "drift": s.drift,
            })
        })
        .collect();
    let frameworks: Vec<_> = a
        .frameworks
        .iter()
        .map(|f| {
            json!({
                "id": f.id, "title": f.title, "controls": f.controls, "served": f.served, "unserved": f.unserved,
                "with_open": f.with_open, "indeterminate": f.indeterminate, "services": f.services,
            })
        })
        .collect();
    json!({
        "organisation": a.organisation, "services": services, "frameworks": frameworks, "open": a.open,
        "places": rows::counted(&a.places), "waiting": rows::counted(&a.waiting), "changesets": rows::counted(&a.changesets),
        "sweeps": a.sweeps, "last_sweep": a.last_sweep,
    })
}

/// Prints it for a person.
pub fn print(a: &StatusAnswer) {
    println!(
        "{}  {} · last {}",
        styled(style::BOLD, &a.organisation),
        output::counted(a.sweeps, "sweep"),
        or_never(&a.last_sweep)
    );
    heading("Services");
    let header = ["service", "holds", "broken", "unclear", "n/a", "waived", "drift", "declared"];
    table(&header, a.services.iter().map(service_row).collect());
    heading("Frameworks (a link contributes to a control and never proves it)");
    let header = ["framework", "services", "controls", "looked at", "with open findings", "unclear", "not modelled"];
    table(&header, a.frameworks.iter().map(framework_row).collect());
    heading(format!("{} open, each in exactly one place", output::counted(a.open, "finding")));
    let places = a.places.iter().map(|c| vec![c.count.to_string(), c.name.clone()]).collect();
    table(&["", ""], places);
    if !a.waiting.is_empty() {
        heading("Waiting, by reason");
        table(&["", ""], a.waiting.iter().map(|c| vec![c.count.to_string(), c.name.clone()]).collect());
    }
    if !a.changesets.is_empty() {
        heading("Pull requests");
        table(&["", ""], a.changesets.iter().map(|c| vec![c.count.to_string(), c.name.clone()]).collect());
    }
    println!("\n{}", styled(style::DIM, "Not looked at: the live cloud, people, vendors and paper."));
}

fn or_never(text: &str) -> &str {
    if text.is_empty() { "never" } else { text }
}

fn service_row(s: &v1::ServiceStatus) -> Vec<String> {
    let count = |n: u64, colour: &str| if n == 0 { "·".to_owned() } else { styled(colour, n) };
    vec![
        s.name.clone(),
        count(s.satisfied, style::GREEN),
        count(s.not_satisfied, style::RED),
        count(s.indeterminate, style::YELLOW),
        count(s.not_applicable, style::DIM),
        count(s.waived, style::CYAN),
        count(s.drift, style::YELLOW),
        if s.declared { "yes".to_owned() } else { format!("no, since {}", s.undeclared_since) },
    ]
}

fn framework_row(f: &v1::FrameworkStatus) -> Vec<String> {
    [f.services, f.controls, f.served, f.with_open, f.indeterminate, f.unserved].iter().fold(
        vec![f.title.clone()],
        |mut row, n| {
            row.push(n.to_string());
            row
        },
    )
}
