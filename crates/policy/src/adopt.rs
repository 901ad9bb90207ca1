//! What if a framework were adopted: the organisation's policy with one more cascade, for an assessment. Pure; nothing is adopted
//! by asking. Next: `resolve.rs`, which makes requirements of it.

use crate::organisation::{Budgets, Cascade, Enforcement, Mode, Organisation};
use crate::resolve::Requirement;
use ligase_domain::{Digest, FieldHasher};
use std::collections::{BTreeMap, BTreeSet};

/// The cascade's name; no document can have a cascade of that name.
const ASSESSMENT: &str = "(assessment)";

impl Organisation {
    /// This policy, and for every service this framework too.
    #[must_use]
    pub fn adopting(&self, framework: &str) -> Self {
        let mut adopting = self.clone();
        adopting.cascades.push(Cascade {
            name: ASSESSMENT.to_owned(),
            frameworks: BTreeMap::from([(framework.to_owned(), None)]),
            constraints: BTreeSet::new(),
            when: None,
            mode: Mode::Observe,
            enforcement: Enforcement::Advisory,
        });
        let digest = FieldHasher::new("ligase.adopting.v1").field(self.digest.as_bytes()).field(framework);
        adopting.digest = digest.finish();
        adopting
    }

    /// The policy of nobody: what a tree is judged by that stands alone.
    pub fn of_nobody() -> Self {
        Self {
            name: String::new(),
            sources: Vec::new(),
            floor: BTreeSet::new(),
            waiver_approvers: BTreeSet::new(),
            apply_approvers: BTreeSet::new(),
            cascades: Vec::new(),
            budgets: Budgets::default(),
            services: Vec::new(),
            digest: Digest::of(b""),
        }
    }
}

impl Requirement {
    /// Whether it holds already, whatever is being assessed.
    pub fn holds_already(&self) -> bool {
        let assessed = format!("cascade {ASSESSMENT}");
        self.why.iter().any(|why| !why.starts_with(&assessed))
    }

    /// Whether a cascade of that name brings it.
    pub fn brought_by(&self, cascade: &str) -> bool {
        let (whole, begins) = (format!("cascade {cascade}"), format!("cascade {cascade}: "));
        self.why.iter().any(|why| *why == whole || why.starts_with(&begins))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Approvals, Catalog, Dna, Organisation, resolve};
    use ligase_domain::Timestamp;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn dna(spec: &str, catalog: &Catalog) -> Dna {
        let text = format!("apiVersion: ligase.dev/v1\nkind: Service\nmetadata: {{ name: intake }}\nspec:\n{spec}");
        Dna::read("dna.yaml", text.as_bytes(), catalog).unwrap()
    }

    #[test]
    fn what_an_assessment_brings_is_told_from_what_holds() {
        let catalog = Catalog::load(&ligase_catalog::shipped()).unwrap();
        let dna = dna("  data: [{ class: phi }]\n  constraints: [{ id: no-sensitive-in-logs }]\n", &catalog);
        let nobody = Organisation::of_nobody();
        let before = resolve(&catalog, Some(&nobody), Some(&dna), &Approvals::default(), NOW);
        let adopting = nobody.adopting("hipaa");
        let after = resolve(&catalog, Some(&adopting), Some(&dna), &Approvals::default(), NOW);
        assert!(before.requirements.iter().all(|r| r.holds_already() && r.clause.constraint == "no-sensitive-in-logs"));
        let (old, new): (Vec<_>, Vec<_>) = after.requirements.iter().partition(|r| r.holds_already());
        assert!(
            old.iter().all(|r| r.clause.constraint == "no-sensitive-in-logs") && old.len() == before.requirements.len()
        );
        assert!(new.iter().any(|r| r.clause.constraint == "authn-endpoints"), "{new:?}");
        assert!(new.iter().all(|r| !r.controls.is_empty() || r.why.iter().all(|w| w.contains("hipaa"))));
        assert_ne!(before.digest, after.digest);
        assert!(nobody.cascades.is_empty(), "asking adopts nothing");
    }
}
