//! A service's DNA: its form as people write it, and the identity that it says. Reading refuses everything that it does not
//! know (a framework, a clause, a class, a key), because what is dropped in silence is a hole that nobody sees.
//! What is not offered yet is refused with those words. Next: `resolve.rs`, which turns it into requirements.

use crate::catalog::load::is_kebab;
use crate::catalog::{Catalog, ParameterType, ParameterValue};
use crate::expression::{Boxed, Record, list, text, texts, truth};
use crate::resolve::day;
use crate::scope::readable;
use ligase_document::{API_VERSION, DocumentError, Place, Placed, read_one, shown};
use ligase_domain::{ClauseId, Digest};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A `dna.yaml` has at most this many bytes; the same bound holds where it is fetched.
pub const MAX_DNA_BYTES: usize = 64 * 1024;

/// The document, as people write it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceDocument {
    /// `ligase.dev/v1`.
    pub api_version: String,
    /// `Service`.
    pub kind: String,
    /// Who it is.
    pub metadata: ServiceMetadata,
    /// What it must honour.
    #[serde(default)]
    pub spec: ServiceSpec,
}

/// Who a service is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceMetadata {
    /// Its name; a label.
    pub name: Placed<String>,
    /// Who reviews its pull requests; falls back to CODEOWNERS.
    #[serde(default)]
    pub owner: Option<Placed<String>>,
    /// Only in the organisation's repository: which repository it is, as `forge:id` or the id alone.
    #[serde(default)]
    pub repository: Option<Placed<String>>,
    /// Only in the organisation's repository: the folder that it governs.
    #[serde(default)]
    pub folder: Option<Placed<String>>,
}

/// What a service declares.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// The data classes that it handles.
    #[serde(default)]
    pub data: Vec<DataSpec>,
    /// The jurisdictions in which its data may live.
    #[serde(default)]
    pub residency: Vec<Placed<String>>,
    /// Who can reach it.
    #[serde(default)]
    pub exposure: Exposure,
    /// Who checks passwords.
    #[serde(default)]
    pub identity: Identity,
    /// Whole frameworks, or controls of one: `{ soc2: [CC6.1] }`.
    #[serde(default)]
    pub frameworks: Vec<Placed<FrameworkChoice>>,
    /// Beyond what frameworks bring, or with parameters of one's own.
    #[serde(default)]
    pub constraints: Vec<ConstraintChoice>,
    /// Not offered yet.
    #[serde(default)]
    pub provides: Vec<Placed<String>>,
    /// Names of the service's own code that Ligase cannot know.
    #[serde(default)]
    pub vocabulary: Vocabulary,
    /// Which files are its.
    #[serde(default)]
    pub scope: ScopeSpec,
    /// How a patch is tested, in the sandbox.
    #[serde(default)]
    pub verify: Option<VerifySpec>,
    /// Accepted findings: approved, scoped and expiring.
    #[serde(default)]
    pub waivers: Vec<WaiverSpec>,
}

/// A data class.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// A data class of the catalog.
    pub class: Placed<String>,
    /// Names of fields beyond the catalog's vocabulary.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// Who can reach a service. The default is the one that asks for most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// Nobody over a network.
    None,
    /// The organisation's own network.
    Internal,
    /// Everybody.
    #[default]
    Internet,
}

impl Exposure {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Internal => "internal",
            Self::Internet => "internet",
        }
    }
}

/// Who checks passwords.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// The service itself.
    #[default]
    Own,
    /// Somebody else.
    External,
}

impl Identity {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::External => "external",
        }
    }
}

/// Names of the service's own code, dotted and import-resolved: `acme.auth.require_user`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    /// Functions that authenticate a caller.
    #[serde(default)]
    pub guards: Vec<String>,
    /// Functions whose result holds nothing sensitive.
    #[serde(default)]
    pub sanitizers: Vec<String>,
    /// Not offered yet.
    #[serde(default)]
    pub sinks: Vec<Placed<String>>,
}

/// Which files are the service's.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeSpec {
    /// Globs from the repository's root; the whole folder when there is none.
    #[serde(default)]
    pub include: Vec<Placed<String>>,
}

/// How a patch is tested.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// The command and its arguments; no shell reads them.
    pub command: Placed<Vec<String>>,
    /// At most this long: `10m`, `90s`.
    #[serde(default)]
    pub timeout: Option<Placed<String>>,
}

