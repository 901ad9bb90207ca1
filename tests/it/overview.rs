//! `report --html` and `assess` on real organisations: what they say is what `findings` says, and neither changes anything.

use ligase_tests::{Organisation, dna, ligase_in, service_files, write_tree};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Every file of a folder with its bytes.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut all, mut folders) = (BTreeMap::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.insert(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    all
}

fn page(organisation: &Organisation, folder: &str) -> String {
    let said = organisation.run(&["report", "--html", folder, "--json"]).code(0).json();
    let text = fs::read_to_string(organisation.path().join(folder).join("index.html")).unwrap();
    assert_eq!(said["bytes"], text.len());
    text
}

#[test]
fn a_page_has_each_broken_finding_once_and_is_the_same_for_the_same_state() {
    let (organisation, _) = Organisation::after_demo();
    let first = page(&organisation, "one");
    assert_eq!(first, page(&organisation, "two"), "the same state gives the same bytes");
    assert_eq!(fs::read_dir(organisation.path().join("one")).unwrap().count(), 1, "nothing is left beside it");
    let all = organisation.findings("all");
    let broken: Vec<&Value> = all.iter().filter(|f| f["outcome"] == "not-satisfied").collect();
    assert!(broken.len() >= 10);
    assert_eq!(first.matches("<article class=\"finding").count(), broken.len());
    for finding in all.iter().filter(|f| f["outcome"] != "satisfied" && f["outcome"] != "not-applicable") {
        let id = format!("id=\"f-{}\"", finding["id"].as_str().unwrap());
        assert_eq!(first.matches(&id).count(), 1, "{finding:#}");
    }
    for changeset in organisation.changesets() {
        let id = format!("id=\"c-{}\"", changeset["id"].as_str().unwrap());
        assert_eq!(first.matches(&id).count(), 1, "{changeset:#}");
    }
    for target in first.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(first.contains(&format!("id=\"{target}\"")), "#{target} leads nowhere");
    }
    assert!(first.contains("adopt-hipaa") && !first.to_lowercase().contains("compliant"));
}

