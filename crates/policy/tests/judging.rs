//! What the four shipped clauses say of single subjects, and what judging promises of any input.
#![allow(clippy::unwrap_used)]

mod support;

use ligase_domain::{Assessment, Digest, Finding, Observation, Origin, Outcome, Skipped, Value, WaiverState};
use ligase_policy::{
    Approvals, Catalog, Declaration, JudgeEnv, OwnerFact, Sheets, judge, judge_with, resolve, weakening_findings,
    weakenings,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::*;

fn assess(catalog: &Catalog, spec: &str, case: &Case) -> Assessment {
    let dna = dna(catalog, spec);
    let desired = resolve(catalog, None, Some(&dna), &Approvals::default(), NOW);
    judge(&JudgeEnv::new(catalog), &desired, &case.input())
}

fn of<'a>(assessment: &'a Assessment, clause: &str) -> Vec<&'a Finding> {
    assessment.findings.iter().filter(|f| f.clause.to_string() == clause).collect()
}

fn says(catalog: &Catalog, spec: &str, clause: &str, observation: Observation) -> String {
    let assessment = assess(catalog, spec, &Case::new(vec![observation]));
    let found = of(&assessment, clause);
    assert_eq!(found.len(), 1, "{found:#?}");
    let outcome = &found[0].outcome;
    outcome.reason().map_or_else(|| outcome.name().to_owned(), |r| format!("{}({r})", outcome.name()))
}

#[test]
fn endpoints_are_judged_by_what_stands_before_them() {
    let catalog = catalog();
    let spec = "  constraints: [{ id: authn-endpoints }]\n  vocabulary: { guards: [acme.auth.require_user] }\n";
    let none = "none";
    let resolved = "resolved";
    let cases = [
        ("guarded", endpoint("a.py", 1, none, resolved, vec![guard("authentication", "a.user", false)]), "satisfied"),
        ("by a role", endpoint("a.py", 1, none, resolved, vec![guard("authorization", "a.admin", false)]), "satisfied"),
        (
            "own guard",
            endpoint("a.py", 1, none, resolved, vec![guard("unknown", "acme.auth.require_user", false)]),
            "satisfied",
        ),
        (
            "guarded, chain open",
            endpoint("a.py", 1, none, "unresolved", vec![guard("authentication", "a.user", false)]),
            "satisfied",
        ),
        ("bare", endpoint("a.py", 1, none, resolved, vec![]), "not-satisfied"),
        (
            "optional guard",
            endpoint("a.py", 1, none, resolved, vec![guard("authentication", "a.user", true)]),
            "not-satisfied",
        ),
        (
            "only a rate limit",
            endpoint("a.py", 1, none, resolved, vec![guard("rate-limit", "a.limit", false)]),
            "not-satisfied",
        ),
        (
            "strange guard",
            endpoint("a.py", 1, none, resolved, vec![guard("unknown", "b.thing", false)]),
            "indeterminate(guard-not-recognised)",
        ),
        ("chain open", endpoint("a.py", 1, none, "unresolved", vec![]), "indeterminate(guards-not-resolved)"),
        ("login", endpoint("a.py", 1, "login", resolved, vec![]), "not-applicable(public-by-role)"),
        ("health", endpoint("a.py", 1, "health", resolved, vec![]), "not-applicable(public-by-role)"),
        ("docs", endpoint("a.py", 1, "docs", "unresolved", vec![]), "not-applicable(public-by-role)"),
        ("webhook", endpoint("a.py", 1, "webhook", resolved, vec![]), "indeterminate(signature-not-seen)"),
        (
            "signed webhook",
            endpoint("a.py", 1, "webhook", resolved, vec![guard("authentication", "a.signed", false)]),
            "satisfied",
        ),
    ];
    for (name, observation, outcome) in cases {
        assert_eq!(says(&catalog, spec, "authn-endpoints/guarded", observation), outcome, "{name}");
    }
}

