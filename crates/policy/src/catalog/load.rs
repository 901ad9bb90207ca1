//! Reads the catalog's documents, compiles every expression and checks each against the kinds. All errors are collected:
//! an author sees everything that is wrong at once. Next: `lint.rs`.

use super::documents::{
    ClauseSpec, ConstraintDocument, ConstraintSpec, FrameworkDocument, KindDocument, Lets, NothingOutcome,
    ParameterSource, ParameterSpec, ParameterType, ParameterValue, Reasoned, SeverityName, Stricter,
};
use super::{Catalog, Clause, Constraint, Framework, Kind, Nothing, Rule};
use crate::expression::Expression;
use crate::lint::{Field, Scope, Ty, check};
use crate::template;
use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, Place, Placed, read_one};
use ligase_domain::{ClauseId, Digest, FieldHasher, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// Names of services, ids and reasons: short, lower-case, kebab.
pub(crate) fn is_kebab(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

pub(super) fn load(files: &[CatalogFile]) -> Result<Catalog, Vec<DocumentError>> {
    let mut loader = Loader::default();
    files.iter().filter(|f| is_in(f, "kinds")).for_each(|f| loader.kind(f));
    files.iter().filter(|f| is_in(f, "constraints")).for_each(|f| loader.constraint(f));
    files.iter().filter(|f| is_in(f, "frameworks")).for_each(|f| loader.framework(f));
    loader.links();
    loader.remedies = files.iter().filter_map(remedy_id).collect();
    if !loader.errors.is_empty() {
        return Err(loader.errors);
    }
    let all = |prefix: &str| {
        let of = loader.hashed.iter().filter(|(path, _)| path.starts_with(prefix));
        of.fold(FieldHasher::new("ligase.catalog.v1"), |h, (path, d)| h.field(path).field(d.as_bytes()))
    };
    let digest = loader.remedies.iter().fold(all(""), |h, r| h.field(r)).finish();
    let kinds_digest = all("kinds/").finish();
    Ok(Catalog {
        kinds: loader.kinds,
        constraints: loader.constraints,
        frameworks: loader.frameworks,
        remedies: loader.remedies,
        overridden: loader.overridden,
        kinds_digest,
        digest,
    })
}

fn is_in(file: &CatalogFile, folder: &str) -> bool {
    let rest = file.path.strip_prefix(folder).and_then(|r| r.strip_prefix('/'));
    rest.is_some_and(|r| r.ends_with(".yaml") && !r.ends_with(".examples.yaml") && !r.contains('/'))
}

/// `remedies/<constraint>/<clause>.<stack>.yaml` is the remedy `<constraint>/<clause>/<stack>`.
fn remedy_id(file: &CatalogFile) -> Option<String> {
    let rest = file.path.strip_prefix("remedies/")?.strip_suffix(".yaml")?;
    let (constraint, name) = rest.split_once('/')?;
    let (clause, stack) = name.split_once('.')?;
    (!stack.contains("examples")).then(|| format!("{constraint}/{clause}/{stack}"))
}

#[derive(Default)]
struct Loader {
    kinds: BTreeMap<String, Kind>,
    constraints: BTreeMap<String, Constraint>,
    frameworks: BTreeMap<String, Framework>,
    framework_files: BTreeMap<String, String>,
    remedies: Vec<String>,
    overridden: BTreeMap<String, String>,
    hashed: BTreeMap<String, Digest>,
    errors: Vec<DocumentError>,
}

impl Loader {
    fn read<T: serde::de::DeserializeOwned>(&mut self, file: &CatalogFile, kind: &str) -> Option<T> {
        match read_one(&file.path, &file.bytes, API_VERSION, kind) {
            Ok(document) => Some(document),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    fn error(&mut self, file: &str, code: &str, place: Place, problem: impl Into<String>) -> &mut DocumentError {
        self.errors.push(DocumentError::at(format!("E-CATALOG-{code}"), file, place, problem));
        self.errors.last_mut().expect("just pushed")
    }

    fn hash(&mut self, kind: &str, id: &str, file: &CatalogFile) -> Digest {
        let digest = Digest::of(&file.bytes);
        self.hashed.insert(format!("{kind}/{id}"), digest);
        digest
    }

    fn kind(&mut self, file: &CatalogFile) {
        let Some(document) = self.read::<KindDocument>(file, "Kind") else { return };
        let (id, spec) = (document.metadata.id, document.spec);
        for name in &spec.identity {
            if !spec.attributes.contains_key(&name.value) {
                let known = spec.attributes.keys().map(String::as_str);
                let error = DocumentError::at(
                    "E-CATALOG-UNKNOWN-ATTRIBUTE",
                    &*file.path,
                    name.place,
                    format!("the identity names {:?}, which is no attribute", name.value),
                );
                self.errors.push(error.among(name, known));
            }
        }
        self.template(&file.path, &spec.symbol, |name| spec.attributes.contains_key(name));
        if self.kinds.contains_key(&id.value) {
            self.error(&file.path, "DUPLICATE", id.place, format!("the kind {:?} is already there", id.value));
        }
        self.hash("kinds", &id, file);
        self.kinds.insert(id.value.clone(), Kind { variable: id.replace('-', "_"), id: id.value, spec });
    }

    fn constraint(&mut self, file: &CatalogFile) {
        let Some(document) = self.read::<ConstraintDocument>(file, "Constraint") else { return };
        let (metadata, spec) = (document.metadata, document.spec);
        self.check_id(&file.path, &metadata.id);
        match (self.constraints.contains_key(&metadata.id.value), metadata.overrides) {
            (true, true) => {
                self.overridden.insert(metadata.id.value.clone(), file.path.to_string());
            }
            (true, false) => {
                let problem = format!("the constraint {:?} is already there", metadata.id.value);
                self.error(&file.path, "DUPLICATE", metadata.id.place, problem).remedy =
                    "write overrides: true, if it is to replace the other; this is recorded and shown".to_owned();
            }
            (false, true) => {
                let problem = format!("there is no constraint {:?} to override", metadata.id.value);
                self.error(&file.path, "NOTHING-TO-OVERRIDE", metadata.id.place, problem);
            }
            (false, false) => {}
        }
        let compiled = self.compile(file, metadata.id.value, metadata.version, spec);
        self.constraints.insert(compiled.id.clone(), compiled);
    }

    fn compile(&mut self, file: &CatalogFile, id: String, version: u32, spec: ConstraintSpec) -> Constraint {
        spec.parameters.values().for_each(|p| self.parameter(&file.path, p));
        let dna_only = Scope::from([("dna".to_owned(), dna_type(self.data_classes()))]);
        let scopes = self.scopes(&spec);
        let mut clauses: Vec<Clause> = Vec::new();
        for clause in &spec.clauses {
            if clauses.iter().any(|c| c.id.clause == clause.id.value) {
                let problem = format!("the clause {:?} is already there", clause.id.value);
                self.error(&file.path, "DUPLICATE", clause.id.place, problem);
            }
            self.check_id(&file.path, &clause.id);
            let rule = self.rule(&file.path, clause, &scopes);
            let clause_id = ClauseId { constraint: id.clone(), clause: clause.id.value.clone() };
            clauses.push(Clause { id: clause_id, spec: clause.clone(), rule });
        }
        if clauses.is_empty() {
            self.errors.push(DocumentError::whole("E-CATALOG-NO-CLAUSE", &*file.path, "a constraint has a clause"));
        }
        Constraint {
            version,
            severity: severity(spec.severity.base),
            applies_when: self.optional(&file.path, spec.applies_when.as_ref(), &dna_only),
            lower_when: self.optional(&file.path, spec.severity.lower_when.as_ref(), &dna_only),
            raise_when: self.optional(&file.path, spec.severity.raise_when.as_ref(), &dna_only),
            digest: self.hash("constraints", &id, file),
            clauses,
            spec,
            id,
        }
    }

    fn check_id(&mut self, file: &str, id: &Placed<String>) {
        if !is_kebab(id) {
            let error = self.error(file, "ID", id.place, format!("{:?} is no id", ligase_document::shown(id)));
            error.expected = "lower-case letters, digits and dashes".to_owned();
        }
    }

    fn parameter(&mut self, file: &str, parameter: &ParameterSpec) {
        let fits = matches!(
            (parameter.kind.value, parameter.stricter, &parameter.default),
            (ParameterType::Int, Stricter::Lower | Stricter::Higher, Some(ParameterValue::Int(_)))
                | (ParameterType::Texts, Stricter::Subset, None | Some(ParameterValue::Texts(_)))
        );
        let sourced =
            parameter.from != Some(ParameterSource::Residency) || parameter.kind.value == ParameterType::Texts;
        if !fits || !sourced {
            let error = self.error(file, "PARAMETER", parameter.kind.place, "type, stricter and default do not fit");
            error.expected = "an int with lower or higher and a number, or texts with subset and a list".to_owned();
        }
    }

    fn data_classes(&self) -> Vec<String> {
        let kind = self.kinds.get("data-field");
        kind.and_then(|k| k.spec.attributes.get("class")).map(|a| a.values.clone()).unwrap_or_default()
    }

    /// What an expression of this constraint may name, but for `it` and the names that `let` gives.
    fn scopes(&self, spec: &ConstraintSpec) -> Scope {
        let params = spec.parameters.iter().map(|(name, p)| match p.kind.value {
            ParameterType::Int => (name.as_str(), Ty::Int),
            ParameterType::Texts => (name.as_str(), Ty::texts()),
        });
        let counts = || Ty::record([("seen", Ty::Int), ("unmodelled", Ty::Int), ("skipped", Ty::Int)]);
        let seen = self.kinds.iter().map(|(id, k)| {
            let ty = Ty::List(Box::new(Ty::attributes(&k.spec.attributes)));
            (id.replace('-', "_"), Field { ty, optional: false })
        });
        let population = self.kinds.keys().map(|id| (id.replace('-', "_"), Field { ty: counts(), optional: false }));
        Scope::from([
            ("dna".to_owned(), dna_type(self.data_classes())),
            ("params".to_owned(), Ty::record(params)),
            ("population".to_owned(), Ty::Record(population.collect())),
            ("seen".to_owned(), Ty::Record(seen.collect())),
        ])
    }

    fn rule(&mut self, file: &str, clause: &ClauseSpec, scope: &Scope) -> Option<Rule> {
        let Some(subjects) = &clause.subjects else {
            let loose =
                clause.satisfied_when.is_some() || clause.conclusive_when.is_some() || !clause.lets.0.is_empty();
            if loose || !clause.nothing_seen.is_empty() {
                let problem = format!("the clause {:?} has expressions and no subjects", clause.id.value);
                self.error(file, "NO-SUBJECTS", clause.id.place, problem).expected = "for: { each: … }".to_owned();
            }
            return None;
        };
        let Some(kind) = self.kinds.get(&subjects.each.value).cloned() else {
            let known: Vec<String> = self.kinds.keys().cloned().collect();
            let problem = format!("unknown kind {:?}", subjects.each.value);
            let error = DocumentError::at("E-CATALOG-UNKNOWN-KIND", file, subjects.each.place, problem);
            self.errors.push(error.among(&subjects.each, known.iter().map(String::as_str)));
            return None;
        };
        let mut inner = scope.clone();
        inner.insert("it".to_owned(), Ty::attributes(&kind.spec.attributes));
        let filter = self.optional(file, subjects.filter.as_ref(), &inner);
        let exempt = self.reasons(file, &clause.exempt, &inner);
        let lets = self.lets(file, &clause.lets, &mut inner);
        let satisfied = self.demanded(file, clause, "satisfied-when", clause.satisfied_when.as_ref(), &inner);
        let conclusive = self.demanded(file, clause, "conclusive-when", clause.conclusive_when.as_ref(), &inner);
        let otherwise = self.reasons(file, &clause.otherwise, &inner);
        let unless = self.reasons(file, &clause.unless, scope);
        let nothing = self.nothing(file, clause, scope);
        if let Some(message) = &clause.message {
            self.template(file, message, |name| match name.split_once('.') {
                Some(("it", attribute)) => kind.spec.attributes.contains_key(attribute),
                Some(("params", name)) => matches!(scope.get("params"), Some(Ty::Record(p)) if p.contains_key(name)),
                _ => false,
            });
        }
        let (satisfied, conclusive) = (satisfied?, conclusive?);
        let all = [&satisfied, &conclusive].into_iter().chain(&filter).chain(lets.iter().map(|(_, e)| e));
        let reasoned = exempt.iter().chain(&unless).chain(&otherwise).filter_map(|(e, _)| e.as_ref());
        let last = nothing.iter().filter_map(|n| n.when.as_ref());
        let (mut reads_seen, mut reads) = (false, BTreeSet::new());
        for expression in all.chain(reasoned).chain(last) {
            reads_seen |= expression.reads("seen");
            expression.fields_of("it", &mut reads);
        }
        let each = subjects.each.value.clone();
        Some(Rule { each, filter, unless, exempt, lets, satisfied, conclusive, otherwise, nothing, reads_seen, reads })
    }

    fn demanded(
        &mut self,
        file: &str,
        clause: &ClauseSpec,
        key: &str,
        text: Option<&Placed<String>>,
        scope: &Scope,
    ) -> Option<Expression> {
        if text.is_none() {
            let problem = format!("the clause {:?} has subjects and no {key}", clause.id.value);
            self.error(file, "MISSING-KEY", clause.id.place, problem).expected = format!("{key}: …");
        }
        self.optional(file, text, scope)
    }

    fn lets(&mut self, file: &str, lets: &Lets, scope: &mut Scope) -> Vec<(String, Expression)> {
        let mut out = Vec::new();
        for (name, text) in &lets.0 {
            if scope.contains_key(name) {
                self.error(file, "DUPLICATE", text.place, format!("the name {name:?} is already there"));
            }
            if let Some((expression, ty)) = self.expression(file, text, scope) {
                scope.insert(name.clone(), ty);
                out.push((name.clone(), expression));
            }
        }
        out
    }

    fn reasons(&mut self, file: &str, all: &[Reasoned], scope: &Scope) -> Vec<(Option<Expression>, String)> {
        let mut out = Vec::new();
        for one in all {
            self.check_id(file, &one.reason);
            let when = self.optional(file, one.when.as_ref(), scope);
            out.push((when, one.reason.value.clone()));
        }
        out
    }

    fn nothing(&mut self, file: &str, clause: &ClauseSpec, scope: &Scope) -> Vec<Nothing> {
        let mut out = Vec::new();
        for one in &clause.nothing_seen {
            self.check_id(file, &one.reason);
            let when = self.optional(file, one.when.as_ref(), scope);
            let not_applicable = one.outcome == NothingOutcome::NotApplicable;
            out.push(Nothing { when, not_applicable, reason: one.reason.value.clone() });
        }
        out
    }

    /// A truth, if there is one.
    fn optional(&mut self, file: &str, text: Option<&Placed<String>>, scope: &Scope) -> Option<Expression> {
        let text = text?;
        let (expression, ty) = self.expression(file, text, scope)?;
        if !matches!(ty, Ty::Bool | Ty::Unknown) {
            self.error(file, "EXPRESSION", text.place, "the expression is no truth").expected =
                "true or false".to_owned();
        }
        Some(expression)
    }

    fn expression(&mut self, file: &str, text: &Placed<String>, scope: &Scope) -> Option<(Expression, Ty)> {
        let expression = match Expression::compile(text) {
            Ok(expression) => expression,
            Err(problem) => {
                self.error(file, "EXPRESSION", text.place, problem).expected = "a CEL expression".to_owned();
                return None;
            }
        };
        match check(expression.tree(), scope) {
            Ok(ty) => Some((expression, ty)),
            Err(complaints) => {
                for complaint in complaints {
                    let error = self.error(file, "EXPRESSION", text.place, complaint.problem);
                    error.expected = complaint.expected;
                    error.nearest = complaint.nearest;
                }
                None
            }
        }
    }

    fn template(&mut self, file: &str, text: &Placed<String>, known: impl Fn(&str) -> bool) {
        match template::names(text) {
            Err(problem) => {
                self.error(file, "TEMPLATE", text.place, problem);
            }
            Ok(names) => {
                for name in names.iter().filter(|n| !known(n)) {
                    self.error(file, "TEMPLATE", text.place, format!("nothing is called {name:?} here"));
                }
            }
        }
    }

    fn framework(&mut self, file: &CatalogFile) {
        let Some(document) = self.read::<FrameworkDocument>(file, "Framework") else { return };
        let metadata = document.metadata;
        let dates = document.spec.controls.iter().flat_map(|c| [Some(&c.valid.from), c.valid.until.as_ref()]);
        let dates: Vec<Placed<String>> = dates.flatten().chain([&metadata.as_of]).cloned().collect();
        for date in dates.iter().filter(|d| crate::resolve::day(d).is_none()) {
            self.error(&file.path, "DATE", date.place, "this is no day").expected = "YYYY-MM-DD".to_owned();
        }
        if self.frameworks.contains_key(&metadata.id.value) {
            if metadata.overrides {
                self.overridden.insert(metadata.id.value.clone(), file.path.to_string());
            } else {
                let problem = format!("the framework {:?} is already there", metadata.id.value);
                self.error(&file.path, "DUPLICATE", metadata.id.place, problem);
            }
        }
        let digest = self.hash("frameworks", &metadata.id, file);
        self.framework_files.insert(metadata.id.value.clone(), file.path.to_string());
        let framework = Framework {
            id: metadata.id.value.clone(),
            title: metadata.title,
            as_of: metadata.as_of.value,
            controls: document.spec.controls,
            digest,
        };
        self.frameworks.insert(metadata.id.value, framework);
    }

    /// Every link ends at a clause, and every bound at a parameter of its constraint.
    fn links(&mut self) {
        let known: Vec<String> =
            self.constraints.values().flat_map(|c| c.clauses.iter().map(|c| c.id.to_string())).collect();
        let mut errors = Vec::new();
        for framework in self.frameworks.values() {
            let file = self.framework_files.get(&framework.id).cloned().unwrap_or_default();
            for link in framework.controls.iter().flat_map(|c| &c.served_by) {
                if !known.contains(&link.clause.value) {
                    let problem = format!("unknown clause {:?}", ligase_document::shown(&link.clause));
                    let error = DocumentError::at("E-CATALOG-UNKNOWN-CLAUSE", &file, link.clause.place, problem);
                    errors.push(error.among(&link.clause, known.iter().map(String::as_str)));
                    continue;
                }
                let constraint = ClauseId::parse(&link.clause).and_then(|c| self.constraints.get(&c.constraint));
                let has = |n: &String| constraint.is_some_and(|c| c.spec.parameters.contains_key(n));
                for name in link.bounds.keys().filter(|n| !has(n)) {
                    let problem = format!("the bound {name:?} is no parameter of the constraint");
                    errors.push(DocumentError::at("E-CATALOG-BOUND", &file, link.clause.place, problem));
                }
            }
        }
        self.errors.extend(errors);
    }
}

pub(crate) fn severity(name: SeverityName) -> Severity {
    match name {
        SeverityName::Low => Severity::Low,
        SeverityName::Medium => Severity::Medium,
        SeverityName::High => Severity::High,
        SeverityName::Critical => Severity::Critical,
    }
}

/// What expressions know of a declaration; `dna.rs` gives the values in the same shape.
pub(crate) fn dna_type(classes: Vec<String>) -> Ty {
    let word = |words: &[&str]| Ty::Text(words.iter().map(|w| (*w).to_owned()).collect());
    Ty::record([
        ("name", Ty::Text(vec![])),
        ("owner", Ty::Text(vec![])),
        ("declared", Ty::Bool),
        ("exposure", word(&["internet", "internal", "none"])),
        ("identity", word(&["own", "external"])),
        ("residency", Ty::texts()),
        ("frameworks", Ty::texts()),
        ("data", Ty::List(Box::new(Ty::record([("class", Ty::Text(classes)), ("fields", Ty::texts())])))),
        ("fields", Ty::texts()),
        ("vocabulary", Ty::record([("guards", Ty::texts()), ("sanitizers", Ty::texts()), ("sinks", Ty::texts())])),
    ])
}
