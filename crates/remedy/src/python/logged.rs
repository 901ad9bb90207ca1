//! A classified value out of a log call: the value and what stood for it in the message, where that is safe in form.
//!
//! Safe in form are: a key of `extra={…}`, a keyword of the call, a `%`-argument with its own placeholder, and an
//! interpolation of an f-string. Anything else (a message that is built elsewhere, a value inside another call, a mapping
//! as a whole) is refused with what was seen, since dropping it would lose more than the value.

use super::call::{Brackets, Item, bytes_of, call_in};
use super::scan::{Kind, Python, Token, interpolation_stop};
use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Keywords of logging calls that carry no value of their own, and never go.
const KEPT: [&str; 10] =
    ["extra", "exc_info", "stack_info", "stacklevel", "msg", "message", "event", "file", "sep", "end"];

/// What goes: edits that stand alone, and items by the bracket that they stand in.
#[derive(Default)]
struct Dropped {
    edits: Vec<TextEdit>,
    /// How many interpolations go from each f-string, by where it begins.
    texts: BTreeMap<usize, (Token, usize)>,
    items: BTreeMap<usize, (Brackets, BTreeSet<usize>)>,
}

impl Dropped {
    fn item(&mut self, brackets: &Brackets, at: usize) {
        self.items.entry(brackets.open).or_insert_with(|| (brackets.clone(), BTreeSet::new())).1.insert(at);
    }
}

fn refused(what: &str) -> Refusal {
    Refusal::new("value-not-separable", what)
}

/// Takes the values out of the call in `call` and leaves `instead` where a message named them.
pub fn drop_values(
    source: &SourceText,
    call: &Range<usize>,
    values: &[Range<usize>],
    instead: &str,
) -> Result<Vec<TextEdit>, Refusal> {
    let python = Python::scan(source.as_str())?;
    let brackets = call_in(&python, call).ok_or_else(|| refused("the call's arguments were not found"))?;
    let mut dropped = Dropped::default();
    for value in values {
        drop_one(&python, &brackets, value, instead, &mut dropped)?;
    }
    let mut edits = dropped.edits;
    for (token, gone) in dropped.texts.values() {
        edits.extend(plain_again(&python, token, *gone));
    }
    for (brackets, items) in dropped.items.values() {
        edits.extend(remove_items(&python, source, brackets, items));
    }
    Ok(edits)
}

fn drop_one(
    python: &Python<'_>,
    brackets: &Brackets,
    value: &Range<usize>,
    instead: &str,
    dropped: &mut Dropped,
) -> Result<(), Refusal> {
    let at = brackets
        .items
        .iter()
        .position(|i| {
            let range = bytes_of(python, &i.tokens);
            range.start <= value.start && value.end <= range.end
        })
        .ok_or_else(|| refused("the value stands in no argument of its own"))?;
    let item = &brackets.items[at];
    if item.keyword.is_some_and(|k| python.of(k) == "extra") {
        return drop_entry(python, item, value, dropped);
    }
    if let Some((token, edit)) = redact_interpolation(python, item, value, instead) {
        dropped.edits.push(edit);
        dropped.texts.entry(token.start).or_insert((token, 0)).1 += 1;
        return Ok(());
    }
    if let Some(keyword) = item.keyword {
        let whole =
            bytes_of(python, &(keyword + 2..item.tokens.end)) == *value || bytes_of(python, &item.tokens) == *value;
        if KEPT.contains(&python.of(keyword)) || !whole {
            return Err(refused("the keyword's value is more than the value"));
        }
        dropped.item(brackets, at);
        return Ok(());
    }
    if python.is(item.tokens.start, "*") || python.is(item.tokens.start, "**") {
        return Err(refused("the value is spread"));
    }
    if bytes_of(python, &item.tokens) != *value {
        return Err(refused("the value is a part of its argument"));
    }
    let prints = python.is(brackets.open - 1, "print") && !python.is(brackets.open.wrapping_sub(2), ".");
    if prints && at > 0 {
        dropped.edits.push(TextEdit::replace(value.clone(), format!("\"{instead}\"")));
        return Ok(());
    }
    dropped.edits.push(drop_placeholder(python, brackets, at, instead)?);
    dropped.item(brackets, at);
    Ok(())
}

