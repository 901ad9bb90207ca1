//! `ops/` and `docs/operating.md` against the program: what they hold parses or renders, each command line and environment name
//! is the program's, each metric is one that is recorded. That an orchestrator would run it is not shown here.
//!
//! Helm's templates are kept so simple that `rendered` below can do what `helm template` would: values, `quote`, `toYaml` with
//! `nindent`, and `if` on lines of their own. Where there is a `helm`, it has to render them too.

use ligase_tests::program;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROLES: [&str; 3] = ["serve", "worker", "agent-runner"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace").to_path_buf()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let (mut folders, mut all) = (vec![root().join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { all.push(path) }
        }
    }
    all.sort();
    all
}

fn yaml(text: &str, what: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"))
}

/// What an expression of a template means.
fn meant(expression: &str, values: &Value) -> String {
    let mut parts = expression.split('|').map(str::trim);
    let name = parts.next().unwrap();
    let value = match name {
        ".Release.Name" => Value::from("ligase"),
        ".Release.Namespace" => Value::from("compliance"),
        name => {
            let path = name.strip_prefix("toYaml ").unwrap_or(name);
            let path = path.strip_prefix(".Values.").unwrap_or_else(|| panic!("{name} is more than this test knows"));
            let found = values.pointer(&format!("/{}", path.replace('.', "/")));
            found.unwrap_or_else(|| panic!("values.yaml has no {path}")).clone()
        }
    };
    let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match parts.next() {
        None => plain,
        Some("quote") => Value::from(plain).to_string(),
        // JSON is YAML.
        Some(indent) if name.starts_with("toYaml ") && indent.starts_with("nindent ") => {
            format!("\n            {value}")
        }
        Some(other) => panic!("{other} is more than this test knows"),
    }
}

fn rendered(template: &str, values: &Value) -> String {
    let (mut out, mut shown) = (String::new(), vec![true]);
    for line in template.lines() {
        let inner = line.trim().strip_prefix("{{- ").and_then(|l| l.strip_suffix(" }}"));
        if let Some(condition) = inner.and_then(|l| l.strip_prefix("if ")) {
            let holds = !matches!(meant(condition, values).as_str(), "" | "false" | "null" | "0");
            shown.push(holds && shown.last() == Some(&true));
        } else if inner == Some("end") {
            shown.pop();
        } else if shown.last() == Some(&true) {
            let mut rest = line;
            while let Some((before, after)) = rest.split_once("{{") {
                let (expression, after) = after.split_once("}}").expect("an expression ends on its line");
                out.push_str(before);
                out.push_str(&meant(expression.trim_start_matches('-').trim(), values));
                rest = after;
            }
            out.push_str(rest);
            out.push('\n');
        }
    }
    assert_eq!(shown, [true], "every if has its end");
    out
}

/// The chart's objects by kind and name, with everything optional switched on.
fn chart() -> BTreeMap<(String, String), Value> {
    let mut values = yaml(&text("ops/helm/ligase/values.yaml"), "values.yaml");
    values["zones"] = Value::from("eu,us");
    values["telemetry"]["otlp"] = Value::from("http://collector:4317");
    let templates = files("ops/helm/ligase/templates");
    let objects: BTreeMap<_, _> = templates
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let object = yaml(&rendered(&fs::read_to_string(path).unwrap(), &values), &name);
            let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).expect("named").to_owned();
            ((word("/kind"), word("/metadata/name")), object)
        })
        .collect();
    assert_eq!(objects.len(), templates.len(), "no two objects have one name");
    objects
}

fn run(arguments: &[String], environment: &BTreeMap<String, String>) -> Output {
    let mut command = Command::new(program());
    command.env_clear().envs(environment).args(arguments);
    command.output().unwrap()
}

