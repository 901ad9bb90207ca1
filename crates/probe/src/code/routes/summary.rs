//! What the body of a function does to a request: whether it refuses, on what condition, whether it hands on, whom it asks.
//! A function inside counts as part of the one around it, because a middleware is mostly made by a function. Next: `emit.rs`.

use super::onward::{only_in_tests, only_sends_on};
use super::shows::only_shows;
use crate::code::model::{BlockKind, Expr, ExprKind, Function, Stmt, StmtKind};
use crate::emit::{Attributes, texts};
use crate::vocabulary::{Vocabulary, words};
use ligase_domain::Value;
use std::collections::BTreeSet;

/// Calls of one function that are kept.
const MAX_CALLS: usize = 20;
/// Names that a request, what answers it, and what comes next have by custom.
const REQUEST_NAMES: &[&str] = &[
    "req",
    "request",
    "ctx",
    "context",
    "c",
    "r",
    "w",
    "res",
    "response",
    "reply",
    "next",
    "rw",
    "writer",
    "exchange",
    "gctx",
    "ginctx",
    "executioncontext",
];
/// Ends of types of a request or of what answers it.
const REQUEST_TYPES: &[&str] = &[
    "Request",
    "Response",
    "Context",
    "ResponseWriter",
    "Handler",
    "HandlerFunc",
    "NextFunction",
    "ServletRequest",
    "FastifyReply",
    "NextHandleFunction",
    "RequestHandler",
];
/// Words of a condition that asks who is calling.
const ASKS: &[&str] = &[
    "user",
    "users",
    "session",
    "auth",
    "token",
    "uid",
    "userid",
    "claims",
    "claim",
    "principal",
    "identity",
    "account",
    "member",
    "authenticated",
    "authorized",
    "authorization",
    "permission",
    "permissions",
    "role",
    "roles",
    "owner",
    "admin",
    "apikey",
    "credential",
    "credentials",
    "signature",
    "bearer",
    "jwt",
    "loggedin",
    "login",
    "cookie",
    "secret",
    "cookies",
    "sid",
    "actor",
    "author",
    "staff",
    "allowed",
    "access",
    "subject",
    "authorised",
    "permitted",
    "viewer",
    "tenant",
];

/// Whether a parameter is a request, or what a request is handed on to.
pub(super) fn of_a_request(name: &str, ty: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    REQUEST_NAMES.contains(&lower.as_str()) || REQUEST_TYPES.iter().any(|t| ty.ends_with(t))
}

/// Whether words of a name ask who is calling.
pub(super) fn asks_who(name: &str) -> bool {
    words(name).iter().any(|w| ASKS.contains(&w.as_str()))
}

