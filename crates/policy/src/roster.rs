//! Which services a repository has, and what declares each: its own `dna.yaml`, an identity in the organisation's
//! repository, or nothing. Pure. A service's own file wins; what nobody declares is listed all the same.

use crate::resolve::Declaration;
use crate::{Catalog, Dna, Organisation, Scope};
use ligase_document::DocumentError;
use ligase_domain::{Digest, RepoPath, RepositoryId, ServiceId};
use std::collections::BTreeMap;

/// The name of the file that declares a service.
pub const DNA_FILE: &str = "dna.yaml";

/// A file named `dna.yaml` as it was found.
#[derive(Clone, Debug)]
pub struct DnaFile {
    /// Where it lies.
    pub path: RepoPath,
    /// Its bytes, or why they could not be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// A service of a repository, with what declares it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The service.
    pub service: ServiceId,
    /// The file that declares it, if it has one of its own.
    pub file: Option<RepoPath>,
    /// The declaration, if there is one that can be read.
    pub dna: Option<Dna>,
    /// What is wrong with the file, and the digest of its bytes, if it cannot be read.
    pub unreadable: Option<(Digest, Vec<DocumentError>)>,
}

impl Listed {
    /// What there is of a declaration, for `resolve`.
    pub fn declaration(&self) -> Declaration<'_> {
        match (&self.unreadable, &self.dna) {
            (Some((digest, errors)), _) => Declaration::Unreadable { digest: *digest, errors },
            (None, Some(dna)) => Declaration::Read(dna),
            (None, None) => Declaration::Absent,
        }
    }
}

/// The folders of all services of a roster, as judging needs them.
pub fn folders(roster: &[Listed]) -> Vec<String> {
    roster.iter().map(|l| l.service.folder.clone()).collect()
}

/// Lists the services of a repository, sorted by folder. `files` gives the paths that were looked at, and is asked only
/// when the root is not declared: it is a service of its own where any of them belongs to no declared folder, so that
/// nothing drops out silently.
pub fn roster<E>(
    repository: &RepositoryId,
    declarations: &[DnaFile],
    files: impl FnOnce() -> Result<Vec<RepoPath>, E>,
    organisation: Option<&Organisation>,
    catalog: &Catalog,
) -> Result<Vec<Listed>, E> {
    let service = |folder: &str| ServiceId { repository: repository.clone(), folder: folder.to_owned() };
    let identity = |folder: &str| organisation.and_then(|o| o.identity_of(&service(folder))).cloned();
    let mut by_folder: BTreeMap<String, Listed> = BTreeMap::new();
    for file in declarations {
        let folder = folder_of(&file.path);
        let (dna, unreadable) = read(file, catalog);
        let service = service(&folder);
        by_folder.insert(folder, Listed { service, file: Some(file.path.clone()), dna, unreadable });
    }
    for folder in organisation.map(|o| o.folders_of(repository)).unwrap_or_default() {
        by_folder.entry(folder.to_owned()).or_insert_with(|| Listed {
            service: service(folder),
            file: None,
            dna: identity(folder),
            unreadable: None,
        });
    }
    if !by_folder.contains_key("") {
        let declared: Vec<String> = by_folder.keys().cloned().collect();
        let rest = Scope::new("", None, &declared);
        if by_folder.is_empty() || files()?.iter().any(|f| rest.holds(f)) {
            by_folder.insert(String::new(), Listed { service: service(""), file: None, dna: None, unreadable: None });
        }
    }
    Ok(by_folder.into_values().collect())
}

/// The folder that a declaration governs. A path that is not UTF-8 is escaped, as everywhere.
fn folder_of(path: &RepoPath) -> String {
    let text = path.to_string();
    text.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default()
}

fn read(file: &DnaFile, catalog: &Catalog) -> (Option<Dna>, Option<(Digest, Vec<DocumentError>)>) {
    let name = file.path.to_string();
    match &file.bytes {
        Ok(bytes) => match Dna::read(&name, bytes, catalog) {
            Ok(dna) => (Some(dna), None),
            Err(errors) => (None, Some((Digest::of(bytes), errors))),
        },
        Err(why) => {
            let remedy =
                "make the file a readable one of at most 64 KiB; until then the service is judged by the floor";
            let error = DocumentError::whole("E-DNA-UNREADABLE", name, why.clone()).expected("a file that can be read");
            let error = error.remedy(remedy);
            (None, Some((Digest::of(why.as_bytes()), vec![error])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(declarations: &[(&str, &str)], files: &[&str]) -> Vec<(String, bool, bool)> {
        let catalog = Catalog::load(&ligase_catalog::shipped()).unwrap();
        let repository = RepositoryId { forge: "local".to_owned(), stable: "shop".to_owned() };
        let declarations: Vec<DnaFile> = declarations
            .iter()
            .map(|(path, text)| DnaFile { path: RepoPath::from(*path), bytes: Ok(text.as_bytes().to_vec()) })
            .collect();
        let files = || Ok::<_, std::convert::Infallible>(files.iter().map(|f| RepoPath::from(*f)).collect());
        let roster = roster(&repository, &declarations, files, None, &catalog).unwrap();
        roster.into_iter().map(|l| (l.service.folder, l.dna.is_some(), l.unreadable.is_some())).collect()
    }

    const DNA: &str = "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: { name: a }\nspec: {}\n";

    #[test]
    fn a_repository_without_a_declaration_is_one_undeclared_service() {
        assert_eq!(listed(&[], &["main.py"]), [(String::new(), false, false)]);
    }

    #[test]
    fn what_no_declared_folder_holds_is_a_service_of_its_own() {
        let services = listed(&[("a/dna.yaml", DNA)], &["a/main.py", "tools/x.py"]);
        assert_eq!(services, [(String::new(), false, false), ("a".to_owned(), true, false)]);
        assert_eq!(listed(&[("a/dna.yaml", DNA)], &["a/main.py"]), [("a".to_owned(), true, false)]);
    }

    #[test]
    fn an_unreadable_declaration_is_not_an_absent_one() {
        assert_eq!(listed(&[("dna.yaml", "kind: [")], &["main.py"]), [(String::new(), false, true)]);
    }
}
