//! What workers and agent-runners say: blobs first, then the result that names them.
//!
//! A result is accepted once by its task's key; a second delivery changes nothing. It may only name objects that the store
//! has, and only of tasks that were planned.

use super::refusals::{of_stream, refused};
use super::{blocking, ledger_error, malformed, role, store_error};
use crate::app::{App, Ingested};
use crate::attempts::NOT_PLANNED;
use crate::desk::Planned;
use crate::fact::{Abstained, Attempt, Declaration, Fact, ProbedResult, Refused, Remedied};
use crate::state::{State, fingerprint};
use crate::uploads::heard;
use ligase_domain::{Digest, RepoPath, TaskKind};
use ligase_evidence::Hashed;
use ligase_proto::attempt::carried;
use ligase_proto::client::{ALONG_BYTES_MAX, Assembly, DIGESTS_MAX, UPLOAD_BYTES_MAX, chunks};
use ligase_proto::convert::{self, digest_bytes};
use ligase_proto::principal::Principal;
use ligase_proto::v1::{self, fleet_server::Fleet};
use ligase_record::RecordError;
use ligase_runtime::follow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

/// Uploaded bytes that are held before they are made durable together.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// The beginning of an attempt is written down within this time.
const SOON: Duration = Duration::from_millis(200);
/// Characters of why an attempt was given back.
const DETAIL_CHARS: usize = 2_000;
/// Objects that are made durable together.
const GROUP_OBJECTS: usize = 4096;

/// The service.
pub struct FleetService(pub Arc<App>);

type ObjectStream = Pin<Box<dyn Stream<Item = Result<v1::ObjectChunk, Status>> + Send>>;

#[tonic::async_trait]
impl Fleet for FleetService {
    async fn hello(&self, request: Request<v1::HelloRequest>) -> Result<Response<v1::HelloAnswer>, Status> {
        let who = role(&request, &["worker", "agent-runner"])?;
        let drain = self.0.members.heard(&who, request.into_inner(), self.0.ledger.now().0);
        let seat = &self.0.config.seat;
        let catalog = seat.catalog.as_ref().map(digest_bytes).unwrap_or_default();
        Ok(Response::new(v1::HelloAnswer { drain, fence: seat.fence, queue: seat.queue.clone(), catalog }))
    }

    async fn recorded(&self, request: Request<v1::RecordedRequest>) -> Result<Response<v1::RecordedAnswer>, Status> {
        let who = role(&request, &["worker", "agent-runner"])?;
        let asked = request.into_inner();
        let key = convert::task_key(&asked.kind, &asked.key).map_err(malformed)?;
        let recorded = self.0.ledger.read(|s| s.terminal.contains(&key.digest));
        let planned = self.0.desk.planned(&key.digest).is_some();
        // What nobody has asked for is not written down, whoever says that it began.
        if asked.attempt > 0 && (recorded || planned) {
            let attempt = Attempt { key: key.digest, kind: asked.kind, number: asked.attempt, by: who.to_string() };
            let mut facts = vec![Fact::AttemptBegan(attempt.clone())];
            let over = match (recorded, planned) {
                (true, _) => Some("recorded-already"),
                // Of a revision or a policy that is gone, or of a sweep that is taken up in a moment.
                (false, false) => Some(NOT_PLANNED),
                (false, true) => None,
            };
            let begins = over.is_none();
            facts.extend(over.map(|cause| Fact::AttemptEnded { attempt, cause: cause.to_owned() }));
            let app = Arc::clone(&self.0);
            if begins {
                begin_soon(app, &key.digest, facts)?;
            } else {
                blocking(move || note(&app, &key.digest, facts)).await?;
            }
        }
        Ok(Response::new(v1::RecordedAnswer { recorded, planned }))
    }

    async fn give_back(&self, request: Request<v1::GivenBack>) -> Result<Response<v1::ReportAnswer>, Status> {
        let who = role(&request, &["worker", "agent-runner"])?;
        let given = request.into_inner();
        let key = convert::task_key(&given.kind, &given.key).map_err(malformed)?;
        let failure = given.failure.as_ref().ok_or_else(|| Status::invalid_argument("E-WIRE-MALFORMED: no failure"))?;
        let (reason, detail) = convert::failure(failure).map_err(malformed)?;
        let attempt = Attempt { key: key.digest, kind: given.kind, number: given.attempt, by: who.to_string() };
        let detail: String = detail.chars().take(DETAIL_CHARS).collect();
        let fact = Fact::AttemptEnded { attempt, cause: format!("given back: {reason}: {detail}") };
        let app = Arc::clone(&self.0);
        blocking(move || note(&app, &key.digest, vec![fact])).await?;
        Ok(Response::new(v1::ReportAnswer { accepted: true, detail: "noted".to_owned() }))
    }

