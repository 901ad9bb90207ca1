//! What the repositories have in them: invented services in Python, TypeScript, Terraform and YAML, each with files of its
//! own and files that other repositories have too. The same number gives the same repository on every machine.

use crate::git;
use crate::more;
use crate::packs::{self, Id, hex};
use crate::served::{Served, pack_file};
use crate::text::{self, Choices};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A repository has at least so many files, so many bytes, and of its blobs so many per cent that no other one has.
const FILES_MIN: usize = 40;
const BYTES_MIN: usize = 150_000;
const UNIQUE_MIN: u64 = 60;
/// Of ten generated files, so many have a text that other repositories have too, as copied code does.
const SHARED_IN_TEN: usize = 2;
/// Texts that shared files are drawn from.
const VARIANTS: usize = 3;
/// Of so many repositories, one has no declaration.
const UNDECLARED: usize = 10;

/// What was made.
pub struct Made {
    /// Where each repository stands.
    pub heads: Vec<Id>,
    /// Files of all of them.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Of all blobs, the share that is in one repository alone, in per cent.
    pub unique_percent: u64,
}

/// Makes packs, on as many threads as there are cores.
pub fn make(folder: &Path, count: usize, density: Density) -> io::Result<Made> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let parts = std::thread::scope(|scope| {
        let one = || {
            let mut made = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, io::Error>(made);
                }
                let files = files(number, density);
                let (id, pack) = packs::commit(&files, 1_750_000_000 + number)?;
                fs::write(pack_file(folder, number), pack)?;
                let texts: Vec<u64> = files.iter().map(|(_, text)| hash(text)).collect();
                made.push((number, id, texts, files.iter().map(|(_, t)| t.len()).sum::<usize>()));
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running.into_iter().map(|r| r.join().expect("making does not panic")).collect::<io::Result<Vec<_>>>()
    })?;
    let mut all: Vec<_> = parts.into_iter().flatten().collect();
    all.sort_by_key(|(number, ..)| *number);
    let mut homes: BTreeMap<u64, u32> = BTreeMap::new();
    for (_, _, texts, _) in &all {
        texts.iter().for_each(|text| *homes.entry(*text).or_default() += 1);
    }
    let files: u64 = all.iter().map(|(_, _, texts, _)| texts.len() as u64).sum();
    let unique = homes.values().filter(|homes| **homes == 1).count() as u64;
    let least = all.iter().map(|(_, _, texts, bytes)| (texts.len(), *bytes)).min().unwrap_or_default();
    let unique_percent = unique * 100 / files.max(1);
    if least.0 < FILES_MIN || all.iter().any(|(_, _, _, bytes)| *bytes < BYTES_MIN) || unique_percent < UNIQUE_MIN {
        return Err(io::Error::other(format!(
            "the fleet is less than asked for: {least:?}, {unique_percent} % unique"
        )));
    }
    let bytes = all.iter().map(|(_, _, _, bytes)| *bytes as u64).sum();
    Ok(Made { heads: all.iter().map(|(_, id, ..)| *id).collect(), files, bytes, unique_percent })
}

/// Packs the commits that git repositories of a folder stand at, each without its history.
pub fn packed(folder: &Path, trees: &Path) -> io::Result<Made> {
    let mut found: Vec<_> = fs::read_dir(trees)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    found.retain(|path| path.join(".git").exists());
    found.sort_unstable();
    let (mut heads, mut files, mut bytes) = (Vec::new(), 0, 0);
    let mut homes: BTreeMap<String, u32> = BTreeMap::new();
    for (number, tree) in found.iter().enumerate() {
        let head = git::run(tree, &["rev-parse", "HEAD"])?;
        heads.push(id(head.trim()).ok_or_else(|| io::Error::other(format!("{head:?} is no SHA-1")))?);
        let listed = git::run(tree, &["ls-tree", "-r", "-l", "HEAD"])?;
        for mut fields in listed.lines().map(str::split_whitespace) {
            *homes.entry(fields.nth(2).unwrap_or_default().to_owned()).or_default() += 1;
            files += 1;
            bytes += fields.next().and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
        }
        let named = git::run(tree, &["rev-list", "--objects", "--no-walk", "HEAD"])?;
        let mut command = git::command(tree, &["pack-objects", "--stdout", "--quiet", "--threads=2"]);
        let named: Vec<&str> = named.lines().filter_map(|line| line.split(' ').next()).collect();
        let mut child = command.stdin(Stdio::piped()).stdout(fs::File::create(pack_file(folder, number))?).spawn()?;
        child.stdin.take().expect("piped").write_all((named.join("\n") + "\n").as_bytes())?;
        if !child.wait()?.success() {
            return Err(io::Error::other(format!("git cannot pack {}", tree.display())));
        }
    }
    let unique = homes.values().filter(|homes| **homes == 1).count() as u64;
    Ok(Made { heads, files, bytes, unique_percent: unique * 100 / files.max(1) })
}

