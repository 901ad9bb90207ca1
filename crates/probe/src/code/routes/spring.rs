//! What guards Spring: annotations of methods and classes, and the rules of a filter chain, which are asked in order; the
//! first that matches decides. Chains belong to a module of the build. A rule that cannot be read leaves open what it could
//! have said. Next: `annotated.rs`.

use super::annotated::{Mark, texts_of};
use super::eval::{At, Machine, Val};
use super::guards::Guard;
use super::out::Hung;
use super::shiro::{self, Interceptor};
use super::spec::Spec;
use crate::emit::Facts;
use ligase_domain::{Seen, Value};
use std::collections::BTreeSet;

/// Calls of one chain.
const MAX_ITEMS: usize = 400;
/// What is asked before a controller is; a class that is one of these and counts requests stands before all of them.
const BEFORE: &[&str] = &["Filter", "FilterBean", "HandlerInterceptor", "HandlerInterceptorAdapter", "WebFilter"];

/// What a rule asks of a request.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Any,
    /// Method of HTTP ("" for all), pattern.
    Path(String, String),
    /// What the framework itself serves.
    Foreign,
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub matchers: Vec<Matcher>,
    /// `authentication`, `authorization`, `unknown`, or "" for who lets pass.
    pub kind: &'static str,
}

#[derive(Debug)]
pub(super) struct Chain {
    pub root: String,
    pub file: usize,
    /// Empty: every request.
    pub scope: Vec<Matcher>,
    pub rules: Vec<Rule>,
    pub symbol: String,
    /// Everything is denied that no rule names.
    pub strict: bool,
    /// Some of it was too large to keep.
    pub unread: bool,
}

/// The chains of a revision.
pub(super) struct Spring {
    chains: Vec<Chain>,
    /// Modules that use the library.
    uses: BTreeSet<String>,
    method_security: bool,
    /// Modules that say that they are a resource server and give it no rules of their own: every request needs a token.
    resource: BTreeSet<String>,
    ruled: BTreeSet<String>,
    /// (module, what counts requests there before any controller).
    counting: Vec<(String, Hung)>,
    /// What is registered to stand before controllers and by its name knows callers.
    interceptors: Vec<Interceptor>,
    /// How the annotations begin that another library asks.
    asked: BTreeSet<&'static str>,
}

/// The folder of a module of the build.
pub(super) fn root_of(path: &str) -> String {
    let cut = path.find("src/main/").or_else(|| path.find("src/"));
    cut.map_or(String::new(), |n| path[..n].to_owned())
}

/// One call of a chain: its name and arguments.
pub(super) type Item<'v> = (&'v str, &'v [Value]);

/// The calls of a chain, the first first.
pub(super) fn items(value: &Value) -> Vec<Item<'_>> {
    let (mut out, mut at) = (Vec::new(), value);
    while let Some([Value::Text(tag), _, callee, args @ ..]) = at.as_list() {
        if tag != "c" || out.len() > MAX_ITEMS {
            break;
        }
        match callee {
            Value::Text(name) => {
                let name = name.strip_prefix("n:").unwrap_or(name);
                let mut parts: Vec<&str> = name.split('.').collect();
                let last = parts.pop().unwrap_or_default();
                out.push((last, args));
                // `http.authorizeRequests` without brackets does not exist; fields before the first call say nothing.
                break;
            }
            Value::List(inner) => {
                out.push((inner.get(2).and_then(Value::as_text).unwrap_or_default(), args));
                match inner.get(1) {
                    Some(of) => at = of,
                    None => break,
                }
            }
            _ => break,
        }
    }
    out.reverse();
    out
}