/// An interpolation of an f-string that is the value and nothing else: `{value}`, `{value!r:>10}`, `{value=}`.
fn redact_interpolation(
    python: &Python<'_>,
    item: &Item,
    value: &Range<usize>,
    instead: &str,
) -> Option<(Token, TextEdit)> {
    let token = item
        .tokens
        .clone()
        .map(|i| python.tokens[i])
        .find(|t| t.kind == Kind::Text && t.start < value.start && value.end < t.end)?;
    let bytes = python.text.as_bytes();
    // The anchor is the expression; between it and the brace stands white space alone.
    let open = (token.start..value.start)
        .rev()
        .find(|at| !bytes[*at].is_ascii_whitespace())
        .filter(|at| bytes[*at] == b'{')?;
    let stop = interpolation_stop(bytes, open, 8)?;
    let rest = python.text.get(value.end..stop)?.trim_start();
    let whole = rest.starts_with('}')
        || rest.starts_with(':')
        || rest.starts_with('!') && !rest.starts_with("!=")
        || rest.starts_with('=') && !rest.starts_with("==");
    let before = python.text[token.start..].find(['"', '\'']).map(|n| token.start + n)?;
    let formatted = python.text[token.start..before].bytes().any(|b| b | 0x20 == b'f');
    (whole && formatted).then(|| (token, TextEdit::replace(open..stop, instead)))
}

