//! What the tests of proposing and of the gate share: a small clinic with routers, a guard, logs and infrastructure, and
//! patches that are made by hand.
#![allow(dead_code, clippy::unwrap_used)]

use ligase_domain::{
    ClauseId, Effect, EffectClass, Entry, FileChange, Finding, FindingId, GateReport, GateVerdict, MapTree, NoCache,
    Oid, OverlayTree, Patch, RepoPath, ServiceId, SourceTree, Timestamp,
};
use ligase_inspect::{Declared, Identities, Inspection, Inspector, assume};
use ligase_probe::NoProgress;
use ligase_remedy::{Answer, GateInput, GateOptions, Proposal, RemedySet, gate, propose, unified};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const NOW: Timestamp = Timestamp(1_767_225_600_000);
pub const GUARDED: &str = "authn-endpoints/guarded";
pub const LOG_CALL: &str = "no-sensitive-in-logs/log-call";
pub const STORAGE: &str = "enc-at-rest/storage";
pub const REGION: &str = "data-residency/region";

pub const MAIN: &str = r#"from fastapi import FastAPI

from app.routers import appointments, health, patients

app = FastAPI(title="Clinic")
app.include_router(patients.router, prefix="/patients")
app.include_router(appointments.router, prefix="/appointments")
app.include_router(health.router)
"#;

pub const SECURITY: &str = r#"import jwt
from fastapi import Depends, HTTPException
from fastapi.security import OAuth2PasswordBearer

scheme = OAuth2PasswordBearer(tokenUrl="/token")
lenient = OAuth2PasswordBearer(tokenUrl="/token", auto_error=False)


def current_user(token: str = Depends(scheme)) -> str:
    try:
        return jwt.decode(token, "key", algorithms=["HS256"])["sub"]
    except jwt.PyJWTError as error:
        raise HTTPException(status_code=401) from error


def visitor(token: str | None = Depends(lenient)) -> str | None:
    if token is None:
        return None
    try:
        return jwt.decode(token, "key", algorithms=["HS256"])["sub"]
    except jwt.PyJWTError as error:
        raise HTTPException(status_code=401) from error
"#;

pub const PATIENTS: &str = r#""""Patients of the clinic."""

import logging

from fastapi import APIRouter, Depends, HTTPException

from app.security import current_user
from app.store import find, remove, rows

logger = logging.getLogger(__name__)
router = APIRouter(tags=["patients"])


@router.get("/", dependencies=[Depends(current_user)])
def list_patients():
    return rows()


@router.get("/{patient_id}")  # one patient
def read_patient(patient_id: int):
    patient = find(patient_id)
    if patient is None:
        raise HTTPException(status_code=404)
    return patient


@router.delete(
    "/{patient_id}",
    status_code=204,
)
def delete_patient(patient_id: int, user: str = Depends(current_user)):
    patient = find(patient_id)
    logger.info("%s removes %s with %s", user, patient_id, patient.diagnosis)
    remove(patient_id)
"#;

pub const APPOINTMENTS: &str = r#"import logging

from fastapi import APIRouter

from app.store import book

log = logging.getLogger("appointments")
router = APIRouter()


@router.post("/", status_code=201)
def make_appointment(patient_email: str, day: str):
    number = book(patient_email, day)
    log.info(f"appointment on {day} for {patient_email}")
    return {"number": number}
"#;

pub const HEALTH: &str = r#"from fastapi import APIRouter

router = APIRouter()


@router.get("/health")
def health():
    return {"ok": True}
"#;

pub const STORE: &str = r#"PATIENTS = {}


def find(number: int):
    return PATIENTS.get(number)


def remove(number: int) -> None:
    PATIENTS.pop(number, None)


def rows():
    return list(PATIENTS.values())


def book(email: str, day: str) -> int:
    return len(PATIENTS)
"#;

pub const INFRA: &str = r#"provider "aws" {
  region = "eu-west-1"
}

resource "aws_sqs_queue" "results" {
  name                    = "results"
  sqs_managed_sse_enabled = false # cheap
}

resource "aws_db_instance" "records" {
  identifier        = "records"
  engine            = "postgres"
  instance_class    = "db.t4g.small"
  allocated_storage = 20
}

resource "aws_s3_bucket" "scans" {
  bucket = "scans"
}
"#;

pub const TESTS: &str = r#"from app.main import app


def test_health(client):
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json() == {"ok": True}


def test_patients_need_a_token(client):
    assert client.get("/patients/").status_code == 401
"#;

/// The clinic's files.
pub fn clinic() -> Vec<(&'static str, &'static str)> {
    vec![
        ("app/__init__.py", ""),
        ("app/main.py", MAIN),
        ("app/routers/__init__.py", ""),
        ("app/routers/appointments.py", APPOINTMENTS),
        ("app/routers/health.py", HEALTH),
        ("app/routers/patients.py", PATIENTS),
        ("app/security.py", SECURITY),
        ("app/store.py", STORE),
        ("infra/main.tf", INFRA),
        ("pyproject.toml", "[project]\nname = \"clinic\"\ndependencies = [\"fastapi\", \"pyjwt\"]\n"),
        ("tests/test_app.py", TESTS),
    ]
}

/// A repository with everything that looks at it.
pub struct Repo {
    pub inspector: Inspector,
    pub remedies: RemedySet,
    pub tree: MapTree,
    pub declared: Declared,
    pub inspection: Inspection,
}

