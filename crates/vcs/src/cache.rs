//! A bounded bare cache of one remote repository: prepared by us, locked for one fetch at a time, emptied when it grew too
//! large and nobody reads from it. Its content can be fetched again at any time; losing it costs a fetch.

use crate::VcsError;
use crate::repository::open_handle;
use ligase_domain::{FailureReason, Oid};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Every fetch adds a pack, and every pack costs each lookup; beyond this the cache is emptied.
const MAX_PACKS: usize = 64;
/// The most files of a cache that are counted or swept: far more than packs, refs and locks are.
const MAX_FILES: usize = 20_000;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[http]\n\tfollowRedirects = false\n";

/// Where a fetched revision is kept in a cache; the ref stands only once the fetch is complete.
pub(crate) fn kept_ref(revision: &Oid) -> String {
    format!("refs/ligase/revisions/{revision}")
}

/// The file of a cache in which a running fetch writes how far it is.
const PROGRESS: &str = "ligase-progress";

/// How far a fetch into a cache is, in no particular words.
pub(crate) fn progress(folder: &Path) -> Option<Vec<u8>> {
    std::fs::read(folder.join(PROGRESS)).ok()
}

/// Says how far a fetch is. Nothing hangs on it but how long others wait for it.
pub(crate) fn say_progress(folder: &Path, numbers: [u64; 3]) {
    let _ = std::fs::write(folder.join(PROGRESS), format!("{numbers:?}"));
}

/// Held by whoever reads from a cache: it is not emptied under them.
pub(crate) struct Lease {
    _shared: File,
}

/// Held during one fetch: nobody else fetches into the cache.
pub(crate) struct Exclusive {
    folder: PathBuf,
    _lock: File,
}

impl Exclusive {
    /// Waits for the cache, at most `wait`, or until `stop` says true.
    pub(crate) fn lock(folder: &Path, wait: Duration, stop: &dyn Fn() -> bool) -> Result<Self, VcsError> {
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(|e| VcsError::machine("cache folder", &e))?;
        }
        let file = open_lock(folder, "lock")?;
        let until = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { folder: folder.to_owned(), _lock: file }),
                Err(TryLockError::Error(e)) => return Err(VcsError::machine("cache lock", &e)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until || stop() => {
                    return Err(VcsError::new(FailureReason::Machine, "another fetch holds the cache"));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            }
        }
    }

    /// The right to read, taken while no fetch can empty the cache.
    pub(crate) fn lease(&self) -> Result<Lease, VcsError> {
        let file = open_lock(&self.folder, "readers")?;
        file.lock_shared().map_err(|e| VcsError::machine("cache lock", &e))?;
        Ok(Lease { _shared: file })
    }

    /// Empties a cache that is too large, unless somebody reads from it; then the next fetch tries again.
    pub(crate) fn trim(&self, limit_bytes: u64) -> Result<(), VcsError> {
        let (files, bytes) = measure(&self.folder);
        let packs = std::fs::read_dir(self.folder.join("objects/pack")).map_or(0, |d| d.take(MAX_FILES).count() / 2);
        if bytes > limit_bytes || packs > MAX_PACKS || files >= MAX_FILES { self.empty().map(|_| ()) } else { Ok(()) }
    }

    fn empty(&self) -> Result<bool, VcsError> {
        let readers = open_lock(&self.folder, "readers")?;
        if readers.try_lock().is_err() {
            return Ok(false);
        }
        match std::fs::remove_dir_all(&self.folder) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(e) => Err(VcsError::machine("cache", &e)),
        }
    }
}

/// Empties a cache whose content turned out to be corrupt. False when somebody still reads from it.
pub fn forget(folder: &Path) -> Result<bool, VcsError> {
    Exclusive::lock(folder, Duration::from_secs(10), &|| false)?.empty()
}

fn open_lock(folder: &Path, what: &str) -> Result<File, VcsError> {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.with_file_name(name))
        .map_err(|e| VcsError::machine("cache lock", &e))
}

/// Makes the bare repository, or sweeps what a killed fetch left in it. Runs in the child, under the parent's lock. The
/// configuration is written anew each time: it is ours, and decides that no redirect
/// leads to another host.
pub(crate) fn prepare(folder: &Path) -> Result<(), VcsError> {
    if folder.join("HEAD").is_file() {
        sweep(folder);
    } else {
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).external_template(false).initial_head("refs/heads/none");
        git2::Repository::init_opts(folder, &options).map_err(|e| VcsError::of("cache", &e))?;
    }
    std::fs::write(folder.join("config"), CONFIG).map_err(|e| VcsError::machine("cache", &e))?;
    open_handle(folder).map(|_| ())
}

fn sweep(folder: &Path) {
    let is_left = |path: &Path| {
        let in_pack = path.parent().is_some_and(|p| p.ends_with("objects/pack"));
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        extension == "lock" || (in_pack && !matches!(extension, "pack" | "idx"))
    };
    // What cannot be removed makes the fetch fail with a reason of its own.
    files_of(folder).into_iter().filter(|(path, _)| is_left(path)).for_each(|(path, _)| {
        let _ = std::fs::remove_file(path);
    });
}

fn measure(folder: &Path) -> (usize, u64) {
    let files = files_of(folder);
    (files.len(), files.iter().map(|(_, bytes)| bytes).sum())
}

fn files_of(folder: &Path) -> Vec<(PathBuf, u64)> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) => files.push((entry.path(), meta.len())),
                Err(_) => {}
            }
            if files.len() + folders.len() >= MAX_FILES {
                return files;
            }
        }
    }
    files
}
