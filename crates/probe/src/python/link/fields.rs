//! What classes keep: stored attributes that hold classified data, and what a whole object shows when it is logged.
//! Next: `mod.rs`.

use super::Out;
use super::stored::Stored;
use super::world::{Facts, MODULE, Target, World};
use crate::python::emit::{Attributes, texts};
use crate::python::functions::plain;
use crate::python::syntax::last;
use ligase_domain::{Seen, Span, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Values that one logged object is told as, one for each class of data.
const MAX_OBJECT_VALUES: usize = 4;
/// Folders of scripts: what they print is for the person who runs them.
const SCRIPT_FOLDERS: &[&str] = &[
    "scripts",
    "script",
    "bin",
    "tools",
    "tool",
    "notebooks",
    "benchmarks",
    "bench",
    "ci",
    ".github",
    "utils_cli",
    "cli",
];
/// Files that are scripts.
const SCRIPT_FILES: &[&str] =
    &["manage.py", "setup.py", "noxfile.py", "tasks.py", "fabfile.py", "cli.py", "__main__.py"];

/// What the attributes of a class are kept in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Store {
    store: &'static str,
    stack: &'static str,
    /// Its text shows its attributes.
    shows: bool,
}

const SQLALCHEMY: Store = Store { store: "sqlalchemy", stack: "sqlalchemy", shows: false };
const SQLMODEL_TABLE: Store = Store { store: "sqlalchemy", stack: "sqlmodel", shows: true };
const SQLMODEL: Store = Store { store: "pydantic", stack: "sqlmodel", shows: true };
const PYDANTIC: Store = Store { store: "pydantic", stack: "pydantic", shows: true };
const DATACLASS: Store = Store { store: "dataclass", stack: "dataclass", shows: true };
const DJANGO: Store = Store { store: "django", stack: "django", shows: false };

/// Classes and their classified attributes.
pub(super) struct Classes<'w, 'v, 'f> {
    world: &'w World<'v, 'f>,
    fields: HashMap<(usize, &'f str), Vec<&'f Seen>>,
}

