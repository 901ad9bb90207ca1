//! What stands before a handler, and what it does. A name proves nothing: a function guards when it refuses, itself or by
//! whom it asks with the request, across files. What is from outside is known by the vocabulary; what is not, and whose name
//! says that it asks who is calling, is *unknown*, never *none*. Next: `flatten.rs`.

use super::eval::{At, Machine, Val};
use super::rates::Rate;
use super::summary::asks_who;
use crate::emit::Facts;
use crate::vocabulary::{Vocabulary, words};
use ligase_domain::{Seen, Value};
use std::collections::BTreeSet;

/// Calls of calls that are asked whether they refuse.
const MAX_DEPTH: u8 = 3;

/// One guard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Guard {
    pub kind: &'static str,
    pub symbol: String,
    pub optional: bool,
    /// (key, whether it lets pass where the key is `present` or `absent`).
    pub metadata: Vec<(String, String)>,
    /// What the vocabulary knows it by.
    pub by: String,
    /// How often it lets pass.
    pub rate: Option<Rate>,
    pub files: BTreeSet<usize>,
}

impl Guard {
    pub(super) fn new(kind: &'static str, symbol: String) -> Self {
        let (by, rate) = (String::new(), None);
        Self { kind, symbol, optional: false, metadata: Vec::new(), by, rate, files: BTreeSet::new() }
    }

    pub(super) fn guards(&self) -> bool {
        matches!(self.kind, "authentication" | "authorization")
    }
}

fn kind_of(name: &str) -> &'static str {
    match name {
        "authentication" => "authentication",
        "authorization" => "authorization",
        "rate-limit" => "rate-limit",
        "other" => "other",
        _ => "unknown",
    }
}

/// Whether the name of something from outside says that it asks who is calling.
fn sounds_like_a_guard(name: &str) -> bool {
    const MORE: &[&str] = &[
        "passport", "oidc", "keycloak", "protect", "guard", "clerk", "firebase", "auth0", "oauth", "oauth2", "iam",
        "acl", "rbac", "casbin", "verify", "saml", "ldap", "sso",
    ];
    words(name).iter().any(|w| MORE.contains(&w.as_str()))
        || asks_who(name.rsplit(['.', '/']).next().unwrap_or(name))
        || words(name).iter().any(|w| w == "auth" || w == "jwt")
}

/// Says what values guard.
pub(super) struct Guards<'v> {
    pub vocabulary: &'v Vocabulary,
}

