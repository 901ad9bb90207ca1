//! What is there to be judged: observations of source files within the service's scope, by kind, turned into values once;
//! and what is known of what is not there. It decides nothing about clauses.

use super::JudgeInput;
use crate::catalog::{Catalog, Kind};
use crate::expression::{Boxed, Record, list, number, of_attributes};
use crate::{Dna, Scope, template};
use ligase_domain::{Observation, Origin, Skipped, Subject};
use std::collections::BTreeMap;
use std::rc::Rc;

/// More other observations than these are not read by an expression: it is evaluated for every subject.
const MAX_SEEN: usize = 5_000;

/// One observation that a clause may judge.
pub(super) struct Seen<'v> {
    pub observation: &'v Observation,
    pub it: Record<'v>,
    pub subject: Subject,
}

/// Everything of one service that clauses read.
pub(super) struct Subjects<'v> {
    catalog: &'v Catalog,
    of_kind: BTreeMap<&'v str, Vec<&'v Observation>>,
    ready: BTreeMap<&'v str, Rc<Vec<Seen<'v>>>>,
    skipped: Vec<&'v Skipped>,
    /// Why the revision was not looked at whole, if so.
    pub incomplete: Option<&'v str>,
    /// The declaration as expressions read it.
    pub dna: Record<'v>,
    population: Option<Record<'v>>,
    seen: Option<Option<Record<'v>>>,
    /// Source files of the revision by the language that they are written in.
    programs: BTreeMap<&'static str, u64>,
}

/// Dialects that programs are written in. Another one holds nothing that runs a service.
const PROGRAMS: [&str; 17] = [
    "clojure",
    "cpp",
    "csharp",
    "dart",
    "elixir",
    "go",
    "groovy",
    "java",
    "javascript",
    "kotlin",
    "php",
    "python",
    "ruby",
    "rust",
    "scala",
    "swift",
    "typescript",
];

/// Source files of a language in which a kind is not seen: they may hold it too. Zero for what is no program's.
fn unread(kind: &Kind, programs: &BTreeMap<&str, u64>) -> u64 {
    let languages = kind.spec.attributes.get("language").map_or(&[][..], |a| a.values.as_slice());
    if !languages.iter().any(|l| PROGRAMS.contains(&l.as_str())) {
        return 0;
    }
    programs.iter().filter(|(dialect, _)| !languages.iter().any(|l| l == **dialect)).map(|(_, count)| *count).sum()
}

/// Source files by program language. Counts by class are the revision's, so a repository of several services counts for
/// each of them: that makes silence less sure, never more.
fn programs(by_class: &BTreeMap<String, u64>) -> BTreeMap<&'static str, u64> {
    let of = |(class, count): (&'_ String, &u64)| {
        let (dialect, origin) = class.split_once('/')?;
        let at = PROGRAMS.iter().find(|p| **p == dialect)?;
        (origin == Origin::Source.name()).then_some((*at, *count))
    };
    by_class.iter().filter_map(of).collect()
}

impl<'v> Subjects<'v> {
    pub fn new(catalog: &'v Catalog, dna: Option<&'v Dna>, input: &JudgeInput<'v>, scope: &Scope) -> Self {
        let mut of_kind: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
        let own = input.observations.iter().filter(|o| o.class.origin == Origin::Source && scope.holds(&o.place.path));
        own.for_each(|o| of_kind.entry(o.kind.as_str()).or_default().push(o));
        // Ordinals count in order of path and place, whatever order the caller has.
        of_kind.values_mut().for_each(|all| {
            all.sort_by(|a, b| (&a.place.path, a.place.span, *a).cmp(&(&b.place.path, b.place.span, *b)));
        });
        let mut skipped: Vec<&Skipped> = input
            .population
            .skipped
            .iter()
            .filter(|s| s.class.origin == Origin::Source && scope.holds(&s.path))
            .collect();
        skipped.sort();
        skipped.dedup_by(|a, b| a.path == b.path);
        Self {
            catalog,
            of_kind,
            ready: BTreeMap::new(),
            skipped,
            incomplete: input.population.incomplete.as_deref(),
            dna: crate::dna::value_of(dna),
            population: None,
            programs: programs(&input.population.by_class),
            seen: None,
        }
    }

