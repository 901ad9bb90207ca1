//! A corpus of wrong patches, each refused by the check of its class with the others off, and right ones that pass all.
#![allow(clippy::unwrap_used)]

use ligase_domain::{EntryKind, GateCheck, GateVerdict, Origin, RepoPath};
use ligase_policy::patch::{
    ChangedFile, PatchRules, allowed_paths, no_dependency, no_new_url, no_suppression, plain_text, structural,
    tests_kept, within_budget,
};
use proptest::prelude::*;

const BASE: &str = "import logging\nfrom fastapi import APIRouter\n\nrouter = APIRouter()\nlogger = logging.getLogger(__name__)\n\n\n@router.get(\"/patients/{id}\")\ndef read(id: int):\n    logger.info(\"read %s\", id)\n    return {}\n";

fn rules() -> PatchRules {
    let known = ["logging", "fastapi", "app", "typing"];
    PatchRules { known_modules: known.into_iter().map(str::to_owned).collect(), ..PatchRules::default() }
}

fn with<T>(path: &str, base: &str, new: &str, check: impl Fn(&[ChangedFile<'_>]) -> T) -> T {
    let path = RepoPath::from(path);
    check(&[ChangedFile {
        path: &path,
        kind: Some(EntryKind::File),
        origin: Origin::Source,
        base: base.as_bytes(),
        new: new.as_bytes(),
    }])
}

fn added(line: &str) -> String {
    BASE.replace("def read", &format!("{line}\ndef read"))
}

fn refused(verdict: &GateVerdict) -> bool {
    matches!(verdict, GateVerdict::Refused(_))
}

#[test]
fn right_patches_pass_every_check() {
    let guarded = BASE
        .replace(
            "from fastapi import APIRouter",
            "from fastapi import APIRouter, Depends\nfrom app.security import current_user",
        )
        .replace("{id}\")", "{id}\", dependencies=[Depends(current_user)])");
    let terraform = "resource \"aws_db_instance\" \"a\" {\n  engine = \"postgres\"\n}\n";
    let encrypted = terraform.replace("}\n", "  storage_encrypted = true\n}\n");
    let noisy = BASE.replace("import logging", "import logging  # noqa: E402");
    let kept = noisy.replace("logging  # noqa", "logging as log  # noqa");
    for (path, base, new) in
        [("app/api.py", BASE, guarded.as_str()), ("main.tf", terraform, &encrypted), ("a.py", &noisy, &kept)]
    {
        for result in with(path, base, new, |f| structural(f, &rules())) {
            assert_eq!(result.verdict, GateVerdict::Passed, "{path} {}", result.check.name());
        }
    }
}

#[test]
fn paths_that_no_patch_touches_are_refused() {
    for path in [
        ".github/workflows/ci.yml",
        ".gitlab-ci.yml",
        "Jenkinsfile",
        "sub/.circleci/config.yml",
        ".GitHub/workflows/a.yml",
        "poetry.lock",
        "infra/.terraform.lock.hcl",
        "package-lock.json",
        "vendor.lock",
        "dna.yaml",
        "services/a/DNA.yaml",
        "organisation.yaml",
        "CODEOWNERS",
        ".github/CODEOWNERS",
        "tests/test_api.py",
        "app/test_api.py",
        "app/api_test.py",
        "conftest.py",
        "AGENTS.md",
        ".semgrepignore",
        ".pre-commit-config.yaml",
        ".gitattributes",
        ".gitmodules",
        ".git/config",
        "../outside.py",
        "/etc/passwd",
        "a//b.py",
        "a/./b.py",
        "a\\b.py",
        "a\u{7}.py",
    ] {
        assert!(refused(&with(path, BASE, &added("X = 1"), allowed_paths)), "{path}");
    }
    let policy = "apiVersion: ligase.dev/v1\nkind: Organisation\n";
    assert!(refused(&with("policy/acme.yaml", policy, "x", allowed_paths)), "a policy under another name");
    assert!(refused(&with("a.py", BASE, BASE, allowed_paths)), "nothing changed");
    assert!(refused(&allowed_paths(&[])), "an empty patch");
}

#[test]
fn only_regular_files_that_exist_are_changed() {
    let path = RepoPath::from("app/api.py");
    let file = |kind, origin| ChangedFile { path: &path, kind, origin, base: b"a", new: b"b" };
    let source = Origin::Source;
    for (kind, origin) in [
        (None, source),
        (Some(EntryKind::Symlink), source),
        (Some(EntryKind::Submodule), source),
        (Some(EntryKind::File), Origin::Test),
        (Some(EntryKind::File), Origin::Vendored),
        (Some(EntryKind::File), Origin::Generated),
    ] {
        assert!(refused(&allowed_paths(&[file(kind, origin)])), "{kind:?} {origin:?}");
    }
    let good = file(Some(EntryKind::Executable), source);
    assert_eq!(allowed_paths(&[good]), GateVerdict::Passed);
    assert!(refused(&allowed_paths(&[good, good])), "the same file twice");
}

#[test]
fn suppressions_are_refused() {
    for line in [
        "# noqa",
        "# NOQA: E501",
        "x = 1  # nosec B105",
        "# nosemgrep: a.b",
        "# type: ignore",
        "# type:ignore[arg]",
        "# pylint: disable=all",
        "# pylint:disable=W",
        "# ast-grep-ignore",
        "#checkov:skip=CKV_AWS_1:because",
        "#tfsec:ignore:aws-s3",
        "# trivy:ignore:AVD-1",
        "# kics-scan ignore",
        "/* eslint-disable */",
        "# noinspection PyUnused",
        "//nolint",
        "# NOSONAR",
        "# pragma: no cover",
        "# gitleaks:allow",
        "# bandit: skip",
        "# fmt: off",
        "# ligase: ignore",
        "# pyright: ignore",
        "// @ts-ignore",
        "# mypy: ignore-errors",
        "# hadolint ignore=DL3008",
    ] {
        assert!(refused(&with("a.py", BASE, &added(line), no_suppression)), "{line}");
    }
    let two = BASE.replace("import logging", "import logging  # noqa");
    assert!(refused(&with("a.py", &two, &two.replace("return {}", "return {}  # noqa"), no_suppression)), "one more");
    assert_eq!(with("a.py", BASE, &added("# a cone, a nose, type: text"), no_suppression), GateVerdict::Passed);
}

#[test]
fn weakened_tests_are_refused() {
    let base = "import pytest\n\ndef test_one():\n    assert read(1) == 1\n    assert read(2)\n\nasync def test_two():\n    assert True\n";
    let cases = [
        base.replace("async def test_two", "async def two"),
        base.replace("    assert read(2)\n", ""),
        base.replace("def test_one", "@pytest.mark.skip\ndef test_one"),
        base.replace("def test_one", "@pytest.mark.xfail(strict=False)\ndef test_one"),
        base.replace("    assert read(1) == 1\n    assert read(2)\n", "    pass\n"),
        base.replace("    assert True", "    pytest.skip(\"later\")\n    assert True"),
        String::new(),
    ];
    for new in cases {
        assert!(refused(&with("app/checks.py", base, &new, tests_kept)), "{new}");
    }
    let more = format!("{base}\ndef test_three():\n    assert 3\n");
    assert_eq!(with("app/checks.py", base, &more, tests_kept), GateVerdict::Passed);
}

#[test]
fn dependencies_are_refused() {
    for path in [
        "requirements.txt",
        "requirements/dev.txt",
        "requirements-dev.txt",
        "pyproject.toml",
        "setup.py",
        "Pipfile",
        "package.json",
        "versions.tf",
    ] {
        assert!(refused(&with(path, "a\n", "a\nb\n", |f| no_dependency(f, &rules()))), "{path}");
    }
    for line in [
        "import slowapi",
        "from slowapi.util import x",
        "import app, slowapi as s",
        "x = 1; import requests",
        "    from evil import *",
        "import \\\n    evil",
        "x = __import__('evil')",
        "import importlib",
        "exec(code)",
        "if True: import evil",
    ] {
        assert!(refused(&with("a.py", BASE, &added(line), |f| no_dependency(f, &rules()))), "{line}");
    }
    for line in [
        "from . import x",
        "from .security import current_user",
        "import app.security",
        "from typing import Any",
        "# imported from evil",
    ] {
        assert_eq!(with("a.py", BASE, &added(line), |f| no_dependency(f, &rules())), GateVerdict::Passed, "{line}");
    }
    let module = "module \"x\" {\n  source = \"evil/x/aws\"\n}\n";
    assert!(refused(&with("main.tf", "", module, |f| no_dependency(f, &rules()))));
}

#[test]
fn hidden_characters_and_new_urls_are_refused() {
    for c in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{ad}', '\u{1b}', '\0', '\u{3164}', '\u{e0041}'] {
        assert!(refused(&with("a.py", BASE, &added(&format!("# a{c}b")), plain_text)), "{}", c.escape_unicode());
    }
    let path = RepoPath::from("a.py");
    let file =
        ChangedFile { path: &path, kind: Some(EntryKind::File), origin: Origin::Source, base: b"a", new: b"\xff" };
    assert!(refused(&plain_text(&[file])), "no text");
    for line in [
        "U = \"https://evil.example/x\"",
        "u = 'HTTP://EVIL'",
        "x = \"git+https://evil/x\"",
        "s = \"wss://a\"",
        "b = \"s3://bucket\"",
    ] {
        assert!(refused(&with("a.py", BASE, &added(line), no_new_url)), "{line}");
    }
    let linked = BASE.replace("return {}", "return \"https://a.example\"");
    assert_eq!(with("a.py", &linked, &linked.replace("int", "str"), no_new_url), GateVerdict::Passed, "it was there");
}

#[test]
fn more_than_a_person_reads_is_refused() {
    let long = format!("{BASE}{}", "x = 1\n".repeat(81));
    assert!(refused(&with("a.py", BASE, &long, |f| within_budget(f, &rules()))));
    assert!(refused(&with("a.py", &long, BASE, |f| within_budget(f, &rules()))), "removing counts");
    let ends = long.replace('\n', "\r\n");
    assert!(refused(&with("a.py", &long, &ends, |f| within_budget(f, &rules()))), "line ends count");
    let paths: Vec<RepoPath> = (0..6).map(|n| RepoPath::from(format!("{n}.py").as_str())).collect();
    let files: Vec<ChangedFile<'_>> = paths
        .iter()
        .map(|path| ChangedFile { path, kind: Some(EntryKind::File), origin: Origin::Source, base: b"a", new: b"b" })
        .collect();
    assert!(refused(&within_budget(&files, &rules())));
}

proptest! {
    #[test]
    fn the_checks_are_total_and_an_untouched_text_adds_nothing(base in proptest::collection::vec(any::<u8>(), 0..200), new in proptest::collection::vec(any::<u8>(), 0..200)) {
        let path = RepoPath::new(base.clone());
        let file = |new| ChangedFile { path: &path, kind: Some(EntryKind::File), origin: Origin::Source, base: &base, new };
        let results = structural(&[file(new.as_slice())], &rules());
        prop_assert_eq!(results.len(), 5);
        let same = [file(base.as_slice())];
        prop_assert_eq!(no_suppression(&same), GateVerdict::Passed);
        prop_assert_eq!(tests_kept(&same), GateVerdict::Passed);
        prop_assert_eq!(no_new_url(&same), GateVerdict::Passed);
        prop_assert!(results.windows(2).all(|w| GateCheck::ALL.iter().position(|c| *c == w[0].check) < GateCheck::ALL.iter().position(|c| *c == w[1].check)));
    }
}
