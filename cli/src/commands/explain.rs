//! `ligase explain`: the walk from a finding to the bytes, and on to the merge that closed it.

use crate::args::Explain;
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, style, styled};
use crate::rows;
use anstream::println;
use ligase_proto::v1::{ExplainAnswer, ExplainRequest, ExplainTaskAnswer, ExplainTaskRequest};
use serde_json::json;

/// Runs it.
pub fn run(args: &Explain, as_json: bool) -> Result<Exit, Failure> {
    if args.id == "task" {
        let key = args.task.as_deref().unwrap_or_default();
        return task(args, key, as_json);
    }
    let request = ExplainRequest { id: args.id.clone() };
    let answer = Embedded::open(&args.standing, 1)?.call(async |mut api| api.explain(request).await)?;
    if as_json {
        let steps: Vec<_> = answer
            .steps
            .iter()
            .map(|s| json!({ "title": s.title, "detail": s.detail, "digest": s.digest, "verified": s.verified, "at": s.at }))
            .collect();
        output::json(&json!({ "finding": answer.finding.as_ref().map(rows::finding), "steps": steps }));
    } else {
        print(&answer);
    }
    Ok(Exit::Holds)
}

fn print(answer: &ExplainAnswer) {
    if let Some(f) = &answer.finding {
        println!("{} {}  {}", output::outcome(&f.outcome), styled(style::BOLD, &f.symbol), f.clause);
        println!("  {}", f.message);
    }
    for step in &answer.steps {
        println!();
        let at = if step.at.is_empty() { String::new() } else { styled(style::DIM, format!("  {}", step.at)) };
        println!("{}{at}", styled(style::BOLD, &step.title));
        for line in step.detail.lines() {
            println!("  {line}");
        }
        if !step.digest.is_empty() {
            let verified =
                if step.verified { styled(style::GREEN, "verified") } else { styled(style::YELLOW, "not re-hashed") };
            println!("  {} {verified}", styled(style::DIM, &step.digest));
        }
    }
}

fn task(args: &Explain, key: &str, as_json: bool) -> Result<Exit, Failure> {
    let request = ExplainTaskRequest { key: key.to_owned() };
    let answer = Embedded::open(&args.standing, 1)?.call(async |mut api| api.explain_task(request).await)?;
    if as_json {
        output::json(&task_json(&answer))
    } else {
        print_task(&answer)
    }
    Ok(Exit::Holds)
}

/// A task and its attempts as JSON.
pub fn task_json(a: &ExplainTaskAnswer) -> serde_json::Value {
    let attempts: Vec<_> = a
        .attempts
        .iter()
        .map(|t| json!({"attempt": t.attempt, "by": t.by, "began": t.began, "ended": t.ended, "cause": t.cause}))
        .collect();
    json!({"key": a.key, "kind": a.kind, "subject": a.subject, "state": a.state, "detail": a.detail, "attempts": attempts})
}

/// Prints a task and its attempts.
pub fn print_task(a: &ExplainTaskAnswer) {
    println!("{} {}  {}", styled(style::BOLD, &a.kind), a.key, a.state);
    for text in [&a.subject, &a.detail].into_iter().filter(|t| !t.is_empty()) {
        println!("  {text}");
    }
    let row = |t: &ligase_proto::v1::AttemptRow| {
        vec![t.attempt.to_string(), t.by.clone(), t.began.clone(), t.ended.clone(), t.cause.clone()]
    };
    output::table(&["attempt", "by", "began", "ended", "how"], a.attempts.iter().map(row).collect());
}
