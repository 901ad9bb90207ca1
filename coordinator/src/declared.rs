//! The organisation's policy as it lies on disk, read anew for each sweep and pinned by its bytes from then on.

use ligase_document::DocumentError;
use ligase_domain::Digest;
use ligase_policy::{Catalog, Organisation};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files of the policy's repository that are read at most; identities of ten thousand services fit.
const FILES_MAX: usize = 20_000;
/// A policy or identity larger than this is not read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Folders below the policy that are walked.
const DEPTH_MAX: usize = 8;

/// The policy with the bytes that it was read from.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Where it lies.
    pub file: PathBuf,
    /// Its name in messages.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The YAML files beside and below it, by path relative to its folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The policy.
    pub organisation: Organisation,
}

/// Why the policy could not be read.
#[derive(Debug)]
pub enum DeclaredError {
    /// The file cannot be read at all.
    Unreadable(PathBuf, std::io::Error),
    /// Documents are wrong, each with its place.
    Documents(Vec<DocumentError>),
}

impl Declared {
    /// Reads the policy and the identities beside it.
    pub fn read(file: &Path, catalog: &Catalog) -> Result<Self, DeclaredError> {
        let unreadable = |e| DeclaredError::Unreadable(file.to_path_buf(), e);
        let bytes = bounded(file).map_err(unreadable)?;
        let folder = folder_of(file);
        let mut files = BTreeMap::new();
        walk(&folder, &folder, 0, &mut files);
        let name = file.file_name().map_or_else(|| file.display().to_string(), |n| n.to_string_lossy().into_owned());
        files.remove(&name);
        let beside: Vec<(&str, &[u8])> = files.iter().map(|(p, b)| (p.as_str(), b.as_slice())).collect();
        let organisation = Organisation::read(&name, &bytes, &beside, catalog).map_err(DeclaredError::Documents)?;
        Ok(Self { file: file.to_path_buf(), name, bytes, files, organisation })
    }

    /// The folder that sources are relative to.
    pub fn folder(&self) -> PathBuf {
        folder_of(&self.file)
    }

    /// The digest of the policy with everything that it names.
    pub fn digest(&self) -> Digest {
        self.organisation.digest
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    let size = std::fs::metadata(file)?.len();
    if size > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("{size} bytes, the limit is {FILE_BYTES_MAX}")));
    }
    std::fs::read(file)
}

/// YAML files below a folder; what cannot be read is left to the policy to miss by name. Links are not followed.
fn walk(root: &Path, folder: &Path, depth: usize, out: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        // A repository below the policy is a source, not a part of the policy.
        let repository = path.join(".git").exists() || path.join("HEAD").exists();
        if kind.is_dir() && depth < DEPTH_MAX && !repository && !entry.file_name().to_string_lossy().starts_with('.') {
            walk(root, &path, depth + 1, out);
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "yaml" || e == "yml") && out.len() < FILES_MAX
        {
            let (Ok(bytes), Ok(relative)) = (bounded(&path), path.strip_prefix(root)) else { continue };
            out.insert(relative.to_string_lossy().replace('\\', "/"), bytes);
        }
    }
}
