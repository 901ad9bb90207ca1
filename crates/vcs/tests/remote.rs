//! Smart HTTP with a real git server, and with servers that stall, drip, flood and redirect. The child is this test binary.

#![allow(clippy::unwrap_used)]

mod fixture;
#[path = "fixture/http.rs"]
mod http;

use fixture::{Fixture, git};
use http::{Behaviour, Server};
use ligase_domain::{FailureReason, Oid, SourceTree};
use ligase_vcs::{ChildSpec, Credential, Inquiry, Remote, RemoteLimits, SourceUrl, VcsError};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const CHILD: &str = "LIGASE_TEST_CHILD";
/// A file in which each child leaves a line.
const STARTED: &str = "LIGASE_TEST_STARTED";

/// Not a test of its own: what the child does when this binary is started again.
#[test]
fn child_process() {
    if std::env::var_os(CHILD).is_some() {
        if let Some(log) = std::env::var_os(STARTED) {
            let mut log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
            std::io::Write::write_all(&mut log, b"started\n").unwrap();
        }
        ligase_vcs::child::main(std::io::stdin(), std::io::stdout()).unwrap();
    }
}

fn child() -> ChildSpec {
    let mut child = ChildSpec::new(std::env::current_exe().unwrap(), ["--exact", "child_process", "--nocapture"]);
    child.environment.push((CHILD.into(), "1".into()));
    child
}

fn remote(server: &Server, name: &str) -> Remote {
    let mut remote = Remote::new(SourceUrl::parse(&format!("{}/{name}", server.url)).unwrap(), child());
    remote.limits.advertise_wall = Duration::from_secs(20);
    remote.limits.fetch_wall = Duration::from_secs(30);
    remote
}

struct Served {
    fixture: Fixture,
    bare: PathBuf,
    server: Server,
}

fn serve(files: &[(&str, &str)]) -> Served {
    let fixture = Fixture::with(files);
    let bare = fixture.bare();
    let server = Server::start(Behaviour::Serve(fixture.root.path().to_owned()));
    Served { fixture, bare, server }
}

impl Served {
    fn remote(&self) -> Remote {
        remote(&self.server, "bare.git")
    }

    fn cache(&self) -> PathBuf {
        self.fixture.root.path().join("caches/one.git")
    }

    fn push(&self, files: &[(&str, &str)]) -> Oid {
        let head = self.fixture.commit(files, "more");
        git(&self.fixture.work(), &["push", "-q", "-f", "../bare.git", "main"]);
        head
    }
}

fn reason<T: std::fmt::Debug>(result: Result<T, VcsError>) -> FailureReason {
    let error = result.unwrap_err();
    error.reason
}

#[test]
fn an_advertisement_has_the_default_branch_and_all_refs() {
    let served = serve(&[("a", "b")]);
    git(&served.bare, &["branch", "side", "main"]);
    let advertised = served.remote().advertise().unwrap();
    let head = served.fixture.head();
    assert_eq!(advertised.default_branch().unwrap(), ("main".to_owned(), head));
    assert_eq!(advertised.reference("refs/heads/side"), Some(head));
    assert_eq!(advertised.reference("refs/heads/no"), None);
    assert_eq!(reason(remote(&served.server, "missing.git").advertise()), FailureReason::NotFound);
}

#[test]
fn many_repositories_of_one_server_are_asked_by_one_child_until_it_fails() {
    let (served, other) = (serve(&[("a", "b")]), serve(&[("c", "d")]));
    let log = served.fixture.root.path().join("started");
    let with_log = |mut remote: Remote| {
        remote.child.environment.push((STARTED.into(), log.clone().into()));
        remote
    };
    let started = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    let (mine, theirs) = (with_log(served.remote()), with_log(other.remote()));
    let missing = with_log(remote(&served.server, "missing.git"));
    let mut inquiry = Inquiry::default();
    for _ in 0..3 {
        assert_eq!(inquiry.advertise(&mine).unwrap().default_branch().unwrap().1, served.fixture.head());
        assert_eq!(reason(inquiry.advertise(&missing)), FailureReason::NotFound);
    }
    assert_eq!(started(), 1, "a refusal is an answer");
    assert_eq!(inquiry.advertise(&theirs).unwrap().default_branch().unwrap().1, other.fixture.head());
    assert_eq!(started(), 2, "no child talks to two origins");
    // One that stalls costs its own answer, and nobody else's.
    served.server.become_(Behaviour::Stall);
    let mut slow = mine.clone();
    slow.limits.advertise_wall = Duration::from_secs(2);
    assert_eq!(reason(inquiry.advertise(&slow)), FailureReason::TooSlow);
    served.server.become_(Behaviour::Serve(served.fixture.root.path().to_owned()));
    assert_eq!(inquiry.advertise(&mine).unwrap().default_branch().unwrap().1, served.fixture.head());
    assert_eq!(started(), 4);
    let mut dead = mine;
    dead.child = ChildSpec::new("/bin/sh", ["-c", "kill -9 $$"]);
    assert_eq!(reason(Inquiry::default().advertise(&dead)), FailureReason::Crashed);
}

