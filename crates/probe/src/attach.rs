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

/// The guard, with everything that the probe captured of it. One that the pack saw under the same symbol, and knows
/// nothing more of, is the same guard.
fn add(seen: &Seen, endpoint: &mut Observation) {
    let Some(Value::Map(values)) = seen.attributes.get("values") else { return };
    let mut guard = values.clone();
    for (name, value) in [("kind", "unknown".into()), ("symbol", "".into()), ("optional", Value::Bool(false))] {
        guard.entry(name.to_owned()).or_insert(value);
    }
    let Some(Value::List(guards)) = endpoint.attributes.get_mut("guards") else { return };
    let text = |of: &BTreeMap<String, Value>, name: &str| of.get(name).and_then(Value::as_text).map(str::to_owned);
    let same = |known: &BTreeMap<String, Value>| {
        let kinds = [text(known, "kind").unwrap_or_default(), text(&guard, "kind").unwrap_or_default()];
        known.get("symbol") == guard.get("symbol")
            && (kinds[0] == kinds[1] || matches!(kinds[0].as_str(), "unknown" | "other"))
            && known.len() <= PLAIN
    };
    let at = guards.iter().position(|g| g.as_map().is_some_and(same));
    let from = at.and_then(|at| guards[at].as_map()).and_then(|g| text(g, "from")).unwrap_or("decorator".to_owned());
    guard.entry("from".to_owned()).or_insert_with(|| from.into());
    match at {
        Some(at) => guards[at] = Value::Map(guard),
        None if guards.len() < MAX_GUARDS && !guards.contains(&Value::Map(guard.clone())) => {
            guards.push(Value::Map(guard));
        }
        None => {}
    }
}

/// The attributes that packs give every guard: kind, symbol, where it comes from, whether it is optional.
const PLAIN: usize = 4;
