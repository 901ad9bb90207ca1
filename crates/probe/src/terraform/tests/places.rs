//! Regions: of providers, of resources, of copies.

use super::{anchored, observe, of, one, texts};
use ligase_domain::{Observation, Value};

fn said(all: &[Observation], address: &str, what: &str) -> Vec<[String; 4]> {
    of(all, "placement")
        .into_iter()
        .filter(|o| o.text("address") == Some(address) && o.text("what") == Some(what))
        .map(|o| texts(o, ["region", "jurisdiction", "reason", "from"]).map(str::to_owned))
        .collect()
}

#[test]
fn a_provider_is_placed_by_whatever_its_region_comes_from() {
    let names = "variable \"region\" {\n  default = \"us-east-1\"\n}\nlocals {\n  region = \"eu-west-2\"\n  short = \"eu\"\n}\n";
    let cases = [
        ("\"eu-west-1\"", ["eu-west-1", "eu", "", "literal"]),
        ("var.region", ["us-east-1", "us", "", "variable-default"]),
        ("local.region", ["eu-west-2", "uk", "", "local"]),
        ("\"${local.short}-central-2\"", ["eu-central-2", "ch", "", "local"]),
        ("var.missing", ["", "", "region-not-resolved", "none"]),
        ("data.aws_region.here.name", ["", "", "region-not-resolved", "none"]),
        ("lookup(var.map, \"a\")", ["", "", "region-not-resolved", "none"]),
        ("\"eu-moon-1\"", ["eu-moon-1", "", "region-not-known", "literal"]),
    ];
    for (expression, expected) in cases {
        let text = format!("provider \"aws\" {{\n  region = {expression}\n}}\n");
        let all = observe(&[("main.tf", &text), ("names.tf", names)]);
        assert_eq!(said(&all, "provider.aws", "provider"), [expected.map(str::to_owned)], "{expression}");
        let it = one(&all, "placement", "provider.aws");
        assert_eq!(anchored(it, &text, "value"), expression);
        assert_eq!(it.attributes["resolved"], Value::Bool(expected[2].is_empty()));
        assert_eq!(it.attributes["global"], Value::Bool(false));
    }
    let all = observe(&[
        ("main.tf", "provider \"aws\" {\n  region = var.region\n}\n"),
        ("names.tf", names),
        ("terraform.tfvars", "region = \"ca-central-1\"\n"),
    ]);
    assert_eq!(said(&all, "provider.aws", "provider"), [["ca-central-1", "ca", "", "tfvars"].map(str::to_owned)]);
}

#[test]
fn a_provider_without_a_region_takes_it_from_the_environment() {
    let unresolved = ["", "", "region-from-environment", "none"].map(str::to_owned);
    let all = observe(&[("main.tf", "provider \"aws\" {}\n")]);
    assert_eq!(said(&all, "provider.aws", "provider"), std::slice::from_ref(&unresolved));
    let all = observe(&[("a/main.tf", "resource \"aws_sns_topic\" \"a\" {}\nresource \"aws_sns_topic\" \"b\" {}\n")]);
    assert_eq!(said(&all, "provider.aws", "provider"), [unresolved]);
}

#[test]
fn a_resource_of_an_aliased_provider_has_no_placement_of_its_own() {
    let text = "provider \"aws\" {\n  alias = \"us\"\n  region = \"us-east-1\"\n}\nresource \"aws_sns_topic\" \"t\" {\n  provider = aws.us\n}\n";
    let all = observe(&[("main.tf", text)]);
    assert_eq!(said(&all, "provider.aws.us", "provider").len(), 1);
    assert_eq!(of(&all, "placement").len(), 1);
}

