//! Runs what puts routes together, as far as it can be known: names, calls, loops over lists, functions that are handed a
//! router, classes that hold one. It decides nothing of guards; it says what was hung where and in which order. Every
//! product is bounded by a count. Next: `names.rs`, `calls.rs`, `register.rs` (what a
//! router's methods do), `flatten.rs`.

use super::spec::Spec;
pub(super) use super::value::{List, Made, Val};
use super::world::World;
use crate::emit::Facts;
use ligase_domain::{Seen, Value};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// Expressions that are evaluated for one revision.
const MAX_EVALUATIONS: usize = 3_000_000;
/// Calls inside calls.
pub(super) const MAX_DEPTH: usize = 28;
/// How often one function is run.
pub(super) const MAX_RUNS: u16 = 240;
/// Parts of a list that a loop runs over.
pub(super) const MAX_ELEMENTS: usize = 200;
/// Expressions inside expressions, through all files that ask one another: what the stack holds.
const MAX_DEEP: usize = 320;
/// What another file's top takes of that.
const MODULE_DEEP: usize = 4;
/// Objects of one revision.
pub(super) const MAX_OBJECTS: usize = 60_000;

/// What hangs on a router, in order.
#[derive(Clone)]
pub(super) enum Event {
    Guard {
        path: Option<String>,
        guard: Val,
        condition: bool,
    },
    Route(Box<Route>),
    Mount {
        path: String,
        child: usize,
        guards: Vec<Val>,
    },
    /// Something that is hung below a path and whose routes are not known.
    Strange {
        path: String,
        what: String,
        file: usize,
        seen: usize,
        at: u32,
    },
}

/// A route.
#[derive(Clone)]
pub(super) struct Route {
    pub methods: Vec<String>,
    pub path: String,
    pub guards: Vec<Val>,
    pub handler: Val,
    pub file: usize,
    pub step: usize,
    pub call: u32,
}

/// A router, an application, a group.
pub(super) struct Router {
    pub spec: usize,
    pub application: bool,
    /// Handed in by a caller that is not known.
    pub handed: bool,
    /// Routes of one path are hung here.
    pub at: Option<String>,
    pub events: Vec<Event>,
    /// What the whole router is wrapped in.
    pub wraps: Vec<Val>,
    pub file: usize,
    pub mounted: bool,
    /// Handed to something that is not known.
    pub escaped: bool,
    /// The function that was run for itself when this was made.
    pub root: Option<(usize, Rc<str>)>,
}

#[derive(Default)]
pub(super) struct Env {
    pub(super) vars: HashMap<String, Val>,
    pub(super) parent: Option<usize>,
    pub(super) unit: Rc<str>,
}

/// An object: its class, and its fields.
pub(super) struct Object {
    pub class: Option<(usize, Rc<str>)>,
    pub fields: HashMap<String, Val>,
}

/// Where evaluation stands.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub file: usize,
    pub env: usize,
    /// The statement, as a number of its file.
    pub step: usize,
    pub condition: bool,
}

/// The machine.
pub(super) struct Machine<'w, 'f> {
    pub world: &'w World<'f>,
    pub specs: &'w [Spec],
    pub routers: Vec<Router>,
    pub objects: Vec<Object>,
    pub(super) envs: Vec<Env>,
    pub(super) modules: HashMap<usize, usize>,
    pub(super) running: HashSet<(usize, Rc<str>)>,
    pub(super) runs: HashMap<(usize, Rc<str>), u16>,
    /// What functions gave that were called without arguments, where nothing else can change it.
    pub(super) given: HashMap<(usize, Rc<str>), Val>,
    pub(super) left: usize,
    pub(super) depth: usize,
    /// As `depth`, and never begun anew at another file.
    deep: usize,
    /// What files are asked for now, one for another.
    pub(super) asking: HashSet<(usize, String)>,
    pub defaults: HashMap<usize, usize>,
    /// Some router was mounted that is not known.
    pub dynamic: bool,
    pub touched: BTreeSet<usize>,
    /// The function that is run for itself now, and those that others call.
    pub(super) root: Option<(usize, Rc<str>)>,
    pub(super) called: HashSet<(usize, Rc<str>)>,
}

