//! Dockerfiles: instructions with their bytes, stages, and what the last stage ends as: its base, its user, what it fetches.
//! A line reader, because the format is one of lines; a variable without a default, or a base that nobody here knows, leaves
//! the user unknown. Names of bases are data (`probes/dockerfile/images.yaml`). Next: `link.rs`.

use crate::snippet::snippet;
use ligase_catalog::CatalogFile;
use ligase_document::{API_VERSION, DocumentError, read_one};
use ligase_domain::{ProbeRef, Seen, Span, Value};
use regex::RegexSet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;

/// The probe that observations name.
pub(super) const PROBE: &str = "dockerfile/images";
const FILE: &str = "probes/dockerfile/images.yaml";
/// Instructions of one file; more are not read.
const MAX_INSTRUCTIONS: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImagesDocument {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(rename = "id")]
    _id: String,
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Spec {
    #[serde(rename = "engine")]
    _engine: String,
    #[serde(rename = "language")]
    _language: String,
    #[serde(rename = "emits")]
    _emits: String,
    non_root: Vec<String>,
    root: Vec<String>,
    drops: Vec<String>,
    #[serde(default)]
    serves: Vec<String>,
    #[serde(default)]
    compares: Vec<String>,
    #[serde(default)]
    runs: Vec<String>,
}

/// What is known of images by their names.
pub(super) struct Images {
    version: u32,
    non_root: RegexSet,
    root: RegexSet,
    /// Words of entry points that give root up when the container starts.
    drops: Vec<String>,
    /// Those of the known ones that start a program by themselves.
    serves: RegexSet,
    /// Programs that compare what was fetched with what was meant.
    compares: Vec<String>,
    /// Programs that run what they are given.
    runs: Vec<String>,
}

impl Images {
    /// Reads the names; a catalog without them knows no image.
    pub(super) fn load(files: &[CatalogFile]) -> Result<Self, DocumentError> {
        let set =
            |all: &[String]| RegexSet::new(all).map_err(|e| DocumentError::whole("E-PROBE-REGEX", FILE, e.to_string()));
        let Some(file) = files.iter().find(|f| f.path == FILE) else {
            let none = || set(&[]);
            let (non_root, root, serves) = (none()?, none()?, none()?);
            return Ok(Self { version: 0, non_root, root, serves, drops: vec![], compares: vec![], runs: vec![] });
        };
        let document: ImagesDocument = read_one(&file.path, &file.bytes, API_VERSION, "Probe")?;
        let spec = document.spec;
        Ok(Self {
            version: document.metadata.version,
            non_root: set(&spec.non_root)?,
            root: set(&spec.root)?,
            serves: set(&spec.serves)?,
            drops: spec.drops,
            compares: spec.compares,
            runs: spec.runs,
        })
    }
}

/// One instruction; `text` has its continued lines joined and comments left out.
struct Instruction {
    word: String,
    text: String,
    span: Range<usize>,
}

/// Everything of one file.
pub(super) fn look(images: &Images, text: &str) -> Vec<Seen> {
    let instructions = read(text);
    let stages = stages(&instructions);
    let mut out = Vec::new();
    let Some(last) = stages.last() else { return out };
    for stage in &stages {
        out.extend(base_image(images, text, &instructions, &stages, stage));
    }
    out.push(image(images, text, &instructions, &stages, last));
    for instruction in &instructions {
        out.extend(fetch(images, text, &instructions, instruction));
    }
    out
}

