//! Remote repositories over smart HTTP, from our side: what a server advertises, and one revision fetched into a bounded
//! cache. All talking is done by a child that is killed at its limits (`child.rs`); here are the limits and the answers.
//!
//! It never pushes, never follows a redirect to another host, and never puts a credential into an argument, a variable or an error.

use crate::cache::{self, Exclusive, kept_ref};
use crate::wire::{Answer, Request, VERSION, Work};
use crate::{Repository, SourceUrl, VcsError};
use ligase_domain::{FailureReason, Oid};
use ligase_sandbox::{Finished, Limits, SandboxError, Spec, run_until, write_frame};
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Signals that mean a limit: SIGXCPU and SIGXFSZ of signal(7).
const SIGNAL_PROCESSOR_TIME: i32 = 24;
const SIGNAL_FILE_SIZE: i32 = 25;

/// How to start the child: an executable that calls [`crate::child::main`] with its stdin and stdout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildSpec {
    /// The executable; in production our own.
    pub program: PathBuf,
    /// Its arguments; in production the hidden subcommand `__vcs`.
    pub args: Vec<OsString>,
    /// Variables for it, beyond those for proxies and certificates.
    pub environment: Vec<(OsString, OsString)>,
}

impl ChildSpec {
    /// A program with arguments.
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { program: program.into(), args: args.into_iter().map(Into::into).collect(), environment: Vec::new() }
    }
}

/// What opens a repository on one host. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user, or what the forge wants in its place.
    pub username: String,
    /// The token.
    pub password: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// What talking to one server may cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteLimits {
    /// From start to end of one advertisement.
    pub advertise_wall: Duration,
    /// From start to end of one fetch, and how long one waits for another's fetch into the same cache.
    pub fetch_wall: Duration,
    /// Bytes of the pack on the wire.
    pub received_bytes: u64,
    /// Objects of the pack.
    pub objects: u64,
    /// Refs that a server may advertise.
    pub refs: usize,
    /// Address space of the child.
    pub address_space_bytes: u64,
    /// A cache that is larger is emptied before the next fetch.
    pub cache_bytes: u64,
}

impl Default for RemoteLimits {
    /// Room for the largest repositories at depth 1 (Linux: 0.3 GB, 95,000 objects), and an end for everything else.
    fn default() -> Self {
        Self {
            advertise_wall: Duration::from_secs(60),
            fetch_wall: Duration::from_secs(600),
            received_bytes: 2 << 30,
            objects: 2_000_000,
            refs: 200_000,
            address_space_bytes: 8 << 30,
            cache_bytes: 8 << 30,
        }
    }
}

/// How often it is looked whether a fetch has moved.
const LOOK: Duration = Duration::from_millis(500);

/// Somebody who waits for a fetch.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Whether it is to be ended.
    pub stop: &'a dyn Fn() -> bool,
    /// Called now and then while the repository comes in, and never while its server says nothing that counts.
    pub moved: &'a dyn Fn(),
}

/// What a server advertises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advertised {
    /// The ref that HEAD names, if the server says so: `refs/heads/main`.
    pub head: Option<String>,
    /// All refs as (name, id), sorted by name; `HEAD` is one of them.
    pub refs: Vec<(String, Oid)>,
}

impl Advertised {
    /// The default branch without `refs/heads/`, and its commit.
    pub fn default_branch(&self) -> Result<(String, Oid), VcsError> {
        if self.refs.is_empty() {
            return Err(VcsError::new(FailureReason::EmptyRepository, "the server advertises no ref"));
        }
        let head = self.head.as_deref().and_then(|h| h.strip_prefix("refs/heads/").map(|name| (h, name)));
        let (full, name) = head.ok_or_else(|| VcsError::new(FailureReason::NotFound, "HEAD names no branch"))?;
        let found = self.reference(full);
        let oid = found.ok_or_else(|| {
            VcsError::new(FailureReason::NotFound, format!("HEAD names {name}, which does not exist"))
        })?;
        Ok((name.to_owned(), oid))
    }

    /// What a ref stands at.
    pub fn reference(&self, name: &str) -> Option<Oid> {
        self.refs.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok().map(|i| self.refs[i].1)
    }
}

