//! What two versions of a text say of each other, by counting lines, words and characters. No parser and no recursion:
//! the texts may be anybody's. Counting errs to the side of refusing.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

fn pattern(cell: &'static OnceLock<Regex>, text: &str) -> &'static Regex {
    cell.get_or_init(|| Regex::new(text).expect("the constant is a pattern"))
}

/// Lines and how often each stands there.
pub(super) struct Lines<'a>(BTreeMap<&'a str, usize>);

impl<'a> Lines<'a> {
    pub fn of(text: &'a str) -> Self {
        let mut lines = BTreeMap::new();
        // `lines()` would drop the difference between line ends, which is a change too.
        text.split_inclusive('\n').for_each(|l| *lines.entry(l).or_insert(0) += 1);
        Self(lines)
    }

    /// Lines added and removed.
    pub fn changed(&self, new: &Lines<'_>) -> usize {
        let more = |a: &Lines<'_>, b: &Lines<'_>| -> usize {
            a.0.iter().map(|(line, n)| n.saturating_sub(b.0.get(line).copied().unwrap_or(0))).sum()
        };
        more(self, new) + more(new, self)
    }
}

/// A character that hides something or turns the direction of what follows, more often in `new` than in `base`.
pub(super) fn added_hidden(base: &str, new: &str) -> Option<char> {
    let hidden = |c: &char| {
        matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}')
            || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    };
    let count = |text: &str| {
        let mut counts: BTreeMap<char, usize> = BTreeMap::new();
        text.chars().filter(hidden).for_each(|c| *counts.entry(c).or_default() += 1);
        counts
    };
    let before = count(base);
    count(new).into_iter().find(|(c, n)| *n > before.get(c).copied().unwrap_or(0)).map(|(c, _)| c)
}

/// What silences a checker, in any language that Ligase reads.
const SUPPRESSIONS: &str = r"(?i)\bnoqa\b|\bnosec\b|\bnosemgrep\b|\btype:\s*ignore|\bpyright:\s*(ignore|basic|off)|\bpylint:\s*(disable|skip)|\bast-grep-ignore|\bcheckov:\s*skip|\bbridgecrew:\s*skip|\btfsec:\s*ignore|\btrivy:\s*ignore|\bterrascan:\s*skip|\bkics-scan\s+(ignore|disable)|\bkics:\s*ignore|\beslint-disable|\btslint:\s*disable|\bts-(ignore|nocheck|expect-error)|\bnoinspection\b|\bnolint\b|\bNOSONAR\b|\bSuppressWarnings\b|\blgtm\s*\[|\bcodeql\[|\bgitleaks:\s*allow|\bpragma:\s*(no\s*cover|allowlist)|\bmypy:\s*ignore|\bruff:\s*noqa|\bflake8:\s*noqa|\bfmt:\s*(off|skip)|\bisort:\s*skip|\bsnyk:\s*ignore|\bdetect-secrets|\bligase:\s*\w|\bsemgrep:\s*ignore|\bhadolint\s+ignore|\byamllint\s+disable|\bshellcheck\s+disable|\bbandit:\s*(skip|ignore)";

/// A marker that silences a checker and stands more often in `new` than in `base`.
pub(super) fn added_suppression(base: &str, new: &str) -> Option<String> {
    static CELL: OnceLock<Regex> = OnceLock::new();
    added(pattern(&CELL, SUPPRESSIONS), base, new)
}

/// The first match (in lower case, without blanks) that stands more often in `new` than in `base`.
fn added(regex: &Regex, base: &str, new: &str) -> Option<String> {
    let count = |text: &str| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for found in regex.find_iter(text) {
            let word: String = found.as_str().to_lowercase().split_whitespace().collect();
            *counts.entry(word).or_default() += 1;
        }
        counts
    };
    let before = count(base);
    count(new).into_iter().find(|(w, n)| *n > before.get(w).copied().unwrap_or(0)).map(|(w, _)| w)
}

