//! Lexical probes as people write them: `probes/any/*.yaml`. Reads and validates. Next: `credentials.rs`.

use crate::resource::knowledge::{CloudRegions, REGIONS, read_clouds};
use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_many};
use ligase_domain::{FieldHasher, ProbeRef};
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

type ProbeDocument = crate::header::ProbeDocument<ProbeSpec>;

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
    outbound: Option<OutboundSpec>,
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
    /// Keys that a browser is given, and what stands in the same file where it is.
    browser: Option<BrowserSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BrowserSpec {
    values: String,
    beside: Vec<String>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OutboundSpec {
    dialects: Vec<String>,
    #[serde(default)]
    not_beside: String,
    #[serde(default)]
    not_followed: String,
    hosts: Vec<HostSpec>,
    settings: RegionSettingSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct HostSpec {
    cloud: String,
    word: String,
    regex: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    like: Option<String>,
    #[serde(default)]
    not: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RegionSettingSpec {
    dialects: Vec<String>,
    words: Vec<String>,
    regex: Vec<String>,
    not_in_files_with: String,
    clouds: BTreeMap<String, String>,
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
    /// Values that a browser is given, where a file says one of these words.
    pub(super) browser: Option<(Regex, Vec<String>)>,
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

/// Hosts of a cloud whose names say their region.
pub(super) struct Host {
    pub(super) cloud: String,
    pub(super) word: String,
    /// Its group `host` is the host.
    pub(super) regex: Regex,
    /// What may stand before a region in a label: `s3-`.
    pub(super) prefix: String,
    /// What looks like a region, known or not.
    pub(super) like: Option<Regex>,
    /// Hosts that take no data of a service.
    pub(super) not: Option<Regex>,
}

/// Hosts and settings by which data leaves for a region of a cloud.
pub(super) struct Outbound {
    pub(super) probe: ProbeRef,
    pub(super) dialects: Vec<String>,
    /// Not where this stands shortly before.
    pub(super) not_beside: Regex,
    /// Not where this follows.
    pub(super) not_followed: Regex,
    pub(super) hosts: Vec<Host>,
    /// Where settings are looked for; what Terraform sets is a resource's and told by its own engine.
    pub(super) setting_dialects: Vec<String>,
    /// Files without any of these words have no setting of a region.
    pub(super) words: Vec<String>,
    /// Groups `name` and `value`.
    pub(super) settings: Vec<Regex>,
    pub(super) not_in_files_with: Regex,
    /// What a region looks like that is written without its cloud, by cloud.
    pub(super) forms: Vec<(String, Regex)>,
}

/// Everything that is known.
pub(super) struct Rules {
    pub(super) probe: ProbeRef,
    pub(super) shapes: Vec<Shape>,
    pub(super) names: Option<Names>,
    pub(super) settings: Vec<Setting>,
    pub(super) outbound: Option<Outbound>,
    pub(super) clouds: BTreeMap<String, CloudRegions>,
    pub(super) ids: BTreeSet<String>,
    pub(super) digest: Vec<u8>,
}

impl Rules {
    pub(super) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        let mut own: Vec<&CatalogFile> =
            files.iter().filter(|f| f.path.starts_with("probes/any/") || f.path == REGIONS).collect();
        own.sort_by(|a, b| (&a.path, &a.bytes).cmp(&(&b.path, &b.bytes)));
        let mut rules = Self {
            probe: ProbeRef { id: "any/credentials".to_owned(), version: 0 },
            shapes: vec![],
            names: None,
            settings: vec![],
            outbound: None,
            clouds: BTreeMap::new(),
            ids: BTreeSet::new(),
            digest: vec![],
        };
        let mut hasher = FieldHasher::new("ligase.lexical.v1");
        let mut errors = Vec::new();
        for file in own {
            hasher = hasher.field(file.path.as_bytes()).field(&file.bytes);
            if file.path == REGIONS {
                match read_clouds(file) {
                    Ok(clouds) => rules.clouds = clouds,
                    Err(error) => errors.push(error),
                }
                continue;
            }
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
        let probe = document.metadata.into_ref();
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
                browser: match &names.browser {
                    Some(browser) => Some((regex(&browser.values)?, browser.beside.clone())),
                    None => None,
                },
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
        if let Some(outbound) = spec.outbound {
            self.outbound = Some(compiled(outbound, probe.clone(), &regex)?);
        }
        if spec.emits == "credential" {
            self.probe = probe.clone();
        }
        self.ids.insert(probe.id);
        Ok(())
    }
}

fn compiled(
    spec: OutboundSpec,
    probe: ProbeRef,
    regex: &impl Fn(&str) -> Result<Regex, DocumentError>,
) -> Result<Outbound, DocumentError> {
    let mut hosts = Vec::new();
    for host in spec.hosts {
        hosts.push(Host {
            regex: regex(&host.regex)?,
            like: host.like.as_deref().map(regex).transpose()?,
            not: host.not.as_deref().map(regex).transpose()?,
            cloud: host.cloud,
            word: host.word,
            prefix: host.prefix,
        });
    }
    let settings = spec.settings;
    let forms = settings.clouds.into_iter().map(|(cloud, form)| Ok((cloud, regex(&form)?)));
    Ok(Outbound {
        probe,
        dialects: spec.dialects,
        not_beside: regex(&spec.not_beside)?,
        not_followed: regex(&spec.not_followed)?,
        hosts,
        setting_dialects: settings.dialects,
        words: settings.words,
        settings: settings.regex.iter().map(|r| regex(r)).collect::<Result<_, _>>()?,
        not_in_files_with: regex(&settings.not_in_files_with)?,
        forms: forms.collect::<Result<_, DocumentError>>()?,
    })
}
