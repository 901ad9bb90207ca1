//! What a repository's identity could be, told from what the probes saw in it: a `dna.yaml` for each service with a reason for
//! each line. It proposes and never decides: what nothing in the repository says is left to a person, in those words.
//!
//! What is seen is what is, and not what ought to be. A second jurisdiction or a class that was recognised less surely is
//! therefore named in a comment and not declared. Next: `proposal/manifests.rs`; who writes it is `commands/init.rs`.

pub mod manifests;

use crate::owners::Owners;
use ligase_document::escaped;
use ligase_domain::{Entry, Observation, Origin, SourceTree, Value};
use ligase_inspect::{Inspection, Inspector};
use manifests::Folder;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A class that was recognised less surely (per mille) is no declaration.
const SURE: i64 = 800;
/// Names that stand in one reason.
const NAMED: usize = 3;
/// Reasons are cut here, so that a line stays a line.
const REASON: usize = 300;
/// How people call frameworks that a data class suggests.
const SUGGESTED: [(&str, &str); 3] = [("phi", "hipaa"), ("cardholder-data", "pci-dss"), ("pii", "gdpr")];

/// One line of a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Which part of the document it is of, such as `spec.data`.
    pub key: String,
    /// What is proposed, as it stands in the document; nothing where it is left to a person.
    pub value: Option<String>,
    /// Why.
    pub reason: String,
}

/// The identity that is proposed for one service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposed {
    /// The folder that it governs.
    pub folder: String,
    /// The service's name.
    pub name: String,
    /// The data classes, for a summary.
    pub data: Vec<String>,
    /// The exposure, for a summary; none where nothing says it.
    pub exposure: Option<&'static str>,
    /// The jurisdictions, for a summary.
    pub residency: Vec<String>,
    /// Line by line.
    pub lines: Vec<Line>,
}

/// What is proposed for a tree, and the folders that a `dna.yaml` governs already.
pub struct Proposal {
    /// By folder.
    pub services: Vec<Proposed>,
    /// Folders that are declared.
    pub declared: Vec<String>,
}

/// What the proposal of one service is made from.
struct Seen<'a> {
    folder: &'a str,
    inspector: &'a Inspector,
    manifests: Option<&'a Folder>,
    own: Vec<&'a Observation>,
}

/// Proposes identities for a tree.
pub fn propose(
    repository: &str,
    tree: &dyn SourceTree,
    inspector: &Inspector,
    inspection: &Inspection,
    owners: &Owners,
) -> Proposal {
    let entries: Vec<Entry> = tree.entries().unwrap_or_default();
    let source = |path: &ligase_domain::RepoPath| inspector.probes().class_of(path).origin == Origin::Source;
    let manifests = manifests::read(tree, &entries, &|path| {
        source(path) || path.as_str().is_some_and(|p| !p.contains("vendor/") && !p.contains("node_modules/"))
    });
    let is_dna = |e: &&Entry| e.path.file_name() == b"dna.yaml" && source(&e.path);
    let folder_of = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let declared: BTreeSet<String> =
        entries.iter().filter(is_dna).filter_map(|e| e.path.as_str()).map(folder_of).collect();
    let folders = folders(&manifests, inspection, &declared);
    let all: BTreeSet<&str> = folders.iter().chain(&declared).map(String::as_str).collect();
    let services = folders
        .iter()
        .filter(|f| !declared.contains(*f))
        .map(|folder| {
            let own = inspection.observations.iter().filter(|o| {
                o.class.origin == Origin::Source
                    && o.place.path.as_str().is_some_and(|p| nearest(&all, p) == Some(folder))
            });
            let seen = Seen { folder, inspector, manifests: manifests.get(folder), own: own.collect() };
            seen.proposed(repository, owners)
        })
        .collect();
    Proposal { services, declared: declared.into_iter().collect() }
}

