//! `ligase check`: a folder or repository, judged by what it declares, against a base, or by what is assumed. It touches
//! nothing, and says the same to scripts as to people.

use ligase_tests::{Bare, Run, dna, git, ligase, ligase_in, service_files, write_tree};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Three routers in files of their own, included in an application; each guarded where it is made.
const ROUTED: &[(&str, &str)] = &[
    ("app/__init__.py", ""),
    (
        "app/main.py",
        "from fastapi import FastAPI\n\nfrom app.routers import admin, people\n\napp = FastAPI()\n\
         app.include_router(people.router, prefix=\"/people\")\napp.include_router(admin.router, prefix=\"/admin\")\n",
    ),
    (
        "app/guards.py",
        "from fastapi import HTTPException, Request\n\n\ndef current_user(request: Request) -> str:\n    \
         user = request.headers.get(\"x-user\")\n    if user is None:\n        raise HTTPException(status_code=401)\n    return user\n",
    ),
    ("app/routers/__init__.py", ""),
    (
        "app/routers/people.py",
        "from fastapi import APIRouter, Depends\n\nfrom app.guards import current_user\n\n\
         router = APIRouter(dependencies=[Depends(current_user)])\n\n\n@router.get(\"/\")\ndef all_people() -> list[str]:\n    return []\n\n\n\
         @router.get(\"/{person_id}\")\ndef person(person_id: str) -> str:\n    return person_id\n\n\n\
         @router.delete(\"/{person_id}\")\ndef forget(person_id: str) -> None:\n    return None\n",
    ),
    (
        "app/routers/admin.py",
        "from fastapi import APIRouter, Depends\n\nfrom app.guards import current_user\n\n\
         router = APIRouter(dependencies=[Depends(current_user)])\n\n\n@router.post(\"/reindex\")\ndef reindex() -> None:\n    return None\n",
    ),
];

/// A working tree with one commit.
fn committed(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), files);
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(folder.path(), &["add", "--all"]);
    git(folder.path(), &["commit", "--quiet", "--message", "as it stands"]);
    folder
}

fn routed() -> TempDir {
    let mut files: Vec<(&str, &str)> = ROUTED.to_vec();
    let declared = dna("routed", "");
    files.push(("dna.yaml", &declared));
    committed(&files)
}

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(folder.join(file), text.replace(from, to)).unwrap();
}

fn check(folder: &Path, arguments: &[&str]) -> Run {
    let mut all = vec!["check", ".", "--json"];
    all.extend(arguments);
    ligase_in(folder, &all)
}

fn rows(run: &Run, list: &str) -> Vec<String> {
    let document = run.json();
    let mut rows: Vec<String> =
        document[list].as_array().unwrap_or_else(|| panic!("{list} in {document:#}")).iter().map(row).collect();
    rows.sort();
    rows
}

fn row(finding: &Value) -> String {
    ["clause", "symbol", "outcome"].map(|k| finding[k].as_str().unwrap_or_default().to_owned()).join(" ")
}

#[test]
fn removing_a_routers_guard_exposes_each_of_its_endpoints_and_no_other() {
    let folder = routed();
    check(folder.path(), &[]).code(0);
    check(folder.path(), &["--base", "HEAD"]).code(0);
    edit(folder.path(), "app/routers/people.py", "APIRouter(dependencies=[Depends(current_user)])", "APIRouter()");
    let run = check(folder.path(), &["--base", "HEAD"]).code(1);
    let exposed = ["DELETE /people/{person_id}", "GET /people/", "GET /people/{person_id}"];
    assert_eq!(rows(&run, "findings"), exposed.map(|s| format!("authn-endpoints/guarded {s} not-satisfied")));
    assert!(rows(&run, "fixed").is_empty());
    for finding in run.json()["findings"].as_array().unwrap() {
        assert_eq!(finding["path"], "app/routers/people.py");
        assert!(finding["line"].as_u64().unwrap() >= 7 && finding["end_line"].as_u64() >= finding["line"].as_u64());
    }
    git(folder.path(), &["commit", "--quiet", "--all", "--message", "open"]);
    check(folder.path(), &["--base", "HEAD"]).code(0);
    assert_eq!(rows(&check(folder.path(), &["--base", "HEAD~1"]).code(1), "findings").len(), 3);
}

#[test]
fn putting_the_guard_back_is_said_to_fix_each_endpoint() {
    let folder = routed();
    edit(folder.path(), "app/routers/people.py", "APIRouter(dependencies=[Depends(current_user)])", "APIRouter()");
    git(folder.path(), &["commit", "--quiet", "--all", "--message", "open"]);
    git(folder.path(), &["revert", "--no-edit", "HEAD"]);
    let run = check(folder.path(), &["--base", "HEAD~1"]).code(0);
    assert_eq!((rows(&run, "findings").len(), rows(&run, "fixed").len()), (0, 3));
}

