//! A record's values as they were read: texts without escapes stay where they are in its bytes until a field takes them.
//! Refuses to know what the members mean; read `fields.rs` next.

use ligase_domain::Value;
use std::borrow::Cow;

/// Members of an object in canonical order, each once.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Tree<'a>)>;

/// A value of canonical text.
pub(crate) enum Tree<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Values in order.
    List(Vec<Tree<'a>>),
    /// Values by name.
    Map(Members<'a>),
}

impl Tree<'_> {
    /// The value, with texts of its own.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::Int(i),
            Self::Text(text) => Value::Text(text.into_owned()),
            Self::List(list) => Value::List(list.into_iter().map(Self::into_value).collect()),
            Self::Map(members) => Value::Map(named(members).collect()),
        }
    }

    /// What it is, for a message.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Bool(b) => b.to_string(),
            Self::Int(i) => i.to_string(),
            Self::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
            Self::List(list) => format!("a list of {}", list.len()),
            Self::Map(members) => format!("an object of {}", members.len()),
        }
    }
}

/// Members as values of their own.
pub(crate) fn named(members: Members<'_>) -> impl Iterator<Item = (String, Value)> {
    members.into_iter().map(|(name, value)| (name.into_owned(), value.into_value()))
}
