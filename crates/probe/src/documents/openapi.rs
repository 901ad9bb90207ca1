//! Descriptions of interfaces (OpenAPI 3, Swagger 2): each operation with what its description asks of a caller. An operation's own
//! `security` replaces the document's; an empty list takes it away, an empty requirement makes it a choice
//! (spec.openapis.org/oas/latest.html, Security Requirement Object). Paths that stand in other files are joined when linking.
//! A description says what was meant, not what runs: whether it decides is for the judgement. Next: `link.rs`.

use crate::snippet::snippet;
use crate::vocabulary::Vocabulary;
use crate::yaml::{At, Content, Tree};
use ligase_domain::{LookedFile, Observation, Place, ProbeRef, Seen, Span, Value};
use std::collections::BTreeMap;

/// The probe that observations name.
pub(super) const PROBE: &str = "openapi/operations";
const VERSION: u32 = 1;
/// An operation that its file shows whole.
const OPERATION: &str = "oas-operation";
/// A path whose operations stand in another file.
const REFERENCE: &str = "oas-reference";
/// An operation of a file that is part of a description.
const PART: &str = "oas-part";
/// Operations and references of one file.
const MAX_SEEN: usize = 1_500;
/// Bytes of a path or a reference.
const MAX_PATH: usize = 300;
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What a list of requirements says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asks {
    /// Nothing stands there.
    Unset,
    /// One of some schemes.
    Required,
    /// Or none of them.
    Optional,
    /// An empty list.
    Emptied,
    Unknown,
}

impl Asks {
    const fn name(self) -> &'static str {
        match self {
            Self::Unset => "none",
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Emptied => "emptied",
            Self::Unknown => "unknown",
        }
    }

    fn of_name(name: &str) -> Self {
        let all = [Self::Required, Self::Optional, Self::Emptied, Self::Unknown];
        all.into_iter().find(|a| a.name() == name).unwrap_or(Self::Unset)
    }

    fn of(tree: &Tree<'_>, holder: At) -> Self {
        let Some(at) = tree.value(holder, "security") else { return Self::Unset };
        match &tree.node(at).content {
            Content::List(list) if list.is_empty() => Self::Emptied,
            Content::List(list) => {
                let choices = list.iter().map(|at| match &tree.node(*at).content {
                    Content::Map(pairs) if pairs.is_empty() => Self::Optional,
                    Content::Map(_) => Self::Required,
                    Content::Scalar(..) | Content::List(_) => Self::Unknown,
                });
                choices.fold(Self::Required, |all, one| match (all, one) {
                    (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
                    (Self::Optional, _) | (_, Self::Optional) => Self::Optional,
                    _ => Self::Required,
                })
            }
            Content::Scalar(..) | Content::Map(_) => Self::Unknown,
        }
    }
}

/// Whether a text looks like a description, or like a part of one.
pub(super) fn is_concerned(text: &str) -> bool {
    looks_whole(text) || (text.contains("responses") && METHODS.iter().any(|m| text.contains(m)))
}

/// Whether a text looks like a whole description, so that one that cannot be read is said.
pub(super) fn looks_whole(text: &str) -> bool {
    let marks = |line: &str| {
        let line = line.trim_start_matches([' ', '\t', '{', '"', '\'']);
        ["openapi", "swagger"].iter().any(|w| {
            line.strip_prefix(w).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
        })
    };
    text.contains("paths") && text.lines().take(200).any(marks)
}

/// What one document shows.
pub(super) fn look(text: &str, tree: &Tree<'_>, document: At, out: &mut Vec<Seen>) {
    let looking = Looking { text, tree };
    let version = ["openapi", "swagger"].iter().find_map(|k| tree.value(document, k)).and_then(|v| tree.text(v));
    if version.is_some_and(|v| v.starts_with(['2', '3'])) {
        looking.whole(document, out);
    } else if version.is_none() {
        looking.part(document, "", out);
        for (key, _, item) in tree.pairs(document).take(MAX_SEEN) {
            looking.part(item, key, out);
        }
    }
    out.truncate(MAX_SEEN);
}

struct Looking<'x, 't> {
    text: &'x str,
    tree: &'x Tree<'t>,
}

