//! What a resource's declaration says of encryption at rest: the deciding setting, a sibling that decides, a resource that
//! it inherits from, an account's setting, or what absence means. The facts are data (`knowledge.rs`); here is only their
//! order. What cannot be resolved is unknown with a reason, unless every possible value means the same.

use super::eval::{Found, Trace, dotted, is_present, lookup, resolve};
use super::expr::Expr;
use super::knowledge::{Absence, Condition, Decider, Encrypted, Said, StorageRule};
use super::linking::{Draft, Linking, Subject, Target};
use ligase_domain::{Observation, Span};

/// Resources that inherit from resources; a snapshot of an instance of a cluster is three.
const INHERITED: usize = 5;

/// What is said of one store.
#[derive(Clone)]
struct Verdict {
    encrypted: Encrypted,
    key: &'static str,
    setting: String,
    present: bool,
    reason: String,
    spans: (Option<Span>, Option<Span>),
}

/// What the deciders of a rule came to.
#[derive(Default)]
struct Decision {
    decided: Option<(Encrypted, String, (Option<Span>, Option<Span>))>,
    /// A setting that is there and could not be resolved.
    open: Option<Open>,
    reason: &'static str,
}

struct Open {
    setting: String,
    spans: (Option<Span>, Option<Span>),
    /// One of its possible values means no.
    may_fail: bool,
}

/// Emits what a resource stores.
pub(super) fn observe(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, out: &mut Vec<Observation>) {
    let Some(rules) = linking.knowledge.storage.get(subject.block.of) else { return };
    if !subject.block.whole {
        let verdict = unknown(rules[0].rule.setting.clone(), "resource-not-read");
        emit(linking, subject, &rules[0], None, &verdict, &Trace::default(), out);
        return;
    }
    for said in rules {
        let mut trace = Trace::default();
        if !applies(linking, subject, &said.rule, &mut trace) {
            continue;
        }
        let Some(part) = &said.rule.part else {
            let verdict = judge(linking, subject, &said.rule, None, &mut trace, INHERITED);
            emit(linking, subject, said, None, &verdict, &trace, out);
            continue;
        };
        let parts: Vec<&str> = subject.block.blocks.iter().copied().filter(|b| dotted(b) == *part).collect();
        for at in &parts {
            let mut trace = Trace::default();
            let verdict = judge(linking, subject, &said.rule, Some(at), &mut trace, INHERITED);
            emit(linking, subject, said, Some(at), &verdict, &trace, out);
        }
        let dynamic = subject.block.dynamic.iter().any(|d| part == d || part.starts_with(&format!("{d}.")));
        if dynamic {
            let verdict = unknown(said.rule.setting.clone(), "setting-not-resolved");
            emit(linking, subject, said, None, &verdict, &trace, out);
        } else if let (true, Some(missing)) = (parts.is_empty(), &said.rule.part_missing) {
            let verdict = absent(linking, subject, &said.rule, missing, None, &mut trace);
            emit(linking, subject, said, None, &verdict, &trace, out);
        }
    }
}

fn unknown(setting: String, reason: &str) -> Verdict {
    Verdict {
        encrypted: Encrypted::Unknown,
        key: "unknown",
        setting,
        present: false,
        reason: reason.to_owned(),
        spans: (None, None),
    }
}

fn applies(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, rule: &StorageRule, trace: &mut Trace) -> bool {
    let mut holds = |c: &Condition| condition(linking, subject, c, None, trace) == Some(true);
    if rule.never_when.iter().any(&mut holds) {
        return false;
    }
    rule.only_when.is_empty() || rule.only_when.iter().any(holds)
}

