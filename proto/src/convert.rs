//! Messages to domain types and back. A message is hostile until it has come through here.

use crate::v1;
use ligase_domain::{
    ClauseId, Digest, FailureReason, FindingId, IntentId, Lane, Oid, RepositoryId, ServiceId, TaskKey, TaskKind,
};
use prost::Message as _;
use std::path::PathBuf;

/// Longest text that any field of a message may hold, in bytes; a path is at most 4 KiB.
const TEXT_MAX: usize = 16 * 1024;

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("E-WIRE-MALFORMED: field `{field}`: {problem}")]
pub struct WireError {
    /// The field that does not hold.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

fn wrong(field: &'static str, problem: impl Into<String>) -> WireError {
    WireError { field, problem: problem.into() }
}

/// A digest from 32 bytes.
pub fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, WireError> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| wrong(field, format!("{} bytes, expected 32", bytes.len())))?;
    Ok(Digest::from_bytes(bytes))
}

/// A digest, or none for an empty field.
pub fn optional_digest(field: &'static str, bytes: &[u8]) -> Result<Option<Digest>, WireError> {
    if bytes.is_empty() { Ok(None) } else { digest(field, bytes).map(Some) }
}

/// The object that carries an organisation's own catalog.
pub fn catalog_bytes(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let files = files.into_iter().map(|(path, bytes)| v1::PolicyFile { path, bytes }).collect();
    v1::OwnCatalog { files }.encode_to_vec()
}

/// The files of an organisation's own catalog, from the object that carries it.
pub fn catalog_files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, WireError> {
    let read = v1::OwnCatalog::decode(bytes).map_err(|e| wrong("catalog", e.to_string()))?;
    Ok(read.files.into_iter().map(|file| (file.path, file.bytes)).collect())
}

/// The bytes of a digest.
pub fn digest_bytes(digest: &Digest) -> Vec<u8> {
    digest.as_bytes().to_vec()
}

/// An object id from 20 or 32 bytes.
pub fn oid(field: &'static str, bytes: &[u8]) -> Result<Oid, WireError> {
    Oid::from_bytes(bytes).ok_or_else(|| wrong(field, format!("{} bytes, expected 20 or 32", bytes.len())))
}

/// A bounded text.
pub fn text<'a>(field: &'static str, text: &'a str) -> Result<&'a str, WireError> {
    if text.len() > TEXT_MAX {
        Err(wrong(field, format!("{} bytes, at most {TEXT_MAX}", text.len())))
    } else {
        Ok(text)
    }
}

/// A finding id.
pub fn finding(field: &'static str, bytes: &[u8]) -> Result<FindingId, WireError> {
    digest(field, bytes).map(FindingId)
}

/// An intent id.
pub fn intent(field: &'static str, bytes: &[u8]) -> Result<IntentId, WireError> {
    digest(field, bytes).map(IntentId)
}

/// A clause id.
pub fn clause(field: &'static str, id: &str) -> Result<ClauseId, WireError> {
    ClauseId::parse(text(field, id)?).ok_or_else(|| wrong(field, "expected `constraint/clause`"))
}

/// A repository id.
pub fn repository(field: &'static str, message: Option<&v1::Repository>) -> Result<RepositoryId, WireError> {
    let message = message.ok_or_else(|| wrong(field, "missing"))?;
    if message.forge.is_empty() || message.stable.is_empty() {
        return Err(wrong(field, "forge and stable id may not be empty"));
    }
    Ok(RepositoryId {
        forge: text(field, &message.forge)?.to_owned(),
        stable: text(field, &message.stable)?.to_owned(),
    })
}

/// The message of a repository id.
pub fn repository_message(id: &RepositoryId) -> v1::Repository {
    v1::Repository { forge: id.forge.clone(), stable: id.stable.clone() }
}

/// A service id.
pub fn service(field: &'static str, message: Option<&v1::Service>) -> Result<ServiceId, WireError> {
    let message = message.ok_or_else(|| wrong(field, "missing"))?;
    Ok(ServiceId {
        repository: repository(field, message.repository.as_ref())?,
        folder: text(field, &message.folder)?.to_owned(),
    })
}

/// The message of a service id.
pub fn service_message(id: &ServiceId) -> v1::Service {
    v1::Service { repository: Some(repository_message(&id.repository)), folder: id.folder.clone() }
}

/// Where a repository's bytes are had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A repository on this machine's disk, read in place.
    Directory(PathBuf),
    /// Smart HTTP, without credentials.
    Url(String),
}

/// A location.
pub fn location(field: &'static str, message: Option<&v1::Location>) -> Result<Location, WireError> {
    let message = message.ok_or_else(|| wrong(field, "missing"))?;
    match (message.directory.as_str(), message.url.as_str()) {
        ("", "") => Err(wrong(field, "neither directory nor url")),
        (directory, "") => Ok(Location::Directory(PathBuf::from(text(field, directory)?))),
        ("", url) => Ok(Location::Url(text(field, url)?.to_owned())),
        _ => Err(wrong(field, "both directory and url")),
    }
}

/// The message of a location.
pub fn location_message(location: &Location) -> v1::Location {
    match location {
        Location::Directory(path) => {
            v1::Location { directory: path.to_string_lossy().into_owned(), url: String::new() }
        }
        Location::Url(url) => v1::Location { directory: String::new(), url: url.clone() },
    }
}

/// A task's kind by its stable name.
pub fn task_kind(field: &'static str, name: &str) -> Result<TaskKind, WireError> {
    [TaskKind::Probe, TaskKind::Remedy, TaskKind::Verification]
        .into_iter()
        .find(|k| k.name() == name)
        .ok_or_else(|| wrong(field, "expected probe, remedy or verification"))
}

/// A task's key.
pub fn task_key(kind: &str, key: &[u8]) -> Result<TaskKey, WireError> {
    Ok(TaskKey { kind: task_kind("kind", kind)?, digest: digest("key", key)? })
}

/// A lane by its stable name.
pub fn lane(field: &'static str, name: &str) -> Result<Lane, WireError> {
    [Lane::Hot, Lane::Cascade, Lane::Sweep]
        .into_iter()
        .find(|l| l.name() == name)
        .ok_or_else(|| wrong(field, "expected hot, cascade or sweep"))
}

/// A failure: its reason from the closed list, and the detail cut to what a log line holds.
pub fn failure(message: &v1::Failure) -> Result<(FailureReason, String), WireError> {
    let reason = FailureReason::parse(&message.reason).ok_or_else(|| wrong("failure.reason", "not of the taxonomy"))?;
    Ok((reason, message.detail.chars().take(500).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_exactly_one_of_two() {
        let message = |d: &str, u: &str| v1::Location { directory: d.to_owned(), url: u.to_owned() };
        assert!(location("l", None).is_err());
        assert!(location("l", Some(&message("", ""))).is_err());
        assert!(location("l", Some(&message("a", "b"))).is_err());
        assert_eq!(location("l", Some(&message("a", ""))), Ok(Location::Directory("a".into())));
    }

    #[test]
    fn short_digests_and_unknown_reasons_are_refused_by_field() {
        assert_eq!(digest("root", &[1; 31]).unwrap_err().field, "root");
        let failed = failure(&v1::Failure { reason: "tired".to_owned(), detail: String::new() });
        assert_eq!(failed.unwrap_err().field, "failure.reason");
    }
}
