//! Credentials in text: by a shape that nothing else has, in addresses, and under names that say so. Only where a value is
//! written out, is long and mixed, and is no example, it is said to be one. Next: `value.rs`.

use super::around::{in_development, of_a_test_run, serves_this_machine};
use super::format::{Names, Rules};
use super::value::{Source, entropy, source_of};
use super::{Lines, commented, language};
use ligase_domain::{PathClass, Seen, Value};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// References and examples of one file that are told; more say nothing new.
const MAX_OTHERS: usize = 40;
/// Literals of one file that are asked for the section in which they stand.
const MAX_ASKED: usize = 400;
/// Dialects in which a value stands without quotes.
const BARE: &[&str] = &[
    "compose",
    "dockerfile",
    "dotenv",
    "github-actions",
    "gitlab-ci",
    "helm-values",
    "ini",
    "properties",
    "shell",
    "yaml",
];

/// A name that an expression of [`Names`] is asked about, and a value in quotes.
const QUOTED: &str =
    r#"(?m)\b([A-Za-z_][A-Za-z0-9_.\-]{2,80})["'\]]{0,2}[ \t]*(?::=|=>|[:=])[ \t]*["'`]([^"'`\r\n]{8,300})["'`]"#;
/// The same without quotes, to the end of the line.
const PLAIN: &str = r"(?m)^[ \t]*(?:-[ \t]+|export[ \t]+|ENV[ \t]+|ARG[ \t]+)?([A-Za-z_][A-Za-z0-9_.\-]{2,80})[ \t]*[:=][ \t]*(\$\{\{[^}\r\n]{1,200}\}\}|[^\s#][^\s]{7,300})[ \t]*\r?$";
/// A name whose value is taken from the environment or a vault.
const TAKEN: &str = r#"(?m)\b([A-Za-z_][A-Za-z0-9_.\-]{2,80})["'\]]{0,2}[ \t]*(?::=|=>|[:=])[ \t]*(?:await[ \t]+)?(os\.environ|os\.getenv|os\.Getenv|process\.env|System\.getenv|ENV(?:\[|\.fetch)|env::var|getenv\(|Deno\.env|viper\.Get|config\.get\(|settings\.)"#;
/// A variable of a container: its name in one line, its value in the next.
const PAIR: &str = r#"(?m)^[ \t]*-?[ \t]*name:[ \t]*["']?([A-Za-z_][A-Za-z0-9_.\-]{2,80})["']?[ \t]*\r?\n[ \t]*(value|valueFrom):[ \t]*["']?([^"'\s]{8,300})?"#;
/// A password in an address.
const ADDRESS: &str =
    r#"\b[a-z][a-z0-9+.\-]{2,20}://([^\s:/@"'`<>{}$()]{1,60}):([^\s:/@"'`<>{}$()]{8,100})@([A-Za-z0-9.\-]+)"#;

static EXPRESSIONS: LazyLock<Option<Expressions>> = LazyLock::new(|| {
    let of = |text: &str| Regex::new(text).ok();
    Some(Expressions {
        quoted: of(QUOTED)?,
        plain: of(PLAIN)?,
        taken: of(TAKEN)?,
        pair: of(PAIR)?,
        address: of(ADDRESS)?,
    })
});

struct Expressions {
    quoted: Regex,
    plain: Regex,
    taken: Regex,
    pair: Regex,
    address: Regex,
}

/// What one file shows of credentials.
pub(super) fn look(rules: &Rules, class: &PathClass, text: &str, lines: &Lines) -> Vec<Seen> {
    let mut found: BTreeMap<(usize, usize), (String, String, Source)> = BTreeMap::new();
    for shape in rules.shapes.iter().filter(|s| text.contains(s.word.as_str())) {
        for captures in shape.regex.captures_iter(text) {
            let Some(value) = captures.get(1) else { continue };
            let example = rules.names.as_ref().is_some_and(|n| n.placeholders.is_match(value.as_str()));
            if entropy(value.as_str()) >= shape.entropy {
                let source = if example { Source::Placeholder } else { Source::Literal };
                found.insert((value.start(), value.end()), (shape.name.clone(), shape.name.clone(), source));
            }
        }
    }
    if let (Some(names), Some(expressions)) = (&rules.names, EXPRESSIONS.as_ref()) {
        let lower = text.to_ascii_lowercase();
        if names.words.iter().any(|w| lower.contains(w.as_str())) {
            named(names, expressions, class, text, lines, &mut found);
            // Maps and sign-in of a browser need a key that everybody sees.
            if let Some((values, _)) =
                names.browser.as_ref().filter(|(_, b)| b.iter().any(|w| lower.contains(w.as_str())))
            {
                found.retain(|(start, end), _| !text.get(*start..*end).is_some_and(|v| values.is_match(v)));
            }
        }
        if text.contains("://") {
            addresses(names, expressions, text, &mut found);
        }
    }
    if class.dialect == "compose" {
        shared(text, &mut found);
    }
    let mut others = 0;
    let mut out = Vec::new();
    for ((start, end), (name, shape, source)) in found {
        if source != Source::Literal {
            others += 1;
            if others > MAX_OTHERS {
                continue;
            }
        }
        out.push(Seen {
            kind: "credential".to_owned(),
            attributes: BTreeMap::from([
                ("language".to_owned(), Value::from(language(class))),
                ("stack".to_owned(), Value::from("text")),
                ("name".to_owned(), Value::Text(name.chars().take(80).collect())),
                ("shape".to_owned(), Value::Text(shape)),
                ("source".to_owned(), Value::from(source.name())),
            ]),
            span: lines.span(start, end),
            anchors: BTreeMap::new(),
            // Nothing of the file: the value must not leave it, and its name stands beside it.
            snippet: format!("{} = ***", name.chars().take(80).collect::<String>()),
            probe: rules.probe.clone(),
        });
    }
    out
}

