//! A classified value out of a log call: the value and what stood for it in the message, where that is safe in form.
//!
//! Safe in form are: an interpolation of a template, a key of an object or composite literal, a field of a structured logger
//! (`zap.String("email", e)`, `.Str("email", e)`, `"email", e`), an argument with its own placeholder (`%s`, `{}`), a part of
//! texts that are added to one another, and an argument behind the message. Anything else is refused with what was seen.

use super::scan::{Item, Kind, Scan, interpolation_stop};
use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

fn refused(what: &str) -> Refusal {
    Refusal::new("value-not-separable", what)
}

/// What goes: edits that stand alone, and items by the bracket that they stand in.
#[derive(Default)]
struct Dropped {
    edits: Vec<TextEdit>,
    items: BTreeMap<usize, BTreeSet<usize>>,
}

/// Takes the values out of the call in `call` and leaves `instead` where a message named them.
pub fn drop_values(
    source: &SourceText,
    call: &Range<usize>,
    values: &[Range<usize>],
    instead: &str,
) -> Result<Vec<TextEdit>, Refusal> {
    let scan = Scan::read(source.as_str(), call.clone())?;
    let dropping = Dropping { scan: &scan, dialect: source.dialect(), instead };
    let mut dropped = Dropped::default();
    for value in values {
        dropping.one(value, &mut dropped)?;
    }
    let mut edits = dropped.edits;
    for (open, gone) in &dropped.items {
        edits.extend(match emptied(&scan, *open, gone) {
            Some(edit) => vec![edit],
            None => remove_items(&scan, source, *open, gone),
        });
    }
    if source.dialect() == "go" {
        used_still(source, &edits)?;
    }
    Ok(edits)
}

/// Go refuses a package that is imported and not used: what names one for the last time stays.
fn used_still(source: &SourceText, edits: &[TextEdit]) -> Result<(), Refusal> {
    let after = crate::edit::apply(source.as_str(), edits)?;
    let uses = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')));
        words.filter_map(|w| w.split_once('.')).map(|(package, _)| package.to_owned()).collect()
    };
    let (before, after) = (uses(source.as_str()), uses(&after));
    let text = source.as_str();
    let imported = |name: &str| {
        [format!("/{name}\""), format!("\"{name}\""), format!("{name} \"")].iter().any(|i| text.contains(i))
    };
    match before.iter().find(|name| !name.is_empty() && !after.contains(*name) && imported(name)) {
        Some(name) => Err(refused(&format!("{name} is used nowhere else"))),
        None => Ok(()),
    }
}

struct Dropping<'s, 'a> {
    scan: &'s Scan<'a>,
    dialect: &'s str,
    instead: &'s str,
}

impl Dropping<'_, '_> {
    fn one(&self, value: &Range<usize>, dropped: &mut Dropped) -> Result<(), Refusal> {
        let scan = self.scan;
        let Some(tokens) = scan.tokens_in(value) else {
            dropped.edits.push(self.interpolation(value).ok_or_else(|| refused("the value is a part of something"))?);
            return Ok(());
        };
        let open = scan.inside[tokens.start].ok_or_else(|| refused("the value stands in no brackets"))?;
        let items = scan.items(open);
        let at = items.iter().position(|i| i.tokens.start <= tokens.start && tokens.end <= i.tokens.end);
        let at = at.ok_or_else(|| refused("the value stands in no argument of its own"))?;
        let item = &items[at];
        if item.tokens != tokens {
            let entry = scan.is(open, "{") && self.is_entry(item, &tokens);
            if entry {
                dropped.items.entry(open).or_default().insert(at);
                return Ok(());
            }
            let edit = self.added(item, &tokens).ok_or_else(|| refused("the value is a part of its argument"))?;
            dropped.edits.push(edit);
            return Ok(());
        }
        match scan.of(open) {
            // `{ email }`
            "{" if tokens.len() == 1 && scan.tokens[tokens.start].kind == Kind::Name && self.script() => {
                dropped.items.entry(open).or_default().insert(at);
                Ok(())
            }
            "(" => self.argument(open, &items, at, dropped),
            _ => Err(refused("the value is an element of a list")),
        }
    }

