//! What a text says of a value that is put into it, right before its place: `SIGNING_KEY=%s`, `password: {}`. Only a name that
//! stands there as in an assignment or a field says it; prose does not (`could not reset the password: %s`). It knows no
//! language and classifies nothing. Next: `python/flow.rs` and `code/flow.rs`, which use it.

use crate::vocabulary::words;

/// A label is a name: longer ones are prose.
const MAX_LABEL: usize = 48;
/// Last words of what stands for a value and does not hold it, or tells another thing of it.
const STANDS_FOR: &[&str] = &[
    "name",
    "ref",
    "masked",
    "redacted",
    "hidden",
    "hashed",
    "hash",
    "digest",
    "encrypted",
    "obfuscated",
    "state",
    "reason",
    "result",
];

/// The name directly before the end of a text, "" where there is none: behind `name=` anywhere, behind `name: ` where a text or
/// a field begins.
pub(crate) fn label_before(text: &str) -> &str {
    let text = text.trim_end_matches(['"', '\'', '`', '<', '[', '(']);
    let bare = text.trim_end_matches(' ');
    let (before, assigned) = match (bare.strip_suffix('='), bare.strip_suffix(':')) {
        (Some(before), _) => (before, true),
        (None, Some(before)) => (before, false),
        (None, None) => return "",
    };
    let before = if assigned { before.trim_end_matches(' ') } else { before.trim_end_matches(['"', '\'']) };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begin =
        before.rfind(|c: char| !is_name(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let (front, name) = before.split_at(begin);
    let front = front.trim_end_matches([' ', '"', '\'']);
    let begins = front.is_empty() || front.ends_with([',', ';', '{', '(', '[', '|']);
    let is_label = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.len() <= MAX_LABEL;
    if is_label && (assigned || begins) { name } else { "" }
}

/// The labels of the places of a format, in order: `%s` where it has any, `{}` else.
pub(crate) fn labels(format: &str) -> Vec<String> {
    let verbs = of_verbs(format);
    if verbs.is_empty() { of_braces(format) } else { verbs }
}

fn of_verbs(format: &str) -> Vec<String> {
    let (mut out, mut rest, mut done) = (Vec::new(), format, 0);
    while let Some(at) = rest.find('%') {
        let place = done + at;
        let after = &rest[at + 1..];
        let flags =
            after.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '#' | ' ' | '.' | '*' | '[' | ']')));
        let verb = flags.and_then(|n| after[n..].chars().next());
        let taken = flags.map_or(after.len(), |n| n + verb.map_or(0, char::len_utf8));
        match verb {
            Some('s' | 'v' | 'q' | 'r' | 'a' | 'o' | 'O' | 'j') => out.push(label_before(&format[..place]).to_owned()),
            // A number, a truth, a type: whatever it is called, it is not the value.
            Some(c) if c.is_ascii_alphabetic() => out.push(String::new()),
            _ => {}
        }
        rest = &after[taken..];
        done = format.len() - rest.len();
    }
    out
}

fn of_braces(format: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, _) in format.match_indices('{') {
        let Some(end) = format[at..].find('}') else { break };
        let inside = &format[at + 1..at + end];
        if inside.is_empty() || inside.starts_with([':', '!']) {
            out.push(label_before(&format[..at]).to_owned());
        }
    }
    out
}

/// Whether a value's own name says that it stands for something else than what the label says.
pub(crate) fn stands_for(name: &str) -> bool {
    words(name).iter().any(|w| STANDS_FOR.contains(&w.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_name_right_before_the_place() {
        let cases = [
            ("SIGNING_KEY=", "SIGNING_KEY"),
            ("export API_KEY='", "API_KEY"),
            ("callback?access_token=", "access_token"),
            ("password: ", "password"),
            ("user=x, password: ", "password"),
            ("{\"api_key\": \"", "api_key"),
            ("could not reset the password: ", ""),
            ("Invalid access token: ", ""),
            ("password == ", ""),
            ("attempts >= ", ""),
            ("the password ", ""),
            ("", ""),
            ("=", ""),
        ];
        for (text, want) in cases {
            assert_eq!(label_before(text), want, "{text:?}");
        }
    }

    #[test]
    fn each_place_of_a_format_has_its_own_label() {
        assert_eq!(labels("id=%d SIGNING_KEY=%s"), ["", "SIGNING_KEY"]);
        assert_eq!(labels("100%% sure, password: %-10s"), ["password"]);
        assert_eq!(labels("password: {}, port={}"), ["password", "port"]);
        assert_eq!(labels("{0} and {name}"), Vec::<String>::new());
        assert_eq!(labels("ends with %"), Vec::<String>::new());
    }
}
