//! The catalog's examples: small trees that each say what a clause must make of one subject, run through the same inspector
//! as everything else, and the matrix of cells (clause × stack) that they make real.
//!
//! A cell is real with five positive and five negative examples, one of each across files, and one indeterminate. What is
//! empty is said to be empty. Next: `lint.rs`.

use crate::assume::assume;
use crate::declared::{Declared, Identities};
use crate::inspector::Inspector;
use ligase_document::{API_VERSION, DocumentError, Placed, read_one};
use ligase_domain::{ClauseId, Finding, MapTree, NoCache, Timestamp};
use ligase_probe::NoProgress;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ExamplesDocument {
    #[allow(dead_code)]
    api_version: String,
    #[allow(dead_code)]
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    constraint: Placed<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    examples: Vec<ExampleSpec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ExampleSpec {
    name: Placed<String>,
    clause: Placed<String>,
    stack: String,
    expect: Expectation,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    dna: Option<Placed<String>>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    cross_file: bool,
    files: BTreeMap<String, String>,
}

/// What an example expects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// The subject has the property.
    Satisfied,
    /// It does not have it.
    NotSatisfied,
    /// There is nothing to judge.
    NotApplicable,
    /// It cannot be said.
    Indeterminate,
}

impl Expectation {
    /// The outcome's stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::NotSatisfied => "not-satisfied",
            Self::NotApplicable => "not-applicable",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// One example: a small tree, and what a clause must make of one subject in it.
#[derive(Clone, Debug)]
pub struct Example {
    /// The clause.
    pub clause: ClauseId,
    /// The stack.
    pub stack: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub file: String,
    /// The line of its name.
    pub line: u32,
    /// What it expects.
    pub expect: Expectation,
    /// The reason that it expects, if it says one.
    pub reason: Option<String>,
    /// A short identity; everything is asked for without one.
    pub dna: Option<String>,
    /// The subject's symbol; the only subject without one.
    pub subject: Option<String>,
    /// Whether what decides stands in another file than the subject.
    pub cross_file: bool,
    /// Text by path.
    pub files: BTreeMap<String, String>,
}

impl Example {
    /// The tree.
    pub fn tree(&self) -> MapTree {
        MapTree::new(self.files.iter().map(|(p, t)| (p.as_str(), t.as_str())))
    }

    /// What governs it.
    pub fn declared(&self, inspector: &Inspector) -> Result<Declared, Vec<DocumentError>> {
        let identities = match &self.dna {
            None => Identities::Everything,
            Some(text) => Identities::Assumed(Box::new(assume(text, inspector.catalog())?)),
        };
        Ok(Declared::working_tree("example").with(identities))
    }
}

/// An example with what came of it.
#[derive(Clone, Debug)]
pub struct ExampleResult {
    /// The example.
    pub example: Example,
    /// What was seen instead; none when it holds.
    pub failure: Option<String>,
}

/// How far a cell is filled with examples that hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cell {
    /// Not satisfied and found so.
    pub positive: u32,
    /// Satisfied and found so.
    pub negative: u32,
    /// Not decided, and said so.
    pub indeterminate: u32,
    /// Not applicable, and said so.
    pub not_applicable: u32,
    /// Positive ones across files.
    pub positive_across_files: u32,
    /// Negative ones across files.
    pub negative_across_files: u32,
    /// Examples that do not hold.
    pub failed: u32,
}

impl Cell {
    /// Whether enough examples hold, and none fails.
    pub const fn is_real(&self) -> bool {
        self.positive >= 5
            && self.negative >= 5
            && self.positive_across_files >= 1
            && self.negative_across_files >= 1
            && self.indeterminate >= 1
            && self.failed == 0
    }
}

/// All examples of a catalog with what came of them.
#[derive(Clone, Debug, Default)]
pub struct ExampleReport {
    /// In the order of the files.
    pub results: Vec<ExampleResult>,
    /// What is wrong with the files themselves.
    pub problems: Vec<DocumentError>,
}

