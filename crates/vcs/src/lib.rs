//! The only room that knows git2: reads revisions straight from the object database, builds commits without a checkout,
//! moves refs only by compare-and-swap, and fetches over smart HTTP in a child that can be killed.
//!
//! Everything in a repository is hostile: it is bounded by counts, never followed, never run. Hooks, filters, monitors and
//! commands that a repository's configuration names are never honoured, because nothing here can run them: git2 is built
//! without ssh, no credential helper is asked, and files are written by `checkout.rs` alone, for a jail. It refuses to push to a path, since
//! libgit2's local transport overwrites what it did not see. Read `repository.rs`, then `tree.rs`, `refs.rs`, `remote.rs`.

mod cache;
mod checkout;
pub mod child;
mod create;
mod error;
mod history;
mod inquiry;
mod loose;
mod objects;
pub mod pin;
mod refs;
mod remote;
mod repository;
mod stale;
mod tree;
mod url;
mod wire;
mod write;

pub use cache::forget;
pub use checkout::{CheckoutLimits, Written, checkout};
pub use error::VcsError;
pub use history::{Changed, Commit, Person};
pub use inquiry::Inquiry;
pub use objects::blob_id;
pub use pin::{PinOptions, Pinned};
pub use refs::CasError;
pub use remote::{Advertised, ChildSpec, Credential, Fetched, Remote, RemoteLimits, Watch};
pub use repository::Repository;
pub use tree::{MAX_DEPTH, MAX_PATH_BYTES, MAX_PATHS, RevisionTree};
pub use url::SourceUrl;
pub use write::{Signer, WriteError};
