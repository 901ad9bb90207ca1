//! DNA drift: what the declaration says and the source does not bear out. Findings of the clause `declaration/true`, which
//! holds for every service that declares anything. A declaration must not become another abandoned artefact.
//! It judges only declarations that were read. Next: `weaken.rs` for what a change takes away from one.

use crate::catalog::Catalog;
use crate::judge::JudgeInput;
use crate::resolve::DesiredState;
use crate::{DECLARATION_TRUE, Dna, Exposure, Scope};
use ligase_document::escaped;
use ligase_domain::{
    ClauseId, Digest, Finding, FindingId, Observation, Origin, Outcome, Place, ServiceId, Severity, Subject,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who owns a service, as far as the caller knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OwnerFact {
    /// Nobody asked; nothing is said of the owner.
    #[default]
    NotAsked,
    /// The declared owner, or CODEOWNERS, names somebody who exists.
    Resolved,
    /// Neither the declaration nor CODEOWNERS names anybody.
    Missing,
    /// The named owner does not exist on the forge.
    Unknown,
}

/// A class that was recognised less surely than this (per mille) is no drift yet.
const SURE: i64 = 800;

/// The data class of what lets its holder act as somebody.
const CREDENTIAL: &str = "credential";

/// The data class of payment cards.
const CARDS: &str = "cardholder-data";

/// The version of this judgement; counts up whenever it would judge otherwise.
const VERSION: u32 = 2;

/// What of a declaration does not hold.
struct Drift<'a> {
    aspect: &'static str,
    what: String,
    message: String,
    seen: Vec<&'a Observation>,
}

/// Findings of a declaration that was read; one *satisfied* when all of it holds.
pub(crate) fn findings(
    catalog: &Catalog,
    desired: &DesiredState,
    input: &JudgeInput<'_>,
    scope: &Scope,
) -> Vec<Finding> {
    let Some(dna) = &desired.dna else { return vec![] };
    let own: Vec<&Observation> =
        input.observations.iter().filter(|o| o.class.origin == Origin::Source && scope.holds(&o.place.path)).collect();
    let mut drifts = undeclared_classes(catalog, dna, &own);
    drifts.extend(public_listeners(dna, &own));
    drifts.extend(scope.idle_globs(input.files).into_iter().map(|glob| Drift {
        aspect: "scope",
        what: glob.to_owned(),
        message: format!("dna.yaml includes {}, which matches no file that a probe reads", escaped(glob, 80)),
        seen: vec![],
    }));
    drifts.extend(owner(dna, input.owner));
    if drifts.is_empty() {
        return vec![finding(input.service, Outcome::Satisfied, "the declaration holds".to_owned(), None)];
    }
    drifts.into_iter().map(|d| finding(input.service, Outcome::NotSatisfied, d.message.clone(), Some(&d))).collect()
}

fn undeclared_classes<'a>(catalog: &Catalog, dna: &Dna, own: &[&'a Observation]) -> Vec<Drift<'a>> {
    let mut by_class: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for field in own.iter().filter(|o| o.kind == "data-field") {
        let sure = field.attributes.get("confidence").and_then(ligase_domain::Value::as_int).is_some_and(|n| n >= SURE);
        match field.text("class") {
            // A credential is how a service keeps data, not data that it keeps for somebody: nobody declares it.
            Some(class)
                if class != CREDENTIAL
                    && sure
                    && !dna.declares(class)
                    && catalog.data_classes().iter().any(|c| c == class) =>
            {
                by_class.entry(class).or_default().push(field);
            }
            _ => {}
        }
    }
    if by_class.get(CARDS).is_some_and(|seen| !seen.iter().any(|o| numbers_a_card(o, own))) {
        by_class.remove(CARDS);
    }
    by_class
        .into_iter()
        .map(|(class, mut seen)| {
            seen.sort_by(|a, b| (&a.place.path, a.place.span).cmp(&(&b.place.path, b.place.span)));
            let names: Vec<String> = seen.iter().take(3).map(|o| name(o)).collect();
            let more = seen.len().saturating_sub(names.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Drift {
                aspect: "data",
                what: class.to_owned(),
                message: format!("dna.yaml declares no {class}; the source has {}{more}", names.join(", ")),
                seen,
            }
        })
        .collect()
}

