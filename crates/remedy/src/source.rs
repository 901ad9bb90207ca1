//! A file as a remedy may edit it: UTF-8 source that a person wrote, with its byte order mark and line ends known.
//!
//! It refuses what no edit can be right in: bytes that are not UTF-8, files that something else generates, templates, and
//! lone carriage returns (which the languages read as a line's end and the syntax tree does not). Next: `edit.rs`.

use ligase_domain::{Origin, PathClass, RepoPath};
use std::borrow::Cow;

/// Why a file may not be edited, or an edit could not be made: a stable reason, and what was seen.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    /// The stable reason, such as `template`.
    pub reason: Cow<'static, str>,
    /// What was seen, without secrets.
    pub detail: String,
}

impl Refusal {
    /// A refusal with what was seen.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason: Cow::Borrowed(reason), detail: detail.into() }
    }
}

/// The largest file that is edited: the same bound as for looking.
pub const FILE_BYTES: u64 = 1 << 20;

/// How a source text ends its lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineEnd {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
}

impl LineEnd {
    /// The bytes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}

/// The text of a file that may be edited. Offsets count from the file's first byte, the byte order mark included.
#[derive(Clone, Debug)]
pub struct SourceText {
    text: String,
    dialect: String,
}

const BOM: &str = "\u{feff}";

impl SourceText {
    /// The text, or why it may not be edited.
    pub fn read(path: &RepoPath, class: &PathClass, bytes: Vec<u8>) -> Result<Self, Refusal> {
        if class.origin != Origin::Source {
            return Err(Refusal::new("not-source", format!("{path} is of class {class}")));
        }
        let text = String::from_utf8(bytes)
            .map_err(|e| Refusal::new("not-utf8", format!("{path}, byte {}", e.utf8_error().valid_up_to())))?;
        if text.len() as u64 > FILE_BYTES {
            return Err(Refusal::new("too-large", format!("{path} has {} bytes", text.len())));
        }
        if has_lone_carriage_return(&text) {
            return Err(Refusal::new("lone-carriage-return", path.to_string()));
        }
        if let Some(line) = generated_marker(&text) {
            return Err(Refusal::new("generated-file", format!("{path}: {line}")));
        }
        if let Some(what) = template_marker(path, &class.dialect, &text) {
            return Err(Refusal::new("template", format!("{path}: {what}")));
        }
        Ok(Self { text, dialect: class.dialect.clone() })
    }

    /// The whole text, byte order mark included.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The dialect that its path names.
    pub fn dialect(&self) -> &str {
        &self.dialect
    }

    /// Where the text begins behind a byte order mark.
    pub fn begin(&self) -> usize {
        if self.text.starts_with(BOM) { BOM.len() } else { 0 }
    }

    /// How the line at `offset` ends; the last line takes its predecessor's way, and a file of one line `\n`.
    pub fn line_end_at(&self, offset: usize) -> LineEnd {
        let offset = offset.min(self.text.len());
        let bytes = self.text.as_bytes();
        let after = bytes[offset..].iter().position(|b| *b == b'\n').map(|at| at + offset);
        let at = after.or_else(|| bytes[..offset].iter().rposition(|b| *b == b'\n'));
        if at.is_some_and(|at| at > 0 && bytes[at - 1] == b'\r') { LineEnd::CrLf } else { LineEnd::Lf }
    }

    /// Where the line that holds `offset` begins.
    pub fn line_start(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        self.text.as_bytes()[..offset].iter().rposition(|b| *b == b'\n').map_or(self.begin().min(offset), |at| at + 1)
    }

    /// Where the line that holds `offset` ends, before its line end.
    pub fn line_stop(&self, offset: usize) -> usize {
        let bytes = self.text.as_bytes();
        let offset = offset.min(bytes.len());
        let at = bytes[offset..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + offset);
        if at > offset && bytes[at - 1] == b'\r' { at - 1 } else { at }
    }

