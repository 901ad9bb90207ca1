//! What a remedy task is judged by: the very bytes that the coordinator judged by, read back into declarations.

use ligase_domain::{Digest, FailureReason, Oid, RepositoryId, Timestamp};
use ligase_inspect::{Declared, Inspector};
use ligase_policy::{Approval, Approvals, Organisation, OwnerFact};
use ligase_proto::{convert, v1};
use prost::Message as _;

/// Reads what the coordinator stored.
pub(crate) fn declared(
    bytes: &[u8],
    inspector: &Inspector,
    repository: RepositoryId,
    revision: Oid,
) -> Result<(Declared, Timestamp), (FailureReason, String)> {
    let malformed = |what: String| (FailureReason::Malformed, what);
    let stored = v1::Declarations::decode(bytes).map_err(|e| malformed(e.to_string()))?;
    let files: Vec<(&str, &[u8])> = stored.files.iter().map(|f| (f.path.as_str(), f.bytes.as_slice())).collect();
    let organisation = Organisation::read(&stored.policy_name, &stored.policy, &files, inspector.catalog());
    let organisation = organisation.map_err(|e| malformed(e.first().map(ToString::to_string).unwrap_or_default()))?;
    let mut declared = Declared::of_tree(repository, revision);
    declared.organisation = Some(organisation);
    for fact in &stored.approvals {
        let dna: Digest = convert::digest("approvals.dna", &fact.dna).map_err(|e| malformed(e.to_string()))?;
        let covers =
            fact.covers.iter().map(|r| Approval { by: r.by.clone(), recorded: Timestamp(r.recorded) }).collect();
        declared.approvals.insert(dna, Approvals { covers, authors: fact.authors.clone(), ..Approvals::default() });
    }
    for owner in &stored.owners {
        let fact = match owner.fact.as_str() {
            "resolved" => OwnerFact::Resolved,
            "missing" => OwnerFact::Missing,
            "unknown" => OwnerFact::Unknown,
            other => return Err(malformed(format!("unknown owner fact {other:?}"))),
        };
        declared.owners.insert(owner.folder.clone(), fact);
    }
    Ok((declared, Timestamp(stored.judged_at)))
}
