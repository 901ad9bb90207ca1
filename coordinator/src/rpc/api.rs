//! The public API: what the command line uses, and the pages will. There is no privileged path behind it.

use super::{blocking, listed, operate, person};
use crate::app::App;
use crate::declared::{Declared, DeclaredError};
use crate::fact::{ChangesetFact, Fact};
use crate::forges::Forges;
use crate::ledger::LedgerError;
use crate::overview::OverviewError;
use crate::{explain, overview, sweep, view};
use ligase_domain::{IntentId, Oid, RepositoryId};
use ligase_proto::v1::{self, api_server::Api};
use std::pin::Pin;
use std::sync::Arc;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

/// Progress messages that wait for a slow reader.
const PROGRESS_WAITING: usize = 64;

/// The service.
pub struct ApiService(pub Arc<App>);

type ProgressStream = Pin<Box<dyn Stream<Item = Result<v1::SweepProgress, Status>> + Send>>;

#[tonic::async_trait]
impl Api for ApiService {
    type SweepStream = ProgressStream;

    async fn sweep(&self, request: Request<v1::SweepRequest>) -> Result<Response<Self::SweepStream>, Status> {
        person(&request)?;
        let v1::SweepRequest { plan_only, only } = request.into_inner();
        let asked = sweep::Asked { plan_only, only, sweep: None };
        let (sender, receiver) = tokio::sync::mpsc::channel(PROGRESS_WAITING);
        let (answers, stream) = tokio::sync::mpsc::channel(PROGRESS_WAITING);
        let app = Arc::clone(&self.0);
        let (forwarding, ending) = (answers.clone(), answers);
        let relay = tokio::spawn(async move {
            let mut receiver = receiver;
            while let Some(message) = receiver.recv().await {
                // A reader that has gone does not stop the sweep.
                let _ = forwarding.send(Ok(message)).await;
            }
        });
        tokio::spawn(async move {
            let ended = sweep::sweep(app, asked, sender).await;
            let _ = relay.await;
            let last = ended.map_err(|e| sweep_error(&e)).map(|summary| v1::SweepProgress {
                stage: "done".to_owned(),
                summary: Some(summary),
                ..Default::default()
            });
            let _ = ending.send(last).await;
        });
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(stream))))
    }

    async fn status(&self, request: Request<v1::StatusRequest>) -> Result<Response<v1::StatusAnswer>, Status> {
        person(&request)?;
        let app = Arc::clone(&self.0);
        let answer = blocking(move || {
            let name = app.organisation();
            Ok(app.ledger.read(|s| view::status(s, &name, &app.catalog)))
        });
        Ok(Response::new(answer.await?))
    }

    async fn findings(&self, request: Request<v1::FindingsRequest>) -> Result<Response<v1::FindingsAnswer>, Status> {
        person(&request)?;
        let (app, asked) = (Arc::clone(&self.0), request.into_inner());
        let answer = blocking(move || Ok(v1::FindingsAnswer { findings: listed::findings(&app, &asked)? }));
        Ok(Response::new(answer.await?))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Result<Response<v1::ExplainAnswer>, Status> {
        person(&request)?;
        let (app, asked) = (Arc::clone(&self.0), request.into_inner().id);
        let answer = blocking(move || {
            let id = listed::finding_by_prefix(&app, &asked)?;
            explain::explain(&app, &id).map_err(ledger_error)
        });
        Ok(Response::new(answer.await?))
    }

    async fn changesets(
        &self,
        request: Request<v1::ChangesetsRequest>,
    ) -> Result<Response<v1::ChangesetsAnswer>, Status> {
        person(&request)?;
        let (app, asked) = (Arc::clone(&self.0), request.into_inner().id);
        let answer = blocking(move || {
            let wanted = if asked.is_empty() { all_changesets(&app) } else { vec![changeset_by_prefix(&app, &asked)?] };
            let mut changesets = Vec::with_capacity(wanted.len());
            for (id, fact) in &wanted {
                let patch = app.ledger.patch(&fact.patch_object).map_err(ledger_error)?;
                let report = app.ledger.gate_report(&fact.report_object).map_err(ledger_error)?;
                changesets.push(app.ledger.read(|s| view::changeset_row(s, id, fact, &patch, &report)));
            }
            Ok(v1::ChangesetsAnswer { changesets, refused: refused_rows(&app).map_err(ledger_error)? })
        });
        Ok(Response::new(answer.await?))
    }

    async fn act(&self, request: Request<v1::ActRequest>) -> Result<Response<v1::ActAnswer>, Status> {
        person(&request)?;
        let (app, asked) = (Arc::clone(&self.0), request.into_inner());
        Ok(Response::new(blocking(move || act(&app, &asked)).await?))
    }

    async fn overview(&self, request: Request<v1::OverviewRequest>) -> Result<Response<v1::OverviewAnswer>, Status> {
        person(&request)?;
        let app = Arc::clone(&self.0);
        Ok(Response::new(blocking(move || overview::overview(&app).map_err(overview_error)).await?))
    }

    async fn assess(&self, request: Request<v1::AssessRequest>) -> Result<Response<v1::AssessAnswer>, Status> {
        person(&request)?;
        let (app, adopt) = (Arc::clone(&self.0), request.into_inner().adopt);
        Ok(Response::new(blocking(move || overview::assess(&app, &adopt).map_err(overview_error)).await?))
    }

    async fn fleet(&self, request: Request<v1::FleetRequest>) -> Result<Response<v1::FleetAnswer>, Status> {
        person(&request)?;
        Ok(Response::new(operate::fleet(&self.0).await?))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainAnswer>, Status> {
        let who = person(&request)?;
        let asked = request.into_inner();
        let members = self.0.members.drain(&asked.name, asked.resume);
        tracing::info!(%who, name = asked.name, resume = asked.resume, "drain");
        if members.is_empty() {
            return Err(Status::not_found(format!(
                "E-API-NOT-FOUND: no member is named {:?} || list them with `ligase fleet status`",
                asked.name
            )));
        }
        Ok(Response::new(v1::DrainAnswer { members }))
    }

    async fn explain_task(
        &self,
        request: Request<v1::ExplainTaskRequest>,
    ) -> Result<Response<v1::ExplainTaskAnswer>, Status> {
        person(&request)?;
        Ok(Response::new(operate::explain_task(&self.0, &request.into_inner().key)?))
    }

    async fn dead_letters(
        &self,
        request: Request<v1::DeadLettersRequest>,
    ) -> Result<Response<v1::DeadLettersAnswer>, Status> {
        person(&request)?;
        Ok(Response::new(operate::dead_letters(&self.0, request.into_inner().sequence).await?))
    }

    async fn replay(&self, request: Request<v1::ReplayRequest>) -> Result<Response<v1::ReplayAnswer>, Status> {
        person(&request)?;
        Ok(Response::new(operate::replay(&self.0, request.into_inner().sequence).await?))
    }
}

fn overview_error(error: OverviewError) -> Status {
    match error {
        OverviewError::Ledger(error) => ledger_error(error),
        OverviewError::Declared(error) => declared_error(error),
        OverviewError::NoFramework(name, known) => Status::invalid_argument(format!(
            "E-ASSESS-FRAMEWORK: the catalog has no framework {name:?} || known are: {}",
            known.join(", ")
        )),
    }
}

pub fn ledger_error(error: LedgerError) -> Status {
    Status::unavailable(told(&error))
}

/// A store's refusal with its remedy apart, as people read the others.
fn told(error: &LedgerError) -> String {
    match error {
        LedgerError::Store(e) => format!("{}: {}: {} || {}", e.code, e.path.display(), e.problem, e.remedy),
        other => other.to_string(),
    }
}

fn sweep_error(error: &sweep::SweepError) -> Status {
    use sweep::SweepError;
    match error {
        SweepError::Unreadable(..) => Status::invalid_argument(error.to_string()),
        SweepError::Running => Status::failed_precondition(error.to_string()),
        SweepError::Ledger(error) => Status::unavailable(told(error)),
        SweepError::Panic(_) => Status::unavailable(error.to_string()),
    }
}

/// The only one, or why there is none.
pub fn one<T>(what: &str, prefix: &str, list: &str, mut found: Vec<T>) -> Result<T, Status> {
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(Status::not_found(format!(
            "E-API-NOT-FOUND: no {what} begins with {prefix:?} || list them with `{list}`"
        ))),
        (Some(_), more) => Err(Status::invalid_argument(format!(
            "E-API-AMBIGUOUS: {} {what}s begin with {prefix:?} || give more digits",
            more + 1
        ))),
    }
}

