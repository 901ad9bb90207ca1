//! What a value is made of, followed backwards through its function and the file: assignments that reach it, texts with
//! values put into them, members, objects, helpers, sanitizers. Bounded by steps. What cannot be followed is `opaque` and
//! said so. It decides as `python/flow.rs` does, over the model that languages share. Next: `flow_calls.rs`, `logs.rs`.

use super::index::{Bind, Index, label};
use super::model::{Expr, ExprKind, Param, Type};
use crate::admits::lets_in;
use crate::labels::{label_before, stands_for};
use crate::vocabulary::{Hit, Vocabulary, words};
use ligase_domain::Span;
use std::collections::HashMap;
use std::rc::Rc;

/// Expressions that are looked at for one sink.
const MAX_STEPS: usize = 400;
/// Assignments and helpers that are followed one behind the other.
pub(super) const MAX_HOPS: u8 = 8;
/// Names without a class that are told of one call.
const MAX_PLAIN: usize = 16;

/// First words of names that say what is done and not what something is.
const DOES: &[&str] = &["send", "verify", "validate", "mark", "check", "notify", "should", "match"];

/// How a value came to the sink.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Via {
    Argument,
    Format,
    Extra,
    Assigned,
    /// In a text that was put together before.
    Built,
}

impl Via {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Format => "format",
            Self::Extra => "extra",
            Self::Assigned => "assigned",
            Self::Built => "built",
        }
    }
}

/// A classified value that reaches the sink.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    pub(crate) hit: Hit,
    pub(crate) via: Via,
    pub(crate) sanitized: bool,
    pub(crate) sanitizer: String,
    pub(crate) anchor: Span,
}

/// An object of a named type that reaches the sink whole; linking knows its fields.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) name: String,
    pub(crate) class: String,
    /// It is written field by field, whatever its own text is.
    pub(crate) dumped: bool,
    pub(crate) sanitized: bool,
    pub(crate) sanitizer: String,
    /// Fields that were taken out of it before.
    pub(crate) without: Vec<String>,
    pub(crate) anchor: Span,
}

/// Everything that reaches the sink.
#[derive(Default, Debug)]
pub(crate) struct Reached {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) wholes: Vec<Whole>,
    pub(crate) opaque: Vec<String>,
    /// Names that no class is known for: name, sanitized, sanitizer.
    pub(crate) plain: Vec<(String, bool, String)>,
}

impl Reached {
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
pub(crate) struct Task<'m, 't> {
    pub(super) expr: &'m Expr<'t>,
    pub(super) via: Via,
    /// The expression in the sink's own call that led here, once it was left.
    pub(super) anchor: Option<Span>,
    pub(super) scope: usize,
    pub(super) block: usize,
    /// Only assignments before it count.
    pub(super) position: u32,
    pub(super) hops: u8,
    /// The name under which it is written or assigned.
    pub(super) hint: Rc<str>,
    /// What the text that it is put into calls it, right before its place.
    pub(super) label: Rc<str>,
    pub(super) cleaned: Option<Cleaned>,
    /// A whole object is written field by field.
    pub(super) dumped: bool,
    /// Fields that a pattern took out before the rest was bound.
    pub(super) without: Rc<[String]>,
    /// What the parameters of the helper stand for.
    pub(super) frame: Option<Rc<HashMap<String, Task<'m, 't>>>>,
}

impl<'m, 't> Task<'m, 't> {
    pub(crate) fn new(expr: &'m Expr<'t>, via: Via, hint: &str, scope: usize, block: usize) -> Self {
        Self {
            expr,
            via,
            anchor: None,
            scope,
            block,
            position: expr.at.start,
            hops: 0,
            hint: hint.into(),
            label: "".into(),
            cleaned: None,
            dumped: false,
            without: Rc::new([]),
            frame: None,
        }
    }

    /// A whole object among the sink's own arguments is written field by field.
    pub(crate) fn dumping(self, dumped: bool) -> Self {
        Self { dumped, ..self }
    }

