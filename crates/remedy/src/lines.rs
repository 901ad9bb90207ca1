//! The single lines of a run of changes: which base line each added line stands for, and the patched text without one of
//! them. `hunks.rs` asks of each such text whether it would do as well.

use crate::diff::{Block, blocks};
use similar::TextDiff;
use std::ops::Range;

/// Two lines are one that was changed when at least so much of them is the same.
const ALIKE: f32 = 0.5;
/// Lines that are compared by their letters; of longer ones only the beginning.
const LETTERS: usize = 400;

/// Lines that may have been moved; of more, the first.
const MOVED_MAX: usize = 60;

/// The patched text without one line of the patch.
pub(crate) struct Without {
    /// Where in the patched text.
    pub at: usize,
    /// The base's line, where one was changed or removed.
    pub base: String,
    /// The patch's line; empty where one was removed.
    pub new: String,
    /// The text.
    pub text: String,
}

/// A line's place, with its end.
type Line = Range<usize>;

fn lines(text: &str, within: &Range<usize>) -> Vec<Line> {
    let mut at = within.start;
    let each = text[within.clone()].split_inclusive('\n');
    each.map(|line| {
        at += line.len();
        at - line.len()..at
    })
    .collect()
}

/// For each removed line the added line that stands for it, in order.
fn pairs(base: &str, new: &str, removed: &[Line], added: &[Line]) -> Vec<Option<usize>> {
    let cut = |text: &str| text.trim().chars().take(LETTERS).collect::<String>();
    let mut from = 0;
    let mut pair = |line: &Line| {
        let was = cut(&base[line.clone()]);
        let like = |is: &String| !was.is_empty() && TextDiff::from_chars(was.as_str(), is.as_str()).ratio() >= ALIKE;
        let found = (from..added.len()).find(|n| like(&cut(&new[added[*n].clone()])))?;
        from = found + 1;
        Some(found)
    };
    removed.iter().map(&mut pair).collect()
}

/// The text without each line of a run by itself: an added one left out, a changed or removed one as in the base. Blank
/// lines are not asked about, and a run of one line is asked about as a whole.
pub(crate) fn without_each(base: &str, new: &str, block: &Block) -> Vec<Without> {
    let (removed, added) = (lines(base, &block.base), lines(new, &block.new));
    if removed.len() <= 1 && added.len() <= 1 {
        return Vec::new();
    }
    let pairs = pairs(base, new, &removed, &added);
    let text = |at: &Range<usize>, with: &str| format!("{}{with}{}", &new[..at.start], &new[at.end..]);
    let mut out = Vec::new();
    for (n, line) in added.iter().enumerate().filter(|(_, l)| !new[(*l).clone()].trim().is_empty()) {
        let was = pairs.iter().position(|p| *p == Some(n)).map_or("", |r| &base[removed[r].clone()]);
        let is = new[line.clone()].to_owned();
        out.push(Without { at: line.start, base: was.to_owned(), new: is, text: text(line, was) });
    }
    let mut behind = block.new.start;
    for (line, pair) in removed.iter().zip(&pairs) {
        match pair {
            Some(n) => behind = added[*n].end,
            None if !base[line.clone()].trim().is_empty() => {
                let was = &base[line.clone()];
                let back = text(&(behind..behind), was);
                out.push(Without { at: behind, base: was.to_owned(), new: String::new(), text: back });
            }
            None => {}
        }
    }
    out
}

/// The patched text with the white space that the base's lines have: where they begin, and how they end.
pub(crate) fn in_base_form(base: &str, new: &str) -> String {
    let mut out = new.to_owned();
    for block in blocks(base, new).iter().rev() {
        let (removed, added) = (lines(base, &block.base), lines(new, &block.new));
        for (line, pair) in removed.iter().zip(pairs(base, new, &removed, &added)).rev() {
            let Some(n) = pair else { continue };
            let (was, is) = (&base[line.clone()], &new[added[n].clone()]);
            let begin = &was[..was.len() - was.trim_start_matches([' ', '\t']).len()];
            let end = &was[was.trim_end().len()..];
            out.replace_range(added[n].clone(), &format!("{begin}{}{end}", is.trim()));
        }
    }
    out
}

