//! `ligase catalog show`: one constraint or clause, whole, as somebody reads it who has to answer for it.

use crate::failure::{Exit, Failure};
use crate::output::{self, heading, style, styled, table};
use anstream::println;
use ligase_inspect::Inspector;
use ligase_policy::catalog::{Clause, ClauseSpec, Constraint, ParameterSpec, ParameterValue, Reasoned, Stricter};
use ligase_remedy::RemedySet;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A constraint and those of its clauses that an id names.
fn find<'a>(inspector: &'a Inspector, id: &str) -> Option<(&'a Constraint, Vec<&'a Clause>)> {
    let (constraint, only) = id.split_once('/').map_or((id, None), |(c, rest)| (c, Some(rest)));
    let found = inspector.catalog().constraint(constraint)?;
    let clauses: Vec<&Clause> = found.clauses.iter().filter(|c| only.is_none_or(|o| c.id.clause == o)).collect();
    (!clauses.is_empty()).then_some((found, clauses))
}

/// A constraint with all its clauses, or with one, as JSON.
pub fn describe(inspector: &Inspector, remedies: &RemedySet, id: &str) -> Option<Value> {
    let (found, clauses) = find(inspector, id)?;
    let clauses: Vec<Value> = clauses.into_iter().map(|c| clause_json(inspector, remedies, c)).collect();
    Some(json!({
        "id": found.id, "version": found.version, "statement": found.spec.statement.trim(),
        "rationale": found.spec.rationale.trim(), "severity": found.severity.name(),
        "overridden_by": inspector.catalog().overridden().get(&found.id), "clauses": clauses,
    }))
}

/// Shows a constraint with all its clauses, or with one.
pub fn run(inspector: &Inspector, id: &str, as_json: bool) -> Result<Exit, Failure> {
    let catalog = inspector.catalog();
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let Some((found, clauses)) = find(inspector, id) else {
        let what = format!("the catalog has no {id}");
        return Err(Failure::input("E-CATALOG-NOT-THERE", what, "`ligase catalog list` names what there is"));
    };
    if as_json {
        output::json(&describe(inspector, &remedies, id).unwrap_or_default());
        return Ok(Exit::Holds);
    }
    println!("{} {}", styled(style::BOLD, &found.id), styled(style::DIM, format!("version {}", found.version)));
    println!("{}\n{}", found.spec.statement.trim(), styled(style::DIM, found.spec.rationale.trim()));
    if let Some(file) = catalog.overridden().get(&found.id) {
        println!("{}", styled(style::YELLOW, format!("replaced by the organisation's own {file}")));
    }
    parameters(found);
    for clause in clauses {
        heading(clause.id.to_string());
        show_clause(&clause.spec);
        let (controls, repairs) = (controls_of(inspector, clause), remedies_of(&remedies, clause));
        println!("  serves   {}", none_or(&controls));
        println!("  remedies {}", none_or(&repairs));
        println!("  examples {}", none_or(&stacks_of(inspector, clause)));
    }
    Ok(Exit::Holds)
}

fn none_or(list: &[String]) -> String {
    if list.is_empty() { styled(style::DIM, "none") } else { list.join(", ") }
}

fn parameters(constraint: &Constraint) {
    if constraint.spec.parameters.is_empty() {
        return;
    }
    heading("Parameters");
    let row = |(name, p): (&String, &ParameterSpec)| {
        let default = match &p.default {
            None => "nothing".to_owned(),
            Some(ParameterValue::Int(n)) => n.to_string(),
            Some(ParameterValue::Texts(texts)) => texts.join(", "),
        };
        let stricter = match p.stricter {
            Stricter::Lower => "the lower is stricter",
            Stricter::Higher => "the higher is stricter",
            Stricter::Subset => "what all lists have in common",
        };
        vec![
            name.clone(),
            format!("{default} {}", p.unit.as_deref().unwrap_or("")).trim().to_owned(),
            stricter.to_owned(),
        ]
    };
    table(&["name", "default", ""], constraint.spec.parameters.iter().map(row).collect());
}

fn show_clause(spec: &ClauseSpec) {
    if let Some(statement) = &spec.statement {
        println!("  {}", statement.trim());
    }
    let Some(subjects) = &spec.subjects else {
        println!("  {}", styled(style::DIM, "declared and not modelled: always indeterminate"));
        return;
    };
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let filter = subjects.filter.as_ref().map_or(String::new(), |f| format!(" where {}", one_line(f)));
    println!("  for each {}{filter}", *subjects.each);
    let reasons = |word: &str, all: &[Reasoned]| {
        for one in all {
            let when = one.when.as_ref().map_or("otherwise".to_owned(), |w| one_line(w));
            println!("  {word:<15} {} {}", styled(style::CYAN, &*one.reason), styled(style::DIM, when));
        }
    };
    reasons("unless", &spec.unless);
    reasons("exempt", &spec.exempt);
    for (name, text) in &spec.lets.0 {
        println!("  let             {name} = {}", one_line(text));
    }
    for (word, text) in [("satisfied when", &spec.satisfied_when), ("conclusive when", &spec.conclusive_when)] {
        if let Some(text) = text {
            println!("  {word:<15} {}", one_line(text));
        }
    }
    reasons("indeterminate", &spec.otherwise);
}

/// The controls that a clause serves.
pub fn controls_of(inspector: &Inspector, clause: &Clause) -> Vec<String> {
    let mut out = Vec::new();
    for framework in inspector.catalog().frameworks().values() {
        for control in &framework.controls {
            if control.served_by.iter().any(|l| *l.clause == clause.id.to_string()) {
                out.push(format!("{} {}", framework.id, *control.id));
            }
        }
    }
    out
}

fn remedies_of(remedies: &RemedySet, clause: &Clause) -> Vec<String> {
    remedies.iter().filter(|r| r.clause == clause.id).map(|r| r.id.clone()).collect()
}

fn stacks_of(inspector: &Inspector, clause: &Clause) -> Vec<String> {
    let (examples, _) = inspector.examples(Some(&clause.id.constraint));
    let stacks: BTreeSet<String> = examples.into_iter().filter(|e| e.clause == clause.id).map(|e| e.stack).collect();
    stacks.into_iter().collect()
}

fn clause_json(inspector: &Inspector, remedies: &RemedySet, clause: &Clause) -> Value {
    let text = |t: &Option<ligase_document::Placed<String>>| t.as_ref().map(|t| t.value.trim().to_owned());
    let reasons = |all: &[Reasoned]| {
        all.iter().map(|r| json!({ "when": text(&r.when), "reason": *r.reason })).collect::<Vec<_>>()
    };
    let spec = &clause.spec;
    let lets = spec.lets.0.iter().map(|(name, text)| json!({ "name": name, "value": text.value.trim() }));
    json!({
        "clause": clause.id.to_string(), "statement": spec.statement, "modelled": clause.is_modelled(),
        "each": spec.subjects.as_ref().map(|s| s.each.value.clone()),
        "where": spec.subjects.as_ref().and_then(|s| text(&s.filter)),
        "unless": reasons(&spec.unless), "exempt": reasons(&spec.exempt), "let": lets.collect::<Vec<_>>(),
        "satisfied_when": text(&spec.satisfied_when), "conclusive_when": text(&spec.conclusive_when),
        "else": reasons(&spec.otherwise), "controls": controls_of(inspector, clause),
        "remedies": remedies_of(remedies, clause), "stacks": stacks_of(inspector, clause),
    })
}
