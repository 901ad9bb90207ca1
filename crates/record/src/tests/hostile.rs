//! Hostile bytes never panic, never nest without bound, and every refusal says what it is about.

use super::arbitrary;
use super::roundtrip::stored;
use crate::*;
use ligase_domain::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Gives the bytes to every reader.
fn read_all(bytes: &[u8]) {
    let mut fetch = |_: &Digest| Some(bytes.to_vec());
    let _ = (from_canonical(bytes), header(bytes), decode_file_observations_kept(bytes), decode_finding_kept(bytes));
    let _ = (decode_gate_report_kept(bytes), decode_event_kept(bytes), decode_journal_entry_kept(bytes));
    let _ = (decode_observation_root_kept(bytes), decode_observation_chunk(bytes), decode_observations(bytes));
    let _ = (decode_observation_set(bytes, &mut fetch), decode_assessment(bytes, &mut fetch), decode_statement(bytes));
    let _ = (decode_patch(bytes, &mut fetch), decode_patch_record(bytes));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn almost_json_never_panics_and_is_read_only_when_it_is_canonical(text in r#"[\[\]{}",:0-9a-ftrues\\.eE+ -]{0,40}"#) {
        read_all(text.as_bytes());
        if let Ok(value) = from_canonical(text.as_bytes()) {
            prop_assert_eq!(canonical(&value).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn a_damaged_record_is_refused_or_is_another_record(
        finding in arbitrary::finding(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let whole = encode_finding(&finding).unwrap();
        let mut bytes = whole.clone();
        let at = place.index(bytes.len());
        bytes[at] = byte;
        read_all(&bytes);
        if let Ok(kept) = decode_finding_kept(&bytes) {
            // Damage in the name of an optional member makes it an unknown one, which is kept.
            prop_assert!(bytes == whole || kept.record != finding || !kept.extra.is_empty());
        }
    }

    #[test]
    fn an_object_of_other_bytes_is_refused(assessment in arbitrary::assessment(), patch in arbitrary::patch()) {
        let encoded = encode_assessment(&assessment).unwrap();
        if !encoded.objects.is_empty() {
            let error = decode_assessment(&encoded.statement, &mut |_| Some(b"{}".to_vec())).unwrap_err();
            prop_assert_eq!(error.code, "E-RECORD-OBJECT");
            prop_assert_eq!(decode_assessment(&encoded.statement, &mut |_| None).unwrap_err().code, "E-RECORD-OBJECT");
        }
        let encoded = encode_patch(&patch).unwrap();
        if !encoded.blobs.is_empty() {
            let error = decode_patch(&encoded.record, &mut |_| Some(b"not that length, not that digest, surely".to_vec()));
            prop_assert_eq!(error.unwrap_err().code, "E-RECORD-OBJECT");
        }
    }
}

#[test]
fn texts_that_are_json_but_not_canonical_are_refused() {
    let refused = [
        " {}",
        "{} ",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1,\"a\":2}",
        "1.0",
        "1e2",
        "-0",
        "01",
        "+1",
        "null",
        "\"\\u0041\"",
        "\"\\/\"",
        "\"\\u000A\"",
        "\"\\u000a\"",
        "\"\u{1}\"",
        "[1,]",
        "{\"a\" :1}",
        "9007199254740992",
        "-9007199254740992",
        "",
        "\"\\ud800\"",
        "{\"\u{e000}\":1,\"\u{10000}\":2}",
    ];
    for text in refused {
        assert!(from_canonical(text.as_bytes()).is_err(), "{text}");
    }
    assert!(from_canonical("{\"\u{10000}\":1,\"\u{e000}\":2}".as_bytes()).is_ok(), "names are in UTF-16 order");
    assert!(from_canonical(b"\xff").is_err());
}

#[test]
fn integers_that_readers_disagree_on_are_refused_when_written() {
    for i in [MAX_INT + 1, -MAX_INT - 1, i64::MAX, i64::MIN] {
        let error = canonical(&Value::Int(i)).unwrap_err();
        assert_eq!((error.code, error.found), ("E-RECORD-LIMIT", i.to_string()));
    }
}

#[test]
fn nesting_is_bounded_for_writers_and_readers() {
    let nested = |depth: usize| (0..depth).fold(Value::Int(1), |inner, _| Value::List(vec![inner]));
    let text = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&nested(MAX_DEPTH)).unwrap(), text(MAX_DEPTH).as_bytes());
    assert!(from_canonical(text(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(canonical(&nested(MAX_DEPTH + 1)).unwrap_err().code, "E-RECORD-LIMIT");
    assert_eq!(from_canonical("[".repeat(1 << 20).as_bytes()).unwrap_err().code, "E-RECORD-LIMIT");
}

#[test]
fn size_is_bounded_for_writers_and_readers() {
    let long = Value::Text("x".repeat(MAX_BYTES));
    assert_eq!(canonical(&long).unwrap_err().code, "E-RECORD-LIMIT");
    assert_eq!(from_canonical(&vec![b'1'; MAX_BYTES + 1]).unwrap_err().code, "E-RECORD-LIMIT");
    let entry = JournalRecord { sequence: 0, kind: "k".repeat(5000), digest: Digest::of(b""), at: Timestamp(0) };
    assert_eq!(encode_journal_entry(&entry).unwrap_err().code, "E-RECORD-LIMIT");
}

#[test]
fn refusals_name_record_field_expectation_and_find() {
    let told = |bytes: &str| decode_gate_report(bytes.as_bytes()).unwrap_err().to_string();
    let patch = Digest::of(b"p");
    let report =
        |checks: &str| format!(r#"{{"checks":[{checks}],"patch":"{patch}","type":"ligase.gate-report","version":1}}"#);
    insta::assert_snapshot!(
        [
            told("{}"),
            told(r#"{"type":"ligase.finding","version":1}"#),
            told(r#"{"type":"ligase.gate-report","version":2}"#),
            told(&report(r#"{"check":"parses","verdict":"passed"},{"check":"sparkles","verdict":"passed"}"#)),
            told(&report(r#"{"check":"parses","verdict":"refused"}"#)),
            told(&report("7")),
            told(r#"{"checks":[ ]}"#),
        ]
        .join("\n")
    );
}

#[test]
fn a_chunk_in_disorder_or_with_a_forged_look_is_refused() {
    let class = PathClass { dialect: "python".to_owned(), origin: Origin::Source };
    let key = LookKey { blob: Oid::Sha1([1; 20]), class, pack: Digest::of(b"pack") };
    let entry = |path: &str| ObservationEntry { path: path.into(), key: key.clone(), object: Digest::of(b"o") };
    let population = Population {
        files: Digest::of(b""),
        files_total: 2,
        by_class: BTreeMap::new(),
        skipped: vec![],
        incomplete: None,
    };
    let set = |entries| ObservationSet {
        entries,
        population: population.clone(),
        probe_set: Digest::of(b""),
        packs: BTreeMap::new(),
    };
    assert_eq!(encode_observation_set(&set(vec![entry("b"), entry("a")])).unwrap_err().code, "E-RECORD-FIELD");
    assert_eq!(encode_observation_set(&set(vec![entry("a"), entry("a")])).unwrap_err().code, "E-RECORD-FIELD");
    let encoded = encode_observation_set(&set(vec![entry("a")])).unwrap();
    let chunk = String::from_utf8(encoded.chunks[0].clone()).unwrap();
    let forged = chunk.replace(&key.digest().to_string(), &Digest::of(b"other").to_string());
    assert_eq!(decode_observation_chunk(forged.as_bytes()).unwrap_err().field, "entries[0].look");
    let store = stored(encoded.chunks);
    assert!(decode_observation_set(&encoded.root, &mut |d| store.get(d).cloned()).is_ok());
}

#[test]
fn a_statement_about_another_repository_is_refused() {
    let service = |stable: &str| ServiceId {
        repository: RepositoryId { forge: "local".to_owned(), stable: stable.to_owned() },
        folder: String::new(),
    };
    let assessment = Assessment {
        service: service("one"),
        name: String::new(),
        declared: false,
        revision: Oid::Sha1([1; 20]),
        desired: Digest::of(b""),
        dna: None,
        frameworks: BTreeMap::new(),
        probe_set: Digest::of(b""),
        findings: vec![],
        population: Population {
            files: Digest::of(b""),
            files_total: 0,
            by_class: BTreeMap::new(),
            skipped: vec![],
            incomplete: None,
        },
        valid_until: None,
    };
    let statement = String::from_utf8(encode_assessment(&assessment).unwrap().statement).unwrap();
    let forged = statement.replace("\"name\":\"local:one\"", "\"name\":\"local:two\"");
    assert_eq!(decode_statement(forged.as_bytes()).unwrap_err().field, "subject[0].name");
}
