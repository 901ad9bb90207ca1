//! What a remedy needs of the repository, nearest first: the guard that the neighbours of an endpoint use, the redactor
//! that other log calls go through.
//!
//! Near is: the same router, then the same file, then the same folder, then the service. The first of these in which
//! anything is used decides; there, what more than half of the uses name is taken, and without such a majority it is
//! *several*. It never looks outside the service and never invents. Next: `verbs.rs`.

use crate::expression::Expression;
use crate::format::{Need, NeedSource, Witness};
use ligase_domain::{Observation, Origin, RepoPath, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Something of the repository that a remedy can use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    /// Dotted, as imports resolve it.
    pub symbol: String,
    /// Its last name.
    pub name: String,
    /// The module that it is in; empty when it is only known in its own file.
    pub module: String,
    /// The module's file, where it was seen.
    pub file: Option<RepoPath>,
    /// Where it is defined in that file.
    pub defined_at: Option<usize>,
    /// A file that uses it.
    pub used_in: Option<RepoPath>,
    /// How the subject's file writes it, where it does.
    pub written: Option<String>,
    /// How its first name is imported, in a language that `clike` reads.
    pub import: Option<crate::clike::Import>,
}

/// What the search for a need ended with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sought {
    Found(Box<Candidate>),
    None,
    Several(Vec<String>),
}

/// Looks for a need of `subject` among the observations of its service.
pub(crate) fn seek(
    need: &Need,
    subject: &Observation,
    observations: &[&Observation],
    dna: &BTreeMap<String, Value>,
) -> Sought {
    let (candidates, witness) = match &need.source {
        NeedSource::Kind { kind, used_by } => (of_kind(kind, subject, observations), used_by.as_ref()),
        NeedSource::Symbols(witness) => (of_symbols(witness, subject, observations), Some(witness)),
        // `beside.rs` reads files, and answers before this.
        NeedSource::Beside(..) => return Sought::None,
    };
    let fits = |seen: &BTreeMap<String, Value>| {
        need.filter.as_ref().is_none_or(|f| f.holds(&[("it", &subject.attributes), ("x", seen), ("dna", dna)]))
    };
    let alike = |seen: &BTreeMap<String, Value>| !need.same_names || has_names(subject, seen);
    let candidates: BTreeMap<String, Candidate> = candidates
        .into_iter()
        .filter(|(_, seen)| fits(seen) && alike(seen))
        .map(|(c, _)| (c.symbol.clone(), c))
        .collect();
    if let Some(witness) = witness {
        for near in 0..=3 {
            match majority(&uses(witness, subject, observations, near, &candidates)) {
                Majority::Nobody => {}
                Majority::One(symbol) => return found(&candidates, symbol, witness, subject, observations),
                Majority::Split(symbols) => return Sought::Several(symbols),
            }
        }
    }
    let mut left = candidates.into_values();
    match (left.next(), left.next()) {
        (None, _) => Sought::None,
        (Some(only), None) => Sought::Found(Box::new(only)),
        (Some(first), Some(second)) => {
            Sought::Several([first, second].into_iter().chain(left).take(10).map(|c| c.symbol).collect())
        }
    }
}

fn found(
    candidates: &BTreeMap<String, Candidate>,
    symbol: String,
    witness: &Witness,
    subject: &Observation,
    observations: &[&Observation],
) -> Sought {
    let used_in = (0..=3).find_map(|near| {
        let mut users = neighbours(witness, subject, observations, near);
        users.find(|o| symbols(o, witness).contains(symbol.as_str())).map(|o| o.place.path.clone())
    });
    candidates.get(&symbol).map_or(Sought::None, |c| Sought::Found(Box::new(Candidate { used_in, ..c.clone() })))
}

fn usable(o: &Observation) -> bool {
    o.class.origin == Origin::Source
}

fn of_kind(
    kind: &str,
    subject: &Observation,
    observations: &[&Observation],
) -> Vec<(Candidate, BTreeMap<String, Value>)> {
    let same = |o: &&&Observation| o.kind == kind && usable(o) && o.text("language") == subject.text("language");
    observations
        .iter()
        .filter(same)
        .filter_map(|o| {
            let symbol = o.text("symbol")?.to_owned();
            let split = symbol.rsplit_once('.').map_or(("", symbol.as_str()), |(m, n)| (m, n));
            let candidate = Candidate {
                name: o.text("name").unwrap_or(split.1).to_owned(),
                module: o.text("module").unwrap_or(split.0).to_owned(),
                file: Some(o.place.path.clone()),
                defined_at: Some(o.place.span.start as usize),
                used_in: None,
                written: None,
                import: None,
                symbol,
            };
            Some((candidate, o.attributes.clone()))
        })
        .collect()
}

