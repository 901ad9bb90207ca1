//! Program code in languages that share one model: TypeScript, JavaScript, Java, Go. A file is parsed once, lowered into the
//! model (`model.rs`, `lower/`) and read by everything that looks for something in it; what a library calls things is data
//! of the catalog. Python has readers of its own (`python/`). Next: `model.rs`, `lower/mod.rs`.

pub(crate) mod lower;
pub(crate) mod model;
