//! Whatever the bytes: no panic, no fact from an ERROR, no secret kept, the same observations in every order.

use super::{looked, observe, of, one, pack, texts};
use crate::pack::Pack;
use crate::parse::{Grammar, parse};
use ligase_catalog::CatalogFile;
use ligase_domain::{LookedFile, Value};
use proptest::prelude::*;

#[test]
fn comments_strings_and_heredocs_change_nothing() {
    let plain = "resource \"aws_db_instance\" \"db\" {\n  storage_encrypted = false\n}\n";
    let noisy = "#tfsec:ignore:aws-rds-encrypt-instance-storage-data\nresource \"aws_db_instance\" \"db\" {\n  # checkov:skip=CKV_AWS_16:fine\n  /* storage_encrypted = true */\n  storage_encrypted /* yes */ = false // storage_encrypted = true\n  description = <<-EOT\n    storage_encrypted = true\n    }\n    resource \"aws_db_instance\" \"fake\" {\n  EOT\n  name = \"storage_encrypted = true }\"\n}\n";
    for text in [plain, noisy] {
        let all = observe(&[("main.tf", text)]);
        assert_eq!(of(&all, "storage").len(), 1);
        assert_eq!(one(&all, "storage", "aws_db_instance.db").text("encrypted"), Some("no"));
        assert!(of(&all, "unmodelled").is_empty());
    }
}

#[test]
fn what_is_broken_is_not_reported_as_fact() {
    let inside = "resource \"aws_db_instance\" \"db\" {\n  storage_encrypted = = true\n}\n\nresource \"aws_sns_topic\" \"t\" {\n  kms_master_key_id = \"k\"\n}\n";
    let all = observe(&[("main.tf", inside)]);
    for it in of(&all, "storage").into_iter().filter(|o| o.text("address") == Some("aws_db_instance.db")) {
        assert_eq!(it.text("encrypted"), Some("unknown"));
    }
    let cut = "resource \"aws_db_instance\" \"db\" {\n  storage_encrypted = true\n";
    let all = observe(&[("main.tf", cut)]);
    assert!(of(&all, "storage").iter().all(|o| o.text("encrypted") == Some("unknown")));
    assert!(!all.is_empty(), "silence would look like a clean file");
    let broken_variable = "variable \"e\" {\n  default = = true\n}\nresource \"aws_db_instance\" \"db\" {\n  storage_encrypted = var.e\n}\n";
    let all = observe(&[("main.tf", broken_variable)]);
    assert!(of(&all, "storage").iter().all(|o| o.text("encrypted") == Some("unknown")), "{all:#?}");
}

#[test]
fn json_is_said_not_to_be_read() {
    let all = observe(&[("main.tf.json", "{ \"resource\": { \"aws_db_instance\": { \"db\": {} } } }")]);
    let found: Vec<_> = of(&all, "unmodelled").into_iter().map(|o| texts(o, ["of", "looks_like"])).collect();
    assert_eq!(found, [["placement", "syntax-not-read"], ["storage", "syntax-not-read"]]);
}

#[test]
fn no_secret_is_kept() {
    let text = "variable \"db_password\" {\n  default = \"hunter2-a\"\n}\nlocals {\n  api_token = \"hunter2-b\"\n  all = {\n    password = \"hunter2-c\"\n    ok = \"kept\"\n  }\n  url = \"postgres://me:hunter2-d@db\"\n}\nmodule \"m\" {\n  source = \"./m\"\n  master_password = \"hunter2-e\"\n}\nresource \"aws_db_instance\" \"db\" {\n  password = \"hunter2-f\"\n}\nprovider \"aws\" {\n  secret_key = \"hunter2-g\"\n}\n";
    let kept = format!("{:?}", looked("main.tf", text).observations);
    assert!(!kept.contains("hunter2"), "{kept}");
    assert!(kept.contains("kept"));
    assert!(
        !format!("{:?}", looked("terraform.tfvars", "db_password = \"hunter2\"\n").observations).contains("hunter2")
    );
}

#[test]
fn a_resource_with_very_many_disks_is_kept_in_pieces_or_not_known_whole() {
    let disks = |n: usize| {
        let one =
            |n: usize| format!("  ebs_block_device {{\n    device_name = \"/dev/sd{n}\"\n    encrypted = true\n  }}\n");
        format!("resource \"aws_instance\" \"web\" {{\n{}}}\n", (0..n).map(one).collect::<String>())
    };
    let all = observe(&[("main.tf", &disks(40))]);
    assert_eq!(of(&all, "storage").iter().filter(|o| o.text("encrypted") == Some("yes")).count(), 40);
    let all = observe(&[("main.tf", &disks(2_000))]);
    assert!(of(&all, "storage").iter().all(|o| o.text("encrypted") == Some("unknown")));
    assert!(!of(&all, "storage").is_empty());
}

