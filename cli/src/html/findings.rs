//! Findings by service: what is not satisfied, each exactly once with its place and what stands behind it; then what could not
//! be decided or was not looked at. What is satisfied is counted by clause. Next: `rest.rs`.

use super::tally::Answer;
use super::text::escaped;
use super::{Page, counted, moment, rows};
use ligase_proto::v1::{ChangesetRow, FindingRow, ServiceStatus};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Digits of a finding's id that are shown; the link has all of them.
const DIGITS: usize = 12;

/// The section.
pub fn section(out: &mut String, page: &Page) {
    out.push_str("<h2 id=\"findings\">Findings by service</h2>\n");
    let mut by: BTreeMap<&str, Vec<&FindingRow>> = page.services.iter().map(|s| (s.id.as_str(), Vec::new())).collect();
    for finding in &page.findings {
        by.entry(&finding.service).or_default().push(finding);
    }
    if by.is_empty() {
        out.push_str("<p>No service was judged.</p>\n");
    }
    for (id, mut findings) in by {
        findings.sort_by(|a, b| (&a.clause, &a.path, a.line, &a.id).cmp(&(&b.clause, &b.path, b.line, &b.id)));
        service(out, page, id, &findings);
    }
}

fn service(out: &mut String, page: &Page, id: &str, findings: &[&FindingRow]) {
    let _ = writeln!(out, "<h3>{}</h3>", escaped(page.name(id)));
    if let Some(status) = page.services.iter().find(|s| s.id == id) {
        identity(out, status);
    }
    let of =
        |wanted: &[Answer]| findings.iter().copied().filter(|f| wanted.contains(&Answer::of(f))).collect::<Vec<_>>();
    let broken = of(&[Answer::Open, Answer::Waived]);
    if broken.is_empty() {
        out.push_str("<p>Nothing is known not to be satisfied.</p>\n");
    }
    broken.iter().for_each(|f| one(out, page, f));
    let unclear = of(&[Answer::Indeterminate, Answer::NotLookedAt]);
    if !unclear.is_empty() {
        let _ = writeln!(out, "<h4>Not decided: {}</h4>", counted(unclear.len(), "finding"));
        undecided(out, &unclear);
    }
    let rest = of(&[Answer::Satisfied, Answer::NotApplicable]);
    if !rest.is_empty() {
        out.push_str("<h4>Satisfied and not applicable, by clause</h4>\n");
        let mut by: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for finding in rest {
            by.entry(&finding.clause).or_default()[usize::from(finding.outcome != "satisfied")] += 1;
        }
        let list: Vec<Vec<String>> = by
            .iter()
            .map(|(c, n)| vec![format!("<code>{}</code>", escaped(c)), n[0].to_string(), n[1].to_string()])
            .collect();
        rows(out, &["clause", "satisfied", "not applicable"], &list);
    }
}

fn identity(out: &mut String, status: &ServiceStatus) {
    let declared = if status.declared {
        "declared in its repository or by the organisation".to_owned()
    } else {
        format!("without a declaration since {}", moment(&status.undeclared_since))
    };
    let revision = status.revision.get(..DIGITS).unwrap_or(&status.revision);
    let _ = writeln!(
        out,
        "<p class=\"soft\"><code>{}</code> at revision <code>{}</code>; {declared}.</p>",
        escaped(&status.id),
        escaped(revision)
    );
}

fn one(out: &mut String, page: &Page, f: &FindingRow) {
    let waived = if Answer::of(f) == Answer::Waived { " is-waived" } else { "" };
    let _ = write!(
        out,
        "<article class=\"finding{waived}\" id=\"f-{}\">\n<h5>{} <span class=\"soft\">{}</span></h5>\n<p>{}</p>\n<dl>",
        escaped(&f.id),
        escaped(&f.symbol),
        escaped(&f.clause),
        escaped(&f.message)
    );
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
        }
    };
    row("Where", place(f));
    row("Severity", escaped(&f.severity));
    row("Stands in", stands(page, f));
    row("Contributes to", f.controls.iter().map(|c| escaped(c)).collect::<Vec<_>>().join(", "));
    row("First seen", if f.first_seen.is_empty() { String::new() } else { moment(&f.first_seen) });
    row("Note", escaped(&f.note));
    row("Finding", format!("<code>{}</code>", escaped(f.id.get(..DIGITS).unwrap_or(&f.id))));
    out.push_str("</dl>\n</article>\n");
}

fn place(f: &FindingRow) -> String {
    match (f.path.as_str(), f.line) {
        ("", _) => "the service as a whole".to_owned(),
        (path, 0) => format!("<code>{}</code>", escaped(path)),
        (path, line) => format!("<code>{}:{line}</code>", escaped(path)),
    }
}

fn stands(page: &Page, f: &FindingRow) -> String {
    let with = |word: &str| {
        let reason = if f.place_reason.is_empty() { String::new() } else { format!(": {}", escaped(&f.place_reason)) };
        let detail = if f.place_detail.is_empty() || f.place_detail == f.place_reason {
            String::new()
        } else {
            format!(" <span class=\"soft\">({})</span>", escaped(&f.place_detail))
        };
        format!("{word}{reason}{detail}")
    };
    match f.place.as_str() {
        "changeset" => {
            let found: Option<&ChangesetRow> =
                page.changesets.changesets.iter().rev().find(|c| c.findings.contains(&f.id));
            match found {
                Some(c) => {
                    format!("pull request <a href=\"#c-{}\">{}</a>, {}", escaped(&c.id), number(c), escaped(&c.state))
                }
                None => with("a pull request"),
            }
        }
        "waiver" => "a waiver that is approved and has not expired".to_owned(),
        "abstained" => with("abstained"),
        _ => with("waiting"),
    }
}

/// What people call a pull request.
pub fn number(c: &ChangesetRow) -> String {
    if c.number == 0 { "not published yet".to_owned() } else { format!("#{}", c.number) }
}

fn undecided(out: &mut String, findings: &[&FindingRow]) {
    out.push_str(
        "<div class=\"wide\"><table class=\"rows\"><thead><tr><th scope=\"col\">clause</th><th scope=\"col\">subject</th>\
         <th scope=\"col\">where</th><th scope=\"col\">why</th></tr></thead><tbody>\n",
    );
    for f in findings {
        let answer = Answer::of(f);
        let _ = writeln!(
            out,
            "<tr id=\"f-{}\"><td data-of=\"clause\"><code>{}</code></td><td data-of=\"subject\">{}</td><td data-of=\"where\">{}</td>\
             <td data-of=\"why\"><span class=\"badge {}\">{} {}</span> {}</td></tr>",
            escaped(&f.id),
            escaped(&f.clause),
            escaped(&f.symbol),
            place(f),
            answer.class(),
            answer.sign(),
            answer.words(),
            escaped(&f.reason)
        );
    }
    out.push_str("</tbody></table></div>\n");
}
