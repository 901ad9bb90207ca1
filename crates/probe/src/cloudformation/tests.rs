//! Tests of the whole pack: templates in, observations out, with the facts that ship.

use super::CloudformationPack;
use crate::class::class_of;
use crate::pack::Pack;
use ligase_domain::{Digest, FileObservations, LookKey, LookedFile, Observation, Oid, RepoPath};
use std::sync::{Arc, OnceLock};

fn pack() -> &'static CloudformationPack {
    static PACK: OnceLock<CloudformationPack> = OnceLock::new();
    PACK.get_or_init(|| CloudformationPack::load(&ligase_catalog::shipped()).unwrap_or_else(|e| panic!("{e:#?}")))
}

fn observe(files: &[(&str, &str)]) -> Vec<Observation> {
    let looked = |(path, text): &(&str, &str)| {
        let path = RepoPath::from(*path);
        let class = class_of(&path);
        let blob = Oid::Sha256(*Digest::of(text.as_bytes()).as_bytes());
        let seen = pack().look(&class, text).expect("a template is never an error");
        LookedFile {
            path,
            key: LookKey { blob, class, pack: Digest::of(b"pack") },
            observations: Arc::new(FileObservations { seen, skipped: None }),
        }
    };
    let files: Vec<LookedFile> = files.iter().map(looked).collect();
    pack().link(&files.iter().collect::<Vec<_>>())
}

fn said<'o, const N: usize>(all: &'o [Observation], kind: &str, names: [&str; N]) -> Vec<[&'o str; N]> {
    let of = all.iter().filter(|o| o.kind == kind);
    of.map(|o| names.map(|n| o.text(n).unwrap_or("(absent)"))).collect()
}

const STORAGE: [&str; 3] = ["address", "encrypted", "reason"];

#[test]
fn what_is_no_template_shows_nothing() {
    for text in [
        "a: 1\n",
        "apiVersion: v1\nkind: Service\nResources: {}\n# AWS::S3::Bucket\n",
        "{ \"Resources\": [\"AWS::\"] }",
        "Resources: {{ AWS::S3::Bucket }}\n",
        "",
    ] {
        assert!(observe(&[("x.yaml", text)]).is_empty(), "{text}");
    }
    let broken = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n\tx: [\n";
    assert_eq!(said(&observe(&[("x.yaml", broken)]), "unmodelled", ["of"]), [["placement"], ["storage"]]);
}

#[test]
fn conditions_mappings_and_parameters_are_followed() {
    let text = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Key: { Type: String, Default: "" }
  Stage: { Type: String, Default: prod }
  Stored: { Type: "AWS::SSM::Parameter::Value<String>", Default: /db/encrypted }
  Password: { Type: String, NoEcho: true, Default: hunter2 }
Mappings:
  Stages:
    prod: { Encrypt: true }
    dev: { Encrypt: false }
Conditions:
  HasKey: !Not [!Equals [!Ref Key, ""]]
  IsProd: !Equals [!Ref Stage, prod]
  Both: !And [!Condition HasKey, !Condition IsProd]
Resources:
  ByMapping:
    Type: AWS::RDS::DBInstance
    Properties: { StorageEncrypted: !FindInMap [Stages, !Ref Stage, Encrypt], MasterUserPassword: !Ref Password }
  ByCondition:
    Type: AWS::EFS::FileSystem
    Properties:
      Encrypted: !If [HasKey, true, !Ref "AWS::NoValue"]
  ByBoth:
    Type: AWS::EFS::FileSystem
    Properties:
      Encrypted: { "Fn::If": [Both, true, false] }
  ByStore:
    Type: AWS::EFS::FileSystem
    Properties: { Encrypted: !Ref Stored }
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      KmsMasterKeyId: !If [IsProd, !ImportValue topics-key, !Ref AWS::NoValue]
  Plain:
    Type: AWS::SNS::Topic
"#;
    let all = observe(&[("stack.yaml", text)]);
    assert_eq!(
        said(&all, "storage", STORAGE),
        [
            ["AWS::RDS::DBInstance.ByMapping", "yes", ""],
            ["AWS::EFS::FileSystem.ByCondition", "no", ""],
            ["AWS::EFS::FileSystem.ByBoth", "no", ""],
            ["AWS::EFS::FileSystem.ByStore", "unknown", "setting-not-resolved"],
            ["AWS::SNS::Topic.Topic", "unknown", "setting-not-resolved"],
            ["AWS::SNS::Topic.Plain", "no", ""],
        ]
    );
    assert_eq!(said(&all, "placement", ["address", "reason"]), [["stack", "region-of-the-deployment"]]);
    assert!(!format!("{all:?}").contains("hunter2"));
}

#[test]
fn json_and_parts_and_clusters() {
    let text = r#"{
  "Resources": {
    "Cluster": { "Type": "AWS::RDS::DBCluster", "Properties": { "Engine": "aurora-mysql", "StorageEncrypted": "true" } },
    "One": { "Type": "AWS::RDS::DBInstance", "Properties": { "DBClusterIdentifier": { "Ref": "Cluster" } } },
    "Host": { "Type": "AWS::EC2::Instance", "Properties": { "BlockDeviceMappings": [
      { "DeviceName": "/dev/sda1", "Ebs": { "Encrypted": true } },
      { "DeviceName": "/dev/sdb", "Ebs": { "VolumeSize": 8 } }
    ], "AvailabilityZone": "us-east-1b" } }
  }
}"#;
    let all = observe(&[("stack.json", text)]);
    assert_eq!(
        said(&all, "storage", STORAGE),
        [
            ["AWS::RDS::DBCluster.Cluster", "yes", ""],
            ["AWS::RDS::DBInstance.One", "yes", "inherited"],
            ["AWS::EC2::Instance.Host.BlockDeviceMappings.Ebs[\"/dev/sda1\"]", "yes", ""],
            ["AWS::EC2::Instance.Host.BlockDeviceMappings.Ebs[\"/dev/sdb\"]", "no", ""],
        ]
    );
    let zones = said(&all, "placement", ["what", "region"]);
    assert!(zones.contains(&["zone", "us-east-1"]), "{zones:?}");
}

