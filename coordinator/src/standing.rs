//! What the coordinator holds in memory of a service's last assessment: its head, its sums by clause, and the findings that
//! a person or a machine may still have to do something about.
//!
//! An organisation has millions of findings, and most of them are satisfied. Those are only counted here; whoever asks for
//! them reads them back from the statement in the store. Refuses to decide anything. Read `state.rs` next.

use ligase_domain::{
    Assessment, ClauseId, ControlRef, Digest, Finding, FindingId, Oid, Outcome, Population, ServiceId, Timestamp,
    WaiverState,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many findings of a clause were judged how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Satisfied.
    pub satisfied: u64,
    /// Not satisfied, without a waiver in force.
    pub open: u64,
    /// Not satisfied, with one.
    pub waived: u64,
    /// Not applicable.
    pub not_applicable: u64,
    /// Indeterminate.
    pub indeterminate: u64,
}

impl Sums {
    fn count(&mut self, finding: &Finding) {
        let waived = || finding.waiver.as_ref().is_some_and(|w| w.state == WaiverState::InForce);
        match finding.outcome {
            Outcome::Satisfied => self.satisfied += 1,
            Outcome::NotSatisfied if waived() => self.waived += 1,
            Outcome::NotSatisfied => self.open += 1,
            Outcome::NotApplicable(_) => self.not_applicable += 1,
            Outcome::Indeterminate(_) => self.indeterminate += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.satisfied += other.satisfied;
        self.open += other.open;
        self.waived += other.waived;
        self.not_applicable += other.not_applicable;
        self.indeterminate += other.indeterminate;
    }

    /// Not satisfied, waived or not.
    pub const fn not_satisfied(&self) -> u64 {
        self.open + self.waived
    }

    /// All of them.
    pub const fn all(&self) -> u64 {
        self.satisfied + self.not_satisfied() + self.not_applicable + self.indeterminate
    }
}

/// The sums of a clause's findings that contribute to the same controls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClauseSums {
    /// The clause.
    pub clause: ClauseId,
    /// What its findings contribute to.
    pub controls: Arc<[ControlRef]>,
    /// How they were judged.
    pub sums: Sums,
}

/// A service's last assessment, without what is settled.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The service.
    pub service: ServiceId,
    /// The name in its declaration; a label.
    pub name: String,
    /// Whether a `dna.yaml` declares it.
    pub declared: bool,
    /// The revision that was looked at.
    pub revision: Oid,
    /// Digest of everything that was wanted.
    pub desired: Digest,
    /// Digest of the bytes of the governing `dna.yaml`, if there is one.
    pub dna: Option<Digest>,
    /// Digest of each framework that took part, by `id@date`.
    pub frameworks: BTreeMap<String, Digest>,
    /// Digest of the probe set that looked.
    pub probe_set: Digest,
    /// What was to be looked at in the service's scope.
    pub population: Population,
    /// The next instant at which the same inputs would be judged otherwise, if any.
    pub valid_until: Option<Timestamp>,
    /// Sums by clause, sorted.
    pub clauses: Vec<ClauseSums>,
    /// Findings that are not satisfied or indeterminate, in the assessment's order.
    pub unsettled: Vec<Finding>,
    /// The first eight bytes of the id of every finding, sorted: enough to know where to read on.
    marks: Box<[u64]>,
}

impl Standing {
    /// What is held of an assessment.
    pub fn of(assessment: &Assessment) -> Self {
        let mut by: BTreeMap<(&ClauseId, &[ControlRef]), ClauseSums> = BTreeMap::new();
        for finding in &assessment.findings {
            let sums = by.entry((&finding.clause, &finding.controls)).or_insert_with(|| ClauseSums {
                clause: finding.clause.clone(),
                controls: Arc::clone(&finding.controls),
                sums: Sums::default(),
            });
            sums.sums.count(finding);
        }
        let unsettled = assessment.findings.iter().filter(|f| is_unsettled(&f.outcome)).map(|finding| {
            let mut finding = finding.clone();
            // Findings that were read back have lists of their own.
            if let Some(known) = by.get(&(&finding.clause, &*finding.controls)) {
                finding.controls = Arc::clone(&known.controls);
            }
            finding
        });
        let unsettled = unsettled.collect();
        let mut marks: Vec<u64> = assessment.findings.iter().map(|f| mark(&f.id)).collect();
        marks.sort_unstable();
        Self {
            service: assessment.service.clone(),
            name: assessment.name.clone(),
            declared: assessment.declared,
            revision: assessment.revision,
            desired: assessment.desired,
            dna: assessment.dna,
            frameworks: assessment.frameworks.clone(),
            probe_set: assessment.probe_set,
            population: assessment.population.clone(),
            valid_until: assessment.valid_until,
            clauses: by.into_values().collect(),
            unsettled,
            marks: marks.into_boxed_slice(),
        }
    }

    /// The sums over all clauses.
    pub fn sums(&self) -> Sums {
        let mut all = Sums::default();
        self.clauses.iter().for_each(|c| all.add(&c.sums));
        all
    }

