//! `ligase sweep`: one reconcile pass over the organisation, with progress on a terminal and a summary for everyone.

use crate::args::Sweep;
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure, problem_text};
use crate::output::{self, heading, style, styled, table};
use crate::rows;
use anstream::println;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ligase_proto::v1::{SweepRequest, SweepSummary};

/// Runs it.
pub fn run(args: &Sweep, as_json: bool) -> Result<Exit, Failure> {
    let slots = args.slots.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
    let embedded = Embedded::sweeping(&args.standing, slots)?;
    let request = SweepRequest { plan_only: args.plan, only: args.only.clone() };
    let summary = drive(&embedded, request, !as_json)?;
    if as_json {
        output::json(&rows::sweep(&summary))
    } else {
        print(&summary)
    }
    Ok(exit(&summary))
}

/// The exit code that a summary means.
pub fn exit(summary: &SweepSummary) -> Exit {
    if !summary.problems.is_empty() {
        Exit::BadInput
    } else if !summary.unreachable.is_empty() {
        Exit::CouldNotLook
    } else if summary.not_satisfied > summary.waived {
        Exit::Findings
    } else {
        Exit::Holds
    }
}

/// Sweeps once, with a progress bar where there is a terminal.
pub fn drive(embedded: &Embedded, request: SweepRequest, bar: bool) -> Result<SweepSummary, Failure> {
    let bar = progress(bar);
    let summary = embedded.stream(async |mut api| {
        let mut stream = api.sweep(request).await?.into_inner();
        let mut summary = None;
        while let Some(message) = stream.message().await? {
            bar.set_length(message.total);
            bar.set_position(message.done);
            bar.set_prefix(message.stage);
            bar.set_message(message.detail);
            summary = message.summary.or(summary);
        }
        Ok(summary)
    })?;
    bar.finish_and_clear();
    summary.ok_or_else(|| {
        Failure::look("E-SWEEP-CUT", "the sweep ended without a summary", "run it again: nothing is lost")
    })
}

fn progress(visible: bool) -> ProgressBar {
    // Hidden by indicatif itself where standard error is no terminal.
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{prefix:>11.cyan.bold} [{bar:28}] {pos}/{len} {wide_msg}")
        .expect("a fixed template");
    ProgressBar::with_draw_target(Some(0), target).with_style(style.progress_chars("=> "))
}

/// Prints a summary for a person.
pub fn print(s: &SweepSummary) {
    print_counts(s);
    if !s.plan.is_empty() {
        heading("Plan");
        let rows = s.plan.iter().map(|p| {
            vec![
                p.service.clone(),
                p.clause.clone(),
                output::counted(p.findings, "finding"),
                p.decision.clone(),
                p.reason.clone(),
            ]
        });
        table(&["service", "clause", "", "decision", "why"], rows.collect());
    }
    for p in &s.problems {
        let place = format!("{}:{}:{}", p.file, p.line, p.column);
        println!("\n{}", problem_text(&place, [&p.code, &p.problem, &p.expected, &p.nearest, &p.remedy]));
    }
    if !s.unreachable.is_empty() {
        heading("Could not look at");
        let row = |r: &ligase_proto::v1::RepositoryProblem| {
            let remedy = rows::unreachable_remedy(&r.reason);
            vec![r.repository.clone(), r.reason.clone(), r.detail.clone(), remedy.to_owned()]
        };
        table(&["repository", "reason", "", "do"], s.unreachable.iter().map(row).collect());
    }
}

/// What was looked at and what was found, in numbers.
pub fn print_counts(s: &SweepSummary) {
    println!(
        "{} in {:.1} s: {}, {} ({} without a declaration), {} of {} files looked at, {} from cache, {}",
        styled(style::BOLD, "Swept"),
        rows::seconds(s.milliseconds),
        output::counted(s.repositories, "repository"),
        output::counted(s.services, "service"),
        s.undeclared,
        s.files_looked_at,
        s.files_total,
        s.files_from_cache,
        output::counted(s.clones, "clone"),
    );
    let waived = if s.waived == 0 { String::new() } else { format!(", {} waived", s.waived) };
    println!(
        "  {} satisfied, {} not satisfied{waived}, {} indeterminate, {} not applicable",
        styled(style::GREEN, s.satisfied),
        styled(style::RED, s.not_satisfied),
        styled(style::YELLOW, s.indeterminate),
        s.not_applicable,
    );
    println!(
        "  since the last sweep: {} new, {} closed, {} regressed; {} opened",
        s.new_findings.len(),
        s.closed_findings.len(),
        s.regressed_findings.len(),
        output::counted(s.opened, "pull request"),
    );
}
