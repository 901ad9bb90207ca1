//! Values that come from elsewhere: variables, tfvars, locals, modules of the same repository.

use super::{observe, of, one, texts};

const DB: &str = "resource \"aws_db_instance\" \"db\" {\n  storage_encrypted = var.encrypted\n}\n";

fn variable(default: &str) -> String {
    format!("variable \"encrypted\" {{\n  type = bool\n{default}}}\n")
}

#[test]
fn variables_are_resolved_by_default_and_tfvars() {
    let (on, off, bare) = (variable("  default = true\n"), variable("  default = false\n"), variable(""));
    let yes = "encrypted = true\n";
    let no = "encrypted = false\n";
    // (files beside main.tf, encrypted)
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("a/variables.tf", &on)], "yes"),
        (&[("a/variables.tf", &off)], "no"),
        (&[("a/variables.tf", &bare)], "unknown"),
        (&[], "unknown"),
        (&[("b/variables.tf", &on)], "unknown"),
        (&[("a/variables.tf", &off), ("a/terraform.tfvars", yes)], "yes"),
        (&[("a/variables.tf", &bare), ("a/x.auto.tfvars", yes)], "yes"),
        (&[("a/variables.tf", &on), ("a/terraform.tfvars", yes), ("a/a.auto.tfvars", no)], "no"),
        (&[("a/variables.tf", &on), ("a/a.auto.tfvars", yes), ("a/b.auto.tfvars", no)], "no"),
        (&[("a/variables.tf", &off), ("b/terraform.tfvars", yes)], "no"),
        // Passed by hand: the same value changes nothing, another one leaves it open which of the two is run.
        (&[("a/variables.tf", &on), ("a/prod.tfvars", yes)], "yes"),
        (&[("a/variables.tf", &on), ("a/prod.tfvars", no)], "unknown"),
        (&[("a/variables.tf", &on), ("a/environments/prod.tfvars", no)], "unknown"),
    ];
    for (files, encrypted) in cases {
        let all: Vec<(&str, &str)> = [("a/main.tf", DB)].into_iter().chain(files.iter().copied()).collect();
        let all = observe(&all);
        assert_eq!(one(&all, "storage", "aws_db_instance.db").text("encrypted"), Some(*encrypted), "{files:?}");
    }
}

#[test]
fn locals_objects_templates_and_chains_are_followed_and_cycles_end() {
    let cases = [
        ("local.on", "yes"),
        ("local.chain", "yes"),
        ("local.settings.database.encrypted", "yes"),
        ("local.settings[\"database\"].encrypted", "yes"),
        ("local.list[1]", "yes"),
        ("var.settings.encrypted", "no"),
        ("\"${local.on}\"", "yes"),
        ("local.ring", "unknown"),
        ("local.settings[var.which].encrypted", "unknown"),
        ("local.nowhere", "unknown"),
        ("local.doubling", "unknown"),
    ];
    let mut doubling = String::from("  d0 = \"aaaaaaaaaaaaaaaa\"\n");
    for n in 1..40 {
        doubling += &format!("  d{n} = \"${{local.d{}}}${{local.d{}}}\"\n", n - 1, n - 1);
    }
    let locals = format!(
        "locals {{\n  on = true\n  chain = local.link\n  link = local.on\n  ring = local.gnir\n  gnir = local.ring\n  list = [false, \
         true]\n  settings = {{\n    database = {{ encrypted = true }}\n  }}\n{doubling}  doubling = local.d39\n}}\nvariable \
         \"settings\" {{\n  default = {{\n    encrypted = false\n  }}\n}}\n"
    );
    for (expression, encrypted) in cases {
        let text = format!("resource \"aws_db_instance\" \"db\" {{\n  storage_encrypted = {expression}\n}}\n");
        let all = observe(&[("main.tf", &text), ("locals.tf", &locals)]);
        assert_eq!(one(&all, "storage", "aws_db_instance.db").text("encrypted"), Some(encrypted), "{expression}");
    }
}