/// What a body does.
#[derive(Default)]
pub(super) struct Summary {
    pub refuses: BTreeSet<&'static str>,
    checked: BTreeSet<&'static str>,
    missing_passes: bool,
    /// Whoever shows nothing is sent away without a refusal that is known.
    stops: bool,
    /// Something is thrown at whoever shows nothing, whatever it is.
    turns_away: bool,
    /// `if (!user && isStrict) throw …`: what has to be on or off for it, and whether something refuses without that.
    switches: Vec<(String, &'static str)>,
    always: bool,
    hands_on: bool,
    /// It says: too many.
    pub counts: bool,
    shows: bool,
    /// Everything that it answers is where to go instead.
    sends_on: bool,
    /// It answers nobody but tests and those who develop it.
    in_tests: bool,
    pub calls: Vec<String>,
    truths: [bool; 2],
    other_result: bool,
    metadata: Vec<(String, &'static str)>,
    above: bool,
    /// `const isPublic = this.reflector.get(KEY, …)`: the name, and the key.
    read: Vec<(String, String)>,
}

/// A condition that stands around a statement.
#[derive(Clone, Copy, Default)]
struct Around {
    asks: bool,
}

/// Reads bodies.
pub(super) struct Reader<'a, 't> {
    pub vocabulary: &'a Vocabulary,
    pub text: &'t str,
}

impl<'t> Reader<'_, 't> {
    pub(super) fn summary(&self, function: &Function<'t>) -> Summary {
        let mut out = Summary::default();
        let requests: Vec<&str> = function.params.iter().map(|p| p.name).collect();
        self.statements(&function.body, Around::default(), &requests, &mut out);
        out.shows = only_shows(function);
        out.sends_on = !out.shows && only_sends_on(function);
        out.in_tests = only_in_tests(function, self.text);
        out
    }

    fn statements(&self, body: &[Stmt<'t>], around: Around, params: &[&str], out: &mut Summary) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Assign { target, value, .. } => {
                    if let (Some(name), Some(value)) = (target.dotted(), value) {
                        self.metadata_read(&name, value, out);
                    }
                    if let Some(value) = value {
                        self.expr(value, around, params, out);
                    }
                }
                StmtKind::Expr(expr) => self.expr(expr, around, params, out),
                StmtKind::Return(value) => {
                    if let Some(value) = value {
                        self.result(value, out);
                        self.returned(value, around, out);
                        self.expr(value, around, params, out);
                    }
                }
                StmtKind::Throw(value) => {
                    self.refusal(value, around, out);
                    self.expr(value, around, params, out);
                }
                StmtKind::Block { kind, header, bodies } => {
                    self.block(*kind, header, bodies, around, params, out);
                }
                StmtKind::Function(inner) => self.inner(inner, around, params, out),
                StmtKind::Class(class) => {
                    class.methods.iter().for_each(|m| self.inner(m, around, params, out));
                }
            }
        }
    }

    fn block(
        &self,
        kind: BlockKind,
        header: &[Expr<'t>],
        bodies: &[Vec<Stmt<'t>>],
        around: Around,
        params: &[&str],
        out: &mut Summary,
    ) {
        header.iter().for_each(|h| self.expr(h, around, params, out));
        let branches = matches!(kind, BlockKind::If | BlockKind::Switch);
        let asks = branches && header.iter().any(|h| self.asks(h));
        if let (BlockKind::If, Some(condition)) = (kind, header.last()) {
            self.passes(condition, bodies, asks, out);
        }
        let inside = Around { asks: around.asks || asks };
        // What follows an early answer depends on the condition too, but says nothing of its own.
        bodies.iter().for_each(|b| self.statements(b, inside, params, out));
    }

    /// `if (!token) return next()` lets pass who shows nothing; `if (isPublic) return true` opens what is marked.
    fn passes(&self, condition: &Expr<'t>, bodies: &[Vec<Stmt<'t>>], asks: bool, out: &mut Summary) {
        let text = self.of(condition);
        let negated = text.trim_start_matches('(').starts_with('!')
            || ["== null", "== nil", "=== undefined", "== undefined", "== \"\"", "=== ''", "== ''"]
                .iter()
                .any(|n| text.contains(n));
        // `token.expiresOn === null` asks something of whoever has shown a token.
        let compared = text.split_once("==").filter(|_| !text.trim_start_matches('(').starts_with('!'));
        let about = compared.is_none_or(|(left, _)| asks_who(left.trim().rsplit('.').next().unwrap_or(left)));
        let Some(first) = bodies.first() else { return };
        let truth = first
            .iter()
            .any(|s| matches!(&s.kind, StmtKind::Return(Some(e)) if matches!(e.kind, ExprKind::Bool(true))));
        let read = out.read.iter().find(|(name, _)| text.contains(name.as_str())).map(|(_, key)| key.clone());
        if let (true, Some(key)) = (truth, read) {
            out.metadata.push((key, if negated { "absent" } else { "present" }));
            return;
        }
        let next =
            first.len() <= 3 && first.iter().any(|s| next_called(&s.kind)) && !first.iter().any(|s| self.refuses(s));
        let leaves = first.iter().any(|s| matches!(s.kind, StmtKind::Return(_)));
        if !(negated && asks && about) {
            return;
        }
        out.missing_passes |= leaves && (next || truth);
        out.turns_away |= first.iter().any(|s| matches!(s.kind, StmtKind::Throw(_)));
        if first.iter().any(|s| self.refuses(s)) {
            let found = switches(text);
            out.always |= found.is_empty();
            out.switches.extend(found);
        } else {
            out.stops |= leaves && !next && !truth;
        }
    }

    fn refuses(&self, stmt: &Stmt<'t>) -> bool {
        let mut inner = Summary::default();
        self.statements(std::slice::from_ref(stmt), Around::default(), &[], &mut inner);
        !inner.refuses.is_empty()
    }

    fn inner(&self, function: &Function<'t>, around: Around, params: &[&str], out: &mut Summary) {
        let all: Vec<&str> = params.iter().copied().chain(function.params.iter().map(|p| p.name)).collect();
        self.statements(&function.body, around, &all, out);
    }

    fn result(&self, value: &Expr<'t>, out: &mut Summary) {
        match &value.kind {
            ExprKind::Bool(truth) => out.truths[usize::from(*truth)] = true,
            ExprKind::Same(_, inner) => self.result(inner, out),
            ExprKind::Choice(parts) => parts.iter().for_each(|p| self.result(p, out)),
            ExprKind::Function(_) | ExprKind::Null => {}
            _ => out.other_result = true,
        }
    }

    /// `return http.StatusUnauthorized, nil`: a status that whoever called writes down.
    fn returned(&self, value: &Expr<'t>, around: Around, out: &mut Summary) {
        let parts = match &value.kind {
            ExprKind::List(parts) | ExprKind::Choice(parts) | ExprKind::Other(parts) => parts.as_slice(),
            _ => std::slice::from_ref(value),
        };
        let named = parts.iter().filter(|p| p.last().is_some_and(|last| last.starts_with("Status")));
        if let Some(kind) = named.filter(|p| matches!(p.kind, ExprKind::Member(..))).find_map(|p| self.status(p)) {
            out.refuses.insert(kind);
            if around.asks {
                out.checked.insert(kind);
            }
        }
    }

    fn of(&self, expr: &Expr<'t>) -> &'t str {
        self.text.get(expr.at.start as usize..expr.at.end as usize).unwrap_or_default()
    }

    /// Whether a condition asks who is calling.
    fn asks(&self, condition: &Expr<'t>) -> bool {
        let text = self.of(condition);
        let names = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).take(60);
        names.into_iter().any(|n| !n.is_empty() && asks_who(n))
    }

    fn metadata_read(&self, name: &str, value: &Expr<'t>, out: &mut Summary) {
        let Some(call) = value.call() else { return };
        let method = call.callee.last().unwrap_or_default();
        let reads = matches!(method, "get" | "getAllAndOverride" | "getAllAndMerge" | "getAll")
            && call.callee.dotted().is_some_and(|d| d.to_ascii_lowercase().contains("reflector"));
        if let (true, Some(key)) = (reads, call.args.first()) {
            let key = key.value.text().map(|t| format!("'{t}'")).or_else(|| key.value.dotted().map(|d| d.into_owned()));
            out.read.extend(key.map(|k| (name.to_owned(), k)));
        }
    }

    /// Walks an expression and the functions in it.
    fn expr(&self, expr: &Expr<'t>, around: Around, params: &[&str], out: &mut Summary) {
        let mut open = vec![expr];
        while let Some(at) = open.pop() {
            match &at.kind {
                ExprKind::Function(function) => self.inner(function, around, params, out),
                ExprKind::Class(class) => class.methods.iter().for_each(|m| self.inner(m, around, params, out)),
                ExprKind::Call(call) => {
                    if at.kind_is_next() {
                        out.hands_on = true;
                    }
                    self.refusal(at, around, out);
                    let name = call.callee.dotted().or_else(|| call.callee.call().and_then(|c| c.callee.dotted()));
                    if let Some(name) = name {
                        out.above |= name.starts_with("this.") && self.of(&call.callee).starts_with("super.");
                        self.asked(&name, call, params, out);
                    }
                    open.extend(at.parts());
                }
                _ => open.extend(at.parts()),
            }
        }
    }

    /// Remembers who is asked with the request, or with what shows who is calling.
    fn asked(&self, name: &str, call: &crate::code::model::Call<'t>, params: &[&str], out: &mut Summary) {
        let last = name.rsplit('.').next().unwrap_or(name);
        let hands = call.args.iter().any(|a| {
            let Some(dotted) = a.value.dotted() else {
                return matches!(&a.value.kind, ExprKind::Call(_)) && self.asks(&a.value);
            };
            let first = dotted.split('.').next().unwrap_or_default();
            (dotted == first && params.contains(&first) && of_a_request(first, ""))
                || asks_who(dotted.rsplit('.').next().unwrap_or_default())
        });
        let about = hands
            || asks_who(last)
            || out.calls.len() < 4
                && words(last)
                    .iter()
                    .any(|w| matches!(w.as_str(), "require" | "ensure" | "protect" | "guard" | "verify"));
        let noise = matches!(
            last,
            "next"
                | "status"
                | "json"
                | "send"
                | "log"
                | "error"
                | "info"
                | "warn"
                | "debug"
                | "Error"
                | "String"
                | "Next"
        );
        if about && !noise && name.len() < 120 && out.calls.len() < MAX_CALLS && !out.calls.iter().any(|c| c == name) {
            out.calls.push(name.to_owned());
        }
    }

    fn refusal(&self, expr: &Expr<'t>, around: Around, out: &mut Summary) {
        out.counts |= self.too_many(expr);
        let Some(kind) = self.refused(expr) else { return };
        out.refuses.insert(kind);
        if around.asks {
            out.checked.insert(kind);
        }
    }

    /// Whether a call or a thrown value says that it was too often.
    fn too_many(&self, expr: &Expr<'t>) -> bool {
        let list = &self.vocabulary.guards.too_many;
        let named = |name: &str| list.iter().any(|n| n == name);
        let Some(call) = expr.call() else { return expr.last().is_some_and(named) };
        let says = |e: &Expr<'t>| match &e.kind {
            ExprKind::Number(number) => named(number),
            // `HttpStatus.TOO_MANY_REQUESTS.value()`.
            ExprKind::Call(inner) => match &inner.callee.kind {
                ExprKind::Member(of, "value" | "getCode") => of.last().is_some_and(named),
                _ => false,
            },
            _ => e.last().is_some_and(named),
        };
        let asked = matches!(call.callee.last(), Some("expect" | "toBe" | "includes" | "equal" | "Equal" | "has"));
        call.callee.last().is_some_and(named)
            || !asked
                && call.args.iter().take(5).any(|a| match &a.value.kind {
                    ExprKind::Object(pairs) => pairs.iter().any(|(_, v)| says(v)),
                    _ => says(&a.value),
                })
    }

    /// What a call or a thrown value refuses.
    fn refused(&self, expr: &Expr<'t>) -> Option<&'static str> {
        let Some(call) = expr.call() else { return self.named(&expr.dotted()?) };
        let callee = call.callee.last().unwrap_or_default();
        if let Some(kind) = self.named(callee) {
            return Some(kind);
        }
        // `expect(401)`, `includes(401)` ask, they do not answer.
        if matches!(
            callee,
            "expect"
                | "toBe"
                | "equal"
                | "Equal"
                | "includes"
                | "assert"
                | "isEqualTo"
                | "contains"
                | "Errorf"
                | "log"
                | "redirect"
                | "Redirect"
                | "sendRedirect"
        ) {
            return self.redirects(callee, call);
        }
        call.args.iter().take(5).find_map(|a| self.status(&a.value))
    }

    /// A redirect to where people log in is a refusal.
    fn redirects(&self, callee: &str, call: &crate::code::model::Call<'t>) -> Option<&'static str> {
        if !matches!(callee, "redirect" | "Redirect" | "sendRedirect") {
            return None;
        }
        let to_login = |e: &Expr<'t>| {
            let text = self.of(e).to_ascii_lowercase();
            ["login", "signin", "sign-in", "sign_in", "log-in", "authorize"].iter().any(|w| text.contains(w))
        };
        call.args.iter().any(|a| to_login(&a.value)).then_some("authentication")
    }

    fn status(&self, expr: &Expr<'t>) -> Option<&'static str> {
        match &expr.kind {
            ExprKind::Number(number) => self.vocabulary.guards.refusals.get(*number).map(|k| known(k)),
            ExprKind::Name(_) | ExprKind::Member(..) => {
                let last = expr.last()?;
                let listed = self.vocabulary.guards.refusals.get(last).map(|k| known(k));
                listed.or_else(|| last.starts_with(char::is_uppercase).then(|| self.named(last)).flatten())
            }
            ExprKind::Object(pairs) => pairs
                .iter()
                .filter(|(k, _)| {
                    k.as_deref().is_some_and(|k| matches!(k, "status" | "statusCode" | "code" | "StatusCode"))
                })
                .find_map(|(_, v)| self.status(v)),
            ExprKind::Choice(parts) => parts.iter().find_map(|p| self.status(p)),
            ExprKind::Same(_, inner) => self.status(inner),
            _ => None,
        }
    }

    fn named(&self, dotted: &str) -> Option<&'static str> {
        let name = dotted.rsplit('.').next().unwrap_or(dotted).to_ascii_lowercase().replace('_', "");
        let lists = &self.vocabulary.guards.exceptions;
        lists.iter().find(|(_, names)| names.iter().any(|n| name.contains(n.as_str()))).map(|(kind, _)| known(kind))
    }
}

