//! Where repositories and pull requests live, behind one port: `local` (repositories in a folder, pull requests kept inside
//! them as git objects) and `git` (plain addresses, read only).
//!
//! It decides nothing about when to publish, merge or close; it does what it is told, exactly once, and refuses to write
//! over anything that it did not write itself. State is read from the forge each time and never remembered. Read
//! `port.rs` first, then `local/mod.rs`; `testing.rs` is the suite that every forge passes.

mod error;
mod local;
mod marker;
mod plain;
mod port;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::ForgeError;
pub use local::LocalForge;
pub use marker::{INTENT_TRAILER, mark_body, mark_message};
pub use plain::{PlainGit, RemoteOptions};
pub use port::{
    Actor, Approval, Capabilities, Comment, Forge, Introduced, Listed, Listing, Location, Problem, Publication,
    Published, Pull, PullState, Reverted, Review, Verdict,
};
