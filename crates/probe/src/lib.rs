//! The eyes: a source tree in, observations out.
//!
//! Looking has two steps. `look` reads file by file, keyed by (blob, path class, pack), so that a file that anyone had
//! before costs nothing; `link` is pure and joins what the files of one revision say of each other: routers that are
//! included, dependencies that are defined elsewhere, variables, classes. Neither judges, neither knows a DNA, and nothing
//! in a repository can make them hang, crash or read outside: every bound is a count (`budget`). Comments suppress nothing.
//! This is the only room that names the syntax-tree libraries.
//! Read `set.rs` (what shapes a result), `pack.rs`, `look.rs`, `link.rs`, then a pack: `python/mod.rs`, `code/mod.rs`,
//! `terraform/mod.rs`.

mod admits;
mod attach;
mod beside;
mod budget;
mod class;
mod cloudformation;
mod code;
mod documents;
mod emit;
mod extract;
mod header;
mod labels;
mod lexical;
mod link;
mod look;
mod outline;
mod pack;
mod parse;
mod pattern;
mod python;
mod resource;
mod schema;
mod set;
mod snippet;
mod terraform;
mod vocabulary;
mod yaml;

pub use budget::{BUDGETS_VERSION, MAX_FILE_BYTES, MAX_FILE_OBSERVATIONS, MAX_REVISION_OBSERVATIONS};
pub use class::class_of;
pub use link::link;
pub use look::{Blind, Look, NoProgress, Progress, Sight, look, look_with, syntax_errors};
pub use outline::{KeyPlace, Mapping, ValueForm, mapping_at};
pub use set::{ENGINE_VERSION, ProbeSet, shapes_looking};
