//! An assessment for a person: a line for each framework, or one in full.

use crate::assess::{Assessment, Control, Standing};
use crate::output::{self, heading, style, styled, table};
use anstream::println;
use std::collections::BTreeMap;

/// A line for each.
pub fn lines(assessments: &[Assessment]) {
    let header = [
        "framework",
        "controls",
        "served",
        "need a change",
        "unclear",
        "waived",
        "n/a",
        "need a person",
        "pull requests",
        "without remedy",
    ];
    let row = |a: &Assessment| {
        let count = |standing| a.count(standing).to_string();
        vec![
            a.id.clone(),
            a.controls.len().to_string(),
            count(Standing::Served),
            count(Standing::NeedsChange),
            count(Standing::Indeterminate),
            count(Standing::Waived),
            count(Standing::NotApplicable),
            count(Standing::NeedsPerson),
            a.price.pull_requests.to_string(),
            a.price.without_remedy.to_string(),
        ]
    };
    table(&header, assessments.iter().map(row).collect());
    closing();
}

/// One in full.
pub fn whole(a: &Assessment) {
    heading(format!("{}, as of {}", a.title, a.as_of));
    let (services, already) = a.services;
    println!("  Judged as if adopted by {}; asked of {already} already.", output::counted(services, "service"));
    for standing in Standing::ALL {
        let controls: Vec<&Control> = a.controls.iter().filter(|c| c.standing == standing).collect();
        if controls.is_empty() {
            continue;
        }
        heading(format!("{} ({})", title(standing), controls.len()));
        table(&["", "", ""], controls.iter().map(|c| row(c)).collect());
    }
    price(a);
    closing();
}

const fn title(standing: Standing) -> &'static str {
    match standing {
        Standing::NeedsChange => "Code has to change",
        Standing::Indeterminate => "Could not be decided",
        Standing::Waived => "Waived",
        Standing::Served => "What the catalog can see of it is satisfied",
        Standing::NotApplicable => "Nothing here that its clauses could apply to",
        Standing::NeedsPerson => "Nothing in the catalog looks at it: a person has to",
    }
}

fn row(c: &Control) -> Vec<String> {
    let mut says = Vec::new();
    if !c.open.is_empty() {
        says.push(format!(
            "{}: {}",
            output::counted(c.open.len() as u64, "finding"),
            effects(&c.remedies, c.without_remedy)
        ));
    }
    says.extend(c.undecided.iter().map(|(why, n)| format!("{n} × {why}")));
    if c.open.is_empty() && c.satisfied > 0 {
        says.push(format!("{} satisfied", c.satisfied));
    }
    if !c.not_modelled.is_empty() {
        says.push(format!("not modelled yet: {}", c.not_modelled.join(", ")));
    }
    if c.standing != Standing::NeedsPerson {
        let already = if c.holds == 0 {
            "asked of nobody yet".to_owned()
        } else {
            format!("asked already of {}", output::counted(c.holds, "service"))
        };
        says.push(already);
    }
    vec![styled(style::BOLD, &c.id), c.title.clone(), says.join("; ")]
}

fn effects(remedies: &BTreeMap<String, usize>, without: usize) -> String {
    let mut parts: Vec<String> = remedies.iter().map(|(effect, n)| format!("{n} with a remedy ({effect})")).collect();
    if without > 0 {
        parts.push(format!("{without} without"));
    }
    parts.join(", ")
}

fn price(a: &Assessment) {
    let p = &a.price;
    heading("The price");
    let mut rows = vec![
        vec![p.pull_requests.to_string(), "pull requests, one for each service and clause".to_owned()],
        vec![p.findings.to_string(), "findings that are open".to_owned()],
    ];
    rows.extend(
        p.remedies
            .iter()
            .map(|(effect, n)| vec![n.to_string(), format!("of them with a remedy whose effect is {effect}")]),
    );
    rows.push(vec![
        p.without_remedy.to_string(),
        "of them without a remedy: people have to change the code".to_owned(),
    ]);
    rows.push(vec![
        p.files_to_read.to_string(),
        "files that people have to read: no remedy, or not decided".to_owned(),
    ]);
    table(&["", ""], rows);
}

fn closing() {
    let note = "A clause contributes to a control and never proves it. A remedy may still abstain when it sees the file, and each patch has to pass its gate.";
    println!("\n{}", styled(style::DIM, note));
}
