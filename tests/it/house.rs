//! The house's rules, proved on the manifests and sources: which room may use which, which room names which library, and
//! what every file promises. It reads text and builds nothing, so it says *where* and never *whether it works*.
//!
//! A new room, or a new use of one, is a line in `FLOORS`; a rule that has to give way is changed here, with its reason in
//! `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A room: its folder, its floor, and the rooms that it may use. `*` is every room below.
const FLOORS: &[(&str, &str, u32, &[&str])] = &[
    ("domain", "crates/domain", 0, &[]),
    ("document", "crates/document", 0, &[]),
    ("runtime", "crates/runtime", 0, &[]),
    ("sandbox", "crates/sandbox", 0, &[]),
    ("catalog", "catalog", 0, &[]),
    ("record", "crates/record", 1, &["domain"]),
    ("policy", "crates/policy", 1, &["domain", "document", "catalog"]),
    ("probe", "crates/probe", 1, &["domain", "document", "catalog"]),
    ("vcs", "crates/vcs", 1, &["domain", "sandbox"]),
    ("lookout", "crates/lookout", 2, &["domain", "catalog", "probe", "record", "sandbox"]),
    ("evidence", "crates/evidence", 2, &["domain", "record"]),
    ("proto", "proto", 2, &["domain", "record"]),
    ("inspect", "crates/inspect", 2, &["domain", "document", "catalog", "policy", "probe"]),
    ("remedy", "crates/remedy", 3, &["domain", "document", "inspect", "policy", "probe"]),
    ("queue", "crates/queue", 3, &["domain", "proto", "runtime"]),
    ("forge", "crates/forge", 3, &["domain", "vcs"]),
    (
        "coordinator",
        "coordinator",
        4,
        &["domain", "document", "policy", "record", "evidence", "proto", "queue", "forge", "runtime", "vcs"],
    ),
    ("worker", "worker", 4, &["domain", "probe", "lookout", "vcs", "sandbox", "record", "proto", "queue", "runtime"]),
    (
        "agent-runner",
        "agent-runner",
        4,
        &[
            "domain", "remedy", "inspect", "policy", "probe", "lookout", "vcs", "sandbox", "record", "proto", "queue",
            "runtime",
        ],
    ),
    ("cli", "cli", 5, &["*"]),
    ("fuzz", "fuzz/targets", 6, &["*"]),
    ("tests", "tests", 6, &["*"]),
];

/// Libraries that only these rooms name, so that each can be replaced in one place.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("git2", &["vcs"]),
    ("sled", &["evidence", "coordinator"]),
    ("async-nats", &["queue"]),
    ("ast-grep-core", &["probe"]),
    ("ast-grep-config", &["probe"]),
    ("tree-sitter", &["probe"]),
    ("tree-sitter-python", &["probe"]),
    ("tree-sitter-hcl", &["probe"]),
    ("granit-parser", &["probe"]),
    ("anyhow", &["cli"]),
];

/// The one file that names sled; a second one would be a second place to mistrust it.
const SLED: &str = "crates/evidence/src/index_sled.rs";
/// The one file that reads the time of day.
const CLOCK: &str = "crates/runtime/src/clock.rs";
/// Rooms that compute and do nothing else: no file, no network, no clock, no async function.
const PURE: &[&str] = &["domain", "document", "catalog", "record", "policy", "probe", "remedy"];
/// Written by a generator; only `wire.rs` looks at it.
const GENERATED: &str = "proto/src/generated";
/// Lines of a file.
const FILE_LINES_MAX: usize = 800;
/// Lines of a function's body, without blank lines and comments.
const FUNCTION_LINES_MAX: usize = 70;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace").to_path_buf()
}

fn manifest(folder: &str) -> toml::Table {
    let path = root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The names under `[dependencies]`, `[dev-dependencies]` and `[build-dependencies]`, for every target.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let tables = std::iter::once(manifest).chain(targets.filter_map(|(_, target)| target.as_table()));
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .flat_map(|table| sections.iter().filter_map(|s| table.get(*s)?.as_table()))
        .flat_map(|section| section.keys().cloned())
        .collect()
}

/// The rooms that a room names, without itself (a room's tests may ask for its own features).
fn used(room: &str, folder: &str) -> BTreeSet<String> {
    let names = dependencies(&manifest(folder));
    names.iter().filter_map(|n| n.strip_prefix("ligase-")).filter(|n| *n != room).map(str::to_owned).collect()
}

fn floors() -> BTreeMap<&'static str, u32> {
    FLOORS.iter().map(|(room, _, floor, _)| (*room, *floor)).collect()
}

/// A Rust file of a room: its path from the workspace's root, and its text.
struct Source {
    room: &'static str,
    path: String,
    text: String,
}

