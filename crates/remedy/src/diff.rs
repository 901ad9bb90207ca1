//! The unified diff of a patch, as `git apply` and a person read it, and its blocks of change one by one.

use ligase_domain::RepoPath;
use similar::{Algorithm, DiffOp, DiffTag, TextDiff};
use std::ops::Range;

/// Lines of context, as everybody's tools have it.
const CONTEXT: usize = 3;

/// One file's part of a unified diff; empty when nothing differs.
pub fn unified(path: &RepoPath, base: &str, new: &str) -> String {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_lines(base, new);
    let (old, new) = (format!("a/{path}"), format!("b/{path}"));
    diff.unified_diff().context_radius(CONTEXT).missing_newline_hint(true).header(&old, &new).to_string()
}

/// A run of lines that a patch changes, with the lines that it puts there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Byte range in the base.
    pub base: Range<usize>,
    /// Byte range in the patched text.
    pub new: Range<usize>,
}

/// The runs of lines that differ, in order.
pub fn blocks(base: &str, new: &str) -> Vec<Block> {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_lines(base, new);
    let (old_at, new_at) = (starts(base), starts(new));
    let mut blocks: Vec<Block> = Vec::new();
    for op in diff.ops() {
        if op.tag() == DiffTag::Equal {
            continue;
        }
        let (old, new) = ranges(op);
        let block = Block { base: old_at[old.start]..old_at[old.end], new: new_at[new.start]..new_at[new.end] };
        match blocks.last_mut() {
            Some(last) if last.base.end == block.base.start && last.new.end == block.new.start => {
                last.base.end = block.base.end;
                last.new.end = block.new.end;
            }
            _ => blocks.push(block),
        }
    }
    blocks
}

/// The patched text with one block as it was in the base.
pub fn without(base: &str, new: &str, block: &Block) -> String {
    format!("{}{}{}", &new[..block.new.start], &base[block.base.clone()], &new[block.new.end..])
}

fn ranges(op: &DiffOp) -> (Range<usize>, Range<usize>) {
    (op.old_range(), op.new_range())
}

/// Where each line begins, and where the text ends.
fn starts(text: &str) -> Vec<usize> {
    let mut at = vec![0];
    at.extend(text.split_inclusive('\n').scan(0, |end, line| {
        *end += line.len();
        Some(*end)
    }));
    at
}

/// How many lines a patch adds and removes in a file.
pub fn changed_lines(base: &str, new: &str) -> u32 {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_lines(base, new);
    let changed =
        diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal).map(|op| op.old_range().len() + op.new_range().len());
    u32::try_from(changed.sum::<usize>()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_diff_reads_as_git_writes_it() {
        let (base, new) = ("a\nb\nc\nd\ne\nf", "a\nb\nc\nD\ne\nf");
        assert_eq!(
            unified(&"x.py".into(), base, new),
            "--- a/x.py\n+++ b/x.py\n@@ -1,6 +1,6 @@\n a\n b\n c\n-d\n+D\n e\n f\n\\ No newline at end of file\n"
        );
        assert_eq!(unified(&"x.py".into(), base, base), "");
        assert!(unified(&"x.py".into(), "a", "a\n").contains("-a\n\\ No newline at end of file\n+a\n"));
    }

    proptest! {
        #[test]
        fn without_all_blocks_the_patch_is_the_base(base in "([ab]\n?){0,8}", new in "([ab]\n?){0,8}") {
            let mut text = new.clone();
            for block in blocks(&base, &new).iter().rev() {
                text = without(&base, &text, block);
            }
            prop_assert_eq!(text, base);
        }
    }
}
