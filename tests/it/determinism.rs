//! The same in, the same bytes out: for whole organisations, for one changed declaration, and for an index that is gone,
//! rebuilt or damaged, since it is a cache and never the truth.

use ligase_tests::{Organisation, finding_rows, statements};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A changeset without its dates and without the commits that carry them.
fn changesets(organisation: &Organisation) -> Vec<String> {
    let keys = [
        "id",
        "repository",
        "service",
        "clause",
        "branch",
        "state",
        "findings",
        "diff",
        "gate",
        "effect",
        "title",
        "patch",
    ];
    let mut rows: Vec<String> =
        organisation.changesets().iter().map(|c| keys.map(|k| c[k].to_string()).join(" ")).collect();
    rows.sort();
    rows
}

#[test]
fn two_sweeps_from_empty_states_find_propose_and_state_the_same_bytes() {
    let (one, two) = (Organisation::of_demo_swept().0, Organisation::of_demo());
    assert_eq!(two.sweep()["files_looked_at"].as_u64().map(|n| n > 50), Some(true), "it starts from nothing");
    let (rows, digests) = (finding_rows(&one.findings("all")), statements(&one));
    assert!(rows.len() > 100 && digests.len() >= 8, "{} findings, {digests:?}", rows.len());
    assert_eq!(finding_rows(&two.findings("all")), rows);
    assert_eq!(statements(&two), digests);
    assert_eq!(changesets(&two), changesets(&one));
}

#[test]
fn one_slot_and_four_come_to_the_same() {
    let one = Organisation::of_demo();
    let four = one.copied();
    one.run(&["sweep", "--plan", "--slots", "1"]).code(1);
    four.run(&["sweep", "--plan", "--slots", "4"]).code(1);
    assert_eq!(finding_rows(&one.findings("all")), finding_rows(&four.findings("all")));
    assert_eq!(statements(&one), statements(&four));
}

#[test]
fn a_changed_declaration_changes_the_judgement_of_its_service_alone() {
    let one = Organisation::of_demo();
    let other = one.copied();
    other.bare("directory").commit("main", "more places are allowed", |clone| {
        let path = clone.join("dna.yaml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("residency: [eu]"));
        fs::write(path, text.replace("residency: [eu]", "residency: [eu, us]")).unwrap();
    });
    one.run(&["sweep", "--plan"]).code(1);
    other.run(&["sweep", "--plan"]).code(1);
    let (before, after) = (statements(&one), statements(&other));
    let changed: Vec<&String> = before.keys().filter(|s| before[*s] != after[*s]).collect();
    assert_eq!(changed, ["local:directory"]);
    let rows = |o: &Organisation| finding_rows(&o.findings("all"));
    let (a, b) = (rows(&one), rows(&other));
    let differ: Vec<&String> = a.iter().filter(|r| !b.contains(r)).chain(b.iter().filter(|r| !a.contains(r))).collect();
    assert!(!differ.is_empty() && differ.iter().all(|r| r.contains("local:directory")), "{differ:#?}");
}

#[test]
fn a_changed_declaration_in_a_kept_state_looks_at_no_file_again() {
    let organisation = Organisation::of_demo();
    organisation.run(&["sweep", "--plan"]).code(1);
    organisation.bare("directory").commit("main", "more places are allowed", |clone| {
        let path = clone.join("dna.yaml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("residency: [eu]", "residency: [eu, us]")).unwrap();
    });
    let sweep = organisation.run(&["sweep", "--plan", "--json"]).code(1).json();
    assert_eq!(sweep["files_looked_at"], 0, "{sweep:#}");
    assert_ne!(sweep["closed_findings"], Value::Array(Vec::new()));
}

/// Everything that the tool says of the state, in full.
fn everything(organisation: &Organisation) -> Vec<String> {
    let mut all = vec![organisation.run(&["findings", "--json", "--outcome", "all"]).out];
    let ids: Vec<String> = organisation.findings("open").iter().map(|f| f["id"].as_str().unwrap().to_owned()).collect();
    all.extend(ids.iter().step_by(20).map(|id| organisation.explain(id).to_string()));
    all.push(organisation.run(&["changesets", "--json"]).out);
    all.push(organisation.run(&["status", "--json"]).out);
    all
}

#[test]
fn without_its_index_the_store_says_the_same() {
    let (organisation, _) = Organisation::after_demo();
    let before = everything(&organisation);
    fs::remove_dir_all(organisation.state().join("index")).unwrap();
    assert_eq!(everything(&organisation), before);
    let run = organisation.run_on_evidence("stats");
    assert_eq!(run["damaged"], 0, "{run:#}");
}

#[test]
fn rebuilding_the_index_changes_nothing_that_is_said() {
    let (organisation, _) = Organisation::after_demo();
    let (before, counted) = (everything(&organisation), organisation.run_on_evidence("stats"));
    let rebuilt = organisation.run_on_evidence("reindex");
    for key in ["objects", "bytes", "segments", "journal_entries", "index_entries", "damaged"] {
        assert_eq!(rebuilt[key], counted[key], "{key}");
    }
    assert_eq!(everything(&organisation), before);
    fs::remove_dir_all(organisation.state().join("index")).unwrap();
    assert_eq!(organisation.run_on_evidence("reindex")["index_entries"], counted["index_entries"]);
    assert_eq!(everything(&organisation), before);
}

#[test]
fn a_flipped_bit_anywhere_in_the_index_changes_nothing_that_is_said() {
    let (organisation, _) = Organisation::after_demo();
    let before = organisation.run(&["findings", "--json", "--outcome", "all"]).out;
    let open = organisation.findings("open");
    let id = open[0]["id"].as_str().unwrap();
    let explained = organisation.explain(id);
    let kept = organisation.copied();
    let mut flipped = 0;
    for file in files_below(&organisation.state().join("index")) {
        let length = fs::metadata(&file).unwrap().len();
        for place in [0, length / 3, length * 2 / 3].into_iter().filter(|p| *p < length) {
            let fresh = kept.copied();
            let file = fresh.path().join(file.strip_prefix(organisation.path()).unwrap());
            flip(&file, place);
            assert_eq!(fresh.explain(id), explained, "bit flipped at {place} of {}", file.display());
            if place == 0 {
                assert_eq!(fresh.run(&["findings", "--json", "--outcome", "all"]).out, before);
            }
            flipped += 1;
        }
    }
    assert!(flipped >= 3, "{flipped} places");
}

fn flip(file: &Path, place: u64) {
    let mut bytes = fs::read(file).unwrap();
    bytes[usize::try_from(place).unwrap()] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files_below(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

#[test]
fn a_flipped_bit_in_a_segment_is_seen_and_never_believed() {
    let (organisation, _) = Organisation::after_demo();
    let before = finding_rows(&organisation.findings("all"));
    let segment = files_below(&organisation.state().join("segments")).remove(0);
    let length = fs::metadata(&segment).unwrap().len();
    flip(&segment, length / 2);
    let run = organisation.run(&["sweep", "--json"]);
    if matches!(run.code, 0 | 1) {
        assert_eq!(finding_rows(&organisation.findings("all")), before, "what was damaged was looked at again");
    } else {
        assert_eq!(run.code, 3, "{}", run.out);
        let error = &run.json()["error"];
        assert!(error["code"].as_str().unwrap().starts_with("E-") && error["remedy"] != "", "{error:#}");
    }
}
