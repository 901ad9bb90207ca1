//! What the tests of this room share: sources as remedies read them, and each in all the shapes that files come in.

use crate::source::SourceText;
use ligase_domain::{Origin, PathClass};

/// A Python source, as it is.
pub(crate) fn python_source(text: &str) -> SourceText {
    let class = PathClass { dialect: "python".to_owned(), origin: Origin::Source };
    SourceText::read(&"a.py".into(), &class, text.as_bytes().to_vec()).unwrap()
}

/// The text as it is, with `\r\n`, and (where it ends with one) without the last line end.
pub(crate) fn variants(text: &str) -> Vec<String> {
    vec![text.to_owned(), text.replace('\n', "\r\n"), text.strip_suffix('\n').unwrap_or(text).to_owned()]
}
