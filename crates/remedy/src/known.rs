//! What a remedy may ask about the tree that it changes: a finding's subject, a file as text, the service's observations,
//! where a symbol comes from, and whether an import would make a circle. It reads, bounded, and writes nothing.

use crate::needs::Candidate;
use crate::propose::dna_names;
use crate::python::{Import, Imports, resolve_relative};
use crate::source::{FILE_BYTES, Refusal, SourceText};
use ligase_domain::{
    ClauseId, Entry, EntryKind, Finding, FindingId, Observation, Origin, RepoPath, ServiceId, SourceTree, Value,
};
use ligase_inspect::{Inspection, Inspector};
use ligase_policy::catalog::ParameterValue;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// How many files are read to find a circle of imports; beyond it the import is not made.
const MAX_IMPORTERS: usize = 400;

/// A tree with what was seen in it.
pub(crate) struct Known<'a> {
    tree: &'a dyn SourceTree,
    inspector: &'a Inspector,
    inspection: &'a Inspection,
    service: &'a ServiceId,
    observations: Vec<&'a Observation>,
    dna: BTreeMap<String, Value>,
    entries: Vec<Entry>,
    /// Python files by the last part of their module's name.
    modules: OnceCell<HashMap<String, Vec<usize>>>,
}

impl<'a> Known<'a> {
    pub fn new(
        tree: &'a dyn SourceTree,
        inspector: &'a Inspector,
        inspection: &'a Inspection,
        service: &'a ServiceId,
    ) -> Self {
        let scope = inspection.scope_of(service);
        let dna = inspection.service(service).and_then(|s| s.desired.dna.as_ref());
        Self {
            tree,
            inspector,
            inspection,
            service,
            observations: inspection.observations.iter().filter(|o| scope.holds(&o.place.path)).collect(),
            dna: dna_names(dna),
            entries: tree.entries().unwrap_or_default(),
            modules: OnceCell::new(),
        }
    }

    pub fn service(&self) -> &ServiceId {
        self.service
    }

    pub fn dna(&self) -> &BTreeMap<String, Value> {
        &self.dna
    }

    /// The parameters by which a clause is judged here, as templates and expressions read them.
    pub fn params(&self, clause: &ClauseId) -> BTreeMap<String, Value> {
        let desired = self.inspection.service(self.service).map(|s| &s.desired);
        let requirement = desired.and_then(|d| d.requirements.iter().find(|r| r.clause == *clause));
        let value = |v: &ParameterValue| match v {
            ParameterValue::Int(n) => Value::Int(*n),
            ParameterValue::Texts(texts) => Value::List(texts.iter().map(|t| Value::from(t.as_str())).collect()),
        };
        requirement.into_iter().flat_map(|r| &r.parameters).map(|(n, v)| (n.clone(), value(v))).collect()
    }

    pub fn observations(&self) -> &[&'a Observation] {
        &self.observations
    }

