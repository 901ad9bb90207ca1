//! `ligase report --html`: the organisation's state as one static page, a pure function of the API's answers. It asks nobody,
//! reads no clock, runs no script and loads nothing; the same answers give the same bytes.
//!
//! The page never says that anybody complies with a framework: a finding contributes to a control, and what was not looked
//! at stands there too. All texts of repositories go through `text.rs`. Next: `html/findings.rs`, `html/matrix.rs`.

mod findings;
mod matrix;
mod rest;
mod tally;
mod text;

use ligase_proto::v1::{ChangesetsAnswer, FindingRow, OverviewAnswer, ServiceStatus};
use std::fmt::Write as _;
use tally::{Answer, count};
use text::{escaped, style_hash};

const STYLE: &str = include_str!("html/style.css");

/// Everything that the page is made of.
pub struct Page {
    /// Frameworks, cascades, populations.
    pub overview: OverviewAnswer,
    /// The services.
    pub services: Vec<ServiceStatus>,
    /// Findings of every outcome.
    pub findings: Vec<FindingRow>,
    /// Pull requests, and candidates that were refused.
    pub changesets: ChangesetsAnswer,
}

impl Page {
    /// A service's name in words; its id where nothing names it.
    fn name<'a>(&'a self, service: &'a str) -> &'a str {
        self.services.iter().find(|s| s.id == service).map_or(service, |s| s.name.as_str())
    }

    /// The page.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(64 * 1024);
        head(&mut out, &self.overview);
        self.summary(&mut out);
        matrix::section(&mut out, self);
        rest::cascades(&mut out, self);
        rest::changesets(&mut out, self);
        findings::section(&mut out, self);
        rest::standing(&mut out, self);
        rest::not_looked_at(&mut out, self);
        foot(&mut out, &self.overview);
        out
    }

    fn summary(&self, out: &mut String) {
        let by =
            |place: &str| self.findings.iter().filter(|f| f.outcome == "not-satisfied" && f.place == place).count();
        let tiles = [
            (self.services.len(), "services"),
            (count(&self.findings, Answer::Open), "not satisfied"),
            (count(&self.findings, Answer::Waived), "waived"),
            (count(&self.findings, Answer::Indeterminate), "indeterminate"),
            (count(&self.findings, Answer::NotLookedAt), "not looked at"),
            (count(&self.findings, Answer::Satisfied), "satisfied"),
            (self.changesets.changesets.iter().filter(|c| c.state == "open").count(), "open pull requests"),
        ];
        out.push_str("<ul class=\"tiles\">");
        for (n, what) in tiles {
            let _ = write!(out, "<li><b>{n}</b><span>{what}</span></li>");
        }
        out.push_str("</ul>\n");
        let total = self.findings.iter().filter(|f| f.outcome == "not-satisfied").count();
        let _ = writeln!(
            out,
            "<p>Of {total} findings that are not satisfied, {} stand in a pull request, {} are waived, {} were abstained from \
             and {} wait. Each stands in exactly one of these places and once in the list below.</p>",
            by("changeset"),
            by("waiver"),
            by("abstained"),
            by("waiting"),
        );
    }
}

fn head(out: &mut String, overview: &OverviewAnswer) {
    let name = if overview.organisation.is_empty() { "An organisation" } else { &overview.organisation };
    let (name, hash) = (escaped(name), style_hash(STYLE));
    let swept = if overview.at.is_empty() { "before any sweep".to_owned() } else { moment(&overview.at) };
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {hash}; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{name}: what services honour</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"eyebrow\">Ligase report</p>\n<h1>{name}</h1>\n<p class=\"soft\">As of the sweep that ended {swept}.</p>\n\
         <nav aria-label=\"Sections\"><a href=\"#coverage\">Coverage</a><a href=\"#cascades\">Cascades</a><a href=\"#pulls\">Pull requests</a>\
         <a href=\"#findings\">Findings</a><a href=\"#standing\">Abstained and waiting</a><a href=\"#unseen\">Not looked at</a></nav>\n</header>\n<main>\n"
    );
    out.push_str(
        "<p class=\"note\">This page says what was seen in source repositories and how it was judged. A link between a clause and a \
         control means that the clause contributes to the control; it never proves it, and no number here is a statement that a \
         framework is met. What could not be decided and what was not looked at is shown, and is never counted as satisfied.</p>\n",
    );
}

fn foot(out: &mut String, overview: &OverviewAnswer) {
    let _ = write!(
        out,
        "</main>\n<footer><p>Judged by catalog <code>{}</code>. <code>ligase explain ID</code> walks from each finding to the bytes \
         that it was judged from.</p></footer>\n</body>\n</html>\n",
        escaped(&overview.catalog)
    );
}

/// `2026-11-22T22:19:29.123Z` as people read it; what is none as it is.
fn moment(rfc3339: &str) -> String {
    let parts = rfc3339.split_once('T').and_then(|(day, time)| Some((day, time.get(..5)?)));
    parts.map_or_else(|| escaped(rfc3339), |(day, time)| escaped(&format!("{day} {time} UTC")))
}

/// A number with its noun.
fn counted(count: usize, one: &str) -> String {
    crate::output::counted(count as u64, one)
}

/// A table of rows that become blocks on a narrow screen: header, and rows of cells that are HTML already.
fn rows(out: &mut String, header: &[&str], rows: &[Vec<String>]) {
    out.push_str("<div class=\"wide\"><table class=\"rows\"><thead><tr>");
    for name in header {
        let _ = write!(out, "<th scope=\"col\">{name}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (cell, name) in row.iter().zip(header) {
            let _ = write!(out, "<td data-of=\"{name}\">{cell}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

#[cfg(test)]
mod tests;
