//! What a value is made of, followed backwards through its function: assignments that reach it, format strings, attributes,
//! helpers of the same file, sanitizers. Bounded by steps, never by recursion over the tree. What cannot be followed is
//! `opaque` and said so. Next: `flow_calls.rs` (calls), then `logs.rs`, which asks it.

use super::index::{Binding, How, Index, Parameter};
use super::syntax::{last, named};
use crate::admits::lets_in;
use crate::labels::{label_before, labels, stands_for};
use crate::vocabulary::{Hit, Vocabulary};
use std::collections::HashMap;
use std::rc::Rc;
use tree_sitter::Node;

/// Expressions that are looked at for one sink.
const MAX_STEPS: usize = 400;
/// Assignments and helpers that are followed one behind the other.
pub(super) const MAX_HOPS: u8 = 8;

/// How a value came to the sink.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Via {
    Argument,
    Format,
    Extra,
    Assigned,
}

impl Via {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Format => "format",
            Self::Extra => "extra",
            Self::Assigned => "assigned",
        }
    }
}

/// A classified value that reaches the sink.
#[derive(Debug)]
pub(crate) struct Leaf<'t> {
    pub(crate) name: String,
    pub(crate) hit: Hit,
    pub(crate) via: Via,
    pub(crate) sanitized: bool,
    pub(crate) sanitizer: String,
    pub(crate) anchor: Node<'t>,
}

/// An object of a named type that reaches the sink whole; linking knows its attributes.
#[derive(Debug)]
pub(crate) struct Whole<'t> {
    pub(crate) name: String,
    pub(crate) class: String,
    /// It is written attribute by attribute (`model_dump`), whatever its own text is.
    pub(crate) dumped: bool,
    pub(crate) sanitized: bool,
    pub(crate) sanitizer: String,
    pub(crate) anchor: Node<'t>,
}

/// The type itself of `Annotated[T, …]`: what stands behind the comma says how it is had, not what it is.
fn annotated(text: &str) -> &str {
    let Some(inside) = text.strip_prefix("typing.").unwrap_or(text).strip_prefix("Annotated[") else { return text };
    let mut depth = 0_u32;
    for (at, c) in inside.char_indices() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' if depth == 0 => return &inside[..at],
            ']' | ')' => depth -= 1,
            ',' if depth == 0 => return &inside[..at],
            _ => {}
        }
    }
    inside
}

/// Names without a class that are told of one call: a line that a person writes has fewer.
const MAX_PLAIN: usize = 16;

/// Everything that reaches the sink.
#[derive(Default, Debug)]
pub(crate) struct Reached<'t> {
    pub(crate) leaves: Vec<Leaf<'t>>,
    pub(crate) wholes: Vec<Whole<'t>>,
    pub(crate) opaque: Vec<String>,
    /// Names that no class is known for: a service may have declared one of them.
    pub(crate) plain: Vec<Plain>,
}

/// A name that reaches the sink and that the vocabulary does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Plain {
    pub(crate) name: String,
    pub(crate) sanitized: bool,
    pub(crate) sanitizer: String,
}

impl Reached<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.wholes.is_empty() && self.opaque.is_empty()
    }
}

/// A sanitizer or hash that the value went through.
#[derive(Clone)]
pub(super) struct Cleaned {
    pub(super) by: Rc<str>,
    pub(super) hash: bool,
}

/// An expression that is still to be looked at.
#[derive(Clone)]
pub(crate) struct Task<'t> {
    pub(super) node: Node<'t>,
    pub(super) via: Via,
    /// The expression in the sink's own call that led here, once it was left.
    pub(super) anchor: Option<Node<'t>>,
    pub(super) scope: Option<usize>,
    pub(super) block: usize,
    /// Only assignments before it count.
    pub(super) position: usize,
    pub(super) hops: u8,
    /// The name under which it is written or assigned, for what has no telling name of its own.
    pub(super) hint: Rc<str>,
    /// What the text that it is put into calls it, right before its place.
    pub(super) label: Rc<str>,
    pub(super) cleaned: Option<Cleaned>,
    /// A masked type was opened (`get_secret_value`).
    pub(super) opened: bool,
    /// A whole object is written attribute by attribute.
    pub(super) dumped: bool,
    /// What the parameters of the helper stand for.
    pub(super) frame: Option<Rc<HashMap<String, Task<'t>>>>,
    /// A name that is something else here than its annotation says first: `… if isinstance(x, User) else x.name`.
    pub(super) other: Option<&'t str>,
}

