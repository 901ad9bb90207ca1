//! Comments that other tools take as permission change nothing here: what is excused is excused in `dna.yaml`, and approved.

use ligase_tests::{Organisation, copy_tree, ligase, service_files, write_tree};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const AT_THE_END: &[(&str, &str)] = &[
    ("py", "  # noqa"),
    ("py", "  # noqa: G004, S101"),
    ("py", "  # nosec B101"),
    ("py", "  # type: ignore"),
    ("py", "  # ast-grep-ignore"),
    ("py", "  # nosemgrep"),
    ("tf", " #tfsec:ignore:*"),
    ("tf", " # checkov:skip=CKV_AWS_16:excused"),
];
const ABOVE: &[(&str, &str)] = &[
    ("py", "# ast-grep-ignore"),
    ("py", "# noqa"),
    ("py", "# nosec"),
    ("py", "# pragma: no cover"),
    ("tf", "#tfsec:ignore:*"),
    ("tf", "# ast-grep-ignore"),
];
const ON_TOP: &[(&str, &str)] = &[
    ("py", "# flake8: noqa\n# ast-grep-ignore\n# type: ignore\n# nosec\n\n"),
    ("tf", "#checkov:skip=CKV_AWS_16:excused\n#checkov:skip=CKV_AWS_17\n#tfsec:ignore:*\n\n"),
];

fn services() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo/services")
}

/// Findings as identity and judgement; the line moves with what is written above it.
fn judged(folder: &Path) -> (Vec<Value>, BTreeSet<String>) {
    let run = ligase(&["check", folder.to_str().unwrap(), "--json", "--all"]).code(1);
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let keys = ["id", "clause", "outcome", "reason", "path", "symbol", "message"];
    let rows = findings.iter().map(|f| keys.map(|k| f[k].to_string()).join(" ")).collect();
    (findings, rows)
}

/// The lines that open findings stand on, by file.
fn places(findings: &[Value]) -> BTreeMap<String, BTreeSet<usize>> {
    let mut out: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for finding in findings.iter().filter(|f| f["outcome"] == "not-satisfied") {
        let (Some(path), Some(line)) = (finding["path"].as_str(), finding["line"].as_u64()) else { continue };
        out.entry(path.to_owned()).or_default().insert(usize::try_from(line).unwrap());
    }
    out
}

fn rewrite(file: &Path, edit: impl Fn(usize, &str) -> String) {
    let text = fs::read_to_string(file).unwrap();
    let lines: String = text.lines().enumerate().map(|(n, line)| edit(n + 1, line)).collect();
    fs::write(file, lines).unwrap();
}

fn try_with(service: &str, kind: &str, change: impl Fn(&Path, &BTreeSet<usize>)) {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join(service);
    copy_tree(&services().join(service), &tree);
    let (findings, before) = judged(&tree);
    let places: BTreeMap<_, _> =
        places(&findings).into_iter().filter(|(path, _)| path.ends_with(&format!(".{kind}"))).collect();
    assert!(!places.is_empty(), "{service} has findings in .{kind} files");
    for (path, lines) in &places {
        change(&tree.join(path), lines);
    }
    let (_, after) = judged(&tree);
    assert_eq!(before, after);
}

#[test]
fn a_comment_at_the_end_of_a_flagged_line_excuses_nothing() {
    for (kind, comment) in AT_THE_END {
        try_with("billing", kind, |file, lines| {
            rewrite(
                file,
                |n, line| if lines.contains(&n) { format!("{line}{comment}\n") } else { format!("{line}\n") },
            );
        });
    }
}

#[test]
fn a_comment_above_a_flagged_line_excuses_nothing() {
    for (kind, comment) in ABOVE {
        try_with("intake", kind, |file, lines| {
            let indented = |line: &str| " ".repeat(line.len() - line.trim_start().len());
            rewrite(file, |n, line| {
                if lines.contains(&n) { format!("{}{comment}\n{line}\n", indented(line)) } else { format!("{line}\n") }
            });
        });
    }
}

#[test]
fn a_comment_on_top_of_a_file_or_inside_a_block_excuses_nothing() {
    for (kind, comment) in ON_TOP {
        try_with("directory", kind, |file, _| {
            let text = fs::read_to_string(file).unwrap();
            fs::write(file, format!("{comment}{text}")).unwrap();
        });
    }
    try_with("directory", "tf", |file, lines| {
        rewrite(file, |n, line| {
            let inside = if lines.contains(&n) && line.trim_end().ends_with('{') {
                "  #checkov:skip=CKV_AWS_16:excused\n"
            } else {
                ""
            };
            format!("{line}\n{inside}")
        });
    });
}

#[test]
fn a_sweep_lets_no_comment_excuse_anything_either() {
    let organisation = Organisation::empty();
    let plain: Vec<(&str, Vec<u8>)> = service_files("plain");
    let commented = |(path, bytes): &(&'static str, Vec<u8>)| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let comment = if path.ends_with(".py") {
            "  # noqa # nosec # type: ignore # ast-grep-ignore"
        } else {
            " #checkov:skip=CKV_AWS_16 #tfsec:ignore:*"
        };
        let lines = text.lines().map(|l| {
            if l.trim().is_empty() || path.ends_with(".yaml") { format!("{l}\n") } else { format!("{l}{comment}\n") }
        });
        (*path, lines.collect::<String>().into_bytes())
    };
    let bare = organisation.repository_of("plain", |folder| write_tree(folder, &plain));
    organisation.run(&["sweep", "--plan"]).code(1);
    let rows = |all: Vec<Value>| -> BTreeSet<String> {
        all.iter()
            .map(|f| ["id", "clause", "outcome", "reason", "symbol", "line"].map(|k| f[k].to_string()).join(" "))
            .collect()
    };
    let before = rows(organisation.findings("all"));
    let excused: Vec<(&str, Vec<u8>)> = plain.iter().map(commented).collect();
    bare.commit("main", "excuses", |clone| write_tree(clone, &excused));
    let sweep = organisation.run(&["sweep", "--plan", "--json"]).code(1).json();
    assert_eq!(sweep["files_looked_at"], 3, "every file has changed");
    assert_eq!(rows(organisation.findings("all")), before);
}
