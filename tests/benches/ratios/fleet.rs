//! The fleet that is measured: bare repositories in one folder, either made here by `git fast-import` or copied from a
//! folder of the caller's, whose repositories are never touched. Next: `text.rs` for what generated files say.

use crate::git;
use crate::text::{self, Choices};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Of ten generated files, so many have a text that other repositories have too, as copied code does.
const SHARED_IN_TEN: usize = 3;
/// Texts that shared files are drawn from.
const VARIANTS: usize = 3;
/// The largest file that is chosen to be changed.
const CHANGED_BYTES_MAX: u64 = 100_000;

/// Bare repositories in one folder.
pub struct Fleet {
    root: PathBuf,
    /// Their names, with `.git`.
    pub names: Vec<String>,
    /// Repositories of the caller's that are not among them, since their heads lack objects.
    pub left_out: Vec<String>,
    /// Files of all heads.
    pub files: u64,
    /// Bytes of all heads' files.
    pub bytes: u64,
    /// Of all files, the share whose content is in no other repository, in per cent.
    pub unique_percent: u64,
}

impl Fleet {
    /// Makes repositories.
    pub fn generate(root: &Path, count: usize) -> io::Result<Self> {
        for number in 0..count {
            let folder = create(root, &format!("service-{number:03}.git"))?;
            git::run_with(&folder, &["fast-import", "--quiet"], &history(number))?;
        }
        Self::of(root)
    }

    /// Copies the bare repositories of a folder, but those that nobody could clone because their head lacks objects.
    pub fn copy(root: &Path, from: &Path) -> io::Result<Self> {
        let mut left_out = Vec::new();
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            let name = path.file_name().expect("an entry of a folder has a name").to_string_lossy().into_owned();
            if !path.join("HEAD").is_file() || !path.join("objects").is_dir() {
                continue;
            }
            let objects = git::run(&path, &["rev-list", "--objects", "--missing=print", "--max-count=1", "HEAD"])?;
            if objects.lines().any(|line| line.starts_with('?')) {
                left_out.push(name);
            } else {
                copy_tree(&path, &root.join(name))?;
            }
        }
        left_out.sort();
        Ok(Self { left_out, ..Self::of(root)? })
    }

    fn of(root: &Path) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs::read_dir(root)? {
            names.push(entry?.file_name().into_string().map_err(|n| io::Error::other(format!("{n:?} is no UTF-8")))?);
        }
        names.sort();
        let (mut files, mut bytes, mut homes) = (0, 0, BTreeMap::<String, (BTreeSet<usize>, u64)>::new());
        for (number, name) in names.iter().enumerate() {
            for file in tree(&root.join(name))? {
                files += 1;
                bytes += file.bytes;
                let home = homes.entry(file.blob).or_default();
                home.0.insert(number);
                home.1 += 1;
            }
        }
        if files == 0 {
            return Err(io::Error::other("there is no bare repository with a file"));
        }
        let unique: u64 = homes.values().filter(|(homes, _)| homes.len() == 1).map(|(_, files)| files).sum();
        Ok(Self {
            root: root.to_owned(),
            names,
            left_out: Vec::new(),
            files,
            bytes,
            unique_percent: unique * 100 / files,
        })
    }

    /// Commits a change of one source file of the first repository that has one, and says what was changed.
    pub fn change(&self, number: usize) -> io::Result<String> {
        for name in &self.names {
            let folder = self.root.join(name);
            let Some(file) = tree(&folder)?.into_iter().find(is_source) else { continue };
            let branch = git::run(&folder, &["symbolic-ref", "HEAD"])?;
            let mut text = git::run(&folder, &["cat-file", "blob", &file.blob])?;
            writeln!(text, "# Changed for the {number}. time.").expect("a string takes it");
            let mut stream = Vec::new();
            commit(&mut stream, branch.trim(), 1_800_000_000 + number, Some(&format!("{}^0", branch.trim())));
            write_file(&mut stream, &file.path, &text);
            git::run_with(&folder, &["fast-import", "--quiet"], &stream)?;
            return Ok(format!("{name}: {}", file.path));
        }
        Err(io::Error::other("there is no source file that could be changed"))
    }
}

