//! The model as short text, for tests. Next: `go/tests.rs`, `java/tests.rs`.

use crate::code::model::{Expr, ExprKind, Stmt, StmtKind};

/// A value as short text: what binds and what it is made of.
pub(crate) fn show(expr: &Expr<'_>) -> String {
    let all = |list: &[Expr<'_>]| list.iter().map(show).collect::<Vec<_>>().join(" ");
    match &expr.kind {
        ExprKind::Name(name) | ExprKind::Number(name) => (*name).to_owned(),
        ExprKind::Text(text) => format!("'{text}'"),
        ExprKind::Member(of, name) => format!("{}.{name}", show(of)),
        ExprKind::Index(of, at) => format!("{}[{}]", show(of), show(at)),
        ExprKind::Call(call) => {
            let args: Vec<String> =
                call.args.iter().map(|a| show(&a.value) + if a.spread { "..." } else { "" }).collect();
            format!("{}({})", show(&call.callee), args.join(", "))
        }
        ExprKind::Object(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(k, v)| format!("{}: {}", k.as_deref().unwrap_or("?"), show(v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        ExprKind::List(list) => format!("[{}]", all(list)),
        ExprKind::Concat(list) => format!("+({})", all(list)),
        ExprKind::Arithmetic(_, list) | ExprKind::Compare(list) => format!("cmp({})", all(list)),
        ExprKind::Choice(list) => format!("or({})", all(list)),
        ExprKind::Template(list) => format!("tpl({})", all(list)),
        ExprKind::Other(list) => format!("other({})", all(list)),
        ExprKind::Same(Some(ty), of) => format!("<{}>{}", ty.name, show(of)),
        ExprKind::Same(None, of) => format!("<>{}", show(of)),
        ExprKind::Function(function) => format!("fn/{}", function.body.len()),
        ExprKind::Null => "nil".to_owned(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::This => "this".to_owned(),
        ExprKind::Class(class) => format!("class {}", class.name),
    }
}

fn lines(body: &[Stmt<'_>], indent: &str, out: &mut Vec<String>) {
    for stmt in body {
        let line = match &stmt.kind {
            StmtKind::Assign { target, ty, value, declares } => {
                let ty = ty.as_ref().map_or(String::new(), |t| format!(" {}", t.name));
                let value = value.as_ref().map_or("-".to_owned(), show);
                format!("{}{ty} {}= {value}", show(target), if *declares { ":" } else { "" })
            }
            StmtKind::Expr(expr) => show(expr),
            StmtKind::Return(value) => format!("return {}", value.as_ref().map_or(String::new(), show)),
            StmtKind::Throw(value) => format!("throw {}", show(value)),
            StmtKind::Block { kind, header, bodies } => {
                let header: Vec<String> = header.iter().map(show).collect();
                out.push(format!("{indent}{kind:?} {}", header.join(" ")).trim_end().to_owned());
                for (number, body) in bodies.iter().enumerate() {
                    if number > 0 {
                        out.push(format!("{indent}-"));
                    }
                    lines(body, &format!("{indent}  "), out);
                }
                continue;
            }
            StmtKind::Function(function) => format!("func {}", function.name),
            StmtKind::Class(class) => format!("class {}", class.name),
        };
        out.push(format!("{indent}{line}"));
    }
}

/// A body, a line for each statement.
pub(crate) fn shown(body: &[Stmt<'_>]) -> Vec<String> {
    let mut out = Vec::new();
    lines(body, "", &mut out);
    out
}
