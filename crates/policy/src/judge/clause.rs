//! One clause over its subjects: four outcomes from three expressions. An expression that fails makes the subject
//! *indeterminate(cel-error)*; nothing that fails is ever taken for satisfied or for not applicable.

use super::service_subject;
use super::subjects::{Seen, Subjects};
use crate::catalog::{Catalog, ClauseRef, Kind, ParameterValue, Rule};
use crate::expression::{Boxed, Expression, Record, number, texts};
use crate::resolve::Requirement;
use crate::template;
use cel::{Context, ExecutionError};
use ligase_domain::{Digest, Outcome, Place, Severity, Subject};

/// What a clause says of one subject, before it is a finding.
pub(super) struct Judged {
    pub subject: Subject,
    pub outcome: Outcome,
    pub message: String,
    pub severity: Severity,
    pub place: Option<Place>,
    pub cites: Vec<Digest>,
    pub remedy: Option<String>,
}

const CEL_ERROR: &str = "cel-error";
const MALFORMED: &str = "observation-malformed";

/// Judges one clause.
pub(super) fn judge<'v>(
    catalog: &'v Catalog,
    found: ClauseRef<'v>,
    requirement: &'v Requirement,
    subjects: &mut Subjects<'v>,
) -> Vec<Judged> {
    let ClauseRef { constraint, clause } = found;
    let dna = subjects.dna.clone();
    let severity = severity(found, &dna);
    let statement = clause.spec.statement.as_deref().unwrap_or(&constraint.spec.statement);
    let whole = |outcome: Outcome| {
        let message = explain(&clause.id.to_string(), &outcome, statement);
        Judged { subject: service_subject(), outcome, message, severity, place: None, cites: vec![], remedy: None }
    };
    let (Some(rule), true) = (&clause.rule, clause.spec.known_by.is_looked_at()) else {
        return vec![whole(Outcome::Indeterminate("not-modelled".to_owned()))];
    };
    let Some(kind) = catalog.kind(&rule.each) else {
        return vec![whole(Outcome::Indeterminate("kind-not-in-catalog".to_owned()))];
    };
    let mut context = crate::expression::context();
    context.add_variable_as_val("dna", dna.boxed());
    context.add_variable_as_val("params", parameters(requirement).boxed());
    context.add_variable_as_val("population", subjects.population().boxed());
    if rule.reads_seen {
        match subjects.seen() {
            Some(seen) => context.add_variable_as_val("seen", seen.boxed()),
            None => return vec![whole(Outcome::Indeterminate("too-many-observations".to_owned()))],
        }
    }
    match first(&rule.unless, &context) {
        Ok(None) => {}
        Ok(Some(reason)) => return vec![whole(Outcome::NotApplicable(reason))],
        Err(_) => return vec![whole(Outcome::Indeterminate(CEL_ERROR.to_owned()))],
    }
    let mut out = Vec::new();
    for seen in subjects.ready(kind).iter() {
        let Some(outcome) = outcome(rule, kind, seen, &context) else { continue };
        let message = message(found, requirement, seen, &outcome, statement);
        out.push(judged(catalog, found, seen, outcome, message, severity));
    }
    if let Some(reason) = subjects.incomplete {
        out.push(whole(Outcome::Indeterminate(reason.to_owned())));
    } else if out.is_empty() {
        // What was not looked at may hold a subject: that there is none is not concluded beside it.
        let hidden = !subjects.skipped_for(kind).is_empty();
        out.push(whole(match nothing(rule, &context) {
            Outcome::NotApplicable(_) if hidden => Outcome::Indeterminate("file-not-looked-at".to_owned()),
            other => other,
        }));
    } else if subjects.looks_like(kind) {
        // Beside what was seen there is what looks like a subject and that nobody can read: no silent pass.
        if let unread @ Outcome::Indeterminate(_) = nothing(rule, &context) {
            out.push(whole(unread));
        }
    }
    for skipped in subjects.skipped_for(kind) {
        out.push(file(skipped, severity));
    }
    out
}

fn judged(
    catalog: &Catalog,
    found: ClauseRef<'_>,
    seen: &Seen<'_>,
    outcome: Outcome,
    message: String,
    severity: Severity,
) -> Judged {
    let observation = seen.observation;
    let mut cites = observation.sources.clone();
    cites.sort();
    cites.dedup();
    let of = |name: &str| observation.text(name).unwrap_or("");
    let remedy = (outcome == Outcome::NotSatisfied)
        .then(|| catalog.remedy_for(&found.clause.id, of("language"), of("stack")))
        .flatten()
        .map(str::to_owned);
    Judged {
        subject: seen.subject.clone(),
        outcome,
        message,
        severity,
        place: Some(observation.place.clone()),
        cites,
        remedy,
    }
}

/// A file that was not looked at: its own finding, so that it is neither silent nor able to change another.
fn file(skipped: &ligase_domain::Skipped, severity: Severity) -> Judged {
    let path = skipped.path.to_string();
    let reason = format!("file-{}", skipped.reason.strip_prefix("file-").unwrap_or(&skipped.reason));
    Judged {
        message: format!("{path} was not looked at: {}", reason.trim_start_matches("file-")),
        subject: Subject {
            kind: "file".to_owned(),
            symbol: path.clone(),
            identity: vec![("path".to_owned(), path)],
            ordinal: 0,
        },
        outcome: Outcome::Indeterminate(reason),
        severity,
        place: None,
        cites: vec![],
        remedy: None,
    }
}

