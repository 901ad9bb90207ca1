//! Pure functions, operators and choices, where their arguments are constants: `lookup`, `coalesce`, `try`, `merge`, `format`, `a ? b : c`
//! and the like. What one argument leaves open stays open, unless the others decide alone. Every function is given at most a
//! few dozen arguments and makes at most as many; depth and steps are those of `eval.rs`, which asks.

use super::eval::{Found, From, Head, Trace, head, resolve_at};
use super::expr::{ANY, ELEMENTS, Expr};
use super::scope::Scope;
use std::collections::BTreeMap;

/// Bytes of a text that a function makes.
const TEXT: usize = 1_024;
/// References that are looked for in the arguments of a function.
const REFERENCES: usize = 8;

/// Where a function is asked.
struct Asking<'x, 'a> {
    scope: &'x Scope<'a>,
    instance: usize,
    trace: &'x mut Trace,
    depth: usize,
    /// Where the values came from; the last that is not the place itself.
    from: From,
}

const UNKNOWN: Head = Head::Is(Found::Unknown);
const MISSING: Head = Head::Is(Found::Missing);

/// What a call comes to.
pub(super) fn call(
    scope: &Scope<'_>,
    instance: usize,
    name: &str,
    args: &[Expr],
    trace: &mut Trace,
    depth: usize,
) -> (Head, From) {
    let mut asking = Asking { scope, instance, trace, depth, from: From::Literal };
    let found = asking.call(name, args);
    (found, asking.from)
}

/// The references in the arguments of a call, or the parts of a template.
pub(super) fn references(expr: &Expr) -> Vec<Expr> {
    let (mut out, mut open) = (Vec::new(), vec![expr]);
    while let Some(expr) = open.pop() {
        if out.len() == REFERENCES {
            break;
        }
        match expr {
            Expr::Ref(_) => out.push(expr.clone()),
            Expr::Call(_, parts) | Expr::Template(parts) | Expr::List(parts) => open.extend(parts.iter().rev()),
            Expr::Opaque(refs) => {
                out.extend(refs.iter().filter(|p| p.first().is_some_and(|s| s != ANY)).cloned().map(Expr::Ref))
            }
            Expr::Object(members) => open.extend(members.values()),
            Expr::Null | Expr::Bool(_) | Expr::Text(_) => {}
        }
    }
    out
}

fn truth(b: bool) -> Head {
    Head::At(0, Expr::Bool(b))
}

fn text(t: String) -> Head {
    if t.len() > TEXT { UNKNOWN } else { Head::At(0, Expr::Text(t)) }
}

/// Something that is there, whatever it is.
fn is_something(found: &Found) -> bool {
    match found {
        Found::Text(t) => !t.is_empty(),
        Found::Resource(_) | Found::Outside => true,
        Found::List(l) => !l.is_empty(),
        Found::Looked(_) | Found::Null | Found::Missing | Found::Unknown => false,
    }
}

impl Asking<'_, '_> {
    fn found(&mut self, expr: &Expr) -> Found {
        let (found, from) = resolve_at(self.scope, self.instance, expr, self.trace, self.depth);
        self.note(from);
        found
    }

    fn note(&mut self, from: From) {
        if from != From::Literal {
            self.from = from;
        }
    }

    fn head(&mut self, expr: &Expr) -> Head {
        let (found, from) = head(self.scope, self.instance, expr, self.trace, self.depth);
        self.note(from);
        found
    }

    fn text(&mut self, expr: &Expr) -> Option<String> {
        if let Found::Text(t) = self.found(expr) { Some(t) } else { None }
    }

    /// The elements of a list, in its own instance.
    fn list(&mut self, expr: &Expr) -> Option<(usize, Vec<Expr>)> {
        if let Head::At(at, Expr::List(list)) = self.head(expr) { Some((at, list)) } else { None }
    }

    /// The expression in the instance that it is of: what it refers to is followed first where that is another one.
    fn carry(&mut self, at: usize, expr: &Expr) -> Head {
        let (found, from) = head(self.scope, at, expr, self.trace, self.depth);
        self.note(from);
        found
    }

