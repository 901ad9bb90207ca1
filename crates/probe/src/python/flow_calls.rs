//! Calls on the way of a value: sanitizers, hashes, functions that only tell a property, functions that let the value pass,
//! helpers of the same file, and calls that cannot be followed. Next: `logs.rs`.

use super::flow::{Cleaned, Flow, MAX_HOPS, Reached, Task, Via};
use super::syntax::{Arguments, last};
use crate::labels::labels;
use crate::vocabulary::words;
use std::collections::HashMap;
use std::rc::Rc;
use tree_sitter::Node;

/// Helpers and unknown calls within one another.
const MAX_NESTED: u8 = 3;

impl<'t> Flow<'_, 't> {
    pub(super) fn call(&mut self, task: Task<'t>) {
        let source = self.index.source;
        let Some(function) = task.node.child_by_field_name("function") else { return };
        let mut arguments = source.arguments(task.node);
        let receiver = (function.kind() == "attribute").then(|| function.child_by_field_name("object")).flatten();
        let dotted = source.dotted(function).unwrap_or_default();
        // `", ".join(x)`: the receiver is no name, the method is.
        let method = function.child_by_field_name("attribute").map_or(last(&dotted), |a| source.of(a));
        let origin = self.index.origin(&dotted);
        if let (Some(receiver), true) = (receiver, matches!(method, "get" | "pop" | "setdefault"))
            && let Some(key) = arguments.positional.first().and_then(|n| source.string(*n))
        {
            return self.key(&task, receiver, &key);
        }
        // What a token says under a name that is not a constant: something, and not the token.
        if matches!(method, "get" | "pop") && receiver.is_some_and(|r| self.holds_claims(r)) {
            let text = source.short(task.node);
            return self.opaque(&text);
        }
        // `from alerts.privacy import mask as shortened`: what it is called where it comes from counts too.
        if let Some(cleaned) =
            self.cleaner(&task, &dotted, method).or_else(|| self.cleaner(&task, &origin, last(&origin)))
        {
            let inside = Task {
                cleaned: Some(task.cleaned.clone().filter(|c| !c.hash).unwrap_or(cleaned)),
                anchor: Some(task.anchored()),
                ..task.clone()
            };
            return self.inputs(&inside, receiver, &arguments);
        }
        let sanitizers = &self.vocabulary.sanitizers;
        if sanitizers.neutral.iter().any(|n| n == method) {
            return;
        }
        let passes = sanitizers.pass_through.functions.iter().any(|f| *f == origin || *f == dotted)
            || (receiver.is_some() && sanitizers.pass_through.methods.iter().any(|m| m == method));
        if passes {
            // What a table holds under a key is something else than the key: `seen.get(token)`.
            if receiver.is_some() && matches!(method, "get" | "pop" | "setdefault") && !arguments.positional.is_empty()
            {
                arguments.positional.remove(0);
            }
            let formats = matches!(method, "format" | "join" | "format_map");
            let inside = if formats { task.clone().via(Via::Format) } else { task.clone() };
            let text = receiver.filter(|_| method == "format").and_then(|r| source.string(r));
            if let Some(labels) = text.map(|t| labels(&t)).filter(|l| l.iter().any(|l| !l.is_empty())) {
                let given =
                    arguments.positional.drain(..).zip(labels.into_iter().chain(std::iter::repeat_with(String::new)));
                let all: Vec<Task<'t>> = given.map(|(n, label)| inside.at(n).labelled(&label)).collect();
                self.open.extend(all.into_iter().rev());
            }
            return self.inputs(
                &Task { opened: task.opened || method == "get_secret_value", ..inside },
                receiver,
                &arguments,
            );
        }
        if self.vocabulary.sinks.opaque.calls.iter().any(|c| *c == origin || *c == dotted) {
            let text = source.short(task.node);
            return self.opaque(&text);
        }
        if let Some(receiver) = receiver.filter(|_| self.vocabulary.sinks.opaque.methods.iter().any(|m| m == method)) {
            return self.dumped(&task, receiver, method);
        }
        if let Some(helper) = self.helper(&task, &dotted) {
            return self.through(&task, helper, &arguments);
        }
        self.result(&task, receiver, &dotted, method, &arguments);
    }

    /// Everything that goes into a call.
    fn inputs(&mut self, task: &Task<'t>, receiver: Option<Node<'t>>, arguments: &Arguments<'t>) {
        let module = |n: Node<'t>| n.kind() == "identifier" && self.index.origins.contains_key(self.index.source.of(n));
        let receiver = receiver.filter(|r| !module(*r));
        let named = arguments.named.iter().map(|(name, value)| task.at(*value).hinted(name));
        let splats = arguments.splats.iter().map(|(_, node)| task.at(*node));
        let all: Vec<Task<'t>> = receiver
            .into_iter()
            .chain(arguments.positional.iter().copied())
            .map(|n| task.at(n))
            .chain(named)
            .chain(splats)
            .collect();
        self.open.extend(all.into_iter().rev());
    }

    /// Whether a call takes the value's meaning away, by the words of its name. A local function of such a name that gives
    /// its argument back unchanged does not.
    fn cleaner(&self, task: &Task<'t>, dotted: &str, method: &str) -> Option<Cleaned> {
        let sanitizers = &self.vocabulary.sanitizers;
        let parts = words(method);
        let has = |list: &[String]| list.iter().any(|w| *w == method || (!w.contains('_') && parts.contains(w)));
        if has(&sanitizers.sanitizers) {
            let identity = self.helper(task, dotted).is_some_and(|h| self.gives_back(h));
            return (!identity).then(|| Cleaned { by: dotted.into(), hash: false });
        }
        // `check_hash` and `verify_digest` tell; `hash_password` and `hexdigest` hash.
        has(&sanitizers.hashes.words).then(|| Cleaned { by: dotted.replace("()", "").into(), hash: true })
    }

    /// Whether a function returns a parameter as it is.
    fn gives_back(&self, function: usize) -> bool {
        let parameters = self.index.parameters(function);
        self.index.returned(function).any(|r| {
            r.node.named_child(0).is_some_and(|n| {
                n.kind() == "identifier"
                    && parameters.iter().any(|p| p.name == self.index.source.of(n))
                    && self.index.bound(Some(function), self.index.source.of(n)).next().is_none()
            })
        })
    }

    /// `x.model_dump()`, `request.json()`: a whole object of a known class, or something that cannot be followed.
    fn dumped(&mut self, task: &Task<'t>, receiver: Node<'t>, method: &str) {
        let inner = Task { dumped: true, ..task.at(receiver) };
        let class = self.class_of_expression(&inner);
        match class {
            Some(class) => self.whole(&inner, &class),
            None if matches!(method, "items" | "values" | "copy") => self.open.push(inner),
            None => {
                let text = self.index.source.short(task.node);
                self.opaque(&text);
            }
        }
    }

    /// The class of an expression where an annotation or a constructor says it.
    fn class_of_expression(&self, task: &Task<'t>) -> Option<String> {
        if task.node.kind() != "identifier" {
            return None;
        }
        let name = self.index.source.of(task.node);
        if let Some(inner) = task.frame.as_ref().and_then(|f| f.get(name)) {
            return self.class_of_expression_once(inner);
        }
        self.class_of_expression_once(task)
    }

    fn class_of_expression_once(&self, task: &Task<'t>) -> Option<String> {
        let name = self.index.source.of(task.node);
        if name == "self" {
            return self.index.class_of(task.scope).map(|c| self.index.definitions[c].qualified.clone());
        }
        match self.reaching(task, name).last() {
            None => self.class_name(self.parameter(task.scope, name)?.annotation?),
            Some(binding) => match (binding.annotation, binding.right) {
                (Some(annotation), _) => self.class_name(annotation),
                (None, Some(right)) if matches!(right.kind(), "call" | "await") => self.class_in_call(right),
                _ => None,
            },
        }
    }

    /// The function of this file that a call names: `describe(x)`, `self.describe(x)`, `Class.describe(x)`.
    fn helper(&self, task: &Task<'t>, dotted: &str) -> Option<usize> {
        let name = match dotted.strip_prefix("self.").or_else(|| dotted.strip_prefix("cls.")) {
            Some(rest) => format!("{}.{rest}", self.index.definitions[self.index.class_of(task.scope)?].qualified),
            None => dotted.to_owned(),
        };
        let found = *self.index.by_qualified.get(&name)?;
        (!self.index.definitions[found].is_class).then_some(found)
    }

    /// Goes on in a helper of the same file: what it returns, with its parameters standing for the arguments.
    fn through(&mut self, task: &Task<'t>, helper: usize, arguments: &Arguments<'t>) {
        if task.hops >= MAX_HOPS {
            let text = self.index.source.short(task.node);
            return self.opaque(&text);
        }
        let mut frame: HashMap<String, Task<'t>> = HashMap::new();
        let parameters = self.index.parameters(helper);
        let own = parameters.iter().filter(|p| !matches!(p.name, "self" | "cls"));
        for (parameter, node) in own.zip(&arguments.positional) {
            frame.insert(parameter.name.to_owned(), task.at(*node));
        }
        for (name, node) in &arguments.named {
            frame.insert((*name).to_owned(), task.at(*node));
        }
        let frame = Rc::new(frame);
        let tasks: Vec<Task<'t>> = self
            .index
            .returned(helper)
            .filter_map(|r| {
                Some(Task {
                    node: r.node.named_child(0).filter(|n| !n.is_extra())?,
                    anchor: Some(task.anchored()),
                    scope: Some(helper),
                    block: r.block,
                    position: r.node.start_byte(),
                    hops: task.hops + 1,
                    frame: Some(frame.clone()),
                    ..task.clone()
                })
            })
            .take(8)
            .collect();
        self.open.extend(tasks.into_iter().rev());
    }

    /// A call whose inside is not known: its name may say what it gives; else what goes in may come out.
    fn result(
        &mut self,
        task: &Task<'t>,
        receiver: Option<Node<'t>>,
        dotted: &str,
        method: &str,
        arguments: &Arguments<'t>,
    ) {
        if last(dotted).chars().next().is_some_and(char::is_uppercase)
            && dotted.chars().any(char::is_lowercase)
            && !self.vocabulary.classes.is_plain_type(last(dotted))
        {
            let class = dotted.to_owned();
            return self.whole(task, &class);
        }
        let owner = receiver.map(|r| self.owner(&task.at(r))).unwrap_or_default();
        if let Some((verb, rest)) =
            method.split_once('_').filter(|(verb, _)| self.vocabulary.sinks.producers.iter().any(|p| p == verb))
            && let Some(hit) = self.classified(rest, &format!("{owner} {verb}"))
        {
            let shown: String = format!("{dotted}()");
            return self.leaf(task, &shown, hit);
        }
        let going_in = self.sub(task, arguments);
        if !going_in.is_empty() {
            let unclean = !going_in.opaque.is_empty()
                || going_in.leaves.iter().any(|l| !l.sanitized)
                || going_in.wholes.iter().any(|w| !w.sanitized);
            if unclean {
                self.opaque(&format!("{dotted}(…)"));
            }
            return;
        }
        if let Some(hit) = self.classified(&task.hint, "") {
            let hint = task.hint.to_string();
            self.leaf(task, &hint, hit);
        } else if let Some(hit) = self.said(task, method) {
            self.leaf(task, &format!("{dotted}()"), hit);
        }
    }

    /// What reaches a call, asked on the side and out of the same budget.
    fn sub(&mut self, task: &Task<'t>, arguments: &Arguments<'t>) -> Reached<'t> {
        if self.nested >= MAX_NESTED {
            return Reached { opaque: vec!["…".to_owned()], ..Reached::default() };
        }
        let mut side = Flow {
            index: self.index,
            vocabulary: self.vocabulary,
            out: Reached::default(),
            open: Vec::new(),
            steps: self.steps,
            nested: self.nested + 1,
        };
        // A receiver that is only asked (`service.describe(id)`) hands nothing on by itself.
        side.inputs(&Task { label: "".into(), ..task.clone().hinted("") }, None, arguments);
        side.run();
        self.steps = side.steps;
        side.out
    }
}
