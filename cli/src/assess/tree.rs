//! A tree on this machine judged as if frameworks were adopted, in the form in which the API answers for an organisation. The
//! files are looked at once, whatever is asked. Next: `assess.rs`.

use ligase_domain::{ClauseId, EffectClass, Finding, LookCache, Outcome, SourceTree, Timestamp};
use ligase_inspect::{Declared, Inspection, Inspector};
use ligase_policy::Organisation;
use ligase_policy::catalog::{Control, Framework};
use ligase_probe::Progress;
use ligase_proto::v1;
use ligase_remedy::RemedySet;
use std::collections::BTreeSet;

/// A tree with what it is judged by.
pub struct Tree<'a> {
    /// The judgement.
    pub inspector: &'a Inspector,
    /// Which remedies there are.
    pub remedies: &'a RemedySet,
    /// The files.
    pub tree: &'a dyn SourceTree,
    /// What is known beside them.
    pub declared: &'a Declared,
    /// What was seen of them before.
    pub cache: &'a dyn LookCache,
    /// The instant of judgement.
    pub now: Timestamp,
}

impl Tree<'_> {
    /// Judges by each framework in turn. The last inspection comes along: what could not be looked at stands in it.
    pub fn assess(
        &self,
        frameworks: &[&Framework],
        progress: &dyn Progress,
    ) -> (Vec<v1::AssessedFramework>, Option<Inspection>) {
        let (mut out, mut last) = (Vec::with_capacity(frameworks.len()), None::<Inspection>);
        for framework in frameworks {
            let nobody = Organisation::of_nobody();
            let adopting = self.declared.organisation.as_ref().unwrap_or(&nobody).adopting(&framework.id);
            let declared = Declared { organisation: Some(adopting), ..self.declared.clone() };
            let inspection = match &last {
                None => self.inspector.inspect(self.tree, &declared, self.cache, self.now, progress),
                Some(seen) => self.inspector.inspect_change(seen, self.tree, &declared, self.cache, self.now, progress),
            };
            out.push(self.assessed(framework, &inspection));
            last = Some(inspection);
        }
        (out, last)
    }

    fn assessed(&self, framework: &Framework, inspection: &Inspection) -> v1::AssessedFramework {
        let key = framework.key();
        let declares = |s: &&ligase_inspect::ServiceInspection| {
            s.desired.dna.as_ref().is_some_and(|d| d.frameworks.contains_key(&framework.id))
                && s.assessment.frameworks.contains_key(&key)
        };
        let of_it = |f: &&Finding| f.controls.iter().any(|c| c.framework == framework.id);
        let undone = |f: &&Finding| matches!(f.outcome, Outcome::NotSatisfied | Outcome::Indeterminate(_));
        v1::AssessedFramework {
            id: framework.id.clone(),
            title: framework.title.clone(),
            as_of: framework.as_of.clone(),
            controls: framework.controls.iter().map(|c| self.control(framework, c, inspection)).collect(),
            findings: inspection.findings().filter(of_it).filter(undone).map(|f| self.row(f, inspection)).collect(),
            services: inspection.services.len() as u64,
            adopted: inspection.services.iter().filter(declares).count() as u64,
        }
    }

    fn control(&self, framework: &Framework, control: &Control, inspection: &Inspection) -> v1::AssessedControl {
        let ids: BTreeSet<&str> = control.served_by.iter().map(|l| l.clause.as_str()).collect();
        let ids: Vec<ClauseId> = ids.into_iter().filter_map(ClauseId::parse).collect();
        let holds = |s: &&ligase_inspect::ServiceInspection| {
            s.desired.requirements.iter().any(|r| ids.contains(&r.clause) && r.holds_already())
        };
        let of_it = |f: &Finding| f.controls.iter().any(|c| c.framework == framework.id && *c.control == *control.id);
        let count = |keep: &dyn Fn(&Outcome) -> bool| {
            inspection.findings().filter(|f| of_it(f) && keep(&f.outcome)).count() as u64
        };
        let catalog = self.inspector.catalog();
        let text = |id: &ClauseId| v1::ClauseText {
            clause: id.to_string(),
            modelled: catalog.clause(id).is_some_and(|c| c.clause.is_modelled()),
        };
        v1::AssessedControl {
            id: control.id.value.clone(),
            title: control.title.clone(),
            clauses: ids.iter().map(text).collect(),
            satisfied: count(&|o| *o == Outcome::Satisfied),
            not_applicable: count(&|o| matches!(o, Outcome::NotApplicable(_))),
            holds: inspection.services.iter().filter(holds).count() as u64,
        }
    }

    fn row(&self, f: &Finding, inspection: &Inspection) -> v1::FindingRow {
        let edits = f.remedy.as_deref().and_then(|id| self.remedies.get(id)).is_some_and(ligase_remedy::Remedy::edits);
        let effect = self.remedies.effect(f, &inspection.observations).filter(|_| edits);
        let (line, end_line) = f.place.as_ref().map_or((0, 0), |p| (p.span.line, p.span.end_line));
        v1::FindingRow {
            id: f.id.to_string(),
            service: f.service.folder.clone(),
            constraint: f.clause.constraint.clone(),
            clause: f.clause.to_string(),
            outcome: f.outcome.name().to_owned(),
            reason: f.outcome.reason().unwrap_or_default().to_owned(),
            path: crate::rows::path_of(f).unwrap_or_default(),
            line,
            end_line,
            symbol: f.subject.symbol.clone(),
            message: f.message.clone(),
            controls: f.controls.iter().map(|c| format!("{} {}", c.framework, c.control)).collect(),
            remedy: f.remedy.clone().unwrap_or_default(),
            effect: effect.map(EffectClass::name).unwrap_or_default().to_owned(),
            severity: f.severity.name().to_owned(),
            waiver: f.waiver.as_ref().map(|w| w.state.name().to_owned()).unwrap_or_default(),
            service_name: inspection.service(&f.service).map(|s| s.assessment.name.clone()).unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// The class of the effect of a finding's remedy, as far as its rules tell without the subject: one class, or the words that
/// it depends on the subject.
pub fn effect_of(remedies: &RemedySet, remedy: &str) -> String {
    let Some(remedy) = remedies.get(remedy).filter(|r| r.edits()) else { return String::new() };
    let classes: BTreeSet<EffectClass> = remedy.effect_classes().collect();
    match classes.into_iter().map(EffectClass::name).collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        several => several.join(" or "),
    }
}
