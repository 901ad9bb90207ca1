//! Who governs what in a tree: the `dna.yaml` files that stand in it, an assumed identity, or the identity that asks for
//! everything. It reads declarations and decides nothing; what they ask for is resolved by `policy`.
//!
//! A file that cannot be read governs all the same: its service is judged by the floor, and everything else about it is
//! *indeterminate*. Declarations in tests, examples and other people's code are fixtures and declare nothing here.
//! Next: `inspector.rs`.

use ligase_document::DocumentError;
use ligase_domain::{
    Digest, Entry, EntryKind, FailureReason, Oid, Origin, RepoPath, RepositoryId, SourceTree, TreeError,
};
use ligase_policy::dna::MAX_DNA_BYTES;
use ligase_policy::{Approvals, Catalog, Declaration, Dna, Organisation, OwnerFact};
use ligase_probe::ProbeSet;
use std::collections::BTreeMap;

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

/// What stands in one service's declaration.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    Nothing,
    Read(Box<Dna>),
    Unreadable(Digest, Vec<DocumentError>),
}

impl Written {
    pub fn declaration(&self) -> Declaration<'_> {
        match self {
            Self::Nothing => Declaration::Absent,
            Self::Read(dna) => Declaration::Read(dna),
            Self::Unreadable(digest, errors) => Declaration::Unreadable { digest: *digest, errors },
        }
    }

    /// The digest of the bytes, which approvals name.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Nothing => None,
            Self::Read(dna) => Some(dna.digest),
            Self::Unreadable(digest, _) => Some(*digest),
        }
    }

    pub fn dna(&self) -> Option<&Dna> {
        if let Self::Read(dna) = self { Some(dna) } else { None }
    }

    pub fn problems(&self) -> &[DocumentError] {
        if let Self::Unreadable(_, errors) = self { errors } else { &[] }
    }
}

/// A tree declares at most this many services; what lies in further folders belongs to the service above.
pub(crate) const MAX_SERVICES: usize = 2_000;

/// The services of a tree by folder, with what their declarations say.
pub(crate) fn services(
    identities: &Identities,
    tree: &dyn SourceTree,
    entries: &[Entry],
    catalog: &Catalog,
    probes: &ProbeSet,
) -> BTreeMap<String, Written> {
    let whole = |dna: Dna| BTreeMap::from([(String::new(), Written::Read(Box::new(dna)))]);
    match identities {
        Identities::Assumed(dna) => whole((**dna).clone()),
        Identities::Everything => whole(crate::assume::everything(catalog)),
        Identities::Tree => {
            let mut found = BTreeMap::new();
            let declares = |e: &&Entry| {
                let regular = matches!(e.kind, EntryKind::File | EntryKind::Executable);
                regular && e.path.file_name() == b"dna.yaml" && probes.class_of(&e.path).origin == Origin::Source
            };
            for entry in entries.iter().filter(declares).take(MAX_SERVICES) {
                if let Some(folder) = folder_of(&entry.path) {
                    found.insert(folder, read(tree, entry, catalog));
                }
            }
            let nobodys = |e: &Entry| {
                probes.class_of(&e.path).dialect != "none" && !found.keys().any(|folder| e.path.is_in(folder))
            };
            // What no declaration governs is not compliant by silence: it is a service that has not declared itself.
            if found.is_empty() || !found.contains_key("") && entries.iter().any(nobodys) {
                found.insert(String::new(), Written::Nothing);
            }
            found
        }
    }
}

fn folder_of(path: &RepoPath) -> Option<String> {
    let text = path.as_str()?;
    Some(text.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned())
}

fn read(tree: &dyn SourceTree, entry: &Entry, catalog: &Catalog) -> Written {
    let file = entry.path.to_string();
    let unread = |code: &str, problem: String| {
        let digest = Digest::of(entry.oid.as_bytes());
        Written::Unreadable(digest, vec![DocumentError::whole(code, file.as_str(), problem)])
    };
    match tree.read(entry, MAX_DNA_BYTES as u64) {
        Ok(bytes) => match Dna::read(&file, &bytes, catalog) {
            Ok(dna) => Written::Read(Box::new(dna)),
            Err(errors) => Written::Unreadable(Digest::of(&bytes), errors),
        },
        Err(TreeError { reason: FailureReason::OverBudget, detail, .. }) => unread("E-DNA-TOO-LARGE", detail),
        Err(error) => unread("E-DNA-UNREADABLE", error.to_string()),
    }
}
