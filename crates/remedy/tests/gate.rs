//! Each check of the gate refuses its own class of wrong patches with all others off, and mutants of accepted patches are
//! refused by the whole gate.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use ligase_domain::{FindingId, GateCheck, Oid, Patch};
use ligase_remedy::GateOptions;

/// A wrong patch: what is wrong with it, the files as it would have them, and the findings that it claims to mend.
struct Wrong {
    what: &'static str,
    patch: Patch,
    findings: Vec<FindingId>,
}

struct Table {
    repo: Repo,
    right: Patch,
    findings: Vec<FindingId>,
}

const ROUTE: &str = "@router.get(\"/{patient_id}\")";
const GUARDED_ROUTE: &str = "@router.get(\"/{patient_id}\", dependencies=[Depends(current_user)])";
const FILE: &str = "app/routers/patients.py";

/// The patients' file as the right patch has it.
fn mended() -> String {
    PATIENTS.replace(ROUTE, GUARDED_ROUTE)
}

impl Table {
    fn new() -> Self {
        let repo = Repo::new(clinic());
        let findings = repo.ids(GUARDED, &["GET /patients/{patient_id}"]);
        let right = repo.propose(GUARDED, &findings).patch.unwrap();
        Self { repo, right, findings }
    }

    fn wrong(&self, what: &'static str, files: &[(&str, &str)]) -> Wrong {
        let mut patch = self.repo.patch(files);
        patch.remedies = self.right.remedies.clone();
        Wrong { what, patch, findings: self.findings.clone() }
    }

    /// The right patch, and something else beside it in other files.
    fn beside(&self, what: &'static str, files: &[(&str, &str)]) -> Wrong {
        let text = mended();
        let mut all = vec![(FILE, text.as_str())];
        all.extend_from_slice(files);
        self.wrong(what, &all)
    }

    /// Every wrong patch is refused by this check alone, and the right one is not.
    fn refuses(&self, check: GateCheck, wrong: &[Wrong]) {
        assert!(wrong.len() >= 3, "{}", check.name());
        let options = GateOptions::only(check);
        let right = self.repo.gate(&self.right, &self.findings, &options);
        assert!(right.accepted(), "the right patch: {:?}", right.refusal());
        for one in wrong {
            let report = self.repo.gate(&one.patch, &one.findings, &options);
            let refusal = report.refusal().map(|(reason, _)| reason);
            assert_eq!(refusal, Some(check.refusal()), "{}: {}", check.name(), one.what);
        }
    }
}

#[test]
fn what_does_not_reproduce_on_the_base_is_refused() {
    let t = Table::new();
    let with = |what, findings: Vec<FindingId>| Wrong { what, patch: t.right.clone(), findings };
    t.refuses(
        GateCheck::Reproduces,
        &[
            with("no finding", vec![]),
            with("a satisfied one", t.repo.ids(GUARDED, &["GET /patients/"])),
            with("an exempt one", t.repo.ids(GUARDED, &["GET /health"])),
            with("one of them is satisfied", t.repo.ids(GUARDED, &["GET /patients/", "GET /patients/{patient_id}"])),
            with("one that nobody has", vec![FindingId(ligase_domain::Digest::of(b"x"))]),
        ],
    );
}

#[test]
fn what_does_not_apply_is_refused() {
    let t = Table::new();
    let with = |what, change: &dyn Fn(&mut Patch)| {
        let mut patch = t.right.clone();
        change(&mut patch);
        Wrong { what, patch, findings: t.findings.clone() }
    };
    t.refuses(
        GateCheck::Applies,
        &[
            with("another revision", &|p| p.base_revision = Oid::Sha1([7; 20])),
            with("another base", &|p| p.changes[0].base = Oid::Sha256([7; 32])),
            with("a file that is not there", &|p| p.changes[0].path = "app/other.py".into()),
            with("a diff that says something else", &|p| p.diff = p.diff.replace("current_user", "anybody")),
            with("bytes that the diff does not show", &|p| p.changes[0].bytes.extend_from_slice(b"import os\n")),
            with("twice the same file", &|p| p.changes.push(p.changes[0].clone())),
            with("nothing", &|p| p.changes.clear()),
            with("no text", &|p| p.changes[0].bytes = vec![0xff, 0xfe]),
        ],
    );
}

