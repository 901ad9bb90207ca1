//! `ligase demo`: the whole loop on an example organisation, on real git repositories, with no server. It prints what it
//! does as it does it; every number comes from the run.

mod also;
mod expected;
mod files;
mod summary;

use crate::args::fleet::Remote;
use crate::args::{Demo, Standing};
use crate::commands::{changesets, sweep};
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::output::{self, style, styled, table};
use crate::rows;
use anstream::println;
use ligase_proto::v1::{
    ActRequest, ChangesetRow, ChangesetsAnswer, ChangesetsRequest, FindingRow, FindingsRequest, RefusedRow,
    SweepRequest, SweepSummary,
};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Who merges and closes in the demo. The records say that it was simulated.
const PERSON: &str = "dana-okafor";

/// What the organisation adopts, in the order of its cascades.
const ADOPTED: [(&str, &str); 2] = [
    ("Adopt HIPAA", "One cascade in organisation.yaml: every service that handles PHI. Nothing is looked at again."),
    ("Adopt SOC 2", "A second one: every service that faces the internet. Nothing is looked at again."),
];

/// Runs it.
pub fn run(args: &Demo, as_json: bool) -> Result<Exit, Failure> {
    let tell = Narrator(!as_json);
    // Before anything is made: what is only read must not be where the demo builds.
    let built = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let also = args.also.as_deref().map(|path| also::look(path, &built, &files::policy(), as_json)).transpose()?;
    let folder = folder(args)?;
    tell.step("An example organisation", "Plain files become bare git repositories, each with a dna.yaml.");
    let services = files::make(&folder)?;
    tell.line(format!("  {}\n  {} services: {}", folder.display(), services.len(), services.join(", ")));
    let standing = Standing {
        org: Some(folder.join(files::ORGANISATION)),
        state: folder.join("state"),
        remote: Remote::default(),
    };
    let slots = std::thread::available_parallelism().map_or(2, usize::from);
    let embedded = Embedded::sweeping(&standing, slots)?;
    let mut shown = Run { embedded: &embedded, tell: &tell, sweeps: Vec::new(), adoptions: Vec::new() };

    tell.step("Look", "Every file once, straight from the object database; then judge what each service declares.");
    shown.sweep(true)?;
    let mut before = shown.findings("open")?;
    for (at, (title, text)) in ADOPTED.into_iter().enumerate() {
        tell.step(title, text);
        files::adopt(&folder, at + 1)?;
        before = shown.adopt(title, &before)?;
    }

    tell.step("Change", "Patches are made, gated, looked at again by somebody else, and opened within the budgets.");
    let first = shown.sweep(false)?;
    let all = shown.findings("all")?;
    let expected = expected::compare(files::expected(), &all)?;
    let opened = shown.changesets()?;
    shown.one_of_each(&opened);

    tell.step("A person decides", "One pull request is merged and another closed, simulated and recorded as such.");
    let decided = shown.decide(&opened)?;

    tell.step("Look again", "The default branch is the truth: merged is not fixed until it was looked at.");
    shown.sweep(false)?;
    let last = shown.changesets()?;
    shown.what_became(&last, &decided);
    shown.expectations(&expected);
    if let (Some(also), true) = (&also, tell.0) {
        tell.step("Also looked at", &args.also.as_deref().map(|p| p.display().to_string()).unwrap_or_default());
        also.print();
    }

    if as_json {
        let told = summary::Told { services: &services, all: &all, first: &first, expected: &expected, last: &last };
        output::json(&summary::summary(&told, &shown.sweeps, &shown.adoptions, also.as_ref()));
    } else {
        tell.line(format!(
            "\nEverything is kept in {}. Go on from there:\n  ligase status --state {}\n  ligase sweep --state {}",
            folder.display(),
            standing.state.display(),
            standing.state.display()
        ));
    }
    Ok(Exit::Holds)
}

fn folder(args: &Demo) -> Result<PathBuf, Failure> {
    let failed = |what: String| Failure::input("E-DEMO-DIR", what, "name an empty or absent folder with --dir");
    match &args.dir {
        Some(dir) => {
            if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
                return Err(failed(format!("{} is not empty", dir.display())));
            }
            std::fs::create_dir_all(dir).map_err(|e| failed(format!("{}: {e}", dir.display())))?;
            std::path::absolute(dir).map_err(|e| failed(e.to_string()))
        }
        None => {
            Ok(tempfile::Builder::new().prefix("ligase-demo-").tempdir().map_err(|e| failed(e.to_string()))?.keep())
        }
    }
}

/// Tells a person what happens; says nothing to a script.
struct Narrator(bool);

impl Narrator {
    fn step(&self, title: &str, text: &str) {
        if self.0 {
            println!("\n{}  {}", styled(style::CYAN, styled(style::BOLD, title)), styled(style::DIM, text));
        }
    }

    fn line(&self, text: impl std::fmt::Display) {
        if self.0 {
            println!("{text}");
        }
    }
}

struct Run<'a> {
    embedded: &'a Embedded,
    tell: &'a Narrator,
    sweeps: Vec<SweepSummary>,
    adoptions: Vec<summary::Adoption>,
}

