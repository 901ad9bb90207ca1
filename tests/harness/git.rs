//! Plain git, as people use it: no configuration of the machine's, no prompt, fixed names and dates. It never reads what
//! Ligase wrote otherwise than git does.

use crate::command;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

/// The environment of every process that a test starts.
pub fn git_env() -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
    [
        ("PATH", path.as_str()),
        ("HOME", "/nonexistent"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Milan Horvat"),
        ("GIT_AUTHOR_EMAIL", "milan@meridian-health.example"),
        ("GIT_AUTHOR_DATE", "2026-11-03T09:00:00Z"),
        ("GIT_COMMITTER_NAME", "Milan Horvat"),
        ("GIT_COMMITTER_EMAIL", "milan@meridian-health.example"),
        ("GIT_COMMITTER_DATE", "2026-11-03T09:00:00Z"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut git = command("git");
    // A folder below a test's own may be below somebody's repository: git must not look above it.
    git.arg("-C").arg(folder).args([
        "-c",
        "protocol.file.allow=always",
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
    ]);
    git.args(arguments).output().expect("git is there")
}

/// Runs git to its good end; its output without the last line's end.
#[track_caller]
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let ran = run(folder, arguments);
    assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("git writes UTF-8").trim_end().to_owned()
}

/// Whether git refuses this.
pub fn git_fails(folder: &Path, arguments: &[&str]) -> bool {
    !run(folder, arguments).status.success()
}

/// Commits a folder's files to a branch of a repository that has no such branch yet; the commit.
#[track_caller]
pub fn commit_tree(bare: &Path, files: &Path, branch: &str, message: &str) -> String {
    let index = bare.join("index-of-a-test");
    let index = index.to_str().expect("a path in UTF-8");
    let (tree, place) = (files.to_str().expect("a path in UTF-8"), bare.to_str().expect("a path in UTF-8"));
    let with_index = |arguments: &[&str]| {
        let mut git = command("git");
        git.env("GIT_INDEX_FILE", index).args(["-c", "core.bigFileThreshold=4m", "-c", "core.autocrlf=false"]);
        let ran = git.args(["--git-dir", place, "--work-tree", tree]).args(arguments).output().expect("git is there");
        assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("git writes UTF-8").trim_end().to_owned()
    };
    with_index(&["add", "--all", "--force", "."]);
    let written = with_index(&["write-tree"]);
    let commit = with_index(&["commit-tree", &written, "-m", message]);
    git(bare, &["update-ref", &format!("refs/heads/{branch}"), &commit]);
    fs::remove_file(index).expect("written above");
    commit
}

/// A bare repository that a person works on.
#[derive(Clone, Debug)]
pub struct Bare {
    /// Where it is.
    pub path: PathBuf,
}

impl Bare {
    /// Makes an empty one whose default branch will be `main`.
    pub fn make(path: PathBuf) -> Self {
        fs::create_dir_all(&path).expect("a new folder");
        git(&path, &["init", "--quiet", "--bare", "--initial-branch=main"]);
        Self { path }
    }

    /// The commit at a revision.
    #[track_caller]
    pub fn at(&self, revision: &str) -> String {
        git(&self.path, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])
    }

    /// A file's text at a revision.
    #[track_caller]
    pub fn text(&self, revision: &str, path: &str) -> String {
        git(&self.path, &["show", &format!("{revision}:{path}")]) + "\n"
    }

    /// The names of all refs with this prefix.
    pub fn refs(&self, prefix: &str) -> Vec<String> {
        git(&self.path, &["for-each-ref", "--format=%(refname)", prefix]).lines().map(str::to_owned).collect()
    }

    /// Ligase's own record of a pull request.
    #[track_caller]
    pub fn pull(&self, number: u64) -> serde_json::Value {
        let text = self.text(&format!("refs/ligase/pulls/{number}"), "pull.json");
        serde_json::from_str(&text).expect("a record is JSON")
    }

    /// Lets a person work on a branch in a clone and push it; the branch's new head.
    #[track_caller]
    pub fn work(&self, branch: &str, works: impl FnOnce(&Path)) -> String {
        let clone = TempDir::new().expect("a folder that goes away");
        let from = self.path.to_str().expect("a path in UTF-8");
        git(clone.path(), &["clone", "--quiet", "--branch", branch, from, "."]);
        works(clone.path());
        git(clone.path(), &["push", "--quiet", "origin", &format!("HEAD:refs/heads/{branch}")]);
        git(clone.path(), &["rev-parse", "HEAD"])
    }

    /// Lets a person change files of a branch and push the commit; the commit.
    #[track_caller]
    pub fn commit(&self, branch: &str, message: &str, changes: impl FnOnce(&Path)) -> String {
        self.work(branch, |clone| {
            changes(clone);
            git(clone, &["add", "--all"]);
            git(clone, &["commit", "--quiet", "--message", message]);
        })
    }
}
