//! Imports of TypeScript, JavaScript, Java and Go: where a name of one file comes from, and how another file is given it
//! (`ensure-import`). A name that is there is reused; a new one goes into the statement that imports from its module already,
//! or into a statement of its own, quoted and ended as its neighbours are. What is imported for its type alone, or in a
//! function, gives nothing. Next: `statements.rs`, which reads them, and `logged.rs`.

use super::scan::{Kind, Scan};
use super::statements::{Statement, Style, package, read};
use crate::edit::TextEdit;
use crate::source::{Refusal, SourceText};
use ligase_domain::RepoPath;
use std::collections::BTreeSet;

/// What of a module is taken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Taken {
    /// What it gives by default.
    Default,
    /// All of it, under one name.
    Whole,
    /// One of its names.
    Name(String),
}

/// A name that a file is to have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Import {
    /// The module, as the file that has the name already writes it; a package and class in Java, a path in Go.
    pub module: String,
    /// What is taken of it.
    pub taken: Taken,
    /// What it is called.
    pub local: String,
    /// The file that has it: relative modules are understood from there.
    pub from: RepoPath,
    /// How that file imports it.
    pub style: Style,
}

/// The imports of one file.
pub struct Imports<'a> {
    source: &'a SourceText,
    path: &'a RepoPath,
    scan: Scan<'a>,
    statements: Vec<Statement>,
}

fn refused(what: &str) -> Refusal {
    Refusal::new("module-not-known", what)
}

impl<'a> Imports<'a> {
    /// Reads the imports of a file.
    pub fn read(source: &'a SourceText, path: &'a RepoPath) -> Result<Self, Refusal> {
        let scan = Scan::read(source.as_str(), source.begin()..source.as_str().len())?;
        let statements = read(&scan, source.dialect());
        Ok(Self { source, path, scan, statements })
    }

    /// Where a name of this file comes from.
    pub fn origin_of(&self, local: &str) -> Option<Import> {
        self.statements.iter().filter(|s| !s.types).find_map(|s| {
            let (taken, _) = s.names.iter().find(|(_, l)| l == local)?;
            Some(Import {
                module: s.module.clone(),
                taken: taken.clone(),
                local: local.to_owned(),
                from: self.path.clone(),
                style: s.style,
            })
        })
    }

