//! Files into folders, folders into instances: a folder is a module, a module that is called from the same repository is
//! one instance for each caller, and what nobody calls is a root. Bounded in depth and number, cycles are cut and said.
//! Evaluates nothing; `eval.rs` does.

use super::expr::Expr;
use ligase_domain::{LookedFile, Origin, RepoPath, Seen, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Modules within modules; real ones nest four deep.
const DEPTH: usize = 12;
/// Instances of a revision. A module that calls another twice, and so on, doubles with each level.
const INSTANCES: usize = 4_000;

/// Blocks that stand in a second or later instance of their folder, over a whole revision. The first instances are as many
/// as the files say; without this bound, calls would multiply them.
const REPEATED: usize = 50_000;
/// `terraform` blocks of a folder; one is usual.
const SETTINGS_BLOCKS: usize = 16;

/// A setting of a block.
pub(crate) struct Setting {
    /// Its path without indices.
    pub(crate) dotted: String,
    pub(crate) value: Expr,
}

/// A block of a file with its settings.
pub(crate) struct Block<'a> {
    pub(crate) file: usize,
    pub(crate) seen: &'a Seen,
    /// The first label: a resource's type, a provider's or a module's name.
    pub(crate) of: &'a str,
    /// The second label: a resource's name.
    pub(crate) name: &'a str,
    /// By path with indices: `root_block_device[0].encrypted`.
    pub(crate) settings: BTreeMap<&'a str, Setting>,
    /// Nested blocks, by path with indices.
    pub(crate) blocks: BTreeSet<&'a str>,
    /// Paths of nested blocks that an expression generates.
    pub(crate) dynamic: BTreeSet<&'a str>,
    /// False when not all of it is known: broken, too large, or overridden by another file.
    pub(crate) whole: bool,
    /// It stands in a file that overrides others.
    overrides: bool,
    /// Files that override it.
    pub(crate) overridden: BTreeSet<usize>,
    anchors: BTreeMap<&'a str, Span>,
}

impl<'a> Block<'a> {
    /// Takes over what another block says: an attribute for an attribute, nested blocks of a type for those of the type.
    /// What comes from another file has no place in this one.
    fn merge(&mut self, other: Self) {
        let first = |path: &str| path.split(['.', '[']).next().unwrap_or_default().to_owned();
        let said: BTreeSet<String> =
            other.settings.keys().chain(&other.blocks).chain(&other.dynamic).map(|p| first(p)).collect();
        let stays = |path: &str| !said.contains(&first(path));
        self.settings.retain(|path, _| stays(path));
        self.blocks.retain(|path| stays(path));
        self.dynamic.retain(|path| stays(path));
        self.anchors.retain(|name, _| name.split_once(':').is_none_or(|(_, path)| stays(path)));
        self.settings.extend(other.settings);
        self.blocks.extend(other.blocks);
        self.dynamic.extend(other.dynamic);
        self.whole &= other.whole;
        self.overridden.insert(other.file);
    }
}

impl Block<'_> {
    pub(crate) fn anchor(&self, name: &str) -> Option<Span> {
        self.anchors.get(name).copied()
    }

    /// A setting of the block itself, by its plain name.
    pub(crate) fn setting(&self, name: &str) -> Option<&Expr> {
        self.settings.get(name).map(|s| &s.value)
    }

    /// `aws_db_instance.records`.
    pub(crate) fn address(&self) -> String {
        format!("{}.{}", self.of, self.name)
    }
}

/// A name's value and the file that says it.
pub(crate) struct Bound {
    pub(crate) file: usize,
    /// `None`: declared without a value.
    pub(crate) value: Option<Expr>,
}

/// A call of another module.
pub(crate) struct Call<'a> {
    pub(crate) block: Block<'a>,
    pub(crate) arguments: BTreeMap<&'a str, Bound>,
    /// The folder that it names, when that is in this repository.
    pub(crate) folder: Option<usize>,
}

