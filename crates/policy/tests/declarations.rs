//! Every mistake that a declaration can hold, and what its author is told. The snapshots are the specification.
#![allow(clippy::unwrap_used)]

mod support;

use ligase_catalog::{CatalogFile, shipped};
use ligase_domain::{ControlRef, Timestamp};
use ligase_policy::catalog::ParameterValue;
use ligase_policy::{Approvals, Catalog, Dna, Mode, Organisation, resolve, schema};
use support::*;

const DNA: &str = "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: { name: intake }\nspec:\n";

fn dna_refusals(spec: &str) -> String {
    let error = Dna::read("services/a/dna.yaml", format!("{DNA}{spec}").as_bytes(), &catalog());
    error.map_or_else(|e| words(&e), |_| panic!("it is read: {spec}"))
}

#[test]
fn mistakes_of_a_dna_are_told() {
    let cases = [
        ("unknown framework", "  frameworks: [hippa]\n"),
        ("unknown framework with controls", "  frameworks: [{ soc: [CC6.1] }]\n"),
        ("unknown control", "  frameworks: [{ soc2: [CC6.1, CC66.1] }]\n"),
        ("unknown class", "  data:\n    - class: pi\n"),
        ("unknown constraint", "  constraints:\n    - id: enc-at-rst\n"),
        ("unknown parameter", "  constraints:\n    - id: data-residency\n      params: { region: [eu-west-1] }\n"),
        ("parameter of another type", "  constraints:\n    - id: data-residency\n      params: { regions: 3 }\n"),
        ("constraint twice", "  constraints: [{ id: enc-at-rest }, { id: enc-at-rest }]\n"),
        ("unknown exposure", "  exposure: intranet\n"),
        ("a switch that does not exist", "  ignore: true\n"),
        ("another switch", "  enabled: false\n"),
        ("provides", "  provides: [authn-endpoints/guarded]\n"),
        ("sinks", "  vocabulary: { sinks: [acme.audit.emit] }\n"),
        ("a region for a jurisdiction", "  residency: [\"EU West 1\"]\n"),
        ("bad glob", "  scope: { include: [\"a/{b\"] }\n"),
        ("empty command", "  verify: { command: [] }\n"),
        ("bad timeout", "  verify: { command: [make], timeout: forever }\n"),
        ("long timeout", "  verify: { command: [make], timeout: 48h }\n"),
        (
            "waiver without an end",
            "  waivers: [{ clause: authn-endpoints/guarded, where: { symbol: GET /a }, kind: risk-accepted, reason: r }]\n",
        ),
        (
            "waiver of everything",
            "  waivers: [{ clause: authn-endpoints/guarded, where: { symbol: \"*\" }, kind: risk-accepted, reason: r, expires: 2027-01-01 }]\n",
        ),
        (
            "waiver of nothing",
            "  waivers: [{ clause: authn-endpoints/guarded, kind: risk-accepted, reason: r, expires: 2027-01-01 }]\n",
        ),
        (
            "waiver with an unknown clause, kind and day",
            "  waivers:\n    - clause: authn-endpoint/guarded\n      where: { symbol: GET /a }\n      kind: false-positive\n      reason: \" \"\n      expires: 2027-02-30\n",
        ),
        (
            "waiver of an unknown kind",
            "  waivers: [{ clause: authn-endpoints/guarded, where: { symbol: GET /a }, kind: wontfix, reason: r, expires: 2027-01-01 }]\n",
        ),
        ("everything at once", "  frameworks: [soc3]\n  data: [{ class: phj }]\n  provides: [x]\n"),
    ];
    let told: Vec<String> = cases.iter().map(|(name, spec)| format!("# {name}\n{}", dna_refusals(spec))).collect();
    insta::assert_snapshot!(told.join("\n"));
    let named =
        Dna::read("dna.yaml", DNA.replace("intake", "\"In take\"").replace("spec:\n", "").as_bytes(), &catalog());
    assert_eq!(named.unwrap_err()[0].code, "E-DNA-NAME");
    let large = format!("{DNA}  residency: [eu]\n# {}\n", "x".repeat(70_000));
    assert_eq!(Dna::read("dna.yaml", large.as_bytes(), &catalog()).unwrap_err()[0].code, "E-DNA-TOO-LARGE");
}

fn organisation_refusals(spec: &str) -> String {
    let text = format!("apiVersion: ligase.dev/v1\nkind: Organisation\nmetadata: {{ name: acme }}\nspec:\n{spec}");
    let error = Organisation::read("organisation.yaml", text.as_bytes(), &[], &catalog());
    error.map_or_else(|e| words(&e), |_| panic!("it is read: {spec}"))
}