#[test]
fn a_tfvars_file_that_cannot_be_read_leaves_its_variables_open() {
    let main = "variable \"e\" {\n  default = true\n}\nresource \"aws_db_instance\" \"db\" {\n  storage_encrypted = var.e\n}\n";
    for (vars, encrypted) in [("other = 1\n", "yes"), ("e = = false\n", "unknown"), ("x = [\ne = false\n", "unknown")] {
        let all = observe(&[("main.tf", main), ("terraform.tfvars", vars)]);
        assert_eq!(one(&all, "storage", "aws_db_instance.db").text("encrypted"), Some(encrypted), "{vars}");
    }
}

#[test]
fn joins_of_very_many_resources_stay_linear() {
    // Quadratic joins would resolve four million pairs here and take minutes under a test build.
    let mut text = String::from("resource \"aws_ebs_encryption_by_default\" \"d\" {}\n");
    for n in 0..600 {
        text += &format!(
            "resource \"aws_s3_bucket\" \"b{n}\" {{\n  bucket = \"n{n}\"\n}}\nresource \"aws_s3_bucket_server_side_encryption_configuration\" \
             \"s{n}\" {{\n  bucket = \"n{n}\"\n  rule {{\n    apply_server_side_encryption_by_default {{\n      sse_algorithm = \"AES256\"\n    \
             }}\n  }}\n}}\nresource \"aws_ebs_volume\" \"v{n}\" {{}}\n"
        );
    }
    let files: Vec<(String, &str)> = (0..4).map(|n| (format!("f{n}/main.tf"), text.as_str())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), *t)).collect();
    let all = observe(&files);
    assert_eq!(of(&all, "storage").iter().filter(|o| o.text("encrypted") == Some("yes")).count(), 2_400);
    assert_eq!(of(&all, "storage").iter().filter(|o| o.text("encrypted") == Some("by-default")).count(), 2_400);
}

#[test]
fn a_large_module_that_is_called_very_often_is_bounded_and_said() {
    let large: String = (0..1_500).map(|n| format!("resource \"aws_sns_topic\" \"t{n}\" {{}}\n")).collect();
    let calls: String = (0..200).map(|n| format!("module \"m{n}\" {{\n  source = \"./m\"\n}}\n")).collect();
    let all = observe(&[("main.tf", &calls), ("m/main.tf", &large)]);
    let stored = of(&all, "storage").len();
    assert!((1_500..60_000).contains(&stored), "{stored}");
    assert!(of(&all, "unmodelled").iter().any(|o| o.text("looks_like") == Some("module-cycle-or-too-many")));
}

#[test]
fn every_observation_has_exactly_the_attributes_of_its_kind() {
    let all = observe(&[(
        "main.tf",
        "provider \"aws\" {}\nresource \"aws_db_instance\" \"d\" {}\nresource \"aws_lb\" \"l\" {}\nresource \"aws_cloudfront_distribution\" \"c\" {}\nresource \"azurerm_sql_server\" \"s\" {}\nmodule \"m\" {\n  source = \"x/y/aws\"\n}\n",
    )]);
    let names = |kind: &str| match kind {
        "storage" => vec![
            "address",
            "encrypted",
            "key",
            "language",
            "provider",
            "reason",
            "replaces",
            "setting",
            "setting_present",
            "stack",
            "type",
        ],
        "placement" => vec![
            "address",
            "from",
            "global",
            "jurisdiction",
            "language",
            "provider",
            "reason",
            "region",
            "resolved",
            "stack",
            "type",
            "what",
        ],
        "listener" => vec!["address", "language", "public", "stack", "type"],
        "stack" => vec!["language", "modelled", "name", "stack"],
        "unmodelled" => vec!["language", "looks_like", "of", "stack", "where"],
        other => panic!("unexpected kind {other}"),
    };
    for it in &all {
        assert_eq!(it.attributes.keys().map(String::as_str).collect::<Vec<_>>(), names(&it.kind), "{}", it.kind);
        assert!(it.snippet.len() <= 200);
    }
    for kind in ["storage", "placement", "listener", "stack", "unmodelled"] {
        assert!(!of(&all, kind).is_empty(), "{kind}");
    }
}

#[test]
fn a_typo_in_a_fact_is_told_with_its_place() {
    let text = "apiVersion: ligase.dev/v1\nkind: Probe\nmetadata: { id: t, version: 1 }\nspec:\n  engine: resource\n  language: terraform\n  storage:\n    - types: [aws_x]\n      setings: a\n      absent: \"no\"\n";
    let file = CatalogFile { path: "probes/terraform/x.yaml".into(), bytes: text.as_bytes().to_vec().into() };
    let errors = super::TerraformPack::load(&[file]).err().expect("refused");
    assert_eq!((errors[0].line, errors[0].nearest.as_str()), (9, "setting"));
}