fn of_symbols(
    witness: &Witness,
    subject: &Observation,
    observations: &[&Observation],
) -> Vec<(Candidate, BTreeMap<String, Value>)> {
    let mut known: BTreeMap<String, (Candidate, BTreeSet<Value>, BTreeSet<Value>)> = BTreeMap::new();
    for near in 0..=3 {
        for o in neighbours(witness, subject, observations, near) {
            for (symbol, item) in items(o, witness) {
                let (module, name) = symbol.rsplit_once('.').unwrap_or(("", symbol));
                let candidate = || Candidate {
                    symbol: symbol.to_owned(),
                    name: name.to_owned(),
                    module: module.to_owned(),
                    file: None,
                    defined_at: None,
                    used_in: Some(o.place.path.clone()),
                    written: None,
                    import: None,
                };
                let entry = known.entry(symbol.to_owned());
                let (_, classes, names) = entry.or_insert_with(|| (candidate(), BTreeSet::new(), BTreeSet::new()));
                classes.extend(item.get("class").cloned());
                names.extend(item.get("name").and_then(Value::as_text).map(|n| Value::from(plain_name(n).as_str())));
            }
        }
    }
    let with_attributes = |(candidate, classes, names): (Candidate, BTreeSet<Value>, BTreeSet<Value>)| {
        let seen = [
            ("symbol", Value::from(candidate.symbol.as_str())),
            ("name", Value::from(candidate.name.as_str())),
            ("classes", Value::List(classes.into_iter().collect())),
            ("names", Value::List(names.into_iter().collect())),
        ];
        (candidate, seen.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    };
    known.into_values().map(with_attributes).collect()
}

/// Whether a function was given values of the names that the subject's open values have, so that it takes their types.
fn has_names(subject: &Observation, seen: &BTreeMap<String, Value>) -> bool {
    let names = seen.get("names").and_then(Value::as_list).unwrap_or_default();
    let values = subject.attributes.get("values").and_then(Value::as_list).unwrap_or_default();
    let open =
        values.iter().filter_map(Value::as_map).filter(|v| v.get("sanitized").and_then(Value::as_bool) != Some(true));
    let mut open = open.filter_map(|v| v.get("name").and_then(Value::as_text));
    open.all(|name| names.contains(&Value::from(plain_name(name).as_str())))
}

/// `patient.getEmail()`, `user.email` and `Email` are the same name.
fn plain_name(name: &str) -> String {
    let last = name.trim_end_matches("()").rsplit('.').next().unwrap_or_default();
    let last = last.strip_prefix("get").filter(|r| r.starts_with(char::is_uppercase)).unwrap_or(last);
    last.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

/// Observations of the witness's kind at most this far from the subject, which is none of them.
fn neighbours<'a>(
    witness: &'a Witness,
    subject: &'a Observation,
    observations: &'a [&'a Observation],
    near: u8,
) -> impl Iterator<Item = &'a Observation> {
    let folder = |p: &RepoPath| p.as_bytes()[..p.as_bytes().len() - p.file_name().len()].to_vec();
    let own_folder = folder(&subject.place.path);
    observations.iter().copied().filter(move |o| {
        let is_witness = o.kind == witness.kind && usable(o) && o.place != subject.place;
        let same_file = o.place.path == subject.place.path;
        let router = subject.anchors.get("router");
        is_witness
            && match near {
                0 => same_file && router.is_some() && o.anchors.get("router") == router,
                1 => same_file,
                2 => folder(&o.place.path) == own_folder,
                _ => true,
            }
    })
}

/// The elements of an observation's list that name a symbol; what is optional, or did not clean what it says it cleans, is
/// no use of it.
fn items<'a>(o: &'a Observation, witness: &'a Witness) -> impl Iterator<Item = (&'a str, &'a BTreeMap<String, Value>)> {
    let list = o.attributes.get(&witness.list).and_then(Value::as_list).unwrap_or_default();
    let is_use = |m: &&BTreeMap<String, Value>| {
        let flag = |name: &str| m.get(name).and_then(Value::as_bool);
        flag("optional") != Some(true) && flag("sanitized") != Some(false)
    };
    list.iter().filter_map(Value::as_map).filter(is_use).filter_map(|m| {
        let symbol = m.get(&witness.symbol).and_then(Value::as_text)?;
        (!symbol.is_empty()).then_some((symbol, m))
    })
}

/// The symbols that an observation uses, each once.
fn symbols<'a>(o: &'a Observation, witness: &'a Witness) -> BTreeSet<&'a str> {
    items(o, witness).map(|(symbol, _)| symbol).collect()
}

