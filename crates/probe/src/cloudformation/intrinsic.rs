//! Intrinsic functions as expressions of the engine: `!Ref`, `!Sub`, `!If`, `!FindInMap`, `!GetAtt`, `!Join`, `!Select`, `!Split`, conditions,
//! in their short form and as `Fn::…` maps. What the deployment alone knows (`AWS::Region`, imports, parameters from a store) is
//! opaque. The walk is bounded by depth and by a number of nodes for each value, since an alias may lead anywhere twice.

use crate::resource::expr::{DEPTH, ELEMENTS, Expr, is_sensitive, literal};
use crate::yaml::{At, Content, Tree};
use std::collections::BTreeMap;

/// Nodes of one value.
const NODES: usize = 600;
/// Functions within one another, each of which takes a step or two of depth.
const NESTED: usize = DEPTH * 3;

/// The name under which a condition is kept among locals.
pub(super) fn condition(name: &str) -> String {
    format!("condition {name}")
}

/// The name under which a mapping is kept among locals.
pub(super) fn mapping(name: &str) -> String {
    format!("mapping {name}")
}

/// What logical ids of a template stand for.
pub(super) struct Names<'t> {
    /// Logical id to type.
    pub(super) resources: BTreeMap<&'t str, &'t str>,
    /// Nested stacks, which are calls.
    pub(super) stacks: Vec<&'t str>,
}

/// Reads the values of one template.
pub(super) struct Values<'x, 't> {
    pub(super) tree: &'x Tree<'t>,
    pub(super) names: &'x Names<'x>,
}

impl Values<'_, '_> {
    /// The expression of a value that is bound to `name`.
    pub(super) fn read(&self, at: At, name: &str) -> Expr {
        if is_sensitive(name) {
            return Expr::opaque();
        }
        let mut left = NODES;
        self.value(at, NESTED, &mut left)
    }

    /// The expression of a condition.
    pub(super) fn read_condition(&self, at: At) -> Expr {
        let mut left = NODES;
        self.logic(at, NESTED, &mut left)
    }

    fn value(&self, at: At, depth: usize, left: &mut usize) -> Expr {
        let (Some(depth), Some(rest)) = (depth.checked_sub(1), left.checked_sub(1)) else { return Expr::opaque() };
        *left = rest;
        let node = self.tree.node(at);
        if let Some(tag) = &node.tag {
            return self.function(tag, at, depth, left);
        }
        match &node.content {
            Content::Scalar(text, quoted) => scalar(text, *quoted),
            Content::List(list) if list.len() <= ELEMENTS => {
                Expr::List(list.iter().map(|e| self.value(*e, depth, left)).collect())
            }
            Content::List(_) => Expr::opaque(),
            Content::Map(pairs) => {
                if let [(key, value)] = pairs[..]
                    && let Some(name) = self.tree.text(key)
                {
                    if let Some(function) = name.strip_prefix("Fn::") {
                        return self.function(function, value, depth, left);
                    }
                    if matches!(name, "Ref" | "Condition") && self.tree.text(value).is_some() {
                        return self.function(name, value, depth, left);
                    }
                }
                self.map(pairs, depth, left)
            }
        }
    }

    fn map(&self, pairs: &[(At, At)], depth: usize, left: &mut usize) -> Expr {
        if pairs.len() > ELEMENTS {
            return Expr::opaque();
        }
        let mut members = BTreeMap::new();
        for (key, value) in pairs {
            let Some(name) = self.tree.text(*key) else { return Expr::opaque() };
            // What a macro puts here is not known.
            if name.starts_with("Fn::") {
                return Expr::opaque();
            }
            let read = if is_sensitive(name) { Expr::opaque() } else { self.value(*value, depth, left) };
            members.insert(name.to_owned(), read);
        }
        Expr::Object(members)
    }

    fn function(&self, name: &str, at: At, depth: usize, left: &mut usize) -> Expr {
        let parts = self.tree.elements(at);
        let mut value = |at: At| self.value(at, depth, left);
        match (name, parts) {
            ("Ref", _) => self.tree.text(at).map_or_else(Expr::opaque, |n| self.reference(n)),
            ("Condition", _) => self.tree.text(at).map_or_else(Expr::opaque, named_condition),
            ("GetAtt", [id, attribute]) => match (self.tree.text(*id), self.tree.text(*attribute)) {
                (Some(id), Some(attribute)) => self.attribute(id, attribute),
                _ => Expr::opaque(),
            },
            ("GetAtt", []) => match self.tree.text(at).and_then(|t| t.split_once('.')) {
                Some((id, attribute)) => self.attribute(id, attribute),
                None => Expr::opaque(),
            },
            ("Sub", [pattern, names]) => {
                let bound: BTreeMap<&str, Expr> = self.tree.pairs(*names).map(|(n, _, v)| (n, value(v))).collect();
                self.tree.text(*pattern).map_or_else(Expr::opaque, |p| self.substitute(p, &bound))
            }
            ("Sub", []) => self.tree.text(at).map_or_else(Expr::opaque, |p| self.substitute(p, &BTreeMap::new())),
            ("If", [condition, yes, no]) => match self.tree.text(*condition) {
                Some(name) => Expr::Call("if".to_owned(), vec![named_condition(name), value(*yes), value(*no)]),
                None => Expr::opaque(),
            },
            ("FindInMap", [map, first, second, ..]) => {
                let Some(map) = self.tree.text(*map).filter(|_| self.tree.node(*map).tag.is_none()) else {
                    return Expr::opaque();
                };
                let of = Expr::Ref(vec!["local".to_owned(), mapping(map)]);
                let inner = Expr::Call("[]".to_owned(), vec![of, value(*first)]);
                Expr::Call("[]".to_owned(), vec![inner, value(*second)])
            }
            ("Join", [separator, list]) => Expr::Call("join".to_owned(), vec![value(*separator), value(*list)]),
            ("Select", [index, list]) => Expr::Call("element".to_owned(), vec![value(*list), value(*index)]),
            ("Split", [separator, text]) => Expr::Call("split".to_owned(), vec![value(*separator), value(*text)]),
            ("Equals" | "And" | "Or" | "Not", _) => self.logic_of(name, at, depth, left),
            _ => Expr::opaque(),
        }
    }

