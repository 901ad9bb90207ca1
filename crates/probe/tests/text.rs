//! What is read as text is told once, whichever other engines read the same file.
#![allow(clippy::unwrap_used)]

mod common;

use common::seen;

#[test]
fn what_stands_in_text_is_told_once_and_with_its_file() {
    let files = [
        ("app/settings.py", "import os\n\nSECRET_KEY = os.environ[\"SECRET_KEY\"]\nrequests.get(url, verify=False)\n"),
        (
            "src/client.ts",
            "const password = process.env.DB_PASSWORD;\nnew https.Agent({ rejectUnauthorized: false });\n",
        ),
        ("main.go", "package main\n\nvar c = tls.Config{InsecureSkipVerify: true}\n"),
    ];
    let all = seen(&files);
    for (path, _) in files {
        for kind in ["credential", "tls-setting"] {
            let mut spans: Vec<_> =
                all.iter().filter(|o| o.kind == kind && o.place.path.as_str() == Some(path)).collect();
            assert!(spans.iter().all(|o| o.text("file") == Some(path)), "{spans:#?}");
            let before = spans.len();
            spans.dedup_by_key(|o| o.place.span);
            assert_eq!(spans.len(), before, "{kind} in {path}");
        }
    }
    assert_eq!(all.iter().filter(|o| o.kind == "credential").count(), 2);
    assert_eq!(all.iter().filter(|o| o.kind == "tls-setting").count(), 3);
}
