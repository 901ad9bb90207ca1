//! What runs in the child: requests from stdin one after the other, a connection to one server and one answer to stdout for
//! each. A child is needed because a server that stalls or drips cannot be bounded inside a process; killing one can.
//!
//! Credentials come by stdin and go, once, to the scheme, host and port that they are for; a redirect to another host is
//! not followed.

use crate::SourceUrl;
use crate::cache;
use crate::error::VcsError;
use crate::repository::{domain_oid, git_oid, open_handle};
use crate::wire::{Answer, GREETING, Request, VERSION, Work};
use git2::{
    AutotagOption, Cred, Direction, ErrorClass, FetchOptions, RemoteCallbacks, RemoteConnection, RemoteRedirect,
};
use ligase_domain::{FailureReason, Oid};
use ligase_sandbox::{read_frame, write_frame};
use std::cell::Cell;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The largest request; it names one address and one revision.
const MAX_REQUEST_BYTES: usize = 64 << 10;

/// How often it is said how far a fetch is.
const SAY: Duration = Duration::from_millis(250);

/// Serves requests until nobody asks any more. The process should end when this returns; its exit code says nothing, the
/// answers do.
pub fn main(mut stdin: impl Read, mut stdout: impl Write) -> std::io::Result<()> {
    ligase_sandbox::die_with_parent();
    stdout.write_all(GREETING)?;
    stdout.flush()?;
    while let Some(bytes) = read_frame(&mut stdin, MAX_REQUEST_BYTES)? {
        let answer = match serde_json::from_slice::<Request>(&bytes) {
            Ok(request) if request.version == VERSION => serve(&request),
            Ok(request) => Answer::failed(FailureReason::Malformed, format!("request of version {}", request.version)),
            // The cause may quote the request, and with it a credential.
            Err(_) => Answer::failed(FailureReason::Malformed, "a request that does not parse"),
        };
        write_frame(&mut stdout, &answer.to_bytes())?;
        stdout.flush()?;
    }
    Ok(())
}

fn serve(request: &Request) -> Answer {
    let served = catch_unwind(AssertUnwindSafe(|| work(request)));
    match served {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::failed(error.reason, error.detail),
        Err(_) => Answer::failed(FailureReason::Crashed, "git2 panicked on what the server sent"),
    }
}

fn work(request: &Request) -> Result<Answer, VcsError> {
    let url = SourceUrl::parse(&request.url)?;
    let folder = Path::new(&request.folder);
    cache::prepare(folder)?;
    let repo = open_handle(folder)?;
    let mut remote = repo.remote_anonymous(url.as_str()).map_err(|e| VcsError::of("address", &e))?;
    let mut connection = remote
        .connect_auth(Direction::Fetch, Some(callbacks(request, &url)), None)
        .map_err(|e| of_server("connect", &e))?;
    match &request.work {
        Work::Advertise { refs } => advertise(&connection, *refs),
        Work::Fetch { revision, ref_hint, refs, received_bytes, objects } => {
            let revision: Oid =
                revision.parse().map_err(|_| VcsError::new(FailureReason::Malformed, "a revision that is no id"))?;
            let wanted = Wanted { revision, budget: (*received_bytes, *objects) };
            let spec = wanted.refspec(&list(&connection, *refs)?, ref_hint.as_deref());
            wanted.fetch(&repo, &mut connection, &spec, callbacks(request, &url))
        }
    }
}

fn advertise(connection: &RemoteConnection<'_, '_, '_>, limit: usize) -> Result<Answer, VcsError> {
    let refs = list(connection, limit)?;
    let head = connection.default_branch().ok().and_then(|b| b.as_str().ok().map(str::to_owned));
    Ok(Answer::Advertised { head, refs: refs.into_iter().map(|(name, oid)| (name, oid.to_string())).collect() })
}

fn list(connection: &RemoteConnection<'_, '_, '_>, limit: usize) -> Result<Vec<(String, Oid)>, VcsError> {
    let heads = connection.list().map_err(|e| of_server("list", &e))?;
    if heads.len() > limit {
        return Err(VcsError::new(FailureReason::OverBudget, format!("{} refs, the limit is {limit}", heads.len())));
    }
    let mut refs = Vec::with_capacity(heads.len());
    for head in heads {
        // git2 panics on a name that is not UTF-8; such a ref is nobody's default branch and is left out.
        let Ok(name) = catch_unwind(AssertUnwindSafe(|| head.name().to_owned())) else { continue };
        refs.push((name, domain_oid("ref", head.oid())?));
    }
    Ok(refs)
}

struct Wanted {
    revision: Oid,
    budget: (u64, u64),
}

