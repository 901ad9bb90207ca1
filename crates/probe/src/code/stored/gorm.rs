//! Structs of GORM: those with its tags or its model. Next: `does.rs`.

use super::classes;
use super::declared::Declared;
use super::jpa::shown;
use crate::code::Reading;
use crate::code::model::{Class, Field};

/// Serializers that come with it and keep a value readable.
const PLAIN_SERIALIZERS: &[&str] = &["json", "gob", "unixtime"];

pub(super) fn declared(reading: &Reading<'_, '_>, out: &mut Vec<Declared>) {
    for class in classes(&reading.module.body) {
        let model = class.bases.iter().any(|b| b.name == "gorm.Model");
        if model || class.fields.iter().any(|f| setting(f.tag, "gorm").is_some()) {
            class.fields.iter().for_each(|f| out.extend(field(reading, class, f)));
        }
    }
}

/// The value of a key in a struct's tag.
pub(super) fn setting<'t>(tag: &'t str, key: &str) -> Option<&'t str> {
    let mut rest = tag;
    while let Some((name, behind)) = rest.split_once(":\"") {
        let (value, after) = behind.split_once('"')?;
        if name.trim() == key {
            return Some(value);
        }
        rest = after;
    }
    None
}

fn field(reading: &Reading<'_, '_>, class: &Class<'_>, field: &Field<'_>) -> Option<Declared> {
    let tag = setting(field.tag, "gorm").unwrap_or_default();
    let parts: Vec<(&str, &str)> = tag.split(';').map(|p| p.split_once(':').unwrap_or((p, ""))).collect();
    let named = |key: &str| parts.iter().find(|(k, _)| k.trim().eq_ignore_ascii_case(key)).map(|(_, v)| v.trim());
    let refers = ["foreignKey", "references", "many2many", "polymorphic", "embedded", "-"];
    if refers.iter().any(|key| named(key).is_some()) || !field.name.starts_with(char::is_uppercase) {
        return None;
    }
    let ty = field.ty.as_ref()?;
    let inner = if ty.name == "[]" { ty.args.first()? } else { ty };
    let last = inner.name.rsplit('.').next().unwrap_or_default();
    let column = named("type").unwrap_or_default().to_ascii_lowercase();
    let mut declared = Declared {
        owner: class.name.to_owned(),
        name: field.name.to_owned(),
        ty: shown(ty),
        store: "gorm",
        at: field.at,
        ty_at: Some(ty.at),
        owner_at: class.name_at,
        column: named("column").unwrap_or_default().to_owned(),
        binary: ty.name == "[]" && last == "byte" || ["bytea", "blob", "binary"].iter().any(|b| column.contains(b)),
        ..Declared::default()
    };
    if !declared.binary && ty.name != "map" && !reading.vocabulary.encryption.plain_types.iter().any(|t| t == last) {
        declared.named_type = Some(inner.name.to_string());
    }
    match named("serializer") {
        Some(name) if !PLAIN_SERIALIZERS.contains(&name) => {
            declared.through.push(format!("serializer {name}"));
        }
        _ => {}
    }
    if let Some(of) = &declared.named_type {
        declared.through.push(of.clone());
    }
    Some(declared)
}
