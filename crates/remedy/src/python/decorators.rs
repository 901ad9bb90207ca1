//! Decorators of a Python function as they are written, and whether a name is there when a place of the module is read.
//! Next: `imports.rs`.

use super::imports::Imports;
use super::scan::{Kind, Python};
use crate::source::{Refusal, SourceText};
use ligase_domain::RepoPath;
use std::ops::Range;

/// The decorators, signs included, of the function whose head, or whose first decorator, begins at a place.
pub fn decorators(source: &SourceText, at: usize) -> Result<Vec<Range<usize>>, Refusal> {
    let python = Python::scan(source.as_str())?;
    let lines: Vec<(usize, usize)> = python
        .lines()
        .into_iter()
        .map(|line| (python.skip_comments(line.start), line.end))
        .filter(|(first, end)| first < end)
        .collect();
    let own = lines.partition_point(|(first, _)| python.tokens[*first].start < at);
    let decorates = |n: &usize| lines.get(*n).is_some_and(|(first, _)| python.is(*first, "@"));
    let above = (0..own).rev().take_while(decorates).last().unwrap_or(own);
    let range = |n: usize| {
        let (first, end) = lines[n];
        let last = (first..end).rev().find(|i| python.tokens[*i].kind != Kind::Comment).unwrap_or(first);
        python.tokens[first].start..python.tokens[last].end
    };
    Ok((above..lines.len()).take_while(decorates).map(range).collect())
}

/// Whether a name is imported, or defined at the top level, before a place of the file.
pub fn is_defined_before(source: &SourceText, path: &RepoPath, name: &str, at: usize) -> Result<bool, Refusal> {
    let imports = Imports::read(source, path)?;
    if imports.bound_names().contains(name) {
        return Ok(true);
    }
    let python = Python::scan(source.as_str())?;
    let defines = |line: &Range<usize>| {
        let first = python.skip_comments(line.start);
        let top = first < line.end && python.indent_of(python.tokens[first].start) == Some(0);
        let offset = usize::from(python.is(first, "async"));
        let named = python.is(first + offset, "def") || python.is(first, "class");
        let assigned = python.is(first, name) && python.is(first + 1, "=");
        top && python.tokens[first].start < at && (assigned || named && python.is(first + offset + 1, name))
    };
    Ok(python.lines().iter().any(defines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::python_source;

    #[test]
    fn decorators_are_read_and_names_are_known_from_their_line_on() {
        let text = "from a import login\nauth = make()\n\n\n@bp.get('/')  # why\n@login(\n    1)\ndef f(): ...\n\n\n@late\ndef g(): ...\ndef late(): ...\n";
        let source = python_source(text);
        for start in [text.find("@bp").unwrap(), text.find("def f").unwrap()] {
            let found = decorators(&source, start).unwrap();
            let shown: Vec<&str> = found.into_iter().map(|r| &text[r]).collect();
            assert_eq!(shown, ["@bp.get('/')", "@login(\n    1)"]);
        }
        let path = "a.py".into();
        let at = text.find("@late").unwrap();
        for (name, known) in [("login", true), ("auth", true), ("f", true), ("late", false), ("other", false)] {
            assert_eq!(is_defined_before(&source, &path, name, at).unwrap(), known, "{name}");
        }
    }
}