    /// The modules that are imported when this one is.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().filter(|s| !s.types).map(|s| s.module.as_str())
    }

    /// The names that imports give this file.
    pub fn bound_names(&self) -> BTreeSet<String> {
        let values = self.statements.iter().filter(|s| !s.types);
        values.flat_map(|s| s.names.iter().map(|(_, local)| local.clone())).collect()
    }

    /// Whether the file names something so, in its code or in an interpolation.
    pub fn uses(&self, name: &str) -> bool {
        (0..self.scan.tokens.len()).any(|at| {
            let text = self.scan.tokens[at].kind == Kind::Text;
            self.is_own_name(at, name)
                || text && [format!("{{{name}("), format!("{{{name}.")].iter().any(|i| self.scan.of(at).contains(i))
        })
    }

    /// What the name is called here, if it is there, and else whether it can be.
    pub fn local_name(&self, import: &Import) -> Result<String, Refusal> {
        if let Some(local) = self.present(import) {
            return Ok(local);
        }
        let taken = (0..self.scan.tokens.len()).any(|at| self.is_own_name(at, &import.local));
        match taken {
            true => {
                let what = format!("{} already means something else in {}", import.local, self.path);
                Err(Refusal::new("name-taken", what))
            }
            false => Ok(import.local.clone()),
        }
    }

    /// A use of a name that is no member of something and no key.
    fn is_own_name(&self, at: usize, name: &str) -> bool {
        let scan = &self.scan;
        scan.tokens[at].kind == Kind::Name
            && scan.of(at) == name
            && !(at > 0 && scan.is(at - 1, "."))
            && !(scan.is(at + 1, ":") && scan.inside[at].is_some_and(|open| scan.is(open, "{")))
    }

    /// How this file writes the module.
    fn module_here(&self, import: &Import) -> Option<String> {
        if !import.module.starts_with('.') || !import.style.is_script() {
            return Some(import.module.clone());
        }
        relative_to(import.from.as_str()?, &import.module, self.path.as_str()?)
    }

    fn present(&self, import: &Import) -> Option<String> {
        let module = self.module_here(import)?;
        let same = self.statements.iter().filter(|s| !s.types && s.module == module);
        same.flat_map(|s| &s.names).find(|(taken, _)| *taken == import.taken).map(|(_, local)| local.clone())
    }

    /// The edits after which all of these names are there.
    pub fn ensure(&self, wanted: &BTreeSet<Import>) -> Result<Vec<TextEdit>, Refusal> {
        let mut edits = Vec::new();
        let mut at_end: Vec<String> = Vec::new();
        for import in wanted {
            self.local_name(import)?;
            if self.present(import).is_some() {
                continue;
            }
            let module = self.module_here(import).ok_or_else(|| refused(&import.module))?;
            match import.style {
                Style::Java | Style::JavaStatic => edits.push(self.java(&module, import.style)?),
                Style::Go => edits.push(self.go(&module, &import.local)?),
                Style::Import | Style::Require => match self.same_braces(&module, import) {
                    Some(statement) => edits.extend(self.added_to_braces(statement, import)),
                    None => at_end.push(self.script_line(&module, import)?),
                },
            }
        }
        if let Some(last) = self.last_of_block().filter(|_| !at_end.is_empty()) {
            let stop = self.source.line_stop(last.end);
            let line_end = self.source.line_end_at(last.end).as_str();
            let text: String = at_end.iter().map(|line| format!("{line_end}{line}")).collect();
            edits.push(TextEdit::insert(stop, text));
        }
        Ok(edits)
    }

    /// The statement that takes names of the same module in braces.
    fn same_braces(&self, module: &str, import: &Import) -> Option<&Statement> {
        let named = matches!(import.taken, Taken::Name(_));
        self.statements
            .iter()
            .filter(|_| named)
            .find(|s| !s.types && s.module == module && s.style == import.style && s.braces.is_some())
    }

    fn added_to_braces(&self, statement: &Statement, import: &Import) -> Vec<TextEdit> {
        let Some(open) = statement.braces else { return Vec::new() };
        let name = named(import, statement.style);
        let items = self.scan.items(open);
        let Some(last) = items.last() else {
            return vec![TextEdit::insert(self.scan.tokens[open].end, format!(" {name} "))];
        };
        let end = self.scan.tokens[last.tokens.end - 1].end;
        let start = self.scan.tokens[last.tokens.start].start;
        let own_line = self.source.as_str()[self.source.line_start(start)..start].trim().is_empty();
        let gap = match own_line {
            true => format!("{}{}", self.source.line_end_at(start).as_str(), self.source.indentation_at(start)),
            false => " ".to_owned(),
        };
        match last.comma {
            Some(comma) => vec![TextEdit::insert(self.scan.tokens[comma].end, format!("{gap}{name},"))],
            None => vec![TextEdit::insert(end, format!(",{gap}{name}"))],
        }
    }

    /// The last statement before anything else begins: new ones come behind it.
    fn last_of_block(&self) -> Option<&Statement> {
        self.statements.iter().rfind(|s| s.leading)
    }

    fn script_line(&self, module: &str, import: &Import) -> Result<String, Refusal> {
        let like = self.last_of_block().ok_or_else(|| refused("the file imports nothing"))?;
        if like.style != import.style {
            return Err(refused("the two files import in different ways"));
        }
        let (quote, stop) = (like.quote, if like.semicolon { ";" } else { "" });
        let local = &import.local;
        Ok(match (&import.taken, import.style) {
            (Taken::Name(_), Style::Require) => {
                format!("const {{ {} }} = require({quote}{module}{quote}){stop}", named(import, import.style))
            }
            (_, Style::Require) => format!("const {local} = require({quote}{module}{quote}){stop}"),
            (Taken::Name(_), _) => {
                format!("import {{ {} }} from {quote}{module}{quote}{stop}", named(import, import.style))
            }
            (Taken::Default, _) => format!("import {local} from {quote}{module}{quote}{stop}"),
            (Taken::Whole, _) => format!("import * as {local} from {quote}{module}{quote}{stop}"),
        })
    }

    fn java(&self, module: &str, style: Style) -> Result<TextEdit, Refusal> {
        let same: Vec<&Statement> = self.statements.iter().filter(|s| s.style == style).collect();
        let keyword = if style == Style::JavaStatic { "import static" } else { "import" };
        let text = format!("{keyword} {module};");
        // Into the run of imports that shares most of the package, before the first that sorts behind it.
        let shared = |s: &Statement| s.module.split('.').zip(module.split('.')).take_while(|(a, b)| a == b).count();
        let most = same.iter().map(|s| shared(s)).max().ok_or_else(|| refused("the file imports nothing"))?;
        let near: Vec<&&Statement> = same.iter().filter(|s| shared(s) == most).collect();
        let before = near.iter().find(|s| s.module.as_str() > module);
        Ok(match before {
            Some(next) => {
                let line_end = self.source.line_end_at(next.start).as_str();
                TextEdit::insert(next.start, format!("{text}{line_end}"))
            }
            None => {
                let last = near.last().ok_or_else(|| refused("the file imports nothing"))?;
                let line_end = self.source.line_end_at(last.end).as_str();
                TextEdit::insert(self.source.line_stop(last.end), format!("{line_end}{text}"))
            }
        })
    }

    fn go(&self, module: &str, local: &str) -> Result<TextEdit, Refusal> {
        let alias = if package(module) == local { String::new() } else { format!("{local} ") };
        let block: Vec<&Statement> = self.statements.iter().filter(|s| s.braces.is_some()).collect();
        let host = |m: &str| m.split('/').take(3).map(str::to_owned).collect::<Vec<_>>();
        let near: Vec<&&Statement> = block.iter().filter(|s| host(&s.module) == host(module)).collect();
        let near = if near.is_empty() { block.iter().rev().take(1).collect() } else { near };
        let last = near.last().ok_or_else(|| refused("the file has no block of imports"))?;
        let (indentation, quote) = (self.source.indentation_at(last.start), last.quote);
        let line_end = self.source.line_end_at(last.end).as_str();
        Ok(match near.iter().find(|s| s.module.as_str() > module) {
            Some(next) => TextEdit::insert(
                self.source.line_start(next.start),
                format!("{indentation}{alias}{quote}{module}{quote}{line_end}"),
            ),
            None => TextEdit::insert(
                self.source.line_stop(last.end),
                format!("{line_end}{indentation}{alias}{quote}{module}{quote}"),
            ),
        })
    }
}

/// A name in braces, with what it is called here.
fn named(import: &Import, style: Style) -> String {
    match &import.taken {
        Taken::Name(name) if *name != import.local => {
            let between = if style == Style::Require { ": " } else { " as " };
            format!("{name}{between}{}", import.local)
        }
        _ => import.local.clone(),
    }
}

/// A module that `from` writes relatively, as `into` writes it.
pub fn relative_to(from: &str, module: &str, into: &str) -> Option<String> {
    let target = joined(from, module)?;
    let own: Vec<&str> = into.split('/').collect();
    let own = &own[..own.len() - 1];
    let shared = own.iter().zip(&target).take_while(|(a, b)| **a == b.as_str()).count();
    let up = own.len() - shared;
    let rest = target[shared..].join("/");
    if rest.is_empty() {
        return None;
    }
    Some(if up == 0 { format!("./{rest}") } else { format!("{}{rest}", "../".repeat(up)) })
}

/// The path, in parts, that a relative module of a file means.
pub fn joined(from: &str, module: &str) -> Option<Vec<String>> {
    let mut parts: Vec<String> = from.split('/').map(str::to_owned).collect();
    parts.pop();
    for part in module.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part.to_owned()),
        }
    }
    Some(parts)
}
