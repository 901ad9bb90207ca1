//! A template's places with the values of its chart, and everything else with the file that it stands in. It joins what
//! looking at single files has seen and reads no text. Next: `../link.rs`, which joins other documents.

use super::{ASKED, Places, VALUE};
use ligase_domain::{LookedFile, Observation, PathClass, Place, Seen, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Values that name a place, by the way to them.
type Given<'a> = BTreeMap<&'a str, Vec<(&'a LookedFile, &'a Seen)>>;

impl Places {
    /// Observations of all files: each with its file, templates with the values of their chart.
    pub(in crate::documents) fn link(&self, files: &[&LookedFile]) -> Vec<Observation> {
        let (Some(own), Some(spec)) = (self.probe_id(), &self.spec) else { return Vec::new() };
        let mine = || {
            let all = files.iter().flat_map(|f| f.observations.seen.iter().map(move |seen| (*f, seen)));
            all.filter(|(_, seen)| seen.probe.id == own)
        };
        let mut given: Given<'_> = BTreeMap::new();
        for (file, seen) in mine().filter(|(_, seen)| seen.kind == VALUE) {
            given.entry(text_of(seen, "address")).or_default().push((file, seen));
        }
        let mut all = Vec::new();
        for (file, seen) in mine() {
            if seen.kind == spec.emits {
                all.push(observation(file, seen.clone(), address_of(file, seen), &[]));
            } else if seen.kind == ASKED {
                let taken = taken(&spec.emits, file, seen, &given);
                if taken.is_empty() {
                    let mut open = Seen { kind: spec.emits.clone(), ..seen.clone() };
                    open.attributes.remove("ref");
                    all.push(observation(file, open, address_of(file, seen), &[]));
                }
                all.extend(taken);
            }
        }
        all
    }
}

/// What a template takes from the values of its chart.
fn taken(emits: &str, file: &LookedFile, asked: &Seen, given: &Given<'_>) -> Vec<Observation> {
    let path = file.path.to_string();
    let chart = path.split_once("/templates/").map_or("", |(chart, _)| chart);
    let inside = |f: &LookedFile| {
        let other = f.path.to_string();
        chart.is_empty() || other.strip_prefix(chart).is_some_and(|rest| rest.starts_with('/'))
    };
    let given = given.get(text_of(asked, "ref")).into_iter().flatten().filter(|(from, _)| inside(from));
    given
        .map(|(from, value)| {
            let mut value = Seen { kind: emits.to_owned(), ..(*value).clone() };
            for name in ["what", "type"] {
                value.attributes.insert(name.to_owned(), Value::from(text_of(asked, name)));
            }
            value.attributes.insert("from".to_owned(), Value::from("variable-default"));
            observation(from, value, format!("{} ({})", address_of(file, asked), from.path), &[file])
        })
        .collect()
}

fn text_of<'s>(seen: &'s Seen, name: &str) -> &'s str {
    seen.attributes.get(name).and_then(Value::as_text).unwrap_or_default()
}

fn address_of(file: &LookedFile, seen: &Seen) -> String {
    address_in(&file.path.to_string(), text_of(seen, "address"), &file.key.class)
}

/// Manifests name what they place; values and templates are told apart by their file.
fn address_in(path: &str, address: &str, class: &PathClass) -> String {
    let told = class.dialect == "helm-values" || !address.contains('/');
    let all = if told { format!("{path}: {address}") } else { address.to_owned() };
    all.chars().take(300).collect()
}

fn observation(file: &LookedFile, seen: Seen, address: String, others: &[&LookedFile]) -> Observation {
    let mut attributes = seen.attributes;
    attributes.insert("address".to_owned(), Value::Text(address));
    attributes.insert("language".to_owned(), Value::from("yaml"));
    let mut sources: BTreeSet<_> = others.iter().map(|f| f.key.digest()).collect();
    sources.insert(file.key.digest());
    Observation {
        kind: seen.kind,
        attributes,
        place: Place { path: file.path.clone(), blob: file.key.blob, span: seen.span },
        class: file.key.class.clone(),
        anchors: seen.anchors,
        snippet: seen.snippet,
        probe: seen.probe,
        sources: sources.into_iter().collect(),
    }
}
