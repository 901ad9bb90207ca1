//! What helps a person at their own working tree: `fix`, `init`, `doctor`, the forms of `check`, and the hook. Each is tried
//! on real files with the built binary, and what must not be written is looked for.

use ligase_tests::{Bare, Run, command, dna, git, ligase, ligase_in, program, service_files, write_tree};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The small service in a git working tree with one commit.
fn committed() -> TempDir {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(folder.path(), &["add", "--all"]);
    git(folder.path(), &["commit", "--quiet", "--message", "as it stands"]);
    folder
}

fn by_symbol<'a>(document: &'a Value, symbol: &str) -> &'a Value {
    let all = document["findings"].as_array().unwrap();
    all.iter().find(|f| f["symbol"] == symbol).unwrap_or_else(|| panic!("{symbol} in {document:#}"))
}

fn changed(folder: &Path) -> Vec<String> {
    git(folder, &["status", "--porcelain"]).lines().map(str::to_owned).collect()
}

#[test]
fn fix_prints_for_each_finding_a_patch_that_git_applies_or_says_why_not() {
    let folder = committed();
    let run = ligase_in(folder.path(), &["fix", ".", "--json"]).code(1);
    assert!(changed(folder.path()).is_empty(), "it touches nothing");
    let document = run.json();
    assert_eq!(document["findings"].as_array().unwrap().len(), 3);
    for finding in document["findings"].as_array().unwrap() {
        let symbol = finding["symbol"].as_str().unwrap();
        assert_eq!(finding["patch"].is_null(), !finding["abstained"].is_null(), "{finding:#}");
        let Some(patch) = finding["patch"].as_str() else {
            let abstained = &finding["abstained"];
            assert!(abstained["reason"].is_string() && abstained["detail"].is_string(), "{finding:#}");
            assert_eq!(abstained["owner"], "@team/plain");
            continue;
        };
        assert!(finding["effect"].is_string());
        let gate = finding["gate"].as_array().unwrap();
        assert!(gate.len() >= 13 && gate.iter().all(|c| c["verdict"] != "refused"), "{finding:#}");
        let file = folder.path().join(".git/a.patch");
        fs::write(&file, patch).unwrap();
        git(folder.path(), &["apply", "--check", file.to_str().unwrap()]);
        git(folder.path(), &["apply", file.to_str().unwrap()]);
        let left = ligase_in(folder.path(), &["check", ".", "--json"]).json();
        assert_eq!(by_symbol(&left, symbol)["outcome"], "satisfied");
        git(folder.path(), &["checkout", "--quiet", "."]);
    }
    let patched = document["findings"].as_array().unwrap().iter().filter(|f| f["patch"].is_string()).count();
    assert!(patched >= 2, "{document:#}");
}

