//! Judging: what was observed against what is required. Pure and total: the same inputs give the same bytes, bad input gives
//! *indeterminate* with a reason, never an error that stops and never a silent pass.
//!
//! A clause runs on its kind alone, on observations of source files within the service's scope. A file that could not be
//! looked at gives a finding of its own and changes no other. A waiver annotates; the outcome beside it is the real one.
//! Next: `judge/clause.rs` for one clause on one subject, `drift.rs` for declarations that are not true, `plan.rs`.

mod clause;
mod sheet;
mod subjects;

pub use sheet::{NoSheets, Sheets};

use crate::catalog::{Catalog, ClauseRef};
use crate::drift;
use crate::resolve::{DesiredState, Requirement, ResolvedWaiver};
use crate::{OwnerFact, Scope};
use clause::Judged;
use ligase_domain::{
    Assessment, ClauseId, Digest, Finding, FindingId, Observation, Oid, Outcome, Population, RepoPath, ServiceId,
    Severity, Subject, WaiverNote, WaiverState,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use subjects::Subjects;

/// What judging needs besides the inputs of one assessment: made once, used for all services, from any thread.
#[derive(Clone, Copy, Debug)]
pub struct JudgeEnv<'a> {
    catalog: &'a Catalog,
}

impl<'a> JudgeEnv<'a> {
    /// Over a catalog, whose expressions are compiled already.
    pub fn new(catalog: &'a Catalog) -> Self {
        Self { catalog }
    }

    /// The catalog.
    pub fn catalog(&self) -> &'a Catalog {
        self.catalog
    }
}

/// What one service is judged from.
#[derive(Clone, Copy, Debug)]
pub struct JudgeInput<'a> {
    /// The service.
    pub service: &'a ServiceId,
    /// The revision that was looked at.
    pub revision: Oid,
    /// Linked observations of the whole revision.
    pub observations: &'a [Observation],
    /// What was to be looked at in the whole revision.
    pub population: &'a Population,
    /// All paths of the revision.
    pub files: &'a [RepoPath],
    /// The folders of all services of the repository ("" for its root).
    pub folders: &'a [String],
    /// Who owns the service, as far as the caller knows.
    pub owner: OwnerFact,
    /// Digest of the probe set that looked.
    pub probe_set: Digest,
    /// The digest of the service's observations; with it verdict sheets are used.
    pub root: Option<Digest>,
}

/// Judges one service.
pub fn judge(env: &JudgeEnv<'_>, desired: &DesiredState, input: &JudgeInput<'_>) -> Assessment {
    judge_with(env, desired, input, &mut NoSheets)
}

/// Judges one service; clauses whose verdict sheet is known are not judged again.
pub fn judge_with(
    env: &JudgeEnv<'_>,
    desired: &DesiredState,
    input: &JudgeInput<'_>,
    sheets: &mut dyn Sheets,
) -> Assessment {
    let scope = Scope::new(&input.service.folder, desired.dna.as_ref(), input.folders);
    let mut subjects = Subjects::new(env.catalog, desired.dna.as_ref(), input, &scope);
    let mut findings = Vec::new();
    for requirement in &desired.requirements {
        let Some(found) = env.catalog.clause(&requirement.clause) else {
            findings.push(gone(input.service, requirement));
            continue;
        };
        let key = input.root.map(|root| sheet::key(env.catalog, root, input, &scope, desired, requirement, found));
        let judged = match key.as_ref().and_then(|k| sheets.get(k)) {
            Some(known) => known,
            None => {
                let judged = clause::judge(env.catalog, found, requirement, &mut subjects);
                let judged: Vec<Finding> = judged.into_iter().map(|j| finding(input.service, found, j)).collect();
                key.iter().for_each(|k| sheets.put(*k, &judged));
                judged
            }
        };
        findings.extend(judged.into_iter().map(|f| annotate(f, env.catalog, requirement, desired)));
    }
    findings.extend(drift::findings(env.catalog, desired, input, &scope));
    findings.extend(unreadable(env.catalog, desired, input.service));
    findings.sort_by(|a, b| (&a.clause, &a.subject, a.id).cmp(&(&b.clause, &b.subject, b.id)));
    Assessment {
        service: input.service.clone(),
        name: desired.dna.as_ref().map_or_else(|| label(input.service), |d| d.name.clone()),
        declared: desired.dna.is_some(),
        revision: input.revision,
        desired: desired.digest,
        dna: desired.dna.as_ref().map(|d| d.digest).or(desired.unreadable.as_ref().map(|(d, _)| *d)),
        frameworks: desired.frameworks.clone(),
        probe_set: input.probe_set,
        findings,
        population: population(input, &scope),
        valid_until: desired.valid_until,
    }
}

