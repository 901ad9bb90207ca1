//! CloudFormation and SAM templates, in YAML and JSON: what each template shows, and what the templates of a revision together
//! say of storage and places.
//!
//! A template becomes blocks with settings (`look.rs`) whose values are expressions of the engine `resource`: parameters are
//! variables, mappings and conditions are locals, intrinsic functions are functions (`intrinsic.rs`), a nested stack that lies in
//! the repository is a call. What a type means is data (`catalog/probes/cloudformation/*.yaml`). Which file is a template is
//! told by its content, since any YAML or JSON may be one. Next: `../resource/mod.rs`.

mod intrinsic;
mod look;
#[cfg(test)]
mod tests;

use crate::pack::Pack;
use crate::resource::knowledge::Knowledge;
use crate::resource::linking;
use crate::resource::scope::Layout;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, PathClass, Seen};

/// Counts up whenever the same files and the same knowledge would be seen otherwise.
const ENGINE_VERSION: u32 = 2;

/// Everything that looks at templates.
pub(crate) struct CloudformationPack {
    knowledge: Knowledge,
}

impl CloudformationPack {
    /// Reads what is ours of a catalog; all that is wrong is told at once.
    pub(crate) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        Ok(Self { knowledge: Knowledge::load(files, "cloudformation")? })
    }
}

impl Pack for CloudformationPack {
    fn dialects(&self) -> &'static [&'static str] {
        &["json", "yaml"]
    }

    fn digest_parts(&self) -> Vec<u8> {
        let mut out = ENGINE_VERSION.to_le_bytes().to_vec();
        out.extend(self.knowledge.digest_parts());
        out
    }

    fn look(&self, _class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str> {
        Ok(look::look(&self.knowledge, text))
    }

    fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        linking::link(&self.knowledge, files, Layout::Files)
    }
}
