//! An assessment as an in-toto Statement about a commit and a DNA, with its findings as a tree of objects by clause.
//!
//! The statement names each clause's findings by digest: when one clause is judged otherwise, that clause's object and
//! the statement are new, the rest is stored already. It holds neither clock nor worker nor predecessor.
//! Refuses to sign: that is the business of `evidence`. Read `patch.rs` next.

use crate::RecordError;
use crate::canonical::{read, write};
use crate::error::{FIELD, OBJECT, TYPE};
use crate::fields::Fields;
use crate::finding::{FindingList, clause_text, encode_list};
use crate::node::{Node, Object, count, digests, service_value};
use crate::observation_set::{population_value, read_population};
use crate::stored::{Kept, check_header, decode, fetched};
use ligase_domain::{Assessment, ClauseId, Digest, Finding, Oid, Population, ServiceId, Timestamp, Value};
use std::collections::BTreeMap;

/// The type of in-toto statements.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of an assessment's predicate.
pub const ASSESSMENT_PREDICATE: &str = "https://ligase.dev/assessment/v1";

/// An assessment as bytes: the findings' objects go into the store first, then the statement that names them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedAssessment {
    /// The statement.
    pub statement: Vec<u8>,
    /// The findings of each clause, in order of clauses.
    pub objects: Vec<Vec<u8>>,
}

/// The findings of a clause, as the statement names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FindingsRef {
    /// The object that holds them.
    pub object: Digest,
    /// How many there are.
    pub count: u64,
}

/// What the statement itself says, without its findings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AssessmentStatement {
    /// The service.
    pub service: ServiceId,
    /// The name in its declaration.
    pub name: String,
    /// Whether a `dna.yaml` declares it.
    pub declared: bool,
    /// The commit that it is about.
    pub revision: Oid,
    /// Digest of everything that was wanted.
    pub desired: Digest,
    /// Digest of the governing `dna.yaml`'s bytes.
    pub dna: Option<Digest>,
    /// Digest of each framework, as `id@date`.
    pub frameworks: BTreeMap<String, Digest>,
    /// Digest of the probe set.
    pub probe_set: Digest,
    /// What was to be looked at.
    pub population: Population,
    /// The findings of each clause.
    pub findings: BTreeMap<ClauseId, FindingsRef>,
    /// The next instant at which the same inputs would be judged otherwise.
    pub valid_until: Option<Timestamp>,
}

/// The statement and the objects of an assessment. Findings are put in the order of (clause, subject, id).
pub fn encode_assessment(assessment: &Assessment) -> Result<EncodedAssessment, RecordError> {
    let mut by_clause: BTreeMap<&ClauseId, Vec<&Finding>> = BTreeMap::new();
    for finding in &assessment.findings {
        if finding.service != assessment.service {
            let expected = assessment.service.to_string();
            return Err(RecordError::new(FIELD, TYPE_NAME, "findings.service", expected, finding.service.to_string()));
        }
        by_clause.entry(&finding.clause).or_default().push(finding);
    }
    let (mut refs, mut objects) = (BTreeMap::new(), Vec::new());
    for (clause, mut findings) in by_clause {
        findings.sort_by(|a, b| (&a.subject, a.id).cmp(&(&b.subject, b.id)));
        let bytes = encode_list(clause, &findings)?;
        refs.insert(clause.clone(), FindingsRef { object: Digest::of(&bytes), count: findings.len() as u64 });
        objects.push(bytes);
    }
    let statement = AssessmentStatement {
        service: assessment.service.clone(),
        name: assessment.name.clone(),
        declared: assessment.declared,
        revision: assessment.revision,
        desired: assessment.desired,
        dna: assessment.dna,
        frameworks: assessment.frameworks.clone(),
        probe_set: assessment.probe_set,
        population: assessment.population.clone(),
        findings: refs,
        valid_until: assessment.valid_until,
    };
    Ok(EncodedAssessment { statement: encode_statement(&statement, &BTreeMap::new())?, objects })
}

/// The assessment of a statement, with its findings read by `fetch`.
pub fn decode_assessment(
    statement: &[u8],
    fetch: &mut dyn FnMut(&Digest) -> Option<Vec<u8>>,
) -> Result<Assessment, RecordError> {
    let statement = decode_statement(statement)?.record;
    let mut findings = Vec::new();
    for (clause, named) in &statement.findings {
        let field = format!("predicate.findings.{clause}");
        let bytes = fetched(TYPE_NAME, &field, &named.object, fetch)?;
        let list: FindingList = decode(&bytes)?;
        let ours = |f: &Finding| f.clause == *clause && f.service == statement.service;
        if list.clause != *clause || list.findings.len() as u64 != named.count || !list.findings.iter().all(ours) {
            let expected = format!("{} findings of {clause} for {}", named.count, statement.service);
            let found = format!("{} findings of {}", list.findings.len(), list.clause);
            return Err(RecordError::new(OBJECT, TYPE_NAME, field, expected, found));
        }
        findings.extend(list.findings);
    }
    Ok(Assessment {
        service: statement.service,
        name: statement.name,
        declared: statement.declared,
        revision: statement.revision,
        desired: statement.desired,
        dna: statement.dna,
        frameworks: statement.frameworks,
        probe_set: statement.probe_set,
        findings,
        population: statement.population,
        valid_until: statement.valid_until,
    })
}

