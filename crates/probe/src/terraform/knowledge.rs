//! What is known of a provider, as data: `probes/terraform/*.yaml` and `vocabulary/regions.yaml`. Reads and validates; what
//! a rule means for a resource is decided in `storage.rs` and `placement.rs`. A compliance engineer extends it without Rust.

use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_one};
use ligase_domain::{Digest, FieldHasher, ProbeRef};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a setting, or its absence, says of encryption.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encrypted {
    Yes,
    No,
    ByDefault,
    Unknown,
}

impl Encrypted {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::ByDefault => "by-default",
            Self::Unknown => "unknown",
        }
    }

    pub(super) const fn holds(self) -> bool {
        matches!(self, Self::Yes | Self::ByDefault)
    }
}

/// One setting that decides. Deciders are asked in order; the first that is set decides.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Decider {
    /// Path from the resource: `encrypt_at_rest.enabled`.
    pub(super) setting: String,
    /// What each value means, exactly as written (`"true"` also stands for `true`).
    #[serde(default)]
    pub(super) values: BTreeMap<String, Encrypted>,
    /// What any value that is not empty means, where the values are names of keys.
    #[serde(default)]
    pub(super) present: Option<Encrypted>,
}

/// A condition on a resource; all that is given must hold.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Condition {
    /// This setting or nested block is there.
    #[serde(default)]
    pub(super) present: Option<String>,
    /// This setting or nested block is not there.
    #[serde(default)]
    pub(super) missing: Option<String>,
    /// This setting …
    #[serde(default)]
    pub(super) setting: Option<String>,
    /// … has one of these values.
    #[serde(default)]
    pub(super) is: Vec<String>,
    /// The repository pins the provider below this major version.
    #[serde(default)]
    pub(super) provider_below: Option<u32>,
    /// The resource's name, or this setting's text, has one of the words.
    #[serde(default)]
    pub(super) named_like: Option<NamedLike>,
}

/// Whether a name says that what it names is sensitive.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct NamedLike {
    pub(super) setting: String,
    pub(super) words: Vec<String>,
}

/// What holds when no setting decides.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Absence {
    #[serde(default)]
    pub(super) when: Option<Condition>,
    pub(super) encrypted: Encrypted,
    /// The stable reason for `unknown`.
    #[serde(default)]
    pub(super) reason: String,
}

/// Another resource that decides for this one and refers to it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Sibling {
    #[serde(rename = "type")]
    pub(super) of: String,
    /// The sibling's setting that refers to this resource.
    pub(super) by: String,
    /// This resource's setting that is its literal name.
    pub(super) named: String,
    pub(super) decide: Vec<Decider>,
    #[serde(default)]
    pub(super) key: Vec<String>,
}

/// A resource that this one takes its encryption from.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Inherits {
    /// This resource's setting that refers to it.
    pub(super) by: String,
    pub(super) types: Vec<String>,
    /// The other resource's setting that is its literal name.
    #[serde(default)]
    pub(super) named: Vec<String>,
}

/// Where encryption of a type of resource, or of a nested part of it, is decided.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct StorageRule {
    pub(super) types: Vec<String>,
    /// A nested block that is a store of its own (`root_block_device`): one observation each.
    #[serde(default)]
    pub(super) part: Option<String>,
    /// The part's setting that names it among equals.
    #[serde(default)]
    pub(super) part_label: Option<String>,
    /// What holds when there is no such block; without it nothing is observed then.
    #[serde(default)]
    pub(super) part_missing: Option<Absence>,
    /// Name of a store that is no nested block (`root_volume`).
    #[serde(default)]
    pub(super) store: Option<String>,
    /// The setting that a remedy would write; empty when there is none.
    #[serde(default)]
    pub(super) setting: String,
    /// Without it, `setting` decides by true and false.
    #[serde(default)]
    pub(super) decide: Vec<Decider>,
    /// The first that applies.
    #[serde(default)]
    pub(super) absent_when: Vec<Absence>,
    pub(super) absent: Encrypted,
    /// The stable reason, when `absent` is `unknown`.
    #[serde(default)]
    pub(super) absent_reason: String,
    /// Settings that name the key, in order.
    #[serde(default)]
    pub(super) key: Vec<String>,
    /// Whether changing the setting replaces the resource.
    #[serde(default)]
    pub(super) replaces: bool,
    #[serde(default)]
    pub(super) inherits: Vec<Inherits>,
    #[serde(default)]
    pub(super) siblings: Vec<Sibling>,
    /// Observed only when one of these holds; when none is given, always.
    #[serde(default)]
    pub(super) only_when: Vec<Condition>,
    /// Never observed when one of these holds.
    #[serde(default)]
    pub(super) never_when: Vec<Condition>,
}