#[test]
fn log_calls_are_judged_by_what_reaches_them() {
    let catalog = catalog();
    let spec = "  constraints: [{ id: no-sensitive-in-logs }]\n  vocabulary: { sanitizers: [acme.log.redact] }\n";
    let cases = [
        ("clean", vec![], vec![], "satisfied"),
        ("email", vec![logged("email", "pii", 900, "", false)], vec![], "not-satisfied"),
        ("unsure", vec![logged("name", "pii", 550, "", false)], vec![], "satisfied"),
        ("an address", vec![logged("ip", "pii", 650, "", false)], vec![], "indeterminate(network-address)"),
        ("masked", vec![logged("email", "pii", 900, "app.mask", true)], vec![], "satisfied"),
        ("masked by our own", vec![logged("email", "pii", 900, "acme.log.redact", false)], vec![], "satisfied"),
        ("an object", vec![], vec!["request.headers"], "indeterminate(value-not-followed)"),
        ("both", vec![logged("token", "credential", 700, "", false)], vec!["**kw"], "not-satisfied"),
        (
            "masked and an object",
            vec![logged("email", "pii", 900, "app.mask", true)],
            vec!["o"],
            "indeterminate(value-not-followed)",
        ),
    ];
    for (name, values, opaque, outcome) in cases {
        let observation = log_call("a.py", 1, values, opaque);
        assert_eq!(says(&catalog, spec, "no-sensitive-in-logs/log-call", observation), outcome, "{name}");
    }
}

#[test]
fn stores_are_judged_by_their_declared_encryption() {
    let catalog = catalog();
    let spec = "  constraints: [{ id: enc-at-rest }]\n";
    for (encrypted, outcome) in [
        ("yes", "satisfied"),
        ("by-default", "satisfied"),
        ("no", "not-satisfied"),
        ("unknown", "indeterminate(setting-not-resolved)"),
    ] {
        let observation = storage("aws_db_instance.a", encrypted);
        assert_eq!(says(&catalog, spec, "enc-at-rest/storage", observation), outcome, "{encrypted}");
    }
}

#[test]
fn placements_are_judged_by_residency_or_by_regions() {
    let catalog = catalog();
    let eu = "  residency: [eu]\n  constraints: [{ id: data-residency }]\n";
    let regions = "  residency: [eu]\n  constraints: [{ id: data-residency, params: { regions: [eu-west-1] } }]\n";
    let none = "  constraints: [{ id: data-residency }]\n";
    let at = |region: &str, jurisdiction: &str| placement("p", region, jurisdiction, true, false);
    let cases = [
        (eu, at("eu-west-1", "eu"), "satisfied"),
        (eu, at("us-east-1", "us"), "not-satisfied"),
        (eu, at("xx-new-1", ""), "indeterminate(jurisdiction-not-known)"),
        (eu, placement("p", "", "", false, false), "indeterminate(region-not-resolved)"),
        (eu, placement("p", "", "", true, true), "indeterminate(global-resource)"),
        (regions, at("eu-west-1", "eu"), "satisfied"),
        (regions, at("eu-north-1", "eu"), "not-satisfied"),
        (none, at("us-east-1", "us"), "not-applicable(no-residency-declared)"),
    ];
    for (spec, observation, outcome) in cases {
        let name = format!("{spec}{:?}", observation.attributes);
        assert_eq!(says(&catalog, spec, "data-residency/region", observation), outcome, "{name}");
    }
}

#[test]
fn a_clause_without_a_rule_is_indeterminate_and_never_silent() {
    let catalog = catalog();
    let assessment = assess(&catalog, "  constraints: [{ id: authn-endpoints }]\n", &Case::new(vec![]));
    let found = of(&assessment, "authn-endpoints/consumer");
    assert_eq!(found[0].outcome, Outcome::Indeterminate("not-modelled".to_owned()));
    assert_eq!(found[0].subject.kind, "service");
}

#[test]
fn silence_is_not_applicable_only_where_nothing_is_unmodelled() {
    let catalog = catalog();
    let spec = "  constraints: [{ id: authn-endpoints }]\n";
    let clause = "authn-endpoints/guarded";
    let residue = observation(
        "unmodelled",
        "a.py",
        1,
        vec![("of", "endpoint".into()), ("where", "f".into()), ("looks_like", "route".into())],
    );
    let silent = assess(&catalog, spec, &Case::new(vec![]));
    assert_eq!(of(&silent, clause)[0].outcome, Outcome::NotApplicable("no-endpoint".to_owned()));
    let looked = assess(&catalog, spec, &Case::new(vec![residue]));
    assert_eq!(of(&looked, clause)[0].outcome, Outcome::Indeterminate("framework-not-modelled".to_owned()));
    let mut case = Case::new(vec![]);
    case.population.incomplete = Some("too-many-files".to_owned());
    let incomplete = assess(&catalog, spec, &case);
    assert_eq!(of(&incomplete, clause)[0].outcome, Outcome::Indeterminate("too-many-files".to_owned()));
}

