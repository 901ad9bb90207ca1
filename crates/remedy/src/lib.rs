//! The hands: a finding and a tree in, a patch out; and the gate that every patch must pass.

mod diff;
mod edit;
mod expression;
mod format;
mod hcl;
mod needs;
mod python;
mod source;
#[cfg(test)]
mod testing;
mod verbs;

pub use edit::{TextEdit, apply};
pub use source::{LineEnd, Refusal, SourceText};