    fn logic(&self, at: At, depth: usize, left: &mut usize) -> Expr {
        let (Some(depth), Some(rest)) = (depth.checked_sub(1), left.checked_sub(1)) else { return Expr::opaque() };
        *left = rest;
        let node = self.tree.node(at);
        if let Some(tag) = &node.tag {
            return self.logic_of(tag, at, depth, left);
        }
        let mut pairs = self.tree.pairs(at);
        match (pairs.next(), pairs.next()) {
            (Some(("Condition", _, value)), None) => self.tree.text(value).map_or_else(Expr::opaque, named_condition),
            (Some((name, _, value)), None) => match name.strip_prefix("Fn::") {
                Some(function) => self.logic_of(function, value, depth, left),
                None => Expr::opaque(),
            },
            _ => Expr::opaque(),
        }
    }

    fn logic_of(&self, name: &str, at: At, depth: usize, left: &mut usize) -> Expr {
        let parts = self.tree.elements(at);
        match (name, parts) {
            ("Equals", [a, b]) => {
                Expr::Call("==".to_owned(), vec![self.value(*a, depth, left), self.value(*b, depth, left)])
            }
            ("Not", [a]) => Expr::Call("!".to_owned(), vec![self.logic(*a, depth, left)]),
            ("And" | "Or", all) if all.len() <= ELEMENTS => {
                let sign = if name == "And" { "&&" } else { "||" };
                Expr::Call(sign.to_owned(), all.iter().map(|a| self.logic(*a, depth, left)).collect())
            }
            ("Condition", _) => self.tree.text(at).map_or_else(Expr::opaque, named_condition),
            _ => Expr::opaque(),
        }
    }

    fn reference(&self, name: &str) -> Expr {
        match (name, self.names.resources.get(name)) {
            ("AWS::NoValue", _) => Expr::Null,
            (_, Some(of)) => Expr::Ref(vec![(*of).to_owned(), name.to_owned()]),
            _ => Expr::Ref(vec!["var".to_owned(), name.to_owned()]),
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Expr {
        if self.names.stacks.contains(&id) {
            let output = attribute.strip_prefix("Outputs.").unwrap_or(attribute);
            return Expr::Ref(["module", id, output].map(str::to_owned).into());
        }
        match self.names.resources.get(id) {
            Some(of) => Expr::Ref([*of, id, attribute].map(str::to_owned).into()),
            None => Expr::opaque(),
        }
    }

    /// `${Name}`, `${Resource.Attribute}`, `${!Literal}`.
    fn substitute(&self, pattern: &str, bound: &BTreeMap<&str, Expr>) -> Expr {
        let (mut parts, mut rest) = (Vec::new(), pattern);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else { break };
            if parts.len() + 2 > ELEMENTS {
                return Expr::opaque();
            }
            if !before.is_empty() {
                parts.push(literal(before.to_owned()));
            }
            parts.push(match (name.strip_prefix('!'), bound.get(name), name.split_once('.')) {
                (Some(plain), _, _) => literal(format!("${{{plain}}}")),
                (None, Some(value), _) => value.clone(),
                (None, None, Some((id, attribute))) if !name.starts_with("AWS::") => self.attribute(id, attribute),
                (None, None, _) => self.reference(name.trim()),
            });
            rest = tail;
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(literal(rest.to_owned()));
        }
        if parts.len() == 1 { parts.remove(0) } else { Expr::Template(parts) }
    }
}

fn named_condition(name: &str) -> Expr {
    Expr::Ref(vec!["local".to_owned(), condition(name)])
}

/// A scalar as YAML and CloudFormation read it: `true`, `True` and `"true"` are all truth to a property that wants one.
fn scalar(text: &str, quoted: bool) -> Expr {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if !quoted => Expr::Null,
        "True" | "TRUE" | "yes" | "Yes" | "on" | "On" if !quoted => Expr::Text("true".to_owned()),
        "False" | "FALSE" | "no" | "No" | "off" | "Off" if !quoted => Expr::Text("false".to_owned()),
        _ => literal(text.to_owned()),
    }
}