    pub(super) fn at(&self, expr: &'m Expr<'t>) -> Self {
        Self { expr, ..self.clone() }
    }

    pub(super) fn via(self, via: Via) -> Self {
        if via == Via::Format && self.anchor.is_some() {
            return Self { via: Via::Built, ..self };
        }
        if self.via == Via::Argument { Self { via, ..self } } else { self }
    }

    pub(super) fn hinted(self, hint: &str) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What the text before its place calls it.
    pub(super) fn labelled(self, label: &str) -> Self {
        if label.is_empty() { self } else { Self { label: label.into(), ..self } }
    }

    pub(super) fn anchored(&self) -> Span {
        self.anchor.unwrap_or(self.expr.at)
    }
}

/// One sink's question.
pub(crate) struct Flow<'a, 'm, 't> {
    pub(super) index: &'a Index<'m, 't>,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) language: &'a str,
    pub(super) out: Reached,
    pub(super) open: Vec<Task<'m, 't>>,
    pub(super) steps: usize,
    pub(super) nested: u8,
}

/// Follows expressions to what they are made of; also says how many steps it took.
pub(crate) fn follow<'m, 't>(
    index: &Index<'m, 't>,
    vocabulary: &Vocabulary,
    language: &str,
    mut tasks: Vec<Task<'m, 't>>,
) -> (Reached, usize) {
    tasks.reverse();
    let mut flow = Flow { index, vocabulary, language, out: Reached::default(), open: tasks, steps: 0, nested: 0 };
    flow.run();
    (flow.out, flow.steps)
}

