//! What `ligase demo --json` says: numbers of the run, and nothing that was not counted in it.

use super::also::Also;
use super::expected::Compared;
use crate::rows;
use ligase_proto::v1::{ChangesetRow, ChangesetsAnswer, FindingRow, SweepSummary};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What one cascade brought.
pub struct Adoption {
    /// What was adopted.
    pub title: &'static str,
    /// Findings that were not open before.
    pub findings: usize,
    /// Files that were looked at for it.
    pub files_looked_at: u64,
}

/// What the run has to tell of.
pub struct Told<'a> {
    /// Names of the services.
    pub services: &'a [String],
    /// All findings before anything was merged.
    pub all: &'a [FindingRow],
    /// The sweep that made patches.
    pub first: &'a SweepSummary,
    /// Against the list.
    pub expected: &'a Compared,
    /// Changesets as they ended.
    pub last: &'a ChangesetsAnswer,
}

/// All of it.
pub fn summary(told: &Told<'_>, sweeps: &[SweepSummary], adoptions: &[Adoption], also: Option<&Also>) -> Value {
    let (first, expected, last) = (told.first, told.expected, told.last);
    let constraints: BTreeSet<&str> =
        told.all.iter().map(|f| f.constraint.as_str()).filter(|c| *c != "declaration").collect();
    let adoption =
        |a: &Adoption| json!({ "adopted": a.title, "findings": a.findings, "files_looked_at": a.files_looked_at });
    json!({
        "services": told.services.len(),
        "findings": first.not_satisfied,
        "constraints": constraints.len(),
        "adoptions": adoptions.iter().map(adoption).collect::<Vec<_>>(),
        "patches_gated": first.patches_gated,
        "patches_refused": by_name(&first.refused),
        "abstained": by_name(&first.abstained),
        "expected": {
            "planted": expected.planted, "found": expected.found, "missed": expected.missed.len(),
            "decoys": expected.decoys, "decoys_flagged": expected.flagged.len(),
            "missed_list": expected.missed, "decoys_flagged_list": expected.flagged, "unexpected": expected.unexpected,
        },
        "changesets": changesets(last),
        "verified": verified(last),
        "sweeps": sweeps.iter().map(rows::sweep).collect::<Vec<_>>(),
        "also": also.map(Also::json),
    })
}

fn changesets(last: &ChangesetsAnswer) -> Value {
    let count = |wanted: &dyn Fn(&ChangesetRow) -> bool| last.changesets.iter().filter(|c| wanted(c)).count();
    let mut closed_intents = BTreeSet::new();
    let mut reopened = 0;
    for c in &last.changesets {
        let intent = c.id.split('-').next().unwrap_or(&c.id).to_owned();
        reopened += usize::from(closed_intents.contains(&intent));
        if c.state == "closed-by-person" {
            closed_intents.insert(intent);
        }
    }
    json!({
        "opened": count(&|c| c.number > 0),
        "ready": count(&|c| c.number > 0 && c.draft.is_empty()),
        "drafts": count(&|c| c.number > 0 && !c.draft.is_empty()),
        "merged_verified": count(&|c| c.state == "merged-verified"),
        "closed_by_person": count(&|c| c.state == "closed-by-person"),
        "reopened": reopened,
    })
}

/// What the services' own tests said of the patches: services with at least one patch that is no worse, and patches that
/// could not be verified, by the reason.
fn verified(last: &ChangesetsAnswer) -> Value {
    let mut services = BTreeSet::new();
    let mut unverified: BTreeMap<&str, u64> = BTreeMap::new();
    for c in &last.changesets {
        for line in c.gate.iter().filter(|g| g.check == "verify") {
            if line.verdict == "passed" {
                services.insert(c.service_name.as_str());
            } else {
                *unverified.entry(line.detail.as_str()).or_default() += 1;
            }
        }
    }
    json!({ "no_worse": services, "unverified": unverified })
}

fn by_name(list: &[ligase_proto::v1::Counted]) -> BTreeMap<String, u64> {
    list.iter().map(|c| (c.name.clone(), c.count)).collect()
}
