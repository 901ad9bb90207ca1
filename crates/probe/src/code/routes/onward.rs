//! What a handler does with everybody alike, whatever it looks up for it: it only sends on to somewhere else, or answers nobody
//! but tests. Read of its body; what the looking up shows is not known. Next: `summary.rs`.

use super::shows::constant;
use crate::code::model::{BlockKind, Call, Expr, ExprKind, Function, Stmt, StmtKind, Type};
use crate::vocabulary::words;

/// Statements of one body that are looked at.
const MAX_STATEMENTS: usize = 60;
/// Statements at the head of a body among which a switch of the environment stands.
const HEAD: usize = 4;
/// Names and ends of types of a parameter that answers.
const NAMES: &[&str] = &["w", "rw", "writer", "res", "response", "reply", "c", "ctx"];
const ANSWERS: &[&str] = &["ResponseWriter", "Response", "Context", "FastifyReply"];
/// Calls that send on.
const SENDS: &[&str] = &["redirect", "Redirect", "sendRedirect", "RedirectView"];
/// Calls on what answers that tell nothing, or only read what was asked.
const QUIET: &[&str] = &[
    "status",
    "Status",
    "sendStatus",
    "WriteHeader",
    "end",
    "set",
    "Set",
    "setHeader",
    "header",
    "Header",
    "cookie",
    "SetCookie",
    "next",
    "Next",
    "Error",
    "sendError",
    "NotFound",
    "notFound",
    "Abort",
    "AbortWithStatus",
    "abort",
    "Param",
    "Query",
    "DefaultQuery",
    "QueryParam",
    "PathParam",
    "Get",
    "get",
    "Context",
    "GetHeader",
    "Vary",
    "vary",
    "NoContent",
];
/// Words of what hands out an access, or changes something, on the way.
const ACTS: &[&str] = &[
    "presign",
    "presigned",
    "sign",
    "signed",
    "temporary",
    "download",
    "ticket",
    "token",
    "session",
    "login",
    "impersonate",
    "create",
    "save",
    "update",
    "delete",
    "remove",
    "insert",
    "approve",
    "accept",
    "confirm",
    "reset",
    "grant",
    "revoke",
    "cancel",
    "refund",
    "transfer",
    "pay",
    "send",
    "publish",
    "execute",
    "exec",
    "start",
    "stop",
    "enable",
    "disable",
    "write",
    "put",
    "post",
];
/// Last words of what an environment is called by.
const ENVIRONMENTS: &[&str] = &["env", "environment"];
/// Environments that nobody but those who make a program reaches.
const INNER: &[&str] = &["test", "tests", "testing", "e2e", "ci", "dev", "develop", "development", "local"];

/// Environments in which a program serves whom it was made for.
const OUTER: &[&str] = &["production", "prod", "live"];

/// Whether everything that a handler answers is where to go instead. A call that could hand something out, or change it, is none.
pub(super) fn only_sends_on(function: &Function<'_>) -> bool {
    let typed = |ty: &Type<'_>| ANSWERS.iter().any(|t| ty.name.ends_with(t));
    let answers: Vec<&str> = function
        .params
        .iter()
        .filter(|p| {
            NAMES.contains(&p.name) || p.ty.as_ref().is_some_and(|t| typed(t) || t.args.first().is_some_and(typed))
        })
        .map(|p| p.name)
        .collect();
    let mut sent = false;
    let mut open: Vec<&Stmt<'_>> = function.body.iter().collect();
    let mut count = 0;
    while let Some(stmt) = open.pop() {
        count += 1;
        if count > MAX_STATEMENTS {
            return false;
        }
        let fine = match &stmt.kind {
            StmtKind::Assign { value, .. } => value.as_ref().is_none_or(|v| lets(v, &answers, &mut sent)),
            StmtKind::Expr(value) | StmtKind::Throw(value) => lets(value, &answers, &mut sent),
            StmtKind::Return(None) => true,
            StmtKind::Return(Some(value)) => {
                let written = written(value);
                sent |= written;
                (written || given_back(value)) && lets(value, &answers, &mut sent)
            }
            StmtKind::Block { header, bodies, .. } => {
                open.extend(bodies.iter().flatten());
                header.iter().all(|h| lets(h, &answers, &mut sent))
            }
            StmtKind::Function(_) | StmtKind::Class(_) => false,
        };
        if !fine {
            return false;
        }
    }
    sent
}

/// `return "redirect:" + url`.
fn written(value: &Expr<'_>) -> bool {
    let first = match &value.kind {
        ExprKind::Concat(parts) | ExprKind::Template(parts) => parts.first(),
        _ => Some(value),
    };
    first.and_then(Expr::text).is_some_and(|t| t.starts_with("redirect:"))
}

