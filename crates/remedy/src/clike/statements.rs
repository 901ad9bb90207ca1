//! Import statements of TypeScript, JavaScript, Java and Go as they stand at the top level of a file, with the names that
//! they give. Next: `imports.rs`, which asks and edits them.

use super::imports::Taken;
use super::scan::{Kind, Scan};

/// How a name is imported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Style {
    /// `import … from 'module'`
    Import,
    /// `const … = require('module')`
    Require,
    /// `import package.Class;`
    Java,
    /// `import static package.Class.member;`
    JavaStatic,
    /// `import "path"`
    Go,
}

impl Style {
    /// Whether it is TypeScript's or JavaScript's.
    pub const fn is_script(self) -> bool {
        matches!(self, Self::Import | Self::Require)
    }
}

/// One statement; of a block of Go, one line.
#[derive(Clone, Debug)]
pub struct Statement {
    /// First byte.
    pub start: usize,
    /// One past the last byte, a semicolon included.
    pub end: usize,
    /// The module as it is written, without quotes.
    pub module: String,
    /// The quote around it.
    pub quote: char,
    /// Whether a semicolon ends it.
    pub semicolon: bool,
    /// What it takes, and what that is called here.
    pub names: Vec<(Taken, String)>,
    /// The bracket that its names (of Go, its block) stand in.
    pub braces: Option<usize>,
    /// Whether only types are imported.
    pub types: bool,
    /// How.
    pub style: Style,
    /// Whether nothing else stands before it.
    pub leading: bool,
}

/// The import statements of a file.
pub fn read(scan: &Scan<'_>, dialect: &str) -> Vec<Statement> {
    let (mut out, mut at, mut leading) = (Vec::new(), 0, true);
    while at < scan.tokens.len() {
        if scan.inside[at].is_some() || scan.tokens[at].kind == Kind::Comment || scan.is(at, ";") {
            at += 1;
            continue;
        }
        let found = match dialect {
            "java" if scan.is(at, "import") => java(scan, at),
            "go" if scan.is(at, "import") => Some(go(scan, at)),
            "typescript" | "javascript" => import(scan, at).or_else(|| require(scan, at)).map(|(s, n)| (vec![s], n)),
            _ => None,
        };
        match found {
            Some((statements, next)) => {
                out.extend(statements.into_iter().map(|s| Statement { leading, ..s }));
                at = next.max(at + 1);
            }
            None => {
                let head = match dialect {
                    "java" | "go" => in_package(scan, at),
                    _ => scan.tokens[at].kind == Kind::Text,
                };
                leading &= head;
                at += 1;
            }
        }
    }
    out
}

/// `package x.y;`
fn in_package(scan: &Scan<'_>, at: usize) -> bool {
    let line = scan.text[..scan.tokens[at].start].rfind('\n').map_or(0, |n| n + 1);
    scan.text[line..].trim_start_matches('\u{feff}').trim_start().starts_with("package ")
}

fn unquoted(text: &str) -> (String, char) {
    let quote = text.chars().next().unwrap_or('\'');
    (text.trim_matches(quote).to_owned(), quote)
}

/// The names in braces: `{ a, b as c, type d }`, of `require` `{ a, b: c }`.
fn in_braces(scan: &Scan<'_>, open: usize) -> Vec<(Taken, String)> {
    let one = |tokens: std::ops::Range<usize>| {
        let words: Vec<&str> = tokens.map(|t| scan.of(t)).collect();
        match words.as_slice() {
            [name] => Some((Taken::Name((*name).to_owned()), (*name).to_owned())),
            [name, "as" | ":", local] => Some((Taken::Name((*name).to_owned()), (*local).to_owned())),
            _ => None,
        }
    };
    scan.items(open).into_iter().filter_map(|i| one(i.tokens)).collect()
}

fn ended(scan: &Scan<'_>, last: usize) -> (usize, bool, usize) {
    let semicolon = scan.is(last + 1, ";");
    let stop = last + usize::from(semicolon);
    (scan.tokens[stop].end, semicolon, stop + 1)
}

fn import(scan: &Scan<'_>, at: usize) -> Option<(Statement, usize)> {
    if !scan.is(at, "import") || scan.is(at + 1, "(") || scan.is(at + 1, ".") {
        return None;
    }
    let types = scan.is(at + 1, "type") && !scan.is(at + 2, "from") && !scan.is(at + 2, ",");
    let (mut names, mut braces) = (Vec::new(), None);
    let mut next = at + 1 + usize::from(types);
    for _ in 0..64 {
        if scan.is(next, "{") {
            (braces, names) = (Some(next), [names, in_braces(scan, next)].concat());
            next = scan.partner[next]? + 1;
        } else if scan.is(next, "*") && scan.is(next + 1, "as") {
            names.push((Taken::Whole, scan.of(next + 2).to_owned()));
            next += 3;
        } else if scan.is(next, "from") || scan.is(next, ",") {
            next += 1;
        } else if scan.tokens.get(next)?.kind == Kind::Name {
            names.push((Taken::Default, scan.of(next).to_owned()));
            next += 1;
        } else {
            break;
        }
    }
    (scan.tokens.get(next)?.kind == Kind::Text).then_some(())?;
    let (module, quote) = unquoted(scan.of(next));
    let (end, semicolon, after) = ended(scan, next);
    let start = scan.tokens[at].start;
    let style = Style::Import;
    Some((Statement { start, end, module, quote, semicolon, names, braces, types, style, leading: true }, after))
}

