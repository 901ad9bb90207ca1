//! Building the objects of records: trees that borrow what they are made of and live until they are written.
//!
//! Storing an assessment writes hundreds of findings with dozens of members each; to copy every name and text into an owned
//! value first was most of what adopting a framework cost. Absent optional fields are left out, never null. Taking objects
//! apart is the business of `fields.rs`; how a tree becomes bytes, of `canonical.rs`.

use ligase_domain::{Digest, Place, ServiceId, Span, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A value on its way to canonical bytes.
pub(crate) enum Node<'a> {
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Object<'a>),
    /// A value that exists already.
    Value(&'a Value),
    /// The members of one.
    Members(&'a BTreeMap<String, Value>),
}

/// An object that is being built; a name is given once.
#[derive(Default)]
pub(crate) struct Object<'a>(pub(crate) Vec<(Cow<'a, str>, Node<'a>)>);

impl<'a> Object<'a> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Node<'a>>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    pub(crate) fn with_some(self, name: &'a str, value: Option<impl Into<Node<'a>>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A field whose value is a list of what `each` makes of the items.
    pub(crate) fn with_each<T, V: Into<Node<'a>>>(
        self,
        name: &'a str,
        items: &'a [T],
        each: impl Fn(&'a T) -> V,
    ) -> Self {
        self.with(name, Node::List(items.iter().map(|item| each(item).into()).collect()))
    }

    /// With fields that this version does not know; a known one of the same name wins.
    pub(crate) fn with_extra(mut self, extra: &'a BTreeMap<String, Value>) -> Self {
        let known = self.0.len();
        for (name, value) in extra {
            if !self.0[..known].iter().any(|(have, _)| have == name) {
                self.0.push((name.as_str().into(), value.into()));
            }
        }
        self
    }
}

impl<'a> From<Object<'a>> for Node<'a> {
    fn from(object: Object<'a>) -> Self {
        Self::Map(object)
    }
}

impl<'a> From<&'a str> for Node<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Node<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Node<'_> {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Node<'_> {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl<'a> From<Vec<Node<'a>>> for Node<'a> {
    fn from(list: Vec<Node<'a>>) -> Self {
        Self::List(list)
    }
}

impl<'a> From<&'a Value> for Node<'a> {
    fn from(value: &'a Value) -> Self {
        Self::Value(value)
    }
}

impl<'a> From<&'a BTreeMap<String, Value>> for Node<'a> {
    fn from(members: &'a BTreeMap<String, Value>) -> Self {
        Self::Members(members)
    }
}

/// A count as a value. What does not fit becomes a number that the canonical writer refuses.
pub(crate) fn count(n: u64) -> Node<'static> {
    Node::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

/// A map of digests by name as a value.
pub(crate) fn digests(map: &BTreeMap<String, Digest>) -> Object<'_> {
    Object(map.iter().map(|(name, digest)| (name.as_str().into(), digest.to_string().into())).collect())
}

pub(crate) fn span_value(span: &Span) -> Object<'static> {
    let n = |n: u32| i64::from(n);
    Object::new()
        .with("start", n(span.start))
        .with("end", n(span.end))
        .with("line", n(span.line))
        .with("endLine", n(span.end_line))
}

pub(crate) fn place_value(place: &Place) -> Object<'_> {
    Object::new()
        .with("path", place.path.to_string())
        .with("blob", place.blob.to_string())
        .with("span", span_value(&place.span))
}

pub(crate) fn service_value(service: &ServiceId) -> Object<'_> {
    Object::new()
        .with("forge", service.repository.forge.as_str())
        .with("repository", service.repository.stable.as_str())
        .with("folder", service.folder.as_str())
}