#[test]
fn a_skipped_file_is_its_own_finding_and_changes_nothing_that_was_seen() {
    let catalog = catalog();
    let spec = "  constraints: [{ id: authn-endpoints }, { id: enc-at-rest }]\n";
    let plain = Case::new(vec![endpoint("a.py", 1, "none", "resolved", vec![])]);
    let mut skipping = Case::new(plain.observations.clone());
    let skip = |path: &str, dialect: &str, origin| Skipped {
        path: path.into(),
        class: class(dialect, origin),
        reason: "too-large".to_owned(),
    };
    skipping.population.skipped = vec![
        skip("big.py", "python", Origin::Source),
        skip("tests/big.py", "python", Origin::Test),
        skip("big.tf", "terraform", Origin::Source),
    ];
    let (without, with) = (assess(&catalog, spec, &plain), assess(&catalog, spec, &skipping));
    let files: Vec<(String, String)> = with
        .findings
        .iter()
        .filter(|f| f.subject.kind == "file")
        .map(|f| (f.clause.to_string(), format!("{} {}", f.subject.symbol, f.outcome.reason().unwrap())))
        .collect();
    assert_eq!(
        files,
        [
            ("authn-endpoints/guarded".to_owned(), "big.py file-too-large".to_owned()),
            ("enc-at-rest/data-field".to_owned(), "big.py file-too-large".to_owned()),
            ("enc-at-rest/storage".to_owned(), "big.tf file-too-large".to_owned()),
        ]
    );
    // Nothing was seen of storage, and a file that could hold some was not looked at: that there is none is not concluded.
    let absent = |f: &&Finding| f.clause.constraint == "enc-at-rest" && f.subject.kind == "service";
    let outcome = |a: &Assessment| {
        let storage = |f: &&Finding| absent(f) && f.clause.clause == "storage";
        a.findings.iter().find(storage).unwrap().outcome.clone()
    };
    assert_eq!(outcome(&without), Outcome::NotApplicable("no-declared-storage".to_owned()));
    assert_eq!(outcome(&with), Outcome::Indeterminate("file-not-looked-at".to_owned()));
    assert!(with.findings.iter().filter(absent).all(|f| f.outcome.reason() == Some("file-not-looked-at")));
    let rest = |a: &Assessment| -> Vec<Finding> {
        a.findings.iter().filter(|f| f.subject.kind != "file" && !absent(f)).cloned().collect()
    };
    assert_eq!(rest(&with), rest(&without));
}

#[test]
fn only_source_within_the_scope_is_judged() {
    let catalog = catalog();
    let bare = |path: &str| endpoint(path, 1, "none", "resolved", vec![]);
    let mut case = Case::new(vec![bare("services/a/x.py"), bare("services/b/x.py"), bare("services/a/tests/x.py")]);
    case.service = service("services/a");
    case.folders = vec![String::new(), "services/a".to_owned(), "services/b".to_owned()];
    let nested = assess(&catalog, "  constraints: [{ id: authn-endpoints }]\n", &case);
    let places: Vec<String> =
        of(&nested, "authn-endpoints/guarded").iter().map(|f| f.place.as_ref().unwrap().path.to_string()).collect();
    assert_eq!(places, ["services/a/x.py"]);
    case.service = service("");
    let root = assess(&catalog, "  constraints: [{ id: authn-endpoints }]\n", &case);
    assert_eq!(of(&root, "authn-endpoints/guarded")[0].outcome, Outcome::NotApplicable("no-endpoint".to_owned()));
}