#[test]
fn paths_and_kinds_that_are_not_allowed_are_refused() {
    let mut files = clinic();
    files.extend([
        (".github/workflows/ci.yml", "on: push\n"),
        ("dna.yaml", "x: 1\n"),
        ("poetry.lock", "# lock\n"),
        ("AGENTS.md", "be kind\n"),
    ]);
    let repo = Repo::new(files);
    let findings = repo.ids(GUARDED, &["GET /patients/{patient_id}"]);
    let right = repo.propose(GUARDED, &findings).patch.unwrap();
    let t = Table { repo, right, findings };
    t.refuses(
        GateCheck::AllowedPaths,
        &[
            t.beside("CI configuration", &[(".github/workflows/ci.yml", "on: pull_request\n")]),
            t.beside("the declaration", &[("dna.yaml", "x: 2\n")]),
            t.beside("a lock file", &[("poetry.lock", "# other\n")]),
            t.beside("what agents read", &[("AGENTS.md", "be quick\n")]),
            t.beside("a test", &[("tests/test_app.py", "def test_nothing():\n    assert True\n")]),
            t.beside("a new file", &[("app/new.py", "x = 1\n")]),
            t.wrong(
                "a character that turns the text",
                &[(FILE, &mended().replace("# one patient", "# one \u{202e}patient"))],
            ),
        ],
    );
}

#[test]
fn lines_that_silence_a_checker_are_refused() {
    let t = Table::new();
    let with = |what, comment: &str| {
        let text = mended().replace("  # one patient", &format!("  # one patient{comment}"));
        t.wrong(what, &[(FILE, &text)])
    };
    t.refuses(
        GateCheck::NoSuppression,
        &[
            with("noqa", "  # noqa"),
            with("nosec", "  # nosec B101"),
            with("a type checker", "  # type: ignore"),
            with("our own", "  # ligase: ignore"),
            t.wrong("checkov", &[("infra/main.tf", &INFRA.replace("# cheap", "# checkov:skip=CKV_AWS_27"))]),
        ],
    );
}

#[test]
fn files_that_no_longer_parse_are_refused() {
    let t = Table::new();
    t.refuses(
        GateCheck::Parses,
        &[
            t.wrong("an open bracket", &[(FILE, &mended().replace("(current_user)])", "(current_user)]"))]),
            t.wrong("a def without a body", &[(FILE, &format!("{}\ndef broken(:\n", mended()))]),
            t.beside("a block without an end", &[("infra/main.tf", INFRA.trim_end_matches("}\n"))]),
            t.beside("a quote without an end", &[("app/store.py", &format!("{STORE}x = \"\n"))]),
        ],
    );
}

#[test]
fn a_subject_that_vanishes_is_no_repair() {
    let t = Table::new();
    let start = PATIENTS.find(ROUTE).unwrap();
    let end = PATIENTS.find("@router.delete(").unwrap();
    let endpoint = &PATIENTS[start..end];
    let without = PATIENTS.replace(endpoint, "");
    let moved = HEALTH.to_owned()
        + "\n\n"
        + &endpoint
            .replace("\"/{patient_id}\"", "\"/patients/{patient_id}\"")
            .replace(")  #", ", dependencies=[Depends(current_user)])  #");
    let moved = moved.replace(
        "import APIRouter",
        "import APIRouter, Depends, HTTPException\n\nfrom app.security import current_user\nfrom app.store import find",
    );
    t.refuses(
        GateCheck::SubjectKept,
        &[
            t.wrong("the endpoint is deleted", &[(FILE, &without)]),
            t.wrong(
                "its path is another",
                &[(FILE, &mended().replace("\"/{patient_id}\", dependencies", "\"/one/{patient_id}\", dependencies"))],
            ),
            t.wrong(
                "the decorator is taken away",
                &[(FILE, &PATIENTS.replace("@router.get(\"/{patient_id}\")  # one patient\n", ""))],
            ),
            t.wrong("it is moved to another file", &[(FILE, &without), ("app/routers/health.py", &moved)]),
            t.wrong(
                "the router is no longer included",
                &[("app/main.py", &MAIN.replace("app.include_router(patients.router, prefix=\"/patients\")\n", ""))],
            ),
            t.beside(
                "a neighbour is deleted",
                &[("app/routers/health.py", "from fastapi import APIRouter\n\nrouter = APIRouter()\n")],
            ),
        ],
    );
}