/// A revision that is there to be read. The cache is not emptied as long as a clone of the repository lives.
#[derive(Debug)]
pub struct Fetched {
    /// The cache.
    pub repository: Repository,
    /// Bytes that came over the wire; 0 when the revision was there already.
    pub received_bytes: u64,
    /// Objects that came.
    pub objects: u64,
    /// Whether nothing had to be fetched.
    pub from_cache: bool,
}

/// One remote repository, with how to reach it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where it is.
    pub url: SourceUrl,
    /// Who does the talking.
    pub child: ChildSpec,
    /// What opens it, if it is not public.
    pub credential: Option<Credential>,
    /// What it may cost.
    pub limits: RemoteLimits,
}

impl Remote {
    /// A public repository, with the usual limits.
    pub fn new(url: SourceUrl, child: ChildSpec) -> Self {
        Self { url, child, credential: None, limits: RemoteLimits::default() }
    }

    /// What the server advertises now.
    pub fn advertise(&self) -> Result<Advertised, VcsError> {
        self.advertise_until(&|| false)
    }

    /// As [`Remote::advertise`]; ends soon after `stop` says true.
    pub fn advertise_until(&self, stop: &dyn Fn() -> bool) -> Result<Advertised, VcsError> {
        let scratch = tempfile::tempdir().map_err(|e| VcsError::machine("scratch folder", &e))?;
        let work = Work::Advertise { refs: self.limits.refs };
        advertised(self.ask(&scratch.path().join("empty.git"), work, self.limits.advertise_wall, stop)?)
    }

    /// One revision, at depth 1, into the bare cache in `folder`, which belongs to this remote alone. `ref_hint` names the
    /// ref that is believed to hold it. `Superseded` when no ref stands at the revision any more and the server does not
    /// give it by its id.
    pub fn fetch(&self, revision: &Oid, ref_hint: Option<&str>, folder: &Path) -> Result<Fetched, VcsError> {
        self.fetch_watched(revision, ref_hint, folder, Watch { stop: &|| false, moved: &|| {} })
    }

    /// As [`Remote::fetch`], with somebody who watches it.
    pub fn fetch_watched(
        &self,
        revision: &Oid,
        ref_hint: Option<&str>,
        folder: &Path,
        watch: Watch<'_>,
    ) -> Result<Fetched, VcsError> {
        // Whoever waits for another's fetch into the same cache sees that one move.
        let seen = RefCell::new((Instant::now(), cache::progress(folder)));
        let stop = &|| {
            let mut seen = seen.borrow_mut();
            if seen.0.elapsed() >= LOOK {
                let now = cache::progress(folder);
                if now != seen.1 {
                    (watch.moved)();
                }
                *seen = (Instant::now(), now);
            }
            (watch.stop)()
        };
        let exclusive = Exclusive::lock(folder, self.limits.fetch_wall, stop)?;
        if let Ok(repository) = Repository::open_with(folder, Some(exclusive.lease()?))
            && repository.reference(&kept_ref(revision))? == Some(*revision)
            && repository.commit_tree(revision).is_ok()
        {
            return Ok(Fetched { repository, received_bytes: 0, objects: 0, from_cache: true });
        }
        exclusive.trim(self.limits.cache_bytes)?;
        let work = Work::Fetch {
            revision: revision.to_string(),
            ref_hint: ref_hint.map(str::to_owned),
            refs: self.limits.refs,
            received_bytes: self.limits.received_bytes,
            objects: self.limits.objects,
        };
        let answer = self.ask(folder, work, self.limits.fetch_wall, stop)?;
        let Answer::Fetched { received_bytes, objects } = answer else { return Err(mixed_up()) };
        let repository = Repository::open_with(folder, Some(exclusive.lease()?))?;
        Ok(Fetched { repository, received_bytes, objects, from_cache: false })
    }

    /// The request for some work in a folder, as a child reads it.
    pub(crate) fn request(&self, folder: &Path, work: Work) -> Result<Vec<u8>, VcsError> {
        let folder =
            folder.to_str().ok_or_else(|| VcsError::new(FailureReason::Machine, "a cache folder that is not UTF-8"))?;
        let (username, password) = self.credential.clone().map(|c| (c.username, c.password)).unzip();
        let request = Request {
            version: VERSION,
            url: self.url.to_string(),
            username,
            password,
            folder: folder.to_owned(),
            work,
        };
        serde_json::to_vec(&request).map_err(|_| mixed_up())
    }

