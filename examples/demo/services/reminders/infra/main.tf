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
  region = "eu-west-1"
}

resource "aws_kms_key" "reminders" {
  description         = "Reminders"
  enable_key_rotation = true
}

resource "aws_sqs_queue" "outbox" {
  name                       = "reminders-outbox"
  visibility_timeout_seconds = 90
  sqs_managed_sse_enabled    = false
}

resource "aws_sqs_queue" "reports" {
  name              = "reminders-reports"
  kms_master_key_id = aws_kms_key.reminders.id
}

resource "aws_dynamodb_table" "plan" {
  name         = "reminders-plan"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}
