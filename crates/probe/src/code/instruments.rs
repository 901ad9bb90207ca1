//! Receivers that are no loggers and keep what they are handed all the same: spans, metrics, scopes of error trackers. Which
//! they are, and by which methods, is data (`methods` of `vocabulary/log-sinks.yaml`): by what they are called, by what made
//! them, by what a chain began with. One that another file makes is known when linking. Next: `logs.rs`.

use super::index::{Bind, Index, Placed, label};
use super::model::{Call, Expr, ExprKind};
use crate::vocabulary::{LanguageSinks, SinkMethods};
use std::collections::{BTreeMap, HashMap};

/// Calls of a builder that are looked through.
const MAX_CHAIN: usize = 16;

/// What is known of the receivers of one file.
pub(super) struct Instruments<'r, 'm, 't> {
    index: &'r Index<'m, 't>,
    sinks: &'r LanguageSinks,
    /// What the result of a call is asked for, by the call's place.
    then: HashMap<(u32, u32), &'m str>,
}

/// Whether a module is of the repository, by how it is written in TypeScript.
pub(super) fn own_module(module: &str) -> bool {
    module.starts_with(['.', '@', '~', '#']) || module.starts_with("src/")
}

impl<'r, 'm, 't> Instruments<'r, 'm, 't> {
    pub(super) fn new(index: &'r Index<'m, 't>, sinks: &'r LanguageSinks) -> Self {
        let mut then = HashMap::new();
        for call in index.calls.iter().filter_map(|p| p.expr.call()) {
            if let ExprKind::Member(of, name) = &call.callee.kind {
                then.insert((of.at.start, of.at.end), *name);
            }
        }
        Self { index, sinks, then }
    }

    /// What a call of a receiver is, and the name under which another file must make the receiver ("" where this one does).
    pub(super) fn find(
        &self,
        call: &Call<'t>,
        placed: &Placed<'m, 't>,
        dotted: &str,
        across: bool,
    ) -> Option<(&'r SinkMethods, String)> {
        let (object, method) = dotted.rsplit_once('.')?;
        let mut pending = None;
        for found in self.sinks.methods.iter().filter(|m| m.names.iter().any(|n| n == method)) {
            if !(self.fits(found, placed) && self.takes(found, call, placed)) {
                continue;
            }
            if self.receives(found, object, placed) {
                return Some((found, String::new()));
            }
            let first = object.split('.').next().unwrap_or_default();
            let elsewhere = across && !object.contains("()") && self.index.imported(first).is_some_and(own_module);
            if pending.is_none() && elsewhere && !found.made.is_empty() {
                pending = Some((found, object.to_owned()));
            }
        }
        pending
    }

    /// Names of this file that are bound to what is made so, with its library.
    pub(super) fn made_here(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for (_, name, bind) in self.index.all_bound() {
            let mut values: Vec<&Expr<'t>> = bind.value.into_iter().collect();
            if let Some(ExprKind::Object(pairs)) = bind.value.map(|v| &v.kind) {
                values.extend(pairs.iter().map(|(_, v)| v).take(64));
            }
            let makes = |m: &&SinkMethods| values.iter().any(|v| self.is_one(&m.made, &label(v)));
            if let Some(found) = self.sinks.methods.iter().find(makes) {
                out.insert(name.to_owned(), found.stack.clone());
            }
        }
        out
    }

