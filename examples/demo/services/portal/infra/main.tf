terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

resource "aws_db_instance" "portal" {
  identifier                  = "portal"
  engine                      = "postgres"
  instance_class              = "db.t4g.large"
  allocated_storage           = 80
  username                    = "portal"
  manage_master_user_password = true
}

resource "aws_db_instance" "audit" {
  identifier                  = "portal-audit"
  engine                      = "postgres"
  instance_class              = "db.t4g.small"
  allocated_storage           = 20
  username                    = "audit"
  manage_master_user_password = true
  storage_encrypted           = true
}

resource "aws_s3_bucket" "letters" {
  bucket = "meridian-portal-letters"
}
