//! Log calls and what reaches them.
#![allow(clippy::unwrap_used)]

mod common;

use common::{logs, of, seen};

const HEAD: &str = "import logging\nlogger = logging.getLogger(__name__)\n";

/// Each case: the body of a function with its parameters, and the log calls that it makes.
const CASES: &[(&str, &str, &str)] = &[
    ("patient", "logger.info('registered')", "f: logger.info {}"),
    ("patient", "logger.info('the password was wrong')", "f: logger.info {}"),
    ("patient", "logger.info(patient.ssn)", "f: logger.info {patient.ssn=pii/argument}"),
    ("patient", "logger.info('%s', patient.ssn)", "f: logger.info {patient.ssn=pii/argument}"),
    ("patient", "logger.info('%s' % patient.ssn)", "f: logger.info {patient.ssn=pii/format}"),
    ("patient", "logger.info('%s %s' % (patient.id, patient.ssn))", "f: logger.info {patient.ssn=pii/format}"),
    ("patient", "logger.info(f'p {patient.ssn!r:>10}')", "f: logger.info {patient.ssn=pii/format}"),
    ("patient", "logger.info('{}'.format(patient.diagnosis))", "f: logger.info {patient.diagnosis=phi/format}"),
    ("patient", "logger.info('a' + patient.email + 'b')", "f: logger.info {patient.email=pii/format}"),
    ("patient", "logger.info('x', extra={'ssn': patient.number})", "f: logger.info {patient.number=pii/extra}"),
    ("patient", "logger.info('x', extra={'id': patient.id})", "f: logger.info {}"),
    ("patient", "logger.info('x', exc_info=patient.ssn)", "f: logger.info {}"),
    ("patient", "logger.info(patient.name)", "f: logger.info {patient.name=pii/argument}"),
    ("thing", "logger.info(thing.name)", "f: logger.info {}"),
    ("payload", "logger.info(payload['diagnosis'])", "f: logger.info {payload['diagnosis']=phi/argument}"),
    ("payload", "logger.info(payload.get('ssn'))", "f: logger.info {payload.get('ssn')=pii/argument}"),
    ("payload", "logger.info(payload)", "f: logger.info {} opaque{payload}"),
    ("request", "logger.info(request.headers)", "f: logger.info {} opaque{request.headers}"),
    (
        "request",
        "logger.info(request.headers['authorization'])",
        "f: logger.info {request.headers['authorization']=credential/argument}",
    ),
    ("request", "logger.info('%s', request.method)", "f: logger.info {}"),
    ("request", "logger.info(await request.json())", "f: logger.info {} opaque{request.json()}"),
    ("**kwargs", "logger.info('x', **kwargs)", "f: logger.info {} opaque{**kwargs}"),
    ("patient", "logger.info(mask(patient.ssn))", "f: logger.info {~patient.ssn=pii/argument}"),
    ("patient", "logger.info(self_redact_ssn(patient.ssn))", "f: logger.info {~patient.ssn=pii/argument}"),
    (
        "patient",
        "logger.info(hashlib.sha256(patient.ssn.encode()).hexdigest())",
        "f: logger.info {patient.ssn=pii/argument}",
    ),
    ("patient", "logger.info(len(patient.ssn))", "f: logger.info {}"),
    ("patient", "logger.info('%s', patient.ssn is None)", "f: logger.info {}"),
    ("patient", "logger.info(bool(patient.ssn))", "f: logger.info {}"),
    ("patient", "logger.info(str(patient.ssn).strip())", "f: logger.info {patient.ssn=pii/argument}"),
    ("patient", "logger.info(json.dumps({'a': patient.ssn}))", "f: logger.info {patient.ssn=pii/argument}"),
    ("patient", "ssn = patient.ssn\n    logger.info(ssn)", "f: logger.info {patient.ssn=pii/assigned}"),
    ("patient", "s = patient.ssn\n    s = mask(s)\n    logger.info(s)", "f: logger.info {~patient.ssn=pii/assigned}"),
    (
        "patient",
        "s = patient.ssn\n    if x:\n        s = mask(s)\n    logger.info(s)",
        "f: logger.info {patient.ssn=pii/assigned, ~patient.ssn=pii/assigned}",
    ),
    ("patient", "s = patient.ssn\n    s = 'x'\n    logger.info(s)", "f: logger.info {}"),
    ("patient", "msg = f'{patient.ssn}'\n    logger.info(msg)", "f: logger.info {patient.ssn=pii/assigned}"),
    ("patients", "for p in patients:\n        logger.info(p.name)", "f: logger.info {p.name=pii/argument}"),
    ("ssn", "logger.info(ssn)", "f: logger.info {ssn=pii/argument}"),
    ("token", "logger.info(token)", "f: logger.info {}"),
    (
        "user",
        "token = create_access_token(user.id)\n    logger.info(token)",
        "f: logger.info {create_access_token()=credential/assigned}",
    ),
    ("patient", "logger.info(describe(patient))", "f: logger.info {} opaque{describe(…)}"),
    ("patient", "logger.info(service.render(patient.ssn))", "f: logger.info {} opaque{service.render(…)}"),
    ("email", "logger.info(email_template)", "f: logger.info {}"),
    ("exc", "logger.exception('failed: %s', exc)", "f: logger.exception {}"),
    ("patient", "logger.log(logging.INFO, patient.ssn)", "f: logger.log {patient.ssn=pii/argument}"),
    ("patient", "print(patient.ssn)", "f: print {patient.ssn=pii/argument}"),
    (
        "patient",
        "sentry_sdk.set_context('p', {'mrn': patient.mrn})",
        "f: sentry_sdk.set_context {patient.mrn=phi/argument}",
    ),
    ("patient", "logging.warning('%s', patient.email)", "f: logging.warning {patient.email=pii/argument}"),
    ("patient", "current_app.logger.info(patient.email)", "f: current_app.logger.info {patient.email=pii/argument}"),
    ("x: int, user_id: str", "logger.info('%s %s', x, user_id)", "f: logger.info {}"),
    ("secret: SecretStr", "logger.info(secret)", "f: logger.info {~secret=credential/argument}"),
    ("secret: SecretStr", "logger.info(secret.get_secret_value())", "f: logger.info {secret=credential/argument}"),
    ("patient", "logger.info('a' if patient.ssn else 'b')", "f: logger.info {}"),
    ("patient", "logger.info(patient.ssn or 'none')", "f: logger.info {patient.ssn=pii/argument}"),
    ("patients", "logger.info([p.ssn for p in patients])", "f: logger.info {p.ssn=pii/argument}"),
    ("patient", "logger.info(patient)", "f: logger.info {} opaque{patient}"),
];

