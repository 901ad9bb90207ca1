//! Whose a file is, as CODEOWNERS says: the last rule that matches. Patterns are those of ignore files, as the forges read
//! them. A file that does not read names nobody.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ligase_domain::{RepoPath, SourceTree};

/// Where a forge looks for it, first come first served.
const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
/// GitHub reads none above 3 MB; a rule costs a matcher, so they are counted too.
const BYTES_MAX: u64 = 1 << 20;
const RULES_MAX: usize = 5_000;

/// The rules of one tree.
#[derive(Default)]
pub struct Owners {
    /// Where they stand.
    pub file: Option<&'static str>,
    rules: Vec<(Gitignore, Option<String>, usize)>,
}

impl Owners {
    /// Reads them.
    pub fn read(tree: &dyn SourceTree) -> Self {
        for place in PLACES {
            let Ok(Some(entry)) = tree.entry(&RepoPath::from(place)) else { continue };
            let Ok(bytes) = tree.read(&entry, BYTES_MAX) else { continue };
            return Self { file: Some(place), rules: rules(&String::from_utf8_lossy(&bytes)) };
        }
        Self::default()
    }

    /// The first owner of a file, with the line that says so.
    pub fn of(&self, path: &str) -> Option<(&str, usize)> {
        // A path with `..` or from the root would make the matcher panic; no tree has one.
        if path.is_empty() || path.starts_with('/') || path.split('/').any(|p| p == "..") {
            return None;
        }
        let rule = self.rules.iter().rev().find(|(m, ..)| m.matched_path_or_any_parents(path, false).is_ignore());
        rule.and_then(|(_, owner, line)| Some((owner.as_deref()?, *line)))
    }
}

fn rules(text: &str) -> Vec<(Gitignore, Option<String>, usize)> {
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        let mut words = line.split_whitespace();
        let Some(pattern) = words.next().filter(|p| !p.starts_with(['#', '[', '^', '!'])) else { continue };
        let mut builder = GitignoreBuilder::new("");
        if builder.add_line(None, pattern).is_err() || out.len() >= RULES_MAX {
            continue;
        }
        if let Ok(matcher) = builder.build() {
            out.push((matcher, words.next().map(str::to_owned), number + 1));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::MapTree;

    #[test]
    fn the_last_rule_that_matches_names_the_owner() {
        let text = "# all\n* @acme/all\n/services/pay/ @acme/pay @acme/second\n*.tf @acme/platform # by file\n/services/pay/open/\n";
        let owners = Owners::read(&MapTree::new([(".github/CODEOWNERS", text)]));
        for (path, owner) in [
            ("app/main.py", Some(("@acme/all", 2))),
            ("services/pay/x/main.py", Some(("@acme/pay", 3))),
            ("services/pay/main.tf", Some(("@acme/platform", 4))),
            ("services/pay/open/x.py", None),
            ("../x", None),
        ] {
            assert_eq!(owners.of(path), owner, "{path}");
        }
        assert!(Owners::read(&MapTree::new([("a.py", "")])).of("a.py").is_none());
    }
}
