//! The desk: a source tree and declarations in, an assessment out. One function for `check`, `fix`, MCP and the gate.
//!
//! It joins what `probe` sees with what `policy` judges and has no opinion of its own. It writes to no tree, asks no
//! network and reads no clock: the time is an argument.
//! Read `inspector.rs` first, then `declared.rs`, `compare.rs`, `examples.rs`.

mod assume;
mod cache;
mod compare;
mod declared;
mod directory;
mod examples;
mod inspector;
mod lint;

pub use assume::{ASSUMED, assume, everything};
pub use cache::MemoryCache;
pub use compare::{Comparison, Difference, difference};
pub use declared::{Declared, Identities};
pub use directory::{DirectoryBounds, DirectoryTree, LeftOut, Namer};
pub use examples::{Cell, Example, ExampleReport, ExampleResult, Expectation};
pub use inspector::{Inspection, Inspector, ServiceInspection};
