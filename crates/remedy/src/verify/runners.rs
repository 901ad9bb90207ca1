//! Which tests a run tells of: by the words of the usual runners, by TAP, or by JUnit's reports. What nobody here knows is no
//! test: it is said as *no-test-seen* and never taken for success. Next: `counts.rs`.

use super::counts::{Part, SUMS, Sums};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Names of tests that are kept; of more, only the number is known.
const NAMES: usize = 20_000;
/// A line is looked at to this length.
const LINE: usize = 4_000;

/// Tests that a run told of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tests {
    /// Runners whose words were recognised.
    pub runners: BTreeSet<&'static str>,
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// Names of those that passed, where they were said.
    pub passing: BTreeSet<String>,
    /// Names of those that failed, where they were said.
    pub failing: BTreeSet<String>,
}

impl Tests {
    /// Whether every test that passed is known by its name.
    pub fn complete(&self) -> bool {
        self.passed > 0 && self.passing.len() as u64 == self.passed && self.passing.len() < NAMES
    }

    fn name(&mut self, passed: bool, name: &str) {
        let names = if passed { &mut self.passing } else { &mut self.failing };
        if names.len() < NAMES {
            names.insert(name.trim().chars().take(300).collect());
        }
    }
}

struct Row {
    sums: &'static Sums,
    line: Regex,
    parts: Vec<(Part, Regex)>,
}

/// Reads what a run printed, and the JUnit reports that it wrote, one after another. Reports count where no runner's words
/// were recognised: most runners that write them print the same sums.
pub fn read(output: &[u8], reports: &[u8]) -> Tests {
    let text = plain(&String::from_utf8_lossy(output));
    let lines: Vec<&str> = text.lines().map(|l| l.get(..LINE).unwrap_or(l)).collect();
    let mut tests = Tests::default();
    for row in rows() {
        sums(row, &lines, &mut tests);
    }
    go(&lines, &mut tests);
    names(&lines, &mut tests);
    if tests.runners.is_empty() {
        tap(&lines, &mut tests);
    }
    if tests.runners.is_empty() {
        junit(&String::from_utf8_lossy(reports), &mut tests);
    }
    tests
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of ours; all of them are compiled by a test")
}

fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let parts = |s: &'static Sums| s.parts.iter().map(|(part, text)| (*part, pattern(text))).collect();
        SUMS.iter().map(|sums| Row { sums, line: pattern(sums.line), parts: parts(sums) }).collect()
    })
}

/// Without the colours of a terminal.
fn plain(text: &str) -> String {
    static CELL: OnceLock<Regex> = OnceLock::new();
    CELL.get_or_init(|| pattern("\u{1b}\\[[0-9;?]*[ -/]*[@-~]|\r")).replace_all(text, "").into_owned()
}

fn sums(row: &Row, lines: &[&str], tests: &mut Tests) {
    for (at, _) in lines.iter().enumerate().filter(|(_, l)| row.line.is_match(l)) {
        tests.runners.insert(row.sums.runner);
        if row.parts.is_empty() {
            tests.passed += 1;
            continue;
        }
        let block = &lines[at..lines.len().min(at + 1 + row.sums.after)];
        let sum = |wanted: Part| -> u64 {
            let of = row.parts.iter().filter(|(part, _)| *part == wanted);
            // Each number once: the first line of the block that has it.
            of.filter_map(|(_, regex)| {
                block.iter().find_map(|l| regex.captures(l)?.get(1)?.as_str().parse::<u64>().ok())
            })
            .fold(0, u64::saturating_add)
        };
        let (failed, skipped) = (sum(Part::Failed), sum(Part::Skipped));
        let passed = sum(Part::Passed).max(sum(Part::Total).saturating_sub(failed).saturating_sub(skipped));
        tests.passed = tests.passed.saturating_add(passed);
        tests.failed = tests.failed.saturating_add(failed);
        tests.skipped = tests.skipped.saturating_add(skipped);
    }
}

