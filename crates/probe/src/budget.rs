//! The bounds of looking. All of them are counts, never clocks, so that the same bytes are seen the same on every machine;
//! a clock only ends a worker's attempt. Next: `parse.rs`, which keeps them.

/// Counts up with every change to a number here: it is part of each pack's digest.
pub const BUDGETS_VERSION: u32 = 1;

/// A larger file is skipped (`too-large`) without being read. People's files are a hundredth of it.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// A deeper tree is skipped (`too-nested`). The deepest of real code that was measured is 88.
pub(crate) const MAX_TREE_DEPTH: usize = 256;
/// A node with more children is skipped (`too-wide`).
pub(crate) const MAX_CHILDREN: usize = 20_000;
/// Calls of the parser's progress callback: this many and one for each ten bytes (real code: 0.027 a byte); else `too-costly`.
pub(crate) const PARSE_CALLS: u64 = 1_000;
/// Bytes for each further call of the parser's progress callback.
pub(crate) const PARSE_CALL_BYTES: u64 = 10;
/// Open brackets before parsing: an unbalanced run costs the parser its square, 4,096 cost 50 ms and 200,000 cost 100 s.
pub(crate) const MAX_OPEN_BRACKETS: usize = 4_096;
/// More of one file is skipped (`too-many-observations`).
pub const MAX_FILE_OBSERVATIONS: usize = 2_000;
/// More of one revision is not looked at, and the population says so.
pub const MAX_REVISION_OBSERVATIONS: usize = 100_000;
/// A larger observation skips its file (`observation-too-large`).
pub(crate) const MAX_OBSERVATION_BYTES: usize = 4_096;
/// A snippet's bytes.
pub(crate) const MAX_SNIPPET_BYTES: usize = 200;
/// A name, a symbol or a constant that is kept is at most this long.
pub(crate) const MAX_TEXT_BYTES: usize = 300;
/// Lines that are longer than this on average make a file `minified`.
pub(crate) const MINIFIED_AVERAGE: usize = 400;
/// Smaller files are never called minified.
pub(crate) const MINIFIED_FROM: usize = 4_096;
/// Files of a tree; beyond them the revision is not looked at whole.
pub(crate) const MAX_TREE_FILES: usize = 200_000;

/// Whether the text opens more brackets than it may have open at once. A closing bracket that does not fit is ignored, so
/// that mixed brackets cannot hide nesting; brackets in strings count too, since what a string is could be disputed.
pub(crate) fn brackets_over(bytes: &[u8]) -> bool {
    let mut open: Vec<u8> = Vec::new();
    for b in bytes {
        match b {
            b'(' | b'[' | b'{' => {
                if open.len() == MAX_OPEN_BRACKETS {
                    return true;
                }
                open.push(*b);
            }
            b')' if open.last() == Some(&b'(') => drop(open.pop()),
            b']' if open.last() == Some(&b'[') => drop(open.pop()),
            b'}' if open.last() == Some(&b'{') => drop(open.pop()),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_brackets_do_not_hide_nesting() {
        assert!(!brackets_over("([{}])".repeat(10_000).as_bytes()));
        assert!(brackets_over("(]".repeat(5_000).as_bytes()));
        assert!(brackets_over("(".repeat(200_000).as_bytes()));
    }
}
