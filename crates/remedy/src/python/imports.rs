//! Imports of a Python module: what name a symbol has here, and how to give it one (`ensure-import`).
//!
//! Imports that are there are reused, under the name that they have here; a new name goes into the statement that already
//! imports from its module, or into a new statement at its sorted place. What stands under `TYPE_CHECKING`, in `try` or in
//! a function is not there at run time for certain and counts as a taken name only. Next: `logged.rs`.

use super::call::Brackets;
use super::scan::{Kind, Python};
use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use ligase_domain::RepoPath;
use std::collections::{BTreeMap, BTreeSet};

/// A name that a module is to have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Import {
    /// The dotted module, as other files name it.
    pub module: String,
    /// The name in that module.
    pub name: String,
    /// The module's own file, where it is one of this repository: relative imports are understood by it.
    pub file: Option<RepoPath>,
}

/// `from module import names`, or `import module`, at the top level of a file.
#[derive(Clone, Debug)]
struct Statement {
    /// First byte of the statement.
    start: usize,
    /// One past its last byte, before a comment.
    end: usize,
    /// The module as it is written, dots included.
    module: String,
    /// Names with what they are called here, and the place of each; empty for `import module`.
    names: Vec<Name>,
    /// What `import module` is called here.
    alias: Option<String>,
    /// Whether it is `from module import *`.
    star: bool,
    /// The bracket that opens the list of names, if it has one.
    bracket: Option<usize>,
}

#[derive(Clone, Debug)]
struct Name {
    name: String,
    local: String,
    start: usize,
    end: usize,
}

/// The imports of one file.
pub struct Imports<'a> {
    source: &'a SourceText,
    path: &'a RepoPath,
    python: Python<'a>,
    statements: Vec<Statement>,
    /// Where the first line behind docstring and `__future__` imports begins.
    body: usize,
}

impl<'a> Imports<'a> {
    /// Reads the imports of a file.
    pub fn read(source: &'a SourceText, path: &'a RepoPath) -> Result<Self, Refusal> {
        let python = Python::scan(source.as_str())?;
        let (mut statements, mut body) = (Vec::new(), head_end(source));
        let (mut only_head, mut first_line) = (true, true);
        for line in python.lines() {
            let first = python.skip_comments(line.start);
            if first >= line.end || python.indent_of(python.tokens[first].start) != Some(0) {
                continue;
            }
            let statement = read_statement(&python, first, line.end);
            let docstring =
                std::mem::take(&mut first_line) && python.tokens[first].kind == Kind::Text && first + 1 >= line.end;
            let future = statement.as_ref().is_some_and(|s| s.module == "__future__");
            only_head &= docstring || future;
            if only_head {
                body = after_line(source, python.tokens[line.end - 1].end);
            }
            statements.extend(statement.filter(|_| !future));
        }
        Ok(Self { source, path, python, statements, body })
    }

    /// What a symbol is called in this file: what it is imported as, or what it will be.
    pub fn local_name(&self, import: &Import) -> Result<String, Refusal> {
        if let Some(local) = self.present(import) {
            return Ok(local);
        }
        if self.is_taken(&import.name) {
            return Err(Refusal::new(
                "name-taken",
                format!("{} already means something else in {}", import.name, self.path),
            ));
        }
        Ok(import.name.clone())
    }

    /// The edits after which every one of these symbols has its local name.
    pub fn ensure(&self, wanted: &BTreeSet<Import>) -> Result<Vec<TextEdit>, Refusal> {
        let (mut edits, mut added) = (Vec::new(), BTreeMap::<usize, Vec<&str>>::new());
        let mut fresh = BTreeMap::<String, (bool, Vec<&str>)>::new();
        for import in wanted {
            self.local_name(import)?;
            if self.present(import).is_some() {
                continue;
            }
            let same = |s: &Statement| !s.star && !s.names.is_empty() && self.means(s, import);
            match self.statements.iter().position(same) {
                Some(at) => added.entry(at).or_default().push(&import.name),
                None => {
                    let (local, names) = fresh.entry(self.module_text(import)?).or_default();
                    *local |= import.file.is_some();
                    names.push(&import.name);
                }
            }
        }
        for (at, names) in added {
            edits.extend(self.add_names(&self.statements[at], &names));
        }
        for (module, (local, names)) in fresh {
            edits.push(self.new_statement(&module, &names, local));
        }
        Ok(edits)
    }

