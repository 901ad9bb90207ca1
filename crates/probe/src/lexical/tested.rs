//! Which files a repository's own tests open by name, and which keys its scripts make: such a key may stand for nothing but
//! tests. What the files hold is not read here. Next: `credentials.rs`.

use ligase_domain::{LookedFile, Origin, PathClass, ProbeRef, Seen, Span, Value};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Names of one file that are told; tests that open more say nothing new.
const MAX_NAMES: usize = 40;
/// The kind of the fact; only linking reads it.
const KIND: &str = "text-opened";

/// The kind of the fact of a script.
const MADE: &str = "text-made";

/// A file of a key that a script names.
static KEYS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|[\s/=])([A-Za-z0-9_.\-]{1,60}\.(?:key|pem|p8))\b").ok());

/// The last part of a path in quotes, of a file that can hold a key.
static NAMED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"["'`/]([A-Za-z0-9_.\-]{1,60}\.(?:key|pem|p8|crt|ya?ml|json|toml))["'`]"#).ok());

/// What a test opens by name, or a script makes with `openssl`.
pub(super) fn look(class: &PathClass, text: &str) -> Option<Seen> {
    let (kind, expression) = if class.dialect == "shell" && text.contains("openssl ") {
        (MADE, KEYS.as_ref()?)
    } else {
        (KIND, NAMED.as_ref().filter(|_| class.origin == Origin::Test)?)
    };
    let names: BTreeSet<&str> =
        expression.captures_iter(text).filter_map(|c| c.get(1)).map(|m| m.as_str()).take(MAX_NAMES).collect();
    if names.is_empty() {
        return None;
    }
    let list = names.into_iter().map(Value::from).collect();
    Some(Seen {
        kind: kind.to_owned(),
        attributes: BTreeMap::from([("names".to_owned(), Value::List(list))]),
        span: Span::default(),
        anchors: BTreeMap::new(),
        snippet: String::new(),
        probe: ProbeRef { id: "any/opened".to_owned(), version: super::ENGINE_VERSION },
    })
}

/// The names of all files that tests open.
pub(super) fn names<'f>(files: &[&'f LookedFile]) -> BTreeSet<&'f str> {
    let seen = files.iter().flat_map(|f| f.observations.seen.iter()).filter(|s| s.kind == KIND);
    let lists = seen.filter_map(|s| s.attributes.get("names").and_then(Value::as_list));
    lists.flatten().filter_map(Value::as_text).collect()
}

/// The paths of all keys that a script beside them makes.
pub(super) fn made(files: &[&LookedFile]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for file in files {
        let path = file.path.to_string();
        let folder = path.rsplit_once('/').map_or(String::new(), |(f, _)| format!("{f}/"));
        for seen in file.observations.seen.iter().filter(|s| s.kind == MADE) {
            let names = seen.attributes.get("names").and_then(Value::as_list).into_iter().flatten();
            out.extend(names.filter_map(Value::as_text).map(|n| format!("{folder}{n}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(origin: Origin, text: &str) -> Vec<String> {
        let class = PathClass { dialect: "go".to_owned(), origin };
        let seen = look(&class, text);
        let list = seen.iter().filter_map(|s| s.attributes.get("names").and_then(Value::as_list)).flatten();
        list.filter_map(Value::as_text).map(str::to_owned).collect()
    }

    #[test]
    fn tests_say_which_files_they_open() {
        let text = "conf.load(\"../fixtures/signer.yaml\")\nos.ReadFile(`server.key`)\n// other.pem\n";
        assert_eq!(opened(Origin::Test, text), ["server.key", "signer.yaml"]);
        assert!(opened(Origin::Source, text).is_empty());
    }

    #[test]
    fn scripts_say_which_keys_they_make() {
        let class = PathClass { dialect: "shell".to_owned(), origin: Origin::Source };
        let seen = look(&class, "openssl req -new -keyout certs/root.key -out root.crt\n").unwrap();
        assert_eq!(seen.attributes["names"].as_list().unwrap()[0].as_text(), Some("root.key"));
        assert!(look(&class, "cp root.key /srv\n").is_none());
    }
}
