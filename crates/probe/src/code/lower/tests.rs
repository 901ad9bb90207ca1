//! Whatever a file holds, lowering ends and says something of bounded size.

use super::lower;
use crate::code::model::{Class, Expr, ExprKind, Function, Module, Stmt, StmtKind};
use proptest::prelude::*;

/// Everything that a module holds, counted: walks all of it, so that nothing in it can be without end.
fn size(module: &Module<'_>) -> usize {
    module.imports.len() + module.exports.len() + module.body.iter().map(stmt).sum::<usize>()
}

fn stmt(of: &Stmt<'_>) -> usize {
    1 + match &of.kind {
        StmtKind::Assign { target, value, .. } => expr(target) + value.as_ref().map_or(0, expr),
        StmtKind::Expr(value) | StmtKind::Throw(value) => expr(value),
        StmtKind::Return(value) => value.as_ref().map_or(0, expr),
        StmtKind::Block { header, bodies, .. } => {
            header.iter().map(expr).sum::<usize>() + bodies.iter().flatten().map(stmt).sum::<usize>()
        }
        StmtKind::Function(of) => function(of),
        StmtKind::Class(of) => class(of),
    }
}

fn function(of: &Function<'_>) -> usize {
    of.params.len() + of.annotations.len() + of.body.iter().map(stmt).sum::<usize>()
}

fn class(of: &Class<'_>) -> usize {
    let values = of.fields.iter().filter_map(|f| f.value.as_ref()).map(expr).sum::<usize>();
    of.fields.len()
        + values
        + of.methods.iter().map(function).sum::<usize>()
        + of.inner.iter().map(class).sum::<usize>()
}

fn expr(of: &Expr<'_>) -> usize {
    let own = match &of.kind {
        ExprKind::Function(of) => function(of),
        ExprKind::Class(of) => class(of),
        _ => 0,
    };
    1 + own + of.parts().into_iter().map(expr).sum::<usize>()
}

fn lowered(dialect: &str, text: &str) -> Result<usize, &'static str> {
    let mut out = 0;
    lower(dialect, text, &mut |module| out = size(module)).map(|()| out)
}

/// Words of which each language makes something, so that random text is not only errors.
const WORDS: &[&str] = &[
    "a",
    "b.c",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ";",
    "\n",
    ":=",
    "=",
    "+",
    "\"x\"",
    "`y`",
    "'z'",
    "func",
    "if",
    "for",
    "range",
    "return",
    "switch",
    "case",
    "default",
    ":",
    "select",
    "type",
    "struct",
    "interface",
    "var",
    "const",
    "go",
    "defer",
    "import",
    "package",
    "class",
    "new",
    "@A",
    "->",
    "=>",
    "::",
    "<",
    ">",
    "extends",
    "static",
    "public",
    "record",
    "enum",
    "throw",
    "try",
    "catch",
    "${",
    "...",
    "*",
    "&",
    "!",
    "?",
    "null",
    "this",
    "1",
    "é",
    "\"\"\"",
    "//",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn nothing_in_a_text_panics_or_grows_without_end(words in prop::collection::vec(prop::sample::select(WORDS), 0..120), noise in ".{0,40}") {
        let text = format!("{}{noise}", words.join(" "));
        for dialect in ["go", "java", "typescript", "javascript"] {
            if let Ok(size) = lowered(dialect, &text) {
                prop_assert!(size <= 200 * (text.len() + 10), "{dialect}: {size} of {} bytes", text.len());
            }
        }
    }
}

#[test]
fn what_is_nested_as_deep_as_it_may_be_is_lowered() {
    for (dialect, before, open, close, after) in [
        ("go", "package m\nfunc f() {", "if x { ", "}", "}"),
        ("go", "package m\nvar x = ", "f(", ")", ""),
        ("java", "class A { void f() {", "if (x) { ", "}", "} }"),
        ("java", "class A { int x = ", "f(", ")", "; }"),
        ("typescript", "", "if (x) { ", "}", ""),
        ("typescript", "x = ", "f(", ")", ""),
    ] {
        let text = |n: usize| format!("{before}{}{}{after}", open.repeat(n), close.repeat(n));
        assert!(lowered(dialect, &text(50)).is_ok_and(|n| n > 50), "{dialect}");
        assert_eq!(lowered(dialect, &text(2_000)), Err("too-nested"), "{dialect}");
    }
}
