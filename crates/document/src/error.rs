//! What is wrong with a document, said so that a person can mend it. It never repeats more than a few words of the
//! document, and shows those with control and direction characters escaped. Next: `read.rs`.

use crate::Place;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// What is wrong with a document and where: a [`Refusal`] on the heap, so that results that carry it stay small.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DocumentError(Box<Refusal>);

/// What a [`DocumentError`] says; its fields are read through it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Refusal {
    /// The stable code: `E-DNA-UNKNOWN-KEY`.
    pub code: String,
    /// The file as the caller names it.
    pub file: String,
    /// From 1; 0 when the document as a whole is meant.
    pub line: u32,
    /// From 1, in characters; 0 when the document as a whole is meant.
    pub column: u32,
    /// What is wrong.
    pub problem: String,
    /// What was expected; may be empty.
    pub expected: String,
    /// The nearest known name; empty when none is near.
    pub nearest: String,
    /// What to do; may be empty.
    pub remedy: String,
}

impl Deref for DocumentError {
    type Target = Refusal;

    fn deref(&self) -> &Refusal {
        &self.0
    }
}

impl DerefMut for DocumentError {
    fn deref_mut(&mut self) -> &mut Refusal {
        &mut self.0
    }
}

impl DocumentError {
    /// An error at a place, to which what is known can be added.
    pub fn at(code: impl Into<String>, file: impl Into<String>, place: Place, problem: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            code: code.into(),
            file: file.into(),
            line: place.line,
            column: place.column,
            problem: problem.into(),
            expected: String::new(),
            nearest: String::new(),
            remedy: String::new(),
        }))
    }

    /// An error of the document as a whole.
    pub fn whole(code: impl Into<String>, file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::at(code, file, Place::default(), problem)
    }

    /// With what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// With what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// With the nearest of the known names, if one is near, and the known names as what was expected.
    #[must_use]
    pub fn among<'a>(mut self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        self.nearest = nearest(name, known.iter().copied()).unwrap_or_default();
        if self.expected.is_empty() {
            self.expected = listed(name, &known);
        }
        if self.remedy.is_empty() && !self.nearest.is_empty() {
            self.remedy = format!("write {:?}, if that is what is meant", self.nearest);
        }
        self
    }
}

/// So many names are listed whole; a longer list helps nobody at a terminal.
const LISTED: usize = 12;
/// Of a longer one, so many that are nearest to what was written.
const NEAREST: usize = 5;

fn listed(name: &str, known: &[&str]) -> String {
    match known.len() {
        0 => "nothing here".to_owned(),
        n if n <= LISTED => format!("one of {}", known.join(", ")),
        _ => {
            let mut near: Vec<&str> = known.to_vec();
            near.sort_by_key(|k| (strsim::damerau_levenshtein(name, k), *k));
            format!("one of {} and others", near[..NEAREST].join(", "))
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown_path(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: {}", self.code, self.problem)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        if !self.nearest.is_empty() {
            write!(f, "; did you mean {:?}?", self.nearest)?;
        }
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

/// Names longer than this are not compared: the comparison is quadratic and the name may come from anywhere.
const COMPARED: usize = 64;

/// The nearest of the known names, when it is near enough to be what was meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if name.is_empty() || name.len() > COMPARED {
        return None;
    }
    let folded = name.to_lowercase();
    known
        .into_iter()
        .filter(|k| k.len() <= COMPARED && *k != name)
        .map(|k| (strsim::damerau_levenshtein(&folded, &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance * 3 <= k.chars().count().max(3) || prefix(&folded, k))
        .min()
        .map(|(_, k)| k.to_owned())
}

fn prefix(name: &str, known: &str) -> bool {
    name.len() >= 3 && known.to_lowercase().starts_with(name)
}

/// A few words of a document, safe to print: control and direction characters escaped, cut at 60 characters.
pub fn shown(text: &str) -> String {
    escaped(text, 60)
}

fn shown_path(text: &str) -> String {
    escaped(text, 4_096)
}

/// A text safe to print, cut at a number of characters: control and direction characters are escaped.
pub fn escaped(text: &str, limit: usize) -> String {
    if text.len() <= limit && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return text.to_owned();
    }
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == limit {
            out.push('…');
            break;
        }
        let hidden =
            matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
        if c.is_control() || hidden {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}
