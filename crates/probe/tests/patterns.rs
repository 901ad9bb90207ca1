//! Probes that are data: what they emit, what they are attached to, and what is refused when they are loaded.
#![allow(clippy::unwrap_used)]

mod common;

use common::{endpoint_line, of};
use ligase_catalog::CatalogFile;
use ligase_domain::{MapTree, NoCache, Observation};
use ligase_probe::{NoProgress, ProbeSet, link, look};

fn with_probe(yaml: &str) -> Result<ProbeSet, String> {
    let mut files = ligase_catalog::shipped();
    let bytes = format!("apiVersion: ligase.dev/v1\nkind: Probe\n{yaml}").into_bytes();
    files.push(CatalogFile { path: "probes/python/own.yaml".into(), bytes: bytes.into() });
    ProbeSet::load(&files)
        .map_err(|e| e.iter().map(|e| format!("{} {}", e.code, e.nearest)).collect::<Vec<_>>().join(";"))
}

fn seen(set: &ProbeSet, source: &str) -> Vec<Observation> {
    let found = look(set, &MapTree::new([("main.py", source)]), &NoCache, &NoProgress);
    assert_eq!(found.population.skipped, vec![]);
    link(set, &found.files)
}

const LIMIT: &str = "metadata: { id: own/limit, version: 1 }\nspec:\n  engine: ast-grep\n  language: python\n  prefilter: [throttled]\n  emits: guard\n  attach: { to: endpoint, by: same-definition }\n  rule: { pattern: 'throttled($RATE)' }\n  capture:\n    kind: { const: rate-limit }\n    symbol: { const: own.throttled }\n";

#[test]
fn a_guard_is_put_on_the_endpoint_of_its_definition_only() {
    let set = with_probe(LIMIT).unwrap();
    let source = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/a')\ndef a():\n    throttled(5)\n@app.get('/b')\ndef b(): ...\n";
    let lines: Vec<String> = of(&seen(&set, source), "endpoint").map(endpoint_line).collect();
    assert_eq!(lines, ["GET /a [rate-limit own.throttled (decorator)] resolved", "GET /b [] resolved"]);
}

#[test]
fn captured_values_are_read_as_the_probe_says_and_constants_resolved() {
    let yaml = "metadata: { id: own/call, version: 3 }\nspec:\n  engine: ast-grep\n  language: python\n  prefilter: [wire]\n  emits: unmodelled\n  rule: { pattern: 'wire($PATH, $N, $ON, $F, $L)' }\n  capture:\n    of: { const: endpoint }\n    looks_like: { from: PATH, as: string, resolve: constant }\n    number: { from: N, as: int }\n    on: { from: 'ON', as: bool }\n    symbol: { from: F, as: symbol }\n    all: { from: L, as: list }\n    where: { enclosing: definition }\n";
    let set = with_probe(yaml).unwrap();
    let source = "PATH = '/p'\nclass A:\n    def f(self):\n        # ast-grep-ignore\n        wire(PATH, 1_000, True, app.handler, ['a', 'b'])  # ast-grep-ignore\n";
    let all = seen(&set, source);
    let found = of(&all, "unmodelled").next().unwrap();
    assert_eq!(
        (found.text("looks_like"), found.text("symbol"), found.text("where")),
        (Some("/p"), Some("app.handler"), Some("A.f"))
    );
    assert_eq!((found.attributes["number"].as_int(), found.attributes["on"].as_bool()), (Some(1_000), Some(true)));
    assert_eq!(found.attributes["all"].as_list().map(<[_]>::len), Some(2));
    assert_eq!((found.probe.id.as_str(), found.probe.version), ("own/call", 3));
}

#[test]
fn a_probe_that_cannot_be_right_is_refused_when_it_is_loaded() {
    let spec = |emits: &str, rest: &str| {
        format!(
            "metadata: {{ id: own/x, version: 1 }}\nspec:\n  engine: ast-grep\n  language: python\n  emits: {emits}\n{rest}"
        )
    };
    let cases = [
        (spec("unmodeled", "  rule: { pattern: 'f($A)' }\n"), "E-PROBE-EMITS unmodelled"),
        (spec("guard", "  attach: { to: endpoint, by: same-file }\n  rule: { pattern: 'f($A)' }\n"), "E-PROBE-ATTACH"),
        (spec("unmodelled", "  rule: { kind: call, follows: { kind: call, stopBy: end } }\n"), "E-PROBE-COST"),
        (spec("unmodelled", "  rule: { kind: call, has: { regex: x, stopBy: end } }\n"), "E-PROBE-COST"),
        (spec("unmodelled", "  rule: { kind: no_such_kind }\n"), "E-PROBE-RULE"),
        (spec("unmodelled", "  rule: { regex: x }\n"), "E-PROBE-RULE"),
        (
            spec("unmodelled", "  rule: { kind: call }\n  capture: { of: { from: A, as: strng } }\n"),
            "E-PROBE-EXTRACTOR string",
        ),
        (spec("unmodelled", "  rule: { kind: call }\n  capture: { of: {} }\n"), "E-PROBE-CAPTURE"),
        (spec("unmodelled", "  rules: { kind: call }\n"), "E-PROBE"),
        (LIMIT.replace("ast-grep\n", "astgrep\n"), "E-PROBE-ENGINE ast-grep"),
        (LIMIT.replace("python\n", "pyton\n"), "E-PROBE-LANGUAGE python"),
        (LIMIT.replace("own/limit", "python/django-urls"), "E-PROBE-TWICE"),
    ];
    for (yaml, want) in cases {
        let refused = with_probe(&yaml).err().unwrap_or_default();
        assert!(refused.starts_with(want), "{want}: {refused:?} for {yaml}");
    }
}

#[test]
fn another_probe_changes_the_digest_of_its_pack_alone() {
    let (plain, own) = (common::set().packs(), with_probe(LIMIT).unwrap().packs());
    assert_ne!(plain["python"], own["python"]);
    assert_eq!(plain["terraform"], own["terraform"]);
}
