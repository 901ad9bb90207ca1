//! What is made at all, and what a provider configuration is there for: resources whose count is nought where they are
//! called, and configurations that only names, rights or lookups use. Emits nothing; `linking.rs` and `placement.rs` ask.

use super::eval::{Found, From, Trace, resolve};
use super::expr::Expr;
use super::functions::references;
use super::linking::{Configured, Linking, Subject, alias_of};
use super::scope::Scope;
use std::collections::BTreeMap;

/// Whether a resource is never made: its count is nought, and nobody outside of the repository can say otherwise.
pub(super) fn is_never(linking: &Linking<'_, '_>, subject: Subject<'_, '_>) -> bool {
    let Some(count) = subject.block.setting("count") else { return false };
    let (found, from) = resolve(linking.scope, subject.instance, count, &mut Trace::default());
    let asked = || references(count).iter().any(|r| is_open(linking.scope, subject.instance, r));
    found == Found::Text("0".to_owned()) && (matches!(from, From::Literal | From::VariableDefault)) && !asked()
}

/// Whether a reference leads to what somebody else may say: a root's variable, or what a caller passes on from elsewhere.
fn is_open(scope: &Scope<'_>, instance: usize, reference: &Expr) -> bool {
    let Expr::Ref(path) = reference else { return true };
    let (Some("var"), Some(name)) = (path.first().map(String::as_str), path.get(1)) else { return true };
    let Some((_, call)) = scope.call(instance) else { return true };
    let passed = call.arguments.get(name.as_str()).map(|b| &b.value);
    !matches!(passed, None | Some(Some(Expr::Bool(_) | Expr::Text(_) | Expr::Null)))
}

/// What uses a provider configuration, the most that is seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Use {
    /// What keeps no data.
    Nothing,
    /// A module that is not in the repository.
    Elsewhere,
    Data,
}

/// Instance, file and place of a provider configuration.
type Place = (usize, usize, u32);

/// What each provider configuration of a revision is used for.
pub(super) struct Uses(BTreeMap<Place, Use>);

fn place(at: &Configured<'_, '_>) -> Place {
    (at.instance, at.block.file, at.block.seen.span.start)
}

/// What uses which provider configuration.
pub(super) fn uses(linking: &Linking<'_, '_>) -> Uses {
    let mut found: BTreeMap<Place, Use> = BTreeMap::new();
    let mut note = |instance: usize, name: &str, alias: &str, what: Use| {
        if let Some(at) = linking.configured(instance, name, alias) {
            let most = found.entry(place(&at)).or_insert(what);
            *most = what.max(*most);
        }
    };
    for instance in 0..linking.scope.instances.len() {
        for block in &linking.scope.folder(instance).resources {
            let (name, alias) = linking.bound_to(block);
            let known = linking.knowledge.provider_of(block.of).is_some_and(|p| p.rule.keeps_nothing(block.of));
            note(instance, &name, &alias, if known { Use::Nothing } else { Use::Data });
        }
    }
    for (instance, name, _) in &linking.scope.unfollowed {
        let Some(call) = linking.scope.folder(*instance).calls.get(name.as_str()) else { continue };
        let Some(Expr::Object(passed)) = call.block.setting("providers") else { continue };
        for given in passed.values() {
            if let Expr::Ref(path) = given
                && let Some(name) = path.first()
            {
                note(*instance, name, path.get(1).map_or("", String::as_str), Use::Elsewhere);
            }
        }
    }
    Uses(found)
}

impl Uses {
    /// The word for a configuration that is not there for data, as far as it is seen.
    pub(super) fn of(&self, linking: &Linking<'_, '_>, at: &Configured<'_, '_>) -> Option<&'static str> {
        let folder = linking.scope.folder(at.instance);
        let aliased = !alias_of(at.block).is_empty();
        let root = |instance: usize| linking.scope.instances[instance].root;
        let calls_elsewhere = || linking.scope.unfollowed.iter().any(|(i, ..)| root(*i) == root(at.instance));
        match self.0.get(&place(at)) {
            Some(Use::Data) => None,
            // What has no other configuration is where a module from elsewhere puts what it makes.
            Some(Use::Elsewhere) => aliased.then_some("elsewhere"),
            Some(Use::Nothing) => (aliased || !calls_elsewhere()).then_some("nothing"),
            None if !aliased => None,
            None if folder.broken.is_empty() && !folder.unsure => Some("nothing"),
            None => Some("elsewhere"),
        }
    }
}
