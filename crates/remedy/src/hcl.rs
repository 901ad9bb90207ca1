//! Edits of Terraform that keep every byte that they do not mean to change: `set-key`.
//!
//! A value that is there is replaced in its place. A new attribute joins the run of attributes whose `=` column it fits, or
//! begins a run of its own behind a blank line, so that `terraform fmt` has nothing to do and no neighbour moves. A block
//! in one line cannot take a second attribute and is refused. Next: `verbs.rs`.

use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use std::ops::Range;

/// One line `key = value` directly in a block.
struct Attribute {
    line: usize,
    indentation: Range<usize>,
    key: Range<usize>,
    equals: usize,
    /// One past the last byte of the value, where it is known to end in its line.
    ends_in_line: bool,
    stop: usize,
}

/// The body of a block, as `set-key` sees it.
struct Body {
    open: usize,
    close: usize,
    attributes: Vec<Attribute>,
    /// Byte ranges of the blocks in it, header included.
    nested: Vec<Range<usize>>,
}

/// How many lines a block may have to be edited.
const LINES: usize = 5_000;

/// Makes sure that the block in `block` has `key = value`; `present` is the place of the value that it has now.
pub fn set_key(
    source: &SourceText,
    block: &Range<usize>,
    present: Option<&Range<usize>>,
    key: &str,
    value: &str,
) -> Result<Vec<TextEdit>, Refusal> {
    if let Some(range) = present {
        let now = source.slice(range.start, range.end)?;
        if now.trim() == value {
            return Ok(vec![]);
        }
        if !is_literal(now.trim()) {
            let shown: String = now.chars().take(60).collect();
            return Err(Refusal::new("value-is-an-expression", format!("{key} = {shown}, which other places decide")));
        }
        return Ok(vec![TextEdit::replace(range.clone(), value)]);
    }
    let body = read_body(source, block)?;
    let text = source.as_str();
    if body.attributes.iter().any(|a| &text[a.key.clone()] == key) {
        return Err(Refusal::new("setting-present", format!("{key} is set already, and not where it was seen")));
    }
    let line_end = source.line_end_at(body.open).as_str();
    let own = source.indentation_at(block.start).to_owned();
    if source.line_start(body.open) == source.line_start(body.close) {
        if text[body.open + 1..body.close].trim().is_empty() {
            let line = format!("{line_end}{own}  {key} = {value}{line_end}{own}");
            return Ok(vec![TextEdit::replace(body.open + 1..body.close, line)]);
        }
        return Err(Refusal::new("one-line-block", format!("line {}", line_of(text, body.open))));
    }
    let runs = runs_of(&body, text);
    if let Some(run) = runs.iter().rev().find(|run| fits(run, text, key)) {
        let last = run.last().expect("a run has an attribute");
        let column = last.equals - last.key.start;
        let indentation = &text[last.indentation.clone()];
        let padded = format!("{key:<width$}", width = column);
        return Ok(vec![TextEdit::insert(last.stop, format!("{line_end}{indentation}{padded}= {value}"))]);
    }
    let indentation =
        body.attributes.first().map_or_else(|| inner(source, &body, &own), |a| text[a.indentation.clone()].to_owned());
    // Behind the last attribute before the first block: attributes come first, by Terraform's own style.
    let first_block = body.nested.first().map_or(body.close, |n| n.start);
    let behind = body.attributes.iter().rfind(|a| a.key.start < first_block);
    Ok(vec![match behind {
        Some(last) => TextEdit::insert(last.stop, format!("{line_end}{line_end}{indentation}{key} = {value}")),
        None if body.nested.is_empty() => {
            TextEdit::insert(source.line_start(body.close), format!("{indentation}{key} = {value}{line_end}"))
        }
        None => {
            let at = source.line_start(body.nested[0].start);
            TextEdit::insert(at, format!("{indentation}{key} = {value}{line_end}{line_end}"))
        }
    }])
}

/// Whether a value stands for itself: what a variable or an expression gives is decided elsewhere.
fn is_literal(value: &str) -> bool {
    let number = || value.parse::<f64>().is_ok();
    let text = || {
        value.len() > 1
            && value.starts_with('"')
            && value.ends_with('"')
            && !value.contains("${")
            && !value.contains("%{")
    };
    matches!(value, "true" | "false" | "null") || number() || text()
}

fn inner(source: &SourceText, body: &Body, own: &str) -> String {
    body.nested.first().map_or_else(|| format!("{own}  "), |n| source.indentation_at(n.start).to_owned())
}

/// Whether the key fits into the run without moving its `=`: as wide as the widest key, or narrower.
fn fits(run: &[&Attribute], text: &str, key: &str) -> bool {
    let columns: std::collections::BTreeSet<usize> = run.iter().map(|a| a.equals - a.key.start).collect();
    let widest = run.iter().map(|a| text[a.key.clone()].len()).max().unwrap_or(0);
    let last = run.last().is_some_and(|a| a.ends_in_line);
    last && columns.len() == 1 && columns.contains(&(widest + 1)) && key.len() <= widest
}

