//! A small service as files: one open endpoint, one guarded, one log line with an e-mail address. Small enough that a test
//! can say what is to be found in it.

use std::fs;
use std::path::Path;

/// A policy for services that the test makes.
pub const POLICY: &str = "\
apiVersion: ligase.dev/v1
kind: Organisation
metadata: { name: small }
spec:
  sources:
    - directory: ../repositories
  floor: [no-sensitive-in-logs]
  approvers:
    waivers: [\"@dana-okafor\"]
    apply: [\"@dana-okafor\"]
  budgets: { open-per-owner: 20, open-per-service: 20, create-per-hour: 60 }
  remedies: { agents: [], network: none }
";

const APP: &str = "\
import logging

from fastapi import APIRouter, Depends, FastAPI

from guards import current_user

logger = logging.getLogger(__name__)
app = FastAPI()
router = APIRouter()


@router.get(\"/people/{person_id}\")
def person(person_id: str) -> dict[str, str]:
    return {\"id\": person_id}


@router.get(\"/visits\", dependencies=[Depends(current_user)])
def visits() -> dict[str, str]:
    return {}


def greet(email: str) -> None:
    logger.info(\"hello %s\", email)


app.include_router(router)
";

const GUARDS: &str = "\
from fastapi import HTTPException, Request


def current_user(request: Request) -> str:
    user = request.headers.get(\"x-user\")
    if user is None:
        raise HTTPException(status_code=401)
    return user
";

const STORAGE: &str = "\
resource \"aws_db_instance\" \"records\" {
  engine            = \"postgres\"
  storage_encrypted = false
}
";

/// A declaration; `more` follows at the depth of `spec`'s keys.
pub fn dna(name: &str, more: &str) -> String {
    format!(
        "apiVersion: ligase.dev/v1\nkind: Service\nmetadata:\n  name: {name}\n  owner: \"@team/{name}\"\nspec:\n  data:\n    \
         - class: pii\n  residency: [eu]\n  exposure: internet\n  identity: external\n  frameworks: [soc2]\n{more}"
    )
}

/// The small service's files, with its declaration.
pub fn service_files(name: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("dna.yaml", dna(name, "").into_bytes()),
        ("main.py", APP.into()),
        ("guards.py", GUARDS.into()),
        ("storage.tf", STORAGE.into()),
    ]
}

/// Writes files below a folder.
pub fn write_tree<B: AsRef<[u8]>>(folder: &Path, files: &[(&str, B)]) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a new folder");
        fs::write(path, bytes.as_ref()).expect("a new file");
    }
}
