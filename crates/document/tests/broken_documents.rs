//! What people and attackers write wrong, and what they are told. The snapshots are the specification of the words.

use ligase_document::{API_VERSION, DocumentError, MAX_BYTES, Placed, read_many, read_one};
use serde::Deserialize;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Sample {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Metadata {
    name: Placed<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Spec {
    exposure: Exposure,
    #[serde(default)]
    count: u32,
    #[serde(default)]
    list: Vec<String>,
    #[serde(default)]
    on: bool,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Exposure {
    Internet,
    Internal,
    None,
}

fn read(bytes: &[u8]) -> Result<Sample, DocumentError> {
    read_one("services/a/dna.yaml", bytes, API_VERSION, "Service")
}

fn refusal(text: &str) -> String {
    read(text.as_bytes()).expect_err("the document is broken").to_string()
}

const HEAD: &str = "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: { name: a }\n";

#[test]
fn a_good_document_is_read_and_knows_its_places() {
    let sample = read(format!("{HEAD}spec:\n  exposure: internet\n  list: [a, b]\n").as_bytes()).unwrap();
    assert!(matches!(sample.spec.exposure, Exposure::Internet));
    assert_eq!((sample.metadata.name.place.line, sample.metadata.name.place.column), (3, 19));
}

#[test]
fn broken_documents_are_told_what_and_where() {
    let cases: &[(&str, String)] = &[
        ("unknown key", format!("{HEAD}spec:\n  exposure: internet\n  lsit: [a]\n")),
        ("unknown key, nothing near", format!("{HEAD}spec:\n  exposure: internet\n  zzzzzzzz: [a]\n")),
        ("unknown value", format!("{HEAD}spec:\n  exposure: intranet\n")),
        ("a list for a text", format!("{HEAD}spec:\n  exposure: [internet]\n")),
        ("a text for a number", format!("{HEAD}spec:\n  exposure: none\n  count: many\n")),
        ("a negative number", format!("{HEAD}spec:\n  exposure: none\n  count: -1\n")),
        ("a text for a list", format!("{HEAD}spec:\n  exposure: none\n  list: a\n")),
        ("a text for a mapping", format!("{HEAD}spec: none\n")),
        ("yes for true", format!("{HEAD}spec:\n  exposure: none\n  on: yes\n")),
        ("missing key", format!("{HEAD}spec: {{ count: 1 }}\n")),
        ("duplicate key", format!("{HEAD}spec:\n  exposure: none\n  exposure: internet\n")),
        ("merge key", format!("{HEAD}spec:\n  <<: {{ exposure: none }}\n")),
        ("unclosed bracket", format!("{HEAD}spec:\n  list: [a, b\n  exposure: none\n")),
        ("tab", format!("{HEAD}spec:\n\texposure: none\n")),
        ("bad indentation", format!("{HEAD}spec:\n  exposure: none\n count: 1\n")),
        ("unknown anchor", format!("{HEAD}spec:\n  exposure: *none\n")),
        ("no apiVersion", "kind: Service\n".to_owned()),
        ("no kind", "apiVersion: ligase.dev/v1\n".to_owned()),
        ("other apiVersion", HEAD.replace("v1", "v2")),
        ("other kind", HEAD.replace("Service", "Organisation")),
        ("kind is a list", HEAD.replace("Service", "[Service]")),
        ("empty", String::new()),
        ("only a comment", "# nothing\n".to_owned()),
        ("a bare text", "hello\n".to_owned()),
        ("a list", "- a\n- b\n".to_owned()),
        ("two documents", format!("{HEAD}spec: {{ exposure: none }}\n---\n{HEAD}spec: {{ exposure: none }}\n")),
        ("a key that paints", format!("{HEAD}spec:\n  exposure: none\n  \"\\e[31mred\\u202E\": 1\n")),
    ];
    let told: Vec<String> = cases.iter().map(|(name, text)| format!("{name}\n  {}", refusal(text))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn bytes_that_are_no_text_are_told_where() {
    let error = read(b"apiVersion: ligase.dev/v1\nkind: \xff\n").expect_err("not UTF-8");
    assert_eq!((error.code.as_str(), error.line, error.column), ("E-DNA-NOT-UTF8", 2, 7));
}

#[test]
fn a_large_document_is_refused_unread() {
    let text = format!("{HEAD}# {}\n", "x".repeat(MAX_BYTES));
    assert_eq!(read(text.as_bytes()).expect_err("too large").code, "E-DNA-TOO-LARGE");
}

#[test]
fn aliases_do_not_explode() {
    let mut text = HEAD.to_owned() + "spec:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for n in 1..12 {
        let many = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("  a{n}: &a{n} [{many}]\n"));
    }
    let error = read(text.as_bytes()).expect_err("a bomb");
    assert!(error.code == "E-DNA-BEYOND-BOUNDS", "{error}");
}

#[test]
fn nesting_does_not_overflow_the_stack() {
    let flow = format!("{HEAD}spec: {}", "[".repeat(100_000));
    let closed = format!("{HEAD}spec: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let maps = format!("{HEAD}spec: {}", "{a: ".repeat(100_000));
    let block = format!("{HEAD}spec: {}", "- ".repeat(100_000));
    let mut indented = HEAD.to_owned();
    (0..1_200).for_each(|n| indented.push_str(&format!("{}a:\n", " ".repeat(n))));
    for text in [flow, closed, maps, block, indented] {
        assert!(read(text.as_bytes()).is_err());
    }
}

#[test]
fn a_stream_gives_every_document_or_the_first_refusal() {
    let one = format!("{HEAD}spec: {{ exposure: none }}\n");
    let good = format!("{one}---\n{one}");
    let all: Vec<Sample> = read_many("f.yaml", good.as_bytes(), API_VERSION, "Service").unwrap();
    assert_eq!(all.len(), 2);
    let bad = format!("{one}---\n{}", one.replace("Service", "Kind"));
    let error = read_many::<Sample>("f.yaml", bad.as_bytes(), API_VERSION, "Service").expect_err("kind");
    assert_eq!((error.code.as_str(), error.line), ("E-DNA-WRONG-KIND", 7));
}
