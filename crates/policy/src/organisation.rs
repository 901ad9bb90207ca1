//! The organisation's policy: what holds for all services. It lives in a repository of its own; who reads files from there
//! gives them as bytes. What the language will offer and does not yet is refused in those words, never ignored.
//! Next: `resolve.rs`.

use crate::Dna;
use crate::catalog::Catalog;
use crate::dna::{FrameworkChoice, Reader};
use crate::expression::{Expression, context};
use crate::lint::{Scope, Ty, check};
use crate::scope::readable;
use globset::GlobBuilder;
use ligase_document::{API_VERSION, DocumentError, Placed, read_one, shown};
use ligase_domain::{Digest, FieldHasher, Finding, Outcome, ServiceId, WaiverState};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The document, as people write it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OrganisationDocument {
    /// `ligase.dev/v1`.
    pub api_version: String,
    /// `Organisation`.
    pub kind: String,
    /// Its name.
    pub metadata: OrganisationMetadata,
    /// What holds.
    pub spec: OrganisationSpec,
}

/// `metadata` of an organisation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationMetadata {
    /// Its name; part of every intent's identity.
    pub name: Placed<String>,
}

/// What holds for all services.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationSpec {
    /// Which repositories.
    pub sources: Vec<SourceSpec>,
    /// Globs of files in this repository that hold services' identities; one or several.
    #[serde(default)]
    pub services: Placed<OneOrMany>,
    /// Constraints that hold for every service; nothing lowers it.
    #[serde(default)]
    pub floor: Vec<Placed<String>>,
    /// Who may approve what.
    #[serde(default)]
    pub approvers: ApproversSpec,
    /// Changes of desired state and their roll-out.
    #[serde(default)]
    pub cascades: Vec<CascadeSpec>,
    /// Not offered yet.
    #[serde(default)]
    pub schedule: Option<Placed<String>>,
    /// How much may be open at once.
    #[serde(default)]
    pub budgets: BudgetsSpec,
    /// Which remedies may run.
    #[serde(default)]
    pub remedies: RemediesSpec,
}

/// One source of repositories; exactly one kind, and where it may be looked at.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Bare or ordinary repositories on disk.
    #[serde(default)]
    pub directory: Option<Placed<String>>,
    /// URLs of repositories over smart HTTP.
    #[serde(default)]
    pub git: Option<Vec<Placed<String>>>,
    /// Only workers of this zone look at these repositories; any worker may where it is absent.
    #[serde(default)]
    pub zone: Option<Placed<String>>,
    /// Not offered yet.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub github: Option<Placed<Anything>>,
    /// Not offered yet.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub gitlab: Option<Placed<Anything>>,
    /// Not offered yet.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub gitea: Option<Placed<Anything>>,
}

/// One text, or several.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMany {
    /// None.
    #[default]
    #[schemars(skip)]
    None,
    /// One.
    One(String),
    /// Several.
    Many(Vec<Placed<String>>),
}

fn all_of(texts: &Placed<OneOrMany>) -> Vec<Placed<String>> {
    match &texts.value {
        OneOrMany::None => vec![],
        OneOrMany::One(one) => vec![Placed { value: one.clone(), place: texts.place }],
        OneOrMany::Many(many) => many.clone(),
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: serde::de::Error>(self, one: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(one.to_owned()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany::Many(many))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Something that is refused wherever it stands, whatever it holds.
#[derive(Clone, Debug)]
pub struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// Who may approve what; logins or teams, with or without `@`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproversSpec {
    /// Waivers.
    #[serde(default)]
    pub waivers: Vec<String>,
    /// Applying the policy.
    #[serde(default)]
    pub apply: Vec<String>,
}

/// A change of desired state.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CascadeSpec {
    /// Its name.
    pub name: Placed<String>,
    /// Frameworks, or controls of them.
    #[serde(default)]
    pub frameworks: Vec<Placed<FrameworkChoice>>,
    /// Constraints.
    #[serde(default)]
    pub constraints: Vec<Placed<String>>,
    /// For which services; CEL over `dna`. All when absent.
    #[serde(default)]
    pub when: Option<Placed<String>>,
    /// What it does; `observe` when absent.
    #[serde(default)]
    pub mode: Option<Placed<String>>,
    /// What `ligase check` and the gate make of it.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Not offered yet.
    #[serde(default)]
    pub baseline: Option<Placed<String>>,
    /// Not offered yet.
    #[serde(default)]
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    pub waves: Option<Placed<Anything>>,
    /// Not offered yet.
    #[serde(default)]
    #[schemars(with = "Option<f64>")]
    pub halt_above: Option<Placed<Anything>>,
    /// Not offered yet.
    #[serde(default)]
    pub due: Option<Placed<String>>,
}

/// What `ligase check` and the gate make of a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// It is shown.
    Advisory,
    /// It blocks, unless a waiver is in force.
    #[default]
    Waivable,
    /// It blocks.
    Mandatory,
}

