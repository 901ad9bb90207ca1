//! Two answers about the organisation as a whole: what a page about it needs beside findings and changesets, and what
//! frameworks would ask for. Both are made from what is stored, at the instant of the last sweep; neither records
//! anything, so that the same state gives the same bytes. Findings' rows are `view.rs`'s.

use crate::app::App;
use crate::declared::{Declared, DeclaredError};
use crate::fact::ListedRepository;
use crate::forges::Forges;
use crate::judging::{self, AsIf};
use crate::ledger::LedgerError;
use crate::standing::Standing;
use crate::state::{ServiceState, State};
use crate::sweep::Running;
use crate::view;
use ligase_domain::{Digest, Outcome, RepositoryId, Timestamp};
use ligase_policy::catalog::{Control, Framework};
use ligase_policy::organisation::Cascade;
use ligase_policy::{Catalog, DesiredState};
use ligase_proto::v1;
use ligase_runtime::rfc3339;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Skipped files that are named, of each service; all of them are counted.
const SKIPPED_NAMED: usize = 100;

/// Why there is no answer.
#[derive(Debug)]
pub enum OverviewError {
    /// The policy cannot be read.
    Declared(DeclaredError),
    /// The store failed.
    Ledger(LedgerError),
    /// The catalog has no such framework: its name, and those that it has.
    NoFramework(String, Vec<String>),
}

impl From<LedgerError> for OverviewError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// What a sweep would judge by at the instant of the last one.
fn as_swept(app: &App) -> Result<Running, OverviewError> {
    let declared = Declared::read(&app.config.organisation_file, &app.catalog).map_err(OverviewError::Declared)?;
    let forges = Forges::of(&declared, &app.config.remote);
    let now = app.ledger.read(last_sweep).unwrap_or(Timestamp(0));
    Ok(Running { declared, forges, sweep: Digest::of(b"no sweep runs"), now })
}

fn last_sweep(state: &State) -> Option<Timestamp> {
    state.sweeps.last().map(|s| s.ended.as_ref().map_or(s.started, |(at, _)| *at))
}

fn at(app: &App) -> String {
    app.ledger.read(last_sweep).map(|t| rfc3339(t.0)).unwrap_or_default()
}

fn repositories(app: &App) -> Vec<RepositoryId> {
    app.ledger.read(|s| s.repositories.keys().cloned().collect())
}

/// Repositories of which the last attempt to look ended without a result.
fn unreachable(app: &App) -> Vec<v1::RepositoryProblem> {
    app.ledger.read(|s| {
        let failed = s.repositories.values().filter_map(|r| Some((&r.listed, r.failed.as_ref()?)));
        let row = |(listed, (_, reason, detail)): (&ListedRepository, &(_, ligase_domain::FailureReason, String))| {
            v1::RepositoryProblem {
                repository: listed.name.clone(),
                reason: reason.name().to_owned(),
                detail: detail.clone(),
            }
        };
        failed.map(row).collect()
    })
}

fn control_text(control: &Control) -> v1::ControlText {
    v1::ControlText { id: control.id.value.clone(), title: control.title.clone(), clauses: Vec::new() }
}

fn clauses(catalog: &Catalog, control: &Control) -> Vec<v1::ClauseText> {
    let ids: BTreeSet<&str> = control.served_by.iter().map(|l| l.clause.as_str()).collect();
    let modelled = |id: &str| {
        let clause =
            ligase_domain::ClauseId::parse(id).and_then(|id| catalog.clause(&id).map(|c| c.clause.is_modelled()));
        clause.unwrap_or(false)
    };
    ids.into_iter().map(|id| v1::ClauseText { clause: id.to_owned(), modelled: modelled(id) }).collect()
}

/// What a page about the organisation needs.
pub fn overview(app: &App) -> Result<v1::OverviewAnswer, OverviewError> {
    let running = as_swept(app)?;
    let mut wanted = Vec::new();
    for repository in repositories(app) {
        wanted.extend(judging::wanted(app, &running, &repository)?);
    }
    let organisation = &running.declared.organisation;
    let (frameworks, cascades, populations) = app.ledger.read(|s| {
        let of_services = s.services.values().map(|k| &k.standing);
        (
            frameworks(s, &app.catalog),
            organisation.cascades.iter().map(|c| cascade(s, c, &wanted)).collect(),
            of_services.map(population).collect(),
        )
    });
    Ok(v1::OverviewAnswer {
        organisation: organisation.name.clone(),
        at: at(app),
        catalog: app.catalog.digest().to_string(),
        frameworks,
        cascades,
        populations,
        unreachable: unreachable(app),
    })
}

fn frameworks(state: &State, catalog: &Catalog) -> Vec<v1::ReportFramework> {
    let mut services: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, known) in &state.services {
        for key in known.standing.frameworks.keys() {
            services.entry(key.split('@').next().unwrap_or(key)).or_default().push(id.to_string());
        }
    }
    let framework = |(id, services): (&str, Vec<String>)| {
        let known = catalog.framework(id)?;
        let text = |c: &Control| v1::ControlText { clauses: clauses(catalog, c), ..control_text(c) };
        Some(v1::ReportFramework {
            id: id.to_owned(),
            title: known.title.clone(),
            as_of: known.as_of.clone(),
            controls: known.controls.iter().map(text).collect(),
            services,
        })
    };
    services.into_iter().filter_map(framework).collect()
}

