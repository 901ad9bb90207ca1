//! Program code in languages that share one model: TypeScript, JavaScript, Java, Go. A file is parsed once, lowered into the
//! model (`model.rs`, `lower/`) and read by everything that looks for something in it; what a library calls things is data
//! of the catalog. Python has readers of its own (`python/`). Next: `model.rs`, `lower/mod.rs`, `link/mod.rs`.

mod fields;
pub(crate) mod flow;
mod flow_calls;
pub(crate) mod index;
mod instruments;
mod link;
mod logs;
pub(crate) mod lower;
pub(crate) mod model;
mod names;
mod routes;
pub(crate) mod stored;

use crate::emit::{Attributes, Emit};
use crate::pack::Pack;
use crate::set::ENGINE_VERSION;
use crate::vocabulary::Vocabulary;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, PathClass, Seen};
use model::Module;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The dialects that are lowered.
const DIALECTS: &[&str] = &["typescript", "javascript", "java", "go"];

/// The language of a dialect as the catalog's vocabulary names it: JavaScript's libraries are TypeScript's.
pub(crate) fn language_of(dialect: &str) -> &str {
    if dialect == "javascript" { "typescript" } else { dialect }
}

/// What shapes how files of these languages are seen.
pub(crate) struct CodePack {
    vocabulary: Arc<Vocabulary>,
    frameworks: Vec<routes::spec::Spec>,
    frameworks_digest: Vec<u8>,
}

/// One file, as the readers of this pack get it.
pub(crate) struct Reading<'a, 't> {
    pub(crate) text: &'t str,
    pub(crate) class: &'a PathClass,
    pub(crate) module: &'a Module<'t>,
    pub(crate) vocabulary: &'a Vocabulary,
}

impl CodePack {
    /// Reads the frameworks of the catalog.
    pub(crate) fn load(vocabulary: Arc<Vocabulary>, files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        let (frameworks, frameworks_digest) = routes::spec::load(files)?;
        Ok(Self { vocabulary, frameworks, frameworks_digest })
    }
}

impl Pack for CodePack {
    fn dialects(&self) -> &'static [&'static str] {
        DIALECTS
    }

    fn digest_parts(&self) -> Vec<u8> {
        ENGINE_VERSION.to_le_bytes().into_iter().chain(self.frameworks_digest.iter().copied()).collect()
    }

    fn look(&self, class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str> {
        let mut emit = Emit { text, out: Vec::new() };
        lower::lower(&class.dialect, text, &mut |module| {
            let reading = Reading { text, class, module, vocabulary: &self.vocabulary };
            names::emit(&reading, &mut emit);
            let index = index::Index::new(text, module);
            fields::emit(&reading, &index, &mut emit);
            logs::emit(&reading, &index, &mut emit);
            routes::emit(&reading, &self.frameworks, &mut emit);
            stored::emit(&reading, &mut emit);
            unreadable(&reading, &mut emit);
        })?;
        Ok(emit.out)
    }

    fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        let mut out = link::link(&self.vocabulary, files);
        out.extend(routes::link(&self.vocabulary, &self.frameworks, files));
        out
    }
}

/// Text that the grammar could not read may hide a route or a log call; it is counted where it looks like one.
fn unreadable(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    const LOOKS: &[(&str, &[&str])] = &[
        ("endpoint", &[".get(", ".post(", ".put(", ".patch(", ".delete(", "Mapping(", ".HandleFunc(", ".Handle("]),
        ("log-call", &["logger.", "console.", "log.", "LOG.", "println("]),
    ];
    for span in &reading.module.errors {
        let text = reading.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let text: String = text.chars().take(4_096).collect();
        for (of, marks) in LOOKS {
            if marks.iter().any(|m| text.contains(m)) {
                let attributes = Attributes::default()
                    .with("of", *of)
                    .with("looks_like", "code that does not parse")
                    .with("where", format!("line {}", span.line))
                    .with("language", reading.class.dialect.as_str())
                    .with("stack", "");
                out.put("unmodelled", "code/module", *span, attributes, BTreeMap::new(), true);
            }
        }
    }
}
