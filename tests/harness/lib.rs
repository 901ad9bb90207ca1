//! The harness of the end-to-end tests: hermetic git, the built binary, folders that go away. It knows nothing of verdicts.
//!
//! It gives tests a program to start ([`ligase`]), an organisation to start it on ([`Organisation`]), and deadlines, so
//! that nothing outlives its test. What is right and wrong stands in `it/`. Read `binary.rs` for how the program is found
//! and `organisation.rs` for what a test works on.

mod binary;
pub mod collector;
mod fleet;
mod git;
mod history;
/// A git server of the room that fetches, well-behaved or not, compiled here for the same reason.
#[expect(missing_docs, reason = "they stand where it is at home")]
#[path = "../../crates/vcs/tests/fixture/http.rs"]
pub mod http;
/// The queue's own helper, compiled here: this package depends on no room of the house that ships.
#[path = "../../crates/queue/src/testing.rs"]
pub mod nats;
mod organisation;
mod proxy;
mod run;
mod samples;
mod tap;
mod wiretap;

pub use binary::{demo, fresh, program, swept};
pub use fleet::{Fleet, LEASE, PATIENCE, TERM, free_port, wait_for};
pub use git::{Bare, commit_tree, git, git_env, git_fails};
pub use history::{PullRef, Verdict, judge, pull_refs};
pub use organisation::{Organisation, finding_rows, statements, symbols};
pub use proxy::Proxy;
pub use run::{Run, Started, command, ligase, ligase_in, start};
pub use samples::{POLICY, dna, service_files, write_tree};
pub use tap::{Overheard, Tap};
pub use wiretap::{Heard, Wiretap};

use std::path::Path;

/// Copies a folder with everything in it; symbolic links stay links.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a new folder");
    for entry in std::fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("an entry that is listed");
        let (kind, target) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            let link = std::fs::read_link(entry.path()).expect("a link");
            std::os::unix::fs::symlink(link, target).expect("a new link");
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
