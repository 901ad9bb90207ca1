//! How a declared attribute is kept, over all files: by what its declaration says, by the converter, transformer,
//! serializer or type that it names, wherever that is defined, and by the calls that write it. A definition that nobody here
//! can look into is *unknown*, never *clear*. Next: `../stored/mod.rs`.

use super::Out;
use super::world::{Target, World};
use crate::code::stored::protects;
use crate::emit::{Attributes, Facts};
use crate::vocabulary::{Vocabulary, words};
use ligase_domain::{Seen, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Definitions that are followed one behind the other.
const MAX_DEPTH: u8 = 4;
/// Words of names that hold what a person types to log in; a hash of it is often kept under the same name.
const PASSWORDS: &[&str] = &["password", "passwd", "pwd", "passphrase", "passcode"];

/// What becomes of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Does {
    Protects(&'static str, String),
    Nothing,
    Binary,
    /// It refers to something that has fields of its own.
    Refers,
    Unknown,
}

struct Stored<'w, 'f> {
    vocabulary: &'w Vocabulary,
    world: &'w World<'f>,
    /// By name: what a definition does.
    does: HashMap<&'f str, Vec<(usize, &'f Seen)>>,
    /// By the attribute's name in lower case.
    writes: HashMap<String, Vec<(usize, &'f Seen)>>,
    /// By type: the converter that holds for all of its attributes.
    applied: HashMap<&'f str, Vec<(usize, &'f str)>>,
    /// Stored classes that have an attribute of that name.
    owners: HashMap<String, HashSet<&'f str>>,
}

/// Emits every stored attribute that holds classified data.
pub(super) fn emit(vocabulary: &Vocabulary, world: &World<'_>, out: &mut Out<'_, '_>) {
    let stored = Stored::new(vocabulary, world);
    for (at, file) in world.files.iter().enumerate() {
        for seen in file.seen("code-field") {
            let mut files = BTreeSet::new();
            let does = stored.kept(at, seen, &mut files);
            let password = words(seen.str("name")).last().is_some_and(|w| PASSWORDS.contains(&w.as_str()));
            let (encrypted, by, reason) = match does {
                Does::Refers => continue,
                Does::Protects(how, by) => (how, by, ""),
                Does::Nothing if password => ("unknown", String::new(), "may-hold-a-hash"),
                Does::Nothing => ("no", String::new(), ""),
                Does::Binary => ("unknown", String::new(), "binary-content-not-known"),
                Does::Unknown => ("unknown", String::new(), "type-not-resolved"),
            };
            let dialect = file.looked.key.class.dialect.as_str();
            let attributes = Attributes::default()
                .with("language", dialect)
                .with("stack", seen.str("store"))
                .with("owner", seen.str("owner"))
                .with("name", seen.str("name"))
                .with("class", seen.str("class"))
                .with("confidence", seen.attributes.get("confidence").and_then(Value::as_int).unwrap_or_default())
                .with("strict", seen.flag("strict"))
                .with("type", seen.str("type"))
                .with("store", seen.str("store"))
                .with("encrypted", encrypted)
                .with("by", by)
                .with("setting", seen.str("type"))
                .with("reuse", if encrypted == "no" { stored.converter(at, seen, &mut files) } else { String::new() })
                .with("reason", reason);
            out.put("data-field", at, seen, attributes, seen.anchors.clone(), &files);
        }
    }
}

impl<'w, 'f> Stored<'w, 'f> {
    fn new(vocabulary: &'w Vocabulary, world: &'w World<'f>) -> Self {
        let mut stored = Self {
            vocabulary,
            world,
            does: HashMap::new(),
            writes: HashMap::new(),
            applied: HashMap::new(),
            owners: HashMap::new(),
        };
        for (at, file) in world.files.iter().enumerate() {
            let source = file.looked.key.class.origin == ligase_domain::Origin::Source;
            for seen in &file.looked.observations.seen {
                match seen.kind.as_str() {
                    "code-does" => stored.does.entry(seen.str("name")).or_default().push((at, seen)),
                    "code-write" if source => {
                        stored.writes.entry(seen.str("name").to_lowercase()).or_default().push((at, seen));
                    }
                    "code-applied" => {
                        stored.applied.entry(seen.str("type")).or_default().push((at, seen.str("name")));
                    }
                    "code-field" => {
                        let owners = stored.owners.entry(last(seen.str("name")).to_lowercase()).or_default();
                        owners.insert(seen.str("owner"));
                    }
                    _ => {}
                }
            }
        }
        stored
    }

