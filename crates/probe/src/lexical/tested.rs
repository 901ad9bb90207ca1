//! Which files a repository's own tests open by name: a key in one of them may have been made for the tests. What they hold is
//! not read here. Next: `credentials.rs`.

use ligase_domain::{LookedFile, Origin, PathClass, ProbeRef, Seen, Span, Value};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Names of one file that are told; tests that open more say nothing new.
const MAX_NAMES: usize = 40;
/// The kind of the fact; only linking reads it.
const KIND: &str = "text-opened";

/// The last part of a path in quotes, of a file that can hold a key.
static NAMED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"["'`/]([A-Za-z0-9_.\-]{1,60}\.(?:key|pem|p8|crt|ya?ml|json|toml))["'`]"#).ok());

/// What a test opens by name.
pub(super) fn look(class: &PathClass, text: &str) -> Option<Seen> {
    let expression = NAMED.as_ref().filter(|_| class.origin == Origin::Test)?;
    let names: BTreeSet<&str> =
        expression.captures_iter(text).filter_map(|c| c.get(1)).map(|m| m.as_str()).take(MAX_NAMES).collect();
    if names.is_empty() {
        return None;
    }
    let list = names.into_iter().map(Value::from).collect();
    Some(Seen {
        kind: KIND.to_owned(),
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
}