impl Wanted {
    /// The advertised ref that stands at the revision, the hinted one first; else the revision by its id, which only some
    /// servers allow.
    fn refspec(&self, refs: &[(String, Oid)], hint: Option<&str>) -> String {
        let hint = hint.map(|h| if h.starts_with("refs/") { h.to_owned() } else { format!("refs/heads/{h}") });
        let at: Vec<&str> = refs
            .iter()
            .filter(|(name, oid)| *oid == self.revision && git2::Reference::is_valid_name(name) && name != "HEAD")
            .map(|(name, _)| name.as_str())
            .collect();
        let hinted = at.iter().find(|name| hint.as_deref() == Some(**name));
        let branch = at.iter().find(|name| name.starts_with("refs/heads/"));
        let into = cache::kept_ref(&self.revision);
        match hinted.or(branch).or(at.first()) {
            Some(name) => format!("+{name}:{into}"),
            None => format!("+{}:{into}", self.revision),
        }
    }

    fn fetch(
        &self,
        repo: &git2::Repository,
        connection: &mut RemoteConnection<'_, '_, '_>,
        spec: &str,
        mut callbacks: RemoteCallbacks<'_>,
    ) -> Result<Answer, VcsError> {
        let (bytes, objects) = self.budget;
        let seen = Rc::new(Cell::new((0u64, 0u64)));
        let (counter, folder, said) = (Rc::clone(&seen), repo.path().to_owned(), Cell::new(Instant::now()));
        callbacks.transfer_progress(move |progress| {
            counter.set((progress.received_bytes() as u64, progress.total_objects() as u64));
            if said.get().elapsed() >= SAY {
                let steps = [progress.received_bytes(), progress.indexed_objects(), progress.indexed_deltas()];
                cache::say_progress(&folder, steps.map(|n| n as u64));
                said.set(Instant::now());
            }
            counter.get().0 <= bytes && counter.get().1 <= objects
        });
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(callbacks)
            .depth(1)
            .download_tags(AutotagOption::None)
            .update_fetchhead(false)
            .follow_redirects(RemoteRedirect::None);
        let fetched = connection.remote().fetch(&[spec], Some(&mut options), None);
        drop(options);
        let (received_bytes, objects_seen) = seen.get();
        if received_bytes > bytes || objects_seen > objects {
            let what =
                format!("{received_bytes} bytes and {objects_seen} objects, the limits are {bytes} and {objects}");
            return Err(VcsError::new(FailureReason::OverBudget, what));
        }
        let by_id = spec.starts_with(&format!("+{}", self.revision));
        fetched.map_err(|e| match of_server("fetch", &e) {
            // libgit2 does not understand the packet with which a server refuses an id.
            error if by_id && e.message().contains("unexpected packet") => {
                VcsError::new(FailureReason::Superseded, error.detail)
            }
            error => error,
        })?;
        let kept = repo.refname_to_id(&cache::kept_ref(&self.revision)).ok();
        if kept.is_none_or(|k| k.as_bytes() != self.revision.as_bytes()) {
            return Err(VcsError::new(FailureReason::Superseded, format!("no ref holds {}", self.revision)));
        }
        // A child may read without a guard: it can be killed.
        repo.find_commit(git_oid(&self.revision)?).map_err(|e| VcsError::of_object("fetched", &e))?;
        Ok(Answer::Fetched { received_bytes, objects: objects_seen })
    }
}

fn callbacks<'a>(request: &'a Request, url: &'a SourceUrl) -> RemoteCallbacks<'a> {
    let mut callbacks = RemoteCallbacks::new();
    let given = Cell::new(false);
    callbacks.credentials(move |asked, _, _| {
        let same = SourceUrl::parse(asked).is_ok_and(|asked| asked.origin() == url.origin());
        match (&request.username, &request.password) {
            // Asked twice, the first answer was refused; asked for another host, it is none of theirs.
            (Some(username), Some(password)) if same && !given.replace(true) => {
                Cred::userpass_plaintext(username, password)
            }
            _ => Err(git2::Error::new(git2::ErrorCode::Auth, git2::ErrorClass::Http, "not allowed to read it")),
        }
    });
    callbacks
}

fn of_server(what: &str, error: &git2::Error) -> VcsError {
    let text = error.message();
    let says = |part: &str| text.contains(part);
    let reason = if says("object format") {
        FailureReason::ObjectFormat
    } else if says("cannot fetch a specific object") || says("not our ref") {
        FailureReason::Superseded
    } else if says("status code: 404") || says("status code: 403") || says("status code: 401") {
        FailureReason::NotFound
    } else if error.class() == ErrorClass::Os
        && ["connect", "resolve", "socket", "reset", "timed out"].into_iter().any(says)
    {
        FailureReason::Unreachable
    } else {
        return VcsError::of(what, error);
    };
    VcsError::new(reason, format!("{what}: {text}"))
}