fn uses(
    witness: &Witness,
    subject: &Observation,
    observations: &[&Observation],
    near: u8,
    candidates: &BTreeMap<String, Candidate>,
) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for o in neighbours(witness, subject, observations, near) {
        for symbol in symbols(o, witness).into_iter().filter(|s| candidates.contains_key(*s)) {
            *counts.entry(symbol.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}

enum Majority {
    Nobody,
    One(String),
    Split(Vec<String>),
}

fn majority(counts: &BTreeMap<String, usize>) -> Majority {
    let total: usize = counts.values().sum();
    match counts.iter().find(|(_, n)| **n * 2 > total) {
        Some((symbol, _)) => Majority::One(symbol.clone()),
        None if counts.is_empty() => Majority::Nobody,
        None => Majority::Split(counts.keys().take(10).cloned().collect()),
    }
}

/// Whether an expression holds of one element of a subject's list.
pub(crate) fn element_holds(
    filter: Option<&Expression>,
    subject: &Observation,
    element: &Value,
    dna: &BTreeMap<String, Value>,
) -> bool {
    let none = BTreeMap::new();
    let x = element.as_map().unwrap_or(&none);
    filter.is_none_or(|f| f.holds(&[("it", &subject.attributes), ("x", x), ("dna", dna)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::{Oid, PathClass, Place, ProbeRef, Span};

    fn observation(kind: &str, path: &str, line: u32, attributes: Vec<(&str, Value)>) -> Observation {
        let span = Span { start: line * 10, end: line * 10 + 5, line, end_line: line };
        Observation {
            kind: kind.to_owned(),
            attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            place: Place { path: path.into(), blob: Oid::Sha1([0; 20]), span },
            class: PathClass { dialect: "python".to_owned(), origin: Origin::Source },
            anchors: BTreeMap::new(),
            snippet: String::new(),
            probe: ProbeRef { id: "t".to_owned(), version: 1 },
            sources: vec![],
        }
    }

    fn endpoint(path: &str, line: u32, router: u32, guards: &[&str]) -> Observation {
        let guards = guards.iter().map(|g| Value::map([("symbol", Value::from(*g))])).collect::<Vec<_>>();
        let mut o =
            observation("endpoint", path, line, vec![("guards", Value::List(guards)), ("language", "python".into())]);
        o.anchors.insert("router".to_owned(), Span { start: router, end: router + 1, line: 1, end_line: 1 });
        o
    }

    fn guard(path: &str, symbol: &str) -> Observation {
        observation("guard-candidate", path, 1, vec![("symbol", symbol.into()), ("language", "python".into())])
    }

    fn sought(subject: &Observation, others: &[Observation]) -> Sought {
        let witness = Witness { kind: "endpoint".to_owned(), list: "guards".to_owned(), symbol: "symbol".to_owned() };
        let source = NeedSource::Kind { kind: "guard-candidate".to_owned(), used_by: Some(witness) };
        let need = Need { source, filter: None, none: None, several: None, same_names: false };
        seek(&need, subject, &others.iter().collect::<Vec<_>>(), &BTreeMap::new())
    }

    fn symbol(sought: Sought) -> String {
        match sought {
            Sought::Found(c) => c.symbol,
            Sought::None => "none".to_owned(),
            Sought::Several(_) => "several".to_owned(),
        }
    }

    #[test]
    fn the_nearest_use_decides_and_a_tie_is_several() {
        let subject = endpoint("a/r.py", 1, 7, &[]);
        let guards = [guard("s.py", "s.user"), guard("s.py", "s.admin"), guard("s.py", "s.key")];
        let with = |endpoints: Vec<Observation>| sought(&subject, &[endpoints, guards.to_vec()].concat());
        assert_eq!(symbol(with(vec![])), "several");
        assert_eq!(symbol(sought(&subject, &guards[..1])), "s.user");
        assert_eq!(symbol(sought(&subject, &[])), "none");
        let far = endpoint("b/r.py", 1, 1, &["s.key"]);
        let folder = endpoint("a/q.py", 1, 1, &["s.admin"]);
        let file = endpoint("a/r.py", 5, 9, &["s.user"]);
        assert_eq!(symbol(with(vec![far.clone()])), "s.key");
        assert_eq!(symbol(with(vec![far.clone(), folder.clone()])), "s.admin");
        assert_eq!(symbol(with(vec![far.clone(), folder.clone(), file.clone()])), "s.user");
        let router = endpoint("a/r.py", 6, 7, &["s.key"]);
        assert_eq!(symbol(with(vec![file.clone(), router.clone()])), "s.key");
        let other = endpoint("a/r.py", 8, 7, &["s.user"]);
        assert_eq!(symbol(with(vec![router.clone(), other.clone()])), "several");
        let third = endpoint("a/r.py", 9, 7, &["s.user"]);
        assert_eq!(symbol(with(vec![router, other, third])), "s.user");
    }

    #[test]
    fn what_only_tests_use_or_define_is_nothing() {
        let subject = endpoint("a/r.py", 1, 7, &[]);
        let mut test = guard("tests/s.py", "tests.s.user");
        test.class.origin = Origin::Test;
        assert_eq!(symbol(sought(&subject, &[test])), "none");
    }
}