impl Guards<'_> {
    /// What a value does that stands before a handler.
    pub(super) fn of(&self, machine: &mut Machine<'_, '_>, val: &Val, depth: u8) -> Guard {
        match val {
            Val::Outside(name) => self.outside(name, &[], machine),
            Val::Made(made) => {
                let callee = made.callee.clone();
                if let Val::Outside(name) = &callee {
                    let own = self.outside(name, &made.args, machine);
                    return if own.kind == "other" {
                        self.handed(machine, &made.args, depth).unwrap_or(own)
                    } else {
                        own
                    };
                }
                let mut guard = match &made.result {
                    Val::Unknown => self.of(machine, &callee, depth),
                    result => {
                        let inner = self.of(machine, &result.clone(), depth);
                        if inner.kind == "other" { self.of(machine, &callee, depth) } else { inner }
                    }
                };
                if guard.kind == "other"
                    && let Some(inner) = self.handed(machine, &made.args, depth)
                {
                    return inner;
                }
                let symbol = self.symbol(machine, &callee);
                if symbol != "?" {
                    guard.symbol = symbol;
                }
                guard
            }
            Val::Unit(file, id, env) => self.unit(machine, *file, id, *env, depth),
            Val::Class(file, class) => self.class(machine, *file, class, depth),
            Val::Object(object) => match machine.objects[*object].class.clone() {
                Some((file, class)) => self.class(machine, file, &class, depth),
                None => Guard::new("unknown", "?".to_owned()),
            },
            Val::Either(all) => {
                let all: Vec<Guard> = all.iter().map(|v| self.of(machine, v, depth)).collect();
                let same = all.windows(2).all(|w| w[0].kind == w[1].kind);
                let mut first = all.first().cloned().unwrap_or_else(|| Guard::new("unknown", "?".to_owned()));
                if !same {
                    first.kind = "unknown";
                }
                if all.iter().any(|g| g.rate != first.rate) {
                    first.rate = None;
                }
                first
            }
            Val::Text(_) | Val::Number(_) | Val::Router(_) | Val::List(_) | Val::Module(_) => {
                Guard::new("other", "?".to_owned())
            }
            Val::Unknown => Guard::new("unknown", "?".to_owned()),
        }
    }

    /// A guard that is handed to what only wraps it: `catching(requireUser)`.
    fn handed(&self, machine: &mut Machine<'_, '_>, args: &[Val], depth: u8) -> Option<Guard> {
        let functions = args.iter().filter(|a| depth > 0 && matches!(a, Val::Unit(..) | Val::Made(_) | Val::Either(_)));
        for arg in functions {
            let guard = self.of(machine, arg, depth - 1);
            if guard.guards() || guard.kind == "unknown" {
                return Some(guard);
            }
        }
        None
    }

    /// What people call a value.
    pub(super) fn symbol(&self, machine: &Machine<'_, '_>, val: &Val) -> String {
        match val {
            Val::Outside(name) => name.trim_start_matches("go:").to_owned(),
            Val::Made(made) => self.symbol(machine, &made.callee),
            Val::Unit(file, id, _) => machine.world.symbol(*file, id),
            Val::Class(file, class) => format!("{}.{class}", machine.world.module_name(*file)),
            Val::Object(object) => match &machine.objects[*object].class {
                Some((file, class)) => format!("{}.{class}", machine.world.module_name(*file)),
                None => "?".to_owned(),
            },
            _ => "?".to_owned(),
        }
    }

    fn outside(&self, name: &str, args: &[Val], machine: &Machine<'_, '_>) -> Guard {
        let name = name.strip_prefix("go:").unwrap_or(name);
        let known = self.vocabulary.known_guards.get(name);
        let kind = match known {
            Some(known) => kind_of(&known.kind),
            None if sounds_like_a_guard(name) => "unknown",
            None => "other",
        };
        let mut guard = Guard::new(kind, name.to_owned());
        if let Some(known) = known.filter(|k| k.kind == "rate-limit") {
            guard.by = name.to_owned();
            guard.rate = self.told(machine, known, args);
        }
        guard.optional = known.is_some_and(|k| k.optional) || args.iter().any(|a| self.opens(a, machine, 3));
        guard
    }

    /// An argument that lets anybody pass: `{ credentialsRequired: false }`, `['jwt', 'anonymous']`.
    fn opens(&self, arg: &Val, machine: &Machine<'_, '_>, depth: u8) -> bool {
        match arg {
            Val::Text(text) => &**text == "anonymous",
            Val::List(list) => depth > 0 && list.iter().any(|v| self.opens(v, machine, depth - 1)),
            Val::Object(object) => self.vocabulary.guards.optional_when.iter().any(|o| {
                matches!(machine.objects[*object].fields.get(&o.name), Some(Val::Text(t)) if t.eq_ignore_ascii_case(&o.value))
            }),
            _ => false,
        }
    }

    fn unit(&self, machine: &mut Machine<'_, '_>, file: usize, id: &str, env: usize, depth: u8) -> Guard {
        let symbol = machine.world.symbol(file, id);
        let Some(unit) = machine.world.files[file].units.get(id).copied() else { return Guard::new("other", symbol) };
        let mut guard = Guard::new("other", symbol);
        guard.files.insert(file);
        let errors = unit.texts("params").next().is_some_and(|p| matches!(p, "err" | "error" | "e" | "_err" | "ex"))
            && unit.list("params").len() == 4;
        if errors {
            return guard;
        }
        let refuses: Vec<&str> = unit.texts("refuses").collect();
        guard.metadata = metadata(unit);
        if refuses.contains(&"authentication") {
            guard.kind = "authentication";
        } else if !refuses.is_empty() {
            guard.kind = "authorization";
        }
        guard.optional = unit.flag("missing_passes") || switched_off(machine, unit, env);
        if guard.kind == "other" && depth > 0 {
            self.asked(machine, file, unit, env, depth, &mut guard);
        }
        // It counts, and says when that was too often; how often that is stands wherever it counts.
        if guard.kind == "other" && unit.flag("counts") {
            guard.kind = "rate-limit";
        }
        // Somebody is sent away who shows nothing; how he is told is not known.
        if guard.kind == "other" && unit.flag("stops") && unit.flag("hands_on") {
            guard.kind = "unknown";
        }
        guard
    }

    /// Whom a function asks with the request.
    fn asked(&self, machine: &mut Machine<'_, '_>, file: usize, unit: &Seen, env: usize, depth: u8, guard: &mut Guard) {
        let at = At { file, env, step: 0, condition: false };
        let names: Vec<String> = unit.texts("calls").map(str::to_owned).collect();
        let mut unsure = false;
        for name in names {
            let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
            let val = machine.name(at, &name);
            let inner = match &val {
                Val::Unit(f, id, e) => self.unit(machine, *f, &id.clone(), *e, depth - 1),
                Val::Outside(outside) => {
                    let inner = self.outside(outside, &[], machine);
                    // A library that is asked and whose answer is not checked here decides nothing.
                    if self.vocabulary.known_guards.contains_key(inner.symbol.as_str()) {
                        inner
                    } else {
                        Guard::new("other", String::new())
                    }
                }
                Val::Unknown
                    if asks_who(&last)
                        && (name.starts_with("this.") || name.contains('.'))
                        && verb_of_asking(&last) =>
                {
                    unsure = true;
                    continue;
                }
                _ => continue,
            };
            guard.files.extend(&inner.files);
            if inner.guards() {
                (guard.kind, guard.optional) = (inner.kind, guard.optional || inner.optional);
                return;
            }
            if inner.kind == "rate-limit" {
                (guard.kind, guard.rate) = ("rate-limit", inner.rate);
                return;
            }
            unsure |= inner.kind == "unknown";
        }
        if unsure {
            guard.kind = "unknown";
        }
    }

    /// A class that guards: what NestJS asks `canActivate`, what a middleware's `use` does.
    pub(super) fn class(&self, machine: &mut Machine<'_, '_>, file: usize, class: &str, depth: u8) -> Guard {
        let symbol = format!("{}.{class}", machine.world.module_name(file));
        let world = machine.world;
        let mut guard = Guard::new("unknown", symbol.clone());
        guard.files.insert(file);
        let Some(seen) = world.files[file].classes.get(class).copied() else { return guard };
        let own = |name: &str| world.files[file].methods.get(&(class, name)).copied();
        let handles = own("handleRequest").and_then(|id| world.files[file].units.get(id));
        let gives_back = handles.is_some_and(|u| u.list("refuses").is_empty());
        let method = own("canActivate").or_else(|| own("use")).or_else(|| own("intercept"));
        let Some(unit) = method.and_then(|id| world.files[file].units.get(id).copied()) else {
            if own("canActivate").is_some() {
                // A method that says nothing at all.
                guard.kind = "other";
                return guard;
            }
            let base = self.base(machine, file, seen, depth);
            guard = Guard { symbol, ..base };
            guard.optional |= gives_back && guard.guards();
            return guard;
        };
        let env = machine.module(file);
        let id = unit.str("id").to_owned();
        let mut verdict = self.unit(machine, file, &id, env, depth);
        if unit.str("name") == "canActivate" {
            let role = words(class).iter().any(|w| {
                matches!(
                    w.as_str(),
                    "role"
                        | "roles"
                        | "permission"
                        | "permissions"
                        | "policy"
                        | "policies"
                        | "scope"
                        | "scopes"
                        | "ability"
                        | "abilities"
                        | "admin"
                )
            });
            if unit.flag("above") && !verdict.guards() {
                let base = self.base(machine, file, seen, depth);
                (verdict.kind, verdict.optional) = (base.kind, base.optional || gives_back);
                (verdict.by, verdict.rate) = (base.by, base.rate);
            } else if !verdict.guards() && unit.flag("only_true") && unit.flag("turns_away") {
                // Whoever shows nothing is refused by whatever is thrown: in `canActivate` nothing else can come of it.
                verdict.kind = if asks_who(class) { "authentication" } else { "unknown" };
            } else if !verdict.guards() && unit.flag("only_true") {
                verdict.kind = "other";
            } else if !verdict.guards() && (unit.flag("decides") || unit.flag("says_false")) {
                verdict.kind = if role { "authorization" } else { "authentication" };
            }
            // What a marker opens is told apart by the marker.
            verdict.optional = verdict.optional && verdict.metadata.is_empty();
        }
        verdict.symbol = symbol;
        verdict.metadata = verdict.metadata.into_iter().map(|(k, w)| (self.key(machine, file, &k), w)).collect();
        verdict
    }

    /// The name of a marker: the text that it is kept under.
    pub(super) fn key(&self, machine: &mut Machine<'_, '_>, file: usize, written: &str) -> String {
        if let Some(text) = written.strip_prefix('\'') {
            return text.trim_end_matches('\'').to_owned();
        }
        let env = machine.module(file);
        match machine.name(At { file, env, step: 0, condition: false }, written) {
            Val::Text(text) => text.to_string(),
            _ => written.trim_end_matches(".KEY").rsplit('.').next().unwrap_or(written).to_owned(),
        }
    }

    fn base(&self, machine: &mut Machine<'_, '_>, file: usize, seen: &Seen, depth: u8) -> Guard {
        let Some(base) = seen.texts("bases").next().map(|b| b.split(['(', '<']).next().unwrap_or(b).trim().to_owned())
        else {
            return Guard::new("unknown", "?".to_owned());
        };
        if depth == 0 {
            return Guard::new("unknown", base);
        }
        let env = machine.module(file);
        let val = machine.name(At { file, env, step: 0, condition: false }, &base);
        let mut guard = match &val {
            Val::Made(made) => self.of(machine, &Val::Made(made.clone()), depth - 1),
            Val::Unit(..) | Val::Class(..) | Val::Outside(_) => self.of(machine, &val, depth - 1),
            _ => Guard::new("unknown", base),
        };
        guard.optional |= seen.str("base_args").contains("anonymous");
        guard
    }

    /// A handler that counts itself how often it is called.
    pub(super) fn counts(&self, machine: &Machine<'_, '_>, handler: &Val) -> Option<Guard> {
        match handler {
            Val::Unit(file, id, _) => {
                let unit = machine.world.files[*file].units.get(&**id).filter(|u| u.flag("counts"))?;
                let mut guard = Guard::new("rate-limit", machine.world.symbol(*file, unit.str("id")));
                guard.files.insert(*file);
                Some(guard)
            }
            Val::Made(made) => self.counts(machine, &made.result),
            _ => None,
        }
    }

    /// What a handler itself refuses, where it asks who is calling.
    pub(super) fn inside(&self, machine: &mut Machine<'_, '_>, handler: &Val) -> Option<Guard> {
        let (file, id, env) = match handler {
            Val::Unit(file, id, env) => (*file, id.clone(), *env),
            Val::Made(made) => match &made.result {
                Val::Unit(file, id, env) => (*file, id.clone(), *env),
                _ => return None,
            },
            _ => return None,
        };
        let unit = machine.world.files[file].units.get(&*id).copied()?;
        let mut guard = Guard::new("other", machine.world.symbol(file, &id));
        guard.files.insert(file);
        if unit.texts("checked").any(|c| c == "authentication") {
            guard.kind = "authentication";
        } else if !unit.list("checked").is_empty() {
            guard.kind = "authorization";
        } else if !unit.list("refuses").is_empty() {
            guard.kind = "unknown";
        } else {
            // Only whom it asks by a verb that lets nobody pass: `requireUser(req)`.
            let calls: Vec<String> = unit
                .texts("calls")
                .filter(|c| verb_of_asking(c.rsplit('.').next().unwrap_or(c)))
                .map(str::to_owned)
                .collect();
            let at = At { file, env, step: 0, condition: false };
            let mut unsure = false;
            for name in calls {
                match machine.name(at, &name) {
                    Val::Unit(f, inner, e) => {
                        let asked = self.unit(machine, f, &inner, e, MAX_DEPTH - 1);
                        if asked.guards() && !asked.optional {
                            return Some(asked);
                        }
                    }
                    Val::Unknown => unsure |= insists(name.rsplit('.').next().unwrap_or(&name)),
                    _ => {}
                }
            }
            if !unsure {
                // Who is asking is looked up in the handler, and lets nobody pass or not.
                let knows = unit.texts("calls").any(|c| looks_up(c.rsplit('.').next().unwrap_or(c)));
                guard.kind = "authentication";
                guard.optional = true;
                return knows.then_some(guard);
            }
            guard.kind = "unknown";
        }
        Some(guard)
    }
}

