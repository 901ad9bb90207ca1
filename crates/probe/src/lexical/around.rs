//! What stands around a place in text, by indentation alone: the section of a file for development or tests, and the option
//! that somebody has to set before a line counts. Bounded by lines, blind to languages. Next: `settings.rs`.

use super::Lines;
use crate::vocabulary::words;

/// Lines above a place that are looked at for headers.
const MAX_LINES: usize = 1_000;
/// Lines of a list of settings.
const MAX_LIST: usize = 60;
/// Headers around a place.
const MAX_HEADERS: usize = 6;
/// Characters of a line that are read.
const MAX_WIDTH: usize = 240;
/// Words of sections and conditions that are of no service in use.
const DEVELOPMENT: &[&str] = &["dev", "develop", "development", "test", "testing", "local", "localhost", "e2e", "ci"];
/// Words that take it back.
const PRODUCTION: &[&str] = &["prod", "production", "live", "staging", "latest"];
/// Words of options by which whoever runs a program gives up certificate checks.
const OPTIONS: &[&str] = &[
    "insecure",
    "unsafe",
    "skip",
    "verify",
    "verification",
    "self",
    "selfsigned",
    "ignore",
    "allow",
    "trust",
    "disable",
    "accept",
    "check",
    "strict",
    "unauthorized",
    "unverified",
];

/// Lines above with less indentation than everything below them, the nearest first.
pub(super) fn headers<'t>(text: &'t str, lines: &Lines, at: usize) -> Vec<&'t str> {
    let number = lines.number(at);
    let line = |n: usize| -> &'t str {
        let (start, end) = (lines.starts[n - 1], lines.starts.get(n).map_or(text.len(), |e| e - 1));
        text.get(start..end).unwrap_or_default()
    };
    let indent = |l: &str| l.len() - l.trim_start().len();
    let mut least = indent(line(number));
    let mut out = Vec::new();
    for n in (1..number).rev().take(MAX_LINES) {
        if least == 0 || out.len() == MAX_HEADERS {
            break;
        }
        let above = line(n);
        if !above.trim().is_empty() && indent(above) < least {
            least = indent(above);
            out.push(above);
        }
    }
    out
}

fn short(line: &str) -> String {
    line.chars().take(MAX_WIDTH).collect()
}

/// Whether a place stands in a section that is for development or tests: `development:`, `class TestConfig:`, `[test]`.
pub(super) fn in_development(text: &str, lines: &Lines, at: usize) -> bool {
    let says = |line: &str| {
        let words = words(&short(line));
        let among = |set: &[&str]| words.iter().any(|w| set.contains(&w.as_str()));
        words.len() <= 8 && among(DEVELOPMENT) && !among(PRODUCTION)
    };
    let around = headers(text, lines, at);
    if around.iter().any(|l| opens(l) && says(l)) {
        return true;
    }
    // Sections in brackets are not indented.
    let before = text.get(..at).unwrap_or_default();
    let section = before.lines().rev().take(MAX_LINES).map(str::trim).find(|l| l.starts_with('[') && l.ends_with(']'));
    section.is_some_and(says)
}

/// Whether the settings around a place say that their own service is reached at the machine that it runs on: only whoever
/// started it can use it.
pub(super) fn serves_this_machine(text: &str, lines: &Lines, at: usize) -> bool {
    let number = lines.number(at);
    let line = |n: usize| -> &str {
        let (start, end) = (lines.starts[n - 1], lines.starts.get(n).map_or(text.len(), |e| e - 1));
        text.get(start..end).unwrap_or_default()
    };
    let indent = |l: &str| l.len() - l.trim_start().len();
    let own = indent(line(number));
    let beside = |n: &usize| line(*n).trim().is_empty() || indent(line(*n)) >= own;
    let above = (1..=number).rev().take(MAX_LIST).take_while(beside);
    let below = (number..=lines.starts.len()).take(MAX_LIST).take_while(beside);
    own > 0 && above.chain(below).any(|n| is_own_address(&short(line(n))))
}

