//! What every probe's file begins with, whatever its engine: the version of the format, the kind, the probe's name and version.
//! Refuses to know what an engine wants to be told; that is its own `spec`.

use ligase_domain::ProbeRef;
use serde::Deserialize;

/// A probe's file; `S` is its engine's part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeDocument<S> {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) metadata: ProbeMetadata,
    pub(crate) spec: S,
}

/// Which probe it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeMetadata {
    pub(crate) id: String,
    pub(crate) version: u32,
}

impl ProbeMetadata {
    /// As observations name it.
    pub(crate) fn into_ref(self) -> ProbeRef {
        ProbeRef { id: self.id, version: self.version }
    }
}
