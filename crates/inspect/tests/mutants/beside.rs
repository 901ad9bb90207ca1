//! What stands before a handler besides the guard that is taken away: another in its signature or above it, the router that it
//! hangs on, the chain of filters, its class's base, its own first lines. Read from text by the names that people give; where a
//! name says nothing it is no guard here, so that what is missed counts against us.

use crate::idle::{LETS_PASS, class_line, is_main};
use crate::sites::Site;
use regex::Regex;
use std::sync::LazyLock;

/// Routers in routers, bases of bases.
const MAX_DEPTH: u8 = 5;

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).unwrap());
    };
}

pattern!(
    PARAMETER,
    r"(?i)(?:Depends|Security)\(\s*[\w.]*(?:auth|login|jwt|current_?user|permission|verify|principal)[\w.]*|:\s*(?:\w*(?:current|auth)_?user\w*)\s*[,)=\n]"
);
pattern!(
    INCLUDED,
    r"(?i)dependencies\s*=\s*\[[^\]]*(?:Depends|Security)\(\s*[\w.]*(?:auth|login|jwt|current_?user|permission|verify|principal)[\w.]*"
);
pattern!(ROUTER, r"(?m)^(\w+)\s*=\s*APIRouter\(");
pattern!(
    DECORATOR,
    r"^@(?:[\w.]*\.)?(?:login_required|permission_required|staff_member_required|user_passes_test|superuser_required|admin_required|roles?_required|require_(?:super_?)?admin|require_permissions?|permission_classes\(\[[^\]]*\b(?:IsAuthenticated|IsAdminUser)\b)"
);
pattern!(
    REFUSES,
    r"\n[ \t]+if not (?:self\.)?request\.user\.(?:is_authenticated|has_perm\([^\n]*\))(?: and not (?:self\.)?request\.user\.has_perm\([^\n]*\))?:\s*\n[ \t]+(?:return HttpResponse(?:Forbidden|Redirect)|return redirect\(|raise PermissionDenied)"
);
pattern!(MIXIN, r"\b(?:LoginRequiredMixin|\w*PermissionRequiredMixin|UserPassesTestMixin)\b");
pattern!(GO_ROUTE, r"(\w+)\.(?:GET|POST|PUT|PATCH|DELETE)\($");
pattern!(
    CHAIN,
    r#"anyRequest\(\)\s*\.authenticated\(\)|/\*\*"\)\)?\s*\.authenticated\(\)|@EnableResourceServer|extends ResourceServerConfigurerAdapter"#
);
pattern!(
    OPENED,
    r"(?s)\.(?:requestMatchers|antMatchers|mvcMatchers|pathMatchers|anyRequest)\((?P<said>[^;]*?)\)\s*\.permitAll\(\)"
);
pattern!(TEXT, r#""(/[^"]*)""#);
pattern!(VERB, r"HttpMethod\.(\w+)|[^\w](GET|POST|PUT|PATCH|DELETE)[^\w]");
pattern!(
    MAPPING,
    r#"@(Get|Post|Put|Patch|Delete|Request)Mapping(?:\((?:\s*(?:value|path)\s*=\s*)?\{?\s*(?:"([^"]*)")?[^)]*\))?"#
);

/// Who else asks who calls, if somebody does.
pub fn guarded(site: &Site, path: &str, text: &str, others: &[(&str, &str)]) -> Option<&'static str> {
    let rest = &site.mutated[site.at..];
    match site.stack {
        "fastapi" if another_parameter(site) => Some("another guard stands beside it"),
        "fastapi" if is_below_guard(path, text, others) => {
            Some("the router that it hangs on is included behind a guard")
        }
        "python" if decorators(&site.mutated, site.at).any(|l| DECORATOR.is_match(l)) => {
            Some("another guard stands beside it")
        }
        "python" if REFUSES.is_match(definition(rest)) => Some("the handler itself refuses whom it does not know"),
        "django" if site.text.ends_with("Mixin,") && REFUSES.is_match(definition(rest)) => {
            Some("the handler itself refuses whom it does not know")
        }
        "django"
            if site.text.ends_with("Mixin,") && base_asks(class_line(&site.mutated, site.at), others, MAX_DEPTH) =>
        {
            Some("a base of the class asks for a caller as well")
        }
        "go" if site.text.starts_with(',') && group_asks(text, site.at) => {
            Some("the group that it is called on asks for a caller")
        }
        "express" if hangs_up_routes(site, text) => Some("what is hung up are routes of that name, no guard"),
        "spring" if site.text.starts_with('@') && is_behind_chain(site, text, others) => {
            Some("the chain of filters asks for a caller as well")
        }
        _ => None,
    }
}