    /// Whether this file imports anything of the module already.
    pub fn imports_from(&self, import: &Import) -> bool {
        self.statements.iter().any(|s| self.means(s, import))
    }

    /// The names that imports give this file.
    pub fn bound_names(&self) -> BTreeSet<String> {
        let named = self.statements.iter().flat_map(|s| s.names.iter().map(|n| n.local.clone()));
        let whole = self.statements.iter().filter_map(|s| s.alias.as_ref().filter(|_| s.names.is_empty()));
        named.chain(whole.map(|a| a.split('.').next().unwrap_or_default().to_owned())).collect()
    }

    /// Every module that is imported when this one is, with the names that are taken from it.
    pub fn modules(&self) -> Vec<(String, Vec<String>)> {
        self.statements.iter().map(|s| (s.module.clone(), s.names.iter().map(|n| n.name.clone()).collect())).collect()
    }

    /// The module and name that a dotted local name was imported as; relative modules stay relative.
    pub fn origin_of(&self, dotted: &str) -> Option<(String, String)> {
        let (holder, name) = dotted.rsplit_once('.').unwrap_or(("", dotted));
        self.statements.iter().find_map(|s| {
            let by_name = s.names.iter().find(|n| holder.is_empty() && n.local == name);
            let by_module = s.alias.as_deref() == Some(holder) && !holder.is_empty();
            // `from app import log`, then `log.mask(…)`: the name is a module.
            let by_submodule = s.names.iter().find(|n| !holder.is_empty() && n.local == holder);
            by_name
                .map(|n| (s.module.clone(), n.name.clone()))
                .or_else(|| by_module.then(|| (s.module.clone(), name.to_owned())))
                .or_else(|| {
                    let join = if s.module.ends_with('.') { "" } else { "." };
                    by_submodule.map(|n| (format!("{}{join}{}", s.module, n.name), name.to_owned()))
                })
        })
    }

    /// Where a function of that plain name is defined at the top level of this file.
    pub fn defines(&self, name: &str) -> Option<usize> {
        let tokens = &self.python.tokens;
        (1..tokens.len()).find_map(|at| {
            let def = self.python.is(at - 1, "def") && self.python.is(at, name);
            let first = if at >= 2 && self.python.is(at - 2, "async") { at - 2 } else { at - 1 };
            (def && self.python.indent_of(tokens[first].start) == Some(0)).then_some(tokens[first].start)
        })
    }

    fn present(&self, import: &Import) -> Option<String> {
        let named = self.statements.iter().filter(|s| self.means(s, import));
        named.clone().flat_map(|s| &s.names).find(|n| n.name == import.name).map(|n| n.local.clone()).or_else(|| {
            let whole = named.filter(|s| s.names.is_empty() && !s.star).find_map(|s| s.alias.as_ref())?;
            Some(format!("{whole}.{}", import.name))
        })
    }

    /// Whether a statement imports from the wanted module, by its dotted name or by its file.
    fn means(&self, statement: &Statement, import: &Import) -> bool {
        if !statement.module.starts_with('.') {
            return statement.module == import.module;
        }
        if import.module.starts_with('.') && import.file.is_none() {
            return false;
        }
        let file = import.file.as_ref().and_then(RepoPath::as_str);
        let resolved = self.path.as_str().and_then(|p| resolve_relative(p, &statement.module));
        match (file, resolved) {
            (Some(file), Some(stem)) => file == format!("{stem}.py") || file == format!("{stem}/__init__.py"),
            _ => false,
        }
    }

