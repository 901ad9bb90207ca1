//! What somebody may put into a repository to stop a sweep, to hide something, or to break what is said of others. Each is
//! looked at beside a control tree without it: everything else must be judged to the same rows, within a bounded time, and
//! what could not be looked at must be said with a stable reason. The snapshots hold those words.

use insta::assert_snapshot;
use ligase_tests::{Bare, Organisation, command, dna, finding_rows, git, program, service_files, write_tree};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// A sweep of two small services takes a second; nothing hostile may make it ten times that.
const BOUND: Duration = Duration::from_secs(15);

/// What a sweep said of an organisation that has something hostile in it.
struct Seen {
    code: i32,
    sweep: Value,
    findings: Vec<Value>,
    took: Duration,
}

fn look(organisation: &Organisation) -> Seen {
    let run = organisation.run(&["sweep", "--plan", "--json"]);
    let sweep = run.json();
    assert!(run.took < BOUND, "{:?}", run.took);
    Seen { code: run.code, sweep, findings: organisation.findings("all"), took: run.took }
}

/// Two services, `other` and `victim`; `change` makes the second hostile. What is said of it that is not said of a `victim`
/// that nobody touched; everything said of `other` must be the same.
fn against_control(change: impl FnOnce(&Path), damage: impl FnOnce(&Bare)) -> String {
    let with_services = |change: Box<dyn FnOnce(&Path) + '_>| {
        let organisation = Organisation::empty();
        organisation.repository_of("other", |folder| write_tree(folder, &service_files("other")));
        let victim = organisation.repository_of("victim", |folder| {
            write_tree(folder, &service_files("victim"));
            change(folder);
        });
        (organisation, victim)
    };
    let (control, _) = with_services(Box::new(|_| ()));
    let (organisation, victim) = with_services(Box::new(change));
    damage(&victim);
    let (control, hostile) = (look(&control), look(&organisation));
    assert_eq!(control.code, 1, "the control tree has findings and nothing else");
    assert!(hostile.took < control.took * 10 + Duration::from_secs(2), "{:?} beside {:?}", hostile.took, control.took);
    let of = |seen: &Seen, service: &str| -> Vec<Value> {
        seen.findings.iter().filter(|f| f["service_name"] == service).cloned().collect()
    };
    assert_eq!(finding_rows(&of(&hostile, "other")), finding_rows(&of(&control, "other")), "what is said of others");
    said(&organisation, &hostile, &of(&control, "victim"), &of(&hostile, "victim"))
}

/// The differences, and the sweep's own words, with nothing in them that changes from run to run.
fn said(organisation: &Organisation, hostile: &Seen, control: &[Value], victim: &[Value]) -> String {
    let (before, after) = (finding_rows(control), finding_rows(victim));
    let mut lines = vec![format!("exit {}", hostile.code)];
    for problem in ["unreachable", "problems"] {
        lines.extend(hostile.sweep[problem].as_array().unwrap().iter().map(|p| format!("{problem}: {p}")));
    }
    // Messages are kept where they are about what could not be looked at; the others are the catalog's words.
    let row = |f: &Value| {
        let unread = f["reason"].as_str().is_some_and(|r| r.starts_with("file-"));
        let keys = ["clause", "symbol", "outcome", "reason", "path", "message"];
        let told = |k: &&&str| f[**k].as_str().is_some_and(|v| !v.is_empty()) && (unread || **k != "message");
        let words = keys.iter().filter(told).map(|k| format!("{k}={}", f[*k].as_str().unwrap_or_default()));
        words.collect::<Vec<_>>().join(" ")
    };
    let changed = |of: &[Value], other: &[String], mark: &str| {
        let missing = |f: &&Value| !other.contains(&finding_rows(std::slice::from_ref(f))[0]);
        let mut rows: Vec<String> = of.iter().filter(missing).map(|f| format!("{mark} {}", row(f))).collect();
        rows.sort();
        rows
    };
    lines.extend(changed(control, &after, "-"));
    lines.extend(changed(victim, &before, "+"));
    redact(organisation, &lines.join("\n"))
}

fn redact(organisation: &Organisation, text: &str) -> String {
    text.replace(organisation.path().to_str().unwrap(), "[organisation]")
}

fn nothing(_: &Bare) {}

fn add<'a>(path: &'a str, bytes: impl AsRef<[u8]> + 'a) -> impl FnOnce(&Path) + 'a {
    move |folder| fs::write(folder.join(path), bytes).unwrap()
}