fn asks(found: &Regex, text: &str) -> bool {
    found.find_iter(text).any(|m| !LETS_PASS.is_match(m.as_str()))
}

/// A guard among what is left of the decorator and the signature.
fn another_parameter(site: &Site) -> bool {
    let text = &site.mutated;
    let from = text[..site.at].rfind("\n\n").unwrap_or_default();
    let to = [") ->", "):\n"].iter().filter_map(|end| text[site.at..].find(end)).min();
    let unit = &text[from..to.map_or(text.len(), |to| site.at + to + 1)];
    unit.contains("def ") && asks(&PARAMETER, unit)
}

/// Whether every inclusion of a file's router lies behind a guard.
fn is_below_guard(path: &str, text: &str, others: &[(&str, &str)]) -> bool {
    let mut routers = ROUTER.captures_iter(text).map(|c| c[1].to_owned());
    // Of two routers one may be guarded and the other not.
    let (Some(router), None) = (routers.next(), routers.next()) else { return false };
    let steps: Vec<&str> = path.trim_end_matches(".py").split('/').collect();
    let module = steps[steps.len().saturating_sub(2)..].join(r"\.");
    let imported =
        Regex::new(&format!(r"from\s+[\w.]*\b{module}\s+import\s+[^\n]*?\b{router}\b(?:\s+as\s+(\w+))?")).unwrap();
    let names = others.iter().filter(|(name, _)| name.ends_with(".py") && !name.contains("test"));
    let mut included = names
        .filter_map(|(_, t)| Some((*t, imported.captures(t)?.get(1).map_or(router.clone(), |m| m.as_str().to_owned()))))
        .filter(|(t, name)| t.contains(&format!("include_router({name}")) || t.contains(&format!("    {name},")))
        .peekable();
    included.peek().is_some() && included.all(|(t, name)| included_behind(t, &name, MAX_DEPTH))
}

fn included_behind(text: &str, router: &str, depth: u8) -> bool {
    let call = Regex::new(&format!(r"(\w+)\.include_router\(\s*{router}\b")).unwrap();
    let mut found = call.captures_iter(text).peekable();
    found.peek().is_some()
        && found.all(|c| {
            let said = &text[c.get(0).unwrap().start()..];
            let made = Regex::new(&format!(r"(?m)^{}\s*=\s*\w*(?:Router|FastAPI)\(", &c[1])).unwrap().find(text);
            asks(&INCLUDED, in_parentheses(said))
                || made.is_some_and(|m| asks(&INCLUDED, in_parentheses(&text[m.start()..])))
                || depth > 0 && included_behind(text, &c[1], depth - 1)
        })
}

/// From its beginning to the parenthesis that closes the first one.
fn in_parentheses(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if c == ')' && depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// The decorators that are left around a place.
fn decorators(text: &str, at: usize) -> impl Iterator<Item = &str> {
    let is_one = |l: &&str| l.trim_start().starts_with('@');
    let above = text[..at].lines().rev().take_while(is_one);
    above.chain(text[at..].lines().take_while(is_one)).map(str::trim_start)
}

/// What follows, to the next definition at the margin.
fn definition(text: &str) -> &str {
    let first = text.find(":\n").unwrap_or_default();
    let margin = text[first..].match_indices('\n').map(|(n, _)| first + n);
    let mut ends = margin.filter(|n| text[n + 1..].starts_with(|c: char| c.is_alphabetic() || c == '@'));
    &text[..ends.next().unwrap_or(text.len())]
}

/// Whether a base that lies here is made of one that asks; every class of its name.
fn base_asks(line: &str, others: &[(&str, &str)], depth: u8) -> bool {
    let Some((_, bases)) = line.split_once('(') else { return false };
    bases.split([',', ')']).map(|b| b.trim().rsplit('.').next().unwrap_or_default()).any(|base| {
        if base.is_empty() || !base.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return false;
        }
        let made = Regex::new(&format!(r"(?m)^class {base}\(([^)]*)\)")).unwrap();
        let mut found = others.iter().flat_map(|(_, t)| made.find_iter(t)).peekable();
        found.peek().is_some()
            && found.all(|m| MIXIN.is_match(m.as_str()) || depth > 0 && base_asks(m.as_str(), others, depth - 1))
    })
}

