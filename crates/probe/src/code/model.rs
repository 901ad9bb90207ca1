//! A file as every language has it: imports, functions, classes, assignments, calls. Each language lowers its syntax tree into
//! this (`lower/`), and what is looked for (flows into sinks, routes and guards, stored fields) is written once over it. The
//! model keeps what those readers ask and nothing else: what a language says otherwise is an `Other` that holds its parts, so
//! that no value is lost on the way. Names and texts are slices of the file. Next: `lower/typescript.rs`.

use ligase_domain::Span;
use std::borrow::Cow;

/// Names that one value is bound to piece by piece; beyond what people write, only the names are known.
pub(crate) const MAX_BOUND: usize = 32;

/// One file.
#[derive(Debug, Default)]
pub(crate) struct Module<'t> {
    /// The package that the file says it belongs to (Java, Go); empty elsewhere.
    pub package: &'t str,
    /// What it takes from other files and libraries, `require` included.
    pub imports: Vec<Import<'t>>,
    /// What it gives under which name: (name outside, name inside). `default` is JavaScript's.
    pub exports: Vec<(Cow<'t, str>, Cow<'t, str>)>,
    /// What stands at the top.
    pub body: Vec<Stmt<'t>>,
    /// Text that the grammar could not read.
    pub errors: Vec<Span>,
}

/// A name that comes from elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Import<'t> {
    /// The name in this file; empty for a wildcard and for what is only run.
    pub local: &'t str,
    /// The module as written: `./users`, `express`, `org.slf4j`, `github.com/go-chi/chi/v5`.
    pub module: Cow<'t, str>,
    /// What of it.
    pub symbol: Symbol<'t>,
    pub at: Span,
}

/// What of a module is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Symbol<'t> {
    /// One name.
    Name(&'t str),
    /// JavaScript's default export, and what `require` of a module that sets `module.exports` gives.
    Default,
    /// The module as a whole, under the local name.
    Whole,
    /// Every name of it, under their own names.
    All,
}

/// A statement, or what a language has in its place.
#[derive(Clone, Debug)]
pub(crate) struct Stmt<'t> {
    pub kind: StmtKind<'t>,
    pub at: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum StmtKind<'t> {
    /// `let a: T = b`, `a.b = c`, `a := b`. Several targets or a pattern become one for each name that is bound, with an
    /// `Index` or `Member` of the value where it can be said.
    Assign {
        target: Expr<'t>,
        ty: Option<Type<'t>>,
        value: Option<Expr<'t>>,
        declares: bool,
    },
    /// An expression for its effect.
    Expr(Expr<'t>),
    /// Several results (Go) are a `List`.
    Return(Option<Expr<'t>>),
    Throw(Expr<'t>),
    /// `if`, `for`, `while`, `try`, `switch`, `with`, a bare block: what is asked first, then the bodies. `kind` tells which.
    /// A statement before the condition (Go's `if v := f(); v.ok`, Java's resources) makes a plain block around or stands
    /// at the head of the body.
    Block {
        kind: BlockKind,
        header: Vec<Expr<'t>>,
        bodies: Vec<Vec<Stmt<'t>>>,
    },
    Function(Box<Function<'t>>),
    Class(Box<Class<'t>>),
}

/// Which statement a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockKind {
    If,
    Loop,
    Try,
    Switch,
    Plain,
}

/// A function, a method, a lambda.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function<'t> {
    /// Empty for a lambda.
    pub name: &'t str,
    pub params: Vec<Param<'t>>,
    pub annotations: Vec<Annotation<'t>>,
    pub returns: Option<Type<'t>>,
    /// Go's receiver.
    pub receiver: Option<Param<'t>>,
    pub body: Vec<Stmt<'t>>,
    /// Private to its class or file.
    pub private: bool,
    pub at: Span,
    /// The name, or the whole of a lambda.
    pub name_at: Span,
    /// What stands between the braces, braces included; the expression of a lambda without braces.
    pub body_at: Span,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Param<'t> {
    /// Empty where the parameter is a pattern; its names are then bound by assignments at the head of the body.
    pub name: &'t str,
    pub ty: Option<Type<'t>>,
    pub annotations: Vec<Annotation<'t>>,
    pub default: Option<Expr<'t>>,
    pub at: Span,
}

/// A class, an interface, a struct, a record, an enumeration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Class<'t> {
    pub name: &'t str,
    /// What it extends, implements or embeds.
    pub bases: Vec<Type<'t>>,
    pub annotations: Vec<Annotation<'t>>,
    pub fields: Vec<Field<'t>>,
    pub methods: Vec<Function<'t>>,
    /// Classes inside.
    pub inner: Vec<Class<'t>>,
    /// An interface, or a TypeScript type of an object's shape.
    pub shape_only: bool,
    pub at: Span,
    pub name_at: Span,
    /// What stands between the braces, braces included.
    pub body_at: Span,
}

/// A field of a class.
#[derive(Clone, Debug)]
pub(crate) struct Field<'t> {
    pub name: &'t str,
    pub ty: Option<Type<'t>>,
    pub annotations: Vec<Annotation<'t>>,
    pub value: Option<Expr<'t>>,
    /// Go's tag, without its quotes.
    pub tag: &'t str,
    pub at: Span,
}

