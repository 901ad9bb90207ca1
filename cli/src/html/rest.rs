//! The other sections: cascades, pull requests, what was abstained from and what waits, and what was not looked at.
//! Next: `html.rs`.

use super::findings::number;
use super::tally::{Answer, was_not_looked_at};
use super::text::escaped;
use super::{Page, counted, rows};
use ligase_proto::v1::{ChangesetRow, FindingRow, OverviewAnswer, ReportCascade, ReportPopulation};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Which cascade adopted what, in which mode, and how far it is.
pub fn cascades(out: &mut String, page: &Page) {
    out.push_str("<h2 id=\"cascades\">Cascades</h2>\n<p>Changes of what is wanted of the whole organisation, and how far each is: \
                  the findings of the clauses that it brings, in the services that it reaches.</p>\n");
    if page.overview.cascades.is_empty() {
        out.push_str("<p>The policy has no cascade.</p>\n");
        return;
    }
    let row = |c: &ReportCascade| {
        let adopts: Vec<String> = c.frameworks.iter().chain(&c.constraints).map(|a| escaped(a)).collect();
        let mut reached: Vec<String> = c.services.iter().map(|s| escaped(page.name(s))).collect();
        reached.sort();
        let of = format!("{} of {}", reached.len(), counted(page.services.len(), "service"));
        let reach = if c.conditional { format!("{of}: {}", reached.join(", ")) } else { of };
        let far = [
            (c.satisfied, Answer::Satisfied),
            (c.open, Answer::Open),
            (c.waived, Answer::Waived),
            (c.indeterminate, Answer::Indeterminate),
        ];
        let far = far.iter().filter(|(n, _)| *n > 0).map(|(n, a)| {
            format!(
                "<span class=\"badge {}\">{} {n} {}</span>",
                a.class(),
                a.sign(),
                if *a == Answer::Indeterminate { "not decided" } else { a.words() }
            )
        });
        vec![
            format!("<b>{}</b>", escaped(&c.name)),
            adopts.join(", "),
            format!("{}, {}", escaped(&c.mode), escaped(&c.enforcement)),
            reach,
            far.collect::<String>(),
        ]
    };
    let list: Vec<_> = page.overview.cascades.iter().map(row).collect();
    rows(out, &["cascade", "adopts", "mode", "reaches", "how far"], &list);
}

/// Pull requests with state, effect and readiness, and what the gate refused.
pub fn changesets(out: &mut String, page: &Page) {
    out.push_str("<h2 id=\"pulls\">Pull requests</h2>\n");
    let list = &page.changesets.changesets;
    if list.is_empty() {
        out.push_str("<p>None was opened.</p>\n");
    } else {
        let _ = writeln!(
            out,
            "<p>{} ever made. Each passed its gate before anybody saw it.</p>",
            counted(list.len(), "changeset")
        );
        let mut list: Vec<&ChangesetRow> = list.iter().collect();
        list.sort_by(|a, b| {
            (&a.service_name, &a.service, a.number, &a.id).cmp(&(&b.service_name, &b.service, b.number, &b.id))
        });
        list.iter().for_each(|c| one(out, page, c));
    }
    let refused = &page.changesets.refused;
    if !refused.is_empty() {
        let _ = writeln!(
            out,
            "<h3>Refused by the gate</h3>\n<p>{} that nobody was shown.</p>",
            counted(refused.len(), "candidate")
        );
        let list: Vec<Vec<String>> = refused
            .iter()
            .map(|r| {
                let clause = format!("<code>{}</code>", escaped(&r.clause));
                vec![escaped(page.name(&r.service)), clause, escaped(&r.reason), escaped(&r.detail)]
            })
            .collect();
        rows(out, &["service", "clause", "reason", "what was seen"], &list);
    }
}

fn one(out: &mut String, page: &Page, c: &ChangesetRow) {
    let state = [c.state.as_str(), c.state_detail.as_str()]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    let readiness =
        if c.draft.is_empty() { "ready for review".to_owned() } else { format!("draft: {}", escaped(&c.draft)) };
    let effect = [c.effect.as_str(), c.effect_note.as_str()]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    // Each finding has its line in the note.
    let effect = effect.trim_end().replace('\n', "; ");
    let mut verdicts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in &c.gate {
        let detail = if line.detail.is_empty() { String::new() } else { format!(" ({})", line.detail) };
        verdicts.entry(&line.verdict).or_default().push(format!("{}{detail}", line.check));
    }
    let verdict = |(verdict, checks): (&&str, &Vec<String>)| {
        let passed = *verdict == "passed";
        let of = counted(checks.len(), "check");
        if passed { format!("{of} passed") } else { format!("{}: {}", escaped(verdict), escaped(&checks.join(", "))) }
    };
    let gate = verdicts.iter().map(verdict).collect::<Vec<_>>().join("; ");
    let known: BTreeSet<&str> = page
        .findings
        .iter()
        .filter(|f| f.outcome != "satisfied" && f.outcome != "not-applicable")
        .map(|f| f.id.as_str())
        .collect();
    let link = |id: &String| {
        let short = escaped(id.get(..12).unwrap_or(id));
        if known.contains(id.as_str()) {
            format!("<a href=\"#f-{}\"><code>{short}</code></a>", escaped(id))
        } else {
            format!("<code>{short}</code>")
        }
    };
    let by = if c.simulated { " <span class=\"soft\">(a demonstration acted in a person's stead)</span>" } else { "" };
    let _ = write!(
        out,
        "<article class=\"pull\" id=\"c-{}\">\n<h5>{} {} <span class=\"soft\">{}</span></h5>\n<dl>",
        escaped(&c.id),
        escaped(&c.service_name),
        number(c),
        escaped(&c.title)
    );
    let findings = c.findings.iter().map(link).collect::<Vec<_>>().join(" ");
    let state = format!("{}{by}", escaped(&state));
    for (name, value) in [
        ("State", state),
        ("Readiness", readiness),
        ("Effect", escaped(&effect)),
        ("Gate", gate),
        ("Findings", findings),
    ] {
        let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
    }
    out.push_str("</dl>\n</article>\n");
}

