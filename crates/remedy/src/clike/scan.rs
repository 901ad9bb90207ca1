//! Text of C-like languages as tokens with places: names, numbers, texts, signs, comments, and which bracket belongs to
//! which. A template literal is one token, its interpolations included. What cannot be read for certain (an unclosed text or
//! bracket) is refused, so that no edit rests on a guess. Next: `logged.rs`.

use crate::source::Refusal;
use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An identifier or keyword.
    Name,
    /// A number.
    Number,
    /// A text with its quotes; a regular expression with its slashes.
    Text,
    /// A bracket, an operator or another sign, one byte each.
    Sign,
    /// A comment, to the line's end or to its own.
    Comment,
}

/// A token and where it stands in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A scanned part of a file.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    /// The whole file.
    pub text: &'a str,
    /// The tokens of the part, in order.
    pub tokens: Vec<Token>,
    /// For a bracket's token, the index of its partner.
    pub partner: Vec<Option<usize>>,
    /// For each token, the index of the bracket that it stands in.
    pub inside: Vec<Option<usize>>,
}

/// One item between brackets: its tokens without comments at its ends, and the comma that ends it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its tokens.
    pub tokens: Range<usize>,
    /// The comma behind it.
    pub comma: Option<usize>,
}

/// How deep interpolations of templates may nest.
const NESTED: usize = 8;

fn unread(what: &str, at: usize) -> Refusal {
    Refusal::new("cannot-read-source", format!("{what} at byte {at}"))
}

impl<'a> Scan<'a> {
    /// Scans a part of a file; places are those of the file.
    pub fn read(text: &'a str, part: Range<usize>) -> Result<Self, Refusal> {
        let bytes = text.as_bytes().get(..part.end).filter(|_| part.start <= part.end);
        let bytes = bytes.ok_or_else(|| unread("a place outside the file", part.end))?;
        let mut scan = Self { text, tokens: Vec::new(), partner: Vec::new(), inside: Vec::new() };
        let (mut at, mut open) = (part.start, Vec::new());
        while let Some(&b) = bytes.get(at) {
            if b.is_ascii_whitespace() {
                at += 1;
                continue;
            }
            let start = at;
            let (kind, end) = next(bytes, at, &scan)?;
            at = end;
            let index = scan.tokens.len();
            scan.tokens.push(Token { kind, start, end });
            scan.partner.push(None);
            if kind == Kind::Sign && matches!(b, b')' | b']' | b'}') {
                let partner = open.pop().filter(|o: &usize| pairs(bytes[scan.tokens[*o].start], b));
                let partner = partner.ok_or_else(|| unread("a bracket that was not opened", start))?;
                scan.partner[index] = Some(partner);
                scan.partner[partner] = Some(index);
            }
            scan.inside.push(open.last().copied());
            if kind == Kind::Sign && matches!(b, b'(' | b'[' | b'{') {
                open.push(index);
            }
        }
        match open.last() {
            Some(index) => Err(unread("a bracket that is not closed", scan.tokens[*index].start)),
            None => Ok(scan),
        }
    }

