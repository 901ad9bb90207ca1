//! `ligase demo`: the whole loop on the example organisation, held against what was planted in it, and what stands in the
//! repositories afterwards, read with plain git.

use ligase_tests::{Organisation, git, ligase_in};
use serde_json::Value;

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn everything_planted_is_found_and_no_decoy_is_flagged() {
    let (_, said) = Organisation::after_demo();
    let expected = &said["expected"];
    assert!(count(&expected["planted"]) >= 10 && count(&expected["decoys"]) >= 10, "{expected:#}");
    assert_eq!((&expected["missed"], &expected["decoys_flagged"]), (&0.into(), &0.into()), "{expected:#}");
    assert_eq!(expected["found"], expected["planted"]);
    assert_eq!(expected["unexpected"], Value::Array(Vec::new()), "every finding is one of those that were planted");
}

#[test]
fn its_json_has_every_key_that_scripts_rely_on() {
    let (organisation, said) = Organisation::after_demo();
    assert!(count(&said["services"]) >= 3 && count(&said["constraints"]) >= 4, "{said:#}");
    assert!(count(&said["findings"]) >= 10 && count(&said["patches_gated"]) >= 3, "{said:#}");
    for by_reason in ["patches_refused", "abstained"] {
        let counts = said[by_reason].as_object().unwrap_or_else(|| panic!("{by_reason} is counted by reason"));
        // What the demo's gate refuses, the services' own tests refuse: where there is no jail, nobody runs them.
        let none = by_reason == "patches_refused" && !verifies(&organisation);
        assert!((none || !counts.is_empty()) && counts.values().all(Value::is_u64), "{by_reason}: {counts:?}");
    }
    let changesets = &said["changesets"];
    assert_eq!(changesets["opened"], said["patches_gated"], "what passed its gate was opened within the budgets");
    assert_eq!((&changesets["merged_verified"], &changesets["closed_by_person"]), (&1.into(), &1.into()));
    assert_eq!(changesets["reopened"], 0);
    let sweeps = said["sweeps"].as_array().unwrap();
    assert!(sweeps.len() >= 3);
    for sweep in sweeps {
        for key in ["files_total", "files_looked_at", "files_from_cache", "findings", "indeterminate", "clones"] {
            assert!(sweep[key].is_u64(), "{key} of {sweep:#}");
        }
        assert!(sweep["seconds"].is_number());
        assert_eq!(sweep["clones"], 0, "what lies on this machine is not cloned");
    }
}

/// Whether this machine ran the services' own tests.
fn verifies(organisation: &Organisation) -> bool {
    let verdict = |c: &Value| {
        let gate = c["gate"].as_array().unwrap();
        gate.iter().find(|g| g["check"] == "verify").map(|g| g["verdict"].clone())
    };
    organisation.changesets().iter().any(|c| verdict(c) == Some("passed".into()))
}

#[test]
fn what_the_services_own_tests_accept_is_ready_and_all_else_is_a_draft_that_says_why() {
    let (organisation, said) = Organisation::after_demo();
    let ran = verifies(&organisation);
    for changeset in organisation.changesets() {
        let reaches_further = !["in-place", "behaviour"].contains(&changeset["effect"].as_str().unwrap());
        let draft = changeset["draft"].as_str().unwrap();
        assert_eq!(draft.is_empty(), ran && !reaches_further, "{changeset:#}");
        if !ran && !reaches_further {
            assert!(draft.contains("no-sandbox"), "{draft}");
        }
    }
    let worse = said["patches_refused"]["verify-worse"].as_u64().unwrap_or_default();
    assert_eq!(worse > 0, ran, "a masked address breaks the test that holds the format of its line");
}

#[test]
fn a_file_is_looked_at_once_and_adopting_a_framework_looks_at_none() {
    let (_, said) = Organisation::after_demo();
    let looked: Vec<u64> = said["sweeps"].as_array().unwrap().iter().map(|s| count(&s["files_looked_at"])).collect();
    assert!(looked[0] > 50, "{looked:?}");
    assert_eq!(&looked[1..3], [0, 0], "the second sweep judges by HIPAA what the first looked at");
    let merged = said["sweeps"].as_array().unwrap().last().unwrap();
    assert!(count(&merged["files_looked_at"]) <= 3, "after the merge only what it changed is looked at");
}