/// Whether the settings around a place are those of a run of tests: `NODE_ENV: test`, a database on the machine that runs them.
pub(super) fn of_a_test_run(text: &str, lines: &Lines, at: usize) -> bool {
    let number = lines.number(at);
    let line = |n: usize| -> &str {
        let (start, end) = (lines.starts[n - 1], lines.starts.get(n).map_or(text.len(), |e| e - 1));
        text.get(start..end).unwrap_or_default()
    };
    let indent = |l: &str| l.len() - l.trim_start().len();
    let own = indent(line(number));
    let beside = |n: &usize| line(*n).trim().is_empty() || indent(line(*n)) >= own;
    let above = (1..=number).rev().take(MAX_LIST).take_while(beside);
    let below = (number..=lines.starts.len()).take(MAX_LIST).take_while(beside);
    let says = |line: &str| {
        let Some((key, value)) = line.trim().split_once([':', '=']) else { return false };
        let value = value.trim().trim_matches(['"', '\'']);
        (key.to_ascii_uppercase().ends_with("ENV") && matches!(value, "test" | "testing" | "ci"))
            || value.contains("://") && ["localhost", "127.0.0.1"].iter().any(|h| value.contains(h))
    };
    own > 0 && above.chain(below).any(|n| says(&short(line(n))))
}

/// `APP_URL=http://localhost:3000`: what a service says of itself, not whom it calls.
fn is_own_address(line: &str) -> bool {
    let line = line.trim().trim_start_matches("- ").trim_start_matches(['"', '\'']);
    let Some((key, value)) = line.split_once(['=', ':']) else { return false };
    let key = words(key);
    let value = value.trim().trim_start_matches(['"', '\'']);
    let value = value.strip_prefix("http://").or(value.strip_prefix("https://")).unwrap_or(value);
    let is = |set: &[&str]| key.iter().any(|w| set.contains(&w.as_str()));
    let local = ["localhost", "127.0.0.1"].iter().any(|h| value.starts_with(h));
    local
        && is(&["host", "url", "domain", "origin"])
        && is(&["server", "phx", "app", "public", "base", "site", "root", "external", "web", "webapp"])
}

/// Words of options by which whoever runs a program asks to be told more than is told otherwise.
const DEBUGGING: &[&str] = &["debug", "debugging", "verbose", "dev", "development"];

/// Whether a place is reached only where an option for debugging asks for it: `if (config.debug)`, `config.debug && …`.
pub(crate) fn only_for_debugging(text: &str, at: usize) -> bool {
    let lines = Lines::new(text);
    let asks = |condition: &str| {
        let short = short(condition);
        let negated = ["!", "not ", "!=", "||", " or "].iter().any(|n| short.contains(n));
        let words = words(&short);
        !negated && words.len() <= 8 && words.iter().any(|w| DEBUGGING.contains(&w.as_str()))
    };
    let before = lines.before(text, at);
    if before.rsplit_once("&&").is_some_and(|(condition, rest)| {
        rest.trim_matches([' ', '(', '{']).is_empty()
            && asks(condition.rsplit(['=', ';', '}']).next().unwrap_or(condition))
    }) {
        return true;
    }
    std::iter::once(before).chain(headers(text, &lines, at)).any(|line| {
        let line = line.trim_start().trim_start_matches("} ");
        ["if ", "if(", "elif ", "else if "].iter().any(|k| line.starts_with(k)) && asks(line)
    })
}

/// Whether a line begins what is indented below it.
fn opens(line: &str) -> bool {
    line.trim_end().ends_with([':', '{', '(', '[']) || line.trim_end().ends_with("do")
}

