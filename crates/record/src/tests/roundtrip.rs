//! What is encoded comes back, one value has one text, and a small change stores little.

use super::arbitrary;
use crate::*;
use ligase_domain::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A store in memory.
pub fn stored(objects: impl IntoIterator<Item = Vec<u8>>) -> BTreeMap<Digest, Vec<u8>> {
    objects.into_iter().map(|bytes| (Digest::of(&bytes), bytes)).collect()
}

macro_rules! round_trips {
    ($($test:ident: $strategy:ident, $encode:ident, $decode:ident, $encode_kept:ident, $decode_kept:ident;)*) => {
        proptest! {
            $(
                #[test]
                fn $test(record in arbitrary::$strategy(), extra in arbitrary::extra()) {
                    let bytes = $encode(&record).unwrap();
                    prop_assert_eq!(&$decode(&bytes).unwrap(), &record);
                    prop_assert_eq!(canonical(&from_canonical(&bytes).unwrap()).unwrap(), bytes);
                    let kept = Kept { record, extra };
                    let bytes = $encode_kept(&kept).unwrap();
                    prop_assert_eq!(&$decode(&bytes).unwrap(), &kept.record);
                    prop_assert_eq!($decode_kept(&bytes).unwrap(), kept);
                }
            )*
        }
    };
}

round_trips! {
    file_observations_come_back: file_observations, encode_file_observations, decode_file_observations, encode_file_observations_kept, decode_file_observations_kept;
    findings_come_back: finding, encode_finding, decode_finding, encode_finding_kept, decode_finding_kept;
    gate_reports_come_back: gate_report, encode_gate_report, decode_gate_report, encode_gate_report_kept, decode_gate_report_kept;
    events_come_back: event, encode_event, decode_event, encode_event_kept, decode_event_kept;
    journal_entries_come_back: journal_record, encode_journal_entry, decode_journal_entry, encode_journal_entry_kept, decode_journal_entry_kept;
}

proptest! {
    #[test]
    fn values_come_back_and_agree_with_another_implementation(value in arbitrary::value()) {
        let bytes = canonical(&value).unwrap();
        prop_assert_eq!(&from_canonical(&bytes).unwrap(), &value);
        let foreign: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(serde_json_canonicalizer::to_vec(&foreign).unwrap(), bytes);
    }

    #[test]
    fn linked_observations_come_back(list in proptest::collection::vec(arbitrary::observation(), 0..4)) {
        prop_assert_eq!(decode_observations(&encode_observations(&list).unwrap()).unwrap(), list);
    }

    #[test]
    fn observation_sets_come_back(set in arbitrary::observation_set(), extra in arbitrary::extra()) {
        let encoded = encode_observation_set(&set).unwrap();
        let store = stored(encoded.chunks);
        prop_assert_eq!(decode_observation_set(&encoded.root, &mut |d| store.get(d).cloned()).unwrap(), set);
        let kept = Kept { record: decode_observation_root(&encoded.root).unwrap(), extra };
        let bytes = encode_observation_root_kept(&kept).unwrap();
        prop_assert_eq!(decode_observation_root_kept(&bytes).unwrap(), kept);
    }

    #[test]
    fn assessments_come_back(assessment in arbitrary::assessment(), extra in arbitrary::extra()) {
        let encoded = encode_assessment(&assessment).unwrap();
        let store = stored(encoded.objects);
        prop_assert_eq!(decode_assessment(&encoded.statement, &mut |d| store.get(d).cloned()).unwrap(), assessment);
        let kept = Kept { record: decode_statement(&encoded.statement).unwrap().record, extra };
        let bytes = encode_statement(&kept.record, &kept.extra).unwrap();
        prop_assert_eq!(decode_statement(&bytes).unwrap(), kept);
    }

    #[test]
    fn an_assessment_has_the_same_bytes_in_whatever_order_its_findings_came(
        assessment in arbitrary::assessment(),
        seed in any::<u64>(),
    ) {
        let mut shuffled = assessment.clone();
        shuffled.findings.sort_by_key(|f| Digest::of(format!("{seed} {f:?}").as_bytes()));
        prop_assert_eq!(encode_assessment(&shuffled).unwrap(), encode_assessment(&assessment).unwrap());
    }

    #[test]
    fn patches_come_back(patch in arbitrary::patch()) {
        let encoded = encode_patch(&patch).unwrap();
        let store = stored(encoded.blobs);
        prop_assert_eq!(decode_patch(&encoded.record, &mut |d| store.get(d).cloned()).unwrap(), patch);
    }

    #[test]
    fn maps_have_the_same_bytes_in_whatever_order_they_were_filled(
        mut pairs in proptest::collection::vec((arbitrary::text(), arbitrary::value()), 0..8),
    ) {
        let mut names = BTreeSet::new();
        pairs.retain(|(name, _)| names.insert(name.clone()));
        let forward = canonical(&Value::map(pairs.clone())).unwrap();
        prop_assert_eq!(canonical(&Value::map(pairs.into_iter().rev())).unwrap(), forward);
    }
}

