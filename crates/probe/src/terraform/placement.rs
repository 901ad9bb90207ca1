//! Where data is put: the region of each provider configuration, of resources that name their own, of replicas, backups
//! and copies, and services that have no region. A resource of an aliased provider has no placement of its own: the
//! provider's says it. A zone that cannot be resolved says nothing new, since it lies in its provider's region.

use super::eval::{Found, From, Trace, lookup, resolve, resources};
use super::knowledge::{PlacementRule, ReadAs, Said};
use super::linking::{Configured, Draft, Linking, Subject, alias_of};
use super::scope::Block;
use ligase_domain::{Observation, Span};
use std::collections::BTreeSet;

/// Where something stands, or why that is not known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Region {
    name: String,
    jurisdiction: String,
    reason: &'static str,
}

impl Region {
    fn unresolved(reason: &'static str) -> Self {
        Self { name: String::new(), jurisdiction: String::new(), reason }
    }
}

fn region(linking: &Linking<'_, '_>, name: &str) -> Region {
    match linking.knowledge.aws.of_region(name) {
        Some(jurisdiction) => Region { name: name.to_owned(), jurisdiction: jurisdiction.to_owned(), reason: "" },
        None => Region { name: name.to_owned(), jurisdiction: String::new(), reason: "region-not-known" },
    }
}

fn of_found(linking: &Linking<'_, '_>, found: Found) -> Region {
    match found {
        Found::Text(name) if !name.is_empty() => region(linking, &name),
        Found::Text(_) | Found::Null => Region::unresolved("region-from-environment"),
        _ => Region::unresolved("region-not-resolved"),
    }
}

/// The region of a provider configuration.
fn of_provider(linking: &Linking<'_, '_>, at: &Configured<'_, '_>, trace: &mut Trace) -> (Region, From) {
    trace.files.insert(at.block.file);
    if !at.block.whole {
        return (Region::unresolved("region-not-resolved"), From::None);
    }
    match lookup(at.block, "region", None).hits.first() {
        None => (Region::unresolved("region-from-environment"), From::None),
        Some(hit) => {
            let (found, from) = resolve(linking.scope, at.instance, &hit.expr, trace);
            let region = of_found(linking, found);
            let from = if region.name.is_empty() { From::None } else { from };
            (region, from)
        }
    }
}

/// The region of a resource: its own argument, else its provider's.
fn of_resource(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, trace: &mut Trace) -> (Region, From) {
    if let Some(hit) = lookup(subject.block, "region", None).hits.first() {
        let (found, from) = resolve(linking.scope, subject.instance, &hit.expr, trace);
        if found != Found::Null {
            return (of_found(linking, found), from);
        }
    }
    let (name, alias) = linking.bound_to(subject.block);
    match linking.configured(subject.instance, &name, &alias) {
        Some(at) => of_provider(linking, &at, trace),
        None if alias.is_empty() => (Region::unresolved("region-from-environment"), From::None),
        None => (Region::unresolved("region-not-resolved"), From::None),
    }
}

fn is_aws(linking: &Linking<'_, '_>, of: &str) -> bool {
    linking.knowledge.provider_of(of).is_some_and(|p| p.rule.modelled)
}

/// Emits what a resource says of places.
pub(super) fn observe(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, out: &mut Vec<Observation>) {
    if !is_aws(linking, subject.block.of) {
        return;
    }
    for of in ["*", subject.block.of] {
        for said in linking.knowledge.placement.get(of).into_iter().flatten() {
            if said.rule.global {
                global(linking, subject, said, out);
            } else if said.rule.own_region {
                let mut trace = Trace::default();
                let (at, from) = of_resource(linking, subject, &mut trace);
                emit(linking, subject, said, &at, from, None, &trace, out);
            } else if let Some(setting) = &said.rule.setting {
                named(linking, subject, said, setting, out);
            }
        }
    }
}