/// Go tells of packages; with `-v` or `-json` of tests too.
fn go(lines: &[&str], tests: &mut Tests) {
    static CELL: OnceLock<[Regex; 3]> = OnceLock::new();
    let [package, test, event] = CELL.get_or_init(|| {
        [
            pattern(r"^(ok|FAIL)\s+(\S+)\s+(?:\(cached\)|[\d.]+s|\[(?:build|setup) failed\])"),
            pattern(r"^\s*--- (PASS|FAIL|SKIP): (\S+)"),
            pattern(r#"^\{"Time":.*"Action":"(pass|fail|skip)","Package":"([^"]+)"(?:,"Test":"([^"]+)")?"#),
        ]
    });
    let (mut tested, mut seen) = ([0_u64; 3], BTreeSet::new());
    let mut note = |what: &str, name: String, tests: &mut Tests| {
        if !seen.insert((what.to_owned(), name.clone())) {
            return;
        }
        match what {
            "PASS" | "pass" => {
                tested[0] += 1;
                tests.name(true, &name);
            }
            "FAIL" | "fail" => {
                tested[1] += 1;
                tests.name(false, &name);
            }
            _ => tested[2] += 1,
        }
    };
    let (mut failed, mut at) = (0, "");
    for line in lines {
        if let Some(found) = test.captures(line) {
            note(&found[1], format!("{at}{}", &found[2]), tests);
        } else if let Some(found) = event.captures(line) {
            let Some(name) = found.get(3) else { continue };
            tests.runners.insert("go");
            note(&found[1], format!("{}.{}", &found[2], name.as_str()), tests);
        } else if let Some(found) = package.captures(line) {
            tests.runners.insert("go");
            failed += u64::from(&found[1] == "FAIL");
            at = "";
        }
    }
    if tests.runners.contains("go") && tested != [0, 0, 0] {
        // Tests are known, so packages are not counted beside them.
        tests.passed = tested[0];
        tests.failed = tested[1].max(failed.min(1));
        tests.skipped = tested[2];
    } else {
        tests.failed += failed;
    }
}

/// Names of single tests, as runners print them.
fn names(lines: &[&str], tests: &mut Tests) {
    static CELL: OnceLock<Vec<(bool, Regex)>> = OnceLock::new();
    let known = CELL.get_or_init(|| {
        vec![
            (true, pattern(r"^(\S+::\S.*?) PASSED(?:\s+\[ *\d+%\])?$")),
            (false, pattern(r"^(\S+::\S.*?) (?:FAILED|ERROR)(?:\s+\[ *\d+%\])?$")),
            (false, pattern(r"^(?:FAILED|ERROR) (\S+::\S+)")),
            (true, pattern(r"^(\w+ \([\w.]+\)).* \.\.\. ok$")),
            (false, pattern(r"^(?:FAIL|ERROR): (\w+ \([\w.]+\))")),
            (true, pattern(r"^test (\S+)(?: - should panic)? \.\.\. ok$")),
            (false, pattern(r"^test (\S+)(?: - should panic)? \.\.\. FAILED$")),
            (true, pattern(r"^\s+PASS \[ *[\d.]+s\] (?:\( *\d+/\d+\) )?(\S.*)$")),
            (false, pattern(r"^\s+FAIL \[ *[\d.]+s\] (?:\( *\d+/\d+\) )?(\S.*)$")),
            (true, pattern(r"^\s*[✓✔] (.*?)(?: \([\d.]+ ?m?s\))?$")),
            (false, pattern(r"^\s*[✕✖×] (.*?)(?: \([\d.]+ ?m?s\))?$")),
            (false, pattern(r"^rspec (\S+:\d+|\S+\[[\d:]+\]) # ")),
            (false, pattern(r"^(?:\[ERROR\] )(?:  )(\w[\w.$]*:\d+) ")),
        ]
    });
    for line in lines {
        for (passed, regex) in known {
            if let Some(name) = regex.captures(line).and_then(|c| c.get(1)) {
                tests.name(*passed, name.as_str());
                break;
            }
        }
    }
}

/// The Test Anything Protocol: `ok 1 - name`, with a plan.
fn tap(lines: &[&str], tests: &mut Tests) {
    static CELL: OnceLock<[Regex; 2]> = OnceLock::new();
    let [plan, point] = CELL.get_or_init(|| {
        [pattern(r"^1\.\.\d+"), pattern(r"^(ok|not ok)\s+\d+(?:\s+-)?\s*([^#]*)(?:#\s*(?i:(skip|todo)))?")]
    });
    if !lines.iter().any(|l| plan.is_match(l)) {
        return;
    }
    tests.runners.insert("tap");
    for found in lines.iter().filter_map(|l| point.captures(l)) {
        let name = found.get(2).map_or("", |n| n.as_str()).trim();
        match (&found[1], found.get(3).is_some()) {
            (_, true) => tests.skipped += 1,
            ("ok", false) => {
                tests.passed += 1;
                tests.name(true, name);
            }
            _ => {
                tests.failed += 1;
                tests.name(false, name);
            }
        }
    }
}

/// JUnit's reports: one element a test, with an element inside where it did not pass.
fn junit(text: &str, tests: &mut Tests) {
    static CELL: OnceLock<[Regex; 3]> = OnceLock::new();
    let [part, name, class] = CELL.get_or_init(|| {
        [
            pattern(r#"<(/?)(testcase|failure|error|skipped)\b((?:[^<>"']|"[^"]*"|'[^']*')*?)(/?)>"#),
            pattern(r#"\sname\s*=\s*"([^"]*)""#),
            pattern(r#"\sclassname\s*=\s*"([^"]*)""#),
        ]
    });
    let mut open: Option<(String, &str)> = None;
    let mut ended: Vec<(String, &str)> = Vec::new();
    for found in part.captures_iter(text) {
        let (closes, what, empty) =
            (!found[1].is_empty(), found.get(2).map_or("", |m| m.as_str()), !found[4].is_empty());
        match what {
            "testcase" if closes => ended.extend(open.take()),
            "testcase" => {
                ended.extend(open.take());
                let attribute = |r: &Regex| r.captures(&found[3]).map_or(String::new(), |c| c[1].to_owned());
                let case = (format!("{}.{}", attribute(class), attribute(name)), "passed");
                if empty {
                    ended.push(case);
                } else {
                    open = Some(case);
                }
            }
            _ => {
                if let Some((_, outcome)) = &mut open
                    && !closes
                {
                    *outcome = if what == "skipped" { "skipped" } else { "failed" };
                }
            }
        }
    }
    ended.extend(open);
    for (name, outcome) in ended {
        tests.runners.insert("junit");
        match outcome {
            "passed" => {
                tests.passed += 1;
                tests.name(true, &name);
            }
            "failed" => {
                tests.failed += 1;
                tests.name(false, &name);
            }
            _ => tests.skipped += 1,
        }
    }
}
