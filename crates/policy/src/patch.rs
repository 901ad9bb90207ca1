//! The gate's structural checks: what a patch may not look like, whoever made it. Pure functions over base bytes, new bytes
//! and paths; the runner filters with them, the coordinator decides with them, on the same bytes and with the same words.
//!
//! They compare with the base and count: what was there before is not the patch's fault, what is added is. They know
//! nothing of findings; whether the patch mends anything is judged elsewhere. Next: `patch/text.rs`.

mod paths;
mod text;

use ligase_domain::{CheckResult, EntryKind, GateCheck, GateVerdict, Origin, RepoPath};
use std::collections::BTreeSet;
use text::Lines;

/// One changed file.
#[derive(Clone, Copy, Debug)]
pub struct ChangedFile<'a> {
    /// Where.
    pub path: &'a RepoPath,
    /// What stands there in the base; none when nothing does.
    pub kind: Option<EntryKind>,
    /// Where the file comes from, as its path says.
    pub origin: Origin,
    /// The base's bytes; empty when there are none.
    pub base: &'a [u8],
    /// The patch's bytes.
    pub new: &'a [u8],
}

/// What a patch is measured by.
#[derive(Clone, Debug)]
pub struct PatchRules {
    /// At most so many files.
    pub max_files: u32,
    /// At most so many lines added and removed.
    pub max_lines: u32,
    /// Top-level modules that may be imported: the repository's own, those that it imports already, the language's own.
    pub known_modules: BTreeSet<String>,
}

impl Default for PatchRules {
    /// What a person reads in one sitting: five files, eighty lines.
    fn default() -> Self {
        Self { max_files: 5, max_lines: 80, known_modules: BTreeSet::new() }
    }
}

/// All structural checks in the gate's order. All are run, so that a report names everything that is wrong.
pub fn structural(files: &[ChangedFile<'_>], rules: &PatchRules) -> Vec<CheckResult> {
    let check = |check, verdict| CheckResult { check, verdict };
    vec![
        check(GateCheck::AllowedPaths, first([allowed_paths(files), plain_text(files)])),
        check(GateCheck::NoSuppression, no_suppression(files)),
        check(GateCheck::TestsKept, tests_kept(files)),
        check(GateCheck::NoDependency, first([no_dependency(files, rules), no_new_url(files)])),
        check(GateCheck::WithinBudget, within_budget(files, rules)),
    ]
}

fn first(verdicts: impl IntoIterator<Item = GateVerdict>) -> GateVerdict {
    verdicts.into_iter().find(|v| *v != GateVerdict::Passed).unwrap_or(GateVerdict::Passed)
}

/// The first file that is refused, with what was seen.
fn each(files: &[ChangedFile<'_>], refused: impl Fn(&ChangedFile<'_>) -> Option<String>) -> GateVerdict {
    let seen = files.iter().find_map(|f| refused(f).map(|seen| format!("{}: {seen}", f.path)));
    seen.map_or(GateVerdict::Passed, GateVerdict::Refused)
}

/// Only regular files that exist; never CI configuration, lock files, declarations, policies, tests, or what tells tools
/// and agents how to look.
pub fn allowed_paths(files: &[ChangedFile<'_>]) -> GateVerdict {
    if files.is_empty() {
        return GateVerdict::Refused("the patch changes nothing".to_owned());
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = files.iter().find(|f| !seen.insert(f.path)) {
        return GateVerdict::Refused(format!("{}: the file stands twice in the patch", twice.path));
    }
    each(files, |file| {
        let kind = match file.kind {
            Some(EntryKind::File | EntryKind::Executable) => None,
            Some(EntryKind::Symlink) => Some("a symbolic link"),
            Some(EntryKind::Submodule) => Some("a submodule"),
            None => Some("a file that the base does not have"),
        };
        let unchanged = (file.base == file.new).then_some("the file is not changed");
        let test = (file.origin == Origin::Test).then_some("a test");
        let foreign = matches!(file.origin, Origin::Generated | Origin::Vendored | Origin::Minified)
            .then_some("a file that is made from something else");
        kind.or(unchanged).or(test).or(foreign).map(str::to_owned).or_else(|| paths::forbidden(file))
    })
}

/// No byte that hides something from a reader: no direction or zero-width character is added, and text stays text.
pub fn plain_text(files: &[ChangedFile<'_>]) -> GateVerdict {
    each(files, |file| {
        let Ok(new) = std::str::from_utf8(file.new) else {
            return Some("the new content is not UTF-8".to_owned());
        };
        let base = String::from_utf8_lossy(file.base);
        text::added_hidden(&base, new).map(|c| format!("adds the hidden character {}", c.escape_unicode()))
    })
}

/// No line that silences a checker is added.
pub fn no_suppression(files: &[ChangedFile<'_>]) -> GateVerdict {
    each(files, |file| text::added_suppression(&lossy(file.base), &lossy(file.new)).map(|s| format!("adds {s:?}")))
}

/// No test is removed, skipped or emptied, wherever it stands.
pub fn tests_kept(files: &[ChangedFile<'_>]) -> GateVerdict {
    each(files, |file| text::weakened_test(&lossy(file.base), &lossy(file.new)))
}

/// No manifest of dependencies is touched, and no module is imported that the repository does not have.
pub fn no_dependency(files: &[ChangedFile<'_>], rules: &PatchRules) -> GateVerdict {
    each(files, |file| {
        if let Some(manifest) = paths::manifest(file.path) {
            return Some(format!("changes {manifest}"));
        }
        text::added_dependency(&lossy(file.base), &lossy(file.new), &rules.known_modules)
    })
}

/// No URL is added: code that calls somewhere new is not a repair.
pub fn no_new_url(files: &[ChangedFile<'_>]) -> GateVerdict {
    each(files, |file| {
        text::added_url(&lossy(file.base), &lossy(file.new))
            .map(|u| format!("adds the URL {}", ligase_document::shown(&u)))
    })
}

/// No more files and lines than a person reads.
pub fn within_budget(files: &[ChangedFile<'_>], rules: &PatchRules) -> GateVerdict {
    if files.len() > rules.max_files as usize {
        return GateVerdict::Refused(format!("{} files, at most {}", files.len(), rules.max_files));
    }
    let lines: usize = files.iter().map(|f| Lines::of(&lossy(f.base)).changed(&Lines::of(&lossy(f.new)))).sum();
    if lines > rules.max_lines as usize {
        return GateVerdict::Refused(format!("{lines} lines added and removed, at most {}", rules.max_lines));
    }
    GateVerdict::Passed
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