impl Run<'_> {
    fn sweep(&mut self, plan_only: bool) -> Result<SweepSummary, Failure> {
        let summary = sweep::drive(self.embedded, SweepRequest { plan_only, only: Vec::new() }, self.tell.0)?;
        if !summary.problems.is_empty() {
            let first = &summary.problems[0];
            let what = format!("{}:{}:{}: {}", first.file, first.line, first.column, first.problem);
            return Err(Failure::look("E-DEMO-DECLARATION", what, "this is a defect of the demo: report it"));
        }
        // A plan that nothing comes of yet is told once, where something comes of it.
        match (self.tell.0, plan_only) {
            (true, true) => sweep::print_counts(&summary),
            (true, false) => sweep::print(&summary),
            (false, _) => {}
        }
        self.sweeps.push(summary.clone());
        Ok(summary)
    }

    fn findings(&self, outcome: &str) -> Result<Vec<FindingRow>, Failure> {
        let request = FindingsRequest { outcome: outcome.to_owned(), ..Default::default() };
        Ok(self.embedded.call(async |mut api| api.findings(request).await)?.findings)
    }

    fn changesets(&self) -> Result<ChangesetsAnswer, Failure> {
        self.embedded.call(async |mut api| api.changesets(ChangesetsRequest::default()).await)
    }

    /// Judges by what was adopted now, and returns the findings that are open with it.
    fn adopt(&mut self, title: &'static str, before: &[FindingRow]) -> Result<Vec<FindingRow>, Failure> {
        let swept = self.sweep(true)?;
        let after = self.findings("open")?;
        let known: BTreeSet<&str> = before.iter().map(|f| f.id.as_str()).collect();
        let new: Vec<&FindingRow> = after.iter().filter(|f| !known.contains(f.id.as_str())).collect();
        self.tell.line(format!("\n  the adoption brings {}:", output::counted(new.len() as u64, "finding")));
        if self.tell.0 {
            let row =
                |f: &&FindingRow| vec![f.service_name.clone(), f.clause.clone(), f.symbol.clone(), rows::place(f)];
            table(&["", "", "", ""], new.iter().map(row).collect());
        }
        let (findings, files_looked_at) = (new.len(), swept.files_looked_at);
        self.adoptions.push(summary::Adoption { title, findings, files_looked_at });
        Ok(after)
    }

    /// One pull request with its gate report, and one candidate that the gate refused.
    fn one_of_each(&self, answer: &ChangesetsAnswer) {
        if !self.tell.0 {
            return;
        }
        let ready = |c: &&ChangesetRow| c.state == "open" && matches!(c.effect.as_str(), "in-place" | "behaviour");
        if let Some(c) = answer.changesets.iter().filter(ready).min_by_key(|c| c.diff.len()) {
            self.tell.step("One of the pull requests", "");
            changesets::show(c);
        }
        if let Some(r) = answer.refused.iter().min_by_key(|r: &&RefusedRow| r.diff.len()) {
            self.tell.step("One that the gate refused", "");
            changesets::show_refused(r);
        }
    }

    /// Merges one and closes another: the ids of both.
    fn decide(&self, answer: &ChangesetsAnswer) -> Result<(String, String), Failure> {
        let mut open: Vec<&ChangesetRow> = answer.changesets.iter().filter(|c| c.state == "open").collect();
        open.sort_by_key(|c| (c.clause.clone(), c.service.clone()));
        let [merged, .., closed] = open.as_slice() else {
            let what = format!("{} opened, the demo needs two", output::counted(open.len() as u64, "pull request"));
            return Err(Failure::look("E-DEMO-CHANGESETS", what, "this is a defect of the demo: report it"));
        };
        self.act(merged, "merge", "")?;
        self.act(closed, "close", "the owner wants to solve this otherwise")?;
        Ok((merged.id.clone(), closed.id.clone()))
    }

    fn act(&self, changeset: &ChangesetRow, act: &str, text: &str) -> Result<(), Failure> {
        let request = ActRequest {
            changeset: changeset.id.clone(),
            act: act.to_owned(),
            login: PERSON.to_owned(),
            text: text.to_owned(),
            simulated: true,
            ..Default::default()
        };
        let answer = self.embedded.call(async |mut api| api.act(request).await)?;
        self.tell
            .line(format!("  {} #{} {}: {}", changeset.service_name, changeset.number, changeset.title, answer.detail));
        Ok(())
    }

    fn what_became(&self, answer: &ChangesetsAnswer, (merged, closed): &(String, String)) {
        for id in [merged, closed] {
            if let Some(c) = answer.changesets.iter().find(|c| c.id == *id) {
                self.tell.line(format!(
                    "  {} #{} {}: {}",
                    c.service_name,
                    c.number,
                    c.title,
                    styled(style::BOLD, &c.state)
                ));
            }
        }
    }

    fn expectations(&self, e: &expected::Compared) {
        self.tell.step("Held against EXPECTED.json", "written by hand; what is missed stays in it");
        let missed = if e.missed.is_empty() { styled(style::GREEN, 0) } else { styled(style::RED, e.missed.len()) };
        let flagged = if e.flagged.is_empty() { styled(style::GREEN, 0) } else { styled(style::RED, e.flagged.len()) };
        self.tell.line(format!(
            "  {} planted: {} found, {missed} missed · {} decoys: {flagged} flagged · {} not in the list",
            e.planted,
            e.found,
            e.decoys,
            e.unexpected.len()
        ));
        for line in e.missed.iter().chain(&e.flagged).chain(&e.unexpected) {
            self.tell.line(format!("    {line}"));
        }
    }
}
