//! URL tables and routers of a revision: which table is included where, and so below which paths its entries lie. Circles are
//! cut, every product is bounded. Next: `mod.rs`.

use super::super::world::{Facts, MODULE, Target, World};
use ligase_domain::Seen;
use std::collections::{BTreeSet, HashMap};

/// Tables between the root and an entry.
const MAX_CHAIN: usize = 16;
/// Ways to one entry.
const MAX_WAYS: usize = 16;

/// A table or router: file and name.
type Key = (usize, String);

/// One way to a table.
#[derive(Clone, Default)]
pub(super) struct Way {
    pub(super) prefix: String,
    pub(super) files: BTreeSet<usize>,
    /// Why the way is not known whole, "" when it is.
    pub(super) reason: &'static str,
}

/// The tables of a revision.
pub(super) struct Tables<'w, 'v, 'f> {
    world: &'w World<'v, 'f>,
    entries: Vec<(usize, &'f Seen)>,
    registered: Vec<(usize, &'f Seen)>,
    /// By what is included: the entries that include it.
    incoming: HashMap<Key, Vec<(usize, &'f Seen)>>,
    outside: Vec<(usize, &'f Seen, String)>,
}

impl<'w, 'v, 'f> Tables<'w, 'v, 'f> {
    pub(super) fn new(world: &'w World<'v, 'f>) -> Self {
        let mut tables =
            Self { world, entries: Vec::new(), registered: Vec::new(), incoming: HashMap::new(), outside: Vec::new() };
        for (at, file) in world.files.iter().enumerate().filter(|(_, f)| f.is_source()) {
            tables.entries.extend(file.seen("py-url").map(|s| (at, s)));
            tables.registered.extend(file.seen("py-register").map(|s| (at, s)));
        }
        let names: BTreeSet<Key> = tables.entries.iter().map(|(f, s)| (*f, s.str("table").to_owned())).collect();
        for at in 0..tables.entries.len() {
            let (file, entry) = tables.entries[at];
            tables.include(file, entry, &names);
        }
        tables.registered.retain(|(f, s)| router_of(world, *f, s.str("scope"), s.str("router")).is_some());
        tables
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.registered.is_empty()
    }

    fn include(&mut self, file: usize, entry: &'f Seen, names: &BTreeSet<Key>) {
        let world = self.world;
        let module = entry.str("module");
        if !module.is_empty() {
            match world.module_file(file, module) {
                Some(found) => self.incoming.entry((found, "urlpatterns".to_owned())).or_default().push((file, entry)),
                None => self.outside.push((file, entry, format!("routes of {module}"))),
            }
            return;
        }
        if entry.has("unread") {
            self.outside.push((file, entry, format!("routes of {}", entry.str("unread"))));
            return;
        }
        let include = entry.str("include");
        if include.is_empty() {
            return;
        }
        let own = (file, include.to_owned());
        // `urlpatterns = [path(…)] + urlpatterns` puts entries before those that are there: it is below no other path.
        if include == entry.str("table") {
            return;
        }
        if names.contains(&own) {
            self.incoming.entry(own).or_default().push((file, entry));
            return;
        }
        if let Some(router) = include.strip_suffix(".urls").and_then(|r| router_of(world, file, MODULE, r)) {
            self.incoming.entry(router).or_default().push((file, entry));
            return;
        }
        let module = include.strip_suffix(".urlpatterns").unwrap_or(include);
        match world.resolve(file, MODULE, module) {
            Target::Module(found) => {
                self.incoming.entry((found, "urlpatterns".to_owned())).or_default().push((file, entry));
            }
            Target::Bind(found, _, name) if names.contains(&(found, name.clone())) => {
                self.incoming.entry((found, name)).or_default().push((file, entry));
            }
            // The framework's admin asks by itself.
            _ if include.ends_with("site.urls") => {}
            Target::External(dotted) if dotted.starts_with("django.") => {}
            _ => self.outside.push((file, entry, format!("routes of {include}"))),
        }
    }

    /// Entries that name a view.
    pub(super) fn views(&self) -> Vec<(usize, &'f Seen)> {
        let names = |s: &Seen| s.has("class") || s.has("symbol");
        self.entries.iter().filter(|(_, s)| names(s)).copied().collect()
    }

    pub(super) fn registered(&self) -> Vec<(usize, &'f Seen)> {
        self.registered.clone()
    }

    /// Inclusions of what does not lie here; those of the framework's own pages are known.
    pub(super) fn outside(&self) -> Vec<(usize, &'f Seen, String)> {
        let own = |what: &str| ["django.", "rest_framework."].iter().any(|m| what.contains(&format!("routes of {m}")));
        self.outside.iter().filter(|(_, _, w)| !own(w)).cloned().collect()
    }

    /// Below which paths the entries of a table lie; never empty.
    pub(super) fn ways(&self, file: usize, table: &str) -> Vec<Way> {
        self.up((file, table.to_owned()))
    }

    /// Below which paths the view sets of a router lie.
    pub(super) fn ways_of_router(&self, file: usize, entry: &Seen) -> Vec<Way> {
        let Some(key) = router_of(self.world, file, entry.str("scope"), entry.str("router")) else { return Vec::new() };
        if !self.incoming.contains_key(&key) {
            return vec![Way { reason: "router-not-included", ..Way::default() }];
        }
        self.up(key)
    }

    fn up(&self, key: Key) -> Vec<Way> {
        let mut out = Vec::new();
        let mut open = vec![(key.clone(), Way::default(), vec![key])];
        while let Some((key, mut way, trail)) = open.pop() {
            if out.len() + open.len() >= MAX_WAYS {
                out.push(way);
                break;
            }
            way.files.insert(key.0);
            let Some(includes) = self.incoming.get(&key) else {
                out.push(way);
                continue;
            };
            for (file, entry) in includes {
                let parent = (*file, entry.str("table").to_owned());
                if trail.contains(&parent) || trail.len() > MAX_CHAIN {
                    continue;
                }
                let (path, constant) = self.world.text(*file, MODULE, entry.list("path"), 0);
                let path = if entry.flag("regex") {
                    without_regex(&path)
                } else {
                    super::super::endpoints::without_converters(&path)
                };
                let mut further = way.clone();
                further.prefix = joined(&path, &way.prefix);
                if !constant && further.reason.is_empty() {
                    further.reason = "prefix-not-a-constant";
                }
                let trail = trail.iter().cloned().chain([parent.clone()]).collect();
                open.push((parent, further, trail));
            }
        }
        if out.is_empty() {
            out.push(Way { reason: "router-not-included", ..Way::default() });
        }
        out
    }
}

/// The router that a name stands for: one of the REST framework, or a class here that is made from one.
fn router_of(world: &World<'_, '_>, file: usize, scope: &str, name: &str) -> Option<Key> {
    let Target::Bind(at, _, bound) = world.resolve(file, scope, name) else { return None };
    let is_router = |d: &str| d.contains("rest_framework") && d.contains("router") || d.ends_with("Router");
    let rest = match world.follow(world.resolve(file, scope, name)) {
        Target::External(dotted) => is_router(&dotted),
        Target::Class(f, c) | Target::Instance(f, c) => world.outside_bases(f, &c).iter().any(|b| is_router(b)),
        _ => false,
    };
    rest.then_some((at, bound))
}

/// Two parts of a path with one slash between them, and one before.
pub(super) fn joined(prefix: &str, path: &str) -> String {
    let (prefix, path) = (prefix.trim_matches('/'), path.trim_start_matches('/'));
    match (prefix.is_empty(), path.is_empty()) {
        (true, _) => format!("/{path}"),
        (false, true) => format!("/{prefix}/"),
        (false, false) => format!("/{prefix}/{path}"),
    }
}

/// `^users/(?P<id>\d+)/$` is `users/{id}/`.
pub(super) fn without_regex(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let (mut depth, mut name, mut rest) = (0_usize, String::new(), path);
    while let Some(c) = rest.chars().next() {
        let step = match c {
            '(' => {
                if depth == 0 {
                    let named = rest.strip_prefix("(?P<").and_then(|r| r.split_once('>')).map(|(n, _)| n.to_owned());
                    name = named.unwrap_or_else(|| "_".to_owned());
                }
                depth += 1;
                1
            }
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    out.push_str(&format!("{{{name}}}"));
                }
                1
            }
            '\\' => {
                let escaped = rest.chars().nth(1);
                if depth == 0 {
                    out.extend(escaped.filter(|e| !e.is_alphanumeric()));
                }
                1 + escaped.map_or(0, char::len_utf8)
            }
            '^' | '$' | '?' if depth == 0 => 1,
            c => {
                if depth == 0 {
                    out.push(c);
                }
                c.len_utf8()
            }
        };
        rest = &rest[step..];
    }
    out
}

/// Facts by name, for tests of this file's readers.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_templates() {
        assert_eq!(without_regex(r"^users/(?P<id>\d+)/$"), "users/{id}/");
        assert_eq!(without_regex(r"^a/(?P<k>(x|y)+)\.json$"), "a/{k}.json");
        assert_eq!(without_regex("a/(b"), "a/");
    }

    #[test]
    fn parts_are_joined_with_one_slash() {
        assert_eq!(joined("api/", "users/"), "/api/users/");
        assert_eq!(joined("", "users/"), "/users/");
        assert_eq!(joined("api", ""), "/api/");
    }
}
