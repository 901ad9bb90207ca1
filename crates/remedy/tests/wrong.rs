//! The corpus of wrong patches in `wrong/`: each is refused by the check of its class with all other checks off, and the
//! right patch that it was made from is not. At least five a class, over three stacks. The two classes that are about more
//! than text, `reproduces` and `applies`, are made here.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use ligase_domain::{Digest, FindingId, GateCheck, Oid, Patch};
use ligase_remedy::GateOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const NODE: &str = "{\"dependencies\":{\"express\":\"4\",\"jsonwebtoken\":\"9\"}}\n";

const DEPOT_AUTH: &str = r#"const jwt = require('jsonwebtoken');

function requireUser(req, res, next) {
  try {
    req.user = jwt.verify(req.headers.authorization, process.env.KEY);
    next();
  } catch (e) {
    res.status(401).end();
  }
}

function greet(req, res, next) {
  res.set('x-hello', 'you');
  next();
}

module.exports = { greet, requireUser };
"#;

const DEPOT: &str = r#"const express = require('express');
const { greet, requireUser } = require('./auth');

const app = express();

app.get('/crates', requireUser, (req, res) => {
  res.json([]);
});

app.get('/crates/:id', (req, res) => {
  res.json({ id: req.params.id });
});

app.put('/crates/:id', greet, requireUser, (req, res) => {
  res.json({});
});

app.listen(8080);
"#;

/// A file of the corpus, and in it the other words.
struct Edit {
    path: String,
    from: String,
    to: String,
}

struct Case {
    stack: String,
    what: String,
    from_base: bool,
    edits: Vec<Edit>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut out: Vec<Case> = Vec::new();
    let mut behind = false;
    for line in text.split_inclusive('\n') {
        if let Some(head) = line.strip_prefix("=== ") {
            let parts: Vec<&str> = head.trim().split(" | ").collect();
            let [stack, what] = [parts[0], parts[1]].map(str::to_owned);
            out.push(Case { stack, what, from_base: parts.get(2) == Some(&"base"), edits: vec![] });
            continue;
        }
        let case = out.last_mut().expect("a file begins with a case");
        if let Some(path) = line.strip_prefix("@@ ") {
            behind = false;
            case.edits.push(Edit { path: path.trim().to_owned(), from: String::new(), to: String::new() });
            continue;
        }
        let edit = case.edits.last_mut().expect("words follow a file");
        match line.trim_end() {
            "=>" => behind = true,
            _ if behind => edit.to.push_str(line),
            _ => edit.from.push_str(line),
        }
    }
    out
}

/// The right patch of a stack.
struct Right {
    patch: Patch,
    findings: Vec<FindingId>,
}

/// The corpus' repository and its right patches.
struct Corpus {
    repo: Repo,
    rights: BTreeMap<&'static str, Right>,
}

impl Corpus {
    fn new() -> Self {
        let beside = [("depot/package.json", NODE), ("depot/auth.js", DEPOT_AUTH), ("depot/app.js", DEPOT)];
        let repo = Repo::new(clinic().into_iter().chain(beside));
        let right = |clause: &str, symbol: &str| {
            let findings = repo.ids(clause, &[symbol]);
            let proposal = repo.propose(clause, &findings);
            Right { patch: proposal.patch.unwrap_or_else(|| panic!("{:#?}", proposal.answers)), findings }
        };
        let rights = BTreeMap::from([
            ("fastapi", right(GUARDED, "GET /patients/{patient_id}")),
            ("express", right(GUARDED, "GET /crates/{id}")),
            ("logging", right(LOG_CALL, "delete_patient: logger.info")),
            ("terraform", right(STORAGE, "aws_sqs_queue.results")),
        ]);
        Self { repo, rights }
    }

