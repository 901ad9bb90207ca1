//! Canonical JSON (RFC 8785) of domain values: one value has exactly one text, and only that text is read back.
//!
//! The reader accepts exactly what the writer writes: no white space, keys in UTF-16 order and each once, the shortest
//! escapes, no floats, no null, integers that every JSON reader agrees on. So a digest of bytes is a digest of meaning.
//! Both are bounded in size, depth and number of values; nothing here recurses deeper than [`MAX_DEPTH`].
//! Refuses to know what the members mean; read `fields.rs` next.

use crate::RecordError;
use crate::error::{CANONICAL, LIMIT};
use crate::node::Node;
use crate::tree::{Members, Tree};
use ligase_domain::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Lists and maps nest at most this deep: no record of ours nests deeper than twenty, and a stack holds it easily.
pub const MAX_DEPTH: usize = 64;
/// The largest integer that every JSON reader agrees on (I-JSON, RFC 7493 section 2.2), and minus it the smallest.
pub const MAX_INT: i64 = (1 << 53) - 1;
/// A text holds at most this many values. 100,000 observations of 60 values each are six million.
pub const MAX_VALUES: usize = 8_000_000;
/// The size of a value in canonical form when no record type says otherwise.
pub const MAX_BYTES: usize = 16 << 20;

/// The canonical bytes of a value; refuses integers beyond ±[`MAX_INT`] and what exceeds the bounds.
pub fn canonical(value: &Value) -> Result<Vec<u8>, RecordError> {
    write(value, "json", MAX_BYTES)
}

/// The value of canonical bytes; refuses every other text, also when it is JSON.
pub fn from_canonical(bytes: &[u8]) -> Result<Value, RecordError> {
    read(bytes, "json", MAX_BYTES).map(Tree::into_value)
}

/// Writes a record's value within its type's bound.
pub(crate) fn write<'a>(value: impl Into<Node<'a>>, record: &str, max_bytes: usize) -> Result<Vec<u8>, RecordError> {
    let mut writer = Writer { out: Vec::with_capacity(256), values: 0, max_bytes };
    writer.node(&value.into(), 0).map_err(|Refused { expected, found }| {
        RecordError::new(LIMIT, record, format!("byte {}", writer.out.len()), expected, found)
    })?;
    Ok(writer.out)
}

/// Reads a record's value within its type's bound.
pub(crate) fn read<'a>(bytes: &'a [u8], record: &str, max_bytes: usize) -> Result<Tree<'a>, RecordError> {
    let refused = |code, at: usize, expected: &str, found: String| {
        RecordError::new(code, record, format!("byte {at}"), expected, found)
    };
    if bytes.len() > max_bytes {
        return Err(refused(LIMIT, max_bytes, &format!("at most {max_bytes} bytes"), format!("{} bytes", bytes.len())));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| refused(CANONICAL, e.valid_up_to(), "UTF-8", "other bytes".to_owned()))?;
    let mut reader = Reader { text, at: 0, values: 0 };
    let outcome =
        reader.value(0).and_then(|value| if reader.at == text.len() { Ok(value) } else { reader.fail("the end") });
    outcome.map_err(|(code, expected)| {
        let found = text.get(reader.at..).and_then(|rest| rest.chars().next());
        refused(code, reader.at, expected, found.map_or_else(|| "the end".to_owned(), |c| format!("{c:?}")))
    })
}