impl Spring {
    pub(super) fn new(machine: &mut Machine<'_, '_>) -> Self {
        let mut spring = Self {
            chains: Vec::new(),
            uses: BTreeSet::new(),
            method_security: false,
            resource: BTreeSet::new(),
            ruled: BTreeSet::new(),
            counting: Vec::new(),
            interceptors: shiro::interceptors(machine),
            asked: shiro::asked_annotations(machine),
        };
        let world = machine.world;
        for file in 0..world.files.len() {
            let here = &world.files[file];
            if !here.is_source() || here.language != "java" {
                continue;
            }
            if here.imports.iter().any(|i| i.1.starts_with("org.springframework.security")) {
                spring.uses.insert(root_of(&here.path));
            }
            let enables = |a: &Value| {
                a.as_list()
                    .and_then(|l| l.first())
                    .and_then(Value::as_text)
                    .is_some_and(|n| n.contains("MethodSecurity"))
            };
            spring.method_security |= here.classes.values().any(|c| c.list("annotations").iter().any(enables));
            let named = |a: &Value, name: &str| {
                a.as_list().and_then(|l| l.first()).and_then(Value::as_text).is_some_and(|n| n == name)
            };
            for class in here.classes.values() {
                let before = class.texts("bases").any(|b| BEFORE.iter().any(|w| b.ends_with(w)));
                let counts = |u: &Seen| u.str("class") == class.str("name") && u.flag("counts");
                if before && here.units.values().any(|u| counts(u)) {
                    let guard = Guard::new("rate-limit", format!("{}.{}", world.module_name(file), class.str("name")));
                    let guard = Guard { files: BTreeSet::from([file]), ..guard };
                    spring.counting.push((root_of(&here.path), Hung { guard, from: "filter-chain" }));
                }
                if class.list("annotations").iter().any(|a| named(a, "EnableResourceServer")) {
                    spring.resource.insert(root_of(&here.path));
                }
            }
            let units: Vec<_> = here
                .units
                .values()
                .copied()
                .filter(|u| {
                    u.texts("types").any(|t| matches!(t, "HttpSecurity" | "WebSecurity" | "ServerHttpSecurity"))
                        || u.str("returns") == "WebSecurityCustomizer"
                })
                .collect();
            for unit in units {
                let of_server = here
                    .classes
                    .get(unit.str("class"))
                    .is_some_and(|c| c.texts("bases").any(|b| b.ends_with("ResourceServerConfigurerAdapter")));
                if of_server {
                    spring.ruled.insert(root_of(&here.path));
                }
                spring.read(
                    machine,
                    file,
                    unit.str("id"),
                    unit.str("class"),
                    unit.texts("types").any(|t| t == "WebSecurity") || unit.str("returns") == "WebSecurityCustomizer",
                );
            }
        }
        spring.chains.extend(shiro::chains(machine));
        spring
    }

    fn read(&mut self, machine: &mut Machine<'_, '_>, file: usize, id: &str, class: &str, ignores: bool) {
        let world = machine.world;
        let env = machine.java_scope(file, class);
        let mut chain = Chain {
            root: root_of(&world.files[file].path),
            file,
            scope: Vec::new(),
            rules: Vec::new(),
            symbol: world.symbol(file, id),
            strict: false,
            unread: false,
        };
        let mut open: Vec<Matcher> = Vec::new();
        let mut inside: Vec<String> = vec![id.to_owned()];
        let mut n = 0;
        while n < inside.len() && n < 24 {
            let scope = inside[n].clone();
            n += 1;
            for (number, step) in world.files[file].steps.get(scope.as_str()).into_iter().flatten() {
                let Some(value) = step.attributes.get("value") else { continue };
                if value.as_text() == Some("?") {
                    chain.unread = true;
                }
                let at = At { file, env, step: *number, condition: false };
                self.chain_items(machine, at, value, &mut chain, &mut open, &mut inside);
            }
        }
        if ignores {
            // What is ignored is asked before every chain.
            let rules = std::mem::take(&mut chain.rules);
            let ignored: Vec<Matcher> = rules
                .into_iter()
                .flat_map(|r| r.matchers)
                .chain(std::mem::take(&mut chain.scope))
                .chain(open)
                .collect();
            if !ignored.is_empty() {
                chain.rules.push(Rule { matchers: ignored, kind: "" });
                self.chains.insert(0, chain);
            }
            return;
        }
        self.chains.push(chain);
    }

