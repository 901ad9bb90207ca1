//! Organisation policy × DNA × catalog = the service's desired state: which clauses hold with which parameters, for which
//! controls, why, and which waivers count. A pure function; the time is an argument.
//!
//! A constraint holds when the floor names it, when the DNA names it, or when a framework of the DNA or of a cascade links
//! a control to one of its clauses; then all of its clauses hold. The strictest of all parameters wins. A waiver counts
//! when somebody who may has approved the very bytes, is not their author, and its last day has not passed.
//! Next: `judge.rs`.

use crate::catalog::{Bound, Constraint, Control, ParameterSource, ParameterSpec, ParameterValue, Stricter};
use crate::organisation::{Cascade, login};
use crate::{Catalog, Dna, Enforcement, Mode, Organisation, Waiver};
use ligase_document::DocumentError;
use ligase_domain::{ClauseId, ControlRef, Digest, FieldHasher, Timestamp, WaiverState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What there is of a declaration.
#[derive(Clone, Copy, Debug)]
pub enum Declaration<'a> {
    /// There is none.
    Absent,
    /// There is one.
    Read(&'a Dna),
    /// There is one that cannot be read: the floor is judged, the rest is *indeterminate(declaration-unreadable)*.
    Unreadable {
        /// The digest of its bytes.
        digest: Digest,
        /// What is wrong with it; the first is shown.
        errors: &'a [DocumentError],
    },
}

impl<'a> From<Option<&'a Dna>> for Declaration<'a> {
    fn from(dna: Option<&'a Dna>) -> Self {
        dna.map_or(Self::Absent, Self::Read)
    }
}

/// One recorded review whose commit holds exactly these bytes of the `dna.yaml`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Approval {
    /// The reviewer's forge login.
    pub by: String,
    /// When the log recorded it; one from the future does not count yet.
    pub recorded: Timestamp,
}

/// Facts about approvals of the governing `dna.yaml`, gathered by the caller from the forge and the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Approvals {
    /// Reviews that cover exactly these bytes.
    pub covers: Vec<Approval>,
    /// Who wrote these bytes, as forge logins. Empty when nobody knows; then no approval counts.
    pub authors: Vec<String>,
    /// The members of the teams that the policy names, by team.
    pub teams: BTreeMap<String, Vec<String>>,
}

/// One clause that holds for one service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The clause.
    pub clause: ClauseId,
    /// The strictest of everything that was said, by name.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Controls that it contributes to, sorted.
    pub controls: Arc<[ControlRef]>,
    /// Why it holds, in words, sorted.
    pub why: Vec<String>,
    /// What is done about findings.
    pub mode: Mode,
    /// What `ligase check` and the gate make of them.
    pub enforcement: Enforcement,
}

/// A waiver with what it counts for now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolvedWaiver {
    /// As it is written.
    pub waiver: Waiver,
    /// Whether it counts.
    pub state: WaiverState,
    /// Who approved it and may, sorted.
    pub approved_by: Vec<String>,
}

/// Everything that is wanted of one service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DesiredState {
    /// The declaration, if there is one that can be read.
    pub dna: Option<Dna>,
    /// What is wrong with one that cannot be read.
    pub unreadable: Option<(Digest, String)>,
    /// Sorted by clause.
    pub requirements: Vec<Requirement>,
    /// In the order of the file.
    pub waivers: Vec<ResolvedWaiver>,
    /// Frameworks that took part, by `id@as-of`.
    pub frameworks: BTreeMap<String, Digest>,
    /// Controls that were asked for and that no clause serves; never satisfied, sorted.
    pub unserved_controls: Vec<ControlRef>,
    /// What could not be resolved as it stands (conflicting bounds, an expression that failed), in words, sorted.
    pub problems: Vec<String>,
    /// The digest of all of this and of the catalog.
    pub digest: Digest,
    /// The next instant at which the same inputs would be resolved otherwise.
    pub valid_until: Option<Timestamp>,
}