impl<'m, 't> Flow<'_, 'm, 't> {
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

    pub(super) fn push_all(&mut self, task: &Task<'m, 't>, exprs: impl IntoIterator<Item = &'m Expr<'t>>) {
        // A list longer than what may be looked at is looked at as far as that.
        let tasks: Vec<Task<'m, 't>> = exprs.into_iter().take(MAX_STEPS + 1).map(|e| task.at(e)).collect();
        self.open.extend(tasks.into_iter().rev());
    }

    fn step(&mut self, task: Task<'m, 't>) {
        match &task.expr.kind {
            ExprKind::Name(name) => self.name(&task, name),
            ExprKind::This => self.own_object(&task),
            ExprKind::Member(of, name) => self.member(&task, of, name),
            ExprKind::Index(of, key) => match key.text() {
                Some(key) => self.key(&task, of, key),
                None => self.open.push(task.at(of)),
            },
            ExprKind::Call(_) => self.call(task),
            ExprKind::Template(parts) | ExprKind::Concat(parts) => {
                let inner = Task { dumped: false, ..task.clone() }.via(Via::Format);
                self.parts(&inner, parts);
            }
            ExprKind::Object(pairs) => {
                let tasks: Vec<Task<'m, 't>> = pairs
                    .iter()
                    .take(MAX_STEPS + 1)
                    .map(|(key, value)| match key {
                        Some(key) => task.at(value).via(Via::Extra).hinted(key),
                        None => task.at(value).via(Via::Extra),
                    })
                    .collect();
                self.open.extend(tasks.into_iter().rev());
            }
            ExprKind::List(parts) | ExprKind::Choice(parts) | ExprKind::Other(parts) => self.push_all(&task, parts),
            ExprKind::Same(_, inner) => self.open.push(task.at(inner)),
            ExprKind::Text(_)
            | ExprKind::Number(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Compare(_)
            | ExprKind::Arithmetic(..)
            | ExprKind::Function(_)
            | ExprKind::Class(_) => {}
        }
    }

    /// Texts and values in turn: what stands before a value may say what it is.
    fn parts(&mut self, task: &Task<'m, 't>, parts: &'m [Expr<'t>]) {
        let before = std::iter::once("").chain(parts.iter().map(|p| p.text().unwrap_or_default()));
        let tasks: Vec<Task<'m, 't>> = parts
            .iter()
            .zip(before)
            .take(MAX_STEPS + 1)
            .map(|(e, before)| task.at(e).labelled(label_before(before)))
            .collect();
        self.open.extend(tasks.into_iter().rev());
    }

    /// A parameter that is only called a token, of a function that uses it as what lets people in.
    fn handled(&self, task: &Task<'m, 't>, name: &str) -> Option<Hit> {
        if words(name) != ["token"] {
            return None;
        }
        let (mut scope, mut function) = (Some(task.scope), None);
        while let Some(at) = scope.filter(|_| function.is_none()) {
            function = self.index.scopes[at].function.filter(|_| self.index.parameter(at, name).is_some());
            scope = self.index.scopes[at].parent;
        }
        let at = function?.at;
        let text = self.index.text.get(at.start as usize..at.end as usize)?;
        lets_in(text, name).then(|| self.classified(name, "auth")).flatten()
    }

    /// Whether a name says that it is something else than what the text calls it: `keyName`, `keyId`.
    fn is_other(&self, name: &str) -> bool {
        stands_for(name) || self.vocabulary.classes.tells_of(name)
    }

    /// `"SIGNING_KEY=" + value`: what the text calls a value that has no telling name of its own.
    pub(super) fn said(&self, task: &Task<'m, 't>, name: &str) -> Option<Hit> {
        let label = &*task.label;
        if label.is_empty() || self.is_other(name) {
            return None;
        }
        self.classified(label, "").filter(|h| h.class == "credential" && h.strict)
    }

    /// The assignments of a name that can reach a place: a later one in the same or an outer block replaces the earlier.
    pub(super) fn reaching(&self, task: &Task<'m, 't>, name: &str) -> Vec<(usize, Bind<'m, 't>)> {
        let own = task.scope;
        let mut scope = own;
        loop {
            let mut reach: Vec<(usize, Bind<'m, 't>)> = Vec::new();
            for bind in self.index.bound(scope, name) {
                if scope == own && bind.at.start >= task.position {
                    continue;
                }
                let replaces = scope == own && self.index.encloses(bind.block, task.block);
                if replaces && bind.value.is_some() {
                    reach.clear();
                }
                reach.push((scope, *bind));
            }
            if !reach.is_empty() || self.index.parameter(scope, name).is_some() {
                return reach;
            }
            match self.index.scopes[scope].parent {
                Some(parent) => scope = parent,
                None => return reach,
            }
        }
    }

    /// The parameter of that name, of the nearest function that has one.
    pub(super) fn parameter(&self, scope: usize, name: &str) -> Option<&'m Param<'t>> {
        let mut scope = Some(scope);
        while let Some(at) = scope {
            if let Some(found) = self.index.parameter(at, name) {
                return Some(found);
            }
            scope = self.index.scopes[at].parent;
        }
        None
    }

    fn name(&mut self, task: &Task<'m, 't>, name: &str) {
        if let Some(inner) = task.frame.as_ref().and_then(|f| f.get(name)) {
            let inner = Task {
                anchor: Some(task.anchored()),
                cleaned: task.cleaned.clone().or_else(|| inner.cleaned.clone()),
                via: if task.via == Via::Argument { inner.via } else { task.via },
                dumped: task.dumped,
                hops: task.hops + 1,
                ..inner.clone()
            };
            return self.open.push(inner);
        }
        // An error's text is that of whoever made it, whatever the call was given.
        if self.vocabulary.sinks.exceptions.iter().any(|e| e == name) {
            return;
        }
        let reaching = self.reaching(task, name);
        if reaching.is_empty() || task.hops >= MAX_HOPS {
            return self.unassigned(task, name);
        }
        for (scope, bind) in reaching.iter().rev() {
            self.assigned(task, name, *scope, bind);
        }
    }

    fn own_object(&mut self, task: &Task<'m, 't>) {
        if let Some(class) = self.index.class_of(task.scope) {
            let class = self.index.classes[class].qualified.clone();
            self.whole(task, &class);
        }
    }

    fn assigned(&mut self, task: &Task<'m, 't>, name: &str, scope: usize, bind: &Bind<'m, 't>) {
        if let Some(ty) = bind.ty {
            if is_flag(ty) {
                return;
            }
            if let Some(class) = self.class_name(ty).filter(|c| !self.only_holds(c)) {
                return self.whole(task, &class);
            }
        }
        let Some(value) = bind.value else { return self.unassigned(task, name) };
        // What a loop takes one by one out of a list: the name says what one is.
        if let (ExprKind::Other(_), Some(hit)) = (&value.kind, self.classified(name, &self.owner(&task.at(value)))) {
            return self.leaf(task, name, hit);
        }
        // Go refuses a variable that is used nowhere else, so that it is told there even of a field.
        let assigned =
            matches!(task.via, Via::Argument | Via::Format) || self.language == "go" && task.via == Via::Extra;
        let via = if assigned { Via::Assigned } else { task.via };
        self.open.push(Task {
            expr: value,
            via,
            anchor: Some(task.anchored()),
            scope,
            block: bind.block,
            position: bind.at.start,
            hops: task.hops + 1,
            hint: name.into(),
            label: if self.is_other(name) { "".into() } else { task.label.clone() },
            without: self.taken_out(scope, bind).unwrap_or_else(|| task.without.clone()),
            ..task.clone()
        });
    }

    /// What a pattern took out of an object before `...rest` was bound to what remains.
    fn taken_out(&self, scope: usize, rest: &Bind<'m, 't>) -> Option<Rc<[String]>> {
        let before = self.index.text.get(..rest.at.start as usize)?;
        if !before.ends_with("...") && !self.index.text.get(rest.at.start as usize..)?.starts_with("...") {
            return None;
        }
        let root = rest.value?.at;
        let siblings = self.index.all_bound().filter(|(s, _, b)| {
            *s == scope && b.value.is_some_and(|v| v.at == root && matches!(v.kind, ExprKind::Member(..)))
        });
        let mut names: Vec<String> =
            siblings.filter_map(|(_, _, b)| b.value?.last().map(str::to_owned)).take(32).collect();
        names.sort();
        Some(names.into())
    }

    /// A parameter, a global, or a name that comes from elsewhere.
    fn unassigned(&mut self, task: &Task<'m, 't>, name: &str) {
        if name == "undefined" && self.language == "typescript" {
            return;
        }
        let ty = self.type_of(task, name);
        if let Some(ty) = ty {
            if is_flag(ty) || is_error(ty) {
                return;
            }
            if let Some(hit) = self.vocabulary.classes.of_type(&ty.name).cloned() {
                return self.leaf(task, name, hit);
            }
            if let Some(class) = self.class_name(ty) {
                return self.whole(task, &class);
            }
        }
        let hit = self.classified(name, "").or_else(|| self.classified(&task.hint, ""));
        if let Some(hit) = hit.or_else(|| self.said(task, name)).or_else(|| self.handled(task, name)) {
            return self.leaf(task, name, hit);
        }
        self.plain(task, name);
        let opaque = &self.vocabulary.sinks.opaque;
        let typed = ty.is_some_and(is_text);
        let whole =
            opaque.objects.iter().any(|n| n == name) && !(task.via == Via::Format && self.language == "typescript");
        if !typed && (opaque.names.iter().any(|n| n == name) || name == "req" || whole) {
            self.opaque(name);
        }
    }

    /// The type that a name was declared with.
    pub(super) fn type_of(&self, task: &Task<'m, 't>, name: &str) -> Option<&'m Type<'t>> {
        let reaching = self.reaching(task, name);
        match reaching.last() {
            Some((_, bind)) => bind.ty,
            None => self.parameter(task.scope, name)?.ty.as_ref(),
        }
    }

    /// The class that a type names, looked for through arrays, promises and the like; `None` for plain types.
    pub(super) fn class_name(&self, ty: &Type<'t>) -> Option<String> {
        let mut open = vec![ty];
        for _ in 0..8 {
            let ty = open.pop()?;
            let short = ty.name.rsplit('.').next().unwrap_or_default();
            let holder = matches!(
                short,
                "[]" | "Promise"
                    | "Array"
                    | "Partial"
                    | "Readonly"
                    | "Optional"
                    | "List"
                    | "Set"
                    | "Map"
                    | "map"
                    | "Collection"
                    | "Record"
                    | "Omit"
                    | "Pick"
                    | "Required"
                    | "Page"
                    | "Mono"
                    | "Flux"
                    | "Iterable"
                    | "ReadonlyArray"
                    | "chan"
                    | "Stream"
                    | "CompletableFuture"
                    | "ResponseEntity"
                    | "Observable"
            );
            if holder {
                open.extend(ty.args.iter().take(4));
                continue;
            }
            let plain = self.vocabulary.classes.is_plain_type(short) || short.len() < 2 || is_text(ty) || is_flag(ty);
            let upper = short.chars().next().is_some_and(char::is_uppercase);
            if upper && !plain && ty.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$')) {
                return Some(ty.name.to_string());
            }
        }
        None
    }

    fn member(&mut self, task: &Task<'m, 't>, of: &'m Expr<'t>, name: &str) {
        // `safe.email = mask(safe.email)` is what `safe.email` is from then on.
        if let Some(dotted) = task.expr.dotted().filter(|_| task.hops < MAX_HOPS && task.frame.is_none()) {
            let mut own = self.index.bound(task.scope, &dotted).iter();
            let last = own.rfind(|b| b.at.start < task.position && self.index.encloses(b.block, task.block));
            if let Some(bind) = last.filter(|b| b.value.is_some()) {
                return self.assigned(task, name, task.scope, bind);
            }
            if dotted.starts_with("this.")
                && dotted.matches('.').count() == 1
                && let Some(ty) = self.field_type(task.scope, name)
            {
                if is_flag(ty) {
                    return;
                }
                if let Some(class) = self.class_name(ty) {
                    return self.whole(task, &class);
                }
            }
        }
        if self.is_constant(of, name) || self.logs_in_with(task, name) {
            return;
        }
        let owner = self.owner(&task.at(of));
        if let Some(hit) = self.classified(name, &owner) {
            let mut shown = self.short(task.expr);
            // What a pattern binds has the place of what it is taken out of.
            if !shown.ends_with(name) {
                shown = format!("{shown}.{name}");
            }
            return self.leaf(task, &shown, hit);
        }
        let holder = label(of);
        let last = holder.rsplit('.').next().unwrap_or_default();
        let opaque = &self.vocabulary.sinks.opaque;
        let of_request = last == "ctx"
            || last == "r" && self.language == "go"
            || opaque.attribute_owners.iter().any(|o| o == last || *o == holder);
        let attribute =
            opaque.attributes.iter().any(|a| a.eq_ignore_ascii_case(name)) || name == "query" || name == "params";
        let object =
            opaque.objects.iter().any(|o| o == name) && !(task.via == Via::Format && self.language == "typescript");
        if (of_request && attribute && !matches!(last, "error")) || object {
            let shown = self.short(task.expr);
            return self.opaque(&shown);
        }
        let neutral = self.vocabulary.sanitizers.neutral_attributes.iter().any(|a| a.eq_ignore_ascii_case(name))
            || matches!(
                name,
                "length"
                    | "size"
                    | "name"
                    | "message"
                    | "stack"
                    | "status"
                    | "code"
                    | "statusCode"
                    | "constructor"
                    | "kind"
                    | "type"
            );
        // `user.id` says which row, whatever it is assigned to.
        let hit = self.classified(&task.hint, "").or_else(|| self.said(task, name));
        if let Some(hit) = hit.filter(|_| !neutral && !ends_in_id(name)) {
            let shown = self.short(task.expr);
            self.leaf(task, &shown, hit);
        } else if !neutral {
            self.plain(task, name);
        }
    }

    /// `"username": user.Name`: what somebody logs in with, whatever the field is called.
    fn logs_in_with(&mut self, task: &Task<'m, 't>, name: &str) -> bool {
        let said = words(&task.hint).join(" ");
        let found = matches!(name, "name" | "Name") && matches!(&*said, "username" | "user name" | "login");
        if found {
            self.plain(task, name);
        }
        found
    }

    /// The declared type of a field of the class that a scope stands in.
    pub(super) fn field_type(&self, scope: usize, name: &str) -> Option<&'m Type<'t>> {
        let class = self.index.class_of(scope)?;
        self.index.classes[class].class.fields.iter().find(|f| f.name == name)?.ty.as_ref()
    }

    /// A name that no class is known for.
    pub(super) fn plain(&mut self, task: &Task<'m, 't>, name: &str) {
        let cleaned = task.cleaned.as_ref().filter(|c| !c.hash);
        for name in [name, &task.hint].into_iter().filter(|n| !n.is_empty()) {
            let by = cleaned.map(|c| c.by.to_string()).unwrap_or_default();
            let plain = (name.chars().take(80).collect(), cleaned.is_some(), by);
            if self.out.plain.len() < MAX_PLAIN && !self.out.plain.contains(&plain) {
                self.out.plain.push(plain);
            }
        }
    }

    /// What a mapping holds under a constant key.
    pub(super) fn key(&mut self, task: &Task<'m, 't>, of: &'m Expr<'t>, key: &str) {
        let owner = self.owner(&task.at(of));
        let hit = self.classified(key, &owner).or_else(|| self.classified(&task.hint, ""));
        if let Some(hit) = hit {
            let shown = self.short(task.expr);
            self.leaf(task, &shown, hit);
        } else {
            self.plain(task, key);
        }
    }

    pub(super) fn classified(&self, name: &str, owner: &str) -> Option<Hit> {
        // `sendEmailToOwner`, `verifyToken`: what is done, or whether it was.
        let does = words(name).first().is_some_and(|w| DOES.contains(&w.as_str()));
        if does { None } else { self.vocabulary.classes.classify(name, owner) }
    }

    /// A constant of a package, a class or an enumeration: it is the same for everyone.
    fn is_constant(&self, of: &Expr<'t>, name: &str) -> bool {
        let ExprKind::Name(holder) = of.kind else { return false };
        let shouting = name.chars().all(|c| !c.is_lowercase());
        let upper = |n: &str| n.chars().next().is_some_and(char::is_uppercase);
        let local = !self.index.bound(0, holder).is_empty();
        (upper(holder) && (shouting || upper(name)) && self.language != "go")
            || (self.language == "go" && self.index.imported(holder).is_some() && !local)
    }

    /// An expression's text on one line.
    pub(super) fn short(&self, expr: &Expr<'t>) -> String {
        let text = self.index.text.get(expr.at.start as usize..expr.at.end as usize).unwrap_or_default();
        let folded: Vec<&str> = text.split_whitespace().take(24).collect();
        folded.join(" ").chars().take(80).collect()
    }

    pub(super) fn leaf(&mut self, task: &Task<'m, 't>, name: &str, hit: Hit) {
        let accepted = &self.vocabulary.sanitizers.hashes.accepted_for;
        let cleaned = task.cleaned.as_ref();
        let sanitized = hit.masked || cleaned.is_some_and(|c| !c.hash || accepted.contains(&hit.class));
        let masked = if hit.masked { "masked type" } else { "" };
        let sanitizer = cleaned.map_or(masked.to_owned(), |c| c.by.to_string());
        let anchor = task.anchored();
        let name: String = name.chars().take(80).collect();
        if !self.out.leaves.iter().any(|l| l.name == name && l.anchor == anchor && l.sanitized == sanitized) {
            self.out.leaves.push(Leaf { name, hit, via: task.via, sanitized, sanitizer, anchor });
        }
    }

    /// Whether a type holds only what is told by itself: the user of an error tracker, a list of tags.
    fn only_holds(&self, class: &str) -> bool {
        let holders = self.vocabulary.sinks.languages.get(self.language).map(|l| l.holders.as_slice());
        holders.is_some_and(|h| !h.is_empty() && h.contains(&self.index.origin(class)))
    }

    pub(super) fn whole(&mut self, task: &Task<'m, 't>, class: &str) {
        if self.only_holds(class) {
            return;
        }
        let cleaned = task.cleaned.as_ref();
        let anchor = task.anchored();
        if self.out.wholes.iter().any(|w| w.anchor == anchor && w.class == class) {
            return;
        }
        self.out.wholes.push(Whole {
            name: self.short(task.expr),
            class: class.to_owned(),
            dumped: task.dumped,
            sanitized: cleaned.is_some_and(|c| !c.hash),
            sanitizer: cleaned.map(|c| c.by.to_string()).unwrap_or_default(),
            without: task.without.to_vec(),
            anchor,
        });
    }

    /// Words that say whose member it is: a type where one is known, else names.
    pub(super) fn owner(&self, task: &Task<'m, 't>) -> String {
        let (mut task, mut words) = (task.clone(), String::new());
        for _ in 0..4 {
            match &task.expr.kind {
                ExprKind::Member(_, name) => return format!("{words} {name}"),
                ExprKind::This => {
                    let class = self.index.class_of(task.scope).map(|c| self.index.classes[c].class.name);
                    return format!("{words} {}", class.unwrap_or_default());
                }
                ExprKind::Name(name) => {
                    words = format!("{words} {name}");
                    if let Some(inner) = task.frame.as_ref().and_then(|f| f.get(*name)) {
                        task = inner.clone();
                        continue;
                    }
                    if let Some(ty) = self.type_of(&task, name) {
                        return format!("{words} {}", self.class_name(ty).unwrap_or_default());
                    }
                    let reaching = self.reaching(&task, name);
                    let Some((scope, bind, value)) = reaching.last().and_then(|(s, b)| Some((*s, b, b.value?))) else {
                        return words;
                    };
                    task = Task { position: bind.at.start, scope, block: bind.block, ..task.at(value) };
                }
                ExprKind::Call(call) => {
                    let callee = label(&call.callee);
                    return format!("{words} {callee}");
                }
                ExprKind::Same(_, inner) | ExprKind::Index(inner, _) => task = task.at(inner),
                ExprKind::Other(parts) => match parts.first() {
                    Some(first) => task = task.at(first),
                    None => return words,
                },
                _ => return words,
            }
        }
        words
    }
}

