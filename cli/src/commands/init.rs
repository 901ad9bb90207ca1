//! `ligase init`: proposes identities for a repository, or for all repositories of a folder. It writes nothing without
//! `--write` or `--out`, and never over a file that is there. What is proposed is read back with the reader of `dna.yaml`
//! before anybody sees it.

use crate::args::Init;
use crate::failure::{Exit, Failure};
use crate::local::{self, Bar};
use crate::output::{self, heading, style, styled, table};
use crate::owners::Owners;
use crate::proposal::{Line, Proposal, Proposed, propose};
use anstream::println;
use ligase_domain::Timestamp;
use ligase_inspect::Inspector;
use ligase_policy::Dna;
use ligase_runtime::SystemClock;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Repositories in one folder that are looked at.
const REPOSITORIES_MAX: usize = 10_000;

/// One repository with what is proposed for it.
struct Looked {
    name: String,
    folder: Option<PathBuf>,
    proposal: Proposal,
}

/// Runs it.
pub fn run(args: &Init, as_json: bool) -> Result<Exit, Failure> {
    let inspector = local::inspector(args.catalog.as_deref())?;
    if args.all { all(args, &inspector, as_json) } else { one(args, &inspector, as_json) }
}

fn look(path: &Path, inspector: &Inspector, quiet: bool) -> Result<Looked, Failure> {
    let opened = local::open_path(path)?;
    let bar = Bar::new(quiet);
    let now = Timestamp(SystemClock.now_ms());
    let inspection = inspector.inspect(opened.tree.as_ref(), &opened.declared, opened.cache.as_ref(), now, &bar);
    bar.done();
    if let Some(reason) = &inspection.population.incomplete {
        let problem = format!("{} could not be looked at whole: {reason}", path.display());
        return Err(Failure::look("E-INIT-INCOMPLETE", problem, "mend what `ligase check` names there"));
    }
    let name = opened.declared.repository.stable.clone();
    let owners = Owners::read(opened.tree.as_ref());
    let proposal = propose(&name, opened.tree.as_ref(), inspector, &inspection, &owners);
    Ok(Looked { name, folder: opened.folder, proposal })
}

fn one(args: &Init, inspector: &Inspector, as_json: bool) -> Result<Exit, Failure> {
    let looked = look(&args.path, inspector, as_json)?;
    let documents = documents(&looked, inspector, false)?;
    let mut written = Vec::new();
    if args.write {
        let Some(folder) = &looked.folder else {
            let problem = format!("{} is a bare repository and has no files to write", args.path.display());
            return Err(Failure::input("E-INIT-BARE", problem, "clone it, and run `ligase init --write` there"));
        };
        for (service, document) in &documents {
            written.push(create(&folder.join(&service.folder).join("dna.yaml"), document)?);
        }
    }
    if as_json {
        let rows = documents.iter().map(|(s, d)| service_json(s, d)).collect::<Vec<_>>();
        let declared = &looked.proposal.declared;
        output::json(&json!({ "repository": looked.name, "services": rows, "declared": declared, "written": written }));
        return Ok(Exit::Holds);
    }
    for folder in &looked.proposal.declared {
        println!("{} is declared already and is left as it is", file_of(folder));
    }
    for (service, document) in &documents {
        heading(file_of(&service.folder));
        println!("{document}");
    }
    match (documents.len(), args.write) {
        (0, _) => println!("nothing is left to propose"),
        (_, true) => written.iter().for_each(|path| println!("{} {path}", styled(style::GREEN, "written"))),
        (_, false) => println!("{}", styled(style::DIM, "nothing was written; --write does")),
    }
    Ok(Exit::Holds)
}

fn file_of(folder: &str) -> String {
    if folder.is_empty() { "dna.yaml".to_owned() } else { format!("{folder}/dna.yaml") }
}

/// The proposals with their documents, each read back.
fn documents<'l>(
    looked: &'l Looked,
    inspector: &Inspector,
    provisional: bool,
) -> Result<Vec<(&'l Proposed, String)>, Failure> {
    let document = |service: &'l Proposed| {
        let identity = provisional.then_some((looked.name.as_str(), service.folder.as_str()));
        let document = service.document(identity);
        let name = file_of(&service.folder);
        let read = match identity {
            Some(_) => Dna::read_provisional(&name, document.as_bytes(), inspector.catalog()).map(|_| ()),
            None => Dna::read(&name, document.as_bytes(), inspector.catalog()).map(|_| ()),
        };
        read.map_err(Failure::documents)?;
        Ok((service, document))
    };
    looked.proposal.services.iter().map(document).collect()
}

fn service_json(service: &Proposed, document: &str) -> Value {
    let row = |l: &Line| json!({ "key": l.key, "value": l.value, "reason": l.reason });
    json!({
        "folder": service.folder, "path": file_of(&service.folder), "name": service.name, "document": document,
        "lines": service.lines.iter().map(row).collect::<Vec<_>>(),
        "open": service.lines.iter().filter(|l| l.value.is_none()).map(|l| l.key.clone()).collect::<Vec<_>>(),
    })
}

