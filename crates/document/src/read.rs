//! Reads one document or several: header first, then the type. Bounded before anything is parsed; every bound is a
//! count. It turns each of the parser's refusals into a [`DocumentError`] and lets none through as it is.

use crate::error::shown;
use crate::{DocumentError, Place, Placed};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_saphyr::options::AliasLimits;
use serde_saphyr::{Error, MergeKeyPolicy, Options};

/// A document is at most this long. The longest of the catalog is a hundredth of it.
pub const MAX_BYTES: usize = 1 << 20;
/// Collections nest at most this deep; people's documents nest seven.
pub const MAX_DEPTH: usize = 64;
/// Documents in one file.
const MAX_DOCUMENTS: usize = 256;
/// Aliases are for not repeating oneself, not for growing: what they add is bounded by these.
const MAX_ALIASES: usize = 256;
const MAX_REPLAYED: usize = 20_000;

/// Reads a file that holds one document of this `apiVersion` and `kind`. `T` declares both header keys as fields (any
/// string type) and denies unknown fields.
pub fn read_one<T: DeserializeOwned>(
    file: &str,
    bytes: &[u8],
    api_version: &str,
    kind: &str,
) -> Result<T, DocumentError> {
    let mut all = read(file, bytes, api_version, kind, false)?;
    all.pop().ok_or_else(|| empty(file, kind))
}

/// Reads a file that holds any number of documents of this `apiVersion` and `kind`, separated by `---`.
pub fn read_many<T: DeserializeOwned>(
    file: &str,
    bytes: &[u8],
    api_version: &str,
    kind: &str,
) -> Result<Vec<T>, DocumentError> {
    read(file, bytes, api_version, kind, true)
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "apiVersion")]
    api_version: Option<Placed<String>>,
    kind: Option<Placed<String>>,
}

fn read<T: DeserializeOwned>(
    file: &str,
    bytes: &[u8],
    api_version: &str,
    kind: &str,
    many: bool,
) -> Result<Vec<T>, DocumentError> {
    let text = text(file, bytes, kind)?;
    let headers: Vec<Placed<Header>> =
        serde_saphyr::from_multiple_with_options(text, options()).map_err(|e| refuse(file, kind, &e))?;
    if headers.is_empty() {
        return Err(empty(file, kind));
    }
    if let (false, Some(second)) = (many, headers.get(1)) {
        return Err(DocumentError::at(code(kind, "SEVERAL"), file, second.place, "a second document begins here")
            .expected(format!("one document of kind {kind}"))
            .remedy("keep each document in its own file"));
    }
    headers.iter().try_for_each(|h| header(file, h, api_version, kind))?;
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|e| refuse(file, kind, &e))
}

fn text<'a>(file: &str, bytes: &'a [u8], kind: &str) -> Result<&'a str, DocumentError> {
    if bytes.len() > MAX_BYTES {
        let problem = format!("the document has {} bytes", bytes.len());
        return Err(DocumentError::whole(code(kind, "TOO-LARGE"), file, problem)
            .expected(format!("at most {MAX_BYTES} bytes"))
            .remedy("split the document"));
    }
    std::str::from_utf8(bytes).map_err(|e| {
        let before = &bytes[..e.valid_up_to()];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        DocumentError::at(code(kind, "NOT-UTF8"), file, place(line, column), "a byte here is not UTF-8")
            .expected("UTF-8 text")
            .remedy("save the file as UTF-8")
    })
}

fn place(line: usize, column: usize) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(line), column: number(column) }
}

fn header(file: &str, header: &Placed<Header>, api_version: &str, kind: &str) -> Result<(), DocumentError> {
    let begin = |key: &str, want: &str| {
        DocumentError::at(code(kind, "NO-HEADER"), file, header.place, format!("{key} is missing"))
            .expected(format!("{key}: {want}"))
            .remedy(format!("begin the document with \"{key}: {want}\""))
    };
    let found = header.api_version.as_ref().ok_or_else(|| begin("apiVersion", api_version))?;
    if found.value != api_version {
        let problem = format!("apiVersion is {:?}", shown(found));
        return Err(DocumentError::at(code(kind, "API-VERSION"), file, found.place, problem)
            .expected(api_version)
            .remedy(format!("write \"apiVersion: {api_version}\"")));
    }
    let found = header.kind.as_ref().ok_or_else(|| begin("kind", kind))?;
    if found.value != kind {
        return Err(DocumentError::at(
            code(kind, "WRONG-KIND"),
            file,
            found.place,
            format!("kind is {:?}", shown(found)),
        )
        .expected(kind)
        .remedy(format!("a file at this path holds a {kind}")));
    }
    Ok(())
}

