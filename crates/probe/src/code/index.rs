//! One file's model by what is asked of it: functions with what binds names in them, calls, what is returned. It is made in
//! one walk and shared by the readers. Functions are scopes, the file is the first of them. Next: `flow.rs`.

use super::model::{BlockKind, Class, Expr, ExprKind, Function, Module, Param, Stmt, StmtKind, Type};
use ligase_domain::Span;
use std::collections::HashMap;

/// A function or the file.
pub(crate) struct Scope<'m, 't> {
    pub(crate) function: Option<&'m Function<'t>>,
    pub(crate) parent: Option<usize>,
    /// The class that it is a method of, or that it stands in.
    pub(crate) class: Option<usize>,
    /// `Class.method`, `outer.inner`; a lambda has the name that it is bound to, or that of what it stands in.
    pub(crate) qualified: String,
}

/// A class, with the names of those around it.
pub(crate) struct Held<'m, 't> {
    pub(crate) class: &'m Class<'t>,
    pub(crate) qualified: String,
}

/// Something that binds a name.
#[derive(Clone, Copy)]
pub(crate) struct Bind<'m, 't> {
    pub(crate) block: usize,
    pub(crate) at: Span,
    pub(crate) ty: Option<&'m Type<'t>>,
    pub(crate) value: Option<&'m Expr<'t>>,
}

/// A call or what is returned, with its place.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'m, 't> {
    pub(crate) expr: &'m Expr<'t>,
    pub(crate) scope: usize,
    pub(crate) block: usize,
}

/// The whole file.
pub(crate) struct Index<'m, 't> {
    pub(crate) text: &'t str,
    pub(crate) scopes: Vec<Scope<'m, 't>>,
    pub(crate) classes: Vec<Held<'m, 't>>,
    pub(crate) calls: Vec<Placed<'m, 't>>,
    pub(crate) returns: HashMap<usize, Vec<Placed<'m, 't>>>,
    binds: HashMap<(usize, String), Vec<Bind<'m, 't>>>,
    /// Functions by their place, for lambdas.
    by_span: HashMap<(u32, u32), usize>,
    pub(crate) by_qualified: HashMap<String, usize>,
    /// What each block stands in.
    blocks: Vec<usize>,
    /// Names from elsewhere, dotted as they are called there.
    origins: HashMap<&'t str, String>,
}

impl<'m, 't> Index<'m, 't> {
    pub(crate) fn new(text: &'t str, module: &'m Module<'t>) -> Self {
        let mut index = Self {
            text,
            scopes: vec![Scope { function: None, parent: None, class: None, qualified: String::new() }],
            classes: Vec::new(),
            calls: Vec::new(),
            returns: HashMap::new(),
            binds: HashMap::new(),
            by_span: HashMap::new(),
            by_qualified: HashMap::new(),
            blocks: vec![0],
            origins: HashMap::new(),
        };
        for import in module.imports.iter().filter(|i| !i.local.is_empty()) {
            let origin = match &import.symbol {
                super::model::Symbol::Name(name) => format!("{}.{name}", import.module),
                _ => import.module.to_string(),
            };
            index.origins.insert(import.local, origin);
        }
        index.statements(&module.body, 0, 0);
        index
    }

    /// Where a dotted name comes from, calls left out: `log.info` of an import is `winston.info`.
    pub(crate) fn origin(&self, dotted: &str) -> String {
        let plain = dotted.replace("()", "");
        let (first, rest) = plain.split_once('.').unwrap_or((&plain, ""));
        match self.origins.get(first) {
            Some(origin) if rest.is_empty() => origin.clone(),
            Some(origin) => format!("{origin}.{rest}"),
            None => plain,
        }
    }

    /// Whether a name is taken from elsewhere.
    pub(crate) fn imported(&self, name: &str) -> Option<&str> {
        self.origins.get(name).map(String::as_str)
    }

