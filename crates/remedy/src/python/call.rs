//! Arguments of calls and parameters of functions: `ensure-argument` and `ensure-parameter`.
//!
//! A new argument takes the style of those that are there: one line or one a line, with or without a trailing comma.
//! Calls that spread a mapping (`**options`) are refused, since what is in it cannot be seen. Next: `imports.rs`.

use super::scan::{Kind, Python};
use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use std::ops::Range;

/// One item between a call's brackets, or between those of a list, mapping or function's head.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// All of its tokens, without comments at its ends.
    pub tokens: Range<usize>,
    /// The name before a single `=`, if there is one.
    pub keyword: Option<usize>,
    /// The index of the comma that ends it, if there is one.
    pub comma: Option<usize>,
}

/// Brackets with what stands between them.
#[derive(Clone, Debug)]
pub(crate) struct Brackets {
    pub open: usize,
    pub close: usize,
    pub items: Vec<Item>,
}

impl Brackets {
    /// Reads what stands between the bracket at `open` and its partner.
    pub fn read(python: &Python<'_>, open: usize) -> Option<Self> {
        let close = python.partner.get(open).copied().flatten().filter(|c| *c > open)?;
        let (mut items, mut at) = (Vec::new(), open + 1);
        while at < close {
            at = python.skip_comments(at);
            if at >= close {
                break;
            }
            let first = at;
            let mut last = at;
            let mut comma = None;
            while at < close {
                if python.is(at, ",") {
                    comma = Some(at);
                    at += 1;
                    break;
                }
                if python.tokens[at].kind != Kind::Comment {
                    last = inner_end(python, at);
                }
                at = inner_end(python, at) + 1;
            }
            if comma != Some(first) {
                let keyword = python.tokens[first].kind == Kind::Name && python.is(first + 1, "=") && first < last;
                items.push(Item { tokens: first..last + 1, keyword: keyword.then_some(first), comma });
            }
        }
        Some(Self { open, close, items })
    }

    /// The item of that keyword.
    pub fn keyword(&self, python: &Python<'_>, name: &str) -> Option<&Item> {
        self.items.iter().find(|i| i.keyword.is_some_and(|k| python.of(k) == name))
    }

    fn spreads(&self, python: &Python<'_>) -> bool {
        self.items.iter().any(|i| python.is(i.tokens.start, "**"))
    }
}

fn inner_end(python: &Python<'_>, at: usize) -> usize {
    python.partner[at].filter(|p| *p > at).unwrap_or(at)
}

/// The byte range of some tokens.
pub(crate) fn bytes_of(python: &Python<'_>, tokens: &Range<usize>) -> Range<usize> {
    python.tokens[tokens.start].start..python.tokens[tokens.end - 1].end
}

/// The call that a range of bytes is: the outermost brackets that close at its end.
pub(crate) fn call_in(python: &Python<'_>, range: &Range<usize>) -> Option<Brackets> {
    let (from, to) = (python.at(range.start), python.at(range.end));
    let last = (from..to).rev().find(|i| !matches!(python.tokens[*i].kind, Kind::Comment | Kind::End))?;
    let open = python.partner[last].filter(|open| *open > from && *open < last && python.is(*open, "("))?;
    // Before the bracket stands a callee: nothing but names and dots, and the decorator's sign.
    let callee = python.tokens[open - 1].kind == Kind::Name || python.is(open - 1, ")") || python.is(open - 1, "]");
    callee.then(|| Brackets::read(python, open)).flatten()
}

/// Makes sure that the call in `range` has the argument `name` with `value`. Where `element` is given, the argument is a
/// list that must hold it. Says nothing where it already is so.
pub fn ensure_argument(
    source: &SourceText,
    range: &Range<usize>,
    name: &str,
    element: &str,
    as_list: bool,
) -> Result<Vec<TextEdit>, Refusal> {
    let python = Python::scan(source.as_str())?;
    let call = call_in(&python, range).ok_or_else(|| Refusal::new("not-a-call", place(source, range)))?;
    if let Some(item) = call.keyword(&python, name) {
        return if as_list {
            ensure_element(source, &python, item, element)
        } else if same_code(source.as_str(), &value_of(&python, item), element) {
            Ok(Vec::new())
        } else {
            Err(Refusal::new("argument-present", format!("{name} is given already, {}", place(source, range))))
        };
    }
    if call.spreads(&python) {
        return Err(Refusal::new(
            "arguments-not-known",
            format!("the call spreads a mapping, {}", place(source, range)),
        ));
    }
    let lone_generator =
        call.items.len() == 1 && (call.items[0].tokens.clone()).any(|i| python.is(i, "for") || python.is(i, "async"));
    if lone_generator {
        return Err(Refusal::new("arguments-not-known", "a generator stands alone in the call"));
    }
    let text = if as_list { format!("{name}=[{element}]") } else { format!("{name}={element}") };
    Ok(append(source, &python, &call, &text))
}

