//! Where the built program is, and what it is tried on: found once for each run of the tests, and the same for all of them.
//!
//! This package does not depend on the program's, or it would be compiled twice. So the first test of a run looks for
//! `ligase` beside its own executable (`target/<profile>/`), builds it with `cargo build -p ligase-cli` when it is absent
//! or older than a source that its dep-info names, and keeps a link to it below `target/tmp/e2e/<run>/`, together with
//! the folder that `ligase demo` leaves behind. The other tests, each a process of its own, wait at a lock file and then
//! use both. `LIGASE_TEST_BINARY` names another program to try.

use crate::{command, copy_tree, git};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// Folders of runs that are older than this belong to nobody.
const STALE: Duration = Duration::from_secs(20 * 60);

/// The file in a swept organisation that says how long the sweep took.
const TOOK: &str = "took";

/// What the tests of one run share. Nothing in it is changed once it stands.
struct Shared {
    program: PathBuf,
    demo: PathBuf,
    fresh: PathBuf,
    swept: PathBuf,
    said: PathBuf,
}

/// The program.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = folder();
        let program = folder.join("ligase");
        once(&folder, "program", || {
            forget_old(&runs());
            let found = find();
            if fs::hard_link(&found, &program).is_err() && !program.exists() {
                fs::copy(&found, &program).expect("a copy of the program");
            }
        });
        program
    })
}

/// A copy of the folder that `ligase demo --json` leaves behind, and what it said.
pub fn demo(into: &Path) -> Value {
    copy_tree(&shared().demo, into);
    let text = fs::read(&shared().said).expect("written with the demo");
    serde_json::from_slice(&text).expect("the demo prints JSON")
}

/// A copy of the demo's organisation as it was before anything looked at it: HIPAA adopted, no state, no pull request.
pub fn fresh(into: &Path) {
    copy_tree(&shared().fresh, into);
}

/// A copy of the demo's organisation after one undisturbed sweep from an empty state, and how long that sweep took.
pub fn swept(into: &Path) -> Duration {
    copy_tree(&shared().swept, into);
    let text = fs::read_to_string(into.join(TOOK)).expect("written with the sweep");
    Duration::from_millis(text.parse().expect("milliseconds"))
}

/// What this run's tests share on disk.
fn folder() -> PathBuf {
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| format!("process-{}", std::process::id()));
    let folder = runs().join(run);
    fs::create_dir_all(&folder).expect("target is writable");
    folder
}

fn runs() -> PathBuf {
    profile_folder().parent().expect("below target").join("tmp/e2e")
}

/// Does something once for all processes of a run, and waits while another does it.
fn once(folder: &Path, what: &str, work: impl FnOnce()) {
    let lock = File::create(folder.join(format!("{what}.lock"))).expect("a lock file");
    lock.lock().expect("a lock");
    let ready = folder.join(format!("{what}.ready"));
    if !ready.exists() {
        work();
        fs::write(ready, b"").expect("target is writable");
    }
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let folder = folder();
        let at = |name: &str| folder.join(name);
        let (program, said) = (program().to_path_buf(), at("demo.json"));
        let shared = Shared { program, demo: at("demo"), fresh: at("fresh"), swept: at("swept"), said };
        once(&folder, "demo", || prepare(&shared));
        shared
    })
}

/// Runs the demo, and takes from it the organisation as it was at its first commits.
fn prepare(shared: &Shared) {
    for folder in [&shared.demo, &shared.fresh, &shared.swept] {
        let _ = fs::remove_dir_all(folder);
    }
    let ran = command(&shared.program).arg("demo").arg("--json").arg("--dir").arg(&shared.demo).output();
    let ran = ran.expect("the program starts");
    assert!(ran.status.success(), "the demo failed: {}", String::from_utf8_lossy(&ran.stderr));
    fs::write(&shared.said, &ran.stdout).expect("target is writable");
    copy_tree(&shared.demo.join("repositories"), &shared.fresh.join("repositories"));
    copy_tree(&shared.demo.join("organisation"), &shared.fresh.join("organisation"));
    for entry in fs::read_dir(shared.fresh.join("repositories")).expect("made above") {
        let bare = entry.expect("an entry that is listed").path();
        let root = git(&bare, &["rev-list", "--max-parents=0", "main"]);
        for name in git(&bare, &["for-each-ref", "--format=%(refname)"]).lines() {
            git(&bare, &["update-ref", "-d", name]);
        }
        git(&bare, &["update-ref", "refs/heads/main", &root]);
        // The objects of what was undone stay: a repository with things that nothing names is a repository too.
    }
    copy_tree(&shared.fresh, &shared.swept);
    let mut sweep = command(&shared.program);
    sweep.current_dir(&shared.swept).args([
        "sweep",
        "--org",
        "organisation/organisation.yaml",
        "--state",
        "state",
        "--json",
    ]);
    let began = Instant::now();
    let ran = sweep.output().expect("the program starts");
    fs::write(shared.swept.join(TOOK), began.elapsed().as_millis().to_string()).expect("target is writable");
    assert_eq!(ran.status.code(), Some(1), "the sweep failed: {}", String::from_utf8_lossy(&ran.stderr));
}

/// `target/<profile>`: this test's executable stands in its `deps`.
fn profile_folder() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its executable");
    let deps = own.parent().expect("in a folder");
    deps.parent().expect("below target").to_path_buf()
}

fn find() -> PathBuf {
    if let Some(named) = std::env::var_os("LIGASE_TEST_BINARY") {
        return PathBuf::from(named);
    }
    let folder = profile_folder();
    let program = folder.join("ligase");
    if is_stale(&program, &folder.join("ligase.d")) {
        build(&folder);
    }
    program
}

/// Whether the program is absent, or older than a source that it was built from.
fn is_stale(program: &Path, dep_info: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|m| m.modified());
    let (Ok(built), Ok(sources)) = (modified(program), fs::read_to_string(dep_info)) else { return true };
    // A make rule: the target, a colon, the sources; a blank in a name is escaped.
    let sources = sources.split_once(": ").map_or("", |(_, s)| s).replace("\\ ", "\0");
    let newer = |name: &str| modified(Path::new(&name.replace('\0', " "))).map_or(true, |at| at > built);
    sources.split_whitespace().any(newer)
}

fn build(profile_folder: &Path) {
    let profile = match profile_folder.file_name().and_then(|n| n.to_str()).expect("a profile's folder") {
        "debug" => "dev",
        named => named,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", "ligase-cli", "--bin", "ligase", "--profile", profile, "--target-dir"]);
    build.arg(profile_folder.parent().expect("below target"));
    build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("in the workspace")).stdin(Stdio::null());
    let ended = build.status().expect("cargo starts");
    assert!(ended.success(), "cargo build -p ligase-cli failed");
}

fn forget_old(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).map(|at| SystemTime::now().duration_since(at));
        if age.is_ok_and(|age| age.is_ok_and(|age| age > STALE)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