/// Each region that a setting names.
fn named(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    said: &Said<PlacementRule>,
    setting: &str,
    out: &mut Vec<Observation>,
) {
    let found = lookup(subject.block, setting, None);
    let zone = said.rule.read_as == ReadAs::Zone;
    if found.dynamic && found.hits.is_empty() && !zone {
        let at = Region::unresolved("region-not-resolved");
        emit(linking, subject, said, &at, From::None, None, &Trace::default(), out);
    }
    for hit in &found.hits {
        let mut trace = Trace::default();
        let mut places: BTreeSet<Region> = BTreeSet::new();
        let mut from = From::None;
        if said.rule.read_as == ReadAs::Resource {
            places.insert(of_reference(linking, subject, &hit.expr, &mut trace, &mut from));
        } else {
            let (value, at) = resolve(linking.scope, subject.instance, &hit.expr, &mut trace);
            from = at;
            let all = if let Found::List(list) = value { list } else { vec![value] };
            places.extend(all.into_iter().filter(|f| *f != Found::Null).map(|f| match (zone, f) {
                (true, Found::Text(name)) => of_zone(linking, &name),
                (_, f) => of_found(linking, f),
            }));
        }
        for at in places {
            let from = if at.name.is_empty() { From::None } else { from };
            if !(zone && at.name.is_empty()) {
                emit(linking, subject, said, &at, from, hit.value, &trace, out);
            }
        }
    }
}

fn of_zone(linking: &Linking<'_, '_>, name: &str) -> Region {
    match linking.knowledge.aws.of_zone(name) {
        Some((region, jurisdiction)) => {
            Region { name: region.to_owned(), jurisdiction: jurisdiction.to_owned(), reason: "" }
        }
        None => Region::unresolved("region-not-known"),
    }
}

/// The region of what an ARN or a reference names.
fn of_reference(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    expr: &super::expr::Expr,
    trace: &mut Trace,
    from: &mut From,
) -> Region {
    let referred = resources(linking.scope, subject.instance, expr, trace);
    if let Some(at) = referred.first() {
        let Some(target) = linking.at(at.instance, &at.of, &at.name) else {
            return Region::unresolved("region-not-resolved");
        };
        trace.files.insert(target.block.file);
        let (region, at) = of_resource(linking, target, trace);
        *from = at;
        return region;
    }
    let (Found::Text(arn), at) = resolve(linking.scope, subject.instance, expr, trace) else {
        return Region::unresolved("region-not-resolved");
    };
    *from = at;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, _, name, _, _] if !name.is_empty() => region(linking, name),
        // The ARN of a bucket has no region; the bucket may stand here.
        ["arn", _, "s3", "", _, bucket] => {
            match linking.named(subject.instance, &["aws_s3_bucket"], &["bucket"], bucket) {
                Some(target) => of_resource(linking, target, trace).0,
                None => Region::unresolved("region-not-resolved"),
            }
        }
        _ => Region::unresolved("region-not-resolved"),
    }
}

fn draft<'x>(
    linking: &'x Linking<'_, '_>,
    said: &'x Said<PlacementRule>,
    subject: Subject<'_, 'x>,
    trace: &'x Trace,
) -> Draft<'x> {
    let block = subject.block;
    let address = format!("{}{}", linking.scope.instances[subject.instance].prefix, block.address());
    let stack = linking.knowledge.provider_of(block.of).map_or("", |p| p.rule.stack.as_str());
    Draft::of("placement", block.file, Some(subject.instance), block.seen, &said.probe, trace)
        .with("language", "terraform")
        .with("stack", stack)
        .with("provider", block.of.split('_').next().unwrap_or_default())
        .with("type", block.of)
        .with("address", address)
        .with("what", said.rule.what.name())
}

/// A service without a region; whether countries are restricted stands in the reason.
fn global(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, said: &Said<PlacementRule>, out: &mut Vec<Observation>) {
    let mut trace = Trace::default();
    let mut value = None;
    let mut reason = "no-geo-restriction".to_owned();
    let path = said.rule.restriction.as_deref();
    if let Some(hit) = path.and_then(|p| lookup(subject.block, p, None).hits.into_iter().next()) {
        value = hit.value;
        reason = match resolve(linking.scope, subject.instance, &hit.expr, &mut trace).0 {
            Found::Text(kind) if kind == "none" => reason,
            Found::Text(kind) if matches!(kind.as_str(), "whitelist" | "blacklist") => format!("geo-{kind}"),
            _ => "geo-restriction-not-resolved".to_owned(),
        };
    }
    let mut draft = draft(linking, said, subject, &trace)
        .with("region", "")
        .with("jurisdiction", "")
        .with("global", true)
        .with("resolved", true)
        .with("reason", reason)
        .with("from", From::None.name());
    draft.anchors.extend(value.map(|v| ("value".to_owned(), v)));
    out.push(linking.observation(draft));
}

