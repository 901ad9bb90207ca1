//! The forms of `Kind`, `Constraint` and `Framework` documents, as people write them. Serde and schema only; what they
//! mean is checked in `load.rs`. Every form denies keys that it does not know.

use ligase_document::Placed;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `metadata` of a catalog document.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Id {
    /// The id; it is also the file's name.
    pub id: Placed<String>,
}

/// An observation kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KindDocument {
    /// `ligase.dev/v1`.
    pub api_version: String,
    /// `Kind`.
    pub kind: String,
    /// The id.
    pub metadata: Id,
    /// What it has.
    pub spec: KindSpec,
}

/// Identity, symbol and attributes of a kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KindSpec {
    /// What an observation of this kind is, in one sentence.
    #[serde(default)]
    pub statement: String,
    /// The attributes that identify a subject, in order.
    pub identity: Vec<Placed<String>>,
    /// What a person calls it, a template over attributes: `{method} {full_path}`.
    pub symbol: Placed<String>,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// Named syntax nodes that remedies may edit.
    #[serde(default)]
    pub anchors: Vec<String>,
}

/// One attribute of a kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// The closed list of texts; any text when empty.
    #[serde(default)]
    pub values: Vec<String>,
    /// Whether it may be absent; an expression then has to ask `has(…)` first.
    #[serde(default)]
    pub optional: bool,
    /// The attributes of the maps that a list holds, or of a map. A list without it holds texts.
    #[serde(default)]
    pub of: Option<BTreeMap<String, Attribute>>,
}

/// The type of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// Values in order.
    List,
    /// Values by name.
    Map,
}

/// A framework.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FrameworkDocument {
    /// `ligase.dev/v1`.
    pub api_version: String,
    /// `Framework`.
    pub kind: String,
    /// Id, title and date.
    pub metadata: FrameworkMetadata,
    /// Its controls.
    pub spec: FrameworkSpec,
}

/// `metadata` of a framework.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FrameworkMetadata {
    /// The id.
    pub id: Placed<String>,
    /// The title.
    pub title: String,
    /// The date of the published text that it follows, `YYYY-MM-DD`.
    pub as_of: Placed<String>,
    /// Whether it replaces one of the same id that came before.
    #[serde(default)]
    pub overrides: bool,
}

/// The controls of a framework.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameworkSpec {
    /// In published order.
    pub controls: Vec<Control>,
}

/// One control: its published id, our own words, and what contributes to it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Control {
    /// The published id.
    pub id: Placed<String>,
    /// In our own words.
    pub title: String,
    /// When it is in force.
    pub valid: Valid,
    /// The clauses that contribute to it; none when nothing is modelled yet.
    #[serde(default)]
    pub served_by: Vec<Link>,
}

/// From the first day to before the last, if there is one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Valid {
    /// The first day, `YYYY-MM-DD`.
    pub from: Placed<String>,
    /// The first day on which it is no longer in force.
    #[serde(default)]
    pub until: Option<Placed<String>>,
}

/// A link from a control to a clause. It contributes and never proves.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// `constraint/clause`.
    pub clause: Placed<String>,
    /// How the clause relates to the control.
    pub relationship: Relationship,
    /// How sure the link is.
    pub confidence: Confidence,
    /// What the control asks of the clause's parameters.
    #[serde(default)]
    pub bounds: BTreeMap<String, Bound>,
}

/// How a clause relates to a control (NIST IR 8477).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relationship {
    /// Says the same.
    Equal,
    /// Is a part of it.
    SubsetOf,
    /// Holds it as a part.
    SupersetOf,
    /// Shares a part with it.
    Intersects,
    /// Helps it.
    Supports,
}

/// How sure a link is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The published text names the measure.
    High,
    /// It is principle-based or broader.
    Medium,
    /// An interpretation.
    Low,
}

/// What a control asks of a parameter.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bound {
    /// Not less than.
    #[serde(default)]
    pub at_least: Option<i64>,
    /// Not more than.
    #[serde(default)]
    pub at_most: Option<i64>,
}

/// A constraint.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConstraintDocument {
    /// `ligase.dev/v1`.
    pub api_version: String,
    /// `Constraint`.
    pub kind: String,
    /// Id and version.
    pub metadata: ConstraintMetadata,
    /// What it says.
    pub spec: ConstraintSpec,
}

/// `metadata` of a constraint.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstraintMetadata {
    /// The id.
    pub id: Placed<String>,
    /// Counts up whenever it would judge otherwise.
    pub version: u32,
    /// What it belongs with: `access`, `crypto`, `data`.
    pub group: String,
    /// Whether it replaces one of the same id that came before; recorded and shown.
    #[serde(default)]
    pub overrides: bool,
}

/// What a constraint says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConstraintSpec {
    /// What holds, in one sentence.
    pub statement: String,
    /// Why.
    pub rationale: String,
    /// How bad it is when it does not hold.
    pub severity: SeveritySpec,
    /// When it holds for a service at all; CEL over `dna`.
    #[serde(default)]
    pub applies_when: Option<Placed<String>>,
    /// What a service or a control may tighten.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterSpec>,
    /// Its judgements.
    pub clauses: Vec<ClauseSpec>,
}

