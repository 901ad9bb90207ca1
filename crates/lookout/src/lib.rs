//! The lookout: probes that look from a child process, so that a grammar that aborts, overflows its stack or hangs costs one
//! file and not the process that looks at ten thousand repositories.
//!
//! A file's bytes go to a child by frames over stdin, what they show comes back in the stored form of observations. Children
//! are kept; one that ended is replaced, and the file that it ended on is tried once more by a new one: what killed the first
//! may have been what it had looked at before. It neither reads trees nor caches: that is `probe::look_with`, to which this is
//! somebody else's eyes. Read `wire.rs` (the frames), `child.rs` (the child's side), then `post.rs`.

pub mod child;
mod post;
pub mod wire;

pub use post::{Lookout, Watchman};
