//! Joins that are data: what a probe emits to be attached (a limiter's decorator, a check in a handler) becomes a guard of
//! the endpoints that it belongs to. It works on what all packs have linked, so it is the same for every language.

use ligase_domain::{LookedFile, Observation, Origin, RepoPath, Seen, Span, Value};
use std::collections::BTreeMap;

/// The link kind of what is to be attached: `emits`, `by`, `within` (the definition that it stands in), `values`.
pub(crate) const KIND: &str = "attach";
/// The joins that there are.
pub(crate) const JOINS: &[&str] = &["same-definition", "same-class", "module", "repository"];
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
    // What holds for every endpoint of a language, wherever it is written: a setting, a limit of the whole application.
    let far: Vec<(&str, &Seen)> = files
        .iter()
        .filter(|f| f.key.class.origin == Origin::Source)
        .flat_map(|f| f.observations.seen.iter().map(|s| (f.key.class.dialect.as_str(), s)))
        .filter(|(_, s)| s.kind == KIND && is_guard(s) && by(s) == Some("repository"))
        .collect();
    for endpoint in all.iter_mut().filter(|o| o.kind == "endpoint") {
        let language = endpoint.attributes.get("language").and_then(Value::as_text).unwrap_or_default().to_owned();
        far.iter().filter(|(dialect, _)| *dialect == language).for_each(|(_, seen)| add(seen, endpoint, "app"));
        for seen in held.get(&endpoint.place.path).into_iter().flatten() {
            if belongs(seen, endpoint) {
                add(seen, endpoint, "decorator");
            }
        }
    }
}

fn is_guard(seen: &Seen) -> bool {
    seen.attributes.get("emits").and_then(Value::as_text) == Some("guard")
}

fn by(seen: &Seen) -> Option<&str> {
    seen.attributes.get("by").and_then(Value::as_text)
}

fn belongs(seen: &Seen, endpoint: &Observation) -> bool {
    let inside = |span: &Span| span.start <= seen.span.start && seen.span.end <= span.end;
    match by(seen) {
        Some("repository") => false,
        Some("module") => true,
        Some("same-class") => endpoint.anchors.get("class").is_some_and(inside),
        // Decorators stand outside of the function where a table of paths names it.
        _ => {
            let handler = endpoint.attributes.get("handler").and_then(Value::as_text);
            inside(&endpoint.place.span)
                || endpoint.anchors.get("handler").is_some_and(inside)
                || handler
                    .is_some_and(|h| !h.is_empty() && seen.attributes.get("within").and_then(Value::as_text) == Some(h))
        }
    }
}

/// The guard, with everything that the probe captured of it. One that the pack saw under the same symbol, and knows
/// nothing more of, is the same guard; so is a limit that hangs in the same way and whose numbers nobody knows.
fn add(seen: &Seen, endpoint: &mut Observation, hangs: &str) {
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
    let limit = |known: &BTreeMap<String, Value>| {
        [&guard, known].iter().all(|g| text(g, "kind").as_deref() == Some("rate-limit"))
            && text(known, "from").as_deref() == Some(hangs)
            && known.len() <= PLAIN
    };
    let of = |is: &dyn Fn(&BTreeMap<String, Value>) -> bool| guards.iter().position(|g| g.as_map().is_some_and(is));
    let at = of(&same).or_else(|| of(&limit));
    let from = at.and_then(|at| guards[at].as_map()).and_then(|g| text(g, "from")).unwrap_or(hangs.to_owned());
    if let Some(symbol) = at.and_then(|at| guards[at].as_map()?.get("symbol").cloned()) {
        guard.insert("symbol".to_owned(), symbol);
    }
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