impl<'w, 'f> Machine<'w, 'f> {
    pub(super) fn new(world: &'w World<'f>, specs: &'w [Spec]) -> Self {
        Self {
            world,
            specs,
            routers: Vec::new(),
            objects: Vec::new(),
            envs: Vec::new(),
            modules: HashMap::new(),
            running: HashSet::new(),
            runs: HashMap::new(),
            given: HashMap::new(),
            left: MAX_EVALUATIONS,
            depth: 0,
            deep: 0,
            asking: HashSet::new(),
            defaults: HashMap::new(),
            dynamic: false,
            touched: BTreeSet::new(),
            root: None,
            called: HashSet::new(),
        }
    }

    /// Runs every file and then every function that nobody ran.
    pub(super) fn run(&mut self) {
        let files: Vec<usize> = (0..self.world.files.len()).filter(|f| self.world.files[*f].is_source()).collect();
        for file in self.world.in_order(&files) {
            self.module(file);
        }
        for pass in 0..3 {
            for file in &files {
                let here = &self.world.files[*file];
                if here.language == "java" {
                    continue;
                }
                for (id, unit) in &here.units {
                    let first =
                        matches!(unit.str("name"), "main" | "init" | "bootstrap") && unit.str("class").is_empty();
                    let handed =
                        unit.texts("types").chain(unit.texts("params")).any(|t| self.router_type(*file, t).is_some());
                    let now = match pass {
                        0 => first,
                        1 => !handed,
                        _ => true,
                    };
                    let known: Rc<str> = Rc::from(*id);
                    let ran = self.runs.contains_key(&(*file, known.clone()));
                    if now && !ran && here.steps.contains_key(id) && unit.str("scope").is_empty() {
                        let env = self.module(*file);
                        self.root = Some((*file, known.clone()));
                        self.call_unit(*file, known, env, None, &[], true);
                        self.root = None;
                    }
                }
            }
        }
    }

    /// The environment of a file, its top run.
    pub(super) fn module(&mut self, file: usize) -> usize {
        if let Some(env) = self.modules.get(&file) {
            return *env;
        }
        let env = self.env(None, "");
        // Too many files ask one another: this one's turn comes later, and who asks now is told nothing.
        if self.deep > MAX_DEEP / 2 {
            return env;
        }
        self.modules.insert(file, env);
        let before = std::mem::take(&mut self.depth);
        self.deep += MODULE_DEEP;
        self.scope(file, env, "");
        self.deep -= MODULE_DEEP;
        self.depth = before;
        env
    }

    pub(super) fn env(&mut self, parent: Option<usize>, unit: &str) -> usize {
        self.envs.push(Env { vars: HashMap::new(), parent, unit: Rc::from(unit) });
        self.envs.len() - 1
    }

    /// Runs the statements of a scope; the last value that is returned.
    pub(super) fn scope(&mut self, file: usize, env: usize, unit: &str) -> Val {
        let world = self.world;
        let Some(steps) = world.files[file].steps.get(unit) else { return Val::Unknown };
        self.steps(file, env, steps, &mut Vec::new())
    }

