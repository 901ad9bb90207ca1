//! What is known of a provider, as data: `probes/<language>/*.yaml` and `vocabulary/regions.yaml`. Reads and validates; what
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
pub(crate) enum Encrypted {
    Yes,
    No,
    ByDefault,
    Unknown,
}

impl Encrypted {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::ByDefault => "by-default",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) const fn holds(self) -> bool {
        matches!(self, Self::Yes | Self::ByDefault)
    }
}

/// One setting that decides. Deciders are asked in order; the first that is set decides.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Decider {
    /// Path from the resource: `encrypt_at_rest.enabled`.
    pub(crate) setting: String,
    /// What each value means, exactly as written (`"true"` also stands for `true`).
    #[serde(default)]
    pub(crate) values: BTreeMap<String, Encrypted>,
    /// What any value that is not empty means, where the values are names of keys.
    #[serde(default)]
    pub(crate) present: Option<Encrypted>,
}

/// A condition on a resource; all that is given must hold.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Condition {
    /// This setting or nested block is there.
    #[serde(default)]
    pub(crate) present: Option<String>,
    /// This setting or nested block is not there.
    #[serde(default)]
    pub(crate) missing: Option<String>,
    /// This setting …
    #[serde(default)]
    pub(crate) setting: Option<String>,
    /// … has one of these values.
    #[serde(default)]
    pub(crate) is: Vec<String>,
    /// The repository pins the provider below this major version.
    #[serde(default)]
    pub(crate) provider_below: Option<u32>,
    /// The resource's name, or this setting's text, has one of the words.
    #[serde(default)]
    pub(crate) named_like: Option<NamedLike>,
}

/// Whether a name says that what it names is sensitive.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NamedLike {
    pub(crate) setting: String,
    pub(crate) words: Vec<String>,
}

/// What holds when no setting decides.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Absence {
    #[serde(default)]
    pub(crate) when: Option<Condition>,
    pub(crate) encrypted: Encrypted,
    /// The stable reason for `unknown`.
    #[serde(default)]
    pub(crate) reason: String,
}

/// Another resource that decides for this one and refers to it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sibling {
    #[serde(rename = "type")]
    pub(crate) of: String,
    /// The sibling's setting that refers to this resource.
    pub(crate) by: String,
    /// This resource's setting that is its literal name.
    pub(crate) named: String,
    pub(crate) decide: Vec<Decider>,
    #[serde(default)]
    pub(crate) key: Vec<String>,
}

/// A resource that this one takes its encryption from.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Inherits {
    /// This resource's setting that refers to it.
    pub(crate) by: String,
    pub(crate) types: Vec<String>,
    /// The other resource's setting that is its literal name.
    #[serde(default)]
    pub(crate) named: Vec<String>,
}

/// What a rule of encryption is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Concern {
    /// What a resource keeps.
    #[default]
    Storage,
    /// Connections to a resource.
    Transport,
}

impl Concern {
    /// The kind of what is observed.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Transport => "transport",
        }
    }
}

/// Where encryption of a type of resource, or of a nested part of it, is decided: at rest, or of connections to it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct StorageRule {
    pub(crate) types: Vec<String>,
    /// A nested block that is a store of its own (`root_block_device`): one observation each.
    #[serde(default)]
    pub(crate) part: Option<String>,
    /// The part's setting that names it among equals.
    #[serde(default)]
    pub(crate) part_label: Option<String>,
    /// What holds when there is no such block; without it nothing is observed then.
    #[serde(default)]
    pub(crate) part_missing: Option<Absence>,
    /// Name of a store that is no nested block (`root_volume`).
    #[serde(default)]
    pub(crate) store: Option<String>,
    /// The setting that a remedy would write; empty when there is none.
    #[serde(default)]
    pub(crate) setting: String,
    /// Without it, `setting` decides by true and false.
    #[serde(default)]
    pub(crate) decide: Vec<Decider>,
    /// The first that applies.
    #[serde(default)]
    pub(crate) absent_when: Vec<Absence>,
    pub(crate) absent: Encrypted,
    /// The stable reason, when `absent` is `unknown`.
    #[serde(default)]
    pub(crate) absent_reason: String,
    /// Settings that name the key, in order.
    #[serde(default)]
    pub(crate) key: Vec<String>,
    /// Whether changing the setting replaces the resource.
    #[serde(default)]
    pub(crate) replaces: bool,
    #[serde(default)]
    pub(crate) inherits: Vec<Inherits>,
    #[serde(default)]
    pub(crate) siblings: Vec<Sibling>,
    /// Observed only when one of these holds; when none is given, always.
    #[serde(default)]
    pub(crate) only_when: Vec<Condition>,
    /// Never observed when one of these holds.
    #[serde(default)]
    pub(crate) never_when: Vec<Condition>,
    /// Under which heading it stands.
    #[serde(skip)]
    pub(crate) concern: Concern,
}

