//! Whether a handler only shows what is the same for everybody: a page without data, a file, a redirect. Nobody
//! has to be known for that. Everything that could carry data makes it none of these. Next: `summary.rs`.

use crate::code::model::{Call, Expr, ExprKind, Function, Stmt, StmtKind};

/// Calls that answer, or look for a file. Whatever they are given is looked at on its own.
const ANSWERS: &[&str] = &[
    "redirect",
    "Redirect",
    "sendRedirect",
    "MovedPermanently",
    "SeeOther",
    "sendFile",
    "sendfile",
    "ServeFile",
    "ServeContent",
    "ServeFileFS",
    "FileServer",
    "FileServerFS",
    "File",
    "StripPrefix",
    "ServeHTTP",
    "RedirectView",
    "forward",
    "HandlerFunc",
    "Dir",
    "FS",
];
/// Calls that show a page: only constants may go in. A constant that is answered itself may stand for data to come.
const TELLS: &[&str] = &["render", "Template", "Execute", "ExecuteTemplate", "HTML", "Render", "ModelAndView"];
/// Calls beside: headers, paths, what comes next.
const BESIDE: &[&str] = &[
    "status",
    "WriteHeader",
    "Status",
    "set",
    "Set",
    "setHeader",
    "header",
    "Header",
    "type",
    "contentType",
    "next",
    "Next",
    "join",
    "Join",
    "resolve",
    "Clean",
    "Stat",
    "IsNotExist",
    "Base",
    "Ext",
    "HasPrefix",
    "HasSuffix",
    "TrimPrefix",
    "TrimSuffix",
    "Contains",
    "Sub",
    "Abs",
    "startsWith",
    "endsWith",
    "includes",
    "append",
    "Add",
    "Context",
    "RouteContext",
    "RoutePattern",
    "vary",
    "cookie",
];

/// Whether everything that a function does is to show something constant.
pub(super) fn only_shows(function: &Function<'_>) -> bool {
    let mut told = false;
    let mut open: Vec<&Stmt<'_>> = function.body.iter().collect();
    let params: Vec<&str> = function.params.iter().map(|p| p.name).collect();
    let mut count = 0;
    while let Some(stmt) = open.pop() {
        count += 1;
        if count > 40 {
            return false;
        }
        let fine = match &stmt.kind {
            StmtKind::Assign { value, .. } => value.as_ref().is_none_or(|v| harmless(v, &params, &mut told)),
            StmtKind::Expr(value) => harmless(value, &params, &mut told),
            StmtKind::Return(None) => true,
            StmtKind::Return(Some(value)) => {
                told |= value.text().is_some_and(|t| t.starts_with("forward:") || t.starts_with("redirect:"));
                (constant(value) || value.call().is_some()) && harmless(value, &params, &mut told)
            }
            StmtKind::Block { header, bodies, .. } => {
                open.extend(bodies.iter().flatten());
                header.iter().all(|h| harmless(h, &params, &mut told))
            }
            StmtKind::Throw(_) | StmtKind::Function(_) | StmtKind::Class(_) => false,
        };
        if !fine {
            return false;
        }
    }
    told
}

/// Whether an expression calls nothing that could fetch data, and hands nothing but constants to what answers.
fn harmless(expr: &Expr<'_>, params: &[&str], told: &mut bool) -> bool {
    let mut open = vec![expr];
    while let Some(at) = open.pop() {
        match &at.kind {
            ExprKind::Function(_) | ExprKind::Class(_) => return false,
            ExprKind::Call(call) => {
                let Some(name) = call.callee.last() else { return false };
                let answers = ANSWERS.contains(&name);
                let tells = TELLS.contains(&name) && call.args.iter().all(|a| given(&a.value, params));
                if !(answers || tells || BESIDE.contains(&name) || converts(call)) {
                    return false;
                }
                *told |= answers || tells;
            }
            _ => {}
        }
        open.extend(at.parts());
    }
    true
}

/// `[]byte("ok")`.
fn converts(call: &Call<'_>) -> bool {
    matches!(call.callee.last(), Some("byte" | "string" | "[]byte")) && call.args.iter().all(|a| constant(&a.value))
}

/// A constant, or the request and what answers it, as they came.
fn given(expr: &Expr<'_>, params: &[&str]) -> bool {
    constant(expr) || matches!(&expr.kind, ExprKind::Name(name) if params.contains(name)) || status(expr)
}

/// `http.StatusOK`.
fn status(expr: &Expr<'_>) -> bool {
    matches!(&expr.kind, ExprKind::Member(_, name) if name.starts_with("Status") || name.starts_with("SC_") || name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

pub(super) fn constant(expr: &Expr<'_>) -> bool {
    match &expr.kind {
        ExprKind::Text(_) | ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Null => true,
        ExprKind::Same(_, inner) => constant(inner),
        ExprKind::Template(parts) | ExprKind::Concat(parts) | ExprKind::List(parts) => parts.iter().all(constant),
        ExprKind::Object(pairs) => pairs.iter().all(|(_, v)| constant(v)),
        ExprKind::Call(call) => converts(call),
        ExprKind::Name(name) => *name == "nil" || *name == "undefined",
        _ => false,
    }
}
