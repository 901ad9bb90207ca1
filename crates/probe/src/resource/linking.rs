//! The second step: instances of modules in, observations out. Holds what the judgements of one revision share: blocks by
//! type, which provider configuration a resource has, where a sibling points, how an observation is put together.
//! Decides no encryption and no region itself; read `storage.rs`, `placement.rs` and `residue.rs` next.

use super::eval::{Found, Trace, lookup, resolve, resources};
use super::expr::Expr;
use super::knowledge::{Concern, Knowledge, prefix_of};
use super::scope::{Block, Layout, Scope};
use super::{made, placement, residue, storage};
use ligase_domain::{LookedFile, Observation, Place, ProbeRef, Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Callers that are asked for a provider configuration.
const HOPS: usize = 16;

/// Instance, type and name of a resource.
type Address<'a> = (usize, &'a str, &'a str);

/// The shared knowledge of one linking.
pub(crate) struct Linking<'s, 'a> {
    pub(crate) knowledge: &'s Knowledge,
    pub(crate) scope: &'s Scope<'a>,
    /// Resources of each type with their instance.
    by_type: BTreeMap<&'a str, Vec<(usize, &'s Block<'a>)>>,
    by_address: BTreeMap<Address<'a>, &'s Block<'a>>,
    /// By (rule's sibling type, target): the siblings of it.
    siblings: BTreeMap<(&'a str, Address<'a>), Vec<(usize, &'s Block<'a>)>>,
    /// Roots in which a sibling of this type points nobody knows where.
    loose: BTreeSet<(usize, &'a str)>,
    /// By (root, type, setting that is the name, name).
    by_name: BTreeMap<(usize, &'a str, &'s str, String), Subject<'s, 'a>>,
    /// By (folder, provider, alias).
    providers: BTreeMap<(usize, &'a str, &'s str), &'s Block<'a>>,
    /// Types that an account's setting encrypts, and where it does; with the file that says so.
    accounts: BTreeMap<(&'s str, AccountPlace), usize>,
}

/// What an account's setting holds for: a root, a provider configuration (or the alias that has none), and a region.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AccountPlace {
    root: usize,
    configured: Result<(usize, usize, u32), String>,
    region: Option<String>,
}

/// A provider configuration that a resource has.
pub(crate) struct Configured<'s, 'a> {
    pub(crate) instance: usize,
    pub(crate) block: &'s Block<'a>,
}

/// One resource in one instance.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'s, 'a> {
    pub(crate) instance: usize,
    pub(crate) block: &'s Block<'a>,
}

/// All observations of a revision's files of one language, sorted by path, span, kind and content.
pub(crate) fn link(knowledge: &Knowledge, files: &[&LookedFile], layout: Layout) -> Vec<Observation> {
    let scope = Scope::new(files, layout);
    let linking = Linking::new(knowledge, &scope);
    let mut out = Vec::new();
    let mut asked = BTreeSet::new();
    let uses = made::uses(&linking);
    for instance in 0..scope.instances.len() {
        for block in &scope.folder(instance).resources {
            let subject = Subject { instance, block };
            if made::is_never(&linking, subject) {
                continue;
            }
            storage::observe(&linking, subject, Concern::Storage, &mut out);
            storage::observe(&linking, subject, Concern::Transport, &mut out);
            placement::observe(&linking, subject, &mut asked, &mut out);
            residue::observe(&linking, subject, &mut out);
        }
        placement::observe_providers(&linking, &uses, instance, &mut out);
    }
    // A module that nobody here calls is there for others, who say what its variables are.
    for placed in out.iter_mut().filter(|o| o.kind == "placement") {
        let path = placed.place.path.to_string();
        let own = !placed.text("address").unwrap_or_default().starts_with("module.");
        if own && path.split('/').any(|p| p == "modules") && placed.text("from") == Some("variable-default") {
            placed.attributes.insert("reusable".to_owned(), Value::Bool(true));
        }
    }
    placement::observe_environment(&linking, &mut out);
    residue::observe_folders(&linking, &mut out);
    residue::observe_calls(&linking, &mut out);
    out.sort_by(|a, b| {
        (&a.place.path, a.place.span, &a.kind).cmp(&(&b.place.path, b.place.span, &b.kind)).then_with(|| a.cmp(b))
    });
    out.dedup();
    out
}

impl<'s, 'a> Linking<'s, 'a> {
    fn new(knowledge: &'s Knowledge, scope: &'s Scope<'a>) -> Self {
        let mut out = Self {
            knowledge,
            scope,
            by_type: BTreeMap::new(),
            by_address: BTreeMap::new(),
            siblings: BTreeMap::new(),
            loose: BTreeSet::new(),
            by_name: BTreeMap::new(),
            providers: BTreeMap::new(),
            accounts: BTreeMap::new(),
        };
        for (at, folder) in scope.folders.iter().enumerate() {
            for block in &folder.providers {
                out.providers.entry((at, block.of, alias_of(block))).or_insert(block);
            }
        }
        for instance in 0..scope.instances.len() {
            for block in &scope.folder(instance).resources {
                out.by_type.entry(block.of).or_default().push((instance, block));
                out.by_address.insert((instance, block.of, block.name), block);
            }
        }
        out.name();
        out.join_siblings();
        out.note_accounts();
        out
    }

    /// The names that resources give themselves, where a rule may join by name.
    fn name(&mut self) {
        let knowledge = self.knowledge;
        let mut wanted: BTreeSet<(&'s str, &'s str)> = [("aws_s3_bucket", "bucket")].into();
        for rule in knowledge.all_encryption().map(|s| &s.rule) {
            let inherits =
                rule.inherits.iter().flat_map(|i| i.types.iter().flat_map(|t| i.named.iter().map(move |n| (t, n))));
            let siblings = rule.siblings.iter().flat_map(|s| rule.types.iter().map(move |t| (t, &s.named)));
            wanted.extend(inherits.chain(siblings).map(|(t, n)| (t.as_str(), n.as_str())));
        }
        let mut names = BTreeMap::new();
        for (of, named) in wanted {
            for (instance, block) in self.of_type(of) {
                for hit in lookup(block, named, None).hits {
                    let found = resolve(self.scope, *instance, &hit.expr, &mut Trace::default()).0;
                    if let Found::Text(text) = found {
                        let key = (self.scope.instances[*instance].root, block.of, named, text);
                        names.entry(key).or_insert(Subject { instance: *instance, block });
                    }
                }
            }
        }
        self.by_name = names;
    }

    fn account_place(&self, subject: Subject<'_, '_>, trace: &mut Trace) -> Option<AccountPlace> {
        let (name, alias) = self.bound_to(subject.block);
        let configured = self.configured(subject.instance, &name, &alias);
        let region = match subject.block.setting("region").map(|e| resolve(self.scope, subject.instance, e, trace).0) {
            None | Some(Found::Null) => None,
            Some(Found::Text(text)) => Some(text),
            Some(_) => return None,
        };
        Some(AccountPlace {
            root: self.scope.instances[subject.instance].root,
            configured: configured.map(|c| (c.instance, c.block.file, c.block.seen.span.start)).ok_or(alias),
            region,
        })
    }

    fn note_accounts(&mut self) {
        let knowledge = self.knowledge;
        let mut found = BTreeMap::new();
        for said in &knowledge.account {
            for (instance, block) in self.of_type(&said.rule.of) {
                let subject = Subject { instance: *instance, block };
                let mut trace = Trace::default();
                let on = match lookup(block, &said.rule.setting, None).hits.first() {
                    None => block.whole && said.rule.absent.holds(),
                    Some(hit) => {
                        resolve(self.scope, *instance, &hit.expr, &mut trace).0 == Found::Text("true".to_owned())
                    }
                };
                if let (true, Some(place)) = (on, self.account_place(subject, &mut trace)) {
                    for of in &said.rule.covers {
                        found.entry((of.as_str(), place.clone())).or_insert(block.file);
                    }
                }
            }
        }
        self.accounts = found;
    }

    /// Whether a setting of the account, for the same provider configuration and region, encrypts what is silent.
    pub(crate) fn account_encrypts(&self, subject: Subject<'_, '_>, trace: &mut Trace) -> bool {
        if self.accounts.is_empty() {
            return false;
        }
        let place = self.account_place(subject, trace);
        let file = place.and_then(|p| self.accounts.get(&(subject.block.of, p)).copied());
        trace.files.extend(file);
        file.is_some()
    }

    fn join_siblings(&mut self) {
        let mut joins: BTreeMap<(&str, &str), (&str, &str)> = BTreeMap::new();
        for rule in self.knowledge.all_encryption() {
            for sibling in &rule.rule.siblings {
                for of in &rule.rule.types {
                    joins.insert((sibling.of.as_str(), of.as_str()), (sibling.by.as_str(), sibling.named.as_str()));
                }
            }
        }
        let mut found = Vec::new();
        let mut loose = BTreeSet::new();
        for ((sibling, of), (by, named)) in joins {
            for (instance, block) in self.of_type(sibling) {
                let subject = Subject { instance: *instance, block };
                match self.target(subject, by, &[of], &[named], &mut Trace::default()) {
                    Target::At(at) => {
                        found.push(((block.of, (at.instance, at.block.of, at.block.name)), (*instance, *block)))
                    }
                    Target::Unknown => drop(loose.insert((self.scope.instances[*instance].root, block.of))),
                    Target::None | Target::Outside => {}
                }
            }
        }
        for (key, value) in found {
            self.siblings.entry(key).or_default().push(value);
        }
        self.loose = loose;
    }

    pub(crate) fn of_type(&self, of: &str) -> &[(usize, &'s Block<'a>)] {
        self.by_type.get(of).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn at(&self, instance: usize, of: &str, name: &str) -> Option<Subject<'s, 'a>> {
        self.by_address.get(&(instance, of, name)).map(|block| Subject { instance, block })
    }

    /// The siblings of a type that point to a resource, and whether one points nobody knows where.
    pub(crate) fn siblings_of<'b>(
        &'b self,
        of: &'b str,
        subject: Subject<'b, 'b>,
    ) -> (&'b [(usize, &'s Block<'a>)], bool) {
        let found = self.siblings.get(&(of, (subject.instance, subject.block.of, subject.block.name)));
        let root = self.scope.instances[subject.instance].root;
        (found.map_or(&[], Vec::as_slice), self.loose.contains(&(root, of)))
    }

    /// The resource that a setting refers to, or names literally.
    pub(crate) fn target(
        &self,
        from: Subject<'s, 'a>,
        by: &str,
        types: &[&str],
        named: &[&str],
        trace: &mut Trace,
    ) -> Target<'s, 'a> {
        let found = lookup(from.block, by, None);
        let Some(hit) = found.hits.first() else {
            return if found.dynamic { Target::Unknown } else { Target::None };
        };
        let referred = resources(self.scope, from.instance, &hit.expr, trace);
        if let Some(at) = referred.iter().find(|r| types.contains(&r.of.as_str())) {
            return self.at(at.instance, &at.of, &at.name).map_or(Target::Outside, Target::At);
        }
        if !referred.is_empty() {
            return Target::Outside;
        }
        match resolve(self.scope, from.instance, &hit.expr, trace).0 {
            Found::Null => Target::None,
            Found::Text(text) => self.named(from.instance, types, named, &text).map_or(Target::Outside, Target::At),
            Found::Resource(_) | Found::Outside | Found::Looked(_) => Target::Outside,
            Found::List(_) | Found::Missing | Found::Unknown => Target::Unknown,
        }
    }

    /// The resource of a type under the same root whose own name is this text.
    pub(crate) fn named(&self, instance: usize, types: &[&str], named: &[&str], text: &str) -> Option<Subject<'s, 'a>> {
        let root = self.scope.instances[instance].root;
        let keys = types.iter().flat_map(|of| named.iter().map(move |n| (root, *of, *n, text.to_owned())));
        keys.into_iter().find_map(|key| self.by_name.get(&key).copied())
    }

    /// The provider and the alias that a resource is bound to.
    pub(crate) fn bound_to(&self, block: &Block<'_>) -> (String, String) {
        let own = prefix_of(block.of).to_owned();
        match block.setting("provider") {
            Some(Expr::Ref(path)) if path.len() == 1 => (path[0].clone(), String::new()),
            Some(Expr::Ref(path)) if path.len() > 1 => (path[0].clone(), path[1].clone()),
            Some(Expr::Text(text)) => {
                let (name, alias) = text.split_once('.').unwrap_or((text, ""));
                (name.to_owned(), alias.to_owned())
            }
            _ => (own, String::new()),
        }
    }

    /// The configuration of a provider as an instance sees it: its own, what the caller passes, or the caller's default.
    pub(crate) fn configured(&self, instance: usize, name: &str, alias: &str) -> Option<Configured<'s, 'a>> {
        let (mut instance, mut name, mut alias) = (instance, name.to_owned(), alias.to_owned());
        for _ in 0..HOPS {
            let folder = self.scope.instances[instance].folder;
            if let Some(block) = self.providers.get(&(folder, name.as_str(), alias.as_str())) {
                return Some(Configured { instance, block });
            }
            let (caller, call) = self.scope.call(instance)?;
            let key = if alias.is_empty() { name.clone() } else { format!("{name}.{alias}") };
            let passed = match call.block.setting("providers") {
                Some(Expr::Object(map)) => map.get(&key),
                _ => None,
            };
            match passed {
                Some(Expr::Ref(path)) if path.len() <= 2 && !path.is_empty() => {
                    (name, alias) = (path[0].clone(), path.get(1).cloned().unwrap_or_default());
                }
                None if alias.is_empty() => {}
                _ => return None,
            }
            instance = caller;
        }
        None
    }

    /// Puts an observation together.
    pub(crate) fn observation(&self, draft: Draft<'_>) -> Observation {
        let looked = self.scope.files[draft.file];
        let mut files = draft.trace.files.clone();
        files.insert(draft.file);
        files.extend(&draft.merged);
        let mut at = draft.instance;
        while let Some((caller, call)) = at.and_then(|i| self.scope.call(i)) {
            files.insert(call.block.file);
            at = Some(caller);
        }
        let mut sources: Vec<_> = files.iter().map(|f| self.scope.files[*f].key.digest()).collect();
        sources.sort();
        sources.dedup();
        Observation {
            kind: draft.kind.to_owned(),
            attributes: draft.attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            place: Place { path: looked.path.clone(), blob: looked.key.blob, span: draft.span },
            class: looked.key.class.clone(),
            anchors: draft.anchors,
            snippet: draft.snippet.to_owned(),
            probe: draft.probe.clone(),
            sources,
        }
    }
}

/// Where a setting points.
pub(crate) enum Target<'s, 'a> {
    /// The setting is absent.
    None,
    At(Subject<'s, 'a>),
    /// A resource that is not in this repository.
    Outside,
    Unknown,
}

/// An alias is always a literal.
pub(crate) fn alias_of<'x>(provider: &'x Block<'_>) -> &'x str {
    match provider.setting("alias") {
        Some(Expr::Text(alias)) => alias,
        _ => "",
    }
}

/// What an observation is made of.
pub(crate) struct Draft<'x> {
    pub(crate) kind: &'x str,
    pub(crate) file: usize,
    /// The instance that it is seen in; its callers are among the sources.
    pub(crate) instance: Option<usize>,
    pub(crate) span: Span,
    pub(crate) anchors: BTreeMap<String, Span>,
    pub(crate) snippet: &'x str,
    pub(crate) probe: &'x ProbeRef,
    pub(crate) trace: &'x Trace,
    pub(crate) attributes: BTreeMap<&'x str, Value>,
    /// Files that override its block.
    pub(crate) merged: BTreeSet<usize>,
}

impl<'x> Draft<'x> {
    /// Of a block as a whole, without attributes.
    pub(crate) fn of(
        kind: &'x str,
        file: usize,
        instance: Option<usize>,
        seen: &'x Seen,
        probe: &'x ProbeRef,
        trace: &'x Trace,
    ) -> Self {
        Self {
            kind,
            file,
            instance,
            span: seen.span,
            anchors: BTreeMap::new(),
            snippet: &seen.snippet,
            probe,
            trace,
            attributes: BTreeMap::new(),
            merged: BTreeSet::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'x str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name, value.into());
        self
    }

    /// With the files that a block was merged from.
    pub(crate) fn merged(mut self, block: &Block<'_>) -> Self {
        self.merged.extend(&block.overridden);
        self
    }

    /// With anchors of a block under their own or another name.
    pub(crate) fn anchored(mut self, block: &Block<'_>, names: &[(&str, &str)]) -> Self {
        for (name, as_name) in names {
            self.anchors.extend(block.anchor(name).map(|span| ((*as_name).to_owned(), span)));
        }
        self
    }
}