fn all_changesets(app: &App) -> Vec<(IntentId, ChangesetFact)> {
    app.ledger.read(|s| s.changesets.iter().flat_map(|(id, list)| list.iter().map(|f| (*id, f.clone()))).collect())
}

/// The one changeset whose id begins so; where an intent has several, its last.
fn changeset_by_prefix(app: &App, prefix: &str) -> Result<(IntentId, ChangesetFact), Status> {
    let all = all_changesets(app);
    if let Some(exact) = all.iter().find(|(id, f)| view::changeset_id(id, f.ordinal) == prefix) {
        return Ok(exact.clone());
    }
    let mut found: Vec<(IntentId, ChangesetFact)> = Vec::new();
    for (id, fact) in all.into_iter().filter(|(id, _)| !prefix.is_empty() && id.to_string().starts_with(prefix)) {
        found.retain(|(known, _)| *known != id);
        found.push((id, fact));
    }
    one("changeset", prefix, "ligase changesets", found)
}

fn refused_rows(app: &App) -> Result<Vec<v1::RefusedRow>, LedgerError> {
    let mut rows = Vec::new();
    for (intent, reason, detail, patch, report) in app.ledger.read(view::refused) {
        let patch = app.ledger.patch(&patch)?;
        let gate = view::gate_lines(&app.ledger.gate_report(&report)?);
        let (service, clause) = match app.ledger.read(|s| view::intent_of(s, &intent)) {
            Ok(known) => known,
            Err(about) => {
                let found = about.map(|id| app.ledger.finding(&id)).transpose()?.flatten();
                found.map(|(_, f)| (f.service.to_string(), f.clause.to_string())).unwrap_or_default()
            }
        };
        rows.push(v1::RefusedRow {
            service,
            clause,
            reason,
            detail,
            diff: patch.diff.clone(),
            gate,
            patch: patch.digest().to_string(),
        });
    }
    Ok(rows)
}

