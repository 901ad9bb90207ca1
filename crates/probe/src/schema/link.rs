//! How the columns of schemas are kept, over all files: a column that was taken away again is gone, a model of Rails says
//! what it encrypts, an annotation of Prisma counts where something reads it, and what a mapper declares of the same
//! attribute is the mapper's to say. Next: `mod.rs`.

use super::singular;
use crate::code::stored::protects;
use crate::emit::{Attributes, Facts};
use crate::vocabulary::{Vocabulary, words};
use ligase_domain::{LookedFile, Observation, Origin, Place, Seen, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Words of names that hold what a person types to log in; a hash of it is often kept under the same name.
const PASSWORDS: &[&str] = &["password", "passwd", "pwd", "passphrase", "passcode"];
/// Packages that read the annotations of Prisma's fields.
const EXTENSIONS: &[&str] = &["prisma-field-encryption", "@cipherstash/prisma"];

/// What writes a column: its file, the object's name, what it does, by what.
struct Write<'f> {
    file: usize,
    owner: &'f str,
    does: &'f str,
    by: &'f str,
    /// The value is only called after it: said of its own owner alone.
    named: bool,
}

struct World<'f> {
    files: &'f [&'f LookedFile],
    models: Vec<(usize, &'f Seen)>,
    /// Column in lower case: what writes it does.
    writes: HashMap<String, Vec<Write<'f>>>,
    /// (Owner, name) in words, of what mappers of programs declare.
    mapped: HashSet<(String, String)>,
    enums: HashSet<&'f str>,
    extension: Option<usize>,
    /// Models of Rails can encrypt by themselves.
    encrypts: bool,
    /// (Folder of a Prisma schema): its migrations repeat it.
    prisma: Vec<String>,
}

pub(super) fn link(vocabulary: &Vocabulary, files: &[&LookedFile]) -> Vec<Observation> {
    let world = World::new(vocabulary, files);
    let mut gone: HashMap<(String, String), usize> = HashMap::new();
    let mut last: BTreeMap<(String, String), (usize, &Seen)> = BTreeMap::new();
    // What a table is called now, where its columns were declared under another name.
    let mut renamed: HashMap<(String, String), &str> = HashMap::new();
    for (at, file) in files.iter().enumerate() {
        if undoes(&path(file)) || world.repeats(file) {
            continue;
        }
        for seen in &file.observations.seen {
            let key = (singular(seen.str("table")), seen.str("name").to_lowercase());
            match seen.kind.as_str() {
                "schema-dropped" => {
                    gone.insert(key.clone(), at);
                    last.retain(|(table, name), (f, s)| {
                        s.str("store") != "sql" || *table != key.0 || !(key.1.is_empty() || *name == key.1) || *f > at
                    });
                }
                "schema-renamed" => {
                    let to = singular(seen.str("to"));
                    let moved: Vec<_> = last
                        .iter()
                        .filter(|((t, _), (_, s))| *t == key.0 && s.str("store") == "sql")
                        .map(|(k, _)| k.clone())
                        .collect();
                    for (table, name) in moved {
                        if let Some(column) = last.remove(&(table, name.clone())) {
                            renamed.insert((to.clone(), name.clone()), seen.str("to"));
                            last.insert((to.clone(), name), column);
                        }
                    }
                }
                "schema-column" => {
                    renamed.remove(&key);
                    last.insert(key, (at, seen));
                }
                _ => {}
            }
        }
    }
    let called = |key: &(String, String), seen: &'_ Seen| renamed.get(key).map_or(seen.str("table"), |n| n).to_owned();
    let columns = last.into_iter().filter_map(|(key, (at, seen))| world.observation(at, seen, &called(&key, seen)));
    columns.chain(only_migrated(files)).collect()
}

/// Tables that only migrations of Rails tell of: what they hold in the end is not worked out from them.
fn only_migrated(files: &[&LookedFile]) -> Option<Observation> {
    if files.iter().any(|file| path(file).ends_with("schema.rb") || path(file).ends_with("structure.sql")) {
        return None;
    }
    let (file, seen) = files.iter().find_map(|file| {
        let counts = matches!(file.key.class.origin, Origin::Source | Origin::Migration);
        let made = file.observations.seen.iter().find(|seen| seen.kind == "schema-migration")?;
        counts.then_some((*file, made))
    })?;
    let attributes = Attributes::default()
        .with("language", "ruby")
        .with("stack", "rails")
        .with("of", "data-field")
        .with("looks_like", "migrations without a schema")
        .with("where", path(file));
    Some(Observation {
        kind: "unmodelled".to_owned(),
        attributes: attributes.0,
        place: Place { path: file.path.clone(), blob: file.key.blob, span: seen.span },
        class: file.key.class.clone(),
        anchors: BTreeMap::new(),
        snippet: String::new(),
        probe: seen.probe.clone(),
        sources: vec![file.key.digest()],
    })
}

fn path(file: &LookedFile) -> String {
    String::from_utf8_lossy(file.path.as_bytes()).into_owned()
}