fn ends_in_id(name: &str) -> bool {
    name == "id" || name == "ID" || name.ends_with("Id") || name.ends_with("ID") || name.ends_with("_id")
}

fn is_flag(ty: &Type<'_>) -> bool {
    matches!(ty.name.as_ref(), "boolean" | "bool" | "Boolean" | "true" | "false")
}

fn is_error(ty: &Type<'_>) -> bool {
    let name = ty.name.as_ref();
    name == "error" || name == "Throwable" || name.ends_with("Exception") || name.ends_with("Error")
}

/// A text, a number, an identity: what its name says is all that it is.
pub(super) fn is_text(ty: &Type<'_>) -> bool {
    let name = ty.name.rsplit('.').next().unwrap_or_default();
    matches!(
        name,
        "string"
            | "String"
            | "number"
            | "bigint"
            | "int"
            | "Integer"
            | "long"
            | "Long"
            | "int64"
            | "int32"
            | "uint"
            | "uint64"
            | "uint32"
            | "float64"
            | "float32"
            | "double"
            | "Double"
            | "float"
            | "Float"
            | "short"
            | "Short"
            | "byte"
            | "Byte"
            | "char"
            | "Character"
            | "rune"
            | "CharSequence"
            | "UUID"
            | "Date"
            | "Time"
            | "Duration"
            | "Instant"
            | "LocalDate"
            | "LocalDateTime"
            | "ZonedDateTime"
            | "OffsetDateTime"
            | "BigDecimal"
            | "BigInteger"
            | "Number"
            | "Buffer"
            | "Uint8Array"
            | "URL"
            | "URI"
            | "ObjectId"
            | "Class"
            | "Locale"
    )
}