fn looked(path: &str, content: u8) -> LookedFile {
    let class = PathClass { dialect: "python".to_owned(), origin: Origin::Source };
    let key = LookKey { blob: Oid::Sha1([content; 20]), class, pack: Digest::of(b"pack") };
    let observations = FileObservations { seen: vec![], skipped: Some(format!("reason-{content}")) };
    LookedFile { path: path.into(), key, observations: observations.into() }
}

fn look_of(files: &[LookedFile]) -> EncodedLook {
    let population = Population {
        files: Digest::of(b"files"),
        files_total: files.len() as u64,
        by_class: BTreeMap::new(),
        skipped: vec![],
        incomplete: None,
    };
    encode_look(files, &population, Digest::of(b"set"), &BTreeMap::new()).unwrap()
}

fn all_objects(look: &EncodedLook) -> BTreeSet<Digest> {
    let files = look.files.iter().map(|(digest, _)| *digest);
    files.chain(look.encoded.chunks.iter().map(|c| Digest::of(c))).chain([Digest::of(&look.encoded.root)]).collect()
}

#[test]
fn a_changed_added_or_deleted_file_stores_its_observations_one_chunk_and_the_root() {
    let files: Vec<_> = (0..3000).map(|i| looked(&format!("src/module_{i:05}.py"), (i % 7) as u8)).collect();
    let before = all_objects(&look_of(&files));
    let (mut changed, mut added, mut deleted) = (files.clone(), files.clone(), files.clone());
    changed[1500] = looked("src/module_01500.py", 200);
    added.push(looked("src/module_00700_bis.py", 201));
    deleted.remove(20);
    for (files, new) in [(changed, 3), (added, 3), (deleted, 2)] {
        assert_eq!(all_objects(&look_of(&files)).difference(&before).count(), new);
    }
}

#[test]
fn no_chunk_is_larger_than_its_bound_whatever_the_paths_are() {
    // Paths whose digests never end a chunk by themselves.
    let hostile: Vec<_> = (0..20_000u32)
        .map(|i| format!("p{i}"))
        .filter(|p| Digest::of(p.as_bytes()).as_bytes()[31] & 0x7f != 0)
        .take(1500)
        .map(|p| looked(&p, 1))
        .collect();
    let look = look_of(&hostile);
    let root = decode_observation_root(&look.encoded.root).unwrap();
    assert_eq!(root.chunks.iter().map(|c| c.entries).collect::<Vec<_>>(), [512, 512, 476]);
}

#[test]
fn a_stored_look_gives_back_the_files_that_linking_needs() {
    let files: Vec<_> = (0..300).map(|i| looked(&format!("{i:04}.py"), (i % 5) as u8)).collect();
    let look = look_of(&files);
    assert_eq!(look.files.len(), 5, "equal observations are one object");
    let store = stored(look.files.into_iter().map(|(_, bytes)| bytes).chain(look.encoded.chunks));
    let mut fetch = |d: &Digest| store.get(d).cloned();
    let set = decode_observation_set(&look.encoded.root, &mut fetch).unwrap();
    let again = looked_files(&set, &mut fetch).unwrap();
    assert!(
        again.iter().zip(&files).all(|(a, b)| a.path == b.path && a.key == b.key && a.observations == b.observations)
    );
    assert_eq!(again.len(), files.len());
}

#[test]
fn a_header_is_read_without_knowing_the_type() {
    let bytes = encode_event(&event("sweep-ended", [("repositories", Value::Int(3))])).unwrap();
    assert_eq!(header(&bytes).unwrap(), Header { kind: "ligase.event".to_owned(), version: 1 });
}
