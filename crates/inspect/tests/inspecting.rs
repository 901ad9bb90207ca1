//! Trees and declarations in, assessments out: who governs what, what a change does, and what the catalog's examples say.

use ligase_domain::{Finding, MapTree, NoCache, Outcome, Timestamp};
use ligase_inspect::{Comparison, Declared, Identities, Inspection, Inspector, MemoryCache, assume, everything};
use ligase_probe::NoProgress;

const NOW: Timestamp = Timestamp(1_767_225_600_000);

const APP: &str = r#"import jwt
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer

scheme = OAuth2PasswordBearer(tokenUrl="/token")


def current_user(token: str = Depends(scheme)) -> str:
    try:
        return jwt.decode(token, "key", algorithms=["HS256"])["sub"]
    except jwt.PyJWTError as error:
        raise HTTPException(status_code=401) from error


router = APIRouter(dependencies=[Depends(current_user)])


@router.get("/notes")
def notes():
    return []


@router.post("/notes")
def add_note(text: str):
    return text


app = FastAPI()
app.include_router(router)
"#;

const DNA: &str = "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: { name: notes }\nspec:\n  data: [{ class: pii }]\n  exposure: internet\n  constraints: [{ id: authn-endpoints }, { id: no-sensitive-in-logs }]\n";

fn inspector() -> Inspector {
    Inspector::shipped().unwrap_or_else(|e| panic!("{e:#?}"))
}

fn inspect(files: &[(&str, &str)]) -> Inspection {
    let declared = Declared::working_tree("t");
    inspector().inspect(&MapTree::new(files.iter().copied()), &declared, &NoCache, NOW, &NoProgress)
}

fn compare(base: &[(&str, &str)], head: &[(&str, &str)]) -> Comparison {
    let (base, head) = (MapTree::new(base.iter().copied()), MapTree::new(head.iter().copied()));
    inspector().compare(&base, &head, &Declared::working_tree("t"), &NoCache, NOW, &NoProgress)
}

fn guarded(findings: &[Finding]) -> Vec<String> {
    let of = |f: &&Finding| f.clause.to_string() == "authn-endpoints/guarded";
    findings.iter().filter(of).map(|f| format!("{} {}", f.subject.symbol, f.outcome.name())).collect()
}

#[test]
fn a_declared_service_is_judged_by_what_it_declares() {
    let inspection = inspect(&[("app.py", APP), ("dna.yaml", DNA)]);
    assert_eq!(inspection.services.len(), 1);
    let assessment = &inspection.services[0].assessment;
    assert!(assessment.declared && assessment.name == "notes");
    assert_eq!(guarded(&assessment.findings), ["GET /notes satisfied", "POST /notes satisfied"]);
    assert!(inspection.problems.is_empty());
    assert_eq!((inspection.looked_at, inspection.from_cache), (1, 0));
}

#[test]
fn what_no_declaration_governs_is_a_service_that_has_not_declared_itself() {
    let nested =
        inspect(&[("services/notes/app.py", APP), ("services/notes/dna.yaml", DNA), ("tools/x.py", "print(1)\n")]);
    let folders: Vec<&str> = nested.services.iter().map(|s| s.assessment.service.folder.as_str()).collect();
    assert_eq!(folders, ["", "services/notes"]);
    assert!(!nested.services[0].assessment.declared && nested.services[1].assessment.declared);
    let all = inspect(&[("services/notes/app.py", APP), ("services/notes/dna.yaml", DNA), ("README.md", "x")]);
    assert_eq!(all.services.len(), 1, "what nobody reads makes no service");
    assert_eq!(inspect(&[]).services.len(), 1, "and an empty tree is one");
}

#[test]
fn declarations_in_tests_and_examples_declare_nothing() {
    let inspection = inspect(&[("app.py", APP), ("tests/fixtures/dna.yaml", DNA), ("docs/examples/dna.yaml", DNA)]);
    assert_eq!(inspection.services.len(), 1);
    assert!(!inspection.services[0].assessment.declared);
}

