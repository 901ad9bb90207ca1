//! What the neighbours of a subject have before their handlers, as their file writes it: a decorator, an annotation or an
//! argument that is put before the subject in the same bytes. Nothing is looked for in other files, so that no name is
//! missing.
//!
//! Neighbours are endpoints of the same file that are called in the same manner (reading or changing). Where most of them
//! stand open, the subject is meant to; where they are guarded in different ways, a person chooses; where the subject is
//! marked as public, somebody chose. Next: `known.rs`, which asks, and `clike/visible.rs`.

use crate::clike;
use crate::format::{Form, Need, Witness};
use crate::known::Known;
use crate::needs::Candidate;
use crate::python;
use crate::source::{Refusal, SourceText};
use ligase_domain::{Observation, Origin, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The longest text that is written again.
const MAX_WRITTEN: usize = 160;
/// Words of a marker that opens an endpoint, or of a guard that lets everybody pass.
const OPEN: &[&str] =
    &["public", "anonymous", "noauth", "no_auth", "skipauth", "skip_auth", "allowany", "permitall", "optional"];

/// What a place of the file has written before a handler.
struct Written {
    text: String,
    at: usize,
    /// Its dotted names: its own, and those of what it is given.
    names: Vec<String>,
}

/// Looks for what the neighbours of `subject` write, or says why nothing is taken over.
pub(crate) fn beside(
    known: &Known<'_>,
    need: &Need,
    witness: &Witness,
    form: Form,
    subject: &Observation,
) -> Result<Candidate, Refusal> {
    let none = || Refusal {
        reason: need.none.clone().unwrap_or_else(|| "not-found".into()).into(),
        detail: subject.place.path.to_string(),
    };
    let (_, source) = known.source(&subject.place.path)?;
    let own = written(&source, subject, form)?;
    let marked = |w: &&Written| w.names.iter().any(|n| OPEN.iter().any(|o| n.to_lowercase().contains(o)));
    if let Some(mark) = own.iter().find(marked) {
        return Err(Refusal::new("marked-as-public", mark.text.clone()));
    }
    let peers = peers(known, witness, subject);
    let guards: Vec<BTreeSet<&str>> = peers.iter().map(|p| symbols(known, need, witness, p)).collect();
    let guarded = guards.iter().filter(|g| !g.is_empty()).count();
    if guarded == 0 {
        return Err(none());
    }
    let open = peers.iter().filter(|p| !is_guarded(p, witness)).count();
    if open + 1 > guarded {
        let detail = format!("{} of {} neighbours in {} are open too", open, peers.len(), subject.place.path);
        return Err(Refusal::new("neighbours-are-open-too", detail));
    }
    let mut texts: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
    for (peer, guards) in peers.iter().zip(&guards).filter(|(_, g)| !g.is_empty()) {
        for (symbol, one) in own_of(&source, peer, witness, guards, form)? {
            let entry = texts.entry(one.text).or_insert((0, one.at, symbol));
            entry.0 += 1;
        }
    }
    if texts.is_empty() && form == Form::Argument {
        let all: BTreeSet<&str> = guards.iter().flatten().copied().collect();
        texts = used_on_routers(&source, &all)?;
    }
    let total: usize = texts.values().map(|t| t.0).sum();
    let Some((text, (_, at, symbol))) = texts.iter().find(|(_, (n, ..))| n * 2 > total) else {
        let several = need.several.clone().unwrap_or_else(|| "ambiguous".into());
        let shown = texts.keys().take(6).cloned().collect::<Vec<_>>().join(", ");
        return Err(if texts.is_empty() { none() } else { Refusal { reason: several.into(), detail: shown } });
    };
    // A right that is asked for is one of several unless all ask for the same.
    let asks_right = |p: &&Observation| {
        list(p, witness).iter().any(|m| {
            m.get(&witness.symbol).and_then(Value::as_text) == Some(symbol.as_str())
                && m.get("kind").and_then(Value::as_text) == Some("authorization")
        })
    };
    if texts.len() > 1 && peers.iter().any(asks_right) {
        let several = need.several.clone().unwrap_or_else(|| "ambiguous".into());
        return Err(Refusal {
            reason: several.into(),
            detail: texts.keys().take(6).cloned().collect::<Vec<_>>().join(", "),
        });
    }
    if own.iter().any(|w| w.text == *text) {
        return Err(Refusal::new("guard-stands-in-another-place", text.clone()));
    }
    refuse_unknown_names(&source, subject, text, *at)?;
    Ok(Candidate {
        symbol: symbol.clone(),
        name: symbol.rsplit(['.', '/']).next().unwrap_or_default().to_owned(),
        module: String::new(),
        file: Some(subject.place.path.clone()),
        defined_at: None,
        used_in: Some(subject.place.path.clone()),
        written: Some(text.clone()),
        import: None,
    })
}

/// Refuses a guard for an endpoint whose nearest neighbours are open too: those of its file, else of its folder, else of the
/// service, that are called in the same manner. Where most of them are open, that is how it is meant.
pub(crate) fn refuse_among_open(known: &Known<'_>, witness: &Witness, subject: &Observation) -> Result<(), Refusal> {
    let file = subject.place.path.as_bytes();
    let folder = &file[..file.len() - subject.place.path.file_name().len()];
    for near in [file, folder, b""] {
        let mut seen = BTreeSet::new();
        let peers: Vec<&Observation> = known
            .observations()
            .iter()
            .copied()
            .filter(|o| o.place.path.as_bytes().starts_with(near) && is_peer(witness, subject, o))
            .filter(|o| seen.insert((&o.place.path, o.place.span.start)))
            .collect();
        if peers.is_empty() {
            continue;
        }
        let open = peers.iter().filter(|p| !is_guarded(p, witness)).count();
        if open * 2 > peers.len() {
            let near =
                if near.is_empty() { "the service".to_owned() } else { String::from_utf8_lossy(near).into_owned() };
            let detail = format!("{open} of {} neighbours in {near} are open too", peers.len());
            return Err(Refusal::new("neighbours-are-open-too", detail));
        }
        return Ok(());
    }
    Ok(())
}

/// Words of guards that ask for more than a caller who is known.
const RIGHTS: &[&str] = &["super", "admin", "role", "permission", "scope", "staff", "owner", "right", "privilege"];

/// Refuses a guard that only asks who is calling where neighbours of the same file, called in the same manner, ask for a right:
/// whoever is known could do then what few were meant to.
pub(crate) fn refuse_among_rights(known: &Known<'_>, witness: &Witness, subject: &Observation) -> Result<(), Refusal> {
    for peer in peers(known, witness, subject) {
        for guard in list(peer, witness) {
            let text = |name: &str| guard.get(name).and_then(Value::as_text).unwrap_or_default();
            let symbol = text(&witness.symbol).to_lowercase();
            if text("kind") == "authorization" || RIGHTS.iter().any(|r| last(&symbol).contains(r)) {
                return Err(Refusal::new("neighbours-ask-for-a-right", text(&witness.symbol).to_owned()));
            }
        }
    }
    Ok(())
}

/// Whether anything stands before an endpoint that could ask who is calling.
fn is_guarded(o: &Observation, witness: &Witness) -> bool {
    list(o, witness).iter().any(|m| {
        let kind = m.get("kind").and_then(Value::as_text).unwrap_or_default();
        let optional = m.get("optional").and_then(Value::as_bool) == Some(true);
        !optional && matches!(kind, "authentication" | "authorization" | "unknown")
    })
}

/// Whether an endpoint is called in the same manner as the subject; those that are open by their role count for nothing.
fn is_peer(witness: &Witness, subject: &Observation, o: &Observation) -> bool {
    let manner = |o: &Observation| match o.text("method") {
        Some("GET" | "HEAD") => "reads",
        Some("ANY" | "OPTIONS" | "TRACE") | None => "any",
        Some("WEBSOCKET") => "socket",
        Some(_) => "changes",
    };
    let (own, other) = (manner(subject), manner(o));
    o.kind == witness.kind
        && o.class.origin == Origin::Source
        && o.place != subject.place
        && o.text("stack") == subject.text("stack")
        && o.text("role").is_none_or(|r| r == "none")
        && (other == own || own == "any" || other == "any")
}

/// Endpoints of the same file that are called in the same manner, each handler once.
fn peers<'a>(known: &'a Known<'_>, witness: &Witness, subject: &Observation) -> Vec<&'a Observation> {
    let mut seen = BTreeSet::new();
    known
        .observations()
        .iter()
        .copied()
        .filter(|o| {
            o.place.path == subject.place.path && is_peer(witness, subject, o) && seen.insert(o.place.span.start)
        })
        .collect()
}

fn list<'a>(o: &'a Observation, witness: &Witness) -> Vec<&'a BTreeMap<String, Value>> {
    let list = o.attributes.get(&witness.list).and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_map).collect()
}

