//! From the folder that the demo keeps, and from that folder alone: what people do to pull requests and to the default
//! branch, by the tool and by plain git, and what the next sweeps conclude and leave alone.

use ligase_tests::{Organisation, finding_rows, git, statements};
use serde_json::Value;
use std::fs;
use std::path::Path;

const BY_A_PERSON: &str = "regressed (by a person)";

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value:#}"))
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let list = value[key].as_array().unwrap_or_else(|| panic!("{key} of {value:#}"));
    list.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// The pull requests of all repositories: every record's name.
fn pulls(organisation: &Organisation) -> Vec<String> {
    organisation
        .names()
        .into_iter()
        .flat_map(|s| organisation.bare(&s).refs("refs/ligase/pulls").into_iter().map(move |r| format!("{s} {r}")))
        .collect()
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, before + text).unwrap();
}

/// What both ways of undoing a merged fix must lead to.
#[track_caller]
fn is_left_to_the_person(organisation: &Organisation, merged: &Value) {
    let (id, findings) = (text(merged, "id"), texts(merged, "findings"));
    let before = pulls(organisation);
    let sweep = organisation.sweep();
    let mut regressed = texts(&sweep, "regressed_findings");
    regressed.sort();
    let mut wanted = findings.clone();
    wanted.sort();
    assert_eq!(regressed, wanted, "the sweep names what came back");
    for _ in 0..2 {
        assert_eq!(text(&organisation.changeset(id), "state"), "regressed-by-person");
        let open = organisation.findings("open");
        for finding in &findings {
            let row = open.iter().find(|f| f["id"] == **finding).unwrap_or_else(|| panic!("{finding} is open again"));
            assert_eq!(text(row, "note"), BY_A_PERSON, "{row:#}");
            assert_eq!(text(row, "place_reason"), "regressed-by-person", "{row:#}");
        }
        let noted = open.iter().filter(|f| f["note"] == BY_A_PERSON).count();
        assert_eq!(noted, findings.len(), "nothing else is said to have come back");
        assert_eq!(pulls(organisation), before, "nothing is proposed against a person's decision");
        assert_eq!(organisation.sweep()["opened"], 0);
    }
}

#[test]
fn a_fix_that_a_person_reverts_is_regressed_and_not_proposed_until_a_person_resumes_it() {
    let (organisation, _) = Organisation::after_demo();
    let merged = organisation.changeset_in("", "merged-verified");
    organisation.act("revert", text(&merged, "id"));
    is_left_to_the_person(&organisation, &merged);

    organisation.act("resume", text(&merged, "id"));
    let before = pulls(&organisation);
    let sweep = organisation.sweep();
    assert_eq!(sweep["opened"], 1, "{sweep:#}");
    assert_eq!(pulls(&organisation).len(), before.len() + 1);
    let again = organisation.changeset(&format!("{}-2", text(&merged, "id")));
    assert_eq!((text(&again, "state"), texts(&again, "findings")), ("open", texts(&merged, "findings")));
    assert_ne!(again["number"], merged["number"], "a new pull request, and the old one stays as it was");
    assert_eq!(organisation.sweep()["opened"], 0);
}

#[test]
fn a_fix_that_is_reverted_by_plain_git_is_regressed_by_a_person_too() {
    let (organisation, _) = Organisation::after_demo();
    let merged = organisation.changeset_in("", "merged-verified");
    let bare = organisation.bare(text(&merged, "service_name"));
    bare.work("main", |clone| {
        git(clone, &["revert", "--no-edit", "--mainline", "1", text(&merged, "state_detail")]);
    });
    is_left_to_the_person(&organisation, &merged);
}

#[test]
fn one_planted_violation_is_one_new_finding_and_one_file_looked_at() {
    let (organisation, _) = Organisation::after_demo();
    let planted = "\n\ndef note_arrival(social_security_number: str) -> None:\n    logger.info(\"arrived %s\", social_security_number)\n";
    let commit = organisation.bare("intake").commit("main", "note arrivals", |clone| {
        append(&clone.join("app/services/summaries.py"), planted);
    });
    let sweep = organisation.sweep();
    assert_eq!(sweep["files_looked_at"], 1, "{sweep:#}");
    let new = texts(&sweep, "new_findings");
    assert_eq!((new.len(), &sweep["closed_findings"]), (1, &Value::Array(Vec::new())), "{sweep:#}");
    let open = organisation.findings("open");
    let finding = open.iter().find(|f| f["id"] == *new[0]).expect("it is open");
    assert_eq!(text(finding, "clause"), "no-sensitive-in-logs/log-call");
    assert_eq!(
        (text(finding, "path"), text(finding, "symbol")),
        ("app/services/summaries.py", "note_arrival: logger.info")
    );
    assert_eq!(text(finding, "introduced_by"), commit, "introduced by the first revision that has it");
    assert_ne!(text(finding, "introduced_after"), "", "and after the last that had it not");
    assert!(organisation.bare("intake").text("main", "app/services/summaries.py").ends_with(planted));
}