/// The order of member names in RFC 8785: by UTF-16 code units, which differs from code points above U+FFFF.
fn name_order(a: &str, b: &str) -> Ordering {
    if (a.is_ascii() && b.is_ascii()) || a.bytes().chain(b.bytes()).all(|b| b < 0xee) {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

struct Refused {
    expected: String,
    found: String,
}

fn refuse<T>(expected: String, found: String) -> Result<T, Refused> {
    Err(Refused { expected, found })
}

struct Writer {
    out: Vec<u8>,
    values: usize,
    max_bytes: usize,
}

impl Writer {
    fn node(&mut self, node: &Node<'_>, depth: usize) -> Result<(), Refused> {
        match node {
            Node::Value(value) => return self.value(value, depth),
            Node::Members(members) => {
                self.begin(depth, true)?;
                self.members(members.iter().map(|(name, item)| (name.as_str(), item)), |w, v| w.value(v, depth + 1))?;
            }
            Node::Map(object) => {
                self.begin(depth, true)?;
                self.members(object.0.iter().map(|(name, item)| (name.as_ref(), item)), |w, n| w.node(n, depth + 1))?;
            }
            Node::List(list) => {
                self.begin(depth, true)?;
                self.list(list, |w, n| w.node(n, depth + 1))?;
            }
            Node::Bool(b) => self.scalar(depth, |w| w.bool(*b))?,
            Node::Int(i) => self.scalar(depth, |w| w.int(*i))?,
            Node::Text(text) => self.scalar(depth, |w| w.told(text))?,
        }
        self.within()
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Refused> {
        match value {
            Value::List(list) => {
                self.begin(depth, true)?;
                self.list(list, |w, v| w.value(v, depth + 1))?;
            }
            Value::Map(members) => {
                self.begin(depth, true)?;
                self.members(members.iter().map(|(name, item)| (name.as_str(), item)), |w, v| w.value(v, depth + 1))?;
            }
            Value::Bool(b) => self.scalar(depth, |w| w.bool(*b))?,
            Value::Int(i) => self.scalar(depth, |w| w.int(*i))?,
            Value::Text(text) => self.scalar(depth, |w| w.told(text))?,
        }
        self.within()
    }

    fn scalar(&mut self, depth: usize, write: impl FnOnce(&mut Self) -> Result<(), Refused>) -> Result<(), Refused> {
        self.begin(depth, false)?;
        write(self)
    }

    /// Counts a value, and refuses one that is too many or too deep.
    fn begin(&mut self, depth: usize, nests: bool) -> Result<(), Refused> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return refuse(format!("at most {MAX_VALUES} values"), "more".to_owned());
        }
        if depth >= MAX_DEPTH && nests {
            return refuse(format!("at most {MAX_DEPTH} levels"), "more".to_owned());
        }
        self.within()
    }

    fn within(&self) -> Result<(), Refused> {
        if self.out.len() > self.max_bytes {
            return refuse(format!("at most {} bytes", self.max_bytes), "more".to_owned());
        }
        Ok(())
    }

    fn told(&mut self, text: &str) -> Result<(), Refused> {
        self.text(text);
        Ok(())
    }

    fn bool(&mut self, b: bool) -> Result<(), Refused> {
        self.out.extend_from_slice(if b { b"true" } else { b"false" });
        Ok(())
    }

    fn int(&mut self, i: i64) -> Result<(), Refused> {
        if i.unsigned_abs() > MAX_INT.unsigned_abs() {
            return refuse(format!("an integer within ±{MAX_INT}"), i.to_string());
        }
        self.out.extend_from_slice(i.to_string().as_bytes());
        Ok(())
    }

    fn list<T>(
        &mut self,
        list: &[T],
        mut write: impl FnMut(&mut Self, &T) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.out.push(b'[');
        for (i, item) in list.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            write(self, item)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn members<'m, T>(
        &mut self,
        members: impl Iterator<Item = (&'m str, T)>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut members: Vec<_> = members.collect();
        members.sort_by(|a, b| name_order(a.0, b.0));
        self.out.push(b'{');
        for (i, (name, item)) in members.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.text(name);
            self.out.push(b':');
            write(self, item)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(run) = rest.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\')) {
            self.out.extend_from_slice(&rest[..run]);
            match short_escape(rest[run]) {
                Some(letter) => self.out.extend_from_slice(&[b'\\', letter]),
                None => self.out.extend_from_slice(format!("\\u{:04x}", rest[run]).as_bytes()),
            }
            rest = &rest[run + 1..];
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }
}

/// The letter after `\` for the bytes that have a short escape.
const fn short_escape(b: u8) -> Option<u8> {
    match b {
        b'"' | b'\\' => Some(b),
        0x08 => Some(b'b'),
        b'\t' => Some(b't'),
        b'\n' => Some(b'n'),
        0x0c => Some(b'f'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}

/// What the reader says of a text it refuses: the code, and what it expected at `at`.
type Expected = (&'static str, &'static str);

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, expected: &'static str) -> Result<T, Expected> {
        Err((CANONICAL, expected))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, b: u8) -> bool {
        let found = self.peek() == Some(b);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: bool) -> Result<Tree<'a>, Expected> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(Tree::Bool(value))
        } else {
            self.fail("true or false")
        }
    }

    fn value(&mut self, depth: usize) -> Result<Tree<'a>, Expected> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err((LIMIT, "at most 8,000,000 values"));
        }
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => Err((LIMIT, "at most 64 levels")),
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Tree::Text),
            Some(b't') => self.word("true", true),
            Some(b'f') => self.word("false", false),
            Some(b'-' | b'0'..=b'9') => self.int(),
            _ => self.fail("a value (object, list, text, integer, true or false)"),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Tree<'a>, Expected> {
        self.at += 1;
        let mut list = Vec::new();
        if self.eat(b']') {
            return Ok(Tree::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            if self.eat(b']') {
                return Ok(Tree::List(list));
            }
            if !self.eat(b',') {
                return self.fail("',' or ']'");
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Tree<'a>, Expected> {
        self.at += 1;
        let mut members: Members<'a> = Vec::new();
        if self.eat(b'}') {
            return Ok(Tree::Map(members));
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.fail("a member name");
            }
            let name = self.string()?;
            if members.last().is_some_and(|(last, _)| name_order(last, &name) != Ordering::Less) {
                self.at = start;
                return self.fail("member names in UTF-16 order, each once");
            }
            if !self.eat(b':') {
                return self.fail("':'");
            }
            let value = self.value(depth + 1)?;
            members.push((name, value));
            if self.eat(b'}') {
                return Ok(Tree::Map(members));
            }
            if !self.eat(b',') {
                return self.fail("',' or '}'");
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Expected> {
        self.at += 1;
        let text = self.text;
        let mut escaped = String::new();
        loop {
            let rest = &text[self.at..];
            let run = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
            let plain = &rest[..run];
            self.at += run;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(if escaped.is_empty() { Cow::Borrowed(plain) } else { Cow::Owned(escaped + plain) });
                }
                Some(b'\\') => {
                    escaped.push_str(plain);
                    escaped.push(self.escape()?);
                }
                _ => return self.fail("'\"' or an escaped control character"),
            }
        }
    }

    /// One escape, in the only form in which the writer writes it.
    fn escape(&mut self) -> Result<char, Expected> {
        let expected = "the shortest escape of a character that needs one";
        let rest = &self.text.as_bytes()[self.at + 1..];
        if let [b'u', b'0', b'0', hex @ ..] = rest {
            let digit = |b: &u8| if b.is_ascii_uppercase() { None } else { (*b as char).to_digit(16) };
            let code = hex.first().and_then(digit).zip(hex.get(1).and_then(digit)).map(|(h, l)| (h << 4 | l) as u8);
            return match code {
                Some(b) if b < 0x20 && short_escape(b).is_none() => {
                    self.at += 6;
                    Ok(char::from(b))
                }
                _ => self.fail(expected),
            };
        }
        let unescaped = (0..=b'\\').find(|b| short_escape(*b).is_some() && short_escape(*b) == rest.first().copied());
        match unescaped {
            Some(b) => {
                self.at += 2;
                Ok(char::from(b))
            }
            None => self.fail(expected),
        }
    }

    fn int(&mut self) -> Result<Tree<'a>, Expected> {
        let start = self.at;
        let negative = self.eat(b'-');
        let digits = self.text.as_bytes()[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let leading_zero = self.peek() == Some(b'0') && (digits > 1 || negative);
        self.at += digits;
        let number = self.text[start..self.at].parse::<i64>().ok();
        if digits == 0 || leading_zero || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            self.at = start;
            return self.fail("an integer in its shortest form");
        }
        match number {
            Some(i) if i.unsigned_abs() <= MAX_INT.unsigned_abs() => Ok(Tree::Int(i)),
            _ => {
                self.at = start;
                Err((LIMIT, "an integer within ±9007199254740991"))
            }
        }
    }
}
