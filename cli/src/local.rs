//! What the verbs about one tree share (`check`, `fix`, `init`): a path becomes a source tree with what is known beside it.
//!
//! A folder is read as it lies, a bare repository at its default branch. Contents inside a git repository are named as git
//! names them, so that a working tree and its base share what was seen of a file. Nothing is written here but the cache of
//! `looks.rs`. Next: `commands/check.rs`.

use crate::args::Look;
use crate::failure::Failure;
use crate::looks::Looks;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ligase_catalog::CatalogFile;
use ligase_domain::{Entry, LookCache, NoCache, Oid, RepoPath, RepositoryId, SourceTree, TreeError};
use ligase_inspect::{Declared, DirectoryBounds, DirectoryTree, Identities, Inspector, assume};
use ligase_probe::Progress;
use ligase_vcs::{Repository, VcsError};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of an organisation's own catalog that are read at most.
const CATALOG_FILES_MAX: usize = 10_000;

/// A progress bar on standard error, where that is a terminal.
pub struct Bar(ProgressBar);

impl Progress for Bar {
    fn planned(&self, to_look_at: u64, _from_cache: u64) {
        self.0.set_length(to_look_at);
    }

    fn looked(&self) {
        self.0.inc(1);
    }
}

impl Bar {
    /// A new one; `quiet` draws nothing.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("    looking [{bar:28}] {pos}/{len} files").expect("a fixed template");
        Self(ProgressBar::with_draw_target(Some(0), target).with_style(style.progress_chars("=> ")))
    }

    /// Takes it away.
    pub fn done(&self) {
        self.0.finish_and_clear();
    }
}

/// A tree that was opened.
pub struct Opened {
    /// The tree.
    pub tree: Arc<dyn SourceTree>,
    /// What is known beside it.
    pub declared: Declared,
    /// The folder on this machine; none for a bare repository.
    pub folder: Option<PathBuf>,
    /// What was seen of its files before.
    pub cache: Box<dyn LookCache>,
}

/// The shipped catalog, with an organisation's own folder beside it.
pub fn inspector(folder: Option<&Path>) -> Result<Inspector, Failure> {
    Inspector::load(catalog_files(folder)?).map_err(Failure::documents)
}

/// The files of the shipped catalog, and behind them those of an organisation's own folder.
pub fn catalog_files(folder: Option<&Path>) -> Result<Vec<CatalogFile>, Failure> {
    let mut files = ligase_catalog::shipped();
    files.extend(folder.map(own_catalog_files).transpose()?.unwrap_or_default());
    Ok(files)
}

/// The files of an organisation's own folder.
pub fn own_catalog_files(folder: &Path) -> Result<Vec<CatalogFile>, Failure> {
    let mut own = Vec::new();
    own_files(folder, folder, &mut own)?;
    // In an order that no file system decides.
    own.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(own)
}

fn own_files(root: &Path, folder: &Path, out: &mut Vec<CatalogFile>) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::input("E-CATALOG-UNREADABLE", format!("{}: {e}", folder.display()), "name a folder with --catalog")
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            own_files(root, &path, out)?;
        } else if path.extension().is_some_and(|e| e == "yaml") && out.len() < CATALOG_FILES_MAX {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).map_err(failed)?;
            out.push(CatalogFile { path: Cow::Owned(name), bytes: Cow::Owned(bytes) });
        }
    }
    Ok(())
}

/// Opens what the flags name, judged by what they say.
pub fn open(look: &Look, inspector: &Inspector) -> Result<Opened, Failure> {
    let identities = identities(look, inspector)?;
    let mut opened = open_path(&look.path)?;
    opened.declared = opened.declared.with(identities);
    Ok(opened)
}

fn identities(look: &Look, inspector: &Inspector) -> Result<Identities, Failure> {
    Ok(match (&look.assume, look.all) {
        (Some(_), true) => {
            return Err(Failure::input("E-CHECK-BOTH", "--assume and --all exclude one another", "give one of them"));
        }
        (Some(text), false) => {
            Identities::Assumed(Box::new(assume(text, inspector.catalog()).map_err(Failure::documents)?))
        }
        (None, true) => Identities::Everything,
        (None, false) => Identities::Tree,
    })
}

/// A folder as it lies, or the default branch of a bare repository, with what was seen of it before.
pub fn open_path(path: &Path) -> Result<Opened, Failure> {
    open_with(path, cache_of)
}

/// The same with nothing kept: what is seen is forgotten again.
pub fn open_uncached(path: &Path) -> Result<Opened, Failure> {
    open_with(path, |_| Box::new(NoCache))
}

