//! Where a function of TypeScript, JavaScript, Java or Go comes from that another place of the repository uses, and how the
//! file of a subject would have it: imported as there, exported next door, of the same package. What is a method of an
//! object that the subject may not have, and what would make a circle of imports, is not found. Next: `clike/imports.rs`.

use crate::clike::{Import, Imports, Scan, Style, Taken, joined};
use crate::known::Known;
use crate::needs::Candidate;
use crate::source::{Refusal, SourceText};
use ligase_domain::RepoPath;
use std::collections::{BTreeSet, VecDeque};

/// How many files are read to find a circle of imports.
const MAX_IMPORTERS: usize = 400;

/// The candidate with the import that `into` needs for it.
pub(crate) fn resolve(known: &Known<'_>, candidate: Candidate, into: &RepoPath) -> Result<Candidate, Refusal> {
    let not_found = || Refusal::new("not-found", candidate.symbol.clone());
    let used_in = candidate.used_in.clone().filter(|p| known.is_source(p)).ok_or_else(not_found)?;
    let (_, there) = known.source(&used_in)?;
    let (root, method) =
        candidate.symbol.split_once('.').map_or((candidate.symbol.as_str(), false), |(r, _)| (r, true));
    let imports = Imports::read(&there, &used_in)?;
    let import = match imports.origin_of(root) {
        Some(import) => Some(import),
        None if used_in == *into => {
            let own = defined(&there, root)?.is_some_and(|d| d != Defined::Method);
            own.then_some(()).ok_or_else(not_found)?;
            None
        }
        None => match there.dialect() {
            "java" => of_package(&there, &used_in, into, root, method).ok_or_else(not_found)?,
            "go" => (!method && folder(&used_in) == folder(into)).then_some(None).ok_or_else(not_found)?,
            _ => Some(exported(&there, &used_in, root)?.ok_or_else(not_found)?),
        },
    };
    if let Some(import) = import.as_ref().filter(|_| used_in != *into) {
        refuse_circle(known, import, into)?;
    }
    Ok(Candidate { import: import.filter(|_| used_in != *into), ..candidate })
}

fn folder(path: &RepoPath) -> &[u8] {
    &path.as_bytes()[..path.as_bytes().len() - path.file_name().len()]
}

/// How a name is defined at the top level of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Defined {
    Own,
    Exported,
    /// In a class, where only some may call it.
    Method,
}

fn defined(source: &SourceText, name: &str) -> Result<Option<Defined>, Refusal> {
    let scan = Scan::read(source.as_str(), source.begin()..source.as_str().len())?;
    let found = (1..scan.tokens.len()).filter(|at| scan.is(*at, name)).find_map(|at| {
        let keyword = matches!(scan.of(at - 1), "function" | "const" | "class" | "func");
        if keyword && scan.inside[at].is_none() {
            let exported = at >= 2 && (scan.is(at - 2, "export") || at >= 3 && scan.is(at - 3, "export"));
            return Some(if exported { Defined::Exported } else { Defined::Own });
        }
        // `static String mask(String value) {` of the same class is callable from all of its methods.
        let line = scan.text[..scan.tokens[at].start].rfind('\n').map_or(0, |n| n + 1);
        let head = &scan.text[line..scan.tokens[at].start];
        let method = source.dialect() == "java" && scan.is(at + 1, "(") && !head.contains(['(', '=', '.']);
        method.then(|| if head.contains("static ") { Defined::Own } else { Defined::Method })
    });
    Ok(found)
}

/// A class of Java that needs no import where it is used: one of the same package.
fn of_package(
    source: &SourceText,
    used_in: &RepoPath,
    into: &RepoPath,
    root: &str,
    method: bool,
) -> Option<Option<Import>> {
    let class = method && root.starts_with(char::is_uppercase);
    if !class {
        return None;
    }
    let package = source.as_str().lines().find_map(|l| l.trim().strip_prefix("package ")?.strip_suffix(';'))?.trim();
    if folder(used_in) == folder(into) {
        return Some(None);
    }
    let (module, taken, style) = (format!("{package}.{root}"), Taken::Whole, Style::Java);
    Some(Some(Import { module, taken, local: root.to_owned(), from: used_in.clone(), style }))
}

/// What a script exports itself, as another would import it.
fn exported(source: &SourceText, used_in: &RepoPath, root: &str) -> Result<Option<Import>, Refusal> {
    if defined(source, root)? != Some(Defined::Exported) {
        return Ok(None);
    }
    let name = String::from_utf8_lossy(used_in.file_name()).into_owned();
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let with_extension = Imports::read(source, used_in)?.modules().any(|m| m.starts_with('.') && m.ends_with(".js"));
    let module = format!("./{stem}{}", if with_extension { ".js" } else { "" });
    let (taken, local) = (Taken::Name(root.to_owned()), root.to_owned());
    Ok(Some(Import { module, taken, local, from: used_in.clone(), style: Style::Import }))
}

/// Refuses an import that, directly or through others, comes back to the file that is to import it.
fn refuse_circle(known: &Known<'_>, import: &Import, into: &RepoPath) -> Result<(), Refusal> {
    let circular = || Refusal::new("import-would-be-circular", format!("{} and {into}", import.module));
    match import.style {
        Style::Java | Style::JavaStatic => Ok(()),
        // A package that the same package imports already cannot come back to it.
        Style::Go => {
            let beside = known.paths_beside(into);
            let imported = beside.iter().any(|path| {
                let Ok((_, source)) = known.source(path) else { return false };
                Imports::read(&source, path).is_ok_and(|i| i.modules().any(|m| m == import.module))
            });
            if imported { Ok(()) } else { Err(Refusal::new("imports-not-followed", import.module.clone())) }
        }
        Style::Import | Style::Require => {
            let (mut open, mut seen) = (VecDeque::from(file_of(known, &import.from, &import.module)), BTreeSet::new());
            while let Some(path) = open.pop_front() {
                if path == *into {
                    return Err(circular());
                }
                if !seen.insert(path.clone()) {
                    continue;
                }
                if seen.len() > MAX_IMPORTERS {
                    return Err(Refusal::new("imports-not-followed", import.module.clone()));
                }
                let Ok((_, source)) = known.source(&path) else { continue };
                let Ok(imports) = Imports::read(&source, &path) else { continue };
                open.extend(imports.modules().flat_map(|m| file_of(known, &path, m)));
            }
            Ok(())
        }
    }
}

/// The file of the tree that a relative module means.
fn file_of(known: &Known<'_>, from: &RepoPath, module: &str) -> Vec<RepoPath> {
    let parts = from.as_str().filter(|_| module.starts_with('.')).and_then(|f| joined(f, module));
    let Some(stem) = parts.map(|p| p.join("/")) else { return vec![] };
    let bare = stem.strip_suffix(".js").unwrap_or(&stem);
    let ends = ["", ".ts", ".tsx", ".js", ".jsx", ".mjs", "/index.ts", "/index.js"];
    let all = ends.iter().map(|end| RepoPath::from(format!("{bare}{end}").as_str()));
    all.filter(|p| known.has_file(p)).collect()
}
