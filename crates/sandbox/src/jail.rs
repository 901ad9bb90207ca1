//! The walls for a program that means harm: namespaces of bubblewrap around the cell. A command of a repository is run in
//! one of these or not at all.
//!
//! Inside there is no network but an unconnected loopback, no file of this machine but the system's programs read-only, no
//! variable and no credential of ours, no capability and no way to a further namespace. Everything that can be written is
//! memory of a bounded size, and goes with the last process. Whoever runs as root leaves root first: limits on processes do
//! not hold for it. What is claimed is measured: [`Probed`] comes from a run inside. Next: `jail/layers.rs`.

mod layers;

pub use layers::{Layer, Probed, probe, probe_at};

use crate::{Finished, Limits, SandboxError, Spec, run_until};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The user that a jail is of where we are root: nobody's, and below none that a system gives to people.
const OUTSIDE_USER: u32 = 65_431;
/// The user inside.
const INSIDE_USER: &str = "1000";
/// What the inside writes to stderr once the tree is there, and before the command begins.
const READY: &[u8] = b"ligase-ready\n";
const PATHS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Parts of the system that programs need and that tell nothing of this machine's users.
const SYSTEM: &[&str] = &[
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/java-11-openjdk",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
    "/etc/java-25-openjdk",
    "/etc/maven",
    "/etc/gradle",
    "/etc/python3",
    "/etc/python3.11",
    "/etc/python3.12",
    "/etc/python3.13",
    "/etc/perl",
];

/// Runs in the jail: takes the tree, runs the command, ends what it left behind, and hands out the reports that it wrote.
/// The command's own output, both of its streams, is stdout; stderr is ours.
const INSIDE: &str = r#"
exec 3>&2 2>&1
cp -R /source/. /tree/ && cd "/tree/$1" || exit 125
reports=$2
shift 2
: >/tmp/.began
echo ligase-ready >&3
"$@" </dev/null 3>&-
code=$?
kill -9 -1 2>/dev/null
if [ -n "$reports" ]; then
  find . -type f -name '*.xml' -size -2048k -newer /tmp/.began 2>/dev/null | grep -E "$reports" | sort | head -n 500 |
    while IFS= read -r file; do cat "$file" >&3 2>/dev/null; echo >&3; done
fi
exit "$code"
"#;

/// What one command may use, all of its processes together where it is not said otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JailLimits {
    /// From start to end.
    pub wall: Duration,
    /// Memory of all processes, and of each.
    pub memory_bytes: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// The tree with everything that the command makes in it.
    pub tree_bytes: u64,
    /// What it writes to its home and to the folders for temporary files, each.
    pub temporary_bytes: u64,
    /// Everything that it prints.
    pub output_bytes: usize,
}

impl JailLimits {
    /// What the tests of a service use at most.
    pub const fn within(wall: Duration) -> Self {
        Self {
            wall,
            memory_bytes: 2 << 30,
            processes: 512,
            open_files: 4096,
            tree_bytes: 1 << 30,
            temporary_bytes: 256 << 20,
            output_bytes: 8 << 20,
        }
    }
}

/// A command to run in a jail.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The folder that is copied to become the command's tree; it is never written.
    pub tree: &'a Path,
    /// The folder of the tree that it starts in; the tree's root, if empty.
    pub folder: &'a str,
    /// The command and its arguments.
    pub command: &'a [String],
    /// An extended regular expression of paths of XML files: those that the command wrote are handed out.
    pub reports: &'a str,
    /// What it may use.
    pub limits: JailLimits,
}

/// How a command ended. In every case nothing that it started still runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By itself, with its exit code; 128 and a signal's number where a signal ended it.
    Exited(i32),
    /// Its tree could not be given to it: it is larger than the limit, or its folder is not there.
    NotStarted,
    /// The wall clock ended it.
    TooSlow,
    /// It printed more than allowed.
    TooMuchOutput,
    /// Its processes held more memory than allowed.
    TooMuchMemory,
}

/// What is left of a command that ran.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// Both of its streams as they came; empty where a limit ended it.
    pub output: Vec<u8>,
    /// The reports that were asked for, one after another.
    pub reports: Vec<u8>,
}

/// A jail that was tried on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Jail {
    program: PathBuf,
    limiter: PathBuf,
}

