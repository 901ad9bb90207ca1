//! What a change takes away from a declaration. The base revision's DNA governs a change, never its head's; that a change
//! weakens the declaration is itself a finding of the change, under `declaration/not-weakened`.
//! Pure. It judges neither the code nor whether the weakening is right: a person does.

use crate::catalog::{ParameterValue, Stricter};
use crate::{Catalog, Dna, NOT_WEAKENED};
use ligase_domain::{ClauseId, Finding, FindingId, Outcome, ServiceId, Severity, Subject};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One thing that a change takes away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Weakening {
    /// What kind of thing: `data-class`, `waiver`, `scope`, `exposure`, `framework`, `residency`, `constraint`,
    /// `parameter`, `vocabulary`, `verify` or `declaration`.
    pub aspect: &'static str,
    /// Which one.
    pub what: String,
    /// One sentence for a person.
    pub message: String,
}

impl Weakening {
    fn new(aspect: &'static str, what: impl Into<String>, message: String) -> Self {
        Self { aspect, what: what.into(), message }
    }
}

/// What `head` asks less than `base`, sorted. Without a base there is nothing to weaken.
pub fn weakenings(catalog: &Catalog, base: Option<&Dna>, head: Option<&Dna>) -> Vec<Weakening> {
    let Some(base) = base else { return vec![] };
    let Some(head) = head else {
        return vec![Weakening::new("declaration", "", "dna.yaml is deleted or can no longer be read".to_owned())];
    };
    let mut out = data(base, head);
    out.extend(frameworks(base, head));
    out.extend(constraints(catalog, base, head));
    out.extend(reach(base, head));
    for waiver in head.waivers.iter().filter(|w| !base.waivers.contains(w)) {
        let what = format!("{} {}", waiver.clause, waiver.symbol);
        let message = format!("the waiver of {what} until {} is new or changed", waiver.expires);
        out.push(Weakening::new("waiver", what, message));
    }
    let known = |v: &Dna| -> BTreeSet<(&'static str, String)> {
        let guards = v.vocabulary.guards.iter().map(|g| ("guard", g.clone()));
        guards.chain(v.vocabulary.sanitizers.iter().map(|s| ("sanitizer", s.clone()))).collect()
    };
    for (kind, name) in known(head).difference(&known(base)) {
        out.push(Weakening::new("vocabulary", name.clone(), format!("{name} now counts as a {kind}")));
    }
    if base.verify.is_some() && base.verify != head.verify {
        out.push(Weakening::new("verify", "", "the command that tests patches is changed or removed".to_owned()));
    }
    out.sort();
    out.dedup();
    out
}

fn data(base: &Dna, head: &Dna) -> Vec<Weakening> {
    let mut out = Vec::new();
    for (class, fields) in &base.data {
        match head.data.get(class) {
            None => out.push(Weakening::new("data-class", class, format!("the data class {class} is removed"))),
            Some(kept) => out.extend(fields.difference(kept).map(|field| {
                Weakening::new(
                    "data-class",
                    format!("{class}.{field}"),
                    format!("the field {field} is no longer {class}"),
                )
            })),
        }
    }
    out
}

fn frameworks(base: &Dna, head: &Dna) -> Vec<Weakening> {
    let mut out = Vec::new();
    for (id, controls) in &base.frameworks {
        match (controls, head.frameworks.get(id)) {
            (_, None) => out.push(Weakening::new("framework", id, format!("the framework {id} is dropped"))),
            (None, Some(Some(_))) => {
                out.push(Weakening::new("framework", id, format!("only some controls of {id} are kept")));
            }
            (Some(had), Some(Some(kept))) => out.extend(had.difference(kept).map(|control| {
                let what = format!("{id} {control}");
                Weakening::new("framework", what.clone(), format!("the control {what} is dropped"))
            })),
            (_, Some(None)) => {}
        }
    }
    out
}