    fn chain_items(
        &self,
        machine: &mut Machine<'_, '_>,
        at: At,
        value: &Value,
        chain: &mut Chain,
        open: &mut Vec<Matcher>,
        inside: &mut Vec<String>,
    ) {
        let mut authorizing = false;
        for (name, args) in items(value) {
            match name {
                "authorizeHttpRequests" | "authorizeRequests" | "authorizeExchange" => {
                    authorizing = true;
                    chain.strict |= name == "authorizeHttpRequests";
                    inside.extend(args.iter().filter_map(|a| a.as_text()?.strip_prefix("f:").map(str::to_owned)));
                }
                "and" => authorizing = false,
                "securityMatcher" | "securityMatchers" | "antMatcher" | "mvcMatcher" if !authorizing => {
                    for arg in args {
                        let val = machine.eval(at, arg);
                        chain.scope.extend(matchers(&val, "", 4));
                    }
                }
                "requestMatchers" | "antMatchers" | "mvcMatchers" | "regexMatchers" | "pathMatchers" => {
                    let vals: Vec<Val> = args.iter().map(|a| machine.eval(at, a)).collect();
                    let method = vals.first().and_then(http_method).unwrap_or_default();
                    let rest = if method.is_empty() { &vals[..] } else { &vals[1..] };
                    let mut found: Vec<Matcher> = rest.iter().flat_map(|v| matchers(v, &method, 4)).collect();
                    if found.is_empty() && !method.is_empty() {
                        found.push(Matcher::Path(method, "/**".to_owned()));
                    }
                    if name == "regexMatchers" {
                        found = vec![Matcher::Unknown];
                    }
                    open.extend(found);
                }
                "anyRequest" | "anyExchange" => open.push(Matcher::Any),
                _ => {
                    if let Some(kind) = verdict(name)
                        && !open.is_empty()
                    {
                        chain.rules.push(Rule { matchers: std::mem::take(open), kind });
                    }
                }
            }
        }
    }