#[test]
fn what_a_repository_says_stays_text() {
    let organisation = Organisation::empty();
    organisation.repository_of("hostile", |folder| {
        write_tree(folder, &service_files("hostile"));
        let main = fs::read_to_string(folder.join("main.py")).unwrap();
        let route = "/people/{person_id}";
        assert!(main.contains(route), "{main}");
        let hostile = format!("{route}/<script>alert(1)</script>");
        fs::write(folder.join("main.py"), main.replace(route, &hostile)).unwrap();
        write_tree(folder, &[("pages/<img src=x>.py", "import logging\n\nlogging.info(\"%s\", email)\n")]);
    });
    organisation.run(&["sweep", "--plan"]).code(1);
    let page = page(&organisation, "page");
    assert!(page.contains("/&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.contains("default-src 'none'; style-src 'sha256-") && !page.contains("http://"));
}

/// The small service's declaration before it adopts SOC 2.
fn undeclared() -> String {
    let adopted = dna("plain", "");
    let line = "  frameworks: [soc2]\n";
    assert!(adopted.contains(line), "{adopted}");
    adopted.replace(line, "")
}

fn by_id(assessed: &Value, framework: &str) -> Value {
    let all = assessed["frameworks"].as_array().unwrap();
    all.iter().find(|f| f["framework"] == framework).unwrap_or_else(|| panic!("{framework} in {assessed:#}")).clone()
}

fn sums(framework: &Value) {
    let by = framework["controls_by"].as_object().unwrap();
    let sum: u64 = by.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(sum, framework["controls"].as_array().unwrap().len() as u64, "each control stands in one place");
    let findings = framework["findings"].as_array().unwrap();
    let open = findings.iter().filter(|f| f["outcome"] == "not-satisfied" && f["waiver"] != "in-force").count();
    let price = &framework["price"];
    assert_eq!(price["findings"], open);
    let remedied: u64 = price["remedies"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(remedied + price["without_remedy"].as_u64().unwrap(), open as u64, "{price:#}");
}

#[test]
fn assessing_a_tree_says_what_adopting_would_find_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    write_tree(folder.path(), &[("dna.yaml", undeclared())]);
    let before = bytes(folder.path());
    let run = ligase_in(folder.path(), &["assess", ".", "--adopt", "soc2", "--json"]).code(0).json();
    assert_eq!(bytes(folder.path()), before);
    let soc2 = by_id(&run, "soc2");
    sums(&soc2);
    assert_eq!((&soc2["services"], &soc2["services_already"]), (&1.into(), &0.into()));
    // The same service, once it has adopted it, is found to be what was foretold.
    write_tree(folder.path(), &[("dna.yaml", dna("plain", ""))]);
    let check = ligase_in(folder.path(), &["check", ".", "--json"]).code(1).json();
    let controls =
        |f: &&Value| f["controls"].as_array().unwrap().iter().any(|c| c.as_str().unwrap().starts_with("soc2 "));
    let open = |f: &&Value| f["outcome"] == "not-satisfied";
    let ids = |all: &Value| -> BTreeSet<String> {
        all.as_array()
            .unwrap()
            .iter()
            .filter(controls)
            .filter(open)
            .map(|f| f["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let found = ids(&check["findings"]);
    assert!(!found.is_empty());
    assert_eq!(ids(&soc2["findings"]), found);
    let again = ligase_in(folder.path(), &["assess", ".", "--adopt", "soc2", "--json"]).code(0).json();
    assert_eq!(by_id(&again, "soc2")["services_already"], 1);
}

#[test]
fn without_a_framework_each_of_the_catalog_has_its_line() {
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    let run = ligase_in(folder.path(), &["assess", "--json"]).code(0).json();
    let all = run["frameworks"].as_array().unwrap();
    assert!(all.len() >= 3);
    all.iter().for_each(sums);
    let text = ligase_in(folder.path(), &["assess"]).code(0).out;
    for framework in all {
        let id = framework["framework"].as_str().unwrap();
        assert_eq!(text.lines().filter(|l| l.trim_start().starts_with(&format!("{id} "))).count(), 1, "{id} in {text}");
    }
    let wrong = ligase_in(folder.path(), &["assess", ".", "--adopt", "hippa"]).code(2);
    assert!(wrong.err.contains("E-ASSESS-FRAMEWORK") && wrong.err.contains("hipaa"), "{}", wrong.err);
    ligase_in(folder.path(), &["assess", ".", "--state", "nowhere"]).code(2);
}

#[test]
fn assessing_an_organisation_looks_at_nothing_and_adopts_nothing() {
    let organisation = Organisation::empty();
    organisation.repository_of("plain", |folder| {
        write_tree(folder, &service_files("plain"));
        write_tree(folder, &[("dna.yaml", undeclared())]);
    });
    organisation.run(&["sweep", "--plan"]).code(1);
    let findings = organisation.findings("all");
    let assess = |adopt: &str| {
        let state = organisation.state();
        ligase_in(organisation.path(), &["assess", "--state", state.to_str().unwrap(), "--adopt", adopt, "--json"])
            .code(0)
            .json()
    };
    let said = assess("soc2,gdpr");
    assert_eq!(said, assess("gdpr,soc2"), "the same state gives the same answer");
    assert_eq!(said["frameworks"].as_array().unwrap().len(), 2);
    said["frameworks"].as_array().unwrap().iter().for_each(sums);
    // The same tree on this machine stands where the organisation's stands.
    let folder = TempDir::new().unwrap();
    write_tree(folder.path(), &service_files("plain"));
    write_tree(folder.path(), &[("dna.yaml", undeclared())]);
    let local = ligase_in(folder.path(), &["assess", ".", "--adopt", "soc2", "--json"]).code(0).json();
    let standings = |assessed: &Value| -> Vec<(String, String)> {
        let controls = by_id(assessed, "soc2")["controls"].as_array().unwrap().clone();
        controls.iter().map(|c| (c["id"].to_string(), c["standing"].to_string())).collect()
    };
    assert_eq!(standings(&said), standings(&local));
    assert_eq!(by_id(&said, "soc2")["price"]["pull_requests"], by_id(&local, "soc2")["price"]["pull_requests"]);
    assert_eq!(organisation.findings("all"), findings, "asking adopts nothing");
}
