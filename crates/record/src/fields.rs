//! Taking apart the objects of records, with errors that name record, field and expectation.
//!
//! Taking a field removes it, so that what is left are the unknown ones, which are kept. Read `stored.rs` next.

use crate::RecordError;
use crate::error::FIELD;
use ligase_domain::{ClauseId, Digest, Oid, PathClass, Place, RepoPath, ServiceId, Span, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// An object that is being taken apart.
pub(crate) struct Fields {
    record: &'static str,
    /// The names of the objects around it; in the items of a list, of those below the item.
    at: Vec<&'static str>,
    map: BTreeMap<String, Value>,
}

impl Fields {
    pub(crate) fn new(record: &'static str, value: Value) -> Result<Self, RecordError> {
        Self::nested(record, Vec::new(), value)
    }

    fn nested(record: &'static str, at: Vec<&'static str>, value: Value) -> Result<Self, RecordError> {
        match value {
            Value::Map(map) => Ok(Self { record, at, map }),
            other => Err(RecordError::new(FIELD, record, at.join("."), "an object", kind_of(&other))),
        }
    }

    /// The unknown fields: what nobody took.
    pub(crate) fn rest(self) -> BTreeMap<String, Value> {
        self.map
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at.join(".")) }
    }

    pub(crate) fn refuse(&self, name: &str, expected: impl Into<String>, found: impl Into<String>) -> RecordError {
        RecordError::new(FIELD, self.record, self.path_of(name), expected, found)
    }

    fn take(&mut self, name: &str, expected: &str) -> Result<Value, RecordError> {
        self.map.remove(name).ok_or_else(|| self.refuse(name, expected, "nothing"))
    }

    fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, RecordError> {
        match self.take(name, "text")? {
            Value::Text(text) => Ok(text),
            other => Err(self.refuse(name, "text", kind_of(&other))),
        }
    }

    pub(crate) fn bool(&mut self, name: &str) -> Result<bool, RecordError> {
        match self.take(name, "true or false")? {
            Value::Bool(b) => Ok(b),
            other => Err(self.refuse(name, "true or false", kind_of(&other))),
        }
    }

    /// An integer that fits the wanted type.
    pub(crate) fn int<N: TryFrom<i64>>(&mut self, name: &str) -> Result<N, RecordError> {
        let expected = || format!("an integer that fits {}", std::any::type_name::<N>());
        match self.map.remove(name) {
            Some(Value::Int(i)) => N::try_from(i).map_err(|_| self.refuse(name, expected(), i.to_string())),
            Some(other) => Err(self.refuse(name, expected(), kind_of(&other))),
            None => Err(self.refuse(name, expected(), "nothing")),
        }
    }

    /// A text in the form of `T`, such as a digest in hex.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<T, RecordError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| self.refuse(name, expected, text))
    }

    /// A text that `parse` knows.
    pub(crate) fn word<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, RecordError> {
        let text = self.text(name)?;
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

    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Value>, RecordError> {
        match self.take(name, "a list")? {
            Value::List(list) => Ok(list),
            other => Err(self.refuse(name, "a list", kind_of(&other))),
        }
    }

    pub(crate) fn map(&mut self, name: &str) -> Result<BTreeMap<String, Value>, RecordError> {
        match self.take(name, "an object")? {
            Value::Map(map) => Ok(map),
            other => Err(self.refuse(name, "an object", kind_of(&other))),
        }
    }

    pub(crate) fn object(&mut self, name: &'static str) -> Result<Fields, RecordError> {
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
        mut read: impl FnMut(&mut Fields) -> Result<T, RecordError>,
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
        mut read: impl FnMut(&mut Fields) -> Result<T, RecordError>,
    ) -> Result<BTreeMap<String, T>, RecordError> {
        let map = self.map(name)?;
        let mut member = |value| read(&mut Self::nested(self.record, Vec::new(), value)?);
        map.into_iter()
            .map(|(key, value)| match member(value) {
                Ok(read) => Ok((key, read)),
                Err(error) => Err(error.within(&format!("{}.{key}", self.path_of(name)))),
            })
            .collect()
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, RecordError> {
        let list = self.list(name)?;
        list.into_iter()
            .enumerate()
            .map(|(i, value)| match value {
                Value::Text(text) => Ok(text),
                other => Err(self.refuse(&format!("{name}[{i}]"), "text", kind_of(&other))),
            })
            .collect()
    }

    /// A list of digests.
    pub(crate) fn digest_list(&mut self, name: &str) -> Result<Vec<Digest>, RecordError> {
        self.texts(name)?
            .into_iter()
            .map(|text| text.parse().map_err(|_| self.refuse(name, "64 lower-case hex digits", text)))
            .collect()
    }

    /// An object whose members are digests.
    pub(crate) fn digest_map(&mut self, name: &str) -> Result<BTreeMap<String, Digest>, RecordError> {
        self.map(name)?
            .into_iter()
            .map(|(key, value)| match value.as_text().and_then(|text| text.parse().ok()) {
                Some(digest) => Ok((key, digest)),
                None => Err(self.refuse(&format!("{name}.{key}"), "64 lower-case hex digits", kind_of(&value))),
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

/// What a value is, for a message.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        Value::List(list) => format!("a list of {}", list.len()),
        Value::Map(map) => format!("an object of {}", map.len()),
    }
}
