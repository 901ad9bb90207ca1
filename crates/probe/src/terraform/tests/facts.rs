//! What is said of each type: absent, on, off, a variable, a key.

use super::{anchored, observe, of, one, texts};
use ligase_domain::Value;

/// (type, body, encrypted, key)
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("aws_s3_bucket", "", "by-default", "provider"),
    ("aws_db_instance", "", "no", "none"),
    ("aws_db_instance", "storage_encrypted = true", "yes", "provider"),
    ("aws_db_instance", "storage_encrypted = \"true\"", "yes", "provider"),
    ("aws_db_instance", "storage_encrypted = (true)", "yes", "provider"),
    ("aws_db_instance", "storage_encrypted = false", "no", "none"),
    ("aws_db_instance", "storage_encrypted = null", "no", "none"),
    ("aws_db_instance", "storage_encrypted = true\nkms_key_id = aws_kms_key.k.arn", "yes", "customer"),
    ("aws_db_instance", "storage_encrypted = true\nkms_key_id = \"alias/aws/rds\"", "yes", "provider"),
    ("aws_db_instance", "storage_encrypted = true\nkms_key_id = var.missing", "yes", "unknown"),
    ("aws_db_instance", "storage_encrypted = var.missing", "unknown", "unknown"),
    ("aws_db_instance", "storage_encrypted = var.a ? true : false", "unknown", "unknown"),
    ("aws_db_instance", "storage_encrypted = tobool(\"true\")", "yes", "provider"),
    ("aws_db_instance", "storage_encrypted = !false", "yes", "provider"),
    ("aws_db_instance", "storage_encrypted = each.value.encrypted", "unknown", "unknown"),
    ("aws_db_instance", "snapshot_identifier = \"nightly\"", "unknown", "unknown"),
    ("aws_rds_cluster", "", "no", "none"),
    ("aws_rds_cluster", "engine_mode = \"serverless\"", "by-default", "provider"),
    ("aws_rds_cluster", "engine_mode = var.mode", "unknown", "unknown"),
    ("aws_rds_cluster", "storage_encrypted = true", "yes", "provider"),
    ("aws_rds_cluster_instance", "", "unknown", "unknown"),
    ("aws_ebs_volume", "", "no", "none"),
    ("aws_ebs_volume", "encrypted = true", "yes", "provider"),
    ("aws_efs_file_system", "", "no", "none"),
    ("aws_efs_file_system", "encrypted = true\nkms_key_id = data.aws_kms_key.k.arn", "yes", "unknown"),
    ("aws_dynamodb_table", "", "by-default", "provider"),
    ("aws_dynamodb_table", "server_side_encryption {\n enabled = false\n}", "by-default", "provider"),
    ("aws_dynamodb_table", "server_side_encryption {\n enabled = var.missing\n}", "by-default", "provider"),
    (
        "aws_dynamodb_table",
        "server_side_encryption {\n enabled = true\n kms_key_arn = aws_kms_key.k.arn\n}",
        "yes",
        "customer",
    ),
    ("aws_elasticache_replication_group", "", "no", "none"),
    ("aws_elasticache_replication_group", "engine = \"valkey\"", "by-default", "provider"),
    ("aws_elasticache_replication_group", "at_rest_encryption_enabled = true", "yes", "provider"),
    ("aws_elasticache_cluster", "", "no", "none"),
    ("aws_elasticache_serverless_cache", "", "by-default", "provider"),
    ("aws_redshift_cluster", "", "by-default", "provider"),
    ("aws_redshift_cluster", "encrypted = false", "no", "none"),
    ("aws_docdb_cluster", "", "no", "none"),
    ("aws_docdb_cluster", "storage_encrypted = true", "yes", "provider"),
    ("aws_neptune_cluster", "", "no", "none"),
    (
        "aws_neptune_cluster",
        "storage_encrypted = true\nkms_key_arn = \"arn:aws:kms:eu-west-1:1:key/1\"",
        "yes",
        "customer",
    ),
    ("aws_opensearch_domain", "", "no", "none"),
    ("aws_opensearch_domain", "encrypt_at_rest {\n enabled = true\n}", "yes", "provider"),
    ("aws_opensearch_domain", "encrypt_at_rest { enabled = false }", "no", "none"),
    (
        "aws_opensearch_domain",
        "dynamic \"encrypt_at_rest\" {\n for_each = var.e\n content {\n enabled = true\n }\n}",
        "unknown",
        "unknown",
    ),
    ("aws_elasticsearch_domain", "", "no", "none"),
    ("aws_sqs_queue", "", "by-default", "provider"),
    ("aws_sqs_queue", "sqs_managed_sse_enabled = true", "yes", "provider"),
    ("aws_sqs_queue", "sqs_managed_sse_enabled = false", "no", "none"),
    ("aws_sqs_queue", "sqs_managed_sse_enabled = false\nkms_master_key_id = var.missing", "unknown", "unknown"),
    ("aws_sqs_queue", "kms_master_key_id = var.missing", "by-default", "unknown"),
    ("aws_sqs_queue", "sqs_managed_sse_enabled = var.missing", "unknown", "unknown"),
    ("aws_sqs_queue", "kms_master_key_id = aws_kms_key.k.id", "yes", "customer"),
    ("aws_sns_topic", "", "no", "none"),
    ("aws_sns_topic", "kms_master_key_id = \"\"", "no", "none"),
    ("aws_sns_topic", "kms_master_key_id = null", "no", "none"),
    ("aws_sns_topic", "kms_master_key_id = \"alias/aws/sns\"", "yes", "provider"),
    ("aws_sns_topic", "kms_master_key_id = var.missing", "unknown", "unknown"),
    ("aws_kinesis_stream", "", "no", "none"),
    ("aws_kinesis_stream", "encryption_type = \"KMS\"\nkms_key_id = \"alias/aws/kinesis\"", "yes", "provider"),
    ("aws_kinesis_stream", "encryption_type = \"NONE\"", "no", "none"),
    ("aws_kinesis_stream", "encryption_type = \"ROT13\"", "unknown", "unknown"),
    ("aws_kinesis_firehose_delivery_stream", "", "no", "none"),
    ("aws_kinesis_firehose_delivery_stream", "server_side_encryption {\n enabled = true\n}", "yes", "provider"),
    ("aws_msk_cluster", "", "by-default", "provider"),
    ("aws_msk_cluster", "encryption_info {\n encryption_at_rest_kms_key_arn = aws_kms_key.k.arn\n}", "yes", "customer"),
    ("aws_mq_broker", "", "by-default", "provider"),
    ("aws_cloudwatch_log_group", "", "by-default", "provider"),
    ("aws_cloudwatch_log_group", "kms_key_id = module.kms.key_arn", "yes", "customer"),
    ("aws_backup_vault", "", "by-default", "provider"),
    ("aws_ecr_repository", "", "by-default", "provider"),
    (
        "aws_ecr_repository",
        "encryption_configuration {\n encryption_type = \"KMS\"\n kms_key = aws_kms_key.k.arn\n}",
        "yes",
        "customer",
    ),
    ("aws_fsx_lustre_file_system", "", "by-default", "provider"),
    ("aws_fsx_windows_file_system", "kms_key_id = aws_kms_key.k.arn", "yes", "customer"),
    ("aws_dax_cluster", "", "no", "none"),
    ("aws_dax_cluster", "server_side_encryption {\n enabled = true\n}", "yes", "provider"),
    ("aws_timestreamwrite_database", "", "by-default", "provider"),
    ("aws_memorydb_cluster", "", "by-default", "provider"),
    ("aws_qldb_ledger", "", "by-default", "provider"),
    ("aws_secretsmanager_secret", "", "by-default", "provider"),
    (
        "aws_s3tables_table_bucket",
        "encryption_configuration = {\n sse_algorithm = \"aws:kms\"\n kms_key_arn = aws_kms_key.k.arn\n}",
        "yes",
        "customer",
    ),
    (
        "aws_glue_data_catalog_encryption_settings",
        "data_catalog_encryption_settings {\n encryption_at_rest {\n catalog_encryption_mode = \"DISABLED\"\n }\n}",
        "no",
        "none",
    ),
    ("aws_appsync_api_cache", "", "no", "none"),
];

