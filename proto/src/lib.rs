//! The wire: generated messages and services, and their conversions to and from the domain.
//!
//! Everything that arrives is hostile: [`convert`] is the only way from a message to a domain type, and each refusal says
//! which field and why. Regenerate with `LIGASE_REGENERATE=1 cargo test -p ligase-tests`. Read `convert.rs` next.

pub mod accept;
pub mod attempt;
pub mod client;
pub mod convert;
pub mod memory;
pub mod patience;
pub mod principal;
pub mod socket;

/// The generated code of `ligase/v1/*.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all)]
pub mod v1 {
    include!("generated/ligase.v1.rs");
}

/// The descriptors of `ligase/v1/*.proto`, as reflection serves them.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/ligase.v1.bin");
