//! Views that are classes: which of their methods answer, and what stands before each (the class's own lists, those of the
//! classes that it inherits from, decorators of the method). Next: `endpoints.rs` and `django/mod.rs`, which use it.

use super::guards::{Guard, Guards, Kind, Verdict};
use super::routers::{Hung, push};
use super::world::{Facts, MODULE, Target, World};
use ligase_domain::{Seen, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Classes of one chain.
const MAX_CLASSES: usize = 32;
/// Lists of classes that are put together from one another.
const MAX_LISTS: usize = 6;
/// Elements of such a list.
const MAX_ELEMENTS: usize = 64;
/// Methods of a class that answer, with what they answer.
pub(super) const ANSWERS: &[(&str, &str)] = &[
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
];

/// One method of a class that answers.
pub(super) struct View<'f> {
    pub(super) file: usize,
    /// Qualified: `UserApi.get`.
    pub(super) function: String,
    pub(super) seen: &'f Seen,
    pub(super) method: &'static str,
    pub(super) hung: Vec<Hung>,
    pub(super) files: BTreeSet<usize>,
}

/// A class with those that it inherits from, in the order in which a name is looked up, and its bases from outside.
pub(super) fn lineage(world: &World<'_, '_>, file: usize, class: &str) -> (Vec<(usize, String)>, Vec<String>) {
    let (mut own, mut outside, mut known) = (Vec::new(), Vec::new(), HashSet::new());
    let mut open = vec![(file, class.to_owned())];
    while let Some((file, class)) = open.pop() {
        if own.len() > MAX_CLASSES || !known.insert((file, class.clone())) {
            continue;
        }
        for base in world.bases(file, &class).into_iter().rev() {
            match world.follow(world.resolve(file, MODULE, base)) {
                Target::Class(f, c) | Target::Instance(f, c) => open.push((f, c)),
                Target::External(dotted) => outside.push(crate::python::functions::plain(&dotted)),
                _ => outside.push(format!("?{base}")),
            }
        }
        own.push((file, class));
    }
    (own, outside)
}

/// A list among a class's attributes, at the nearest class that has it: where it stands, its elements, and whether some of
/// it could not be read.
pub(super) fn setting<'f>(
    world: &World<'_, 'f>,
    own: &[(usize, String)],
    name: &str,
) -> Option<(usize, String, &'f BTreeMap<String, Value>)> {
    own.iter().find_map(|(file, class)| {
        let seen = *world.files[*file].classes.get(class.as_str())?;
        let list = seen.attributes.get("settings").and_then(Value::as_list)?;
        let found = list.iter().filter_map(Value::as_map).rfind(|s| s.str("name") == name)?;
        Some((*file, class.clone(), found))
    })
}

/// An element of such a list: where it stands, and what is said of it.
pub(super) type Element<'f> = (usize, String, &'f BTreeMap<String, Value>);

/// The elements of a list among a class's attributes, with those of the lists of other classes that it is put together from:
/// `decorators = Base.decorators + [limited]`. Whether some of it could not be read.
pub(super) fn elements<'f>(
    world: &World<'_, 'f>,
    file: usize,
    scope: &str,
    list: &'f BTreeMap<String, Value>,
    name: &str,
) -> (Vec<Element<'f>>, bool) {
    let (mut out, mut opaque) = (Vec::new(), list.flag("opaque"));
    let mut open: Vec<(usize, String, &'f BTreeMap<String, Value>, usize)> =
        list.list("items").iter().filter_map(Value::as_map).map(|i| (file, scope.to_owned(), i, 0)).collect();
    open.reverse();
    while let Some((file, scope, item, depth)) = open.pop() {
        let inherited = item.str("symbol").rsplit_once('.').filter(|(_, n)| *n == name).map(|(holder, _)| holder);
        let Some(holder) = inherited.filter(|_| depth < MAX_LISTS) else {
            out.push((file, scope, item));
            continue;
        };
        match world.follow(world.resolve(file, MODULE, holder)) {
            Target::Class(f, c) | Target::Instance(f, c) => {
                let (own, outside) = lineage(world, f, &c);
                match setting(world, &own, name) {
                    Some((f, c, list)) => {
                        opaque |= list.flag("opaque");
                        let items = list.list("items").iter().rev().filter_map(Value::as_map);
                        open.extend(items.map(|i| (f, c.clone(), i, depth + 1)));
                    }
                    // The classes that it is made from have none, or nobody here knows.
                    None => opaque |= outside.iter().any(|b| b.starts_with('?')),
                }
            }
            _ => out.push((file, scope, item)),
        }
        if out.len() + open.len() > MAX_ELEMENTS {
            return (out, true);
        }
    }
    (out, opaque)
}

/// A method, at the nearest class that has it.
pub(super) fn method<'f>(
    world: &World<'_, 'f>,
    own: &[(usize, String)],
    name: &str,
) -> Option<(usize, String, &'f Seen)> {
    own.iter().find_map(|(file, class)| {
        let qualified = format!("{class}.{name}");
        world.files[*file].functions.get(qualified.as_str()).map(|seen| (*file, qualified.clone(), *seen))
    })
}

