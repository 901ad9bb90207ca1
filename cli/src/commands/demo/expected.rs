//! What was written by hand against what was found: planted violations, decoys, and what stands in neither list.

use crate::failure::Failure;
use ligase_proto::v1::FindingRow;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Expected {
    planted: Vec<Entry>,
    decoys: Vec<Entry>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    service: String,
    clause: String,
    symbol: String,
}

impl Entry {
    fn line(&self, what: &str) -> String {
        format!("{what}: {} {} {}", self.service, self.clause, self.symbol)
    }
}

/// How the findings compare with the list.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Planted violations.
    pub planted: usize,
    /// Of those, found.
    pub found: usize,
    /// Of those, missed.
    pub missed: Vec<String>,
    /// Decoys.
    pub decoys: usize,
    /// Of those, said to be not satisfied.
    pub flagged: Vec<String>,
    /// Not satisfied, under one of the list's clauses, and in neither list.
    pub unexpected: Vec<String>,
}

/// Compares by service, clause and symbol.
pub fn compare(expected: &[u8], findings: &[FindingRow]) -> Result<Compared, Failure> {
    let expected: Expected = serde_json::from_slice(expected)
        .map_err(|e| Failure::look("E-DEMO-EXPECTED", e, "this is a defect of the demo: report it"))?;
    let entry =
        |f: &FindingRow| Entry { service: f.service_name.clone(), clause: f.clause.clone(), symbol: f.symbol.clone() };
    let broken: BTreeSet<Entry> = findings.iter().filter(|f| f.outcome == "not-satisfied").map(entry).collect();
    let clauses: BTreeSet<&str> = expected.planted.iter().map(|e| e.clause.as_str()).collect();
    let listed = |e: &&Entry| expected.planted.contains(e) || expected.decoys.contains(e);
    let missed: Vec<_> = expected.planted.iter().filter(|e| !broken.contains(e)).map(|e| e.line("missed")).collect();
    let unexpected = broken.iter().filter(|e| clauses.contains(e.clause.as_str()) && !listed(e));
    Ok(Compared {
        planted: expected.planted.len(),
        found: expected.planted.len() - missed.len(),
        decoys: expected.decoys.len(),
        flagged: expected.decoys.iter().filter(|e| broken.contains(e)).map(|e| e.line("decoy flagged")).collect(),
        unexpected: unexpected.map(|e| e.line("not in the list")).collect(),
        missed,
    })
}