/// Whether a line counts only where an option asks for it: its own condition, that of a block around it, or its own name.
pub(super) fn is_option(text: &str, lines: &Lines, at: usize) -> bool {
    let asks = |condition: &str| {
        let words = words(&short(condition));
        words.iter().any(|w| OPTIONS.contains(&w.as_str()) || (DEVELOPMENT.contains(&w.as_str()) || w == "debug"))
    };
    let before = lines.before(text, at);
    let after = text.get(at..).unwrap_or_default().lines().next().unwrap_or_default();
    // `a if option else b`, on either side of the place.
    let python = after
        .split_once(" if ")
        .and_then(|(_, rest)| rest.split_once(" else"))
        .or_else(|| before.rsplit_once(" if ").and_then(|(_, rest)| rest.split_once(" else")));
    if python.is_some_and(|(condition, _)| asks(condition)) {
        return true;
    }
    // `option ? a : b`: what stands between the assignment and the question mark.
    let asked = before.rsplit_once(" ? ").map(|(condition, _)| condition);
    if asked.is_some_and(|c| asks(c.rsplit(['=', '(', ',']).next().unwrap_or(c))) {
        return true;
    }
    let named = before.split(['=', ':']).next().unwrap_or_default();
    if before.len() > named.len()
        && words(&short(named)).iter().any(|w| matches!(w.as_str(), "insecure" | "unverified"))
    {
        return true;
    }
    headers(text, lines, at).into_iter().any(|line| {
        let line = line.trim_start().trim_start_matches("} ").trim_start_matches("else ");
        ["if ", "if(", "elif ", "unless ", "when "].iter().any(|k| line.starts_with(k)) && asks(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_for_development_are_told_from_others() {
        for (text, want) in [
            ("development:\n  key: @\n", true),
            ("production:\n  key: @\n", false),
            ("test:\n  a: 1\n\n  key: @\n", true),
            ("development:\n  a: 1\nproduction:\n  key: @\n", false),
            ("class Test(Config):\n    A = 1\n    KEY = @\n", true),
            ("class Live(Config):\n    KEY = @\n", false),
            ("class Config:\n    KEY = @\n", false),
            ("[dev]\nkey = @\n", true),
            ("[prod]\nkey = @\n", false),
            ("key = @\n", false),
        ] {
            let at = text.find('@').unwrap();
            assert_eq!(in_development(text, &Lines::new(text), at), want, "{text}");
        }
    }

    #[test]
    fn what_only_this_machine_reaches_is_told_from_what_calls_it() {
        for (text, want) in [
            ("env:\n  - APP_URL=http://localhost:3000\n  - KEY=@\n", true),
            ("env:\n  KEY: @\n  PHX_HOST: localhost\n", true),
            ("env:\n  KEY: @\n  DB_HOST: localhost\n", false),
            ("env:\n  KEY: @\n  APP_URL: https://shop.io\n", false),
            ("a:\n  env:\n    APP_URL: http://localhost\nb:\n  env:\n    KEY: @\n", false),
        ] {
            let at = text.find('@').unwrap();
            assert_eq!(serves_this_machine(text, &Lines::new(text), at), want, "{text}");
        }
    }

    #[test]
    fn settings_of_a_run_of_tests_are_told_from_those_of_a_delivery() {
        for (text, want) in [
            ("env:\n  NODE_ENV: test\n  KEY: @\n", true),
            ("env:\n  KEY: @\n  DATABASE_URL: postgres://a:b@localhost/x\n", true),
            ("env:\n  NODE_ENV: production\n  KEY: @\n", false),
            ("a:\n  env:\n    NODE_ENV: test\nb:\n  env:\n    KEY: @\n", false),
        ] {
            let at = text.find('@').unwrap();
            let at = if text.contains("KEY: @") { text.find("KEY: @").unwrap() + 5 } else { at };
            assert_eq!(of_a_test_run(text, &Lines::new(text), at), want, "{text}");
        }
    }

    #[test]
    fn what_only_debugging_reaches_is_told_from_what_is_always_reached() {
        for (text, want) in [
            ("config.debug && @\n", true),
            ("if (this.options.verbose) {\n  @\n}\n", true),
            ("if settings.DEBUG:\n    for u in users:\n        @\n", true),
            ("if h.debug {\n\t@\n}\n", true),
            ("if (!debug) {\n  @\n}\n", false),
            ("if not settings.DEBUG:\n    @\n", false),
            ("if (debug) {\n  a()\n} else {\n  @\n}\n", false),
            ("if (user.email) {\n  @\n}\n", false),
            ("logger.debug(x)\n@\n", false),
        ] {
            let at = text.find('@').unwrap();
            assert_eq!(only_for_debugging(text, at), want, "{text}");
        }
    }

    #[test]
    fn an_option_that_is_set_is_told_from_a_line_that_always_counts() {
        for (text, want) in [
            ("ctx = @ if NO_SSL_VERIFY else None\n", true),
            ("ctx = None if verify else @\n", true),
            ("mode = ssl_verify ? PEER : @\n", true),
            ("ssl: env.DB_SSL ? { @ } : false\n", false),
            ("if cfg.SkipTLSVerify {\n\tt.C = @\n}\n", true),
            ("if err == nil {\n\tt.C = @\n}\n", false),
            ("this.agentInsecure = new Agent(@)\n", true),
            ("this.agent = new Agent(@)\n", false),
            ("func verify() {\n\tt.C = @\n}\n", false),
        ] {
            let at = text.find('@').unwrap();
            assert_eq!(is_option(text, &Lines::new(text), at), want, "{text}");
        }
    }
}
