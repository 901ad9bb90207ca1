//! Each control stands in exactly one place, and the price is what the findings say.

use super::*;
use ligase_proto::v1::ClauseText;

fn finding(id: &str, control: &str, outcome: &str, effect: &str, path: &str) -> FindingRow {
    FindingRow {
        id: id.to_owned(),
        service: "intake".to_owned(),
        clause: "enc-at-rest/storage".to_owned(),
        outcome: outcome.to_owned(),
        reason: if outcome == "indeterminate" { "setting-not-resolved".to_owned() } else { String::new() },
        effect: effect.to_owned(),
        path: path.to_owned(),
        controls: vec![format!("hipaa {control}"), "soc2 CC6.1".to_owned()],
        ..Default::default()
    }
}

fn asked(id: &str, modelled: bool, satisfied: u64) -> AssessedControl {
    let clauses = vec![ClauseText { clause: "enc-at-rest/storage".to_owned(), modelled }];
    AssessedControl { id: id.to_owned(), clauses, satisfied, ..Default::default() }
}

#[test]
fn every_control_stands_in_one_place_and_the_worst_decides() {
    let waived = FindingRow { waiver: "in-force".to_owned(), ..finding("w", "d", "not-satisfied", "in-place", "w.tf") };
    let expired = FindingRow { waiver: "expired".to_owned(), ..finding("e", "a", "not-satisfied", "", "e.tf") };
    let nothing = AssessedControl { id: "g".to_owned(), ..Default::default() };
    let judged = AssessedFramework {
        id: "hipaa".to_owned(),
        controls: vec![
            asked("a", true, 3),
            asked("b", true, 2),
            asked("c", true, 1),
            asked("d", true, 1),
            asked("e", true, 0),
            asked("f", false, 0),
            nothing,
        ],
        findings: vec![
            finding("1", "a", "not-satisfied", "in-place", "main.tf"),
            finding("2", "a", "not-satisfied", "forces-replacement", "main.tf"),
            finding("3", "a", "indeterminate", "", "other.tf"),
            finding("4", "b", "indeterminate", "", "other.tf"),
            waived,
            expired,
        ],
        ..Default::default()
    };
    let assessment = Assessment::of(judged);
    let standings: Vec<_> = assessment.controls.iter().map(|c| (c.id.as_str(), c.standing.name())).collect();
    assert_eq!(
        standings,
        [
            ("a", "needs-change"),
            ("b", "indeterminate"),
            ("c", "served"),
            ("d", "waived"),
            ("e", "not-applicable"),
            ("f", "needs-person"),
            ("g", "needs-person")
        ]
    );
    assert_eq!(Standing::ALL.iter().map(|s| assessment.count(*s)).sum::<usize>(), assessment.controls.len());
    let a = &assessment.controls[0];
    assert_eq!((a.open.as_slice(), a.without_remedy), (["1", "2", "e"].map(str::to_owned).as_slice(), 1));
    assert_eq!(a.remedies, BTreeMap::from([("forces-replacement".to_owned(), 1), ("in-place".to_owned(), 1)]));
    let price = &assessment.price;
    assert_eq!((price.findings, price.pull_requests, price.without_remedy, price.files_to_read), (3, 1, 1, 2));
    assert_eq!(assessment.to_json()["controls_by"]["needs-person"], 2);
}
