//! The stored form of findings: one by one, and as the list of a clause within an assessment's tree.
//!
//! No date and no worker: the same inputs give the same bytes. Read `assessment.rs` next.

use crate::RecordError;
use crate::canonical::write;
use crate::fields::Fields;
use crate::node::{Node, Object, place_value, service_value};
use crate::stored::Stored;
use ligase_domain::{ClauseId, ControlRef, Finding, FindingId, Outcome, Severity, Subject, WaiverNote, WaiverState};

impl Stored for Finding {
    const TYPE: &'static str = "ligase.finding";

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        finding_object(self)
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        read_finding(fields)
    }
}

/// The findings of one clause of one assessment, in order.
pub(crate) struct FindingList {
    pub(crate) clause: ClauseId,
    pub(crate) findings: Vec<Finding>,
}

impl Stored for FindingList {
    const TYPE: &'static str = "ligase.findings";
    /// 100,000 findings of 600 bytes each.
    const MAX_BYTES: usize = 64 << 20;

    fn fields(&self) -> Result<Object<'_>, RecordError> {
        list_object(&self.clause, self.findings.iter())
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, RecordError> {
        Ok(Self { clause: fields.clause("clause")?, findings: fields.each("findings", read_finding)? })
    }
}

/// The bytes of a clause's findings, in this order, without a copy of them.
pub(crate) fn encode_list(clause: &ClauseId, findings: &[&Finding]) -> Result<Vec<u8>, RecordError> {
    let object = list_object(clause, findings.iter().copied())?;
    let object = object.with("type", FindingList::TYPE).with("version", FindingList::VERSION);
    write(object, FindingList::TYPE, FindingList::MAX_BYTES)
}

fn list_object<'a>(clause: &ClauseId, findings: impl Iterator<Item = &'a Finding>) -> Result<Object<'a>, RecordError> {
    let findings = findings.map(|f| finding_object(f).map(Node::from)).collect::<Result<Vec<_>, _>>()?;
    Ok(Object::new().with("clause", clause_text(clause)?).with("findings", findings))
}

/// A clause's text, refused when it would be read back as another clause.
pub(crate) fn clause_text(clause: &ClauseId) -> Result<String, RecordError> {
    let text = clause.to_string();
    if ClauseId::parse(&text).as_ref() == Some(clause) {
        Ok(text)
    } else {
        Err(RecordError::new(crate::error::FIELD, Finding::TYPE, "clause", "constraint/clause", text))
    }
}

fn finding_object(finding: &Finding) -> Result<Object<'_>, RecordError> {
    Ok(Object::new()
        .with("id", finding.id.to_string())
        .with("service", service_value(&finding.service))
        .with("clause", clause_text(&finding.clause)?)
        .with("clauseVersion", i64::from(finding.clause_version))
        .with("subject", subject_value(&finding.subject))
        .with("outcome", finding.outcome.name())
        .with_some("reason", finding.outcome.reason())
        .with("message", finding.message.as_str())
        .with("severity", finding.severity.name())
        .with_some("place", finding.place.as_ref().map(place_value))
        .with_each("controls", &finding.controls, |control| {
            Object::new().with("framework", control.framework.as_str()).with("control", control.control.as_str())
        })
        .with_each("cites", &finding.cites, ToString::to_string)
        .with_some("waiver", finding.waiver.as_ref().map(waiver_value))
        .with_some("remedy", finding.remedy.as_deref()))
}

fn read_finding(fields: &mut Fields<'_>) -> Result<Finding, RecordError> {
    Ok(Finding {
        id: FindingId(fields.digest("id")?),
        service: fields.service("service")?,
        clause: fields.clause("clause")?,
        clause_version: fields.int("clauseVersion")?,
        subject: read_subject(&mut fields.object("subject")?)?,
        outcome: read_outcome(fields)?,
        message: fields.text("message")?,
        severity: fields.word("severity", "low, medium, high or critical", severity_of)?,
        place: fields.optional("place", Fields::place)?,
        controls: fields
            .each("controls", |control| {
                Ok(ControlRef { framework: control.text("framework")?, control: control.text("control")? })
            })?
            .into(),
        cites: fields.digest_list("cites")?,
        waiver: fields.optional("waiver", |fields, name| read_waiver(&mut fields.object(name)?))?,
        remedy: fields.optional("remedy", Fields::text)?,
    })
}

fn subject_value(subject: &Subject) -> Object<'_> {
    Object::new()
        .with("kind", subject.kind.as_str())
        .with("symbol", subject.symbol.as_str())
        .with_each("identity", &subject.identity, |(name, value)| {
            Object::new().with("name", name.as_str()).with("value", value.as_str())
        })
        .with("ordinal", i64::from(subject.ordinal))
}

fn read_subject(fields: &mut Fields<'_>) -> Result<Subject, RecordError> {
    Ok(Subject {
        kind: fields.text("kind")?,
        symbol: fields.text("symbol")?,
        identity: fields.each("identity", |pair| Ok((pair.text("name")?, pair.text("value")?)))?,
        ordinal: fields.int("ordinal")?,
    })
}

fn read_outcome(fields: &mut Fields<'_>) -> Result<Outcome, RecordError> {
    let outcome = fields.text("outcome")?;
    let reason = fields.optional("reason", Fields::text)?;
    match (outcome.as_str(), reason) {
        ("satisfied", None) => Ok(Outcome::Satisfied),
        ("not-satisfied", None) => Ok(Outcome::NotSatisfied),
        ("not-applicable", Some(reason)) => Ok(Outcome::NotApplicable(reason)),
        ("indeterminate", Some(reason)) => Ok(Outcome::Indeterminate(reason)),
        (_, reason) => {
            let expected = "satisfied, not-satisfied, or with a reason not-applicable, indeterminate";
            let found = if reason.is_some() { format!("{outcome} with a reason") } else { outcome };
            Err(fields.refuse("outcome", expected, found))
        }
    }
}

fn severity_of(name: &str) -> Option<Severity> {
    [Severity::Low, Severity::Medium, Severity::High, Severity::Critical].into_iter().find(|s| s.name() == name)
}

fn waiver_value(waiver: &WaiverNote) -> Object<'_> {
    Object::new()
        .with("state", waiver.state.name())
        .with("kind", waiver.kind.as_str())
        .with("reason", waiver.reason.as_str())
        .with("expires", waiver.expires.as_str())
        .with_each("approvedBy", &waiver.approved_by, String::as_str)
}

fn read_waiver(fields: &mut Fields<'_>) -> Result<WaiverNote, RecordError> {
    let state = |name: &str| {
        [WaiverState::InForce, WaiverState::Unapproved, WaiverState::Expired].into_iter().find(|s| s.name() == name)
    };
    Ok(WaiverNote {
        state: fields.word("state", "in-force, unapproved or expired", state)?,
        kind: fields.text("kind")?,
        reason: fields.text("reason")?,
        expires: fields.text("expires")?,
        approved_by: fields.texts("approvedBy")?,
    })
}