/// Adds what a function's decorators guard.
pub(super) fn decorators(
    guards: &Guards<'_, '_, '_>,
    file: usize,
    seen: &Seen,
    hung: &mut Vec<Hung>,
    files: &mut BTreeSet<usize>,
) {
    for decorator in seen.list("decorators").iter().filter_map(Value::as_map) {
        let verdict = guards.decorator(file, MODULE, decorator);
        files.extend(&verdict.files);
        push(hung, verdict, "decorator", false);
    }
}

/// A guard that nobody here can say more of.
pub(super) fn unknown(symbol: &str) -> Verdict {
    Verdict::of(Guard { symbol: symbol.to_owned(), kind: Kind::Unknown, optional: false, scheme: false })
}

/// The methods of a class that a route of Flask names; the error is what it looks like.
pub(super) fn flask<'f>(
    world: &World<'_, 'f>,
    guards: &Guards<'_, '_, 'f>,
    file: usize,
    route: &Seen,
) -> Result<Vec<View<'f>>, String> {
    let scope = route.str("scope");
    let target = world.follow(world.resolve(file, scope, route.str("class")));
    let (Target::Class(at, class) | Target::Instance(at, class)) = target else {
        return Err(format!("view class {}", route.str("class")));
    };
    let (own, outside) = lineage(world, at, &class);
    let only: Vec<&str> = route.texts("only").collect();
    let mut found: Vec<(&'static str, (usize, String, &'f Seen))> = ANSWERS
        .iter()
        .filter(|(_, method)| only.is_empty() || only.contains(method) || only.contains(&"ANY"))
        .filter_map(|(name, answers)| Some((*answers, method(world, &own, name)?)))
        .collect();
    if found.is_empty() {
        found.extend(method(world, &own, "dispatch_request").map(|m| ("ANY", m)));
    }
    if found.is_empty() {
        return Err(format!("view class {class} without methods"));
    }
    let mut views = Vec::new();
    for (answers, (function_file, function, seen)) in found {
        let (mut hung, mut files) = (Vec::new(), BTreeSet::from([file, function_file]));
        decorators(guards, function_file, seen, &mut hung, &mut files);
        for name in ["decorators", "method_decorators"] {
            let Some((f, c, list)) = setting(world, &own, name) else { continue };
            files.insert(f);
            let (items, opaque) = elements(world, f, &c, list, name);
            for (f, c, item) in items {
                files.insert(f);
                let key = item.str("key");
                if key.is_empty() || key.eq_ignore_ascii_case(answers) {
                    push(&mut hung, guards.decorator(f, &c, item), "class", false);
                }
            }
            if opaque {
                push(&mut hung, unknown(&format!("{c}.{name}")), "class", false);
            }
        }
        for wrapper in route.list("wrappers").iter().filter_map(Value::as_map) {
            push(&mut hung, guards.decorator(file, scope, wrapper), "decorator", false);
        }
        if answers != "ANY"
            && let Some((f, dispatch, _)) = method(world, &own, "dispatch_request")
        {
            push(&mut hung, guards.runs_before(f, &dispatch), "class", false);
        }
        // What a class from outside does before its methods is not known, but for those that are made for it.
        for base in outside.iter().filter(|b| !guards.is_plain_module(b)) {
            push(&mut hung, unknown(base), "class", false);
        }
        views.push(View { file: function_file, function, seen, method: answers, hung, files });
    }
    Ok(views)
}