impl Jail {
    /// Runs a command until it ends, a limit ends it, or `stop` says true.
    pub fn run(&self, job: &Job<'_>, stop: &dyn Fn() -> bool) -> Result<Ran, SandboxError> {
        let mut arguments = vec![job.folder.into(), job.reports.into()];
        arguments.extend(job.command.iter().map(OsString::from));
        let finished = match self.inside(job.tree, INSIDE, &arguments, &job.limits, stop) {
            Ok(finished) => finished,
            Err(error) => {
                let ended = match error {
                    SandboxError::TooSlow { .. } => Ended::TooSlow,
                    SandboxError::TooMuchOutput { .. } => Ended::TooMuchOutput,
                    SandboxError::TooMuchMemory { .. } => Ended::TooMuchMemory,
                    other => return Err(other),
                };
                return Ok(Ran { ended, output: Vec::new(), reports: Vec::new() });
            }
        };
        let Some(reports) = finished.stderr.strip_prefix(READY) else {
            return Ok(Ran { ended: Ended::NotStarted, output: finished.stdout, reports: Vec::new() });
        };
        let code = finished.code.unwrap_or_else(|| 128 + finished.signal.unwrap_or_default());
        Ok(Ran { ended: Ended::Exited(code), output: finished.stdout, reports: reports.to_vec() })
    }

    /// Runs a shell's script between the walls.
    fn inside(
        &self,
        tree: &Path,
        script: &str,
        arguments: &[OsString],
        limits: &JailLimits,
        stop: &dyn Fn() -> bool,
    ) -> Result<Finished, SandboxError> {
        let mut spec = Spec::new(&self.program);
        spec.args = walls(tree, limits);
        spec.args.push("--".into());
        spec.args.push(self.limiter.clone().into());
        spec.args.extend(limited(limits));
        spec.args.extend(["--", "/bin/sh", "-c", script, "sh"].map(OsString::from));
        spec.args.extend_from_slice(arguments);
        spec.folder = Some("/".into());
        spec.user = outside_user();
        let cell = Limits {
            stdout_bytes: limits.output_bytes,
            stderr_bytes: 16 << 20,
            memory_bytes: Some(limits.memory_bytes),
            ..Limits::within(limits.wall)
        };
        run_until(&spec, &cell, &[], stop)
    }
}

/// The user that a jail is of, where it is not ours: a folder that it is to read has to be readable by this one.
pub fn outside_user() -> Option<u32> {
    rustix::process::getuid().is_root().then_some(OUTSIDE_USER)
}

fn walls(tree: &Path, limits: &JailLimits) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut say = |words: &[&str]| all.extend(words.iter().map(OsString::from));
    say(&["--unshare-user", "--disable-userns", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]);
    say(&["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--uid", INSIDE_USER, "--gid", INSIDE_USER]);
    say(&["--hostname", "cell", "--clearenv"]);
    for (name, value) in [
        ("PATH", PATHS),
        ("HOME", "/home"),
        ("TMPDIR", "/tmp"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("CI", "true"),
        ("NO_COLOR", "1"),
    ] {
        say(&["--setenv", name, value]);
    }
    say(&["--ro-bind", "/usr", "/usr"]);
    for name in ["bin", "sbin", "lib", "lib32", "lib64"] {
        let path = format!("/{name}");
        match std::fs::read_link(&path) {
            Ok(target) => say(&["--symlink", &target.to_string_lossy(), &path]),
            Err(_) => say(&["--ro-bind-try", &path, &path]),
        }
    }
    for path in SYSTEM {
        say(&["--ro-bind-try", path, path]);
    }
    let (large, small) = (limits.tree_bytes.to_string(), limits.temporary_bytes.to_string());
    say(&["--size", &large, "--perms", "0755", "--tmpfs", "/tree", "--size", &small, "--perms", "0700", "--tmpfs"]);
    say(&["/home", "--size", &small, "--perms", "1777", "--tmpfs", "/tmp", "--dir", "/var", "--symlink", "../tmp"]);
    say(&["/var/tmp", "--dir", "/run", "--proc", "/proc", "--dev", "/dev"]);
    say(&["--size", &small, "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
    say(&["--chdir", "/", "--ro-bind"]);
    all.push(tree.into());
    all.extend(["/source", "--remount-ro", "/"].map(OsString::from));
    all
}

/// Limits of each process that no namespace gives. Memory is bounded by what is written to, not by what is reserved:
/// several runtimes reserve far more than they use.
fn limited(limits: &JailLimits) -> Vec<OsString> {
    let both = |name: &str, n: u64| OsString::from(format!("--{name}={n}:{n}"));
    vec![
        both("nproc", limits.processes),
        both("data", limits.memory_bytes),
        both("nofile", limits.open_files),
        both("core", 0),
    ]
}