#[test]
fn a_declaration_that_cannot_be_read_leaves_everything_undecided_and_is_named() {
    for text in [DNA.replace("pii", "pij"), DNA.replace("exposure", "exposur"), format!("{DNA}{}", "#".repeat(70_000))]
    {
        let inspection = inspect(&[("app.py", APP), ("dna.yaml", &text)]);
        assert_eq!(inspection.problems.len(), 1, "{:?}", inspection.problems);
        assert_eq!(inspection.problems[0].file, "dna.yaml");
        let findings = &inspection.services[0].assessment.findings;
        let reason = Outcome::Indeterminate("declaration-unreadable".to_owned());
        assert!(!findings.is_empty() && findings.iter().all(|f| f.outcome == reason));
    }
}

#[test]
fn an_assumed_identity_governs_in_place_of_what_stands_in_the_tree() {
    let inspector = inspector();
    let tree = MapTree::new([("app.py", APP), ("dna.yaml", "broken: [")]);
    let assumed = assume("data=phi;constraints=authn-endpoints", inspector.catalog()).unwrap();
    let declared = Declared::working_tree("t").with(Identities::Assumed(Box::new(assumed)));
    let inspection = inspector.inspect(&tree, &declared, &NoCache, NOW, &NoProgress);
    assert!(inspection.problems.is_empty());
    assert_eq!(guarded(&inspection.services[0].assessment.findings).len(), 2);
    let declared = declared.with(Identities::Everything);
    let all = inspector.inspect(&tree, &declared, &NoCache, NOW, &NoProgress);
    let clauses: std::collections::BTreeSet<_> = all.findings().map(|f| f.clause.constraint.clone()).collect();
    assert!(everything(inspector.catalog()).constraints.keys().all(|c| clauses.contains(c)), "{clauses:?}");
}

#[test]
fn removing_a_routers_guard_reports_every_endpoint_that_it_exposed() {
    let head = APP.replace("APIRouter(dependencies=[Depends(current_user)])", "APIRouter()");
    let c = compare(&[("app.py", APP), ("dna.yaml", DNA)], &[("app.py", &head), ("dna.yaml", DNA)]);
    assert_eq!(guarded(&c.difference.new), ["GET /notes not-satisfied", "POST /notes not-satisfied"]);
    assert!(c.difference.fixed.is_empty() && c.weakenings.is_empty());
    let back = compare(&[("app.py", &head), ("dna.yaml", DNA)], &[("app.py", APP), ("dna.yaml", DNA)]);
    assert_eq!(guarded(&back.difference.fixed).len(), 2);
    assert!(back.difference.new.is_empty());
    let same = compare(&[("app.py", &head), ("dna.yaml", DNA)], &[("app.py", &head), ("dna.yaml", DNA)]);
    assert_eq!((same.difference.unchanged.len(), same.difference.new.len()), (2, 0));
    assert_eq!(same.head.looked_at, 0, "what the base showed is known");
}

#[test]
fn the_base_governs_and_what_the_change_takes_away_is_named() {
    let head = APP.replace("APIRouter(dependencies=[Depends(current_user)])", "APIRouter()");
    let weaker = DNA.replace("{ id: authn-endpoints }, ", "").replace("internet", "none");
    let c = compare(&[("app.py", APP), ("dna.yaml", DNA)], &[("app.py", &head), ("dna.yaml", &weaker)]);
    assert_eq!(guarded(&c.difference.new).len(), 2, "a change cannot lower the bar that it is measured with");
    let aspects: Vec<&str> = c.weakenings[""].iter().map(|w| w.aspect).collect();
    assert_eq!(aspects, ["constraint", "exposure"]);
    let gone = compare(&[("app.py", APP), ("dna.yaml", DNA)], &[("app.py", &head)]);
    assert_eq!(guarded(&gone.difference.new).len(), 2);
    assert_eq!(gone.weakenings[""][0].aspect, "declaration");
    let hidden = compare(&[("app.py", &head), ("dna.yaml", DNA)], &[("dna.yaml", DNA)]);
    assert_eq!(guarded(&hidden.difference.vanished).len(), 2);
}

