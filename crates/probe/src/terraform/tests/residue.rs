//! Listeners, stacks, and what nobody modelled.

use super::{observe, of, one, texts};
use ligase_domain::Value;

#[test]
fn listeners_are_public_unless_they_say_otherwise() {
    let cases = [
        ("aws_lb", "", "yes"),
        ("aws_lb", "internal = true", "no"),
        ("aws_alb", "internal = false", "yes"),
        ("aws_lb", "internal = var.missing", "unknown"),
        ("aws_api_gateway_rest_api", "", "yes"),
        ("aws_api_gateway_rest_api", "endpoint_configuration {\n types = [\"PRIVATE\"]\n}", "no"),
        ("aws_api_gateway_rest_api", "endpoint_configuration {\n types = [\"REGIONAL\"]\n}", "yes"),
        ("aws_lambda_function_url", "authorization_type = \"NONE\"", "yes"),
        ("aws_lambda_function_url", "authorization_type = \"AWS_IAM\"", "no"),
    ];
    for (kind, body, public) in cases {
        let all = observe(&[("main.tf", &format!("resource \"{kind}\" \"l\" {{\n{body}\n}}\n"))]);
        let it = one(&all, "listener", &format!("{kind}.l"));
        assert_eq!(it.text("public"), Some(public), "{kind} {body}");
        assert!(it.anchors.contains_key("block"));
    }
}

#[test]
fn stacks_are_named_and_those_of_other_clouds_are_not_modelled() {
    let all = observe(&[(
        "main.tf",
        "resource \"aws_sns_topic\" \"t\" {}\nresource \"azurerm_storage_account\" \"a\" {}\nprovider \"oci\" {}\nresource \"oci_core_volume\" \"u\" {}\nresource \"random_id\" \"r\" {}\n",
    )]);
    let stacks: Vec<_> =
        of(&all, "stack").into_iter().map(|o| (o.text("name").unwrap(), o.attributes["modelled"].clone())).collect();
    assert_eq!(stacks.len(), 3);
    for (name, modelled) in [("terraform-aws", true), ("terraform-azure", true), ("terraform-oci", false)] {
        assert!(stacks.contains(&(name, Value::Bool(modelled))), "{name}");
    }
    let mut residue: Vec<_> =
        of(&all, "unmodelled").into_iter().map(|o| texts(o, ["of", "looks_like", "where"])).collect();
    residue.sort();
    assert_eq!(
        residue,
        [["placement", "terraform-oci", "provider.oci"], ["storage", "oci_core_volume", "oci_core_volume.u"],]
    );
}

#[test]
fn what_looks_like_a_store_and_is_not_known_is_said() {
    let looks = |kind: &str| {
        let all = observe(&[("main.tf", &format!("resource \"{kind}\" \"x\" {{}}\n"))]);
        let found = of(&all, "unmodelled")
            .iter()
            .any(|o| o.text("of") == Some("storage") && o.text("looks_like") == Some(kind));
        assert!(!found || of(&all, "storage").is_empty(), "{kind} is both");
        found
    };
    for kind in [
        "aws_lightsail_database",
        "aws_emr_cluster",
        "aws_lightsail_bucket",
        "aws_new_volume",
        "google_new_database",
        "azurerm_new_disk",
        "oci_objectstorage_bucket",
    ] {
        assert!(looks(kind), "{kind}");
    }
    for kind in [
        "aws_db_subnet_group",
        "aws_s3_bucket_policy",
        "aws_route_table",
        "aws_ecs_cluster",
        "aws_db_instance",
        "aws_volume_attachment",
        "aws_rds_cluster_parameter_group",
        "google_storage_bucket_iam_member",
        "google_storage_bucket",
        "azurerm_mssql_database",
        "azurerm_route_table",
        "null_bucket",
        "aws_iam_role",
    ] {
        assert!(!looks(kind), "{kind}");
    }
}

#[test]
fn modules_from_elsewhere_may_store_and_place() {
    let text = "module \"rds\" {\n  source = \"terraform-aws-modules/rds/aws\"\n  version = \"6.0\"\n}\nmodule \"gone\" {\n  source = \"./not-here\"\n}\nmodule \"out\" {\n  source = \"../../up\"\n}\nmodule \"label\" {\n  source = \"cloudposse/label/null\"\n}\nmodule \"git\" {\n  source = \"git::https://me:pw@example.org/m.git?ref=1\"\n}\n";
    let all = observe(&[("envs/main.tf", text)]);
    let mut found: Vec<_> =
        of(&all, "unmodelled").into_iter().map(|o| texts(o, ["of", "looks_like", "where"])).collect();
    found.sort();
    assert_eq!(
        found,
        [
            ["placement", "../../up", "module.out"],
            ["placement", "./not-here", "module.gone"],
            ["placement", "git::https://example.org/m.git", "module.git"],
            ["placement", "terraform-aws-modules/rds/aws", "module.rds"],
            ["storage", "../../up", "module.out"],
            ["storage", "./not-here", "module.gone"],
            ["storage", "git::https://example.org/m.git", "module.git"],
            ["storage", "terraform-aws-modules/rds/aws", "module.rds"],
        ]
    );
}
