//! The files of a revision together: which file a module names, what a file gives, which function and class a name is.
//! JavaScript's modules are files, Go's are folders, Java's are packages. Next: `eval.rs`.

use crate::emit::Facts;
use ligase_domain::{LookedFile, Origin, Seen, Value};
use std::collections::{BTreeMap, HashMap};

/// One file.
pub(super) struct File<'f> {
    pub looked: &'f LookedFile,
    pub path: String,
    pub folder: String,
    pub language: &'static str,
    pub package: &'f str,
    /// (local, module, symbol as written by `emit.rs`).
    pub imports: Vec<(&'f str, &'f str, &'f str)>,
    pub exports: BTreeMap<&'f str, &'f str>,
    pub stars: Vec<&'f str>,
    pub units: BTreeMap<&'f str, &'f Seen>,
    pub named: HashMap<(&'f str, &'f str), &'f str>,
    pub methods: HashMap<(&'f str, &'f str), &'f str>,
    /// Statements by scope, each with its number among what the file shows.
    pub steps: BTreeMap<&'f str, Vec<(usize, &'f Seen)>>,
    pub classes: BTreeMap<&'f str, &'f Seen>,
    /// What a function without a name is bound to.
    pub called: HashMap<&'f str, &'f str>,
}

impl File<'_> {
    pub(super) fn is_source(&self) -> bool {
        !matches!(self.looked.key.class.origin, Origin::Test | Origin::Vendored | Origin::Generated | Origin::Minified)
            && ![".test.", ".spec.", ".e2e-spec.", ".stories.", "__mocks__/", ".d.ts"]
                .iter()
                .any(|t| self.path.contains(t))
            && !self.path.ends_with("_test.go")
            && !self.path.contains("src/test/")
    }
}

/// All files.
pub(super) struct World<'f> {
    pub files: Vec<File<'f>>,
    by_path: HashMap<String, usize>,
    /// Last part of a path without its ending → files.
    by_stem: HashMap<String, Vec<usize>>,
    /// The file that stands for a folder as a whole, by the folder's name.
    pub(super) packages: HashMap<String, Vec<usize>>,
    /// Go: folder → files.
    pub folders: BTreeMap<String, Vec<usize>>,
    /// Last part of a folder → folders.
    folder_tails: HashMap<String, Vec<String>>,
    /// Name of a class → files.
    class_files: HashMap<&'f str, Vec<usize>>,
}

fn language_of(dialect: &str) -> Option<&'static str> {
    match dialect {
        "typescript" | "javascript" => Some("typescript"),
        "java" => Some("java"),
        "go" => Some("go"),
        _ => None,
    }
}

const ENDINGS: &[&str] = &[".ts", ".tsx", ".js", ".mjs", ".cjs", ".jsx", ".mts", ".cts"];

