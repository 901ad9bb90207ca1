//! Everything that reads a repository's bytes, one function each: what fuzzers drive, and what a bounded driver drives in
//! every test run (`tests/bounded.rs`). A target takes any bytes, asserts what must hold of every input, and returns.
//!
//! The targets of libFuzzer (`../fuzz_targets/`, a workspace of their own, for `cargo fuzz`) call these functions and nothing
//! else. To add one: write the function, name it in [`TARGETS`], put a file of its name beside the others. Read `looking.rs`
//! next.

mod looking;
mod seeds;
mod texts;

pub use seeds::seeds;

/// One thing that reads bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its file in `fuzz_targets/`.
    pub name: &'static str,
    /// Takes any bytes; a panic is a finding.
    pub run: fn(&[u8]),
    /// Dialects whose files are what it usually reads.
    pub dialects: &'static [&'static str],
}

/// Between two files of one input, where a target takes several.
pub const NEXT_FILE: &[u8] = b"\n=====\n";

/// Every target, by name.
pub const TARGETS: &[Target] = &[
    Target { name: "declaration", run: texts::declaration, dialects: &["none"] },
    Target { name: "edits", run: texts::edits, dialects: &["yaml", "python", "terraform", "typescript", "java", "go"] },
    Target { name: "frames", run: texts::frames, dialects: &["python"] },
    Target { name: "look_cloudformation", run: looking::cloudformation, dialects: &["yaml", "json"] },
    Target { name: "look_compose", run: looking::compose, dialects: &["compose"] },
    Target { name: "look_dockerfile", run: looking::dockerfile, dialects: &["dockerfile"] },
    Target { name: "look_github_actions", run: looking::github_actions, dialects: &["github-actions"] },
    Target { name: "look_gitlab_ci", run: looking::gitlab_ci, dialects: &["gitlab-ci"] },
    Target { name: "look_go", run: looking::go, dialects: &["go"] },
    Target { name: "look_helm_values", run: looking::helm_values, dialects: &["helm-values"] },
    Target { name: "look_java", run: looking::java, dialects: &["java"] },
    Target { name: "look_javascript", run: looking::javascript, dialects: &["javascript"] },
    Target { name: "look_prisma", run: looking::prisma, dialects: &["prisma"] },
    Target { name: "look_python", run: looking::python, dialects: &["python"] },
    Target { name: "look_ruby", run: looking::ruby, dialects: &["ruby"] },
    Target { name: "look_settings", run: looking::settings, dialects: &["properties", "dotenv", "ini", "toml", "xml"] },
    Target { name: "look_sql", run: looking::sql, dialects: &["sql"] },
    Target { name: "look_terraform", run: looking::terraform, dialects: &["terraform"] },
    Target { name: "look_typescript", run: looking::typescript, dialects: &["typescript"] },
    Target { name: "look_yaml", run: looking::yaml, dialects: &["yaml"] },
    Target { name: "patch", run: texts::patch, dialects: &["python", "terraform", "yaml"] },
    Target { name: "records", run: texts::records, dialects: &[] },
    Target { name: "test_output", run: texts::test_output, dialects: &[] },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|t| t.name == name)
}

/// Runs the target of that name; for libFuzzer, whose files name one each.
pub fn run(name: &str, data: &[u8]) {
    match target(name) {
        Some(target) => (target.run)(data),
        None => panic!("there is no target {name}"),
    }
}
