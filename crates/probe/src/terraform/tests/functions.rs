//! Conditions, pure functions, repetition, overrides and the other clouds: what can be known is, and nothing else.

use super::{observe, of, one, texts};

fn encrypted(prelude: &str, value: &str) -> String {
    let text = format!("{prelude}\nresource \"aws_efs_file_system\" \"f\" {{\n  encrypted = {value}\n}}\n");
    one(&observe(&[("main.tf", &text)]), "storage", "aws_efs_file_system.f").text("encrypted").unwrap().to_owned()
}

#[test]
fn choices_and_functions_of_constants_are_followed() {
    let prelude = r#"
variable "env" { default = "prod" }
variable "key" { default = "" }
variable "unset" { type = string }
variable "nothing" { default = null }
variable "settings" { default = { db = { encrypt = true } } }
locals {
  by_env = { prod = true, dev = false }
  merged = merge({ encrypt = false }, { encrypt = true })
  list   = ["dev", "prod"]
}
"#;
    for (value, expected) in [
        ("var.env == \"prod\" ? true : false", "yes"),
        ("var.env != \"prod\"", "no"),
        ("var.key != \"\" ? true : false", "no"),
        ("var.nothing == null", "yes"),
        ("var.unset == \"prod\" ? true : false", "unknown"),
        ("var.unset == \"prod\" ? true : true", "yes"),
        ("local.by_env[var.env]", "yes"),
        ("local.by_env[\"dev\"]", "no"),
        ("lookup(local.by_env, \"test\", false)", "no"),
        ("lookup(local.by_env, var.unset, true)", "unknown"),
        ("lookup(local.by_env, \"prod\")", "yes"),
        ("local.merged.encrypt", "yes"),
        ("lookup(local.merged, \"encrypt\")", "yes"),
        ("merge(local.merged, { encrypt = false }).encrypt", "no"),
        ("try(var.settings.db.encrypt, false)", "yes"),
        ("try(var.settings.cache.encrypt, false)", "no"),
        ("can(var.settings.db.encrypt)", "yes"),
        ("can(var.settings.cache)", "no"),
        ("coalesce(var.nothing, true)", "yes"),
        ("coalesce(var.unset, true)", "unknown"),
        ("contains(local.list, var.env)", "yes"),
        ("element([false, true], 1)", "yes"),
        ("element([false, true], 3)", "yes"),
        ("length(local.list) > 1", "yes"),
        ("!local.by_env.prod", "no"),
        ("var.env == \"prod\" && var.key == \"\"", "yes"),
        ("var.env == \"dev\" && var.unset == \"x\"", "no"),
        ("var.env == \"prod\" && var.unset == \"x\"", "unknown"),
        ("var.env == \"prod\" || var.unset == \"x\"", "yes"),
        ("tobool(lower(\"TRUE\"))", "yes"),
        ("startswith(format(\"%s-%s\", var.env, \"eu\"), \"prod-e\")", "yes"),
        ("join(\"-\", [var.env, \"eu\"]) == \"prod-eu\"", "yes"),
        ("(var.env == \"prod\" ? { e = true } : { e = false }).e", "yes"),
        ("fileexists(\"x\")", "unknown"),
        ("timestamp() == \"x\" ? true : false", "unknown"),
        ("1 + 1 == 2", "unknown"),
    ] {
        assert_eq!(encrypted(prelude, value), expected, "{value}");
    }
}

#[test]
fn deep_and_circular_expressions_end() {
    let nested = format!("{}true{}", "tobool(".repeat(80), ")".repeat(80));
    assert_eq!(encrypted("", &nested), "unknown");
    let circle = "locals {\n  a = coalesce(local.b, local.b)\n  b = coalesce(local.a, local.a)\n}\n";
    assert_eq!(encrypted(circle, "local.a"), "unknown");
    let mut doubling = String::from("locals {\n  a0 = local.none\n");
    for n in 1..40 {
        doubling += &format!("  a{n} = local.x ? local.a{} : local.a{}\n", n - 1, n - 1);
    }
    assert_eq!(encrypted(&(doubling + "}\n"), "local.a39"), "unknown");
}

