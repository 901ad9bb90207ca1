//! Where data is put: the region of each provider configuration, of resources that name their own, of replicas, backups
//! and copies, and services that have no region. A resource of an aliased provider has no placement of its own: the
//! provider's says it. A zone that cannot be resolved says nothing new, since it lies in its provider's region.

use super::eval::{Found, From, Trace, lookup, resolve, resources};
use super::expr::Expr;
use super::knowledge::{CloudRegions, PlacementRule, ReadAs, RegionOf, Said, What, prefix_of};
use super::linking::{Configured, Draft, Linking, Subject, alias_of};
use super::made::Uses;
use super::scope::Block;
use super::storage;
use ligase_domain::{Observation, Span};
use std::collections::BTreeSet;

/// Resources that stand where another one does; a server of a group in a group is three.
const HOPS: usize = 6;

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

    fn known(place: (&str, &str)) -> Self {
        Self { name: place.0.to_owned(), jurisdiction: place.1.to_owned(), reason: "" }
    }
}

/// What was asked in vain already: a root and an expression. One question is told once.
pub(super) type Asked = BTreeSet<(usize, String)>;

fn cloud_of<'s>(linking: &Linking<'s, '_>, prefix: &str) -> Option<&'s CloudRegions> {
    linking.knowledge.providers.get(prefix).and_then(|p| linking.knowledge.regions_of(&p.rule))
}

/// A region by its name; some settings also take a zone.
fn region(cloud: Option<&CloudRegions>, name: &str) -> Region {
    match cloud.and_then(|c| c.of_region(name).or_else(|| c.of_zone(name))) {
        Some(place) => Region::known(place),
        None => Region { name: name.to_owned(), jurisdiction: String::new(), reason: "region-not-known" },
    }
}

/// What a value says: a name, or the region of the resource that it is taken from.
fn of_found(
    linking: &Linking<'_, '_>,
    cloud: Option<&CloudRegions>,
    found: Found,
    trace: &mut Trace,
    hops: usize,
) -> Region {
    match found {
        Found::Text(name) if !name.is_empty() => region(cloud, &name),
        Found::Text(_) | Found::Null | Found::Missing => Region::unresolved("region-from-environment"),
        Found::Resource(at) if hops > 0 => {
            let says = |b: &Block<'_>| {
                let provider = linking.knowledge.provider_of(b.of);
                provider.is_some_and(|p| p.rule.region_settings.contains(&at.attribute))
            };
            match linking.at(at.instance, &at.of, &at.name).filter(|s| says(s.block)) {
                Some(target) => {
                    trace.files.insert(target.block.file);
                    of_resource(linking, target, trace, hops - 1).0
                }
                None => Region::unresolved("region-not-resolved"),
            }
        }
        _ => Region::unresolved("region-not-resolved"),
    }
}

/// The region of a provider configuration.
fn of_provider(linking: &Linking<'_, '_>, at: &Configured<'_, '_>, trace: &mut Trace) -> (Region, From) {
    trace.files.insert(at.block.file);
    if !at.block.whole {
        return (Region::unresolved("region-not-resolved"), From::None);
    }
    for setting in ["region", "zone"] {
        if let Some(hit) = lookup(at.block, setting, None).hits.first() {
            let (found, from) = resolve(linking.scope, at.instance, &hit.expr, trace);
            let region = of_found(linking, cloud_of(linking, at.block.of), found, trace, HOPS);
            let from = if region.name.is_empty() { From::None } else { from };
            return (region, from);
        }
    }
    (Region::unresolved("region-from-environment"), From::None)
}