    fn script(&self) -> bool {
        matches!(self.dialect, "typescript" | "javascript")
    }

    /// `email: value`, `"email": value`.
    fn is_entry(&self, item: &Item, value: &Range<usize>) -> bool {
        let key = matches!(self.scan.tokens[item.tokens.start].kind, Kind::Name | Kind::Text);
        key && self.scan.is(item.tokens.start + 1, ":")
            && item.tokens.start + 2 == value.start
            && item.tokens.end == value.end
    }

    /// `${value}` in a template.
    fn interpolation(&self, value: &Range<usize>) -> Option<TextEdit> {
        let token = self.scan.tokens.iter().find(|t| t.start < value.start && value.end < t.end)?;
        let bytes = self.scan.text.as_bytes();
        if token.kind != Kind::Text || bytes[token.start] != b'`' || !self.script() {
            return None;
        }
        let brace = (token.start..value.start).rev().find(|at| !bytes[*at].is_ascii_whitespace())?;
        let open = brace.checked_sub(1).filter(|o| bytes[*o..].starts_with(b"${"))?;
        let stop = interpolation_stop(bytes, open, 8)?;
        let rest = self.scan.text.get(value.end..stop)?;
        (rest.trim() == "}").then(|| TextEdit::replace(open..stop, self.instead))
    }

    /// One of several that are added, among them a text.
    fn added(&self, item: &Item, value: &Range<usize>) -> Option<TextEdit> {
        let scan = self.scan;
        let here = |at: &usize| scan.inside[*at] == scan.inside[value.start];
        let text = item.tokens.clone().filter(here).find(|at| scan.tokens[*at].kind == Kind::Text)?;
        let before = value.start == item.tokens.start
            || scan.is(value.start - 1, "+") && !scan.is(value.start.wrapping_sub(2), "+");
        let after = value.end == item.tokens.end || scan.is(value.end, "+") && !scan.is(value.end + 1, "+");
        let others =
            item.tokens.clone().filter(here).filter(|at| !value.contains(at)).all(|at| {
                scan.tokens[at].kind != Kind::Sign || matches!(scan.of(at), "+" | "." | "(" | ")" | "[" | "]")
            });
        (before && after && others).then(|| TextEdit::replace(scan.bytes_of(value), self.quoted(text)))
    }

    /// The words that stand for the value, quoted as a text of the call is.
    fn quoted(&self, like: usize) -> String {
        let quote = if self.script() && !self.scan.of(like).starts_with('"') { '\'' } else { '"' };
        format!("{quote}{}{quote}", self.instead)
    }

    /// An argument that is the value and nothing else.
    fn argument(&self, open: usize, items: &[Item], at: usize, dropped: &mut Dropped) -> Result<(), Refusal> {
        let scan = self.scan;
        let close = scan.partner[open].ok_or_else(|| refused("the brackets are not closed"))?;
        let text = |i: &Item| i.tokens.len() == 1 && scan.tokens[i.tokens.start].kind == Kind::Text;
        let named = items.len() == 2 && at == 1 && text(&items[0]);
        let last = close + 1 == scan.tokens.len();
        if named && !last && scan.is(close + 1, ".") && open >= 2 && scan.is(open - 2, ".") {
            // `.Str("email", value)` in the middle of a chain.
            let end = scan.tokens[close].end;
            let start = scan.tokens[open - 2].start;
            dropped.edits.push(TextEdit::remove(start..end));
            return Ok(());
        }
        let own = scan.callee(open);
        if named && !last && !own.ends_with('f') && own != "format" {
            return self.field(open, dropped);
        }
        if at == 0 {
            return Err(refused("the value is the message"));
        }
        let message = items[..at].iter().rposition(|i| text(i) && scan.of(i.tokens.start).contains(['%', '{']));
        if let Some(message) = message.filter(|_| !self.is_plain(own)) {
            let token = scan.tokens[items[message].tokens.start];
            let braces = self.dialect == "java" && own != "format" && own != "printf";
            let places = placeholders(&scan.text[token.start..token.end], braces);
            let rest = items.len() - message - 1;
            // SLF4J takes an exception behind the arguments.
            let fits = places
                .as_ref()
                .is_some_and(|p| p.len() == rest || braces && p.len() + 1 == rest && at < items.len() - 1);
            let number = at - message - 1;
            let place = places.filter(|_| fits).and_then(|p| p.get(number).cloned());
            let place =
                place.ok_or_else(|| refused("the message has another number of placeholders than arguments"))?;
            dropped.edits.push(TextEdit::replace(token.start + place.start..token.start + place.end, self.instead));
            dropped.items.entry(open).or_default().insert(at);
            return Ok(());
        }
        let key = text(&items[at - 1]) && !scan.of(items[at - 1].tokens.start).contains(char::is_whitespace);
        if self.dialect == "go" && at >= 2 && key {
            dropped.items.entry(open).or_default().extend([at - 1, at]);
            return Ok(());
        }
        let like = items.iter().find(|i| text(i)).map(|i| i.tokens.start);
        let like = like.ok_or_else(|| refused("no text stands beside the value"))?;
        dropped.edits.push(TextEdit::replace(scan.bytes_of(&items[at].tokens), self.quoted(like)));
        Ok(())
    }