/// Names that a condition wants on or off beside what it asks: `!user && isStrict`, `token == "" && !optional`.
fn switches(condition: &str) -> Vec<(String, &'static str)> {
    let name =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_') && !asks_who(part);
    let parts = condition.trim_matches(['(', ')']).split("&&").map(str::trim);
    parts
        .filter_map(|part| match part.strip_prefix('!') {
            Some(inner) => name(inner).then(|| (inner.to_owned(), "false")),
            None => name(part).then(|| (part.to_owned(), "true")),
        })
        .take(4)
        .collect()
}

fn known(kind: &str) -> &'static str {
    if kind == "authentication" { "authentication" } else { "authorization" }
}

fn next_called(kind: &StmtKind<'_>) -> bool {
    match kind {
        StmtKind::Expr(expr) | StmtKind::Return(Some(expr)) => expr.kind_is_next(),
        _ => false,
    }
}

impl Expr<'_> {
    /// `next()`, `next.ServeHTTP(w, r)`, `c.Next()`, `next.handle()`.
    fn kind_is_next(&self) -> bool {
        let Some(call) = self.call() else { return false };
        let Some(name) = call.callee.dotted() else { return false };
        let errorless =
            !matches!(call.args.first().map(|a| &a.value.kind), Some(ExprKind::Call(_) | ExprKind::Text(_)));
        match name.rsplit('.').next().unwrap_or_default() {
            "next" => errorless && call.args.is_empty(),
            "ServeHTTP" | "Next" | "doFilter" | "handle" => true,
            _ => {
                matches!(name.as_ref(), "next" | "h" | "handler" | "f" | "fn")
                    && !call.args.is_empty()
                    && name != "next"
            }
        }
    }
}