/// The outcome for one subject; `None` when the clause is not about it.
fn outcome<'v>(rule: &Rule, kind: &Kind, seen: &Seen<'v>, root: &Context<'_, 'v>) -> Option<Outcome> {
    if !is_whole(rule, kind, seen) {
        return Some(Outcome::Indeterminate(MALFORMED.to_owned()));
    }
    let mut context = root.new_inner_scope();
    context.add_variable_as_val("it", seen.it.clone().boxed());
    let failed = || Some(Outcome::Indeterminate(CEL_ERROR.to_owned()));
    match rule.filter.as_ref().map(|f| f.truth(&context)) {
        Some(Ok(false)) => return None,
        Some(Err(_)) => return failed(),
        None | Some(Ok(true)) => {}
    }
    match first(&rule.exempt, &context) {
        Ok(None) => {}
        Ok(Some(reason)) => return Some(Outcome::NotApplicable(reason)),
        Err(_) => return failed(),
    }
    for (name, expression) in &rule.lets {
        match expression.value(&context) {
            Ok(value) => context.add_variable_as_val(name.as_str(), value),
            Err(_) => return failed(),
        }
    }
    Some(decide(rule, &context).unwrap_or_else(|_| Outcome::Indeterminate(CEL_ERROR.to_owned())))
}

/// Whether everything that the rule reads is there and is what the kind says. CEL compares a number with a text and says
/// false, and absorbs what is absent; so it is asked before anything is evaluated.
fn is_whole(rule: &Rule, kind: &Kind, seen: &Seen<'_>) -> bool {
    rule.reads.iter().all(|name| {
        let attribute = kind.spec.attributes.get(name);
        attribute.is_none_or(|a| seen.observation.attributes.get(name).map_or(a.optional, |v| a.fits(v)))
    })
}

fn decide(rule: &Rule, context: &Context<'_, '_>) -> Result<Outcome, ExecutionError> {
    if rule.satisfied.truth(context)? {
        return Ok(Outcome::Satisfied);
    }
    if rule.conclusive.truth(context)? {
        return Ok(Outcome::NotSatisfied);
    }
    let reason = first(&rule.otherwise, context)?.unwrap_or_else(|| "not-conclusive".to_owned());
    Ok(Outcome::Indeterminate(reason))
}

/// The first reason whose condition holds.
fn first(
    reasons: &[(Option<Expression>, String)],
    context: &Context<'_, '_>,
) -> Result<Option<String>, ExecutionError> {
    for (when, reason) in reasons {
        if when.as_ref().map_or(Ok(true), |w| w.truth(context))? {
            return Ok(Some(reason.clone()));
        }
    }
    Ok(None)
}

/// What it means that there is no subject. Without a word of the clause it is not known.
fn nothing(rule: &Rule, context: &Context<'_, '_>) -> Outcome {
    for nothing in &rule.nothing {
        match nothing.when.as_ref().map_or(Ok(true), |w| w.truth(context)) {
            Ok(false) => {}
            Ok(true) if nothing.not_applicable => return Outcome::NotApplicable(nothing.reason.clone()),
            Ok(true) => return Outcome::Indeterminate(nothing.reason.clone()),
            Err(_) => return Outcome::Indeterminate(CEL_ERROR.to_owned()),
        }
    }
    Outcome::Indeterminate("nothing-seen".to_owned())
}

fn parameters(requirement: &Requirement) -> Record<'_> {
    Record::new(requirement.parameters.iter().map(|(name, parameter)| {
        let value: Boxed<'_> = match parameter {
            ParameterValue::Int(n) => number(*n),
            ParameterValue::Texts(items) => texts(items),
        };
        (name.as_str(), value)
    }))
}

/// One step lower or higher where the DNA says so; the base where an expression fails.
fn severity(found: ClauseRef<'_>, dna: &Record<'_>) -> Severity {
    let base = found.clause.spec.severity.map_or(found.constraint.severity, crate::catalog::load::severity);
    let (lower, raise) = (&found.constraint.lower_when, &found.constraint.raise_when);
    if lower.is_none() && raise.is_none() {
        return base;
    }
    let mut context = crate::expression::context();
    context.add_variable_as_val("dna", dna.clone().boxed());
    let holds = |e: &Option<Expression>| e.as_ref().is_some_and(|e| e.truth(&context).unwrap_or(false));
    let steps = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let at = steps.iter().position(|s| *s == base).unwrap_or(0);
    let at = if holds(lower) { at.saturating_sub(1) } else { at };
    let at = if holds(raise) { (at + 1).min(steps.len() - 1) } else { at };
    steps[at]
}

fn message(
    found: ClauseRef<'_>,
    requirement: &Requirement,
    seen: &Seen<'_>,
    outcome: &Outcome,
    statement: &str,
) -> String {
    let symbol = ligase_document::escaped(&seen.subject.symbol, 160);
    let (Outcome::NotSatisfied, Some(template)) = (outcome, &found.clause.spec.message) else {
        return explain(&symbol, outcome, statement);
    };
    template::fill(template, |name| match name.split_once('.')? {
        ("it", attribute) => seen.observation.attributes.get(attribute).map(|value| match value.as_list() {
            // Broken although the vocabulary knows none of it: then the declaration does.
            Some([]) => "what dna.yaml declares".to_owned(),
            _ => template::of_value(value),
        }),
        ("params", parameter) => requirement.parameters.get(parameter).map(template::of_parameter),
        _ => None,
    })
}

/// One sentence for a person.
fn explain(about: &str, outcome: &Outcome, statement: &str) -> String {
    let statement = statement.trim().trim_end_matches('.');
    match outcome {
        Outcome::Satisfied => format!("{about}: {statement}"),
        Outcome::NotSatisfied => format!("{about}: does not hold: {statement}"),
        Outcome::NotApplicable(reason) => format!("{about}: does not apply ({reason})"),
        Outcome::Indeterminate(reason) => format!("{about}: could not be decided ({reason})"),
    }
}
