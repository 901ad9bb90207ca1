//! Calls on the way of a value: sanitizers, hashes, functions that only tell a property, getters, functions that let the
//! value pass, helpers of the same file, and calls that cannot be followed. Next: `logs.rs`.

use super::flow::{Cleaned, Flow, MAX_HOPS, Reached, Task, Via};
use super::index::label;
use super::logs::verbs;
use super::model::{Call, Expr, ExprKind};
use crate::labels::labels;
use crate::vocabulary::words;
use std::collections::HashMap;
use std::rc::Rc;

/// Helpers and unknown calls within one another.
const MAX_NESTED: u8 = 3;
/// First words of methods that do something and give something else back: `sendPassword()` is no password.
const VERBS: &[&str] = &[
    "send", "verify", "check", "validate", "update", "set", "save", "change", "delete", "confirm", "reset", "revoke",
    "add", "remove", "with", "compare", "match", "test", "request", "on", "handle", "put", "post", "use", "show",
];

impl<'m, 't> Flow<'_, 'm, 't> {
    pub(super) fn call(&mut self, task: Task<'m, 't>) {
        let Some(call) = task.expr.call() else { return };
        let receiver = match &call.callee.kind {
            ExprKind::Member(of, _) => Some(of.as_ref()),
            _ => None,
        };
        let dotted = label(&call.callee);
        let method = call.callee.last().unwrap_or_default();
        let origin = self.index.origin(&dotted);
        if call.new {
            return self.made(&task, call, &origin);
        }
        let asked = matches!(
            method,
            "get"
                | "getOrDefault"
                | "pop"
                | "Get"
                | "header"
                | "getHeader"
                | "GetHeader"
                | "FormValue"
                | "getParameter"
        );
        if let (Some(receiver), true) = (receiver, asked)
            && let Some(key) = call.args.first().and_then(|a| a.value.text())
        {
            let holder = label(receiver);
            if matches!(method, "header" | "getHeader" | "GetHeader" | "Get") && self.classified(key, &holder).is_none()
            {
                return;
            }
            return self.key(&task, receiver, key);
        }
        let cleaner = self.cleaner(&task, &dotted, method).or_else(|| {
            let last = origin.rsplit(['.', '/']).next().unwrap_or_default();
            self.cleaner(&task, &origin, last)
        });
        if let Some(cleaned) = cleaner {
            let inside = Task {
                cleaned: Some(task.cleaned.clone().filter(|c| !c.hash).unwrap_or(cleaned)),
                anchor: Some(task.anchored()),
                ..task.clone()
            };
            return self.inputs(&inside, receiver, call);
        }
        if receiver.is_some() && self.ends_only(method, call) {
            let by = format!("{dotted}(…)").into();
            let inside =
                Task { cleaned: Some(Cleaned { by, hash: false }), anchor: Some(task.anchored()), ..task.clone() };
            return self.inputs(&inside, receiver, call);
        }
        let sanitizers = &self.vocabulary.sanitizers;
        if sanitizers.neutral.iter().any(|n| n == method || *n == origin) {
            return;
        }
        if self.field_of(&task, call, &origin) {
            return;
        }
        if self.passing(&task, receiver, (&dotted, &origin, method), call) {
            return;
        }
        if let Some(receiver) = receiver.filter(|_| self.vocabulary.sinks.opaque.methods.iter().any(|m| m == method)) {
            return self.dumped(&task, receiver);
        }
        if let Some(helper) = self.helper(&task, &dotted) {
            return self.through(&task, helper, call);
        }
        self.result(&task, receiver, &dotted, method, call);
    }

    /// Whether a call leaves a few characters of an end: `number.slice(-4)`, `pan.substring(pan.length() - 4)`.
    fn ends_only(&self, method: &str, call: &Call<'t>) -> bool {
        if !matches!(method, "slice" | "substr" | "substring" | "subSequence" | "takeLast" | "at") {
            return false;
        }
        let of = |e: &Expr<'t>| -> String {
            let text = self.index.text.get(e.at.start as usize..e.at.end as usize).unwrap_or_default();
            text.chars().filter(|c| !c.is_whitespace()).take(80).collect()
        };
        let few = |n: &str| n.parse::<u32>().is_ok_and(|n| n <= 6);
        let args: Vec<String> = call.args.iter().map(|a| of(&a.value)).collect();
        match args.as_slice() {
            [from] | [from, _] if from.starts_with('-') => few(&from[1..]),
            [from] | [from, _] if from.contains("len") => from.rsplit_once('-').is_some_and(|(_, n)| few(n)),
            [from, to] if from == "0" => few(to),
            _ => false,
        }
    }

    /// Calls that let the value pass: conversions, formats, `map` with what it makes of each.
    fn passing(
        &mut self,
        task: &Task<'m, 't>,
        receiver: Option<&'m Expr<'t>>,
        (dotted, origin, method): (&str, &str, &str),
        call: &'m Call<'t>,
    ) -> bool {
        let sanitizers = &self.vocabulary.sanitizers;
        let lambda = call.args.iter().find_map(|a| match &a.value.kind {
            ExprKind::Function(function) => self.index.scope_of(function),
            _ => None,
        });
        if let (Some(scope), true) = (lambda, matches!(method, "map" | "flatMap" | "then" | "reduce")) {
            self.returned(task, scope, None);
            return true;
        }
        let passes = sanitizers.pass_through.functions.iter().any(|f| f == origin || f == dotted)
            || (receiver.is_some()
                && (matches!(method, "filter" | "find" | "flat" | "at" | "stream" | "toList")
                    || sanitizers.pass_through.methods.iter().any(|m| m == method)));
        if passes {
            let formats = matches!(
                method,
                "format" | "join" | "Sprintf" | "Sprint" | "Sprintln" | "Join" | "formatted" | "Errorf"
            );
            let dumps = matches!(
                method,
                "stringify"
                    | "inspect"
                    | "entries"
                    | "values"
                    | "Marshal"
                    | "MarshalIndent"
                    | "writeValueAsString"
                    | "toJson"
                    | "assign"
            );
            let inside = if formats { task.clone().via(Via::Format) } else { task.clone() };
            let inside = Task { dumped: (task.dumped && !formats) || dumps, ..inside };
            match call.args.first().and_then(|a| a.value.text()).filter(|_| matches!(method, "Sprintf" | "Errorf")) {
                Some(format) => self.formatted(&inside, format, call),
                // What a table holds under a key is something else than the key: `seen.get(token)`.
                None if matches!(method, "get" | "pop" | "getOrDefault") && receiver.is_some() => {
                    self.inputs_after(&inside, receiver, call, 1);
                }
                None => self.inputs(&inside, receiver, call),
            }
        }
        passes
    }

    /// Go's format: the verbs for a type, a truth and an address tell nothing of the value.
    fn formatted(&mut self, task: &Task<'m, 't>, format: &str, call: &'m Call<'t>) {
        let verbs = verbs(format);
        let told = |at: usize| !matches!(verbs.get(at), Some('T' | 't' | 'p'));
        let labels = labels(format);
        let label = |at: usize| labels.get(at).map_or("", String::as_str);
        let args = call.args.iter().skip(1).enumerate().filter(|(at, _)| told(*at));
        let tasks: Vec<Task<'m, 't>> = args.map(|(at, a)| task.at(&a.value).labelled(label(at))).collect();
        self.open.extend(tasks.into_iter().rev());
    }

    /// `new Foo(…)`: an object of a class; of a plain class, what goes in.
    fn made(&mut self, task: &Task<'m, 't>, call: &'m Call<'t>, origin: &str) {
        let name = origin.rsplit(['.', '/']).next().unwrap_or_default();
        if name.ends_with("Error") || name.ends_with("Exception") || self.vocabulary.classes.is_plain_type(name) {
            return self.inputs(&task.clone().via(Via::Format), None, call);
        }
        let class = label(&call.callee);
        self.whole(task, &class);
    }

    /// Everything that goes into a call.
    fn inputs(&mut self, task: &Task<'m, 't>, receiver: Option<&'m Expr<'t>>, call: &'m Call<'t>) {
        self.inputs_after(task, receiver, call, 0);
    }

    /// The same without so many first arguments.
    fn inputs_after(
        &mut self,
        task: &Task<'m, 't>,
        receiver: Option<&'m Expr<'t>>,
        call: &'m Call<'t>,
        without: usize,
    ) {
        let module = |e: &Expr<'t>| match e.kind {
            ExprKind::Name(name) => {
                self.index.imported(name).is_some() || name.chars().next().is_some_and(char::is_uppercase)
            }
            ExprKind::This => true,
            _ => false,
        };
        let receiver = receiver.filter(|r| !module(r));
        self.push_all(task, receiver.into_iter().chain(call.args.iter().skip(without).map(|a| &a.value)));
    }

    /// Whether a call takes the value's meaning away, by the words of its name. A function of this file of such a name that
    /// gives its argument back unchanged does not.
    fn cleaner(&self, task: &Task<'m, 't>, dotted: &str, method: &str) -> Option<Cleaned> {
        let sanitizers = &self.vocabulary.sanitizers;
        let parts = words(method);
        let has = |list: &[String]| list.iter().any(|w| *w == method || (!w.contains('_') && parts.contains(w)));
        let verb = parts
            .first()
            .is_some_and(|w| matches!(w.as_str(), "verify" | "check" | "compare" | "is" | "get" | "unmask"));
        if has(&sanitizers.sanitizers) && !verb {
            let identity = self.helper(task, dotted).is_some_and(|h| self.gives_back(h));
            return (!identity).then(|| Cleaned { by: dotted.into(), hash: false });
        }
        (has(&sanitizers.hashes.words) && !verb).then(|| Cleaned { by: dotted.replace("()", "").into(), hash: true })
    }

    /// Whether a function returns a parameter as it is.
    fn gives_back(&self, scope: usize) -> bool {
        self.index.returns.get(&scope).into_iter().flatten().any(|r| match r.expr.kind {
            ExprKind::Name(name) => {
                self.index.parameter(scope, name).is_some() && self.index.bound(scope, name).is_empty()
            }
            _ => false,
        })
    }

    /// `zap.String("email", email)`, `Map.of("email", email)`: names and values in turn.
    fn field_of(&mut self, task: &Task<'m, 't>, call: &'m Call<'t>, origin: &str) -> bool {
        let Some(sinks) = self.vocabulary.sinks.languages.get(self.language) else { return false };
        let fits = |f: &String| match f.strip_suffix(".*") {
            Some(package) => origin.strip_prefix(package).is_some_and(|rest| rest.starts_with('.')),
            None => f == origin,
        };
        if !sinks.fields.iter().any(fits) {
            return false;
        }
        let tasks = pairs(task, call, 0, Via::Extra);
        self.open.extend(tasks.into_iter().rev());
        true
    }

    /// `x.toObject()`, `request.json()`: a whole object of a known class, or something that cannot be followed.
    fn dumped(&mut self, task: &Task<'m, 't>, receiver: &'m Expr<'t>) {
        let inner = Task { dumped: true, ..task.at(receiver) };
        let class = match &receiver.kind {
            ExprKind::Name(name) => self.type_of(&inner, name).and_then(|t| self.class_name(t)),
            ExprKind::This => self.index.class_of(task.scope).map(|c| self.index.classes[c].qualified.clone()),
            _ => None,
        };
        match class {
            Some(class) => self.whole(&inner, &class),
            None => {
                let text = self.short(task.expr);
                self.opaque(&text);
            }
        }
    }

    /// The function of this file that a call names: `describe(x)`, `this.describe(x)`, `s.describe(x)` of Go's receiver.
    fn helper(&self, task: &Task<'m, 't>, dotted: &str) -> Option<usize> {
        let (first, rest) = dotted.split_once('.').unwrap_or((dotted, ""));
        let class = self.index.class_of(task.scope).map(|c| self.index.classes[c].qualified.as_str());
        let own = self.index.scopes[task.scope].function.and_then(|f| f.receiver.as_ref()).map(|r| r.name);
        if rest.is_empty() {
            let bare = self.index.by_qualified.get(dotted).copied();
            return bare.or_else(|| self.index.by_qualified.get(&format!("{}.{dotted}", class?)).copied());
        }
        if first == "this" || own == Some(first) {
            let receiver = self.index.scopes[task.scope].function.and_then(|f| f.receiver.as_ref());
            let class = receiver.and_then(|r| r.ty.as_ref()).map(|t| t.name.as_ref()).or(class)?;
            return self.index.by_qualified.get(&format!("{class}.{rest}")).copied();
        }
        self.index.by_qualified.get(dotted).copied()
    }

    /// Goes on in a helper of the same file: what it returns, with its parameters standing for the arguments.
    fn through(&mut self, task: &Task<'m, 't>, helper: usize, call: &'m Call<'t>) {
        if task.hops >= MAX_HOPS {
            let text = self.short(task.expr);
            return self.opaque(&text);
        }
        let mut frame: HashMap<String, Task<'m, 't>> = HashMap::new();
        let params = self.index.scopes[helper].function.map(|f| f.params.as_slice()).unwrap_or_default();
        for (param, arg) in params.iter().zip(&call.args) {
            frame.insert(param.name.to_owned(), task.at(&arg.value));
        }
        self.returned(task, helper, Some(Rc::new(frame)));
    }

    /// What a function returns.
    fn returned(&mut self, task: &Task<'m, 't>, scope: usize, frame: Option<Rc<HashMap<String, Task<'m, 't>>>>) {
        let returns = self.index.returns.get(&scope).map(Vec::as_slice).unwrap_or_default();
        let tasks: Vec<Task<'m, 't>> = returns
            .iter()
            .take(8)
            .map(|r| Task {
                expr: r.expr,
                anchor: Some(task.anchored()),
                scope,
                block: r.block,
                position: r.expr.at.start,
                hops: task.hops + 1,
                frame: frame.clone().or_else(|| task.frame.clone()),
                ..task.clone()
            })
            .collect();
        if task.hops < MAX_HOPS {
            self.open.extend(tasks.into_iter().rev());
        }
    }

    /// A call whose inside is not known: its name may say what it gives; else what goes in may come out.
    fn result(
        &mut self,
        task: &Task<'m, 't>,
        receiver: Option<&'m Expr<'t>>,
        dotted: &str,
        method: &str,
        call: &'m Call<'t>,
    ) {
        let owner = receiver.map(|r| self.owner(&task.at(r))).unwrap_or_default();
        // `findByEmail` gives something that is found by it.
        let mut parts = words(method);
        let by = parts.iter().position(|w| matches!(w.as_str(), "by" | "from" | "for" | "with" | "of"));
        let by_what = by.is_some();
        // `getDateOfBirth` gives a date of birth and no date.
        let full = by.filter(|at| parts[*at] == "of" && *at > 1).map(|_| parts[1..].join("_")).unwrap_or_default();
        parts.truncate(by.unwrap_or(parts.len()));
        let verb = parts.first().cloned().unwrap_or_default();
        let verb = verb.as_str();
        let produced = parts.len() > 1 && self.vocabulary.sinks.producers.iter().any(|p| p == verb);
        if produced {
            let rest = parts[1..].join("_");
            let hit = self.classified(&full, "").filter(|_| receiver.is_some() && call.args.is_empty());
            if let Some(hit) = hit {
                return self.leaf(task, &format!("{dotted}()"), hit);
            }
            if let Some(hit) = self.classified(&rest, &format!("{owner} {verb}")) {
                return self.leaf(task, &format!("{dotted}()"), hit);
            }
            // A getter gives what it is called and nothing of the object around it.
            if call.args.is_empty() && receiver.is_some() {
                let whole = self.vocabulary.sinks.opaque.objects.contains(&rest);
                if whole && !(task.via == Via::Format && self.language == "typescript") {
                    return self.opaque(&format!("{dotted}()"));
                }
                return self.plain(task, &rest);
            }
        } else if call.args.is_empty() && receiver.is_some() && !by_what {
            let hit = self.classified(method, &owner).filter(|_| !VERBS.contains(&verb));
            match hit {
                Some(hit) => return self.leaf(task, &format!("{dotted}()"), hit),
                None => self.plain(task, method),
            }
        }
        let going_in = self.sub(task, call);
        if !going_in.is_empty() {
            let unclean = !going_in.opaque.is_empty()
                || going_in.leaves.iter().any(|l| !l.sanitized)
                || going_in.wholes.iter().any(|w| !w.sanitized);
            if unclean && !asks(verb) {
                self.opaque(&format!("{dotted}(…)"));
            }
            return;
        }
        if let Some(hit) = self.classified(&task.hint, "").filter(|_| !asks(verb)) {
            let hint = task.hint.to_string();
            self.leaf(task, &hint, hit);
        } else if let Some(hit) = self.said(task, method).filter(|_| !asks(verb)) {
            self.leaf(task, &format!("{dotted}()"), hit);
        }
    }

    /// What reaches a call, asked on the side and out of the same budget.
    fn sub(&mut self, task: &Task<'m, 't>, call: &'m Call<'t>) -> Reached {
        if self.nested >= MAX_NESTED {
            return Reached { opaque: vec!["…".to_owned()], ..Reached::default() };
        }
        let mut side = Flow {
            index: self.index,
            vocabulary: self.vocabulary,
            language: self.language,
            out: Reached::default(),
            open: Vec::new(),
            steps: self.steps,
            nested: self.nested + 1,
        };
        // A receiver that is only asked (`service.describe(id)`) hands nothing on by itself.
        side.inputs(&Task { label: "".into(), ..task.clone().hinted("").dumping(true) }, None, call);
        side.run();
        self.steps = side.steps;
        side.out
    }
}

/// Whether a function of such a verb tells a truth and not a value.
fn asks(verb: &str) -> bool {
    matches!(
        verb,
        "is" | "has"
            | "should"
            | "can"
            | "count"
            | "exists"
            | "includes"
            | "contains"
            | "equals"
            | "len"
            | "starts"
            | "ends"
    )
}

/// Names and values in turn: a text names the value behind it.
pub(super) fn pairs<'m, 't>(task: &Task<'m, 't>, call: &'m Call<'t>, skip: usize, via: Via) -> Vec<Task<'m, 't>> {
    let (mut out, mut hint) = (Vec::new(), String::new());
    for arg in call.args.iter().skip(skip) {
        match arg.value.text().filter(|t| t.len() <= 80 && !t.contains(char::is_whitespace)) {
            Some(text) if hint.is_empty() => text.clone_into(&mut hint),
            _ => out.push(task.at(&arg.value).via(via).hinted(&std::mem::take(&mut hint))),
        }
    }
    out
}
