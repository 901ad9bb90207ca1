//! Everything else that reads what a stranger wrote: declarations, patches, what test runners print, edits of any text, the
//! frames of our children, stored records.

use crate::looking::{set, split};
use ligase_catalog::shipped;
use ligase_domain::{EntryKind, GateVerdict, Origin, RepoPath};
use ligase_lookout::wire;
use ligase_policy::{Catalog, ChangedFile, Dna, Organisation, PatchRules, structural, weakenings};
use ligase_probe::{class_of, mapping_at, syntax_errors};
use ligase_record as record;
use ligase_remedy::{changed_lines, unified, verify};
use ligase_sandbox::read_frame;
use std::sync::LazyLock;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| match Catalog::load(&shipped()) {
    Ok(catalog) => catalog,
    Err(errors) => panic!("the catalog that ships loads: {errors:?}"),
});

/// `dna.yaml` and the organisation's policy.
pub(crate) fn declaration(data: &[u8]) {
    let read = |bytes| Dna::read("dna.yaml", bytes, &CATALOG);
    let (first, second) = two(data);
    let (base, head) = (read(first), read(second));
    for errors in [&base, &head].into_iter().filter_map(|r| r.as_ref().err()) {
        assert!(!errors.is_empty(), "refused without a reason");
        // A person reads it on a terminal: nothing of a stranger's may steer that.
        assert!(errors.iter().all(|e| e.to_string().chars().all(|c| c == '\n' || !c.is_control())), "{errors:?}");
    }
    let (base, head) = (base.ok(), head.ok());
    assert!(weakenings(&CATALOG, head.as_ref(), head.as_ref()).is_empty(), "weaker than itself");
    let _ = weakenings(&CATALOG, base.as_ref(), head.as_ref());
    let _ = Dna::read_provisional("x/dna.yaml", first, &CATALOG);
    let _ = Organisation::read("organisation.yaml", first, &[("identities/a.yaml", second)], &CATALOG);
}

/// A patch's files as the gate reads them: base, new bytes, and a path.
pub(crate) fn patch(data: &[u8]) {
    let mut parts = split(data);
    let (base, new) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let path = parts.next().map(RepoPath::new).unwrap_or_else(|| "src/app.py".into());
    let rules = PatchRules::default();
    for (path, base) in [(&path, base), (&RepoPath::from("a/b.tf"), base), (&RepoPath::from("k8s.yaml"), new)] {
        let file = ChangedFile { path, kind: Some(EntryKind::File), origin: Origin::Source, base, new };
        let checks = structural(&[file], &rules);
        assert!(!checks.is_empty());
        let refused = checks.iter().any(|c| matches!(c.verdict, GateVerdict::Refused(_)));
        let text = |bytes| std::str::from_utf8(bytes);
        if let (Ok(base), Ok(new), false) = (text(base), text(new), refused) {
            let changed = changed_lines(base, new);
            assert!(changed <= rules.max_lines, "{changed} lines pass the budget");
        }
    }
    if let (Ok(base), Ok(new)) = (std::str::from_utf8(base), std::str::from_utf8(new)) {
        assert_eq!(unified(&path, base, new).is_empty(), base == new);
    }
}

/// What test runners print, and the reports that they write.
pub(crate) fn test_output(data: &[u8]) {
    let (output, reports) = two(data);
    let one = verify::read(output, reports);
    let other = verify::read(reports, output);
    let ended = verify::RunEnd::Exited(i32::from(data.first().copied().unwrap_or(0) % 3));
    let run = |tests| verify::RunSeen { ended: ended.clone(), tests };
    let _ = verify::compare(&run(one.clone()), &run(other));
    let same = verify::compare(&run(one.clone()), &run(one));
    assert!(!matches!(same, GateVerdict::Refused(_)), "a run is worse than itself: {same:?}");
}

/// What edits ask of a text: where a mapping's keys stand, whether it reads.
pub(crate) fn edits(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let stride = (text.len() / 3).max(1);
    for start in (0..text.len()).step_by(stride) {
        if let Some(mapping) = mapping_at(text, start) {
            for entry in &mapping.entries {
                for span in [entry.key_span, entry.value_span] {
                    assert!(text.get(span.start as usize..span.end as usize).is_some(), "{span:?}");
                }
            }
        }
    }
    for name in ["a.py", "a.tf", "a.ts", "a.tsx", "a.java", "a.go", "a.yaml", "a.json"] {
        let _ = syntax_errors(set(), &class_of(&RepoPath::from(name)), data);
    }
}

/// The frames of our children, as if a broken one had written them.
pub(crate) fn frames(data: &[u8]) {
    let _ = wire::read_ready(data);
    let _ = wire::read_answer(data);
    if let Ok((class, bytes)) = wire::read_question(data) {
        assert_eq!(wire::write_question(&class, bytes), data);
    }
    if let Ok(files) = wire::read_opening(data) {
        assert_eq!(wire::write_opening(&files), data);
    }
    let mut rest = data;
    while let Ok(Some(frame)) = read_frame(&mut rest, 1 << 20) {
        let _ = wire::read_answer(&frame);
    }
    let _ = std::str::from_utf8(data).map(ligase_vcs::SourceUrl::parse);
}

/// Bytes that a packed input may hold.
const PACKED_MAX: usize = 1 << 20;

/// Stored records, as a worker that lies would upload them: what reads is written as the same bytes again.
pub(crate) fn records(data: &[u8]) {
    if let Ok(kept) = record::decode_file_observations_kept(data) {
        assert_eq!(record::encode_file_observations_kept(&kept).as_deref().ok(), Some(data));
    }
    if let Ok(kept) = record::decode_finding_kept(data) {
        assert_eq!(record::encode_finding_kept(&kept).as_deref().ok(), Some(data));
    }
    if let Ok(kept) = record::decode_gate_report_kept(data) {
        assert_eq!(record::encode_gate_report_kept(&kept).as_deref().ok(), Some(data));
    }
    // As what came along with a report: packed by whoever made it up.
    if let Ok(bytes) = record::unpack(data, PACKED_MAX) {
        assert!(bytes.len() <= PACKED_MAX);
        assert_eq!(record::unpack(&record::pack(&bytes), PACKED_MAX).as_deref(), Ok(bytes.as_slice()));
    }
    let _ = record::decode_observations(data);
    let _ = record::decode_observation_root(data);
    let _ = record::decode_observation_chunk(data);
    let _ = record::decode_patch_record(data);
    let _ = record::decode_event(data);
    let _ = record::header(data);
}

/// The first two files of an input; one alone is both.
fn two(data: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = split(data);
    let first = parts.next().unwrap_or_default();
    (first, parts.next().unwrap_or(first))
}