    async fn find_missing(&self, request: Request<v1::Digests>) -> Result<Response<v1::Digests>, Status> {
        role(&request, &["worker", "agent-runner"])?;
        let asked = digests(&request.into_inner())?;
        let app = Arc::clone(&self.0);
        let missing = blocking(move || app.ledger.store().missing(&asked).map_err(|e| store_error(&e))).await?;
        Ok(Response::new(v1::Digests { digests: missing.iter().map(digest_bytes).collect() }))
    }

    async fn upload(&self, request: Request<Streaming<v1::ObjectChunk>>) -> Result<Response<v1::UploadAnswer>, Status> {
        let who = role(&request, &["worker", "agent-runner"])?;
        let mut stream = request.into_inner();
        let _turn = self.0.uploads.turn(&who).await;
        let name = who.to_string();
        let (mut assembly, mut answer) = (Assembly::of_at_most(UPLOAD_BYTES_MAX), v1::UploadAnswer::default());
        let (mut group, mut group_bytes) = (Vec::new(), 0);
        loop {
            let next = heard(stream.message(), &name).await?;
            let Some(chunk) = next.map_err(|status| of_stream(status, &name))? else { break };
            let taken = assembly.take(chunk).inspect_err(|status| refused(status, &name))?;
            let Some((_, bytes)) = taken else { continue };
            answer.objects += 1;
            answer.bytes += bytes.len() as u64;
            group_bytes += bytes.len();
            group.push(bytes);
            if group_bytes >= GROUP_BYTES || group.len() >= GROUP_OBJECTS {
                self.keep(std::mem::take(&mut group)).await.inspect_err(|status| refused(status, &name))?;
                group_bytes = 0;
            }
        }
        self.keep(group).await.inspect_err(|status| refused(status, &name))?;
        ligase_runtime::count("ligase_upload_bytes_total", &[], answer.bytes);
        Ok(Response::new(answer))
    }

    type FetchStream = ObjectStream;

    async fn fetch(&self, request: Request<v1::Digests>) -> Result<Response<Self::FetchStream>, Status> {
        role(&request, &["worker", "agent-runner"])?;
        let asked = digests(&request.into_inner())?;
        let app = Arc::clone(&self.0);
        // Bounded: the reader waits while the receiver is behind.
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        tokio::task::spawn_blocking(move || {
            for digest in asked {
                let object = app.ledger.object(&digest).map_err(|e| Status::not_found(e.to_string()));
                let messages: Vec<_> = match object {
                    Ok(bytes) => chunks(vec![(digest, bytes)]).map(Ok).collect(),
                    Err(status) => vec![Err(status)],
                };
                for message in messages {
                    let failed = message.is_err();
                    if sender.blocking_send(message).is_err() || failed {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))))
    }

    async fn find_observed(&self, request: Request<v1::Digests>) -> Result<Response<v1::ObservedAnswer>, Status> {
        role(&request, &["worker", "agent-runner"])?;
        let asked = digests(&request.into_inner())?;
        let app = Arc::clone(&self.0);
        let known = blocking(move || app.ledger.store().get_looks(&asked).map_err(|e| store_error(&e))).await?;
        let objects = known.iter().map(|o| o.as_ref().map(digest_bytes).unwrap_or_default()).collect();
        Ok(Response::new(v1::ObservedAnswer { objects }))
    }

    async fn report_probe(&self, request: Request<v1::ProbeReport>) -> Result<Response<v1::ReportAnswer>, Status> {
        let who = role(&request, &["worker"])?;
        let parent = carried(&request);
        let report = request.into_inner();
        let attempt = attempt(report.attempt.as_ref(), TaskKind::Probe, &who)?;
        let (app, key) = (Arc::clone(&self.0), attempt.key);
        let result = result_of(&[&report.root, &report.observations]);
        self.accept(attempt, parent, result, move |planned| probed(&app, key, planned, report)).await
    }

    async fn report_remedy(&self, request: Request<v1::RemedyReport>) -> Result<Response<v1::ReportAnswer>, Status> {
        let who = role(&request, &["agent-runner"])?;
        let parent = carried(&request);
        let report = request.into_inner();
        let attempt = attempt(report.attempt.as_ref(), TaskKind::Remedy, &who)?;
        let (key, result) = (attempt.key, result_of(&[&report.patch]));
        self.accept(attempt, parent, result, move |planned| remedied(key, planned, &report, who.name)).await
    }

    async fn report_verification(
        &self,
        request: Request<v1::VerificationReport>,
    ) -> Result<Response<v1::ReportAnswer>, Status> {
        let who = role(&request, &["worker"])?;
        let parent = carried(&request);
        let report = request.into_inner();
        let attempt = attempt(report.attempt.as_ref(), TaskKind::Verification, &who)?;
        let app = Arc::clone(&self.0);
        self.accept(attempt, parent, None, move |planned| looked_again(&app, planned, report)).await
    }
}

impl FleetService {
    async fn keep(&self, group: Vec<Vec<u8>>) -> Result<(), Status> {
        if group.is_empty() {
            return Ok(());
        }
        let app = Arc::clone(&self.0);
        blocking(move || app.ledger.store().put_batch(group).map(drop).map_err(|e| store_error(&e))).await
    }

