//! Terraform: what each file shows, and what the files of a revision together say of storage, places and listeners.
//!
//! HCL becomes blocks with settings (`look.rs`) whose values are expressions (`hcl.rs`) of the engine `resource`, which makes
//! instances of modules, follows values and observes. What is known of a provider's types is data
//! (`catalog/probes/terraform/*.yaml`), and a type is added without Rust. It judges nothing, reads no JSON syntax, and obeys no
//! comment. Next: `../resource/mod.rs`.

mod hcl;
mod look;
#[cfg(test)]
mod tests;

use crate::pack::Pack;
use crate::parse::{Grammar, parse};
use crate::resource::knowledge::Knowledge;
use crate::resource::linking;
use crate::resource::scope::Layout;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, PathClass, Seen};

/// Counts up whenever the same files and the same knowledge would be seen otherwise.
const ENGINE_VERSION: u32 = 3;

/// Everything that looks at Terraform files.
pub(crate) struct TerraformPack {
    knowledge: Knowledge,
}

impl TerraformPack {
    /// Reads what is ours of a catalog; all that is wrong is told at once.
    pub(crate) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        Ok(Self { knowledge: Knowledge::load(files, "terraform")? })
    }

    /// What one file shows, from its tree.
    fn look_tree(&self, bytes: &[u8], tree: &tree_sitter::Tree) -> Vec<Seen> {
        look::look(&self.knowledge, bytes, tree)
    }
}

impl Pack for TerraformPack {
    fn dialects(&self) -> &'static [&'static str] {
        &["terraform"]
    }

    fn digest_parts(&self) -> Vec<u8> {
        let mut out = ENGINE_VERSION.to_le_bytes().to_vec();
        out.extend(self.knowledge.digest_parts());
        out
    }

    fn look(&self, _class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str> {
        let tree = parse(Grammar::Hcl, text)?;
        Ok(self.look_tree(text.as_bytes(), &tree))
    }

    fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        linking::link(&self.knowledge, files, Layout::Folders)
    }
}