fn forges(app: &App) -> Result<Forges, Status> {
    match Declared::read(&app.config.organisation_file, &app.catalog) {
        Ok(declared) => Ok(Forges::of(&declared, &app.config.remote)),
        Err(error) => Err(declared_error(error)),
    }
}

fn declared_error(error: DeclaredError) -> Status {
    match error {
        DeclaredError::Unreadable(path, e) => Status::invalid_argument(format!(
            "E-ORG-UNREADABLE: {}: {e} || name the organisation's policy with --org",
            path.display()
        )),
        DeclaredError::Documents(errors) => {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            Status::invalid_argument(format!("E-ORG-INVALID: {first}"))
        }
    }
}

/// Does what a person asks, on the forge; what follows from it, the next sweep sees.
fn act(app: &App, asked: &v1::ActRequest) -> Result<v1::ActAnswer, Status> {
    if asked.login.trim().is_empty() {
        return Err(Status::invalid_argument("E-API-LOGIN: nobody is named || say who acts with --as LOGIN"));
    }
    let forges = forges(app)?;
    if asked.act == "approve-waivers" {
        return approve_waivers(app, &forges, asked);
    }
    let (id, fact) = changeset_by_prefix(app, &asked.changeset)?;
    let subject = view::changeset_id(&id, fact.ordinal);
    let repository = fact.changeset.intent.service.repository.clone();
    let number = fact.changeset.number;
    let now = app.ledger.now();
    let numbered = || {
        number
            .ok_or_else(|| Status::failed_precondition("E-API-UNPUBLISHED: it has no pull request yet || sweep again"))
    };
    let refused = |e: crate::forges::ForgeRefusal| Status::failed_precondition(e.to_string());
    let mut facts = vec![acted(asked, &subject)];
    let (detail, revision) = match asked.act.as_str() {
        "merge" => {
            let commit = forges.merge(&repository, numbered()?, &asked.login, asked.simulated, now).map_err(refused)?;
            (format!("merged as {}; the next sweep looks at it", commit.short()), commit.to_string())
        }
        "revert" => {
            let commit = forges.revert(&repository, numbered()?, &asked.login, now).map_err(refused)?;
            (format!("reverted by {}", commit.short()), commit.to_string())
        }
        "close" => {
            forges.close_by(&repository, numbered()?, &asked.login, &asked.text, now).map_err(refused)?;
            ("closed; Ligase does not propose it again".to_owned(), String::new())
        }
        "comment" => {
            forges.comment_by(&repository, numbered()?, &asked.login, &asked.text, now).map_err(refused)?;
            ("commented".to_owned(), String::new())
        }
        "approve" => {
            forges.approve(&repository, numbered()?, &asked.login, now).map_err(refused)?;
            ("approved".to_owned(), String::new())
        }
        "resume" => {
            facts.push(Fact::Resumed { intent: id, login: asked.login.clone() });
            ("resumed; the next sweep may propose it again".to_owned(), String::new())
        }
        other => return Err(Status::invalid_argument(format!("E-API-ACT: nobody can {other:?} a changeset"))),
    };
    app.ledger.record_now(facts).map_err(ledger_error)?;
    Ok(v1::ActAnswer { detail, revision })
}

