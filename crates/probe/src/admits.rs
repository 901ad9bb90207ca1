//! Whether a function uses a value that is only called `token` as what lets its holder in: as a bearer's, in an
//! `Authorization` header, read as a JWT, handed to what authenticates. The name alone says nothing: lexers, models of language,
//! lists by pages and cancellations have tokens too. It knows no language and reads lines. Next: `python/flow.rs` and
//! `code/flow.rs`, which ask.

use crate::vocabulary::words;

/// Bytes of a function that are read; a longer one is read as far as that.
const MAX_BYTES: usize = 16 * 1024;
/// Words beside a token that say what it is for.
const ADMITS: &[&str] =
    &["bearer", "authorization", "jwt", "oauth", "oauth2", "authenticate", "authenticator", "auth", "login", "signin"];
/// Words of a line that speaks of another kind of token, or tells and does not use.
const OTHERWISE: &[&str] = &[
    "page",
    "next",
    "continuation",
    "cursor",
    "sync",
    "csrf",
    "xsrf",
    "cancel",
    "cancellation",
    "log",
    "logger",
    "logging",
    "print",
    "println",
    "printf",
    "console",
    "slog",
    "fmt",
    "warn",
    "debug",
    "info",
    "error",
    "trace",
];
/// Words of what reads texts piece by piece.
const READS: &[&str] = &[
    "lexer",
    "tokenizer",
    "tokenize",
    "tokenise",
    "scanner",
    "parser",
    "ast",
    "vocab",
    "vocabulary",
    "prompt",
    "completion",
    "llm",
];

/// Whether a function's text uses a value of that name as a credential.
pub(crate) fn lets_in(function: &str, name: &str) -> bool {
    let mut end = function.len().min(MAX_BYTES);
    while !function.is_char_boundary(end) {
        end -= 1;
    }
    let mut found = false;
    for line in function[..end].lines() {
        let parts = words(line);
        let has = |set: &[&str]| parts.iter().any(|w| set.contains(&w.as_str()));
        if has(READS) {
            return false;
        }
        found |= mentions(line, name) && has(ADMITS) && !has(OTHERWISE);
    }
    found
}

/// Whether a line names a value, as a whole word and not as a member of something or a key.
fn mentions(line: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        !before.ends_with(|c: char| word(c) || matches!(c, '.' | '"' | '\'' | '-'))
            && !after.starts_with(|c: char| word(c) || matches!(c, '.' | '-' | '"' | '\''))
            || before.ends_with("${")
            || before.ends_with('{') && after.starts_with('}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_credential_where_it_is_used_as_one() {
        let cases = [
            ("def me(token):\n    return get(URL, headers={\"Authorization\": f\"Bearer {token}\"})", true),
            ("async function me(token) {\n  const claims = jwt.verify(token, KEY);\n}", true),
            ("func (s *S) Me(token string) {\n\treq.Header.Set(\"Authorization\", \"Bearer \"+token)\n}", true),
            ("def visit(self, token):\n    self.emit(token)", false),
            ("def count(token):\n    return tokenizer.decode(token)\n    auth(token)", false),
            ("def pages(token):\n    return self.auth.users.list(page_token=token)", false),
            ("def check(token):\n    logger.info(\"login with %s\", token)", false),
            ("def run(token):\n    token.authorization_check()", false),
        ];
        for (text, want) in cases {
            assert_eq!(lets_in(text, "token"), want, "{text}");
        }
    }
}
