//! Approvals on the local forge: a ledger on `refs/ligase/approvals`, one commit per yes, together with the reviews of pull
//! requests. It records who said yes to which commit; whether that person may, and is not the author, is policy's business.

use super::record::{self, commit_json, read_json, unreadable};
use super::{LocalForge, TRIES, expect_login, of_swap};
use crate::ForgeError;
use crate::port::{Approval, Review, Verdict};
use ligase_domain::{Oid, Timestamp};
use ligase_vcs::{CasError, Repository};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const LEDGER: &str = "refs/ligase/approvals";
const FILE: &str = "approvals.json";
const TYPE: &str = "ligase.local.approvals";
const VERSION: u32 = 1;
/// Far more than waivers; the ledger is one file.
const MAX_APPROVALS: usize = 50_000;

#[derive(Serialize, Deserialize)]
struct Ledger {
    #[serde(rename = "type")]
    kind: String,
    version: u32,
    approvals: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    commit: String,
    by: String,
    at_ms: i64,
}

impl LocalForge {
    pub(super) fn approve_revision_in(
        &self,
        repository: &Repository,
        revision: &Oid,
        by: &str,
        at: Timestamp,
    ) -> Result<(), ForgeError> {
        expect_login(by)?;
        // A yes to something that is not there would be a yes to whatever gets that id.
        repository.commit_tree(revision)?;
        for _ in 0..TRIES {
            let tip = repository.reference(LEDGER)?;
            let mut ledger = read(repository, tip)?;
            let commit = revision.to_string();
            if ledger.approvals.iter().any(|a| a.commit == commit && a.by == by) {
                return Ok(());
            }
            if ledger.approvals.len() >= MAX_APPROVALS {
                return Err(ForgeError::NotAllowed(format!("there are {MAX_APPROVALS} approvals already")));
            }
            ledger.approvals.push(Entry { commit, by: by.to_owned(), at_ms: at.0 });
            let log = format!("{by} approves {revision}");
            // The approved commit becomes a parent, so that git keeps it as long as the yes.
            let parents: Vec<Oid> = tip.into_iter().chain([*revision]).collect();
            let next = commit_json(repository, &parents, FILE, &ledger, &log, at)?;
            match repository.compare_and_swap_ref(LEDGER, tip, Some(next), &log) {
                Ok(()) => return Ok(()),
                Err(CasError::Moved { .. }) => {}
                Err(error) => return Err(of_swap(error)),
            }
        }
        Err(ForgeError::Contended("the ledger of approvals".to_owned()))
    }

    pub(super) fn approvals_in(&self, repository: &Repository) -> Result<Vec<Approval>, ForgeError> {
        let ledger = read(repository, repository.reference(LEDGER)?)?;
        let mut approvals = Vec::with_capacity(ledger.approvals.len());
        for entry in ledger.approvals {
            let commit = entry.commit.parse().map_err(|_| unreadable("an approval"))?;
            approvals.push(Approval { commit, by: entry.by, at: Timestamp(entry.at_ms) });
        }
        for number in record::numbers(repository)? {
            let reviews = record::read(repository, number)?.map(|(_, r)| r.reviews).unwrap_or_default();
            approvals.extend(yes(&reviews));
        }
        approvals.sort();
        approvals.dedup();
        Ok(approvals)
    }
}

/// Of each reviewer and head, the last word, where it is yes.
fn yes(reviews: &[Review]) -> Vec<Approval> {
    let last: BTreeMap<(&str, Oid), &Review> = reviews.iter().map(|r| ((r.by.as_str(), r.commit), r)).collect();
    let approved = last.into_values().filter(|r| r.verdict == Verdict::Approved);
    approved.map(|r| Approval { commit: r.commit, by: r.by.clone(), at: r.at }).collect()
}

fn read(repository: &Repository, tip: Option<Oid>) -> Result<Ledger, ForgeError> {
    let Some(tip) = tip else { return Ok(Ledger { kind: TYPE.to_owned(), version: VERSION, approvals: Vec::new() }) };
    let ledger: Ledger = read_json(repository, &tip, FILE)?;
    if ledger.kind == TYPE && ledger.version == VERSION {
        Ok(ledger)
    } else {
        Err(unreadable("the ledger of approvals"))
    }
}