#[test]
fn fix_writes_what_the_gate_let_through_and_leaves_a_plan_until_it_is_named() {
    let folder = committed();
    fs::set_permissions(folder.path().join("main.py"), fs::Permissions::from_mode(0o755)).unwrap();
    let run = ligase_in(folder.path(), &["fix", ".", "--json", "--write"]).code(1);
    let document = run.json();
    let endpoint = by_symbol(&document, "GET /people/{person_id}");
    assert_eq!(endpoint["written"], true, "{endpoint:#}");
    let database = by_symbol(&document, "aws_db_instance.records");
    assert_eq!(
        (&database["effect"], &database["written"], &database["written_note"]),
        (&"forces-replacement".into(), &false.into(), &"needs-a-plan".into())
    );
    assert!(database["plan"].as_str().unwrap().contains("aws_db_instance.records"), "{database:#}");
    assert!(fs::read_to_string(folder.path().join("storage.tf")).unwrap().contains("= false"));
    let mode = fs::metadata(folder.path().join("main.py")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing is left beside the files");

    let id = &database["id"].as_str().unwrap()[..12];
    ligase_in(folder.path(), &["fix", ".", "--finding", id, "--write"]).code(0);
    assert!(fs::read_to_string(folder.path().join("storage.tf")).unwrap().contains("= true"));
    let left = ligase_in(folder.path(), &["check", ".", "--json"]).json();
    assert_eq!(by_symbol(&left, "aws_db_instance.records")["outcome"], "satisfied");
    assert_eq!(by_symbol(&left, "GET /people/{person_id}")["outcome"], "satisfied");
    let again = ligase_in(folder.path(), &["fix", ".", "--finding", id, "--write"]).code(2);
    assert!(again.err.contains("E-FIX-FINDING") && again.err.contains("satisfied"), "{}", again.err);
}

#[test]
fn a_patch_that_breaks_the_services_own_tests_is_refused_and_another_is_not() {
    let doctor = ligase(&["doctor", "--json"]).json();
    let walls = doctor["checks"].as_array().unwrap().iter().find(|c| c["what"] == "sandbox").unwrap();
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    let verify = "  verify: { command: [python3, \"-m\", unittest, discover, \"-s\", tests] }\n";
    let test = "import unittest\n\n\nclass Lines(unittest.TestCase):\n    def test_the_line_is_read_by_another_job(self):\n        \
                with open(\"main.py\") as source:\n            self.assertIn('logger.info(\"hello %s\", email)', source.read())\n";
    write_tree(folder.path(), &[("dna.yaml", dna("plain", verify).as_str()), ("tests/test_lines.py", test)]);
    let verdict = |finding: &Value| {
        let gate = finding["gate"].as_array().unwrap();
        gate.iter().find(|c| c["check"] == "verify").map(|c| c["verdict"].clone())
    };
    let run = ligase_in(folder.path(), &["fix", ".", "--json"]).code(1).json();
    let endpoint = by_symbol(&run, "GET /people/{person_id}");
    let log = by_symbol(&run, "greet: logger.info");
    if walls["state"] == "ok" {
        assert_eq!(verdict(endpoint), Some("passed".into()), "{endpoint:#}");
        assert_eq!((verdict(log), &log["patch"]), (Some("refused".into()), &Value::Null), "{log:#}");
        assert_eq!(log["abstained"]["reason"], "refused: verify-worse");
        assert!(log["candidate"].is_string());
    } else {
        assert_eq!(verdict(endpoint), Some("unverified".into()), "{endpoint:#}");
    }
    let without = ligase_in(folder.path(), &["fix", ".", "--json", "--no-verify"]).code(1).json();
    let log = by_symbol(&without, "greet: logger.info");
    assert_eq!(verdict(log), Some("unverified".into()));
    assert!(log["patch"].is_string());
}

#[test]
fn patches_of_one_file_are_applied_one_after_another() {
    let folder = committed();
    let main = folder.path().join("main.py");
    let text = fs::read_to_string(&main).unwrap();
    let more = "@router.get(\"/notes\")\ndef notes() -> dict[str, str]:\n    return {}\n\n\ndef greet";
    fs::write(&main, text.replace("def greet", more)).unwrap();
    let run = ligase_in(folder.path(), &["fix", ".", "--json", "--write"]).code(1);
    for symbol in ["GET /people/{person_id}", "GET /notes"] {
        assert_eq!(by_symbol(&run.json(), symbol)["written"], true, "{}", run.out);
    }
    let left = ligase_in(folder.path(), &["check", ".", "--json"]).json();
    for symbol in ["GET /people/{person_id}", "GET /notes"] {
        assert_eq!(by_symbol(&left, symbol)["outcome"], "satisfied");
    }
    assert_eq!(changed(folder.path()), [" M main.py"]);
}

#[test]
fn fix_with_a_base_is_about_the_change_alone() {
    let folder = committed();
    ligase_in(folder.path(), &["fix", ".", "--base", "HEAD"]).code(0);
    let main = folder.path().join("main.py");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(&main, text.replace(", dependencies=[Depends(current_user)]", "")).unwrap();
    let run = ligase_in(folder.path(), &["fix", ".", "--base", "HEAD", "--json"]).code(1);
    let symbols: Vec<_> = run.json()["findings"].as_array().unwrap().iter().map(|f| f["symbol"].clone()).collect();
    assert_eq!(symbols, ["GET /visits"]);
}

#[test]
fn fix_refuses_what_it_cannot_write() {
    let folder = TempDir::new().unwrap();
    let bare = Bare::make(folder.path().join("plain.git"));
    let files = TempDir::new().unwrap();
    write_tree(files.path(), &service_files("plain"));
    ligase_tests::commit_tree(&bare.path, files.path(), "main", "as it stands");
    let path = bare.path.to_str().unwrap();
    assert_eq!(ligase(&["fix", path, "--json"]).code(1).json()["findings"].as_array().unwrap().len(), 3);
    assert!(ligase(&["fix", path, "--write"]).code(2).err.contains("E-FIX-BARE"));
    assert!(ligase(&["fix", path, "--finding", "zz"]).code(2).err.contains("E-FIX-FINDING"));
}

#[test]
fn each_form_of_check_tells_of_the_same_findings_and_ends_the_same() {
    let folder = committed();
    let form = |name: &str| ligase_in(folder.path(), &["check", ".", "--format", name]).code(1);
    let json = form("json");
    assert_eq!(json.out, ligase_in(folder.path(), &["check", ".", "--json"]).code(1).out, "--json is the same");
    let open: Vec<Value> = json.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["outcome"] == "not-satisfied")
        .cloned()
        .collect();
    assert_eq!(open.len(), 3);

    let sarif = form("sarif").json();
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let fails: Vec<&Value> = run["results"].as_array().unwrap().iter().filter(|r| r["kind"] == "fail").collect();
    assert_eq!((fails.len(), &sarif["version"]), (3, &"2.1.0".into()));
    for finding in &open {
        let same = |r: &&&Value| r["partialFingerprints"]["ligaseFinding/v1"] == finding["id"];
        let result = fails.iter().find(same).unwrap();
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
            (&finding["path"], &finding["line"])
        );
        assert_eq!(rules[result["ruleIndex"].as_u64().unwrap() as usize]["id"], finding["clause"]);
    }

    let junit = form("junit").out;
    assert_eq!(junit.matches("<failure ").count(), 3, "{junit}");
    assert!(junit.contains("<testsuites name=\"ligase\"") && junit.trim_end().ends_with("</testsuites>"));

    let lines = form("annotations").out;
    assert_eq!(lines.lines().filter(|l| l.starts_with("::error file=")).count(), 3, "{lines}");
    assert!(lines.lines().all(|l| l.starts_with("::error ") || l.starts_with("::notice ")), "{lines}");
    ligase_in(folder.path(), &["check", ".", "--json", "--format", "sarif"]).code(2);
}