fn ensure_element(
    source: &SourceText,
    python: &Python<'_>,
    item: &Item,
    element: &str,
) -> Result<Vec<TextEdit>, Refusal> {
    let first = item.tokens.start + 2;
    let whole = python.is(first, "[") && python.partner[first] == Some(item.tokens.end - 1);
    let list = whole.then(|| Brackets::read(python, first)).flatten().ok_or_else(|| {
        let seen = source.as_str()[value_of(python, item)].chars().take(60).collect::<String>();
        Refusal::new("argument-not-a-list", seen)
    })?;
    let comprehension = list.items.len() == 1 && list.items[0].tokens.clone().any(|i| python.is(i, "for"));
    if comprehension {
        return Err(Refusal::new("argument-not-a-list", "a comprehension"));
    }
    let present = list.items.iter().any(|i| same_code(source.as_str(), &bytes_of(python, &i.tokens), element));
    Ok(if present { Vec::new() } else { append(source, python, &list, element) })
}

fn value_of(python: &Python<'_>, item: &Item) -> Range<usize> {
    match item.keyword {
        Some(keyword) => bytes_of(python, &(keyword + 2..item.tokens.end)),
        None => bytes_of(python, &item.tokens),
    }
}

/// Whether a range is the same code but for white space.
fn same_code(text: &str, range: &Range<usize>, code: &str) -> bool {
    let dense = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    dense(&text[range.clone()]) == dense(code)
}

/// Appends an item in the style of those that are there.
fn append(source: &SourceText, python: &Python<'_>, brackets: &Brackets, text: &str) -> Vec<TextEdit> {
    let close = python.tokens[brackets.close].start;
    let Some(last) = brackets.items.last() else {
        return vec![TextEdit::insert(python.tokens[brackets.open].end, text)];
    };
    let last_end = python.tokens[last.tokens.end - 1].end;
    let after = last.comma.map_or(last_end, |c| python.tokens[c].end);
    let one_a_line = python.indent_of(python.tokens[last.tokens.start].start).is_some();
    let closes_alone = python.indent_of(close).is_some();
    if !(one_a_line && closes_alone) {
        let comma_after = if last.comma.is_some() { "," } else { "" };
        let gap = if last.comma.is_some() { " " } else { ", " };
        let inline = source.line_start(after) == source.line_start(close) || !closes_alone;
        // A trailing comma in one line stays trailing: `f(a,)` becomes `f(a, b,)`.
        let trailing = if inline || last.comma.is_some() { comma_after } else { "" };
        return vec![TextEdit::insert(after, format!("{gap}{text}{trailing}"))];
    }
    let indentation = source.indentation_at(python.tokens[last.tokens.start].start);
    let line_end = source.line_end_at(after).as_str();
    let (comma_before, comma_after) = if last.comma.is_some() { ("", ",") } else { (",", "") };
    let line_stop = source.line_stop(after);
    let new_line = format!("{line_end}{indentation}{text}{comma_after}");
    if line_stop == after {
        return vec![TextEdit::insert(after, format!("{comma_before}{new_line}"))];
    }
    // A comment behind the last item stays with it.
    let mut edits = vec![TextEdit::insert(line_stop, new_line)];
    if !comma_before.is_empty() {
        edits.push(TextEdit::insert(after, comma_before));
    }
    edits
}

/// Where a new parameter goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Position {
    /// Before all others but `self` and `cls`.
    First,
    /// Behind all others that may be given by place.
    Last,
}

