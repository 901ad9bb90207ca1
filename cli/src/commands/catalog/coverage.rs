//! `ligase catalog coverage`: which clause is modelled for which stack, by examples that hold; what is empty is said to be
//! empty.

use crate::failure::{Exit, Failure};
use crate::output::{self, style, styled, table};
use anstream::println;
use ligase_domain::ClauseId;
use ligase_inspect::{Cell, Inspector};
use ligase_remedy::RemedySet;
use serde_json::json;
use std::collections::BTreeMap;

/// Prints the matrix.
pub fn run(inspector: &Inspector, as_json: bool) -> Result<Exit, Failure> {
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let cells = all_cells(inspector);
    let rows: Vec<_> =
        cells.iter().map(|((clause, stack), cell)| (clause, stack, cell, repairs(&remedies, clause, stack))).collect();
    if as_json {
        let rows = rows.iter().map(|(clause, stack, c, remedies)| {
            json!({
                "clause": clause.to_string(), "stack": stack, "positive": c.positive, "negative": c.negative,
                "indeterminate": c.indeterminate, "cross_file": c.positive_across_files + c.negative_across_files,
                "remedies": remedies, "real": c.is_real(), "failed": c.failed,
            })
        });
        output::json(&serde_json::Value::Array(rows.collect()));
        return Ok(Exit::Holds);
    }
    let body = rows.iter().map(|(clause, stack, c, remedies)| {
        let numbers = [c.positive, c.negative, c.indeterminate, c.positive_across_files + c.negative_across_files];
        let word = if c.is_real() {
            styled(style::GREEN, "real")
        } else if *c == &Cell::default() {
            styled(style::DIM, "empty")
        } else {
            styled(style::YELLOW, "not yet")
        };
        let numbers = numbers.iter().chain([remedies]).map(|n| if *n == 0 { "·".to_owned() } else { n.to_string() });
        [clause.to_string(), (*stack).clone()].into_iter().chain(numbers).chain([word]).collect()
    });
    table(
        &["clause", "stack", "positive", "negative", "indeterminate", "across files", "remedies", "cell"],
        body.collect(),
    );
    let real = rows.iter().filter(|(_, _, c, _)| c.is_real()).count();
    println!("{real} of {} cells are real", rows.len());
    Ok(Exit::Holds)
}

/// Every cell that has an example, and an empty one for each modelled clause without any and for each clause that is declared
/// and not modelled.
fn all_cells(inspector: &Inspector) -> BTreeMap<(ClauseId, String), Cell> {
    let mut cells = inspector.run_examples(None).cells();
    for constraint in inspector.catalog().constraints().values() {
        for clause in &constraint.clauses {
            if !cells.keys().any(|(c, _)| *c == clause.id) {
                let stack = if clause.is_modelled() { "no example" } else { "not modelled" };
                cells.insert((clause.id.clone(), stack.to_owned()), Cell::default());
            }
        }
    }
    cells
}

/// Remedies of a cell: of the stack itself, or of the language that the stack is written in.
fn repairs(remedies: &RemedySet, clause: &ClauseId, stack: &str) -> u32 {
    let of = |id: &str| {
        let name = id.rsplit('/').next().unwrap_or_default();
        name == stack || stack.starts_with(&format!("{name}-")) || name.starts_with(&format!("{stack}-"))
    };
    u32::try_from(remedies.iter().filter(|r| r.clause == *clause && of(&r.id)).count()).unwrap_or(u32::MAX)
}