/// A setting of an account and region that decides where a resource is silent.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AccountRule {
    #[serde(rename = "type")]
    pub(super) of: String,
    pub(super) setting: String,
    /// What its absence means.
    pub(super) absent: Encrypted,
    pub(super) covers: Vec<String>,
}

/// What a placement is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    Resource,
    Replica,
    Backup,
    Zone,
}

impl What {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Replica => "replica",
            Self::Backup => "backup",
            Self::Zone => "zone",
        }
    }
}

/// How a value names a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ReadAs {
    #[default]
    Region,
    Zone,
    /// An ARN, or a reference to a resource, whose region it is.
    Resource,
}

/// Where a type of resource puts data beside its provider's region.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PlacementRule {
    /// `["*"]` means every type of the provider.
    pub(super) types: Vec<String>,
    pub(super) what: What,
    /// The setting that names the region.
    #[serde(default)]
    pub(super) setting: Option<String>,
    #[serde(default)]
    pub(super) read_as: ReadAs,
    /// The resource is a copy that stands in the region of its own provider.
    #[serde(default)]
    pub(super) own_region: bool,
    /// The service has no region.
    #[serde(default)]
    pub(super) global: bool,
    /// The setting that says how countries are restricted.
    #[serde(default)]
    pub(super) restriction: Option<String>,
}

/// Whether the public internet reaches a resource.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ListenerRule {
    pub(super) types: Vec<String>,
    /// Empty when the type alone decides.
    #[serde(default)]
    pub(super) setting: String,
    #[serde(default)]
    pub(super) public: Vec<String>,
    #[serde(default)]
    pub(super) private: Vec<String>,
    /// What absence means.
    pub(super) absent: Reach,
}

/// Who reaches a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reach {
    Public,
    Private,
}

/// A provider, told by the first word of its types.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProviderRule {
    /// The first words: `aws`; `azurerm`, `azapi`.
    pub(super) prefixes: Vec<String>,
    pub(super) stack: String,
    pub(super) modelled: bool,
}

