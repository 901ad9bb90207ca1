//! `ligase demo`: the whole loop on the example organisation, held against what was planted in it, and what stands in the
//! repositories afterwards, read with plain git.

use ligase_tests::{Organisation, git, ligase_in};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn what_was_planted_is_found_and_no_decoy_is_flagged() {
    let (_, said) = Organisation::after_demo();
    let expected = &said["expected"];
    let (planted, found) = (count(&expected["planted"]), count(&expected["found"]));
    assert!(planted >= 40 && count(&expected["decoys"]) >= 40, "{expected:#}");
    assert!(found * 100 >= planted * 95, "{found} of {planted}: {:#}", expected["missed_list"]);
    assert_eq!(expected["decoys_flagged"], 0, "{expected:#}");
    assert_eq!(expected["unexpected"], Value::Array(Vec::new()), "every finding is one of those that were planted");
}

#[test]
fn its_json_has_every_key_that_scripts_rely_on() {
    let (_, said) = Organisation::after_demo();
    assert!(count(&said["services"]) >= 8 && count(&said["constraints"]) >= 4, "{said:#}");
    assert!(count(&said["findings"]) >= 40 && count(&said["patches_gated"]) >= 20, "{said:#}");
    for by_reason in ["patches_refused", "abstained"] {
        let counts = said[by_reason].as_object().unwrap_or_else(|| panic!("{by_reason} is counted by reason"));
        assert!(counts.values().all(Value::is_u64), "{by_reason}: {counts:?}");
    }
    assert!(!said["abstained"].as_object().unwrap().is_empty(), "some things are left to people");
    let changesets = &said["changesets"];
    assert!(count(&changesets["opened"]) >= count(&said["patches_gated"]), "what passed its gate was opened");
    assert_eq!(count(&changesets["ready"]) + count(&changesets["drafts"]), count(&changesets["opened"]));
    assert_eq!((&changesets["merged_verified"], &changesets["closed_by_person"]), (&1.into(), &1.into()));
    assert_eq!(changesets["reopened"], 0);
    assert_eq!(said["also"], Value::Null, "nothing else was looked at");
    let sweeps = said["sweeps"].as_array().unwrap();
    assert!(sweeps.len() >= 4);
    for sweep in sweeps {
        for key in ["files_total", "files_looked_at", "files_from_cache", "findings", "indeterminate", "clones"] {
            assert!(sweep[key].is_u64(), "{key} of {sweep:#}");
        }
        assert!(sweep["seconds"].is_number());
        assert_eq!(sweep["clones"], 0, "what lies on this machine is not cloned");
    }
}