    /// Reads a report of a planned task, checks that the store has what it names, and hands it in.
    async fn accept(
        &self,
        attempt: Attempt,
        parent: Option<String>,
        result: Option<Digest>,
        read: impl FnOnce(&Planned) -> Result<(Ingested, Vec<Digest>), Status> + Send + 'static,
    ) -> Result<Response<v1::ReportAnswer>, Status> {
        let (app, kind, who) = (Arc::clone(&self.0), attempt.kind.clone(), attempt.by.clone());
        let span = tracing::info_span!("record", kind = attempt.kind, by = attempt.by);
        follow(&span, parent.as_deref(), false);
        let accepted = blocking(move || {
            let _inside = span.enter();
            let key = attempt.key;
            let _turn = app.desk.turn(&key);
            if app.ledger.read(|s| s.terminal.contains(&key)) {
                return second(&app, attempt, result);
            }
            let planned = app
                .desk
                .planned(&key)
                .ok_or_else(|| Status::failed_precondition("E-RPC-UNPLANNED: no such task is planned"))?;
            let (ingested, named) = read(&planned)?;
            let missing = app.ledger.store().missing(&without(named, &ingested)).map_err(|e| store_error(&e))?;
            if let Some(first) = missing.first() {
                return Err(Status::failed_precondition(format!(
                    "E-RPC-NO-OBJECT: the result names {first}, which was not uploaded"
                )));
            }
            app.hand_in(key, ingested, attempt).map_err(|e| ledger_error(&e))?;
            Ok("recorded")
        })
        .await
        .inspect_err(|status| refused(status, &who));
        let outcome = accepted.as_ref().map_or("refused", |detail| *detail);
        ligase_runtime::count("ligase_results_total", &[("kind", &kind), ("outcome", outcome)], 1);
        Ok(Response::new(v1::ReportAnswer { accepted: true, detail: accepted?.to_owned() }))
    }
}

/// One digest for the objects that a report names, if it names them.
fn result_of(objects: &[&Vec<u8>]) -> Option<Digest> {
    let named: Option<Vec<Digest>> = objects.iter().map(|o| convert::digest("result", o).ok()).collect();
    named.map(|named| fingerprint(&named))
}

fn digests(message: &v1::Digests) -> Result<Vec<Digest>, Status> {
    if message.digests.len() > DIGESTS_MAX {
        return Err(Status::invalid_argument("E-RPC-TOO-MANY: more digests than one query takes"));
    }
    message.digests.iter().map(|d| convert::digest("digests", d)).collect::<Result<_, _>>().map_err(malformed)
}

/// Which attempt a report is of; who made it, the connection says.
fn attempt(of: Option<&v1::Attempt>, kind: TaskKind, who: &Principal) -> Result<Attempt, Status> {
    let of = of.ok_or_else(|| Status::invalid_argument("E-WIRE-MALFORMED: field `attempt`: missing"))?;
    let key = convert::task_key(kind.name(), &of.key).map_err(malformed)?.digest;
    Ok(Attempt { key, kind: kind.name().to_owned(), number: of.number, by: who.to_string() })
}

/// Whether what is said of an attempt is written down: nobody does of what nobody asked for, or asked for too often.
fn is_noted(app: &App, key: &Digest) -> bool {
    let known = |s: &State| s.terminal.contains(key) || app.desk.planned(key).is_some();
    app.ledger.read(|s| known(s) && s.attempts.has_room(key))
}

/// Notes that an attempt began, with whatever is written next, and in a moment at the latest: nobody waits for it, and most
/// attempts end with a record anyway.
fn begin_soon(app: Arc<App>, key: &Digest, facts: Vec<Fact>) -> Result<(), Status> {
    if !is_noted(&app, key) {
        return Ok(());
    }
    let many = app.ledger.record_soon(facts).map_err(|e| ledger_error(&e))?;
    tokio::spawn(async move {
        tokio::time::sleep(if many { Duration::ZERO } else { SOON }).await;
        while !app.ledger.is_settled() {
            let settling = Arc::clone(&app);
            // Somebody else may be writing, or the disk may be full: it is tried again.
            let _ = tokio::task::spawn_blocking(move || settling.ledger.settle()).await;
            tokio::time::sleep(SOON).await;
        }
    });
    Ok(())
}

/// Writes down what an attempt did, while the task has room for it: nobody fills the journal by trying.
fn note(app: &App, key: &Digest, facts: Vec<Fact>) -> Result<(), Status> {
    if !is_noted(app, key) {
        return Ok(());
    }
    app.ledger.record_now(facts).map_err(|e| ledger_error(&e))
}

/// A second result of a recorded task changes nothing. One that differs from the recorded one is told: somebody lies, or what
/// looks at the same bytes twice does not see the same.
fn second(app: &App, attempt: Attempt, result: Option<Digest>) -> Result<&'static str, Status> {
    let key = attempt.key;
    let first = app.ledger.read(|s| s.results.get(&key).copied());
    let differs = result.zip(first).is_some_and(|(second, first)| second != first);
    let cause = if differs { "recorded-already, and this result differs" } else { "recorded-already" };
    if differs {
        let (task, by, kind) = (key.to_string(), attempt.by.as_str(), attempt.kind.as_str());
        ligase_runtime::count("ligase_results_differ_total", &[("kind", kind)], 1);
        tracing::warn!(task, by, kind, code = "E-RPC-DIFFERS", "a second result differs from the one that is recorded");
    }
    note(app, &key, vec![Fact::AttemptEnded { attempt, cause: cause.to_owned() }])?;
    Ok("recorded-already")
}

