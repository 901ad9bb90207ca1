//! Tables of SQL: `CREATE TABLE` and what `ALTER TABLE` adds, takes away and renames, statement by statement. Comments and
//! texts do not count, and what a migration does to undo itself is left out. Next: `link.rs`.

use super::{Column, Columns};
use crate::code::stored::protects;
use crate::emit::Attributes;
use ligase_domain::Span;

/// Where a file begins to say how to undo it.
const DOWN: &[&str] = &["+goose Down", "+migrate Down", "migrate:down", "+micrate Down", "//@UNDO"];
/// What begins an entry of a table that is no column.
const NO_COLUMN: &[&str] = &[
    "primary",
    "constraint",
    "unique",
    "foreign",
    "key",
    "index",
    "check",
    "exclude",
    "like",
    "period",
    "fulltext",
    "spatial",
    "partition",
];
/// Words of one statement that are looked at.
const MAX_WORDS: usize = 40_000;

/// A word or a mark of a statement.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    start: usize,
}

pub(super) fn read<'t>(text: &'t str, out: &mut Columns<'_, 't>) {
    let end = DOWN.iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(text);
    let lines: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut statement: Vec<Word<'t>> = Vec::new();
    for word in words_of(text) {
        if word.text == ";" {
            one(text, &lines, &statement, out);
            statement.clear();
        } else if statement.len() < MAX_WORDS {
            statement.push(word);
        }
    }
    one(text, &lines, &statement, out);
}

/// The words of a text without comments and texts.
fn words_of(text: &str) -> Vec<Word<'_>> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    let until = |from: usize, mark: &str| {
        text.get(from..).and_then(|t| t.find(mark)).map_or(bytes.len(), |n| from + n + mark.len())
    };
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied();
        let from = at;
        match byte {
            b'-' if next == Some(b'-') => at = until(at, "\n"),
            b'/' if next == Some(b'*') => at = until(at + 2, "*/"),
            b'\'' => at = until(at + 1, "'"),
            b'"' | b'`' => {
                at = until(at + 1, if byte == b'"' { "\"" } else { "`" });
                out.push(Word { text: text.get(from..at).unwrap_or_default().trim_matches(['"', '`']), start: from });
            }
            b if b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80 => {
                while bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || *b >= 0x80)
                {
                    at += 1;
                }
                out.push(Word { text: text.get(from..at).unwrap_or_default(), start: from });
            }
            b if b.is_ascii_whitespace() => at += 1,
            _ => {
                at += 1;
                out.push(Word { text: text.get(from..at).unwrap_or_default(), start: from });
            }
        }
    }
    out
}

fn is(word: Option<&Word<'_>>, text: &str) -> bool {
    word.is_some_and(|w| w.text.eq_ignore_ascii_case(text))
}

/// The name at a place, without its schema, and where it ends.
fn name<'t>(words: &[Word<'t>], mut at: usize) -> Option<(&'t str, usize)> {
    for skipped in ["if", "not", "exists", "only"] {
        if is(words.get(at), skipped) {
            at += 1;
        }
    }
    let mut found = words.get(at)?.text;
    while words.get(at + 1).is_some_and(|w| w.text == ".") {
        at += 2;
        found = words.get(at)?.text;
    }
    Some((found, at + 1))
}

fn one<'t>(text: &'t str, lines: &[usize], words: &[Word<'t>], out: &mut Columns<'_, 't>) {
    writes(words, lines, out);
    let Some(first) =
        words.iter().position(|w| ["create", "alter", "drop"].iter().any(|k| w.text.eq_ignore_ascii_case(k)))
    else {
        return;
    };
    let words = &words[first..];
    let table = words.iter().take(6).position(|w| w.text.eq_ignore_ascii_case("table"));
    let Some((table, next)) = table.and_then(|t| name(words, t + 1)) else { return };
    if is(words.first(), "create") {
        if words.get(next).is_some_and(|w| w.text == "(") {
            for entry in entries(&words[next + 1..]) {
                column(text, lines, table, entry, out);
            }
        }
    } else if is(words.first(), "drop") {
        let at = span(lines, words[0].start, words[0].start + 4);
        out.fact("schema-dropped", at, Attributes::default().with("table", super::cut(table)));
    } else {
        renamed(lines, table, &words[next..], out);
        for entry in entries(&words[next..]) {
            altered(text, lines, table, entry, out);
        }
    }
}

/// `ALTER TABLE tokens2 RENAME TO tokens`: its columns go on under another name.
fn renamed<'t>(lines: &[usize], table: &'t str, words: &[Word<'t>], out: &mut Columns<'_, 't>) {
    if let (true, true, Some((to, _))) = (is(words.first(), "rename"), is(words.get(1), "to"), name(words, 2)) {
        let at = span(lines, words[0].start, words[0].start + 6);
        out.fact(
            "schema-renamed",
            at,
            Attributes::default().with("table", super::cut(table)).with("to", super::cut(to)),
        );
    }
}