    /// How a new import names the module: relative where this file imports only relatively from its own package.
    fn module_text(&self, import: &Import) -> Result<String, Refusal> {
        let top = import.module.split('.').next().unwrap_or_default();
        let absolute = self.statements.iter().any(|s| s.module.split('.').next() == Some(top));
        let relative = self.statements.iter().any(|s| s.module.starts_with('.'));
        let only_relative = import.module.starts_with('.');
        if !absolute && relative || only_relative {
            let path = self.path.as_str().zip(import.file.as_ref().and_then(RepoPath::as_str));
            if let Some(text) = path.and_then(|(from, to)| relative_text(from, to)).filter(|_| relative) {
                return Ok(text);
            }
        }
        if only_relative {
            return Err(Refusal::new("module-not-known", format!("{} is only imported relatively", import.name)));
        }
        Ok(import.module.clone())
    }

    /// Whether the name already stands for something in this file: any use of it that is no attribute, no keyword of a call,
    /// and not under `TYPE_CHECKING` or another branch's import of itself.
    fn is_taken(&self, name: &str) -> bool {
        let lines = self.python.lines();
        (0..self.python.tokens.len()).any(|at| {
            if self.python.tokens[at].kind != Kind::Name
                || self.python.of(at) != name
                || at > 0 && self.python.is(at - 1, ".")
            {
                return false;
            }
            let line = lines.partition_point(|l| l.end <= at);
            let line = lines.get(line).cloned().unwrap_or(at..at + 1);
            let first = self.python.skip_comments(line.start);
            let branch_import =
                self.python.is(first, "from") && self.python.indent_of(self.python.tokens[first].start) != Some(0);
            let keyword = self.python.is(at + 1, "=") && at > line.start && !self.python.is(first, "def");
            !branch_import && !keyword
        })
    }

    fn add_names(&self, statement: &Statement, names: &[&str]) -> Vec<TextEdit> {
        let python = &self.python;
        let keys: Vec<&str> = statement.names.iter().map(|n| n.name.as_str()).collect();
        let sorted_by = [str::to_owned as fn(&str) -> String, str::to_lowercase]
            .into_iter()
            .find(|key| keys.windows(2).all(|w| key(w[0]) <= key(w[1])));
        let one_a_line = statement.names.iter().all(|n| python.indent_of(n.start).is_some());
        let mut before = BTreeMap::<usize, Vec<&str>>::new();
        let mut behind = Vec::new();
        for name in names {
            let next = sorted_by.and_then(|key| statement.names.iter().find(|n| key(&n.name) > key(name)));
            match next {
                Some(next) => before.entry(next.start).or_default().push(name),
                None => behind.push(*name),
            }
        }
        let line_end = self.source.line_end_at(statement.start).as_str();
        let mut edits: Vec<TextEdit> = before
            .into_iter()
            .map(|(at, names)| {
                let gap =
                    if one_a_line { format!(",{line_end}{}", self.source.indentation_at(at)) } else { ", ".to_owned() };
                TextEdit::insert(at, names.iter().map(|n| format!("{n}{gap}")).collect::<String>())
            })
            .collect();
        if !behind.is_empty() {
            edits.extend(self.append_names(statement, &behind, one_a_line));
        }
        edits
    }

    fn append_names(&self, statement: &Statement, names: &[&str], one_a_line: bool) -> Vec<TextEdit> {
        let last = statement.names.last().expect("a statement that imports names has one");
        if !one_a_line || statement.bracket.is_none() {
            return vec![TextEdit::insert(last.end, names.iter().map(|n| format!(", {n}")).collect::<String>())];
        }
        let brackets = statement.bracket.and_then(|open| Brackets::read(&self.python, open));
        let comma = brackets.and_then(|b| b.items.last().and_then(|i| i.comma)).map(|c| self.python.tokens[c].end);
        let indentation = self.source.indentation_at(last.start);
        let line_end = self.source.line_end_at(last.end).as_str();
        let lines = names.join(&format!(",{line_end}{indentation}"));
        let after = comma.unwrap_or(last.end);
        let trailing = if comma.is_some() { "," } else { "" };
        let mut edits =
            vec![TextEdit::insert(self.source.line_stop(after), format!("{line_end}{indentation}{lines}{trailing}"))];
        if comma.is_none() {
            edits.insert(0, TextEdit::insert(last.end, ","));
        }
        edits
    }