/// Whether a field holds what a card is charged by. When it expires and whose it is are data of a card beside its number alone;
/// a field that is of another model's type is told by that one's own fields.
fn numbers_a_card(field: &Observation, own: &[&Observation]) -> bool {
    let harms = field.attributes.get("strict").and_then(ligase_domain::Value::as_bool) == Some(true);
    let kept = field.text("setting").unwrap_or("");
    let models = || own.iter().filter(|o| o.kind == "data-field").filter_map(|o| o.text("owner"));
    let named = |owner: &str| kept.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == owner);
    harms && !models().any(|owner| !owner.is_empty() && named(owner))
}

fn name(field: &Observation) -> String {
    let of = |n: &str| escaped(field.text(n).unwrap_or("?"), 60);
    format!("{}.{}", of("owner"), of("name"))
}

fn public_listeners<'a>(dna: &Dna, own: &[&'a Observation]) -> Vec<Drift<'a>> {
    if dna.exposure == Exposure::Internet {
        return vec![];
    }
    let mut by_address: BTreeMap<String, Vec<&Observation>> = BTreeMap::new();
    for listener in own.iter().filter(|o| o.kind == "listener" && o.text("public") == Some("yes")) {
        by_address.entry(escaped(listener.text("address").unwrap_or(""), 400)).or_default().push(listener);
    }
    let exposure = dna.exposure.name();
    by_address
        .into_iter()
        .map(|(address, seen)| Drift {
            aspect: "exposure",
            message: format!("dna.yaml says exposure: {exposure}; {address} listens to the public internet"),
            what: address,
            seen,
        })
        .collect()
}

fn owner(dna: &Dna, fact: OwnerFact) -> Vec<Drift<'static>> {
    let message = match fact {
        OwnerFact::NotAsked | OwnerFact::Resolved => return vec![],
        OwnerFact::Missing => "neither dna.yaml nor CODEOWNERS names an owner".to_owned(),
        OwnerFact::Unknown => {
            format!("the owner {} is nobody", escaped(dna.owner.as_deref().unwrap_or("of CODEOWNERS"), 80))
        }
    };
    vec![Drift { aspect: "owner", what: String::new(), message, seen: vec![] }]
}

fn finding(service: &ServiceId, outcome: Outcome, message: String, drift: Option<&Drift<'_>>) -> Finding {
    let clause = ClauseId::parse(DECLARATION_TRUE).expect("the constant is a clause");
    let subject = match drift {
        None => crate::judge::service_subject(),
        Some(d) => Subject {
            kind: "declaration".to_owned(),
            symbol: if d.what.is_empty() { d.aspect.to_owned() } else { format!("{}: {}", d.aspect, d.what) },
            identity: vec![("aspect".to_owned(), d.aspect.to_owned()), ("what".to_owned(), d.what.clone())],
            ordinal: 0,
        },
    };
    let seen = drift.map_or(&[][..], |d| d.seen.as_slice());
    let mut cites: Vec<Digest> = seen.iter().flat_map(|o| o.sources.iter().copied()).collect();
    cites.sort();
    cites.dedup();
    let place: Option<Place> = seen.first().map(|o| o.place.clone());
    Finding {
        id: FindingId::new(service, &clause, &subject.identity, subject.ordinal),
        service: service.clone(),
        clause,
        clause_version: VERSION,
        subject,
        outcome,
        message,
        severity: Severity::Medium,
        place,
        controls: Arc::default(),
        cites,
        waiver: None,
        remedy: None,
    }
}