/// Fails unless the program takes this command line, and for a role all of this environment.
fn is_taken(what: &str, arguments: &[String], environment: &BTreeMap<String, String>) {
    let mut arguments = arguments.to_vec();
    let is_role = arguments.iter().any(|a| ROLES.contains(&a.as_str()));
    // Everything before --help is parsed first; --dump-config needs what is required as well.
    arguments.extend(if is_role {
        vec!["--dump-config".to_owned(), "--json".to_owned()]
    } else {
        vec!["--help".into()]
    });
    let out = run(&arguments, environment);
    assert!(out.status.success(), "{what}: {arguments:?}\n{}", String::from_utf8_lossy(&out.stderr));
    if is_role {
        let said: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
        for name in environment.keys().filter(|name| name.starts_with("LIGASE_")) {
            let source = format!("environment {name}");
            let heard = said.iter().any(|s| s["source"] == source.as_str());
            // A flag of the same command comes before it.
            let flag = name["LIGASE_".len()..].to_lowercase().replace('_', "-");
            assert!(heard || arguments.contains(&format!("--{flag}")), "{what}: nothing reads {name}\n{said:#?}");
        }
    }
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().map(|all| all.iter().map(|w| w.as_str().expect("a word").to_owned()).collect()).unwrap_or_default()
}

#[test]
fn everything_parses() {
    let mut seen = 0;
    for path in files("ops") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        match path.extension().and_then(|e| e.to_str()) {
            Some("yaml") if !name.contains("/templates/") => drop(yaml(&text, &name)),
            Some("json") => drop(serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{name}: {e}"))),
            Some("toml") => drop(text.parse::<toml::Table>().unwrap_or_else(|e| panic!("{name}: {e}"))),
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen >= 9, "only {seen} files were found");
    assert!(chart().len() >= 12);
}

#[test]
fn the_compose_file_is_the_programs() {
    let compose = yaml(&text("ops/compose/compose.yaml"), "compose.yaml");
    let services = compose["services"].as_object().unwrap();
    let mut roles = BTreeSet::new();
    for (name, service) in services {
        for needed in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services.contains_key(needed.0), "{name} waits for {}", needed.0);
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let Some((host, _)) = volume.as_str().and_then(|v| v.split_once(':')) else { continue };
            let known = match host {
                h if h.starts_with("${") => true,
                h if h.starts_with("..") => root().join("ops/compose").join(h).is_file(),
                h => compose["volumes"].get(h).is_some(),
            };
            assert!(known, "{name} mounts {host}");
        }
        if service["image"] != "ligase" || service.get("entrypoint").is_some() {
            continue;
        }
        let environment = service["environment"].as_object().into_iter().flatten();
        let environment = environment.map(|(k, v)| (k.clone(), v.as_str().expect("text").to_owned())).collect();
        let arguments = words(&service["command"]);
        is_taken(name, &arguments, &environment);
        roles.insert(arguments[0].clone());
    }
    assert!(ROLES.iter().all(|role| roles.contains(*role)) && roles.contains("certs"), "{roles:?}");
}