    /// Findings that somebody has to act on.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.unsettled.iter().filter(|f| f.is_open())
    }

    /// The finding of that id, if it is not settled.
    pub fn unsettled(&self, id: &FindingId) -> Option<&Finding> {
        self.unsettled.iter().find(|f| f.id == *id)
    }

    /// Whether the assessment has a finding of that id. Of two ids of which one is asked for and the other is there, one in
    /// 2^64 is taken for the other.
    pub fn has(&self, id: &FindingId) -> bool {
        self.marks.binary_search(&mark(id)).is_ok()
    }

    /// The marks of the findings whose ids begin with these hex digits; only the first sixteen digits count.
    pub fn marks(&self, prefix: &str) -> &[u64] {
        let Some((first, last)) = range(prefix) else { return &[] };
        let from = self.marks.partition_point(|m| *m < first);
        let to = self.marks.partition_point(|m| *m <= last);
        &self.marks[from..to]
    }
}

/// Whether something may still have to be done about it.
fn is_unsettled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NotSatisfied | Outcome::Indeterminate(_))
}

/// The first eight bytes of an id, as a number that sorts as its hex digits do.
pub fn mark(id: &FindingId) -> u64 {
    id.0.as_bytes().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The marks that begin with these hex digits; nothing where they are none.
fn range(prefix: &str) -> Option<(u64, u64)> {
    let digits: String = prefix.chars().take(16).collect();
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if digits.is_empty() || !prefix.chars().all(hex) {
        return None;
    }
    let open = 64 - 4 * digits.len() as u32;
    let first = u64::from_str_radix(&digits, 16).ok()?.checked_shl(open).unwrap_or(0);
    Some((first, first | 1u64.checked_shl(open).map_or(u64::MAX, |n| n - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::{RepositoryId, Severity, Subject, WaiverNote};

    fn finding(n: u32, outcome: Outcome, control: &str, waived: bool) -> Finding {
        let repository = RepositoryId { forge: "local".to_owned(), stable: "r".to_owned() };
        let service = ServiceId { repository, folder: String::new() };
        let clause = ClauseId::parse("authn-endpoints/guarded").expect("it is a clause");
        let identity = vec![("n".to_owned(), n.to_string())];
        let waiver = WaiverNote {
            state: WaiverState::InForce,
            kind: "risk-accepted".to_owned(),
            reason: String::new(),
            expires: "2027-01-01".to_owned(),
            approved_by: Vec::new(),
        };
        Finding {
            id: FindingId::new(&service, &clause, &identity, 0),
            service,
            clause,
            clause_version: 1,
            subject: Subject { kind: "endpoint".to_owned(), symbol: n.to_string(), identity, ordinal: 0 },
            outcome,
            message: String::new(),
            severity: Severity::High,
            place: None,
            controls: [ControlRef { framework: "soc2".to_owned(), control: control.to_owned() }].into(),
            cites: Vec::new(),
            waiver: waived.then_some(waiver),
            remedy: None,
        }
    }

    #[test]
    fn what_is_settled_is_counted_and_known_and_what_is_not_is_held() {
        let outcomes = |n: u32| match n % 4 {
            0 => Outcome::Satisfied,
            1 => Outcome::NotSatisfied,
            2 => Outcome::NotApplicable("r".to_owned()),
            _ => Outcome::Indeterminate("r".to_owned()),
        };
        let findings: Vec<Finding> =
            (0..40).map(|n| finding(n, outcomes(n), if n < 20 { "CC6.1" } else { "CC6.6" }, n == 1)).collect();
        let digest = Digest::of(b"d");
        let assessment = Assessment {
            service: findings[0].service.clone(),
            name: "s".to_owned(),
            declared: true,
            revision: "0".repeat(40).parse().expect("it is an id"),
            desired: digest,
            dna: None,
            frameworks: BTreeMap::new(),
            probe_set: digest,
            findings,
            population: Population {
                files: digest,
                files_total: 0,
                by_class: BTreeMap::new(),
                skipped: Vec::new(),
                incomplete: None,
            },
            valid_until: None,
        };
        let standing = Standing::of(&assessment);
        let expected = Sums { satisfied: 10, open: 9, waived: 1, not_applicable: 10, indeterminate: 10 };
        assert_eq!((standing.sums(), standing.sums().all(), standing.clauses.len()), (expected, 40, 2));
        assert_eq!((standing.unsettled.len(), standing.open().count()), (20, 9));
        for finding in &assessment.findings {
            assert!(standing.has(&finding.id));
            let held = matches!(finding.outcome, Outcome::NotSatisfied | Outcome::Indeterminate(_));
            assert_eq!(standing.unsettled(&finding.id), held.then_some(finding));
            let id = finding.id.to_string();
            assert!(
                standing.marks(&id[..6]).contains(&mark(&finding.id)) && standing.marks(&id) == [mark(&finding.id)]
            );
        }
        assert!(!standing.has(&finding(99, Outcome::Satisfied, "CC6.1", false).id));
    }

    #[test]
    fn a_prefix_is_a_range_of_marks() {
        assert_eq!(range("0"), Some((0, 0x0fff_ffff_ffff_ffff)));
        assert_eq!(range("ff"), Some((0xff00_0000_0000_0000, u64::MAX)));
        assert_eq!(range("0123456789abcdef"), Some((0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef)));
        assert_eq!(range("0123456789abcdef01"), range("0123456789abcdef"));
        assert_eq!((range(""), range("FF"), range("xyz")), (None, None, None));
    }
}