/// One folder of Terraform files.
#[derive(Default)]
pub(crate) struct Folder<'a> {
    pub(crate) path: Vec<u8>,
    pub(crate) resources: Vec<Block<'a>>,
    pub(crate) providers: Vec<Block<'a>>,
    pub(crate) terraform: Vec<Block<'a>>,
    pub(crate) calls: BTreeMap<&'a str, Call<'a>>,
    pub(crate) variables: BTreeMap<&'a str, Bound>,
    pub(crate) locals: BTreeMap<&'a str, Bound>,
    pub(crate) outputs: BTreeMap<&'a str, Bound>,
    /// What Terraform itself reads for a root: `terraform.tfvars`, then `*.auto.tfvars` by name; the last wins.
    pub(crate) tfvars: BTreeMap<&'a str, Bound>,
    /// What somebody may pass by `-var-file`: up to two different values, since two already contradict.
    pub(crate) elsewhere: BTreeMap<&'a str, Vec<Bound>>,
    /// A tfvars file of it could not be read: what a variable is cannot be known.
    pub(crate) unsure: bool,
    /// Parts of files that could not be read.
    pub(crate) broken: Vec<(usize, &'a Seen)>,
    /// A file of it runs in production, as its path says.
    source: bool,
}

impl Folder<'_> {
    fn is_module(&self) -> bool {
        !(self.resources.is_empty()
            && self.providers.is_empty()
            && self.calls.is_empty()
            && self.variables.is_empty()
            && self.locals.is_empty()
            && self.outputs.is_empty()
            && self.broken.is_empty())
    }
}

impl Folder<'_> {
    fn size(&self) -> usize {
        self.resources.len() + self.providers.len() + self.calls.len()
    }
}

/// A folder as one caller sees it.
pub(crate) struct Instance {
    pub(crate) folder: usize,
    /// `module.records.`, or nothing for a root.
    pub(crate) prefix: String,
    /// The caller and the name of the call.
    pub(crate) caller: Option<(usize, String)>,
    /// By name of the call.
    pub(crate) children: BTreeMap<String, usize>,
    /// The root that it hangs from.
    pub(crate) root: usize,
    depth: usize,
}

/// Why a call has no instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfollowed {
    /// The module is not in this repository.
    Elsewhere,
    /// It calls itself, nests too deep, or there are too many.
    Bounded,
}

/// All folders and instances of a revision.
pub(crate) struct Scope<'a> {
    pub(crate) files: &'a [&'a LookedFile],
    pub(crate) folders: Vec<Folder<'a>>,
    pub(crate) instances: Vec<Instance>,
    /// Calls that lead nowhere: the instance and the call's name.
    pub(crate) unfollowed: Vec<(usize, String, Unfollowed)>,
}

/// What a module is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// All files of a folder.
    Folders,
    /// Each file.
    Files,
}

fn folder_of(path: &RepoPath) -> &[u8] {
    let bytes = path.as_bytes();
    bytes.iter().rposition(|b| *b == b'/').map_or(&[], |n| &bytes[..n])
}

fn texts<'a>(seen: &'a Seen, name: &str) -> impl Iterator<Item = &'a str> {
    seen.attributes.get(name).and_then(|v| v.as_list()).unwrap_or_default().iter().filter_map(|v| v.as_text())
}

fn text<'a>(seen: &'a Seen, name: &str) -> &'a str {
    seen.attributes.get(name).and_then(|v| v.as_text()).unwrap_or_default()
}