#[test]
fn the_digest_follows_the_facts() {
    let files = ligase_catalog::shipped();
    let again = super::TerraformPack::load(&files).expect("loads").digest_parts();
    assert_eq!(pack().digest_parts(), again);
    let fewer: Vec<_> = files.into_iter().filter(|f| f.path != "vocabulary/regions.yaml").collect();
    assert_ne!(pack().digest_parts(), super::TerraformPack::load(&fewer).expect("loads").digest_parts());
}

const PIECES: &[&str] = &[
    "resource",
    "\"aws_db_instance\"",
    "\"aws_instance\"",
    "\"a\"",
    "{",
    "}",
    "\n",
    " = ",
    "storage_encrypted",
    "true",
    "false",
    "var.e",
    "local.e",
    "variable",
    "\"e\"",
    "default",
    "locals",
    "e",
    "provider",
    "\"aws\"",
    "region",
    "\"eu-west-1\"",
    "module",
    "source",
    "\"./m\"",
    "\"./\"",
    "dynamic",
    "\"root_block_device\"",
    "root_block_device",
    "encrypted",
    "[",
    "]",
    "(",
    ")",
    "${",
    "\"",
    "<<EOT\n",
    "EOT\n",
    "#",
    "/*",
    "*/",
    "%{ if",
    "? ",
    ": ",
    "==",
    "each.value",
    "aws_s3_bucket.b[0].id",
    "module.m.x",
    "output",
    "value",
    "terraform",
    "é",
    "\\",
    "\0",
    "count",
    "for_each",
    "...",
    "null",
    "\"${",
    "}\"",
];

/// Pieces with single spaces: sometimes well-formed, mostly not.
fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..60).prop_map(|p| p.join(" "))
}

fn whole() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(
        &["true", "false", "var.e", "local.e", "module.m.x", "null", "var.e ? true : false", "\"eu-west-1\""][..],
    );
    (value, 0_u8..9).prop_map(|(value, which)| match which {
        0 => format!("resource \"aws_db_instance\" \"a\" {{\n  storage_encrypted = {value}\n}}\n"),
        1 => format!("variable \"e\" {{\n  default = {value}\n}}\n"),
        2 => format!("locals {{\n  e = {value}\n}}\n"),
        3 => format!("module \"m\" {{\n  source = \"./m\"\n  e = {value}\n}}\n"),
        4 => format!("module \"n\" {{\n  source = \"../\"\n  e = {value}\n}}\n"),
        5 => format!("provider \"aws\" {{\n  region = {value}\n}}\n"),
        6 => format!("output \"x\" {{\n  value = {value}\n}}\n"),
        7 => format!("resource \"aws_instance\" \"a\" {{\n  root_block_device {{\n    encrypted = {value}\n  }}\n}}\n"),
        _ => format!("e = {value}\n"),
    })
}

fn files() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let path = proptest::sample::select(
        &[
            "main.tf",
            "vars.tf",
            "m/main.tf",
            "m/m/main.tf",
            "m/terraform.tfvars",
            "terraform.tfvars",
            "prod.tfvars",
            "x_override.tf",
        ][..],
    );
    let text = prop_oneof![soup(), proptest::collection::vec(whole(), 0..5).prop_map(|v| v.concat())];
    proptest::collection::btree_map(path, text, 1..6).prop_map(|m| m.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), soup in soup()) {
        for text in [String::from_utf8_lossy(&bytes).into_owned(), soup] {
            let Ok(tree) = parse(Grammar::Hcl, &text) else { continue };
            let seen = pack().look_tree(text.as_bytes(), &tree);
            for s in seen {
                prop_assert!(s.span.start <= s.span.end && s.span.end as usize <= text.len());
                prop_assert!(s.anchors.values().all(|a| a.start <= a.end && a.end as usize <= text.len() && a.line >= 1));
            }
        }
    }

    #[test]
    fn a_tree_of_other_bytes_never_panics(a in soup(), b in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tree) = parse(Grammar::Hcl, &a) {
            let _ = pack().look_tree(&b, &tree);
        }
    }

    #[test]
    fn the_order_of_files_changes_nothing(files in files(), turn in 0_usize..6) {
        let looked: Vec<LookedFile> = files.iter().filter(|(_, t)| parse(Grammar::Hcl, t).is_ok()).map(|(p, t)| looked(p, t)).collect();
        let forward: Vec<&LookedFile> = looked.iter().collect();
        let mut other: Vec<&LookedFile> = looked.iter().rev().collect();
        if !other.is_empty() {
            let turn = turn % other.len();
            other.rotate_left(turn);
        }
        let all = pack().link(&forward);
        prop_assert_eq!(&all, &pack().link(&other));
        for it in &all {
            let text = files.iter().find(|(p, _)| it.place.path == (*p).into()).map(|(_, t)| t.len()).unwrap_or(0);
            prop_assert!(it.anchors.values().all(|a| a.end as usize <= text));
            prop_assert!(it.attributes.get("encrypted").is_none_or(|e| matches!(e, Value::Text(t) if ["yes", "no", "by-default", "unknown"].contains(&t.as_str()))));
        }
    }
}
