//! A pinned revision at hand, wherever its repository lies: read in place on this machine's disk, or fetched into a bounded
//! cache. What worker and agent-runner call; neither knows how it was had.

use crate::{ChildSpec, Remote, RemoteLimits, Repository, RevisionTree, SourceUrl, VcsError, Watch};
use ligase_domain::{Digest, Oid};
use std::path::{Path, PathBuf};

/// Where and how revisions are fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PinOptions {
    /// The folder that holds one cache per repository.
    pub caches: PathBuf,
    /// Who talks to servers.
    pub child: ChildSpec,
    /// What talking may cost.
    pub limits: RemoteLimits,
}

/// A revision that can be read.
pub struct Pinned {
    /// Its tree.
    pub tree: RevisionTree,
    /// Whether anything had to be fetched.
    pub cloned: bool,
    /// Bytes that came over the wire.
    pub bytes_received: u64,
}

/// A revision of a repository on this machine's disk.
pub fn directory(folder: &Path, revision: &Oid) -> Result<Pinned, VcsError> {
    let tree = Repository::open(folder)?.revision(revision)?;
    Ok(Pinned { tree, cloned: false, bytes_received: 0 })
}

/// A revision of a repository behind a URL, from the cache if it is there.
pub fn url(
    url: &str,
    revision: &Oid,
    ref_hint: &str,
    options: &PinOptions,
    watch: Watch<'_>,
) -> Result<Pinned, VcsError> {
    let url = SourceUrl::parse(url)?;
    // The name is for people who look into the folder; the digest keeps two repositories of one name apart.
    let folder = format!("{}-{}", url.name(), Digest::of(url.as_str().as_bytes()).short());
    let cache = options.caches.join(folder);
    let remote = Remote { url, child: options.child.clone(), credential: None, limits: options.limits.clone() };
    let hint = (!ref_hint.is_empty()).then_some(ref_hint);
    let fetched = remote.fetch_watched(revision, hint, &cache, watch)?;
    let tree = fetched.repository.revision(revision)?;
    Ok(Pinned { tree, cloned: !fetched.from_cache, bytes_received: fetched.received_bytes })
}