#[test]
fn a_sweep_of_what_has_not_changed_looks_at_nothing_and_judges_to_the_same_bytes() {
    let (organisation, _) = Organisation::after_demo();
    let (rows, digests, before) =
        (finding_rows(&organisation.findings("all")), statements(&organisation), refs(&organisation));
    let sweep = organisation.sweep();
    assert_eq!(
        (&sweep["files_looked_at"], &sweep["opened"], &sweep["clones"]),
        (&0.into(), &0.into(), &0.into()),
        "{sweep:#}"
    );
    assert_eq!((texts(&sweep, "new_findings").len(), texts(&sweep, "closed_findings").len()), (0, 0));
    assert_eq!(finding_rows(&organisation.findings("all")), rows);
    assert_eq!(statements(&organisation), digests);
    assert_eq!(refs(&organisation), before, "not a ref of a repository has moved");
}

fn refs(organisation: &Organisation) -> Vec<String> {
    let of = |s: &String| git(&organisation.bare(s).path, &["for-each-ref", "--format=%(objectname) %(refname)"]);
    organisation.names().iter().map(of).collect()
}

#[test]
fn a_branch_that_a_person_commits_to_is_theirs_from_then_on() {
    let (organisation, _) = Organisation::after_demo();
    let ours = organisation.changeset_in("directory", "open");
    let bare = organisation.bare("directory");
    let theirs = bare
        .commit(text(&ours, "branch"), "a person's own words", |clone| append(&clone.join("README.md"), "\nMore.\n"));
    for _ in 0..2 {
        assert_eq!(organisation.sweep()["opened"], 0);
        let now = organisation.changeset(text(&ours, "id"));
        assert_eq!((text(&now, "ownership"), text(&now, "state")), ("human-touched", "open"), "{now:#}");
        assert_eq!(bare.at(&format!("refs/heads/{}", text(&ours, "branch"))), theirs, "their commit stays the head");
    }
    let record = bare.pull(ours["number"].as_u64().unwrap());
    assert_eq!(record["comments"].as_array().map(Vec::len), Some(1), "that it is theirs is said once: {record:#}");
    let others: Vec<Value> = organisation.changesets().into_iter().filter(|c| c["id"] != ours["id"]).collect();
    assert!(others.iter().all(|c| c["ownership"] == "ours"));
}

#[test]
fn a_persons_branch_is_left_open_when_the_clause_comes_to_hold_without_it() {
    let (organisation, _) = Organisation::after_demo();
    let ours = organisation.changeset_in("directory", "open");
    let (bare, branch) = (organisation.bare("directory"), text(&ours, "branch"));
    let theirs = bare.commit(branch, "a person's own words", |clone| append(&clone.join("README.md"), "\nMore.\n"));
    bare.work("main", |clone| {
        git(clone, &["cherry-pick", text(&ours, "head")]);
    });
    organisation.sweep();
    assert_eq!(
        text(&organisation.changeset(text(&ours, "id")), "state"),
        "open",
        "what a person works on is theirs to close"
    );
    assert_eq!(bare.at(branch), theirs);
}

#[test]
fn what_a_person_closed_is_not_proposed_again_by_three_sweeps_of_new_revisions() {
    let (organisation, _) = Organisation::after_demo();
    let closed = organisation.changeset_in("", "closed-by-person");
    let (service, findings) = (text(&closed, "service_name").to_owned(), texts(&closed, "findings"));
    for round in 0..3 {
        let note = format!("\nRound {round}.\n");
        organisation.bare(&service).commit("main", "words", |clone| append(&clone.join("README.md"), &note));
        organisation.sweep();
        let same: Vec<Value> = organisation
            .changesets()
            .into_iter()
            .filter(|c| text(c, "clause") == text(&closed, "clause") && text(c, "service_name") == service)
            .collect();
        assert_eq!(same.len(), 1, "round {round}: {same:#?}");
        assert_eq!(text(&same[0], "state"), "closed-by-person");
        let open = organisation.findings("open");
        for finding in &findings {
            let row = open.iter().find(|f| f["id"] == **finding).unwrap_or_else(|| panic!("{finding} is open"));
            assert_eq!(text(row, "place_reason"), "closed-by-person");
        }
    }
    let record = organisation.bare(&service).pull(closed["number"].as_u64().unwrap());
    assert_eq!(record["state"]["closed"]["by"]["person"], "dana-okafor", "{record:#}");
}