/// How far a cascade is: over the services that it reaches, the clauses that it brings.
fn cascade(
    state: &State,
    cascade: &Cascade,
    wanted: &[(ligase_policy::roster::Listed, DesiredState)],
) -> v1::ReportCascade {
    let mut row = v1::ReportCascade {
        name: cascade.name.clone(),
        mode: cascade.mode.name().to_owned(),
        enforcement: cascade.enforcement.name().to_owned(),
        frameworks: cascade.frameworks.iter().map(|(id, chosen)| chosen_text(id, chosen.as_ref())).collect(),
        constraints: cascade.constraints.iter().cloned().collect(),
        conditional: cascade.is_conditional(),
        ..Default::default()
    };
    for (listed, desired) in wanted {
        let reached = listed.unreadable.is_none() && cascade.reaches(listed.dna.as_ref()).unwrap_or(true);
        let Some(known) = state.services.get(&listed.service).filter(|_| reached) else { continue };
        row.services.push(listed.service.to_string());
        let brought: BTreeSet<_> =
            desired.requirements.iter().filter(|r| r.brought_by(&cascade.name)).map(|r| &r.clause).collect();
        for clause in known.standing.clauses.iter().filter(|c| brought.contains(&c.clause)) {
            row.satisfied += clause.sums.satisfied;
            row.waived += clause.sums.waived;
            row.open += clause.sums.open;
            row.indeterminate += clause.sums.indeterminate;
        }
    }
    row
}

fn chosen_text(id: &str, chosen: Option<&BTreeSet<String>>) -> String {
    let Some(chosen) = chosen else { return id.to_owned() };
    format!("{id} ({})", chosen.iter().cloned().collect::<Vec<_>>().join(", "))
}

fn population(standing: &Arc<Standing>) -> v1::ReportPopulation {
    let population = &standing.population;
    let mut by: BTreeMap<String, u64> = BTreeMap::new();
    for skipped in &population.skipped {
        *by.entry(skipped.reason.clone()).or_default() += 1;
    }
    let named = population.skipped.iter().take(SKIPPED_NAMED);
    v1::ReportPopulation {
        service: standing.service.to_string(),
        service_name: standing.name.clone(),
        files_total: population.files_total,
        by_class: view::counted(population.by_class.clone()),
        skipped_by: view::counted(by),
        skipped: named.map(|s| v1::SkippedRow { path: s.path.to_string(), reason: s.reason.clone() }).collect(),
        incomplete: population.incomplete.clone().unwrap_or_default(),
    }
}

/// What frameworks would ask for, of every service that was looked at.
pub fn assess(app: &App, adopt: &[String]) -> Result<v1::AssessAnswer, OverviewError> {
    let mut running = as_swept(app)?;
    let organisation = running.declared.organisation.clone();
    let known = app.catalog.frameworks();
    let wanted: BTreeSet<&str> = if adopt.is_empty() {
        known.keys().map(String::as_str).collect()
    } else {
        adopt.iter().map(String::as_str).collect()
    };
    let mut frameworks = Vec::with_capacity(wanted.len());
    let repositories = repositories(app);
    for id in wanted {
        let Some(framework) = app.catalog.framework(id) else {
            return Err(OverviewError::NoFramework(id.to_owned(), known.keys().cloned().collect()));
        };
        running.declared.organisation = organisation.adopting(id);
        let mut judged = Vec::new();
        for repository in &repositories {
            judged.extend(judging::judge_as_if(app, &running, repository)?);
        }
        frameworks.push(app.ledger.read(|s| assessed(s, &app.catalog, framework, &judged)));
    }
    Ok(v1::AssessAnswer {
        organisation: organisation.name,
        at: at(app),
        frameworks,
        repositories: repositories.len() as u64,
        unreachable: unreachable(app),
    })
}

fn assessed(state: &State, catalog: &Catalog, framework: &Framework, judged: &[AsIf]) -> v1::AssessedFramework {
    let mut controls: Vec<v1::AssessedControl> = framework.controls.iter().map(|c| blank(catalog, c)).collect();
    let (mut findings, mut adopted) = (Vec::new(), 0);
    for service in judged {
        let already = |id: &str| {
            state.services.get(&service.listed.service).is_some_and(|k| k.standing.frameworks.contains_key(id))
        };
        adopted += u64::from(already(&framework.key()));
        let holds: BTreeSet<String> =
            service.desired.requirements.iter().filter(|r| r.holds_already()).map(|r| r.clause.to_string()).collect();
        for control in &mut controls {
            control.holds += u64::from(control.clauses.iter().any(|c| holds.contains(&c.clause)));
        }
        let known = ServiceState {
            standing: Arc::new(Standing::of(&service.assessment)),
            statement: Digest::of(b""),
            undeclared_since: None,
        };
        for finding in &service.assessment.findings {
            let of_it = finding.controls.iter().filter(|c| c.framework == framework.id);
            let named: BTreeSet<&str> = of_it.map(|c| c.control.as_str()).collect();
            if named.is_empty() {
                continue;
            }
            for control in controls.iter_mut().filter(|c| named.contains(c.id.as_str())) {
                control.satisfied += u64::from(finding.outcome == Outcome::Satisfied);
                control.not_applicable += u64::from(matches!(finding.outcome, Outcome::NotApplicable(_)));
            }
            if matches!(finding.outcome, Outcome::NotSatisfied | Outcome::Indeterminate(_)) {
                findings.push(view::finding_row(state, &service.listed.service, &known, finding));
            }
        }
    }
    v1::AssessedFramework {
        id: framework.id.clone(),
        title: framework.title.clone(),
        as_of: framework.as_of.clone(),
        controls,
        findings,
        services: judged.len() as u64,
        adopted,
    }
}

fn blank(catalog: &Catalog, control: &Control) -> v1::AssessedControl {
    let text = control_text(control);
    v1::AssessedControl { id: text.id, title: text.title, clauses: clauses(catalog, control), ..Default::default() }
}