impl<'t> Task<'t> {
    pub(crate) fn new(node: Node<'t>, via: Via, hint: &str, scope: Option<usize>, block: usize) -> Self {
        Self {
            node,
            via,
            anchor: None,
            scope,
            block,
            position: node.start_byte(),
            hops: 0,
            hint: hint.into(),
            label: "".into(),
            cleaned: None,
            opened: false,
            dumped: false,
            frame: None,
            other: None,
        }
    }

    pub(super) fn at(&self, node: Node<'t>) -> Self {
        Self { node, ..self.clone() }
    }

    pub(super) fn via(self, via: Via) -> Self {
        // What was assigned stays assigned, whatever it was built with before.
        if self.via == Via::Argument { Self { via, ..self } } else { self }
    }

    pub(super) fn hinted(self, hint: &str) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What the text before its place calls it.
    pub(super) fn labelled(self, label: &str) -> Self {
        if label.is_empty() { self } else { Self { label: label.into(), ..self } }
    }

    pub(super) fn anchored(&self) -> Node<'t> {
        self.anchor.unwrap_or(self.node)
    }
}

/// Whether a slice leaves a few characters of an end: `[-4:]`, `[:4]`.
fn few(slice: &str) -> bool {
    let folded: String = slice.chars().filter(|c| !c.is_whitespace()).take(16).collect();
    let count = folded.strip_prefix('-').and_then(|s| s.strip_suffix(':')).or_else(|| folded.strip_prefix(':'));
    count.and_then(|n| n.parse::<u8>().ok()).is_some_and(|n| n <= 6)
}

/// One sink's question.
pub(crate) struct Flow<'a, 't> {
    pub(super) index: &'a Index<'t>,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) out: Reached<'t>,
    pub(super) open: Vec<Task<'t>>,
    pub(super) steps: usize,
    pub(super) nested: u8,
}

/// Follows expressions to what they are made of; also says how many steps it took.
pub(crate) fn follow<'t>(index: &Index<'t>, vocabulary: &Vocabulary, mut tasks: Vec<Task<'t>>) -> (Reached<'t>, usize) {
    tasks.reverse();
    let mut flow = Flow { index, vocabulary, out: Reached::default(), open: tasks, steps: 0, nested: 0 };
    flow.run();
    (flow.out, flow.steps)
}

