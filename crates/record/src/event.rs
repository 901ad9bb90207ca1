//! Facts of the coordinator, and the entries of the ordered journal.
//!
//! An event says what was decided or done, under a kind of its own; the journal's entry says which object came when, by
//! the server's clock. The entry's bytes are the leaves of the Merkle log: they never change again.
//! Refuses to put a clock into an event: the time stands in the entry that names it. Read `evidence` next.

use crate::RecordError;
use crate::fields::Fields;
use crate::node::{Object, count};
use crate::stored::Stored;
use ligase_domain::{Digest, Timestamp, Value};
use std::collections::BTreeMap;

/// A fact of the coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What happened: `sweep-ended`, `changeset-opened`, `waiver-approved`.
    pub kind: String,
    /// What belongs to it.
    pub fields: BTreeMap<String, Value>,
}

impl Stored for Event {
    const TYPE: &'static str = "ligase.event";

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        Ok(Object::new().with("kind", self.kind.as_str()).with("fields", &self.fields))
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        Ok(Self { kind: fields.text("kind")?, fields: fields.map("fields")? })
    }
}

/// An entry of the ordered journal, and a leaf of the Merkle log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalRecord {
    /// Its number, from 0, without gaps.
    pub sequence: u64,
    /// What the object is to the journal: `assessment`, `observations`, `event`.
    pub kind: String,
    /// The object.
    pub digest: Digest,
    /// When the server took it.
    pub at: Timestamp,
}

impl Stored for JournalRecord {
    const TYPE: &'static str = "ligase.journal-entry";
    /// The kind is the only part without a fixed size, and it is a word.
    const MAX_BYTES: usize = 4096;

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        Ok(Object::new()
            .with("sequence", count(self.sequence))
            .with("kind", self.kind.as_str())
            .with("digest", self.digest.to_string())
            .with("at", self.at.0))
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            sequence: fields.int("sequence")?,
            kind: fields.text("kind")?,
            digest: fields.digest("digest")?,
            at: Timestamp(fields.int("at")?),
        })
    }
}