/// Whether a condition holds; `None` when it cannot be known. What it says of settings of a part is asked of that part.
fn condition(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    when: &Condition,
    within: Option<&str>,
    trace: &mut Trace,
) -> Option<bool> {
    let (scope, instance, block) = (linking.scope, subject.instance, subject.block);
    let of_part = |path: &str| within.filter(|w| path.starts_with(&format!("{}.", dotted(w))));
    let mut parts = Vec::new();
    if let Some(path) = &when.present {
        parts.push(is_present(scope, instance, block, path, of_part(path), trace));
    }
    if let Some(path) = &when.missing {
        parts.push(is_present(scope, instance, block, path, of_part(path), trace).map(|p| !p));
    }
    if let Some(path) = &when.setting {
        let found = lookup(block, path, of_part(path));
        parts.push(match found.hits.first().map(|h| resolve(scope, instance, &h.expr, trace).0) {
            Some(Found::Text(text)) => Some(when.is.contains(&text)),
            Some(Found::Null) => Some(false),
            Some(_) => None,
            None if found.dynamic => None,
            None => Some(false),
        });
    }
    if let Some(major) = when.provider_below {
        parts.push(Some(pinned_below(linking, instance, major)));
    }
    if let Some(named) = &when.named_like {
        let hits = lookup(block, &named.setting, None).hits;
        let texts = hits.iter().filter_map(|h| match resolve(scope, instance, &h.expr, trace).0 {
            Found::Text(text) => Some(text),
            _ => None,
        });
        let mut all = texts.chain([block.name.to_owned()]);
        parts.push(Some(all.any(|t| has_word(&t, &named.words))));
    }
    if parts.contains(&Some(false)) {
        Some(false)
    } else if parts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn has_word(text: &str, words: &[String]) -> bool {
    let text = text.to_ascii_lowercase();
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|p| !p.is_empty()).collect();
    words.iter().any(|w| {
        let wanted: Vec<&str> = w.split('-').collect();
        parts.windows(wanted.len()).any(|window| window == wanted)
    })
}

/// Whether the repository pins the provider below a major version, in this module or one of its callers.
fn pinned_below(linking: &Linking<'_, '_>, instance: usize, major: u32) -> bool {
    let mut at = Some(instance);
    while let Some(here) = at {
        for block in &linking.scope.folder(here).terraform {
            for hit in lookup(block, "required_providers.aws.version", None).hits {
                if let Expr::Text(text) = &hit.expr
                    && text.split(',').any(|c| clause_below(c.trim(), major))
                {
                    return true;
                }
            }
        }
        at = linking.scope.call(here).map(|(caller, _)| caller);
    }
    false
}

fn clause_below(clause: &str, major: u32) -> bool {
    let (op, version) = clause.split_at(clause.find(|c: char| c.is_ascii_digit()).unwrap_or(clause.len()));
    let numbers: Vec<u32> = version.split('.').map_while(|n| n.trim().parse().ok()).collect();
    let Some((first, rest)) = numbers.split_first() else { return false };
    match op.trim() {
        "~>" | "=" | "" | "<=" => *first < major,
        "<" => *first < major || (*first == major && rest.iter().all(|n| *n == 0)),
        _ => false,
    }
}

fn worse(a: Encrypted, b: Encrypted) -> bool {
    const fn rank(e: Encrypted) -> u8 {
        match e {
            Encrypted::No => 0,
            Encrypted::Unknown => 1,
            Encrypted::ByDefault => 2,
            Encrypted::Yes => 3,
        }
    }
    rank(a) < rank(b)
}

fn decide(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    deciders: &[Decider],
    within: Option<&str>,
    trace: &mut Trace,
) -> Decision {
    let mut out = Decision::default();
    for decider in deciders {
        let found = lookup(subject.block, &decider.setting, within);
        let may_fail = decider.values.values().chain(&decider.present).any(|e| !e.holds());
        let open = |spans| Open { setting: decider.setting.clone(), spans, may_fail };
        if found.dynamic && out.open.is_none() {
            out.open = Some(open((None, None)));
        }
        let mut worst: Option<(Encrypted, (Option<Span>, Option<Span>))> = None;
        for hit in &found.hits {
            let spans = (hit.setting, hit.value);
            let meant = match resolve(linking.scope, subject.instance, &hit.expr, trace).0 {
                Found::Null => continue,
                Found::Text(text) if text.is_empty() => continue,
                Found::Text(text) => Some(decider.present.unwrap_or_else(|| {
                    decider.values.get(&text).copied().unwrap_or_else(|| {
                        out.reason = "setting-not-recognised";
                        Encrypted::Unknown
                    })
                })),
                Found::Unknown | Found::List(_) => None,
                Found::Resource(_) | Found::Outside | Found::Looked(_) => decider.present,
            };
            match meant {
                Some(meant) if worst.is_none_or(|(w, _)| worse(meant, w)) => worst = Some((meant, spans)),
                Some(_) => {}
                None => out.open = Some(out.open.take().unwrap_or_else(|| open(spans))),
            }
        }
        if let Some((encrypted, spans)) = worst {
            out.decided = Some((encrypted, decider.setting.clone(), spans));
            break;
        }
    }
    out
}

