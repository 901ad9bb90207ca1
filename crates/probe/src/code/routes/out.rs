//! Endpoints, what looks like one, and guards that may be reused, as observations. Next: `../link/mod.rs`.

use super::flatten::once;
use super::guards::Guard;
use super::world::World;
use crate::emit::Attributes;
use crate::set::ENGINE_VERSION;
use crate::vocabulary::Vocabulary;
use ligase_domain::{Observation, Place, ProbeRef, Span, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Endpoints of one revision; more are not told one by one.
const MAX_ENDPOINTS: usize = 20_000;

/// Where a guard hangs.
#[derive(Clone, Debug)]
pub(super) struct Hung {
    pub guard: Guard,
    pub from: &'static str,
}

/// One endpoint.
pub(super) struct Endpoint {
    pub file: usize,
    pub span: Span,
    pub snippet: String,
    pub stack: String,
    pub method: String,
    pub path: String,
    pub full_path: String,
    pub handler: String,
    pub guards: Vec<Hung>,
    pub reason: &'static str,
    /// What answers serves files, or shows what is the same for everybody.
    pub files_only: bool,
    /// What it does with everybody alike: `redirects`, `answers-in-tests`, or nothing that is known.
    pub does: &'static str,
    pub anchors: BTreeMap<String, Span>,
    pub files: BTreeSet<usize>,
}

/// Collects observations.
pub(super) struct Sink<'w, 'f> {
    pub world: &'w World<'f>,
    pub vocabulary: &'w Vocabulary,
    pub out: Vec<Observation>,
    told: HashSet<(usize, u32, String, String)>,
    pub used: BTreeMap<String, i64>,
}

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "ANY", "WEBSOCKET"];

impl<'w, 'f> Sink<'w, 'f> {
    pub(super) fn new(world: &'w World<'f>, vocabulary: &'w Vocabulary) -> Self {
        Self { world, vocabulary, out: Vec::new(), told: HashSet::new(), used: BTreeMap::new() }
    }

    pub(super) fn endpoint(&mut self, endpoint: Endpoint) {
        let method = if METHODS.contains(&endpoint.method.as_str()) { endpoint.method.as_str() } else { "ANY" };
        let key = (endpoint.file, endpoint.span.start, method.to_owned(), endpoint.full_path.clone());
        if self.told.len() > MAX_ENDPOINTS || !self.told.insert(key) {
            return;
        }
        let guards: Vec<Value> = once(&endpoint.guards)
            .into_iter()
            .map(|hung| {
                *self.used.entry(hung.guard.symbol.clone()).or_default() += 1;
                let told = Attributes::default()
                    .with("kind", hung.guard.kind)
                    .with("symbol", hung.guard.symbol.as_str())
                    .with("from", hung.from)
                    .with("optional", hung.guard.optional);
                match hung.guard.rate {
                    Some((limit, window)) => {
                        told.with("limit", Value::Int(limit)).with("window_s", Value::Int(window)).value()
                    }
                    None => told.value(),
                }
            })
            .collect();
        let any = method == "ANY";
        let role = ["GET", "POST"]
            .iter()
            .map(|m| self.vocabulary.role(if any { m } else { method }, &endpoint.full_path, &endpoint.handler))
            .find(|r| *r != "none")
            .unwrap_or("none");
        let reads = matches!(method, "GET" | "HEAD" | "ANY");
        let role = if role == "none" && reads && endpoint.files_only { "static" } else { role };
        let attributes = Attributes::default()
            .with("language", self.world.files[endpoint.file].language)
            .with("stack", endpoint.stack.as_str())
            .with("method", method)
            .with("path", endpoint.path.as_str())
            .with("full_path", endpoint.full_path.as_str())
            .with("handler", endpoint.handler.as_str())
            .with("role", role)
            .with("guards", guards)
            .with("chain", if endpoint.reason.is_empty() { "resolved" } else { "unresolved" })
            .with("chain_reason", endpoint.reason)
            .some("does", endpoint.does);
        self.put(
            "endpoint",
            endpoint.file,
            endpoint.span,
            &endpoint.snippet,
            attributes,
            endpoint.anchors,
            &endpoint.files,
        );
    }

    pub(super) fn unmodelled(
        &mut self,
        file: usize,
        span: Span,
        snippet: &str,
        stack: &str,
        looks_like: &str,
        place: &str,
    ) {
        let cut: String = looks_like.chars().take(120).collect();
        let attributes = Attributes::default()
            .with("language", self.world.files[file].language)
            .with("stack", stack)
            .with("of", "endpoint")
            .with("looks_like", cut)
            .with("where", place);
        self.put("unmodelled", file, span, snippet, attributes, BTreeMap::new(), &BTreeSet::new());
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn put(
        &mut self,
        kind: &str,
        file: usize,
        span: Span,
        snippet: &str,
        attributes: Attributes,
        anchors: BTreeMap<String, Span>,
        files: &BTreeSet<usize>,
    ) {
        let looked = self.world.files[file].looked;
        let sources: BTreeSet<_> =
            files.iter().chain([&file]).map(|f| self.world.files[*f].looked.key.digest()).collect();
        self.out.push(Observation {
            kind: kind.to_owned(),
            attributes: attributes.0,
            place: Place { path: looked.path.clone(), blob: looked.key.blob, span },
            class: looked.key.class.clone(),
            anchors,
            snippet: snippet.to_owned(),
            probe: ProbeRef { id: "code/routes".to_owned(), version: ENGINE_VERSION },
            sources: sources.into_iter().collect(),
        });
    }
}
