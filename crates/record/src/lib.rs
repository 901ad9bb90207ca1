//! The stored form: canonical bytes and digests of everything that is kept.
//!
//! Records are canonical JSON (RFC 8785) with a type and a version; the same value has the same bytes on every machine
//! and in every year, so a digest names a meaning. No clock, worker, attempt or predecessor is part of what is hashed.
//! Every reader is bounded and total over hostile bytes: an error names the record, the field and what was expected.
//! Refuses I/O: where bytes are kept is the business of `evidence`. Read `canonical.rs` and `stored.rs` first.

mod assessment;
mod canonical;
mod error;
mod event;
mod fields;
mod finding;
mod node;
mod observation;
mod observation_set;
mod packed;
mod patch;
mod stored;
#[cfg(test)]
mod tests;
mod tree;

pub use assessment::{
    ASSESSMENT_PREDICATE, AssessmentStatement, EncodedAssessment, FindingsRef, STATEMENT_TYPE, decode_assessment,
    decode_statement, encode_assessment, encode_statement,
};
pub use canonical::{MAX_BYTES, MAX_DEPTH, MAX_INT, MAX_VALUES, canonical, from_canonical};
pub use error::RecordError;
pub use event::{Event, JournalRecord};
pub use observation_set::{
    ChunkRef, EncodedLook, EncodedObservationSet, MAX_CHUNK_ENTRIES, ObservationEntry, ObservationRoot, ObservationSet,
    decode_observation_set, encode_look, encode_observation_set,
};
pub use packed::{pack, packed_length, unpack};
pub use patch::{ChangeRef, EncodedPatch, PatchRecord, decode_patch, decode_patch_record, encode_patch};
pub use stored::{Header, Kept, header};

use ligase_domain::{Digest, FileObservations, Finding, GateReport, LookedFile, Observation, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use stored::Stored as _;

macro_rules! records {
    ($($(#[doc = $doc:literal])* $type:ty: $encode:ident, $decode:ident, $encode_kept:ident, $decode_kept:ident;)*) => {
        $(
            $(#[doc = $doc])*
            pub fn $encode(record: &$type) -> Result<Vec<u8>, RecordError> {
                stored::encode(record)
            }

            /// The record of these bytes; unknown fields are left out.
            pub fn $decode(bytes: &[u8]) -> Result<$type, RecordError> {
                stored::decode(bytes)
            }

            /// The bytes of a record with the unknown fields that it was read with.
            pub fn $encode_kept(kept: &Kept<$type>) -> Result<Vec<u8>, RecordError> {
                stored::encode_with(&kept.record, &kept.extra)
            }

            /// The record of these bytes with its unknown fields.
            pub fn $decode_kept(bytes: &[u8]) -> Result<Kept<$type>, RecordError> {
                stored::decode_kept(bytes)
            }
        )*
    };
}

records! {
    /// The bytes of one file's observations.
    FileObservations: encode_file_observations, decode_file_observations, encode_file_observations_kept, decode_file_observations_kept;
    /// The bytes of one finding.
    Finding: encode_finding, decode_finding, encode_finding_kept, decode_finding_kept;
    /// The bytes of a gate report.
    GateReport: encode_gate_report, decode_gate_report, encode_gate_report_kept, decode_gate_report_kept;
    /// The bytes of a fact of the coordinator.
    Event: encode_event, decode_event, encode_event_kept, decode_event_kept;
    /// The bytes of a journal entry: a leaf of the Merkle log.
    JournalRecord: encode_journal_entry, decode_journal_entry, encode_journal_entry_kept, decode_journal_entry_kept;
    /// The bytes of an observation set's root alone; [`encode_observation_set`] makes root and chunks.
    ObservationRoot: encode_observation_root, decode_observation_root, encode_observation_root_kept, decode_observation_root_kept;
}

/// The bytes of all linked observations of a revision.
pub fn encode_observations(observations: &[Observation]) -> Result<Vec<u8>, RecordError> {
    use observation::ObservationList;
    let object = observation::list_object(observations)
        .with("type", ObservationList::TYPE)
        .with("version", ObservationList::VERSION);
    canonical::write(object, ObservationList::TYPE, ObservationList::MAX_BYTES)
}

/// The linked observations of these bytes.
pub fn decode_observations(bytes: &[u8]) -> Result<Vec<Observation>, RecordError> {
    stored::decode::<observation::ObservationList>(bytes).map(|list| list.0)
}

/// The entries of an observation set's chunk.
pub fn decode_observation_chunk(bytes: &[u8]) -> Result<Vec<ObservationEntry>, RecordError> {
    stored::decode::<observation_set::Chunk>(bytes).map(|chunk| chunk.0)
}

/// The looked files of a stored set, so that linking can be done again: the observations are read by `fetch`.
pub fn looked_files(
    set: &ObservationSet,
    fetch: &mut dyn FnMut(&Digest) -> Option<Vec<u8>>,
) -> Result<Vec<LookedFile>, RecordError> {
    let mut known: BTreeMap<Digest, Arc<FileObservations>> = BTreeMap::new();
    let mut files = Vec::with_capacity(set.entries.len());
    for entry in &set.entries {
        let observations = match known.get(&entry.object) {
            Some(observations) => Arc::clone(observations),
            None => {
                let bytes = stored::fetched(ObservationRoot::TYPE, &entry.path.to_string(), &entry.object, fetch)?;
                let observations = Arc::new(decode_file_observations(&bytes)?);
                known.insert(entry.object, Arc::clone(&observations));
                observations
            }
        };
        files.push(LookedFile { path: entry.path.clone(), key: entry.key.clone(), observations });
    }
    Ok(files)
}

/// An event from pairs.
pub fn event<K: Into<String>>(kind: &str, fields: impl IntoIterator<Item = (K, Value)>) -> Event {
    Event { kind: kind.to_owned(), fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect() }
}