impl Enforcement {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::Waivable => "waivable",
            Self::Mandatory => "mandatory",
        }
    }

    /// Whether a finding under it blocks a change.
    pub fn blocks(self, finding: &Finding) -> bool {
        let waived = finding.waiver.as_ref().is_some_and(|w| w.state == WaiverState::InForce);
        finding.outcome == Outcome::NotSatisfied
            && match self {
                Self::Advisory => false,
                Self::Waivable => !waived,
                Self::Mandatory => true,
            }
    }
}

/// What is done about findings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// They are shown.
    Observe,
    /// Pull requests are opened.
    Propose,
}

impl Mode {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Propose => "propose",
        }
    }
}

/// How much may be open at once.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BudgetsSpec {
    /// Pull requests for one owner.
    #[serde(default)]
    pub open_per_owner: Option<Placed<u32>>,
    /// Pull requests for one service.
    #[serde(default)]
    pub open_per_service: Option<Placed<u32>>,
    /// New pull requests in an hour.
    #[serde(default)]
    pub create_per_hour: Option<Placed<u32>>,
}

/// Which remedies may run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemediesSpec {
    /// Not offered yet; an empty list is read.
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub agents: Vec<Placed<Anything>>,
    /// Only `none`.
    #[serde(default)]
    pub network: Option<Placed<String>>,
}

/// A source of repositories.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Source {
    /// Where they are.
    pub place: SourcePlace,
    /// The zone whose workers alone may look at them; empty for any.
    pub zone: String,
}

/// Where a source's repositories are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SourcePlace {
    /// A folder of bare or ordinary repositories, as it is written; relative to the policy's own folder.
    Directory(String),
    /// One repository over smart HTTP.
    Git(String),
}

/// How much may be open at once. The defaults are low; every cap is on until somebody raises it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budgets {
    /// Pull requests for one owner.
    pub open_per_owner: u32,
    /// Pull requests for one service.
    pub open_per_service: u32,
    /// New pull requests in an hour.
    pub create_per_hour: u32,
}

impl Default for Budgets {
    /// Two for an owner, three for a service and sixty an hour: what a person reads in a week, and below what forges limit.
    fn default() -> Self {
        Self { open_per_owner: 2, open_per_service: 3, create_per_hour: 60 }
    }
}

/// A change of desired state, ready to be asked whether it reaches a service.
#[derive(Clone, Debug)]
pub struct Cascade {
    /// Its name.
    pub name: String,
    /// Frameworks; the controls of each, or all of them.
    pub frameworks: BTreeMap<String, Option<BTreeSet<String>>>,
    /// Constraints.
    pub constraints: BTreeSet<String>,
    pub(crate) when: Option<Expression>,
    /// What is done about findings.
    pub mode: Mode,
    /// What `ligase check` and the gate make of them.
    pub enforcement: Enforcement,
}

impl Cascade {
    /// Whether it says for which services.
    pub const fn is_conditional(&self) -> bool {
        self.when.is_some()
    }

    /// Whether it reaches a service; an error of the expression is said, and is never taken for a no.
    pub fn reaches(&self, dna: Option<&Dna>) -> Result<bool, String> {
        let Some(when) = &self.when else { return Ok(true) };
        let mut context = context();
        context.add_variable_as_val("dna", crate::dna::value_of(dna).boxed());
        when.truth(&context).map_err(|e| e.to_string())
    }
}

/// An identity that stands in the organisation's repository.
#[derive(Clone, Debug)]
pub struct Provisional {
    /// `forge:id`, or the id alone.
    pub repository: String,
    /// The folder that it governs.
    pub folder: String,
    /// The identity.
    pub dna: Dna,
}

/// An organisation's policy, checked against the catalog.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its name.
    pub name: String,
    /// Which repositories.
    pub sources: Vec<Source>,
    /// Constraints that hold for every service.
    pub floor: BTreeSet<String>,
    /// Who may approve waivers.
    pub waiver_approvers: BTreeSet<String>,
    /// Who may apply the policy.
    pub apply_approvers: BTreeSet<String>,
    /// Changes of desired state, in the order of the file.
    pub cascades: Vec<Cascade>,
    /// How much may be open at once.
    pub budgets: Budgets,
    /// Identities that stand here.
    pub services: Vec<Provisional>,
    /// The digest of the policy and of the identities that stand here.
    pub digest: Digest,
}

/// A login or a team without the `@` and in lower case, as forges compare them.
pub(crate) fn login(text: &str) -> String {
    text.trim().trim_start_matches('@').to_lowercase()
}

