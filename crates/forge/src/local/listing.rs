//! Which repositories a folder holds, and where one of them lies. Links are not followed: they could lead out of the
//! folder, and twice to the same repository. What looks like a repository and cannot be read is a problem with a reason,
//! never left out.

use super::NAME;
use crate::ForgeError;
use crate::port::{Listed, Listing, Location, Problem};
use ligase_domain::{FailureReason, RepoPath, RepositoryId};
use ligase_vcs::Repository;
use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Folders that are looked at; a source with more is not a folder of repositories.
const MAX_FOLDERS: usize = 200_000;

pub(super) fn list(root: &Path) -> Result<Listing, ForgeError> {
    let mut found = Found { repositories: BTreeMap::new(), problems: Vec::new(), looked_at: 0, complete: true };
    let top = sorted(root).map_err(|e| {
        let reason =
            if e.kind() == std::io::ErrorKind::NotFound { FailureReason::NotFound } else { FailureReason::Machine };
        ForgeError::failed(reason, format!("{}: {e}", root.to_string_lossy()))
    })?;
    for entry in top {
        let (name, folder) = (name_of(&entry), entry.path());
        if found.look(&name, &entry) {
            continue;
        }
        // One level down; a group that cannot be read makes the listing incomplete.
        match sorted(&folder) {
            Ok(inner) => inner.iter().for_each(|e| {
                found.look(&format!("{name}/{}", name_of(e)), e);
            }),
            Err(e) if folder.is_dir() => {
                found.complete = false;
                found.problem(&name, FailureReason::Machine, &e.to_string());
            }
            Err(_) => {}
        }
    }
    found.problems.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Listing {
        repositories: found.repositories.into_values().collect(),
        complete: found.complete,
        problems: found.problems,
    })
}

/// The folder of a repository by its stable id. The id comes from a caller and is held to what a listing gives.
pub(super) fn folder_of(root: &Path, stable: &str) -> Result<PathBuf, ForgeError> {
    let refuse = || ForgeError::failed(FailureReason::NotFound, format!("there is no repository {stable:?}"));
    let parts: Vec<&str> = stable.split('/').collect();
    let is_part = |p: &&str| !p.is_empty() && !p.starts_with('.') && !p.contains('\0');
    if parts.len() > 2 || !parts.iter().all(is_part) {
        return Err(refuse());
    }
    let mut folder = root.to_owned();
    if let [group, _] = parts[..] {
        folder.push(group);
        if !is_folder(&folder) {
            return Err(refuse());
        }
    }
    let last = parts.last().copied().unwrap_or_default();
    let candidates = [folder.join(format!("{last}.git")), folder.join(last)];
    candidates.into_iter().find(|c| is_folder(c) && looks_like_one(c)).ok_or_else(refuse)
}

struct Found {
    repositories: BTreeMap<String, Listed>,
    problems: Vec<Problem>,
    looked_at: usize,
    complete: bool,
}

impl Found {
    /// Takes one folder entry; false when it is a folder that may hold repositories.
    fn look(&mut self, name: &str, entry: &DirEntry) -> bool {
        let folder = entry.path();
        let last = entry.file_name();
        if last.as_bytes().starts_with(b".") {
            return true;
        }
        self.looked_at += 1;
        if self.looked_at > MAX_FOLDERS {
            self.complete = false;
            return true;
        }
        let named_git = last.as_bytes().ends_with(b".git");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {}
            Ok(kind) if kind.is_symlink() && (named_git || looks_like_one(&folder)) => {
                self.problem(name, FailureReason::NotFound, "a link, which is not followed");
                return true;
            }
            _ => return true,
        }
        if !looks_like_one(&folder) {
            if named_git {
                self.problem(name, FailureReason::NotFound, "not a git repository");
            }
            return named_git;
        }
        self.repository(name, folder);
        true
    }

    fn repository(&mut self, name: &str, folder: PathBuf) {
        if RepoPath::from(name).to_string() != name || name.contains('\u{fffd}') {
            return self.problem(name, FailureReason::Malformed, "a name that is not plain text");
        }
        let stable = name.strip_suffix(".git").filter(|n| !n.ends_with('/')).unwrap_or(name).to_owned();
        if let Err(error) = Repository::open(&folder) {
            return self.problem(name, error.reason, &error.detail);
        }
        let id = RepositoryId { forge: NAME.to_owned(), stable: stable.clone() };
        let listed = Listed { id, name: stable.clone(), archived: false, location: Location::Folder(folder) };
        let bare = name.ends_with(".git");
        if self.repositories.contains_key(&stable) {
            self.problem(name, FailureReason::Malformed, "another folder has the same name without .git");
            // `name.git` is the one that `folder_of` finds.
            if bare {
                self.repositories.insert(stable, listed);
            }
            return;
        }
        self.repositories.insert(stable, listed);
    }

    fn problem(&mut self, name: &str, reason: FailureReason, detail: &str) {
        let name = RepoPath::from(name).to_string();
        self.problems.push(Problem { name, reason, detail: detail.to_owned() });
    }
}

fn sorted(folder: &Path) -> std::io::Result<Vec<DirEntry>> {
    let mut entries = std::fs::read_dir(folder)?.take(MAX_FOLDERS + 1).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn name_of(entry: &DirEntry) -> String {
    entry.file_name().to_string_lossy().into_owned()
}

fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir())
}

fn looks_like_one(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder.join(".git")).is_ok()
        || (folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir())
}