#[test]
fn a_cache_makes_no_difference_but_in_what_is_read() {
    let cache = MemoryCache::over(&NoCache);
    let inspector = inspector();
    let declared = Declared::working_tree("t");
    let tree = MapTree::new([("app.py", APP), ("copy/app.py", APP), ("dna.yaml", DNA)]);
    let first = inspector.inspect(&tree, &declared, &cache, NOW, &NoProgress);
    let second = inspector.inspect(&tree, &declared, &cache, NOW, &NoProgress);
    assert_eq!((first.looked_at, second.looked_at, second.from_cache), (1, 0, 1));
    assert_eq!(first.services[0].assessment, second.services[0].assessment);
}

#[test]
fn a_tree_that_cannot_be_listed_is_incomplete_and_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.py"), APP).unwrap();
    let bounds = ligase_inspect::DirectoryBounds { paths: 0, ..Default::default() };
    let tree = ligase_inspect::DirectoryTree::open(folder.path(), &bounds).unwrap();
    let inspector = inspector();
    let declared = Declared::working_tree("t").with(Identities::Everything);
    let inspection = inspector.inspect(&tree, &declared, &NoCache, NOW, &NoProgress);
    assert_eq!(inspection.population.incomplete.as_deref(), Some("over-budget"));
    let satisfied =
        inspection.findings().filter(|f| f.outcome == Outcome::Satisfied && f.subject.kind != "service").count();
    assert_eq!(satisfied, 0);
    let clean = inspection.findings().filter(|f| matches!(f.outcome, Outcome::NotApplicable(_))).collect::<Vec<_>>();
    assert!(clean.iter().all(|f| f.outcome.reason() == Some("no-residency-declared")), "{clean:#?}");
}

#[test]
fn every_example_of_the_catalog_holds() {
    let report = inspector().run_examples(None);
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
    let failures: Vec<String> = report
        .failures()
        .map(|r| {
            let (e, seen) = (&r.example, r.failure.clone().unwrap_or_default());
            format!("{}:{} {} [{}] {}: {seen}", e.file, e.line, e.clause, e.stack, e.name)
        })
        .collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), report.results.len(), failures.join("\n"));
    assert!(report.results.len() >= 60);
}

#[test]
fn an_example_that_does_not_hold_is_a_failure_and_one_of_an_unknown_clause_a_problem() {
    let text = "apiVersion: ligase.dev/v1\nkind: Examples\nmetadata: { constraint: authn-endpoints }\nspec:\n  examples:\n    - { name: wrong, clause: guarded, stack: s, expect: satisfied, subject: \"GET /x\", files: { a.py: \"x = 1\" } }\n    - { name: unknown, clause: nothing, stack: s, expect: satisfied, files: {} }\n";
    let file = ligase_catalog::CatalogFile {
        path: "constraints/mine.examples.yaml".into(),
        bytes: text.as_bytes().to_vec().into(),
    };
    let report =
        Inspector::with_files(vec![file]).unwrap_or_else(|e| panic!("{e:#?}")).run_examples(Some("authn-endpoints"));
    let wrong = report.results.iter().find(|r| r.example.name == "wrong").unwrap();
    assert!(wrong.failure.as_ref().unwrap().starts_with("0 findings of the subject"), "{wrong:?}");
    assert_eq!(report.problems[0].code, "E-EXAMPLE-CLAUSE");
    let cells = report.cells();
    let cell = cells.iter().find(|((_, stack), _)| stack == "s").unwrap().1;
    assert!(!cell.is_real() && cell.failed == 1);
}

#[test]
fn the_shipped_catalog_is_clean_and_what_is_wrong_beside_it_is_named() {
    assert_eq!(inspector().lint(), []);
    let file = |path: &'static str| ligase_catalog::CatalogFile { path: path.into(), bytes: b"x: 1".as_slice().into() };
    let files = vec![file("remedies/authn-endpoints/guardd.python.yaml"), file("vocabluary/x.yaml")];
    let problems = Inspector::with_files(files).unwrap_or_else(|e| panic!("{e:#?}")).lint();
    let codes: Vec<(&str, &str)> = problems.iter().map(|p| (p.code.as_str(), p.nearest.as_str())).collect();
    assert_eq!(codes, [("E-CATALOG-REMEDY", "authn-endpoints/guarded"), ("E-CATALOG-FOLDER", "vocabulary")]);
}