/// An accepted finding.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverSpec {
    /// `constraint/clause`.
    pub clause: Placed<String>,
    /// Which subject.
    #[serde(rename = "where")]
    pub subject: WaiverSubject,
    /// Why it may stand.
    pub kind: WaiverKind,
    /// In a person's words.
    pub reason: Placed<String>,
    /// The last day on which it counts, UTC.
    pub expires: Placed<String>,
}

/// The subject that a waiver names.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverSubject {
    /// The subject's symbol, whole: `GET /health`.
    pub symbol: Placed<String>,
}

/// Why a finding may stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaiverKind {
    /// The risk is known and taken.
    RiskAccepted,
    /// Ligase is wrong.
    FalsePositive,
    /// Operating it needs this.
    OperationalRequirement,
    /// HIPAA's addressable: something else does the same.
    AddressableAlternative,
}

impl WaiverKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RiskAccepted => "risk-accepted",
            Self::FalsePositive => "false-positive",
            Self::OperationalRequirement => "operational-requirement",
            Self::AddressableAlternative => "addressable-alternative",
        }
    }
}

/// A framework (`pci-dss`), or some controls of it (`{ soc2: [CC6.1] }`).
#[derive(Clone, Debug)]
pub struct FrameworkChoice(pub(crate) Vec<(String, Option<Vec<Placed<String>>>)>);

impl<'de> Deserialize<'de> for FrameworkChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = FrameworkChoice;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a framework's id, or a mapping of it to some of its controls")
            }

            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<FrameworkChoice, E> {
                Ok(FrameworkChoice(vec![(id.to_owned(), None)]))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<FrameworkChoice, A::Error> {
                let mut all = Vec::new();
                while let Some((id, controls)) = map.next_entry::<String, Vec<Placed<String>>>()? {
                    all.push((id, Some(controls)));
                }
                Ok(FrameworkChoice(all))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for FrameworkChoice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FrameworkChoice".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A framework's id, or a mapping of it to some of its controls.",
            "anyOf": [
                { "type": "string" },
                { "type": "object", "additionalProperties": { "type": "array", "items": { "type": "string" } } },
            ],
        })
    }
}

/// A constraint, with parameters of the service's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstraintChoice {
    /// The constraint's id.
    pub id: Placed<String>,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, Placed<ParameterValue>>,
}

/// A service's declared identity, checked against the catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dna {
    /// Its name; a label.
    pub name: String,
    /// Who reviews its pull requests.
    pub owner: Option<String>,
    /// The data classes and the names of fields beyond the vocabulary.
    pub data: BTreeMap<String, BTreeSet<String>>,
    /// The jurisdictions in which its data may live; none declared when empty.
    pub residency: BTreeSet<String>,
    /// Who can reach it.
    pub exposure: Exposure,
    /// Who checks passwords.
    pub identity: Identity,
    /// Frameworks; the controls of each, or all of them.
    pub frameworks: BTreeMap<String, Option<BTreeSet<String>>>,
    /// Constraints beyond what frameworks bring, with parameters of its own.
    pub constraints: BTreeMap<String, BTreeMap<String, ParameterValue>>,
    /// Names of its own code.
    pub vocabulary: Vocabulary,
    /// Globs from the repository's root; the whole folder when empty.
    pub scope: Vec<String>,
    /// How a patch is tested.
    pub verify: Option<Verify>,
    /// Accepted findings, in the order of the file.
    pub waivers: Vec<Waiver>,
    /// Whether it stands in the organisation's repository and the service has not written its own.
    pub provisional: bool,
    /// The digest of the file.
    pub digest: Digest,
}

/// How a patch is tested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verify {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// At most this long.
    pub timeout_s: u32,
}

/// An accepted finding, as it is written; whether it counts is decided in `resolve`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Waiver {
    /// The clause.
    pub clause: ClauseId,
    /// The subject's symbol, whole.
    pub symbol: String,
    /// Why it may stand.
    pub kind: WaiverKind,
    /// In a person's words.
    pub reason: String,
    /// The last day on which it counts, `YYYY-MM-DD`.
    pub expires: String,
}

impl Dna {
    /// Reads a service's own `dna.yaml`. Everything that is wrong is reported; nothing is dropped.
    pub fn read(file: &str, bytes: &[u8], catalog: &Catalog) -> Result<Self, Vec<DocumentError>> {
        let document = read_document(file, bytes).map_err(|e| vec![e])?;
        let mut reader = Reader::new(file, catalog);
        for key in [&document.metadata.repository, &document.metadata.folder].into_iter().flatten() {
            reader.error("NOT-HERE", key.place, "this key stands only in the organisation's repository");
        }
        reader.finish(document, bytes)
    }

