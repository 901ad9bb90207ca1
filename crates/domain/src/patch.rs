//! A concrete edit against one revision, as whole files: what the gate judges and what delivery pushes.

use crate::{Digest, FieldHasher, Oid, RepoPath};

/// What applying a patch does beyond the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EffectClass {
    /// Nothing that anybody notices.
    InPlace,
    /// Somebody notices a difference at run time.
    Behaviour,
    /// Stored data has to be migrated.
    NeedsMigration,
    /// The resource is destroyed and made again.
    ForcesReplacement,
    /// A credential has to be rotated.
    NeedsRotation,
}

impl EffectClass {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InPlace => "in-place",
            Self::Behaviour => "behaviour",
            Self::NeedsMigration => "needs-migration",
            Self::ForcesReplacement => "forces-replacement",
            Self::NeedsRotation => "needs-rotation",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::InPlace, Self::Behaviour, Self::NeedsMigration, Self::ForcesReplacement, Self::NeedsRotation]
            .into_iter()
            .find(|c| c.name() == name)
    }

    /// Whether a patch of this effect may be opened as ready for review; all others are drafts.
    pub const fn may_be_ready(self) -> bool {
        matches!(self, Self::InPlace | Self::Behaviour)
    }
}

/// An effect, with who notices or what has to be done, in one sentence.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Effect {
    /// The class.
    pub class: EffectClass,
    /// Who notices, or what has to be done; may be empty for `in-place`.
    pub note: String,
}

/// One file's new content. Ligase's remedies change regular files that exist; they neither create nor delete.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileChange {
    /// The file.
    pub path: RepoPath,
    /// The blob that the change was made against.
    pub base: Oid,
    /// The new bytes.
    pub bytes: Vec<u8>,
}

/// A patch against one revision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Patch {
    /// The commit that it was made against.
    pub base_revision: Oid,
    /// Changed files, sorted by path, each path once.
    pub changes: Vec<FileChange>,
    /// The unified diff, three lines of context, as a person reads it.
    pub diff: String,
    /// The remedies that made it, as `id@version`, sorted.
    pub remedies: Vec<String>,
    /// What applying it does beyond the text: the gravest of its remedies' effects.
    pub effect: Effect,
}

impl Patch {
    /// hash(blob ids of touched paths, diff, remedies): the same proposal has the same digest on any base that leaves the
    /// touched files alone.
    pub fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("ligase.patch.v1").number(self.changes.len() as u64);
        for change in &self.changes {
            hasher = hasher.field(change.path.as_bytes()).field(change.base.as_bytes());
        }
        hasher = hasher.field(&self.diff).number(self.remedies.len() as u64);
        self.remedies.iter().fold(hasher, |h, r| h.field(r)).finish()
    }
}
