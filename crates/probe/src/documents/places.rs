//! Where Kubernetes puts things: labels of nodes that are asked for by selectors, affinities, volumes and storage classes, in
//! manifests, in values of Helm charts, and in templates that take them from values. It reads one file at a time; what it looks
//! for is data (`probes/kubernetes/places.yaml`). A wish (`preferred…`) is no place. Next: `places/charts.rs`, which joins a
//! template with the values of its chart, and `../resource/knowledge.rs`, which knows regions.

mod charts;

use crate::resource::knowledge::{CloudRegions, REGIONS, read_clouds};
use crate::snippet::snippet;
use crate::yaml::{At, Content, Tree};
use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_one};
use ligase_domain::{PathClass, ProbeRef, Seen, Span, Value};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What one file says of places; more say nothing new.
const MAX_PLACES: usize = 60;
/// Nodes of one document that are walked; an alias can lead to the same ones again.
const MAX_STEPS: usize = 200_000;
/// Keys on the way to a value.
const MAX_DEPTH: usize = 64;
/// Characters of the way to a value.
const MAX_WAY: usize = 240;
/// Lines of a template between an expression's key and its values.
const MAX_LINES: usize = 6;
/// The probe's file.
pub(super) const FILE: &str = "probes/kubernetes/places.yaml";
/// A place that a template takes from values, and a value that names a place; only linking reads them.
const ASKED: &str = "helm-place";
const VALUE: &str = "helm-value";

type ProbeDocument = crate::header::ProbeDocument<ProbeSpec>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ProbeSpec {
    #[serde(rename = "engine")]
    _engine: String,
    #[serde(rename = "language")]
    _language: String,
    dialects: Vec<String>,
    emits: String,
    regions: Vec<String>,
    zones: Vec<String>,
    parameters: ParameterSpec,
    arns: Vec<String>,
    not_below: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterSpec {
    #[serde(rename = "in")]
    kinds: Vec<String>,
    keys: Vec<String>,
}

/// What is known of places; nothing where the catalog has no such probe.
#[derive(Default)]
pub(super) struct Places {
    spec: Option<ProbeSpec>,
    probe: Option<ProbeRef>,
    clouds: BTreeMap<String, CloudRegions>,
    line: Option<Regex>,
    kind: Option<Regex>,
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Region,
    Zone,
    Arn,
}

/// The file that is read, and what is placed in it.
#[derive(Clone, Copy)]
struct Of<'a> {
    text: &'a str,
    address: &'a str,
    kind: &'a str,
}

/// What a text says.
struct Spot {
    cloud: String,
    region: String,
    jurisdiction: String,
    reason: &'static str,
}

impl Places {
    /// Reads the probe and the regions.
    pub(super) fn load(files: &[CatalogFile]) -> Result<Self, DocumentError> {
        let Some(file) = files.iter().find(|f| f.path == FILE) else { return Ok(Self::default()) };
        let document = read_one::<ProbeDocument>(&file.path, &file.bytes, API_VERSION, "Probe")?;
        let clouds = match files.iter().find(|f| f.path == REGIONS) {
            Some(file) => read_clouds(file)?,
            None => BTreeMap::new(),
        };
        let spec = document.spec;
        let keys: Vec<String> =
            spec.regions.iter().chain(&spec.zones).chain(&spec.arns).map(|k| regex::escape(k)).collect();
        let keys = keys.join("|");
        let refuse = |e: regex::Error| DocumentError::whole("E-PROBE-REGEX", &*file.path, e.to_string());
        let line = format!(
            r#"(?m)^[ \t]*(?:-[ \t]+)?(?:["']?(?P<key>{keys})["']?:[ \t]*(?P<value>[^\r\n]+)|key:[ \t]*["']?(?P<of>{keys})["']?[ \t]*\r?$)"#
        );
        Ok(Self {
            spec: Some(spec),
            probe: Some(document.metadata.into_ref()),
            clouds,
            line: Some(Regex::new(&line).map_err(refuse)?),
            kind: Some(Regex::new(r"(?m)^kind:[ \t]*(\w+)").map_err(refuse)?),
        })
    }

    /// Whether a file may say something of places.
    pub(super) fn concerns(&self, class: &PathClass, text: &str) -> bool {
        let Some(spec) = &self.spec else { return false };
        spec.dialects.contains(&class.dialect)
            && (class.dialect == "helm-values"
                || text.contains("StorageClass")
                || spec.regions.iter().chain(&spec.zones).chain(&spec.arns).any(|k| text.contains(k.as_str())))
    }

    /// The probe's id, by which linking knows what is its own.
    pub(super) fn probe_id(&self) -> Option<&str> {
        self.probe.as_ref().map(|p| p.id.as_str())
    }

    fn asks(&self, key: &str) -> Option<Asks> {
        let spec = self.spec.as_ref()?;
        let among = |keys: &[String]| keys.iter().any(|k| k == key);
        if among(&spec.regions) {
            Some(Asks::Region)
        } else if among(&spec.zones) {
            Some(Asks::Zone)
        } else {
            among(&spec.arns).then_some(Asks::Arn)
        }
    }

