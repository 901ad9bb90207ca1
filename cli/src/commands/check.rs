//! `ligase check`: judges a working tree or repository by what it declares, or by what is assumed. It touches nothing.

use crate::args::{Check, ReportFormat};
use crate::failure::{Exit, Failure};
use crate::local::{self, Bar};
use crate::output;
use crate::report::{self, Report};
use anstream::{print, println};
use ligase_domain::{Finding, Timestamp};
use ligase_inspect::{Comparison, Inspection};
use ligase_remedy::RemedySet;
use ligase_runtime::SystemClock;

/// Runs it.
pub fn run(args: &Check, as_json: bool) -> Result<Exit, Failure> {
    let format = format(args, as_json)?;
    let look = &args.look;
    let inspector = local::inspector(look.catalog.as_deref())?;
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let opened = local::open(look, &inspector)?;
    let now = Timestamp(SystemClock.now_ms());
    let bar = Bar::new(format != ReportFormat::Text);
    let (tree, cache, declared) = (opened.tree.as_ref(), opened.cache.as_ref(), &opened.declared);
    let (comparison, alone);
    let (inspection, difference, weakened) = match &look.base {
        None => {
            alone = inspector.inspect(tree, declared, cache, now, &bar);
            (&alone, None, Vec::new())
        }
        Some(revision) => {
            let base = local::base(&look.path, revision)?;
            comparison = inspector.compare(base.as_ref(), tree, declared, cache, now, &bar);
            (&comparison.head, Some(&comparison.difference), weakened(&comparison))
        }
    };
    bar.done();
    let report = Report { inspection, difference, weakened: &weakened, remedies: &remedies, full: look.full };
    match format {
        ReportFormat::Text => report::text::print(&report),
        ReportFormat::Json => output::json(&report::json::document(&report)),
        ReportFormat::Sarif => output::json(&report::sarif::document(&report, &inspector)),
        ReportFormat::Junit => print!("{}", report::junit::document(&report)),
        ReportFormat::Annotations => report::annotations::lines(&report).iter().for_each(|line| println!("{line}")),
    }
    Ok(exit(inspection, report.open()))
}

fn format(args: &Check, as_json: bool) -> Result<ReportFormat, Failure> {
    match (args.format, as_json) {
        (None, false) => Ok(ReportFormat::Text),
        (None | Some(ReportFormat::Json), true) => Ok(ReportFormat::Json),
        (Some(_), true) => {
            Err(Failure::input("E-CHECK-FORMAT", "--json and another --format exclude one another", "give one of them"))
        }
        (Some(format), false) => Ok(format),
    }
}

/// What the head of a comparison takes away from the declarations of its base.
pub fn weakened(comparison: &Comparison) -> Vec<Finding> {
    let services = &comparison.head.services;
    let of = |folder: &str| services.iter().map(|s| &s.assessment.service).find(|s| s.folder == folder);
    let found = comparison.weakenings.iter().filter_map(|(folder, list)| Some((of(folder)?, list)));
    found.flat_map(|(service, list)| ligase_policy::weakening_findings(service, list)).collect()
}

/// How a verb about one tree ends.
pub fn exit(inspection: &Inspection, open: bool) -> Exit {
    if !inspection.problems.is_empty() {
        Exit::BadInput
    } else if inspection.population.incomplete.is_some() {
        Exit::CouldNotLook
    } else if open {
        Exit::Findings
    } else {
        Exit::Holds
    }
}
