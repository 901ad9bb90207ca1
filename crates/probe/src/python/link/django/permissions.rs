//! What permissions, mixins and middleware of Django let pass: by their symbol where they are known, by their methods where they
//! lie here. A permission that decides by the request's user is a guard; one that lets everybody read is none for reading.
//! Next: `mod.rs`.

use super::super::guards::{Guard, Guards, Kind, Verdict};
use super::super::routers::{Hung, push};
use super::super::views::{elements, lineage, method, setting, unknown};
use super::super::world::{Facts, MODULE, Target, World};
use crate::python::functions::plain;
use crate::python::syntax::last;
use crate::vocabulary::words;
use ligase_domain::{Seen, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Permissions of permissions.
const MAX_DEPTH: u8 = 4;

/// Permissions of a revision.
pub(super) struct Permissions<'r, 'w, 'v, 'f> {
    world: &'w World<'v, 'f>,
    guards: &'r Guards<'w, 'v, 'f>,
    /// Settings by their name: file and fact.
    settings: BTreeMap<&'f str, Vec<(usize, &'f Seen)>>,
}

impl<'r, 'w, 'v, 'f> Permissions<'r, 'w, 'v, 'f> {
    pub(super) fn new(world: &'w World<'v, 'f>, guards: &'r Guards<'w, 'v, 'f>) -> Self {
        let mut settings: BTreeMap<&'f str, Vec<(usize, &'f Seen)>> = BTreeMap::new();
        for (at, file) in world.files.iter().enumerate().filter(|(_, f)| f.is_source() && !f.path.contains("test")) {
            for seen in file.seen("py-setting") {
                let name = seen.attributes.get("name").and_then(Value::as_text).unwrap_or_default();
                settings.entry(name).or_default().push((at, seen));
            }
        }
        Self { world, guards, settings }
    }

    /// The settings of that name that lie nearest to a file.
    fn nearest(&self, name: &str, file: usize) -> Vec<(usize, &'f Seen)> {
        let path = &self.world.files[file].path;
        let shared = |at: usize| {
            let other = &self.world.files[at].path;
            path.split('/').zip(other.split('/')).take_while(|(a, b)| a == b).count()
        };
        let all = self.settings.get(name).map(Vec::as_slice).unwrap_or_default();
        let best = all.iter().map(|(f, _)| shared(*f)).max().unwrap_or_default();
        all.iter().filter(|(f, _)| shared(*f) == best).copied().collect()
    }

    /// What stands before a method of a view class; the reason why that is not known, "" where it is.
    pub(super) fn of_view(
        &self,
        own: &[(usize, String)],
        method_name: &str,
        action: Option<&BTreeMap<String, Value>>,
        hung: &mut Vec<Hung>,
        files: &mut BTreeSet<usize>,
    ) -> &'static str {
        let file = own.first().map_or(0, |c| c.0);
        if let Some(list) = action {
            self.list(file, MODULE, list, method_name, "decorator", hung, files);
            return "";
        }
        if let Some((f, function, seen)) = method(self.world, own, "get_permissions") {
            return self.by_request(f, &function, seen, method_name, hung, files);
        }
        match setting(self.world, own, "permission_classes") {
            Some((f, c, list)) => {
                files.insert(f);
                self.list(f, &c, list, method_name, "class", hung, files);
                ""
            }
            None => self.default(file, method_name, hung, files),
        }
    }

    /// What stands before a function that is a view of the REST framework.
    pub(super) fn of_function(
        &self,
        file: usize,
        method_name: &str,
        own: Option<&BTreeMap<String, Value>>,
        hung: &mut Vec<Hung>,
        files: &mut BTreeSet<usize>,
    ) -> &'static str {
        match own {
            Some(list) => {
                self.list(file, MODULE, list, method_name, "decorator", hung, files);
                ""
            }
            None => self.default(file, method_name, hung, files),
        }
    }

    /// `get_permissions`: known only where every permission that it makes asks who is calling.
    fn by_request(
        &self,
        file: usize,
        function: &str,
        seen: &Seen,
        method_name: &str,
        hung: &mut Vec<Hung>,
        files: &mut BTreeSet<usize>,
    ) -> &'static str {
        let mut made = Vec::new();
        for callee in
            seen.texts("calls").chain(seen.texts("passes")).filter(|c| last(c).starts_with(char::is_uppercase))
        {
            made.push(self.named(file, function, callee, method_name, MAX_DEPTH, files));
        }
        let sure = |v: &Verdict| v.guards.iter().any(|g| g.kind == Kind::Authentication && !g.optional);
        if made.is_empty() || !made.iter().all(sure) || seen.texts("calls").any(|c| c.contains("super")) {
            return "permissions-by-request";
        }
        if let Some(first) = made.into_iter().next() {
            push(hung, first, "class", false);
        }
        ""
    }

    /// What the settings say where a view says nothing.
    fn default(
        &self,
        file: usize,
        method_name: &str,
        hung: &mut Vec<Hung>,
        files: &mut BTreeSet<usize>,
    ) -> &'static str {
        let found = self.nearest("REST_FRAMEWORK", file);
        let said: Vec<_> = found.iter().filter(|(_, s)| s.flag("said") || s.flag("opaque")).collect();
        if said.is_empty() {
            // Without the setting the framework lets everybody pass; without any settings here nobody knows what holds.
            return if self.settings.contains_key("INSTALLED_APPS") { "" } else { "settings-not-found" };
        }
        files.extend(said.iter().map(|(f, _)| *f));
        let mut verdicts = Vec::new();
        for (at, seen) in &said {
            let mut own = Vec::new();
            self.list(*at, MODULE, &seen.attributes, method_name, "settings", &mut own, files);
            verdicts.push(own);
        }
        let guarded = |v: &Vec<Hung>| v.iter().any(|h| h.guard.kind == Kind::Authentication && !h.guard.optional);
        let all = verdicts.iter().filter(|v| guarded(v)).count();
        if all != 0 && all != verdicts.len() {
            push(hung, unknown("DEFAULT_PERMISSION_CLASSES differ between settings"), "settings", false);
            return "";
        }
        hung.extend(verdicts.into_iter().flatten());
        ""
    }

    #[allow(clippy::too_many_arguments)]
    fn list(
        &self,
        file: usize,
        scope: &str,
        list: &BTreeMap<String, Value>,
        method_name: &str,
        from: &'static str,
        hung: &mut Vec<Hung>,
        files: &mut BTreeSet<usize>,
    ) {
        let (items, opaque) = elements(self.world, file, scope, list, "permission_classes");
        for (file, scope, item) in &items {
            let file = *file;
            let any_of: Vec<&str> = item.texts("any_of").collect();
            let verdict = if item.has("any_of") {
                let all: Vec<Verdict> =
                    any_of.iter().map(|n| self.named(file, scope, n, method_name, MAX_DEPTH, files)).collect();
                weakest(item.str("symbol"), &all)
            } else if item.has("text") {
                self.target(&self.world.absolute(file, item.str("text")), method_name, MAX_DEPTH, files)
            } else {
                self.named(file, scope, item.str("symbol"), method_name, MAX_DEPTH, files)
            };
            push(hung, verdict, from, false);
        }
        if opaque {
            push(hung, unknown("permissions that are not a list"), from, false);
        }
    }

    fn named(
        &self,
        file: usize,
        scope: &str,
        name: &str,
        method_name: &str,
        depth: u8,
        files: &mut BTreeSet<usize>,
    ) -> Verdict {
        let target = self.world.follow(self.world.resolve(file, scope, name));
        self.target(&target, method_name, depth, files)
    }

    /// What one permission lets pass.
    fn target(&self, target: &Target, method_name: &str, depth: u8, files: &mut BTreeSet<usize>) -> Verdict {
        let symbol = plain(&self.world.symbol(target));
        let one =
            |kind: Kind, optional: bool| Verdict::of(Guard { symbol: symbol.clone(), kind, optional, scheme: false });
        let reading = matches!(method_name, "GET" | "HEAD" | "OPTIONS");
        match target {
            Target::External(dotted) => {
                let name = plain(dotted);
                let lists = &self.world.vocabulary.guards;
                if lists.read_open.contains(&name) {
                    return one(Kind::Authentication, reading);
                }
                match self.world.vocabulary.known_guards.get(&name) {
                    Some(known) if known.kind == "authentication" => one(Kind::Authentication, known.optional),
                    Some(known) if known.kind == "other" => one(Kind::Other, false),
                    _ => one(Kind::Unknown, false),
                }
            }
            Target::Class(file, class) | Target::Instance(file, class) if depth > 0 => {
                let (own, outside) = lineage(self.world, *file, class);
                files.extend(own.iter().map(|(f, _)| *f));
                let bases = || {
                    let found: Vec<Verdict> = outside
                        .iter()
                        .filter(|b| last(b) != "BasePermission")
                        .map(|b| self.target(&Target::External(b.clone()), method_name, 0, &mut BTreeSet::new()))
                        .collect();
                    let strong = found.iter().flat_map(|v| &v.guards).find(|g| g.kind == Kind::Authentication);
                    strong
                        .map(|g| (g.kind, g.optional))
                        .or_else(|| found.first().and_then(|v| v.guards.first()).map(|g| (g.kind, g.optional)))
                };
                match method(self.world, &own, "has_permission") {
                    Some((_, _, seen)) => match seen.str("permits") {
                        "always" => one(Kind::Other, false),
                        permits if seen.flag("credential") || seen.has("refuses") => {
                            one(Kind::Authentication, permits == "safe" && reading)
                        }
                        _ => bases().map_or_else(|| one(Kind::Unknown, false), |(k, o)| one(k, o)),
                    },
                    None => bases().map_or_else(|| one(Kind::Unknown, false), |(k, o)| one(k, o)),
                }
            }
            _ => one(Kind::Unknown, false),
        }
    }

    /// What a base from outside brings: a mixin that is known guards, one that nobody knows may.
    pub(super) fn base(&self, base: &str, hung: &mut Vec<Hung>) {
        let known = self.world.vocabulary.known_guards.get(base);
        let verdict = match known {
            Some(known) if known.kind == "authentication" => Verdict::of(Guard {
                symbol: base.to_owned(),
                kind: Kind::Authentication,
                optional: known.optional,
                scheme: false,
            }),
            Some(_) => return,
            None if self.guards.is_plain_module(base) => return,
            None => unknown(base),
        };
        push(hung, verdict, "class", false);
    }

    /// Middleware that the settings name and that refuses.
    pub(super) fn middleware(&self, file: usize, hung: &mut Vec<Hung>, files: &mut BTreeSet<usize>) {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for (at, seen) in self.nearest("MIDDLEWARE", file) {
            for item in seen.list("items").iter().filter_map(Value::as_map) {
                let text = item.get("text").and_then(Value::as_text).unwrap_or_default();
                if !known.insert(text) {
                    continue;
                }
                match self.world.absolute(at, text) {
                    Target::Class(f, class) => {
                        let (own, _) = lineage(self.world, f, &class);
                        for name in ["__call__", "process_request", "process_view"] {
                            if let Some((f, function, _)) = method(self.world, &own, name) {
                                let verdict = self.guards.runs_before(f, &function);
                                files.extend(&verdict.files);
                                push(hung, verdict, "middleware", false);
                            }
                        }
                    }
                    Target::Function(f, name) => {
                        let inner = format!("{name}.");
                        let functions = self.world.files[f].functions.keys().filter(|n| n.starts_with(&inner));
                        for function in functions.take(4) {
                            push(hung, self.guards.runs_before(f, function), "middleware", false);
                        }
                    }
                    _ => {
                        let listed = self.world.vocabulary.known_guards.get(text);
                        let speaks =
                            words(text).iter().any(|w| matches!(w.as_str(), "login" | "jwt" | "oidc" | "sso" | "saml"));
                        if let Some(listed) = listed.filter(|k| k.kind == "authentication") {
                            let guard = Guard {
                                symbol: text.to_owned(),
                                kind: Kind::Authentication,
                                optional: listed.optional,
                                scheme: false,
                            };
                            push(hung, Verdict::of(guard), "middleware", false);
                        } else if listed.is_none() && speaks {
                            push(hung, unknown(text), "middleware", false);
                        }
                    }
                }
            }
        }
    }
}

/// Of alternatives the weakest counts.
fn weakest(symbol: &str, all: &[Verdict]) -> Verdict {
    let firsts: Vec<&Guard> = all.iter().filter_map(|v| v.guards.first()).collect();
    let sure = !firsts.is_empty() && firsts.len() == all.len();
    let kind = if sure && firsts.iter().all(|g| g.kind == Kind::Authentication) {
        Kind::Authentication
    } else if firsts.iter().any(|g| g.kind == Kind::Other) {
        Kind::Other
    } else {
        Kind::Unknown
    };
    let optional = firsts.iter().any(|g| g.optional);
    Verdict::of(Guard { symbol: symbol.to_owned(), kind, optional, scheme: false })
}
