//! Runs a service's own `verify` command on the base and on the patch, each in a jail with a fresh tree, and says what both
//! said together.
//!
//! The command is the pinned base's, never the patch's; the base's tests stand over the patch's. Without a jail nothing is
//! run: it is *unverified* and says so. What the base said is kept, since several patches are made on one base. A failure
//! has to come twice: a test that fails once and passes then is *flaky*, not worse. Next: `remediate.rs`.

use ligase_domain::{Digest, GateVerdict, Oid, Origin, OverlayTree, Patch, ServiceId, SourceTree, VerifyRun};
use ligase_policy::dna::Verify as Command;
use ligase_probe::ProbeSet;
use ligase_remedy::verify::{RunEnd, RunSeen, Verified, compare, read};
use ligase_sandbox::{Ended, Jail, JailLimits, Job, Probed, outside_user};
use ligase_vcs::{CheckoutLimits, checkout};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Runs of one task at most: each takes as long as the service's tests.
const RUNS_MAX: usize = 12;
/// Bases whose runs are kept.
const BASES_MAX: usize = 256;
/// Reports that a command may have written, by the folders that the usual tools use.
const REPORTS: &str = "(surefire-reports|failsafe-reports|test-results|test-reports|junit|reports?/)";

type Run = (RunSeen, VerifyRun);
/// Which run of a base: whose, of what, by which command.
type OfBase = (ServiceId, Oid, Vec<String>);

/// What stands ready to verify: a jail that was tried, a folder for trees, and what bases have said.
#[derive(Clone)]
pub struct Verifier {
    jail: Result<Jail, String>,
    scratch: PathBuf,
    bases: Arc<Mutex<BTreeMap<OfBase, Run>>>,
}

impl Verifier {
    /// With what this machine gives. Trees are written below `scratch`, which everybody must be able to enter.
    pub fn new(probed: &Probed, scratch: PathBuf) -> Self {
        let why = || probed.refused.clone().unwrap_or_default();
        let jail = probed.jail().cloned().ok_or_else(why);
        if let Err(why) = &jail {
            tracing::warn!(why, "there is no jail on this machine: no repository's tests are run, patches are drafts");
        }
        Self { jail, scratch, bases: Arc::default() }
    }
}

/// One task's verification: of patches on one base of one service.
pub struct Verification<'a> {
    /// What stands ready. What it keeps of a base is found by service, revision and command, so that trees without a
    /// revision each need one of their own.
    pub verifier: &'a Verifier,
    /// The base.
    pub base: Arc<dyn SourceTree>,
    /// Whose tests are run.
    pub service: ServiceId,
    /// The base's revision.
    pub revision: Oid,
    /// The command that the base declares; none where it declares none.
    pub command: Option<Command>,
    /// What tells tests from other files.
    pub probes: &'a ProbeSet,
    /// Called again and again while a command runs.
    pub beat: &'a dyn Fn(),
    /// Runs that were made.
    pub runs: usize,
}

impl Verification<'_> {
    /// What the repository's own tests say of a patch.
    pub fn verify(&mut self, patch: &Patch) -> Verified {
        let Some(command) = self.command.clone() else { return Verified::not("no-verify-command") };
        let Ok(jail) = self.verifier.jail.clone() else { return Verified::not("no-sandbox") };
        let base = match self.base_run(&jail, &command) {
            Ok(run) => run,
            Err(reason) => return Verified::not(reason),
        };
        let tree = OverlayTree::new(Arc::clone(&self.base), &without_tests(patch, self.probes));
        let mut runs = vec![base.1];
        for again in [false, true] {
            let (seen, run) = match self.run(&jail, &command, &tree, true) {
                Ok(run) => run,
                Err(reason) => return Verified { verdict: GateVerdict::Unverified(reason), runs },
            };
            runs.push(run);
            match (compare(&base.0, &seen), again) {
                (GateVerdict::Refused(_), false) => {}
                (GateVerdict::Refused(seen), true) => return Verified { verdict: GateVerdict::Refused(seen), runs },
                (_, true) => return Verified { verdict: GateVerdict::Unverified("flaky-tests".to_owned()), runs },
                (verdict, false) => return Verified { verdict, runs },
            }
        }
        Verified { verdict: GateVerdict::Unverified("not-run".to_owned()), runs }
    }

    fn base_run(&mut self, jail: &Jail, command: &Command) -> Result<Run, String> {
        let key = (self.service.clone(), self.revision, command.command.clone());
        let kept = || self.verifier.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = kept().get(&key) {
            return Ok(run.clone());
        }
        let base = Arc::clone(&self.base);
        let run = self.run(jail, command, base.as_ref(), false)?;
        let mut kept = self.verifier.bases.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.len() >= BASES_MAX {
            kept.pop_first();
        }
        kept.insert(key, run.clone());
        Ok(run)
    }

    fn run(&mut self, jail: &Jail, command: &Command, tree: &dyn SourceTree, patched: bool) -> Result<Run, String> {
        if self.runs >= RUNS_MAX {
            return Err("verify-budget".to_owned());
        }
        self.runs += 1;
        let machine = |e: std::io::Error| {
            tracing::warn!(error = %e, "a folder for a repository's tests could not be made");
            "no-scratch".to_owned()
        };
        let folder = tempfile::Builder::new().prefix("ligase-verify-").tempdir_in(&self.verifier.scratch);
        let folder = folder.map_err(machine)?;
        checkout(tree, folder.path(), &CheckoutLimits::default()).map_err(|e| format!("tree-{}", e.reason.name()))?;
        if let Some(user) = outside_user() {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(user)).map_err(machine)?;
        }
        let limits = JailLimits::within(Duration::from_secs(command.timeout_s.into()));
        let job = Job {
            tree: folder.path(),
            folder: &self.service.folder,
            command: &command.command,
            reports: REPORTS,
            limits,
        };
        let (began, beat) = (Instant::now(), self.beat);
        let ran = jail.run(&job, &|| {
            beat();
            false
        });
        let ran = ran.map_err(|error| {
            tracing::warn!(%error, "the jail did not run a command");
            "no-sandbox".to_owned()
        })?;
        let ended = match ran.ended {
            Ended::Exited(code) => RunEnd::Exited(code),
            Ended::NotStarted => RunEnd::Limit("not-started"),
            Ended::TooSlow => RunEnd::Limit("too-slow"),
            Ended::TooMuchOutput => RunEnd::Limit("too-much-output"),
            Ended::TooMuchMemory => RunEnd::Limit("too-much-memory"),
        };
        let tests = read(&ran.output, &ran.reports);
        let run = VerifyRun {
            patched,
            ended: ended.says(),
            runners: tests.runners.iter().map(|r| (*r).to_owned()).collect(),
            passed: tests.passed,
            failed: tests.failed,
            skipped: tests.skipped,
            millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            output: Digest::of(&ran.output),
        };
        Ok((RunSeen { ended, tests }, run))
    }
}

/// The patch without what it would say about tests: whoever is measured does not bring the measure.
fn without_tests(patch: &Patch, probes: &ProbeSet) -> Patch {
    let mut patch = patch.clone();
    patch.changes.retain(|c| probes.class_of(&c.path).origin != Origin::Test);
    patch
}

#[cfg(test)]
mod tests;