/// The guards of a neighbour that the need asks for.
fn symbols<'a>(known: &Known<'_>, need: &Need, witness: &Witness, o: &'a Observation) -> BTreeSet<&'a str> {
    let fits = |m: &BTreeMap<String, Value>| {
        let optional = m.get("optional").and_then(Value::as_bool) == Some(true);
        !optional
            && need.filter.as_ref().is_none_or(|f| f.holds(&[("it", &o.attributes), ("x", m), ("dna", known.dna())]))
    };
    let wanted = list(o, witness).into_iter().filter(|m| fits(m));
    wanted.filter_map(|m| m.get(&witness.symbol).and_then(Value::as_text)).filter(|s| !s.is_empty()).collect()
}

fn last(symbol: &str) -> &str {
    symbol.rsplit(['.', '/']).next().unwrap_or(symbol)
}

/// What of a neighbour's own words stands for its guards, with the guard's symbol.
fn own_of(
    source: &SourceText,
    peer: &Observation,
    witness: &Witness,
    guards: &BTreeSet<&str>,
    form: Form,
) -> Result<Vec<(String, Written)>, Refusal> {
    let all = written(source, peer, form)?;
    // As many arguments as guards that hang at the route itself: one stands for the other.
    let at_route: Vec<&str> = list(peer, witness)
        .into_iter()
        .filter(|m| m.get("from").and_then(Value::as_text) == Some("route"))
        .filter_map(|m| m.get(&witness.symbol).and_then(Value::as_text))
        .collect();
    let in_turn = form == Form::Argument && at_route.len() == all.len();
    let mut out = Vec::new();
    for (n, one) in all.into_iter().enumerate() {
        let by_name = guards.iter().find(|g| one.names.iter().any(|name| last(name) == last(g))).copied();
        let by_turn = at_route.get(n).copied().filter(|s| in_turn && guards.contains(s));
        if let Some(symbol) = by_turn.or(by_name) {
            out.push((symbol.to_owned(), one));
        }
    }
    Ok(out)
}