impl Organisation {
    /// Reads the policy. `files` are the other files of its repository (path and bytes); those that `services` names are
    /// read as identities.
    pub fn read(
        file: &str,
        bytes: &[u8],
        files: &[(&str, &[u8])],
        catalog: &Catalog,
    ) -> Result<Self, Vec<DocumentError>> {
        let document: OrganisationDocument = read_one(file, bytes, API_VERSION, "Organisation").map_err(|e| vec![e])?;
        let OrganisationDocument { metadata, spec, .. } = document;
        let mut reader = Reader::for_organisation(file, catalog);
        refuse_what_is_not_offered(&mut reader, &spec);
        if !crate::catalog::load::is_kebab(&metadata.name) {
            reader.error("NAME", metadata.name.place, format!("{:?} is no name", shown(&metadata.name))).expected =
                "lower-case letters, digits and dashes, at most 64".to_owned();
        }
        let sources = spec.sources.iter().flat_map(|s| source(&mut reader, s)).collect();
        for id in &spec.floor {
            reader.known_constraint(id);
        }
        let cascades = spec.cascades.iter().map(|c| cascade(&mut reader, c, catalog)).collect();
        let budgets = budgets(&mut reader, &spec.budgets);
        let (services, hashed) = services(&mut reader, &all_of(&spec.services), files, catalog);
        if !reader.errors.is_empty() {
            return Err(reader.errors);
        }
        let digest = hashed.iter().fold(
            FieldHasher::new("ligase.organisation.v1").field(Digest::of(bytes).as_bytes()),
            |h, (path, digest)| h.field(path).field(digest.as_bytes()),
        );
        Ok(Self {
            name: metadata.name.value,
            sources,
            floor: spec.floor.into_iter().map(|f| f.value).collect(),
            waiver_approvers: spec.approvers.waivers.iter().map(|a| login(a)).collect(),
            apply_approvers: spec.approvers.apply.iter().map(|a| login(a)).collect(),
            cascades,
            budgets,
            services,
            digest: digest.finish(),
        })
    }

    /// The identity that stands here for a service that has not written its own.
    pub fn identity_of(&self, service: &ServiceId) -> Option<&Dna> {
        let named = [service.repository.stable.clone(), service.repository.to_string()];
        let of = |p: &&Provisional| p.folder == service.folder && named.contains(&p.repository);
        self.services.iter().find(of).map(|p| &p.dna)
    }

    /// The folders of a repository for which identities stand here.
    pub fn folders_of(&self, repository: &ligase_domain::RepositoryId) -> Vec<&str> {
        let named = [repository.stable.clone(), repository.to_string()];
        self.services.iter().filter(|p| named.contains(&p.repository)).map(|p| p.folder.as_str()).collect()
    }
}

fn refuse_what_is_not_offered(reader: &mut Reader<'_>, spec: &OrganisationSpec) {
    if let Some(schedule) = &spec.schedule {
        reader.not_offered("schedule (sweeps are started by `ligase sweep`)", schedule.place);
    }
    if let Some(agent) = spec.remedies.agents.first() {
        reader.not_offered("remedies.agents", agent.place);
    }
    if let Some(network) = spec.remedies.network.as_ref().filter(|n| n.value != "none") {
        reader.not_offered("a network for remedies", network.place);
    }
    for cascade in &spec.cascades {
        let places = [
            ("baseline", cascade.baseline.as_ref().map(|p| p.place)),
            ("waves", cascade.waves.as_ref().map(|p| p.place)),
            ("halt-above", cascade.halt_above.as_ref().map(|p| p.place)),
            ("due", cascade.due.as_ref().map(|p| p.place)),
        ];
        for (key, place) in places {
            if let Some(place) = place {
                reader.not_offered(&format!("{key} of a cascade"), place);
            }
        }
    }
}

fn source(reader: &mut Reader<'_>, spec: &SourceSpec) -> Vec<Source> {
    for (name, forge) in [("github", &spec.github), ("gitlab", &spec.gitlab), ("gitea", &spec.gitea)] {
        if let Some(forge) = forge {
            reader.not_offered(&format!("the source {name}"), forge.place);
        }
    }
    let zone = spec.zone.as_ref().map(|z| z.value.clone()).unwrap_or_default();
    if let Some(named) = spec.zone.as_ref().filter(|z| !is_zone(z)) {
        let error = reader.error("SOURCE", named.place, format!("{:?} is no name of a zone", shown(named)));
        error.expected = "letters, digits and -, at most 32".to_owned();
    }
    let mut out = Vec::new();
    let mut add = |place| out.push(Source { place, zone: zone.clone() });
    if let Some(directory) = &spec.directory {
        if directory.trim().is_empty() {
            reader.error("SOURCE", directory.place, "the folder is empty").expected = "a path".to_owned();
        }
        add(SourcePlace::Directory(directory.value.clone()));
    }
    for url in spec.git.iter().flatten() {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            let error = reader.error("SOURCE", url.place, format!("{:?} is no URL that is read", shown(url)));
            error.expected = "http:// or https://; a folder on disk is a directory source".to_owned();
        }
        add(SourcePlace::Git(url.value.clone()));
    }
    out
}

