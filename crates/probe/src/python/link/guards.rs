//! What a dependency, a decorator or a middleware guards. A name proves nothing: a function is authentication when it
//! takes a credential and refuses, itself or through what it depends on and calls, across files. A scheme that only takes
//! the token out of the request verifies nothing, and what comes from outside and is not in the vocabulary is *unknown*,
//! never *none*. Next: `routers.rs`.

use super::world::{Facts, MODULE, Target, World};
use crate::python::functions::plain;
use crate::python::syntax::last;
use crate::vocabulary::words;
use ligase_domain::{Seen, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Dependencies of dependencies.
const MAX_DEPTH: u8 = 8;
/// Calls of calls that are asked whether they refuse.
const MAX_CALL_DEPTH: u8 = 3;
/// Guards that one dependency brings.
const MAX_INNER: usize = 16;

/// Bases that bring no dependencies.
const PLAIN_BASES: &[&str] = &["ABC", "ABCMeta", "Generic", "Protocol", "object"];
/// Functions of the language itself; what they are handed stays where it is.
const BUILTINS: &[&str] = &[
    "str",
    "int",
    "bool",
    "len",
    "print",
    "repr",
    "isinstance",
    "getattr",
    "hasattr",
    "setattr",
    "type",
    "dict",
    "list",
    "set",
    "tuple",
    "super",
    "bytes",
    "next",
    "iter",
    "id",
    "vars",
    "any",
    "all",
    "max",
    "min",
    "sorted",
    "format",
];

/// What a guard does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    Authentication,
    Authorization,
    RateLimit,
    Other,
    Unknown,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::RateLimit => "rate-limit",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    fn parse(name: &str) -> Self {
        match name {
            "authentication" => Self::Authentication,
            "authorization" => Self::Authorization,
            "rate-limit" => Self::RateLimit,
            "other" => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// One guard, before it is known where it hangs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Guard {
    pub(super) symbol: String,
    pub(super) kind: Kind,
    pub(super) optional: bool,
    /// It only takes a credential out of the request.
    pub(super) scheme: bool,
}

/// What one thing guards: itself, and what it depends on.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) guards: Vec<Guard>,
    /// Files that it was read from.
    pub(super) files: BTreeSet<usize>,
    /// It takes a credential out of the request.
    credential: bool,
    /// Its scheme lets requests without a credential pass.
    lenient: bool,
}

impl Verdict {
    /// A verdict of one guard.
    pub(super) fn of(guard: Guard) -> Self {
        Self { guards: vec![guard], ..Self::default() }
    }

    fn one(symbol: String, kind: Kind, optional: bool) -> Self {
        Self { guards: vec![Guard { symbol, kind, optional, scheme: false }], ..Self::default() }
    }

    fn authenticates(&self) -> bool {
        self.guards.iter().any(|g| g.kind == Kind::Authentication && !g.optional)
    }
}

/// What a function refuses, with what it calls.
#[derive(Clone, Default)]
struct Refusal {
    authentication: bool,
    authorization: bool,
    verifies: bool,
    hands_to_unknown: bool,
    credential: bool,
    files: BTreeSet<usize>,
}

/// Judges nothing about endpoints; says what each guard is.
pub(super) struct Guards<'w, 'v, 'f> {
    pub(super) world: &'w World<'v, 'f>,
    known: RefCell<HashMap<(usize, String), Verdict>>,
}

impl<'w, 'v, 'f> Guards<'w, 'v, 'f> {
    pub(super) fn new(world: &'w World<'v, 'f>) -> Self {
        Self { world, known: RefCell::default() }
    }

    /// What the dependencies among a fact's attributes guard.
    pub(super) fn of_facts(&self, file: usize, scope: &str, facts: &BTreeMap<String, Value>) -> Verdict {
        self.needs(file, scope, facts, MAX_DEPTH)
    }