    fn ask(&self, folder: &Path, work: Work, wall: Duration, stop: &dyn Fn() -> bool) -> Result<Answer, VcsError> {
        let mut stdin = Vec::new();
        write_frame(&mut stdin, &self.request(folder, work)?).map_err(|_| mixed_up())?;
        match run_until(&self.spec(), &self.sandbox_limits(wall), &stdin, stop) {
            Ok(finished) => match Answer::find(&finished.stdout) {
                Some(answer) => told(answer),
                None => Err(unanswered(&finished)),
            },
            Err(error) => Err(ended(&error)),
        }
    }

    pub(crate) fn spec(&self) -> Spec {
        let named = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
        let certificates = ["SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "LD_LIBRARY_PATH"];
        let mut environment = self.child.environment.clone();
        // No person's configuration takes part: it could rewrite addresses.
        environment.push(("HOME".into(), "/nonexistent".into()));
        environment.push(("XDG_CONFIG_HOME".into(), "/nonexistent".into()));
        Spec {
            program: self.child.program.clone(),
            args: self.child.args.clone(),
            inherit: named.iter().chain(&certificates).map(|n| (*n).to_owned()).collect(),
            environment,
            folder: None,
            user: None,
        }
    }

    pub(crate) fn sandbox_limits(&self, wall: Duration) -> Limits {
        // A ref with its id takes 100 to 300 bytes of answer.
        let stdout_bytes = (64 << 10) + self.limits.refs.saturating_mul(300);
        // A thin pack grows by the objects that it refers to; an index has 32 bytes an object.
        let file_bytes = self.limits.received_bytes.saturating_mul(2).max(64 << 20);
        Limits {
            stdout_bytes,
            address_space_bytes: Some(self.limits.address_space_bytes),
            file_bytes: Some(file_bytes),
            ..Limits::within(wall)
        }
    }
}

/// What an answer to a question for refs says.
pub(crate) fn advertised(answer: Answer) -> Result<Advertised, VcsError> {
    let Answer::Advertised { head, refs } = answer else { return Err(mixed_up()) };
    let mut refs = refs
        .into_iter()
        .map(|(name, oid)| oid.parse().map(|oid| (name, oid)).map_err(|_| mixed_up()))
        .collect::<Result<Vec<(String, Oid)>, _>>()?;
    refs.sort();
    Ok(Advertised { head, refs })
}

/// An answer that is no failure.
pub(crate) fn told(answer: Answer) -> Result<Answer, VcsError> {
    match answer {
        Answer::Failed { reason, detail } => {
            Err(VcsError::new(FailureReason::parse(&reason).unwrap_or(FailureReason::Malformed), detail))
        }
        answer => Ok(answer),
    }
}

/// Why a child gave no answer.
pub(crate) fn ended(error: &SandboxError) -> VcsError {
    let reason = match error {
        SandboxError::TooSlow { .. } => FailureReason::TooSlow,
        SandboxError::TooMuchOutput { .. } => FailureReason::OverBudget,
        SandboxError::Ended { signal, .. } => of_signal(*signal),
        SandboxError::Stopped | SandboxError::Garbled(_) => FailureReason::Crashed,
        _ => FailureReason::Machine,
    };
    VcsError::new(reason, error.to_string())
}

fn of_signal(signal: Option<i32>) -> FailureReason {
    match signal {
        Some(SIGNAL_FILE_SIZE) => FailureReason::OverBudget,
        Some(SIGNAL_PROCESSOR_TIME) => FailureReason::TooSlow,
        _ => FailureReason::Crashed,
    }
}

pub(crate) fn mixed_up() -> VcsError {
    VcsError::new(FailureReason::Malformed, "the child answered another question")
}

fn unanswered(finished: &Finished) -> VcsError {
    let said = String::from_utf8_lossy(&finished.stderr);
    VcsError::new(of_signal(finished.signal), format!("code {:?}, signal {:?}: {said}", finished.code, finished.signal))
}