    /// Whether the file takes the library, or what the call gives is asked for what such a thing can.
    fn fits(&self, found: &SinkMethods, placed: &Placed<'m, 't>) -> bool {
        let inside = |origin: &str, module: &String| {
            origin.strip_prefix(module.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
        };
        let takes = self.index.imports().any(|(_, o)| found.imports.iter().any(|m| inside(o, m)));
        let asked = self.then.get(&(placed.expr.at.start, placed.expr.at.end));
        let asked = asked.is_some_and(|name| found.then.iter().any(|t| t == name));
        takes || asked || (found.imports.is_empty() && found.then.is_empty())
    }

    /// Whether the first argument is of the type that it must be.
    fn takes(&self, found: &SinkMethods, call: &Call<'t>, placed: &Placed<'m, 't>) -> bool {
        let Some(first) = call.args.first().map(|a| &a.value).filter(|_| !found.first.is_empty()) else {
            return found.first.is_empty();
        };
        let typed = |e: &Expr<'t>| match &e.kind {
            ExprKind::Same(Some(ty), _) => self.is_one(&found.first, &ty.name),
            _ => false,
        };
        let bound = match first.kind {
            ExprKind::Name(name) => self.bound(placed.scope, name),
            _ => &[],
        };
        typed(first) || bound.iter().any(|b| b.value.is_some_and(typed))
    }

    /// Whether a receiver is one: by its name, by what made it, or by what the chain began with.
    fn receives(&self, found: &SinkMethods, object: &str, placed: &Placed<'m, 't>) -> bool {
        let mut at = object;
        for _ in 0..MAX_CHAIN {
            let last = at.rsplit('.').next().unwrap_or_default().trim_end_matches("()");
            let called = found.receivers.iter().any(|r| named(r, last)) && !self.is_other(found, at, placed);
            if called || self.is_made(found, at, placed) {
                return true;
            }
            let Some((rest, method)) = at.rsplit_once('.') else { return false };
            let Some(method) = method.strip_suffix("()") else { return false };
            if !found.names.iter().chain(&found.chain).any(|n| n == method) {
                return false;
            }
            at = rest;
        }
        false
    }

    fn is_made(&self, found: &SinkMethods, at: &str, placed: &Placed<'m, 't>) -> bool {
        if self.is_one(&found.made, at) {
            return true;
        }
        let bound = self.bound(placed.scope, at);
        if let Some(bind) = bound.last() {
            let by_type = bind.ty.is_some_and(|t| self.is_one(&found.made, &t.name));
            return by_type || bind.value.is_some_and(|v| self.gives_one(found, v));
        }
        let mut scope = Some(placed.scope);
        while let Some(s) = scope {
            if let Some(parameter) = self.index.parameter(s, at) {
                return parameter.ty.as_ref().is_some_and(|t| self.is_one(&found.made, &t.name));
            }
            scope = self.index.scopes[s].parent;
        }
        false
    }

    /// Whether a value is made by one of the calls that make it, or by one that is called as it is.
    fn gives_one(&self, found: &SinkMethods, value: &Expr<'t>) -> bool {
        let Some(call) = value.call() else { return false };
        let callee = label(&call.callee);
        let last = callee.rsplit('.').next().unwrap_or_default();
        self.is_one(&found.made, &callee) || found.receivers.iter().any(|r| !r.starts_with('*') && named(r, last))
    }

    /// Whether something else of that name was made here.
    fn is_other(&self, found: &SinkMethods, at: &str, placed: &Placed<'m, 't>) -> bool {
        let made = self.bound(placed.scope, at).last().and_then(|b| b.value?.call());
        made.and_then(|c| c.callee.last()).is_some_and(|last| found.not_made.iter().any(|n| n == last))
    }

    fn is_one(&self, symbols: &[String], dotted: &str) -> bool {
        !symbols.is_empty() && symbols.contains(&self.index.origin(dotted))
    }

    /// What binds a name in the nearest scope that does.
    fn bound(&self, scope: usize, name: &str) -> &[Bind<'m, 't>] {
        let mut scope = Some(scope);
        while let Some(at) = scope {
            let bound = self.index.bound(at, name);
            if !bound.is_empty() || self.index.parameter(at, name).is_some() {
                return bound;
            }
            scope = self.index.scopes[at].parent;
        }
        &[]
    }
}

/// Whether a name is one of a pattern: the name itself, or any that ends as it says.
fn named(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => name.to_ascii_lowercase().ends_with(&end.to_ascii_lowercase()),
        None => pattern.eq_ignore_ascii_case(name),
    }
}