/// What stands before a handler in the subject's own words.
fn written(source: &SourceText, o: &Observation, form: Form) -> Result<Vec<Written>, Refusal> {
    let anchor = |name: &str| o.anchors.get(name).map(|s| s.start as usize..s.end as usize);
    let found = match form {
        Form::Argument => match anchor("arguments") {
            Some(range) => clike::guards_between(source, &range)?,
            None => vec![],
        },
        Form::Decorator if source.dialect() == "python" => match anchor("handler") {
            Some(handler) => python::decorators(source, handler.start)?,
            None => vec![],
        },
        Form::Decorator => match anchor("handler") {
            Some(handler) => clike::decorators(source, &handler)?,
            None => vec![],
        },
    };
    let short = |r: &Range<usize>| r.len() <= MAX_WRITTEN && !source.as_str()[r.clone()].contains(['\n', '\r']);
    let one = |r: Range<usize>| {
        let text = source.as_str()[r.clone()].to_owned();
        Written { names: names(&text), text, at: r.start }
    };
    Ok(found.into_iter().filter(short).map(one).collect())
}

/// The dotted names of an expression: `@UseGuards(JwtGuard)` has `UseGuards` and `JwtGuard`.
fn names(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut quote = None;
    let mut name = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        match quote {
            Some(q) => quote = (c != q).then_some(q),
            None if c.is_alphanumeric() || matches!(c, '_' | '$' | '.') => name.push(c),
            None => {
                if matches!(c, '"' | '\'' | '`') {
                    quote = Some(c);
                }
                let starts = name.chars().next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '$'));
                let key = matches!(c, ':' | '=');
                let taken = std::mem::take(&mut name);
                if starts && !key {
                    out.push(taken);
                }
            }
        }
    }
    out
}

/// Guards of these names that are hung on whole routers in the file: `.use(auth)`, `.With(auth)`.
fn used_on_routers(
    source: &SourceText,
    guards: &BTreeSet<&str>,
) -> Result<BTreeMap<String, (usize, usize, String)>, Refusal> {
    let mut out: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
    for range in clike::hung(source)? {
        let text = &source.as_str()[range.clone()];
        let outer = names(text).into_iter().next().unwrap_or_default();
        let found = guards.iter().find(|g| last(g) == last(&outer));
        if let Some(symbol) = found.filter(|_| text.len() <= MAX_WRITTEN && !text.contains('\n')) {
            out.entry(text.to_owned()).or_insert((0, range.start, (*symbol).to_owned())).0 += 1;
        }
    }
    Ok(out)
}

/// Every name of the text means at the subject what it means where it stands.
fn refuse_unknown_names(source: &SourceText, subject: &Observation, text: &str, at: usize) -> Result<(), Refusal> {
    let wanted = subject.anchors.get("handler").unwrap_or(&subject.place.span).start as usize;
    let words = ["true", "false", "null", "undefined", "new", "True", "False", "None", "nil"];
    for name in names(text).iter().filter(|n| !words.contains(&n.as_str())) {
        let root = name.split('.').next().unwrap_or_default();
        let visible = match source.dialect() {
            "python" => python::is_defined_before(source, &subject.place.path, root, wanted)?,
            // What a class annotates one method with, it may annotate another with.
            "java" => true,
            _ => clike::is_visible(source, &subject.place.path, root, at, wanted)?,
        };
        if !visible {
            return Err(Refusal::new("guard-not-in-scope", format!("{root} is not known at {}", subject.place.path)));
        }
    }
    Ok(())
}
