//! What looking in a child costs beside looking in this process: one folder, looked at in turns, wall and processor time.
//! `LIGASE_BENCH_TREE=DIR cargo bench -p ligase-lookout`; without a folder it looks at this workspace. It prints a table and
//! promises nothing; compare within one run, never across machines.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ligase_domain::{MapTree, NoCache, RepoPath};
use ligase_lookout::{Lookout, Watchman, child};
use ligase_probe::{NoProgress, ProbeSet, look, look_with};
use std::path::{Path, PathBuf};
use std::time::Instant;

const ROUNDS: usize = 5;

fn main() {
    if std::env::args().any(|a| a == "__lookout") {
        child::main(std::io::stdin(), std::io::stdout()).unwrap();
        return;
    }
    let folder = std::env::var_os("LIGASE_BENCH_TREE")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")), PathBuf::from);
    let tree = read(&folder);
    let files = ligase_catalog::shipped();
    let set = ProbeSet::load(&files).unwrap();
    let watchman = || Watchman::new(std::env::current_exe().unwrap(), ["__lookout"]);
    let started = Instant::now();
    let one = Lookout::new(watchman(), &files, &set);
    look_with(&set, &one, &MapTree::new([("a.py", "x = 1\n")]), &NoCache, &NoProgress);
    println!("first file of a new child: {} ms", started.elapsed().as_millis());
    drop(one);
    let (mut here, mut apart) = (Cost::default(), Cost::default());
    let mut shown = (0, 0, 0);
    for _ in 0..ROUNDS {
        here.add(|| shown.0 = look(&set, &tree, &NoCache, &NoProgress).looked_at);
        apart.add(|| {
            let eyes = Lookout::new(watchman(), &files, &set);
            let look = look_with(&set, &eyes, &tree, &NoCache, &NoProgress);
            assert!(look.blind.is_none());
            shown = (shown.0, look.looked_at, eyes.started());
        });
    }
    println!("{} files looked at ({} in children), {} children a round, {ROUNDS} rounds", shown.0, shown.1, shown.2);
    println!("            wall ms   cpu ms");
    println!("process  {:>10} {:>8}", here.wall, here.processor);
    println!("children {:>10} {:>8}", apart.wall, apart.processor);
    println!(
        "ratio    {:>10.3} {:>8.3}",
        apart.wall as f64 / here.wall as f64,
        apart.processor as f64 / here.processor as f64
    );
}

/// Milliseconds, all rounds together.
#[derive(Default)]
struct Cost {
    wall: u128,
    processor: u64,
}

impl Cost {
    fn add(&mut self, work: impl FnOnce()) {
        let (started, before) = (Instant::now(), processor_ms());
        work();
        self.wall += started.elapsed().as_millis();
        self.processor += processor_ms() - before;
    }
}

/// Of this process and of the children that it has waited for.
fn processor_ms() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..15].iter().map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}

fn read(root: &Path) -> MapTree {
    let (mut open, mut files) = (vec![root.to_path_buf()], MapTree::default());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let hidden = [".git", "target"].iter().any(|n| entry.file_name() == *n);
            if kind.is_dir() && !hidden {
                open.push(path);
            } else if kind.is_file() && entry.metadata().unwrap().len() <= ligase_probe::MAX_FILE_BYTES {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap_or_default().to_owned();
                files.0.insert(RepoPath::from(name.as_str()), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}