#[test]
fn a_guard_that_an_include_brought_and_no_longer_brings_exposes_endpoints_of_another_file() {
    let folder = routed();
    edit(folder.path(), "app/routers/admin.py", "APIRouter(dependencies=[Depends(current_user)])", "APIRouter()");
    edit(folder.path(), "app/main.py", "from app.routers", "from app.guards import current_user\nfrom app.routers");
    edit(folder.path(), "app/main.py", "from fastapi import FastAPI", "from fastapi import Depends, FastAPI");
    edit(
        folder.path(),
        "app/main.py",
        "prefix=\"/admin\")",
        "prefix=\"/admin\", dependencies=[Depends(current_user)])",
    );
    check(folder.path(), &["--base", "HEAD"]).code(0);
    git(folder.path(), &["commit", "--quiet", "--all", "--message", "guarded where it is included"]);
    edit(folder.path(), "app/main.py", ", dependencies=[Depends(current_user)])", ")");
    let run = check(folder.path(), &["--base", "HEAD"]).code(1);
    assert_eq!(rows(&run, "findings"), ["authn-endpoints/guarded POST /admin/reindex not-satisfied"]);
}

#[test]
fn weakening_the_declaration_is_a_finding_and_does_not_govern() {
    let folder = routed();
    edit(folder.path(), "dna.yaml", "exposure: internet", "exposure: none");
    edit(folder.path(), "dna.yaml", "frameworks: [soc2]", "frameworks: []");
    edit(folder.path(), "app/routers/people.py", "APIRouter(dependencies=[Depends(current_user)])", "APIRouter()");
    let run = check(folder.path(), &["--base", "HEAD"]).code(1);
    assert!(!rows(&run, "weakened").is_empty(), "{}", run.out);
    let exposed = rows(&run, "findings").iter().filter(|r| r.starts_with("authn-endpoints/guarded")).count();
    assert_eq!(exposed, 3, "the base's declaration governs: {}", run.out);
    let alone = check(folder.path(), &[]);
    assert!(
        !rows(&alone, "findings")
            .iter()
            .any(|r| r.starts_with("authn-endpoints/guarded") && r.ends_with(" not-satisfied")),
        "by itself the head is judged by its own declaration"
    );
}

#[test]
fn deleting_the_declaration_is_a_weakening_too() {
    let folder = routed();
    fs::remove_file(folder.path().join("dna.yaml")).unwrap();
    let run = check(folder.path(), &["--base", "HEAD"]).code(1);
    assert!(!rows(&run, "weakened").is_empty(), "{}", run.out);
}

#[test]
fn strengthening_the_declaration_is_no_finding_of_its_own() {
    let folder = routed();
    edit(folder.path(), "dna.yaml", "frameworks: [soc2]", "frameworks: [soc2, gdpr]");
    let run = check(folder.path(), &["--base", "HEAD"]).code(0);
    assert!(rows(&run, "weakened").is_empty());
}

#[test]
fn a_base_that_is_no_revision_is_bad_input() {
    let folder = routed();
    let run = check(folder.path(), &["--base", "nonsense"]).code(2);
    assert_eq!(run.json()["error"]["code"], "E-CHECK-BASE");
    let plain = TempDir::new().unwrap();
    write_tree(plain.path(), &service_files("plain"));
    let run = check(plain.path(), &["--base", "HEAD"]).code(2);
    assert_eq!(run.json()["error"]["code"], "E-CHECK-BASE");
}