    fn new_statement(&self, module: &str, names: &[&str], local: bool) -> TextEdit {
        let mut names = names.to_vec();
        names.sort_unstable();
        let text = format!("from {module} import {}", names.join(", "));
        let block: Vec<&Statement> = self.leading_block();
        let Some((group, is_own)) = self.group_for(&block, module) else {
            let line_end = self.source.line_end_at(self.body).as_str();
            let alone = self.body >= self.source.as_str().len();
            let unterminated = alone && !self.source.as_str().is_empty() && !self.source.as_str().ends_with('\n');
            let before = if self.body > self.source.begin() { line_end } else { "" };
            let twice = if unterminated { line_end } else { "" };
            let blank = self.source.line_stop(self.body) == self.body;
            let after = if alone || blank { "" } else { line_end };
            return TextEdit::insert(self.body, format!("{twice}{before}{text}{line_end}{after}"));
        };
        let from: Vec<&&Statement> = group.iter().filter(|s| !s.names.is_empty()).collect();
        let sorted = from.windows(2).all(|w| w[0].module <= w[1].module);
        let next = from.iter().find(|s| is_own && sorted && s.module.as_str() > module);
        if let Some(next) = next {
            return TextEdit::insert(next.start, format!("{text}{}", self.source.line_end_at(next.start).as_str()));
        }
        let last = group.last().expect("a group has a statement");
        let at = after_line(self.source, last.end);
        let line_end = self.source.line_end_at(last.end).as_str();
        // The repository's own modules stand apart from other people's.
        let apart = if local && !is_own { line_end } else { "" };
        if at == self.source.as_str().len() && !self.source.as_str().ends_with('\n') {
            TextEdit::insert(at, format!("{apart}{line_end}{text}"))
        } else {
            TextEdit::insert(at, format!("{apart}{text}{line_end}"))
        }
    }

    /// The imports before the first other statement.
    fn leading_block(&self) -> Vec<&Statement> {
        let lines = self.python.lines();
        let other = lines
            .iter()
            .map(|l| self.python.tokens[l.start].start)
            .find(|start| *start >= self.body && !self.starts_import(*start));
        self.statements.iter().filter(|s| other.is_none_or(|o| s.start < o)).collect()
    }

    fn starts_import(&self, start: usize) -> bool {
        let at = self.python.skip_comments(self.python.at(start));
        self.python.tokens.get(at).is_some_and(|t| self.statements.iter().any(|s| s.start == t.start))
            || self.python.tokens.get(at).is_some_and(|t| t.kind == Kind::End)
    }

    /// The group (imports without a blank line between them) that a module belongs to: the one with its own package, in
    /// which it has a sorted place, else the last.
    fn group_for<'b>(&self, block: &[&'b Statement], module: &str) -> Option<(Vec<&'b Statement>, bool)> {
        let mut groups: Vec<Vec<&Statement>> = Vec::new();
        for statement in block {
            let joined = groups.last().and_then(|g| g.last()).is_some_and(|last| {
                let between = &self.source.as_str()[last.end..statement.start];
                !between.split_inclusive('\n').skip(1).any(|line| line.trim().is_empty())
            });
            match groups.last_mut() {
                Some(group) if joined => group.push(statement),
                _ => groups.push(vec![statement]),
            }
        }
        let top = |m: &str| {
            if m.starts_with('.') { ".".to_owned() } else { m.split('.').next().unwrap_or_default().to_owned() }
        };
        let own = groups.iter().position(|g| g.iter().any(|s| top(&s.module) == top(module)));
        let at = own.or_else(|| groups.len().checked_sub(1))?;
        Some((groups.swap_remove(at), own.is_some()))
    }
}

/// Behind shebang, coding line and the comment block that begins the file.
fn head_end(source: &SourceText) -> usize {
    let (text, mut at) = (source.as_str(), source.begin());
    while text[at..].starts_with('#') {
        at = after_line(source, at);
    }
    at
}

fn after_line(source: &SourceText, offset: usize) -> usize {
    source.as_str()[offset..].find('\n').map_or(source.as_str().len(), |n| offset + n + 1)
}