    /// What stands before a route.
    pub(super) fn chain(
        &self,
        machine: &Machine<'_, '_>,
        spec: &Spec,
        file: usize,
        (method, class): (&[Mark], &[Mark]),
        (verb, full): (&str, &str),
        hung: &mut Vec<Hung>,
    ) -> &'static str {
        for (list, from) in [(method, "decorator"), (class, "class")] {
            for mark in list {
                if let Some(kind) = spec.guard_annotations.get(&mark.name) {
                    hung.extend(self.annotation(mark, kind).map(|guard| Hung { guard, from }));
                    // What stands on the method is asked instead of what stands on the class.
                    if from == "decorator" {
                        return self.filtered(machine, file, verb, full, hung);
                    }
                }
            }
        }
        self.filtered(machine, file, verb, full, hung)
    }

    fn annotation(&self, mark: &Mark, kind: &str) -> Option<Guard> {
        let rule = mark.args.first().map(texts_of).unwrap_or_default().join(" ");
        let opens = ["permitAll", "isAnonymous", "IS_AUTHENTICATED_ANONYMOUSLY"].iter().any(|w| rule.contains(w))
            && !rule.contains(" and ");
        if kind == "rate-limit" {
            return Some(Guard::new("rate-limit", mark.name.clone()));
        }
        if kind == "other" || opens {
            return None;
        }
        let foreign = ["org.apache.shiro.", "cn.dev33.satoken."].into_iter().find(|f| mark.name.starts_with(f));
        let kind = match kind {
            _ if !foreign.map_or(self.method_security, |f| self.asked.contains(f)) => "unknown",
            _ if rule.contains("isAuthenticated") || kind == "authentication" => "authentication",
            _ => "authorization",
        };
        Some(Guard::new(kind, mark.name.clone()))
    }

    fn filtered(
        &self,
        machine: &Machine<'_, '_>,
        file: usize,
        verb: &str,
        full: &str,
        hung: &mut Vec<Hung>,
    ) -> &'static str {
        let root = root_of(&machine.world.files[file].path);
        hung.extend(self.counting.iter().filter(|(r, _)| *r == root).map(|(_, h)| h.clone()));
        for one in self.interceptors.iter().filter(|i| i.root == root && i.stands_before(verb, full)) {
            let guard = Guard { files: BTreeSet::from([one.file]), ..Guard::new("unknown", one.symbol.clone()) };
            hung.push(Hung { guard, from: "filter-chain" });
        }
        let own: Vec<&Chain> = self.chains.iter().filter(|c| c.root == root).collect();
        if self.resource.contains(&root) && !self.ruled.contains(&root) {
            let symbol = "org.springframework.security.oauth2.config.annotation.web.configuration.EnableResourceServer";
            let (symbol, metadata, files) = (symbol.to_owned(), Vec::new(), BTreeSet::new());
            let guard = Guard { metadata, files, ..Guard::new("authentication", symbol) };
            hung.push(Hung { guard, from: "filter-chain" });
            return "";
        }
        if own.is_empty() {
            let elsewhere = self.uses.contains(&root) || !self.chains.is_empty();
            return if elsewhere { "security-chain-not-found" } else { "" };
        }
        let mut verdicts: Vec<(Option<&'static str>, &Chain)> = Vec::new();
        for chain in own {
            let scoped = !chain.scope.is_empty();
            let in_scope = !scoped || chain.scope.iter().any(|m| matches(m, verb, full) != Some(false));
            if !in_scope {
                continue;
            }
            let ignoring = chain.rules.len() == 1
                && chain.rules[0].kind.is_empty()
                && chain.symbol.to_ascii_lowercase().contains("custom")
                || chain.symbol.ends_with("configure")
                    && !chain.strict
                    && chain.rules.len() == 1
                    && !matches!(chain.rules[0].matchers.first(), Some(Matcher::Any));
            match asked(chain, verb, full) {
                // Nothing of what is ignored, or nothing said: another chain decides.
                Some("")
                    if ignoring && !chain.rules[0].matchers.iter().any(|m| matches(m, verb, full) == Some(true)) => {}
                Some("") if ignoring => return "",
                verdict => verdicts.push((verdict, chain)),
            }
            if scoped {
                break;
            }
        }
        let Some((first, chain)) = verdicts.first() else { return "" };
        if verdicts.iter().any(|(v, _)| v != first) {
            return "security-chain-conditional";
        }
        match first {
            None => "security-rule-not-constant",
            Some("") => {
                // Opened for this path by name, where every path's guard is said: that is somebody's decision.
                if named_open(chain, verb, full) {
                    let files = BTreeSet::from([chain.file]);
                    let guard = Guard { files, ..Guard::new("other", format!("{}.permitAll", chain.symbol)) };
                    hung.push(Hung { guard, from: "filter-chain" });
                }
                ""
            }
            Some(kind) => {
                let files = BTreeSet::from([chain.file]);
                let guard = Guard { files, ..Guard::new(kind, chain.symbol.clone()) };
                hung.push(Hung { guard, from: "filter-chain" });
                ""
            }
        }
    }
}

/// Whether a rule lets everybody pass for this path and not for all that there are.
fn named_open(chain: &Chain, verb: &str, full: &str) -> bool {
    let here = |m: &Matcher| match m {
        Matcher::Path(_, path) => {
            let depth = path.split('/').filter(|part| !part.is_empty() && !part.contains(['*', '{'])).count();
            depth > 1 && matches(m, verb, full) == Some(true)
        }
        _ => false,
    };
    chain.rules.iter().any(|rule| rule.kind.is_empty() && rule.matchers.iter().any(here))
}

/// What a chain says of a request; `None` where a rule that cannot be read could have said otherwise.
fn asked(chain: &Chain, verb: &str, full: &str) -> Option<&'static str> {
    let mut maybe: Vec<&'static str> = Vec::new();
    let simple = |k: &'static str| if k.is_empty() { "" } else { "guard" };
    for rule in &chain.rules {
        let said: Vec<Option<bool>> = rule.matchers.iter().map(|m| matches(m, verb, full)).collect();
        if said.contains(&Some(true)) {
            return maybe.iter().all(|m| simple(m) == simple(rule.kind)).then_some(rule.kind);
        }
        if said.contains(&None) {
            maybe.push(rule.kind);
        }
    }
    if chain.unread {
        return None;
    }
    let rest = if chain.strict && !chain.rules.is_empty() { "authorization" } else { "" };
    maybe.iter().all(|m| simple(m) == simple(rest)).then_some(rest)
}

