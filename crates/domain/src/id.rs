//! Typed ids. Names are labels; ids are what the forge, the folder and the content say.

use crate::digest::{Digest, FieldHasher};
use std::fmt;

/// An organisation, by the name in its policy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OrganisationId(pub String);

/// A repository: the forge and the forge's own stable id. A rename on the forge changes neither.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RepositoryId {
    /// Which forge: `local`, `git`, later `github.com` and the like.
    pub forge: String,
    /// The forge's stable id. `local`: the path below the source folder without `.git`; `git`: the normalised URL.
    pub stable: String,
}

/// A service: a repository and the folder that its `dna.yaml` governs ("" for the whole repository).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServiceId {
    /// The repository that holds the service.
    pub repository: RepositoryId,
    /// The folder, with `/` between parts and none at the ends; empty for the root.
    pub folder: String,
}

/// A clause of a constraint, written `constraint/clause`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClauseId {
    /// The constraint's id, such as `enc-at-rest`.
    pub constraint: String,
    /// The clause's id within it, such as `storage`.
    pub clause: String,
}

impl ClauseId {
    /// Parses `constraint/clause`; `None` when either part is missing or there is a third.
    pub fn parse(text: &str) -> Option<Self> {
        let (constraint, clause) = text.split_once('/')?;
        let whole = !constraint.is_empty() && !clause.is_empty() && !clause.contains('/');
        whole.then(|| Self { constraint: constraint.to_owned(), clause: clause.to_owned() })
    }
}

/// A finding's identity: it survives moves and reformatting, because no line is part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FindingId(pub Digest);

impl FindingId {
    /// hash(service, clause, identity attributes of the subject's kind as `name=value`, ordinal among equals in path order).
    pub fn new(service: &ServiceId, clause: &ClauseId, identity: &[(String, String)], ordinal: u32) -> Self {
        let mut hasher = FieldHasher::new("ligase.finding.v1")
            .field(&service.repository.forge)
            .field(&service.repository.stable)
            .field(&service.folder)
            .field(clause.to_string())
            .number(identity.len() as u64);
        for (name, value) in identity {
            hasher = hasher.field(name).field(value);
        }
        Self(hasher.number(u64::from(ordinal)).finish())
    }
}

/// What we want changed; the identity of a pull request over all its patches.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IntentKey {
    /// Whose desired state asks for it.
    pub organisation: OrganisationId,
    /// The repository and folder that is to change.
    pub service: ServiceId,
    /// The branch that the change is to land on, without `refs/heads/`.
    pub base_branch: String,
    /// The clause that is to hold.
    pub clause: ClauseId,
}

/// The digest of an [`IntentKey`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IntentId(pub Digest);

impl IntentKey {
    /// The intent's id.
    pub fn id(&self) -> IntentId {
        IntentId(
            FieldHasher::new("ligase.intent.v1")
                .field(&self.organisation.0)
                .field(&self.service.repository.forge)
                .field(&self.service.repository.stable)
                .field(&self.base_branch)
                .field(self.clause.to_string())
                .field(&self.service.folder)
                .finish(),
        )
    }

    /// The branch that carries the intent's changeset: fixed length after the clause, and never a person's name for it.
    pub fn branch(&self) -> String {
        format!("ligase/{}-{}", self.clause.to_string().replace('/', "-"), self.id().0.short())
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.forge, self.stable)
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.folder.is_empty() {
            write!(f, "{}", self.repository)
        } else {
            write!(f, "{}//{}", self.repository, self.folder)
        }
    }
}

impl fmt::Display for ClauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.constraint, self.clause)
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