#[test]
fn a_declaration_that_does_not_read_is_told_in_every_form() {
    let folder = TempDir::new().unwrap();
    write_tree(
        folder.path(),
        &[("dna.yaml", "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: { name: a }\nspec: { exposures: none }\n")],
    );
    let form = |name: &str| ligase_in(folder.path(), &["check", ".", "--format", name]).code(2).out;
    assert!(form("annotations").starts_with("::error file=dna.yaml,line=4,"));
    assert!(form("junit").contains("<error message=\"E-DNA-UNKNOWN-KEY"));
    let sarif: Value = serde_json::from_str(&form("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn init_proposes_what_it_saw_and_the_proposal_is_a_declaration() {
    let folder = TempDir::new().unwrap();
    let files: Vec<_> = service_files("plain").into_iter().filter(|(path, _)| *path != "dna.yaml").collect();
    write_tree(folder.path(), &files);
    write_tree(
        folder.path(),
        &[
            ("pyproject.toml", "[project]\nname = \"people-api\"\ndependencies = [\"fastapi\", \"pytest\"]\n"),
            (".github/CODEOWNERS", "* @acme/people\n"),
            ("infra/main.tf", "provider \"aws\" {\n  region = \"eu-west-1\"\n}\n"),
            (
                "models.py",
                "from sqlalchemy import Column, String\nfrom sqlalchemy.orm import declarative_base\n\nBase = declarative_base()\n\n\nclass Person(Base):\n    __tablename__ = \"person\"\n    id = Column(String, primary_key=True)\n    email = Column(String)\n    date_of_birth = Column(String)\n",
            ),
        ],
    );
    let shown = ligase_in(folder.path(), &["init", ".", "--json"]).code(0).json();
    assert!(!folder.path().join("dna.yaml").exists(), "it writes nothing unasked");
    let lines = shown["services"][0]["lines"].as_array().unwrap();
    let value = |key: &str| lines.iter().find(|l| l["key"] == key).map(|l| l["value"].clone()).unwrap();
    assert_eq!(value("metadata.name"), "people-api");
    assert_eq!(value("metadata.owner"), "\"@acme/people\"");
    assert_eq!(value("spec.data"), "class: pii");
    assert_eq!(value("spec.residency"), "eu");
    assert_eq!(value("spec.exposure"), "internet");
    assert_eq!(value("spec.verify.command"), "[python3, \"-m\", pytest, \"-q\"]");
    assert!(value("spec.frameworks").is_null() && value("spec.identity").is_null(), "people decide: {shown:#}");
    assert!(lines.iter().all(|l| !l["reason"].as_str().unwrap().is_empty()));

    ligase_in(folder.path(), &["init", ".", "--write"]).code(0);
    let judged = ligase_in(folder.path(), &["check", ".", "--json"]).code(1).json();
    assert!(judged["problems"].as_array().unwrap().is_empty());
    assert_eq!(by_symbol(&judged, "GET /people/{person_id}")["outcome"], "not-satisfied", "it asks for what it saw");
    let before = fs::read_to_string(folder.path().join("dna.yaml")).unwrap();
    ligase_in(folder.path(), &["init", ".", "--write"]).code(0);
    assert_eq!(fs::read_to_string(folder.path().join("dna.yaml")).unwrap(), before, "never overwritten");
}

#[test]
fn init_finds_the_services_of_a_monorepo_and_of_a_folder_of_repositories() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("shop");
    for service in ["services/pay", "services/mail"] {
        let files: Vec<_> = service_files("x").into_iter().filter(|(path, _)| *path != "dna.yaml").collect();
        write_tree(&root.join(service), &files);
        write_tree(&root.join(service), &[("requirements.txt", "fastapi\n")]);
    }
    write_tree(
        &root,
        &[
            ("infra/main.tf", "provider \"aws\" {\n  region = \"us-east-1\"\n}\n"),
            ("services/mail/dna.yaml", &dna("mail", "")),
        ],
    );
    git(&root, &["init", "--quiet", "--initial-branch=main"]);
    let shown = ligase_in(&root, &["init", ".", "--json"]).code(0).json();
    let folders: Vec<_> = shown["services"].as_array().unwrap().iter().map(|s| s["folder"].clone()).collect();
    assert_eq!(folders, ["", "services/pay"], "{shown:#}");
    assert_eq!(shown["declared"], serde_json::json!(["services/mail"]));

    let out = folder.path().join("out");
    let all = ["init", "--all", folder.path().to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"];
    let run = ligase(&all).code(0).json();
    assert_eq!(run["repositories"][0]["repository"], "shop");
    let mut names: Vec<_> =
        fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["shop-services-pay.yaml", "shop.yaml"]);
    let text = fs::read_to_string(out.join("shop-services-pay.yaml")).unwrap();
    assert!(text.contains("repository: shop") && text.contains("folder: services/pay"), "{text}");
    ligase(&all).code(2);
    assert!(!root.join("dna.yaml").exists() && !root.join("services/pay/dna.yaml").exists());
}

#[test]
fn doctor_says_what_is_missing_and_what_to_do() {
    let folder = TempDir::new().unwrap();
    let run = ligase_in(folder.path(), &["doctor", "--json"]);
    let document = run.json();
    let checks = document["checks"].as_array().unwrap();
    for what in ["ligase", "catalog", "git", "sandbox", "clock", "state folder", "cache folder"] {
        let one = checks.iter().find(|c| c["what"] == what).unwrap_or_else(|| panic!("{what} in {document:#}"));
        assert_eq!(one["remedy"].is_null(), one["state"] == "ok", "{one:#}");
    }
    assert_eq!(run.code == 0, checks.iter().all(|c| c["state"] != "fail"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it makes nothing");
    fs::write(folder.path().join("state"), "").unwrap();
    let broken = ligase_in(folder.path(), &["doctor", "--json", "--state", "state"]).code(1).json();
    assert_eq!(broken["ok"], false);
    fs::create_dir(folder.path().join("own")).unwrap();
    fs::create_dir(folder.path().join("own/constraints")).unwrap();
    fs::write(folder.path().join("own/constraints/a.yaml"), "kind: Nonsense\n").unwrap();
    ligase_in(folder.path(), &["doctor", "--catalog", "own"]).code(1);
}

#[test]
fn completions_are_code_that_its_shell_reads() {
    for shell in ["bash", "zsh", "fish"] {
        let run = ligase(&["completions", shell]).code(0);
        assert!(run.out.contains("changesets") && run.out.contains("--finding"), "{shell}: {}", run.out);
    }
    let script = ligase(&["completions", "bash"]).code(0).out;
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

/// The hook's own entry, as pre-commit runs it: in the repository, with what is staged in the working tree.
fn hook(folder: &Path) -> Run {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".pre-commit-hooks.yaml");
    let text = fs::read_to_string(file).unwrap();
    let entry = text.lines().find_map(|l| l.trim().strip_prefix("entry: ligase ")).unwrap().to_owned();
    ligase_in(folder, &entry.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn the_hook_stops_a_staged_change_that_opens_an_endpoint_and_no_other() {
    let folder = committed();
    hook(folder.path()).code(0);
    let main = folder.path().join("main.py");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(&main, text.replace("def greet", "def harmless() -> None:\n    return None\n\n\ndef greet")).unwrap();
    git(folder.path(), &["add", "--all"]);
    hook(folder.path()).code(0);
    fs::write(&main, text.replace(", dependencies=[Depends(current_user)]", "")).unwrap();
    git(folder.path(), &["add", "--all"]);
    assert!(hook(folder.path()).code(1).out.contains("GET /visits"));
}

#[test]
fn what_was_seen_is_remembered_between_runs_and_changes_nothing() {
    let (folder, cache) = (committed(), TempDir::new().unwrap());
    let run = |remembers: bool| {
        let mut ligase = command(program());
        ligase.args(["check", ".", "--base", "HEAD", "--json"]).current_dir(folder.path());
        if remembers {
            ligase.env("LIGASE_CACHE", cache.path());
        }
        let out = ligase.output().unwrap();
        serde_json::from_slice::<Value>(&out.stdout).unwrap()
    };
    let without = run(false);
    let (cold, warm) = (run(true), run(true));
    assert_eq!(cold["findings"], without["findings"]);
    assert_eq!((&warm["findings"], &warm["unchanged"]), (&without["findings"], &without["unchanged"]));
    assert_eq!(warm["population"]["files_looked_at"], 0);
    let kept = fs::read_dir(cache.path().join("looks")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&kept).unwrap();
    let at = bytes.len() - 10;
    bytes[at] ^= 0x20;
    fs::write(&kept, &bytes).unwrap();
    let damaged = run(true);
    assert_eq!((&damaged["findings"], &damaged["unchanged"]), (&without["findings"], &without["unchanged"]));
}

#[test]
fn a_folder_of_a_repository_is_compared_with_the_same_folder_of_its_base() {
    let folder = TempDir::new().unwrap();
    write_tree(&folder.path().join("services/plain"), &service_files("plain"));
    write_tree(folder.path(), &[("README.md", "x\n")]);
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(folder.path(), &["add", "--all"]);
    git(folder.path(), &["commit", "--quiet", "--message", "as it stands"]);
    let below = folder.path().join("services/plain");
    let run = ligase_in(&below, &["check", ".", "--base", "HEAD", "--json"]).code(0);
    assert_eq!(run.json()["unchanged"].as_array().unwrap().len(), 3, "{}", run.out);
}
