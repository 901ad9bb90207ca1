//! What the manifests of a repository say: where services stand, what they are called, and how their tests are run. It reads
//! a few files whose forms everybody knows, runs nothing, and says nothing where a manifest says nothing.

use ligase_domain::{Entry, EntryKind, RepoPath, SourceTree};
use std::collections::{BTreeMap, BTreeSet};

/// A manifest above this is generated, or none.
const MANIFEST_BYTES: u64 = 256 << 10;
/// So many manifests are read.
const MANIFESTS_MAX: usize = 2_000;

/// Files by which a folder is known to be built, or run, by itself.
const NAMES: [&str; 14] = [
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "package.json",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Cargo.toml",
    "Gemfile",
    "composer.json",
    "manage.py",
    "Makefile",
    "Dockerfile",
];

/// The manifests of one folder.
#[derive(Default)]
pub struct Folder {
    texts: BTreeMap<&'static str, String>,
    /// Whether there is a folder `tests`, and a wrapper of Maven or Gradle.
    below: BTreeSet<String>,
}

/// By folder, those that have a manifest.
pub fn read(tree: &dyn SourceTree, entries: &[Entry], ours: &dyn Fn(&RepoPath) -> bool) -> BTreeMap<String, Folder> {
    let mut out: BTreeMap<String, Folder> = BTreeMap::new();
    let mut read = 0;
    let regular = |e: &&Entry| matches!(e.kind, EntryKind::File | EntryKind::Executable) && ours(&e.path);
    for entry in entries.iter().filter(regular) {
        let Some(path) = entry.path.as_str() else { continue };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(name) = NAMES.into_iter().find(|n| *n == name) else { continue };
        if read < MANIFESTS_MAX
            && let Ok(bytes) = tree.read(entry, MANIFEST_BYTES)
        {
            read += 1;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            out.entry(folder.to_owned()).or_default().texts.insert(name, text);
        }
    }
    for path in entries.iter().filter_map(|e| e.path.as_str()) {
        let mut at = 0;
        // The first part below each folder that has a manifest.
        loop {
            let (folder, rest) = if at == 0 { ("", path) } else { (&path[..at - 1], &path[at..]) };
            if let Some(found) = out.get_mut(folder) {
                let part = rest.split('/').next().unwrap_or(rest);
                if matches!(part, "tests" | "test" | "mvnw" | "gradlew" | "spec" | "bin") {
                    found.below.insert(part.to_owned());
                }
            }
            match path[at..].find('/') {
                Some(next) => at += next + 1,
                None => break,
            }
        }
    }
    out
}

impl Folder {
    /// The manifests' names, for people.
    pub fn names(&self) -> String {
        self.texts.keys().copied().collect::<Vec<_>>().join(", ")
    }

    /// Whether it can be run, and not only built into something else.
    pub fn runs(&self) -> bool {
        self.texts.contains_key("Dockerfile") || self.texts.contains_key("manage.py")
    }

    /// Whether a manifest says what it is made of: a Makefile and a Dockerfile alone do not.
    pub fn builds(&self) -> bool {
        self.texts.keys().any(|n| !matches!(*n, "Makefile" | "Dockerfile"))
    }

