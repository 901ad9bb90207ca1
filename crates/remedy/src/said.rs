//! Whether a log call still says something once a value is out of it. A label whose value is gone (`"connection string:"`) is a
//! line that nobody needs: taking it away, or logging something else there, is for a person. What happened is something,
//! however short. Textual and cautious: any other name in the call, or any other placeholder, is something said.
//!
//! And whether it still says too much: a name beside the address that goes, or what was taken from the value before.

use crate::source::Refusal;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Bytes before a call in which what it logs was taken apart.
const BEFORE: usize = 2_000;
static NAMED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\b(?:name|(?:first|last|full)_?[nN]ame)["']?\s*[:=]\s*[\w.]+\s*[(.,)\[}]"#).ok());
static PRINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:console\.\w+|print|rich\.print|console\.print|typer\.echo|click\.echo|fmt\.Print\w*|System\.out\.print\w*)\s*\(").ok()
});
/// A program that a person starts, with arguments or by its name.
const STARTED: &[&str] = &[
    "process.argv",
    "yargs",
    "if __name__ == ",
    "argparse",
    "import click",
    "import typer",
    "flag.Parse(",
    "String[] args",
];

/// Refuses what would leave half of it: a person's name beside the address, or a part that was taken from the value.
pub(crate) fn refuse_half(text: &str, call: &Range<usize>, values: &[Range<usize>], left: &str) -> Result<(), Refusal> {
    let gone: Vec<&str> = values.iter().filter_map(|v| text.get(v.clone())).collect();
    let address = gone.iter().any(|v| v.to_lowercase().contains("mail") || v.to_lowercase().contains("phone"));
    if address && NAMED.as_ref().is_some_and(|n| n.is_match(left)) {
        return Err(Refusal::new(
            "half-of-it-would-stay",
            "a name stands beside what goes; say whether it is a person's",
        ));
    }
    let mut from = call.start.saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let above = text.get(from..call.start).unwrap_or_default();
    for line in above.lines() {
        let Some((to, of)) =
            line.split_once('=').filter(|(to, of)| !of.starts_with('=') && !to.ends_with(['!', '<', '>']))
        else {
            continue;
        };
        // Several names from one call: one of them may hold the value.
        let several = to.contains(',') && of.contains('(');
        let taken = gone.iter().any(|g| is_name(g) && words(of).any(|w| w == *g));
        if several
            && taken
            && let Some(name) = words(to).find(|n| n.len() > 2 && words(left).any(|w| w == *n))
        {
            return Err(Refusal::new("half-of-it-would-stay", format!("{name} was taken from what goes")));
        }
    }
    Ok(())
}

/// Refuses to silence a program that tells whoever started it what they asked for.
pub(crate) fn refuse_told(text: &str, call: &Range<usize>) -> Result<(), Refusal> {
    let own = text.get(call.clone()).unwrap_or_default();
    let prints = PRINTS.as_ref().is_some_and(|p| p.is_match(own));
    match STARTED.iter().find(|s| prints && text.contains(**s)) {
        Some(_) => Err(Refusal::new(
            "not-of-the-service",
            "it tells whoever runs it what it does; what it may show is for them to say",
        )),
        None => Ok(()),
    }
}

/// Lines above a call in which a loop is looked for.
const LOOP_LINES: usize = 200;
/// What a loop's line is made of beside its names.
const LOOP_WORDS: &[&str] =
    &["for", "in", "of", "const", "let", "var", "range", "async", "await", "final", "forEach", "map", "_"];

