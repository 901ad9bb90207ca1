//! Names across files: what a name of one file stands for, through imports, exports, packages and folders. What is not
//! found in exactly one file stands for something outside, and is said so. Bounded: chains of re-exports by their length.
//! Next: `mod.rs`.

use crate::emit::Facts;
use ligase_domain::{LookedFile, Seen, Value};
use std::collections::{BTreeMap, HashMap};

/// Re-exports that are followed one behind the other.
const MAX_CHAIN: usize = 8;
/// What the file that a module names may be called.
const ENDINGS: &[&str] = &[
    ".ts",
    ".tsx",
    ".js",
    ".jsx",
    ".mts",
    ".mjs",
    ".cjs",
    ".cts",
    "/index.ts",
    "/index.js",
    "/index.tsx",
    "/index.jsx",
    "/src/index.ts",
    "/src/index.js",
    ".d.ts",
];

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Something of a file of this revision, by its name there; empty for the file as a whole.
    Inside(usize, String),
    /// Something from outside: `express.Router`, `org.slf4j.LoggerFactory`, `github.com/x/y.Name`.
    Outside(String),
}

/// One import.
pub(crate) struct Taken<'f> {
    pub(crate) module: &'f str,
    pub(crate) kind: &'f str,
    pub(crate) symbol: &'f str,
}

/// One file.
pub(crate) struct File<'f> {
    pub(crate) looked: &'f LookedFile,
    pub(crate) path: String,
    pub(crate) package: &'f str,
    /// By the name that they have here.
    pub(crate) imports: HashMap<&'f str, Taken<'f>>,
    /// Modules of which every name is taken.
    pub(crate) wildcards: Vec<&'f str>,
    /// By the name outside.
    pub(crate) exports: HashMap<&'f str, &'f str>,
    /// Modules whose names are given on.
    pub(crate) given_on: Vec<&'f str>,
}

impl<'f> File<'f> {
    /// The facts of a kind.
    pub(crate) fn seen(&self, kind: &str) -> impl Iterator<Item = &'f Seen> + use<'f, '_> {
        let kind = kind.to_owned();
        self.looked.observations.seen.iter().filter(move |s| s.kind == kind)
    }
}

/// Every file of a revision.
pub(crate) struct World<'f> {
    pub(crate) files: Vec<File<'f>>,
    by_path: HashMap<String, usize>,
    /// Files by the last part of their path without its ending, `index` left out.
    by_stem: HashMap<String, Vec<usize>>,
    /// Files by package (Java) or folder (Go).
    by_package: BTreeMap<String, Vec<usize>>,
}