/// Attributes in lines that follow one another, each value ending in its line: what `terraform fmt` aligns.
fn runs_of<'a>(body: &'a Body, _text: &str) -> Vec<Vec<&'a Attribute>> {
    let mut runs: Vec<Vec<&Attribute>> = Vec::new();
    for attribute in &body.attributes {
        let follows =
            runs.last().and_then(|r| r.last()).is_some_and(|last| last.line + 1 == attribute.line && last.ends_in_line);
        match runs.last_mut() {
            Some(run) if follows => run.push(attribute),
            _ => runs.push(vec![attribute]),
        }
    }
    runs
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn read_body(source: &SourceText, block: &Range<usize>) -> Result<Body, Refusal> {
    let text = source.as_str();
    source.slice(block.start, block.end)?;
    let unread =
        |what: &str, at: usize| Refusal::new("cannot-read-source", format!("{what} in line {}", line_of(text, at)));
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut open) = (block.start, 0usize, None);
    let (mut attributes, mut nested) = (Vec::<Attribute>::new(), Vec::<Range<usize>>::new());
    let (mut item_start, mut equals): (Option<usize>, Option<usize>) = (None, None);
    let mut lines = 0;
    while at < block.end {
        let b = bytes[at];
        match b {
            b'#' => at = line_stop(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'/') => at = line_stop(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = find(bytes, at + 2, b"*/").ok_or_else(|| unread("an unclosed comment", at))? + 2;
            }
            b'"' => {
                if depth == 1 && item_start.is_none() {
                    item_start = Some(at);
                }
                at = quoted_stop(bytes, at, 16).ok_or_else(|| unread("an unclosed string", at))?;
            }
            b'<' if bytes.get(at + 1) == Some(&b'<') && heredoc_name(bytes, at).is_some() => {
                at = heredoc_stop(bytes, at).ok_or_else(|| unread("an unclosed heredoc", at))?;
            }
            b'{' | b'(' | b'[' => {
                if depth == 0 && b == b'{' && open.is_none() {
                    open = Some(at);
                }
                depth += 1;
                at += 1;
            }
            b'}' | b')' | b']' => {
                depth = depth.checked_sub(1).ok_or_else(|| unread("a bracket that was not opened", at))?;
                at += 1;
                match (depth, open) {
                    (0, Some(open)) => return Ok(Body { open, close: at - 1, attributes, nested }),
                    (1, Some(_)) if b == b'}' && equals.is_none() => {
                        nested.extend(item_start.take().map(|from| from..at));
                    }
                    _ => {}
                }
            }
            b'=' if depth == 1 && equals.is_none() && !matches!(bytes.get(at + 1), Some(b'=' | b'>')) => {
                equals = item_start.map(|_| at);
                at += 1;
            }
            b'\n' => {
                lines += 1;
                if lines > LINES {
                    return Err(unread("a block of too many lines", at));
                }
                if depth == 1
                    && let (Some(from), Some(sign)) = (item_start.take(), equals.take())
                {
                    attributes.push(attribute(source, from, sign, at));
                }
                at += 1;
            }
            b if b.is_ascii_whitespace() => at += 1,
            _ => {
                if depth == 1 && item_start.is_none() {
                    item_start = Some(at);
                }
                at += 1;
            }
        }
    }
    Err(unread("a block that does not end", block.start))
}

fn attribute(source: &SourceText, from: usize, equals: usize, newline: usize) -> Attribute {
    let text = source.as_str();
    let key = from..from + text[from..equals].trim_end().len();
    let stop = if newline > 0 && text.as_bytes()[newline - 1] == b'\r' { newline - 1 } else { newline };
    let indentation = source.line_start(from)..from;
    Attribute {
        line: line_of(text, from),
        indentation,
        key,
        equals,
        ends_in_line: source.line_start(from) == source.line_start(stop),
        stop,
    }
}

fn line_stop(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(what.len()).position(|w| w == what).map(|n| from + n)
}

/// One past the closing quote; `${…}` and `%{…}` may hold strings of their own.
fn quoted_stop(bytes: &[u8], at: usize, depth: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            b'\n' => return None,
            b'$' | b'%' if bytes.get(at + 1) == bytes.get(at) && bytes.get(at + 2) == Some(&b'{') => at += 3,
            b'$' | b'%' if bytes.get(at + 1) == Some(&b'{') => {
                at = interpolation_stop(bytes, at + 2, depth.checked_sub(1)?)?
            }
            _ => at += 1,
        }
    }
}

