//! Linking code of the shared model: file-level facts of one revision in, observations out. Pure: it reads nothing but the
//! facts and the vocabulary. Next: `world.rs` (names across files).

mod logs;
mod objects;
mod stored;
mod world;

use crate::emit::{Attributes, Facts};
use crate::lexical;
use crate::vocabulary::Vocabulary;
use ligase_domain::{LookedFile, Observation, Place, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};
use world::World;

/// Collects linked observations.
pub(super) struct Out<'o, 'f> {
    world: &'o World<'f>,
    observations: Vec<Observation>,
}

impl Out<'_, '_> {
    /// Adds an observation that stands where a fact stands, with the files that it was also linked from.
    pub(super) fn put(
        &mut self,
        kind: &str,
        file: usize,
        seen: &Seen,
        attributes: Attributes,
        anchors: BTreeMap<String, Span>,
        files: &BTreeSet<usize>,
    ) {
        let looked = self.world.files[file].looked;
        let sources: BTreeSet<_> =
            files.iter().chain([&file]).map(|f| self.world.files[*f].looked.key.digest()).collect();
        self.observations.push(Observation {
            kind: kind.to_owned(),
            attributes: attributes.0,
            place: Place { path: looked.path.clone(), blob: looked.key.blob, span: seen.span },
            class: looked.key.class.clone(),
            anchors,
            snippet: seen.snippet.clone(),
            probe: seen.probe.clone(),
            sources: sources.into_iter().collect(),
        });
    }
}

/// Links the files of a revision, which come sorted by path.
pub(super) fn link(vocabulary: &Vocabulary, looked: &[&LookedFile]) -> Vec<Observation> {
    let world = World::new(looked);
    let mut out = Out { world: &world, observations: Vec::new() };
    logs::emit(vocabulary, &world, &mut out);
    stacks(vocabulary, &world, &mut out);
    as_seen(vocabulary, &world, &mut out);
    stored::emit(vocabulary, &world, &mut out);
    out.observations
}

/// Which stacks a folder uses: one observation for each stack, folder and class, at the first file that imports it.
fn stacks(vocabulary: &Vocabulary, world: &World<'_>, out: &mut Out<'_, '_>) {
    let mut told: BTreeSet<(&str, String, String)> = BTreeSet::new();
    for (at, file) in world.files.iter().enumerate() {
        let folder = file.path.rsplit_once('/').map_or("", |(f, _)| f);
        let class = file.looked.key.class.to_string();
        let dialect = file.looked.key.class.dialect.as_str();
        for seen in file.seen("code-import") {
            for name in seen.list("names").iter().filter_map(Value::as_map) {
                let module = name.str("module");
                let used = |i: &String| {
                    module == i || module.strip_prefix(i.as_str()).is_some_and(|rest| rest.starts_with(['/', '.']))
                };
                let language = crate::code::language_of(dialect);
                for stack in vocabulary.stacks.iter().filter(|s| s.language == language && s.imports.iter().any(used)) {
                    if told.insert((&stack.name, folder.to_owned(), class.clone())) {
                        let attributes = Attributes::default()
                            .with("language", dialect)
                            .with("stack", stack.name.as_str())
                            .with("name", stack.name.as_str())
                            .with("modelled", stack.modelled);
                        out.put("stack", at, seen, attributes, BTreeMap::new(), &BTreeSet::new());
                    }
                }
            }
        }
    }
}

/// Observations that one file shows whole; what is seen in text is told by its own engine.
fn as_seen(vocabulary: &Vocabulary, world: &World<'_>, out: &mut Out<'_, '_>) {
    for (at, file) in world.files.iter().enumerate() {
        for seen in &file.looked.observations.seen {
            if vocabulary.kinds.contains(&seen.kind) && !lexical::sees(&seen.probe) {
                let attributes = Attributes(seen.attributes.clone());
                out.put(&seen.kind, at, seen, attributes, seen.anchors.clone(), &BTreeSet::new());
            }
        }
    }
}