fn constraints(catalog: &Catalog, base: &Dna, head: &Dna) -> Vec<Weakening> {
    let mut out = Vec::new();
    for (id, parameters) in &base.constraints {
        let Some(kept) = head.constraints.get(id) else {
            out.push(Weakening::new("constraint", id, format!("the constraint {id} is dropped")));
            continue;
        };
        for (name, had) in parameters {
            let spec = catalog.constraint(id).and_then(|c| c.spec.parameters.get(name));
            if spec.is_none_or(|s| !as_strict(s.stricter, had, kept.get(name))) {
                let what = format!("{id}.{name}");
                out.push(Weakening::new("parameter", what.clone(), format!("{what} asks for less")));
            }
        }
    }
    out
}

/// Whether what is there now is at least as strict as what was there.
fn as_strict(stricter: Stricter, had: &ParameterValue, now: Option<&ParameterValue>) -> bool {
    match (stricter, had, now) {
        (Stricter::Lower, ParameterValue::Int(had), Some(ParameterValue::Int(now))) => now <= had,
        (Stricter::Higher, ParameterValue::Int(had), Some(ParameterValue::Int(now))) => now >= had,
        (Stricter::Subset, ParameterValue::Texts(had), Some(ParameterValue::Texts(now))) => {
            had.is_empty() || (!now.is_empty() && now.iter().all(|n| had.contains(n)))
        }
        (Stricter::Subset, ParameterValue::Texts(had), None) => had.is_empty(),
        _ => false,
    }
}

fn reach(base: &Dna, head: &Dna) -> Vec<Weakening> {
    let mut out = Vec::new();
    if head.exposure < base.exposure {
        let message = format!("the exposure is lowered from {} to {}", base.exposure.name(), head.exposure.name());
        out.push(Weakening::new("exposure", head.exposure.name(), message));
    }
    let wider = head.residency.difference(&base.residency).map(|r| (r.clone(), format!("data may now live in {r}")));
    if head.residency.is_empty() && !base.residency.is_empty() {
        out.push(Weakening::new("residency", "", "data may now live anywhere".to_owned()));
    } else if !base.residency.is_empty() {
        out.extend(wider.map(|(what, message)| Weakening::new("residency", what, message)));
    }
    let (had, now): (BTreeSet<_>, BTreeSet<_>) = (base.scope.iter().collect(), head.scope.iter().collect());
    if had.is_empty() && !now.is_empty() {
        out.push(Weakening::new("scope", "", "the scope was the whole folder and is now a part of it".to_owned()));
    } else if !now.is_empty() {
        out.extend(
            had.difference(&now)
                .map(|glob| Weakening::new("scope", (*glob).clone(), format!("{glob} is no longer included"))),
        );
    }
    let lowered = base.identity != head.identity && head.identity == crate::dna::Identity::External;
    if lowered {
        out.push(Weakening::new("identity", "", "passwords are now said to be checked elsewhere".to_owned()));
    }
    out
}

/// Weakenings as findings of a change.
pub fn weakening_findings(service: &ServiceId, weakenings: &[Weakening]) -> Vec<Finding> {
    let clause = ClauseId::parse(NOT_WEAKENED).expect("the constant is a clause");
    weakenings
        .iter()
        .map(|w| {
            let what = ligase_document::escaped(&w.what, 400);
            let identity = vec![("aspect".to_owned(), w.aspect.to_owned()), ("what".to_owned(), what.clone())];
            Finding {
                id: FindingId::new(service, &clause, &identity, 0),
                service: service.clone(),
                clause: clause.clone(),
                clause_version: 1,
                subject: Subject {
                    kind: "declaration".to_owned(),
                    symbol: if what.is_empty() { w.aspect.to_owned() } else { format!("{}: {what}", w.aspect) },
                    identity,
                    ordinal: 0,
                },
                outcome: Outcome::NotSatisfied,
                message: ligase_document::escaped(&w.message, 400),
                severity: Severity::High,
                place: None,
                controls: Arc::default(),
                cites: vec![],
                waiver: None,
                remedy: None,
            }
        })
        .collect()
}