impl DesiredState {
    /// What is done about findings, by clause.
    pub fn modes(&self) -> BTreeMap<ClauseId, Mode> {
        self.requirements.iter().map(|r| (r.clause.clone(), r.mode)).collect()
    }

    /// The requirement of a clause.
    pub fn requirement(&self, clause: &ClauseId) -> Option<&Requirement> {
        self.requirements.iter().find(|r| r.clause == *clause)
    }
}

/// A day as its first instant, UTC; `None` when it is none.
pub(crate) fn day(text: &str) -> Option<Timestamp> {
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date: jiff::civil::Date = plain.then(|| text.parse().ok())??;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(start.timestamp().as_millisecond()))
}

const DAY_MS: i64 = 86_400_000;

/// Resolves the desired state of one service.
pub fn resolve<'a>(
    catalog: &Catalog,
    organisation: Option<&Organisation>,
    declaration: impl Into<Declaration<'a>>,
    approvals: &Approvals,
    now: Timestamp,
) -> DesiredState {
    let declaration = declaration.into();
    let dna = match declaration {
        Declaration::Read(dna) => Some(dna),
        Declaration::Absent | Declaration::Unreadable { .. } => None,
    };
    let readable = !matches!(declaration, Declaration::Unreadable { .. });
    let mut wanted = Wanted::new(catalog, now);
    if let Some(organisation) = organisation {
        organisation.floor.iter().for_each(|id| wanted.constraint(id, "floor", Mode::Propose, Enforcement::Waivable));
        if readable {
            organisation.cascades.iter().for_each(|c| wanted.cascade(c, dna));
        }
    }
    if let Some(dna) = dna {
        wanted.declared(dna);
    }
    let waivers: Vec<ResolvedWaiver> =
        dna.iter().flat_map(|d| &d.waivers).map(|w| waiver(w, organisation, approvals, now)).collect();
    let requirements = wanted.requirements(dna);
    let until = waivers.iter().filter(|w| w.state == WaiverState::InForce).filter_map(|w| day(&w.waiver.expires));
    let until = until.map(|t| Timestamp(t.0 + DAY_MS)).chain(wanted.changes.iter().copied());
    let recorded = approvals.covers.iter().map(|a| a.recorded).filter(|t| dna.is_some() && *t > now);
    let valid_until = until.chain(recorded).filter(|t| *t > now).min();
    let mut state = DesiredState {
        dna: dna.cloned(),
        unreadable: match declaration {
            Declaration::Unreadable { digest, errors } => {
                Some((digest, errors.first().map(ToString::to_string).unwrap_or_default()))
            }
            Declaration::Absent | Declaration::Read(_) => None,
        },
        requirements,
        waivers,
        frameworks: wanted.frameworks,
        unserved_controls: wanted.unserved.into_iter().collect(),
        problems: wanted.problems.into_iter().collect(),
        digest: Digest::of(b""),
        valid_until,
    };
    state.digest = digest(catalog, &state);
    state
}

/// What is wanted so far.
struct Wanted<'a> {
    catalog: &'a Catalog,
    now: Timestamp,
    reasons: BTreeMap<String, Reasons>,
    controls: BTreeMap<ClauseId, BTreeSet<ControlRef>>,
    bounds: BTreeMap<String, Vec<BTreeMap<String, Bound>>>,
    frameworks: BTreeMap<String, Digest>,
    unserved: BTreeSet<ControlRef>,
    problems: BTreeSet<String>,
    changes: BTreeSet<Timestamp>,
}

/// Why a constraint holds.
struct Reasons {
    why: BTreeSet<String>,
    mode: Mode,
    enforcement: Enforcement,
}