/// The innermost of these folders that a path is in.
fn nearest<'a>(folders: &BTreeSet<&'a str>, path: &str) -> Option<&'a str> {
    let holds = |f: &&&str| f.is_empty() || path.strip_prefix(**f).is_some_and(|rest| rest.starts_with('/'));
    folders.iter().filter(holds).max_by_key(|f| f.len()).copied()
}

/// Which folders are services: those with a manifest in which something was seen or that can be run, where there are several
/// beside one another; and the root for all that lies outside of them.
fn folders(manifests: &BTreeMap<String, Folder>, inspection: &Inspection, declared: &BTreeSet<String>) -> Vec<String> {
    let code = |o: &&Observation| {
        o.class.origin == Origin::Source && matches!(o.kind.as_str(), "endpoint" | "log-call" | "data-field")
    };
    let paths: Vec<&str> = inspection.observations.iter().filter(code).filter_map(|o| o.place.path.as_str()).collect();
    let inside = |folder: &str, path: &str| path.strip_prefix(folder).is_some_and(|r| r.starts_with('/'));
    let candidates: Vec<&String> = manifests
        .iter()
        .filter(|(folder, found)| {
            !folder.is_empty()
                && found.builds()
                && (found.runs() || paths.iter().any(|p| inside(folder, p)))
                && !declared.iter().any(|d| inside(d, folder))
        })
        .map(|(folder, _)| folder)
        .collect();
    // A package inside a service is a part of it.
    let outermost: Vec<String> =
        candidates.iter().filter(|f| !candidates.iter().any(|o| inside(o, f))).map(|f| (*f).clone()).collect();
    if outermost.len() + declared.len() < 2 {
        return vec![String::new()];
    }
    let known: BTreeSet<&str> = outermost.iter().chain(declared).map(String::as_str).collect();
    let rest = inspection.looked.iter().filter_map(|l| l.path.as_str()).any(|p| nearest(&known, p).is_none());
    let root = rest.then(String::new);
    root.into_iter().chain(outermost).collect()
}