#[test]
fn the_chart_is_whole_and_the_programs() {
    let chart = chart();
    let mut roles = BTreeSet::new();
    for ((kind, name), object) in &chart {
        if kind == "ScaledObject" {
            let target = object.pointer("/spec/scaleTargetRef/name").and_then(Value::as_str).unwrap().to_owned();
            assert!(chart.contains_key(&("Deployment".to_owned(), target)), "{name}");
        }
        let Some(pod) = object.pointer("/spec/template/spec") else { continue };
        let budget = &chart[&("PodDisruptionBudget".to_owned(), name.clone())];
        assert_eq!(budget.pointer("/spec/selector/matchLabels"), object.pointer("/spec/selector/matchLabels"));
        assert_eq!(object.pointer("/spec/template/metadata/labels"), object.pointer("/spec/selector/matchLabels"));
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 300, "{name} is killed while it drains");
        assert_eq!(pod.pointer("/securityContext/runAsNonRoot"), Some(&Value::Bool(true)));
        let container = &pod["containers"][0];
        assert_eq!(container.pointer("/securityContext/readOnlyRootFilesystem"), Some(&Value::Bool(true)));
        let ports: Vec<_> = container["ports"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert!(ports.contains(&container[probe]["httpGet"]["port"]), "{name}: {probe}");
            assert_eq!(container[probe]["httpGet"]["path"], "/healthz");
        }
        let named = |list: &Value| -> BTreeSet<String> {
            list.as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(named(&container["volumeMounts"]), named(&pod["volumes"]), "{name}");
        let of = |v: &Value| (v["name"].as_str().unwrap().to_owned(), v["value"].as_str().unwrap_or("x").to_owned());
        let environment: BTreeMap<_, _> = container["env"].as_array().unwrap().iter().map(of).collect();
        for path in environment.values().filter(|v| v.starts_with("/etc/ligase/") || v.starts_with("/var/lib/ligase/"))
        {
            let mounts = container["volumeMounts"].as_array().unwrap();
            let below = mounts.iter().any(|m| path.starts_with(m["mountPath"].as_str().unwrap()));
            assert!(below, "{name}: nothing is mounted for {path}");
        }
        let arguments = words(&container["args"]);
        is_taken(name, &arguments, &environment);
        roles.insert(arguments[0].clone());
    }
    assert!(ROLES.iter().all(|role| roles.contains(*role)), "{roles:?}");
    let helm = Command::new("helm").args(["template", "ligase"]).arg(root().join("ops/helm/ligase")).output();
    if let Ok(out) = helm {
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn the_units_are_the_programs_and_systemds() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for path in files("ops/systemd").into_iter().filter(|p| p.extension().is_some_and(|e| e == "service")) {
        let unit = fs::read_to_string(&path).unwrap();
        let start = unit.lines().find_map(|l| l.strip_prefix("ExecStart=/usr/local/bin/ligase ")).expect("it starts");
        let local = start.replace("/etc/ligase/", &format!("{}/", root().join("ops/systemd").display()));
        let arguments: Vec<String> = local.replace("%i", "a").split_whitespace().map(str::to_owned).collect();
        // Only the file that is read has to be there.
        is_taken(start, &arguments, &BTreeMap::new());
        let stop = unit.lines().find_map(|l| l.strip_prefix("TimeoutStopSec=")?.strip_suffix('s')).expect("it stops");
        assert!(stop.parse::<u64>().unwrap() > 300, "{} is killed while it drains", path.display());
        let copy = folder.path().join(path.file_name().unwrap());
        fs::write(&copy, unit.replace("/usr/local/bin/ligase", &program().display().to_string())).unwrap();
        units.push(copy);
    }
    assert_eq!(units.len(), 3);
    let Ok(out) = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output() else { return };
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && !said.contains("ligase-"), "{said}");
}

#[test]
fn every_environment_name_is_the_programs() {
    let mut known = BTreeSet::new();
    for room in ["cli", "crates", "coordinator", "worker", "agent-runner"] {
        for path in files(room).into_iter().filter(|p| p.extension().is_some_and(|e| e == "rs")) {
            known.extend(names(&fs::read_to_string(path).unwrap(), "LIGASE_", true));
        }
    }
    assert!(known.len() > 20, "{known:?}");
    // NATS streams and its account have names that look the same.
    let streams = ["LIGASE_PROBE", "LIGASE_VERIFICATION", "LIGASE_REMEDY", "LIGASE_ADVISORIES", "LIGASE_DEAD"];
    for path in files("ops").into_iter().chain([root().join("docs/operating.md")]) {
        for name in names(&fs::read_to_string(&path).unwrap(), "LIGASE_", false) {
            assert!(known.contains(&name) || streams.contains(&name.as_str()), "{}: {name}", path.display());
        }
    }
}

