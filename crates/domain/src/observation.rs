//! What a probe saw. Observations carry no judgement, no framework and nothing of a DNA.

use crate::{Digest, Oid, PathClass, RepoPath, Value};
use std::collections::BTreeMap;

/// A range of a file.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// First byte, from 0.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// First line, from 1.
    pub line: u32,
    /// Last line, from 1.
    pub end_line: u32,
}

/// Which probe saw it. The version counts up whenever the same bytes would be seen otherwise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProbeRef {
    /// Such as `python/fastapi-route`.
    pub id: String,
    /// The probe's version.
    pub version: u32,
}

/// What a probe saw in one file, before it is known where the file lies: keyed by (blob, path class, pack) alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    /// The kind, as `kinds/<kind>.yaml` names it, or a link kind that only `probe::link` reads.
    pub kind: String,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Value>,
    /// Where in the file.
    pub span: Span,
    /// Named syntax nodes that a remedy may edit (`route`, `handler`, `value`).
    pub anchors: BTreeMap<String, Span>,
    /// At most 200 bytes of the source, in which secrets are blanked out.
    pub snippet: String,
    /// Which probe saw it.
    pub probe: ProbeRef,
}

/// Where an observation stands in a revision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The file.
    pub path: RepoPath,
    /// Its content.
    pub blob: Oid,
    /// The range in it.
    pub span: Span,
}

/// A linked observation: one that stands in a revision, with what other files say of it (mounts, base classes, constants).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Observation {
    /// The kind, as `kinds/<kind>.yaml` names it.
    pub kind: String,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Value>,
    /// Where it stands.
    pub place: Place,
    /// What the path says of the file.
    pub class: PathClass,
    /// Named syntax nodes that a remedy may edit, all in `place.path`.
    pub anchors: BTreeMap<String, Span>,
    /// At most 200 bytes of the source, in which secrets are blanked out.
    pub snippet: String,
    /// Which probe saw it.
    pub probe: ProbeRef,
    /// [`crate::LookKey`] digests of the files that it was linked from: the walk to the bytes.
    pub sources: Vec<Digest>,
}

impl Observation {
    /// A text attribute, or `None` when it is absent or not a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_text)
    }
}