    fn kept(&self, file: usize, seen: &'f Seen, files: &mut BTreeSet<usize>) -> Does {
        let said = match seen.str("says") {
            "yes" => "yes",
            "hashed" => "hashed",
            _ => "",
        };
        if !said.is_empty() {
            return Does::Protects(said, seen.str("by").to_owned());
        }
        let mut left = Does::Nothing;
        for name in seen.texts("through") {
            match self.of_name(file, name, MAX_DEPTH, files) {
                found @ Does::Protects(..) => return found,
                Does::Nothing | Does::Refers => {}
                other => left = other,
            }
        }
        let named = seen.str("named");
        if !named.is_empty() {
            for (at, converter) in self.applied.get(named).into_iter().flatten() {
                if let found @ Does::Protects(..) = self.of_name(*at, converter, MAX_DEPTH, files) {
                    return found;
                }
            }
            match self.of_name(file, named, MAX_DEPTH, files) {
                found @ (Does::Protects(..) | Does::Refers) => return found,
                Does::Unknown => left = Does::Unknown,
                _ => {}
            }
        } else if let Some(all) = self.applied.get(seen.str("type")) {
            for (at, converter) in all {
                if let found @ Does::Protects(..) = self.of_name(*at, converter, MAX_DEPTH, files) {
                    return found;
                }
            }
        }
        if let Some(found) = self.written(seen, files) {
            return found;
        }
        if seen.flag("unclear") {
            return Does::Unknown;
        }
        if seen.flag("binary") && left == Does::Nothing { Does::Binary } else { left }
    }

    /// The annotation by which a text of an entity goes through the converter that the repository encrypts texts with, where
    /// there is exactly one; "" where there is none.
    fn converter(&self, file: usize, seen: &'f Seen, files: &mut BTreeSet<usize>) -> String {
        if seen.str("store") != "jpa" || seen.str("type") != "String" || seen.has("through") {
            return String::new();
        }
        let mut all: Vec<(usize, &str)> = Vec::new();
        for (name, defined) in &self.does {
            for (at, fact) in defined.iter().filter(|(_, f)| f.flag("texts")) {
                let source = self.world.files[*at].looked.key.class.origin == ligase_domain::Origin::Source;
                let encrypts =
                    matches!(self.of_name(*at, name, MAX_DEPTH, &mut BTreeSet::new()), Does::Protects("yes", _));
                if source && encrypts && fact.str("name") == *name {
                    all.push((*at, name));
                }
            }
        }
        let [(at, name)] = all.as_slice() else { return String::new() };
        let (own, other) = (&self.world.files[file], &self.world.files[*at]);
        let here = |package: &str, name: &str| {
            own.imports.get(name).is_some_and(|t| t.module == package) || own.wildcards.contains(&package)
        };
        let near = own.package == other.package || here(other.package, name);
        let class = if near { (*name).to_owned() } else { format!("{}.{name}", other.package) };
        let jakarta = own.wildcards.contains(&"jakarta.persistence")
            || own.imports.values().any(|t| t.module == "jakarta.persistence");
        let persistence = if jakarta { "jakarta.persistence" } else { "javax.persistence" };
        let convert =
            if here(persistence, "Convert") { "Convert".to_owned() } else { format!("{persistence}.Convert") };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        if !class.chars().all(plain) {
            return String::new();
        }
        files.insert(*at);
        format!("@{convert}(converter = {class}.class)")
    }