/// The last part of the repository's or folder's name, for a service that has not said its own.
fn label(service: &ServiceId) -> String {
    let whole = if service.folder.is_empty() { &service.repository.stable } else { &service.folder };
    whole.trim_end_matches('/').rsplit('/').next().unwrap_or(whole).trim_end_matches(".git").to_owned()
}

fn population(input: &JudgeInput<'_>, scope: &Scope) -> Population {
    let mut population = input.population.clone();
    population.skipped.retain(|s| scope.holds(&s.path));
    let left_out = scope.left_out(input.files);
    if left_out > 0 {
        population.by_class.insert("left-out/dna-scope".to_owned(), left_out);
    }
    population
}

/// The subject that is the service as a whole.
pub(crate) fn service_subject() -> Subject {
    Subject { kind: "service".to_owned(), symbol: "service".to_owned(), identity: vec![], ordinal: 0 }
}

/// Subjects of different kinds under one clause (an endpoint, a file, the service) never share an id: the names of their
/// identity attributes differ.
fn finding(service: &ServiceId, found: ClauseRef<'_>, judged: Judged) -> Finding {
    let Judged { subject, outcome, message, severity, place, cites, remedy } = judged;
    Finding {
        id: FindingId::new(service, &found.clause.id, &subject.identity, subject.ordinal),
        service: service.clone(),
        clause: found.clause.id.clone(),
        clause_version: found.constraint.version,
        subject,
        outcome,
        message,
        severity,
        place,
        controls: Arc::default(),
        cites,
        waiver: None,
        remedy,
    }
}

/// Adds what is not part of a verdict sheet: controls, waivers, and what a reader has to know of the rule's origin.
fn annotate(mut finding: Finding, catalog: &Catalog, requirement: &Requirement, desired: &DesiredState) -> Finding {
    finding.controls = Arc::clone(&requirement.controls);
    finding.waiver = waiver_note(&desired.waivers, &finding);
    if let Some(file) = catalog.overridden().get(&finding.clause.constraint) {
        finding.message.push_str(&format!(" (judged by the organisation's own {file})"));
    }
    if desired.dna.as_ref().is_some_and(|d| d.provisional) {
        finding.message.push_str(" (by a provisional identity)");
    }
    finding
}

/// The waiver that names a finding; of several, the one that counts for most.
fn waiver_note(waivers: &[ResolvedWaiver], finding: &Finding) -> Option<WaiverNote> {
    let names = |w: &&ResolvedWaiver| w.waiver.clause == finding.clause && w.waiver.symbol == finding.subject.symbol;
    let rank = |state: WaiverState| match state {
        WaiverState::InForce => 0,
        WaiverState::Unapproved => 1,
        WaiverState::Expired => 2,
    };
    let best = waivers.iter().filter(names).min_by_key(|w| (rank(w.state), &w.waiver))?;
    Some(WaiverNote {
        state: best.state,
        kind: best.waiver.kind.name().to_owned(),
        reason: best.waiver.reason.clone(),
        expires: best.waiver.expires.clone(),
        approved_by: best.approved_by.clone(),
    })
}

/// A requirement whose clause the catalog no longer has is not dropped.
fn gone(service: &ServiceId, requirement: &Requirement) -> Finding {
    whole(service, &requirement.clause, "clause-not-in-catalog", "the catalog has no such clause")
}

/// An indeterminate finding of the service as a whole.
fn whole(service: &ServiceId, clause: &ClauseId, reason: &str, message: &str) -> Finding {
    Finding {
        id: FindingId::new(service, clause, &[], 0),
        service: service.clone(),
        clause: clause.clone(),
        clause_version: 0,
        subject: service_subject(),
        outcome: Outcome::Indeterminate(reason.to_owned()),
        message: message.to_owned(),
        severity: Severity::Medium,
        place: None,
        controls: Arc::default(),
        cites: vec![],
        waiver: None,
        remedy: None,
    }
}

/// What an unreadable declaration would have asked for is not known: every clause that the floor does not bring could be it.
fn unreadable(catalog: &Catalog, desired: &DesiredState, service: &ServiceId) -> Vec<Finding> {
    let Some((_, problem)) = &desired.unreadable else { return vec![] };
    let floor: BTreeMap<&ClauseId, ()> = desired.requirements.iter().map(|r| (&r.clause, ())).collect();
    let clauses = catalog.constraints().values().flat_map(|c| c.clauses.iter().map(move |clause| (c, clause)));
    let missing = clauses.filter(|(_, clause)| !floor.contains_key(&clause.id));
    missing
        .map(|(constraint, clause)| Finding {
            clause_version: constraint.version,
            severity: constraint.severity,
            ..whole(service, &clause.id, "declaration-unreadable", problem)
        })
        .collect()
}
