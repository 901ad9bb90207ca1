//! What kind of answer a finding is, and how many of each kind a cell of the coverage matrix has. Every finding is of exactly
//! one kind, so that sums add up. Next: `matrix.rs`.

use ligase_proto::v1::FindingRow;
use std::collections::BTreeMap;

/// What a finding answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    /// Not satisfied, and nobody has accepted it.
    Open,
    /// Not satisfied, and accepted for a time.
    Waived,
    /// It was looked at and could not be decided.
    Indeterminate,
    /// It was not looked at: a file that was not read, a stack that nothing models.
    NotLookedAt,
    /// It was observed and has the property.
    Satisfied,
    /// There is nothing that the clause could apply to.
    NotApplicable,
}

impl Answer {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Waived, Self::Indeterminate, Self::NotLookedAt, Self::Satisfied, Self::NotApplicable];

    /// The kind of a finding.
    pub fn of(finding: &FindingRow) -> Self {
        match finding.outcome.as_str() {
            "satisfied" => Self::Satisfied,
            "not-satisfied" if finding.waiver == "in-force" => Self::Waived,
            "not-satisfied" => Self::Open,
            "not-applicable" => Self::NotApplicable,
            _ if was_not_looked_at(&finding.reason) => Self::NotLookedAt,
            _ => Self::Indeterminate,
        }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Open => "not satisfied",
            Self::Waived => "waived",
            Self::Indeterminate => "indeterminate",
            Self::NotLookedAt => "not looked at",
            Self::Satisfied => "satisfied",
            Self::NotApplicable => "not applicable",
        }
    }

    /// A sign beside its colour, for whoever does not see the colour.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Open => "✕",
            Self::Waived => "◇",
            Self::Indeterminate => "?",
            Self::NotLookedAt => "○",
            Self::Satisfied => "✓",
            Self::NotApplicable => "–",
        }
    }

    /// The class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waived => "waived",
            Self::Indeterminate => "unclear",
            Self::NotLookedAt => "unseen",
            Self::Satisfied => "satisfied",
            Self::NotApplicable => "none",
        }
    }
}

/// Whether a reason says that nobody looked, rather than that looking did not decide.
pub fn was_not_looked_at(reason: &str) -> bool {
    reason.starts_with("file-") || reason.ends_with("not-modelled") || reason == "kind-not-in-catalog"
}

/// Findings by kind of answer.
pub type Tally<'a> = BTreeMap<Answer, Vec<&'a FindingRow>>;

/// Findings by service and control, as `framework control`.
pub fn cells(findings: &[FindingRow]) -> BTreeMap<(&str, &str), Tally<'_>> {
    let mut cells: BTreeMap<(&str, &str), Tally<'_>> = BTreeMap::new();
    for finding in findings {
        for control in &finding.controls {
            let cell = cells.entry((finding.service.as_str(), control.as_str())).or_default();
            cell.entry(Answer::of(finding)).or_default().push(finding);
        }
    }
    cells
}

/// How many findings there are of a kind.
pub fn count(findings: &[FindingRow], answer: Answer) -> usize {
    findings.iter().filter(|f| Answer::of(f) == answer).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(outcome: &str, reason: &str, waiver: &str) -> FindingRow {
        FindingRow {
            outcome: outcome.to_owned(),
            reason: reason.to_owned(),
            waiver: waiver.to_owned(),
            service: "shop".to_owned(),
            controls: vec!["soc2 CC6.1".to_owned(), "hipaa 164.312(a)(1)".to_owned()],
            ..Default::default()
        }
    }

    #[test]
    fn each_finding_is_of_one_kind_and_a_waiver_counts_only_in_force() {
        let rows = [
            (finding("satisfied", "", ""), Answer::Satisfied),
            (finding("not-satisfied", "", "expired"), Answer::Open),
            (finding("not-satisfied", "", "in-force"), Answer::Waived),
            (finding("not-applicable", "no-endpoint", ""), Answer::NotApplicable),
            (finding("indeterminate", "guards-not-resolved", ""), Answer::Indeterminate),
            (finding("indeterminate", "framework-not-modelled", ""), Answer::NotLookedAt),
            (finding("indeterminate", "file-too-large", ""), Answer::NotLookedAt),
        ];
        for (row, answer) in &rows {
            assert_eq!(Answer::of(row), *answer, "{row:?}");
        }
        let all: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        assert_eq!(Answer::ALL.iter().map(|a| count(&all, *a)).sum::<usize>(), all.len());
        let cells = cells(&all);
        assert_eq!(cells.len(), 2);
        assert_eq!(cells[&("shop", "soc2 CC6.1")].values().map(Vec::len).sum::<usize>(), all.len());
    }
}