fn acted(asked: &v1::ActRequest, subject: &str) -> Fact {
    Fact::Acted {
        login: asked.login.clone(),
        act: asked.act.clone(),
        subject: subject.to_owned(),
        text: asked.text.clone(),
        simulated: asked.simulated,
    }
}

fn approve_waivers(app: &App, forges: &Forges, asked: &v1::ActRequest) -> Result<v1::ActAnswer, Status> {
    let repository: RepositoryId = app
        .ledger
        .read(|s| {
            let named = |l: &&crate::fact::ListedRepository| {
                l.name == asked.repository || l.repository.to_string() == asked.repository
            };
            s.repositories.values().map(|r| &r.listed).find(named).map(|l| l.repository.clone())
        })
        .ok_or_else(|| {
            let known = app
                .ledger
                .read(|s| s.repositories.values().map(|r| r.listed.name.clone()).collect::<Vec<_>>().join(", "));
            Status::not_found(format!(
                "E-API-NOT-FOUND: no repository is named {:?} || known are: {known}",
                asked.repository
            ))
        })?;
    let refused = |e: crate::forges::ForgeRefusal| Status::failed_precondition(e.to_string());
    let revision: Oid = if asked.revision.is_empty() {
        forges.head(&repository).map_err(refused)?
    } else {
        asked.revision.parse().map_err(|e: ligase_domain::OidParseError| {
            Status::invalid_argument(format!("E-API-REVISION: {e} || give the full commit id"))
        })?
    };
    forges.approve_revision(&repository, &revision, &asked.login, app.ledger.now()).map_err(refused)?;
    app.ledger.record_now(vec![acted(asked, &format!("{repository}@{revision}"))]).map_err(ledger_error)?;
    let detail = format!(
        "review of {} by {} is recorded; waivers in these very bytes count from the next sweep",
        revision.short(),
        asked.login
    );
    Ok(v1::ActAnswer { detail, revision: revision.to_string() })
}