    /// Reads an identity that stands in the organisation's repository: which repository and folder it is of, and the
    /// identity, marked as provisional.
    pub fn read_provisional(
        file: &str,
        bytes: &[u8],
        catalog: &Catalog,
    ) -> Result<(String, String, Self), Vec<DocumentError>> {
        let document = read_document(file, bytes).map_err(|e| vec![e])?;
        let mut reader = Reader::new(file, catalog);
        let repository = document.metadata.repository.clone();
        if repository.is_none() {
            let place = document.metadata.name.place;
            reader.error("MISSING-KEY", place, "the key \"repository\" is missing").remedy =
                "say which repository the identity is of".to_owned();
        }
        let folder = document.metadata.folder.clone().map(|f| f.value.trim_matches('/').to_owned());
        let dna = reader.finish(document, bytes)?;
        let repository = repository.map(|r| r.value).unwrap_or_default();
        Ok((repository, folder.unwrap_or_default(), Self { provisional: true, ..dna }))
    }

    /// Whether it declares a data class.
    pub fn declares(&self, class: &str) -> bool {
        self.data.contains_key(class)
    }
}

fn read_document(file: &str, bytes: &[u8]) -> Result<ServiceDocument, DocumentError> {
    if bytes.len() > MAX_DNA_BYTES {
        let problem = format!("the document has {} bytes", bytes.len());
        return Err(DocumentError::whole("E-DNA-TOO-LARGE", file, problem)
            .expected(format!("at most {MAX_DNA_BYTES} bytes"))
            .remedy("declare less, or split the service"));
    }
    read_one(file, bytes, API_VERSION, "Service")
}

/// What expressions see of a declaration; the shape is `catalog::load::dna_type`. Without one: reachable by everybody,
/// handling nothing that was said.
pub(crate) fn value_of(dna: Option<&Dna>) -> Record<'_> {
    static NOTHING: Vocabulary = Vocabulary { guards: vec![], sanitizers: vec![], sinks: vec![] };
    let vocabulary = dna.map_or(&NOTHING, |d| &d.vocabulary);
    fn words<'v>(items: impl Iterator<Item = &'v String>) -> Boxed<'v> {
        list(items.map(|t| text(t)))
    }
    Record::new([
        ("name", text(dna.map_or("", |d| &d.name))),
        ("owner", text(dna.and_then(|d| d.owner.as_deref()).unwrap_or(""))),
        ("declared", truth(dna.is_some())),
        ("exposure", text(dna.map_or(Exposure::default(), |d| d.exposure).name())),
        ("identity", text(dna.map_or(Identity::default(), |d| d.identity).name())),
        ("residency", words(dna.iter().flat_map(|d| d.residency.iter()))),
        ("frameworks", words(dna.iter().flat_map(|d| d.frameworks.keys()))),
        (
            "data",
            list(dna.iter().flat_map(|d| &d.data).map(|(class, fields)| {
                let fields = list(fields.iter().map(|f| text(f)));
                Record::new([("class", text(class)), ("fields", fields)]).boxed()
            })),
        ),
        ("fields", words(dna.iter().flat_map(|d| d.data.values().flatten()))),
        (
            "vocabulary",
            Record::new([
                ("guards", texts(&vocabulary.guards)),
                ("sanitizers", texts(&vocabulary.sanitizers)),
                ("sinks", list([])),
            ])
            .boxed(),
        ),
    ])
}

/// Lists of a declaration are at most this long; a longer one is a mistake or an attack.
const MAX_LIST: usize = 1_000;
/// A test command without a bound of its own may take this long.
const DEFAULT_TIMEOUT_S: u32 = 600;
/// No test command may take longer.
const MAX_TIMEOUT_S: u32 = 3_600;

pub(crate) struct Reader<'a> {
    file: &'a str,
    area: &'static str,
    catalog: &'a Catalog,
    pub errors: Vec<DocumentError>,
}

impl<'a> Reader<'a> {
    pub fn new(file: &'a str, catalog: &'a Catalog) -> Self {
        Self { file, area: "DNA", catalog, errors: vec![] }
    }

    pub fn for_organisation(file: &'a str, catalog: &'a Catalog) -> Self {
        Self { file, area: "ORGANISATION", catalog, errors: vec![] }
    }

    pub fn error(&mut self, code: &str, place: Place, problem: impl Into<String>) -> &mut DocumentError {
        self.errors.push(DocumentError::at(format!("E-{}-{code}", self.area), self.file, place, problem));
        self.errors.last_mut().expect("just pushed")
    }