impl Seen<'_> {
    fn of<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Observation> {
        self.own.iter().copied().filter(move |o| o.kind == kind)
    }

    fn proposed(&self, repository: &str, owners: &Owners) -> Proposed {
        let mut lines = Vec::new();
        let name = self.name(repository, &mut lines);
        self.owner(owners, &mut lines);
        let data = self.data(&mut lines);
        let residency = self.residency(&mut lines);
        let exposure = self.exposure(&mut lines);
        self.identity(&mut lines);
        self.frameworks(&data, &mut lines);
        self.constraints(&data, &residency, &mut lines);
        self.guards(&mut lines);
        self.verify(&mut lines);
        Proposed { folder: self.folder.to_owned(), name, data, exposure, residency, lines }
    }

    fn name(&self, repository: &str, lines: &mut Vec<Line>) -> String {
        let of_folder = self.folder.rsplit('/').next().filter(|f| !f.is_empty());
        let (name, reason) = match (self.manifests.and_then(Folder::name), of_folder) {
            (Some((name, file)), _) => (name, format!("{file} calls it so")),
            (None, Some(folder)) => (folder.to_owned(), "the folder's name".to_owned()),
            (None, None) => (repository.to_owned(), "the repository's name".to_owned()),
        };
        let reason = match self.manifests.map(Folder::names) {
            Some(names) => format!("{reason}; a service by {names}"),
            None => format!("{reason}; what lies in no other service"),
        };
        add(lines, "metadata.name", Some(quoted(&name)), reason);
        name
    }

    fn owner(&self, owners: &Owners, lines: &mut Vec<Line>) {
        let path = if self.folder.is_empty() { "dna.yaml".to_owned() } else { format!("{}/dna.yaml", self.folder) };
        match (owners.of(&path), owners.file) {
            (Some((owner, line)), Some(file)) => {
                add(lines, "metadata.owner", Some(quoted(owner)), format!("{file}:{line}"));
            }
            (None, Some(file)) => add(
                lines,
                "metadata.owner",
                None,
                format!("{file} names nobody for this folder; say who reviews its pull requests"),
            ),
            _ => add(
                lines,
                "metadata.owner",
                None,
                "there is no CODEOWNERS; say who reviews its pull requests".to_owned(),
            ),
        }
    }

    fn data(&self, lines: &mut Vec<Line>) -> Vec<String> {
        let mut sure: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut less: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let known = self.inspector.catalog().data_classes();
        for field in self.of("data-field") {
            let Some(class) = field.text("class").filter(|c| *c != "credential" && known.iter().any(|k| k == c)) else {
                continue;
            };
            let confidence = field.attributes.get("confidence").and_then(Value::as_int).unwrap_or_default();
            let list = if confidence >= SURE { &mut sure } else { &mut less };
            let owner = field.text("owner").map(|o| format!("{o}.")).unwrap_or_default();
            list.entry(class).or_default().push(format!(
                "{owner}{} ({})",
                field.text("name").unwrap_or("?"),
                place(field)
            ));
        }
        for (class, fields) in &sure {
            add(lines, "spec.data", Some(format!("class: {class}")), some(fields));
        }
        for (class, fields) in less.iter().filter(|(class, _)| !sure.contains_key(*class)) {
            add(lines, "spec.data", None, format!("perhaps {class}, recognised less surely: {}", some(fields)));
        }
        if sure.is_empty() && less.is_empty() {
            let reason = "no stored field of a known class was seen; that is not to say that there is none";
            add(lines, "spec.data", None, reason.to_owned());
        }
        sure.into_keys().map(str::to_owned).collect()
    }

    fn residency(&self, lines: &mut Vec<Line>) -> Vec<String> {
        let mut by: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for one in self.of("placement") {
            if let (Some(jurisdiction), Some(region)) =
                (one.text("jurisdiction").filter(|j| !j.is_empty()), one.text("region"))
            {
                by.entry(jurisdiction).or_default().push(format!(
                    "{region} of {} ({})",
                    one.text("address").unwrap_or("?"),
                    place(one)
                ));
            }
        }
        let most = by.values().map(Vec::len).max().unwrap_or_default();
        let first: Vec<&str> = by.iter().filter(|(_, seen)| seen.len() == most).map(|(j, _)| *j).collect();
        let most = match first.as_slice() {
            [] => {
                let reason = "no region of a resource was seen; say where its data may live";
                add(lines, "spec.residency", None, reason.to_owned());
                return Vec::new();
            }
            [one] => *one,
            // What lies in two places as often says nothing of where it ought to.
            _ => "",
        };
        if !most.is_empty() {
            add(lines, "spec.residency", Some(most.to_owned()), some(&by[most]));
        }
        for (jurisdiction, seen) in by.iter().filter(|(j, _)| **j != most) {
            let reason = format!(
                "{jurisdiction} was seen too, and is left out: {}; add it only if data may live there",
                some(seen)
            );
            add(lines, "spec.residency", None, reason);
        }
        if most.is_empty() {
            return Vec::new();
        }
        vec![most.to_owned()]
    }

    fn exposure(&self, lines: &mut Vec<Line>) -> Option<&'static str> {
        let listener = |state: &str| {
            let of = self.of("listener").filter(|o| o.text("public") == Some(state));
            of.map(|o| format!("{} ({})", o.text("address").unwrap_or("?"), place(o))).collect::<Vec<_>>()
        };
        let (public, private) = (listener("yes"), listener("no"));
        let endpoints = self.of("endpoint").count();
        let (value, reason) = if !public.is_empty() {
            ("internet", format!("public listeners: {}", some(&public)))
        } else if endpoints > 0 && private.is_empty() {
            (
                "internet",
                format!(
                    "{endpoints} endpoints, and nothing says who reaches them; the strictest is assumed, and a person knows better"
                ),
            )
        } else if !private.is_empty() {
            ("internal", format!("all listeners that were seen are private: {}", some(&private)))
        } else {
            let reason = "no listener and no endpoint was seen; without this line it is internet, which asks for most";
            add(lines, "spec.exposure", None, reason.to_owned());
            return None;
        };
        add(lines, "spec.exposure", Some(value.to_owned()), reason);
        Some(value)
    }

    fn identity(&self, lines: &mut Vec<Line>) {
        let asks =
            |o: &&Observation| matches!(o.text("role"), Some("login" | "token" | "password-reset" | "one-time-code"));
        let doors: Vec<String> = self
            .of("endpoint")
            .filter(asks)
            .map(|o| {
                format!("{} {} ({})", o.text("method").unwrap_or("?"), o.text("full_path").unwrap_or("?"), place(o))
            })
            .collect();
        if doors.is_empty() {
            let reason = "no log-in was seen; external, if somebody else checks passwords. Without this line it is own";
            add(lines, "spec.identity", None, reason.to_owned());
        } else {
            add(lines, "spec.identity", Some("own".to_owned()), some(&doors));
        }
    }

    fn frameworks(&self, data: &[String], lines: &mut Vec<Line>) {
        let known = self.inspector.catalog().frameworks();
        let hint = |(class, framework): &(&str, &str)| {
            let fits = data.iter().any(|d| d == class) && known.contains_key(*framework);
            fits.then(|| format!("{framework}, since there is {class}"))
        };
        let hints: Vec<String> = SUGGESTED.iter().filter_map(hint).collect();
        let hints = if hints.is_empty() { String::new() } else { format!("; perhaps {}", hints.join("; ")) };
        add(lines, "spec.frameworks", None, format!("no source says which frameworks apply; people do{hints}"));
    }

    /// Constraints of which something was seen. Those about data are asked for where there is data.
    fn constraints(&self, data: &[String], residency: &[String], lines: &mut Vec<Line>) {
        for (id, constraint) in self.inspector.catalog().constraints() {
            let kinds: BTreeSet<&str> = constraint
                .clauses
                .iter()
                .filter(|c| c.is_modelled())
                .filter_map(|c| c.spec.subjects.as_ref().map(|s| s.each.value.as_str()))
                .collect();
            let counts: Vec<String> = kinds
                .iter()
                .map(|kind| (kind, self.of(kind).count()))
                .filter(|(_, n)| *n > 0)
                .map(|(kind, n)| format!("{n} of {kind}"))
                .collect();
            let placed = !kinds.contains("placement") || !residency.is_empty();
            let held = !kinds.contains("data-field") || !data.is_empty();
            if !counts.is_empty() && placed && held {
                add(
                    lines,
                    "spec.constraints",
                    Some(format!("id: {id}")),
                    format!("what it judges was seen: {}", counts.join(", ")),
                );
            }
        }
    }

    /// Guards that nobody knows: they may authenticate, and only a person can say so.
    fn guards(&self, lines: &mut Vec<Line>) {
        let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
        for endpoint in self.of("endpoint") {
            let Some(Value::List(guards)) = endpoint.attributes.get("guards") else { continue };
            for guard in guards {
                let Value::Map(guard) = guard else { continue };
                let text = |name: &str| guard.get(name).and_then(Value::as_text);
                if let (Some("unknown"), Some(symbol)) = (text("kind"), text("symbol")) {
                    *unknown.entry(symbol.to_owned()).or_default() += 1;
                }
            }
        }
        let mut list: Vec<(String, usize)> = unknown.into_iter().collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (symbol, count) in list.iter().take(NAMED) {
            let reason = format!(
                "{symbol} stands before {count} endpoints and is not known; name it here if it turns strangers away"
            );
            add(lines, "spec.vocabulary.guards", None, reason);
        }
    }

    fn verify(&self, lines: &mut Vec<Line>) {
        match self.manifests.and_then(Folder::verify) {
            Some((command, why)) => {
                let words: Vec<String> = command.iter().map(|w| quoted(w)).collect();
                add(lines, "spec.verify.command", Some(format!("[{}]", words.join(", "))), why);
            }
            None => add(
                lines,
                "spec.verify.command",
                None,
                "no manifest says how its tests are run; until then patches are unverified".to_owned(),
            ),
        }
    }
}

