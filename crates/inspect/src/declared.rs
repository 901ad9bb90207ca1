//! Who governs what in a tree: the `dna.yaml` files that stand in it, an assumed identity, or the identity that asks for
//! everything. It reads declarations and decides nothing; what they ask for is resolved by `policy`.
//!
//! A file that cannot be read governs all the same: its service is judged by the floor, and everything else about it is
//! *indeterminate*. Declarations in tests, examples and other people's code are fixtures and declare nothing here.
//! Next: `inspector.rs`.

use ligase_domain::{Digest, Entry, EntryKind, Oid, Origin, RepoPath, RepositoryId, ServiceId, SourceTree};
use ligase_policy::dna::MAX_DNA_BYTES;
use ligase_policy::roster::{DNA_FILE, DnaFile, Listed, roster};
use ligase_policy::{Approvals, Catalog, Dna, Organisation, OwnerFact};
use ligase_probe::ProbeSet;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Where the declarations come from.
#[derive(Clone, Debug, Default)]
pub enum Identities {
    /// The tree's own `dna.yaml` files.
    #[default]
    Tree,
    /// One identity for the whole tree, whatever stands in it.
    Assumed(Box<Dna>),
    /// Every clause that the catalog has, for the whole tree.
    Everything,
}

/// What is known beside the tree.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Where the declarations come from.
    pub identities: Identities,
    /// The organisation's policy: floor and cascades.
    pub organisation: Option<Organisation>,
    /// Facts about approvals, by the digest of the `dna.yaml` that they cover.
    pub approvals: BTreeMap<Digest, Approvals>,
    /// Facts about owners, by the service's folder.
    pub owners: BTreeMap<String, OwnerFact>,
    /// Which repository the tree is of.
    pub repository: RepositoryId,
    /// Which revision it is; all zeroes for a working tree.
    pub revision: Oid,
}

impl Declared {
    /// The tree's own declarations and nothing else: what `ligase check` begins with.
    pub fn of_tree(repository: RepositoryId, revision: Oid) -> Self {
        Self {
            identities: Identities::Tree,
            organisation: None,
            approvals: BTreeMap::new(),
            owners: BTreeMap::new(),
            repository,
            revision,
        }
    }

    /// A working tree on this machine, named after its folder.
    pub fn working_tree(name: &str) -> Self {
        Self::of_tree(RepositoryId { forge: "directory".to_owned(), stable: name.to_owned() }, Oid::Sha1([0; 20]))
    }

    /// With other identities.
    #[must_use]
    pub fn with(mut self, identities: Identities) -> Self {
        self.identities = identities;
        self
    }
}

/// A tree declares at most this many services; what lies in further folders belongs to the service above.
pub(crate) const MAX_SERVICES: usize = 2_000;

/// The services of a tree by folder, with what declares each.
pub(crate) fn services(
    declared: &Declared,
    tree: &dyn SourceTree,
    entries: &[Entry],
    catalog: &Catalog,
    probes: &ProbeSet,
) -> BTreeMap<String, Listed> {
    let whole = |dna: Dna| {
        let service = ServiceId { repository: declared.repository.clone(), folder: String::new() };
        BTreeMap::from([(String::new(), Listed { service, file: None, dna: Some(dna), unreadable: None })])
    };
    match &declared.identities {
        Identities::Assumed(dna) => whole((**dna).clone()),
        Identities::Everything => whole(crate::assume::everything(catalog)),
        Identities::Tree => {
            let declares = |e: &&Entry| {
                let regular = matches!(e.kind, EntryKind::File | EntryKind::Executable);
                regular
                    && e.path.file_name() == DNA_FILE.as_bytes()
                    && probes.class_of(&e.path).origin == Origin::Source
            };
            let read = |entry: &Entry| DnaFile {
                path: entry.path.clone(),
                bytes: tree.read(entry, MAX_DNA_BYTES as u64).map_err(|e| e.to_string()),
            };
            let files: Vec<DnaFile> = entries.iter().filter(declares).take(MAX_SERVICES).map(read).collect();
            let paths = || Ok::<_, Infallible>(read_paths(entries, probes));
            let Ok(listed) = roster(&declared.repository, &files, paths, declared.organisation.as_ref(), catalog);
            listed.into_iter().map(|l| (l.service.folder.clone(), l)).collect()
        }
    }
}

/// The paths of files that a pack reads: the population that scopes and rosters are about.
pub(crate) fn read_paths(entries: &[Entry], probes: &ProbeSet) -> Vec<RepoPath> {
    entries.iter().filter(|e| probes.reads(&probes.class_of(&e.path))).map(|e| e.path.clone()).collect()
}