#[test]
fn equal_subjects_are_numbered_in_path_order_whatever_the_order_of_observations() {
    let catalog = catalog();
    let spec = "  constraints: [{ id: authn-endpoints }]\n";
    let (a, b) = (endpoint("a.py", 1, "none", "resolved", vec![]), endpoint("b.py", 1, "none", "resolved", vec![]));
    let forth = assess(&catalog, spec, &Case::new(vec![a.clone(), b.clone()]));
    let back = assess(&catalog, spec, &Case::new(vec![b, a]));
    assert_eq!(forth.findings, back.findings);
    let ordinals: Vec<(String, u32)> = of(&forth, "authn-endpoints/guarded")
        .iter()
        .map(|f| (f.place.as_ref().unwrap().path.to_string(), f.subject.ordinal))
        .collect();
    assert_eq!(ordinals, [("a.py".to_owned(), 0), ("b.py".to_owned(), 1)]);
}

#[test]
fn a_finding_keeps_its_id_when_its_line_moves() {
    let catalog = catalog();
    let spec = "  constraints: [{ id: authn-endpoints }]\n";
    let one = endpoint("a.py", 1, "none", "resolved", vec![]);
    let mut moved = one.clone();
    moved.place.span.line = 400;
    moved.place.path = "other.py".into();
    let ids = |o: Observation| of(&assess(&catalog, spec, &Case::new(vec![o])), "authn-endpoints/guarded")[0].id;
    assert_eq!(ids(one), ids(moved));
}

#[test]
fn messages_name_the_subject_and_never_paint() {
    let catalog = catalog();
    let mut bare = endpoint("a.py", 1, "none", "resolved", vec![]);
    bare.attributes.insert("handler".to_owned(), Value::from("f\u{1b}[31m"));
    let assessment = assess(&catalog, "  constraints: [{ id: authn-endpoints }]\n", &Case::new(vec![bare]));
    let message = &of(&assessment, "authn-endpoints/guarded")[0].message;
    assert_eq!(message, "GET /e1 reaches f\\u{1b}[31m without authentication");
}

const WAIVED: &str = "  constraints: [{ id: authn-endpoints }]
  waivers:
    - clause: authn-endpoints/guarded
      where: { symbol: GET /e1 }
      kind: risk-accepted
      reason: read by the batch alone
      expires: 2026-11-22
";

fn waived(approvals: &Approvals, at: i64) -> (WaiverState, bool) {
    let catalog = catalog();
    let organisation = organisation(&catalog, "  approvers: { waivers: [\"@acme/security\", dana] }\n");
    let dna = dna(&catalog, WAIVED);
    let now = ligase_domain::Timestamp(NOW.0 + at);
    let desired = resolve(&catalog, Some(&organisation), Some(&dna), approvals, now);
    let case = Case::new(vec![endpoint("a.py", 1, "none", "resolved", vec![])]);
    let assessment = judge(&JudgeEnv::new(&catalog), &desired, &case.input());
    let found = of(&assessment, "authn-endpoints/guarded")[0];
    assert_eq!(found.outcome, Outcome::NotSatisfied, "the real verdict is shown all the same");
    (found.waiver.as_ref().unwrap().state, found.is_open())
}

#[test]
fn only_an_approved_unexpired_waiver_suppresses() {
    use WaiverState::{Expired, InForce, Unapproved};
    let half = DAY / 2;
    assert_eq!(waived(&approved("dana", "sam"), 0), (InForce, false));
    assert_eq!(waived(&approved("@Dana", "sam"), half - 1), (InForce, false), "the last day counts whole");
    assert_eq!(waived(&approved("dana", "sam"), half), (Expired, true));
    assert_eq!(waived(&approved("dana", "Dana"), 0), (Unapproved, true), "nobody approves his own words");
    assert_eq!(waived(&approved("eve", "sam"), 0), (Unapproved, true));
    assert_eq!(waived(&Approvals::default(), 0), (Unapproved, true));
    let mut unknown_author = approved("dana", "sam");
    unknown_author.authors.clear();
    assert_eq!(waived(&unknown_author, 0), (Unapproved, true), "an unknown author could be the approver");
    let mut team = approved("kim", "sam");
    team.teams.insert("acme/security".to_owned(), vec!["kim".to_owned()]);
    assert_eq!(waived(&team, 0), (InForce, false));
    let mut future = approved("dana", "sam");
    future.covers[0].recorded = ligase_domain::Timestamp(NOW.0 + 1);
    assert_eq!(waived(&future, 0), (Unapproved, true), "an approval counts from when it was recorded");
}

