//! `ligase deadletter`: tasks that were set aside after their last attempt; what was tried, and trying again.

use crate::args::fleet::{DeadLetter, DeadLetterVerb};
use crate::commands::explain::print_task;
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, table};
use anstream::println;
use ligase_proto::v1::{DeadLetterRow, DeadLettersRequest, ExplainTaskRequest, ReplayRequest};
use serde_json::json;

/// Runs it.
pub fn run(args: &DeadLetter, as_json: bool) -> Result<Exit, Failure> {
    let embedded = Embedded::open(&args.standing, 1)?;
    match &args.verb {
        DeadLetterVerb::List => {
            let request = DeadLettersRequest { sequence: 0 };
            let letters = embedded.call(async |mut api| api.dead_letters(request).await)?.letters;
            if as_json {
                output::json(&letters.iter().map(to_json).collect::<Vec<_>>().into());
            } else if letters.is_empty() {
                println!("no task was set aside");
            } else {
                let head = ["number", "kind", "about", "attempts", "why", "at", "task"];
                table(&head, letters.iter().map(row).collect());
            }
        }
        DeadLetterVerb::Show { number } => {
            let request = DeadLettersRequest { sequence: *number };
            let letters = embedded.call(async |mut api| api.dead_letters(request).await)?.letters;
            let Some(letter) = letters.first() else { return Ok(Exit::Holds) };
            let asked = ExplainTaskRequest { key: letter.key.clone() };
            let task = embedded.call(async |mut api| api.explain_task(asked).await).ok();
            if as_json {
                let attempts = task.map(|t| crate::commands::explain::task_json(&t));
                output::json(&json!({"letter": to_json(letter), "task": attempts}));
            } else {
                println!("{} {}: {} ({} attempts)", letter.kind, letter.subject, letter.reason, letter.attempts);
                task.iter().for_each(print_task);
            }
        }
        DeadLetterVerb::Replay { number } => {
            let request = ReplayRequest { sequence: *number };
            let detail = embedded.call(async |mut api| api.replay(request).await)?.detail;
            if as_json { output::json(&json!({"detail": detail})) } else { println!("{detail}") }
        }
    }
    Ok(Exit::Holds)
}

fn row(l: &DeadLetterRow) -> Vec<String> {
    let key = l.key.get(..12).unwrap_or(&l.key).to_owned();
    let number = l.sequence.to_string();
    vec![number, l.kind.clone(), l.subject.clone(), l.attempts.to_string(), l.reason.clone(), l.at.clone(), key]
}

fn to_json(l: &DeadLetterRow) -> serde_json::Value {
    json!({
        "number": l.sequence, "kind": l.kind, "key": l.key, "attempts": l.attempts, "reason": l.reason, "at": l.at,
        "subject": l.subject,
    })
}
