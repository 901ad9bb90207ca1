//! The catalog as the judgement reads it: kinds, constraints with their clauses, frameworks with their links.
//!
//! Loading checks everything that can be wrong without looking at any repository: unknown references, expressions that do
//! not parse or name what no kind has, identities that no attribute gives. It reads neither vocabulary nor probes nor the
//! bodies of remedies; those belong to `probe` and `remedy`. Next: `catalog/documents.rs` for the forms, `lint.rs`.

mod documents;
pub(crate) mod load;

pub use documents::{
    Attribute, AttributeType, Bound, ClauseSpec, ConstraintDocument, ConstraintSpec, Control, FrameworkDocument,
    KindDocument, KindSpec, KnownBy, Link, NothingOutcome, NothingSeen, ParameterSource, ParameterSpec, ParameterType,
    ParameterValue, Reasoned, Relationship, SeverityName, SeveritySpec, Stricter, Subjects,
};

use crate::expression::Expression;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{ClauseId, Digest, Severity};
use std::collections::BTreeMap;

/// A framework as it was read.
#[derive(Clone, Debug)]
pub struct Framework {
    /// The id, such as `soc2`.
    pub id: String,
    /// The title.
    pub title: String,
    /// The date of the published text that it follows, as `YYYY-MM-DD`.
    pub as_of: String,
    /// Its controls in the order of the file.
    pub controls: Vec<Control>,
    /// The digest of the file.
    pub digest: Digest,
}

impl Framework {
    /// `id@as-of`, as assessments name it.
    pub fn key(&self) -> String {
        format!("{}@{}", self.id, self.as_of)
    }
}

/// One observation kind.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The id, such as `endpoint`.
    pub id: String,
    /// Its name in expressions: `log_call` for `log-call`.
    pub(crate) variable: String,
    /// Identity, symbol and attributes.
    pub spec: KindSpec,
}

impl Attribute {
    /// Whether a value is what the kind says: the type, all the way down. Closed lists are not asked, because a value that
    /// a rule does not know satisfies nothing. The depth is the kind's, never the value's.
    pub(crate) fn fits(&self, value: &ligase_domain::Value) -> bool {
        use ligase_domain::Value;
        match (self.kind, value) {
            (AttributeType::Text, Value::Text(_))
            | (AttributeType::Int, Value::Int(_))
            | (AttributeType::Bool, Value::Bool(_)) => true,
            (AttributeType::List, Value::List(items)) => match &self.of {
                None => items.iter().all(|i| matches!(i, Value::Text(_))),
                Some(of) => items.iter().all(|i| i.as_map().is_some_and(|m| all_fit(of, m))),
            },
            (AttributeType::Map, Value::Map(map)) => self.of.as_ref().is_none_or(|of| all_fit(of, map)),
            _ => false,
        }
    }
}

fn all_fit(of: &BTreeMap<String, Attribute>, map: &BTreeMap<String, ligase_domain::Value>) -> bool {
    of.iter().all(|(name, attribute)| map.get(name).map_or(attribute.optional, |v| attribute.fits(v)))
}

/// A constraint whose expressions are ready to be evaluated.
#[derive(Debug)]
pub struct Constraint {
    /// The id, such as `enc-at-rest`.
    pub id: String,
    /// Counts up whenever it would judge otherwise.
    pub version: u32,
    /// The form as it was read.
    pub spec: ConstraintSpec,
    /// The severity before the DNA is considered.
    pub severity: Severity,
    /// When it holds at all.
    pub(crate) applies_when: Option<Expression>,
    pub(crate) lower_when: Option<Expression>,
    pub(crate) raise_when: Option<Expression>,
    /// Its clauses in the order of the file.
    pub clauses: Vec<Clause>,
    /// The digest of the file; part of every verdict sheet's key.
    pub digest: Digest,
}

/// One clause of a constraint.
#[derive(Debug)]
pub struct Clause {
    /// `constraint/clause`.
    pub id: ClauseId,
    /// The form as it was read.
    pub spec: ClauseSpec,
    /// Its rule; none when it is declared but not modelled yet.
    pub(crate) rule: Option<Rule>,
}

impl Clause {
    /// Whether there is a rule that judges it.
    pub fn is_modelled(&self) -> bool {
        self.rule.is_some()
    }
}