fn open_with(path: &Path, cache_of: impl Fn(&Path) -> Box<dyn LookCache>) -> Result<Opened, Failure> {
    if !path.is_dir() {
        let what = if path.exists() { "is no folder" } else { "does not exist" };
        return Err(Failure::input(
            "E-CHECK-PATH",
            format!("{} {what}", path.display()),
            "name a folder or a repository",
        ));
    }
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name =
        full.file_name().map_or_else(|| "tree".to_owned(), |n| n.to_string_lossy().trim_end_matches(".git").to_owned());
    if is_bare(path) {
        let failed = |e: VcsError| Failure::look(&code(&e), format!("{}: {}", path.display(), e.detail), remedy(&e));
        let repository = Repository::open(path).map_err(failed)?;
        let (_, revision) = repository.default_branch().map_err(failed)?;
        let tree = repository.revision(&revision).map_err(failed)?;
        let id = RepositoryId { forge: "directory".to_owned(), stable: name };
        let declared = Declared::of_tree(id, revision);
        return Ok(Opened { tree: Arc::new(tree), declared, folder: None, cache: cache_of(&full) });
    }
    let tree = directory(path).map_err(|e| Failure::look("E-CHECK-TREE", e, "make the folder readable"))?;
    let cache = repository_above(path).map_or_else(|| Box::new(NoCache) as Box<dyn LookCache>, |top| cache_of(&top));
    Ok(Opened { tree: Arc::new(tree), declared: Declared::working_tree(&name), folder: Some(full), cache })
}

/// A folder of this machine; inside a git repository its contents are named as git names them.
pub fn directory(path: &Path) -> Result<DirectoryTree, TreeError> {
    let bounds = DirectoryBounds::default();
    if repository_above(path).is_some() {
        return DirectoryTree::open_named(path, &bounds, |bytes| ligase_vcs::blob_id(bytes).ok());
    }
    DirectoryTree::open(path, &bounds)
}

/// What was seen in this repository before; nothing where there is no place for a cache.
fn cache_of(repository: &Path) -> Box<dyn LookCache> {
    match Looks::open(repository) {
        Some(looks) => Box::new(looks),
        None => Box::new(NoCache),
    }
}

fn is_bare(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && !path.join(".git").exists()
}

/// The same folder at a revision of its repository.
pub fn base(path: &Path, revision: &str) -> Result<Arc<dyn SourceTree>, Failure> {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let top = repository_above(path).unwrap_or_else(|| full.clone());
    let failed = |e: VcsError| {
        Failure::input(
            "E-CHECK-BASE",
            format!("{revision}: {}", e.detail),
            "name a commit or branch of this repository",
        )
    };
    let repository = Repository::open(&top).map_err(failed)?;
    let commit: Oid = repository.resolve(revision).map_err(failed)?;
    let tree = repository.revision(&commit).map_err(failed)?;
    let below = full.strip_prefix(&top).unwrap_or(Path::new(""));
    if below.as_os_str().is_empty() {
        return Ok(Arc::new(tree));
    }
    let mut prefix = std::os::unix::ffi::OsStrExt::as_bytes(below.as_os_str()).to_vec();
    prefix.push(b'/');
    Ok(Arc::new(Below { tree, prefix }))
}

/// The folder with the `.git`, upward from `path`.
pub fn repository_above(path: &Path) -> Option<PathBuf> {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    full.ancestors().find(|p| p.join(".git").exists()).map(Path::to_path_buf)
}

/// A folder of a revision as a tree of its own, as the same folder of the working tree is one.
struct Below<T> {
    tree: T,
    prefix: Vec<u8>,
}

impl<T: SourceTree> Below<T> {
    fn inside(&self, entry: &Entry) -> Entry {
        Entry { path: RepoPath::new([&self.prefix, entry.path.as_bytes()].concat()), ..entry.clone() }
    }
}

impl<T: SourceTree> SourceTree for Below<T> {
    fn entries(&self) -> Result<Vec<Entry>, TreeError> {
        let strip = |e: Entry| {
            let path = RepoPath::new(e.path.as_bytes().strip_prefix(self.prefix.as_slice())?.to_vec());
            Some(Entry { path, ..e })
        };
        Ok(self.tree.entries()?.into_iter().filter_map(strip).collect())
    }

    fn size(&self, entry: &Entry) -> Result<u64, TreeError> {
        self.tree.size(&self.inside(entry))
    }

    fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, TreeError> {
        self.tree.read(&self.inside(entry), limit)
    }
}

fn code(error: &VcsError) -> String {
    format!("E-GIT-{}", error.reason.name().to_uppercase())
}

fn remedy(error: &VcsError) -> &'static str {
    match error.reason {
        ligase_domain::FailureReason::EmptyRepository => "commit something first",
        ligase_domain::FailureReason::CorruptObject => "run `git fsck` there, and fetch the repository again",
        _ => "see that the folder is a readable git repository",
    }
}
