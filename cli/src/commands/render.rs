//! `ligase render`: a short marked block in `AGENTS.md` that says what holds here, true to the declaration. Everything
//! outside the marks is left as it is.

use crate::apply::{Rewrite, rewrite};
use crate::args::Render;
use crate::failure::{Exit, Failure};
use crate::{guide, local, output};
use anstream::{print, println};
use ligase_domain::{RepoPath, Timestamp};
use ligase_inspect::{Inspection, Inspector};
use ligase_probe::NoProgress;
use ligase_runtime::SystemClock;
use serde_json::json;
use std::path::Path;

const FILE: &str = "AGENTS.md";
const BEGIN: &str = "<!-- ligase:begin (kept by `ligase render --write`; edits between the marks are lost) -->";
const END: &str = "<!-- ligase:end -->";
/// The first words of the opening mark, by which an older one is found.
const BEGIN_WORDS: &str = "<!-- ligase:begin";

/// Prints the block, writes it, or says whether it is true.
pub fn run(args: &Render, as_json: bool) -> Result<Exit, Failure> {
    let inspector = local::inspector(args.catalog.as_deref())?;
    let opened = local::open_path(&args.path)?;
    let now = Timestamp(SystemClock.now_ms());
    let tree = opened.tree.as_ref();
    let inspection = inspector.inspect(tree, &opened.declared, opened.cache.as_ref(), now, &NoProgress);
    let block = block(&inspector, &inspection);
    let old = read(&args.path.join(FILE))?;
    let new = placed(old.as_deref().unwrap_or_default(), &block)?;
    let same = old.as_deref() == Some(new.as_str());
    if args.write && !same {
        write(&args.path, old, &new)?;
    }
    if as_json {
        output::json(&json!({ "file": FILE, "block": block, "true": same, "written": args.write && !same }));
    } else if args.check {
        println!("{FILE} {}", if same { "is true to the declaration" } else { "is not: `ligase render --write`" });
    } else if args.write {
        println!("{FILE}: {}", if same { "was true already" } else { "written" });
    } else {
        print!("{block}");
    }
    Ok(if args.check && !same { Exit::Findings } else { Exit::Holds })
}

/// What holds, service by service.
fn block(inspector: &Inspector, inspection: &Inspection) -> String {
    let mut out = format!("{BEGIN}\n## What this code must honour\n\n");
    for service in &inspection.services {
        let folder = &service.assessment.service.folder;
        let place = if folder.is_empty() { "everywhere".to_owned() } else { format!("below `{folder}`") };
        let Some(dna) = &service.desired.dna else {
            out.push_str(&format!("No `dna.yaml` governs {place}.\n\n"));
            continue;
        };
        out.push_str(&format!("By `dna.yaml`, {place}"));
        let classes: Vec<&str> = dna.data.keys().map(String::as_str).collect();
        if !classes.is_empty() {
            out.push_str(&format!(" (data: {}; exposure: {})", classes.join(", "), dna.exposure.name()));
        }
        out.push_str(":\n\n");
        let modelled = |r: &&ligase_policy::Requirement| {
            inspector.catalog().clause(&r.clause).is_some_and(|f| f.clause.is_modelled())
        };
        for requirement in service.desired.requirements.iter().filter(modelled) {
            out.push_str(&format!("- {} (`{}`)\n", guide::statement(inspector, requirement), requirement.clause));
        }
        out.push('\n');
    }
    out.push_str(
        "Before a commit: `ligase check --base main` says what a change breaks, `ligase fix` what repairs it, and\n",
    );
    out.push_str(
        "`ligase mcp` answers which of these hold for a file, with examples. Comments do not suppress findings.\n",
    );
    out.push_str(&format!("{END}\n"));
    out
}

/// The text with the block in place of an older one, or behind everything else.
fn placed(old: &str, block: &str) -> Result<String, Failure> {
    let broken = |what: &str| {
        Failure::input("E-RENDER-MARKS", format!("{FILE}: {what}"), "put the pair of marks back, or take both away")
    };
    match (old.find(BEGIN_WORDS), old.find(END)) {
        (Some(start), Some(end)) if start < end => {
            if old[start + 1..].contains(BEGIN_WORDS) {
                return Err(broken("there are two blocks"));
            }
            let after = old[end + END.len()..].strip_prefix('\n').unwrap_or(&old[end + END.len()..]);
            Ok(format!("{}{block}{after}", &old[..start]))
        }
        (None, None) if old.is_empty() => Ok(block.to_owned()),
        (None, None) => Ok(format!("{}\n\n{block}", old.trim_end_matches('\n'))),
        _ => Err(broken("one mark without the other")),
    }
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    let wrong = |e: String| Failure::input("E-RENDER-READ", format!("{FILE}: {e}"), "make it a readable text file");
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(wrong(e.to_string())),
        Ok(meta) if !meta.is_file() => Err(wrong("it is no regular file".to_owned())),
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(|e| wrong(e.to_string())),
    }
}

fn write(root: &Path, old: Option<String>, new: &str) -> Result<(), Failure> {
    let Some(old) = old else {
        let failed =
            |e: std::io::Error| Failure::look("E-RENDER-WRITE", format!("{FILE}: {e}"), "make the folder writable");
        let mut file = tempfile::NamedTempFile::new_in(root).map_err(failed)?;
        std::io::Write::write_all(&mut file, new.as_bytes()).map_err(failed)?;
        return file.persist_noclobber(root.join(FILE)).map(|_| ()).map_err(|e| failed(e.error));
    };
    rewrite(root, &[Rewrite { path: RepoPath::from(FILE), old: old.into_bytes(), new: new.as_bytes().to_vec() }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_replaced_and_the_rest_stays() {
        let block = format!("{BEGIN}\nnew\n{END}\n");
        let old = format!("# Mine\n\n{BEGIN_WORDS} older -->\nold\n{END}\n\nMore.\n");
        let said = |r: Result<String, Failure>| r.map_err(|_| "refused");
        assert_eq!(said(placed(&old, &block)), Ok(format!("# Mine\n\n{block}\nMore.\n")));
        assert_eq!(said(placed("# Mine\n", &block)), Ok(format!("# Mine\n\n{block}")));
        assert_eq!(said(placed("", &block)), Ok(block.clone()));
        let once = placed(&old, &block).ok().unwrap_or_default();
        assert_eq!(said(placed(&once, &block)), Ok(once.clone()));
        assert_eq!(said(placed(&format!("{BEGIN}\n"), &block)), Err("refused"));
        assert_eq!(said(placed(&format!("{old}{old}"), &block)), Err("refused"));
    }
}
