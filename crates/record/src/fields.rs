//! Taking apart the objects of records, with errors that name record, field and expectation.
//!
//! Taking a field removes it, so that what is left are the unknown ones, which are kept. Read `stored.rs` next.

use crate::RecordError;
use crate::error::FIELD;
use crate::tree::{Members, Tree, named};
use ligase_domain::{ClauseId, Digest, Oid, PathClass, Place, RepoPath, ServiceId, Span, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

/// An object that is being taken apart.
pub(crate) struct Fields<'a> {
    record: &'static str,
    /// The names of the objects around it; in the items of a list, of those below the item.
    at: Vec<&'static str>,
    members: Members<'a>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(record: &'static str, value: Tree<'a>) -> Result<Self, RecordError> {
        Self::nested(record, Vec::new(), value)
    }

    fn nested(record: &'static str, at: Vec<&'static str>, value: Tree<'a>) -> Result<Self, RecordError> {
        match value {
            Tree::Map(members) => Ok(Self { record, at, members }),
            other => Err(RecordError::new(FIELD, record, at.join("."), "an object", other.kind())),
        }
    }

    /// The unknown fields: what nobody took.
    pub(crate) fn rest(self) -> BTreeMap<String, Value> {
        named(self.members).collect()
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at.join(".")) }
    }

    pub(crate) fn refuse(&self, name: &str, expected: impl Into<String>, found: impl Into<String>) -> RecordError {
        RecordError::new(FIELD, self.record, self.path_of(name), expected, found)
    }

    fn find(&mut self, name: &str) -> Option<Tree<'a>> {
        let at = self.members.iter().position(|(known, _)| known == name)?;
        Some(self.members.swap_remove(at).1)
    }

    fn take(&mut self, name: &str, expected: &str) -> Result<Tree<'a>, RecordError> {
        self.find(name).ok_or_else(|| self.refuse(name, expected, "nothing"))
    }

    fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(known, _)| known == name)
    }

    fn told(&mut self, name: &str) -> Result<Cow<'a, str>, RecordError> {
        match self.take(name, "text")? {
            Tree::Text(text) => Ok(text),
            other => Err(self.refuse(name, "text", other.kind())),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, RecordError> {
        self.told(name).map(Cow::into_owned)
    }

    pub(crate) fn bool(&mut self, name: &str) -> Result<bool, RecordError> {
        match self.take(name, "true or false")? {
            Tree::Bool(b) => Ok(b),
            other => Err(self.refuse(name, "true or false", other.kind())),
        }
    }

    /// An integer that fits the wanted type.
    pub(crate) fn int<N: TryFrom<i64>>(&mut self, name: &str) -> Result<N, RecordError> {
        let expected = || format!("an integer that fits {}", std::any::type_name::<N>());
        match self.find(name) {
            Some(Tree::Int(i)) => N::try_from(i).map_err(|_| self.refuse(name, expected(), i.to_string())),
            Some(other) => Err(self.refuse(name, expected(), other.kind())),
            None => Err(self.refuse(name, expected(), "nothing")),
        }
    }

    /// A text in the form of `T`, such as a digest in hex.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<T, RecordError> {
        let text = self.told(name)?;
        text.parse().map_err(|_| self.refuse(name, expected, text))
    }

    /// A text that `parse` knows.
    pub(crate) fn word<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, RecordError> {
        let text = self.told(name)?;
        parse(&text).ok_or_else(|| self.refuse(name, expected, text))
    }

    pub(crate) fn digest(&mut self, name: &str) -> Result<Digest, RecordError> {
        self.parsed(name, "64 lower-case hex digits")
    }

    pub(crate) fn oid(&mut self, name: &str) -> Result<Oid, RecordError> {
        self.parsed(name, "40 or 64 lower-case hex digits")
    }

    /// A path in the one form in which it is written.
    pub(crate) fn path(&mut self, name: &str) -> Result<RepoPath, RecordError> {
        self.word(name, "a path in its escaped form", |text| {
            let path = RepoPath::from_escaped(text);
            (path.to_string() == text).then_some(path)
        })
    }

    pub(crate) fn clause(&mut self, name: &str) -> Result<ClauseId, RecordError> {
        self.word(name, "constraint/clause", ClauseId::parse)
    }

    pub(crate) fn class(&mut self, name: &str) -> Result<PathClass, RecordError> {
        self.word(name, "dialect/origin", PathClass::parse)
    }

    /// The field as read by `read`, when it is there.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordError> {
        if self.has(name) { read(self, name).map(Some) } else { Ok(None) }
    }

    fn list(&mut self, name: &str) -> Result<Vec<Tree<'a>>, RecordError> {
        match self.take(name, "a list")? {
            Tree::List(list) => Ok(list),
            other => Err(self.refuse(name, "a list", other.kind())),
        }
    }

    pub(crate) fn map(&mut self, name: &str) -> Result<BTreeMap<String, Value>, RecordError> {
        self.named(name).map(|members| named(members).collect())
    }

    fn named(&mut self, name: &str) -> Result<Members<'a>, RecordError> {
        match self.take(name, "an object")? {
            Tree::Map(members) => Ok(members),
            other => Err(self.refuse(name, "an object", other.kind())),
        }
    }

    pub(crate) fn object(&mut self, name: &'static str) -> Result<Self, RecordError> {
        let value = self.take(name, "an object")?;
        let mut at = Vec::with_capacity(self.at.len() + 1);
        at.extend_from_slice(&self.at);
        at.push(name);
        Self::nested(self.record, at, value)
    }

    /// A list of objects, each read by `read`.
    pub(crate) fn each<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let list = self.list(name)?;
        let mut item = |value| read(&mut Self::nested(self.record, Vec::new(), value)?);
        let within = |i: usize| format!("{}[{i}]", self.path_of(name));
        list.into_iter().enumerate().map(|(i, value)| item(value).map_err(|e| e.within(&within(i)))).collect()
    }

    /// An object whose members are objects, each read by `read`.
    pub(crate) fn each_named<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<BTreeMap<String, T>, RecordError> {
        let members = self.named(name)?;
        let mut member = |value| read(&mut Self::nested(self.record, Vec::new(), value)?);
        members
            .into_iter()
            .map(|(key, value)| match member(value) {
                Ok(read) => Ok((key.into_owned(), read)),
                Err(error) => Err(error.within(&format!("{}.{key}", self.path_of(name)))),
            })
            .collect()
    }

    /// A list of texts, each made into what it stands for.
    fn texts_as<T>(
        &mut self,
        name: &str,
        mut make: impl FnMut(&Self, Cow<'a, str>) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let list = self.list(name)?;
        list.into_iter()
            .enumerate()
            .map(|(i, value)| match value {
                Tree::Text(text) => make(self, text),
                other => Err(self.refuse(&format!("{name}[{i}]"), "text", other.kind())),
            })
            .collect()
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, RecordError> {
        self.texts_as(name, |_, text| Ok(text.into_owned()))
    }

    /// A list of digests.
    pub(crate) fn digest_list(&mut self, name: &str) -> Result<Vec<Digest>, RecordError> {
        self.texts_as(name, |fields, text| {
            text.parse().map_err(|_| fields.refuse(name, "64 lower-case hex digits", text))
        })
    }

    /// An object whose members are digests.
    pub(crate) fn digest_map(&mut self, name: &str) -> Result<BTreeMap<String, Digest>, RecordError> {
        let digest = |value: &Tree<'_>| if let Tree::Text(text) = value { text.parse().ok() } else { None };
        self.named(name)?
            .into_iter()
            .map(|(key, value)| match digest(&value) {
                Some(digest) => Ok((key.into_owned(), digest)),
                None => Err(self.refuse(&format!("{name}.{key}"), "64 lower-case hex digits", value.kind())),
            })
            .collect()
    }

    pub(crate) fn span(&mut self, name: &'static str) -> Result<Span, RecordError> {
        self.object(name)?.span_members()
    }

    /// The members of a span, of the object itself.
    pub(crate) fn span_members(&mut self) -> Result<Span, RecordError> {
        Ok(Span {
            start: self.int("start")?,
            end: self.int("end")?,
            line: self.int("line")?,
            end_line: self.int("endLine")?,
        })
    }

    pub(crate) fn place(&mut self, name: &'static str) -> Result<Place, RecordError> {
        let mut fields = self.object(name)?;
        Ok(Place { path: fields.path("path")?, blob: fields.oid("blob")?, span: fields.span("span")? })
    }

    pub(crate) fn service(&mut self, name: &'static str) -> Result<ServiceId, RecordError> {
        let mut fields = self.object(name)?;
        let repository =
            ligase_domain::RepositoryId { forge: fields.text("forge")?, stable: fields.text("repository")? };
        Ok(ServiceId { repository, folder: fields.text("folder")? })
    }
}
