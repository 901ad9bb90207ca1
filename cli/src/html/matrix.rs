//! The coverage matrix: controls of frameworks by services, with how many findings of each kind contribute. A cell opens to
//! links to its findings, without a script. Next: `tally.rs`.

use super::tally::{Answer, Tally, cells};
use super::text::escaped;
use super::{Page, counted};
use ligase_proto::v1::{ControlText, OverviewAnswer};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Columns of one table; more services make more tables, which a page and a sheet of paper can hold.
const COLUMNS: usize = 6;

type Cells<'a> = BTreeMap<(&'a str, &'a str), Tally<'a>>;

/// The section.
pub fn section(out: &mut String, page: &Page) {
    out.push_str("<h2 id=\"coverage\">Coverage</h2>\n<p>Controls that something in the catalog contributes to, by service. \
                  A finding that contributes to several controls stands in several cells. Open a cell for its findings.</p>\n<div class=\"legend\">");
    for answer in Answer::ALL {
        badge(out, answer, None);
    }
    out.push_str("</div>\n");
    let OverviewAnswer { frameworks, .. } = &page.overview;
    if frameworks.is_empty() {
        out.push_str("<p>No framework is adopted.</p>\n");
    }
    let cells = cells(&page.findings);
    for framework in frameworks {
        let _ = write!(
            out,
            "<h3>{}</h3>\n<p class=\"soft\">As of {}; asked of {}.</p>\n",
            escaped(&framework.title),
            escaped(&framework.as_of),
            counted(framework.services.len(), "service")
        );
        let (seen, unseen): (Vec<_>, Vec<_>) =
            framework.controls.iter().partition(|c| c.clauses.iter().any(|c| c.modelled));
        for services in framework.services.chunks(COLUMNS) {
            table(out, page, &framework.id, services, &seen, &cells);
        }
        if !unseen.is_empty() {
            let what = if unseen.len() == 1 { "control" } else { "controls" };
            let _ = write!(
                out,
                "<details><summary>{} {what} that nothing in the catalog looks at</summary>\n<ul>",
                unseen.len()
            );
            for control in unseen {
                let _ = write!(out, "<li><code>{}</code> {}</li>", escaped(&control.id), escaped(&control.title));
            }
            out.push_str("</ul></details>\n");
        }
    }
}

fn table(
    out: &mut String,
    page: &Page,
    framework: &str,
    services: &[String],
    controls: &[&ControlText],
    cells: &Cells<'_>,
) {
    out.push_str("<div class=\"wide\"><table class=\"matrix\"><thead><tr><th scope=\"col\">Control</th>");
    for service in services {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(page.name(service)));
    }
    out.push_str("</tr></thead><tbody>\n");
    for control in controls {
        let _ = write!(
            out,
            "<tr><th scope=\"row\"><code>{}</code><br>{}</th>",
            escaped(&control.id),
            escaped(&control.title)
        );
        let key = format!("{framework} {}", control.id);
        for service in services {
            out.push_str("<td>");
            match cells.get(&(service.as_str(), key.as_str())) {
                Some(tally) => cell(out, tally),
                None => out.push_str("<span class=\"none\" title=\"not asked of this service\">·</span>"),
            }
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn cell(out: &mut String, tally: &Tally<'_>) {
    let listed: Vec<_> = tally
        .iter()
        .filter(|(a, _)| !matches!(a, Answer::Satisfied | Answer::NotApplicable))
        .flat_map(|(a, f)| f.iter().map(move |f| (a, f)))
        .collect();
    let badges = |out: &mut String| tally.iter().for_each(|(answer, found)| badge(out, *answer, Some(found.len())));
    if listed.is_empty() {
        return badges(out);
    }
    out.push_str("<details class=\"cell\"><summary>");
    badges(out);
    out.push_str("</summary><ul>");
    for (answer, finding) in listed {
        let _ = write!(
            out,
            "<li><a href=\"#f-{}\">{} {}</a></li>",
            escaped(&finding.id),
            answer.sign(),
            escaped(&finding.symbol)
        );
    }
    out.push_str("</ul></details>");
}

fn badge(out: &mut String, answer: Answer, count: Option<usize>) {
    let (class, sign, words) = (answer.class(), answer.sign(), answer.words());
    let _ = match count {
        Some(count) => write!(out, "<span class=\"badge {class}\" title=\"{count} {words}\">{sign} {count}</span>"),
        None => write!(out, "<span class=\"badge {class}\">{sign} {words}</span>"),
    };
}
