//! A waiver counts when somebody who may has approved the very bytes that it stands in, did not write them, and its last day
//! has not passed. Everything else is shown beside the finding and excuses nothing.

use ligase_tests::{Bare, Organisation, dna, git, service_files, write_tree};
use serde_json::Value;

const CLAUSE: &str = "enc-at-rest/storage";

fn waiver(expires: &str) -> String {
    let entry = format!("    - clause: {CLAUSE}\n      where: {{ symbol: aws_db_instance.records }}\n");
    format!("  waivers:\n{entry}      kind: risk-accepted\n      reason: moved in spring\n      expires: {expires}\n")
}

fn organisation(expires: &str) -> (Organisation, Bare) {
    let organisation = Organisation::empty();
    let bare = organisation.repository_of("waived", |folder| {
        write_tree(folder, &service_files("waived"));
        write_tree(folder, &[("dna.yaml", dna("waived", &waiver(expires)))]);
    });
    organisation.run(&["sweep", "--plan"]).code(1);
    (organisation, bare)
}

fn approve(organisation: &Organisation, login: &str) -> ligase_tests::Run {
    organisation.run(&["changesets", "approve-waivers", "waived", "--as", login, "--json"])
}

fn sweep(organisation: &Organisation) -> (Value, Value) {
    let sweep = organisation.run(&["sweep", "--plan", "--json"]).code(1).json();
    let all = organisation.findings("all");
    let found =
        all.iter().find(|f| f["clause"] == CLAUSE && f["symbol"] == "aws_db_instance.records").expect("it is judged");
    (sweep, found.clone())
}

#[track_caller]
fn excuses_nothing(organisation: &Organisation, state: &str) {
    let (sweep, finding) = sweep(organisation);
    assert_eq!(finding["outcome"], "not-satisfied", "a waiver changes no outcome");
    assert_eq!(finding["waiver"], state, "{finding:#}");
    assert_eq!(sweep["waived"], 0, "{sweep:#}");
    let open = organisation.findings("open");
    assert!(open.iter().any(|f| f["id"] == finding["id"]), "it stays open");
    assert_ne!(finding["place"], "waiver");
}

#[test]
fn an_unapproved_waiver_is_shown_and_excuses_nothing() {
    let (organisation, _) = organisation("2199-12-31");
    excuses_nothing(&organisation, "unapproved");
}

#[test]
fn an_approved_waiver_excuses_its_finding_and_no_other() {
    let (organisation, _) = organisation("2199-12-31");
    let before = organisation.findings("open").len();
    approve(&organisation, "dana-okafor").code(0);
    let (swept, finding) = sweep(&organisation);
    assert_eq!(
        (&finding["outcome"], &finding["waiver"], &finding["place"]),
        (&"not-satisfied".into(), &"in-force".into(), &"waiver".into())
    );
    assert_eq!((&swept["waived"], &swept["files_looked_at"]), (&1.into(), &0.into()), "{swept:#}");
    assert_eq!(organisation.findings("open").len(), before - 1);
    let explained = organisation.explain(finding["id"].as_str().unwrap());
    let step = explained["steps"].as_array().unwrap().iter().find(|s| s["title"] == "Waiver").expect("said");
    assert!(step["detail"].as_str().unwrap().contains("dana-okafor"), "{step:#}");
}

#[test]
fn an_expired_waiver_excuses_nothing_however_approved() {
    let (organisation, _) = organisation("2020-01-31");
    excuses_nothing(&organisation, "expired");
    approve(&organisation, "dana-okafor").code(0);
    excuses_nothing(&organisation, "expired");
}

#[test]
fn an_approval_by_somebody_who_may_not_counts_for_nothing() {
    let (organisation, _) = organisation("2199-12-31");
    approve(&organisation, "milan-horvat").code(0);
    excuses_nothing(&organisation, "unapproved");
}

#[test]
fn an_approval_by_the_author_counts_for_nothing() {
    let (organisation, bare) = organisation("2199-12-31");
    bare.work("main", |clone| {
        write_tree(clone, &[("dna.yaml", dna("waived", &waiver("2198-12-31")))]);
        git(
            clone,
            &[
                "-c",
                "user.name=x",
                "commit",
                "--quiet",
                "--all",
                "--author=dana-okafor <dana-okafor@example.org>",
                "-m",
                "mine",
            ],
        );
    });
    approve(&organisation, "dana-okafor").code(0);
    excuses_nothing(&organisation, "unapproved");
}

#[test]
fn an_approval_is_of_bytes_and_not_of_a_file() {
    let (organisation, bare) = organisation("2199-12-31");
    approve(&organisation, "dana-okafor").code(0);
    assert_eq!(sweep(&organisation).1["waiver"], "in-force");
    bare.commit("main", "one more year", |clone| {
        write_tree(clone, &[("dna.yaml", dna("waived", &waiver("2200-12-31")))])
    });
    excuses_nothing(&organisation, "unapproved");
    approve(&organisation, "dana-okafor").code(0);
    assert_eq!(sweep(&organisation).1["waiver"], "in-force");
}

#[test]
fn approving_for_a_repository_that_nobody_knows_is_bad_input() {
    let (organisation, _) = organisation("2199-12-31");
    let run = organisation.run(&["changesets", "approve-waivers", "wavied", "--as", "dana-okafor", "--json"]).code(2);
    let error = &run.json()["error"];
    assert_eq!(error["code"], "E-API-NOT-FOUND");
    assert!(error["remedy"].as_str().unwrap().contains("waived"), "{error:#}");
}
