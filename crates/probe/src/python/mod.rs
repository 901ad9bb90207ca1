//! Python. A file is parsed once and walked once (`index.rs`); then each reader says what it sees: imports, classes and
//! fields, functions, routes, log calls, patterns that are data. Nothing here knows where the file lies: that is linked.
//! Next: `index.rs`, `routes.rs`, `functions.rs`, `logs.rs`, then `link/mod.rs`.

mod asks;
mod columns;
mod django;
pub(crate) mod emit;
mod expressions;
mod fields;
mod flask;
mod flow;
mod flow_calls;
mod functions;
pub(crate) mod index;
mod link;
mod logs;
mod routes;
pub(crate) mod syntax;

use crate::budget::MAX_FILE_OBSERVATIONS;
use crate::pack::Pack;
use crate::parse::{Grammar, parse_unshaped};
use crate::pattern::{self, PatternProbe};
use crate::vocabulary::Vocabulary;
use aho_corasick::AhoCorasick;
use emit::{Attributes, Emit};
use index::Index;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, PathClass, Seen};
use std::sync::Arc;

/// Without one of these a Python file says nothing that is kept: no import, no definition, no binding, no call.
const NATIVE: &[&str] = &["import", "def", "class", "=", "("];

/// What shapes how Python files are seen.
pub(crate) struct PythonPack {
    pub(crate) vocabulary: Arc<Vocabulary>,
    probes: Vec<PatternProbe>,
    literals: AhoCorasick,
    /// For each literal: the probe that it concerns.
    literal_of: Vec<usize>,
}

/// Which probes a file concerns.
pub(crate) struct Plan {
    native: bool,
    probes: Vec<usize>,
}

impl PythonPack {
    /// Reads the probes.
    pub(crate) fn load(files: &[CatalogFile], vocabulary: Arc<Vocabulary>) -> Result<Self, Vec<DocumentError>> {
        let probes = pattern::load(files, &vocabulary.kinds)?;
        let (mut literals, mut literal_of): (Vec<&str>, Vec<usize>) = Default::default();
        for (at, probe) in probes.iter().enumerate() {
            for literal in &probe.prefilter {
                literals.push(literal);
                literal_of.push(at);
            }
        }
        let literals = AhoCorasick::new(&literals)
            .map_err(|e| vec![DocumentError::whole("E-PROBE-PREFILTER", "probes/python", e.to_string())])?;
        Ok(Self { vocabulary, probes, literals, literal_of })
    }

    /// Which probes a file concerns by its literals; `None` when it need not be parsed.
    pub(crate) fn prefilter(&self, text: &str) -> Option<Plan> {
        let mut hit = vec![false; self.probes.len()];
        let native = NATIVE.iter().any(|n| text.contains(n));
        for found in self.literals.find_overlapping_iter(text) {
            hit[self.literal_of[found.pattern().as_usize()]] = true;
        }
        let concerned = |(at, probe): (usize, &PatternProbe)| (hit[at] || probe.prefilter.is_empty()).then_some(at);
        let probes: Vec<usize> = self.probes.iter().enumerate().filter_map(concerned).collect();
        (native || !probes.is_empty()).then_some(Plan { native, probes })
    }

    fn look_tree(
        &self,
        class: &PathClass,
        text: &str,
        tree: &tree_sitter::Tree,
        plan: Plan,
    ) -> Result<Vec<Seen>, &'static str> {
        let index = Index::new(text, tree)?;
        let mut out = Emit { text, out: Vec::new() };
        if plan.native {
            fields::emit(&index, &self.vocabulary, &mut out);
            functions::emit(&index, &self.vocabulary, &mut out);
            routes::emit(&index, &mut out);
            django::emit(&index, &mut out);
            unreadable(&index, &mut out);
            if out.out.len() <= MAX_FILE_OBSERVATIONS {
                logs::emit(&index, &self.vocabulary, class.origin, &mut out);
            }
        }
        let concerned: Vec<&PatternProbe> = plan.probes.iter().map(|at| &self.probes[*at]).collect();
        pattern::run(&concerned, &index, text, tree, &mut out.out);
        Ok(out.out)
    }
}

impl Pack for PythonPack {
    fn dialects(&self) -> &'static [&'static str] {
        &["python"]
    }

    fn look(&self, class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str> {
        let Some(plan) = self.prefilter(text) else { return Ok(Vec::new()) };
        let tree = parse_unshaped(Grammar::Python, text)?;
        self.look_tree(class, text, &tree, plan)
    }

    fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        link::link(&self.vocabulary, files)
    }
}

/// Text that the grammar could not read may hide a route or a log call; it is counted where it looks like one.
fn unreadable(index: &Index<'_>, out: &mut Emit<'_>) {
    const LOOKS: &[(&str, &[&str])] = &[
        ("endpoint", &[".get(", ".post(", ".put(", ".patch(", ".delete(", "route(", "include_router", "add_api_route"]),
        ("log-call", &["logger.", "logging.", "log.", "print("]),
    ];
    for node in &index.errors {
        let text: String = index.source.of(*node).chars().take(4_096).collect();
        for (of, marks) in LOOKS {
            if marks.iter().any(|m| text.contains(m)) {
                let attributes = Attributes::default()
                    .with("of", *of)
                    .with("looks_like", "code that does not parse")
                    .with("where", format!("line {}", node.start_position().row + 1))
                    .with("language", "python")
                    .with("stack", "");
                out.seen("unmodelled", "python/module", *node, attributes, &[]);
            }
        }
    }
}
