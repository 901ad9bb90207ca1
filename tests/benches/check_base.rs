//! How long `ligase check --base` takes in a repository of a thousand files, for twenty one-file changes that it has never
//! seen, a new process each: what a person waits for before a commit.
//!
//! ```text
//! cargo bench -p ligase-tests --bench check_base -- [--binary FILE] [--files N]
//! ```
//!
//! It makes the repository (services of FastAPI with routers, guards, models and logs, and Terraform), commits it, lets the
//! program look once (that run is printed as `first`), and then changes one file at a time: routers, models, declarations,
//! Terraform, files that nobody reads. Each change is made, measured and taken back; each must be answered with what it did,
//! or the bench fails. Without a cache every run is as the first, which `cold` shows. Nothing asserts a duration.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

use ligase_tests::{dna, git, write_tree};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Files of one service.
const OF_SERVICE: usize = 25;

/// A change of one file, and what `check --base` must say of it.
struct Change {
    file: String,
    from: &'static str,
    to: String,
    /// New findings at least; none where the change brings none.
    new: usize,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Without --bench it is a test runner that asks; this is no test.
    if !args.iter().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let after = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1)).cloned();
    let files = after("--files").and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let binary = after("--binary").map_or_else(|| root.join("target/release/ligase"), PathBuf::from);
    if !binary.is_file() {
        eprintln!("{} is not there: cargo build --release -p ligase-cli", binary.display());
        return ExitCode::from(2);
    }
    let (folder, cache) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let services = files / OF_SERVICE;
    (0..services).for_each(|n| service(folder.path(), n));
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(folder.path(), &["add", "--all"]);
    git(folder.path(), &["commit", "--quiet", "--message", "as it stands"]);
    let listed = git(folder.path(), &["ls-files"]).lines().count();
    println!("{listed} files, {services} services, {}", binary.display());
    let look = |cache: Option<&Path>| check(&binary, folder.path(), cache);
    let (_, first) = look(Some(cache.path()));
    println!("first        {:>8.1} ms", ms(first));
    let (mut warm, mut cold, mut wrong) = (Vec::new(), Vec::new(), 0);
    for change in changes(services) {
        let path = folder.path().join(&change.file);
        let text = fs::read_to_string(&path).unwrap();
        let changed = if change.from.is_empty() {
            format!("{text}{}", change.to)
        } else {
            text.replacen(change.from, &change.to, 1)
        };
        assert_ne!(changed, text, "{} changes nothing", change.file);
        fs::write(&path, changed).unwrap();
        let (said, took) = look(Some(cache.path()));
        let (_, without) = look(None);
        fs::write(&path, text).unwrap();
        let new = said["findings"].as_array().map_or(usize::MAX, Vec::len);
        let right = if change.new == 0 { new == 0 } else { (change.new..usize::MAX).contains(&new) };
        wrong += usize::from(!right);
        println!(
            "{:<44} {:>8.1} ms  cold {:>8.1} ms  {new} new{}",
            change.file,
            ms(took),
            ms(without),
            if right { "" } else { "  WRONG" }
        );
        warm.push(took);
        cold.push(without);
    }
    println!(
        "{} changes: p50 {:.1} ms, p95 {:.1} ms; cold p50 {:.1} ms, p95 {:.1} ms",
        warm.len(),
        quantile(&mut warm, 50),
        quantile(&mut warm, 95),
        quantile(&mut cold, 50),
        quantile(&mut cold, 95)
    );
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The smallest time that so many of a hundred are not above.
fn quantile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    ms(times[(times.len() * percent).div_ceil(100) - 1])
}

fn check(binary: &Path, folder: &Path, cache: Option<&Path>) -> (Value, Duration) {
    let mut command = Command::new(binary);
    command.args(["check", ".", "--base", "HEAD", "--json"]).current_dir(folder).env_clear();
    if let Some(cache) = cache {
        command.env("LIGASE_CACHE", cache);
    }
    let began = Instant::now();
    let out = command.output().unwrap();
    let took = began.elapsed();
    (
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr))),
        took,
    )
}

/// One service: a declaration, an application, guards, routers, models, services, Terraform.
fn service(root: &Path, n: usize) {
    let at = root.join(format!("services/s{n:02}"));
    let mut main = String::from("from fastapi import FastAPI\n\nfrom app import observability\n");
    let mut files: Vec<(String, String)> = vec![
        ("dna.yaml".into(), dna(&format!("s{n:02}"), "")),
        ("app/__init__.py".into(), String::new()),
        ("app/routers/__init__.py".into(), String::new()),
        ("app/guards.py".into(), GUARDS.into()),
        ("app/observability.py".into(), OBSERVABILITY.into()),
        ("README.md".into(), format!("# Service {n}\n")),
        ("requirements.txt".into(), "fastapi\nsqlalchemy\n".into()),
        (
            "infra/providers.tf".into(),
            "terraform {\n  required_version = \">= 1.7\"\n}\n\nprovider \"aws\" {\n  region = \"eu-west-1\"\n}\n"
                .into(),
        ),
        ("infra/database.tf".into(), DATABASE.into()),
    ];
    let mut includes = String::new();
    for r in 0..6 {
        let _ = writeln!(main, "from app.routers import things{r}");
        let _ = writeln!(includes, "app.include_router(things{r}.router, prefix=\"/things{r}\")");
        files.push((format!("app/routers/things{r}.py"), ROUTER.replace("NAME", &format!("things{r}"))));
        files.push((format!("app/models{r}.py"), MODEL.replace("NAME", &format!("Thing{n}x{r}"))));
    }
    for s in 0..4 {
        files.push((format!("app/service{s}.py"), SERVICE.replace("NAME", &format!("service{n}x{s}"))));
    }
    files.push(("app/main.py".into(), format!("{main}\napp = FastAPI()\n{includes}\nobservability.configure()\n")));
    let borrowed: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    write_tree(&at, &borrowed);
}

