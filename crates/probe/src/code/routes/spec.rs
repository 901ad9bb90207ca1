//! What a web framework calls things: data of the catalog (`probes/<language>/<framework>.yaml`, `engine: routing`). Two
//! shapes: routes that are registered on an object, and routes that annotations of a class declare. Next: `eval.rs` and
//! `annotated.rs`, which read it.

use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_one};
use ligase_domain::FieldHasher;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "metadata")]
    _metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "version")]
    _version: u32,
}

/// One framework.
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Spec {
    engine: String,
    /// `registered` or `annotated`.
    pub(super) shape: String,
    /// The stack that its endpoints are of.
    pub(super) stack: String,
    pub(super) languages: Vec<String>,
    /// Calls that make an application: nothing stands above it.
    pub(super) applications: Vec<String>,
    /// Calls that make a router, which is mounted somewhere.
    pub(super) routers: Vec<String>,
    /// Types of parameters and fields that hold either.
    pub(super) types: Vec<String>,
    /// Names that a router has by custom, where a language has no types.
    pub(super) names: Vec<String>,
    /// Modules whose functions register on a default router.
    pub(super) default_router: Vec<String>,
    /// Methods that register, with the method of HTTP (`ANY` for all).
    pub(super) routes: BTreeMap<String, String>,
    /// Methods that register and take the method of HTTP as their first argument.
    pub(super) method_first: Vec<String>,
    /// The path may begin with the method of HTTP.
    pub(super) method_in_path: bool,
    /// `first`: the handler follows the path and guards follow it; else the handler is last.
    pub(super) handler: String,
    /// Methods that put a guard before what is registered later.
    pub(super) uses: Vec<String>,
    /// Methods that give a router with guards before it.
    pub(super) with: Vec<String>,
    /// Methods that give or fill a router below a path: path, guards, function.
    pub(super) groups: Vec<String>,
    /// Methods that put a router below a path.
    pub(super) mounts: Vec<String>,
    /// Methods that give something on which methods of one path are registered.
    pub(super) at_path: Vec<String>,
    /// Methods that serve files.
    pub(super) statics: Vec<String>,
    /// Methods of a route that narrow its method (`Methods("GET")`).
    pub(super) narrows: Vec<String>,
    /// Functions through which a handler or a guard comes through as it is.
    pub(super) wrappers: Vec<String>,
    /// Annotations of a class that holds routes; the argument is the path before them.
    pub(super) controllers: Vec<String>,
    /// Annotations of a class or method that say a path before it, without making a controller.
    pub(super) prefixes: Vec<String>,
    /// Annotations of methods, with the method of HTTP; the argument is the path.
    pub(super) handlers: BTreeMap<String, String>,
    /// Annotations that hang guards: their arguments are guards.
    pub(super) guards: Vec<String>,
    /// Annotations that are guards: name, and what kind.
    pub(super) guard_annotations: BTreeMap<String, String>,
    /// Annotations of classes whose methods answer otherwise than by routes.
    pub(super) unmodelled: Vec<String>,
    /// Words of a filter chain.
    pub(super) chain_words: Vec<String>,
}

/// Reads the frameworks of the catalog.
pub(crate) fn load(files: &[CatalogFile]) -> Result<(Vec<Spec>, Vec<u8>), Vec<DocumentError>> {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let routing = |f: &&CatalogFile| {
        f.path.starts_with("probes/")
            && String::from_utf8_lossy(&f.bytes).lines().any(|l| l.trim() == "engine: routing")
    };
    for file in files.iter().filter(routing) {
        match read_one::<Document>(&file.path, &file.bytes, API_VERSION, "Probe") {
            Ok(document) if matches!(document.spec.shape.as_str(), "registered" | "annotated") => {
                out.push(document.spec)
            }
            Ok(document) => errors.push(
                DocumentError::whole(
                    "E-PROBE-SHAPE",
                    &*file.path,
                    format!("{} is no shape of routes", document.spec.shape),
                )
                .expected("registered or annotated"),
            ),
            Err(error) => errors.push(error),
        }
    }
    out.sort_by(|a, b| a.stack.cmp(&b.stack));
    let mut hasher = FieldHasher::new("ligase.routing.v1");
    let mut some: Vec<&CatalogFile> = files.iter().filter(routing).collect();
    some.sort_by(|a, b| a.path.cmp(&b.path));
    for file in some {
        hasher = hasher.field(file.path.as_bytes()).field(&file.bytes);
    }
    if errors.is_empty() { Ok((out, hasher.finish().as_bytes().to_vec())) } else { Err(errors) }
}

impl Spec {
    /// Every method that could hang something.
    pub(super) fn verbs(&self) -> BTreeSet<String> {
        let lists = [
            &self.method_first,
            &self.uses,
            &self.with,
            &self.groups,
            &self.mounts,
            &self.at_path,
            &self.statics,
            &self.narrows,
            &self.chain_words,
        ];
        let makers = self.applications.iter().chain(&self.routers).filter_map(|m| m.rsplit(['.', '/']).next());
        lists
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain(self.routes.keys().map(String::as_str))
            .chain(makers)
            .map(str::to_owned)
            .collect()
    }

    /// Whether it knows an annotation by its full name.
    pub(super) fn known(&self, dotted: &str) -> bool {
        let lists = [&self.controllers, &self.prefixes, &self.guards, &self.unmodelled];
        lists.into_iter().flatten().any(|n| n == dotted)
            || self.handlers.contains_key(dotted)
            || self.guard_annotations.contains_key(dotted)
    }

    /// Whether it concerns a language.
    pub(super) fn of(&self, language: &str) -> bool {
        self.languages.iter().any(|l| l == language)
    }
}
