//! `ligase catalog`: what Ligase knows, whether it is sound, and which cells are real. Next: `catalog/show.rs`,
//! `coverage.rs`, `new.rs`.

mod coverage;
mod new;
mod show;

pub use show::describe;

use crate::args::{Catalog, CatalogVerb};
use crate::failure::{Exit, Failure, document_text};
use crate::local::inspector;
use crate::output::{self, heading, style, styled, table};
use anstream::println;
use ligase_inspect::Inspector;
use ligase_remedy::RemedySet;
use serde_json::json;
use std::collections::BTreeMap;

/// Runs it.
pub fn run(args: &Catalog, as_json: bool) -> Result<Exit, Failure> {
    // A new constraint may be the first of its folder.
    let fresh = matches!(args.verb, CatalogVerb::New { .. });
    let inspector = inspector(args.catalog.as_deref().filter(|folder| !fresh || folder.is_dir()))?;
    match &args.verb {
        CatalogVerb::List => list(&inspector, as_json),
        CatalogVerb::Lint => lint(&inspector, as_json),
        CatalogVerb::Test => test(&inspector, as_json),
        CatalogVerb::Show { id } => show::run(&inspector, id, as_json),
        CatalogVerb::Coverage => coverage::run(&inspector, as_json),
        CatalogVerb::New { id, kind } => new::run(&inspector, args.catalog.as_deref(), id, kind, as_json),
    }
}

fn list(inspector: &Inspector, as_json: bool) -> Result<Exit, Failure> {
    let catalog = inspector.catalog();
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let mut served: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for framework in catalog.frameworks().values() {
        for control in &framework.controls {
            for link in &control.served_by {
                served.entry(link.clause.to_string()).or_default().push(format!("{} {}", framework.id, *control.id));
            }
        }
    }
    let mut rows = Vec::new();
    for constraint in catalog.constraints().values() {
        for clause in &constraint.clauses {
            let id = clause.id.to_string();
            let of_clause =
                remedies.iter().filter(|r| r.clause.to_string() == id).map(|r| r.id.clone()).collect::<Vec<_>>();
            let controls = served.remove(&id).unwrap_or_default();
            rows.push((id, clause.is_modelled(), controls, of_clause, constraint.spec.statement.clone()));
        }
    }
    if as_json {
        let rows = rows.iter().map(|(clause, modelled, controls, remedies, statement)| {
            json!({ "clause": clause, "modelled": modelled, "controls": controls, "remedies": remedies, "statement": statement })
        });
        output::json(&json!({ "clauses": rows.collect::<Vec<_>>() }));
        return Ok(Exit::Holds);
    }
    let body = rows.iter().map(|(clause, modelled, controls, remedies, statement)| {
        let modelled = if *modelled { styled(style::GREEN, "modelled") } else { styled(style::DIM, "not modelled") };
        vec![
            clause.clone(),
            modelled,
            format!("{} controls", controls.len()),
            format!("{} remedies", remedies.len()),
            statement.trim().to_owned(),
        ]
    });
    table(&["clause", "", "", "", "statement"], body.collect());
    heading("Frameworks");
    let body =
        catalog.frameworks().values().map(|f| vec![f.key(), f.title.clone(), format!("{} controls", f.controls.len())]);
    table(&["", "", ""], body.collect());
    Ok(Exit::Holds)
}

fn lint(inspector: &Inspector, as_json: bool) -> Result<Exit, Failure> {
    // Loading has checked every document and expression of frameworks, constraints, kinds and probes already.
    let mut problems = RemedySet::load(inspector.files()).map_err(Failure::documents)?.lint(inspector.catalog());
    problems.extend(inspector.lint());
    if as_json {
        output::json(&json!({ "problems": problems.iter().map(crate::failure::document_json).collect::<Vec<_>>() }));
    } else {
        for problem in &problems {
            println!("{}\n", document_text(problem));
        }
        println!("{} files, {}", inspector.files().count(), output::counted(problems.len() as u64, "problem"));
    }
    Ok(if problems.is_empty() { Exit::Holds } else { Exit::BadInput })
}

fn test(inspector: &Inspector, as_json: bool) -> Result<Exit, Failure> {
    let report = inspector.run_examples(None);
    let cells = report.cells();
    let failures: Vec<_> = report.failures().collect();
    if as_json {
        let cells = cells.iter().map(|((clause, stack), c)| {
            json!({
                "clause": clause.to_string(), "stack": stack, "positive": c.positive, "negative": c.negative,
                "indeterminate": c.indeterminate, "not_applicable": c.not_applicable,
                "cross_file": c.positive_across_files + c.negative_across_files, "failed": c.failed, "real": c.is_real(),
            })
        });
        let failed = failures.iter().map(|f| {
            let e = &f.example;
            json!({ "clause": e.clause.to_string(), "stack": e.stack, "name": e.name, "file": e.file, "line": e.line, "failure": f.failure })
        });
        output::json(&json!({ "cells": cells.collect::<Vec<_>>(), "failures": failed.collect::<Vec<_>>() }));
    } else {
        let body = cells.iter().map(|((clause, stack), c)| {
            let real = if c.is_real() { styled(style::GREEN, "real") } else { styled(style::DIM, "not yet") };
            let counts =
                [c.positive, c.negative, c.indeterminate, c.positive_across_files + c.negative_across_files, c.failed];
            [clause.to_string(), stack.clone()].into_iter().chain(counts.map(|n| n.to_string())).chain([real]).collect()
        });
        table(
            &["clause", "stack", "positive", "negative", "indeterminate", "across files", "failed", "cell"],
            body.collect(),
        );
        for failure in &failures {
            let said = failure.failure.as_deref().unwrap_or_default();
            let e = &failure.example;
            println!("{} {}:{} {} {}: {said}", styled(style::RED, "failed"), e.file, e.line, e.clause, e.name);
        }
        for problem in &report.problems {
            println!("{}", document_text(problem));
        }
        println!("{}, {} failed", output::counted(report.results.len() as u64, "example"), failures.len());
    }
    let sound = failures.is_empty() && report.problems.is_empty();
    Ok(if sound { Exit::Holds } else { Exit::Findings })
}
