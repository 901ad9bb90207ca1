//! The one way from a source tree to assessments: look, link, resolve, judge. `check`, `fix`, MCP and the gate all take it.
//!
//! It writes nothing, asks nobody and keeps nothing but what its caller's cache keeps. It is total: a tree that cannot be
//! listed has an incomplete population and findings that say so. Next: `compare.rs`.

use crate::cache::MemoryCache;
use crate::declared::{Declared, read_paths, services};
use ligase_catalog::CatalogFile;
use ligase_document::DocumentError;
use ligase_domain::{
    Assessment, Entry, Finding, LookCache, LookedFile, Observation, Population, ServiceId, SourceTree, Timestamp,
};
use ligase_policy::roster::Listed;
use ligase_policy::{Approvals, Catalog, DesiredState, JudgeEnv, JudgeInput, Scope, judge, resolve};
use ligase_probe::{ProbeSet, Progress, link, look};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A catalog, its probes and the judgement, loaded once and used from any thread.
pub struct Inspector {
    files: Vec<CatalogFile>,
    catalog: Catalog,
    probes: ProbeSet,
}

/// One service of a tree: what is wanted of it, and what was found.
#[derive(Clone, Debug)]
pub struct ServiceInspection {
    /// Everything that is wanted.
    pub desired: DesiredState,
    /// All findings.
    pub assessment: Assessment,
}

/// Everything that one look at a tree gave.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Every file that a pack reads, with what it showed.
    pub looked: Vec<LookedFile>,
    /// What was to be looked at in the whole tree.
    pub population: Population,
    /// Distinct contents that were looked at now.
    pub looked_at: u64,
    /// Distinct contents that the cache knew.
    pub from_cache: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Linked observations of the whole tree, sorted by path, span and kind.
    pub observations: Vec<Observation>,
    /// By the service's folder.
    pub services: Vec<ServiceInspection>,
    /// What is wrong with declarations; their services are judged all the same.
    pub problems: Vec<DocumentError>,
    /// The declarations that governed, by folder, for a comparison.
    pub(crate) written: BTreeMap<String, Listed>,
}

impl Inspection {
    /// The service of that id.
    pub fn service(&self, id: &ServiceId) -> Option<&ServiceInspection> {
        self.services.iter().find(|s| s.assessment.service == *id)
    }

    /// The files of one service.
    pub fn scope_of(&self, id: &ServiceId) -> Scope {
        let folders: Vec<String> = self.written.keys().cloned().collect();
        Scope::new(&id.folder, self.service(id).and_then(|s| s.desired.dna.as_ref()), &folders)
    }

    /// All findings of all services.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.services.iter().flat_map(|s| &s.assessment.findings)
    }
}

impl Inspector {
    /// Over the catalog that ships with Ligase.
    pub fn shipped() -> Result<Self, Vec<DocumentError>> {
        Self::with_files(Vec::new())
    }

    /// Over the shipped catalog and further files behind it, as an organisation's own folder has them.
    pub fn with_files(further: Vec<CatalogFile>) -> Result<Self, Vec<DocumentError>> {
        let mut files = ligase_catalog::shipped();
        files.extend(further);
        Self::load(files)
    }

    /// Over these files and nothing else.
    pub fn load(files: Vec<CatalogFile>) -> Result<Self, Vec<DocumentError>> {
        match (Catalog::load(&files), ProbeSet::load(&files)) {
            (Ok(catalog), Ok(probes)) => Ok(Self { files, catalog, probes }),
            (catalog, probes) => Err(catalog.err().into_iter().chain(probes.err()).flatten().collect()),
        }
    }

    /// The catalog.
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The probes.
    pub const fn probes(&self) -> &ProbeSet {
        &self.probes
    }

    /// The catalog's files as (path, bytes), in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|f| (f.path.as_ref(), f.bytes.as_ref()))
    }

    /// Looks at a tree and judges every service in it.
    pub fn inspect(
        &self,
        tree: &dyn SourceTree,
        declared: &Declared,
        cache: &dyn LookCache,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Inspection {
        self.inspect_as(tree, declared, None, cache, now, progress)
    }

    /// The same for the head of a base, whose declarations govern.
    fn inspect_as(
        &self,
        tree: &dyn SourceTree,
        declared: &Declared,
        base: Option<&Inspection>,
        cache: &dyn LookCache,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Inspection {
        // A tree that cannot be listed shows nothing; `look` says so in the population.
        let entries: Vec<Entry> = tree.entries().unwrap_or_default();
        let mut written = services(declared, tree, &entries, &self.catalog, &self.probes);
        if let Some(base) = base {
            written.extend(base.written.iter().map(|(folder, w)| (folder.clone(), w.clone())));
        }
        let seen = look(&self.probes, tree, cache, progress);
        let observations = match base {
            // The same files at the same places say the same of each other.
            Some(base) if same(&base.looked, &seen.files) => base.observations.clone(),
            _ => link(&self.probes, &seen.files),
        };
        let paths = read_paths(&entries, &self.probes);
        let folders: Vec<String> = written.keys().cloned().collect();
        let nothing = Approvals::default();
        let of_service = |(folder, written): (&String, &Listed)| {
            let service = ServiceId { repository: declared.repository.clone(), folder: folder.clone() };
            let approvals = written.dna.as_ref().and_then(|d| declared.approvals.get(&d.digest)).unwrap_or(&nothing);
            let organisation = declared.organisation.as_ref();
            let desired = resolve(&self.catalog, organisation, written.declaration(), approvals, now);
            let input = JudgeInput {
                service: &service,
                revision: declared.revision,
                observations: &observations,
                population: &seen.population,
                files: &paths,
                folders: &folders,
                owner: declared.owners.get(folder).copied().unwrap_or_default(),
                probe_set: self.probes.digest(),
                root: None,
            };
            let assessment = judge(&JudgeEnv::new(&self.catalog), &desired, &input);
            ServiceInspection { desired, assessment }
        };
        Inspection {
            services: written.iter().map(of_service).collect(),
            problems: written
                .values()
                .filter_map(|w| w.unreadable.as_ref())
                .flat_map(|(_, errors)| errors.clone())
                .collect(),
            looked: seen.files,
            population: seen.population,
            looked_at: seen.looked_at,
            from_cache: seen.from_cache,
            bytes_read: seen.bytes_read,
            observations,
            written,
        }
    }

    /// Looks at a changed tree as its base was looked at: the base's declarations govern, and what the base showed is known.
    pub fn inspect_change(
        &self,
        base: &Inspection,
        tree: &dyn SourceTree,
        declared: &Declared,
        cache: &dyn LookCache,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Inspection {
        let known = MemoryCache::over(cache);
        known.remember(&base.looked);
        self.inspect_as(tree, declared, Some(base), &known, now, progress)
    }
}

/// Whether two looks saw the same of the same files.
fn same(a: &[LookedFile], b: &[LookedFile]) -> bool {
    let same = |(a, b): (&LookedFile, &LookedFile)| {
        a.path == b.path
            && a.key == b.key
            && (Arc::ptr_eq(&a.observations, &b.observations) || a.observations == b.observations)
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}