impl Repo {
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::with_dna(files, "data=pii,phi;residency=eu;exposure=internet")
    }

    pub fn with_dna<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, dna: &str) -> Self {
        let inspector = Inspector::shipped().unwrap_or_else(|e| panic!("{e:#?}"));
        let remedies = RemedySet::load(inspector.files()).unwrap_or_else(|e| panic!("{e:#?}"));
        let dna = assume(dna, inspector.catalog()).unwrap();
        let declared = Declared::working_tree("clinic").with(Identities::Assumed(Box::new(dna)));
        let tree = MapTree::new(files);
        let inspection = inspector.inspect(&tree, &declared, &NoCache, NOW, &NoProgress);
        Self { inspector, remedies, tree, declared, inspection }
    }

    /// The clinic with some files in other words, or more of them.
    pub fn clinic_with(changes: &[(&'static str, &str)]) -> Self {
        let mut files: BTreeMap<&str, &str> = clinic().into_iter().collect();
        for (path, text) in changes {
            files.insert(path, text);
        }
        Self::new(files)
    }

    pub fn base(&self) -> Arc<dyn SourceTree> {
        Arc::new(self.tree.clone())
    }

    pub fn service(&self) -> ServiceId {
        ServiceId { repository: self.declared.repository.clone(), folder: String::new() }
    }

    pub fn find(&self, clause: &str, symbol: &str) -> &Finding {
        let found = self.inspection.findings().find(|f| f.clause.to_string() == clause && f.subject.symbol == symbol);
        found.unwrap_or_else(|| {
            let all = self.inspection.findings().filter(|f| f.clause.to_string() == clause);
            panic!("no {symbol}; there are {:#?}", all.map(|f| (&f.subject.symbol, &f.outcome)).collect::<Vec<_>>())
        })
    }

    pub fn ids(&self, clause: &str, symbols: &[&str]) -> Vec<FindingId> {
        symbols.iter().map(|s| self.find(clause, s).id).collect()
    }

    /// All open findings of a clause.
    pub fn open(&self, clause: &str) -> Vec<FindingId> {
        self.inspection.findings().filter(|f| f.clause.to_string() == clause && f.is_open()).map(|f| f.id).collect()
    }

    pub fn propose(&self, clause: &str, findings: &[FindingId]) -> Proposal {
        let clause = ClauseId::parse(clause).unwrap();
        propose(&self.remedies, &self.inspector, &self.base(), &self.inspection, &self.service(), &clause, findings)
    }

    /// The reason for which nothing is done about one finding.
    pub fn abstention(&self, clause: &str, symbol: &str) -> String {
        let id = self.find(clause, symbol).id;
        match &self.propose(clause, &[id]).answers[&id] {
            Answer::Abstained { reason, .. } => reason.clone(),
            Answer::Patched => "patched".to_owned(),
        }
    }

    /// The new text of a file under a proposal for one finding.
    pub fn patched(&self, clause: &str, symbol: &str, path: &str) -> String {
        let id = self.find(clause, symbol).id;
        let proposal = self.propose(clause, &[id]);
        let patch = proposal.patch.as_ref().unwrap_or_else(|| panic!("{:#?}", proposal.answers));
        let change = patch.changes.iter().find(|c| c.path == RepoPath::from(path)).expect("the file is changed");
        String::from_utf8(change.bytes.clone()).unwrap()
    }

    /// The whole gate on a proposal for these findings.
    pub fn gated(&self, proposal: &Proposal) -> GateReport {
        self.gate(proposal.patch.as_ref().expect("a patch"), &proposal.patched(), &GateOptions::default())
    }

    pub fn gate(&self, patch: &Patch, findings: &[FindingId], options: &GateOptions) -> GateReport {
        let input = GateInput {
            inspector: &self.inspector,
            remedies: &self.remedies,
            base: self.base(),
            declared: &self.declared,
            known: &self.inspection,
            patch,
            findings,
            cache: &NoCache,
            now: NOW,
        };
        gate(&input, options)
    }

    /// A patch that says these files are to read so.
    pub fn patch(&self, files: &[(&str, &str)]) -> Patch {
        let (mut changes, mut diff) = (Vec::new(), String::new());
        let sorted: BTreeMap<&str, &str> = files.iter().copied().collect();
        for (path, text) in sorted {
            let path = RepoPath::from(path);
            let base = self.tree.0.get(&path).cloned().unwrap_or_default();
            diff.push_str(&unified(&path, &String::from_utf8_lossy(&base), text));
            let oid = self.tree.entry(&path).unwrap().map_or(Oid::Sha1([0; 20]), |e: Entry| e.oid);
            changes.push(FileChange { path, base: oid, bytes: text.as_bytes().to_vec() });
        }
        Patch {
            base_revision: Oid::Sha1([0; 20]),
            changes,
            diff,
            remedies: vec![],
            effect: Effect { class: EffectClass::Behaviour, note: String::new() },
        }
    }

    /// The repository with a patch applied.
    pub fn after(&self, patch: &Patch) -> Inspection {
        let overlay = OverlayTree::new(self.base(), patch);
        self.inspector.inspect(&overlay, &self.declared, &NoCache, NOW, &NoProgress)
    }
}

/// Asserts that a report accepts.
pub fn assert_accepted(report: &GateReport) {
    assert!(report.accepted(), "{:#?}", report.checks);
    let unverified = report.checks.iter().filter(|c| matches!(c.verdict, GateVerdict::Unverified(_))).count();
    assert_eq!((report.checks.len(), unverified), (14, 1), "every check ran, and only the tests could not");
}
