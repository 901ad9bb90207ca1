//! The stored form of what probes saw: of one file, and linked over a revision.
//!
//! A file's record holds neither path nor repository, so that equal files of two repositories are one object.
//! Refuses clocks and workers: they stand in the attempt's provenance. Read `observation_set.rs` next.

use crate::RecordError;
use crate::fields::Fields;
use crate::node::{Object, place_value, span_value};
use crate::stored::Stored;
use ligase_domain::{FileObservations, Observation, ProbeRef, Seen, Span};
use std::collections::BTreeMap;

impl Stored for FileObservations {
    const TYPE: &'static str = "ligase.file-observations";

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        Ok(Object::new().with_each("seen", &self.seen, seen_value).with_some("skipped", self.skipped.as_deref()))
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        Ok(Self { seen: fields.each("seen", read_seen)?, skipped: fields.optional("skipped", Fields::text)? })
    }
}

fn seen_value(seen: &Seen) -> Object<'_> {
    Object::new()
        .with("kind", seen.kind.as_str())
        .with("attributes", &seen.attributes)
        .with("span", span_value(&seen.span))
        .with("anchors", anchors_value(&seen.anchors))
        .with("snippet", seen.snippet.as_str())
        .with("probe", probe_value(&seen.probe))
}

fn read_seen(fields: &mut Fields<'_>) -> Result<Seen, RecordError> {
    Ok(Seen {
        kind: fields.text("kind")?,
        attributes: fields.map("attributes")?,
        span: fields.span("span")?,
        anchors: fields.each_named("anchors", Fields::span_members)?,
        snippet: fields.text("snippet")?,
        probe: read_probe(&mut fields.object("probe")?)?,
    })
}

/// All linked observations of one revision.
pub(crate) struct ObservationList(pub(crate) Vec<Observation>);

impl Stored for ObservationList {
    const TYPE: &'static str = "ligase.observations";
    /// 100,000 observations of a revision, 1 KiB each on average.
    const MAX_BYTES: usize = 128 << 20;

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        Ok(list_object(&self.0))
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        fields.each("observations", read_observation).map(Self)
    }
}

/// The fields of a list, without a copy of the observations.
pub(crate) fn list_object(observations: &[Observation]) -> Object<'_> {
    Object::new().with_each("observations", observations, observation_value)
}

fn observation_value(observation: &Observation) -> Object<'_> {
    Object::new()
        .with("kind", observation.kind.as_str())
        .with("attributes", &observation.attributes)
        .with("place", place_value(&observation.place))
        .with("class", observation.class.to_string())
        .with("anchors", anchors_value(&observation.anchors))
        .with("snippet", observation.snippet.as_str())
        .with("probe", probe_value(&observation.probe))
        .with_each("sources", &observation.sources, ToString::to_string)
}

fn read_observation(fields: &mut Fields<'_>) -> Result<Observation, RecordError> {
    Ok(Observation {
        kind: fields.text("kind")?,
        attributes: fields.map("attributes")?,
        place: fields.place("place")?,
        class: fields.class("class")?,
        anchors: fields.each_named("anchors", Fields::span_members)?,
        snippet: fields.text("snippet")?,
        probe: read_probe(&mut fields.object("probe")?)?,
        sources: fields.digest_list("sources")?,
    })
}

fn anchors_value(anchors: &BTreeMap<String, Span>) -> Object<'_> {
    Object(anchors.iter().map(|(name, span)| (name.as_str().into(), span_value(span).into())).collect())
}

fn probe_value(probe: &ProbeRef) -> Object<'_> {
    Object::new().with("id", probe.id.as_str()).with("version", i64::from(probe.version))
}

fn read_probe(fields: &mut Fields<'_>) -> Result<ProbeRef, RecordError> {
    Ok(ProbeRef { id: fields.text("id")?, version: fields.int("version")? })
}
