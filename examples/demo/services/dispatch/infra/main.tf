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

resource "aws_kms_key" "dispatch" {
  description         = "Dispatch"
  enable_key_rotation = true
}

resource "aws_sqs_queue" "calls" {
  name                    = "dispatch-calls"
  sqs_managed_sse_enabled = false
}

resource "aws_sqs_queue" "positions" {
  name                    = "dispatch-positions"
  sqs_managed_sse_enabled = true
}

resource "aws_ebs_volume" "recordings" {
  availability_zone = "eu-west-1a"
  size              = 200
  encrypted         = true
  kms_key_id        = aws_kms_key.dispatch.arn
}
