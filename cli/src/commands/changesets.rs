//! `ligase changesets`: list, show, and act on the local forge as a person.

use crate::args::{Act, ByPerson, Changesets};
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, heading, style, styled, table};
use crate::rows;
use anstream::println;
use ligase_proto::v1::{ActRequest, ChangesetRow, ChangesetsAnswer, ChangesetsRequest, GateLine, RefusedRow};
use serde_json::json;

/// Runs it.
pub fn run(args: &Changesets, as_json: bool) -> Result<Exit, Failure> {
    let embedded = Embedded::open(&args.standing, 1)?;
    let Some(act) = &args.act else {
        let answer = list(&embedded, "")?;
        if as_json {
            output::json(&to_json(&answer))
        } else {
            print(&answer)
        }
        return Ok(Exit::Holds);
    };
    let request = match act {
        Act::Show { id } => {
            let answer = list(&embedded, id)?;
            if as_json {
                output::json(&to_json(&answer))
            } else {
                answer.changesets.iter().for_each(show)
            }
            return Ok(Exit::Holds);
        }
        Act::Refused => {
            let answer = list(&embedded, "")?;
            if as_json {
                output::json(&to_json(&answer))
            } else {
                answer.refused.iter().for_each(show_refused)
            }
            return Ok(Exit::Holds);
        }
        Act::Merge(by) => request("merge", by),
        Act::Close(by) => request("close", by),
        Act::Revert(by) => request("revert", by),
        Act::Comment(by) => request("comment", by),
        Act::Approve(by) => request("approve", by),
        Act::Resume(by) => request("resume", by),
        Act::ApproveWaivers { repository, login, revision } => ActRequest {
            act: "approve-waivers".to_owned(),
            login: login.clone(),
            repository: repository.clone(),
            revision: revision.clone().unwrap_or_default(),
            ..Default::default()
        },
    };
    let answer = embedded.call(async |mut api| api.act(request).await)?;
    if as_json {
        output::json(&json!({ "detail": answer.detail, "revision": answer.revision }));
    } else {
        println!("{}", answer.detail);
    }
    Ok(Exit::Holds)
}

fn request(act: &str, by: &ByPerson) -> ActRequest {
    ActRequest {
        changeset: by.id.clone(),
        act: act.to_owned(),
        login: by.login.clone(),
        text: by.message.clone(),
        ..Default::default()
    }
}

fn list(embedded: &Embedded, id: &str) -> Result<ChangesetsAnswer, Failure> {
    embedded.call(async |mut api| api.changesets(ChangesetsRequest { id: id.to_owned() }).await)
}

fn to_json(answer: &ChangesetsAnswer) -> serde_json::Value {
    json!({
        "changesets": answer.changesets.iter().map(rows::changeset).collect::<Vec<_>>(),
        "refused": answer.refused.iter().map(rows::refused).collect::<Vec<_>>(),
    })
}

fn print(answer: &ChangesetsAnswer) {
    let row = |c: &ChangesetRow| {
        let id = c.id.get(..10).unwrap_or(&c.id).to_owned();
        let number = if c.number == 0 { String::new() } else { format!("#{}", c.number) };
        vec![
            id,
            format!("{} {number}", c.service_name),
            state(c),
            c.title.clone(),
            output::counted(c.findings.len() as u64, "finding"),
        ]
    };
    table(&["id", "where", "state", "title", "closes"], answer.changesets.iter().map(row).collect());
    if !answer.refused.is_empty() {
        let refused = output::counted(answer.refused.len() as u64, "candidate patch").replace("patchs", "patches");
        println!("\n{}", styled(style::DIM, format!("{refused} refused by the gate: ligase changesets refused")));
    }
}

fn state(c: &ChangesetRow) -> String {
    let waits = matches!(c.state.as_str(), "open" | "held");
    let draft = if c.draft.is_empty() || !waits { "" } else { " (draft)" };
    let touched = if c.ownership == "human-touched" { ", a person's now" } else { "" };
    format!("{}{draft}{touched}", c.state)
}

/// Prints one changeset whole.
pub fn show(c: &ChangesetRow) {
    println!("{}  {} #{}  {}", styled(style::BOLD, &c.title), c.service_name, c.number, styled(style::DIM, &c.id));
    println!("  {} → {}  {}", c.branch, c.base_branch, state(c));
    println!(
        "  effect: {}{}",
        c.effect,
        if c.effect_note.is_empty() { String::new() } else { format!(" ({})", c.effect_note) }
    );
    if !c.draft.is_empty() {
        println!("  draft: {}", c.draft);
    }
    println!();
    output::diff(&c.diff);
    gate(&c.gate);
}

/// Prints one refused candidate whole.
pub fn show_refused(r: &RefusedRow) {
    println!("{} {}  {}", styled(style::RED, format!("refused: {}", r.reason)), r.clause, r.service);
    println!("  {}\n", r.detail);
    output::diff(&r.diff);
    gate(&r.gate);
}

fn gate(lines: &[GateLine]) {
    heading("Gate");
    let verdict = |v: &str| match v {
        "passed" => styled(style::GREEN, "passed"),
        "refused" => styled(style::RED, "refused"),
        other => styled(style::YELLOW, other),
    };
    table(
        &["check", "verdict", ""],
        lines.iter().map(|g| vec![g.check.clone(), verdict(&g.verdict), g.detail.clone()]).collect(),
    );
}
