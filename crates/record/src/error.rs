//! Why bytes are not a record, or a value cannot become one.
//!
//! One type with a stable code, so that whoever reads it learns which record, which field, what was expected and what
//! stood there. Never holds more than a short piece of the hostile bytes. Read `fields.rs` next.

/// Why bytes are not a record, or a value cannot become one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {record}: {field}: expected {expected}, found {found}")]
pub struct RecordError {
    /// The stable code: `E-RECORD-CANONICAL`, `-LIMIT`, `-TYPE`, `-VERSION`, `-FIELD` or `-OBJECT`.
    pub code: &'static str,
    /// The type of record that was to be read or written, such as `ligase.finding`.
    pub record: String,
    /// The field, as a dotted path, or the place in the bytes.
    pub field: String,
    /// What should stand there.
    pub expected: String,
    /// What stands there, shortened.
    pub found: String,
}

/// The bytes are not canonical JSON.
pub(crate) const CANONICAL: &str = "E-RECORD-CANONICAL";
/// A bound on size, depth, count or number is exceeded.
pub(crate) const LIMIT: &str = "E-RECORD-LIMIT";
/// It is a record of another type.
pub(crate) const TYPE: &str = "E-RECORD-TYPE";
/// It is a record of a version that is not known here.
pub(crate) const VERSION: &str = "E-RECORD-VERSION";
/// A field is missing or not of its form.
pub(crate) const FIELD: &str = "E-RECORD-FIELD";
/// An object that the record names is missing or is another one.
pub(crate) const OBJECT: &str = "E-RECORD-OBJECT";

/// At most this many characters of what was found are shown.
const SHOWN_CHARS: usize = 80;

impl RecordError {
    pub(crate) fn new(
        code: &'static str,
        record: &str,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let found: String = found.into();
        let found = match found.char_indices().nth(SHOWN_CHARS) {
            Some((cut, _)) => format!("{}…", &found[..cut]),
            None => found,
        };
        Self { code, record: record.to_owned(), field: field.into(), expected: expected.into(), found }
    }

    /// The same, of a field of what stands at `place`. Paths are put together on the way out: what is read without an error,
    /// which is nearly everything, costs no text.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.field = match self.field.as_str() {
            "" => place.to_owned(),
            field => format!("{place}.{field}"),
        };
        self
    }
}