/// What stands between commas, up to the bracket that closes.
fn entries<'w, 't>(words: &'w [Word<'t>]) -> Vec<&'w [Word<'t>]> {
    let (mut out, mut from, mut depth) = (Vec::new(), 0, 0usize);
    for (at, word) in words.iter().enumerate() {
        match word.text {
            "(" => depth += 1,
            ")" if depth == 0 => {
                out.push(&words[from..at]);
                return out;
            }
            ")" => depth -= 1,
            "," if depth == 0 => {
                out.push(&words[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push(&words[from..]);
    out
}

fn column<'t>(text: &'t str, lines: &[usize], table: &'t str, entry: &[Word<'t>], out: &mut Columns<'_, 't>) {
    let [first, ty, ..] = entry else { return };
    let refers = entry.iter().any(|w| w.text.eq_ignore_ascii_case("references"));
    if refers
        || NO_COLUMN.iter().any(|n| first.text.eq_ignore_ascii_case(n) && !text[first.start..].starts_with(['"', '`']))
    {
        return;
    }
    let end = entry.last().map_or(ty.start, |w| w.start + w.text.len());
    let at = span(lines, first.start, end);
    // `varchar(20)` with its length.
    let close =
        entry.iter().skip(2).take(5).find(|w| w.text == ")").filter(|_| entry.get(2).is_some_and(|w| w.text == "("));
    let ty_end = close.map_or(ty.start + ty.text.len(), |w| w.start + 1);
    let ty = text.get(ty.start..ty_end).unwrap_or(ty.text);
    out.column(Column { table, name: first.text, ty, store: "sql", says: "", by: String::new(), at });
}

fn altered<'t>(text: &'t str, lines: &[usize], table: &'t str, entry: &[Word<'t>], out: &mut Columns<'_, 't>) {
    let mut words = entry;
    let Some(verb) = words.first() else { return };
    words = &words[1..];
    if is(words.first(), "column") {
        words = &words[1..];
    }
    let Some((column_name, after)) = name(words, 0) else { return };
    let at = span(lines, verb.start, verb.start + verb.text.len());
    let gone = |out: &mut Columns<'_, 't>| {
        let attributes = Attributes::default().with("table", super::cut(table)).with("name", super::cut(column_name));
        out.fact("schema-dropped", at, attributes);
    };
    match verb.text.to_ascii_lowercase().as_str() {
        "add" if words.first().is_some_and(|w| w.text == "(") => {
            entries(&words[1..]).into_iter().for_each(|e| column(text, lines, table, e, out));
        }
        "add" => column(text, lines, table, &words[after.saturating_sub(1)..], out),
        "drop" => gone(out),
        "rename" if is(words.get(after), "to") => {
            gone(out);
            if let Some(new) = words.get(after + 1) {
                out.column(Column {
                    table,
                    name: new.text,
                    ty: "renamed",
                    store: "sql",
                    says: "",
                    by: String::new(),
                    at,
                });
            }
        }
        "alter" if is(words.get(after), "type") => column(text, lines, table, &retyped(words, after), out),
        "modify" | "change" => {
            let skip = usize::from(verb.text.eq_ignore_ascii_case("change"));
            column(text, lines, table, words.get(skip..).unwrap_or_default(), out);
        }
        _ => {}
    }
}

/// `ssn TYPE bytea` as a column's entry.
fn retyped<'t>(words: &[Word<'t>], after: usize) -> Vec<Word<'t>> {
    words.iter().take(1).chain(words.iter().skip(after + 1)).copied().collect()
}

/// `NEW.ssn := pgp_sym_encrypt(…)`, `SET ssn = pgp_sym_encrypt(…)`: what writes a column so that nobody reads it.
fn writes(words: &[Word<'_>], lines: &[usize], out: &mut Columns<'_, '_>) {
    for at in 2..words.len() {
        if words[at - 1].text != "=" || words.get(at + 1).is_none_or(|w| w.text != "(") {
            continue;
        }
        let before = if words[at - 2].text == ":" { at.checked_sub(3) } else { at.checked_sub(2) };
        let (Some(column), Some(does)) = (before.map(|b| words[b].text), protects(out.vocabulary, words[at].text))
        else {
            continue;
        };
        let attributes = Attributes::default()
            .with("name", super::cut(column))
            .with("does", does)
            .with("by", super::cut(words[at].text));
        let end = words[at].start + words[at].text.len();
        out.fact("schema-write", span(lines, words[at].start, end), attributes);
    }
}

fn span(lines: &[usize], start: usize, end: usize) -> Span {
    let n = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = |at: usize| n(lines.partition_point(|l| *l <= at));
    Span { start: n(start), end: n(end), line: line(start), end_line: line(end) }
}
