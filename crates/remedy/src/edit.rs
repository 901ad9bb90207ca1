//! Edits of bytes, and the one function that applies them. Every byte that no edit names stays what it was.
//!
//! Overlapping edits are refused, equal ones count once (two findings that need the same import), and insertions at one
//! place keep the order in which they were asked for. Next: `verbs.rs`.

use crate::source::Refusal;
use std::ops::Range;

/// One replacement in a file. An insertion has an empty range.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TextEdit {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

impl TextEdit {
    /// Text that comes before the byte at `at`.
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { start: at, end: at, text: text.into() }
    }

    /// Text in place of a range.
    pub fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { start: range.start, end: range.end, text: text.into() }
    }

    /// Nothing in place of a range.
    pub fn remove(range: Range<usize>) -> Self {
        Self::replace(range, "")
    }
}

/// How many edits one file may get; more is no remedy but a rewrite.
const EDITS: usize = 2_000;

/// The text with all edits made, or why they cannot be made together.
pub fn apply(text: &str, edits: &[TextEdit]) -> Result<String, Refusal> {
    if edits.len() > EDITS {
        return Err(Refusal::new("too-many-edits", format!("{} edits in one file", edits.len())));
    }
    let mut out = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for edit in in_order(edits) {
        if edit.start < at {
            return Err(Refusal::new("overlapping-edits", format!("two edits meet at byte {}", edit.start)));
        }
        let kept = text.get(at..edit.start).ok_or_else(|| outside(edit))?;
        text.get(edit.start..edit.end).ok_or_else(|| outside(edit))?;
        out.push_str(kept);
        out.push_str(&edit.text);
        at = edit.end;
    }
    out.push_str(text.get(at..).expect("the last edit's end was found to be a boundary"));
    Ok(out)
}

fn outside(edit: &TextEdit) -> Refusal {
    Refusal::new("anchor-out-of-range", format!("{}..{}", edit.start, edit.end))
}

/// Edits by place, equal ones once, insertions of one place in the order in which they came and before a replacement.
fn in_order(edits: &[TextEdit]) -> Vec<&TextEdit> {
    let mut once: Vec<&TextEdit> = Vec::with_capacity(edits.len());
    let mut known = std::collections::BTreeSet::new();
    once.extend(edits.iter().filter(|e| known.insert(*e)).filter(|e| e.start != e.end || !e.text.is_empty()));
    once.sort_by_key(|e| (e.start, e.end > e.start));
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overlapping_edits_are_refused_and_equal_ones_count_once() {
        let twice = [TextEdit::replace(0..2, "x"), TextEdit::replace(0..2, "x")];
        assert_eq!(apply("abc", &twice).unwrap(), "xc");
        let overlapping = [TextEdit::replace(0..2, "x"), TextEdit::replace(1..3, "y")];
        assert_eq!(apply("abc", &overlapping).unwrap_err().reason, "overlapping-edits");
        assert_eq!(apply("abc", &[TextEdit::remove(2..9)]).unwrap_err().reason, "anchor-out-of-range");
        assert_eq!(apply("aé", &[TextEdit::insert(2, "x")]).unwrap_err().reason, "anchor-out-of-range");
    }

    #[test]
    fn insertions_at_one_place_keep_their_order() {
        let edits = [TextEdit::insert(1, "1"), TextEdit::replace(1..2, "b"), TextEdit::insert(1, "2")];
        assert_eq!(apply("axc", &edits).unwrap(), "a12bc");
    }

    proptest! {
        #[test]
        fn bytes_outside_of_edits_are_identical(
            text in "[a-zé\r\n\t ]{0,60}",
            places in proptest::collection::vec((0usize..70, 0usize..6, "[A-Z]{0,4}"), 0..6),
        ) {
            let edits: Vec<TextEdit> =
                places.into_iter().map(|(start, length, with)| TextEdit::replace(start..start + length, with)).collect();
            if let Ok(result) = apply(&text, &edits) {
                // Capital letters come from edits alone: without them, what is left is the text without the edited ranges.
                let kept: String = text
                    .char_indices()
                    .filter(|(at, _)| !edits.iter().any(|e| e.start <= *at && *at < e.end))
                    .map(|(_, c)| c)
                    .collect();
                let rest: String = result.chars().filter(|c| !c.is_ascii_uppercase()).collect();
                prop_assert_eq!(rest, kept);
            }
        }
    }
}
