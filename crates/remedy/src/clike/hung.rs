//! What a file of TypeScript, JavaScript, Java or Go writes before handlers: arguments between path and handler, decorators
//! and annotations of a method, and what hangs on whole routers. Next: `../beside.rs`, which compares it.

use super::scan::{Item, Kind, Scan};
use crate::source::{Refusal, SourceText};
use std::ops::Range;

/// Methods that hang a guard before what comes later, or give a router with it.
const USES: &[&str] = &["use", "Use", "With"];

fn whole(source: &SourceText) -> Result<Scan<'_>, Refusal> {
    Scan::read(source.as_str(), source.begin()..source.as_str().len())
}

/// The arguments between path and handler of the call whose arguments stand in a range; lists are opened.
pub fn guards_between(source: &SourceText, arguments: &Range<usize>) -> Result<Vec<Range<usize>>, Refusal> {
    let scan = whole(source)?;
    let open = scan.tokens.partition_point(|t| t.start < arguments.start);
    if !scan.is(open, "(") {
        return Ok(vec![]);
    }
    let items = scan.items(open);
    let path = items.first().is_some_and(|i| i.tokens.len() == 1 && scan.tokens[i.tokens.start].kind == Kind::Text);
    let first = usize::from(path);
    let last = items.len().saturating_sub(1).max(first);
    Ok(items[first.min(items.len())..last.min(items.len())].iter().flat_map(|i| opened(&scan, i)).collect())
}

/// `[a, b]` is `a` and `b`.
fn opened(scan: &Scan<'_>, item: &Item) -> Vec<Range<usize>> {
    let list = scan.is(item.tokens.start, "[") && scan.partner[item.tokens.start] == Some(item.tokens.end - 1);
    if !list {
        return vec![scan.bytes_of(&item.tokens)];
    }
    scan.items(item.tokens.start).iter().map(|i| scan.bytes_of(&i.tokens)).collect()
}

/// The decorators or annotations of the method that stands in a range, or behind them.
pub fn decorators(source: &SourceText, method: &Range<usize>) -> Result<Vec<Range<usize>>, Refusal> {
    let scan = whole(source)?;
    let first = scan.tokens.partition_point(|t| t.start < method.start);
    let mut at = match scan.inside.get(first).copied().flatten() {
        Some(open) => member_start(&scan, open, first),
        None => first,
    };
    let mut out = Vec::new();
    while at < scan.tokens.len() {
        if scan.tokens[at].kind == Kind::Comment {
            at += 1;
            continue;
        }
        if !scan.is(at, "@") {
            break;
        }
        let mut last = at + 1;
        while scan.is(last + 1, ".") {
            last += 2;
        }
        if scan.is(last + 1, "(") {
            last = scan.partner[last + 1].unwrap_or(last);
        }
        let Some(end) = scan.tokens.get(last).map(|t| t.end) else { break };
        out.push(scan.tokens[at].start..end);
        at = last + 1;
    }
    Ok(out)
}

/// Where the member of a class that holds a token begins.
fn member_start(scan: &Scan<'_>, open: usize, token: usize) -> usize {
    let (mut at, mut start) = (open + 1, open + 1);
    while at < token {
        let partner = scan.partner[at].filter(|p| *p > at);
        match partner {
            Some(close) if scan.is(at, "{") => {
                at = close + 1;
                start = at;
            }
            Some(close) => at = close + 1,
            None => {
                if scan.is(at, ";") {
                    start = at + 1;
                }
                at += 1;
            }
        }
    }
    start.min(token)
}

/// Everything that is hung on whole routers in the file.
pub fn hung(source: &SourceText) -> Result<Vec<Range<usize>>, Refusal> {
    let scan = whole(source)?;
    let calls =
        (1..scan.tokens.len()).filter(|at| USES.contains(&scan.callee(*at)) && scan.is(at.wrapping_sub(2), "."));
    Ok(calls.flat_map(|open| scan.items(open)).map(|i| scan.bytes_of(&i.tokens)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::{Origin, PathClass};

    fn source(dialect: &str, text: &str) -> SourceText {
        let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
        SourceText::read(&"a".into(), &class, text.as_bytes().to_vec()).unwrap()
    }

    fn shown(text: &str, found: Vec<Range<usize>>) -> Vec<&str> {
        found.into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn decorators_of_one_method_are_its_own() {
        let text = "class A {\n  a = 1;\n  @Get('x')\n  one() { return { a: 1 }; }\n\n  // why\n  @UseGuards(Jwt)\n  @Get()\n  two(@Body() b) {}\n}\n";
        let source = source("typescript", text);
        let at = |name: &str| text.find(name).unwrap()..text.len();
        assert_eq!(shown(text, decorators(&source, &at("two(")).unwrap()), ["@UseGuards(Jwt)", "@Get()"]);
        assert_eq!(shown(text, decorators(&source, &at("one(")).unwrap()), ["@Get('x')"]);
    }

    #[test]
    fn annotations_stand_in_the_method_itself() {
        let text =
            "class A {\n  @PreAuthorize(\"isAuthenticated()\")\n  @GetMapping\n  public int a() { return 1; }\n}\n";
        let source = source("java", text);
        let start = text.find("@Pre").unwrap();
        let found = decorators(&source, &(start..text.len())).unwrap();
        assert_eq!(shown(text, found), ["@PreAuthorize(\"isAuthenticated()\")", "@GetMapping"]);
    }

    #[test]
    fn guards_stand_between_path_and_handler() {
        for (text, guards) in [
            ("r.get('/a', auth, check(x), h)", vec!["auth", "check(x)"]),
            ("r.get('/a', [auth, b], h)", vec!["auth", "b"]),
            ("r.route('/a').get(auth, h)", vec!["auth"]),
            ("r.get('/a', h)", vec![]),
        ] {
            let source = source("javascript", text);
            let start = text.rfind("get(").unwrap() + 3;
            assert_eq!(shown(text, guards_between(&source, &(start..text.len())).unwrap()), guards, "{text}");
        }
        let text = "r.Use(auth.Jwt())\nr.Get(\"/a\", h)\nuse(b)\n";
        assert_eq!(shown(text, hung(&source("go", text)).unwrap()), ["auth.Jwt()"]);
    }
}
