//! The second step: what the files of one revision say of each other. Pure and bounded: the same looked-at files give the
//! same observations in the same order, whoever links them. Next: `python/link/mod.rs`, `terraform/mod.rs`.

use crate::attach::attach;
use crate::beside::beside;
use crate::budget::MAX_REVISION_OBSERVATIONS;
use crate::set::ProbeSet;
use ligase_domain::{LookedFile, Observation};

/// Linked observations, sorted by path, span and kind. Files may come in any order.
pub fn link(set: &ProbeSet, files: &[LookedFile]) -> Vec<Observation> {
    let mut all = Vec::new();
    for pack in set.all() {
        let reads = |f: &&LookedFile| pack.dialects().contains(&f.key.class.dialect.as_str());
        let mut some: Vec<&LookedFile> = files.iter().filter(reads).collect();
        some.sort_by(|a, b| a.path.cmp(&b.path));
        some.dedup_by(|a, b| a.path == b.path);
        all.extend(pack.link(&some));
    }
    attach(files, &mut all);
    beside(&mut all);
    all.sort_by(|a, b| {
        (&a.place.path, a.place.span, &a.kind).cmp(&(&b.place.path, b.place.span, &b.kind)).then_with(|| a.cmp(b))
    });
    all.dedup();
    // Each pack bounds what it multiplies and says so; this is the last wall, not the rule.
    all.truncate(MAX_REVISION_OBSERVATIONS * 2);
    all
}