    fn call(&mut self, name: &str, args: &[Expr]) -> Head {
        match (name, args) {
            ("if", [condition, yes, no]) => self.choose(condition, yes, no),
            ("==" | "!=", [a, b]) => match self.equal(a, b) {
                Some(equal) => truth(equal == (name == "==")),
                None => UNKNOWN,
            },
            ("<" | "<=" | ">" | ">=", [a, b]) => self.compare(name, a, b).map_or(UNKNOWN, truth),
            ("!", [a]) => match self.found(a) {
                Found::Text(t) if t == "true" => truth(false),
                Found::Text(t) if t == "false" => truth(true),
                _ => UNKNOWN,
            },
            ("&&", all) => self.all(all, "false"),
            ("||", all) => self.all(all, "true"),
            ("alltrue" | "anytrue", [list]) => match self.list(list) {
                Some((at, list)) => {
                    self.instance = at;
                    self.all(&list, if name == "alltrue" { "false" } else { "true" })
                }
                None => UNKNOWN,
            },
            ("[]", [of, key]) => self.member_of(of, key, None),
            ("lookup", [of, key]) => self.member_of(of, key, None),
            ("lookup", [of, key, other]) => self.member_of(of, key, Some(other)),
            ("member", [of, path @ ..]) => self.member(of, path),
            ("each-value" | "each-key", [of, path @ ..]) => self.each(name == "each-key", of, path),
            ("coalesce" | "coalescelist", all) => self.coalesce(all),
            ("try", all) => self.attempt(all),
            ("can", [a]) => match self.found(a) {
                Found::Missing => truth(false),
                Found::Unknown | Found::Looked(_) => UNKNOWN,
                _ => truth(true),
            },
            ("merge", all) => self.merge(all),
            ("concat", all) => self.concat(all),
            _ => self.collection(name, args),
        }
    }

    /// Functions of lists and maps.
    fn collection(&mut self, name: &str, args: &[Expr]) -> Head {
        match (name, args) {
            ("element", [list, index]) => {
                match (self.list(list), self.text(index).and_then(|t| t.parse::<usize>().ok())) {
                    (Some((at, list)), Some(index)) if !list.is_empty() => self.carry(at, &list[index % list.len()]),
                    _ => UNKNOWN,
                }
            }
            ("one", [list]) => match self.list(list) {
                Some((at, list)) if list.len() == 1 => self.carry(at, &list[0]),
                Some((_, list)) if list.is_empty() => Head::At(0, Expr::Null),
                _ => UNKNOWN,
            },
            ("length", [of]) => match self.head(of) {
                Head::At(_, Expr::List(list)) => text(list.len().to_string()),
                Head::At(_, Expr::Object(map)) => text(map.len().to_string()),
                Head::At(_, Expr::Text(t)) => text(t.chars().count().to_string()),
                _ => UNKNOWN,
            },
            ("keys", [of]) => match self.head(of) {
                Head::At(at, Expr::Object(map)) => Head::At(at, Expr::List(map.into_keys().map(Expr::Text).collect())),
                _ => UNKNOWN,
            },
            ("values", [of]) => match self.head(of) {
                Head::At(at, Expr::Object(map)) => Head::At(at, Expr::List(map.into_values().collect())),
                _ => UNKNOWN,
            },
            ("contains", [list, wanted]) => self.contains(list, wanted),
            (
                "tolist" | "toset" | "distinct" | "compact" | "tostring" | "tobool" | "sensitive" | "nonsensitive",
                [a],
            ) => self.head(a),
            ("flatten", [list]) => match self.list(list) {
                Some((at, list)) if list.iter().all(|e| matches!(e, Expr::Text(_) | Expr::Bool(_))) => {
                    Head::At(at, Expr::List(list))
                }
                _ => UNKNOWN,
            },
            _ => self.texts(name, args),
        }
    }

    fn choose(&mut self, condition: &Expr, yes: &Expr, no: &Expr) -> Head {
        match self.found(condition) {
            Found::Text(t) if t == "true" => return self.head(yes),
            Found::Text(t) if t == "false" => return self.head(no),
            _ => {}
        }
        // Either way the same, or either way something.
        let (yes, no) = (self.found(yes), self.found(no));
        if yes == no {
            return match yes {
                Found::Text(t) => text(t),
                other => Head::Is(other),
            };
        }
        if is_something(&yes)
            && is_something(&no)
            && ![&yes, &no].iter().any(|f| matches!(f, Found::Text(_) | Found::List(_)))
        {
            return Head::Is(Found::Outside);
        }
        UNKNOWN
    }

    fn equal(&mut self, a: &Expr, b: &Expr) -> Option<bool> {
        match (self.found(a), self.found(b)) {
            (Found::Text(a), Found::Text(b)) => Some(a == b),
            (Found::Null, Found::Null) => Some(true),
            (Found::Null, other) | (other, Found::Null) if is_something(&other) || matches!(other, Found::Text(_)) => {
                Some(false)
            }
            (Found::List(a), Found::List(b)) => {
                let known = |l: &[Found]| l.iter().all(|f| matches!(f, Found::Text(_)));
                if a.len() != b.len() { Some(false) } else { (known(&a) && known(&b)).then(|| a == b) }
            }
            (Found::Text(t), Found::Resource(_) | Found::Outside)
            | (Found::Resource(_) | Found::Outside, Found::Text(t))
                if t.is_empty() =>
            {
                Some(false)
            }
            _ => None,
        }
    }