#[test]
fn mistakes_of_an_organisations_policy_are_told() {
    let cases = [
        ("no sources", "  floor: []\n"),
        ("github", "  sources: [{ github: { url: \"https://g.example\", org: acme } }]\n"),
        ("a path for a url", "  sources: [{ git: [\"../a\"] }]\n"),
        ("unknown floor", "  sources: []\n  floor: [enc-at-rest, colour-management]\n"),
        ("nothing matches", "  sources: []\n  services: ./services/*.yaml\n"),
        ("automerge", "  sources: []\n  cascades: [{ name: a, frameworks: [soc2], mode: automerge }]\n"),
        ("unknown mode", "  sources: []\n  cascades: [{ name: a, frameworks: [soc2], mode: proposed }]\n"),
        ("unknown enforcement", "  sources: []\n  cascades: [{ name: a, frameworks: [soc2], enforcement: hard }]\n"),
        ("a cascade of nothing", "  sources: []\n  cascades: [{ name: a }]\n"),
        (
            "roll-out",
            "  sources: []\n  cascades:\n    - name: a\n      frameworks: [soc2]\n      baseline: 2026-12-01\n      waves: [{ percent: 100 }]\n      halt-above: 0.1\n      due: 2027-01-31\n",
        ),
        ("schedule", "  sources: []\n  schedule: \"0 */6 * * *\"\n"),
        ("agents", "  sources: []\n  remedies: { agents: [codex], network: all }\n"),
        ("budget", "  sources: []\n  budgets: { open-per-owner: 99999999 }\n"),
        ("negative budget", "  sources: []\n  budgets: { open-per-owner: -1 }\n"),
        ("misspelt budget", "  sources: []\n  budgets: { open_per_owner: 1 }\n"),
        ("when: typo", "  sources: []\n  cascades: [{ name: a, frameworks: [soc2], when: 'dna.dat.size() > 0' }]\n"),
        (
            "when: a class that is none",
            "  sources: []\n  cascades: [{ name: a, frameworks: [soc2], when: 'dna.data.exists(d, d.class == \"ph\")' }]\n",
        ),
        ("when: no truth", "  sources: []\n  cascades: [{ name: a, frameworks: [soc2], when: 'dna.name' }]\n"),
        ("when: no expression", "  sources: []\n  cascades: [{ name: a, frameworks: [soc2], when: 'dna.name ==' }]\n"),
    ];
    let told: Vec<String> =
        cases.iter().map(|(name, spec)| format!("# {name}\n{}", organisation_refusals(spec))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn identities_that_stand_with_the_organisation_are_provisional() {
    let catalog = catalog();
    let text = "apiVersion: ligase.dev/v1\nkind: Organisation\nmetadata: { name: acme }\nspec:\n  sources: []\n  services: ./services/*.yaml\n";
    let one = "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: { name: intake, repository: intake, folder: services/a }\n";
    let files: [(&str, &[u8]); 2] = [("services/intake.yaml", one.as_bytes()), ("README.md", b"no")];
    let organisation = Organisation::read("organisation.yaml", text.as_bytes(), &files, &catalog).unwrap();
    assert!(organisation.identity_of(&service("services/a")).is_some_and(|d| d.provisional));
    assert!(organisation.identity_of(&service("")).is_none());
    let own = Dna::read("dna.yaml", one.as_bytes(), &catalog).unwrap_err();
    assert_eq!(own.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["E-DNA-NOT-HERE", "E-DNA-NOT-HERE"]);
}

#[test]
fn what_holds_is_the_floor_the_cascades_and_the_declaration_together() {
    let catalog = catalog();
    let organisation = organisation(
        &catalog,
        "  floor: [no-sensitive-in-logs]\n  cascades:\n    - { name: adopt-hipaa, frameworks: [hipaa], when: 'dna.data.exists(d, d.class == \"phi\")', mode: propose, enforcement: mandatory }\n    - { name: look, constraints: [authn-endpoints] }\n",
    );
    let with = dna(&catalog, "  data: [{ class: phi }]\n  residency: [eu]\n  frameworks: [{ soc2: [CC6.6] }]\n");
    let without = dna(&catalog, "  data: [{ class: pii }]\n");
    let names = |dna: &Dna| -> Vec<String> {
        let state = resolve(&catalog, Some(&organisation), Some(dna), &Approvals::default(), NOW);
        state.requirements.iter().map(|r| format!("{} {} {}", r.clause, r.mode.name(), r.enforcement.name())).collect()
    };
    insta::assert_snapshot!(format!("{}\n--\n{}", names(&with).join("\n"), names(&without).join("\n")));
    let state = resolve(&catalog, Some(&organisation), Some(&with), &Approvals::default(), NOW);
    let guarded = state.requirements.iter().find(|r| r.clause.to_string() == "authn-endpoints/guarded").unwrap();
    assert_eq!(guarded.mode, Mode::Propose, "the stronger of observe and propose");
    assert!(
        guarded.why.contains(&"cascade look".to_owned()) && guarded.why.contains(&"dna.yaml: soc2 CC6.6".to_owned())
    );
    assert!(guarded.controls.contains(&ControlRef { framework: "soc2".to_owned(), control: "CC6.6".to_owned() }));
    assert!(!guarded.controls.iter().any(|c| c.control == "CC6.1"), "only the chosen controls of soc2");
}

#[test]
fn controls_that_nothing_serves_are_listed_and_never_satisfied() {
    let catalog = catalog();
    let dna = dna(&catalog, "  frameworks: [{ soc2: [CC2.1] }]\n");
    let state = resolve(&catalog, None, Some(&dna), &Approvals::default(), NOW);
    assert!(state.requirements.is_empty());
    assert_eq!(state.unserved_controls.len(), 1);
}

#[test]
fn controls_hold_in_their_time_and_the_next_change_is_named() {
    let catalog = catalog();
    let dna = dna(&catalog, "  frameworks: [soc2]\n");
    let before = Timestamp(1_500_000_000_000);
    let state = resolve(&catalog, None, Some(&dna), &Approvals::default(), before);
    assert!(state.requirements.is_empty() && state.unserved_controls.is_empty());
    assert_eq!(state.valid_until, Some(Timestamp(1_544_832_000_000)), "2018-12-15");
    let now = resolve(&catalog, None, Some(&dna), &Approvals::default(), NOW);
    assert!(!now.requirements.is_empty());
    assert_ne!(state.digest, now.digest);
}

#[test]
fn residency_and_regions_become_parameters() {
    let catalog = catalog();
    let dna = dna(
        &catalog,
        "  residency: [eu, uk]\n  constraints: [{ id: data-residency, params: { regions: [eu-west-1], jurisdictions: [eu, us] } }]\n",
    );
    let state = resolve(&catalog, None, Some(&dna), &Approvals::default(), NOW);
    let parameters = &state.requirements[0].parameters;
    assert_eq!(parameters["jurisdictions"], ParameterValue::Texts(vec!["eu".to_owned()]), "what both allow");
    assert_eq!(parameters["regions"], ParameterValue::Texts(vec!["eu-west-1".to_owned()]));
}

fn with(path: &'static str, text: &str) -> Result<Catalog, Vec<ligase_document::DocumentError>> {
    let mut files = shipped();
    files.push(CatalogFile { path: path.into(), bytes: text.as_bytes().to_vec().into() });
    Catalog::load(&files)
}

fn constraint(metadata: &str, clause: &str) -> String {
    format!(
        "apiVersion: ligase.dev/v1\nkind: Constraint\nmetadata: {{ {metadata}, version: 1, group: own }}\nspec:\n  statement: S.\n  rationale: R.\n  severity: {{ base: low }}\n  parameters:\n    most: {{ type: int, stricter: lower, default: 10 }}\n  clauses:\n    - id: one\n      known-by: code\n{clause}"
    )
}

const RULE: &str = "      for: { each: endpoint }\n      satisfied-when: 'true'\n      conclusive-when: 'true'\n";

#[test]
fn mistakes_of_a_catalog_are_told() {
    let rule = |satisfied: &str| {
        format!("      for: {{ each: endpoint }}\n      satisfied-when: {satisfied}\n      conclusive-when: 'true'\n")
    };
    let cases = [
        ("taken id", constraint("id: enc-at-rest", RULE)),
        ("nothing to override", constraint("id: mine, overrides: true", RULE)),
        ("bad id", constraint("id: My_Own", RULE)),
        ("unknown kind", constraint("id: mine", &RULE.replace("endpoint", "endpoints"))),
        ("typo in a path", constraint("id: mine", &rule("'it.rol == \"login\"'"))),
        ("typo in a value", constraint("id: mine", &rule("'it.role == \"logn\"'"))),
        ("typo in a parameter", constraint("id: mine", &rule("'params.mots > 1'"))),
        ("typo in population", constraint("id: mine", &rule("'population.endpoints.seen > 1'"))),
        ("no truth", constraint("id: mine", &rule("'it.role'"))),
        ("no expression", constraint("id: mine", &rule("'it.role =='"))),
        ("no conclusion", constraint("id: mine", "      for: { each: endpoint }\n      satisfied-when: 'true'\n")),
        ("no subjects", constraint("id: mine", "      satisfied-when: 'true'\n")),
        (
            "an empty set satisfies",
            constraint("id: mine", &format!("{RULE}      nothing-seen: [{{ outcome: satisfied, reason: x }}]\n")),
        ),
        ("message", constraint("id: mine", &format!("{RULE}      message: 'x {{it.nme}} {{params.least}}'\n"))),
        ("broken message", constraint("id: mine", &format!("{RULE}      message: 'x {{it.path'\n"))),
        ("let twice", constraint("id: mine", &format!("{RULE}      let: {{ it: 'true', seen: 'true' }}\n"))),
        ("parameter", constraint("id: mine", RULE).replace("stricter: lower", "stricter: subset")),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(name, text)| {
            let errors = with("constraints/mine.yaml", text).map(drop).expect_err(name);
            format!("# {name}\n{}", words(&errors))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let framework = "apiVersion: ligase.dev/v1\nkind: Framework\nmetadata: { id: own, title: Own, as-of: 2026-13-01 }\nspec:\n  controls:\n    - { id: \"1\", title: t, valid: { from: 2020-01-01 }, served-by: [{ clause: enc-at-rest/storag, relationship: supports, confidence: low }] }\n    - { id: \"2\", title: t, valid: { from: 2020-01-01 }, served-by: [{ clause: enc-at-rest/storage, relationship: supports, confidence: low, bounds: { most: { at-most: 3 } } }] }\n";
    insta::assert_snapshot!(words(&with("frameworks/own.yaml", framework).map(drop).expect_err("framework")));
}

#[test]
fn an_override_is_recorded_and_shown() {
    // A constraint of one clause: what replaces it has to keep each clause that a framework links to.
    let catalog = with(
        "constraints/mine.yaml",
        &constraint("id: secret-management, overrides: true", RULE).replace("one", "literal"),
    )
    .unwrap();
    assert_eq!(catalog.overridden().get("secret-management").map(String::as_str), Some("constraints/mine.yaml"));
    assert_ne!(catalog.digest(), Catalog::load(&shipped()).unwrap().digest());
    let dna = dna(&catalog, "  constraints: [{ id: secret-management }]\n");
    let desired = resolve(&catalog, None, Some(&dna), &Approvals::default(), NOW);
    let case = Case::new(vec![endpoint("a.py", 1, "none", "resolved", vec![])]);
    let assessment = ligase_policy::judge(&ligase_policy::JudgeEnv::new(&catalog), &desired, &case.input());
    assert!(assessment.findings.iter().any(|f| f.message.contains("the organisation's own constraints/mine.yaml")));
}

#[test]
fn conflicting_bounds_are_a_problem_and_the_strictest_wins() {
    let mut files = shipped();
    let own = constraint("id: mine", RULE);
    let framework = "apiVersion: ligase.dev/v1\nkind: Framework\nmetadata: { id: own, title: Own, as-of: 2026-01-01 }\nspec:\n  controls:\n    - { id: \"1\", title: t, valid: { from: 2020-01-01 }, served-by: [{ clause: mine/one, relationship: supports, confidence: low, bounds: { most: { at-most: 3 } } }] }\n    - { id: \"2\", title: t, valid: { from: 2020-01-01 }, served-by: [{ clause: mine/one, relationship: supports, confidence: low, bounds: { most: { at-least: 5 } } }] }\n";
    for (path, text) in [("constraints/mine.yaml", own.as_str()), ("frameworks/own.yaml", framework)] {
        files.push(CatalogFile { path: path.into(), bytes: text.as_bytes().to_vec().into() });
    }
    let catalog = Catalog::load(&files).unwrap_or_else(|e| panic!("{}", words(&e)));
    let value = |spec: &str| {
        let state = resolve(&catalog, None, Some(&dna(&catalog, spec)), &Approvals::default(), NOW);
        (state.requirements[0].parameters["most"].clone(), state.problems.len())
    };
    assert_eq!(value("  frameworks: [{ own: [\"1\"] }]\n"), (ParameterValue::Int(3), 0));
    assert_eq!(
        value("  constraints: [{ id: mine, params: { most: 2 } }]\n  frameworks: [{ own: [\"1\"] }]\n"),
        (ParameterValue::Int(2), 0)
    );
    assert_eq!(value("  frameworks: [own]\n"), (ParameterValue::Int(3), 1));
}

#[test]
fn every_kind_of_document_has_a_schema() {
    for kind in ligase_policy::schema::KINDS {
        let schema = schema(kind).unwrap();
        assert_eq!(schema["properties"]["kind"]["const"], kind);
        assert_eq!(schema["additionalProperties"], false, "{kind}");
    }
    assert_eq!(schema("Nothing"), None);
}
