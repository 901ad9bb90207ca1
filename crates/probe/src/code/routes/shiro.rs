//! What else than Spring's own library stands before its controllers: Shiro's table of paths with the names of filters, which
//! is asked in order, and interceptors that are registered for paths. A filter or interceptor of the repository's own is a
//! guard that nobody here knows. Next: `spring.rs`, which asks them.

use super::eval::{At, Machine};
use super::spring::{Chain, Matcher, Rule, items, matchers, matches, root_of};
use crate::code::model::{Call, ExprKind, Stmt, StmtKind};
use crate::emit::Facts;
use crate::vocabulary::words;
use ligase_domain::{Seen, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Shiro's own filters that ask who somebody is, what he may, and those that let everybody pass.
const ASKS: &[&str] = &["authc", "authcBasic", "authcBearer", "user"];
const RIGHTS: &[&str] = &["perms", "roles", "rest"];
const PASSES: &[&str] = &["anon", "logout", "ssl", "port", "noSessionCreation", "invalidRequest"];
/// Calls that put a path into the table.
const PUTS: &[&str] = &["put", "addPathDefinition"];
/// Words of interceptors that are there to know callers.
const KNOWS: &[&str] = &[
    "auth",
    "authentication",
    "authorization",
    "authorize",
    "login",
    "logged",
    "token",
    "jwt",
    "session",
    "security",
    "permission",
    "permissions",
    "access",
    "user",
    "admin",
    "sa",
    "signature",
];

/// An interceptor that is asked before controllers of a module.
pub(super) struct Interceptor {
    pub root: String,
    pub file: usize,
    pub symbol: String,
    within: Vec<Matcher>,
    without: Vec<Matcher>,
}

impl Interceptor {
    /// Whether it stands before a request, as far as its patterns can be read.
    pub(super) fn stands_before(&self, verb: &str, full: &str) -> bool {
        let within = self.within.is_empty() || self.within.iter().any(|m| matches(m, verb, full) != Some(false));
        within && !self.without.iter().any(|m| matches(m, verb, full) == Some(true))
    }
}

/// Whether a body fills a table of paths and filters.
pub(super) fn fills_a_table(body: &[Stmt<'_>]) -> bool {
    let mut open: Vec<&Stmt<'_>> = body.iter().collect();
    while let Some(stmt) = open.pop() {
        match &stmt.kind {
            StmtKind::Expr(value) => {
                if let ExprKind::Call(call) = &value.kind
                    && names_filters(call)
                {
                    return true;
                }
            }
            StmtKind::Block { bodies, .. } => open.extend(bodies.iter().flatten()),
            _ => {}
        }
    }
    false
}

fn names_filters(call: &Call<'_>) -> bool {
    let puts = call.callee.last().is_some_and(|l| PUTS.contains(&l));
    let text = |at: usize| match call.args.get(at).map(|a| &a.value.kind) {
        Some(ExprKind::Text(text)) => Some(text.as_ref()),
        _ => None,
    };
    let known = |t: &str| filters(t).iter().any(|f| ASKS.contains(f) || PASSES.contains(f) || RIGHTS.contains(f));
    puts && text(0).is_some_and(|t| t.starts_with('/')) && text(1).is_some_and(known)
}

/// The names of filters, without what they are given.
fn filters(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                out.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[from..]);
    out.into_iter().map(|f| f.split('[').next().unwrap_or(f).trim()).filter(|f| !f.is_empty()).collect()
}

/// What a list of filters asks for; "" where each of them lets everybody pass.
fn kind_of(text: &str) -> &'static str {
    let all = filters(text);
    let has = |set: &[&str]| all.iter().any(|f| set.contains(f));
    if has(ASKS) {
        "authentication"
    } else if has(RIGHTS) {
        "authorization"
    } else if all.iter().all(|f| PASSES.contains(f)) {
        ""
    } else {
        "unknown"
    }
}

/// The tables of a revision, one for each module of the build; empty where nothing uses the library.
pub(super) fn chains(machine: &mut Machine<'_, '_>) -> Vec<Chain> {
    let world = machine.world;
    let uses = |file: usize| {
        let here = &world.files[file];
        here.is_source() && here.language == "java" && here.imports.iter().any(|i| i.1.starts_with("org.apache.shiro"))
    };
    if !(0..world.files.len()).any(uses) {
        return Vec::new();
    }
    let mut tables: BTreeMap<String, Chain> = BTreeMap::new();
    for file in 0..world.files.len() {
        let here = &world.files[file];
        if !here.is_source() || here.language != "java" {
            continue;
        }
        let units: Vec<&Seen> = here.units.values().copied().collect();
        for unit in units {
            let makes = unit.str("returns").contains("ShiroFilter");
            let rules = rules(machine, file, unit);
            if !makes && !rules.iter().any(|r| r.kind != "unknown") {
                continue;
            }
            let table = tables.entry(root_of(&here.path)).or_insert_with(|| Chain {
                root: root_of(&here.path),
                file,
                scope: Vec::new(),
                rules: Vec::new(),
                symbol: world.symbol(file, unit.str("id")),
                strict: false,
                unread: false,
            });
            table.rules.extend(rules);
        }
    }
    let finish = |mut table: Chain| {
        // What fills it was not found.
        table.unread = table.rules.is_empty();
        table
    };
    tables.into_values().map(finish).collect()
}