impl Looking<'_, '_> {
    fn whole(&self, document: At, out: &mut Vec<Seen>) {
        let tree = self.tree;
        let general = Asks::of(tree, document);
        let Some(paths) = tree.value(document, "paths") else { return };
        let base =
            tree.value(document, "basePath").and_then(|b| tree.text(b)).unwrap_or_default().trim_end_matches('/');
        for (path, key, item) in tree.pairs(paths).filter(|(p, ..)| p.starts_with('/') && p.len() <= MAX_PATH) {
            if out.len() >= MAX_SEEN {
                break;
            }
            let full = format!("{base}{path}");
            if let Some(target) = tree.value(item, "$ref").and_then(|r| tree.text(r)).filter(|r| r.len() <= MAX_PATH) {
                let attributes = BTreeMap::from([
                    ("path".to_owned(), Value::Text(full)),
                    ("target".to_owned(), Value::from(target)),
                    ("general".to_owned(), Value::from(general.name())),
                ]);
                out.push(self.seen(REFERENCE, attributes, tree.node(key).span));
                continue;
            }
            for (method, at) in self.operations(item) {
                let asks = match Asks::of(tree, at) {
                    Asks::Unset => general,
                    own => own,
                };
                let attributes = BTreeMap::from([
                    ("path".to_owned(), Value::from(full.as_str())),
                    ("method".to_owned(), Value::Text(method.to_ascii_uppercase())),
                    ("security".to_owned(), Value::from(asks.name())),
                ]);
                out.push(self.seen(OPERATION, attributes, tree.node(at).span));
            }
        }
    }

    /// Operations of a file that is no description by itself, under the key by which a reference finds them.
    fn part(&self, item: At, key: &str, out: &mut Vec<Seen>) {
        let described = |at: &At| self.tree.value(*at, "responses").is_some();
        for (method, at) in self.operations(item).into_iter().filter(|(_, at)| described(at)) {
            if out.len() >= MAX_SEEN {
                break;
            }
            let attributes = BTreeMap::from([
                ("key".to_owned(), Value::Text(key.chars().take(MAX_PATH).collect())),
                ("method".to_owned(), Value::Text(method.to_ascii_uppercase())),
                ("security".to_owned(), Value::from(Asks::of(self.tree, at).name())),
            ]);
            out.push(self.seen(PART, attributes, self.tree.node(at).span));
        }
    }

    fn operations(&self, item: At) -> Vec<(&'static str, At)> {
        let mapping = |at: &At| matches!(self.tree.node(*at).content, Content::Map(_));
        METHODS.iter().filter_map(|m| Some((*m, self.tree.value(item, m).filter(mapping)?))).collect()
    }

    fn seen(&self, kind: &str, attributes: BTreeMap<String, Value>, span: Span) -> Seen {
        Seen {
            kind: kind.to_owned(),
            attributes,
            span,
            anchors: BTreeMap::new(),
            snippet: snippet(self.text.as_bytes(), span.start as usize, span.end as usize),
            probe: ProbeRef { id: PROBE.to_owned(), version: VERSION },
        }
    }
}

/// The operations of a revision.
pub(super) fn link(vocabulary: &Vocabulary, files: &[&LookedFile]) -> Vec<Observation> {
    let mut parts: BTreeMap<(String, &str), Vec<(&LookedFile, &Seen)>> = BTreeMap::new();
    for (file, seen) in all(files, PART) {
        parts.entry((file.path.to_string(), text(seen, "key"))).or_default().push((file, seen));
    }
    let mut out = Vec::new();
    for (file, seen) in all(files, OPERATION) {
        let asks = Asks::of_name(text(seen, "security"));
        out.push(operation(vocabulary, file, file, seen, text(seen, "path"), asks));
    }
    for (file, seen) in all(files, REFERENCE) {
        let (target, pointer) = text(seen, "target").split_once('#').unwrap_or((text(seen, "target"), ""));
        let key = pointer.trim_start_matches('/').replace("~1", "/").replace("~0", "~");
        let Some(target) = beside(&file.path.to_string(), target) else { continue };
        let general = Asks::of_name(text(seen, "general"));
        for (other, part) in parts.get(&(target, key.as_str())).into_iter().flatten() {
            let asks = match Asks::of_name(text(part, "security")) {
                Asks::Unset => general,
                own => own,
            };
            out.push(operation(vocabulary, file, other, part, text(seen, "path"), asks));
        }
    }
    out
}