impl<'f> World<'f> {
    pub(crate) fn new(looked: &[&'f LookedFile]) -> Self {
        let mut world =
            Self { files: Vec::new(), by_path: HashMap::new(), by_stem: HashMap::new(), by_package: BTreeMap::new() };
        for (at, looked) in looked.iter().copied().enumerate() {
            let file = read(looked);
            world.by_path.insert(file.path.clone(), at);
            world.by_stem.entry(stem(&file.path).to_owned()).or_default().push(at);
            let package = match looked.key.class.dialect.as_str() {
                "java" => file.package,
                "go" => file.path.rsplit_once('/').map_or("", |(folder, _)| folder),
                _ => "",
            };
            if matches!(looked.key.class.dialect.as_str(), "java" | "go") {
                world.by_package.entry(package.to_owned()).or_default().push(at);
            }
            world.files.push(file);
        }
        world
    }

    /// The file that a module of TypeScript or JavaScript names, seen from another.
    pub(crate) fn module(&self, from: usize, module: &str) -> Option<usize> {
        let folder = self.files[from].path.rsplit_once('/').map_or("", |(f, _)| f);
        if module.starts_with('.') {
            return self.at_path(&joined(folder, module)?);
        }
        let rest = module.trim_start_matches(['@', '~', '#', '/']);
        let mut open = vec![rest];
        // `@app/users/service`, `@/users/service`, `src/users/service`: the first part may only be a name for a folder.
        open.extend(rest.split_once('/').map(|(_, behind)| behind));
        if !(module.contains('/') && module.starts_with(['@', '~', '#', '/']) || module.starts_with("src/")) {
            return None;
        }
        open.into_iter().find_map(|rest| self.ending_with(rest))
    }

    fn at_path(&self, path: &str) -> Option<usize> {
        if let Some(at) = self.by_path.get(path) {
            return Some(*at);
        }
        let bare = [".js", ".mjs", ".cjs", ".jsx"].iter().find_map(|e| path.strip_suffix(e)).unwrap_or(path);
        let mut tried = [path, bare].into_iter().flat_map(|p| ENDINGS.iter().map(move |e| format!("{p}{e}")));
        tried.find_map(|p| self.by_path.get(&p).copied())
    }

    /// The only file whose path ends so.
    fn ending_with(&self, rest: &str) -> Option<usize> {
        let last = rest.rsplit('/').next().unwrap_or(rest);
        let last = last.trim_end_matches(".js");
        let known = self.by_stem.get(last)?;
        let fits = |at: &&usize| {
            let path = &self.files[**at].path;
            ENDINGS.iter().any(|e| {
                path.strip_suffix(e)
                    .is_some_and(|p| p == rest || p.strip_suffix(rest).is_some_and(|b| b.ends_with('/')))
            })
        };
        let mut found = known.iter().filter(fits);
        let first = found.next()?;
        found.next().is_none().then_some(*first)
    }

    /// The files of a Java package, or of the Go package that an import path names.
    pub(crate) fn package(&self, name: &str) -> &[usize] {
        if let Some(files) = self.by_package.get(name) {
            return files;
        }
        // A Go module has a name of its own: the longest folder that the import path ends with, where it is the only one.
        let mut rest = name;
        while let Some((_, behind)) = rest.split_once('/') {
            rest = behind;
            let ends = |folder: &str| folder == rest || folder.strip_suffix(rest).is_some_and(|b| b.ends_with('/'));
            let mut found = self.by_package.iter().filter(|(folder, _)| ends(folder));
            if let Some((_, files)) = found.next() {
                return if found.next().is_none() { files } else { &[] };
            }
        }
        &[]
    }

    /// What a dotted name of a file stands for.
    pub(crate) fn resolve(&self, file: usize, dotted: &str) -> Target {
        let (first, rest) = dotted.split_once('.').unwrap_or((dotted, ""));
        let Some(taken) = self.files[file].imports.get(first) else {
            return Target::Inside(file, dotted.to_owned());
        };
        let with = |of: &str, rest: &str| if rest.is_empty() { of.to_owned() } else { format!("{of}.{rest}") };
        match self.files[file].looked.key.class.dialect.as_str() {
            "typescript" | "javascript" => match self.module(file, taken.module) {
                Some(other) => match taken.kind {
                    "name" => self.exported(other, taken.symbol, rest, MAX_CHAIN),
                    "whole" => match rest.split_once('.').unwrap_or((rest, "")) {
                        ("", _) => Target::Inside(other, String::new()),
                        (name, rest) => self.exported(other, name, rest, MAX_CHAIN),
                    },
                    _ => self.default_of(other, rest),
                },
                None => {
                    let of = if taken.symbol.is_empty() {
                        taken.module.to_owned()
                    } else {
                        format!("{}.{}", taken.module, taken.symbol)
                    };
                    Target::Outside(with(&of, rest))
                }
            },
            _ => {
                let of = with(taken.module, taken.symbol);
                Target::Outside(with(&of, rest))
            }
        }
    }

    /// The default of a module; a name behind it may be one of `module.exports`.
    fn default_of(&self, file: usize, rest: &str) -> Target {
        let exports = &self.files[file].exports;
        let (name, behind) = rest.split_once('.').unwrap_or((rest, ""));
        if !name.is_empty()
            && exports.get("default").is_none_or(|d| *d == "module.exports")
            && exports.contains_key(name)
        {
            return self.exported(file, name, behind, MAX_CHAIN);
        }
        self.exported(file, "default", rest, MAX_CHAIN)
    }

    /// What a file of TypeScript or JavaScript gives under a name.
    fn exported(&self, file: usize, name: &str, rest: &str, steps: usize) -> Target {
        let dotted = |name: &str| if rest.is_empty() { name.to_owned() } else { format!("{name}.{rest}") };
        if let Some(inside) = self.files[file].exports.get(name) {
            let first = inside.split('.').next().unwrap_or(inside);
            if steps > 0 && self.files[file].imports.contains_key(first) {
                return self.again(file, &dotted(inside), steps - 1);
            }
            return Target::Inside(file, dotted(inside));
        }
        for module in &self.files[file].given_on {
            if let Some(other) = self.module(file, module).filter(|o| *o != file && steps > 0) {
                let found = self.exported(other, name, rest, steps - 1);
                if !matches!(&found, Target::Inside(_, inside) if inside.is_empty()) {
                    return found;
                }
            }
        }
        Target::Inside(file, String::new())
    }

    fn again(&self, file: usize, dotted: &str, steps: usize) -> Target {
        let (first, rest) = dotted.split_once('.').unwrap_or((dotted, ""));
        let taken = self.files[file].imports.get(first);
        match taken.and_then(|t| Some((t, self.module(file, t.module)?))) {
            Some((taken, other)) if taken.kind == "name" => self.exported(other, taken.symbol, rest, steps),
            Some((taken, other)) if taken.kind == "default" => self.exported(other, "default", rest, steps),
            Some((_, other)) => {
                let (name, rest) = rest.split_once('.').unwrap_or((rest, ""));
                self.exported(other, name, rest, steps)
            }
            None => match taken {
                Some(taken) => {
                    let parts = [taken.module, taken.symbol, rest];
                    Target::Outside(parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("."))
                }
                None => Target::Inside(file, dotted.to_owned()),
            },
        }
    }
}

fn read(looked: &LookedFile) -> File<'_> {
    let path = String::from_utf8_lossy(looked.path.as_bytes()).into_owned();
    let (mut imports, mut exports) = (HashMap::new(), HashMap::new());
    let (mut wildcards, mut given_on, mut package) = (Vec::new(), Vec::new(), "");
    for seen in &looked.observations.seen {
        let names = seen.list("names").iter().filter_map(Value::as_map);
        match seen.kind.as_str() {
            "code-package" => package = seen.str("package"),
            "code-import" => {
                for name in names {
                    let taken =
                        Taken { module: name.str("module"), kind: name.str("kind"), symbol: name.str("symbol") };
                    match (taken.kind, name.str("local")) {
                        ("all", _) => wildcards.push(taken.module),
                        (_, "") => {}
                        (_, local) => drop(imports.insert(local, taken)),
                    }
                }
            }
            "code-export" => {
                for name in names {
                    match name.str("outside") {
                        "*" => given_on.push(name.str("inside")),
                        outside => drop(exports.insert(outside, name.str("inside"))),
                    }
                }
            }
            _ => {}
        }
    }
    File { looked, path, package, imports, wildcards, exports, given_on }
}

/// The last telling part of a path.
fn stem(path: &str) -> &str {
    let bare = ENDINGS.iter().filter_map(|e| path.strip_suffix(e)).min_by_key(|p| p.len()).unwrap_or(path);
    bare.rsplit('/').next().unwrap_or(bare)
}

/// A relative module's path from a folder; `None` above the top.
fn joined(folder: &str, module: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in module.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