/// Makes a file that is not there yet; a link in its place is not followed.
fn create(path: &Path, document: &str) -> Result<String, Failure> {
    let failed = |e: std::io::Error| {
        let remedy = if e.kind() == ErrorKind::AlreadyExists {
            "it is never overwritten; take it away first, if that is meant"
        } else {
            "make the folder writable"
        };
        Failure::input("E-INIT-WRITE", format!("{}: {e}", path.display()), remedy)
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path).map_err(failed)?;
    file.write_all(document.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(path.display().to_string())
}

/// The repositories of a folder: bare ones and working trees, by name.
fn repositories(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: std::io::Error| {
        Failure::input("E-CHECK-PATH", format!("{}: {e}", folder.display()), "name a folder of repositories")
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let bare = path.join("HEAD").is_file() && path.join("objects").is_dir();
        if bare || path.join(".git").exists() {
            found.push(path);
        }
    }
    found.sort();
    found.truncate(REPOSITORIES_MAX);
    if found.is_empty() {
        let problem = format!("there is no git repository in {}", folder.display());
        return Err(Failure::input("E-CHECK-PATH", problem, "name a folder of repositories"));
    }
    Ok(found)
}

fn all(args: &Init, inspector: &Inspector, as_json: bool) -> Result<Exit, Failure> {
    if args.write {
        let remedy =
            "give --out DIR for the organisation's own repository, or run `ligase init --write` in one repository";
        return Err(Failure::input("E-INIT-ALL", "--all writes into no repository", remedy));
    }
    if let Some(out) = &args.out {
        let failed = |e: std::io::Error| {
            Failure::input("E-INIT-WRITE", format!("{}: {e}", out.display()), "make the folder writable")
        };
        std::fs::create_dir_all(out).map_err(failed)?;
    }
    let (mut rows, mut failed, mut lines) = (Vec::new(), false, Vec::new());
    for path in repositories(&args.path)? {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let looked = match look(&path, inspector, as_json) {
            Ok(looked) => looked,
            Err(failure) => {
                // One repository that cannot be looked at does not keep the others from being proposed.
                failed = true;
                lines.push(vec![name.clone(), styled(style::RED, "could not look"), failure.to_string()]);
                rows.push(
                    json!({ "repository": name, "failure": failure.to_string(), "services": [], "declared": [] }),
                );
                continue;
            }
        };
        let documents = documents(&looked, inspector, true)?;
        let mut written = Vec::new();
        for (service, document) in &documents {
            if let Some(out) = &args.out {
                written.push(create(&out.join(file_name(&looked.name, &service.folder)), document)?);
            }
            lines.push(summary(&looked.name, service));
        }
        if documents.is_empty() {
            lines.push(vec![looked.name.clone(), styled(style::DIM, "declared"), looked.proposal.declared.join(", ")]);
        }
        let services = documents.iter().map(|(s, d)| service_json(s, d)).collect::<Vec<_>>();
        let declared = &looked.proposal.declared;
        rows.push(json!({ "repository": looked.name, "failure": null, "services": services, "declared": declared, "written": written }));
    }
    if as_json {
        output::json(&json!({ "repositories": rows }));
    } else {
        table(&["repository", "service", "data", "residency", "exposure", "left to a person"], lines);
        let what = args.out.as_ref().map_or_else(
            || "nothing was written; --out DIR does".to_owned(),
            |o| format!("proposals stand in {}", o.display()),
        );
        println!("\n{}", styled(style::DIM, what));
    }
    Ok(if failed { Exit::CouldNotLook } else { Exit::Holds })
}

fn file_name(repository: &str, folder: &str) -> String {
    let safe = |text: &str| {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect::<String>()
    };
    let folder = if folder.is_empty() { String::new() } else { format!("-{}", safe(folder)) };
    format!("{}{folder}.yaml", safe(repository))
}

fn summary(repository: &str, s: &Proposed) -> Vec<String> {
    let or = |list: &[String]| if list.is_empty() { styled(style::DIM, "not known") } else { list.join(", ") };
    let mut open: Vec<&str> = s
        .lines
        .iter()
        .filter(|l| l.value.is_none())
        .map(|l| l.key.rsplit_once('.').map_or(l.key.as_str(), |(_, k)| k))
        .collect();
    open.dedup();
    let service = if s.folder.is_empty() { s.name.clone() } else { format!("{} ({})", s.name, s.folder) };
    vec![
        repository.to_owned(),
        service,
        or(&s.data),
        or(&s.residency),
        s.exposure.map_or_else(|| styled(style::DIM, "not known"), str::to_owned),
        open.join(", "),
    ]
}