/// What no pull request was made for, by reason.
pub fn standing(out: &mut String, page: &Page) {
    out.push_str("<h2 id=\"standing\">Abstained and waiting</h2>\n");
    let mut by: BTreeMap<(&str, &str), Vec<&FindingRow>> = BTreeMap::new();
    for finding in page.findings.iter().filter(|f| matches!(f.place.as_str(), "abstained" | "waiting")) {
        by.entry((&finding.place, &finding.place_reason)).or_default().push(finding);
    }
    if by.is_empty() {
        out.push_str("<p>Nothing: whatever is not satisfied stands in a pull request or is waived.</p>\n");
        return;
    }
    out.push_str("<p>Where Ligase was not sure of a change it made none and says why; what waits is taken up within the budgets.</p>\n");
    let row = |((place, reason), found): (&(&str, &str), &Vec<&FindingRow>)| {
        let link = |f: &&FindingRow| format!("<a href=\"#f-{}\">{}</a>", escaped(&f.id), escaped(&f.symbol));
        let links = found.iter().map(link).collect::<Vec<_>>().join(", ");
        vec![escaped(place), escaped(reason), found.len().to_string(), links]
    };
    let list: Vec<_> = by.iter().map(row).collect();
    rows(out, &["stands", "why", "findings", "which"], &list);
}

/// What was not looked at, and what was looked at and not decided.
pub fn not_looked_at(out: &mut String, page: &Page) {
    out.push_str("<h2 id=\"unseen\">What was not looked at</h2>\n<p>Never looked at, in no organisation: the live cloud, people, vendors \
                  and paper; code that no repository of the sources has; the history of a repository before the revision that is named.</p>\n");
    let OverviewAnswer { unreachable, populations, .. } = &page.overview;
    out.push_str("<h3>Repositories</h3>\n");
    if unreachable.is_empty() {
        out.push_str("<p>Every repository of the sources could be looked at.</p>\n");
    } else {
        let list: Vec<Vec<String>> =
            unreachable.iter().map(|r| vec![escaped(&r.repository), escaped(&r.reason), escaped(&r.detail)]).collect();
        rows(out, &["repository", "reason", "what was seen"], &list);
    }
    out.push_str("<h3>Files</h3>\n<p>Only files of origin <i>source</i> are judged: tests, examples, generated and vendored code are not. \
                  A file in a language that no probe reads shows nothing.</p>\n");
    rows(
        out,
        &["service", "files of its repository", "by language and origin", "skipped, by reason"],
        &populations.iter().map(population).collect::<Vec<_>>(),
    );
    skipped(out, populations);
    out.push_str("<h3>By reason</h3>\n");
    let mut by: BTreeMap<(bool, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut counts: BTreeMap<(bool, &str, &str), usize> = BTreeMap::new();
    for f in page.findings.iter().filter(|f| f.outcome == "indeterminate") {
        let key = (!was_not_looked_at(&f.reason), f.reason.as_str(), f.clause.as_str());
        by.entry(key).or_default().insert(page.name(&f.service));
        *counts.entry(key).or_default() += 1;
    }
    if by.is_empty() {
        out.push_str("<p>Everything that was asked was decided.</p>\n");
        return;
    }
    let row = |(key, services): (&(bool, &str, &str), &BTreeSet<&str>)| {
        let answer = if key.0 { Answer::Indeterminate } else { Answer::NotLookedAt };
        vec![
            format!("<span class=\"badge {}\">{} {}</span>", answer.class(), answer.sign(), answer.words()),
            escaped(key.1),
            format!("<code>{}</code>", escaped(key.2)),
            counts.get(key).copied().unwrap_or_default().to_string(),
            services.iter().map(|s| escaped(s)).collect::<Vec<_>>().join(", "),
        ]
    };
    let list: Vec<_> = by.iter().map(row).collect();
    rows(out, &["kind", "reason", "clause", "findings", "services"], &list);
}

fn population(p: &ReportPopulation) -> Vec<String> {
    let classes: Vec<String> = p.by_class.iter().map(|c| format!("{} {}", c.count, escaped(&c.name))).collect();
    let mut skipped: Vec<String> = p.skipped_by.iter().map(|c| format!("{} {}", c.count, escaped(&c.name))).collect();
    if !p.incomplete.is_empty() {
        skipped.push(format!("the revision as a whole: {}", escaped(&p.incomplete)));
    }
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    vec![escaped(&p.service_name), p.files_total.to_string(), or_none(classes.join(", ")), or_none(skipped.join(", "))]
}

fn skipped(out: &mut String, populations: &[ReportPopulation]) {
    let named: Vec<Vec<String>> = populations
        .iter()
        .flat_map(|p| {
            p.skipped.iter().map(move |s| {
                vec![escaped(&p.service_name), format!("<code>{}</code>", escaped(&s.path)), escaped(&s.reason)]
            })
        })
        .collect();
    if named.is_empty() {
        return;
    }
    let all: u64 = populations.iter().flat_map(|p| &p.skipped_by).map(|c| c.count).sum();
    let _ = writeln!(out, "<h4>Skipped files: {} of {all} named</h4>", named.len());
    rows(out, &["service", "file", "reason"], &named);
}
