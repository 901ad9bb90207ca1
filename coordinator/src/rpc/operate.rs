//! What people who run a fleet ask: who works, what waits, what was set aside, what became of a task.

use crate::app::App;
use crate::attempts::{SET_ASIDE, Task, Tried};
use crate::desk::Planned;
use ligase_domain::{Digest, Timestamp};
use ligase_proto::v1;
use ligase_queue::{DeadLetter, Published, QueueError};
use ligase_runtime::rfc3339;
use std::sync::PoisonError;
use tonic::Status;

/// Tasks that are named where one is asked for that there is not.
const LATEST_SHOWN: usize = 5;

/// Who works, what waits.
pub async fn fleet(app: &App) -> Result<v1::FleetAnswer, Status> {
    let backlog = app.queue.backlog().await.map_err(|e| queue_error(&e))?;
    let letters = app.queue.dead_letters(0).await.map_err(|e| queue_error(&e))?;
    let due = *app.due.lock().unwrap_or_else(PoisonError::into_inner);
    let seat = &app.config.seat;
    Ok(v1::FleetAnswer {
        leader: seat.name.clone(),
        fence: seat.fence,
        organisation: app.organisation(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        members: app.members.rows(),
        backlog: backlog
            .into_iter()
            .map(|b| v1::BacklogRow {
                kind: b.kind.name().to_owned(),
                lane: b.lane,
                waiting: b.waiting,
                leased: b.leased,
                oldest_ms: u64::try_from(b.oldest.as_millis()).unwrap_or(u64::MAX),
            })
            .collect(),
        dead_letters: letters.len() as u64,
        planned: app.desk.len() as u64,
        sweep: app.running().map(|r| r.sweep.to_string()).unwrap_or_default(),
        next_sweep: due.map(|at| rfc3339(at.0)).unwrap_or_default(),
        queue: if seat.queue.is_empty() { "in this process".to_owned() } else { seat.queue.clone() },
    })
}

/// Every attempt at a task, and whether it has its record.
pub fn explain_task(app: &App, prefix: &str) -> Result<v1::ExplainTaskAnswer, Status> {
    let prefix = prefix.to_ascii_lowercase();
    let found: Vec<(Digest, Task, bool)> = app.ledger.read(|s| {
        let tasks = s.attempts.by_prefix(&prefix).into_iter();
        tasks.map(|(key, t)| (key, t.clone(), s.terminal.contains(&key))).collect()
    });
    if prefix.is_empty() || found.is_empty() {
        return Err(no_task(app, &prefix));
    }
    let (key, Task { kind, tried, superseded }, recorded) =
        super::api::one("task", &prefix, "ligase explain task", found)?;
    let planned = app.desk.planned(&key);
    let cause = |t: &Tried| t.ended.as_ref().map(|(_, cause)| cause.clone());
    let set_aside = tried.last().and_then(cause).filter(|cause| cause.starts_with(SET_ASIDE));
    let state = match (recorded, &planned) {
        (true, _) => "recorded",
        (false, Some(_)) => "planned",
        (false, None) if superseded => "superseded",
        (false, None) if set_aside.is_some() => "set-aside",
        (false, None) => "unknown",
    };
    let last = tried.len();
    let attempts = tried.iter().enumerate().map(|(i, t)| attempt_row(t, i + 1 == last && !recorded)).collect();
    Ok(v1::ExplainTaskAnswer {
        key: key.to_string(),
        kind,
        subject: planned.as_ref().map(subject).unwrap_or_default(),
        state: state.to_owned(),
        detail: if state == "set-aside" { set_aside.unwrap_or_default() } else { String::new() },
        attempts,
    })
}

/// There is no such task; the last ones that there are.
fn no_task(app: &App, prefix: &str) -> Status {
    let last: Vec<String> = app.ledger.read(|s| {
        let latest = s.attempts.latest().take(LATEST_SHOWN);
        latest.map(|(key, task)| format!("{} ({})", key.short(), task.kind)).collect()
    });
    let remedy = match last.is_empty() {
        true => "nothing was begun yet: sweep first".to_owned(),
        false => format!("the last that were begun are {}; members' logs name each", last.join(", ")),
    };
    let what =
        if prefix.is_empty() { "no key was given".to_owned() } else { format!("no task begins with {prefix:?}") };
    Status::not_found(format!("E-API-NOT-FOUND: {what} || {remedy}"))
}

fn attempt_row(tried: &Tried, may_run: bool) -> v1::AttemptRow {
    let shown = |at: Timestamp| rfc3339(at.0);
    let (ended, cause) = match &tried.ended {
        Some((at, cause)) => (shown(*at), cause.clone()),
        None if may_run => (String::new(), "runs, or was killed and its lease has not lapsed yet".to_owned()),
        None => (String::new(), "no word after its beginning: killed, cut off or stopped; its lease lapsed".to_owned()),
    };
    let began = tried.began.map(shown).unwrap_or_default();
    v1::AttemptRow { attempt: tried.number, by: tried.by.clone(), began, ended, cause }
}

fn subject(planned: &Planned) -> String {
    match planned {
        Planned::Probe { repository, revision } => format!("{repository} at {}", revision.short()),
        Planned::Remedy { intent, base, .. } => format!("{} of {} at {}", intent.clause, intent.service, base.short()),
        Planned::Verification { intent, patch, .. } => format!("patch {} for {}", patch.short(), intent.service),
    }
}

/// What was set aside: all of it, or one.
pub async fn dead_letters(app: &App, sequence: u64) -> Result<v1::DeadLettersAnswer, Status> {
    let all = app.queue.dead_letters(sequence.saturating_sub(1)).await.map_err(|e| queue_error(&e))?;
    let wanted = all.into_iter().filter(|l| sequence == 0 || l.sequence == sequence);
    let letters: Vec<_> = wanted.map(|l| letter_row(&l)).collect();
    if sequence > 0 && letters.is_empty() {
        return Err(queue_error(&QueueError::NoLetter(sequence)));
    }
    Ok(v1::DeadLettersAnswer { letters })
}

fn letter_row(letter: &DeadLetter) -> v1::DeadLetterRow {
    let repository = |r: Option<&v1::Repository>| r.map(|r| format!("{}:{}", r.forge, r.stable)).unwrap_or_default();
    let subject = match &letter.task.work {
        Some(v1::task::Work::Probe(p)) => repository(p.repository.as_ref()),
        Some(v1::task::Work::Remedy(r)) => {
            format!("{} of {}", r.clause, repository(r.service.as_ref().and_then(|s| s.repository.as_ref())))
        }
        Some(v1::task::Work::Verification(v)) => repository(v.service.as_ref().and_then(|s| s.repository.as_ref())),
        None => String::new(),
    };
    v1::DeadLetterRow {
        sequence: letter.sequence,
        kind: letter.key.kind.name().to_owned(),
        key: letter.key.digest.to_string(),
        attempts: letter.attempts,
        reason: letter.reason.clone(),
        at: if letter.at_ms == 0 { String::new() } else { rfc3339(letter.at_ms) },
        subject,
    }
}

/// Puts a dead letter's task on the belt again.
pub async fn replay(app: &App, sequence: u64) -> Result<v1::ReplayAnswer, Status> {
    let published = app.queue.replay(sequence).await.map_err(|e| queue_error(&e))?;
    let detail = match published {
        Published::Stored => "published again; its result counts while a sweep plans it",
        Published::Outstanding => "its key is on the belt already; nothing was published",
    };
    Ok(v1::ReplayAnswer { detail: detail.to_owned() })
}

fn queue_error(error: &QueueError) -> Status {
    match error {
        QueueError::NoLetter(_) => Status::not_found(format!("{error} || list them with `ligase deadletter list`")),
        _ => Status::unavailable(format!("{error} || see that the queue's server answers: `ligase doctor`")),
    }
}
