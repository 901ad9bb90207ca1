//! One walk over a file's tree that notes everything the readers need: definitions and their scopes, imports, calls,
//! assignments, raises, returns, loops, and the blocks they stand in. Parsing dominates looking, so the tree is walked
//! once for all of them. Next: `facts.rs`, `flow.rs`.

use super::syntax::{Source, named};
use crate::parse::{Grammar, Walk, shaped};
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use tree_sitter::{Node, Tree};

/// A function or class.
pub(crate) struct Definition<'t> {
    pub(crate) node: Node<'t>,
    /// With its decorators.
    pub(crate) whole: Node<'t>,
    pub(crate) is_class: bool,
    pub(crate) name: &'t str,
    /// Qualified in its file: `PatientService.update`.
    pub(crate) qualified: String,
    /// The definition that it stands in.
    pub(crate) parent: Option<usize>,
    pub(crate) decorators: Vec<Node<'t>>,
}

/// A node with the scope and the block that it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'t> {
    pub(crate) node: Node<'t>,
    pub(crate) scope: Option<usize>,
    pub(crate) block: usize,
}

/// A name that is bound: by assignment, loop, `with`, or walrus.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'t> {
    pub(crate) left: Node<'t>,
    pub(crate) right: Option<Node<'t>>,
    pub(crate) annotation: Option<Node<'t>>,
    pub(crate) how: How,
    pub(crate) at: Placed<'t>,
}

/// How a name is bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    Assigned,
    Augmented,
    Loop,
    With,
    Except,
}

/// What a block is guarded by.
pub(crate) struct Block<'t> {
    pub(crate) parent: Option<usize>,
    /// The condition of the `if` whose consequence it is.
    pub(crate) condition: Option<Node<'t>>,
}

/// One imported name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// The name in this file; `*` for all.
    pub(crate) local: String,
    pub(crate) module: String,
    /// Leading dots.
    pub(crate) level: i64,
    /// The name in the module; empty where the module itself is bound.
    pub(crate) name: String,
}

/// Everything of a file that the readers need.
pub(crate) struct Index<'t> {
    pub(crate) source: Source<'t>,
    pub(crate) definitions: Vec<Definition<'t>>,
    pub(crate) imports: Vec<(Vec<Import>, Node<'t>)>,
    pub(crate) calls: Vec<Placed<'t>>,
    pub(crate) bindings: Vec<Binding<'t>>,
    pub(crate) raises: Vec<Placed<'t>>,
    pub(crate) returns: Vec<Placed<'t>>,
    pub(crate) attributes: Vec<Placed<'t>>,
    pub(crate) errors: Vec<Node<'t>>,
    pub(crate) blocks: Vec<Block<'t>>,
    /// What each local name was imported as, dotted; relative ones begin with dots.
    pub(crate) origins: HashMap<String, String>,
    /// Parameters by definition.
    parameters: Vec<Vec<Parameter<'t>>>,
    /// Returns by definition.
    by_function: HashMap<usize, Vec<usize>>,
    /// Bindings by scope and name.
    by_name: HashMap<Option<usize>, HashMap<&'t str, Vec<usize>>>,
    /// Definitions by qualified name.
    pub(crate) by_qualified: BTreeMap<String, usize>,
}

/// Parameters of one function that are read.
const MAX_PARAMETERS: usize = 200;
/// Bindings of one name in one scope that are considered, from the last backwards.
const MAX_BOUND: usize = 200;
/// Places of unreadable syntax that are noted.
const MAX_ERRORS: usize = 8;

/// Nodes around a place that are asked for a condition.
const MAX_AROUND: usize = 16;

/// Whether a condition holds only where nothing is deployed for others: by the words of its names and texts.
fn asks_for_development(condition: &str) -> bool {
    let text: String = condition.chars().take(300).collect();
    let words = crate::vocabulary::words(&text);
    let among = |set: &[&str]| words.iter().any(|w| set.contains(&w.as_str()));
    let turned = text.contains("not ") || text.contains("!=");
    let production = among(&["prod", "production", "live"]);
    let development = among(&["debug", "dev", "development", "local", "localhost", "test", "testing", "e2e"]);
    if turned { production && !development } else { development && !production }
}

/// Kinds that the walk stops at. Comparing numbers instead of names for every node is a third of the walk.
const WORDS: &[&str] = &[
    "decorated_definition",
    "function_definition",
    "class_definition",
    "if_statement",
    "elif_clause",
    "block",
    "call",
    "attribute",
    "raise_statement",
    "return_statement",
    "import_statement",
    "import_from_statement",
    "assignment",
    "type_alias_statement",
    "augmented_assignment",
    "named_expression",
    "for_statement",
    "for_in_clause",
    "as_pattern",
];

