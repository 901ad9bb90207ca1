//! `check` as JUnit XML: a suite for each service, a test case for each finding. What is open is a failure; what is waived,
//! undecided or not applicable was skipped, with its reason; a declaration that does not read is an error.

use crate::report::{Report, Since, sentence};
use crate::rows::path_of;
use ligase_domain::{Finding, Outcome};
use std::fmt::Write as _;

/// The document.
pub fn document(report: &Report<'_>) -> String {
    let told = report.told();
    let mut body = String::new();
    let (mut tests, mut failed, mut skipped) = (0, 0, 0);
    for service in &report.inspection.services {
        let folder = &service.assessment.service.folder;
        // A test report lists what holds too, where there is no base to measure by.
        let all = report.inspection.findings().map(|f| (f, Since::Unasked));
        let list: Vec<&Finding> = match report.difference {
            None => all.map(|(f, _)| f).filter(|f| f.service.folder == *folder).collect(),
            Some(_) => told.iter().map(|(f, _)| *f).filter(|f| f.service.folder == *folder).collect(),
        };
        let failures = list.iter().filter(|f| f.is_open()).count();
        let passed = list.iter().filter(|f| f.outcome == Outcome::Satisfied).count();
        let skips = list.len() - failures - passed;
        let _ = writeln!(
            body,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skips}\">",
            escaped(&service.assessment.name),
            list.len()
        );
        list.iter().for_each(|f| case(&mut body, f));
        body.push_str("  </testsuite>\n");
        (tests, failed, skipped) = (tests + list.len(), failed + failures, skipped + skips);
    }
    let errors = unreadable(report, &mut body);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ligase\" tests=\"{}\" failures=\"{failed}\" \
         errors=\"{errors}\" skipped=\"{skipped}\">\n{body}</testsuites>\n",
        tests + errors
    )
}

fn case(out: &mut String, finding: &Finding) {
    let place = match (path_of(finding), &finding.place) {
        (Some(path), Some(place)) => format!(" file=\"{}\" line=\"{}\"", escaped(&path), place.span.line),
        (Some(path), None) => format!(" file=\"{}\"", escaped(&path)),
        _ => String::new(),
    };
    let (class, name) = (escaped(&finding.clause.to_string()), escaped(&finding.subject.symbol));
    let said = escaped(&sentence(finding));
    let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\"{place}");
    let _ = match &finding.outcome {
        Outcome::Satisfied => writeln!(out, "/>"),
        Outcome::NotSatisfied if finding.is_open() => {
            let controls: Vec<String> =
                finding.controls.iter().map(|c| format!("{} {}", c.framework, c.control)).collect();
            let more = format!(
                "{}\nseverity: {}\ncontrols: {}",
                sentence(finding),
                finding.severity.name(),
                controls.join(", ")
            );
            let kind = finding.severity.name();
            writeln!(out, "><failure type=\"{kind}\" message=\"{said}\">{}</failure></testcase>", escaped(&more))
        }
        Outcome::NotSatisfied => writeln!(out, "><skipped message=\"waived: {said}\"/></testcase>"),
        other => writeln!(out, "><skipped message=\"{}: {said}\"/></testcase>", other.name()),
    };
}

fn unreadable(report: &Report<'_>, out: &mut String) -> usize {
    let mut errors: Vec<(String, String)> = report
        .inspection
        .problems
        .iter()
        .map(|p| (format!("{}:{}:{}", p.file, p.line, p.column), format!("{}: {}", p.code, p.problem)))
        .collect();
    if let Some(reason) = &report.inspection.population.incomplete {
        errors.push(("population".to_owned(), format!("not looked at whole: {reason}")));
    }
    if errors.is_empty() {
        return 0;
    }
    let count = errors.len();
    let _ = writeln!(
        out,
        "  <testsuite name=\"what could not be read\" tests=\"{count}\" failures=\"0\" errors=\"{count}\" skipped=\"0\">"
    );
    for (place, said) in &errors {
        let (place, said) = (escaped(place), escaped(said));
        let _ = writeln!(
            out,
            "    <testcase classname=\"declaration\" name=\"{place}\"><error message=\"{said}\"/></testcase>"
        );
    }
    out.push_str("  </testsuite>\n");
    count
}

/// Text for XML 1.0, in which most control characters cannot stand at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_text_stays_inside_its_attribute() {
        assert_eq!(escaped("a\"b<c>&\u{1}\n"), "a&quot;b&lt;c&gt;&amp;\u{fffd}&#10;");
    }
}
