//! What is proposed for realistic sources, byte by byte, and when nothing is.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use ligase_domain::EffectClass;
use ligase_remedy::Answer;

#[test]
fn an_endpoint_gets_the_guard_of_its_siblings() {
    let repo = Repo::new(clinic());
    let text = repo.patched(GUARDED, "GET /patients/{patient_id}", "app/routers/patients.py");
    let wanted = PATIENTS.replace(
        "@router.get(\"/{patient_id}\")  # one patient",
        "@router.get(\"/{patient_id}\", dependencies=[Depends(current_user)])  # one patient",
    );
    assert_eq!(text, wanted);
}

#[test]
fn a_guard_that_the_file_does_not_have_is_imported_as_its_neighbours_are() {
    let repo = Repo::new(clinic());
    let text = repo.patched(GUARDED, "POST /appointments/", "app/routers/appointments.py");
    let wanted = APPOINTMENTS
        .replace(
            "import APIRouter\n\nfrom app.store",
            "import APIRouter, Depends\n\nfrom app.security import current_user\nfrom app.store",
        )
        .replace("status_code=201)", "status_code=201, dependencies=[Depends(current_user)])");
    assert_eq!(text, wanted);
}

#[test]
fn one_patch_mends_all_findings_of_the_intent_and_passes_the_gate() {
    let repo = Repo::new(clinic());
    for clause in [GUARDED, LOG_CALL] {
        let open = repo.open(clause);
        assert_eq!(open.len(), 2, "{clause}");
        let proposal = repo.propose(clause, &open);
        assert_eq!(proposal.patched().len(), 2, "{:#?}", proposal.answers);
        let patch = proposal.patch.as_ref().unwrap();
        assert_eq!(patch.effect.class, EffectClass::Behaviour);
        assert_accepted(&repo.gated(&proposal));
        assert_eq!(repo.after(patch).findings().filter(|f| f.clause.to_string() == clause && f.is_open()).count(), 0);
    }
}

#[test]
fn the_order_of_findings_does_not_change_the_patch() {
    let repo = Repo::new(clinic());
    let mut open = repo.open(GUARDED);
    let first = repo.propose(GUARDED, &open);
    open.reverse();
    open.extend(open.clone());
    assert_eq!(repo.propose(GUARDED, &open), first);
}

#[test]
fn line_ends_tabs_and_byte_order_marks_are_kept() {
    let crlf = APPOINTMENTS.replace('\n', "\r\n");
    let marked = format!("\u{feff}{APPOINTMENTS}");
    let tabs = APPOINTMENTS.replace("    ", "\t");
    let unfinished = APPOINTMENTS.trim_end().to_owned();
    for text in [crlf, marked, tabs, unfinished] {
        let repo = Repo::clinic_with(&[("app/routers/appointments.py", &text)]);
        let patched = repo.patched(GUARDED, "POST /appointments/", "app/routers/appointments.py");
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let wanted = text
            .replace("import APIRouter", "import APIRouter, Depends")
            .replace("from app.store", &format!("from app.security import current_user{line_end}from app.store"))
            .replace("status_code=201)", "status_code=201, dependencies=[Depends(current_user)])");
        assert_eq!(patched, wanted);
        let proposal = repo.propose(GUARDED, &repo.open(GUARDED));
        assert_accepted(&repo.gated(&proposal));
    }
}

#[test]
fn without_a_guard_or_with_two_of_equal_standing_nothing_is_done() {
    let open_patients = PATIENTS
        .replace(", dependencies=[Depends(current_user)]", "")
        .replace(", user: str = Depends(current_user)", "")
        .replace("from app.security import current_user\n", "")
        .replace(", Depends", "")
        .replace("\"%s removes %s with %s\", user, ", "\"removes %s with %s\", ");
    let without = Repo::clinic_with(&[("app/routers/patients.py", &open_patients), ("app/security.py", "")]);
    assert_eq!(without.abstention(GUARDED, "GET /patients/{patient_id}"), "no-guard-in-repository");

    let second = format!(
        "{SECURITY}\n\ndef api_key(x_api_key: str = Header()) -> str:\n    if x_api_key != \"key\":\n        raise HTTPException(status_code=401)\n    return x_api_key\n"
    )
    .replace("import Depends, HTTPException", "import Depends, Header, HTTPException");
    let unused = Repo::clinic_with(&[("app/routers/patients.py", &open_patients), ("app/security.py", &second)]);
    assert_eq!(unused.abstention(GUARDED, "GET /patients/{patient_id}"), "ambiguous-guard");

    let both = PATIENTS
        .replace("user: str = Depends(current_user)", "user: str = Depends(api_key)")
        .replace("import current_user", "import api_key, current_user");
    let tied = Repo::clinic_with(&[("app/routers/patients.py", &both), ("app/security.py", &second)]);
    assert_eq!(tied.abstention(GUARDED, "GET /patients/{patient_id}"), "ambiguous-guard");
}

