//! What stands beside storage and places: who reaches a listener, which stacks a folder uses, and the residue: resources
//! and modules that look like a store or run containers and that nobody has modelled, so that silence is honest.

use super::eval::{Found, Trace, lookup, resolve};
use super::expr::Expr;
use super::knowledge::{Reach, prefix_of};
use super::linking::{Draft, Linking, Subject};
use super::scope::Unfollowed;
use ligase_domain::{Observation, ProbeRef};
use std::collections::BTreeMap;

/// Emits a listener, what looks like a store, or what runs containers.
pub(crate) fn observe(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, out: &mut Vec<Observation>) {
    listener(linking, subject, out);
    let block = subject.block;
    if let Some(probe) = &linking.knowledge.probe
        && linking.knowledge.residue.workloads.iter().any(|t| t == block.of)
    {
        let address = format!("{}{}", linking.scope.instances[subject.instance].prefix, block.address());
        let trace = Trace::default();
        let draft = Draft::of("unmodelled", block.file, Some(subject.instance), block.seen, probe, &trace);
        let (language, of) = (linking.knowledge.language, block.of);
        out.push(linking.observation(unmodelled(linking, draft, language, "container", of, &address)));
    }
    let Some(said) = linking.knowledge.provider_of(block.of) else { return };
    let known = linking.knowledge.storage.contains_key(block.of);
    if !known && looks_like_store(linking, block.of, said.rule.modelled) {
        let address = format!("{}{}", linking.scope.instances[subject.instance].prefix, block.address());
        let trace = Trace::default();
        let draft = Draft::of("unmodelled", block.file, Some(subject.instance), block.seen, &said.probe, &trace);
        out.push(linking.observation(unmodelled(linking, draft, &said.rule.stack, "storage", block.of, &address)));
    }
}

fn unmodelled<'x>(
    linking: &Linking<'_, '_>,
    draft: Draft<'x>,
    stack: &str,
    of: &str,
    looks_like: &str,
    place: &str,
) -> Draft<'x> {
    draft
        .with("language", linking.knowledge.language)
        .with("stack", stack)
        .with("of", of)
        .with("looks_like", looks_like)
        .with("where", place)
}

fn looks_like_store(linking: &Linking<'_, '_>, of: &str, modelled: bool) -> bool {
    let residue = &linking.knowledge.residue;
    let ends = |endings: &[String]| {
        endings.iter().any(|e| {
            of.strip_suffix(e.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', ':']) || e.starts_with(char::is_uppercase))
        })
    };
    if residue.not_types.iter().any(|t| t == of) || ends(&residue.not_endings) {
        return false;
    }
    if modelled { ends(&residue.endings) } else { residue.words.iter().any(|w| of.contains(w.as_str())) }
}

fn listener(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, out: &mut Vec<Observation>) {
    let block = subject.block;
    let Some(said) = linking.knowledge.listener.get(block.of) else { return };
    let rule = &said.rule;
    let mut trace = Trace::default();
    let found = lookup(block, &rule.setting, None);
    let values: Vec<Found> =
        found.hits.iter().map(|h| resolve(linking.scope, subject.instance, &h.expr, &mut trace).0).collect();
    let mut reach = match rule.absent {
        _ if !block.whole || (found.dynamic && found.hits.is_empty()) => "unknown",
        Reach::Public => "yes",
        Reach::Private => "no",
    };
    for value in values {
        let all = if let Found::List(list) = value { list } else { vec![value] };
        for value in all {
            reach = match value {
                Found::Null => continue,
                Found::Text(text) if rule.public.contains(&text) => "yes",
                Found::Text(text) if rule.private.contains(&text) => "no",
                _ => "unknown",
            };
        }
    }
    let stack = linking.knowledge.provider_of(block.of).map_or("", |p| p.rule.stack.as_str());
    let address = format!("{}{}", linking.scope.instances[subject.instance].prefix, block.address());
    let draft = Draft::of("listener", block.file, Some(subject.instance), block.seen, &said.probe, &trace)
        .with("language", linking.knowledge.language)
        .with("stack", stack)
        .with("public", reach)
        .with("address", address)
        .with("type", block.of)
        .anchored(block, &[("block", "block")]);
    out.push(linking.observation(draft));
}

/// Emits, once for each folder, the stacks that it uses; for stacks that are not modelled, that nothing is known of their
/// places; and what could not be read.
pub(crate) fn observe_folders(linking: &Linking<'_, '_>, out: &mut Vec<Observation>) {
    for folder in &linking.scope.folders {
        let mut stacks = BTreeMap::new();
        for block in folder.providers.iter().chain(&folder.resources) {
            if let Some(said) = linking.knowledge.provider_of(block.of) {
                stacks.entry(said.rule.stack.as_str()).or_insert((said, block));
            }
        }
        let trace = Trace::default();
        for (stack, (said, block)) in stacks {
            let draft = || Draft::of("stack", block.file, None, block.seen, &said.probe, &trace);
            let named = draft().with("language", linking.knowledge.language).with("stack", stack).with("name", stack);
            out.push(linking.observation(named.with("modelled", said.rule.modelled)));
            if !said.rule.modelled {
                let residue = Draft { kind: "unmodelled", ..draft() };
                let place = format!("provider.{}", prefix_of(block.of));
                out.push(linking.observation(unmodelled(linking, residue, stack, "placement", stack, &place)));
            }
        }
        let Some(probe) = &linking.knowledge.probe else { continue };
        for (file, seen) in &folder.broken {
            for of in ["storage", "placement"] {
                let draft = Draft::of("unmodelled", *file, None, seen, probe, &trace);
                out.push(linking.observation(unmodelled(
                    linking,
                    draft,
                    linking.knowledge.language,
                    of,
                    "syntax-not-read",
                    "syntax-not-read",
                )));
            }
        }
    }
}

/// Emits, for each call of a module that is not followed, that it may store and place.
pub(crate) fn observe_calls(linking: &Linking<'_, '_>, out: &mut Vec<Observation>) {
    let Some(probe): Option<&ProbeRef> = linking.knowledge.probe.as_ref() else { return };
    for (instance, name, why) in &linking.scope.unfollowed {
        let Some(call) = linking.scope.folder(*instance).calls.get(name.as_str()) else { continue };
        let looks_like = match (why, call.block.setting("source")) {
            (Unfollowed::Elsewhere, Some(Expr::Text(source))) => source.clone(),
            (Unfollowed::Elsewhere, _) => "source-not-resolved".to_owned(),
            (Unfollowed::Bounded, _) => "module-cycle-or-too-many".to_owned(),
        };
        if linking.knowledge.residue.not_modules.contains(&looks_like) {
            continue;
        }
        let address = format!("{}module.{name}", linking.scope.instances[*instance].prefix);
        let trace = Trace::default();
        for of in ["storage", "placement"] {
            let draft = Draft::of("unmodelled", call.block.file, Some(*instance), call.block.seen, probe, &trace);
            out.push(linking.observation(unmodelled(
                linking,
                draft,
                linking.knowledge.language,
                of,
                &looks_like,
                &address,
            )));
        }
    }
}