    fn compare(&mut self, sign: &str, a: &Expr, b: &Expr) -> Option<bool> {
        let number = |t: String| t.parse::<i64>().ok();
        let (a, b) = (self.text(a).and_then(number)?, self.text(b).and_then(number)?);
        Some(match sign {
            "<" => a < b,
            "<=" => a <= b,
            ">" => a > b,
            _ => a >= b,
        })
    }

    /// `&&` and `||`: one that decides is enough, else all have to be known.
    fn all(&mut self, all: &[Expr], deciding: &str) -> Head {
        let mut open = false;
        for part in all {
            match self.found(part) {
                Found::Text(t) if t == deciding => return truth(deciding == "true"),
                Found::Text(t) if t == "true" || t == "false" => {}
                _ => open = true,
            }
        }
        if open { UNKNOWN } else { truth(deciding != "true") }
    }

    fn member_of(&mut self, of: &Expr, key: &Expr, other: Option<&Expr>) -> Head {
        let Some(key) = self.text(key) else { return UNKNOWN };
        match (self.head(of), other) {
            (Head::At(at, Expr::Object(map)), _) if map.contains_key(&key) => self.carry(at, &map[&key]),
            (Head::At(_, Expr::Object(_)) | Head::Is(Found::Missing), Some(other)) => self.head(other),
            (Head::At(_, Expr::Object(_)), None) => MISSING,
            (Head::At(at, Expr::List(list)), None) => match key.trim_start_matches('#').parse::<usize>() {
                Ok(index) if index < list.len() => self.carry(at, &list[index]),
                Ok(_) => MISSING,
                Err(_) => UNKNOWN,
            },
            _ => UNKNOWN,
        }
    }

    /// The rest of a path in what a function gave.
    fn member(&mut self, of: &Expr, path: &[Expr]) -> Head {
        let mut here = self.head(of);
        for part in path {
            let Expr::Text(name) = part else { return UNKNOWN };
            here = match here {
                Head::At(at, Expr::Object(map)) => match map.get(name) {
                    Some(next) => self.carry(at, next),
                    None => return MISSING,
                },
                Head::At(at, Expr::List(list)) => {
                    let index = name.strip_prefix('#').and_then(|n| n.parse::<usize>().ok());
                    match index.map(|i| list.get(i)) {
                        Some(Some(next)) => self.carry(at, next),
                        Some(None) => return MISSING,
                        None => return UNKNOWN,
                    }
                }
                Head::Is(Found::Resource(mut at)) => {
                    if !name.starts_with('#') && name != ANY {
                        let dot = if at.attribute.is_empty() { "" } else { "." };
                        at.attribute = format!("{}{dot}{name}", at.attribute);
                    }
                    Head::Is(Found::Resource(at))
                }
                Head::Is(found) => return Head::Is(found),
                Head::At(..) => return UNKNOWN,
            };
        }
        here
    }

    /// `each.value` and `each.key` of what a block is repeated for: one value, or all of them as a list.
    fn each(&mut self, keys: bool, of: &Expr, path: &[Expr]) -> Head {
        let (at, all): (usize, Vec<Expr>) = match self.head(of) {
            Head::At(at, Expr::Object(map)) if keys => (at, map.into_keys().map(Expr::Text).collect()),
            Head::At(at, Expr::Object(map)) => (at, map.into_values().collect()),
            Head::At(at, Expr::List(list)) => (at, list),
            _ => return UNKNOWN,
        };
        self.instance = at;
        let mut found: Vec<Expr> = Vec::new();
        for one in all.iter().take(ELEMENTS) {
            match self.member(one, path) {
                Head::At(_, one @ (Expr::Text(_) | Expr::Bool(_) | Expr::Null)) => {
                    if !found.contains(&one) {
                        found.push(one);
                    }
                }
                Head::Is(Found::Resource(at)) if all.len() == 1 => return Head::Is(Found::Resource(at)),
                _ => return UNKNOWN,
            }
        }
        match found.len() {
            0 => UNKNOWN,
            1 => Head::At(at, found.remove(0)),
            _ => Head::At(at, Expr::List(found)),
        }
    }

    fn coalesce(&mut self, all: &[Expr]) -> Head {
        for part in all {
            match self.found(part) {
                Found::Null => {}
                Found::Text(t) if t.is_empty() => {}
                Found::List(l) if l.is_empty() => {}
                Found::Text(t) => return text(t),
                Found::List(_) => return self.head(part),
                other @ (Found::Resource(_) | Found::Outside) => return Head::Is(other),
                Found::Unknown | Found::Looked(_) | Found::Missing => return UNKNOWN,
            }
        }
        MISSING
    }