impl<'a> Wanted<'a> {
    fn new(catalog: &'a Catalog, now: Timestamp) -> Self {
        Self {
            catalog,
            now,
            reasons: BTreeMap::new(),
            controls: BTreeMap::new(),
            bounds: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            unserved: BTreeSet::new(),
            problems: BTreeSet::new(),
            changes: BTreeSet::new(),
        }
    }

    fn constraint(&mut self, id: &str, why: &str, mode: Mode, enforcement: Enforcement) {
        let reasons =
            self.reasons.entry(id.to_owned()).or_insert_with(|| Reasons { why: BTreeSet::new(), mode, enforcement });
        reasons.why.insert(why.to_owned());
        reasons.mode = reasons.mode.max(mode);
        reasons.enforcement = reasons.enforcement.max(enforcement);
    }

    fn declared(&mut self, dna: &Dna) {
        for id in dna.constraints.keys() {
            self.constraint(id, "dna.yaml: constraints", Mode::Propose, Enforcement::Waivable);
        }
        for (id, controls) in &dna.frameworks {
            self.framework(id, controls.as_ref(), "dna.yaml", Mode::Propose, Enforcement::Waivable);
        }
    }

    fn cascade(&mut self, cascade: &Cascade, dna: Option<&Dna>) {
        match cascade.reaches(dna) {
            Ok(true) => {}
            Ok(false) => return,
            // An expression that fails reaches: a service is not let off by somebody's mistake.
            Err(problem) => {
                self.problems.insert(format!("cascade {}: its condition failed: {problem}", cascade.name));
            }
        }
        let why = format!("cascade {}", cascade.name);
        for id in &cascade.constraints {
            self.constraint(id, &why, cascade.mode, cascade.enforcement);
        }
        for (id, controls) in &cascade.frameworks {
            self.framework(id, controls.as_ref(), &why, cascade.mode, cascade.enforcement);
        }
    }

    fn framework(
        &mut self,
        id: &str,
        chosen: Option<&BTreeSet<String>>,
        by: &str,
        mode: Mode,
        enforcement: Enforcement,
    ) {
        let Some(framework) = self.catalog.framework(id) else {
            self.problems.insert(format!("{by}: the catalog has no framework {id}"));
            return;
        };
        self.frameworks.insert(framework.key(), framework.digest);
        for control in framework.controls.iter().filter(|c| chosen.is_none_or(|ids| ids.contains(&c.id.value))) {
            if !self.in_force(control) {
                continue;
            }
            let name = ControlRef { framework: id.to_owned(), control: control.id.value.clone() };
            if control.served_by.is_empty() {
                self.unserved.insert(name.clone());
            }
            for link in &control.served_by {
                let Some(clause) = ClauseId::parse(&link.clause) else { continue };
                self.constraint(&clause.constraint, &format!("{by}: {id} {}", control.id.value), mode, enforcement);
                if !link.bounds.is_empty() {
                    let bounds = self.bounds.entry(clause.constraint.clone()).or_default();
                    bounds.push(link.bounds.clone());
                }
                self.controls.entry(clause).or_default().insert(name.clone());
            }
        }
    }

    fn in_force(&mut self, control: &Control) -> bool {
        let from = day(&control.valid.from);
        let until = control.valid.until.as_ref().and_then(|u| day(u));
        self.changes.extend(from.into_iter().chain(until).filter(|t| *t > self.now));
        from.is_none_or(|f| f <= self.now) && until.is_none_or(|u| self.now < u)
    }

    fn requirements(&mut self, dna: Option<&Dna>) -> Vec<Requirement> {
        let mut out = Vec::new();
        for (id, reasons) in std::mem::take(&mut self.reasons) {
            let Some(constraint) = self.catalog.constraint(&id) else {
                self.problems.insert(format!("the catalog has no constraint {id}"));
                continue;
            };
            if !self.applies(constraint, dna) {
                continue;
            }
            let parameters = self.parameters(constraint, dna);
            for clause in &constraint.clauses {
                out.push(Requirement {
                    clause: clause.id.clone(),
                    parameters: parameters.clone(),
                    controls: self.controls.get(&clause.id).into_iter().flatten().cloned().collect(),
                    why: reasons.why.iter().cloned().collect(),
                    mode: reasons.mode,
                    enforcement: reasons.enforcement,
                });
            }
        }
        out.sort_by(|a, b| a.clause.cmp(&b.clause));
        out
    }