fn block<'a>(file: usize, seen: &'a Seen, more: &[&'a Seen]) -> Block<'a> {
    let (first, second) = if seen.kind == "tf-resource" { ("type", "name") } else { ("name", "") };
    let mut out = Block {
        file,
        seen,
        of: text(seen, first),
        name: text(seen, second),
        settings: BTreeMap::new(),
        blocks: BTreeSet::new(),
        dynamic: BTreeSet::new(),
        whole: seen.attributes.get("whole").and_then(|v| v.as_bool()).unwrap_or(false),
        overrides: false,
        overridden: BTreeSet::new(),
        anchors: BTreeMap::new(),
    };
    for part in std::iter::once(&seen).chain(more) {
        let settings = part.attributes.get("settings").and_then(|v| v.as_map());
        let settings = settings.into_iter().flatten();
        out.settings.extend(settings.map(|(path, value)| {
            let value = Expr::of_value(value);
            (path.as_str(), Setting { dotted: dotted(path), value })
        }));
        out.blocks.extend(texts(part, "blocks"));
        out.dynamic.extend(texts(part, "dynamic"));
        out.anchors.extend(part.anchors.iter().map(|(k, v)| (k.as_str(), *v)));
    }
    out
}

/// A path without its indices: `rule[0].apply[1].x` is `rule.apply.x`.
pub(crate) fn dotted(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

fn bound(file: usize, seen: &Seen) -> Bound {
    Bound { file, value: seen.attributes.get("value").map(Expr::of_value) }
}

/// What reads a tfvars file.
enum VarFile {
    Terraform,
    Hand,
}

fn var_file(name: &[u8]) -> Option<VarFile> {
    let automatic = name == b"terraform.tfvars" || name.ends_with(b".auto.tfvars");
    match name.ends_with(b".tfvars") {
        false => None,
        true if automatic => Some(VarFile::Terraform),
        true => Some(VarFile::Hand),
    }
}

fn is_override(name: &[u8]) -> bool {
    name == b"override.tf" || name.ends_with(b"_override.tf")
}

impl<'a> Scope<'a> {
    /// From the files of a revision, whatever their order.
    pub(crate) fn new(files: &'a [&'a LookedFile], layout: Layout) -> Self {
        let mut scope = Self { files, folders: Vec::new(), instances: Vec::new(), unfollowed: Vec::new() };
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_by(|a, b| files[*a].path.cmp(&files[*b].path));
        let mut by_path: BTreeMap<&[u8], usize> = BTreeMap::new();
        let is_module = |f: &usize| match layout {
            Layout::Folders => var_file(files[*f].path.file_name()).is_none(),
            Layout::Files => !files[*f].observations.seen.is_empty(),
        };
        for file in order.iter().copied().filter(is_module) {
            let path = match layout {
                Layout::Folders => folder_of(&files[file].path),
                Layout::Files => files[file].path.as_bytes(),
            };
            let at = *by_path.entry(path).or_insert_with(|| {
                scope.folders.push(Folder { path: path.to_vec(), ..Folder::default() });
                scope.folders.len() - 1
            });
            scope.folders[at].read(file, files[file]);
        }
        scope.folders.iter_mut().for_each(Folder::settle_overrides);
        if layout == Layout::Folders {
            order.iter().for_each(|file| scope.read_var_file(*file, &by_path));
        }
        scope.resolve_calls(&by_path, layout);
        scope.instantiate();
        scope
    }

    /// A tfvars file belongs to its folder, or to the nearest one above that is a module.
    fn read_var_file(&mut self, file: usize, by_path: &BTreeMap<&[u8], usize>) {
        let looked = self.files[file];
        let Some(how) = var_file(looked.path.file_name()) else { return };
        let own = folder_of(&looked.path);
        let mut path = own;
        let folder = loop {
            match by_path.get(path) {
                Some(at) if self.folders[*at].is_module() => break *at,
                _ if path.is_empty() => return,
                _ => path = path.iter().rposition(|b| *b == b'/').map_or(&[], |n| &path[..n]),
            }
        };
        let automatic = matches!(how, VarFile::Terraform) && path == own;
        // Files come sorted, and `terraform.tfvars` gives way to every `*.auto.tfvars`.
        let first = looked.path.file_name() == b"terraform.tfvars";
        let folder = &mut self.folders[folder];
        let seen = &looked.observations.seen;
        folder.broken.extend(seen.iter().filter(|s| s.kind == "tf-broken").map(|s| (file, s)));
        folder.unsure |= looked.observations.skipped.is_some() || seen.iter().any(|s| s.kind == "tf-broken");
        for seen in looked.observations.seen.iter().filter(|s| s.kind == "tf-assignment") {
            let name = text(seen, "name");
            if !automatic {
                let (known, new) = (folder.elsewhere.entry(name).or_default(), bound(file, seen));
                if known.len() < 2 && known.iter().all(|k| k.value != new.value) {
                    known.push(new);
                }
            } else if !(first && folder.tfvars.contains_key(name)) {
                folder.tfvars.insert(name, bound(file, seen));
            }
        }
    }

    fn resolve_calls(&mut self, by_path: &BTreeMap<&[u8], usize>, layout: Layout) {
        for folder in &mut self.folders {
            let mut path = folder.path.clone();
            if layout == Layout::Files {
                path.truncate(path.iter().rposition(|b| *b == b'/').unwrap_or(0));
            }
            for call in folder.calls.values_mut() {
                let Some(Expr::Text(source)) = call.block.setting("source") else { continue };
                call.folder = join(&path, source).and_then(|p| by_path.get(p.as_slice()).copied());
            }
        }
        let modules: Vec<bool> = self.folders.iter().map(Folder::is_module).collect();
        for call in self.folders.iter_mut().flat_map(|f| f.calls.values_mut()) {
            call.folder = call.folder.filter(|f| modules[*f]);
        }
    }

    /// An example that calls the module which it explains says nothing of how the module is run.
    fn counts(&self, caller: usize, callee: usize) -> bool {
        self.folders[caller].source || !self.folders[callee].source
    }

    fn instantiate(&mut self) {
        let mut called = BTreeSet::new();
        for (at, folder) in self.folders.iter().enumerate() {
            let callees = folder.calls.values().filter_map(|c| c.folder);
            called.extend(callees.filter(|c| *c != at && self.counts(at, *c)));
        }
        let roots: Vec<usize> = (0..self.folders.len()).filter(|f| !called.contains(f)).collect();
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        let mut repeated = 0;
        for root in roots.into_iter().chain(0..self.folders.len()) {
            // The second half of the chain: folders that only call each other have no root, the first one is taken.
            if self.folders[root].is_module() && !reached.contains(&root) {
                self.tree(root, &mut reached, &mut repeated);
            }
        }
    }

    fn tree(&mut self, root: usize, reached: &mut BTreeSet<usize>, repeated: &mut usize) {
        let at = self.instances.len();
        self.instances.push(Instance {
            folder: root,
            prefix: String::new(),
            caller: None,
            children: BTreeMap::new(),
            root: at,
            depth: 0,
        });
        let mut next = at;
        while next < self.instances.len() {
            let (folder, depth) = (self.instances[next].folder, self.instances[next].depth);
            reached.insert(folder);
            let calls: Vec<(String, Option<usize>)> =
                self.folders[folder].calls.iter().map(|(n, c)| ((*n).to_owned(), c.folder)).collect();
            for (name, callee) in calls {
                let Some(callee) = callee else {
                    self.unfollowed.push((next, name, Unfollowed::Elsewhere));
                    continue;
                };
                if !self.counts(folder, callee) {
                    continue;
                }
                let again = if reached.contains(&callee) { self.folders[callee].size() } else { 0 };
                let beyond = self.instances.len() >= INSTANCES || *repeated + again > REPEATED;
                if depth == DEPTH || beyond || self.is_within(next, callee) {
                    self.unfollowed.push((next, name, Unfollowed::Bounded));
                    continue;
                }
                *repeated += again;
                reached.insert(callee);
                let child = self.instances.len();
                self.instances[next].children.insert(name.clone(), child);
                self.instances.push(Instance {
                    folder: callee,
                    prefix: format!("{}module.{name}.", self.instances[next].prefix),
                    caller: Some((next, name)),
                    children: BTreeMap::new(),
                    root: at,
                    depth: depth + 1,
                });
            }
            next += 1;
        }
    }

    /// Whether an instance, or one that it hangs from, is of a folder.
    fn is_within(&self, instance: usize, folder: usize) -> bool {
        let mut at = Some(instance);
        while let Some(here) = at {
            if self.instances[here].folder == folder {
                return true;
            }
            at = self.instances[here].caller.as_ref().map(|(c, _)| *c);
        }
        false
    }

    pub(crate) fn folder(&self, instance: usize) -> &Folder<'a> {
        &self.folders[self.instances[instance].folder]
    }

    /// The call that made an instance, and its caller.
    pub(crate) fn call(&self, instance: usize) -> Option<(usize, &Call<'a>)> {
        let (caller, name) = self.instances[instance].caller.as_ref()?;
        self.folder(*caller).calls.get(name.as_str()).map(|c| (*caller, c))
    }
}

