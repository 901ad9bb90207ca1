//! Fields of JPA: entities, mapped superclasses and embeddables, with converters, column transformers and types. Next:
//! `does.rs`.

use super::declared::Declared;
use super::{classes, protects};
use crate::code::Reading;
use crate::code::model::{Annotation, Class, ExprKind, Field, Type};

/// Annotations that make a class's fields stored.
const STORED: &[&str] = &["Entity", "MappedSuperclass", "Embeddable"];
/// What refers to other rows, or is not stored.
const NOT_HERE: &[&str] =
    &["Transient", "OneToMany", "ManyToOne", "OneToOne", "ManyToMany", "Embedded", "EmbeddedId", "Formula", "Version"];

pub(super) fn declared(reading: &Reading<'_, '_>, out: &mut Vec<Declared>) {
    for class in classes(&reading.module.body) {
        let last = |a: &Annotation<'_>| a.name.rsplit('.').next().unwrap_or_default().to_owned();
        // Entities of other mappers have the name and not the package.
        let stored = class.annotations.iter().any(|a| STORED.contains(&last(a).as_str()));
        let jpa = |m: &str| m.starts_with("javax.persistence") || m.starts_with("jakarta.persistence");
        let imported =
            reading.module.imports.iter().any(|i| jpa(&i.module)) || class.annotations.iter().any(|a| jpa(&a.name));
        if stored && imported {
            class.fields.iter().for_each(|f| out.extend(field(reading, class, f)));
        }
    }
}

fn field(reading: &Reading<'_, '_>, class: &Class<'_>, field: &Field<'_>) -> Option<Declared> {
    let head = reading.text.get(field.at.start as usize..field.at.end as usize)?;
    let head = head.split('=').next().unwrap_or(head);
    let modified = |word: &str| head.split_whitespace().any(|w| w == word);
    if modified("static") || modified("transient") {
        return None;
    }
    let getter = |m: &&crate::code::model::Function<'_>| {
        m.params.is_empty() && m.name.strip_prefix("get").is_some_and(|n| n.eq_ignore_ascii_case(field.name))
    };
    let on_getter = class.methods.iter().find(getter).map(|m| m.annotations.as_slice()).unwrap_or_default();
    let annotations: Vec<&Annotation<'_>> = field.annotations.iter().chain(on_getter).collect();
    let ty = field.ty.as_ref()?;
    let mut declared = Declared {
        owner: class.name.to_owned(),
        name: field.name.to_owned(),
        ty: shown(ty),
        store: "jpa",
        at: field.at,
        ty_at: Some(ty.at),
        owner_at: class.name_at,
        ..Declared::default()
    };
    let inner =
        ty.args.first().filter(|_| matches!(ty.name.as_ref(), "[]" | "List" | "Set" | "Collection" | "Optional"));
    let basic = inner.unwrap_or(ty).name.rsplit('.').next().unwrap_or_default().to_owned();
    declared.binary = ty.name == "[]" && basic == "byte" || basic == "Blob";
    if !declared.binary && !reading.vocabulary.encryption.plain_types.contains(&basic) {
        declared.named_type = Some(basic);
    }
    for annotation in annotations {
        let name = annotation.name.rsplit('.').next().unwrap_or_default();
        if NOT_HERE.contains(&name) {
            return None;
        }
        annotated(reading, annotation, name, &mut declared);
    }
    Some(declared)
}

/// What an annotation says of how the value is written.
fn annotated(reading: &Reading<'_, '_>, annotation: &Annotation<'_>, name: &str, declared: &mut Declared) {
    let given = |key: &str| annotation.args.iter().find(|a| a.name == Some(key)).map(|a| &a.value);
    let class_of = |e: &crate::code::model::Expr<'_>| match &e.kind {
        ExprKind::Member(of, "class") => of.dotted().map(|d| d.into_owned()),
        _ => e.text().map(str::to_owned).or_else(|| e.dotted().map(|d| d.into_owned())),
    };
    match name {
        "Convert" => declared.through.extend(given("converter").and_then(class_of)),
        "Type" => {
            let value = given("type").or(given("value")).or(annotation.args.first().map(|a| &a.value));
            match value.and_then(class_of) {
                Some(name) => declared.through.push(name),
                None => declared.unclear = true,
            }
        }
        "ColumnTransformer" => {
            let write = given("write");
            let text = write.and_then(|w| match &w.kind {
                ExprKind::Concat(parts) => Some(parts.iter().filter_map(|p| p.text()).collect::<Vec<_>>().join(" ")),
                _ => w.text().map(str::to_owned),
            });
            match text {
                Some(text) => {
                    let call = text.split('(').next().unwrap_or_default().trim().to_owned();
                    declared.says = protects(reading.vocabulary, &call).map(|d| (d, call));
                }
                None => declared.unclear |= write.is_some(),
            }
        }
        "Column" => declared.column = given("name").and_then(|n| n.text()).unwrap_or_default().to_owned(),
        "Id" | "NotNull" | "Size" | "Basic" | "Lob" => {}
        // `@Encrypted`, and what a repository calls its own.
        _ => {
            if protects(reading.vocabulary, name) == Some("yes") {
                declared.says = Some(("yes", name.to_owned()));
            }
        }
    }
}

/// A type with its arguments.
pub(super) fn shown(ty: &Type<'_>) -> String {
    let args: Vec<&str> = ty.args.iter().map(|a| a.name.as_ref()).collect();
    match (ty.name.as_ref(), args.as_slice()) {
        ("[]", [of]) => format!("{of}[]"),
        (name, []) => name.to_owned(),
        (name, args) => format!("{name}<{}>", args.join(", ")),
    }
}
