//! Lexical probes as people write them: `probes/any/*.yaml`. Reads and validates. Next: `credentials.rs`.

use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_many};
use ligase_domain::{FieldHasher, ProbeRef};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeDocument {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: ProbeMetadata,
    spec: ProbeSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeMetadata {
    id: String,
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ProbeSpec {
    engine: String,
    #[serde(rename = "language")]
    _language: String,
    emits: String,
    #[serde(default)]
    shapes: Vec<ShapeSpec>,
    names: Option<NamesSpec>,
    #[serde(default)]
    settings: Vec<SettingSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeSpec {
    shape: String,
    word: String,
    regex: String,
    #[serde(default)]
    entropy: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct NamesSpec {
    words: Vec<String>,
    not: String,
    references: String,
    placeholders: String,
    digests: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SettingSpec {
    what: String,
    word: String,
    dialects: Vec<String>,
    regex: String,
    on: Option<String>,
    callee: Option<String>,
    host: Option<String>,
}

/// A shape that only a credential has.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) word: String,
    pub(super) regex: Regex,
    /// Hundredths of a bit a character.
    pub(super) entropy: u32,
}

/// Names whose values are credentials.
pub(super) struct Names {
    pub(super) words: Vec<String>,
    pub(super) not: Regex,
    pub(super) references: Regex,
    pub(super) placeholders: Regex,
    pub(super) digests: Regex,
}

/// A setting that says whether certificates are checked.
pub(super) struct Setting {
    pub(super) probe: ProbeRef,
    pub(super) what: String,
    pub(super) word: String,
    pub(super) dialects: Vec<String>,
    pub(super) regex: Regex,
    /// The text of the first group that means that it is on.
    pub(super) on: Option<String>,
    /// What the call around it is named, where it is an argument.
    pub(super) callee: Option<Regex>,
    /// Hosts of the group `host` that are meant; others are nobody's business.
    pub(super) not_host: Option<Regex>,
}

/// Everything that is known.
pub(super) struct Rules {
    pub(super) probe: ProbeRef,
    pub(super) shapes: Vec<Shape>,
    pub(super) names: Option<Names>,
    pub(super) settings: Vec<Setting>,
    pub(super) ids: BTreeSet<String>,
    pub(super) digest: Vec<u8>,
}

impl Rules {
    pub(super) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        let mut own: Vec<&CatalogFile> = files.iter().filter(|f| f.path.starts_with("probes/any/")).collect();
        own.sort_by(|a, b| (&a.path, &a.bytes).cmp(&(&b.path, &b.bytes)));
        let mut rules = Self {
            probe: ProbeRef { id: "any/credentials".to_owned(), version: 0 },
            shapes: vec![],
            names: None,
            settings: vec![],
            ids: BTreeSet::new(),
            digest: vec![],
        };
        let mut hasher = FieldHasher::new("ligase.lexical.v1");
        let mut errors = Vec::new();
        for file in own {
            hasher = hasher.field(file.path.as_bytes()).field(&file.bytes);
            match read_many::<ProbeDocument>(&file.path, &file.bytes, API_VERSION, "Probe") {
                Err(error) => errors.push(error),
                Ok(documents) => {
                    for document in documents {
                        errors.extend(rules.take(&file.path, document).err());
                    }
                }
            }
        }
        rules.digest = hasher.finish().as_bytes().to_vec();
        if errors.is_empty() { Ok(rules) } else { Err(errors) }
    }

    fn take(&mut self, file: &str, document: ProbeDocument) -> Result<(), DocumentError> {
        let spec = document.spec;
        if spec.engine != "lexical" {
            let problem = format!("no engine for text is called {:?}", spec.engine);
            return Err(DocumentError::whole("E-PROBE-ENGINE", file, problem).among(&spec.engine, ["lexical"]));
        }
        let probe = ProbeRef { id: document.metadata.id, version: document.metadata.version };
        let regex =
            |text: &str| Regex::new(text).map_err(|e| DocumentError::whole("E-PROBE-REGEX", file, e.to_string()));
        for shape in spec.shapes {
            let regex = regex(&shape.regex)?;
            self.shapes.push(Shape { name: shape.shape, word: shape.word, regex, entropy: shape.entropy });
        }
        if let Some(names) = spec.names {
            self.names = Some(Names {
                words: names.words,
                not: regex(&names.not)?,
                references: regex(&names.references)?,
                placeholders: regex(&names.placeholders)?,
                digests: regex(&names.digests)?,
            });
        }
        for setting in spec.settings {
            self.settings.push(Setting {
                probe: probe.clone(),
                what: setting.what,
                word: setting.word,
                dialects: setting.dialects,
                regex: regex(&setting.regex)?,
                on: setting.on,
                callee: setting.callee.as_deref().map(regex).transpose()?,
                not_host: setting.host.as_deref().map(regex).transpose()?,
            });
        }
        if spec.emits == "credential" {
            self.probe = probe.clone();
        }
        self.ids.insert(probe.id);
        Ok(())
    }
}