/// Makes sure that the function whose head stands in `range` has the parameter.
pub fn ensure_parameter(
    source: &SourceText,
    range: &Range<usize>,
    name: &str,
    annotation: Option<&str>,
    default: Option<&str>,
    position: Position,
) -> Result<Vec<TextEdit>, Refusal> {
    let python = Python::scan(source.as_str())?;
    let not_a_function = || Refusal::new("not-a-function", place(source, range));
    let head =
        (python.at(range.start)..python.at(range.end)).find(|i| python.is(*i, "def")).ok_or_else(not_a_function)?;
    let open = (head..(head + 64).min(python.tokens.len())).find(|i| python.is(*i, "(")).ok_or_else(not_a_function)?;
    let brackets = Brackets::read(&python, open).ok_or_else(not_a_function)?;
    let first_name = |item: &Item| item.tokens.clone().find(|i| python.tokens[*i].kind == Kind::Name);
    if let Some(present) = brackets.items.iter().find(|i| first_name(i).is_some_and(|n| python.of(n) == name)) {
        // Under that name another thing comes in: whoever asks for the parameter would be given that.
        return match annotation.filter(|wanted| is_annotated_otherwise(&python, present, wanted)) {
            Some(_) => Err(Refusal::new("parameter-is-another", place(source, range))),
            None => Ok(Vec::new()),
        };
    }
    let mut text = name.to_owned();
    if let Some(annotation) = annotation {
        text = format!("{text}: {annotation}");
    }
    if let Some(default) = default {
        text = if annotation.is_some() { format!("{text} = {default}") } else { format!("{text}={default}") };
    }
    let receiver =
        brackets.items.first().filter(|i| python.is(i.tokens.start, "self") || python.is(i.tokens.start, "cls"));
    let anchor = match position {
        Position::First => brackets.items.get(usize::from(receiver.is_some())),
        Position::Last => {
            brackets.items.iter().find(|i| python.is(i.tokens.start, "*") || python.is(i.tokens.start, "**"))
        }
    };
    let has_default = |i: &Item| i.tokens.clone().any(|t| python.is(t, "="));
    if position == Position::Last && default.is_none() && brackets.items.iter().any(has_default) {
        return Err(Refusal::new("parameter-needs-default", place(source, range)));
    }
    if position == Position::First && default.is_some() && brackets.items.iter().any(|i| !has_default(i)) {
        return Err(Refusal::new("parameter-needs-order", place(source, range)));
    }
    let Some(next) = anchor else {
        return Ok(append(source, &python, &brackets, &text));
    };
    let at = python.tokens[next.tokens.start].start;
    let gap = match python.indent_of(at) {
        Some(_) => format!("{}{}", source.line_end_at(at).as_str(), source.indentation_at(at)),
        None => " ".to_owned(),
    };
    Ok(vec![TextEdit::insert(at, format!("{text},{gap}"))])
}

/// Whether a parameter has an annotation, and one that does not name the wanted type.
fn is_annotated_otherwise(python: &Python<'_>, item: &Item, wanted: &str) -> bool {
    let wanted = wanted.rsplit('.').next().unwrap_or(wanted);
    let names = |i: usize| python.of(i).trim_matches(['"', '\'']).rsplit('.').next() == Some(wanted);
    let annotated = item.tokens.clone().any(|i| python.is(i, ":"));
    annotated && !item.tokens.clone().any(names)
}