impl Summary {
    /// Whether anything was seen that linking could ask.
    pub(super) fn says_something(&self) -> bool {
        !self.refuses.is_empty()
            || self.hands_on
            || self.counts
            || self.shows
            || self.sends_on
            || self.in_tests
            || !self.calls.is_empty()
    }

    /// As attributes of a unit.
    pub(super) fn attributes(self, attributes: Attributes) -> Attributes {
        let pairs = |list: Vec<(String, &'static str)>| -> Vec<Value> {
            list.into_iter().take(4).map(|(k, w)| Value::List(texts([k.as_str(), w]))).collect()
        };
        let keys = pairs(self.metadata);
        attributes
            .some("refuses", texts(self.refuses))
            .some("checked", texts(self.checked))
            .some("missing_passes", self.missing_passes)
            .some("stops", self.stops)
            .some("turns_away", self.turns_away)
            .some("switches", if self.always { Vec::new() } else { pairs(self.switches) })
            .some("hands_on", self.hands_on)
            .some("counts", self.counts)
            .some("shows", self.shows)
            .some("sends_on", self.sends_on)
            .some("in_tests", self.in_tests)
            .some("calls", texts(self.calls))
            .some("only_true", self.truths == [false, true] && !self.other_result)
            .some("says_false", self.truths[0])
            .some("decides", self.other_result)
            .some("above", self.above)
            .some("metadata", keys)
    }
}
