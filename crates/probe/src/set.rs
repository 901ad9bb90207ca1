//! The probe set: every pack that looks, each with a digest over everything that shapes its results (probe files, kinds,
//! vocabulary, budgets, engine). Equal digests mean that equal bytes are seen equally. It reads the catalog and judges
//! nothing. Next: `look.rs`.

use crate::budget::BUDGETS_VERSION;
use crate::class::class_of;
use crate::cloudformation::CloudformationPack;
use crate::code::CodePack;
use crate::documents::DocumentsPack;
use crate::lexical::LexicalPack;
use crate::pack::Pack;
use crate::python::PythonPack;
use crate::schema::SchemaPack;
use crate::terraform::TerraformPack;
use crate::vocabulary::Vocabulary;
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{Digest, Entry, EntryKind, FieldHasher, LookKey, Origin, PathClass, RepoPath};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Counts up whenever Rust code of this room sees the same bytes otherwise.
pub const ENGINE_VERSION: u32 = 15;

/// Everything that looks, ready to look.
pub struct ProbeSet {
    packs: Vec<Box<dyn Pack>>,
    digests: BTreeMap<String, Digest>,
    digest: Digest,
}

impl ProbeSet {
    /// Reads `kinds/`, `vocabulary/`, `probes/` and `stacks.yaml`; what it does not own it leaves alone.
    pub fn load(files: &[CatalogFile]) -> Result<Self, Vec<DocumentError>> {
        let (mut packs, mut errors): (Vec<Box<dyn Pack>>, Vec<DocumentError>) = Default::default();
        let mut take = |loaded: Result<Box<dyn Pack>, Vec<DocumentError>>| match loaded {
            Ok(pack) => packs.push(pack),
            Err(wrong) => errors.extend(wrong),
        };
        take(CloudformationPack::load(files).map(|p| Box::new(p) as Box<dyn Pack>));
        // The vocabulary is read once and shared by the packs that read programs; where it is wrong, they are not loaded.
        let shared = Vocabulary::load(files).map(Arc::new);
        match &shared {
            Ok(words) => {
                take(PythonPack::load(files, words.clone()).map(|p| Box::new(p) as Box<dyn Pack>));
                take(CodePack::load(words.clone(), files).map(|p| Box::new(p) as Box<dyn Pack>));
                take(Ok(Box::new(SchemaPack::new(words.clone()))));
            }
            Err(wrong) => take(Err(wrong.clone())),
        }
        take(TerraformPack::load(files).map(|p| Box::new(p) as Box<dyn Pack>));
        take(DocumentsPack::load(files).map(|p| Box::new(p) as Box<dyn Pack>));
        take(LexicalPack::load(files).map(|p| Box::new(p) as Box<dyn Pack>));
        if !errors.is_empty() {
            // A document that several packs read is told once.
            let mut told = BTreeSet::new();
            errors.retain(|error| told.insert(error.clone()));
            return Err(errors);
        }
        let dialects: BTreeSet<&str> = packs.iter().flat_map(|p| p.dialects().iter().copied()).collect();
        let mut digests = BTreeMap::new();
        for dialect in dialects {
            let readers = packs.iter().filter(|p| p.dialects().contains(&dialect));
            let parts: Vec<u8> = readers.flat_map(|p| p.digest_parts()).collect();
            digests.insert(dialect.to_owned(), pack_digest(dialect, files, &parts));
        }
        let mut hasher = FieldHasher::new("ligase.probe-set.v1");
        for (name, pack) in &digests {
            hasher = hasher.field(name).field(pack.as_bytes());
        }
        Ok(Self { packs, digests, digest: hasher.finish() })
    }

    /// The digest of all packs.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest of each pack, by dialect.
    pub fn packs(&self) -> BTreeMap<String, Digest> {
        self.digests.clone()
    }

    /// The packs that read a dialect.
    pub(crate) fn readers<'s>(&'s self, dialect: &'s str) -> impl Iterator<Item = &'s dyn Pack> {
        self.packs.iter().map(AsRef::as_ref).filter(move |p| p.dialects().contains(&dialect))
    }

    /// Every pack.
    pub(crate) fn all(&self) -> impl Iterator<Item = &dyn Pack> {
        self.packs.iter().map(AsRef::as_ref)
    }

