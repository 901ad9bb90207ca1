//! What a file takes from others and gives to them, as facts that linking reads: its package, its imports, its exports.
//! Several stand in one fact, since a large repository has many. Next: `link/world.rs`.

use super::Reading;
use super::model::Symbol;
use crate::budget::MAX_TEXT_BYTES;
use crate::emit::{Attributes, Emit};
use ligase_domain::{Span, Value};
use std::collections::BTreeMap;

/// Imports or exports of one fact.
const CHUNK: usize = 16;
/// Imports or exports of one file; a file that people write has fewer.
const MAX_NAMES: usize = 800;

/// Emits `code-import` and `code-export`, and `code-package` where the file names its package.
pub(super) fn emit(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    let module = reading.module;
    if !module.package.is_empty() {
        let attributes = Attributes::default().with("package", cut(module.package));
        out.put("code-package", "code/module", Span::default(), attributes, BTreeMap::new(), false);
    }
    let imports: Vec<(Span, Value)> = module
        .imports
        .iter()
        .take(MAX_NAMES)
        .map(|import| {
            let (kind, symbol) = match import.symbol {
                Symbol::Name(name) => ("name", name),
                Symbol::Default => ("default", ""),
                Symbol::Whole => ("whole", ""),
                Symbol::All => ("all", ""),
            };
            let fact = Attributes::default().some("local", cut(import.local)).with("module", cut(&import.module));
            (import.at, fact.with("kind", kind).some("symbol", cut(symbol)).value())
        })
        .collect();
    chunks("code-import", &imports, out);
    let exports: Vec<(Span, Value)> = module
        .exports
        .iter()
        .take(MAX_NAMES)
        .map(|(outside, inside)| {
            let fact = Attributes::default().with("outside", cut(outside)).with("inside", cut(inside));
            (Span::default(), fact.value())
        })
        .collect();
    chunks("code-export", &exports, out);
}

fn chunks(kind: &str, facts: &[(Span, Value)], out: &mut Emit<'_>) {
    for chunk in facts.chunks(CHUNK) {
        let at = chunk.first().map(|(at, _)| *at).unwrap_or_default();
        let list: Vec<Value> = chunk.iter().map(|(_, v)| v.clone()).collect();
        out.put(kind, "code/module", at, Attributes::default().with("names", list), BTreeMap::new(), false);
    }
}

/// A name that nobody writes is cut.
pub(super) fn cut(text: &str) -> String {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|at| *at <= MAX_TEXT_BYTES / 3).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}