    /// Everything that is taken from elsewhere.
    pub(crate) fn imports(&self) -> impl Iterator<Item = (&'t str, &str)> {
        self.origins.iter().map(|(local, origin)| (*local, origin.as_str()))
    }

    /// What binds a name in a scope, in order.
    pub(crate) fn bound(&self, scope: usize, name: &str) -> &[Bind<'m, 't>] {
        self.binds.get(&(scope, name.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every binding, for what is looked for by its value.
    pub(crate) fn all_bound(&self) -> impl Iterator<Item = (usize, &str, &Bind<'m, 't>)> {
        self.binds.iter().flat_map(|((scope, name), list)| list.iter().map(move |b| (*scope, name.as_str(), b)))
    }

    /// The scope of a function or lambda.
    pub(crate) fn scope_of(&self, function: &Function<'t>) -> Option<usize> {
        self.by_span.get(&(function.at.start, function.at.end)).copied()
    }

    /// The parameter of a name of a scope.
    pub(crate) fn parameter(&self, scope: usize, name: &str) -> Option<&'m Param<'t>> {
        let function = self.scopes[scope].function?;
        function.params.iter().chain(&function.receiver).find(|p| p.name == name)
    }

    /// The class that a scope stands in.
    pub(crate) fn class_of(&self, scope: usize) -> Option<usize> {
        self.scopes[scope].class
    }

    /// The class of a name in this file.
    pub(crate) fn class_named(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|c| c.class.name == name || c.qualified == name)
    }

    /// Whether one block holds another, or is it.
    pub(crate) fn encloses(&self, outer: usize, inner: usize) -> bool {
        let mut at = inner;
        loop {
            if at == outer {
                return true;
            }
            if at == 0 {
                return false;
            }
            at = self.blocks[at];
        }
    }

    fn block(&mut self, parent: usize) -> usize {
        self.blocks.push(parent);
        self.blocks.len() - 1
    }

    fn statements(&mut self, list: &'m [Stmt<'t>], scope: usize, block: usize) {
        for stmt in list {
            self.statement(stmt, scope, block);
        }
    }

    fn statement(&mut self, stmt: &'m Stmt<'t>, scope: usize, block: usize) {
        match &stmt.kind {
            StmtKind::Assign { target, ty, value, .. } => {
                let name = target.dotted().map(|d| d.into_owned());
                if let Some(name) = &name {
                    let bind = Bind { block, at: stmt.at, ty: ty.as_ref(), value: value.as_ref() };
                    self.binds.entry((scope, name.clone())).or_default().push(bind);
                } else {
                    self.expression(target, scope, block, "");
                }
                if let Some(value) = value {
                    self.expression(value, scope, block, name.as_deref().unwrap_or_default());
                }
            }
            StmtKind::Expr(expr) | StmtKind::Throw(expr) => self.expression(expr, scope, block, ""),
            StmtKind::Return(Some(expr)) => {
                self.returns.entry(scope).or_default().push(Placed { expr, scope, block });
                self.expression(expr, scope, block, "");
            }
            StmtKind::Return(None) => {}
            StmtKind::Block { kind, header, bodies } => {
                header.iter().for_each(|e| self.expression(e, scope, block, ""));
                for body in bodies {
                    // What a plain block or the first part of a `try` does is done.
                    let inner = if *kind == BlockKind::Plain { block } else { self.block(block) };
                    self.statements(body, scope, inner);
                }
            }
            StmtKind::Function(function) => self.function(function, scope, function.name, self.scopes[scope].class),
            StmtKind::Class(class) => self.class(class, scope, block),
        }
    }

    fn function(&mut self, function: &'m Function<'t>, parent: usize, name: &str, class: Option<usize>) {
        let around = match (class, self.scopes[parent].function) {
            (Some(class), None) => self.classes[class].qualified.clone(),
            _ => self.scopes[parent].qualified.clone(),
        };
        let receiver = function.receiver.as_ref().and_then(|r| r.ty.as_ref()).map(|t| t.name.as_ref());
        let around = receiver.map_or(around, str::to_owned);
        let name = name.strip_prefix("this.").unwrap_or(name);
        let qualified = match (around.is_empty(), name.is_empty()) {
            (_, true) => around,
            (true, _) => name.to_owned(),
            _ => format!("{around}.{name}"),
        };
        let class = receiver.and_then(|r| self.class_named(r)).or(class);
        let scope = self.scopes.len();
        self.scopes.push(Scope { function: Some(function), parent: Some(parent), class, qualified: qualified.clone() });
        self.by_span.insert((function.at.start, function.at.end), scope);
        if !name.is_empty() {
            self.by_qualified.entry(qualified).or_insert(scope);
        }
        let block = self.block(0);
        for default in function.params.iter().filter_map(|p| p.default.as_ref()) {
            self.expression(default, scope, block, "");
        }
        self.statements(&function.body, scope, block);
    }

    fn class(&mut self, class: &'m Class<'t>, scope: usize, block: usize) {
        let around = self.scopes[scope].class.map(|c| self.classes[c].qualified.clone()).unwrap_or_default();
        let qualified = match (around.is_empty(), class.name.is_empty()) {
            (true, _) => class.name.to_owned(),
            (_, true) => around,
            _ => format!("{around}.{}", class.name),
        };
        self.classes.push(Held { class, qualified: qualified.clone() });
        let at = self.classes.len() - 1;
        // Fields and methods stand in a scope of the class's own, so that names of two classes do not meet.
        let own = self.scopes.len();
        self.scopes.push(Scope { function: None, parent: Some(scope), class: Some(at), qualified });
        for field in &class.fields {
            let bind = Bind { block, at: field.at, ty: field.ty.as_ref(), value: field.value.as_ref() };
            for name in [field.name.to_owned(), format!("this.{}", field.name)] {
                self.binds.entry((own, name)).or_default().push(bind);
            }
            if let Some(value) = &field.value {
                self.expression(value, own, block, field.name);
            }
        }
        for method in &class.methods {
            self.function(method, own, method.name, Some(at));
        }
        for inner in &class.inner {
            self.class(inner, own, block);
        }
    }

    fn expression(&mut self, expr: &'m Expr<'t>, scope: usize, block: usize, name: &str) {
        match &expr.kind {
            ExprKind::Function(function) => {
                let name = if function.name.is_empty() { name } else { function.name };
                return self.function(function, scope, name, self.scopes[scope].class);
            }
            ExprKind::Class(class) => return self.class(class, scope, block),
            ExprKind::Call(_) => self.calls.push(Placed { expr, scope, block }),
            ExprKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.expression(value, scope, block, key.as_deref().unwrap_or_default());
                }
                return;
            }
            _ => {}
        }
        let inner = if matches!(expr.kind, ExprKind::Same(..)) { name } else { "" };
        for part in expr.parts() {
            self.expression(part, scope, block, inner);
        }
    }
}

/// An expression as a person would name it: `log.Info().Str`, `users[].email`; what has no name is left out.
pub(crate) fn label(expr: &Expr<'_>) -> String {
    let (mut parts, mut at) = (Vec::new(), expr);
    let mut calls = "";
    for _ in 0..24 {
        match &at.kind {
            ExprKind::Name(name) => {
                parts.push(format!("{name}{calls}"));
                break;
            }
            ExprKind::This => {
                parts.push("this".to_owned());
                break;
            }
            ExprKind::Member(of, name) => {
                parts.push(format!("{name}{calls}"));
                calls = "";
                at = of;
            }
            ExprKind::Call(call) => {
                calls = "()";
                at = &call.callee;
            }
            ExprKind::Same(_, inner) | ExprKind::Index(inner, _) => at = inner,
            _ => break,
        }
    }
    parts.reverse();
    let mut text = parts.join(".");
    if text.len() > 120 {
        text.truncate(text.char_indices().map(|(i, _)| i).take_while(|i| *i <= 120).last().unwrap_or(0));
    }
    text
}