/// Files that undo what another one does.
fn undoes(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.ends_with(".sql")
        && (name.ends_with(".down.sql") || name == "down.sql" || name.starts_with("undo") || name.starts_with('U'))
}

impl<'f> World<'f> {
    fn new(vocabulary: &Vocabulary, files: &'f [&'f LookedFile]) -> Self {
        let mut world = Self {
            files,
            models: Vec::new(),
            writes: HashMap::new(),
            mapped: HashSet::new(),
            enums: HashSet::new(),
            extension: None,
            encrypts: false,
            prisma: Vec::new(),
        };
        for (at, file) in files.iter().enumerate() {
            let source = file.key.class.origin == Origin::Source;
            if file.key.class.dialect == "prisma" {
                world.prisma.push(path(file).rsplit_once('/').map_or(String::new(), |(f, _)| format!("{f}/")));
            }
            for seen in file.observations.seen.iter().filter(|_| source) {
                world.take(vocabulary, at, seen);
            }
        }
        world
    }

    fn take(&mut self, vocabulary: &Vocabulary, at: usize, seen: &'f Seen) {
        match seen.kind.as_str() {
            "schema-rails" => self.encrypts = true,
            "schema-model" => self.models.push((at, seen)),
            "schema-enum" => drop(self.enums.insert(seen.str("name"))),
            "schema-write" => {
                let list = self.writes.entry(seen.str("name").to_lowercase()).or_default();
                list.push(Write { file: at, owner: "", does: seen.str("does"), by: seen.str("by"), named: false });
            }
            "code-write" | "py-write" => {
                let done = |c| Some((protects(vocabulary, c)?, c));
                let by = seen.texts("by").find_map(done).map(|found| (found, false));
                if let Some(((does, by), named)) = by.or_else(|| Some((seen.texts("named").find_map(done)?, true))) {
                    self.writes.entry(words(seen.str("name")).join("_")).or_default().push(Write {
                        file: at,
                        owner: seen.str("owner"),
                        does,
                        by,
                        named,
                    });
                }
            }
            "code-field" | "py-field" => {
                self.mapped.insert((bare(seen.str("owner")), words(seen.str("name")).join("_")));
            }
            "code-import" => {
                let module = |v: &&Value| v.as_map().is_some_and(|m| EXTENSIONS.contains(&m.str("module")));
                if seen.list("names").iter().any(|v| module(&v)) {
                    self.extension = Some(at);
                }
            }
            _ => {}
        }
    }

    /// Migrations that a schema beside them wrote.
    fn repeats(&self, file: &LookedFile) -> bool {
        let path = path(file);
        path.ends_with(".sql")
            && self.prisma.iter().any(|folder| path.starts_with(folder.as_str()) && path.contains("migrations/"))
    }

    fn observation(&self, declared_in: usize, seen: &'f Seen, called: &str) -> Option<Observation> {
        let (mut at, mut shown, mut store) = (declared_in, seen, seen.str("store"));
        let table = singular(called);
        let mut owner = called.to_owned();
        let mut from = BTreeSet::from([declared_in]);
        let is_reference = seen.str("says") == "named" && !self.enums.contains(seen.str("by"));
        if is_reference || store == "sql" && self.is_mapped(&table, &words(seen.str("name")).join("_")) {
            return None;
        }
        let mut found = self.declared(seen, &mut from);
        if store != "prisma"
            && let Some((model_at, model)) = self.model(&table, called)
        {
            store = "rails";
            model.str("name").clone_into(&mut owner);
            // The model is where it is said and mended, whatever file declares the column.
            from.insert(model_at);
            (at, shown) = (model_at, model);
            found = found.or_else(|| self.by_model(model, seen.str("name"), &mut from));
        }
        let (encrypted, by, reason) = self.kept(seen, found.or_else(|| self.written(seen, called, &mut from)));
        let file = self.files[at];
        // A column that no model of the repository names has nowhere to be mended.
        let homeless = store == "rails" && std::ptr::eq(shown, seen);
        let reuse = if encrypted == "no" && !homeless { self.reuse(store, seen, &mut from) } else { String::new() };
        let anchors = match store {
            "rails" => BTreeMap::from([("owner".to_owned(), shown.span)]),
            _ => seen.anchors.clone(),
        };
        let attributes = Attributes::default()
            .with("language", file.key.class.dialect.as_str())
            .with("stack", store)
            .with("owner", owner)
            .with("name", seen.str("name"))
            .with("class", seen.str("class"))
            .with("confidence", seen.attributes.get("confidence").and_then(Value::as_int).unwrap_or_default())
            .with("strict", seen.flag("strict"))
            .with("type", seen.str("type"))
            .with("store", store)
            .with("encrypted", encrypted)
            .with("by", by)
            .with("setting", seen.str("type"))
            .with("reuse", reuse)
            .with("reason", reason);
        let sources: BTreeSet<_> = from.iter().map(|f| self.files[*f].key.digest()).collect();
        Some(Observation {
            kind: "data-field".to_owned(),
            attributes: attributes.0,
            place: Place { path: file.path.clone(), blob: file.key.blob, span: shown.span },
            class: file.key.class.clone(),
            anchors,
            snippet: shown.snippet.clone(),
            probe: seen.probe.clone(),
            sources: sources.into_iter().collect(),
        })
    }

    /// What the declaration itself says; an annotation counts where something reads it.
    fn declared(&self, seen: &'f Seen, from: &mut BTreeSet<usize>) -> Option<(&'static str, String)> {
        let by = seen.str("by").to_owned();
        let annotated = |how| if self.extension.is_some() { (how, by.clone()) } else { ("unclear", String::new()) };
        match seen.str("says") {
            "annotated" | "hashed-annotated" => {
                from.extend(self.extension);
                Some(annotated(if seen.str("says") == "annotated" { "yes" } else { "hashed" }))
            }
            "yes" => Some(("yes", by)),
            "hashed" => Some(("hashed", by)),
            _ => None,
        }
    }

    /// What the calls that write the column do. A name that says little on its own is that of its owner only.
    fn written(&self, seen: &'f Seen, called: &str, from: &mut BTreeSet<usize>) -> Option<(&'static str, String)> {
        let column = words(seen.str("name")).join("_");
        let table = bare(called);
        let telling = column.contains('_') || PASSWORDS.contains(&column.as_str());
        let owned = |w: &&Write<'_>| {
            let own = bare(w.owner);
            let in_sql = w.owner.is_empty() && seen.str("store") != "prisma";
            in_sql || telling && !w.named || !own.is_empty() && (own.ends_with(&table) || table.ends_with(&own))
        };
        let writes = self.writes.get(&seen.str("name").to_lowercase()).or_else(|| self.writes.get(&column));
        let write = writes.into_iter().flatten().find(owned)?;
        from.insert(write.file);
        Some((if write.does == "yes" { "yes" } else { "hashed" }, write.by.to_owned()))
    }

    fn kept(&self, seen: &'f Seen, found: Option<(&'static str, String)>) -> (&'static str, String, &'static str) {
        let password = words(seen.str("name")).last().is_some_and(|w| PASSWORDS.contains(&w.as_str()));
        match found {
            Some(("unclear", _)) => ("unknown", String::new(), "type-not-resolved"),
            Some((how, by)) => (how, by, ""),
            None if seen.flag("binary") => ("unknown", String::new(), "binary-content-not-known"),
            None if password => ("unknown", String::new(), "may-hold-a-hash"),
            None => ("no", String::new(), ""),
        }
    }

    /// What the repository has that would encrypt the column, as it would be written.
    fn reuse(&self, store: &str, seen: &'f Seen, from: &mut BTreeSet<usize>) -> String {
        let (name, ty) = (seen.str("name"), seen.str("type"));
        match store {
            "prisma" if self.extension.is_some() && ty.starts_with("String") && !ty.contains('[') => {
                from.extend(self.extension);
                "/// @encrypted".to_owned()
            }
            "rails" if self.encrypts && ["string", "text"].contains(&ty) && is_plain(name) => {
                format!("  encrypts :{name}")
            }
            _ => String::new(),
        }
    }

    /// Whether a mapper of a program declares the same attribute; `OAuth2Client` and `oauth2_clients` are one.
    fn is_mapped(&self, table: &str, column: &str) -> bool {
        let table = table.replace('_', "");
        let same = |owner: &str| table.ends_with(owner) || owner.ends_with(&table);
        self.mapped.iter().any(|(owner, name)| name == column && same(&owner.replace('_', "")))
    }

    /// The model of Rails that a table belongs to.
    fn model(&self, table: &str, written: &str) -> Option<(usize, &'f Seen)> {
        let named = |m: &&(usize, &'f Seen)| match m.1.str("table") {
            "" => singular(m.1.str("name")) == table,
            own => own == written,
        };
        // The longest name first: `Billing::Card` and `Card` are both a card.
        self.models.iter().find(named).copied()
    }

    /// What a model, or what it includes, says of an attribute.
    fn by_model(&self, model: &'f Seen, name: &str, from: &mut BTreeSet<usize>) -> Option<(&'static str, String)> {
        let says = |m: &Seen| {
            if m.texts("encrypts").any(|n| n == name || name == format!("{n}_ciphertext")) {
                return Some(("yes", format!("encrypts :{name}")));
            }
            m.texts("hashes").any(|n| n == name).then(|| ("hashed", "has_secure_password".to_owned()))
        };
        says(model).or_else(|| {
            let included: Vec<&str> = model.texts("includes").collect();
            let (at, concern) =
                self.models.iter().find(|(_, m)| included.contains(&m.str("name")) && says(m).is_some())?;
            from.insert(*at);
            says(concern)
        })
    }
}

/// A name that can be written into code as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A class's name without what only says that it is stored.
fn bare(owner: &str) -> String {
    let mut all = words(owner.rsplit('.').next().unwrap_or(owner));
    all.retain(|w| !["entity", "schema", "model", "class", "document"].contains(&w.as_str()));
    all.join("_")
}
