//! F9: what a repository brings breaks out of its budgets: its own `verify` command eats memory, processes, disk and time, or
//! its tree is deeper than anybody reads. It is ended, its task says why, and the others are mended as ever.

use super::is_clean;
use ligase_tests::{Fleet, Organisation, dna, ligase, pull_refs, service_files};
use serde_json::Value;

/// Commands that mean no good, and what the gate says of the base's run.
const HOSTILE: [(&str, &str, &str); 5] = [
    ("forks", "f() { f | f & }; f; sleep 60", ""),
    ("memory", "exec python3 -c 'x = []\nwhile True: x.append(bytearray(1 << 26))'", ""),
    ("disk", "while :; do head -c 1000000000 /dev/zero >> big || exit 3; done", ""),
    ("output", "exec yes", "too-much-output"),
    ("time", "sleep 60", "too-slow"),
];

/// One service for each command, and one that is well.
fn organisation() -> Organisation {
    let organisation = Organisation::of_services(1);
    for (name, script, _) in HOSTILE {
        let words = serde_json::to_string(&["sh", "-c", script]).expect("JSON");
        let declared = dna(name, &format!("  verify: {{ command: {words}, timeout: 4s }}\n"));
        let mut files = service_files(name);
        files.retain(|(path, _)| *path != "dna.yaml");
        files.push(("dna.yaml", declared.into_bytes()));
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (*path, bytes.as_slice())).collect();
        organisation.repository(name, &files);
    }
    let deep = format!("{}file.py", "d/".repeat(80));
    organisation.repository("too-deep", &[(deep.as_str(), b"x = 1\n")]);
    organisation
}

fn verdict(changeset: &Value) -> (String, String) {
    let gate = changeset["gate"].as_array().expect("a gate");
    let check = gate.iter().find(|g| g["check"] == "verify").expect("the check of a repository's own tests");
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("detail"))
}

#[test]
fn what_breaks_out_of_its_budgets_is_ended_with_its_reason_and_harms_nobody_else() {
    let doctor = ligase(&["doctor", "--json"]).json();
    let walls = doctor["checks"].as_array().unwrap().iter().find(|c| c["what"] == "sandbox").unwrap().clone();
    let jailed = walls["state"] == "ok";
    assert!(jailed || std::env::var_os("LIGASE_REQUIRE_JAIL").is_none(), "{walls:#}");
    let mut fleet = Fleet::new(organisation());
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    let ended = fleet.begin(&["sweep"]).wait().code(3).json();
    let problems = ended["unreachable"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{ended:#}");
    assert!(problems[0]["repository"].as_str().unwrap().contains("too-deep"), "{ended:#}");
    assert!(!problems[0]["detail"].as_str().unwrap().is_empty(), "{ended:#}");
    // What could not be proved is proposed all the same, as a draft; nothing of it was lost.
    let changesets = fleet.ask(&["changesets"]).code(0).json();
    let changesets = changesets["changesets"].as_array().unwrap().clone();
    let each = changesets.len() / (HOSTILE.len() + 1);
    assert_eq!(changesets.len(), each * (HOSTILE.len() + 1), "{changesets:#?}");
    assert_eq!(pull_refs(&fleet.organisation).len(), changesets.len());
    for (name, _, reason) in HOSTILE {
        for changeset in changesets.iter().filter(|c| c["service_name"] == name) {
            let (said, detail) = verdict(changeset);
            assert_eq!(said, "unverified", "{name}: {changeset:#}");
            if jailed {
                assert!(detail.contains(reason) && !detail.contains("no-sandbox"), "{name}: {detail}");
            }
        }
    }
    assert!(fleet.runs("r1") && fleet.runs("w1") && fleet.runs("c1"), "the host of it all is well");
    let left = fleet.children("r1");
    assert!(!left.iter().any(|c| c.contains("bwrap")), "{left:?}");
    if !jailed {
        println!("NOT TRIED: this machine has no jail ({}); no command was run", walls["says"]);
    }
    is_clean(&mut fleet, &[("F9 repository that breaks out of its budgets", HOSTILE.len() + 1)]);
}
