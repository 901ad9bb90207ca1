//! A few bytes of source for a person to recognise a place by, in which nothing that looks like a secret remains.
//! It decides by shape, not by meaning: better a blanked word too many. Next: `python/mod.rs`.

use crate::budget::MAX_SNIPPET_BYTES;

/// Only this much before the cut is looked at, so that a long literal is blanked whole.
const WINDOW: usize = 640;
/// Beginnings that only secrets have.
const MARKS: &[&str] = &[
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live",
    "sk_test",
    "rk_live",
    "sk-",
    "eyJ",
    "-----BEGIN",
    "AIza",
    "SG.",
    "shpat_",
    "npm_",
    "pypi-",
    "dop_v1_",
    "hvs.",
];
/// Words left of a literal that make it a secret whatever it looks like.
const NAMES: &[&str] = &["passw", "secret", "token", "api_key", "apikey", "credential", "private_key", "pwd", "auth"];
/// What stands in place of a secret.
const BLANK: &str = "***";

/// At most 200 bytes of `source` from `start` to `end`, whitespace runs folded, secrets blanked.
pub(crate) fn snippet(source: &[u8], start: usize, end: usize) -> String {
    let end = end.min(source.len()).min(start.saturating_add(WINDOW));
    let raw = String::from_utf8_lossy(source.get(start..end).unwrap_or_default());
    let blanked = blank(&raw);
    let mut out = String::new();
    for word in blanked.split_whitespace() {
        if out.len() + word.len() + 1 > MAX_SNIPPET_BYTES {
            let room = MAX_SNIPPET_BYTES.saturating_sub(out.len() + 4);
            let cut =
                word.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|at| *at <= room).last().unwrap_or(0);
            if !out.is_empty() && cut > 0 {
                out.push(' ');
            }
            out.push_str(&word[..cut]);
            out.push('…');
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Replaces the content of literals, and bare words, that look like secrets.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(at);
        out.push_str(&blank_words(before));
        let triple = ["\"\"\"", "'''"].into_iter().find(|q| quoted.starts_with(q));
        let quote = triple.unwrap_or(&quoted[..1]);
        let inner = &quoted[quote.len()..];
        let close = closing(inner, quote);
        let content = &inner[..close.unwrap_or(inner.len())];
        out.push_str(quote);
        out.push_str(if secret_literal(before, content) { BLANK } else { content });
        match close {
            None => return out,
            Some(close) => {
                out.push_str(quote);
                rest = &inner[close + quote.len()..];
            }
        }
    }
    out.push_str(&blank_words(rest));
    out
}

fn closing(inner: &str, quote: &str) -> Option<usize> {
    let bytes = inner.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at..].starts_with(quote.as_bytes()) {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

/// A literal is blanked when it looks like a secret, or when the name left of it says that it is one.
fn secret_literal(before: &str, content: &str) -> bool {
    if content.is_empty() {
        return false;
    }
    let named = before.trim_end();
    let assigned = named.ends_with(['=', ':']) || named.ends_with("==");
    let from = named.char_indices().rev().nth(40).map_or(0, |(at, _)| at);
    let left = named[from..].to_ascii_lowercase();
    let left = left.rsplit([',', ';', '\n', '{', '(']).next().unwrap_or(&left);
    (assigned && !content.contains(char::is_whitespace) && NAMES.iter().any(|n| left.contains(n)))
        || content.split(|c: char| c.is_whitespace() || "\"'(){}[],;".contains(c)).any(secret_word)
}

fn blank_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        out.push_str(if MARKS.iter().any(|m| word.starts_with(m)) && word.len() >= 12 { BLANK } else { word });
        word.clear();
    };
    for c in text.chars() {
        if c.is_alphanumeric() || "_-+/.".contains(c) {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

/// Shape of a secret: a known beginning, or long with letters and digits mixed and neither a path nor a dotted name.
fn secret_word(word: &str) -> bool {
    if MARKS.iter().any(|m| word.starts_with(m)) {
        return word.len() >= 8;
    }
    let after = word.rsplit_once("://").map(|(_, rest)| rest).unwrap_or("");
    if after.split('/').next().is_some_and(|host| host.split_once('@').is_some_and(|(user, _)| user.contains(':'))) {
        return true;
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let changes = word.as_bytes().windows(2).filter(|w| w[0].is_ascii_digit() != w[1].is_ascii_digit()).count();
    let hyphens = word.bytes().filter(|b| *b == b'-').count();
    word.len() >= 20
        && digits >= 3
        && letters >= 3
        && changes >= 4
        && hyphens < 4
        && !word.contains("://")
        && !word.starts_with('/')
        && word.bytes().filter(|b| *b == b'/' || *b == b'.').count() < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_and_words_remain() {
        let cases = [
            (r#"log.info("user logged in")"#, r#"log.info("user logged in")"#),
            (r#"password = "hunter2""#, r#"password = "***""#),
            (r#"x("AKIAIOSFODNN7EXAMPLE")"#, r#"x("***")"#),
            (r#"key = "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c""#, r#"key = "***""#),
            ("a = 'postgres://u:p4ss@db/x'", "a = '***'"),
            (r#"@router.get("/patients/{id}")"#, r#"@router.get("/patients/{id}")"#),
            (r#"password_field = Field("new password")"#, r#"password_field = Field("new password")"#),
            ("region = \"eu-central-1\"", "region = \"eu-central-1\""),
        ];
        for (source, want) in cases {
            assert_eq!(snippet(source.as_bytes(), 0, source.len()), want);
        }
    }

    #[test]
    fn a_secret_that_crosses_the_cut_is_blanked_whole() {
        let source = format!("{} x(\"{}\")", "a ".repeat(90), "AKIA0123456789ABCDEF".repeat(20));
        let cut = snippet(source.as_bytes(), 0, source.len());
        assert!(cut.len() <= MAX_SNIPPET_BYTES && !cut.contains("AKIA"), "{cut}");
    }
}
