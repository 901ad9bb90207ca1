//! Verdict sheets: what a clause said of a service, kept under everything that it was judged from, so that the same
//! question is not judged twice. A sheet holds no waiver and no control: those change without the observations.
//! It decides the key; who keeps sheets is the caller.

use super::JudgeInput;
use crate::Scope;
use crate::catalog::{Catalog, ClauseRef};
use crate::resolve::{DesiredState, Requirement, hash_parameter};
use ligase_domain::{Digest, FieldHasher, Finding};

/// Where verdict sheets are kept.
pub trait Sheets {
    /// The findings under a key, if they are known.
    fn get(&mut self, key: &Digest) -> Option<Vec<Finding>>;
    /// Remembers findings under a key.
    fn put(&mut self, key: Digest, findings: &[Finding]);
}

/// Keeps nothing.
pub struct NoSheets;

impl Sheets for NoSheets {
    fn get(&mut self, _key: &Digest) -> Option<Vec<Finding>> {
        None
    }

    fn put(&mut self, _key: Digest, _findings: &[Finding]) {}
}

/// hash(service, observation root, declaration, what was skipped, clause and its rule, parameters).
pub(super) fn key(
    catalog: &Catalog,
    root: Digest,
    input: &JudgeInput<'_>,
    scope: &Scope,
    desired: &DesiredState,
    requirement: &Requirement,
    found: ClauseRef<'_>,
) -> Digest {
    let mut hasher = FieldHasher::new("ligase.sheet.v1").field(input.service.to_string()).field(root.as_bytes());
    hasher = match &desired.dna {
        Some(dna) => hasher.field(dna.digest.as_bytes()),
        None => hasher.field("absent"),
    };
    hasher = hasher.number(input.folders.len() as u64);
    hasher = input.folders.iter().fold(hasher, |h, f| h.field(f));
    hasher = hasher.field(input.population.incomplete.as_deref().unwrap_or(""));
    for skipped in input.population.skipped.iter().filter(|s| scope.holds(&s.path)) {
        hasher = hasher.field(skipped.path.as_bytes()).field(skipped.class.to_string()).field(&skipped.reason);
    }
    hasher = hasher.field(found.clause.id.to_string()).field(catalog.rule_digest(found.constraint).as_bytes());
    requirement.parameters.iter().fold(hasher, |h, (n, v)| hash_parameter(h, n, v)).finish()
}
