//! The knowledge, as data: frameworks, constraints, kinds, vocabulary, probes and remedies, embedded in the binary.
//!
//! This room embeds files and parses nothing: `policy`, `probe` and `remedy` each read what is theirs. An organisation's
//! own folder has the same layout and is read beside it.

use std::borrow::Cow;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// One file of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogFile {
    /// Path below the catalog's root, with `/`: `constraints/enc-at-rest.yaml`.
    pub path: Cow<'static, str>,
    /// The bytes.
    pub bytes: Cow<'static, [u8]>,
}

/// The files that ship with Ligase, sorted by path.
pub fn shipped() -> Vec<CatalogFile> {
    FILES.iter().map(|(path, bytes)| CatalogFile { path: Cow::Borrowed(path), bytes: Cow::Borrowed(bytes) }).collect()
}
