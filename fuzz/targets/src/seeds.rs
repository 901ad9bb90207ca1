//! Where mutation begins: the catalog's own examples, which are written as people write, by dialect; and small files beside
//! this crate (`../seeds/<target>/`) for what has no examples.

use crate::{NEXT_FILE, Target};
use ligase_domain::RepoPath;
use ligase_inspect::Inspector;
use ligase_probe::class_of;
use std::path::Path;
use std::sync::LazyLock;

/// Each example: its files as (dialect, text), in path order.
static EXAMPLES: LazyLock<Vec<Vec<(String, String)>>> = LazyLock::new(|| {
    let Ok(inspector) = Inspector::shipped() else { return Vec::new() };
    let (examples, _) = inspector.examples(None);
    let dialect = |path: &str| class_of(&RepoPath::from(path)).dialect;
    examples.into_iter().map(|e| e.files.into_iter().map(|(path, text)| (dialect(&path), text)).collect()).collect()
});

/// What a target usually reads, in a fixed order. Files of one example that the target reads are one input.
pub fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for example in EXAMPLES.iter() {
        let own = example.iter().filter(|(dialect, _)| target.dialects.contains(&dialect.as_str()));
        let texts: Vec<&[u8]> = own.map(|(_, text)| text.as_bytes()).collect();
        if !texts.is_empty() {
            all.push(texts.join(NEXT_FILE));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds").join(target.name);
    let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    all.extend(files.iter().filter_map(|file| std::fs::read(file).ok()));
    all
}