/// What one function puts into a table, in its order.
fn rules(machine: &mut Machine<'_, '_>, file: usize, unit: &Seen) -> Vec<Rule> {
    let world = machine.world;
    let env = machine.java_scope(file, unit.str("class"));
    let mut out = Vec::new();
    for (number, step) in world.files[file].steps.get(unit.str("id")).into_iter().flatten() {
        let Some(value) = step.attributes.get("value") else { continue };
        for (name, args) in items(value) {
            match args {
                [path, filters] if PUTS.contains(&name) => {
                    let at = At { file, env, step: *number, condition: false };
                    let path = machine.eval(at, path);
                    let filters = filters.as_text().and_then(|t| t.strip_prefix("s:"));
                    let matchers = matchers(&path, "", 4);
                    // A filter is put into another table under its name.
                    if matchers.iter().all(|m| matches!(m, Matcher::Path(_, p) if !p.starts_with('/'))) {
                        continue;
                    }
                    out.push(Rule { matchers, kind: filters.map_or("unknown", kind_of) });
                }
                [_] if name == "putAll" => out.push(Rule { matchers: vec![Matcher::Unknown], kind: "" }),
                _ => {}
            }
        }
    }
    out
}

/// Interceptors that are registered and by their name know callers.
pub(super) fn interceptors(machine: &mut Machine<'_, '_>) -> Vec<Interceptor> {
    let world = machine.world;
    let mut out = Vec::new();
    for file in 0..world.files.len() {
        let here = &world.files[file];
        if !here.is_source() || here.language != "java" {
            continue;
        }
        let registers = |u: &&Seen| u.texts("types").any(|t| t == "InterceptorRegistry");
        let units: Vec<&Seen> = here.units.values().copied().filter(registers).collect();
        for unit in units {
            let env = machine.java_scope(file, unit.str("class"));
            for (number, step) in here.steps.get(unit.str("id")).into_iter().flatten() {
                let Some(value) = step.attributes.get("value") else { continue };
                let at = At { file, env, step: *number, condition: false };
                out.extend(interceptor(machine, at, value));
            }
        }
    }
    out
}

fn interceptor(machine: &mut Machine<'_, '_>, at: At, value: &Value) -> Option<Interceptor> {
    let calls = items(value);
    let (_, args) = calls.iter().find(|(name, _)| *name == "addInterceptor")?;
    let name = named(args.first()?)?;
    if !words(&name).iter().any(|w| KNOWS.contains(&w.as_str())) {
        return None;
    }
    let (mut within, mut without) = (Vec::new(), Vec::new());
    for (call, args) in &calls {
        let list = match *call {
            "addPathPatterns" => &mut within,
            "excludePathPatterns" => &mut without,
            _ => continue,
        };
        for arg in *args {
            let val = machine.eval(at, arg);
            list.extend(matchers(&val, "", 4));
        }
    }
    let root = root_of(&machine.world.files[at.file].path);
    Some(Interceptor { root, file: at.file, symbol: name, within, without })
}

/// What a value is called: a name, or what is made or called.
fn named(value: &Value) -> Option<String> {
    let text = match value.as_list() {
        Some([Value::Text(_), _, Value::Text(callee), ..]) => callee.as_str(),
        _ => value.as_text()?,
    };
    let name = text.strip_prefix("n:")?;
    Some(name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// Modules that use a library by which annotations of a controller are asked, so that they do something.
pub(super) fn asked_annotations(machine: &Machine<'_, '_>) -> BTreeSet<&'static str> {
    let mut out = BTreeSet::new();
    for here in machine.world.files.iter().filter(|f| f.is_source() && f.language == "java") {
        for import in &here.imports {
            if import.1.starts_with("org.apache.shiro.spring") || import.1.starts_with("org.apache.shiro.web") {
                out.insert("org.apache.shiro.");
            }
            if import.1.starts_with("cn.dev33.satoken.interceptor") || import.1.starts_with("cn.dev33.satoken.filter") {
                out.insert("cn.dev33.satoken.");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::kind_of;

    #[test]
    fn filters_are_read_by_their_names() {
        let cases = [
            ("anon", ""),
            ("authc", "authentication"),
            ("apikey, csrf, authc", "authentication"),
            ("perms[\"a,b\"]", "authorization"),
            ("jwt", "unknown"),
            ("noSessionCreation, anon", ""),
        ];
        for (text, kind) in cases {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }
}
