//! What coding agents are told: the MCP server by a scripted client over its standard input and output, and the block in
//! AGENTS.md. Neither may change what it was not told to change.

use ligase_tests::{ligase_in, program, service_files, write_tree};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    id: u64,
}

impl Client {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(program());
        command.arg("mcp").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, input, output, id: 0 };
        let hello = client.ask(
            "initialize",
            &json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "script", "version": "1" } }),
        );
        assert_eq!(hello["result"]["serverInfo"]["name"], "ligase", "{hello}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn send(&mut self, message: &Value) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{message}").unwrap();
        input.flush().unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params }));
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], self.id);
        answer
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.ask("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// The document that a tool answered with.
    fn document(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.call(tool, arguments);
        let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
        serde_json::from_str(text).unwrap()
    }

    /// Closes the input; the server has to end by itself.
    fn close(mut self) -> bool {
        drop(self.input.take());
        self.child.wait().unwrap().success()
    }
}

fn service() -> TempDir {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    folder
}

/// Every file below a folder with its bytes.
fn bytes_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut open, mut all) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                all.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_scripted_client_learns_what_holds_and_what_does_not_and_nothing_changes() {
    let folder = service();
    let before = bytes_below(folder.path());
    let mut client = Client::start(folder.path());
    let tools = client.ask("tools/list", &json!({}));
    for tool in tools["result"]["tools"].as_array().unwrap() {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
    }
    let checked = client.document("check", &json!({}));
    let findings = checked["findings"].as_array().unwrap();
    let plain = ligase_in(folder.path(), &["check", ".", "--json"]).json();
    let open: Vec<&Value> =
        plain["findings"].as_array().unwrap().iter().filter(|f| f["outcome"] == "not-satisfied").collect();
    assert_eq!(findings.iter().collect::<Vec<_>>(), open);
    let path = findings[0]["path"].as_str().unwrap();
    let told = client.document("constraints_for_path", &json!({ "path": path }));
    let clause = told["clauses"].as_array().unwrap().iter().find(|c| c["clause"] == findings[0]["clause"]);
    let clause = clause.unwrap_or_else(|| panic!("{told:#}"));
    assert!(!clause["because"].as_array().unwrap().is_empty() && clause["rationale"].is_string());
    for example in ["does_not_hold", "holds"] {
        assert!(!clause[example]["files"].as_object().unwrap().is_empty(), "{clause:#}");
    }
    let shown = client.document("show_clause", &json!({ "clause": findings[0]["clause"] }));
    assert_eq!(shown["clauses"][0]["clause"], findings[0]["clause"]);
    assert!(client.close());
    assert_eq!(bytes_below(folder.path()), before);
}

#[test]
fn what_a_client_gets_wrong_is_an_answer_and_not_an_end() {
    let folder = service();
    let mut client = Client::start(folder.path());
    for (tool, arguments) in [
        ("constraints_for_path", json!({ "path": "../secrets" })),
        ("constraints_for_path", json!({ "path": "/etc/passwd" })),
        ("constraints_for_path", json!({})),
        ("constraints_for_path", json!({ "path": "x".repeat(10_000) })),
        ("show_clause", json!({ "clause": 7 })),
        ("delete_everything", json!({})),
    ] {
        let answer = client.call(tool, &arguments);
        assert_eq!(answer["error"]["code"], -32602, "{tool}: {answer}");
    }
    let answer = client.call("check", &json!({ "base": "no-such-branch" }));
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(client.document("check", &json!({}))["findings"].is_array());
    assert!(client.close());
}

#[test]
fn the_block_in_agents_md_follows_the_declaration_and_leaves_the_rest_alone() {
    let folder = service();
    let file = folder.path().join("AGENTS.md");
    let own = "# How we work\n\nSmall commits.\n";
    fs::write(&file, own).unwrap();
    ligase_in(folder.path(), &["render", "--check"]).code(1);
    ligase_in(folder.path(), &["render"]).code(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), own, "printing writes nothing");
    ligase_in(folder.path(), &["render", "--write"]).code(0);
    let first = fs::read_to_string(&file).unwrap();
    assert!(first.starts_with(own) && first.contains("authn-endpoints/guarded"), "{first}");
    ligase_in(folder.path(), &["render", "--check"]).code(0);
    ligase_in(folder.path(), &["render", "--write"]).code(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    let dna = folder.path().join("dna.yaml");
    let changed = fs::read_to_string(&dna).unwrap().replace("exposure: internet", "exposure: internal");
    fs::write(&dna, changed).unwrap();
    ligase_in(folder.path(), &["render", "--check"]).code(1);
    fs::write(&file, first.replace("<!-- ligase:end -->", "")).unwrap();
    let refused = ligase_in(folder.path(), &["render", "--write", "--json"]).code(2).json();
    assert_eq!(refused["error"]["code"], "E-RENDER-MARKS");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    ligase_in(folder.path(), &["render", "--write"]).code(2);
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
}
