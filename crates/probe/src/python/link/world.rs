//! The files of a revision as one world: which module a file is, what a dotted name stands for across files. Every walk
//! from name to name is bounded by hops, so that imports in a circle end. Next: `guards.rs`, `routers.rs`.

pub(crate) use crate::emit::Facts;
use crate::python::syntax::last;
use crate::vocabulary::{Vocabulary, words};
use ligase_domain::{LookedFile, Origin, Seen, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Names followed one behind the other.
const MAX_HOPS: u8 = 24;
/// Folders upward in which a module is looked for.
const MAX_FOLDERS: usize = 32;
/// Modules of the standard library that people name files in a package after; `import logging` never means those.
const STANDARD: &[&str] = &[
    "abc",
    "asyncio",
    "calendar",
    "code",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "email",
    "enum",
    "functools",
    "http",
    "inspect",
    "io",
    "json",
    "logging",
    "math",
    "os",
    "pathlib",
    "platform",
    "profile",
    "queue",
    "random",
    "re",
    "secrets",
    "select",
    "signal",
    "statistics",
    "string",
    "sys",
    "time",
    "token",
    "types",
    "typing",
    "uuid",
    "warnings",
];
/// Words of a name of what all paths of an application begin with.
const BELOW: &[&str] = &["base", "prefix", "root", "mount", "subpath", "script"];
/// Words that may stand beside them.
const BESIDE: &[&str] = &["path", "url", "uri", "api", "app", "site", "http", "web", "global", "name", "v1", "v2", "v"];
/// Classes of one chain of inheritance.
const MAX_CLASSES: usize = 32;
/// Bases of a class that are followed.
const MAX_BASES: usize = 4;
/// The scope of a module's own names.
pub(super) const MODULE: &str = "<module>";

/// What a dotted name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Module(usize),
    Function(usize, String),
    /// What calling a function gives.
    Returned(usize, String),
    Class(usize, String),
    Instance(usize, String),
    /// A bound name: file, scope, name.
    Bind(usize, String, String),
    /// A parameter: file, function, name.
    Parameter(usize, String, String),
    /// Something from outside, dotted, without calls.
    External(String),
    Unknown,
}

/// One file's facts by kind.
pub(super) struct File<'f> {
    pub(super) looked: &'f LookedFile,
    pub(super) path: String,
    /// The dotted module name that others import it by.
    pub(super) module: String,
    imports: HashMap<&'f str, (&'f str, bool)>,
    wildcards: Vec<&'f str>,
    binds: HashMap<(&'f str, &'f str), &'f Seen>,
    pub(super) functions: BTreeMap<&'f str, &'f Seen>,
    pub(super) classes: BTreeMap<&'f str, &'f Seen>,
}

impl<'f> File<'f> {
    fn new(looked: &'f LookedFile) -> Self {
        let mut file = Self {
            looked,
            path: looked.path.to_string(),
            module: String::new(),
            imports: HashMap::new(),
            wildcards: Vec::new(),
            binds: HashMap::new(),
            functions: BTreeMap::new(),
            classes: BTreeMap::new(),
        };
        for seen in &looked.observations.seen {
            match seen.kind.as_str() {
                "py-import" => {
                    for binding in seen.list("bindings").iter().filter_map(Value::as_map) {
                        match binding.get("local").and_then(Value::as_text).unwrap_or_default() {
                            "*" => file.wildcards.push(static_text(binding, "origin").trim_end_matches(".*")),
                            local => {
                                file.imports
                                    .entry(local)
                                    .or_insert((static_text(binding, "origin"), binding.flag("module")));
                            }
                        }
                    }
                }
                "py-bind" => {
                    // The last binding of a name is the one that others see; a text that is put together where some setting
                    // asks for it takes nothing from the one that stands there otherwise: `prefix = ""`.
                    let key = (static_text(&seen.attributes, "scope"), static_text(&seen.attributes, "name"));
                    let told = |s: &Seen| {
                        let parts = s.list("text");
                        !parts.is_empty() && parts.iter().all(|p| p.as_map().is_some_and(|p| p.has("text")))
                    };
                    if !(seen.has("text") && !told(seen) && file.binds.get(&key).is_some_and(|b| told(b))) {
                        file.binds.insert(key, seen);
                    }
                }
                "py-function" => drop(file.functions.insert(static_text(&seen.attributes, "name"), seen)),
                "py-class" => drop(file.classes.insert(static_text(&seen.attributes, "name"), seen)),
                _ => {}
            }
        }
        file
    }

