//! Strategies for arbitrary values of the domain. They say nothing of what is plausible, only of what is possible.

use crate::{Event, JournalRecord, MAX_INT, ObservationEntry, ObservationSet};
use ligase_domain::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeMap;

pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{0,8}",
        2 => any::<String>().prop_map(|s| s.chars().take(12).collect()),
        1 => "[\u{0}-\u{1f}\"\\\\/\u{7f}\u{2028}\u{e000}\u{fffd}\u{10000}\u{10ffff}]{0,6}",
    ]
}

pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (-MAX_INT..=MAX_INT).prop_map(Value::Int),
        prop_oneof![Just(MAX_INT), Just(-MAX_INT), Just(0)].prop_map(Value::Int),
        text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::List),
            btree_map(text(), inner, 0..5).prop_map(Value::Map),
        ]
    })
}

fn values() -> impl Strategy<Value = BTreeMap<String, Value>> {
    btree_map(text(), value(), 0..4)
}

pub fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn digests() -> impl Strategy<Value = BTreeMap<String, Digest>> {
    btree_map(text(), digest(), 0..3)
}

fn oid() -> impl Strategy<Value = Oid> {
    prop_oneof![any::<[u8; 20]>().prop_map(Oid::Sha1), any::<[u8; 32]>().prop_map(Oid::Sha256)]
}

fn path() -> impl Strategy<Value = RepoPath> {
    prop_oneof![
        "[a-z/]{0,12}".prop_map(|s| RepoPath::new(s.into_bytes())),
        vec(any::<u8>(), 0..12).prop_map(RepoPath::new)
    ]
}

fn span() -> impl Strategy<Value = Span> {
    any::<(u32, u32, u32, u32)>().prop_map(|(start, end, line, end_line)| Span { start, end, line, end_line })
}

fn origin() -> impl Strategy<Value = Origin> {
    use Origin::*;
    prop::sample::select(vec![Source, Test, Example, Generated, Vendored, Migration, Minified])
}

fn class() -> impl Strategy<Value = PathClass> {
    (text(), origin()).prop_map(|(dialect, origin)| PathClass { dialect, origin })
}

fn probe() -> impl Strategy<Value = ProbeRef> {
    (text(), any::<u32>()).prop_map(|(id, version)| ProbeRef { id, version })
}

fn place() -> impl Strategy<Value = Place> {
    (path(), oid(), span()).prop_map(|(path, blob, span)| Place { path, blob, span })
}

fn seen() -> impl Strategy<Value = Seen> {
    (text(), values(), span(), btree_map(text(), span(), 0..3), text(), probe()).prop_map(
        |(kind, attributes, span, anchors, snippet, probe)| Seen { kind, attributes, span, anchors, snippet, probe },
    )
}

pub fn file_observations() -> impl Strategy<Value = FileObservations> {
    (vec(seen(), 0..4), option::of(text())).prop_map(|(seen, skipped)| FileObservations { seen, skipped })
}

pub fn observation() -> impl Strategy<Value = Observation> {
    (seen(), place(), class(), vec(digest(), 0..3)).prop_map(|(seen, place, class, sources)| Observation {
        kind: seen.kind,
        attributes: seen.attributes,
        place,
        class,
        anchors: seen.anchors,
        snippet: seen.snippet,
        probe: seen.probe,
        sources,
    })
}

fn number() -> impl Strategy<Value = u64> {
    0..=MAX_INT.unsigned_abs()
}

pub fn population() -> impl Strategy<Value = Population> {
    let skipped = (path(), class(), text()).prop_map(|(path, class, reason)| Skipped { path, class, reason });
    (digest(), number(), btree_map(text(), number(), 0..3), vec(skipped, 0..3), option::of(text())).prop_map(
        |(files, files_total, by_class, skipped, incomplete)| Population {
            files,
            files_total,
            by_class,
            skipped,
            incomplete,
        },
    )
}

pub fn look_key() -> impl Strategy<Value = LookKey> {
    (oid(), class(), digest()).prop_map(|(blob, class, pack)| LookKey { blob, class, pack })
}

pub fn observation_set() -> impl Strategy<Value = ObservationSet> {
    (btree_map(path(), (look_key(), digest()), 0..40), population(), digest(), digests()).prop_map(
        |(entries, population, probe_set, packs)| ObservationSet {
            entries: entries.into_iter().map(|(path, (key, object))| ObservationEntry { path, key, object }).collect(),
            population,
            probe_set,
            packs,
        },
    )
}

fn service() -> impl Strategy<Value = ServiceId> {
    (text(), text(), text())
        .prop_map(|(forge, stable, folder)| ServiceId { repository: RepositoryId { forge, stable }, folder })
}

fn clause() -> impl Strategy<Value = ClauseId> {
    ("[a-c-]{1,3}", "[a-c ]{1,3}").prop_map(|(constraint, clause)| ClauseId { constraint, clause })
}

