//! Reads every file of a folder that looking would parse, with the same parsers and no rule, on all cores: what any program that
//! looks has to do. `cargo run --release -p ligase-probe --example parse -- DIR…` prints files, bytes and those that do not
//! parse. `tests/benches/beside.py` measures it beside whole programs.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use ligase_domain::{Origin, RepoPath};
use ligase_probe::{MAX_FILE_BYTES, ProbeSet, syntax_errors};
use rayon::prelude::*;
use std::path::PathBuf;

fn main() {
    let set = ProbeSet::load(&ligase_catalog::shipped()).expect("the shipped catalog loads");
    let mut files: Vec<(RepoPath, PathBuf)> = Vec::new();
    for root in std::env::args().skip(1).map(PathBuf::from) {
        let mut open = vec![root.clone()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let (path, kind) = (entry.path(), entry.file_type().unwrap());
                if kind.is_dir() && entry.file_name() != ".git" {
                    open.push(path);
                } else if kind.is_file() && entry.metadata().unwrap().len() <= MAX_FILE_BYTES {
                    let name = path.strip_prefix(&root).unwrap().to_str().map(RepoPath::from);
                    files.extend(name.map(|name| (name, path.clone())));
                }
            }
        }
    }
    let read = |(name, path): &(RepoPath, PathBuf)| {
        let class = set.class_of(name);
        if matches!(class.origin, Origin::Vendored | Origin::Generated | Origin::Minified) || class.dialect == "none" {
            return None;
        }
        let bytes = std::fs::read(path).ok()?;
        let wrong = syntax_errors(&set, &class, &bytes).is_err();
        Some((1_usize, bytes.len(), usize::from(wrong)))
    };
    let add = |a: (usize, usize, usize), b: (usize, usize, usize)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
    let (count, bytes, wrong) = files.par_iter().filter_map(read).reduce(|| (0, 0, 0), add);
    println!("{count} files, {bytes} bytes, {wrong} that do not parse");
}