/// What may be given back beside: nothing, an error, or what a call of `SENDS` or `QUIET` gives.
fn given_back(value: &Expr<'_>) -> bool {
    match value.call().and_then(|c| c.callee.last()) {
        Some(name) => SENDS.contains(&name) || QUIET.contains(&name) || fails(name),
        None => constant(value) || value.dotted().is_some_and(|d| matches!(&*d, "err" | "error" | "nil")),
    }
}

fn fails(name: &str) -> bool {
    name.ends_with("Error")
        || name.ends_with("Exception")
        || name.starts_with("NotFound")
        || name.starts_with("BadRequest")
}

/// Whether an expression answers nothing but where to go.
fn lets(expr: &Expr<'_>, answers: &[&str], sent: &mut bool) -> bool {
    let mut open = vec![expr];
    while let Some(at) = open.pop() {
        match &at.kind {
            ExprKind::Function(_) | ExprKind::Class(_) => return false,
            ExprKind::Call(call) => {
                let Some(name) = call.callee.last() else { return false };
                // `next(error)` ends it, `next()` hands it on to another.
                if matches!(name, "next" | "Next") && call.args.is_empty() {
                    return false;
                }
                if SENDS.contains(&name) {
                    *sent |= !call.args.is_empty();
                } else if !(QUIET.contains(&name) || fails(name)) && (told(call, answers) || acts(name)) {
                    return false;
                }
            }
            _ => {}
        }
        open.extend(at.parts());
    }
    true
}

/// Whether a call has what answers in its hands.
fn told(call: &Call<'_>, answers: &[&str]) -> bool {
    let is = |e: &Expr<'_>| e.dotted().is_some_and(|d| answers.contains(&&*d));
    let mut of = &call.callee;
    loop {
        of = match &of.kind {
            ExprKind::Member(inner, _) | ExprKind::Same(_, inner) => inner,
            ExprKind::Call(inner) => &inner.callee,
            _ => break,
        };
    }
    let own = !matches!(&call.callee.kind, ExprKind::Name(_)) && is(of);
    own || call.args.iter().any(|a| is(&a.value))
}

fn acts(name: &str) -> bool {
    words(name).iter().any(|w| ACTS.contains(&w.as_str()))
}

/// Whether a body begins with sending everybody away but in a test's or a developer's environment.
pub(super) fn only_in_tests(function: &Function<'_>, text: &str) -> bool {
    function.body.iter().take(HEAD).any(|stmt| {
        let StmtKind::Block { kind: BlockKind::If, header, bodies } = &stmt.kind else { return false };
        let leaves = bodies
            .first()
            .and_then(|b| b.last())
            .is_some_and(|s| matches!(s.kind, StmtKind::Return(_) | StmtKind::Throw(_)));
        let condition = header.last().and_then(|h| text.get(h.at.start as usize..h.at.end as usize));
        leaves && condition.is_some_and(outside_tests)
    })
}

/// Whether a condition holds everywhere but in an environment of `INNER`.
fn outside_tests(condition: &str) -> bool {
    let whole = condition.trim();
    let inner = whole.strip_prefix('(').and_then(|w| w.strip_suffix(')')).unwrap_or(whole);
    // Any one of what stands between `||` sends away; of what stands between `&&` all have to.
    inner.split("||").any(|part| part.split("&&").all(differs))
}

/// `process.env.NODE_ENV !== 'test'`, `os.Getenv("APP_ENV") != "test"`, `process.env.NODE_ENV === "production"`.
fn differs(part: &str) -> bool {
    let (wanted, sides) = match part.split_once("!=") {
        Some(sides) => (INNER, Some(sides)),
        None => (OUTER, part.split_once("==")),
    };
    let Some((left, right)) = sides else { return false };
    let right = right.trim_start_matches('=').trim();
    let quoted = right.starts_with(['"', '\'', '`']);
    let value = right.trim_matches(['"', '\'', '`', ')', ' ']);
    let named = left.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).find(|w| !w.is_empty()).unwrap_or_default();
    let environment = words(named).last().is_some_and(|w| ENVIRONMENTS.contains(&w.as_str()));
    quoted && environment && wanted.contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_told_from_other_switches() {
        assert!(outside_tests("process.env.NODE_ENV !== 'test'"));
        assert!(outside_tests("(os.Getenv(\"APP_ENV\") != \"test\")"));
        assert!(outside_tests("env !== 'test' || !enabled"));
        assert!(outside_tests("env !== 'test' && env !== 'development'"));
        assert!(!outside_tests("env !== 'test' && !forced"));
        assert!(!outside_tests("process.env.NODE_ENV === 'test'"));
        assert!(!outside_tests("process.env.NODE_ENV !== 'production'"));
        assert!(outside_tests("process.env.NODE_ENV === \"production\""));
        assert!(outside_tests("(process.env.NODE_ENV == 'prod')"));
        assert!(!outside_tests("process.env.NODE_ENV === 'production' && !forced"));
        assert!(!outside_tests("plan === 'live'"));
        assert!(!outside_tests("user.kind !== 'test'"));
        assert!(!outside_tests("process.env.MODE !== wanted"));
    }
}
