//! How often a guard lets pass: what is written where it is made, in an annotation beside it, or where its module is set up.
//! Where in their arguments libraries take the numbers is data (`vocabulary/guards.yaml`, `rates`); what cannot be read is
//! absent, never guessed. Next: `guards.rs`.

use super::annotated::Mark;
use super::eval::{At, Machine, Val};
use super::guards::{Guard, Guards};
use crate::extract;
use crate::vocabulary::{KnownGuard, RateSpec};
use ligase_domain::Value;
use std::rc::Rc;

/// So many in so many seconds.
pub(super) type Rate = (i64, i64);

/// Values that one path may mean.
const MAX_VALUES: usize = 16;
/// Products and calls inside one number.
const MAX_DEPTH: u8 = 8;

impl Machine<'_, '_> {
    /// A number where both sides are. What a name from outside stands for is told by whoever asks (`rates.rs`).
    pub(super) fn arithmetic(&mut self, at: At, by: &str, parts: &[Value]) -> Val {
        let [left, right] = parts else { return Val::Unknown };
        match (self.eval(at, left), self.eval(at, right)) {
            (Val::Unknown, _) | (_, Val::Unknown) => Val::Unknown,
            (Val::Number(a), Val::Number(b)) => {
                let result = if by == "*" { a.checked_mul(b) } else { a.checked_div(b) };
                result.map_or(Val::Unknown, Val::Number)
            }
            (a, b) => Val::made(Val::Outside(Rc::from(by)), vec![a, b], Val::Unknown),
        }
    }
}

/// A whole number as languages write it: `60_000`, `5L`, `1e3`, `2.0`.
pub(super) fn whole(text: &str) -> Option<i64> {
    let plain = text.replace('_', "");
    let plain = plain.trim_end_matches(['n', 'L', 'l']);
    let whole = plain.strip_suffix(".0").unwrap_or(plain);
    match whole.split_once(['e', 'E']).filter(|_| !whole.starts_with("0x")) {
        Some((digits, power)) => {
            digits.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(power.parse::<u32>().ok().filter(|p| *p < 18)?)?)
        }
        None => whole.parse().ok(),
    }
}

/// A number, and whether it is a time in milliseconds already.
type Amount = (i64, bool);