/// Every Rust file below a room's `src`, but generated ones.
fn sources() -> Vec<Source> {
    let root = root();
    let mut all = Vec::new();
    for (room, folder, ..) in FLOORS {
        let mut folders = vec![root.join(folder).join("src")];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.map(|e| e.expect("a folder that is listed").path()) {
                let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
                if path.is_dir() && name != GENERATED {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    all.push(Source { room, path: name, text: fs::read_to_string(&path).expect("a source is text") });
                }
            }
        }
    }
    assert!(all.len() > 100, "the sources were not found below {}", root.display());
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// Whether what follows this line is there for tests only.
fn is_test_mark(line: &str) -> bool {
    ["#[cfg(test)]", "#[cfg(all(test"].iter().any(|mark| line.trim_start().starts_with(mark))
}

/// Files and folders that exist only under `#[cfg(test)] mod name;`.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for source in sources {
        let (folder, file) = source.path.rsplit_once('/').expect("below src");
        let stem = file.strip_suffix(".rs").expect("a Rust file");
        let own = if matches!(stem, "mod" | "lib" | "main") { folder.to_owned() } else { format!("{folder}/{stem}") };
        let mut lines = source.text.lines();
        while let Some(line) = lines.next() {
            if !is_test_mark(line) {
                continue;
            }
            let declared = lines.next().and_then(|l| l.trim().strip_suffix(';')?.rsplit(' ').next());
            if let Some(name) = declared {
                all.extend([format!("{own}/{name}.rs"), format!("{own}/{name}/")]);
            }
        }
    }
    all
}