#[test]
fn two_hundred_thousand_nested_brackets_cost_one_file() {
    let nested = format!("x = {}{}\n", "[".repeat(200_000), "]".repeat(200_000));
    assert_snapshot!("nested_brackets", against_control(add("nested.py", nested), nothing));
}

#[test]
fn two_hundred_thousand_nested_blocks_of_terraform_cost_one_file() {
    let nested = format!("locals {{\n  x = {}1{}\n}}\n", "[".repeat(200_000), "]".repeat(200_000));
    assert_snapshot!("nested_terraform", against_control(add("nested.tf", nested), nothing));
}

#[test]
fn brackets_nested_over_many_lines_cost_one_file() {
    let nested = format!("x = {}{}\n", "[\n".repeat(100_000), "]\n".repeat(100_000));
    assert_snapshot!("nested_lines", against_control(add("nested.py", nested), nothing));
}

/// Commits one blob under several names on top of `main`. Git reads, hashes and packs it once.
fn commit_blob(bare: &Bare, blob: &Path, names: &[&str]) {
    let quickly = ["-c", "core.compression=1", "-c", "core.bigFileThreshold=4m"];
    let oid = git(&bare.path, &[&quickly[..], &["hash-object", "-w", blob.to_str().unwrap()]].concat());
    git(&bare.path, &["read-tree", "main"]);
    for name in names {
        git(&bare.path, &["update-index", "--add", "--cacheinfo", &format!("100644,{oid},{name}")]);
    }
    let tree = git(&bare.path, &["write-tree"]);
    let commit = git(&bare.path, &["commit-tree", &tree, "-p", "main", "-m", "large"]);
    git(&bare.path, &["update-ref", "refs/heads/main", &commit]);
}

#[test]
fn blobs_of_three_hundred_megabytes_are_not_read() {
    let large = |bare: &Bare| {
        let zeros = bare.path.join("zeros");
        fs::File::create(&zeros).unwrap().set_len(300 << 20).unwrap();
        commit_blob(bare, &zeros, &["zeros.py", "zeros.tf"]);
        fs::remove_file(zeros).unwrap();
    };
    assert_snapshot!("large_blobs", against_control(|_| (), large));
}

#[test]
fn a_flat_array_of_a_hundred_thousand_elements_is_told_apart_from_nesting() {
    let elements: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    let one_line = format!("x = [{}]\n", elements.join(", "));
    assert_snapshot!("flat_array", against_control(add("flat.py", one_line), nothing));
    let many_lines = format!("x = [\n    {},\n]\n", elements.join(",\n    "));
    assert_snapshot!("flat_array_of_lines", against_control(add("flat.py", many_lines), nothing));
}

#[test]
fn a_file_that_is_not_utf8_costs_that_file() {
    assert_snapshot!("not_utf8", against_control(add("latin.py", b"name = \"\xff\xfe\"\nprint(name)\n"), nothing));
}

#[test]
fn nul_bytes_and_a_syntax_error_hide_nothing_else() {
    let hostile = |folder: &Path| {
        fs::write(folder.join("nul.py"), b"x = 1\0\nprint(x)\n").unwrap();
        fs::write(folder.join("broken.py"), b"def (:\n  return ]\n").unwrap();
        fs::write(folder.join("broken.tf"), b"resource \"aws_db_instance\" {{{\n").unwrap();
    };
    assert_snapshot!("broken_files", against_control(hostile, nothing));
}

#[test]
fn links_in_a_circle_and_out_of_the_repository_are_not_followed() {
    let circle = |folder: &Path| {
        symlink("b", folder.join("a")).unwrap();
        symlink("a", folder.join("b")).unwrap();
        symlink(".", folder.join("self")).unwrap();
        symlink("/etc/passwd", folder.join("secret.py")).unwrap();
        symlink("../../../../../etc", folder.join("outside")).unwrap();
    };
    assert_snapshot!("links", against_control(circle, nothing));
}

#[test]
fn a_link_in_place_of_the_declaration_is_not_followed() {
    let link = |folder: &Path| {
        fs::rename(folder.join("dna.yaml"), folder.join("elsewhere.yaml")).unwrap();
        symlink("elsewhere.yaml", folder.join("dna.yaml")).unwrap();
    };
    assert_snapshot!("declaration_link", against_control(link, nothing));
}

#[test]
fn a_declaration_that_is_no_yaml_is_named_with_its_place() {
    let malformed = "apiVersion: ligase.dev/v1\nkind: Service\nmetadata:\n  name: [victim\nspec: {\n";
    assert_snapshot!("malformed_declaration", against_control(add("dna.yaml", malformed), nothing));
}

