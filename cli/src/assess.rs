//! What adopting a framework would ask for, from what was judged as if it were adopted: each control in exactly one standing,
//! and the price. Pure. A working tree (`assess/tree.rs`) and the API give the same answer to count. Nothing here says that a
//! framework is met: a clause contributes to a control. Next: `assess/text.rs`.

pub mod text;
pub mod tree;

use ligase_proto::v1::{AssessedControl, AssessedFramework, FindingRow};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where a control stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// What contributes to it is not satisfied: code has to change.
    NeedsChange,
    /// Nothing is known to be broken, and something could not be decided.
    Indeterminate,
    /// What is not satisfied is waived.
    Waived,
    /// What the catalog can see of it is satisfied.
    Served,
    /// There is nothing that its clauses could apply to.
    NotApplicable,
    /// Nothing in the catalog looks at it: a person has to.
    NeedsPerson,
}

impl Standing {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::NeedsChange, Self::Indeterminate, Self::Waived, Self::Served, Self::NotApplicable, Self::NeedsPerson];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeedsChange => "needs-change",
            Self::Indeterminate => "indeterminate",
            Self::Waived => "waived",
            Self::Served => "served",
            Self::NotApplicable => "not-applicable",
            Self::NeedsPerson => "needs-person",
        }
    }
}

/// One control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// The published id.
    pub id: String,
    /// In our own words.
    pub title: String,
    /// Where it stands.
    pub standing: Standing,
    /// Clauses that contribute to it.
    pub clauses: Vec<String>,
    /// Clauses that are linked and that no rule judges yet.
    pub not_modelled: Vec<String>,
    /// Services of which a clause of it is wanted already.
    pub holds: u64,
    /// Findings that are satisfied.
    pub satisfied: u64,
    /// Ids of findings that are open.
    pub open: Vec<String>,
    /// How many of them a remedy answers, by the class of its effect.
    pub remedies: BTreeMap<String, usize>,
    /// How many of them none answers.
    pub without_remedy: usize,
    /// How many could not be decided, by clause and reason.
    pub undecided: BTreeMap<String, usize>,
}

/// What it would cost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Price {
    /// Findings that are open.
    pub findings: usize,
    /// Pull requests: one for each service and clause of which a remedy answers a finding.
    pub pull_requests: usize,
    /// How many findings a remedy answers, by the class of its effect.
    pub remedies: BTreeMap<String, usize>,
    /// Findings that a person has to mend.
    pub without_remedy: usize,
    /// Files that a person has to read: findings without a remedy, and what could not be decided.
    pub files_to_read: usize,
}

/// A framework that was assessed.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The date of the text that it follows.
    pub as_of: String,
    /// Services that were judged as if it were adopted, and those of which it is asked already.
    pub services: (u64, u64),
    /// Its controls in published order.
    pub controls: Vec<Control>,
    /// What it would cost.
    pub price: Price,
    /// What is open or undecided.
    pub findings: Vec<FindingRow>,
}

impl Assessment {
    /// Counts what was judged. The class of effect stands in each finding's row.
    pub fn of(judged: AssessedFramework) -> Self {
        let AssessedFramework { id, title, as_of, controls, findings, services, adopted } = judged;
        let controls = controls.into_iter().map(|c| control(&id, c, &findings)).collect();
        Self { price: price(&findings), id, title, as_of, services: (services, adopted), controls, findings }
    }

    /// How many controls stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.controls.iter().filter(|c| c.standing == standing).count()
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let counts: serde_json::Map<String, Value> =
            Standing::ALL.iter().map(|s| (s.name().to_owned(), json!(self.count(*s)))).collect();
        let price = &self.price;
        json!({
            "framework": self.id, "title": self.title, "as_of": self.as_of,
            "services": self.services.0, "services_already": self.services.1, "controls_by": counts,
            "controls": self.controls.iter().map(control_json).collect::<Vec<_>>(),
            "price": {
                "findings": price.findings, "pull_requests": price.pull_requests, "remedies": price.remedies,
                "without_remedy": price.without_remedy, "files_to_read": price.files_to_read,
            },
            "findings": self.findings.iter().map(crate::rows::finding).collect::<Vec<_>>(),
        })
    }
}

fn control_json(c: &Control) -> Value {
    json!({
        "id": c.id, "title": c.title, "standing": c.standing.name(), "clauses": c.clauses, "not_modelled": c.not_modelled,
        "services_already": c.holds, "satisfied": c.satisfied, "findings": c.open, "remedies": c.remedies,
        "without_remedy": c.without_remedy, "undecided": c.undecided,
    })
}

fn is_open(f: &FindingRow) -> bool {
    f.outcome == "not-satisfied" && f.waiver != "in-force"
}

/// How many of these findings a remedy answers, by effect, and how many none does.
fn answered<'a>(findings: impl Iterator<Item = &'a FindingRow>) -> (BTreeMap<String, usize>, usize) {
    let (mut remedies, mut without) = (BTreeMap::new(), 0);
    for finding in findings {
        if finding.effect.is_empty() {
            without += 1;
        } else {
            *remedies.entry(finding.effect.clone()).or_default() += 1;
        }
    }
    (remedies, without)
}

fn control(framework: &str, c: AssessedControl, findings: &[FindingRow]) -> Control {
    let key = format!("{framework} {}", c.id);
    let of_it: Vec<&FindingRow> = findings.iter().filter(|f| f.controls.contains(&key)).collect();
    let open: Vec<&FindingRow> = of_it.iter().copied().filter(|f| is_open(f)).collect();
    let mut undecided: BTreeMap<String, usize> = BTreeMap::new();
    for finding in of_it.iter().filter(|f| f.outcome == "indeterminate") {
        *undecided.entry(format!("{}: {}", finding.clause, finding.reason)).or_default() += 1;
    }
    let waived = of_it.iter().any(|f| f.outcome == "not-satisfied" && !is_open(f));
    let (modelled, unmodelled): (Vec<_>, Vec<_>) = c.clauses.into_iter().partition(|c| c.modelled);
    let standing = if modelled.is_empty() {
        Standing::NeedsPerson
    } else if !open.is_empty() {
        Standing::NeedsChange
    } else if !undecided.is_empty() {
        Standing::Indeterminate
    } else if waived {
        Standing::Waived
    } else if c.satisfied > 0 {
        Standing::Served
    } else {
        Standing::NotApplicable
    };
    let (remedies, without_remedy) = answered(open.iter().copied());
    Control {
        id: c.id,
        title: c.title,
        standing,
        clauses: modelled.into_iter().map(|c| c.clause).collect(),
        not_modelled: unmodelled.into_iter().map(|c| c.clause).collect(),
        holds: c.holds,
        satisfied: c.satisfied,
        open: open.iter().map(|f| f.id.clone()).collect(),
        remedies,
        without_remedy,
        undecided,
    }
}

fn price(findings: &[FindingRow]) -> Price {
    let open: Vec<&FindingRow> = findings.iter().filter(|f| is_open(f)).collect();
    let (remedies, without_remedy) = answered(open.iter().copied());
    let intents: BTreeSet<_> = open.iter().filter(|f| !f.effect.is_empty()).map(|f| (&f.service, &f.clause)).collect();
    let read = findings.iter().filter(|f| f.outcome == "indeterminate" || is_open(f) && f.effect.is_empty());
    let files: BTreeSet<_> = read.filter(|f| !f.path.is_empty()).map(|f| (&f.service, &f.path)).collect();
    Price { findings: open.len(), pull_requests: intents.len(), remedies, without_remedy, files_to_read: files.len() }
}

#[cfg(test)]
mod tests;
