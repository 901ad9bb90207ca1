//! Texts of hostile repositories as HTML: nothing in them becomes markup, moves other text, or is invisible. Every text of
//! the page that is not the page's own goes through [`escaped`]. Next: `html.rs`.

use ligase_domain::Digest;
use std::fmt::Write as _;

/// Longest text of one finding that is shown; what is longer is cut with a mark.
const CHARS_MAX: usize = 2_000;

/// A text for element content and for attributes in double quotes. Characters that are invisible or turn the direction of
/// others are written as their number.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (count, c) in text.chars().enumerate() {
        if count == CHARS_MAX {
            out.push('…');
            break;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Marks of direction, joiners and blanks of no width, with which a name can look like another.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The source expression that allows exactly this inline style sheet and no other.
pub fn style_hash(css: &str) -> String {
    format!("'sha256-{}'", base64(Digest::of(css.as_bytes()).as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup_or_is_invisible() {
        let hostile = "<script>alert(\"x\")</script> & 'y'";
        assert_eq!(escaped(hostile), "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;");
        assert_eq!(escaped("a\u{202e}b\u{200b}c\u{7}d"), "a\\u{202e}b\\u{200b}c\\u{7}d");
        assert_eq!(escaped("naïve 名前\nnext"), "naïve 名前 next");
        assert!(escaped(&"x".repeat(CHARS_MAX + 5)).ends_with("x…"));
    }

    #[test]
    fn base64_is_what_everybody_else_makes_of_it() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