/// Refuses what would leave lines that cannot be told apart: all of a loop alike, or one that begins with whom it is about and
/// says an error of nobody.
pub(crate) fn refuse_alike(
    text: &str,
    call: &Range<usize>,
    values: &[Range<usize>],
    left: &str,
    instead: &str,
) -> Result<(), Refusal> {
    let refused = |what: String| Err(Refusal::new("value-tells-lines-apart", what));
    if names_nobody(left, instead) {
        return refused("it begins with whom it is about; log an id there".to_owned());
    }
    for value in values.iter().filter_map(|v| text.get(v.clone())) {
        let Some(head) = words(value).next().filter(|h| !h.starts_with(|c: char| c.is_ascii_digit())) else { continue };
        let Some(turns) = loop_over(text, call.start, head) else { continue };
        // The letter of a placeholder is no name.
        let names = |l: &&str| !left.contains(&format!("%{l}"));
        let others =
            words(turns).filter(|w| !LOOP_WORDS.contains(w)).any(|w| words(left).filter(names).any(|l| l == w));
        if !others {
            return refused(format!("nothing else says for which {head} of a loop it is; log its id"));
        }
    }
    Ok(())
}

/// Whether the message is what went, and an error.
fn names_nobody(call: &str, instead: &str) -> bool {
    let message = call.find(['"', '\'', '`']).and_then(|at| call.get(at + 1..)).unwrap_or_default();
    let Some(rest) = message.trim_start().strip_prefix(instead).and_then(|r| r.trim_start().strip_prefix(':')) else {
        return false;
    };
    let said = |w: &&str| {
        !matches!(*w, "err" | "error" | "e" | "ex" | "exc" | "exception" | "message" | "s" | "v" | "d" | "r" | "w")
    };
    words(rest).filter(said).count() == 0
}

/// The line that begins the loop over `head` around a place, by how far lines are indented.
fn loop_over<'t>(text: &'t str, at: usize, head: &str) -> Option<&'t str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.get(..at)?.rsplit('\n').take(LOOP_LINES);
    let mut around = lines.next().map(indent)?;
    for line in lines.filter(|l| !l.trim().is_empty()) {
        if indent(line) >= around {
            continue;
        }
        around = indent(line);
        let own = line.trim_start();
        let turns = own.starts_with("for ") || own.starts_with("for(") || own.starts_with("async for ");
        if (turns || own.contains(".forEach(") || own.contains(".map(")) && words(own).any(|w| w == head) {
            return Some(own);
        }
        if own.starts_with("def ") || own.starts_with("async def ") || own.starts_with("func ") {
            return None;
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    text.len() > 2 && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty())
}

/// A label has at most so many words.
const LABEL_WORDS: usize = 3;

