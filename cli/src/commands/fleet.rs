//! `ligase fleet`: who leads, who works, what waits; and telling members to drain.

use crate::args::fleet::{Fleet, FleetVerb};
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, heading, style, styled, table};
use anstream::println;
use ligase_proto::v1::{DrainRequest, FleetAnswer, FleetRequest};
use serde_json::json;

/// Runs it.
pub fn run(args: &Fleet, as_json: bool) -> Result<Exit, Failure> {
    let embedded = Embedded::open(&args.standing, 1)?;
    match &args.verb {
        FleetVerb::Status => {
            let answer = embedded.call(async |mut api| api.fleet(FleetRequest {}).await)?;
            if as_json { output::json(&to_json(&answer)) } else { print(&answer) }
        }
        FleetVerb::Drain { name, resume } => {
            let request = DrainRequest { name: name.clone(), resume: *resume };
            let answer = embedded.call(async |mut api| api.drain(request).await)?;
            if as_json {
                output::json(&json!({"members": answer.members, "resume": resume}));
            } else {
                let what = if *resume { "go on" } else { "drain: take nothing more and finish what they hold" };
                println!("told within seconds to {what}: {}", answer.members.join(", "));
            }
        }
    }
    Ok(Exit::Holds)
}

fn to_json(a: &FleetAnswer) -> serde_json::Value {
    let members: Vec<_> = a
        .members
        .iter()
        .map(|m| {
            json!({
                "role": m.role, "name": m.name, "version": m.version, "slots": m.slots, "held": m.held, "zone": m.zone,
                "silent_ms": m.silent_ms, "draining": m.draining, "clock_off_ms": m.clock_off_ms, "probe_set": m.probe_set,
            })
        })
        .collect();
    let backlog: Vec<_> = a
        .backlog
        .iter()
        .map(|b| {
            json!({
                "kind": b.kind, "lane": b.lane, "waiting": b.waiting, "leased": b.leased, "oldest_ms": b.oldest_ms,
            })
        })
        .collect();
    json!({
        "leader": a.leader, "fence": a.fence, "organisation": a.organisation, "version": a.version, "members": members,
        "backlog": backlog, "dead_letters": a.dead_letters, "planned": a.planned, "sweep": a.sweep,
        "next_sweep": a.next_sweep, "queue": a.queue,
    })
}

fn print(a: &FleetAnswer) {
    let leader = if a.leader.is_empty() { "this process" } else { &a.leader };
    println!("{}  led by {leader}, term {}; queue {}", styled(style::BOLD, &a.organisation), a.fence, a.queue);
    let sweep = match (a.sweep.as_str(), a.next_sweep.as_str()) {
        ("", "") => "no sweep runs, and none is scheduled".to_owned(),
        ("", next) => format!("no sweep runs; the next is due {next}"),
        (id, _) => format!("sweep {} runs: {} not ended", &id[..id.len().min(12)], output::counted(a.planned, "task")),
    };
    println!("  {sweep}; {}", output::counted(a.dead_letters, "dead letter"));
    heading("Members");
    if a.members.is_empty() {
        println!("  nobody has said hello lately");
    } else {
        let row = |m: &ligase_proto::v1::MemberRow| {
            let state = if m.draining { "draining" } else { "works" };
            vec![
                m.role.clone(),
                m.name.clone(),
                m.version.clone(),
                format!("{} of {}", m.held, m.slots),
                if m.zone.is_empty() { "anywhere".to_owned() } else { m.zone.clone() },
                state.to_owned(),
                seconds(m.silent_ms),
                format!("{:+} ms", m.clock_off_ms),
            ]
        };
        let head = ["role", "name", "version", "holds", "zone", "", "heard of before", "clock"];
        table(&head, a.members.iter().map(row).collect());
    }
    if !a.backlog.is_empty() {
        heading("Tasks");
        let row = |b: &ligase_proto::v1::BacklogRow| {
            let counts = [b.waiting.to_string(), b.leased.to_string(), seconds(b.oldest_ms)];
            [vec![b.kind.clone(), b.lane.clone()], counts.to_vec()].concat()
        };
        table(&["kind", "lane", "waiting", "leased", "oldest"], a.backlog.iter().map(row).collect());
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}