fn judge(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    rule: &StorageRule,
    within: Option<&str>,
    trace: &mut Trace,
    depth: usize,
) -> Verdict {
    let decision = decide(linking, subject, &rule.decide, within, trace);
    let mut verdict = match decision.decided {
        Some((encrypted, setting, spans)) => Verdict {
            encrypted,
            key: "unknown",
            setting,
            present: true,
            reason: if encrypted == Encrypted::Unknown { decision.reason.to_owned() } else { String::new() },
            spans,
        },
        None => undecided(linking, subject, rule, within, trace, depth),
    };
    if let Some(open) = decision.open
        && (!verdict.encrypted.holds() || open.may_fail)
        && !(verdict.encrypted == Encrypted::No && verdict.present && verdict.setting == open.setting)
    {
        verdict = unknown(open.setting, "setting-not-resolved");
        verdict.present = open.spans.1.is_some();
        verdict.spans = open.spans;
    }
    if verdict.key == "unknown" && verdict.reason != "inherited" {
        verdict.key = match verdict.encrypted {
            Encrypted::No => "none",
            Encrypted::Unknown => "unknown",
            Encrypted::Yes | Encrypted::ByDefault => key(linking, subject, &rule.key, within, trace),
        };
    }
    verdict
}

/// No setting of the resource itself decides.
fn undecided(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    rule: &StorageRule,
    within: Option<&str>,
    trace: &mut Trace,
    depth: usize,
) -> Verdict {
    let mut loose = false;
    for sibling in &rule.siblings {
        let (found, elsewhere) = linking.siblings_of(&sibling.of, subject);
        loose |= elsewhere;
        for (instance, block) in found {
            let other = Subject { instance: *instance, block };
            trace.files.insert(block.file);
            let decision = decide(linking, other, &sibling.decide, None, trace);
            let mut verdict = match decision.decided {
                Some((encrypted, _, _)) if encrypted.holds() || decision.open.is_none() => Verdict {
                    encrypted,
                    key: "unknown",
                    setting: sibling.of.clone(),
                    present: true,
                    reason: String::new(),
                    spans: (None, None),
                },
                _ if !block.whole || decision.open.is_some() => unknown(sibling.of.clone(), "setting-not-resolved"),
                _ => continue,
            };
            if verdict.encrypted.holds() {
                verdict.key = key(linking, other, &sibling.key, None, trace);
            } else if rule.absent.holds() {
                // Whatever the sibling comes to, the provider encrypts.
                verdict = Verdict { encrypted: rule.absent, reason: String::new(), ..verdict };
            }
            return verdict;
        }
    }
    if let Some(verdict) = inherited(linking, subject, rule, trace, depth) {
        return verdict;
    }
    let last = Absence { when: None, encrypted: rule.absent, reason: rule.absent_reason.clone() };
    let mut verdict = absent(linking, subject, rule, &last, within, trace);
    if loose && !verdict.encrypted.holds() {
        verdict = unknown(rule.setting.clone(), "setting-not-resolved");
    }
    verdict
}

