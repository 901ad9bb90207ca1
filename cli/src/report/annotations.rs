//! `check` as workflow commands: GitHub Actions shows each beside the line that it is about.
//!
//! What is open is an error, what could not be decided and what is waived a notice. Texts come from a repository, so all that
//! could end a command or begin another is escaped.

use crate::report::{Report, sentence};
use crate::rows::path_of;
use ligase_domain::{Finding, Outcome};

/// One command a line.
pub fn lines(report: &Report<'_>) -> Vec<String> {
    let mut out: Vec<String> = report
        .inspection
        .problems
        .iter()
        .map(|p| {
            let place =
                format!("file={},line={},col={},title={}", property(&p.file), p.line, p.column, property(&p.code));
            let help = [&p.expected, &p.nearest, &p.remedy].into_iter().filter(|t| !t.is_empty());
            let said = help.fold(p.problem.clone(), |said, more| format!("{said}; {more}"));
            format!("::error {place}::{}", data(&said))
        })
        .collect();
    out.extend(report.told().into_iter().map(|(finding, _)| line(finding)));
    if let Some(reason) = &report.inspection.population.incomplete {
        out.push(format!("::error title=not looked at whole::{}", data(reason)));
    }
    out
}

fn line(finding: &Finding) -> String {
    let level = if finding.is_open() { "error" } else { "notice" };
    let mut properties = Vec::new();
    if let Some(path) = path_of(finding) {
        properties.push(format!("file={}", property(&path)));
    }
    if let Some(place) = &finding.place {
        properties.push(format!("line={},endLine={}", place.span.line, place.span.end_line));
    }
    let outcome =
        if finding.outcome == Outcome::NotSatisfied { String::new() } else { format!(" {}", finding.outcome.name()) };
    properties.push(format!("title={}", property(&format!("{}{outcome}", finding.clause))));
    format!("::{level} {}::{}", properties.join(","), data(&sentence(finding)))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_a_command_or_a_property() {
        assert_eq!(data("50%\n::error::x\r"), "50%25%0A::error::x%0D");
        assert_eq!(property("a,b:c\n%3A"), "a%2Cb%3Ac%0A%253A");
    }
}
