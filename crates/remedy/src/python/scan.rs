//! Python as tokens with places: enough to find a call's arguments, an import's names and a statement's end.
//!
//! It reads no meaning, allocates one list, and never recurses deeper than `NESTED`. What it cannot read for certain (an
//! unclosed string or bracket) it refuses as a whole, so that no edit rests on a guess. Next: `call.rs`, `imports.rs`.

use crate::source::Refusal;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An identifier or keyword.
    Name,
    /// A number.
    Number,
    /// A string with prefix and quotes; an f-string is one token, its interpolations included.
    Text,
    /// A bracket, operator or other sign. Two-character operators come as two tokens, except `:=`, `==`, `**`, `->`.
    Sign,
    /// From `#` to the line's end.
    Comment,
    /// The end of a logical line.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A scanned file.
#[derive(Clone, Debug)]
pub struct Python<'a> {
    /// The text.
    pub text: &'a str,
    /// Its tokens in order.
    pub tokens: Vec<Token>,
    /// For a bracket's token, the index of its partner.
    pub partner: Vec<Option<usize>>,
}

/// How deep interpolations of f-strings may nest.
const NESTED: usize = 8;

fn unread(what: &str, at: usize) -> Refusal {
    Refusal::new("cannot-read-source", format!("{what} at byte {at}"))
}

impl<'a> Python<'a> {
    /// Scans a text; offsets are those of `text`, a byte order mark included.
    pub fn scan(text: &'a str) -> Result<Self, Refusal> {
        let mut scanner =
            Scanner { text, bytes: text.as_bytes(), at: 0, tokens: Vec::new(), open: Vec::new(), partner: Vec::new() };
        if text.starts_with('\u{feff}') {
            scanner.at = 3;
        }
        scanner.run()?;
        Ok(Self { text, tokens: scanner.tokens, partner: scanner.partner })
    }

    /// A token's text.
    pub fn of(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |t| &self.text[t.start..t.end])
    }

    /// Whether the token is this sign or name.
    pub fn is(&self, index: usize, text: &str) -> bool {
        self.tokens.get(index).is_some_and(|t| matches!(t.kind, Kind::Sign | Kind::Name)) && self.of(index) == text
    }

    /// The first token that begins at or after `offset`.
    pub fn at(&self, offset: usize) -> usize {
        self.tokens.partition_point(|t| t.start < offset)
    }

    /// Logical lines as ranges of tokens, their end excluded, comments included, in order. Empty ones are left out.
    pub fn lines(&self) -> Vec<std::ops::Range<usize>> {
        let (mut lines, mut from) = (Vec::new(), 0);
        for (at, token) in self.tokens.iter().enumerate() {
            if token.kind == Kind::End {
                if from < at {
                    lines.push(from..at);
                }
                from = at + 1;
            }
        }
        if from < self.tokens.len() {
            lines.push(from..self.tokens.len());
        }
        lines
    }

    /// The next token from `index` on that is no comment.
    pub fn skip_comments(&self, mut index: usize) -> usize {
        while self.tokens.get(index).is_some_and(|t| t.kind == Kind::Comment) {
            index += 1;
        }
        index
    }

    /// How far the line that holds `offset` is indented, in bytes; `None` when something else stands before it.
    pub fn indent_of(&self, offset: usize) -> Option<usize> {
        let start =
            self.text[..offset].rfind('\n').map_or(if self.text.starts_with('\u{feff}') { 3 } else { 0 }, |at| at + 1);
        let before = &self.text[start..offset];
        before.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\x0c')).then_some(before.len())
    }
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    open: Vec<(u8, usize)>,
    partner: Vec<Option<usize>>,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), Refusal> {
        while let Some(&b) = self.bytes.get(self.at) {
            let start = self.at;
            match b {
                b' ' | b'\t' | b'\r' | b'\x0c' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    let ends = self.open.is_empty() && self.tokens.last().is_some_and(|t| t.kind != Kind::End);
                    if ends {
                        self.push(Kind::End, start);
                    }
                }
                b'\\' if self.continues() => {}
                b'#' => {
                    self.at =
                        self.bytes[start..].iter().position(|b| *b == b'\n').map_or(self.bytes.len(), |n| start + n);
                    if self.bytes[self.at - 1] == b'\r' {
                        self.at -= 1;
                    }
                    self.push(Kind::Comment, start);
                }
                b'"' | b'\'' => self.string(start, "")?,
                b'0'..=b'9' => {
                    self.at += self.count(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
                    self.push(Kind::Number, start);
                }
                b if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 => self.name(start)?,
                _ => self.sign(start, b)?,
            }
        }
        if let Some((_, index)) = self.open.last() {
            return Err(unread("a bracket that is not closed", self.tokens[*index].start));
        }
        Ok(())
    }

    fn continues(&mut self) -> bool {
        let rest = &self.bytes[self.at + 1..];
        let length = if rest.starts_with(b"\r\n") { 3 } else { 2 };
        let continues = rest.first() == Some(&b'\n') || length == 3;
        if continues {
            self.at += length;
        }
        continues
    }

    fn count(&self, holds: impl Fn(u8) -> bool) -> usize {
        self.bytes[self.at..].iter().take_while(|b| holds(**b)).count()
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token { kind, start, end: self.at });
        self.partner.push(None);
    }

    fn name(&mut self, start: usize) -> Result<(), Refusal> {
        self.at += self.count(|b| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80);
        let name = &self.text[start..self.at];
        let prefix = name.len() <= 2 && name.bytes().all(|b| matches!(b | 0x20, b'r' | b'b' | b'u' | b'f' | b't'));
        if prefix && matches!(self.bytes.get(self.at), Some(b'"' | b'\'')) {
            return self.string(start, name);
        }
        self.push(Kind::Name, start);
        Ok(())
    }

    fn string(&mut self, start: usize, prefix: &str) -> Result<(), Refusal> {
        let formatted = prefix.bytes().any(|b| matches!(b | 0x20, b'f' | b't'));
        self.at = text_stop(self.bytes, self.at, formatted, NESTED)
            .ok_or_else(|| unread("a string that is not closed", start))?;
        self.push(Kind::Text, start);
        Ok(())
    }

    fn sign(&mut self, start: usize, b: u8) -> Result<(), Refusal> {
        let two = self.bytes.get(start..start + 2).unwrap_or_default();
        self.at += if matches!(two, b":=" | b"==" | b"**" | b"->" | b"!=" | b"<=" | b">=") { 2 } else { 1 };
        self.push(Kind::Sign, start);
        let index = self.tokens.len() - 1;
        match b {
            b'(' | b'[' | b'{' => self.open.push((b, index)),
            b')' | b']' | b'}' => {
                let expected = match b {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                let (open, partner) = self.open.pop().ok_or_else(|| unread("a bracket that was not opened", start))?;
                if open != expected {
                    return Err(unread("a bracket that closes another", start));
                }
                self.partner[index] = Some(partner);
                self.partner[partner] = Some(index);
            }
            _ => {}
        }
        Ok(())
    }
}