#[test]
fn what_reaches_a_log_is_followed_and_what_is_clean_stays_clean() {
    for (parameters, body, want) in CASES {
        let source = format!(
            "import hashlib, json, sentry_sdk\nfrom flask import current_app\n{HEAD}async def f({parameters}):\n    {body}\n"
        );
        let found: Vec<String> = logs(&[("app/service.py", &source)]);
        assert_eq!(found, [*want], "{body}");
    }
}

#[test]
fn helpers_of_the_same_file_are_followed() {
    let source = format!(
        "{HEAD}def describe(p):\n    return f'{{p.ssn}} of {{p.id}}'\ndef mask(v):\n    return v\ndef f(patient):\n    logger.info(describe(patient))\n    logger.info(mask(patient.ssn))\n"
    );
    assert_eq!(
        logs(&[("a.py", &source)]),
        ["f: logger.info {p.ssn=pii/format}", "f: logger.info {patient.ssn=pii/argument}"]
    );
}

#[test]
fn loggers_are_found_by_how_they_are_made_and_by_their_name() {
    let source = "import structlog\nfrom loguru import logger as l\nfrom app.core import audit_log\ns = structlog.get_logger()\nclass A:\n    def __init__(self):\n        self.out = structlog.get_logger()\n    def f(self, patient):\n        self.out.info('x', ssn=patient.ssn)\n        s.bind(email=patient.email).info('y')\n        l.info('{}', patient.mrn)\n        audit_log.info(patient.ssn)\n        math.log(patient.ssn)\n";
    assert_eq!(
        logs(&[("a.py", source)]),
        [
            "A.f: self.out.info {patient.ssn=pii/extra}",
            "A.f: s.bind {patient.email=pii/extra}",
            "A.f: s.bind().info {}",
            "A.f: l.info {patient.mrn=phi/argument}",
            "A.f: audit_log.info {patient.ssn=pii/argument}",
        ]
    );
}