    /// Where a written name lies: a region's or a zone's of any cloud.
    fn spot(&self, asks: Asks, written: &str) -> Spot {
        let written = written.trim();
        let name = match asks {
            Asks::Arn => written.split(':').nth(3).unwrap_or_default(),
            _ => written,
        };
        let known = self.clouds.iter().find_map(|(cloud, regions)| {
            let (region, jurisdiction) = regions.of_region(name).or_else(|| regions.of_zone(name))?;
            Some((cloud.clone(), region.to_owned(), jurisdiction.to_owned()))
        });
        let open = |reason| Spot { cloud: String::new(), region: String::new(), jurisdiction: String::new(), reason };
        match known {
            Some((cloud, region, jurisdiction)) => Spot { cloud, region, jurisdiction, reason: "" },
            None if written.contains("{{") || written.contains("${") || written.contains("$(") => {
                open("not-a-constant")
            }
            None if asks == Asks::Arn => open("region-not-known"),
            None => Spot { region: name.chars().take(60).collect(), ..open("") },
        }
    }

    fn seen(&self, what: &str, of: Of<'_>, spot: &Spot, span: Span) -> Option<Seen> {
        let from = if spot.reason.is_empty() { "literal" } else { "none" };
        let attributes = BTreeMap::from([
            ("what".to_owned(), Value::from(what)),
            ("address".to_owned(), Value::from(of.address)),
            ("type".to_owned(), Value::from(of.kind)),
            ("provider".to_owned(), Value::from(spot.cloud.as_str())),
            ("region".to_owned(), Value::from(spot.region.as_str())),
            ("jurisdiction".to_owned(), Value::from(spot.jurisdiction.as_str())),
            ("global".to_owned(), Value::Bool(false)),
            ("resolved".to_owned(), Value::Bool(spot.reason.is_empty())),
            ("reason".to_owned(), Value::from(spot.reason)),
            ("from".to_owned(), Value::from(from)),
            ("stack".to_owned(), Value::from("kubernetes")),
        ]);
        Some(Seen {
            kind: self.spec.as_ref()?.emits.clone(),
            attributes,
            span,
            anchors: BTreeMap::from([("value".to_owned(), span)]),
            snippet: snippet(of.text.as_bytes(), span.start as usize, span.end as usize),
            probe: self.probe.clone()?,
        })
    }

    /// A place that is written down, or asked of values.
    fn tell(&self, of: Of<'_>, asks: Asks, written: &str, span: Span) -> Option<Seen> {
        let spot = self.spot(asks, written);
        let what = if asks == Asks::Zone { "zone" } else { "resource" };
        let mut seen = self.seen(what, of, &spot, span)?;
        if !spot.reason.is_empty() {
            seen.kind = ASKED.to_owned();
            seen.attributes.insert("ref".to_owned(), Value::Text(value_path(written)));
        }
        Some(seen)
    }

    /// What one document says.
    pub(super) fn look(&self, class: &PathClass, text: &str, tree: &Tree<'_>, document: At, out: &mut Vec<Seen>) {
        let Some(spec) = &self.spec else { return };
        let values = class.dialect == "helm-values";
        let of = |key: &str| tree.get(document, key).and_then(|at| tree.text(at)).unwrap_or_default();
        let kind = of("kind");
        if !values && (kind.is_empty() || of("apiVersion").is_empty()) {
            return;
        }
        let name = tree.get(document, "metadata").and_then(|m| tree.get(m, "name")).and_then(|n| tree.text(n));
        let whole = format!("{kind}/{}", name.unwrap_or_default());
        let begin = out.len();
        let mut open = vec![(document, String::new(), 0_usize)];
        for _ in 0..MAX_STEPS {
            let Some((at, way, depth)) = open.pop() else { break };
            if out.len() >= begin + MAX_PLACES || depth > MAX_DEPTH {
                continue;
            }
            let of = Of { text, address: if values { way.as_str() } else { whole.as_str() }, kind };
            match &tree.node(at).content {
                Content::Scalar(..) => {
                    // A value that a template may take.
                    let span = tree.node(at).span;
                    let written = tree.text(at).filter(|t| values && (2..60).contains(&t.len())).unwrap_or_default();
                    let spot = self.spot(Asks::Zone, written);
                    if !spot.cloud.is_empty() {
                        let value = self.seen("zone", Of { kind: "value", ..of }, &spot, span);
                        out.extend(value.map(|v| Seen { kind: VALUE.to_owned(), ..v }));
                    }
                }
                Content::List(list) => {
                    open.extend(
                        list.iter().enumerate().rev().map(|(n, e)| (*e, below(&way, &n.to_string()), depth + 1)),
                    );
                }
                Content::Map(_) => {
                    self.expressions(of, tree, at, out);
                    let pairs: Vec<(&str, At, At)> = tree.pairs(at).collect();
                    for (key, _, value) in pairs.into_iter().rev() {
                        let asked = self.asks(key).or_else(|| parameter(spec, kind, &way, key));
                        match asked {
                            Some(asks) => self.values(of, tree, value, asks, out),
                            None if spec.not_below.iter().any(|n| n == key) => {}
                            None => {
                                open.push((value, below(&way, key), depth + 1));
                            }
                        }
                    }
                }
            }
        }
    }

