//! Probes that are data: patterns over syntax trees, run by a dispatcher of our own, since ast-grep's obeys comments in the
//! scanned file. Each rule is matched only at the node kinds that it can match, and only in files that hold one of its
//! literals. A rule that could cost more than its node is refused when it is loaded. Next: `python/mod.rs`.

use crate::attach;
use crate::emit::Attributes;
use crate::extract;
use crate::parse::{Walk, span_of};
use crate::python::index::Index;
use crate::python::syntax::{cut, named};
use crate::snippet::snippet;
use ast_grep_config::{DeserializeEnv, RuleCore, SerializableRule, SerializableRuleCore};
use ast_grep_core::matcher::{MatcherExt, Pattern, PatternBuilder, PatternError};
use ast_grep_core::tree_sitter::{LanguageExt, StrDoc, TSLanguage};
use ast_grep_core::{AstGrep, Language, Matcher};
use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_many};
use ligase_domain::{ProbeRef, Seen, Value};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tree_sitter::{Node, Tree};

/// Python, as patterns are written in it.
#[derive(Clone, Copy)]
pub(crate) struct PythonPattern;

/// Stands for `$` inside patterns: an identifier character that people do not use.
const EXPANDO: char = 'µ';

impl Language for PythonPattern {
    fn kind_to_id(&self, kind: &str) -> u16 {
        self.get_ts_language().id_for_node_kind(kind, true)
    }

    fn field_to_id(&self, field: &str) -> Option<u16> {
        self.get_ts_language().field_id_for_name(field).map(|f| f.get())
    }

    fn expando_char(&self) -> char {
        EXPANDO
    }

    fn pre_process_pattern<'q>(&self, query: &'q str) -> Cow<'q, str> {
        let mut out = String::with_capacity(query.len());
        let mut dollars = 0;
        for c in query.chars().chain(['\0']) {
            if c == '$' {
                dollars += 1;
                continue;
            }
            let variable = matches!(c, 'A'..='Z' | '_') || dollars == 3;
            out.extend(std::iter::repeat_n(if variable { EXPANDO } else { '$' }, dollars));
            dollars = 0;
            if c != '\0' {
                out.push(c);
            }
        }
        Cow::Owned(out)
    }

    fn build_pattern(&self, builder: &PatternBuilder) -> Result<Pattern, PatternError> {
        builder.build(|source| StrDoc::try_new(source, *self))
    }
}

impl LanguageExt for PythonPattern {
    fn get_ts_language(&self) -> TSLanguage {
        tree_sitter_python::LANGUAGE.into()
    }
}

type ProbeDocument = crate::header::ProbeDocument<ProbeSpec>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeSpec {
    engine: String,
    language: String,
    #[serde(default)]
    prefilter: Vec<String>,
    emits: String,
    attach: Option<Attach>,
    rule: SerializableRule,
    constraints: Option<HashMap<String, SerializableRule>>,
    #[serde(default)]
    capture: BTreeMap<String, Capture>,
}

