//! Probes of documents as people write them: `probes/<format>/*.yaml` with `engine: document-path`. Reads and validates; what a
//! path means in a document is decided in `walk.rs`. A compliance engineer extends it without Rust. Next: `walk.rs`.

use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_many};
use ligase_domain::{ProbeRef, Value};
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

type ProbeDocument = crate::header::ProbeDocument<ProbeSpec>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ProbeSpec {
    engine: String,
    language: String,
    dialects: Vec<String>,
    #[serde(default)]
    prefilter: Vec<String>,
    emits: String,
    #[serde(default)]
    when: Vec<ConditionSpec>,
    #[serde(default)]
    from: Vec<String>,
    for_each: Vec<String>,
    #[serde(default)]
    only: Vec<ConditionSpec>,
    capture: BTreeMap<String, CaptureSpec>,
    #[serde(default)]
    anchors: BTreeMap<String, String>,
    attach: Option<AttachSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionSpec {
    path: String,
    #[serde(default, rename = "in")]
    among: Vec<String>,
    matches: Option<String>,
    present: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachSpec {
    by: Vec<String>,
    when: Vec<ConditionSpec>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct CaptureSpec {
    #[serde(rename = "const")]
    constant: Option<Constant>,
    path: Option<String>,
    #[serde(default)]
    first: Vec<String>,
    #[serde(default)]
    join: Vec<String>,
    #[serde(rename = "as")]
    extractor: Option<String>,
    #[serde(default)]
    words: BTreeMap<String, String>,
    number: Option<String>,
    #[serde(default, rename = "match")]
    cases: Vec<CaseSpec>,
    find: Option<String>,
    default: Option<Constant>,
    other: Option<String>,
    #[serde(default)]
    lower: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseSpec {
    regex: String,
    is: String,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Constant {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<String>),
}

impl Constant {
    fn value(self) -> Value {
        match self {
            Self::Bool(b) => Value::Bool(b),
            Self::Int(n) => Value::Int(n),
            Self::Text(t) => Value::Text(t),
            Self::List(l) => Value::List(l.into_iter().map(Value::Text).collect()),
        }
    }
}

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Key(String),
    /// Every item of a list, or every value of a mapping.
    Each,
    /// The key under which the level's node stands, or its number in a list.
    OwnKey,
}

/// Where a path begins, and its steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path {
    /// From the document's root.
    pub(super) absolute: bool,
    /// So many levels of `for-each` up from the item; the outermost is what `from` gave.
    pub(super) up: usize,
    pub(super) steps: Vec<Step>,
}

impl Path {
    fn parse(text: &str) -> Option<Self> {
        let (mut rest, mut up) = (text, 0);
        let absolute = rest.starts_with('/');
        rest = rest.strip_prefix('/').unwrap_or(rest);
        while let Some(after) = rest.strip_prefix("../") {
            (rest, up) = (after, up + 1);
        }
        let mut steps = Vec::new();
        for part in rest.split('.').filter(|p| !p.is_empty()) {
            // A key that holds dots is written with `\` for each.
            let (key, each) = match part.strip_suffix("[*]") {
                Some(key) => (key, true),
                None => (part, false),
            };
            match key {
                "*" => steps.push(Step::Each),
                "@key" => steps.push(Step::OwnKey),
                "" => {}
                key => steps.push(Step::Key(key.replace('\\', "."))),
            }
            if each {
                steps.push(Step::Each);
            }
        }
        (!(absolute && up > 0)).then_some(Self { absolute, up, steps })
    }
}

/// A condition on what stands at a path.
pub(super) struct Condition {
    pub(super) path: Path,
    pub(super) among: Vec<String>,
    pub(super) matches: Option<Regex>,
    pub(super) present: Option<bool>,
}

/// How a value is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extractor {
    Text,
    Int,
    Bool,
    /// The texts of a list, or a single text as a list of one.
    List,
    /// The keys of a mapping, the texts of a list, or a single text.
    Names,
    /// Whether something stands there.
    Present,
}

/// One attribute.
pub(super) struct Capture {
    pub(super) constant: Option<Value>,
    pub(super) paths: Vec<Path>,
    pub(super) join: Vec<Path>,
    pub(super) extractor: Extractor,
    pub(super) words: BTreeMap<String, String>,
    pub(super) number: Option<String>,
    pub(super) cases: Vec<(Regex, String)>,
    /// Everything that the expression finds in the texts, its first group where it has one.
    pub(super) find: Option<Regex>,
    pub(super) default: Option<Value>,
    pub(super) other: Option<String>,
    pub(super) lower: bool,
}

/// Fills what an observation of another file leaves unset.
pub(super) struct Attach {
    pub(super) by: Vec<String>,
    pub(super) when: Vec<Condition>,
}

/// One probe, ready to walk.
pub(super) struct DocumentProbe {
    pub(super) reference: ProbeRef,
    pub(super) dialects: Vec<String>,
    pub(super) stack: String,
    pub(super) prefilter: Vec<String>,
    pub(super) emits: String,
    pub(super) when: Vec<Condition>,
    pub(super) from: Vec<Path>,
    pub(super) for_each: Vec<Path>,
    pub(super) only: Vec<Condition>,
    pub(super) capture: BTreeMap<String, Capture>,
    pub(super) anchors: BTreeMap<String, Path>,
    pub(super) attach: Option<Attach>,
}

/// The closed list of extractors.
const EXTRACTORS: &[(&str, Extractor)] = &[
    ("string", Extractor::Text),
    ("int", Extractor::Int),
    ("bool", Extractor::Bool),
    ("list", Extractor::List),
    ("names", Extractor::Names),
    ("present", Extractor::Present),
];

/// The folders of `probes/` that hold documents, by the stack that they are of.
pub(super) const FORMATS: &[&str] = &["kubernetes", "compose", "github-actions", "gitlab-ci"];

/// Reads the probes of all formats; all that is wrong is told at once.
pub(super) fn load(files: &[CatalogFile]) -> Result<Vec<DocumentProbe>, Vec<DocumentError>> {
    let kinds: BTreeSet<&str> =
        files.iter().filter_map(|f| f.path.strip_prefix("kinds/")?.strip_suffix(".yaml")).collect();
    let (mut probes, mut errors) = (Vec::new(), Vec::new());
    let ours =
        |path: &str| path != super::places::FILE && FORMATS.iter().any(|f| path.starts_with(&format!("probes/{f}/")));
    for file in files.iter().filter(|f| ours(&f.path)) {
        match read_many::<ProbeDocument>(&file.path, &file.bytes, API_VERSION, "Probe") {
            Err(error) => errors.push(error),
            Ok(documents) => {
                for document in documents {
                    match compile(&file.path, document, &kinds) {
                        Ok(probe) => probes.push(probe),
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
    }
    probes.sort_by(|a: &DocumentProbe, b| a.reference.cmp(&b.reference));
    if errors.is_empty() { Ok(probes) } else { Err(errors) }
}

fn refuse(file: &str, code: &str, problem: String) -> DocumentError {
    DocumentError::whole(format!("E-PROBE-{code}"), file, problem)
}

fn compile(file: &str, document: ProbeDocument, kinds: &BTreeSet<&str>) -> Result<DocumentProbe, DocumentError> {
    let spec = document.spec;
    if spec.engine != "document-path" {
        let problem = format!("no engine for documents is called {:?}", spec.engine);
        return Err(refuse(file, "ENGINE", problem).among(&spec.engine, ["document-path"]));
    }
    if !kinds.contains(spec.emits.as_str()) {
        let problem = format!("no kind is called {:?}", spec.emits);
        return Err(refuse(file, "EMITS", problem).among(&spec.emits, kinds.iter().copied()));
    }
    if spec.for_each.is_empty() || spec.dialects.is_empty() {
        return Err(refuse(file, "FORM", "`for-each` and `dialects` name at least one each".to_owned()));
    }
    let paths = |all: &[String]| all.iter().map(|p| path(file, p)).collect::<Result<Vec<_>, _>>();
    let attach = match spec.attach {
        None => None,
        Some(attach) => Some(Attach { by: attach.by, when: conditions(file, attach.when)? }),
    };
    let mut capture = BTreeMap::new();
    for (name, one) in spec.capture {
        capture.insert(name.clone(), compile_capture(file, &name, one)?);
    }
    let anchors = spec.anchors.iter().map(|(n, p)| Ok((n.clone(), path(file, p)?))).collect::<Result<_, _>>()?;
    Ok(DocumentProbe {
        reference: document.metadata.into_ref(),
        dialects: spec.dialects,
        stack: spec.language,
        prefilter: spec.prefilter,
        emits: spec.emits,
        when: conditions(file, spec.when)?,
        from: paths(&spec.from)?,
        for_each: paths(&spec.for_each)?,
        only: conditions(file, spec.only)?,
        capture,
        anchors,
        attach,
    })
}

fn path(file: &str, text: &str) -> Result<Path, DocumentError> {
    Path::parse(text).ok_or_else(|| refuse(file, "PATH", format!("{text:?} is no path")))
}

fn expression(file: &str, text: &str) -> Result<Regex, DocumentError> {
    Regex::new(text).map_err(|e| refuse(file, "REGEX", e.to_string()))
}

fn conditions(file: &str, all: Vec<ConditionSpec>) -> Result<Vec<Condition>, DocumentError> {
    let one = |c: ConditionSpec| {
        let matches = c.matches.as_deref().map(|m| expression(file, m)).transpose()?;
        Ok(Condition { path: path(file, &c.path)?, among: c.among, matches, present: c.present })
    };
    all.into_iter().map(one).collect()
}

fn compile_capture(file: &str, name: &str, spec: CaptureSpec) -> Result<Capture, DocumentError> {
    let sources = [spec.constant.is_some(), spec.path.is_some() || !spec.first.is_empty(), !spec.join.is_empty()];
    if sources.iter().filter(|s| **s).count() != 1 {
        let problem = format!("{name} needs one source");
        return Err(refuse(file, "CAPTURE", problem).expected("one of const, path or first, join"));
    }
    let wanted = spec.extractor.as_deref().unwrap_or("string");
    let Some((_, extractor)) = EXTRACTORS.iter().find(|(n, _)| *n == wanted) else {
        let problem = format!("{name}: no extractor is called {wanted:?}");
        return Err(refuse(file, "EXTRACTOR", problem).among(wanted, EXTRACTORS.iter().map(|(n, _)| *n)));
    };
    let all = spec.path.iter().chain(&spec.first).map(|p| path(file, p)).collect::<Result<Vec<_>, _>>()?;
    let mut cases = Vec::new();
    for case in spec.cases {
        cases.push((expression(file, &case.regex)?, case.is));
    }
    Ok(Capture {
        constant: spec.constant.map(Constant::value),
        paths: all,
        join: spec.join.iter().map(|p| path(file, p)).collect::<Result<_, _>>()?,
        extractor: *extractor,
        words: spec.words,
        number: spec.number,
        cases,
        find: spec.find.as_deref().map(|f| expression(file, f)).transpose()?,
        default: spec.default.map(Constant::value),
        other: spec.other,
        lower: spec.lower,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_where_they_begin() {
        let key = |k: &str| Step::Key(k.to_owned());
        let path = |absolute, up, steps| Some(Path { absolute, up, steps });
        assert_eq!(Path::parse("a.b[*].c"), path(false, 0, vec![key("a"), key("b"), Step::Each, key("c")]));
        assert_eq!(Path::parse("../../on"), path(false, 2, vec![key("on")]));
        assert_eq!(Path::parse("/metadata.name"), path(true, 0, vec![key("metadata"), key("name")]));
        assert_eq!(Path::parse("jobs.*"), path(false, 0, vec![key("jobs"), Step::Each]));
        assert_eq!(Path::parse("../@key"), path(false, 1, vec![Step::OwnKey]));
        assert_eq!(Path::parse("a.x\\io/y"), path(false, 0, vec![key("a"), key("x.io/y")]));
        assert_eq!(Path::parse("."), path(false, 0, vec![]));
        assert_eq!(Path::parse("/../a"), None);
    }
}