fn interpolation_stop(bytes: &[u8], mut at: usize, depth: usize) -> Option<usize> {
    let mut open = 1usize;
    loop {
        match *bytes.get(at)? {
            b'"' => {
                at = quoted_stop(bytes, at, depth)?;
                continue;
            }
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        at += 1;
        if open == 0 {
            return Some(at);
        }
    }
}

fn heredoc_name(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let from = at + 2 + usize::from(bytes.get(at + 2) == Some(&b'-'));
    let length = bytes[from..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    (length > 0).then(|| &bytes[from..from + length])
}

fn heredoc_stop(bytes: &[u8], at: usize) -> Option<usize> {
    let name = heredoc_name(bytes, at)?;
    let mut line = line_stop(bytes, at) + 1;
    while line < bytes.len() {
        let stop = line_stop(bytes, line);
        if bytes[line..stop].trim_ascii() == name {
            return Some(line + bytes[line..stop].trim_ascii_end().len());
        }
        line = stop + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use crate::testing::variants;
    use ligase_domain::{Origin, PathClass};

    fn set(text: &str, present: Option<&str>) -> Result<String, std::borrow::Cow<'static, str>> {
        let class = PathClass { dialect: "terraform".to_owned(), origin: Origin::Source };
        let source = SourceText::read(&"main.tf".into(), &class, text.as_bytes().to_vec()).unwrap();
        let start = text.find("resource").unwrap();
        let present = present.map(|p| text.find(p).map(|at| at..at + p.len()).unwrap());
        set_key(&source, &(start..text.trim_end().len()), present.as_ref(), "storage_encrypted", "true")
            .and_then(|edits| apply(text, &edits))
            .map_err(|r| r.reason)
    }

    #[test]
    fn a_value_that_is_there_is_replaced_in_its_place() {
        let before = "resource \"a\" \"b\" {\n  storage_encrypted = false # why\n}\n";
        assert_eq!(set(before, Some("false")).unwrap(), before.replace("false", "true"));
        assert_eq!(set(&before.replace("false", "true"), Some("true")).unwrap(), before.replace("false", "true"));
        assert_eq!(set(before, None).unwrap_err(), "setting-present");
        let variable = before.replace("false", "var.encrypt");
        assert_eq!(set(&variable, Some("var.encrypt")).unwrap_err(), "value-is-an-expression");
    }

    #[test]
    fn a_new_attribute_fits_the_run_that_it_joins_or_begins_its_own() {
        for (before, after) in [
            (
                "resource \"a\" \"b\" {\n  id                    = 1\n  backup_retention_days = 7 # week\n\n  tags = { a = 1 }\n}\n",
                "resource \"a\" \"b\" {\n  id                    = 1\n  backup_retention_days = 7 # week\n  storage_encrypted     = true\n\n  tags = { a = 1 }\n}\n",
            ),
            (
                "resource \"a\" \"b\" {\n  engine = \"p\"\n  id     = \"x\"\n}\n",
                "resource \"a\" \"b\" {\n  engine = \"p\"\n  id     = \"x\"\n\n  storage_encrypted = true\n}\n",
            ),
            (
                "resource \"a\" \"b\" {\n  engine = \"p\"\n\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n",
                "resource \"a\" \"b\" {\n  engine = \"p\"\n\n  storage_encrypted = true\n\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n",
            ),
            (
                "resource \"a\" \"b\" {\n\tpolicy = <<-EOT\n\t{ \"x\" = \"}\" }\n\tEOT\n}\n",
                "resource \"a\" \"b\" {\n\tpolicy = <<-EOT\n\t{ \"x\" = \"}\" }\n\tEOT\n\n\tstorage_encrypted = true\n}\n",
            ),
            (
                "resource \"a\" \"b\" {\n  tags = {\n    storage_encrypted = \"${var.x[\"}\"]}\"\n  }\n}\n",
                "resource \"a\" \"b\" {\n  tags = {\n    storage_encrypted = \"${var.x[\"}\"]}\"\n  }\n\n  storage_encrypted = true\n}\n",
            ),
            ("resource \"a\" \"b\" {}\n", "resource \"a\" \"b\" {\n  storage_encrypted = true\n}\n"),
            ("resource \"a\" \"b\" {\n}\n", "resource \"a\" \"b\" {\n  storage_encrypted = true\n}\n"),
            (
                "resource \"a\" \"b\" {\n  # none yet\n  timeouts {\n    create = 1\n  }\n}\n",
                "resource \"a\" \"b\" {\n  # none yet\n  storage_encrypted = true\n\n  timeouts {\n    create = 1\n  }\n}\n",
            ),
        ] {
            for (before, after) in variants(before).into_iter().zip(variants(after)) {
                assert_eq!(set(&before, None).unwrap(), after);
            }
        }
    }

    #[test]
    fn what_cannot_take_an_attribute_is_refused() {
        assert_eq!(set("resource \"a\" \"b\" { engine = 1 }\n", None).unwrap_err(), "one-line-block");
        assert_eq!(set("resource \"a\" \"b\" {\n  x = \"a\n}\n", None).unwrap_err(), "cannot-read-source");
        assert_eq!(set("resource \"a\" \"b\" {\n  x = <<EOT\n}\n", None).unwrap_err(), "cannot-read-source");
    }
}
