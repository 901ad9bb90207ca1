//! What a value that stands under the name of a credential is: a credential, a reference to one, an example, or something
//! else. It decides by shape; where the shape is of two minds it is nothing. Next: `credentials.rs`.

use super::format::Names;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Literal,
    Reference,
    Placeholder,
    /// Written out in a section that is for development or tests.
    Development,
}

impl Source {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Reference => "reference",
            Self::Placeholder => "placeholder",
            Self::Development => "development",
        }
    }
}

/// The least entropy of a literal, in hundredths of a bit a character: words and sentences lie below.
const ENTROPY: u32 = 320;

/// What the value is; `None` when it is nothing that could be a credential.
pub(super) fn source_of(names: &Names, value: &str) -> Option<Source> {
    if names.references.is_match(value) {
        return Some(Source::Reference);
    }
    let inside = decoded(value).is_some_and(|d| names.placeholders.is_match(&d));
    if names.placeholders.is_match(value) || repeats(value) || inside {
        return Some(Source::Placeholder);
    }
    // A file is named by its end, and holds what it holds elsewhere.
    if [".pem", ".key", ".crt", ".cer", ".p12", ".jks"].iter().any(|end| value.ends_with(end)) {
        return None;
    }
    if names.digests.is_match(value) || is_uuid(value) || value.contains("://") || value.starts_with(['/', '.', '~']) {
        return None;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = value.bytes().all(|b| b.is_ascii_graphic());
    let secret =
        plain && value.len() >= 12 && digits >= 2 && letters >= 4 && !wordy(value) && entropy(value) >= ENTROPY;
    secret.then_some(Source::Literal)
}

/// What a value says in base64, where that is text: `bXktc2VjcmV0LWtleQ==` is an example as much as `my-secret-key`.
fn decoded(value: &str) -> Option<String> {
    let plain = value.trim_end_matches('=');
    if plain.len() < 12 || plain.len() > 400 {
        return None;
    }
    let (mut bits, mut held, mut out) = (0u32, 0u32, Vec::new());
    for byte in plain.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xFF).ok()?);
        }
    }
    let text = String::from_utf8(out).ok()?;
    text.chars().all(|c| !c.is_control() || c == '\n').then_some(text)
}

/// One character over and over, or a run of the keyboard.
fn repeats(value: &str) -> bool {
    let mut distinct: Vec<u8> = value.bytes().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let lower = value.to_ascii_lowercase();
    distinct.len() <= 3 || ["123456", "abcdef", "qwerty"].iter().any(|run| lower.contains(run))
}

fn is_uuid(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    parts.iter().map(|p| p.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Words with separators between them, or an expression of a language: `user-token-v2`, `getToken()`.
fn wordy(value: &str) -> bool {
    if value.contains(['(', ')', '[', ']', '{', '}', '<', '>', ' ', ',']) {
        return true;
    }
    let parts: Vec<&str> = value.split(['-', '_', '.', ':', '/']).filter(|p| !p.is_empty()).collect();
    let word = |p: &&&str| {
        let head = p.trim_end_matches(|c: char| c.is_ascii_digit());
        (!head.is_empty() && head.bytes().all(|b| b.is_ascii_alphabetic()) && p.len() - head.len() <= 2) || p.len() <= 2
    };
    let words = parts.iter().filter(word).count();
    parts.len() >= 2 && words == parts.len()
}

/// Hundredths of a bit a character.
pub(super) fn entropy(value: &str) -> u32 {
    let mut counts = [0u32; 256];
    value.bytes().for_each(|b| counts[b as usize] += 1);
    let total = value.len().max(1) as f64;
    let bits: f64 = counts.iter().filter(|c| **c > 0).map(|c| f64::from(*c) / total).map(|p| -p * p.log2()).sum();
    (bits * 100.0).round().clamp(0.0, 1_000.0) as u32
}