fn probed(
    app: &App,
    key: Digest,
    planned: &Planned,
    report: v1::ProbeReport,
) -> Result<(Ingested, Vec<Digest>), Status> {
    let Planned::Probe { repository, revision } = planned else { return Err(wrong_kind()) };
    let fact = |result| {
        let (repository, revision, probe_set) = (repository.clone(), *revision, app.config.probe_set);
        Box::new(Fact::Probed { key, repository, revision, probe_set, result })
    };
    if let Some(failure) = &report.failure {
        let failure = convert::failure(failure).map_err(malformed)?;
        return Ok((
            Ingested::Probed {
                fact: fact(Err(failure)),
                looked_at: 0,
                from_cache: 0,
                cloned: false,
                objects: Vec::new(),
            },
            Vec::new(),
        ));
    }
    let root = convert::digest("root", &report.root).map_err(malformed)?;
    let observations = convert::digest("observations", &report.observations).map_err(malformed)?;
    let mut objects = came_along(report.objects)?;
    let mut keep = |bytes| {
        let object = Hashed::of(bytes);
        let digest = object.digest();
        objects.push(object);
        digest
    };
    let mut declarations = Vec::with_capacity(report.declarations.len());
    for file in report.declarations {
        let blob = if file.blob.is_empty() { None } else { Some(convert::oid("blob", &file.blob).map_err(malformed)?) };
        let bytes = if file.unreadable.is_empty() { Ok(keep(file.bytes)) } else { Err(file.unreadable) };
        declarations.push(Declaration { path: RepoPath::from_escaped(&file.path), bytes, blob });
    }
    let codeowners = if report.codeowners.is_empty() { None } else { Some(keep(report.codeowners)) };
    let result = ProbedResult { root, observations, declarations, codeowners, files_total: report.files_total };
    let ingested = Ingested::Probed {
        fact: fact(Ok(result)),
        looked_at: report.files_looked_at,
        from_cache: report.files_from_cache,
        cloned: report.cloned,
        objects,
    };
    Ok((ingested, vec![root, observations]))
}

