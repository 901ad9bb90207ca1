//! Services of Compose that begin with what another service says (`extends`), of their own file or of another: what they leave
//! unset is what that one says, step by step up to a bound. Where it is not seen, what they leave unset is not known. Pure.
//! Next: `link.rs`.

use super::link::{fill, join};
use super::overlays::LEFT;
use ligase_domain::{Digest, Observation, Value};
use std::collections::BTreeMap;

/// Services that begin with one another.
const MAX_STEPS: usize = 8;
/// What is shared with the host: a service has it when one that it begins with has it.
pub(super) const SHARED: &[&str] = &["host_network", "host_pid", "host_ipc"];
/// Lists that grow from one to the next.
const LISTS: &[&str] = &["adds", "drops", "host_paths"];

/// Fills services from those that they begin with.
pub(super) fn begin(all: &mut [Observation]) {
    let concerned = |o: &Observation| o.kind == "container" && o.text("extends").is_some_and(|e| !e.is_empty());
    if !all.iter().any(concerned) {
        return;
    }
    let mut named: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (at, o) in all.iter().enumerate().filter(|(_, o)| o.kind == "container" && o.text("stack") == Some("compose")) {
        let text = |name: &str| o.text(name).unwrap_or_default().to_owned();
        named.insert((text("file"), text("name")), at);
    }
    for at in 0..all.len() {
        if !concerned(&all[at]) {
            continue;
        }
        let (mut of, mut steps) = (at, 0);
        // As they were written: what one was filled with comes again from where it was written.
        while concerned(&all[of]) && steps < MAX_STEPS {
            steps += 1;
            let Some(base) = base_of(&all[of], &named).filter(|b| *b != at) else {
                leave(&mut all[at]);
                break;
            };
            let (attributes, sources) = (all[base].attributes.clone(), all[base].sources.clone());
            take(&mut all[at], &attributes, &sources);
            of = base;
        }
    }
}

/// The service that one begins with.
fn base_of(observation: &Observation, named: &BTreeMap<(String, String), usize>) -> Option<usize> {
    let own = observation.text("file").unwrap_or_default();
    let file = match observation.text("extends_file").unwrap_or_default() {
        "" => own.to_owned(),
        other => join(own, other),
    };
    named.get(&(file, observation.text("extends")?.to_owned())).copied()
}

fn take(service: &mut Observation, base: &BTreeMap<String, Value>, sources: &[Digest]) {
    let settings = base.iter().filter(|(name, _)| LEFT.contains(&name.as_str()));
    let settings = settings.map(|(n, v)| (n.clone(), v.clone())).collect();
    fill(service, &settings, sources);
    for name in SHARED {
        if let Some(word) = base.get(*name).and_then(Value::as_text).filter(|w| *w != "no")
            && service.text(name) == Some("no")
        {
            service.attributes.insert((*name).to_owned(), Value::from(word));
        }
    }
    for name in LISTS {
        let mut list = service.attributes.get(*name).and_then(Value::as_list).unwrap_or_default().to_vec();
        for value in base.get(*name).and_then(Value::as_list).unwrap_or_default() {
            if !list.contains(value) {
                list.push(value.clone());
            }
        }
        service.attributes.insert((*name).to_owned(), Value::List(list));
    }
    service.sources.extend(sources.iter().copied());
}

/// What it begins with is not seen: nothing is known of what it leaves unset.
fn leave(service: &mut Observation) {
    for name in LEFT {
        if service.text(name) == Some("unset") {
            service.attributes.insert((*name).to_owned(), Value::from("unknown"));
        }
    }
    for name in SHARED {
        if service.text(name) == Some("no") {
            service.attributes.insert((*name).to_owned(), Value::from("unknown"));
        }
    }
}