/// Twenty changes: what people change in a day, in different services.
fn changes(services: usize) -> Vec<Change> {
    let at = |n: usize, file: &str| format!("services/s{:02}/{file}", n % services);
    let one = |n: usize, file: &str, from: &'static str, to: &str, new: usize| Change {
        file: at(n, file),
        from,
        to: to.to_owned(),
        new,
    };
    vec![
        one(1, "app/routers/things0.py", "APIRouter(dependencies=[Depends(current_user)])", "APIRouter()", 3),
        one(2, "app/routers/things5.py", "APIRouter(dependencies=[Depends(current_user)])", "APIRouter()", 3),
        one(3, "dna.yaml", "exposure: internet", "exposure: none", 1),
        one(4, "dna.yaml", "    - class: pii\n", "    - class: credential\n", 1),
        one(5, "dna.yaml", "residency: [eu]", "residency: [eu, us]", 1),
        one(6, "infra/database.tf", "storage_encrypted = true", "storage_encrypted = false", 1),
        one(7, "infra/providers.tf", "eu-west-1", "us-east-1", 1),
        one(
            8,
            "infra/database.tf",
            "",
            "\nresource \"aws_ebs_volume\" \"more\" {\n  availability_zone = \"eu-west-1a\"\n  size = 4\n}\n",
            1,
        ),
        one(9, "app/service0.py", "mask(person.email)", "person.email", 1),
        one(
            10,
            "app/service3.py",
            "",
            "\n\ndef more(person: Person) -> None:\n    logger.warning(\"who %s\", person.date_of_birth)\n",
            1,
        ),
        one(
            11,
            "app/routers/things3.py",
            "",
            "\n\n@router.put(\"/{thing}/state\")\ndef state(thing: str) -> str:\n    return thing\n",
            0,
        ),
        one(12, "app/main.py", "app = FastAPI()", "app = FastAPI(title=\"other\")", 0),
        one(
            13,
            "app/main.py",
            "\nobservability",
            "\n\n@app.get(\"/people\")\ndef everybody() -> str:\n    return \"\"\n\n\nobservability",
            1,
        ),
        one(14, "app/guards.py", "status_code=401", "status_code=403", 0),
        one(15, "app/models2.py", "", "    note = Column(String)\n", 0),
        one(16, "app/models4.py", "email", "email_address", 0),
        one(17, "README.md", "", "More.\n", 0),
        one(18, "requirements.txt", "", "httpx\n", 0),
        one(19, "app/observability.py", "***", "xxx", 0),
        one(20, "app/service1.py", "len(people)", "len(people) + 1", 0),
    ]
}

const GUARDS: &str = "from fastapi import HTTPException, Request\n\n\ndef current_user(request: Request) -> str:\n    \
user = request.headers.get(\"x-user\")\n    if user is None:\n        raise HTTPException(status_code=401)\n    return user\n";

const OBSERVABILITY: &str = "import logging\n\n\ndef configure() -> None:\n    logging.basicConfig(level=logging.INFO)\n\n\n\
def mask(value: str) -> str:\n    return value[:1] + \"***\"\n";

const ROUTER: &str = "from fastapi import APIRouter, Depends\n\nfrom app.guards import current_user\n\n\
router = APIRouter(dependencies=[Depends(current_user)])\n\n\n@router.get(\"/\")\ndef all_NAME() -> list[str]:\n    return []\n\n\n\
@router.get(\"/{thing}\")\ndef one_NAME(thing: str) -> str:\n    return thing\n\n\n\
@router.delete(\"/{thing}\")\ndef forget_NAME(thing: str) -> None:\n    return None\n";

const MODEL: &str = "from sqlalchemy import Column, Integer, String\nfrom sqlalchemy.orm import declarative_base\n\nBase = declarative_base()\n\n\n\
class NAME(Base):\n    __tablename__ = \"NAME\"\n    id = Column(Integer, primary_key=True)\n    email = Column(String)\n    \
date_of_birth = Column(String)\n    ward = Column(String)\n";

const SERVICE: &str = "import logging\nfrom dataclasses import dataclass\n\nfrom app.observability import mask\n\n\
logger = logging.getLogger(__name__)\n\n\n@dataclass\nclass Person:\n    email: str\n    date_of_birth: str\n    ward: str\n\n\n\
class NAME:\n    def __init__(self, limit: int) -> None:\n        self.limit = limit\n\n    def greet(self, person: Person) -> None:\n        \
logger.info(\"hello %s\", mask(person.email))\n\n    def wards(self, people: list[Person]) -> dict[str, int]:\n        \
found: dict[str, int] = {}\n        for person in people[: self.limit]:\n            found[person.ward] = found.get(person.ward, 0) + 1\n        \
logger.info(\"counted %d\", len(people))\n        return found\n";

const DATABASE: &str = "resource \"aws_db_instance\" \"records\" {\n  engine            = \"postgres\"\n  storage_encrypted = true\n  \
kms_key_id        = aws_kms_key.records.arn\n}\n\nresource \"aws_kms_key\" \"records\" {\n  enable_key_rotation = true\n}\n";