impl<'a> Folder<'a> {
    fn read(&mut self, file: usize, looked: &'a LookedFile) {
        self.source |= looked.key.class.origin == Origin::Source;
        let seen = &looked.observations.seen;
        let mut more: BTreeMap<i64, Vec<&'a Seen>> = BTreeMap::new();
        for part in seen.iter().filter(|s| s.kind == "tf-more") {
            let of = part.attributes.get("of").and_then(|v| v.as_int()).unwrap_or(-1);
            more.entry(of).or_default().push(part);
        }
        let make = |s: &'a Seen| block(file, s, more.get(&i64::from(s.span.start)).map_or(&[], Vec::as_slice));
        // A module's arguments follow its block in the file, so the calls are there before them.
        for s in seen {
            match s.kind.as_str() {
                "tf-resource" => self.resources.push(make(s)),
                "tf-provider" => self.providers.push(make(s)),
                "tf-terraform" if self.terraform.len() < SETTINGS_BLOCKS => self.terraform.push(make(s)),
                "tf-module" => {
                    let call = Call { block: make(s), arguments: BTreeMap::new(), folder: None };
                    self.calls.insert(text(s, "name"), call);
                }
                "tf-argument" => {
                    if let Some(call) = self.calls.get_mut(text(s, "module")) {
                        call.arguments.insert(text(s, "name"), bound(file, s));
                    }
                }
                "tf-variable" => drop(self.variables.insert(text(s, "name"), bound(file, s))),
                "tf-local" => drop(self.locals.insert(text(s, "name"), bound(file, s))),
                "tf-output" => drop(self.outputs.insert(text(s, "name"), bound(file, s))),
                "tf-broken" => self.broken.push((file, s)),
                _ => {}
            }
        }
        if is_override(looked.path.file_name()) {
            self.resources.iter_mut().filter(|r| r.file == file).for_each(|r| r.overrides = true);
        }
    }