    fn needs(&self, file: usize, scope: &str, facts: &BTreeMap<String, Value>, depth: u8) -> Verdict {
        let mut all = Verdict::default();
        if depth == 0 {
            return Verdict::one("…".to_owned(), Kind::Unknown, false);
        }
        for dependency in facts.list("deps").iter().filter_map(Value::as_map) {
            merge(&mut all, self.dependency(file, scope, dependency, depth - 1));
        }
        for name in facts.texts("dep_lists").chain(facts.texts("defaults")) {
            let found = self.named_dependencies(file, scope, name, depth - 1);
            let listed = facts.texts("dep_lists").any(|l| l == name);
            match found {
                Some(verdict) => merge(&mut all, verdict),
                // A default that is no dependency is a plain default; a list that cannot be read could hold anything.
                None if listed => merge(&mut all, Verdict::one(name.to_owned(), Kind::Unknown, false)),
                None => {}
            }
        }
        for name in facts.texts("aliases") {
            if let Some(verdict) = self.alias(file, scope, name, depth - 1) {
                merge(&mut all, verdict);
            }
        }
        if facts.flag("deps_opaque") {
            merge(&mut all, Verdict::one("dependencies that are not a list".to_owned(), Kind::Unknown, false));
        }
        all
    }

    /// `CurrentUser = Annotated[User, Depends(f)]`, wherever it is bound.
    fn alias(&self, file: usize, scope: &str, name: &str, depth: u8) -> Option<Verdict> {
        let Target::Bind(at, bound_scope, bound) = self.world.resolve(file, scope, name) else { return None };
        let seen = self.world.files[at].bind(&bound_scope, &bound)?;
        if !seen.flag("alias") {
            let target = seen.str("target");
            return if target.is_empty() || depth == 0 {
                None
            } else {
                self.alias(at, &bound_scope, target, depth - 1)
            };
        }
        let mut verdict = self.needs(at, &bound_scope, &seen.attributes, depth);
        verdict.files.insert(at);
        Some(verdict)
    }

    /// Whether a function depends on something through an alias in its annotations.
    pub(super) fn has_alias(&self, file: usize, scope: &str, seen: &Seen) -> bool {
        seen.texts("aliases").any(|name| self.alias(file, scope, name, MAX_DEPTH).is_some())
    }

    /// A name that is bound to `Depends(…)` or to a list of them.
    fn named_dependencies(&self, file: usize, scope: &str, name: &str, depth: u8) -> Option<Verdict> {
        let Target::Bind(at, bound_scope, bound) = self.world.resolve(file, scope, name) else { return None };
        let seen = self.world.files[at].bind(&bound_scope, &bound)?;
        if !seen.has("callee") && (seen.has("deps") || seen.has("is_list")) {
            let mut verdict = self.needs(at, &bound_scope, &seen.attributes, depth);
            verdict.files.insert(at);
            return Some(verdict);
        }
        let target = seen.str("target");
        if target.is_empty() || depth == 0 {
            None
        } else {
            self.named_dependencies(at, &bound_scope, target, depth - 1)
        }
    }

    fn dependency(&self, file: usize, scope: &str, dependency: &BTreeMap<String, Value>, depth: u8) -> Verdict {
        let symbol = dependency.str("symbol");
        let target = self.world.resolve(file, scope, symbol);
        let mut options: Vec<String> = dependency.texts("options").map(str::to_owned).collect();
        let verdict = self.target(&target, &mut options, depth);
        self.labelled(verdict, &target, symbol)
    }

    /// An unknown thing is at least called by the name that the file gives it.
    fn labelled(&self, mut verdict: Verdict, target: &Target, written: &str) -> Verdict {
        if let (Target::Bind(..), Some(first)) = (target, verdict.guards.first_mut())
            && matches!(first.kind, Kind::Authentication | Kind::Authorization | Kind::Unknown)
        {
            // What a person depends on is the bound name, not the factory behind it.
            first.symbol = self.world.symbol(target);
        }
        for guard in verdict.guards.iter_mut().filter(|g| g.symbol.is_empty()) {
            guard.symbol = plain(written);
        }
        verdict
    }

    /// What a resolved thing guards when a request passes it.
    fn target(&self, target: &Target, options: &mut Vec<String>, depth: u8) -> Verdict {
        if depth == 0 {
            return Verdict::one(self.world.symbol(target), Kind::Unknown, false);
        }
        let mut verdict = match target {
            Target::Bind(file, scope, name) => {
                let Some(seen) = self.world.files[*file].bind(scope, name) else {
                    return Verdict::one(self.world.symbol(target), Kind::Unknown, false);
                };
                options.extend(seen.texts("options").map(str::to_owned));
                let value = self.world.value_of(*file, scope, name, 24);
                if value == *target {
                    Verdict::one(self.world.symbol(target), Kind::Unknown, false)
                } else {
                    self.target(&value, options, depth - 1)
                }
            }
            Target::Function(file, name) => self.function(*file, name, depth),
            Target::Returned(file, name) => self.factory(*file, name, options, depth),
            Target::Instance(file, name) => self.instance(*file, name, depth),
            Target::Class(file, name) => self.class(*file, name, depth),
            Target::External(dotted) => self.external(dotted),
            Target::Module(_) | Target::Parameter(..) | Target::Unknown => {
                Verdict::one(self.world.symbol(target), Kind::Unknown, false)
            }
        };
        if self.lenient(options) {
            verdict.lenient = true;
            for guard in
                verdict.guards.iter_mut().filter(|g| matches!(g.kind, Kind::Authentication | Kind::Unknown)).take(1)
            {
                guard.optional = true;
            }
        }
        verdict.files.extend(World::file_of(target));
        verdict
    }

