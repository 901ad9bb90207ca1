//! What can no longer be seen is not gone: a damaged or unreadable repository, file or declaration closes no finding, and its
//! repair brings nothing back, because nothing had left.

use ligase_tests::{Bare, Organisation, git, service_files, write_tree};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A service that was looked at while everything about it was readable.
fn looked_at() -> (Organisation, Bare) {
    let organisation = Organisation::empty();
    let bare = organisation.repository_of("service", |folder| write_tree(folder, &service_files("service")));
    let sweep = organisation.run(&["sweep", "--plan", "--json"]).code(1).json();
    assert_eq!(sweep["new_findings"].as_array().map(Vec::len), Some(3), "{sweep:#}");
    (organisation, bare)
}

fn sweep(organisation: &Organisation) -> (i32, Value) {
    let run = organisation.run(&["sweep", "--plan", "--json"]);
    (run.code, run.json())
}

fn append(file: &Path, bytes: &[u8]) {
    let before = fs::read(file).unwrap();
    fs::write(file, [&before, bytes].concat()).unwrap();
}

/// Puts other bytes in the place of a stored object.
fn damage(bare: &Bare, revision: &str) {
    let oid = git(&bare.path, &["rev-parse", revision]);
    let file = bare.path.join("objects").join(&oid[..2]).join(&oid[2..]);
    fs::remove_file(&file).unwrap();
    fs::write(file, b"not an object").unwrap();
}

/// Nothing is closed by not being seen, nor does it come back when it is seen again.
#[track_caller]
fn hides_nothing(organisation: &Organisation, bare: &Bare, before: &str) {
    let (code, hidden) = sweep(organisation);
    assert_eq!(hidden["closed_findings"], Value::Array(Vec::new()), "exit {code}: what is not seen is not closed");
    assert_ne!(code, 0, "not everything holds when not everything was seen");
    git(&bare.path, &["update-ref", "refs/heads/main", before]);
    let (_, seen) = sweep(organisation);
    assert_eq!(seen["regressed_findings"], Value::Array(Vec::new()), "and what was not closed does not come back");
    assert_eq!(seen["not_satisfied"], 3, "{seen:#}");
}

#[test]
fn a_damaged_root_folder_is_a_repository_that_could_not_be_looked_at() {
    let (organisation, bare) = looked_at();
    bare.commit("main", "words", |clone| fs::write(clone.join("README.md"), b"words").unwrap());
    damage(&bare, "main^{tree}");
    let (code, said) = sweep(&organisation);
    assert_eq!(said["unreachable"][0]["reason"], "corrupt-object", "exit {code}: {said:#}");
    assert_eq!((code, &said["undeclared"]), (3, &0.into()), "it has a declaration, which was seen before");
    assert_eq!(said["closed_findings"], Value::Array(Vec::new()));
    assert_eq!(organisation.findings("open").len(), 3, "what was found stands until it is looked at again");
}

#[test]
fn a_file_that_became_unreadable_hides_its_findings_and_closes_none() {
    let (organisation, bare) = looked_at();
    let before = bare.at("main");
    bare.commit("main", "words", |clone| append(&clone.join("main.py"), b"# words\n"));
    damage(&bare, "main:main.py");
    hides_nothing(&organisation, &bare, &before);
}

#[test]
fn a_file_that_became_too_nested_hides_its_findings_and_closes_none() {
    let (organisation, bare) = looked_at();
    let before = bare.at("main");
    let nested = format!("x = {}{}\n", "[".repeat(5_000), "]".repeat(5_000));
    bare.commit("main", "nested", |clone| append(&clone.join("main.py"), nested.as_bytes()));
    hides_nothing(&organisation, &bare, &before);
}

#[test]
fn a_file_that_became_something_else_than_utf8_hides_its_findings_and_closes_none() {
    let (organisation, bare) = looked_at();
    let before = bare.at("main");
    bare.commit("main", "latin", |clone| append(&clone.join("main.py"), b"# \xff\xfe\n"));
    hides_nothing(&organisation, &bare, &before);
}

#[test]
fn a_declaration_that_no_longer_reads_closes_no_finding() {
    let (organisation, bare) = looked_at();
    let before = bare.at("main");
    bare.commit("main", "a slip", |clone| append(&clone.join("dna.yaml"), b"x: [\n"));
    hides_nothing(&organisation, &bare, &before);
}

#[test]
fn that_something_is_absent_is_never_concluded_beside_a_file_that_was_not_looked_at() {
    let organisation = Organisation::empty();
    let bare = organisation.repository_of("service", |folder| write_tree(folder, &service_files("service")));
    damage(&bare, "main:main.py");
    sweep(&organisation);
    let concluded: Vec<String> = organisation
        .findings("not-applicable")
        .iter()
        .filter(|f| ["no-endpoint", "no-log-call"].contains(&f["reason"].as_str().unwrap()))
        .map(|f| format!("{} {}", f["clause"], f["reason"]))
        .collect();
    assert!(concluded.is_empty(), "main.py was not looked at, and yet: {concluded:#?}");
}

#[test]
fn a_problem_of_a_declaration_names_the_repository_that_it_is_in() {
    let organisation = Organisation::empty();
    for name in ["one", "two"] {
        organisation.repository_of(name, |folder| {
            write_tree(folder, &service_files(name));
            append(&folder.join("dna.yaml"), b"x: [\n");
        });
    }
    let (code, said) = sweep(&organisation);
    assert_eq!(code, 2);
    let problems: Vec<String> = said["problems"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems.iter().any(|p| p.contains("one")) && problems.iter().any(|p| p.contains("two")), "{problems:#?}");
    for problem in said["problems"].as_array().unwrap() {
        assert_ne!(problem["remedy"], "", "each says what to do: {problem:#}");
    }
}
