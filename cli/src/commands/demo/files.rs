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

/// Makes the repositories and the policy as it was before HIPAA was adopted. Returns the names of the services.
pub fn make(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut services: BTreeMap<&str, Vec<(RepoPath, Vec<u8>)>> = BTreeMap::new();
    for (name, bytes) in FILES {
        if let Some((service, path)) = name.strip_prefix("services/").and_then(|rest| rest.split_once('/')) {
            services.entry(service).or_default().push((RepoPath::from(path), bytes.to_vec()));
        } else if name.starts_with("organisation/") {
            write(&folder.join(name), bytes)?;
        }
    }
    write(&folder.join(ORGANISATION), before_adoption(&policy()).as_bytes())?;
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

/// Puts the policy in force that adopts HIPAA.
pub fn adopt(folder: &Path) -> Result<(), Failure> {
    write(&folder.join(ORGANISATION), policy().as_bytes())
}

fn policy() -> String {
    let found = FILES.iter().find(|(name, _)| *name == ORGANISATION);
    String::from_utf8_lossy(found.map_or(&b""[..], |(_, bytes)| bytes)).into_owned()
}

/// The policy without its cascades: everything from `cascades:` to the next key of the same depth.
fn before_adoption(policy: &str) -> String {
    let mut inside = false;
    let kept = policy.lines().filter(|line| {
        let depth = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("cascades:") {
            inside = true;
        } else if inside && depth <= 2 && !line.trim().is_empty() {
            inside = false;
        }
        !inside
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
    fn the_policy_before_adoption_is_the_policy_without_its_cascades() {
        let before = before_adoption(&policy());
        assert!(policy().contains("hipaa") && !before.contains("cascades") && !before.contains("adopt-hipaa"));
        assert!(before.contains("budgets"), "{before}");
    }
}
