//! What a change does to the findings of a tree: `check --base`, and the gate's *no new finding*.
//!
//! The base's declarations govern both sides, so that a change cannot lower the bar that it is measured with; what it takes
//! away from a declaration is a weakening of its own. Findings are compared by id, never by count.

use crate::declared::Declared;
use crate::inspector::{Inspection, Inspector};
use ligase_domain::{Finding, FindingId, LookCache, Outcome, RepoPath, SourceTree, Timestamp};
use ligase_policy::{Weakening, weakenings};
use ligase_probe::Progress;
use std::collections::{BTreeMap, BTreeSet};

/// Two inspections under the base's declarations.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The base.
    pub base: Inspection,
    /// The change.
    pub head: Inspection,
    /// What the change did to findings.
    pub difference: Difference,
    /// What it takes away from declarations, by the service's folder.
    pub weakenings: BTreeMap<String, Vec<Weakening>>,
}

/// Findings of a head that differ from those of its base.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Not satisfied in the head, and not so in the base.
    pub new: Vec<Finding>,
    /// Decided in the base, and in the head no longer.
    pub undecided: Vec<Finding>,
    /// Judged in the base, and in the head exempt: a role or a path that now counts as public.
    pub exempted: Vec<Finding>,
    /// Not satisfied in the base, and satisfied in the head.
    pub fixed: Vec<Finding>,
    /// Seen in the base, and in the head without a subject: deleted, renamed, moved to where nobody looks. As the base
    /// had them.
    pub vanished: Vec<Finding>,
    /// Not satisfied in both.
    pub unchanged: Vec<Finding>,
    /// Files that the base's look could read and the head's could not.
    pub newly_skipped: Vec<RepoPath>,
}

/// The difference of two inspections under the same declarations.
pub fn difference(base: &Inspection, head: &Inspection) -> Difference {
    let before: BTreeMap<FindingId, &Finding> = base.findings().map(|f| (f.id, f)).collect();
    let after: BTreeSet<FindingId> = head.findings().map(|f| f.id).collect();
    let mut out = Difference::default();
    for finding in head.findings() {
        let was = before.get(&finding.id).map(|f| &f.outcome);
        let list = match (was, &finding.outcome) {
            (Some(Outcome::NotSatisfied), Outcome::NotSatisfied) => &mut out.unchanged,
            (_, Outcome::NotSatisfied) => &mut out.new,
            (Some(Outcome::NotSatisfied), Outcome::Satisfied) => &mut out.fixed,
            (Some(Outcome::NotSatisfied | Outcome::Satisfied), Outcome::Indeterminate(_)) => &mut out.undecided,
            (None, Outcome::Indeterminate(_)) => &mut out.undecided,
            (Some(Outcome::NotSatisfied | Outcome::Satisfied), Outcome::NotApplicable(_)) => &mut out.exempted,
            _ => continue,
        };
        list.push(finding.clone());
    }
    // A file that can be read again and a declaration that is true again leave no subject, and nobody misses it.
    let observed = |f: &Finding| !matches!(f.subject.kind.as_str(), "service" | "file" | "declaration");
    let gone = |f: &&Finding| observed(f) && !after.contains(&f.id);
    out.vanished = base.findings().filter(gone).cloned().collect();
    let skipped: BTreeSet<&RepoPath> = base.population.skipped.iter().map(|s| &s.path).collect();
    let head_skipped = head.population.skipped.iter().map(|s| &s.path);
    out.newly_skipped = head_skipped.filter(|p| !skipped.contains(p)).cloned().collect();
    out
}

impl Inspector {
    /// Judges base and head, both under the base's declarations.
    pub fn compare(
        &self,
        base: &dyn SourceTree,
        head: &dyn SourceTree,
        declared: &Declared,
        cache: &dyn LookCache,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Comparison {
        let before = self.inspect(base, declared, cache, now, progress);
        let after = self.inspect_change(&before, head, declared, cache, now, progress);
        let entries = head.entries().unwrap_or_default();
        let own = crate::declared::services(declared, head, &entries, self.catalog(), self.probes());
        let mut weaker = BTreeMap::new();
        for (folder, written) in &before.written {
            let found = weakenings(self.catalog(), written.dna.as_ref(), own.get(folder).and_then(|w| w.dna.as_ref()));
            if !found.is_empty() {
                weaker.insert(folder.clone(), found);
            }
        }
        let difference = difference(&before, &after);
        Comparison { base: before, head: after, difference, weakenings: weaker }
    }
}