#[test]
fn a_declaration_that_explodes_or_nests_is_refused() {
    let levels: String = (1..12).map(|n| format!("  k{n}: &k{n} [{}]\n", format!("*k{}, ", n - 1).repeat(9))).collect();
    let bomb = format!(
        "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: {{ name: victim }}\nspec:\n  k0: &k0 [a]\n{levels}"
    );
    assert_snapshot!("alias_bomb", against_control(add("dna.yaml", bomb), nothing));
    let deep =
        format!("apiVersion: ligase.dev/v1\nkind: Service\nspec: {}{}\n", "[".repeat(50_000), "]".repeat(50_000));
    assert_snapshot!("deep_declaration", against_control(add("dna.yaml", deep), nothing));
}

#[test]
fn an_unknown_framework_is_named_with_the_nearest() {
    let unknown = dna("victim", "").replace("[soc2]", "[soc2, hippa]");
    assert_snapshot!("unknown_framework", against_control(add("dna.yaml", unknown), nothing));
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    assert_snapshot!("unknown_key", against_control(add("dna.yaml", dna("victim", "  exposre: internal\n")), nothing));
}

#[test]
fn a_repository_without_a_commit_is_said_and_stops_no_other() {
    let organisation = Organisation::empty();
    organisation.repository_of("other", |folder| write_tree(folder, &service_files("other")));
    let control = look(&organisation);
    organisation.bare_without_commit("empty");
    let seen = look(&organisation);
    assert_eq!(finding_rows(&seen.findings), finding_rows(&control.findings));
    assert_snapshot!("empty_repository", said(&organisation, &seen, &[], &[]));
}

/// Damages the stored object of a path: loose objects are read-only files.
fn corrupt(bare: &Bare, revision: &str) {
    let oid = git(&bare.path, &["rev-parse", revision]);
    let file = bare.path.join("objects").join(&oid[..2]).join(&oid[2..]);
    let mut bytes = fs::read(&file).expect("the object is loose");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    bytes[middle + 1] ^= 0xff;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
}

#[test]
fn a_damaged_file_is_not_believed_and_costs_no_other_repository() {
    assert_snapshot!("corrupt_blob", against_control(|_| (), |bare| corrupt(bare, "main:main.py")));
}

#[test]
fn a_damaged_folder_costs_its_repository_and_no_other() {
    assert_snapshot!("corrupt_tree", against_control(|_| (), |bare| corrupt(bare, "main^{tree}")));
}

#[test]
fn a_damaged_commit_costs_its_repository_and_no_other() {
    assert_snapshot!("corrupt_commit", against_control(|_| (), |bare| corrupt(bare, "main^{commit}")));
}

#[test]
fn a_damaged_declaration_is_not_taken_for_an_absent_one() {
    assert_snapshot!("corrupt_declaration", against_control(|_| (), |bare| corrupt(bare, "main:dna.yaml")));
}

#[test]
fn a_file_whose_object_holds_another_files_bytes_is_not_believed() {
    let swap = |bare: &Bare| {
        let at = |path: &str| {
            let oid = git(&bare.path, &["rev-parse", &format!("main:{path}")]);
            bare.path.join("objects").join(&oid[..2]).join(&oid[2..])
        };
        fs::remove_file(at("main.py")).unwrap();
        fs::copy(at("guards.py"), at("main.py")).unwrap();
    };
    assert_snapshot!("swapped_blob", against_control(|_| (), swap));
}

#[test]
fn a_missing_file_is_said() {
    let remove = |bare: &Bare| {
        let oid = git(&bare.path, &["rev-parse", "main:main.py"]);
        fs::remove_file(bare.path.join("objects").join(&oid[..2]).join(&oid[2..])).unwrap();
    };
    assert_snapshot!("missing_blob", against_control(|_| (), remove));
}

/// What a sweep with another policy or state says: its exit code and its words.
fn with_policy(policy: impl FnOnce(&Organisation)) -> String {
    let organisation = Organisation::empty();
    organisation.repository_of("other", |folder| write_tree(folder, &service_files("other")));
    policy(&organisation);
    let run = organisation.run(&["sweep", "--plan", "--json"]);
    assert!(run.took < BOUND, "{:?}", run.took);
    let said = run.json();
    let mut lines = vec![format!("exit {}", run.code)];
    if said["error"].is_null() {
        lines.push(format!("services: {}", said["services"]));
        for problem in ["unreachable", "problems"] {
            lines.extend(said[problem].as_array().unwrap().iter().map(|p| format!("{problem}: {p}")));
        }
    } else {
        lines.push(said["error"].to_string());
    }
    redact(&organisation, &lines.join("\n"))
}

