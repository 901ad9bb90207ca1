//! The hands: a finding and a tree in, a patch out; and the gate that every patch must pass.
//!
//! Remedies are data (`format.rs`); what they do to text is in Rust, byte-exact, and refuses what it cannot read for certain
//! (`source.rs`, `python/`, `clike/`, `hcl.rs`). This room writes to no tree, starts nothing and trusts no patch, its own included.
//! Read `propose.rs` first, then `gate.rs`, `verbs.rs`.

mod beside;
mod clike;
mod diff;
mod dockerfile;
mod edit;
mod effect;
mod expression;
mod format;
mod gate;
mod hcl;
mod hunks;
mod known;
mod lines;
mod lint;
mod needs;
mod propose;
mod python;
mod reuse;
mod said;
mod source;
#[cfg(test)]
mod testing;
mod verbs;
pub mod verify;
mod yaml;

pub use diff::{changed_lines, unified};
pub use edit::{TextEdit, apply};
pub use format::{Budget, Remedy, RemedySet};
pub use gate::{GateInput, GateOptions, gate, gate_verified};
pub use propose::{Answer, Proposal, lines_of, propose};
pub use source::{LineEnd, Refusal, SourceText};