#[expect(clippy::too_many_arguments, reason = "one place that says what a placement consists of")]
fn emit(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    said: &Said<PlacementRule>,
    at: &Region,
    from: From,
    value: Option<Span>,
    trace: &Trace,
    out: &mut Vec<Observation>,
) {
    let mut draft = placed(draft(linking, said, subject, trace), at, from);
    draft.anchors.extend(value.map(|v| ("value".to_owned(), v)));
    out.push(linking.observation(draft));
}

fn placed<'x>(draft: Draft<'x>, at: &Region, from: From) -> Draft<'x> {
    draft
        .with("region", at.name.as_str())
        .with("jurisdiction", at.jurisdiction.as_str())
        .with("global", false)
        .with("resolved", at.reason.is_empty())
        .with("reason", at.reason)
        .with("from", from.name())
}

fn provider_address(prefix: &str, name: &str, alias: &str) -> String {
    if alias.is_empty() { format!("{prefix}provider.{name}") } else { format!("{prefix}provider.{name}.{alias}") }
}

fn of_configuration<'x>(
    linking: &'x Linking<'_, '_>,
    instance: usize,
    block: &'x Block<'_>,
    trace: &'x Trace,
) -> Option<Draft<'x>> {
    let said = linking.knowledge.providers.get(block.of).filter(|p| p.rule.modelled)?;
    Some(
        Draft::of("placement", block.file, Some(instance), block.seen, &said.probe, trace)
            .with("language", "terraform")
            .with("stack", said.rule.stack.as_str())
            .with("provider", block.of)
            .with("type", "provider")
            .with("what", "provider"),
    )
}

/// Emits the region of each provider configuration of an instance.
pub(super) fn observe_providers(linking: &Linking<'_, '_>, instance: usize, out: &mut Vec<Observation>) {
    for block in &linking.scope.folder(instance).providers {
        let mut trace = Trace::default();
        let (at, from) = of_provider(linking, &Configured { instance, block }, &mut trace);
        let Some(draft) = of_configuration(linking, instance, block, &trace) else { continue };
        let address = provider_address(&linking.scope.instances[instance].prefix, block.of, alias_of(block));
        let value = lookup(block, "region", None).hits.first().and_then(|h| h.value);
        let mut draft = placed(draft, &at, from).with("address", address);
        draft.anchors.extend(value.map(|v| ("value".to_owned(), v)));
        out.push(linking.observation(draft));
    }
}

/// Emits, once for each root and alias, a provider that resources use and that nothing configures: its region comes from
/// the environment.
pub(super) fn observe_environment(linking: &Linking<'_, '_>, out: &mut Vec<Observation>) {
    let mut told: BTreeSet<(usize, String, String)> = BTreeSet::new();
    for instance in 0..linking.scope.instances.len() {
        for block in &linking.scope.folder(instance).resources {
            let (name, alias) = linking.bound_to(block);
            let Some(said) = linking.knowledge.providers.get(&name).filter(|p| p.rule.modelled) else { continue };
            let root = linking.scope.instances[instance].root;
            let own = lookup(block, "region", None).hits.is_empty();
            if !own
                || linking.configured(instance, &name, &alias).is_some()
                || !told.insert((root, name.clone(), alias.clone()))
            {
                continue;
            }
            let reason = if alias.is_empty() { "region-from-environment" } else { "region-not-resolved" };
            let trace = Trace::default();
            let draft = Draft::of("placement", block.file, Some(instance), block.seen, &said.probe, &trace)
                .with("language", "terraform")
                .with("stack", said.rule.stack.as_str())
                .with("provider", name.as_str())
                .with("type", "provider")
                .with("what", "provider")
                .with("address", provider_address("", &name, &alias));
            out.push(linking.observation(placed(draft, &Region::unresolved(reason), From::None)));
        }
    }
}
