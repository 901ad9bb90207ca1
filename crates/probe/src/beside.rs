//! What stands beside an endpoint: how many others of its file answer reads to strangers, how many ask who is calling,
//! and whether one of them logs people in. What is meant by it is not said here; a clause may. Next: `link.rs`.

use ligase_domain::{Observation, Value};
use std::collections::BTreeMap;

/// Roles that are open wherever they stand, so that they say nothing about their neighbours.
const OPEN_BY_ROLE: &[&str] = &["login", "token", "password-reset", "one-time-code", "health", "static", "docs"];
const LOGS_IN: &[&str] = &["login", "token"];

/// Whom an endpoint lets in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lets {
    Everybody,
    Known,
    /// What stands before it, or its chain, is not known.
    Unclear,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    open_reads: i64,
    guarded_reads: i64,
    guarded_writes: i64,
    logs_in: i64,
    asks: i64,
}

fn is_read(endpoint: &Observation) -> bool {
    matches!(endpoint.text("method"), Some("GET" | "HEAD"))
}

fn lets(endpoint: &Observation) -> Lets {
    let guards = endpoint.attributes.get("guards").and_then(Value::as_list).unwrap_or_default();
    let kinds = || {
        guards.iter().filter_map(Value::as_map).map(|g| {
            let optional = matches!(g.get("optional"), Some(Value::Bool(true)));
            (g.get("kind").and_then(Value::as_text).unwrap_or_default(), optional)
        })
    };
    if kinds().any(|(kind, optional)| !optional && matches!(kind, "authentication" | "authorization")) {
        Lets::Known
    } else if endpoint.text("chain") == Some("resolved") && kinds().all(|(kind, _)| kind != "unknown") {
        Lets::Everybody
    } else {
        Lets::Unclear
    }
}

/// What one endpoint adds to what is said of the others of its file.
fn adds(endpoint: &Observation) -> Counts {
    let role = endpoint.text("role").unwrap_or_default();
    let debugs = endpoint.text("full_path").is_some_and(|p| p.contains("/debug/"));
    let (lets, read) = (lets(endpoint), is_read(endpoint));
    Counts {
        open_reads: i64::from(lets == Lets::Everybody && read && !debugs && !OPEN_BY_ROLE.contains(&role)),
        guarded_reads: i64::from(lets == Lets::Known && read),
        guarded_writes: i64::from(lets == Lets::Known && !read),
        logs_in: i64::from(LOGS_IN.contains(&role) && !read),
        asks: i64::from(role == "password-reset" && !read && asks_for_mail(endpoint)),
    }
}

/// Whether an endpoint of a forgotten password sends a mail, by what it is called.
fn asks_for_mail(endpoint: &Observation) -> bool {
    let path = endpoint.text("full_path").unwrap_or_default();
    let handler = endpoint.text("handler").unwrap_or_default();
    let own = handler.rsplit(['.', ':', '/', '#']).next().unwrap_or_default();
    let named = format!("{path} {own}").to_ascii_lowercase();
    ["forgot", "recover", "request", "init", "send", "lost"].iter().any(|w| named.contains(w))
}

/// Says of each endpoint what stands beside it, itself left out.
pub(crate) fn beside(all: &mut [Observation]) {
    let mut files: BTreeMap<Vec<u8>, Counts> = BTreeMap::new();
    let file = |o: &Observation| o.place.path.as_bytes().to_vec();
    for endpoint in all.iter().filter(|o| o.kind == "endpoint") {
        let (added, counts) = (adds(endpoint), files.entry(file(endpoint)).or_default());
        counts.open_reads += added.open_reads;
        counts.guarded_reads += added.guarded_reads;
        counts.guarded_writes += added.guarded_writes;
        counts.logs_in += added.logs_in;
        counts.asks += added.asks;
    }
    for endpoint in all.iter_mut().filter(|o| o.kind == "endpoint") {
        let (own, counts) = (adds(endpoint), files.get(&file(endpoint)).copied().unwrap_or_default());
        let said = [
            ("open_reads_beside", Value::Int(counts.open_reads - own.open_reads)),
            ("guarded_reads_beside", Value::Int(counts.guarded_reads - own.guarded_reads)),
            ("guarded_writes_beside", Value::Int(counts.guarded_writes - own.guarded_writes)),
            ("logs_in_beside", Value::Bool(counts.logs_in - own.logs_in > 0)),
            ("reset_asked_beside", Value::Bool(counts.asks - own.asks > 0)),
        ];
        endpoint.attributes.extend(said.map(|(name, value)| (name.to_owned(), value)));
    }
}