/// What a service that only its own machine reaches shares with those that are started beside it.
fn shared(text: &str, found: &mut Found) {
    let value = |place: &(usize, usize)| text.get(place.0..place.1).unwrap_or_default();
    let own: BTreeSet<&str> =
        found.iter().filter(|(_, (_, _, s))| *s == Source::Development).map(|(place, _)| value(place)).collect();
    for (place, (_, _, source)) in found.iter_mut() {
        if *source == Source::Literal && own.contains(value(place)) {
            *source = Source::Development;
        }
    }
}

type Found = BTreeMap<(usize, usize), (String, String, Source)>;

fn named(names: &Names, expressions: &Expressions, class: &PathClass, text: &str, lines: &Lines, found: &mut Found) {
    let bare = BARE.contains(&class.dialect.as_str());
    let yaml = matches!(class.dialect.as_str(), "yaml" | "helm-values" | "compose" | "github-actions" | "gitlab-ci");
    let pairs = matches!(class.dialect.as_str(), "yaml" | "helm-values" | "compose");
    let mut asked = 0;
    let mut put = |name: &str, value: regex::Match<'_>, source: Source| {
        let place = (value.start(), value.end());
        let source = match source {
            Source::Literal if asked < MAX_ASKED => {
                asked += 1;
                let pipeline = matches!(class.dialect.as_str(), "github-actions" | "gitlab-ci");
                let own = class.dialect == "compose" && serves_this_machine(text, lines, place.0)
                    || pipeline && of_a_test_run(text, lines, place.0);
                if own || in_development(text, lines, place.0) { Source::Development } else { Source::Literal }
            }
            other => other,
        };
        let inside = found.range(..=place).next_back().is_some_and(|((_, end), _)| *end > place.0)
            || found.range(place..).next().is_some_and(|((start, _), _)| *start < place.1);
        if !inside && !commented(lines.before(text, place.0)) {
            found.entry(place).or_insert((name.to_owned(), "named".to_owned(), source));
        }
    };
    let is_name = |name: &str| {
        let lower = name.to_ascii_lowercase();
        names.words.iter().any(|w| lower.contains(w.as_str())) && !names.not.is_match(name)
    };
    for captures in expressions
        .quoted
        .captures_iter(text)
        .chain(bare.then_some(()).into_iter().flat_map(|()| expressions.plain.captures_iter(text)))
    {
        let (Some(name), Some(value)) = (captures.get(1), captures.get(2)) else { continue };
        // In YAML `name:value` is one text: the name of an image, of a plug-in, with its version.
        let one_text = yaml && text.get(name.end()..value.start()).is_some_and(|between| between == ":");
        if is_name(name.as_str())
            && !one_text
            && let Some(source) = source_of(names, value.as_str())
        {
            put(name.as_str(), value, source);
        }
    }
    for captures in expressions.taken.captures_iter(text) {
        if let (Some(name), Some(value)) = (captures.get(1), captures.get(2))
            && is_name(name.as_str())
        {
            put(name.as_str(), value, Source::Reference);
        }
    }
    for captures in pairs.then_some(()).into_iter().flat_map(|()| expressions.pair.captures_iter(text)) {
        let (Some(name), Some(form)) = (captures.get(1), captures.get(2)) else { continue };
        if !is_name(name.as_str()) {
            continue;
        }
        match (form.as_str(), captures.get(3)) {
            ("valueFrom", _) => put(name.as_str(), form, Source::Reference),
            (_, Some(value)) => {
                if let Some(source) = source_of(names, value.as_str()) {
                    put(name.as_str(), value, source);
                }
            }
            _ => {}
        }
    }
}

