//! The example organisation as it is embedded, and its making on disk: bare git repositories and a policy.
//! Commits have fixed authors and dates, so that the same program makes the same repositories.

use crate::failure::Failure;
use ligase_domain::RepoPath;
use ligase_vcs::{Repository, Signer};
use std::collections::BTreeMap;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/demo.rs"));

/// 2026-11-02T08:00:00Z: before the first sweep, whenever it is run.
const COMMITTED_AT_S: i64 = 1_793_606_400;

/// Where the policy lies below the demo's folder.
pub const ORGANISATION: &str = "organisation/organisation.yaml";

/// What is expected, as it was written by hand.
pub fn expected() -> &'static [u8] {
    FILES.iter().find(|(name, _)| *name == "EXPECTED.json").map_or(b"{}", |(_, bytes)| bytes)
}

/// Makes the repositories and the policy as it was before anything was adopted. Returns the names of the services.
pub fn make(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut services: BTreeMap<&str, Vec<(RepoPath, Vec<u8>)>> = BTreeMap::new();
    for (name, bytes) in FILES {
        if let Some((service, path)) = name.strip_prefix("services/").and_then(|rest| rest.split_once('/')) {
            services.entry(service).or_default().push((RepoPath::from(path), bytes.to_vec()));
        } else if name.starts_with("organisation/") {
            write(&folder.join(name), bytes)?;
        }
    }
    adopt(folder, 0)?;
    for (service, files) in &services {
        let path = folder.join("repositories").join(format!("{service}.git"));
        let failed = |what: String| Failure::look("E-DEMO-GIT", what, "name an empty folder with --dir");
        let repository = Repository::create_bare(&path, "main").map_err(|e| failed(e.to_string()))?;
        let signer = Signer::new("Noor Haddad", "noor.haddad@meridian-health.example", COMMITTED_AT_S);
        let message = format!("{service}: as it stands\n");
        let commit = repository.commit_files(&[], files, &message, &signer).map_err(|e| failed(e.to_string()))?;
        repository
            .compare_and_swap_ref("refs/heads/main", None, Some(commit), "as it stands")
            .map_err(|e| failed(e.to_string()))?;
    }
    Ok(services.keys().map(|s| (*s).to_owned()).collect())
}

/// Puts the policy in force that has the first so many of the cascades.
pub fn adopt(folder: &Path, cascades: usize) -> Result<(), Failure> {
    write(&folder.join(ORGANISATION), with_cascades(&policy(), cascades).as_bytes())
}

/// The whole policy as it was written: floor, budgets, every cascade.
pub fn policy() -> String {
    let found = FILES.iter().find(|(name, _)| *name == ORGANISATION);
    String::from_utf8_lossy(found.map_or(&b""[..], |(_, bytes)| bytes)).into_owned()
}

/// The policy with the first so many of its cascades, and without the key where none is left.
fn with_cascades(policy: &str, wanted: usize) -> String {
    let (mut inside, mut seen) = (false, 0);
    let kept = policy.lines().filter(|line| {
        let depth = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("cascades:") {
            inside = true;
            return wanted > 0;
        }
        inside = inside && (depth > 2 || line.trim().is_empty());
        seen += usize::from(inside && line.trim_start().starts_with("- name:"));
        !inside || seen <= wanted
    });
    kept.map(|line| format!("{line}\n")).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::look("E-DEMO-WRITE", format!("{}: {e}", path.display()), "name a writable folder with --dir")
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, bytes).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_gets_its_cascades_one_by_one() {
        let before = with_cascades(&policy(), 0);
        assert!(!before.contains("cascades") && !before.contains("hipaa") && !before.contains("soc2"), "{before}");
        assert!(before.contains("budgets"), "{before}");
        let first = with_cascades(&policy(), 1);
        assert!(first.contains("adopt-hipaa") && !first.contains("soc2") && first.contains("budgets"), "{first}");
        assert_eq!(with_cascades(&policy(), 2), policy());
    }
}