/// A setting of an account and region that decides where a resource is silent.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AccountRule {
    #[serde(rename = "type")]
    pub(crate) of: String,
    pub(crate) setting: String,
    /// What its absence means.
    pub(crate) absent: Encrypted,
    pub(crate) covers: Vec<String>,
}

/// What a placement is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Resource,
    Replica,
    Backup,
    Zone,
}

impl What {
    pub(crate) const fn name(self) -> &'static str {
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
pub(crate) enum ReadAs {
    #[default]
    Region,
    Zone,
    /// An ARN, or a reference to a resource, whose region it is.
    Resource,
    /// A name or a path of a configuration that stands for one or more regions: `regional-europe-west1`.
    Configuration,
    /// The region beside the resource's own, as its cloud pairs them.
    Pair,
}

/// Where a type of resource puts data beside its provider's region.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PlacementRule {
    /// `aws_*` means every type of the provider.
    pub(crate) types: Vec<String>,
    pub(crate) what: What,
    /// The setting that names the region.
    #[serde(default)]
    pub(crate) setting: Option<String>,
    #[serde(default)]
    pub(crate) read_as: ReadAs,
    /// The resource is a copy that stands in the region of its own provider.
    #[serde(default)]
    pub(crate) own_region: bool,
    /// The service has no region.
    #[serde(default)]
    pub(crate) global: bool,
    /// The setting that says how countries are restricted.
    #[serde(default)]
    pub(crate) restriction: Option<String>,
    /// The region that holds where the setting is absent.
    #[serde(default)]
    pub(crate) absent: Option<String>,
    /// Observed only when this holds.
    #[serde(default)]
    pub(crate) when: Option<Condition>,
}

/// Whether the public internet reaches a resource.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ListenerRule {
    pub(crate) types: Vec<String>,
    /// Empty when the type alone decides.
    #[serde(default)]
    pub(crate) setting: String,
    #[serde(default)]
    pub(crate) public: Vec<String>,
    #[serde(default)]
    pub(crate) private: Vec<String>,
    /// What absence means.
    pub(crate) absent: Reach,
}

/// Who reaches a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reach {
    Public,
    Private,
}

/// A provider, told by the first word of its types.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ProviderRule {
    /// The first words: `aws`; `azurerm`, `azapi`.
    pub(crate) prefixes: Vec<String>,
    pub(crate) stack: String,
    pub(crate) modelled: bool,
    /// The cloud, as `vocabulary/regions.yaml` names it.
    #[serde(default)]
    pub(crate) cloud: String,
    /// Settings of a resource that say its own region, in order.
    #[serde(default)]
    pub(crate) region_settings: Vec<String>,
    /// Where the region of a resource comes from that names none.
    #[serde(default)]
    pub(crate) region_of: RegionOf,
    /// Types that keep and place no data; `aws_iam_*` for all that begin so.
    #[serde(default)]
    pub(crate) keeps_nothing: Vec<String>,
}

impl ProviderRule {
    /// Whether resources of a type keep no data.
    pub(crate) fn keeps_nothing(&self, of: &str) -> bool {
        self.keeps_nothing.iter().any(|k| k.strip_suffix('*').map_or(of == k, |begin| of.starts_with(begin)))
    }
}

/// Where the region of a resource comes from that names none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RegionOf {
    /// Nowhere: each resource says its own.
    #[default]
    Resource,
    /// The provider's configuration, which every resource needs.
    Provider,
    /// The provider's configuration, for some of its resources.
    ProviderOrResource,
    /// Whoever deploys.
    Deployment,
}

