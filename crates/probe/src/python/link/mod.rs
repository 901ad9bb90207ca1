//! Linking Python: file-level facts of one revision in, observations out. Pure: it reads nothing but the facts and the
//! vocabulary. Next: `world.rs` (names across files), `guards.rs`, `routers.rs`, `endpoints.rs`, `fields.rs`.

mod django;
mod endpoints;
mod fields;
mod guards;
mod routers;
mod stored;
mod views;
mod world;

use super::emit::Attributes;
use crate::lexical;
use crate::pattern::OF_MODULE;
use crate::set::ENGINE_VERSION;
use crate::vocabulary::Vocabulary;
use ligase_domain::{LookedFile, Observation, Place, ProbeRef, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};
use world::{Facts, World};

/// Collects linked observations.
pub(super) struct Out<'o, 'v, 'f> {
    world: &'o World<'v, 'f>,
    observations: Vec<Observation>,
}

impl Out<'_, '_, '_> {
    /// Adds an observation that stands where a fact stands, with the files that it was also linked from.
    fn put(
        &mut self,
        kind: &str,
        file: usize,
        seen: &Seen,
        attributes: Attributes,
        anchors: BTreeMap<String, Span>,
        files: BTreeSet<usize>,
    ) {
        let looked = self.world.files[file].looked;
        let sources: BTreeSet<_> =
            files.iter().chain([&file]).map(|f| self.world.files[*f].looked.key.digest()).collect();
        let probe = match kind {
            "endpoint" | "guard-candidate" => ProbeRef { id: "python/fastapi".to_owned(), version: ENGINE_VERSION },
            _ => seen.probe.clone(),
        };
        self.observations.push(Observation {
            kind: kind.to_owned(),
            attributes: attributes.0,
            place: Place { path: looked.path.clone(), blob: looked.key.blob, span: seen.span },
            class: looked.key.class.clone(),
            anchors,
            snippet: seen.snippet.clone(),
            probe,
            sources: sources.into_iter().collect(),
        });
    }
}

/// Links the Python files of a revision, which come sorted by path.
pub(super) fn link(vocabulary: &Vocabulary, looked: &[&LookedFile]) -> Vec<Observation> {
    let world = World::new(vocabulary, looked);
    let mut out = Out { world: &world, observations: Vec::new() };
    endpoints::emit(&world, &mut out);
    django::emit(&world, &mut out);
    let classes = fields::Classes::new(&world);
    classes.emit(&mut out);
    classes.log_calls(&mut out);
    stacks(&world, &mut out);
    as_seen(&world, &mut out);
    out.observations
}

/// Which stacks a folder uses: one observation for each stack, folder and class, at the first file that imports it.
fn stacks(world: &World<'_, '_>, out: &mut Out<'_, '_, '_>) {
    let mut told: BTreeSet<(String, String, String)> = BTreeSet::new();
    for (at, file) in world.files.iter().enumerate() {
        let folder = file.path.rsplit_once('/').map_or("", |(f, _)| f);
        for seen in file.seen("py-import") {
            for binding in seen.list("bindings").iter().filter_map(Value::as_map) {
                let origin = binding.str("origin");
                let used = |i: &String| {
                    origin == i || origin.strip_prefix(i.as_str()).is_some_and(|rest| rest.starts_with('.'))
                };
                for stack in
                    world.vocabulary.stacks.iter().filter(|s| s.language == "python" && s.imports.iter().any(used))
                {
                    let class = file.looked.key.class.to_string();
                    if told.insert((stack.name.clone(), folder.to_owned(), class)) {
                        let attributes = Attributes::default()
                            .with("language", "python")
                            .with("stack", stack.name.as_str())
                            .with("name", stack.name.as_str())
                            .with("modelled", stack.modelled);
                        out.put("stack", at, seen, attributes, BTreeMap::new(), BTreeSet::new());
                    }
                }
            }
        }
    }
}

/// Observations that one file shows whole: what patterns emit, and what could not be read.
fn as_seen(world: &World<'_, '_>, out: &mut Out<'_, '_, '_>) {
    for (at, file) in world.files.iter().enumerate() {
        for seen in &file.looked.observations.seen {
            let own = seen.kind != "log-call" && !lexical::sees(&seen.probe);
            if own && world.vocabulary.kinds.contains(&seen.kind) {
                out.put(
                    &seen.kind,
                    at,
                    seen,
                    of_module(&seen.attributes, &file.module),
                    seen.anchors.clone(),
                    BTreeSet::new(),
                );
            }
        }
    }
}

/// What a pattern captured, with the file's module where it stands for it.
fn of_module(attributes: &BTreeMap<String, Value>, module: &str) -> Attributes {
    let known = |value: &Value| match value {
        Value::Text(text) if text.contains(OF_MODULE) => {
            Value::Text(text.replace(OF_MODULE, module).trim_start_matches('.').to_owned())
        }
        other => other.clone(),
    };
    Attributes(attributes.iter().map(|(name, value)| (name.clone(), known(value))).collect())
}