fn add(lines: &mut Vec<Line>, key: &str, value: Option<String>, reason: String) {
    lines.push(Line { key: key.to_owned(), value, reason: escaped(&reason, REASON) });
}

/// A few of many, each once.
fn some(list: &[String]) -> String {
    let mut told = BTreeSet::new();
    let list: Vec<&str> = list.iter().map(String::as_str).filter(|one| told.insert(*one)).collect();
    let more = list.len().saturating_sub(NAMED);
    let named = list.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

fn place(o: &Observation) -> String {
    format!("{}:{}", o.place.path, o.place.span.line)
}

/// A text as a YAML scalar: JSON's form is YAML's too.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if letter && !word && text.chars().all(plain) { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

impl Proposed {
    /// The document. `identity` is (repository, folder) where it stands in the organisation's own repository.
    pub fn document(&self, identity: Option<(&str, &str)>) -> String {
        let mut out = String::from(
            "# Proposed by `ligase init` from what stands in the repository: what is, not what ought to be. Read each line,\n\
             # decide what is left open, and take the comments out.\napiVersion: ligase.dev/v1\nkind: Service\nmetadata:\n",
        );
        self.scalar(&mut out, "metadata.name", "  ");
        self.scalar(&mut out, "metadata.owner", "  ");
        if let Some((repository, folder)) = identity {
            let _ = writeln!(out, "  repository: {}", quoted(repository));
            if !folder.is_empty() {
                let _ = writeln!(out, "  folder: {}", quoted(folder));
            }
        }
        out.push_str("spec:\n");
        self.list(&mut out, "spec.data");
        self.list(&mut out, "spec.residency");
        for key in ["spec.exposure", "spec.identity"] {
            self.scalar(&mut out, key, "  ");
        }
        self.list(&mut out, "spec.frameworks");
        self.list(&mut out, "spec.constraints");
        for line in self.of("spec.vocabulary.guards") {
            let _ = writeln!(out, "  # vocabulary.guards: {}", line.reason);
        }
        for line in self.of("spec.verify.command") {
            match &line.value {
                Some(value) => {
                    let _ = write!(out, "  verify:\n    # {}\n    command: {value}\n", line.reason);
                }
                None => {
                    let _ = writeln!(out, "  # verify: {}", line.reason);
                }
            }
        }
        out
    }

    fn of<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'s Line> {
        self.lines.iter().filter(move |l| l.key == key)
    }

    fn scalar(&self, out: &mut String, key: &str, indent: &str) {
        let name = key.rsplit('.').next().unwrap_or(key);
        for line in self.of(key) {
            let _ = match &line.value {
                Some(value) => write!(out, "{indent}# {}\n{indent}{name}: {value}\n", line.reason),
                None => writeln!(out, "{indent}# {name}: {}", line.reason),
            };
        }
    }

    fn list(&self, out: &mut String, key: &str) {
        let name = key.rsplit('.').next().unwrap_or(key);
        let items: Vec<&Line> = self.of(key).filter(|l| l.value.is_some()).collect();
        if items.is_empty() {
            let _ = writeln!(out, "  {name}: []");
        } else {
            let _ = writeln!(out, "  {name}:");
        }
        for line in self.of(key) {
            let _ = match &line.value {
                Some(value) => write!(out, "    # {}\n    - {value}\n", line.reason),
                None => writeln!(out, "    # {}", line.reason),
            };
        }
    }
}