#[test]
fn an_empty_and_a_sha256_repository_have_their_reasons() {
    let served = serve(&[("a", "b")]);
    let root = served.fixture.root.path();
    git(root, &["init", "-q", "--bare", "empty.git"]);
    let empty = remote(&served.server, "empty.git").advertise().and_then(|a| a.default_branch());
    assert_eq!(reason(empty), FailureReason::EmptyRepository);
    git(root, &["init", "-q", "--bare", "--object-format=sha256", "new.git"]);
    let tree = fixture::git_with(&root.join("new.git"), &["mktree"], b"");
    let commit = git(&root.join("new.git"), &["commit-tree", "-m", "x", &tree]);
    git(&root.join("new.git"), &["update-ref", "refs/heads/main", &commit]);
    assert_eq!(reason(remote(&served.server, "new.git").advertise()), FailureReason::ObjectFormat);
}

#[test]
fn one_revision_is_fetched_shallow_and_the_second_fetch_is_small() {
    let big: String = (0..20_000).map(|n| format!("{}\n", n * 7919 % 104_729)).collect();
    let served = serve(&[("src/a.py", "x = 1\n"), ("big", &big)]);
    let (remote, cache) = (served.remote(), served.cache());
    let head = served.fixture.head();
    let first = remote.fetch(&head, Some("main"), &cache).unwrap();
    assert!(!first.from_cache && first.received_bytes > 10_000);
    let tree = first.repository.revision(&head).unwrap();
    assert_eq!(tree.entries().unwrap().len(), 2);
    let entry = tree.entry(&"src/a.py".into()).unwrap().unwrap();
    assert_eq!(tree.read(&entry, 100).unwrap(), b"x = 1\n");
    let requests = served.server.requests();
    assert!(remote.fetch(&head, None, &cache).unwrap().from_cache);
    assert_eq!(served.server.requests(), requests);
    let next = served.push(&[("src/a.py", "x = 2\n")]);
    let second = remote.fetch(&next, Some("refs/heads/main"), &cache).unwrap();
    assert!(second.received_bytes < 3000, "{}", second.received_bytes);
    let entry = second.repository.entry_at(&next, &"src/a.py".into()).unwrap().unwrap();
    assert_eq!(second.repository.revision(&next).unwrap().read(&entry, 100).unwrap(), b"x = 2\n");
    // The first revision is still there for whoever reads it.
    assert_eq!(tree.read(&tree.entry(&"src/a.py".into()).unwrap().unwrap(), 100).unwrap(), b"x = 1\n");
}