    pub(super) fn seen(&self, kind: &'static str) -> impl Iterator<Item = &'f Seen> {
        self.looked.observations.seen.iter().filter(move |s| s.kind == kind)
    }

    pub(super) fn is_source(&self) -> bool {
        self.looked.key.class.origin == Origin::Source
    }

    pub(super) fn bind(&self, scope: &str, name: &str) -> Option<&'f Seen> {
        self.binds.get(&(scope, name)).copied()
    }
}

fn static_text<'f>(map: &'f BTreeMap<String, Value>, name: &str) -> &'f str {
    map.get(name).and_then(Value::as_text).unwrap_or_default()
}

/// Whether a name is that of the path below which an application lies: `settings.BASE_PATH`, `url_prefix`.
fn is_below_all(name: &str) -> bool {
    let parts = words(last(name));
    let has = |set: &[&str]| parts.iter().any(|w| set.contains(&w.as_str()));
    has(BELOW)
        && parts.iter().all(|w| BELOW.contains(&w.as_str()) || BESIDE.contains(&w.as_str()) || w.parse::<u8>().is_ok())
}

/// All Python files of a revision.
pub(super) struct World<'v, 'f> {
    pub(super) vocabulary: &'v Vocabulary,
    pub(super) files: Vec<File<'f>>,
    by_path: HashMap<String, usize>,
    packages: HashSet<String>,
    /// Modules by the importing folder: most names are asked for many times.
    modules: RefCell<HashMap<String, HashMap<String, Option<usize>>>>,
}