impl<'t> Flow<'_, 't> {
    pub(super) fn run(&mut self) {
        while let Some(task) = self.open.pop() {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                self.opaque("…");
                break;
            }
            self.step(task);
        }
    }

    pub(super) fn opaque(&mut self, text: &str) {
        let folded: Vec<&str> = text.split_whitespace().take(24).collect();
        let text: String = folded.join(" ").chars().take(80).collect();
        if self.out.opaque.len() < 8 && !self.out.opaque.contains(&text) {
            self.out.opaque.push(text);
        }
    }

    fn push_all(&mut self, task: &Task<'t>, nodes: impl IntoIterator<Item = Node<'t>>) {
        let tasks: Vec<Task<'t>> = nodes.into_iter().map(|n| task.at(n)).collect();
        self.open.extend(tasks.into_iter().rev());
    }

    fn step(&mut self, task: Task<'t>) {
        let node = task.node;
        match node.kind() {
            "string" => {
                let task = task.via(Via::Format);
                let inner = named(node).into_iter().filter(|n| n.kind() == "interpolation");
                let begin = node.start_byte();
                let all: Vec<Task<'t>> = inner
                    .filter_map(|n| {
                        let before = self.index.source.of(node).get(..n.start_byte() - begin).unwrap_or_default();
                        let own = before
                            .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                            .trim_start_matches(['"', '\'']);
                        Some(task.at(n.child_by_field_name("expression")?).labelled(label_before(own)))
                    })
                    .collect();
                self.open.extend(all.into_iter().rev());
            }
            "concatenated_string"
            | "list"
            | "tuple"
            | "set"
            | "expression_list"
            | "parenthesized_expression"
            | "await"
            | "list_splat"
            | "boolean_operator"
            | "unary_operator" => self.push_all(&task, named(node)),
            "dictionary_splat" => self.splat(&task),
            "binary_operator" => self.operator(task),
            "conditional_expression" => {
                let parts = named(node);
                let other = parts.get(1).and_then(|c| self.asked_for_type(*c)).or(task.other);
                self.push_all(&Task { other, ..task.clone() }, parts.get(2).copied());
                self.push_all(&task, parts.first().copied());
            }
            "dictionary" => self.dictionary(&task),
            "pair" => self.pair(&task),
            "list_comprehension" | "set_comprehension" | "generator_expression" | "dictionary_comprehension" => {
                let inside = Task { position: usize::MAX, ..task.clone() };
                self.push_all(&inside, node.named_child(0));
            }
            "named_expression" => self.push_all(&task, node.child_by_field_name("value")),
            "identifier" => self.identifier(&task),
            "attribute" => self.attribute(&task),
            "subscript" => self.subscript(&task),
            "call" => self.call(task),
            _ => {}
        }
    }

    /// The name of which a condition asks whether it is of a type.
    fn asked_for_type(&self, condition: Node<'t>) -> Option<&'t str> {
        let function = condition.child_by_field_name("function").filter(|_| condition.kind() == "call")?;
        let first = condition.child_by_field_name("arguments")?.named_child(0)?;
        let asks = self.index.source.of(function) == "isinstance" && first.kind() == "identifier";
        asks.then(|| self.index.source.of(first))
    }

    fn operator(&mut self, task: Task<'t>) {
        let node = task.node;
        let operator = node.child_by_field_name("operator").map_or("", |o| o.kind());
        let task = if matches!(operator, "%" | "+") { task.via(Via::Format) } else { task };
        if let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right")) {
            let before = if left.kind() == "binary_operator" { left.child_by_field_name("right") } else { Some(left) };
            let text = before.and_then(|n| self.index.source.string(n));
            match (operator, text) {
                ("%", Some(text)) if left.kind() != "binary_operator" => {
                    let given = if right.kind() == "tuple" { named(right) } else { vec![right] };
                    let labels = labels(&text).into_iter().chain(std::iter::repeat_with(String::new));
                    let all: Vec<Task<'t>> =
                        given.into_iter().zip(labels).map(|(n, label)| task.at(n).labelled(&label)).collect();
                    return self.open.extend(all.into_iter().rev());
                }
                ("+", Some(text)) => {
                    self.open.push(task.at(right).labelled(label_before(&text)));
                    return self.open.push(task.at(left));
                }
                _ => {}
            }
        }
        self.push_all(
            &task,
            [node.child_by_field_name("left"), node.child_by_field_name("right")].into_iter().flatten(),
        );
    }

    fn dictionary(&mut self, task: &Task<'t>) {
        self.push_all(task, named(task.node));
    }

    fn pair(&mut self, task: &Task<'t>) {
        let key = task.node.child_by_field_name("key").and_then(|k| self.index.source.string(k)).unwrap_or_default();
        if let Some(value) = task.node.child_by_field_name("value") {
            self.open.push(task.at(value).hinted(&key));
        }
    }

    /// `**x`: a literal that was assigned can be followed, anything else cannot.
    fn splat(&mut self, task: &Task<'t>) {
        let Some(inner) = task.node.named_child(0) else { return };
        let known = inner.kind() == "identifier"
            && self
                .reaching(task, self.index.source.of(inner))
                .iter()
                .any(|b| b.right.is_some_and(|r| r.kind() == "dictionary"));
        if known || matches!(inner.kind(), "dictionary" | "call") {
            self.open.push(task.at(inner));
        } else {
            self.opaque(self.index.source.of(task.node));
        }
    }

    /// The assignments of a name that can reach a place: a later one in the same or an outer block replaces the earlier.
    pub(super) fn reaching(&self, task: &Task<'t>, name: &str) -> Vec<Binding<'t>> {
        let own = self.index.function_of(task.scope);
        let mut scope = own;
        loop {
            let mut reach: Vec<Binding<'t>> = Vec::new();
            for binding in self.index.bound(scope, name) {
                if scope == own && binding.at.node.start_byte() >= task.position {
                    continue;
                }
                if binding.how != How::Augmented && scope == own && self.index.encloses(binding.at.block, task.block) {
                    reach.clear();
                }
                reach.push(*binding);
            }
            if !reach.is_empty() || scope.is_some_and(|s| self.parameter(Some(s), name).is_some()) {
                return reach;
            }
            match scope {
                None => return reach,
                Some(s) => scope = self.index.function_of(self.index.definitions[s].parent),
            }
        }
    }

    /// The parameter of that name, of the nearest function that has one.
    pub(super) fn parameter(&self, scope: Option<usize>, name: &str) -> Option<Parameter<'t>> {
        let mut scope = self.index.function_of(scope);
        while let Some(s) = scope {
            if let Some(found) = self.index.parameters(s).iter().find(|p| p.name == name) {
                return Some(*found);
            }
            scope = self.index.function_of(self.index.definitions[s].parent);
        }
        None
    }

    fn identifier(&mut self, task: &Task<'t>) {
        let name = self.index.source.of(task.node);
        if let Some(inner) = task.frame.as_ref().and_then(|f| f.get(name)) {
            let inner = Task {
                anchor: Some(task.anchored()),
                cleaned: task.cleaned.clone().or_else(|| inner.cleaned.clone()),
                via: if task.via == Via::Argument { inner.via } else { task.via },
                dumped: task.dumped,
                opened: task.opened,
                hops: task.hops + 1,
                ..inner.clone()
            };
            return self.open.push(inner);
        }
        if name == "self" {
            return self.own_object(task);
        }
        let reaching = self.reaching(task, name);
        if reaching.is_empty() || task.hops >= MAX_HOPS {
            return self.unassigned(task, name);
        }
        for binding in reaching.iter().rev() {
            self.assigned(task, name, binding);
        }
    }

    fn own_object(&mut self, task: &Task<'t>) {
        if let Some(class) = self.index.class_of(task.scope) {
            let class = self.index.definitions[class].qualified.clone();
            self.whole(task, &class);
        }
    }

    fn assigned(&mut self, task: &Task<'t>, name: &str, binding: &Binding<'t>) {
        if binding.how == How::Except || (binding.how == How::With && self.classified(name, "").is_none()) {
            return;
        }
        if let Some(class) = binding.annotation.and_then(|a| self.class_name(a)) {
            return self.whole(task, &class);
        }
        let Some(right) = binding.right else { return self.unassigned(task, name) };
        if binding.how == How::Loop
            && let Some(hit) = self.classified(name, &self.owner(&task.at(right)))
        {
            return self.leaf(task, name, hit);
        }
        self.open.push(Task {
            node: right,
            via: if task.via == Via::Argument || task.via == Via::Format { Via::Assigned } else { task.via },
            anchor: Some(task.anchored()),
            scope: binding.at.scope,
            block: binding.at.block,
            position: binding.at.node.start_byte(),
            hops: task.hops + 1,
            hint: name.into(),
            label: if self.is_other(name) { "".into() } else { task.label.clone() },
            ..task.clone()
        });
    }

    /// A parameter, a global, or a name that comes from elsewhere.
    fn unassigned(&mut self, task: &Task<'t>, name: &str) {
        if self.vocabulary.sinks.exceptions.iter().any(|e| e == name) {
            return;
        }
        let parameter = self.parameter(task.scope, name);
        if let Some(annotation) = parameter.as_ref().and_then(|p| p.annotation) {
            let text = self.index.source.of(annotation);
            if let Some(hit) = self.vocabulary.classes.of_type(text).cloned() {
                return self.leaf(task, name, hit);
            }
            if text == "bool" {
                return;
            }
            if let Some(class) = self.class_name(annotation).filter(|_| task.other != Some(name)) {
                return self.whole(task, &class);
            }
        }
        // `"id_token": token_id`: which one, whatever the key ends with.
        let hint = if name.ends_with("_id") { "" } else { &*task.hint };
        if let Some(hit) = self.classified(name, "").or_else(|| self.classified(hint, "")) {
            return self.leaf(task, name, hit);
        }
        if let Some(hit) = parameter.and_then(|_| self.handled(task, name)).or_else(|| self.said(task, name)) {
            return self.leaf(task, name, hit);
        }
        self.plain(task, name);
        let opaque = &self.vocabulary.sinks.opaque;
        let splat = parameter.as_ref().is_some_and(|p| p.splat);
        let typed = parameter.as_ref().is_some_and(|p| p.annotation.is_some_and(|a| self.is_text_type(a)));
        if !typed && (splat || opaque.names.iter().any(|n| n == name) || opaque.objects.iter().any(|n| n == name)) {
            self.opaque(name);
        }
    }

    /// Whether a name says that it is something else than what the text calls it: `key_name`, `key_id`.
    fn is_other(&self, name: &str) -> bool {
        stands_for(name) || self.vocabulary.classes.tells_of(name)
    }

    /// `"SIGNING_KEY=%s"`: what the text calls a value that has no telling name of its own.
    pub(super) fn said(&self, task: &Task<'t>, name: &str) -> Option<Hit> {
        let label = &*task.label;
        if label.is_empty() || self.is_other(name) {
            return None;
        }
        self.classified(label, "").filter(|h| h.class == "credential" && h.strict)
    }

    /// `def verify(token)`: what a function that lets people in is handed is what lets them in. So is what it uses as such.
    fn handled(&self, task: &Task<'t>, name: &str) -> Option<Hit> {
        if crate::vocabulary::words(name) != ["token"] {
            return None;
        }
        let function = self.index.function_of(task.scope).map(|f| &self.index.definitions[f])?;
        let called = self.vocabulary.classes.is_owner(function.name, "admission")
            && !self.vocabulary.classes.is_owner(function.name, "thing");
        let handles = called || lets_in(self.index.source.of(function.node), name);
        handles.then(|| self.classified(name, "auth")).flatten()
    }

    fn is_text_type(&self, annotation: Node<'t>) -> bool {
        matches!(
            self.index.source.of(annotation),
            "str"
                | "int"
                | "float"
                | "UUID"
                | "uuid.UUID"
                | "bytes"
                | "str | None"
                | "int | None"
                | "Optional[str]"
                | "Optional[int]"
        )
    }

    /// The class that an annotation names, looked for through `Optional`, `list`, `Annotated`; `None` for plain types.
    pub(super) fn class_name(&self, annotation: Node<'t>) -> Option<String> {
        let text = annotated(self.index.source.of(annotation));
        let mut name = String::new();
        for c in text.chars().take(200).chain([' ']) {
            if c.is_alphanumeric() || c == '_' || c == '.' {
                name.push(c);
                continue;
            }
            let word = std::mem::take(&mut name);
            let short = last(&word);
            if short.chars().next().is_some_and(char::is_uppercase)
                && !self.vocabulary.classes.is_plain_type(short)
                && short.len() > 1
            {
                return Some(word);
            }
        }
        None
    }

    fn attribute(&mut self, task: &Task<'t>) {
        let source = self.index.source;
        let (Some(object), Some(attribute)) =
            (task.node.child_by_field_name("object"), task.node.child_by_field_name("attribute"))
        else {
            return;
        };
        let name = source.of(attribute);
        // `"username": user.name`: what somebody logs in with, whatever the attribute is called.
        if name == "name"
            && matches!(&*crate::vocabulary::words(&task.hint).join(" "), "username" | "user name" | "login")
        {
            return self.plain(task, name);
        }
        let owner = self.owner(&task.at(object));
        if let Some(hit) = self.classified(name, &owner) {
            let shown = source.short(task.node);
            return self.leaf(task, &shown, hit);
        }
        let holder = source.dotted(object).unwrap_or_default();
        let opaque = &self.vocabulary.sinks.opaque;
        let of_request = opaque.attribute_owners.iter().any(|o| o == last(&holder) || *o == holder);
        if (of_request && opaque.attributes.iter().any(|a| a == name)) || opaque.objects.iter().any(|o| o == name) {
            return self.opaque(source.of(task.node));
        }
        if name == "__dict__" {
            return self.open.push(Task { dumped: true, ..task.at(object) });
        }
        let neutral = self.vocabulary.sanitizers.neutral_attributes.iter().any(|a| a == name);
        // `user.id` says which row, whatever it is assigned to.
        if let Some(hit) = self.classified(&task.hint, "").filter(|_| !neutral) {
            let shown = source.short(task.node);
            self.leaf(task, &shown, hit);
        } else if !neutral {
            if let Some(hit) = self.said(task, name) {
                let shown = source.short(task.node);
                return self.leaf(task, &shown, hit);
            }
            self.plain(task, name);
        }
    }

    /// A name that no class is known for.
    fn plain(&mut self, task: &Task<'t>, name: &str) {
        let cleaned = task.cleaned.as_ref().filter(|c| !c.hash);
        // `extra={"chief_complaint": visit.reason}`: what it is called on the way counts as much as what it was.
        for name in [name, &task.hint].into_iter().filter(|n| !n.is_empty()) {
            let plain = Plain {
                name: name.chars().take(80).collect(),
                sanitized: cleaned.is_some(),
                sanitizer: cleaned.map(|c| c.by.to_string()).unwrap_or_default(),
            };
            if self.out.plain.len() < MAX_PLAIN && !self.out.plain.contains(&plain) {
                self.out.plain.push(plain);
            }
        }
    }

    fn subscript(&mut self, task: &Task<'t>) {
        let source = self.index.source;
        let (Some(value), Some(key)) =
            (task.node.child_by_field_name("value"), task.node.child_by_field_name("subscript"))
        else {
            return;
        };
        match source.string(key) {
            Some(key) => self.key(task, value, &key),
            // A part of it, by its place; what a token says under a name is not the token.
            None if key.kind() != "slice" && key.kind() != "integer" && self.holds_claims(value) => {
                self.opaque(source.of(task.node));
            }
            None if key.kind() == "slice" && few(source.of(key)) => {
                let by = format!("{}[{}]", source.short(value), source.of(key)).into();
                self.open.push(Task {
                    cleaned: Some(Cleaned { by, hash: false }),
                    anchor: Some(task.anchored()),
                    ..task.at(value)
                });
            }
            None => self.open.push(task.at(value)),
        }
    }

    /// An ID token, read: what it says of somebody, by name. `id_token`, `data["id_token"]`, `data.get("id_token", {})`.
    pub(super) fn holds_claims(&self, node: Node<'t>) -> bool {
        let source = self.index.source;
        let name = match node.kind() {
            "identifier" => source.of(node).to_owned(),
            "attribute" => node.child_by_field_name("attribute").map(|a| source.of(a).to_owned()).unwrap_or_default(),
            "subscript" => node.child_by_field_name("subscript").and_then(|k| source.string(k)).unwrap_or_default(),
            "call" => {
                let first = source.arguments(node).positional.first().copied();
                first.and_then(|k| source.string(k)).unwrap_or_default()
            }
            _ => String::new(),
        };
        let words = crate::vocabulary::words(&name);
        words.ends_with(&["id".to_owned(), "token".to_owned()])
            || matches!(&*words.join(" "), "claims" | "decoded token" | "token claims" | "id token claims")
    }

    /// What a mapping holds under a constant key.
    pub(super) fn key(&mut self, task: &Task<'t>, value: Node<'t>, key: &str) {
        let owner = self.owner(&task.at(value));
        let hit = self.classified(key, &owner).or_else(|| self.classified(&task.hint, ""));
        if let Some(hit) = hit {
            let shown = self.index.source.short(task.node);
            self.leaf(task, &shown, hit);
        } else {
            self.plain(task, key);
        }
    }

    pub(super) fn classified(&self, name: &str, owner: &str) -> Option<Hit> {
        let hit = self.vocabulary.classes.classify(name, owner)?;
        // `strings.EMAIL_TAKEN`: a constant is the same for everyone. A credential is one even as a constant.
        let shouted = name.contains('_') && !name.chars().any(char::is_lowercase);
        (!shouted || hit.class == "credential").then_some(hit)
    }

    pub(super) fn leaf(&mut self, task: &Task<'t>, name: &str, hit: Hit) {
        let accepted = &self.vocabulary.sanitizers.hashes.accepted_for;
        let cleaned = task.cleaned.as_ref();
        let masked = hit.masked && !task.opened;
        let sanitized = masked || cleaned.is_some_and(|c| !c.hash || accepted.contains(&hit.class));
        let sanitizer = cleaned
            .map(|c| c.by.to_string())
            .unwrap_or_else(|| if masked { "masked type".to_owned() } else { String::new() });
        let anchor = task.anchored();
        let name: String = name.chars().take(80).collect();
        let same = |l: &Leaf<'t>| l.name == name && l.anchor.id() == anchor.id() && l.sanitized == sanitized;
        if !self.out.leaves.iter().any(same) {
            self.out.leaves.push(Leaf { name, hit, via: task.via, sanitized, sanitizer, anchor });
        }
    }

    pub(super) fn whole(&mut self, task: &Task<'t>, class: &str) {
        let cleaned = task.cleaned.as_ref();
        let name: String = self.index.source.short(task.node).chars().take(80).collect();
        let anchor = task.anchored();
        if self.out.wholes.iter().any(|w| w.anchor.id() == anchor.id() && w.class == class) {
            return;
        }
        self.out.wholes.push(Whole {
            name,
            class: class.to_owned(),
            dumped: task.dumped,
            sanitized: cleaned.is_some_and(|c| !c.hash),
            sanitizer: cleaned.map(|c| c.by.to_string()).unwrap_or_default(),
            anchor,
        });
    }

    /// Words that say whose attribute it is: a type where one is known, else names.
    pub(super) fn owner(&self, task: &Task<'t>) -> String {
        let source = self.index.source;
        let mut task = task.clone();
        let mut words = String::new();
        for _ in 0..4 {
            let node = task.node;
            match node.kind() {
                "attribute" => {
                    return format!(
                        "{words} {}",
                        node.child_by_field_name("attribute").map(|a| source.of(a)).unwrap_or_default()
                    );
                }
                "identifier" => {
                    let name = source.of(node);
                    if name == "self" {
                        let class = self.index.class_of(task.scope).map(|c| self.index.definitions[c].name);
                        return format!("{words} {}", class.unwrap_or_default());
                    }
                    words = format!("{words} {name}");
                    if task.other == Some(name) {
                        return words;
                    }
                    if let Some(inner) = task.frame.as_ref().and_then(|f| f.get(name)) {
                        task = inner.clone();
                        continue;
                    }
                    let reaching = self.reaching(&task, name);
                    let Some(binding) = reaching.last() else {
                        let class = self
                            .parameter(task.scope, name)
                            .and_then(|p| p.annotation)
                            .and_then(|a| self.class_name(a));
                        return format!("{words} {}", class.unwrap_or_default());
                    };
                    if let Some(class) = binding.annotation.and_then(|a| self.class_name(a)) {
                        return format!("{words} {class}");
                    }
                    let Some(right) = binding.right else { return words };
                    task = Task {
                        position: binding.at.node.start_byte(),
                        scope: binding.at.scope,
                        block: binding.at.block,
                        ..task.at(right)
                    };
                }
                "call" => {
                    let class = self.class_in_call(node).unwrap_or_default();
                    return format!(
                        "{words} {} {class}",
                        node.child_by_field_name("function").map(|f| source.short(f)).unwrap_or_default()
                    );
                }
                "await" | "parenthesized_expression" => match node.named_child(0) {
                    Some(inner) => task = task.at(inner),
                    None => return words,
                },
                "subscript" => match node.child_by_field_name("value") {
                    Some(inner) => task = task.at(inner),
                    None => return words,
                },
                _ => return words,
            }
        }
        words
    }

    /// The one class that a call speaks of: `Patient(…)`, `session.get(Patient, id)`, `select(Patient)`.
    pub(super) fn class_in_call(&self, call: Node<'t>) -> Option<String> {
        let text: String = self.index.source.of(call).chars().take(300).collect();
        let mut found: Option<String> = None;
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            let class_like =
                word.chars().next().is_some_and(char::is_uppercase) && word.chars().any(char::is_lowercase);
            if !class_like || self.vocabulary.classes.is_plain_type(word) || found.as_deref() == Some(word) {
                continue;
            }
            if found.is_some() {
                return None;
            }
            found = Some(word.to_owned());
        }
        found
    }
}