/// `requireUser`, `checkAuth`, `getSession`, `currentUser`: who is asked this may refuse.
fn verb_of_asking(name: &str) -> bool {
    words(name).iter().any(|w| {
        matches!(
            w.as_str(),
            "require"
                | "requires"
                | "ensure"
                | "assert"
                | "check"
                | "verify"
                | "authorize"
                | "authorise"
                | "authenticate"
                | "validate"
                | "guard"
                | "protect"
                | "must"
                | "current"
                | "get"
                | "is"
                | "has"
                | "can"
        )
    }) && asks_who(name)
        || matches!(name, "auth" | "Auth" | "authn" | "authz")
}

/// `UserFrom(ctx)`, `currentUser(req)`: gives who is asking, or nobody.
fn looks_up(name: &str) -> bool {
    let words = words(name);
    let has = |set: &[&str]| words.iter().any(|w| set.contains(&w.as_str()));
    has(&["user", "viewer", "principal", "identity", "actor"]) && has(&["from", "current", "viewer"])
}

/// Verbs that stand for nothing but a refusal.
fn insists(name: &str) -> bool {
    words(name).iter().any(|w| {
        matches!(
            w.as_str(),
            "require" | "ensure" | "assert" | "authorize" | "authorise" | "authenticate" | "protect" | "must"
        )
    }) && asks_who(name)
}

/// Whether everything that a function refuses hangs on a switch that whoever made it left off: `authenticate('jwt', false)`.
fn switched_off(machine: &Machine<'_, '_>, unit: &Seen, env: usize) -> bool {
    pairs(unit, "switches").iter().any(|(name, wanted)| match machine.var(env, name) {
        Some(Val::Text(text)) => matches!(&*text, "true" | "false") && *text != **wanted,
        _ => false,
    })
}

fn metadata(unit: &Seen) -> Vec<(String, String)> {
    pairs(unit, "metadata")
}

fn pairs(unit: &Seen, name: &str) -> Vec<(String, String)> {
    let pair = |v: &Value| {
        let list = v.as_list()?;
        Some((list.first()?.as_text()?.to_owned(), list.get(1)?.as_text()?.to_owned()))
    };
    unit.list(name).iter().filter_map(pair).collect()
}