    pub fn unknown<'k>(&mut self, what: &str, name: &str, place: Place, known: impl IntoIterator<Item = &'k str>) {
        let code = format!("E-{}-UNKNOWN-{}", self.area, what.to_uppercase().replace(' ', "-"));
        let problem = format!("unknown {what} {:?}", shown(name));
        self.errors.push(DocumentError::at(code, self.file, place, problem).among(name, known));
    }

    pub fn not_offered(&mut self, what: &str, place: Place) {
        self.error("NOT-OFFERED", place, format!("{what} is not offered yet")).remedy =
            "remove it; it is refused because it would do nothing".to_owned();
    }

    fn finish(mut self, document: ServiceDocument, bytes: &[u8]) -> Result<Dna, Vec<DocumentError>> {
        let ServiceDocument { metadata, spec, .. } = document;
        if !is_kebab(&metadata.name) {
            self.error("NAME", metadata.name.place, format!("{:?} is no name", shown(&metadata.name))).expected =
                "lower-case letters, digits and dashes, at most 64".to_owned();
        }
        if let Some(first) = spec.provides.first() {
            self.not_offered("provides (what others inherit)", first.place);
        }
        if let Some(first) = spec.vocabulary.sinks.first() {
            self.not_offered(
                "vocabulary.sinks (an organisation's own sinks are vocabulary of its catalog)",
                first.place,
            );
        }
        let dna = Dna {
            name: metadata.name.value,
            owner: metadata.owner.map(|o| o.value).filter(|o| !o.trim().is_empty()),
            data: self.data(spec.data),
            residency: self.residency(spec.residency),
            exposure: spec.exposure,
            identity: spec.identity,
            frameworks: self.frameworks(&spec.frameworks),
            constraints: self.constraints(spec.constraints),
            scope: self.scope(spec.scope),
            verify: spec.verify.and_then(|v| self.verify(v)),
            waivers: spec.waivers.into_iter().filter_map(|w| self.waiver(w)).collect(),
            vocabulary: spec.vocabulary,
            provisional: false,
            digest: Digest::of(bytes),
        };
        let lists = [dna.scope.len(), dna.waivers.len(), dna.vocabulary.guards.len(), dna.vocabulary.sanitizers.len()];
        if lists.into_iter().chain(dna.data.values().map(BTreeSet::len)).any(|n| n > MAX_LIST) {
            self.error("TOO-LONG", Place::default(), format!("a list has more than {MAX_LIST} items"));
        }
        if self.errors.is_empty() { Ok(dna) } else { Err(self.errors) }
    }

    fn data(&mut self, data: Vec<DataSpec>) -> BTreeMap<String, BTreeSet<String>> {
        let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in data {
            if !self.catalog.data_classes().contains(&one.class.value) {
                let known = self.catalog.data_classes().iter().map(String::as_str);
                self.unknown("data class", &one.class, one.class.place, known);
            }
            out.entry(one.class.value).or_default().extend(one.fields);
        }
        out
    }

    fn residency(&mut self, residency: Vec<Placed<String>>) -> BTreeSet<String> {
        for one in residency.iter().filter(|r| !is_kebab(r) || r.len() > 16) {
            self.error("RESIDENCY", one.place, format!("{:?} is no jurisdiction", shown(one))).expected =
                "a jurisdiction such as eu, us, uk; single regions go to params.regions of data-residency".to_owned();
        }
        residency.into_iter().map(|r| r.value).collect()
    }

    pub fn frameworks(&mut self, choices: &[Placed<FrameworkChoice>]) -> BTreeMap<String, Option<BTreeSet<String>>> {
        let mut out: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
        for (choice, (id, controls)) in choices.iter().flat_map(|c| c.value.0.iter().map(move |e| (c, e))) {
            let Some(framework) = self.catalog.framework(id) else {
                let known = self.catalog.frameworks().keys().map(String::as_str);
                self.unknown("framework", id, choice.place, known);
                continue;
            };
            for control in controls.iter().flatten() {
                if !framework.controls.iter().any(|c| c.id.value == control.value) {
                    let known = framework.controls.iter().map(|c| c.id.as_str());
                    self.unknown("control", control, control.place, known);
                }
            }
            let chosen = controls.as_ref().map(|c| c.iter().map(|c| c.value.clone()).collect::<BTreeSet<_>>());
            match (out.get_mut(id), chosen) {
                (Some(Some(all)), Some(more)) => all.extend(more),
                (Some(whole), None) => *whole = None,
                (Some(None), Some(_)) => {}
                (None, chosen) => {
                    out.insert(id.clone(), chosen);
                }
            }
        }
        out
    }

    fn constraints(&mut self, all: Vec<ConstraintChoice>) -> BTreeMap<String, BTreeMap<String, ParameterValue>> {
        let mut out = BTreeMap::new();
        for one in all {
            let Some(constraint) = self.known_constraint(&one.id) else { continue };
            for (name, value) in &one.params {
                let Some(parameter) = constraint.spec.parameters.get(name) else {
                    let known = constraint.spec.parameters.keys().map(String::as_str);
                    self.unknown("parameter", name, value.place, known);
                    continue;
                };
                let wanted = match (parameter.kind.value, &value.value) {
                    (ParameterType::Int, ParameterValue::Int(_)) | (ParameterType::Texts, ParameterValue::Texts(_)) => {
                        continue;
                    }
                    (ParameterType::Int, _) => "a whole number",
                    (ParameterType::Texts, _) => "a list of texts",
                };
                self.error("WRONG-TYPE", value.place, format!("{name} is of another type")).expected =
                    wanted.to_owned();
            }
            let id = one.id;
            if out.contains_key(&id.value) {
                self.error("DUPLICATE", id.place, format!("the constraint {:?} stands here twice", id.value));
            }
            out.insert(id.value, one.params.into_iter().map(|(n, v)| (n, v.value)).collect());
        }
        out
    }

    pub fn known_constraint(&mut self, id: &Placed<String>) -> Option<&'a crate::catalog::Constraint> {
        let found = self.catalog.constraint(id);
        if found.is_none() {
            let known = self.catalog.constraints().keys().map(String::as_str);
            self.unknown("constraint", id, id.place, known);
        }
        found
    }

    fn scope(&mut self, scope: ScopeSpec) -> Vec<String> {
        for glob in &scope.include {
            if let Err(problem) = readable(glob) {
                self.error("GLOB", glob.place, problem).expected = "a glob such as services/a/**".to_owned();
            }
        }
        scope.include.into_iter().map(|g| g.value).collect()
    }

    fn verify(&mut self, verify: VerifySpec) -> Option<Verify> {
        if verify.command.is_empty() || verify.command.iter().any(String::is_empty) {
            self.error("VERIFY", verify.command.place, "the command is empty").expected =
                "[\"make\", \"test\"]".to_owned();
        }
        let timeout_s = match &verify.timeout {
            None => DEFAULT_TIMEOUT_S,
            Some(text) => match seconds(text) {
                Some(s) if (1..=MAX_TIMEOUT_S).contains(&s) => s,
                _ => {
                    self.error("TIMEOUT", text.place, format!("{:?} is no time-out", shown(text))).expected =
                        format!("such as 90s or 10m, at most {MAX_TIMEOUT_S}s");
                    return None;
                }
            },
        };
        Some(Verify { command: verify.command.value, timeout_s })
    }

    fn waiver(&mut self, waiver: WaiverSpec) -> Option<Waiver> {
        let clause = ClauseId::parse(&waiver.clause).filter(|c| self.catalog.clause(c).is_some());
        if clause.is_none() {
            let all: Vec<String> =
                self.catalog.constraints().values().flat_map(|c| &c.clauses).map(|c| c.id.to_string()).collect();
            self.unknown("clause", &waiver.clause, waiver.clause.place, all.iter().map(String::as_str));
        }
        if waiver.subject.symbol.trim().is_empty() || waiver.subject.symbol.contains('*') {
            self.error("WAIVER-SCOPE", waiver.subject.symbol.place, "a waiver names one subject, whole").expected =
                "the symbol as a finding prints it, such as GET /health".to_owned();
        }
        if waiver.reason.trim().is_empty() {
            self.error("WAIVER-REASON", waiver.reason.place, "a waiver says why").expected = "a sentence".to_owned();
        }
        if day(&waiver.expires).is_none() {
            self.error("DATE", waiver.expires.place, format!("{:?} is no day", shown(&waiver.expires))).expected =
                "YYYY-MM-DD".to_owned();
        }
        Some(Waiver {
            clause: clause?,
            symbol: waiver.subject.symbol.value,
            kind: waiver.kind,
            reason: waiver.reason.value,
            expires: waiver.expires.value,
        })
    }
}

/// `90s`, `10m`, `1h`.
fn seconds(text: &str) -> Option<u32> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse::<u32>().ok())??.checked_mul(unit)
}
