//! The observation set of a revision: a root, chunks of entries, and a file's observations as objects of their own.
//!
//! A chunk ends where the digest of a path says so, not at a fixed count: a file that is added, changed or deleted
//! changes its own observations, the chunk that it lies in, and the root, whatever its place in the order.
//! Refuses sets that are not sorted. Read `assessment.rs` next.

use crate::RecordError;
use crate::fields::Fields;
use crate::node::{Object, count, digests};
use crate::stored::{Stored, encode, fetched};
use ligase_domain::{Digest, LookKey, LookedFile, Population, RepoPath, Skipped};
use std::collections::{BTreeMap, BTreeSet};

/// A chunk ends after a path whose digest has its lowest seven bits zero: 128 entries, 40 KiB, on average.
const CHUNK_END_MASK: u8 = 0x7f;
/// And at this many entries at the latest, because a repository chooses its paths.
pub const MAX_CHUNK_ENTRIES: usize = 512;

/// One file of an observation set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObservationEntry {
    /// Where it lies in the revision.
    pub path: RepoPath,
    /// What its observations are kept by; its digest is what findings cite.
    pub key: LookKey,
    /// The object that holds its observations.
    pub object: Digest,
}

/// The observation set of a revision, as values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObservationSet {
    /// Sorted by path, each path once.
    pub entries: Vec<ObservationEntry>,
    /// What was to be looked at.
    pub population: Population,
    /// The digest of the probe set.
    pub probe_set: Digest,
    /// The digest of each of its packs, by name.
    pub packs: BTreeMap<String, Digest>,
}

/// A chunk, as the root names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkRef {
    /// Its object.
    pub digest: Digest,
    /// Its first path.
    pub first: RepoPath,
    /// How many entries it has.
    pub entries: u64,
}

/// The root of an observation set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObservationRoot {
    /// In order of paths.
    pub chunks: Vec<ChunkRef>,
    /// What was to be looked at.
    pub population: Population,
    /// The digest of the probe set.
    pub probe_set: Digest,
    /// The digest of each of its packs, by name.
    pub packs: BTreeMap<String, Digest>,
}

/// An observation set as bytes. The root goes into the store last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedObservationSet {
    /// The root's bytes.
    pub root: Vec<u8>,
    /// The chunks' bytes, in order of paths.
    pub chunks: Vec<Vec<u8>>,
}

/// Everything that a look at a revision leaves to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedLook {
    /// The set as values.
    pub set: ObservationSet,
    /// The set as bytes.
    pub encoded: EncodedObservationSet,
    /// The observations of each file: (digest, bytes), each object once, sorted by digest.
    pub files: Vec<(Digest, Vec<u8>)>,
    /// What the store finds file observations by: (digest of the look key, digest of the object), each key once;
    /// not what a file was skipped for by a reason of the moment.
    pub looks: Vec<(Digest, Digest)>,
}

