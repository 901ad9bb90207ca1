//! Configuration documents: Kubernetes, Compose, workflows, descriptions of interfaces, and Dockerfiles beside them.
//!
//! The engine `document-path`: what is seen in a format is data (`catalog/probes/<format>/*.yaml`), paths over a tree of nodes
//! that know their bytes. Looking reads one file (`walk.rs`, `dockerfile.rs`, `openapi.rs`); linking gives observations their file, joins
//! what files say of each other (`link.rs`, `overlays.rs`); where manifests and charts put things is `places.rs`. Templates of Helm are no YAML: they are counted as not modelled. It judges
//! nothing and obeys no comment. Read `format.rs` first, then `walk.rs`.

mod dockerfile;
mod extends;
mod format;
mod link;
mod openapi;
mod overlays;
mod places;
mod walk;

use crate::pack::Pack;
use crate::set::ENGINE_VERSION as SET_VERSION;
use crate::vocabulary::Vocabulary;
use format::DocumentProbe;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{LookedFile, Observation, PathClass, ProbeRef, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Counts up whenever the same files and the same probes would be seen otherwise.
const ENGINE_VERSION: u32 = 3;
/// What the paths of endpoints are for.
const ROLES: &str = "vocabulary/endpoint-roles.yaml";
/// What reads like a format and is a template that makes it.
const RESIDUE: &str = "documents/templates";

/// Everything that looks at configuration documents.
pub(crate) struct DocumentsPack {
    probes: Vec<DocumentProbe>,
    images: dockerfile::Images,
    places: places::Places,
    vocabulary: Vocabulary,
    digest: Vec<u8>,
}

impl DocumentsPack {
    /// Reads what is ours of a catalog; all that is wrong is told at once.
    pub(crate) fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        let probes = format::load(files)?;
        let images = dockerfile::Images::load(files).map_err(|e| vec![e])?;
        let places = places::Places::load(files).map_err(|e| vec![e])?;
        let vocabulary = Vocabulary::load(files)?;
        let ours = |p: &str| {
            [ROLES, crate::resource::knowledge::REGIONS].contains(&p)
                || format::FORMATS.iter().chain(&["dockerfile"]).any(|f| p.starts_with(&format!("probes/{f}/")))
        };
        let mut own: Vec<&CatalogFile> = files.iter().filter(|f| ours(&f.path)).collect();
        own.sort_by(|a, b| (&a.path, &a.bytes).cmp(&(&b.path, &b.bytes)));
        let mut hasher = ligase_domain::FieldHasher::new("ligase.documents.v1")
            .number(u64::from(ENGINE_VERSION))
            .number(u64::from(SET_VERSION));
        for file in own {
            hasher = hasher.field(file.path.as_bytes()).field(&file.bytes);
        }
        Ok(Self { probes, images, places, vocabulary, digest: hasher.finish().as_bytes().to_vec() })
    }
}

impl Pack for DocumentsPack {
    fn dialects(&self) -> &'static [&'static str] {
        &["yaml", "json", "compose", "github-actions", "gitlab-ci", "helm-values", "dockerfile"]
    }

    fn digest_parts(&self) -> Vec<u8> {
        self.digest.clone()
    }

    fn look(&self, class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str> {
        if class.dialect == "dockerfile" {
            return Ok(dockerfile::look(&self.images, text));
        }
        let concerned: Vec<&DocumentProbe> = self
            .probes
            .iter()
            .filter(|p| p.dialects.contains(&class.dialect) && p.prefilter.iter().all(|w| text.contains(w.as_str())))
            .collect();
        let described = ["yaml", "json"].contains(&class.dialect.as_str()) && openapi::is_concerned(text);
        let placed = self.places.concerns(class, text);
        let laid = class.dialect == "yaml" && overlays::is_concerned(text);
        if concerned.is_empty() && !described && !placed && !laid {
            return Ok(Vec::new());
        }
        let tree = match crate::yaml::read(text) {
            Ok(tree) => tree,
            // A template that makes such documents is none itself.
            Err(_) if class.dialect == "yaml" && text.contains("{{") => {
                let mut all = templates(&concerned);
                all.extend(if placed { self.places.template(text) } else { Vec::new() });
                return Ok(all);
            }
            // Only its places would be read: a file that cannot be read says nothing of them.
            Err(_) if concerned.is_empty() && class.dialect == "helm-values" => return Ok(Vec::new()),
            // Only what it lays over others would be read.
            Err(_) if concerned.is_empty() && !described && !placed => return Ok(Vec::new()),
            // What only looks like a part of a description may be anything.
            Err(_) if concerned.is_empty() && !openapi::looks_whole(text) => return Ok(Vec::new()),
            Err(reason) => return Err(reason),
        };
        let mut out = Vec::new();
        for document in &tree.documents {
            if described {
                openapi::look(text, &tree, *document, &mut out);
            }
            for probe in &concerned {
                walk::look(probe, &class.dialect, text, &tree, *document, &mut out);
            }
            if laid {
                overlays::look(&tree, *document, &mut out);
            }
            if placed {
                self.places.look(class, text, &tree, *document, &mut out);
            }
        }
        Ok(out)
    }

    fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        let mut own: BTreeSet<&str> = self.probes.iter().map(|p| p.reference.id.as_str()).collect();
        own.extend([RESIDUE, dockerfile::PROBE]);
        let mut all = link::link(files, &own);
        all.extend(openapi::link(&self.vocabulary, files));
        all.extend(self.places.link(files));
        all
    }
}

/// One residue for each kind that the template looks as if it made.
fn templates(concerned: &[&DocumentProbe]) -> Vec<Seen> {
    let kinds: BTreeSet<(&str, &str)> = concerned.iter().map(|p| (p.emits.as_str(), p.stack.as_str())).collect();
    let one = |(of, stack): (&str, &str)| Seen {
        kind: "unmodelled".to_owned(),
        attributes: BTreeMap::from([
            ("language".to_owned(), Value::from("yaml")),
            ("stack".to_owned(), Value::from(stack)),
            ("of".to_owned(), Value::from(of)),
            ("looks_like".to_owned(), Value::from("template")),
        ]),
        span: Span { start: 0, end: 0, line: 1, end_line: 1 },
        anchors: BTreeMap::new(),
        snippet: String::new(),
        probe: ProbeRef { id: RESIDUE.to_owned(), version: ENGINE_VERSION },
    };
    kinds.into_iter().map(one).collect()
}