    fn attempt(&mut self, all: &[Expr]) -> Head {
        for part in all {
            match self.head(part) {
                Head::Is(Found::Missing) => {}
                found => return found,
            }
        }
        MISSING
    }

    fn merge(&mut self, all: &[Expr]) -> Head {
        let mut out: BTreeMap<String, Expr> = BTreeMap::new();
        for part in all {
            match self.head(part) {
                Head::At(at, Expr::Object(map)) if at == self.instance || map.values().all(is_constant) => {
                    out.extend(map)
                }
                Head::At(_, Expr::Null) => {}
                _ => return UNKNOWN,
            }
        }
        if out.len() > ELEMENTS * 2 { UNKNOWN } else { Head::At(self.instance, Expr::Object(out)) }
    }

    fn concat(&mut self, all: &[Expr]) -> Head {
        let mut out = Vec::new();
        for part in all {
            match self.list(part) {
                Some((at, list)) if at == self.instance || list.iter().all(is_constant) => out.extend(list),
                _ => return UNKNOWN,
            }
        }
        if out.len() > ELEMENTS * 2 { UNKNOWN } else { Head::At(self.instance, Expr::List(out)) }
    }

    fn contains(&mut self, list: &Expr, wanted: &Expr) -> Head {
        let Some(wanted) = self.text(wanted) else { return UNKNOWN };
        let Found::List(list) = self.found(list) else { return UNKNOWN };
        if list.contains(&Found::Text(wanted)) {
            truth(true)
        } else if list.iter().all(|f| matches!(f, Found::Text(_))) {
            truth(false)
        } else {
            UNKNOWN
        }
    }

    /// Functions of texts: all arguments have to be known.
    fn texts(&mut self, name: &str, args: &[Expr]) -> Head {
        if let ("join", [separator, list]) = (name, args) {
            let Some(separator) = self.text(separator) else { return UNKNOWN };
            let Found::List(list) = self.found(list) else { return UNKNOWN };
            let parts: Option<Vec<String>> =
                list.into_iter().map(|f| if let Found::Text(t) = f { Some(t) } else { None }).collect();
            return parts.map_or(UNKNOWN, |p| text(p.join(&separator)));
        }
        let Some(known) = args.iter().map(|a| self.text(a)).collect::<Option<Vec<String>>>() else { return UNKNOWN };
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        match (name, &known[..]) {
            ("lower", [t]) => text(t.to_lowercase()),
            ("upper", [t]) => text(t.to_uppercase()),
            ("trimspace", [t]) => text(t.trim().to_owned()),
            ("trimprefix", [t, p]) => text(t.strip_prefix(p).unwrap_or(t).to_owned()),
            ("trimsuffix", [t, p]) => text(t.strip_suffix(p).unwrap_or(t).to_owned()),
            ("startswith", [t, p]) => truth(t.starts_with(p)),
            ("endswith", [t, p]) => truth(t.ends_with(p)),
            // A pattern between slashes is a regular expression.
            ("replace", [t, what, with]) if !what.is_empty() && !is_regular_expression(what) => {
                text(t.replace(what, with))
            }
            ("split", [separator, t]) if !separator.is_empty() => {
                let parts: Vec<Expr> =
                    t.split(separator).take(ELEMENTS + 1).map(|p| Expr::Text(p.to_owned())).collect();
                if parts.len() > ELEMENTS { UNKNOWN } else { Head::At(self.instance, Expr::List(parts)) }
            }
            ("format", [pattern, values @ ..]) => format(pattern, values).map_or(UNKNOWN, text),
            _ => UNKNOWN,
        }
    }
}

fn is_regular_expression(pattern: &str) -> bool {
    pattern.len() > 1 && pattern.starts_with('/') && pattern.ends_with('/')
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Null | Expr::Bool(_) | Expr::Text(_) => true,
        Expr::List(parts) => parts.iter().all(|p| matches!(p, Expr::Null | Expr::Bool(_) | Expr::Text(_))),
        _ => false,
    }
}

/// `%s`, `%d` and `%v`, and nothing else.
fn format(pattern: &str, values: &[&str]) -> Option<String> {
    let (mut out, mut values) = (String::new(), values.iter());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next()? {
                '%' => out.push('%'),
                's' | 'd' | 'v' => out.push_str(values.next()?),
                _ => return None,
            },
            c => out.push(c),
        }
    }
    values.next().is_none().then_some(out)
}
