//! Reading and writing the fields of a fact: typed access to a map of domain values, with an error that names the field.

use ligase_domain::{ClauseId, Digest, FindingId, Oid, RepositoryId, ServiceId, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// A field that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("E-FACT-FIELD: field `{field}` of a stored fact: {problem}")]
pub struct FieldError {
    /// Which field.
    pub field: String,
    /// What is wrong.
    pub problem: String,
}

/// A fact's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub BTreeMap<String, Value>);

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a field by its text.
    #[must_use]
    pub fn shown(self, name: &str, value: &impl ToString) -> Self {
        self.with(name, value.to_string())
    }

    /// Adds a field if there is a value.
    #[must_use]
    pub fn shown_if(self, name: &str, value: Option<&impl ToString>) -> Self {
        match value {
            Some(value) => self.shown(name, value),
            None => self,
        }
    }

    /// Adds a repository.
    #[must_use]
    pub fn repository(self, id: &RepositoryId) -> Self {
        self.with("forge", id.forge.as_str()).with("repository", id.stable.as_str())
    }

    /// Adds a service.
    #[must_use]
    pub fn service(self, id: &ServiceId) -> Self {
        self.repository(&id.repository).with("folder", id.folder.as_str())
    }

    /// Adds a list of texts.
    #[must_use]
    pub fn texts<T: ToString>(self, name: &str, list: impl IntoIterator<Item = T>) -> Self {
        let list: Vec<Value> = list.into_iter().map(|t| Value::Text(t.to_string())).collect();
        self.with(name, list)
    }

    /// Adds a list of field sets.
    #[must_use]
    pub fn rows(self, name: &str, rows: impl IntoIterator<Item = Fields>) -> Self {
        let list: Vec<Value> = rows.into_iter().map(|r| Value::Map(r.0)).collect();
        self.with(name, list)
    }

    fn wrong(field: &str, problem: &str) -> FieldError {
        FieldError { field: field.to_owned(), problem: problem.to_owned() }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<&str, FieldError> {
        self.0.get(name).and_then(Value::as_text).ok_or_else(|| Self::wrong(name, "expected a text"))
    }

    /// A text, or none when the field is absent.
    pub fn text_if(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_text)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<i64, FieldError> {
        self.0.get(name).and_then(Value::as_int).ok_or_else(|| Self::wrong(name, "expected a number"))
    }

    /// A truth.
    pub fn truth(&self, name: &str) -> Result<bool, FieldError> {
        self.0.get(name).and_then(Value::as_bool).ok_or_else(|| Self::wrong(name, "expected true or false"))
    }

    /// Anything that is parsed from its text.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<T, FieldError> {
        self.text(name)?.parse().map_err(|_| Self::wrong(name, "does not parse"))
    }

    /// Anything that is parsed from its text, or none when the field is absent.
    pub fn parsed_if<T: FromStr>(&self, name: &str) -> Result<Option<T>, FieldError> {
        self.0.contains_key(name).then(|| self.parsed(name)).transpose()
    }

    /// A repository.
    pub fn as_repository(&self) -> Result<RepositoryId, FieldError> {
        Ok(RepositoryId { forge: self.text("forge")?.to_owned(), stable: self.text("repository")?.to_owned() })
    }

    /// A service.
    pub fn as_service(&self) -> Result<ServiceId, FieldError> {
        Ok(ServiceId { repository: self.as_repository()?, folder: self.text("folder")?.to_owned() })
    }

    /// A clause.
    pub fn clause(&self, name: &str) -> Result<ClauseId, FieldError> {
        ClauseId::parse(self.text(name)?).ok_or_else(|| Self::wrong(name, "expected constraint/clause"))
    }

    /// A digest.
    pub fn digest(&self, name: &str) -> Result<Digest, FieldError> {
        self.parsed(name)
    }

    /// An object id.
    pub fn oid(&self, name: &str) -> Result<Oid, FieldError> {
        self.parsed(name)
    }

    /// A list of texts, each parsed.
    pub fn parsed_list<T: FromStr>(&self, name: &str) -> Result<Vec<T>, FieldError> {
        self.list(name)?
            .iter()
            .map(|v| {
                v.as_text().and_then(|t| t.parse().ok()).ok_or_else(|| Self::wrong(name, "an item does not parse"))
            })
            .collect()
    }

    /// A list of finding ids.
    pub fn findings(&self, name: &str) -> Result<Vec<FindingId>, FieldError> {
        Ok(self.parsed_list::<Digest>(name)?.into_iter().map(FindingId).collect())
    }

    /// A list of texts, empty where there is none.
    pub fn texts_if(&self, name: &str) -> Result<Vec<String>, FieldError> {
        if !self.0.contains_key(name) {
            return Ok(Vec::new());
        }
        let text = |v: &Value| v.as_text().map(str::to_owned).ok_or_else(|| Self::wrong(name, "an item is not a text"));
        self.list(name)?.iter().map(text).collect()
    }

    /// A list of field sets.
    pub fn as_rows(&self, name: &str) -> Result<Vec<Fields>, FieldError> {
        self.list(name)?
            .iter()
            .map(|v| v.as_map().cloned().map(Fields).ok_or_else(|| Self::wrong(name, "an item is not a map")))
            .collect()
    }

    fn list(&self, name: &str) -> Result<&[Value], FieldError> {
        self.0.get(name).and_then(Value::as_list).ok_or_else(|| Self::wrong(name, "expected a list"))
    }
}
