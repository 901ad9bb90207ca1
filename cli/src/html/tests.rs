//! A small organisation as a page: hostile names stay text, sums add up, and the same state gives the same bytes.

use super::*;
use ligase_proto::v1::{
    ChangesetRow, ClauseText, ControlText, Counted, ReportCascade, ReportFramework, ReportPopulation,
    RepositoryProblem, SkippedRow,
};

const HOSTILE: &str = "<script>alert(1)</script>\" onload='x'\u{202e}";

fn finding(id: &str, service: &str, outcome: &str, place: &str) -> FindingRow {
    FindingRow {
        id: id.to_owned(),
        service: service.to_owned(),
        service_name: HOSTILE.to_owned(),
        clause: "authn-endpoints/guarded".to_owned(),
        outcome: outcome.to_owned(),
        symbol: format!("GET /{HOSTILE}"),
        path: format!("src/{HOSTILE}.py"),
        line: 7,
        message: HOSTILE.to_owned(),
        controls: vec!["soc2 CC6.1".to_owned(), "soc2 CC6.6".to_owned()],
        place: place.to_owned(),
        place_reason: HOSTILE.to_owned(),
        place_detail: HOSTILE.to_owned(),
        waiver: if place == "waiver" { "in-force".to_owned() } else { String::new() },
        reason: if outcome == "indeterminate" { "file-too-large".to_owned() } else { String::new() },
        note: HOSTILE.to_owned(),
        ..Default::default()
    }
}

fn control(id: &str, clause: &str) -> ControlText {
    let clauses =
        if clause.is_empty() { Vec::new() } else { vec![ClauseText { clause: clause.to_owned(), modelled: true }] };
    ControlText { id: id.to_owned(), title: HOSTILE.to_owned(), clauses }
}

fn small() -> Page {
    let service =
        |id: &str| ServiceStatus { id: id.to_owned(), name: HOSTILE.to_owned(), declared: true, ..Default::default() };
    let changeset = ChangesetRow {
        id: "ab12".to_owned(),
        service: "local:a".to_owned(),
        state: "open".to_owned(),
        state_detail: HOSTILE.to_owned(),
        title: HOSTILE.to_owned(),
        draft: HOSTILE.to_owned(),
        effect_note: HOSTILE.to_owned(),
        findings: vec!["f1".to_owned()],
        number: 3,
        ..Default::default()
    };
    let refused = ligase_proto::v1::RefusedRow { detail: HOSTILE.to_owned(), ..Default::default() };
    let framework = ReportFramework {
        id: "soc2".to_owned(),
        title: HOSTILE.to_owned(),
        as_of: "2026-11-22".to_owned(),
        controls: vec![
            control("CC6.1", "authn-endpoints/guarded"),
            control("CC6.6", "authn-endpoints/guarded"),
            control("CC9", ""),
        ],
        services: vec!["local:a".to_owned(), "local:b".to_owned()],
    };
    let population = ReportPopulation {
        service_name: HOSTILE.to_owned(),
        files_total: 4,
        skipped_by: vec![Counted { name: "too-large".to_owned(), count: 1 }],
        skipped: vec![SkippedRow { path: HOSTILE.to_owned(), reason: "too-large".to_owned() }],
        ..Default::default()
    };
    Page {
        overview: OverviewAnswer {
            organisation: HOSTILE.to_owned(),
            at: "2026-11-22T10:11:12.000Z".to_owned(),
            frameworks: vec![framework],
            cascades: vec![ReportCascade {
                name: HOSTILE.to_owned(),
                services: vec!["local:a".to_owned()],
                conditional: true,
                ..Default::default()
            }],
            populations: vec![population],
            unreachable: vec![RepositoryProblem {
                repository: HOSTILE.to_owned(),
                detail: HOSTILE.to_owned(),
                ..Default::default()
            }],
            ..Default::default()
        },
        services: vec![service("local:a"), service("local:b")],
        findings: vec![
            finding("f1", "local:a", "not-satisfied", "changeset"),
            finding("f2", "local:a", "not-satisfied", "waiver"),
            finding("f3", "local:a", "not-satisfied", "abstained"),
            finding("f4", "local:b", "not-satisfied", "waiting"),
            finding("f5", "local:b", "indeterminate", "none"),
            finding("f6", "local:b", "satisfied", "none"),
            finding("f7", "local:gone", "not-satisfied", "waiting"),
        ],
        changesets: ChangesetsAnswer { changesets: vec![changeset], refused: vec![refused] },
    }
}

#[test]
fn hostile_names_stay_text_and_nothing_is_loaded_or_run() {
    let page = small().render();
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains("onload='"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39;\\u{202e}"));
    for outside in ["http://", "https://", "url(", "@import", "<link", "<img", "<iframe", "style=\"", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let hash = style_hash(STYLE);
    assert!(page.contains(&format!("default-src 'none'; style-src {hash};")) && !page.contains("unsafe-inline"));
    assert!(page.contains(&format!("<style>{STYLE}</style>")), "the style sheet is the one that the hash is of");
}

#[test]
fn each_finding_that_is_not_satisfied_stands_there_once_and_every_link_leads_somewhere() {
    let made = small();
    let page = made.render();
    for finding in &made.findings {
        let stands = page.matches(&format!("id=\"f-{}\"", finding.id)).count();
        assert_eq!(stands, usize::from(finding.outcome != "satisfied"), "{}", finding.id);
    }
    let broken = made.findings.iter().filter(|f| f.outcome == "not-satisfied").count();
    assert_eq!(page.matches("<article class=\"finding").count(), broken);
    assert!(page.contains(
        "Of 5 findings that are not satisfied, 1 stand in a pull request, 1 are waived, 1 were abstained from and 2 wait."
    ));
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert_eq!(page.matches(&format!("id=\"{target}\"")).count(), 1, "#{target}");
    }
}

#[test]
fn a_cell_counts_by_kind_and_what_nothing_looks_at_is_named() {
    let page = small().render();
    for title in ["2 not satisfied", "1 waived", "1 not looked at", "1 satisfied"] {
        assert_eq!(
            page.matches(&format!("title=\"{title}\"")).count(),
            if title == "1 not satisfied" { 0 } else { 2 },
            "{title}"
        );
    }
    assert!(page.contains("1 control that nothing in the catalog looks at") && page.contains("<code>CC9</code>"));
    assert!(page.contains("Skipped files: 1 of 1 named"));
}

#[test]
fn the_same_state_gives_the_same_bytes_in_any_order_of_findings_of_a_service() {
    let (one, mut other) = (small(), small());
    assert_eq!(one.render(), other.render());
    other.findings.reverse();
    let sections = |page: &str| {
        page.split("<h2 id=\"findings\">").nth(1).unwrap().split("<h2 id=\"standing\">").next().unwrap().to_owned()
    };
    assert_eq!(sections(&one.render()), sections(&other.render()));
}

#[test]
fn an_empty_state_is_said_in_words() {
    let nothing = Page {
        overview: OverviewAnswer::default(),
        services: vec![],
        findings: vec![],
        changesets: ChangesetsAnswer::default(),
    };
    let page = nothing.render();
    for words in [
        "No framework is adopted",
        "The policy has no cascade",
        "None was opened",
        "No service was judged",
        "before any sweep",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.to_lowercase().contains("compliant") && !small().render().to_lowercase().contains("compliant"));
}
