//! Files that a `kustomization.yaml` lays over others: patches, and no workloads of their own. What they say fills what the
//! workload that they name leaves unset. Where that workload is a chart's and not seen here, only what a patch itself asks for
//! stays. Next: `link.rs`.

use super::link::{fill, is_unset, join};
use crate::yaml::{At, Tree};
use ligase_domain::{LookedFile, Observation, ProbeRef, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What sees which files are laid over others.
const PROBE: &str = "documents/overlays";
/// The kind of it; only linking reads it.
const OVERLAY: &str = "doc-overlay";
/// Files that one document lays over others.
const MAX_FILES: usize = 200;
/// What a container may leave to others.
pub(super) const LEFT: &[&str] =
    &["privileged", "run_as_user", "run_as_non_root", "escalation", "read_only_root", "seccomp"];

/// Whether a text may be a document that lays files over others.
pub(super) fn is_concerned(text: &str) -> bool {
    ["patches:", "patchesStrategicMerge:"].iter().any(|w| text.contains(w))
}

/// The files that a document lays over others.
pub(super) fn look(tree: &Tree<'_>, document: At, out: &mut Vec<Seen>) {
    let listed = |key: &str| tree.value(document, key).map(|at| tree.elements(at)).unwrap_or_default();
    let whole: BTreeSet<&str> = listed("resources").iter().filter_map(|e| tree.text(*e)).collect();
    let patches = listed("patches").iter().chain(listed("patchesStrategicMerge"));
    for entry in patches.take(MAX_FILES) {
        let path = tree.text(*entry).or_else(|| tree.text(tree.value(*entry, "path")?));
        // A patch may stand in the list itself, as text.
        let file =
            |p: &&str| (p.ends_with(".yaml") || p.ends_with(".yml")) && p.len() < 300 && !p.contains(['\n', ':']);
        let Some(path) = path.filter(file).filter(|p| !whole.contains(p)) else { continue };
        out.push(Seen {
            kind: OVERLAY.to_owned(),
            attributes: BTreeMap::from([("path".to_owned(), Value::from(path))]),
            span: Span { start: 0, end: 0, line: 1, end_line: 1 },
            anchors: BTreeMap::new(),
            snippet: String::new(),
            probe: ProbeRef { id: PROBE.to_owned(), version: super::ENGINE_VERSION },
        });
    }
}

/// All files that are laid over others.
fn files_laid_over(files: &[&LookedFile]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for file in files {
        let path = file.path.to_string();
        if !["kustomization.yaml", "kustomization.yml"].iter().any(|n| path.rsplit('/').next() == Some(*n)) {
            continue;
        }
        for seen in file.observations.seen.iter().filter(|s| s.probe.id == PROBE && s.kind == OVERLAY) {
            out.extend(seen.attributes.get("path").and_then(Value::as_text).map(|p| join(&path, p)));
        }
    }
    out
}

/// Takes the containers of such files out, and lays what they say over the containers that they name.
pub(super) fn lay(all: &mut Vec<Observation>, files: &[&LookedFile]) {
    let over = files_laid_over(files);
    if over.is_empty() {
        return;
    }
    let laid = |o: &Observation| {
        o.kind == "container"
            && o.text("stack") == Some("kubernetes")
            && o.text("file").is_some_and(|f| over.contains(f))
    };
    let (patches, rest): (Vec<Observation>, Vec<Observation>) = std::mem::take(all).into_iter().partition(laid);
    *all = rest;
    let name = |o: &Observation| ["workload", "name"].map(|n| o.text(n).unwrap_or_default().to_owned());
    let mut named: BTreeMap<[String; 2], Vec<usize>> = BTreeMap::new();
    for (at, observation) in all.iter().enumerate().filter(|(_, o)| o.kind == "container") {
        named.entry(name(observation)).or_default().push(at);
    }
    for mut patch in patches {
        match named.get(&name(&patch)) {
            Some(targets) => targets.iter().for_each(|at| fill(&mut all[*at], &patch.attributes, &patch.sources)),
            None if asks(&patch) => {
                for left in LEFT {
                    if is_unset(patch.attributes.get(*left)) {
                        patch.attributes.insert((*left).to_owned(), Value::from("unknown"));
                    }
                }
                all.push(patch);
            }
            None => {}
        }
    }
}

/// Whether a patch itself asks for rights.
fn asks(patch: &Observation) -> bool {
    let lists = |name: &str| patch.attributes.get(name).and_then(Value::as_list).is_some_and(|l| !l.is_empty());
    let says = |names: &[&str], word: &str| names.iter().any(|n| patch.text(n) == Some(word));
    says(&["privileged", "escalation", "host_network", "host_pid", "host_ipc"], "yes")
        || says(&["run_as_user"], "root")
        || says(&["run_as_non_root", "read_only_root"], "no")
        || says(&["seccomp"], "unconfined")
        || lists("adds")
        || lists("host_paths")
}