/// What looks like a store and is not modelled.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ResidueRule {
    /// Types that end with one of these name a store, for a provider that is modelled.
    #[serde(default)]
    pub(crate) endings: Vec<String>,
    /// Types that have one of these words name a store, for a provider that is not.
    #[serde(default)]
    pub(crate) words: Vec<String>,
    /// Endings that never do: what describes, permits or attaches.
    #[serde(default)]
    pub(crate) not_endings: Vec<String>,
    /// Types that look so and keep nothing.
    #[serde(default)]
    pub(crate) not_types: Vec<String>,
    /// Modules from elsewhere that only compute names.
    #[serde(default)]
    pub(crate) not_modules: Vec<String>,
    /// Types that run containers, whose settings nobody has modelled.
    #[serde(default)]
    pub(crate) workloads: Vec<String>,
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
    Cloudformation,
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
    transport: Vec<StorageRule>,
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
    spec: BTreeMap<String, CloudRegions>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VocabularyMetadata {
    #[serde(rename = "id")]
    _id: String,
}

/// Where the regions of a cloud lie.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudRegions {
    /// Region to jurisdiction.
    regions: BTreeMap<String, String>,
    /// Beginning of a zone's name to jurisdiction, where a zone lies elsewhere than its region.
    #[serde(default)]
    zones: BTreeMap<String, String>,
    /// Region to the region that its copies go to.
    #[serde(default)]
    pairs: BTreeMap<String, String>,
}

