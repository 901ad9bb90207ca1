//! What a remedy would do beyond the text, told from its subject alone: what `check` shows beside a finding.
//! Whether it can be done at all is decided by `propose.rs`.

use crate::format::RemedySet;
use ligase_domain::{EffectClass, Finding, Observation, Value};
use std::collections::BTreeMap;

impl RemedySet {
    /// The class of the effect that a finding's remedy would have; none without a remedy or without its subject.
    pub fn effect(&self, finding: &Finding, observations: &[Observation]) -> Option<EffectClass> {
        let remedy = self.get(finding.remedy.as_deref()?)?;
        let place = finding.place.as_ref()?;
        let subject = observations.iter().find(|o| o.kind == finding.subject.kind && o.place == *place)?;
        // Effects depend on the subject; a rule that asks the declaration is not told here.
        let nothing: BTreeMap<String, Value> = BTreeMap::new();
        let names = [("it", &subject.attributes), ("dna", &nothing)];
        let rule = remedy.effects.iter().find(|e| e.when.as_ref().is_none_or(|w| w.holds(&names)));
        rule.map(|r| r.class)
    }
}
