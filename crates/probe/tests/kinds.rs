//! What is emitted has the form that `catalog/kinds/` promises: judging, linting and remedies rely on it.
#![allow(clippy::unwrap_used)]

mod common;

use common::seen;
use ligase_domain::Value;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Kind {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    id: String,
}

#[derive(Deserialize)]
struct Spec {
    identity: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
    anchors: Vec<String>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    of: BTreeMap<String, Attribute>,
}

fn kinds() -> BTreeMap<String, Spec> {
    let files = ligase_catalog::shipped();
    let of_kinds = files.iter().filter(|f| f.path.starts_with("kinds/"));
    of_kinds
        .map(|f| serde_saphyr::from_str::<Kind>(std::str::from_utf8(&f.bytes).unwrap()).unwrap())
        .map(|k| (k.metadata.id, k.spec))
        .collect()
}

fn check(place: &str, attributes: &BTreeMap<String, Attribute>, values: &BTreeMap<String, Value>) {
    for (name, attribute) in attributes {
        let Some(value) = values.get(name) else {
            assert!(attribute.optional, "{place}.{name} is missing");
            continue;
        };
        match (attribute.kind.as_str(), value) {
            ("text", Value::Text(text)) => {
                assert!(attribute.values.is_empty() || attribute.values.contains(text), "{place}.{name} is {text:?}");
            }
            ("int", Value::Int(_)) | ("bool", Value::Bool(_)) => {}
            ("list", Value::List(list)) if attribute.of.is_empty() => {
                assert!(list.iter().all(|v| v.as_text().is_some()), "{place}.{name}")
            }
            ("list", Value::List(list)) => {
                for element in list {
                    check(&format!("{place}.{name}"), &attribute.of, element.as_map().unwrap());
                }
            }
            (kind, value) => panic!("{place}.{name} is no {kind}: {value:?}"),
        }
    }
    for name in values.keys() {
        assert!(attributes.contains_key(name), "{place}.{name} is not declared");
    }
}

const MAIN: &str = r#"
import logging, sentry_sdk, structlog
from typing import Annotated
from fastapi import FastAPI, APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from flask import Flask
from elsewhere import other_router, Weird

logger = logging.getLogger(__name__)
app = FastAPI()
router = APIRouter(prefix="/p")
lost = APIRouter()
flask = Flask(__name__)
bearer = HTTPBearer()

class Patient(BaseModel):
    name: str
    ssn: str
    diagnosis: str

def user(request: Request, token=Depends(bearer)):
    if not token:
        raise HTTPException(401)
    return token

@router.post("/{id}")
def create(id: int, patient: Patient, who=Depends(user), request: Request = None):
    logger.info("created %s %s", patient, request.headers)
    print(patient.ssn)
    sentry_sdk.set_context("p", {"d": patient.diagnosis})
    logger.log(10, mask(patient.ssn))
    span.set_attribute("ssn", patient.ssn)

@lost.get("/lost")
def lost_one(): ...

@flask.route("/f")
def f(): ...

@app.websocket("/ws")
async def ws(socket): ...

app.include_router(router)
app.include_router(other_router)
app.mount("/static", StaticFiles(directory="s"))
app.add_middleware(Weird)
"#;

#[test]
fn every_observation_has_the_form_of_its_kind() {
    let kinds = kinds();
    let all = seen(&[("main.py", MAIN), ("broken.py", "@app.get('/x'\ndef f(: logger.info(\n")]);
    let mut found = BTreeSet::new();
    for observation in &all {
        let kind = kinds.get(&observation.kind).unwrap_or_else(|| panic!("{} is no kind", observation.kind));
        check(&observation.kind, &kind.attributes, &observation.attributes);
        for name in &kind.identity {
            assert!(observation.attributes.contains_key(name), "{} has no {name}", observation.kind);
        }
        for anchor in observation.anchors.keys().filter(|a| *a != "match") {
            assert!(kind.anchors.contains(anchor), "{}: anchor {anchor}", observation.kind);
        }
        assert!(observation.snippet.len() <= 200 && !observation.sources.is_empty());
        found.insert(observation.kind.as_str());
    }
    let python = ["data-field", "endpoint", "guard-candidate", "log-call", "stack", "unmodelled"];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), python);
}

#[test]
fn no_kind_of_linking_leaves_linking() {
    assert!(seen(&[("main.py", MAIN)]).iter().all(|o| !o.kind.starts_with("py-")));
}
