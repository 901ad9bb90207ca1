//! Whether a stored attribute is readable by whoever reads the store: by its type (of a library, or of the repository, whose
//! methods are looked into), by its name, and by the calls that write it, across files. A type that nobody here can look
//! into is *unknown*, never *clear*. Next: `fields.rs`, which emits it.

use super::world::{Facts, MODULE, Target, World};
use crate::python::functions::plain;
use crate::python::syntax::last;
use crate::vocabulary::words;
use ligase_domain::{Seen, Value};
use std::collections::{BTreeSet, HashMap};

/// Calls of calls that are asked whether they encrypt.
const MAX_DEPTH: u8 = 3;
/// Words of names that hold what a person types to log in; a hash of it is often kept under the same name.
const PASSWORDS: &[&str] = &["password", "passwd", "pwd", "passphrase", "passcode"];

/// Words of classes that hold what is needed to log in elsewhere.
const ELSEWHERE: &[&str] = &[
    "mail",
    "smtp",
    "imap",
    "pop3",
    "ftp",
    "sftp",
    "ldap",
    "proxy",
    "connection",
    "connector",
    "datasource",
    "database",
    "integration",
    "remote",
    "server",
    "registry",
    "gateway",
    "broker",
    "router",
    "switch",
    "device",
];

fn is_of_another(owner: &str) -> bool {
    let words = words(last(owner));
    words.iter().any(|w| ELSEWHERE.contains(&w.as_str())) && !words.iter().any(|w| w == "user")
}

/// What is known of how an attribute is kept.
pub(super) struct Kept {
    pub(super) encrypted: &'static str,
    pub(super) by: String,
    pub(super) reason: &'static str,
    pub(super) files: BTreeSet<usize>,
}

/// What a type or a call does with a value.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Does {
    Encrypts(String),
    Hashes(String),
    Nothing,
    /// Its content is bytes.
    Binary,
    Unknown,
}

/// How attributes are written, over all files.
pub(super) struct Stored<'w, 'v, 'f> {
    world: &'w World<'v, 'f>,
    /// By the attribute's name: file, scope-less owner, calls.
    writes: HashMap<&'f str, Vec<(usize, &'f Seen)>>,
}

