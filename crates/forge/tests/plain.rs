//! Plain git over smart HTTP: the read-only part of the port's suite, and what a bad address or server says.
#![allow(clippy::unwrap_used)]

#[path = "../../vcs/tests/fixture/mod.rs"]
mod fixture;
#[path = "../../vcs/tests/fixture/http.rs"]
mod http;

use fixture::{Fixture, git, oid};
use http::{Behaviour, Server};
use ligase_domain::{FailureReason, Oid, RepositoryId};
use ligase_forge::testing::{self, APP, Bench, Hands};
use ligase_forge::{Forge, ForgeError, PlainGit, RemoteOptions};
use ligase_vcs::{ChildSpec, RemoteLimits};
use std::path::PathBuf;

const CHILD: &str = "LIGASE_TEST_CHILD";

/// Not a test of its own: what the child does when this binary is started again.
#[test]
fn child_process() {
    if std::env::var_os(CHILD).is_some() {
        ligase_vcs::child::main(std::io::stdin(), std::io::stdout()).unwrap();
    }
}

fn options() -> RemoteOptions {
    let mut child = ChildSpec::new(std::env::current_exe().unwrap(), ["--exact", "child_process", "--nocapture"]);
    child.environment.push((CHILD.into(), "1".into()));
    RemoteOptions { child, limits: RemoteLimits::default() }
}

struct Reader(PathBuf);

impl Hands for Reader {
    fn commit(&self, _: &str, _: &str, _: &str) -> Oid {
        panic!("a forge that is read only is only read")
    }

    fn merge(&self, _: &str) -> Oid {
        panic!("a forge that is read only is only read")
    }

    fn remove(&self, _: &str) {
        panic!("a forge that is read only is only read")
    }

    fn read(&self, _: &Oid, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn tip(&self, branch: &str) -> Option<Oid> {
        Some(oid(&git(&self.0, &["rev-parse", branch])))
    }
}

#[test]
fn plain_git_keeps_the_promises_of_reading_and_refuses_the_rest() {
    testing::conforms(&|| {
        let fixture = Fixture::with(&[("app.py", APP)]);
        let bare = fixture.bare();
        let server = Server::start(Behaviour::Serve(fixture.root.path().to_owned()));
        let url = format!("{}/bare.git", server.url);
        Bench {
            forge: Box::new(PlainGit::new(&[&url, &format!("{url}/")], &options()).unwrap()),
            repository: RepositoryId { forge: "git".to_owned(), stable: url },
            hands: Box::new(Reader(bare)),
            keep: Box::new((fixture, server)),
        }
    });
}

#[test]
fn bad_addresses_are_refused_at_once_and_bad_servers_have_reasons() {
    assert!(PlainGit::new(&["https://host/x", "ext::sh -c x"], &options()).is_err());
    let server = Server::start(Behaviour::Bytes(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec()));
    let url = format!("{}/x.git", server.url);
    let forge = PlainGit::new(&[&url], &options()).unwrap();
    let error = forge.head(&RepositoryId { forge: "git".to_owned(), stable: url }).unwrap_err();
    assert!(matches!(error, ForgeError::Failed { reason: FailureReason::Unreachable, .. }), "{error}");
    assert_eq!(forge.listing().unwrap().repositories[0].name, "x");
}
