//! What of remedies can be wrong only beside the rest of the catalog: clauses, kinds, anchors and lists that do not exist.

use crate::format::{NeedSource, Remedy, RemedySet, Verb, Witness};
use ligase_document::DocumentError;
use ligase_policy::Catalog;
use std::collections::BTreeSet;

impl RemedySet {
    /// Everything in the remedies that names what the catalog does not have.
    pub fn lint(&self, catalog: &Catalog) -> Vec<DocumentError> {
        self.iter().flat_map(|remedy| lint_one(remedy, catalog)).collect()
    }
}

fn lint_one(remedy: &Remedy, catalog: &Catalog) -> Vec<DocumentError> {
    let file = format!(
        "remedies/{}.yaml",
        remedy.id.rsplit_once('/').map_or_else(|| remedy.id.clone(), |(c, s)| format!("{c}.{s}"))
    );
    let problem = |code: &str, text: String| DocumentError::whole(code, file.as_str(), text);
    let Some(clause) = catalog.clause(&remedy.clause) else {
        let known = catalog.constraints().values().flat_map(|c| c.clauses.iter().map(|c| c.id.to_string()));
        let known: Vec<String> = known.collect();
        let wanted = remedy.clause.to_string();
        let text = format!("the catalog has no clause {wanted}");
        return vec![problem("E-REMEDY-CLAUSE", text).among(&wanted, known.iter().map(String::as_str))];
    };
    let Some(kind) = clause.clause.spec.subjects.as_ref().and_then(|s| catalog.kind(&s.each)) else {
        return vec![problem("E-REMEDY-CLAUSE", format!("{} is not modelled", remedy.clause))];
    };
    let mut problems = Vec::new();
    let known: BTreeSet<&str> =
        kind.spec.anchors.iter().map(|a| a.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
    for edit in &remedy.edits {
        for anchor in anchors(&edit.verb) {
            let name = anchor.strip_prefix("it.nodes.").unwrap_or(anchor);
            if !known.contains(name) {
                let text = format!("{} has no anchor {name}", kind.id);
                problems.push(problem("E-REMEDY-ANCHOR", text).among(name, known.iter().copied()));
            }
        }
        if let Some(list) = &edit.each
            && !kind.spec.attributes.contains_key(list)
        {
            problems.push(problem("E-REMEDY-LIST", format!("{} has no attribute {list}", kind.id)));
        }
    }
    for (name, need) in &remedy.needs {
        let (sought, witness) = match &need.source {
            NeedSource::Kind { kind, used_by } => (Some(kind), used_by.as_ref()),
            NeedSource::Symbols(witness) | NeedSource::Beside(witness, _) => (None, Some(witness)),
        };
        if let Some(kind) = sought.filter(|k| catalog.kind(k).is_none()) {
            problems.push(problem("E-REMEDY-NEED", format!("need {name}: there is no kind {kind}")));
        }
        if let Some(witness) = witness.filter(|w| !has_witness(w, catalog)) {
            let text = format!("need {name}: {} has no {}.{}", witness.kind, witness.list, witness.symbol);
            problems.push(problem("E-REMEDY-NEED", text));
        }
    }
    problems
}

fn has_witness(witness: &Witness, catalog: &Catalog) -> bool {
    let list = catalog.kind(&witness.kind).and_then(|k| k.spec.attributes.get(&witness.list));
    list.and_then(|l| l.of.as_ref()).is_some_and(|of| of.contains_key(&witness.symbol))
}

fn anchors(verb: &Verb) -> Vec<&str> {
    match verb {
        Verb::Replace(v) => vec![&v.of],
        Verb::InsertLine(v) => v.after.iter().chain(&v.before).map(String::as_str).collect(),
        Verb::Remove(v) => v.out_of.iter().map(String::as_str).chain([v.of.as_str()]).collect(),
        Verb::SetKey(v) => v.present.iter().map(String::as_str).chain([v.block.as_str()]).collect(),
        Verb::EnsureImport(_) => vec![],
        Verb::EnsureParameter(v) => vec![&v.of],
        Verb::EnsureArgument(v) => vec![&v.of],
        Verb::BeforeHandler(v) => vec![&v.of],
        Verb::ChainCall(v) => vec![&v.of],
        Verb::Wrap(v) => vec![&v.of],
    }
}
