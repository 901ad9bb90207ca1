//! Starts the program: in a clean environment, in the process group of its test (so that it ends with it), and never for
//! longer than its deadline. It reads what the program says and judges nothing.

use crate::binary::program;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest that any one run may take. Far above what it needs, far below the test runner's own deadline.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Run {
    /// Its exit code.
    pub code: i32,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// The same run, if it ended with this code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "exit code\n{}\n{}", self.out, self.err);
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON: {e}\n{}\n{}", self.out, self.err))
    }
}

/// A run that goes on.
#[derive(Debug)]
pub struct Started {
    child: Child,
    out: JoinHandle<Vec<u8>>,
    err: JoinHandle<Vec<u8>>,
    began: Instant,
    patience: Duration,
}

impl Started {
    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// The same, with another deadline.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without a word, and waits until it is gone; what it started is left to notice.
    pub fn kill(mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// Waits for its end; kills it at the deadline and fails.
    #[track_caller]
    pub fn wait(mut self) -> Run {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                break status;
            }
            if self.began.elapsed() > self.patience {
                self.child.kill().expect("a child of ours");
                panic!("the program ran for longer than {:?}", self.patience);
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        let took = self.began.elapsed();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        let out = text(self.out.join().expect("a reader"));
        let err = text(self.err.join().expect("a reader"));
        Run { code: status.code().unwrap_or(-1), out, err, took }
    }
}

/// A command in a clean environment, which knows no configuration of the machine's or the user's.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(crate::git_env()).stdin(Stdio::null());
    command
}

/// Starts the program with these arguments.
pub fn start(folder: &Path, arguments: &[&str]) -> Started {
    let mut command = command(program());
    command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    Started { child, out: reader(out), err: reader(err), began, patience: DEADLINE }
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A killed child cuts its pipe; what came before the cut is what it said.
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// Runs the program to its end, in a folder.
#[track_caller]
pub fn ligase_in(folder: &Path, arguments: &[&str]) -> Run {
    start(folder, arguments).wait()
}

/// Runs the program to its end, where no folder matters.
#[track_caller]
pub fn ligase(arguments: &[&str]) -> Run {
    ligase_in(Path::new("/"), arguments)
}
