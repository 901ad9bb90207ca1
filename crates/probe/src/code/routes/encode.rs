//! An expression as a value that linking can read again: names, texts, calls, functions by their place, lists and objects.
//! What is larger than a route's declaration is cut and becomes unknown. Next: `emit.rs`, which writes it, `eval.rs`, which
//! reads it.

use crate::code::model::{Call, Expr, ExprKind};
use ligase_domain::Value;

/// Parts of one expression.
const MAX_PARTS: usize = 300;
/// Lists within lists: what is stored nests at most 64 deep, and an observation's own form takes some of them.
const MAX_NESTED: usize = 54;
/// Bytes of a name or text.
const MAX_TEXT: usize = 160;

/// What stands for an expression that is not kept.
pub(super) const UNKNOWN: &str = "?";

/// Writes expressions.
pub(super) struct Encoder {
    left: usize,
    /// How many lists are open.
    open: usize,
    /// Calls that were met, by the byte where they begin.
    pub calls: Vec<u32>,
}

fn tagged(tag: &str, rest: impl IntoIterator<Item = Value>) -> Value {
    Value::List(std::iter::once(Value::from(tag)).chain(rest).collect())
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { left: MAX_PARTS, open: 0, calls: Vec::new() }
    }

    /// One expression.
    pub(super) fn expr(&mut self, expr: &Expr<'_>) -> Value {
        if self.left == 0 || self.open >= MAX_NESTED {
            return Value::from(UNKNOWN);
        }
        self.left -= 1;
        self.open += 1;
        let out = self.part(expr);
        self.open -= 1;
        out
    }

    fn part(&mut self, expr: &Expr<'_>) -> Value {
        match &expr.kind {
            ExprKind::Same(Some(ty), inner)
                if matches!(inner.kind, ExprKind::Object(_) | ExprKind::List(_))
                    && !matches!(&*ty.name, "map" | "[]") =>
            {
                tagged("t", [Value::from(cut(ty.name.trim_start_matches('*'))), self.expr(inner)])
            }
            ExprKind::Same(_, inner) => self.expr(inner),
            ExprKind::Name(_) | ExprKind::This => self.name(expr),
            ExprKind::Member(of, name) => match expr.dotted() {
                Some(_) => self.name(expr),
                None => tagged("m", [self.expr(of), Value::from(*name)]),
            },
            ExprKind::Text(text) => Value::from(format!("s:{}", cut(text))),
            ExprKind::Number(number) => Value::from(format!("#{}", cut(number))),
            ExprKind::Bool(truth) => Value::from(format!("b:{truth}")),
            ExprKind::Null => Value::from("0"),
            ExprKind::Index(of, at) => tagged("i", [self.expr(of), self.expr(at)]),
            ExprKind::Call(call) => self.call(call, call.args_at.start),
            ExprKind::Concat(parts) | ExprKind::Template(parts) => self.many("+", parts),
            ExprKind::List(parts) => self.many("l", parts),
            ExprKind::Choice(parts) => self.many("|", parts),
            ExprKind::Object(pairs) => {
                let mut out = vec![Value::from("o")];
                for (key, value) in pairs {
                    out.push(Value::from(cut(key.as_deref().unwrap_or("..."))));
                    out.push(self.expr(value));
                }
                Value::List(out)
            }
            ExprKind::Function(function) => Value::from(format!("f:{}", function.at.start)),
            ExprKind::Class(class) => Value::from(format!("k:{}", class.name)),
            ExprKind::Other(parts) if parts.len() == 1 => self.many("e", parts),
            ExprKind::Compare(parts) => self.many("=", parts),
            ExprKind::Arithmetic(by, parts) => self.many(by, parts),
            ExprKind::Other(parts) => self.many("|", parts),
        }
    }

    fn name(&self, expr: &Expr<'_>) -> Value {
        let dotted = expr.dotted().unwrap_or_default();
        if dotted.len() > MAX_TEXT { Value::from(UNKNOWN) } else { Value::from(format!("n:{dotted}")) }
    }

    fn many(&mut self, tag: &str, parts: &[Expr<'_>]) -> Value {
        let inner: Vec<Value> = parts.iter().map(|p| self.expr(p)).collect();
        tagged(tag, inner)
    }

    fn call(&mut self, call: &Call<'_>, start: u32) -> Value {
        self.calls.push(start);
        let mut out = vec![Value::from(if call.new { "w" } else { "c" }), Value::Int(i64::from(start))];
        out.push(self.expr(&call.callee));
        for argument in &call.args {
            // Its name, or that it is spread, is a list around it.
            let around = usize::from(argument.spread || argument.name.is_some());
            self.open += around;
            let value = self.expr(&argument.value);
            self.open -= around;
            out.push(match (argument.spread, argument.name) {
                (true, _) => tagged("...", [value]),
                (_, Some(name)) => tagged("k=", [Value::from(name), value]),
                _ => value,
            });
        }
        Value::List(out)
    }
}
