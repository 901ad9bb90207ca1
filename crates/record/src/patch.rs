//! The stored form of patches and of what the gate said of them.
//!
//! A patch's record names the changed files' new bytes by digest; the bytes are objects of their own, so that equal
//! content is stored once. Refuses a record whose parts do not give the digest that it names. Read `event.rs` next.

use crate::RecordError;
use crate::error::OBJECT;
use crate::fields::Fields;
use crate::node::{Object, count};
use crate::stored::{Kept, Stored, decode, encode, fetched};
use ligase_domain::{
    CheckResult, Digest, Effect, EffectClass, FileChange, GateCheck, GateReport, GateVerdict, Oid, Patch, RepoPath,
    VerifyRun,
};

/// A patch as bytes: the blobs go into the store first, then the record that names them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedPatch {
    /// The record.
    pub record: Vec<u8>,
    /// The new bytes of the changed files, in order of paths.
    pub blobs: Vec<Vec<u8>>,
}

/// One changed file, as the record names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeRef {
    /// The file.
    pub path: RepoPath,
    /// The blob that the change was made against.
    pub base: Oid,
    /// The object that holds the new bytes.
    pub object: Digest,
    /// How many bytes they are.
    pub size: u64,
}

/// What the record itself says, without the changed files' bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatchRecord {
    /// [`Patch::digest`].
    pub digest: Digest,
    /// The commit that it was made against.
    pub base_revision: Oid,
    /// The changed files, in order.
    pub changes: Vec<ChangeRef>,
    /// The unified diff.
    pub diff: String,
    /// The remedies that made it.
    pub remedies: Vec<String>,
    /// What applying it does beyond the text.
    pub effect: Effect,
}

/// The record and the blobs of a patch.
pub fn encode_patch(patch: &Patch) -> Result<EncodedPatch, RecordError> {
    let record = PatchRecord {
        digest: patch.digest(),
        base_revision: patch.base_revision,
        changes: patch
            .changes
            .iter()
            .map(|change| ChangeRef {
                path: change.path.clone(),
                base: change.base,
                object: Digest::of(&change.bytes),
                size: change.bytes.len() as u64,
            })
            .collect(),
        diff: patch.diff.clone(),
        remedies: patch.remedies.clone(),
        effect: patch.effect.clone(),
    };
    Ok(EncodedPatch { record: encode(&record)?, blobs: patch.changes.iter().map(|c| c.bytes.clone()).collect() })
}

/// What a patch's record says; the blobs stay where they are.
pub fn decode_patch_record(bytes: &[u8]) -> Result<Kept<PatchRecord>, RecordError> {
    crate::stored::decode_kept(bytes)
}

/// The patch of a record, with its blobs read by `fetch`.
pub fn decode_patch(bytes: &[u8], fetch: &mut dyn FnMut(&Digest) -> Option<Vec<u8>>) -> Result<Patch, RecordError> {
    let record: PatchRecord = decode(bytes)?;
    let mut changes = Vec::new();
    for change in record.changes {
        let field = format!("changes.{}", change.path);
        let bytes = fetched(PatchRecord::TYPE, &field, &change.object, fetch)?;
        if bytes.len() as u64 != change.size {
            let (expected, found) = (format!("{} bytes", change.size), format!("{} bytes", bytes.len()));
            return Err(RecordError::new(OBJECT, PatchRecord::TYPE, field, expected, found));
        }
        changes.push(FileChange { path: change.path, base: change.base, bytes });
    }
    let patch = Patch {
        base_revision: record.base_revision,
        changes,
        diff: record.diff,
        remedies: record.remedies,
        effect: record.effect,
    };
    let digest = patch.digest();
    if digest == record.digest {
        Ok(patch)
    } else {
        Err(RecordError::new(OBJECT, PatchRecord::TYPE, "digest", digest.to_string(), record.digest.to_string()))
    }
}

impl Stored for PatchRecord {
    const TYPE: &'static str = "ligase.patch";

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        Ok(Object::new()
            .with("digest", self.digest.to_string())
            .with("baseRevision", self.base_revision.to_string())
            .with_each("changes", &self.changes, |change| {
                Object::new()
                    .with("path", change.path.to_string())
                    .with("base", change.base.to_string())
                    .with("object", change.object.to_string())
                    .with("size", count(change.size))
            })
            .with("diff", self.diff.as_str())
            .with_each("remedies", &self.remedies, String::as_str)
            .with(
                "effect",
                Object::new().with("class", self.effect.class.name()).with("note", self.effect.note.as_str()),
            ))
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        let changes = fields.each("changes", |change| {
            Ok(ChangeRef {
                path: change.path("path")?,
                base: change.oid("base")?,
                object: change.digest("object")?,
                size: change.int("size")?,
            })
        })?;
        let mut effect = fields.object("effect")?;
        let effect = Effect {
            class: effect.word("class", "the name of an effect", EffectClass::parse)?,
            note: effect.text("note")?,
        };
        Ok(Self {
            digest: fields.digest("digest")?,
            base_revision: fields.oid("baseRevision")?,
            changes,
            diff: fields.text("diff")?,
            remedies: fields.texts("remedies")?,
            effect,
        })
    }
}

impl Stored for GateReport {
    const TYPE: &'static str = "ligase.gate-report";

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        let report = Object::new().with("patch", self.patch.to_string()).with_each("checks", &self.checks, |result| {
            let (verdict, seen) = match &result.verdict {
                GateVerdict::Passed => ("passed", None),
                GateVerdict::Refused(seen) => ("refused", Some(seen.as_str())),
                GateVerdict::Unverified(reason) => ("unverified", Some(reason.as_str())),
            };
            Object::new().with("check", result.check.name()).with("verdict", verdict).with_some("seen", seen)
        });
        // Left out where there are none, so that a report without runs has the bytes that it always had.
        Ok(if self.runs.is_empty() { report } else { report.with_each("runs", &self.runs, run_value) })
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        let checks = fields.each("checks", |result| {
            let check = result.word("check", "the name of a gate check", GateCheck::parse)?;
            let verdict = result.text("verdict")?;
            let verdict = match (verdict.as_str(), result.optional("seen", Fields::text)?) {
                ("passed", None) => GateVerdict::Passed,
                ("refused", Some(seen)) => GateVerdict::Refused(seen),
                ("unverified", Some(reason)) => GateVerdict::Unverified(reason),
                _ => return Err(result.refuse("verdict", "passed, or with seen refused, unverified", verdict)),
            };
            Ok(CheckResult { check, verdict })
        })?;
        let runs = fields.optional("runs", |fields, name| fields.each(name, run_of))?.unwrap_or_default();
        Ok(Self { patch: fields.digest("patch")?, checks, runs })
    }
}

fn run_value(run: &VerifyRun) -> Object<'_> {
    Object::new()
        .with("patched", run.patched)
        .with("ended", run.ended.as_str())
        .with_each("runners", &run.runners, String::as_str)
        .with("passed", count(run.passed))
        .with("failed", count(run.failed))
        .with("skipped", count(run.skipped))
        .with("millis", count(run.millis))
        .with("output", run.output.to_string())
}

fn run_of(fields: &mut Fields<'_>) -> Result<VerifyRun, RecordError> {
    Ok(VerifyRun {
        patched: fields.bool("patched")?,
        ended: fields.text("ended")?,
        runners: fields.texts("runners")?,
        passed: fields.int("passed")?,
        failed: fields.int("failed")?,
        skipped: fields.int("skipped")?,
        millis: fields.int("millis")?,
        output: fields.digest("output")?,
    })
}