fn policy_with(from: &str, to: &str) -> String {
    assert!(ligase_tests::POLICY.contains(from));
    with_policy(|organisation| organisation.policy(&ligase_tests::POLICY.replace(from, to)))
}

#[test]
fn a_policy_that_cannot_be_read_is_bad_input_with_a_place_and_a_remedy() {
    assert_snapshot!("policy_unknown_key", policy_with("floor:", "flor:"));
    assert_snapshot!("policy_unknown_floor", policy_with("no-sensitive-in-logs", "no-sensitive-in-log"));
    assert_snapshot!("policy_malformed", policy_with("sources:", "sources: ["));
    assert_snapshot!(
        "policy_absent",
        with_policy(|o| fs::remove_file(o.path().join("organisation/organisation.yaml")).unwrap())
    );
}

#[test]
fn a_source_that_is_not_there_is_said_and_stops_no_other() {
    let absent = policy_with(
        "    - directory: ../repositories",
        "    - directory: ../nowhere\n    - directory: ../repositories",
    );
    assert_snapshot!("absent_directory", absent);
}

#[test]
fn a_server_that_refuses_connections_is_said_and_stops_no_other() {
    // Port 1 of this machine: nothing listens there, and nothing leaves the machine.
    let refused = policy_with("    - directory:", "    - git: [\"http://127.0.0.1:1/x.git\"]\n    - directory:");
    assert_snapshot!("refused_connection", refused);
}

#[test]
fn a_state_that_cannot_be_written_is_said_before_anything_is_looked_at() {
    assert_snapshot!("state_is_a_file", with_policy(|o| fs::write(o.state(), b"").unwrap()));
    let link = |o: &Organisation| {
        fs::write(o.path().join("file"), b"").unwrap();
        symlink("file/state", o.state()).unwrap();
    };
    assert_snapshot!("state_below_a_file", with_policy(link));
    assert_snapshot!("state_in_proc", with_policy(|o| symlink("/proc/ligase", o.state()).unwrap()));
}

#[test]
fn a_read_only_state_is_said() {
    let organisation = Organisation::empty();
    fs::create_dir(organisation.state()).unwrap();
    // A read-only mount holds for root too, and in a namespace of its own it is gone with its last process. Where the
    // machine allows none, there is nothing to see.
    let script = "mount --bind state state && mount -o remount,ro,bind state || exit 77; exec \"$@\"";
    let sweep = ["sweep", "--plan", "--json", "--org", "organisation/organisation.yaml", "--state", "state"];
    let mut namespace = command("unshare");
    namespace.args(["--mount", "sh", "-c", script, "sh"]).arg(program()).args(sweep).current_dir(organisation.path());
    let Ok(ran) = namespace.output() else { return };
    if !ran.status.success() && ran.stdout.is_empty() {
        return;
    }
    let said: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.status.code(), said["error"]["code"].as_str()), (Some(3), Some("E-STORE-READ-ONLY")), "{said:#}");
}

#[test]
fn a_bad_repository_among_many_stops_none_of_them() {
    let organisation = Organisation::empty();
    for name in ["a", "b", "d", "e"] {
        organisation.repository_of(name, |folder| write_tree(folder, &service_files(name)));
    }
    let control = look(&organisation);
    organisation.bare_without_commit("c");
    fs::create_dir_all(organisation.path().join("repositories/f.git")).unwrap();
    fs::write(organisation.path().join("repositories/f.git/HEAD"), b"nonsense").unwrap();
    fs::write(organisation.path().join("repositories/not-a-folder"), b"x").unwrap();
    let damaged = organisation.repository_of("g", |folder| write_tree(folder, &service_files("g")));
    corrupt(&damaged, "main^{tree}");
    let seen = look(&organisation);
    let rows: Vec<Value> = seen.findings.iter().filter(|f| f["service_name"] != "g").cloned().collect();
    assert_eq!(finding_rows(&rows), finding_rows(&control.findings));
    assert_snapshot!("many", said(&organisation, &seen, &[], &[]));
    let again = look(&organisation);
    assert_eq!(
        (again.code, &again.sweep["unreachable"]),
        (seen.code, &seen.sweep["unreachable"]),
        "said again by the next sweep"
    );
}
