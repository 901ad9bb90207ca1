//! `check` for a person: what is open first, then what is undecided, then what was not looked at.

use crate::failure::document_text;
use crate::output::{self, heading, style, styled, table};
use crate::report::{Report, sentence};
use anstream::println;
use ligase_domain::{Assessment, Finding, Outcome};
use ligase_inspect::{Difference, Inspection};
use std::collections::BTreeMap;

/// Prints it.
pub fn print(report: &Report<'_>) {
    if let Some(difference) = report.difference {
        return print_difference(report, difference);
    }
    for problem in &report.inspection.problems {
        println!("{}\n", document_text(problem));
    }
    for service in &report.inspection.services {
        print_service(&service.assessment, report.full);
    }
    print_population(report.inspection);
}

fn print_difference(report: &Report<'_>, d: &Difference) {
    let mut sections: Vec<(&str, &[Finding])> = vec![
        ("New", &d.new),
        ("The declaration is weakened", report.weakened),
        ("Decided before and not any more", &d.undecided),
        ("Not judged any more", &d.vanished),
        ("Fixed", &d.fixed),
    ];
    if report.full {
        sections.push(("As before", &d.unchanged));
    }
    for (title, findings) in sections.into_iter().filter(|(_, f)| !f.is_empty()) {
        heading(format!("{title} ({})", findings.len()));
        print_findings(&findings.iter().collect::<Vec<_>>());
    }
    println!("\n{} new, {} fixed, {} as before", d.new.len(), d.fixed.len(), d.unchanged.len());
}

fn print_service(assessment: &Assessment, full: bool) {
    let declared = if assessment.declared { "" } else { "  (undeclared: judged by the floor)" };
    heading(format!("{}{}", assessment.name, styled(style::DIM, declared)));
    let shown = |f: &&Finding| full || f.is_open() || matches!(f.outcome, Outcome::Indeterminate(_));
    let mut findings: Vec<&Finding> = assessment.findings.iter().filter(shown).collect();
    findings.sort_by_key(|f| (!f.is_open(), f.clause.clone()));
    // What is undecided about the service as a whole is one line for each reason, not one for each clause.
    let (whole, placed): (Vec<&Finding>, Vec<&Finding>) = findings
        .into_iter()
        .partition(|f| !full && f.place.is_none() && matches!(f.outcome, Outcome::Indeterminate(_)));
    print_findings(&placed);
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for finding in whole {
        by_reason.entry(finding.outcome.reason().unwrap_or_default()).or_default().push(finding.clause.to_string());
    }
    for (reason, clauses) in by_reason {
        println!("  {} {reason}: {}", output::outcome("indeterminate"), clauses.join(", "));
    }
    if assessment.findings.is_empty() {
        println!(
            "  Nothing is required of it. Write a dna.yaml, or try --all, or --assume \"data=pii;exposure=internet;frameworks=gdpr\"."
        );
    }
    let count = |name: &str| assessment.findings.iter().filter(|f| f.outcome.name() == name).count();
    println!(
        "  {} satisfied, {} not satisfied, {} indeterminate, {} not applicable",
        count("satisfied"),
        count("not-satisfied"),
        count("indeterminate"),
        count("not-applicable")
    );
}

fn print_findings(findings: &[&Finding]) {
    let row = |f: &&Finding| {
        let place = f.place.as_ref().map(|p| format!("{}:{}", p.path, p.span.line)).unwrap_or_default();
        let waiver = f.waiver.as_ref().map(|w| format!(" [waiver {}]", w.state.name())).unwrap_or_default();
        vec![output::outcome(f.outcome.name()), f.clause.to_string(), place, format!("{}{waiver}", sentence(f))]
    };
    if !findings.is_empty() {
        table(&["", "", "", ""], findings.iter().map(row).collect());
    }
}

fn print_population(inspection: &Inspection) {
    let p = &inspection.population;
    let read: u64 = inspection.looked.len() as u64;
    println!(
        "\n{}",
        styled(
            style::DIM,
            format!(
                "{read} of {} files are of a kind that probes read; {} of those skipped",
                p.files_total,
                p.skipped.len()
            )
        )
    );
    for skipped in p.skipped.iter().take(10) {
        println!("  {} {}", styled(style::YELLOW, &skipped.reason), skipped.path);
    }
    if let Some(reason) = &p.incomplete {
        println!("{}", styled(style::RED, format!("not looked at whole: {reason}")));
    }
}