/// Names that begin so; in quotes alone, or wherever they stand.
fn names(text: &str, beginning: &str, quoted: bool) -> BTreeSet<String> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let found = text.match_indices(beginning).filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        if quoted { before == Some('"') } else { !before.is_some_and(of_name) }
    });
    let name = |at: usize| text[at..].chars().take_while(|c| of_name(*c)).collect::<String>();
    found.map(|(at, _)| name(at)).filter(|n| n.len() > beginning.len()).collect()
}

#[test]
fn every_metric_is_recorded() {
    let known: BTreeSet<&str> = ligase_runtime::NAMES.iter().map(|(name, _)| *name).collect();
    let mut recorded = BTreeSet::new();
    for room in ["cli", "crates", "coordinator", "worker", "agent-runner"] {
        let sources = files(room).into_iter().filter(|p| p.extension().is_some_and(|e| e == "rs"));
        for path in sources.filter(|p| !p.ends_with("runtime/src/metrics.rs")) {
            recorded.extend(names(&fs::read_to_string(path).unwrap(), "ligase_", true));
        }
    }
    let mut used = BTreeSet::new();
    let shown = ["ops/prometheus", "ops/grafana", "ops/helm", "docs"].iter().flat_map(|folder| files(folder));
    for path in shown {
        for name in names(&fs::read_to_string(&path).unwrap(), "ligase_", false) {
            let metric = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            assert!(known.contains(metric), "{}: there is no metric {name}", path.display());
            assert!(recorded.contains(metric), "{}: nothing records {name}", path.display());
            used.insert(metric.to_owned());
        }
    }
    assert!(used.len() > 12, "{used:?}");
}

#[test]
fn every_alert_is_explained() {
    let rules = yaml(&text("ops/prometheus/alerts.yaml"), "alerts.yaml");
    let manual = text("docs/operating.md");
    let alerts = rules["groups"][0]["rules"].as_array().unwrap();
    assert!(alerts.len() > 8);
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        assert!(manual.contains(&format!("### {name}\n")), "docs/operating.md does not say what {name} means");
        let page = format!("docs/operating.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], page.as_str());
    }
}