/// The stored form of a look: file observations, chunks and root. The files may come in any order.
pub fn encode_look(
    files: &[LookedFile],
    population: &Population,
    probe_set: Digest,
    packs: &BTreeMap<String, Digest>,
) -> Result<EncodedLook, RecordError> {
    let (mut entries, mut objects, mut looks) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for file in files {
        let bytes = encode(&*file.observations)?;
        let object = Digest::of(&bytes);
        objects.insert(object, bytes);
        if !file.observations.skipped.as_deref().is_some_and(Skipped::passes) {
            looks.insert(file.key.digest(), object);
        }
        entries.push(ObservationEntry { path: file.path.clone(), key: file.key.clone(), object });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let set = ObservationSet { entries, population: population.clone(), probe_set, packs: packs.clone() };
    let encoded = encode_observation_set(&set)?;
    Ok(EncodedLook { set, encoded, files: objects.into_iter().collect(), looks: looks.into_iter().collect() })
}

/// The root and chunks of a set; refuses entries that are not sorted by path, each once.
pub fn encode_observation_set(set: &ObservationSet) -> Result<EncodedObservationSet, RecordError> {
    let (mut refs, mut chunks) = (Vec::new(), Vec::new());
    for part in set.entries.chunk_by(|before, _| !ends_chunk(&before.path)).flat_map(|p| p.chunks(MAX_CHUNK_ENTRIES)) {
        let bytes = encode(&Chunk(part.to_vec()))?;
        let first = part.first().expect("chunk_by and chunks yield no empty slices").path.clone();
        refs.push(ChunkRef { digest: Digest::of(&bytes), first, entries: part.len() as u64 });
        chunks.push(bytes);
    }
    let mut order = Order::default();
    set.entries.iter().try_for_each(|entry| order.next(&entry.path))?;
    let root = ObservationRoot {
        chunks: refs,
        population: set.population.clone(),
        probe_set: set.probe_set,
        packs: set.packs.clone(),
    };
    Ok(EncodedObservationSet { root: encode(&root)?, chunks })
}

/// The set of a root, with its chunks read by `fetch`; refuses chunks that are not the ones that the root names.
pub fn decode_observation_set(
    root: &[u8],
    fetch: &mut dyn FnMut(&Digest) -> Option<Vec<u8>>,
) -> Result<ObservationSet, RecordError> {
    let root: ObservationRoot = crate::stored::decode(root)?;
    let (mut entries, mut order) = (Vec::new(), Order::default());
    for (i, chunk) in root.chunks.iter().enumerate() {
        let field = format!("chunks[{i}]");
        let bytes = fetched(ObservationRoot::TYPE, &field, &chunk.digest, fetch)?;
        let part = crate::stored::decode::<Chunk>(&bytes)?.0;
        if part.len() as u64 != chunk.entries || part.first().map(|e| &e.path) != Some(&chunk.first) {
            let expected = format!("{} entries from {}", chunk.entries, chunk.first);
            let found = format!("{} entries", part.len());
            return Err(RecordError::new(crate::error::OBJECT, ObservationRoot::TYPE, field, expected, found));
        }
        part.iter().try_for_each(|entry| order.next(&entry.path))?;
        entries.extend(part);
    }
    Ok(ObservationSet { entries, population: root.population, probe_set: root.probe_set, packs: root.packs })
}

fn ends_chunk(path: &RepoPath) -> bool {
    Digest::of(path.as_bytes()).as_bytes()[31] & CHUNK_END_MASK == 0
}

/// Refuses paths that do not come in order, each once.
#[derive(Default)]
struct Order(Option<RepoPath>);

impl Order {
    fn next(&mut self, path: &RepoPath) -> Result<(), RecordError> {
        if self.0.as_ref().is_some_and(|last| last >= path) {
            let expected = "paths in order, each once";
            return Err(RecordError::new(crate::error::FIELD, Chunk::TYPE, "entries", expected, path.to_string()));
        }
        self.0 = Some(path.clone());
        Ok(())
    }
}

/// Some entries of a set.
pub(crate) struct Chunk(pub(crate) Vec<ObservationEntry>);

impl Stored for Chunk {
    const TYPE: &'static str = "ligase.observation-chunk";

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        Ok(Object::new().with_each("entries", &self.0, |entry| {
            Object::new()
                .with("path", entry.path.to_string())
                .with("blob", entry.key.blob.to_string())
                .with("class", entry.key.class.to_string())
                .with("pack", entry.key.pack.to_string())
                .with("look", entry.key.digest().to_string())
                .with("object", entry.object.to_string())
        }))
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        let entries = fields.each("entries", |entry| {
            let key = LookKey { blob: entry.oid("blob")?, class: entry.class("class")?, pack: entry.digest("pack")? };
            let look = entry.digest("look")?;
            if look != key.digest() {
                return Err(entry.refuse("look", key.digest().to_string(), look.to_string()));
            }
            Ok(ObservationEntry { path: entry.path("path")?, key, object: entry.digest("object")? })
        })?;
        let mut order = Order::default();
        entries.iter().try_for_each(|entry| order.next(&entry.path))?;
        Ok(Self(entries))
    }
}

impl Stored for ObservationRoot {
    const TYPE: &'static str = "ligase.observation-root";
    /// 100,000 skipped files of 300 bytes each.
    const MAX_BYTES: usize = 32 << 20;

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        Ok(Object::new()
            .with_each("chunks", &self.chunks, |chunk| {
                Object::new()
                    .with("object", chunk.digest.to_string())
                    .with("first", chunk.first.to_string())
                    .with("entries", count(chunk.entries))
            })
            .with("population", population_value(&self.population))
            .with("probeSet", self.probe_set.to_string())
            .with("packs", digests(&self.packs)))
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        let chunks = fields.each("chunks", |chunk| {
            Ok(ChunkRef {
                digest: chunk.digest("object")?,
                first: chunk.path("first")?,
                entries: chunk.int("entries")?,
            })
        })?;
        let distinct: BTreeSet<_> = chunks.iter().map(|chunk| chunk.digest).collect();
        if distinct.len() != chunks.len() {
            return Err(fields.refuse("chunks", "each chunk once", "one of them twice"));
        }
        Ok(Self {
            chunks,
            population: read_population(&mut fields.object("population")?)?,
            probe_set: fields.digest("probeSet")?,
            packs: fields.digest_map("packs")?,
        })
    }
}

pub(crate) fn population_value(population: &Population) -> Object<'_> {
    let by_class = Object(population.by_class.iter().map(|(class, n)| (class.as_str().into(), count(*n))).collect());
    Object::new()
        .with("files", population.files.to_string())
        .with("filesTotal", count(population.files_total))
        .with("byClass", by_class)
        .with_each("skipped", &population.skipped, |skipped| {
            Object::new()
                .with("path", skipped.path.to_string())
                .with("class", skipped.class.to_string())
                .with("reason", skipped.reason.as_str())
        })
        .with_some("incomplete", population.incomplete.as_deref())
}

pub(crate) fn read_population(fields: &mut Fields<'_>) -> Result<Population, RecordError> {
    let by_class = fields
        .map("byClass")?
        .into_iter()
        .map(|(class, n)| match n.as_int().and_then(|n| u64::try_from(n).ok()) {
            Some(n) => Ok((class, n)),
            None => Err(fields.refuse(&format!("byClass.{class}"), "a count", format!("{n:?}"))),
        })
        .collect::<Result<_, _>>()?;
    let skipped = fields.each("skipped", |skipped| {
        Ok(Skipped { path: skipped.path("path")?, class: skipped.class("class")?, reason: skipped.text("reason")? })
    })?;
    Ok(Population {
        files: fields.digest("files")?,
        files_total: fields.int("filesTotal")?,
        by_class,
        skipped,
        incomplete: fields.optional("incomplete", Fields::text)?,
    })
}