/// The instructions of a text.
fn read(text: &str) -> Vec<Instruction> {
    let escape = escape_of(text);
    let mut out: Vec<Instruction> = Vec::new();
    let mut at = 0;
    while at < text.len() && out.len() < MAX_INSTRUCTIONS {
        let (line, next) = line_at(text, at);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            at = next;
            continue;
        }
        let start = at + (line.len() - line.trim_start().len());
        let (mut joined, mut stop, mut after) = (String::new(), at + line.trim_end().len(), next);
        let mut part = trimmed;
        loop {
            match part.strip_suffix(escape) {
                Some(head) => joined.push_str(head.trim_end()),
                None => {
                    joined.push_str(part);
                    break;
                }
            }
            joined.push(' ');
            // Comments and empty lines between continued ones belong to nobody.
            loop {
                if after >= text.len() {
                    part = "";
                    break;
                }
                let (line, next) = line_at(text, after);
                let end = after + line.trim_end().len();
                after = next;
                if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
                    (part, stop) = (line.trim(), end);
                    break;
                }
            }
            if part.is_empty() {
                break;
            }
        }
        for word in heredocs(&joined) {
            while after < text.len() {
                let (line, next) = line_at(text, after);
                (stop, after) = (after + line.trim_end().len(), next);
                if line.trim() == word {
                    break;
                }
                joined.push('\n');
                joined.push_str(line);
            }
        }
        let (word, rest) = joined.split_once(char::is_whitespace).unwrap_or((&joined, ""));
        out.push(Instruction { word: word.to_ascii_uppercase(), text: rest.trim().to_owned(), span: start..stop });
        at = after.max(next);
    }
    out
}

fn line_at(text: &str, at: usize) -> (&str, usize) {
    match text[at..].find('\n') {
        Some(length) => (text[at..at + length].trim_end_matches('\r'), at + length + 1),
        None => (&text[at..], text.len()),
    }
}

/// The escape character that a directive at the top names.
fn escape_of(text: &str) -> char {
    let directives = text.lines().take_while(|l| l.trim_start().starts_with('#'));
    let named = directives.filter_map(|l| l.trim_start_matches(['#', ' ']).strip_prefix("escape=")).next();
    if named.is_some_and(|n| n.trim() == "`") { '`' } else { '\\' }
}

/// The words that end the here-documents of an instruction.
fn heredocs(joined: &str) -> Vec<String> {
    let takes =
        ["RUN", "COPY", "ADD"].iter().any(|w| joined.len() > 4 && joined[..4].to_ascii_uppercase().starts_with(w));
    let word = |part: &str| {
        let rest = part.strip_prefix("<<")?;
        let rest = rest.strip_prefix('-').unwrap_or(rest).trim_matches(['"', '\'']);
        let plain = !rest.is_empty() && rest.chars().all(|c| c.is_alphanumeric() || c == '_');
        plain.then(|| rest.to_owned())
    };
    if takes { joined.split_whitespace().filter_map(word).take(8).collect() } else { vec![] }
}

/// A stage: its instructions by number, from `FROM` on.
struct Stage {
    name: String,
    base: String,
    from: usize,
    until: usize,
}

fn stages(instructions: &[Instruction]) -> Vec<Stage> {
    let mut out: Vec<Stage> = Vec::new();
    for (at, instruction) in instructions.iter().enumerate().filter(|(_, i)| i.word == "FROM") {
        if let Some(last) = out.last_mut() {
            last.until = at;
        }
        let mut words = instruction.text.split_whitespace().filter(|w| !w.starts_with("--"));
        let base = words.next().unwrap_or_default().to_owned();
        let name = if words.next().is_some_and(|w| w.eq_ignore_ascii_case("as")) { words.next() } else { None };
        out.push(Stage { name: name.unwrap_or_default().to_lowercase(), base, from: at, until: instructions.len() });
    }
    out
}

/// A word with its variables replaced by their defaults; none where one has no default.
fn expanded(word: &str, instructions: &[Instruction], stage: Option<&Stage>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), word);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, fallback, tail) = match after.strip_prefix('{') {
            Some(inner) => {
                let close = inner.find('}')?;
                let (name, fallback) = match inner[..close].split_once(":-") {
                    Some((name, fallback)) => (name, Some(fallback)),
                    None => (&inner[..close], None),
                };
                (name, fallback, &inner[close + 1..])
            }
            None => {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], None, &after[end..])
            }
        };
        let value = variable(name, instructions, stage).or(fallback.map(str::to_owned))?;
        out.push_str(&value);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