    /// What the calls that write it do. A name that one stored class has is that class's, whoever writes it.
    fn written(&self, seen: &'f Seen, files: &mut BTreeSet<usize>) -> Option<Does> {
        // What is written as a whole is written with all that is in it: `credentials: encrypt(credentials)`.
        let (before, last_name) = seen.str("name").rsplit_once('.').unwrap_or(("", seen.str("name")));
        let whole = last(before).to_lowercase();
        let name = last_name.to_lowercase();
        let telling = words(last_name).len() > 1 || PASSWORDS.contains(&name.as_str());
        let only = telling && self.owners.get(&name).is_some_and(|o| o.len() == 1);
        let own = self.writes.get(&name).into_iter().flatten().map(|w| (w, only));
        let around = self.writes.get(&whole).into_iter().flatten().map(|w| (w, true));
        for ((at, write), sure) in own.chain(around) {
            let by = write.str("owner");
            let same = same_owner(by, seen.str("owner")) || same_owner(seen.str("owner"), by);
            if !(sure || same) {
                continue;
            }
            // What a value is called says what was done to it of its own owner alone.
            for callee in write.texts("by").chain(write.texts("named").filter(|_| same)) {
                if let found @ Does::Protects(..) = self.of_name(*at, callee, MAX_DEPTH, files) {
                    files.insert(*at);
                    return Some(found);
                }
            }
        }
        None
    }

    /// What stands behind a name does: by its words, else by its definition, as far as it lies here.
    fn of_name(&self, file: usize, name: &str, depth: u8, files: &mut BTreeSet<usize>) -> Does {
        if let Some(how) = protects(self.vocabulary, name) {
            return Does::Protects(how, name.to_owned());
        }
        let lists = &self.vocabulary.encryption;
        if lists.plain_types.iter().any(|t| t == last(name)) {
            return Does::Nothing;
        }
        let Some(found) = self.definition(file, name) else {
            return if depth == MAX_DEPTH { Does::Unknown } else { Does::Nothing };
        };
        let mut refers = true;
        let mut unclear = false;
        for (at, seen) in &found {
            let sort = seen.str("sort");
            refers &= sort == "class";
            match seen.str("does") {
                "yes" => {
                    files.insert(*at);
                    return Does::Protects("yes", seen.str("by").to_owned());
                }
                "hashed" => {
                    files.insert(*at);
                    return Does::Protects("hashed", seen.str("by").to_owned());
                }
                _ => {}
            }
            if depth == 0 {
                unclear |= seen.has("calls");
                continue;
            }
            for call in seen.texts("calls").filter(|c| last(c) != last(name)) {
                if let found @ Does::Protects(..) = self.of_name(*at, call, depth - 1, files) {
                    files.insert(*at);
                    return found;
                }
            }
        }
        match (refers, unclear) {
            (true, _) => Does::Refers,
            (_, true) => Does::Unknown,
            _ => Does::Nothing,
        }
    }

    /// The definitions that a name may mean: that of the file that it is taken from, else its own file's, else those of
    /// that name in the same language.
    fn definition(&self, file: usize, name: &str) -> Option<Vec<(usize, &'f Seen)>> {
        let target = self.world.resolve(file, name);
        if let Target::Inside(at, inside) = &target
            && let Some(all) = self.does.get(last(inside))
        {
            let here: Vec<_> = all.iter().filter(|(f, _)| f == at).copied().collect();
            if !here.is_empty() {
                return Some(here);
            }
        }
        let language = |f: usize| match self.world.files[f].looked.key.class.dialect.as_str() {
            "javascript" => "typescript".to_owned(),
            other => other.to_owned(),
        };
        let own = language(file);
        let all: Vec<_> = self.does.get(last(name))?.iter().filter(|(f, _)| language(*f) == own).copied().collect();
        // A name that many files define says nothing of this one.
        (!all.is_empty() && all.len() <= 3).then_some(all)
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether a name that an object has is that of a class: `User`, `user`, `newUser`, `UserEntity`.
fn same_owner(written: &str, owner: &str) -> bool {
    const ROLES: &[&str] = &["entity", "schema", "model", "class", "document", "dto", "request"];
    let bare = |name: &str| {
        let mut all = words(last(name));
        all.retain(|w| !ROLES.contains(&w.as_str()));
        all
    };
    let (written, owner) = (bare(written), bare(owner));
    !owner.is_empty() && written.ends_with(&owner)
}