    /// A token's text.
    pub fn of(&self, index: usize) -> &'a str {
        self.tokens.get(index).and_then(|t| self.text.get(t.start..t.end)).unwrap_or_default()
    }

    /// Whether the token is this sign or name.
    pub fn is(&self, index: usize, text: &str) -> bool {
        self.tokens.get(index).is_some_and(|t| matches!(t.kind, Kind::Sign | Kind::Name)) && self.of(index) == text
    }

    /// The bytes of some tokens.
    pub fn bytes_of(&self, tokens: &Range<usize>) -> Range<usize> {
        self.tokens[tokens.start].start..self.tokens[tokens.end - 1].end
    }

    /// The tokens that a range of bytes is, exactly; `None` where it is a part of one.
    pub fn tokens_in(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let from = self.tokens.partition_point(|t| t.start < range.start);
        let to = self.tokens.partition_point(|t| t.start < range.end);
        (from < to && self.bytes_of(&(from..to)) == *range).then_some(from..to)
    }

    /// The items between a bracket and its partner.
    pub fn items(&self, open: usize) -> Vec<Item> {
        let Some(close) = self.partner.get(open).copied().flatten().filter(|c| *c > open) else { return Vec::new() };
        let (mut out, mut first, mut last) = (Vec::new(), None, open);
        let mut at = open + 1;
        while at < close {
            if self.is(at, ",") {
                if let Some(from) = first.take() {
                    out.push(Item { tokens: from..last + 1, comma: Some(at) });
                }
            } else if self.tokens[at].kind != Kind::Comment {
                first.get_or_insert(at);
                at = self.partner[at].filter(|p| *p > at).unwrap_or(at);
                last = at;
            }
            at += 1;
        }
        out.extend(first.map(|from| Item { tokens: from..last + 1, comma: None }));
        out
    }

    /// The name before a bracket, where it is a call's.
    pub fn callee(&self, open: usize) -> &'a str {
        let named = open > 0 && self.is(open, "(") && self.tokens[open - 1].kind == Kind::Name;
        if named { self.of(open - 1) } else { "" }
    }
}

fn pairs(open: u8, close: u8) -> bool {
    matches!((open, close), (b'(', b')') | (b'[', b']') | (b'{', b'}'))
}

/// The kind and the end of the token at a place.
fn next(bytes: &[u8], at: usize, scan: &Scan<'_>) -> Result<(Kind, usize), Refusal> {
    let rest = &bytes[at..];
    let count = |holds: fn(u8) -> bool| rest.iter().take_while(|b| holds(**b)).count();
    let word: fn(u8) -> bool = |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80;
    match rest[0] {
        b'/' if rest.starts_with(b"//") => Ok((Kind::Comment, at + count(|b| b != b'\n' && b != b'\r'))),
        b'/' if rest.starts_with(b"/*") => {
            let end = rest.windows(2).skip(2).position(|w| w == b"*/").map(|n| at + n + 4);
            Ok((Kind::Comment, end.ok_or_else(|| unread("a comment that is not closed", at))?))
        }
        b'/' if begins_value(scan) => Ok(regex_stop(bytes, at).map_or((Kind::Sign, at + 1), |end| (Kind::Text, end))),
        b'"' | b'\'' | b'`' => {
            let end = text_stop(bytes, at, NESTED).ok_or_else(|| unread("a text that is not closed", at))?;
            Ok((Kind::Text, end))
        }
        b'0'..=b'9' => Ok((Kind::Number, at + count(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.'))),
        b if word(b) => Ok((Kind::Name, at + count(word))),
        _ => Ok((Kind::Sign, at + 1)),
    }
}

/// Whether a value may begin behind what came last, so that a slash is no division.
fn begins_value(scan: &Scan<'_>) -> bool {
    match scan.tokens.iter().rposition(|t| t.kind != Kind::Comment) {
        None => true,
        Some(last) => match scan.tokens[last].kind {
            Kind::Sign => !matches!(scan.of(last), ")" | "]" | "}"),
            Kind::Name => matches!(scan.of(last), "return" | "typeof" | "case" | "in" | "of" | "void"),
            _ => false,
        },
    }
}

/// One past a regular expression's flags; `None` where the line ends before it does.
fn regex_stop(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut at, mut class) = (at + 1, false);
    loop {
        match *bytes.get(at)? {
            b'\n' | b'\r' => return None,
            b'\\' => at += 1,
            b'[' => class = true,
            b']' => class = false,
            b'/' if !class => {
                return Some(at + 1 + bytes[at + 1..].iter().take_while(|b| b.is_ascii_alphabetic()).count());
            }
            _ => {}
        }
        at += 1;
    }
}

/// One past the closing quote of the text whose opening quote stands at a place.
pub(super) fn text_stop(bytes: &[u8], at: usize, depth: usize) -> Option<usize> {
    let quote = *bytes.get(at)?;
    if bytes[at..].starts_with(b"\"\"\"") {
        let mut at = at + 3;
        while !bytes.get(at..)?.starts_with(b"\"\"\"") {
            at += if *bytes.get(at)? == b'\\' { 2 } else { 1 };
        }
        return Some(at + 3);
    }
    let mut at = at + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            b'\n' if quote != b'`' => return None,
            b if b == quote => return Some(at + 1),
            b'$' if quote == b'`' && bytes.get(at + 1) == Some(&b'{') => {
                at = interpolation_stop(bytes, at, depth.checked_sub(1)?)?;
            }
            _ => at += 1,
        }
    }
}