    fn applies(&mut self, constraint: &Constraint, dna: Option<&Dna>) -> bool {
        let Some(when) = &constraint.applies_when else { return true };
        let mut context = crate::expression::context();
        context.add_variable_as_val("dna", crate::dna::value_of(dna).boxed());
        when.truth(&context).unwrap_or_else(|error| {
            self.problems.insert(format!("{}: applies-when failed: {error}", constraint.id));
            true
        })
    }

    fn parameters(&mut self, constraint: &Constraint, dna: Option<&Dna>) -> BTreeMap<String, ParameterValue> {
        let own = dna.and_then(|d| d.constraints.get(&constraint.id));
        let bounds = self.bounds.remove(&constraint.id).unwrap_or_default();
        let mut out = BTreeMap::new();
        for (name, spec) in &constraint.spec.parameters {
            let said = own.and_then(|o| o.get(name));
            let value = match spec.stricter {
                Stricter::Subset => ParameterValue::Texts(self.subset(&constraint.id, name, spec, said, dna)),
                Stricter::Lower | Stricter::Higher => {
                    ParameterValue::Int(self.bound(&constraint.id, name, spec, said, &bounds))
                }
            };
            out.insert(name.clone(), value);
        }
        out
    }

    /// What all lists that say something have in common; an empty list says nothing.
    fn subset(
        &mut self,
        constraint: &str,
        name: &str,
        spec: &ParameterSpec,
        said: Option<&ParameterValue>,
        dna: Option<&Dna>,
    ) -> Vec<String> {
        let of = |v: &ParameterValue| match v {
            ParameterValue::Texts(texts) => texts.iter().cloned().collect::<BTreeSet<_>>(),
            ParameterValue::Int(_) => BTreeSet::new(),
        };
        let residency = match spec.from {
            Some(ParameterSource::Residency) => dna.map(|d| d.residency.clone()),
            None => None,
        };
        let all: Vec<BTreeSet<String>> = [spec.default.as_ref().map(of), said.map(of), residency]
            .into_iter()
            .flatten()
            .filter(|s| !s.is_empty())
            .collect();
        let common = all.iter().cloned().reduce(|a, b| a.intersection(&b).cloned().collect()).unwrap_or_default();
        if common.is_empty() && !all.is_empty() {
            // Nothing satisfies both; the declared list stays, so that the conflict cannot be mistaken for "anything".
            self.problems.insert(format!("{constraint}: {name}: what is asked for has nothing in common"));
            return all.into_iter().next_back().unwrap_or_default().into_iter().collect();
        }
        common.into_iter().collect()
    }

    fn bound(
        &mut self,
        constraint: &str,
        name: &str,
        spec: &ParameterSpec,
        said: Option<&ParameterValue>,
        bounds: &[BTreeMap<String, Bound>],
    ) -> i64 {
        let of = |v: &ParameterValue| if let ParameterValue::Int(n) = v { Some(*n) } else { None };
        let asked = bounds.iter().filter_map(|b| b.get(name));
        let (mut least, mut most): (Option<i64>, Option<i64>) = (None, None);
        for bound in asked {
            least = least.max(bound.at_least);
            most = match (most, bound.at_most) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            self.problems.insert(format!(
                "{constraint}: {name}: one control asks for at least {least}, another for at most {most}"
            ));
        }
        let values = [spec.default.as_ref().and_then(of), said.and_then(of), least, most].into_iter().flatten();
        let strictest = match spec.stricter {
            Stricter::Higher => values.max(),
            Stricter::Lower | Stricter::Subset => values.min(),
        };
        strictest.unwrap_or_default()
    }
}