#[test]
fn a_folder_without_git_is_judged_by_its_declaration() {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    let run = check(folder.path(), &[]).code(1);
    let open: Vec<String> = rows(&run, "findings").into_iter().filter(|r| r.ends_with(" not-satisfied")).collect();
    assert_eq!(
        open,
        [
            "authn-endpoints/guarded GET /people/{person_id} not-satisfied",
            "enc-at-rest/storage aws_db_instance.records not-satisfied",
            "no-sensitive-in-logs/log-call greet: logger.info not-satisfied"
        ]
    );
    assert!(!folder.path().join(".ligase").exists(), "it leaves nothing behind");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn a_finding_has_every_key_that_scripts_rely_on() {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    let run = check(folder.path(), &[]).code(1);
    let keys = [
        "id",
        "constraint",
        "clause",
        "outcome",
        "reason",
        "path",
        "line",
        "end_line",
        "symbol",
        "message",
        "controls",
        "remedy",
        "effect",
    ];
    for finding in run.json()["findings"].as_array().unwrap() {
        for key in keys {
            assert!(finding.get(key).is_some(), "{key} of {finding:#}");
        }
        if finding["outcome"] == "not-satisfied" {
            assert!(finding["remedy"].is_string() && finding["effect"].is_string(), "{finding:#}");
            assert!(!finding["controls"].as_array().unwrap().is_empty(), "soc2 is declared: {finding:#}");
        }
    }
}

#[test]
fn what_is_assumed_stands_in_for_a_declaration() {
    let folder = TempDir::new().unwrap();
    let undeclared: Vec<_> = service_files("plain").into_iter().filter(|(path, _)| *path != "dna.yaml").collect();
    write_tree(folder.path(), &undeclared);
    let open = |run: &Run| rows(run, "findings").into_iter().filter(|r| r.ends_with(" not-satisfied")).count();
    let without = check(folder.path(), &[]);
    let assumed = check(folder.path(), &["--assume", "data=pii;exposure=internet;frameworks=soc2"]).code(1);
    assert_eq!(open(&assumed), 3, "{}", assumed.out);
    assert!(open(&without) < 3, "undeclared it is judged by less");
    assert_eq!(open(&check(folder.path(), &["--all"]).code(1)), 3);
    check(folder.path(), &["--assume", "data=pii", "--all"]).code(2);
    let wrong = check(folder.path(), &["--assume", "frameworks=hippa"]).code(2);
    assert_eq!(wrong.json()["error"]["documents"][0]["nearest"], "hipaa", "{}", wrong.out);
    check(folder.path(), &["--assume", "nonsense"]).code(2);
}

#[test]
fn each_kind_of_end_has_its_exit_code() {
    let folder = TempDir::new().unwrap();
    let holds = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_tree(
        &folder.path().join("holds"),
        &[("dna.yaml", dna("holds", "").as_str()), ("main.py", "print(\"hello\")\n")],
    );
    ligase(&["check", &holds("holds")]).code(0);
    write_tree(&folder.path().join("open"), &service_files("open"));
    ligase(&["check", &holds("open")]).code(1);
    write_tree(
        &folder.path().join("malformed"),
        &[("dna.yaml", "apiVersion: ligase.dev/v1\nkind: Service\nspec: [\n")],
    );
    ligase(&["check", &holds("malformed")]).code(2);
    ligase(&["check", &holds("absent")]).code(2);
    ligase(&["check", "--nonsense"]).code(2);
    ligase(&["nonsense"]).code(2);
    let empty = Bare::make(folder.path().join("empty.git"));
    let run = ligase(&["check", empty.path.to_str().unwrap(), "--json"]).code(3);
    assert_eq!(run.json()["error"]["code"].as_str().map(|c| c.starts_with("E-")), Some(true), "{}", run.out);
}

#[test]
fn a_bare_repository_is_judged_like_its_working_tree() {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("same"));
    let bare = TempDir::new().unwrap();
    let bare = Bare::make(bare.path().join("same.git"));
    ligase_tests::commit_tree(&bare.path, folder.path(), "main", "as it stands");
    let judged = |run: &Run| {
        let all = run.json();
        let keys = ["clause", "symbol", "outcome", "reason", "path", "line", "message"];
        all["findings"].as_array().unwrap().iter().map(|f| keys.map(|k| f[k].to_string()).join(" ")).collect::<Vec<_>>()
    };
    let of_bare = ligase(&["check", bare.path.to_str().unwrap(), "--json"]).code(1);
    assert_eq!(judged(&of_bare), judged(&check(folder.path(), &[]).code(1)));
}

#[test]
fn people_at_a_pipe_get_no_escape_codes_and_no_progress_bar() {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    let run = ligase_in(folder.path(), &["check", ".", "--full"]).code(1);
    assert!(!run.out.contains('\u{1b}'), "{}", run.out);
    assert_eq!(run.err, "", "no bar, no log line");
    for said in ["GET /people/{person_id}", "main.py:", "aws_db_instance.records", "not satisfied"] {
        assert!(run.out.contains(said), "{said} in\n{}", run.out);
    }
    let failed = ligase(&["check", "/nonexistent"]).code(2);
    assert!(
        failed.out.is_empty() && failed.err.contains("E-CHECK-PATH") && !failed.err.contains('\u{1b}'),
        "{}",
        failed.err
    );
}

#[test]
fn checking_twice_says_the_same_bytes() {
    let folder = routed();
    edit(folder.path(), "app/routers/people.py", "APIRouter(dependencies=[Depends(current_user)])", "APIRouter()");
    let once = check(folder.path(), &[]).code(1);
    assert_eq!(check(folder.path(), &[]).code(1).out, once.out);
}
