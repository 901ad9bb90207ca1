//! The engine `resource`: settings of declared cloud resources in, observations of storage, places and listeners out.
//!
//! What is known of a provider's types is data (`catalog/probes/terraform/*.yaml`, `probes/cloudformation/*.yaml`,
//! `vocabulary/regions.yaml`), and a type is added without Rust. A language (`terraform`, `cloudformation`) turns its files into
//! blocks with settings; here they become instances of modules (`scope.rs`), values are followed (`eval.rs`) and resources
//! observed (`linking.rs`). It judges nothing. Read `knowledge.rs` first, then `storage.rs`.

pub(crate) mod eval;
pub(crate) mod expr;
pub(crate) mod functions;
pub(crate) mod knowledge;
pub(crate) mod linking;
mod made;
pub(crate) mod placement;
pub(crate) mod residue;
pub(crate) mod scope;
pub(crate) mod storage;
