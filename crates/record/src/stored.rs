//! What every record has in common: a type, a version, fields, and whatever else stood there.
//!
//! The version counts up only when old readers would misread new bytes; a new optional field does not count it up, and
//! is kept by readers that do not know it. Refuses unknown types and newer versions. Read `observation.rs` next.

use crate::RecordError;
use crate::canonical::{MAX_BYTES, read, write};
use crate::error::{TYPE, VERSION};
use crate::fields::Fields;
use crate::node::Object;
use ligase_domain::Value;
use std::collections::BTreeMap;

/// A type that has a stored form. Named functions for each type stand in the crate's root.
pub(crate) trait Stored: Sized {
    /// Its type, such as `ligase.finding`.
    const TYPE: &'static str;
    /// Its version.
    const VERSION: i64 = 1;
    /// The largest record of this type, in bytes.
    const MAX_BYTES: usize = MAX_BYTES;

    /// Its fields, without type and version.
    fn fields(&self) -> Result<Object<'_>, RecordError>;

    /// From its fields; what is not taken is unknown and kept.
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError>;
}

/// A record with the fields that this version of the code does not know: written back, they are still there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept<T> {
    /// What is known.
    pub record: T,
    /// Unknown fields by name.
    pub extra: BTreeMap<String, Value>,
}

/// A record's type and version, read without knowing the type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Such as `ligase.finding`.
    pub kind: String,
    /// Its version.
    pub version: i64,
}

/// The type and version of a record of any type, so that a reader can decide what to decode it as.
pub fn header(bytes: &[u8]) -> Result<Header, RecordError> {
    let mut fields = Fields::new("record", read(bytes, "record", crate::observation::ObservationList::MAX_BYTES)?)?;
    Ok(Header { kind: fields.text("type")?, version: fields.int("version")? })
}

pub(crate) fn encode<T: Stored>(record: &T) -> Result<Vec<u8>, RecordError> {
    encode_with(record, &BTreeMap::new())
}

/// With unknown fields; a known field of the same name wins.
pub(crate) fn encode_with<T: Stored>(record: &T, extra: &BTreeMap<String, Value>) -> Result<Vec<u8>, RecordError> {
    let object = record.fields()?.with("type", T::TYPE).with("version", T::VERSION).with_extra(extra);
    write(object, T::TYPE, T::MAX_BYTES)
}

pub(crate) fn decode<T: Stored>(bytes: &[u8]) -> Result<T, RecordError> {
    decode_kept(bytes).map(|kept| kept.record)
}

pub(crate) fn decode_kept<T: Stored>(bytes: &[u8]) -> Result<Kept<T>, RecordError> {
    let mut fields = Fields::new(T::TYPE, read(bytes, T::TYPE, T::MAX_BYTES)?)?;
    check_header(&mut fields, T::TYPE, T::VERSION)?;
    let record = T::from_fields(&mut fields)?;
    Ok(Kept { record, extra: fields.rest() })
}

/// Takes type and version, and refuses those of another record.
pub(crate) fn check_header(fields: &mut Fields<'_>, expected: &str, version: i64) -> Result<(), RecordError> {
    let kind = fields.text("type")?;
    if kind != expected {
        return Err(RecordError::new(TYPE, expected, fields.path_of("type"), expected, kind));
    }
    let found: i64 = fields.int("version")?;
    if found != version {
        let (field, wanted) = (fields.path_of("version"), format!("version {version}"));
        return Err(RecordError::new(VERSION, expected, field, wanted, found.to_string()));
    }
    Ok(())
}

/// Reads an object that a record names, and refuses it when its bytes are others.
pub(crate) fn fetched(
    record: &'static str,
    field: &str,
    digest: &ligase_domain::Digest,
    fetch: &mut dyn FnMut(&ligase_domain::Digest) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, RecordError> {
    let refuse =
        |found: &str| RecordError::new(crate::error::OBJECT, record, field, format!("the object {digest}"), found);
    let bytes = fetch(digest).ok_or_else(|| refuse("no such object"))?;
    if ligase_domain::Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(refuse("other bytes")) }
}