const TYPE_NAME: &str = "ligase.assessment";
const PREDICATE_VERSION: i64 = 1;
/// 100,000 skipped files of 300 bytes each.
const MAX_STATEMENT_BYTES: usize = 32 << 20;
const DNA_SUBJECT: &str = "dna.yaml";

/// The statement's bytes, with unknown fields of its predicate.
pub fn encode_statement(
    statement: &AssessmentStatement,
    extra: &BTreeMap<String, Value>,
) -> Result<Vec<u8>, RecordError> {
    let predicate = predicate_object(statement)?.with("type", TYPE_NAME).with("version", PREDICATE_VERSION);
    let subject = |name: String, algorithm: &'static str, digest: String| {
        Node::from(Object::new().with("name", name).with("digest", Object::new().with(algorithm, digest)))
    };
    let mut subjects =
        vec![subject(statement.service.repository.to_string(), "gitCommit", statement.revision.to_string())];
    subjects.extend(statement.dna.map(|dna| subject(DNA_SUBJECT.to_owned(), "sha256", dna.to_string())));
    let whole = Object::new()
        .with("_type", STATEMENT_TYPE)
        .with("subject", subjects)
        .with("predicateType", ASSESSMENT_PREDICATE)
        .with("predicate", predicate.with_extra(extra));
    write(whole, TYPE_NAME, MAX_STATEMENT_BYTES)
}

/// What a statement says, with unknown fields of its predicate; the findings stay where they are.
pub fn decode_statement(bytes: &[u8]) -> Result<Kept<AssessmentStatement>, RecordError> {
    let mut whole = Fields::new(TYPE_NAME, read(bytes, TYPE_NAME, MAX_STATEMENT_BYTES)?)?;
    for (field, expected) in [("_type", STATEMENT_TYPE), ("predicateType", ASSESSMENT_PREDICATE)] {
        let found = whole.text(field)?;
        if found != expected {
            return Err(RecordError::new(TYPE, TYPE_NAME, field, expected, found));
        }
    }
    let (repository, revision, dna) = read_subjects(&mut whole)?;
    let mut predicate = whole.object("predicate")?;
    check_header(&mut predicate, TYPE_NAME, PREDICATE_VERSION)?;
    let record = read_predicate(&mut predicate, revision, dna)?;
    let ours = record.service.repository.to_string();
    if repository != ours {
        return Err(whole.refuse("subject[0].name", ours, repository));
    }
    Ok(Kept { record, extra: predicate.rest() })
}

/// The repository's name, the commit, and the DNA's digest if there is one.
fn read_subjects(whole: &mut Fields<'_>) -> Result<(String, Oid, Option<Digest>), RecordError> {
    let subjects = whole.each("subject", |subject| {
        let (name, mut digest) = (subject.text("name")?, subject.object("digest")?);
        if name == DNA_SUBJECT {
            Ok((name, None, Some(digest.digest("sha256")?)))
        } else {
            Ok((name, Some(digest.oid("gitCommit")?), None))
        }
    })?;
    match subjects.as_slice() {
        [(name, Some(commit), None)] => Ok((name.clone(), *commit, None)),
        [(name, Some(commit), None), (_, None, Some(dna))] => Ok((name.clone(), *commit, Some(*dna))),
        _ => {
            let expected = "a repository with its gitCommit, then dna.yaml with its sha256 if there is one";
            Err(whole.refuse("subject", expected, format!("{} others", subjects.len())))
        }
    }
}

/// The predicate. Commit and DNA are the statement's subjects, and stand nowhere else.
fn predicate_object(statement: &AssessmentStatement) -> Result<Object<'_>, RecordError> {
    let findings = statement
        .findings
        .iter()
        .map(|(clause, named)| {
            let named = Object::new().with("object", named.object.to_string()).with("count", count(named.count));
            Ok((clause_text(clause)?.into(), named.into()))
        })
        .collect::<Result<Vec<_>, RecordError>>()?;
    Ok(Object::new()
        .with("service", service_value(&statement.service))
        .with("name", statement.name.as_str())
        .with("declared", statement.declared)
        .with("desired", statement.desired.to_string())
        .with("frameworks", digests(&statement.frameworks))
        .with("probeSet", statement.probe_set.to_string())
        .with("population", population_value(&statement.population))
        .with("findings", Object(findings))
        .with_some("validUntil", statement.valid_until.map(|at| at.0)))
}

fn read_predicate(
    fields: &mut Fields<'_>,
    revision: Oid,
    dna: Option<Digest>,
) -> Result<AssessmentStatement, RecordError> {
    let findings = fields
        .each_named("findings", |named| {
            Ok(FindingsRef { object: named.digest("object")?, count: named.int("count")? })
        })?
        .into_iter()
        .map(|(clause, named)| {
            let known = ClauseId::parse(&clause);
            Ok((known.ok_or_else(|| fields.refuse("findings", "constraint/clause", clause))?, named))
        })
        .collect::<Result<_, RecordError>>()?;
    Ok(AssessmentStatement {
        service: fields.service("service")?,
        name: fields.text("name")?,
        declared: fields.bool("declared")?,
        revision,
        desired: fields.digest("desired")?,
        dna,
        frameworks: fields.digest_map("frameworks")?,
        probe_set: fields.digest("probeSet")?,
        population: read_population(&mut fields.object("population")?)?,
        findings,
        valid_until: fields.optional("validUntil", Fields::int)?.map(Timestamp),
    })
}
