//! What is seen in text of any language: credentials that stand in it, settings that turn certificate checks off, and hosts and
//! settings that name the region of a cloud.
//!
//! The engine `lexical`: shapes, names, settings and hosts are data (`catalog/probes/any/*.yaml`); a file is read only where it holds
//! one of their words. What looks like an example, a reference or a hash is no credential. The value of a credential never
//! leaves this room: no snippet, no attribute and no digest holds it. Read `format.rs` first, then `credentials.rs`.

pub(crate) mod around;
mod credentials;
mod format;
mod hosts;
mod settings;
mod tested;
mod value;

use crate::pack::Pack;
use format::Rules;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, PathClass, Place, ProbeRef, Seen, Span, Value};

/// Counts up whenever the same files and the same rules would be seen otherwise.
const ENGINE_VERSION: u32 = 5;

/// Whether a probe reads text as text: what it sees is told here, and by no other engine that reads the same file.
pub(crate) fn sees(probe: &ProbeRef) -> bool {
    probe.id.starts_with("any/")
}

/// Everything that reads text as text.
pub(crate) struct LexicalPack {
    rules: Rules,
}

impl LexicalPack {
    /// Reads what is ours of a catalog; all that is wrong is told at once.
    pub(crate) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        Ok(Self { rules: Rules::load(files)? })
    }
}

impl Pack for LexicalPack {
    fn dialects(&self) -> &'static [&'static str] {
        DIALECTS
    }

    fn digest_parts(&self) -> Vec<u8> {
        let mut out = ENGINE_VERSION.to_le_bytes().to_vec();
        out.extend(&self.rules.digest);
        out
    }

    fn look(&self, class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str> {
        let lines = Lines::new(text);
        let mut out = credentials::look(&self.rules, class, text, &lines);
        out.extend(settings::look(&self.rules, class, text, &lines));
        out.extend(hosts::look(&self.rules, class, text, &lines));
        out.extend(tested::look(class, text));
        Ok(out)
    }

    fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        let mut out = Vec::new();
        let (tested, made) = (tested::names(files), tested::made(files));
        for file in files {
            let path = file.path.to_string();
            let read = tested.contains(path.rsplit('/').next().unwrap_or_default()) || made.contains(&path);
            for seen in file.observations.seen.iter().filter(|s| self.rules.ids.contains(&s.probe.id)) {
                let mut attributes = seen.attributes.clone();
                attributes.insert("file".to_owned(), Value::Text(path.chars().take(300).collect()));
                if read && seen.kind == "credential" {
                    attributes.insert("tested".to_owned(), Value::Bool(true));
                }
                out.push(Observation {
                    kind: seen.kind.clone(),
                    attributes,
                    place: Place { path: file.path.clone(), blob: file.key.blob, span: seen.span },
                    class: file.key.class.clone(),
                    anchors: seen.anchors.clone(),
                    snippet: seen.snippet.clone(),
                    probe: seen.probe.clone(),
                    sources: vec![file.key.digest()],
                });
            }
        }
        out
    }
}

/// Dialects of text that people write.
const DIALECTS: &[&str] = &[
    "clojure",
    "compose",
    "cpp",
    "csharp",
    "dart",
    "dockerfile",
    "dotenv",
    "elixir",
    "github-actions",
    "gitlab-ci",
    "go",
    "groovy",
    "helm-values",
    "ini",
    "java",
    "javascript",
    "json",
    "kotlin",
    "pem",
    "php",
    "powershell",
    "properties",
    "python",
    "ruby",
    "rust",
    "scala",
    "shell",
    "swift",
    "terraform",
    "toml",
    "typescript",
    "xml",
    "yaml",
];

/// The language that an observation names: what machines write as often as people is text, so that a large or packed file of
/// it is not said of every clause.
fn language(class: &PathClass) -> &str {
    if ["json", "xml", "pem"].contains(&class.dialect.as_str()) { "text" } else { &class.dialect }
}

/// Where lines begin.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        Self { starts: std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect() }
    }

    fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|s| *s <= at)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let line = |at: usize| number(self.number(at));
        Span { start: number(start), end: number(end), line: line(start), end_line: line(end.max(start)) }
    }

    /// The text of a line before a place.
    fn before<'t>(&self, text: &'t str, at: usize) -> &'t str {
        let start = self.starts[self.number(at) - 1];
        text.get(start..at).unwrap_or_default()
    }
}

/// Whether a place stands in a comment that takes the rest of its line, as far as a line shows it.
fn commented(before: &str) -> bool {
    let begin = before.trim_start();
    ["#", "//", "*", "/*", "--", ";", "<!--", "rem ", "REM "].iter().any(|c| begin.starts_with(c))
        || before.contains(" // ")
        || before.contains(" # ")
        || before.contains("\t// ")
}