/// Whether a waiver counts: approved by somebody who may and did not write it, and its last day has not passed.
fn waiver(
    waiver: &Waiver,
    organisation: Option<&Organisation>,
    approvals: &Approvals,
    now: Timestamp,
) -> ResolvedWaiver {
    let authors: BTreeSet<String> = approvals.authors.iter().map(|a| login(a)).collect();
    let may = |who: &str| {
        organisation.is_some_and(|o| {
            o.waiver_approvers.contains(who)
                || approvals.teams.iter().any(|(team, members)| {
                    o.waiver_approvers.contains(&login(team)) && members.iter().any(|m| login(m) == who)
                })
        })
    };
    let approved_by: BTreeSet<String> = approvals
        .covers
        .iter()
        .filter(|a| a.recorded <= now)
        .map(|a| login(&a.by))
        .filter(|who| !who.is_empty() && !authors.is_empty() && !authors.contains(who) && may(who))
        .collect();
    let expired = day(&waiver.expires).is_none_or(|d| now.0 >= d.0 + DAY_MS);
    let state = match (expired, approved_by.is_empty()) {
        (true, _) => WaiverState::Expired,
        (false, true) => WaiverState::Unapproved,
        (false, false) => WaiverState::InForce,
    };
    ResolvedWaiver { waiver: waiver.clone(), state, approved_by: approved_by.into_iter().collect() }
}

/// Adds a parameter's value to a hash, so that no two values are one.
pub(crate) fn hash_parameter(hasher: FieldHasher, name: &str, value: &ParameterValue) -> FieldHasher {
    let hasher = hasher.field(name);
    match value {
        ParameterValue::Int(n) => hasher.field("int").field(n.to_le_bytes()),
        ParameterValue::Texts(texts) => {
            texts.iter().fold(hasher.field("texts").number(texts.len() as u64), |h, t| h.field(t))
        }
    }
}

fn digest(catalog: &Catalog, state: &DesiredState) -> Digest {
    let mut hasher = FieldHasher::new("ligase.desired.v1").field(catalog.digest().as_bytes());
    hasher = match (&state.dna, &state.unreadable) {
        (Some(dna), _) => hasher.field("dna").field(dna.digest.as_bytes()).number(u64::from(dna.provisional)),
        (None, Some((digest, _))) => hasher.field("unreadable").field(digest.as_bytes()),
        (None, None) => hasher.field("absent"),
    };
    hasher = hasher.number(state.requirements.len() as u64);
    for requirement in &state.requirements {
        hasher = hasher.field(requirement.clause.to_string()).number(requirement.parameters.len() as u64);
        hasher = requirement.parameters.iter().fold(hasher, |h, (n, v)| hash_parameter(h, n, v));
        hasher = hasher.number(requirement.controls.len() as u64);
        hasher = requirement.controls.iter().fold(hasher, |h, c| h.field(&c.framework).field(&c.control));
        hasher = hasher.field(requirement.mode.name()).field(requirement.enforcement.name());
    }
    hasher = hasher.number(state.waivers.len() as u64);
    for resolved in &state.waivers {
        let waiver = &resolved.waiver;
        hasher = hasher.field(waiver.clause.to_string()).field(&waiver.symbol).field(waiver.kind.name());
        hasher = hasher.field(&waiver.reason).field(&waiver.expires).field(resolved.state.name());
        hasher = hasher.number(resolved.approved_by.len() as u64);
        hasher = resolved.approved_by.iter().fold(hasher, |h, a| h.field(a));
    }
    hasher = hasher.number(state.unserved_controls.len() as u64);
    hasher = state.unserved_controls.iter().fold(hasher, |h, c| h.field(&c.framework).field(&c.control));
    hasher.number(state.problems.len() as u64).field(state.problems.join("\n")).finish()
}
