//! Settings that say whether a connection checks its other end, by their words; where a setting is an argument, the call
//! around it must be one that connects. Next: `mod.rs`.

use super::around::is_option;
use super::format::{Rules, Setting};
use super::{Lines, commented, language};
use crate::snippet::snippet;
use ligase_domain::{PathClass, Seen, Value};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Bytes that stand beside a setting.
const BESIDE: usize = 600;
/// Settings of one file that are asked for an option.
const MAX_ASKED: usize = 400;
/// How far the beginning of a call is looked for.
const CALL: usize = 2_000;

/// What one file shows of settings.
pub(super) fn look(rules: &Rules, class: &PathClass, text: &str, lines: &Lines) -> Vec<Seen> {
    let concerned = |s: &&Setting| s.dialects.contains(&class.dialect) && text.contains(s.word.as_str());
    let (mut found, mut asked): (BTreeMap<usize, Seen>, usize) = (BTreeMap::new(), 0);
    for setting in rules.settings.iter().filter(concerned) {
        for captures in setting.regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            if commented(lines.before(text, whole.start())) {
                continue;
            }
            if setting
                .callee
                .as_ref()
                .is_some_and(|c| !callee(text, whole.start()).is_some_and(|name| c.is_match(name)))
            {
                continue;
            }
            let host = captures.name("host").map_or("", |h| h.as_str());
            if setting.not_host.as_ref().is_some_and(|h| h.is_match(host)) {
                continue;
            }
            let value = captures.name("value").map_or("", |v| v.as_str());
            let on = setting.on.as_deref().is_some_and(|on| on == value);
            let option = !on && asked < MAX_ASKED && is_option(text, lines, whole.start());
            asked += 1;
            let span = lines.span(whole.start(), whole.end());
            let shown: String = whole.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            let name = if host.is_empty() { shown.chars().take(60).collect() } else { host.to_owned() };
            found.entry(whole.start()).or_insert(Seen {
                kind: "tls-setting".to_owned(),
                attributes: BTreeMap::from([
                    ("language".to_owned(), Value::from(language(class))),
                    ("stack".to_owned(), Value::from("text")),
                    ("what".to_owned(), Value::from(setting.what.as_str())),
                    ("setting".to_owned(), Value::Text(name)),
                    (
                        "enforced".to_owned(),
                        Value::from(if on {
                            "yes"
                        } else if option || chosen(text, whole.start()) {
                            "chosen"
                        } else if own_check(text, whole.end()) {
                            "unknown"
                        } else {
                            "no"
                        }),
                    ),
                ]),
                span,
                anchors: BTreeMap::from([("setting".to_owned(), span)]),
                snippet: snippet(text.as_bytes(), whole.start(), whole.end()),
                probe: setting.probe.clone(),
            });
        }
    }
    found.into_values().collect()
}

/// Whether somebody has to ask for it: a branch of a setting that says so, or one of two connections that is named for it.
fn chosen(text: &str, at: usize) -> bool {
    let Some(words) = CHOICES.as_ref() else { return false };
    let from = at.saturating_sub(CALL);
    let bytes = text.as_bytes();
    let line = |n: usize| {
        let start = text.get(..n).and_then(|t| t.rfind('\n')).map_or(0, |s| s + 1);
        text.get(start..n).unwrap_or_default()
    };
    if words.named.is_match(line(at)) {
        return true;
    }
    // Ruby asks behind what it does: `… = VERIFY_NONE unless @verify`.
    let behind = text.get(at..).and_then(|t| t.lines().next()).unwrap_or_default();
    let before = text.get(..at).unwrap_or_default().lines().rev().skip(1).find(|l| !l.trim().is_empty());
    if words.behind.captures(behind).is_some_and(|c| words.asked.is_match(&c[1]))
        || before.is_some_and(|l| words.case.is_match(l))
    {
        return true;
    }
    let mut depth = 0usize;
    for n in (from..at).rev() {
        match bytes[n] {
            b'}' => depth += 1,
            b'{' if depth > 0 => depth -= 1,
            b'{' => {
                let head = line(n).trim();
                if words.function.is_match(head) {
                    return false;
                }
                if let Some(found) = words.branch.captures(head) {
                    let condition = found.get(1).map_or("", |m| m.as_str());
                    let lower = condition.to_ascii_lowercase();
                    return words.asked.is_match(condition)
                        || (lower.contains("production") && (lower.contains("!=") || lower.contains('!')));
                }
            }
            _ => {}
        }
    }
    false
}

static CHOICES: LazyLock<Option<Choices>> = LazyLock::new(|| {
    Some(Choices {
        named: Regex::new(r"(?i)(\b\w*(insecure|unverified|self_?signed|skip_?verify|no_?verify|ignore_?tls|ignore_?ssl)\w*\s*(:=|[:=?]))").ok()?,
        branch: Regex::new(r"(?:^|\}\s*else\s+|\s)if\b(.*)$").ok()?,
        behind: Regex::new(r"\s(?:if|unless)\s+([^#]*)$").ok()?,
        case: Regex::new(r"(?i)^\s*(case|when)\s.*(insecure|accept_?invalid|self_?signed|skip|ignore|no_?verify|unverified|allow)").ok()?,
        asked: Regex::new(r"(?i)insecure|skip|ignore|self_?signed|no_?verify|verify|unauthorized|trust_?all|allow|debug|\bdev\b|is_?dev|development|is_?local").ok()?,
        function: Regex::new(r"^(func\b|(export\s+)?(async\s+)?function\b|(public|private|protected)\b.*\)\s*(throws\b.*)?$)").ok()?,
    })
});

