//! `ligase explain`: the walk from a finding to the bytes, and on to the merge that closed it.

use crate::args::Explain;
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, style, styled};
use crate::rows;
use anstream::println;
use ligase_proto::v1::{ExplainAnswer, ExplainRequest};
use serde_json::json;

/// Runs it.
pub fn run(args: &Explain, as_json: bool) -> Result<Exit, Failure> {
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