fn is_test_file(path: &str, tests: &BTreeSet<String>) -> bool {
    tests.iter().any(|t| path == t || t.ends_with('/') && path.starts_with(t.as_str()))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines that ship, with their numbers from 1: without comments, and without items under `#[cfg(test)]`. It relies on
/// formatted code, where an item ends with a brace at its own indentation.
fn shipped_lines(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    while let Some((number, line)) = lines.next() {
        if is_test_mark(line) {
            let level = indent(line);
            let ends = |l: &str| indent(l) == level && (l.trim_end().ends_with(';') || l.trim() == "}");
            for (_, line) in lines.by_ref() {
                if ends(line) {
                    break;
                }
            }
        } else if !line.trim().is_empty() && !line.trim_start().starts_with("//") {
            out.push((number, line));
        }
    }
    out
}

/// Every shipped line of the sources that `offends` says something about, as `path:line: what`.
fn offences(sources: &[Source], offends: impl Fn(&Source, &str) -> Option<String>) -> String {
    let tests = test_files(sources);
    let mut out = String::new();
    for source in sources.iter().filter(|s| !is_test_file(&s.path, &tests)) {
        for (number, line) in shipped_lines(&source.text) {
            if let Some(what) = offends(source, line) {
                writeln!(out, "{}:{number}: {what}: {}", source.path, line.trim()).expect("a string takes it");
            }
        }
    }
    out
}

#[test]
fn every_member_of_the_workspace_is_a_room_with_a_floor() {
    let members = manifest("")["workspace"]["members"].as_array().unwrap().clone();
    let members: BTreeSet<&str> = members.iter().map(|m| m.as_str().unwrap()).collect();
    let rooms: BTreeSet<&str> = FLOORS.iter().map(|(_, folder, ..)| *folder).collect();
    assert_eq!(members, rooms);
    for (room, folder, ..) in FLOORS {
        let name = manifest(folder)["package"]["name"].as_str().unwrap().to_owned();
        assert_eq!(name, format!("ligase-{room}"), "{folder}");
    }
}

#[test]
fn a_room_is_allowed_only_rooms_on_floors_below_its_own() {
    let floors = floors();
    for (room, _, floor, allowed) in FLOORS {
        for other in allowed.iter().filter(|o| **o != "*") {
            let below = floors.get(other).unwrap_or_else(|| panic!("{room} is allowed {other}, which is no room"));
            assert!(below < floor, "{room} on floor {floor} is allowed {other} on floor {below}");
        }
    }
}

#[test]
fn a_room_uses_only_the_rooms_that_it_is_allowed() {
    let floors = floors();
    let mut wrong = String::new();
    for (room, folder, floor, allowed) in FLOORS {
        for other in used(room, folder) {
            let below = floors.get(other.as_str()).is_some_and(|f| f < floor);
            if !below || !(allowed.contains(&"*") || allowed.contains(&other.as_str())) {
                writeln!(wrong, "{folder}/Cargo.toml: {room} must not use {other}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_library_is_named_only_by_the_rooms_that_may() {
    let mut wrong = String::new();
    for (room, folder, ..) in FLOORS {
        let names = dependencies(&manifest(folder));
        for (library, rooms) in LIBRARIES.iter().filter(|(library, _)| names.contains(*library)) {
            if !rooms.contains(room) {
                writeln!(wrong, "{folder}/Cargo.toml: {library} is for {rooms:?}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn one_file_names_sled() {
    let wrong = offences(&sources(), |source, line| {
        let names = line.contains("sled::") && !line.contains("index_sled::");
        (names && source.path != SLED).then(|| "names sled".to_owned())
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn one_file_reads_the_time_of_day() {
    let wrong = offences(&sources(), |source, line| {
        (line.contains("SystemTime::now") && source.path != CLOCK).then(|| "reads the time of day".to_owned())
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn rooms_that_decide_reach_for_nothing_outside() {
    const OUTSIDE: &[&str] = &[
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::",
        "async fn",
        "tokio::",
    ];
    let wrong = offences(&sources(), |source, line| {
        let reached = OUTSIDE.iter().find(|o| PURE.contains(&source.room) && line.contains(**o))?;
        Some(format!("{} is pure and names {reached}", source.room))
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent: Vec<_> = sources().into_iter().filter(|s| !s.text.starts_with("//! ")).map(|s| s.path).collect();
    assert!(silent.is_empty(), "without a `//!` paragraph: {silent:#?}");
}

#[test]
fn no_file_and_no_function_is_too_long_to_read() {
    let mut wrong = String::new();
    for source in &sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            writeln!(wrong, "{}: {lines} lines", source.path).unwrap();
        }
        for (number, length) in
            functions(&shipped_lines(&source.text)).filter(|(_, length)| *length > FUNCTION_LINES_MAX)
        {
            writeln!(wrong, "{}:{number}: a body of {length} lines", source.path).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Where each function begins, and how many shipped lines its body has.
fn functions<'a>(lines: &'a [(usize, &'a str)]) -> impl Iterator<Item = (usize, usize)> + 'a {
    let begins = |line: &str| {
        let words = line.trim_start().split("fn ").next().unwrap_or_default();
        let qualifiers = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe"];
        line.contains("fn ") && words.split_whitespace().all(|w| qualifiers.contains(&w))
    };
    lines.iter().enumerate().filter(move |(_, (_, line))| begins(line)).filter_map(|(at, (number, line))| {
        if line.trim_end().ends_with(';') || line.trim_end().ends_with('}') {
            return None;
        }
        let end = |l: &str| indent(l) == indent(line) && l.trim_start().starts_with('}');
        let last = lines[at..].iter().position(|(_, l)| end(l))?;
        let body = lines[at..].iter().position(|(_, l)| l.trim_end().ends_with('{'))? + 1;
        Some((*number, last.saturating_sub(body)))
    })
}

#[test]
fn nothing_that_ships_unwraps_or_is_left_undone() {
    const UNDONE: &[&str] = &[".unwrap()", "todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX"];
    let wrong = offences(&sources(), |source, line| {
        // What is behind the feature `testing` is a suite for tests.
        let suite = source.path.ends_with("/conformance.rs") || source.path.contains("/testing");
        UNDONE.iter().find(|u| !suite && line.contains(**u)).map(|u| format!("has {u}"))
    });
    assert!(wrong.is_empty(), "{wrong}");
}

/// The rooms that a row of the map's table of floors gives to each of its rooms.
fn drawn() -> BTreeMap<String, (u32, BTreeSet<String>)> {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map is there");
    let names = |cell: &str| cell.split(',').map(|n| n.trim().to_owned()).collect::<BTreeSet<_>>();
    let mut rooms = BTreeMap::new();
    for row in map.lines().filter_map(|l| l.strip_prefix("| ")?.strip_suffix(" |")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let (Some(Ok(floor)), [_, of, uses]) = (cells.first().map(|c| c.parse()), cells.as_slice()) else { continue };
        let uses = match *uses {
            "nothing of the workspace" => BTreeSet::new(),
            "all below" => BTreeSet::from(["*".to_owned()]),
            list => names(list),
        };
        rooms.extend(names(of).into_iter().map(|room| (room, (floor, uses.clone()))));
    }
    rooms
}

#[test]
fn the_map_draws_the_floors_as_they_are() {
    let built = FLOORS.iter().map(|(room, _, floor, allowed)| {
        (room.to_string(), (*floor, allowed.iter().map(|a| a.to_string()).collect::<BTreeSet<_>>()))
    });
    assert_eq!(drawn(), built.collect());
}

#[test]
fn the_papers_name_only_files_that_are_there() {
    let (root, mut wrong) = (root(), String::new());
    for paper in ["README.md", "ARCHITECTURE.md", "GLOSSARY.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(paper)).expect("the paper is there");
        let named = text.split('`').skip(1).step_by(2).filter(|name| !name.contains(['<', '*', ' ', '{', '|']));
        for name in named.filter(|name| FLOORS.iter().any(|(_, folder, ..)| name.starts_with(&format!("{folder}/")))) {
            if !root.join(name).exists() {
                writeln!(wrong, "{paper}: {name}").expect("a string takes it");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn items_under_test_are_not_taken_for_what_ships() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n// c\nfn d() {\n    e();\n}\n#[cfg(test)]\nmod f;\nfn g() {}\n";
    let lines = shipped_lines(text);
    assert_eq!(lines.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 8, 9, 10, 13]);
    assert_eq!(functions(&lines).collect::<Vec<_>>(), [(8, 1)]);
}
