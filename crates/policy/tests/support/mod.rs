//! Builders of observations, declarations and inputs for the tests of this room.
#![allow(dead_code, clippy::unwrap_used)]

use ligase_domain::{
    Digest, Observation, Oid, Origin, PathClass, Place, Population, ProbeRef, RepoPath, RepositoryId, ServiceId, Span,
    Timestamp, Value,
};
use ligase_policy::{Approvals, Catalog, Dna, JudgeInput, Organisation, OwnerFact};
use std::collections::BTreeMap;

pub const DAY: i64 = 86_400_000;

/// 2026-11-22T12:00:00Z.
pub const NOW: Timestamp = Timestamp(1_795_348_800_000);

pub fn catalog() -> Catalog {
    Catalog::load(&ligase_catalog::shipped()).unwrap_or_else(|e| panic!("{}", words(&e)))
}

/// The errors as a person sees them, without what grows with the catalog: the list of all names that there are, and the links
/// of the frameworks that ship.
pub fn words(errors: &[ligase_document::DocumentError]) -> String {
    let own = errors.iter().filter(|e| !e.file.starts_with("frameworks/") || e.file.ends_with("/own.yaml"));
    let line = |e: &ligase_document::DocumentError| {
        let text = e.to_string();
        let Some((before, rest)) = text.split_once("expected one of ") else { return text };
        let end = rest.find([';', '(']).unwrap_or(rest.len());
        format!("{before}expected one of …{}{}", if rest[end..].starts_with('(') { " " } else { "" }, &rest[end..])
    };
    own.map(line).collect::<Vec<_>>().join("\n")
}

pub fn dna(catalog: &Catalog, spec: &str) -> Dna {
    let text = format!(
        "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: {{ name: intake, owner: \"@a/b\" }}\nspec:\n{spec}"
    );
    Dna::read("dna.yaml", text.as_bytes(), catalog).unwrap_or_else(|e| panic!("{}", words(&e)))
}

pub fn organisation(catalog: &Catalog, spec: &str) -> Organisation {
    let text = format!(
        "apiVersion: ligase.dev/v1\nkind: Organisation\nmetadata: {{ name: acme }}\nspec:\n  sources: [{{ directory: ./repositories }}]\n{spec}"
    );
    Organisation::read("organisation.yaml", text.as_bytes(), &[], catalog).unwrap_or_else(|e| panic!("{}", words(&e)))
}

pub fn service(folder: &str) -> ServiceId {
    let repository = RepositoryId { forge: "local".to_owned(), stable: "intake".to_owned() };
    ServiceId { repository, folder: folder.to_owned() }
}

pub fn class(dialect: &str, origin: Origin) -> PathClass {
    PathClass { dialect: dialect.to_owned(), origin }
}

pub fn observation(kind: &str, path: &str, line: u32, attributes: Vec<(&str, Value)>) -> Observation {
    let dialect = if path.ends_with(".tf") { "terraform" } else { "python" };
    let origin = if path.contains("tests/") { Origin::Test } else { Origin::Source };
    let language = if dialect == "terraform" { ("terraform", "terraform-aws") } else { ("python", "fastapi") };
    let mut all: BTreeMap<String, Value> = [("language", Value::from(language.0)), ("stack", Value::from(language.1))]
        .into_iter()
        .map(|(n, v)| (n.to_owned(), v))
        .collect();
    all.extend(attributes.into_iter().map(|(n, v)| (n.to_owned(), v)));
    Observation {
        kind: kind.to_owned(),
        attributes: all,
        place: Place {
            path: RepoPath::from(path),
            blob: Oid::Sha1([1; 20]),
            span: Span { start: line * 10, end: line * 10 + 5, line, end_line: line },
        },
        class: class(dialect, origin),
        anchors: BTreeMap::new(),
        snippet: String::new(),
        probe: ProbeRef { id: "test".to_owned(), version: 1 },
        sources: vec![Digest::of(path.as_bytes())],
    }
}

pub fn guard(kind: &str, symbol: &str, optional: bool) -> Value {
    Value::map([
        ("kind", Value::from(kind)),
        ("symbol", Value::from(symbol)),
        ("from", Value::from("dependency")),
        ("optional", Value::from(optional)),
    ])
}

