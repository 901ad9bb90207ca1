//! Terraform: resources, providers and their settings as observations.
//!
//! Here stands the boundary that `look` and `link` call. Next: `../look.rs`.

use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, Seen};

/// What shapes how Terraform files are seen.
pub(crate) struct TerraformPack;

impl TerraformPack {
    /// Reads the pack from the catalog's files.
    pub(crate) fn load(_files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        Ok(Self)
    }

    /// The bytes that shape the pack's results beyond the catalog's files.
    pub(crate) fn digest_parts(&self) -> Vec<u8> {
        Vec::new()
    }

    /// What one file shows.
    pub(crate) fn look_file(&self, _bytes: &[u8], _tree: &tree_sitter::Tree) -> Vec<Seen> {
        Vec::new()
    }

    /// What the files of a revision show together.
    pub(crate) fn link(&self, _files: &[&LookedFile]) -> Vec<Observation> {
        Vec::new()
    }
}