/// One past the `}` of the interpolation whose `${` stands at a place.
pub(super) fn interpolation_stop(bytes: &[u8], at: usize, depth: usize) -> Option<usize> {
    let (mut at, mut open) = (at + 2, 0_usize);
    loop {
        match *bytes.get(at)? {
            b'}' if open == 0 => return Some(at + 1),
            b'{' => open += 1,
            b'}' => open -= 1,
            b'"' | b'\'' | b'`' => {
                at = text_stop(bytes, at, depth.checked_sub(1)?)?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(source: &str) -> Vec<String> {
        let scan = Scan::read(source, 0..source.len()).unwrap();
        (0..scan.tokens.len()).map(|i| scan.of(i).to_owned()).collect()
    }

    #[test]
    fn texts_comments_templates_and_expressions_are_single_tokens() {
        assert_eq!(texts("a('x // y') // z"), ["a", "(", "'x // y'", ")", "// z"]);
        assert_eq!(texts("f(`a ${b[`c ${d}`]} e`)"), ["f", "(", "`a ${b[`c ${d}`]} e`", ")"]);
        assert_eq!(
            texts("s.replace(/[/\"]/g, a / b)"),
            ["s", ".", "replace", "(", "/[/\"]/g", ",", "a", "/", "b", ")"]
        );
        assert_eq!(texts("\"\"\"a \"b\" c\"\"\" /* x */ 1"), ["\"\"\"a \"b\" c\"\"\"", "/* x */", "1"]);
    }

    #[test]
    fn items_are_what_stands_between_commas() {
        let source = "f(a, b(c, d), { e },)";
        let scan = Scan::read(source, 0..source.len()).unwrap();
        let items: Vec<&str> = scan.items(1).iter().map(|i| &source[scan.bytes_of(&i.tokens)]).collect();
        assert_eq!(items, ["a", "b(c, d)", "{ e }"]);
        assert_eq!(scan.callee(1), "f");
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for source in ["f('a", "f(a", "f(a]", "a)", "/* a", "`a ${b`"] {
            let refusal = Scan::read(source, 0..source.len()).unwrap_err();
            assert_eq!(refusal.reason, "cannot-read-source", "{source}");
        }
        let deep = format!("{}1{}", "`${".repeat(40), "}`".repeat(40));
        assert!(Scan::read(&deep, 0..deep.len()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_tokens_are_in_order(text in "[a-z\"'`(){}\\[\\]/*\\\\\n $,é+]{0,80}") {
            if let Ok(scan) = Scan::read(&text, 0..text.len()) {
                prop_assert!(scan.tokens.windows(2).all(|w| w[0].end <= w[1].start));
                prop_assert!(scan.tokens.iter().all(|t| t.start < t.end && text.get(t.start..t.end).is_some()));
                for (at, token) in scan.tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Sign) {
                    if matches!(text.as_bytes()[token.start], b'(' | b'[' | b'{') {
                        prop_assert_eq!(scan.partner[scan.partner[at].unwrap()], Some(at));
                    }
                }
            }
        }
    }
}