#[test]
fn a_nested_stack_takes_what_it_is_passed() {
    let root = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Data:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: ./nested/data.yaml\n      Parameters:\n        Encrypt: 'true'\n        Region: eu-west-3\n";
    let nested = "AWSTemplateFormatVersion: '2010-09-09'\nParameters:\n  Encrypt: { Type: String, Default: 'false' }\n  Region: { Type: String }\nResources:\n  Files:\n    Type: AWS::EFS::FileSystem\n    Properties:\n      Encrypted: !Ref Encrypt\n  People:\n    Type: AWS::DynamoDB::GlobalTable\n    Properties:\n      Replicas:\n        - Region: !Ref Region\n        - Region: us-west-2\n";
    let all = observe(&[("infra/root.yaml", root), ("infra/nested/data.yaml", nested)]);
    let storage = said(&all, "storage", STORAGE);
    assert!(storage.contains(&["module.Data.AWS::EFS::FileSystem.Files", "yes", ""]), "{storage:?}");
    let replicas: Vec<_> =
        said(&all, "placement", ["what", "region"]).into_iter().filter(|r| r[0] == "replica").collect();
    assert_eq!(replicas, [["replica", "eu-west-3"], ["replica", "us-west-2"]]);
    let alone = observe(&[("nested/data.yaml", nested)]);
    assert!(said(&alone, "storage", STORAGE).contains(&["AWS::EFS::FileSystem.Files", "no", ""]));
}

#[test]
fn anchors_are_where_an_edit_goes() {
    let text = "Resources:\n  Files:\n    Type: AWS::EFS::FileSystem\n    Properties:\n      PerformanceMode: maxIO # fast\n\n  Off:\n    Type: AWS::EFS::FileSystem\n    Properties:\n      Encrypted: false\n";
    let all = observe(&[("t.yaml", text)]);
    let [files, off] = &all.iter().filter(|o| o.kind == "storage").collect::<Vec<_>>()[..] else { panic!("{all:#?}") };
    let slice = |o: &Observation, name: &str| {
        let span = o.anchors[name];
        text[span.start as usize..span.end as usize].to_owned()
    };
    assert_eq!(slice(files, "block"), "PerformanceMode: maxIO");
    assert_eq!(slice(off, "value"), "false");
    assert_eq!(slice(off, "setting"), "Encrypted: false");
}