fn verdict(name: &str) -> Option<&'static str> {
    match name {
        "permitAll" | "anonymous" => Some(""),
        "authenticated" | "fullyAuthenticated" | "rememberMe" => Some("authentication"),
        "hasRole" | "hasAnyRole" | "hasAuthority" | "hasAnyAuthority" | "hasAllRoles" | "hasAllAuthorities"
        | "denyAll" | "hasIpAddress" | "hasScope" | "hasPermission" => Some("authorization"),
        "access" => Some("authorization"),
        _ => None,
    }
}

fn http_method(val: &Val) -> Option<String> {
    match val {
        Val::Outside(name) => {
            name.rsplit_once('.').filter(|(of, _)| of.ends_with("HttpMethod")).map(|(_, m)| m.to_owned())
        }
        _ => None,
    }
}

pub(super) fn matchers(val: &Val, method: &str, depth: u8) -> Vec<Matcher> {
    match val {
        Val::Text(text) => vec![if text.contains("{?}") {
            Matcher::Unknown
        } else {
            Matcher::Path(method.to_owned(), text.to_string())
        }],
        Val::List(list) => list.iter().flat_map(|v| matchers(v, method, depth)).collect(),
        Val::Made(made) if depth > 0 => {
            let own = made.args.iter().find_map(http_method);
            let method = own.as_deref().unwrap_or(method);
            let inner: Vec<Matcher> = made
                .args
                .iter()
                .filter(|a| http_method(a).is_none() && !matches!(a, Val::Object(_)))
                .flat_map(|a| matchers(a, method, depth - 1))
                .collect();
            match &made.callee {
                _ if !inner.is_empty() => inner,
                Val::Outside(name) if name.contains("PathRequest") || name.contains("EndpointRequest") => {
                    vec![Matcher::Foreign]
                }
                _ => vec![Matcher::Unknown],
            }
        }
        Val::Outside(name)
            if name.contains("PathRequest") || name.contains("EndpointRequest") || name.contains("StaticResource") =>
        {
            vec![Matcher::Foreign]
        }
        _ => vec![Matcher::Unknown],
    }
}

/// Whether a matcher holds for a request; `None` where it cannot be said.
pub(super) fn matches(matcher: &Matcher, verb: &str, full: &str) -> Option<bool> {
    match matcher {
        Matcher::Any => Some(true),
        Matcher::Foreign => Some(false),
        Matcher::Unknown => None,
        Matcher::Path(method, pattern) => {
            let verb_fits = method.is_empty() || method == verb;
            let fits = ant(pattern, full);
            match (verb_fits, fits) {
                (_, false) => Some(false),
                (true, true) => Some(true),
                (false, true) => {
                    if verb == "ANY" {
                        None
                    } else {
                        Some(false)
                    }
                }
            }
        }
    }
}

/// Ant's patterns: `*` stands for a part or within one, `**` for any number of them.
fn ant(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let path: Vec<&str> = path.trim_matches('/').split('/').collect();
    match pattern.iter().position(|p| *p == "**" || p.starts_with("{*")) {
        None => pattern.len() == path.len() && pattern.iter().zip(&path).all(|(a, b)| part(a, b)),
        Some(at) => {
            let (before, after) = (&pattern[..at], &pattern[at + 1..]);
            path.len() >= before.len() + after.len()
                && before.iter().zip(&path).all(|(a, b)| part(a, b))
                && after.iter().rev().zip(path.iter().rev()).all(|(a, b)| *a == "**" || part(a, b))
        }
    }
}

fn part(pattern: &str, part: &str) -> bool {
    if pattern.starts_with('{') || pattern == part {
        return true;
    }
    match pattern.split_once('*') {
        Some((before, after)) => {
            part.len() >= before.len() + after.len() && part.starts_with(before) && part.ends_with(after)
        }
        None => false,
    }
}