#[test]
fn each_service_is_one_that_its_own_tests_import() {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo/services");
    let mut seen = 0;
    for service in std::fs::read_dir(services).unwrap().map(|e| e.unwrap().path()) {
        let (mut lines, mut tests) = (0, 0);
        for file in files_below(&service) {
            let name = file.strip_prefix(&service).unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let test = name.starts_with("test") || name.ends_with("_test.go");
            if test {
                tests += text.lines().filter(|l| l.contains("import") || l.contains("func Test")).count();
            } else if [".py", ".js", ".go", ".tf"].iter().any(|e| name.ends_with(e)) {
                lines += text.lines().count();
            }
        }
        assert!(lines >= 300 && tests > 0, "{}: {lines} lines, {tests} imports of tests", service.display());
        let dna = std::fs::read_to_string(service.join("dna.yaml")).unwrap();
        assert!(dna.contains("verify: { command:"), "{dna}");
        seen += 1;
    }
    assert!(seen >= 8);
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[test]
fn a_pull_request_is_ready_only_where_the_services_tests_said_no_worse_and_nothing_is_replaced() {
    let (organisation, said) = Organisation::after_demo();
    let changesets = organisation.changesets();
    for changeset in changesets.iter().filter(|c| c["number"].as_u64() > Some(0)) {
        let verify = changeset["gate"].as_array().unwrap().iter().find(|g| g["check"] == "verify").unwrap();
        let harmless = changeset["effect"] == "behaviour" || changeset["effect"] == "in-place";
        let ready = changeset["draft"] == "";
        assert_eq!(ready, harmless && verify["verdict"] == "passed", "{changeset:#}");
        assert!(ready || verify["verdict"] == "passed" || !verify["detail"].as_str().unwrap().is_empty());
    }
    let replaced = |c: &&Value| c["effect"] == "forces-replacement";
    assert!(changesets.iter().any(|c| replaced(&c)), "a database is not encrypted by a patch that looks harmless");
    let no_worse = said["verified"]["no_worse"].as_array().unwrap();
    let unverified = said["verified"]["unverified"].as_object().unwrap();
    // A machine without a jail runs nobody's tests, and says so of every patch.
    let jailed = !unverified.keys().any(|why| why.starts_with("no-sandbox"));
    assert!(no_worse.len() >= if jailed { 3 } else { 0 }, "{:#}", said["verified"]);
    assert!(jailed || said["changesets"]["ready"] == 0, "{:#}", said["changesets"]);
}

#[test]
fn a_logged_value_goes_through_the_helper_that_its_repository_has() {
    let (organisation, _) = Organisation::after_demo();
    let changesets = organisation.changesets();
    let of = |c: &&Value| c["service_name"] == "scheduling" && c["clause"] == "no-sensitive-in-logs/log-call";
    let diff = changesets.iter().find(of).unwrap()["diff"].as_str().unwrap();
    assert!(diff.contains("+from scheduling.privacy import mask\n"), "an import where there was none: {diff}");
    assert!(diff.contains("mask(booked.email)") && diff.contains("mask(entry.full_name)"), "{diff}");
}

#[test]
fn a_file_is_looked_at_once_and_adopting_a_framework_looks_at_none() {
    let (_, said) = Organisation::after_demo();
    let looked: Vec<u64> = said["sweeps"].as_array().unwrap().iter().map(|s| count(&s["files_looked_at"])).collect();
    assert!(looked[0] > 150, "{looked:?}");
    assert_eq!(&looked[1..4], [0, 0, 0], "HIPAA and SOC 2 are judged by what the first sweep looked at");
    let adoptions = said["adoptions"].as_array().unwrap();
    let adopted: Vec<&str> = adoptions.iter().map(|a| a["adopted"].as_str().unwrap()).collect();
    assert_eq!(adopted, ["Adopt HIPAA", "Adopt SOC 2"]);
    for adoption in adoptions {
        assert_eq!(adoption["files_looked_at"], 0, "{adoption:#}");
        assert!(count(&adoption["findings"]) >= 1, "{adoption:#}");
    }
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
        "adoptions",
        "expected",
        "changesets",
        "verified",
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
    assert!(!run.out.contains("Also looked at"), "{}", run.out);
    assert!(run.out.contains("ligase status --state") && run.out.contains("kept/state"), "{}", run.out);
    assert!(!run.out.contains('\u{1b}') && !run.err.contains('\u{1b}'), "escape codes");
    assert_eq!(run.err, "", "no progress bar in a pipe");
    let again = ligase_in(folder.path(), &["demo", "--dir", "kept"]).code(2);
    assert!(again.err.contains("E-DEMO-DIR") && again.err.contains("do:"), "{}", again.err);
}

/// Every path below a folder with its bytes, its mode and when it was written.
fn as_it_is(folder: &Path) -> Vec<(PathBuf, Vec<u8>, u32, SystemTime)> {
    let of = |path: PathBuf| {
        let about = std::fs::symlink_metadata(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes, about.permissions().mode(), about.modified().unwrap())
    };
    files_below(folder).into_iter().map(of).collect()
}

#[test]
fn a_repository_of_ones_own_is_judged_by_what_was_adopted_and_nothing_below_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::create_dir_all(own.join("shop")).unwrap();
    git(&own, &["init", "--quiet", "--initial-branch", "main"]);
    let source = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef join(email, plan):\n    logger.info(\"%s takes %s\", email, plan)\n";
    std::fs::write(own.join("shop/join.py"), source).unwrap();
    let database = "resource \"aws_db_instance\" \"shop\" {\n  engine         = \"postgres\"\n  instance_class = \"db.t4g.small\"\n}\n";
    std::fs::write(own.join("main.tf"), database).unwrap();
    let before = as_it_is(&own);

    let refused = ligase_in(folder.path(), &["demo", "--dir", "own/demo", "--also", "own"]).code(2);
    assert!(refused.err.contains("E-DEMO-ALSO"), "{}", refused.err);
    assert_eq!(as_it_is(&own), before);
    assert!(!own.join("demo").exists());
    let run = ligase_in(folder.path(), &["demo", "--dir", "built", "--json", "--also", "own"]).code(0);
    assert_eq!(as_it_is(&own), before, "nothing is written, nothing is opened");
    let said = run.json();
    let also = &said["also"];
    assert!(also["assumed"].as_str().unwrap().contains("frameworks=hipaa,soc2"), "{also:#}");
    assert_eq!(also["files_total"], 2, "{also:#}");
    let clauses = also["report"].to_string();
    assert!(clauses.contains("no-sensitive-in-logs/log-call") && clauses.contains("aws_db_instance.shop"), "{clauses}");
    assert!(count(&also["not_satisfied"]) >= 2, "{also:#}");
    let in_demo = |f: &Value| f.to_string().contains("shop/join.py");
    assert!(!in_demo(&said["expected"]) && !in_demo(&said["sweeps"]), "it is no part of the organisation");

    std::fs::write(own.join("dna.yaml"), include_str!("../../examples/demo/services/reminders/dna.yaml")).unwrap();
    let before = as_it_is(&own);
    let told = ligase_in(folder.path(), &["demo", "--dir", "again", "--also", "own"]).code(0);
    assert_eq!(as_it_is(&own), before);
    let section = told.out.split("Also looked at").nth(1).unwrap_or_else(|| panic!("{}", told.out));
    assert!(section.contains("shop/join.py:7") && section.contains("its own dna.yaml"), "{section}");
    assert!(section.contains("nothing below it was changed"), "{section}");
}
