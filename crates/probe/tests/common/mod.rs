//! Small sources in, linked observations out.
#![allow(dead_code, clippy::unwrap_used)]

use ligase_domain::{MapTree, NoCache, Observation, Value};
use ligase_probe::{Look, NoProgress, ProbeSet, link, look};
use std::sync::OnceLock;

/// The shipped probe set, read once.
pub fn set() -> &'static ProbeSet {
    static SET: OnceLock<ProbeSet> = OnceLock::new();
    SET.get_or_init(|| ProbeSet::load(&ligase_catalog::shipped()).unwrap_or_else(|e| panic!("{e:#?}")))
}

/// Looks at a tree of these files.
pub fn looked(files: &[(&str, &str)]) -> Look {
    look(set(), &MapTree::new(files.iter().copied()), &NoCache, &NoProgress)
}

/// Linked observations of these files.
pub fn seen(files: &[(&str, &str)]) -> Vec<Observation> {
    let look = looked(files);
    assert_eq!(look.population.skipped, vec![], "a test's file was skipped");
    link(set(), &look.files)
}

/// Observations of one kind.
pub fn of<'o>(all: &'o [Observation], kind: &'o str) -> impl Iterator<Item = &'o Observation> {
    all.iter().filter(move |o| o.kind == kind)
}

/// One endpoint as a line: `GET /x [authentication app.deps.user (dependency)] resolved`.
pub fn endpoint_line(o: &Observation) -> String {
    let guards: Vec<String> = o.attributes["guards"]
        .as_list()
        .unwrap()
        .iter()
        .map(|g| {
            let g = g.as_map().unwrap();
            let text = |n: &str| g[n].as_text().unwrap().to_owned();
            let optional = if g["optional"] == Value::Bool(true) { "?" } else { "" };
            format!("{}{optional} {} ({})", text("kind"), text("symbol"), text("from"))
        })
        .collect();
    let chain = match o.text("chain_reason").unwrap() {
        "" => "resolved".to_owned(),
        reason => format!("unresolved: {reason}"),
    };
    format!("{} {} [{}] {chain}", o.text("method").unwrap(), o.text("full_path").unwrap(), guards.join(", "))
}

/// All endpoints as lines, sorted.
pub fn endpoints(files: &[(&str, &str)]) -> Vec<String> {
    let mut lines: Vec<String> = of(&seen(files), "endpoint").map(endpoint_line).collect();
    lines.sort();
    lines
}

/// One log call as a line: `f: logger.info {patient.ssn=pii/argument} opaque{…}`; `~` marks a sanitized value.
pub fn log_line(o: &Observation) -> String {
    let values: Vec<String> = o.attributes["values"]
        .as_list()
        .unwrap()
        .iter()
        .map(|v| {
            let v = v.as_map().unwrap();
            let text = |n: &str| v[n].as_text().unwrap().to_owned();
            let clean = if v["sanitized"] == Value::Bool(true) { "~" } else { "" };
            format!("{clean}{}={}/{}", text("name"), text("class"), text("via"))
        })
        .collect();
    let opaque: Vec<&str> = o.attributes["opaque"].as_list().unwrap().iter().filter_map(Value::as_text).collect();
    let opaque = if opaque.is_empty() { String::new() } else { format!(" opaque{{{}}}", opaque.join(", ")) };
    format!("{}: {} {{{}}}{opaque}", o.text("function").unwrap(), o.text("callee").unwrap(), values.join(", "))
}

/// All log calls as lines, in the order of the source.
pub fn logs(files: &[(&str, &str)]) -> Vec<String> {
    of(&seen(files), "log-call").map(log_line).collect()
}
