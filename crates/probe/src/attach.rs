//! Joins that are data: what a probe emits to be attached (a limiter's decorator, a check in a handler) becomes a guard of
//! the endpoints that it belongs to. It works on what all packs have linked, so it is the same for every language.

use ligase_domain::{LookedFile, Observation, RepoPath, Seen, Span, Value};
use std::collections::BTreeMap;

/// The link kind of what is to be attached: `emits`, `by`, `values`.
pub(crate) const KIND: &str = "attach";
/// The joins that there are.
pub(crate) const JOINS: &[&str] = &["same-definition", "same-class", "module"];
/// Guards of one endpoint; more are not told.
const MAX_GUARDS: usize = 24;

/// Attaches what the files hold to the endpoints of the same files.
pub(crate) fn attach(files: &[LookedFile], all: &mut [Observation]) {
    let mut held: BTreeMap<&RepoPath, Vec<&Seen>> = BTreeMap::new();
    for file in files {
        let some: Vec<&Seen> = file.observations.seen.iter().filter(|s| s.kind == KIND && is_guard(s)).collect();
        if !some.is_empty() {
            held.insert(&file.path, some);
        }
    }
    if held.is_empty() {
        return;
    }
    for endpoint in all.iter_mut().filter(|o| o.kind == "endpoint") {
        for seen in held.get(&endpoint.place.path).into_iter().flatten() {
            if belongs(seen, endpoint) {
                add(seen, endpoint);
            }
        }
    }
}

fn is_guard(seen: &Seen) -> bool {
    seen.attributes.get("emits").and_then(Value::as_text) == Some("guard")
}

fn belongs(seen: &Seen, endpoint: &Observation) -> bool {
    let inside = |span: &Span| span.start <= seen.span.start && seen.span.end <= span.end;
    match seen.attributes.get("by").and_then(Value::as_text) {
        Some("module") => true,
        Some("same-class") => endpoint.anchors.get("class").is_some_and(inside),
        _ => inside(&endpoint.place.span) || endpoint.anchors.get("handler").is_some_and(inside),
    }
}

/// The guard, with everything that the probe captured of it. One that the pack saw under the same symbol and did not
/// recognise is the same guard.
fn add(seen: &Seen, endpoint: &mut Observation) {
    let Some(Value::Map(values)) = seen.attributes.get("values") else { return };
    let mut guard = values.clone();
    guard.entry("kind".to_owned()).or_insert_with(|| "unknown".into());
    guard.entry("symbol".to_owned()).or_insert_with(|| "".into());
    guard.entry("from".to_owned()).or_insert_with(|| "decorator".into());
    guard.entry("optional".to_owned()).or_insert(Value::Bool(false));
    let Some(Value::List(guards)) = endpoint.attributes.get_mut("guards") else { return };
    let symbol = guard.get("symbol").cloned();
    guards.retain(|g| {
        let Value::Map(known) = g else { return true };
        known.get("symbol") != symbol.as_ref()
            || !matches!(known.get("kind").and_then(Value::as_text), Some("unknown" | "other"))
    });
    let guard = Value::Map(guard);
    if guards.len() < MAX_GUARDS && !guards.contains(&guard) {
        guards.push(guard);
    }
}