/// Whether the call, written as it would be afterwards, tells anything but a label for `instead`.
pub(crate) fn says_something(call: &str, instead: &str) -> bool {
    let Some(open) = call.find('(') else { return true };
    let (mut texts, mut text, mut quote) = (Vec::new(), String::new(), None);
    let mut escaped = false;
    for c in call[open..].chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => {
                texts.push(std::mem::take(&mut text));
                quote = None;
            }
            Some(_) => text.push(c),
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            // Another value.
            None if c.is_alphanumeric() || c == '_' => return true,
            None => {}
        }
    }
    let texts: Vec<&str> = texts.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).collect();
    let alone = texts.len() > 1 && texts.last().is_some_and(|t| *t == instead);
    let labelled =
        texts.last().and_then(|t| t.strip_suffix(instead)).is_some_and(|t| t.trim_end().ends_with([':', '=']));
    if !alone && !labelled {
        return true;
    }
    let rest = texts.join(" ").replace(instead, " ");
    let words = rest.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() > 1).count();
    rest.contains(['%', '{']) || words > LABEL_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_it_is_not_left() {
        let half = |text: &str, call: &str, value: &str, left: &str| {
            let at = text.find(call).unwrap();
            let v = text[at..].find(value).map(|n| at + n).unwrap();
            refuse_half(text, &(at..at + call.len()), std::slice::from_ref(&(v..v + value.len())), left).is_err()
        };
        let create = r#"log.info("created", email=params.get("email"), name=params.get("name"))"#;
        assert!(half(create, create, r#"params.get("email")"#, r#"log.info("created", name=params.get("name"))"#));
        let other = r#"log.info("created", email=params.get("email"), name="x", id=7)"#;
        assert!(!half(other, other, r#"params.get("email")"#, r#"log.info("created", name="x", id=7)"#));
        let taken = "scheme, param = split(header)\nlog.error(f\"bad {param} in {header}\")";
        assert!(half(
            taken,
            "log.error(f\"bad {param} in {header}\")",
            "header",
            "log.error(f\"bad {param} in [redacted]\")"
        ));
        assert!(!half(taken, "log.error(f\"bad {param} in {header}\")", "header", "log.error(f\"bad [redacted]\")"));
    }

    #[test]
    fn lines_are_still_told_apart() {
        let alike = |text: &str, call: &str, value: &str, left: &str| {
            let at = text.find(call).unwrap();
            let v = text[at..].find(value).map(|n| at + n).unwrap();
            refuse_alike(text, &(at..at + call.len()), std::slice::from_ref(&(v..v + value.len())), left, "[redacted]")
                .is_err()
        };
        let text =
            "\tfor _, s := range subs {\n\t\tif err != nil {\n\t\t\tlog.Printf(\"failed %s: %v\", s.Email, err)\n";
        let call = "log.Printf(\"failed %s: %v\", s.Email, err)";
        assert!(alike(text, call, "s.Email", "log.Printf(\"failed [redacted]: %v\", err)"));
        assert!(alike(text, call, "s.Email", "log.Printf(\"failed %s [redacted]: %v\", p.Name, err)"));
        let both = "for s in subs:\n    log.info(f\"{s.id} {s.email}\")\n";
        assert!(!alike(both, "log.info(f\"{s.id} {s.email}\")", "s.email", "log.info(f\"{s.id} [redacted]\")"));
        // The loop before it is over.
        let over = "def f(s):\n    for s in subs:\n        pass\n    log.info(f\"to {s.email}\")\n";
        assert!(!alike(over, "log.info(f\"to {s.email}\")", "s.email", "log.info(\"to [redacted]\")"));
        let other = "for n in range(3):\n    log.info(f\"to {s.email}\")\n";
        assert!(!alike(other, "log.info(f\"to {s.email}\")", "s.email", "log.info(\"to [redacted]\")"));
        let first = "log.warn(`${usr.email}: ${err}`)";
        assert!(alike(first, first, "usr.email", "log.warn(`[redacted]: ${err}`)"));
        let said = "log.warn(`${usr.email}: no mail sent ${err}`)";
        assert!(!alike(said, said, "usr.email", "log.warn(`[redacted]: no mail sent ${err}`)"));
    }

    #[test]
    fn who_runs_a_program_is_told() {
        let told =
            |text: &str| refuse_told(text, &(text.find("print(").or(text.find("log.")).unwrap()..text.len())).is_err();
        assert!(told("import argparse\nprint(f\"secret {client.secret}\")"));
        assert!(!told("print(f\"secret {client.secret}\")"));
        assert!(!told("import argparse\nlog.info(client.secret)"));
    }

    #[test]
    fn a_label_without_its_value_says_nothing() {
        for (call, expected) in [
            (r#"logger.debug("mongodb connection string: [redacted]")"#, false),
            (r#"console.log("Decoded token", "[redacted]")"#, false),
            (r#"log.info("token=[redacted]")"#, false),
            (r#"log.info("read [redacted]")"#, true),
            (r#"log.info("Sending activation email to '[redacted]'")"#, true),
            (r#"logger.info("No user found for forgot password: [redacted]")"#, true),
            (r#"log.debug("token: [redacted]", user.id)"#, true),
            (r#"log.debug("user: %s token: [redacted]", 7)"#, true),
            (r#"log.Debugf("email: [redacted]")"#, false),
        ] {
            assert_eq!(says_something(call, "[redacted]"), expected, "{call}");
        }
    }
}