/// A clause's rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub each: String,
    pub filter: Option<Expression>,
    pub unless: Vec<(Option<Expression>, String)>,
    pub exempt: Vec<(Option<Expression>, String)>,
    pub lets: Vec<(String, Expression)>,
    pub satisfied: Expression,
    pub conclusive: Expression,
    pub otherwise: Vec<(Option<Expression>, String)>,
    pub nothing: Vec<Nothing>,
    /// Whether any expression reads other observations.
    pub reads_seen: bool,
    /// The attributes of a subject that any expression reads: they have to be what the kind says.
    pub reads: std::collections::BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Nothing {
    pub when: Option<Expression>,
    pub not_applicable: bool,
    pub reason: String,
}

/// A clause with the constraint that it is of.
#[derive(Clone, Copy, Debug)]
pub struct ClauseRef<'a> {
    /// The constraint.
    pub constraint: &'a Constraint,
    /// The clause.
    pub clause: &'a Clause,
}

/// Kinds, constraints and frameworks.
#[derive(Debug)]
pub struct Catalog {
    kinds: BTreeMap<String, Kind>,
    constraints: BTreeMap<String, Constraint>,
    frameworks: BTreeMap<String, Framework>,
    remedies: Vec<String>,
    overridden: BTreeMap<String, String>,
    kinds_digest: Digest,
    digest: Digest,
}

impl Catalog {
    /// Reads `kinds/`, `constraints/` and `frameworks/`; other folders are not its business. Files that come later (an
    /// organisation's own folder) extend what came before; what they replace has to say `overrides: true`.
    pub fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        load::load(files)
    }

    /// The digest of everything that a judgement depends on here.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest of what a clause of this constraint is judged by: the constraint, the kinds, the remedies' names.
    pub(crate) fn rule_digest(&self, constraint: &Constraint) -> Digest {
        let hasher = ligase_domain::FieldHasher::new("ligase.rule.v1").field(constraint.digest.as_bytes());
        let hasher = hasher.field(self.kinds_digest.as_bytes()).number(u64::from(constraint.version));
        self.remedies.iter().fold(hasher, |h, r| h.field(r)).finish()
    }

    /// An observation kind.
    pub fn kind(&self, id: &str) -> Option<&Kind> {
        self.kinds.get(id)
    }

    /// All kinds by id.
    pub fn kinds(&self) -> &BTreeMap<String, Kind> {
        &self.kinds
    }

    /// A constraint.
    pub fn constraint(&self, id: &str) -> Option<&Constraint> {
        self.constraints.get(id)
    }

    /// All constraints by id.
    pub fn constraints(&self) -> &BTreeMap<String, Constraint> {
        &self.constraints
    }

    /// A clause.
    pub fn clause(&self, id: &ClauseId) -> Option<ClauseRef<'_>> {
        let constraint = self.constraints.get(&id.constraint)?;
        let clause = constraint.clauses.iter().find(|c| c.id == *id)?;
        Some(ClauseRef { constraint, clause })
    }

    /// A framework.
    pub fn framework(&self, id: &str) -> Option<&Framework> {
        self.frameworks.get(id)
    }

    /// All frameworks by id.
    pub fn frameworks(&self) -> &BTreeMap<String, Framework> {
        &self.frameworks
    }

    /// Constraints of an earlier file that a later one replaced: id and the file that did. Shown in every verdict.
    pub fn overridden(&self) -> &BTreeMap<String, String> {
        &self.overridden
    }

    /// The data classes that may be declared: what data fields can be of.
    pub fn data_classes(&self) -> &[String] {
        let class = self.kind("data-field").and_then(|k| k.spec.attributes.get("class"));
        class.map_or(&[], |a| a.values.as_slice())
    }

    /// The remedy that the catalog has for a clause and a stack: by the name of its file, `<clause>.<stack>.yaml`. The name may
    /// say a library behind the stack (`python-fastapi-slowapi`); one without comes first.
    pub fn remedy_for(&self, clause: &ClauseId, language: &str, stack: &str) -> Option<&str> {
        let wanted = [format!("{language}-{stack}"), stack.to_owned(), language.to_owned()];
        let prefix = format!("{clause}/");
        let with_library = format!("{prefix}{language}-{stack}-");
        let exact = wanted.iter().find_map(|stack| {
            let of_stack = |r: &&String| r.strip_prefix(&prefix).is_some_and(|s| !s.is_empty() && s == stack);
            self.remedies.iter().find(of_stack)
        });
        let further = || self.remedies.iter().find(|r| r.starts_with(&with_library));
        exact.or_else(further).map(String::as_str)
    }
}