    pub(super) fn steps(&mut self, file: usize, env: usize, steps: &[(usize, &'f Seen)], open: &mut Vec<i64>) -> Val {
        let mut returned = Val::Unknown;
        let mut n = 0;
        while n < steps.len() {
            let (number, step) = steps[n];
            let at = At { file, env, step: number, condition: step.flag("cond") };
            let Some(value) = step.attributes.get("value") else {
                let made = self.typed(file, step.str("type"));
                self.assign(at, step.str("to"), made);
                n += 1;
                continue;
            };
            if let Some((start, over)) = self.loop_of(at, step, value, open) {
                let end = step.list("loop").get(1).and_then(Value::as_int).unwrap_or_default();
                let inside = steps[n + 1..].iter().take_while(|(_, s)| i64::from(s.span.start) < end).count();
                open.push(start);
                for element in over.iter().take(MAX_ELEMENTS) {
                    self.assign(at, step.str("to"), element.clone());
                    self.steps(file, env, &steps[n + 1..n + 1 + inside], open);
                }
                open.pop();
                n += inside + 1;
                continue;
            }
            let val = self.eval(at, value);
            match step.str("op") {
                "=" => self.assign(at, step.str("to"), val),
                "r" => returned = better(returned, val),
                _ => {}
            }
            n += 1;
        }
        returned
    }

    /// The list that a loop runs over, where this statement binds its element.
    pub(super) fn loop_of(&mut self, at: At, step: &Seen, value: &Value, open: &[i64]) -> Option<(i64, Rc<List>)> {
        let start = step.list("loop").first().and_then(Value::as_int)?;
        let parts = value.as_list()?;
        if open.contains(&start) || parts.first()?.as_text()? != "e" || step.str("op") != "=" {
            return None;
        }
        match self.eval(at, parts.get(1)?) {
            Val::List(list) => Some((start, list)),
            _ => None,
        }
    }

    pub(super) fn assign(&mut self, at: At, to: &str, val: Val) {
        if to.is_empty() || to == "_" {
            return;
        }
        if let Some((of, name)) = to.rsplit_once('.')
            && let Val::Object(object) = self.name(at, of)
        {
            self.objects[object].fields.insert(name.to_owned(), val);
            return;
        }
        let mut env = at.env;
        // An assignment to a name of an outer scope is seen there.
        while !self.envs[env].vars.contains_key(to) {
            match self.envs[env].parent {
                Some(parent) => env = parent,
                None => {
                    env = at.env;
                    break;
                }
            }
        }
        if at.condition && matches!(val, Val::Unknown) && self.envs[env].vars.contains_key(to) {
            return;
        }
        self.envs[env].vars.insert(to.to_owned(), val);
    }

    pub(super) fn eval(&mut self, at: At, value: &Value) -> Val {
        if self.left == 0 || self.depth > MAX_DEPTH * 4 || self.deep > MAX_DEEP {
            return Val::Unknown;
        }
        self.left -= 1;
        self.depth += 1;
        self.deep += 1;
        let out = match value {
            Value::Text(text) => self.leaf(at, text),
            Value::List(parts) => self.node(at, parts),
            _ => Val::Unknown,
        };
        self.depth -= 1;
        self.deep -= 1;
        out
    }

    pub(super) fn leaf(&mut self, at: At, text: &str) -> Val {
        match text.split_at_checked(2) {
            Some(("n:", dotted)) => self.name(at, dotted),
            Some(("s:", text)) => Val::Text(Rc::from(text)),
            Some(("f:", id)) => Val::Unit(at.file, Rc::from(id), at.env),
            Some(("b:", truth)) => Val::Text(Rc::from(truth)),
            Some(("k:", class)) => Val::Class(at.file, Rc::from(class)),
            _ => text.strip_prefix('#').and_then(super::rates::whole).map_or(Val::Unknown, Val::Number),
        }
    }

    pub(super) fn node(&mut self, at: At, parts: &[Value]) -> Val {
        let Some(tag) = parts.first().and_then(Value::as_text) else { return Val::Unknown };
        match tag {
            "c" | "w" => self.call(at, parts, tag == "w"),
            "m" => {
                let of = self.eval(at, &parts[1]);
                self.member(&of, parts.get(2).and_then(Value::as_text).unwrap_or_default())
            }
            "o" => self.object(at, &parts[1..]),
            "t" => {
                let class = parts.get(1).and_then(Value::as_text).unwrap_or_default();
                let class = self.world.class(at.file, class).map(|(f, c)| (f, Rc::from(c)));
                let made = parts.get(2).map_or(Val::Unknown, |p| self.eval(at, p));
                match (&made, class) {
                    (Val::Object(object), Some(class)) => {
                        self.objects[*object].class = Some(class);
                        made
                    }
                    // A struct whose fields are given in order.
                    (Val::List(_), Some((f, c))) => self.instance(f, c),
                    _ => made,
                }
            }
            "l" => {
                let mut out = Vec::new();
                for part in parts[1..].iter().take(MAX_ELEMENTS) {
                    match (self.eval(at, part), part.as_list().and_then(|p| p.first()).and_then(Value::as_text)) {
                        (Val::List(inner), Some("...")) => out.extend(inner.iter().cloned()),
                        (val, _) => out.push(val),
                    }
                }
                Val::list(out)
            }
            "..." => parts.get(1).map_or(Val::Unknown, |p| self.eval(at, p)),
            "k=" => parts.get(2).map_or(Val::Unknown, |p| self.eval(at, p)),
            "*" | "/" => self.arithmetic(at, tag, &parts[1..]),
            "|" => {
                let all: Vec<Val> =
                    parts[1..].iter().map(|p| self.eval(at, p)).filter(|v| !matches!(v, Val::Unknown)).collect();
                match all.len() {
                    0 => Val::Unknown,
                    // `process.env.MAX || 5` is five only where nobody says otherwise.
                    n if n < parts.len() - 1 && all.iter().any(|v| matches!(v, Val::Number(_))) => Val::Unknown,
                    1 => all[0].clone(),
                    _ => all
                        .iter()
                        .find(|v| matches!(v, Val::Router(_) | Val::Text(_)))
                        .cloned()
                        .unwrap_or(Val::either(all)),
                }
            }
            "+" => self.concat(at, &parts[1..]),
            "i" => {
                let of = parts.get(1).map_or(Val::Unknown, |p| self.eval(at, p));
                let key = parts.get(2).and_then(Value::as_text).unwrap_or_default();
                match (&of, key.split_at_checked(1)) {
                    (Val::List(list), Some(("#", n))) => {
                        n.parse().ok().and_then(|n: usize| list.get(n).cloned()).unwrap_or(Val::Unknown)
                    }
                    (_, Some(("#", "0"))) => of,
                    (Val::Object(_) | Val::Module(_), Some(("s", name))) => {
                        self.member(&of, name.trim_start_matches(':'))
                    }
                    _ => Val::Unknown,
                }
            }
            _ => Val::Unknown,
        }
    }

    pub(super) fn object(&mut self, at: At, pairs: &[Value]) -> Val {
        let mut fields = HashMap::new();
        for pair in pairs.chunks(2) {
            let [Value::Text(key), value] = pair else { continue };
            let val = self.eval(at, value);
            match (&val, key.as_str()) {
                (Val::Object(o), "...") => fields.extend(self.objects[*o].fields.clone()),
                _ => drop(fields.insert(key.clone(), val)),
            }
        }
        self.new_object(None, fields)
    }

    pub(super) fn new_object(&mut self, class: Option<(usize, Rc<str>)>, fields: HashMap<String, Val>) -> Val {
        if self.objects.len() >= MAX_OBJECTS {
            return Val::Unknown;
        }
        self.objects.push(Object { class, fields });
        Val::Object(self.objects.len() - 1)
    }

    pub(super) fn concat(&mut self, at: At, parts: &[Value]) -> Val {
        let mut out = String::new();
        let all: Vec<Val> = parts.iter().map(|p| self.eval(at, p)).collect();
        if !all.is_empty() && all.iter().all(|v| matches!(v, Val::Number(_))) {
            let sum = all.iter().try_fold(0_i64, |sum, v| match v {
                Val::Number(n) => sum.checked_add(*n),
                _ => None,
            });
            return sum.map_or(Val::Unknown, Val::Number);
        }
        for val in all {
            match val {
                Val::Number(number) => out.push_str(&number.to_string()),
                Val::Text(text) => out.push_str(&text),
                _ => out.push_str("{?}"),
            }
        }
        Val::Text(Rc::from(out.chars().take(300).collect::<String>()))
    }
}

/// Of two values that are returned, the one that says more.
fn better(a: Val, b: Val) -> Val {
    match (&a, &b) {
        (_, Val::Unknown) => a,
        (Val::Router(_), _) => a,
        (Val::Unit(..) | Val::Object(_) | Val::Made(_), Val::Text(_) | Val::List(_)) => a,
        (Val::List(list), _) if matches!(list.first(), Some(Val::Router(_) | Val::Object(_))) => a,
        _ => b,
    }
}
