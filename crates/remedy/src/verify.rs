//! The repository's own tests, base against base plus patch: what two runs of one command say together. The commands run
//! elsewhere, in a jail; here their words are read and compared.
//!
//! Three values: *no worse* where at least one test ran and passed on both, *worse*, and *unverified* with a reason.
//! A command that ends well and names no test proves nothing. Next: `verify/runners.rs`.

mod counts;
mod runners;

pub use runners::{Tests, read};

use ligase_domain::{GateVerdict, Patch, VerifyRun};
use std::collections::BTreeSet;

/// Runs the repository's own command on a patch: given by whoever has a jail.
pub type Verify<'a> = &'a mut dyn FnMut(&Patch) -> Verified;

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// No worse, worse, or not known with the reason.
    pub verdict: GateVerdict,
    /// The runs that it is told from.
    pub runs: Vec<VerifyRun>,
}

impl Verified {
    /// Nothing ran.
    pub fn not(reason: impl Into<String>) -> Self {
        Self { verdict: GateVerdict::Unverified(reason.into()), runs: Vec::new() }
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunEnd {
    /// With this exit code.
    Exited(i32),
    /// By a limit, by its stable name: `too-slow`, `too-much-memory`, `too-much-output`, `not-started`.
    Limit(&'static str),
}

impl RunEnd {
    /// In words.
    pub fn says(&self) -> String {
        match self {
            Self::Exited(code) => format!("exit {code}"),
            Self::Limit(name) => (*name).to_owned(),
        }
    }
}

/// One run: how it ended and which tests it told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunSeen {
    /// How it ended.
    pub ended: RunEnd,
    /// Its tests.
    pub tests: Tests,
}

/// Names of tests that are listed in a refusal.
const NAMED: usize = 5;

/// What two runs say together.
pub fn compare(base: &RunSeen, patched: &RunSeen) -> GateVerdict {
    let unverified = |reason: &str| GateVerdict::Unverified(reason.to_owned());
    let code = match (&base.ended, &patched.ended) {
        (RunEnd::Limit(name), _) => return GateVerdict::Unverified(format!("base-{name}")),
        (_, RunEnd::Limit(name)) => return GateVerdict::Unverified(format!("patch-{name}")),
        (RunEnd::Exited(base), RunEnd::Exited(patched)) => (*base, *patched),
    };
    let (was, is) = (&base.tests, &patched.tests);
    match code {
        (126 | 127, _) if was.passed == 0 => unverified("command-not-found"),
        (0, _) if was.passed == 0 => unverified("no-test-seen"),
        (0, 0) if is.failed > was.failed => worse(was, is, "more tests fail"),
        (0, 0) if is.passed < was.passed => worse(was, is, "fewer tests pass"),
        (0, 0) => GateVerdict::Passed,
        (0, code) => worse(was, is, &format!("the command ends with exit {code}")),
        (_, 0) if was.passed > 0 && is.passed >= was.passed && is.failed == 0 => GateVerdict::Passed,
        _ if was.passed == 0 || is.passed == 0 => unverified("base-fails"),
        _ => by_name(was, is),
    }
}

/// Where the base fails already, only tests that are known by name can tell.
fn by_name(was: &Tests, is: &Tests) -> GateVerdict {
    if was.complete() && is.complete() {
        let lost = lost(was, is);
        return if lost.is_empty() {
            GateVerdict::Passed
        } else {
            GateVerdict::Refused(format!("no longer passes: {}", listed(&lost)))
        };
    }
    let new: BTreeSet<&str> = is.failing.difference(&was.failing).map(String::as_str).collect();
    let told = is.failing.len() as u64 == is.failed && was.failing.len() as u64 == was.failed && was.failed > 0;
    match (new.is_empty(), told) {
        (false, _) => GateVerdict::Refused(format!("fails and did not before: {}", listed(&new))),
        // Every failing test is known by name, none is new, and as many pass as before.
        (true, true) if is.passed >= was.passed => GateVerdict::Passed,
        (true, _) => GateVerdict::Unverified("base-fails".to_owned()),
    }
}

fn lost<'a>(was: &'a Tests, is: &'a Tests) -> BTreeSet<&'a str> {
    was.passing.difference(&is.passing).map(String::as_str).collect()
}

fn worse(was: &Tests, is: &Tests, what: &str) -> GateVerdict {
    let mut names: BTreeSet<&str> = is.failing.difference(&was.failing).map(String::as_str).collect();
    if names.is_empty() && was.complete() && is.complete() {
        names = lost(was, is);
    }
    let named = if names.is_empty() { String::new() } else { format!(": {}", listed(&names)) };
    GateVerdict::Refused(format!("{what}; {} passed before, {} with the patch{named}", was.passed, is.passed))
}

fn listed(names: &BTreeSet<&str>) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|n| ligase_document::shown(n).to_string()).collect();
    let more = names.len().saturating_sub(NAMED);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests;