fn is_zone(name: &str) -> bool {
    !name.is_empty() && name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn cascade(reader: &mut Reader<'_>, spec: &CascadeSpec, catalog: &Catalog) -> Cascade {
    for id in &spec.constraints {
        reader.known_constraint(id);
    }
    if spec.frameworks.is_empty() && spec.constraints.is_empty() {
        reader.error("CASCADE", spec.name.place, "the cascade brings nothing").expected =
            "frameworks or constraints".to_owned();
    }
    let scope = Scope::from([("dna".to_owned(), crate::catalog::load::dna_type(catalog.data_classes().to_vec()))]);
    let when = spec.when.as_ref().and_then(|text| when(reader, text, &scope));
    let mode = match spec.mode.as_ref().map(|m| (m.as_str(), m.place)) {
        None | Some(("observe", _)) => Mode::Observe,
        Some(("propose", _)) => Mode::Propose,
        Some(("automerge", place)) => {
            reader.not_offered("automerge (Ligase opens pull requests; people merge them)", place);
            Mode::Observe
        }
        Some((other, place)) => {
            reader.unknown("mode", other, place, ["observe", "propose"]);
            Mode::Observe
        }
    };
    Cascade {
        name: spec.name.value.clone(),
        frameworks: reader.frameworks(&spec.frameworks),
        constraints: spec.constraints.iter().map(|c| c.value.clone()).collect(),
        when,
        mode,
        enforcement: spec.enforcement,
    }
}

fn when(reader: &mut Reader<'_>, text: &Placed<String>, scope: &Scope) -> Option<Expression> {
    let expression = match Expression::compile(text) {
        Ok(expression) => expression,
        Err(problem) => {
            reader.error("EXPRESSION", text.place, problem).expected = "a CEL expression".to_owned();
            return None;
        }
    };
    match check(expression.tree(), scope) {
        Ok(Ty::Bool | Ty::Unknown) => {}
        Ok(_) => {
            reader.error("EXPRESSION", text.place, "the expression is no truth");
        }
        Err(complaints) => {
            for complaint in complaints {
                let error = reader.error("EXPRESSION", text.place, complaint.problem);
                error.expected = complaint.expected;
                error.nearest = complaint.nearest;
            }
        }
    }
    Some(expression)
}

fn budgets(reader: &mut Reader<'_>, spec: &BudgetsSpec) -> Budgets {
    /// A budget above this is no budget.
    const MOST: u32 = 10_000;
    let mut bounded = |value: &Option<Placed<u32>>, default: u32| match value {
        Some(n) if n.value > MOST => {
            reader.error("BUDGET", n.place, format!("{} is no budget", n.value)).expected = format!("at most {MOST}");
            default
        }
        Some(n) => n.value,
        None => default,
    };
    let default = Budgets::default();
    Budgets {
        open_per_owner: bounded(&spec.open_per_owner, default.open_per_owner),
        open_per_service: bounded(&spec.open_per_service, default.open_per_service),
        create_per_hour: bounded(&spec.create_per_hour, default.create_per_hour),
    }
}

type Hashed = Vec<(String, Digest)>;

fn services(
    reader: &mut Reader<'_>,
    globs: &[Placed<String>],
    files: &[(&str, &[u8])],
    catalog: &Catalog,
) -> (Vec<Provisional>, Hashed) {
    let mut named: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for glob in globs {
        let plain = glob.trim_start_matches("./");
        if let Err(problem) = readable(plain) {
            reader.error("GLOB", glob.place, problem);
            continue;
        }
        let Ok(matcher) = GlobBuilder::new(plain).literal_separator(true).build().map(|g| g.compile_matcher()) else {
            continue;
        };
        let before = named.len();
        named.extend(files.iter().filter(|(path, _)| matcher.is_match(path.trim_start_matches("./"))).copied());
        if named.len() == before {
            reader.error("NOTHING-MATCHES", glob.place, format!("{:?} matches no file", shown(glob))).expected =
                "files of the policy's repository that hold identities".to_owned();
        }
    }
    let (mut out, mut hashed, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (path, bytes) in named {
        match Dna::read_provisional(path, bytes, catalog) {
            Err(errors) => reader.errors.extend(errors),
            Ok((repository, folder, dna)) => {
                if !seen.insert((repository.clone(), folder.clone())) {
                    let problem = format!("a second identity of {:?}", shown(&repository));
                    reader.errors.push(DocumentError::whole("E-ORGANISATION-DUPLICATE", path, problem));
                }
                hashed.push((path.to_owned(), dna.digest));
                out.push(Provisional { repository, folder, dna });
            }
        }
    }
    (out, hashed)
}
