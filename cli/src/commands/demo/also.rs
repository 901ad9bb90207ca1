//! `--also`: a person's own folder or repository, judged by what the example organisation has adopted. It is read and
//! forgotten again: nothing is written below it, nothing is kept of it, nothing is opened.

use crate::failure::Failure;
use crate::local::{self, Bar};
use crate::output::{self, style, styled, table};
use crate::report::{Report, json, sentence};
use anstream::println;
use ligase_domain::{Finding, Outcome, Timestamp};
use ligase_inspect::{Identities, Inspection, assume};
use ligase_policy::Organisation;
use ligase_remedy::RemedySet;
use ligase_runtime::SystemClock;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Findings that are printed; all of them are counted.
const SHOWN: usize = 20;
/// What a tree without a declaration is taken for.
const UNDECLARED: &str = "data=phi,pii;exposure=internet";

/// What was seen there.
pub struct Also {
    path: PathBuf,
    /// The identity that stood in for a declaration, where the tree has none.
    assumed: Option<String>,
    inspection: Inspection,
    remedies: RemedySet,
}

/// Looks and judges. `built` is where the demo builds: it must not lie below what is only to be read.
pub fn look(path: &Path, built: &Path, policy: &str, quiet: bool) -> Result<Also, Failure> {
    if full(built).starts_with(full(path)) {
        let what = format!("{} lies below {}, which is only read", built.display(), path.display());
        return Err(Failure::input("E-DEMO-ALSO", what, "build the organisation elsewhere, with --dir"));
    }
    let inspector = local::inspector(None)?;
    let catalog = inspector.catalog();
    let organisation = Organisation::read("organisation.yaml", policy.as_bytes(), &[], catalog);
    let organisation = organisation.map_err(Failure::documents)?;
    let adopted: Vec<String> = organisation.cascades.iter().flat_map(|c| c.frameworks.keys().cloned()).collect();
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let opened = local::open_uncached(path)?;
    let mut declared = opened.declared;
    declared.organisation = Some(organisation);
    let now = Timestamp(SystemClock.now_ms());
    let bar = Bar::new(quiet);
    let seen = ligase_inspect::MemoryCache::over(&ligase_domain::NoCache);
    let mut inspection = inspector.inspect(opened.tree.as_ref(), &declared, &seen, now, &bar);
    let mut assumed = None;
    if !inspection.services.iter().any(|s| s.assessment.declared) && inspection.problems.is_empty() {
        let text = format!("{UNDECLARED};frameworks={}", adopted.join(","));
        let dna = assume(&text, catalog).map_err(Failure::documents)?;
        let declared = declared.with(Identities::Assumed(Box::new(dna)));
        inspection = inspector.inspect(opened.tree.as_ref(), &declared, &seen, now, &bar);
        assumed = Some(text);
    }
    bar.done();
    Ok(Also { path: path.to_path_buf(), assumed, inspection, remedies })
}

/// The path without links, also where its last parts do not exist yet.
fn full(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let Some((above, real)) = there else { return path };
    path.strip_prefix(above).map_or_else(|_| real.clone(), |rest| real.join(rest))
}

impl Also {
    fn open(&self) -> Vec<&Finding> {
        self.inspection.findings().filter(|f| f.is_open()).collect()
    }

    fn undecided(&self) -> usize {
        self.inspection.findings().filter(|f| matches!(f.outcome, Outcome::Indeterminate(_))).count()
    }

    /// For a script.
    pub fn json(&self) -> Value {
        let report = Report {
            inspection: &self.inspection,
            difference: None,
            weakened: &[],
            remedies: &self.remedies,
            full: false,
        };
        json!({
            "path": self.path.display().to_string(),
            "assumed": self.assumed,
            "files_total": self.inspection.population.files_total,
            "not_satisfied": self.open().len(),
            "indeterminate": self.undecided(),
            "report": json::document(&report),
        })
    }

    /// For a person.
    pub fn print(&self) {
        match &self.assumed {
            None => println!("  judged by its own dna.yaml and by what Meridian Health adopted"),
            Some(text) => println!("  it declares nothing, so it was judged as {text:?}"),
        }
        let open = self.open();
        let row = |f: &&Finding| {
            let place = f.place.as_ref().map(|p| format!("{}:{}", p.path, p.span.line)).unwrap_or_default();
            vec![output::outcome(f.outcome.name()), f.clause.to_string(), place, sentence(f)]
        };
        table(&["", "", "", ""], open.iter().take(SHOWN).map(row).collect());
        println!(
            "  {} of {} files read, {} not satisfied, {} indeterminate; nothing below it was changed",
            self.inspection.looked.len(),
            self.inspection.population.files_total,
            open.len(),
            self.undecided()
        );
        for problem in &self.inspection.problems {
            println!("  {}:{}: {}", problem.file, problem.line, problem.problem);
        }
        let all = self.assumed.as_ref().map_or_else(String::new, |text| format!(" --assume {text:?}"));
        println!("  {}", styled(style::DIM, format!("all of them: ligase check {}{all}", self.path.display())));
    }
}