/// The word of each kind's number, "" for the others.
fn words() -> &'static [&'static str] {
    static TABLE: OnceLock<Vec<&'static str>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let language = Grammar::Python.language();
        let word = |id: usize| {
            let id = u16::try_from(id).ok()?;
            let kind = language.node_kind_for_id(id).filter(|_| language.node_kind_is_named(id))?;
            WORDS.iter().copied().find(|w| *w == kind)
        };
        (0..language.node_kind_count()).map(|id| word(id).unwrap_or_default()).collect()
    })
}

struct Open {
    depth: usize,
    scope: Option<usize>,
    block: usize,
}

impl<'t> Index<'t> {
    /// Reads a tree; the error is the reason for skipping the file (a tree that is too deep or too wide).
    pub(crate) fn new(text: &'t str, tree: &'t Tree) -> Result<Self, &'static str> {
        let mut index = Self {
            source: Source { text },
            definitions: Vec::new(),
            imports: Vec::new(),
            calls: Vec::new(),
            bindings: Vec::new(),
            raises: Vec::new(),
            returns: Vec::new(),
            attributes: Vec::new(),
            errors: Vec::new(),
            blocks: vec![Block { parent: None, condition: None }],
            origins: HashMap::new(),
            parameters: Vec::new(),
            by_function: HashMap::new(),
            by_name: HashMap::new(),
            by_qualified: BTreeMap::new(),
        };
        index.walk(tree)?;
        for (imports, _) in &index.imports {
            for import in imports {
                let origin = origin_of(import);
                index.origins.entry(import.local.clone()).or_insert(origin);
            }
        }
        index.parameters = index.definitions.iter().map(|d| index.read_parameters(d)).collect();
        for (at, returned) in index.returns.iter().enumerate() {
            if let Some(scope) = returned.scope {
                index.by_function.entry(scope).or_default().push(at);
            }
        }
        for (at, binding) in index.bindings.iter().enumerate() {
            if binding.left.kind() == "identifier" {
                let name = index.source.of(binding.left);
                index.by_name.entry(binding.at.scope).or_default().entry(name).or_default().push(at);
            }
        }
        Ok(index)
    }

    fn walk(&mut self, tree: &'t Tree) -> Result<(), &'static str> {
        let words = words();
        let mut walk = Walk::new(tree.root_node());
        let mut open = vec![Open { depth: 0, scope: None, block: 0 }];
        let mut decorated: HashMap<usize, (Node<'t>, Vec<Node<'t>>)> = HashMap::new();
        let mut conditions: HashMap<usize, Node<'t>> = HashMap::new();
        while let Some((node, depth)) = walk.next() {
            shaped(node, depth)?;
            while open.len() > 1 && open.last().is_some_and(|o| o.depth >= depth) {
                open.pop();
            }
            let word = if node.is_error() {
                "ERROR"
            } else {
                words.get(usize::from(node.kind_id())).copied().unwrap_or_default()
            };
            if word.is_empty() {
                continue;
            }
            let (scope, block) = open.last().map_or((None, 0), |o| (o.scope, o.block));
            let at = Placed { node, scope, block };
            match word {
                "decorated_definition" => {
                    let decorators = named(node).into_iter().filter(|n| n.kind() == "decorator").collect();
                    if let Some(definition) = node.child_by_field_name("definition") {
                        decorated.insert(definition.id(), (node, decorators));
                    }
                }
                "function_definition" | "class_definition" => {
                    let (whole, decorators) = decorated.remove(&node.id()).unwrap_or((node, Vec::new()));
                    if let Some(scope) = self.define(at, whole, decorators) {
                        open.push(Open { depth, scope: Some(scope), block });
                    }
                }
                "if_statement" | "elif_clause" => {
                    let field = |name: &str| node.child_by_field_name(name);
                    if let (Some(condition), Some(consequence)) = (field("condition"), field("consequence")) {
                        conditions.insert(consequence.id(), condition);
                    }
                }
                "block" => {
                    let condition = conditions.remove(&node.id());
                    self.blocks.push(Block { parent: Some(block), condition });
                    open.push(Open { depth, scope, block: self.blocks.len() - 1 });
                }
                _ => self.note(at, word),
            }
        }
        Ok(())
    }

    fn define(&mut self, at: Placed<'t>, whole: Node<'t>, decorators: Vec<Node<'t>>) -> Option<usize> {
        let name = self.source.of(at.node.child_by_field_name("name")?);
        let qualified = match at.scope {
            Some(parent) => format!("{}.{name}", self.definitions[parent].qualified),
            None => name.to_owned(),
        };
        let is_class = at.node.kind() == "class_definition";
        self.by_qualified.insert(super::syntax::cut(&qualified), self.definitions.len());
        self.definitions.push(Definition {
            node: at.node,
            whole,
            is_class,
            name,
            qualified: super::syntax::cut(&qualified),
            parent: at.scope,
            decorators,
        });
        Some(self.definitions.len() - 1)
    }

    fn note(&mut self, at: Placed<'t>, word: &str) {
        let field = |name: &str| at.node.child_by_field_name(name);
        let bind = |left: Option<Node<'t>>, right: Option<Node<'t>>, how: How| {
            left.map(|left| Binding { left, right, annotation: None, how, at })
        };
        match word {
            "call" => self.calls.push(at),
            "attribute" => self.attributes.push(at),
            "raise_statement" => self.raises.push(at),
            "return_statement" => self.returns.push(at),
            "import_statement" | "import_from_statement" => {
                let imports = self.imported(at.node);
                self.imports.push((imports, at.node));
            }
            "assignment" => {
                let binding = bind(field("left"), field("right"), How::Assigned);
                self.bindings.extend(binding.map(|b| Binding { annotation: field("type"), ..b }));
            }
            "type_alias_statement" => {
                let sides = named(at.node);
                let left = sides.first().and_then(|n| n.named_child(0));
                self.bindings.extend(bind(left, sides.get(1).copied(), How::Assigned));
            }
            "augmented_assignment" => self.bindings.extend(bind(field("left"), field("right"), How::Augmented)),
            "named_expression" => self.bindings.extend(bind(field("name"), field("value"), How::Assigned)),
            "for_statement" | "for_in_clause" => self.bindings.extend(bind(field("left"), field("right"), How::Loop)),
            "as_pattern" => {
                let alias = field("alias").and_then(|n| n.named_child(0));
                let how = if self.blocks_handler(at.node) { How::Except } else { How::With };
                self.bindings.extend(bind(alias, at.node.named_child(0), how));
            }
            "ERROR" if self.errors.len() < MAX_ERRORS => self.errors.push(at.node),
            _ => {}
        }
    }

    /// `except X as e` and `with x as e` share a node; the text before tells them apart.
    fn blocks_handler(&self, node: Node<'t>) -> bool {
        let before = self.source.text.get(..node.start_byte()).unwrap_or_default();
        before.trim_end().trim_end_matches('*').trim_end().ends_with("except")
    }

    fn imported(&self, node: Node<'t>) -> Vec<Import> {
        let mut out = Vec::new();
        let from = node.child_by_field_name("module_name");
        let (module, level) = match from {
            None => (String::new(), 0),
            Some(from) => {
                let text = self.source.of(from);
                let dots = text.bytes().take_while(|b| *b == b'.').count();
                (text[dots..].trim().to_owned(), dots as i64)
            }
        };
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            if child.kind() == "wildcard_import" {
                out.push(Import { local: "*".to_owned(), module: module.clone(), level, name: "*".to_owned() });
            }
            if from.is_some_and(|f| f.id() == child.id()) || !matches!(child.kind(), "dotted_name" | "aliased_import") {
                continue;
            }
            let name =
                child.child_by_field_name("name").map_or(self.source.of(child), |n| self.source.of(n)).to_owned();
            let alias = child.child_by_field_name("alias").map(|a| self.source.of(a).to_owned());
            out.push(match (from, alias) {
                (Some(_), alias) => {
                    Import { local: alias.unwrap_or_else(|| name.clone()), module: module.clone(), level, name }
                }
                (None, Some(alias)) => Import { local: alias, module: name, level: 0, name: String::new() },
                (None, None) => {
                    let first = name.split('.').next().unwrap_or(&name).to_owned();
                    Import { local: first.clone(), module: first, level: 0, name: String::new() }
                }
            });
        }
        out
    }

    /// The dotted name as imports resolve its first segment: `D` is `fastapi.Depends`.
    pub(crate) fn origin(&self, dotted: &str) -> String {
        let (first, rest) = dotted.split_once('.').map_or((dotted, ""), |(f, r)| (f, r));
        let bare = first.trim_end_matches("()");
        match self.origins.get(bare) {
            Some(origin) => {
                let calls = &first[bare.len()..];
                if rest.is_empty() { format!("{origin}{calls}") } else { format!("{origin}{calls}.{rest}") }
            }
            None => dotted.to_owned(),
        }
    }

    /// Whether a place is only reached where a condition asks for development or tests: `if settings.DEBUG:`.
    pub(crate) fn development(&self, node: Node<'t>) -> bool {
        let mut node = node;
        for _ in 0..MAX_AROUND {
            let Some(parent) = node.parent() else { return false };
            let field = |name: &str| parent.child_by_field_name(name);
            if matches!(parent.kind(), "if_statement" | "elif_clause")
                && field("consequence").is_some_and(|c| c.id() == node.id())
                && field("condition").is_some_and(|c| asks_for_development(self.source.of(c)))
            {
                return true;
            }
            if matches!(parent.kind(), "function_definition" | "class_definition") && node.kind() == "block" {
                return false;
            }
            node = parent;
        }
        false
    }

    /// The qualified name of a scope, `<module>` for none.
    pub(crate) fn scope_name(&self, scope: Option<usize>) -> &str {
        scope.map_or("<module>", |s| self.definitions[s].qualified.as_str())
    }

    /// The nearest function around a scope (a class body belongs to the function around it).
    pub(crate) fn function_of(&self, mut scope: Option<usize>) -> Option<usize> {
        while let Some(s) = scope {
            if !self.definitions[s].is_class {
                return Some(s);
            }
            scope = self.definitions[s].parent;
        }
        None
    }

    /// The nearest class around a scope.
    pub(crate) fn class_of(&self, mut scope: Option<usize>) -> Option<usize> {
        while let Some(s) = scope {
            if self.definitions[s].is_class {
                return Some(s);
            }
            scope = self.definitions[s].parent;
        }
        None
    }

    /// Bindings of a name in one scope, in order.
    pub(crate) fn bound<'s>(
        &'s self,
        scope: Option<usize>,
        name: &str,
    ) -> impl Iterator<Item = &'s Binding<'t>> + use<'s, 't> {
        let all: &[usize] =
            self.by_name.get(&scope).and_then(|names| names.get(name)).map(Vec::as_slice).unwrap_or_default();
        all[all.len().saturating_sub(MAX_BOUND)..].iter().map(|at| &self.bindings[*at])
    }

    /// Whether a block is another or lies around it.
    pub(crate) fn encloses(&self, outer: usize, mut inner: usize) -> bool {
        loop {
            if outer == inner {
                return true;
            }
            match self.blocks[inner].parent {
                Some(parent) => inner = parent,
                None => return false,
            }
        }
    }

    /// The parameters of a function, in order.
    pub(crate) fn parameters(&self, definition: usize) -> &[Parameter<'t>] {
        &self.parameters[definition]
    }

    /// What a function returns, in order.
    pub(crate) fn returned(&self, definition: usize) -> impl Iterator<Item = &Placed<'t>> {
        self.by_function.get(&definition).into_iter().flatten().map(|at| &self.returns[*at])
    }

    fn read_parameters(&self, definition: &Definition<'t>) -> Vec<Parameter<'t>> {
        let list = definition.node.child_by_field_name("parameters").filter(|_| !definition.is_class);
        let Some(list) = list else { return Vec::new() };
        let mut out = Vec::new();
        for node in named(list).into_iter().take(MAX_PARAMETERS) {
            let field = |name: &str| node.child_by_field_name(name);
            let splats = |n: Node<'_>| n.kind().ends_with("splat_pattern");
            let (name, splat) = match node.kind() {
                "identifier" => (Some(node), false),
                "typed_parameter" | "list_splat_pattern" | "dictionary_splat_pattern" => {
                    let inner = node.named_child(0);
                    let splat = splats(node) || inner.is_some_and(splats);
                    (inner.and_then(|n| if splats(n) { n.named_child(0) } else { Some(n) }), splat)
                }
                "default_parameter" | "typed_default_parameter" => (field("name"), false),
                _ => continue,
            };
            let Some(name) = name else { continue };
            out.push(Parameter {
                name: self.source.of(name),
                annotation: field("type"),
                default: field("value"),
                splat,
            });
        }
        out
    }
}

/// A parameter of a function.
#[derive(Clone, Copy)]
pub(crate) struct Parameter<'t> {
    pub(crate) name: &'t str,
    pub(crate) annotation: Option<Node<'t>>,
    pub(crate) default: Option<Node<'t>>,
    pub(crate) splat: bool,
}

/// What an import binds, dotted; relative ones keep their dots.
pub(crate) fn origin_of(import: &Import) -> String {
    let dots = ".".repeat(usize::try_from(import.level).unwrap_or(0));
    match (import.module.is_empty(), import.name.is_empty()) {
        (_, true) => format!("{dots}{}", import.module),
        (true, false) => format!("{dots}{}", import.name),
        (false, false) => format!("{dots}{}.{}", import.module, import.name),
    }
}