#[test]
fn a_waiver_names_one_subject_and_no_other() {
    let catalog = catalog();
    let organisation = organisation(&catalog, "  approvers: { waivers: [dana] }\n");
    let dna = dna(&catalog, WAIVED);
    let desired = resolve(&catalog, Some(&organisation), Some(&dna), &approved("dana", "sam"), NOW);
    let bare = |line| endpoint("a.py", line, "none", "resolved", vec![]);
    let assessment = judge(&JudgeEnv::new(&catalog), &desired, &Case::new(vec![bare(1), bare(11)]).input());
    let open: Vec<bool> = of(&assessment, "authn-endpoints/guarded").iter().map(|f| f.is_open()).collect();
    assert_eq!(open, [false, true]);
    assert!(assessment.valid_until.is_some_and(|t| t.0 == NOW.0 + DAY / 2));
}

#[test]
fn an_undeclared_service_is_judged_by_the_floor() {
    let catalog = catalog();
    let organisation = organisation(&catalog, "  floor: [no-sensitive-in-logs]\n");
    let desired = resolve(&catalog, Some(&organisation), None, &Approvals::default(), NOW);
    let case = Case::new(vec![log_call("a.py", 1, vec![logged("ssn", "pii", 990, "", false)], vec![])]);
    let assessment = judge(&JudgeEnv::new(&catalog), &desired, &case.input());
    assert!(!assessment.declared);
    assert_eq!(of(&assessment, "no-sensitive-in-logs/log-call")[0].outcome, Outcome::NotSatisfied);
    assert!(of(&assessment, "declaration/true").is_empty());
}

#[test]
fn an_unreadable_declaration_leaves_the_floor_and_nothing_satisfied() {
    let catalog = catalog();
    let organisation = organisation(
        &catalog,
        "  floor: [enc-at-rest]\n  cascades: [{ name: h, frameworks: [hipaa], mode: propose }]\n",
    );
    let errors = ligase_policy::Dna::read("dna.yaml", b"apiVersion: nonsense", &catalog).unwrap_err();
    let declaration = Declaration::Unreadable { digest: Digest::of(b"x"), errors: &errors };
    let desired = resolve(&catalog, Some(&organisation), declaration, &Approvals::default(), NOW);
    let case = Case::new(vec![storage("a", "no"), endpoint("a.py", 1, "none", "resolved", vec![])]);
    let assessment = judge(&JudgeEnv::new(&catalog), &desired, &case.input());
    assert_eq!(of(&assessment, "enc-at-rest/storage")[0].outcome, Outcome::NotSatisfied);
    for clause in ["authn-endpoints/guarded", "data-residency/region", "no-sensitive-in-logs/log-call"] {
        let reason = of(&assessment, clause)[0].outcome.reason().unwrap().to_owned();
        assert_eq!(reason, "declaration-unreadable", "{clause}");
    }
}

#[test]
fn declarations_that_are_not_true_are_found() {
    let catalog = catalog();
    let field = |name: &str, class: &str, confidence: i64, path: &str| {
        observation(
            "data-field",
            path,
            1,
            vec![
                ("owner", "Patient".into()),
                ("name", name.into()),
                ("class", class.into()),
                ("confidence", confidence.into()),
                ("type", "str".into()),
                ("store", "sqlalchemy".into()),
            ],
        )
    };
    let listener = observation(
        "listener",
        "main.tf",
        1,
        vec![("public", "yes".into()), ("address", "aws_lb.front".into()), ("type", "aws_lb".into())],
    );
    let mut case = Case::new(vec![
        field("email", "pii", 900, "a.py"),
        field("diagnosis", "phi", 850, "a.py"),
        field("note", "credential", 799, "a.py"),
        field("card", "cardholder-data", 990, "tests/a.py"),
        listener,
    ]);
    case.owner = OwnerFact::Missing;
    let spec = "  data: [{ class: pii }]\n  exposure: internal\n  scope: { include: [\"**\", \"gone/**\"] }\n";
    let assessment = assess(&catalog, spec, &case);
    let found: Vec<(&str, &str)> =
        of(&assessment, "declaration/true").iter().map(|f| (f.subject.symbol.as_str(), f.message.as_str())).collect();
    insta::assert_debug_snapshot!(found);
    let honest = assess(&catalog, "  data: [{ class: pii }]\n", &Case::new(vec![field("email", "pii", 900, "a.py")]));
    assert_eq!(of(&honest, "declaration/true")[0].outcome, Outcome::Satisfied);
}