impl<'w, 'v, 'f> Classes<'w, 'v, 'f> {
    pub(super) fn new(world: &'w World<'v, 'f>) -> Self {
        let mut fields: HashMap<(usize, &'f str), Vec<&'f Seen>> = HashMap::new();
        for (at, file) in world.files.iter().enumerate() {
            for seen in file.seen("py-field") {
                let owner = seen.attributes.get("owner").and_then(Value::as_text).unwrap_or_default();
                fields.entry((at, owner)).or_default().push(seen);
            }
        }
        Self { world, fields }
    }

    /// What a class keeps its attributes in, by its decorators and by where its bases lead.
    fn store(&self, file: usize, class: &str) -> Option<Store> {
        let seen = *self.world.files[file].classes.get(class)?;
        if let Some(decorator) =
            seen.texts("decorators").find(|d| matches!(last(d), "dataclass" | "define" | "frozen" | "attrs" | "s"))
        {
            let pydantic =
                plain(&self.world.symbol(&self.world.resolve(file, MODULE, decorator))).starts_with("pydantic");
            return Some(if pydantic { PYDANTIC } else { DATACLASS });
        }
        let bases = self.world.outside_bases(file, class);
        let of = |base: &String| -> Option<Store> {
            match base.as_str() {
                "sqlmodel.SQLModel" | "sqlmodel.main.SQLModel" => {
                    Some(if seen.flag("table") { SQLMODEL_TABLE } else { SQLMODEL })
                }
                b if matches!(last(b), "TypedDict" | "NamedTuple") => Some(DATACLASS),
                b if b.starts_with("pydantic") => Some(PYDANTIC),
                b if b.starts_with("sqlalchemy")
                    || b.contains("declarative_base")
                    || b.ends_with("db.Model")
                    || b.starts_with("flask_sqlalchemy") =>
                {
                    Some(SQLALCHEMY)
                }
                b if b.starts_with("django.db") || b.contains(".models.") => Some(DJANGO),
                _ => None,
            }
        };
        bases.iter().find_map(of)
    }

    /// The classified attributes of a class, with those that it inherits.
    fn classified(&self, file: usize, class: &str) -> Vec<(usize, &'f Seen)> {
        let (mut out, mut open, mut known) = (Vec::new(), vec![(file, class.to_owned())], HashSet::new());
        while let Some((file, class)) = open.pop() {
            if known.len() > 16 || !known.insert((file, class.clone())) {
                continue;
            }
            out.extend(self.fields.get(&(file, class.as_str())).into_iter().flatten().map(|s| (file, *s)));
            for base in self.world.bases(file, &class) {
                if let Target::Class(f, c) = self.world.follow(self.world.resolve(file, MODULE, base)) {
                    open.push((f, c));
                }
            }
        }
        out
    }

    /// Emits the stored attributes.
    pub(super) fn emit(&self, out: &mut Out<'_, '_, '_>) {
        let stored = Stored::new(self.world);
        for (at, file) in self.world.files.iter().enumerate() {
            for seen in file.seen("py-field") {
                let owner = seen.str("owner");
                let by_class = self.store(at, owner);
                let store = match (seen.str("store"), by_class) {
                    ("sqlalchemy", Some(found)) if found.stack == "sqlmodel" => found,
                    ("sqlalchemy", _) => SQLALCHEMY,
                    ("django", _) => DJANGO,
                    (_, Some(found)) => found,
                    _ => continue,
                };
                let kept = stored.kept(at, seen);
                let kind = [seen.str("setting"), seen.str("type")].into_iter().find(|t| !t.is_empty()).unwrap_or("");
                let attributes = Attributes::default()
                    .with("language", "python")
                    .with("stack", store.stack)
                    .with("owner", owner)
                    .with("name", seen.str("name"))
                    .with("class", seen.str("class"))
                    .with("confidence", seen.attributes.get("confidence").and_then(Value::as_int).unwrap_or_default())
                    .with("strict", seen.flag("strict"))
                    .with("type", seen.str("type"))
                    .with("store", store.store)
                    .with("encrypted", kept.encrypted)
                    .with("by", kept.by)
                    .with("setting", kind)
                    .with("reason", kept.reason);
                let mut anchors = seen.anchors.clone();
                let class = file.classes.get(owner).and_then(|c| c.anchors.get("definition"));
                anchors.extend(class.map(|span| ("owner".to_owned(), *span)));
                out.put("data-field", at, seen, attributes, anchors, kept.files);
            }
        }
    }

    /// Emits the log calls, with what whole objects show.
    pub(super) fn log_calls(&self, out: &mut Out<'_, '_, '_>) {
        for (at, file) in self.world.files.iter().enumerate() {
            let script = is_script(&file.path);
            for seen in file.seen("log-call").filter(|s| !(script && s.str("sink") == "print")) {
                self.log_call(at, seen, out);
            }
        }
    }

    fn log_call(&self, at: usize, seen: &'f Seen, out: &mut Out<'_, '_, '_>) {
        let mut values: Vec<Value> = seen.list("values").to_vec();
        let mut opaque: Vec<String> = seen.texts("opaque").map(str::to_owned).collect();
        let mut anchors: BTreeMap<String, Span> =
            seen.anchors.iter().filter(|(n, _)| !n.starts_with("object")).map(|(n, s)| (n.clone(), *s)).collect();
        let mut files = BTreeSet::new();
        for (number, object) in seen.list("objects").iter().filter_map(Value::as_map).enumerate() {
            let scope = match seen.str("function") {
                "<module>" => MODULE,
                function => function,
            };
            let target = self.world.follow(self.world.resolve(at, scope, object.str("class")));
            match self.shown(&target, object) {
                Shown::Nothing => {}
                Shown::Opaque => opaque.push(object.str("name").to_owned()),
                Shown::Fields(fields) => {
                    files.extend(World::file_of(&target));
                    for (_, field) in fields {
                        if let Some(span) = seen.anchors.get(&format!("object{number}")) {
                            anchors.insert(format!("value{}", values.len()), *span);
                        }
                        values.push(object_value(object, field));
                    }
                }
            }
        }
        let mut attributes = Attributes(seen.attributes.clone())
            .with("language", "python")
            .with("values", values)
            .with("opaque", texts(opaque));
        attributes.0.remove("objects");
        out.put("log-call", at, seen, attributes, anchors, files);
    }

    /// What the text of an object shows.
    fn shown(&self, target: &Target, object: &BTreeMap<String, Value>) -> Shown<'f> {
        let dumped = object.flag("dumped");
        let (Target::Class(file, class) | Target::Instance(file, class)) = target else {
            let name = last(object.str("class"));
            let owner = ["person", "patient", "card"].iter().any(|s| self.world.vocabulary.classes.is_owner(name, s));
            return if dumped || owner { Shown::Opaque } else { Shown::Nothing };
        };
        let fields: Vec<(usize, &'f Seen)> =
            self.classified(*file, class).into_iter().filter(|(_, f)| !f.flag("masked")).collect();
        let own_text = self.world.files[*file].classes.get(class.as_str()).is_some_and(|c| c.flag("own_text"));
        let store = self.store(*file, class);
        if fields.is_empty() {
            return Shown::Nothing;
        }
        if own_text && !dumped {
            return Shown::Opaque;
        }
        if !dumped && !store.is_some_and(|s| s.shows) {
            return Shown::Nothing;
        }
        let mut by_class: BTreeMap<String, (usize, &'f Seen)> = BTreeMap::new();
        for (file, field) in fields {
            let confidence = |s: &Seen| s.attributes.get("confidence").and_then(Value::as_int).unwrap_or_default();
            let better =
                by_class.get(field.str("class")).is_none_or(|(_, known)| confidence(field) > confidence(known));
            if better {
                by_class.insert(field.str("class").to_owned(), (file, field));
            }
        }
        Shown::Fields(by_class.into_values().take(MAX_OBJECT_VALUES).collect())
    }
}

/// What an object shows when it is written whole.
enum Shown<'f> {
    Nothing,
    Opaque,
    Fields(Vec<(usize, &'f Seen)>),
}

fn object_value(object: &BTreeMap<String, Value>, field: &Seen) -> Value {
    Attributes::default()
        .with("name", format!("{}.{}", object.str("name"), field.str("name")))
        .with("class", field.str("class"))
        .with("confidence", field.attributes.get("confidence").and_then(Value::as_int).unwrap_or_default())
        .with("via", "object")
        .with("sanitized", object.flag("sanitized"))
        .with("sanitizer", object.str("sanitizer"))
        .value()
}

fn is_script(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    SCRIPT_FILES.contains(&name) || folders.split('/').any(|f| SCRIPT_FOLDERS.contains(&f))
}
