//! `ligase assess`: what adopting a framework would ask for. A working tree is judged here, an organisation by the public API.
//! It touches nothing.

use crate::args::fleet::Remote;
use crate::args::{Assess, Look, Standing};
use crate::assess::tree::{Tree, effect_of};
use crate::assess::{Assessment, text};
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::local::{self, Bar, catalog_files};
use crate::output;
use anstream::println;
use ligase_domain::Timestamp;
use ligase_policy::catalog::Framework;
use ligase_proto::v1::AssessRequest;
use ligase_remedy::RemedySet;
use ligase_runtime::SystemClock;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Runs it.
pub fn run(args: &Assess, as_json: bool) -> Result<Exit, Failure> {
    let (assessments, beside, exit) = match &args.state {
        Some(state) => organisation(args, state.clone())?,
        None => tree(args, as_json)?,
    };
    if as_json {
        let mut document = json!({ "frameworks": assessments.iter().map(Assessment::to_json).collect::<Vec<_>>() });
        if let (Value::Object(document), Value::Object(beside)) = (&mut document, beside.json) {
            document.extend(beside);
        }
        output::json(&document);
        return Ok(exit);
    }
    println!("{}", beside.line);
    if args.adopt.is_empty() {
        text::lines(&assessments);
    } else {
        assessments.iter().for_each(text::whole);
    }
    Ok(exit)
}

/// What stands beside the frameworks.
struct Beside {
    line: String,
    json: Value,
}

fn tree(args: &Assess, as_json: bool) -> Result<(Vec<Assessment>, Beside, Exit), Failure> {
    let look = Look {
        path: args.path.clone().unwrap_or_else(|| PathBuf::from(".")),
        base: None,
        assume: args.assume.clone(),
        all: false,
        full: false,
        catalog: args.catalog.clone(),
    };
    let inspector = local::inspector(look.catalog.as_deref())?;
    let catalog = inspector.catalog();
    let known = catalog.frameworks();
    let frameworks: Vec<&Framework> = if args.adopt.is_empty() {
        known.values().collect()
    } else {
        let unknown = |id: &String| {
            let all = known.keys().cloned().collect::<Vec<_>>().join(", ");
            Failure::input(
                "E-ASSESS-FRAMEWORK",
                format!("the catalog has no framework {id:?}"),
                format!("known are: {all}"),
            )
        };
        args.adopt.iter().map(|id| catalog.framework(id).ok_or_else(|| unknown(id))).collect::<Result<_, _>>()?
    };
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    let opened = local::open(&look, &inspector)?;
    let bar = Bar::new(as_json);
    let judged = Tree {
        inspector: &inspector,
        remedies: &remedies,
        tree: opened.tree.as_ref(),
        declared: &opened.declared,
        cache: opened.cache.as_ref(),
        now: Timestamp(SystemClock.now_ms()),
    };
    let (assessed, last) = judged.assess(&frameworks, &bar);
    bar.done();
    let (exit, population, total) = last.as_ref().map_or((Exit::Holds, Value::Null, 0), |i| {
        let exit = if !i.problems.is_empty() {
            Exit::BadInput
        } else if i.population.incomplete.is_some() {
            Exit::CouldNotLook
        } else {
            Exit::Holds
        };
        (exit, crate::report::json::population(i), i.population.files_total)
    });
    let undeclared = last.as_ref().is_some_and(|i| i.services.iter().all(|s| s.desired.dna.is_none()));
    let hint = if undeclared {
        ". No dna.yaml says which data it handles: give one with --assume, or see `ligase init`"
    } else {
        ""
    };
    let line = format!("{} of {}{hint}", output::counted(total, "file"), look.path.display());
    let problems: Vec<Value> = last.iter().flat_map(|i| &i.problems).map(crate::failure::document_json).collect();
    let json = json!({ "population": population, "declared": !undeclared, "problems": problems });
    Ok((assessed.into_iter().map(Assessment::of).collect(), Beside { line, json }, exit))
}

fn organisation(args: &Assess, state: PathBuf) -> Result<(Vec<Assessment>, Beside, Exit), Failure> {
    let standing = Standing { org: args.org.clone(), state, remote: Remote::default() };
    let embedded = Embedded::open(&standing, 1)?;
    let request = AssessRequest { adopt: args.adopt.clone() };
    let mut answer = embedded.call(async |mut api| api.assess(request).await)?;
    let files = catalog_files(embedded.own_catalog())?;
    let remedies =
        RemedySet::load(files.iter().map(|f| (f.path.as_ref(), f.bytes.as_ref()))).map_err(Failure::documents)?;
    for finding in answer.frameworks.iter_mut().flat_map(|f| &mut f.findings) {
        finding.effect = effect_of(&remedies, &finding.remedy);
    }
    let exit = if answer.unreachable.is_empty() { Exit::Holds } else { Exit::CouldNotLook };
    let line = format!(
        "{}: {}, as last swept {}; nothing is looked at again",
        answer.organisation,
        output::counted(answer.repositories, "repository"),
        answer.at
    );
    let unreachable: Vec<Value> = answer
        .unreachable
        .iter()
        .map(|r| json!({ "repository": r.repository, "reason": r.reason, "detail": r.detail }))
        .collect();
    let json = json!({ "organisation": answer.organisation, "as_of": answer.at, "repositories": answer.repositories, "unreachable": unreachable });
    Ok((answer.frameworks.into_iter().map(Assessment::of).collect(), Beside { line, json }, exit))
}
