//! What can be wrong in a catalog beside what loading refuses: files that nobody reads, remedies for clauses that do not
//! exist, examples that cannot be run. The bodies of remedies are the business of `remedy`.

use crate::inspector::Inspector;
use ligase_document::DocumentError;
use ligase_domain::ClauseId;
use std::collections::BTreeSet;

const FOLDERS: [&str; 6] = ["constraints", "frameworks", "kinds", "probes", "remedies", "vocabulary"];

impl Inspector {
    /// Everything that is wrong in a catalog that could be loaded.
    pub fn lint(&self) -> Vec<DocumentError> {
        let clauses: BTreeSet<String> =
            self.catalog().constraints().values().flat_map(|c| c.clauses.iter().map(|c| c.id.to_string())).collect();
        let mut problems = self.examples(None).1;
        for (path, _) in self.files() {
            let folder = path.split('/').next().unwrap_or_default();
            if path != "stacks.yaml" && !FOLDERS.contains(&folder) {
                let problem = DocumentError::whole("E-CATALOG-FOLDER", path, "nobody reads this folder");
                problems.push(problem.among(folder, FOLDERS));
            }
            let Some(name) = path.strip_prefix("remedies/") else { continue };
            let clause = name.split_once('.').map_or(name, |(clause, _)| clause);
            if ClauseId::parse(clause).is_none() || !clauses.contains(clause) {
                let problem = DocumentError::whole("E-CATALOG-REMEDY", path, format!("there is no clause {clause}"));
                problems.push(problem.among(clause, clauses.iter().map(String::as_str)));
            }
        }
        problems
    }
}