#[test]
fn what_must_be_open_or_was_opened_on_purpose_is_left_alone() {
    let repo = Repo::new(clinic());
    let health = repo.find(GUARDED, "GET /health");
    assert!(!health.is_open());
    assert_eq!(repo.abstention(GUARDED, "GET /health"), "not-decided");
    let lenient = PATIENTS
        .replace("def read_patient(patient_id: int)", "def read_patient(patient_id: int, who=Depends(visitor))")
        .replace("import current_user", "import current_user, visitor");
    let repo = Repo::clinic_with(&[("app/routers/patients.py", &lenient)]);
    assert_eq!(repo.abstention(GUARDED, "GET /patients/{patient_id}"), "optional-guard-is-deliberate");
    assert_eq!(repo.abstention(GUARDED, "GET /patients/"), "already-satisfied");
}

#[test]
fn an_import_that_would_make_a_circle_is_not_made() {
    let main = format!(
        "{MAIN}

{SECURITY}"
    );
    let appointments_only = [
        ("app/main.py", main.as_str()),
        ("app/security.py", ""),
        (
            "app/routers/patients.py",
            "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n@router.get(\"/\")\ndef list_patients():\n    return []\n",
        ),
    ];
    let repo = Repo::clinic_with(&appointments_only);
    assert_eq!(repo.abstention(GUARDED, "POST /appointments/"), "import-would-be-circular");
}

#[test]
fn a_call_that_cannot_be_seen_through_is_left_alone() {
    for (route, reason) in [
        ("@router.post(\"/\", **OPTIONS)", "arguments-not-known"),
        ("@router.post(\"/\", dependencies=COMMON)", "argument-not-a-list"),
    ] {
        let text = APPOINTMENTS
            .replace("@router.post(\"/\", status_code=201)", route)
            .replace("router = APIRouter()", "router = APIRouter()\nCOMMON = []\nOPTIONS = {\"status_code\": 201}");
        let repo = Repo::clinic_with(&[("app/routers/appointments.py", &text)]);
        if repo.find(GUARDED, "POST /appointments/").is_open() {
            assert_eq!(repo.abstention(GUARDED, "POST /appointments/"), reason);
        }
    }
}

#[test]
fn a_name_that_means_something_else_here_is_not_overwritten() {
    let text =
        APPOINTMENTS.replace("router = APIRouter()", "router = APIRouter()\n\n\ndef current_user():\n    return None");
    let repo = Repo::clinic_with(&[("app/routers/appointments.py", &text)]);
    assert_eq!(repo.abstention(GUARDED, "POST /appointments/"), "name-taken");
}

#[test]
fn a_logged_value_goes_with_its_placeholder_where_there_is_no_redactor() {
    let repo = Repo::new(clinic());
    let text = repo.patched(LOG_CALL, "delete_patient: logger.info", "app/routers/patients.py");
    assert_eq!(
        text,
        PATIENTS.replace("with %s\", user, patient_id, patient.diagnosis", "with [redacted]\", user, patient_id")
    );
    let text = repo.patched(LOG_CALL, "make_appointment: log.info", "app/routers/appointments.py");
    assert_eq!(text, APPOINTMENTS.replace("for {patient_email}", "for [redacted]"));
}

#[test]
fn a_logged_value_goes_through_the_redactor_that_the_repository_has() {
    let masks = "def mask(value):\n    return \"***\" if value else value\n";
    let store = STORE
        .replace(
            "PATIENTS = {}\n",
            "import logging\n\nfrom app.masks import mask\n\nlogger = logging.getLogger(__name__)\nPATIENTS = {}\n",
        )
        .replace(
            "    return len(PATIENTS)\n",
            "    logger.info(\"booked for %s\", mask(email))\n    return len(PATIENTS)\n",
        );
    let repo = Repo::clinic_with(&[("app/masks.py", masks), ("app/store.py", &store)]);
    let text = repo.patched(LOG_CALL, "make_appointment: log.info", "app/routers/appointments.py");
    let wanted = APPOINTMENTS
        .replace("for {patient_email}", "for {mask(patient_email)}")
        .replace("from app.store", "from app.masks import mask\nfrom app.store");
    assert_eq!(text, wanted);
    let proposal = repo.propose(LOG_CALL, &repo.ids(LOG_CALL, &["make_appointment: log.info"]));
    assert_accepted(&repo.gated(&proposal));
    // A diagnosis is of another class than what it was seen to mask.
    let text = repo.patched(LOG_CALL, "delete_patient: logger.info", "app/routers/patients.py");
    assert!(text.contains("[redacted]"), "{text}");
}

