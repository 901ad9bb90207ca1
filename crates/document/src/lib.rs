//! YAML documents that people write, read strictly and with places.
//!
//! Every document of Ligase begins with `apiVersion` and `kind`. They are read first, so that a file of another kind is
//! told what it is; then the concrete type is read, which denies unknown keys. Every refusal names file, line and column,
//! the problem, what was expected, the nearest known name and what to do. This room knows no kind of document and keeps
//! nothing; what a document means is the business of the room that owns its type.
//! Read `error.rs` next, then `read.rs`.

mod error;
mod placed;
mod read;

pub use error::{DocumentError, Refusal, escaped, nearest, shown};
pub use placed::{Place, Placed};
pub use read::{MAX_BYTES, MAX_DEPTH, read_many, read_one};

/// The one `apiVersion` that there is.
pub const API_VERSION: &str = "ligase.dev/v1";
