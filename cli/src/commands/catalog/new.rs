//! `ligase catalog new`: the files of a constraint that loads and whose example holds, to be made one's own.

use crate::failure::{Exit, Failure};
use crate::local::inspector;
use crate::output;
use anstream::println;
use ligase_inspect::{Example, Inspector};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Writes them into the folder, and checks what it wrote.
pub fn run(known: &Inspector, folder: Option<&Path>, id: &str, kind: &str, as_json: bool) -> Result<Exit, Failure> {
    let Some(folder) = folder else {
        let remedy =
            "name it with --catalog DIR; the folder `catalog` beside an organisation's policy is read by sweeps";
        return Err(Failure::input("E-CATALOG-FOLDER", "a new constraint belongs into a folder of your own", remedy));
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || id.len() > 60 || !id.chars().all(plain) || id.starts_with('-') || id.ends_with('-') {
        let what = format!("{id:?} is no id");
        return Err(Failure::input("E-CATALOG-ID", what, "use lower-case letters, digits and dashes"));
    }
    if known.catalog().constraint(id).is_some() {
        let what = format!("the catalog has a constraint {id} already");
        return Err(Failure::input(
            "E-CATALOG-THERE",
            what,
            "take another id, or replace it with `overrides: true` by hand",
        ));
    }
    let Some(found) = known.catalog().kind(kind) else {
        let kinds: Vec<&str> = known.catalog().kinds().keys().map(String::as_str).collect();
        let remedy = format!("take one of {}", kinds.join(", "));
        return Err(Failure::input("E-CATALOG-KIND", format!("there is no observation kind {kind}"), &remedy));
    };
    let attribute = found.spec.identity.first().map_or("language", |i| i.value.as_str());
    let example = model(known, kind);
    let mut files = vec![(format!("constraints/{id}.yaml"), constraint(id, kind, attribute))];
    if let Some(example) = &example {
        files.push((format!("constraints/{id}.examples.yaml"), examples(id, example)));
    }
    let written = write(folder, &files)?;
    // What was written is read again as everything else is: a template that does not hold would teach mistakes.
    inspector(Some(folder))?;
    if as_json {
        output::json(&json!({ "written": written }));
    } else {
        written.iter().for_each(|path| println!("{}", path.display()));
        println!(
            "now say what it means, then: ligase catalog lint --catalog {0} && ligase catalog test --catalog {0}",
            folder.display()
        );
    }
    Ok(Exit::Holds)
}

/// A small tree in which the kind is seen: of some example that the catalog has.
fn model(known: &Inspector, kind: &str) -> Option<Example> {
    let of_kind = |e: &Example| {
        let clause = known.catalog().clause(&e.clause);
        let each = clause.and_then(|c| c.clause.spec.subjects.as_ref()).is_some_and(|s| *s.each == *kind);
        each && e.subject.is_some() && e.dna.is_some()
    };
    known.examples(None).0.into_iter().filter(of_kind).min_by_key(|e| e.files.values().map(String::len).sum::<usize>())
}

fn constraint(id: &str, kind: &str, attribute: &str) -> String {
    format!(
        r#"# What must hold, for which subjects, and when that may be said. `ligase catalog show` prints it as others read it.
apiVersion: ligase.dev/v1
kind: Constraint
metadata: {{ id: {id}, version: 1, group: own }}
spec:
  statement: Say in one sentence what holds.
  rationale: Say what happens where it does not.
  severity: {{ base: medium }}
  clauses:
    - id: first
      known-by: code
      for: {{ each: {kind} }}
      # The attributes of `it` stand in kinds/{kind}.yaml; `dna` and `params` may be asked too.
      satisfied-when: 'it.{attribute} != ""'
      # Only where this holds may "not satisfied" be said.
      conclusive-when: 'it.{attribute} == ""'
      else:
        - {{ reason: not-known }}
      nothing-seen:
        - {{ when: 'population.{variable}.unmodelled == 0', outcome: not-applicable, reason: nothing-to-judge }}
        - {{ outcome: indeterminate, reason: not-modelled }}
      message: '{{it.{attribute}}} is not as it should be'
"#,
        variable = kind.replace('-', "_"),
    )
}

fn examples(id: &str, example: &Example) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = format!(
        "# Small services, and what the clause must make of one subject in each. A cell is real with five of each outcome.\n\
         apiVersion: ligase.dev/v1\nkind: Examples\nmetadata: {{ constraint: {id} }}\nspec:\n  examples:\n    - name: a first one\n      \
         clause: first\n      stack: {}\n      expect: satisfied\n      dna: {}\n      subject: {}\n      cross-file: false\n      files:\n",
        example.stack,
        quoted(example.dna.as_deref().unwrap_or_default()),
        quoted(example.subject.as_deref().unwrap_or_default()),
    );
    for (path, text) in &example.files {
        let _ = writeln!(out, "        {}: {}", quoted(path), quoted(text));
    }
    out
}

/// Writes new files only; nothing is replaced, and nothing is left half written.
fn write(folder: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>, Failure> {
    let failed = |path: &Path, e: std::io::Error| {
        Failure::look("E-CATALOG-WRITE", format!("{}: {e}", path.display()), "make the folder writable")
    };
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    if let Some(there) = paths.iter().find(|p| p.exists()) {
        let what = format!("{} is there already", there.display());
        return Err(Failure::input("E-CATALOG-THERE", what, "take another id, or move the file away"));
    }
    for (path, (_, text)) in paths.iter().zip(files) {
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, text).map_err(|e| failed(&fresh, e))?;
        std::fs::rename(&fresh, path).map_err(|e| failed(path, e))?;
    }
    Ok(paths)
}