    fn package(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.texts.get("package.json")?).ok()
    }

    /// The name that a manifest gives, with that manifest.
    pub fn name(&self) -> Option<(String, &'static str)> {
        let quoted = |line: &str| Some(line.split_once('=')?.1.trim().trim_matches(['"', '\'']).to_owned());
        let toml = |name: &'static str, tables: &[&str]| {
            let mut inside = false;
            for line in self.texts.get(name)?.lines().map(str::trim) {
                if line.starts_with('[') {
                    inside = tables.contains(&line);
                } else if inside && line.strip_prefix("name").is_some_and(|r| r.trim_start().starts_with('=')) {
                    return Some((quoted(line)?, name));
                }
            }
            None
        };
        let module = || {
            let line = self.texts.get("go.mod")?.lines().find_map(|l| l.trim().strip_prefix("module "))?;
            Some((line.trim().rsplit('/').find(|p| !is_version(p))?.to_owned(), "go.mod"))
        };
        let package = || Some((self.package()?["name"].as_str()?.rsplit('/').next()?.to_owned(), "package.json"));
        toml("pyproject.toml", &["[project]", "[tool.poetry]"])
            .or_else(package)
            .or_else(module)
            .or_else(|| toml("Cargo.toml", &["[package]"]))
            .filter(|(name, _)| !name.is_empty())
    }

    /// How its tests are run, with why it is thought so.
    pub fn verify(&self) -> Option<(Vec<&'static str>, String)> {
        let has = |name: &str, text: &str| self.texts.get(name).is_some_and(|t| t.contains(text));
        let said = |command: &[&'static str], why: &str| Some((command.to_vec(), why.to_owned()));
        let python = ["pyproject.toml", "requirements.txt", "setup.py"];
        if python.iter().any(|n| has(n, "pytest")) {
            return said(&["python3", "-m", "pytest", "-q"], "a manifest of Python names pytest");
        }
        let script = self.package().and_then(|p| p["scripts"]["test"].as_str().map(str::to_owned));
        if script.is_some_and(|s| !s.contains("no test specified")) {
            return said(&["npm", "test"], "package.json has a script called test");
        }
        for (name, command) in [
            ("go.mod", &["go", "test", "./..."][..]),
            ("Cargo.toml", &["cargo", "test", "--offline"]),
            ("pom.xml", &["mvn", "--batch-mode", "--offline", "test"]),
        ] {
            if self.texts.contains_key(name) {
                return said(command, &format!("{name} stands there"));
            }
        }
        if self.texts.keys().any(|n| n.starts_with("build.gradle")) {
            let program = if self.below.contains("gradlew") { "./gradlew" } else { "gradle" };
            return said(&[program, "--offline", "test"], "a build of Gradle stands there");
        }
        if has("Gemfile", "rspec") {
            return said(&["bundle", "exec", "rspec"], "Gemfile names rspec");
        }
        if has("Gemfile", "rails") && self.below.contains("test") {
            return said(&["bundle", "exec", "rails", "test"], "Gemfile names rails, and there is a folder test");
        }
        if self.texts.contains_key("manage.py") {
            return said(&["python3", "manage.py", "test"], "manage.py stands there");
        }
        if python.iter().any(|n| self.texts.contains_key(n)) && self.below.contains("tests") {
            return said(
                &["python3", "-m", "unittest", "discover", "-s", "tests", "-t", "."],
                "there is a folder tests, and no pytest",
            );
        }
        let target = self.texts.get("Makefile").is_some_and(|t| t.lines().any(|l| l.starts_with("test:")));
        if target { said(&["make", "test"], "Makefile has a target test") } else { None }
    }
}

/// `v2` at the end of a module's path.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::MapTree;

    fn folders(files: &[(&str, &str)]) -> BTreeMap<String, Folder> {
        let tree = MapTree::new(files.iter().copied());
        read(&tree, &tree.entries().unwrap(), &|_| true)
    }

    #[test]
    fn a_manifest_names_its_service_and_its_tests() {
        let found = folders(&[
            (
                "pay/pyproject.toml",
                "[build-system]\nname = \"no\"\n[project]\nname = 'pay-api'\ndependencies = [\"pytest\"]\n",
            ),
            ("shop/package.json", "{\"name\": \"@acme/shop\", \"scripts\": {\"test\": \"jest\"}}"),
            ("web/package.json", "{\"scripts\": {\"test\": \"echo \\\"Error: no test specified\\\" && exit 1\"}}"),
            ("web/Makefile", "build:\n\ttest\ntest: build\n"),
            ("gate/go.mod", "module example.org/acme/gate/v2\n"),
            ("old/requirements.txt", "flask\n"),
            ("old/tests/test_a.py", ""),
            ("bare/requirements.txt", "flask\n"),
        ]);
        let name = |f: &str| found[f].name().map(|(n, _)| n);
        let verify = |f: &str| found[f].verify().map(|(c, _)| c.join(" "));
        assert_eq!(name("pay").as_deref(), Some("pay-api"));
        assert_eq!(name("shop").as_deref(), Some("shop"));
        assert_eq!(name("gate").as_deref(), Some("gate"));
        assert_eq!(name("web"), None);
        assert_eq!(verify("pay").as_deref(), Some("python3 -m pytest -q"));
        assert_eq!(verify("shop").as_deref(), Some("npm test"));
        assert_eq!(verify("web").as_deref(), Some("make test"));
        assert_eq!(verify("gate").as_deref(), Some("go test ./..."));
        assert_eq!(verify("old").as_deref(), Some("python3 -m unittest discover -s tests -t ."));
        assert_eq!(verify("bare"), None, "nothing says how");
    }
}
