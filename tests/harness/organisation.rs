//! An organisation in a folder that goes away: bare repositories, a policy, a state. It starts the program on them and hands
//! back what the program said.

use crate::{Bare, POLICY, Run, Started, commit_tree, ligase_in, start, write_tree};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder, with `repositories/`, `organisation/organisation.yaml` and `state/` below it.
#[derive(Debug)]
pub struct Organisation {
    folder: TempDir,
}

impl Organisation {
    /// One without repositories.
    pub fn empty() -> Self {
        let folder = TempDir::with_prefix("ligase-e2e-").expect("a folder that goes away");
        fs::create_dir(folder.path().join("repositories")).expect("a new folder");
        let new = Self { folder };
        new.policy(POLICY);
        new
    }

    /// What `ligase demo` leaves behind, and what it said.
    pub fn after_demo() -> (Self, Value) {
        let folder = TempDir::with_prefix("ligase-e2e-").expect("a folder that goes away");
        let said = crate::demo(folder.path());
        (Self { folder }, said)
    }

    /// The demo's organisation before anything looked at it.
    pub fn of_demo() -> Self {
        let folder = TempDir::with_prefix("ligase-e2e-").expect("a folder that goes away");
        crate::fresh(folder.path());
        Self { folder }
    }

    /// The demo's organisation after one undisturbed sweep, and how long that took.
    pub fn of_demo_swept() -> (Self, std::time::Duration) {
        let folder = TempDir::with_prefix("ligase-e2e-").expect("a folder that goes away");
        let took = crate::swept(folder.path());
        (Self { folder }, took)
    }

    /// The same in another folder, as it is now.
    pub fn copied(&self) -> Self {
        let folder = TempDir::with_prefix("ligase-e2e-").expect("a folder that goes away");
        crate::copy_tree(self.folder.path(), folder.path());
        Self { folder }
    }

    /// One of so many small services, each with something to mend.
    pub fn of_services(count: usize) -> Self {
        let new = Self::empty();
        for n in 0..count {
            let name = format!("service-{n}");
            let files = crate::service_files(&name);
            let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (*path, bytes.as_slice())).collect();
            new.repository(&name, &files);
        }
        new
    }

    /// Lets a person add a harmless file to a repository: it has another head then.
    pub fn work_on(&self, name: &str, round: usize) {
        self.bare(name).commit("main", &format!("round {round}"), |folder| {
            let text = format!("def round_{round}() -> int:\n    return {round}\n");
            write_tree(folder, &[(format!("rounds/round_{round}.py").as_str(), text.as_bytes())]);
        });
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The state's folder.
    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Writes the policy.
    pub fn policy(&self, text: &str) {
        write_tree(&self.path().join("organisation"), &[("organisation.yaml", text.as_bytes())]);
    }

    /// The names of its repositories.
    pub fn names(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.path().join("repositories")).expect("a folder of repositories");
        let names = folder.map(|e| e.expect("a listed folder").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter_map(|n| n.strip_suffix(".git").map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// A repository.
    pub fn bare(&self, name: &str) -> Bare {
        Bare { path: self.path().join(format!("repositories/{name}.git")) }
    }

    /// Makes a repository without a commit.
    pub fn bare_without_commit(&self, name: &str) -> Bare {
        Bare::make(self.bare(name).path)
    }

    /// Makes a repository whose only commit has these files.
    pub fn repository(&self, name: &str, files: &[(&str, &[u8])]) -> Bare {
        self.repository_of(name, |folder| write_tree(folder, files))
    }

    /// Makes a repository whose only commit has what is put into a folder.
    pub fn repository_of(&self, name: &str, fill: impl FnOnce(&Path)) -> Bare {
        let bare = Bare::make(self.bare(name).path);
        let files = TempDir::new().expect("a folder that goes away");
        fill(files.path());
        commit_tree(&bare.path, files.path(), "main", "as it stands");
        bare
    }

    /// Runs the program with the policy and state of this organisation.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Run {
        ligase_in(self.path(), &with_standing(arguments))
    }

    /// Starts a sweep and does not wait for it.
    pub fn start_sweep(&self) -> Started {
        start(self.path(), &with_standing(&["sweep", "--json"]))
    }

    /// Sweeps; what it said, whatever it found.
    #[track_caller]
    pub fn sweep(&self) -> Value {
        let run = self.run(&["sweep", "--json"]);
        assert!(matches!(run.code, 0 | 1), "a sweep ended with {}\n{}\n{}", run.code, run.out, run.err);
        run.json()
    }

    /// The findings of an outcome.
    #[track_caller]
    pub fn findings(&self, outcome: &str) -> Vec<Value> {
        let run = self.run(&["findings", "--json", "--outcome", outcome]);
        assert!(matches!(run.code, 0 | 1), "{}\n{}", run.out, run.err);
        list(&run.json(), "findings")
    }

    /// The changesets.
    #[track_caller]
    pub fn changesets(&self) -> Vec<Value> {
        list(&self.run(&["changesets", "--json"]).code(0).json(), "changesets")
    }

    /// The changeset of that id.
    #[track_caller]
    pub fn changeset(&self, id: &str) -> Value {
        let found = self.changesets().into_iter().find(|c| c["id"] == id);
        found.unwrap_or_else(|| panic!("no changeset {id}"))
    }

    /// The first changeset of that state in that service.
    #[track_caller]
    pub fn changeset_in(&self, service: &str, state: &str) -> Value {
        let all = self.changesets();
        let found = all.iter().find(|c| (service.is_empty() || c["service_name"] == service) && c["state"] == state);
        found.unwrap_or_else(|| panic!("no changeset of {service:?} is {state}: {all:#?}")).clone()
    }

    /// A person does something about a changeset.
    #[track_caller]
    pub fn act(&self, verb: &str, id: &str) -> Value {
        self.run(&["changesets", verb, id, "--as", "dana-okafor", "--json"]).code(0).json()
    }

    /// Counts the evidence store, or rebuilds its index.
    #[track_caller]
    pub fn run_on_evidence(&self, verb: &str) -> Value {
        ligase_in(self.path(), &["evidence", verb, "--state", "state", "--json"]).code(0).json()
    }

    /// What is behind a finding.
    #[track_caller]
    pub fn explain(&self, id: &str) -> Value {
        self.run(&["explain", id, "--json"]).code(0).json()
    }
}

fn with_standing<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut all = arguments.to_vec();
    all.extend(["--org", "organisation/organisation.yaml", "--state", "state"]);
    all
}

