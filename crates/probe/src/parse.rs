//! Parsing under budgets: bytes in, a syntax tree of bounded depth and width out, or the reason why not. Trees are walked
//! with a cursor, never by recursion. Next: `look.rs`.

use crate::budget::{MAX_CHILDREN, MAX_TREE_DEPTH, PARSE_CALL_BYTES, PARSE_CALLS, brackets_over};
use ligase_domain::Span;
use std::cell::RefCell;
use std::ops::ControlFlow;
use tree_sitter::{Language, Node, ParseOptions, ParseState, Parser, Tree, TreeCursor};

/// The grammars that are linked in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Grammar {
    /// Python 3.
    Python,
    /// HashiCorp's configuration language, as Terraform uses it.
    Hcl,
    /// TypeScript without elements.
    TypeScript,
    /// TypeScript with elements; reads JavaScript too.
    Tsx,
    /// Java.
    Java,
    /// Go.
    Go,
}

/// Grammars that are linked in.
const GRAMMARS: usize = 6;

impl Grammar {
    pub(crate) fn language(self) -> Language {
        match self {
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::Hcl => tree_sitter_hcl::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
            Self::Go => tree_sitter_go::LANGUAGE.into(),
        }
    }

    /// The grammar that reads a text of a dialect; `None` where no syntax tree is needed.
    pub(crate) fn of(dialect: &str, text: &str) -> Option<Self> {
        match dialect {
            "python" => Some(Self::Python),
            "terraform" => Some(Self::Hcl),
            // An old-style cast (`<T>value`) reads as an element in the one, and an element as a cast in the other.
            "typescript" if text.contains("</") || text.contains("/>") => Some(Self::Tsx),
            "typescript" => Some(Self::TypeScript),
            "javascript" => Some(Self::Tsx),
            "java" => Some(Self::Java),
            "go" => Some(Self::Go),
            _ => None,
        }
    }
}

thread_local! {
    /// A parser per thread and grammar: building its tables costs more than a small file.
    static PARSERS: RefCell<[Option<Parser>; GRAMMARS]> = const { RefCell::new([const { None }; GRAMMARS]) };
}

/// Parses within the budgets; the error is the stable reason for skipping the file.
pub(crate) fn parse(grammar: Grammar, text: &str) -> Result<Tree, &'static str> {
    let tree = parse_unshaped(grammar, text)?;
    shape(&tree)?;
    Ok(tree)
}

fn shape(tree: &Tree) -> Result<(), &'static str> {
    let mut walk = Walk::new(tree.root_node());
    while let Some((node, depth)) = walk.next() {
        shaped(node, depth)?;
    }
    Ok(())
}

/// Like [`parse`], for a caller that walks the whole tree anyway and asks [`shaped`] of every node before anything else.
pub(crate) fn parse_unshaped(grammar: Grammar, text: &str) -> Result<Tree, &'static str> {
    if brackets_over(text.as_bytes()) {
        return Err("too-nested");
    }
    PARSERS.with_borrow_mut(|parsers| {
        let slot = &mut parsers[grammar as usize];
        let parser = match slot {
            Some(parser) => parser,
            None => {
                let mut parser = Parser::new();
                parser.set_language(&grammar.language()).map_err(|_| "grammar-unusable")?;
                slot.insert(parser)
            }
        };
        parser.reset();
        let bytes = text.as_bytes();
        let limit = PARSE_CALLS + bytes.len() as u64 / PARSE_CALL_BYTES;
        let mut calls = 0;
        let mut progress = |_: &ParseState| {
            calls += 1;
            if calls > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = ParseOptions::new().progress_callback(&mut progress);
        parser
            .parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
            .ok_or("too-costly")
    })
}

/// Refuses trees that are too deep or too wide, node by node.
pub(crate) fn shaped(node: Node<'_>, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_TREE_DEPTH {
        return Err("too-nested");
    }
    if node.child_count() as usize > MAX_CHILDREN {
        return Err("too-wide");
    }
    Ok(())
}

/// All nodes below a node in order, with their depth, without recursion.
pub(crate) struct Walk<'t> {
    cursor: TreeCursor<'t>,
    depth: usize,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Begin,
    Inside,
    Skip,
    End,
}

impl<'t> Walk<'t> {
    pub(crate) fn new(node: Node<'t>) -> Self {
        Self { cursor: node.walk(), depth: 0, state: State::Begin }
    }

    /// Does not go below the node that came last.
    pub(crate) fn skip_children(&mut self) {
        self.state = State::Skip;
    }

    /// The next node and its depth.
    pub(crate) fn next(&mut self) -> Option<(Node<'t>, usize)> {
        match self.state {
            State::End => return None,
            State::Begin => {
                self.state = State::Inside;
                return Some((self.cursor.node(), 0));
            }
            State::Inside if self.cursor.goto_first_child() => {
                self.depth += 1;
                return Some((self.cursor.node(), self.depth));
            }
            State::Inside | State::Skip => self.state = State::Inside,
        }
        while !self.cursor.goto_next_sibling() {
            if !self.cursor.goto_parent() {
                self.state = State::End;
                return None;
            }
            self.depth -= 1;
        }
        Some((self.cursor.node(), self.depth))
    }
}

/// The first place that the grammar could not read, as `line N`.
pub(crate) fn first_error(tree: &Tree) -> Option<String> {
    let root = tree.root_node();
    if !root.has_error() {
        return None;
    }
    let mut walk = Walk::new(root);
    while let Some((node, _)) = walk.next() {
        if node.is_missing() {
            return Some(format!("line {}: {} is missing", node.start_position().row + 1, node.kind()));
        }
        if node.is_error() {
            return Some(format!("line {}: unexpected text", node.start_position().row + 1));
        }
        if !node.has_error() {
            walk.skip_children();
        }
    }
    Some("unexpected text".to_owned())
}

/// A node's place.
pub(crate) fn span_of(node: Node<'_>) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        start: number(node.start_byte()),
        end: number(node.end_byte()),
        line: number(node.start_position().row + 1),
        end_line: number(node.end_position().row + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_width_are_bounded_and_plain_code_passes() {
        assert!(parse(Grammar::Python, "def f(a):\n    return a + 1\n").is_ok());
        assert_eq!(parse(Grammar::Python, &"[".repeat(200_000)).err(), Some("too-nested"));
        assert_eq!(
            parse(Grammar::Python, &format!("x = {}{}", "[".repeat(600), "]".repeat(600))).err(),
            Some("too-nested")
        );
        assert_eq!(parse(Grammar::Python, &format!("x = {}1", "not ".repeat(50_000))).err(), Some("too-nested"));
        assert_eq!(parse(Grammar::Python, &format!("x = [{}]", "1,".repeat(100_000))).err(), Some("too-wide"));
        assert_eq!(parse(Grammar::Hcl, &"{".repeat(200_000)).err(), Some("too-nested"));
    }

    #[test]
    fn the_first_error_is_named_by_its_line() {
        let tree = parse(Grammar::Python, "a = 1\ndef (:\n").unwrap();
        assert!(first_error(&tree).unwrap().starts_with("line 2"));
        assert_eq!(first_error(&parse(Grammar::Python, "a = 1\n").unwrap()), None);
    }
}
