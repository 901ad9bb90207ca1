//! `ops/runbooks` against the sources: every error code that a person can see has a page, and no page is about a code that is
//! gone. It reads text, so it says that a page is there and never that it is true.
//!
//! A code is the text `E-…` in a line that ships. A page is called by a code or by what it begins with (`E-DNA` for
//! `E-DNA-UNKNOWN-KEY`); it names more such beginnings in its paragraph `Also covers`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where codes are raised.
const ROOMS: &[&str] = &["crates", "coordinator", "cli", "worker", "agent-runner", "proto"];
/// Codes that nobody can see today, and why.
const UNSEEN: &[(&str, &str)] = &[("E-STORE-MISMATCH", "nobody puts an object by a digest that somebody else named")];
/// The page of `FailureReason`.
const REASONS: &str = "could-not-look";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace").to_path_buf()
}

/// Files below a folder with an extension, but for those of tests and benches.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let (mut folders, mut all) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("a folder that is listed").path();
            let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            if path.is_dir() && !["tests", "benches", "examples", "target"].contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) && name != "tests.rs" {
                all.push(path);
            }
        }
    }
    all
}

/// The text without comments and without items under `#[cfg(test)]`, which end at a brace of their own indentation.
fn shipped(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut out, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") || line.trim_start().starts_with("#[cfg(all(test") {
            let ends = |l: &str| indent(l) == indent(line) && (l.ends_with(';') || l.trim() == "}");
            lines.by_ref().find(|l| ends(l));
        } else if !line.trim_start().starts_with("//") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Every `E-…` of a text. One that is finished when it runs (`E-GIT-{}`) counts as its beginning, `E-GIT`.
fn codes(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (at, _) in text.match_indices("E-") {
        let before = text[..at].chars().next_back();
        let code: String =
            text[at..].chars().take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '-').collect();
        if code.len() > 2 && !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            all.insert(code.trim_end_matches('-').to_owned());
        }
    }
    all
}

/// The codes that ship; with them the beginnings that are made of a document's kind, as `document` makes them.
fn raised() -> BTreeSet<String> {
    let root = root();
    let sources = ROOMS.iter().flat_map(|room| files(&root.join(room), "rs"));
    let mut all: BTreeSet<String> =
        sources.flat_map(|path| codes(&shipped(&fs::read_to_string(path).expect("a source is text")))).collect();
    assert!(all.len() > 80, "the sources were not found below {}", root.display());
    for path in files(&root.join("catalog"), "yaml") {
        let text = fs::read_to_string(path).expect("a document is text");
        all.extend(
            text.lines()
                .filter_map(|l| l.strip_prefix("kind: "))
                .map(|kind| format!("E-{}", kind.trim().to_uppercase())),
        );
    }
    all.insert("E-ORGANISATION".to_owned());
    all
}

/// Pages by name, and what each covers.
fn pages() -> BTreeMap<String, BTreeSet<String>> {
    let page = |path: PathBuf| {
        let name = path.file_stem().expect("a page has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a page is text");
        let also = text.split("\n\n").find(|p| p.starts_with("Also covers ")).map(codes).unwrap_or_default();
        (name.clone(), also.into_iter().chain([name]).collect())
    };
    files(&root().join("ops/runbooks"), "md").into_iter().map(page).collect()
}

fn covers(family: &str, code: &str) -> bool {
    code == family || code.strip_prefix(family).is_some_and(|rest| rest.starts_with('-'))
}

fn is_unseen(code: &str) -> bool {
    UNSEEN.iter().any(|(unseen, _)| *unseen == code)
}

#[test]
fn every_code_that_a_person_can_see_has_a_page() {
    let pages = pages();
    let has_page = |code: &String| pages.values().flatten().any(|family| covers(family, code));
    let without: Vec<_> = raised().into_iter().filter(|code| !is_unseen(code) && !has_page(code)).collect();
    assert!(without.is_empty(), "write ops/runbooks/<CODE>.md, or say in UNSEEN why nobody sees it: {without:#?}");
}

#[test]
fn no_page_is_about_a_code_that_is_gone() {
    let raised = raised();
    let is_raised = |family: &str| raised.iter().any(|code| covers(family, code));
    // A code that is finished when it runs is known by its beginning alone.
    let is_known = |code: &str| is_raised(code) || raised.iter().any(|beginning| covers(beginning, code));
    let mut gone: Vec<String> = Vec::new();
    for (name, families) in pages() {
        let about = families.into_iter().filter(|family| family != REASONS);
        gone.extend(about.filter(|family| !is_raised(family) || is_unseen(family)).map(|f| format!("{name}: {f}")));
        let text = fs::read_to_string(root().join(format!("ops/runbooks/{name}.md"))).expect("listed above");
        gone.extend(codes(&text).iter().filter(|code| !is_known(code)).map(|code| format!("{name} mentions {code}")));
    }
    gone.extend(UNSEEN.iter().filter(|(code, _)| !raised.contains(*code)).map(|(code, _)| format!("UNSEEN: {code}")));
    assert!(gone.is_empty(), "{gone:#?}");
}

#[test]
fn every_page_says_what_why_what_to_do_and_what_is_safe() {
    for name in pages().into_keys() {
        let text = fs::read_to_string(root().join(format!("ops/runbooks/{name}.md"))).expect("listed above");
        let title = if name == REASONS { "# Could not look\n\n".to_owned() } else { format!("# {name}\n\n") };
        assert!(text.starts_with(&title), "{name} begins with its name");
        let mut rest = text.as_str();
        for part in ["**Why it happens.**", "**What to do.**", "**What is safe.**"] {
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{name} has no {part} after the part before it")).1;
        }
    }
}

#[test]
fn every_reason_not_to_have_looked_is_explained() {
    let text = fs::read_to_string(root().join("crates/domain/src/failure.rs")).expect("the taxonomy is there");
    let reasons: BTreeSet<&str> = shipped_reasons(&text).collect();
    let page = fs::read_to_string(root().join(format!("ops/runbooks/{REASONS}.md"))).expect("the page is there");
    let rows: BTreeSet<&str> = page.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
    assert!(reasons.len() > 5, "the taxonomy was not read");
    assert_eq!(rows, reasons);
    let advised = page.split_once("**What to do.**").expect("it says what to do").1;
    for reason in reasons {
        assert!(advised.contains(&format!("`{reason}`")), "what is to be done about {reason}?");
    }
}

/// The names in `Variant = "name", Retry;`.
fn shipped_reasons(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|l| l.ends_with(", Never;") || l.ends_with(", Later;")).filter_map(|l| l.split('"').nth(1))
}

#[test]
fn links_between_pages_lead_somewhere() {
    let ops = root().join("ops");
    for page in files(&ops, "md") {
        let text = fs::read_to_string(&page).expect("a page is text");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let folder = page.parent().expect("a page stands in a folder");
            assert!(folder.join(target).exists(), "{} links to {target}", page.display());
        }
    }
}

#[test]
fn codes_are_found_where_they_ship_and_nowhere_else() {
    let text = "a(\"E-DNA-NOT-UTF8\");\n// E-OLD\nf(\"E-GIT-{}\");\nlet x = \"RE-USE\";\n#[cfg(test)]\nmod tests {\n    g(\"E-TEST\");\n}\nh(\"E-SELF: x\");\n";
    assert_eq!(codes(&shipped(text)).into_iter().collect::<Vec<_>>(), ["E-DNA-NOT-UTF8", "E-GIT", "E-SELF"]);
    assert!(covers("E-DNA", "E-DNA-NAME") && !covers("E-ORG", "E-ORGANISATION"));
}
