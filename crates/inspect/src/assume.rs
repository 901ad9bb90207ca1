//! A short identity in place of a declaration: `data=phi,pii;exposure=internet;residency=eu;frameworks=hipaa`.
//!
//! It becomes the same document that a person would write as `dna.yaml` and is read by the same reader, so that a word that
//! the catalog does not know is refused with the nearest one. Names of keys are checked here. Next: `declared.rs`.

use ligase_document::DocumentError;
use ligase_policy::dna::Exposure;
use ligase_policy::{Catalog, Dna};
use serde_json::{Map, Value, json};

/// What errors call the place of a short identity.
pub const ASSUMED: &str = "--assume";

const KEYS: [&str; 6] = ["data", "exposure", "residency", "identity", "frameworks", "constraints"];

/// An assumed identity is at most this long.
const MAX_LENGTH: usize = 4_096;

/// Reads a short identity. Without frameworks and constraints every constraint of the catalog is asked for.
pub fn assume(text: &str, catalog: &Catalog) -> Result<Dna, Vec<DocumentError>> {
    if text.len() > MAX_LENGTH {
        let problem = format!("it has {} bytes, at most {MAX_LENGTH} are read", text.len());
        return Err(vec![DocumentError::whole("E-ASSUME-TOO-LARGE", ASSUMED, problem)]);
    }
    let (mut spec, mut problems) = (Map::new(), Vec::new());
    for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
        let Some((key, value)) = part.split_once('=').map(|(k, v)| (k.trim(), v.trim())) else {
            let problem = format!("{:?} is no key=value", ligase_document::shown(part));
            problems.push(
                DocumentError::whole("E-ASSUME-FORM", ASSUMED, problem).expected("data=phi,pii;exposure=internet"),
            );
            continue;
        };
        if !KEYS.contains(&key) {
            let problem = format!("unknown key {:?}", ligase_document::shown(key));
            problems.push(DocumentError::whole("E-ASSUME-UNKNOWN-KEY", ASSUMED, problem).among(key, KEYS));
            continue;
        }
        if spec.insert(key.to_owned(), spec_value(key, value)).is_some() {
            problems.push(DocumentError::whole("E-ASSUME-TWICE", ASSUMED, format!("{key} stands there twice")));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if !spec.contains_key("frameworks") && !spec.contains_key("constraints") {
        let all: Vec<Value> = catalog.constraints().keys().map(|id| json!({ "id": id })).collect();
        spec.insert("constraints".to_owned(), Value::Array(all));
    }
    let document = json!({
        "apiVersion": ligase_document::API_VERSION,
        "kind": "Service",
        "metadata": { "name": "assumed" },
        "spec": spec,
    });
    // JSON is YAML; places in it would mean nothing to whoever wrote the short form.
    Dna::read(ASSUMED, document.to_string().as_bytes(), catalog).map_err(|mut errors| {
        for error in &mut errors {
            (error.line, error.column) = (0, 0);
        }
        errors
    })
}

fn spec_value(key: &str, value: &str) -> Value {
    let items = value.split(',').map(str::trim).filter(|v| !v.is_empty());
    match key {
        "data" => items.map(|class| json!({ "class": class })).collect(),
        "constraints" => items.map(|id| json!({ "id": id })).collect(),
        "residency" | "frameworks" => items.collect(),
        _ => json!(value),
    }
}

/// The identity that asks for everything: every data class, reachable by everybody, every constraint.
pub fn everything(catalog: &Catalog) -> Dna {
    let text = format!("data={};exposure={}", catalog.data_classes().join(","), Exposure::Internet.name());
    assume(&text, catalog).expect("the catalog knows its own classes and constraints")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        Catalog::load(&ligase_catalog::shipped()).unwrap()
    }

    #[test]
    fn a_short_identity_is_a_declaration() {
        let dna = assume(" data=phi, pii ;exposure=internal;residency=eu;frameworks=hipaa", &catalog()).unwrap();
        assert_eq!(dna.data.keys().collect::<Vec<_>>(), ["phi", "pii"]);
        assert_eq!(dna.exposure, Exposure::Internal);
        assert!(dna.frameworks.contains_key("hipaa") && dna.constraints.is_empty());
        let open = assume("data=pii", &catalog()).unwrap();
        assert_eq!(open.constraints.len(), catalog().constraints().len());
        assert_eq!(everything(&catalog()).data.len(), catalog().data_classes().len());
    }

    #[test]
    fn what_is_wrong_is_named_with_the_nearest_word() {
        for (text, code, nearest) in [
            ("data", "E-ASSUME-FORM", ""),
            ("dat=phi", "E-ASSUME-UNKNOWN-KEY", "data"),
            ("data=phi;data=pii", "E-ASSUME-TWICE", ""),
            ("data=phii", "E-DNA-UNKNOWN-DATA-CLASS", "phi"),
            ("frameworks=hippa", "E-DNA-UNKNOWN-FRAMEWORK", "hipaa"),
        ] {
            let errors = assume(text, &catalog()).unwrap_err();
            assert_eq!((errors[0].code.as_str(), errors[0].nearest.as_str()), (code, nearest), "{text}");
            assert_eq!((errors[0].file.as_str(), errors[0].line), (ASSUMED, 0));
        }
        assert!(assume("exposure=public", &catalog()).is_err());
        assert!(assume("data=\"}, x: [", &catalog()).is_err());
    }
}