#[test]
fn merged_is_verified_only_after_the_default_branch_was_looked_at() {
    let (organisation, _) = Organisation::after_demo();
    let ours = organisation.changeset_in("intake", "open");
    organisation.act("merge", text(&ours, "id"));
    let at_once = organisation.changeset(text(&ours, "id"));
    assert_ne!(text(&at_once, "state"), "merged-verified", "nobody has looked yet");
    assert!(
        !organisation
            .findings("satisfied")
            .iter()
            .any(|f| texts(&ours, "findings").contains(&text(f, "id").to_owned()))
    );
    let sweep = organisation.sweep();
    assert_eq!(texts(&sweep, "closed_findings").len(), texts(&ours, "findings").len());
    assert_eq!(text(&organisation.changeset(text(&ours, "id")), "state"), "merged-verified");
    let satisfied = organisation.findings("satisfied");
    for finding in texts(&ours, "findings") {
        assert!(satisfied.iter().any(|f| f["id"] == *finding), "{finding} is satisfied");
    }
}

#[test]
fn a_branch_merged_by_plain_git_closes_its_findings_and_is_not_proposed_again() {
    let (organisation, _) = Organisation::after_demo();
    let ours = organisation.changeset_in("intake", "open");
    let branch = format!("origin/{}", text(&ours, "branch"));
    organisation.bare("intake").work("main", |clone| {
        git(clone, &["merge", "--no-ff", "--no-edit", &branch]);
    });
    organisation.sweep();
    let now = organisation.changeset(text(&ours, "id"));
    assert!(["merged-verified", "satisfied-elsewhere"].contains(&text(&now, "state")), "{now:#}");
    assert_eq!(organisation.sweep()["opened"], 0);
}

#[test]
fn a_fix_that_lands_elsewhere_satisfies_the_changeset_and_closes_its_pull_request() {
    let (organisation, _) = Organisation::after_demo();
    let ours = organisation.changeset_in("directory", "open");
    let bare = organisation.bare("directory");
    bare.work("main", |clone| {
        git(clone, &["cherry-pick", text(&ours, "head")]);
        git(clone, &["commit", "--amend", "--quiet", "--message", "the same by hand"]);
    });
    organisation.sweep();
    assert_eq!(text(&organisation.changeset(text(&ours, "id")), "state"), "satisfied-elsewhere");
    let record = bare.pull(ours["number"].as_u64().unwrap());
    assert_eq!(record["state"]["closed"]["by"], "ligase", "{record:#}");
    assert_eq!(organisation.sweep()["opened"], 0);
}

#[test]
fn what_a_person_closed_stays_closed_when_the_state_is_lost() {
    let (organisation, _) = Organisation::after_demo();
    let closed = organisation.changeset_in("", "closed-by-person");
    let before = pulls(&organisation);
    fs::remove_dir_all(organisation.state()).unwrap();
    organisation.sweep();
    let mine = |c: &Value| text(c, "clause") == text(&closed, "clause") && c["service"] == closed["service"];
    let proposed: Vec<Value> =
        organisation.changesets().into_iter().filter(|c| mine(c) && text(c, "state") == "open").collect();
    assert!(proposed.is_empty(), "the repository's own record says that a person closed it: {proposed:#?}");
    assert!(pulls(&organisation).len() >= before.len());
}

#[test]
fn an_unknown_changeset_and_an_unnamed_person_are_bad_input() {
    let (organisation, _) = Organisation::after_demo();
    let run = organisation.run(&["changesets", "merge", "ffffffff", "--as", "dana-okafor", "--json"]).code(2);
    assert_eq!(run.json()["error"]["code"], "E-API-NOT-FOUND");
    let open = organisation.changeset_in("", "open");
    let run = organisation.run(&["changesets", "merge", text(&open, "id"), "--as", " ", "--json"]).code(2);
    assert_eq!(run.json()["error"]["code"], "E-API-LOGIN");
    let closed = organisation.changeset_in("", "closed-by-person");
    let run = organisation.run(&["changesets", "merge", text(&closed, "id"), "--as", "dana-okafor", "--json"]).code(2);
    assert_eq!(run.json()["error"]["code"], "E-FORGE-REFUSED");
    organisation.run(&["explain", "ffffffff", "--json"]).code(2);
}
