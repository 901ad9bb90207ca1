//! What an object shows when it is written whole: the classified fields of its class, wherever that stands.
//! Next: `logs.rs`.

use super::world::{Target, World};
use crate::emit::Facts;
use crate::vocabulary::Vocabulary;
use ligase_domain::{Seen, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Values that one whole object adds.
const MAX_OBJECT_VALUES: usize = 4;
/// Classes that are walked up.
const MAX_CLASSES: usize = 16;
/// Ends of the names of types from outside that carry what somebody sent.
const CARRIERS: &[&str] = &["Dto", "DTO", "Request", "Payload", "Body", "Input", "Credentials", "Form"];

/// One classified field.
pub(super) type Shows<'f> = &'f BTreeMap<String, Value>;

/// What an object shows when it is written whole.
pub(super) enum Shown<'f> {
    Nothing,
    Opaque,
    Fields(usize, Vec<Shows<'f>>),
}

/// Classes by file and name.
pub(super) struct Objects<'w, 'f> {
    world: &'w World<'f>,
    vocabulary: &'w Vocabulary,
    classes: HashMap<(usize, &'f str), &'f Seen>,
}

impl<'w, 'f> Objects<'w, 'f> {
    pub(super) fn new(world: &'w World<'f>, vocabulary: &'w Vocabulary) -> Self {
        let mut classes = HashMap::new();
        for (at, file) in world.files.iter().enumerate() {
            for seen in file.seen("code-class") {
                classes.insert((at, seen.str("name")), seen);
            }
        }
        Self { world, vocabulary, classes }
    }

    /// The class that a name of a file stands for.
    fn class(&self, file: usize, name: &str) -> Result<(usize, &'f Seen), Target> {
        let known = |at: usize, name: &str| self.classes.get(&(at, name)).map(|s| (at, *s));
        let dialect = self.world.files[file].looked.key.class.dialect.as_str();
        if let Some(found) = known(file, name) {
            return Ok(found);
        }
        let in_package = |package: &str, name: &str| {
            let mut files = self.world.package(package).iter();
            files.find_map(|f| known(*f, name))
        };
        let own = &self.world.files[file];
        match dialect {
            "java" => {
                let taken = own.imports.get(name).and_then(|t| in_package(t.module, t.symbol));
                let found = taken
                    .or_else(|| in_package(own.package, name))
                    .or_else(|| own.wildcards.iter().find_map(|w| in_package(w, name)));
                found.ok_or_else(|| Target::Outside(name.to_owned()))
            }
            "go" => {
                let folder = own.path.rsplit_once('/').map_or("", |(f, _)| f);
                let found = match name.split_once('.') {
                    Some((package, class)) => own.imports.get(package).and_then(|t| in_package(t.module, class)),
                    None => in_package(folder, name),
                };
                found.ok_or_else(|| Target::Outside(name.to_owned()))
            }
            _ => match self.world.resolve(file, name) {
                Target::Inside(at, inside) => known(at, &inside).ok_or(Target::Inside(at, inside)),
                outside @ Target::Outside(_) => Err(outside),
            },
        }
    }

    /// The classified fields of a class, with those that it inherits.
    fn classified(&self, file: usize, seen: &'f Seen) -> Vec<Shows<'f>> {
        let (mut out, mut open, mut known) = (Vec::new(), vec![(file, seen)], HashSet::new());
        while let Some((file, seen)) = open.pop() {
            if known.len() >= MAX_CLASSES || !known.insert((file, seen.str("name"))) {
                continue;
            }
            out.extend(seen.list("fields").iter().filter_map(Value::as_map));
            open.extend(seen.texts("bases").filter_map(|b| self.class(file, b).ok()));
        }
        out
    }

    /// What an object of a log call shows.
    pub(super) fn shown(&self, file: usize, object: &BTreeMap<String, Value>) -> Shown<'f> {
        let (name, dumped) = (object.str("class"), object.flag("dumped"));
        let dialect = self.world.files[file].looked.key.class.dialect.as_str();
        let script = matches!(dialect, "typescript" | "javascript");
        let (at, seen) = match self.class(file, name) {
            Ok(found) => found,
            Err(Target::Inside(..)) => return Shown::Nothing,
            Err(Target::Outside(_)) => {
                let short = name.rsplit('.').next().unwrap_or(name);
                let owner = ["person", "patient", "card"].iter().any(|s| self.vocabulary.classes.is_owner(short, s));
                let carries = owner || CARRIERS.iter().any(|c| short.ends_with(c));
                return if carries && (dumped || !script) { Shown::Opaque } else { Shown::Nothing };
            }
        };
        if seen.flag("own_text") && (!dumped || script) {
            if seen.flag("text_opaque") {
                return Shown::Opaque;
            }
            return fields(at, seen.list("text").iter().filter_map(Value::as_map).collect());
        }
        let shows = match dialect {
            "java" => dumped || seen.flag("shows"),
            "go" => true,
            _ => dumped,
        };
        let without: Vec<&str> = object.texts("without").collect();
        let kept = |f: &Shows<'f>| !f.flag("masked") && !f.flag("hidden") && !without.contains(&f.str("name"));
        if shows { fields(at, self.classified(at, seen).into_iter().filter(kept).collect()) } else { Shown::Nothing }
    }
}

/// The surest field of each class of data.
fn fields(file: usize, all: Vec<Shows<'_>>) -> Shown<'_> {
    let mut by_class: BTreeMap<&str, Shows<'_>> = BTreeMap::new();
    for field in all {
        let sure = |f: Shows<'_>| f.get("confidence").and_then(Value::as_int).unwrap_or_default();
        if by_class.get(field.str("class")).is_none_or(|known| sure(field) > sure(known)) {
            by_class.insert(field.str("class"), field);
        }
    }
    if by_class.is_empty() {
        return Shown::Nothing;
    }
    Shown::Fields(file, by_class.into_values().take(MAX_OBJECT_VALUES).collect())
}