fn empty(file: &str, kind: &str) -> DocumentError {
    DocumentError::whole(code(kind, "EMPTY"), file, "the file holds no document")
        .expected(format!("a document of kind {kind}"))
        .remedy("write the document or remove the file")
}

/// `E-DNA-…` for a service's declaration, `E-ORGANISATION-…` and the like for the rest.
fn code(kind: &str, what: &str) -> String {
    let area = if kind == "Service" { "DNA".to_owned() } else { kind.to_uppercase() };
    format!("E-{area}-{what}")
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_documents: MAX_DOCUMENTS,
            max_recorded_anchor_events: MAX_REPLAYED,
            max_merge_keys: 0,
        },
        alias_limits: alias_limits(),
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn alias_limits() -> AliasLimits {
    let mut limits = AliasLimits::default();
    limits.max_total_replayed_events = MAX_REPLAYED;
    limits.max_replay_stack_depth = 8;
    limits.max_alias_expansions_per_anchor = MAX_ALIASES;
    limits
}

/// One refusal of the parser or of a type's reader, in our words.
fn refuse(file: &str, kind: &str, error: &Error) -> DocumentError {
    let at = error.location().map(Place::of).unwrap_or_default();
    let make = |what: &str, problem: String| DocumentError::at(code(kind, what), file, at, problem);
    match error.without_snippet() {
        Error::AliasError { error: inner, .. } => refuse(file, kind, inner),
        Error::SerdeUnknownField { field, expected, .. } => {
            make("UNKNOWN-KEY", format!("unknown key {:?}", shown(field))).among(field, expected.iter().copied())
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            make("UNKNOWN-VALUE", format!("unknown value {:?}", shown(variant)))
                .among(variant, expected.iter().copied())
        }
        Error::SerdeMissingField { field, .. } => make("MISSING-KEY", format!("the key {field:?} is missing"))
            .expected(format!("{field}: …"))
            .remedy(format!("add {field:?}")),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            make("WRONG-TYPE", format!("found {}", shown(unexpected))).expected(shown(expected))
        }
        Error::SerdeInvalidLength { len, expected, .. } => {
            make("WRONG-TYPE", format!("found {len} items")).expected(shown(expected))
        }
        Error::InvalidScalar { ty, .. } => {
            make("WRONG-TYPE", "this value is of another type".to_owned()).expected(spoken(ty))
        }
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
            make("WRONG-TYPE", "something else stands here".to_owned()).expected("one word")
        }
        Error::InvalidBooleanStrict { .. } => {
            make("WRONG-TYPE", "this is not a truth value".to_owned()).expected("true or false")
        }
        Error::Unexpected { expected, .. } => {
            make("WRONG-TYPE", "something else stands here".to_owned()).expected(spoken(expected))
        }
        Error::NullIntoString { .. } => {
            make("WRONG-TYPE", "nothing stands here".to_owned()).expected("a text").remedy("write a value")
        }
        Error::DuplicateMappingKey { key, .. } => {
            make("DUPLICATE-KEY", format!("the key {:?} stands here twice", shown(key.as_deref().unwrap_or("?"))))
                .expected("each key once")
                .remedy("remove one of the two")
        }
        Error::MergeKeyNotAllowed { .. } => {
            make("MERGE-KEY", "merge keys (<<) are not read".to_owned()).remedy("write the keys out")
        }
        Error::Budget { breach, .. } => beyond(make("BEYOND-BOUNDS", shown(&format!("{breach:?}")))),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => {
            beyond(make("BEYOND-BOUNDS", "aliases make the document grow beyond its bounds".to_owned()))
        }
        Error::Message { msg, .. } => make("INVALID", escape_lines(msg)),
        other => make("MALFORMED", escape_lines(&plain(other)))
            .expected("well-formed YAML")
            .remedy("mend the document at that place; what stands before it is read as far as there"),
    }
}

/// The parser's names of types, as people call them.
fn spoken(expected: &str) -> &str {
    match expected {
        "sequence start" => "a list",
        "mapping start" => "a mapping",
        "string scalar" | "string" => "a text",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        other => other,
    }
}

fn beyond(error: DocumentError) -> DocumentError {
    error
        .expected(format!("at most {MAX_DEPTH} levels, {MAX_ALIASES} aliases and {MAX_DOCUMENTS} documents in a file"))
        .remedy("write it out, or split it")
}

/// The parser's message without the place that it appends; the place is ours to print.
fn plain(error: &Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// One line, bounded, printable. A type's own message may be a sentence, so it may be longer than a name.
fn escape_lines(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().take(400).collect();
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