    /// Observations of a kind as they are.
    fn plain(&self, kind: &str) -> &[&'v Observation] {
        self.of_kind.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Observations of a kind, ready to be judged.
    pub fn ready(&mut self, kind: &'v Kind) -> Rc<Vec<Seen<'v>>> {
        if let Some(ready) = self.ready.get(kind.id.as_str()) {
            return Rc::clone(ready);
        }
        let mut ordinals: BTreeMap<Vec<(String, String)>, u32> = BTreeMap::new();
        let mut all = Vec::new();
        for observation in self.plain(&kind.id) {
            let identity = identity(kind, observation);
            let ordinal = ordinals.entry(identity.clone()).and_modify(|n| *n += 1).or_insert(0);
            let subject = Subject {
                kind: kind.id.clone(),
                symbol: template::symbol(&kind.spec.symbol, &observation.attributes),
                identity,
                ordinal: *ordinal,
            };
            all.push(Seen { observation, it: of_attributes(&observation.attributes), subject });
        }
        let ready = Rc::new(all);
        self.ready.insert(kind.id.as_str(), Rc::clone(&ready));
        ready
    }

    /// Files that were not looked at and whose dialect could show the kind.
    pub fn skipped_for(&self, kind: &Kind) -> Vec<&'v Skipped> {
        let languages = kind.spec.attributes.get("language").map_or(&[][..], |a| a.values.as_slice());
        let could = |s: &&&Skipped| languages.is_empty() || languages.contains(&s.class.dialect);
        self.skipped.iter().filter(could).copied().collect()
    }

    /// Whether something was seen that looks like a subject of the kind and that no probe models.
    pub fn looks_like(&self, kind: &Kind) -> bool {
        self.plain("unmodelled").iter().any(|o| o.text("of") == Some(kind.id.as_str()))
    }

    /// `population.<kind>.{seen,unmodelled,skipped}` for every kind.
    pub fn population(&mut self) -> Record<'v> {
        if let Some(population) = &self.population {
            return population.clone();
        }
        let mut unmodelled: BTreeMap<&str, i64> = BTreeMap::new();
        for of in self.plain("unmodelled").iter().filter_map(|o| o.text("of")) {
            *unmodelled.entry(of).or_default() += 1;
        }
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let looked_like = |kind: &Kind| unmodelled.get(kind.id.as_str()).copied().unwrap_or(0);
        let unread = |kind: &Kind| i64::try_from(unread(kind, &self.programs)).unwrap_or(i64::MAX);
        let kinds = self.catalog.kinds().values().map(|kind| {
            let counts = Record::new([
                ("seen", number(count(self.plain(&kind.id).len()))),
                ("unmodelled", number(looked_like(kind).saturating_add(unread(kind)))),
                ("skipped", number(count(self.skipped_for(kind).len()))),
            ]);
            (kind.variable.as_str(), counts.boxed())
        });
        let population = Record::new(kinds.collect::<Vec<_>>());
        self.population = Some(population.clone());
        population
    }

    /// `seen.<kind>` for every kind; none when there are too many to be read for every subject.
    pub fn seen(&mut self) -> Option<Record<'v>> {
        if self.seen.is_none() {
            let catalog = self.catalog;
            let many = self.of_kind.values().map(Vec::len).sum::<usize>() > MAX_SEEN;
            let record = (!many).then(|| {
                let kinds: Vec<(&str, Boxed<'v>)> = catalog
                    .kinds()
                    .values()
                    .map(|kind| {
                        let all: Vec<Boxed<'v>> = self.ready(kind).iter().map(|s| s.it.clone().boxed()).collect();
                        (kind.variable.as_str(), list(all))
                    })
                    .collect();
                Record::new(kinds)
            });
            self.seen = Some(record);
        }
        self.seen.clone().flatten()
    }
}

/// The identity attributes in the order that the kind gives them; an absent one is the empty text.
fn identity(kind: &Kind, observation: &Observation) -> Vec<(String, String)> {
    let value = |name: &str| observation.attributes.get(name).map(template::identity).unwrap_or_default();
    kind.spec.identity.iter().map(|name| (name.value.clone(), value(name))).collect()
}