/// Lines that were moved are put back: for each line that is gone and stands elsewhere in much the same words, the text with
/// those words where the line stood.
pub(crate) fn put_back(base: &str, new: &str) -> Vec<String> {
    let (mut gone, mut come): (Vec<(usize, Line)>, Vec<Line>) = (Vec::new(), Vec::new());
    for block in blocks(base, new) {
        let (removed, added) = (lines(base, &block.base), lines(new, &block.new));
        let pairs = pairs(base, new, &removed, &added);
        let mut behind = block.new.start;
        for (line, pair) in removed.iter().zip(&pairs) {
            match pair {
                Some(n) => behind = added[*n].end,
                None => gone.push((behind, line.clone())),
            }
        }
        come.extend(added.iter().enumerate().filter(|(n, _)| !pairs.contains(&Some(*n))).map(|(_, l)| l.clone()));
    }
    let words = |text: &str| text.trim().chars().take(LETTERS).collect::<String>();
    let mut out = Vec::new();
    for (at, line) in gone.iter().take(MOVED_MAX) {
        let was = words(&base[line.clone()]);
        let like = |l: &&Line| {
            let is = words(&new[(*l).clone()]);
            !was.is_empty() && TextDiff::from_chars(was.as_str(), is.as_str()).ratio() >= ALIKE
        };
        let Some(there) = come.iter().take(MOVED_MAX).find(like) else { continue };
        let text = new[there.clone()].to_owned();
        out.push(if *at <= there.start {
            format!("{}{text}{}{}", &new[..*at], &new[*at..there.start], &new[there.end..])
        } else {
            format!("{}{}{text}{}", &new[..there.start], &new[there.end..*at], &new[*at..])
        });
    }
    out
}

/// Whether added lines end otherwise than the base's lines do, where those all end alike.
pub(crate) fn other_line_ends(base: &str, new: &str) -> bool {
    let count = |text: &str| (text.matches("\r\n").count(), text.matches('\n').count());
    let ((was_both, was_all), (both, all)) = (count(base), count(new));
    was_all > 0 && (was_both == 0 && both > 0 || was_both == was_all && both < all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(base: &str, new: &str) -> Vec<String> {
        blocks(base, new).iter().flat_map(|b| without_each(base, new, b)).map(|w| w.text).collect()
    }

    #[test]
    fn an_added_line_is_left_out_and_a_changed_one_is_as_it_was() {
        let (base, new) = ("a\nlogger.info(x)\nb\n", "a\nlogger.info()\nreturn None\nb\n");
        assert_eq!(texts(base, new), ["a\nlogger.info(x)\nreturn None\nb\n", "a\nlogger.info()\nb\n"]);
        assert!(texts("a\n", "b\n").is_empty() && texts("a\n", "a\nb\n").is_empty(), "the run is the line");
    }

    #[test]
    fn a_removed_line_comes_back_where_it_was() {
        let (base, new) = ("def f(a):\n    return a\n", "@limit\ndef f(b, a):\n");
        assert!(
            texts(base, new).contains(&"@limit\ndef f(b, a):\n    return a\n".to_owned()),
            "{:?}",
            texts(base, new)
        );
    }

    #[test]
    fn a_line_that_was_moved_is_put_back() {
        let (base, new) = ("a\nlog.info(x)\nreturn\n", "a\nreturn\nlog.info('')\n");
        assert_eq!(put_back(base, new), ["a\nlog.info('')\nreturn\n"]);
        assert_eq!(put_back("a\nreturn\nlog.info(x)\n", "a\nlog.info('')\nreturn\n"), ["a\nreturn\nlog.info('')\n"]);
        assert!(put_back("a\nb\n", "a\nc\n").is_empty());
    }

    #[test]
    fn white_space_is_the_bases() {
        assert_eq!(in_base_form("  a(x)\n    b\n", "   a()\n     b\n"), "  a()\n    b\n");
        assert_eq!(in_base_form("a(x)\r\n", "a()\n"), "a()\r\n");
        assert!(other_line_ends("a\n", "a\r\n") && other_line_ends("a\r\n", "a\r\nb\n"));
        assert!(!other_line_ends("a\r\nb\n", "a\n") && !other_line_ends("a", "a\r\n"));
    }
}