    fn wrong(&self, case: &Case) -> Patch {
        let right = &self.rights[case.stack.as_str()];
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        if !case.from_base {
            files.extend(right.patch.changes.iter().map(|c| (c.path.to_string(), text(&c.bytes))));
        }
        for edit in &case.edits {
            let base = || self.repo.tree.0.get(&edit.path.as_str().into()).map_or_else(String::new, |b| text(b));
            let now = files.get(&edit.path).cloned().unwrap_or_else(base);
            // The last line end is the format's, not the words'.
            let from = edit.from.strip_suffix('\n').unwrap_or(&edit.from);
            let to = edit.to.replace("<U+202E>", "\u{202e}");
            let next = if from.is_empty() {
                now.clone() + &to
            } else {
                now.replacen(from, to.strip_suffix('\n').unwrap_or(&to), 1)
            };
            assert_ne!(next, now, "{}: the words do not stand in {}", case.what, edit.path);
            files.insert(edit.path.clone(), next);
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        Patch { remedies: right.patch.remedies.clone(), ..self.repo.patch(&files) }
    }

    /// Refused by this check alone; the reason, if by anything.
    fn refusal(&self, check: GateCheck, patch: &Patch, findings: &[FindingId]) -> Option<&'static str> {
        let report = self.repo.gate(patch, findings, &GateOptions::only(check));
        report.refusal().map(|(reason, _)| reason)
    }
}

#[test]
fn each_check_refuses_its_own_class_with_all_others_off() {
    let corpus = Corpus::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let text_checks = GateCheck::ALL
        .into_iter()
        .filter(|c| !matches!(c, GateCheck::Reproduces | GateCheck::Applies | GateCheck::Verify));
    let mut missed = Vec::new();
    for check in text_checks {
        let name = check.name();
        let text =
            std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap_or_else(|e| panic!("{name}: {e}"));
        let cases = cases(&text);
        let stacks: BTreeSet<&str> = cases.iter().map(|c| c.stack.as_str()).collect();
        assert!(cases.len() >= 5 && stacks.len() >= 3, "{name}: {} patches over {stacks:?}", cases.len());
        for (stack, right) in &corpus.rights {
            let refusal = corpus.refusal(check, &right.patch, &right.findings);
            assert_eq!(refusal, None, "{name} refuses the right patch of {stack}");
        }
        for case in &cases {
            let findings = &corpus.rights[case.stack.as_str()].findings;
            let refusal = corpus.refusal(check, &corpus.wrong(case), findings);
            if refusal != Some(check.refusal()) {
                missed.push(format!("{name}: {}: {}: {refusal:?}", case.stack, case.what));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_does_not_reproduce_is_refused_on_every_stack() {
    let corpus = Corpus::new();
    for (stack, right) in &corpus.rights {
        let other: Vec<FindingId> =
            corpus.rights.iter().filter(|(s, _)| *s != stack).flat_map(|(_, r)| r.findings.clone()).collect();
        let satisfied = corpus.repo.inspection.findings().find(|f| !f.is_open()).unwrap().id;
        let nobodys = FindingId(Digest::of(b"x"));
        for (what, findings) in [
            ("none", vec![]),
            ("one that is satisfied", vec![satisfied]),
            ("one that nobody has", vec![nobodys]),
            ("one of them is satisfied", vec![right.findings[0], satisfied]),
            ("one of others and one that nobody has", vec![other[0], nobodys]),
        ] {
            let refusal = corpus.refusal(GateCheck::Reproduces, &right.patch, &findings);
            assert_eq!(refusal, Some("already-satisfied"), "{stack}: {what}");
        }
    }
}

#[test]
fn what_does_not_apply_is_refused_on_every_stack() {
    type Change = (&'static str, fn(&mut Patch));
    let changes: [Change; 7] = [
        ("another revision", |p| p.base_revision = Oid::Sha1([7; 20])),
        ("another base", |p| p.changes[0].base = Oid::Sha256([7; 32])),
        ("a file that is not there", |p| p.changes[0].path = "no/such/file".into()),
        ("bytes that the diff does not show", |p| p.changes[0].bytes.extend_from_slice(b"# x\n")),
        ("twice the same file", |p| p.changes.push(p.changes[0].clone())),
        ("nothing", |p| p.changes.clear()),
        ("no text", |p| p.changes[0].bytes = vec![0xff, 0xfe]),
    ];
    let corpus = Corpus::new();
    for (stack, right) in &corpus.rights {
        for (what, change) in &changes {
            let mut patch = right.patch.clone();
            change(&mut patch);
            let refusal = corpus.refusal(GateCheck::Applies, &patch, &right.findings);
            assert_eq!(refusal, Some("does-not-apply"), "{stack}: {what}");
        }
    }
}