/// The region of a resource: its own argument, else its provider's.
fn of_resource(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, trace: &mut Trace, hops: usize) -> (Region, From) {
    let provider = linking.knowledge.provider_of(subject.block.of);
    let cloud = provider.and_then(|p| linking.knowledge.regions_of(&p.rule));
    for setting in provider.map_or(&[][..], |p| &p.rule.region_settings) {
        if let Some(hit) = lookup(subject.block, setting, None).hits.first() {
            let (found, from) = resolve(linking.scope, subject.instance, &hit.expr, trace);
            if found != Found::Null {
                return (of_found(linking, cloud, found, trace, hops), from);
            }
        }
    }
    match provider.map(|p| p.rule.region_of) {
        Some(RegionOf::Provider | RegionOf::ProviderOrResource) => {}
        Some(RegionOf::Deployment) => return (Region::unresolved("region-of-the-deployment"), From::None),
        Some(RegionOf::Resource) | None => return (Region::unresolved("region-not-resolved"), From::None),
    }
    let (name, alias) = linking.bound_to(subject.block);
    match linking.configured(subject.instance, &name, &alias) {
        Some(at) => of_provider(linking, &at, trace),
        None if alias.is_empty() => (Region::unresolved("region-from-environment"), From::None),
        None => (Region::unresolved("region-not-resolved"), From::None),
    }
}

/// Emits what a resource says of places.
pub(super) fn observe(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    asked: &mut Asked,
    out: &mut Vec<Observation>,
) {
    if !linking.knowledge.provider_of(subject.block.of).is_some_and(|p| p.rule.modelled) {
        return;
    }
    for said in linking.knowledge.placement_of(subject.block.of) {
        let mut trace = Trace::default();
        let when = said.rule.when.as_ref();
        if when.is_some_and(|w| storage::condition(linking, subject, w, None, &mut trace) != Some(true)) {
            continue;
        }
        if said.rule.global {
            global(linking, subject, said, out);
        } else if said.rule.own_region {
            let (at, from) = of_resource(linking, subject, &mut trace, HOPS);
            emit(linking, subject, said, &at, from, None, &trace, out);
        } else if said.rule.read_as == ReadAs::Pair {
            paired(linking, subject, said, trace, out);
        } else if let Some(setting) = &said.rule.setting {
            named(linking, subject, said, setting, asked, out);
        }
    }
}

/// The copy in the region that is paired with the resource's own.
fn paired(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    said: &Said<PlacementRule>,
    mut trace: Trace,
    out: &mut Vec<Observation>,
) {
    let cloud = cloud_of(linking, prefix_of(subject.block.of));
    let (own, from) = of_resource(linking, subject, &mut trace, HOPS);
    let at = match cloud.and_then(|c| c.pair_of(&own.name)) {
        Some(pair) => region(cloud, pair),
        None => Region::unresolved("region-not-resolved"),
    };
    let from = if at.name.is_empty() { From::None } else { from };
    emit(linking, subject, said, &at, from, None, &trace, out);
}

/// Each region that a setting names.
fn named(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    said: &Said<PlacementRule>,
    setting: &str,
    asked: &mut Asked,
    out: &mut Vec<Observation>,
) {
    let found = lookup(subject.block, setting, None);
    let cloud = cloud_of(linking, prefix_of(subject.block.of));
    let zone = said.rule.read_as == ReadAs::Zone;
    if found.dynamic && found.hits.is_empty() && !zone {
        let at = Region::unresolved("region-not-resolved");
        emit(linking, subject, said, &at, From::None, None, &Trace::default(), out);
    }
    if let (true, false, Some(absent)) = (found.hits.is_empty(), found.dynamic, &said.rule.absent) {
        emit(linking, subject, said, &region(cloud, absent), From::None, None, &Trace::default(), out);
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
            for one in all.into_iter().filter(|f| !matches!(f, Found::Null | Found::Missing)) {
                places.insert(match (said.rule.read_as, one) {
                    (ReadAs::Zone, Found::Text(name)) => of_zone(cloud, &name),
                    (ReadAs::Configuration, Found::Text(name)) => of_configured_place(cloud, &name),
                    (_, f) => of_found(linking, cloud, f, &mut trace, HOPS),
                });
            }
        }
        for at in places {
            let open = at.name.is_empty();
            let once = said.rule.what == What::Resource && open;
            let root = linking.scope.instances[subject.instance].root;
            if (zone && open) || (once && !asked.insert((root, format!("{:?}", hit.expr)))) {
                continue;
            }
            let from = if open { From::None } else { from };
            emit(linking, subject, said, &at, from, hit.value, &trace, out);
        }
    }
}