#[test]
fn the_bases_declaration_governs_and_weakening_it_is_a_finding() {
    let catalog = catalog();
    let base = dna(
        &catalog,
        "  data: [{ class: phi, fields: [note] }, { class: pii }]\n  residency: [eu]\n  exposure: internet\n  frameworks: [soc2, { hipaa: [\"164.312(d)\"] }]\n  constraints: [{ id: data-residency, params: { regions: [eu-west-1] } }]\n  scope: { include: [\"src/**\", \"lib/**\"] }\n",
    );
    let head = dna(
        &catalog,
        "  data: [{ class: phi }]\n  residency: [eu, us]\n  exposure: internal\n  frameworks: [{ soc2: [CC6.1] }]\n  constraints: [{ id: data-residency, params: { regions: [eu-west-1, us-east-1] } }]\n  scope: { include: [\"src/**\"] }\n  vocabulary: { guards: [app.anybody] }\n  waivers: [{ clause: authn-endpoints/guarded, where: { symbol: GET /x }, kind: risk-accepted, reason: because, expires: 2030-01-01 }]\n",
    );
    let all = weakenings(&catalog, Some(&base), Some(&head));
    insta::assert_debug_snapshot!(all.iter().map(|w| format!("{}: {}", w.aspect, w.message)).collect::<Vec<_>>());
    let findings = weakening_findings(&service(""), &all);
    assert_eq!(findings.iter().map(|f| f.id).collect::<BTreeSet<_>>().len(), all.len());
    assert!(findings.iter().all(|f| f.outcome == Outcome::NotSatisfied));
    assert_eq!(weakenings(&catalog, Some(&base), None)[0].aspect, "declaration");
    assert_eq!(weakenings(&catalog, Some(&base), Some(&base)), vec![]);
    assert_eq!(weakenings(&catalog, None, Some(&head)), vec![], "a first declaration weakens nothing");
}

#[derive(Default)]
struct Kept(BTreeMap<Digest, Vec<Finding>>, usize);

impl Sheets for Kept {
    fn get(&mut self, key: &Digest) -> Option<Vec<Finding>> {
        let found = self.0.get(key).cloned();
        self.1 += usize::from(found.is_some());
        found
    }

    fn put(&mut self, key: Digest, findings: &[Finding]) {
        self.0.insert(key, findings.to_vec());
    }
}

#[test]
fn verdict_sheets_say_what_judging_says() {
    let catalog = catalog();
    let dna = dna(&catalog, WAIVED);
    let organisation = organisation(&catalog, "  approvers: { waivers: [dana] }\n");
    let plain = resolve(&catalog, Some(&organisation), Some(&dna), &Approvals::default(), NOW);
    let approved = resolve(&catalog, Some(&organisation), Some(&dna), &approved("dana", "sam"), NOW);
    let mut case = Case::new(vec![endpoint("a.py", 1, "none", "resolved", vec![])]);
    case.root = Some(Digest::of(b"root"));
    let (env, mut kept) = (JudgeEnv::new(&catalog), Kept::default());
    let first = judge_with(&env, &plain, &case.input(), &mut kept);
    let again = judge_with(&env, &plain, &case.input(), &mut kept);
    let clauses = plain.requirements.len();
    assert_eq!((first == again, kept.1), (true, clauses), "each clause from its sheet");
    let waived = judge_with(&env, &approved, &case.input(), &mut kept);
    assert_eq!(waived, judge(&env, &approved, &case.input()), "a sheet holds no waiver");
    case.population.skipped =
        vec![Skipped { path: "b.py".into(), class: class("python", Origin::Source), reason: "binary".to_owned() }];
    let skipped = judge_with(&env, &plain, &case.input(), &mut kept);
    assert_eq!(skipped, judge(&env, &plain, &case.input()), "what was skipped is part of the key");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        ".{0,12}".prop_map(Value::Text),
        prop_oneof!["resolved", "authentication", "yes", "eu", "login"].prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::btree_map("[a-z_]{1,9}", inner, 0..4).prop_map(Value::Map),
        ]
    })
}