#[test]
fn each_type_is_said_what_its_declaration_means() {
    let mut wrong = Vec::new();
    for (of, body, encrypted, key) in TABLE {
        let text =
            format!("resource \"{of}\" \"it\" {{\n{body}\n}}\n\nmodule \"kms\" {{\n  source = \"x/kms/aws\"\n}}\n");
        let all = observe(&[("main.tf", &text)]);
        let found = texts(one(&all, "storage", &format!("{of}.it")), ["encrypted", "key"]);
        if found != [*encrypted, *key] {
            wrong.push(format!("{of} {{ {body} }}: {found:?}, expected {encrypted} {key}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_deciding_setting_is_anchored_and_named() {
    let text =
        "resource \"aws_db_instance\" \"records\" {\n  identifier = \"r\"\n\n  storage_encrypted = false # later\n}\n";
    let all = observe(&[("db.tf", text)]);
    let it = one(&all, "storage", "aws_db_instance.records");
    assert_eq!(anchored(it, text, "setting"), "storage_encrypted = false");
    assert_eq!(anchored(it, text, "value"), "false");
    assert_eq!(anchored(it, text, "block"), text.trim_end());
    assert_eq!(anchored(it, text, "body_end"), "");
    assert_eq!(&text[it.anchors["body_end"].start as usize..], "}\n");
    assert_eq!((it.place.span.line, it.place.span.end_line), (1, 5));
    assert_eq!(it.attributes["setting_present"], Value::Bool(true));
    assert_eq!(it.attributes["replaces"], Value::Bool(true));
    assert_eq!(
        texts(it, ["setting", "language", "stack", "provider", "type"]),
        ["storage_encrypted", "terraform", "terraform-aws", "aws", "aws_db_instance"]
    );
    assert_eq!(it.snippet, "resource \"aws_db_instance\" \"records\" {");
    assert_eq!(it.probe.id, "terraform/aws-databases");
}

#[test]
fn the_end_of_a_one_line_body_is_before_its_brace() {
    let text = "resource \"aws_sns_topic\" \"t\" { name = \"t\" }\n";
    let all = observe(&[("t.tf", text)]);
    let it = one(&all, "storage", "aws_sns_topic.t");
    assert_eq!(&text[it.anchors["body_end"].start as usize..], "}\n");
    assert!(!it.anchors.contains_key("setting"));
}

#[test]
fn block_devices_are_stores_of_their_own() {
    let text = r#"
resource "aws_instance" "web" {
  ami = "ami-1"
  root_block_device {
    encrypted = true
  }
  ebs_block_device {
    device_name = "/dev/sdf"
    encrypted   = false
  }
  ebs_block_device {
    device_name = "/dev/sdg"
    volume_size = 20
  }
  ebs_block_device {
    device_name = "/dev/sdh"
    snapshot_id = "snap-1"
  }
}
resource "aws_instance" "bare" {
  ami = "ami-1"
}
resource "aws_instance" "templated" {
  launch_template {
    id = aws_launch_template.t.id
  }
}
resource "aws_launch_template" "t" {
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      encrypted = "true"
    }
  }
  block_device_mappings {
    device_name = "/dev/xvdb"
    ebs {
      volume_size = 1
    }
  }
}
resource "aws_launch_template" "image" {
  image_id = "ami-1"
}
"#;
    let all = observe(&[("main.tf", text)]);
    let said = |address: &str| texts(one(&all, "storage", address), ["encrypted", "setting", "reason"]);
    assert_eq!(said("aws_instance.web.root_block_device"), ["yes", "encrypted", ""]);
    assert_eq!(said("aws_instance.web.ebs_block_device[\"/dev/sdf\"]"), ["no", "encrypted", ""]);
    assert_eq!(said("aws_instance.web.ebs_block_device[\"/dev/sdg\"]"), ["no", "encrypted", ""]);
    assert_eq!(
        said("aws_instance.web.ebs_block_device[\"/dev/sdh\"]"),
        ["unknown", "encrypted", "restored-from-snapshot"]
    );
    assert_eq!(said("aws_instance.bare.root_block_device"), ["no", "root_block_device.encrypted", ""]);
    assert_eq!(said("aws_instance.templated.root_block_device")[2], "launch-template-decides");
    assert_eq!(said("aws_launch_template.t.block_device_mappings.ebs[\"/dev/xvda\"]")[0], "yes");
    assert_eq!(said("aws_launch_template.t.block_device_mappings.ebs[\"/dev/xvdb\"]")[0], "no");
    assert_eq!(said("aws_launch_template.image.block_device_mappings.ebs")[2], "image-decides");
    let part = one(&all, "storage", "aws_instance.web.ebs_block_device[\"/dev/sdg\"]");
    assert!(anchored(part, text, "block").starts_with("ebs_block_device {"));
    assert!(text[part.anchors["body_end"].start as usize..].starts_with("  }\n  ebs_block_device"));
}

#[test]
fn devices_that_an_expression_makes_are_not_known() {
    for body in [
        "dynamic \"ebs_block_device\" {\n  for_each = var.disks\n  content {\n    device_name = \"/dev/sdf\"\n    encrypted = true\n  }\n}",
        "ebs_block_device = [{ device_name = \"/dev/sdf\" }]",
        "ebs_block_device = var.disks",
    ] {
        let all = observe(&[("main.tf", &format!("resource \"aws_launch_configuration\" \"l\" {{\n{body}\n}}\n"))]);
        let it = one(&all, "storage", "aws_launch_configuration.l.ebs_block_device");
        assert_eq!(texts(it, ["encrypted", "reason"]), ["unknown", "setting-not-resolved"], "{body}");
    }
    let all = observe(&[("main.tf", "resource \"aws_launch_configuration\" \"l\" {\n  ebs_block_device = []\n}\n")]);
    assert_eq!(of(&all, "storage").len(), 1);
}

#[test]
fn an_account_that_encrypts_speaks_for_what_is_silent_there() {
    let text = r#"
provider "aws" {
  region = "eu-west-1"
}
provider "aws" {
  alias  = "other"
  region = "eu-west-3"
}
resource "aws_ebs_encryption_by_default" "on" {}
resource "aws_ebs_volume" "silent" {
  availability_zone = "eu-west-1a"
}
resource "aws_ebs_volume" "off" {
  encrypted = false
}
resource "aws_ebs_volume" "elsewhere" {
  provider = aws.other
}
resource "aws_instance" "web" {}
resource "aws_efs_file_system" "files" {}
"#;
    let all = observe(&[("main.tf", text)]);
    let said = |address: &str| one(&all, "storage", address).text("encrypted").unwrap();
    assert_eq!(said("aws_ebs_volume.silent"), "by-default");
    assert_eq!(said("aws_ebs_volume.off"), "no");
    assert_eq!(said("aws_ebs_volume.elsewhere"), "no");
    assert_eq!(said("aws_instance.web.root_block_device"), "by-default");
    assert_eq!(said("aws_efs_file_system.files"), "no");
    let off = observe(&[("main.tf", &text.replace("\"on\" {}", "\"on\" {\n  enabled = false\n}"))]);
    assert_eq!(one(&off, "storage", "aws_ebs_volume.silent").text("encrypted"), Some("no"));
}

#[test]
fn a_sibling_decides_for_its_bucket() {
    let bucket = "resource \"aws_s3_bucket\" \"b\" {\n  count  = 2\n  bucket = \"records\"\n}\n";
    let sibling = |reference: &str| {
        format!(
            "resource \"aws_s3_bucket_server_side_encryption_configuration\" \"b\" {{\n  bucket = {reference}\n  rule {{\n    \
             apply_server_side_encryption_by_default {{\n      sse_algorithm     = \"aws:kms\"\n      kms_master_key_id = \
             aws_kms_key.k.arn\n    }}\n  }}\n}}\n"
        )
    };
    for reference in [
        "aws_s3_bucket.b[0].id",
        "aws_s3_bucket.b.bucket",
        "\"records\"",
        "join(\"\", aws_s3_bucket.b.*.id)",
        "local.b",
    ] {
        let locals = "locals {\n  b = aws_s3_bucket.b[0].id\n}\n";
        let all = observe(&[("a/s3.tf", bucket), ("a/sse.tf", &sibling(reference)), ("a/l.tf", locals)]);
        let it = one(&all, "storage", "aws_s3_bucket.b");
        assert_eq!(texts(it, ["encrypted", "key"]), ["yes", "customer"], "{reference}");
        assert_eq!(it.place.path, "a/s3.tf".into());
        assert!(!it.anchors.contains_key("setting"));
        assert!(it.sources.len() >= 2, "{reference}");
    }
    let all = observe(&[("a/s3.tf", bucket), ("b/sse.tf", &sibling("aws_s3_bucket.b.id"))]);
    assert_eq!(texts(one(&all, "storage", "aws_s3_bucket.b"), ["encrypted", "key"]), ["by-default", "provider"]);
}

#[test]
fn what_inherits_is_as_its_source_is_and_has_nothing_to_edit() {
    let text = r#"
resource "aws_rds_cluster" "c" {
  cluster_identifier = "main"
  storage_encrypted  = true
}
resource "aws_rds_cluster_instance" "by_reference" {
  cluster_identifier = aws_rds_cluster.c.id
}
resource "aws_rds_cluster_instance" "by_name" {
  cluster_identifier = "main"
}
resource "aws_db_instance" "source" {
  identifier = "source"
}
resource "aws_db_instance" "replica" {
  replicate_source_db = aws_db_instance.source.identifier
}
resource "aws_db_snapshot" "s" {
  db_instance_identifier = aws_db_instance.replica.identifier
}
resource "aws_db_instance" "ring_a" {
  replicate_source_db = aws_db_instance.ring_b.identifier
}
resource "aws_db_instance" "ring_b" {
  replicate_source_db = aws_db_instance.ring_a.identifier
}
"#;
    let all = observe(&[("main.tf", text)]);
    let said = |address: &str| texts(one(&all, "storage", address), ["encrypted", "reason", "setting"]);
    assert_eq!(said("aws_rds_cluster_instance.by_reference"), ["yes", "inherited", ""]);
    assert_eq!(said("aws_rds_cluster_instance.by_name"), ["yes", "inherited", ""]);
    assert_eq!(said("aws_db_instance.replica"), ["no", "inherited", ""]);
    assert_eq!(said("aws_db_snapshot.s"), ["no", "inherited", ""]);
    assert_eq!(said("aws_db_instance.ring_a")[0], "unknown");
}

#[test]
fn an_older_provider_has_other_defaults() {
    let text = "resource \"aws_redshift_cluster\" \"w\" {}\n";
    for (constraint, encrypted) in [
        ("~> 5.0", "no"),
        (">= 4.0, < 6.0", "no"),
        ("= 5.31.0", "no"),
        ("5.31.0", "no"),
        ("~> 6.0", "by-default"),
        (">= 5.0", "by-default"),
        ("< 7", "by-default"),
    ] {
        let versions = format!(
            "terraform {{\n  required_providers {{\n    aws = {{\n      version = \"{constraint}\"\n    }}\n  }}\n}}\n"
        );
        let all = observe(&[("main.tf", text), ("versions.tf", &versions)]);
        assert_eq!(one(&all, "storage", "aws_redshift_cluster.w").text("encrypted"), Some(encrypted), "{constraint}");
    }
}

#[test]
fn a_parameter_is_a_store_only_when_it_looks_sensitive() {
    let text = r#"
resource "aws_ssm_parameter" "size" {
  name  = "/app/size"
  type  = "String"
  value = "3"
}
resource "aws_ssm_parameter" "login" {
  name  = "/app/db-password"
  type  = "String"
  value = var.password
}
resource "aws_ssm_parameter" "secure" {
  name  = "/app/size"
  type  = "SecureString"
  value = "3"
}
"#;
    let all = observe(&[("main.tf", text)]);
    let found: Vec<_> = of(&all, "storage").into_iter().map(|o| texts(o, ["address", "encrypted"])).collect();
    assert_eq!(found, [["aws_ssm_parameter.login", "no"], ["aws_ssm_parameter.secure", "yes"]]);
}

#[test]
fn a_delivery_stream_of_a_stream_keeps_nothing() {
    let text = "resource \"aws_kinesis_firehose_delivery_stream\" \"f\" {\n  kinesis_source_configuration {\n    role_arn = \"x\"\n  }\n}\n";
    assert!(of(&observe(&[("main.tf", text)]), "storage").is_empty());
}

#[test]
fn both_volumes_of_a_desktop_are_observed() {
    let text = "resource \"aws_workspaces_workspace\" \"w\" {\n  root_volume_encryption_enabled = true\n}\n";
    let all = observe(&[("main.tf", text)]);
    assert_eq!(one(&all, "storage", "aws_workspaces_workspace.w.root_volume").text("encrypted"), Some("yes"));
    assert_eq!(one(&all, "storage", "aws_workspaces_workspace.w.user_volume").text("encrypted"), Some("no"));
}

#[test]
fn at_least_25_types_are_known_and_each_fact_names_where_it_is_decided() {
    let known = &super::pack().knowledge.storage;
    assert!(known.len() >= 60, "{}", known.len());
    for (of, rules) in known {
        assert!(["aws_", "azurerm_", "google_"].iter().any(|p| of.starts_with(p)), "{of}");
        for said in rules {
            let rule = &said.rule;
            let silent = rule.setting.is_empty() && rule.inherits.is_empty();
            assert!(!silent || rule.absent.holds() || of == "aws_elasticache_cluster", "{of} is decided nowhere");
            assert!(
                rule.setting.is_empty() || rule.decide.iter().any(|d| d.setting == rule.setting),
                "{of}: {}",
                rule.setting
            );
        }
    }
}