#[test]
fn a_call_that_would_stay_undecided_is_left_to_a_person() {
    let text = APPOINTMENTS.replace("appointment on {day}", "appointment {number}");
    let repo = Repo::clinic_with(&[("app/routers/appointments.py", &text)]);
    assert_eq!(repo.abstention(LOG_CALL, "make_appointment: log.info"), "value-not-followed-beside-it");
}

#[test]
fn what_forces_replacement_waits_for_what_is_ready_and_then_is_a_draft_with_its_plan() {
    let repo = Repo::new(clinic());
    let open = repo.open(STORAGE);
    let proposal = repo.propose(STORAGE, &open);
    let patch = proposal.patch.as_ref().unwrap();
    assert_eq!(patch.effect.class, EffectClass::Behaviour);
    assert_eq!(patch.changes[0].bytes, INFRA.replace("= false # cheap", "= true # cheap").into_bytes());
    let database = repo.find(STORAGE, "aws_db_instance.records").id;
    let Answer::Abstained { reason, .. } = &proposal.answers[&database] else { panic!("patched") };
    assert_eq!(reason, "waits-for-ready-patch");
    assert_accepted(&repo.gated(&proposal));

    let alone = repo.propose(STORAGE, &[database]);
    let patch = alone.patch.as_ref().unwrap();
    assert_eq!(patch.effect.class, EffectClass::ForcesReplacement);
    assert!(patch.effect.note.contains("snapshot"), "{}", patch.effect.note);
    let wanted = INFRA.replace("  allocated_storage = 20\n", "  allocated_storage = 20\n  storage_encrypted = true\n");
    assert_eq!(patch.changes[0].bytes, wanted.into_bytes());
    assert_accepted(&repo.gated(&alone));
}

#[test]
fn a_region_is_moved_by_people() {
    let far = INFRA.replace("eu-west-1", "us-east-1");
    let repo = Repo::clinic_with(&[("infra/main.tf", &far)]);
    assert_eq!(repo.abstention(REGION, "provider.aws (provider)"), "region-move-is-a-migration");
}

#[test]
fn a_setting_that_a_variable_gives_is_left_alone() {
    let variable = format!(
        "variable \"encrypt\" {{\n  default = false\n}}\n\n{}",
        INFRA.replace("= false # cheap", "= var.encrypt")
    );
    let repo = Repo::clinic_with(&[("infra/main.tf", &variable)]);
    let finding = repo.find(STORAGE, "aws_sqs_queue.results");
    if finding.is_open() {
        assert_eq!(repo.abstention(STORAGE, "aws_sqs_queue.results"), "value-is-an-expression");
    }
}

#[test]
fn the_shipped_remedies_name_only_what_the_catalog_has() {
    let repo = Repo::new(clinic());
    assert_eq!(repo.remedies.lint(repo.inspector.catalog()), []);
    assert!(repo.remedies.iter().count() > 0);
}

#[test]
fn a_guard_is_called_by_the_name_that_it_has_in_the_file() {
    let imports = "from fastapi import APIRouter\n";
    for (import, local) in [
        ("from app.security import current_user as caller", "caller"),
        ("import app.security", "app.security.current_user"),
        ("import app.security as sec", "sec.current_user"),
        ("from ..security import current_user", "current_user"),
    ] {
        let text = APPOINTMENTS.replace(imports, &format!("{imports}{import}\n"));
        let repo = Repo::clinic_with(&[("app/routers/appointments.py", &text)]);
        let patched = repo.patched(GUARDED, "POST /appointments/", "app/routers/appointments.py");
        assert!(patched.contains(&format!("dependencies=[Depends({local})]")), "{import}: {patched}");
        assert_eq!(
            patched.matches("security").count(),
            text.matches("security").count() + local.matches("security").count()
        );
        assert_accepted(&repo.gated(&repo.propose(GUARDED, &repo.ids(GUARDED, &["POST /appointments/"]))));
    }
}

