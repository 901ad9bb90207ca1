//! The words of a pull request: small and specific. What is required and why, where, what the patch does, how it was
//! verified, how to say no. Everything that comes from a repository is quoted, so that it cannot format or command.

use ligase_domain::{EffectClass, Finding, GateCheck, GateReport, GateVerdict, IntentKey, Patch};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Findings that are listed one by one; the rest is counted.
const LISTED_MAX: usize = 20;

/// What a pull request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// The commit's message, with the trailer that carries the intent.
    pub commit: String,
    /// Why it is a draft, if it is.
    pub draft: Option<String>,
}

/// What a clause is about, in the catalog's words.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The constraint's statement.
    pub statement: &'a str,
    /// Why it is required.
    pub rationale: &'a str,
}

/// Writes the message of an intent's pull request.
pub fn write(
    intent: &IntentKey,
    about: About<'_>,
    findings: &[&Finding],
    patch: &Patch,
    report: &GateReport,
) -> Message {
    let draft = draft(patch, report);
    let title = title(intent, findings);
    let mut body = String::new();
    let out = &mut body;
    section(out, "What is required", &format!("{}\n\n{}", about.statement.trim(), about.rationale.trim()));
    let controls: BTreeSet<String> =
        findings.iter().flat_map(|f| f.controls.iter()).map(|c| format!("{} {}", c.framework, c.control)).collect();
    if !controls.is_empty() {
        let list = controls.iter().map(|c| format!("`{}`", quoted(c))).collect::<Vec<_>>().join(", ");
        section(out, "Controls that it contributes to", &list);
    }
    section(out, "Where", &places(findings));
    section(out, "What this changes", &changes(patch));
    section(out, "How it was checked", &checks(report));
    section(
        out,
        "How to say no",
        "Close this pull request: Ligase records it as your decision and does not propose it again. Or add a waiver to \
         `dna.yaml`. A commit of yours on this branch makes the branch yours: Ligase writes to it no more.",
    );
    let _ = writeln!(out, "<!-- ligase:intent {} -->", intent.id());
    let commit = format!(
        "{title}\n\n{}\n\nLigase-Intent: {}\nLigase-Patch: {}\n",
        about.statement.trim(),
        intent.id(),
        patch.digest()
    );
    Message { title, body, commit, draft }
}

fn title(intent: &IntentKey, findings: &[&Finding]) -> String {
    let what = match findings {
        [one] => quoted(&one.subject.symbol),
        many => format!("{} places", many.len()),
    };
    let whole = format!("{}: {what}", intent.clause);
    if whole.chars().count() > 100 { format!("{}…", whole.chars().take(99).collect::<String>()) } else { whole }
}

/// Why it may not be opened as ready: its effect reaches beyond the text, or nobody has run the repository's own tests.
fn draft(patch: &Patch, report: &GateReport) -> Option<String> {
    if !patch.effect.class.may_be_ready() {
        return Some(format!("applying it {}", beyond(patch.effect.class)));
    }
    report.checks.iter().find_map(|c| match &c.verdict {
        GateVerdict::Unverified(reason) => Some(format!("{} is unverified ({reason})", c.check.name())),
        GateVerdict::Passed | GateVerdict::Refused(_) => None,
    })
}

fn beyond(class: EffectClass) -> &'static str {
    match class {
        EffectClass::NeedsMigration => "needs a migration of stored data",
        EffectClass::ForcesReplacement => "replaces a resource",
        EffectClass::NeedsRotation => "needs a rotation of a credential",
        EffectClass::InPlace | EffectClass::Behaviour => "changes behaviour",
    }
}

fn section(out: &mut String, heading: &str, text: &str) {
    let _ = writeln!(out, "### {heading}\n\n{text}\n");
}

fn places(findings: &[&Finding]) -> String {
    let mut out = String::new();
    for finding in findings.iter().take(LISTED_MAX) {
        let place = finding.place.as_ref().map(|p| format!(" in `{}:{}`", quoted(&p.path.to_string()), p.span.line));
        let _ = writeln!(
            out,
            "- `{}`{}: {}",
            quoted(&finding.subject.symbol),
            place.unwrap_or_default(),
            quoted(&finding.message)
        );
    }
    if findings.len() > LISTED_MAX {
        let _ = writeln!(out, "- and {} more", findings.len() - LISTED_MAX);
    }
    out
}

fn changes(patch: &Patch) -> String {
    let files =
        patch.changes.iter().map(|c| format!("`{}`", quoted(&c.path.to_string()))).collect::<Vec<_>>().join(", ");
    let notes: String = patch.effect.note.lines().take(LISTED_MAX).map(|n| format!("\n- {}", quoted(n))).collect();
    format!("{files}. Effect: **{}**. Made by {}.{notes}", patch.effect.class.name(), patch.remedies.join(", "))
}

fn checks(report: &GateReport) -> String {
    let mut out = String::new();
    for check in &report.checks {
        let said = match &check.verdict {
            GateVerdict::Passed if check.check == GateCheck::Verify => "no worse".to_owned(),
            GateVerdict::Passed => "passed".to_owned(),
            GateVerdict::Refused(seen) => format!("refused: {}", quoted(seen)),
            GateVerdict::Unverified(reason) => format!("**unverified** ({})", quoted(reason)),
        };
        let ran = if check.check == GateCheck::Verify { report.verified() } else { None };
        let said = ran.map_or(said.clone(), |ran| format!("{said}: {}", quoted(&ran)));
        let _ = writeln!(out, "- {}: {said}", check.check.name());
    }
    out.push_str("- looked at again by another identity than the one that made it: agrees\n");
    out
}

/// Text from a repository, so that it stays text: no markup, no mention, no line break, bounded.
fn quoted(text: &str) -> String {
    let safe = text.chars().map(|c| match c {
        '`' => '\'',
        '@' => '＠',
        '<' => '‹',
        '>' => '›',
        c if c.is_control() => ' ',
        c => c,
    });
    safe.take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_repository_cannot_mention_format_or_close_a_marker() {
        let hostile = "`x` @security <!-- ligase:intent 00 -->\n# heading";
        let text = quoted(hostile);
        assert!(!text.contains(['`', '@', '<', '>', '\n']), "{text}");
    }
}
