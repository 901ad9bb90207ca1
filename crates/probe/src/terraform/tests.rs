//! Tests of the whole pack: files in, observations out, with the facts that ship.

mod facts;
mod functions;
mod hostile;
mod modules;
mod places;
mod residue;

use super::TerraformPack;
use crate::class::class_of;
use crate::pack::Pack;
use crate::parse::{Grammar, parse};
use ligase_domain::{Digest, FileObservations, LookKey, LookedFile, Observation, Oid, RepoPath};
use std::sync::{Arc, OnceLock};

fn pack() -> &'static TerraformPack {
    static PACK: OnceLock<TerraformPack> = OnceLock::new();
    PACK.get_or_init(|| TerraformPack::load(&ligase_catalog::shipped()).unwrap_or_else(|e| panic!("{e:#?}")))
}

fn looked(path: &str, text: &str) -> LookedFile {
    let path = RepoPath::from(path);
    let tree = parse(Grammar::Hcl, text).expect("within the budgets");
    let class = class_of(&path);
    let blob = Oid::Sha256(*Digest::of(text.as_bytes()).as_bytes());
    let seen = pack().look_tree(text.as_bytes(), &tree);
    LookedFile {
        path,
        key: LookKey { blob, class, pack: Digest::of(b"pack") },
        observations: Arc::new(FileObservations { seen, skipped: None }),
    }
}

fn observe(files: &[(&str, &str)]) -> Vec<Observation> {
    let files: Vec<LookedFile> = files.iter().map(|(path, text)| looked(path, text)).collect();
    pack().link(&files.iter().collect::<Vec<_>>())
}

fn of<'o>(all: &'o [Observation], kind: &str) -> Vec<&'o Observation> {
    all.iter().filter(|o| o.kind == kind).collect()
}

fn one<'o>(all: &'o [Observation], kind: &str, address: &str) -> &'o Observation {
    let found: Vec<_> = all.iter().filter(|o| o.kind == kind && o.text("address") == Some(address)).collect();
    let [only] = found[..] else {
        let known: Vec<_> = all.iter().map(|o| (o.kind.as_str(), o.text("address").or(o.text("where")))).collect();
        panic!("{kind} {address}: {} found among {known:#?}", found.len());
    };
    only
}

fn texts<'o, const N: usize>(observation: &'o Observation, names: [&str; N]) -> [&'o str; N] {
    names.map(|n| observation.text(n).unwrap_or("(absent)"))
}

/// The source that an anchor covers.
fn anchored<'t>(observation: &Observation, text: &'t str, name: &str) -> &'t str {
    let span = observation.anchors.get(name).unwrap_or_else(|| panic!("no anchor {name}"));
    &text[span.start as usize..span.end as usize]
}