fn place(source: &SourceText, range: &Range<usize>) -> String {
    format!("line {}", source.as_str().get(..range.start).map_or(0, |t| t.matches('\n').count() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use crate::testing::{python_source, variants};

    fn argument(text: &str, as_list: bool) -> Result<String, std::borrow::Cow<'static, str>> {
        let source = python_source(text);
        let start = text.find('@').unwrap();
        let end = text.find("\ndef").or_else(|| text.find("\r\ndef")).unwrap();
        ensure_argument(&source, &(start..end), "dependencies", "Depends(user)", as_list)
            .and_then(|edits| apply(text, &edits))
            .map_err(|r| r.reason)
    }

    #[test]
    fn an_argument_takes_the_style_of_its_call() {
        for (before, after) in [
            ("@r.get(\"/a\")\ndef f(): ...\n", "@r.get(\"/a\", dependencies=[Depends(user)])\ndef f(): ...\n"),
            ("@r.get()\ndef f(): ...\n", "@r.get(dependencies=[Depends(user)])\ndef f(): ...\n"),
            ("@r.get(\"/a\",)\ndef f(): ...\n", "@r.get(\"/a\", dependencies=[Depends(user)],)\ndef f(): ...\n"),
            (
                "@r.get(\n    \"/a\",\n    tags=[\"x\"],  # why\n)\ndef f(): ...\n",
                "@r.get(\n    \"/a\",\n    tags=[\"x\"],  # why\n    dependencies=[Depends(user)],\n)\ndef f(): ...\n",
            ),
            (
                "@r.get(\n\t\"/a\",\n\ttags=[\"x\"]  # why\n)\ndef f(): ...\n",
                "@r.get(\n\t\"/a\",\n\ttags=[\"x\"],  # why\n\tdependencies=[Depends(user)]\n)\ndef f(): ...\n",
            ),
            (
                "@r.get(\n    \"/a\", tags=[\"x\"]\n)\ndef f(): ...\n",
                "@r.get(\n    \"/a\", tags=[\"x\"], dependencies=[Depends(user)]\n)\ndef f(): ...\n",
            ),
            (
                "@r.get(\"/a\",\n       tags=[\"x\"])\ndef f(): ...\n",
                "@r.get(\"/a\",\n       tags=[\"x\"], dependencies=[Depends(user)])\ndef f(): ...\n",
            ),
            (
                "@r.get(\"/a\", dependencies=[Depends(limit)])\ndef f(): ...\n",
                "@r.get(\"/a\", dependencies=[Depends(limit), Depends(user)])\ndef f(): ...\n",
            ),
            (
                "@r.get(\"/a\", dependencies=[])\ndef f(): ...\n",
                "@r.get(\"/a\", dependencies=[Depends(user)])\ndef f(): ...\n",
            ),
            (
                "@r.get(\n    \"/a\",\n    dependencies=[\n        Depends(limit),\n    ],\n)\ndef f(): ...\n",
                "@r.get(\n    \"/a\",\n    dependencies=[\n        Depends(limit),\n        Depends(user),\n    ],\n)\ndef f(): ...\n",
            ),
        ] {
            for (before, after) in variants(before).into_iter().zip(variants(after)) {
                assert_eq!(argument(&before, true).unwrap(), after);
                assert_eq!(argument(&after, true).unwrap(), after, "its own result stays");
            }
        }
    }

    #[test]
    fn arguments_that_cannot_be_seen_are_refused() {
        for (text, reason) in [
            ("@r.get(\"/a\", **options)\ndef f(): ...\n", "arguments-not-known"),
            ("@r.get(\"/a\", dependencies=COMMON)\ndef f(): ...\n", "argument-not-a-list"),
            ("@r.get(\"/a\", dependencies=COMMON + [x])\ndef f(): ...\n", "argument-not-a-list"),
            ("@r.get(\"/a\", dependencies=[d for d in COMMON])\ndef f(): ...\n", "argument-not-a-list"),
            ("@r.get\ndef f(): ...\n", "not-a-call"),
            ("@r.get(x for x in y)\ndef f(): ...\n", "arguments-not-known"),
        ] {
            assert_eq!(argument(text, true).unwrap_err(), reason, "{text}");
        }
        assert_eq!(argument("@r.get(dependencies=1)\ndef f(): ...\n", false).unwrap_err(), "argument-present");
    }

    #[test]
    fn a_parameter_comes_first_behind_the_receiver_or_last_before_the_spreading_ones() {
        let make = |text: &str, default: Option<&str>, position: Position| {
            let source = python_source(text);
            ensure_parameter(&source, &(0..text.len()), "request", Some("Request"), default, position)
                .and_then(|edits| apply(text, &edits))
                .map_err(|r| r.reason)
        };
        for (before, default, position, after) in [
            ("def f(): ...\n", None, Position::First, "def f(request: Request): ...\n"),
            ("def f(a): ...\n", None, Position::First, "def f(request: Request, a): ...\n"),
            ("def f(self, a=1): ...\n", None, Position::First, "def f(self, request: Request, a=1): ...\n"),
            ("def f(self): ...\n", None, Position::First, "def f(self, request: Request): ...\n"),
            (
                "def f(\n    a: int,\n): ...\n",
                None,
                Position::First,
                "def f(\n    request: Request,\n    a: int,\n): ...\n",
            ),
            ("def f(a=1, *b): ...\n", Some("None"), Position::Last, "def f(a=1, request: Request = None, *b): ...\n"),
            ("def f(a, request): ...\n", None, Position::First, "def f(a, request): ...\n"),
            ("def f(request: Request, a): ...\n", None, Position::First, "def f(request: Request, a): ...\n"),
            (
                "def f(request: \"http.Request\"): ...\n",
                None,
                Position::First,
                "def f(request: \"http.Request\"): ...\n",
            ),
        ] {
            assert_eq!(make(before, default, position).unwrap(), after);
        }
        assert_eq!(make("def f(a=1): ...\n", None, Position::Last).unwrap_err(), "parameter-needs-default");
        assert_eq!(make("x = 1\n", None, Position::First).unwrap_err(), "not-a-function");
        let body = "def login(request: LoginRequest, db: Db = None): ...\n";
        assert_eq!(make(body, None, Position::First).unwrap_err(), "parameter-is-another");
    }
}