/// What looks like a store and is not modelled.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ResidueRule {
    /// Types that end with one of these name a store, for a provider that is modelled.
    #[serde(default)]
    pub(super) endings: Vec<String>,
    /// Types that have one of these words name a store, for a provider that is not.
    #[serde(default)]
    pub(super) words: Vec<String>,
    /// Endings that never do: what describes, permits or attaches.
    #[serde(default)]
    pub(super) not_endings: Vec<String>,
    /// Types that look so and keep nothing.
    #[serde(default)]
    pub(super) not_types: Vec<String>,
    /// Modules from elsewhere that only compute names.
    #[serde(default)]
    pub(super) not_modules: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    id: String,
    version: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Engine {
    Resource,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Language {
    Terraform,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Spec {
    #[serde(rename = "engine")]
    _engine: Engine,
    #[serde(rename = "language")]
    _language: Language,
    #[serde(default)]
    storage: Vec<StorageRule>,
    #[serde(default)]
    account: Vec<AccountRule>,
    #[serde(default)]
    placement: Vec<PlacementRule>,
    #[serde(default)]
    listener: Vec<ListenerRule>,
    #[serde(default)]
    providers: Vec<ProviderRule>,
    #[serde(default)]
    residue: ResidueRule,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionsDocument {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "metadata")]
    _metadata: VocabularyMetadata,
    spec: RegionsSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VocabularyMetadata {
    #[serde(rename = "id")]
    _id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionsSpec {
    aws: CloudRegions,
}

/// Where the regions of a cloud lie.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloudRegions {
    /// Region to jurisdiction.
    regions: BTreeMap<String, String>,
    /// Beginning of a zone's name to jurisdiction, where a zone lies elsewhere than its region.
    #[serde(default)]
    zones: BTreeMap<String, String>,
}

impl CloudRegions {
    /// The jurisdiction of a region.
    pub(super) fn of_region(&self, region: &str) -> Option<&str> {
        self.regions.get(region).map(String::as_str)
    }

    /// The region and the jurisdiction of an availability, local or wavelength zone.
    pub(super) fn of_zone(&self, zone: &str) -> Option<(&str, &str)> {
        let longest = |map: &'_ BTreeMap<String, String>| -> Option<String> {
            map.keys().filter(|k| begins(zone, k)).max_by_key(|k| k.len()).cloned()
        };
        let region = longest(&self.regions)?;
        let (region, whole) = self.regions.get_key_value(&region)?;
        let place = longest(&self.zones).and_then(|z| self.zones.get(&z)).unwrap_or(whole);
        Some((region, place))
    }
}

/// `eu-west-1` begins `eu-west-1a` and `eu-west-1-lax-1a`, and does not begin `eu-west-11`.
fn begins(zone: &str, prefix: &str) -> bool {
    zone.strip_prefix(prefix).is_some_and(|rest| {
        let mut rest = rest.bytes();
        match rest.next() {
            None | Some(b'-') => true,
            Some(b) => b.is_ascii_lowercase() && rest.next().is_none(),
        }
    })
}

/// A rule and the document that says it.
#[derive(Clone, Debug)]
pub(super) struct Said<T> {
    pub(super) rule: Arc<T>,
    pub(super) probe: ProbeRef,
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    pub(super) storage: BTreeMap<String, Vec<Said<StorageRule>>>,
    pub(super) account: Vec<Said<AccountRule>>,
    pub(super) placement: BTreeMap<String, Vec<Said<PlacementRule>>>,
    pub(super) listener: BTreeMap<String, Said<ListenerRule>>,
    pub(super) providers: BTreeMap<String, Said<ProviderRule>>,
    pub(super) residue: ResidueRule,
    /// What observes providers and residue; the document that names the providers.
    pub(super) probe: Option<ProbeRef>,
    pub(super) aws: CloudRegions,
    wanted: BTreeMap<String, BTreeSet<String>>,
    digest: Option<Digest>,
}

const FOLDER: &str = "probes/terraform/";
const REGIONS: &str = "vocabulary/regions.yaml";

impl Knowledge {
    /// Reads every document that is ours; all that is wrong is told at once.
    pub(super) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        let mut ours: Vec<&CatalogFile> =
            files.iter().filter(|f| f.path.starts_with(FOLDER) || f.path == REGIONS).collect();
        ours.sort_by(|a, b| a.path.cmp(&b.path));
        let (mut out, mut errors) = (Self::default(), Vec::new());
        let mut hasher = FieldHasher::new("ligase.terraform-knowledge.v1");
        for file in ours {
            hasher = hasher.field(file.path.as_bytes()).field(&file.bytes);
            let result = if file.path == REGIONS { out.read_regions(file) } else { out.read(file) };
            errors.extend(result.err().into_iter().flatten());
        }
        out.digest = Some(hasher.finish());
        if errors.is_empty() { Ok(out) } else { Err(errors) }
    }

    pub(super) fn digest_parts(&self) -> Vec<u8> {
        self.digest.map(|d| d.as_bytes().to_vec()).unwrap_or_default()
    }

    fn read_regions(&mut self, file: &CatalogFile) -> Result<(), Vec<DocumentError>> {
        let document: RegionsDocument =
            read_one(&file.path, &file.bytes, API_VERSION, "Regions").map_err(|e| vec![e])?;
        self.aws = document.spec.aws;
        Ok(())
    }

    fn read(&mut self, file: &CatalogFile) -> Result<(), Vec<DocumentError>> {
        let document: Document = read_one(&file.path, &file.bytes, API_VERSION, "Probe").map_err(|e| vec![e])?;
        let probe = ProbeRef { id: document.metadata.id, version: document.metadata.version };
        let spec = document.spec;
        let mut errors = Vec::new();
        let mut twice = |what: String| {
            errors.push(
                DocumentError::whole("E-PROBE-SAID-TWICE", &*file.path, format!("{what} is described twice"))
                    .remedy("keep one of the two"),
            );
        };
        for rule in spec.storage {
            let rule = Arc::new(complete(rule));
            for of in &rule.types {
                let known = self.storage.entry(of.clone()).or_default();
                if known.iter().any(|k| k.rule.part == rule.part && k.rule.store == rule.store) {
                    twice(format!("storage of {of}"));
                }
                known.push(Said { rule: rule.clone(), probe: probe.clone() });
                self.want_storage(of, &rule);
            }
        }
        for rule in spec.placement {
            let rule = Arc::new(rule);
            for of in &rule.types {
                self.want(of, rule.setting.iter().chain(&rule.restriction));
                let said = Said { rule: rule.clone(), probe: probe.clone() };
                self.placement.entry(of.clone()).or_default().push(said);
            }
        }
        for rule in spec.listener {
            let rule = Arc::new(rule);
            for of in &rule.types {
                self.want(of, [&rule.setting]);
                if self.listener.insert(of.clone(), Said { rule: rule.clone(), probe: probe.clone() }).is_some() {
                    twice(format!("listener of {of}"));
                }
            }
        }
        for rule in spec.account {
            self.want(&rule.of, [&rule.setting]);
            self.account.push(Said { rule: Arc::new(rule), probe: probe.clone() });
        }
        for rule in spec.providers {
            self.probe = Some(probe.clone());
            let rule = Arc::new(rule);
            for prefix in &rule.prefixes {
                let said = Said { rule: rule.clone(), probe: probe.clone() };
                if self.providers.insert(prefix.clone(), said).is_some() {
                    twice(format!("provider {prefix}"));
                }
            }
        }
        self.residue.endings.extend(spec.residue.endings);
        self.residue.words.extend(spec.residue.words);
        self.residue.not_endings.extend(spec.residue.not_endings);
        self.residue.not_types.extend(spec.residue.not_types);
        self.residue.not_modules.extend(spec.residue.not_modules);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn want<'a>(&mut self, of: &str, settings: impl IntoIterator<Item = &'a String>) {
        let known = self.wanted.entry(of.to_owned()).or_default();
        known.extend(settings.into_iter().filter(|s| !s.is_empty()).cloned());
    }

    fn want_storage(&mut self, of: &str, rule: &StorageRule) {
        self.want(of, rule.part_label.iter().chain(&rule.part).chain(&rule.key));
        self.want(of, rule.decide.iter().map(|d| &d.setting));
        let absences = rule.absent_when.iter().chain(&rule.part_missing).filter_map(|a| a.when.as_ref());
        for when in absences.chain(&rule.only_when).chain(&rule.never_when) {
            let named = when.named_like.as_ref().map(|n| &n.setting);
            self.want(of, when.present.iter().chain(&when.missing).chain(&when.setting).chain(named));
        }
        for inherits in &rule.inherits {
            self.want(of, [&inherits.by]);
            for other in &inherits.types {
                self.want(other, &inherits.named);
            }
        }
        for sibling in &rule.siblings {
            self.want(of, [&sibling.named]);
            self.want(&sibling.of, sibling.decide.iter().map(|d| &d.setting).chain(&sibling.key).chain([&sibling.by]));
        }
    }

    /// The settings of a type that are kept when looking.
    pub(super) fn wanted(&self, of: &str) -> BTreeSet<String> {
        let mut out: BTreeSet<String> = ["provider", "region"].map(str::to_owned).into();
        out.extend(["*", of].iter().filter_map(|k| self.wanted.get(*k)).flatten().cloned());
        out
    }

    /// The provider of a type.
    pub(super) fn provider_of(&self, of: &str) -> Option<&Said<ProviderRule>> {
        self.providers.get(of.split('_').next().unwrap_or(of))
    }
}

/// A rule without deciders decides by its setting's truth.
fn complete(mut rule: StorageRule) -> StorageRule {
    if rule.decide.is_empty() && !rule.setting.is_empty() {
        let values = [("true".to_owned(), Encrypted::Yes), ("false".to_owned(), Encrypted::No)].into();
        rule.decide.push(Decider { setting: rule.setting.clone(), values, present: None });
    }
    rule
}