#[test]
fn a_module_is_observed_once_for_each_caller() {
    let module = [("modules/db/main.tf", DB.to_owned()), ("modules/db/variables.tf", variable("  default = true\n"))];
    let root = r#"
variable "staging" {
  default = false
}
module "prod" {
  source = "./modules/db"
}
module "staging" {
  source    = "./modules/db/"
  encrypted = var.staging
}
module "open" {
  source    = "./modules/db"
  encrypted = module.prod.nothing
}
"#;
    let all = observe(&[("main.tf", root), (module[0].0, &module[0].1), (module[1].0, &module[1].1)]);
    let said = |name: &str| one(&all, "storage", &format!("module.{name}.aws_db_instance.db"));
    assert_eq!(said("prod").text("encrypted"), Some("yes"));
    assert_eq!(said("staging").text("encrypted"), Some("no"));
    assert_eq!(said("open").text("encrypted"), Some("unknown"));
    assert_eq!(of(&all, "storage").len(), 3);
    for name in ["prod", "staging"] {
        let it = said(name);
        assert_eq!(it.place.path, "modules/db/main.tf".into());
        assert!(it.sources.len() >= 2, "the caller's file is a source");
    }
    assert!(of(&all, "unmodelled").is_empty());
}

#[test]
fn modules_nest_and_outputs_come_back() {
    let all = observe(&[
        ("envs/prod/main.tf", "module \"app\" {\n  source = \"../../modules/app\"\n  on = true\n}\n"),
        (
            "modules/app/main.tf",
            "variable \"on\" {}\nmodule \"db\" {\n  source = \"../db\"\n  encrypted = var.on\n}\nresource \"aws_sns_topic\" \"t\" {\n  kms_master_key_id = module.db.key\n}\nresource \"aws_s3_bucket_server_side_encryption_configuration\" \"s\" {\n  bucket = module.db.bucket\n  rule {\n    apply_server_side_encryption_by_default {\n      sse_algorithm = \"AES256\"\n    }\n  }\n}\n",
        ),
        ("modules/db/main.tf", DB),
        (
            "modules/db/rest.tf",
            "variable \"encrypted\" {}\nresource \"aws_s3_bucket\" \"b\" {}\noutput \"key\" {\n  value = \"alias/records\"\n}\noutput \"bucket\" {\n  value = aws_s3_bucket.b.id\n}\n",
        ),
    ]);
    assert_eq!(one(&all, "storage", "module.app.module.db.aws_db_instance.db").text("encrypted"), Some("yes"));
    assert_eq!(texts(one(&all, "storage", "module.app.aws_sns_topic.t"), ["encrypted", "key"]), ["yes", "customer"]);
    assert_eq!(one(&all, "storage", "module.app.module.db.aws_s3_bucket.b").text("encrypted"), Some("yes"));
}

#[test]
fn an_example_that_calls_a_module_does_not_speak_for_it() {
    let example = "module \"db\" {\n  source = \"../..\"\n  encrypted = false\n}\n";
    let on = variable("  default = true\n");
    let all = observe(&[("main.tf", DB), ("variables.tf", &on), ("examples/simple/main.tf", example)]);
    let found: Vec<_> = of(&all, "storage").into_iter().map(|o| texts(o, ["address", "encrypted"])).collect();
    assert_eq!(found, [["aws_db_instance.db", "yes"]]);
}

#[test]
fn modules_that_call_each_other_end_and_say_so() {
    let all = observe(&[
        ("a/main.tf", "module \"b\" {\n  source = \"../b\"\n}\nresource \"aws_sns_topic\" \"t\" {}\n"),
        ("b/main.tf", "module \"a\" {\n  source = \"../a\"\n}\nmodule \"me\" {\n  source = \"./\"\n}\n"),
    ]);
    assert_eq!(of(&all, "storage").len(), 1);
    let cut: Vec<_> = of(&all, "unmodelled").into_iter().filter_map(|o| o.text("where")).collect();
    assert!(cut.contains(&"module.b.module.a") && cut.contains(&"module.b.module.me"), "{cut:?}");
}

#[test]
fn calls_that_double_with_each_level_are_bounded_and_said() {
    let mut files = vec![("m0/main.tf".to_owned(), "resource \"aws_sns_topic\" \"t\" {}\n".to_owned())];
    for n in 1..24 {
        let call = |name: &str| format!("module \"{name}\" {{\n  source = \"../m{}\"\n}}\n", n - 1);
        files.push((format!("m{n}/main.tf"), call("a") + &call("b")));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let all = observe(&files);
    assert!(of(&all, "unmodelled").iter().any(|o| o.text("looks_like") == Some("module-cycle-or-too-many")));
    assert!(all.len() < 20_000, "{}", all.len());
}