/// A decorator or an annotation.
#[derive(Clone, Debug)]
pub(crate) struct Annotation<'t> {
    /// Dotted as written, without `@`.
    pub name: Cow<'t, str>,
    pub args: Vec<Arg<'t>>,
    pub at: Span,
}

/// A type as written.
#[derive(Clone, Debug)]
pub(crate) struct Type<'t> {
    /// Its name, dotted as written, without arguments, pointers and nullability: `Map`, `pgtype.Text`. `A | null` is `A`.
    pub name: Cow<'t, str>,
    /// `Promise<User>` has `User`, `[]User` is named `[]` and has `User`; several results of Go are named `()`.
    pub args: Vec<Type<'t>>,
    pub at: Span,
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub(crate) struct Arg<'t> {
    /// Where arguments are named (annotations of Java).
    pub name: Option<&'t str>,
    pub value: Expr<'t>,
    /// `...rest`.
    pub spread: bool,
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Expr<'t> {
    pub kind: ExprKind<'t>,
    pub at: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind<'t> {
    Name(&'t str),
    /// `this`, `super`.
    This,
    /// A text without anything put into it, unquoted and unescaped as far as plain characters go.
    Text(Cow<'t, str>),
    Number(&'t str),
    Bool(bool),
    Null,
    /// `a.b`, `a?.b`, `a::b`.
    Member(Box<Expr<'t>>, &'t str),
    /// `a[b]`.
    Index(Box<Expr<'t>>, Box<Expr<'t>>),
    Call(Box<Call<'t>>),
    /// A text with values put into it: the texts and values in order.
    Template(Vec<Expr<'t>>),
    /// `a + b + c`, flat. Texts and values in order; numbers are added so too.
    Concat(Vec<Expr<'t>>),
    /// What a comparison or an arithmetic gives; the parts do not come through as they are.
    Compare(Vec<Expr<'t>>),
    /// `a * b`, `a / b`: the parts do not come through either, but where both are numbers it is one.
    Arithmetic(&'t str, Vec<Expr<'t>>),
    /// `{ a: b, ...c }`, a composite literal. Spreads have no key.
    Object(Vec<(Option<Cow<'t, str>>, Expr<'t>)>),
    List(Vec<Expr<'t>>),
    Function(Box<Function<'t>>),
    /// One of several: `a ? b : c` without its condition, `a || b`, `a ?? b`.
    Choice(Vec<Expr<'t>>),
    /// `(T) a`, `a as T`, `a!`, `await a`, `*a`, `&a`: the value with, where it is said, the type.
    Same(Option<Type<'t>>, Box<Expr<'t>>),
    /// `new Foo(…)` with its type is a `Call`; a class as an expression.
    Class(Box<Class<'t>>),
    /// What the model has no word for, with its parts.
    Other(Vec<Expr<'t>>),
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call<'t> {
    pub callee: Expr<'t>,
    pub args: Vec<Arg<'t>>,
    /// `new Foo(…)`.
    pub new: bool,
    /// The brackets and what stands between them.
    pub args_at: Span,
}

impl<'t> Expr<'t> {
    /// `a.b.c` as one text, `this` as `this`; `None` where something else than names stands between the dots.
    pub fn dotted(&self) -> Option<Cow<'t, str>> {
        match &self.kind {
            ExprKind::Name(name) => Some(Cow::Borrowed(name)),
            ExprKind::This => Some(Cow::Borrowed("this")),
            ExprKind::Same(_, inner) => inner.dotted(),
            ExprKind::Member(..) => {
                let (mut parts, mut at) = (Vec::new(), self);
                loop {
                    match &at.kind {
                        ExprKind::Member(of, name) => {
                            parts.push(*name);
                            at = of;
                        }
                        ExprKind::Same(_, inner) => at = inner,
                        ExprKind::Name(name) => {
                            parts.push(name);
                            break;
                        }
                        ExprKind::This => {
                            parts.push("this");
                            break;
                        }
                        _ => return None,
                    }
                }
                parts.reverse();
                Some(Cow::Owned(parts.join(".")))
            }
            _ => None,
        }
    }

    /// The name behind the last dot.
    pub fn last(&self) -> Option<&'t str> {
        match &self.kind {
            ExprKind::Name(name) | ExprKind::Member(_, name) => Some(name),
            ExprKind::Same(_, inner) => inner.last(),
            _ => None,
        }
    }

    /// The text of a literal without anything put into it.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Text(text) => Some(text),
            ExprKind::Same(_, inner) => inner.text(),
            _ => None,
        }
    }

    /// The call, through `await` and casts.
    pub fn call(&self) -> Option<&Call<'t>> {
        match &self.kind {
            ExprKind::Call(call) => Some(call),
            ExprKind::Same(_, inner) => inner.call(),
            _ => None,
        }
    }

    /// The same without what functions and classes hold. A value that is bound to several names stands whole only at the
    /// first: a function in it would otherwise be there twice, what it holds four times, and so on inwards.
    pub fn hollow(&self) -> Self {
        let boxed = |e: &Self| Box::new(e.hollow());
        let all = |list: &[Self]| list.iter().map(Self::hollow).collect();
        let kind = match &self.kind {
            ExprKind::Member(of, name) => ExprKind::Member(boxed(of), name),
            ExprKind::Same(ty, of) => ExprKind::Same(ty.clone(), boxed(of)),
            ExprKind::Index(of, at) => ExprKind::Index(boxed(of), boxed(at)),
            ExprKind::Call(call) => {
                let args = call.args.iter().map(|a| Arg { name: a.name, value: a.value.hollow(), spread: a.spread });
                let (callee, args) = (call.callee.hollow(), args.collect());
                ExprKind::Call(Box::new(Call { callee, args, new: call.new, args_at: call.args_at }))
            }
            ExprKind::Object(pairs) => ExprKind::Object(pairs.iter().map(|(k, v)| (k.clone(), v.hollow())).collect()),
            ExprKind::Template(parts) => ExprKind::Template(all(parts)),
            ExprKind::Concat(parts) => ExprKind::Concat(all(parts)),
            ExprKind::Compare(parts) => ExprKind::Compare(all(parts)),
            ExprKind::Arithmetic(by, parts) => ExprKind::Arithmetic(by, all(parts)),
            ExprKind::List(parts) => ExprKind::List(all(parts)),
            ExprKind::Choice(parts) => ExprKind::Choice(all(parts)),
            ExprKind::Other(parts) => ExprKind::Other(all(parts)),
            ExprKind::Function(_) | ExprKind::Class(_) => ExprKind::Other(Vec::new()),
            plain => plain.clone(),
        };
        Self { kind, at: self.at }
    }

    /// The expressions directly inside, functions and classes left out.
    pub fn parts(&self) -> Vec<&Expr<'t>> {
        match &self.kind {
            ExprKind::Member(a, _) | ExprKind::Same(_, a) => vec![a],
            ExprKind::Index(a, b) => vec![a, b],
            ExprKind::Call(call) => std::iter::once(&call.callee).chain(call.args.iter().map(|a| &a.value)).collect(),
            ExprKind::Object(pairs) => pairs.iter().map(|(_, v)| v).collect(),
            ExprKind::Template(parts)
            | ExprKind::Concat(parts)
            | ExprKind::Compare(parts)
            | ExprKind::Arithmetic(_, parts)
            | ExprKind::List(parts)
            | ExprKind::Choice(parts)
            | ExprKind::Other(parts) => parts.iter().collect(),
            ExprKind::Name(_)
            | ExprKind::This
            | ExprKind::Text(_)
            | ExprKind::Number(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Function(_)
            | ExprKind::Class(_) => Vec::new(),
        }
    }
}
