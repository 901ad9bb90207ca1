//! What `check` saw, in each of the forms in which it is printed. Every form says the same of the same findings; none of them
//! judges. Read `report/text.rs` and `report/json.rs` for people and scripts, the others for somebody else's tools.

pub mod annotations;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod text;

use ligase_domain::{Finding, Outcome};
use ligase_inspect::{Difference, Inspection};
use ligase_remedy::RemedySet;

/// What there is to be told.
pub struct Report<'a> {
    /// What was looked at: the tree, or the head of a comparison.
    pub inspection: &'a Inspection,
    /// What the head does to the findings of its base.
    pub difference: Option<&'a Difference>,
    /// What the head takes away from declarations.
    pub weakened: &'a [Finding],
    /// Which remedies there are.
    pub remedies: &'a RemedySet,
    /// Whether findings that ask for nothing are told too.
    pub full: bool,
}

/// What has become of a finding between base and head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// There is no base.
    Unasked,
    /// The head brought it.
    New,
    /// Base and head have it.
    Unchanged,
}

impl Report<'_> {
    /// Whether something is open that the exit code is about.
    pub fn open(&self) -> bool {
        match self.difference {
            None => self.inspection.findings().any(Finding::is_open),
            Some(d) => d.new.iter().chain(self.weakened).any(Finding::is_open),
        }
    }

    /// The findings that tools are told of: what is not satisfied and what could not be decided, and all with `full`.
    /// Of a comparison what is new; what was there before only with `full`.
    pub fn told(&self) -> Vec<(&Finding, Since)> {
        let Some(d) = self.difference else {
            let asks = |f: &&Finding| matches!(f.outcome, Outcome::NotSatisfied | Outcome::Indeterminate(_));
            return self.inspection.findings().filter(|f| self.full || asks(f)).map(|f| (f, Since::Unasked)).collect();
        };
        let new = d.new.iter().chain(self.weakened).chain(&d.undecided).map(|f| (f, Since::New));
        let before = d.unchanged.iter().filter(|_| self.full).map(|f| (f, Since::Unchanged));
        new.chain(before).collect()
    }
}

/// What a finding says, in one line.
pub fn sentence(finding: &Finding) -> String {
    let why = finding.outcome.reason().filter(|r| !finding.message.contains(r));
    why.map_or_else(|| finding.message.clone(), |r| format!("{} ({r})", finding.message))
}