#[test]
fn a_whole_object_shows_what_its_class_keeps_across_files() {
    let models = "from pydantic import BaseModel\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\
        class Base(DeclarativeBase): ...\nclass Person(BaseModel):\n    name: str\n    ssn: str\nclass Patient(Person):\n    diagnosis: str\n\
        class Page(BaseModel):\n    size: int\nclass Row(Base):\n    __tablename__ = 'r'\n    ssn: Mapped[str] = mapped_column()\n";
    let service = "import logging\nfrom .models import Patient, Page, Row\nfrom elsewhere import User, Flag\nlogger = logging.getLogger()\n\
        def a(p: Patient): logger.info(p)\ndef b(p: Page): logger.info(p)\ndef c(p: Row): logger.info(p)\ndef d(p: User): logger.info(p)\n\
        def e(p: Flag): logger.info(p)\ndef f(p: Patient): logger.info(p.model_dump())\ndef g(p: list[Patient]): logger.info('%s', p)\n";
    let files = [("app/__init__.py", ""), ("app/models.py", models), ("app/service.py", service)];
    assert_eq!(
        logs(&files),
        [
            "a: logger.info {p.diagnosis=phi/object, p.ssn=pii/object}",
            "b: logger.info {}",
            "c: logger.info {}",
            "d: logger.info {} opaque{p}",
            "e: logger.info {}",
            "f: logger.info {p.diagnosis=phi/object, p.ssn=pii/object}",
            "g: logger.info {p.diagnosis=phi/object, p.ssn=pii/object}",
        ]
    );
}

#[test]
fn print_counts_in_service_code_only() {
    let source = "def f(patient):\n    print(patient.ssn)\nif __name__ == '__main__':\n    print(ssn)\n";
    // What a script shows whoever runs it is told where it is somebody's.
    let said = seen(&[("app/a.py", source)]);
    let commands: Vec<bool> = of(&said, "log-call").map(|c| c.attributes.contains_key("command")).collect();
    assert_eq!(commands, [false, true]);
    for path in ["tests/a.py", "scripts/a.py", "manage.py"] {
        assert_eq!(logs(&[(path, source)]).len(), 0, "{path}");
    }
}

#[test]
fn anchors_lie_at_the_expression_of_each_value() {
    let source = format!("{HEAD}def f(patient):\n    s = patient.ssn\n    logger.info(f'{{s}} {{patient.email}}')\n");
    let all = seen(&[("a.py", &source)]);
    let call = of(&all, "log-call").next().unwrap();
    let text = |name: &str| &source[call.anchors[name].start as usize..call.anchors[name].end as usize];
    assert_eq!((text("value0"), text("value1")), ("s", "patient.email"));
    assert!(text("call").starts_with("logger.info("));
}

#[test]
fn fields_are_told_where_the_class_keeps_them() {
    let source = "from dataclasses import dataclass\nfrom django.db import models\nfrom pydantic import BaseModel, EmailStr, SecretStr\nfrom sqlmodel import SQLModel, Field\nfrom sqlalchemy import Column, String\n\
        class Patient(BaseModel):\n    name: str\n    contact: EmailStr\n    note_count: int\n    is_email_verified: bool\n\
        @dataclass\nclass Card:\n    card_number: str\nclass User(SQLModel, table=True):\n    hashed_password: str\n    id: int = Field(primary_key=True)\n\
        class Visit(models.Model):\n    diagnosis = models.TextField()\nclass Old(Base):\n    ssn = Column(String)\nclass Plain:\n    ssn: str\n";
    let all = seen(&[("models.py", source)]);
    let found: Vec<String> = of(&all, "data-field")
        .map(|o| {
            format!(
                "{}.{} {} {} {}",
                o.text("owner").unwrap(),
                o.text("name").unwrap(),
                o.text("class").unwrap(),
                o.text("store").unwrap(),
                o.text("type").unwrap()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "Patient.name pii pydantic str",
            "Patient.contact pii pydantic EmailStr",
            "Card.card_number cardholder-data dataclass str",
            "User.hashed_password credential sqlalchemy str",
            "Visit.diagnosis phi django TextField",
            "Old.ssn pii sqlalchemy String",
        ]
    );
}

#[test]
fn what_is_annotated_is_its_type_and_not_what_provides_it() {
    let source = "import logging\nfrom typing import Annotated\nfrom fastapi import Depends\nlogger = logging.getLogger(__name__)\n\
                  def verify(api_key: Annotated[str, Depends(scheme)]):\n    logger.warning(\"refused %s\" % api_key)\n";
    let set = ligase_probe::ProbeSet::load(&ligase_catalog::shipped()).unwrap();
    let tree = ligase_domain::MapTree::new([("app/security.py", source)]);
    let look = ligase_probe::look(&set, &tree, &ligase_domain::NoCache, &ligase_probe::NoProgress);
    let calls = ligase_probe::link(&set, &look.files);
    let call = calls.iter().find(|o| o.kind == "log-call").unwrap();
    let values = call.attributes["values"].as_list().unwrap();
    assert_eq!(values[0].as_map().unwrap()["class"].as_text(), Some("credential"));
}