#[test]
fn a_revision_that_no_ref_holds_is_superseded_unless_the_server_gives_it_by_id() {
    let served = serve(&[("a", "1")]);
    let old = served.fixture.head();
    let new = served.push(&[("a", "2")]);
    let (remote, cache) = (served.remote(), served.cache());
    assert_eq!(reason(remote.fetch(&old, Some("main"), &cache)), FailureReason::Superseded);
    assert_eq!(reason(remote.fetch(&Oid::Sha1([9; 20]), Some("main"), &cache)), FailureReason::Superseded);
    assert_eq!(reason(remote.fetch(&old, Some("no-such-branch"), &cache)), FailureReason::Superseded);
    git(&served.bare, &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    let fetched = remote.fetch(&old, Some("main"), &cache).unwrap();
    assert!(fetched.repository.revision(&old).unwrap().entries().is_ok());
    assert_eq!(reason(remote.fetch(&Oid::Sha1([9; 20]), Some("main"), &cache)), FailureReason::Superseded);
    assert!(remote.fetch(&new, Some("main"), &cache).is_ok());
}

#[test]
fn a_pack_over_its_budget_is_cut_off() {
    let noise: String = (0..60_000u64).map(|n| format!("{:016x}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let served = serve(&[("noise", &noise)]);
    let mut remote = served.remote();
    remote.limits.received_bytes = 50_000;
    let error = remote.fetch(&served.fixture.head(), None, &served.cache()).unwrap_err();
    assert_eq!(error.reason, FailureReason::OverBudget, "{error}");
    remote.limits = RemoteLimits { objects: 2, ..RemoteLimits::default() };
    assert_eq!(reason(remote.fetch(&served.fixture.head(), None, &served.cache())), FailureReason::OverBudget);
    remote.limits = RemoteLimits { refs: 1, ..RemoteLimits::default() };
    assert_eq!(reason(remote.advertise()), FailureReason::OverBudget);
    // What the cut-off attempts left behind does not hurt the next one.
    remote.limits = RemoteLimits::default();
    assert!(remote.fetch(&served.fixture.head(), None, &served.cache()).is_ok());
}

#[test]
fn a_server_that_stalls_or_drips_is_ended_by_the_clock() {
    for behaviour in [Behaviour::Stall, Behaviour::Drip(Duration::from_millis(100))] {
        let server = Server::start(behaviour);
        let mut remote = remote(&server, "x.git");
        remote.limits.advertise_wall = Duration::from_secs(2);
        remote.limits.fetch_wall = Duration::from_secs(2);
        let start = Instant::now();
        assert_eq!(reason(remote.advertise()), FailureReason::TooSlow);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(reason(remote.fetch(&Oid::Sha1([1; 20]), None, &folder.path().join("c"))), FailureReason::TooSlow);
        assert!(start.elapsed() < Duration::from_secs(8));
        let start = Instant::now();
        let stopped = remote.advertise_until(&|| start.elapsed() > Duration::from_millis(300));
        assert_eq!(reason(stopped), FailureReason::Crashed);
    }
}

#[test]
fn a_flood_of_refs_is_over_budget_and_nonsense_is_unreachable() {
    let server = Server::start(Behaviour::Drip(Duration::ZERO));
    let mut flooded = remote(&server, "x.git");
    flooded.limits = RemoteLimits {
        advertise_wall: Duration::from_secs(20),
        address_space_bytes: 600 << 20,
        ..RemoteLimits::default()
    };
    let error = flooded.advertise().unwrap_err();
    assert!(
        matches!(error.reason, FailureReason::OverBudget | FailureReason::TooSlow | FailureReason::Crashed),
        "{error}"
    );
    server.become_(Behaviour::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec()));
    assert!(remote(&server, "x.git").advertise().is_err());
    server.become_(Behaviour::Bytes(b"\0\x1b]0;owned\x07".to_vec()));
    let error = remote(&server, "x.git").advertise().unwrap_err();
    assert!(!error.to_string().chars().any(char::is_control));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Remote::new(SourceUrl::parse(&format!("http://{closed}/x.git")).unwrap(), child());
    assert_eq!(reason(gone.advertise()), FailureReason::Unreachable);
}

#[test]
fn credentials_go_to_their_host_and_are_left_nowhere() {
    let served = serve(&[("a", "b")]);
    let root = served.fixture.root.path().to_owned();
    let guarded = Server::start(Behaviour::Guarded(root, "Basic YW5uOmNhbmFyeS10b2tlbg==".to_owned()));
    let mut remote = remote(&guarded, "bare.git");
    assert_eq!(reason(remote.advertise()), FailureReason::NotFound);
    remote.credential = Some(Credential { username: "ann".into(), password: "canary-token".into() });
    assert!(remote.advertise().is_ok());
    assert!(remote.fetch(&served.fixture.head(), None, &served.cache()).is_ok());
    assert!(!format!("{remote:?}").contains("canary"));
    // Nothing of it is left in the cache.
    let left = std::process::Command::new("grep").args(["-ra", "canary-token"]).arg(served.cache()).output().unwrap();
    assert!(left.stdout.is_empty());
    remote.credential = Some(Credential { username: "ann".into(), password: "wrong-canary".into() });
    let error = remote.advertise().unwrap_err();
    assert_eq!(error.reason, FailureReason::NotFound);
    assert!(!error.to_string().contains("canary"));
}

#[test]
fn no_redirect_leads_to_another_host_and_none_takes_a_credential_along() {
    let served = serve(&[("a", "b")]);
    let root = served.fixture.root.path().to_owned();
    let thief = Server::start(Behaviour::Guarded(root.clone(), "never".to_owned()));
    let elsewhere = thief.url.replace("127.0.0.1", "localhost");
    let basic = "Basic YW5uOmNhbmFyeS10b2tlbg==";
    // To another host: at once, and after the credential was given.
    for behaviour in [Behaviour::Redirect(elsewhere.clone()), Behaviour::GuardedRedirect(basic.to_owned(), elsewhere)] {
        let redirecting = Server::start(behaviour);
        let mut remote = remote(&redirecting, "bare.git");
        remote.credential = Some(Credential { username: "ann".into(), password: "canary-token".into() });
        assert!(remote.advertise().is_err());
        assert!(remote.fetch(&served.fixture.head(), None, &root.join("caches/two.git")).is_err());
        assert_eq!(thief.requests(), 0);
    }
    // To another port of the host, which libgit2 follows: without the credential.
    for behaviour in
        [Behaviour::Redirect(thief.url.clone()), Behaviour::GuardedRedirect(basic.to_owned(), thief.url.clone())]
    {
        let redirecting = Server::start(behaviour);
        let mut remote = remote(&redirecting, "bare.git");
        remote.credential = Some(Credential { username: "ann".into(), password: "canary-token".into() });
        assert!(remote.advertise().is_err());
        assert!(remote.fetch(&served.fixture.head(), None, &root.join("caches/two.git")).is_err());
        let seen = thief.seen.lock().unwrap().clone();
        assert!(!seen.iter().any(|line| line.contains("Basic")), "{seen:?}");
    }
}

#[test]
fn fetches_into_one_cache_wait_for_each_other_and_a_crowded_cache_is_emptied_only_without_readers() {
    let served = serve(&[("a", "0")]);
    let (remote, cache) = (served.remote(), served.cache());
    let heads: Vec<Oid> = (1..5)
        .map(|n| {
            let head = served.push(&[("a", &n.to_string())]);
            git(&served.bare, &["update-ref", &format!("refs/heads/b{n}"), &head.to_string()]);
            head
        })
        .collect();
    std::thread::scope(|scope| {
        for head in &heads {
            scope.spawn(|| remote.fetch(head, None, &cache).unwrap());
        }
    });
    let reader = remote.fetch(&heads[0], None, &cache).unwrap();
    assert!(reader.from_cache);
    let mut tight = remote.clone();
    tight.limits.cache_bytes = 1;
    let next = served.push(&[("a", "next")]);
    tight.fetch(&next, None, &cache).unwrap();
    assert!(reader.repository.revision(&heads[0]).unwrap().entries().is_ok());
    assert!(!ligase_vcs::forget(&cache).unwrap());
    drop(reader);
    let last = served.push(&[("a", "last")]);
    drop(tight.fetch(&last, None, &cache).unwrap());
    assert!(!remote.fetch(&heads[0], None, &cache).unwrap().from_cache);
    assert!(ligase_vcs::forget(&cache).unwrap());
    assert!(!remote.fetch(&last, None, &cache).unwrap().from_cache);
}

#[test]
fn a_child_that_dies_or_talks_nonsense_is_told() {
    let served = serve(&[("a", "b")]);
    let mut remote = served.remote();
    remote.child = ChildSpec::new("/bin/sh", ["-c", "kill -9 $$"]);
    assert_eq!(reason(remote.advertise()), FailureReason::Crashed);
    remote.child = ChildSpec::new("/bin/echo", ["hello"]);
    assert_eq!(reason(remote.advertise()), FailureReason::Crashed);
    remote.child = ChildSpec::new("/no/such/program", ["x"]);
    assert_eq!(reason(remote.advertise()), FailureReason::Machine);
}