    /// What an override file says of a resource is merged into it, as Terraform does; a resource that stands twice
    /// otherwise, or is only overridden, is not known as a whole. Either way it stands once.
    fn settle_overrides(&mut self) {
        let mut at: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut kept: Vec<Block<'a>> = Vec::new();
        let (overriding, mut all): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.resources).into_iter().partition(|r| r.overrides);
        all.extend(overriding);
        for mut resource in all {
            match at.get(&(resource.of, resource.name)) {
                Some(first) if resource.overrides && !kept[*first].overrides => kept[*first].merge(resource),
                Some(first) => kept[*first].whole = false,
                None => {
                    at.insert((resource.of, resource.name), kept.len());
                    resource.whole &= !resource.overrides;
                    kept.push(resource);
                }
            }
        }
        self.resources = kept;
    }
}

/// A module's folder from the caller's folder and a source that begins with `./` or `../`; `None` for anything else, and
/// for what leaves the repository.
fn join(folder: &[u8], source: &str) -> Option<Vec<u8>> {
    if !(source.starts_with("./") || source.starts_with("../") || source == "." || source == "..") {
        return None;
    }
    let mut parts: Vec<&[u8]> = folder.split(|b| *b == b'/').filter(|p| !p.is_empty()).collect();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part.as_bytes()),
        }
    }
    Some(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_by_its_path_and_never_outside() {
        let joined =
            |folder: &str, source: &str| join(folder.as_bytes(), source).map(|p| String::from_utf8(p).unwrap());
        assert_eq!(joined("", "./modules/db").as_deref(), Some("modules/db"));
        assert_eq!(joined("envs/prod", "../../modules/db/").as_deref(), Some("modules/db"));
        assert_eq!(joined("envs/prod", "../..").as_deref(), Some(""));
        assert_eq!(joined("envs", "../../up"), None);
        assert_eq!(joined("envs", "terraform-aws-modules/rds/aws"), None);
        assert_eq!(joined("envs", "git::https://example.org/x.git"), None);
    }
}