impl<'v, 'f> World<'v, 'f> {
    pub(super) fn new(vocabulary: &'v Vocabulary, looked: &[&'f LookedFile]) -> Self {
        let files: Vec<File<'f>> = looked.iter().map(|f| File::new(f)).collect();
        let by_path: HashMap<String, usize> = files.iter().enumerate().map(|(at, f)| (f.path.clone(), at)).collect();
        let packages = files
            .iter()
            .filter_map(|f| f.path.strip_suffix("__init__.py"))
            .map(|d| d.trim_end_matches('/').to_owned())
            .collect();
        let mut world = Self { vocabulary, files, by_path, packages, modules: RefCell::default() };
        world.name_modules();
        world
    }

    /// Names each file as others import it; where nobody does, by its package, else by its path below `src`.
    fn name_modules(&mut self) {
        let mut imported: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for at in 0..self.files.len() {
            let origins: Vec<&str> = self.files[at]
                .imports
                .values()
                .map(|(o, _)| *o)
                .chain(self.files[at].wildcards.iter().copied())
                .collect();
            for origin in origins.into_iter().filter(|o| !o.starts_with('.')) {
                for module in [origin, origin.rsplit_once('.').map_or("", |(m, _)| m)] {
                    if let Some(file) = self.module_file(at, module) {
                        imported.entry(file).or_default().insert(module.to_owned());
                    }
                }
            }
        }
        for at in 0..self.files.len() {
            let path = &self.files[at].path;
            let stem = path.strip_suffix("/__init__.py").or_else(|| path.strip_suffix(".py")).unwrap_or(path);
            // The longest name is the most exact one; `set` makes the choice the same for every order of files.
            let by_import = imported
                .get(&at)
                .and_then(|names| names.iter().max_by_key(|n| (n.len(), std::cmp::Reverse(*n))).cloned());
            let module = by_import.unwrap_or_else(|| {
                let mut folder = stem.rsplit_once('/').map_or("", |(f, _)| f);
                while self.packages.contains(folder) && !folder.is_empty() {
                    folder = folder.rsplit_once('/').map_or("", |(f, _)| f);
                }
                let packaged = stem.rsplit_once('/').is_some_and(|(f, _)| self.packages.contains(f));
                let root = if packaged { folder } else { "" };
                let below = stem.strip_prefix(root).unwrap_or(stem).trim_start_matches('/');
                below.strip_prefix("src/").unwrap_or(below).replace('/', ".")
            });
            self.files[at].module = module;
        }
    }

    /// The file of a module as one file imports it: in the folder that holds its package first, then in the folders
    /// around it, nearest first, each also with `src`.
    pub(super) fn module_file(&self, from: usize, module: &str) -> Option<usize> {
        if module.is_empty() {
            return None;
        }
        let folder = self.files[from].path.rsplit_once('/').map_or("", |(f, _)| f);
        if let Some(known) = self.modules.borrow().get(folder).and_then(|m| m.get(module)) {
            return *known;
        }
        let found = self.find_module(folder, module);
        self.modules.borrow_mut().entry(folder.to_owned()).or_default().insert(module.to_owned(), found);
        found
    }

    fn find_module(&self, mut folder: &str, module: &str) -> Option<usize> {
        let relative = module.replace('.', "/");
        let mut folders: Vec<&str> = Vec::new();
        loop {
            folders.push(folder);
            if folder.is_empty() || folders.len() > MAX_FOLDERS {
                break;
            }
            folder = folder.rsplit_once('/').map_or("", |(f, _)| f);
        }
        // A folder that is itself a package is no root: `import logging` in it does not mean its `logging.py`.
        let (inside, roots): (Vec<&str>, Vec<&str>) = folders.into_iter().partition(|f| self.packages.contains(*f));
        let standard = STANDARD.contains(&module.split('.').next().unwrap_or(module));
        let all = roots.into_iter().chain(inside.into_iter().filter(|_| !standard));
        for root in all {
            for source in ["", "src"] {
                let base =
                    [root, source, &relative].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/");
                if let Some(found) = self.file_at(&base) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// A package hides a module of the same name beside it.
    fn file_at(&self, base: &str) -> Option<usize> {
        self.by_path.get(&format!("{base}/__init__.py")).or_else(|| self.by_path.get(&format!("{base}.py"))).copied()
    }

    /// The folder that a relative import starts from, and the rest of it.
    fn relative(&self, from: usize, origin: &str) -> String {
        let dots = origin.bytes().take_while(|b| *b == b'.').count();
        let mut folder = self.files[from].path.rsplit_once('/').map_or("", |(f, _)| f);
        for _ in 1..dots {
            folder = folder.rsplit_once('/').map_or("", |(f, _)| f);
        }
        let rest = origin[dots..].replace('.', "/");
        [folder, &rest].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/")
    }

    /// What an absolute dotted name stands for, as settings write it.
    pub(super) fn absolute(&self, from: usize, dotted: &str) -> Target {
        self.follow(self.imported(from, dotted, MAX_HOPS))
    }

    /// What an import binds.
    fn imported(&self, from: usize, origin: &str, hops: u8) -> Target {
        if hops == 0 {
            return Target::Unknown;
        }
        if origin.starts_with('.') {
            let path = self.relative(from, origin);
            if let Some(file) = self.file_at(&path) {
                return Target::Module(file);
            }
            let Some((folder, name)) = path.rsplit_once('/') else { return Target::Unknown };
            return match self.file_at(folder) {
                Some(file) => self.member(file, name, hops - 1),
                None => Target::Unknown,
            };
        }
        if let Some(file) = self.module_file(from, origin) {
            return Target::Module(file);
        }
        match origin.rsplit_once('.').and_then(|(module, name)| Some((self.module_file(from, module)?, name))) {
            Some((file, name)) if file != from => self.member(file, name, hops - 1),
            _ => Target::External(origin.to_owned()),
        }
    }

    /// A name of a module, as another module sees it.
    fn member(&self, file: usize, name: &str, hops: u8) -> Target {
        if hops == 0 {
            return Target::Unknown;
        }
        if let Some(own) = self.own(file, MODULE, name) {
            return own;
        }
        if let Some((origin, _)) = self.files[file].imports.get(name) {
            return self.imported(file, origin, hops - 1);
        }
        // `from app import users`, where `app/users.py` is a file.
        let folder = self.files[file].path.strip_suffix("/__init__.py");
        if let Some(found) = folder.and_then(|f| self.file_at(&format!("{f}/{name}"))) {
            return Target::Module(found);
        }
        for wildcard in self.files[file].wildcards.iter().take(8) {
            if let Target::Module(from) = self.imported(file, wildcard, hops - 1)
                && from != file
            {
                let found = self.member(from, name, hops.saturating_sub(6));
                if found != Target::Unknown {
                    return found;
                }
            }
        }
        Target::Unknown
    }

    /// A name that a scope defines itself.
    fn own(&self, file: usize, scope: &str, name: &str) -> Option<Target> {
        let facts = &self.files[file];
        let qualified = if scope == MODULE { name.to_owned() } else { format!("{scope}.{name}") };
        if facts.functions.contains_key(qualified.as_str()) {
            return Some(Target::Function(file, qualified));
        }
        if facts.classes.contains_key(qualified.as_str()) {
            return Some(Target::Class(file, qualified));
        }
        facts.bind(scope, name).map(|_| Target::Bind(file, scope.to_owned(), name.to_owned()))
    }

    /// What a dotted name of a scope stands for.
    pub(super) fn resolve(&self, file: usize, scope: &str, dotted: &str) -> Target {
        self.resolve_within(file, scope, dotted, MAX_HOPS)
    }

    fn resolve_within(&self, file: usize, scope: &str, dotted: &str, hops: u8) -> Target {
        if hops == 0 || dotted.is_empty() || dotted == "?" {
            return Target::Unknown;
        }
        let mut segments = dotted.split('.');
        let Some(first) = segments.next() else { return Target::Unknown };
        let bare = first.trim_end_matches("()");
        let mut target = if bare == "self" || bare == "cls" {
            match self.class_around(file, scope) {
                Some(class) => Target::Instance(file, class),
                None => return Target::Unknown,
            }
        } else {
            self.first(file, scope, bare, hops)
        };
        if first != bare {
            target = self.called(target, hops);
        }
        for segment in segments {
            let bare = segment.trim_end_matches("()");
            target = self.attribute(target, bare, hops - 1);
            if segment != bare {
                target = self.called(target, hops - 1);
            }
        }
        target
    }

    fn class_around(&self, file: usize, scope: &str) -> Option<String> {
        let mut at = scope;
        loop {
            if self.files[file].classes.contains_key(at) {
                return Some(at.to_owned());
            }
            at = at.rsplit_once('.')?.0;
        }
    }

    fn first(&self, file: usize, scope: &str, name: &str, hops: u8) -> Target {
        let mut at = scope;
        while at != MODULE {
            if let Some(own) = self.own(file, at, name) {
                return own;
            }
            if self.files[file].functions.get(at).is_some_and(|f| f.texts("params").any(|p| p == name)) {
                return Target::Parameter(file, at.to_owned(), name.to_owned());
            }
            at = at.rsplit_once('.').map_or(MODULE, |(outer, _)| outer);
        }
        if let Some(own) = self.own(file, MODULE, name) {
            return own;
        }
        if let Some((origin, _)) = self.files[file].imports.get(name) {
            return self.imported(file, origin, hops - 1);
        }
        for wildcard in self.files[file].wildcards.iter().take(8) {
            match self.imported(file, wildcard, hops - 1) {
                Target::Module(from) if from != file => {
                    let found = self.member(from, name, hops.saturating_sub(6));
                    if found != Target::Unknown {
                        return found;
                    }
                }
                Target::External(module) if module == "fastapi" || module == "fastapi.security" => {
                    return Target::External(format!("{module}.{name}"));
                }
                _ => {}
            }
        }
        // A builtin, or a name that nothing binds.
        Target::External(name.to_owned())
    }

    fn attribute(&self, target: Target, name: &str, hops: u8) -> Target {
        if hops == 0 {
            return Target::Unknown;
        }
        match target {
            Target::Module(file) => self.member(file, name, hops - 1),
            // A function within a function, by the name that it has in its file: `create_app.load_user`.
            Target::Function(file, function) => self.own(file, &function, name).unwrap_or(Target::Unknown),
            Target::Class(file, class) | Target::Instance(file, class) => self.class_member(file, &class, name, hops),
            // What a function returns has the members of the class that its annotation names.
            Target::Returned(file, function) => {
                let returns =
                    self.files[file].functions.get(function.as_str()).map(|f| f.str("returns")).unwrap_or_default();
                let class: String =
                    returns.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).collect();
                match self.resolve_within(file, MODULE, &class, hops - 1) {
                    Target::Class(f, c) => self.class_member(f, &c, name, hops - 1),
                    _ => Target::Unknown,
                }
            }
            Target::External(dotted) if dotted.len() < 300 => Target::External(format!("{dotted}.{name}")),
            Target::Bind(file, scope, bound) => {
                let value = self.value_of(file, &scope, &bound, hops - 1);
                if matches!(value, Target::Bind(..)) { Target::Unknown } else { self.attribute(value, name, hops - 1) }
            }
            _ => Target::Unknown,
        }
    }

    fn class_member(&self, file: usize, class: &str, name: &str, hops: u8) -> Target {
        if let Some(own) = self.own(file, class, name) {
            return own;
        }
        let own = format!("self.{name}");
        if self.files[file].bind(class, &own).is_some() {
            return Target::Bind(file, class.to_owned(), own);
        }
        for base in self.bases(file, class).into_iter().take(MAX_BASES) {
            match self.resolve_within(file, MODULE, base, hops.saturating_sub(4)) {
                Target::Class(base_file, base) if (base_file, base.as_str()) != (file, class) => {
                    let found = self.class_member(base_file, &base, name, hops.saturating_sub(4));
                    if found != Target::Unknown {
                        return found;
                    }
                }
                Target::External(base) => return Target::External(format!("{base}.{name}")),
                _ => {}
            }
            if hops < 5 {
                break;
            }
        }
        Target::Unknown
    }

    pub(super) fn bases(&self, file: usize, class: &str) -> Vec<&'f str> {
        let seen = self.files[file].classes.get(class);
        seen.map(|c| c.list("bases").iter().filter_map(Value::as_text).collect()).unwrap_or_default()
    }

    fn called(&self, target: Target, hops: u8) -> Target {
        match target {
            Target::Class(file, class) => Target::Instance(file, class),
            Target::Function(file, function) => Target::Returned(file, function),
            Target::Bind(file, scope, name) => {
                let value = self.value_of(file, &scope, &name, hops.saturating_sub(1));
                if matches!(value, Target::Bind(..)) {
                    Target::Unknown
                } else {
                    self.called(value, hops.saturating_sub(1))
                }
            }
            other => other,
        }
    }

    /// What a bound name holds; a bound name again where its value is not modelled further.
    pub(super) fn value_of(&self, file: usize, scope: &str, name: &str, hops: u8) -> Target {
        let itself = || Target::Bind(file, scope.to_owned(), name.to_owned());
        let Some(seen) = self.files[file].bind(scope, name).filter(|_| hops > 1) else { return itself() };
        let callee = seen.str("callee");
        if !callee.is_empty() {
            let found = self.resolve_within(file, scope, callee, hops - 1);
            return self.called(found, hops - 1);
        }
        let target = seen.str("target");
        if target.is_empty() || target == name { itself() } else { self.resolve_within(file, scope, target, hops - 1) }
    }

    /// What a name stands for in the end: bound names are followed to what they hold.
    pub(super) fn follow(&self, target: Target) -> Target {
        let mut target = target;
        for _ in 0..8 {
            match &target {
                Target::Bind(file, scope, name) => {
                    let value = self.value_of(*file, scope, name, MAX_HOPS);
                    if value == target {
                        return target;
                    }
                    target = value;
                }
                _ => return target,
            }
        }
        target
    }

    /// The dotted symbol that a person imports.
    pub(super) fn symbol(&self, target: &Target) -> String {
        let own = |file: &usize, name: &str| {
            let module = &self.files[*file].module;
            if module.is_empty() { name.to_owned() } else { format!("{module}.{name}") }
        };
        match target {
            Target::Module(file) => self.files[*file].module.clone(),
            Target::Function(file, name)
            | Target::Returned(file, name)
            | Target::Class(file, name)
            | Target::Instance(file, name) => own(file, name),
            Target::Bind(file, scope, name) if scope == MODULE => own(file, name),
            Target::Bind(file, scope, name) | Target::Parameter(file, scope, name) => {
                own(file, &format!("{scope}.{name}"))
            }
            Target::External(dotted) => dotted.clone(),
            Target::Unknown => String::new(),
        }
    }

    /// The file that a target lies in.
    pub(super) fn file_of(target: &Target) -> Option<usize> {
        match target {
            Target::Module(f)
            | Target::Function(f, _)
            | Target::Returned(f, _)
            | Target::Class(f, _)
            | Target::Instance(f, _)
            | Target::Bind(f, _, _)
            | Target::Parameter(f, _, _) => Some(*f),
            Target::External(_) | Target::Unknown => None,
        }
    }

    /// The outside bases that a class leads to, through classes of the repository.
    pub(super) fn outside_bases(&self, file: usize, class: &str) -> Vec<String> {
        self.class_chain(file, class).1
    }

    /// A class with the classes of the repository that it inherits from, itself first, and the outside bases that they
    /// lead to; a base that is not found is "?".
    pub(super) fn class_chain(&self, file: usize, class: &str) -> (Vec<(usize, String)>, Vec<String>) {
        let (mut own, mut outside, mut open, mut known) =
            (Vec::new(), Vec::new(), vec![(file, class.to_owned())], HashSet::new());
        while let Some((file, class)) = open.pop() {
            if known.len() > MAX_CLASSES || !known.insert((file, class.clone())) {
                continue;
            }
            for base in self.bases(file, &class) {
                match self.follow(self.resolve(file, MODULE, base)) {
                    Target::Class(f, c) | Target::Instance(f, c) => open.push((f, c)),
                    Target::External(dotted) => outside.push(dotted),
                    _ => outside.push("?".to_owned()),
                }
            }
            own.push((file, class));
        }
        (own, outside)
    }

    /// The text that a function of the repository is handed and gives back, at least in some cases, as it is:
    /// `def scoped(path): return "/<team>" + path if TEAMS else path`.
    fn handed_back<'p>(&self, file: usize, scope: &str, part: &'p BTreeMap<String, Value>) -> Option<&'p str> {
        let given = part.get("given").and_then(Value::as_text)?;
        let at = usize::try_from(part.get("at").and_then(Value::as_int)?).ok()?;
        let Target::Function(f, name) = self.follow(self.resolve(file, scope, part.str("callee"))) else { return None };
        let function = self.files[f].functions.get(name.as_str())?;
        let parameter = function.texts("params").nth(at)?;
        function.texts("returned").any(|r| r == parameter).then_some(given)
    }

    /// A text from its parts; a name that cannot be resolved becomes `{name}` and makes the text not constant.
    pub(super) fn text(&self, file: usize, scope: &str, parts: &[Value], depth: u8) -> (String, bool) {
        let (mut text, mut constant) = (String::new(), true);
        for part in parts.iter().filter_map(Value::as_map) {
            if let Some(literal) = part.get("text").and_then(Value::as_text) {
                text.push_str(literal);
                continue;
            }
            if let Some(given) = self.handed_back(file, scope, part) {
                text.push_str(given);
                continue;
            }
            let name = part.str("name");
            let bound = match self.resolve(file, scope, name) {
                Target::Bind(f, s, n) if depth < 6 => self.files[f].bind(&s, &n).map(|seen| (f, s, seen)),
                _ => None,
            };
            let inner = bound.and_then(|(f, s, seen)| {
                let target = seen.str("target");
                if seen.has("text") {
                    Some(self.text(f, &s, seen.list("text"), depth + 1))
                } else if target.is_empty() {
                    None
                } else {
                    Some(self.text(f, &s, &[Value::map([("name", Value::from(target))])], depth + 1))
                }
            });
            match inner {
                Some((inner, true)) if text.len() + inner.len() < 1_000 => text.push_str(&inner),
                // Below which path the whole application lies says nothing of one of its endpoints.
                _ if is_below_all(name) => {}
                _ => {
                    constant = false;
                    let shown = if name.is_empty() { part.str("opaque") } else { name };
                    text.push('{');
                    text.extend(shown.chars().take(60));
                    text.push('}');
                }
            }
        }
        (text, constant)
    }
}