/// A region's name as the vocabulary has it: `West Europe` is `westeurope`, `EUR4` is `eur4`.
fn folded(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

impl CloudRegions {
    /// A region by one of its spellings, and its jurisdiction.
    pub(crate) fn of_region(&self, region: &str) -> Option<(&str, &str)> {
        let known = self.regions.get_key_value(region).or_else(|| self.regions.get_key_value(&folded(region)));
        known.map(|(name, place)| (name.as_str(), place.as_str()))
    }

    /// The region that copies of a region go to.
    pub(crate) fn pair_of(&self, region: &str) -> Option<&str> {
        self.pairs.get(region).map(String::as_str)
    }

    /// The region and the jurisdiction of an availability, local or wavelength zone.
    pub(crate) fn of_zone(&self, zone: &str) -> Option<(&str, &str)> {
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
pub(crate) struct Said<T> {
    pub(crate) rule: Arc<T>,
    pub(crate) probe: ProbeRef,
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knowledge {
    pub(crate) storage: BTreeMap<String, Vec<Said<StorageRule>>>,
    pub(crate) transport: BTreeMap<String, Vec<Said<StorageRule>>>,
    pub(crate) account: Vec<Said<AccountRule>>,
    pub(crate) placement: BTreeMap<String, Vec<Said<PlacementRule>>>,
    pub(crate) listener: BTreeMap<String, Said<ListenerRule>>,
    pub(crate) providers: BTreeMap<String, Said<ProviderRule>>,
    pub(crate) residue: ResidueRule,
    /// What observes providers and residue; the document that names the providers.
    pub(crate) probe: Option<ProbeRef>,
    clouds: BTreeMap<String, CloudRegions>,
    /// The language that the rules are for: `terraform`.
    pub(crate) language: &'static str,
    wanted: BTreeMap<String, BTreeSet<String>>,
    digest: Option<Digest>,
}

/// Where the regions of clouds stand.
pub(crate) const REGIONS: &str = "vocabulary/regions.yaml";

/// The regions of each cloud, by the cloud's name.
pub(crate) fn read_clouds(file: &CatalogFile) -> Result<BTreeMap<String, CloudRegions>, DocumentError> {
    read_one::<RegionsDocument>(&file.path, &file.bytes, API_VERSION, "Regions").map(|document| document.spec)
}

impl Knowledge {
    /// Reads every document that is ours; all that is wrong is told at once.
    pub(crate) fn load(files: &[CatalogFile], language: &'static str) -> Result<Self, Vec<DocumentError>> {
        let folder = format!("probes/{language}/");
        let mut ours: Vec<&CatalogFile> =
            files.iter().filter(|f| f.path.starts_with(&folder) || f.path == REGIONS).collect();
        ours.sort_by(|a, b| a.path.cmp(&b.path));
        let (mut out, mut errors) = (Self { language, ..Self::default() }, Vec::new());
        let mut hasher = FieldHasher::new("ligase.resource-knowledge.v1").field(language);
        for file in ours {
            hasher = hasher.field(file.path.as_bytes()).field(&file.bytes);
            let result = if file.path == REGIONS { out.read_regions(file) } else { out.read(file) };
            errors.extend(result.err().into_iter().flatten());
        }
        out.digest = Some(hasher.finish());
        if errors.is_empty() { Ok(out) } else { Err(errors) }
    }

    pub(crate) fn digest_parts(&self) -> Vec<u8> {
        self.digest.map(|d| d.as_bytes().to_vec()).unwrap_or_default()
    }

    fn read_regions(&mut self, file: &CatalogFile) -> Result<(), Vec<DocumentError>> {
        self.clouds = read_clouds(file).map_err(|e| vec![e])?;
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
        let of_transport = spec.transport.into_iter().map(|r| StorageRule { concern: Concern::Transport, ..r });
        for rule in spec.storage.into_iter().chain(of_transport) {
            let rule = Arc::new(complete(rule));
            for of in &rule.types {
                let known = self.encryption_mut(rule.concern).entry(of.clone()).or_default();
                if known.iter().any(|k| k.rule.part == rule.part && k.rule.store == rule.store) {
                    twice(format!("{} of {of}", rule.concern.kind()));
                }
                known.push(Said { rule: rule.clone(), probe: probe.clone() });
                self.want_storage(of, &rule);
            }
        }
        for rule in spec.placement {
            let rule = Arc::new(rule);
            for of in &rule.types {
                self.want(of, rule.setting.iter().chain(&rule.restriction));
                self.want(of, rule.when.iter().flat_map(|w| w.present.iter().chain(&w.missing).chain(&w.setting)));
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
        self.residue.workloads.extend(spec.residue.workloads);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn encryption_mut(&mut self, concern: Concern) -> &mut BTreeMap<String, Vec<Said<StorageRule>>> {
        match concern {
            Concern::Storage => &mut self.storage,
            Concern::Transport => &mut self.transport,
        }
    }

    /// The rules of encryption by type.
    pub(crate) fn encryption(&self, concern: Concern) -> &BTreeMap<String, Vec<Said<StorageRule>>> {
        match concern {
            Concern::Storage => &self.storage,
            Concern::Transport => &self.transport,
        }
    }

    /// The rules of encryption, whatever they are about.
    pub(crate) fn all_encryption(&self) -> impl Iterator<Item = &Said<StorageRule>> {
        self.storage.values().chain(self.transport.values()).flatten()
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
    pub(crate) fn wanted(&self, of: &str) -> BTreeSet<String> {
        let mut out: BTreeSet<String> = ["provider", "region", "count"].map(str::to_owned).into();
        out.extend(self.provider_of(of).iter().flat_map(|p| p.rule.region_settings.iter().cloned()));
        let every = every_of(of);
        out.extend([every.as_str(), of].iter().filter_map(|k| self.wanted.get(*k)).flatten().cloned());
        out
    }

    /// The rules for places of a type: those of every type of its provider first.
    pub(crate) fn placement_of(&self, of: &str) -> impl Iterator<Item = &Said<PlacementRule>> {
        let every = self.placement.get(&every_of(of)).into_iter().flatten();
        every.chain(self.placement.get(of).into_iter().flatten())
    }

    /// The provider of a type.
    pub(crate) fn provider_of(&self, of: &str) -> Option<&Said<ProviderRule>> {
        self.providers.get(prefix_of(of))
    }

    /// The regions of a provider's cloud.
    pub(crate) fn regions_of(&self, provider: &ProviderRule) -> Option<&CloudRegions> {
        self.clouds.get(&provider.cloud)
    }
}

/// `aws` of `aws_s3_bucket`, `AWS` of `AWS::S3::Bucket`.
pub(crate) fn prefix_of(of: &str) -> &str {
    of.split("::").next().filter(|p| p.len() < of.len()).or_else(|| of.split('_').next()).unwrap_or(of)
}

/// How rules name every type of a provider: `aws_*`, `AWS::*`.
fn every_of(of: &str) -> String {
    format!("{}{}*", prefix_of(of), if of.contains("::") { "::" } else { "_" })
}

/// A rule without deciders decides by its setting's truth.
fn complete(mut rule: StorageRule) -> StorageRule {
    if rule.decide.is_empty() && !rule.setting.is_empty() {
        let values = [("true".to_owned(), Encrypted::Yes), ("false".to_owned(), Encrypted::No)].into();
        rule.decide.push(Decider { setting: rule.setting.clone(), values, present: None });
    }
    rule
}