impl<'f> World<'f> {
    pub(super) fn new(looked: &[&'f LookedFile]) -> Self {
        let mut world = Self {
            files: Vec::new(),
            by_path: HashMap::new(),
            by_stem: HashMap::new(),
            packages: HashMap::new(),
            folders: BTreeMap::new(),
            folder_tails: HashMap::new(),
            class_files: HashMap::new(),
        };
        for one in looked {
            if let (Some(language), Some(path)) = (language_of(&one.key.class.dialect), one.path.as_str()) {
                world.take(one, language, path);
            }
        }
        let tails: Vec<String> = world.folders.keys().cloned().collect();
        for folder in tails {
            let tail = folder.rsplit('/').next().unwrap_or_default().to_owned();
            world.folder_tails.entry(tail).or_default().push(folder);
        }
        world
    }

    fn take(&mut self, one: &'f LookedFile, language: &'static str, path: &str) {
        let at = self.files.len();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut file = File {
            looked: one,
            path: path.to_owned(),
            folder: folder.to_owned(),
            language,
            package: "",
            imports: Vec::new(),
            exports: BTreeMap::new(),
            stars: Vec::new(),
            units: BTreeMap::new(),
            named: HashMap::new(),
            methods: HashMap::new(),
            steps: BTreeMap::new(),
            classes: BTreeMap::new(),
            called: HashMap::new(),
        };
        one.observations.seen.iter().enumerate().for_each(|(n, s)| file.read(n, s));
        for class in file.classes.keys() {
            self.class_files.entry(class).or_default().push(at);
        }
        self.by_path.insert(path.to_owned(), at);
        let stem = name.split('.').next().unwrap_or(name);
        if stem == "index" && language == "typescript" {
            let of = folder.strip_suffix("/src").unwrap_or(folder);
            let of = of.rsplit('/').next().unwrap_or_default();
            self.packages.entry(of.to_owned()).or_default().push(at);
        }
        let stem = if stem == "index" { folder.rsplit('/').next().unwrap_or_default() } else { stem };
        self.by_stem.entry(stem.to_owned()).or_default().push(at);
        if language == "go" && !path.ends_with("_test.go") {
            self.folders.entry(folder.to_owned()).or_default().push(at);
        }
        self.files.push(file);
    }

    /// Files in the order in which they run: who is imported before who imports.
    pub(super) fn in_order(&self, files: &[usize]) -> Vec<usize> {
        let (mut taken, mut out) = (vec![true; self.files.len()], Vec::new());
        files.iter().for_each(|file| taken[*file] = false);
        for first in files {
            let mut open = vec![(*first, false)];
            while let Some((file, done)) = open.pop() {
                if done {
                    out.push(file);
                } else if !std::mem::replace(&mut taken[file], true) {
                    open.push((file, true));
                    let here = &self.files[file];
                    if here.language == "typescript" {
                        let modules = here.imports.iter().map(|i| i.1).chain(here.stars.iter().copied());
                        let next: Vec<usize> = modules.filter_map(|m| self.module(file, m)).collect();
                        open.extend(next.into_iter().rev().filter(|f| !taken[*f]).map(|f| (f, false)));
                    }
                }
            }
        }
        out
    }

    /// The file that a module of JavaScript names, as seen from a file.
    pub(super) fn module(&self, from: usize, module: &str) -> Option<usize> {
        if let Some(rest) = module.strip_prefix('.') {
            let mut folder = self.files[from].folder.clone();
            let mut rest = rest.strip_prefix('/').unwrap_or(rest);
            if let Some(up) = module.strip_prefix("..") {
                rest = up.strip_prefix('/').unwrap_or(up);
                folder = parent(&folder);
            }
            while let Some(up) = rest.strip_prefix("../").or_else(|| (rest == "..").then_some("")) {
                folder = parent(&folder);
                rest = up;
            }
            let base = if folder.is_empty() || rest.is_empty() {
                format!("{folder}{rest}")
            } else {
                format!("{folder}/{rest}")
            };
            return self.at(base.trim_end_matches('/'));
        }
        self.aliased(from, module)
    }

    fn at(&self, base: &str) -> Option<usize> {
        if let Some(at) = self.by_path.get(base) {
            return Some(*at);
        }
        // `./x.js` may be written for `x.ts`.
        let bare = ENDINGS.iter().find_map(|e| base.strip_suffix(e)).unwrap_or(base);
        let tries = [base, bare].into_iter().flat_map(|b| {
            ENDINGS.iter().map(move |e| format!("{b}{e}")).chain(
                ENDINGS.iter().map(move |e| if b.is_empty() { format!("index{e}") } else { format!("{b}/index{e}") }),
            )
        });
        tries.into_iter().find_map(|p| self.by_path.get(&p).copied())
    }

    /// `@/auth/guard`, `src/auth/guard`, `@app/shared/guard`: one file whose path ends so, the nearest of several.
    fn aliased(&self, from: usize, module: &str) -> Option<usize> {
        let mut tail = module.trim_start_matches(['@', '~', '#', '/']);
        tail = ENDINGS.iter().find_map(|e| tail.strip_suffix(e)).unwrap_or(tail);
        let mut first = !module.starts_with("@/") && !module.starts_with('~') && !module.starts_with('#');
        let stem = module.rsplit('/').next()?.split('.').next()?;
        let candidates = self.by_stem.get(stem)?;
        if !module.contains('/') {
            return None;
        }
        for _ in 0..3 {
            let ends = |path: &str| {
                let bare = ENDINGS.iter().find_map(|e| path.strip_suffix(e)).unwrap_or(path);
                let bare = bare.strip_suffix("/index").unwrap_or(bare);
                bare == tail || bare.strip_suffix(tail).is_some_and(|b| b.ends_with('/'))
            };
            let mut found: Vec<usize> = candidates.iter().copied().filter(|c| ends(&self.files[*c].path)).collect();
            if !found.is_empty() {
                found.sort_by_key(|c| std::cmp::Reverse(shared(&self.files[*c].path, &self.files[from].path)));
                return found.first().copied();
            }
            if !first {
                return None;
            }
            // `@app/auth/guard`: the first part may be the alias.
            first = module.starts_with('@') && tail.matches('/').count() > 1;
            tail = tail.split_once('/')?.1;
            if !tail.contains('/') && !first {
                return None;
            }
        }
        None
    }

    /// The folder that an import path of Go names: the longest end of it that is a folder here.
    pub(super) fn go_folder(&self, module: &str) -> Option<&str> {
        let tail = module.rsplit('/').find(|p| !is_version(p))?;
        let folders = self.folder_tails.get(tail)?;
        let fits = |f: &&String| module == f.as_str() || module.ends_with(&format!("/{f}"));
        if let Some(found) = folders.iter().filter(fits).max_by_key(|f| f.len()) {
            return Some(found);
        }
        // In a folder of a larger repository: `github.com/o/r/auth` lies in `services/r/auth` or in `services/x/auth`.
        let parts: Vec<&str> = module.split('/').collect();
        let known = |m: &str| {
            m.contains('.')
                && ["github.com/go-chi", "github.com/gin-gonic", "github.com/gorilla", "golang.org"]
                    .iter()
                    .any(|k| m.starts_with(k))
        };
        if known(module) || parts.len() < 3 && module.contains('.') {
            return None;
        }
        let own = parts.len() >= 3;
        (own && folders.len() == 1 && folders[0].contains('/')).then(|| folders[0].as_str()).filter(|f| {
            let before = f.rsplit('/').nth(1).unwrap_or_default();
            parts.iter().rev().nth(1).is_some_and(|p| *p == before)
        })
    }

    /// The file of a class that a name of a file means.
    pub(super) fn class(&self, file: usize, name: &str) -> Option<(usize, &'f str)> {
        let here = &self.files[file];
        let (first, last) = name.rsplit_once('.').map_or(("", name), |(f, l)| (f, l));
        if first.is_empty()
            && let Some((key, _)) = here.classes.get_key_value(last)
        {
            return Some((file, key));
        }
        match here.language {
            "go" => {
                let folder = if first.is_empty() {
                    here.folder.as_str()
                } else {
                    self.go_folder(here.imports.iter().find(|i| i.0 == first)?.1)?
                };
                self.folders
                    .get(folder)?
                    .iter()
                    .find_map(|f| Some((*f, *self.files[*f].classes.get_key_value(last)?.0)))
            }
            "java" => {
                let files = self.class_files.get(last)?;
                let imported = here.imports.iter().find(|i| i.2 == format!(".{last}")).map(|i| i.1);
                let package = imported.unwrap_or(here.package);
                let exact =
                    files.iter().find(|f| self.files[**f].package == package && self.files[**f].language == "java");
                let starred =
                    || files.iter().find(|f| here.imports.iter().any(|i| i.2 == "*" && i.1 == self.files[**f].package));
                let found = exact.or_else(starred)?;
                Some((*found, *self.files[*found].classes.get_key_value(last)?.0))
            }
            _ => {
                let import = here.imports.iter().find(|i| i.0 == last && first.is_empty())?;
                self.exported_class(
                    self.module(file, import.1)?,
                    if import.2.starts_with('.') { &import.2[1..] } else { "default" },
                    6,
                )
            }
        }
    }

    fn exported_class(&self, file: usize, name: &str, depth: u8) -> Option<(usize, &'f str)> {
        let there = &self.files[file];
        let inside = there.exports.get(name).copied().unwrap_or(name);
        if let Some((key, _)) = there.classes.get_key_value(inside) {
            return Some((file, key));
        }
        if depth == 0 {
            return None;
        }
        if let Some(import) = there.imports.iter().find(|i| i.0 == inside) {
            let wanted = if import.2.starts_with('.') { &import.2[1..] } else { "default" };
            return self.exported_class(self.module(file, import.1)?, wanted, depth - 1);
        }
        there.stars.iter().take(40).find_map(|s| self.exported_class(self.module(file, s)?, name, depth - 1))
    }

    /// A method of a class, or of what it is made from.
    pub(super) fn method(&self, file: usize, class: &str, name: &str, depth: u8) -> Option<(usize, &'f str)> {
        let here = &self.files[file];
        if let Some(id) = here.methods.get(&(class, name)) {
            return Some((file, id));
        }
        if here.language == "go"
            && let Some(found) = self
                .folders
                .get(&here.folder)
                .into_iter()
                .flatten()
                .find_map(|f| Some((*f, *self.files[*f].methods.get(&(class, name))?)))
        {
            return Some(found);
        }
        let seen = here.classes.get(class).filter(|_| depth > 0)?;
        seen.texts("bases").collect::<Vec<_>>().into_iter().find_map(|b| {
            let (f, c) = self.class(file, b)?;
            self.method(f, c, name, depth - 1)
        })
    }

    /// What people call a function: where it is defined, and its name.
    pub(super) fn symbol(&self, file: usize, id: &str) -> String {
        let here = &self.files[file];
        let Some(unit) = here.units.get(id) else { return "?".to_owned() };
        let name = match unit.str("name") {
            "" => here.called.get(id).copied().unwrap_or("inline"),
            name => name,
        };
        let class = unit.str("class");
        let inside = if class.is_empty() { name.to_owned() } else { format!("{class}.{name}") };
        format!("{}.{inside}", self.module_name(file))
    }

    /// How a file is named in symbols.
    pub(super) fn module_name(&self, file: usize) -> String {
        let here = &self.files[file];
        match here.language {
            "java" => here.package.to_owned(),
            "go" if here.folder.is_empty() => "main".to_owned(),
            "go" => here.folder.clone(),
            _ => {
                let bare = ENDINGS.iter().find_map(|e| here.path.strip_suffix(e)).unwrap_or(&here.path);
                bare.strip_suffix("/index").unwrap_or(bare).to_owned()
            }
        }
    }
}

impl<'f> File<'f> {
    fn read(&mut self, number: usize, seen: &'f Seen) {
        match seen.kind.as_str() {
            "route-file" => {
                self.package = seen.str("package");
                for import in seen.list("imports").iter().filter_map(Value::as_list) {
                    if let [Value::Text(local), Value::Text(module), Value::Text(symbol)] = import {
                        self.imports.push((local, module, symbol));
                    }
                }
                for export in seen.list("exports").iter().filter_map(Value::as_list) {
                    if let [Value::Text(outside), Value::Text(inside)] = export {
                        if outside == "*" {
                            self.stars.push(inside);
                        } else {
                            self.exports.insert(outside, inside);
                        }
                    }
                }
            }
            "route-unit" => {
                let (id, name) = (seen.str("id"), seen.str("name"));
                self.units.insert(id, seen);
                if name.is_empty() {
                    return;
                }
                if seen.str("class").is_empty() || !seen.str("scope").is_empty() {
                    self.named.insert((seen.str("scope"), name), id);
                } else {
                    self.methods.entry((seen.str("class"), name)).or_insert(id);
                }
            }
            "route-class" => drop(self.classes.insert(seen.str("name"), seen)),
            "route-step" => {
                self.steps.entry(seen.str("scope")).or_default().push((number, seen));
                if let Some(id) =
                    seen.attributes.get("value").and_then(Value::as_text).and_then(|v| v.strip_prefix("f:"))
                {
                    let to = seen.str("to");
                    let to = if to == "module.exports" { "" } else { to.rsplit('.').next().unwrap_or(to) };
                    if !to.is_empty() {
                        self.called.insert(id, to);
                    }
                }
                if let Some([Value::Text(tag), pairs @ ..]) = seen.attributes.get("value").and_then(Value::as_list)
                    && tag == "o"
                {
                    for pair in pairs.chunks(2) {
                        if let [Value::Text(key), Value::Text(value)] = pair
                            && let Some(id) = value.strip_prefix("f:")
                        {
                            self.called.insert(id, key);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn parent(folder: &str) -> String {
    folder.rsplit_once('/').map_or(String::new(), |(p, _)| p.to_owned())
}

/// How many folders two paths share from the top.
fn shared(a: &str, b: &str) -> usize {
    a.split('/').zip(b.split('/')).take_while(|(a, b)| a == b).count()
}

fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// An import path without versions: `github.com/go-chi/chi/v5` is `github.com/go-chi/chi`.
pub(super) fn unversioned(module: &str) -> String {
    module.split('/').filter(|p| !is_version(p)).collect::<Vec<_>>().join("/")
}