fn subject() -> impl Strategy<Value = Subject> {
    (text(), text(), vec((text(), text()), 0..3), any::<u32>()).prop_map(|(kind, symbol, identity, ordinal)| Subject {
        kind,
        symbol,
        identity,
        ordinal,
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Satisfied),
        Just(Outcome::NotSatisfied),
        text().prop_map(Outcome::NotApplicable),
        text().prop_map(Outcome::Indeterminate)
    ]
}

fn waiver() -> impl Strategy<Value = WaiverNote> {
    let state = prop::sample::select(vec![WaiverState::InForce, WaiverState::Unapproved, WaiverState::Expired]);
    (state, text(), text(), text(), vec(text(), 0..3)).prop_map(|(state, kind, reason, expires, approved_by)| {
        WaiverNote { state, kind, reason, expires, approved_by }
    })
}

pub fn finding() -> impl Strategy<Value = Finding> {
    let severity = prop::sample::select(vec![Severity::Low, Severity::Medium, Severity::High, Severity::Critical]);
    let control = (text(), text()).prop_map(|(framework, control)| ControlRef { framework, control });
    let judged = (subject(), outcome(), text(), severity, option::of(place()));
    let named = (digest(), service(), clause(), any::<u32>());
    (named, judged, vec(control, 0..3), vec(digest(), 0..3), option::of(waiver()), option::of(text())).prop_map(
        |(
            (id, service, clause, clause_version),
            (subject, outcome, message, severity, place),
            controls,
            cites,
            waiver,
            remedy,
        )| {
            Finding {
                id: FindingId(id),
                service,
                clause,
                clause_version,
                subject,
                outcome,
                message,
                severity,
                place,
                controls: controls.into(),
                cites,
                waiver,
                remedy,
            }
        },
    )
}

pub fn assessment() -> impl Strategy<Value = Assessment> {
    let of = (service(), text(), any::<bool>(), oid(), digest(), option::of(digest()));
    (of, digests(), digest(), vec(finding(), 0..6), population(), option::of(-MAX_INT..=MAX_INT)).prop_map(
        |(
            (service, name, declared, revision, desired, dna),
            frameworks,
            probe_set,
            mut findings,
            population,
            until,
        )| {
            findings.iter_mut().for_each(|f| f.service = service.clone());
            findings.sort_by(|a, b| (&a.clause, &a.subject, a.id).cmp(&(&b.clause, &b.subject, b.id)));
            Assessment {
                service,
                name,
                declared,
                revision,
                desired,
                dna,
                frameworks,
                probe_set,
                findings,
                population,
                valid_until: until.map(Timestamp),
            }
        },
    )
}

pub fn patch() -> impl Strategy<Value = Patch> {
    use EffectClass::*;
    let class = prop::sample::select(vec![InPlace, Behaviour, NeedsMigration, ForcesReplacement, NeedsRotation]);
    let change =
        (path(), oid(), vec(any::<u8>(), 0..30)).prop_map(|(path, base, bytes)| FileChange { path, base, bytes });
    (oid(), vec(change, 0..4), text(), vec(text(), 0..3), class, text()).prop_map(
        |(base_revision, changes, diff, remedies, class, note)| Patch {
            base_revision,
            changes,
            diff,
            remedies,
            effect: Effect { class, note },
        },
    )
}

pub fn gate_report() -> impl Strategy<Value = GateReport> {
    let verdict = prop_oneof![
        Just(GateVerdict::Passed),
        text().prop_map(GateVerdict::Refused),
        text().prop_map(GateVerdict::Unverified)
    ];
    let result = (prop::sample::select(GateCheck::ALL.to_vec()), verdict)
        .prop_map(|(check, verdict)| CheckResult { check, verdict });
    let run = (any::<bool>(), text(), vec(text(), 0..3), vec(0..1_000_000u64, 4), digest()).prop_map(
        |(patched, ended, runners, n, output)| VerifyRun {
            patched,
            ended,
            runners,
            passed: n[0],
            failed: n[1],
            skipped: n[2],
            millis: n[3],
            output,
        },
    );
    (digest(), vec(result, 0..5), vec(run, 0..3)).prop_map(|(patch, checks, runs)| GateReport { patch, checks, runs })
}

pub fn event() -> impl Strategy<Value = Event> {
    (text(), values()).prop_map(|(kind, fields)| Event { kind, fields })
}

pub fn journal_record() -> impl Strategy<Value = JournalRecord> {
    (number(), text(), digest(), -MAX_INT..=MAX_INT).prop_map(|(sequence, kind, digest, at)| JournalRecord {
        sequence,
        kind,
        digest,
        at: Timestamp(at),
    })
}

/// Unknown fields: none of our records has a field that ends in `Later`.
pub fn extra() -> impl Strategy<Value = BTreeMap<String, Value>> {
    btree_map(text().prop_map(|name| name + "Later"), value(), 0..3)
}