    /// A call that prints its arguments side by side: a sign in a text means nothing.
    fn is_plain(&self, callee: &str) -> bool {
        matches!(callee, "println" | "Println" | "Print" | "print") || self.dialect == "go" && !callee.ends_with('f')
    }

    /// `zap.String("email", value)` among the arguments of another call.
    fn field(&self, open: usize, dropped: &mut Dropped) -> Result<(), Refusal> {
        let scan = self.scan;
        let outer = scan.inside[open].ok_or_else(|| refused("the value is an argument of a call in the chain"))?;
        let close = scan.partner[open].unwrap_or(open);
        let items = scan.items(outer);
        let at = items.iter().position(|i| i.tokens.start < open && i.tokens.end == close + 1);
        let whole = at.filter(|at| {
            let head = items[*at].tokens.start..open;
            self.dialect == "go" && head.clone().all(|t| scan.tokens[t].kind == Kind::Name || scan.is(t, "."))
        });
        let at = whole.ok_or_else(|| refused("the value goes into another call"))?;
        dropped.items.entry(outer).or_default().insert(at);
        Ok(())
    }
}

/// The places of a format's placeholders; `None` where one takes its width from an argument or is numbered.
fn placeholders(text: &str, braces: bool) -> Option<Vec<Range<usize>>> {
    let bytes = text.as_bytes();
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        if braces {
            if bytes[at..].starts_with(b"\\{") {
                return None;
            }
            if bytes[at..].starts_with(b"{}") {
                found.push(at..at + 2);
                at += 1;
            }
        } else if bytes[at] == b'%' {
            let start = at;
            at += 1;
            while matches!(bytes.get(at)?, b'#' | b'0'..=b'9' | b'-' | b' ' | b'+' | b'.' | b',') {
                at += 1;
            }
            match bytes.get(at)? {
                b'%' => {}
                b if b.is_ascii_alphabetic() => found.push(start..at + 1),
                _ => return None,
            }
        }
        at += 1;
    }
    Some(found)
}

/// An object of which nothing is left goes too, where it is an argument beside others; else its braces stand together.
fn emptied(scan: &Scan<'_>, open: usize, gone: &BTreeSet<usize>) -> Option<TextEdit> {
    let close = scan.partner[open]?;
    if !scan.is(open, "{") || gone.len() != scan.items(open).len() {
        return None;
    }
    let end = |at: usize| scan.tokens[at].end;
    let arguments = scan.inside[open].filter(|o| scan.is(*o, "(")).map(|o| scan.items(o)).unwrap_or_default();
    let at = arguments.iter().position(|i| i.tokens == (open..close + 1));
    Some(match at {
        Some(0) if arguments.len() > 1 => {
            TextEdit::remove(scan.tokens[open].start..scan.tokens[arguments[1].tokens.start].start)
        }
        Some(at) if at > 0 => {
            let (own, before) = (arguments[at].comma, arguments[at - 1].comma);
            match (own, before) {
                // The comma before it is the last one then.
                (Some(own), Some(before)) => TextEdit::remove(end(before)..end(own)),
                (None, Some(before)) if scan.text[end(before)..scan.tokens[open].start].contains('\n') => {
                    TextEdit::remove(end(before)..end(close))
                }
                _ => TextEdit::remove(end(arguments[at - 1].tokens.end - 1)..end(close)),
            }
        }
        _ => TextEdit::remove(end(open)..scan.tokens[close].start),
    })
}