    /// `key`, `operator: In`, `values` of an expression over labels.
    fn expressions(&self, of: Of<'_>, tree: &Tree<'_>, at: At, out: &mut Vec<Seen>) {
        let Some(asks) = tree.get(at, "key").and_then(|k| tree.text(k)).and_then(|k| self.asks(k)) else { return };
        let operator = tree.get(at, "operator").and_then(|o| tree.text(o)).unwrap_or("In");
        if operator == "In"
            && let Some(values) = tree.get(at, "values")
        {
            self.values(of, tree, values, asks, out);
        }
    }

    /// Each place that a value names: a text, a list, a list in a text.
    fn values(&self, of: Of<'_>, tree: &Tree<'_>, at: At, asks: Asks, out: &mut Vec<Seen>) {
        let nodes = if tree.elements(at).is_empty() { vec![at] } else { tree.elements(at).to_vec() };
        for node in nodes.into_iter().take(MAX_PLACES) {
            for one in tree.text(node).into_iter().flat_map(|t| t.split(',')).filter(|t| !t.trim().is_empty()) {
                out.extend(self.tell(of, asks, one, tree.node(node).span));
            }
        }
    }

    /// What a template that is no YAML says, line by line.
    pub(super) fn template(&self, text: &str) -> Vec<Seen> {
        let (Some(line), Some(kind)) = (&self.line, &self.kind) else { return Vec::new() };
        let mut out = Vec::new();
        for found in line.captures_iter(text).take(MAX_PLACES) {
            let whole = found.get(0).map_or(0, |m| m.start());
            let kind = kind.captures_iter(&text[..whole]).last().map_or("", |c| c.get(1).map_or("", |m| m.as_str()));
            let Some(asks) = found.name("key").or(found.name("of")).and_then(|k| self.asks(k.as_str())) else {
                continue;
            };
            let values = match found.name("value") {
                Some(value) => vec![(value.as_str(), value.start())],
                None => listed(text, found.get(0).map_or(0, |m| m.end())),
            };
            for (written, at) in values {
                let written = written.trim().trim_matches(['"', '\'']);
                let number = text[..at].bytes().filter(|b| *b == b'\n').count() + 1;
                let line = u32::try_from(number).unwrap_or(u32::MAX);
                let (start, end) = (u32::try_from(at).unwrap_or(0), u32::try_from(at + written.len()).unwrap_or(0));
                let of = Of { text, address: kind, kind };
                out.extend(self.tell(of, asks, written, Span { start, end, line, end_line: line }));
            }
        }
        out.truncate(MAX_PLACES);
        out
    }
}

/// The way to a key; one that is longer than anybody writes is cut, so that it is not copied again and again.
fn below(way: &str, key: &str) -> String {
    let key: String = key.chars().take(MAX_WAY.saturating_sub(way.len())).collect();
    if way.is_empty() || key.is_empty() { format!("{way}{key}") } else { format!("{way}.{key}") }
}

/// A storage class's own words for a place.
fn parameter(spec: &ProbeSpec, kind: &str, way: &str, key: &str) -> Option<Asks> {
    let is = way == "parameters"
        && spec.parameters.kinds.iter().any(|k| k == kind)
        && spec.parameters.keys.iter().any(|k| k == key);
    is.then_some(if key.contains("zone") { Asks::Zone } else { Asks::Region })
}

/// The items below `values:` that follow an expression's key in a template.
fn listed(text: &str, from: usize) -> Vec<(&str, usize)> {
    let (mut out, mut at, mut open) = (Vec::new(), from, false);
    for line in text[from..].split_inclusive('\n').take(MAX_LINES + 1) {
        let trimmed = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        if let Some(rest) = trimmed.strip_prefix("values:") {
            open = true;
            let list = rest.trim().strip_prefix('[').and_then(|r| r.strip_suffix(']'));
            if let Some(list) = list.filter(|l| !l.contains("{{")) {
                out.extend(list.split(',').map(|v| (v, start)));
                break;
            }
        } else if trimmed.starts_with("operator:") && !trimmed.ends_with("In") || trimmed.ends_with("NotIn") {
            break;
        } else if open && let Some(item) = trimmed.strip_prefix("- ") {
            out.push((item, start + 2));
        } else if open && !trimmed.is_empty() {
            break;
        }
        at += line.len();
    }
    out
}

/// `placement.zone` of `{{ .Values.placement.zone | quote }}`; nothing where it is made otherwise.
fn value_path(written: &str) -> String {
    let inner = written.trim().strip_prefix("{{").and_then(|r| r.strip_suffix("}}")).unwrap_or_default();
    let inner = inner.trim_matches(['-', ' ']);
    let mut words = inner.split_whitespace().filter(|w| !matches!(*w, "|" | "quote" | "squote" | "trim"));
    match (words.next().and_then(|w| w.strip_prefix(".Values.")), words.next()) {
        (Some(path), None) => path.to_owned(),
        _ => String::new(),
    }
}