pub fn endpoint(path: &str, line: u32, role: &str, chain: &str, guards: Vec<Value>) -> Observation {
    let full = format!("/e{line}");
    observation(
        "endpoint",
        path,
        line,
        vec![
            ("method", "GET".into()),
            ("path", full.as_str().into()),
            ("full_path", full.as_str().into()),
            ("handler", "read".into()),
            ("role", role.into()),
            ("guards", Value::List(guards)),
            ("chain", chain.into()),
            ("chain_reason", "".into()),
        ],
    )
}

pub fn logged(name: &str, class: &str, confidence: i64, sanitizer: &str, sanitized: bool) -> Value {
    Value::map([
        ("name", Value::from(name)),
        ("class", Value::from(class)),
        ("confidence", Value::from(confidence)),
        ("via", Value::from("argument")),
        ("sanitized", Value::from(sanitized)),
        ("sanitizer", Value::from(sanitizer)),
    ])
}

pub fn log_call(path: &str, line: u32, values: Vec<Value>, opaque: Vec<&str>) -> Observation {
    observation(
        "log-call",
        path,
        line,
        vec![
            ("callee", "logger.info".into()),
            ("sink", "logger".into()),
            ("level", "info".into()),
            ("function", format!("f{line}").into()),
            ("values", Value::List(values)),
            ("plain", Value::List(vec![])),
            ("opaque", Value::List(opaque.into_iter().map(Value::from).collect())),
        ],
    )
}

pub fn storage(address: &str, encrypted: &str) -> Observation {
    observation(
        "storage",
        "main.tf",
        1,
        vec![
            ("provider", "aws".into()),
            ("type", "aws_db_instance".into()),
            ("address", address.into()),
            ("encrypted", encrypted.into()),
            ("key", "none".into()),
            ("setting", "storage_encrypted".into()),
            ("setting_present", false.into()),
            ("reason", "".into()),
            ("replaces", true.into()),
        ],
    )
}

pub fn placement(address: &str, region: &str, jurisdiction: &str, resolved: bool, global: bool) -> Observation {
    observation(
        "placement",
        "main.tf",
        1,
        vec![
            ("what", "resource".into()),
            ("region", region.into()),
            ("jurisdiction", jurisdiction.into()),
            ("global", global.into()),
            ("resolved", resolved.into()),
            ("reason", "".into()),
            ("from", "literal".into()),
            ("address", address.into()),
            ("type", "aws_db_instance".into()),
            ("provider", "aws".into()),
        ],
    )
}

pub fn population() -> Population {
    Population {
        files: Digest::of(b"files"),
        files_total: 1,
        by_class: BTreeMap::new(),
        skipped: vec![],
        incomplete: None,
    }
}

/// Owns what a [`JudgeInput`] borrows.
pub struct Case {
    pub service: ServiceId,
    pub observations: Vec<Observation>,
    pub population: Population,
    pub files: Vec<RepoPath>,
    pub folders: Vec<String>,
    pub owner: OwnerFact,
    pub root: Option<Digest>,
}

impl Case {
    pub fn new(observations: Vec<Observation>) -> Self {
        let files = observations.iter().map(|o| o.place.path.clone()).collect();
        Self {
            service: service(""),
            observations,
            population: population(),
            files,
            folders: vec![String::new()],
            owner: OwnerFact::Resolved,
            root: None,
        }
    }

    pub fn input(&self) -> JudgeInput<'_> {
        JudgeInput {
            service: &self.service,
            revision: Oid::Sha1([7; 20]),
            observations: &self.observations,
            population: &self.population,
            files: &self.files,
            folders: &self.folders,
            owner: self.owner,
            probe_set: Digest::of(b"probes"),
            root: self.root,
        }
    }
}

pub fn approved(by: &str, author: &str) -> Approvals {
    Approvals {
        covers: vec![ligase_policy::Approval { by: by.to_owned(), recorded: Timestamp(0) }],
        authors: vec![author.to_owned()],
        teams: BTreeMap::new(),
    }
}