#[test]
fn what_is_repeated_is_every_one_of_its_values() {
    let text = "locals {\n  regions = toset([\"eu-west-1\", \"us-east-1\"])\n}\nresource \"aws_sqs_queue\" \"q\" {\n  for_each = local.regions\n  region   = each.value\n}\nresource \"aws_sqs_queue\" \"m\" {\n  for_each = { a = { r = \"eu-north-1\" } }\n  region   = each.value.r\n}\n";
    let all = observe(&[("main.tf", text)]);
    let mut regions: Vec<_> = of(&all, "placement").into_iter().map(|o| texts(o, ["address", "region"])).collect();
    regions.sort();
    assert_eq!(
        regions,
        [["aws_sqs_queue.m", "eu-north-1"], ["aws_sqs_queue.q", "eu-west-1"], ["aws_sqs_queue.q", "us-east-1"]]
    );
}

#[test]
fn an_override_is_merged() {
    let main = "resource \"aws_efs_file_system\" \"f\" {\n  encrypted = false\n}\nresource \"aws_instance\" \"i\" {\n  root_block_device {\n    encrypted = true\n  }\n}\n";
    let over = "resource \"aws_efs_file_system\" \"f\" {\n  encrypted = true\n}\nresource \"aws_instance\" \"i\" {\n  root_block_device {\n    volume_size = 3\n  }\n}\n";
    let all = observe(&[("main.tf", main), ("prod_override.tf", over)]);
    let file = one(&all, "storage", "aws_efs_file_system.f");
    assert_eq!(texts(file, ["encrypted"]), ["yes"]);
    assert_eq!((file.sources.len(), file.anchors.contains_key("value")), (2, false));
    assert_eq!(texts(one(&all, "storage", "aws_instance.i.root_block_device"), ["encrypted"]), ["no"]);
    let alone = observe(&[("override.tf", over)]);
    assert_eq!(texts(one(&alone, "storage", "aws_efs_file_system.f"), ["encrypted"]), ["unknown"]);
}

#[test]
fn azure_takes_its_place_from_the_group() {
    let root = "variable \"location\" { default = \"West Europe\" }\nresource \"azurerm_resource_group\" \"rg\" {\n  name     = \"rg\"\n  location = var.location\n}\nmodule \"data\" {\n  source   = \"./data\"\n  location = azurerm_resource_group.rg.location\n}\nprovider \"azurerm\" {\n  features {}\n}\n";
    let module = "variable \"location\" {}\nresource \"azurerm_storage_account\" \"a\" {\n  location                 = var.location\n  account_replication_type = \"RAGRS\"\n}\nresource \"azurerm_storage_account\" \"b\" {\n  location = data.azurerm_resource_group.x.location\n}\nresource \"azurerm_key_vault\" \"c\" {\n  location = data.azurerm_resource_group.x.location\n}\n";
    let all = observe(&[("main.tf", root), ("data/main.tf", module)]);
    let mut said: Vec<_> =
        of(&all, "placement").into_iter().map(|o| texts(o, ["address", "what", "region", "jurisdiction"])).collect();
    said.sort();
    assert_eq!(
        said,
        [
            ["module.data.azurerm_storage_account.a", "replica", "northeurope", "eu"],
            ["module.data.azurerm_storage_account.a", "resource", "westeurope", "eu"],
            ["module.data.azurerm_storage_account.b", "resource", "", ""],
        ]
    );
}

#[test]
fn google_says_where_in_many_ways() {
    let text = r#"
provider "google" {
  project = "p"
  region  = "europe-west3"
}
provider "google-beta" {
  project = "p"
}
resource "google_storage_bucket" "b" { location = "EU" }
resource "google_bigquery_dataset" "d" { dataset_id = "d" }
resource "google_sql_database_instance" "s" {
  master_instance_name = "m"
  region               = "us-east4"
}
resource "google_spanner_instance" "x" { config = "regional-europe-north1" }
resource "google_pubsub_topic" "t" { name = "t" }
resource "google_compute_disk" "k" { zone = "europe-west6-b" }
resource "google_project_iam_member" "i" { role = "r" }
"#;
    let all = observe(&[("main.tf", text)]);
    let mut said: Vec<_> =
        of(&all, "placement").into_iter().map(|o| texts(o, ["address", "what", "region", "jurisdiction"])).collect();
    said.sort();
    assert_eq!(
        said,
        [
            ["google_bigquery_dataset.d", "resource", "us", "us"],
            ["google_compute_disk.k", "resource", "europe-west6", "ch"],
            ["google_pubsub_topic.t", "resource", "", ""],
            ["google_spanner_instance.x", "resource", "europe-north1", "eu"],
            ["google_sql_database_instance.s", "replica", "us-east4", "us"],
            ["google_sql_database_instance.s", "resource", "us-east4", "us"],
            ["google_storage_bucket.b", "resource", "eu", "eu"],
            ["provider.google", "provider", "europe-west3", "eu"],
        ]
    );
}