impl Guards<'_> {
    /// How often a guard lets pass, by what it is told where it is made.
    pub(super) fn told(&self, machine: &Machine<'_, '_>, known: &KnownGuard, args: &[Val]) -> Option<Rate> {
        let own = known.rates.iter().filter(|r| r.annotation.is_empty() && r.configured.is_empty());
        own.into_iter().find_map(|spec| self.read(machine, spec, args)).flatten()
    }

    /// Numbers that annotations of a method or its class, or the set-up of its module, give a guard; `false` where one of them
    /// takes the guard away.
    pub(super) fn annotated(
        &self,
        machine: &Machine<'_, '_>,
        guard: &mut Guard,
        marks: &[&[Mark]],
        configured: &[(String, Vec<Val>)],
    ) -> bool {
        let Some(known) = self.vocabulary.known_guards.get(&guard.by) else { return true };
        for list in marks {
            let off =
                list.iter().any(|m| known.off.contains(&m.name) && !m.args.iter().any(|a| turned_back(machine, a)));
            if off {
                return false;
            }
            for mark in *list {
                let specs = known.rates.iter().filter(|r| !r.annotation.is_empty() && r.annotation == mark.name);
                let mut met = false;
                for spec in specs {
                    met = true;
                    if let Some(rate) = self.read(machine, spec, &mark.args) {
                        guard.rate = rate;
                        return true;
                    }
                }
                if met {
                    guard.rate = None;
                    return true;
                }
            }
        }
        for (name, args) in configured {
            let mut specs = known.rates.iter().filter(|r| r.configured == *name);
            if let Some(rate) = specs.find_map(|spec| self.read(machine, spec, args)) {
                guard.rate = rate;
                return true;
            }
        }
        true
    }

    /// The strictest of the rates at a place: `None` where the place is not there, `Some(None)` where it is and is no constant.
    fn read(&self, machine: &Machine<'_, '_>, spec: &RateSpec, args: &[Val]) -> Option<Option<Rate>> {
        for path in &spec.rate {
            let found = at_path(machine, args, path);
            if let Some(first) = found.first() {
                return Some(match first {
                    Val::Text(text) => extract::rate(text),
                    _ => None,
                });
            }
        }
        let first = |paths: &[String]| {
            paths.iter().map(|p| at_path(machine, args, p)).find(|found| !found.is_empty()).unwrap_or_default()
        };
        let (limits, windows) = (first(&spec.limit), first(&spec.window));
        let plain = match args.first() {
            None => true,
            Some(Val::Object(object)) => !machine.objects[*object].fields.contains_key("..."),
            _ => false,
        };
        let per = if spec.per_ms > 0 { Some(spec.per_ms) } else { spec.default_window_ms.filter(|_| plain) };
        let otherwise = spec.default_limit.filter(|_| plain);
        if limits.is_empty() && otherwise.is_none() {
            return None;
        }
        let unit = if spec.unit == "s" { 1_000 } else { 1 };
        let mut rates = Vec::new();
        for n in 0..limits.len().max(windows.len()).max(1) {
            let limit = match limits.get(n) {
                Some(val) => self.amount(val, MAX_DEPTH).filter(|(_, time)| !time).map(|(n, _)| n),
                None => otherwise,
            };
            let window = match windows.get(n) {
                Some(val) => {
                    self.amount(val, MAX_DEPTH).and_then(|(n, ms)| if ms { Some(n) } else { n.checked_mul(unit) })
                }
                None => per,
            };
            // Nothing at all stands for "no limit" in some libraries.
            let (Some(limit), Some(window)) = (limit.filter(|l| *l > 0), window.filter(|w| *w > 0)) else {
                return Some(None);
            };
            rates.push((limit, window));
        }
        let strictest = rates
            .into_iter()
            .min_by(|a, b| (i128::from(a.0) * i128::from(b.1)).cmp(&(i128::from(b.0) * i128::from(a.1))));
        Some(strictest.and_then(|(limit, ms)| match ms % 1_000 {
            0 => Some((limit, ms / 1_000)),
            _ => Some((limit.checked_mul(1_000)?, ms)),
        }))
    }

    /// A number of a value: one, a name that stands for one, a product, what a function makes of one.
    fn amount(&self, val: &Val, depth: u8) -> Option<Amount> {
        let quantities = &self.vocabulary.guards.quantities;
        let name = |v: &Val| match v {
            Val::Outside(name) => Some(name.strip_prefix("go:").unwrap_or(name).to_owned()),
            _ => None,
        };
        match val {
            Val::Number(number) => Some((*number, false)),
            Val::Text(text) => Some((extract::duration(text)?.checked_mul(1_000)?, true)),
            Val::Outside(_) => Some((*quantities.get(&name(val)?)?, true)),
            Val::Made(made) if depth > 0 => {
                let callee = name(&made.callee)?;
                let mut args = made.args.iter().map(|a| self.amount(a, depth - 1));
                match (callee.as_str(), made.args.len()) {
                    ("*", 2) => {
                        let (a, b) = (args.next()??, args.next()??);
                        Some((a.0.checked_mul(b.0)?, a.1 || b.1))
                    }
                    ("/", 2) => {
                        let (a, b) = (args.next()??, args.next()??);
                        Some((a.0.checked_div(b.0)?, a.1 && !b.1))
                    }
                    (_, 1) if self.vocabulary.guards.conversions.contains(&callee) => args.next()?,
                    (_, 1) => {
                        let (number, ms) = args.next()??;
                        let unit = quantities.get(&callee)?;
                        if ms { None } else { Some((number.checked_mul(*unit)?, true)) }
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// `@SkipThrottle({ default: false })`: what was taken away comes back.
fn turned_back(machine: &Machine<'_, '_>, arg: &Val) -> bool {
    match arg {
        Val::Text(text) => &**text == "false",
        Val::Object(object) => {
            machine.objects[*object].fields.values().any(|v| matches!(v, Val::Text(t) if &**t == "false"))
        }
        _ => false,
    }
}

/// The values at a path into arguments: a number is an argument of a call or an item of a list, `*` each of them, a name a
/// field of an object.
fn at_path(machine: &Machine<'_, '_>, args: &[Val], path: &str) -> Vec<Val> {
    let mut here: Vec<Val> = vec![Val::list(args.to_vec())];
    for part in path.split('.') {
        let mut next = Vec::new();
        for val in &here {
            let items: &[Val] = match val {
                Val::List(list) => list,
                Val::Made(made) => &made.args,
                _ => &[],
            };
            match (part, val, part.parse::<usize>()) {
                ("*", Val::Object(object), _) => {
                    let mut fields: Vec<_> = machine.objects[*object].fields.iter().collect();
                    fields.sort_by_key(|(name, _)| name.as_str());
                    next.extend(fields.into_iter().map(|(_, v)| v.clone()));
                }
                ("*", ..) => next.extend(items.iter().cloned()),
                (_, _, Ok(n)) => next.extend(items.get(n).cloned()),
                (name, Val::Object(object), _) => next.extend(machine.objects[*object].fields.get(name).cloned()),
                _ => {}
            }
        }
        next.truncate(MAX_VALUES);
        here = next;
    }
    here
}