impl ExampleReport {
    /// By clause and stack, for every modelled clause that has any.
    pub fn cells(&self) -> BTreeMap<(ClauseId, String), Cell> {
        let mut cells: BTreeMap<(ClauseId, String), Cell> = BTreeMap::new();
        for result in &self.results {
            let cell = cells.entry((result.example.clause.clone(), result.example.stack.clone())).or_default();
            let across = u32::from(result.example.cross_file);
            match (&result.failure, result.example.expect) {
                (Some(_), _) => cell.failed += 1,
                (None, Expectation::NotSatisfied) => {
                    cell.positive += 1;
                    cell.positive_across_files += across;
                }
                (None, Expectation::Satisfied) => {
                    cell.negative += 1;
                    cell.negative_across_files += across;
                }
                (None, Expectation::Indeterminate) => cell.indeterminate += 1,
                (None, Expectation::NotApplicable) => cell.not_applicable += 1,
            }
        }
        cells
    }

    /// Those that do not hold.
    pub fn failures(&self) -> impl Iterator<Item = &ExampleResult> {
        self.results.iter().filter(|r| r.failure.is_some())
    }
}

/// The time at which examples are judged; waivers in them would be read against it.
const NOW: Timestamp = Timestamp(1_767_225_600_000);

impl Inspector {
    /// Every example of the catalog, or those of one constraint, with what is wrong with the files themselves.
    pub fn examples(&self, constraint: Option<&str>) -> (Vec<Example>, Vec<DocumentError>) {
        let (mut examples, mut problems) = (Vec::new(), Vec::new());
        let files = self.files().filter(|(p, _)| p.starts_with("constraints/") && p.ends_with(".examples.yaml"));
        for (path, bytes) in files {
            match read_one::<ExamplesDocument>(path, bytes, API_VERSION, "Examples") {
                Ok(document) if constraint.is_none_or(|c| document.metadata.constraint.value == c) => {
                    for spec in document.spec.examples {
                        match self.example(path, &document.metadata.constraint, spec) {
                            Ok(example) => examples.push(example),
                            Err(problem) => problems.push(problem),
                        }
                    }
                }
                Ok(_) => {}
                Err(problem) => problems.push(problem),
            }
        }
        (examples, problems)
    }

    fn example(&self, path: &str, constraint: &str, spec: ExampleSpec) -> Result<Example, DocumentError> {
        let clause = ClauseId { constraint: constraint.to_owned(), clause: spec.clause.value };
        if self.catalog().clause(&clause).is_none() {
            let problem = format!("the catalog has no clause {clause}");
            return Err(DocumentError::at("E-EXAMPLE-CLAUSE", path, spec.clause.place, problem));
        }
        Ok(Example {
            clause,
            stack: spec.stack,
            name: spec.name.value,
            file: path.to_owned(),
            line: spec.name.place.line,
            expect: spec.expect,
            reason: spec.reason,
            dna: spec.dna.map(|d| d.value),
            subject: spec.subject,
            cross_file: spec.cross_file,
            files: spec.files,
        })
    }

    /// Runs every example of the catalog, or those of one constraint.
    pub fn run_examples(&self, constraint: Option<&str>) -> ExampleReport {
        let (examples, problems) = self.examples(constraint);
        let run = |example: Example| ExampleResult { failure: self.run_example(&example).err(), example };
        ExampleReport { results: examples.into_iter().map(run).collect(), problems }
    }

    fn run_example(&self, example: &Example) -> Result<(), String> {
        let said = |errors: Vec<DocumentError>| errors.iter().map(ToString::to_string).collect::<String>();
        let declared = example.declared(self).map_err(said)?;
        let inspection = self.inspect(&example.tree(), &declared, &NoCache, NOW, &NoProgress);
        let of_clause: Vec<&Finding> = inspection.findings().filter(|f| f.clause == example.clause).collect();
        let said = || {
            let each = of_clause.iter().map(|f| format!("{} {}", f.subject.symbol, outcome(f)));
            let list = each.collect::<Vec<_>>().join("; ");
            if list.is_empty() { "no finding of the clause".to_owned() } else { list }
        };
        let subject: Vec<&&Finding> = match &example.subject {
            None => of_clause.iter().collect(),
            Some(symbol) => of_clause.iter().filter(|f| f.subject.symbol == *symbol).collect(),
        };
        let [finding] = subject.as_slice() else {
            return Err(format!("{} findings of the subject; seen: {}", subject.len(), said()));
        };
        let reason = example.reason.as_deref().is_none_or(|r| finding.outcome.reason() == Some(r));
        if finding.outcome.name() == example.expect.name() && reason {
            Ok(())
        } else {
            Err(format!("seen: {}", said()))
        }
    }
}

fn outcome(finding: &Finding) -> String {
    let name = finding.outcome.name();
    finding.outcome.reason().map_or_else(|| name.to_owned(), |reason| format!("{name}({reason})"))
}