/// Removes items with the commas and white space that belong to them; what has its line goes with the line.
fn remove_items(scan: &Scan<'_>, source: &SourceText, open: usize, gone: &BTreeSet<usize>) -> Vec<TextEdit> {
    let items = scan.items(open);
    let start = |at: usize| scan.tokens[items[at].tokens.start].start;
    let end = |at: usize| scan.tokens[items[at].tokens.end - 1].end;
    let behind = |at: usize| items[at].comma.map_or(end(at), |c| scan.tokens[c].end);
    let alone = |at: usize| {
        let line = &scan.text[source.line_start(start(at))..start(at)];
        let has_line = line.trim().is_empty() && scan.text[behind(at)..source.line_stop(behind(at))].trim().is_empty();
        has_line && (items[at].comma.is_some() || gone.len() == items.len())
    };
    let (mut edits, mut at) = (Vec::new(), 0);
    while at < items.len() {
        if !gone.contains(&at) {
            at += 1;
            continue;
        }
        let last = (at..items.len()).take_while(|i| gone.contains(i)).last().unwrap_or(at);
        if (at..=last).all(alone) {
            for i in at..=last {
                let line = source.line_start(start(i));
                let next = scan.text[behind(i)..].find('\n').map_or(behind(i), |n| behind(i) + n + 1);
                edits.push(TextEdit::remove(line..next));
            }
        } else if last + 1 < items.len()
            && at > 0
            && scan.text[behind(last)..start(last + 1)].contains('\n')
            && !scan.text[end(at - 1)..start(at)].contains('\n')
        {
            // What follows stays on its line: the last comma parts it from what comes before.
            edits.push(TextEdit::remove(end(at - 1)..end(last)));
        } else if last + 1 < items.len() {
            edits.push(TextEdit::remove(start(at)..start(last + 1)));
        } else if at > 0 {
            let from = if items[last].comma.is_some() { behind(at - 1) } else { end(at - 1) };
            edits.push(TextEdit::remove(from..behind(last)));
        } else {
            edits.push(TextEdit::remove(start(at)..behind(last)));
        }
        at = last + 1;
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use crate::testing::variants;
    use ligase_domain::{Origin, PathClass};

    fn dropped(dialect: &str, text: &str, value: &str) -> Result<String, String> {
        let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
        let source = SourceText::read(&"a".into(), &class, text.as_bytes().to_vec()).unwrap();
        let end = text.trim_end().trim_end_matches(';').len();
        let values: Vec<Range<usize>> = text.match_indices(value).map(|(at, v)| at..at + v.len()).collect();
        drop_values(&source, &(0..end), &values, "[redacted]")
            .and_then(|edits| apply(text, &edits))
            .map_err(|r| r.reason.to_string())
    }

    #[test]
    fn a_value_goes_with_what_stood_for_it() {
        for (dialect, before, after) in [
            ("typescript", "log.info(`u ${u.id} d ${p.ssn}`);\n", "log.info(`u ${u.id} d [redacted]`);\n"),
            ("typescript", "log.info({ u, ssn: p.ssn }, 'd');\n", "log.info({ u }, 'd');\n"),
            ("typescript", "log.info({ ssn: p.ssn, u: 1 }, 'd');\n", "log.info({ u: 1 }, 'd');\n"),
            ("typescript", "log.info('d', {\n  u,\n  ssn: p.ssn,\n});\n", "log.info('d', {\n  u,\n});\n"),
            ("typescript", "log.info('d', {\n  ssn: p.ssn,\n});\n", "log.info('d');\n"),
            ("typescript", "log.info(\n  'd',\n  { ssn: p.ssn },\n);\n", "log.info(\n  'd',\n);\n"),
            ("typescript", "log.info(\n  'd',\n  {\n    ssn: p.ssn,\n  }\n);\n", "log.info(\n  'd',\n);\n"),
            ("typescript", "log.info('d', { ssn: p.ssn }, u);\n", "log.info('d', u);\n"),
            ("typescript", "log.info({ ssn: p.ssn }, 'd');\n", "log.info('d');\n"),
            ("typescript", "log.info({ ssn: p.ssn });\n", "log.info({});\n"),
            ("typescript", "log.info('d %s of %s', p.ssn, u);\n", "log.info('d [redacted] of %s', u);\n"),
            ("javascript", "console.log('d', p.ssn, u)\n", "console.log('d', '[redacted]', u)\n"),
            ("javascript", "console.log(\"d \" + p.ssn + u)\n", "console.log(\"d \" + \"[redacted]\" + u)\n"),
            ("java", "log.info(\"{} of {}\", p.ssn, u);\n", "log.info(\"[redacted] of {}\", u);\n"),
            ("java", "log.warn(\"d {}\", p.ssn, e);\n", "log.warn(\"d [redacted]\", e);\n"),
            ("java", "log.info(\"d \" + p.ssn);\n", "log.info(\"d \" + \"[redacted]\");\n"),
            (
                "java",
                "log.info(String.format(\"%s, %d\", p.ssn, n));\n",
                "log.info(String.format(\"[redacted], %d\", n));\n",
            ),
            ("java", "MDC.put(\"d\", p.ssn);\n", "MDC.put(\"d\", \"[redacted]\");\n"),
            ("go", "log.Printf(\"d %s of %d\", p.ssn, u)\n", "log.Printf(\"d [redacted] of %d\", u)\n"),
            ("go", "slog.Info(\"d\", \"id\", u, \"ssn\", p.ssn)\n", "slog.Info(\"d\", \"id\", u)\n"),
            (
                "go",
                "l.Warn(\"d\", zap.Int(\"id\", u), zap.String(\"ssn\", p.ssn))\n",
                "l.Warn(\"d\", zap.Int(\"id\", u))\n",
            ),
            (
                "go",
                "log.Info().Int(\"id\", u).Str(\"ssn\", p.ssn).Msg(\"d\")\n",
                "log.Info().Int(\"id\", u).Msg(\"d\")\n",
            ),
            ("go", "log.WithField(\"ssn\", p.ssn).Error(\"d\")\n", "log.Error(\"d\")\n"),
            (
                "go",
                "log.WithFields(log.Fields{\n\t\"id\": u,\n\t\"ssn\": p.ssn,\n}).Error(\"d\")\n",
                "log.WithFields(log.Fields{\n\t\"id\": u,\n}).Error(\"d\")\n",
            ),
            ("go", "log.Println(\"d\", p.ssn)\n", "log.Println(\"d\", \"[redacted]\")\n"),
        ] {
            for (before, after) in variants(before).into_iter().zip(variants(after)) {
                assert_eq!(dropped(dialect, &before, "p.ssn").as_deref(), Ok(after.as_str()), "{before}");
            }
        }
    }

    #[test]
    fn a_value_that_is_not_separable_is_refused() {
        for (dialect, text) in [
            ("typescript", "log.info(p.ssn)"),
            ("typescript", "log.info('d', f(p.ssn))"),
            ("typescript", "log.info(`d ${f(p.ssn)}`)"),
            ("typescript", "log.info('d', p.ssn * 2)"),
            ("typescript", "log.info('d', [p.ssn])"),
            ("java", "log.info(\"{} {} of {}\", p.ssn, u)"),
            ("java", "log.info(\"d {}\", describe(p.ssn))"),
            ("go", "log.Printf(\"%[1]s\", p.ssn)"),
            ("go", "l.Warn(\"d\", zap.String(\"ssn\", p.ssn)) // import \"go.uber.org/zap\""),
            ("go", "log.Printf(\"%*d %s\", 3, 4, p.ssn)"),
        ] {
            assert_eq!(dropped(dialect, text, "p.ssn"), Err("value-not-separable".to_owned()), "{text}");
        }
    }
}