#[test]
fn its_branches_hold_one_commit_each_on_top_of_what_was_looked_at() {
    let (organisation, _) = Organisation::after_demo();
    let changesets = organisation.changesets();
    assert!(!changesets.is_empty());
    for changeset in &changesets {
        let text = |key: &str| changeset[key].as_str().unwrap_or_else(|| panic!("{key} of {changeset:#}")).to_owned();
        let bare = organisation.bare(&text("service_name"));
        git(&bare.path, &["fsck", "--strict", "--no-dangling"]);
        let branch = format!("refs/heads/{}", text("branch"));
        assert_eq!(bare.at(&branch), text("head"));
        let base = git(&bare.path, &["rev-list", "--max-parents=0", "main"]);
        assert_eq!(git(&bare.path, &["rev-list", "--count", &format!("{base}..{branch}")]), "1");
        let message = git(&bare.path, &["log", "-1", "--format=%an%n%B", &branch]);
        assert!(message.starts_with("Ligase\n"), "{message}");
        assert!(message.contains(&format!("Ligase-Intent: {}", text("id"))), "{message}");
        assert!(message.contains(&format!("Ligase-Patch: {}", text("patch"))), "{message}");
        let patched = git(&bare.path, &["diff", "--no-color", "--no-prefix", &base, &branch]);
        let wanted: Vec<String> = text("diff").lines().filter(|l| changes(l)).map(str::to_owned).collect();
        assert_eq!(
            patched.lines().filter(|l| changes(l)).collect::<Vec<_>>(),
            wanted,
            "the diff that is shown was pushed"
        );
    }
}

fn changes(line: &str) -> bool {
    (line.starts_with('+') || line.starts_with('-')) && !line.starts_with("+++") && !line.starts_with("---")
}

#[test]
fn the_merge_stands_on_the_default_branch_by_the_person_who_made_it() {
    let (organisation, _) = Organisation::after_demo();
    let merged = organisation.changeset_in("", "merged-verified");
    let bare = organisation.bare(merged["service_name"].as_str().unwrap());
    assert_eq!(bare.at("main"), merged["state_detail"].as_str().unwrap());
    let log = git(&bare.path, &["log", "-1", "--format=%an %P", "main"]);
    let words: Vec<&str> = log.split(' ').collect();
    assert_eq!((words[0], words.len()), ("dana-okafor", 3), "{log}");
    assert_eq!(words[2], merged["head"].as_str().unwrap());
}

#[test]
fn what_the_demo_did_in_a_persons_stead_is_recorded_as_simulated() {
    let (organisation, _) = Organisation::after_demo();
    for (state, act) in [("merged-verified", "merge"), ("closed-by-person", "close")] {
        let changeset = organisation.changeset_in("", state);
        assert_eq!(changeset["simulated"], true, "{changeset:#}");
        let explained = organisation.explain(changeset["findings"][0].as_str().unwrap());
        let steps = explained["steps"].as_array().unwrap();
        let said = |s: &&Value| s["title"] == "A person" && s["detail"].as_str().unwrap().contains("(simulated)");
        let step = steps.iter().find(said).unwrap_or_else(|| panic!("{steps:#?}"));
        assert!(step["detail"].as_str().unwrap().starts_with(act), "{step:#}");
    }
    let untouched = organisation.changeset_in("", "open");
    assert_eq!(untouched["simulated"], false);
}

#[test]
fn the_forges_own_record_says_that_a_merge_was_simulated() {
    let (organisation, _) = Organisation::after_demo();
    let merged = organisation.changeset_in("", "merged-verified");
    let record = organisation.bare(merged["service_name"].as_str().unwrap()).pull(merged["number"].as_u64().unwrap());
    assert_eq!(record["simulated"], true, "{record:#}");
}

#[test]
fn two_runs_of_the_demo_find_patch_and_refuse_the_same() {
    let (organisation, said) = Organisation::after_demo();
    let folder = tempfile::tempdir().unwrap();
    let again = ligase_in(folder.path(), &["demo", "--dir", "again", "--json"]).code(0).json();
    for key in [
        "services",
        "findings",
        "constraints",
        "patches_gated",
        "patches_refused",
        "abstained",
        "expected",
        "changesets",
    ] {
        assert_eq!(again[key], said[key], "{key}");
    }
    let bare = folder.path().join("again/repositories/intake.git");
    let root = |at: &std::path::Path| git(at, &["rev-list", "--max-parents=0", "main"]);
    assert_eq!(root(&bare), root(&organisation.bare("intake").path), "the same program makes the same commits");
}

#[test]
fn for_a_person_it_ends_with_how_to_go_on_and_writes_no_escape_codes_into_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let run = ligase_in(folder.path(), &["demo", "--dir", "kept"]).code(0);
    assert!(run.out.contains("ligase status --state") && run.out.contains("kept/state"), "{}", run.out);
    assert!(!run.out.contains('\u{1b}') && !run.err.contains('\u{1b}'), "escape codes");
    assert_eq!(run.err, "", "no progress bar in a pipe");
    let again = ligase_in(folder.path(), &["demo", "--dir", "kept"]).code(2);
    assert!(again.err.contains("E-DEMO-DIR") && again.err.contains("do:"), "{}", again.err);
}
