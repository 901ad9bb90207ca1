//! Paths that no patch of Ligase touches, and why. Names are compared in lower case, because some file systems do.

use super::ChangedFile;
use ligase_domain::RepoPath;

/// Folders of CI systems.
const CI_FOLDERS: &[&str] = &[
    ".github/",
    ".gitlab/",
    ".circleci/",
    ".buildkite/",
    ".forgejo/",
    ".gitea/",
    ".woodpecker/",
    ".drone/",
    ".teamcity/",
    ".semaphore/",
    ".ci/",
];
/// Files of CI systems, by name.
const CI_FILES: &[&str] = &[
    ".gitlab-ci.yml",
    ".gitlab-ci.yaml",
    "jenkinsfile",
    "azure-pipelines.yml",
    "azure-pipelines.yaml",
    ".travis.yml",
    "bitbucket-pipelines.yml",
    ".drone.yml",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    "appveyor.yml",
    ".appveyor.yml",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    "buildspec.yml",
    "buildspec.yaml",
    ".cirrus.yml",
    "tox.ini",
    "noxfile.py",
    ".pre-commit-config.yaml",
    ".pre-commit-config.yml",
];
/// Lock files, by name; any other that ends in `.lock` too.
const LOCK_FILES: &[&str] = &[
    "poetry.lock",
    "pipfile.lock",
    "uv.lock",
    "pdm.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lockb",
    "cargo.lock",
    "go.sum",
    "gemfile.lock",
    "composer.lock",
    ".terraform.lock.hcl",
    "conda-lock.yml",
    "packages.lock.json",
    "gradle.lockfile",
];
/// Declarations of who decides and what holds.
const DECLARATIONS: &[&str] = &["dna.yaml", "dna.yml", "organisation.yaml", "organisation.yml", "codeowners", "owners"];
/// What tells checkers and agents how to look.
const INSTRUCTIONS: &[&str] = &[
    "agents.md",
    "claude.md",
    "gemini.md",
    ".cursorrules",
    ".bandit",
    ".semgrepignore",
    ".checkov.yml",
    ".checkov.yaml",
    ".trivyignore",
    ".trivyignore.yaml",
    ".tfsec.yml",
    ".tfsec.json",
    ".flake8",
    ".pylintrc",
    ".ruff.toml",
    "ruff.toml",
    "mypy.ini",
    ".mypy.ini",
    ".snyk",
    ".gitleaks.toml",
    ".gitleaksignore",
    ".sonarcloud.properties",
    "sonar-project.properties",
    "kics.config",
    ".eslintrc.json",
    ".eslintignore",
    "pytest.ini",
    "conftest.py",
    ".coveragerc",
    ".gitattributes",
    ".gitmodules",
    ".gitignore",
    ".dockerignore",
    ".mailmap",
];
const INSTRUCTION_FOLDERS: &[&str] =
    &[".semgrep/", ".cursor/", ".claude/", ".agents/", ".git/", ".tfsec/", ".devcontainer/", ".husky/"];
/// Manifests of dependencies, by name.
const MANIFESTS: &[&str] = &[
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pipfile",
    "environment.yml",
    "environment.yaml",
    "package.json",
    "go.mod",
    "cargo.toml",
    "gemfile",
    "composer.json",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "versions.tf",
];
/// Folders whose files are tests, whatever they are called.
const TEST_FOLDERS: &[&str] = &["tests/", "test/", "__tests__/", "spec/", "testdata/", "fixtures/"];

/// Why a path or its content is not to be touched.
pub(super) fn forbidden(file: &ChangedFile<'_>) -> Option<String> {
    let Some(path) = file.path.as_str() else { return Some("a path that is not UTF-8".to_owned()) };
    let malformed = path.starts_with('/')
        || path.contains('\\')
        || path.chars().any(char::is_control)
        || path.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if malformed {
        return Some("a malformed path".to_owned());
    }
    let path = path.to_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let below = |folders: &[&str]| folders.iter().any(|f| path.starts_with(f) || path.contains(&format!("/{f}")));
    let named = |names: &[&str]| names.contains(&name);
    let why = if below(CI_FOLDERS) || named(CI_FILES) {
        "CI configuration"
    } else if named(LOCK_FILES) || name.ends_with(".lock") {
        "a lock file"
    } else if named(DECLARATIONS) || declares(file.base) || declares(file.new) {
        "a declaration of who decides and what holds"
    } else if named(INSTRUCTIONS) || below(INSTRUCTION_FOLDERS) {
        "what tells tools how to look"
    } else if below(TEST_FOLDERS) || name.starts_with("test_") || name.ends_with("_test.py") {
        "a test"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// Whether bytes are one of Ligase's own documents, whatever the file is called.
fn declares(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4_096)];
    let text = String::from_utf8_lossy(head);
    text.lines().any(|l| l.trim_start().starts_with("apiVersion: ligase.dev/"))
}

/// What manifest of dependencies a path is.
pub(super) fn manifest(path: &RepoPath) -> Option<String> {
    let name = String::from_utf8_lossy(path.file_name()).to_lowercase();
    let requirements = name.ends_with(".txt") && (name.contains("requirements") || name.contains("constraints"));
    let in_folder = name.ends_with(".txt") && path.to_string().to_lowercase().contains("requirements/");
    (requirements || in_folder || MANIFESTS.contains(&name.as_str())).then(|| format!("the manifest {name}"))
}