/// Real observations in which some attributes are replaced by anything or taken away.
fn arbitrary() -> impl Strategy<Value = Observation> {
    let real = prop_oneof![
        Just(endpoint("a.py", 1, "none", "resolved", vec![guard("unknown", "x", false)])),
        Just(log_call("b.py", 2, vec![logged("e", "pii", 900, "", false)], vec!["o"])),
        Just(storage("s", "no")),
        Just(placement("p", "us-east-1", "us", true, false)),
        Just(observation("listener", "main.tf", 1, vec![("public", "yes".into())])),
        Just(observation("data-field", "m.py", 1, vec![("class", "phi".into()), ("confidence", 900.into())])),
        Just(observation("unmodelled", "m.py", 1, vec![("of", "endpoint".into())])),
        Just(observation("no-such-kind", "m.py", 1, vec![])),
    ];
    (real, proptest::collection::vec((any::<prop::sample::Index>(), proptest::option::of(value())), 0..4)).prop_map(
        |(mut observation, changes)| {
            for (at, value) in changes {
                let name = at.get(&observation.attributes.keys().cloned().collect::<Vec<_>>()).clone();
                match value {
                    Some(value) => observation.attributes.insert(name, value),
                    None if observation.attributes.len() > 1 => observation.attributes.remove(&name),
                    None => None,
                };
            }
            observation
        },
    )
}

/// The attributes that a kind demands; an observation without one of them says nothing that could satisfy.
fn is_whole(observation: &Observation) -> bool {
    let typed = |name: &str, ok: fn(&Value) -> bool| observation.attributes.get(name).is_some_and(ok);
    match observation.kind.as_str() {
        "storage" => typed("encrypted", |v| v.as_text().is_some()),
        "endpoint" => typed("guards", |v| v.as_list().is_some()) && typed("role", |v| v.as_text().is_some()),
        "log-call" => typed("values", |v| v.as_list().is_some()) && typed("opaque", |v| v.as_list().is_some()),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn judging_is_total_and_the_same_inputs_give_the_same_bytes(all in proptest::collection::vec(arbitrary(), 0..6)) {
        let catalog = shared();
        let dna = dna(catalog, "  residency: [eu]\n  frameworks: [soc2, hipaa, gdpr]\n");
        let desired = resolve(catalog, None, Some(&dna), &Approvals::default(), NOW);
        let case = Case::new(all.clone());
        let first = judge(&JudgeEnv::new(catalog), &desired, &case.input());
        let mut shuffled = Case::new(all.iter().rev().cloned().collect());
        shuffled.files = case.files.clone();
        prop_assert_eq!(&first, &judge(&JudgeEnv::new(catalog), &desired, &shuffled.input()));
        // Every requirement says something, every id is one, and what is not whole is not satisfied.
        let said: BTreeSet<_> = first.findings.iter().map(|f| &f.clause).collect();
        prop_assert!(desired.requirements.iter().all(|r| said.contains(&r.clause)));
        let ids: BTreeSet<_> = first.findings.iter().map(|f| f.id).collect();
        prop_assert_eq!(ids.len(), first.findings.len());
        for observation in all.iter().filter(|o| !is_whole(o)) {
            let broken = judge(&JudgeEnv::new(catalog), &desired, &Case::new(vec![observation.clone()]).input());
            let bad = broken.findings.iter().filter(|f| f.subject.kind == observation.kind);
            for finding in bad {
                prop_assert!(
                    matches!(&finding.outcome, Outcome::Indeterminate(r) if r == "observation-malformed"),
                    "{:?}", finding
                );
            }
        }
    }
}

fn shared() -> &'static Catalog {
    static CATALOG: std::sync::OnceLock<Catalog> = std::sync::OnceLock::new();
    CATALOG.get_or_init(catalog)
}