fn require(scan: &Scan<'_>, at: usize) -> Option<(Statement, usize)> {
    if !["const", "let", "var"].iter().any(|k| scan.is(at, k)) {
        return None;
    }
    let (names, braces, equals) = if scan.is(at + 1, "{") {
        (in_braces(scan, at + 1), Some(at + 1), scan.partner[at + 1]? + 1)
    } else {
        (vec![(Taken::Default, scan.of(at + 1).to_owned())], None, at + 2)
    };
    let open = equals + 2;
    let is = scan.is(equals, "=") && scan.is(equals + 1, "require") && scan.is(open, "(");
    let text = is && scan.partner.get(open).copied().flatten() == Some(open + 2);
    if !text || scan.tokens[open + 1].kind != Kind::Text {
        return None;
    }
    let (module, quote) = unquoted(scan.of(open + 1));
    let mut last = open + 2;
    let mut names = names;
    if scan.is(last + 1, ".") && braces.is_none() {
        let name = scan.of(last + 2).to_owned();
        names = names.into_iter().map(|(_, local)| (Taken::Name(name.clone()), local)).collect();
        last += 2;
    } else if scan.is(last + 1, "(") || scan.is(last + 1, ".") || scan.is(last + 1, "[") {
        return None;
    }
    let (end, semicolon, after) = ended(scan, last);
    let start = scan.tokens[at].start;
    let (style, types) = (Style::Require, false);
    Some((Statement { start, end, module, quote, semicolon, names, braces, types, style, leading: true }, after))
}

fn java(scan: &Scan<'_>, at: usize) -> Option<(Vec<Statement>, usize)> {
    let fixed = scan.is(at + 1, "static");
    let first = at + 1 + usize::from(fixed);
    let stop = (first..(first + 64).min(scan.tokens.len())).find(|t| scan.is(*t, ";"))?;
    let module: String = (first..stop).map(|t| scan.of(t)).collect();
    let local = module.rsplit('.').next().unwrap_or_default().to_owned();
    let names = if local == "*" { vec![] } else { vec![(Taken::Whole, local)] };
    let style = if fixed { Style::JavaStatic } else { Style::Java };
    let (start, end) = (scan.tokens[at].start, scan.tokens[stop].end);
    let one = Statement {
        start,
        end,
        module,
        quote: '"',
        semicolon: true,
        names,
        braces: None,
        types: false,
        style,
        leading: true,
    };
    Some((vec![one], stop + 1))
}

fn go(scan: &Scan<'_>, at: usize) -> (Vec<Statement>, usize) {
    let block = scan.is(at + 1, "(").then_some(at + 1);
    let stop = block.and_then(|open| scan.partner[open]).unwrap_or(at + 3);
    let mut out = Vec::new();
    let mut next = at + 1 + usize::from(block.is_some());
    let last = if block.is_some() { stop } else { (at + 3).min(scan.tokens.len()) };
    while next < last {
        let named = matches!(scan.tokens[next].kind, Kind::Name) || scan.is(next, ".");
        let text = next + usize::from(named);
        let is_text = scan.tokens.get(text).is_some_and(|t| t.kind == Kind::Text);
        if !is_text || text >= last {
            next += 1;
            continue;
        }
        let (module, quote) = unquoted(scan.of(text));
        let local = if named { scan.of(next).to_owned() } else { package(&module) };
        let names = if matches!(local.as_str(), "_" | ".") { vec![] } else { vec![(Taken::Whole, local)] };
        out.push(Statement {
            start: scan.tokens[next].start,
            end: scan.tokens[text].end,
            module,
            quote,
            semicolon: false,
            names,
            braces: block,
            types: false,
            style: Style::Go,
            leading: true,
        });
        next = text + 1;
        if block.is_none() {
            break;
        }
    }
    let after = if block.is_some() { stop + 1 } else { next };
    (out, after)
}

/// What a package is called by custom: the last part of its path that is no version.
pub fn package(path: &str) -> String {
    let version = |p: &str| p.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let parts: Vec<&str> = path.split('/').collect();
    let last = parts.iter().rev().find(|p| !version(p)).copied().unwrap_or(path);
    let last = last.split(".v").next().unwrap_or(last);
    last.strip_prefix("go-").unwrap_or(last).replace('-', "_")
}
