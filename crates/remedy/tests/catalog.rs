//! The catalog's positive examples as a corpus for the remedies: whatever is proposed for one passes the gate, and what is not
//! proposed says why.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use ligase_domain::{FindingId, NoCache};
use ligase_inspect::{Expectation, Inspector};
use ligase_probe::NoProgress;
use ligase_remedy::{Answer, GateInput, GateOptions, RemedySet, gate, propose};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[test]
fn whatever_is_proposed_for_an_example_passes_the_gate() {
    let inspector = Inspector::shipped().unwrap_or_else(|e| panic!("{e:#?}"));
    let remedies = RemedySet::load(inspector.files()).unwrap_or_else(|e| panic!("{e:#?}"));
    let (mut patched, mut abstained) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    let (mut refused, mut used) = (Vec::new(), BTreeSet::new());
    let (examples, _) = inspector.examples(None);
    for example in examples.iter().filter(|e| e.expect == Expectation::NotSatisfied) {
        let (declared, tree) = (example.declared(&inspector).unwrap(), Arc::new(example.tree()));
        let inspection = inspector.inspect(tree.as_ref(), &declared, &NoCache, NOW, &NoProgress);
        let open: Vec<FindingId> =
            inspection.findings().filter(|f| f.clause == example.clause && f.is_open()).map(|f| f.id).collect();
        let service = inspection.services[0].assessment.service.clone();
        let base: Arc<dyn ligase_domain::SourceTree> = tree;
        let proposal = propose(&remedies, &inspector, &base, &inspection, &service, &example.clause, &open);
        for answer in proposal.answers.values() {
            if let Answer::Abstained { reason, detail } = answer {
                assert!(!reason.is_empty() && !detail.contains("{it."), "{}: {reason}: {detail}", example.name);
                *abstained.entry(format!("{} {reason}", example.clause)).or_default() += 1;
            }
        }
        let Some(patch) = &proposal.patch else { continue };
        patched.insert(example.clause.to_string());
        used.extend(patch.remedies.iter().filter_map(|key| key.rsplit_once('@')).map(|(id, _)| id.to_owned()));
        println!("{}", patch.diff);
        let input = GateInput {
            inspector: &inspector,
            remedies: &remedies,
            base,
            declared: &declared,
            known: &inspection,
            patch,
            findings: &proposal.patched(),
            cache: &NoCache,
            now: NOW,
        };
        let report = gate(&input, &GateOptions::default());
        if !report.accepted() {
            refused.push(format!("{}: {:?}\n{}", example.name, report.refusal(), patch.diff));
        }
    }
    println!("{abstained:#?}");
    assert!(refused.is_empty(), "{} refused\n{}", refused.len(), refused.join("\n"));
    let unused: Vec<&str> =
        remedies.iter().filter(|r| r.edits() && !used.contains(&r.id)).map(|r| r.id.as_str()).collect();
    assert!(unused.is_empty(), "no example is patched by {unused:?}; abstained: {abstained:#?}");
    // Every clause of which some remedy edits has an example that it does edit.
    let edits: BTreeSet<String> = remedies.iter().filter(|r| r.edits()).map(|r| r.clause.to_string()).collect();
    assert_eq!(patched, edits, "abstained: {abstained:#?}");
}