/// An id of hex digits.
fn id(hex: &str) -> Option<Id> {
    let bytes: Option<Vec<u8>> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}

/// Has git clone one of them and look whether it is whole.
pub fn check(folder: &Path, served: &Served, heads: &[Id], density: Density) -> io::Result<()> {
    let number = heads.len() / 2;
    git::run(folder, &["clone", "--quiet", "--bare", "--depth", "1", &served.url(number), "check.git"])?;
    let clone = folder.join("check.git");
    git::run(&clone, &["fsck", "--strict", "--no-progress"])?;
    let (head, listed) = (git::run(&clone, &["rev-parse", "HEAD"])?, git::run(&clone, &["ls-tree", "-r", "HEAD"])?);
    if head.trim() != hex(&heads[number]) || listed.lines().count() != files(number, density).len() {
        return Err(io::Error::other("git reads another repository than was made"));
    }
    fs::remove_dir_all(clone)
}

/// FNV-1a: two texts of one fleet with the same number would only make the share of unique blobs look smaller.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// How much of a repository's code a catalog has something to say of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Density {
    /// As in public repositories. Over 60 of them (75,077 files) `ligase check` comes to 0.45 findings a file, half of them
    /// have less than 0.6 and nine of ten less than 1.7, all verdicts counted and all data classes declared; these have 1.3,
    /// and 4 once a framework is adopted.
    Usual,
    /// Nothing but routes, log calls, models and resources, 5 findings a file, and 10 once a framework is adopted: a worst case.
    Dense,
}

/// Modules of routes that a repository of the usual density has.
const ROUTERS: usize = 2;

/// The files of a repository.
pub fn files(repository: usize, density: Density) -> Vec<(String, String)> {
    let name = format!("service-{repository:06}");
    let mut all: Vec<(String, String)> = text::foundations().into_iter().map(|(p, t)| (p.to_owned(), t)).collect();
    if density == Density::Usual {
        let named = |count: usize| (0..count).map(|n| format!("r{n}")).collect::<Vec<_>>().join(", ");
        all.iter_mut().for_each(|(_, text)| *text = text.replace(&named(8), &named(ROUTERS)));
    }
    if !repository.is_multiple_of(UNDECLARED) {
        all.push(("dna.yaml".to_owned(), text::dna(&name)));
    }
    all.push(("infra/providers.tf".to_owned(), text::provider()));
    let many = |count: usize, path: fn(usize) -> String, make: fn(&mut Choices) -> String| {
        (0..count).map(move |n| (path(n), make))
    };
    let share = |dense: usize, usual: usize| if density == Density::Dense { dense } else { usual };
    let varied = many(share(6, 2), |n| format!("app/models/m{n}.py"), text::models)
        .chain(many(share(8, ROUTERS), |n| format!("app/api/r{n}.py"), text::routes))
        .chain(many(share(7, 2), |n| format!("app/services/s{n}.py"), text::service))
        .chain(many(share(0, 14), |n| format!("app/core/c{n}.py"), more::plain_python))
        .chain(many(share(5, 1), |n| format!("web/src/routes/r{n}.ts"), more::typescript))
        .chain(many(share(0, 11), |n| format!("web/src/lib/l{n}.ts"), more::plain_typescript))
        .chain(many(share(4, 2), |n| format!("deploy/part{n}.yaml"), more::manifests))
        .chain(many(5, |n| format!("tests/test_{n}.py"), text::test))
        .chain(many(share(8, 4), |n| format!("infra/part{n}.tf"), text::terraform))
        // More modules, until it is large enough.
        .chain(many(
            40,
            |n| format!("app/more/s{n}.py"),
            if density == Density::Dense { text::service } else { more::plain_python },
        ));
    let mut bytes: usize = all.iter().map(|(_, text)| text.len()).sum();
    for (slot, (path, make)) in varied.enumerate() {
        if slot >= 43 && bytes >= BYTES_MIN {
            break;
        }
        let shared = slot % 10 < SHARED_IN_TEN;
        let variant = Choices::seeded(&[repository as u64, slot as u64]).below(VARIANTS);
        let whose = if shared { variant } else { VARIANTS + repository };
        let text = make(&mut Choices::seeded(&[slot as u64, whose as u64, 0]));
        bytes += text.len();
        all.push((path, text));
    }
    all
}