#[test]
fn a_finding_that_stays_is_not_mended() {
    let t = Table::new();
    let with = |what, route: &str| t.wrong(what, &[(FILE, &PATIENTS.replace(ROUTE, route))]);
    t.refuses(
        GateCheck::Fixed,
        &[
            with("a comment", "# guarded by current_user\n@router.get(\"/{patient_id}\")"),
            with("other words", "@router.get(\"/{patient_id}\", summary=\"guarded\")"),
            with("an empty list", "@router.get(\"/{patient_id}\", dependencies=[])"),
            with("a call of the guard at start", "@router.get(\"/{patient_id}\", tags=[str(current_user)])"),
            t.wrong(
                "a guard that lets everybody pass",
                &[(
                    FILE,
                    &PATIENTS
                        .replace(ROUTE, "@router.get(\"/{patient_id}\", dependencies=[Depends(visitor)])")
                        .replace("import current_user", "import current_user, visitor"),
                )],
            ),
            t.wrong(
                "a guard on another endpoint",
                &[("app/routers/appointments.py", &APPOINTMENTS.replace("status_code=201", "dependencies=[]"))],
            ),
        ],
    );
}

#[test]
fn a_patch_that_brings_a_finding_is_refused() {
    let t = Table::new();
    let leak =
        mended().replace("    return patient\n", "    logger.info(\"read %s\", patient.ssn)\n    return patient\n");
    let open =
        format!("{}\n\n@router.get(\"/{{patient_id}}/notes\")\ndef notes(patient_id: int):\n    return []\n", mended());
    t.refuses(
        GateCheck::NoNewFinding,
        &[
            t.wrong("an open endpoint", &[(FILE, &open)]),
            t.wrong("a value in a log", &[(FILE, &leak)]),
            t.wrong(
                "a neighbour loses its guard",
                &[(
                    FILE,
                    &mended().replace("@router.get(\"/\", dependencies=[Depends(current_user)])", "@router.get(\"/\")"),
                )],
            ),
            t.beside("a bucket elsewhere", &[("infra/main.tf", &INFRA.replace("eu-west-1", "us-east-1"))]),
            t.beside(
                "a setting that nobody can read",
                &[("infra/main.tf", &INFRA.replace("= false # cheap", "= var.unknown"))],
            ),
            t.wrong(
                "a file that is no longer looked at",
                &[(FILE, &format!("# Code generated by us. DO NOT EDIT.\n{}", mended()))],
            ),
        ],
    );
}

#[test]
fn tests_are_kept() {
    let t = Table::new();
    let with = |what, text: &str| t.beside(what, &[("tests/test_app.py", text)]);
    t.refuses(
        GateCheck::TestsKept,
        &[
            with("a test is removed", &TESTS[..TESTS.find("\n\ndef test_patients").unwrap()]),
            with("a test is renamed", &TESTS.replace("def test_health", "def check_health")),
            with("a test is skipped", &TESTS.replace("def test_health", "@pytest.mark.skip\ndef test_health")),
            with("a test asserts less", &TESTS.replace("    assert response.status_code == 200\n", "")),
            with(
                "a test is emptied",
                &TESTS.replace("    assert client.get(\"/patients/\").status_code == 401\n", "    pass\n"),
            ),
        ],
    );
}