fn read_statement(python: &Python<'_>, first: usize, end: usize) -> Option<Statement> {
    // More than one statement in a line is nobody's style, and is left alone.
    if (first..end).any(|i| python.is(i, ";")) {
        return None;
    }
    let last = (first..end).rev().find(|i| python.tokens[*i].kind != Kind::Comment)?;
    let (start, stop) = (python.tokens[first].start, python.tokens[last].end);
    let dotted = |from: usize, to: usize| (from..to).map(|i| python.of(i)).collect::<String>();
    if python.is(first, "import") {
        let as_at = (first..=last).find(|i| python.is(*i, "as"));
        if (first..=last).any(|i| python.is(i, ",")) {
            return None;
        }
        let module = dotted(first + 1, as_at.unwrap_or(last + 1));
        let alias = as_at.map_or_else(|| module.clone(), |at| python.of(at + 1).to_owned());
        return Some(Statement {
            start,
            end: stop,
            module,
            names: vec![],
            alias: Some(alias),
            star: false,
            bracket: None,
        });
    }
    if !python.is(first, "from") {
        return None;
    }
    let import = (first..=last).find(|i| python.is(*i, "import"))?;
    let module = dotted(first + 1, import);
    let star = python.is(import + 1, "*");
    let bracket = python.is(import + 1, "(").then_some(import + 1);
    let mut names = Vec::new();
    let mut at = import + 1;
    while at <= last {
        if python.tokens[at].kind == Kind::Name {
            let alias = python.is(at + 1, "as").then_some(at + 2).filter(|a| *a <= last);
            names.push(Name {
                name: python.of(at).to_owned(),
                local: python.of(alias.unwrap_or(at)).to_owned(),
                start: python.tokens[at].start,
                end: python.tokens[alias.unwrap_or(at)].end,
            });
            at = alias.unwrap_or(at);
        }
        at += 1;
    }
    Some(Statement { start, end: stop, module, names, alias: None, star, bracket })
}

/// The path without `.py` that a relative module means in a file.
pub(crate) fn resolve_relative(path: &str, module: &str) -> Option<String> {
    let dots = module.bytes().take_while(|b| *b == b'.').count();
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    for _ in 1..dots {
        folders.pop()?;
    }
    folders.extend(module[dots..].split('.').filter(|part| !part.is_empty()));
    Some(folders.join("/"))
}