#[test]
fn what_names_a_region_is_placed_there() {
    let text = r#"
provider "aws" {
  region = "eu-west-1"
}
provider "aws" {
  alias  = "far"
  region = "us-west-2"
}
resource "aws_sqs_queue" "q" {
  region = "ap-northeast-1"
}
resource "aws_dynamodb_table" "t" {
  replica {
    region_name = "eu-north-1"
  }
  replica {
    region_name = var.missing
  }
}
resource "aws_ebs_volume" "v" {
  availability_zone = "us-east-1-bue-1a"
}
resource "aws_rds_cluster" "c" {
  availability_zones = ["eu-west-1a", "eu-west-1b"]
}
resource "aws_subnet" "s" {
  availability_zone = data.aws_availability_zones.all.names[0]
}
resource "aws_s3_bucket" "far" {
  provider = aws.far
  bucket   = "far"
}
resource "aws_s3_bucket_replication_configuration" "r" {
  rule {
    destination {
      bucket = aws_s3_bucket.far.arn
    }
  }
  rule {
    destination {
      bucket = "arn:aws:s3:::far"
    }
  }
  rule {
    destination {
      bucket = "arn:aws:s3:::unheard-of"
    }
  }
}
resource "aws_backup_plan" "p" {
  rule {
    copy_action {
      destination_vault_arn = "arn:aws:backup:sa-east-1:1:backup-vault:x"
    }
  }
}
resource "aws_kms_replica_key" "k" {
  provider = aws.far
}
resource "aws_db_instance_automated_backups_replication" "b" {
  provider = aws.far
}
resource "aws_cloudfront_distribution" "d" {
  restrictions {
    geo_restriction {
      restriction_type = "whitelist"
      locations        = ["DE"]
    }
  }
}
resource "aws_globalaccelerator_accelerator" "g" {}
"#;
    let all = observe(&[("main.tf", text)]);
    let regions = |address: &str, what: &str| -> Vec<String> {
        said(&all, address, what)
            .into_iter()
            .map(|[r, j, reason, _]| format!("{r} {j} {reason}").trim().to_owned())
            .collect()
    };
    assert_eq!(regions("aws_sqs_queue.q", "resource"), ["ap-northeast-1 jp"]);
    assert_eq!(regions("aws_dynamodb_table.t", "replica"), ["eu-north-1 eu", "region-not-resolved"]);
    assert_eq!(regions("aws_ebs_volume.v", "zone"), ["us-east-1 ar"]);
    assert_eq!(regions("aws_rds_cluster.c", "zone"), ["eu-west-1 eu"]);
    assert!(regions("aws_subnet.s", "zone").is_empty());
    let mut replicas = regions("aws_s3_bucket_replication_configuration.r", "replica");
    replicas.sort();
    assert_eq!(replicas, ["region-not-resolved", "us-west-2 us", "us-west-2 us"]);
    assert_eq!(regions("aws_backup_plan.p", "backup"), ["sa-east-1 br"]);
    assert_eq!(regions("aws_kms_replica_key.k", "replica"), ["us-west-2 us"]);
    assert_eq!(regions("aws_db_instance_automated_backups_replication.b", "backup"), ["us-west-2 us"]);
    assert_eq!(regions("aws_cloudfront_distribution.d", "resource"), ["geo-whitelist"]);
    assert_eq!(regions("aws_globalaccelerator_accelerator.g", "resource"), ["no-geo-restriction"]);
    assert_eq!(one(&all, "placement", "aws_cloudfront_distribution.d").attributes["global"], Value::Bool(true));
}

#[test]
fn a_module_gets_the_provider_that_its_caller_passes() {
    let root = r#"
provider "aws" {
  region = "eu-west-1"
}
provider "aws" {
  alias  = "far"
  region = "us-west-2"
}
module "near" {
  source = "./m"
}
module "far" {
  source    = "./m"
  providers = { aws = aws.far }
}
"#;
    let all = observe(&[("main.tf", root), ("m/main.tf", "resource \"aws_ebs_snapshot_copy\" \"c\" {}\n")]);
    assert_eq!(said(&all, "module.near.aws_ebs_snapshot_copy.c", "backup")[0][0], "eu-west-1");
    assert_eq!(said(&all, "module.far.aws_ebs_snapshot_copy.c", "backup")[0][0], "us-west-2");
    assert_eq!(of(&all, "placement").len(), 4);
}

#[test]
fn every_region_has_a_jurisdiction_and_only_the_union_is_eu() {
    let knowledge = &super::pack().knowledge;
    let aws = knowledge.regions_of(&knowledge.providers["aws"].rule).expect("its regions ship");
    for (region, jurisdiction) in [
        ("eu-west-2", "uk"),
        ("eu-central-2", "ch"),
        ("eu-west-1", "eu"),
        ("eu-south-2", "eu"),
        ("us-gov-west-1", "us"),
        ("ca-west-1", "ca"),
        ("il-central-1", "il"),
    ] {
        assert_eq!(aws.of_region(region), Some((region, jurisdiction)), "{region}");
    }
    assert_eq!(aws.of_region("eu-west-9"), None);
    for (zone, expected) in [
        ("eu-west-1a", Some(("eu-west-1", "eu"))),
        ("us-west-2-lax-1a", Some(("us-west-2", "us"))),
        ("us-east-1-lim-1a", Some(("us-east-1", "pe"))),
        ("eu-central-2c", Some(("eu-central-2", "ch"))),
        ("eu-west-11", None),
        ("euw1-az1", None),
        ("", None),
    ] {
        assert_eq!(aws.of_zone(zone), expected, "{zone}");
    }
}
