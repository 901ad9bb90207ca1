//! The lists that Rust reads: data classes, log sinks, sanitizers, guards, endpoint roles and stacks, merged over every
//! file of a catalog, so that an organisation's own folder extends each list. Patterns are compiled here and refused here.
//! Next: `classify.rs`, which says what a name means.

mod classify;
mod document;

pub(crate) use classify::{Classifier, Hit, words};
pub(crate) use document::{KindDocument, LanguageSinks, RateSpec, SinkMethods, Stack};

use document::{DataClasses, Encryption, EndpointRoles, Guards, LogSinks, Sanitizers, Stacks};
use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_one};
use regex::Regex;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Every list, merged and compiled.
pub(crate) struct Vocabulary {
    pub(crate) classes: Classifier,
    pub(crate) sinks: document::LogSinksSpec,
    pub(crate) sanitizers: document::SanitizersSpec,
    pub(crate) guards: document::GuardsSpec,
    pub(crate) known_guards: BTreeMap<String, KnownGuard>,
    pub(crate) encryption: document::EncryptionSpec,
    pub(crate) roles: Vec<RoleRule>,
    pub(crate) stacks: Vec<Stack>,
    pub(crate) kinds: BTreeSet<String>,
}

/// What the vocabulary says of a guard from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownGuard {
    pub(crate) kind: String,
    pub(crate) optional: bool,
    pub(crate) rates: Vec<RateSpec>,
    pub(crate) off: Vec<String>,
}

/// A compiled endpoint role.
pub(crate) struct RoleRule {
    pub(crate) role: String,
    methods: Vec<String>,
    parameters: bool,
    path: Regex,
    handler: Option<Regex>,
}

impl RoleRule {
    /// Whether an endpoint has this role.
    pub(crate) fn holds(&self, method: &str, path: &str, handler: &str) -> bool {
        let trimmed = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        let name = handler.rsplit('.').next().unwrap_or(handler);
        self.methods.iter().any(|m| m == method)
            && self.handler.as_ref().is_none_or(|h| h.is_match(name))
            && (self.parameters || !path.contains('{'))
            && self.path.is_match(trimmed)
    }
}

/// Vocabulary files of other packs.
const OTHERS: &[&str] = &["regions"];
const KNOWN: &[&str] =
    &["data-classes", "log-sinks", "sanitizers", "guards", "endpoint-roles", "encryption", "regions"];

impl Vocabulary {
    /// Reads `kinds/`, `vocabulary/` and `stacks.yaml`.
    pub(crate) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        let mut errors = Vec::new();
        let mut merged = Merged::default();
        for file in files {
            if let Err(error) = merged.take(file) {
                errors.push(error);
            }
        }
        let roles = merged.roles(&mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut known_guards = BTreeMap::new();
        for known in &merged.guards.known {
            for symbol in &known.symbols {
                let (rates, off) = (known.rates.clone(), known.off.clone());
                let guard = KnownGuard { kind: known.kind.clone(), optional: known.optional, rates, off };
                known_guards.insert(symbol.clone(), guard);
            }
        }
        Ok(Self {
            classes: Classifier::new(merged.classes),
            sinks: merged.sinks,
            sanitizers: merged.sanitizers,
            guards: merged.guards,
            known_guards,
            encryption: merged.encryption,
            roles,
            stacks: merged.stacks,
            kinds: merged.kinds,
        })
    }

    /// The role of an endpoint, `none` where nothing says one.
    pub(crate) fn role(&self, method: &str, path: &str, handler: &str) -> &str {
        self.roles.iter().find(|r| r.holds(method, path, handler)).map_or("none", |r| r.role.as_str())
    }
}

#[derive(Default)]
struct Merged {
    classes: document::DataClassesSpec,
    sinks: document::LogSinksSpec,
    sanitizers: document::SanitizersSpec,
    guards: document::GuardsSpec,
    encryption: document::EncryptionSpec,
    role_documents: Vec<(String, document::EndpointRolesSpec)>,
    stacks: Vec<Stack>,
    kinds: BTreeSet<String>,
}

fn read<T: DeserializeOwned>(file: &CatalogFile, kind: &str) -> Result<T, DocumentError> {
    read_one(&file.path, &file.bytes, API_VERSION, kind)
}

impl Merged {
    fn take(&mut self, file: &CatalogFile) -> Result<(), DocumentError> {
        let path: &str = &file.path;
        if path.starts_with("kinds/") {
            self.kinds.insert(read::<KindDocument>(file, "Kind")?.metadata.id);
        } else if path == "stacks.yaml" {
            self.stacks.extend(read::<Stacks>(file, "Stacks")?.spec.stacks);
        } else if let Some(name) = path.strip_prefix("vocabulary/") {
            return self.take_vocabulary(file, name.split('.').next().unwrap_or(name));
        }
        Ok(())
    }

    fn take_vocabulary(&mut self, file: &CatalogFile, stem: &str) -> Result<(), DocumentError> {
        match stem {
            "data-classes" => self.classes.merge(read::<DataClasses>(file, "DataClasses")?.spec),
            "log-sinks" => self.sinks.merge(read::<LogSinks>(file, "LogSinks")?.spec),
            "sanitizers" => self.sanitizers.merge(read::<Sanitizers>(file, "Sanitizers")?.spec),
            "guards" => self.guards.merge(read::<Guards>(file, "Guards")?.spec),
            "encryption" => self.encryption.merge(read::<Encryption>(file, "Encryption")?.spec),
            "endpoint-roles" => {
                self.role_documents.push((file.path.to_string(), read::<EndpointRoles>(file, "EndpointRoles")?.spec));
            }
            other if OTHERS.contains(&other) => {}
            other => {
                return Err(DocumentError::whole("E-VOCABULARY-UNKNOWN", &*file.path, "no such vocabulary")
                    .among(other, KNOWN.iter().copied()));
            }
        }
        Ok(())
    }

    fn roles(&self, errors: &mut Vec<DocumentError>) -> Vec<RoleRule> {
        let mut out = Vec::new();
        for (file, spec) in &self.role_documents {
            for role in &spec.roles {
                let before = if role.exact { "" } else { &spec.before };
                let handler = (!role.handler.is_empty()).then(|| Regex::new(&format!("(?i)^{}$", role.handler)));
                match (Regex::new(&format!("(?i)^{before}{}$", role.path)), handler.transpose()) {
                    (Ok(path), Ok(handler)) => out.push(RoleRule {
                        role: role.role.clone(),
                        methods: role.methods.clone(),
                        parameters: role.parameters,
                        path,
                        handler,
                    }),
                    (Err(error), _) | (_, Err(error)) => errors.push(
                        DocumentError::whole(
                            "E-ENDPOINTROLES-PATTERN",
                            file,
                            format!("the path of {} is no pattern", role.role),
                        )
                        .expected(error.to_string()),
                    ),
                }
            }
        }
        out
    }
}