    /// Whether a pack reads files of this class.
    pub fn reads(&self, class: &PathClass) -> bool {
        self.digests.contains_key(&class.dialect)
    }

    /// What a path alone says of a file.
    pub fn class_of(&self, path: &RepoPath) -> PathClass {
        class_of(path)
    }

    /// The key of a file's observations; `None` where no pack looks at it (other dialects, other people's or generated
    /// code, symbolic links).
    pub fn key_of(&self, entry: &Entry) -> Option<LookKey> {
        let class = class_of(&entry.path);
        let pack = *self.digests.get(&class.dialect)?;
        unread_reason(entry, &class).is_none().then_some(LookKey { blob: entry.oid, class, pack })
    }
}

/// Why a file whose dialect a pack reads is not looked at, by its entry alone.
pub(crate) fn unread_reason(entry: &Entry, class: &PathClass) -> Option<&'static str> {
    match (entry.kind, class.origin) {
        (EntryKind::Symlink, _) => Some("symlink"),
        (EntryKind::Submodule, _) => Some("submodule"),
        (_, Origin::Vendored) => Some("vendored"),
        (_, Origin::Generated) => Some("generated"),
        (_, Origin::Minified) => Some("minified"),
        _ if class.dialect == "terraform" && entry.path.as_bytes().ends_with(b".json") => Some("json-syntax"),
        _ => None,
    }
}

/// Whether a catalog's file can shape what is seen, by its path; a probe set loaded of these alone is the same set.
pub fn shapes_looking(path: &str) -> bool {
    path.starts_with("probes/") || shapes_all(path)
}

fn shapes_all(path: &str) -> bool {
    path.starts_with("kinds/") || path.starts_with("vocabulary/") || path == "stacks.yaml"
}

fn pack_digest(dialect: &str, files: &[CatalogFile], parts: &[u8]) -> Digest {
    let own = format!("probes/{dialect}/");
    let shapes = |p: &str| shapes_all(p) || p.starts_with(&own);
    let mut relevant: Vec<&CatalogFile> = files.iter().filter(|f| shapes(&f.path)).collect();
    relevant.sort_by(|a, b| (&a.path, &a.bytes).cmp(&(&b.path, &b.bytes)));
    let mut hasher = FieldHasher::new("ligase.pack.v1")
        .field(dialect)
        .number(u64::from(ENGINE_VERSION))
        .number(u64::from(BUDGETS_VERSION))
        .field(parts);
    for file in relevant {
        hasher = hasher.field(file.path.as_bytes()).field(&file.bytes);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn a_pack_digest_changes_with_what_shapes_it_and_with_nothing_else() {
        let shipped = ligase_catalog::shipped();
        let base = ProbeSet::load(&shipped).unwrap_or_else(|e| panic!("{e:#?}"));
        let mut reversed = shipped.clone();
        reversed.reverse();
        assert_eq!(ProbeSet::load(&reversed).ok().map(|s| s.digest()), Some(base.digest()));
        let mut more = shipped.clone();
        more.push(CatalogFile { path: Cow::Borrowed("constraints/x.yaml"), bytes: Cow::Borrowed(b"x") });
        assert_eq!(ProbeSet::load(&more).ok().map(|s| s.digest()), Some(base.digest()));
        let mut changed = shipped;
        for file in &mut changed {
            if file.path == "vocabulary/guards.yaml" {
                file.bytes.to_mut().extend_from_slice(b"\n# another word\n");
            }
        }
        assert_ne!(ProbeSet::load(&changed).ok().map(|s| s.packs()["python"]), Some(base.packs()["python"]));
    }

    #[test]
    fn an_unreadable_vocabulary_is_refused_with_its_place() {
        let mut files = ligase_catalog::shipped();
        for file in &mut files {
            if file.path == "vocabulary/sanitizers.yaml" {
                file.bytes = Cow::Borrowed(
                    b"apiVersion: ligase.dev/v1\nkind: Sanitizers\nmetadata: { id: s }\nspec:\n  sanitisers: [mask]\n",
                );
            }
        }
        let errors = ProbeSet::load(&files).err().unwrap_or_default();
        assert_eq!((errors.len(), errors[0].line), (1, 5), "{errors:?}");
    }
}