/// The default of a variable: the last that the stage sets, else the one before all stages.
fn variable(name: &str, instructions: &[Instruction], stage: Option<&Stage>) -> Option<String> {
    let first = instructions.iter().position(|i| i.word == "FROM").unwrap_or(instructions.len());
    let own = stage.map_or(&[][..], |s| &instructions[s.from..s.until]);
    let set = |i: &Instruction| {
        let takes = i.word == "ARG" || i.word == "ENV";
        let assigned = |w: &str| {
            w.split_once('=').filter(|(n, _)| *n == name).map(|(_, v)| v.trim_matches(['"', '\'']).to_owned())
        };
        let spaced =
            || i.text.split_once(' ').filter(|(n, _)| i.word == "ENV" && *n == name).map(|(_, v)| v.trim().to_owned());
        takes.then(|| i.text.split_whitespace().find_map(assigned).or_else(spaced)).flatten()
    };
    let found = own.iter().rev().find_map(set).or_else(|| instructions[..first].iter().rev().find_map(set));
    found.filter(|v| !v.is_empty() && !v.contains('$'))
}

fn stage_named<'s>(stages: &'s [Stage], name: &str, before: usize) -> Option<&'s Stage> {
    let lower = name.to_lowercase();
    let number = name.parse::<usize>().ok();
    stages
        .iter()
        .enumerate()
        .filter(|(_, s)| s.from < before)
        .find(|(n, s)| s.name == lower && !lower.is_empty() || number == Some(*n))
        .map(|(_, s)| s)
}

/// Which user a stage ends as, and by which words: `root`, `non-root`, `drops` or `unknown`.
fn user_of(images: &Images, instructions: &[Instruction], stages: &[Stage], stage: &Stage) -> (&'static str, String) {
    let mut now = stage;
    for _ in 0..=stages.len() {
        let own = &instructions[now.from..now.until];
        if let Some(user) = own.iter().rev().find(|i| i.word == "USER") {
            let Some(name) = expanded(&user.text, instructions, Some(now)) else {
                return ("unknown", user.text.clone());
            };
            let bare = name.split(':').next().unwrap_or(&name).trim_matches(['"', '\'']).to_owned();
            let administrator = bare.to_lowercase() == "containeradministrator";
            return (if bare == "root" || bare == "0" || administrator { "root" } else { "non-root" }, bare);
        }
        let Some(base) = expanded(&now.base, instructions, None) else { return ("unknown", now.base.clone()) };
        match stage_named(stages, &base, now.from) {
            Some(before) => now = before,
            None => return (base_user(images, &base), base),
        }
    }
    ("unknown", String::new())
}

fn base_user(images: &Images, base: &str) -> &'static str {
    let name = base.to_lowercase();
    if images.non_root.is_match(&name) {
        "non-root"
    } else if images.root.is_match(&name) {
        "root"
    } else {
        "unknown"
    }
}

/// How an image's name says which bytes are meant.
fn pinned(base: Option<&str>) -> &'static str {
    let Some(base) = base else { return "unknown" };
    let last = base.rsplit('/').next().unwrap_or(base);
    match base {
        _ if base.contains("@sha256:") => "digest",
        "scratch" => "scratch",
        _ if last.ends_with(":latest") => "latest",
        _ if last.contains(':') => "tag",
        _ => "none",
    }
}

fn span_of(text: &str, range: &Range<usize>) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = |at: usize| number(text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1);
    Span { start: number(range.start), end: number(range.end), line: line(range.start), end_line: line(range.end) }
}