/// Small enough, and looked at: neither in tests nor in examples.
fn is_source(file: &Listed) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    let aside = ["test", "example", "vendor", "migration", "generated"].iter().any(|word| file.path.contains(word));
    let source = [".py", ".tf"].iter().any(|end| file.path.ends_with(end));
    source && !aside && file.path.bytes().all(plain) && (1..CHANGED_BYTES_MAX).contains(&file.bytes)
}

struct Listed {
    path: String,
    blob: String,
    bytes: u64,
}

/// The files of a repository's head.
fn tree(folder: &Path) -> io::Result<Vec<Listed>> {
    let listed = git::run(folder, &["ls-tree", "-r", "-l", "HEAD"])?;
    let file = |line: &str| {
        let (facts, path) = line.split_once('\t')?;
        let mut facts = facts.split_whitespace().skip(1);
        let (kind, blob, bytes) = (facts.next()?, facts.next()?, facts.next()?);
        (kind == "blob")
            .then(|| Some(Listed { path: path.to_owned(), blob: blob.to_owned(), bytes: bytes.parse().ok()? }))?
    };
    Ok(listed.lines().filter_map(file).collect())
}

fn create(root: &Path, name: &str) -> io::Result<PathBuf> {
    git::run(root, &["init", "--quiet", "--bare", "--initial-branch=main", name])?;
    Ok(root.join(name))
}

/// The history of a repository as `git fast-import` reads it: a first commit with other texts, a second as it stands.
fn history(number: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for (age, mark) in [(1, 1_700_000_000), (0, 1_750_000_000)] {
        commit(&mut stream, "refs/heads/main", mark + number, None);
        files(number, age).iter().for_each(|(path, text)| write_file(&mut stream, path, text));
    }
    stream
}

fn commit(stream: &mut Vec<u8>, branch: &str, second: usize, from: Option<&str>) {
    let message = "As it stands\n";
    let from = from.map(|from| format!("from {from}\n")).unwrap_or_default();
    let text = format!(
        "commit {branch}\ncommitter Ann <ann@example.org> {second} +0000\ndata {}\n{message}{from}",
        message.len()
    );
    stream.extend_from_slice(text.as_bytes());
}

fn write_file(stream: &mut Vec<u8>, path: &str, text: &str) {
    stream.extend_from_slice(format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len()).as_bytes());
}

/// The files of a repository at an age; at age 0 it is as it stands, before it every third file was another.
fn files(repository: usize, age: usize) -> Vec<(String, String)> {
    let name = format!("service-{repository:03}");
    let mut all: Vec<(String, String)> = text::foundations().into_iter().map(|(p, t)| (p.to_owned(), t)).collect();
    all.push(("dna.yaml".to_owned(), text::dna(&name)));
    all.push(("infra/providers.tf".to_owned(), text::provider()));
    let many = |count: usize, path: fn(usize) -> String, make: fn(&mut Choices) -> String| {
        (0..count).map(move |n| (path(n), make))
    };
    let varied = many(6, |n| format!("app/models/m{n}.py"), text::models)
        .chain(many(8, |n| format!("app/api/r{n}.py"), text::routes))
        .chain(many(9, |n| format!("app/services/s{n}.py"), text::service))
        .chain(many(7, |n| format!("tests/test_{n}.py"), text::test))
        .chain(many(9, |n| format!("infra/part{n}.tf"), text::terraform))
        .chain(many(2, |n| format!("docs/page{n}.md"), text::readme));
    for (slot, (path, make)) in varied.enumerate() {
        let age = if slot % 3 == 0 { age } else { 0 };
        let shared = slot % 10 < SHARED_IN_TEN;
        // A shared file's text is that of its slot and variant; any other's is the repository's own.
        let variant = Choices::seeded(&[repository as u64, slot as u64]).below(VARIANTS);
        let whose = if shared { variant } else { VARIANTS + repository };
        all.push((path, make(&mut Choices::seeded(&[slot as u64, whose as u64, age as u64]))));
    }
    all
}

/// Copies a folder with everything in it but links.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