    /// A finding of the service and clause.
    pub fn finding(&self, id: FindingId, clause: &ClauseId) -> Result<&'a Finding, Refusal> {
        let findings = self.inspection.service(self.service).map(|s| &s.assessment.findings);
        let found = findings.into_iter().flatten().find(|f| f.id == id && f.clause == *clause);
        found.ok_or_else(|| Refusal::new("finding-not-there", format!("{clause} of {}", self.service)))
    }

    /// The observation that a finding judged.
    pub fn subject(&self, finding: &Finding) -> Result<&'a Observation, Refusal> {
        let place = finding
            .place
            .as_ref()
            .ok_or_else(|| Refusal::new("subject-has-no-place", finding.subject.symbol.clone()))?;
        let same = |o: &&&Observation| {
            let named = |(name, value): &(String, String)| o.attributes.get(name).is_none_or(|v| text_of(v) == *value);
            o.kind == finding.subject.kind && o.place == *place && finding.subject.identity.iter().all(named)
        };
        let found = self.observations.iter().find(same).copied();
        found.ok_or_else(|| Refusal::new("subject-not-seen", finding.subject.symbol.clone()))
    }

    fn entry(&self, path: &RepoPath) -> Option<&Entry> {
        self.entries.binary_search_by(|e| e.path.cmp(path)).ok().map(|at| &self.entries[at])
    }

    /// A regular source file as text that may be edited.
    pub fn source(&self, path: &RepoPath) -> Result<(Entry, SourceText), Refusal> {
        let entry = self.entry(path).ok_or_else(|| Refusal::new("file-not-there", path.to_string()))?;
        if !matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
            return Err(Refusal::new("not-a-regular-file", path.to_string()));
        }
        let bytes = self.tree.read(entry, FILE_BYTES).map_err(|e| Refusal::new("file-not-read", e.to_string()))?;
        let class = self.inspector.probes().class_of(path);
        Ok((entry.clone(), SourceText::read(path, &class, bytes)?))
    }

    /// Refuses an import whose module, directly or through others, imports the file that is to import it: at run time the
    /// second of the two would find the first half made.
    pub fn refuse_cycle(&self, import: &Import, source: &SourceText, into: &RepoPath) -> Result<(), Refusal> {
        let Some(file) = import.file.as_ref() else { return Ok(()) };
        let present = Imports::read(source, into)?.imports_from(import);
        if present {
            return Ok(());
        }
        let (mut open, mut seen) = (VecDeque::from([file.clone()]), BTreeSet::from([file.clone()]));
        while let Some(path) = open.pop_front() {
            if path == *into {
                return Err(Refusal::new("import-would-be-circular", format!("{} imports {into}", import.module)));
            }
            if seen.len() > MAX_IMPORTERS {
                return Err(Refusal::new("imports-not-followed", format!("{} imports too much", import.module)));
            }
            let Ok((_, text)) = self.source(&path) else { continue };
            let Ok(imports) = Imports::read(&text, &path) else { continue };
            for (module, names) in imports.modules() {
                for next in self.files_of(&path, &module, &names) {
                    if seen.insert(next.clone()) {
                        open.push_back(next);
                    }
                }
            }
        }
        Ok(())
    }

    /// The files of this tree that a module, or a name in it that is a module itself, can mean.
    fn files_of(&self, from: &RepoPath, module: &str, names: &[String]) -> Vec<RepoPath> {
        let relative = module.starts_with('.');
        let stem = if relative {
            match from.as_str().and_then(|p| resolve_relative(p, module)) {
                Some(stem) => stem,
                None => return vec![],
            }
        } else {
            module.replace('.', "/")
        };
        let stems: Vec<String> =
            std::iter::once(stem.clone()).chain(names.iter().map(|n| format!("{stem}/{n}"))).collect();
        let last = |stem: &str| stem.rsplit('/').next().unwrap_or_default().to_owned();
        let index = self.modules.get_or_init(|| {
            let mut index: HashMap<String, Vec<usize>> = HashMap::new();
            for (at, entry) in self.entries.iter().enumerate() {
                if let Some(stem) = entry.path.as_str().and_then(stem_of) {
                    index.entry(last(stem)).or_default().push(at);
                }
            }
            index
        });
        let mut found = BTreeSet::new();
        for stem in &stems {
            for at in index.get(&last(stem)).into_iter().flatten() {
                let path = &self.entries[*at].path;
                let is = path.as_str().and_then(stem_of).is_some_and(|own| {
                    own == stem || !relative && own.strip_suffix(stem.as_str()).is_some_and(|rest| rest.ends_with('/'))
                });
                if is {
                    found.insert(path.clone());
                }
            }
        }
        found.into_iter().collect()
    }

    /// Whether the tree has such a file.
    pub fn has_file(&self, path: &RepoPath) -> bool {
        self.entry(path).is_some_and(|e| matches!(e.kind, EntryKind::File | EntryKind::Executable))
    }

    /// The files of the same folder that end as this one does.
    pub fn paths_beside(&self, path: &RepoPath) -> Vec<RepoPath> {
        let split = |p: &RepoPath| {
            let (bytes, name) = (p.as_bytes(), p.file_name());
            let end = name.iter().rposition(|b| *b == b'.').map_or(&b""[..], |at| &name[at..]).to_vec();
            (bytes[..bytes.len() - name.len()].to_vec(), end)
        };
        let own = split(path);
        self.entries.iter().map(|e| &e.path).filter(|p| split(p) == own).take(200).cloned().collect()
    }

    pub fn is_source(&self, path: &RepoPath) -> bool {
        self.inspector.probes().class_of(path).origin == Origin::Source
    }
}

/// The path of a Python module without what makes it a file.
fn stem_of(path: &str) -> Option<&str> {
    path.strip_suffix("/__init__.py").or_else(|| path.strip_suffix(".py"))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Text(t) => t.clone(),
        Value::Int(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::List(_) | Value::Map(_) => String::new(),
    }
}

/// Where a candidate that is known by its uses alone comes from: the import of the file that uses it. A definition in
/// another file, or a method, is nothing that could be named here for certain.
pub(crate) fn resolve_candidate(
    known: &Known<'_>,
    candidate: Candidate,
    into: &RepoPath,
) -> Result<Candidate, Refusal> {
    if candidate.file.is_some() {
        return Ok(candidate);
    }
    if known.source(into)?.1.dialect() != "python" {
        return crate::reuse::resolve(known, candidate, into);
    }
    let not_found = || Refusal::new("not-found", candidate.symbol.clone());
    let used_in = candidate.used_in.clone().filter(|p| known.is_source(p)).ok_or_else(not_found)?;
    let (_, source) = known.source(&used_in)?;
    let imports = Imports::read(&source, &used_in)?;
    if let Some((module, name)) = imports.origin_of(&candidate.symbol) {
        let files = known.files_of(&used_in, &module, &[]);
        let file = if files.len() == 1 { files.into_iter().next() } else { None };
        if module.starts_with('.') && file.is_none() {
            return Err(not_found());
        }
        return Ok(Candidate { name, module, file, ..candidate });
    }
    let defined = imports.defines(&candidate.symbol);
    match defined {
        Some(at) if used_in == *into => {
            Ok(Candidate { module: String::new(), file: Some(used_in), defined_at: Some(at), ..candidate })
        }
        _ => Err(not_found()),
    }
}