#[test]
fn a_guard_of_the_same_file_needs_no_import_and_must_stand_above() {
    let own = "def current_user(x_token: str = Header()) -> str:\n    if x_token != \"key\":\n        raise HTTPException(status_code=401)\n    return x_token\n";
    let text = |above: &str, below: &str| {
        format!(
            "from fastapi import Depends, FastAPI, Header, HTTPException\n\napp = FastAPI()\n\n\n{above}@app.get(\"/payments\")\ndef payments():\n    return []\n\n\n{below}"
        )
    };
    let above = Repo::new([("main.py", text(&format!("{own}\n\n"), "").as_str())]);
    let patched = above.patched(GUARDED, "GET /payments", "main.py");
    assert_eq!(
        patched,
        text(&format!("{own}\n\n"), "").replace("\"/payments\"", "\"/payments\", dependencies=[Depends(current_user)]")
    );
    let below = Repo::new([("main.py", text("", own).as_str())]);
    assert_eq!(below.abstention(GUARDED, "GET /payments"), "defined-later");
}

#[test]
fn a_factory_of_guards_is_no_guard() {
    let factory = SECURITY.replace("def visitor", "def needs(role: str):\n    def check(user: str = Depends(current_user)) -> str:\n        if role != user:\n            raise HTTPException(status_code=403)\n        return user\n\n    return check\n\n\ndef visitor");
    let patients = PATIENTS
        .replace("Depends(current_user)", "Depends(needs(\"nurse\"))")
        .replace("import current_user", "import needs");
    let repo = Repo::clinic_with(&[("app/security.py", &factory), ("app/routers/patients.py", &patients)]);
    let proposal = repo.propose(GUARDED, &repo.ids(GUARDED, &["GET /patients/{patient_id}"]));
    let Some(patch) = &proposal.patch else { return };
    assert!(!patch.diff.contains("Depends(needs)"), "{}", patch.diff);
    assert_accepted(&repo.gated(&proposal));
}

#[test]
fn web_sockets_and_webhooks_are_left_alone() {
    let text = format!(
        "{}\n\n@router.websocket(\"/live\")\nasync def live(websocket):\n    await websocket.accept()\n",
        APPOINTMENTS
    );
    let repo = Repo::clinic_with(&[("app/routers/appointments.py", &text)]);
    assert_eq!(repo.abstention(GUARDED, "WEBSOCKET /appointments/live"), "websocket-guard-differs");
}

#[test]
fn a_redactor_of_the_same_file_is_used_as_it_is_there() {
    let text = PATIENTS
        .replace(
            "router = APIRouter",
            "\n\ndef _redact(value):\n    return \"***\" if value else value\n\n\nrouter = APIRouter",
        )
        .replace(
            "    return rows()",
            "    for row in rows():\n        logger.debug(\"row %s\", _redact(row.diagnosis))\n    return rows()",
        );
    let repo = Repo::clinic_with(&[("app/routers/patients.py", &text)]);
    let patched = repo.patched(LOG_CALL, "delete_patient: logger.info", "app/routers/patients.py");
    assert_eq!(patched, text.replace("patient_id, patient.diagnosis)", "patient_id, _redact(patient.diagnosis))"));
    assert_accepted(&repo.gated(&repo.propose(LOG_CALL, &repo.ids(LOG_CALL, &["delete_patient: logger.info"]))));
}

#[test]
fn a_redactor_that_is_made_for_something_else_is_not_used() {
    let text = PATIENTS.replace("rows\n\nlogger", "mask_card, rows\n\nlogger").replace(
        "    return rows()",
        "    for row in rows():\n        logger.debug(\"row %s\", mask_card(row.diagnosis))\n    return rows()",
    );
    let repo = Repo::clinic_with(&[("app/routers/patients.py", &text)]);
    let patched = repo.patched(LOG_CALL, "delete_patient: logger.info", "app/routers/patients.py");
    assert!(patched.contains("with [redacted]\", user, patient_id)"), "{patched}");
}

#[test]
fn an_object_that_is_logged_as_a_whole_is_left_to_a_person() {
    let text = PATIENTS.replace("patient.diagnosis)", "{\"ssn\": patient.ssn})");
    let repo = Repo::clinic_with(&[("app/routers/patients.py", &text)]);
    let id = repo.find(LOG_CALL, "delete_patient: logger.info").id;
    assert!(repo.propose(LOG_CALL, &[id]).patch.is_none());
}
