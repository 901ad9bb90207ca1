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
fn a_rate_becomes_numbers_of_the_guard_and_what_is_no_constant_stays_away() {
    let yaml = LIMIT.replace("'throttled($RATE)'", "'throttled($RATE, $WINDOW)'").replace(
        "  capture:\n",
        "  capture:\n    rate: { from: RATE, as: rate, resolve: constant, into: { limit: limit, window_s: window_s } }\n    lock: { from: WINDOW, as: duration }\n",
    );
    let set = with_probe(&yaml).unwrap();
    let source = "from fastapi import FastAPI\nRATE = '5/minute;100/hour'\nTWICE = '1/minute'\nTWICE = '2/minute'\napp = FastAPI()\n@app.get('/a')\ndef a():\n    throttled(RATE, '15m')\n@app.get('/b')\ndef b():\n    throttled(TWICE, f'{x}m')\n";
    let all = seen(&set, source);
    let guards: Vec<_> =
        of(&all, "endpoint").map(|e| e.attributes["guards"].as_list().unwrap()[0].as_map().unwrap().clone()).collect();
    let number = |at: usize, name: &str| guards[at].get(name).and_then(|v| v.as_int());
    assert_eq!([number(0, "limit"), number(0, "window_s"), number(0, "lock")], [Some(100), Some(3_600), Some(900)]);
    assert_eq!([number(1, "limit"), number(1, "window_s"), number(1, "lock")], [None, None, None]);
}

#[test]
fn what_a_file_defines_is_called_as_other_files_call_it() {
    let yaml = "metadata: { id: own/made, version: 1 }\nspec:\n  engine: ast-grep\n  language: python\n  prefilter: [Maker]\n  emits: unmodelled\n  rule: { kind: assignment, all: [ { has: { field: left, pattern: $NAME } }, { has: { field: right, regex: '^Maker' } } ] }\n  capture:\n    symbol: { qualified: NAME }\n    module: { enclosing: module }\n    of: { const: endpoint }\n";
    let set = with_probe(yaml).unwrap();
    let files = [
        ("app/limits.py", "from maker import Maker\nlimiter = Maker()\n"),
        ("app/__init__.py", ""),
        ("app/main.py", "from app.limits import limiter\n"),
    ];
    let found = look(&set, &MapTree::new(files), &NoCache, &NoProgress);
    let all = link(&set, &found.files);
    let made = of(&all, "unmodelled").find(|o| o.probe.id == "own/made").unwrap();
    assert_eq!((made.text("symbol"), made.text("module")), (Some("app.limits.limiter"), Some("app.limits")));
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
        (
            spec("unmodelled", "  rule: { pattern: 'f($A)' }\n  capture: { of: { from: A, as: rate } }\n"),
            "E-PROBE-CAPTURE",
        ),
        (
            spec(
                "unmodelled",
                "  rule: { pattern: 'f($A)' }\n  capture: { of: { from: A, as: rate, into: { limits: l } } }\n",
            ),
            "E-PROBE-CAPTURE limit",
        ),
        (
            spec("unmodelled", "  rule: { kind: call }\n  capture: { of: { enclosing: modul } }\n"),
            "E-PROBE-CAPTURE module",
        ),
        (spec("unmodelled", "  rules: { kind: call }\n"), "E-PROBE"),
        (LIMIT.replace("ast-grep\n", "astgrep\n"), "E-PROBE-ENGINE ast-grep"),
        (LIMIT.replace("python\n", "pyton\n"), "E-PROBE-LANGUAGE python"),
        (LIMIT.replace("own/limit", "python/lambda-handler"), "E-PROBE-TWICE"),
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