#[track_caller]
fn list(document: &Value, name: &str) -> Vec<Value> {
    document[name].as_array().unwrap_or_else(|| panic!("no list {name} in {document:#}")).clone()
}

/// Findings without what is dated and without what planning says of them: their identity and their judgement.
pub fn finding_rows(findings: &[Value]) -> Vec<String> {
    let keys = [
        "id", "service", "clause", "outcome", "reason", "path", "line", "end_line", "symbol", "message", "controls",
        "remedy", "severity", "waiver",
    ];
    let row = |f: &Value| keys.map(|k| f[k].to_string()).join(" ");
    let mut rows: Vec<String> = findings.iter().map(row).collect();
    rows.sort();
    rows
}

/// Findings as `service clause symbol outcome`, sorted.
pub fn symbols(findings: &[Value]) -> Vec<String> {
    let text = |f: &Value, k: &str| f[k].as_str().unwrap_or_default().to_owned();
    let row = |f: &Value| ["service_name", "clause", "symbol", "outcome"].map(|k| text(f, k)).join(" | ");
    let mut rows: Vec<String> = findings.iter().map(row).collect();
    rows.sort();
    rows
}

/// The digest of each service's statement, by service.
#[track_caller]
pub fn statements(organisation: &Organisation) -> std::collections::BTreeMap<String, String> {
    let mut out = std::collections::BTreeMap::new();
    for finding in organisation.findings("all") {
        let service = finding["service"].as_str().expect("a service").to_owned();
        if out.contains_key(&service) {
            continue;
        }
        let explained = organisation.explain(finding["id"].as_str().expect("an id"));
        let steps = explained["steps"].as_array().expect("steps");
        let statement = steps.iter().find(|s| s["title"] == "Statement").expect("a statement");
        assert_eq!(statement["verified"], true, "the statement was hashed again");
        out.insert(service, statement["digest"].as_str().expect("a digest").to_owned());
    }
    out
}