impl<'w, 'v, 'f> Stored<'w, 'v, 'f> {
    pub(super) fn new(world: &'w World<'v, 'f>) -> Self {
        let mut writes: HashMap<&'f str, Vec<(usize, &'f Seen)>> = HashMap::new();
        for (at, file) in world.files.iter().enumerate().filter(|(_, f)| f.is_source()) {
            for seen in file.seen("py-write") {
                let name = seen.attributes.get("name").and_then(Value::as_text).unwrap_or_default();
                writes.entry(name).or_default().push((at, seen));
            }
        }
        Self { world, writes }
    }

    /// How a declared attribute is kept.
    pub(super) fn kept(&self, file: usize, seen: &'f Seen) -> Kept {
        let mut files = BTreeSet::new();
        let does = self.does(file, seen, &mut files);
        let password = words(seen.str("name")).iter().any(|w| PASSWORDS.contains(&w.as_str()));
        let (encrypted, by, reason) = match does {
            Does::Encrypts(by) => ("yes", by, ""),
            Does::Hashes(by) => ("hashed", by, ""),
            // A password for another system has to be given to it as it is.
            Does::Nothing if password && !is_of_another(seen.str("owner")) => {
                ("unknown", String::new(), "may-hold-a-hash")
            }
            Does::Nothing => ("no", String::new(), ""),
            Does::Binary => ("unknown", String::new(), "binary-content-not-known"),
            Does::Unknown => ("unknown", String::new(), "type-not-resolved"),
        };
        Kept { encrypted, by, reason, files }
    }

    fn does(&self, file: usize, seen: &'f Seen, files: &mut BTreeSet<usize>) -> Does {
        let lists = &self.world.vocabulary.encryption;
        let name = words(seen.str("name"));
        let says = |list: &[String]| name.iter().any(|w| list.contains(w));
        if says(&lists.name_hashes) {
            return Does::Hashes(seen.str("name").to_owned());
        }
        if says(&lists.name_encrypts) {
            return Does::Encrypts(seen.str("name").to_owned());
        }
        let owner = seen.str("owner");
        let (_, outside) = self.world.class_chain(file, owner);
        if seen.str("name") == "password" && outside.iter().any(|b| b.starts_with("django.contrib.auth")) {
            return Does::Hashes("django.contrib.auth".to_owned());
        }
        let mut by_type = Does::Nothing;
        for name in seen.texts("types") {
            match self.of_type(file, name, MAX_DEPTH, files) {
                found @ (Does::Encrypts(_) | Does::Hashes(_)) => return found,
                Does::Nothing => {}
                other => by_type = other,
            }
        }
        let scope = if self.world.files[file].classes.contains_key(owner) { owner } else { MODULE };
        let own = seen.texts("written").map(|callee| (file, scope, callee));
        let writes = self.writes.get(seen.str("name")).into_iter().flatten();
        let others = writes
            .filter(|(_, w)| same_owner(w.str("owner"), owner))
            .flat_map(|(at, w)| w.texts("by").map(|callee| (*at, MODULE, callee)));
        for (at, scope, callee) in own.chain(others) {
            if let found @ (Does::Encrypts(_) | Does::Hashes(_)) = self.of_call(at, scope, callee, MAX_DEPTH, files) {
                return found;
            }
        }
        by_type
    }

    /// What a name's words say of a call or of a type.
    fn by_words(&self, dotted: &str) -> Option<Does> {
        let lists = &self.world.vocabulary.encryption;
        let own = words(last(dotted));
        if own.iter().any(|w| lists.undoes.contains(w)) {
            return None;
        }
        let all = words(dotted);
        if all.iter().any(|w| lists.encrypts.contains(w)) {
            return Some(Does::Encrypts(plain(dotted)));
        }
        all.iter().any(|w| lists.hashes.contains(w)).then(|| Does::Hashes(plain(dotted)))
    }

    /// What a type does with what it is given.
    fn of_type(&self, file: usize, name: &str, depth: u8, files: &mut BTreeSet<usize>) -> Does {
        let lists = &self.world.vocabulary.encryption;
        let known = |list: &[String]| list.iter().any(|t| t == last(name));
        let target = self.world.resolve(file, MODULE, name);
        if let Target::Bind(at, scope, bound) = &target
            && let Some(alias) = self.world.files[*at].bind(scope, bound).filter(|s| s.has("types"))
            && depth > 0
        {
            files.insert(*at);
            let inner = alias.texts("types").map(|t| self.of_type(*at, t, depth - 1, files)).collect::<Vec<_>>();
            return inner.into_iter().find(|d| *d != Does::Nothing).unwrap_or(Does::Nothing);
        }
        match self.world.follow(target) {
            Target::Class(at, class) | Target::Instance(at, class) => {
                files.insert(at);
                self.of_class(at, &class, files)
            }
            Target::External(dotted) => {
                let dotted = plain(&dotted);
                let first = dotted.split('.').next().unwrap_or_default();
                if lists.hashing_types.iter().any(|t| t == last(&dotted)) {
                    return Does::Hashes(dotted);
                }
                match self.by_words(&dotted) {
                    Some(found) => found,
                    None if known(&lists.binary_types) => Does::Binary,
                    None if lists.plain_modules.iter().any(|m| m == first) || known(&lists.plain_types) => {
                        Does::Nothing
                    }
                    None => Does::Unknown,
                }
            }
            _ if known(&lists.binary_types) => Does::Binary,
            _ if known(&lists.plain_types) => Does::Nothing,
            _ => Does::Unknown,
        }
    }

    /// What a type or field of the repository does: by what it inherits, and by its methods on the way into the store.
    fn of_class(&self, file: usize, class: &str, files: &mut BTreeSet<usize>) -> Does {
        let (own, outside) = self.world.class_chain(file, class);
        for base in &outside {
            if let Some(found) = self.by_words(&plain(base)) {
                return found;
            }
        }
        let lists = &self.world.vocabulary.encryption;
        let mut unclear = false;
        for (at, class) in &own {
            files.insert(*at);
            for method in &lists.on_the_way_in {
                let scope = format!("{class}.{method}");
                let Some(function) = self.world.files[*at].functions.get(scope.as_str()) else { continue };
                for callee in function.texts("calls").chain(function.texts("passes")) {
                    match self.of_call(*at, &scope, callee, MAX_DEPTH, files) {
                        found @ (Does::Encrypts(_) | Does::Hashes(_)) => return found,
                        Does::Unknown => unclear = true,
                        _ => {}
                    }
                }
            }
        }
        // A class that is no type of a store (an enumeration, a model of pydantic) is stored as it is.
        if unclear || outside.iter().any(|b| b == "?") { Does::Unknown } else { Does::Nothing }
    }

    /// What a call does with what it is handed: by its name, else by what it calls, as far as it lies here.
    fn of_call(&self, file: usize, scope: &str, callee: &str, depth: u8, files: &mut BTreeSet<usize>) -> Does {
        if let Some(found) = self.by_words(callee) {
            return found;
        }
        // `value.strip()` of whatever it is changes how a text is written, not whether it can be read.
        let methods = &self.world.vocabulary.sanitizers.pass_through.methods;
        if callee.contains('.') && methods.iter().any(|m| m == last(callee)) {
            return Does::Nothing;
        }
        match self.world.follow(self.world.resolve(file, scope, callee)) {
            Target::Function(at, name) | Target::Returned(at, name) if depth > 0 => {
                let Some(function) = self.world.files[at].functions.get(name.as_str()) else { return Does::Unknown };
                for inner in function.texts("calls").chain(function.texts("passes")) {
                    if let found @ (Does::Encrypts(_) | Does::Hashes(_)) =
                        self.of_call(at, &name, inner, depth - 1, files)
                    {
                        files.insert(at);
                        return found;
                    }
                }
                Does::Nothing
            }
            Target::External(dotted) => match self.by_words(&dotted) {
                Some(found) => found,
                None if !dotted.contains('.') => Does::Nothing,
                None if ["json", "str", "base64", "super", "datetime", "uuid"]
                    .contains(&dotted.split('.').next().unwrap_or("")) =>
                {
                    Does::Nothing
                }
                None => Does::Unknown,
            },
            // A method of a value: `value.strip()`.
            Target::Parameter(..) => Does::Nothing,
            _ => Does::Unknown,
        }
    }
}

/// Whether a name that an object has is that of a class: `User`, `user`, `new_user`, `self.user`.
fn same_owner(written: &str, owner: &str) -> bool {
    let (written, owner) = (words(last(written)), words(last(owner)));
    !owner.is_empty() && written.ends_with(&owner)
}
