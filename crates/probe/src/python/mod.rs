//! Python. Placeholder until its parts land; see `look.rs` for the boundary.

use crate::vocabulary::Vocabulary;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, PathClass, Seen};

/// What shapes how Python files are seen.
pub(crate) struct PythonPack {
    pub(crate) vocabulary: Vocabulary,
}

/// Which probes a file concerns.
pub(crate) struct Plan;

impl PythonPack {
    pub(crate) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        Ok(Self { vocabulary: Vocabulary::load(files)? })
    }

    pub(crate) fn prefilter(&self, _text: &str) -> Option<Plan> {
        Some(Plan)
    }

    pub(crate) fn look_file(&self, _class: &PathClass, _text: &str, _tree: &tree_sitter::Tree, _plan: Plan) -> Vec<Seen> {
        Vec::new()
    }

    pub(crate) fn link(&self, _files: &[&LookedFile]) -> Vec<Observation> {
        Vec::new()
    }
}