/// What holds without a setting: the first condition that applies, an account's setting, the last resort.
fn absent(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    rule: &StorageRule,
    last: &Absence,
    within: Option<&str>,
    trace: &mut Trace,
) -> Verdict {
    let say = |absence: &Absence| Verdict {
        encrypted: absence.encrypted,
        key: "unknown",
        setting: rule.setting.clone(),
        present: false,
        reason: absence.reason.clone(),
        spans: (None, None),
    };
    let mut verdict = None;
    for absence in &rule.absent_when {
        let holds = absence.when.as_ref().map_or(Some(true), |w| condition(linking, subject, w, within, trace));
        match holds {
            Some(false) => continue,
            Some(true) => verdict = Some(say(absence)),
            None if absence.encrypted == last.encrypted => continue,
            None => verdict = Some(unknown(rule.setting.clone(), "setting-not-resolved")),
        }
        break;
    }
    let mut verdict = verdict.unwrap_or_else(|| say(last));
    if !verdict.encrypted.holds() && account_encrypts(linking, subject, trace) {
        verdict = say(&Absence { when: None, encrypted: Encrypted::ByDefault, reason: String::new() });
    }
    verdict.key = match verdict.encrypted {
        Encrypted::No => "none",
        Encrypted::Unknown => "unknown",
        Encrypted::Yes | Encrypted::ByDefault => key(linking, subject, &rule.key, within, trace),
    };
    verdict
}

/// Whether a setting of the account, for the same provider configuration and region, encrypts what is silent.
fn account_encrypts(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, trace: &mut Trace) -> bool {
    let place = |s: Subject<'_, '_>, trace: &mut Trace| {
        let (name, alias) = linking.bound_to(s.block);
        let configured =
            linking.configured(s.instance, &name, &alias).map(|c| (c.instance, c.block.seen.span, c.block.file));
        let region = s.block.settings.get("region").map(|e| resolve(linking.scope, s.instance, e, trace).0);
        (linking.scope.instances[s.instance].root, configured, alias, region)
    };
    let own = place(subject, trace);
    for said in &linking.knowledge.account {
        if !said.rule.covers.iter().any(|c| c == subject.block.of) {
            continue;
        }
        for (instance, block) in linking.of_type(&said.rule.of) {
            let other = Subject { instance: *instance, block };
            let there = place(other, trace);
            if there.0 != own.0 || there.1 != own.1 || there.3 != own.3 || there.3 == Some(Found::Unknown) {
                continue;
            }
            if there.1.is_none() && there.2 != own.2 {
                continue;
            }
            let encrypts = match lookup(block, &said.rule.setting, None).hits.first() {
                None => block.whole && said.rule.absent.holds(),
                Some(hit) => resolve(linking.scope, *instance, &hit.expr, trace).0 == Found::Text("true".to_owned()),
            };
            if encrypts {
                trace.files.insert(block.file);
                return true;
            }
        }
    }
    false
}

fn inherited(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    rule: &StorageRule,
    trace: &mut Trace,
    depth: usize,
) -> Option<Verdict> {
    for inherits in &rule.inherits {
        let types: Vec<&str> = inherits.types.iter().map(String::as_str).collect();
        let named: Vec<&str> = inherits.named.iter().map(String::as_str).collect();
        let mut verdict = match linking.target(subject, &inherits.by, &types, &named, trace) {
            Target::None => continue,
            Target::Outside => unknown(String::new(), "inherited-from-outside"),
            Target::Unknown => unknown(String::new(), "setting-not-resolved"),
            Target::At(_) if depth == 0 => unknown(String::new(), "setting-not-resolved"),
            Target::At(at) => {
                trace.files.insert(at.block.file);
                let rules = linking.knowledge.storage.get(at.block.of);
                let other = rules.and_then(|r| r.iter().find(|r| r.rule.part.is_none() && r.rule.store.is_none()));
                match other {
                    Some(other) if at.block.whole => {
                        let verdict = judge(linking, at, &other.rule, None, trace, depth - 1);
                        let reason = if verdict.encrypted == Encrypted::Unknown {
                            verdict.reason
                        } else {
                            "inherited".to_owned()
                        };
                        Verdict { reason, ..verdict }
                    }
                    _ => unknown(String::new(), "setting-not-resolved"),
                }
            }
        };
        // The setting is the other resource's: nothing here can be edited for it.
        verdict.setting = String::new();
        verdict.present = false;
        verdict.spans = (None, None);
        return Some(verdict);
    }
    None
}