#[test]
fn what_the_repository_does_not_depend_on_is_not_brought() {
    let t = Table::new();
    let with = |what, line: &str| {
        t.wrong(what, &[(FILE, &mended().replace("import logging\n", &format!("import logging\n{line}\n")))])
    };
    t.refuses(
        GateCheck::NoDependency,
        &[
            with("a package", "import fastapi_users"),
            with("a package by name", "from authlib.jose import jwt as jose"),
            with("another way to import", "auth = __import__(\"authlib\")"),
            with("somewhere on the net", "AUTH = \"https://auth.example.net/verify\""),
            t.beside(
                "a manifest",
                &[(
                    "pyproject.toml",
                    "[project]\nname = \"clinic\"\ndependencies = [\"fastapi\", \"pyjwt\", \"authlib\"]\n",
                )],
            ),
        ],
    );
}

#[test]
fn what_the_same_remedy_would_change_again_is_refused() {
    let t = Table::new();
    let key = "def read_patient(patient_id: int)";
    let by_parameter = PATIENTS.replace(key, "def read_patient(patient_id: int, user=Depends(current_user))");
    let by_other_name = mended().replace(
        "dependencies=[Depends(current_user)])  # one",
        "dependencies=[Depends(dependency=current_user)])  # one",
    );
    let by_security = mended()
        .replace("dependencies=[Depends(current_user)])  # one", "dependencies=[Security(current_user)])  # one")
        .replace("APIRouter, Depends, HTTPException", "APIRouter, Depends, HTTPException, Security");
    let mut wrong = vec![
        t.wrong("by a parameter", &[(FILE, &by_parameter)]),
        t.wrong("by another form", &[(FILE, &by_other_name)]),
        t.wrong("by another function", &[(FILE, &by_security)]),
    ];
    let log = t.repo.ids(LOG_CALL, &["delete_patient: logger.info"]);
    let remedies = t.repo.propose(LOG_CALL, &log).patch.unwrap().remedies;
    let kept = PATIENTS.replace("patient.diagnosis)", "patient.diagnosis or \"\")");
    let mut patch = t.repo.patch(&[(FILE, &kept)]);
    patch.remedies = remedies;
    if !t.repo.after(&patch).findings().any(|f| log.contains(&f.id) && !f.is_open()) {
        wrong.push(Wrong { what: "the value is still logged", patch, findings: log });
    }
    t.refuses(GateCheck::Idempotent, &wrong[..3]);
}

#[test]
fn a_change_that_nobody_needs_is_refused() {
    let t = Table::new();
    let with = |what, from: &str, to: &str| t.wrong(what, &[(FILE, &mended().replacen(from, to, 1))]);
    t.refuses(
        GateCheck::HunksNeeded,
        &[
            with("a comment", "router = APIRouter", "# routes\nrouter = APIRouter"),
            with("white space", "    return rows()", "    return  rows()"),
            with("an import that nothing uses", "import logging\n", "import json\nimport logging\n"),
            with("words for people", "\"\"\"Patients of the clinic.\"\"\"", "\"\"\"Patients.\"\"\""),
            with("another status", "status_code=404", "status_code=410"),
            t.beside(
                "another file",
                &[("app/store.py", &STORE.replace("return len(PATIENTS)", "return len(PATIENTS) + 1"))],
            ),
            t.wrong(
                "two names where one is used",
                &[
                    ("app/routers/appointments.py", APPOINTMENTS),
                    (
                        FILE,
                        &mended().replace(
                            "import APIRouter, Depends, HTTPException",
                            "import APIRouter, Depends, HTTPException, Query",
                        ),
                    ),
                ],
            ),
        ],
    );
}