/// The objects that a report carries, unpacked and hashed; more than one call may carry are refused.
fn came_along(objects: Vec<Vec<u8>>) -> Result<Vec<Hashed>, Status> {
    if objects.len() > DIGESTS_MAX {
        return Err(Status::invalid_argument("E-RPC-TOO-MANY: more objects than one report takes"));
    }
    let unreadable = |e: RecordError| Status::invalid_argument(format!("E-WIRE-MALFORMED: field `objects`: {e}"));
    let mut left = ALONG_BYTES_MAX;
    let mut hashed = Vec::with_capacity(objects.len());
    for packed in objects {
        let object = Hashed::of_packed(packed, left).map_err(unreadable)?;
        left -= object.bytes().len();
        hashed.push(object);
    }
    ligase_runtime::count("ligase_upload_bytes_total", &[], (ALONG_BYTES_MAX - left) as u64);
    Ok(hashed)
}

/// Of what a result names, what did not come along with it.
fn without(named: Vec<Digest>, ingested: &Ingested) -> Vec<Digest> {
    let Ingested::Probed { objects, .. } = ingested else { return named };
    named.into_iter().filter(|digest| !objects.iter().any(|object| object.digest() == *digest)).collect()
}

fn remedied(
    key: Digest,
    planned: &Planned,
    report: &v1::RemedyReport,
    maker: String,
) -> Result<(Ingested, Vec<Digest>), Status> {
    let Planned::Remedy { intent, base, findings } = planned else { return Err(wrong_kind()) };
    let optional = |field, bytes: &[u8]| convert::optional_digest(field, bytes).map_err(malformed);
    let patch = optional("patch", &report.patch)?.zip(optional("report", &report.report)?);
    let mut named: Vec<Digest> = patch.iter().flat_map(|(p, r)| [*p, *r]).collect();
    let mut abstained = Vec::with_capacity(report.abstained.len());
    for a in &report.abstained {
        let finding = convert::finding("abstained", &a.finding).map_err(malformed)?;
        abstained.push(Abstained { finding, reason: a.reason.clone(), detail: a.detail.clone() });
    }
    let mut refused = Vec::with_capacity(report.refused.len());
    for r in &report.refused {
        let patch = convert::digest("refused.patch", &r.patch).map_err(malformed)?;
        let object = convert::digest("refused.report", &r.report).map_err(malformed)?;
        named.extend([patch, object]);
        refused.push(Refused { reason: r.reason.clone(), detail: r.detail.clone(), patch, report: object });
    }
    let patched: Vec<_> =
        report.patched.iter().map(|f| convert::finding("patched", f)).collect::<Result<_, _>>().map_err(malformed)?;
    if let Some(foreign) = patched.iter().chain(abstained.iter().map(|a| &a.finding)).find(|f| !findings.contains(f)) {
        return Err(Status::failed_precondition(format!("E-RPC-FOREIGN-FINDING: {foreign} was not asked for")));
    }
    let failure = report.failure.as_ref().map(convert::failure).transpose().map_err(malformed)?;
    let remedied = Remedied { key, intent: intent.id(), base: *base, patch, patched, abstained, refused, failure };
    Ok((Ingested::Remedied { remedied: Box::new(remedied), maker }, named))
}

fn looked_again(
    app: &App,
    planned: &Planned,
    report: v1::VerificationReport,
) -> Result<(Ingested, Vec<Digest>), Status> {
    let Planned::Verification { .. } = planned else { return Err(wrong_kind()) };
    if let Some(failure) = &report.failure {
        let failure = convert::failure(failure).map_err(malformed)?;
        return Ok((Ingested::LookedAgain { result: Err(failure) }, Vec::new()));
    }
    let root = convert::digest("root", &report.root).map_err(malformed)?;
    let observations = convert::digest("observations", &report.observations).map_err(malformed)?;
    app.ledger.keep_all(came_along(report.objects)?).map_err(|e| ledger_error(&e))?;
    Ok((Ingested::LookedAgain { result: Ok((root, observations)) }, vec![root, observations]))
}

fn wrong_kind() -> Status {
    Status::failed_precondition("E-RPC-KIND: the task of this key is of another kind")
}