fn all<'f>(files: &[&'f LookedFile], kind: &'static str) -> impl Iterator<Item = (&'f LookedFile, &'f Seen)> {
    let of = move |f: &'f LookedFile| f.observations.seen.iter().filter(move |s| s.kind == kind).map(move |s| (f, s));
    files.iter().copied().flat_map(of).collect::<Vec<_>>().into_iter()
}

fn text<'s>(seen: &'s Seen, name: &str) -> &'s str {
    seen.attributes.get(name).and_then(Value::as_text).unwrap_or_default()
}

/// An operation of the description in one file that is written in another, or in the same.
fn operation(
    vocabulary: &Vocabulary,
    description: &LookedFile,
    file: &LookedFile,
    seen: &Seen,
    path: &str,
    asks: Asks,
) -> Observation {
    let method = text(seen, "method");
    let mut sources = vec![description.key.digest(), file.key.digest()];
    sources.sort();
    sources.dedup();
    Observation {
        kind: "operation".to_owned(),
        attributes: BTreeMap::from([
            ("language".to_owned(), Value::from("openapi")),
            ("stack".to_owned(), Value::from("openapi")),
            ("file".to_owned(), Value::Text(description.path.to_string().chars().take(MAX_PATH).collect())),
            ("method".to_owned(), Value::from(method)),
            ("path".to_owned(), Value::from(path)),
            ("role".to_owned(), Value::from(vocabulary.role(method, path, ""))),
            ("security".to_owned(), Value::from(asks.name())),
        ]),
        place: Place { path: file.path.clone(), blob: file.key.blob, span: seen.span },
        class: file.key.class.clone(),
        anchors: BTreeMap::new(),
        snippet: seen.snippet.clone(),
        probe: seen.probe.clone(),
        sources,
    }
}

/// A file as another names it; nothing for an address, or above the root.
fn beside(file: &str, name: &str) -> Option<String> {
    if name.is_empty() || name.contains("://") {
        return None;
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Vec<String> {
        let tree = crate::yaml::read(text).unwrap();
        let mut out = Vec::new();
        look(text, &tree, tree.documents[0], &mut out);
        out.iter()
            .map(|s| format!("{} {} {}", super::text(s, "method"), super::text(s, "path"), super::text(s, "security")))
            .collect()
    }

    #[test]
    fn an_operation_replaces_what_the_document_asks() {
        let text = "openapi: 3.1.0\nsecurity: [{bearer: []}]\npaths:\n  /a:\n    get: {responses: {}}\n    post: {security: [], responses: {}}\n    put: {security: [{}, {bearer: []}], responses: {}}\n    patch: {security: later, responses: {}}\n    parameters: []\n";
        assert!(looks_whole(text));
        assert_eq!(asked(text), ["GET /a required", "PUT /a optional", "POST /a emptied", "PATCH /a unknown"]);
        let old = "{\"swagger\": \"2.0\", \"basePath\": \"/v1/\", \"paths\": {\"/a\": {\"get\": {}, \"delete\": {\"security\": [{\"key\": []}]}}}}";
        assert!(looks_whole(old));
        assert_eq!(asked(old), ["GET /v1/a none", "DELETE /v1/a required"]);
    }

    #[test]
    fn what_describes_nothing_shows_nothing() {
        for text in [
            "get: 1\nresponses: 2\n",
            "openapi: 4\npaths: {/a: {get: {}}}\n",
            "openapi: 3.0.0\npaths: [1]\n",
            "- get: {responses: {}}\n",
        ] {
            assert_eq!(asked(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(beside("api/openapi.yaml", "../paths/a.yaml"), Some("paths/a.yaml".to_owned()));
        assert_eq!(beside("openapi.yaml", "../a.yaml"), None);
        assert_eq!(beside("openapi.yaml", "https://x.io/a.yaml"), None);
    }
}