/// Whose key encrypts.
fn key(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    paths: &[String],
    within: Option<&str>,
    trace: &mut Trace,
) -> &'static str {
    for path in paths {
        let found = lookup(subject.block, path, within);
        if found.dynamic {
            return "unknown";
        }
        let Some(hit) = found.hits.first() else { continue };
        match resolve(linking.scope, subject.instance, &hit.expr, trace).0 {
            Found::Null => {}
            Found::Text(text) if text.is_empty() => {}
            Found::Text(text) if text.contains("alias/aws/") || text.starts_with("AWS_OWNED") => return "provider",
            Found::Text(_) | Found::Resource(_) | Found::Outside => return "customer",
            Found::List(_) | Found::Looked(_) | Found::Unknown => return "unknown",
        }
    }
    "provider"
}

fn emit(
    linking: &Linking<'_, '_>,
    subject: Subject<'_, '_>,
    said: &Said<StorageRule>,
    part: Option<&str>,
    verdict: &Verdict,
    trace: &Trace,
    out: &mut Vec<Observation>,
) {
    let (block, rule) = (subject.block, &said.rule);
    let stack = linking.knowledge.provider_of(block.of).map_or("", |p| p.rule.stack.as_str());
    let address = format!(
        "{}{}{}",
        linking.scope.instances[subject.instance].prefix,
        block.address(),
        suffix(linking, subject, rule, part)
    );
    // A setting is named from the block at whose end it would be added: the nested one where that stands.
    let setting = match part.and(rule.part.as_deref()) {
        Some(part) => verdict.setting.strip_prefix(part).and_then(|s| s.strip_prefix('.')).unwrap_or(&verdict.setting),
        None => &verdict.setting,
    };
    let mut draft = Draft::of("storage", block.file, Some(subject.instance), block.seen, &said.probe, trace)
        .with("language", "terraform")
        .with("stack", stack)
        .with("provider", block.of.split('_').next().unwrap_or_default())
        .with("type", block.of)
        .with("address", address)
        .with("encrypted", verdict.encrypted.name())
        .with("key", verdict.key)
        .with("setting", setting)
        .with("setting_present", verdict.present)
        .with("reason", verdict.reason.as_str())
        .with("replaces", rule.replaces);
    draft = match part {
        None => draft.anchored(block, &[("block", "block"), ("body_end", "body_end")]),
        Some(at) => {
            let (whole, end) = (format!("block:{at}"), format!("body_end:{at}"));
            draft.span = block.anchor(&whole).unwrap_or(draft.span);
            draft.anchored(block, &[(&whole, "block"), (&end, "body_end")])
        }
    };
    draft.anchors.extend(verdict.spans.0.map(|s| ("setting".to_owned(), s)));
    draft.anchors.extend(verdict.spans.1.map(|s| ("value".to_owned(), s)));
    out.push(linking.observation(draft));
}

/// What tells the stores of one resource apart: `.root_block_device`, `.ebs_block_device["/dev/sdf"]`.
fn suffix(linking: &Linking<'_, '_>, subject: Subject<'_, '_>, rule: &StorageRule, part: Option<&str>) -> String {
    if let Some(store) = &rule.store {
        return format!(".{store}");
    }
    let Some(name) = &rule.part else { return String::new() };
    let Some(at) = part else {
        return format!(".{name}");
    };
    let Some(label) = &rule.part_label else { return format!(".{name}") };
    // The label may stand in an outer block of the part: `block_device_mappings[0].ebs[0]` is named by the mapping.
    let outer = label.rsplit_once('.').map_or("", |(outer, _)| outer);
    let depth = if outer.is_empty() { 0 } else { outer.split('.').count() };
    let within: Vec<&str> = at.split('.').take(depth).collect();
    let hits = lookup(subject.block, label, Some(&within.join("."))).hits;
    match hits.first().map(|h| resolve(linking.scope, subject.instance, &h.expr, &mut Trace::default()).0) {
        Some(Found::Text(text)) => format!(".{name}[{text:?}]"),
        _ => format!(".{at}"),
    }
}