/// One past the closing quote of the string whose opening quote stands at `at`.
pub(crate) fn text_stop(bytes: &[u8], at: usize, formatted: bool, depth: usize) -> Option<usize> {
    let quote = *bytes.get(at)?;
    let triple = bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote);
    let mut at = at + if triple { 3 } else { 1 };
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            b'\n' if !triple => return None,
            b if b == quote && !triple => return Some(at + 1),
            b if b == quote && bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote) => {
                return Some(at + 3);
            }
            b'{' if formatted && bytes.get(at + 1) == Some(&b'{') => at += 2,
            b'{' if formatted => at = interpolation_stop(bytes, at, depth.checked_sub(1)?)?,
            _ => at += 1,
        }
    }
}

/// One past the `}` of the interpolation whose `{` stands at `at`.
pub(crate) fn interpolation_stop(bytes: &[u8], at: usize, depth: usize) -> Option<usize> {
    let (mut at, mut open) = (at + 1, 0usize);
    let mut in_format = false;
    loop {
        match *bytes.get(at)? {
            b'}' if open == 0 => return Some(at + 1),
            b'{' if in_format => at = interpolation_stop(bytes, at, depth.checked_sub(1)?)?,
            _ if in_format => at += 1,
            b'(' | b'[' | b'{' => {
                open += 1;
                at += 1;
            }
            b')' | b']' | b'}' => {
                open = open.checked_sub(1)?;
                at += 1;
            }
            b':' if open == 0 => {
                in_format = true;
                at += 1;
            }
            b'"' | b'\'' => {
                let from = bytes[..at].iter().rposition(|b| !b.is_ascii_alphabetic()).map_or(0, |n| n + 1);
                let formatted = bytes[from..at].iter().any(|b| matches!(b | 0x20, b'f' | b't'));
                at = text_stop(bytes, at, formatted && at - from <= 2, depth.checked_sub(1)?)?;
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(source: &str) -> Vec<String> {
        let python = Python::scan(source).unwrap();
        (0..python.tokens.len()).map(|i| python.of(i).to_owned()).collect()
    }

    #[test]
    fn strings_comments_and_continuations_are_single_tokens() {
        assert_eq!(texts("a = 'x # y' # z\n"), ["a", "=", "'x # y'", "# z", "\n"]);
        assert_eq!(texts("a = '''x\n'y'\n'''\n"), ["a", "=", "'''x\n'y'\n'''", "\n"]);
        assert_eq!(texts("a = 1 + \\\n  2\n"), ["a", "=", "1", "+", "2", "\n"]);
        assert_eq!(texts("f(a,\n  b)\n"), ["f", "(", "a", ",", "b", ")", "\n"]);
        assert_eq!(
            texts("x = rb'\\'' + Rf\"{a['k']:>{w}}\"\n"),
            ["x", "=", "rb'\\''", "+", "Rf\"{a['k']:>{w}}\"", "\n"]
        );
        assert_eq!(texts("x = f\"{d[\"k\"]}\"\n"), ["x", "=", "f\"{d[\"k\"]}\"", "\n"]);
        assert_eq!(texts("x = f'{{literal}}'\n"), ["x", "=", "f'{{literal}}'", "\n"]);
        assert_eq!(texts("x = f'{a:\"^10}'\n"), ["x", "=", "f'{a:\"^10}'", "\n"]);
    }

    #[test]
    fn brackets_know_their_partners_and_lines_are_logical() {
        let python = Python::scan("a(b[1],\n c)\nd\n").unwrap();
        assert_eq!(python.partner[1], Some(8));
        assert_eq!(python.lines(), [0..9, 10..11]);
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for source in ["x = 'a\n", "x = (1\n", "x = 1)\n", "x = (1]\n", "x = f'{a'\n", "'''a"] {
            assert_eq!(Python::scan(source).unwrap_err().reason, "cannot-read-source", "{source}");
        }
        let deep = format!("x = {}1{}", "f'{".repeat(40), "}'".repeat(40));
        assert!(Python::scan(&deep).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_tokens_are_in_order(text in "[a-z\"'(){}\\[\\]#\\\\\n\r f:=,é\u{feff}]{0,80}") {
            if let Ok(python) = Python::scan(&text) {
                prop_assert!(python.tokens.windows(2).all(|w| w[0].end <= w[1].start));
                prop_assert!(python.tokens.iter().all(|t| t.start < t.end && text.get(t.start..t.end).is_some()));
            }
        }
    }
}