/// What an emitted guard is put on.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Attach {
    to: String,
    by: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Capture {
    #[serde(rename = "const")]
    constant: Option<Constant>,
    from: Option<String>,
    #[serde(rename = "as")]
    extractor: Option<String>,
    resolve: Option<String>,
    enclosing: Option<String>,
    /// The variable whose name, behind the file's module, is the value: how other files call it.
    qualified: Option<String>,
    #[serde(default)]
    into: BTreeMap<String, String>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Constant {
    Bool(bool),
    Int(i64),
    Text(String),
}

/// The closed list of extractors.
const EXTRACTORS: &[&str] = &["string", "int", "bool", "symbol", "list", "text", "duration", "rate"];
/// What a place can be enclosed by.
const ENCLOSING: &[&str] = &["definition", "module"];
/// What an extractor that reads several values calls them; `into` says which attribute each becomes.
const RATE_PARTS: [&str; 2] = ["limit", "window_s"];
/// Stands in a captured text for the module that a file is, until linking knows it.
pub(crate) const OF_MODULE: &str = "\u{1}module\u{1}";

/// One probe, compiled.
pub(crate) struct PatternProbe {
    reference: ProbeRef,
    pub(crate) prefilter: Vec<String>,
    emits: String,
    attach: Option<Attach>,
    matcher: RuleCore,
    kinds: Vec<u16>,
    capture: BTreeMap<String, Capture>,
}

/// Reads the probes of `probes/python/`.
pub(crate) fn load(files: &[CatalogFile], kinds: &BTreeSet<String>) -> Result<Vec<PatternProbe>, Vec<DocumentError>> {
    let (mut probes, mut errors) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|f| f.path.starts_with("probes/python/")) {
        match read_many::<ProbeDocument>(&file.path, &file.bytes, API_VERSION, "Probe") {
            Err(error) => errors.push(error),
            Ok(documents) => {
                for document in documents {
                    match compile(&file.path, document, kinds) {
                        Ok(probe) => probes.push(probe),
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
    }
    probes.sort_by(|a: &PatternProbe, b| a.reference.cmp(&b.reference));
    if let Some(two) = probes.windows(2).find(|w| w[0].reference.id == w[1].reference.id) {
        errors.push(DocumentError::whole(
            "E-PROBE-TWICE",
            "probes",
            format!("two probes are called {}", two[0].reference.id),
        ));
    }
    if errors.is_empty() { Ok(probes) } else { Err(errors) }
}

fn compile(file: &str, document: ProbeDocument, kinds: &BTreeSet<String>) -> Result<PatternProbe, DocumentError> {
    let refuse = |code: &str, problem: String| DocumentError::whole(format!("E-PROBE-{code}"), file, problem);
    let spec = document.spec;
    if spec.engine != "ast-grep" {
        return Err(
            refuse("ENGINE", format!("no engine is called {:?}", spec.engine)).among(&spec.engine, ["ast-grep"])
        );
    }
    if spec.language != "python" {
        return Err(refuse("LANGUAGE", format!("no pattern language is called {:?}", spec.language))
            .among(&spec.language, ["python"]));
    }
    match &spec.attach {
        None if !kinds.contains(&spec.emits) => {
            return Err(refuse("EMITS", format!("no kind is called {:?}", spec.emits))
                .among(&spec.emits, kinds.iter().map(String::as_str)));
        }
        Some(attach) if attach.to != "endpoint" => {
            return Err(
                refuse("ATTACH", format!("nothing is attached to {:?}", attach.to)).among(&attach.to, ["endpoint"])
            );
        }
        Some(attach) if !attach::JOINS.contains(&attach.by.as_str()) => {
            return Err(refuse("ATTACH", format!("no join is called {:?}", attach.by))
                .among(&attach.by, attach::JOINS.iter().copied()));
        }
        _ => {}
    }
    for (name, capture) in &spec.capture {
        let extractor = capture.extractor.as_deref().unwrap_or("text");
        if !EXTRACTORS.contains(&extractor) {
            return Err(refuse("EXTRACTOR", format!("{name}: no extractor is called {extractor:?}"))
                .among(extractor, EXTRACTORS.iter().copied()));
        }
        let sources = [&capture.from, &capture.enclosing, &capture.qualified].map(Option::is_some);
        if sources.iter().chain([&capture.constant.is_some()]).filter(|s| **s).count() != 1 {
            let expected = "one of const, from, enclosing, qualified";
            return Err(refuse("CAPTURE", format!("{name} needs one source")).expected(expected));
        }
        if let Some(enclosing) = capture.enclosing.as_deref().filter(|e| !ENCLOSING.contains(e)) {
            return Err(refuse("CAPTURE", format!("{name}: nothing encloses as {enclosing:?}"))
                .among(enclosing, ENCLOSING.iter().copied()));
        }
        if (extractor == "rate") == capture.into.is_empty() {
            return Err(refuse("CAPTURE", format!("{name}: a rate, and nothing else, is read `into` several"))
                .expected("into: { limit: …, window_s: … }"));
        }
        if let Some(part) = capture.into.keys().find(|p| !RATE_PARTS.contains(&p.as_str())) {
            return Err(refuse("CAPTURE", format!("{name}: a rate has no {part:?}")).among(part, RATE_PARTS));
        }
    }
    bounded(&serde_json::to_value(&spec.rule).unwrap_or_default()).map_err(|problem| refuse("COST", problem))?;
    let core = SerializableRuleCore { rule: spec.rule, constraints: spec.constraints, utils: None, transform: None };
    let matcher = core.get_matcher(DeserializeEnv::new(PythonPattern)).map_err(|e| refuse("RULE", chain(&e)))?;
    let Some(set) = matcher.potential_kinds() else {
        return Err(
            refuse("RULE", "the rule can match every node".to_owned()).expected("a `kind` or a `pattern` at its top")
        );
    };
    Ok(PatternProbe {
        reference: document.metadata.into_ref(),
        prefilter: spec.prefilter,
        emits: spec.emits,
        attach: spec.attach,
        matcher,
        kinds: set.iter().filter_map(|k| u16::try_from(k).ok()).collect(),
        capture: spec.capture,
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(inner) = at {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        at = inner.source();
    }
    text
}

/// Refuses relations that walk a whole file for each node. The document reader bounds how deep a rule nests.
fn bounded(rule: &serde_json::Value) -> Result<(), String> {
    let mut open = vec![rule];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::Array(list) => open.extend(list),
            serde_json::Value::Object(map) => {
                for (key, inner) in map {
                    let to_end = inner.get("stopBy").is_some_and(|s| s == "end");
                    let kinded = ["kind", "pattern", "all"].iter().any(|k| inner.get(k).is_some_and(|v| !v.is_null()));
                    match key.as_str() {
                        "follows" | "precedes" if to_end => {
                            return Err(format!("{key} with `stopBy: end` costs the square of a file"));
                        }
                        "inside" | "has" if to_end && !kinded => {
                            return Err(format!("{key} with `stopBy: end` needs a kind"));
                        }
                        _ => open.push(inner),
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Runs the probes of a file in one walk.
pub(crate) fn run(probes: &[&PatternProbe], index: &Index<'_>, text: &str, tree: &Tree, out: &mut Vec<Seen>) {
    if probes.is_empty() {
        return;
    }
    let mut by_kind: HashMap<u16, Vec<usize>> = HashMap::new();
    for (at, probe) in probes.iter().enumerate() {
        for kind in &probe.kinds {
            by_kind.entry(*kind).or_default().push(at);
        }
    }
    let root = AstGrep::doc(StrDoc { src: text.to_owned(), lang: PythonPattern, tree: tree.clone() });
    let mut walk = Walk::new(root.root().get_inner_node());
    while let Some((node, _)) = walk.next() {
        for at in by_kind.get(&node.kind_id()).into_iter().flatten() {
            let probe = probes[*at];
            if let Some(found) = probe.matcher.match_node(root.adopt(node)) {
                let captured = |name: &str| found.get_env().get_match(name).map(|n| n.get_inner_node());
                out.push(probe.seen(index, text, node, &captured));
            }
        }
    }
}

impl PatternProbe {
    fn seen<'t>(
        &self,
        index: &Index<'_>,
        text: &str,
        node: Node<'t>,
        captured: &dyn Fn(&str) -> Option<Node<'t>>,
    ) -> Seen {
        let mut attributes = Attributes::default();
        for (name, capture) in &self.capture {
            if let (Some(variable), false) = (&capture.from, capture.into.is_empty()) {
                attributes.0.extend(captured(variable).map(|n| several(index, n, capture)).unwrap_or_default());
                continue;
            }
            let value = match (&capture.constant, &capture.from, &capture.qualified) {
                (Some(Constant::Bool(b)), _, _) => Some(Value::Bool(*b)),
                (Some(Constant::Int(i)), _, _) => Some(Value::Int(*i)),
                (Some(Constant::Text(t)), _, _) => Some(Value::Text(t.clone())),
                (None, Some(variable), _) => captured(variable).and_then(|n| extract(index, text, n, capture)),
                (None, None, Some(variable)) => captured(variable)
                    .and_then(|n| index.source.dotted(n))
                    .map(|name| Value::Text(format!("{OF_MODULE}.{name}"))),
                (None, None, None) if capture.enclosing.as_deref() == Some("module") => {
                    Some(Value::Text(OF_MODULE.to_owned()))
                }
                (None, None, None) => Some(Value::Text(enclosing(index, node))),
            };
            if let Some(value) = value {
                attributes.0.insert(name.clone(), value);
            }
        }
        let (kind, attributes) = match &self.attach {
            None => (self.emits.clone(), attributes.with("language", "python")),
            Some(attach) => (
                attach::KIND.to_owned(),
                Attributes::default()
                    .with("emits", self.emits.as_str())
                    .with("by", attach.by.as_str())
                    .with("within", enclosing(index, node))
                    .with("values", attributes.value()),
            ),
        };
        Seen {
            kind,
            attributes: attributes.0,
            span: span_of(node),
            anchors: BTreeMap::from([("match".to_owned(), span_of(node))]),
            snippet: snippet(text.as_bytes(), node.start_byte(), node.end_byte()),
            probe: self.reference.clone(),
        }
    }
}

/// The definition that a node stands in.
fn enclosing(index: &Index<'_>, node: Node<'_>) -> String {
    let holds = |d: &&crate::python::index::Definition<'_>| {
        d.whole.start_byte() <= node.start_byte() && node.end_byte() <= d.whole.end_byte()
    };
    index.definitions.iter().rev().find(holds).map_or_else(|| "<module>".to_owned(), |d| d.qualified.clone())
}

fn extract(index: &Index<'_>, text: &str, node: Node<'_>, capture: &Capture) -> Option<Value> {
    let source = crate::python::syntax::Source { text };
    extract_one(source, constant(index, node, capture), capture)
}

/// The values that one capture reads into several attributes; none where it cannot be read.
fn several(index: &Index<'_>, node: Node<'_>, capture: &Capture) -> BTreeMap<String, Value> {
    let source = index.source;
    let literal = source.string(constant(index, node, capture)).and_then(|text| extract::rate(&text));
    let Some((limit, window)) = literal else { return BTreeMap::new() };
    let parts = RATE_PARTS.into_iter().zip([limit, window]);
    parts.filter_map(|(part, n)| Some((capture.into.get(part)?.clone(), Value::Int(n)))).collect()
}

/// The node itself, or what the module constant that it names is bound to, where the probe asks for it and the name is
/// bound once.
fn constant<'t>(index: &Index<'t>, node: Node<'t>, capture: &Capture) -> Node<'t> {
    if capture.resolve.as_deref() != Some("constant") || node.kind() != "identifier" {
        return node;
    }
    let mut bound = index.bound(None, index.source.of(node));
    match (bound.next(), bound.next()) {
        (Some(only), None) => only.right.unwrap_or(node),
        _ => node,
    }
}

fn extract_one<'t>(source: crate::python::syntax::Source<'t>, node: Node<'t>, capture: &Capture) -> Option<Value> {
    match capture.extractor.as_deref().unwrap_or("text") {
        "string" => source.string(node).map(Value::Text),
        "int" => source.of(node).replace('_', "").parse().ok().map(Value::Int),
        "bool" => match node.kind() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        "duration" => source.string(node).and_then(|t| extract::duration(&t)).map(Value::Int),
        "symbol" => source.dotted(node).map(Value::Text),
        "list" => Some(Value::List(
            named(node).into_iter().take(24).filter_map(|n| source.string(n)).map(Value::Text).collect(),
        )),
        _ => Some(Value::Text(cut(source.of(node)))),
    }
}