    fn lenient(&self, options: &[String]) -> bool {
        let lists = &self.world.vocabulary.guards.optional_when;
        options
            .iter()
            .any(|o| o.split_once('=').is_some_and(|(n, v)| lists.iter().any(|w| w.name == n && w.value == v)))
    }

    fn external(&self, dotted: &str) -> Verdict {
        let name = plain(dotted);
        let vocabulary = self.world.vocabulary;
        if vocabulary.guards.schemes.contains(&name) {
            let guards = vec![Guard { symbol: name, kind: Kind::Unknown, optional: false, scheme: true }];
            return Verdict { credential: true, guards, ..Verdict::default() };
        }
        match vocabulary.known_guards.get(&name) {
            Some(known) => Verdict::one(name, Kind::parse(&known.kind), known.optional),
            None if self.is_plain_module(&name) => Verdict::one(name, Kind::Other, false),
            None => Verdict::one(name, Kind::Unknown, false),
        }
    }

    /// Whether a name from outside belongs to a library that guards nothing but where it is known to.
    pub(super) fn is_plain_module(&self, dotted: &str) -> bool {
        let lists = &self.world.vocabulary.guards.other_modules;
        let inside = |m: &String| dotted.strip_prefix(m.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.'));
        lists.iter().any(inside) || PLAIN_BASES.contains(&last(dotted))
    }

    /// What a function guards that runs before handlers, with what its own decorators do.
    pub(super) fn runs_before(&self, file: usize, name: &str) -> Verdict {
        let label = self.world.symbol(&Target::Function(file, name.to_owned()));
        let own = self.middleware_function(file, name, label);
        let strong = |v: &Verdict| v.guards.iter().any(|g| g.kind == Kind::Authentication && !g.optional);
        match self.decorated(file, name).filter(|d| strong(d) && !strong(&own)) {
            Some(by) => by,
            None => own,
        }
    }

    /// What the decorators of a function guard.
    fn decorated(&self, file: usize, name: &str) -> Option<Verdict> {
        let seen = self.world.files[file].functions.get(name)?;
        let mut all = Verdict::default();
        for decorator in seen.list("decorators").iter().filter_map(Value::as_map).take(6) {
            let written = decorator.str("symbol");
            let own = self.world.resolve(file, MODULE, written);
            // A decorator that is put on itself is no news.
            if matches!(&own, Target::Function(f, n) if *f == file && name.starts_with(n.as_str())) {
                continue;
            }
            merge(&mut all, self.decorator(file, MODULE, decorator));
        }
        Some(all)
    }

    /// A guard from outside that a decorator of the repository calls or hangs on what it makes.
    fn known_inside(&self, file: usize, name: &str) -> Option<Guard> {
        let facts = &self.world.files[file];
        let prefix = format!("{name}.");
        let inner = facts.functions.iter().filter(|(n, _)| **n == name || n.starts_with(&prefix)).take(8);
        for (function, seen) in inner {
            let called = seen.texts("calls").chain(seen.texts("passes"));
            let hung = seen.list("decorators").iter().filter_map(Value::as_map).filter(|_| *function != name);
            for symbol in called.chain(hung.map(|d| d.str("symbol"))) {
                if let Target::External(dotted) = self.world.follow(self.world.resolve(file, function, symbol)) {
                    let known = self.world.vocabulary.known_guards.get(&plain(&dotted));
                    if let Some(known) = known.filter(|k| k.kind == "authentication" && !k.optional) {
                        return Some(Guard {
                            symbol: plain(&dotted),
                            kind: Kind::parse(&known.kind),
                            optional: false,
                            scheme: false,
                        });
                    }
                }
            }
        }
        None
    }

    /// Whether a decorator puts another one of the repository, which authenticates, around what it is put on:
    /// `return login_required(view)(*args)`.
    fn wraps_guard(&self, file: usize, name: &str) -> bool {
        let prefix = format!("{name}.");
        let inner = self.world.files[file].functions.iter().filter(|(n, _)| **n == name || n.starts_with(&prefix));
        let mut asked = BTreeSet::new();
        for (function, seen) in inner.take(8) {
            for callee in seen.texts("calls").chain(seen.texts("passes")).filter(|c| c.ends_with("()")) {
                let target = self.world.follow(self.world.resolve(file, function, callee.trim_end_matches("()")));
                let Target::Function(f, other) = target else { continue };
                let makes = self.world.files[f].functions.keys().any(|n| n.starts_with(&format!("{other}.")));
                if (f, other.as_str()) == (file, name) || !makes || !asked.insert((f, other.clone())) {
                    continue;
                }
                if self.factory(f, &other, &[], MAX_DEPTH - 2).authenticates() {
                    return true;
                }
            }
        }
        false
    }

    /// A function that is depended on.
    pub(super) fn function(&self, file: usize, name: &str, depth: u8) -> Verdict {
        let key = (file, name.to_owned());
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        // A function that depends on itself in a circle is unknown to itself.
        let symbol = self.world.symbol(&Target::Function(file, name.to_owned()));
        self.known.borrow_mut().insert(key.clone(), Verdict::one(symbol.clone(), Kind::Unknown, false));
        let verdict = match self.world.files[file].functions.get(name) {
            Some(seen) => self.read(file, name, seen, symbol, depth),
            None => Verdict::one(symbol, Kind::Unknown, false),
        };
        self.known.borrow_mut().insert(key, verdict.clone());
        verdict
    }

    fn read(&self, file: usize, name: &str, seen: &Seen, symbol: String, depth: u8) -> Verdict {
        let needs = self.needs(file, name, &seen.attributes, depth);
        let mut refusal = Refusal { credential: seen.flag("credential"), ..Refusal::default() };
        self.refusal(file, name, seen, MAX_CALL_DEPTH, &mut HashSet::new(), &mut refusal);
        let inner_authenticates = needs.authenticates();
        let credential = refusal.credential || needs.credential;
        let rejects = refusal.authentication || (refusal.verifies && !seen.flag("none"));
        let silent = seen.flag("none") || seen.flag("optional_return");
        let speaks = words(name).iter().any(|w| {
            ["user", "current", "require", "auth", "authenticated", "active", "superuser", "admin", "login"]
                .contains(&w.as_str())
        });
        let kind = if refusal.authentication
            || (refusal.verifies && credential)
            || (refusal.authorization && credential && !inner_authenticates)
        {
            Kind::Authentication
        } else if refusal.authorization {
            // A 403 says who may only where it is known who asks; "this record is locked" guards nothing.
            let knows = needs.guards.iter().any(|g| g.kind == Kind::Authentication);
            if knows { Kind::Authorization } else { Kind::Unknown }
        } else if inner_authenticates {
            // Which of the functions that provably enforce it is called the guard is only a label.
            if speaks { Kind::Authentication } else { Kind::Other }
        } else if credential && silent {
            Kind::Authentication
        } else if credential || (seen.flag("request") && refusal.hands_to_unknown) {
            Kind::Unknown
        } else {
            Kind::Other
        };
        // A lenient scheme and a refusal somewhere below it: whether nobody is refused is not known.
        let undecided = needs.lenient && !seen.has("refuses") && (refusal.authentication || refusal.authorization);
        let kind = if undecided && !inner_authenticates && !silent { Kind::Unknown } else { kind };
        let lets_pass = seen.flag("none_missing") || silent || (!rejects && !refusal.authorization && needs.lenient);
        let optional = matches!(kind, Kind::Authentication | Kind::Authorization) && !inner_authenticates && lets_pass;
        let mut verdict = Verdict::one(symbol, kind, optional);
        verdict.files = needs.files.clone();
        verdict.files.extend(refusal.files);
        verdict.files.insert(file);
        // A scheme that this function reads and answers for is not an unknown of its own.
        let answered = matches!(kind, Kind::Authentication | Kind::Authorization | Kind::Unknown);
        let inner = needs.guards.into_iter().filter(|g| g.kind != Kind::Other && !(answered && g.scheme));
        verdict.guards.extend(inner.take(MAX_INNER));
        verdict.lenient = optional;
        verdict
    }

    /// Whether a function refuses, itself or through functions that it calls.
    fn refusal(
        &self,
        file: usize,
        name: &str,
        seen: &Seen,
        depth: u8,
        known: &mut HashSet<(usize, String)>,
        out: &mut Refusal,
    ) {
        if known.len() > 200 || !known.insert((file, name.to_owned())) {
            return;
        }
        out.files.insert(file);
        out.authentication |= seen.texts("refuses").any(|r| r == "authentication");
        out.authorization |= seen.texts("refuses").any(|r| r == "authorization");
        let parameters: Vec<&str> = seen.texts("params").collect();
        for (hands_on, callee) in seen.texts("passes").map(|c| (true, c)).chain(seen.texts("calls").map(|c| (false, c)))
        {
            let first = callee.split('.').next().unwrap_or_default().trim_end_matches("()");
            if parameters.contains(&first) && !matches!(first, "self" | "cls") {
                continue;
            }
            let target = self.world.follow(self.world.resolve(file, name, callee));
            match target {
                Target::Function(f, n) | Target::Returned(f, n) => {
                    if let (Some(inner), true) = (self.world.files[f].functions.get(n.as_str()), depth > 0) {
                        self.refusal(f, &n, inner, depth - 1, known, out);
                    }
                }
                Target::External(dotted) => {
                    let dotted = plain(&dotted);
                    if self.world.vocabulary.guards.verifiers.contains(&dotted) {
                        out.verifies = true;
                    } else if hands_on && !BUILTINS.contains(&dotted.as_str()) && !dotted.starts_with("logging") {
                        out.hands_to_unknown = true;
                    }
                }
                Target::Class(..) | Target::Instance(..) | Target::Module(_) | Target::Bind(..) => {}
                Target::Parameter(..) | Target::Unknown => out.hands_to_unknown |= hands_on,
            }
        }
    }

    /// `require_role("admin")`: what the functions inside refuse.
    fn factory(&self, file: usize, name: &str, options: &[String], depth: u8) -> Verdict {
        let symbol = self.world.symbol(&Target::Function(file, name.to_owned()));
        let prefix = format!("{name}.");
        let facts = &self.world.files[file];
        let inner: Vec<&str> = facts.functions.keys().copied().filter(|f| f.starts_with(&prefix)).take(8).collect();
        if inner.is_empty() {
            let returned = facts.functions.get(name).and_then(|f| returned_one(f, options));
            let target = returned.map_or(Target::Unknown, |r| self.world.resolve(file, name, r));
            let same = matches!(&target, Target::Returned(f, n) if *f == file && n == name);
            let mut verdict = if same {
                Verdict::one(symbol.clone(), Kind::Unknown, false)
            } else {
                self.target(&target, &mut Vec::new(), depth - 1)
            };
            if let Some(first) = verdict.guards.first_mut() {
                first.symbol = symbol;
            }
            return verdict;
        }
        let own: BTreeSet<String> =
            inner.iter().map(|f| self.world.symbol(&Target::Function(file, (*f).to_owned()))).collect();
        let mut all = Verdict::default();
        for function in inner {
            merge(&mut all, self.function(file, function, depth - 1));
        }
        // What the factory makes is its strongest inner function; what that one depends on stays beside it.
        let strongest =
            all.guards.iter().filter(|g| own.contains(&g.symbol)).min_by_key(|g| (g.kind, g.optional)).cloned();
        all.guards.retain(|g| !own.contains(&g.symbol));
        let made =
            strongest.unwrap_or(Guard { symbol: String::new(), kind: Kind::Unknown, optional: false, scheme: false });
        all.guards.insert(0, Guard { symbol, ..made });
        all
    }

    /// A callable object, `JWTBearer()`: its `__call__`, with what its bases take out of the request.
    fn instance(&self, file: usize, class: &str, depth: u8) -> Verdict {
        let symbol = self.world.symbol(&Target::Class(file, class.to_owned()));
        let bases = self.world.outside_bases(file, class);
        let scheme = bases.iter().any(|b| self.world.vocabulary.guards.schemes.contains(&plain(b)));
        let known = bases.iter().find_map(|b| self.world.vocabulary.known_guards.get(&plain(b)));
        if let Some(known) = known.filter(|k| k.kind != "other") {
            return Verdict::one(symbol, Kind::parse(&known.kind), known.optional);
        }
        let mut verdict = match self.world.resolve(file, MODULE, &format!("{class}.__call__")) {
            Target::Function(f, name) => {
                let mut verdict = self.function(f, &name, depth - 1);
                if scheme {
                    self.with_scheme(f, &name, &mut verdict);
                }
                verdict
            }
            _ if scheme => Verdict { credential: true, ..Verdict::one(symbol.clone(), Kind::Unknown, false) },
            _ => Verdict::one(symbol.clone(), Kind::Unknown, false),
        };
        if let Some(first) = verdict.guards.first_mut() {
            first.symbol = symbol;
            first.scheme = scheme && first.kind == Kind::Unknown;
        }
        verdict
    }

    /// `super().__call__` of a scheme gives a credential: a refusal in the method is about it.
    fn with_scheme(&self, file: usize, name: &str, verdict: &mut Verdict) {
        let refuses = self.world.files[file].functions.get(name).is_some_and(|f| f.has("refuses"));
        if let Some(first) = verdict.guards.first_mut() {
            first.kind =
                if refuses || first.kind == Kind::Authentication { Kind::Authentication } else { Kind::Unknown };
        }
        verdict.credential = true;
    }

    /// A class that is depended on is made: its `__init__` is the dependency.
    fn class(&self, file: usize, class: &str, depth: u8) -> Verdict {
        let symbol = self.world.symbol(&Target::Class(file, class.to_owned()));
        let mut verdict = match self.world.resolve(file, MODULE, &format!("{class}.__init__")) {
            Target::Function(f, name) => self.function(f, &name, depth - 1),
            _ => Verdict::one(symbol.clone(), Kind::Other, false),
        };
        if let Some(first) = verdict.guards.first_mut() {
            first.symbol = symbol;
        }
        verdict
    }

    /// What a decorator between the route and its handler guards.
    pub(super) fn decorator(&self, file: usize, scope: &str, wrapper: &BTreeMap<String, Value>) -> Verdict {
        let symbol = wrapper.str("symbol");
        let target = self.world.resolve(file, scope, symbol);
        let verdict = match &target {
            Target::Function(f, name) | Target::Returned(f, name) => {
                let mut own = self.factory(*f, name, &[], MAX_DEPTH);
                let weak = |g: &&mut Guard| g.kind != Kind::Authentication || g.optional;
                if let Some(first) = own.guards.first_mut().filter(weak)
                    && (self.known_inside(*f, name).is_some() || self.wraps_guard(*f, name))
                {
                    (first.kind, first.optional) = (Kind::Authentication, false);
                }
                let resolved = own.guards.iter().all(|g| g.kind == Kind::Unknown);
                // A decorator whose inside refuses nothing and hands the request to nobody changes nothing.
                if resolved && !self.refuses_inside(*f, name) {
                    Verdict::one(self.world.symbol(&target), Kind::Other, false)
                } else {
                    own
                }
            }
            other => {
                let mut options = wrapper.texts("options").map(str::to_owned).collect();
                self.target(other, &mut options, MAX_DEPTH)
            }
        };
        self.labelled(verdict, &target, symbol)
    }

    fn refuses_inside(&self, file: usize, name: &str) -> bool {
        let prefix = format!("{name}.");
        self.world.files[file]
            .functions
            .iter()
            .any(|(n, f)| n.starts_with(&prefix) && (f.has("refuses") || f.flag("credential") || f.has("passes")))
    }

    /// A route class of the repository sees each request: one that refuses or reads a credential is not recognised.
    pub(super) fn route_class(&self, file: usize, name: &str) -> Verdict {
        let target = self.world.resolve(file, MODULE, name);
        let quiet = match &target {
            Target::Class(f, c) => {
                let (own, _) = self.world.class_chain(*f, c);
                let refuses = |s: &Seen| s.has("refuses") || s.flag("credential");
                let inside = |(f, c): &(usize, String)| {
                    let prefix = format!("{c}.");
                    self.world.files[*f].functions.iter().any(|(n, s)| n.starts_with(&prefix) && refuses(s))
                };
                !own.iter().any(inside)
            }
            _ => false,
        };
        Verdict::one(self.world.symbol(&target), if quiet { Kind::Other } else { Kind::Unknown }, false)
    }

    /// What a class-based view's attributes and its construction depend on, with those that it inherits.
    pub(super) fn view(&self, file: usize, class: &str) -> Verdict {
        let (own, outside) = self.world.class_chain(file, class);
        let mut all = Verdict::default();
        for (f, c) in &own {
            let facts = &self.world.files[*f];
            if let Some(seen) = facts.classes.get(c.as_str()) {
                merge(&mut all, self.needs(*f, c, &seen.attributes, MAX_DEPTH));
            }
            let init = format!("{c}.__init__");
            if let Some(seen) = facts.functions.get(init.as_str()) {
                merge(&mut all, self.needs(*f, &init, &seen.attributes, MAX_DEPTH));
            }
            all.files.insert(*f);
        }
        for base in outside.iter().filter(|b| !PLAIN_BASES.contains(&last(b))) {
            merge(&mut all, Verdict::one(base.clone(), Kind::Unknown, false));
        }
        all
    }

    /// What a middleware guards, and whether it sees only HTTP.
    pub(super) fn middleware(&self, file: usize, scope: &str, symbol: &str) -> (Verdict, bool) {
        let target = self.world.follow(self.world.resolve(file, scope, symbol));
        let label = self.world.symbol(&target);
        match &target {
            Target::Function(f, name) => (self.runs_before(*f, name), false),
            Target::Class(f, class) | Target::Instance(f, class) => {
                let bases = self.world.outside_bases(*f, class);
                let http = bases.iter().any(|b| last(b) == "BaseHTTPMiddleware");
                let method = ["dispatch", "__call__"].iter().find_map(|m| {
                    match self.world.resolve(*f, MODULE, &format!("{class}.{m}")) {
                        Target::Function(f, name) => Some((f, name)),
                        _ => None,
                    }
                });
                let verdict = match method {
                    Some((f, name)) => self.middleware_function(f, &name, label),
                    None => Verdict::one(label, Kind::Unknown, false),
                };
                (verdict, http)
            }
            _ => (self.labelled(self.target(&target, &mut Vec::new(), MAX_DEPTH), &target, symbol), false),
        }
    }

    fn middleware_function(&self, file: usize, name: &str, label: String) -> Verdict {
        let Some(seen) = self.world.files[file].functions.get(name) else {
            return Verdict::one(label, Kind::Unknown, false);
        };
        let mut refusal = Refusal::default();
        self.refusal(file, name, seen, MAX_CALL_DEPTH, &mut HashSet::new(), &mut refusal);
        let refuses = refusal.authentication || refusal.authorization || refusal.verifies;
        // Which paths it lets pass is not known: neither guarded nor unguarded may be said of any.
        let kind = match (refuses, seen.flag("path_dependent")) {
            (true, true) => Kind::Unknown,
            (true, false) if refusal.authentication || seen.flag("credential") => Kind::Authentication,
            (true, false) => Kind::Authorization,
            (false, _) => Kind::Other,
        };
        let mut verdict = Verdict::one(label, kind, false);
        verdict.files = refusal.files;
        verdict
    }
}

/// The one thing that a factory returns; `None` where it could be several.
fn returned_one<'f>(function: &'f Seen, options: &[String]) -> Option<&'f str> {
    if function.has("chosen") {
        return chosen(function, options);
    }
    let mut all: Vec<&str> = function.list("returned").iter().filter_map(Value::as_text).collect();
    all.dedup();
    if all.len() == 1 { all.pop() } else { None }
}

/// What a factory that chooses by a flag returns, where the call or the default says the flag.
fn chosen<'f>(function: &'f Seen, options: &[String]) -> Option<&'f str> {
    let choice = function.attributes.get("chosen")?.as_map()?;
    let flag = choice.str("flag");
    let mut said = options.iter().map(String::as_str).chain(function.texts("flags"));
    let value = said.find_map(|o| o.split_once('=').filter(|(n, _)| *n == flag).map(|(_, v)| v))?;
    let name = match value {
        "True" => "yes",
        "False" => "no",
        _ => return None,
    };
    choice.get(name).and_then(Value::as_text)
}

/// Adds another verdict's guards, each once.
fn merge(all: &mut Verdict, other: Verdict) {
    for guard in other.guards {
        if all.guards.len() < MAX_INNER * 2 && !all.guards.contains(&guard) {
            all.guards.push(guard);
        }
    }
    all.files.extend(other.files);
    all.credential |= other.credential;
    all.lenient |= other.lenient;
}