fn addresses(names: &Names, expressions: &Expressions, text: &str, found: &mut Found) {
    for captures in expressions.address.captures_iter(text) {
        let (Some(user), Some(password), Some(host)) = (captures.get(1), captures.get(2), captures.get(3)) else {
            continue;
        };
        let local = !host.as_str().contains('.')
            || ["127.", "0.0.0.0", "10.", "192.168."].iter().any(|p| host.as_str().starts_with(p))
            || ["example", "test", "invalid", "local", "localhost"]
                .iter()
                .any(|w| host.as_str().split('.').any(|p| p == *w));
        if local || user.as_str() == password.as_str() || names.references.is_match(password.as_str()) {
            continue;
        }
        if source_of(names, password.as_str()) == Some(Source::Literal) {
            let place = (password.start(), password.end());
            found.insert(place, (host.as_str().to_owned(), "address".to_owned(), Source::Literal));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::Origin;

    fn seen(dialect: &str, text: &str) -> Vec<(String, String)> {
        let rules = Rules::load(&ligase_catalog::shipped()).unwrap();
        let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
        let all = look(&rules, &class, text, &Lines::new(text));
        let text_of = |s: &Seen, n: &str| s.attributes[n].as_text().unwrap_or_default().to_owned();
        all.iter().map(|s| (text_of(s, "name"), text_of(s, "source"))).collect()
    }

    fn sources(dialect: &str, text: &str) -> Vec<String> {
        seen(dialect, text).into_iter().map(|(_, source)| source).collect()
    }

    #[test]
    fn what_is_written_out_is_a_credential_and_what_stands_for_it_is_none() {
        for (dialect, text, want) in [
            ("python", "DB_PASSWORD = \"k7Qz-92mXv!pL4t\"\n", vec!["literal"]),
            ("python", "DB_PASSWORD = os.environ[\"DB_PASSWORD\"]\n", vec!["reference"]),
            ("python", "# DB_PASSWORD = \"k7Qz92mXvpL4tW\"\n", vec![]),
            ("dotenv", "STRIPE_SECRET=whsec9f8a7b6c5d4e3f2a\n", vec!["literal"]),
            ("dotenv", "STRIPE_SECRET=your-stripe-secret\n", vec!["placeholder"]),
            ("dotenv", "SECRET_KEY=${SECRET_KEY}\n", vec!["reference"]),
            ("yaml", "env:\n- name: API_TOKEN\n  valueFrom:\n    secretKeyRef: {}\n", vec!["reference"]),
            ("yaml", "env:\n- name: API_TOKEN\n  value: 9f8a7b6c5d4e3f2a1b0c\n", vec!["literal"]),
            ("yaml", "development:\n  secret_key_base: 7699f34c558984a85b3fea79c46960f5\n", vec!["development"]),
            ("yaml", "production:\n  secret_key_base: 7699f34c558984a85b3fea79c46960f5\n", vec!["literal"]),
            ("python", "class Test(Config):\n    TOKEN_SECRET = \"5YNWU0epN5ZyaSZvBd5uZb\"\n", vec!["development"]),
            ("yaml", "plugins: |\n  credentials-binding:523.vd859a_4b_122e6\n", vec![]),
            (
                "json",
                "{\"jwtSecret\": \"bXktc2VjcmV0LWtleS13aGljaC1zaG91bGQtYmUtY2hhbmdlZA==\"}\n",
                vec!["placeholder"],
            ),
            (
                "compose",
                "a:\n  environment:\n    - APP_HOST=localhost\n    - RPC_SECRET=bea26a2221fd8090ea38720f\nb:\n  environment:\n    - RPC_SECRET=bea26a2221fd8090ea38720f\n",
                vec!["development", "development"],
            ),
            (
                "compose",
                "a:\n  environment:\n    - APP_HOST=localhost\n    - RPC_SECRET=bea26a2221fd8090ea38720f\nb:\n  environment:\n    - RPC_SECRET=9f8a7b6c5d4e3f2a1b0c7733\n",
                vec!["development", "literal"],
            ),
            ("go", "token := \"user-token-v2-cache\"\n", vec![]),
            ("java", "String passwordHash = \"$2b$12$abcdefghijklmnopqrstuv\";\n", vec![]),
            ("json", "{\"client_secret\": \"GOCSPX-8sJd72hfKs92jdKs8fj2\"}\n", vec!["literal"]),
            ("yaml", "secretName: tls-cert-9f8a7b6c5d4e\n", vec![]),
            ("python", "url = \"postgres://app:Zk38fh2Lq9xW7@db.prod.shop.io/x\"\n", vec!["literal"]),
            ("python", "url = \"postgres://app:Zk38fh2Lq9xW7@localhost/x\"\n", vec![]),
        ] {
            assert_eq!(sources(dialect, text), want, "{text}");
        }
    }

    #[test]
    fn the_value_never_leaves_the_file() {
        let rules = Rules::load(&ligase_catalog::shipped()).unwrap();
        let class = PathClass { dialect: "python".to_owned(), origin: Origin::Source };
        let text = "aws_secret_access_key = \"wJ9lrXUtnFEMIoK7MDENGobPxRfiCYzzKEYqwe12\"\n";
        let all = look(&rules, &class, text, &Lines::new(text));
        assert!(!all.is_empty());
        assert!(all.iter().all(|s| !format!("{s:?}").contains("wJ9lrXUtn")), "{all:?}");
    }
}
