//! Properties of whatever is proposed: bytes outside the changed lines are identical, applying a remedy to its own result
//! changes nothing, and hostile sources never make it panic.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use ligase_domain::{FileChange, OverlayTree, Patch};
use proptest::prelude::*;

/// An endpoint in one of many styles.
fn endpoint() -> impl Strategy<Value = String> {
    let style = prop_oneof![
        Just("@router.get(\"/{p}\")"),
        Just("@router.get('/{p}',)"),
        Just("@router.get(\n    \"/{p}\",\n    status_code=200,\n)"),
        Just("@router.get(\n    \"/{p}\",\n    status_code=200  # fine\n)"),
        Just("@router.get(\"/{p}\",\n            status_code=200)"),
        Just("@router.get(\"/{p}\", dependencies=[Depends(limit)])"),
        Just("@router.get(\"/{p}\", dependencies=[\n    Depends(limit),\n])"),
        Just("@router.get(\"/{p}\", tags=[\"a\", 'b'], summary=\"(\")"),
    ];
    let body = prop_oneof![
        Just("    return []"),
        Just("    x = \"@router.get(\\\"/y\\\")\"\n    return x"),
        Just("\treturn {}")
    ];
    (style, "[a-z]{3,6}", body).prop_map(|(s, p, b)| format!("{}\ndef f_{p}():\n{b}\n", s.replace("{p}", &p)))
}

fn file() -> impl Strategy<Value = String> {
    let head = prop_oneof![
        Just("from fastapi import APIRouter, Depends\n"),
        Just("from fastapi import (\n    APIRouter,\n    Depends,\n)\n"),
        Just("\"\"\"Doc.\"\"\"\n\nfrom fastapi import APIRouter, Depends\n"),
        Just(
            "from __future__ import annotations\n\nfrom fastapi import APIRouter, Depends\n\nfrom app.store import find\n"
        ),
        Just("import os\nfrom fastapi import APIRouter, Depends\nfrom .other import thing\n"),
    ];
    (head, proptest::collection::vec(endpoint(), 1..4), any::<(bool, bool, bool)>()).prop_map(
        |(head, all, (crlf, bom, end))| {
            let mut text =
                format!("{head}\nrouter = APIRouter()\n\n\ndef limit():\n    return None\n\n\n{}", all.join("\n\n"));
            if end {
                text.truncate(text.trim_end().len());
            }
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            if bom { format!("\u{feff}{text}") } else { text }
        },
    )
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_proposal_changes_only_what_it_means_to_and_only_once(text in file()) {
        let repo = Repo::clinic_with(&[("app/routers/appointments.py", &text)]);
        let proposal = repo.propose(GUARDED, &repo.open(GUARDED));
        let Some(patch) = &proposal.patch else { return Ok(()) };
        let Some(change) = patch.changes.iter().find(|c| c.path == "app/routers/appointments.py".into()) else { return Ok(()) };
        let new = String::from_utf8(change.bytes.clone()).unwrap();
        // Every line of the base is there in order, whole or with something put into it.
        let (before, after) = (lines(&text), lines(&new));
        let mut at = 0;
        for line in &before {
            let kept = |candidate: &&str| subsequence(line.trim_end_matches(['\r', '\n']), candidate);
            let found = after[at..].iter().position(kept);
            prop_assert!(found.is_some(), "{line:?} is gone from\n{new}");
            at += found.unwrap() + 1;
        }
        prop_assert_eq!(text.contains("\r\n"), new.contains("\r\n"));
        prop_assert!(!text.contains("\r\n") || !new.replace("\r\n", "").contains('\n'), "line ends are not mixed");
        prop_assert_eq!(text.ends_with('\n'), new.ends_with('\n'));
        prop_assert_eq!(text.starts_with('\u{feff}'), new.starts_with('\u{feff}'));
        let report = repo.gated(&proposal);
        prop_assert!(report.accepted(), "{:?}\n{}", report.refusal(), patch.diff);
        // Its own result has nothing left to mend.
        let after = repo.after(patch);
        let left = after.findings().filter(|f| proposal.patched().contains(&f.id) && f.is_open()).count();
        prop_assert_eq!(left, 0);
    }

    #[test]
    fn hostile_sources_never_make_it_panic(cut in 0usize..900, noise in "[(){}\\[\\]\"'#\\\\\n\r,=@:é]{0,6}") {
        let mut text = PATIENTS.to_owned();
        let at = (0..=cut.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap();
        text.insert_str(at, &noise);
        let repo = Repo::clinic_with(&[(FILE, &text)]);
        for clause in [GUARDED, LOG_CALL] {
            let proposal = repo.propose(clause, &repo.open(clause));
            if let Some(patch) = &proposal.patch {
                let _ = repo.gated(&proposal);
                let _ = OverlayTree::new(repo.base(), &Patch { changes: Vec::<FileChange>::new(), ..patch.clone() });
            }
        }
    }
}

const FILE: &str = "app/routers/patients.py";

/// Whether all characters of `part` come in `whole` in order.
fn subsequence(part: &str, whole: &str) -> bool {
    let mut rest = whole.chars();
    part.chars().all(|c| rest.any(|w| w == c))
}