fn of_zone(cloud: Option<&CloudRegions>, name: &str) -> Region {
    cloud.and_then(|c| c.of_zone(name)).map_or(Region::unresolved("region-not-known"), Region::known)
}

/// `regional-europe-west1`, `projects/p/instanceConfigs/eur3`.
fn of_configured_place(cloud: Option<&CloudRegions>, name: &str) -> Region {
    let last = name.rsplit('/').next().unwrap_or(name);
    region(cloud, last.strip_prefix("regional-").unwrap_or(last))
}

/// The region of what an ARN or a reference names.
fn of_reference(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    expr: &Expr,
    trace: &mut Trace,
    from: &mut From,
) -> Region {
    let cloud = cloud_of(linking, prefix_of(subject.block.of));
    let (arn, at) = match expr {
        Expr::Template(parts) => (partly(linking, subject, parts, trace), From::Literal),
        _ => match resolve(linking.scope, subject.instance, expr, trace) {
            (Found::Text(text), at) => (text, at),
            _ => (String::new(), From::None),
        },
    };
    *from = at;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, _, name, _, _] if !name.is_empty() && !name.contains(OPEN) => return region(cloud, name),
        // The ARN of a bucket has no region; the bucket may stand here.
        ["arn", _, "s3", "", _, bucket] if !bucket.contains(OPEN) => {
            let named = |of, by| linking.named(subject.instance, &[of], &[by], bucket);
            return match named("aws_s3_bucket", "bucket").or_else(|| named("AWS::S3::Bucket", "BucketName")) {
                Some(target) => of_resource(linking, target, trace, HOPS).0,
                None => Region::unresolved("region-not-resolved"),
            };
        }
        _ => {}
    }
    let Some(at) = resources(linking.scope, subject.instance, expr, trace).into_iter().next() else {
        return Region::unresolved("region-not-resolved");
    };
    let Some(target) = linking.at(at.instance, &at.of, &at.name) else {
        return Region::unresolved("region-not-resolved");
    };
    trace.files.insert(target.block.file);
    let (region, at) = of_resource(linking, target, trace, HOPS);
    *from = at;
    region
}

/// Stands for a part of a text that is not known.
const OPEN: char = '\u{0}';

/// A text of which some parts are known: the region of an ARN, whatever the account is.
fn partly(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, parts: &[Expr], trace: &mut Trace) -> String {
    let mut out = String::new();
    for part in parts {
        match resolve(linking.scope, subject.instance, part, trace).0 {
            Found::Text(text) => out.push_str(&text),
            _ => out.push(OPEN),
        }
    }
    out
}

fn draft<'x>(
    linking: &'x Linking<'_, '_>,
    said: &'x Said<PlacementRule>,
    subject: Subject<'_, 'x>,
    trace: &'x Trace,
) -> Draft<'x> {
    let block = subject.block;
    let address = format!("{}{}", linking.scope.instances[subject.instance].prefix, block.address());
    let provider = linking.knowledge.provider_of(block.of);
    Draft::of("placement", block.file, Some(subject.instance), block.seen, &said.probe, trace)
        .merged(block)
        .with("language", linking.knowledge.language)
        .with("stack", provider.map_or("", |p| p.rule.stack.as_str()))
        .with("provider", provider.map_or("", |p| p.rule.cloud.as_str()))
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
            .with("language", linking.knowledge.language)
            .with("stack", said.rule.stack.as_str())
            .with("provider", said.rule.cloud.as_str())
            .with("type", "provider")
            .with("what", "provider"),
    )
}