/// How a file names another one relatively.
fn relative_text(from: &str, to: &str) -> Option<String> {
    let stem = to.strip_suffix("/__init__.py").or_else(|| to.strip_suffix(".py"))?;
    let from: Vec<&str> = from.rsplit_once('/').map_or_else(Vec::new, |(folder, _)| folder.split('/').collect());
    let to: Vec<&str> = stem.split('/').collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if common == 0 || common == to.len() {
        return None;
    }
    Some(format!("{}{}", ".".repeat(from.len() - common + 1), to[common..].join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::apply;
    use crate::testing::{python_source, variants};

    fn import(module: &str, name: &str, file: Option<&str>) -> Import {
        Import { module: module.to_owned(), name: name.to_owned(), file: file.map(RepoPath::from) }
    }

    fn ensured(text: &str, wanted: &[Import]) -> Result<(String, Vec<String>), std::borrow::Cow<'static, str>> {
        let (source, path) = (python_source(text), RepoPath::from("app/routers/a.py"));
        let imports = Imports::read(&source, &path).map_err(|r| r.reason)?;
        let locals = wanted.iter().map(|i| imports.local_name(i)).collect::<Result<_, _>>().map_err(|r| r.reason)?;
        let edits = imports.ensure(&wanted.iter().cloned().collect()).map_err(|r| r.reason)?;
        Ok((apply(text, &edits).unwrap(), locals))
    }

    #[test]
    fn a_new_import_finds_its_place() {
        let depends = || vec![import("fastapi", "Depends", None)];
        let user = || vec![import("app.security", "current_user", Some("app/security.py"))];
        for (before, wanted, after) in [
            (
                "from fastapi import APIRouter\n\nx = 1\n",
                depends(),
                "from fastapi import APIRouter, Depends\n\nx = 1\n",
            ),
            (
                "from fastapi import APIRouter, HTTPException  # web\n",
                depends(),
                "from fastapi import APIRouter, Depends, HTTPException  # web\n",
            ),
            (
                "from fastapi import (\n    APIRouter,\n    HTTPException,  # errors\n)\n",
                depends(),
                "from fastapi import (\n    APIRouter,\n    Depends,\n    HTTPException,  # errors\n)\n",
            ),
            (
                "from fastapi import (\n    HTTPException,\n    APIRouter  # last\n)\n",
                depends(),
                "from fastapi import (\n    HTTPException,\n    APIRouter,  # last\n    Depends\n)\n",
            ),
            (
                "from fastapi import (\n    APIRouter, HTTPException,\n)\n",
                depends(),
                "from fastapi import (\n    APIRouter, Depends, HTTPException,\n)\n",
            ),
            (
                "import os\n\nfrom app.models import A\nfrom app.zoo import Z\n\nx = 1\n",
                user(),
                "import os\n\nfrom app.models import A\nfrom app.security import current_user\nfrom app.zoo import Z\n\nx = 1\n",
            ),
            (
                "from fastapi import APIRouter\n\nfrom ..models import A\n\nx = 1\n",
                user(),
                "from fastapi import APIRouter\n\nfrom ..models import A\nfrom ..security import current_user\n\nx = 1\n",
            ),
            ("import os\nx = 1\n", user(), "import os\n\nfrom app.security import current_user\nx = 1\n"),
            ("x = 1\n", user(), "from app.security import current_user\n\nx = 1\n"),
            (
                "#!/usr/bin/env python\n\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\n\nx = 1\n",
                user(),
                "#!/usr/bin/env python\n\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\n\nfrom app.security import current_user\n\nx = 1\n",
            ),
            (
                "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from app.security import current_user\n",
                user(),
                "from typing import TYPE_CHECKING\n\nfrom app.security import current_user\n\nif TYPE_CHECKING:\n    from app.security import current_user\n",
            ),
        ] {
            for (before, after) in variants(before).into_iter().zip(variants(after)) {
                let (result, _) = ensured(&before, &wanted).unwrap();
                assert_eq!(result, after);
                assert_eq!(ensured(&after, &wanted).unwrap().0, after, "its own result stays");
            }
        }
    }

    #[test]
    fn what_is_imported_is_used_by_the_name_that_it_has_here() {
        let user = import("app.security", "current_user", Some("app/security.py"));
        for (text, local) in [
            ("from app.security import current_user as user\n", "user"),
            ("from ..security import current_user\n", "current_user"),
            ("import app.security\n", "app.security.current_user"),
            ("import app.security as sec\n", "sec.current_user"),
        ] {
            let (result, locals) = ensured(text, std::slice::from_ref(&user)).unwrap();
            assert_eq!((result.as_str(), locals[0].as_str()), (text, local));
        }
    }

    #[test]
    fn a_name_that_means_something_else_is_refused() {
        let user = [import("app.security", "current_user", Some("app/security.py"))];
        for text in [
            "def current_user(): ...\n",
            "from other import current_user\n",
            "from other import x as current_user\n",
            "current_user = None\n",
            "def f(current_user): ...\n",
            "def f(x=current_user): ...\n",
        ] {
            assert_eq!(ensured(text, &user).unwrap_err(), "name-taken", "{text}");
        }
        for text in ["f(current_user=1)\n", "x.current_user\n", "# current_user\n", "'current_user'\n"] {
            assert!(ensured(text, &user).is_ok(), "{text}");
        }
    }

    #[test]
    fn two_names_of_one_module_go_into_one_statement() {
        let wanted = [import("fastapi", "Depends", None), import("fastapi", "Security", None)];
        assert_eq!(ensured("import os\n", &wanted).unwrap().0, "import os\nfrom fastapi import Depends, Security\n");
        assert_eq!(
            ensured("from fastapi import (\n    APIRouter\n)\n", &wanted).unwrap().0,
            "from fastapi import (\n    APIRouter,\n    Depends,\n    Security\n)\n"
        );
    }
}