/// How a choice is written.
struct Choices {
    named: Regex,
    branch: Regex,
    behind: Regex,
    case: Regex,
    asked: Regex,
    function: Regex,
}

/// Whether the program checks by itself beside the setting; what it checks is not read here.
fn own_check(text: &str, at: usize) -> bool {
    let mut from = at.saturating_sub(BESIDE);
    let mut to = (at + BESIDE).min(text.len());
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    while !text.is_char_boundary(to) {
        to += 1;
    }
    ["VerifyPeerCertificate", "VerifyConnection", "checkServerIdentity"].iter().any(|w| text[from..to].contains(w))
        || own_protocol(text, at)
}

/// Bytes behind a setting in which a certificate is looked at once the connection stands.
const BEHIND: usize = 4_000;
/// What a program is called that proves by a protocol of its own who owns a name: no certificate can be asked for there yet.
const PROTOCOLS: &[&str] = &["HTTP01", "TLSALPN01", "acme-challenge", "acme-tls/1", "ACMETLS1"];

/// Whether the certificate is looked at after the handshake, or the file proves ownership in the way of ACME. Comments say
/// nothing.
fn own_protocol(text: &str, at: usize) -> bool {
    let mut to = (at + BEHIND).min(text.len());
    while !text.is_char_boundary(to) {
        to += 1;
    }
    let said = |part: &str, words: &[&str]| {
        part.lines().any(|l| !commented(l) && words.iter().any(|w| l.find(w).is_some_and(|n| !commented(&l[..n]))))
    };
    said(&text[at..to], &[".PeerCertificates"]) || said(text, PROTOCOLS)
}

/// The name before the bracket of the call in which a place stands.
fn callee(text: &str, at: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    for n in (at.saturating_sub(CALL)..at).rev() {
        match bytes[n] {
            b')' | b']' | b'}' => depth += 1,
            b'[' | b'{' => depth = depth.checked_sub(1)?,
            b'(' if depth > 0 => depth -= 1,
            b'(' => {
                let name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_' || **b == b'.';
                let length = bytes[..n].iter().rev().take_while(name).count();
                return text.get(n - length..n);
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::Origin;

    fn enforced(dialect: &str, text: &str) -> Vec<String> {
        let rules = Rules::load(&ligase_catalog::shipped()).unwrap();
        let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
        let all = look(&rules, &class, text, &Lines::new(text));
        all.iter().map(|s| s.attributes["enforced"].as_text().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn checks_that_are_turned_off_are_seen_where_they_count() {
        for (dialect, text, want) in [
            ("python", "requests.post(url, json={\"a\": f(1)},\n    verify=False)\n", vec!["no"]),
            ("python", "httpx.AsyncClient(verify=True)\n", vec!["yes"]),
            ("python", "jwt.decode(token, verify=False)\n", vec![]),
            ("python", "# requests.get(url, verify=False)\n", vec![]),
            ("typescript", "const agent = new https.Agent({ rejectUnauthorized: false });\n", vec!["no"]),
            ("javascript", "new https.Agent({ rejectUnauthorized: true })\n", vec!["yes"]),
            ("go", "c := &tls.Config{InsecureSkipVerify: true}\n", vec!["no"]),
            ("go", "c := &tls.Config{InsecureSkipVerify: true, VerifyConnection: pinned}\n", vec!["unknown"]),
            (
                "go",
                "c := &tls.Config{InsecureSkipVerify: true}\nconn := dial(c)\ncerts := conn.ConnectionState().PeerCertificates\n",
                vec!["unknown"],
            ),
            (
                "go",
                "// .PeerCertificates, HTTP01\nc := &tls.Config{InsecureSkipVerify: true}\nconn := dial(c) // .PeerCertificates\n",
                vec!["no"],
            ),
            ("go", "func validateHTTP01() {\n\tc := &tls.Config{InsecureSkipVerify: true}\n}\n", vec!["unknown"]),
            (
                "go",
                "func f() {\n\tif cfg.IgnoreTLSErrors {\n\t\tt.TLS = &tls.Config{InsecureSkipVerify: true}\n\t}\n}\n",
                vec!["chosen"],
            ),
            (
                "go",
                "func f() {\n\tif cfg.UseTLS {\n\t\tt.TLS = &tls.Config{InsecureSkipVerify: true}\n\t}\n}\n",
                vec!["no"],
            ),
            ("go", "if cfg.Insecure {\n\twarn()\n}\nc := &tls.Config{InsecureSkipVerify: true}\n", vec!["no"]),
            (
                "typescript",
                "this.insecureAgent = new https.Agent({ ...options, rejectUnauthorized: false });\n",
                vec!["chosen"],
            ),
            ("typescript", "if (env === 'production') {\n  ssl = { rejectUnauthorized: false };\n}\n", vec!["no"]),
            ("typescript", "if (env !== 'production') {\n  ssl = { rejectUnauthorized: false };\n}\n", vec!["chosen"]),
            ("dotenv", "DATABASE_URL=postgres://u:${P}@db.shop.io:5432/x?sslmode=disable\n", vec!["no"]),
            ("dotenv", "DATABASE_URL=postgres://u:${P}@db:5432/x?sslmode=disable\n", vec![]),
        ] {
            assert_eq!(enforced(dialect, text), want, "{text}");
        }
    }
}