/// Emits the region of each provider configuration of an instance.
pub(super) fn observe_providers(linking: &Linking<'_, '_>, uses: &Uses, instance: usize, out: &mut Vec<Observation>) {
    for block in &linking.scope.folder(instance).providers {
        let mut trace = Trace::default();
        let (at, from) = of_provider(linking, &Configured { instance, block }, &mut trace);
        let region_of = linking.knowledge.providers.get(block.of).map(|p| p.rule.region_of);
        match region_of {
            Some(RegionOf::Provider) => {}
            // Its resources mostly say where they are; only a region that it names is one.
            Some(RegionOf::ProviderOrResource) if at.reason != "region-from-environment" => {}
            _ => continue,
        }
        let Some(draft) = of_configuration(linking, instance, block, &trace) else { continue };
        let address = provider_address(&linking.scope.instances[instance].prefix, block.of, alias_of(block));
        let value = ["region", "zone"].iter().find_map(|s| lookup(block, s, None).hits.first().and_then(|h| h.value));
        let mut draft = placed(draft, &at, from).with("address", address);
        if let Some(keeps) = uses.of(linking, &Configured { instance, block }) {
            draft = draft.with("keeps", keeps);
        }
        draft.anchors.extend(value.map(|v| ("value".to_owned(), v)));
        out.push(linking.observation(draft));
    }
}

/// Whether a resource has to be told its region by something other than itself.
fn is_told(linking: &Linking<'_, '_>, block: &Block<'_>, region_of: RegionOf, settings: &[String]) -> bool {
    let own = settings.iter().any(|s| !lookup(block, s, None).hits.is_empty());
    // Of these, many have no region at all: only what is known to keep or place data counts.
    let keeps =
        || linking.knowledge.storage.contains_key(block.of) || linking.knowledge.placement.contains_key(block.of);
    match region_of {
        RegionOf::Provider => !own,
        RegionOf::ProviderOrResource | RegionOf::Deployment => !own && keeps(),
        RegionOf::Resource => false,
    }
}

/// Emits, once for each root and alias, a provider that resources use and that nothing configures: its region comes from
/// the environment, or from whoever deploys.
pub(super) fn observe_environment(linking: &Linking<'_, '_>, out: &mut Vec<Observation>) {
    let mut told: BTreeSet<(usize, String, String)> = BTreeSet::new();
    for instance in 0..linking.scope.instances.len() {
        for block in &linking.scope.folder(instance).resources {
            let (name, alias) = linking.bound_to(block);
            let Some(said) = linking.knowledge.providers.get(&name).filter(|p| p.rule.modelled) else { continue };
            let root = linking.scope.instances[instance].root;
            if !is_told(linking, block, said.rule.region_of, &said.rule.region_settings)
                || linking.configured(instance, &name, &alias).is_some_and(|c| {
                    said.rule.region_of == RegionOf::Provider
                        || of_provider(linking, &c, &mut Trace::default()).0.reason != "region-from-environment"
                })
                || !told.insert((root, name.clone(), alias.clone()))
            {
                continue;
            }
            let (reason, of, address) = match said.rule.region_of {
                RegionOf::Deployment => ("region-of-the-deployment", "stack", "stack".to_owned()),
                _ if alias.is_empty() => ("region-from-environment", "provider", provider_address("", &name, &alias)),
                _ => ("region-not-resolved", "provider", provider_address("", &name, &alias)),
            };
            let trace = Trace::default();
            let draft = Draft::of("placement", block.file, Some(instance), block.seen, &said.probe, &trace)
                .with("language", linking.knowledge.language)
                .with("stack", said.rule.stack.as_str())
                .with("provider", said.rule.cloud.as_str())
                .with("type", of)
                .with("what", "provider")
                .with("address", address);
            out.push(linking.observation(placed(draft, &Region::unresolved(reason), From::None)));
        }
    }
}
