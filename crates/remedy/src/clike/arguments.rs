//! A guard into a call that hangs a route: as an argument behind the path, or as a call before the method's name. Next:
//! `visible.rs`, which says whether the guard's name is known there.

use super::scan::{Kind, Scan};
use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use std::ops::Range;

fn refused(what: &str) -> Refusal {
    Refusal::new("route-not-separable", what)
}

/// The opening bracket of the call whose arguments, brackets included, stand in a range.
fn bracket(scan: &Scan<'_>, arguments: &Range<usize>) -> Result<usize, Refusal> {
    let open = scan.tokens.partition_point(|t| t.start < arguments.start);
    let whole = scan.is(open, "(")
        && scan.partner[open].is_some_and(|close| scan.tokens[close].end == arguments.end)
        && scan.tokens[open].start == arguments.start;
    if whole { Ok(open) } else { Err(refused("its arguments are not seen")) }
}

/// Puts `text` between the path and what answers.
pub fn before_handler(source: &SourceText, arguments: &Range<usize>, text: &str) -> Result<Vec<TextEdit>, Refusal> {
    let scan = Scan::read(source.as_str(), source.begin()..source.as_str().len())?;
    let open = bracket(&scan, arguments)?;
    let items = scan.items(open);
    let words = |at: usize| scan.text.get(scan.bytes_of(&items[at].tokens)).unwrap_or_default();
    if (0..items.len()).any(|at| words(at) == text) {
        return Ok(Vec::new());
    }
    let path = items.first().filter(|i| i.tokens.len() == 1 && scan.tokens[i.tokens.start].kind == Kind::Text);
    let handler = match (path, items.len()) {
        (Some(_), 2..) => &items[1],
        // `router.route('/x').get(handler)`
        (None, 1) => &items[0],
        _ => return Err(refused("which argument is the path cannot be seen")),
    };
    let at = scan.tokens[handler.tokens.start].start;
    let own_line = source.as_str()[source.line_start(at)..at].trim().is_empty();
    let gap = match own_line {
        true => format!("{}{}", source.line_end_at(at).as_str(), source.indentation_at(at)),
        false => " ".to_owned(),
    };
    Ok(vec![TextEdit::insert(at, format!("{text},{gap}"))])
}

/// Puts `.call` before the method whose arguments stand in a range: `r.Get(…)` becomes `r.With(auth).Get(…)`.
pub fn chained_call(source: &SourceText, arguments: &Range<usize>, call: &str) -> Result<Vec<TextEdit>, Refusal> {
    let scan = Scan::read(source.as_str(), source.begin()..source.as_str().len())?;
    let open = bracket(&scan, arguments)?;
    let method = open >= 2 && scan.tokens[open - 1].kind == Kind::Name && scan.is(open - 2, ".");
    if !method {
        return Err(refused("it is no method of a router"));
    }
    let dot = scan.tokens[open - 2].start;
    if source.as_str()[..dot].ends_with(call) {
        return Ok(Vec::new());
    }
    Ok(vec![TextEdit::insert(dot, format!(".{call}"))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use crate::testing::variants;
    use ligase_domain::{Origin, PathClass};

    type Verb = fn(&SourceText, &Range<usize>, &str) -> Result<Vec<TextEdit>, Refusal>;

    fn made(dialect: &str, text: &str, verb: Verb, with: &str) -> Result<String, String> {
        let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
        let source = SourceText::read(&"a".into(), &class, text.as_bytes().to_vec()).unwrap();
        let start = text.find("et(").or_else(|| text.find("ET(")).unwrap() + 2;
        let scan = Scan::read(text, 0..text.len()).unwrap();
        let open = scan.tokens.iter().position(|t| t.start == start).unwrap();
        let end = scan.tokens[scan.partner[open].unwrap()].end;
        verb(&source, &(start..end), with).and_then(|e| apply(text, &e)).map_err(|r| r.reason.to_string())
    }

    #[test]
    fn a_guard_stands_behind_the_path_in_the_style_of_its_call() {
        for (before, after) in [
            ("r.get('/a', h);\n", "r.get('/a', auth, h);\n"),
            ("r.get('/a', check(x), h);\n", "r.get('/a', auth, check(x), h);\n"),
            (
                "r.get('/a', (req, res) => {\n  res.end();\n});\n",
                "r.get('/a', auth, (req, res) => {\n  res.end();\n});\n",
            ),
            ("r.get(\n  '/a', // why\n  h,\n);\n", "r.get(\n  '/a', // why\n  auth,\n  h,\n);\n"),
            ("r.route('/a').get(h);\n", "r.route('/a').get(auth, h);\n"),
        ] {
            for (before, after) in variants(before).into_iter().zip(variants(after)) {
                assert_eq!(made("javascript", &before, before_handler, "auth").as_deref(), Ok(after.as_str()));
                assert_eq!(made("javascript", &after, before_handler, "auth").as_deref(), Ok(after.as_str()));
            }
        }
        for text in ["r.get(path, h)", "r.get('/a')", "r.get()"] {
            assert_eq!(made("javascript", text, before_handler, "auth"), Err("route-not-separable".to_owned()));
        }
    }

    #[test]
    fn a_guard_is_chained_before_the_method() {
        for (before, after) in [
            ("\tr.Get(\"/a\", h)\n", "\tr.With(auth).Get(\"/a\", h)\n"),
            ("\ts.router.Get(\"/a\", h)\n", "\ts.router.With(auth).Get(\"/a\", h)\n"),
        ] {
            assert_eq!(made("go", before, chained_call, "With(auth)").as_deref(), Ok(after));
            assert_eq!(made("go", after, chained_call, "With(auth)").as_deref(), Ok(after));
        }
        assert_eq!(made("go", "Get(\"/a\", h)", chained_call, "With(auth)"), Err("route-not-separable".to_owned()));
    }
}
