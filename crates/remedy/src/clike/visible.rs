//! Whether a name that one place of a file uses means the same at another: it is imported or defined at the top level, or
//! the other place stands in the block of the first, behind it. Anything else is not known, so that no edit names what is
//! not there. Next: `imports.rs`.

use super::imports::Imports;
use super::scan::{Kind, Scan};
use crate::source::{Refusal, SourceText};
use ligase_domain::RepoPath;

/// Whether `root`, which is in use at `used`, is the same at `wanted`.
pub fn is_visible(
    source: &SourceText,
    path: &RepoPath,
    root: &str,
    used: usize,
    wanted: usize,
) -> Result<bool, Refusal> {
    let scan = Scan::read(source.as_str(), source.begin()..source.as_str().len())?;
    if root.is_empty() {
        return Ok(false);
    }
    let (from, to) = (blocks(&scan, used), blocks(&scan, wanted));
    // In the same block or in one inside it, behind the first.
    if to.starts_with(&from) && used < wanted {
        return Ok(true);
    }
    if Imports::read(source, path)?.origin_of(root).is_some() {
        return Ok(true);
    }
    let own = |at: &usize| scan.tokens[*at].kind == Kind::Name && scan.of(*at) == root;
    let defined = (1..scan.tokens.len()).filter(own).find(|at| {
        let keyword = matches!(scan.of(at - 1), "const" | "let" | "var" | "function" | "func" | "class");
        keyword && scan.inside[*at].is_none()
    });
    match defined {
        // What a script defines is there from its line on, functions and packages everywhere.
        Some(at) => {
            let everywhere = matches!(scan.of(at - 1), "function" | "func") || source.dialect() == "go";
            Ok(everywhere || scan.tokens[at].start < wanted)
        }
        // Go: a name of the package, where nothing in this file could be it.
        None if source.dialect() == "go" => {
            let local = (0..scan.tokens.len()).filter(own).any(|at| {
                let parameter = scan.inside[at].is_some_and(|o| scan.is(o, "("))
                    && scan.tokens.get(at + 1).is_some_and(|t| t.kind == Kind::Name);
                let assigned =
                    scan.is(at + 1, ":") && scan.is(at + 2, "=") || scan.is(at + 1, ",") && !in_call(&scan, at);
                parameter || assigned || scan.is(at.wrapping_sub(1), "var")
            });
            Ok(!local)
        }
        None => {
            // In the same block, defined before both.
            let first = (0..scan.tokens.len()).find(own).map(|at| scan.tokens[at].start);
            Ok(from == to && first.is_some_and(|f| f < wanted && to.starts_with(&blocks(&scan, f))))
        }
    }
}

fn in_call(scan: &Scan<'_>, at: usize) -> bool {
    scan.inside[at].is_some_and(|open| scan.is(open, "(") && !scan.callee(open).is_empty())
}

/// The braces that a place stands in, from the outside.
fn blocks(scan: &Scan<'_>, place: usize) -> Vec<usize> {
    let at = scan.tokens.partition_point(|t| t.end <= place);
    let mut out = Vec::new();
    let mut open = scan.inside.get(at).copied().flatten();
    while let Some(bracket) = open {
        if scan.is(bracket, "{") {
            out.push(bracket);
        }
        open = scan.inside[bracket];
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::{Origin, PathClass};

    fn visible(dialect: &str, text: &str) -> bool {
        let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
        let source = SourceText::read(&"a".into(), &class, text.as_bytes().to_vec()).unwrap();
        let (used, wanted) = (text.find("USED").unwrap(), text.find("WANTED").unwrap());
        is_visible(&source, &"a".into(), "auth", used, wanted).unwrap()
    }

    #[test]
    fn a_name_is_known_where_it_is_imported_defined_or_in_the_same_block() {
        for (dialect, text, known) in [
            ("javascript", "import auth from './auth';\nf(WANTED);\nf(USED);\n", true),
            ("javascript", "const { auth } = require('./auth');\nf(WANTED);\nf(USED);\n", true),
            ("javascript", "const auth = make();\nf(WANTED);\nf(USED);\n", true),
            ("javascript", "f(WANTED);\nconst auth = make();\nf(USED);\n", false),
            ("javascript", "function a(app, auth) { f(USED); }\nfunction b(app) { f(WANTED); }\n", false),
            ("javascript", "function a(app, auth) { f(USED); f(WANTED); }\n", true),
            ("javascript", "function a(app, auth) { f(WANTED); f(USED); }\n", true),
            ("go", "package a\nimport \"x/auth\"\nfunc a() { f(USED) }\nfunc b() { f(WANTED) }\n", true),
            ("go", "package a\nfunc a() { f(USED) }\nfunc b() { f(WANTED) }\nfunc auth() {}\n", true),
            ("go", "package a\nfunc a() { auth := m(); f(USED) }\nfunc b() { f(WANTED) }\n", false),
            ("go", "package a\nfunc a(auth Guard) { f(USED) }\nfunc b() { f(WANTED) }\n", false),
            ("go", "package a\nfunc a() { f(auth(), USED) }\nfunc b() { f(WANTED) }\n", true),
            ("go", "package a\nfunc a() { auth := m(); f(USED); g(func() { f(WANTED) }) }\n", true),
        ] {
            assert_eq!(visible(dialect, text), known, "{text}");
        }
    }
}
