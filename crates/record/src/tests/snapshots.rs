//! One of each record, byte for byte. A change here changes digests that are stored already: it needs a new version.

use crate::*;
use ligase_domain::*;
use std::collections::BTreeMap;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn span() -> Span {
    Span { start: 10, end: 42, line: 3, end_line: 4 }
}

fn class() -> PathClass {
    PathClass { dialect: "python".to_owned(), origin: Origin::Source }
}

fn attributes() -> BTreeMap<String, Value> {
    let guard = Value::map([("kind", Value::from("authentication")), ("optional", Value::Bool(false))]);
    let pairs = [("method", Value::from("GET")), ("guards", Value::List(vec![guard])), ("confidence", Value::Int(850))];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn seen() -> Seen {
    Seen {
        kind: "endpoint".to_owned(),
        attributes: attributes(),
        span: span(),
        anchors: BTreeMap::from([("route".to_owned(), span())]),
        snippet: "@app.get(\"/patients/{id}\")\n".to_owned(),
        probe: ProbeRef { id: "python/fastapi-route".to_owned(), version: 2 },
    }
}

fn key() -> LookKey {
    LookKey { blob: Oid::Sha1([0xab; 20]), class: class(), pack: Digest::of(b"pack") }
}

fn population() -> Population {
    Population {
        files: Digest::of(b"files"),
        files_total: 12,
        by_class: BTreeMap::from([("python/source".to_owned(), 7), ("none/example".to_owned(), 5)]),
        skipped: vec![Skipped {
            path: RepoPath::new(*b"caf\xe9.py"),
            class: class(),
            reason: "file-not-utf8".to_owned(),
        }],
        incomplete: None,
    }
}

fn service() -> ServiceId {
    let repository = RepositoryId { forge: "local".to_owned(), stable: "clinic/patients".to_owned() };
    ServiceId { repository, folder: "api".to_owned() }
}

fn place() -> Place {
    Place { path: "api/app/main.py".into(), blob: Oid::Sha1([0xab; 20]), span: span() }
}

fn finding() -> Finding {
    let clause = ClauseId { constraint: "authn-endpoints".to_owned(), clause: "guarded".to_owned() };
    let identity = vec![("method".to_owned(), "GET".to_owned()), ("full_path".to_owned(), "/patients/{id}".to_owned())];
    Finding {
        id: FindingId::new(&service(), &clause, &identity, 0),
        service: service(),
        clause,
        clause_version: 1,
        subject: Subject { kind: "endpoint".to_owned(), symbol: "GET /patients/{id}".to_owned(), identity, ordinal: 0 },
        outcome: Outcome::NotSatisfied,
        message: "GET /patients/{id} has no authentication".to_owned(),
        severity: Severity::High,
        place: Some(place()),
        controls: [ControlRef { framework: "soc2".to_owned(), control: "CC6.1".to_owned() }].into(),
        cites: vec![key().digest()],
        waiver: Some(WaiverNote {
            state: WaiverState::Unapproved,
            kind: "risk-accepted".to_owned(),
            reason: "internal network".to_owned(),
            expires: "2027-01-31".to_owned(),
            approved_by: vec!["dana".to_owned()],
        }),
        remedy: Some("authn-endpoints/guarded/python-fastapi".to_owned()),
    }
}

fn patch() -> Patch {
    Patch {
        base_revision: Oid::Sha1([0xcd; 20]),
        changes: vec![FileChange {
            path: "api/app/main.py".into(),
            base: Oid::Sha1([0xab; 20]),
            bytes: b"new".to_vec(),
        }],
        diff: "--- a/api/app/main.py\n+++ b/api/app/main.py\n".to_owned(),
        remedies: vec!["authn-endpoints/guarded/python-fastapi@1".to_owned()],
        effect: Effect { class: EffectClass::Behaviour, note: "callers without a token get 401".to_owned() },
    }
}

#[test]
fn file_observations_have_this_form() {
    let observations = FileObservations { seen: vec![seen()], skipped: None };
    insta::assert_snapshot!(text(encode_file_observations(&observations).unwrap()));
}

#[test]
fn linked_observations_have_this_form() {
    let seen = seen();
    let observation = Observation {
        kind: seen.kind,
        attributes: seen.attributes,
        place: place(),
        class: class(),
        anchors: seen.anchors,
        snippet: seen.snippet,
        probe: seen.probe,
        sources: vec![key().digest()],
    };
    insta::assert_snapshot!(text(encode_observations(&[observation]).unwrap()));
}

#[test]
fn an_observation_set_has_this_form() {
    let set = ObservationSet {
        entries: vec![ObservationEntry { path: "api/app/main.py".into(), key: key(), object: Digest::of(b"object") }],
        population: population(),
        probe_set: Digest::of(b"set"),
        packs: BTreeMap::from([("python".to_owned(), Digest::of(b"pack"))]),
    };
    let encoded = encode_observation_set(&set).unwrap();
    let chunks: Vec<_> = encoded.chunks.into_iter().map(text).collect();
    insta::assert_snapshot!(format!("{}\n{}", text(encoded.root), chunks.join("\n")));
}

#[test]
fn a_finding_has_this_form() {
    insta::assert_snapshot!(text(encode_finding(&finding()).unwrap()));
}

#[test]
fn an_assessment_has_this_form() {
    let unknown =
        Finding { outcome: Outcome::Indeterminate("guards-not-resolved".to_owned()), waiver: None, ..finding() };
    let assessment = Assessment {
        service: service(),
        name: "patients-api".to_owned(),
        declared: true,
        revision: Oid::Sha1([0xcd; 20]),
        desired: Digest::of(b"desired"),
        dna: Some(Digest::of(b"dna")),
        frameworks: BTreeMap::from([("soc2@2022-09-30".to_owned(), Digest::of(b"soc2"))]),
        probe_set: Digest::of(b"set"),
        findings: vec![finding(), unknown],
        population: population(),
        valid_until: Some(Timestamp(1_800_000_000_000)),
    };
    let encoded = encode_assessment(&assessment).unwrap();
    let objects: Vec<_> = encoded.objects.into_iter().map(text).collect();
    insta::assert_snapshot!(format!("{}\n{}", text(encoded.statement), objects.join("\n")));
}

#[test]
fn a_patch_has_this_form() {
    insta::assert_snapshot!(text(encode_patch(&patch()).unwrap().record));
}

#[test]
fn a_gate_report_has_this_form() {
    let result = |check, verdict| CheckResult { check, verdict };
    let report = GateReport {
        patch: patch().digest(),
        checks: vec![
            result(GateCheck::Reproduces, GateVerdict::Passed),
            result(GateCheck::Fixed, GateVerdict::Refused("still unguarded".to_owned())),
            result(GateCheck::Verify, GateVerdict::Unverified("no-sandbox".to_owned())),
        ],
        runs: vec![],
    };
    insta::assert_snapshot!(text(encode_gate_report(&report).unwrap()));
}

#[test]
fn a_gate_report_with_runs_has_this_form() {
    let run = |patched| VerifyRun {
        patched,
        ended: "exit 0".to_owned(),
        runners: vec!["unittest".to_owned()],
        passed: 7,
        failed: 0,
        skipped: 1,
        millis: 431,
        output: Digest::of(b"Ran 8 tests"),
    };
    let checks = vec![CheckResult { check: GateCheck::Verify, verdict: GateVerdict::Passed }];
    let report = GateReport { patch: patch().digest(), checks, runs: vec![run(false), run(true)] };
    insta::assert_snapshot!(text(encode_gate_report(&report).unwrap()));
}

#[test]
fn an_event_has_this_form() {
    let fields =
        [("sweep", Value::from("2026-08-31")), ("repositories", Value::Int(41)), ("complete", Value::Bool(true))];
    insta::assert_snapshot!(text(encode_event(&event("sweep-ended", fields)).unwrap()));
}

#[test]
fn a_journal_entry_has_this_form() {
    let entry = JournalRecord {
        sequence: 17,
        kind: "assessment".to_owned(),
        digest: Digest::of(b"statement"),
        at: Timestamp(1_788_000_000_000),
    };
    insta::assert_snapshot!(text(encode_journal_entry(&entry).unwrap()));
}