fn seen(
    images: &Images,
    text: &str,
    kind: &str,
    range: &Range<usize>,
    attributes: impl IntoIterator<Item = (&'static str, Value)>,
    anchors: impl IntoIterator<Item = (&'static str, Range<usize>)>,
) -> Seen {
    let mut all: BTreeMap<String, Value> = attributes.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    all.insert("language".to_owned(), Value::from("dockerfile"));
    all.insert("stack".to_owned(), Value::from("dockerfile"));
    Seen {
        kind: kind.to_owned(),
        attributes: all,
        span: span_of(text, range),
        anchors: anchors.into_iter().map(|(n, r)| (n.to_owned(), span_of(text, &r))).collect(),
        snippet: snippet(text.as_bytes(), range.start, range.end),
        probe: ProbeRef { id: PROBE.to_owned(), version: images.version },
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// What the file builds: its last stage.
fn image(images: &Images, text: &str, instructions: &[Instruction], stages: &[Stage], last: &Stage) -> Seen {
    let own = &instructions[last.from..last.until];
    let (mut user, by) = user_of(images, instructions, stages, last);
    let starts: Vec<&Instruction> = own.iter().filter(|i| i.word == "ENTRYPOINT" || i.word == "CMD").collect();
    let drops = own.iter().any(|i| {
        matches!(i.word.as_str(), "RUN" | "ENTRYPOINT" | "CMD")
            && images
                .drops
                .iter()
                .any(|d| i.text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(|w| w == d))
    });
    // A script that starts the service may give root up; what it does is not read here.
    let script =
        starts.iter().any(|i| i.word == "ENTRYPOINT" && (i.text.contains(".sh") || i.text.contains("entrypoint")));
    let declared = own.iter().any(|i| i.word == "USER");
    let shell = is_shell(images, instructions, stages, last);
    if user == "root" && !declared && (drops || script) {
        user = "drops";
    }
    // Files alone, for something else to start: whose user they have is not said here.
    if user == "root" && !declared && last.base == "scratch" && starts.is_empty() {
        user = "unknown";
    }
    let created = own.iter().filter(|i| i.word == "RUN").find_map(|i| created_user(&i.text)).unwrap_or_default();
    let windows = by.to_lowercase().contains("windows") || by.to_lowercase().contains("nanoserver");
    let from = &instructions[last.from];
    let mut anchors = vec![("from", from.span.clone())];
    anchors.extend(starts.first().map(|i| ("start", i.span.clone())));
    anchors.extend(own.iter().rev().find(|i| i.word == "USER").map(|i| ("user", i.span.clone())));
    let place = own.iter().rev().find(|i| i.word == "USER").unwrap_or(from).span.clone();
    let attributes = [
        ("stage", Value::Text(cut(&last.name))),
        ("base", Value::Text(cut(&last.base))),
        ("user", Value::from(if windows && !declared { "unknown" } else { user })),
        ("user_set", Value::Bool(declared)),
        ("user_name", Value::Text(cut(&by))),
        ("created_user", Value::Text(created)),
        ("runs_as", Value::from("unset")),
    ];
    let starts = shell.then(|| ("starts", Value::from("shell")));
    let called = called(text).map(|name| ("called", Value::Text(cut(name))));
    seen(images, text, "image", &place, attributes.into_iter().chain(starts).chain(called), anchors)
}

/// The name that a comment of the file says to build it under: `# docker build --tag shop/base .`.
fn called(text: &str) -> Option<&str> {
    let built =
        |l: &&str| l.trim_start().starts_with('#') && (l.contains("docker build") || l.contains("buildx build"));
    text.lines().filter(built).find_map(|line| {
        let mut words = line.split_whitespace();
        let named = words.find_map(|w| match w {
            "-t" | "--tag" => Some(""),
            _ => w.strip_prefix("--tag="),
        })?;
        let name = if named.is_empty() { words.next()? } else { named };
        (!name.contains(['$', '<', '{'])).then_some(name)
    })
}

/// Whether an image starts what its base does, and that is a shell: no stage that it is built on says anything else.
fn is_shell(images: &Images, instructions: &[Instruction], stages: &[Stage], last: &Stage) -> bool {
    let mut now = last;
    for _ in 0..=stages.len() {
        if instructions[now.from..now.until].iter().any(|i| i.word == "ENTRYPOINT" || i.word == "CMD") {
            return false;
        }
        let Some(base) = expanded(&now.base, instructions, None) else { return false };
        match stage_named(stages, &base, now.from) {
            Some(before) => now = before,
            None => {
                let name = base.to_lowercase();
                return name != "scratch" && images.root.is_match(&name) && !images.serves.is_match(&name);
            }
        }
    }
    false
}

/// The account that a command makes: `useradd … name`, `adduser … name`; its name is the last word.
fn created_user(run: &str) -> Option<String> {
    for part in run.split([';', '\n']).flat_map(|p| p.split("&&")).flat_map(|p| p.split("||")) {
        let words: Vec<&str> = part.split_whitespace().collect();
        let Some(at) = words.iter().position(|w| matches!(*w, "useradd" | "adduser" | "/usr/sbin/useradd")) else {
            continue;
        };
        // `adduser name group` adds to a group; options and their values come before the name.
        let name = words[at + 1..].iter().rev().find(|w| !w.starts_with('-'))?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
            && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.len() <= 32;
        let quoted_before = words[at + 1..].iter().any(|w| w.contains(['"', '\'', '$']));
        if plain && !quoted_before && *name != "root" {
            return Some((*name).to_owned());
        }
    }
    None
}

/// A base that comes from a registry.
fn base_image(
    images: &Images,
    text: &str,
    instructions: &[Instruction],
    stages: &[Stage],
    stage: &Stage,
) -> Option<Seen> {
    let base = expanded(&stage.base, instructions, None);
    if base.as_deref().is_some_and(|b| stage_named(stages, b, stage.from).is_some()) {
        return None;
    }
    let from = &instructions[stage.from];
    let shown = base.clone().unwrap_or_else(|| stage.base.clone());
    let attributes = [
        ("image", Value::Text(cut(&shown))),
        ("stage", Value::Text(cut(&stage.name))),
        ("pinned", Value::from(pinned(base.as_deref()))),
    ];
    Some(seen(images, text, "base-image", &from.span, attributes, []))
}

/// What a build takes from the network and runs, or keeps, without looking whether it is what was meant.
fn fetch(images: &Images, text: &str, all: &[Instruction], instruction: &Instruction) -> Option<Seen> {
    let (what, source) = match instruction.word.as_str() {
        "ADD" => {
            let url =
                instruction.text.split_whitespace().find(|w| w.starts_with("http://") || w.starts_with("https://"))?;
            ("add", url.to_owned())
        }
        "RUN" => match piped(&instruction.text) {
            Some(source) => ("pipe", source),
            None => ("run", started(&images.runs, &instruction.text)?),
        },
        _ => return None,
    };
    let compares = |run: &str| images.compares.iter().any(|w| run.contains(w.as_str()));
    let file = last_part(&source);
    // What was added is compared in a later step.
    let later = || {
        let after = all.iter().filter(|i| i.span.start > instruction.span.start && i.word == "RUN");
        what == "add" && !file.is_empty() && after.into_iter().any(|i| compares(&i.text) && i.text.contains(file))
    };
    // A revision of a repository names its bytes.
    let revision = source
        .rsplit_once('#')
        .is_some_and(|(_, r)| r.len() >= 40 && r.bytes().take(40).all(|b| b.is_ascii_hexdigit()));
    let checked = instruction.text.contains("--checksum=") || compares(&instruction.text) || revision || later();
    let lower = instruction.text.to_ascii_lowercase();
    let asks = !checked && ["verify", "checksum", "sha256", "sha512", "signature"].iter().any(|w| lower.contains(w));
    let source = source.trim_matches(['"', '\'']).split(['?', '@']).next().unwrap_or_default().to_owned();
    let attributes = [
        ("what", Value::from(what)),
        ("source", Value::Text(cut(&source))),
        ("checked", Value::Bool(checked)),
        ("asks", Value::Bool(asks)),
        ("plain", Value::Bool(source.starts_with("http://"))),
    ];
    Some(seen(images, text, "build-fetch", &instruction.span, attributes, []))
}

fn last_part(url: &str) -> &str {
    let url = url.trim_matches(['"', '\'', ')', ';']).split(['?', '#']).next().unwrap_or_default();
    url.rsplit('/').next().unwrap_or_default()
}

fn address(part: &str) -> Option<String> {
    let word = part.split_whitespace().find(|w| w.contains("://"))?;
    Some(word.trim_start_matches("$(").trim_matches(['"', '\'', ')', '(', '`']).to_owned())
}

fn fetches(part: &str) -> bool {
    part.split(|c: char| c.is_whitespace() || "()\"'`".contains(c)).any(|w| matches!(w, "curl" | "wget"))
}

/// The program of a command, without what only stands before it.
fn program(command: &str) -> Option<&str> {
    let mut words = command
        .split_whitespace()
        .filter(|w| !matches!(*w, "sudo" | "env" | "exec" | "time") && !w.contains('=') && !w.starts_with('-'));
    words.next().and_then(|w| w.rsplit('/').next())
}

/// The address of a script that is piped into a shell, or that a shell is handed: `sh -c "$(curl …)"`, `bash <(curl …)`.
fn piped(run: &str) -> Option<String> {
    for line in run.split(['\n', ';']).flat_map(|l| l.split("&&")) {
        let mut parts = line.split('|').map(str::trim);
        let first = parts.next()?;
        let shell = |p: &str| program(p).is_some_and(|w| matches!(w, "sh" | "bash" | "zsh" | "ash" | "dash"));
        if !fetches(first) {
            continue;
        }
        let inside = shell(first)
            && ["$(curl", "$(wget", "<(curl", "<(wget", "`curl", "`wget"].iter().any(|w| first.contains(w));
        if inside || parts.any(shell) {
            return address(first);
        }
    }
    None
}

/// Whether an option says where a file is kept: `-o`, `-O`, or several in one that end with it (`-fsSLo`, `-qO`).
fn names_output(word: &str) -> bool {
    if matches!(word, "--output" | "--output-document") {
        return true;
    }
    let letters = word.strip_prefix('-').unwrap_or_default();
    letters.ends_with(['o', 'O']) && letters.bytes().all(|b| b.is_ascii_alphabetic())
}

/// The address of a file that is fetched and then run or installed in the same step.
fn started(runners: &[String], run: &str) -> Option<String> {
    let commands: Vec<&str> = run.split(['\n', ';']).flat_map(|l| l.split("&&")).map(str::trim).collect();
    for (n, command) in commands.iter().enumerate() {
        if !fetches(command) || command.contains('|') {
            continue;
        }
        let Some(source) = address(command) else { continue };
        let words: Vec<&str> = command.split_whitespace().collect();
        let option = words.iter().position(|w| names_output(w));
        let given = option.and_then(|at| words.get(at + 1)).filter(|w| !w.contains("://") && !w.starts_with('-'));
        let target = given.or_else(|| command.split_once('>').and_then(|_| words.last()));
        let target = target.map_or_else(|| last_part(&source), |t| t.trim_matches(['"', '\'']));
        let name = target.rsplit('/').next().unwrap_or(target);
        if name.len() < 2 {
            continue;
        }
        let runs = |later: &&str| {
            let named = later.split_whitespace().any(|w| w.trim_matches(['"', '\'']).rsplit('/').next() == Some(name));
            let first = program(later).unwrap_or_default();
            let mode = first == "chmod"
                && later
                    .split_whitespace()
                    .nth(1)
                    .is_some_and(|m| m.contains('x') || m.contains('7') || m.contains('5'));
            let installs = matches!(first, "dpkg" | "rpm" | "apk" | "installer") && later.contains("-i")
                || matches!(first, "apt-get" | "apt" | "yum" | "dnf" | "pip" | "pip3") && later.contains("install");
            named && (first == name || runners.iter().any(|r| r == first) || mode || installs)
        };
        if commands[n + 1..].iter().any(runs) {
            return Some(source);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Images {
        Images::load(&ligase_catalog::shipped()).unwrap()
    }

    fn attribute(text: &str, kind: &str, name: &str) -> Option<Value> {
        look(&images(), text).into_iter().find(|s| s.kind == kind).and_then(|s| s.attributes.get(name).cloned())
    }

    #[test]
    fn instructions_are_read_over_lines_comments_and_here_documents() {
        let text = "# syntax=docker/dockerfile:1\nFROM a AS b\r\nRUN x \\\n  # why\n\n  && y\nRUN <<EOF\nUSER nobody\nEOF\nuser app\n";
        let read = read(text);
        let words: Vec<&str> = read.iter().map(|i| i.word.as_str()).collect();
        assert_eq!(words, ["FROM", "RUN", "RUN", "USER"]);
        assert_eq!(read[1].text, "x && y");
        assert_eq!(&text[read[3].span.clone()], "user app");
        assert_eq!(&text[read[0].span.clone()], "FROM a AS b");
    }

    #[test]
    fn the_last_stage_says_who_runs() {
        for (text, user) in [
            ("FROM python:3.12\nCMD x\n", "root"),
            ("FROM python:3.12 AS base\nUSER app\nFROM base\nCMD x\n", "non-root"),
            ("FROM python:3.12\nUSER app\nUSER 0\n", "root"),
            ("ARG WHO=web\nFROM golang\nARG WHO=web\nUSER ${WHO}\n", "non-root"),
            ("FROM golang\nARG WHO\nUSER $WHO\n", "unknown"),
            ("FROM gcr.io/distroless/static:nonroot\n", "non-root"),
            ("FROM registry.example/base:1\n", "unknown"),
            ("FROM node:22\nENTRYPOINT [\"/docker-entrypoint.sh\"]\n", "drops"),
            ("FROM scratch\nCOPY a /a\n", "unknown"),
            ("FROM scratch\nCOPY a /a\nENTRYPOINT [\"/a\"]\n", "root"),
        ] {
            assert_eq!(attribute(text, "image", "user"), Some(Value::from(user)), "{text}");
        }
    }

    #[test]
    fn a_comment_says_what_an_image_is_called() {
        assert_eq!(called("# docker build -f base/Dockerfile --tag shop/base .\nFROM a\n"), Some("shop/base"));
        assert_eq!(called("#   docker buildx build --tag=shop/base:latest .\nFROM a\n"), Some("shop/base:latest"));
        assert_eq!(called("RUN docker build -t shop/base .\n"), None);
        assert_eq!(called("# docker build -t <name> .\nFROM a\n"), None);
    }

    #[test]
    fn images_that_start_a_shell_are_told_from_programs() {
        for (text, shell) in [
            ("FROM alpine:3.20\nRUN apk add jq\n", true),
            ("FROM node:22 AS base\nRUN npm ci\nFROM base\nCOPY . .\n", true),
            ("FROM node:22 AS base\nCMD [\"node\", \"a.js\"]\nFROM base\nCOPY . .\n", false),
            ("FROM nginx:1.27\nCOPY dist /usr/share/nginx/html\n", false),
            ("FROM registry.example/base:1\nCOPY . .\n", false),
        ] {
            assert_eq!(attribute(text, "image", "starts").is_some(), shell, "{text}");
        }
    }

    #[test]
    fn users_that_a_file_makes_are_found_by_name() {
        for (run, name) in [
            ("addgroup -S app && adduser -S -G app app", Some("app")),
            ("useradd --create-home --uid 1001 web", Some("web")),
            ("groupadd -r x && useradd -r -g x \"$NAME\"", None),
            ("echo useless", None),
        ] {
            assert_eq!(created_user(run).as_deref(), name, "{run}");
        }
    }

    #[test]
    fn scripts_from_the_network_are_seen_where_a_shell_runs_them() {
        assert_eq!(piped("curl -fsSL https://x.example/i.sh | sudo bash -"), Some("https://x.example/i.sh".to_owned()));
        assert_eq!(piped("curl -fsSL https://x.example/k | gpg --dearmor"), None);
        assert_eq!(piped("apt-get update && wget -qO- https://x.example/a | tar xz"), None);
        let handed = Some("https://x.example/i.sh".to_owned());
        assert_eq!(piped("sh -c \"$(curl -fsSL https://x.example/i.sh)\""), handed);
        assert_eq!(piped("bash <(curl -s https://x.example/i.sh) --yes"), handed);
        assert_eq!(piped("VERSION=$(curl -s https://x.example/latest) && echo $VERSION"), None);
        for (run, found) in [
            ("wget https://x.example/i.sh && sh i.sh", true),
            ("curl -fsSLo /tmp/i.sh https://x.example/i.sh && bash /tmp/i.sh", true),
            ("curl -LO https://x.example/i.sh && chmod +x ./i.sh && ./i.sh", true),
            ("curl -gsSfLo /tmp/i.sh https://x.example/i.sh && bash /tmp/i.sh", true),
            ("wget --no-check -nvO i.sh https://x.example/a && sh i.sh", true),
            ("wget -O a.tgz https://x.example/i.sh && tar xzf a.tgz", false),
            ("wget https://x.example/i.sh && sh other.sh", false),
        ] {
            assert_eq!(started(&images().runs, run).is_some(), found, "{run}");
        }
    }
}
