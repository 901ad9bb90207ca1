//! Which files are a service's: its folder, or what its declaration includes, without the folders of services below it.
//! Pure; it matches paths and reads nothing. What it leaves out is counted by whoever holds the list of files.

use crate::Dna;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ligase_domain::RepoPath;

/// The files of one service.
#[derive(Clone, Debug)]
pub struct Scope {
    folder: String,
    nested: Vec<String>,
    include: Option<GlobSet>,
    globs: Vec<String>,
}

impl Scope {
    /// Of a folder ("" for the whole repository), a declaration and all folders of the repository that hold a `dna.yaml`.
    /// Without `scope.include` it is the folder; with it, what the globs match, as paths from the repository's root.
    /// Folders of services below `folder` belong to those services alone.
    pub fn new(folder: &str, dna: Option<&Dna>, declared: &[String]) -> Self {
        let globs = dna.map(|d| d.scope.clone()).unwrap_or_default();
        let below = |f: &&String| f.as_str() != folder && RepoPath::from(f.as_str()).is_in(folder);
        Self {
            folder: folder.to_owned(),
            nested: declared.iter().filter(below).cloned().collect(),
            include: (!globs.is_empty()).then(|| set(&globs)),
            globs,
        }
    }

    /// Whether a path is the service's.
    pub fn holds(&self, path: &RepoPath) -> bool {
        if self.nested.iter().any(|n| path.is_in(n)) {
            return false;
        }
        match &self.include {
            None => path.is_in(&self.folder),
            Some(set) => set.is_match(text(path).as_ref()),
        }
    }

    /// The globs that match none of the files.
    pub fn idle_globs<'a>(&'a self, files: &[RepoPath]) -> Vec<&'a str> {
        let idle = |glob: &&String| {
            let one = set(std::slice::from_ref(*glob));
            !files.iter().any(|f| one.is_match(text(f).as_ref()))
        };
        self.globs.iter().filter(idle).map(String::as_str).collect()
    }

    /// How many files of the folder the globs leave out.
    pub fn left_out(&self, files: &[RepoPath]) -> u64 {
        let of_folder = |f: &&RepoPath| f.is_in(&self.folder) && !self.nested.iter().any(|n| f.is_in(n));
        files.iter().filter(of_folder).filter(|f| !self.holds(f)).count() as u64
    }
}

fn text(path: &RepoPath) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(path.as_bytes())
}

/// Globs are checked when the declaration is read; one that cannot be built matches nothing and is then drift.
fn set(globs: &[String]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in globs.iter().filter_map(|g| GlobBuilder::new(g).literal_separator(true).build().ok()) {
        builder.add(glob);
    }
    builder.build().unwrap_or_else(|_| GlobSet::empty())
}

/// Whether a glob can be read.
pub(crate) fn readable(glob: &str) -> Result<(), String> {
    if glob.len() > 256 {
        return Err("a glob has at most 256 bytes".to_owned());
    }
    GlobBuilder::new(glob).literal_separator(true).build().map(drop).map_err(|e| e.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_service_is_its_own() {
        let scope = Scope::new("", None, &[String::new(), "services/a".to_owned()]);
        assert!(scope.holds(&"services/b/x.py".into()));
        assert!(!scope.holds(&"services/a/x.py".into()));
        let nested = Scope::new("services/a", None, &[String::new(), "services/a".to_owned()]);
        assert!(nested.holds(&"services/a/x.py".into()));
        assert!(!nested.holds(&"services/ab/x.py".into()));
    }
}