#[test]
fn what_is_larger_than_its_budget_is_refused() {
    let t = Table::new();
    let long = (0..40).map(|n| format!("# {n}\n")).collect::<String>();
    let reformatted = mended().replace("    ", "  ");
    t.refuses(
        GateCheck::WithinBudget,
        &[
            t.wrong("many lines", &[(FILE, &format!("{}{long}", mended()))]),
            t.wrong("a reformatted file", &[(FILE, &reformatted)]),
            t.beside("another file", &[("app/store.py", &format!("{STORE}\n\nx = 1\n"))]),
            t.beside(
                "two more",
                &[("app/store.py", &format!("{STORE}# x\n")), ("app/main.py", &format!("{MAIN}# x\n"))],
            ),
        ],
    );
}

#[test]
fn the_tests_of_the_repository_are_not_said_to_have_passed() {
    let t = Table::new();
    let report = t.repo.gate(&t.right, &t.findings, &GateOptions::default());
    assert_accepted(&report);
    assert_eq!(report.checks.last().unwrap().check, GateCheck::Verify);
    assert_eq!(report.patch, t.right.digest());
}

#[test]
fn mutants_of_accepted_patches_are_refused() {
    let repo = Repo::new(clinic());
    let proposal = repo.propose(GUARDED, &repo.open(GUARDED));
    assert_accepted(&repo.gated(&proposal));
    let findings = proposal.patched();
    let right = proposal.patch.unwrap();
    let text = |path: &str| {
        let change = right.changes.iter().find(|c| c.path == path.into()).unwrap();
        String::from_utf8(change.bytes.clone()).unwrap()
    };
    let (patients, appointments) = (text(FILE), text("app/routers/appointments.py"));
    let other = "app/routers/appointments.py";
    for (what, files) in [
        ("drop a hunk", vec![(FILE, patients.clone())]),
        ("drop the other hunk", vec![(other, appointments.clone())]),
        (
            "drop an import",
            vec![
                (FILE, patients.clone()),
                (other, appointments.replace("from app.security import current_user\n", "")),
            ],
        ),
        (
            "rename the path",
            vec![(FILE, patients.clone()), (other, appointments.replace("\"/\", status", "\"/new\", status"))],
        ),
        (
            "delete the endpoint",
            vec![
                (FILE, patients.clone()),
                (other, appointments[..appointments.find("\n\n@router.post").unwrap()].to_owned()),
            ],
        ),
        (
            "add a suppression",
            vec![
                (FILE, patients.clone()),
                (other, appointments.replace("status_code=201, d", "status_code=201,  # noqa\n    d")),
            ],
        ),
        (
            "empty the test",
            vec![(FILE, patients.clone()), (other, appointments.clone()), ("tests/test_app.py", String::new())],
        ),
        (
            "hide the file from looking",
            vec![(FILE, patients.clone()), (other, format!("# @generated\n{appointments}"))],
        ),
        (
            "make the guard optional",
            vec![
                (FILE, patients.clone()),
                (other, appointments.clone()),
                (
                    "app/security.py",
                    SECURITY
                        .replace("tokenUrl=\"/token\")\nlenient", "tokenUrl=\"/token\", auto_error=False)\nlenient"),
                ),
            ],
        ),
        (
            "make the guard a void",
            vec![
                (FILE, patients.clone()),
                (other, appointments.clone()),
                (
                    "app/security.py",
                    "def current_user():\n    return None\n\n\ndef visitor():\n    return None\n".to_owned(),
                ),
            ],
        ),
        (
            "another role by name",
            vec![
                (FILE, patients.clone()),
                (other, APPOINTMENTS.replace("def make_appointment", "def login").replace("\"/\"", "\"/login\"")),
            ],
        ),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
        let mut patch = repo.patch(&files);
        patch.remedies = right.remedies.clone();
        let report = repo.gate(&patch, &findings, &GateOptions::default());
        assert!(!report.accepted(), "{what}");
    }
}