/// How a test was weakened, if it was: fewer tests, fewer assertions, or more skips.
pub(super) fn weakened_test(base: &str, new: &str) -> Option<String> {
    static TESTS: OnceLock<Regex> = OnceLock::new();
    static ASSERTS: OnceLock<Regex> = OnceLock::new();
    static SKIPS: OnceLock<Regex> = OnceLock::new();
    let tests = pattern(&TESTS, r"(?m)^\s*(async\s+)?def\s+(test\w*)|^\s*class\s+(Test\w*)|\b(it|test|describe)\(");
    let names =
        |text: &str| -> BTreeSet<String> { tests.find_iter(text).map(|m| m.as_str().trim().to_owned()).collect() };
    let before = names(base);
    if let Some(gone) = before.difference(&names(new)).next() {
        return Some(format!("removes {:?}", ligase_document::shown(gone)));
    }
    let skips = pattern(
        &SKIPS,
        r"(?i)pytest\.(mark\.)?(skip|xfail)\w*|unittest\.(skip|expectedFailure)\w*|\.skipTest\(|@skip\w*|\b(it|test|describe)\.skip|\bxfail\b|\b__test__\s*=\s*False",
    );
    if let Some(skip) = added(skips, base, new) {
        return Some(format!("adds {skip:?}"));
    }
    let asserts = pattern(&ASSERTS, r"\bassert\w*\b|\bexpect\(");
    let (had, has) = (asserts.find_iter(base).count(), asserts.find_iter(new).count());
    (!before.is_empty() && has < had).then(|| format!("has {has} assertions instead of {had}"))
}

/// A module that is neither known nor imported by the base, or another way of bringing code in.
pub(super) fn added_dependency(base: &str, new: &str, known: &BTreeSet<String>) -> Option<String> {
    let before = modules(base);
    if let Some(module) = modules(new).iter().find(|m| !known.contains(*m) && !before.contains(*m)) {
        return Some(format!("imports {:?}, which the repository does not have", ligase_document::shown(module)));
    }
    static CELL: OnceLock<Regex> = OnceLock::new();
    let other = pattern(
        &CELL,
        r#"(?m)\b__import__\s*\(|\bimportlib\b|\bimport_module\s*\(|\brunpy\b|\bpip\s+install\b|\b(exec|eval|compile)\s*\(|^\s*required_providers\b|^\s*module\s+"[^"]*"\s*\{|^\s*provider\s+"[^"]*"\s*\{|^\s*source\s*=|\brequire\s*\("#,
    );
    added(other, base, new).map(|way| format!("adds {way:?}"))
}

/// The top-level modules that Python code imports; relative imports are the repository's own.
fn modules(text: &str) -> BTreeSet<String> {
    static CELL: OnceLock<Regex> = OnceLock::new();
    let import =
        pattern(&CELL, r"(?m)(?:^|[;:])[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+([\w.][^\n;#]*))");
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let top = |dotted: &str| dotted.trim().split(['.', ' ', '\t']).next().unwrap_or("").to_owned();
    let mut out = BTreeSet::new();
    for found in import.captures_iter(&joined) {
        if let Some(from) = found.get(1) {
            out.insert(top(from.as_str()));
        }
        if let Some(list) = found.get(2) {
            out.extend(list.as_str().split(',').map(top));
        }
    }
    out.remove("");
    out
}

/// A URL that the base does not have.
pub(super) fn added_url(base: &str, new: &str) -> Option<String> {
    static CELL: OnceLock<Regex> = OnceLock::new();
    let urls = pattern(
        &CELL,
        r#"(?i)\b(?:https?|wss?|ftps?|ssh|git|s3|gs|file|data|javascript)(?:\+\w+)?:(?://|[^\s/]*,)[^\s"'<>)\]}]*"#,
    );
    let all = |text: &str| -> BTreeSet<String> { urls.find_iter(text).map(|m| m.as_str().to_owned()).collect() };
    all(new).difference(&all(base)).next().cloned()
}