    /// The white space that the line that holds `offset` begins with.
    pub fn indentation_at(&self, offset: usize) -> &str {
        let start = self.line_start(offset);
        let line = &self.text[start..self.line_stop(start)];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// The text of a range, or a refusal when it is not one of this text.
    pub fn slice(&self, start: usize, end: usize) -> Result<&str, Refusal> {
        self.text.get(start..end).ok_or_else(|| Refusal::new("anchor-out-of-range", format!("{start}..{end}")))
    }
}

fn has_lone_carriage_return(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, b)| *b == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
}

/// How many lines at the top are searched for a generator's mark; licences come before it in some files.
const MARKED_LINES: usize = 40;

fn generated_marker(text: &str) -> Option<String> {
    let marks = [
        "do not edit",
        "@generated",
        "code generated by",
        "autogenerated",
        "auto-generated",
        "automatically generated",
    ];
    text.lines().take(MARKED_LINES).find_map(|line| {
        let trimmed = line.trim_start_matches(BOM).trim_start();
        let comment = ["#", "//", "/*", "*", "\"\"\""].iter().any(|c| trimmed.starts_with(c));
        let lower = trimmed.to_lowercase();
        (comment && marks.iter().any(|m| lower.contains(m))).then(|| trimmed.chars().take(80).collect())
    })
}

/// Dialects whose own expressions are written `${{ … }}`.
const EXPRESSIONS: &[&str] = &["github-actions"];

fn template_marker(path: &RepoPath, dialect: &str, text: &str) -> Option<&'static str> {
    let name = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
    if [".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".tftpl", ".erb", ".mustache", ".hbs"]
        .iter()
        .any(|e| name.ends_with(e))
    {
        return Some("its name says so");
    }
    if name.contains("{{") {
        return Some("its folder's name says so");
    }
    if text.contains("{{ cookiecutter.") || text.contains("{{cookiecutter.") || text.contains("{% ") {
        return Some("it holds template directives");
    }
    if EXPRESSIONS.contains(&dialect) || dialect == "dockerfile" {
        return None;
    }
    if matches!(dialect, "typescript" | "javascript" | "java" | "go") {
        // A list of literals begins with `{{` there.
        return outside_strings(text, |rest| rest.starts_with("{%") || rest.starts_with("<%"))
            .then_some("it holds template directives outside strings");
    }
    // Outside strings and comments neither language has `{{`; inside they are ordinary text.
    outside_strings(text, |rest| rest.starts_with("{{") || rest.starts_with("{%") || rest.starts_with("<%"))
        .then_some("it holds template directives outside strings")
}

/// Whether `holds` is true of the rest of the text at any place outside of strings and comments, as both Python and HCL
/// write them. Coarse on purpose: it may refuse too much, where the languages differ.
fn outside_strings(text: &str, holds: impl Fn(&str) -> bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'#' => at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at),
            quote @ (b'"' | b'\'') => at = string_stop(bytes, at, quote),
            b if b < 0x80 && holds(&text[at..]) => return true,
            _ => at += 1,
        }
    }
    false
}

fn string_stop(bytes: &[u8], start: usize, quote: u8) -> usize {
    let triple = bytes.get(start + 1) == Some(&quote) && bytes.get(start + 2) == Some(&quote);
    let mut at = start + if triple { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\n' if !triple => return at,
            b if b == quote && !triple => return at + 1,
            b if b == quote && bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote) => return at + 3,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, text: &[u8]) -> Result<SourceText, Cow<'static, str>> {
        let class = PathClass { dialect: "python".to_owned(), origin: Origin::Source };
        SourceText::read(&path.into(), &class, text.to_vec()).map_err(|r| r.reason)
    }

    #[test]
    fn what_no_edit_can_be_right_in_is_refused() {
        for (path, text, reason) in [
            ("a.py", b"x = '\xff'".as_slice(), "not-utf8"),
            ("a.py", b"x = 1\ry = 2\n", "lone-carriage-return"),
            ("a.py", b"# Code generated by protoc. DO NOT EDIT.\nx = 1\n", "generated-file"),
            ("a.py.j2", b"x = 1\n", "template"),
            ("{{cookiecutter.slug}}/a.py", b"x = 1\n", "template"),
            ("a.py", b"x = {{ value }}\n", "template"),
            ("a.py", b"x = 1\n{% if a %}\ny = 2\n{% endif %}\n", "template"),
            ("main.tf", b"region = <%= region %>\n", "template"),
        ] {
            assert_eq!(read(path, text).unwrap_err(), reason, "{:?}", String::from_utf8_lossy(text));
        }
        let test = PathClass { dialect: "python".to_owned(), origin: Origin::Test };
        assert_eq!(SourceText::read(&"t.py".into(), &test, vec![]).unwrap_err().reason, "not-source");
    }

    #[test]
    fn braces_inside_strings_are_ordinary_source() {
        for text in [
            "x = f\"{{{a}}}\"\n",
            "x = '''{{ a }}'''  # {{ b }}\n",
            "x = {'a': {'b': 1}}\n",
            "x = \"\\\"{{\"\n",
            "y = 'don\\'t' # isn't\n",
        ] {
            assert!(read("a.py", text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn lines_are_found_with_every_line_end_and_a_byte_order_mark() {
        let text = read("a.py", "\u{feff}a\r\n\tb\r\nlast".as_bytes()).unwrap();
        assert_eq!(text.begin(), 3);
        assert_eq!(text.line_start(4), 3);
        assert_eq!(text.line_stop(3), 4);
        assert_eq!(text.indentation_at(7), "\t");
        assert_eq!(text.line_end_at(text.as_str().len()), LineEnd::CrLf);
        assert_eq!(read("a.py", b"").unwrap().line_end_at(0), LineEnd::Lf);
    }
}