/// How bad it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeveritySpec {
    /// Before the DNA is considered.
    pub base: SeverityName,
    /// One step lower when this holds; CEL over `dna`.
    #[serde(default)]
    pub lower_when: Option<Placed<String>>,
    /// One step higher when this holds; CEL over `dna`.
    #[serde(default)]
    pub raise_when: Option<Placed<String>>,
}

/// The name of a severity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum SeverityName {
    Low,
    Medium,
    High,
    Critical,
}

/// One parameter of a constraint.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Placed<ParameterType>,
    /// The unit, for people.
    #[serde(default)]
    pub unit: Option<String>,
    /// Which way it tightens.
    pub stricter: Stricter,
    /// What holds when nobody says otherwise: a number for an int, a list for texts.
    #[serde(default)]
    pub default: Option<ParameterValue>,
    /// Where else it comes from: the DNA's `residency`.
    #[serde(default)]
    pub from: Option<ParameterSource>,
}

/// The type of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    /// A whole number.
    Int,
    /// A list of texts.
    Texts,
}

/// Which way a parameter tightens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stricter {
    /// The lower number.
    Lower,
    /// The higher number.
    Higher,
    /// What all lists that say something have in common.
    Subset,
}

/// What of the DNA gives a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterSource {
    /// The declared jurisdictions.
    Residency,
}

/// The value of a parameter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum ParameterValue {
    /// A whole number.
    Int(i64),
    /// A list of texts.
    Texts(Vec<String>),
}

impl<'de> Deserialize<'de> for ParameterValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = ParameterValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number or a list of texts")
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<ParameterValue, E> {
                Ok(ParameterValue::Int(n))
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<ParameterValue, E> {
                i64::try_from(n).map(ParameterValue::Int).map_err(|_| E::custom("the number is too large"))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<ParameterValue, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element::<String>()? {
                    texts.push(text);
                }
                Ok(ParameterValue::Texts(texts))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// One judgement of a constraint.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClauseSpec {
    /// The id within the constraint.
    pub id: Placed<String>,
    /// What this clause says, when the constraint has several.
    #[serde(default)]
    pub statement: Option<String>,
    /// How bad it is, where that differs from the constraint's base.
    #[serde(default)]
    pub severity: Option<SeverityName>,
    /// What can know it.
    pub known_by: KnownBy,
    /// What it judges one by one. Without it the clause is declared and not modelled: *indeterminate(not-modelled)*.
    #[serde(default, rename = "for")]
    pub subjects: Option<Subjects>,
    /// When the whole clause does not apply, asked once for the service; CEL without `it`.
    #[serde(default)]
    pub unless: Vec<Reasoned>,
    /// When it does not apply to a subject.
    #[serde(default)]
    pub exempt: Vec<Reasoned>,
    /// Names for parts, evaluated in order.
    #[serde(default, rename = "let")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub lets: Lets,
    /// When the subject has the property.
    #[serde(default)]
    pub satisfied_when: Option<Placed<String>>,
    /// When, if it does not have it, that may be said.
    #[serde(default)]
    pub conclusive_when: Option<Placed<String>>,
    /// Why it could not be decided; the first that holds.
    #[serde(default, rename = "else")]
    pub otherwise: Vec<Reasoned>,
    /// What it means that there is no subject; the first that holds.
    #[serde(default)]
    pub nothing_seen: Vec<NothingSeen>,
    /// One sentence for a person: `{it.x}` and `{params.y}` are filled in.
    #[serde(default)]
    pub message: Option<Placed<String>>,
}

/// Named expressions in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Lets(pub Vec<(String, Placed<String>)>);

impl<'de> Deserialize<'de> for Lets {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Lets;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping of names to expressions")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Lets, A::Error> {
                let mut lets = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    lets.push(pair);
                }
                Ok(Lets(lets))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// What can know a clause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KnownBy {
    /// Source code.
    Code,
    /// Infrastructure and other configuration in the repository.
    Configuration,
    /// The repository's own settings on the forge.
    Repository,
    /// A person's word.
    Attested,
}

impl KnownBy {
    /// Whether anything of Ligase can look at it.
    pub const fn is_looked_at(self) -> bool {
        matches!(self, Self::Code | Self::Configuration)
    }
}

/// What a clause judges one by one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subjects {
    /// The observation kind.
    pub each: Placed<String>,
    /// Which of them.
    #[serde(default, rename = "where")]
    pub filter: Option<Placed<String>>,
}

/// A condition and the reason that it gives.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reasoned {
    /// CEL; always when absent.
    #[serde(default)]
    pub when: Option<Placed<String>>,
    /// A stable word in kebab-case.
    pub reason: Placed<String>,
}

/// What it means that there is no subject.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingSeen {
    /// CEL without `it`; always when absent.
    #[serde(default)]
    pub when: Option<Placed<String>>,
    /// The outcome. An empty set never satisfies.
    pub outcome: NothingOutcome,
    /// A stable word in kebab-case.
    pub reason: Placed<String>,
}

/// What an empty set of subjects may mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NothingOutcome {
    /// There is nothing that the clause could apply to.
    NotApplicable,
    /// It cannot be said.
    Indeterminate,
}