#[test]
fn every_command_of_the_manual_is_the_programs() {
    let manual = text("docs/operating.md").replace("\\\n", " ");
    let (mut seen, mut environment) = (0, BTreeMap::new());
    for line in manual.lines().map(str::trim) {
        if let Some(exported) = line.strip_prefix("export ") {
            let pairs = exported.split_whitespace().map(|pair| pair.split_once('=').expect("NAME=VALUE"));
            environment.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        if !line.starts_with("ligase ") {
            continue;
        }
        let line = line.split(" #").next().unwrap().trim_end_matches('&').split(" > ").next().unwrap();
        let arguments: Vec<String> = line.split_whitespace().skip(1).map(|w| w.trim_matches('"').to_owned()).collect();
        is_taken(line, &arguments, &environment);
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} commands were found");
}

#[test]
fn nats_takes_its_configuration() {
    let server = std::env::var_os("LIGASE_NATS_SERVER").map(PathBuf::from);
    let server = server.unwrap_or_else(|| root().join("target/tools/venv/bin/nats-server"));
    assert!(server.exists(), "there is no nats-server: run `make nats`, or name one in LIGASE_NATS_SERVER");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for file in ["ligase.conf", "node.conf", "node-tls.conf"] {
        let own = text(&format!("ops/nats/{file}")).replace("/etc/nats/tls/server", &at("tls/coordinator-nats"));
        let own = own.replace("/etc/nats/tls/ca.pem", &at("tls/ca.pem"));
        fs::write(at(file), own).unwrap();
    }
    let made = Command::new("sh").arg(root().join("ops/nats/passwords.sh")).arg(at("secrets")).status().unwrap();
    assert!(made.success());
    // Any certificate for both sides will do to see that the file is read.
    let certs = ["certs", "--dir", &at("tls"), "coordinator/nats"].map(str::to_owned);
    assert!(run(&certs, &BTreeMap::new()).status.success());
    for file in ["node.conf", "node-tls.conf"] {
        let mut check = Command::new(&server);
        let out = check.args(["-t", "-c", &at(file)]).env("NATS_NAME", "nats-1").output().unwrap();
        assert!(out.status.success(), "{file}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn the_image_is_not_run_as_root_and_runs_the_program() {
    let file = text("ops/Containerfile");
    let last = file.rsplit("\nFROM ").next().unwrap();
    let user = last.lines().filter_map(|l| l.strip_prefix("USER ")).next_back().expect("a user is named");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    for line in last.lines().filter_map(|l| l.strip_prefix("RUN [\"ligase\", ").or_else(|| l.strip_prefix("CMD ["))) {
        let arguments: Vec<String> = serde_json::from_str(&format!("[{line}")).unwrap();
        assert!(run(&arguments, &BTreeMap::new()).status.success(), "{arguments:?}");
    }
    for needed in ["bubblewrap", "util-linux", "libssl3t64", "ca-certificates"] {
        assert!(last.contains(needed), "{needed}");
    }
}

/// The doctor's lines by what they are about: state, code.
fn diagnosed(arguments: &[&str]) -> (Option<i32>, BTreeMap<String, (String, String)>) {
    let state = tempfile::tempdir().unwrap();
    let all = ["doctor", "--json", "--state"].map(str::to_owned).into_iter();
    let all = all.chain([state.path().display().to_string()]).chain(arguments.iter().map(|a| (*a).to_owned()));
    let out = run(&all.collect::<Vec<_>>(), &BTreeMap::new());
    let said: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"));
    let word = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let lines = said["checks"].as_array().unwrap().iter();
    let lines = lines.map(|l| {
        assert!(l["state"] == "ok" || (!word(l, "remedy").is_empty() && !word(l, "code").is_empty()), "{l}");
        (word(l, "what"), (word(l, "state"), word(l, "code")))
    });
    (out.status.code(), lines.collect())
}

#[test]
fn the_doctor_reads_certificates_and_says_what_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let ends = |days: &str| {
        let dir = folder.path().join(days).display().to_string();
        let made = ["certs", "--dir", &dir, "--days", days, "worker/w1"].map(str::to_owned);
        assert!(run(&made, &BTreeMap::new()).status.success());
        let (_, lines) = diagnosed(&["--cert", &format!("{dir}/worker-w1.pem"), "--ca", &format!("{dir}/ca.pem")]);
        assert_eq!(lines["certificate"].0, "ok");
        (lines["certificate's end"].clone(), lines["authority's end"].clone())
    };
    let word = |state: &str, code: &str| (state.to_owned(), code.to_owned());
    assert_eq!(ends("30"), (word("ok", ""), word("ok", "")));
    assert_eq!(ends("13"), (word("warn", "E-TLS-EXPIRES"), word("ok", "")));
    assert_eq!(ends("0"), (word("fail", "E-TLS-EXPIRED"), word("fail", "E-TLS-EXPIRED")));

    let file = |name: &str| folder.path().join("30").join(name).display().to_string();
    let (cert, key, ca) = (file("worker-w1.pem"), file("worker-w1.key"), file("ca.pem"));
    let tls = ["--cert", cert.as_str(), "--key", key.as_str(), "--ca", ca.as_str()];
    // Nobody listens on the ports of discard and echo here.
    let nobody = ["--coordinator", "https://127.0.0.1:9", "--nats", "nats://127.0.0.1:7"];
    let (code, lines) = diagnosed(&[&tls[..], &nobody[..]].concat());
    assert_eq!(code, Some(1));
    assert_eq!(lines["coordinator"].0, "fail");
    assert_eq!(lines["NATS servers"], word("fail", "E-QUEUE-UNREACHABLE"));
    let (_, lines) = diagnosed(&["--cert", &file("absent.pem")]);
    assert_eq!(lines["certificate"], word("fail", "E-TLS-FILE"));
}