/// Takes the `f` of an f-string away whose interpolations all go, where nothing else of it means anything.
fn plain_again(python: &Python<'_>, token: &Token, gone: usize) -> Option<TextEdit> {
    let text = &python.text[token.start..token.end];
    let (bytes, mut at, mut there) = (text.as_bytes(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' if bytes.get(at + 1) == Some(&b'{') => return None,
            b'{' => {
                at = interpolation_stop(bytes, at, 8)?;
                there += 1;
            }
            b'}' => return None,
            _ => at += 1,
        }
    }
    let prefix = text.find(['"', '\''])?;
    let f = text[..prefix].find(['f', 'F'])?;
    (there == gone).then(|| TextEdit::remove(token.start + f..token.start + f + 1))
}

/// A key of a mapping literal behind `extra=`.
fn drop_entry(python: &Python<'_>, item: &Item, value: &Range<usize>, dropped: &mut Dropped) -> Result<(), Refusal> {
    let first = item.tokens.start + 2;
    let literal = python.is(first, "{") && python.partner[first] == Some(item.tokens.end - 1);
    let entries = literal
        .then(|| Brackets::read(python, first))
        .flatten()
        .ok_or_else(|| refused("extra is no mapping literal"))?;
    // `{"key": value}`: either the value behind the colon is the anchor, or the whole entry is.
    let is_entry = |e: &Item| {
        let key = python.tokens[e.tokens.start].kind == Kind::Text && python.is(e.tokens.start + 1, ":");
        let behind = e.tokens.start + 2;
        key && behind < e.tokens.end
            && (bytes_of(python, &(behind..e.tokens.end)) == *value || bytes_of(python, &e.tokens) == *value)
    };
    let at = entries.items.iter().position(is_entry).ok_or_else(|| refused("the value is no entry of its own"))?;
    dropped.item(&entries, at);
    Ok(())
}

/// Removes items with the commas and white space that belong to them; what has its line goes with the line.
fn remove_items(
    python: &Python<'_>,
    source: &SourceText,
    brackets: &Brackets,
    gone: &BTreeSet<usize>,
) -> Vec<TextEdit> {
    let start = |at: usize| python.tokens[brackets.items[at].tokens.start].start;
    let end = |at: usize| python.tokens[brackets.items[at].tokens.end - 1].end;
    let behind = |at: usize| brackets.items[at].comma.map_or(end(at), |c| python.tokens[c].end);
    let alone = |at: usize| {
        let has_line = python.indent_of(start(at)).is_some() && source.line_stop(behind(at)) == behind(at);
        has_line && (brackets.items[at].comma.is_some() || gone.len() == brackets.items.len())
    };
    let (mut edits, mut at) = (Vec::new(), 0);
    while at < brackets.items.len() {
        if !gone.contains(&at) {
            at += 1;
            continue;
        }
        let last = (at..brackets.items.len()).take_while(|i| gone.contains(i)).last().expect("the run holds its first");
        if (at..=last).all(alone) {
            for i in at..=last {
                let line = source.line_start(start(i));
                let next = source.as_str()[behind(i)..].find('\n').map_or(behind(i), |n| behind(i) + n + 1);
                edits.push(TextEdit::remove(line..next));
            }
        } else if last + 1 < brackets.items.len()
            && at > 0
            && python.text[behind(last)..start(last + 1)].contains('\n')
            && !python.text[end(at - 1)..start(at)].contains('\n')
        {
            // What follows stays on its line: the last comma parts it from what comes before.
            edits.push(TextEdit::remove(end(at - 1)..end(last)));
        } else if last + 1 < brackets.items.len() {
            edits.push(TextEdit::remove(start(at)..start(last + 1)));
        } else if at > 0 {
            // A trailing comma stays with the item that is now the last.
            let from = if brackets.items[last].comma.is_some() { behind(at - 1) } else { end(at - 1) };
            edits.push(TextEdit::remove(from..behind(last)));
        } else {
            edits.push(TextEdit::remove(start(at)..behind(last)));
        }
        at = last + 1;
    }
    edits
}

/// The placeholder of a `%`-argument in a message that is one string literal.
fn drop_placeholder(python: &Python<'_>, brackets: &Brackets, at: usize, instead: &str) -> Result<TextEdit, Refusal> {
    let positional: Vec<usize> = (0..brackets.items.len()).filter(|i| brackets.items[*i].keyword.is_none()).collect();
    if positional.iter().any(|i| python.is(brackets.items[*i].tokens.start, "*")) {
        return Err(refused("the call spreads its arguments"));
    }
    // `logger.log(level, message, …)` has its message second.
    let message = positional.iter().take(2).copied().find(|i| {
        let tokens = &brackets.items[*i].tokens;
        tokens.len() == 1 && python.tokens[tokens.start].kind == Kind::Text
    });
    let message =
        message.filter(|m| *m < at).ok_or_else(|| refused("the message is no string literal before the value"))?;
    let token = python.tokens[brackets.items[message].tokens.start];
    let text = &python.text[token.start..token.end];
    let prefix = text.split(['"', '\'']).next().unwrap_or_default();
    let plain = prefix.bytes().all(|b| matches!(b | 0x20, b'r' | b'u'));
    let places = plain
        .then(|| placeholders(text))
        .flatten()
        .ok_or_else(|| refused("the message's placeholders are not plain"))?;
    let arguments: Vec<usize> = positional.into_iter().filter(|i| *i > message).collect();
    if places.len() != arguments.len() {
        return Err(refused("the message has another number of placeholders than arguments"));
    }
    let number = arguments.iter().position(|i| *i == at).expect("the value's argument stands behind the message");
    let place = &places[number];
    Ok(TextEdit::replace(token.start + place.start..token.start + place.end, instead))
}

/// The places of a `%`-format's placeholders; `None` where one is named or takes its width from an argument, or where a
/// sign is doubled: without arguments the message is not formatted, and it would be printed as two.
fn placeholders(text: &str) -> Option<Vec<Range<usize>>> {
    let (bytes, mut at, mut found) = (text.as_bytes(), 0, Vec::new());
    while let Some(n) = bytes[at..].iter().position(|b| *b == b'%') {
        let start = at + n;
        let mut end = start + 1;
        while bytes
            .get(end)
            .is_some_and(|b| matches!(b, b'#' | b'0'..=b'9' | b'-' | b' ' | b'+' | b'.' | b'h' | b'l' | b'L'))
        {
            end += 1;
        }
        match bytes.get(end)? {
            b'd' | b'i' | b'o' | b'u' | b'x' | b'X' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'c' | b'r' | b's'
            | b'a' => {
                found.push(start..end + 1);
            }
            _ => return None,
        }
        at = end + 1;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use crate::testing::{python_source, variants};

    fn dropped(text: &str, value: &str) -> Result<String, std::borrow::Cow<'static, str>> {
        let source = python_source(text);
        let start = text.find("log").unwrap();
        let end = text.trim_end().len();
        let values: Vec<Range<usize>> = text.match_indices(value).map(|(at, v)| at..at + v.len()).collect();
        drop_values(&source, &(start..end), &values, "[redacted]")
            .and_then(|edits| apply(text, &edits))
            .map_err(|r| r.reason)
    }

    #[test]
    fn a_value_goes_with_its_placeholder() {
        for (before, after) in [
            ("log.info(\"u %s d %s\", u.id, p.ssn)\n", "log.info(\"u %s d [redacted]\", u.id)\n"),
            ("log.info(\"u %s d %5.2f!\", p.ssn, u.id)\n", "log.info(\"u [redacted] d %5.2f!\", u.id)\n"),
            ("log.info('d %s', p.ssn,)\n", "log.info('d [redacted]',)\n"),
            ("log.info('u %s d %s %s', u.id, p.ssn, p.ssn)\n", "log.info('u %s d [redacted] [redacted]', u.id)\n"),
            ("log.info('u %s d %s %s', p.ssn, p.ssn, u.id)\n", "log.info('u [redacted] d [redacted] %s', u.id)\n"),
            ("log.info('d', extra={'a': p.ssn, 'b': p.ssn}, ssn=p.ssn)\n", "log.info('d', extra={})\n"),
            ("log.log(lvl, 'd %s', p.ssn)\n", "log.log(lvl, 'd [redacted]')\n"),
            ("log.info(f'd {p.ssn} {u}')\n", "log.info(f'd [redacted] {u}')\n"),
            ("log.info(f'd {p.ssn!r:>10}')\n", "log.info('d [redacted]')\n"),
            ("log.info(f'd { p.ssn = }')\n", "log.info('d [redacted]')\n"),
            ("log.info(rf'd {p.ssn} {{x}}')\n", "log.info(rf'd [redacted] {{x}}')\n"),
            ("log.info(rf'd {p.ssn} {p.ssn}')\n", "log.info(r'd [redacted] [redacted]')\n"),
            ("log.info('d', ssn=p.ssn, u=u)\n", "log.info('d', u=u)\n"),
            ("log.info('d', u=u, ssn=p.ssn)\n", "log.info('d', u=u)\n"),
            ("log.info('d', extra={'u': u, 'ssn': p.ssn})\n", "log.info('d', extra={'u': u})\n"),
            ("log.info('d', extra={'ssn': p.ssn})\n", "log.info('d', extra={})\n"),
            (
                "log.info(\n    'd',\n    extra={\n        'u': u,  # who\n        'ssn': p.ssn,\n    },\n)\n",
                "log.info(\n    'd',\n    extra={\n        'u': u,  # who\n    },\n)\n",
            ),
            (
                "log.info(\n    'u %s d %s',\n    u.id,\n    p.ssn,\n)\n",
                "log.info(\n    'u %s d [redacted]',\n    u.id,\n)\n",
            ),
            (
                "log.info(\n    'u %s d %s',\n    p.ssn,\n    u.id,\n)\n",
                "log.info(\n    'u [redacted] d %s',\n    u.id,\n)\n",
            ),
            (
                "log.info(\n    'u %s d %s',\n    u.id,\n    p.ssn\n)\n",
                "log.info(\n    'u %s d [redacted]',\n    u.id\n)\n",
            ),
        ] {
            for (before, after) in variants(before).into_iter().zip(variants(after)) {
                assert_eq!(dropped(&before, "p.ssn").unwrap(), after);
            }
        }
    }

    #[test]
    fn what_is_printed_keeps_its_place() {
        let text = "print('d', p.ssn, u)\n";
        let edits = drop_values(&python_source(text), &(0..20), std::slice::from_ref(&(11..16)), "[redacted]").unwrap();
        assert_eq!(apply(text, &edits).unwrap(), "print('d', \"[redacted]\", u)\n");
    }

    #[test]
    fn a_value_that_is_not_separable_is_refused() {
        for text in [
            "log.info(p.ssn)\n",
            "log.info('d ' + p.ssn)\n",
            "log.info('d {}'.format(p.ssn))\n",
            "log.info('d %s' % p.ssn)\n",
            "log.info('d %(ssn)s', {'ssn': p.ssn})\n",
            "log.info('d %s', str(p.ssn))\n",
            "log.info('d %s', *p.ssn)\n",
            "log.info('d', **p.ssn)\n",
            "log.info('d', p.ssn)\n",
            "log.info('d %s' 'x', p.ssn)\n",
            "log.info('d', extra=p.ssn)\n",
            "log.info('d', extra={**p.ssn})\n",
            "log.info('d', extra={'x': [p.ssn]})\n",
            "log.info('d', exc_info=p.ssn)\n",
            "log.info(f'd {mask(p.ssn)}')\n",
            "log.info(f'd {p.ssn + x}')\n",
            "log.info(f'd {p.ssn == x}')\n",
            "log.info('d %*s', 3, p.ssn)\n",
            "log.info('100%% %s', p.ssn)\n",
        ] {
            assert_eq!(dropped(text, "p.ssn").unwrap_err(), "value-not-separable", "{text}");
        }
    }
}
