//! By which calls classified attributes are written: assignments, setters, builders, literals of objects. A local name
//! stands for the calls that made it. Next: `../link/stored.rs`.

use super::{callees, classes};
use crate::code::Reading;
use crate::code::model::{Expr, ExprKind, Function, Stmt, StmtKind};
use crate::code::names::cut;
use crate::emit::{Attributes, Emit, texts};
use crate::vocabulary::words;
use ligase_domain::Span;
use std::collections::{BTreeMap, HashMap};

/// Places of one file at which a classified attribute is written through a call.
const MAX_WRITES: usize = 100;
/// Stands before a value's own name among the calls that made it.
const NAMED: char = '=';
/// Local names of one function that are followed.
const MAX_LOCALS: usize = 64;

pub(super) fn emit(reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
    let mut writes = Writes { reading, out, count: 0 };
    for class in classes(&reading.module.body) {
        class.methods.iter().for_each(|m| writes.function(m, class.name));
    }
    writes.body(&reading.module.body, "", &mut HashMap::new());
}

struct Writes<'r, 'a, 't, 'o, 'e> {
    reading: &'r Reading<'a, 't>,
    out: &'o mut Emit<'e>,
    count: usize,
}

type Locals<'m> = HashMap<&'m str, Vec<String>>;

impl<'m> Writes<'_, '_, '_, '_, '_> {
    fn function(&mut self, function: &'m Function<'_>, class: &'m str) {
        let class = function.receiver.as_ref().and_then(|r| r.ty.as_ref()).map_or(class, |t| t.name.as_ref());
        self.body(&function.body, class, &mut HashMap::new());
    }

    fn body(&mut self, body: &'m [Stmt<'_>], class: &'m str, locals: &mut Locals<'m>) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Assign { target, value: Some(value), .. } => {
                    self.expr(value, class, locals);
                    let made = self.made(value, locals);
                    match &target.kind {
                        ExprKind::Name(name) if made.is_empty() || locals.len() >= MAX_LOCALS => {
                            drop(locals.remove(name))
                        }
                        ExprKind::Name(name) => drop(locals.insert(name, made)),
                        ExprKind::Member(of, name) => self.write(name, owner(of, class), made, stmt.at),
                        _ => {}
                    }
                }
                StmtKind::Expr(value) | StmtKind::Throw(value) | StmtKind::Return(Some(value)) => {
                    self.expr(value, class, locals);
                }
                StmtKind::Block { header, bodies, .. } => {
                    header.iter().for_each(|h| self.expr(h, class, locals));
                    bodies.iter().for_each(|b| self.body(b, class, locals));
                }
                StmtKind::Function(function) => self.function(function, class),
                _ => {}
            }
        }
    }

    /// The calls that made a value, its own or those of the local name that it is.
    fn made(&self, value: &'m Expr<'_>, locals: &Locals<'m>) -> Vec<String> {
        let mut out = Vec::new();
        callees(value, &mut out);
        let mut open = vec![value];
        while let Some(expr) = open.pop() {
            if let ExprKind::Name(name) = &expr.kind {
                out.extend(locals.get(name).into_iter().flatten().cloned());
            }
            // `hashedToken`, `made.token_hash`: what it is called says what was done, wherever it was done.
            if let ExprKind::Name(name) | ExprKind::Member(_, name) = &expr.kind
                && self.named_for_it(name)
            {
                out.push(format!("{NAMED}{name}"));
            }
            if out.len() > 8 {
                break;
            }
            open.extend(expr.parts());
        }
        out.truncate(8);
        out
    }

    /// Whether a value is called after what makes it unreadable.
    fn named_for_it(&self, name: &str) -> bool {
        let lists = &self.reading.vocabulary.encryption;
        words(name).iter().any(|w| lists.name_hashes.contains(w) || lists.name_encrypts.contains(w))
    }

    /// Writes inside an expression.
    fn expr(&mut self, expr: &'m Expr<'_>, class: &'m str, locals: &mut Locals<'m>) {
        let mut open = vec![(expr, "")];
        while let Some((expr, of)) = open.pop() {
            match &expr.kind {
                ExprKind::Call(call) => {
                    if let (ExprKind::Member(object, name), [arg]) = (&call.callee.kind, call.args.as_slice()) {
                        let made = self.made(&arg.value, locals);
                        self.write(name.strip_prefix("set").unwrap_or(name), owner(object, class), made, expr.at);
                    }
                    // `prisma.apiToken.create({ data: … })` writes a token, `User.create({ … })` a user.
                    let of = match &call.callee.kind {
                        ExprKind::Member(object, _) => object.last().unwrap_or_default(),
                        ExprKind::Name(name) => name,
                        _ => "",
                    };
                    open.push((&call.callee, ""));
                    open.extend(call.args.iter().map(|a| (&a.value, of)));
                    continue;
                }
                ExprKind::Same(ty, inner) => {
                    open.push((inner, ty.as_ref().map_or(of, |t| t.name.as_ref())));
                    continue;
                }
                ExprKind::Object(pairs) => {
                    for (key, value) in pairs {
                        if let Some(key) = key.as_deref() {
                            let made = self.made(value, locals);
                            self.write(key, of.to_owned(), made, value.at);
                        }
                        open.push((value, of));
                    }
                    continue;
                }
                ExprKind::Function(function) => self.body(&function.body, class, &mut locals.clone()),
                _ => {}
            }
            open.extend(expr.parts().into_iter().map(|p| (p, "")));
        }
    }

    fn write(&mut self, name: &str, owner: String, made: Vec<String>, at: Span) {
        if made.is_empty() || self.count >= MAX_WRITES || name.is_empty() {
            return;
        }
        let strict = self.reading.vocabulary.classes.classify(name, &owner).is_some_and(|h| h.strict);
        let protects = |c: &String| super::protects(self.reading.vocabulary, c).is_some();
        if !(strict || made.iter().any(protects)) {
            return;
        }
        self.count += 1;
        let named = made.iter().filter_map(|c| c.strip_prefix(NAMED));
        let attributes = Attributes::default()
            .with("name", cut(name))
            .some("owner", cut(&owner))
            .with("by", texts(made.iter().filter(|c| !c.starts_with(NAMED)).map(|c| cut(c))))
            .some("named", texts(named.map(cut)));
        self.out.put("code-write", "code/stored", at, attributes, BTreeMap::new(), false);
    }
}

/// Whose attribute it is: the class for `this`, else the object's name.
fn owner(object: &Expr<'_>, class: &str) -> String {
    match object.last() {
        Some(name) => name.to_owned(),
        None if matches!(object.kind, ExprKind::This) => class.to_owned(),
        None => String::new(),
    }
}