/// Whether the group of routes was made with a guard, in the same function.
fn group_asks(text: &str, at: usize) -> bool {
    let line = &text[text[..at].rfind('\n').map_or(0, |n| n + 1)..at];
    let Some(name) = line.find('(').and_then(|open| GO_ROUTE.captures(&line[..=open])).map(|c| c[1].to_owned()) else {
        return false;
    };
    let function = &text[text[..at].rfind("\nfunc ").unwrap_or_default()..at];
    let made = Regex::new(&format!(r"\b{name}\s*:?=[^\n]*")).unwrap();
    let Some(last) = made.find_iter(function).last() else { return false };
    let guard = Regex::new(r#"(?i)(?:\.Use\(|\.Group\([^,\n]*,)[^\n"]*\b\w*(?:auth|jwt)\w*"#).unwrap();
    let hung = Regex::new(&format!(r#"(?i)\b{name}\.Use\([^\n"]*\b\w*(?:auth|jwt)\w*"#)).unwrap();
    asks(&guard, last.as_str()) || asks(&hung, &function[last.end()..])
}

/// `app.use('/auth', auth)` where `auth` comes from a module of routes.
fn hangs_up_routes(site: &Site, text: &str) -> bool {
    let inner = site.text.trim_end_matches([';', ')', ' ']);
    let name = inner.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let from = Regex::new(&format!(r#"import\s*\{{?[^;'"]*\b{name}\b[^;'"]*\}}?\s*from\s*['"][^'"]*rout"#)).unwrap();
    !name.is_empty() && site.text.contains(".use(") && from.is_match(text)
}

/// Whether the rules of all requests ask for a caller, and none of them opens the way that the annotation stands on: of a
/// method its own, of a class all of its file.
fn is_behind_chain(site: &Site, text: &str, others: &[(&str, &str)]) -> bool {
    let java = || others.iter().filter(|(name, _)| is_main(name)).map(|(_, t)| *t);
    let ways = ways(site, text);
    let opens = |said: &str| {
        let paths: Vec<&str> = TEXT.captures_iter(said).map(|c| c.get(1).unwrap().as_str()).collect();
        let verb = VERB.captures(said).and_then(|c| c.get(1).or(c.get(2))).map(|m| m.as_str().to_owned());
        let one = said.matches("atchers(").count() == 0;
        paths.is_empty()
            || paths.iter().any(|p| {
                let base = p.trim_end_matches(['*', '/']);
                let files = p.starts_with("/**/*.");
                ways.iter().any(|(method, own)| {
                    let other = one && verb.as_ref().is_some_and(|v| !method.is_empty() && v != method);
                    !other && !files && *p != "/" && own.starts_with(base)
                })
            })
    };
    let opened = java().any(|t| OPENED.captures_iter(t).any(|c| opens(&c["said"])));
    !opened && !ways.is_empty() && java().any(|t| CHAIN.is_match(t))
}

/// Methods (empty where any) and paths that an annotation stands on.
fn ways(site: &Site, text: &str) -> Vec<(String, String)> {
    let class = text.find("class ").unwrap_or_default();
    let path = |c: &regex::Captures<'_>| c.get(2).map_or(String::new(), |m| m.as_str().trim_matches('/').to_owned());
    let base = MAPPING.captures_iter(&text[..class]).last().map(|c| path(&c)).unwrap_or_default();
    let way = |c: &regex::Captures<'_>| {
        let method = if &c[1] == "Request" { String::new() } else { c[1].to_uppercase() };
        (method, format!("/{base}/{}", path(c)).replace("//", "/"))
    };
    if site.at < class {
        return MAPPING.captures_iter(&text[class..]).map(|c| way(&c)).collect();
    }
    let is_part = |l: &&str| l.trim_start().starts_with('@') && !l.trim().is_empty();
    let above: Vec<&str> = text[..site.at].lines().rev().take_while(is_part).collect();
    let below: Vec<&str> = site.mutated[site.at..].lines().take_while(is_part).collect();
    above.into_iter().chain(below).filter_map(|l| MAPPING.captures(l)).map(|c| way(&c)).collect()
}
